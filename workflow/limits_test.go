package workflow

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/remit-sh/remit/evidence"
)

// bomb is 488 bytes that stand for a billion values.
func bomb() string {
	var b strings.Builder
	b.WriteString("a: &a [x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c <= 'j'; c++ {
		p := string(c - 1)
		fmt.Fprintf(&b, "%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat("*"+p+",", 9), ","))
	}
	b.WriteString("on: push\njobs: {a: {steps: *j}}\n")
	for b.Len() < 488 {
		b.WriteString("#")
	}
	return b.String()
}

func TestBombsCostNothing(t *testing.T) {
	if n := len(bomb()); n != 488 {
		t.Fatalf("the bomb has %d bytes", n)
	}
	for name, c := range map[string]struct {
		src  string
		kind evidence.WorkflowProblemKind
	}{
		"aliases":                     {bomb(), evidence.ProblemLimit},
		"an alias inside itself":      {"on: push\njobs: &a {b: *a}\n", evidence.ProblemSyntax},
		"a million brackets":          {"on: push\njobs: " + strings.Repeat("[", 1_000_000), evidence.ProblemSyntax},
		"51 levels":                   {"on: " + strings.Repeat("[", 50) + strings.Repeat("]", 50), evidence.ProblemLimit},
		"51 levels by an alias":       {"a: &a " + strings.Repeat("[", 30) + strings.Repeat("]", 30) + "\nb: " + strings.Repeat("[", 20) + "*a" + strings.Repeat("]", 20), evidence.ProblemLimit},
		"too many values":             {"on: [" + strings.Repeat("a,", MaxNodes) + "]", evidence.ProblemLimit},
		"too many by aliases":         {"a: &a [" + strings.Repeat("x,", 5000) + "]\non: [" + strings.Repeat("*a,", 10) + "]", evidence.ProblemLimit},
		"a megabyte and a bit":        {"on: push #" + strings.Repeat("x", MaxBytes), evidence.ProblemLimit},
		"a million blocks":            {strings.Repeat("- ", 500_000), evidence.ProblemSyntax},
		"empty":                       {"", evidence.ProblemShape},
		"a comment alone":             {"# on: push\n", evidence.ProblemShape},
		"a list":                      {"- on: push\n", evidence.ProblemShape},
		"NUL":                         {"on: push\x00\n", evidence.ProblemSyntax},
		"UTF-16":                      {"\xff\xfeo\x00n\x00:\x00 \x00x\x00", evidence.ProblemSyntax},
		"two documents":               {"on: push\n---\non: pull_request\n", evidence.ProblemSyntax},
		"a second that does not read": {"on: push\n---\non: [\n", evidence.ProblemSyntax},
		"a tag":                       {"on: !secret push\n", evidence.ProblemSyntax},
		"binary":                      {"on: !!binary cHVzaA==\n", evidence.ProblemSyntax},
		"a key with a tag":            {"!x on: push\n", evidence.ProblemSyntax},
		"the same key twice":          {"on: push\nenv: {A: 1, B: 2, a: 3}\n", evidence.ProblemSyntax},
		"the same key at the top":     {"on: push\njobs: {}\nJobs: {}\n", evidence.ProblemSyntax},
		"a merge key":                 {"on: push\na: &a {b: c}\nenv:\n  <<: *a\n", evidence.ProblemSyntax},
		"a list as a key":             {"on: push\n? [a]\n: b\n", evidence.ProblemSyntax},
	} {
		doc, wrong := parseDocument("x.yml", []byte(c.src))
		if doc != nil || wrong == nil || wrong.kind != c.kind {
			t.Errorf("%s: %v, want a problem of kind %d", name, wrong, c.kind)
		}
		// And as a file of a tree.
		w := Load(fstest.MapFS{Dir + "/x.yml": {Data: []byte(c.src)}}, Options{})
		if len(w.Files) != 1 || w.Files[0].Parsed || len(w.Problems) != 1 || w.Problems[0].Kind != c.kind || len(w.Jobs) != 0 {
			t.Errorf("%s: %+v", name, w)
		}
	}
}

// Near misses of what is refused.
func TestTakenAll(t *testing.T) {
	for name, src := range map[string]string{
		"50 levels":                 "on: " + strings.Repeat("[", 49) + strings.Repeat("]", 49),
		"50 levels by an alias":     "a: &a " + strings.Repeat("[", 30) + strings.Repeat("]", 30) + "\nb: " + strings.Repeat("[", 19) + "*a" + strings.Repeat("]", 19),
		"many values":               "on: [" + strings.Repeat("a,", MaxNodes-4) + "]",
		"a megabyte":                "on: push #" + strings.Repeat("x", MaxBytes-10),
		"JSON":                      "{\"on\": \"push\",\n\t\"jobs\": {\"a\": {\"runs-on\": \"x\"}}}",
		"one document with a line":  "---\non: push\n...\n",
		"known tags":                "on: !!str push\njobs: !!map {a: !!null null, b: !!seq [!!int 1, !!bool true, !!float 1.5]}\n",
		"a quoted merge key":        "on: push\nenv: {'<<': x}\n",
		"a date":                    "on: push\nname: 2024-01-02\n",
		"an anchor defined again":   "a: &a 1\nb: *a\nc: &a 2\non: *a\n",
		"a byte order mark":         "\xef\xbb\xbfon: push\n",
		"keys that are alike":       "on: push\nenv: {A: 1, A_: 2, 'A ': 3}\n",
		"a key behind a ? ":         "? on\n: push\n",
		"an alias as a key":         "a: &a on\n*a : push\n",
		"CR LF":                     "on: push\r\njobs:\r\n  a:\r\n    runs-on: x\r\n",
		"a text with two documents": "on: push\nname: |\n  ---\n  a: b\n",
	} {
		if _, wrong := parseDocument("x.yml", []byte(src)); wrong != nil {
			t.Errorf("%s: %v", name, wrong.detail)
		}
	}
}

// Every node is looked at once, whatever aliases stand for.
func TestWorkOfAliases(t *testing.T) {
	src := "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\non: [*b,*b,*b,*b,*b,*b,*b,*b]\n"
	doc, wrong := parseDocument("x.yml", []byte(src))
	if wrong != nil {
		t.Fatal(wrong)
	}
	if doc.work > 40 {
		t.Errorf("%d nodes were looked at, of some 35", doc.work)
	}
}

// spent is the work that the workflows of a tree took, in steps.
func load(files map[string]string) *evidence.Workflows {
	tree := fstest.MapFS{}
	for name, src := range files {
		tree[Dir+"/"+name] = &fstest.MapFile{Data: []byte(src)}
	}
	return Load(tree, Options{})
}

func hasProblem(w *evidence.Workflows, kind evidence.WorkflowProblemKind) bool {
	for _, p := range w.Problems {
		if p.Kind == kind {
			return true
		}
	}
	return false
}

// refused holds of a job that was not worked out: nothing about it looks harmless.
func refused(t *testing.T, name string, j evidence.WorkflowJob) {
	t.Helper()
	if !j.TooManyCases || len(j.Cases) != 1 || j.Cases[0].Environment.Kind != evidence.EnvironmentDynamic ||
		len(j.Cases[0].Secrets) != 1 || j.Cases[0].Secrets[0].Kind != evidence.SecretDynamic {
		t.Errorf("%s: %+v", name, j)
	}
}

func TestTooManyCases(t *testing.T) {
	list := func(n int) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf("e%d", i)
		}
		return strings.Join(parts, ",")
	}
	job := func(matrix string) string {
		return "on: push\njobs:\n  a:\n    strategy: {matrix: {" + matrix + "}}\n    environment: ${{ matrix.a }}${{ matrix.b }}\n    steps: [{run: 'x'}]\n"
	}
	w := load(map[string]string{"x.yml": job("a: [" + list(16) + "], b: [" + list(16) + "]")})
	if len(w.Jobs[0].Cases) != MaxCases || w.Jobs[0].TooManyCases {
		t.Errorf("%d cases are too many", len(w.Jobs[0].Cases))
	}
	w = load(map[string]string{"x.yml": job("a: [" + list(16) + "], b: [" + list(17) + "]")})
	refused(t, "272 cases", w.Jobs[0])
	if !hasProblem(w, evidence.ProblemLimit) {
		t.Error("nothing says why there are no cases")
	}
	w = load(map[string]string{"x.yml": job("a: [" + list(33) + "], b: [" + list(32) + "]")})
	if c := w.Jobs[0].Cases; len(c) != 1 || c[0].Environment.Kind != evidence.EnvironmentDynamic || !hasProblem(w, evidence.ProblemLimit) {
		t.Errorf("a matrix that is too large: %+v", c)
	}
	// Rows that decide nothing are not told apart.
	w = load(map[string]string{"x.yml": "on: push\njobs:\n  a:\n    strategy: {matrix: {os: [" + list(900) + "]}}\n    environment: x\n    steps: [{run: '${{ matrix.os }} ${{ secrets.A }}'}]\n"})
	if c := w.Jobs[0].Cases; len(c) != 1 || len(c[0].Secrets) != 1 || len(w.Problems) != 0 {
		t.Errorf("rows that decide nothing: %d cases", len(c))
	}
}

