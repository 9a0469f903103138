package inert

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Lines is a text of several lines in which nothing acts on a terminal, or reorders or hides anything:
// whatever [Line] would write as an escape, but for the ends of lines, is written as a code, "<U+202E>",
// and a tab as a space. It is for text that is ours, with pieces of others' in it, each of which its
// writer has kept to one line; it is as long as it is.
func Lines(s string) string {
	shows := func(r rune) bool { return r != utf8.RuneError && (r == '\n' || IsVisible(r)) }
	if !strings.ContainsFunc(s, func(r rune) bool { return !shows(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case shows(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "<U+%04X>", r)
		}
	}
	return b.String()
}
