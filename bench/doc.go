// Package bench measures what remit costs whoever uses it: whole processes of the built program on
// repositories that real git made, next to what git itself costs for the same work in the same run.
// Machines differ, and so does their load; the ratio of two things measured in turn hardly does.
//
// Each benchmark takes its own samples, whatever b.N is, and reports medians, so that one iteration
// is enough: go test ./bench -run '^$' -bench . -benchtime 1x. Nothing fails for being slow. The
// tests here count work (programs started, bytes allocated), which no load changes.
//
// What the figures mean and what they were stands in docs/performance.md.
package bench
