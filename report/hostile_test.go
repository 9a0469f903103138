package report

import (
	"bytes"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// lineStart is how each line of a text report may begin: with words or marks of the package.
var lineStart = regexp.MustCompile(
	`^(remit: |[✗?○!✓·x+o-] (everything together$|gate "|\d+ |act |commit |tag |push |deploy |secret |rotate |pull request |deletion )|  [│|]( |$))`)

// checkText asserts what holds for every text report, whatever is in it.
func checkText(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		if !lineStart.MatchString(line) {
			t.Errorf("a line begins with text of the report: %q", line)
		}
		if c := strange(line); c != "" {
			t.Errorf("a line holds %+q: %q", c, line)
		}
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") || strings.Contains(line, "##vso[") {
			t.Errorf("a line is a workflow command: %q", line)
		}
	}
}

func textOf(t *testing.T, r *verdict.Report, o Options) string {
	t.Helper()
	var out bytes.Buffer
	if err := Text(&out, r, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestHostileText(t *testing.T) {
	for _, o := range []Options{{}, {ASCII: true}, {Verbose: true}, {Width: 1}, {Width: 1000}} {
		checkText(t, textOf(t, filled(hostileText), o))
	}
	ascii := textOf(t, filled(hostileText), Options{ASCII: true, Verbose: true})
	if i := strings.IndexFunc(ascii, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 {
		t.Errorf("the ASCII form holds %+q", ascii[i:i+4])
	}
}

// The only escape sequences are this package's own, and each is closed on its line.
func TestColor(t *testing.T) {
	sgr := regexp.MustCompile("\x1b\\[[0-9;]+m([^\x1b]*)\x1b\\[0m")
	for name, r := range samples() {
		colored := textOf(t, r, Options{Color: true, Verbose: true})
		if !strings.Contains(colored, "\x1b[") {
			t.Errorf("%s: there is no colour", name)
		}
		plain := sgr.ReplaceAllString(colored, "$1")
		if want := textOf(t, r, Options{Verbose: true}); plain != want {
			t.Errorf("%s: without its colours the report differs:\n%s\nwant\n%s", name, plain, want)
		}
	}
}

// However long a report's strings are, what is shown of them is bounded, and so is the work: they are
// copied a number of times that does not depend on how long they are, and nothing is made for each of
// their characters.
func TestHugeStrings(t *testing.T) {
	filledWith := func(n int) *verdict.Report { return filled(strings.Repeat("\x1b]A| ` \u202e", n)) }
	for name, form := range map[string]func(io.Writer, *verdict.Report) error{
		"text":     func(w io.Writer, r *verdict.Report) error { return Text(w, r, Options{Verbose: true}) },
		"markdown": func(w io.Writer, r *verdict.Report) error { return Markdown(w, r, MarkdownOptions{}) },
		"sarif":    func(w io.Writer, r *verdict.Report) error { return SARIF(w, r, Tool{}) },
	} {
		const long, factor = 1 << 12, 32
		cost := func(n int) (out bytes.Buffer, objects, size uint64) {
			r := filledWith(n)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if err := form(&out, r); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			return out, after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc
		}
		cost(long) // what is made once is there now
		_, objects, size := cost(long)
		out, moreObjects, moreSize := cost(long * factor)
		if out.Len() > 200_000 {
			t.Errorf("%s: %d bytes", name, out.Len())
		}
		if moreObjects > objects+objects/10 {
			t.Errorf("%s: %d objects are made, and %d of strings that are %d times as long", name, objects, moreObjects, factor)
		}
		if moreSize > size*factor*5/4 {
			t.Errorf("%s: %d bytes are made, and %d of strings that are %d times as long", name, size, moreSize, factor)
		}
	}
}

func FuzzTextInert(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s, 0, false)
		f.Add(s, 60, true)
	}
	f.Fuzz(func(t *testing.T, s string, width int, ascii bool) {
		checkText(t, textOf(t, filled(s), Options{Width: width % 300, ASCII: ascii, Verbose: ascii}))
		if sum := Summary(filled(s)); strange(sum) != "" {
			t.Errorf("the summary holds %+q", strange(sum))
		}
	})
}

// strictly decodes JSON that must hold nothing beside v.
func strictly(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	if bytes.Count(b, []byte("\n")) != 1 || b[len(b)-1] != '\n' {
		t.Errorf("it is not one line: %q", b)
	}
	if c := strange(strings.TrimSuffix(string(b), "\n")); c != "" {
		t.Errorf("the encoded form holds %+q", c)
	}
	if bytes.Contains(b, []byte("##")) {
		t.Errorf("the encoded form holds the start of a command: %s", b)
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := filled(s)
		var out bytes.Buffer
		if err := JSON(&out, r); err != nil {
			t.Fatal(err)
		}
		var got jsonReport
		strictly(t, out.Bytes(), &got)
		if !utf8.ValidString(s) {
			s = inert.UTF8(s)
		}
		a := got.Acts[0]
		for _, v := range []string{
			got.Repository, got.Policy, got.PolicyFrom, got.AtSource, a.Kind, a.Subject, a.Ref, a.Title, a.Actor, a.Key, a.Evidence,
			a.SeenBy, a.Chain[0].Delegator, a.Chain[0].Delegate, a.Chain[0].Digest, a.Chain[0].Purpose, a.Findings[0].Rule,
			a.Findings[0].Summary, a.Findings[0].Reason, a.Findings[0].Fix, a.Findings[0].Path, a.Findings[0].Location.File,
			got.Gates[0].Name, got.Gates[0].Counted[0], got.Gates[0].Ignored[0].Who, got.Gates[0].Ignored[0].Why, got.Gates[0].Approvers[0],
		} {
			if v != s {
				t.Errorf("a string came back as %+q, not %+q", v, s)
			}
		}
		if got.Verdict != "deny" || len(got.Acts) != len(r.Acts) || a.Findings[0].Effect != "deny" {
			t.Errorf("the outcome came back as %q, %d acts, %q", got.Verdict, len(got.Acts), a.Findings[0].Effect)
		}
	})
}

