// Package actionlinttest compares package workflow with actionlint's parser, on the files that
// actionlint tests itself with and on our corpus. It is a module of its own, so that nobody else
// carries actionlint: what that does not know (unknown keys, x[*]) it refuses, and it has no limits,
// so it is an oracle for tests alone.
package actionlinttest
