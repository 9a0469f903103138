package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
)

// commitRange is a range of commits, resolved.
type commitRange struct {
	base, head         string // commit ids
	baseName, headName string // as the caller wrote them
}

// readRange resolves BASE..HEAD.
func (w *workspace) readRange(args []string) (*commitRange, error) {
	r := &commitRange{baseName: "@{upstream}", headName: "HEAD"}
	if len(args) == 1 {
		base, head, ok := strings.Cut(args[0], "..")
		if !ok || base == "" || strings.HasPrefix(head, ".") {
			return nil, fault.WithFix(fault.Usagef("%q is not a range", args[0]), "write BASE..HEAD, such as origin/main..HEAD")
		}
		r.baseName = base
		if head != "" {
			r.headName = head
		}
	}
	for _, end := range []struct {
		name string
		id   *string
	}{{r.baseName, &r.base}, {r.headName, &r.head}} {
		id, err := w.Repo.ResolveRevision(end.name)
		if err != nil {
			if end.name == "@{upstream}" {
				return nil, fault.WithFix(fault.Usagef("this branch has no upstream, so that it is not known what is new"), "name the range, such as origin/main..HEAD")
			}
			return nil, notFound(end.name, err)
		}
		*end.id = id
	}
	return r, nil
}

// notFound says why an end of a range was not found, and what helps.
func notFound(name string, err error) error {
	err = fault.Undecidedf("finding %s: %w", name, err)
	switch {
	case errors.Is(err, gitrepo.ErrRevision), errors.Is(err, gitrepo.ErrMissing):
		return fault.WithFix(err, "fetch it first, with `git fetch`; in a shallow clone with `git fetch --unshallow`")
	case errors.Is(err, gitrepo.ErrCorrupt):
		return fault.WithFix(err, "the repository is damaged, or somebody made a broken object: `git fsck` says which")
	default:
		return err
	}
}

// judgedRef is the ref that a range is judged at: --ref, else the branch that its head names.
func (w *workspace) judgedRef(flag string, r *commitRange) string {
	if flag != "" {
		return flag
	}
	if r.headName == "HEAD" || r.headName == "@" {
		return w.Head()
	}
	if strings.HasPrefix(r.headName, "refs/") {
		return r.headName
	}
	branch := "refs/heads/" + r.headName
	if refs, err := w.Repo.Refs(branch); err == nil && refs[branch] != "" {
		return branch
	}
	return w.Head()
}

// fullRef is the full name of a branch or of any other ref, as somebody writes it.
func fullRef(flag, name string) (string, error) {
	if !strings.HasPrefix(name, "refs/") {
		name = "refs/heads/" + name
	}
	if err := names.CheckRef(name); err != nil {
		return "", fault.Usagef("%s: %w", flag, err)
	}
	return name, nil
}

// refOf is the full name of the ref on which a commit is acted on: --ref, else what the work tree tells.
func (w *workspace) refOf(ctx context.Context, flag, rev, commit string) (string, error) {
	if flag != "" {
		return fullRef("--ref", flag)
	}
	if ref := w.RefOf(ctx, rev, commit); ref != "" {
		return ref, nil
	}
	return "", fault.WithFix(fault.Usagef("it is not known which branch or tag leads to %s", commit), "name it with --ref, such as --ref main")
}
