package workflow

import (
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
)

// What a command of git or of the forge's own program gets. A verb counts unless it is known for getting
// nothing: there are aliases, and programs that anybody may add.

// starts reports whether a word behind some others is what a command starts, as far as that can be told.
func starts(before []string) bool {
	for i, w := range before {
		if i > 0 && before[i-1] == "command" && strings.HasPrefix(w, "-") {
			return false // it only says where that is
		}
		switch w {
		case "sudo", "env", "time", "nice", "exec", "command", "if", "then", "else", "elif", "while", "until", "do", "!", "timeout", "nohup", "xargs", "builtin", "eval", "try", "await", "run", "$":
		default:
			name, _, assigned := strings.Cut(w, "=")
			if !strings.HasPrefix(w, "-") && (!assigned || strings.Trim(name, nameBytes) != "") && strings.Trim(w, "0123456789smh") != "" {
				return false
			}
		}
	}
	return true
}

// fetchesOrNames reports whether a script has something of git by which it could get at other commits than
// the one in its work tree.
func fetchesOrNames(all []command) bool {
	return slices.ContainsFunc(all, func(c command) bool {
		return slices.ContainsFunc(c.words, func(w string) bool {
			p := program(w)
			return p == "git" || p == "gh" || p == "hub" || p == "curl" || p == "wget"
		})
	})
}

// arguments are the words behind a verb of git, told apart.
type arguments struct {
	options []string // with their values behind "="
	named   []string // those that may name a commit
	files   []string // behind "--"
	cut     bool     // there is a "--"
}

// argumentsOf tells words apart. valued are the options of which the value is the next word.
func argumentsOf(words []string, valued ...string) arguments {
	var a arguments
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case a.cut:
			a.files = append(a.files, w)
		case w == "--":
			a.cut = true
		case slices.Contains(valued, w):
			if i+1 < len(words) {
				i++
				w += "=" + words[i]
			}
			a.options = append(a.options, w)
		case strings.HasPrefix(w, "-") && w != "-":
			a.options = append(a.options, w)
		default:
			a.named = append(a.named, w)
		}
	}
	return a
}

func (a arguments) has(list ...string) bool {
	return slices.ContainsFunc(a.options, func(o string) bool {
		o, _, _ = strings.Cut(o, "=")
		return slices.Contains(list, o)
	})
}

// value is that of an option, "" for none.
func (a arguments) value(list ...string) string {
	for _, o := range a.options {
		if name, value, ok := strings.Cut(o, "="); ok && slices.Contains(list, name) {
			return value
		}
	}
	return ""
}

// computed reports whether a word is not known before the run: it may be the name of a commit.
func computed(word string) bool { return strings.ContainsAny(word, "$\x01") }

