package forgetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/remit-sh/remit/forge"
	gh "github.com/remit-sh/remit/internal/githubdouble"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

// result is a report about files that a commit may not touch.
func result(at time.Time, effect verdict.Effect, paths ...string) *verdict.Report {
	r := &verdict.Report{Repository: shopName, Policy: "sha256:" + strings.Repeat("5", 64), At: at, AtSource: "clock"}
	act := verdict.Act{Kind: "commit", Subject: sha("c"), Actor: "agent.coder", Seen: at, SeenBy: "judge's clock"}
	for _, p := range paths {
		act.Findings = append(act.Findings, verdict.Finding{
			Rule: "scope-path", Effect: effect, Path: p, Summary: p + " is outside the delegation",
			Reason: "the delegation covers src/**", Fix: "Ask for one that covers it.",
		})
	}
	if len(paths) == 0 && effect != verdict.Note {
		act.Findings = []verdict.Finding{{Rule: "unsigned", Effect: effect, Summary: "the commit is unsigned", Reason: "agents sign"}}
	}
	r.Acts = []verdict.Act{act}
	r.Settle()
	return r
}

// posting is a check run and where it may be posted.
type posting struct {
	forge.CheckRun
	forge.CheckOptions
}

// shown is how the action shows a report.
func shown(t *testing.T, r *verdict.Report, o ...report.JobOptions) posting {
	t.Helper()
	run, err := report.NewCheckRun(r, append(o, report.JobOptions{})[0])
	if err != nil {
		t.Fatal(err)
	}
	p := posting{
		forge.CheckRun{
			ID: run.ID, Conclusion: run.Conclusion, Title: run.Title, Summary: run.Summary, Text: run.Text, DetailsURL: "https://example.com/run",
		},
		forge.CheckOptions{AppID: 77},
	}
	for _, a := range run.Annotations {
		p.Annotations = append(p.Annotations, forge.Annotation(a))
	}
	return p
}

// send posts what is shown on the head.
func send(r *rig, p posting) (bool, error) {
	return r.PostChecks(bg, shopName, sha("c"), []forge.CheckRun{p.CheckRun}, p.CheckOptions)
}

func post(t *testing.T, r *rig, rep *verdict.Report) bool {
	t.Helper()
	posted, err := send(r, shown(t, rep))
	if err != nil {
		t.Fatal(err)
	}
	return posted
}

// only is the one check run on the head.
func only(t *testing.T, r *rig) gh.CheckRun {
	t.Helper()
	runs := r.d.CheckRuns("acme/shop", sha("c"))
	if len(runs) != 1 {
		t.Fatalf("%d check runs: %+v", len(runs), runs)
	}
	return runs[0]
}

