package policy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/signing"
)

// example is the policy of a case.
func example(t *testing.T, file, name string) (*Policy, []byte) {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		if f.Name == name {
			src := withKeys(f.Data)
			p, diags := Parse(src, FileName)
			if p == nil {
				t.Fatal(diags)
			}
			return p, src
		}
	}
	t.Fatalf("%s has no %s", file, name)
	return nil, nil
}

func texts(list []pattern.Pattern) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.String())
	}
	return out
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestParseDesign(t *testing.T) {
	p, src := example(t, "valid.txtar", "design.hcl")
	equal(t, "repository", p.Repository, "github.com/acme/shop")
	equal(t, "path", p.Path, FileName)
	if !p.Rules("github.com/acme/shop") || p.Rules("github.com/acme/other") || p.Rules("") {
		t.Error("it rules the wrong repositories")
	}
	if !strings.HasPrefix(p.Digest, "sha256:") || len(p.Digest) != 71 {
		t.Errorf("digest %s", p.Digest)
	}
	q, _ := Parse(append(src, '\n'), FileName)
	if q.Digest == p.Digest {
		t.Error("the digest is not of the bytes")
	}
	coder := p.Principal("agent.coder")
	equal(t, "delegators", coder.Delegators, []names.Principal{"agent.planner"})
	if coder.Pinned() || !p.Principal("agent.planner").Pinned() || p.Principal("agent.nobody") != nil {
		t.Error("pinned is wrong")
	}
	g := p.Grants[0]
	equal(t, "grant", []any{g.Name, g.To, g.Actions, texts(g.Branches), texts(g.Paths), g.MaxTTL, g.Standing, g.Alone},
		[]any{"coder writes code", []names.Principal{"agent.coder"}, []names.Action{names.Commit, names.PullRequest}, []string{"agent/**"}, []string{"src/**", "test/**"}, 10 * time.Minute, false, false})
	equal(t, "position", g.Position, Position{FileName, 45, 1})
	if !g.Branches[0].Match("refs/heads/agent/x") {
		t.Error("branches are not refs")
	}
	equal(t, "approvers", p.Gates[0].Approvers, []names.Principal{"team.release"})
	if p.Gates[1].Environments != nil || p.Gates[1].To != nil || p.Forbids[0].Branches != nil {
		t.Error("what is left out is not nil")
	}
	equal(t, "expanded", p.Expand(p.Gates[0].Approvers), []names.Principal{"human.alice", "human.bob"})
	equal(t, "revoked", []any{p.Revocations[0].Agents, p.Revocations[0].Since}, []any{[]names.Principal{"agent.planner"}, time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)})
	if e := p.Environment("PRODUCTION"); e == nil || e.Name != "production" || !pattern.Any(e.Secrets, "prod_key") {
		t.Error("environments are not found without case")
	}
	if p.Environment("prod") != nil || p.Environment("productio\u0144") != nil {
		t.Error("an environment that is not declared is found")
	}
	equal(t, "shared", texts(p.Workflows.SharedSecrets), []string{"NPM_READ_TOKEN", "GITHUB_TOKEN"})
}

func TestOwners(t *testing.T) {
	p, _ := example(t, "valid.txtar", "design.hcl")
	for name, q := range p.Principals {
		for _, k := range q.Keys {
			if o := p.KeyOwner(k.Fingerprint()); o != q {
				t.Errorf("the key of %s belongs to %v", name, o)
			}
		}
	}
	if p.KeyOwner("") != nil || p.KeyOwner("SHA256:x") != nil {
		t.Error("a key that nobody has belongs to somebody")
	}
	for login, want := range map[string]names.Principal{"alice": "human.alice", "coder": "agent.coder", "Alice": "", "release": "", "": ""} {
		var got names.Principal
		if q := p.ByLogin(login); q != nil {
			got = q.Name
		}
		equal(t, "login "+login, got, want)
	}
	// A policy that was put together by hand answers alike.
	key, _ := signing.ParseAuthorizedKey(testKey(1))
	q := &Principal{Name: "human.a", Keys: []signing.PublicKey{key}, Login: "a"}
	made := &Policy{Principals: map[names.Principal]*Principal{q.Name: q}}
	if made.KeyOwner(key.Fingerprint()) != q || made.ByLogin("a") != q || made.ByLogin("") != nil {
		t.Error("owners of a policy made by hand")
	}
}

