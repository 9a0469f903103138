package cli_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/internal/gitserver"
)

// served is a shop whose repositories stand on a real server with the hook installed.
type served struct {
	*shop
	server *gitserver.Server
	name   func(string) string // of a repository, as its URL has it
	gitDir func(string) string
	pusher string // the variable in which the server says who pushes
}

// repositories are those of each server: the shop, and empty ones to begin in.
var repositories = []string{"shop", "first", "second"}

// TestServers plays the same pushes against sshd, git's HTTP backend and gitolite.
func TestServers(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ssh", "http", "gitolite"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := serve(t, kind)
			t.Run("each", func(t *testing.T) { s.with(t).each() })
			if kind != "http" {
				return // what a server cannot change is tested once
			}
			t.Run("bootstrap", func(t *testing.T) { s.with(t).bootstrap() })
			t.Run("commits", func(t *testing.T) { s.with(t).commits() })
			t.Run("refs", func(t *testing.T) { s.with(t).moves() })
			t.Run("delegations", func(t *testing.T) { s.with(t).delegations() })
		})
	}
}

func serve(t *testing.T, kind string) *served {
	t.Helper()
	s := &served{shop: newShop(t)}
	env := clockVariable + "=" + s.path("clock")
	s.name = func(r string) string { return r + ".git" }
	s.gitDir = func(r string) string { return s.path(r + ".git") }
	switch kind {
	case "ssh":
		s.server, s.pusher = gitserver.SSH(t, s.dir, people, env), "GATE_USER"
	case "http":
		s.server, s.pusher = gitserver.HTTP(t, s.dir, people, env), "REMOTE_USER"
	case "gitolite":
		g := gitserver.Gitolite(t, people, "repo "+strings.Join(repositories, " ")+"\n    RW+ = @all\n", env)
		s.server, s.pusher = g.Server, "GL_USER"
		s.name = func(r string) string { return r }
		s.gitDir = g.GitDir
		s.git("alice", "--git-dir="+g.GitDir("shop")+" fetch -q "+s.path("shop")+" main:main")
	}
	for _, r := range repositories {
		dir := s.gitDir(r)
		if _, err := os.Stat(dir); err != nil {
			s.git("alice", "init -q --bare -b main "+dir)
		}
		s.git("alice", "--git-dir="+dir+" symbolic-ref HEAD refs/heads/main")
		s.git("alice", "--git-dir="+dir+" config receive.advertisePushOptions true")
		r := s.run("alice", "shop", []string{"GIT_DIR=" + dir}, "remit", "hooks", "install", "--server",
			"--root-key", s.path("home/alice/keys/alice.pub"), "--pusher-env", s.pusher)
		if r.code != 0 {
			t.Fatal(r.stderr)
		}
	}
	return s
}

// named tells a repository's hook the repository's name.
func (s *served) named(repository, name string) {
	s.t.Helper()
	r := s.run("alice", "shop", []string{"GIT_DIR=" + s.gitDir(repository)}, "remit", "hooks", "install", "--server",
		"--root-key", s.path("home/alice/keys/alice.pub"), "--pusher-env", s.pusher, "--repository", name)
	if r.code != 0 {
		s.t.Fatal(r.stderr)
	}
}

// with is s reporting to another test, in a clean work tree.
func (s *served) with(t *testing.T) *served {
	inner := *s.shop
	inner.t = t
	again := *s
	again.shop = &inner
	again.git("alice", "checkout -q -f main")
	return &again
}

// push pushes to a repository as somebody, around the client's hooks.
func (s *served) push(who, repository string, args ...string) result {
	s.t.Helper()
	return s.run(who, "shop", s.server.Env(who), "git",
		append([]string{"push", "--no-verify", s.server.URL(who, s.name(repository))}, args...)...)
}

func (s *served) accepted(who, repository string, args ...string) string {
	s.t.Helper()
	r := s.push(who, repository, args...)
	if r.code != 0 {
		s.t.Errorf("%s: push %v was refused: %s", who, args, r.stderr)
	}
	return r.stderr
}

