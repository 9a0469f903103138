package inert

import (
	"fmt"
	"strings"
)

// maxQuoted is how many bytes of a text Quote and Word show: few paths and refs have more.
const maxQuoted = 200

// Quote is s in double quotes, as Go writes a string in ASCII: on one line, with an escape for whatever
// is a control character, reorders or cannot be seen, and for each quote and backslash, so that nothing
// in it closes the quotes. Two texts that differ are never quoted alike, unless they are longer than 200
// bytes: then a "…" stands behind the quotes.
func Quote[T ~string | ~[]byte](s T) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%+q", front(string(s), maxQuoted)) + mark
	}
	return fmt.Sprintf("%+q", string(s))
}

// QuoteAll is [Quote] without a limit, for what a reader consents to and must see as a whole. It is up to
// the caller that it is no longer than it may be.
func QuoteAll[T ~string | ~[]byte](s T) string { return fmt.Sprintf("%+q", string(s)) }

// Word is s as it stands where it reads as one word: plain ASCII without spaces, commas, quotes and
// backslashes. Else, and where it is empty, it is quoted as [Quote] does. What is longer than 200 bytes
// has a "…" behind.
func Word(s string) string {
	if !isWord(s) {
		return Quote(s)
	}
	if len(s) > maxQuoted {
		return s[:maxQuoted] + mark
	}
	return s
}

// WordAll is [Word] without a limit: see [QuoteAll].
func WordAll(s string) string {
	if !isWord(s) {
		return QuoteAll(s)
	}
	return s
}

func isWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\' || r == ','
	})
}

// Error is the text of a library's error, which may repeat what the library could not read: on one line,
// in ASCII, and not more than 200 characters of it.
func Error(err error) string { return ASCIIOf(err.Error(), maxQuoted) }
