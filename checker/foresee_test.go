package checker_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// chainOnly are the rules that Foresee goes by.
var chainOnly = []string{
	"unknown-key", "key-not-allowed", "key-revoked", "delegation-malformed", "delegation-forged", "delegation-spliced",
	"delegation-wrong-repository", "delegator-not-allowed", "delegation-widened", "delegation-too-deep", "delegation-too-long",
	"delegation-revoked", "delegation-not-yet-valid", "delegation-expired", "policy-repository",
}

// deniedBy lists the rules by which something is denied, of those that Foresee goes by.
func deniedBy(findings []verdict.Finding) []string {
	var rules []string
	for _, f := range findings {
		if f.Effect == verdict.Deny && slices.Contains(chainOnly, f.Rule) && !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

const (
	alicesPlan   = "delegate d1 human.alice -> agent.planner\n"
	plannersPart = "delegate d2 agent.planner -> agent.coder parent=d1"
)

// TestForesee: each rule about a chain alone, at work and just not. What is denied before a delegation is
// handed out is denied at the first commit under it, by the same rules, and what is not is not.
func TestForesee(t *testing.T) {
	for name, tc := range map[string]struct {
		delegations string // the last one is judged
		more        string // of the policy
		want        string // rules
		fix         string // part of what is to be done
		unlike      bool   // it is denied for what will be done under it, which a commit does not tell
	}{
		"as it should be":     {delegations: "delegate d1 human.alice -> agent.coder"},
		"passed on":           {delegations: alicesPlan + plannersPart},
		"delegate not listed": {delegations: "delegate d1 human.alice -> agent.helper", want: "unknown-key"},
		"one between not listed": {
			delegations: "delegate d1 human.alice -> agent.helper\ndelegate d2 agent.helper -> agent.coder parent=d1",
			want:        "unknown-key delegator-not-allowed",
		},
		"key not pinned":      {delegations: "delegate d1 human.alice -> agent.tester key=other", want: "key-not-allowed", fix: "`remit key new NAME`"},
		"key pinned":          {delegations: "delegate d1 human.alice -> agent.tester key=agent.tester"},
		"another agent's key": {delegations: "delegate d1 human.alice -> agent.coder key=agent.tester", want: "key-not-allowed"},
		"a human's key":       {delegations: "delegate d1 human.alice -> agent.coder key=human.bob", want: "key-not-allowed", unlike: true},
		"minted key":          {delegations: "delegate d1 human.alice -> agent.coder key=other"},
		"minted key, once more in the chain": {
			delegations: "delegate d1 human.alice -> agent.planner\ndelegate d2 agent.planner -> agent.coder parent=d1 key=agent.planner",
			want:        "key-not-allowed delegation-malformed",
			fix:         "no part in the chain yet",
		},
		"no touch":               {delegations: "delegate d1 human.carol -> agent.helper", more: carolTouches, want: "key-not-allowed", fix: "FIDO key"},
		"no touch asked for":     {delegations: "delegate d1 human.carol -> agent.helper", more: strings.Replace(carolTouches, "presence   = true", "", 1)},
		"delegator's key gone":   {delegations: "delegate d1 human.alice -> agent.coder", more: revoke(`keys = ["fingerprint of human.alice"]`, 3), want: "key-revoked"},
		"delegate's key gone":    {delegations: "delegate d1 human.alice -> agent.coder", more: revoke(`keys = ["fingerprint of agent.coder"]`, 3), want: "key-revoked"},
		"the root's key gone":    {delegations: alicesPlan + plannersPart, more: revoke(`keys = ["fingerprint of human.alice"]`, 3), want: "key-revoked"},
		"key gone in a minute":   {delegations: "delegate d1 human.alice -> agent.coder", more: revoke(`keys = ["fingerprint of human.alice"]`, 4)},
		"a stranger's key gone":  {delegations: "delegate d1 human.alice -> agent.coder", more: revoke(`keys = ["fingerprint of human.bob"]`, 3)},
		"agent gone":             {delegations: "delegate d1 human.alice -> agent.coder", more: revoke("agents = [agent.coder]", 3), want: "delegation-revoked"},
		"agent gone in a minute": {delegations: "delegate d1 human.alice -> agent.coder", more: revoke("agents = [agent.coder]", 4)},
		"delegator gone":         {delegations: alicesPlan + plannersPart, more: revoke("agents = [agent.planner]", 3), want: "delegation-revoked"},
		"another agent gone":     {delegations: alicesPlan + plannersPart, more: revoke("agents = [agent.tester]", 3)},
		"link gone":              {delegations: alicesPlan + plannersPart, more: revoke(`delegations = ["digest of d1"]`, 3), want: "delegation-revoked", fix: "then `remit delegate …`"},
		"link gone in a minute":  {delegations: alicesPlan + plannersPart, more: revoke(`delegations = ["digest of d1"]`, 4)},
		"sibling gone": {
			delegations: alicesPlan + "delegate d3 agent.planner -> agent.tester parent=d1\n" + plannersPart,
			more:        revoke(`delegations = ["digest of d3"]`, 3),
		},
		"forged":                  {delegations: "delegate d1 human.alice -> agent.coder signed-by=mallory", want: "delegation-forged"},
		"somebody's root":         {delegations: "delegate d1 human.alice -> agent.coder signed-by=mallory delegator-key=mallory", want: "delegation-forged"},
		"forged above":            {delegations: "delegate d1 human.alice -> agent.planner signed-by=mallory\n" + plannersPart, want: "delegation-forged"},
		"spliced":                 {delegations: alicesPlan + plannersPart + " parent-digest=none", want: "delegation-spliced"},
		"not the delegate before": {delegations: alicesPlan + "delegate d2 agent.tester -> agent.coder parent=d1", want: "delegation-spliced delegator-not-allowed"},
		"wrong repository":        {delegations: "delegate d1 human.alice -> agent.coder repositories=github.com/acme/other", want: "delegation-wrong-repository"},
		"one of two repositories": {delegations: "delegate d1 human.alice -> agent.coder repositories=github.com/acme/other,github.com/acme/shop"},
		"parent's repository":     {delegations: "delegate d1 human.alice -> agent.planner repositories=github.com/acme/other\n" + plannersPart, want: "delegation-wrong-repository"},
		"bob may not":             {delegations: "delegate d1 human.bob -> agent.coder", want: "delegator-not-allowed"},
		"bob may":                 {delegations: "delegate d1 human.bob -> agent.helper", more: "agent \"helper\" {\n  delegators = [human.bob]\n}\n"},
		"not from a human":        {delegations: "delegate d1 agent.planner -> agent.coder", want: "delegator-not-allowed"},
		"nobody's root":           {delegations: "delegate d1 human.mallory -> agent.coder", want: "delegator-not-allowed"},
		"an action more": {
			delegations: alicesPlan + plannersPart + " actions=commit,push", want: "delegation-widened", fix: "Give only what `remit show sha256:",
		},
		"an action less": {delegations: alicesPlan + plannersPart + " actions=commit"},
		"longer than the parent": {
			delegations: "delegate d1 human.alice -> agent.planner until=9m\n" + plannersPart + " from=3m until=12m", want: "delegation-widened", fix: "Use --for 6m or less.",
		},
		"as long as the parent":     {delegations: "delegate d1 human.alice -> agent.planner until=9m\n" + plannersPart + " from=3m until=9m"},
		"before the parent":         {delegations: "delegate d1 human.alice -> agent.planner from=2m\n" + plannersPart + " from=1m", want: "delegation-widened"},
		"not to be passed on":       {delegations: "delegate d1 human.alice -> agent.planner depth=0\n" + plannersPart, want: "delegation-too-deep", fix: "--depth 1"},
		"passed on as often":        {delegations: "delegate d1 human.alice -> agent.planner depth=1\n" + plannersPart + " depth=1", want: "delegation-too-deep", fix: "Leave --depth out"},
		"passed on once less":       {delegations: "delegate d1 human.alice -> agent.planner depth=2\n" + plannersPart + " depth=1"},
		"passed on too often":       {delegations: "delegate d1 human.alice -> agent.planner depth=3\n" + plannersPart + " depth=3", want: "delegation-too-deep", fix: "Use --depth 2 or less."},
		"longer than the grant":     {delegations: "delegate d1 human.alice -> agent.coder actions=commit until=10m1s", want: "delegation-too-long", fix: "Use --for 10m or less."},
		"as long as the grant":      {delegations: "delegate d1 human.alice -> agent.coder actions=commit until=10m"},
		"another grant is longer":   {delegations: "delegate d1 human.alice -> agent.coder until=1h", unlike: true},
		"longer than all grants":    {delegations: "delegate d1 human.alice -> agent.coder until=1h1s", want: "delegation-too-long", fix: "Use --for 1h or less."},
		"no grant for the action":   {delegations: "delegate d1 human.alice -> agent.coder actions=deploy until=5h", unlike: true},
		"root longer than a chain":  {delegations: "delegate d1 human.alice -> agent.planner until=12h1s\n" + plannersPart, want: "delegation-too-long"},
		"root as long as a chain":   {delegations: "delegate d1 human.alice -> agent.planner until=12h\n" + plannersPart},
		"to pass on, too long":      {delegations: "delegate d1 human.alice -> agent.planner depth=1 until=12h1s", want: "delegation-too-long", fix: "Use --for 12h or less.", unlike: true},
		"to pass on, not too long":  {delegations: "delegate d1 human.alice -> agent.planner depth=1 until=12h"},
		"to pass on beyond a grant": {delegations: "delegate d1 human.alice -> agent.coder depth=1 until=2h", unlike: true},
		"over":                      {delegations: "delegate d1 human.alice -> agent.coder until=3m", want: "delegation-expired"},
		"nearly over":               {delegations: "delegate d1 human.alice -> agent.coder until=3m1s"},
		"parent over": {
			delegations: "delegate d1 human.alice -> agent.planner until=3m\n" + plannersPart + " from=3m", want: "delegation-widened delegation-expired", fix: "Ask human.alice for one that still holds",
		},
		"to come":      {delegations: "delegate d1 human.alice -> agent.coder from=3m31s", want: "delegation-not-yet-valid"},
		"nearly there": {delegations: "delegate d1 human.alice -> agent.coder from=3m30s"}, // clock_skew
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			s := parseScenario(t, strings.ReplaceAll(tc.delegations, "parent-digest=none", "parent-digest=sha256:"+strings.Repeat("0", 64)))
			p := s.parsePolicy(basePolicy(t) + tc.more)
			last := s.order[len(s.order)-1]
			chain, err := delegation.ParseBundle(s.links[last].raw)
			if err != nil {
				t.Fatal(err)
			}
			r := checker.Foresee(p, s.set, chain)
			got := strings.Join(deniedBy(findingsOf(r)), " ")
			if got != tc.want || (r.Verdict == verdict.Allowed) != (tc.want == "") {
				t.Errorf("%s by %q, want %q", r.Verdict, got, tc.want)
			}
			checkWording(t, r)
			if !slices.ContainsFunc(findingsOf(r), func(f verdict.Finding) bool { return strings.Contains(f.Fix, tc.fix) }) && tc.fix != "" {
				t.Errorf("no fix says %q: %+v", tc.fix, findingsOf(r))
			}
			leaf := chain.Leaf()
			for _, f := range findingsOf(r) {
				if strings.Contains(f.Summary+f.Reason+f.Fix, leaf.Digest[:19]) {
					t.Errorf("a digest that nobody knows yet: %+v", f)
				}
			}
			if tc.unlike {
				return
			}
			// The same chain at its first use.
			by := string(leaf.Delegate.Name)
			if key := leaf.Delegate.Key; !key.Equal(s.signer(by).SSHPublicKey()) {
				for _, seed := range []string{"other", "agent.tester", "agent.planner", "human.bob"} {
					if key.Equal(s.signer(seed).SSHPublicKey()) {
						by = seed
					}
				}
			}
			used := parseScenario(t, strings.ReplaceAll(tc.delegations, "parent-digest=none", "parent-digest=sha256:"+strings.Repeat("0", 64))+
				"\ncommit c1 by="+by+" under="+last+" on=refs/heads/agent/pay\n  ~ src/pay.go")
			checked := deniedBy(findingsOf(checker.Check(used.parsePolicy(basePolicy(t)+tc.more), used.set)))
			for _, rule := range deniedBy(findingsOf(r)) {
				if !slices.Contains(checked, rule) && !slices.Contains(checked, "unknown-key") && !slices.Contains(checked, "key-not-allowed") {
					t.Errorf("it is foreseen that %s denies, and it does not: %q", rule, checked)
				}
			}
			for _, rule := range checked {
				if !slices.Contains(deniedBy(findingsOf(r)), rule) {
					t.Errorf("%s denies, and that was not foreseen: %q", rule, got)
				}
			}
		})
	}
}

