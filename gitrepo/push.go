package gitrepo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

const (
	maxUpdateLine = 8 << 10 // bytes of one line of a receive hook's input
	walkedPerPush = 20      // times the limit on commits: what all refs of a push may carry between them
)

// RefUpdate is one ref that a push wants to change.
type RefUpdate struct {
	Ref string // full name
	Old string // object id as the client said it; "" or all zeros: the ref is new
	New string // object id; "" or all zeros: the ref goes
}

// ParseUpdates reads what git gives a pre-receive hook: lines "<old> <new> <ref>".
func ParseUpdates(input io.Reader, limit int) ([]RefUpdate, error) {
	scanner := bufio.NewScanner(input)
	scanner.Buffer(nil, maxUpdateLine)
	var updates []RefUpdate
	for scanner.Scan() {
		before, rest, _ := strings.Cut(scanner.Text(), " ")
		after, ref, ok := strings.Cut(rest, " ")
		if !ok || ref == "" {
			return nil, fmt.Errorf("reading ref updates: line %s is not \"old new ref\"", inert.Quote(scanner.Text()))
		}
		if len(updates) == limit {
			return nil, fmt.Errorf("reading ref updates: more than %d", limit)
		}
		updates = append(updates, RefUpdate{Ref: ref, Old: before, New: after})
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("reading ref updates: %w", err)
	}
	return updates, nil
}

// CollectPush collects a push that waits in a receive hook. All updates are judged together: a
// commit that two of them bring is brought by both. What is new is measured against every ref that
// the receiver has now in its namespace, and never against what the client says it had. The refs are
// those that git writes: see [Repo.Written].
func (r *Repo) CollectPush(ctx context.Context, updates []RefUpdate, opt CollectOptions) (*Collected, error) {
	opt.Limits = opt.Limits.withDefaults()
	p := &push{
		collection: &collection{Collected: &Collected{}, repo: r, opt: opt},
		incoming:   map[string]string{},
		fresh:      map[*node]bool{},
		carried:    map[*node]bool{},
	}
	for digest, blob := range opt.IncomingBundles {
		p.incoming[digest] = blob
	}
	if err := p.run(func() error { return p.collect(ctx, updates) }); err != nil {
		return nil, fmt.Errorf("collecting a push: %w", err)
	}
	return p.Collected, nil
}

// push is the collection of a push.
type push struct {
	*collection

	refs     map[string]refValue // the receiver's, from before the push, without refs/remit/
	trunk    oid                 // the default branch's commit, if it has one
	settled  []oid               // the commits of long-lived refs
	frontier []oid               // what those refs lead to
	incoming map[string]string   // blobs of delegations that the push brings, by digest
	moves    []move
	fresh    map[*node]bool     // commits that are new to the receiver
	carried  map[*node]bool     // commits that are not new to the receiver but are to a ref
	order    []*node            // of carried
	walked   int                // commits that the updates carry, counted once for each
	brought  int                // bytes of tags and delegations
	landed   int                // paths that land, in all
	lands    map[[3]oid]landing // by the new tip's tree, what the ref was at, and the default branch's tree
}

// move is an update of a ref that leads to a commit.
type move struct {
	at     int // index in Updates
	tip    oid
	old    oid     // the commit that the ref led to; zero where it is new
	tagged bool    // a tag object is or was involved, or a ref under refs/tags/
	brings []*node // what Update.Carried lists
}

func (p *push) collect(ctx context.Context, updates []RefUpdate) error {
	if most := p.opt.Limits.MaxUpdates; len(updates) > most {
		p.Gaps = append(p.Gaps, p.repo.gap("the push", oid{}, fmt.Errorf("%w: %d refs, at most %d", errLimit, len(updates), most)))
		return nil
	}
	var err error
	if p.refs, err = p.receiver(); err != nil {
		return err
	}
	if p.opt.Receiver != nil {
		p.trunk = p.refs[p.opt.DefaultBranch].id // never what this repository has instead
	} else if p.trunk, err = p.repo.resolve(p.repo.trunk(p.opt)); err != nil && !errors.Is(err, errNoRef) {
		return err
	}
	p.settle()
	for _, u := range updates {
		if err := p.update(u); err != nil {
			return err
		}
	}
	if err := p.findNew(ctx); err != nil {
		return err
	}
	for i := range p.moves {
		if err := p.measure(ctx, &p.moves[i]); errors.Is(err, errLimit) {
			return nil // said so in a gap
		} else if err != nil {
			return err
		}
	}
	if err := p.readCommits(ctx); err != nil {
		return err
	}
	return p.bundles(p.incoming)
}