func TestProtects(t *testing.T) {
	tests := []struct {
		settings string
		path     string
		want     string
	}{
		{"", "policies.hcl", "policies.hcl"},
		{"", ".github/workflows/x.yml", ".github/**"},
		{"", "src/x", ""},
		{"", "a/policies.hcl", ""},
		{`protected = ["infra/**"]`, "policies.hcl", "policies.hcl"},
		{`protected = ["infra/**"]`, ".github/x", ""},
		{`protected = []`, "policies.hcl", "policies.hcl"},
		{`protected = ["*.hcl"]`, "policies.hcl", "*.hcl"},
	}
	for _, tt := range tests {
		p := mustParse(t, "repository = \"github.com/acme/shop\"\nsettings {\n"+tt.settings+"\n}\n")
		got, ok := p.Protects(tt.path)
		if ok != (tt.want != "") || got.String() != tt.want {
			t.Errorf("%s: %s: got %q, %v", tt.settings, tt.path, got, ok)
		}
	}
	p := mustParse(t, `repository = "github.com/acme/shop"`)
	p.Path = "ci/[odd].hcl"
	if _, ok := p.Protects("ci/[odd].hcl"); !ok {
		t.Error("the policy's own path is not protected")
	}
}

// TestDefaults reads each attribute of the settings with the default that the reference shows,
// and the blocks with defaults likewise: leaving them out must give the same.
func TestDefaults(t *testing.T) {
	least := mustParse(t, `repository = "github.com/acme/shop"`)
	written := mustParse(t, `repository = "github.com/acme/shop"
settings {
  mode              = "enforce"
  protected         = ["policies.hcl", ".github/**"]
  clock_skew        = "30s"
  max_chain_ttl     = "12h"
  humans            = "ungranted"
  unsigned          = "deny"
  identity          = "warn"
  octopus           = "deny"
  secret_references = "warn"
  artifacts         = "warn"
  audit             = "required"
  pin_head          = false
  time_zone         = "UTC"
}
`)
	written.Settings.Position = Position{}
	equal(t, "settings", written.Settings, least.Settings)

	p := mustParse(t, `repository = "github.com/acme/shop"
human "a" { github = "a" }
workflow "w" {
  file = ".github/workflows/w.yml"
}
workflow "v" {
  file       = ".github/workflows/w.yml"
  repository = "github.com/acme/shop"
  issuer     = "https://token.actions.githubusercontent.com"
}
grant "x" {
  to      = [human.a]
  actions = ["rotate"]
}
grant "y" {
  to       = [human.a]
  actions  = ["rotate"]
  max_ttl  = "1h"
  standing = false
  alone    = false
}
gate "x" {
  approvers = [human.a]
}
gate "y" {
  approvers       = [human.a]
  approvals       = 1
  role            = "write"
  evidence        = "review"
  allow_delegator = false
  carry_over      = "merges"
  max_age         = "72h"
}
`)
	g, h := *p.Grants[0], *p.Grants[1]
	h.Name, h.Position = g.Name, g.Position
	equal(t, "grant", h, g)
	a, b := *p.Gates[0], *p.Gates[1]
	b.Name, b.Position = a.Name, a.Position
	equal(t, "gate", b, a)
	equal(t, "workflow", p.Principal("workflow.v").Workflow, p.Principal("workflow.w").Workflow)
	equal(t, "login", p.Principal("human.a").Login, "a")
}

