package invariant

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
)

// authority is what an agent may do, in the words of its grant and of its delegation: what both cover.
type authority struct {
	grantPaths, paths       []string
	grantBranches, branches []string
	push, modes             bool
}

// world is all that is random about a case but its lines.
type world struct {
	coder, bot authority
	protected  []string
	bases      bool   // settings.bases has the release branch
	target     string // the branch that the coder pushes to
	attested   bool   // the server says who pushes
	option     bool   // the push names its delegation
	pulls      bool   // the coder may open pull requests to main
}

// covers says whether one of these patterns covers a name. It knows only the patterns that the tests
// here use: a name, and a folder with all that is in it.
func covers(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		folder, ok := strings.CutSuffix(p, "**")
		return p == name || ok && strings.HasPrefix(name, folder)
	})
}

// may says whether an agent may change a path on a branch from one entry to another.
func (w *world) may(a authority, branch, name string, from, to entry) bool {
	if covers(w.protected, name) || !covers(a.grantBranches, branch) || !covers(a.branches, branch) {
		return false
	}
	if to.mode != "" && to.mode != "100644" && to.mode != from.mode && !a.modes {
		return false
	}
	return covers(a.grantPaths, name) && covers(a.paths, name)
}

// work reports whether what stands on the default branch is nobody's on the target.
func (w *world) work() bool {
	return w.target != "main" && !(w.bases && strings.HasPrefix(w.target, "release/"))
}

func quoted(list []string) string { return `"` + strings.Join(list, `", "`) + `"` }

func (w *world) policy() string {
	var b strings.Builder
	b.WriteString("repository = \"github.com/acme/shop\"\n\nsettings {\n")
	fmt.Fprintf(&b, "  protected = [%s]\n", quoted(w.protected))
	if w.bases {
		b.WriteString("  bases = [\"main\", \"release/**\"]\n")
	}
	b.WriteString("}\n")
	for _, who := range []string{"alice", "bob"} {
		fmt.Fprintf(&b, "\nhuman %q {\n  github = %q\n  keys   = [%q]\n}\n", who, who, dt.Key("human."+who).AuthorizedKey())
	}
	for _, a := range []struct {
		name string
		may  authority
	}{{"coder", w.coder}, {"bot", w.bot}} {
		actions, modes := `"commit"`, ""
		if a.may.push {
			actions += `, "push"`
		}
		if w.pulls {
			actions += `, "pull_request"`
		}
		if a.may.modes {
			modes = "  modes    = [\"symlink\", \"executable\"]\n"
		}
		fmt.Fprintf(&b, "\nagent %q {\n  login      = %q\n  keys       = [%q]\n  delegators = [human.alice]\n}\n", a.name, a.name, dt.Key("agent."+a.name).AuthorizedKey())
		fmt.Fprintf(&b, "\ngrant %q {\n  to       = [agent.%s]\n  actions  = [%s]\n  branches = [%s]\n  paths    = [%s]\n%s}\n",
			a.name+" works", a.name, actions, quoted(a.may.grantBranches), quoted(a.may.grantPaths), modes)
	}
	return b.String()
}

// begin makes the repository that the lines of a case then change.
func (w *world) begin(t testing.TB) *history {
	t.Helper()
	return w.beginIn(t, t.TempDir())
}

func (w *world) beginIn(t testing.TB, dir string, parents ...string) *history {
	t.Helper()
	files := map[string]string{"policies.hcl": w.policy()}
	for _, name := range []string{"src/a", "src/b", "src/core/a", "src/core/b", "lib/a", "lib/b", "lib/secure/a", "docs/a", "docs/b", ".github/hooks/a", "test/a"} {
		files[name] = text(name)
	}
	h := newHistory(t, dir, files, parents...)
	for _, a := range []struct {
		name string
		may  authority
	}{{"coder", w.coder}, {"bot", w.bot}} {
		actions := []names.Action{names.Commit}
		if a.may.push {
			actions = append(actions, names.Push)
		}
		if w.pulls {
			actions = append(actions, names.PullRequest)
		}
		h.delegate(a.name, actions, a.may.branches, a.may.paths)
	}
	return h
}