// maxSettled bounds the long-lived refs whose history a work branch does not carry: with fewer of them
// more is judged.
const maxSettled = 200

// settle finds what long-lived refs are at: what is there was let onto them.
func (p *push) settle() {
	if p.opt.LongLived == nil {
		return
	}
	var ids []oid
	for name, ref := range p.refs {
		id := ref.id
		if !ref.peeled.isZero() {
			id = ref.peeled
		}
		if p.opt.LongLived(name) && id != p.trunk {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b oid) int { return strings.Compare(a.String(), b.String()) })
	p.settled = ids[:min(len(ids), maxSettled)]
}

// receiver is what the receiving repository has before the push, without refs/remit/.
func (p *push) receiver() (map[string]refValue, error) {
	if p.opt.Receiver == nil {
		return p.repo.receiverRefs(remitRefs)
	}
	refs := make(map[string]refValue, len(p.opt.Receiver))
	for name, text := range p.opt.Receiver {
		id, err := p.repo.parse(text)
		if err != nil {
			return nil, fmt.Errorf("ref %s: %w", inert.Quote(name), err)
		}
		refs[name] = refValue{id: id}
	}
	return refs, nil
}

// update records one update and what it leads to.
func (p *push) update(u RefUpdate) error {
	out := evidence.Update{Ref: u.Ref, Delegations: strings.HasPrefix(u.Ref, remitRefs)}
	before, err := p.current(u.Ref)
	if err != nil {
		return err
	}
	if !before.id.isZero() {
		out.Old = before.id.String()
		if out.Delegations {
			out.Held = p.held(u.Ref, before.id)
		}
	}
	if said := u.Old; said != out.Old && !(isNull(said) && out.Old == "") {
		p.Gaps = append(p.Gaps, evidence.Gap{
			Kind: evidence.GapHistory, What: "ref " + inert.Quote(u.Ref),
			Detail: "the push takes it to be at " + shown(said) + " and it is at " + shown(out.Old),
			Fix:    "run git fetch and push again",
		})
	}
	if isNull(u.New) {
		p.Updates = append(p.Updates, out)
		return nil
	}
	id, err := p.repo.parse(u.New)
	if err != nil {
		return fmt.Errorf("ref %s: %w", inert.Quote(u.Ref), err)
	}
	out.New = id.String()
	if out.Delegations {
		p.delegationRef(&out, id)
		p.Updates = append(p.Updates, out)
		return nil
	}
	t, err := peel(p.src, id)
	if len(t.tags) > 0 {
		out.Object = plumbing.TagObject.String()
	} else if t.kind.Valid() && err == nil {
		out.Object = t.kind.String()
	}
	for _, tag := range t.tags {
		if p.brought += len(tag.raw); p.brought > maxTagBytes {
			p.Gaps = append(p.Gaps, p.repo.gap("the push", oid{}, fmt.Errorf("%w: tags and delegations of more than %d MiB", errLimit, maxTagBytes>>20)))
			break
		}
		p.Tags = append(p.Tags, evidence.Tag{ID: tag.id.String(), Raw: tag.raw, Ref: u.Ref})
	}
	switch {
	case err != nil:
		p.Gaps = append(p.Gaps, p.repo.gap("what ref "+inert.Quote(u.Ref)+" is to name", oid{}, err))
	case t.kind != plumbing.CommitObject:
		out.Forced = out.Old != "" // the checker says what it thinks of a ref to a blob or tree
	default:
		p.moves = append(p.moves, p.move(u.Ref, len(p.Updates), t, before))
	}
	p.Updates = append(p.Updates, out)
	return nil
}

