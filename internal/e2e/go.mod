module github.com/remit-sh/remit/internal/e2e

go 1.26.0

replace (
	github.com/remit-sh/remit => ../..
	github.com/remit-sh/remit/internal/githubdouble => ../githubdouble
)

require (
	github.com/go-json-experiment/json v1.27.2
	github.com/remit-sh/remit v0.0.0
	github.com/remit-sh/remit/internal/githubdouble v0.0.0
)

require (
	github.com/getkin/kin-openapi v0.152.0 // indirect
	github.com/go-openapi/jsonpointer v0.22.5 // indirect
	github.com/go-openapi/swag/jsonname v0.25.5 // indirect
	github.com/oasdiff/yaml v0.1.1 // indirect
	github.com/oasdiff/yaml3 v0.0.14 // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // indirect
	github.com/stretchr/testify v1.12.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)
