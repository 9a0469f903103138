package workflow_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow"
)

var update = flag.Bool("update", false, "rewrite what the corpus expects")

// A case of the corpus is a txtar archive: a comment that says what it is about, the files of a
// tree, and "want", the facts about it. A path without a slash stands in .github/workflows.

type corpusCase struct {
	path    string
	archive *txtar.Archive
	tree    fstest.MapFS
	want    string
	bytes   int
	files   int // workflow files
}

func readCorpus(t testing.TB) []*corpusCase {
	t.Helper()
	paths, err := filepath.Glob("../testdata/workflows/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus (%v)", err)
	}
	var list []*corpusCase
	for _, p := range paths {
		a, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		c := &corpusCase{path: p, archive: a, tree: fstest.MapFS{}}
		if strings.TrimSpace(string(a.Comment)) == "" {
			t.Errorf("%s does not say what it is about", p)
		}
		for _, f := range a.Files {
			if f.Name == "want" {
				c.want = string(f.Data)
				continue
			}
			name, root := strings.CutPrefix(f.Name, "./")
			if !root && !strings.Contains(name, "/") {
				name = workflow.Dir + "/" + name
			}
			if c.tree[name] != nil {
				t.Errorf("%s has %s twice", p, name)
			}
			c.tree[name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
			if strings.HasPrefix(name, workflow.Dir) {
				c.bytes += len(f.Data)
				c.files++
			}
		}
		list = append(list, c)
	}
	return list
}

