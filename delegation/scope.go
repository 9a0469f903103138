package delegation

import (
	"fmt"
	"slices"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
)

func (s *Scope) validate() error {
	if n := len(s.Repositories); n > MaxRepositories {
		return tooMany("repositories", n, MaxRepositories)
	}
	for i, r := range s.Repositories {
		canonical, err := names.ParseRepository(r)
		if err != nil {
			return fmt.Errorf("the scope's repositories: %w", err)
		}
		if canonical != r {
			return fmt.Errorf("the scope's repository %s must be written %s", inert.Quote(r), canonical)
		}
		if slices.Contains(s.Repositories[:i], r) {
			return fmt.Errorf("the scope lists the repository %s twice", r)
		}
	}
	if s.RepositoryID < 0 || s.RepositoryID > 0 && len(s.Repositories) != 1 {
		return fmt.Errorf("the scope's repository_id %d must be positive and stand beside exactly one repository", s.RepositoryID)
	}
	for i, a := range s.Actions {
		if _, err := names.ParseAction(string(a)); err != nil {
			return fmt.Errorf("the scope's actions: %w", err)
		}
		if slices.Contains(s.Actions[:i], a) {
			return fmt.Errorf("the scope lists the action %s twice", a)
		}
	}
	for _, l := range s.lists() {
		if len(l.patterns) > MaxPatterns {
			return tooMany(l.name, len(l.patterns), MaxPatterns)
		}
		for i, p := range l.patterns {
			if p.IsZero() {
				return fmt.Errorf("the scope's %s hold an empty pattern", l.name)
			}
			for _, q := range l.patterns[:i] {
				if p.String() == q.String() {
					return fmt.Errorf("the scope's %s list %s twice", l.name, inert.Quote(p.String()))
				}
			}
		}
	}
	return nil
}

func tooMany(what string, n, most int) error {
	return fmt.Errorf("the scope lists %d %s, at most %d are allowed", n, what, most)
}

type patternList struct {
	name     string
	patterns []pattern.Pattern
}

func (s *Scope) lists() [3]patternList {
	return [3]patternList{{"branches", s.Branches}, {"paths", s.Paths}, {"environments", s.Environments}}
}

// Wider says in what s is plainly wider than the parent that it would be part of; nothing where it
// is not. It is for issuing, so that a mistake is seen early. A pattern that only overlaps with the
// parent's is fine, and so is one that cannot be compared: what counts in the end is the
// intersection of all links.
func (s Scope) Wider(parent Scope) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, r := range s.Repositories {
		if !slices.Contains(parent.Repositories, r) {
			add("the repository %s is not in the parent's scope", r)
		}
	}
	if s.RepositoryID != 0 && parent.RepositoryID != 0 && s.RepositoryID != parent.RepositoryID {
		add("the repository id %d is not the parent's, %d", s.RepositoryID, parent.RepositoryID)
	}
	for _, a := range s.Actions {
		if !slices.Contains(parent.Actions, a) {
			add("the action %s is not in the parent's scope", a)
		}
	}
	theirs := parent.lists()
	for i, l := range s.lists() {
		for _, p := range l.patterns {
			if !fits(p, theirs[i].patterns) {
				add("the pattern %s of %s goes beyond the parent's, %s", inert.Quote(p.String()), l.name, patternsText(theirs[i].patterns))
			}
		}
	}
	switch {
	case parent.Depth <= 0:
		add("the parent may not be passed on")
	case s.Depth >= parent.Depth:
		add("the depth %d is not below the parent's, %d", s.Depth, parent.Depth)
	}
	return out
}

// fits reports whether some parent pattern holds p, or overlaps with it only in part.
func fits(p pattern.Pattern, parents []pattern.Pattern) bool {
	for _, q := range parents {
		if q.Covers(p) || !p.Covers(q) && !p.Disjoint(q) {
			return true
		}
	}
	return false
}

func patternsText(list []pattern.Pattern) string {
	if len(list) == 0 {
		return "which are none"
	}
	return names.List(shown(list), "and")
}
