package forgetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/forge"
	gh "github.com/remit-sh/remit/internal/githubdouble"
)

func read(t *testing.T, r *rig) evidence.PullRequest {
	t.Helper()
	pr, gaps, err := r.PullRequest(bg, shopName, 7, forge.History{})
	if err != nil || len(gaps) > 0 {
		t.Fatalf("%v %+v", err, gaps)
	}
	return pr
}

func TestPullRequest(t *testing.T) {
	r := start(t, shop())
	if pr := read(t, r); !reflect.DeepEqual(pr, want()) {
		t.Errorf("got  %+v\nwant %+v", pr, want())
	}
	n := r.Requests()
	if got, err := r.Repository(bg, shopName); err != nil || got.ID != 4711 || r.Requests() != n {
		t.Errorf("%+v, %v, %d requests", got, err, r.Requests()-n)
	}
	for _, e := range r.d.Journal() {
		if e.Method != "GET" {
			t.Errorf("%s %s", e.Method, e.Path)
		}
	}
}

// TestCost: the number of requests does not grow with the number of commits.
func TestCost(t *testing.T) {
	for _, commits := range []int{1, 100, 1000} {
		s := shop()
		p := pull(&s)
		p.Commits = nil
		for i := range commits - 1 {
			p.Commits = append(p.Commits, id(i+1))
		}
		p.Commits = append(p.Commits, p.HeadSHA)
		r := start(t, s)
		pr := read(t, r)
		if _, gaps := r.Roles(bg, shopName, []evidence.Account{alice, bob}, nil, anybody); len(gaps) > 0 || !pr.Complete {
			t.Fatal(gaps)
		}
		all, counted := len(r.d.Journal()), len(r.d.Journal().Counted())
		t.Logf("%d commits: %d requests, %d of which cost quota", commits, all, counted)
		if all > 9 || counted > 6 || r.Requests() != all {
			t.Errorf("%d commits: %d requests, %d of which cost quota", commits, all, counted)
		}
		r.d.ClearJournal()
		read(t, r) // again, nothing changed
		if n := len(r.d.Journal().Counted()); n != 0 {
			t.Errorf("reading again costs %d requests", n)
		}
	}
}

// The lists that a pull request is read from, and the ref of its base.
var operations = []string{"pulls/get", "pulls/list-reviews", "issues/list-events", "repos/list-activities"}

