package actiontest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	gh "github.com/remit-sh/remit/internal/githubdouble"
	"github.com/remit-sh/remit/internal/invariant"
)

// eventsPolicy has a base of its own policy, one that has none, and gates on both.
const eventsPolicy = mainGate + `
settings {
  bases = ["release/**"]
}

grant "coder works on releases" {
  to       = [agent.coder]
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", "release/**"]
  paths    = ["src/**"]
  max_ttl  = "1h"
}
`

// events is a repository to which things happen in any order, and whose runs come late and more than once.
type events struct {
	*rig

	random  *rand.Rand
	chain   delegation.Chain
	lines   []string // what happened
	pending []func() // runs that are still to come
	past    []func()
	pulls   []int
	heads   []string // every commit that was a head
	files   int
}

func (e *events) say(format string, args ...any) {
	e.lines = append(e.lines, fmt.Sprintf(format, args...))
	e.d.Advance(time.Second)
}

func pick[T any](e *events, list []T) T { return list[e.random.IntN(len(list))] }

// due has an event's run come some time.
func (e *events) due(kind string, of gh.EventOf) {
	of.Repository = slug
	payload := e.d.Event(kind, of)
	e.pending = append(e.pending, func() {
		got := e.run(kind, payload)
		e.lines = append(e.lines, fmt.Sprintf("  ran %s #%d: %s", kind, of.Number, got.outputs["verdict"]))
	})
}

func (e *events) pull(n int) *gh.PullRequest {
	for _, p := range e.d.State().Repositories[0].PullRequests {
		if p.Number == n {
			return p
		}
	}
	e.t.Fatalf("there is no pull request %d", n)
	return nil
}

// moved has the runs come that GitHub starts when a branch moved.
func (e *events) moved(branch, was string) {
	head := e.d.Refs(slug)["refs/heads/"+branch]
	for _, n := range e.pulls {
		p := e.pull(n)
		if p.HeadRef != branch || p.State == "closed" || p.HeadRepo != "" && p.HeadRepo != slug {
			continue
		}
		if head == "" {
			e.d.SetState(slug, n, "closed", "coder") // as GitHub does
			e.due("pull_request_target", gh.EventOf{Number: n, Action: "closed"})
			continue
		}
		e.heads = append(e.heads, head)
		e.due("pull_request_target", gh.EventOf{Number: n, Action: "synchronize", Before: was})
	}
}

// happen makes one thing happen.
func (e *events) happen() {
	branch := pick(e, []string{"agent/a", "agent/b"})
	at := e.d.Refs(slug)["refs/heads/"+branch]
	by := pick(e, []string{"coder", "coder", "coder", "coder", "alice", "bob"})
	switch what := e.random.IntN(16); {
	case what < 3 || at == "":
		from := at
		if from == "" {
			from = e.base
		}
		e.files++
		path := fmt.Sprintf("%s/%d.go", pick(e, []string{"src", "src", "src", "src", "src", "src", "src/payments", "deploy"}), e.files)
		c := commit{by: "human." + by, parents: []string{from}, files: map[string]string{path: fmt.Sprint(e.files)}, message: path}
		if by == "coder" {
			c.by, c.chain = "agent.coder", e.chain
		}
		e.d.Push(slug, "refs/heads/"+branch, e.commit(c), by)
		e.say("%s pushed %s to %s", by, path, branch)
		e.moved(branch, at)
	case what == 3:
		e.d.ForcePush(slug, "refs/heads/"+branch, e.base, by)
		e.say("%s reset %s", by, branch)
		e.moved(branch, at)
	case what == 4:
		e.d.Push(slug, "refs/heads/"+branch, "", by)
		e.say("%s deleted %s", by, branch)
		e.moved(branch, at)
		e.d.Push(slug, "refs/heads/"+branch, at, by)
		e.say("%s made %s again", by, branch)
	case what < 7 || len(e.pulls) == 0:
		if at == e.base {
			return
		}
		base := pick(e, []string{"main", "agent/base", "release/1"})
		for _, n := range e.pulls { // GitHub opens no second one
			if p := e.pull(n); p.State != "closed" && p.HeadRef == branch && p.BaseRef == base {
				return
			}
		}
		n := e.d.OpenPull(slug, gh.PullRequest{Title: "Pay", Author: by, HeadRef: branch, HeadSHA: at, BaseRef: base})
		e.pulls, e.heads = append(e.pulls, n), append(e.heads, at)
		e.say("%s opened #%d of %s onto %s", by, n, branch, base)
		e.due("pull_request_target", gh.EventOf{Number: n})
	default:
		e.happenTo(pick(e, e.pulls), what, by)
	}
}

