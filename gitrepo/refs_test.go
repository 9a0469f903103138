package gitrepo

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gitRefs is what git says of the refs.
func gitRefs(r *testRepo, prefix string) map[string]string {
	out := map[string]string{}
	listed, err := r.command("for-each-ref", "--format=%(refname) %(objectname)").Output() // it warns of broken ones
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(listed)) {
		name, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(name, prefix) {
			out[name] = id
		}
	}
	return out
}

func TestRefs(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		a := r.commit("a")
		r.run("tag", "-m", "tag", "v1")
		r.run("branch", "-q", "agent/x")
		r.run("pack-refs", "--all", "--prune")
		b := r.commit("b")
		r.run("branch", "-q", "agent/y")
		r.run("update-ref", "refs/odd/näme", b)
		r.run("symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
		r.write(".git/refs/heads/junk", "not an id\n")
		r.write(".git/refs/heads/half.lock", a+"\n")
		r.write(".git/refs/heads/loop", "ref: refs/heads/loop\n")
		r.write(".git/refs/heads/outside", "ref: ../../../etc/passwd\n")
		repo := r.open()
		check := func(repo *Repo) {
			t.Helper()
			for _, prefix := range []string{"", "refs/", "refs/heads/", "refs/heads/agent/", "refs/heads/ag", "refs/tags/", "refs/odd/", "refs/none/"} {
				got, err := repo.Refs(prefix)
				if want := gitRefs(r, prefix); err != nil || !maps.Equal(got, want) {
					t.Errorf("%q: %v, git says %v, error %v", prefix, got, want, err)
				}
			}
		}
		check(repo)
		// The way that is taken where refs are not kept in files.
		byGit := r.open()
		byGit.format.reftable = true
		check(byGit)
		for _, repo := range []*Repo{repo, byGit} {
			name, id, err := repo.follow("HEAD")
			if err != nil || name != "refs/heads/main" || id.String() != b {
				t.Errorf("HEAD is %s at %s, error %v", name, id, err)
			}
			if _, _, err := repo.follow("refs/heads/none"); !errors.Is(err, errNoRef) {
				t.Errorf("error %v", err)
			}
		}
		// A linked work tree shares refs and has a HEAD of its own.
		linked := filepath.Join(t.TempDir(), "linked")
		r.run("worktree", "add", "-q", "--detach", linked, a)
		other := r.in(linked)
		other.t = t
		if id, err := other.open().resolve("HEAD"); err != nil || id.String() != a {
			t.Errorf("HEAD of the linked work tree: %s, error %v", id, err)
		}
		if got, err := other.open().Refs("refs/heads/"); err != nil || got["refs/heads/main"] != b {
			t.Errorf("refs of the linked work tree: %v, error %v", got, err)
		}
	})
}

func TestSafeRefName(t *testing.T) {
	for name, ok := range map[string]bool{
		"HEAD": true, "ORIG_HEAD": true, "refs/heads/a": true, "refs/heads/a.b/c-d": true, "refs/heads/ä": true,
		"": false, "head": false, "config": false, "refs/": false, "refs/heads/": false, "refs//x": false, "refs/../HEAD": false,
		"refs/heads/a..b": false, "refs/heads/.x": false, "refs/heads/x.lock": false, "refs/heads/a\\b": false,
		"refs/heads/a b": false, "refs/heads/a\nb": false, "refs/heads/@{x": false, "/refs/heads/a": false,
	} {
		if safeRefName(name) != ok {
			t.Errorf("%q: want %v", name, ok)
		}
	}
}