func TestConclusions(t *testing.T) {
	observe := func(r *verdict.Report) *verdict.Report { r.Observe = true; return r }
	for name, c := range map[string]struct {
		report     *verdict.Report
		bootstrap  bool
		conclusion string
		title      string
	}{
		"allow":                  {report: result(noon, verdict.Note), conclusion: "success", title: "allowed"},
		"a warning":              {report: result(noon, verdict.Warn), conclusion: "success", title: "allowed"},
		"deny":                   {report: result(noon, verdict.Deny), conclusion: "failure", title: "denied"},
		"undecided":              {report: result(noon, verdict.Undecided), conclusion: "failure", title: "could not decide"},
		"pending":                {report: result(noon, verdict.Pending), conclusion: "action_required", title: "waiting for approval"},
		"observe":                {report: observe(result(noon, verdict.Deny)), conclusion: "neutral", title: "observe"},
		"observe, undecided":     {report: observe(result(noon, verdict.Undecided)), conclusion: "neutral", title: "could not decide"},
		"bootstrap":              {report: result(noon, verdict.Deny), bootstrap: true, conclusion: "neutral", title: "denied"},
		"nothing":                {report: &verdict.Report{}, conclusion: "failure", title: "denied"},
		"an effect that is none": {report: result(noon, verdict.EffectInvalid), conclusion: "failure", title: "denied"},
	} {
		r := start(t, shop())
		o := shown(t, c.report, report.JobOptions{Bootstrap: c.bootstrap})
		if posted, err := send(r, o); !posted || err != nil {
			t.Fatalf("%s: %t, %v", name, posted, err)
		}
		run := only(t, r)
		if run.Conclusion != c.conclusion || run.Status != "completed" || !strings.Contains(run.Title, c.title) || run.Name != "remit" || run.Summary != o.Summary || run.DetailsURL != o.DetailsURL {
			t.Errorf("%s: %+v", name, run)
		}
	}
	unsettled := result(noon, verdict.Deny)
	unsettled.Verdict, unsettled.Acts[0].Verdict = verdict.Allowed, verdict.Allowed
	if got := shown(t, unsettled).Conclusion; got != "failure" {
		t.Errorf("a denial under an allowing verdict: %s", got)
	}
	// Nothing that is handed over turns what is no conclusion into one that lets a merge through.
	for _, none := range []string{"", "skipped", "Success"} {
		r := start(t, shop())
		o := shown(t, result(noon, verdict.Note))
		o.Conclusion = none
		if _, err := send(r, o); err != nil || only(t, r).Conclusion != "failure" {
			t.Errorf("%q: %s, %v", none, only(t, r).Conclusion, err)
		}
	}
	r := start(t, shop())
	if posted, err := send(r, posting{forge.CheckRun{Conclusion: "success"}, forge.CheckOptions{}}); posted || err == nil || len(r.d.Journal().Writes()) > 0 {
		t.Errorf("a run without an id: %t, %v", posted, err)
	}
}

// TestUnchanged: the same result at another time writes nothing; another result updates the one run.
func TestUnchanged(t *testing.T) {
	r := start(t, shop())
	if !post(t, r, result(noon, verdict.Pending, "deploy/a.tf")) {
		t.Fatal("nothing was posted")
	}
	first := only(t, r)
	r.d.ClearJournal()
	for i := range 3 {
		if post(t, on(t, r.d), result(noon.Add(time.Duration(i)*time.Hour), verdict.Pending, "deploy/a.tf")) {
			t.Error("the same result was posted again")
		}
	}
	if n := len(r.d.Journal().Writes()); n != 0 || len(r.d.Journal()) != 3 {
		t.Errorf("%d requests, %d writes", len(r.d.Journal()), n)
	}

	r.d.ClearJournal()
	if !post(t, on(t, r.d), result(noon, verdict.Note)) {
		t.Error("a new result was not posted")
	}
	run := only(t, r)
	if run.ID != first.ID || run.Conclusion != "success" || len(run.Annotations) != 1 || !strings.Contains(run.Text, "earlier result") {
		t.Errorf("%+v", run)
	}
	if n := len(r.d.Journal().Writes()); n != 1 || len(r.d.Journal()) != 2 {
		t.Errorf("%d requests, %d writes", len(r.d.Journal()), n)
	}
	if post(t, on(t, r.d), result(noon, verdict.Note)) {
		t.Error("the same result was posted again")
	}

	// The same annotations are not added twice, although the rest changed.
	r = start(t, shop())
	post(t, r, result(noon, verdict.Deny, "deploy/a.tf"))
	other := result(noon, verdict.Deny, "deploy/a.tf")
	other.Findings = []verdict.Finding{{Rule: "unsigned", Effect: verdict.Deny, Summary: "more"}}
	other.Settle()
	if !post(t, r, other) || len(only(t, r).Annotations) != 1 {
		t.Errorf("%+v", only(t, r))
	}
}

