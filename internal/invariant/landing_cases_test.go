package invariant

import (
	"strings"
	"testing"
)

// TestLandingCases are histories that were once let through, made short, and beside them such as must
// be. The coder may write below src and docs, on the target and on agent/**.
func TestLandingCases(t *testing.T) {
	const catchUp = "coder@work merge main leave"
	edit := func(name string) string { return "coder@work edit " + name + " 3 mine" }
	for i, c := range []struct {
		name   string
		target string
		world  func(*world)
		lines  []string
		allow  bool
	}{
		{name: "file moved to a protected path", target: "agent/new", lines: []string{"alice@main move src/a .github/hooks/b", edit("src/a"), catchUp}},
		{name: "file moved out of the scope", target: "agent/new", lines: []string{"alice@main move docs/a lib/c", edit("docs/a"), catchUp}},
		{name: "file moved out of the scope, onto main", target: "main", lines: []string{"alice@main move src/a test/b", edit("src/a"), catchUp}},
		{name: "file moved out of the scope, merged from the other side", target: "agent/new", lines: []string{"alice@main move src/a test/b", edit("src/a"), "coder@work merge main swap"}},
		{name: "file moved out of the scope in two steps", target: "agent/new", lines: []string{
			"alice@main move src/a src/c", edit("src/a"), catchUp, "alice@main move src/c lib/c", catchUp,
		}},
		{name: "near miss: file moved inside", target: "agent/new", lines: []string{"alice@main move src/a src/c", edit("src/a"), catchUp}, allow: true},
		{name: "near miss: moved out, and nothing edited", target: "agent/new", lines: []string{"alice@main move src/a lib/c", edit("src/b"), catchUp}, allow: true},

		{name: "directory moved out of the scope, under a new file", target: "agent/new", lines: []string{"alice@main movedir src/core lib/core", "coder@work add src/core/c t1", catchUp}},
		{name: "directory moved to a protected path, under a new file", target: "agent/new", lines: []string{"alice@main movedir src/core .github/core", "coder@work add src/core/c t1", catchUp}},
		{name: "directory moved out of the scope, under an edit", target: "main", lines: []string{"alice@main movedir src/core lib/core", edit("src/core/b"), catchUp}},
		{name: "near miss: directory moved inside", target: "agent/new", lines: []string{"alice@main movedir src/core docs/core", "coder@work add src/core/c t1", catchUp}, allow: true},

		{name: "directory moved out of the scope, under a file that moved", target: "agent/new", lines: []string{
			"alice@main movedir src/core lib/core", "coder@tmp move src/core/a src/core/c", "coder@tmp merge main leave", "coder@work merge tmp leave",
		}},
		{name: "near miss: both added a file in the scope", target: "agent/new", lines: []string{"alice@main add src/c t1", "coder@work add src/c t2", catchUp}, allow: true},
		{name: "near miss: both changed one file in other lines", target: "agent/new", lines: []string{"alice@main edit src/a 14 theirs", edit("src/a"), catchUp}, allow: true},

		{name: "conflict merged once more brings a deleted file back", target: "main", lines: []string{
			"alice@feature edit lib/secure/a 3 fix", "bob@main delete lib/secure/a", "bob@main merge feature ours",
			"tmp start main~1", "coder@tmp merge feature leave", "work start main", "coder@work merge tmp leave",
		}},
		{name: "conflict merged once more brings a deleted file back, on a branch", target: "agent/new", lines: []string{
			"alice@feature edit lib/a 3 fix", "bob@main delete lib/a", "bob@main merge feature ours",
			"tmp start main~1", "coder@tmp merge feature leave", "work start main", "coder@work merge tmp leave",
		}},
		{name: "all of main onto a release, under one commit", target: "release/1", world: func(w *world) { w.bases = true }, lines: []string{
			"alice@main edit lib/a 11 feature", "work start main", edit("docs/a"),
		}},
		{name: "all of main onto a release, by merge", target: "release/1", world: func(w *world) { w.bases = true }, lines: []string{
			"alice@main edit lib/a 11 feature", catchUp,
		}},
		{name: "all of main onto a release, by a merge from the other side", target: "release/1", world: func(w *world) { w.bases = true }, lines: []string{
			"alice@main edit lib/a 11 feature", edit("src/a"), "coder@work merge main swap",
		}},
		{name: "a protected file of main onto a release", target: "release/1", world: func(w *world) { w.bases = true }, lines: []string{
			"alice@main edit .github/hooks/a 3 v6", edit("src/a"), catchUp,
		}},
		{name: "near miss: a branch that is no base", target: "release/1", lines: []string{"alice@main edit lib/a 11 feature", edit("src/a"), catchUp}, allow: true},
		{name: "near miss: a fix on a release", target: "release/1", world: func(w *world) { w.bases = true }, lines: []string{"alice@main edit lib/a 11 feature", edit("src/a")}, allow: true},

		{name: "somebody's protected change forced away", target: "release/1", world: func(w *world) { w.bases, w.coder.push = true, true }, lines: []string{
			"alice@release/1 edit .github/hooks/a 3 v6", edit("src/a"),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, attested := range sides(i, false) {
				mine := []string{"src/**", "docs/**"}
				a := authority{grantPaths: mine, paths: mine, grantBranches: []string{"agent/**", c.target}, branches: []string{"**"}}
				w := world{coder: a, bot: a, protected: []string{"policies.hcl", ".github/**", "lib/secure/**"}, target: c.target, attested: attested, option: true}
				if c.world != nil {
					c.world(&w)
				}
				out := w.run(t, c.lines)
				if got := len(out.script); got != len(c.lines) {
					t.Fatalf("%d of %d lines mean something:\n  %s", got, len(c.lines), strings.Join(out.script, "\n  "))
				}
				switch {
				case len(out.wrong) > 0:
					t.Errorf("%s allows it (who pushes is said: %v)\n%s", out.door, attested, w.tell(out))
				case !c.allow && out.allowed > 0:
					t.Errorf("allowed by %d doors (who pushes is said: %v), and the oracle has nothing against it", out.allowed, attested)
				case c.allow && len(out.declined) > 0:
					t.Errorf("denied (who pushes is said: %v):\n%s", attested, out.declined[0])
				}
			}
		})
	}
}
