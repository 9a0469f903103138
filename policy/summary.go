package policy

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
)

// ExplainPolicy reads a policy out, a sentence a line: who there is, who may delegate to whom, who
// may do what, what nobody may do, and what waits for whom.
func ExplainPolicy(w io.Writer, p *Policy) error {
	s := summary{p: p}
	s.subject()
	s.people()
	s.environments()
	s.grants()
	s.forbids()
	s.gates()
	s.workflows()
	s.revocations()
	_, err := io.WriteString(w, inert.Lines(s.b.String()))
	return err
}

type summary struct {
	p *Policy
	b strings.Builder
}

func (s *summary) title(t string) { fmt.Fprintf(&s.b, "\n%s\n", t) }

func (s *summary) say(format string, args ...any) { fmt.Fprintf(&s.b, "  "+format+"\n", args...) }

func (s *summary) subject() {
	p, set := s.p, s.p.Settings
	what := p.Repository
	if what == "" {
		what = "the repositories " + written(p.Repositories)
	}
	if p.RepositoryID != 0 {
		what += fmt.Sprintf(" (id %d)", p.RepositoryID)
	}
	fmt.Fprintf(&s.b, "This policy rules %s.\n", what)
	if set.Observe {
		s.say("It observes: it reports, and blocks nothing.")
	} else {
		s.say("It is enforced.")
	}
	if len(set.Bases) > 0 {
		s.say("The branches %s are judged by their own policy, every other by the default branch's.", written(set.Bases))
	}
	s.say("A change by an agent to %s needs a human's approval.", written(set.Protected))
	s.say("A delegation that is passed on lasts %s at most; clocks may differ by %s.", span(set.MaxChainTTL), span(set.ClockSkew))
	humans := "Humans may do what they are not forbidden"
	if set.HumansGranted {
		humans = "Humans may do only what is granted to them"
	}
	if set.UnsignedPusher {
		humans += "; their unsigned commits pass on the forge's word for who pushed"
	} else {
		humans += "; unsigned commits are denied"
	}
	s.say("%s.", humans)
	s.say("Another's e-mail address in a commit: %s. Names of another environment's secrets: %s.", set.Identity, set.SecretReferences)
	s.say("What a gated job deploys and another commit made: %s.", set.Artifacts)
	for _, on := range []struct {
		yes  bool
		text string
	}{
		{set.OctopusAllowed, "Merges of more than two parents are allowed."},
		{set.AuditBestEffort, "An act passes even where the decision could not be recorded."},
		{set.AuditKey != "", "The audit log counts that this key signs: " + inert.WordAll(set.AuditKey) + "."},
		{set.PinHead, "The signed statement of a pull request must name its current head."},
		{set.TimeZone != nil && set.TimeZone != time.UTC, fmt.Sprintf("Hours and weekdays are told at %s.", set.TimeZone)},
	} {
		if on.yes {
			s.say("%s", on.text)
		}
	}
}

func (s *summary) people() {
	s.title("WHO THERE IS")
	for _, q := range s.p.sortedPrincipals() {
		var facts []string
		switch n := len(q.Keys); {
		case n == 1:
			facts = append(facts, "signs with the key "+q.Keys[0].Fingerprint())
		case n > 1:
			facts = append(facts, fmt.Sprintf("signs with any of %d keys", n))
		case q.Name.Kind() == names.Agent && len(q.Delegators) > 0:
			facts = append(facts, "gets a key for each delegation, minted by whoever delegates")
		case q.Name.Kind() == names.Human:
			facts = append(facts, "has no key, and signs nothing")
		}
		if q.Presence {
			facts = append(facts, "confirms each signature")
		}
		if q.GitHub != "" {
			account := "has the GitHub account " + q.GitHub
			if q.GitHubID != 0 {
				account += fmt.Sprintf(" (id %d)", q.GitHubID)
			}
			facts = append(facts, account)
		}
		if len(q.Emails) > 0 {
			facts = append(facts, "commits as "+names.List(q.Emails, "or"))
		}
		if q.Login != "" && q.Login != q.Name.Label() {
			facts = append(facts, "pushes as "+q.Login)
		}
		if wf := q.Workflow; wf != nil {
			ref := wf.Ref
			if ref == "" {
				ref = "the default branch"
			}
			facts = append(facts, fmt.Sprintf("is %s of %s at %s, by the word of %s", wf.File, wf.Repository, ref, wf.Issuer))
		}
		if len(q.Delegators) > 0 {
			facts = append(facts, "acts for "+names.List(q.Delegators, "or"))
		}
		if len(facts) == 0 {
			facts = append(facts, "can never act")
		}
		s.say("%s %s.", q.Name, strings.Join(facts, "; "))
	}
	for _, name := range sortedNames(s.p.Teams) {
		t := s.p.Teams[name]
		switch {
		case t.GitHub != "":
			s.say("%s is the forge's team %s.", t.Name, t.GitHub)
		case len(t.Members) == 0:
			s.say("%s has no members.", t.Name)
		default:
			s.say("%s is %s.", t.Name, names.List(t.Members, "and"))
		}
	}
}

