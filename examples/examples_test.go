// Package examples holds a policy and workflows for each size of team, for users to copy. Its tests
// keep them, and the workflows of the guides, valid.
package examples

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/policy"
)

// files lists the files below examples whose name matches.
func files(t *testing.T, pattern string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		ok, err := filepath.Match(pattern, filepath.Base(path))
		if ok {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 3 {
		t.Fatalf("only %d files are called %s", len(found), pattern)
	}
	return found
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestPolicies: no example has an error, another layout than `remit policy fmt` gives, or a warning but that a
// commit is yet to be written.
func TestPolicies(t *testing.T) {
	t.Parallel()
	for _, path := range files(t, policy.FileName) {
		src := []byte(read(t, path))
		p, diags := policy.Parse(src, path)
		diags = slices.DeleteFunc(diags, func(d policy.Diagnostic) bool { return d.Summary == policy.CommitUnwritten })
		if p == nil || len(diags)+len(p.Locked()) > 0 {
			t.Errorf("%s: %v", path, diags)
			continue
		}
		if out, diags := policy.Format(src, path); len(diags) > 0 || string(out) != string(src) {
			t.Errorf("%s is not formatted: run remit policy fmt %s", path, path)
		}
	}
}

// TestPoliciesOfGuides: the whole policies that the guides show are valid. Their keys are cut short.
func TestPoliciesOfGuides(t *testing.T) {
	t.Parallel()
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"
	shown := 0
	for _, page := range guides {
		for _, src := range blocks(read(t, page), "hcl") {
			if !strings.HasPrefix(src, "repository") {
				continue // a part
			}
			shown++
			for n := 0; strings.Contains(src, `"ssh-ed25519 AAAA…"`); n++ {
				src = strings.Replace(src, "ssh-ed25519 AAAA…", key+keys[n], 1)
			}
			if _, diags := policy.Parse([]byte(src), page); len(diags) > 0 {
				t.Errorf("%s: %v", page, diags)
			}
		}
	}
	if shown < 2 {
		t.Errorf("only %d policies were found in the guides", shown)
	}
}

// keys are the last parts of public keys whose private halves were thrown away.
var keys = []string{
	"Fz8LlqpAneEuI7vjgLMayxLHeqREbBzxXBYfhr7zZWU", "BwPMmDE68v+NQeUMsI1sJblZBxMaCQu89Ri1cdYB2Jl",
	"OfURtl8Gl20ogeM2+Kb5Iu7ahUiHPnh+sI+wuxKvt+g", "BI7esy7WwT6p3YEKOUv/lk2k58z3nwKtEFybZcb2STt",
}

var guides = []string{"../README.md", "../docs/github.md", "../docs/maintainers.md", "../docs/agents.md"}

// blocks lists the fenced blocks of a page that are in a language.
func blocks(page, language string) []string {
	var found []string
	for _, part := range strings.Split(page, "\n```"+language+"\n")[1:] {
		if end := strings.Index(part, "\n```"); end >= 0 {
			found = append(found, part[:end+1])
		}
	}
	return found
}

var (
	uses    = regexp.MustCompile(`^\s*(?:- )?uses: *(\S+)(.*)$`)
	pinned  = regexp.MustCompile(`^[A-Za-z0-9-]+/[A-Za-z0-9._/-]+@[0-9a-f]{40}$`)
	version = regexp.MustCompile(`^ # v\d+\.\d+\.\d+$`)
	runKey  = regexp.MustCompile(`^(\s*(?:- )?)run: *(.*)$`)
	flowRun = regexp.MustCompile(`[{,]\s*"?run"?\s*:`)
)

// complaints says what is wrong with a workflow. Our own action has no release to pin yet: its users are
// told to pin it.
func complaints(src string) []string {
	var found []string
	in := -1 // the column of a run key whose text goes on below it
	for line := range strings.Lines(src) {
		line = strings.TrimSuffix(line, "\n")
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if in >= 0 && strings.TrimSpace(line) != "" && indent <= in {
			in = -1
		}
		if m := runKey.FindStringSubmatch(line); m != nil {
			in = len(m[1])
		}
		if (in >= 0 || flowRun.MatchString(line)) && strings.Contains(line, "${{") {
			found = append(found, "an expression in a shell: "+line)
		}
		m := uses.FindStringSubmatch(line)
		switch {
		case m == nil:
		case strings.HasPrefix(m[1], "./"):
		case strings.HasPrefix(m[1], "remit-sh/remit@"):
			if !strings.Contains(src, "Pin it:") {
				found = append(found, "nothing says that remit's action is to be pinned")
			}
		case !pinned.MatchString(m[1]) || !version.MatchString(m[2]):
			found = append(found, "an action that is not pinned to a commit, with its version: "+line)
		}
	}
	if !strings.Contains(src, "\npermissions: {}\n") {
		found = append(found, "every job has rights: write permissions: {} at the top")
	}
	return found
}

// TestWorkflows: no expression gets into a shell, every action of others is pinned, no job has rights
// that it does not name.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	paths := files(t, "*.yml")
	for _, path := range paths {
		for _, c := range complaints(read(t, path)) {
			t.Errorf("%s: %s", path, c)
		}
	}
	lint(t, paths)
}

// TestWorkflowsOfGuides: what the guides show is as valid.
func TestWorkflowsOfGuides(t *testing.T) {
	t.Parallel()
	var paths []string
	for _, page := range guides {
		for _, src := range blocks(read(t, page), "yaml") {
			if !strings.Contains(src, "\njobs:\n") {
				continue // a part
			}
			for _, c := range complaints(src) {
				t.Errorf("%s: %s", page, c)
			}
			path := filepath.Join(t.TempDir(), "workflow.yml")
			if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
	}
	if len(paths) < 2 {
		t.Errorf("only %d workflows were found in the guides", len(paths))
	}
	lint(t, paths)
}

func lint(t *testing.T, paths []string) {
	t.Helper()
	program, err := exec.LookPath("actionlint")
	if err != nil {
		t.Skip("actionlint is not here: go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
	}
	args := append([]string{"-no-color", "-shellcheck=", "-pyflakes="}, paths...)
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Errorf("actionlint: %v\n%s", err, out)
	}
}

// TestComplaints: each thing that must not be in a workflow is found, and what is like it is not.
func TestComplaints(t *testing.T) {
	t.Parallel()
	const top, sha = "on: push\npermissions: {}\njobs:\n", "3d3c42e5aac5ba805825da76410c181273ba90b1"
	for src, want := range map[string]int{
		top + "      - run: echo ${{ github.ref }}\n":                                 1,
		top + "      - run: |\n          echo\n\n          echo ${{ github.ref }}\n":  1,
		top + "      - { run: \"echo ${{ github.ref }}\" }\n":                         1,
		top + "      - run: |\n          echo\n        env:\n          A: ${{ b }}\n": 0,
		top + "      - uses: actions/checkout@v7\n":                                   1,
		top + "      - uses: actions/checkout@" + sha + "\n":                          1,
		top + "      - uses: actions/checkout@" + sha[1:] + " # v7.0.1\n":             1,
		top + "      - uses: actions/checkout@" + sha + " # v7.0.1\n":                 0,
		top + "      - uses: remit-sh/remit@main\n":                                   1,
		top + "      # Pin it: \n      - uses: remit-sh/remit@main\n":                 0,
		"on: push\njobs:\n      - run: echo\n":                                        1,
	} {
		if got := complaints(src); len(got) != want {
			t.Errorf("%q: %d complaints, not %d: %v", src, len(got), want, got)
		}
	}
}

// TestSoloIsWhatInitWrites: the example and `remit init` do not drift apart.
func TestSoloIsWhatInitWrites(t *testing.T) {
	t.Parallel()
	fill := strings.NewReplacer("<<.Branch>>", "main", "<<.Ref>>", "main")
	for _, name := range []string{"remit.yml", "remit-review.yml"} {
		want := fill.Replace(read(t, filepath.Join("../internal/cli/templates", name)))
		if got := read(t, filepath.Join("solo/.github/workflows", name)); got != want {
			t.Errorf("solo's %s is not what init writes", name)
		}
	}
	if read(t, "team/.github/workflows/remit-review.yml") != read(t, "solo/.github/workflows/remit-review.yml") {
		t.Error("team's remit-review.yml is not solo's")
	}
}

// TestGuidesShowWhatInitWrites: the workflows of the guides are those that `remit init` writes, whatever their
// comments and layout. What a deploy does at its end is for whoever copies it.
func TestGuidesShowWhatInitWrites(t *testing.T) {
	t.Parallel()
	fill := strings.NewReplacer("<<.Branch>>", "main", "<<.Ref>>", "main", "<<.Environment>>", "production", "<<.GateRef>>", policy.NoCommit)
	written := func(name string) any { return meant(t, fill.Replace(read(t, "../internal/cli/templates/"+name))) }
	for _, c := range []struct{ page, title, template string }{
		{"../README.md", "name: remit\n", "remit.yml"},
		{"../docs/github.md", "name: remit\n", "remit.yml"},
		{"../docs/github.md", "name: deploy\n", "deploy.yml"},
	} {
		i := slices.IndexFunc(blocks(read(t, c.page), "yaml"), func(src string) bool { return strings.HasPrefix(src, c.title) })
		if i < 0 {
			t.Fatalf("%s shows no workflow with %q", c.page, c.title)
		}
		src := blocks(read(t, c.page), "yaml")[i]
		want := written(c.template)
		if got := meant(t, src); !reflect.DeepEqual(got, want) {
			t.Errorf("%s shows\n%v\nand init writes\n%v", c.page, got, want)
		}
		for _, part := range []string{"  merge_group: # of a merge queue; without one it never comes\n", "    timeout-minutes: 30\n", "          approvals: ${{ inputs.approvals }}\n"} {
			if less := strings.Replace(src, part, "", 1); less != src && reflect.DeepEqual(meant(t, less), want) {
				t.Errorf("%s: it makes no difference whether it has %q", c.page, part)
			}
		}
	}
}

// meant is a workflow without its comments, its layout and the script that it ends with.
func meant(t *testing.T, src string) any {
	t.Helper()
	var flow map[string]any
	if err := yaml.Unmarshal([]byte(src), &flow); err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	if deploy, ok := flow["jobs"].(map[string]any)["deploy"].(map[string]any); ok {
		steps := deploy["steps"].([]any)
		delete(steps[len(steps)-1].(map[string]any), "run")
	}
	return flow
}

// TestEventsToAdd: the events that the guide adds to the check fit into it, and are those that it speaks of.
func TestEventsToAdd(t *testing.T) {
	t.Parallel()
	page := read(t, "../docs/github.md")
	_, part, _ := strings.Cut(page, "\n### Reports on pushes\n")
	more := blocks(part, "yaml")[0]
	check := strings.Replace(read(t, "solo/.github/workflows/remit.yml"), "\non:\n", "\non:\n"+more, 1)
	on, ok := meant(t, check).(map[string]any)["on"].(map[string]any)
	if !ok || len(on) != 5 || on["push"] == nil || on["workflow_dispatch"] == nil || on["merge_group"] != nil {
		t.Errorf("the events are %v", on)
	}
	inputs := on["workflow_dispatch"].(map[string]any)["inputs"].(map[string]any)
	if inputs["pull-request"] == nil || !strings.Contains(read(t, "../internal/githubaction/action.go"), `e.input("pull-request")`) {
		t.Errorf("the action asks for another input than %v", inputs)
	}
	if complaints(check) != nil {
		t.Errorf("%v", complaints(check))
	}
}

// TestPlaces: each example has a guide of its own that names all its files.
func TestPlaces(t *testing.T) {
	t.Parallel()
	sizes := []string{"solo", "team", "organisation"}
	for _, size := range sizes {
		guide := read(t, filepath.Join(size, "README.md"))
		for _, path := range slices.Concat(files(t, "*.yml"), files(t, policy.FileName)) {
			if !strings.HasPrefix(path, size+string(filepath.Separator)) {
				continue
			}
			name := filepath.Base(path)
			if strings.HasPrefix(name, "deploy-") {
				name = "deploy-*.yml"
			}
			if !strings.Contains(guide, name) {
				t.Errorf("%s/README.md does not name %s", size, path)
			}
		}
	}
}
