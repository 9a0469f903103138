package checker_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// ballotCase is a pull request with reviews of everybody who may and who may not, of every kind.
type ballotCase struct {
	policies []*policy.Policy
	set      evidence.Set
	accounts map[string]evidence.Account
	head     string
	older    string
}

// voters of a ballotCase. Those who take part are alice (the root), pia (who pushed) and opal (who
// opened it); rhea may only read; the others are no people.
var (
	mayApprove    = []string{"bob", "carol", "dave"}
	mayNotApprove = []string{"alice", "pia", "opal", "rhea", "coder", "helper[bot]", "nobody"}
)

func newBallotCase(t testing.TB) *ballotCase {
	t.Helper()
	text := `
account opal
delegate d1 human.alice -> agent.coder actions=commit,pull_request branches=**
commit c1 by=agent.coder under=d1 on=refs/heads/agent/pay
  ~ src/pay.go
commit c2 by=agent.coder under=d1 on=refs/heads/agent/pay
  ~ src/cart.go
pr 7 by=opal
pushed by=pia after=c2
role rhea read
`
	for _, name := range slices.Concat(mayApprove, mayNotApprove) {
		if name != "rhea" {
			text += "role " + name + " write teams=acme/payers\n"
		}
	}
	s := parseScenario(t, text)
	c := &ballotCase{set: *s.set, accounts: map[string]evidence.Account{}, head: s.id("c2"), older: s.id("c1")}
	for _, name := range slices.Concat(mayApprove, mayNotApprove) {
		c.accounts[name] = s.account(name)
	}
	for _, terms := range []string{"", "approvals = 2\n", "allow_delegator = true\nmax_age = \"10m\"\n", "carry_over = \"none\"\nrole = \"maintain\"\n"} {
		c.policies = append(c.policies, s.parsePolicy(basePolicy(t)+
			"team \"payers\" {\n github = \"acme/payers\"\n}\ngate \"g\" {\n actions = [\"pull_request\"]\n approvers = [human.alice, human.bob, team.payers]\n"+terms+"}\n"))
	}
	return c
}

// with is the evidence with reviews and base changes.
func (c *ballotCase) with(reviews []evidence.Review, retargets []time.Time) *evidence.Set {
	set := c.set
	pr := set.PullRequests[0]
	pr.Reviews, pr.Retargets = reviews, retargets
	set.PullRequests = []evidence.PullRequest{pr}
	return &set
}

// reviews makes up to a dozen reviews, each at a time of its own.
func (c *ballotCase) reviews(n func(int) int) []evidence.Review {
	everybody := slices.Concat(mayApprove, mayApprove, mayNotApprove)
	states := []string{"APPROVED", "APPROVED", "APPROVED", "CHANGES_REQUESTED", "DISMISSED", "COMMENTED", "ENDORSED"}
	commits := []string{c.head, c.head, c.head, c.older, "", "elsewhere"}
	var list []evidence.Review
	for i := range n(12) {
		at := start().Add(time.Duration(i-9)*time.Minute + time.Second)
		if n(8) == 0 {
			at = at.Add(-80 * time.Hour)
		}
		r := evidence.Review{
			ID: int64(i + 1), By: c.accounts[everybody[n(len(everybody))]], State: states[n(len(states))],
			Commit: commits[n(len(commits))], At: at,
		}
		if r.State == "DISMISSED" {
			r.Dismissed = &evidence.Dismissal{By: r.By, Was: "APPROVED", At: at}
		}
		list = append(list, r)
	}
	return list
}

func (c *ballotCase) retargets(n func(int) int) []time.Time {
	if n(4) > 0 {
		return nil
	}
	return []time.Time{start().Add(time.Duration(n(12)-9) * time.Minute)}
}

// judge judges, and returns the names that counted too.
func (c *ballotCase) judge(p *policy.Policy, set *evidence.Set) (verdict.Verdict, []string) {
	r := checker.Check(p, set)
	var counted []string
	for _, g := range r.Gates {
		counted = append(counted, g.Counted...)
	}
	return r.Verdict, counted
}

// mustNotCount says why a name may not be among those that counted, worked out the long way.
func (c *ballotCase) mustNotCount(p *policy.Policy, name string, set *evidence.Set) string {
	name = strings.TrimPrefix(name, "human.")
	gate := p.Gates[0]
	if slices.Contains(mayNotApprove, name) && (name != "alice" || !gate.AllowDelegator) {
		return "they may approve nothing"
	}
	if gate.Role == "maintain" {
		return "nobody has the role"
	}
	pr := set.PullRequests[0]
	var last evidence.Review
	for _, r := range pr.Reviews {
		if r.By.Login == name && r.State != "COMMENTED" && r.At.After(last.At) {
			last = r
		}
	}
	switch {
	case last.State != "APPROVED":
		return "their last word is " + last.State
	case last.Commit != pr.Head:
		return "they approved something else"
	case set.At.Sub(last.At) > gate.MaxAge:
		return "they approved too long ago"
	}
	for _, at := range pr.Retargets {
		if !at.Before(last.At) {
			return "the base was changed since"
		}
	}
	return ""
}