func (s *summary) environments() {
	if len(s.p.Environments) == 0 {
		return
	}
	s.title("ENVIRONMENTS")
	for _, e := range s.p.Environments {
		var facts []string
		if len(e.Secrets) > 0 {
			facts = append(facts, "its jobs may use the secrets "+written(e.Secrets))
		} else {
			facts = append(facts, "its jobs may use no secrets of their own")
		}
		if len(e.Paths) > 0 {
			facts = append(facts, "it is made of "+written(e.Paths))
		}
		if len(e.DeployFrom) > 0 {
			facts = append(facts, "it is deployed from "+written(e.DeployFrom))
		} else {
			facts = append(facts, "it is deployed from the default branch")
		}
		s.say("%s: %s.", e.Name, strings.Join(facts, "; "))
	}
}

func (s *summary) grants() {
	s.title("WHO MAY DO WHAT")
	if len(s.p.Grants) == 0 {
		s.say("No agent may do anything.")
	}
	for _, g := range s.p.Grants {
		who, what := "nobody", "nothing"
		if len(g.To) > 0 {
			who = names.List(g.To, "and")
		}
		if len(g.Actions) > 0 {
			what = granted(g)
		}
		t := fmt.Sprintf("%s may %s", who, what)
		if len(g.Secrets) > 0 {
			t += ", bringing the shared secrets " + written(g.Secrets) + " into jobs"
		}
		if g.Standing {
			t += ", without a delegation"
		} else {
			t += fmt.Sprintf(", under a delegation of %s at most", span(g.MaxTTL))
		}
		if len(g.Modes) > 0 {
			t += ", adding entries that are " + names.List(g.Modes, "or")
		}
		if g.Alone {
			t += ", with no human's approval"
		}
		s.say("%s%s. (%s, line %d)", t, when(g.When), inert.Quote(g.Name), g.Position.Line)
	}
}

func (s *summary) forbids() {
	if len(s.p.Forbids) == 0 {
		return
	}
	s.title("WHAT IS FORBIDDEN")
	for _, f := range s.p.Forbids {
		t := selected(f.To, f.Actions) + dimensions(f.Branches, f.Paths, f.Environments) + when(f.When)
		if f.Reason != "" {
			t += ": " + strings.TrimSuffix(f.Reason, ".")
		}
		s.say("%s. (%s, line %d)", t, inert.Quote(f.Name), f.Position.Line)
	}
}

func (s *summary) gates() {
	s.title("WHAT WAITS FOR APPROVAL")
	for _, g := range s.p.Gates {
		kind, role := "review", fmt.Sprintf(", with the role %s or more", g.Role)
		if g.Signed {
			kind, role = "signed approval", ""
		}
		if g.Approvals > 1 {
			kind += "s"
		}
		t := selected(g.To, g.Actions) + dimensions(g.Branches, g.Paths, g.Environments) + when(g.When)
		t += fmt.Sprintf(": %d %s by %s%s, not older than %s", g.Approvals, kind, names.List(g.Approvers, "or"), role, span(g.MaxAge))
		if g.AllowDelegator {
			t += "; who delegated may approve too"
		}
		if g.CarryOver == "none" {
			t += "; any later change needs a new one"
		}
		s.say("%s. (%s, line %d)", t, inert.Quote(g.Name), g.Position.Line)
	}
	if slices.ContainsFunc(s.p.Gates, func(g *Gate) bool { return !g.Signed }) {
		s.say("Where a review is asked for, a signed approval counts too, whatever role its signer has.")
	}
	s.say("deploy, delete and rotate by an agent, where no gate above says otherwise: one human of the role write who is not the chain's root.")
}