// TestChangedByOthers: a run whose external id was kept and whose conclusion was changed is mended.
func TestChangedByOthers(t *testing.T) {
	for name, change := range map[string]func(*gh.CheckRun){
		"conclusion": func(c *gh.CheckRun) { c.Conclusion = "success" },
		"status":     func(c *gh.CheckRun) { c.Status = "in_progress" },
		"title":      func(c *gh.CheckRun) { c.Title = "allowed" },
	} {
		r := start(t, shop())
		post(t, r, result(noon, verdict.Deny))
		before := only(t, r)
		r.d.Change(func(s *gh.Scenario) { change(s.Repositories[0].CheckRuns[0]) })
		if !post(t, r, result(noon, verdict.Deny)) || only(t, r).Conclusion != "failure" || only(t, r).Status != "completed" || only(t, r).Title != before.Title {
			t.Errorf("%s: %+v", name, only(t, r))
		}
	}
}

// TestJobOfThatName: a workflow's own token could write to its jobs' check runs, and leaves them alone.
func TestJobOfThatName(t *testing.T) {
	s := shop()
	s.Repositories[0].CheckRuns = []*gh.CheckRun{{Name: "remit", HeadSHA: sha("c"), App: "github-actions", Status: "in_progress", ExternalID: "6d1b"}}
	r := start(t, s, withToken("actions"))
	rep := result(noon, verdict.Deny)
	o := shown(t, rep)
	o.AppID = 15368
	for i := range 2 {
		if posted, err := send(r, o); err != nil || posted != (i == 0) {
			t.Errorf("%t, %v", posted, err)
		}
	}
	if runs := r.d.CheckRuns("acme/shop", sha("c")); len(runs) != 2 || runs[0].Conclusion != "" || runs[1].Conclusion != "failure" {
		t.Errorf("%+v", runs)
	}
}

// TestTwoOfOurs: where there are two, the newest rules, as it does for GitHub.
func TestTwoOfOurs(t *testing.T) {
	s := shop()
	s.Repositories[0].CheckRuns = []*gh.CheckRun{
		{ID: 20, Name: "remit", HeadSHA: sha("c"), App: "remit", Conclusion: "success", ExternalID: "remit:1:0:0"},
		{ID: 10, Name: "remit", HeadSHA: sha("c"), App: "remit", Conclusion: "success", ExternalID: "remit:1:0:0"},
	}
	r := start(t, s)
	post(t, r, result(noon, verdict.Deny))
	if runs := r.d.CheckRuns("acme/shop", sha("c")); len(runs) != 2 || runs[0].Conclusion != "failure" {
		t.Errorf("%+v", runs)
	}
}

// TestWrongApp: with another App's id the check run would be made anew each time.
func TestWrongApp(t *testing.T) {
	s := shop()
	s.Repositories[0].CheckRuns = []*gh.CheckRun{{Name: "remit", HeadSHA: sha("c"), App: "github-actions", Conclusion: "success", ExternalID: "remit:1:0:0"}}
	r := start(t, s)
	rep := result(noon, verdict.Deny)
	o := shown(t, rep)
	o.AppID = 15368
	if posted, err := send(r, o); posted || !errors.Is(err, forge.ErrPermission) {
		t.Errorf("%t, %v", posted, err)
	}
}

