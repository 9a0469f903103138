package checker

import (
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/verdict"
)

// refUnsafe: a ref's name is not a full, plain name, or the ref holds what a ref of its kind must not.
// Short and ambiguous names mean one thing to the check and another to whoever uses them.
func refUnsafe(a *act) []verdict.Finding {
	var found []verdict.Finding
	if len(a.refs) == 0 && a.step == nil && a.request == nil {
		found = append(found, deny(
			a.name()+" belongs to no ref",
			"A branch scope is judged at the ref that brings a commit in, and none is named.",
			"Name the ref: `remit check --ref refs/heads/<branch>`.",
		))
	}
	for _, ref := range a.refs {
		if a.kind == "" && a.judge.brings(ref) {
			continue // what it brings says so
		}
		if a.request != nil && a.environment() == "" {
			continue // request-mismatch says which target is no ref
		}
		why, fix := "", "Use a full, plain name, such as refs/heads/agent/task."
		if err := names.CheckRef(ref); err != nil {
			why = err.Error()
		} else if short := shortRef(ref); strings.HasPrefix(short, "refs/") || short == "HEAD" {
			why = "git reads such a short name as another ref"
		} else if strings.HasPrefix(ref, "refs/namespaces/") {
			why = "it belongs to a git namespace, which is a repository of its own with its own policy"
		} else if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok && (a.update == nil || a.update.New != "") && a.judge.hidesBranch(tag) {
			why = "git reads the short name " + inert.Word(tag) + " as this tag before the branch that everybody means by it"
			fix = "Give the tag a name of its own."
		}
		if why != "" {
			if ref == "HEAD" {
				fix = a.onBranch() + "."
			}
			found = append(found, deny(
				"the ref "+inert.Word(ref)+" cannot be judged",
				"A ref's name must mean the same to everybody: "+why+".",
				fix,
			))
		}
	}
	for _, ref := range a.refs {
		if a.judge.ownRef(ref) && !(a.kind == "" && a.judge.brings(ref)) {
			found = append(found, deny(
				inert.Word(ref)+" is where the audit log is",
				"Only the server writes its audit log, under refs/heads/_audit/: what is pushed there would be taken for its word, and what is deleted would be lost.",
				"Use another name for a branch. Leave the log as it is: it is read, and never pushed.",
			))
		}
	}
	if u := a.update; u != nil && u.New != "" && u.Object != "commit" && (u.Object != "tag" || !strings.HasPrefix(u.Ref, "refs/tags/")) {
		found = append(found, deny(
			inert.Word(u.Ref)+" would hold a "+inert.Word(u.Object),
			"Branches hold commits, and tags hold commits or tags of commits; anything else is content that no rule looks at.",
			"Push a commit.",
		))
	}
	return append(found, a.tagUnsafe()...)
}

// ownRef reports whether a server keeps its audit log at a ref.
func (j *judge) ownRef(ref string) bool {
	return j.set.Surface == evidence.SurfaceServer && names.InAuditLog(ref)
}

// hidesBranch reports whether a tag's short name is one by which people and their commands mean a branch: of a
// remote, by git's own names, or one that the policy calls long-lived.
func (j *judge) hidesBranch(tag string) bool {
	first, _, deeper := strings.Cut(tag, "/")
	if deeper && (first == "heads" || first == "tags" || first == "remotes" || first == "origin") {
		return true
	}
	if tag == "main" || tag == "master" || j.policy.Settings.IsBase("refs/heads/"+tag) && plainBases(j.policy.Settings.Bases, tag) {
		return true
	}
	for i := range j.set.Updates {
		if u := &j.set.Updates[i]; u.LongLived && u.Ref == "refs/heads/"+tag {
			return true
		}
	}
	return false
}

// plainBases reports whether a base is listed by its own name: a pattern such as ** means no tag.
func plainBases(bases []pattern.Pattern, name string) bool {
	return slices.ContainsFunc(bases, func(p pattern.Pattern) bool { return p.String() == name || p.String() == "refs/heads/"+name })
}

// tagUnsafe looks at what a tag's signer said that it is: the object of one tag is no other tag, so
// that an old one cannot be pushed again under the name of a new one.
func (a *act) tagUnsafe() []verdict.Finding {
	if a.named == nil {
		return nil
	}
	var found []verdict.Finding
	if a.tag.Ref != "refs/tags/"+a.named.Name {
		found = append(found, deny(
			inert.Word(a.tag.Ref)+" would hold a tag that is named "+inert.Word(a.named.Name),
			"The signature is for the tag "+inert.Word(a.named.Name)+", and says nothing about "+inert.Word(a.tag.Ref)+".",
			"Make a new tag for the new name: `git tag -s`.",
		))
	}
	if t := a.named.Type; t != "commit" && t != "tag" {
		found = append(found, deny(
			a.name()+" would name a "+t,
			"Tags are of commits: what a "+t+" holds is content that no rule looks at.",
			"Tag a commit.",
		))
	}
	return found
}

// brings reports whether a new commit or tag comes in by a ref.
func (j *judge) brings(ref string) bool { return j.brought[ref] > 0 || len(j.byTag[ref]) > 0 }

// shortRef is what people call a branch or tag; "" for any other ref.
func shortRef(ref string) string {
	for _, prefix := range []string{"refs/heads/", "refs/tags/"} {
		if short, ok := strings.CutPrefix(ref, prefix); ok {
			return short
		}
	}
	return ""
}
