package gitrepo

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
)

func testSigner(t testing.TB, name string) signing.Signer {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	s, err := signing.NewEd25519Signer(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testChain is a delegation of one link; its digest follows from its purpose.
func testChain(t testing.TB, purpose string) delegation.Chain {
	t.Helper()
	human, agent := testSigner(t, "alice"), testSigner(t, "coder")
	from := time.Unix(testEpoch, 0).UTC()
	link, err := delegation.Sign(delegation.Delegation{
		Delegator: delegation.Party{Name: "human.alice", Key: human.SSHPublicKey()},
		Delegate:  delegation.Party{Name: "agent.coder", Key: agent.SSHPublicKey()},
		Scope: delegation.Scope{
			Repositories: []string{"github.com/acme/shop"}, Actions: []names.Action{names.Commit},
		},
		NotBefore: from, NotAfter: from.Add(time.Hour), Purpose: purpose, Nonce: strings.Repeat("0a", 16),
	}, human)
	if err != nil {
		t.Fatal(err)
	}
	return delegation.Chain{link}
}

func TestBundles(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		root := r.commit("root")
		one, other := testChain(t, "one"), testChain(t, "other")
		repo := r.open()
		if b := repo.Bundle(one.Digest()); b.Raw != nil || b.Why == "" || b.Source != delegation.RefName(one.Digest()) {
			t.Errorf("before it is there: %+v", b)
		}
		for range 2 { // again is fine
			if err := repo.StoreBundle(t.Context(), one); err != nil {
				t.Fatal(err)
			}
		}
		for _, packed := range []bool{false, true} {
			if packed {
				r.run("pack-refs", "--all")
				r.run("repack", "-adq")
			}
			if b := r.open().Bundle(one.Digest()); !bytes.Equal(b.Raw, one.Marshal()) || b.Why != "" {
				t.Errorf("packed %v: %+v", packed, b)
			}
		}
		ref := delegation.RefName(other.Digest())
		for name, content := range map[string]string{
			"another delegation": string(one.Marshal()),
			"no delegation":      "{}",
			"too large":          string(other.Marshal()) + strings.Repeat(" ", delegation.MaxBundleSize),
		} {
			r.run("update-ref", ref, r.input(content, "hash-object", "-w", "--stdin"))
			if b := repo.Bundle(other.Digest()); b.Raw != nil || b.Why == "" {
				t.Errorf("%s: %+v", name, b)
			}
			if err := repo.StoreBundle(t.Context(), other); !errors.Is(err, ErrOtherContent) {
				t.Errorf("%s: error %v", name, err)
			}
			// The one that comes in is right, and what is here is not.
			good := r.input(string(other.Marshal()), "hash-object", "-w", "--stdin")
			head := r.run("commit-tree", root+"^{tree}", "-p", root, "-m", delegation.AddTrailer("subject\n", other.Digest(), "#"))
			c := &collection{Collected: &Collected{}, repo: repo, opt: CollectOptions{Limits: Limits{}.withDefaults()}}
			if err := c.run(func() error {
				w, err := c.walk(t.Context(), []oid{mustParse(t, head)}, []oid{mustParse(t, root)}, "x")
				if err != nil {
					return err
				}
				if c.Collected.Commits, err = c.commits(t.Context(), w.commits); err != nil {
					return err
				}
				return c.bundles(map[string]string{other.Digest(): good})
			}); err != nil {
				t.Fatal(err)
			}
			if b := c.Bundles[other.Digest()]; !bytes.Equal(b.Raw, other.Marshal()) || !strings.Contains(b.Source, "push") {
				t.Errorf("%s: incoming %+v", name, b)
			}
		}
		r.run("update-ref", ref, root) // a commit
		if b := repo.Bundle(other.Digest()); b.Raw != nil || b.Why == "" {
			t.Errorf("a commit: %+v", b)
		}
		for _, digest := range []string{"", "sha256:", "sha256:../../heads/main", strings.ToUpper(one.Digest())} {
			if b := repo.Bundle(digest); b.Raw != nil || b.Why == "" {
				t.Errorf("%q: %+v", digest, b)
			}
		}
		chains, errs := repo.LocalDelegations()
		if len(chains) != 1 || chains[0].Digest() != one.Digest() || len(errs) != 1 {
			t.Errorf("%d chains, errors %v", len(chains), errs)
		}
	})
}

func mustParse(t *testing.T, id string) oid {
	t.Helper()
	o, ok := parseOID(id)
	if !ok {
		t.Fatalf("%q is no id", id)
	}
	return o
}