// move prepares the update of a ref that leads to a commit.
func (p *push) move(ref string, at int, t target, before refValue) move {
	m := move{at: at, tip: t.id, tagged: len(t.tags) > 0 || strings.HasPrefix(ref, "refs/tags/")}
	if before.id.isZero() {
		return m
	}
	was, err := peel(p.src, before.id)
	if err != nil {
		p.Gaps = append(p.Gaps, p.repo.gap("what ref "+inert.Quote(ref)+" names now", oid{}, err))
		m.tagged = true
		return m
	}
	if len(was.tags) > 0 || was.kind != plumbing.CommitObject {
		m.tagged = true
	}
	if was.kind == plumbing.CommitObject {
		m.old = was.id
	}
	return m
}

// current is what the receiver's ref names now.
func (p *push) current(ref string) (refValue, error) {
	full := p.repo.namespace() + ref
	if v, ok := p.refs[full]; ok {
		return v, nil
	}
	if p.opt.Receiver != nil || !strings.HasPrefix(ref, remitRefs) || !safeRefName(full) {
		return refValue{}, nil
	}
	id, err := p.repo.resolve(full)
	if errors.Is(err, errNoRef) {
		return refValue{}, nil
	}
	return refValue{id: id}, err
}

// delegationRef reads what a ref under refs/remit/ is to hold.
func (p *push) delegationRef(out *evidence.Update, id oid) {
	out.Forced = out.Old != ""
	out.Bundle.Source = out.Ref
	o, err := p.src.read(id, delegation.MaxBundleSize)
	switch {
	case errors.Is(err, ErrTooLarge):
		out.Bundle.Why = err.Error()
	case err != nil:
		out.Bundle.Why = err.Error()
		p.Gaps = append(p.Gaps, p.repo.gap("what ref "+inert.Quote(out.Ref)+" is to hold", oid{}, err))
	case o.kind != plumbing.BlobObject:
		out.Object = o.kind.String()
		out.Bundle.Why = "it is a " + o.kind.String() + " and not a blob"
	default:
		out.Object = o.kind.String()
		if p.brought += len(o.content); p.brought > maxTagBytes {
			out.Bundle.Why = "the push brings more than is read"
			p.Gaps = append(p.Gaps, p.repo.gap("the push", oid{}, fmt.Errorf("%w: tags and delegations of more than %d MiB", errLimit, maxTagBytes>>20)))
			return
		}
		out.Bundle.Raw = o.content
		if hex, ok := strings.CutPrefix(out.Ref, delegationRefs); ok {
			p.incoming["sha256:"+hex] = id.String()
		}
	}
}

// findNew walks from what comes in to what the receiver has.
func (p *push) findNew(ctx context.Context) error {
	var tips []oid
	for _, m := range p.moves {
		tips = append(tips, m.tip)
	}
	if p.known(tips) {
		return nil // as when refs move among commits that are refs' own: nothing can be new
	}
	var err error
	if p.frontier, err = p.graph.tips(p.refs); err != nil {
		return err
	}
	w, err := p.walk(ctx, tips, p.frontier, "the push")
	if err != nil {
		return err
	}
	for _, n := range w.commits {
		p.fresh[n] = true
	}
	return nil
}

// known reports whether a ref of the receiver names each of these commits.
func (p *push) known(tips []oid) bool {
	named := make(map[oid]bool, len(p.refs))
	for _, ref := range p.refs {
		named[ref.id], named[ref.peeled] = true, true
	}
	return !slices.ContainsFunc(tips, func(id oid) bool { return !named[id] })
}

