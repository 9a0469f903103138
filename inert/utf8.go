package inert

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// UTF8 is s with each byte that is not UTF-8 written as \xff, for formats that have no such bytes.
func UTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, size := 0, 0; i < len(s); i += size {
		var r rune
		if r, size = utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
			continue
		}
		b.WriteString(s[i : i+size])
	}
	return b.String()
}
