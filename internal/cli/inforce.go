package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
)

// useState is what `remit use` writes for a work tree.
type useState struct {
	Version    int    `json:"version"`
	Delegation string `json:"delegation"` // "sha256:…"
	Inline     bool   `json:"inline"`     // commits carry the whole bundle
}

const (
	// useFile holds the git settings that a work tree includes while a delegation is in force, and
	// on its first line the delegation. It is one file, so that writing or removing it switches
	// everything at once; git ignores an include that is not there. Below the work tree's git directory.
	useFile       = "remit/gitconfig"
	useLine       = "# remit use "
	maxUseFile    = 16 << 10
	useVersion    = 1
	envDelegation = "REMIT_DELEGATION"
)

// readUse reads the delegation in force for a work tree: $REMIT_DELEGATION, else what `remit use`
// wrote. ok is false where none is.
func readUse(env *Env, gitDir string) (s useState, ok bool, err error) {
	if d := env.Getenv(envDelegation); d != "" {
		if err := names.CheckDigest(d); err != nil {
			return s, false, fault.Usagef("%s: %w", envDelegation, err)
		}
		return useState{Version: useVersion, Delegation: d}, true, nil
	}
	path := filepath.Join(gitDir, useFile)
	b, err := readBelow(path, maxUseFile)
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	} else if err != nil {
		return s, false, err
	}
	first, _, _ := strings.Cut(string(b), "\n")
	text, ours := strings.CutPrefix(first, useLine)
	if !ours {
		return s, false, fault.WithFix(fault.Undecidedf("%s was not written by remit", path), "run `remit use DIGEST` again")
	}
	if err := json.Unmarshal([]byte(text), &s, json.RejectUnknownMembers(true)); err != nil {
		return useState{}, false, fault.WithFix(fault.Undecidedf("reading %s: %w", path, err), "run `remit use DIGEST` again")
	}
	if s.Version != useVersion || names.CheckDigest(s.Delegation) != nil {
		return useState{}, false, fault.WithFix(fault.Undecidedf("%s is not one that this remit understands", path), "run `remit use DIGEST` again")
	}
	return s, true, nil
}

// chainOf reads the chain of a delegation from the repository.
func (w *workspace) chainOf(digest string) (delegation.Chain, error) {
	b := w.repo.Bundle(digest)
	if b.Raw == nil {
		ref := delegation.RefName(digest)
		return nil, fault.WithFix(fault.Undecidedf("the delegation %s is not in this repository: %s", digest, b.Why),
			"fetch it: `git fetch <remote> %s:%s`", ref, ref)
	}
	chain, err := delegation.ParseBundle(b.Raw)
	if err != nil {
		return nil, fault.Undecidedf("reading the delegation %s: %w", digest, err)
	}
	return chain, nil
}

// localDelegations lists the chains that this repository holds. Refs that hold something else are
// passed over, and said.
func (w *workspace) localDelegations() []delegation.Chain {
	chains, errs := w.repo.LocalDelegations()
	for _, err := range errs {
		fmt.Fprintf(w.env.Stderr, "note: %s\n", report.Inert(err.Error()))
	}
	return chains
}