func (s *summary) workflows() {
	w := s.p.Workflows
	s.title("WORKFLOWS")
	s.say("Any job may use the secrets %s.", written(w.SharedSecrets))
	if w.GateAction != "" {
		s.say("A job of a gated environment begins with %s.", w.GateAction)
	}
	if w.GateCommits != nil {
		s.say("The gate is pinned to one of the commits %s.", strings.Join(w.GateCommits, ", "))
	}
	for _, a := range w.Allow {
		s.say("%s passes for %s until %s: %s.", a.Rule, a.File, a.Until.Format(time.RFC3339), strings.TrimSuffix(a.Reason, "."))
	}
}

func (s *summary) revocations() {
	if len(s.p.Revocations) == 0 {
		return
	}
	s.title("WHAT IS REVOKED")
	for _, r := range s.p.Revocations {
		what := append([]string{}, r.Keys...)
		for _, a := range r.Agents {
			what = append(what, string(a))
		}
		what = append(what, r.Delegations...)
		since := "for good"
		if !r.Since.IsZero() {
			since = "since " + r.Since.Format(time.RFC3339)
		}
		reason := ""
		if r.Reason != "" {
			reason = ": " + strings.TrimSuffix(r.Reason, ".")
		}
		s.say("%s, %s%s. (%s, line %d)", names.List(what, "and"), since, reason, inert.Quote(r.Name), r.Position.Line)
	}
}

// granted reads out the actions of a grant, each with the dimensions that limit it: what a grant says of
// files limits no deploy, and what it says of environments no tag.
func granted(g *Grant) string {
	var parts []string
	for i := 0; i < len(g.Actions); {
		same := g.Actions[i : i+1]
		at := grantDimensions(g, g.Actions[i])
		for i++; i < len(g.Actions) && grantDimensions(g, g.Actions[i]) == at; i++ {
			same = append(same[:len(same):len(same)], g.Actions[i])
		}
		parts = append(parts, names.List(same, "and")+at)
	}
	return strings.Join(parts, "; ")
}

func grantDimensions(g *Grant, a names.Action) string {
	switch a {
	case names.Commit, names.PullRequest:
		return dimensions(g.Branches, g.Paths, g.Environments)
	case names.Deploy, names.Delete:
		return dimensions(g.Branches, nil, g.Environments)
	case names.Rotate, names.Secret:
		return dimensions(nil, nil, g.Environments)
	case names.Push:
		return dimensions(g.Branches, nil, nil) + ", onto long-lived branches" + pushed(g)
	default:
		return dimensions(g.Branches, nil, nil)
	}
}

// pushed says what of a grant limits a push onto a branch that others build on.
func pushed(g *Grant) string {
	if len(g.Paths) == 0 {
		return " only where no file changes"
	}
	return dimensions(nil, g.Paths, g.Environments)
}

// selected is the beginning of a forbid or gate: "commit and push by agent.coder".
func selected(to []names.Principal, actions []names.Action) string {
	t := "every act"
	if actions != nil {
		t = names.List(actions, "and")
	}
	if to != nil {
		t += " by " + names.List(to, "or")
	}
	return t
}

func dimensions(branches, paths, environments []pattern.Pattern) string {
	t := ""
	if len(branches) > 0 {
		t += ", at " + written(branches)
	}
	if len(paths) > 0 {
		t += ", in the files " + written(paths)
	}
	if len(environments) > 0 {
		t += ", on the environments " + written(environments)
	}
	return t
}

func when(c *Condition) string {
	if c == nil {
		return ""
	}
	return ", where " + strings.Join(strings.Fields(c.Source), " ")
}

func written(list []pattern.Pattern) string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.String()
	}
	return names.List(texts, "and")
}

// span is a time span without the units that are zero.
func span(d time.Duration) string {
	t := d.String()
	if strings.HasSuffix(t, "m0s") {
		t = strings.TrimSuffix(t, "0s")
	}
	if strings.HasSuffix(t, "h0m") {
		t = strings.TrimSuffix(t, "0m")
	}
	return t
}
