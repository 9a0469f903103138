package decide

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

const (
	maxSameHead  = 20 // open pull requests that one commit may be the head of
	maxLostHeads = 20 // pushes of a branch that are fetched although it does not reach them any more
)

// livePull is a pull request as the forge tells it now, with what could not be learned of it.
type livePull struct {
	evidence.PullRequest

	gaps []evidence.Gap
}

// PullRequest asks whether a pull request may be merged.
type PullRequest struct {
	OnForge

	Number int
	// Before is the commit that was its head before by the event; "": it did not move.
	Before string
}

func (q PullRequest) decide(ctx context.Context, src Sources) Outcome {
	return onSide(ctx, src, q.OnForge, checkBudget, func(f *forgeSide) (Outcome, error) {
		pr, err := f.readPull(ctx, q.Number)
		if err != nil {
			return Outcome{}, err
		}
		o, _, err := f.checkHead(ctx, pr.Head, pr)
		if o.Merged = pr.Merged; pr.Merged && f.history(ctx, "").InBase(&pr.PullRequest, pr.Head) {
			o.All = false // nobody can merge it there again
		}
		if err == nil {
			o.Left = f.left(ctx, q.Before, o.Head, pr)
		}
		return o, err
	})
}

// maxLeft bounds the former heads of a pull request that are looked at.
const maxLeft = 5

// left is what is to be said of commits that a pull request left: what holds for others that have them as their
// head still, and that no more of it goes anywhere else. Not every push tells by an event: one with a workflow's
// own token starts nothing, so that the log of pushes is asked.
func (f *forgeSide) left(ctx context.Context, before, head string, pulls ...*livePull) []Outcome {
	history := f.history(ctx, "")
	var heads []string
	add := func(pr *livePull, id string) {
		if id != "" && id != head && len(heads) < maxLeft && !slices.Contains(heads, id) && !history.InBase(&pr.PullRequest, id) {
			heads = append(heads, id)
		}
	}
	for _, pr := range pulls {
		add(pr, before)
		for _, p := range pr.Pushes {
			add(pr, p.After)
			add(pr, p.Before)
		}
	}
	var all []Outcome
	for _, id := range heads {
		o, _, err := f.checkHead(ctx, id, nil)
		if err != nil {
			f.aside("what a check says of %s, which the pull request left, may hold no more: %v", short(id), err)
			continue
		}
		all = append(all, o)
	}
	return all
}

// Head asks whether every open pull request that has a commit as its head may be merged.
type Head struct {
	OnForge

	Commit string // "": that of Run
	// Run is the run of a workflow that the head is to be judged for: the token of what comes after it may
	// write where that of a pull request from a fork may not.
	Run int64
}

func (q Head) decide(ctx context.Context, src Sources) Outcome {
	return onSide(ctx, src, q.OnForge, checkBudget, func(f *forgeSide) (Outcome, error) {
		head := q.Commit
		if head == "" {
			run, err := f.api.Run(ctx, f.Slug, q.Run)
			if err != nil {
				return Outcome{}, err
			}
			head = run.Head
		}
		if err := f.repository(ctx); err != nil {
			return Outcome{Head: head, Checks: []Check{{Head: head, Default: true, Base: "refs/heads/main"}}}, err // whatever it is called
		}
		o, pulls, err := f.checkHead(ctx, head, nil)
		if err != nil {
			return o, err
		}
		var own []*livePull
		for _, one := range pulls.own {
			if one.err == nil {
				own = append(own, one.pr)
			}
		}
		o.Left = f.left(ctx, "", head, own...)
		return o, nil
	})
}

// maxRounds bounds how often a head is judged because something changed meanwhile.
const maxRounds = 3

