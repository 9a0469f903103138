package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// pathMerge finds out what a merge holds that merging its parents path by path does not give: each path
// with the same path of the other side and with nothing else. git itself also follows renames, and so
// carries what somebody may change to where they may not.
type pathMerge struct {
	graph *graph
	src   source
	limit int // changes at most

	commits []oid  // the parents
	merged  oid    // the tree of the merge
	bases   []*met // where each parent but the first met those before it
	meets   map[string]*met

	looks     looks
	own       []evidence.Change
	conflicts []string
	contested []contest

	at int // of a list of commits, the one that it is
}

// contest is a file that both sides changed, and whose lines have to be merged.
type contest struct {
	path                       string
	merged, base, ours, theirs evidence.Entry
}

// met is where histories met: nowhere, at one commit, or at several, which are merged with each other first.
type met struct {
	commits []*node
	inner   []*met // inner[i] is where commit i+1 met those before it
}

// maxBases bounds at how many commits two histories may have met.
const maxBases = 16

// find does the work, but for the lines of what both sides changed.
func (m *pathMerge) find(ctx context.Context) error {
	m.meets, m.looks.all = map[string]*met{}, &m.graph.repo.budget
	trees := []oid{m.merged, {}}
	for i, id := range m.commits {
		n := m.graph.at(id)
		if err := m.graph.load(n); err != nil {
			return fmt.Errorf("the parent %s: %w", id, err)
		}
		trees = append(trees, n.tree)
		if i == 0 {
			continue
		}
		base, err := m.meet(ctx, m.commits[:i], id)
		if err != nil {
			return err
		}
		m.bases = append(m.bases, base)
	}
	if base := m.simpleBase(); base != nil {
		trees[1] = base.tree
	}
	return m.walk(ctx, trees, "", 0)
}

// run does the work.
func (m *pathMerge) run(ctx context.Context) error {
	if err := m.find(ctx); err != nil {
		return err
	}
	err := m.settle(ctx)
	m.order()
	return err
}

// order sorts what was found.
func (m *pathMerge) order() {
	slices.SortFunc(m.own, func(a, b evidence.Change) int { return strings.Compare(a.Path, b.Path) })
	slices.Sort(m.conflicts)
}

// simpleBase is the one commit at which two parents met; nil where it is not as simple.
func (m *pathMerge) simpleBase() *node {
	if len(m.bases) == 1 && len(m.bases[0].commits) == 1 {
		return m.bases[0].commits[0]
	}
	return nil
}

// meet finds where a commit met some others, and where these met each other.
func (m *pathMerge) meet(ctx context.Context, before []oid, with oid) (*met, error) {
	var key strings.Builder
	for _, id := range append(slices.Clone(before), with) {
		key.WriteString(id.String())
	}
	if known := m.meets[key.String()]; known != nil {
		return known, nil
	}
	if len(m.meets) == maxMeetings {
		return nil, fmt.Errorf("%w: its sides were merged with each other back and forth, more than %d times", errMergeBudget, maxMeetings)
	}
	at := &met{}
	m.meets[key.String()] = at
	var found *meeting
	var err error
	if len(before) == 1 {
		found, err = m.graph.meetOnce(ctx, before[0], with)
	} else {
		found, err = m.graph.meet(ctx, before, []oid{with})
	}
	if err == nil {
		err = found.err()
	}
	if err != nil {
		return nil, err
	}
	if at.commits = found.bases; len(at.commits) > maxBases {
		return nil, fmt.Errorf("%w: its sides met at more than %d commits", errMergeBudget, maxBases)
	}
	for i := 1; i < len(at.commits); i++ {
		ids := make([]oid, i)
		for j := range ids {
			ids[j] = at.commits[j].id
		}
		inner, err := m.meet(ctx, ids, at.commits[i].id)
		if err != nil {
			return nil, err
		}
		at.inner = append(at.inner, inner)
	}
	return at, nil
}

