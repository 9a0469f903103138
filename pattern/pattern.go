// Package pattern holds the one dialect of globs in which policies and delegations name paths,
// refs, environments and secrets, and in which they are compared with each other.
//
// A pattern and the names that it matches are divided into segments by "/":
//
//	?        one character
//	[a-z]    one character of a class; [!a-z] or [^a-z] one that is not of it
//	*        any run of characters inside a segment, none included
//	**       standing alone as a segment: any number of segments, none included
//
// A "**" at the end needs at least one segment: "src/**" matches what is inside src, not src itself.
// "**/x" matches "x", "a/**/b" matches "a/b", and a lone "**" matches every name.
// Nothing but "**" matches a "/". A name that has an empty segment ("a//b", "/a", "a/", "") is not
// well-formed, and no pattern matches it.
//
// There are no alternatives in braces and no escapes: to match "[", write "[[]".
// Matching takes at most len(pattern)*len(name) steps, whatever both look like.
package pattern

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/remit-sh/remit/inert"
)

// The limits of one pattern.
const (
	MaxLength   = 1024 // bytes
	MaxSegments = 64
)

// Pattern is a parsed pattern. The zero value matches nothing.
type Pattern struct {
	text     string
	segments []segment
}

// ParsePath reads a pattern over slash-separated paths, which are compared with case.
func ParsePath(s string) (Pattern, error) { return parse(s, s, false) }

// ParseRef reads a pattern over full ref names, which are compared with case.
// What does not begin with "refs/" is taken below "refs/heads/": "agent/**" is "refs/heads/agent/**".
func ParseRef(s string) (Pattern, error) {
	if i := strings.IndexAny(s, " ~:"); i >= 0 {
		return Pattern{}, fmt.Errorf("the pattern %s can match no ref: %q may not stand in a ref name", inert.Quote(s), s[i:i+1])
	}
	full := s
	if !strings.HasPrefix(s, "refs/") && s != "" {
		full = "refs/heads/" + s
	}
	return parse(s, full, false)
}

// ParseName reads a pattern over names that are compared without the case of ASCII letters:
// environments and secrets. Other letters are compared exactly, so that a look-alike never matches.
func ParseName(s string) (Pattern, error) { return parse(s, s, true) }

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// IsZero reports whether p is the zero value, which matches nothing.
func (p Pattern) IsZero() bool { return len(p.segments) == 0 }

// Literal returns the only name that the pattern matches, and whether there is just one.
// Where case does not count, it is the spelling of the pattern.
func (p Pattern) Literal() (string, bool) {
	parts := make([]string, len(p.segments))
	for i, s := range p.segments {
		if s.deep || s.tokens != nil {
			return "", false
		}
		parts[i] = s.literal
	}
	return strings.Join(parts, "/"), len(parts) > 0
}

// Any reports whether any of the patterns matches s. No patterns match nothing.
func Any(list []Pattern, s string) bool {
	for _, p := range list {
		if p.Match(s) {
			return true
		}
	}
	return false
}

// parse reads full, which is text with any prefix that it stands for.
func parse(text, full string, fold bool) (Pattern, error) {
	if err := check(full); err != nil {
		return Pattern{}, fmt.Errorf("the pattern %s %w", inert.Quote(text), err)
	}
	parts := strings.Split(full, "/")
	if len(parts) > MaxSegments {
		return Pattern{}, fmt.Errorf("the pattern %s has more than %d segments", inert.Quote(text), MaxSegments)
	}
	segments := make([]segment, 0, len(parts)+1)
	for i, part := range parts {
		if part == "**" {
			// Several in a row say no more than one.
			if len(segments) == 0 || !segments[len(segments)-1].deep {
				segments = append(segments, segment{deep: true})
			}
			if i == len(parts)-1 { // at the end it needs at least one segment
				segments = append(segments, segment{tokens: []token{{star: true}}})
			}
			continue
		}
		s, err := parseSegment(part, fold)
		if err != nil {
			return Pattern{}, fmt.Errorf("the pattern %s %w", inert.Quote(text), err)
		}
		segments = append(segments, s)
	}
	return Pattern{text: text, segments: segments}, nil
}

// check refuses what may stand nowhere in a pattern.
func check(s string) error {
	switch {
	case s == "":
		return errors.New("is empty")
	case len(s) > MaxLength:
		return fmt.Errorf("is longer than %d bytes", MaxLength)
	case !utf8.ValidString(s):
		return errors.New("is not UTF-8")
	case s[0] == '/' || s[len(s)-1] == '/':
		return errors.New("begins or ends with a slash: names are relative, and everything inside a folder is written folder/**")
	case strings.Contains(s, "//"):
		return errors.New("has an empty segment")
	}
	for _, r := range s {
		switch {
		case r == '{' || r == '}':
			return errors.New("has a brace: alternatives are not supported, so write one pattern for each")
		case r == '\\':
			return errors.New("has a backslash: there are no escapes; segments are divided by /, and [[] matches a bracket")
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return fmt.Errorf("has the control character U+%04X", r)
		}
	}
	return nil
}
