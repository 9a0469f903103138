package inert

import "unicode/utf8"

const mark = "…" // of what was cut

// Cut is s where it has no more than n bytes, else as much of its beginning as fits into n bytes with a
// "…" behind, cut between characters. It makes nothing else safe: what has a line break keeps it. Where n
// has no room for the mark, nothing is left.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	if n < len(mark) {
		return ""
	}
	return front(s, n-len(mark)) + mark
}

// CutCharacters is [Cut] with a limit of characters, of which the mark is one.
func CutCharacters(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	end := 0
	for range n - 1 {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
	}
	return s[:end] + mark
}

// front is the beginning of s in at most n bytes, without half a character at its end.
func front(s string, n int) string {
	if len(s) <= n {
		return s
	}
	// A character has at most four bytes: what goes on for longer is no text, and is cut where it is.
	for end := n; end > n-utf8.UTFMax && end >= 0; end-- {
		if utf8.RuneStart(s[end]) {
			return s[:end]
		}
	}
	return s[:n]
}
