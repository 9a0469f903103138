package actiontest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	gh "github.com/remit-sh/remit/internal/githubdouble"
)

// anythingPolicy lets coder change what settings protect, so that only the approval is asked for.
const anythingPolicy = `
grant "coder writes anything" {
  to       = [agent.coder]
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", "main"]
  paths    = ["**"]
}
`

// TestAttackUnlisted: who approves where the policy lists no approvers. A machine's account or an agent's second
// one has every right on the forge that a person's has.
func TestAttackUnlisted(t *testing.T) {
	t.Parallel()
	pinned := strings.Replace(policyWith(anythingPolicy), `github = "bob"`, "github    = \"bob\"\n  github_id = 2", 1)
	r := newRig(t, pinned, people, func(s *gh.Scenario) {
		s.Users = append(s.Users, &gh.User{ID: 55, Login: "coder-2"}, &gh.User{ID: 56, Login: "coder_bot"})
		s.Repositories[0].Roles["coder-2"], s.Repositories[0].Roles["coder_bot"] = "admin", "write"
	})
	topic := func() *topic { return r.topic("policies.hcl") }
	for _, who := range []string{"coder", "coder-2", "coder_bot", "carla"} {
		r.attack(who, func() {
			p := topic()
			p.review(who, "APPROVED")
			p.judged("pending", "protected-path", ineligible)
		})
	}
	r.attack("an unlisted account objects to what bob approved", func() {
		p := topic()
		p.review("bob", "APPROVED")
		p.review("carla", "CHANGES_REQUESTED")
		p.judged("allow")
	})
	r.attack("near: bob objects", func() {
		p := topic()
		p.review("bob", "CHANGES_REQUESTED")
		p.judged("deny", "protected-path", "changes-requested")
	})
	r.attack("near: bob", func() {
		p := topic()
		p.review("bob", "APPROVED")
		p.judged("allow")
	})
	r.attack("near: the message says how to be listed", func() {
		p := topic()
		p.review("carla", "APPROVED")
		if got := p.judged("pending", "protected-path", ineligible); !strings.Contains(got.summary, "github_id = 77") || !strings.Contains(got.summary, "human.bob") {
			t.Errorf("it says %s", got.summary)
		}
	})
	r.attack("bob's account is renamed, and another takes the name", func() {
		r.d.Rename("bob", "robert")
		r.d.Change(func(s *gh.Scenario) { s.Users = append(s.Users, &gh.User{ID: 90, Login: "bob"}) })
		r.d.SetRole(slug, "bob", "write")
		r.d.SetRole(slug, "robert", "write")
		p := topic()
		p.review("bob", "APPROVED")
		p.judged("pending", "protected-path", ineligible)
		p.review("robert", "APPROVED")
		p.judged("allow") // near: it is bob's, whatever it is called
	})
}

// TestAttackCrowd: whoever may look at a public repository may review, and reviews that cannot count change
// nothing, however many they are.
func TestAttackCrowd(t *testing.T) {
	t.Parallel()
	r := newRig(t, attacked(""), people, func(s *gh.Scenario) {
		for i := range 40 {
			s.Users = append(s.Users, &gh.User{ID: int64(1000 + i), Login: fmt.Sprintf("sock%d", i)})
		}
	})
	for _, state := range []string{"APPROVED", "CHANGES_REQUESTED"} {
		for _, path := range []string{"src/cart.go", "src/payments/card.go", "policies.hcl"} {
			r.attack(state+" "+path, func() {
				p := r.topic(path)
				for i := range 40 {
					r.d.Review(slug, p.number, gh.Review{User: fmt.Sprintf("sock%d", i), State: state})
				}
				r.d.Advance(time.Second)
				switch got := r.on("pull_request_target", gh.EventOf{Number: p.number}); {
				case path == "src/cart.go":
					got.wants(0, "allow")
				case got.outputs["verdict"] == "undecided":
					t.Errorf("strangers make it undecided:\n%s", got.stdout)
				}
				p.review("bob", "APPROVED")
				if path != "policies.hcl" { // near: that needs a grant too
					p.judged("allow")
				}
			})
		}
	}
}

// stranger opens a pull request from mallory's fork with a head that is somebody else's.
func (r *rig) stranger(ref, head, base, name string) int {
	r.t.Helper()
	r.git("mallory/shop", "", "fetch", "-q", r.dir(slug), ref+":refs/heads/"+name)
	return r.d.OpenPull(slug, gh.PullRequest{Title: "Mine", Author: "mallory", HeadRepo: "mallory/shop", HeadRef: name, HeadSHA: head, BaseRef: base})
}

