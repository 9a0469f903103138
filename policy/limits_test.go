package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// deepText is n times a text.
func deepText(s string, n int) string { return strings.Repeat(s, n) }

// TestDepth mounts every construct for which the HCL parser calls itself, or builds a tree as deep
// as the text is long. Without the scan most of these exhaust the stack, which nothing recovers.
func TestDepth(t *testing.T) {
	const n = 60_000
	tests := map[string]func(n int) string{
		"brackets":              func(n int) string { return "x = " + deepText("[", n) + deepText("]", n) },
		"brackets unclosed":     func(n int) string { return "x = " + deepText("[", n) },
		"brackets, lines":       func(n int) string { return "x = " + deepText("[\n", n) + deepText("]\n", n) },
		"brackets, commas":      func(n int) string { return "x = " + deepText("[1,", n) + deepText("]", n) },
		"parentheses":           func(n int) string { return "x = " + deepText("(", n) + "1" + deepText(")", n) },
		"objects":               func(n int) string { return "x = " + deepText("{a=", n) + "1" + deepText("}", n) },
		"objects, lines":        func(n int) string { return "x = " + deepText("{\na=", n) + "1" + deepText("\n}", n) },
		"blocks":                func(n int) string { return deepText("a {\n", n) + deepText("}\n", n) },
		"blocks, one line":      func(n int) string { return deepText("a { ", n) + deepText("} ", n) },
		"calls":                 func(n int) string { return "x = " + deepText("f(", n) + "1" + deepText(")", n) },
		"for":                   func(n int) string { return "x = " + deepText("[for a in ", n) + "b" + deepText(": a]", n) },
		"not":                   func(n int) string { return "x = " + deepText("!", n) + "a" },
		"not, lines":            func(n int) string { return "x = (" + deepText("!\n", n) + "a)" },
		"not, comments":         func(n int) string { return "x = (" + deepText("!#\n", n/2) + "a)" },
		"not in an object for":  func(n int) string { return "x = {for a in b : a =>\n" + deepText("!\n", n) + "a}" },
		"minus":                 func(n int) string { return "x = " + deepText("-", n) + "1" },
		"minus, spaces":         func(n int) string { return "x = " + deepText("- ", n) + "1" },
		"ternary, right":        func(n int) string { return "x = " + deepText("a?b:", n) + "c" },
		"ternary, middle":       func(n int) string { return "x = " + deepText("a?", n) + "b" + deepText(":c", n) },
		"ternary, lines":        func(n int) string { return "x = (" + deepText("a\n?b\n:", n/2) + "c)" },
		"ternary in object for": func(n int) string { return "x = {for a in b : a =>" + deepText("a\n?b\n:", n/2) + "c}" },
		"or":                    func(n int) string { return "x = a" + deepText("||a", n) },
		"and, lines":            func(n int) string { return "x = (a" + deepText("\n&&a", n/2) + ")" },
		"plus":                  func(n int) string { return "x = 1" + deepText("+1", n) },
		"equal":                 func(n int) string { return "x = 1" + deepText("==1", n) },
		"less":                  func(n int) string { return "x = 1" + deepText("<1", n) },
		"index":                 func(n int) string { return "x = a" + deepText("[b]", n) },
		"index, constant":       func(n int) string { return "x = a" + deepText("[0]", n) },
		"index in index":        func(n int) string { return "x = " + deepText("a[", n) + "0" + deepText("]", n) },
		"splat":                 func(n int) string { return "x = a" + deepText("[*]", n) },
		"splat, spaced":         func(n int) string { return "x = a" + deepText("[ *]", n/2) },
		"splat, comment":        func(n int) string { return "x = a" + deepText("[/**/*]", n/4) },
		"splat of attributes":   func(n int) string { return "x = a" + deepText(".*", n) },
		"templates":             func(n int) string { return "x = " + deepText(`"${`, n) + "1" + deepText(`}"`, n) },
		"templates escaped":     func(n int) string { return "x = " + deepText(`"\$${`, n/2) + "1" + deepText(`}"`, n/2) },
		"templates not escaped": func(n int) string { return "x = " + deepText(`"$$${`, n/2) + "1" + deepText(`}"`, n/2) },
		"directives":            func(n int) string { return "x = \"" + deepText(`%{if a}`, n/2) + deepText(`%{endif}`, n/4) + "\"" },
		"directives nested":     func(n int) string { return "x = " + deepText(`"%{if `, n/2) + "1" + deepText(`}"`, n/2) },
		"heredocs":              func(n int) string { return "x = <<A\n" + deepText("${<<A\n", n/4) },
		"heredoc, long":         func(n int) string { return "x = <<A\n" + deepText("\n", n) + "A\n" },
		"namespaces":            func(n int) string { return "x = a" + deepText("::a", n) + "()" },
		"mixed":                 func(n int) string { return "x = " + deepText("[-(!f(", n/4) + "1" + deepText("))]", n/4) },
		"unbalanced":            func(n int) string { return "x = " + deepText("([)]", n/2) },
		"closed by a template":  func(n int) string { return "x = " + deepText("{~}", n) },
		"equals on its own":     func(n int) string { return "x =\n" + deepText("{!\n", n) },
		"labels":                func(n int) string { return deepText(`a "b" {`, n/4) },
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			src := []byte("repository = \"github.com/acme/shop\"\n" + text(n))
			p, diags := Parse(src, FileName)
			if p != nil || !diags.HasErrors() {
				t.Fatal("accepted")
			}
			if out, diags := Format(src, FileName); out != nil || !diags.HasErrors() {
				t.Fatal("formatted")
			}
			// With few enough nodes to pass the last resort, depth alone must be what refuses it.
			few := []byte(text(3000))
			if s := newSource(few, FileName); scan(s) {
				f, _ := hclsyntax.ParseConfig(few, FileName, hcl.InitialPos)
				if body, ok := f.Body.(*hclsyntax.Body); !ok || treeDepth(body) > 6*MaxDepth {
					t.Fatalf("the scan let a tree of depth %d through", treeDepth(body))
				}
			}
		})
	}
}

