package checker

import (
	"strings"

	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/verdict"
)

// protectedPath: an agent changes a path that governs what agents may do. It waits for a human.
func protectedPath(a *act) []verdict.Finding {
	if a.who.problem != attributed || !a.byAgent() {
		return nil
	}
	var found []verdict.Finding
	for _, c := range a.changes {
		p := c.Path
		pat, ok := a.judge.protects(p)
		if !ok && (c.New.Mode == 0o120000 || c.New.Mode == 0o160000) {
			pat, ok = a.judge.protectsBelow(p)
		}
		if !ok {
			continue
		}
		f := at(verdict.Finding{
			Effect:  verdict.Pending,
			Summary: show(p) + " is protected",
			Reason: "A change to " + show(pat) + " by an agent needs a human's approval (settings.protected). " +
				"It is judged by the policy without the change.",
			Fix: "Have a human approve it, or have a human make this change.",
		}, a.judge.policy.Settings.Position)
		f.Path = p
		found = append(found, f)
	}
	return limit(found)
}

// protects returns the protected pattern that a path falls under. The directory that such a
// pattern is about counts too: whoever replaces it replaces what is in it.
func (j *judge) protects(path string) (string, bool) {
	for _, name := range []string{path, path + "/x"} {
		if p, ok := j.policy.Protects(name); ok {
			return p.String(), true
		}
	}
	return "", false
}

// protectsBelow returns the protected pattern that a path could hide something of: a symlink or
// submodule in the place of a directory brings its own content for all that is below it.
func (j *judge) protectsBelow(path string) (string, bool) {
	below, err := pattern.ParsePath(strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]").Replace(path) + "/**")
	for _, p := range j.policy.Settings.Protected {
		if err != nil || !p.Disjoint(below) {
			return p.String(), true
		}
	}
	return "", false
}
