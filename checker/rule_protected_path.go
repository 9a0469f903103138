package checker

import (
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
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
		pat, ok := a.judge.protectedBy(c)
		if !ok {
			continue
		}
		found = append(found, a.protectedFinding(c.Path, inert.Word(c.Path)+" is protected",
			"A change to "+inert.Word(pat)+" by an agent needs a human's approval (settings.protected). "+
				"It is judged by the policy without the change."))
	}
	return limit(found)
}

// protectedFinding waits for a human because of a path, or says who approved.
func (a *act) protectedFinding(path, summary, reason string) verdict.Finding {
	f := at(verdict.Finding{
		Effect: verdict.Pending, Summary: summary, Reason: reason,
		Fix: "Have a human approve it, or have a human make this change.", Path: path,
	}, a.judge.policy.Settings.Position)
	for _, b := range a.ballots {
		switch {
		case !b.protected:
		case b.satisfied():
			f.Effect = verdict.Note
			f.Summary += ", and " + list(b.counted) + " approved"
			f.Fix = "Nothing is left to do."
		case b.missing == 0: // somebody objects, or something could not be read
			f.Reason = reason + " " + list(b.counted) + " approved."
			f.Fix = "Settle what else is found about " + a.name() + "; no other approval is needed."
		default:
			f.Reason = reason + noReview(b.no)
			f.Fix = b.ask() + " A human may also make this change instead."
		}
	}
	return f
}

// changesProtected reports whether an agent changes a protected path, or brings such a change along.
func (a *act) changesProtected() bool {
	if a.who.problem != attributed || !a.byAgent() {
		return false
	}
	changes := func(c *act) bool {
		for _, change := range c.changes {
			if _, ok := a.judge.protectedBy(change); ok {
				return true
			}
		}
		return false
	}
	for _, c := range a.carried.acts {
		if a.pull == nil && changes(c) { // a pull request is protected as a whole
			return true
		}
	}
	return changes(a)
}

// protectedBy returns the protected pattern that a change falls under.
func (j *judge) protectedBy(c evidence.Change) (string, bool) {
	pat, ok := j.protects(c.Path)
	if !ok && (c.New.Mode == 0o120000 || c.New.Mode == 0o160000) {
		return j.protectsBelow(c.Path)
	}
	return pat, ok
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