// TestPassingFaults: a failure that passes changes nothing but the time it takes.
func TestPassingFaults(t *testing.T) {
	s := shop()
	p := pull(&s)
	for i := range 150 { // two pages
		p.Reviews = append(p.Reviews, &gh.Review{User: "alice", State: "COMMENTED", SubmittedAt: noon.Add(time.Duration(i) * time.Second)})
		p.Timeline = append(p.Timeline, &gh.Event{Event: "labeled", Actor: "bob", CreatedAt: noon.Add(time.Duration(i) * time.Second)})
	}
	p.Timeline = append(p.Timeline, &gh.Event{Event: "base_ref_changed", Actor: "coder", CreatedAt: noon.Add(time.Hour)})
	activity := &s.Repositories[0].Activity
	for i := range 120 {
		*activity = append(*activity, &gh.Activity{
			Ref: "refs/heads/agent/cart", Before: (*activity)[len(*activity)-1].After, After: id(i + 1), Actor: "bob", Timestamp: noon,
		})
	}
	p.HeadSHA = id(120)
	plain := read(t, start(t, s))
	if len(plain.Reviews) != 152 || len(plain.Retargets) != 1 || len(plain.Pushes) != 122 {
		t.Fatalf("%d reviews, %d retargets, %d pushes", len(plain.Reviews), len(plain.Retargets), len(plain.Pushes))
	}
	for name, c := range map[string]struct {
		fault  gh.Fault
		waited time.Duration // 0: none or some
		lists  bool          // is about lists alone
	}{
		"502":                  {fault: gh.Fault{Kind: gh.FaultStatus, Status: 502}},
		"500 three times":      {fault: gh.Fault{Kind: gh.FaultStatus, Status: 500, Times: 3}},
		"503 with Retry-After": {fault: gh.Fault{Kind: gh.FaultStatus, Status: 503, RetryAfter: 9}, waited: 9 * time.Second},
		"429 with Retry-After": {fault: gh.Fault{Kind: gh.FaultStatus, Status: 429, RetryAfter: 7}, waited: 7 * time.Second},
		"429 without":          {fault: gh.Fault{Kind: gh.FaultStatus, Status: 429}},
		"secondary limit":      {fault: gh.Fault{Kind: gh.FaultSecondary}, waited: time.Minute},
		"cut":                  {fault: gh.Fault{Kind: gh.FaultCut}},
		"truncated":            {fault: gh.Fault{Kind: gh.FaultTruncated}},
		"short page":           {fault: gh.Fault{Kind: gh.FaultShort}, lists: true},
		"short second page":    {fault: gh.Fault{Kind: gh.FaultShort, Skip: 1}, lists: true},
		"no link":              {fault: gh.Fault{Kind: gh.FaultNoLink}, lists: true},
	} {
		for _, operation := range operations {
			if c.lists && operation == "pulls/get" {
				continue
			}
			r := start(t, s)
			c.fault.Operation = operation
			r.d.Inject(c.fault)
			pr, gaps, err := r.PullRequest(bg, shopName, 7, forge.History{})
			if err != nil || len(gaps) > 0 || !reflect.DeepEqual(pr, plain) {
				t.Errorf("%s of %s: %v %+v, %d reviews, %d retargets, %d pushes", name, operation, err, gaps, len(pr.Reviews), len(pr.Retargets), len(pr.Pushes))
			}
			if c.waited > 0 && !slices.Equal(r.waited, []time.Duration{c.waited}) {
				t.Errorf("%s of %s: waited %v", name, operation, r.waited)
			}
			if r.Requests() > 40 {
				t.Errorf("%s of %s: %d requests", name, operation, r.Requests())
			}
		}
	}
}

// TestLastingFaults: what goes on failing is not known, and is not tried for ever.
func TestLastingFaults(t *testing.T) {
	for name, fault := range map[string]gh.Fault{
		"502":                    {Kind: gh.FaultStatus, Status: 502},
		"429":                    {Kind: gh.FaultStatus, Status: 429, RetryAfter: 5},
		"limit that lasts hours": {Kind: gh.FaultStatus, Status: 429, RetryAfter: 7200},
		"secondary limit":        {Kind: gh.FaultSecondary},
		"exhausted":              {Kind: gh.FaultExhausted}, // the reset is an hour away
		"cut":                    {Kind: gh.FaultCut},
		"truncated":              {Kind: gh.FaultTruncated},
	} {
		for _, operation := range operations {
			r := start(t, shop())
			fault.Operation, fault.Times = operation, -1
			r.d.Inject(fault)
			pr, gaps, err := r.PullRequest(bg, shopName, 7, forge.History{})
			if operation == "pulls/get" {
				if !errors.Is(err, forge.ErrUnavailable) || !reflect.DeepEqual(pr, evidence.PullRequest{}) {
					t.Errorf("%s of %s: %v, %+v", name, operation, err, pr)
				}
			} else if err != nil || pr.Complete || len(gaps) != 1 || gaps[0].Kind != evidence.GapForge || gaps[0].Detail == "" || gaps[0].Fix == "" {
				t.Errorf("%s of %s: %v, complete %t, %+v", name, operation, err, pr.Complete, gaps)
			}
			var waited time.Duration
			for _, d := range r.waited {
				waited += d
			}
			if waited > 2*time.Minute || r.Requests() > 16 {
				t.Errorf("%s of %s: waited %v, %d requests", name, operation, waited, r.Requests())
			}
		}
	}
}

