package gitrepo

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remit-sh/remit/evidence"
)

// allGaps are those of the collection and of its commits.
func allGaps(c *Collected) []evidence.Gap {
	gaps := c.Gaps
	for _, commit := range c.Commits {
		gaps = append(gaps, commit.Gaps...)
	}
	return gaps
}

// wantGap fails unless there is a history gap that names the object and gives the advice.
func wantGap(t *testing.T, c *Collected, object, fix string) {
	t.Helper()
	wantGapOf(t, evidence.GapHistory, c, object, fix)
}

func wantGapOf(t *testing.T, kind evidence.GapKind, c *Collected, object, fix string) {
	t.Helper()
	for _, g := range allGaps(c) {
		if g.Kind == kind && strings.Contains(g.What+g.Detail, object) && strings.Contains(g.Fix, fix) {
			return
		}
	}
	t.Errorf("no gap names %s and says %q: %+v", object, fix, allGaps(c))
}

func TestShallow(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		var commits []string
		for i := range 6 {
			commits = append(commits, r.commit(fmt.Sprint(i), "f", fmt.Sprint(i)))
		}
		head := commits[5]
		dir := filepath.Join(t.TempDir(), "clone")
		r.run("clone", "-q", "--depth", "3", "file://"+r.dir, dir)
		clone := r.in(dir)
		clone.t = t

		repo := clone.open()
		noGaps(t, collectRange(t, repo, commits[3], head, CollectOptions{}))
		wantGap(t, collectRange(t, repo, commits[1], head, CollectOptions{}), "the base commit "+commits[1], "git fetch origin "+commits[1])
		// The base is there and is not related as far as this clone knows.
		clone.run("fetch", "-q", "--depth", "1", "origin", commits[0])
		wantGap(t, collectRange(t, clone.open(), commits[0], head, CollectOptions{}), commits[2], "git fetch --unshallow")
		// The whole history ends too early as well.
		wantGap(t, collectRange(t, repo, "", head, CollectOptions{}), commits[2], "git fetch --unshallow")
		clone.run("fetch", "-q", "--unshallow")
		if c := collectRange(t, clone.open(), commits[0], head, CollectOptions{}); len(c.Commits) != 5 || len(allGaps(c)) != 0 {
			t.Errorf("after the advice: %d commits, gaps %+v", len(c.Commits), allGaps(c))
		}
		// A mark alone hides nothing.
		clone.write(".git/shallow", commits[4]+"\n")
		if c := collectRange(t, clone.open(), commits[0], head, CollectOptions{}); len(c.Commits) != 5 || len(allGaps(c)) != 0 {
			t.Errorf("with a false mark: %d commits, gaps %+v", len(c.Commits), allGaps(c))
		}
	})
}

func TestPartialClone(t *testing.T) {
	r := newTestRepo(t)
	root := r.commit("root", "a/f", "1\n", "a/g", "2\n")
	head := r.commit("change", "a/f", "3\n", "a/h", "4\n")
	r.run("config", "uploadpack.allowFilter", "true")
	fetched := func(c *testRepo) { // a lazy fetch would have made the objects appear
		c.t.Helper()
		if out := c.run("rev-list", "--objects", "--missing=print", "HEAD"); !strings.Contains(out, "?") {
			c.t.Error("something was fetched")
		}
	}
	clone := func(filter string) *testRepo {
		dir := filepath.Join(t.TempDir(), "clone")
		r.run("clone", "-q", "--no-checkout", "--filter="+filter, "file://"+r.dir, dir)
		c := r.in(dir)
		c.t = t
		return c
	}
	blobless := clone("blob:none")
	noGaps(t, collectRange(t, blobless.open(), root, head, CollectOptions{}))
	wantGap(t, collectRange(t, blobless.open(), root, head, CollectOptions{CountLines: true}), "the lines it changes", "--no-filter")
	if _, err := blobless.open().File(head, "a/f"); !errors.Is(err, ErrMissing) {
		t.Errorf("file: error %v", err)
	}
	fetched(blobless)
	treeless := clone("tree:0")
	c := collectRange(t, treeless.open(), root, head, CollectOptions{})
	wantGap(t, c, head, "git fetch --refetch --filter=blob:none")
	fetched(treeless)

	treeless.run("fetch", "-q", "--refetch", "--filter=blob:none")
	noGaps(t, collectRange(t, treeless.open(), root, head, CollectOptions{}))
	treeless.run("fetch", "-q", "--refetch", "--no-filter")
	c = collectRange(t, treeless.open(), root, head, CollectOptions{CountLines: true})
	noGaps(t, c)
	if c.Commits[0].Lines != 3 {
		t.Errorf("%d lines, want 3", c.Commits[0].Lines)
	}
}

