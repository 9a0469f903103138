package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/remit-sh/remit/evidence"
)

// Advice on how to complete a repository that was not fetched whole.
const (
	fixShallow   = "this clone is shallow; run git fetch --unshallow, or give the checkout step fetch-depth: 0"
	fixPartial   = "this clone is partial and objects are never fetched behind your back; run git fetch --refetch --filter=blob:none (--no-filter where file contents are needed too), or clone without --filter"
	fixMissing   = "fetch it (git fetch origin), and if it stays missing clone the repository again; git fsck says what else is broken"
	fixMirror    = "run the check again: the server did not give it, or it was not asked for; where its own history is cut off, complete that"
	fixCorrupt   = "the repository is damaged; run git fsck, and clone it again"
	fixMalformed = "make the commit again with git itself: git fsck says what is wrong with its directories"
	fixLimit     = "judge a smaller range, or split the push"
)

// gap describes something that could not be read. what names the act or object that it is part of.
func (r *Repo) gap(what string, child oid, err error) evidence.Gap {
	g := evidence.Gap{Kind: evidence.GapHistory, What: what, Detail: err.Error(), Fix: fixCorrupt}
	switch {
	case errors.Is(err, errLimit), errors.Is(err, errChanges), errors.Is(err, ErrTooLarge):
		g.Kind, g.Fix = evidence.GapLimit, fixLimit
	case errors.Is(err, errTree):
		g.Kind, g.Fix = evidence.GapMalformed, fixMalformed
	case errors.Is(err, ErrMissing) && r.mirror:
		g.Fix = fixMirror
	case errors.Is(err, ErrMissing) && r.isShallow(child):
		g.Fix = fixShallow
		g.Detail = fmt.Sprintf("history ends at commit %s, where this clone was cut off: %s", child, g.Detail)
	case errors.Is(err, ErrMissing) && r.isPartial():
		g.Fix = fixPartial
	case errors.Is(err, ErrMissing) && r.shallowMarks() > 0:
		g.Fix = fixShallow
	case errors.Is(err, ErrMissing):
		g.Fix = fixMissing
	}
	return g
}

// readShallow reads where a shallow clone was cut off. The marks only explain gaps: a commit's
// parents are what the commit says.
func (r *Repo) readShallow() map[oid]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shallow == nil {
		r.shallow = map[oid]bool{}
		content, err := readSmall(filepath.Join(r.commonDir, "shallow"), maxPackedRefs)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return r.shallow
		}
		for line := range strings.Lines(string(content)) {
			if id, ok := parseOID(strings.TrimSpace(line)); ok {
				r.shallow[id] = true
			}
		}
	}
	return r.shallow
}

func (r *Repo) isShallow(child oid) bool { return !child.isZero() && r.readShallow()[child] }

func (r *Repo) shallowMarks() int { return len(r.readShallow()) }

// isPartial reports whether objects may be missing on purpose.
func (r *Repo) isPartial() bool {
	if r.format.partial {
		return true
	}
	for _, dir := range r.dirs {
		if found, err := filepath.Glob(filepath.Join(globEscape(dir), "pack", "*.promisor")); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}

func globEscape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}
