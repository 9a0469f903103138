package checker

import (
	"slices"
	"strings"

	"github.com/remit-sh/remit/pattern"
)

// Windows gives files a second, short name (8.3), by which they can be opened too: GITHUB~1 is .github,
// and POLICI~1.HCL may be policies.hcl. Which number a file gets depends on what lies beside it, and from
// the fifth on four digits of a hash stand in the place of the name's end, so every number counts.
// https://learn.microsoft.com/windows/win32/fileio/naming-a-file#short-vs-long-names

// shortName is a name that could be a short one.
type shortName struct {
	base string // before the ~, lower case
	ext  string // up to three characters, without the dot
}

// parseShort reads a segment of a path as a short name.
func parseShort(segment string) (shortName, bool) {
	name, ext, _ := strings.Cut(strings.ToLower(segment), ".")
	at := strings.LastIndexByte(name, '~')
	if at < 1 || len(name) > 8 || len(ext) > 3 || strings.ContainsRune(ext, '.') {
		return shortName{}, false
	}
	number := name[at+1:]
	if number == "" || strings.Trim(number, "0123456789") != "" {
		return shortName{}, false
	}
	return shortName{name[:at], ext}, true
}

// of reports whether a short name could be that of a file with this long name, of which anything may
// follow where it is cut.
func (s shortName) of(long string, cut bool) bool {
	base, ext := plain83(long)
	if cut {
		ext = s.ext // what follows is not known
	}
	if ext != s.ext {
		return false
	}
	if len(s.base) == 6 && hexDigits(s.base[2:]) && (strings.HasPrefix(base, s.base[:2]) || cut && strings.HasPrefix(s.base, base)) {
		return true
	}
	if first := base[:min(len(base), 6)]; len(base) >= len(s.base) {
		return strings.HasPrefix(first, s.base) && (cut || len(s.base) == len(first) || len(s.base) >= 4)
	}
	return cut && strings.HasPrefix(s.base, base)
}

// plain83 is what of a long name goes into its short one: the base without dots and spaces, and the
// first three characters of what follows the last dot.
func plain83(long string) (base, ext string) {
	drop := strings.NewReplacer(" ", "", ".", "", "+", "_", ",", "_", ";", "_", "=", "_", "[", "_", "]", "_")
	long = strings.ToLower(strings.TrimLeft(long, ". "))
	if at := strings.LastIndexByte(long, '.'); at >= 0 {
		long, ext = long[:at], drop.Replace(long[at+1:])
	}
	return drop.Replace(long), ext[:min(len(ext), 3)]
}

func hexDigits(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// shortens reports whether a path could be one that a pattern covers, by short names of its directories or
// file. Both are folded.
func shortens(written, path string) bool {
	segments := strings.Split(path, "/")
	if !slices.ContainsFunc(segments, func(s string) bool { _, ok := parseShort(s); return ok }) {
		return false
	}
	patterns := strings.Split(written, "/")
	return matchShort(patterns, segments) || matchShort(patterns, append(segments, "x"))
}

// matchShort matches segments against those of a pattern, in the product of their numbers.
func matchShort(patterns, segments []string) bool {
	reach := make([]bool, len(segments)+1) // reach[i]: the patterns so far match the first i segments
	reach[0] = true
	for _, p := range patterns {
		next := make([]bool, len(segments)+1)
		if p == "**" {
			for i, on := 0, false; i <= len(segments); i++ {
				on = on || reach[i]
				next[i] = on
			}
		} else {
			one := newSegment(p)
			for i, s := range segments {
				next[i+1] = reach[i] && one.matches(s)
			}
		}
		reach = next
	}
	return reach[len(segments)]
}

// segmentPattern is one segment of a pattern.
type segmentPattern struct {
	glob    pattern.Pattern
	usable  bool
	literal string // up to the first wildcard
	cut     bool   // there is one
	ext     string // of a pattern that begins with a wildcard, as a short name has it; "" where it fits there
}

func newSegment(p string) segmentPattern {
	s := segmentPattern{literal: p}
	if at := strings.IndexAny(p, `*?[\`); at >= 0 {
		s.literal, s.cut = p[:at], true
		if tail := p[strings.LastIndexByte(p, '.')+1:]; at == 0 && len(tail) > 3 && !strings.ContainsAny(tail, `*?[\`) {
			s.ext = tail[:3]
		}
	}
	glob, err := pattern.ParsePath(p)
	s.glob, s.usable = glob, err == nil
	return s
}

func (s segmentPattern) matches(segment string) bool {
	if s.usable && s.glob.Match(segment) {
		return true
	}
	short, ok := parseShort(segment)
	if strings.Trim(s.literal, ". ") == "" {
		return ok && s.ext != "" && short.ext == s.ext
	}
	return ok && short.of(s.literal, s.cut)
}
