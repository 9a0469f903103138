package pattern

import "strings"

// Match reports whether the pattern matches a name as a whole.
func (p Pattern) Match(name string) bool {
	ok, _ := p.match(name)
	return ok
}

// match also returns how many steps it took, which never exceeds a small multiple of
// len(pattern)*len(name): a test holds that line.
//
// Segments are matched from the left. After a "**" only the latest one is ever tried at another
// place: what stands before it matched as early as it could, which leaves the most to the rest.
func (p Pattern) match(name string) (ok bool, steps int) {
	if len(p.segments) == 0 || name == "" || name[0] == '/' || name[len(name)-1] == '/' || strings.Contains(name, "//") {
		return false, 1
	}
	i, rest := 0, name         // the next segment of the pattern, what is left of the name
	retry, retryRest := -1, "" // where to go on after the latest "**"
	for {
		steps++
		if i < len(p.segments) && p.segments[i].deep {
			i++
			retry, retryRest = i, rest
			continue
		}
		if rest == "" && i == len(p.segments) {
			return true, steps
		}
		if rest != "" && i < len(p.segments) {
			part, after, _ := strings.Cut(rest, "/")
			hit, n := p.segments[i].match(part)
			steps += n
			if hit {
				i, rest = i+1, after
				continue
			}
		}
		if retry < 0 || retryRest == "" {
			return false, steps
		}
		_, retryRest, _ = strings.Cut(retryRest, "/")
		i, rest = retry, retryRest
	}
}

// match matches one segment of a name, by the same method: "*" is to characters what "**" is to segments.
func (s *segment) match(part string) (ok bool, steps int) {
	if s.tokens == nil {
		if s.fold {
			return equalFold(s.literal, part), len(part)
		}
		return s.literal == part, 1
	}
	i, at := 0, 0
	retry, retryAt := -1, 0
	for {
		steps++
		if i < len(s.tokens) && s.tokens[i].star {
			i++
			retry, retryAt = i, at
			continue
		}
		if at == len(part) && i == len(s.tokens) {
			return true, steps
		}
		if at < len(part) && i < len(s.tokens) {
			r, size := next(part[at:])
			steps += len(s.tokens[i].set)
			if s.tokens[i].set.has(r) {
				i, at = i+1, at+size
				continue
			}
		}
		if retry < 0 || retryAt == len(part) {
			return false, steps
		}
		_, size := next(part[retryAt:])
		retryAt += size
		i, at = retry, retryAt
	}
}

// equalFold compares without the case of ASCII letters, and of no others.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
