//go:build unix

package gitbranch_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
)

// Appending by a program that has nothing of the log takes as many requests and about as many bytes however long it is.
func TestRemoteAppendIsFlat(t *testing.T) {
	t.Parallel()
	dir, server := served(t)
	l := begun(t, dir, 0)
	var first, most int64
	n := 0
	for _, size := range []int{300, 3000} {
		for ; n < size; n += 300 {
			logtest.Append(t, l, logtest.Entries(t, n, n+300)...)
		}
		server.Take()
		logtest.Append(t, logtest.Log(t, remote(t, dir, server)), logtest.Entry(t, n, ""))
		n++
		requests, sent := server.Take()
		t.Logf("%d entries: %d requests, %d bytes", n-1, requests, sent)
		// Two lists of refs, three fetches, a push, of two requests each, one of them that is asked to log in.
		if requests > 14 {
			t.Errorf("%d entries: %d requests", n-1, requests)
		}
		if most = sent; first == 0 {
			first = sent
		}
	}
	// All folders of 3,000 entries have 200,000 bytes more. The index below two digits grows until it has all folders.
	if most > first+40_000 {
		t.Errorf("the longer log takes %d bytes, the shorter %d", most, first)
	}
}

// Servers that give less than is asked for are asked for less.
func TestServersThatGiveLess(t *testing.T) {
	t.Parallel()
	for name, config := range map[string][2]string{
		"nothing that is not named": {"uploadpackfilter.tree.maxDepth", "0"},
		"all folders":               {"uploadpackfilter.tree.allow", "false"},
		"no filters":                {"uploadpack.allowFilter", "false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, server := served(t)
			git(t, dir, "config", config[0], config[1])
			l := begun(t, dir, 300)
			far := logtest.Log(t, remote(t, dir, server))
			logtest.Append(t, far, logtest.Entry(t, 300, ""), logtest.Entry(t, 7, ""))
			logtest.Sound(t, far, 301)
			logtest.Append(t, logtest.Log(t, remote(t, dir, server)), logtest.Entry(t, 301, ""))
			logtest.Append(t, l, logtest.Entry(t, 302, ""))

			// And where somebody has spoiled it, it goes on from before that.
			work := filepath.Join(t.TempDir(), "work")
			git(t, filepath.Dir(dir), "clone", "-q", "-b", "_audit/log", dir, work)
			write(t, filepath.Join(work, "checkpoint"), "junk")
			git(t, work, "commit", "-qam", "junk")
			git(t, work, "push", "-q")
			logtest.Append(t, logtest.Log(t, remote(t, dir, server)), logtest.Entry(t, 303, ""))
			logtest.Sound(t, l, 304)

			store := remote(t, dir, server)
			add(t, &gitbranch.Spool{Store: opened(t, dir)}, logtest.Entry(t, 304, ""), "token")
			git(t, dir, "update-ref", gitbranch.SpoolPrefix+"junk", gitbranch.Branch)
			want(t, run(t, &gitbranch.Fold{Store: store, Log: logtest.Log(t, store), Attest: byToken}), gitbranch.Folded{Appended: 1, Junk: 1})
			logtest.Sound(t, l, 305)
			git(t, dir, "fsck", "--strict", "--no-dangling")
		})
	}
}

// A folder that the repository has lost is never taken for one that is not there yet: what is in it would be left out.
func TestALostFolder(t *testing.T) {
	t.Parallel()
	dir := bare(t)
	l := begun(t, dir, 3)
	for _, p := range packsIn(t, dir) { // a file for each object
		b, err := os.ReadFile(p)
		if err == nil {
			err = errors.Join(os.Remove(p), os.Remove(strings.TrimSuffix(p, ".pack")+".idx"))
		}
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("git", "-C", dir, "unpack-objects", "-q")
		cmd.Stdin = bytes.NewReader(b)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	logtest.Sound(t, in(t, dir), 3)
	id := git(t, dir, "rev-parse", gitbranch.Branch+":index")
	object := filepath.Join(dir, "objects", id[:2], id[2:])
	kept, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(object); err != nil {
		t.Fatal(err)
	}
	before := git(t, dir, "rev-parse", gitbranch.Branch)
	if _, _, err := in(t, dir).Append(t.Context(), nil, logtest.Entry(t, 3, "")); !errors.Is(err, log.ErrCorrupt) {
		t.Errorf("without its folder: %v", err)
	}
	if now := git(t, dir, "rev-parse", gitbranch.Branch); now != before {
		t.Errorf("it was appended beside what is lost")
	}
	write(t, object, string(kept))
	logtest.Append(t, l, logtest.Entry(t, 3, ""))
	logtest.Sound(t, l, 4)
}