const carolTouches = "human \"carol\" {\n  keys       = [\"key of human.carol\"]\n  presence   = true\n}\nagent \"helper\" {\n  delegators = [human.carol]\n}\n"

// revoke is a revocation that bites so many minutes after the start; the chains are judged after three.
func revoke(what string, minutes int) string {
	return "revoke \"gone\" {\n  " + what + "\n  since = \"" + start().Add(time.Duration(minutes)*time.Minute).Format(time.RFC3339) + "\"\n}\n"
}

// TestForeseeAgrees: whatever a chain alone is denied for in the cases of all rules and attacks was to be
// foreseen, at the time at which the act was seen.
func TestForeseeAgrees(t *testing.T) {
	compared := map[string]int{}
	for _, folder := range []string{"rules", "attacks"} {
		for _, f := range readCases(t, "../testdata/"+folder+"/*.txtar") {
			for _, name := range f.cases {
				p, s := f.load(t, name)
				for _, a := range checker.Check(p, s.set).Acts {
					if len(a.Chain) == 0 {
						continue
					}
					chain, err := delegation.ParseBundle(s.set.Bundles[a.Chain[len(a.Chain)-1].Digest].Raw)
					if err != nil {
						continue // what a statement carries along
					}
					at := *s.set
					at.At, at.AtSource = a.Seen, a.SeenBy
					r := checker.Foresee(p, &at, chain)
					foreseen := deniedBy(findingsOf(r))
					for _, rule := range deniedBy(a.Findings) {
						compared[rule]++
						// What binds the leaf depends on what was done, and here it was; and so does whether anybody
						// saw when it was signed.
						stated := rule == "key-revoked" && a.Kind == "pull_request"
						if !slices.Contains(foreseen, rule) && rule != "delegation-too-long" && !stated && !usedWrongly(a) {
							t.Errorf("%s/%s: %s denies %s, and that was not foreseen: %q", f.path, name, rule, a.Subject, foreseen)
						}
					}
					checkWording(t, r)
				}
			}
		}
	}
	for _, rule := range chainOnly {
		if compared[rule] == 0 && rule != "policy-repository" && rule != "unknown-key" {
			t.Errorf("no case shows %s", rule)
		}
	}
}