// happenTo makes something happen to a pull request.
func (e *events) happenTo(n, what int, by string) {
	p := e.pull(n)
	if p.State == "closed" && what != 12 {
		return
	}
	switch what {
	case 7:
		base := pick(e, []string{"main", "agent/base", "release/1"})
		for _, m := range e.pulls {
			if q := e.pull(m); q.State != "closed" && q.HeadRef == p.HeadRef && q.BaseRef == base {
				return
			}
		}
		e.d.Retarget(slug, n, base, by)
		e.say("%s retargeted #%d to %s", by, n, base)
		e.due("pull_request_target", gh.EventOf{Number: n, Action: "edited", From: p.BaseRef})
	case 8, 9, 10:
		who, state := pick(e, []string{"alice", "bob", "mallory"}), pick(e, []string{"APPROVED", "APPROVED", "CHANGES_REQUESTED", "COMMENTED"})
		id := e.d.Review(slug, n, gh.Review{User: who, State: state})
		e.say("%s reviewed #%d: %s", who, n, state)
		e.due("pull_request_target", gh.EventOf{Number: n, Action: "edited", From: p.BaseRef}) // the relay's run reads the same
		_ = id
	case 11:
		if len(p.Reviews) == 0 {
			return
		}
		v := pick(e, p.Reviews)
		if v.State != "APPROVED" && v.State != "CHANGES_REQUESTED" {
			return
		}
		e.d.Dismiss(slug, n, v.ID, by, "no more")
		e.say("%s dismissed the review of %s on #%d", by, v.User, n)
		e.due("pull_request_target", gh.EventOf{Number: n, Action: "edited", From: p.BaseRef})
	case 12:
		state, action := "closed", "closed"
		if p.State == "closed" {
			if !p.MergedAt.IsZero() || e.d.Refs(slug)["refs/heads/"+p.HeadRef] != p.HeadSHA {
				return
			}
			for _, m := range e.pulls {
				if q := e.pull(m); q.State != "closed" && q.HeadRef == p.HeadRef && q.BaseRef == p.BaseRef {
					return
				}
			}
			state, action = "open", "reopened"
		}
		e.d.SetState(slug, n, state, by)
		e.say("%s made #%d %s", by, n, state)
		e.due("pull_request_target", gh.EventOf{Number: n, Action: action})
	case 13:
		e.d.Change(func(s *gh.Scenario) {
			for _, q := range s.Repositories[0].PullRequests {
				if q.Number == n {
					q.Draft = !q.Draft
				}
			}
		})
		e.say("#%d is a draft: %v", n, !p.Draft)
		e.due("pull_request_target", gh.EventOf{Number: n, Action: "ready_for_review"})
	case 14:
		if at := e.d.Refs(slug)["refs/heads/"+p.HeadRef]; at != "" {
			e.due("push", gh.EventOf{Ref: "refs/heads/" + p.HeadRef, After: at})
			e.say("a run of the push of %s", p.HeadRef)
		}
	default:
		e.queue(n, p)
	}
}

// queue puts a pull request into the merge queue.
func (e *events) queue(n int, p *gh.PullRequest) {
	base := e.d.Refs(slug)["refs/heads/"+p.BaseRef]
	tree, err := e.mergeTree(base, p.HeadSHA)
	if err != nil {
		return
	}
	group := e.commit(commit{parents: []string{base, p.HeadSHA}, tree: tree, message: "Merge pull request", forge: true})
	ref := fmt.Sprintf("refs/heads/gh-readonly-queue/%s/pr-%d-%s", p.BaseRef, n, base)
	if e.d.Refs(slug)[ref] == "" {
		e.d.Push(slug, ref, group, "alice")
		e.say("#%d is queued", n)
		e.due("merge_group", gh.EventOf{Number: n, After: group})
	}
}

// runs lets some of the runs come that are due, in any order; all of them where the rest is to be seen.
func (e *events) runsCome(all bool) {
	for len(e.pending) > 0 && (all || e.random.IntN(3) > 0) {
		i := e.random.IntN(len(e.pending))
		run := e.pending[i]
		e.pending = slices.Delete(e.pending, i, i+1)
		e.past = append(e.past, run)
		run()
	}
	if len(e.past) > 0 && e.random.IntN(3) == 0 {
		e.lines = append(e.lines, "  a run again:")
		pick(e, e.past)()
	}
}

