// Package actiontest drives `remit action` against the double of GitHub's API and git's own HTTP
// backend. It is a module of its own so that what the double needs stays out of the program's.
package actiontest
