package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/names"
)

// evaluations are conditions with what they give for testFacts.
var evaluations = []struct {
	action names.Action
	when   string
	want   bool
	err    string
}{
	{names.Commit, `true`, true, ""},
	{names.Commit, `false`, false, ""},
	{names.Commit, `act.kind == "commit"`, true, ""},
	{names.Commit, `act.kind != "push"`, true, ""}, // that it is none, or is the rule's only one, is no condition: see unmet
	{names.Commit, `act.ref == "refs/heads/agent/cart"`, true, ""},
	{names.Commit, `startswith(act.ref, "refs/heads/agent/")`, true, ""},
	{names.Commit, `endswith(act.ref, "/agent")`, false, ""},
	{names.Commit, `agent.name == "coder" && chain.root == "human.alice" && chain.depth == 2`, true, ""},
	{names.Commit, `chain.minted`, true, ""},
	{names.Commit, `!chain.minted`, false, ""},
	{names.Commit, `commit.files_changed > 50`, true, ""},
	{names.Commit, `commit.files_changed > 51`, false, ""},
	{names.Commit, `commit.files_changed >= 51 && commit.files_changed <= 51`, true, ""},
	{names.Commit, `commit.files_deleted < 5`, false, ""},
	{names.Commit, `commit.files_changed - commit.files_deleted * 2 + 1 == 42`, true, ""},
	{names.Commit, `-commit.files_deleted < -4`, true, ""},
	{names.Commit, `commit.lines_changed > 100`, false, "commit.lines_changed: its value is not known"},
	{names.Commit, `commit.files_changed > 50 || commit.lines_changed > 100`, true, ""},
	{names.Commit, `commit.files_changed > 90 && commit.lines_changed > 100`, false, ""},
	{names.Commit, `commit.is_merge`, false, ""},
	{names.Commit, `matches(commit.message, "(?i)^fix")`, true, ""},
	{names.Commit, `matches(commit.message, "^fix")`, false, ""},
	{names.Commit, `lower(commit.message) == "fix the cärt"`, true, ""},
	{names.Commit, `length(commit.message) == 12`, true, ""},
	{names.Commit, `length([1, 2]) == 2`, true, ""},
	{names.Commit, `time.weekday == "Sunday" && time.hour == 14`, true, ""},
	{names.Commit, `contains(["Saturday", "Sunday"], time.weekday)`, true, ""},
	{names.Commit, `contains(["Monday"], time.weekday)`, false, ""},
	{names.Commit, `contains([1, 14], time.hour)`, true, ""},
	{names.Commit, `contains([], time.hour)`, false, ""},
	{names.Commit, `time.hour < 9 || time.hour >= 17 ? chain.minted : true`, true, ""},
	{names.Commit, `[1, 2] == [1, 2]`, true, ""},
	{names.Commit, `[1, 2] == [2, 1]`, false, ""},
	{names.Commit, `anytrue([])`, false, ""},
	{names.Commit, `alltrue([])`, true, ""},
	{names.Commit, `alltrue([true, time.hour > 20])`, false, ""},
	{names.Commit, `anytrue([false, time.hour > 10])`, true, ""},
	{names.Commit, `999999999999999999 * 999999999999999999 > 0`, false, "a number is too large"},
	{names.PullRequest, `pr.number == 7 && pr.title == "Cart" && !pr.draft`, true, ""},
	{names.PullRequest, `contains(pr.labels, "urgent")`, true, ""},
	{names.PullRequest, `anytrue([for l in pr.labels : startswith(l, "risk/")])`, true, ""},
	{names.PullRequest, `alltrue([for l in pr.labels : startswith(l, "risk/")])`, false, ""},
	{names.PullRequest, `length([for l in pr.labels : l if l != "urgent"]) == 1`, true, ""},
	{names.PullRequest, `anytrue([for l in pr.labels : anytrue([for k in pr.labels : k == l && l == "urgent"])])`, true, ""},
	{names.PullRequest, `commit.files_changed == 51`, true, ""},
	{names.Deploy, `deploy.environment == "Production"`, true, ""},
	{names.Deploy, `deploy.reason == "SHOP-1"`, true, ""},
	{names.Delete, `deploy.reason != ""`, true, ""},
}

func testFacts(action names.Action) Facts {
	return Facts{
		Action: action, Ref: "refs/heads/agent/cart", Agent: "coder",
		ChainDepth: 2, ChainRoot: "human.alice", ChainMinted: true,
		FilesChanged: 51, FilesDeleted: 5, LinesChanged: -1, Message: "Fix the cärt",
		PRNumber: 7, PRTitle: "Cart", PRLabels: []string{"urgent", "risk/low"},
		DeployEnvironment: "PRODUCTION", DeployReason: "SHOP-1",
		Time: time.Date(2026, 11, 22, 14, 30, 0, 0, time.UTC),
	}
}

