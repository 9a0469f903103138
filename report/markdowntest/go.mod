module github.com/remit-sh/remit/report/markdowntest

go 1.26.0

require (
	github.com/remit-sh/remit v0.0.0
	github.com/yuin/goldmark v1.8.7
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/remit-sh/remit => ../..