// TestRateLimitReset: the client waits for the reset that the answer names, if it is near.
func TestRateLimitReset(t *testing.T) {
	s := shop()
	s.Tokens[0].Limit = 3
	r := start(t, s)
	if _, err := r.Repository(bg, shopName); err != nil { // the hour of the limit begins
		t.Fatal(err)
	}
	r.d.Advance(59*time.Minute + 30*time.Second)
	read(t, r)
	if !slices.Equal(r.waited, []time.Duration{31 * time.Second}) {
		t.Errorf("waited %v", r.waited)
	}
}

func TestBudget(t *testing.T) {
	for budget := 1; budget < 7; budget++ {
		r := start(t, shop(), func(o *forge.Options) { o.Budget = budget })
		pr, gaps, err := r.PullRequest(bg, shopName, 7, forge.History{})
		if pr.Complete || err == nil && len(gaps) == 0 || err != nil && !errors.Is(err, forge.ErrBudget) {
			t.Errorf("%d: %v, %+v", budget, err, gaps)
		}
		if len(gaps) > 0 && gaps[0].Kind != evidence.GapLimit {
			t.Errorf("%d: %+v", budget, gaps)
		}
		if n := len(r.d.Journal()); n > budget {
			t.Errorf("%d: %d requests", budget, n)
		}
	}
	read(t, start(t, shop(), func(o *forge.Options) { o.Budget = 7 })) // is just enough
}

// TestStaleReads: a read from a copy that lags behind is not believed.
func TestStaleReads(t *testing.T) {
	for _, operation := range []string{"pulls/get", "pulls/list-reviews", "issues/list-events", "repos/list-activities"} {
		r := start(t, shop())
		r.d.Push("acme/shop", "refs/heads/agent/cart", sha("f"), "mallory")
		r.d.Dismiss("acme/shop", 7, 31, "alice", "no")
		r.d.Retarget("acme/shop", 7, "release/2", "coder")
		r.d.Inject(gh.Fault{Kind: gh.FaultStale, Operation: operation, Back: 3})
		pr := read(t, r)
		if pr.Head != sha("f") || pr.Reviews[1].State != "DISMISSED" || len(pr.Retargets) != 1 || pr.Pushes[0].By.Login != "mallory" || pr.BaseRef != "refs/heads/release/2" {
			t.Errorf("%s: %+v", operation, pr)
		}
	}
}

// TestPermissions: a token that lacks a permission is told which, and how to get it.
func TestPermissions(t *testing.T) {
	all := map[string]string{"contents": "read", "pull_requests": "read", "issues": "read"}
	for lacking, c := range map[string]struct {
		names  string // in the fix
		failed int    // gaps; 0: nothing can be read
	}{
		"contents":      {"`contents: read`", 1}, // the pushes
		"pull_requests": {"`pull-requests: read`", 0},
	} {
		s := shop()
		few := map[string]string{}
		for name, level := range all {
			if name != lacking {
				few[name] = level
			}
		}
		s.Tokens[0].Permissions = few
		r := start(t, s)
		pr, gaps, err := r.PullRequest(bg, shopName, 7, forge.History{})
		if pr.Complete || len(gaps) != c.failed || (c.failed == 0) != errors.Is(err, forge.ErrPermission) {
			t.Fatalf("%s: %v, %+v", lacking, err, gaps)
		}
		text := fmt.Sprint(err)
		for _, g := range gaps {
			text += g.Fix
		}
		if !strings.Contains(text, c.names) || !strings.Contains(text, "permissions:") {
			t.Errorf("%s: %s", lacking, text)
		}
		if len(r.waited) > 0 {
			t.Errorf("%s: waited %v", lacking, r.waited)
		}
	}
	s := shop()
	s.Tokens[0].Permissions = map[string]string{"contents": "read", "pull_requests": "read"} // issues are not needed
	read(t, start(t, s))

	_, _, err := start(t, shop(), withToken("unknown")).PullRequest(bg, shopName, 7, forge.History{})
	var lacks *forge.PermissionError
	if !errors.As(err, &lacks) || lacks.Permission != "" {
		t.Errorf("a bad token: %v", err)
	}
}