// TestAttackStrangersPull: a check run stands on a commit, and a stranger opens a pull request of a commit that
// is another's. It must not turn the other's check, and must let nothing through.
func TestAttackStrangersPull(t *testing.T) {
	t.Parallel()
	r := newRig(t, attacked(""), people, func(s *gh.Scenario) {
		for i := range 25 {
			s.Users = append(s.Users, &gh.User{ID: int64(2000 + i), Login: fmt.Sprintf("sock%d", i)})
		}
	})
	r.d.Push(slug, "refs/heads/release", r.base, "alice")
	r.d.Push(slug, "refs/heads/other", r.base, "alice")
	r.d.Advance(time.Second)
	closing := func(numbers ...int) {
		for _, n := range numbers {
			r.d.SetState(slug, n, "closed", "alice")
		}
	}
	alices := func() (number int, head string) {
		name := fmt.Sprintf("alice/a%d", len(r.d.State().Repositories[0].PullRequests))
		head = r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"src/a.go": "package a // " + name + "\n"}, message: "A"})
		r.d.Push(slug, "refs/heads/"+name, head, "alice")
		number = r.d.OpenPull(slug, gh.PullRequest{Title: "A", Author: "alice", HeadRef: name, HeadSHA: head})
		r.d.Advance(time.Second)
		return number, head
	}
	r.attack("a human's", func() {
		n, head := alices()
		m := r.stranger(head, head, "main", fmt.Sprintf("mine%d", n))
		for _, number := range []int{n, m} {
			r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow", "has the head and the base of")
			r.check(head, "success")
		}
		closing(n) // near: there is no other any more, and the stranger's is judged as what it is
		r.on("pull_request_target", gh.EventOf{Number: m}).wants(1, "deny", "forge-unattributed")
		r.check(head, "failure")
	})
	r.attack("an agent's, under another name of the branch", func() {
		p := r.topic("src/cart.go")
		m := r.stranger(p.ref, p.head, "main", "elsewhere")
		p.judged("allow")
		r.on("pull_request_target", gh.EventOf{Number: m}).wants(0, "allow")
	})
	r.attack("one that waits goes on waiting, and the stranger's approvals count for nothing", func() {
		p := r.topic("src/payments/card.go")
		m := r.stranger(p.ref, p.head, "main", "pay")
		p.judged("pending", missing)
		r.d.Review(slug, m, gh.Review{User: "bob", State: "APPROVED"})
		r.d.Advance(time.Second)
		p.judged("pending", missing)
		p.review("bob", "APPROVED")
		p.judged("allow") // near
	})
	r.attack("bob asks for changes in the stranger's", func() {
		p := r.topic("src/payments/card.go")
		p.review("bob", "APPROVED")
		m := r.stranger(p.ref, p.head, "main", "objected")
		p.judged("allow")
		r.d.Review(slug, m, gh.Review{User: "sock1", State: "CHANGES_REQUESTED"})
		r.d.Advance(time.Second)
		p.judged("allow") // near: another stranger's word
		r.d.Review(slug, m, gh.Review{User: "bob", State: "CHANGES_REQUESTED"})
		r.d.Advance(time.Second)
		p.judged("deny", missing, "changes-requested")
		p.review("bob", "APPROVED")
		p.judged("allow")
	})
	r.attack("a denied one stays denied", func() {
		p := r.topic("deploy/app.yaml")
		r.stranger(p.ref, p.head, "main", "deploy")
		got := r.on("pull_request_target", gh.EventOf{Number: p.number})
		got.wants(1, "deny", "not-granted")
		r.check(p.head, "failure")
	})
	r.attack("to a base where the agent may not open one", func() {
		p := r.topic("src/cart.go")
		m := r.stranger(p.ref, p.head, "other", "to-other")
		r.on("pull_request_target", gh.EventOf{Number: m}).wants(1, "deny", "not-granted", "opened it from a fork")
		r.checkNamed(p.head, "remit: other", "failure")
		p.judged("allow") // near: which says nothing of its own base
		closing(m)
		p.judged("allow")
	})
	r.attack("near: to a base where it may", func() {
		p := r.opened(branch{paths: []string{"src/cart.go"}, chain: r.chain(func(d *delegation.Delegation) {
			d.Scope.Paths, d.Scope.Branches = dt.Paths("**"), dt.Refs("agent/**", "main", "release")
		})})
		r.stranger(p.ref, p.head, "release", "to-release")
		p.judged("allow")
	})
	r.attack("near: a human's to another base", func() {
		n, head := alices()
		r.stranger(head, head, "other", fmt.Sprintf("mine%d", n))
		r.on("pull_request_target", gh.EventOf{Number: n}).wants(0, "allow")
		r.check(head, "success")
	})
	r.attack("at a gate of another base, which nobody opened", func() {
		p := r.opened(branch{paths: []string{"src/payments/card.go"}, chain: r.chain(func(d *delegation.Delegation) {
			d.Scope.Paths, d.Scope.Branches = dt.Paths("**"), dt.Refs("agent/**", "main", "release")
		})})
		p.review("bob", "APPROVED")
		p.judged("allow")
		m := r.stranger(p.ref, p.head, "release", "gate")
		p.judged("allow") // near: bob approved what goes to main
		theirs := &topic{rig: r, ref: p.ref, head: p.head, number: m}
		theirs.judged("pending", missing)
		r.d.Review(slug, m, gh.Review{User: "bob", State: "APPROVED"})
		r.d.Advance(time.Second)
		theirs.judged("allow")
	})
	r.attack("of twenty-five forks", func() {
		p := r.topic("src/cart.go")
		for i := range 25 {
			name := fmt.Sprintf("crowd%d", i)
			r.git("mallory/shop", "", "fetch", "-q", r.dir(slug), p.ref+":refs/heads/"+name)
			r.d.OpenPull(slug, gh.PullRequest{Title: "Mine", Author: fmt.Sprintf("sock%d", i), HeadRepo: "mallory/shop", HeadRef: name, HeadSHA: p.head})
		}
		p.judged("allow")
	})
	r.attack("near: a listed human's from a fork counts", func() {
		p := r.topic("src/payments/card.go")
		p.review("bob", "APPROVED")
		r.git("mallory/shop", "", "fetch", "-q", r.dir(slug), p.ref+":refs/heads/listed")
		r.d.OpenPull(slug, gh.PullRequest{Title: "Mine", Author: "alice", HeadRepo: "mallory/shop", HeadRef: "listed", HeadSHA: p.head})
		if got := r.on("pull_request_target", gh.EventOf{Number: p.number}); got.code == 0 {
			t.Errorf("it says nothing of the other's gate:\n%s", got.stdout)
		}
	})
}
