package checker_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/verdict"
)

// randomCase makes a policy and evidence in which nearly anything can be right or wrong.
type randomCase struct {
	*rand.Rand
	tame   bool
	grants []string // blocks that are added to the base policy
	rules  []string // settings, forbids, gates and revocations, likewise
	text   string   // the evidence
}

func (r *randomCase) one(of ...string) string { return of[r.IntN(len(of))] }

func (r *randomCase) maybe(text string) string { return r.one(text, "") }

// mostly is good, seldom one of the others; in every second case less seldom.
func (r *randomCase) mostly(good string, others ...string) string {
	if r.IntN(map[bool]int{true: 20, false: 3}[r.tame]) > 0 {
		return good
	}
	return r.one(others...)
}

func newRandomCase(seed uint64) *randomCase {
	r := &randomCase{Rand: rand.New(rand.NewPCG(seed, 1)), tame: seed%2 == 0}
	if r.IntN(3) == 0 {
		r.rules = append(r.rules, "settings {\n"+r.maybe("humans = \"granted\"\n")+r.maybe("unsigned = \"pusher\"\n")+
			r.maybe("identity = \"deny\"\n")+r.maybe("octopus = \"allow\"\n")+"}\n")
	}
	for range 1 + r.IntN(3) {
		r.grants = append(r.grants, r.grant())
	}
	if r.mostly("", "x") != "" {
		r.rules = append(r.rules, r.forbid())
	}
	if r.IntN(4) == 0 {
		r.rules = append(r.rules, fmt.Sprintf("gate \"g%d\" {\npaths = [%q]\napprovers = [human.bob]\n}\n", r.Uint32(), r.pattern()))
	}
	var b strings.Builder
	pusher := r.mostly("", "alice", "coder", "tester", "mallory")
	if pusher != "" {
		fmt.Fprintf(&b, "pusher %s %s\n", pusher, r.maybe("delegation=d2"))
	}
	fmt.Fprintf(&b, "delegate d1 human.alice -> agent.planner until=1h %s\n", r.delegation())
	fmt.Fprintf(&b, "delegate d2 agent.planner -> agent.coder parent=d1 %s\n", r.delegation())
	fmt.Fprintf(&b, "delegate d3 human.alice -> agent.tester %s\n", r.delegation())
	for i := range 1 + r.IntN(3) {
		by := r.mostly(r.one("by=agent.coder under=d2", "by=agent.tester under=d3"), "by=agent.tester", "by=human.bob", "by=human.alice", "by=stranger", "")
		fmt.Fprintf(&b, "commit c%d %s on=%s seen=%s dated=%s %s %s\n", i, by, r.mostly("refs/heads/agent/a", "refs/heads/main"),
			r.minutes(), r.minutes(), r.mostly("", "old"), r.mostly("", "parents=base,main"))
		for range r.IntN(3) {
			fmt.Fprintf(&b, "  %s %s\n", r.one("~", "+", "-"), r.mostly(r.one("src/pay.go", "src/cart.go"), "test/pay.go", "docs/pay.md", "policies.hcl", "deploy/production/x"))
		}
	}
	if r.mostly("", "x") != "" {
		fmt.Fprintf(&b, "tag v1 %s of=c0 seen=%s\n", r.one("by=agent.coder under=d2", "by=human.alice", "by=agent.tester"), r.minutes())
	}
	if pusher != "" || r.mostly("", "x") != "" {
		fmt.Fprintf(&b, "delete refs/heads/%s seen=%s\n", r.mostly("agent/old", "main"), r.minutes())
	}
	r.text = b.String()
	return r
}

func (r *randomCase) minutes() string { return r.mostly("5m", "0m", "2m", "9m", "10m", "12m") }

func (r *randomCase) pattern() string {
	return r.one("src/**", "test/**", "src/pay.go", "**", "docs/**")
}

func (r *randomCase) delegation() string {
	return strings.Join([]string{
		"actions=" + r.mostly("commit,tag,delete,push", "commit", "tag"), "paths=" + r.mostly("**", r.pattern()),
		"branches=" + r.mostly("**", "agent/**"), "environments=" + r.maybe("production"),
		r.mostly("", "from=3m", "from=6m"), r.mostly("", "until=4m", "until=7m"),
	}, " ")
}

func (r *randomCase) grant() string {
	return fmt.Sprintf("grant \"x%d\" {\nto = [%s]\nactions = [%s]\nbranches = [%q]\npaths = [%q]\n%s%s%s%s}\n", r.Uint32(),
		r.one("agent.coder", "agent.coder, agent.tester", "human.alice, agent.coder, agent.tester"),
		r.mostly(`"commit", "tag", "delete", "push"`, `"commit"`), r.mostly("**", "agent/**"), r.mostly("**", r.pattern()),
		r.maybe("standing = true\n"), r.maybe("alone = true\n"), r.maybe("environments = [\"production\"]\n"),
		r.mostly("", "max_ttl = \"5m\"\n"))
}

func (r *randomCase) forbid() string {
	return fmt.Sprintf("forbid \"f%d\" {\n%s%s%s}\n", r.Uint32(),
		r.maybe("to = ["+r.one("agent.planner", "agent.coder", "agent.tester", "human.alice")+"]\n"),
		r.maybe(fmt.Sprintf("paths = [%q]\n", r.pattern())),
		r.maybe("branches = ["+r.one(`"main"`, `"agent/**"`)+"]\n"))
}