// checkHead judges the open pull requests that have a commit as their head, for each base by itself: a check run
// stands on a commit, so it must hold for all that go there. Asked is the one that is asked about, and then those
// for its base are judged; nil asks for all.
// What was judged is read once more before it is said, and judged again where it is not the same any more.
func (f *forgeSide) checkHead(ctx context.Context, head string, asked *livePull) (Outcome, *heading, error) {
	base := f.live.DefaultRef
	if asked != nil {
		base = asked.BaseRef
	}
	fail := func(err error) (Outcome, *heading, error) {
		return Outcome{Head: head, Checks: []Check{f.checkOf(head, base)}}, nil, err
	}
	for range maxRounds {
		pulls, err := f.pullsOf(ctx, head, asked)
		if err != nil {
			return fail(err)
		}
		o := f.judgeHead(ctx, asked, pulls)
		same, err := f.unchanged(ctx, pulls)
		if err != nil {
			return fail(err)
		}
		if same {
			return f.ofGroup(ctx, pulls, asked, o), pulls, nil
		}
		f.forget()
		if asked == nil {
			continue
		}
		if asked, err = f.readPull(ctx, asked.Number); err != nil {
			return fail(err)
		}
		if asked.Head != head {
			return fail(fault.WithFix(fault.Undecidedf("the head of pull request #%d is %s now", asked.Number, short(asked.Head)), "wait for the run that judges the new head: each push starts one"))
		}
		base = asked.BaseRef
	}
	return fail(fault.Undecidedf("what is judged changed each time that it was read"))
}

// ofGroup is the outcome of a merge group where a stranger opened or closed a pull request of the commit that the queue made:
// the check that stands there is the group's, and who only reads the repository does not turn it.
func (f *forgeSide) ofGroup(ctx context.Context, h *heading, asked *livePull, o Outcome) Outcome {
	if asked == nil || asked.HeadRepository == f.live.Name ||
		!f.unlisted(ctx, forge.OpenPull{Number: asked.Number, Author: asked.Author, Fork: true, BaseRef: asked.BaseRef}) || len(h.own) > 1 {
		return o
	}
	refs, err := f.mirror.Refs(ctx, "refs/heads/gh-readonly-queue/")
	if err != nil || !slices.Contains(slices.Collect(maps.Values(refs)), h.head) {
		return o
	}
	g := &mergeGroup{forgeSide: f, base: asked.BaseRef, head: h.head, pulls: map[int]*livePull{}}
	group, err := g.decide(ctx, f.checkOf(h.head, asked.BaseRef))
	if err != nil || group.Report.Verdict != verdict.Allowed {
		return o
	}
	o.Checks, o.All = group.Checks, false
	f.aside("%s is the commit of a merge group, whose check stands there: this pull request changes nothing about that", short(h.head))
	return o
}

// headed is an open pull request with the head that is judged.
type headed struct {
	number int
	pr     *livePull // nil where err says why
	err    error
	aside  bool // it goes to another base, and tells no more than who opened it
}

// heading is all that has a commit as its head.
type heading struct {
	head      string
	asked     *livePull
	bases     []string         // where all open pull requests of it go, by the list
	listed    []forge.OpenPull // those that are judged, as the list says
	own       []headed
	strangers []forge.OpenPull
	open      []forge.OpenPull // all of them
	read      []int            // those beside its own that were read
}

// pullsOf are the open pull requests that have a commit as their head. One of which nothing could be read has
// what kept it in its place.
func (f *forgeSide) pullsOf(ctx context.Context, head string, asked *livePull) (*heading, error) {
	open, err := f.api.OpenPullRequests(ctx, f.Slug, head)
	if err != nil {
		return nil, err
	}
	h := &heading{head: head, asked: asked}
	h.open = open
	for _, p := range open {
		h.bases = append(h.bases, p.BaseRef)
	}
	own, strangers, lead, err := f.relevant(ctx, open, asked)
	if err != nil {
		return nil, err
	}
	h.listed = own
	if len(own) > maxSameHead {
		return nil, fault.Undecidedf("%d open pull requests have this head: %w", len(own), forge.ErrCut)
	}
	h.strangers = strangers
	for i, p := range append(slices.Clone(own), lead...) {
		one := headed{number: p.Number, pr: asked, aside: i >= len(own)}
		if asked == nil || asked.Number != p.Number {
			one.pr, one.err = f.readPull(ctx, p.Number)
		}
		if one.err == nil && (!one.pr.Open || one.pr.Head != head) {
			continue // it went on meanwhile, and its new head is judged by another run
		}
		h.own = append(h.own, one)
	}
	return h, nil
}