// refused wants a push refused by these rules and no others, and the hook to say so.
func (s *served) refused(who, repository string, rules []string, args ...string) string {
	s.t.Helper()
	r := s.push(who, repository, args...)
	if r.code == 0 {
		s.t.Errorf("%s: push %v was accepted: %s", who, args, r.stderr)
	}
	if !strings.Contains(r.stderr, "hook declined") && !strings.Contains(r.stderr, "remote: remit:") {
		s.t.Errorf("%s: push %v was refused by something else: %s", who, args, r.stderr)
	}
	found := map[string]bool{}
	for _, m := range blocks.FindAllStringSubmatch(r.stderr, -1) {
		found[m[1]] = true
	}
	for _, rule := range rules {
		if !found[rule] {
			s.t.Errorf("%s: push %v: no %s: %s", who, args, rule, r.stderr)
		}
		delete(found, rule)
	}
	for rule := range found {
		s.t.Errorf("%s: push %v: also %s: %s", who, args, rule, r.stderr)
	}
	return r.stderr
}

// blocks finds the findings of a report that block.
var blocks = regexp.MustCompile(`(?m)^remote:[ │]*[✗○?] ([a-z-]+): `)

func (s *served) says(text, want string) {
	s.t.Helper()
	if !regexp.MustCompile(want).MatchString(text) {
		s.t.Errorf("no %q in: %s", want, text)
	}
}

// signed commits what is staged with somebody's key, around all hooks, naming a delegation or "".
func (s *shop) signed(who, subject, delegation string, args ...string) string {
	s.t.Helper()
	message := subject + "\n"
	if delegation != "" {
		message += "\nDelegation: " + delegation + "\n"
	}
	s.git(who, "-c core.hooksPath=/dev/null -c gpg.format=ssh -c gpg.ssh.program=ssh-keygen -c user.signingkey="+
		s.path("home/"+who+"/keys/"+who)+" commit -q -S --allow-empty -m", append([]string{message}, args...)...)
	return s.git(who, "rev-parse HEAD")
}

// add writes a file of the work tree and stages it.
func (s *shop) add(name, text string) {
	s.t.Helper()
	s.write("shop/"+name, text)
	s.git("alice", "add", name)
}

// delegate has alice delegate, with further flags, and returns the digest.
func (s *shop) delegate(agent string, flags ...string) string {
	s.t.Helper()
	args := []string{
		"delegate", agent, "--as", "alice", "--for", "10m", "--why", "SHOP-1412", "--no-publish",
		"--action", "commit", "--branch", "agent/**", "--path", "src/**",
	}
	if agent == "coder" {
		args = append(args, "--to-key", s.path("home/coder/keys/coder.pub"))
	}
	return s.ok("alice", "shop", "remit", append(args, flags...)...)
}

// bundleRef is the refspec that publishes a delegation.
func bundleRef(digest string) string {
	ref := "refs/remit/delegations/" + strings.TrimPrefix(digest, "sha256:")
	return ref + ":" + ref
}

// each is what differs from server to server: quarantine, who pushes, and push options.
func (s *served) each() {
	start := s.git("alice", "rev-parse HEAD")
	s.says(s.refused("bob", "second", nil, s.signed("bob", "By bob", "")+":refs/heads/main"), "must be signed by the root key")
	s.git("alice", "reset -q --hard HEAD~1")
	s.says(s.accepted("bob", "second", start+":refs/heads/main"), "the policy of github.com/acme/shop is in force")

	digest := s.delegate("coder")
	s.git("coder", "checkout -q -b agent/each")
	s.add("src/each", "1")
	s.signed("coder", "1", digest)
	s.refused("coder", "second", []string{"delegation-unresolved"}, "agent/each")
	s.accepted("coder", "second", "agent/each", bundleRef(digest))
	s.add("deploy/each", "2")
	s.signed("coder", "2", digest)
	s.says(s.refused("coder", "second", []string{"scope-path", "not-granted"}, "agent/each"), "human.alice → agent.coder")
	s.git("coder", "reset -q --hard HEAD~1")
	back := "+main:agent/each"
	s.says(s.refused("mallory", "second", []string{"pusher-unknown"}, back), s.pusher+".*mallory|mallory")
	s.says(s.refused("coder", "second", []string{"delegation-missing", "not-granted"}, back), s.pusher+` is "coder"`)
	s.refused("coder", "second", []string{"scope-action", "not-granted"}, "-o", "delegation="+digest, back)
	s.refused("coder", "second", []string{"delegation-missing", "not-granted", "approval-missing"}, ":agent/each")
	s.refused("mallory", "second", []string{"pusher-unknown"}, ":agent/each")
	s.accepted("alice", "second", back)
	s.accepted("bob", "second", ":agent/each")
}

