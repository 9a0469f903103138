package githubdouble

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bench is a bare repository, a fork of it, and a work tree that pushes to both.
type bench struct {
	t                *testing.T
	bare, fork, work string
}

func newBench(t *testing.T) bench {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	b := bench{t, filepath.Join(dir, "shop.git"), filepath.Join(dir, "fork.git"), filepath.Join(dir, "work")}
	for _, d := range []string{b.bare, b.fork} {
		b.run(dir, "init", "--quiet", "--bare", "--initial-branch=main", d)
	}
	b.run(dir, "init", "--quiet", "--initial-branch=main", b.work)
	b.commit("first", "README", "hello\n")
	b.run(b.work, "push", "--quiet", b.bare, "main")
	return b
}

func (b bench) run(dir string, args ...string) string {
	b.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_AUTHOR_NAME=Alice", "GIT_AUTHOR_EMAIL=alice@example.com", "GIT_AUTHOR_DATE=2026-11-01T10:00:00Z",
		"GIT_COMMITTER_NAME=Alice", "GIT_COMMITTER_EMAIL=alice@example.com", "GIT_COMMITTER_DATE=2026-11-01T10:00:00Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit makes a commit in the work tree and returns its id.
func (b bench) commit(message, file, content string) string {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.work, file), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.run(b.work, "add", "--all")
	b.run(b.work, "commit", "--quiet", "--message", message)
	return b.run(b.work, "rev-parse", "HEAD")
}

func TestGitSide(t *testing.T) {
	b := newBench(t)
	b.run(b.work, "checkout", "--quiet", "-b", "agent/cart")
	one := b.commit("one", "a b.go", "package a\n")
	b.run(b.work, "mv", "README", "READ ME")
	two := b.commit("two", "new.go", "package b\n\n// x\n")
	b.run(b.work, "push", "--quiet", b.bare, "agent/cart")

	s := shop()
	s.Repositories = []*Repository{{
		ID: 1, Name: "acme/shop", GitDir: b.bare, GitPusher: "coder", Roles: map[string]string{"alice": "admin"},
		PullRequests: []*PullRequest{{Number: 1, Author: "coder", HeadRef: "agent/cart"}},
	}}
	d := Start(t, s)
	get := func(path string) reply {
		t.Helper()
		return ask(t, d, "alice-token", "GET", "/repos/acme/shop"+path, "")
	}

	get("/pulls/1").want(t, 200, two, `"commits":2`, `"changed_files":3`, `"additions":4`)
	commits := get("/pulls/1/commits").want(t, 200, `"login":"alice"`, `"reason":"unsigned"`).list(t)
	if len(commits) != 2 || commits[0]["sha"] != one || commits[1]["commit"].(object)["message"] != "two" {
		t.Errorf("%v", commits)
	}
	get("/pulls/1/files").want(t, 200, `"filename":"a b.go"`, `"previous_filename":"README"`, `"status":"renamed"`, `"status":"added"`)
	if head := b.run(b.work, "ls-remote", b.bare, "refs/pull/1/head"); !strings.HasPrefix(head, two) {
		t.Errorf("refs/pull/1/head: %s", head)
	}

	// What is pushed with git is seen at once, as the pusher's.
	three := b.commit("three", "new.go", "package c\n")
	b.run(b.work, "push", "--quiet", b.bare, "agent/cart")
	get("/pulls/1").want(t, 200, three, `"commits":3`)
	get("/activity?per_page=1").want(t, 200, `"activity_type":"push"`, two, three, `"login":"coder"`)
	b.run(b.work, "reset", "--quiet", "--hard", one)
	four := b.commit("four", "other.go", "package d\n")
	b.run(b.work, "push", "--quiet", "--force", b.bare, "agent/cart")
	get("/activity?per_page=1").want(t, 200, `"activity_type":"force_push"`, four)
	get("/issues/1/events").want(t, 200, "head_ref_force_pushed", four)

	// Refs made through the API are in the repository, and the other way round.
	const refs, nonce = "/repos/acme/shop/git/refs", "refs/tags/remit/requests/n"
	body := fmt.Sprintf(`{"ref":%q,"sha":%q}`, nonce, one)
	ask(t, d, "app-token", "POST", refs, body).want(t, 201)
	ask(t, d, "app-token", "POST", refs, body).want(t, 422, "already exists")
	if at := b.run(b.bare, "rev-parse", nonce); at != one {
		t.Errorf("%s is at %s", nonce, at)
	}
	b.run(b.bare, "update-ref", "refs/tags/remit/requests/m", one)
	ask(t, d, "app-token", "POST", refs, strings.Replace(body, "requests/n", "requests/m", 1)).want(t, 422, "already exists")
	ask(t, d, "app-token", "POST", refs, fmt.Sprintf(`{"ref":"refs/tags/x","sha":%q}`, sha("9"))).want(t, 422, "Object does not exist")
	b.run(b.work, "tag", "--annotate", "--message=x", "v1")
	b.run(b.work, "push", "--quiet", b.bare, "v1")
	get("/git/ref/tags/v1").want(t, 200, `"type":"tag"`)

	// A merge is a real merge commit by the forge.
	d.Merge("acme/shop", 1, "alice", "")
	merge := d.Refs("acme/shop")["refs/heads/main"]
	get("/pulls/1").want(t, 200, `"merged":true`, merge, `"commits":2`)
	if parents := b.run(b.bare, "log", "-1", "--format=%P %an %cn", "main"); parents != b.run(b.work, "rev-parse", "main")+" "+four+" alice GitHub" {
		t.Errorf("merge: %s", parents)
	}
	get("/commits/"+one+"/pulls").want(t, 200, `"number":1`)
	get("/activity?ref=main").want(t, 200, "pr_merge", merge)
}

