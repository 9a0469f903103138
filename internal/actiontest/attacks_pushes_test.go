package actiontest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	gh "github.com/remit-sh/remit/internal/githubdouble"
)

// pushed moves a branch, a minute after what was before.
func (r *rig) pushed(ref, after, by string, forced bool) {
	r.t.Helper()
	r.d.Advance(time.Minute)
	if forced {
		r.d.ForcePush(slug, ref, after, by)
		return
	}
	r.d.Push(slug, ref, after, by)
}

// away takes what is on a branch away from it.
type away struct {
	name string
	do   func(r *rig, ref, by string)
}

// aways are ways of it. main1 is what main got since.
func aways(main1 string) []away {
	return []away{
		{"moved back to the base", func(r *rig, ref, by string) { r.pushed(ref, r.base, by, true) }},
		{"deleted", func(r *rig, ref, by string) { r.pushed(ref, "", by, false) }},
		{"moved to something else", func(r *rig, ref, by string) {
			other := r.commit(commit{parents: []string{r.base}, files: map[string]string{"src/other.go": "package other\n"}, message: "Other on " + ref})
			r.pushed(ref, other, by, true)
			r.pushed(ref, r.base, by, true)
		}},
		{"moved back, and much pushed since", func(r *rig, ref, by string) {
			r.pushed(ref, r.base, by, true)
			for i := range 60 {
				r.d.Advance(time.Second)
				r.d.Push(slug, ref, main1, by)
				if i%2 == 0 {
					r.d.ForcePush(slug, ref, r.base, by)
				} else {
					r.d.Push(slug, ref, "", by)
					r.d.Push(slug, ref, r.base, by)
				}
			}
		}},
	}
}

// goesOn has main get another commit.
func (r *rig) goesOn() string {
	r.t.Helper()
	next := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"src/next.go": "package next\n"}, message: "Next"})
	r.d.Push(slug, main, next, "alice")
	return next
}

const pusherCounts = "settings {\n  unsigned = \"pusher\"\n}\n"

// TestAttackFirstPush: an unsigned commit is of whoever pushed it first, whatever was done to the branch since.
func TestAttackFirstPush(t *testing.T) {
	t.Parallel()
	r := newRig(t, policyWith(pusherCounts))
	ways := aways(r.goesOn())
	n := 0
	work := func(first string, gone func(*rig, string, string)) *topic {
		n++
		p := &topic{rig: r, ref: fmt.Sprintf("refs/heads/alice/work-%d", n)}
		evil := r.commit(commit{parents: []string{r.base}, files: map[string]string{"deploy/evil": "evil\n"}, message: "Evil on " + p.ref, name: "alice"})
		p.head = r.commit(commit{parents: []string{evil}, files: map[string]string{"src/b.go": "package b\n"}, message: "Mine on " + p.ref, name: "alice"})
		r.pushed(p.ref, evil, first, false)
		if gone != nil {
			gone(r, p.ref, first)
		}
		r.pushed(p.ref, p.head, "alice", false)
		r.d.Advance(time.Minute)
		p.number = r.d.OpenPull(slug, gh.PullRequest{Title: "Work", Author: "alice", HeadRef: p.ref[len("refs/heads/"):], HeadSHA: p.head})
		return p
	}
	r.attack("nothing was done to it", func() { work("mallory", nil).judged("deny", "unsigned") })
	r.attack("near: alice pushed all of it", func() { work("alice", nil).judged("allow") })
	for _, a := range ways {
		r.attack(a.name, func() { work("mallory", a.do).judged("deny", "unsigned") })
		r.attack("by the agent, "+a.name, func() { work("coder", a.do).judged("deny", "unsigned") })
		r.attack("near: by alice, "+a.name, func() { work("alice", a.do).judged("allow") })
	}
	r.attack("near: a branch of that name held something else", func() {
		p := work("alice", nil)
		n--
		old := r.commit(commit{parents: []string{r.base}, files: map[string]string{"deploy/old": "old\n"}, message: "Old", name: "mallory"})
		r.d.Change(func(s *gh.Scenario) {
			log := s.Repositories[0].Activity
			at := log[0].Timestamp.Add(-time.Hour)
			s.Repositories[0].Activity = append([]*gh.Activity{
				{ID: 1, Ref: p.ref, After: old, Actor: "mallory", Timestamp: at, Type: "branch_creation"},
				{ID: 2, Ref: p.ref, Before: old, Actor: "mallory", Timestamp: at, Type: "branch_deletion"},
			}, log...)
		})
		p.judged("allow")
	})
}