// TestMergeInPartOfARepository: a merge that cannot be made again for want of objects says how to
// get them.
func TestMergeInPartOfARepository(t *testing.T) {
	r := newTestRepo(t)
	twoSides(r, []string{"f", tenLines}, []string{"f", "one\n" + tenLines[2:]}, []string{"f", strings.Replace(tenLines, "10", "ten", 1)})
	r.run("merge", "-q", "-m", "m", "side")
	head := r.head()
	r.run("config", "uploadpack.allowFilter", "true")
	for _, test := range []struct{ how, fix string }{{"--filter=blob:none", "--no-filter"}, {"--depth=2", "--unshallow"}} {
		dir := filepath.Join(t.TempDir(), "clone")
		r.run("clone", "-q", "--no-checkout", test.how, "file://"+r.dir, dir)
		clone := r.in(dir)
		c := collectRange(t, clone.open(), r.run("rev-parse", head+"^1"), head, CollectOptions{})
		if m := c.Commits[len(c.Commits)-1]; m.Merge == nil || m.Merge.Recomputed || !strings.Contains(m.Merge.Why, test.fix) {
			t.Errorf("%s: merge %+v", test.how, m.Merge)
		}
		clone.run("fetch", "-q", map[bool]string{true: "--refetch", false: "--unshallow"}[test.fix == "--no-filter"], "--no-filter")
		c = collectRange(t, clone.open(), r.run("rev-parse", head+"^1"), head, CollectOptions{})
		noGaps(t, c)
		if m := c.Commits[len(c.Commits)-1]; !m.Merge.Recomputed || len(m.Changes) != 0 {
			t.Errorf("%s, after the advice: merge %+v", test.how, m.Merge)
		}
	}
}