func randomWorld(d dice) world {
	paths := [][]string{
		{"src/**"}, {"src/**", "docs/**"}, {"src/core/**", "docs/a"}, {"lib/**", "src/**"}, {"docs/**"}, {"**"}, {"src/a", "src/core/**", "test/**"},
	}
	agent := func(own string) authority {
		a := authority{grantPaths: pick(d, paths...), grantBranches: []string{own}, branches: []string{"**"}, push: d.chance(15), modes: d.chance(30)}
		a.paths = a.grantPaths
		if d.chance(40) {
			a.paths = pick(d, paths...)
		}
		if d.chance(30) {
			a.branches = a.grantBranches
		}
		return a
	}
	w := world{coder: agent("agent/**"), bot: agent("agent/**"), bases: d.chance(60), attested: d.chance(50), option: d.chance(50)}
	w.target = pick(d, "agent/a", "agent/a", "agent/new", "main", "main", "release/1", "release/1", "agent/b")
	if d.chance(90) && !strings.HasPrefix(w.target, "agent/") {
		w.coder.grantBranches = append(w.coder.grantBranches, w.target)
	}
	if d.chance(60) {
		w.bot.grantBranches = append(w.bot.grantBranches, w.target)
	}
	w.protected = []string{"policies.hcl", ".github/**"}
	if d.chance(60) {
		w.protected = append(w.protected, "lib/secure/**")
	}
	return w
}

// folders are the places that files are put and moved to, by the names that leaves gives.
func folders() []string {
	return []string{"src", "src/core", "lib", "lib/secure", "docs", ".github/hooks", "test", "new"}
}

func leaves() []string { return []string{"a", "b", "c"} }

// randomChange is one change to a branch, mostly to what pred likes.
func randomChange(d dice, h *history, branch string, likes func(string) bool, careful bool) string {
	stray := func() bool { return !careful && d.chance(2) }
	var all []string
	for _, p := range slices.Sorted(maps.Keys(h.tip(branch))) {
		if p != "policies.hcl" && (likes(p) || stray()) {
			all = append(all, p)
		}
	}
	fresh := func() string {
		for range 20 {
			if p := pick(d, folders()...) + "/" + pick(d, leaves()...); likes(p) || stray() {
				return p
			}
		}
		return "src/c"
	}
	if len(all) == 0 {
		return fmt.Sprintf("add %s t%d", fresh(), d.IntN(5))
	}
	p := pick(d, all...)
	kind := d.IntN(20)
	if careful {
		kind = d.IntN(16)
	}
	switch kind {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		return fmt.Sprintf("edit %s %d v%d", p, d.IntN(16), d.IntN(100))
	case 8, 9:
		return fmt.Sprintf("add %s t%d", fresh(), d.IntN(5))
	case 10, 11:
		return "delete " + p
	case 12, 13, 14:
		return "move " + p + " " + fresh()
	case 15:
		return "copy " + p + " " + fresh()
	case 16, 17:
		return "movedir " + p[:strings.LastIndex(p, "/")] + " " + pick(d, folders()...)
	case 18:
		return pick(d, "exec ", "link ") + p
	default:
		return fmt.Sprintf("restore %s %s~%d", p, pick(d, "main", "feature", "release/1"), d.IntN(3))
	}
}