// TestTokenStaysSecret: no error tells the token.
func TestTokenStaysSecret(t *testing.T) {
	for _, fault := range []gh.Fault{{Kind: gh.FaultCut}, {Kind: gh.FaultStatus, Status: 401}, {Kind: gh.FaultStatus, Status: 403}, {Kind: gh.FaultTruncated}, {Kind: gh.FaultSecondary}} {
		r := start(t, shop())
		fault.Times = -1
		r.d.Inject(fault)
		_, _, err := r.PullRequest(bg, shopName, 7, forge.History{})
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), token) {
			t.Errorf("%+v", err)
		}
	}
}

func TestLiveState(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*gh.Double)
		check  func(evidence.PullRequest) bool
	}{
		"a dismissed approval": {
			func(d *gh.Double) { d.Dismiss("acme/shop", 7, 31, "alice", "no") },
			func(p evidence.PullRequest) bool { return p.Reviews[1].State == "DISMISSED" && p.Reviews[1].By == bob },
		},
		"changes requested": {
			func(d *gh.Double) { d.Review("acme/shop", 7, gh.Review{User: "bob", State: "CHANGES_REQUESTED"}) },
			func(p evidence.PullRequest) bool {
				return len(p.Reviews) == 3 && p.Reviews[1].State == "APPROVED" && p.Reviews[2].State == "CHANGES_REQUESTED"
			},
		},
		"a comment that says approved": {
			func(d *gh.Double) { d.Comment("acme/shop", 7, "bob", ":+1: approved") },
			func(p evidence.PullRequest) bool { return len(p.Reviews) == 2 },
		},
		"pushed after the approval": {
			func(d *gh.Double) { d.Push("acme/shop", "refs/heads/agent/cart", sha("f"), "bob") },
			func(p evidence.PullRequest) bool {
				return p.Head == sha("f") && p.Reviews[1].Commit == sha("c") && len(p.Pushes) == 3 && p.Pushes[0].By == bob
			},
		},
		"forced": {
			func(d *gh.Double) { d.ForcePush("acme/shop", "refs/heads/agent/cart", sha("f"), "bob") },
			func(p evidence.PullRequest) bool { return p.Head == sha("f") && p.Pushes[0].Kind == "force_push" },
		},
		"retargeted and back": {
			func(d *gh.Double) {
				d.Retarget("acme/shop", 7, "release/2", "coder")
				d.Advance(time.Minute)
				d.Retarget("acme/shop", 7, "main", "coder")
			},
			func(p evidence.PullRequest) bool {
				return p.BaseRef == "refs/heads/main" && slices.Equal(p.Retargets, []time.Time{noon, noon.Add(time.Minute)})
			},
		},
		"closed": {
			func(d *gh.Double) { d.SetState("acme/shop", 7, "closed", "coder") },
			func(p evidence.PullRequest) bool { return !p.Open && !p.Merged },
		},
		"merged": {
			func(d *gh.Double) {
				d.Merge("acme/shop", 7, "alice", sha("9"))
				d.Push("acme/shop", "refs/heads/agent/cart", "", "alice")
			},
			func(p evidence.PullRequest) bool {
				return !p.Open && p.Merged && len(p.Pushes) == 2
			},
		},
		"a renamed reviewer": {
			func(d *gh.Double) { d.Rename("bob", "robert") },
			func(p evidence.PullRequest) bool {
				return p.Reviews[1].By == evidence.Account{ID: 2, Login: "robert", Type: "User"}
			},
		},
	} {
		r := start(t, shop())
		c.change(r.d)
		if pr := read(t, r); !c.check(pr) {
			t.Errorf("%s: %+v", name, pr)
		}
	}
}

