package names

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestParsePrincipal(t *testing.T) {
	for _, s := range []string{"human.alice", "agent.coder-2", "workflow.x", "app.dependabot", "team.a", "agent." + strings.Repeat("a", 63)} {
		p, err := ParsePrincipal(s)
		if err != nil || string(p) != s || NewPrincipal(p.Kind(), p.Label()) != p {
			t.Errorf("%q: %q, %v", s, p, err)
		}
	}
	for _, s := range []string{
		"", "coder", "agent.", ".coder", "robot.coder", "Agent.coder", "agent.Coder", "agent.2coder", "agent.-x", "agent.a_b", "agent.a.b",
		"agent." + strings.Repeat("a", 64), "agent.c\u043eder" /* a Cyrillic o */, "agent.co\u202eder", "agent.coder\n", "agent. coder", "agent.coder\x00",
	} {
		if p, err := ParsePrincipal(s); err == nil || p != "" {
			t.Errorf("%q is accepted as %q", s, p)
		}
	}
}

func TestParseAction(t *testing.T) {
	for _, a := range Actions() {
		if got, err := ParseAction(string(a)); got != a || err != nil {
			t.Errorf("%q: %q, %v", a, got, err)
		}
	}
	for _, s := range []string{"", "Commit", "commits", "pull-request", "deploy "} {
		if a, err := ParseAction(s); err == nil || a != "" {
			t.Errorf("%q is accepted as %q", s, a)
		}
	}
}

func TestParseRepository(t *testing.T) {
	for in, want := range map[string]string{
		"github.com/acme/shop":                     "github.com/acme/shop",
		"GitHub.com/Acme/Shop":                     "github.com/acme/shop", // compared without case there
		"githuB.Com:0/x.Git":                       "github.com/0/x",       // so is what a clone URL ends in
		"git.acme.example/acme/shop.Git":           "git.acme.example/acme/shop.Git",
		"Git.Example.com/Acme/Shop":                "git.example.com/Acme/Shop",
		"https://github.com/acme/shop.git":         "github.com/acme/shop",
		"https://user:token@github.com/acme/shop":  "github.com/acme/shop",
		"ssh://git@git.example.com:2222/a/b.git":   "git.example.com/a/b",
		"git@github.com:acme/shop.git":             "github.com/acme/shop",
		"git.example.com/group/subgroup/project/":  "git.example.com/group/subgroup/project",
		"https://git.example.com/~alice/dot.files": "git.example.com/~alice/dot.files",
	} {
		got, err := ParseRepository(in)
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, s := range []string{
		"", "shop", "github.com//shop", "github.com/../shop", "github.com/acme/./shop", "github.com/ac me/shop", "github.com/acme/sh\u043ep",
		"github.com/acme/shop?x", "github.com/acme/shop#x", "/acme/shop", `github.com\acme\shop`, "github.com/acme/shop.git.git", "github.com/acme/shop.Git.git",
		"github.com/acme/\u212aey", "bitbuc\u212aet.org/acme/shop", "github.com/" + strings.Repeat("a", 300),
	} {
		if got, err := ParseRepository(s); err == nil || got != "" {
			t.Errorf("%q is accepted as %q", s, got)
		}
	}
}

func TestCheckDigest(t *testing.T) {
	good := "sha256:" + strings.Repeat("0a", 32)
	if err := CheckDigest(good); err != nil {
		t.Error(err)
	}
	for _, s := range []string{"", good[7:], strings.ToUpper(good), good[:70], good + "0", "sha512:" + good[7:], good[:70] + "g", " " + good} {
		if CheckDigest(s) == nil {
			t.Errorf("%q is accepted", s)
		}
	}
}

var refs = []string{
	"refs/heads/main", "refs/heads/agent/pay", "refs/tags/v1.2", "refs/remit/delegations/ab", "refs/heads/a@b", "refs/heads/@",
	"refs/heads/agent/../main", "refs/heads//main", "refs/heads/main/", "refs/heads/.main", "refs/heads/x.lock", "refs/heads/x.lock/y",
	"refs/heads/main.", "refs/heads/a b", "refs/heads/a~1", "refs/heads/a^", "refs/heads/a:b", "refs/heads/a?b", "refs/heads/a*b",
	"refs/heads/a[b", `refs/heads/a\b`, "refs/heads/a@{b", "refs/heads/a\x7fb", "refs/heads/a\tb", "refs/heads/ä",
}

// TestCheckRef compares with git itself.
func TestCheckRef(t *testing.T) {
	for _, ref := range refs {
		git := exec.Command("git", "check-ref-format", ref).Run() == nil
		if ours := CheckRef(ref) == nil; ours != git {
			t.Errorf("%q: accepted %t here and %t by git", ref, ours, git)
		}
	}
	// Short names are well-formed for some commands of git. What they mean depends on which refs exist.
	for _, ref := range []string{"", "main", "HEAD", "heads/main", "refs/heads", "refs/main", "refs/heads/" + strings.Repeat("a", 1100), "refs/heads/\xff"} {
		if CheckRef(ref) == nil {
			t.Errorf("%q is accepted", ref)
		}
	}
}

// FuzzNames: what is accepted is accepted again, unchanged; messages are ASCII.
func FuzzNames(f *testing.F) {
	for _, s := range append(refs, "agent.coder", "git@github.com:acme/shop.git", "https://x@h:1/a/b.git/", "sha256:00") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var errs []error
		if r, err := ParseRepository(s); err == nil {
			if again, err := ParseRepository(r); err != nil || again != r {
				t.Errorf("%q gives %q, which gives %q: %v", s, r, again, err)
			}
		} else {
			errs = append(errs, err)
		}
		if p, err := ParsePrincipal(s); err == nil && string(p) != s {
			t.Errorf("%q gives %q", s, p)
		} else if err != nil {
			errs = append(errs, err)
		}
		errs = append(errs, CheckRef(s), CheckDigest(s), CheckLabel(s))
		for _, err := range errs {
			if err == nil {
				continue
			}
			if m := err.Error(); strings.ContainsFunc(m, func(r rune) bool { return r < ' ' || r > 126 && r != '…' }) {
				t.Errorf("the message %q holds more than ASCII", m)
			}
		}
	})
}

func TestInSentences(t *testing.T) {
	at := time.Date(2026, 11, 22, 15, 4, 5, 999, time.FixedZone("CET", 3600))
	if got := Stamp(at); got != "2026-11-22 14:04:05 UTC" {
		t.Errorf("Stamp: %q", got)
	}
	for want, list := range map[string][]Principal{"": nil, "human.alice": {"human.alice"}, "human.alice, agent.coder": {"human.alice", "agent.coder"}} {
		if got := Join(list); got != want {
			t.Errorf("Join: %q, not %q", got, want)
		}
	}
	for want, list := range map[string][]string{"": nil, "a": {"a"}, "a or b": {"a", "b"}, "a, b or c": {"a", "b", "c"}} {
		if got := List(list, "or"); got != want {
			t.Errorf("List: %q, not %q", got, want)
		}
	}
}
