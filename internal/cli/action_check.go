package cli

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
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

const (
	maxSameHead  = 20 // open pull requests that one commit may be the head of
	maxLostHeads = 10 // pushes of a branch that are fetched although it does not reach them any more
)

// livePull is a pull request as the forge tells it now, with what could not be learned of it.
type livePull struct {
	evidence.PullRequest

	gaps []evidence.Gap
}

// checkPull judges the head of a pull request.
func (a *action) checkPull(ctx context.Context, number int) (*outcome, error) {
	pr, err := a.readPull(ctx, number)
	if err != nil {
		return nil, err
	}
	if !pr.Open {
		return a.nothing("pull request #%s is closed, so there is nothing to judge", strconv.Itoa(number)), nil
	}
	a.target = target{pr.Head, []int{number}}
	return a.checkHead(ctx, pr.Head, pr)
}

// checkRun judges the head that another workflow ran for. Its token may write where that of a pull
// request from a fork may not.
func (a *action) checkRun(ctx context.Context, e *event) (*outcome, error) {
	if e.WorkflowRun.ID <= 0 {
		return nil, fault.Undecidedf("the event names no run")
	}
	run, err := a.api.Run(ctx, a.in.slug, e.WorkflowRun.ID)
	if err != nil {
		return nil, err
	}
	a.target = target{head: run.Head}
	return a.checkHead(ctx, run.Head, nil)
}

// judged is the report about one thing that the check run of a head must hold for.
type judged struct {
	report *verdict.Report
	first  bool // it was judged where no policy is in force yet
}

// checkHead judges every open pull request that has a commit as its head, and adds what else was judged
// of it: a check run stands on a commit, so it must hold for all of them.
func (a *action) checkHead(ctx context.Context, head string, known *livePull, all ...judged) (*outcome, error) {
	numbers, err := a.api.OpenPullRequests(ctx, a.in.slug, head)
	if err != nil {
		return nil, err
	}
	if known != nil && !slices.Contains(numbers, known.Number) {
		numbers = append([]int{known.Number}, numbers...)
	}
	if len(numbers) > maxSameHead {
		return nil, fault.Undecidedf("%d open pull requests have this head: %w", len(numbers), forge.ErrCut)
	}
	a.target.pulls = nil
	for _, number := range numbers {
		pr := known
		if pr == nil || pr.Number != number {
			if pr, err = a.readPull(ctx, number); err != nil {
				a.observe = false
				a.target.pulls = append(a.target.pulls, number)
				all = append(all, judged{report: a.undecided(err)})
				continue
			}
		}
		if !pr.Open || pr.Head != head {
			continue // it went on meanwhile, and its new head is judged by another run
		}
		a.target.pulls = append(a.target.pulls, number)
		all = append(all, a.judgePull(ctx, pr))
	}
	if len(all) == 0 {
		return a.nothing("no open pull request has the head %s any more, so there is nothing to judge", short(head)), nil
	}
	return a.outcomeOf(all), nil
}

// outcomeOf is the outcome of all that was judged of one head. It is bootstrap only where no policy is in
// force for any of it.
func (a *action) outcomeOf(all []judged) *outcome {
	o := &outcome{bootstrap: true}
	reports := make([]*verdict.Report, len(all))
	for i, j := range all {
		reports[i], o.bootstrap = j.report, o.bootstrap && j.first
	}
	o.report = verdict.Merge(reports...)
	if o.bootstrap {
		o.said = a.howToStart(o.report)
	}
	return o
}

// readPull reads a pull request, and with it what its repository is.
func (a *action) readPull(ctx context.Context, number int) (*livePull, error) {
	pr, gaps, err := a.api.PullRequest(ctx, a.in.slug, number, a.inBase(ctx, ""))
	if err == nil {
		a.live, err = a.api.Repository(ctx, a.in.slug)
	}
	if err != nil {
		return nil, err
	}
	live := &livePull{pr, gaps}
	if live.Base, err = a.tipOf(ctx, pr.BaseRef); err != nil {
		live.gaps = append(live.gaps, evidence.Gap{
			Kind: evidence.GapForge, What: "the base " + pr.BaseRef, Detail: err.Error(), Fix: "Run the check again.",
		})
		live.Complete = false
	}
	return live, nil
}

// tipOf is where a branch is now, as git tells; it is asked once a run.
func (a *action) tipOf(ctx context.Context, ref string) (string, error) {
	if tip := a.tips[ref]; tip != "" {
		return tip, nil
	}
	refs, err := a.mirror.Refs(ctx, ref)
	if err != nil {
		return "", err
	}
	if refs[ref] == "" {
		return "", fmt.Errorf("there is no %s", ref)
	}
	if a.tips == nil {
		a.tips = map[string]string{}
	}
	a.tips[ref] = refs[ref]
	return refs[ref], nil
}