// TestDepthBoundary shows that what a person would write stays far below the limit, and that the
// scan and not the parser refuses what is beyond.
func TestDepthBoundary(t *testing.T) {
	tests := []struct {
		name string
		when string
		ok   bool
	}{
		{"thirty clauses", strings.Repeat("(time.hour == 1) || ", 30) + "chain.minted", true},
		{"ninety levels", strings.Repeat("(", 90) + "chain.minted" + strings.Repeat(")", 90), true},
		{"a hundred levels", strings.Repeat("(", 100) + "chain.minted" + strings.Repeat(")", 100), false},
		{"ninety operators", "chain.minted" + strings.Repeat(" || chain.minted", 90), true},
		{"a hundred operators", "chain.minted" + strings.Repeat(" || chain.minted", 100), false},
		{"a list of a thousand", "contains([" + strings.Repeat("-1, ", 1000) + "1], time.hour)", true},
	}
	for _, tt := range tests {
		src := "repository = \"github.com/acme/shop\"\nforbid \"x\" {\n  when = " + tt.when + "\n}\n"
		_, diags := Parse([]byte(src), FileName)
		if ok := !diags.HasErrors(); ok != tt.ok {
			t.Errorf("%s: accepted %v: %v", tt.name, ok, diags.Err())
		}
		if !tt.ok && !strings.Contains(diags.Error(), "Nested too deeply") {
			t.Errorf("%s: %v", tt.name, diags)
		}
	}
}