func TestDelegatorsThroughTeams(t *testing.T) {
	p := mustParse(t, `repository = "github.com/acme/shop"
human "alice" {}
team "all" { members = [human.alice, agent.a, agent.b] }
agent "a" { delegators = [team.all] }
agent "b" { delegators = [team.all, human.alice] }
`)
	equal(t, "a", p.Principal("agent.a").Delegators, []names.Principal{"human.alice", "agent.b"})
	equal(t, "b", p.Principal("agent.b").Delegators, []names.Principal{"human.alice", "agent.a"})
}

func TestFormat(t *testing.T) {
	src := "repository=\"github.com/acme/shop\" # one\n\n\nhuman   \"alice\" {\ngithub = \"a\"\n    github_id=1 // two\n}\n"
	want := "repository = \"github.com/acme/shop\" # one\n\n\nhuman \"alice\" {\n  github    = \"a\"\n  github_id = 1 // two\n}\n"
	got, diags := Format([]byte(src), FileName)
	if diags.HasErrors() || string(got) != want {
		t.Errorf("got %q, %v", got, diags.Err())
	}
	// What is formatted need not be valid, only well-formed.
	if got, diags := Format([]byte("a=1\n"), FileName); string(got) != "a = 1\n" {
		t.Errorf("got %q, %v", got, diags.Err())
	}
	if got, diags := Format([]byte("a=(1\n"), FileName); got != nil || !diags.HasErrors() {
		t.Error("formatted what does not parse")
	}
}

