package decide

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/remit-sh/remit/gitrepo"
)

// clone is a repository that is here, and what it tells of the one that it was cloned from.
type clone struct {
	*gitrepo.Repo
	bare bool // it has no work tree
}

// tracked is the commit at which a clone knows a ref of the remote to be; in a repository without remotes,
// the ref itself. "" where it is not known.
func (c clone) tracked(ref string) string {
	branch, ok := strings.CutPrefix(ref, "refs/heads/")
	if !ok {
		return ""
	}
	name := "refs/remotes/origin/" + branch
	if c.bare || !c.hasRemotes() {
		name = ref
	}
	refs, err := c.Refs(name)
	if err != nil {
		return ""
	}
	return refs[name]
}

// hasRemotes reports whether something was fetched from somewhere.
func (c clone) hasRemotes() bool {
	refs, err := c.Refs("refs/remotes/")
	return err != nil || len(refs) > 0
}

// trunk is the default branch, by its name at the remote, as far as this repository tells: where
// origin/HEAD leads, and in a bare repository its own HEAD. "" where it does not tell.
func (c clone) trunk() string {
	if ref := c.trunkOf("origin"); ref != "" {
		return ref
	}
	if !c.bare {
		return ""
	}
	ref, err := c.DefaultRef()
	if err != nil {
		return ""
	}
	return ref
}

// trunkOf is the default branch of a remote, by its name there, "" where this clone does not know it.
func (c clone) trunkOf(remote string) string {
	tracking := "refs/remotes/" + remote + "/"
	if name, ok := strings.CutPrefix(c.written(tracking+"HEAD"), tracking); ok && name != "" && name != "HEAD" {
		return "refs/heads/" + name
	}
	return ""
}

// usualTrunk is the default branch of the remote that this repository was cloned from. Of a repository
// without one, in which whatever is checked out is HEAD, the usual names are tried.
func (c clone) usualTrunk() string {
	if ref := c.trunk(); ref != "" {
		return ref
	}
	for _, ref := range []string{"refs/heads/main", "refs/heads/master"} {
		if _, err := c.ResolveRevision(ref); err == nil {
			return ref
		}
	}
	return ""
}

// written is the ref that is written when one is moved: the one at the end of symbolic refs.
func (c clone) written(ref string) string {
	if target, err := c.Written(ref); err == nil {
		return target
	}
	return ref
}

// within reports whether a commit is another or an ancestor of it, as far as this clone reaches.
func (c clone) within(ctx context.Context, commit, of string) bool {
	if commit == of {
		return true
	}
	yes, err := c.IsAncestor(ctx, commit, of)
	return err == nil && yes
}

// tip is the commit of a branch as this clone last saw it at origin, else its own; "" for none.
func (c clone) tip(ref string) string {
	for _, name := range []string{"refs/remotes/origin/" + strings.TrimPrefix(ref, "refs/heads/"), ref} {
		if id, err := c.ResolveRevision(name); err == nil {
			return id
		}
	}
	return ""
}

// nameThere is what a remote calls a ref that a clone tracks.
func (c clone) nameThere(tracking string) string {
	ref := c.written(tracking)
	if branch, ok := strings.CutPrefix(ref, "refs/remotes/"); ok {
		_, branch, _ = strings.Cut(branch, "/")
		ref = "refs/heads/" + branch
	}
	return ref
}

// trackedAt is the commit at which a clone last saw a branch of a remote; "" where it does not know it.
func (c clone) trackedAt(remote, ref string) string {
	name := "refs/remotes/" + remote + "/" + strings.TrimPrefix(ref, "refs/heads/")
	refs, err := c.Refs(name)
	if err != nil {
		return ""
	}
	return refs[name]
}

// usuallyTrunk is what a remote calls its default branch, by a tracking branch that was found for it; "" where
// that is only the first of those that there are, which is taken for what the remote has and not for more.
func (c clone) usuallyTrunk(tracking string) string {
	switch tracking[strings.LastIndexByte(tracking, '/')+1:] {
	case "HEAD", "main", "master":
		return c.nameThere(tracking)
	default:
		return ""
	}
}

// remoteRefs is what the remote has, as far as this repository knows: its tracking branches, and
// what git just learned of the refs that are pushed. Of a remote that is given by its URL, or was
// never fetched from, nothing is known: the best guess is that it has the default branch of another.
func (c clone) remoteRefs(remote string, updates []gitrepo.RefUpdate) (map[string]string, error) {
	refs, err := c.Refs("refs/remotes/" + remote + "/")
	if err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		if refs, err = c.Refs("refs/remotes/"); err != nil {
			return nil, err
		}
		trunk := trackedTrunk(remote, refs)
		maps.DeleteFunc(refs, func(name, _ string) bool { return name != trunk })
	}
	for _, u := range updates {
		if u.Old != "" {
			refs[u.Ref] = u.Old
		}
	}
	return refs, nil
}

// trackedTrunk is the tracking branch of a remote's default branch. A clone of a repository that was
// empty then has no <remote>/HEAD that says which that is, so the usual names are tried, and last
// whatever there is: this is advice, and a server knows.
func trackedTrunk(remote string, refs map[string]string) string {
	for _, r := range []string{remote, "origin"} {
		for _, name := range []string{"HEAD", "main", "master"} {
			if ref := "refs/remotes/" + r + "/" + name; refs[ref] != "" {
				return ref
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		if strings.HasPrefix(name, "refs/remotes/") {
			return name
		}
	}
	return "refs/remotes/" + remote + "/HEAD"
}

// refsOf are the branches and tags of a remote by the names that it has for them, among all refs of a
// clone; "" is the clone itself.
func refsOf(remote string, all map[string]string) map[string]string {
	refs := map[string]string{}
	tracking := "refs/remotes/" + remote + "/"
	for ref, id := range all {
		switch {
		case strings.HasPrefix(ref, "refs/tags/"), remote == "" && strings.HasPrefix(ref, "refs/heads/"):
			refs[ref] = id
		case remote != "" && strings.HasPrefix(ref, tracking) && ref != tracking+"HEAD":
			refs["refs/heads/"+strings.TrimPrefix(ref, tracking)] = id
		}
	}
	return refs
}

// here is the repository that is here.
func (src Sources) here() clone { return clone{src.Repo, src.Bare} }
