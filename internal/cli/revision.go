package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// commitRange is a range of commits, resolved.
type commitRange struct {
	base, head         string // commit ids
	baseName, headName string // as the caller wrote them
}

// readRange resolves BASE..HEAD; without it, what the branch that is checked out has and the remote's default
// branch has not. Never what its upstream lacks: in a clone of a branch that was pushed that is nothing.
func (w *workspace) readRange(ctx context.Context, args []string) (*commitRange, error) {
	r := &commitRange{headName: "HEAD"}
	if len(args) == 0 {
		if r.baseName = w.usualBase(ctx); r.baseName == "" {
			return nil, w.noUsualBase(ctx)
		}
	} else {
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
			return nil, w.notFound(end.name, err)
		}
		*end.id = id
	}
	return r, nil
}

// usualBase is the default branch of the remote, as a range's base: origin/main. "" where this clone knows none.
func (w *workspace) usualBase(ctx context.Context) string {
	branches := []string{"refs/heads/main", "refs/heads/master"}
	if known := w.DefaultBranch(ctx); known != "" {
		branches = []string{known}
	}
	for _, branch := range branches {
		name := "origin/" + strings.TrimPrefix(branch, "refs/heads/")
		if refs, err := w.Repo.Refs("refs/remotes/" + name); err == nil && refs["refs/remotes/"+name] != "" {
			return name
		}
	}
	return ""
}

// noUsualBase says why it is not known what is new here, and what helps.
func (w *workspace) noUsualBase(ctx context.Context) error {
	err := fault.Usagef("it is not known what is new here: this clone does not know the default branch of a remote origin")
	switch other := w.OtherRemote(ctx); {
	case w.HasRemote(ctx, "origin"):
		return fault.WithFix(err, "fetch it: `%s`; or name the range, such as origin/main..HEAD", strings.Join(w.LearnDefaultBranch(ctx), " && "))
	case other != "":
		return fault.WithFix(err, "the remote is called %[1]s here: `git remote rename %[1]s origin`; or name the range, such as %[1]s/main..HEAD", inert.Word(other))
	default:
		return fault.WithFix(err, "name the range, such as main..HEAD")
	}
}

// wordChars are what a word has that means nothing but itself to a shell.
const wordChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"

// fetchOf is the command that gets a branch of origin by the name of its tracking branch, such as origin/main; "" for
// what is no such name.
func (w *workspace) fetchOf(ctx context.Context, name string) string {
	if end := strings.IndexAny(name, "^~"); end >= 0 {
		name = name[:end]
	}
	branch, ok := strings.CutPrefix(strings.TrimPrefix(name, "refs/remotes/"), "origin/")
	if !ok || branch == "HEAD" || names.CheckRef("refs/heads/"+branch) != nil || strings.Trim(branch, wordChars) != "" || !w.HasRemote(ctx, "origin") {
		return ""
	}
	if refs, err := w.Repo.Refs("refs/remotes/origin/" + branch); err != nil || refs["refs/remotes/origin/"+branch] != "" {
		return "" // it is here, but not so much of its history
	}
	whole := ""
	if w.shallow() {
		whole = "--unshallow "
	}
	return fmt.Sprintf("git fetch %sorigin %[2]s:refs/remotes/origin/%[2]s", whole, branch)
}