// TestOtherRuns: check runs that are not ours are neither taken for ours nor written to.
func TestOtherRuns(t *testing.T) {
	mark := func() string {
		r := start(t, shop())
		post(t, r, result(noon, verdict.Deny))
		return only(t, r).ExternalID
	}()
	title := report.Summary(result(noon, verdict.Deny))
	for name, c := range map[string]struct {
		other gh.CheckRun
		app   int64
	}{
		"a job of that name":                {gh.CheckRun{Name: "remit", HeadSHA: sha("c"), App: "github-actions", Status: "in_progress", ExternalID: "6d1b0000"}, 0},
		"another App's, with our mark":      {gh.CheckRun{Name: "remit", HeadSHA: sha("c"), App: "github-actions", Conclusion: "failure", Title: title, ExternalID: mark}, 77},
		"another App's, with an older mark": {gh.CheckRun{Name: "remit", HeadSHA: sha("c"), App: "github-actions", Conclusion: "success", ExternalID: "remit:1:0000:0000"}, 0},
		"another name":                      {gh.CheckRun{Name: "remit-old", HeadSHA: sha("c"), App: "remit", Conclusion: "failure", Title: title, ExternalID: mark}, 0},
		"another commit":                    {gh.CheckRun{Name: "remit", HeadSHA: sha("a"), App: "remit", Conclusion: "failure", Title: title, ExternalID: mark}, 0},
	} {
		s := shop()
		s.Repositories[0].CheckRuns = []*gh.CheckRun{&c.other}
		r := start(t, s)
		before := r.d.State().Repositories[0].CheckRuns[0]
		rep := result(noon, verdict.Deny)
		o := shown(t, rep)
		o.AppID = c.app
		for i := range 2 {
			posted, err := send(r, o)
			if err != nil || posted != (i == 0) {
				t.Fatalf("%s: %t, %v", name, posted, err)
			}
		}
		runs := r.d.State().Repositories[0].CheckRuns
		if len(runs) != 2 || runs[0].Conclusion != before.Conclusion || runs[0].Title != before.Title || runs[1].App != "remit" || runs[1].Conclusion != "failure" {
			t.Errorf("%s: %d check runs", name, len(runs))
		}
	}
}

// TestManyAnnotations: 50 a request, and the run counts as complete only after the last.
func TestManyAnnotations(t *testing.T) {
	paths := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("deploy/%03d.tf", i))
		}
		return out
	}
	for _, c := range []struct{ paths, annotations, requests int }{{0, 0, 1}, {1, 1, 1}, {50, 50, 1}, {51, 51, 2}, {120, 120, 3}, {500, 200, 4}} {
		r := start(t, shop())
		post(t, r, result(noon, verdict.Deny, paths(c.paths)...))
		run := only(t, r)
		if len(run.Annotations) != c.annotations || len(r.d.Journal().Writes()) != c.requests {
			t.Errorf("%d: %d annotations in %d requests", c.paths, len(run.Annotations), len(r.d.Journal().Writes()))
		}
		for i, a := range run.Annotations {
			if a.Path != paths(c.paths)[i] || a.StartLine != 1 || a.Level != "failure" || !strings.Contains(a.Message, "outside the delegation") {
				t.Errorf("%+v", a)
			}
		}
		if post(t, r, result(noon.Add(time.Hour), verdict.Deny, paths(c.paths)...)) {
			t.Errorf("%d: posted again", c.paths)
		}
	}

	// The process dies after the first or second of three requests: the next one finishes the work.
	for done := range 2 {
		r := start(t, shop())
		r.d.Inject(gh.Fault{Kind: gh.FaultStatus, Status: 502, Operation: "checks/update", Skip: done, Times: -1})
		rep := result(noon, verdict.Deny, paths(120)...)
		if _, err := send(r, shown(t, rep)); !errors.Is(err, forge.ErrUnavailable) {
			t.Fatal(err)
		}
		if run := only(t, r); run.Conclusion != "failure" || run.Status != "completed" {
			t.Errorf("half posted: %+v", run)
		}
		r.d.ClearFaults()
		if !post(t, on(t, r.d), rep) || post(t, on(t, r.d), rep) {
			t.Error("was not completed once")
		}
		only(t, r)
	}

	// One finding about many commits is one annotation.
	r := start(t, shop())
	rep := result(noon, verdict.Deny, "deploy/a.tf")
	for i := range 999 {
		act := rep.Acts[0]
		act.Subject = id(i + 1)
		rep.Acts = append(rep.Acts, act)
	}
	post(t, r, rep)
	if run := only(t, r); len(run.Annotations) != 1 || !strings.Contains(run.Annotations[0].Message, "and 995 more") || len(r.d.Journal()) != 3 {
		t.Errorf("%d annotations, %d requests: %+v", len(run.Annotations), len(r.d.Journal()), run.Annotations)
	}
}