func (s *served) bootstrap() {
	text, err := os.ReadFile(s.path("shop/policies.hcl"))
	if err != nil {
		s.t.Fatal(err)
	}
	// Before there is a policy nothing is enforced, and it says so.
	s.git("mallory", "checkout -q --orphan fresh")
	s.git("mallory", "rm -q -rf .")
	s.add("README", "x")
	s.git("mallory", "commit -q -m unsigned")
	s.says(s.accepted("mallory", "first", "fresh:refs/heads/main", "fresh:refs/heads/other"), "no policies.hcl yet, so that nothing is enforced")

	s.add("policies.hcl", string(text))
	for _, who := range []string{"bob", "mallory", "planner"} {
		s.signed(who, "First policy by "+who, "")
		s.says(s.refused(who, "first", nil, "fresh:main"), "must be signed by the root key of this server")
		s.git("alice", "reset -q --soft HEAD~1")
	}
	s.git("alice", "commit -q -m unsigned")
	out := s.refused("alice", "first", nil, "fresh:main")
	s.says(out, "is not signed")
	s.says(out, "hint: have the holder of SHA256:.* sign the commit at the head of the push")
	// A policy that comes and goes in one push would leave everybody locked out.
	s.git("alice", "rm -q policies.hcl")
	s.git("alice", "commit -q -m gone")
	s.says(s.refused("mallory", "first", nil, "fresh:main"), "policies.hcl")
	s.git("alice", "reset -q --hard HEAD~2")
	// Not valid: it would lock everybody out, whoever signed it.
	s.add("policies.hcl", "nonsense {}\n")
	s.signed("alice", "Broken", "")
	s.says(s.refused("alice", "first", nil, "fresh:main"), "policies.hcl is not valid")
	s.git("alice", "reset -q --hard HEAD~1")
	// Signed by the root key, for another repository: taken from there by somebody who may push here.
	s.named("first", "github.com/acme/other")
	s.add("policies.hcl", string(text))
	s.signed("alice", "Policy of another repository", "")
	s.says(s.refused("mallory", "first", nil, "fresh:main"), "it rules github.com/acme/shop, and this is github.com/acme/other")
	s.git("alice", "reset -q --hard HEAD~1")
	s.named("first", "github.com/acme/shop")
	// Signed by the root key, beside another ref.
	s.add("policies.hcl", string(text))
	s.signed("alice", "First policy", "")
	s.says(s.accepted("bob", "first", "fresh:main", "fresh~1:refs/heads/third"), "the policy of github.com/acme/shop is in force from now on")
	s.git("mallory", "commit -q --allow-empty -m unsigned")
	s.refused("alice", "first", []string{"unsigned"}, "fresh:main")
	s.git("alice", "reset -q --hard HEAD~1")
	// From then on a push that takes the policy away is refused, a human's too.
	s.git("alice", "rm -q policies.hcl")
	s.signed("alice", "Gone", "")
	s.refused("alice", "first", []string{"policy-lost"}, "fresh:main")
	s.git("alice", "reset -q --hard HEAD~1")
	s.add("policies.hcl", string(text)+"nonsense {}\n")
	s.signed("alice", "Broken", "")
	s.says(s.refused("alice", "first", []string{"policy-lost"}, "fresh:main"), "nonsense")
	s.git("alice", "reset -q --hard HEAD~1")
	s.add("policies.hcl", strings.Replace(string(text), "acme/shop", "acme/other", 1))
	s.signed("alice", "Another repository's", "")
	s.says(s.refused("alice", "first", []string{"policy-lost"}, "fresh:main"), "it rules github.com/acme/other")
	s.git("alice", "reset -q --hard HEAD~1")
	s.refused("alice", "first", []string{"policy-lost"}, ":main")
	s.refused("alice", "first", []string{"policy-lost"}, "+fresh~1:main")
	// On another branch it is no loss.
	s.git("alice", "rm -q policies.hcl")
	s.signed("alice", "Gone", "")
	s.accepted("alice", "first", "fresh:refs/heads/without")
	s.git("alice", "reset -q --hard HEAD~1")
	// Lost all the same, by an administrator: everything is refused.
	s.git("alice", "--git-dir="+s.gitDir("first")+" update-ref refs/heads/main refs/heads/without")
	s.says(s.refused("alice", "first", nil, "fresh:refs/heads/x"), "had a policies.hcl and has none now")
}

