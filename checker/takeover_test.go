package checker_test

import (
	"slices"
	"testing"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// TestTakeover: what takes over a policy that observes blocks, and says why; where everything is allowed nothing is said.
func TestTakeover(t *testing.T) {
	parsed := func(settings string) *policy.Policy {
		p, diags := policy.Parse([]byte("repository = \"github.com/acme/shop\"\n"+settings+"human \"alice\" { login = \"alice\" }\n"), policy.FileName)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return p
	}
	const observe = "settings { mode = \"observe\" }\n"
	for name, c := range map[string]struct {
		settings, takeover, login string
		observe, said             bool
		want                      verdict.Verdict
	}{
		"by somebody":              {observe, "it enforces", "mallory", false, true, verdict.Denied},
		"by a human":               {observe, "it enforces", "alice", false, false, verdict.Allowed},
		"of nothing (near)":        {observe, "", "mallory", true, false, verdict.Denied},
		"it enforces already":      {"", "it enforces", "mallory", false, false, verdict.Denied},
		"something else, by alice": {observe, "", "alice", true, false, verdict.Allowed},
	} {
		id := "1111111111111111111111111111111111111111"
		set := &evidence.Set{
			Repository: "github.com/acme/shop", At: start(), AtSource: "server clock", Surface: evidence.SurfaceServer, Pusher: &evidence.Pusher{Login: c.login, Source: "PUSHER"},
			Updates: []evidence.Update{{
				Ref: "refs/heads/main", Old: id, New: "2222222222222222222222222222222222222222", Object: "commit", Forced: true, Seen: evidence.Seen{Time: start(), By: "server clock"},
				Policy: &evidence.PolicyLeft{State: evidence.PolicyKept, Takeover: c.takeover},
			}},
		}
		r := checker.Check(parsed(c.settings), set)
		said := slices.ContainsFunc(r.Findings, func(f verdict.Finding) bool { return f.Rule == "policy-lost" && f.Effect == verdict.Warn })
		if r.Observe != c.observe || said != c.said || r.Verdict != c.want {
			t.Errorf("%s: observes %t, says why %t, %s", name, r.Observe, said, r.Verdict)
		}
	}
}