// TestCommitGraphIsNotBelieved: a commit-graph that claims other parents than the commits do changes
// neither the walk nor what a merge recomputes to.
func TestCommitGraphIsNotBelieved(t *testing.T) {
	r := newTestRepo(t)
	twoSides(r, []string{"f", tenLines}, []string{"f", "one\n" + tenLines[2:]}, []string{"f", strings.Replace(tenLines, "10", "ten", 1)})
	base := r.run("rev-parse", "HEAD^")
	r.commit("ours again", "lost", "1\n")
	r.run("rm", "-q", "lost")
	r.commit("and again")
	r.run("switch", "-q", "side")
	r.commit("theirs again", "h", "1\n")
	r.run("switch", "-q", "main")
	r.run("merge", "-q", "-m", "m", "side")
	head := r.head()
	r.run("commit-graph", "write", "--reachable")
	path := filepath.Join(r.gitDir(), "objects", "info", "commit-graph")
	graph, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A commit's record is its tree, its two parents, and its date: make all parents "none".
	const recordSize = sha1Size + 4 + 4 + 8
	chunk := bytes.Index(graph, []byte("CDAT")) // its offset follows, and then the next chunk's
	if chunk < 0 {
		t.Fatal("no commit data")
	}
	from, to := binary.BigEndian.Uint64(graph[chunk+4:]), binary.BigEndian.Uint64(graph[chunk+16:])
	for record := from; record < to; record += recordSize {
		copy(graph[record+20:], []byte{0x70, 0, 0, 0, 0x70, 0, 0, 0})
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, graph, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := r.run("rev-list", "--count", "HEAD"); got != "1" {
		t.Fatalf("git counts %s commits: the attack is not mounted", got)
	}
	c := collectRange(t, r.open(), base, head, CollectOptions{})
	noGaps(t, c)
	if m := c.Commits[len(c.Commits)-1]; len(c.Commits) != 6 || !m.Merge.Recomputed || len(m.Changes) != 0 {
		t.Errorf("%d commits, merge %+v, changes %s", len(c.Commits), m.Merge, changes(m))
	}
	if had, err := r.open().EverHad(t.Context(), head, "lost"); err != nil || !had {
		t.Errorf("ever had: %v, error %v", had, err)
	}
	if id, err := r.open().ResolveRevision("HEAD~1"); err != nil || id != c.Commits[5].Parents[0] {
		t.Errorf("HEAD~1 is %s, error %v", id, err)
	}
}

// loosePath is where an object lies; the repository must not be packed.
func loosePath(r *testRepo, id string) string {
	return filepath.Join(r.gitDir(), "objects", id[:2], id[2:])
}

// plant writes an object under a name that is not its own.
func plant(t *testing.T, objects, id, kind, content string) {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	fmt.Fprintf(z, "%s %d\x00%s", kind, len(content), content)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(objects, id[:2], id[2:])
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(path)
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestDamage(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		root := r.commit("root", "a/f", "1\n")
		middle := r.commit("middle", "a/f", "2\n")
		head := r.commit("head", "a/f", "3\n")
		tree := r.run("rev-parse", middle+":a")
		for _, test := range []struct {
			name   string
			object string
			damage func(path string)
			fix    string
		}{
			{"commit is missing", middle, func(path string) { _ = os.Remove(path) }, "fetch it"},
			{"tree is missing", tree, func(path string) { _ = os.Remove(path) }, "fetch it"},
			{"commit is garbage", middle, func(path string) { _ = os.Remove(path); _ = os.WriteFile(path, []byte("garbage"), 0o644) }, "git fsck"},
			{"tree is cut short", tree, func(path string) { _ = os.Chmod(path, 0o644); _ = os.Truncate(path, 20) }, "git fsck"},
			{"commit is empty", middle, func(path string) { _ = os.Chmod(path, 0o644); _ = os.Truncate(path, 0) }, "git fsck"},
			{"commit is another", middle, func(string) {
				plant(t, filepath.Join(r.gitDir(), "objects"), middle, "commit", r.run("cat-file", "commit", root)+"\n")
			}, "git fsck"},
			{"tree is a blob", tree, func(string) { plant(t, filepath.Join(r.gitDir(), "objects"), tree, "blob", "x") }, "git fsck"},
		} {
			t.Run(test.name, func(t *testing.T) {
				path := loosePath(r, test.object)
				saved, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				noGaps(t, collectRange(t, r.open(), root, head, CollectOptions{}))
				test.damage(path)
				c := collectRange(t, r.open(), root, head, CollectOptions{})
				wantGap(t, c, test.object, test.fix)
				_ = os.Remove(path)
				if err := os.WriteFile(path, saved, 0o644); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

func TestMalformedTree(t *testing.T) {
	r := newTestRepo(t)
	root := r.commit("root", "f", "1\n")
	blob := r.run("rev-parse", "HEAD:f")
	raw, err := parseHex(blob)
	if err != nil {
		t.Fatal(err)
	}
	entry := func(mode, name string) string { return mode + " " + name + "\x00" + string(raw) }
	for _, content := range []string{
		entry("100644", "b") + entry("100644", "a"),
		entry("100644", "a") + entry("100644", "a"),
		entry("0100644", "a"),
		entry("100644", "a/b"),
	} {
		tree := r.input(content, "hash-object", "--literally", "-w", "-t", "tree", "--stdin")
		head := r.run("commit-tree", tree, "-p", root, "-m", "bad")
		c := collectRange(t, r.open(), root, head, CollectOptions{})
		wantGapOf(t, evidence.GapMalformed, c, tree, "git fsck")
		if got := changes(c.Commits[0]); got != "" {
			t.Errorf("changes of which a part is known\n%s", got)
		}
	}
	// Names are facts, and go to the checker as they are.
	tree := r.input(entry("100644", "..")+entry("100644", ".git")+entry("100644", "a\\b"), "hash-object", "--literally", "-w", "-t", "tree", "--stdin")
	head := r.run("commit-tree", tree, "-p", root, "-m", "names")
	c := collectRange(t, r.open(), root, head, CollectOptions{})
	noGaps(t, c)
	if got := changes(c.Commits[0]); got != "0 100644 ..\n0 100644 .git\n0 100644 a\\b\n100644 0 f" {
		t.Errorf("changes\n%s", got)
	}
}

func parseHex(id string) ([]byte, error) {
	o, ok := parseOID(id)
	if !ok {
		return nil, errors.New("not an id")
	}
	return o.b[:o.n], nil
}

// TestDamagedPack flips and cuts bytes of a pack: whatever comes out is what was there before, or a
// gap.
func TestDamagedPack(t *testing.T) {
	r := newTestRepo(t)
	var commits []string
	content := strings.Repeat(tenLines, 20)
	for i := range 12 {
		content = strings.Replace(content, "5\n", fmt.Sprintf("five %d\n", i), 1)
		commits = append(commits, r.commit(fmt.Sprint(i), "a/f", content, fmt.Sprintf("a/%d", i), "x"))
	}
	for _, byOffset := range []string{"false", "true"} { // both ways to name the base of a delta
		r.run("-c", "repack.useDeltaBaseOffset="+byOffset, "repack", "-adfq", "--depth=20", "--window=20")
		noGaps(t, collectRange(t, r.open(), commits[0], commits[11], CollectOptions{CountLines: true}))
	}
	packs, err := filepath.Glob(filepath.Join(r.gitDir(), "objects", "pack", "*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatal(packs, err)
	}
	index := strings.TrimSuffix(packs[0], ".pack") + ".idx"
	want := collectRange(t, r.open(), commits[0], commits[11], CollectOptions{})
	noGaps(t, want)
	for _, path := range []string{packs[0], index} {
		saved, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		gaps := 0
		try := func(damaged []byte) {
			t.Helper()
			if err := os.WriteFile(path, damaged, 0o644); err != nil {
				t.Fatal(err)
			}
			c := collectRange(t, r.open(), commits[0], commits[11], CollectOptions{})
			if len(allGaps(c)) > 0 {
				gaps++
				return
			}
			if len(c.Commits) != 11 {
				t.Fatalf("%d commits and no gap", len(c.Commits))
			}
			for i := range c.Commits {
				if c.Commits[i].ID != want.Commits[i].ID || changes(c.Commits[i]) != changes(want.Commits[i]) {
					t.Fatalf("commit %s reads differently, and no gap", c.Commits[i].ID)
				}
			}
		}
		for cut := 0; cut < len(saved); cut += len(saved)/25 + 1 {
			try(saved[:cut])
		}
		if gaps == 0 {
			t.Errorf("%s: cutting it short was never noticed", filepath.Base(path))
		}
		gaps = 0
		for at := 0; at < len(saved); at += len(saved)/60 + 1 {
			damaged := bytes.Clone(saved)
			damaged[at] ^= 0x15
			try(damaged)
		}
		if gaps == 0 {
			t.Errorf("%s: a changed byte was never noticed", filepath.Base(path))
		}
		if err := os.WriteFile(path, saved, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReplacementsAndGrafts: git shows another history and other content; what is read is what the
// objects say.
func TestReplacementsAndGrafts(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		root := r.commit("root", "f", "1\n")
		evil := r.commit("evil", "evil", "1\n")
		head := r.commit("head", "f", "2\n")
		harmless := r.run("commit-tree", head+"^{tree}", "-p", root, "-m", "harmless")
		r.run("switch", "-q", "-c", "side", root)
		r.commit("side", "side", "1\n")
		merge := r.run("commit-tree", r.run("merge-tree", "--write-tree", head, "side"), "-p", head, "-p", "side", "-m", "m")
		r.run("replace", head, harmless)
		r.run("replace", r.run("rev-parse", evil+"^{tree}"), r.run("rev-parse", root+"^{tree}"))
		if got := r.run("rev-list", "--count", root+".."+head); got != "1" {
			t.Fatalf("git counts %s commits: the attack is not mounted", got)
		}
		c := collectRange(t, r.open(), root, head, CollectOptions{})
		noGaps(t, c)
		if len(c.Commits) != 2 || changes(c.Commits[0]) != "0 100644 evil" {
			t.Errorf("%d commits, the first changes %q", len(c.Commits), changes(c.Commits[0]))
		}
		r.run("replace", "-d", head)
		r.write(".git/info/grafts", head+" "+root+"\n")
		if got, _ := r.command("rev-list", "--count", root+".."+head).Output(); strings.TrimSpace(string(got)) != "1" {
			t.Fatalf("git counts %s commits: the attack is not mounted", got)
		}
		if c := collectRange(t, r.open(), root, head, CollectOptions{}); len(c.Commits) != 2 {
			t.Errorf("%d commits", len(c.Commits))
		}
		// Merges are made again from real history too.
		c = collectRange(t, r.open(), root, merge, CollectOptions{})
		noGaps(t, c)
		if m := c.Commits[len(c.Commits)-1]; len(m.Changes) != 0 {
			t.Errorf("the merge changes %q", changes(m))
		}
	})
}

func TestAlternates(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		root := r.commit("root", "f", "1\n")
		head := r.commit("head", "f", "2\n")
		top := t.TempDir()
		// a borrows from the repository, b from a by a relative path, and a from b again.
		a, b := filepath.Join(top, "a"), filepath.Join(top, "b: \"odd\" #name")
		r.run("clone", "-q", "--bare", "--shared", r.dir, a)
		r.run("clone", "-q", "--bare", "--shared", a, b)
		write := func(path, content string) {
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write(filepath.Join(b, "objects/info/alternates"), "# a comment\n\n../../a/objects\n/nowhere\n")
		write(filepath.Join(a, "objects/info/alternates"), r.gitDir()+"/objects\n\""+strings.ReplaceAll(b, `"`, `\"`)+"/objects\"\n")
		borrower := r.in(b)
		borrower.t = t
		repo := borrower.open()
		if len(repo.dirs) != 3 {
			t.Errorf("object directories %v", repo.dirs)
		}
		noGaps(t, collectRange(t, repo, root, head, CollectOptions{}))
		// Without alternates nothing is there.
		write(filepath.Join(b, "objects/info/alternates"), "")
		if c := collectRange(t, borrower.open(), root, head, CollectOptions{}); len(allGaps(c)) == 0 {
			t.Error("nothing is missing")
		}
		// The variables that git gives its hooks do the same.
		lent := filepath.Join(top, "lent: \"odd\"")
		if err := os.Symlink(r.gitDir()+"/objects", lent); err != nil {
			t.Fatal(err)
		}
		repo = borrower.open("GIT_ALTERNATE_OBJECT_DIRECTORIES=/nowhere:" + quoteAlternate(lent))
		noGaps(t, collectRange(t, repo, root, head, CollectOptions{}))
	})
}

// TestCollidingAlternate: an alternate holds other content under a name. It is never taken for the
// object of that name.
func TestCollidingAlternate(t *testing.T) {
	r := newTestRepo(t)
	root := r.commit("root", "f", "1\n")
	head := r.commit("evil", "f", "2\n", "evil", "1\n")
	tree := r.run("rev-parse", head+"^{tree}")
	lent := t.TempDir()
	harmless := r.run("cat-file", "commit", root)
	plant(t, lent, head, "commit", strings.Replace(harmless, "\nauthor", "\nparent "+root+"\nauthor", 1)+"\n")
	repo := r.open("GIT_OBJECT_DIRECTORY=" + lent) // searched first
	wantGap(t, collectRange(t, repo, root, head, CollectOptions{}), head, "git fsck")
	_ = os.Remove(filepath.Join(lent, head[:2], head[2:]))
	plant(t, lent, tree, "tree", "")
	wantGap(t, collectRange(t, repo, root, head, CollectOptions{}), tree, "git fsck")
	// Behind the right one it does no harm.
	repo = r.open("GIT_ALTERNATE_OBJECT_DIRECTORIES=" + lent)
	noGaps(t, collectRange(t, repo, root, head, CollectOptions{}))
}

// TestNothingOfTheCheckoutRuns plants programs wherever git would run one.
func TestNothingOfTheCheckoutRuns(t *testing.T) {
	for _, format := range formats {
		r := newTestRepo(t, "--object-format="+format)
		twoSides(r, []string{"f", tenLines, ".gitattributes", "* diff=evil filter=evil merge=evil\n"}, []string{"f", "one\n" + tenLines[2:]}, []string{"g", "1\n"})
		fork := r.run("merge-base", "main", "side")
		r.run("merge", "-q", "-m", "merge", "side")
		head := r.head()
		r.run("branch", "-q", "up", fork)
		r.run("branch", "-q", "--set-upstream-to=up", "main")
		r.run("tag", "-m", "tag", "v1")

		touched := filepath.Join(t.TempDir(), "touched")
		program := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(program, []byte("#!/bin/sh\ntouch "+touched+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		hooks := t.TempDir()
		for _, hook := range []string{"reference-transaction", "post-index-change", "pre-push", "pre-auto-gc", "update", "post-update", "post-checkout"} {
			if err := os.Symlink(program, filepath.Join(hooks, hook)); err != nil {
				t.Fatal(err)
			}
			_ = os.Symlink(program, filepath.Join(r.gitDir(), "hooks", hook))
		}
		included := filepath.Join(t.TempDir(), "included")
		config := "[core]\n\tfsmonitor = " + program + "\n\thooksPath = " + hooks + "\n\tpager = " + program + "\n\teditor = " + program + "\n\tsshCommand = " + program + "\n\talternateRefsCommand = " + program + "\n" +
			"[diff]\n\texternal = " + program + "\n[diff \"evil\"]\n\ttextconv = " + program + "\n\tcommand = " + program + "\n" +
			"[filter \"evil\"]\n\tclean = " + program + "\n\tsmudge = " + program + "\n\tprocess = " + program + "\n" +
			"[merge \"evil\"]\n\tdriver = " + program + "\n[gpg]\n\tprogram = " + program + "\n[gpg \"ssh\"]\n\tprogram = " + program + "\n" +
			"[alias]\n\tcat-file = !" + program + "\n\tmerge-tree = !" + program + "\n\trev-parse = !" + program + "\n[credential]\n\thelper = " + program + "\n"
		if err := os.WriteFile(included, []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
		r.run("config", "include.path", included)
		r.run("config", "includeIf.gitdir:/.path", included)
		for _, at := range []string{r.gitDir() + "/config", r.home + "/.gitconfig"} {
			f, err := os.OpenFile(at, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(config); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, _ = r.try("status"); true { // the trap works
			if _, err := os.Stat(touched); err != nil {
				t.Fatal("git status ran nothing: the attack is not mounted")
			}
			_ = os.Remove(touched)
		}
		repo, err := Open(Options{GitDir: filepath.Join(r.dir, ".git"), Env: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + r.home, "GIT_CONFIG_GLOBAL=" + r.home + "/.gitconfig",
			"GIT_EXTERNAL_DIFF=" + program, "GIT_SSH_COMMAND=" + program, "GIT_PAGER=" + program, "GIT_EDITOR=" + program,
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=core.fsmonitor", "GIT_CONFIG_VALUE_0=" + program,
		}})
		if err != nil {
			t.Fatal(err)
		}
		c := collectRange(t, repo, fork, head, CollectOptions{CountLines: true})
		noGaps(t, c)
		if len(c.Commits) != 3 {
			t.Errorf("%d commits", len(c.Commits))
		}
		for _, rev := range []string{"HEAD", "main~1", "v1", "@{upstream}", head[:10], "main^2"} {
			if _, err := repo.ResolveRevision(rev); err != nil {
				t.Error(err)
			}
		}
		if _, err := repo.CollectPush(t.Context(), []RefUpdate{{Ref: "refs/heads/new", New: head}}, CollectOptions{}); err != nil {
			t.Error(err)
		}
		if err := repo.StoreBundle(t.Context(), testChain(t, "runs nothing")); err != nil {
			t.Error(err)
		}
		if err := repo.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(touched); err == nil {
			t.Error("a program of the checkout ran")
		}
	}
}
