package checker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

const coderEverywhere = `
grant "coder everywhere" {
  to       = [agent.coder]
  actions  = ["commit"]
  branches = ["agent/**"]
  paths    = ["**"]
}
`

// TestPolicyElsewhereIsProtected: the policy is protected wherever in the repository it was read,
// and so is what another file system takes for it.
func TestPolicyElsewhereIsProtected(t *testing.T) {
	for path, want := range map[string]string{
		"ops/remit.hcl":   "pending",
		"ops/remit.hcl.x": "allow",
		"ops/Remit.HCL":   "deny",
		"remit.hcl":       "allow",
	} {
		s := parseScenario(t, "delegate d1 human.alice -> agent.coder paths=**\n"+
			"commit c1 by=agent.coder under=d1 on=refs/heads/agent/pay\n  ~ "+path)
		p := s.parsePolicy(basePolicy(t) + coderEverywhere)
		p.Path = "ops/remit.hcl"
		if r := checker.Check(p, s.set); r.Verdict.String() != want {
			t.Errorf("%s: %s, want %s", path, s.outline(r), want)
		}
	}
}

// TestPreview: what is still to be committed is judged by the delegation in force, as the commit will be.
func TestPreview(t *testing.T) {
	for name, tc := range map[string]struct {
		delegations, path string
		seen              time.Duration
		want              string
	}{
		"covered":        {"delegate d1 human.alice -> agent.coder", "src/pay.go", 3 * time.Minute, ""},
		"other path":     {"delegate d1 human.alice -> agent.coder", "docs/pay.md", 3 * time.Minute, "scope-path not-granted"},
		"ended":          {"delegate d1 human.alice -> agent.coder", "src/pay.go", 10 * time.Minute, "delegation-expired"},
		"forged":         {"delegate d1 human.alice -> agent.coder signed-by=mallory", "src/pay.go", 3 * time.Minute, "delegation-forged"},
		"key not pinned": {"delegate d1 human.alice -> agent.tester key=other paths=**", "test/pay.go", 3 * time.Minute, "key-not-allowed"},
		"unlisted agent": {"delegate d1 human.alice -> agent.helper", "src/pay.go", 3 * time.Minute, "unknown-key"},
		"no delegation":  {"", "src/pay.go", 3 * time.Minute, "history-incomplete"},
		"protected":      {"delegate d1 human.alice -> agent.coder paths=**", "policies.hcl", 3 * time.Minute, "not-granted protected-path"},
	} {
		t.Run(name, func(t *testing.T) {
			s := parseScenario(t, tc.delegations)
			var chain delegation.Chain
			if l := s.links["d1"]; l != nil {
				var err error
				if chain, err = delegation.ParseBundle(l.raw); err != nil {
					t.Fatal(err)
				}
			}
			before := *s.set
			r := checker.Preview(s.parsePolicy(basePolicy(t)), s.set, chain, evidence.Commit{
				ID: "about to be made", Refs: []string{"refs/heads/agent/pay"}, Seen: s.seenAt(tc.seen),
				Changes: []evidence.Change{{Path: tc.path, New: evidence.Entry{Mode: 0o100644}}},
			})
			var rules []string
			for _, f := range findingsOf(r) {
				rules = append(rules, f.Rule)
			}
			if got := strings.Join(rules, " "); got != tc.want || (r.Verdict == verdict.Allowed) != (tc.want == "") {
				t.Errorf("%s by %q, want %q", r.Verdict, got, tc.want)
			}
			if len(s.set.Commits) != len(before.Commits) {
				t.Error("the evidence was changed")
			}
			checkWording(t, r)
		})
	}
}