// relevant are those of the open pull requests of a head that are judged, and a lead beside them.
func (f *forgeSide) relevant(ctx context.Context, open []forge.OpenPull, asked *livePull) (own, strangers, lead []forge.OpenPull, err error) {
	if asked != nil && asked.Open && !slices.ContainsFunc(open, func(p forge.OpenPull) bool { return p.Number == asked.Number }) {
		open = append([]forge.OpenPull{{
			Number: asked.Number, Author: asked.Author, BaseRef: asked.BaseRef, Fork: asked.HeadRepository != f.live.Name,
		}}, open...)
	}
	if own, strangers, err = f.apart(ctx, open); err == nil && asked != nil {
		own, strangers, lead = towards(asked, own, strangers)
	}
	return own, strangers, lead, err
}

// towards keeps of the pull requests of a head those for the base of one of them: whatever is said of another base
// is said by the runs of those that go there. Where only strangers' go to the base, the lead is another one of the
// head, in whose place theirs are judged.
func towards(asked *livePull, own, strangers []forge.OpenPull) (here, strange, lead []forge.OpenPull) {
	for _, p := range own {
		if p.BaseRef == asked.BaseRef || p.Number == asked.Number {
			here = append(here, p)
		}
	}
	for _, p := range strangers {
		if p.BaseRef == asked.BaseRef || p.Number == asked.Number {
			strange = append(strange, p)
		}
	}
	if len(here) == 0 && len(strange) > 0 && len(own) > 0 {
		lead = own[:1]
	}
	return here, strange, lead
}

// baseGroup is what is judged for one base.
type baseGroup struct {
	numbers []int
	all     []judged
}

// judgeHead judges the pull requests of a head, for each base by itself.
func (f *forgeSide) judgeHead(ctx context.Context, asked *livePull, h *heading) Outcome {
	groups := map[string]*baseGroup{}
	add := func(base string, number int, j ...judged) {
		if groups[base] == nil {
			groups[base] = &baseGroup{}
		}
		g := groups[base]
		g.numbers, g.all = append(g.numbers, number), append(g.all, j...)
	}
	var leads []*livePull
	for _, one := range h.own {
		if one.err == nil {
			leads = append(leads, one.pr)
		}
		if one.err == nil && !one.aside {
			// Those for its base are judged for it as well.
			f.sameHead(ctx, &one.pr.PullRequest, h.open, func(p forge.OpenPull) bool { return p.BaseRef == one.pr.BaseRef })
			for _, other := range one.pr.SameHead {
				h.read = append(h.read, other.Number)
			}
			add(one.pr.BaseRef, one.number, f.judgePull(ctx, one.pr))
		}
	}
	for _, s := range f.judgeStrangers(ctx, h.head, h.strangers, leads, asked) {
		h.read = append(h.read, s.number)
		add(s.base, s.number, s.all...)
	}
	for _, one := range h.own {
		if one.err == nil {
			continue
		}
		// Where it goes is not known, so that nothing is said of any base without it.
		failed := f.undecided(one.err, false)
		if len(groups) == 0 {
			groups[f.live.DefaultRef] = &baseGroup{}
		}
		for base := range groups {
			add(base, one.number, failed)
		}
	}
	var outcomes []Outcome
	for _, base := range slices.Sorted(maps.Keys(groups)) {
		if g := groups[base]; len(g.all) > 0 {
			outcomes = append(outcomes, outcomeOf(f.checkOf(h.head, base, g.numbers...), g.all))
		}
	}
	return f.together(h, asked, outcomes)
}