func TestGitFork(t *testing.T) {
	b := newBench(t)
	b.run(b.work, "push", "--quiet", b.fork, "main")
	s := shop()
	s.Repositories = []*Repository{
		{Name: "acme/shop", GitDir: b.bare},
		{Name: "mallory/shop", GitDir: b.fork, GitPusher: "mallory", ForkOf: "acme/shop"},
	}
	d := Start(t, s)
	b.run(b.work, "checkout", "--quiet", "-b", "fix")
	fix := b.commit("fix", "fix.go", "package fix\n")
	b.run(b.work, "push", "--quiet", b.fork, "fix")
	ask(t, d, "alice-token", "POST", "/repos/acme/shop/pulls", `{"title":"t","head":"mallory:fix","base":"main"}`).want(t, 201, fix, `"commits":1`)
	again := b.commit("again", "fix.go", "package again\n")
	b.run(b.work, "push", "--quiet", b.fork, "fix")
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/1", "").want(t, 200, again, `"commits":2`)
	ask(t, d, "alice-token", "GET", "/repos/mallory/shop/activity?ref=fix&per_page=1", "").want(t, 200, again, "mallory")
	if at := b.run(b.bare, "rev-parse", "refs/pull/1/head"); at != again {
		t.Errorf("refs/pull/1/head is at %s, want %s", at, again)
	}
}

// The raw commit's signature and what it covers come apart as git computes them.
func TestParseCommit(t *testing.T) {
	const raw = "tree 1\nparent 2\nauthor A B <a@b> 1700000000 +0100\ncommitter C <c@d> 1700000001 +0000\ngpgsig -----BEGIN\n \n abc\n -----END\n\nsubject\n\nbody\n"
	c := parseCommit(sha("a"), raw)
	if c.Name != "A B" || c.Email != "a@b" || c.Date.Unix() != 1700000000 || c.Message != "subject\n\nbody" || c.Reason != "unknown_key" {
		t.Errorf("%+v", c)
	}
	if c.Signature != "-----BEGIN\n\nabc\n-----END\n" {
		t.Errorf("signature %q", c.Signature)
	}
	if want := "tree 1\nparent 2\nauthor A B <a@b> 1700000000 +0100\ncommitter C <c@d> 1700000001 +0000\n\nsubject\n\nbody\n"; c.Payload != want {
		t.Errorf("payload %q", c.Payload)
	}
}
