package checker

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
	"github.com/remit-sh/remit/workflow"
)

// TestGuideOfTheGate: the guide lists the variables that may stand around a gate, and its job is right.
func TestGuideOfTheGate(t *testing.T) {
	guide, err := os.ReadFile("../docs/environments.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, ok := strings.Cut(string(guide), "\n## A gated job, from its first step on\n")
	part, _, _ = strings.Cut(part, "\n### ")
	if !ok {
		t.Fatal("the guide has no such part")
	}
	_, list, _ := strings.Cut(part, "\n**What it sees.**")
	_, list, _ = strings.Cut(list, "\n\n")
	list, _, _ = strings.Cut(list, "\n\n")
	var names []string
	for _, m := range regexp.MustCompile("`([A-Z_0-9]+)`").FindAllStringSubmatch(list, -1) {
		names = append(names, m[1])
	}
	if want := append(harmlessVariables(), harmlessPrefixes()...); !slices.Equal(names, want) {
		t.Errorf("the guide lists %q, and %q may stand", names, want)
	}
	for _, name := range []string{"BASH_ENV", "BASH_FUNC_GIT%%", "APP_%%", "PATH", "GIT_DIR", "GODEBUG", "TF_CLI_CONFIG_FILE", "APPS", ""} {
		if isHarmless(name) {
			t.Errorf("%q may stand around a gate", name)
		}
	}

	_, steps, _ := strings.Cut(part, "```yaml\n")
	steps, _, _ = strings.Cut(steps, "```")
	job := "on: deployment\npermissions: {}\njobs:\n  deploy:\n    runs-on: ubuntu-24.04\n    environment: production\n    " +
		strings.ReplaceAll(steps, "\n", "\n    ")
	p, diagnostics := policy.Parse([]byte(`repository = "github.com/acme/shop"
human "alice" { github = "alice" }
environment "production" { secrets = ["PROD_*"] }
gate "production" {
  actions      = ["deploy"]
  environments = ["production"]
  approvers    = [human.alice]
}
`), policy.FileName)
	if p == nil {
		t.Fatal(diagnostics)
	}
	w := workflow.Load(fstest.MapFS{workflow.Dir + "/deploy.yml": {Data: []byte(job)}}, workflow.Options{})
	j := newJudge(p, &evidence.Set{Repository: "github.com/acme/shop"})
	if found := ungated(j, w); len(found) > 0 || len(w.Jobs) != 1 || len(w.Jobs[0].Cases) != 1 {
		t.Errorf("the guide's job: %+v", found)
	}
}

// TestNobodyLooked: an act that no code attributed is not allowed, of whatever kind it is. No
// evidence leads there today; a kind of act that is added and forgotten would.
func TestNobodyLooked(t *testing.T) {
	j := newJudge(&policy.Policy{}, &evidence.Set{})
	for _, a := range []*act{
		{judge: j, kind: "deploy"},
		{judge: j, kind: "commit", commit: &evidence.Commit{}},
		{judge: j, kind: "tag", tag: &evidence.Tag{}},
		{judge: j, kind: "push", update: &evidence.Update{}},
		{judge: j, update: &evidence.Update{}},
	} {
		a.refs = []string{"refs/heads/main"}
		a.seen.Time = a.seen.Time.AddDate(2025, 0, 0)
		if v := verdict.Of(judgeAct(a).Findings); v != verdict.NotDecided && v != verdict.Denied {
			t.Errorf("%q: %s", a.kind, v)
		}
	}
}

// TestWaivableRules: the policy takes waivers for just those rules that ask for one.
func TestWaivableRules(t *testing.T) {
	var asking []string
	for _, r := range rules() {
		src, err := os.ReadFile("rule_" + strings.ReplaceAll(r.id, "-", "_") + ".go")
		if err != nil {
			continue // it stands with others, and is none about workflow files
		}
		if regexp.MustCompile(`\.(flaws|waive)\("` + r.id + `"`).Match(src) {
			asking = append(asking, r.id)
		}
	}
	slices.Sort(asking)
	if !slices.Equal(asking, policy.Waivable()) {
		t.Errorf("%q ask for waivers, and %q can be waived", asking, policy.Waivable())
	}
}

// TestDeepestChain: a condition may ask for a chain as deep as one can be, and for none that is deeper.
func TestDeepestChain(t *testing.T) {
	for depth, valid := range map[int]bool{0: true, delegation.MaxLinks: true, delegation.MaxLinks + 1: false} {
		src := fmt.Sprintf("repository = \"github.com/acme/shop\"\nforbid \"deep\" {\n  actions = [\"commit\"]\n  when    = chain.depth == %d\n}\n", depth)
		if p, diags := policy.Parse([]byte(src), policy.FileName); (p != nil) != valid {
			t.Errorf("chain.depth == %d: %v", depth, diags)
		}
	}
}