func (s *served) commits() {
	digest := s.delegate("coder")
	s.accepted("alice", "shop", bundleRef(digest))
	s.git("coder", "checkout -q -b agent/pay")
	s.add("src/a.go", "a")
	first := s.signed("coder", "A", digest)
	s.accepted("coder", "shop", "agent/pay")
	// Whoever carries it: the commit is judged by its signature.
	s.add("src/b.go", "b")
	s.signed("coder", "B", digest)
	s.accepted("bob", "shop", "agent/pay")

	s.add("deploy/x", "x")
	s.signed("coder", "C", digest)
	out := s.refused("coder", "shop", []string{"scope-path", "not-granted"}, "agent/pay")
	s.says(out, `Commit [0-9a-f]{10} may not be pushed to refs/heads/agent/pay`)
	s.says(out, `human\.alice → agent\.coder \(minted\)`)
	s.git("coder", "reset -q --hard HEAD~1")
	// What an agent writes is shown inert.
	s.add("deploy/x", "x")
	s.signed("coder", "\x1b[31mred\u202e and ::error::more", digest)
	out = s.refused("coder", "shop", []string{"scope-path", "not-granted"}, "agent/pay")
	if strings.ContainsAny(out, "\x1b\u202e") {
		s.t.Errorf("not inert: %q", out)
	}
	s.git("coder", "reset -q --hard HEAD~1")
	// Out of scope in the middle and undone at the end.
	s.add("deploy/x", "x")
	s.signed("coder", "C", digest)
	s.git("coder", "rm -q deploy/x")
	s.signed("coder", "D", digest)
	s.refused("coder", "shop", []string{"scope-path", "not-granted"}, "agent/pay")
	s.git("coder", "reset -q --hard HEAD~2")

	s.add("src/c.go", "c")
	s.git("coder", "-c core.hooksPath=/dev/null commit -q -m unsigned")
	s.refused("coder", "shop", []string{"unsigned"}, "agent/pay")
	s.refused("alice", "shop", []string{"unsigned"}, "agent/pay")
	s.refused("mallory", "shop", []string{"unsigned", "pusher-unknown"}, "agent/pay")
	s.git("coder", "reset -q --soft HEAD~1")
	s.signed("mallory", "M", "")
	s.refused("mallory", "shop", []string{"unknown-key", "pusher-unknown"}, "agent/pay")
	s.git("coder", "reset -q --soft HEAD~1")
	s.signed("mallory", "M", digest)
	s.refused("coder", "shop", []string{"unknown-key"}, "agent/pay")
	s.git("coder", "reset -q --soft HEAD~1")
	s.signed("coder", "E", digest)
	s.refused("coder", "shop", []string{"scope-branch", "not-granted"}, "agent/pay:main")
	// Two refs: one that is fine does not get through with one that is not.
	out = s.refused("coder", "shop", []string{"scope-branch", "not-granted"}, "agent/pay", "agent/pay:refs/heads/release")
	s.says(out, "refs/heads/release")
	s.accepted("coder", "shop", "agent/pay", "agent/pay:refs/heads/agent/two")
	// The server's clock counts.
	s.at(10 * time.Minute)
	s.add("src/d.go", "d")
	s.signed("coder", "F", digest)
	s.says(s.refused("coder", "shop", []string{"delegation-expired"}, "agent/pay"), `remit resign [0-9a-f]{10}\.\.HEAD`)
	s.at(0)
	s.accepted("coder", "shop", "agent/pay")
	// What the server has already is not judged again.
	s.at(time.Hour)
	s.accepted("alice", "shop", first+":refs/heads/agent/old")
	s.at(0)
	// A human's own commits, signed.
	s.git("alice", "checkout -q main")
	s.add("README", "by alice")
	s.signed("alice", "Readme", "")
	s.accepted("alice", "shop", "main")
	s.git("alice", "reset -q --hard HEAD~1")
}

