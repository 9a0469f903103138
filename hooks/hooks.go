// Package hooks installs remit's git hooks beside the hooks that are already there, and takes them
// away again without a trace.
//
// An installed hook is a short POSIX sh script (the *.sh files of this folder, joined by [Script])
// that runs "remit hook NAME" with git's own arguments, input and environment. A hook of the same
// name that was there before is kept beside it as NAME.before-remit. It runs first, and if it fails
// nothing else runs and git sees its exit status. If the script finds neither the remit that was
// recorded when it was installed nor one in PATH, it fails with exit status 3, on clients as on
// servers: a check that cannot run is not a check that passed.
//
// The second line of every script is "# remit-hook NAME FORMAT sha256:HEX", where HEX covers all that
// follows that line. It tells a script that remit wrote from one that somebody changed, whatever
// version of remit wrote it. It protects against accidents, not against people who mean to.
package hooks

import (
	"path/filepath"
	"strings"
)

// Set says which hooks are meant. The zero value means none.
type Set int

// The sets of hooks. Client hooks advise the person or agent at work; a server hook enforces.
const (
	Client Set = iota + 1 // prepare-commit-msg, pre-commit, pre-push
	Server                // pre-receive
)

// Names lists the hooks of the set, in the order in which git runs them.
func (s Set) Names() []string {
	switch s {
	case Client:
		return []string{"pre-commit", "prepare-commit-msg", "pre-push"}
	case Server:
		return []string{"pre-receive"}
	default:
		return nil
	}
}

// allNames lists every hook that remit can install.
func allNames() []string { return append(Client.Names(), Server.Names()...) }

// passedNames lists the other hooks that git has (githooks(5)), which [Chain] passes through.
// It leaves out fsmonitor-watchman, which git does not look for in the hooks directory.
func passedNames() []string {
	return []string{
		"applypatch-msg", "pre-applypatch", "post-applypatch", "pre-merge-commit", "post-commit", "pre-rebase", "post-checkout", "post-merge", "pre-receive", "update",
		"post-receive", "post-update", "pre-auto-gc", "post-rewrite", "sendemail-validate",
		"p4-changelist", "p4-prepare-changelist", "p4-post-changelist",
		"p4-pre-submit",
	}
}

// passedIfPresent lists hooks whose mere existence changes what git does (push-to-checkout,
// proc-receive) or costs a process for every ref or index that is written (reference-transaction,
// post-index-change). [Chain] passes them through only if they exist when it is written.
func passedIfPresent() []string {
	return []string{guardName, "post-index-change", "push-to-checkout", "proc-receive"}
}

// beforeSuffix ends the name under which the hook that was there before is kept.
const beforeSuffix = ".before-remit"

// place is where one hook lives.
type place struct {
	name   string // the hook's name: "pre-push"
	path   string // the file that git or the server runs
	before string // where an earlier hook is kept
}

// placeOf finds a hook's place in a directory. In a drop-in directory such as Gitea's
// "pre-receive.d" or GitLab's "custom_hooks/pre-receive.d", of which the server runs every file,
// the script is called remit.
func placeOf(dir, name string) place {
	p := filepath.Join(dir, name)
	if isDropIn(dir) {
		p = filepath.Join(dir, "remit")
	}
	return place{name: name, path: p, before: p + beforeSuffix}
}

func isDropIn(dir string) bool { return strings.HasSuffix(filepath.Base(dir), ".d") }

// placesIn lists the places of the given hooks in a directory; a drop-in directory has only its own.
func placesIn(dir string, names []string) []place {
	var list []place
	for _, name := range names {
		if !isDropIn(dir) || filepath.Base(dir) == name+".d" {
			list = append(list, placeOf(dir, name))
		}
	}
	return list
}
