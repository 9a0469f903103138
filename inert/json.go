package inert

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON is encoded JSON of the same meaning in which no character is invisible, reorders others or starts a CI system's
// command. Such characters, and two "#" in a row, occur inside strings alone, where an escape means the same.
func JSON(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/16)
	for i, size := 0, 0; i < len(b); i += size {
		var r rune
		r, size = utf8.DecodeRune(b[i:])
		switch {
		case r == '#' && i > 0 && b[i-1] == '#', r == 0x7f, r > 0x7f && r <= 0xffff && !IsVisible(r):
			out = fmt.Appendf(out, `\u%04x`, r)
		case r > 0xffff && !IsVisible(r):
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = append(out, b[i:i+size]...)
		}
	}
	return out
}