// TestCheckFaults: whatever fails on the way, there is one check run, with each annotation once.
func TestCheckFaults(t *testing.T) {
	var paths []string
	for i := range 120 {
		paths = append(paths, fmt.Sprintf("deploy/%03d.tf", i))
	}
	for name, fault := range map[string]gh.Fault{
		"502, without effect": {Kind: gh.FaultStatus, Status: 502},
		"502, with effect":    {Kind: gh.FaultStatus, Status: 502, Applied: true},
		"twice":               {Kind: gh.FaultStatus, Status: 502, Times: 2},
		"the last":            {Kind: gh.FaultStatus, Status: 502, Applied: true, Skip: 1},
		"429":                 {Kind: gh.FaultStatus, Status: 429, RetryAfter: 3},
		"secondary limit":     {Kind: gh.FaultSecondary},
		"cut":                 {Kind: gh.FaultCut},
		"truncated":           {Kind: gh.FaultTruncated},
	} {
		for _, operation := range []string{"checks/list-for-ref", "checks/create", "checks/update"} {
			r := start(t, shop())
			if fault.Operation = operation; fault.Skip > 0 && operation == "checks/create" {
				continue // there is one
			}
			r.d.Inject(fault)
			post(t, r, result(noon, verdict.Deny, paths...))
			if run := only(t, r); len(run.Annotations) != 120 || run.Conclusion != "failure" {
				t.Errorf("%s of %s: %d annotations, %s", name, operation, len(run.Annotations), run.Conclusion)
			}
			if post(t, r, result(noon, verdict.Deny, paths...)) {
				t.Errorf("%s of %s: posted again", name, operation)
			}
		}
	}
	for _, operation := range []string{"checks/list-for-ref", "checks/create"} {
		r := start(t, shop())
		r.d.Inject(gh.Fault{Kind: gh.FaultStatus, Status: 503, Operation: operation, Times: -1})
		rep := result(noon, verdict.Note)
		if _, err := send(r, shown(t, rep)); !errors.Is(err, forge.ErrUnavailable) {
			t.Errorf("%s: %v", operation, err)
		}
	}
}

func TestCheckPermissions(t *testing.T) {
	rep := result(noon, verdict.Deny)
	for name, c := range map[string]struct {
		token *gh.Token
		says  string
	}{
		"a fork's token":      {&gh.Token{Value: "another-token", App: "remit", ReadOnly: true}, "fork"},
		"without checks":      {&gh.Token{Value: "another-token", App: "remit", Permissions: map[string]string{"contents": "write"}}, "`checks: write`"},
		"checks only to read": {&gh.Token{Value: "another-token", App: "remit", Permissions: map[string]string{"checks": "read"}}, "`checks: write`"},
		"a person's token":    {&gh.Token{Value: "another-token", User: "alice"}, "GitHub App"},
	} {
		s := shop()
		s.Tokens = append(s.Tokens, c.token)
		r := start(t, s, withToken("another-token"))
		posted, err := send(r, shown(t, rep))
		var lacks *forge.PermissionError
		if posted || !errors.As(err, &lacks) || !strings.Contains(err.Error(), c.says) || !strings.Contains(lacks.Permission, "checks: ") {
			t.Errorf("%s: %t, %v", name, posted, err)
		}
		if len(r.d.CheckRuns("acme/shop", sha("c"))) > 0 {
			t.Errorf("%s: posted", name)
		}
	}
}

// TestStaleCheckRuns: a list from before the check run was made does not make a second one.
func TestStaleCheckRuns(t *testing.T) {
	r := start(t, shop())
	post(t, r, result(noon, verdict.Deny))
	r.d.Inject(gh.Fault{Kind: gh.FaultStale, Operation: "checks/list-for-ref"})
	if !post(t, on(t, r.d), result(noon, verdict.Note)) || only(t, r).Conclusion != "success" {
		t.Errorf("%+v", only(t, r))
	}
}