// inBase tells whether a pull request's base, or where it was at a given commit, reaches a commit.
// What cannot be told it takes for no: then more of the log of pushes counts. What it is asked about it
// fetches, and so what was pushed to a branch and pushed away again: that may be what brought a commit
// first, and without it a commit counts as pushed later.
func (a *action) inBase(ctx context.Context, base string) func(*evidence.PullRequest, string) bool {
	fetched, failed := false, 0
	return func(pr *evidence.PullRequest, commit string) bool {
		from := base
		if from == "" {
			from, _ = a.tipOf(ctx, pr.BaseRef) // what is not known is a gap of the pull request
		}
		if from == "" || failed == maxLostHeads {
			return false
		}
		if !fetched {
			fetched = true
			if err := a.mirror.FetchRange(ctx, from, pr.Head, gitrepo.RangeOptions{}); err != nil {
				failed = maxLostHeads
				return false
			}
		}
		if yes, err := a.mirror.Repo().IsAncestor(ctx, commit, from); err == nil {
			return yes
		}
		failed++ // a commit that the branch does not reach, such as one that was pushed away
		if err := a.mirror.FetchRange(ctx, from, commit, gitrepo.RangeOptions{}); err != nil {
			return false
		}
		yes, err := a.mirror.Repo().IsAncestor(ctx, commit, from)
		return err == nil && yes
	}
}

// judgePull judges one pull request by the policy of its base. Where there is none yet, the report shows
// what the pull request's own would decide.
func (a *action) judgePull(ctx context.Context, pr *livePull) judged {
	a.observe = false
	if pr.Base == "" {
		err := fault.Undecidedf("the base of pull request #%d is not known", pr.Number)
		for _, g := range pr.gaps {
			err = fault.WithFix(fault.Undecidedf("%w: %s: %s", err, g.What, g.Detail), "%s", g.Fix)
		}
		return judged{report: a.undecided(err)}
	}
	rules, err := a.rulingAt(ctx, pr.BaseRef, pr.Base)
	if err != nil {
		return judged{report: a.undecided(err)}
	}
	p := rules.policy
	if rules.first {
		a.observe = true
		if p, err = a.policyAt(ctx, pr.Head, "the pull request"); errors.Is(err, errNoPolicy) {
			return a.unruled()
		}
	}
	if err == nil {
		a.observe = rules.first || p.Settings.Observe
		var set *evidence.Set
		if set, err = a.pullEvidence(ctx, p, pr); err == nil {
			r := checker.Check(p, set)
			if teams := teamsOf(p, r.Gates); len(teams) > 0 {
				// No workflow's own token can read teams: what is at no gate of theirs does not wait for that.
				var gaps []evidence.Gap
				set.Roles, gaps = a.roles(ctx, speakers(pr.Reviews), teams)
				set.Gaps = append(set.Gaps, gaps...)
				r = checker.Check(p, set)
			}
			r.Observe = a.observe
			return judged{r, rules.first}
		}
	}
	return judged{a.undecided(err), rules.first}
}

// unruled is what is judged where there is no policy at all.
func (a *action) unruled() judged {
	r := a.newReport()
	r.Observe, r.Verdict = true, verdict.Allowed
	return judged{r, true}
}

// howToStart says that nothing is enforced, and how that changes.
func (a *action) howToStart(r *verdict.Report) report.Sentence {
	start := "no policy is in force yet, so nothing is enforced: the default branch never had a " + policy.FileName
	if r.PolicyFrom == "" {
		return report.Sentence{Format: start + "; write one with `remit init` and merge it"}
	}
	return report.Sentence{Format: start + "; below is what the one of this pull request would decide, which is in force once it is merged"}
}

// pullEvidence gathers the evidence of one pull request.
func (a *action) pullEvidence(ctx context.Context, p *policy.Policy, pr *livePull) (*evidence.Set, error) {
	found, err := a.collectPull(ctx, p, pr.Base, &pr.PullRequest)
	if err != nil {
		return nil, err
	}
	set := a.newSet(found)
	if err := a.searchReferences(ctx, p, pr, set); err != nil {
		return nil, err
	}
	set.PullRequests = []evidence.PullRequest{pr.PullRequest}
	set.Gaps = append(set.Gaps, pr.gaps...)
	var gaps []evidence.Gap
	set.Roles, gaps = a.roles(ctx, speakers(pr.Reviews), nil)
	set.Gaps = append(set.Gaps, gaps...)
	return set, nil
}

