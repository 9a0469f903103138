package gitobject

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/remit-sh/remit/inert"
)

// What can be wrong with an object, for errors.Is.
var (
	ErrTooLarge        = errors.New("too large")
	ErrNUL             = errors.New("NUL byte")
	ErrHeader          = errors.New("malformed header")
	ErrIdent           = errors.New("malformed identity")
	ErrTwoSignatures   = errors.New("two signatures")
	ErrSignatureHeader = errors.New("malformed signature header")
)

// FormatError says why an object is not read. Detail is safe to show: what it quotes of the
// object is in ASCII and cut short.
type FormatError struct {
	Object string // "commit" or "tag"
	Line   int    // line of the object, from 1; 0 where it is the whole object
	Err    error  // one of the Err variables of this package
	Detail string
}

func (e *FormatError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("reading a %s: %v: %s", e.Object, e.Err, e.Detail)
	}
	return fmt.Sprintf("reading a %s, line %d: %v: %s", e.Object, e.Line, e.Err, e.Detail)
}

func (e *FormatError) Unwrap() error { return e.Err }

// open does what every object needs first. The headers end in a newline each.
func open(object string, raw []byte, limit int) (head, message string, err error) {
	if len(raw) > limit {
		return "", "", &FormatError{Object: object, Err: ErrTooLarge, Detail: fmt.Sprintf("%d bytes, at most %d are read", len(raw), limit)}
	}
	if bytes.IndexByte(raw, 0) >= 0 {
		return "", "", &FormatError{Object: object, Err: ErrNUL, Detail: "git would not read what follows it"}
	}
	s := string(raw) // one copy, which every string of the result shares
	n := strings.Index(s, "\n\n")
	if n < 0 {
		return "", "", &FormatError{Object: object, Err: ErrHeader, Detail: "no blank line ends the headers"}
	}
	return s[:n+1], s[n+2:], nil
}

// lines walks over an object's headers.
type lines struct {
	object string
	rest   string
	pos    int // offset of rest in the object
	n      int // number of the last line returned
}

// more returns the next line without its newline. Inside the headers no line is empty, except
// when the object starts with a newline.
func (l *lines) more() (string, bool) {
	i := strings.IndexByte(l.rest, '\n')
	if i < 0 {
		return "", false
	}
	line := l.rest[:i]
	l.rest = l.rest[i+1:]
	l.pos += i + 1
	l.n++
	return line, true
}

// next is more for a header that must be there: after the last line it returns an empty one,
// which is no header.
func (l *lines) next() string { line, _ := l.more(); return line }

func (l *lines) fail(kind error, format string, args ...any) error {
	return &FormatError{Object: l.object, Line: l.n, Err: kind, Detail: fmt.Sprintf(format, args...)}
}

// ident reads a line such as "author Alice <alice@example.com> 1795356000 +0100".
func (l *lines) ident(header, line string) (Ident, error) {
	value, ok := strings.CutPrefix(line, header)
	if !ok || !strings.HasPrefix(value, " ") {
		return Ident{}, l.fail(ErrHeader, "expected the %s header, not %s", header, inert.Quote(line))
	}
	value = value[1:]
	for i := range len(value) {
		if value[i] < 0x20 || value[i] == 0x7f {
			return Ident{}, l.fail(ErrIdent, "a control character in %s", inert.Quote(value))
		}
	}
	open, end := strings.IndexByte(value, '<'), strings.IndexByte(value, '>')
	if open < 1 || value[open-1] != ' ' || end < open || strings.IndexByte(value[open+1:end], '<') >= 0 {
		return Ident{}, l.fail(ErrIdent, "%s is not a name, a space and one address in <>", inert.Quote(value))
	}
	when, ok := parseWhen(value[end+1:])
	if !ok {
		return Ident{}, l.fail(ErrIdent, "%s does not end in seconds since 1970 and a time zone", inert.Quote(value))
	}
	return Ident{Name: value[:open-1], Email: value[open+1 : end], When: when}, nil
}

// maxSeconds is the end of the year 9999, the last that RFC 3339 can write.
const maxSeconds = 253402300799

// parseWhen reads " 1795356000 +0100".
func parseWhen(s string) (time.Time, bool) {
	if len(s) < len(" 0 +0000") || s[0] != ' ' {
		return time.Time{}, false
	}
	digits, zone := s[1:len(s)-6], s[len(s)-6:]
	if !isDigits(digits) || len(digits) > 12 || len(digits) > 1 && digits[0] == '0' {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || seconds > maxSeconds {
		return time.Time{}, false
	}
	if zone[0] != ' ' || zone[1] != '+' && zone[1] != '-' || !isDigits(zone[2:]) {
		return time.Time{}, false
	}
	hours, minutes := int(zone[2]-'0')*10+int(zone[3]-'0'), int(zone[4]-'0')*10+int(zone[5]-'0')
	if hours > 14 || minutes > 59 {
		return time.Time{}, false
	}
	t := time.Unix(seconds, 0)
	offset := (hours*60 + minutes) * 60
	if offset == 0 {
		return t.UTC(), true
	}
	if zone[1] == '-' {
		offset = -offset
	}
	return t.In(time.FixedZone("", offset)), true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// validID reports whether s is a SHA-1 or SHA-256 object id in the one form that git writes.
func validID(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// validKey reports whether s can name a header: visible ASCII.
func validKey(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}