// gitGets reads the words behind "git": what it puts into the work tree, or writes out, of another commit
// than the one that is there. first says that git is what the command starts.
func gitGets(c command, words []string, first bool) []got {
	verb, words, aliased := gitVerb(words)
	gets := func(refs []string, ok bool) []got {
		if !ok {
			return nil
		}
		return []got{{command: c, refs: refs}}
	}
	if aliased {
		return gets(nil, true) // the verb may be any other
	}
	switch verb {
	case "":
		return nil
	case "clone":
		return cloned(c, words)
	case "checkout", "switch":
		a := argumentsOf(words, "-b", "-B", "-c", "-C", "--create", "--force-create", "--orphan", "--conflict", "--pathspec-from-file")
		return gets(elsewhere(a.named))
	case "restore":
		a := argumentsOf(words, "-s", "--source")
		source := a.value("-s", "--source")
		for _, o := range a.options {
			if rest, ok := strings.CutPrefix(o, "-s"); ok && source == "" && rest != "taged" {
				source = rest // -sREF
			}
		}
		return gets(elsewhere(strings.Fields(source)))
	case "reset":
		return gets(elsewhere(argumentsOf(words, "--pathspec-from-file").named))
	case "branch":
		return gets(nil, namesCommit(argumentsOf(words, "-u", "--set-upstream-to", "--contains", "--no-contains", "--merged", "--no-merged", "--points-at", "--sort", "--format")))
	case "fetch":
		return gets(nil, fetchMoves(words))
	case "push":
		return gets(pushed(argumentsOf(words, "-o", "--push-option", "--repo", "--receive-pack", "--exec").named))
	case "diff", "diff-tree", "diff-index", "log", "whatchanged", "show", "format-patch", "range-diff", "archive", "cat-file":
		return gets(shown(verb, words))
	case "submodule":
		a := argumentsOf(words)
		switch v := firstPlain(a.named); v {
		case "", "init", "sync", "status", "foreach", "deinit", "summary", "absorbgitdirs":
			return nil
		default:
			return gets(nil, v != "update" || a.has("--remote"))
		}
	case "worktree":
		a := argumentsOf(words, "-b", "-B", "--reason")
		switch {
		case firstPlain(a.named) != "add":
			return nil
		case len(a.named) < 3: // of a name alone git takes a branch of that name
			return gets(nil, !a.has("-b", "-B", "--detach", "-d"))
		default:
			return gets(elsewhere(a.named[2:]))
		}
	case "stash":
		a := argumentsOf(words, "-m", "--message")
		refs := slices.DeleteFunc(slices.Clone(a.named), func(w string) bool {
			return slices.Contains([]string{"push", "pop", "apply", "list", "drop", "clear", "save", "show"}, w) || strings.HasPrefix(w, "stash@") || strings.Trim(w, "0123456789") == ""
		})
		return gets(nil, len(refs) > 0 && !slices.Contains([]string{"save", "push"}, a.named[0]))
	case "config":
		return gets(nil, slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(strings.ToLower(w), "alias.") }))
	case "update-index":
		return gets(nil, argumentsOf(words).has("--cacheinfo", "--index-info", "--stdin"))
	case "pull", "merge", "rebase", "cherry-pick", "revert", "am", "apply", "read-tree", "checkout-index", "update-ref", "symbolic-ref", "replace", "bisect",
		"unpack-objects", "bundle", "fast-import", "fast-export", "merge-file", "merge-tree", "merge-recursive", "filter-branch", "svn", "p4", "cvsimport", "subtree", "difftool", "mergetool", "quiltimport", "remote-https":
		return gets(nil, true)
	}
	return gets(nil, strings.HasPrefix(verb, "$") || first && !harmlessVerb(verb))
}

// harmlessVerb reports whether a verb of git puts nothing of another commit anywhere, whatever stands
// behind it. The last row are programs that others have made.
func harmlessVerb(verb string) bool {
	return slices.Contains([]string{
		"add", "blame", "check-attr", "check-ignore", "check-ref-format", "cherry", "clean", "commit", "commit-tree", "count-objects", "credential",
		"credential-cache", "credential-store", "describe", "diff-files", "for-each-ref", "fsck", "gc", "grep", "hash-object", "help", "init",
		"interpret-trailers", "ls-files", "ls-remote", "ls-tree", "maintenance", "merge-base", "mktag", "mktree", "mv", "name-rev", "notes", "pack-refs", "prune",
		"reflog", "remote", "repack", "request-pull", "rev-list", "rev-parse", "rm", "shortlog", "show-branch", "show-ref", "sparse-checkout", "status",
		"stripspace", "tag", "update-server-info", "var", "verify-commit", "verify-pack", "verify-tag", "version", "write-tree",
		"lfs", "crypt", "secret", "cliff", "chglog", "semver", "credential-manager",
	}, verb)
}

// gitVerb is the verb, and what stands behind it.
func gitVerb(words []string) (verb string, rest []string, aliased bool) {
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case slices.Contains([]string{"-c", "-C", "--git-dir", "--work-tree", "--namespace", "--config-env", "--exec-path", "--super-prefix", "--attr-source"}, w):
			if i++; i < len(words) && strings.HasPrefix(strings.ToLower(words[i]), "alias.") {
				return "", nil, true
			}
		case strings.HasPrefix(strings.ToLower(w), "-calias."), strings.HasPrefix(strings.ToLower(w), "--config-env=alias."):
			return "", nil, true
		case w == "--version" || w == "--help" || w == "-h" || w == "-v":
			return "", nil, false
		case strings.HasPrefix(w, "-"):
		default:
			return w, words[i+1:], false
		}
	}
	return "", nil, false
}

