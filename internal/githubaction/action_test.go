package githubaction

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/sethvargo/go-githubactions"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/signing/keystore"
	"github.com/remit-sh/remit/verdict"
)

func TestReadInputs(t *testing.T) {
	least := map[string]string{
		"GITHUB_REPOSITORY": "Acme/shop", "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": "/event", "INPUT_TOKEN": "t",
	}
	read := func(more ...string) (inputs, error) {
		return readInputs(githubactions.New(githubactions.WithGetenv(func(name string) string {
			for i := 0; i < len(more); i += 2 {
				if more[i] == name {
					return more[i+1]
				}
			}
			return least[name]
		})))
	}
	in, err := read()
	if err != nil || in.mode != modeCheck || in.name != "github.com/acme/shop" || in.appID != actionsApp || in.dedicated || in.serverURL != "https://github.com" {
		t.Errorf("%+v, %v", in, err)
	}
	in, err = read("INPUT_APP-ID", "77", "INPUT_REPOSITORY", "git.example/acme/shop", "INPUT_APPROVALS", "a\nb c", "GITHUB_RUN_ID", "5", "GITHUB_RUN_ATTEMPT", "2", "INPUT_POLICY-REPOSITORY", "acme/policy")
	if err != nil || in.appID != 77 || !in.dedicated || in.name != "git.example/acme/shop" || len(in.approvals) != 3 || in.runID != 5 || in.runAttempt != 2 || in.policySlug != "acme/policy" {
		t.Errorf("%+v, %v", in, err)
	}
	if in, err := read("INPUT_APP-ID", "15368"); err != nil || in.dedicated {
		t.Errorf("the App of all workflows is taken for one of its own: %+v, %v", in, err)
	}
	if in, err := read("GITHUB_SERVER_URL", "https://git.example:8443"); err != nil || in.name != "git.example/Acme/shop" {
		t.Errorf("%+v, %v", in, err)
	}
	for name, more := range map[string][]string{
		"a mode": {"INPUT_MODE", "x"}, "an app": {"INPUT_APP-ID", "-1"}, "no token": {"INPUT_TOKEN", " "}, "a run": {"GITHUB_RUN_ID", "x"},
		"an attempt": {"GITHUB_RUN_ATTEMPT", "0"}, "a name": {"INPUT_REPOSITORY", "shop"}, "a slug": {"GITHUB_REPOSITORY", "shop"},
		"a long slug": {"GITHUB_REPOSITORY", "a/b/c"}, "a policy": {"INPUT_POLICY-REPOSITORY", "a/b/c"}, "a host's policy": {"INPUT_POLICY-REPOSITORY", "//x"},
		"no event": {"GITHUB_EVENT_NAME", ""}, "many approvals": {"INPUT_APPROVALS", strings.Repeat("a ", decide.MaxApprovals+1)},
	} {
		if in, err := read(more...); err == nil {
			t.Errorf("%s is taken: %+v", name, in)
		}
	}
}