// together is one outcome for all bases of a head: that of the base that was asked about, else of all.
func (f *forgeSide) together(h *heading, asked *livePull, each []Outcome) Outcome {
	o := Outcome{Head: h.head, All: true, Bases: h.bases, DefaultRef: f.live.DefaultRef}
	var reports []*verdict.Report
	o.Bootstrap = len(each) > 0
	for _, one := range each {
		if c := one.Checks[0]; asked == nil || !asked.Open || c.Base == asked.BaseRef {
			reports = append(reports, one.Report)
			o.Bootstrap, o.Unusable, o.Said = o.Bootstrap && one.Bootstrap, o.Unusable || one.Unusable, one.Said
		}
		o.Checks = append(o.Checks, one.Checks...)
	}
	switch {
	case len(reports) > 0:
		o.Report = verdict.Merge(reports...)
	case asked != nil:
		n := f.nothing("pull request #%s is closed, so there is nothing to judge", strconv.Itoa(asked.Number))
		o.Report, o.Said, o.Bootstrap = n.Report, n.Said, false
	default:
		n := f.nothing("no open pull request has the head %s any more, so there is nothing to judge", short(h.head))
		o.Report, o.Said, o.Bootstrap = n.Report, n.Said, false
	}
	if !o.Bootstrap && len(reports) > 0 {
		o.Said = verdict.Sentence{}
	}
	return o
}

// unchanged reports whether what was judged is what there is.
func (f *forgeSide) unchanged(ctx context.Context, h *heading) (bool, error) {
	open, err := f.api.OpenPullRequests(ctx, f.Slug, h.head)
	if err != nil {
		return false, err
	}
	listed, _, _, err := f.relevant(ctx, open, h.asked)
	if err != nil || !slices.Equal(listed, h.listed) { // what strangers open since says nothing of it
		return false, err
	}
	bases := []string{f.live.DefaultRef}
	numbers := slices.Clone(h.read)
	for _, one := range h.own {
		if one.err == nil {
			bases, numbers = append(bases, one.pr.BaseRef), append(numbers, one.number)
		}
	}
	counts := f.mayCount(ctx)
	for _, n := range numbers {
		if same, err := f.api.Unchanged(ctx, f.Slug, n, counts); err != nil || !same {
			return false, err
		}
	}
	return f.tipsStand(ctx, bases)
}

// mayCount tells which accounts' reviews may count for anything: those of principals of the default branch's policy,
// all where a team of the forge may approve, or a base has a policy of its own.
func (f *forgeSide) mayCount(ctx context.Context) func(evidence.Account) bool {
	all := func(evidence.Account) bool { return true }
	if f.repository(ctx) != nil {
		return all
	}
	main, err := f.defaultPolicy(ctx, "")
	if f.PolicySlug != "" {
		main, err = f.policyElsewhere(ctx)
	}
	if err != nil || main.policy == nil || len(forgeTeams(main.policy)) > 0 || len(main.policy.Settings.Bases) > 0 {
		return all
	}
	return func(by evidence.Account) bool { return checker.Owner(main.policy, by) != nil }
}

// tipsStand reports whether branches are where they were when they were asked for.
func (f *forgeSide) tipsStand(ctx context.Context, refs []string) (bool, error) {
	slices.Sort(refs)
	now, err := f.mirror.Refs(ctx, slices.Compact(refs)...)
	if err != nil {
		return false, fault.Undecidedf("reading the branches again: %w", err)
	}
	for ref, tip := range f.tips {
		if slices.Contains(refs, ref) && now[ref] != tip {
			return false, nil
		}
	}
	return f.defaultTip == "" || now[f.live.DefaultRef] == f.defaultTip, nil
}

// forget has everything that may have changed asked for again.
func (f *forgeSide) forget() {
	f.tips, f.defaultTip = map[string]string{}, ""
	delete(f.rulings, "")
	f.strangersRead = 0
}

