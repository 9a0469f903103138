package invariant

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

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
			actions = `"commit", "push"`
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
	files := map[string]string{"policies.hcl": w.policy()}
	for _, name := range []string{"src/a", "src/b", "src/core/a", "src/core/b", "lib/a", "lib/b", "lib/secure/a", "docs/a", "docs/b", ".github/hooks/a", "test/a"} {
		files[name] = text(name)
	}
	h := newHistory(t, t.TempDir(), files)
	for _, a := range []struct {
		name string
		may  authority
	}{{"coder", w.coder}, {"bot", w.bot}} {
		actions := []names.Action{names.Commit}
		if a.may.push {
			actions = append(actions, names.Push)
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

// somewhere are the places that files are put and moved to.
var (
	folders = []string{"src", "src/core", "lib", "lib/secure", "docs", ".github/hooks", "test", "new"}
	leaves  = []string{"a", "b", "c"}
)

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
			if p := pick(d, folders...) + "/" + pick(d, leaves...); likes(p) || stray() {
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
		return "movedir " + p[:strings.LastIndex(p, "/")] + " " + pick(d, folders...)
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

// landed are the paths that an allowed change of the target has no right to change, told for people.
//
// It is the oracle: what differs between what stood there and what is to stand there must be the
// coder's to change; or stand at the default branch, on a branch that only catches up with it; or be
// what another agent, that may, signed in a new commit, where nobody says who pushes.
func (w *world) landed(h *history, old, tip string, fresh map[string]bool) []string {
	before, after := tree{}, h.commits[tip].tree
	if old != "" {
		before = h.commits[old].tree
	}
	var exempt []tree
	if w.work() {
		exempt = []tree{h.tip("main")}
		above := h.ancestors(tip)
		for id := h.branches["main"]; ; {
			c := h.commits[id]
			if above[id] { // the newest of the default branch that it has caught up with
				exempt = append(exempt, c.tree)
				break
			}
			if len(c.parents) == 0 {
				break
			}
			id = c.parents[0]
		}
	}
	var wrong []string
	for _, p := range differing(before, after) {
		if w.may(w.coder, w.target, p, before[p], after[p]) || slices.ContainsFunc(exempt, func(t tree) bool { return t[p] == after[p] }) {
			continue
		}
		if !w.attested && w.botPut(h, p, before[p], after[p], fresh) {
			continue
		}
		// Whoever was granted push may move a branch onto what others made, but for protected paths.
		if w.coder.push && !covers(w.protected, p) {
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%s: %s -> %s", p, shown(before[p]), shown(after[p])))
	}
	return wrong
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

// outcome is what came of one case.
type outcome struct {
	script   []string
	door     string // where it was let through
	wrong    []string
	pushed   bool // there was something to push
	allowed  int
	declined []string
}

// run makes the history of some lines, lets the coder push it and checks it, and says what came to
// stand on the target that must not.
func (w *world) run(t testing.TB, lines []string) outcome {
	t.Helper()
	h := w.begin(t)
	for _, l := range lines {
		h.do(l)
	}
	return w.push(h)
}

func (w *world) push(h *history) outcome {
	h.t.Helper()
	out := outcome{script: h.script}
	h.refs()
	h.serve()
	old, tip := h.branches[w.target], h.branches["work"]
	if old == tip || !w.attested && h.commits[tip].by != "coder" {
		return out // nothing to push, or by all that is known not the coder's push
	}
	out.pushed = true
	had := map[string]bool{}
	for name, id := range h.branches {
		if published(name) {
			maps.Copy(had, h.ancestors(id))
		}
	}
	fresh := h.ancestors(tip)
	maps.DeleteFunc(fresh, func(id string, _ bool) bool { return had[id] })

	said := old
	if old == "" {
		said = zeros
	}
	var extra []string
	if w.attested {
		extra = append(extra, "PUSHER=coder")
		if w.option {
			extra = append(extra, "GIT_PUSH_OPTION_COUNT=1", "GIT_PUSH_OPTION_0=delegation="+h.trailer["coder"])
		}
	}
	from := old
	if from == "" {
		from = h.branches["main"]
	}
	r := h.remit(said+" "+tip+" refs/heads/"+w.target+"\n", extra, "hook", "pre-receive")
	switch {
	case r.code != 0:
		out.declined = append(out.declined, r.stderr+r.stdout)
	default:
		out.allowed++
		if wrong := w.landed(h, from, tip, fresh); len(wrong) > 0 {
			out.door, out.wrong = "pre-receive", wrong
			return out
		}
	}
	// A range is judged as if pushed to where its base is.
	base := h.branches["main"]
	if !w.work() {
		base = old
		if !h.ancestors(tip)[old] {
			return out
		}
	}
	if h.ancestors(base)[tip] {
		return out // nothing in it
	}
	args := []string{"check", base + ".." + tip, "--ref", "refs/heads/" + w.target, "--format", "json"}
	if w.attested {
		args = append(args, "--pusher", "coder")
	}
	c := h.remit("", nil, args...)
	switch {
	case c.code != 0:
		out.declined = append(out.declined, c.stdout+c.stderr)
	default:
		out.allowed++
		in := h.ancestors(tip)
		maps.DeleteFunc(in, func(id string, _ bool) bool { return h.ancestors(base)[id] })
		if wrong := w.landed(h, base, tip, in); len(wrong) > 0 {
			out.door, out.wrong = "check", wrong
		}
	}
	return out
}

// shrink drops lines as long as the case still goes wrong at the same door.
func (w *world) shrink(t testing.TB, lines []string, door string) []string {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for size := max(1, len(lines)/2); size > 0; {
		shorter := false
		for from := 0; from+size <= len(lines) && time.Now().Before(end); {
			less := slices.Delete(slices.Clone(lines), from, from+size)
			if out := w.run(t, less); len(out.wrong) > 0 && out.door == door {
				lines, shorter = less, true
			} else {
				from += size
			}
		}
		if !shorter || size > 1 {
			size /= 2
		}
	}
	for i := range lines {
		for words := strings.Split(lines[i], "; "); len(words) > 1 && time.Now().Before(end); {
			less := slices.Clone(lines)
			less[i] = strings.Join(words[:len(words)-1], "; ")
			if out := w.run(t, less); len(out.wrong) == 0 || out.door != door {
				break
			}
			lines, words = less, words[:len(words)-1]
		}
	}
	return lines
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

// TestPropertyLanding: whatever the history is, what an agent is allowed to push changes nothing at
// the target that it may not change.
func TestPropertyLanding(t *testing.T) {
	pushed, allowed := 0, 0
	property(t, 80, func(t *testing.T, seed uint64) {
		d := newDice(seed)
		w := randomWorld(d)
		h := w.begin(t)
		lines := randomLines(d, h, &w)
		out := w.push(h)
		if out.pushed {
			pushed++
		}
		allowed += out.allowed
		if len(out.wrong) == 0 {
			return
		}
		short := w.shrink(t, lines, out.door)
		got := w.run(t, short)
		t.Errorf("REMIT_SEED=%d: %s allows what the coder may not change\n%s", seed, got.door, w.tell(got))
	})
	t.Logf("%d pushes, %d allowed by one door or both", pushed, allowed)
}

// tell writes a case down so that it can be read and made a test of its own.
func (w *world) tell(o outcome) string {
	return fmt.Sprintf("%s\n  work is pushed to %s; changed there without right:\n    %s\nworld: %+v",
		"  "+strings.Join(o.script, "\n  "), w.target, strings.Join(o.wrong, "\n    "), *w)
}