// walk goes through the merge's tree, the base's where that is one commit, and the parents', in this order,
// and looks at what is not the same in all that matter. A zero oid has nothing.
func (m *pathMerge) walk(ctx context.Context, trees []oid, prefix string, depth int) error {
	merged, base, parents := trees[0], trees[1], trees[2:]
	if !slices.ContainsFunc(parents, func(p oid) bool { return p != merged }) {
		return nil
	}
	if m.simpleBase() != nil && (merged == parents[0] && parents[1] == base || merged == parents[1] && parents[0] == base) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if depth > maxTreeDepth {
		return fmt.Errorf("%w: directories more than %d deep under %s", errChanges, maxTreeDepth, inert.Quote(prefix))
	}
	sides := make([]side, len(trees))
	for i := range sides {
		if err := sides[i].open(m.src, m.graph.repo.format.idSize, trees[i]); err != nil {
			return err
		}
	}
	if !merged.isZero() && depth > 0 && sides[0].end && sides[0].err == nil {
		return fmt.Errorf("%w: the directory %s is empty", errTree, inert.Quote(prefix))
	}
	for {
		entries, ok := nextEntries(sides)
		if !ok {
			break
		}
		if err := m.looks.take(len(entries)); err != nil {
			return err
		}
		if err := m.entries(ctx, entries, prefix, depth); err != nil {
			return err
		}
	}
	for i := range sides {
		if err := sides[i].err; err != nil {
			return &ObjectError{ID: trees[i].String(), Err: fmt.Errorf("%w: %w", ErrCorrupt, err)}
		}
	}
	return nil
}

// nextEntries returns what the sides have under the first name that any has left, and moves on.
func nextEntries(sides []side) ([]treeEntry, bool) {
	first := -1
	for i := range sides {
		if !sides[i].end && (first < 0 || sides[i].compare(&sides[first]) < 0) {
			first = i
		}
	}
	if first < 0 {
		return nil, false
	}
	entries := make([]treeEntry, len(sides))
	name := sides[first].entry
	for i := range sides {
		if !sides[i].end && compareEntries(sides[i].entry, name) == 0 && bytes.Equal(sides[i].entry.name, name.name) {
			entries[i] = sides[i].entry
			sides[i].next()
		}
	}
	return entries, true
}

func (m *pathMerge) entries(ctx context.Context, entries []treeEntry, prefix string, depth int) error {
	path := prefix
	trees := make([]oid, len(entries))
	isTree := false
	for i, e := range entries {
		if e.name != nil && len(path) == len(prefix) {
			path += string(e.name)
		}
		if e.isTree() { // a directory sorts apart from a file, so all others are one too or nothing
			isTree, trees[i] = true, makeOID(e.id)
		}
	}
	if isTree {
		return m.walk(ctx, trees, path+"/", depth+1)
	}
	facts := make([]evidence.Entry, len(entries))
	for i, e := range entries {
		facts[i] = e.fact()
	}
	if m.simpleBase() == nil {
		return m.leaf(path, facts[0], facts[2:], nil)
	}
	return m.leaf(path, facts[0], facts[2:], &facts[1])
}

// leaf compares what stands at one path with what merging gives there. base is nil where it has to be
// looked up.
func (m *pathMerge) leaf(path string, merged evidence.Entry, parents []evidence.Entry, base *evidence.Entry) error {
	if !slices.ContainsFunc(parents, func(p evidence.Entry) bool { return p != merged }) {
		return nil
	}
	want := parents[0]
	for i, other := range parents[1:] {
		if other == want {
			continue
		}
		var at evidence.Entry
		known := true
		if base != nil {
			at = *base
		} else {
			var err error
			if at, known, err = m.entryAt(m.bases[i], path, map[*met]knownEntry{}); err != nil {
				return err
			}
		}
		switch {
		case known && other == at:
		case known && want == at:
			want = other
		case known && isRegular(at) && isRegular(other) && isRegular(want) && len(parents) == 2:
			m.contested = append(m.contested, contest{path, merged, at, want, other})
			return m.enough(len(m.contested))
		default: // an octopus is made of what does not touch
			return m.conflict(path, merged, parents)
		}
	}
	if merged == want {
		return nil
	}
	m.own = append(m.own, evidence.Change{Path: path, Old: want, New: merged})
	return m.enough(len(m.own))
}