// readPull reads a pull request, and with it what its repository is.
func (f *forgeSide) readPull(ctx context.Context, number int) (*livePull, error) {
	pr, gaps, err := f.api.PullRequest(ctx, f.Slug, number, f.history(ctx, ""))
	if err == nil {
		err = f.repository(ctx)
	}
	if err != nil {
		return nil, err
	}
	live := &livePull{pr, gaps}
	if live.Base, err = f.tipOf(ctx, pr.BaseRef); err != nil {
		live.gaps = append(live.gaps, evidence.Gap{
			Kind: evidence.GapForge, What: "the base " + pr.BaseRef, Detail: err.Error(), Fix: "Run the check again.",
		})
		live.Complete = false
	}
	return live, nil
}

// tipOf is where a branch is now, as git tells; it is asked once a run.
func (f *forgeSide) tipOf(ctx context.Context, ref string) (string, error) {
	if tip := f.tips[ref]; tip != "" {
		return tip, nil
	}
	refs, err := f.mirror.Refs(ctx, ref)
	if err != nil {
		return "", err
	}
	if refs[ref] == "" {
		return "", fmt.Errorf("there is no %s", ref)
	}
	f.tips[ref] = refs[ref]
	return refs[ref], nil
}

// judgePull judges one pull request by the policy of its base. Where there is none yet, the report shows
// what the pull request's own would decide.
func (f *forgeSide) judgePull(ctx context.Context, pr *livePull) judged {
	if pr.Base == "" {
		err := fault.Undecidedf("the base of pull request #%d is not known", pr.Number)
		for _, g := range pr.gaps {
			err = fault.WithFix(fault.Undecidedf("%w: %s: %s", err, g.What, g.Detail), "%s", g.Fix)
		}
		return f.undecided(err, false)
	}
	rules, rule, err := f.rulingAt(ctx, pr.BaseRef, pr.Base, pr.Head)
	if err != nil {
		return f.undecided(err, false)
	}
	p := rule.policy
	if rule.first {
		if p, err = policyAt(ctx, f.policies(), pr.Head, "the pull request"); errors.Is(err, ErrNoPolicy) {
			return f.unruled()
		}
	}
	var set *evidence.Set
	if err == nil {
		set, err = f.pullEvidence(ctx, rules, p, pr)
	}
	if err != nil {
		j := f.undecided(err, rule.first || p != nil && f.observes(ctx, rules, p, pr.BaseRef, pr.Head))
		j.first = rule.first
		return j
	}
	r := checker.Check(p, set)
	if pr.Draft {
		// Nothing tells anybody in time that it is none any more.
		set.PullRequests[0].Draft = false
		if ready := checker.Check(p, set); ready.Verdict < r.Verdict {
			r = ready
		}
	}
	r.Observe = r.Observe || rule.first
	return judged{report: r, first: rule.first}
}

// pullEvidence gathers the evidence of one pull request.
func (f *forgeSide) pullEvidence(ctx context.Context, rules rulings, p *policy.Policy, pr *livePull) (*evidence.Set, error) {
	found, landing, err := f.collectPull(ctx, p, pr.Base, &pr.PullRequest)
	if err != nil {
		return nil, err
	}
	f.leavesPolicy(ctx, p, rules, pr, landing.Tree)
	set := f.newSet(found)
	if err := f.searchReferences(ctx, p, pr, set); err != nil {
		return nil, err
	}
	set.PullRequests = []evidence.PullRequest{pr.PullRequest}
	set.Gaps = append(set.Gaps, pr.gaps...)
	f.addRoles(ctx, set, p, speakersOf(&pr.PullRequest))
	return set, nil
}

// observes reports whether something that could not be judged is let through, because the policy only observes and what
// a ref would have at a commit does not take it over.
func (f *forgeSide) observes(ctx context.Context, rules rulings, p *policy.Policy, ref, commit string) bool {
	if !p.Settings.Observe {
		return false
	}
	left := rules.policyLeft(p, policy.Door{Ref: ref}, byName(f.Name), func() ([]byte, error) { return f.policies().file(ctx, commit) })
	return left == nil || left.Takeover == ""
}