// usedWrongly reports whether an act was done with a key or name that is not the chain's: that is no matter
// of the chain.
func usedWrongly(a verdict.Act) bool { return a.Actor != a.Chain[len(a.Chain)-1].Delegate }

// TestForeseeIsTotal: nothing is allowed by being left out.
func TestForeseeIsTotal(t *testing.T) {
	s := parseScenario(t, "delegate d1 human.alice -> agent.coder")
	p := s.parsePolicy(basePolicy(t))
	chain, err := delegation.ParseBundle(s.links["d1"].raw)
	if err != nil {
		t.Fatal(err)
	}
	other := *s.set
	other.Repository = "github.com/acme/other"
	timeless := *s.set
	timeless.At = time.Time{}
	pinned := *p
	pinned.RepositoryID = 1
	renamed := *s.set
	renamed.RepositoryID = 2
	for name, r := range map[string]*verdict.Report{
		"no chain":                     checker.Foresee(p, s.set, nil),
		"an empty link":                checker.Foresee(p, s.set, make(delegation.Chain, 1)),
		"empty links":                  checker.Foresee(p, s.set, make(delegation.Chain, delegation.MaxLinks+1)),
		"no policy":                    checker.Foresee(&policy.Policy{}, s.set, chain),
		"no repository":                checker.Foresee(p, &evidence.Set{At: s.set.At}, chain),
		"another repository":           checker.Foresee(p, &other, chain),
		"another one of the same name": checker.Foresee(&pinned, &renamed, chain),
		"no time":                      checker.Foresee(p, &timeless, chain),
		"nothing":                      checker.Foresee(&policy.Policy{}, &evidence.Set{}, nil),
	} {
		if r.Verdict == verdict.Allowed || r.ExitCode() == 0 {
			t.Errorf("%s: %s", name, r.Verdict)
		}
		checkFindings(t, r)
	}
	observed := *p
	observed.Settings.Observe = true
	if r := checker.Foresee(&observed, &other, chain); r.Verdict != verdict.Denied || !r.Observe {
		t.Errorf("where the policy observes: %s", r.Verdict)
	}
	before := s.outline(checker.Foresee(p, s.set, chain))
	if again := s.outline(checker.Foresee(p, s.set, chain)); again != before || len(s.set.Commits) > 0 {
		t.Errorf("first\n%sthen\n%s", before, again)
	}
}