func TestPackedRefs(t *testing.T) {
	id, other := strings.Repeat("a", 40), strings.Repeat("b", 40)
	refs := map[string]refValue{}
	content := "# pack-refs with: peeled fully-peeled sorted \n" + id + " refs/heads/a\n" + id + " refs/tags/v1\n^" + other + "\n" + other + " refs/x/y\n"
	if err := parsePackedRefs([]byte(content), sha1Size, "", "refs/x/", refs); err != nil || len(refs) != 2 || refs["refs/tags/v1"].peeled.String() != other {
		t.Errorf("%v, error %v", refs, err)
	}
	for _, bad := range []string{"x\n", id + "\n", id + " \n", strings.ToUpper(id) + " refs/heads/a\n", "^x\n", id + "a refs/heads/a\n"} {
		if err := parsePackedRefs([]byte(bad), sha1Size, "", "", map[string]refValue{}); !errors.Is(err, errPackedRefs) {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

// packedRepo is a repository that has nothing but packed-refs.
func packedRepo(t *testing.T, content string) *Repo {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "packed-refs"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return &Repo{gitDir: dir, commonDir: dir, format: format{idSize: sha1Size}}
}

// TestSearchPackedRefs: what is searched for is what reading all of the file finds, whatever its size, the lengths of
// its names, its tags, and whether it is in order.
func TestSearchPackedRefs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	name := func() string {
		parts := []string{"refs", []string{"heads", "tags", "remit", "remit/delegations", "remits", "x\xff"}[random.IntN(6)]}
		for range 1 + random.IntN(3) {
			parts = append(parts, strings.Repeat(string(rune('a'+random.IntN(3))), 1+random.IntN(3)*random.IntN(200)))
		}
		return strings.Join(parts, "/")
	}
	for round := range 60 {
		all := map[string]refValue{}
		for range []int{0, 1, 3, 200, 3000}[round%5] {
			v := refValue{id: randomID(random)}
			if random.IntN(3) == 0 {
				v.peeled = randomID(random)
			}
			all[name()] = v
		}
		var b strings.Builder
		order := slices.Sorted(maps.Keys(all))
		if round%3 == 0 {
			random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		} else {
			b.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
		}
		for _, name := range order {
			fmt.Fprintf(&b, "%s %s\n", all[name].id, name)
			if v := all[name]; !v.peeled.isZero() {
				fmt.Fprintf(&b, "^%s\n", v.peeled)
			}
		}
		content := b.String()
		if round%4 == 0 {
			content = strings.TrimSuffix(content, "\n")
		}
		r := packedRepo(t, content)
		for _, wanted := range append(order[:min(len(order), 40)], name(), "refs/heads/a/b", "refs/a", "refs/z") {
			got, err := r.packedRef(wanted)
			if want, ok := all[wanted]; ok != (err == nil) || got != want.id || err != nil && !errors.Is(err, errNoRef) {
				t.Fatalf("round %d: %s is %s, error %v; want %s", round, wanted, got, err, want.id)
			}
		}
		for _, prefix := range []string{"", "refs/", "refs/remit/", "refs/remit", "refs/heads/a", "refs/x\xff", "refs/none/"} {
			for _, skip := range []string{"", "refs/remit/", "refs/remit/delegations/", "refs/heads/a", "refs/x\xff"} {
				got, err := r.refs(prefix, skip)
				if err != nil {
					t.Fatal(err)
				}
				want := maps.Clone(all)
				maps.DeleteFunc(want, func(name string, _ refValue) bool {
					return !strings.HasPrefix(name, prefix) || skip != "" && strings.HasPrefix(name, skip)
				})
				if !maps.Equal(got, want) {
					t.Fatalf("round %d: %d refs below %q without %q, want %d", round, len(got), prefix, skip, len(want))
				}
			}
		}
	}
}

// TestSpoiledPackedRefs: a file that is not what its first line says is no endless search and nothing is made up.
func TestSpoiledPackedRefs(t *testing.T) {
	head, id := "# pack-refs with: peeled fully-peeled sorted \n", strings.Repeat("a", 40)
	for name, content := range map[string]string{
		"no names":    head + strings.Repeat(id+"\n", 2000),
		"only peeled": head + strings.Repeat("^"+id+"\n", 2000),
		"one line":    head + strings.Repeat("a", 3<<20),
		"zeros":       head + strings.Repeat("\x00", 64<<10),
	} {
		if got, err := packedRepo(t, content).packedRef("refs/heads/main"); err == nil || !errors.Is(err, errPackedRefs) {
			t.Errorf("%s: %s, error %v", name, got, err)
		}
	}
}

func randomID(random *rand.Rand) oid {
	raw := make([]byte, sha1Size)
	for i := range raw {
		raw[i] = byte(random.Uint32())
	}
	return makeOID(raw)
}

func FuzzPackedRefs(f *testing.F) {
	id := strings.Repeat("a", 40)
	f.Add([]byte(id + " refs/heads/a\n" + id + " refs/tags/v1\n^" + id + "\n"))
	f.Add([]byte("# x\n" + id + " refs/heads/a"))
	f.Fuzz(func(t *testing.T, content []byte) {
		refs := map[string]refValue{}
		if err := parsePackedRefs(content, sha1Size, "refs/", "", refs); err != nil {
			return
		}
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(refs)) {
			v := refs[name]
			fmt.Fprintf(&b, "%s %s\n", v.id, name)
			if !v.peeled.isZero() {
				fmt.Fprintf(&b, "^%s\n", v.peeled)
			}
		}
		again := map[string]refValue{}
		if err := parsePackedRefs([]byte(b.String()), sha1Size, "refs/", "", again); err != nil || !maps.Equal(refs, again) {
			t.Fatalf("%v is read again as %v, error %v", refs, again, err)
		}
	})
}

func TestResolveRevision(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		r.commit("a")
		r.commit("b")
		r.run("switch", "-q", "-c", "side", "HEAD^")
		r.commit("c")
		r.run("switch", "-q", "main")
		r.run("merge", "-q", "-m", "m", "side")
		head := r.commit("d")
		r.run("tag", "-m", "annotated", "v1", "HEAD~1")
		r.run("tag", "-m", "twice", "v2", "v1")
		r.run("tag", "light")
		r.run("branch", "-q", "up", "HEAD~2")
		r.run("branch", "-q", "--set-upstream-to=up", "main")
		r.run("update-ref", "refs/remotes/origin/x", head)
		r.run("update-ref", "refs/odd/x", head+"^")
		r.run("branch", "-q", "feature/a-b.c", "HEAD^")
		repo := r.open()
		for _, rev := range []string{
			"HEAD", "@", "main", "refs/heads/main", "heads/main", head, head[:12], "v1", "v2", "tags/v1", "refs/tags/v2", "light",
			"HEAD^", "HEAD~", "HEAD~0", "HEAD^0", "HEAD~1^2", "HEAD^^2", "v2^2", "v2~1", "main~2", "HEAD^{commit}", "v1^{commit}~1",
			"@{upstream}", "@{u}", "main@{upstream}", "main@{u}~1", "up", "origin/x", "odd/x", "feature/a-b.c", "HEAD@{0}", ":/c", "v1^{}",
		} {
			want, wantErr := r.try("rev-parse", "--verify", "--quiet", rev+"^{commit}")
			got, err := repo.ResolveRevision(rev)
			if (err != nil) != (wantErr != nil) || err == nil && got != want {
				t.Errorf("%s: %s, error %v; git says %s, %v", rev, got, err, want, wantErr)
			}
		}
		for _, rev := range []string{
			"", "none", "HEAD~100", "HEAD^2", "HEAD^3", "-h", "--all", "HEAD^{tree}", "HEAD:f", "main..side", "HEAD~99999999999999999999",
			strings.Repeat("0", len(head)), "HEAD\x00", strings.Repeat("x", maxRevision+1), "refs/heads/../heads/main", "$(touch x)",
		} {
			if got, err := repo.ResolveRevision(rev); err == nil {
				t.Errorf("%q is %s", rev, got)
			}
		}
		if _, err := repo.ResolveRevision("none"); !errors.Is(err, ErrRevision) {
			t.Errorf("error %v", err)
		}
		r.run("tag", "main")
		if _, err := repo.ResolveRevision("main"); !errors.Is(err, ErrAmbiguous) {
			t.Errorf("a tag named like a branch: error %v", err)
		}
		if got, err := repo.ResolveRevision("refs/heads/main"); err != nil || got != head {
			t.Errorf("by its full name: %s, error %v", got, err)
		}
	})
}