// fresh judges a pull request now.
func (e *events) fresh(n int) *result {
	return e.on("pull_request_target", gh.EventOf{Number: n, Action: "edited", From: e.pull(n).BaseRef})
}

// checkName is the name of the check for a base.
func checkName(base string) string {
	if base == "main" {
		return "remit"
	}
	return "remit: " + base
}

// TestPropertyEvents: whatever happens to pull requests, and however late and often the runs come: once they have
// come, a check that GitHub takes for a success is for an open pull request of that head onto that base, or one
// that was merged, and judging that afresh allows it; nobody's approval counted who pushed a part of it; and
// what a stranger does changes nobody else's verdict.
func TestPropertyEvents(t *testing.T) {
	judged, greens := 0, 0
	invariant.Property(t, 4, func(t *testing.T, seed uint64) {
		r := newRig(t, policyWith(eventsPolicy))
		for _, base := range []string{"agent/base", "release/1"} {
			r.d.Push(slug, "refs/heads/"+base, r.base, "alice")
		}
		e := &events{rig: r, random: rand.New(rand.NewPCG(seed, 9)), chain: r.chain()}
		for range 14 {
			e.happen()
			e.runsCome(false)
		}
		e.runsCome(true)
		fail := func(format string, args ...any) {
			t.Errorf("REMIT_SEED=%d: %s\n  %s", seed, fmt.Sprintf(format, args...), strings.Join(e.lines, "\n  "))
		}
		e.noStrayGreen(fail)
		before := map[int]string{}
		for _, n := range e.pulls {
			p := e.pull(n)
			if p.State == "closed" {
				continue
			}
			green := slices.Contains(strings.Split(r.greens(p.HeadSHA), ", "), checkName(p.BaseRef))
			got := e.fresh(n)
			before[n] = got.outputs["verdict"]
			judged++
			if green {
				greens++
			}
			if green && got.code != 0 {
				fail("#%d has a green check, and judged afresh it is %s by %v", n, got.outputs["verdict"], got.rules())
			}
			for _, who := range e.partBeside(n, got) {
				fail("#%d: the approval of %s counts, who pushed a part of it", n, who)
			}
		}
		for n := range before {
			for _, state := range []string{"APPROVED", "CHANGES_REQUESTED"} {
				r.d.Review(slug, n, gh.Review{User: "mallory", State: state})
				r.d.Advance(time.Second)
			}
			if got := e.fresh(n); got.outputs["verdict"] != before[n] {
				fail("#%d was %s, and is %s by %v since a stranger reviewed it", n, before[n], got.outputs["verdict"], got.rules())
			}
		}
	})
	t.Logf("%d open pull requests were judged afresh, %d of them with a green check", judged, greens)
}

// noStrayGreen wants no success on a commit for a base to which no pull request of it goes.
func (e *events) noStrayGreen(fail func(string, ...any)) {
	slices.Sort(e.heads)
	for _, head := range slices.Compact(e.heads) {
		for _, name := range strings.Split(e.greens(head), ", ") {
			if name == "" || name == "remit (push)" {
				continue
			}
			if !slices.ContainsFunc(e.pulls, func(n int) bool {
				p := e.pull(n)
				return p.HeadSHA == head && checkName(p.BaseRef) == name && (p.State != "closed" || !p.MergedAt.IsZero())
			}) {
				fail("the check %q on %s is green, and no pull request of it goes there", name, head[:10])
			}
		}
	}
}

// partBeside lists whose approval counts although they pushed something of the pull request, by the whole log.
func (e *events) partBeside(n int, got *result) []string {
	p := e.pull(n)
	own := strings.Fields(e.git(slug, "", "rev-list", e.d.Refs(slug)["refs/heads/"+p.BaseRef]+".."+p.HeadSHA))
	var out []string
	for _, gate := range got.report.Gates {
		for _, who := range gate.Counted {
			login := strings.TrimPrefix(who, "human.")
			for _, a := range e.d.State().Repositories[0].Activity {
				if a.Actor != login || a.After == "" || a.Ref != "refs/heads/"+p.HeadRef {
					continue
				}
				if slices.ContainsFunc(strings.Fields(e.git(slug, "", "rev-list", e.base+".."+a.After)), func(id string) bool { return slices.Contains(own, id) }) {
					out = append(out, who)
					break
				}
			}
		}
	}
	return out
}