func (s *served) moves() {
	digest := s.delegate("coder")
	s.accepted("alice", "shop", bundleRef(digest))
	s.git("coder", "checkout -q -f -b agent/moves main")
	s.add("src/m1", "1")
	s.signed("coder", "1", digest)
	s.add("src/m2", "2")
	s.signed("coder", "2", digest)
	s.accepted("coder", "shop", "agent/moves")
	// Forced back: an act of whoever pushes, whom the server names.
	back := "+agent/moves~1:agent/moves"
	s.says(s.refused("mallory", "shop", []string{"pusher-unknown"}, back), `mallory`)
	s.refused("coder", "shop", []string{"delegation-missing", "not-granted"}, back)
	s.refused("coder", "shop", []string{"not-granted", "scope-action"}, "-o", "delegation="+digest, back)
	// By its beginning, as lists show it, and by one with which none begins, or that could be any.
	s.refused("coder", "shop", []string{"not-granted", "scope-action"}, "-o", "delegation="+digest[:len("sha256:")+12], back)
	s.says(s.refused("coder", "shop", []string{"delegation-unresolved"}, "-o", "delegation=sha256:000000000000", back), "Name it whole")
	s.says(s.refused("coder", "shop", []string{"delegation-unresolved"}, "-o", "delegation=sha256:", back), "Name it whole")
	// One that comes in with the push that names it, and one that does not.
	late := s.delegate("coder")
	s.refused("coder", "shop", []string{"delegation-unresolved"}, "-o", "delegation="+late, back)
	s.refused("coder", "shop", []string{"not-granted", "scope-action"}, "-o", "delegation="+late[:len("sha256:")+12], back, bundleRef(late))
	s.refused("coder", "shop", []string{"not-granted", "scope-action"}, "-o", "delegation="+late, back, bundleRef(late))
	s.refused("planner", "shop", []string{"delegation-missing", "not-granted"}, back)
	s.refused("bot", "shop", []string{"not-granted"}, back)
	s.refused("coder", "shop", []string{"delegation-unresolved"}, "-o", "delegation=sha256:"+strings.Repeat("0", 64), back)
	s.refused("planner", "shop", []string{"key-not-allowed"}, "-o", "delegation="+digest, back)
	s.accepted("alice", "shop", back)
	// Forced onto new commits.
	s.git("coder", "checkout -q -f -b agent/else main")
	s.add("src/m3", "3")
	s.signed("coder", "3", digest)
	s.refused("coder", "shop", []string{"not-granted", "scope-action"}, "+agent/else:agent/moves")
	s.accepted("bob", "shop", "+agent/else:agent/moves")
	// Deleted.
	s.refused("mallory", "shop", []string{"pusher-unknown"}, ":agent/moves")
	s.refused("coder", "shop", []string{"delegation-missing", "not-granted", "approval-missing"}, ":agent/moves")
	s.refused("coder", "shop", []string{"not-granted", "scope-action", "approval-missing"}, "-o", "delegation="+digest, ":agent/moves")
	s.accepted("alice", "shop", ":agent/moves")
	// Moved onto commits that are there: a new branch, by an agent.
	s.refused("planner", "shop", []string{"delegation-missing", "not-granted"}, "main:refs/heads/agent/plan")
	s.refused("mallory", "shop", []string{"pusher-unknown"}, "main:refs/heads/mine")
	s.accepted("alice", "shop", "main:refs/heads/agent/plan")
	// The bot has a standing grant for one branch.
	s.accepted("alice", "shop", "main:refs/heads/agent/log")
	s.git("bot", "checkout -q -f -b agent/log main")
	s.add("CHANGELOG.md", "# Changes\n\nOne.\n")
	s.signed("bot", "Log", "")
	s.accepted("bot", "shop", "agent/log")
	s.accepted("bot", "shop", "+main:agent/log")
	s.refused("bot", "shop", []string{"not-granted", "approval-missing", "delegation-missing"}, ":agent/log")
	s.refused("bot", "shop", []string{"not-granted"}, "+agent/log:main")
	// Names that are not what they seem.
	s.refused("alice", "shop", []string{"ref-unsafe"}, "main:refs/heads/refs/heads/main")
	s.refused("alice", "shop", []string{"ref-unsafe"}, "main^{tree}:refs/tags/tree")
	// Tags.
	s.git("alice", "checkout -q main")
	s.git("alice", "tag light")
	s.refused("coder", "shop", []string{"delegation-missing", "not-granted"}, "light")
	s.accepted("alice", "shop", "light")
	s.git("mallory", "tag -a -m unsigned annotated")
	s.refused("alice", "shop", []string{"unsigned"}, "annotated")
	s.git("alice", "-c gpg.format=ssh -c gpg.ssh.program=remit -c user.signingkey="+s.path("home/alice/keys/alice.pub")+" tag -s -m mine v1")
	s.accepted("alice", "shop", "v1")
	s.refused("coder", "shop", []string{"delegation-missing", "not-granted", "approval-missing"}, ":v1")
}