// check holds what must be true of any reviews.
func (c *ballotCase) check(t *testing.T, n func(int) int) (allowed bool) {
	t.Helper()
	p := c.policies[n(len(c.policies))]
	reviews, retargets := c.reviews(n), c.retargets(n)
	set := c.with(reviews, retargets)
	before, counted := c.judge(p, set)
	for i, name := range counted {
		if why := c.mustNotCount(p, name, set); why != "" || slices.Contains(counted[:i], name) {
			t.Errorf("%s counted (%s)\n%s", name, why, describe(reviews))
		}
	}
	if before == verdict.Allowed && len(counted) < p.Gates[0].Approvals {
		t.Errorf("allowed with %d approvals\n%s", len(counted), describe(reviews))
	}
	objecting := map[string]bool{}
	for _, r := range slices.SortedFunc(slices.Values(reviews), func(a, b evidence.Review) int { return a.At.Compare(b.At) }) {
		if r.State != "COMMENTED" {
			objecting[r.By.Login] = r.State == "CHANGES_REQUESTED"
		}
	}
	more := func(who, state, commit string) verdict.Verdict {
		last := evidence.Review{ID: 99, By: c.accounts[who], State: state, Commit: commit, At: start().Add(150 * time.Second)}
		if state == "DISMISSED" {
			last.Dismissed = &evidence.Dismissal{By: last.By, Was: "APPROVED", At: last.At}
		}
		v, counted := c.judge(p, c.with(append(slices.Clone(reviews), last), retargets))
		if state == "DISMISSED" && (slices.Contains(counted, who) || slices.Contains(counted, "human."+who)) {
			t.Errorf("%s was dismissed and counts\n%s", who, describe(reviews))
		}
		return v
	}
	// Whoever takes an objection back may have held it up.
	if who := mayNotApprove[n(len(mayNotApprove))]; !objecting[c.accounts[who].Login] && (who != "alice" || !p.Gates[0].AllowDelegator) {
		if v := more(who, "APPROVED", c.head); v == verdict.Allowed && before != verdict.Allowed {
			t.Errorf("with an approval of %s it is allowed\n%s", who, describe(reviews))
		}
	}
	who := mayApprove[n(len(mayApprove))]
	if !objecting[who] {
		if v := more(who, "APPROVED", c.older); v == verdict.Allowed && before != verdict.Allowed {
			t.Errorf("with %s approving an older head it is allowed\n%s", who, describe(reviews))
		}
		if v := more(who, "DISMISSED", c.head); v == verdict.Allowed && before != verdict.Allowed {
			t.Errorf("with a dismissal of %s it is allowed\n%s", who, describe(reviews))
		}
	}
	more(who, "DISMISSED", c.head)
	mixed := slices.Clone(reviews)
	for i := range mixed {
		k := n(i + 1)
		mixed[i], mixed[k] = mixed[k], mixed[i]
	}
	if v, again := c.judge(p, c.with(mixed, retargets)); v != before || !sameNames(again, counted) {
		t.Errorf("in another order it is %s by %v, not %s by %v\n%s", v, again, before, counted, describe(reviews))
	}
	return before == verdict.Allowed
}

func sameNames(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func describe(reviews []evidence.Review) string {
	var b strings.Builder
	for _, r := range reviews {
		fmt.Fprintf(&b, "  %s %s of %.10s at %s\n", r.By.Login, r.State, r.Commit, r.At.Format("15:04:05"))
	}
	return b.String()
}

// TestIneligibleApprovalsChangeNothing: approvals by those who may not give them, and of something else,
// allow nothing; dismissals give nothing back; in which order reviews are listed does not matter.
func TestIneligibleApprovalsChangeNothing(t *testing.T) {
	many(t)
	c := newBallotCase(t)
	allowed := 0
	for seed := range uint64(1500) {
		if c.check(t, rand.New(rand.NewPCG(seed, 7)).IntN) {
			allowed++
		}
	}
	if allowed < 100 || allowed > 1200 {
		t.Errorf("%d of 1500 cases are allowed: they show little", allowed)
	}
}

func FuzzApprovals(f *testing.F) {
	c := newBallotCase(f)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 8))
		b := make([]byte, 80)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		choices := &bytesOf{b}
		c.check(t, choices.n)
	})
}