// searchReferences looks for names of secrets in what the commits add, for which it fetches the contents of
// the files that they change.
func (a *action) searchReferences(ctx context.Context, p *policy.Policy, pr *livePull, set *evidence.Set) error {
	if len(secretLists(p)) == 0 {
		return nil
	}
	if err := a.mirror.FetchRange(ctx, pr.Base, pr.Head, gitrepo.RangeOptions{Lines: true}); err != nil {
		return fault.Undecidedf("reading the files that the commits change: %w", err)
	}
	return addReferences(ctx, p, a.mirror.Repo(), set)
}

// collectPull fetches and reads base..head of a pull request, and fills in what git tells of it.
func (a *action) collectPull(ctx context.Context, p *policy.Policy, base string, pr *evidence.PullRequest) (*gitrepo.Collected, error) {
	lines := p.NeedsLines()
	if err := a.mirror.FetchRange(ctx, base, pr.Head, gitrepo.RangeOptions{Lines: lines}); err != nil {
		return nil, fault.Undecidedf("reading the commits: %w", err)
	}
	repo := a.mirror.Repo()
	found, err := repo.CollectRange(ctx, base, pr.Head, pr.HeadRef, gitrepo.CollectOptions{CountLines: lines, Delegations: namedIn(pr.Statement)})
	if err != nil {
		return nil, fault.Undecidedf("reading the commits: %w", err)
	}
	found.Updates, pr.Commits = nil, nil
	for i := range found.Commits {
		pr.Commits = append(pr.Commits, found.Commits[i].ID)
	}
	if pr.Onto == "" {
		pr.Onto = base
	}
	landing := a.mirror.Landing(ctx, pr.Onto, pr.Head)
	pr.Changes, pr.Gaps, pr.Merge = landing.Changes, landing.Gaps, landing.Merge
	pr.Workflows = landingChange(p, mirrorTrees(ctx, a.mirror), pr.Onto, landing)
	pushes, err := repo.FirstPushes(ctx, pr.Pushes, pr.Commits)
	if err != nil {
		return nil, fault.Undecidedf("finding the pushes of the commits: %w", err)
	}
	for i := range found.Commits {
		c := &found.Commits[i]
		if push, ok := pushes[c.ID]; ok {
			c.Push, c.Seen = &push, seenAt(push.At, "activity log")
		}
	}
	a.findBundles(ctx, found, pr.HeadRepository)
	return found, nil
}

// findBundles fetches the delegations that were asked for: from this repository, else from the one that
// the head is in.
func (a *action) findBundles(ctx context.Context, found *gitrepo.Collected, headRepository string) {
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
	fetch(a.mirror)
	_, slug, _ := strings.Cut(headRepository, "/")
	if headRepository == "" || headRepository == a.live.Name || len(missing()) == 0 {
		return
	}
	m, err := a.newMirror(ctx, slug)
	if err != nil {
		a.note("the delegations in %s could not be looked for: %v", headRepository, err)
		return
	}
	defer func() { _ = m.Close() }() // a temporary folder of ours
	fetch(m)
}

// namedIn is the delegation that a pull request's statement names and does not carry, none where it
// cannot be read.
func namedIn(statement []byte) []string {
	s, err := delegation.ParseClaim[delegation.PullRequest](statement)
	if err != nil || s.Bundle != nil || s.Claim.Delegation == "" {
		return nil
	}
	return []string{s.Claim.Delegation}
}

// speakers are those whose last word about a pull request says something.
func speakers(reviews []evidence.Review) []evidence.Account {
	last := map[int64]string{}
	var order []evidence.Account
	for _, r := range reviews { // in the order in which they were submitted
		if r.State == "COMMENTED" {
			continue
		}
		if _, known := last[r.By.ID]; !known {
			order = append(order, r.By)
		}
		last[r.By.ID] = r.State
	}
	return slices.DeleteFunc(order, func(by evidence.Account) bool {
		return last[by.ID] != "APPROVED" && last[by.ID] != "CHANGES_REQUESTED"
	})
}

// roles are what accounts may do, and to which of the teams they belong.
func (a *action) roles(ctx context.Context, who []evidence.Account, teams []string) ([]evidence.Role, []evidence.Gap) {
	if len(who) == 0 {
		return nil, nil
	}
	return a.api.Roles(ctx, a.in.slug, who, teams)
}

// teamsOf are the teams of the forge that the gates of a report ask about.
func teamsOf(p *policy.Policy, gates []verdict.Gate) []string {
	var at []*policy.Gate
	for _, g := range p.Gates {
		if slices.ContainsFunc(gates, func(v verdict.Gate) bool { return v.Name == g.Name }) {
			at = append(at, g)
		}
	}
	return forgeTeams(p, at)
}

// forgeTeams are the teams of the forge that gates ask about, as "organisation/team".
func forgeTeams(p *policy.Policy, gates []*policy.Gate) []string {
	var teams []string
	for _, g := range gates {
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

// short is a commit id as people read it.
func short(id string) string { return id[:min(len(id), 10)] }