// randomLine is one line for a history as it is now. A careful coder keeps to its files and leaves
// merges as git leaves them: then only git and the judge can go wrong.
func randomLine(d dice, h *history, w *world, careful bool) string {
	anybody := func(string) bool { return true }
	coder := func(p string) bool { return w.may(w.coder, w.target, p, entry{}, entry{}) }
	bot := func(p string) bool { return w.may(w.bot, w.target, p, entry{}, entry{}) }
	some := func() string {
		at := pick(d, "main", "main", "main", "feature", "release/1", "agent/a", "agent/b", "patch", "tmp", "work", w.target)
		if careful {
			at = pick(d, "main", "main", "main", "feature", "tmp", "work", w.target)
		}
		if h.branches[at] == "" {
			at = "main"
		}
		return at + pick(d, "", "", "", "~1", "~2", "^2")
	}
	who, branch, likes := "coder", pick(d, "work", "work", "work", "tmp"), coder
	switch d.IntN(10) {
	case 0, 1, 2, 3:
		who, branch, likes = pick(d, "alice", "bob"), pick(d, "main", "main", "main", "release/1", "feature", "feature", "patch"), anybody
	case 4:
		who, branch, likes = "bot", "agent/b", bot
	}
	how := func() string { return pick(d, "leave", "leave", "leave", "ours", "theirs", "keep", "take", "swap") }
	changes := func(branch string, likes func(string) bool) string {
		line := randomChange(d, h, branch, likes, false)
		for d.chance(30) {
			line += "; " + randomChange(d, h, branch, likes, false)
		}
		return line
	}
	head := who + "@" + branch + " "
	if careful && who == "coder" {
		switch n := d.IntN(20); {
		case n < 9:
			return head + randomChange(d, h, branch, likes, true)
		case n < 12:
			return head + "merge main leave"
		case n < 16:
			return head + "merge " + some() + pick(d, " leave", " leave", " swap")
		case n < 19:
			return branch + " start " + some()
		default:
			return "agent/a start work"
		}
	}
	switch n := d.IntN(20); {
	case n < 9:
		return head + changes(branch, likes)
	case n < 14:
		return head + "merge " + some() + " " + how()
	case n < 15:
		return head + "merge " + some() + " " + how() + "; " + changes(branch, likes)
	case n < 16:
		return head + "merge " + some() + " " + some() + " leave"
	case n < 17:
		return head + "pick " + some()
	case n < 18 && who == "coder":
		return branch + " start " + pick(d, w.target, "main", some())
	case n < 19 && who == "coder" && w.target == "agent/a":
		return "agent/a start work" // as if pushed before
	default:
		return head + "merge main " + how()
	}
}

// randomLines makes a history as it goes.
func randomLines(d dice, h *history, w *world) []string {
	var lines []string
	do := func(l string) {
		if h.do(l) {
			lines = append(lines, l)
		}
	}
	careful := d.chance(65)
	do("work start " + pick(d, w.target, "main"))
	for range 6 + d.IntN(16) {
		do(randomLine(d, h, w, careful))
	}
	likes := func(p string) bool { return w.may(w.coder, w.target, p, entry{}, entry{}) }
	if !w.work() && careful && d.chance(60) {
		do("coder@work merge " + w.target + " leave") // or it leaves behind what stands there
	}
	if c := h.commits[h.branches["work"]]; c.by != "coder" && d.chance(80) {
		do("coder@work " + randomChange(d, h, "work", likes, careful))
	}
	return lines
}

// comparable reports whether every door is asked about the same commits: check takes its whole range
// for new, so all of what main does not have must be new to the server; and it moves no ref, so the
// push must not force one.
func (w *world) comparable(h *history) bool {
	old, tip := h.branches[w.target], h.branches["work"]
	if old == tip || old != "" && !h.ancestors(tip)[old] {
		return false
	}
	trunk := h.ancestors(h.branches["main"])
	if trunk[tip] {
		return false
	}
	for name, id := range h.branches {
		if !published(name) {
			continue
		}
		for c := range h.ancestors(id) {
			if !trunk[c] && h.ancestors(tip)[c] {
				return false
			}
		}
	}
	return true
}