// compiled returns the condition of a forbid in a small policy.
func compiled(t *testing.T, action names.Action, when string) *Condition {
	t.Helper()
	p := mustParse(t, policyWhen(string(action), when))
	return p.Forbids[0].When
}

func mustParse(t *testing.T, src string) *Policy {
	t.Helper()
	p, diags := Parse(withKeys([]byte(src)), FileName)
	if p == nil {
		t.Fatal(diags)
	}
	return p
}

func TestEval(t *testing.T) {
	for _, tt := range evaluations {
		got, err := compiled(t, tt.action, tt.when).Eval(testFacts(tt.action))
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: error %v, want %q", tt.when, err, tt.err)
		}
		if got != tt.want {
			t.Errorf("%s: got %v", tt.when, got)
		}
	}
}

func TestEvalUnknown(t *testing.T) {
	tests := []struct {
		action names.Action
		when   string
		facts  func(*Facts)
	}{
		{names.Commit, `time.hour > 0`, func(f *Facts) { f.Time = time.Time{} }},
		{names.Commit, `time.weekday == "Sunday"`, func(f *Facts) { f.Time = time.Time{} }},
		{names.Commit, `commit.files_changed > 0`, func(f *Facts) { f.FilesChanged = -1 }},
		{names.PullRequest, `pr.draft`, func(f *Facts) { f.PRNumber = 0 }},
		{names.PullRequest, `length(pr.labels) > 0`, func(f *Facts) { f.PRNumber = 0 }},
		{names.Deploy, `deploy.environment == "Production"`, func(f *Facts) { f.DeployEnvironment = "" }},
		{names.Commit, `commit.is_merge`, func(f *Facts) { f.Action = names.Push }},
		{names.Commit, `commit.is_merge`, func(f *Facts) { f.Action = "" }},
	}
	for _, tt := range tests {
		c := compiled(t, tt.action, tt.when)
		facts := testFacts(tt.action)
		if _, err := c.Eval(facts); err != nil {
			t.Errorf("%s: %v", tt.when, err)
		}
		tt.facts(&facts)
		if got, err := c.Eval(facts); err == nil || got {
			t.Errorf("%s: got %v without knowing", tt.when, got)
		}
	}
	// Deleting a ref has no environment, and that is known.
	facts := testFacts(names.Delete)
	facts.DeployEnvironment = ""
	if got, err := compiled(t, names.Delete, `deploy.environment == "Production"`).Eval(facts); err != nil || got {
		t.Errorf("deleting a ref: %v, %v", got, err)
	}
	var zero Condition
	if got, err := zero.Eval(facts); err == nil || got {
		t.Error("the zero condition holds")
	}
	var none *Condition
	if got, err := none.Eval(facts); err != nil || !got || none.Needs("time") {
		t.Error("no condition does not always hold")
	}
}

// TestEvalNotYet: what hangs on a fact that is still to come is told apart from what is so whatever that will be,
// and from what nobody will ever know.
func TestEvalNotYet(t *testing.T) {
	for _, tt := range []struct {
		action names.Action
		when   string
		want   string
	}{
		{names.PullRequest, `pr.draft`, "later"},
		{names.PullRequest, `!pr.draft`, "later"},
		{names.PullRequest, `pr.draft ? pr.draft : pr.draft`, "later"},
		{names.PullRequest, `!contains(pr.labels, "ok")`, "later"},
		{names.PullRequest, `pr.number > 3`, "later"},
		{names.PullRequest, `pr.title == "Cart"`, "true"}, // known before the number is
		{names.PullRequest, `pr.title == "Card"`, "false"},
		{names.PullRequest, `pr.draft || commit.files_changed > 50`, "true"},
		{names.PullRequest, `commit.files_changed > 50 || pr.draft`, "true"},
		{names.PullRequest, `pr.draft || commit.files_changed > 51`, "later"},
		{names.PullRequest, `pr.draft && commit.files_changed > 51`, "false"},
		{names.PullRequest, `pr.draft && commit.files_changed > 50`, "later"},
		{names.PullRequest, `pr.draft || contains(pr.labels, "ok")`, "later"},
		{names.PullRequest, `pr.draft || commit.lines_changed > 5`, "never"},
		{names.PullRequest, `commit.lines_changed > 5 || pr.draft`, "never"},
		{names.Commit, `!startswith(commit.message, "feat")`, "later"},
		{names.Commit, `commit.is_merge`, "false"},
	} {
		facts := testFacts(tt.action)
		facts.PRNumber, facts.NotYet = 0, []string{"pr.number", "pr.draft", "pr.labels", "commit.message"}
		yes, err := compiled(t, tt.action, tt.when).Eval(facts)
		got := fmt.Sprint(yes)
		switch {
		case errors.Is(err, ErrNotYet):
			got = "later"
		case err != nil:
			got = "never"
		}
		if got != tt.want || err != nil && yes {
			t.Errorf("%s: %s, %v; want %s", tt.when, got, err, tt.want)
		}
	}
}

