package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/remit-sh/remit/verdict"
)

func TestReplaceWord(t *testing.T) {
	for _, c := range []struct{ in, word, want string }{
		{"take a/b out", "a/b", "take _ out"},
		{"a/b. a/b, (a/b) \"a/b\"", "a/b", "_. _, (_) \"_\""},
		{"x/a/b and a/b/c and a/b-c", "a/b", "x/a/b and a/b/c and a/b-c"},
		{"a/bé éa/b", "a/b", "a/bé éa/b"},
		{"from 3f2c1a9b0c..HEAD to 3f2c1a9b0c", "3f2c1a9b0c", "from 3f2c1a9b0c..HEAD to _"},
		{"nothing", "", "nothing"},
		{"", "a/b", ""},
	} {
		if got := replaceWord(c.in, c.word, "_"); got != c.want {
			t.Errorf("in %q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestMaskRange(t *testing.T) {
	for in, want := range map[string]string{
		"`remit resign 3f2c1a9b0c..HEAD`": "`remit resign ..HEAD`",
		"a..HEAD and main..HEAD":          "a..HEAD and main..HEAD", // too short for an id
		"3f2c1a9b0c..main":                "3f2c1a9b0c..main",
	} {
		if got := maskRange(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// What is said once for several must hold for each of them.
func TestGrouping(t *testing.T) {
	same := func(i int) verdict.Finding { return scopePath(fmt.Sprintf("deploy/app%d.tf", i)) }
	quoted := func(i int) verdict.Finding {
		path := fmt.Sprintf("deploy/app %d.tf", i)
		f := scopePath(fmt.Sprintf("%+q", path))
		f.Path = path
		return f
	}
	otherFix, otherWhy, otherRule, otherLine, warning := same(2), same(2), same(2), same(2), same(2)
	otherFix.Fix = "Do something else."
	otherWhy.Reason = "Another link covers less."
	otherRule.Rule = "mode-change"
	otherLine.Location = &verdict.Location{File: "policies.hcl", Line: 7, Column: 1}
	warning.Effect = verdict.Warn
	word := scopePath("delegation") // a path that is also a word of the sentence
	word2 := scopePath("covers")

	for _, c := range []struct {
		name   string
		found  []verdict.Finding
		groups int
		fix    string // of the first group
	}{
		{"one", []verdict.Finding{same(1)}, 1, same(1).Fix},
		{"two paths", []verdict.Finding{same(1), same(2)}, 1, scopePath("each of these paths").Fix},
		{"two paths in quotes", []verdict.Finding{quoted(1), quoted(2)}, 1, scopePath("each of these paths").Fix},
		{"the same path twice", []verdict.Finding{same(1), same(1)}, 1, same(1).Fix},
		{"another fix", []verdict.Finding{same(1), otherFix}, 2, same(1).Fix},
		{"another reason", []verdict.Finding{same(1), otherWhy}, 2, same(1).Fix},
		{"another rule", []verdict.Finding{same(1), otherRule}, 2, same(1).Fix},
		{"another line of the policy", []verdict.Finding{same(1), otherLine}, 2, same(1).Fix},
		{"another effect", []verdict.Finding{same(1), warning}, 2, same(1).Fix},
		{"words of the sentence as paths", []verdict.Finding{word, word2}, 2, word.Fix},
	} {
		p := newPage(base(), Options{})
		a := commit(1, "title")
		groups := p.groupsOf(c.found, &a)
		if len(groups) != c.groups {
			t.Errorf("%s: %d groups, want %d", c.name, len(groups), c.groups)
			continue
		}
		if got := groups[0].fix(false); got != c.fix {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.fix)
		}
	}
}

// Acts share a block only where everything that the block says holds for each of them.
func TestBlocks(t *testing.T) {
	one := func(change func(*verdict.Act)) []verdict.Act {
		a, b := unsigned(1), unsigned(2)
		change(&b)
		return []verdict.Act{a, b}
	}
	for name, c := range map[string]struct {
		change func(*verdict.Act)
		blocks int
	}{
		"nothing else differs": {func(*verdict.Act) {}, 1},
		"title":                {func(a *verdict.Act) { a.Title = "other" }, 1},
		"actor":                {func(a *verdict.Act) { a.Actor = "agent.other" }, 2},
		"ref":                  {func(a *verdict.Act) { a.Ref = "refs/heads/other" }, 2},
		"kind":                 {func(a *verdict.Act) { a.Kind = "tag" }, 2},
		"evidence":             {func(a *verdict.Act) { a.Evidence = "other" }, 2},
		"time":                 {func(a *verdict.Act) { a.Seen = noon }, 2},
		"chain":                {func(a *verdict.Act) { a.Chain = chain() }, 2},
		"findings":             {func(a *verdict.Act) { a.Findings = append(a.Findings, scopePath("x/y")) }, 2},
		"fix":                  {func(a *verdict.Act) { a.Findings[0].Fix = "Other." }, 2},
	} {
		r := base(one(c.change)...)
		if got := len(newPage(r, Options{}).blocks()); got != c.blocks {
			t.Errorf("%s: %d blocks, want %d", name, got, c.blocks)
		}
	}
}

// A list is cut where somebody would stop reading, and says so; all of it is there on demand.
func TestLongLists(t *testing.T) {
	for n, want := range map[int]string{5: "", 6: "", 7: "and 2 more", 20: "and 15 more"} {
		found := make([]verdict.Finding, 0, n)
		for i := range n {
			found = append(found, scopePath(fmt.Sprintf("deploy/app%02d.tf", i)))
		}
		r := base(commit(1, "title", found...))
		short, long := textOf(t, r, Options{}), textOf(t, r, Options{Verbose: true})
		if want != "" && !strings.Contains(short, want) || want == "" && strings.Contains(short, " more") {
			t.Errorf("%d paths: want %q in\n%s", n, want, short)
		}
		if got := strings.Count(long, "is outside the delegation"); got != n {
			t.Errorf("%d paths: the whole list has %d", n, got)
		}
		if strings.Count(short, "fix ") != 1 {
			t.Errorf("%d paths: the fix is repeated in\n%s", n, short)
		}
	}
}

// A command in backticks stays in one piece, and text is wrapped at the width where it can be.
func TestWrap(t *testing.T) {
	text := "Ask whoever gave you the task, and then run `remit delegate agent.coder --for 10m --why TASK` in this work tree."
	r := base(commit(1, "t", verdict.Finding{Rule: "delegation-missing", Effect: verdict.Deny, Summary: "none", Fix: text}))
	got := textOf(t, r, Options{Width: 60})
	if !strings.Contains(got, "`remit delegate agent.coder --for 10m --why TASK`") {
		t.Errorf("the command is broken:\n%s", got)
	}
	for line := range strings.Lines(got) {
		if strings.HasPrefix(line, "  │ ") && len([]rune(line)) > 61 && !strings.Contains(line, "`") && !strings.Contains(line, "https://") {
			t.Errorf("a line is too long: %q", line)
		}
	}
}

func BenchmarkText(b *testing.B) {
	acts := make([]verdict.Act, 0, 1000)
	for i := range 1000 {
		acts = append(acts, unsigned(i+1))
	}
	r := base(acts...)
	for b.Loop() {
		p := newPage(r, Options{})
		p.acts()
	}
}
