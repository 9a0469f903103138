package actionlinttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rhysd/actionlint"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow"
	"github.com/remit-sh/remit/workflow/expression"
)

// differences are the files that actionlint takes and we do not, with the reason of each.
var differences = map[string]string{}

// expressionDifferences are expressions that actionlint takes and we do not, with the reason of each.
var expressionDifferences = map[string]string{}

// secretDifferences are files in which a secret is named and reaches no job, with the reason of each.
var secretDifferences = map[string]string{
	"never.txtar/x.yml": "its jobs and steps have conditions that are never true",
}

type source struct{ name, text string }

// sources are actionlint's own files, and ours.
func sources(t *testing.T) []source {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/rhysd/actionlint").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(strings.TrimSpace(string(dir)), "testdata")
	var list []source
	err = filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".yaml") && !strings.HasSuffix(p, ".yml") {
			return err
		}
		text, err := os.ReadFile(p)
		name, _ := filepath.Rel(root, p)
		list = append(list, source{filepath.ToSlash(name), string(text)})
		return err
	})
	if err != nil || len(list) < 200 {
		t.Fatalf("%d files of actionlint (%v)", len(list), err)
	}
	ours, err := filepath.Glob("../../testdata/workflows/*.txtar")
	if err != nil || len(ours) == 0 {
		t.Fatalf("no corpus (%v)", err)
	}
	for _, p := range ours {
		a, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			if !strings.Contains(f.Name, "/") && f.Name != "want" {
				list = append(list, source{filepath.Base(p) + "/" + f.Name, string(f.Data)})
			}
		}
	}
	return list
}

func load(text string) *evidence.Workflows {
	return workflow.Load(fstest.MapFS{workflow.Dir + "/x.yml": {Data: []byte(text), Mode: 0o644}}, workflow.Options{})
}

// What actionlint parses we parse, with the same events, jobs, environments, calls and steps.
func TestWhatItParsesWeParse(t *testing.T) {
	compared, different := 0, map[string]bool{}
	for _, s := range sources(t) {
		theirs, errs := actionlint.Parse([]byte(s.text))
		if len(errs) > 0 || theirs == nil {
			continue
		}
		w := load(s.text)
		problem := ""
		for _, p := range w.Problems {
			if p.Kind != evidence.ProblemCallee && p.Kind != evidence.ProblemExpression { // its parser reads neither
				problem = p.Detail
			}
		}
		if problem != "" {
			if differences[s.name] == "" {
				t.Errorf("%s: %s", s.name, problem)
			}
			different[s.name] = true
			continue
		}
		compared++
		compare(t, s.name, theirs, w)
	}
	for name := range differences {
		if !different[name] {
			t.Errorf("%s is no difference", name)
		}
	}
	if compared < 150 {
		t.Errorf("only %d files were compared", compared)
	}
	t.Logf("%d files compared", compared)
}

func compare(t *testing.T, name string, theirs *actionlint.Workflow, w *evidence.Workflows) {
	t.Helper()
	var events, ours []string
	for _, e := range theirs.On {
		events = append(events, strings.ToLower(e.EventName()))
	}
	for _, e := range w.Files[0].Triggers {
		ours = append(ours, e.Event)
	}
	slices.Sort(events)
	slices.Sort(ours)
	if !slices.Equal(events, ours) {
		t.Errorf("%s: events %v, and we say %v", name, events, ours)
	}
	if len(theirs.Jobs) != len(w.Files[0].Jobs) {
		t.Errorf("%s: %d jobs, and we say %v", name, len(theirs.Jobs), w.Files[0].Jobs)
	}
	for _, j := range w.Jobs {
		if len(j.Calls) > 0 {
			continue
		}
		job := theirs.Jobs[strings.ToLower(j.ID)]
		if job == nil {
			t.Errorf("%s: no job %s", name, j.ID)
			continue
		}
		if j.At.Line != job.Pos.Line || j.At.Column != job.Pos.Col {
			t.Errorf("%s: the job %s is at %v, and we say %v", name, j.ID, job.Pos, j.At)
		}
		if (job.WorkflowCall != nil) != (j.Callee != nil) {
			t.Errorf("%s: the job %s is a call for one of us", name, j.ID)
		}
		for _, c := range j.Cases {
			if job.Environment != nil && job.Environment.Name != nil && !strings.Contains(job.Environment.Name.Value, "${{") {
				if c.Environment.Kind != evidence.EnvironmentNamed || c.Environment.Name != job.Environment.Name.Value {
					t.Errorf("%s: the environment of %s is %q, and we say %+v", name, j.ID, job.Environment.Name.Value, c.Environment)
				}
			}
			if job.Environment == nil && job.WorkflowCall == nil && c.Environment.Kind != evidence.EnvironmentNone {
				t.Errorf("%s: %s has no environment, and we say %+v", name, j.ID, c.Environment)
			}
			steps(t, name, job, c)
		}
	}
}

