package workspace

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
)

// Use says which delegation is in force for a work tree. The zero value says that none is.
type Use struct {
	Delegation string // "sha256:…"
	Inline     bool   // commits carry the whole bundle
}

// useRecord is how a Use is written down.
type useRecord struct {
	Version    int    `json:"version"`
	Delegation string `json:"delegation"`
	Inline     bool   `json:"inline"`
}

const (
	// UseFile holds the git settings that a work tree includes while a delegation is in force, and
	// on its first line the delegation. It is one file, so that writing or removing it switches
	// everything at once; git ignores an include that is not there. Below the work tree's git directory.
	UseFile    = "remit/gitconfig"
	useLine    = "# remit use "
	maxUseFile = 16 << 10
	useVersion = 1

	// DelegationVariable names the delegation in force in the environment, whatever the work tree says.
	DelegationVariable = "REMIT_DELEGATION"
)

// ReadUse reads the delegation in force for a work tree, given its git directory: the one that
// [DelegationVariable] names, else what [Workspace.PutInForce] wrote. ok is false where none is.
func ReadUse(env Env, gitDir string) (u Use, ok bool, err error) {
	if d := env.Getenv(DelegationVariable); d != "" {
		if err := names.CheckDigest(d); err != nil {
			return Use{}, false, fault.WithFix(fault.Usagef("%s: %w", DelegationVariable, err), "write it whole: `remit delegations --format json` prints digests so")
		}
		return Use{Delegation: d}, true, nil
	}
	return readUseFile(gitDir)
}

// readUseFile reads what [Workspace.PutInForce] wrote.
func readUseFile(gitDir string) (u Use, ok bool, err error) {
	path := filepath.Join(gitDir, filepath.FromSlash(UseFile))
	b, err := ReadFile(path, maxUseFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Use{}, false, nil
	} else if err != nil {
		return Use{}, false, err
	}
	const again = "run `remit use DIGEST` again"
	first, _, _ := strings.Cut(string(b), "\n")
	text, ours := strings.CutPrefix(first, useLine)
	if !ours {
		return Use{}, false, fault.WithFix(fault.Undecidedf("%s was not written by remit", path), again)
	}
	var r useRecord
	if err := json.Unmarshal([]byte(text), &r, json.RejectUnknownMembers(true)); err != nil {
		return Use{}, false, fault.WithFix(fault.Undecidedf("reading %s: %w", path, err), again)
	}
	if r.Version != useVersion || names.CheckDigest(r.Delegation) != nil {
		return Use{}, false, fault.WithFix(fault.Undecidedf("%s is not one that this remit understands", path), again)
	}
	return Use{r.Delegation, r.Inline}, true, nil
}

// Use is [ReadUse] for this work tree.
func (w *Workspace) Use() (u Use, ok bool, err error) { return ReadUse(w.env, w.GitDir) }

// InForce returns the chain in force here, nil for none. It needs the objects.
func (w *Workspace) InForce() (delegation.Chain, Use, error) {
	u, ok, err := w.Use()
	if err != nil || !ok {
		return nil, u, err
	}
	chain, err := w.Chain(u.Delegation)
	return chain, u, err
}

// Chain reads the chain of a delegation from the repository. It needs the objects.
func (w *Workspace) Chain(digest string) (delegation.Chain, error) {
	b := w.Repo.Bundle(digest)
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

// Delegations lists the chains that this repository holds. Refs that hold something else are passed over:
// notes says what is wrong with each. It needs the objects.
func (w *Workspace) Delegations() (chains []delegation.Chain, notes []error) {
	return w.Repo.LocalDelegations()
}

// FullDigest completes a digest that was cut short, if only one delegation here begins with it. notes is
// what [Workspace.Delegations] passed over. It needs the objects.
func (w *Workspace) FullDigest(s string) (digest string, notes []error, err error) {
	if names.CheckDigest(s) == nil {
		return s, nil, nil
	}
	short, ok := delegation.ShortDigest(s)
	if !ok {
		return "", nil, fault.Usagef("%q is no digest of a delegation: it is sha256: and 64 hexadecimal digits, or the first 6 or more of them", s)
	}
	all, notes := w.Delegations()
	var found []string
	for _, c := range all {
		if strings.HasPrefix(c.Digest(), short) {
			found = append(found, c.Digest())
		}
	}
	switch len(found) {
	case 1:
		return found[0], notes, nil
	case 0:
		return "", notes, fault.WithFix(fault.Undecidedf("no delegation here begins with %s", short), "`remit delegations` lists them")
	default:
		return "", notes, fault.Usagef("several delegations begin with %s: %s", short, strings.Join(found, ", "))
	}
}