// elsewhere are those of the words that name a commit other than the one in the work tree.
func elsewhere(words []string) ([]string, bool) {
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "HEAD" || w == "." })
	return words, len(words) > 0
}

// namesCommit reports whether a branch gets a name that is not known before the run and begins at another
// commit: called like a commit, it is what is checked out in place of that one.
func namesCommit(a arguments) bool {
	if a.has("-d", "-D", "--delete", "-l", "--list", "-r", "-a", "--show-current") || len(a.named) == 0 {
		return false
	}
	if a.has("-m", "-M", "--move", "-c", "-C", "--copy") {
		return slices.ContainsFunc(a.named, computed)
	}
	return len(a.named) > 1 && computed(a.named[0])
}

// fetchMoves reports whether "git fetch" may move what is checked out, or gives a branch a name that is not
// known before the run. What is fetched is not in the work tree: what counts is what is checked out.
func fetchMoves(words []string) bool {
	a := argumentsOf(words, "--depth", "--deepen", "--shallow-since", "--shallow-exclude", "-j", "--jobs", "-o", "--server-option", "--refmap", "--filter", "--negotiation-tip")
	return a.has("-u", "--update-head-ok", "--recurse-submodules-default", "--upload-pack") || slices.ContainsFunc(append(a.named, a.value("--refmap")), func(w string) bool {
		_, to, ok := strings.Cut(w, ":")
		return ok && !strings.Contains(w, "://") && !strings.Contains(w, "@") && computed(to)
	})
}

// pushed are the words of a push that take a commit of another branch.
func pushed(words []string) (refs []string, ok bool) {
	for i, w := range words {
		from, _, _ := strings.Cut(strings.TrimPrefix(w, "+"), ":")
		if i > 0 && (strings.HasPrefix(from, "origin/") || strings.HasPrefix(from, "refs/remotes/") || from == "FETCH_HEAD") {
			refs = append(refs, from)
		}
	}
	return refs, len(refs) > 0
}

// shown reads what is written out of another commit than the one in the work tree: a patch, files, an
// archive. Names, counts and messages are none of that.
func shown(verb string, words []string) ([]string, bool) {
	a := argumentsOf(words, "-o", "--output", "--format", "--prefix", "--remote", "--grep", "--author", "--since", "--until", "-n", "--max-count", "-O", "--output-directory")
	switch verb {
	case "archive":
		if a.has("--remote") {
			return nil, true
		}
		if len(a.named) > 1 {
			return elsewhere(a.named[:1])
		}
		return elsewhere(a.named)
	case "cat-file":
		if a.has("-e", "-t", "-s") {
			return nil, false
		}
		if slices.ContainsFunc(a.options, func(o string) bool { return strings.HasPrefix(o, "--batch") }) {
			return nil, true
		}
		a.named = slices.DeleteFunc(a.named, func(w string) bool { return slices.Contains([]string{"blob", "tree", "commit", "tag"}, w) })
	case "log", "whatchanged":
		if !slices.ContainsFunc(a.options, func(o string) bool {
			return slices.Contains([]string{"-p", "-u", "--patch", "--patch-with-stat", "--patch-with-raw", "-c", "--cc", "-m", "--remerge-diff"}, o) || strings.HasPrefix(o, "-U") || strings.HasPrefix(o, "--unified") || strings.HasPrefix(o, "-L")
		}) {
			return nil, false
		}
	default:
		if a.has("-s", "--no-patch", "--name-only", "--name-status", "--stat", "--shortstat", "--numstat", "--dirstat", "--summary", "--raw", "--quiet", "-q", "--check") && !a.has("-p", "-u", "--patch") {
			return nil, false
		}
	}
	var refs []string
	for _, w := range a.named {
		commit, path, of := strings.Cut(w, ":")
		switch {
		case of && (commit == "HEAD" || commit == "") && path != "":
		case of:
			refs = append(refs, commit)
		case w != "HEAD" && w != ".":
			refs = append(refs, w)
		}
	}
	return refs, len(refs) > 0
}

