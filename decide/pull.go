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
}

func (q PullRequest) decide(ctx context.Context, src Sources) Outcome {
	return onSide(ctx, src, q.OnForge, checkBudget, func(f *forgeSide) (Outcome, error) {
		pr, err := f.readPull(ctx, q.Number)
		if err != nil {
			return Outcome{}, err
		}
		if !pr.Open {
			return f.nothing("pull request #%s is closed, so there is nothing to judge", strconv.Itoa(q.Number)), nil
		}
		return f.checkHead(ctx, Target{pr.Head, []int{q.Number}}, pr)
	})
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
		return f.checkHead(ctx, Target{Head: head}, nil)
	})
}

// checkHead judges every open pull request that has a commit as its head, and adds what else was judged
// of it: a check run stands on a commit, so it must hold for all of them. The outcome has its target, whatever
// the error.
func (f *forgeSide) checkHead(ctx context.Context, t Target, known *livePull, all ...judged) (Outcome, error) {
	numbers, err := f.api.OpenPullRequests(ctx, f.Slug, t.Head)
	if err != nil {
		return Outcome{Target: t}, err
	}
	if known != nil && !slices.Contains(numbers, known.Number) {
		numbers = append([]int{known.Number}, numbers...)
	}
	if len(numbers) > maxSameHead {
		return Outcome{Target: t}, fault.Undecidedf("%d open pull requests have this head: %w", len(numbers), forge.ErrCut)
	}
	t.Pulls = nil
	for _, number := range numbers {
		pr := known
		if pr == nil || pr.Number != number {
			if pr, err = f.readPull(ctx, number); err != nil {
				t.Pulls = append(t.Pulls, number)
				all = append(all, f.undecided(err, false))
				continue
			}
		}
		if !pr.Open || pr.Head != t.Head {
			continue // it went on meanwhile, and its new head is judged by another run
		}
		t.Pulls = append(t.Pulls, number)
		all = append(all, f.judgePull(ctx, pr))
	}
	if len(all) == 0 {
		return f.nothing("no open pull request has the head %s any more, so there is nothing to judge", short(t.Head)), nil
	}
	return outcomeOf(t, all), nil
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
	rules, rule, err := f.rulingAt(ctx, pr.BaseRef, pr.Base)
	if err != nil {
		return f.undecided(err, false)
	}
	p := rule.policy
	if rule.first {
		if p, err = policyAt(ctx, f.policies(), pr.Head, "the pull request"); errors.Is(err, ErrNoPolicy) {
			return f.unruled()
		}
	}
	observe := rule.first || err == nil && p.Settings.Observe
	var set *evidence.Set
	if err == nil {
		set, err = f.pullEvidence(ctx, rules, p, pr)
	}
	if err != nil {
		j := f.undecided(err, observe)
		j.first = rule.first
		return j
	}
	r := checker.Check(p, set)
	r.Observe = observe
	return judged{report: r, first: rule.first}
}

// pullEvidence gathers the evidence of one pull request.
func (f *forgeSide) pullEvidence(ctx context.Context, rules rulings, p *policy.Policy, pr *livePull) (*evidence.Set, error) {
	found, landing, err := f.collectPull(ctx, p, pr.Base, &pr.PullRequest)
	if err != nil {
		return nil, err
	}
	f.leavesPolicy(ctx, rules, pr, landing.Tree)
	set := f.newSet(found)
	if err := f.searchReferences(ctx, p, pr, set); err != nil {
		return nil, err
	}
	set.PullRequests = []evidence.PullRequest{pr.PullRequest}
	set.Gaps = append(set.Gaps, pr.gaps...)
	f.addRoles(ctx, set, p, speakers(pr.Reviews))
	return set, nil
}

// leavesPolicy fills in what is left of the base's policy once a pull request is merged, where it changes that.
func (f *forgeSide) leavesPolicy(ctx context.Context, rules rulings, pr *livePull, tree string) {
	if !changesPolicy(pr.Changes) {
		return
	}
	pr.Policy = rules.policyLeft(pr.BaseRef, byName(f.Name), func() ([]byte, error) {
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

// addRoles adds what accounts may do, and to which of the teams that gates ask about they belong.
func (f *forgeSide) addRoles(ctx context.Context, set *evidence.Set, p *policy.Policy, who []evidence.Account) {
	if len(who) == 0 {
		return
	}
	roles, gaps := f.api.Roles(ctx, f.Slug, who, forgeTeams(p))
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