func TestSizes(t *testing.T) {
	head := "repository = \"github.com/acme/shop\"\n"
	tests := []struct {
		name, src, want string
	}{
		{"the largest", head + "#" + strings.Repeat("a", MaxSize-len(head)-1), ""},
		{"too large", head + "#" + strings.Repeat("a", MaxSize-len(head)), "Policy too large"},
		{"many nodes", head + "x = [" + strings.Repeat("-1,", 11_000) + "]", "Policy too large"},
		{"long string", head + `human "a" { login = "` + strings.Repeat("a", maxString) + `" }`, "String too long"},
		{"dollars", head + `forbid "` + strings.Repeat("$", 101) + `" { }`, "String too long"},
		{"comments never closed", head + strings.Repeat("/* ", 80_000), "Unclosed comment"},
		{"not UTF-8", head + "# \xff", "Invalid character encoding"},
		{"NUL", head + "# \x00", "Invisible character"},
		{"escape", head + "# \x1b[31m", "Invisible character"},
		{"byte order mark", "\ufeff" + head, "Invisible character"},
		{"carriage return alone", head + "# a\rb", "Invisible character"},
		{"carriage return at the end of a line", strings.ReplaceAll(head, "\n", "\r\n"), ""},
		{"digits", head + "repository_id = 1234567890123456789", "Not a whole number"},
		{"teams", head + manyTeams(maxTeams+1), "Too many teams"},
		{"as many teams as may be", head + manyTeams(maxTeams), ""},
		{"a large team", head + "team \"all\" { members = [" + members(maxMembers+1), "Team too large"},
		{"long list", head + `team "x" { members = [` + strings.Repeat("human.a,", 2001) + `] }`, "List too long"},
	}
	for _, tt := range tests {
		_, diags := Parse([]byte(tt.src), FileName)
		switch {
		case tt.want == "" && diags.HasErrors():
			t.Errorf("%s: %v", tt.name, diags)
		case tt.want != "" && !strings.Contains(diags.Error(), tt.want):
			t.Errorf("%s: got %v, want %s", tt.name, diags.Err(), tt.want)
		}
	}
}

// TestManyErrors shows that a file full of errors costs little and is cut short.
func TestManyErrors(t *testing.T) {
	var b strings.Builder
	b.WriteString("repository = \"github.com/acme/shop\"\nsettings {\n")
	for i := 0; b.Len() < MaxSize-100; i++ {
		fmt.Fprintf(&b, "  clock_skw%d = \"1s\"\n", i)
	}
	b.WriteString("}\n")
	_, diags := Parse([]byte(b.String()), FileName)
	if len(diags) != maxDiagnostics+1 || !strings.Contains(diags[maxDiagnostics].Detail, "more errors") {
		t.Errorf("%d diagnostics", len(diags))
	}
}

// TestWarningsDoNotHideErrors fills the list with warnings before the first error.
func TestWarningsDoNotHideErrors(t *testing.T) {
	var b strings.Builder
	b.WriteString("repository = \"github.com/acme/shop\"\nhuman \"h\" {}\n")
	for i := range maxDiagnostics + 10 {
		fmt.Fprintf(&b, "grant \"g%d\" { environments = [\"e%d\"] }\n", i, i)
	}
	if p, diags := Parse([]byte(b.String()), FileName); p == nil || len(diags) != maxDiagnostics {
		t.Fatalf("a policy with warnings alone: %v", diags.Err())
	}
	b.WriteString("grant \"last\" { to = [human.nobody] }\n")
	if p, diags := Parse([]byte(b.String()), FileName); p != nil || !diags.HasErrors() {
		t.Error("an error went unseen behind warnings")
	}
}

// TestTeamsInTeams holds expansion to one visit a team: as paths there would be 2^200.
func TestTeamsInTeams(t *testing.T) {
	var b strings.Builder
	b.WriteString("repository = \"github.com/acme/shop\"\nhuman \"a\" {}\n")
	for i := range 200 {
		fmt.Fprintf(&b, "team \"l%d\" { members = [team.l%d, team.r%d] }\nteam \"r%d\" { members = [team.l%d, team.r%d] }\n", i, i+1, i+1, i, i+1, i+1)
	}
	b.WriteString("team \"l200\" { members = [human.a] }\nteam \"r200\" { members = [human.a] }\n")
	done := make(chan error, 1)
	go func() {
		_, diags := Parse([]byte(b.String()), FileName)
		done <- diags.Err()
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("teams are expanded path by path")
	}
}

func manyTeams(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "team \"t%d\" { members = [] }\n", i)
	}
	return b.String()
}

// members ends a list of n humans, and declares them.
func members(n int) string {
	var list, blocks strings.Builder
	for i := range n {
		fmt.Fprintf(&list, "human.h%d, ", i)
		fmt.Fprintf(&blocks, "human \"h%d\" {}\n", i)
	}
	return list.String() + "] }\n" + blocks.String()
}
