package checker_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

var update = flag.Bool("update", false, "rewrite what the cases expect, and the examples of docs/rules")

// A case file is a txtar archive below the top testdata. Its comment says what it is about. It holds
//
//	policy.hcl        the policy; where there is none policies/base.hcl, and policies/workflows.hcl for
//	                  cases about workflow files
//	more.hcl          added to it
//	NAME/evidence     what was observed, see scenario
//	NAME/more.hcl     added to the policy for this case alone
//	NAME/….yml        a file of the tree that the case is about, by its path
//	NAME/base/….yml   the same file before the change
//	NAME/want         the verdict, each act with its findings, the findings about the whole, the gates
//
// The want is compared as a whole: a finding that was not expected fails the case.

// caseFile is a case file that was read.
type caseFile struct {
	path    string
	archive *txtar.Archive
	cases   []string // names, in order
}

func readCases(t testing.TB, glob string) []*caseFile {
	t.Helper()
	paths, err := filepath.Glob(glob)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s matches no file (%v)", glob, err)
	}
	var files []*caseFile
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := &caseFile{path: path, archive: a}
		if strings.TrimSpace(string(a.Comment)) == "" {
			t.Errorf("%s does not say what it is about", path)
		}
		seen := map[string]bool{}
		for _, file := range a.Files {
			if seen[file.Name] {
				t.Errorf("%s has %s twice", path, file.Name)
			}
			seen[file.Name] = true
			name, part, ok := strings.Cut(file.Name, "/")
			switch {
			case ok && part == "evidence":
				f.cases = append(f.cases, name)
			case ok && (part == "want" || part == "more.hcl" || strings.HasSuffix(part, ".yml")), file.Name == "policy.hcl", file.Name == "more.hcl":
			default:
				t.Errorf("%s: %s is no part of a case", path, file.Name)
			}
		}
		if len(f.cases) == 0 {
			t.Errorf("%s has no cases", path)
		}
		files = append(files, f)
	}
	return files
}

func (f *caseFile) file(name string) (string, bool) {
	for _, file := range f.archive.Files {
		if file.Name == name {
			return string(file.Data), true
		}
	}
	return "", false
}

// load makes the policy and the evidence of a case.
func (f *caseFile) load(t testing.TB, name string) (*policy.Policy, *scenario) {
	t.Helper()
	src, ok := f.file("policy.hcl")
	head, base := f.trees(name)
	switch {
	case ok:
	case len(head)+len(base) > 0:
		src = readFile(t, "../testdata/policies/workflows.hcl")
	default:
		src = basePolicy(t)
	}
	for _, more := range []string{"more.hcl", name + "/more.hcl"} {
		if text, ok := f.file(more); ok {
			src += "\n" + text
		}
	}
	text, ok := f.file(name + "/evidence")
	if !ok {
		t.Fatalf("%s has no case %s", f.path, name)
	}
	s := parseScenario(t, text, func(s *scenario) { s.head, s.base = head, base })
	return s.parsePolicy(src), s
}

// trees are the files of a case that workflows are read from, after a change and before it.
func (f *caseFile) trees(name string) (head, base fstest.MapFS) {
	head, base = fstest.MapFS{}, fstest.MapFS{}
	for _, file := range f.archive.Files {
		path, ok := strings.CutPrefix(file.Name, name+"/")
		switch before, was := strings.CutPrefix(path, "base/"); {
		case !ok || !strings.HasSuffix(path, ".yml"):
		case was:
			base[before] = &fstest.MapFile{Data: file.Data}
		default:
			head[path] = &fstest.MapFile{Data: file.Data}
		}
	}
	return head, base
}

// setWant puts what was found into the archive, behind the evidence.
func (f *caseFile) setWant(name, want string) {
	full := name + "/want"
	i := slices.IndexFunc(f.archive.Files, func(x txtar.File) bool { return x.Name == full })
	if i < 0 {
		i = 1 + slices.IndexFunc(f.archive.Files, func(x txtar.File) bool { return x.Name == name+"/evidence" })
		f.archive.Files = slices.Insert(f.archive.Files, i, txtar.File{Name: full})
	}
	f.archive.Files[i].Data = []byte(want)
}