// TestAttackHiddenPart: whoever pushed a commit of a pull request approves it neither then nor once somebody
// else pushed it again.
func TestAttackHiddenPart(t *testing.T) {
	t.Parallel()
	r := newRig(t, policyWith(""))
	ways := aways(r.goesOn())
	n := 0
	work := func(first string, gone func(*rig, string, string)) *topic {
		n++
		p := &topic{rig: r, ref: fmt.Sprintf("refs/heads/agent/part-%d", n)}
		p.head = r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{r.base}, files: map[string]string{"src/payments/x.go": "package x\n"}, message: "X on " + p.ref})
		r.pushed(p.ref, p.head, first, false)
		if gone != nil {
			gone(r, p.ref, "coder")
			r.pushed(p.ref, p.head, "coder", false)
		}
		r.d.Advance(time.Minute)
		p.number = r.open(p.ref[len("refs/heads/"):], p.head)
		r.d.Advance(time.Second)
		p.review("bob", "APPROVED")
		return p
	}
	r.attack("nothing was done to it", func() { work("bob", nil).judged("pending", missing, ineligible) })
	for _, a := range ways {
		r.attack(a.name, func() { work("bob", a.do).judged("pending", missing, ineligible) })
		r.attack("near: by coder, "+a.name, func() { work("coder", a.do).judged("allow") })
	}
	r.attack("near: bob pushed something else to a branch of that name, and deleted it", func() {
		ref := fmt.Sprintf("refs/heads/agent/part-%d", n+1)
		r.pushed(ref, r.commit(commit{by: "human.bob", parents: []string{r.base}, files: map[string]string{"src/bob.go": "package bob\n"}, message: "Bob's"}), "bob", false)
		r.pushed(ref, "", "bob", false)
		work("coder", nil).judged("allow")
	})
	r.attack("near: bob made the branch and deleted it, with nothing on it", func() {
		ref := fmt.Sprintf("refs/heads/agent/part-%d", n+1)
		r.pushed(ref, r.base, "bob", false)
		r.pushed(ref, "", "bob", false)
		work("coder", nil).judged("allow")
	})
}

// TestAttackFirstPushOfEvent: the event of a push names its own pusher, and an unsigned commit is of whoever pushed
// it first.
func TestAttackFirstPushOfEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t, policyWith(pusherCounts))
	ways := aways(r.goesOn())
	n := 0
	work := func(first string, gone func(*rig, string, string)) *result {
		n++
		ref := fmt.Sprintf("refs/heads/alice/pushed-%d", n)
		evil := r.commit(commit{parents: []string{r.base}, files: map[string]string{"src/evil.go": "evil\n"}, message: "Evil on " + ref, name: "alice"})
		head := r.commit(commit{parents: []string{evil}, files: map[string]string{"src/b.go": "package b\n"}, message: "Mine on " + ref, name: "alice"})
		r.pushed(ref, evil, first, false)
		gone(r, ref, first)
		before := r.d.Refs(slug)[ref]
		r.pushed(ref, head, "alice", false)
		return r.on("push", gh.EventOf{Ref: ref, Before: before, After: head})
	}
	for _, a := range ways {
		r.attack(a.name, func() { work("mallory", a.do).is("deny", "unsigned") })
		r.attack("near: by alice, "+a.name, func() { work("alice", a.do).is("allow") })
	}
}