// The members that scripts rely on are there under their names, lists are never null, and what is
// absent is left out.
func TestJSONShape(t *testing.T) {
	var out bytes.Buffer
	if err := JSON(&out, samples()["deny"]); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"version":1,"verdict":"deny",`, `"repository":"github.com/acme/shop"`, `"policy":"sha256:5`, `"at":"2026-11-22T14:03:00Z"`,
		`"kind":"commit"`, `"actor":"agent.coder"`, `"delegator":"human.alice"`, `"not_after":"2026-11-22T14:10:00Z"`,
		`"path":"deploy/production/app.tf"`, `"location":{"file":"policies.hcl","line":42,"column":3}`, `"gates":[]`, `"findings":[]`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing in %s", want, &out)
		}
	}
	out.Reset()
	if err := JSON(&out, &verdict.Report{Acts: []verdict.Act{{}}, Gates: []verdict.Gate{{}}}); err != nil {
		t.Fatal(err)
	}
	for _, no := range []string{"null", `"location"`, `"path"`, `"seen":`} {
		if strings.Contains(out.String(), no) {
			t.Errorf("%s stands in %s", no, &out)
		}
	}
}

// TestSARIF asserts what the schema of SARIF 2.1.0 requires, and GitHub on top of it.
func TestSARIF(t *testing.T) {
	for name, r := range samples() {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := SARIF(&out, r, Tool{Version: "1.2.3", Rules: []Rule{{"unsigned", "The object carries no signature."}}}); err != nil {
				t.Fatal(err)
			}
			var log sarifLog
			strictly(t, out.Bytes(), &log)
			if log.Version != "2.1.0" || log.Schema == "" || len(log.Runs) != 1 {
				t.Fatalf("version %q, schema %q, %d runs", log.Version, log.Schema, len(log.Runs))
			}
			run := log.Runs[0]
			if run.Tool.Driver.Name != "remit" || len(run.Invocations) != 1 || run.Results == nil {
				t.Errorf("the driver is %q, with %d invocations, results %v", run.Tool.Driver.Name, len(run.Invocations), run.Results)
			}
			for _, rule := range run.Tool.Driver.Rules {
				if rule.ID == "" && name != "hostile" || rule.ShortDescription.Text == "" || rule.Help.Text == "" {
					t.Errorf("a rule lacks text: %+v", rule)
				}
			}
			want := len(r.Findings)
			for _, a := range r.Acts {
				want += len(a.Findings)
			}
			if len(run.Results) != want {
				t.Errorf("%d results for %d findings", len(run.Results), want)
			}
			for _, res := range run.Results {
				checkResult(t, r, run.Tool.Driver.Rules, res)
			}
		})
	}
}

