package actiontest

import (
	"fmt"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	gh "github.com/remit-sh/remit/internal/githubdouble"
)

// TestAttackCarriedIn: a pull request that somebody merged into their own branch, squashed or rebased, stays the
// change of whoever made it.
func TestAttackCarriedIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, policyWith(pusherCounts), people)
	n := 0
	type work struct {
		by, path  string                   // who makes and opens the inner pull request, and what it changes
		how       string                   // squash, rebase or merge
		late      bool                     // it is merged when the agent's delegation has ended
		elsewhere bool                     // alice takes it to another branch
		more      func(head string) string // another commit on the inner branch
	}
	carried := func(w work) *topic {
		n++
		base := fmt.Sprintf("agent/feature-%d", n)
		inner := fmt.Sprintf("agent/inner-%d", n)
		r.pushed("refs/heads/"+base, r.base, "alice", false)
		c := commit{parents: []string{r.base}, files: map[string]string{w.path: fmt.Sprintln("package x //", n)}, message: "X", name: w.by}
		if w.by == "coder" {
			c.by = "agent.coder"
			c.chain = r.chain(func(d *delegation.Delegation) {
				d.Scope.Paths = dt.Paths("**")
				d.NotBefore = r.d.Now().Truncate(time.Second).Add(-time.Minute)
				d.NotAfter = d.NotBefore.Add(time.Hour)
			})
		}
		head := r.commit(c)
		if w.more != nil {
			head = w.more(head)
		}
		r.pushed("refs/heads/"+inner, head, w.by, false)
		in := r.d.OpenPull(slug, gh.PullRequest{Title: "Inner", Author: w.by, HeadRef: inner, HeadSHA: head, BaseRef: base})
		r.d.Advance(10 * time.Minute)
		if w.late {
			r.d.Advance(2 * time.Hour) // whatever the agent was given has ended by now
		}
		p := &topic{rig: r, ref: "refs/heads/" + base}
		switch w.how {
		case "squash":
			p.head = r.commit(commit{parents: []string{r.base}, tree: r.git(slug, "", "rev-parse", head+"^{tree}"), message: fmt.Sprintf("X (#%d)", in), forge: true, pgp: true, name: w.by})
		case "rebase":
			first := r.commit(commit{parents: []string{r.base}, tree: r.git(slug, "", "rev-parse", head+"^{tree}"), message: "X", name: w.by})
			p.head = r.commit(commit{parents: []string{first}, tree: r.git(slug, "", "rev-parse", head+"^{tree}"), message: "Empty", name: w.by})
		case "merge":
			p.head = r.commit(commit{parents: []string{r.base, head}, tree: r.git(slug, "", "rev-parse", head+"^{tree}"), message: "Merge pull request", forge: true, pgp: true})
		}
		r.d.Merge(slug, in, "alice", p.head)
		if w.elsewhere {
			base += "-2"
			p.ref += "-2"
			r.pushed(p.ref, p.head, "alice", false)
		}
		r.d.Advance(time.Minute)
		body := ""
		if w.late { // then alice answers for opening it
			claim := dt.NewPullRequest("human.alice")
			claim.HeadRef, claim.Head, claim.At = p.ref, p.head, r.d.Now()
			var err error
			if body, err = delegation.AddToBody("", dt.SignStatement(t, claim)); err != nil {
				t.Fatal(err)
			}
		}
		p.number = r.d.OpenPull(slug, gh.PullRequest{Title: "Feature", Author: "alice", HeadRef: base, HeadSHA: p.head, Body: body})
		return p
	}
	const evil, fine = "deploy/evil", "src/fine.go"
	for _, how := range []string{"squash", "rebase"} {
		r.attack(how+" of an agent's", func() { carried(work{by: "coder", path: evil, how: how}).judged("deny", "not-granted") })
		r.attack("near: "+how+" of an agent's that may", func() { carried(work{by: "coder", path: fine, how: how}).judged("allow") })
		r.attack("near: "+how+" of bob's", func() { carried(work{by: "bob", path: evil, how: how}).judged("allow") })
		r.attack(how+" of a stranger's", func() { carried(work{by: "dana", path: evil, how: how}).judged("deny", "unsigned") })
	}
	r.attack("squash, merged late", func() {
		carried(work{by: "coder", path: evil, how: "squash", late: true}).judged("deny", "not-granted")
	})
	r.attack("near: squash, merged late, of one that may", func() {
		carried(work{by: "coder", path: fine, how: "squash", late: true}).judged("allow")
	})
	r.attack("squash, taken to another branch", func() {
		carried(work{by: "coder", path: evil, how: "squash", elsewhere: true}).judged("deny", "not-granted")
	})
	r.attack("squash of bob's with an unsigned commit of the agent's account", func() {
		carried(work{by: "coder", path: fine, how: "squash", more: func(head string) string {
			return r.commit(commit{parents: []string{head}, files: map[string]string{evil: "evil\n"}, message: "More", name: "bob"})
		}}).judged("deny", "unsigned")
	})
	r.attack("merge of a stranger's", func() { carried(work{by: "dana", path: evil, how: "merge"}).judged("deny", "unsigned") })
	r.attack("near: merge of bob's", func() { carried(work{by: "bob", path: evil, how: "merge"}).judged("allow") })
	r.attack("bob approves what was his", func() {
		p := carried(work{by: "bob", path: "src/payments/bob.go", how: "squash"})
		p.review("bob", "APPROVED")
		p.judged("pending", missing, ineligible)
	})
	r.attack("near: nobody asks where all is signed", func() {
		p := r.opened(branch{paths: []string{"src/signed.go"}, chain: r.chain(func(d *delegation.Delegation) {
			d.NotBefore = r.d.Now().Truncate(time.Second).Add(-time.Minute)
			d.NotAfter = d.NotBefore.Add(time.Hour)
		})})
		r.d.ClearJournal()
		p.judged("allow")
		for _, c := range r.d.Journal() {
			if c.Operation == "repos/list-pull-requests-associated-with-commit" {
				r.t.Errorf("%s was asked", c.Operation)
			}
		}
	})
}
