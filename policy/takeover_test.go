package policy

import (
	"strings"
	"testing"
)

// TestTakeover: what decides what is blocked after a policy that observes, or who decides it, is told from what does not.
func TestTakeover(t *testing.T) {
	t.Parallel()
	const (
		observe = `settings { mode = "observe" }` + "\n"
		alice   = `human "alice" { keys = ["KEY1"] }` + "\n"
		bob     = `human "bob" { keys = ["KEY2"] }` + "\n"
		mallory = `human "mallory" { keys = ["KEY3"] }` + "\n"
		lost    = `revoke "lost" { keys = ["FP1"] }` + "\n"
	)
	for name, c := range map[string]struct {
		now, next string
		want      string // part of why; "" where it is none
	}{
		"enforces":                   {observe + alice, alice, "it enforces"},
		"enforces, under one that":   {alice, mallory, ""}, // is judged by that anyway
		"stops enforcing":            {alice, observe + mallory, ""},
		"the same":                   {observe + alice, observe + alice, ""},
		"something else":             {observe + alice + bob, observe + alice + bob + `forbid "never" { paths = ["src/**"] }`, ""},
		"an agent more":              {observe + alice, observe + alice + `agent "coder" { keys = ["KEY3"] }`, ""},
		"others alone":               {observe + alice, observe + mallory, "root key"},
		"others alone, no root":      {observe + bob, observe + mallory, "no key that the policy in force lists"},
		"nobody":                     {observe + bob, observe, "no key that the policy in force lists"},
		"all are revoked":            {observe + bob, observe + bob + strings.Replace(lost, "FP1", "FP2", 1), "no key that the policy in force lists"},
		"the root key goes":          {observe + alice + bob, observe + bob, "root key"},
		"the root key is revoked":    {observe + alice + bob, observe + alice + bob + lost, "root key"},
		"the root key is an agent's": {observe + alice + bob, observe + bob + `agent "alice" { keys = ["KEY1"] }`, "root key"},
		"another goes":               {observe + alice + bob, observe + alice, ""},
		"the root key changes hands": {observe + alice + bob, observe + strings.NewReplacer("alice", "bob", "bob", "alice").Replace(alice+bob), ""},
		"one more":                   {observe + alice, observe + alice + mallory, "key or account of human.mallory"},
		"one more, an account":       {observe + alice, observe + alice + `human "mallory" { github = "mallory" }`, "key or account of human.mallory"},
		"one more key":               {observe + alice, observe + `human "alice" { keys = ["KEY1", "KEY3"] }`, "key or account of human.alice"},
		"an account changes":         {observe + `human "alice" { github = "alice" }`, observe + `human "alice" { github = "mallory" }`, "account of human.alice"},
		"an account of other case":   {observe + `human "alice" { github = "alice" }`, observe + `human "alice" { github = "Alice" }`, ""},
		"revoked already":            {observe + alice + bob + lost, observe + bob, ""},
		"revoked no more":            {observe + alice + bob + lost, observe + alice + bob, "key or account of human.alice"},
		"an agent's key for a human": {observe + alice + `agent "coder" { keys = ["KEY3"] }`, observe + alice + mallory, "key or account of human.mallory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			why := takeoverPolicy(t, c.now).Takeover(takeoverPolicy(t, c.next), fingerprintOf(t, 1))
			if (why == "") != (c.want == "") || !strings.Contains(why, c.want) {
				t.Errorf("%q", why)
			}
		})
	}
}

func takeoverPolicy(t *testing.T, text string) *Policy {
	t.Helper()
	fingerprints := strings.NewReplacer("FP1", fingerprintOf(t, 1), "FP2", fingerprintOf(t, 2))
	p, diags := Parse(withKeys([]byte("repository = \"github.com/acme/shop\"\n"+fingerprints.Replace(text))), FileName)
	if p == nil {
		t.Fatal(diags)
	}
	return p
}
