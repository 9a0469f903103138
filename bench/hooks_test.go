package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// site is where one coder works: a server's repository with the hook, a clone in which a delegation
// is in force, and a clone in which git signs with ssh-keygen and the same key.
type site struct {
	server, remit, plain repository

	delegation string
	pushed     string // the coder's last commit that the server has
	next       string // one that it has not: its objects are there, and no ref
}

// newSite makes a site on a history of so many commits.
func newSite(tb testing.TB, history int) site {
	tb.Helper()
	s := newShop(tb, history, 100)
	remit := build(tb).remit
	dir := tb.TempDir()
	at := func(name string, env ...string) repository {
		return repository{tb: tb, dir: filepath.Join(dir, name), env: env}
	}
	outside := at("")
	outside.run("git", "clone", "-q", "--bare", s.dir, "server.git")
	v := site{server: at("server.git", "PUSHER=coder"), remit: at("remit"), plain: at("plain"), delegation: s.delegation, pushed: s.head}
	v.server.run("git", "fetch", "-q", s.dir, "refs/remit/*:refs/remit/*")
	v.server.run(remit, "hooks", "install", "--server", "--root-key", keyFile("alice")+".pub", "--pusher-env", "PUSHER")
	for _, clone := range []repository{v.remit, v.plain} {
		outside.run("git", "clone", "-q", "-b", "agent/pay", v.server.dir, filepath.Base(clone.dir))
		clone.run("git", "fetch", "-q", "origin", "refs/remit/*:refs/remit/*")
	}
	v.remit.run(remit, "use", v.delegation)
	for _, kv := range [][2]string{{"commit.gpgSign", "true"}, {"user.signingKey", keyFile("coder") + ".pub"}} {
		v.plain.run("git", "config", kv[0], kv[1])
	}
	// A real push first, so that the remote is known to have the delegation.
	v.remit.env = []string{"PUSHER=coder"}
	v.commitIn(v.remit, 1)()
	v.remit.run("git", "push", "-q", "origin", "agent/pay")
	v.pushed = v.remit.run("git", "rev-parse", "HEAD")
	v.commitIn(v.remit, 2)()
	v.next = v.remit.run("git", "rev-parse", "HEAD")
	v.server.run("git", "fetch", "-q", v.remit.dir, "agent/pay") // FETCH_HEAD is no ref
	return v
}

// commitIn stages a change and returns what a commit of it takes.
func (v site) commitIn(r repository, n int) func() time.Duration {
	name := firstFile(r)
	return func() time.Duration {
		n++
		r.write(name, fmt.Sprintf("package x // change %d\n", n))
		r.run("git", "add", name)
		return r.process("", "git", "commit", "-q", "-m", fmt.Sprintf("Pay by card, change %d", n))()
	}
}

// firstFile is a file that the delegation covers.
func firstFile(r repository) string {
	name, _, _ := strings.Cut(r.run("git", "ls-files", "src"), "\n")
	return name
}

// BenchmarkHooks runs the hooks of a push of one commit, as git runs them, on histories of two
// lengths; what an empty process costs is taken off.
func BenchmarkHooks(b *testing.B) {
	for _, history := range []int{1000, 50_000} {
		b.Run(fmt.Sprintf("history=%d", history), func(b *testing.B) {
			v := newSite(b, history)
			p := build(b)
			ref := "refs/heads/agent/pay"
			out := fmt.Sprintf("%s %s %s %s\n", ref, v.next, ref, v.pushed)
			t := inTurn(b,
				v.server.process("", p.empty),
				v.remit.process(out, p.remit, "hook", "pre-push", "origin", v.server.dir),
				v.server.process(fmt.Sprintf("%s %s %s\n", v.pushed, v.next, ref), p.remit, "hook", "pre-receive"))
			report(b, t[1]-t[0], "pre-push-ms", t[2]-t[0], "pre-receive-ms", t[0], "empty-process-ms")
		})
	}
}

// BenchmarkCommit makes commits with our signer and hooks, and with ssh-keygen as git's signer.
func BenchmarkCommit(b *testing.B) {
	v := newSite(b, 1000)
	t := inTurn(b, v.commitIn(v.plain, 100), v.commitIn(v.remit, 100))
	report(b, t[0], "ssh-keygen-ms", t[1], "remit-ms", t[1]-t[0], "more-ms")
	if head := v.remit.run("git", "log", "-1", "--format=%G? %(trailers:key=Delegation,valueonly)"); head != "G "+v.delegation {
		b.Errorf("the commits are %q, not good and delegated", head)
	}
}