// notFound says why a revision was not found, and what helps. A name that nothing has here is misspelt, or was
// never fetched; of a commit's id, and in a shallow clone, nothing can be told.
func (w *workspace) notFound(name string, err error) error {
	fetch := "fetch it first, with `git fetch`; in a shallow clone with `git fetch --unshallow`"
	one := w.fetchOf(context.Background(), name)
	if one != "" {
		fetch = "fetch it first: `" + one + "`"
	}
	switch {
	case errors.Is(err, gitrepo.ErrRevision) && plainRevision(name) && !commitID(name) && !w.shallow():
		unknown := fault.Usagef("there is no branch, tag or commit %s here", inert.Quote(name))
		near := w.nearRef(name)
		if end := strings.IndexAny(name, "^~"); end > 0 && near == name[:end] {
			return fault.Usagef("the history of %s does not go back as far as %s", near, inert.Quote(name))
		}
		if near != "" {
			return fault.WithFix(unknown, "did you mean %s? What is on the server alone is to be fetched first: `%s`", near, cmp.Or(one, "git fetch"))
		}
		if one != "" {
			return fault.WithFix(unknown, "%s", fetch)
		}
		return fault.WithFix(unknown, "fetch it first, with `git fetch`; `git branch --all` lists the branches that are here")
	case errors.Is(err, gitrepo.ErrRevision), errors.Is(err, gitrepo.ErrMissing):
		if commitID(name) {
			err = fmt.Errorf("the commit %s is not here", inert.Quote(name))
		} else {
			err = fmt.Errorf("finding %s: %w", inert.Word(name), err)
		}
		return fault.WithFix(fault.Undecidedf("%w", err), "%s", fetch)
	case errors.Is(err, gitrepo.ErrCorrupt):
		return fault.WithFix(fault.Undecidedf("finding %s: %w", name, err), "the repository is damaged, or somebody made a broken object: `git fsck` says which")
	default:
		return fault.Undecidedf("finding %s: %w", name, err)
	}
}

// plainRevision reports whether a revision is a name as people type it, with what leads back from there.
func plainRevision(rev string) bool {
	name, back := rev, ""
	if end := strings.IndexAny(rev, "^~"); end >= 0 {
		name, back = rev[:end], rev[end:]
	}
	return !strings.HasPrefix(name, "-") && names.CheckRef("refs/heads/"+name) == nil && strings.Trim(back, "^~0123456789") == ""
}

// commitID reports whether a revision is a commit's id, whole or cut short, and what may follow one.
func commitID(rev string) bool {
	if end := strings.IndexAny(rev, "^~"); end >= 0 {
		rev = rev[:end]
	}
	return len(rev) >= 7 && strings.Trim(rev, "0123456789abcdef") == ""
}

// shallow reports whether history was cut off here.
func (w *workspace) shallow() bool {
	_, err := os.Lstat(filepath.Join(w.CommonDir, "shallow"))
	return err == nil
}

// nearRef is the short name of a branch or tag that somebody may have meant, "" for none.
func (w *workspace) nearRef(name string) string {
	name, _, _ = strings.Cut(name, "^")
	name, _, _ = strings.Cut(name, "~")
	var known []string
	for _, prefix := range []string{"refs/heads/", "refs/remotes/", "refs/tags/"} {
		refs, err := w.Repo.Refs(prefix)
		if err != nil {
			continue
		}
		for ref := range refs {
			if short := strings.TrimPrefix(ref, prefix); names.CheckRef("refs/heads/"+short) == nil {
				known = append(known, short)
			}
		}
	}
	slices.Sort(known)
	return names.Nearest(name, known)
}

// judgedRef is the ref that a range is judged at: --ref, else the branch that its head names, here or at a remote,
// else the branch that is checked out.
func (w *workspace) judgedRef(ctx context.Context, flag string, r *commitRange) string {
	if flag != "" {
		return flag
	}
	name := r.headName
	if end := strings.IndexAny(name, "^~"); end >= 0 && !strings.Contains(name, "@{") {
		name = name[:end]
	}
	if name == "HEAD" || name == "@" {
		return w.Head()
	}
	if strings.Contains(name, "@{") { // such as @{upstream}
		if full, err := w.Git(ctx, "rev-parse", "--symbolic-full-name", "--verify", "--quiet", "--end-of-options", name); err == nil && full != "" {
			name = full
		}
	}
	if branch := w.BranchNamed(name); branch != "" {
		return branch
	}
	if strings.HasPrefix(name, "refs/") {
		return name
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