// TestPushLog: who pushed the branch is known from its head back to its beginning, or not at all.
func TestPushLog(t *testing.T) {
	const ref = "refs/heads/agent/cart"
	whole := shop().Repositories[0].Activity
	long := []*gh.Activity{{Ref: ref, After: id(1), Actor: "mallory", Timestamp: noon.Add(-3 * time.Hour)}}
	for i := 2; i < 700; i++ {
		long = append(long, &gh.Activity{Ref: ref, Before: id(i - 1), After: id(i), Actor: "alice", Timestamp: noon.Add(-2 * time.Hour)})
	}
	long = append(long, &gh.Activity{Ref: ref, Before: id(699), After: sha("c"), Actor: "coder", Timestamp: noon.Add(-90 * time.Minute)})
	none := func(*evidence.PullRequest, string) bool { return false }
	base := func(ids ...string) func(*evidence.PullRequest, string) bool {
		return func(pr *evidence.PullRequest, s string) bool {
			return slices.Contains(ids, s) && pr.Head == sha("c")
		}
	}
	for name, c := range map[string]struct {
		log    []*gh.Activity
		inBase func(*evidence.PullRequest, string) bool
		holds  func(*evidence.PullRequest, string) bool
		pushes int // 0: not complete
		kind   evidence.GapKind
	}{
		"whole":                      {log: whole, pushes: 2},
		"nothing":                    {kind: evidence.GapForge},
		"the head's push is missing": {log: whole[:1], kind: evidence.GapForge},
		"the beginning is missing":   {log: whole[1:], kind: evidence.GapForge},
		"of another branch":          {log: []*gh.Activity{{Ref: "refs/heads/other", After: sha("c"), Actor: "coder"}}, kind: evidence.GapForge},
		"another push since": {
			log:  append(slices.Clone(whole), &gh.Activity{Ref: ref, Before: sha("c"), After: sha("f"), Actor: "mallory", Timestamp: noon}),
			kind: evidence.GapForge,
		},
		"a hole": {
			log:  []*gh.Activity{whole[0], {Ref: ref, Before: sha("9"), After: sha("c"), Actor: "coder", Timestamp: noon.Add(-90 * time.Minute)}},
			kind: evidence.GapForge,
		},
		"an older branch of that name": {
			log: append([]*gh.Activity{
				{Ref: ref, After: sha("1"), Actor: "mallory", Timestamp: noon.Add(-5 * time.Hour)},
				{Ref: ref, Before: sha("1"), Actor: "mallory", Timestamp: noon.Add(-4 * time.Hour)},
			}, whole...),
			pushes: 2, holds: none,
		},
		"an older branch of that name that held it": {
			log: append([]*gh.Activity{
				{Ref: ref, After: sha("1"), Actor: "mallory", Timestamp: noon.Add(-5 * time.Hour)},
				{Ref: ref, Before: sha("1"), Actor: "mallory", Timestamp: noon.Add(-4 * time.Hour)},
			}, whole...),
			pushes: 3, // of what cannot be told it is assumed
		},
		"deleted and restored since the pull request was opened": {
			log: append(slices.Clone(whole),
				&gh.Activity{Ref: ref, Before: sha("c"), Actor: "mallory", Timestamp: noon.Add(-2 * time.Minute)},
				&gh.Activity{Ref: ref, After: sha("c"), Actor: "mallory", Timestamp: noon.Add(-time.Minute)}),
			pushes: 4,
		},
		"longer than is read":                       {log: long, kind: evidence.GapLimit},
		"longer, and the base has it up to a point": {log: long, inBase: base(id(690)), pushes: 10},
		"the base has something else":               {log: long, inBase: base(sha("9")), kind: evidence.GapLimit},
		"no beginning, and the base has it":         {log: whole[1:], inBase: base(sha("a")), pushes: 1},
	} {
		s := shop()
		s.Repositories[0].Activity = c.log
		r := start(t, s)
		pr, gaps, err := r.PullRequest(bg, shopName, 7, forge.History{InBase: c.inBase, Holds: c.holds})
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case c.pushes == 0 && (pr.Complete || len(gaps) != 1 || gaps[0].Kind != c.kind):
			t.Errorf("%s: complete %t, %+v", name, pr.Complete, gaps)
		case c.pushes > 0 && (!pr.Complete || len(pr.Pushes) != c.pushes || len(gaps) > 0):
			t.Errorf("%s: complete %t, %d pushes, %+v", name, pr.Complete, len(pr.Pushes), gaps)
		}
	}
}

