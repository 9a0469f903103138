package cli_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/internal/cli"
	"github.com/remit-sh/remit/policy"
)

// initIn runs init at a terminal, in a new repository with two keys, and gives these answers.
func initIn(t *testing.T, dir, answers string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Run(context.Background(), &cli.Env{
		Stdin: strings.NewReader(answers), Stdout: &stdout, Stderr: &stderr,
		Environ: environment(dir, "alice"), Dir: filepath.Join(dir, "new"), Executable: os.Args[0],
		Now: clock(""), Interactive: true,
	}, append([]string{"init"}, args...))
	return result{code, stdout.String(), stderr.String()}
}

func newInitFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	home := filepath.Join(dir, "home", "alice")
	for _, name := range []string{filepath.Join(dir, "new", "src"), filepath.Join(home, ".ssh")} {
		if err := os.MkdirAll(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for file, who := range map[string]string{"id_ed25519.pub": "alice", "id_ecdsa.pub": "bob"} {
		if err := os.WriteFile(filepath.Join(home, ".ssh", file), []byte(key(who)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{"init -q -b trunk", "remote add origin https://github.com/acme/shop"} {
		cmd := exec.Command("git", strings.Fields(line)...)
		cmd.Dir, cmd.Env = filepath.Join(dir, "new"), environment(dir, "alice")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", line, err, out)
		}
	}
	return dir
}

// TestInitAsks: at a terminal nothing is done that was not said yes to.
func TestInitAsks(t *testing.T) {
	t.Parallel()
	const policyFile, workflow, hook = "policies.hcl", ".github/workflows/remit.yml", ".git/hooks/pre-push"
	for name, test := range map[string]struct {
		answers string // login, which key, policy, workflow, hooks
		want    []string
		code    int
		key     string
	}{
		"yes to all, by Enter": {"alice\n\n\n\n\n", []string{policyFile, workflow, hook}, 0, "alice"},
		"the second key":       {"alice\n2\ny\nYES\ny\n", []string{policyFile, workflow, hook}, 0, "bob"},
		"no policy":            {"alice\n\nn\ny\ny\n", []string{workflow, hook}, 0, ""},
		"only the policy":      {"alice\n\ny\nn\nno\n", []string{policyFile}, 0, "alice"},
		"anything else is no":  {"alice\n\nof course\nsure\nj\n", nil, 0, ""},
		"the input ends":       {"alice\n\n", nil, 0, ""},
		"it ends at once":      {"", nil, 2, ""},
		"no such key":          {"alice\n3\n", nil, 2, ""},
		"no such login":        {"a b\n", nil, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newInitFolder(t)
			got := initIn(t, dir, test.answers)
			if got.code != test.code || got.stdout != "" {
				t.Fatalf("exit %d, not %d: %s%s", got.code, test.code, got.stdout, got.stderr)
			}
			for _, file := range []string{policyFile, workflow, hook} {
				_, err := os.Stat(filepath.Join(dir, "new", file))
				if want := slices.Contains(test.want, file); (err == nil) != want {
					t.Errorf("%s: there: %t, wanted: %t\n%s", file, err == nil, want, got.stderr)
				}
			}
			if test.key == "" {
				return
			}
			src, err := os.ReadFile(filepath.Join(dir, "new", policyFile))
			if err != nil {
				t.Fatal(err)
			}
			p, diags := policy.Parse(src, policyFile)
			if slices.ContainsFunc(diags, func(d policy.Diagnostic) bool { return d.Summary != policy.AccountUnpinned }) {
				t.Fatalf("the policy is not valid: %v\n%s", diags, src)
			}
			human := p.Principal("human.alice")
			if human == nil || len(human.Keys) != 1 || human.Keys[0].AuthorizedKey() != key(test.key) {
				t.Errorf("the policy does not name alice with the key of %s:\n%s", test.key, src)
			}
			if !bytes.Contains(src, []byte(`"trunk"`)) || !p.Settings.Observe {
				t.Errorf("the policy does not observe trunk:\n%s", src)
			}
		})
	}
}

// TestInitDryRun: it asks nothing, even at a terminal, and changes nothing.
func TestInitDryRun(t *testing.T) {
	t.Parallel()
	dir := newInitFolder(t)
	got := initIn(t, dir, "", "--dry-run", "--as", "alice", "--deploy", "production")
	if got.code != 0 || strings.Contains(got.stderr, "[Y/n]") || strings.Count(got.stdout, "\n--- .github/workflows/") != 4 {
		t.Errorf("exit %d: %s%s", got.code, got.stdout, got.stderr)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "new"))
	if err != nil || len(entries) != 2 {
		t.Errorf("it left %v, %v", entries, err)
	}
}

// TestInitWorkflows: what init writes is what examples and docs tell, and actionlint has nothing to say.
func TestInitWorkflows(t *testing.T) {
	t.Parallel()
	dir := newInitFolder(t)
	if got := initIn(t, dir, "", "--yes", "--as", "alice", "--deploy", "production"); got.code != 0 {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	folder := filepath.Join(dir, "new", ".github", "workflows")
	files, err := filepath.Glob(filepath.Join(folder, "*.yml"))
	if err != nil || len(files) != 4 {
		t.Fatalf("%d workflows, %v", len(files), err)
	}
	scalar := regexp.MustCompile(`(?m)^ *(- )?run: (.*)$`)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("<<")) {
			t.Errorf("%s holds an action of its template:\n%s", file, b)
		}
		if !bytes.Contains(b, []byte("\npermissions: {}\n")) {
			t.Errorf("%s gives rights to every job", file)
		}
		for _, m := range scalar.FindAllSubmatch(b, -1) {
			if bytes.Contains(m[2], []byte("${{")) {
				t.Errorf("%s puts an expression into a shell: %s", file, m[2])
			}
		}
	}
	lint, err := exec.LookPath("actionlint")
	if err != nil {
		t.Skip("actionlint is not here: go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
	}
	if out, err := exec.Command(lint, append([]string{"-no-color", "-shellcheck=", "-pyflakes="}, files...)...).CombinedOutput(); err != nil {
		t.Errorf("actionlint: %v\n%s", err, out)
	}
}
