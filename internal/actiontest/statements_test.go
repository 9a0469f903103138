package actiontest

import (
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	gh "github.com/remit-sh/remit/internal/githubdouble"
	"github.com/remit-sh/remit/names"
)

// signed is a pull request of coder's branch, whose text has a statement or none.
type signed struct {
	*topic

	body string
}

// statement puts a statement into the pull request's text in place of what was there, as of now.
func (p *signed) statement(by names.Principal, under delegation.Chain, change ...func(*delegation.PullRequest)) {
	p.t.Helper()
	c := dt.NewPullRequest(by)
	c.HeadRef, c.Head, c.At = p.ref, p.head, p.d.Now().Truncate(time.Second)
	if under != nil {
		c.Delegation = under.Digest()
	}
	for _, f := range change {
		f(&c)
	}
	body, err := delegation.AddToBody("", dt.SignStatement(p.t, c))
	if err != nil {
		p.t.Fatal(err)
	}
	p.body = body
	if p.number != 0 {
		p.d.Change(func(s *gh.Scenario) { s.Repositories[0].PullRequests[p.number-1].Body = body })
	}
}

func (p *signed) open() {
	p.t.Helper()
	p.number = p.d.OpenPull(slug, gh.PullRequest{Title: "Pay", Author: "coder", HeadRef: "agent/pay", HeadSHA: p.head, Body: p.body})
	p.d.Advance(time.Second)
}

// adds commits a file on top of the branch, which nobody pushed yet.
func (p *signed) adds(by string, under delegation.Chain, path string) string {
	p.t.Helper()
	return p.commit(commit{by: by, chain: under, parents: []string{p.head}, files: map[string]string{path: "package x\n"}, message: "Add " + path})
}

// tomorrow lets a day go by and gives coder a delegation for an hour of the next.
func (p *signed) tomorrow(change ...func(*delegation.Delegation)) delegation.Chain {
	p.t.Helper()
	p.d.Advance(24 * time.Hour)
	now := p.d.Now().Truncate(time.Second)
	return p.rig.chain(append([]func(*delegation.Delegation){func(d *delegation.Delegation) {
		d.NotBefore, d.NotAfter = now, now.Add(time.Hour)
	}}, change...)...)
}

// forCommits leaves a delegation the action commit alone.
func forCommits(d *delegation.Delegation) { d.Scope.Actions = d.Scope.Actions[:1] }