// measure counts what an update brings to its ref.
func (p *push) measure(ctx context.Context, m *move) error {
	u := &p.Updates[m.at]
	u.LongLived = p.opt.longLived(u.Ref)
	settled := []oid{m.old, p.trunk}
	if !u.LongLived {
		settled = append(settled, p.settled...)
	}
	var exclude []oid
	for _, id := range settled {
		if !id.isZero() && !slices.Contains(exclude, id) {
			exclude = append(exclude, id)
		}
	}
	w, err := p.walk(ctx, []oid{m.tip}, exclude, "ref "+inert.Quote(u.Ref))
	if err != nil {
		return err
	}
	if p.walked += len(w.commits); p.walked > walkedPerPush*p.opt.Limits.MaxCommits {
		p.Gaps = append(p.Gaps, p.repo.gap("the push", oid{}, fmt.Errorf("%w: its refs carry more than %d commits between them", errLimit, walkedPerPush*p.opt.Limits.MaxCommits)))
		return errLimit
	}
	m.brings = w.commits
	for _, n := range w.commits {
		u.Carried = append(u.Carried, n.id.String())
		if p.fresh[n] {
			u.NewCommits++
		} else if !p.carried[n] {
			p.carried[n] = true
			p.order = append(p.order, n)
		}
	}
	u.Moved = len(w.commits) - u.NewCommits
	if m.old.isZero() {
		u.Forced = u.Old != ""
		p.land(ctx, m, u)
		return nil
	}
	if len(exclude) > 1 {
		if err := p.countMoved(ctx, m, u); err != nil {
			return err
		}
	}
	if err := p.findForced(ctx, m, u, w.edge); err != nil {
		return err
	}
	p.land(ctx, m, u)
	return nil
}

// land compares what a ref was at with what it is to be at, where that says more than the commits do: on
// long-lived refs, and where a ref is moved with force or onto what is there already.
func (p *push) land(ctx context.Context, m *move, u *evidence.Update) {
	if !u.LongLived && (u.Action() == "" || !p.opt.Land) {
		return
	}
	what := "what changes at " + inert.Quote(u.Ref)
	fail := func(err error) { u.LandingGaps = append(u.LandingGaps, p.repo.gap(what, oid{}, err)) }
	from := m.old
	switch {
	case !from.isZero():
	case u.Old != "" && !u.LongLived:
		fail(errors.New("it names no commit now: delete it, and push it again"))
		return
	default:
		from = p.trunk
	}
	trees, err := p.treesOf(m.tip, from, p.trunk)
	if err != nil {
		u.LandingGaps = append(u.LandingGaps, p.repo.gap("what "+inert.Quote(u.Ref)+" would be at", oid{}, err))
		return
	}
	pair := [3]oid{trees[0], from, {}}
	if !u.LongLived {
		pair[2] = trees[2]
	}
	if known, ok := p.lands[pair]; ok {
		u.Landing, u.Lines = known.changes, known.lines
		return
	}
	d := p.repo.compare(p.src, trees[1], trees[0])
	if !u.LongLived && !p.trunk.isZero() && len(d.failed) == 0 {
		d.failed = append(d.failed, p.dropCaughtUp(ctx, d, from, trees)...)
	}
	if p.landed += len(d.changes); len(d.failed) == 0 && p.landed > p.opt.Limits.MaxChangesInAll {
		d.failed = append(d.failed, fmt.Errorf("%w: more than %d paths in all", errChanges, p.opt.Limits.MaxChangesInAll))
	}
	lands := landing{changes: d.changes, lines: -1}
	if p.opt.CountLines && len(d.failed) == 0 {
		if lands.lines, err = p.repo.lines.count(p.src, d.changes); err != nil {
			d.failed = append(d.failed, err)
		}
	}
	for _, err := range d.failed {
		fail(err)
	}
	if len(d.failed) > 0 {
		return
	}
	if p.lands == nil {
		p.lands = map[[3]oid]landing{}
	}
	u.Landing, u.Lines, p.lands[pair] = lands.changes, lands.lines, lands
}

// landing is what differs at a ref, and the lines of it; -1 where they were not counted.
type landing struct {
	changes []evidence.Change
	lines   int
}

// dropCaughtUp leaves out of what differs between a commit and the new tip what the ref only catches up with: paths
// that are to be as on the default branch, and that were as they were where the two parted. What was changed
// since is taken away, whatever stands there afterwards. trees are those of the new tip, the commit and the default
// branch.
func (p *push) dropCaughtUp(ctx context.Context, d *differ, from oid, trees []oid) []error {
	fromTrunk := p.repo.compare(p.src, trees[2], trees[0])
	if len(fromTrunk.failed) > 0 {
		return fromTrunk.failed
	}
	counts := fromTrunk.known()
	if !slices.ContainsFunc(d.changes, func(c evidence.Change) bool { return !counts[c.Path] }) {
		return nil
	}
	bases, err := p.graph.bestBases(ctx, from, p.trunk)
	if err != nil {
		return []error{err}
	}
	parted := []oid{{}} // of histories that never met: from nothing
	if len(bases) > 0 {
		parted = make([]oid, len(bases))
		for i, n := range bases {
			parted[i] = n.tree
		}
	}
	for _, tree := range parted {
		since := p.repo.compare(p.src, tree, trees[1])
		if len(since.failed) > 0 {
			return since.failed
		}
		for _, c := range since.changes {
			counts[c.Path] = true
		}
	}
	d.changes = slices.DeleteFunc(d.changes, func(c evidence.Change) bool { return !counts[c.Path] })
	return nil
}