// A gate's key is one that can sign, and only a gate has one.
func TestGateKey(t *testing.T) {
	made, err := keystore.Mint("gate", nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gate.key")
	if err := made.Write(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	read := func(mode, key string) (inputs, error) {
		given := map[string]string{
			"GITHUB_REPOSITORY": "acme/shop", "GITHUB_EVENT_NAME": "deployment", "GITHUB_EVENT_PATH": "/event", "INPUT_TOKEN": "t", "INPUT_MODE": mode, "REMIT_GATE_KEY": key,
		}
		return readInputs(githubactions.New(githubactions.WithGetenv(func(name string) string { return given[name] })))
	}
	if in, err := read("deploy", string(text)); err != nil || in.gateKey == nil {
		t.Errorf("%+v, %v", in, err)
	}
	if in, err := read("deploy", ""); err != nil || in.gateKey != nil {
		t.Errorf("%+v, %v", in, err)
	}
	if _, err := read("deploy", "secret"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	if in, err := read("check", string(text)); err != nil || in.gateKey != nil {
		t.Errorf("%+v, %v", in, err)
	}
}

// What was stated of a deploy is a file that an output names, and nothing is where nothing was.
func TestStatementOutput(t *testing.T) {
	for name, tc := range map[string]struct {
		o    decide.Outcome
		want string
	}{
		"stated":        {decide.Outcome{Report: &verdict.Report{}, Commit: "c", Statement: []byte("a\nb\n")}, "a\nb\n"},
		"not stated":    {decide.Outcome{Report: &verdict.Report{}, Commit: "c"}, ""},
		"let no commit": {decide.Outcome{Report: &verdict.Report{}, Statement: []byte("a\nb\n")}, ""},
	} {
		a := &action{env: &Env{}, in: inputs{temp: t.TempDir()}}
		files, err := a.writeFiles(&tc.o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(a.in.temp, "remit", "deploy.jsonl"))
		if (files.statement != "") != (tc.want != "") || (err == nil) != (tc.want != "") || string(got) != tc.want {
			t.Errorf("%s: %q, %q, %v", name, files.statement, got, err)
		}
	}
}

func TestParseEvent(t *testing.T) {
	e, err := parseEvent([]byte(`{"action":"x","pull_request":{"number":7,"title":"t"},"inputs":{"request":"r","flag":true},"ref":"refs/heads/main"}`))
	if err != nil || e.PullRequest.Number != 7 || e.input("request") != "r" || e.input("flag") != "" || e.input("none") != "" || e.Ref != "refs/heads/main" {
		t.Errorf("%+v, %v", e, err)
	}
	for _, ok := range []string{`{"pull_request":null,"inputs":null}`, `{}`, `{"Number":3}`} {
		if e, err := parseEvent([]byte(ok)); err != nil || e.Number != 0 {
			t.Errorf("%s: %+v, %v", ok, e, err)
		}
	}
	for name, bad := range map[string]string{
		"a name twice": `{"number":1,"number":2}`, "a name twice further in": `{"a":{"b":1,"b":2}}`, "cut": `{"number":`, "more": `{} {}`,
		"no object": `[1]`, "empty": "", "not UTF-8": "{\"a\":\"\xff\"}", "deep": strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000),
		"large": `{"a":"` + strings.Repeat("x", maxEvent) + `"}`, "another type": `{"number":"1"}`,
	} {
		if e, err := parseEvent([]byte(bad)); err == nil || e != nil {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
}

// FuzzParseEvent: an event that is taken is valid JSON without a name twice, and an error gives nothing.
func FuzzParseEvent(f *testing.F) {
	for _, s := range []string{`{"number":1}`, `{"number":1,"number":2}`, `{"inputs":{"request":"x"}}`, `{"a":{"b":1,"b":2}}`, "{}{}", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := parseEvent(text)
		if (e == nil) != (err != nil) {
			t.Errorf("%v with %v", e, err)
		}
		if valid := jsontext.Value(text).IsValid(); err == nil && !valid {
			t.Errorf("%q is taken", text)
		}
	})
}

// hostileReport has a text wherever a report has one.
func hostileReport(s string) *verdict.Report {
	f := verdict.Finding{Rule: s, Effect: verdict.Deny, Summary: s, Reason: s, Fix: s, Path: s, Location: &verdict.Location{File: s, Line: 1, Column: 1}}
	warn := f
	warn.Effect = verdict.Warn
	r := &verdict.Report{
		Repository: s, Policy: s, PolicyFrom: s, At: time.Unix(0, 0), AtSource: s, Findings: []verdict.Finding{f, warn},
		Acts: []verdict.Act{{
			Kind: s, Subject: s, Ref: s, Title: s, Actor: s, Key: s, Evidence: s, SeenBy: s, Findings: []verdict.Finding{f},
			Chain: []verdict.Link{{Delegator: s, Delegate: s, Digest: s, Purpose: s, Minted: true}},
		}},
		Gates: []verdict.Gate{{Name: s, Needed: 2, Counted: []string{s}, Ignored: []verdict.Ignored{{Who: s, Why: s}}, Approvers: []string{s}}},
	}
	r.Settle()
	return r
}

// hostileTexts try what GitHub acts on, in logs and in Markdown.
func hostileTexts() []string {
	return []string{
		"x\n::set-output name=verdict::allow", "x\r::error::y", "\u2028::warning::z", "::add-mask::x", "##[error]x", "x ##[command]y", "##vso[task.x]",
		"@acme/everybody", "#1 acme/shop#2", "[x](https://evil.example)", "![x](https://evil.example/a.png)", "<img src=x>", "<!-- x -->",
		"| a | b |\n|---|---|", "```\n## allowed\n```", "` `` ``` ````", "\x1b[2J", "\u202ex", "https://evil.example", "x\n\n# remit: allowed", "EOF\n_GitHubActionsFileCommandDelimeter_",
		"", "%0A::error::x", ":sparkles:", "$x^2$", "&lt;b&gt;", `\@x`,
	}
}

// FuzzActionOutput: whatever judged text says, nothing of it is a command in the log, and in Markdown
// it stands in code alone.
func FuzzActionOutput(f *testing.F) {
	for _, s := range hostileTexts() {
		f.Add(s)
	}
	f.Fuzz(checkActionOutput)
}

func checkActionOutput(t *testing.T, s string) {
	dir := t.TempDir()
	var stdout bytes.Buffer
	env := &Env{
		Stdout: &stdout, Now: func() time.Time { return time.Unix(0, 0) },
		Getenv: func(name string) string {
			return map[string]string{"GITHUB_OUTPUT": dir + "/output", "GITHUB_STEP_SUMMARY": dir + "/summary"}[name]
		},
	}
	a := &action{env: env, in: inputs{mode: modeCheck, temp: dir}}
	a.gha = githubactions.New(githubactions.WithWriter(&stdout), githubactions.WithGetenv(env.Getenv))
	o := decide.Outcome{Report: hostileReport(s), Said: verdict.Sentence{Format: "ours about %s", Texts: []string{s}}, Notes: []string{s, s}}
	if code, err := a.tell(context.Background(), o); code != verdict.ExitDeny || err != nil {
		t.Fatalf("a denial is the exit code %d, %v", code, err)
	}

	lines := strings.Split(stdout.String(), "\n")
	commands := regexp.MustCompile(`^(::stop-commands::[A-Z2-7]{26}|::[A-Z2-7]{26}::|::(error|warning) (file=[^:,]*,)?title=[^:,]*::.*)$`)
	for _, line := range lines {
		trimmed := strings.TrimLeft(line, " \t\r\v\f\u0085\u00a0\u2028\u2029")
		if strings.HasPrefix(trimmed, "::") && !commands.MatchString(line) {
			t.Errorf("a line is a command: %q", line)
		}
		if strings.Contains(line, "##[") || strings.ContainsAny(line, "\r\x1b\u2028\u2029\u0085\u202e") || !utf8.ValidString(line) {
			t.Errorf("a line is not inert: %q", line)
		}
	}
	// What is printed between is ours at its beginning.
	begin, end := -1, -1
	for i, line := range lines {
		if word, ok := strings.CutPrefix(line, "::stop-commands::"); ok && begin < 0 {
			begin = i
			for j := i + 1; j < len(lines); j++ {
				if lines[j] == "::"+word+"::" {
					end = j
				}
			}
		}
	}
	if begin < 0 || end < begin {
		t.Fatalf("commands are not off while the report is printed:\n%s", stdout.String())
	}
	for i, line := range lines {
		if (i < begin || i > end) && line != "" && !commands.MatchString(line) {
			t.Errorf("a line is printed where commands are on: %q", line)
		}
	}

	outputs, err := os.ReadFile(filepath.Join(dir, "output"))
	if err != nil || !strings.HasPrefix(string(outputs), "verdict<<") || !strings.Contains(string(outputs), "\ndeny\n") || strings.Count(string(outputs), "<<") != 5 {
		t.Errorf("outputs %q, %v", outputs, err)
	}
	summary, err := os.ReadFile(filepath.Join(dir, "summary"))
	if err != nil {
		t.Fatal(err)
	}
	checkOnlyCode(t, string(summary))
	run, err := report.NewCheckRun(o.Report, a.told(&o))
	if err != nil {
		t.Fatal(err)
	}
	checkOnlyCode(t, run.Summary)
	if strings.ContainsAny(run.Title, "\r\n\x1b") {
		t.Errorf("the title is %q", run.Title)
	}
}

// ourLinks are the links that our own Markdown has.
var ourLinks = regexp.MustCompile(`\[[a-zA-Z -]+\]\(` + regexp.QuoteMeta("https://github.com/remit-sh/remit/blob/main/docs/") + `[a-z/-]+\.md\)`)

// checkOnlyCode asserts that Markdown holds nothing outside of code that GitHub acts on, but for our own
// links, and no row of a table that is not ours.
func checkOnlyCode(t *testing.T, text string) {
	t.Helper()
	rest := ourLinks.ReplaceAllString(outsideCode(t, text), "")
	for _, bad := range []string{"@", "](", "<", "::", "http", "$", "`", "\x1b", "\u202e", "&"} {
		if strings.Contains(rest, bad) {
			t.Errorf("%q stands outside of code in %q", bad, rest)
		}
	}
	rows, borders := 0, 0
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(strings.TrimSpace(line), "|") {
			borders = 0
			continue
		}
		rows++
		n := strings.Count(line, "|")
		if borders == 0 {
			borders = n // of the table's head
		}
		if n != borders {
			t.Errorf("a row has %d borders, and its head %d: %q", n, borders, line)
		}
	}
	if rows != 6 { // acts and gates, with two lines of head each
		t.Errorf("%d rows in %q", rows, rest)
	}
}

// outsideCode takes code blocks and code spans out of Markdown.
func outsideCode(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	block := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "```"):
			block = !block
			continue
		case block:
			continue
		}
		for line != "" {
			open := strings.IndexByte(line, '`')
			if open < 0 {
				out.WriteString(line)
				break
			}
			out.WriteString(line[:open])
			fence := line[open : open+len(line[open:])-len(strings.TrimLeft(line[open:], "`"))]
			line = line[open+len(fence):]
			closed := regexp.MustCompile("[^`](" + fence + ")([^`]|$)").FindStringSubmatchIndex(line)
			if closed == nil {
				t.Errorf("a code span is open in %q", text)
				break
			}
			line = line[closed[3]:]
		}
	}
	if block {
		t.Errorf("a code block is open in %q", text)
	}
	return out.String()
}