func TestFork(t *testing.T) {
	s := shop()
	s.Repositories[0].PullRequests = append(s.Repositories[0].PullRequests, &gh.PullRequest{
		Number: 8, Author: "mallory", HeadRepo: "mallory/shop", HeadRef: "fix", HeadSHA: sha("f"), CreatedAt: noon,
	})
	s.Repositories[1].Activity = []*gh.Activity{{Ref: "refs/heads/fix", After: sha("f"), Actor: "mallory", Timestamp: noon.Add(-time.Hour)}}
	r := start(t, s)
	pr, gaps, err := r.PullRequest(bg, shopName, 8, forge.History{})
	if err != nil || len(gaps) > 0 || pr.HeadRepository != "github.com/mallory/shop" || len(pr.Pushes) != 1 || pr.Pushes[0].By.Login != "mallory" {
		t.Errorf("%v %+v %+v", err, gaps, pr)
	}

	s.Repositories[0].PullRequests[1].HeadDeleted = true
	pr, gaps, err = start(t, s).PullRequest(bg, shopName, 8, forge.History{})
	if err != nil || pr.Complete || len(gaps) != 1 || pr.HeadRepository != "" || !strings.Contains(gaps[0].Detail, "deleted") {
		t.Errorf("a fork that is gone: %v %+v %+v", err, gaps, pr)
	}
}

func numbersOf(open []forge.OpenPull) []int {
	var numbers []int
	for _, p := range open {
		numbers = append(numbers, p.Number)
	}
	return numbers
}