var uriReference = regexp.MustCompile(`^([A-Za-z0-9._~-]|%[0-9A-F]{2})+(/([A-Za-z0-9._~-]|%[0-9A-F]{2})+)*$`)

func checkResult(t *testing.T, r *verdict.Report, rules []sarifRule, res sarifResult) {
	t.Helper()
	if res.RuleIndex < 0 || res.RuleIndex >= len(rules) || rules[res.RuleIndex].ID != res.RuleID {
		t.Errorf("rule %q has the index %d", res.RuleID, res.RuleIndex)
	}
	want := map[string]string{"warn": "warning", "note": "note"}[res.Properties.Effect]
	if want == "" {
		want = "error"
		if r.Observe {
			want = "warning"
		}
	}
	if res.Level != want {
		t.Errorf("%s has the level %s, not %s", res.Properties.Effect, res.Level, want)
	}
	if res.Message.Text == "" || strings.Contains(res.Message.Text, "](") {
		t.Errorf("the message is %q", res.Message.Text)
	}
	if len(res.Locations) != 1 || res.Locations[0].Physical.Region.StartLine < 1 || !uriReference.MatchString(res.Locations[0].Physical.Artifact.URI) {
		t.Errorf("the locations are %+v", res.Locations)
	}
	if len(res.Fingerprints["remitFinding/v1"]) != 64 {
		t.Errorf("the fingerprints are %v", res.Fingerprints)
	}
}

func TestSARIFLocation(t *testing.T) {
	at := &verdict.Location{File: "policies.hcl", Line: 42, Column: 3}
	for _, c := range []struct {
		name, path string
		at         *verdict.Location
		from       string
		uri        string
		line       int
	}{
		{"path", "deploy/a b#1?.tf", at, "", "deploy/a%20b%231%3F.tf", 1},
		{"scheme", "javascript:alert(1)", nil, "", "javascript%3Aalert%281%29", 1},
		{"not ASCII", "größe", nil, "", "gr%C3%B6%C3%9Fe", 1},
		{"out of the tree", "../etc/passwd", at, "", "policies.hcl", 42},
		{"absolute", "/etc/passwd", at, "", "policies.hcl", 42},
		{"not UTF-8", "a\xff", at, "", "policies.hcl", 42},
		{"no path", "", at, "", "policies.hcl", 42},
		{"nothing but the policy", "", nil, "org/policies.hcl", "org/policies.hcl", 1},
		{"nothing", "", nil, "https://x/y", "policies.hcl", 1},
	} {
		s := newSARIF(&verdict.Report{PolicyFrom: c.from}, Tool{})
		got := s.location(nil, &verdict.Finding{Path: c.path, Location: c.at}).Physical
		if got.Artifact.URI != c.uri || got.Region.StartLine != c.line {
			t.Errorf("%s: %s:%d, want %s:%d", c.name, got.Artifact.URI, got.Region.StartLine, c.uri, c.line)
		}
	}
}

