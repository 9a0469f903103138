package invariant

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/workflow"
)

// patience is how long any one question may take on the slowest machine. It is no measure of how fast
// remit is: it tells what ends from what does not.
const patience = time.Minute

// shape is a history that is hard on whoever reads it. Everything in it is free to make: nobody has to
// sign it.
type shape struct {
	Levels, Tips, Bombs int // criss-cross merges: levels of so many tips, and merges of the last ones
	Depth               int // commits one after the other
	Files               int // of a flat folder that one commit brings
	Nested              int // folders inside each other
	Renames             int // files that both sides of a merge move, changed a little
	Conflicts           int // files that both sides of a merge change in one line
	Parents             int // of one merge
}

// cap keeps a shape within what a test can afford to make.
func (s *shape) cap() {
	for _, f := range []struct {
		field *int
		most  int
	}{
		{&s.Levels, 24}, {&s.Tips, 5}, {&s.Bombs, 30}, {&s.Depth, 4000}, {&s.Files, 15_000}, {&s.Nested, 400}, {&s.Renames, 1200}, {&s.Conflicts, 4000}, {&s.Parents, 24},
	} {
		*f.field = max(0, min(*f.field, f.most))
	}
}

// raw makes a commit that nobody signed.
func (h *history) raw(treeID string, parents ...string) string {
	h.tick++
	var b strings.Builder
	b.WriteString("tree " + treeID + "\n")
	for _, p := range parents {
		b.WriteString("parent " + p + "\n")
	}
	fmt.Fprintf(&b, "author x <x> %d +0000\ncommitter x <x> %d +0000\n\nx\n", 1795356000+h.tick, 1795356000+h.tick)
	return h.object("commit", []byte(b.String()))
}

// build makes the history of a shape above main and returns its head.
func (s shape) build(h *history) string {
	base := h.branches["main"]
	start := h.commits[base].tree
	with := func(name, text string) string {
		files := maps.Clone(start)
		put(files, name, entry{"100644", h.object("blob", []byte(text))})
		return h.writeTree(files)
	}
	tops := []string{base}
	if s.Levels > 0 && s.Tips > 1 {
		tips := make([]string, s.Tips)
		for i := range tips {
			tips[i] = h.raw(with(fmt.Sprintf("src/f%d", i), fmt.Sprintf("start %d\n", i)), base)
		}
		for l := range s.Levels {
			next := make([]string, len(tips))
			for i := range tips {
				next[i] = h.raw(with(fmt.Sprintf("src/f%d", i%7), fmt.Sprintf("level %d tip %d\n", l, i)), slices.Concat(tips[i:], tips[:i])...)
			}
			tips = next
		}
		top := h.raw(with("src/top", "top\n"), tips[0], tips[1])
		for k := range s.Bombs {
			side := h.raw(with("src/side", fmt.Sprintf("side %d\n", k)), tips[k%s.Tips], tips[(k+1)%s.Tips])
			top = h.raw(with("src/top", fmt.Sprintf("top %d\n", k)), top, side)
		}
		tops = append(tops, top)
	}
	if s.Depth > 0 {
		top, same := base, h.writeTree(start)
		for range s.Depth {
			top = h.raw(same, top)
		}
		tops = append(tops, top)
	}
	if s.Files > 0 {
		files := maps.Clone(start)
		for i := range s.Files {
			files[fmt.Sprintf("src/wide/%d", i)] = start["src/a"]
		}
		tops = append(tops, h.raw(h.writeTree(files), base))
	}
	if s.Nested > 0 {
		tops = append(tops, h.raw(with("src/"+strings.Repeat("n/", s.Nested)+"x", "deep\n"), base))
	}
	if s.Renames > 0 {
		many, one, two := maps.Clone(start), maps.Clone(start), maps.Clone(start)
		for i := range s.Renames {
			body := strings.Repeat(fmt.Sprintf("line %d of many\n", i), 8)
			write := func(into tree, name, text string) { into[name] = entry{"100644", h.object("blob", []byte(text))} }
			write(many, fmt.Sprintf("src/m/%d", i), body)
			write(one, fmt.Sprintf("src/one/%d", i), body+"one\n")
			write(two, fmt.Sprintf("src/two/%d", s.Renames-i), "two\n"+body)
		}
		fork := h.raw(h.writeTree(many), base)
		left, right := h.writeTree(one), h.writeTree(two)
		tops = append(tops, h.raw(left, h.raw(left, fork), h.raw(right, fork)))
	}
	if s.Conflicts > 0 {
		many, one, two := maps.Clone(start), maps.Clone(start), maps.Clone(start)
		for i := range s.Conflicts {
			name := fmt.Sprintf("src/c/%d", i)
			for into, text := range map[string]tree{"base": many, "one": one, "two": two} {
				text[name] = entry{"100644", h.object("blob", fmt.Appendf(nil, "%s %d\n", into, i))}
			}
		}
		fork := h.raw(h.writeTree(many), base)
		left := h.writeTree(one)
		tops = append(tops, h.raw(left, h.raw(left, fork), h.raw(h.writeTree(two), fork)))
	}
	if s.Parents > 1 {
		parents := []string{}
		for i := range s.Parents {
			parents = append(parents, h.raw(with(fmt.Sprintf("src/p%d", i), "x\n"), base))
		}
		tops = append(tops, h.raw(with("src/octopus", "x\n"), parents...))
	}
	top := tops[0]
	for _, t := range tops[1:] {
		if top == base {
			top = t
		} else {
			top = h.raw(h.writeTree(start), top, t)
		}
	}
	return top
}