// payload is a file with what git hands over to be signed for a commit of what is staged.
func (v site) payload(tb testing.TB) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "payload")
	who := fmt.Sprintf("Coder <coder@shop.example> %d +0000", time.Now().Unix())
	text := fmt.Sprintf("tree %s\nparent %s\nauthor %s\ncommitter %s\n\nPay by card\n\nDelegation: %s\n",
		v.remit.run("git", "write-tree"), v.remit.run("git", "rev-parse", "HEAD"), who, who, v.delegation)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

// BenchmarkCommitHooks runs what git runs for a commit, one by one.
func BenchmarkCommitHooks(b *testing.B) {
	v := newSite(b, 1000)
	p := build(b)
	name := firstFile(v.remit)
	v.remit.write(name, "package x // staged\n")
	v.remit.run("git", "add", name)
	message := filepath.Join(b.TempDir(), "message")
	if err := os.WriteFile(message, []byte("Pay by card\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	payload := v.payload(b)
	quick := v.remit
	quick.env = append(quick.env, "GIT_EDITOR=:") // as git sets it for `commit -m`
	t := inTurn(b,
		v.remit.process("", p.empty),
		v.remit.process("", p.remit, "hook", "pre-commit"),
		quick.process("", p.remit, "hook", "prepare-commit-msg", message, "message"),
		v.remit.process("", p.remit, "-Y", "sign", "-n", "git", "-f", keyFile("coder")+".pub", payload),
		v.remit.process("", "ssh-keygen", "-Y", "sign", "-n", "git", "-f", keyFile("coder"), payload))
	report(b, t[1]-t[0], "pre-commit-ms", t[2]-t[0], "prepare-commit-msg-ms", t[3]-t[0], "sign-ms", t[4]-t[0], "ssh-keygen-ms", t[0], "empty-process-ms")
}

// BenchmarkPushBranches pushes 200 branches, each with a commit of its own, to a server with the hook from a clone with
// a delegation in force, and to a server without hooks from one without. They start at main, or at a branch with 100
// commits that is there already, all of which each of them brings along.
func BenchmarkPushBranches(b *testing.B) {
	const branches = 200
	for _, from := range []string{"main", "agent/pay"} {
		b.Run("from="+from, func(b *testing.B) {
			v := newSite(b, 1000)
			v.remit.run("git", "push", "-q", "origin", "agent/pay")
			v.remit.run("git", "switch", "-q", "-c", "agent/work", "origin/"+from)
			var refs, gone, forgotten strings.Builder
			commit := v.commitIn(v.remit, 1000)
			for i := range branches {
				v.remit.run("git", "reset", "-q", "--hard", "origin/"+from)
				commit()
				ref := fmt.Sprintf("agent/b%d", i)
				fmt.Fprintf(&refs, "create refs/heads/%s %s\n", ref, v.remit.run("git", "rev-parse", "HEAD"))
				fmt.Fprintf(&gone, "delete refs/heads/%s\n", ref)
				fmt.Fprintf(&forgotten, "delete refs/remotes/origin/%s\n", ref)
			}
			v.remit.input(refs.String(), "git", "update-ref", "--stdin")
			plain := repository{tb: b, dir: v.plain.dir}
			bare := repository{tb: b, dir: filepath.Join(b.TempDir(), "bare.git")}
			plain.run("git", "clone", "-q", "--bare", v.server.dir, bare.dir)
			plain.run("git", "remote", "set-url", "origin", bare.dir)
			plain.run("git", "fetch", "-q", v.remit.dir, "refs/heads/agent/*:refs/heads/agent/*", "--update-head-ok")
			push := func(from, to repository) func() time.Duration {
				p := from.process("", "git", "push", "-q", "origin", "refs/heads/agent/b*:refs/heads/agent/b*")
				return func() time.Duration {
					defer func() {
						to.input(gone.String(), "git", "update-ref", "--stdin")
						from.input(forgotten.String(), "git", "update-ref", "--stdin")
					}()
					return p()
				}
			}
			t := inTurn(b, push(plain, bare), push(v.remit, v.server))
			report(b, t[0], "without-ms", t[1], "remit-ms", ratio(t[1], t[0]), "x-slower")
		})
	}
}