// TestCollectedBundles: commits name delegations by digest or hold them, and the collection finds
// the former.
func TestCollectedBundles(t *testing.T) {
	r := newTestRepo(t)
	root := r.commit("root")
	there, gone, named := testChain(t, "there"), testChain(t, "gone"), testChain(t, "named by the push")
	repo := r.open()
	for _, c := range []delegation.Chain{there, named} {
		if err := repo.StoreBundle(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	r.commit(delegation.AddTrailer("a\n", there.Digest(), "#"))
	r.commit(delegation.AddTrailer("b\n", gone.Digest(), "#"))
	r.commit(delegation.AddTrailer("c\n", (delegation.Ref{Inline: gone.Marshal()}).Value(), "#"))
	head := r.commit("d\n\nDelegation: " + there.Digest() + "\nDelegation: " + gone.Digest())
	c := collectRange(t, repo, root, head, CollectOptions{Delegations: []string{named.Digest()}})
	if len(c.Bundles) != 3 || c.Bundles[there.Digest()].Raw == nil || c.Bundles[named.Digest()].Raw == nil ||
		c.Bundles[gone.Digest()].Raw != nil || c.Bundles[gone.Digest()].Why == "" {
		t.Errorf("bundles %+v", c.Bundles)
	}
	c = collectRange(t, repo, root, head, CollectOptions{Limits: Limits{MaxDelegationRef: 1}})
	if len(c.Gaps) != 1 {
		t.Errorf("over the limit: gaps %+v", c.Gaps)
	}
}

func TestPublishBundles(t *testing.T) {
	r := newTestRepo(t)
	r.commit("root")
	one, other, kept := testChain(t, "one"), testChain(t, "other"), testChain(t, "kept to itself")
	remote := filepath.Join(t.TempDir(), "remote.git")
	r.run("init", "-q", "--bare", remote)
	r.run("remote", "add", "origin", remote)
	touched := filepath.Join(t.TempDir(), "touched")
	if err := os.WriteFile(r.gitDir()+"/hooks/pre-push", []byte("#!/bin/sh\ntouch "+touched+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.run("config", "push.followTags", "true")
	r.run("config", "remote.origin.push", "refs/heads/*:refs/heads/*")
	r.run("tag", "-m", "t", "v1")
	env := r.command().Env
	repo, err := Open(Options{GitDir: r.gitDir(), Env: env})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = repo.Close() }()
	for _, c := range []delegation.Chain{one, other, kept} {
		if err := repo.StoreBundle(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := repo.PublishBundles(t.Context(), "origin", []string{one.Digest(), other.Digest()}); err != nil {
			t.Fatal(err)
		}
	}
	receiver := r.in(remote)
	refs, err := receiver.open().Refs("")
	if err != nil || len(refs) != 2 || refs[delegation.RefName(one.Digest())] == "" {
		t.Errorf("the remote has %v, error %v", refs, err)
	}
	if _, err := os.Stat(touched); err == nil {
		t.Error("a hook ran")
	}
	// What the remote has with other content stays.
	receiver.run("update-ref", delegation.RefName(kept.Digest()), receiver.input("other", "hash-object", "-w", "--stdin"))
	if err := repo.PublishBundles(t.Context(), "origin", []string{kept.Digest()}); err == nil {
		t.Error("a published ref was overwritten")
	}
	for _, remote := range []string{"", "--upload-pack=x", "nowhere"} {
		if err := repo.PublishBundles(t.Context(), remote, []string{one.Digest()}); err == nil {
			t.Errorf("%q was taken for a remote", remote)
		}
	}
	if err := repo.PublishBundles(t.Context(), "origin", []string{"refs/heads/main"}); err == nil {
		t.Error("a branch was published")
	}
}

// TestStoreUnreadableBundle: a chain whose bundle is larger than what is read back is not stored: every
// act under it would be denied, after its digest was given out.
func TestStoreUnreadableBundle(t *testing.T) {
	wide := func(d *delegation.Delegation) {
		d.Scope.Paths = nil
		for i := range delegation.MaxPatterns {
			d.Scope.Paths = append(d.Scope.Paths, delegationtest.Paths(fmt.Sprintf("%d%s/**", i, strings.Repeat("a", 220)))...)
		}
	}
	link := func(from, to names.Principal) delegation.Link {
		d := delegationtest.New(from, to)
		wide(&d)
		return delegationtest.Forge(t, d, delegationtest.Signer(string(from)))
	}
	repo := newTestRepo(t, "--bare").open()
	small := delegation.Chain{link("human.alice", "agent.a"), link("agent.a", "agent.b")}
	if err := repo.StoreBundle(t.Context(), small); err != nil {
		t.Errorf("a bundle of %d bytes: %v", len(small.Marshal()), err)
	}
	large := slices.Concat(small, delegation.Chain{link("agent.b", "agent.c"), link("agent.c", "agent.d"), link("agent.d", "agent.e")})
	if err := repo.StoreBundle(t.Context(), large); err == nil {
		t.Errorf("a bundle of %d bytes is stored", len(large.Marshal()))
	}
	if refs, err := repo.Refs(delegationRefs); err != nil || len(refs) != 1 {
		t.Errorf("%d refs, %v", len(refs), err)
	}
}
