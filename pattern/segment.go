package pattern

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// segment is one part of a pattern, between slashes.
type segment struct {
	deep    bool    // "**": any number of segments
	literal string  // what it matches where tokens is nil and it is not deep
	fold    bool    // literal is compared without the case of ASCII letters
	tokens  []token // otherwise
}

// token matches any run of characters, or one character of a set.
type token struct {
	star bool
	set  set
}

// set is characters: sorted, disjoint, inclusive spans.
type set []span

type span struct{ from, to rune }

// maxRune is the last character of the alphabet. Beyond Unicode it has one character for each
// byte that is not part of valid UTF-8, so that such a byte is a character of its own.
const (
	rawByte = utf8.MaxRune + 1
	maxRune = rawByte + 0xff
)

func anything() set { return set{{0, maxRune}} }

// next decodes the first character of s.
func next(s string) (r rune, size int) {
	r, size = utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size == 1 {
		r = rawByte + rune(s[0])
	}
	return r, size
}

func parseSegment(s string, fold bool) (segment, error) {
	switch {
	case s == "." || s == "..":
		return segment{}, fmt.Errorf("has the segment %q: names are never relative to a folder", s)
	case !strings.ContainsAny(s, "*?["):
		return segment{literal: s, fold: fold}, nil
	case strings.Contains(s, "**"):
		return segment{}, errors.New("has ** inside a segment: it stands for whole segments and must be alone between slashes")
	}
	var tokens []token
	for s != "" {
		r, size := next(s)
		s = s[size:]
		switch r {
		case '*':
			tokens = append(tokens, token{star: true})
		case '?':
			tokens = append(tokens, token{set: anything()})
		case '[':
			class, rest, err := parseClass(s, fold)
			if err != nil {
				return segment{}, err
			}
			tokens = append(tokens, token{set: class})
			s = rest
		default:
			tokens = append(tokens, token{set: newSet([]span{{r, r}}, fold)})
		}
	}
	return segment{tokens: tokens}, nil
}

// parseClass reads what follows a "[" and returns the rest after the "]".
func parseClass(s string, fold bool) (set, string, error) {
	inner, rest, ok := strings.Cut(s, "]")
	if !ok {
		return nil, "", errors.New("has a [ without a ] in the same segment; [[] matches a bracket")
	}
	negated := strings.HasPrefix(inner, "!") || strings.HasPrefix(inner, "^")
	if negated {
		inner = inner[1:]
	}
	if inner == "" {
		return nil, "", errors.New("has an empty class; a ] cannot stand in one")
	}
	var spans []span
	for inner != "" {
		from, size := next(inner)
		inner = inner[size:]
		to := from
		if len(inner) > 1 && inner[0] == '-' { // a dash at either end stands for itself
			to, size = next(inner[1:])
			inner = inner[1+size:]
		}
		if to < from {
			return nil, "", fmt.Errorf("has the range %q, whose ends are the wrong way round", string(from)+"-"+string(to))
		}
		if from == '[' && len(inner) > 0 && strings.ContainsRune(":.=", rune(inner[0])) {
			return nil, "", errors.New("has a named class such as [:alpha:], which is not supported; write the range, such as [a-z]")
		}
		spans = append(spans, span{from, to})
	}
	class := newSet(spans, fold)
	if negated {
		class = class.complement()
	}
	return class, rest, nil
}

// newSet sorts and joins spans, adding the other case of ASCII letters where fold is set.
func newSet(spans []span, fold bool) set {
	if fold {
		for _, s := range spans[:len(spans):len(spans)] {
			if from, to := max(s.from, 'a'), min(s.to, 'z'); from <= to {
				spans = append(spans, span{from - 'a' + 'A', to - 'a' + 'A'})
			}
			if from, to := max(s.from, 'A'), min(s.to, 'Z'); from <= to {
				spans = append(spans, span{from - 'A' + 'a', to - 'A' + 'a'})
			}
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.from - b.from) })
	out := set(spans[:1])
	for _, s := range spans[1:] {
		if last := &out[len(out)-1]; s.from <= last.to+1 {
			last.to = max(last.to, s.to)
		} else {
			out = append(out, s)
		}
	}
	return out
}

func (s set) complement() set {
	var out set
	from := rune(0)
	for _, sp := range s {
		if sp.from > from {
			out = append(out, span{from, sp.from - 1})
		}
		from = sp.to + 1
	}
	if from <= maxRune {
		out = append(out, span{from, maxRune})
	}
	return out
}

func (s set) has(r rune) bool {
	for _, sp := range s {
		if r <= sp.to {
			return r >= sp.from
		}
	}
	return false
}

// covers reports whether every character of t is one of s.
func (s set) covers(t set) bool {
	for _, b := range t {
		if !slices.ContainsFunc(s, func(a span) bool { return a.from <= b.from && b.to <= a.to }) {
			return false
		}
	}
	return true
}

// meets reports whether s and t share a character.
func (s set) meets(t set) bool {
	for _, a := range s {
		for _, b := range t {
			if a.from <= b.to && b.from <= a.to {
				return true
			}
		}
	}
	return false
}