func TestOpenPullRequests(t *testing.T) {
	s := shop()
	shared := func(number int, change func(*gh.PullRequest)) {
		p := &gh.PullRequest{Number: number, Author: "coder", HeadRef: fmt.Sprintf("agent/%d", number), HeadSHA: sha("c"), CreatedAt: noon.Add(time.Duration(number) * time.Second)}
		if change != nil {
			change(p)
		}
		s.Repositories[0].PullRequests = append(s.Repositories[0].PullRequests, p)
	}
	shared(11, nil)
	shared(12, func(p *gh.PullRequest) { p.BaseRef = "release/2" })
	shared(13, func(p *gh.PullRequest) { p.State = "closed" })
	shared(14, func(p *gh.PullRequest) { p.MergedAt, p.MergedBy, p.MergeCommitSHA = noon, "alice", sha("c") }) // main has it
	shared(15, func(p *gh.PullRequest) { p.HeadRepo, p.HeadRef = "mallory/shop", "copy" })
	for i := range 230 {
		shared(100+i, func(p *gh.PullRequest) { p.HeadSHA = id(i + 1) })
	}
	r := start(t, s)
	got, err := r.OpenPullRequests(bg, shopName, sha("c"))
	if err != nil || !slices.Equal(numbersOf(got), []int{7, 11, 12, 15}) {
		t.Errorf("%v, %v", got, err)
	}
	if p := got[3]; !p.Fork || p.BaseRef != "refs/heads/main" || got[0].Fork || got[2].BaseRef != "refs/heads/release/2" || got[1].Author != coder {
		t.Errorf("%+v", got)
	}
	if n := len(r.d.Journal()); n != 6 || len(r.d.Journal().Counted()) != 3 {
		t.Errorf("%d requests", n)
	}
	if got, err := r.OpenPullRequests(bg, shopName, sha("0")); err != nil || len(got) != 0 {
		t.Errorf("of no pull request: %v, %v", got, err)
	}
	for _, fault := range []gh.Fault{
		{Kind: gh.FaultShort}, {Kind: gh.FaultShort, Skip: 1}, {Kind: gh.FaultNoLink}, {Kind: gh.FaultCut, Skip: 2}, {Kind: gh.FaultStatus, Status: 502, Times: 2},
	} {
		r := start(t, s)
		r.d.Inject(fault)
		if got, err := r.OpenPullRequests(bg, shopName, sha("c")); err != nil || !slices.Equal(numbersOf(got), []int{7, 11, 12, 15}) {
			t.Errorf("%v: %v, %v", fault.Kind, got, err)
		}
	}
	r = start(t, s, func(o *forge.Options) { o.Budget = 2 })
	if got, err := r.OpenPullRequests(bg, shopName, sha("c")); !errors.Is(err, forge.ErrBudget) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestMergedPullRequest(t *testing.T) {
	s := shop()
	s.Repositories[0].PullRequests = append(s.Repositories[0].PullRequests,
		&gh.PullRequest{
			Number: 6, Author: "alice", HeadRef: "old", HeadSHA: sha("5"), CreatedAt: noon.Add(-48 * time.Hour), Commits: []string{sha("4"), sha("5")},
			MergedAt: noon.Add(-24 * time.Hour), MergedBy: "bob", MergeCommitSHA: sha("b"),
		},
		// An open one, whose test merge is not the forge's record of anything.
		&gh.PullRequest{Number: 8, Author: "coder", HeadRef: "agent/x", HeadSHA: sha("6"), MergeCommitSHA: sha("8"), Commits: []string{sha("8"), sha("6")}})
	r := start(t, s)
	got, err := r.MergedPullRequest(bg, shopName, sha("b"))
	record := forge.MergeRecord{Number: 6, Commit: sha("b"), Head: sha("5"), BaseRef: "refs/heads/main", At: noon.Add(-24 * time.Hour), PullRequest: evidence.PullRequest{
		Number: 6, Title: "Change old", Merged: true, MergedAt: noon.Add(-24 * time.Hour), Author: alice, Created: noon.Add(-48 * time.Hour),
		HeadRepository: shopName, HeadRef: "refs/heads/old", Head: sha("5"), BaseRef: "refs/heads/main",
	}}
	if err != nil || !reflect.DeepEqual(got, []forge.MergeRecord{record}) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, commit := range map[string]string{"the merged head": sha("5"), "a test merge": sha("8"), "an open head": sha("c"), "an unknown commit": sha("0")} {
		if got, err := r.MergedPullRequest(bg, shopName, commit); !errors.Is(err, forge.ErrNotFound) || got != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestBrought: of the log of a ref as much is read as may matter.
func TestBrought(t *testing.T) {
	s := shop()
	var log []*gh.Activity
	before := ""
	move := func(after, by string) {
		log = append(log, &gh.Activity{Ref: "refs/heads/main", Before: before, After: after, Actor: by, Timestamp: noon.Add(time.Duration(len(log)) * time.Second)})
		before = after
	}
	for i := range 250 {
		move(id(i+1), "alice")
	}
	s.Repositories[0].Activity = log
	nothing := func(evidence.Push, string) bool { return false }
	after := func(ids ...string) func(evidence.Push, string) bool {
		return func(_ evidence.Push, c string) bool { return slices.Contains(ids, c) }
	}
	ask := func(name string, holds func(evidence.Push, string) bool, got, requests int, whole bool) {
		t.Helper()
		r := start(t, s)
		pushes, done, err := r.Brought(bg, shopName, "refs/heads/main", id(249), id(250), holds)
		if err != nil || len(pushes) != got || done != whole || len(r.d.Journal()) != requests || pushes[0].After != id(250) {
			t.Errorf("%s: %d pushes, whole %t, %d requests, %v", name, len(pushes), done, len(r.d.Journal()), err)
		}
	}
	ask("nothing older holds any of it", nothing, 1, 3, true) // and the two kinds of moves
	ask("what the push found holds some of it", after(id(249), id(248)), 3, 3, true)
	s.Repositories[0].Activity[39].Type = "force_push"
	ask("something was moved away, which held nothing", nothing, 1, 3, true)
	ask("something was moved away, which held it", after(id(39), id(38)), 3, 5, true)
	for len(log) < 800 {
		move(id(len(log)+1), "alice")
	}
	log = append(log, &gh.Activity{Ref: "refs/heads/main", Before: before, After: id(250), Type: "force_push", Actor: "alice", Timestamp: noon.Add(time.Hour)})
	s.Repositories[0].Activity = log
	s.Repositories[0].Activity[799].After = id(249)
	s.Repositories[0].Activity[800].Before = id(249)
	ask("it may be further back than is read", after(id(39)), 1, 7, false)
	r := start(t, s)
	if pushes, whole, err := r.Brought(bg, shopName, "refs/heads/none", "", id(1), nothing); err != nil || len(pushes) != 0 || !whole {
		t.Errorf("%v %t %v", pushes, whole, err)
	}
}

func TestRepository(t *testing.T) {
	r := start(t, shop())
	got, err := r.Repository(bg, "Acme/Shop")
	if err != nil || got != (forge.Repository{ID: 4711, Name: shopName, DefaultRef: "refs/heads/main"}) {
		t.Errorf("%+v, %v", got, err)
	}
	// A name that a repository had once may be somebody else's tomorrow.
	if got, err := r.Repository(bg, "acme/store"); !errors.Is(err, forge.ErrMoved) || got.ID != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, _, err := r.PullRequest(bg, "acme/store", 7, forge.History{}); !errors.Is(err, forge.ErrMoved) {
		t.Errorf("%v", err)
	}
	if won, err := r.UseOnce(bg, "acme/store", nonce, sha("c")); !errors.Is(err, forge.ErrMoved) || won {
		t.Errorf("%v", err)
	}
	if _, err := r.Repository(bg, "acme/none"); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, _, err := r.PullRequest(bg, shopName, 99, forge.History{}); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("%v", err)
	}
	r.d.ClearJournal()
	for _, repo := range []string{"", "shop", "a/b/c/d", "acme/../x", "acme/shop?x", "acme/sh op"} {
		if _, err := r.Repository(bg, repo); err == nil {
			t.Errorf("%q is accepted", repo)
		}
	}
	if n := len(r.d.Journal()); n > 0 {
		t.Errorf("%d requests", n)
	}
}

func TestRun(t *testing.T) {
	s := shop()
	s.Repositories[0].Runs = []*gh.WorkflowRun{
		{ID: 900, HeadSHA: sha("c"), HeadBranch: "agent/cart", Event: "pull_request", Actor: "coder", TriggeringActor: "mallory", Attempt: 2, PullRequests: []int{7}, CreatedAt: noon, WorkflowID: 5},
		{ID: 901, HeadSHA: sha("f"), HeadBranch: "fix", HeadRepo: "mallory/shop", Event: "pull_request", Actor: "mallory", CreatedAt: noon},
	}
	r := start(t, s)
	got, err := r.Run(bg, shopName, 900)
	wantRun := forge.Run{
		ID: 900, WorkflowID: 5, Attempt: 2, Event: "pull_request", Status: "in_progress", Workflow: ".github/workflows/ci.yml", Head: sha("c"), HeadBranch: "agent/cart",
		HeadRepository: shopName, Actor: coder, Triggering: evidence.Account{ID: 4, Login: "mallory", Type: "User"}, Created: noon, Started: noon, PullRequests: []int{7},
	}
	if err != nil || !reflect.DeepEqual(got, wantRun) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := r.Run(bg, shopName, 901); err != nil || got.HeadRepository != "github.com/mallory/shop" || got.PullRequests != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := r.Run(bg, shopName, 1); !errors.Is(err, forge.ErrNotFound) {
		t.Error(err)
	}
}