// Workflows that call each other a thousand times a level make no more jobs than are told.
func TestCallsAreBounded(t *testing.T) {
	call := func(to string) string {
		var b strings.Builder
		b.WriteString("on: [push, workflow_call]\njobs:\n")
		for i := range 200 {
			fmt.Fprintf(&b, "  j%d: {uses: ./%s/%s}\n", i, Dir, to)
		}
		return b.String()
	}
	w := load(map[string]string{
		"a.yml": call("b.yml"), "b.yml": call("c.yml"), "c.yml": call("d.yml"),
		"d.yml": "on: workflow_call\njobs: {x: {environment: production, steps: [{run: '${{ secrets.A }}'}]}}\n",
	})
	if len(w.Jobs) > 3*(MaxFileJobs+1) {
		t.Errorf("%d jobs", len(w.Jobs))
	}
	if !hasProblem(w, evidence.ProblemLimit) {
		t.Error("nothing says that jobs are left out")
	}
	last := map[string]evidence.WorkflowJob{}
	for _, j := range w.Jobs {
		last[j.File] = j
	}
	refused(t, "the job at which it ended", last[Dir+"/a.yml"])
}

// Expressions that are costly to work out stop the work, and what is left is not harmless.
func TestWorkIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("on: push\njobs:\n")
	for i := range 250 {
		fmt.Fprintf(&b, "  j%d:\n    strategy: {matrix: {a: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16], b: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}}\n", i)
		b.WriteString("    environment: ${{ format('{0}-{1}', matrix.a, matrix.b) }}\n    steps:\n")
		for range 20 {
			b.WriteString("      - run: ${{ secrets.A }}\n")
		}
	}
	w := load(map[string]string{"x.yml": b.String()})
	if len(w.Jobs) != 250 {
		t.Fatalf("%d jobs", len(w.Jobs))
	}
	refused(t, "the last job", w.Jobs[249])
	cases := 0
	for _, j := range w.Jobs {
		cases += len(j.Cases)
	}
	if cases > 250+MaxWork/100 {
		t.Errorf("%d cases were worked out", cases)
	}
	if !hasProblem(w, evidence.ProblemLimit) {
		t.Error("nothing says that it ended")
	}
}