// TestAttackStatements: a signed statement counts for what was there and for its signer's own pushes while
// its delegation holds, and a pull request may go on under the next.
func TestAttackStatements(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(p *signed){
		"near: goes on the next day, unsigned": func(p *signed) {
			p.open()
			p.judged("allow")
			next := p.tomorrow()
			p.push(p.adds("agent.coder", next, "src/more.go"), "coder")
			p.judged("allow")
		},
		"near: goes on the next day, with the old statement": func(p *signed) {
			p.statement("agent.coder", p.chain)
			p.open()
			next := p.tomorrow()
			p.push(p.adds("agent.coder", next, "src/more.go"), "coder")
			p.judged("allow")
		},
		"near: goes on the next day, signed again": func(p *signed) {
			p.statement("agent.coder", p.chain)
			p.open()
			next := p.tomorrow()
			p.push(p.adds("agent.coder", next, "src/more.go"), "coder")
			p.statement("agent.coder", next)
			p.judged("allow")
		},
		"near: signed again the next day, and nothing pushed": func(p *signed) {
			p.open()
			p.statement("agent.coder", p.tomorrow())
			p.judged("allow")
		},
		"goes on under a delegation that is not for pull requests": func(p *signed) {
			p.statement("agent.coder", p.chain)
			p.open()
			p.judged("allow")
			less := p.tomorrow(forCommits)
			p.push(p.adds("agent.coder", less, "src/more.go"), "coder")
			p.judged("deny", "scope-action")
			next := p.tomorrow() // and the way out
			p.statement("agent.coder", next)
			p.judged("allow")
		},
		"near: under such a one while the first holds": func(p *signed) {
			p.statement("agent.coder", p.chain)
			p.open()
			less := p.rig.chain(forCommits)
			p.push(p.adds("agent.coder", less, "src/more.go"), "coder")
			p.tomorrow()
			p.judged("allow")
		},
		"goes on under a delegation that has ended": func(p *signed) {
			p.statement("agent.coder", p.chain)
			p.open()
			first, next := p.head, p.tomorrow()
			p.push(p.adds("agent.coder", p.chain, "src/more.go"), "coder")
			p.judged("deny", "delegation-expired")
			p.head = first // and the way out
			again := p.adds("agent.coder", next, "src/more.go")
			p.head = again
			p.d.ForcePush(slug, p.ref, again, "coder")
			p.d.Advance(time.Second)
			p.statement("agent.coder", next)
			p.judged("allow")
		},
		"signed after the delegation ended": func(p *signed) {
			p.open()
			next := p.tomorrow()
			p.statement("agent.coder", p.chain)
			p.judged("deny", "delegation-expired")
			p.statement("agent.coder", next) // and the way out
			p.judged("allow")
		},
		"signed, dated back, over what was pushed after the delegation ended": func(p *signed) {
			p.open()
			before, next := p.d.Now(), p.tomorrow(forCommits)
			p.push(p.adds("agent.coder", next, "src/more.go"), "coder")
			p.statement("agent.coder", p.chain, func(c *delegation.PullRequest) { c.At = before.Truncate(time.Second) })
			p.judged("deny", "delegation-expired")
		},
		"opened after the delegation ended": func(p *signed) {
			next := p.tomorrow()
			p.open()
			p.judged("deny", "delegation-expired")
			p.statement("agent.coder", next) // and the way out
			p.judged("allow")
		},
		"a human's, and coder pushes": func(p *signed) {
			p.statement("human.bob", nil)
			p.open()
			p.judged("allow")
			p.push(p.adds("agent.coder", p.rig.chain(forCommits), "src/more.go"), "coder")
			p.judged("deny", "request-mismatch")
			p.statement("human.bob", nil) // and the way out
			p.judged("allow")
		},
		"coder's, and a human pushes": func(p *signed) {
			p.statement("agent.coder", p.chain)
			p.open()
			p.push(p.adds("human.bob", nil, "src/bob.go"), "bob")
			p.judged("deny", "request-mismatch")
			p.statement("agent.coder", p.chain) // and the way out
			p.judged("allow")
		},
		"near: coder's, and coder pushes": func(p *signed) {
			p.statement("agent.coder", p.chain)
			p.open()
			p.push(p.adds("agent.coder", p.chain, "src/more.go"), "coder")
			p.judged("allow")
		},
		"of a commit that never was the head": func(p *signed) {
			p.head = p.adds("agent.coder", p.chain, "src/more.go")
			p.statement("agent.coder", p.chain)
			p.push(p.adds("agent.coder", p.chain, "src/most.go"), "coder")
			p.open()
			p.judged("deny", "request-mismatch")
			p.statement("agent.coder", p.chain) // and the way out
			p.judged("allow")
		},
		"near: of a commit that was the head": func(p *signed) {
			p.push(p.adds("agent.coder", p.chain, "src/more.go"), "coder")
			p.statement("agent.coder", p.chain)
			p.push(p.adds("agent.coder", p.chain, "src/most.go"), "coder")
			p.open()
			p.judged("allow")
		},
		"near: the branch is updated after the end": func(p *signed) {
			p.statement("agent.coder", p.chain)
			p.open()
			p.tomorrow()
			tip := p.commit(commit{by: "human.alice", parents: []string{p.base}, files: map[string]string{"README": "A shop.\n"}, message: "Readme"})
			p.d.Push(slug, main, tip, "alice")
			p.push(p.commit(commit{parents: []string{p.head, tip}, tree: p.git(slug, "", "merge-tree", "--write-tree", p.head, tip), message: "Merge", forge: true, pgp: true}), "bob")
			p.judged("allow")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, policyWith(""))
			p := &signed{topic: &topic{rig: r, chain: r.chain(), ref: pay, head: r.base}}
			p.push(p.adds("agent.coder", p.chain, "src/cart.go"), "coder")
			f(p)
		})
	}
}

// TestAttackStatementElsewhere: a statement that somebody else uses lets nothing of theirs in.
func TestAttackStatementElsewhere(t *testing.T) {
	t.Parallel()
	const fork = "mallory/shop"
	r := newRig(t, policyWith(""))
	p := &signed{topic: &topic{rig: r, chain: r.chain(), ref: pay, head: r.base}}
	p.push(p.adds("agent.coder", p.chain, "src/cart.go"), "coder")
	p.statement("agent.coder", p.chain)
	r.git(fork, "", "fetch", "-q", r.dir(slug), "agent/pay:refs/fetched")
	r.d.Push(fork, pay, p.head, "mallory")
	p.number = r.d.OpenPull(slug, gh.PullRequest{Title: "Pay", Author: "mallory", HeadRepo: fork, HeadRef: "agent/pay", HeadSHA: p.head, Body: p.body})
	r.attack("near: of what coder signed", func() { p.judged("allow") })
	r.attack("with a commit of bob's that coder did not sign", func() {
		more := r.commit(commit{repo: fork, by: "human.bob", parents: []string{p.head}, files: map[string]string{"src/bob.go": "package x\n"}, message: "Bob's"})
		p.head = more
		r.d.Push(fork, pay, more, "mallory")
		p.judged("deny", "request-mismatch")
	})
	r.attack("with a commit of an agent's that was not there", func() {
		r.d.Advance(2 * time.Hour)
		later := r.commit(commit{repo: fork, by: "agent.coder", chain: p.chain, parents: []string{r.base}, files: map[string]string{"src/late.go": "package x\n"}, message: "Late"})
		p.head = later
		r.d.ForcePush(fork, pay, later, "mallory")
		p.judged("deny", "delegation-expired", "request-mismatch")
	})
}
