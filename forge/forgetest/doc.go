// Package forgetest tests package forge against a strict stand-in for GitHub, which checks each request
// and answer by GitHub's own description of its API. It is a module of its own, because nobody else
// should carry what reads that description.
package forgetest