func isRegular(e evidence.Entry) bool { return e.Mode&modeType == modeRegular }

// conflict notes a path at which the parents cannot be merged: what stands there is the merger's choice.
func (m *pathMerge) conflict(path string, merged evidence.Entry, parents []evidence.Entry) error {
	before := parents[0]
	for _, p := range parents { // the side that was not taken
		if p != merged {
			before = p
			break
		}
	}
	m.conflicts = append(m.conflicts, path)
	m.own = append(m.own, evidence.Change{Path: path, Old: before, New: merged})
	return m.enough(len(m.own))
}

func (m *pathMerge) enough(n int) error {
	if n > m.limit {
		return fmt.Errorf("%w: more than %d paths in one merge", errChanges, m.limit)
	}
	return nil
}

// knownEntry is what stands at a path where histories met, if that is known.
type knownEntry struct {
	entry evidence.Entry
	known bool
}

// entryAt is what stands at a path where histories met. Of several commits it is what merging these gives
// at that path; not known where they cannot be merged there.
func (m *pathMerge) entryAt(at *met, path string, seen map[*met]knownEntry) (evidence.Entry, bool, error) {
	if e, ok := seen[at]; ok {
		return e.entry, e.known, nil
	}
	seen[at] = knownEntry{} // for one that is asked for by itself, which would take a forged history
	result := knownEntry{known: true}
	trees := make([]oid, len(at.commits))
	for i, n := range at.commits {
		if err := m.graph.load(n); err != nil {
			return evidence.Entry{}, false, err
		}
		trees[i] = n.tree
	}
	if err := m.looks.take(len(trees) * (1 + strings.Count(path, "/"))); err != nil {
		return evidence.Entry{}, false, err
	}
	entries, err := entriesAt(m.src, m.graph.repo.format.idSize, path, trees...)
	if err != nil {
		return evidence.Entry{}, false, err
	}
	for i, e := range entries {
		if i == 0 || e == result.entry {
			result.entry = e
			continue
		}
		inner, known, err := m.entryAt(at.inner[i-1], path, seen)
		if err != nil {
			return evidence.Entry{}, false, err
		}
		switch {
		case known && inner == e:
		case known && inner == result.entry:
			result.entry = e
		default:
			result = knownEntry{}
		}
		if !result.known {
			break
		}
	}
	seen[at] = result
	return result.entry, result.known, nil
}

// settle has git merge the lines of what both sides changed.
func (m *pathMerge) settle(ctx context.Context) error {
	if len(m.contested) == 0 {
		return nil
	}
	settled, err := m.graph.repo.mergeLines(ctx, m.contested)
	if err != nil {
		return err
	}
	return m.take(settled)
}

// take goes on with what merging the lines of each contested file gave.
func (m *pathMerge) take(settled []evidence.Entry) error {
	var err error
	for i, c := range m.contested {
		switch want := settled[i]; {
		case want == evidence.Entry{}:
			err = m.conflict(c.path, c.merged, []evidence.Entry{c.ours, c.theirs})
		case want != c.merged:
			m.own = append(m.own, evidence.Change{Path: c.path, Old: want, New: c.merged})
			err = m.enough(len(m.own))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entriesAt is what stands at a path in each of some trees; a directory counts as nothing.
func entriesAt(src source, idSize int, path string, trees ...oid) ([]evidence.Entry, error) {
	segments := strings.Split(path, "/")
	found := make([]evidence.Entry, len(trees))
	for i, tree := range trees {
		for depth, name := range segments {
			if tree.isZero() || depth > maxTreeDepth {
				break
			}
			content, err := readKind(src, tree, plumbing.TreeObject, MaxTreeSize)
			if err != nil {
				return nil, err
			}
			e, err := findEntry(content, idSize, name)
			if errors.Is(err, ErrNotFound) {
				break
			}
			if err != nil {
				return nil, &ObjectError{ID: tree.String(), Err: fmt.Errorf("%w: %w", ErrCorrupt, err)}
			}
			if tree = (oid{}); e.isTree() {
				tree = makeOID(e.id)
			} else if depth == len(segments)-1 {
				found[i] = e.fact()
			}
		}
	}
	return found, nil
}
