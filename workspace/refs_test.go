package workspace

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/delegation"
)

func TestDefaultBranch(t *testing.T) {
	w := newWorld(t)
	branches := func(want string) {
		t.Helper()
		found, err := Find(w.env)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []*Workspace{found, w.open()} { // asked of git, and of the objects
			if got := at.DefaultBranch(t.Context()); got != want {
				t.Errorf("it is %q, want %q", got, want)
			}
		}
	}
	branches("")
	w.origin()
	branches("refs/heads/main")
	w.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/release/1.0")
	branches("refs/heads/release/1.0")
	w.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/other/main")
	branches("")
	if got := w.open().DefaultBranchOf(t.Context(), "other"); got != "" {
		t.Errorf("the other's is %q", got)
	}
	w.git("symbolic-ref", "refs/remotes/other/HEAD", "refs/remotes/other/trunk")
	if got := w.open().DefaultBranchOf(t.Context(), "other"); got != "refs/heads/trunk" {
		t.Errorf("the other's is %q", got)
	}
}

func TestTips(t *testing.T) {
	w := newWorld(t)
	first := w.git("rev-parse", "HEAD")
	at := w.open()
	if got := at.Tips("refs/heads/main"); !slices.Equal(got, []string{first}) {
		t.Errorf("without origin: %q", got)
	}
	w.origin()
	second := w.commit("second")
	at = w.open()
	if got := at.Tips("refs/heads/main"); !slices.Equal(got, []string{first, second}) {
		t.Errorf("ahead of origin: %q", got)
	}
	if got := at.Tip("refs/heads/main"); got != first {
		t.Errorf("as last seen at origin: %q", got)
	}
	if got := at.LocalFirst("refs/heads/main"); got != "refs/heads/main" {
		t.Errorf("local first: %q", got)
	}
	if got := at.LocalFirst("refs/heads/none"); got != "refs/remotes/origin/none" {
		t.Errorf("without a local one: %q", got)
	}
	if got := at.Tip("refs/heads/none"); got != "" || at.Tips("refs/heads/none") != nil {
		t.Errorf("of no branch: %q", got)
	}
}

func TestRefOf(t *testing.T) {
	w := newWorld(t)
	first := w.git("rev-parse", "HEAD")
	w.origin()
	second := w.commit("second") // not pushed
	w.git("tag", "v1", first)
	w.git("checkout", "-q", "-b", "agent/pay", first)
	third := w.commit("third")
	w.git("checkout", "-q", "-b", "agent/other", first)
	for _, c := range []struct{ rev, commit, want string }{
		{"main", second, "refs/heads/main"},
		{"main", first, "refs/heads/main"}, // where origin has it
		{"origin/main", first, "refs/heads/main"},
		{"refs/remotes/origin/main", first, "refs/heads/main"},
		{"refs/heads/agent/pay", third, "refs/heads/agent/pay"},
		{"v1", first, "refs/tags/v1"},
		{"agent/pay", first, "refs/heads/main"}, // the name leads elsewhere, and the default branch holds it
		{first, first, "refs/heads/main"},
		{"origin/HEAD", first, "refs/heads/main"},
		{third, third, ""}, // on a branch that nobody named
	} {
		if got := w.open().RefOf(t.Context(), c.rev, c.commit); got != c.want {
			t.Errorf("%s at %s is on %q, want %q", c.rev, c.commit, got, c.want)
		}
	}
	w.git("checkout", "-q", "agent/pay")
	if got := w.open().RefOf(t.Context(), third, third); got != "refs/heads/agent/pay" {
		t.Errorf("on the branch that is checked out it is on %q", got)
	}
	w.git("checkout", "-q", "--detach")
	if got := w.open().RefOf(t.Context(), third, third); got != "" {
		t.Errorf("with none checked out it is on %q", got)
	}
}

func TestBranchNamed(t *testing.T) {
	w := newWorld(t)
	w.origin()
	w.git("branch", "agent/pay")
	w.git("update-ref", "refs/remotes/origin/agent/there", "HEAD")
	w.git("tag", "v1")
	for rev, want := range map[string]string{
		"main": "refs/heads/main", "refs/heads/main": "refs/heads/main", "origin/main": "refs/heads/main", "agent/pay": "refs/heads/agent/pay",
		"refs/remotes/origin/agent/there": "refs/heads/agent/there", "agent/there": "", "v1": "", "HEAD": "", "main~1": "", "agent": "", "": "",
		"origin": "refs/heads/main", "origin/HEAD": "refs/heads/main", "refs/remotes/origin/HEAD": "refs/heads/main", "origin/agent/there": "refs/heads/agent/there",
	} {
		if got := w.open().BranchNamed(rev); got != want {
			t.Errorf("%q names %q, want %q", rev, got, want)
		}
	}
}

func TestSubject(t *testing.T) {
	w := newWorld(t)
	for message, want := range map[string]string{"one": "one", "one\n\nmore": "one", "  one \n": "one"} {
		w.git("commit", "-q", "--allow-empty", "--cleanup=verbatim", "-m", message)
		if got := w.open().Subject(w.git("rev-parse", "HEAD")); got != want {
			t.Errorf("%q has the subject %q", message, got)
		}
	}
	for _, id := range []string{w.git("rev-parse", "HEAD^{tree}"), strings.Repeat("0", 40), ""} {
		if got := w.open().Subject(id); got != "" {
			t.Errorf("%q has the subject %q", id, got)
		}
	}
}

func TestPublish(t *testing.T) {
	w := newWorld(t)
	coder, tester := w.delegate("agent.coder"), w.delegate("agent.tester")
	at := w.open()
	if err := at.Publish(t.Context(), coder.Digest()); !errors.Is(err, ErrNoOrigin) {
		t.Errorf("without origin: %v", err)
	}
	w.origin()
	url := w.path("origin.git")
	there := func(c delegation.Chain) bool {
		_, err := os.Stat(filepath.Join(url, filepath.FromSlash(delegation.RefName(c.Digest()))))
		return err == nil
	}
	if err := at.Publish(t.Context(), coder.Digest()); err != nil || !there(coder) || there(tester) {
		t.Errorf("%v; it is there: %v; the other: %v", err, there(coder), there(tester))
	}
	// What was published is remembered: a push of only that asks nobody.
	if err := os.Rename(url, url+".away"); err != nil {
		t.Fatal(err)
	}
	if err := at.PublishNew(t.Context(), "origin", url, []string{coder.Digest()}); err != nil {
		t.Errorf("again: %v", err)
	}
	for what, err := range map[string]error{
		"the other":      at.PublishNew(t.Context(), "origin", url, []string{coder.Digest(), tester.Digest()}),
		"to another URL": at.PublishNew(t.Context(), "origin", url+".git", []string{coder.Digest()}),
		"asked for":      at.Publish(t.Context(), coder.Digest()),
	} {
		if err == nil || errors.Is(err, ErrNoOrigin) {
			t.Errorf("%s, with origin away: %v", what, err)
		}
	}
	if err := os.Rename(url+".away", url); err != nil {
		t.Fatal(err)
	}
	if err := at.PublishNew(t.Context(), "origin", url, []string{coder.Digest(), tester.Digest()}); err != nil || !there(tester) {
		t.Errorf("the other: %v", err)
	}
}