func (s *served) delegations() {
	// Published in the push that needs it.
	digest := s.delegate("coder", "--path", "src/one/**")
	s.git("coder", "checkout -q -f -b agent/del main")
	s.add("src/d1", "1")
	s.signed("coder", "1", digest)
	s.says(s.refused("coder", "shop", []string{"delegation-unresolved"}, "agent/del"), "refs/remit/delegations/")
	s.accepted("coder", "shop", "agent/del", bundleRef(digest))
	// Again is nothing, and anything else is refused, for everybody.
	s.accepted("coder", "shop", bundleRef(digest))
	other := s.delegate("coder", "--path", "src/two/**")
	from, _, _ := strings.Cut(bundleRef(other), ":")
	_, to, _ := strings.Cut(bundleRef(digest), ":")
	for _, who := range []string{"alice", "coder"} {
		s.refused(who, "shop", []string{"delegation-ref"}, "+"+from+":"+to)
		s.refused(who, "shop", []string{"delegation-ref"}, ":"+to)
		s.refused(who, "shop", []string{"delegation-ref"}, "main:refs/remit/delegations/"+strings.Repeat("0", 64))
		s.refused(who, "shop", []string{"delegation-ref"}, from+":refs/remit/delegations/"+strings.Repeat("0", 64))
		s.refused(who, "shop", []string{"delegation-ref"}, from+":refs/remit/elsewhere")
	}
	// Nobody needs a name to publish one: it carries no authority of its own.
	s.accepted("mallory", "shop", bundleRef(other))
	// A forged one may not: it has the digest of what alice would have signed. What names it is refused.
	forged := s.store(delegationtest.Bundle(s.t, "human.alice", delegationtest.Step{To: "agent.coder", Signer: delegationtest.Signer("human.mallory")}))
	s.refused("mallory", "shop", []string{"delegation-ref"}, bundleRef(forged))
	s.add("src/d3", "3")
	s.signed("coder", "3", forged)
	s.refused("coder", "shop", []string{"delegation-forged", "delegation-ref"}, "agent/del", bundleRef(forged))
	s.git("coder", "reset -q --hard HEAD~1")
	// Inline it needs no ref at all.
	inline := s.delegate("coder", "--inline")
	s.add("src/d2", "2")
	s.signed("coder", "2", inline)
	s.accepted("coder", "shop", "agent/del")
}

// store puts a bundle at the ref of its digest, whatever is wrong with it.
func (s *shop) store(bundle []byte) string {
	s.t.Helper()
	chain, err := delegation.ParseBundle(bundle)
	if err != nil {
		s.t.Fatal(err)
	}
	r := s.run("alice", "shop", []string{"<" + string(bundle)}, "git", "hash-object", "-w", "--stdin")
	s.git("alice", "update-ref "+delegation.RefName(chain.Digest())+" "+strings.TrimSpace(r.stdout))
	return chain.Digest()
}