// measured is what a question cost.
type measured struct {
	took    time.Duration
	verdict string
	rules   []string
}

// ask has remit check a shape. It fails the test where no verdict comes of it.
func (s shape) ask(t *testing.T) measured {
	t.Helper()
	w := world{protected: []string{"policies.hcl"}, target: "agent/new"}
	w.coder = authority{grantPaths: []string{"src/**"}, paths: []string{"src/**"}, grantBranches: []string{"agent/**"}, branches: []string{"**"}}
	w.bot = w.coder
	h := w.begin(t)
	var head string
	h.packed(func() { head = s.build(h) })
	h.refs()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	start := time.Now()
	e := h.remitWithin(ctx, "", nil, "check", h.branches["main"]+".."+head, "--ref", "refs/heads/agent/new", "--format", "json")
	m := measured{took: time.Since(start)}
	if ctx.Err() != nil {
		t.Errorf("%+v: no verdict after %v", s, patience)
		return m
	}
	r := readReport(t, e.stdout)
	m.verdict = r.Verdict
	for _, f := range r.Findings {
		m.rules = append(m.rules, f.Rule)
	}
	for _, a := range r.Acts {
		for _, f := range a.Findings {
			m.rules = append(m.rules, f.Rule)
		}
	}
	slices.Sort(m.rules)
	m.rules = slices.Compact(m.rules)
	if e.code == 0 || m.verdict == "allow" || m.verdict == "" {
		t.Errorf("%+v: verdict %q, exit %d, of what nobody signed", s, m.verdict, e.code)
	}
	return m
}

// TestBoundedHistories: however a history is made, there is a verdict, in bounded time.
func TestBoundedHistories(t *testing.T) {
	for name, c := range map[string]struct {
		shape shape
		limit bool // too much for remit, and it says so
	}{
		"criss-cross merges":           {shape: shape{Levels: 16, Tips: 3, Bombs: 4}},
		"more criss-cross merges":      {shape: shape{Levels: 24, Tips: 5, Bombs: 10}, limit: true},
		"few criss-cross merges":       {shape: shape{Levels: 3, Tips: 3, Bombs: 1}},
		"long":                         {shape: shape{Depth: 1200}},
		"wide":                         {shape: shape{Files: 4000}},
		"folders inside each other":    {shape: shape{Nested: 300}},
		"renames on both sides":        {shape: shape{Renames: 120}},
		"conflicts":                    {shape: shape{Conflicts: 400}},
		"parents":                      {shape: shape{Parents: 12}},
		"a little of everything":       {shape: shape{Levels: 2, Tips: 2, Bombs: 2, Depth: 100, Files: 200, Nested: 20, Renames: 20, Conflicts: 50, Parents: 5}},
		"more parents than are merged": {shape: shape{Parents: 20}},
	} {
		t.Run(name, func(t *testing.T) {
			m := c.shape.ask(t)
			if c.limit && !slices.Contains(m.rules, "limit-exceeded") {
				t.Errorf("verdict %q by %v, want limit-exceeded", m.verdict, m.rules)
			}
			t.Logf("%v, %s %v", m.took.Round(time.Millisecond), m.verdict, m.rules)
		})
	}
}