func TestSARIFMessage(t *testing.T) {
	got := sarifMessage("see [here](https://evil.example) {0} {name} \x1b[1m")
	if want := `see [here]\x28https://evil.example) \x7b0} {name} \x1b[1m`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A fingerprint stays when the policy or the time changes, and differs from act to act and path to path.
func TestFingerprint(t *testing.T) {
	a, b := commit(1, "one"), commit(2, "two")
	f := scopePath("x/y")
	same := f
	same.Location = &verdict.Location{File: "policies.hcl", Line: 9, Column: 1}
	later := a
	later.Seen = noon.Add(time.Hour)
	if fingerprint(&a, &f) != fingerprint(&later, &same) {
		t.Error("a line of the policy or a time changes the fingerprint")
	}
	g := scopePath("x/z")
	all := []string{fingerprint(&a, &f), fingerprint(&b, &f), fingerprint(&a, &g), fingerprint(nil, &f)}
	slices.Sort(all)
	if len(slices.Compact(all)) != 4 {
		t.Error("two findings have the same fingerprint")
	}
}

func TestMarkdownLimit(t *testing.T) {
	acts := make([]verdict.Act, 0, 3000)
	for i := range 3000 {
		a := commit(i, strings.Repeat("long ", 30))
		if i%300 == 299 {
			a = commit(i, "bad", scopePath("deploy/x.tf"))
			a.Evidence = strings.Repeat("e", i/300) // so that none are grouped
		}
		acts = append(acts, a)
	}
	r := base(acts...)
	for _, limit := range []int{0, minLimit, 20_000, 400_000} {
		var out bytes.Buffer
		if err := Markdown(&out, r, MarkdownOptions{Limit: limit}); err != nil {
			t.Fatal(err)
		}
		most := limit
		if most == 0 {
			most = defaultLimit
		}
		if out.Len() > most || out.Len() < most*7/10 {
			t.Errorf("%d bytes for a limit of %d", out.Len(), most)
		}
		rows := strings.Count(out.String(), "| ❌ deny |") + strings.Count(out.String(), "| ✅ allow |")
		if n := strings.Count(out.String(), "| ❌ deny |"); n != 10 {
			t.Errorf("limit %d: %d rows of what is denied, not 10", most, n)
		}
		if want := count(3000-rows, "more act") + " are left out of this table."; rows < 3000 && !strings.Contains(out.String(), want) {
			t.Errorf("limit %d: %q is missing", most, want)
		}
	}
}

// A denial whose text does not fit is still named with its rules.
func TestMarkdownShortSection(t *testing.T) {
	r := filled(strings.Repeat("x y ", 1<<12))
	r.Acts[0].Findings[0].Rule = "scope-path"
	var out bytes.Buffer
	if err := Markdown(&out, r, MarkdownOptions{Limit: minLimit}); err != nil {
		t.Fatal(err)
	}
	if out.Len() > minLimit || !strings.Contains(out.String(), "does not fit here") {
		t.Errorf("%d bytes:\n%s", out.Len(), &out)
	}
}

// markdownStart is how each line of a Markdown report may begin.
var markdownStart = regexp.MustCompile("^($|## . remit: |### . |### Gates$|\\| |\\|---|│ |│$|```|Read on: |Policy |Judged |For |The |\\d+ |All \\d+ |Act |Commit )")

func FuzzMarkdown(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s, 0)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = minLimit + (limit&0xffff)%60_000
		var out bytes.Buffer
		if err := Markdown(&out, filled(s), MarkdownOptions{Limit: limit}); err != nil {
			t.Fatal(err)
		}
		if out.Len() > limit {
			t.Errorf("%d bytes for a limit of %d", out.Len(), limit)
		}
		for line := range strings.Lines(out.String()) { // it may be printed to a job's log too
			line = strings.TrimSuffix(line, "\n")
			if c := strange(line); c != "" {
				t.Errorf("a line holds %+q: %q", c, line)
			}
			if !markdownStart.MatchString(line) || strings.Contains(line, "##[") || strings.Contains(line, "##vso[") {
				t.Errorf("a line is not ours: %q", line)
			}
		}
	})
}
