package checker_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

const rulePages = "../docs/rules"

var (
	exampleOf = regexp.MustCompile(`<!-- the case ([a-z0-9-]+) of testdata/rules/([a-z-]+)\.txtar -->`)
	textBlock = regexp.MustCompile("(?s)```text\n(.*?)```")
	tableRow  = regexp.MustCompile(`(?m)^\|.*$`) // looked up, and not read
)

// TestRulePages holds each page to its form, and its example to what remit prints.
func TestRulePages(t *testing.T) {
	ids := checker.RuleIDs()
	for _, id := range ids {
		t.Run(id, func(t *testing.T) { checkRulePage(t, id) })
	}
	pages, err := filepath.Glob(rulePages + "/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("there are no pages: %v", err)
	}
	for _, page := range pages {
		if id := strings.TrimSuffix(filepath.Base(page), ".md"); id != "README" && !slices.Contains(ids, id) {
			t.Errorf("%s is the page of no rule", page)
		}
	}
}

func checkRulePage(t *testing.T, id string) {
	page := filepath.Join(rulePages, id+".md")
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	summary := firstSentence(text)
	if want := checker.RuleSummary(id); summary == "" || want != summary {
		t.Errorf("the page begins with %q, and RuleSummary (checker/summaries.go) says %q", summary, want)
	}
	rest := text
	for _, part := range []string{"# " + id + "\n", "\n## Why\n", "\n## How to fix it\n- **Agent:** ", "\n- **Maintainer:** ", "\n## Example\n", "\n```text\n"} {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Fatalf("the page lacks %q, or has it in another place", part)
		}
		rest = after
	}
	if n := len(strings.Fields(tableRow.ReplaceAllString(textBlock.ReplaceAllString(text, ""), ""))); n > 260 {
		t.Errorf("the page has %d words, which nobody in a hurry reads", n)
	}

	m := exampleOf.FindStringSubmatch(text)
	if m == nil {
		t.Fatal("the page does not say which case its example is")
	}
	f := readCases(t, "../testdata/rules/"+m[2]+".txtar")[0]
	p, sc := f.load(t, m[1])
	r := checker.Check(p, sc.set)
	if len(effectsOf(r, id)) == 0 {
		t.Errorf("the rule finds nothing in the case %s", m[1])
	}
	example := rendered(t, r)
	now := textBlock.ReplaceAllLiteralString(text, "```text\n"+example+"```")
	if now == text {
		return
	}
	if !*update {
		t.Errorf("the example is not what remit prints (run with -update):\n%s", example)
	} else if err := os.WriteFile(page, []byte(now), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestCausesOfPage: what a page says that remit says, some file of remit does say.
func TestCausesOfPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(rulePages, "history-incomplete.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, folder := range []string{"checker", "decide", "forge", "gitrepo", "policy", "internal/githubaction"} {
		files, err := filepath.Glob("../" + folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", folder, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(src)
		}
	}
	causes := regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(string(page), -1)
	if len(causes) < 15 {
		t.Errorf("the page has %d causes", len(causes))
	}
	for _, m := range append(causes, []string{"", "it is not known when "}) {
		if !strings.Contains(all.String(), m[1]) {
			t.Errorf("nothing says %q", m[1])
		}
	}
	if strings.Contains(all.String(), "no open pull request of this commit goes nowhere") {
		t.Error("everything is found")
	}
}

// rendered is a report as people see it. One that blocks nothing is shown in full.
func rendered(t *testing.T, r *verdict.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.Text(&out, r, report.Options{Verbose: hasOnlyNotes(r)}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// hasOnlyNotes reports whether some act has a note, which is shown only when everything is.
func hasOnlyNotes(r *verdict.Report) bool {
	return slices.ContainsFunc(findingsOf(r), func(f verdict.Finding) bool { return f.Rule == "backdated" })
}

// firstSentence is the first sentence below a page's title.
func firstSentence(page string) string {
	_, rest, _ := strings.Cut(page, "\n\n")
	paragraph, _, _ := strings.Cut(rest, "\n\n")
	sentence, _, ok := strings.Cut(strings.ReplaceAll(paragraph, "\n", " ")+" ", ". ")
	if !ok {
		return ""
	}
	return sentence + "."
}

// TestRuleIndex keeps docs/rules/README.md.
func TestRuleIndex(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Rules

A finding names its rule. Each rule has a page: what it means, why remit does this, and how to fix it. Ids are
stable: they are never renamed, and never used again for something else.

Effects: **deny** and **undecided** block; **pending** blocks until somebody approves; **warn** and **note** do not.

| rule | what it means |
|---|---|
`)
	ids := checker.RuleIDs()
	slices.Sort(ids)
	for _, id := range ids {
		page, err := os.ReadFile(filepath.Join(rulePages, id+".md"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "| [%s](%s.md) | %s |\n", id, id, firstSentence(string(page)))
	}
	index := filepath.Join(rulePages, "README.md")
	if *update {
		if err := os.WriteFile(index, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(index); err != nil || string(got) != b.String() {
		t.Errorf("the index is not up to date (run with -update): %v", err)
	}
}

// TestRuleSummaries: each rule has one, and nothing else has.
func TestRuleSummaries(t *testing.T) {
	for _, id := range checker.RuleIDs() {
		s := checker.RuleSummary(id)
		if !strings.HasSuffix(s, ".") || strings.Count(s, ". ") > 0 || len(s) > 130 {
			t.Errorf("%s: %q of checker/summaries.go is not one short sentence", id, s)
		}
	}
	if s := checker.RuleSummary("no-such-rule"); s != "" {
		t.Errorf("no rule, and the summary %q", s)
	}
}

// TestAttackList keeps docs/attacks.md: each test that it names is there, and each attack of
// testdata/attacks is in it.
func TestAttackList(t *testing.T) {
	list, err := os.ReadFile("../docs/attacks.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, folder := range []string{"attacks", "rules"} {
		for _, f := range readCases(t, "../testdata/"+folder+"/*.txtar") {
			for _, name := range f.cases {
				full := folder + "/" + strings.TrimSuffix(filepath.Base(f.path), ".txtar") + "/" + name
				known[full] = true
				if folder == "attacks" && !strings.Contains(string(list), "`"+full+"`") {
					t.Errorf("docs/attacks.md does not list %s", full)
				}
			}
		}
	}
	for _, m := range regexp.MustCompile("`((?:attacks|rules)/[a-z0-9-]+/[a-z0-9-]+)`").FindAllStringSubmatch(string(list), -1) {
		if !known[m[1]] {
			t.Errorf("docs/attacks.md names %s, and there is no such case", m[1])
		}
	}
}