// mutate changes a shape a little, or one part of it a lot.
func (s shape) mutate(d dice) shape {
	fields := []*int{&s.Levels, &s.Tips, &s.Bombs, &s.Depth, &s.Files, &s.Nested, &s.Renames, &s.Conflicts, &s.Parents}
	for range 1 + d.IntN(2) {
		f := fields[d.IntN(len(fields))]
		switch d.IntN(4) {
		case 0:
			*f *= 2
		case 1:
			*f = *f * 2 / 3
		case 2:
			*f += 1 + d.IntN(4)
		default:
			*f = 0
		}
	}
	s.cap()
	return s
}

// size is about how many bytes of objects a shape takes.
func (s shape) size() int {
	return 1000 + 250*(s.Levels*s.Tips+2*s.Bombs+s.Depth+s.Parents) + 40*(s.Files+s.Nested) + 150*s.Renames + 60*s.Conflicts
}

// TestPropertyBoundedHistories looks for the history that takes the longest for its size: of each
// generation the worst goes on. It looks only when soaking.
func TestPropertyBoundedHistories(t *testing.T) {
	best, worst := shape{Levels: 2, Tips: 2, Bombs: 1, Depth: 10, Files: 10, Renames: 5, Conflicts: 5, Parents: 2}, 0.0
	Property(t, 2, func(t *testing.T, seed uint64) {
		s := best.mutate(newDice(seed))
		m := s.ask(t)
		if t.Failed() {
			t.Logf("REMIT_SEED=%d", seed)
		}
		if cost := float64(m.took) / float64(s.size()); cost > worst {
			best, worst = s, cost
		} else {
			worst *= 0.98 // or one lucky measurement would end the search
		}
	})
	t.Logf("the worst: %+v, %.0f ns a byte", best, worst)
}

// piece is a part of a hostile text: so often before and after what comes next.
type piece struct {
	open, close string
	times       int
}

// render writes the pieces inside each other, up to a size.
func render(pieces []piece, most int) string {
	var open, closing strings.Builder
	var closes []string
	for _, p := range pieces {
		for range p.times {
			if open.Len() > most/2 {
				break
			}
			open.WriteString(p.open)
			closes = append(closes, p.close)
		}
	}
	for _, c := range slices.Backward(closes) {
		closing.WriteString(c)
	}
	text := open.String() + closing.String()
	return text[:min(len(text), most)]
}