func TestCorpus(t *testing.T) {
	for _, c := range readCorpus(t) {
		t.Run(strings.TrimSuffix(filepath.Base(c.path), ".txtar"), func(t *testing.T) {
			got := outline(workflow.Load(c.tree, workflow.Options{}))
			if got == c.want {
				return
			}
			if !*update {
				t.Fatalf("got\n%s\nwant\n%s", got, c.want)
			}
			found := false
			for i, f := range c.archive.Files {
				if f.Name == "want" {
					c.archive.Files[i].Data, found = []byte(got), true
				}
			}
			if !found {
				c.archive.Files = append(c.archive.Files, txtar.File{Name: "want", Data: []byte(got)})
			}
			if err := os.WriteFile(c.path, txtar.Format(c.archive), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// outline writes facts for a reader: what the judge looks at, without what is as it always is.
func outline(w *evidence.Workflows) string {
	var b strings.Builder
	for _, f := range w.Files {
		if f.Parsed && f.Started {
			continue
		}
		fmt.Fprintf(&b, "file %s", filepath.Base(f.Path))
		if !f.Parsed {
			b.WriteString(" not parsed")
		}
		if !f.Started {
			b.WriteString(" not started")
		}
		for _, c := range f.CalledBy {
			fmt.Fprintf(&b, ", called by %s", filepath.Base(c))
		}
		b.WriteByte('\n')
	}
	for _, a := range w.Actions {
		fmt.Fprintf(&b, "action %s %s\n", a.Path, a.Using)
	}
	for _, j := range w.Jobs {
		outlineJob(&b, j)
	}
	for _, p := range w.Problems {
		fmt.Fprintf(&b, "problem %s %s: %s\n", problemNames[p.Kind], place(p.At), p.Detail)
	}
	return b.String()
}

func outlineJob(b *strings.Builder, j evidence.WorkflowJob) {
	fmt.Fprintf(b, "%s %s at %s", filepath.Base(j.File), j.ID, place(j.At))
	if p := permissions(j.Permissions); p != "" {
		fmt.Fprintf(b, " permissions(%s)", p)
	}
	if j.Container != "" {
		fmt.Fprintf(b, " container(%s)", j.Container)
	}
	for _, k := range j.Keys {
		fmt.Fprintf(b, " key(%s)", k)
	}
	if j.TooManyCases {
		b.WriteString(" too many cases")
	}
	b.WriteByte('\n')
	if j.Callee != nil {
		fmt.Fprintf(b, "  callee unknown: %s %s\n", calleeNames[j.Callee.Why], j.Callee.Call.Uses.Text)
	}
	if len(j.Cases) == 0 {
		b.WriteString("  never runs\n")
	}
	for _, c := range j.Cases {
		b.WriteString("  in " + environment(c.Environment))
		for i, w := range c.When {
			if i == 0 {
				b.WriteString(" when")
			} else {
				b.WriteString(",")
			}
			if w.Other {
				fmt.Fprintf(b, " %s is another", w.Name)
			} else {
				fmt.Fprintf(b, " %s = %q", w.Name, w.Value)
			}
		}
		b.WriteByte('\n')
		if c.If.Text != "" {
			fmt.Fprintf(b, "    if %s, after failure %s: %s\n", truths[c.If.OnSuccess], truths[c.If.AfterFailure], c.If.Text)
		}
		for _, s := range c.Secrets {
			fmt.Fprintf(b, "    %s\n", secret(s))
		}
		for _, s := range c.Steps {
			outlineStep(b, s, "    ")
		}
	}
}

func secret(s evidence.SecretUse) string {
	var b strings.Builder
	b.WriteString(secretNames[s.Kind])
	if s.Name != "" {
		b.WriteString(" " + s.Name)
	} else {
		fmt.Fprintf(&b, " %q", s.Text)
	}
	switch s.From {
	case evidence.SecretPassed:
		b.WriteString(" passed")
	case evidence.SecretOfEnvironment:
		b.WriteString(" of the environment")
	}
	if s.As != "" {
		b.WriteString(" as " + s.As)
	}
	if len(s.IfEmpty) > 0 {
		fmt.Fprintf(&b, " if empty %v", s.IfEmpty)
	}
	if s.Loose {
		b.WriteString(" perhaps")
	}
	fmt.Fprintf(&b, " at %s", place(s.At))
	if s.Step >= 0 {
		fmt.Fprintf(&b, " step %d", s.Step)
	}
	b.WriteString(":")
	for _, h := range s.Flow {
		fmt.Fprintf(&b, " %s(%s)", hopNames[h.Kind], h.Key)
	}
	return b.String()
}

func outlineStep(b *strings.Builder, s evidence.JobStep, indent string) {
	var line strings.Builder
	if s.Uses != nil {
		fmt.Fprintf(&line, " uses %s", s.Uses.Text)
		if s.Uses.Found {
			fmt.Fprintf(&line, " (%s)", s.Uses.File)
		}
	}
	if s.Run.Text != "" {
		line.WriteString(" run")
	}
	if s.If.Text != "" {
		fmt.Fprintf(&line, " if(%s, after failure %s)", truths[s.If.OnSuccess], truths[s.If.AfterFailure])
	}
	if s.ContinueOnError != evidence.No {
		fmt.Fprintf(&line, " continue-on-error(%s)", truths[s.ContinueOnError])
	}
	if c := s.Checkout; c != nil {
		line.WriteString(" checkout")
		for _, v := range []evidence.WorkflowValue{c.Ref, c.Repository} {
			if v.Name != "" {
				fmt.Fprintf(&line, " %s=%s", v.Name, value(v))
			}
		}
		if c.Commit != "" && c.Commit != c.Ref.Expression {
			fmt.Fprintf(&line, " of {%s}", c.Commit)
		}
	} else {
		for _, v := range s.With {
			if strings.Contains(v.Text, "${{") && v.Known {
				fmt.Fprintf(&line, " %s=%s", v.Name, value(v))
			}
		}
	}
	for _, c := range s.Commands {
		fmt.Fprintf(&line, " gets(%q", c.Ref.Text)
		if c.Commit != "" {
			fmt.Fprintf(&line, " {%s}", c.Commit)
		}
		line.WriteString(")")
	}
	for _, f := range s.Fetches {
		fmt.Fprintf(&line, " fetches(%s %q", fetchedNames[f.Kind], f.Text)
		if f.Name != "" || f.Repository != "" {
			fmt.Fprintf(&line, " %s%s", f.Name, f.Repository)
		}
		if f.Elsewhere {
			line.WriteString(" elsewhere")
		}
		if len(f.Reads) > 0 {
			fmt.Fprintf(&line, " %v", f.Reads)
		}
		line.WriteString(")")
	}
	for _, u := range s.Untrusted {
		fmt.Fprintf(&line, " untrusted(%s %s: %q%s)", untrustedNames[u.Kind], truths[u.Sure], u.Text, from(u))
	}
	if s.Aside {
		line.WriteString(" aside")
	}
	if s.Unread {
		line.WriteString(" unread")
	}
	for _, k := range s.Keys {
		fmt.Fprintf(&line, " key(%s)", k)
	}
	fmt.Fprintf(b, "%sstep%s\n", indent, line.String())
	for _, inner := range s.Steps {
		outlineStep(b, inner, indent+"  ")
	}
}

// from tells of conditions that keep events out, or forks.
func from(u evidence.Untrusted) string {
	var parts []string
	for _, f := range u.From {
		if f.Own {
			f.Event += " of a branch here"
		}
		parts = append(parts, f.Event)
	}
	if len(parts) < 2 && !strings.Contains(strings.Join(parts, ""), " ") {
		return ""
	}
	return " by " + strings.Join(parts, ", ")
}

func value(v evidence.WorkflowValue) string {
	switch {
	case v.Known:
		return fmt.Sprintf("%q", v.Value)
	case v.Expression != "":
		return "{" + v.Expression + "}"
	default:
		return "?"
	}
}

func environment(e evidence.JobEnvironment) string {
	switch e.Kind {
	case evidence.EnvironmentNone:
		return "no environment"
	case evidence.EnvironmentNamed:
		return fmt.Sprintf("%q at %s", e.Name, place(e.At))
	case evidence.EnvironmentOfCallee:
		return "the callee's environment"
	default:
		return fmt.Sprintf("a dynamic environment %q at %s", e.Text, place(e.At))
	}
}

func permissions(p evidence.Permissions) string {
	if !p.Written {
		return ""
	}
	parts := []string{"all=" + accesses[p.All]}
	for _, s := range p.Scopes {
		parts = append(parts, s.Scope+"="+accesses[s.Access])
	}
	if p.Unread {
		parts = append(parts, "unread")
	}
	return strings.Join(parts, " ")
}

func place(p evidence.Place) string {
	if p.Line == 0 {
		return filepath.Base(p.File)
	}
	return fmt.Sprintf("%s:%d:%d", filepath.Base(p.File), p.Line, p.Column)
}

var (
	truths         = []string{"perhaps", "no", "yes"}
	fetchedNames   = []string{"code", "artifact", "cache", "image"}
	accesses       = []string{"unset", "none", "read", "write"}
	secretNames    = []string{"unparsed", "secret", "dynamic secret", "all secrets", "inherited secrets", "token"}
	hopNames       = []string{"other", "workflow-env", "job-env", "step-env", "with", "run", "output", "call", "container", "service"}
	untrustedNames = []string{"code", "artifact", "text"}
	calleeNames    = []string{"unreadable", "remote", "missing", "too deep"}
	problemNames   = []string{"unknown", "unreadable", "limit", "syntax", "shape", "expression", "callee"}
)