// TestPanic: what goes wrong in remit itself decides nothing.
func TestPanic(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/event", []byte(`{"pull_request":{"number":1}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	env := &Env{Now: func() time.Time { return time.Unix(0, 0) }, Wait: func(context.Context, time.Duration) error { panic("a defect") }}
	a := &action{env: env, in: inputs{event: "pull_request", eventPath: dir + "/event", slug: "acme/shop", apiURL: "http://127.0.0.1:1", serverURL: "http://127.0.0.1:1"}}
	o := a.decide(context.Background())
	if o.Report.Verdict != verdict.NotDecided || o.Commit != "" || o.Bootstrap || o.ExitCode() != verdict.ExitUndecided {
		t.Errorf("%+v, %+v", o, o.Report)
	}
	if s := report.Summary(o.Report); !strings.Contains(s, "could not decide") {
		t.Error(s)
	}
}

// TestAnnotate: an annotation in the log names the file and the line, where it may name the file; errors come first.
func TestAnnotate(t *testing.T) {
	var stdout bytes.Buffer
	a := &action{gha: githubactions.New(githubactions.WithWriter(&stdout))}
	f := verdict.Finding{Rule: "scope-path", Effect: verdict.Deny, Path: "deploy/a.tf", Line: 7, Summary: "it is outside"}
	whole, odd := f, f
	whole.Line, whole.Path, whole.Effect = 0, "b.tf", verdict.Warn
	odd.Path = "a\nb"
	a.annotate(&decide.Outcome{Report: &verdict.Report{Findings: []verdict.Finding{f, whole, odd}}})
	want := "::error file=deploy/a.tf,line=7,title=remit%3A scope-path::it is outside.\n" +
		"::error title=remit%3A scope-path::it is outside.\n" +
		"::warning file=b.tf,title=remit%3A scope-path::it is outside.\n"
	if stdout.String() != want {
		t.Errorf("got\n%swant\n%s", &stdout, want)
	}
}