// TestAttackDismissed: an objection is over where somebody dismissed it who could have approved in its place.
func TestAttackDismissed(t *testing.T) {
	t.Parallel()
	r := newRig(t, policyWith(`
human "carla" {
  github = "carla"
}

gate "carla looks too" {
  actions   = ["pull_request"]
  paths     = ["src/card.go"]
  approvers = [human.bob, human.carla]
}
`), people)
	work := func(pusher, dismisser string) *topic {
		p := r.opened(branch{pusher: pusher, paths: []string{"src/card.go"}})
		id := p.review("bob", "CHANGES_REQUESTED")
		p.judged("deny", missing, "changes-requested")
		p.d.Dismiss(slug, p.number, id, dismisser, "fine now")
		p.d.Advance(time.Second)
		p.review("carla", "APPROVED")
		return p
	}
	const objected = "changes-requested"
	r.attack("by the agent's account", func() { work("", "coder").judged("deny", objected) })
	r.attack("by the human on whose authority the agent acts", func() { work("", "alice").judged("deny", objected) })
	r.attack("by a writer who is no approver", func() { work("", "dana").judged("deny", objected) })
	r.attack("by an App", func() { work("", "helper[bot]").judged("deny", objected) })
	r.attack("by an approver who pushed", func() { work("carla", "carla").judged("deny", missing, ineligible, objected) })
	r.attack("near: by an approver", func() { work("", "carla").judged("allow") })
	r.attack("near: by the reviewer", func() { work("", "bob").judged("allow") })
	r.attack("near: the reviewer approves since", func() {
		p := work("", "coder")
		p.review("bob", "APPROVED")
		p.judged("allow")
	})
	r.attack("near: an approval is dismissed", func() {
		p := r.topic("src/card.go")
		id := p.review("bob", "APPROVED")
		p.d.Dismiss(slug, p.number, id, "coder", "stale")
		p.review("carla", "APPROVED")
		p.judged("allow")
	})
}

// TestAttackTwoOfOneMerge: where one commit is recorded as the merge of two pull requests, what stands against either
// stands against it.
func TestAttackTwoOfOneMerge(t *testing.T) {
	t.Parallel()
	n := 0
	work := func(t *testing.T, first, second string, also func(r *deployRig, n int)) *result {
		t.Helper()
		r := newDeployRig(t, "")
		n++
		head := r.commit(commit{by: "agent.coder", chain: r.rig.chain(), parents: []string{r.tip}, files: map[string]string{"src/two.go": "package two\n"}, message: fmt.Sprint("Two ", n)})
		var numbers []int
		for _, b := range []string{first, second} {
			r.d.Push(slug, "refs/heads/"+b, head, "coder")
			numbers = append(numbers, r.open(b, head))
			r.d.Advance(time.Second)
		}
		r.d.Review(slug, numbers[0], gh.Review{User: "bob", State: "APPROVED"})
		r.d.Advance(time.Second)
		also(r, numbers[1])
		r.d.Merge(slug, numbers[0], "alice", "")
		tip := r.d.Refs(slug)[main]
		r.d.Change(func(s *gh.Scenario) { // GitHub closes each whose head is in its base
			var done *gh.PullRequest
			for _, p := range s.Repositories[0].PullRequests {
				if p.Number == numbers[0] {
					done = p
				}
			}
			for _, p := range s.Repositories[0].PullRequests {
				if p.Number == numbers[1] {
					p.State, p.MergedBy, p.MergeCommitSHA, p.MergedAt, p.ClosedAt = "closed", done.MergedBy, tip, done.MergedAt, done.ClosedAt
					p.Commits = done.Commits
				}
			}
		})
		return r.deploy(r.request(tip).Text())
	}
	t.Run("the other has an objection", func(t *testing.T) {
		work(t, "agent/a", "agent/b", func(r *deployRig, n int) {
			r.d.Review(slug, n, gh.Review{User: "alice", State: "CHANGES_REQUESTED"})
		}).is("deny", "changes-requested")
	})
	t.Run("whoever approves pushed to the other", func(t *testing.T) {
		work(t, "agent/a", "agent/b", func(r *deployRig, _ int) {
			r.pushed("refs/heads/agent/b", r.base, "coder", true)
			r.pushed("refs/heads/agent/b", r.d.Refs(slug)["refs/heads/agent/a"], "bob", false)
		}).is("pending", missing, ineligible)
	})
	t.Run("near: the other has no review", func(t *testing.T) {
		work(t, "agent/a", "agent/b", func(*deployRig, int) {}).is("allow")
	})
}