// treesOf are the trees of commits; that of no commit is nothing.
func (p *push) treesOf(commits ...oid) ([]oid, error) {
	trees := make([]oid, len(commits))
	for i, id := range commits {
		if id.isZero() {
			continue
		}
		n := p.graph.at(id)
		if err := p.graph.load(n); err != nil {
			return nil, err
		}
		trees[i] = n.tree
	}
	return trees, nil
}

// countMoved counts what is new to a ref but not to the default branch too. Beyond the limit on
// commits it stops counting.
func (p *push) countMoved(ctx context.Context, m *move, u *evidence.Update) error {
	w, err := p.graph.between(ctx, []oid{m.tip}, []oid{m.old}, p.opt.Limits.MaxCommits)
	switch {
	case errors.Is(err, errLimit):
		u.Moved = p.opt.Limits.MaxCommits
		return nil
	case err != nil:
		return err
	}
	u.Moved = len(w.commits) - u.NewCommits
	return nil
}

// findForced says whether the ref leaves commits behind. A tag that moves always counts: git itself
// asks for force there.
func (p *push) findForced(ctx context.Context, m *move, u *evidence.Update, edge []*node) error {
	if u.Forced = m.tagged; m.tagged || slices.ContainsFunc(edge, func(n *node) bool { return n.id == m.old }) {
		return nil
	}
	w, err := p.graph.between(ctx, []oid{m.old}, []oid{m.tip}, maxWalk)
	if errors.Is(err, errLimit) {
		p.Gaps = append(p.Gaps, p.repo.gap("ref "+inert.Quote(u.Ref), oid{}, err))
		return nil
	}
	if err != nil {
		return err
	}
	u.Forced = len(w.commits)+len(w.broken) > 0
	return nil
}

// readCommits reads the commits of all updates, those that are not new first: no new commit can be
// an ancestor of one that is not.
func (p *push) readCommits(ctx context.Context) error {
	var tips []oid
	for _, m := range p.moves {
		tips = append(tips, m.tip)
	}
	p.graph.round++
	both := make([]*node, 0, len(p.order)+len(p.fresh))
	both = append(both, p.order...)
	for n := range p.fresh {
		both = append(both, n)
	}
	if most := p.opt.Limits.MaxCommits; len(both) > most {
		p.Gaps = append(p.Gaps, p.repo.gap("the push", oid{}, fmt.Errorf("%w: more than %d commits", errLimit, most)))
		return nil
	}
	nodes, _ := p.graph.order(tips, both)
	var err error
	if p.Collected.Commits, err = p.commits(ctx, nodes); err != nil {
		return err
	}
	place := make(map[*node]int, len(nodes))
	for i, n := range nodes {
		place[n] = i
		p.Collected.Commits[i].New = p.fresh[n]
	}
	for i := range p.moves {
		m := &p.moves[i]
		for _, n := range m.brings {
			if c := &p.Collected.Commits[place[n]]; c.New {
				c.Refs = append(c.Refs, p.Updates[m.at].Ref)
			}
		}
	}
	return nil
}

// trunk is the full name of the ref that holds the default branch.
func (r *Repo) trunk(opt CollectOptions) string {
	if opt.DefaultBranch != "" {
		return r.namespace() + opt.DefaultBranch
	}
	return r.namespace() + "HEAD"
}

// isNull reports whether an id stands for "no object".
func isNull(id string) bool { return strings.Trim(id, "0") == "" }

// shown is an id in a sentence.
func shown(id string) string {
	if id == "" {
		return "nothing"
	}
	return inert.Quote(id)
}
