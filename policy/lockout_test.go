package policy

import (
	"strings"
	"testing"

	"github.com/remit-sh/remit/signing"
)

// TestLockout: a policy that nobody could change is told from one that somebody could, by the one thing that makes
// the difference.
func TestLockout(t *testing.T) {
	t.Parallel()
	const (
		alice = `human "alice" { keys = ["KEY1"] }` + "\n"
		bob   = `human "bob" { keys = ["KEY2"] }` + "\n"
		coder = "agent \"coder\" {\n  keys = [\"KEY3\"]\n}\ngrant \"all\" {\n  to = [agent.coder]\n  actions = [\"commit\", \"pull_request\"]\n  branches = [\"**\"]\n  paths = [\"**\"]\n"
		gate  = "gate \"policy\" {\n  paths = [\"policies.hcl\"]\n  approvers = "
	)
	for name, c := range map[string]struct {
		policy string
		want   string // part of why; "" where somebody can change it
		server string // the same at a server's hook, where that is another answer
	}{
		"a human with a key": {policy: alice},
		"no human":           {policy: "", want: "no human block"},
		"a human without":    {policy: `human "alice" { keys = [] }`, want: "human.alice has no keys"},
		"one of two":         {policy: `human "carol" { github = "carol" }` + "\n" + alice},
		"unsigned":           {policy: "settings { unsigned = \"pusher\" }\nhuman \"alice\" { github = \"alice\" }"},
		"observe":            {policy: `settings { mode = "observe" }`},
		"enforce":            {policy: `settings { mode = "enforce" }`, want: "no human block"},

		"revoked":          {policy: alice + `revoke "lost" { keys = ["FP1"] }`, want: "no key of human.alice is left"},
		"another revoked":  {policy: alice + `revoke "lost" { keys = ["FP2"] }`},
		"presence":         {policy: `human "alice" {` + "\n  keys = [\"KEY1\"]\n  presence = true\n}", want: "no key that can show a touch"},
		"forbidden":        {policy: alice + `forbid "never" { paths = ["*.hcl"] }`, want: `the forbid "never" (line 3) keeps human.alice`},
		"forbidden others": {policy: alice + bob + "forbid \"never\" {\n  to = [human.alice]\n  paths = [\"*.hcl\"]\n}"},
		"another path":     {policy: alice + `forbid "never" { paths = ["src/**"] }`},
		"at weekends":      {policy: alice + "forbid \"never\" {\n  paths = [\"*.hcl\"]\n  when = time.weekday == \"Sunday\"\n}"},
		"by pull request only": {policy: alice +
			"forbid \"never\" {\n  actions = [\"commit\", \"push\"]\n  branches = [\"main\"]\n}"},
		"nothing onto main": {policy: alice +
			"forbid \"never\" {\n  actions = [\"commit\", \"push\", \"pull_request\"]\n  branches = [\"main\"]\n}", want: `"never"`},
		"nothing onto others": {policy: alice +
			"forbid \"never\" {\n  actions = [\"commit\", \"push\", \"pull_request\"]\n  branches = [\"dev\"]\n}"},
		"no commit anywhere": {policy: alice +
			"forbid \"never\" {\n  actions = [\"commit\"]\n  branches = [\"**\"]\n}", want: `"never"`},

		"her own gate":       {policy: alice + gate + "[human.alice]\n}", want: `the gate "policy" (line 3) holds human.alice up`},
		"another's gate":     {policy: alice + bob + gate + "[human.bob]\n}"},
		"a reviewer's gate":  {policy: alice + "human \"carol\" { github = \"carol\" }\n" + gate + "[human.carol]\n}", server: "by signature"},
		"too many approvals": {policy: alice + bob + gate + "[human.alice, human.bob]\n  approvals = 2\n}", want: "human.bob up"},
		"a forge's team":     {policy: alice + "team \"t\" { github = \"acme/t\" }\n" + gate + "[team.t]\n}", server: "by signature"},
		"a gate for agents":  {policy: alice + coder + "  standing = true\n}\n" + gate + "[human.alice]\n  to = [agent.coder]\n}"},

		"granted to nobody": {policy: "settings { humans = \"granted\" }\n" + alice, want: "nothing grants human.alice a commit"},
		"granted a side branch": {policy: "settings { humans = \"granted\" }\n" + alice +
			"grant \"x\" {\n  to = [human.alice]\n  actions = [\"commit\"]\n  branches = [\"dev\"]\n  paths = [\"**\"]\n}", want: "bring it onto the branch"},
		"granted": {policy: "settings { humans = \"granted\" }\n" + alice +
			"grant \"x\" {\n  to = [human.alice]\n  actions = [\"commit\"]\n  branches = [\"main\"]\n  paths = [\"**\"]\n}"},

		"an agent, and a review": {policy: "human \"alice\" { github = \"alice\" }\n" + coder + "  standing = true\n}", server: "no keys"},
		"an agent on a leash":    {policy: "human \"alice\" { github = \"alice\" }\n" + coder + "}", want: "no keys"},
		"an agent alone":         {policy: coder + "  standing = true\n}", want: "no human block"},
		"an agent that is forbidden": {policy: "human \"alice\" { github = \"alice\" }\n" + coder +
			"  standing = true\n}\nforbid \"not agents\" { to = [agent.coder] }", want: "no keys"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fingerprints := strings.NewReplacer("FP1", fingerprintOf(t, 1), "FP2", fingerprintOf(t, 2))
			src := withKeys([]byte("repository = \"github.com/acme/shop\"\n" + fingerprints.Replace(c.policy)))
			p, diags := Parse(src, FileName)
			if p == nil {
				t.Fatal(diags)
			}
			if c.server == "" {
				c.server = c.want
			}
			for door, want := range map[Door]string{
				{Ref: "refs/heads/main"}:               c.want,
				{Ref: "refs/heads/main", Signed: true}: c.server,
			} {
				if got := p.Lockout(door); (got == "") != (want == "") || !strings.Contains(got, want) {
					t.Errorf("%v: %q, and not %q", door, got, want)
				}
			}
			if found := p.Locked(); len(found) > 0 && c.want == "" || found.HasErrors() && found[0].Position.Line != 0 {
				t.Errorf("it is locked: %v", found)
			}
		})
	}
}

// TestLockedElsewhere: an organisation's policy is changed where it lives.
func TestLockedElsewhere(t *testing.T) {
	t.Parallel()
	for src, errors := range map[string]bool{
		`repository = "github.com/acme/shop"`:  true,
		`repositories = ["github.com/acme/*"]`: false,
	} {
		p, diags := Parse([]byte(src), FileName)
		if p == nil {
			t.Fatal(diags)
		}
		if found := p.Locked(); len(found) != 1 || found.HasErrors() != errors {
			t.Errorf("%s: %v", src, found)
		}
	}
}

// fingerprintOf is that of one of the keys that tests have.
func fingerprintOf(t *testing.T, n byte) string {
	t.Helper()
	k, err := signing.ParseAuthorizedKey(testKey(n))
	if err != nil {
		t.Fatal(err)
	}
	return k.Fingerprint()
}
