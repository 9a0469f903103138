package pattern

// Covers reports whether every name that q matches is certainly matched by p.
// It is sound and not complete: where false is returned, p may cover q all the same.
// A pattern that matches nothing is covered by all.
func (p Pattern) Covers(q Pattern) bool {
	if len(q.segments) == 0 {
		return true
	}
	if len(p.segments) == 0 {
		return false
	}
	return covers(len(p.segments), len(q.segments),
		func(i int) bool { return p.segments[i].deep },
		func(j int) bool { return q.segments[j].deep },
		func(i, j int) bool { return p.segments[i].covers(&q.segments[j]) })
}

// Disjoint reports whether certainly no name is matched by both p and q.
func (p Pattern) Disjoint(q Pattern) bool {
	if len(p.segments) == 0 || len(q.segments) == 0 {
		return true
	}
	return !meets(len(p.segments), len(q.segments),
		func(i int) bool { return p.segments[i].deep },
		func(j int) bool { return q.segments[j].deep },
		func(i, j int) bool { return p.segments[i].meets(&q.segments[j]) })
}

// plain reports whether two segments are texts that are compared as they stand.
func (s *segment) plain(t *segment) bool {
	return s.tokens == nil && t.tokens == nil && !s.deep && !t.deep && !s.fold && !t.fold
}

func (s *segment) covers(t *segment) bool {
	if s.plain(t) {
		return s.literal == t.literal
	}
	a, b := s.expand(), t.expand()
	return covers(len(a), len(b),
		func(i int) bool { return a[i].star },
		func(j int) bool { return b[j].star },
		func(i, j int) bool { return a[i].set.covers(b[j].set) })
}

func (s *segment) meets(t *segment) bool {
	if s.plain(t) {
		return s.literal == t.literal
	}
	a, b := s.expand(), t.expand()
	return meets(len(a), len(b),
		func(i int) bool { return a[i].star },
		func(j int) bool { return b[j].star },
		func(i, j int) bool { return a[i].set.meets(b[j].set) })
}

// expand is the segment as tokens, also where it is a literal.
func (s *segment) expand() []token {
	if s.tokens != nil {
		return s.tokens
	}
	tokens := make([]token, 0, len(s.literal))
	for rest := s.literal; rest != ""; {
		r, size := next(rest)
		tokens = append(tokens, token{set: newSet([]span{{r, r}}, s.fold)})
		rest = rest[size:]
	}
	return tokens
}

// covers compares two sequences of n and m elements, in which an element is a run (of any length,
// none included) or a single. It reports whether the first certainly takes whatever the second does:
// a run of the first takes any elements of the second, a single only a single that it covers.
// The answer for each pair of remainders is worked out once, so there are n*m steps.
func covers(n, m int, runP, runQ func(int) bool, single func(i, j int) bool) bool {
	below := make([]bool, m+1) // the answers for i+1
	here := make([]bool, m+1)
	for i := n; i >= 0; i-- {
		for j := m; j >= 0; j-- {
			switch {
			case i == n:
				here[j] = j == m
			case runP(i):
				here[j] = below[j] || j < m && here[j+1]
			case j == m || runQ(j):
				here[j] = false
			default:
				here[j] = below[j+1] && single(i, j)
			}
		}
		here, below = below, here
	}
	return below[0]
}

// meets reports whether some sequence is taken by both. It is exact, since each single takes
// at least one element.
func meets(n, m int, runP, runQ func(int) bool, single func(i, j int) bool) bool {
	below := make([]bool, m+1)
	here := make([]bool, m+1)
	for i := n; i >= 0; i-- {
		for j := m; j >= 0; j-- {
			switch {
			case i == n && j == m:
				here[j] = true
			case i < n && runP(i):
				here[j] = below[j] || j < m && here[j+1]
			case j < m && runQ(j):
				here[j] = here[j+1] || i < n && below[j]
			case i == n || j == m:
				here[j] = false
			default:
				here[j] = below[j+1] && single(i, j)
			}
		}
		here, below = below, here
	}
	return below[0]
}