// failing is a tree of which some things cannot be read.
type failing struct{ fstest.MapFS }

func (f failing) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, "secret.yml") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("denied \x1b[31m")}
	}
	return f.MapFS.Open(name)
}

// TestWorkOfScripts follows many texts and commits through long scripts. Where that takes too long, the job
// counts as not known.
func TestWorkOfScripts(t *testing.T) {
	var env, script strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&env, "      T%d: \"${{ github.event.issue.title }}${{ github.event.pull_request.head.sha }}\"\n", i)
		fmt.Fprintf(&script, "          X%d=$T%d\n          git checkout \"$X%d\" && eval \"$X%d\" >> $GITHUB_ENV\n", i, i, i, i)
	}
	src := "on: issues\njobs:\n  a:\n    runs-on: x\n    env:\n" + env.String() + "    steps:\n      - id: a\n        run: |\n" + script.String() +
		"      - run: echo ${{ steps.a.outputs.x }} ${{ env.T1 }}\n"
	w := Load(fstest.MapFS{Dir + "/x.yml": {Data: []byte(src)}}, Options{})
	if len(w.Jobs) != 1 || !w.Jobs[0].TooManyCases && len(w.Jobs[0].Cases[0].Steps[0].Untrusted) == 0 {
		t.Errorf("neither is anything found, nor does the job count as not known")
	}
}

func TestUnreadable(t *testing.T) {
	tree := failing{fstest.MapFS{
		Dir + "/secret.yml": {Data: []byte("on: push")},
		Dir + "/link.yml":   {Data: []byte("../../x"), Mode: fs.ModeSymlink | 0o777},
		Dir + "/a.txt":      {Data: []byte("on: push")},
		Dir + "/sub/b.yml":  {Data: []byte("on: push")},
	}}
	w := Load(tree, Options{Files: []string{"ci/other.yml", "ci/../ci/other.yml"}})
	if len(w.Files) != 3 || len(w.Problems) != 3 {
		t.Fatalf("%+v", w)
	}
	for i, p := range w.Problems {
		if p.Kind != evidence.ProblemUnreadable || w.Files[i].Parsed || strings.Contains(p.Detail, "\x1b") {
			t.Errorf("%+v", p)
		}
	}
	if w := Load(fstest.MapFS{}, Options{}); len(w.Files)+len(w.Problems)+len(w.Jobs) != 0 {
		t.Errorf("a tree without workflows: %+v", w)
	}
}