// hostileTexts are the parts that texts of each kind are made of, and who reads them.
var hostileTexts = map[string]struct {
	head  string
	parts []piece
	most  int
	read  func(text string)
}{
	"policy": {
		parts: []piece{
			{"human \"a\" {\n", "}\n", 1},
			{"grant \"x\" { to = [", "] }\n", 1},
			{"(", ")", 1},
			{"[", "]", 1},
			{"{ a = ", "}", 1},
			{"!", "", 1},
			{"1 + ", "1", 1},
			{"\"${", "}\"", 1},
			{"a.", "", 1},
			{"paths = [\"" + strings.Repeat("**/*", 20) + "\"]\n", "", 1},
			{"when = ", "\n", 1},
			{"<<A\n", "\nA\n", 1},
			{"/*", "*/", 1},
			{"contains(", ", 1)", 1},
			{"a ? ", " : 1", 1},
			{"settings {\n", "}\n", 1},
			{"forbid \"f\" { actions = [\"commit\"] }\n", "", 1},
			{"human \"h\" {}\n", "", 1},
		},
		most: policy.MaxSize,
		read: func(text string) { _, _ = policy.Parse([]byte(text), "policies.hcl") },
	},
	"bundle": {
		parts: []piece{
			{"[", "]", 1},
			{"{\"links\":[", "]}", 1},
			{"{\"payload\":\"", "\"}", 1},
			{"{\"a\":", "}", 1},
			{"\"", "\",", 1},
			{"\\u0041", "", 1},
			{"1,", "", 1},
			{"AAAA", "", 1},
			{"{\"payloadType\":\"application/vnd.in-toto+json\",\"signatures\":[", "]}", 1},
			{" ", "", 1},
			{"{\"sig\":\"AAAA\"},", "", 1},
		},
		most: delegation.MaxBundleSize,
		read: func(text string) { _, _ = delegation.ParseBundle([]byte(text)) },
	},
	"workflow": {
		head: "on: push\njobs:\n a:\n  runs-on: x\n  steps:\n  - run: x\n",
		parts: []piece{
			{"- ", "", 1},
			{"[", "]", 1},
			{"{a: ", "}", 1},
			{"&a [*a, ", "]", 1},
			{" x: &x [", "]\n", 1},
			{"*x, ", "", 1},
			{"  - run: ${{ ", " }}\n", 1},
			{"(", ")", 1},
			{"!", "", 1},
			{"a.b && ", "c", 1},
			{"a[", "]", 1},
			{"format('", "', 1)", 1},
			{"toJSON(", ")", 1},
			{" b:\n  needs: [a]\n  runs-on: x\n  strategy:\n   matrix:\n", "", 1},
			{"    k: [1,2,3,4,5,6,7,8,9]\n", "", 1},
			{"  - uses: actions/cache@v4\n", "", 1},
			{" ? ", " : ", 1},
			{"secrets.A || ", "''", 1},
			{"  env:\n   A: ${{ secrets.A }}\n", "", 1},
		},
		most: 64 << 10,
		read: func(text string) {
			workflow.Load(fstest.MapFS{workflow.Dir + "/x.yml": {Data: []byte(text), Mode: 0o644}}, workflow.Options{})
		},
	},
}

// within runs f and fails the test where it does not end.
func within(t *testing.T, what string, f func()) time.Duration {
	t.Helper()
	start, done := time.Now(), make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s: still reading after %v", what, patience)
	}
	return time.Since(start)
}

// TestPropertyBoundedTexts looks for the policy, bundle and workflow that take the longest to read for
// their size: what costs more than the worst so far is what the next ones are made from.
func TestPropertyBoundedTexts(t *testing.T) {
	type found struct {
		pieces []piece
		cost   float64
	}
	worst := map[string]found{}
	Property(t, 250, func(t *testing.T, seed uint64) {
		d := newDice(seed)
		kind := pick(d, slices.Sorted(maps.Keys(hostileTexts))...)
		k := hostileTexts[kind]
		pieces := slices.Clone(worst[kind].pieces)
		for range 1 + d.IntN(3) {
			switch n := d.IntN(4); {
			case n == 0 && len(pieces) > 0:
				pieces = slices.Delete(pieces, 0, 1)
			case n == 1 && len(pieces) > 0:
				pieces[d.IntN(len(pieces))].times *= 4
			default:
				p := pick(d, k.parts...)
				p.times = 1 << d.IntN(12)
				pieces = slices.Insert(pieces, d.IntN(len(pieces)+1), p)
			}
		}
		text := k.head + render(pieces, k.most-len(k.head))
		took := within(t, fmt.Sprintf("REMIT_SEED=%d: %s of %d bytes, %+v", seed, kind, len(text), pieces), func() { k.read(text) })
		if cost := float64(took) / float64(1000+len(text)); cost > worst[kind].cost {
			worst[kind] = found{pieces, cost}
		} else {
			w := worst[kind]
			w.cost *= 0.98
			worst[kind] = w
		}
	})
	for kind, w := range worst {
		t.Logf("the worst %s: %.0f ns a byte, %+v", kind, w.cost, w.pieces)
	}
}
