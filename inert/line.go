package inert

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
)

const (
	maxLine  = 500 // how many characters Line shows
	maxMarks = 3   // combining marks on one character; scripts need up to three, stacks of more hide other lines
)

// Line is s as one line that does nothing but be read, wherever it is printed: on a terminal,
// in a job's log, in an editor.
//
// Letters, marks and symbols of any script stay as they are. These are written as escapes in the
// manner of Go's string literals (\n, \x1b, \u202e): control characters, and so newlines and the
// ANSI and OSC sequences; bytes that are not UTF-8 (\xff); characters that are invisible, such as
// zero-width joiners, variation selectors and tags; characters that reorder their neighbours, which
// are bidi controls and also the letters of scripts that run from right to left; spaces other than
// the ASCII one; combining marks without a letter, or stacked. In "##[" and "##word[", which CI
// systems obey anywhere in a line, the second "#" is escaped.
//
// A backslash stays a backslash, so that text which was made safe before is not escaped twice:
// Line(Line(s)) == Line(s). At most 500 characters are shown, the last of them "…" where s is longer.
func Line(s string) string { return line(s, maxLine, false) }

// LineOf is [Line] with another limit, in characters; it is at least three.
func LineOf(s string, limit int) string { return line(s, limit, false) }

// ASCIIOf is [LineOf] in ASCII alone: every other character is an escape, and "..." stands for the rest.
func ASCIIOf(s string, limit int) string { return line(s, limit, true) }

func line(s string, limit int, ascii bool) string {
	if len(s) <= limit && isPlain(s) {
		return s
	}
	ellipsis := mark
	if ascii {
		ellipsis = "..."
	}
	room := limit - utf8.RuneCountInString(ellipsis)

	var b strings.Builder
	shown, cut := 0, 0 // characters written; length of what fits in front of an ellipsis
	marks := maxMarks  // marks since the last letter; as many as may be, so that none opens the text
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		piece := s[i : i+size]
		isMark := unicode.Is(unicode.M, r)
		switch {
		case r == utf8.RuneError && size == 1:
			piece = fmt.Sprintf(`\x%02x`, s[i])
		case ascii && r > unicode.MaxASCII, !IsVisible(r), isMark && marks >= maxMarks:
			piece = escape(r)
		case r == '#' && opensCommand(s, i):
			piece = `\x23`
		}
		switch {
		case isMark && len(piece) == size:
			marks++
		case isMark || len(piece) != size:
			marks = maxMarks // a mark would sit on the escape
		default:
			marks = 0
		}
		shown += utf8.RuneCountInString(piece)
		if shown > limit {
			return b.String()[:cut] + ellipsis
		}
		b.WriteString(piece)
		if shown <= room {
			cut = b.Len()
		}
		i += size
	}
	return b.String()
}

// isPlain reports whether s is printable ASCII without anything that line changes.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '#' && opensCommand(s, i) {
			return false
		}
	}
	return true
}

// IsVisible reports whether r shows itself and leaves its neighbours where they are.
func IsVisible(r rune) bool {
	const brailleBlank = '\u2800' // a symbol that looks like a space
	switch {
	case r <= unicode.MaxASCII:
		return ' ' <= r && r <= '~'
	case !unicode.IsPrint(r), r == brailleBlank,
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return false
	}
	properties, _ := bidi.LookupRune(r)
	switch properties.Class() {
	case bidi.R, bidi.AL, bidi.AN:
		return false
	default:
		return true
	}
}

// escape writes one character as Go's string literals do.
func escape(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r <= unicode.MaxASCII:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	default:
		return fmt.Sprintf(`\U%08x`, r)
	}
}

// opensCommand reports whether the "#" at i is the second of "##[" or "##word[": a command to
// GitHub's runner, Azure Pipelines or TeamCity, wherever in a line it stands.
func opensCommand(s string, i int) bool {
	const longestWord = 16
	if i == 0 || s[i-1] != '#' {
		return false
	}
	for _, c := range []byte(s[i+1 : min(len(s), i+2+longestWord)]) {
		switch {
		case c == '[':
			return true
		case c|0x20 < 'a' || c|0x20 > 'z':
			return false
		}
	}
	return false
}