// newCase makes a history in which the coder's branch, work, is made of what main and other branches do
// not have.
func newCase(t testing.TB, seed uint64, target string, begin func(*world) *history) (*world, *history, []string) {
	t.Helper()
	d := newDice(seed)
	w := randomWorld(d)
	w.target = target
	w.coder.push, w.bot.push = false, false
	if w.target == "main" {
		w.coder.grantBranches = []string{"agent/**", "main"}
	}
	h := begin(&w)
	var lines []string
	do := func(l string) {
		if h.do(l) {
			lines = append(lines, l)
		}
	}
	careful := d.chance(50)
	for range 4 + d.IntN(8) {
		l := randomLine(d, h, &w, careful)
		if head, _, _ := strings.Cut(l, " "); !strings.HasPrefix(head, "agent/") && !strings.HasSuffix(head, "feature") {
			do(l)
		}
	}
	do("coder@work " + randomChange(d, h, "work", func(p string) bool { return w.may(w.coder, w.target, p, entry{}, entry{}) }, careful))
	return &w, h, lines
}

// Case is a history for a door that only others can ask.
type Case struct {
	Main, Head string // commits: of main, and of a branch of the coder's that the server has not
	Lines      []string
	world      *world
	h          *history
}

// NewCase makes the case of a seed in a bare repository, above a commit that is there. The coder may
// open pull requests to main. It is nil where the seed gives nothing to compare.
func NewCase(t testing.TB, seed uint64, dir, above string) *Case {
	t.Helper()
	w, h, lines := newCase(t, seed, "agent/new", func(w *world) *history {
		w.pulls, w.bases = true, false
		w.coder.grantBranches = []string{"agent/**", "main"}
		return w.beginIn(t, dir, above)
	})
	if !w.comparable(h) {
		return nil
	}
	return &Case{Main: h.branches["main"], Head: h.branches["work"], Lines: lines, world: w, h: h}
}

// CaseOf is the case of some lines, each of which must mean something. The coder may change src and
// docs; below lib/secure and .github is protected.
func CaseOf(t testing.TB, dir, above string, lines ...string) *Case {
	t.Helper()
	mine := []string{"src/**", "docs/**"}
	a := authority{grantPaths: mine, paths: mine, grantBranches: []string{"agent/**", "main"}, branches: []string{"**"}}
	w := &world{coder: a, bot: a, protected: []string{"policies.hcl", ".github/**", "lib/secure/**"}, target: "agent/new", pulls: true}
	h := w.beginIn(t, dir, above)
	for _, l := range lines {
		if !h.do(l) {
			t.Fatalf("%q means nothing after %q", l, h.script)
		}
	}
	return &Case{Main: h.branches["main"], Head: h.branches["work"], Lines: lines, world: w, h: h}
}

// Landing are the paths that merging the branch into main would change and that neither agent may
// change; ok is false where it does not merge.
func (c *Case) Landing() (wrong []string, ok bool) {
	before := c.h.commits[c.Main].tree
	after, conflicts := c.h.merged([]string{c.Main, c.Head})
	had, fresh := c.h.ancestors(c.Main), c.h.ancestors(c.Head)
	maps.DeleteFunc(fresh, func(id string, _ bool) bool { return had[id] })
	for _, p := range differing(before, after) {
		if !c.world.may(c.world.coder, c.world.target, p, before[p], after[p]) && !c.world.botPut(c.h, p, before[p], after[p], fresh) {
			wrong = append(wrong, fmt.Sprintf("%s: %s -> %s", p, shown(before[p]), shown(after[p])))
		}
	}
	return wrong, len(conflicts) == 0
}

// botPut says whether the bot brought an entry to a path where it may.
func (w *world) botPut(h *history, name string, from, to entry, fresh map[string]bool) bool {
	for id := range fresh {
		c := h.commits[id]
		if c.by == "bot" && c.tree[name] == to && w.may(w.bot, w.target, name, from, to) {
			return true
		}
	}
	return false
}

func shown(e entry) string {
	if e.id == "" {
		return "nothing"
	}
	return e.mode + " " + e.id[:8]
}

// dice are the random choices of one seed.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 0x72656d6974))} }

// chance is true so many times out of a hundred.
func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

// pick picks one.
func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }
