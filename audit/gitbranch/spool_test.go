//go:build unix

package gitbranch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/audit/statement/statementtest"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/internal/invariant"
	"github.com/remit-sh/remit/verdict"
)

func opened(t testing.TB, dir string) *gitbranch.Store {
	t.Helper()
	s, err := gitbranch.Open(t.Context(), gitbranch.Config{GitDir: dir, Environment: os.Environ(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t testing.TB, s *gitbranch.Spool, e *audit.Entry, proof string) string {
	t.Helper()
	name, err := s.Add(t.Context(), e, []byte(proof))
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// byToken attests what came with the proof "token", and cannot tell where the proof is "later".
func byToken(_ context.Context, s *gitbranch.Spooled) (audit.Attestation, error) {
	switch string(s.Proof) {
	case "token":
		return audit.Attestation{Kind: "oidc", By: "remit.yml"}, nil
	case "later":
		return audit.Attestation{}, errors.New("the forge does not answer")
	default:
		return audit.Attestation{}, nil
	}
}

// folding is a repository with a log of no entries, its spool and its fold.
func folding(t testing.TB) (dir string, spool *gitbranch.Spool, f *gitbranch.Fold) {
	t.Helper()
	dir = bare(t)
	l := begun(t, dir, 0)
	s := opened(t, dir)
	return dir, &gitbranch.Spool{Store: s}, &gitbranch.Fold{Store: s, Log: l, Attest: byToken}
}

func run(t testing.TB, f *gitbranch.Fold) gitbranch.Folded {
	t.Helper()
	out, err := f.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func want(t testing.TB, got gitbranch.Folded, want gitbranch.Folded) {
	t.Helper()
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("folded %+v, want %+v", got, want)
	}
}

// waiting is the names of what is in the spool.
func waiting(t testing.TB, dir string) []string {
	t.Helper()
	return strings.Fields(git(t, dir, "for-each-ref", "--format=%(refname:lstrip=4)", gitbranch.SpoolPrefix))
}

// An entry brings the delegations that it names; one that does not is kept as what somebody claims.
func TestFoldKeepsDelegations(t *testing.T) {
	t.Parallel()
	_, spool, f := folding(t)
	var leaf string
	for n := range 3 {
		e, bundle := logtest.Delegated(t, n)
		e.Attestation = audit.Attestation{}
		bundles := [][]byte{bundle}
		if n == 1 {
			bundles = nil
		}
		if n == 0 {
			leaf = e.Acts.Items[0].Delegation
		}
		if _, err := spool.Add(t.Context(), e, []byte("token"), bundles...); err != nil {
			t.Fatal(err)
		}
	}
	want(t, run(t, f), gitbranch.Folded{Appended: 3, Unattested: 1})
	logtest.Sound(t, f.Log, 3)
	view, err := f.Log.Store.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files, err := view.Read(t.Context(), []string{log.BundlePath(leaf)})
	if err != nil {
		t.Fatal(err)
	}
	if _, bundle := logtest.Delegated(t, 0); string(files[0]) != string(bundle) {
		t.Errorf("the bundle is %q", files[0])
	}
	e := logtest.Entry(t, 9, "")
	for name, b := range map[string]string{"empty": "", "two lines": "a\nb", "too long": strings.Repeat("x", 1<<20)} {
		if _, err := spool.Add(t.Context(), e, nil, []byte(b)); err == nil {
			t.Errorf("a bundle that is %s was taken", name)
		}
	}
}

// A statement comes with its entry, and whoever vouches for that looks whether it is the entry's.
func TestFoldKeepsStatements(t *testing.T) {
	t.Parallel()
	_, spool, f := folding(t)
	nonce := func(n int) func(*verdict.Report, *delegation.Request) {
		return func(_ *verdict.Report, c *delegation.Request) { c.Nonce = fmt.Sprintf("%032x", n) }
	}
	first, request, bundle := statementtest.Deploy(t, nonce(1))
	signed := statementtest.Sign(t, "gate", first, request)
	without, request, _ := statementtest.Deploy(t, nonce(2))
	statementtest.Sign(t, "gate", without, request)
	lent, _, _ := statementtest.Deploy(t, nonce(3))
	lent.Statements = first.Statements
	for _, e := range []*audit.Entry{first, lent} {
		if _, err := spool.Add(t.Context(), e, []byte("token"), append([][]byte{bundle}, signed.Files()...)...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := spool.Add(t.Context(), without, []byte("token"), bundle); err != nil {
		t.Fatal(err)
	}
	want(t, run(t, f), gitbranch.Folded{Appended: 3, Unattested: 2})
	logtest.Sound(t, f.Log, 3)
	view, err := f.Log.Store.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files, err := view.Read(t.Context(), []string{log.StatementPath(first.Statements[1]), log.StatementPath(without.Statements[1])})
	if err != nil || string(files[0]) != string(signed.Files()[1]) || files[1] != nil {
		t.Errorf("%q, %v", files, err)
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	dir, spool, f := folding(t)
	first := add(t, spool, logtest.Entry(t, 0, ""), "token")
	if again := add(t, spool, logtest.Entry(t, 0, ""), "token"); again != first {
		t.Error("the same entry has two names")
	}
	add(t, spool, logtest.Entry(t, 1, ""), "")
	later := add(t, spool, logtest.Entry(t, 2, ""), "later")
	if n := len(waiting(t, dir)); n != 3 {
		t.Errorf("%d wait", n)
	}
	got := run(t, f)
	want(t, got, gitbranch.Folded{Appended: 2, Unattested: 1, Left: 1, Why: got.Why})
	if len(got.Why) != 1 || !strings.Contains(got.Why[0], "the forge does not answer") {
		t.Errorf("why: %q", got.Why)
	}
	if rest := waiting(t, dir); !slices.Equal(rest, []string{later}) {
		t.Errorf("%q wait", rest)
	}
	logtest.Sound(t, f.Log, 2)
	for n, kind := range []string{"oidc", ""} {
		found, err := f.Log.Lookup(t.Context(), logtest.Entry(t, n, "").ID)
		if err != nil || len(found) != 1 {
			t.Fatalf("entry %d: %v, %v", n, found, err)
		}
		for _, list := range found {
			e, err := audit.Parse(list[0].Bytes)
			if err != nil || e.Attestation.Kind != kind {
				t.Errorf("entry %d is attested by %+v, want %q; %v", n, e.Attestation, kind, err)
			}
		}
	}
	// A fold that was killed before it took the refs away, and a writer that sends again, with a token and after it ended.
	add(t, spool, logtest.Entry(t, 0, ""), "token")
	add(t, spool, logtest.Entry(t, 0, ""), "ended")
	add(t, spool, logtest.Entry(t, 1, ""), "")
	got = run(t, f)
	want(t, got, gitbranch.Folded{Again: 3, Left: 1, Why: got.Why})
	logtest.Sound(t, f.Log, 2)
	f.Attest = nil
	want(t, run(t, f), gitbranch.Folded{Appended: 1, Unattested: 1})
	want(t, run(t, f), gitbranch.Folded{})
	logtest.Sound(t, f.Log, 3)
	git(t, dir, "fsck", "--strict", "--no-dangling")
}

// Somebody who may make refs hands over an entry of the identity of a true one, before it or after it: both are kept,
// and nobody vouches for theirs.
func TestASquattedIdentity(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{true, false} {
		_, spool, f := folding(t)
		squat := func() {
			add(t, spool, logtest.Entry(t, 0, "not true"), "")
			want(t, run(t, f), gitbranch.Folded{Appended: 1, Unattested: 1, Squatted: map[bool][]string{false: {logtest.Entry(t, 0, "").ID}}[before]})
		}
		if before {
			squat()
		}
		add(t, spool, logtest.Entry(t, 0, ""), "token")
		want(t, run(t, f), gitbranch.Folded{Appended: 1, Squatted: map[bool][]string{true: {logtest.Entry(t, 0, "").ID}}[before]})
		if !before {
			squat()
		}
		v, err := f.Log.Verify(t.Context())
		if err != nil || !v.OK() || len(v.Same) != 1 || !v.Same[0].Differ {
			t.Errorf("%+v, %v", v, err)
		}
		for at, wantKind := range map[bool][]string{true: {"", "oidc"}, false: {"oidc", ""}}[before] {
			b, err := f.Log.Entry(t.Context(), int64(at))
			if err != nil {
				t.Fatal(err)
			}
			if e, err := audit.Parse(b); err != nil || e.Attestation.Kind != wantKind {
				t.Errorf("entry %d is attested by %q, %v", at, e.Attestation.Kind, err)
			}
		}
	}
}

// What no writer of ours makes is taken away, and what a later program may understand stays.
func TestJunk(t *testing.T) {
	t.Parallel()
	dir, spool, f := folding(t)
	true1 := add(t, spool, logtest.Entry(t, 1, ""), "token")
	object := func(kind, content string) string {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return git(t, dir, "hash-object", "--literally", "-w", "-t", kind, path)
	}
	named := func(content string) string {
		return gitbranch.SpoolPrefix + strings.TrimPrefix(audit.Digest([]byte(content)), "sha256:")
	}
	vouching := logtest.Entry(t, 2, "")
	vouching.Attestation = audit.Attestation{Kind: "oidc", By: "me"}
	b, err := vouching.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var junk int
	for _, content := range []string{"", "junk", "{}\n\n", string(b) + "\n\n", string(b) + "\ntoken\n", strings.Repeat("x", 1<<20)} {
		git(t, dir, "update-ref", named(content), object("blob", content))
		junk++
	}
	git(t, dir, "update-ref", gitbranch.SpoolPrefix+"copy", git(t, dir, "rev-parse", gitbranch.SpoolPrefix+true1))
	git(t, dir, "update-ref", gitbranch.SpoolPrefix+"a/b", gitbranch.Branch)
	git(t, dir, "update-ref", named("x"), object("tree", ""))
	junk += 3
	future := `{"version":2,"id":"x"}` + "\n\n"
	git(t, dir, "update-ref", named(future), object("blob", future))

	got := run(t, f)
	want(t, got, gitbranch.Folded{Appended: 1, Junk: junk, Left: 1, Why: got.Why})
	if rest := waiting(t, dir); len(rest) != 1 || gitbranch.SpoolPrefix+rest[0] != named(future) {
		t.Errorf("%q wait", rest)
	}
	logtest.Sound(t, f.Log, 1)
	if _, err := spool.Add(t.Context(), vouching, nil); err == nil {
		t.Error("an entry that vouches for itself was spooled")
	}
	for _, proof := range []string{"two\nlines", "\x00", "ä", strings.Repeat("x", gitbranch.MaxProof+1)} {
		if _, err := spool.Add(t.Context(), logtest.Entry(t, 3, ""), []byte(proof)); err == nil {
			t.Errorf("the proof %.10q was spooled", proof)
		}
	}
}

// Several folds at once take each entry in once.
func TestFoldsAtOnce(t *testing.T) {
	t.Parallel()
	dir, spool, f := folding(t)
	const n = 12
	for i := range n {
		add(t, spool, logtest.Entry(t, i, ""), "token")
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			other := &gitbranch.Fold{Store: f.Store, Log: in(t, dir), Attest: byToken}
			if _, err := other.Run(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	logtest.Sound(t, f.Log, n)
	if rest := waiting(t, dir); len(rest) > 0 {
		t.Errorf("%q wait", rest)
	}
}

// Without its log a fold takes nothing from the spool; nor where the log was rolled back.
func TestFoldWithoutItsLog(t *testing.T) {
	t.Parallel()
	dir, spool, f := folding(t)
	add(t, spool, logtest.Entry(t, 0, ""), "token")
	run(t, f)
	seen, err := f.Log.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tip := git(t, dir, "rev-parse", gitbranch.Branch)
	add(t, spool, logtest.Entry(t, 1, ""), "token")
	f.Log.Pins = []log.Checkpoint{seen}
	git(t, dir, "update-ref", gitbranch.Branch, tip+"~1")
	if _, err := f.Run(t.Context()); !errors.Is(err, log.ErrRolledBack) {
		t.Errorf("rolled back: %v", err)
	}
	git(t, dir, "update-ref", "-d", gitbranch.Branch)
	if _, err := f.Run(t.Context()); !errors.Is(err, log.ErrMissing) {
		t.Errorf("deleted: %v", err)
	}
	if rest := waiting(t, dir); len(rest) != 1 {
		t.Errorf("%q wait", rest)
	}
	git(t, dir, "update-ref", gitbranch.Branch, tip)
	want(t, run(t, f), gitbranch.Folded{Appended: 1})
	logtest.Sound(t, f.Log, 2)
}

// A ref that somebody deletes before the fold is lost, and whoever kept the entry's identity sees that.
func TestALostRef(t *testing.T) {
	t.Parallel()
	dir, spool, f := folding(t)
	lost := add(t, spool, logtest.Entry(t, 0, ""), "token")
	add(t, spool, logtest.Entry(t, 1, ""), "token")
	git(t, dir, "update-ref", "-d", gitbranch.SpoolPrefix+lost)
	want(t, run(t, f), gitbranch.Folded{Appended: 1})
	for n, there := range []int{0, 1} {
		if at, err := f.Log.Find(t.Context(), logtest.Entry(t, n, "").ID); err != nil || len(at) != there {
			t.Errorf("entry %d is at %v, %v", n, at, err)
		}
	}
	// The writer sends it again, and it is in.
	add(t, spool, logtest.Entry(t, 0, ""), "token")
	want(t, run(t, f), gitbranch.Folded{Appended: 1})
	logtest.Sound(t, f.Log, 2)
}

// A fold that has nothing of the repository but a way to its server.
func TestRemoteFold(t *testing.T) {
	t.Parallel()
	dir, server := served(t)
	l, local := begun(t, dir, 2), &gitbranch.Spool{Store: opened(t, dir)}
	store := remote(t, dir, server)
	f := &gitbranch.Fold{Store: store, Log: logtest.Log(t, store), Attest: byToken}
	want(t, run(t, f), gitbranch.Folded{})
	spool := &gitbranch.Spool{Store: opened(t, bare(t)), Remote: server.URL("folder", filepath.Base(dir)), RemoteEnv: server.Env("folder")}
	for n := range 4 {
		add(t, spool, logtest.Entry(t, n+1, ""), "token")
	}
	add(t, local, logtest.Entry(t, 5, ""), "")
	git(t, dir, "update-ref", gitbranch.SpoolPrefix+"junk", gitbranch.Branch)
	want(t, run(t, f), gitbranch.Folded{Appended: 5, Unattested: 1, Junk: 1}) // of entry 1 a second, with somebody who vouches for it
	if rest := waiting(t, dir); len(rest) > 0 {
		t.Errorf("%q wait", rest)
	}
	want(t, run(t, f), gitbranch.Folded{})
	logtest.Sound(t, l, 7)
	git(t, dir, "fsck", "--strict", "--no-dangling")
}

// Many writers on a real server, each with a repository of its own, and a fold beside them that has nothing of it
// either, near and far away: no writer fails, nothing is lost and nothing is there twice.
func TestPropertyManyWriters(t *testing.T) { invariant.Property(t, 1, manyWriters) }

func manyWriters(t *testing.T, seed uint64) {
	writers, each := invariant.Count(t, "REMIT_SOAK_WRITERS", 6), invariant.Count(t, "REMIT_SOAK_ENTRIES", 2)
	far := time.Duration(invariant.Count(t, "REMIT_SOAK_DELAY", 30)) * time.Millisecond
	for _, delay := range []time.Duration{0, far} {
		dir, server := served(t)
		l := begun(t, dir, 0)
		store := remote(t, dir, server)
		f := &gitbranch.Fold{Store: store, Log: logtest.Log(t, store), Attest: byToken}
		server.Delay(delay)

		var wg sync.WaitGroup
		took := make(chan time.Duration, writers*each)
		begin := time.Now()
		for w := range writers {
			spool := &gitbranch.Spool{Store: opened(t, bare(t)), Remote: server.URL("folder", filepath.Base(dir)), RemoteEnv: server.Env("folder")}
			wg.Go(func() {
				for n := range each {
					begin := time.Now()
					if _, err := spool.Add(t.Context(), logtest.Entry(t, w*each+n, strconv.FormatUint(seed, 10)), []byte("token")); err != nil {
						t.Errorf("writer %d: %v", w, err)
					}
					took <- time.Since(begin)
				}
			})
		}
		done := make(chan time.Duration)
		go func() { wg.Wait(); done <- time.Since(begin) }()
		var written time.Duration
		folds := 1
		for ; written == 0; folds++ {
			select {
			case written = <-done:
			default:
			}
			run(t, f)
		}
		run(t, f) // what came while the last one ran
		folded := time.Since(begin)
		all := writers * each
		logtest.Sound(t, l, int64(all))
		if v, err := l.Verify(t.Context()); err != nil || len(v.Same) > 0 {
			t.Errorf("twice: %+v, %v", v, err)
		}
		if rest := waiting(t, dir); len(rest) > 0 {
			t.Errorf("%q wait", rest)
		}
		close(took)
		var times []time.Duration
		for d := range took {
			times = append(times, d)
		}
		slices.Sort(times)
		t.Logf("%v a request: %d entries by %d writers at once, %.1f a second, median %v, p95 %v; %.1f a second until all are in the log, by %d folds",
			delay, all, writers, float64(all)/written.Seconds(), times[len(times)/2].Round(time.Millisecond), times[len(times)*95/100].Round(time.Millisecond), float64(all)/folded.Seconds(), folds)
	}
}

// Folds that are killed at any moment, with the git that they run.
func TestPropertyFoldsKilled(t *testing.T) { invariant.Property(t, 1, foldsKilled) }

func foldsKilled(t *testing.T, seed uint64) {
	dir, spool, f := folding(t)
	const n = 12
	for i := range n {
		add(t, spool, logtest.Entry(t, i, ""), "token")
	}
	for try := range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(20+(int(seed)*37+try*61)%150)*time.Millisecond)
		_, err := f.Run(ctx)
		cancel()
		if err := os.Remove(filepath.Join(dir, gitbranch.Branch+".lock")); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		v, verifyErr := f.Log.Verify(t.Context())
		if verifyErr != nil || !v.OK() || len(v.Same) > 0 {
			t.Fatalf("after %v: %+v, %v", err, v, verifyErr)
		}
		if in := int(v.Entries) + len(waiting(t, dir)); in < n {
			t.Fatalf("after %v: %d of %d are in the log or wait", err, in, n)
		}
	}
	run(t, f)
	logtest.Sound(t, f.Log, n)
}

// TestFoldMost: a fold that looks at some of what waits leaves the rest to the next, and says how much.
func TestFoldMost(t *testing.T) {
	_, spool, f := folding(t)
	for i := range 5 {
		add(t, spool, logtest.Entry(t, i, ""), "token")
	}
	f.Most = 3
	if out := run(t, f); out.Appended != 3 || out.More != 2 {
		t.Errorf("%+v", out)
	}
	if out := run(t, f); out.Appended != 2 || out.More != 0 {
		t.Errorf("%+v", out)
	}
}
