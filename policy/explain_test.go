package policy

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// reference is the language as its specification lists it: blocks with their attributes.
var reference = map[string][]string{
	"file":        {"repository", "repositories", "repository_id"},
	"settings":    {"mode", "bases", "protected", "clock_skew", "max_chain_ttl", "humans", "unsigned", "identity", "octopus", "secret_references", "artifacts", "audit", "audit_key", "pin_head", "time_zone"},
	"human":       {"keys", "emails", "github", "github_id", "login", "presence"},
	"agent":       {"keys", "emails", "delegators", "login"},
	"workflow":    {"repository", "file", "ref", "issuer", "delegators"},
	"app":         {"github"},
	"team":        {"members", "github"},
	"environment": {"secrets", "paths", "deploy_from"},
	"workflows":   {"shared_secrets", "gate_action", "gate_commits"},
	"allow":       {"file", "rule", "reason", "until"},
	"grant":       {"to", "actions", "branches", "paths", "environments", "secrets", "max_ttl", "when", "standing", "alone", "modes"},
	"forbid":      {"to", "actions", "branches", "paths", "environments", "when", "reason"},
	"gate":        {"to", "actions", "branches", "paths", "environments", "when", "approvals", "approvers", "role", "evidence", "allow_delegator", "carry_over", "max_age"},
	"revoke":      {"keys", "agents", "delegations", "since", "reason"},
}

var referenceNames = []string{
	"act.kind", "act.ref", "agent.name", "chain.depth", "chain.root", "chain.minted",
	"commit.files_changed", "commit.files_deleted", "commit.lines_changed", "commit.is_merge", "commit.message",
	"pr.number", "pr.title", "pr.labels", "pr.draft", "deploy.environment", "deploy.reason", "time.weekday", "time.hour",
}

var referenceFunctions = []string{"length", "contains", "startswith", "endswith", "lower", "matches", "anytrue", "alltrue"}

func TestLanguageIsTheReference(t *testing.T) {
	seen := 0
	var compare func(b block)
	compare = func(b block) {
		seen++
		var got []string
		for _, a := range b.attributes {
			got = append(got, a.name)
			if a.about == "" || a.kind == "" || a.defaults == "" {
				t.Errorf("%s.%s is not explained", b.kind, a.name)
			}
		}
		slices.Sort(got)
		want := slices.Sorted(slices.Values(reference[b.kind]))
		equal(t, b.kind, got, want)
		for _, inner := range b.blocks {
			compare(inner)
		}
	}
	compare(language())
	if seen != len(reference) {
		t.Errorf("%d blocks, want %d", seen, len(reference))
	}
	var facts, functions []string
	for _, f := range factTable() {
		facts = append(facts, f.name)
	}
	for _, f := range functionTable() {
		functions = append(functions, f.name)
	}
	equal(t, "names", facts, referenceNames)
	equal(t, "functions", functions, referenceFunctions)
}

func TestExplainShowsEverything(t *testing.T) {
	var b strings.Builder
	if err := Explain(&b); err != nil {
		t.Fatal(err)
	}
	for kind, attributes := range reference {
		if kind != "file" && !strings.Contains(b.String(), "\n"+kind+" ") && !strings.Contains(b.String(), "\n  "+kind+" ") {
			t.Errorf("the block %s is missing", kind)
		}
		for _, a := range attributes {
			if !strings.Contains(b.String(), "\n  "+a+" ") {
				t.Errorf("the attribute %s is missing", a)
			}
		}
	}
	for _, n := range slices.Concat(referenceNames, referenceFunctions) {
		if !strings.Contains(b.String(), "\n  "+n) {
			t.Errorf("%s is missing", n)
		}
	}
}

func TestExplainPolicy(t *testing.T) {
	p, _ := example(t, "valid.txtar", "design.hcl")
	got := explained(t, p)
	for _, want := range []string{
		"This policy rules github.com/acme/shop.\n",
		"  agent.coder gets a key for each delegation, minted by whoever delegates; acts for agent.planner.\n",
		"  human.bob signs with the key SHA256:V3+sM/EU",
		"  team.release is human.alice and human.bob.\n",
		`  agent.coder may commit and pull_request, at agent/**, in the files src/** and test/**, under a delegation of 10m at most, where commit.files_changed <= 50. ("coder writes code", line 45)`,
		`  deploy, where contains(["Saturday", "Sunday"], time.weekday). ("no weekend deploys", line 68)`,
		`  commit, where commit.files_deleted > 20: 1 review by team.release, with the role write or more, not older than 72h. ("mass deletion", line 61)`,
		`  agent.planner, since 2026-11-20T08:00:00Z. ("laptop stolen", line 73)`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing from\n%s", want, got)
		}
	}
}

// TestGolden compares what people read with what they read before. -update accepts a change.
func TestGolden(t *testing.T) {
	p, _ := example(t, "valid.txtar", "everything.hcl")
	var language strings.Builder
	if err := Explain(&language); err != nil {
		t.Fatal(err)
	}
	for file, got := range map[string]string{
		"testdata/policy.explained":   explained(t, p),
		"testdata/language.explained": language.String(),
	} {
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s", file, got)
		}
	}
}