func steps(t *testing.T, name string, job *actionlint.Job, c evidence.JobCase) {
	t.Helper()
	if len(job.Steps) != len(c.Steps) {
		t.Errorf("%s: %d steps, and we say %d", name, len(job.Steps), len(c.Steps))
		return
	}
	for i, s := range job.Steps {
		our := c.Steps[i]
		if s.ID != nil && s.ID.Value != our.ID {
			t.Errorf("%s: step %d is %q, and we say %q", name, i, s.ID.Value, our.ID)
		}
		switch exec := s.Exec.(type) {
		case *actionlint.ExecAction:
			if our.Uses == nil || exec.Uses.Value != our.Uses.Text || len(exec.Inputs) > len(our.With) {
				t.Errorf("%s: step %d uses %q, and we say %+v", name, i, exec.Uses.Value, our.Uses)
			}
		case *actionlint.ExecRun:
			if exec.Run.Value != our.Run.Text && len(exec.Run.Value) < 4096 {
				t.Errorf("%s: step %d runs %q, and we say %q", name, i, exec.Run.Value, our.Run.Text)
			}
		}
	}
}

var inBraces = regexp.MustCompile(`(?s)\$\{\{(.*?)\}\}`)

// What its parser of expressions takes ours takes.
func TestExpressions(t *testing.T) {
	compared, different := 0, map[string]bool{}
	for _, s := range sources(t) {
		for _, m := range inBraces.FindAllStringSubmatch(s.text, -1) {
			if _, err := actionlint.NewExprParser().Parse(actionlint.NewExprLexer(m[1] + "}}")); err != nil {
				continue
			}
			compared++
			if _, err := expression.Parse(m[1]); err != nil {
				if expressionDifferences[m[1]] == "" {
					t.Errorf("%s: %q: %v", s.name, m[1], err)
				}
				different[m[1]] = true
			}
		}
	}
	for e := range expressionDifferences {
		if !different[e] {
			t.Errorf("%q is no difference", e)
		}
	}
	if compared < 500 {
		t.Errorf("only %d expressions were compared", compared)
	}
	t.Logf("%d expressions compared", compared)
}

// Secrets that its walk over the syntax tree finds, we find: every plain secrets.NAME of a file that
// it parses is reached by a job, or stands in a file in which no job can reach it.
func TestSecrets(t *testing.T) {
	plain := regexp.MustCompile(`\$\{\{\s*secrets\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}`)
	compared := 0
	for _, s := range sources(t) {
		theirs, errs := actionlint.Parse([]byte(s.text))
		if len(errs) > 0 || theirs == nil {
			continue
		}
		w := load(s.text)
		if !w.Files[0].Started {
			continue
		}
		reached := map[string]bool{}
		for _, j := range w.Jobs {
			for _, c := range j.Cases {
				for _, u := range c.Secrets {
					reached[u.Name] = true
				}
			}
		}
		for _, line := range strings.Split(s.text, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			for _, m := range plain.FindAllStringSubmatch(line, -1) {
				compared++
				if !reached[strings.ToUpper(m[1])] && secretDifferences[s.name] == "" {
					t.Errorf("%s: %s reaches no job", s.name, m[1])
				}
			}
		}
	}
	if compared < 50 {
		t.Errorf("only %d secrets were compared", compared)
	}
	t.Logf("%d secrets compared", compared)
}