// TestNotYet: what hangs on what will be known only later holds nothing up where an act is foreseen, and what
// does not hang on it does; where a verdict counts nothing is put off.
func TestNotYet(t *testing.T) {
	for name, tc := range map[string]struct {
		more    string // of the policy
		surface evidence.Surface
		notYet  string
		want    string
	}{
		"forbid by what is to come":   {forbidWhen(`!startswith(commit.message, "feat")`), evidence.SurfaceClient, "commit.message", ""},
		"it is known":                 {forbidWhen(`!startswith(commit.message, "feat")`), evidence.SurfaceClient, "commit.lines_changed", "forbidden"},
		"whatever is to come":         {forbidWhen(`!startswith(commit.message, "feat") || commit.files_changed == 1`), evidence.SurfaceClient, "commit.message", "forbidden"},
		"forbid by nothing":           {"forbid \"x\" {\n  actions = [\"commit\"]\n}\n", evidence.SurfaceClient, "commit.message", "forbidden"},
		"gate by what is to come":     {gateWhen(`commit.message != ""`), evidence.SurfaceClient, "commit.message", ""},
		"gate whatever is to come":    {gateWhen(`commit.message != "" || commit.files_changed == 1`), evidence.SurfaceClient, "commit.message", "approval-missing"},
		"at a server":                 {forbidWhen(`!startswith(commit.message, "feat")`), evidence.SurfaceServer, "commit.message", "forbidden"},
		"in a check":                  {forbidWhen(`!startswith(commit.message, "feat")`), evidence.SurfaceCheck, "commit.message", "forbidden"},
		"grant by what is to come":    {grantWhen(`commit.message == "feat"`), evidence.SurfaceClient, "commit.message", ""},
		"grant that is known to fail": {grantWhen(`commit.message == "feat" && commit.files_changed == 2`), evidence.SurfaceClient, "commit.message", "not-granted"},
		"grant at a server":           {grantWhen(`commit.message == "feat"`), evidence.SurfaceServer, "commit.message", "not-granted"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			s := parseScenario(t, "delegate d1 human.alice -> agent.coder paths=**\ncommit c1 by=agent.coder under=d1 on=refs/heads/agent/pay\n  ~ lib/pay.go")
			s.set.Surface, s.set.NotYet = tc.surface, []string{tc.notYet}
			more := tc.more
			if !strings.HasPrefix(more, "grant") {
				more += coderEverywhere
			}
			r := checker.Check(s.parsePolicy(basePolicy(t)+more), s.set)
			var rules []string
			for _, f := range findingsOf(r) {
				rules = append(rules, f.Rule)
			}
			if got := strings.Join(rules, " "); got != tc.want {
				t.Errorf("%s by %q, want %q", r.Verdict, got, tc.want)
			}
		})
	}
}

func forbidWhen(when string) string {
	return "forbid \"x\" {\n  actions = [\"commit\"]\n  when = " + when + "\n}\n"
}

func gateWhen(when string) string {
	return "gate \"x\" {\n  actions = [\"commit\"]\n  approvals = 1\n  approvers = [human.bob]\n  when = " + when + "\n}\n"
}

func grantWhen(when string) string {
	return "grant \"x\" {\n  to = [agent.coder]\n  actions = [\"commit\"]\n  branches = [\"**\"]\n  paths = [\"lib/**\"]\n  max_ttl = \"1h\"\n  when = " + when + "\n}\n"
}

// TestZeroPolicy: a policy that nobody filled in allows nothing.
func TestZeroPolicy(t *testing.T) {
	s := parseScenario(t, "pusher alice\ndelegate d1 human.alice -> agent.coder\n"+codersCommit+
		"commit c2 by=human.alice on=refs/heads/main\ncommit c3 on=refs/heads/main\ntag v1 by=human.alice\ndelete refs/heads/x")
	r := checker.Check(&policy.Policy{}, s.set)
	for _, a := range r.Acts {
		if a.Verdict != verdict.Denied {
			t.Errorf("%s %s is %s", a.Kind, a.Subject, a.Verdict)
		}
	}
	if r.Verdict != verdict.Denied || len(r.Acts) < 5 {
		t.Errorf("%s with %d acts", r.Verdict, len(r.Acts))
	}
	// Nothing was pushed, and even so the policy is for no repository.
	if r := checker.Check(&policy.Policy{}, &evidence.Set{}); r.Verdict != verdict.Denied {
		t.Errorf("with nothing at all: %s", r.Verdict)
	}
}

// TestCheckChangesNothing: the same evidence can be judged again.
func TestCheckChangesNothing(t *testing.T) {
	s := parseScenario(t, "delegate d1 human.alice -> agent.coder\n"+codersCommit+"tag v1 by=human.alice of=c1")
	p := s.parsePolicy(basePolicy(t))
	first := s.outline(checker.Check(p, s.set))
	for range 3 {
		if again := s.outline(checker.Check(p, s.set)); again != first {
			t.Fatalf("first\n%sthen\n%s", first, again)
		}
	}
}