// TestHeadMoved: a check run goes on the head as it is now, or nowhere.
func TestHeadMoved(t *testing.T) {
	r := start(t, shop())
	read(t, r)
	rep := result(noon, verdict.Note)
	o := shown(t, rep)
	o.PullRequest = 7
	if posted, err := send(r, o); !posted || err != nil {
		t.Fatal(err)
	}
	r.d.Push("acme/shop", "refs/heads/agent/cart", sha("f"), "coder")
	r.d.ClearJournal()
	o = shown(t, result(noon, verdict.Deny))
	o.PullRequest = 7
	posted, err := send(r, o)
	if posted || !errors.Is(err, forge.ErrHeadMoved) || len(r.d.Journal().Writes()) > 0 {
		t.Errorf("%t, %v", posted, err)
	}
}

// TestCheckBeyondBudget: that the budget ended can still be told.
func TestCheckBeyondBudget(t *testing.T) {
	r := start(t, shop(), func(o *forge.Options) { o.Budget = 3 })
	if _, gaps, err := r.PullRequest(bg, shopName, 7, forge.History{}); err == nil && len(gaps) == 0 {
		t.Fatal("the budget did not end")
	}
	if !post(t, r, result(noon, verdict.Undecided)) || !strings.Contains(only(t, r).Title, "could not decide") {
		t.Errorf("%+v", only(t, r))
	}
}

// TestHostileText: text of those who are judged stays text in all that is posted.
func TestHostileText(t *testing.T) {
	hostile := "x\n::set-output name=a::b\r\n@acme/release [click](http://evil.example) <img src=x> \x1b[31m\u202egpj | ``` --> \xff ##[add-mask]"
	rep := result(noon, verdict.Deny, "src/plain.go", hostile, "/etc/passwd", "../up", "a//b", "evil\u202e.go", "new\nline", "\xff", strings.Repeat("d/", 700)+"x")
	rep.Acts[0].Title, rep.Acts[0].Actor, rep.Acts[0].Subject = hostile, hostile, hostile
	for i := range rep.Acts[0].Findings {
		f := &rep.Acts[0].Findings[i]
		f.Summary, f.Reason, f.Fix = hostile+f.Summary, hostile, hostile
	}
	for _, plain := range []bool{false, true} {
		r := start(t, shop())
		o := shown(t, rep)
		if plain {
			o.Title, o.Summary = "", ""
		}
		if _, err := send(r, o); err != nil {
			t.Fatal(err)
		}
		run := only(t, r)
		if len(run.Annotations) != 1 || run.Annotations[0].Path != "src/plain.go" {
			t.Fatalf("%+v", run.Annotations)
		}
		texts := []string{run.Title, run.Summary, run.Annotations[0].Message, run.Annotations[0].Title}
		for _, text := range texts {
			if strings.ContainsAny(text, "\x1b\r\u202e") || !utf8.ValidString(text) {
				t.Errorf("%q", text)
			}
			for line := range strings.Lines(text) {
				if strings.HasPrefix(strings.TrimSpace(line), "::") {
					t.Errorf("a workflow command: %q", line)
				}
			}
		}
		if strings.Contains(run.Title, "\n") || run.Summary == "" || run.Title == "" {
			t.Errorf("%q", run.Title)
		}
	}
}

// TestLongText: what GitHub would refuse is shortened, and what it takes is not.
func TestLongText(t *testing.T) {
	r := start(t, shop())
	rep := result(noon, verdict.Deny)
	o := shown(t, rep)
	o.Title = strings.Repeat("ä", 300)
	o.Summary = strings.Repeat("`ä line`\n", 10_000)
	o.Text = strings.Repeat("x", forge.MaxCheckText)
	if _, err := send(r, o); err != nil {
		t.Fatal(err)
	}
	run := only(t, r)
	body, _, ok := strings.Cut(run.Summary, "\n\nThe rest was left out here.\n")
	if !ok || len(run.Summary) > forge.MaxCheckText || len(run.Summary) < forge.MaxCheckText-200 || strings.Count(body, "`")%2 != 0 {
		t.Errorf("%d bytes of summary", len(run.Summary))
	}
	if run.Text != o.Text || len([]rune(run.Title)) != 250 {
		t.Errorf("%d bytes of text, the title %q", len(run.Text), run.Title)
	}
}