// TestSignedApprovalsChangeNothing: a signed approval that anything is wrong with allows nothing, and
// does not keep the one beside it that is right from counting.
func TestSignedApprovalsChangeNothing(t *testing.T) {
	const pr = "delegate d1 human.alice -> agent.coder actions=commit,pull_request branches=**\n" +
		"commit c1 by=agent.coder under=d1 on=refs/heads/agent/pay\n  ~ src/pay.go\npr 7\n"
	const gate = "gate \"g\" {\n actions = [\"pull_request\"]\n approvers = [human.alice, human.bob]\n evidence = \"signed\"\n}\n"
	good := "approval by=human.bob for=pull_request\n"
	for _, bad := range []string{
		"by=human.alice", "key=mallory", "key=human.alice", "signed-by=mallory", "by=human.nobody", "head=other", "head=base", "base=other", "base=c1",
		"ref=refs/heads/agent/pay", "ref=refs/heads/Main", "for=commit", "for=push base=none", "repository=github.com/acme/wiki", "repository-id=12", "policy=other",
		"since=4m", "until=3m", "since=-73h", "request=r1", "for=deploy environment=production request=r1", "raw=\"{}\"", "raw=\"\\x00\"",
	} {
		line := "approval for=pull_request " + bad + "\n"
		if strings.Contains(bad, "for=") {
			line = "approval " + bad + "\n"
		}
		if r, s := check(t, gate, pr+line); r.Verdict != verdict.Waiting && !strings.Contains(bad, "repository-id") {
			t.Errorf("%s: %s", bad, s.outline(r))
		}
		for _, both := range []string{line + good, good + line} {
			if r, s := check(t, gate, pr+both); r.Verdict != verdict.Allowed {
				t.Errorf("%s beside a good one: %s", bad, s.outline(r))
			}
		}
	}
}

// TestManyApprovals: of thousands of signed approvals a bounded number is looked at.
func TestManyApprovals(t *testing.T) {
	s := parseScenario(t, "delegate d1 human.alice -> agent.coder actions=commit,pull_request branches=**\n"+
		"commit c1 by=agent.coder under=d1 on=refs/heads/agent/pay\n  ~ src/pay.go\npr 7\napproval by=human.bob for=pull_request\n")
	p := s.parsePolicy(basePolicy(t) + "gate \"g\" {\n actions = [\"pull_request\"]\n approvers = [human.bob]\n}\n")
	good := s.set.Approvals[0]
	s.set.Approvals = nil
	for range 5000 {
		s.set.Approvals = append(s.set.Approvals, evidence.SignedApproval{Raw: []byte("{}"), Source: "spam"})
	}
	s.set.Approvals = append(s.set.Approvals, good)
	r := checker.Check(p, s.set)
	if r.Verdict != verdict.Waiting || len(findingsOf(r)) > 60 {
		t.Errorf("%s with %d findings", r.Verdict, len(findingsOf(r)))
	}
	checkWording(t, r)
	s.set.Approvals = append([]evidence.SignedApproval{good}, s.set.Approvals...)
	if r := checker.Check(p, s.set); r.Verdict != verdict.Allowed {
		t.Errorf("with a good one in front: %s", s.outline(r))
	}
}

// TestNoClockNoApproval: where the judge has no clock, no approval is young enough; and a gate that was
// not read from a policy, with nothing filled in, is opened by nobody.
func TestNoClockNoApproval(t *testing.T) {
	c := newBallotCase(t)
	reviews := []evidence.Review{{ID: 1, By: c.accounts["bob"], State: "APPROVED", Commit: c.head, At: start()}}
	set := c.with(reviews, nil)
	if v, _ := c.judge(c.policies[0], set); v != verdict.Allowed {
		t.Fatalf("without an attack: %s", v)
	}
	set.At = time.Time{}
	if v, counted := c.judge(c.policies[0], set); v == verdict.Allowed || len(counted) > 0 {
		t.Errorf("without a clock: %s by %v", v, counted)
	}
	for name, g := range map[string]policy.Gate{
		"nothing":      {},
		"no number":    {Approvers: c.policies[0].Gates[0].Approvers, Role: "admin", MaxAge: time.Hour},
		"no role":      {Approvals: 1, Approvers: c.policies[0].Gates[0].Approvers, MaxAge: time.Hour},
		"no approvers": {Approvals: 1, Role: "read", MaxAge: time.Hour},
		"no age":       {Approvals: 1, Approvers: c.policies[0].Gates[0].Approvers, Role: "read"},
	} {
		p := *c.policies[0]
		p.Gates = []*policy.Gate{&g}
		if v, counted := c.judge(&p, c.with(reviews, nil)); v == verdict.Allowed || len(counted) > 0 {
			t.Errorf("a gate with %s: %s by %v", name, v, counted)
		}
	}
}
