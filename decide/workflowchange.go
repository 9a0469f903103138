package decide

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing/gitobject"
	"github.com/remit-sh/remit/workflow"
)

// changesWorkflows reports whether changes touch what says what workflows may do: the workflows, the
// actions beside them, or a link in the place of one of their folders.
func changesWorkflows(changes []evidence.Change) bool {
	return slices.ContainsFunc(changes, func(c evidence.Change) bool {
		name := path.Base(c.Path)
		return c.Path == ".github" || c.Path == workflow.Dir || strings.HasPrefix(c.Path, workflow.Dir+"/") ||
			name == "action.yml" || name == "action.yaml"
	})
}

// judgesWorkflows reports whether a policy says anything of what jobs may do. Where it does not, workflows
// are not looked at unless somebody asks: everything in them would be undeclared.
func judgesWorkflows(p *policy.Policy) bool {
	return len(p.Environments) > 0 || p.Workflows.Position.Line > 0
}

// workflowChange is what the workflow files of one tree say, against those of another; base may be nil:
// there is nothing to compare with. Files are workflows that count although they stand elsewhere.
func workflowChange(head, base fs.FS, files ...string) *evidence.WorkflowChange {
	c := &evidence.WorkflowChange{Head: workflow.Load(head, workflow.Options{Files: files})}
	if base == nil {
		return c
	}
	present := slices.DeleteFunc(slices.Clone(files), func(p string) bool { _, err := fs.Lstat(base, p); return err != nil })
	c.Base = workflow.Load(base, workflow.Options{Files: present})
	var all []string
	for _, w := range []*evidence.Workflows{c.Head, c.Base} {
		for _, f := range w.Files {
			all = append(all, f.Path)
		}
		for _, a := range w.Actions {
			all = append(all, a.Path)
		}
		for _, p := range w.Problems {
			all = append(all, p.At.File)
		}
	}
	slices.Sort(all)
	for _, p := range slices.Compact(all) {
		if !sameFile(head, base, p) {
			c.Changed = append(c.Changed, p)
		}
	}
	return c
}

// sameFile reports whether a file has the same content in two trees. What is in neither is the same, and
// what cannot be read is not.
func sameFile(a, b fs.FS, name string) bool {
	_, errA := fs.Lstat(a, name)
	_, errB := fs.Lstat(b, name)
	if errA != nil && errB != nil {
		return true
	}
	x, errA := readFew(a, name)
	y, errB := readFew(b, name)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}

// readFew reads a file of which no more is looked at than package workflow does.
func readFew(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, workflow.MaxBytes+1))
}

// noFiles is a tree without any files.
type noFiles struct{}

func (noFiles) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// trees reads the files of commits, and those of trees that have no commit.
type trees struct {
	ofCommit func(commit string) (fs.FS, error)
	ofTree   func(tree string) (fs.FS, error)
	ofBase   func(commit string) (fs.FS, error) // of what a change is held against; nil: as ofCommit
}

// localTrees reads the trees of a repository that is here.
func localTrees(repo *gitrepo.Repo) trees { return trees{ofCommit: repo.Tree, ofTree: repo.TreeOf} }

// mirrorTrees reads trees of a mirror, which gets what it lacks.
func mirrorTrees(ctx context.Context, m *gitrepo.Mirror) trees {
	return trees{
		ofCommit: func(commit string) (fs.FS, error) { return m.Tree(ctx, commit, ".github") },
		ofTree:   func(tree string) (fs.FS, error) { return m.TreeOf(ctx, tree, ".github") },
	}
}

// changeBetween is what the workflows of two commits say, nil where nothing about them differs or the
// policy does not care. What cannot be read is a gap in it. base may be "": there are no files there.
func changeBetween(p *policy.Policy, t trees, base, head string, changes []evidence.Change, gaps []evidence.Gap) *evidence.WorkflowChange {
	return changeTo(p, t, base, changes, gaps, func() (fs.FS, error) { return t.ofCommit(head) }, "commit "+head)
}

// landingChange is what workflows say once something is merged onto a commit, against what they say there.
func landingChange(p *policy.Policy, t trees, onto string, l gitrepo.Landing) *evidence.WorkflowChange {
	return changeTo(p, t, onto, l.Changes, l.Gaps, func() (fs.FS, error) { return t.ofTree(l.Tree) }, "the merge")
}

func changeTo(p *policy.Policy, t trees, base string, changes []evidence.Change, gaps []evidence.Gap, head func() (fs.FS, error), what string) *evidence.WorkflowChange {
	if !judgesWorkflows(p) || !changesWorkflows(changes) && len(gaps) == 0 {
		return nil
	}
	after, err := head()
	if err != nil {
		return &evidence.WorkflowChange{Gaps: append(slices.Clone(gaps), treeGap(what, err))}
	}
	var before fs.FS = noFiles{}
	if base != "" {
		read := t.ofCommit
		if t.ofBase != nil {
			read = t.ofBase
		}
		if before, err = read(base); err != nil {
			return &evidence.WorkflowChange{Gaps: append(slices.Clone(gaps), treeGap("commit "+base, err))}
		}
	}
	c := workflowChange(after, before)
	c.Gaps = gaps
	return c
}

