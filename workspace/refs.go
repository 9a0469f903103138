package workspace

import (
	"context"
	"slices"
	"strings"

	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing/gitobject"
)

// What this clone knows of the refs of its remote. Nothing here asks the remote.

// DefaultBranch is the full name of origin's default branch, "" where this clone does not know it.
func (w *Workspace) DefaultBranch(ctx context.Context) string {
	return w.DefaultBranchOf(ctx, "origin")
}

// DefaultBranchOf is that of any remote.
func (w *Workspace) DefaultBranchOf(ctx context.Context, remote string) string {
	tracking := "refs/remotes/" + remote + "/"
	var head string
	var err error
	if w.Repo != nil {
		head, err = w.Repo.Written(tracking + "HEAD")
	} else {
		head, err = w.Git(ctx, "symbolic-ref", "--quiet", tracking+"HEAD")
	}
	branch, ok := strings.CutPrefix(head, tracking)
	if err != nil || !ok || branch == "" || branch == "HEAD" {
		return ""
	}
	return "refs/heads/" + branch
}

// LearnDefaultBranch are the commands after which this clone knows the default branch of origin, and has it.
func (w *Workspace) LearnDefaultBranch(ctx context.Context) []string {
	commands := []string{"git fetch origin", "git remote set-head origin --auto"}
	refspecs, err := w.Git(ctx, "config", "--get-all", "remote.origin.fetch")
	for line := range strings.Lines(refspecs) {
		if strings.HasPrefix(strings.TrimPrefix(line, "+"), "refs/heads/*:") {
			return commands
		}
	}
	if err != nil { // an origin without any is none to fetch from
		return commands
	}
	return append([]string{"git remote set-branches origin '*'"}, commands...)
}

// HasRemote reports whether git's configuration has a remote of that name.
func (w *Workspace) HasRemote(ctx context.Context, name string) bool {
	_, err := w.Git(ctx, "remote", "get-url", name)
	return err == nil
}

// OtherRemote is the remote to take for origin where none is called so: the one that the branch checked out is
// pushed to, else the only one. "" where that leaves none, or several.
func (w *Workspace) OtherRemote(ctx context.Context) string {
	list, err := w.Git(ctx, "remote")
	remotes := strings.Fields(list)
	if err != nil || slices.Contains(remotes, "origin") {
		return ""
	}
	if branch, ok := strings.CutPrefix(w.Head(), "refs/heads/"); ok {
		if name := w.ConfigValue(ctx, "branch."+branch+".remote"); slices.Contains(remotes, name) {
			return name
		}
	}
	if len(remotes) == 1 {
		return remotes[0]
	}
	return ""
}

// Tips are the commits that a ref is at: as this clone last saw it at origin, and here. It needs the objects.
func (w *Workspace) Tips(ref string) []string {
	var out []string
	for _, name := range []string{tracking(ref), ref} {
		if id, err := w.Repo.ResolveRevision(name); err == nil {
			out = append(out, id)
		}
	}
	return out
}

// Tip is the commit of a branch as this clone last saw it at origin, else its own; "" for none. It needs
// the objects.
func (w *Workspace) Tip(ref string) string {
	if ids := w.Tips(ref); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// LocalFirst is a revision for a branch: its own ref, else the one that was fetched from origin. It needs
// the objects.
func (w *Workspace) LocalFirst(ref string) string {
	if _, err := w.Repo.ResolveRevision(ref); err == nil {
		return ref
	}
	return tracking(ref)
}

func tracking(ref string) string {
	return "refs/remotes/origin/" + strings.TrimPrefix(ref, "refs/heads/")
}

// RefOf is the full name of the ref on which a commit is acted on: the branch or tag that the revision
// names, else the default branch where it holds the commit, else the branch checked out. It is "" where
// none of them leads to the commit. It needs the objects.
func (w *Workspace) RefOf(ctx context.Context, rev, commit string) string {
	rev = strings.TrimPrefix(rev, "refs/remotes/")
	for _, name := range []string{rev, "refs/heads/" + strings.TrimPrefix(rev, "origin/"), "refs/tags/" + rev} {
		if !strings.HasPrefix(name, "refs/") || strings.HasSuffix(name, "/HEAD") || names.CheckRef(name) != nil {
			continue
		}
		if slices.Contains(w.Tips(name), commit) {
			return name
		}
	}
	if branch := w.DefaultBranch(ctx); branch != "" && w.holds(ctx, w.Tip(branch), commit) {
		return branch
	}
	if branch := w.Head(); branch != "HEAD" && slices.ContainsFunc(w.Tips(branch), func(tip string) bool { return w.holds(ctx, tip, commit) }) {
		return branch
	}
	return ""
}

// AtOrigin reports whether a commit is on a branch that this clone knows of origin, or on a tag; true where it knows
// no branch of it.
func (w *Workspace) AtOrigin(ctx context.Context, commit string) bool {
	known, err := w.Git(ctx, "for-each-ref", "--count=1", "refs/remotes/origin/")
	if err != nil || known == "" {
		return true
	}
	on, err := w.Git(ctx, "for-each-ref", "--count=1", "--contains", commit, "refs/remotes/origin/", "refs/tags/")
	return err != nil || on != ""
}

// holds reports whether a branch at tip leads to a commit, as far as that can be told here.
func (w *Workspace) holds(ctx context.Context, tip, commit string) bool {
	if tip == "" {
		return false
	}
	held, err := w.Repo.IsAncestor(ctx, commit, tip)
	return err == nil && held
}

// BranchNamed is the full name, at its remote, of the branch that a revision names as such; "" for none. The name
// of a remote is its default branch. It needs the objects.
func (w *Workspace) BranchNamed(rev string) string {
	name := strings.TrimPrefix(strings.TrimPrefix(rev, "refs/heads/"), "refs/remotes/")
	for _, full := range []string{"refs/heads/" + name, "refs/remotes/" + name, "refs/remotes/" + name + "/HEAD"} {
		if refs, err := w.Repo.Refs(full); err != nil || refs[full] == "" {
			continue
		}
		if strings.HasPrefix(full, "refs/heads/") {
			return full
		}
		if target, err := w.Repo.Written(full); err == nil { // of origin/HEAD
			full = target
		}
		if _, branch, ok := strings.Cut(strings.TrimPrefix(full, "refs/remotes/"), "/"); ok && branch != "HEAD" {
			return "refs/heads/" + branch
		}
	}
	return ""
}

// Subject is the first line of a commit's message, without white space around it; "" where the commit
// cannot be read. It is text that somebody else wrote. It needs the objects.
func (w *Workspace) Subject(commit string) string {
	raw, err := w.Repo.Commit(commit)
	if err != nil {
		return ""
	}
	c, err := gitobject.ParseCommit(raw)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(c.Message, "\n")
	return strings.TrimSpace(line)
}