// TestEvalWork counts steps rather than time: the most that any condition may take is fixed.
func TestEvalWork(t *testing.T) {
	facts := testFacts(names.PullRequest)
	facts.PRLabels = make([]string, 100)
	nested := `anytrue([for a in pr.labels : anytrue([for b in pr.labels : anytrue([for c in pr.labels : a == "x"])])])`
	if _, err := compiled(t, names.PullRequest, nested).Eval(facts); !errors.Is(err, errSteps) {
		t.Errorf("a million steps: %v", err)
	}
	facts = testFacts(names.Commit)
	facts.Message = strings.Repeat("a", maxSubject)
	c := compiled(t, names.Commit, `matches(commit.message, "(a+)+$")`)
	if got, err := c.Eval(facts); err != nil || !got {
		t.Errorf("the longest text: %v, %v", got, err)
	}
	facts.Message += "a"
	if _, err := c.Eval(facts); !errors.Is(err, errSubject) {
		t.Errorf("a longer text: %v", err)
	}
	many := "anytrue([" + strings.Repeat(`matches(commit.message, "(a{1,40}){1,10}$"), `, 20) + "])"
	facts.Message = facts.Message[1:]
	if _, err := compiled(t, names.Commit, many).Eval(facts); !errors.Is(err, errSteps) {
		t.Errorf("many expressions: %v", err)
	}
}

func TestZone(t *testing.T) {
	for zone, want := range map[string]bool{"UTC": false, "+09:30": true, "-01:00": false, "+10:00": true} {
		p := mustParse(t, `repository = "github.com/acme/shop"
settings { time_zone = "`+zone+`" }
forbid "x" { when = time.weekday == "Monday" && time.hour == 0 }
`)
		got, err := p.Forbids[0].When.Eval(testFacts(names.Commit)) // Sunday 14:30 UTC
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", zone, got, err)
		}
	}
}

func TestNeeds(t *testing.T) {
	c := compiled(t, names.Commit, `commit.lines_changed > 5 && time.hour > 3`)
	for name, want := range map[string]bool{"commit.lines_changed": true, "commit": true, "time": true, "com": false, "pr": false, "commit.files_changed": false} {
		if c.Needs(name) != want {
			t.Errorf("Needs(%q) is %v", name, !want)
		}
	}
	if c.Source != "commit.lines_changed > 5 && time.hour > 3" || c.Position.Line != 8 || c.Position.Column != 13 {
		t.Errorf("%q at %v", c.Source, c.Position)
	}
	p := mustParse(t, `repository = "github.com/acme/shop"
human "a" { github = "a" }
gate "x" {
  actions   = ["commit"]
  approvers = [human.a]
  when      = commit.lines_changed > 5
}
`)
	if !p.NeedsLines() {
		t.Error("the policy asks for lines")
	}
	if mustParse(t, `repository = "github.com/acme/shop"`).NeedsLines() {
		t.Error("the policy asks for nothing")
	}
}

// TestAsksForPaths: what differs at a ref that is moved is found out where a rule about pushes goes by it.
func TestAsksForPaths(t *testing.T) {
	for rule, want := range map[string]bool{
		`forbid "x" { actions = ["push"]`:                                                                                      false,
		`forbid "x" { actions = ["push"], paths = ["deploy/**"]`:                                                               true,
		`forbid "x" { actions = ["push"], when = commit.files_deleted > 0`:                                                     true,
		`forbid "x" { actions = ["commit"], when = commit.files_deleted > 0`:                                                   false,
		`forbid "x" { actions = ["push"], when = chain.depth > 1`:                                                              false,
		`gate "x" { actions = ["push"], approvers = [human.a], when = commit.lines_changed > 5`:                                true,
		`grant "x" { to = [agent.b], actions = ["push"], branches = ["**"], when = commit.files_changed < 5`:                   true,
		`grant "x" { to = [agent.b], actions = ["push"], branches = ["**"], when = chain.depth < 5`:                            false,
		`grant "x" { to = [agent.b], actions = ["commit"], branches = ["**"], paths = ["**"], when = commit.files_changed < 5`: false,
	} {
		p := mustParse(t, "repository = \"github.com/acme/shop\"\nhuman \"a\" { github = \"a\" }\nagent \"b\" { delegators = [human.a] }\n"+strings.NewReplacer(", ", "\n", "{ ", "{\n").Replace(rule)+"\n}\n")
		if got := p.AsksForPaths(names.Push); got != want {
			t.Errorf("%s: %t, want %t", rule, got, want)
		}
	}
}