func TestAppendRevocation(t *testing.T) {
	_, src := example(t, "valid.txtar", "design.hcl")
	since := time.Date(2026, 11, 21, 9, 0, 0, 0, time.FixedZone("", 3600))
	digest := "sha256:" + strings.Repeat("ab", 32)
	r := Revocation{Name: "laptop stolen", Agents: []names.Principal{"agent.coder"}, Delegations: []string{digest}, Since: since, Reason: `says "bob" $x`}
	out, err := AppendRevocation(bytes.TrimSuffix(src, []byte("\n")), FileName, r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(out, src) {
		t.Error("what was there before has changed")
	}
	want := "\nrevoke \"laptop stolen (2)\" {\n  agents      = [agent.coder]\n  delegations = [\"" + digest + "\"]\n  since       = \"2026-11-21T08:00:00Z\"\n  reason      = \"says \\\"bob\\\" $x\"\n}\n"
	equal(t, "block", string(out[len(src):]), want)
	p, diags := Parse(out, FileName)
	if p == nil {
		t.Fatal(diags)
	}
	last := p.Revocations[len(p.Revocations)-1]
	equal(t, "read back", []any{last.Agents, last.Delegations, last.Reason, last.Since.Equal(since)}, []any{r.Agents, r.Delegations, r.Reason, true})
	if again, diags := Format(out, FileName); !bytes.Equal(again, out) {
		t.Errorf("the result is not formatted: %v", diags.Err())
	}

	for what, bad := range map[string]Revocation{
		"nothing":       {Name: "x"},
		"unknown agent": {Name: "x", Agents: []names.Principal{"agent.nobody"}},
		"human":         {Name: "x", Agents: []names.Principal{"human.alice"}},
		"bad key":       {Name: "x", Keys: []string{"MD5:00"}},
		"no name":       {Agents: []names.Principal{"agent.coder"}},
		"newline":       {Name: "a\nb", Agents: []names.Principal{"agent.coder"}},
		"template":      {Name: "x", Agents: []names.Principal{"agent.coder"}, Reason: "${x}"},
		"injection":     {Name: "x", Agents: []names.Principal{"agent.coder]\n}\ngrant \"all\" { to = [agent.coder"}},
	} {
		if out, err := AppendRevocation(src, FileName, bad); err == nil || out != nil {
			t.Errorf("%s: accepted: %s", what, out[len(src):])
		}
	}
	if _, err := AppendRevocation([]byte("x"), FileName, r); err == nil {
		t.Error("added to what is no policy")
	}
}

func TestAllowedSigners(t *testing.T) {
	key := func(n byte) signing.PublicKey {
		k, err := signing.ParseAuthorizedKey(testKey(n))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	p := mustParse(t, `repository = "github.com/acme/shop"
human "alice" {
  keys   = ["KEY1", "KEY2", "KEY3"]
  emails = ["alice@example.com", "a@example.com"]
}
agent "bot" { keys = ["KEY4"] }
agent "gone" { keys = ["KEY5"] }
agent "minted" { delegators = [human.alice] }
revoke "for good" { keys = ["`+key(2).Fingerprint()+`"] }
revoke "lately" {
  keys  = ["`+key(3).Fingerprint()+`"]
  since = "2026-11-20T08:00:00Z"
}
revoke "lately too" {
  keys  = ["`+key(3).Fingerprint()+`"]
  since = "2026-11-19T00:00:00+01:00"
}
revoke "gone" { agents = [agent.gone] }
`)
	var b strings.Builder
	if err := AllowedSigners(&b, p); err != nil {
		t.Fatal(err)
	}
	want := "human.alice,alice@example.com,a@example.com namespaces=\"git\" " + key(1).AuthorizedKey() + "\n" +
		"human.alice,alice@example.com,a@example.com namespaces=\"git\",valid-before=\"20261118225959Z\" " + key(3).AuthorizedKey() + "\n" +
		"agent.bot namespaces=\"git\" " + key(4).AuthorizedKey() + "\n"
	equal(t, "signers", b.String(), want)
}

// TestAllowedSignersWithOpenSSH lets ssh-keygen judge at the second of a revocation and before it.
func TestAllowedSignersWithOpenSSH(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("ssh-keygen is not installed")
	}
	dir := t.TempDir()
	run := func(stdin string, args ...string) (string, error) {
		cmd := exec.Command("ssh-keygen", args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", "key"); err != nil {
		t.Fatal(out)
	}
	public, err := os.ReadFile(filepath.Join(dir, "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := signing.ParseAuthorizedKey(string(public))
	if err != nil {
		t.Fatal(err)
	}
	p := mustParse(t, `repository = "github.com/acme/shop"
human "alice" {
  keys   = ["`+strings.TrimSpace(string(public))+`"]
  emails = ["alice@example.com"]
}
revoke "x" {
  keys  = ["`+k.Fingerprint()+`"]
  since = "2026-11-20T08:00:00Z"
}
`)
	var b strings.Builder
	if err := AllowedSigners(&b, p); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"signers": b.String(), "message": "hello"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := run("", "-Y", "sign", "-n", "git", "-f", "key", "message"); err != nil {
		t.Fatal(out)
	}
	for _, tt := range []struct {
		who, space, at string
		ok             bool
	}{
		{"human.alice", "git", "20261120075959Z", true},
		{"alice@example.com", "git", "20261120075959Z", true},
		{"human.alice", "git", "20261120080000Z", false},
		{"human.bob", "git", "20261120075959Z", false},
		{"human.alice", "file", "20261120075959Z", false},
	} {
		out, err := run("hello", "-Y", "verify", "-f", "signers", "-I", tt.who, "-n", tt.space, "-s", "message.sig", "-O", "verify-time="+tt.at)
		if (err == nil) != tt.ok {
			t.Errorf("%s, %s, %s: %v: %s", tt.who, tt.space, tt.at, err, out)
		}
	}
}

// TestOwnPolicy loads the repository's own policy, which is also its living example.
func TestOwnPolicy(t *testing.T) {
	src, err := os.ReadFile("../" + FileName)
	if err != nil {
		t.Fatal(err)
	}
	p, diags := Parse(src, FileName)
	if p == nil || len(diags) > 0 {
		var b strings.Builder
		_ = diags.WriteText(&b, src, false)
		t.Fatalf("the policy of this repository:\n%s", b.String())
	}
	if formatted, diags := Format(src, FileName); !bytes.Equal(formatted, src) {
		t.Errorf("it is not formatted: %v", diags.Err())
	}
	if len(p.Grants) == 0 || len(p.Forbids) == 0 || len(p.Gates) == 0 || len(p.Environments) == 0 {
		t.Error("it no longer shows every kind of rule")
	}
}

func BenchmarkParse(b *testing.B) {
	a, err := txtar.ParseFile("testdata/valid.txtar")
	if err != nil {
		b.Fatal(err)
	}
	src := withKeys(a.Files[0].Data) // the design's example
	b.ReportAllocs()
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if p, _ := Parse(src, FileName); p == nil {
			b.Fatal("not valid")
		}
	}
}

func BenchmarkEval(b *testing.B) {
	p, _ := Parse([]byte("repository = \"github.com/acme/shop\"\nforbid \"x\" {\n  actions = [\"commit\"]\n  when = commit.files_changed > 50 || contains([\"Saturday\"], time.weekday)\n}\n"), FileName)
	f := testFacts(names.Commit)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Forbids[0].When.Eval(f); err != nil {
			b.Fatal(err)
		}
	}
}

func TestDiagnosticsText(t *testing.T) {
	src := []byte("repository = \"github.com/acme/shop\"\nhuman \"alice\" {\n\tgithubb = \"a\"\n}\n")
	_, diags := Parse(src, "evil\x1b[31m.hcl")
	var plain, colour strings.Builder
	if err := diags.WriteText(&plain, src, false); err != nil {
		t.Fatal(err)
	}
	if err := diags.WriteText(&colour, src, true); err != nil {
		t.Fatal(err)
	}
	want := "Error: Unknown attribute\n\n  on evil<U+001B>[31m.hcl line 3:\n   3:  githubb = \"a\"\n       ^^^^^^^\n\nThere is no attribute \"githubb\" in a human block. Did you mean github?\n"
	equal(t, "plain", plain.String(), want)
	equal(t, "colour", strings.NewReplacer("\x1b[31m", "", "\x1b[0m", "").Replace(colour.String()), want)
	equal(t, "position", diags[0].Position, Position{"evil\x1b[31m.hcl", 3, 2})
	if err := diags.Err(); err == nil || !strings.HasPrefix(err.Error(), "evil<U+001B>[31m.hcl:3:2: Unknown attribute: ") {
		t.Errorf("error %v", err)
	}
	var none Diagnostics
	if none.Err() != nil || none.HasErrors() || none.Error() != "no errors" {
		t.Error("no diagnostics are an error")
	}
	if (Diagnostics{{Severity: SeverityWarning}}).Err() != nil {
		t.Error("a warning is an error")
	}
	if (Diagnostics{{}}).Err() == nil {
		t.Error("the zero diagnostic is not an error")
	}
}

func TestSlicesOfRulesAreShared(t *testing.T) {
	// Expand must not change what it is given.
	p, _ := example(t, "valid.txtar", "design.hcl")
	list := []names.Principal{"team.release", "human.alice"}
	before := slices.Clone(list)
	p.Expand(list)
	equal(t, "list", list, before)
}

// TestIsBase: only a branch is a base, by whatever pattern.
func TestIsBase(t *testing.T) {
	p, diags := Parse([]byte("repository = \"github.com/acme/shop\"\nsettings { bases = [\"refs/**\", \"refs/*/keep\", \"next\"] }\n"), FileName)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for ref, want := range map[string]bool{
		"refs/heads/next": true, "refs/heads/keep": true, "refs/heads/refs/tags/v1": true,
		"refs/tags/keep": false, "refs/tags/v1": false, "refs/remit/approvals/x": false, "refs/pull/1/head": false,
		"refs/notes/keep": false, "refs/headsup/x": false, "refs/heads": false, "HEAD": false, "": false,
	} {
		if got := p.Settings.IsBase(ref); got != want {
			t.Errorf("%q: %t", ref, got)
		}
	}
}