func (r *randomCase) revocation() string {
	return fmt.Sprintf("revoke \"r%d\" {\n%s\n%s}\n", r.Uint32(), r.one(
		`keys = ["fingerprint of human.alice"]`, `keys = ["fingerprint of agent.coder"]`, `keys = ["fingerprint of agent.planner"]`,
		`agents = [agent.planner]`, `agents = [agent.tester]`, `delegations = ["digest of d1"]`, `delegations = ["digest of d3"]`),
		r.maybe("since = \"2026-11-22T14:05:00Z\"\n"))
}

func (r *randomCase) check(t *testing.T, grants, rules []string) (*verdict.Report, *scenario) {
	t.Helper()
	return check(t, strings.Join(grants, "")+strings.Join(rules, ""), r.text)
}

const randomCases = 300

// many passes a test over with -short: its cases are so many that the race detector, which looks at
// the few ways in which the judge is parallel, would only take longer.
func many(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("many cases; they run without -short")
	}
}

// TestAllowedMeansInWindow: no act is allowed that was seen outside of the window of any link of its
// chain, whatever else is true of it.
func TestAllowedMeansInWindow(t *testing.T) {
	many(t)
	allowed, late := 0, 0
	for seed := range uint64(randomCases) {
		r := newRandomCase(seed)
		report, s := r.check(t, r.grants, r.rules)
		for _, a := range report.Acts {
			inside := true
			for _, shown := range a.Chain {
				for _, l := range s.links {
					if l.digest == shown.Digest && (a.Seen.Before(l.d.NotBefore.Add(-30*time.Second)) || !a.Seen.Before(l.d.NotAfter)) {
						inside = false
					}
				}
			}
			switch {
			case len(a.Chain) == 0:
			case !inside && a.Verdict != verdict.Denied:
				t.Errorf("seed %d: %s is %s outside of its chain's windows\n%s\n%s", seed, a.Subject, a.Verdict, r.text, s.outline(report))
			case !inside:
				late++
			case a.Verdict == verdict.Allowed:
				allowed++
			}
		}
	}
	if allowed < randomCases/5 || late < randomCases/10 {
		t.Errorf("%d acts were allowed under a chain, %d outside of one's window: the cases show little", allowed, late)
	}
}

// TestLessAuthorityAllowsNoMore: adding a forbid or a revocation, or taking a grant or a delegation's
// text away, makes no act better off.
func TestLessAuthorityAllowsNoMore(t *testing.T) {
	many(t)
	worse := map[string]int{}
	for seed := range uint64(randomCases) {
		r := newRandomCase(seed)
		before, s := r.check(t, r.grants, r.rules)
		compare := func(what string, after *verdict.Report) {
			t.Helper()
			if after.Verdict < before.Verdict {
				worse[what]++
			}
			if after.Verdict > before.Verdict {
				t.Errorf("seed %d: with %s the whole went from %s to %s\n%s", seed, what, before.Verdict, after.Verdict, r.text)
			}
			if strings.Contains(what, "delegation") {
				return // another act may now go by another authority; the commit that names it never does
			}
			was, is := verdicts(before), verdicts(after)
			for act, v := range is {
				old, ok := was[act]
				if !ok {
					old = verdict.Allowed // updates that nothing is said of are not listed
				}
				if v > old {
					t.Errorf("seed %d: with %s %s went from %s to %s\n%s", seed, what, act, old, v, r.text)
				}
			}
			for act, old := range was {
				if _, ok := is[act]; !ok && old != verdict.Allowed {
					t.Errorf("seed %d: with %s nothing is said of %s any more, which was %s", seed, what, act, old)
				}
			}
		}
		more, _ := r.check(t, r.grants, append(r.rules[:len(r.rules):len(r.rules)], r.forbid()))
		compare("one forbid more", more)
		more, _ = r.check(t, r.grants, append(r.rules[:len(r.rules):len(r.rules)], r.revocation()))
		compare("one revocation more", more)
		more, _ = r.check(t, r.grants[1:], r.rules)
		compare("one grant less", more)

		p := s.parsePolicy(basePolicy(t) + strings.Join(r.grants, "") + strings.Join(r.rules, ""))
		delete(s.set.Bundles, s.digest("d2"))
		compare("a delegation that cannot be found", checker.Check(p, s.set))
	}
	for _, what := range []string{"one forbid more", "one revocation more", "one grant less", "a delegation that cannot be found"} {
		if worse[what] < randomCases/40 {
			t.Errorf("%s made only %d acts worse off: the cases show little", what, worse[what])
		}
	}
}

func verdicts(r *verdict.Report) map[string]verdict.Verdict {
	all := map[string]verdict.Verdict{}
	for _, a := range r.Acts {
		all[a.Kind+" "+a.Subject] = a.Verdict
	}
	return all
}

// TestRandomCasesAreMixed: what the properties above look at has acts of each outcome.
func TestRandomCasesAreMixed(t *testing.T) {
	many(t)
	count := map[verdict.Verdict]int{}
	rules := map[string]int{}
	for seed := range uint64(randomCases) {
		r := newRandomCase(seed)
		report, _ := r.check(t, r.grants, r.rules)
		checkWording(t, report)
		for _, a := range report.Acts {
			count[a.Verdict]++
			for _, f := range a.Findings {
				rules[f.Rule]++
			}
		}
	}
	for _, v := range []verdict.Verdict{verdict.Denied, verdict.Waiting, verdict.Allowed} {
		if count[v] < randomCases/20 {
			t.Errorf("%d acts are %s", count[v], v)
		}
	}
	if len(rules) < 15 {
		t.Errorf("only these rules spoke: %v", rules)
	}
}