func treeGap(what string, err error) evidence.Gap {
	return evidence.Gap{
		Kind: evidence.GapHistory, What: "the tree of " + what, Detail: inert.Error(err),
		Fix: "fetch the commit where this check runs",
	}
}

// addWorkflows adds to each update of a push what it changes in what workflows may do. Trunk is the commit
// of the default branch before the push, "" where there is none: what a new ref brings is held against
// where it left that.
func addWorkflows(ctx context.Context, p *policy.Policy, repo *gitrepo.Repo, set *evidence.Set, trunk string) {
	if !judgesWorkflows(p) {
		return
	}
	for i := range set.Updates {
		u := &set.Updates[i]
		head := updatedTo(set, u)
		if head == "" || u.Delegations {
			continue
		}
		base, gaps := u.Old, []evidence.Gap(nil)
		if u.Object == "tag" {
			base = "" // it was a tag object too, or nothing
		}
		if _, err := repo.Commit(base); err != nil {
			base = "" // of a remote that was not fetched from: then more counts as new
		}
		if base == "" && trunk != "" {
			forks, err := repo.MergeBases(ctx, trunk, head)
			if err != nil {
				gaps = append(gaps, treeGap("commit "+trunk, err))
			}
			switch len(forks) {
			case 0:
			case 1:
				base = forks[0]
			default:
				base = trunk // one of them alone could have what none of the others has
			}
		}
		changes, unread := repo.Diff(ctx, base, head)
		if len(unread) > 0 && blocked(set) {
			continue // it was said already
		}
		t := localTrees(repo)
		if base == u.Old && trunk != "" && !u.LongLived {
			t.ofBase = func(commit string) (fs.FS, error) { return catchingUp(ctx, repo, trunk, commit, head) }
		}
		u.Workflows = changeBetween(p, t, base, head, changes, append(gaps, unread...))
	}
}

// catchingUp is the tree of the commit that a work branch was at, with what the branch has now from the
// default one.
func catchingUp(ctx context.Context, repo *gitrepo.Repo, trunk, before, head string) (fs.FS, error) {
	forks, err := repo.MergeBases(ctx, trunk, head)
	if err != nil {
		forks = nil // then more counts as brought
	}
	var c caughtUp
	if c.before, err = repo.Tree(before); err != nil {
		return nil, err
	}
	if c.after, err = repo.Tree(head); err != nil {
		return nil, err
	}
	for _, commit := range append([]string{trunk}, forks...) {
		tree, err := repo.Tree(commit)
		if err != nil {
			return nil, err
		}
		c.known = append(c.known, tree)
	}
	return c, nil
}

// blocked reports whether something of the set could not be read, so that nothing of it is let through.
func blocked(set *evidence.Set) bool {
	return len(set.Gaps) > 0 || slices.ContainsFunc(set.Commits, func(c evidence.Commit) bool { return c.New && len(c.Gaps) > 0 })
}

// updatedTo is the commit that a ref is to lead to, "" where it is no commit.
func updatedTo(set *evidence.Set, u *evidence.Update) string {
	switch u.Object {
	case "commit":
		return u.New
	case "tag":
		for _, t := range set.Tags {
			if tag, err := gitobject.ParseTag(t.Raw); t.ID == u.New && err == nil && tag.Type == "commit" {
				return tag.Object
			}
		}
	}
	return ""
}

// secretLists are the patterns of environments' secrets that say something about a name, where the policy
// asks for names in files.
func secretLists(p *policy.Policy) []pattern.Pattern {
	if p.Settings.SecretReferences == policy.LevelOff {
		return nil
	}
	var lists []pattern.Pattern
	for _, e := range p.Environments {
		for _, s := range e.Secrets {
			if strings.Trim(s.String(), "*?/") != "" { // one that matches everything says nothing about a name
				lists = append(lists, s)
			}
		}
	}
	return lists
}

// addReferences adds the names of environments' secrets that new commits write into files, where the
// policy asks about them.
func addReferences(ctx context.Context, p *policy.Policy, repo *gitrepo.Repo, set *evidence.Set) error {
	lists := secretLists(p)
	if len(lists) == 0 {
		return nil
	}
	found, err := repo.References(ctx, set.Commits, func(name string) bool { return pattern.Any(lists, name) })
	if err != nil {
		return fault.Undecidedf("looking for names of secrets: %w", err)
	}
	set.References = found
	return nil
}