// outline is a report with the names of the case for the ids in it.
func (s *scenario) outline(r *verdict.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Verdict)
	findings := func(list []verdict.Finding) {
		for _, f := range list {
			fmt.Fprintf(&b, "  %s %s", f.Effect, f.Rule)
			if f.Path != "" {
				fmt.Fprintf(&b, " %q", f.Path)
			}
			if f.Line > 0 {
				fmt.Fprintf(&b, " %d:%d", f.Line, f.Column)
			}
			b.WriteByte('\n')
		}
	}
	for _, a := range r.Acts {
		subject := a.Subject
		if name, ok := s.names[subject]; ok {
			subject = name
		}
		actor := a.Actor
		if actor == "" {
			actor = "nobody"
		}
		fmt.Fprintf(&b, "%s %s by %s: %s\n", a.Kind, subject, actor, a.Verdict)
		findings(a.Findings)
	}
	if len(r.Findings) > 0 {
		b.WriteString("whole\n")
		findings(r.Findings)
	}
	for _, g := range r.Gates {
		fmt.Fprintf(&b, "gate %q needs %d", g.Name, g.Needed)
		if len(g.Counted) > 0 {
			fmt.Fprintf(&b, ", counts %s", strings.Join(g.Counted, " "))
		}
		for _, no := range g.Ignored {
			fmt.Fprintf(&b, ", ignores %s", no.Who)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestCases runs every case file.
func TestCases(t *testing.T) {
	for _, folder := range []string{"rules", "attacks"} {
		for _, f := range readCases(t, "../testdata/"+folder+"/*.txtar") {
			base := strings.TrimSuffix(filepath.Base(f.path), ".txtar")
			for _, name := range f.cases {
				t.Run(folder+"/"+base+"/"+name, func(t *testing.T) { f.run(t, name) })
			}
			if *update {
				if err := os.WriteFile(f.path, txtar.Format(f.archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func (f *caseFile) run(t *testing.T, name string) {
	p, s := f.load(t, name)
	r := checker.Check(p, s.set)
	got := s.outline(r)
	if kind, _, _ := strings.Cut(name, "-"); strings.Contains(f.path, "attacks") && kind != "near" && kind != r.Verdict.String() {
		t.Errorf("the verdict is %s", r.Verdict)
	}
	if *update {
		f.setWant(name, got)
	} else if want, _ := f.file(name + "/want"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
		for _, a := range r.Acts {
			for _, x := range a.Findings {
				t.Logf("%s: %s. %s %s", x.Rule, x.Summary, x.Reason, x.Fix)
			}
		}
	}
	checkWording(t, r)
}

// checkWording holds what every finding must say, and how.
func checkWording(t *testing.T, r *verdict.Report) {
	t.Helper()
	checkFindings(t, r)
	for _, f := range findingsOf(r) {
		for _, text := range []string{f.Summary, f.Reason, f.Fix} {
			if strings.Contains(text, "%!") || strings.Contains(text, "  ") {
				t.Errorf("%s reads badly: %q", f.Rule, text)
			}
		}
		if strings.HasSuffix(f.Summary, ".") || !strings.HasSuffix(f.Reason, ".") || !strings.HasSuffix(f.Fix, ".") {
			t.Errorf("%s: the summary ends without a full stop, the reason and the fix with one: %+v", f.Rule, f)
		}
	}
}

// checkFindings holds what must be true of every finding, whatever the evidence is.
func checkFindings(t *testing.T, r *verdict.Report) {
	t.Helper()
	for _, f := range findingsOf(r) {
		if !slices.Contains(checker.RuleIDs(), f.Rule) {
			t.Errorf("%q is no rule", f.Rule)
		}
		if f.Effect == verdict.EffectInvalid || f.Summary == "" || f.Reason == "" || f.Fix == "" {
			t.Errorf("%s does not say what, why and what to do: %+v", f.Rule, f)
		}
	}
}

func findingsOf(r *verdict.Report) []verdict.Finding {
	all := slices.Clone(r.Findings)
	for _, a := range r.Acts {
		all = append(all, a.Findings...)
	}
	return all
}

// TestEveryRuleHasCases asserts that the cases of a rule show it at work and at rest. The first word
// of a case's name says what it shows of the rule: an effect, "allow", or "near-miss", which is the
// same act but for the one thing that matters.
func TestEveryRuleHasCases(t *testing.T) {
	files := map[string]*caseFile{}
	for _, f := range readCases(t, "../testdata/rules/*.txtar") {
		files[strings.TrimSuffix(filepath.Base(f.path), ".txtar")] = f
	}
	for _, id := range checker.RuleIDs() {
		f := files[id]
		delete(files, id)
		if f == nil {
			t.Errorf("%s has no cases", id)
			continue
		}
		bites, allows, misses := 0, 0, 0
		for _, name := range f.cases {
			p, s := f.load(t, name)
			r := checker.Check(p, s.set)
			kind, _, _ := strings.Cut(name, "-")
			found := effectsOf(r, id)
			switch kind {
			case "allow":
				allows++
				if r.Verdict != verdict.Allowed || len(found) > 0 {
					t.Errorf("%s/%s: the verdict is %s, and the rule says %v", id, name, r.Verdict, found)
				}
			case "near":
				misses++
				if len(found) > 0 {
					t.Errorf("%s/%s: the rule says %v", id, name, found)
				}
			case "deny", "undecided", "pending", "warn", "note":
				bites++
				if !slices.Contains(found, kind) {
					t.Errorf("%s/%s: the rule says %v", id, name, found)
				}
			default:
				t.Errorf("%s/%s: the case's name does not say what it shows", id, name)
			}
		}
		if bites == 0 || allows == 0 || misses == 0 {
			t.Errorf("%s has %d cases in which it finds something, %d in which all is allowed, and %d near misses", id, bites, allows, misses)
		}
	}
	for id := range files {
		t.Errorf("there are cases for %q, which is no rule", id)
	}
}

func effectsOf(r *verdict.Report, id string) []string {
	var effects []string
	for _, f := range findingsOf(r) {
		if f.Rule == id {
			effects = append(effects, f.Effect.String())
		}
	}
	return effects
}

// check judges evidence and policy given as text, for tests that are written in Go.
func check(t testing.TB, more, text string, prepare ...func(*scenario)) (*verdict.Report, *scenario) {
	t.Helper()
	s := parseScenario(t, text, prepare...)
	return checker.Check(s.parsePolicy(basePolicy(t)+more), s.set), s
}

// judged judges a scenario by the base policy.
func judged(t testing.TB, s *scenario) *verdict.Report {
	t.Helper()
	return checker.Check(s.parsePolicy(basePolicy(t)), s.set)
}

func basePolicy(t testing.TB) string {
	t.Helper()
	return readFile(t, "../testdata/policies/base.hcl")
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
