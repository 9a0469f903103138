// Package browsertest looks at remit's pages in a browser, as people do: what they show, by keyboard, in the dark, on
// a small screen. It is a module of its own, so that what only these tests need stays out of go.mod.
package browsertest
