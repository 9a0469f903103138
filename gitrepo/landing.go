package gitrepo

import (
	"fmt"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
)

// land fills in what the refs of a push hold afterwards that they did not hold before, for those whose
// move is an act of its own.
func (p *push) land() {
	left := p.opt.Limits.MaxChangesInAll
	for i := range p.moves {
		m := &p.moves[i]
		u := &p.Updates[m.at]
		if u.Action() != names.Push {
			continue
		}
		before := m.old
		if before.isZero() && u.Old == "" {
			before = p.trunk
		}
		changes, err := p.difference(before, m.tip, min(left, p.opt.Limits.MaxChanges))
		if err != nil {
			p.Gaps = append(p.Gaps, p.repo.gap("what changes on ref "+quote(u.Ref), oid{}, err))
			continue
		}
		left -= len(changes)
		u.Landing = changes
	}
}

// difference is what differs between the trees of two commits; the zero one has none.
func (p *push) difference(before, after oid, limit int) ([]evidence.Change, error) {
	var trees [2]oid
	for i, id := range []oid{before, after} {
		if id.isZero() {
			continue
		}
		n := p.graph.at(id)
		if err := p.graph.load(n); err != nil {
			return nil, fmt.Errorf("commit %s: %w", id, err)
		}
		trees[i] = n.tree
	}
	d := differ{src: p.src, idSize: p.repo.format.idSize, limit: limit}
	d.run(trees[0], trees[1])
	if len(d.failed) > 0 {
		return nil, d.failed[0]
	}
	return d.changes, nil
}
