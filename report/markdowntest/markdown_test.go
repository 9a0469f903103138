package markdowntest

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"

	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

func seeds() []string {
	return []string{
		"x y", "|", `\|`, `\\|`, "a|b|c", "`", "``", "a`b", "`a`", "``` ```", "```\nx", "~~~\nx", "\\`", "`\\", `\`, " ", "  ", " a ", "$", "$`x`$",
		"[x](http://evil.example)", "![x](http://evil.example)", "[x]: http://evil.example", "<img src=x>", "<!-- x", "</code>", "<details>",
		"http://evil.example", "www.evil.example", "a@evil.example", "<http://evil.example>", "@acme/team", "#123", "GH-1", "a/b#1",
		strings.Repeat("ab12", 10), ":tada:", "&lt;&#64;", "# x", "- [ ] x", "> x", "1. x", "***", "---", "[^1]", "**x** ~~y~~ _z_",
		"a\nb", "a\n\n# b", "\n\n", "\r", "\t", "\x00", "\xff", "\u2028", "\u202e", "e\u0301\u0301\u0301\u0301", "remit", "-x",
		strings.Repeat("`", 5), strings.Repeat("`", 6), strings.Repeat("a ", 400), strings.Repeat("|", 400), strings.Repeat("`x", 400),
	}
}

var parser = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList, extension.Typographer))

// skeleton is everything in a Markdown text that a reader's program could act on: its structure, and
// all text, but for the text inside code.
func skeleton(t *testing.T, src []byte) string {
	t.Helper()
	var out strings.Builder
	depth := 0
	err := ast.Walk(parser.Parser().Parse(text.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			depth--
			return ast.WalkContinue, nil
		}
		fmt.Fprintf(&out, "%*s%s", depth*2, "", n.Kind())
		switch n := n.(type) {
		case *ast.CodeSpan:
			out.WriteString("\n")
			return ast.WalkSkipChildren, nil
		case *ast.FencedCodeBlock:
			fmt.Fprintf(&out, " %s", n.Language(src))
		case *ast.Text:
			fmt.Fprintf(&out, " %q", n.Segment.Value(src))
		case *ast.String:
			fmt.Fprintf(&out, " %q", n.Value)
		case *ast.Link:
			fmt.Fprintf(&out, " to %q", n.Destination)
		case *ast.Heading:
			fmt.Fprintf(&out, " %d", n.Level)
		}
		out.WriteString("\n")
		depth++
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// filled is a report with s in every string of it. The rule alone is left, since the form of a
// rule's id decides whether it becomes a link.
func filled(s string) *verdict.Report {
	noon := time.Date(2026, 11, 22, 14, 3, 0, 0, time.UTC)
	at := &verdict.Location{File: s, Line: 3, Column: 1}
	found := func(e verdict.Effect) verdict.Finding {
		return verdict.Finding{Rule: "scope-path", Effect: e, Summary: s, Reason: s, Fix: s, Path: s, Location: at}
	}
	odd := found(verdict.Warn)
	odd.Rule = "X" + s // no rule's id
	act := func(v verdict.Verdict, found ...verdict.Finding) verdict.Act {
		return verdict.Act{
			Kind: s, Subject: s, Ref: s, Title: s, Actor: s, Key: s, Evidence: s, Seen: noon, SeenBy: s,
			Chain: []verdict.Link{
				{Delegator: s, Delegate: s, Digest: s, NotAfter: noon, Purpose: s},
				{Delegator: s, Delegate: s, Digest: s, NotAfter: noon, Purpose: s, Minted: true},
			},
			Verdict: v, Findings: found,
		}
	}
	commit := act(verdict.Denied, found(verdict.Deny))
	commit.Kind = "commit"
	return &verdict.Report{
		Verdict: verdict.Denied, Repository: s, Policy: s, PolicyFrom: s, At: noon, AtSource: s,
		Acts: []verdict.Act{
			act(verdict.Denied, found(verdict.Deny), odd), act(verdict.NotDecided, found(verdict.Undecided)),
			act(verdict.Waiting, found(verdict.Pending)), act(verdict.Allowed, found(verdict.Note)), commit, commit,
		},
		Gates: []verdict.Gate{
			{Name: s, Needed: 2, Counted: []string{s, s}, Ignored: []verdict.Ignored{{Who: s, Why: s}}, Approvers: []string{s, s}, Location: at},
		},
		Findings: []verdict.Finding{found(verdict.Deny)},
	}
}

func markdown(t *testing.T, r *verdict.Report) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := report.Markdown(&out, r, report.MarkdownOptions{Limit: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// FuzzMarkdownInert: whatever stands in a report, its Markdown has the structure, the links, the
// table cells and the text outside code that it has with a harmless word in the same places.
func FuzzMarkdownInert(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" {
			return // an empty string leaves its place out, and with it the code span
		}
		src := markdown(t, filled(s))
		got, want := skeleton(t, src), skeleton(t, markdown(t, filled("X")))
		if got != want {
			t.Errorf("%+q changes the document:\n%s\nwant\n%s\nsource:\n%s", s, got, want, src)
		}
	})
}

// FuzzInertMarkdown: a code span stays one code span with its text, in a sentence and in a cell.
func FuzzInertMarkdown(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" {
			return
		}
		span := report.InertMarkdown(s)
		src := "a " + span + " b " + span + "\n\n| a | b | c |\n|---|---|---|\n| " + span + " | x | " + span + " |\n"
		harmless := strings.ReplaceAll(src, span, "`x`")
		if got, want := skeleton(t, []byte(src)), skeleton(t, []byte(harmless)); got != want {
			t.Errorf("%+q changes the document:\n%s\nwant\n%s\nsource:\n%s", s, got, want, src)
		}
		if strings.Contains(s, "`") || strings.ContainsAny(s, "|") {
			return // written otherwise inside a span
		}
		var out bytes.Buffer
		if err := parser.Convert([]byte(span), &out); err != nil {
			t.Fatal(err)
		}
		code := regexp.MustCompile(`(?s)^<p><code>(.*)</code></p>\n$`).FindStringSubmatch(out.String())
		if code == nil {
			t.Fatalf("%+q is no code: %s", s, &out)
		}
		plain := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&amp;", "&").Replace(code[1])
		if plain != report.Inert(s) {
			t.Errorf("%+q reads %q, not %q", s, plain, report.Inert(s))
		}
	})
}

// The test's own eyes: without code spans it would see each of these.
func TestSkeletonSeesAttacks(t *testing.T) {
	for _, s := range []string{
		"[x](http://evil.example)", "![x](y)", "<img src=x>", "http://evil.example", "www.evil.example", "a@evil.example", "@acme/team",
		"#123", "**x**", "~~x~~", ":tada:", "a | b",
	} {
		row := "| a | b |\n|---|---|\n| %s | x |\n"
		if skeleton(t, fmt.Appendf(nil, row, s)) == skeleton(t, fmt.Appendf(nil, row, "harmless")) {
			t.Errorf("%q is not seen", s)
		}
	}
}