// TestRefusedAnnotations: what GitHub says to one annotation does not keep the conclusion from it.
func TestRefusedAnnotations(t *testing.T) {
	r := start(t, shop())
	r.d.Inject(gh.Fault{Kind: gh.FaultStatus, Status: 422, Operation: "checks/create"})
	post(t, r, result(noon, verdict.Deny, "deploy/a.tf"))
	if run := only(t, r); run.Conclusion != "failure" || len(run.Annotations) != 0 {
		t.Errorf("%+v", run)
	}
	if post(t, r, result(noon, verdict.Deny, "deploy/a.tf")) {
		t.Error("posted again")
	}
	levels := map[verdict.Effect]string{verdict.Deny: "failure", verdict.Undecided: "failure", verdict.EffectInvalid: "failure", verdict.Pending: "warning", verdict.Warn: "warning", verdict.Note: ""}
	for effect, level := range levels {
		r := start(t, shop())
		post(t, r, result(noon, effect, "deploy/a.tf"))
		got := slices.Collect(func(yield func(string) bool) {
			for _, a := range only(t, r).Annotations {
				yield(a.Level)
			}
		})
		if strings.Join(got, " ") != level {
			t.Errorf("%v: %v", effect, got)
		}
	}
}

// TestManyRuns: ours is found behind a page of others of its name.
func TestManyRuns(t *testing.T) {
	s := shop()
	for range 150 {
		s.Repositories[0].CheckRuns = append(s.Repositories[0].CheckRuns, &gh.CheckRun{Name: "remit", HeadSHA: sha("c"), App: "github-actions"})
	}
	r := start(t, s)
	rep := result(noon, verdict.Deny)
	o := shown(t, rep)
	o.AppID = 0
	for i := range 2 {
		if posted, err := send(r, o); err != nil || posted != (i == 0) {
			t.Errorf("%t, %v", posted, err)
		}
	}
}

// TestLaterResultStays: what was read earlier takes the place of nothing that was read later, and what stands
// there is noted to hold still.
func TestLaterResultStays(t *testing.T) {
	r := start(t, shop())
	at := func(seconds int, run int64, attempt int, effect verdict.Effect) (bool, error) {
		p := shown(t, result(r.d.Now(), effect, "x"))
		p.Order = forge.Order{Read: r.d.Now().Add(time.Duration(seconds) * time.Second), Run: run, Attempt: attempt}
		return send(r, p)
	}
	r.d.Advance(time.Hour)
	for i, c := range []struct {
		seconds int
		run     int64
		attempt int
		effect  verdict.Effect
		posted  bool
		later   bool
		stands  string
	}{
		{-50, 1, 1, verdict.Deny, true, false, "failure"},
		{-60, 9, 1, verdict.Note, false, true, "failure"}, // read earlier
		{-40, 1, 2, verdict.Note, true, false, "success"}, // read later
		{-30, 2, 1, verdict.Note, false, false, "success"},
		{-35, 3, 1, verdict.Deny, false, true, "success"}, // the same result was read after it
		{-30, 1, 3, verdict.Deny, true, false, "failure"}, // in the same second, by a run before: the worse one counts
		{-30, 1, 2, verdict.Note, false, true, "failure"}, // and stays
		{-30, 2, 2, verdict.Note, true, false, "success"}, // in the same second, by a run after
	} {
		posted, err := at(c.seconds, c.run, c.attempt, c.effect)
		if posted != c.posted || errors.Is(err, forge.ErrLater) != c.later || err != nil && !c.later {
			t.Errorf("%d: posted %v, %v", i, posted, err)
		}
		runs := r.d.CheckRuns("acme/shop", sha("c"))
		if len(runs) != 1 || runs[0].Conclusion != c.stands {
			t.Errorf("%d: %+v, want %s", i, runs, c.stands)
		}
	}
}