// leavesPolicy fills in what is left of the base's policy once a pull request is merged, where it changes that. Where it
// could not be read what it changes, its head says whether it takes over a policy that observes.
func (f *forgeSide) leavesPolicy(ctx context.Context, p *policy.Policy, rules rulings, pr *livePull, tree string) {
	if !changesPolicy(pr.Changes) {
		if len(pr.Gaps) > 0 && p.Settings.Observe && !f.observes(ctx, rules, p, pr.BaseRef, pr.Head) {
			pr.Policy = rules.policyLeft(p, policy.Door{Ref: pr.BaseRef}, byName(f.Name), func() ([]byte, error) { return f.policies().file(ctx, pr.Head) })
		}
		return
	}
	pr.Policy = rules.policyLeft(p, policy.Door{Ref: pr.BaseRef}, byName(f.Name), func() ([]byte, error) {
		files, err := f.mirror.TreeOf(ctx, tree)
		if err != nil {
			return nil, err
		}
		return policyIn(files)
	})
}

// searchReferences looks for names of secrets in what the commits add, for which it fetches the contents of
// the files that they change.
func (f *forgeSide) searchReferences(ctx context.Context, p *policy.Policy, pr *livePull, set *evidence.Set) error {
	if len(secretLists(p)) == 0 {
		return nil
	}
	if err := f.mirror.FetchRange(ctx, pr.Base, pr.Head, gitrepo.RangeOptions{Lines: true}); err != nil {
		return fault.Undecidedf("reading the files that the commits change: %w", err)
	}
	return addReferences(ctx, p, f.mirror.Repo(), set)
}

// collectPull fetches and reads base..head of a pull request, and fills in what git tells of it.
func (f *forgeSide) collectPull(ctx context.Context, p *policy.Policy, base string, pr *evidence.PullRequest) (*gitrepo.Collected, gitrepo.Landing, error) {
	found, err := f.collectCommits(ctx, p, base, pr, 0)
	if err != nil {
		return nil, gitrepo.Landing{}, err
	}
	if pr.Onto == "" {
		pr.Onto = base
	}
	landing := f.mirror.Landing(ctx, pr.Onto, pr.Head)
	pr.Changes, pr.Gaps, pr.Merge = landing.Changes, landing.Gaps, landing.Merge
	pr.Workflows = landingChange(p, mirrorTrees(ctx, f.mirror), pr.Onto, landing)
	return found, landing, nil
}

// collectCommits fetches and reads base..head of a pull request, each commit with the push that brought it first, and
// the pull requests that were merged into its branch. deep is how many it was itself merged into.
func (f *forgeSide) collectCommits(ctx context.Context, p *policy.Policy, base string, pr *evidence.PullRequest, deep int) (*gitrepo.Collected, error) {
	lines := p.NeedsLines() && deep == 0
	if err := f.mirror.FetchRange(ctx, base, pr.Head, gitrepo.RangeOptions{Lines: lines}); err != nil {
		return nil, fault.Undecidedf("reading the commits: %w", err)
	}
	repo := f.mirror.Repo()
	found, err := repo.CollectRange(ctx, base, pr.Head, pr.HeadRef, gitrepo.CollectOptions{CountLines: lines, Delegations: namedIn(pr.Statement)})
	if err != nil {
		return nil, fault.Undecidedf("reading the commits: %w", err)
	}
	found.Updates, pr.Commits = nil, nil
	for i := range found.Commits {
		pr.Commits = append(pr.Commits, found.Commits[i].ID)
	}
	pushes, err := repo.FirstPushes(ctx, pr.Pushes, pr.Commits)
	if err != nil {
		return nil, fault.Undecidedf("finding the pushes of the commits: %w", err)
	}
	for i := range found.Commits {
		c := &found.Commits[i]
		if push, ok := pushes[c.ID]; ok {
			c.Push, c.Unread, c.Seen = &push.Push, push.Unread, seenAt(push.At, "activity log")
		}
	}
	f.findBundles(ctx, found, pr.HeadRepository)
	f.carriedIn(ctx, p, found, func(string) bool { return true }, pr.Number, deep)
	if err := f.innerPulls(ctx, p, base, pr, found, deep); err != nil {
		return nil, err
	}
	return found, nil
}