// TestAttackObjectedElsewhere: a request for changes is about commits, and stands against them in whichever pull
// request it was made: at the merge queue and at a deploy as in the pull request's own check.
func TestAttackObjectedElsewhere(t *testing.T) {
	t.Parallel()
	const objected = "changes-requested"
	type place struct {
		name string
		open func(r *deployRig, head string, n int) int // another pull request of the head of number n
	}
	places := []place{
		{"for the same base", func(r *deployRig, head string, _ int) int {
			r.d.Push(slug, "refs/heads/agent/twin", head, "coder")
			return r.open("agent/twin", head)
		}},
		{"for another base", func(r *deployRig, head string, _ int) int {
			r.d.Push(slug, "refs/heads/release", r.base, "alice")
			return r.d.OpenPull(slug, gh.PullRequest{Title: "Twin", Author: "coder", HeadRef: "agent/same", HeadSHA: head, BaseRef: "release"})
		}},
		{"a stranger's", func(r *deployRig, head string, _ int) int {
			return r.stranger("refs/heads/agent/same", head, "main", "mine")
		}},
	}
	type object struct {
		name    string
		by      string
		after   string // whose approval of the other follows
		objects bool
	}
	objects := []object{
		{"alice objects", "alice", "", true},
		{"near: a stranger objects", "mallory", "", false},
		{"near: dana, who may not approve", "dana", "", false},
		{"near: bob objects, and approves the other since", "bob", "bob", false},
	}
	for _, at := range places {
		for _, o := range objects {
			t.Run(at.name+", "+o.name, func(t *testing.T) {
				r := newDeployRigOf(t, policyWith(mainGate), people)
				head := r.commit(commit{by: "agent.coder", chain: r.rig.chain(), parents: []string{r.tip}, files: map[string]string{"src/same.go": "package same\n"}, message: "Same"})
				r.d.Push(slug, "refs/heads/agent/same", head, "coder")
				n := r.open("agent/same", head)
				r.d.Review(slug, n, gh.Review{User: "bob", State: "APPROVED"})
				twin := at.open(r, head, n)
				r.d.Advance(time.Second)
				if o.after == "" && !o.objects || o.after != "" { // else the twin waits for an approval of its own
					r.d.Review(slug, twin, gh.Review{User: "bob", State: "APPROVED"})
					r.d.Advance(time.Second)
				}
				r.d.Review(slug, twin, gh.Review{User: o.by, State: "CHANGES_REQUESTED"})
				r.d.Advance(time.Second)
				if o.after != "" {
					if at.name == "for the same base" { // judged by itself as well
						r.d.Review(slug, twin, gh.Review{User: o.after, State: "APPROVED"})
					}
					r.d.Review(slug, n, gh.Review{User: o.after, State: "APPROVED"})
					r.d.Advance(time.Second)
				}
				wants := func(got *result) {
					t.Helper()
					if o.objects {
						if got.code != 1 || !slices.Contains(got.rules(), objected) {
							t.Errorf("exit %d, rules %v\n%s", got.code, got.rules(), got.stdout)
						}
						return
					}
					got.wants(0, "allow")
				}
				wants(r.on("pull_request_target", gh.EventOf{Number: n}))
				for _, how := range []string{"merge", "squash"} {
					g := r.group(n, r.tip, head, how)
					wants(r.on("merge_group", gh.EventOf{Number: n, After: g}))
					r.d.Push(slug, fmt.Sprintf("refs/heads/gh-readonly-queue/main/pr-%d-%s", n, r.tip), "", "alice")
				}
				sq := r.commit(commit{parents: []string{r.tip}, tree: r.git(slug, "", "rev-parse", head+"^{tree}"), message: "Same (#2)", forge: true})
				r.d.Merge(slug, n, "alice", sq)
				r.d.Advance(time.Second)
				wants(r.deploy(r.request(sq).Text()))
				if o.objects { // and the way out of it
					r.d.SetState(slug, twin, "closed", "alice")
					r.deploy(r.request(sq).Text()).wants(0, "allow")
				}
			})
		}
	}
}
