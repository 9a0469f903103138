package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEnvironmentsGuide runs the worked example of docs/environments.md.
func TestEnvironmentsGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/environments.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, n int) string {
		t.Helper()
		all := regexp.MustCompile("(?s)```"+kind+"\n(.*?)```").FindAllStringSubmatch(string(guide), -1)
		if len(all) <= n {
			t.Fatalf("the guide has no %s block number %d", kind, n+1)
		}
		return all[n][1]
	}
	s := newShop(t)
	s.write("shop/policies.hcl", strings.ReplaceAll(block("hcl", 0), "ALICE", key("alice")))
	s.write("shop/.github/workflows/smoke.yml", block("yaml", 0))
	s.git("alice", "add -A")
	s.git("alice", "commit -q -m", "Say whose the secrets are")

	listed := s.ok("alice", "shop", "remit", "workflow", "list")
	if want := "$ remit workflow list\n" + listed + "\n"; block("console", 0) != want {
		t.Errorf("the guide shows another list than\n%s", want)
	}
	s.write("shop/.github/workflows/smoke.yml", strings.ReplaceAll(block("yaml", 0), "STAGING_TOKEN", "PROD_TOKEN"))
	r := s.run("alice", "shop", nil, "remit", "workflow", "check", "--base", "HEAD", "--as", "agent.coder")
	shown := strings.TrimPrefix(block("console", 1), "$ remit workflow check --base HEAD --as agent.coder\n")
	if r.code != 1 || !strings.HasPrefix(r.stdout, shown) || len(shown) < 200 {
		t.Errorf("exit %d, and the guide does not show how this begins:\n%s%s", r.code, r.stdout, r.stderr)
	}
	// What the guide lets pass is HCL that a policy takes.
	s.write("shop/more.hcl", strings.ReplaceAll(block("hcl", 0), "ALICE", key("alice"))+block("hcl", 1))
	if r := s.run("alice", "shop", nil, "remit", "policy", "validate", "more.hcl"); !strings.Contains(r.stderr, "Declared twice") {
		t.Errorf("the waiver is not valid for any other reason than that the block stands there already:\n%s", r.stderr)
	}
}

// TestExampleWorkflows: the workflows of the examples keep to their own policies, and stop doing so where
// one line of the gate goes.
func TestExampleWorkflows(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, c := range []struct{ name, tree, policy string }{
		{"solo", "solo", "solo/policies.hcl"},
		{"team", "team", "team/policies.hcl"},
		{"organisation", "organisation/repository", "organisation/policy/policies.hcl"},
	} {
		args := []string{"workflow", "check", "--format", "json", "--policy", abs(t, "../../examples/"+c.policy)}
		if c.name == "organisation" {
			args = append(args, "--repository", "github.com/acme/shop")
		}
		check := func(tree string) *jsonReport {
			t.Helper()
			report, err := parseReport(s.run("alice", "shop", nil, "remit", append(args, "--root", tree)...).stdout)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			return report
		}
		tree := abs(t, "../../examples/"+c.tree)
		if err := check(tree).expect("allow"); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		files, err := filepath.Glob(tree + "/.github/workflows/deploy*.yml")
		if err != nil || len(files) == 0 && c.name != "solo" {
			t.Fatalf("%s deploys nothing: %v", c.name, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s.write(c.name+"/.github/workflows/"+filepath.Base(file), strings.Replace(string(content), "mode: deploy", "mode: check", 1))
		}
		if len(files) > 0 {
			if err := check(s.path(c.name)).expect("deny", "deploy-ungated"); err != nil {
				t.Errorf("%s, without its gate: %v", c.name, err)
			}
		}
	}
}

func abs(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return full
}
