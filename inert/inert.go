// Package inert makes text that somebody else has written fit to be shown: on one line, bounded, and so
// that it does nothing but be read.
package inert