// cloned reads a clone: of a repository that is written out it is files of that repository, in a folder
// beside what was checked out.
func cloned(c command, words []string) []got {
	a := argumentsOf(words, "-b", "--branch", "--depth", "-o", "--origin", "-c", "--config", "-j", "--jobs", "--reference", "--filter", "-u", "--upload-pack", "--template", "--shallow-since", "--separate-git-dir", "-R", "--repo", "--hostname")
	if len(a.named) == 0 || a.has("--separate-git-dir", "-u", "--upload-pack", "-R") {
		return []got{{command: c}}
	}
	repo := repositoryOf(a.named[0])
	if repo == "" || len(a.named) > 1 && replacesTree(a.named[1]) {
		return []got{{command: c}}
	}
	return []got{{command: c, fetch: true, repo: repo, cloned: true}}
}

// replacesTree reports whether a folder may be the whole work tree.
func replacesTree(folder string) bool {
	folder = strings.TrimRight(folder, "/")
	return folder == "" || strings.Trim(folder, "./") == "" || strings.EqualFold(folder, "$github_workspace") || strings.EqualFold(folder, "$pwd") || folder[0] == exprMark
}

// repositoryOf is the repository that an address, or "owner/name", names in plain letters; "" for any other.
func repositoryOf(address string) string {
	path := strings.ToLower(address)
	if _, rest, ok := strings.Cut(path, "://"); ok {
		path = rest
	}
	if at := strings.LastIndexByte(path, '@'); at >= 0 {
		path = path[at+1:] // who asks
	}
	if computed(path) {
		return ""
	}
	path = strings.TrimSuffix(strings.TrimSuffix(strings.ReplaceAll(path, ":", "/"), "/"), ".git")
	parts := strings.Split(path, "/")
	if len(parts) == 3 && strings.Contains(parts[0], ".") {
		parts = parts[1:]
	}
	if len(parts) != 2 || strings.Trim(parts[0]+parts[1], nameBytes+".-") != "" || strings.Trim(parts[0], ".") == "" || strings.Trim(parts[1], ".") == "" {
		return ""
	}
	return parts[0] + "/" + parts[1]
}

// hubGets reads a command of the forge's own programs.
func hubGets(c command, program string, rest []string, first bool) []got {
	a := argumentsOf(rest, "-R", "--repo", "--hostname")
	plain := append(slices.Clone(a.named), "", "")
	object, verb := plain[0], plain[1]
	if program == "hub" && !slices.Contains([]string{"api", "release", "pr", "ci-status", "issue", "browse", "compare"}, object) {
		return gitGets(c, rest, false)
	}
	artifact := []got{{command: c, fetch: true, kind: evidence.FetchedArtifact}}
	code := []got{{command: c, fetch: true}}
	switch object {
	case "":
		return nil
	case "co":
		return []got{{command: c}}
	case "pr":
		if verb == "checkout" || verb == "diff" || computed(verb) {
			return []got{{command: c}}
		}
	case "repo":
		switch verb {
		case "clone":
			at := slices.Index(rest, "clone")
			return cloned(c, rest[at+1:])
		case "sync", "fork":
			return []got{{command: c}}
		}
	case "release", "run", "attestation":
		if verb == "download" {
			return artifact
		}
	case "gist":
		if verb == "clone" {
			return []got{{command: c, fetch: true, repo: "gist/" + plain[2]}}
		}
	case "alias":
		if verb == "set" || verb == "import" {
			return []got{{command: c}}
		}
	case "api":
		lower := strings.ToLower(c.text)
		if (strings.Contains(lower, "/contents") || strings.Contains(lower, "/git/blobs") || strings.Contains(lower, "/readme")) && !c.writesFile() {
			return code
		}
	case "auth", "issue", "workflow", "secret", "variable", "label", "cache", "search", "status", "config", "browse", "completion", "extension", "codespace", "project", "ruleset", "org",
		"ssh-key", "gpg-key", "version", "help", "models", "ci-status", "compare":
	default:
		if strings.HasPrefix(object, "$") || first {
			return []got{{command: c}}
		}
	}
	return nil
}

// writesFile reports whether a request of the forge's API puts a file there instead of getting one.
func (c command) writesFile() bool {
	return slices.ContainsFunc(c.words, func(w string) bool {
		return slices.Contains([]string{"PUT", "DELETE", "-XPUT", "-XDELETE", "--request=PUT", "--method=PUT"}, w)
	})
}