// findBundles fetches the delegations that were asked for: from this repository, else from the one that
// the head is in.
func (f *forgeSide) findBundles(ctx context.Context, found *gitrepo.Collected, headRepository string) {
	missing := func() []string {
		var digests []string
		for digest, b := range found.Bundles {
			if b.Raw == nil {
				digests = append(digests, digest)
			}
		}
		slices.Sort(digests)
		return digests
	}
	fetch := func(m *gitrepo.Mirror) {
		maps.Copy(found.Bundles, m.Bundles(ctx, missing()...))
	}
	if len(missing()) == 0 {
		return
	}
	fetch(f.mirror)
	_, slug, _ := strings.Cut(headRepository, "/")
	if headRepository == "" || headRepository == f.live.Name || len(missing()) == 0 {
		return
	}
	m, err := f.src.Mirror(ctx, slug)
	if err != nil {
		f.aside("the delegations in %s could not be looked for: %v", headRepository, err)
		return
	}
	defer func() { _ = m.Close() }() // a temporary folder of ours
	fetch(m)
}

// namedIn is the delegation that a pull request's statement names and does not carry, none where it
// cannot be read.
func namedIn(statement []byte) []string {
	s, err := delegation.ParseSigned[delegation.PullRequest](statement)
	if err != nil || s.Bundle != nil || s.Statement.Delegation == "" {
		return nil
	}
	return []string{s.Statement.Delegation}
}

// speakersOf are the speakers of a pull request and of others that have its head, each once.
func speakersOf(pr *evidence.PullRequest) []evidence.Account {
	all := speakers(pr.Reviews)
	for _, other := range pr.SameHead {
		for _, by := range speakers(other.Reviews) {
			if !slices.ContainsFunc(all, func(a evidence.Account) bool { return a.ID == by.ID }) {
				all = append(all, by)
			}
		}
	}
	return all
}

// speakers are those whose last word about a pull request says something, and those who dismissed a request for
// changes that was one.
func speakers(reviews []evidence.Review) []evidence.Account {
	last := map[int64]evidence.Review{}
	var order []int64
	for _, r := range reviews { // in the order in which they were submitted
		if r.State == "COMMENTED" {
			continue
		}
		if _, known := last[r.By.ID]; !known {
			order = append(order, r.By.ID)
		}
		last[r.By.ID] = r
	}
	var all []evidence.Account
	add := func(by evidence.Account) {
		if !slices.ContainsFunc(all, func(a evidence.Account) bool { return a.ID == by.ID }) {
			all = append(all, by)
		}
	}
	for _, id := range order {
		switch r := last[id]; {
		case r.State == "APPROVED", r.State == "CHANGES_REQUESTED":
			add(r.By)
		case r.State == "DISMISSED" && r.Dismissed != nil && r.Dismissed.Was != "APPROVED" && r.Dismissed.By.ID != r.By.ID:
			add(r.By)
			add(r.Dismissed.By)
		}
	}
	return all
}

// addRoles adds what accounts may do, and to which of the teams that gates ask about they belong. Only those
// whose word could count are asked about.
func (f *forgeSide) addRoles(ctx context.Context, set *evidence.Set, p *policy.Policy, who []evidence.Account) {
	if len(who) == 0 {
		return
	}
	roles, gaps := f.api.Roles(ctx, f.Slug, who, forgeTeams(p), func(by evidence.Account) bool {
		owner := checker.Owner(p, by)
		return owner != nil && owner.Name.Kind() == names.Human
	})
	set.Roles, set.Gaps = roles, append(set.Gaps, gaps...)
}

// forgeTeams are the teams of the forge that gates ask about, as "organisation/team".
func forgeTeams(p *policy.Policy) []string {
	var teams []string
	for _, g := range p.Gates {
		for _, who := range p.Expand(g.Approvers) {
			if who.Kind() != names.Team {
				continue
			}
			if t := p.Teams[who]; t != nil && t.GitHub != "" && !slices.Contains(teams, t.GitHub) {
				teams = append(teams, t.GitHub)
			}
		}
	}
	return teams
}
