package cli_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// entry is one entry of a tree that git itself would refuse to make.
type entry struct{ mode, name, id string }

// order is the name as git sorts it.
func (e entry) order() string {
	if e.mode == "40000" {
		return e.name + "/"
	}
	return e.name
}

// tree stores a tree of these entries, sorted.
func (s *shop) tree(entries ...entry) string {
	s.t.Helper()
	var b strings.Builder
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.order(), b.order()) })
	for _, e := range entries {
		id, err := hex.DecodeString(e.id)
		if err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s\x00%s", e.mode, e.name, id)
	}
	return s.object("tree", []byte(b.String()))
}

// wide is a policy that lets coder write anywhere, so that what else is wrong stands alone.
const wide = "../wide.hcl"

func (s *shop) wide() string {
	s.t.Helper()
	text, err := os.ReadFile(s.path("shop/policies.hcl"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("wide.hcl", strings.Replace(string(text), `["src/**", "test/**"]`, `["**"]`, 1)+"\nsettings {\n  protected = [\".github/**\", \"d\u00e9ploy/**\"]\n}\n")
	return s.remit(func(d *remitOf) { d.Scope.Paths = anywhere() })
}

// put commits one file in a raw tree beside what HEAD holds.
func (s *shop) put(digest, mode, name, id string) {
	s.t.Helper()
	var entries []entry
	for line := range strings.Lines(s.git("alice", "ls-tree HEAD") + "\n") {
		meta, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		f := strings.Fields(meta)
		entries = append(entries, entry{strings.TrimPrefix(f[0], "0"), path, f[2]})
	}
	entries = append(entries, entry{mode, name, id})
	p := s.commitText(s.tree(entries...), []string{s.git("alice", "rev-parse HEAD")}, "", trailer(digest))
	s.tip(s.signedRaw(p, s.sign("coder", "git", p)))
}

func TestAttackChanges(t *testing.T) {
	file := func(s *shop) string { return s.object("blob", []byte("x\n")) }
	// path commits a file of that name in the topmost folder, where coder may write anything.
	path := func(name string) func(*shop) {
		return func(s *shop) { s.put(s.wide(), "100644", name, file(s)) }
	}
	// below commits it in a folder.
	below := func(dir, name string) func(*shop) {
		return func(s *shop) { s.put(s.wide(), "40000", dir, s.tree(entry{"100644", name, file(s)})) }
	}
	mode := func(mode string) func(*shop) {
		return func(s *shop) {
			id := file(s)
			if mode == "160000" {
				id = s.git("alice", "rev-parse HEAD")
			}
			s.put(s.wide(), mode, "x", id)
		}
	}
	// change commits what a line of shell does, as coder under the usual delegation.
	change := func(line string) func(*shop) {
		return func(s *shop) {
			s.ok("coder", "shop", "sh", "-ec", line)
			s.git("alice", "add -A")
			s.signed("coder", "Subject", s.remit())
		}
	}
	// merge merges two branches of the coder's into agent/pay and lets tamper change the result.
	merge := func(tamper func(*shop), with ...string) func(*shop) {
		return func(s *shop) {
			digest := s.remit()
			for _, name := range []string{"one", "two"} {
				s.git("coder", "checkout -q -b agent/"+name+" main")
				s.add("src/"+name, name)
				s.signed("coder", name, digest)
			}
			s.git("coder", "checkout -q agent/pay")
			s.add("src/three", "three")
			s.signed("coder", "three", digest)
			if len(with) == 0 {
				with = []string{"agent/one"}
			}
			s.git("coder", "merge -q --no-commit --no-ff "+strings.Join(with, " "))
			if tamper != nil {
				tamper(s)
			}
			s.signed("coder", "Merge", digest)
		}
	}
	outside := []string{"not-granted", "scope-path"}
	runAttacks(t, []attack{
		{name: "near miss: inside", verdict: "allow", mount: change("echo x >src/x")},
		{name: "outside", verdict: "deny", rules: outside, mount: change("echo x >x")},
		{name: "deleted outside", verdict: "deny", rules: outside, mount: change("rm CHANGELOG.md")},
		{name: "prefix of the scope", verdict: "deny", rules: outside, mount: change("mkdir src2; echo x >src2/x")},
		{name: "the scope's folder as a file", verdict: "deny", rules: outside, mount: change("rm -r src; echo x >src")},
		{name: "another case of the scope", verdict: "deny", rules: outside, mount: change("mkdir SRC; echo x >SRC/x")},

		{name: "dot dot", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: below("..", "x")},
		{name: "dot", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: below("a", ".")},
		{name: "slash in a name", verdict: "deny", rules: []string{"history-incomplete", "path-unsafe"}, args: []string{"--policy", wide}, mount: below("a", "b//c")},
		{name: "slash in a name, into a protected folder", verdict: "deny", rules: []string{"history-incomplete", "path-unsafe"}, args: []string{"--policy", wide}, mount: below("a", "../.github/x")},
		{name: "name twice in a tree", verdict: "deny", rules: []string{"history-incomplete", "path-unsafe"}, args: []string{"--policy", wide}, mount: func(s *shop) {
			s.put(s.wide(), "40000", "a", s.tree(entry{"100644", "x", file(s)}, entry{"100644", "x", s.object("blob", nil)}))
		}},
		{name: "file that is a commit", verdict: "deny", rules: []string{"history-incomplete", "path-unsafe"}, args: []string{"--policy", wide}, mount: func(s *shop) {
			s.put(s.wide(), "100644", "x", s.git("alice", "rev-parse HEAD"))
		}},
		{name: "file that is a directory", verdict: "deny", rules: []string{"history-incomplete", "path-unsafe"}, args: []string{"--policy", wide}, mount: func(s *shop) {
			s.put(s.wide(), "100644", "x", s.git("alice", "rev-parse HEAD:src"))
		}},
		{name: "packed file that is a directory", verdict: "deny", rules: []string{"history-incomplete", "path-unsafe"}, args: []string{"--policy", wide}, mount: func(s *shop) {
			s.git("alice", "repack -q -a -d")
			s.put(s.wide(), "100644", "x", s.git("alice", "rev-parse HEAD:src"))
		}},
		{name: "directory that is a file", verdict: "deny", rules: []string{"history-incomplete", "path-unsafe"}, args: []string{"--policy", wide}, mount: func(s *shop) {
			s.put(s.wide(), "40000", "x", file(s))
		}},
		{name: "directory that is a commit", verdict: "deny", rules: []string{"history-incomplete", "path-unsafe"}, args: []string{"--policy", wide}, mount: func(s *shop) {
			s.put(s.wide(), "40000", "x", s.git("alice", "rev-parse HEAD"))
		}},
		{name: "git's own folder", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: below(".git", "config")},
		{name: "git's own folder in capitals", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: below(".GIT", "config")},
		{name: "git's own folder with an invisible character", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: below(".g\u200cit", "config")},
		{name: "git's own folder by its short name", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: below("GIT~1", "config")},
		{name: "backslash", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: path(`.git\config`)},
		{name: "trailing dot", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: path("policies.hcl.")},
		{name: "trailing space", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: path("policies.hcl ")},
		{name: "protected path in another case", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: path("Policies.HCL")},
		{name: "protected folder in another case", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: below(".GitHub", "x")},
		{name: "protected path with a ligature", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: path("policies.hc\u200dl")},
		{name: "protected folder in another Unicode form", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: below("de\u0301ploy", "x")},
		{name: "near miss: a full-width letter is another one to every file system", verdict: "allow", args: []string{"--policy", wide}, mount: path("policies.hc\uff4c")},
		{name: "not UTF-8", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: path("a\xffb")},
		{name: "newline and colours in a name", verdict: "deny", rules: []string{"path-unsafe"}, args: []string{"--policy", wide}, mount: path("a\n\x1b[31m::error::b")},
		{name: "near miss: plain letters of other scripts", verdict: "allow", args: []string{"--policy", wide}, mount: path("größe-尺寸.txt")},

		{name: "symlink", verdict: "deny", rules: []string{"mode-change"}, args: []string{"--policy", wide}, mount: mode("120000")},
		{name: "submodule", verdict: "deny", rules: []string{"mode-change"}, args: []string{"--policy", wide}, mount: mode("160000")},
		{name: "executable", verdict: "deny", rules: []string{"mode-change"}, args: []string{"--policy", wide}, mount: mode("100755")},
		{name: "mode that git does not use", verdict: "deny", rules: []string{"mode-change"}, args: []string{"--policy", wide}, mount: mode("100777")},
		{name: "file made executable, content as before", verdict: "deny", rules: []string{"mode-change"}, mount: change("chmod +x src/pay.go && git update-index --chmod=+x src/pay.go")},
		{name: "file turned into a symlink", verdict: "deny", rules: []string{"mode-change"}, mount: change("ln -sf ../policies.hcl src/pay.go")},

		{name: "renamed out of the scope", verdict: "deny", rules: outside, mount: change("git mv src/old.go old.go")},
		{name: "renamed into the scope", verdict: "deny", rules: outside, mount: change("git mv deploy/production/app.yaml src/app.yaml")},
		{name: "protected file renamed into the scope", verdict: "deny", rules: append([]string{"protected-path"}, outside...), mount: change("git mv policies.hcl src/policies.hcl")},
		{name: "near miss: renamed inside", verdict: "allow", mount: change("git mv src/old.go src/new.go")},
		{name: "attributes that hide a change", verdict: "deny", rules: outside, mount: change("echo '* -diff -text linguist-generated' >src/.gitattributes; echo '* -diff' >>.git/info/attributes; echo 'replicas: 4' >deploy/production/app.yaml")},
		{name: "binary content", verdict: "deny", rules: outside, mount: change(`printf '\000\001' >CHANGELOG.md`)},
		{name: "file marked as unchanged", verdict: "deny", rules: outside, mount: change("echo x >CHANGELOG.md; git add CHANGELOG.md; git update-index --assume-unchanged CHANGELOG.md")},

		{name: "near miss: honest merge", verdict: "allow", mount: merge(nil)},
		{name: "evil merge", verdict: "deny", rules: []string{"evil-merge", "not-granted"}, mount: merge(func(s *shop) { s.add("deploy/production/app.yaml", "replicas: 300\n") })},
		{name: "evil merge inside the scope", verdict: "allow", mount: merge(func(s *shop) { s.add("src/one", "evil") })},
		{name: "merge with ours", verdict: "deny", rules: []string{"evil-merge", "not-granted"}, mount: func(s *shop) {
			digest := s.remit()
			s.git("alice", "checkout -q main")
			s.add("CHANGELOG.md", "# Changes\n\nA fix.\n")
			s.signed("alice", "Fix", "")
			s.git("coder", "checkout -q agent/pay")
			s.add("src/x", "x")
			s.signed("coder", "x", digest)
			s.git("coder", "merge -q --no-commit -s ours main")
			s.signed("coder", "Merge main", digest)
		}},
		{name: "near miss: main merged honestly", verdict: "allow", mount: func(s *shop) {
			digest := s.remit()
			s.git("alice", "checkout -q main")
			s.add("CHANGELOG.md", "# Changes\n\nA fix.\n")
			s.signed("alice", "Fix", "")
			s.git("coder", "checkout -q agent/pay")
			s.add("src/x", "x")
			s.signed("coder", "x", digest)
			s.git("coder", "merge -q --no-commit main")
			s.signed("coder", "Merge main", digest)
		}},
		{name: "merge whose tree is the last parent's", verdict: "deny", rules: []string{"evil-merge", "not-granted"}, mount: func(s *shop) {
			digest := s.remit()
			old := s.git("alice", "rev-parse HEAD")
			s.git("alice", "checkout -q main")
			s.add("CHANGELOG.md", "# Changes\n\nA fix.\n")
			s.signed("alice", "Fix", "")
			s.git("coder", "checkout -q -b agent/side "+old)
			s.add("src/x", "x")
			side := s.signed("coder", "x", digest)
			fixed := s.git("alice", "rev-parse main")
			p := s.commitText(s.git("alice", "rev-parse "+side+"^{tree}"), []string{fixed, side}, "", trailer(digest))
			s.git("coder", "checkout -q agent/pay")
			s.tip(s.signedRaw(p, s.sign("coder", "git", p)))
		}},
		{name: "octopus", verdict: "deny", rules: []string{"octopus-merge"}, mount: merge(nil, "agent/one", "agent/two")},
		{name: "same parent twice", verdict: "deny", rules: []string{"signature-malformed"}, mount: func(s *shop) {
			head := s.git("alice", "rev-parse HEAD")
			p := s.commitText(s.git("alice", "rev-parse HEAD^{tree}"), []string{head, head}, "", trailer(s.remit()))
			s.tip(insert(p, header("gpgsig", s.sign("coder", "git", p))))
		}},
		{name: "near miss: empty commit", verdict: "allow", mount: func(s *shop) { s.signed("coder", "Empty", s.remit()) }},
		{name: "empty commit without a delegation", verdict: "deny", rules: []string{"unknown-key"}, mount: func(s *shop) { s.signed("coder", "Empty", "") }},
		{name: "empty commit after the end", verdict: "deny", rules: []string{"delegation-expired"}, mount: func(s *shop) {
			s.signed("coder", "Empty", s.remit())
			s.at(time.Hour)
		}},
		{name: "author is a human", verdict: "allow", rules: []string{"warn:identity-mismatch"}, mount: func(s *shop) {
			s.add("src/x", "x")
			s.signed("coder", "x", s.remit(), "--author", "Alice <alice@shop.example>")
		}},
		{name: "near miss: co-author is a human", verdict: "allow", mount: func(s *shop) {
			s.add("src/x", "x")
			s.signed("coder", "x\n\nCo-authored-by: Alice <alice@shop.example>", s.remit())
		}},
		{name: "no common history", verdict: "deny", rules: append([]string{"protected-path"}, outside...), mount: func(s *shop) {
			digest := s.remit()
			s.git("coder", "checkout -q --orphan agent/orphan")
			s.signed("coder", "Everything", digest)
		}},
	})
}

func TestAttackRefs(t *testing.T) {
	commit := func(s *shop) {
		s.add("src/x", "x")
		s.signed("coder", "x", s.remit())
	}
	runAttacks(t, []attack{
		{name: "branch called like a ref", verdict: "deny", rules: []string{"ref-unsafe", "scope-branch", "not-granted"}, args: []string{"--ref", "refs/heads/refs/heads/agent/x"}, mount: commit},
		{name: "branch with dots", verdict: "deny", rules: []string{"ref-unsafe"}, args: []string{"--ref", "refs/heads/agent/../main"}, mount: commit},
		{name: "short name", verdict: "deny", rules: []string{"ref-unsafe", "scope-branch", "not-granted"}, args: []string{"--ref", "agent/pay"}, mount: commit},
		{name: "HEAD", verdict: "deny", rules: []string{"ref-unsafe", "scope-branch", "not-granted"}, args: []string{"--ref", "HEAD"}, mount: commit},
		{name: "branch in another case", verdict: "deny", rules: []string{"scope-branch", "not-granted"}, args: []string{"--ref", "refs/heads/Agent/x"}, mount: commit},
		{name: "tag called like the branch", code: 3, says: "more than one ref has that short name", span: "main..agent/pay", mount: func(s *shop) {
			commit(s)
			s.git("coder", "tag agent/pay main")
		}},
		{name: "tag called like the base", code: 3, says: "more than one ref has that short name", mount: func(s *shop) {
			commit(s)
			s.git("coder", "tag main HEAD")
		}},
		{name: "branch called like an option", code: 3, says: "names no commit", span: "main..--output=x", mount: commit},
		{name: "base that is a tree", code: 3, says: "tree", span: "main^{tree}..HEAD", mount: commit},
		{name: "near miss: full names", verdict: "allow", span: "refs/heads/main..refs/heads/agent/pay", mount: func(s *shop) {
			commit(s)
			s.git("coder", "tag main HEAD")
			s.git("coder", "tag agent/pay main")
		}},
	})
}

// loose is the file of a loose object.
func (s *shop) loose(id string) string { return s.path("shop/.git/objects/" + id[:2] + "/" + id[2:]) }

func TestAttackHistory(t *testing.T) {
	// bad makes a commit that must be denied, and a good one on top.
	bad := func(s *shop) (worse, head string) {
		digest := s.remit()
		s.add("deploy/x", "x")
		worse = s.signed("coder", "bad", digest)
		s.add("src/x", "x")
		return worse, s.signed("coder", "good", digest)
	}
	denied := []string{"not-granted", "scope-path"}
	undecided := []string{"history-incomplete"}
	spoil := func(what string, change func(s *shop, file string)) func(*shop) {
		return func(s *shop) {
			s.add("src/x", "x")
			s.signed("coder", "x", s.remit())
			file := s.loose(s.git("alice", "rev-parse "+what))
			if err := os.Chmod(file, 0o600); err != nil {
				s.t.Fatal(err)
			}
			change(s, file)
		}
	}
	remove := func(s *shop, file string) {
		if err := os.Remove(file); err != nil {
			s.t.Fatal(err)
		}
	}
	overwrite := func(s *shop, file string, content []byte) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	// other is another object's file, whole and well-formed.
	other := func(rev string) func(*shop, string) {
		return func(s *shop, file string) {
			b, err := os.ReadFile(s.loose(s.git("alice", "rev-parse "+rev)))
			if err != nil {
				s.t.Fatal(err)
			}
			overwrite(s, file, b)
		}
	}
	runAttacks(t, []attack{
		{name: "replaced by a good commit", verdict: "deny", rules: denied, mount: func(s *shop) {
			worse, _ := bad(s)
			s.git("coder", "checkout -q -b agent/nice main")
			s.add("src/nice", "x")
			nice := s.signed("coder", "nice", s.remit())
			s.git("coder", "checkout -q agent/pay")
			s.git("coder", "replace "+worse+" "+nice)
		}},
		{name: "replaced base with another policy", verdict: "deny", rules: denied, mount: func(s *shop) {
			bad(s)
			s.git("coder", "checkout -q -b agent/policy main")
			text, err := os.ReadFile(s.path("shop/policies.hcl"))
			if err != nil {
				s.t.Fatal(err)
			}
			s.add("policies.hcl", strings.Replace(string(text), `["src/**", "test/**"]`, `["**"]`, 1))
			mine := s.signed("coder", "mine", "")
			s.git("coder", "checkout -q agent/pay")
			s.git("coder", "replace -f main "+mine)
		}},
		{name: "grafted away", verdict: "deny", rules: denied, mount: func(s *shop) {
			_, head := bad(s)
			s.write("shop/.git/info/grafts", head+" "+s.git("alice", "rev-parse main")+"\n")
		}},
		{name: "marked as shallow", verdict: "deny", rules: denied, mount: func(s *shop) {
			_, head := bad(s)
			s.write("shop/.git/shallow", head+"\n")
		}},
		{name: "shallow clone, in which git counts one commit of two", verdict: "undecided", rules: undecided, span: "origin/main..HEAD", mount: func(s *shop) {
			bad(s)
			s.git("alice", "push -q origin HEAD:agent/pay refs/remit/delegations/*")
			s.ok("alice", ".", "mv", "shop", "whole")
			s.ok("alice", ".", "git", "clone", "-q", "--depth", "1", "--no-single-branch", "-b", "agent/pay", "file://"+s.path("shop.git"), "shop")
			s.git("alice", "fetch -q --depth 1 origin refs/remit/*:refs/remit/*")
			if n := s.git("alice", "rev-list --count origin/main..HEAD"); n != "1" {
				s.t.Fatal(n)
			}
		}},
		{name: "base that was not fetched", code: 3, says: "git fetch --unshallow", span: "origin/main..HEAD", mount: func(s *shop) {
			bad(s)
			s.git("alice", "push -q origin HEAD:agent/pay")
			s.ok("alice", ".", "mv", "shop", "whole")
			s.ok("alice", ".", "git", "clone", "-q", "--depth", "1", "-b", "agent/pay", "file://"+s.path("shop.git"), "shop")
		}},
		{name: "base by an id that is not there", code: 3, says: "fetch", span: strings.Repeat("1", 40) + "..HEAD", mount: func(s *shop) { bad(s) }},
		{name: "missing tree", verdict: "undecided", rules: undecided, mount: spoil("HEAD^{tree}", remove)},
		{name: "missing folder", verdict: "undecided", rules: undecided, mount: spoil("HEAD:src", remove)},
		{name: "near miss: missing file, which nobody reads", verdict: "allow", mount: spoil("HEAD:src/x", remove)},
		{name: "missing commit in between", verdict: "undecided", rules: undecided, mount: func(s *shop) {
			worse, _ := bad(s)
			remove(s, s.loose(worse))
		}},
		{name: "corrupted tree", verdict: "undecided", rules: undecided, mount: spoil("HEAD^{tree}", func(s *shop, f string) { overwrite(s, f, []byte("nonsense")) })},
		{name: "tree with another one's content", verdict: "undecided", rules: undecided, mount: spoil("HEAD^{tree}", other("main^{tree}"))},
		{name: "commit with another one's content", verdict: "undecided", rules: undecided, mount: func(s *shop) {
			worse, _ := bad(s)
			b, err := os.ReadFile(s.loose(s.git("alice", "rev-parse HEAD")))
			if err != nil {
				s.t.Fatal(err)
			}
			remove(s, s.loose(worse))
			overwrite(s, s.loose(worse), b)
		}},
		{name: "alternate with another one's content", verdict: "undecided", rules: undecided, mount: func(s *shop) {
			worse, _ := bad(s)
			s.ok("alice", ".", "mkdir", "-p", "evil/"+worse[:2])
			s.ok("alice", ".", "cp", s.loose(s.git("alice", "rev-parse HEAD")), "evil/"+worse[:2]+"/"+worse[2:])
			remove(s, s.loose(worse))
			s.write("shop/.git/objects/info/alternates", s.path("evil")+"\n")
		}},
		{name: "truncated pack", code: 3, says: "", mount: func(s *shop) {
			bad(s)
			s.git("alice", "gc -q")
			packs, err := filepath.Glob(s.path("shop/.git/objects/pack/*.pack"))
			if err != nil || len(packs) != 1 {
				s.t.Fatal(packs, err)
			}
			if err := os.Chmod(packs[0], 0o600); err != nil {
				s.t.Fatal(err)
			}
			if err := os.Truncate(packs[0], 200); err != nil {
				s.t.Fatal(err)
			}
		}},
	})
}

func TestAttackPolicyFiles(t *testing.T) {
	// head commits a policy as coder and judges by the base's.
	head := func(text string) func(*shop) {
		return func(s *shop) {
			digest := s.wide()
			s.add("policies.hcl", text)
			s.signed("coder", "x", digest)
		}
	}
	// base commits a policy to main as alice, and a good commit on top.
	base := func(text string) func(*shop) {
		return func(s *shop) {
			s.git("alice", "checkout -q main")
			s.add("policies.hcl", text)
			s.signed("alice", "policy", "")
			s.git("coder", "checkout -q -B agent/pay")
			s.add("src/x", "x")
			s.signed("coder", "x", s.remit())
		}
	}
	with := func(more string) string {
		return fmt.Sprintf(shopPolicy, key("alice"), key("bob"), key("planner"), key("bot")) + more
	}
	runAttacks(t, []attack{
		{name: "head's policy grants everything", verdict: "deny", rules: []string{"not-granted", "protected-path"}, mount: head(strings.Replace(with(""), `["src/**", "test/**"]`, `["**"]`, 1))},
		{name: "head's policy is deleted", verdict: "deny", rules: []string{"not-granted", "protected-path"}, mount: func(s *shop) {
			digest := s.wide()
			s.git("coder", "rm -q policies.hcl")
			s.signed("coder", "x", digest)
		}},
		{name: "protected even where it is granted", verdict: "pending", rules: []string{"protected-path"}, args: []string{"--policy", "../policies.hcl"}, mount: func(s *shop) {
			digest := s.wide()
			s.ok("alice", ".", "mv", "wide.hcl", "policies.hcl")
			s.add("policies.hcl", with("# more\n"))
			s.signed("coder", "x", digest)
		}},
		{name: "unknown block", code: 2, says: "Did you mean grant", mount: base(with("grnt \"x\" {}\n"))},
		{name: "unknown reference", code: 2, says: "codr", mount: base(with("revoke \"x\" {\n  agents = [agent.codr]\n}\n"))},
		{name: "nested brackets", code: 2, says: "policies.hcl", mount: base("x = " + strings.Repeat("[", 60000) + strings.Repeat("]", 60000))},
		{name: "huge", code: 2, says: "policies.hcl", mount: base(with(strings.Repeat("# more\n", 400000)))},
		{name: "empty", code: 2, says: "repository", mount: base("")},
		{name: "function that reads a file", code: 2, says: "file", mount: base(with("forbid \"x\" {\n  when = file(\"/etc/passwd\") == \"\"\n}\n"))},
		{name: "variable of the environment", code: 2, says: "env", mount: base(with("forbid \"x\" {\n  when = env.HOME == \"\"\n}\n"))},
		{name: "brace alternation", code: 2, says: "{", mount: base(with("forbid \"x\" {\n  paths = [\"" + strings.Repeat("{a,a}", 24) + "\"]\n}\n"))},
		{name: "one key for two", code: 2, says: "human.mallory", mount: base(with("human \"mallory\" {\n  keys = [\"" + key("alice") + "\"]\n}\n"))},
		{name: "a human's key for an agent", code: 2, says: "agent.evil", mount: base(with("agent \"evil\" {\n  keys = [\"" + key("alice") + "\"]\n  delegators = [human.alice]\n}\n"))},
		{name: "key of low order", code: 2, says: "policies.hcl", mount: base(with("human \"mallory\" {\n  keys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]\n}\n"))},
		{name: "near miss: stars and stars", verdict: "allow", mount: base(with("forbid \"x\" {\n  paths = [\"" + strings.Repeat("**/", 20) + "zzz\"]\n}\n"))},
		{name: "policy is a symlink", code: 3, says: "policies.hcl", mount: func(s *shop) {
			base(with(""))(s)
			s.git("alice", "checkout -q main")
			s.ok("alice", "shop", "ln", "-sf", "src/pay.go", "policies.hcl")
			s.git("alice", "add policies.hcl")
			s.signed("alice", "link", "")
			s.git("alice", "checkout -q agent/pay")
		}},
		{name: "policy is a folder", code: 3, says: "policies.hcl", mount: func(s *shop) {
			base(with(""))(s)
			s.git("alice", "checkout -q main")
			s.git("alice", "rm -q policies.hcl")
			s.add("policies.hcl/x", "x")
			s.signed("alice", "folder", "")
			s.git("alice", "checkout -q agent/pay")
		}},
	})
}

// A checkout is an agent's to prepare. No program that its configuration names runs when it is judged.
func TestAttackHostileCheckout(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.git("coder", "checkout -q -b agent/pay")
	s.add("src/x", "x")
	s.add("src/.gitattributes", "* diff=evil filter=evil merge=evil\n")
	s.signed("coder", "x", s.remit())
	s.git("coder", "checkout -q -b agent/side main")
	s.add("src/y", "y")
	s.signed("coder", "y", s.remit())
	s.git("coder", "checkout -q agent/pay")
	s.git("coder", "merge -q --no-commit --no-ff agent/side")
	s.signed("coder", "merge", s.remit())
	s.git("coder", "push -q origin main")

	ran := s.path("ran")
	s.write("evil", "#!/bin/sh\necho \"$0 $*\" >>"+ran+"\nexit 1\n")
	s.ok("alice", ".", "chmod", "755", "evil")
	evil := s.path("evil")
	hooks := s.path("evilhooks")
	for _, name := range []string{"pre-commit", "post-checkout", "reference-transaction", "post-index-change", "fsmonitor-watchman", "pre-auto-gc"} {
		s.write("evilhooks/"+name, "#!/bin/sh\necho \"$0 $*\" >>"+ran+"\n")
		s.ok("alice", ".", "chmod", "755", "evilhooks/"+name)
	}
	config := "[core]\n\tfsmonitor = " + evil + "\n\thooksPath = " + hooks + "\n\tpager = " + evil + "\n\teditor = " + evil +
		"\n\tsshCommand = " + evil + "\n\taskPass = " + evil + "\n\talternateRefsCommand = " + evil + "\n\tattributesFile = " + s.path("attributes") +
		"\n[diff]\n\texternal = " + evil + "\n[diff \"evil\"]\n\ttextconv = " + evil + "\n\tcommand = " + evil +
		"\n[filter \"evil\"]\n\tclean = " + evil + "\n\tsmudge = " + evil + "\n\tprocess = " + evil + "\n\trequired = true" +
		"\n[merge \"evil\"]\n\tdriver = " + evil + " %O %A %B\n[alias]\n"
	for _, name := range []string{"rev-parse", "cat-file", "merge-tree", "diff-tree", "log", "rev-list", "hash-object", "for-each-ref", "config", "remote"} {
		config += "\t" + name + " = !" + evil + "\n"
	}
	config += "[credential]\n\thelper = !" + evil + "\n[gpg]\n\tprogram = " + evil + "\n[gpg \"ssh\"]\n\tprogram = " + evil + "\n\tdefaultKeyCommand = " + evil +
		"\n[uploadpack]\n\tpackObjectsHook = " + evil + "\n[remote \"origin\"]\n\tuploadpack = " + evil + "\n\treceivepack = " + evil + "\n\tvcs = evil" +
		"\n[extensions]\n\tpartialClone = origin\n[remote \"origin\"]\n\tpromisor = true\n[pager]\n\tlog = " + evil + "\n[trace2]\n\teventTarget = " + s.path("ran") + "\n"
	s.write("attributes", "* diff=evil filter=evil merge=evil\n")
	s.write("included", config)
	s.write("shop/.git/info/attributes", "* diff=evil filter=evil merge=evil\n")
	text, err := os.ReadFile(s.path("shop/.git/config"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("shop/.git/config", string(text)+config+"[includeIf \"gitdir:**\"]\n\tpath = "+s.path("included")+"\n[include]\n\tpath = "+s.path("included")+"\n")

	quiet := func(what string) {
		t.Helper()
		if b, err := os.ReadFile(ran); err == nil {
			t.Errorf("%s ran: %s", what, b)
			if err := os.Remove(ran); err != nil {
				t.Fatal(err)
			}
		}
	}
	// That they would run is what makes this a test.
	if r := s.run("alice", "shop", nil, "git", "status"); !exists(ran) {
		t.Fatalf("git itself runs none of them: %+v", r)
	}
	if err := os.Remove(ran); err != nil {
		t.Fatal(err)
	}
	s.t = t
	for _, span := range []string{"main..HEAD", "origin/main..agent/pay", "main..@", "main..HEAD~0"} {
		s.judged(attack{verdict: "allow", span: span, args: []string{"--ref", "refs/heads/agent/pay"}})
		quiet("check " + span)
	}
	s.run("alice", "shop", nil, "remit", "check")
	quiet("check")
	s.ok("alice", "shop", "remit", "delegations")
	quiet("delegations")
	s.ok("alice", "shop", "remit", "policy", "validate")
	quiet("policy validate")

	// The server's hook, where what is pushed brings attributes and the repository is configured so.
	bare := s.path("shop.git")
	s.ok("alice", "shop.git", "remit", "hooks", "install", "--server", "--root-key", s.path("home/alice/keys/alice.pub"), "--pusher-env", "PUSHER")
	s.ok("alice", ".", "rm", "-f", "ran")
	zero := strings.Repeat("0", 40)
	s.ok("alice", ".", "sh", "-c", "cp -r shop/.git/objects/. shop.git/objects/")
	head := s.ok("alice", "shop.git", "git", "--git-dir", s.path("shop/.git"), "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "rev-parse", "refs/heads/agent/pay")
	b, err := os.ReadFile(filepath.Join(bare, "config"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("shop.git/config", string(b)+config)
	s.write("shop.git/info/attributes", "* diff=evil filter=evil merge=evil\n")
	s.ok("alice", ".", "rm", "-f", "ran")
	r := s.run("alice", "shop.git", []string{"PUSHER=alice", "GIT_DIR=.", "<" + zero + " " + head + " refs/heads/agent/pay\n"}, "remit", "hook", "pre-receive")
	if r.code != 1 || !strings.Contains(r.stderr, "delegation-unresolved") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	quiet("the server's hook")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
