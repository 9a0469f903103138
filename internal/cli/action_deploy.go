package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	// maxDeploySteps is how many steps of a branch one deploy may bring whose reviews count: each
	// takes some requests to the API.
	maxDeploySteps = 30
	maxAfter       = 200_000 // commits that the asked one does not reach and that are looked at
)

// deploy judges a signed request to deploy, and where it is allowed uses it up: of all runs that try,
// one gets the commit.
func (a *action) deploy(ctx context.Context, e *event) (*outcome, error) {
	if a.in.asked == names.Deploy && a.in.environment == "" {
		return nil, fault.WithFix(fault.Usagef("the input environment is empty"), "name the environment that the job deploys to")
	}
	if err := checkAsked(a.in.asked, a.in.environment, a.in.targets, true); err != nil {
		return nil, fault.WithFix(err, "see the inputs action and targets")
	}
	r := evidence.Request{
		Action: a.in.asked, Environment: a.in.environment, Targets: a.in.targets, RunID: a.in.runID, RunAttempt: a.in.runAttempt, Job: a.in.job,
	}
	o := &outcome{}
	if a.in.event == "deployment" {
		o.deployment = e.Deployment.ID
	}
	fail := func(err error) (*outcome, error) {
		failed := a.failed(err)
		failed.deployment = o.deployment
		return failed, nil
	}
	if err := a.readRequest(ctx, e, &r); err != nil {
		return fail(err)
	}
	var err error
	if a.live, err = a.api.Repository(ctx, a.in.slug); err != nil {
		return fail(err)
	}
	rules, err := a.rulingAt(ctx, a.live.DefaultRef, "")
	if err == nil && rules.first {
		err = fault.WithFix(fault.Undecidedf("the default branch never had a %s: nothing says what may be deployed", policy.FileName), "merge a policy first: `remit init` writes one")
	}
	if err != nil {
		return fail(err)
	}
	g := &forgeGate{action: a, policy: rules.policy}
	a.observe = rules.policy.Settings.Observe
	set, err := g.collect(ctx, r)
	if err != nil {
		return fail(err)
	}
	o.report = checker.Check(g.policy, set)
	switch {
	case o.report.Verdict == verdict.Allowed:
		if err := g.use(ctx, set, o); err != nil {
			return fail(err)
		}
	case o.report.Observe: // nothing is blocked: the job goes on with what was asked for
		if asked, err := delegation.ParseClaim[delegation.Request](set.Requests[0].Raw); err == nil && asked.Claim.Action == names.Deploy {
			o.commit = asked.Claim.Commit
		}
	}
	return o, nil
}

// readRequest finds the signed request, and when it was first seen: the input's, that of the
// deployment as it is now, or the dispatch input's.
func (a *action) readRequest(ctx context.Context, e *event, r *evidence.Request) error {
	text, dispatched := a.in.request, e.input("request")
	r.Source = "the input request"
	if a.in.event == "deployment" {
		d, err := a.api.Deployment(ctx, a.in.slug, e.Deployment.ID)
		if err != nil {
			return err
		}
		r.Commit = d.Commit
		in, approvals, err := deployPayload(d.Payload)
		if text == "" {
			r.Source = fmt.Sprintf("the payload of deployment %d", d.ID)
			if text = in; err != nil {
				r.Why = "the payload of the deployment cannot be read: " + err.Error()
			}
		}
		if text == in && in != "" {
			r.Seen = seenAt(d.Created, "the forge's clock, at the deployment's creation")
			a.in.approvals = append(a.in.approvals, strings.Fields(approvals)...)
			a.in.approvals = a.in.approvals[:min(len(a.in.approvals), maxApprovals)]
		}
	} else if text == "" {
		text, r.Source = dispatched, "the dispatch input request"
	}
	text = strings.TrimSpace(text)
	if text == "" {
		if r.Why == "" {
			r.Why = "neither the input request nor the event has one"
		}
		return nil
	}
	if text == strings.TrimSpace(dispatched) && a.in.runID != 0 {
		// Later would be as safe, so that a run that cannot be read does no harm.
		if run, err := a.api.Run(ctx, a.in.slug, a.in.runID); err == nil {
			r.Seen = seenAt(run.Created, "the forge's clock, at the run's creation")
		} else {
			a.note("when the run was created could not be read, so the request counts as seen now: %v", err)
		}
	}
	if raw, ok, err := findSigned([]byte(text)); ok && err == nil {
		r.Raw = raw
	} else {
		r.Raw = []byte(text) // the checker says what is wrong with it
	}
	return nil
}

// forgeGate is the gate of an environment.
type forgeGate struct {
	*action

	policy *policy.Policy
	refs   map[string]string // of the repository
	// history has the whole history of what is asked for, and no content.
	history *gitrepo.Mirror
}

// collect gathers the evidence of a request.
func (g *forgeGate) collect(ctx context.Context, r evidence.Request) (*evidence.Set, error) {
	set := g.newSet(nil)
	if r.Seen.Time.IsZero() {
		r.Seen = seenAt(set.At, clockJudge)
	}
	r.DefaultRef = g.live.DefaultRef
	asked, err := delegation.ParseClaim[delegation.Request](r.Raw)
	if err == nil { // else the checker says what is wrong with it
		if err := g.look(ctx, set, &r, asked); err != nil {
			return nil, err
		}
	}
	set.Requests = []evidence.Request{r}
	set.At = g.env.Now() // reading took its time, and a request lives for minutes
	return set, nil
}

// look fills in all that is known about what a request asks for.
func (g *forgeGate) look(ctx context.Context, set *evidence.Set, r *evidence.Request, asked *delegation.Signed[delegation.Request]) (err error) {
	if d := asked.Claim.Delegation; d != "" && asked.Bundle == nil {
		maps.Copy(set.Bundles, g.mirror.Bundles(ctx, d))
	}
	if g.refs, err = g.mirror.Refs(ctx, "refs/heads/", "refs/tags/"); err != nil {
		return fault.Undecidedf("listing the refs: %w", err)
	}
	if ref := asked.Claim.UsedRef(); g.refs[ref] != "" {
		r.Used, r.UsedBy = true, "the ref "+ref+" is there"
		return nil // whatever else there is, it is denied
	}
	if asked.Claim.Action != names.Deploy {
		return nil
	}
	if g.history, err = g.newMirror(ctx, g.in.slug); err != nil {
		return fault.Undecidedf("reading the history: %w", err)
	}
	defer func() { _ = g.history.Close() }() // a temporary folder of ours
	commit := asked.Claim.Commit
	switch err := g.history.FetchHistory(ctx, commit); {
	case errors.Is(err, gitrepo.ErrNotFound):
		r.RefsKnown, r.StepsWhy = true, "the repository has no such commit"
		return nil
	case err != nil:
		return fault.Undecidedf("reading the history: %w", err)
	}
	if err := g.reachable(ctx, r, commit); err != nil {
		return err
	}
	steps, err := g.stepsSince(ctx, r, commit)
	if err != nil || len(steps) == 0 {
		return err
	}
	if r.Steps, err = g.explain(ctx, steps, g.byRecord(func(ref string) bool { return slices.Contains(r.ReachableFrom, ref) })); err != nil {
		return err
	}
	ref := g.live.DefaultRef
	if len(r.ReachableFrom) > 0 {
		ref = r.ReachableFrom[0]
	}
	found, err := g.stepCommits(ctx, g.policy, ref, r.Steps)
	if err != nil {
		return err
	}
	set.Commits = found.Commits
	maps.Copy(set.Bundles, found.Bundles)
	for _, s := range r.Steps {
		r.Gaps = append(r.Gaps, s.Gaps...)
	}
	var gaps []evidence.Gap
	set.Roles, gaps = g.roles(ctx, reviewers(r.Steps), forgeTeams(g.policy, g.policy.Gates))
	set.Gaps = append(set.Gaps, gaps...)
	return nil
}

// reachable finds the refs that reach a commit, among those that the policy lets be deployed, and what
// was let through that comes after it.
func (g *forgeGate) reachable(ctx context.Context, r *evidence.Request, commit string) error {
	from := deployable(g.policy, g.in.environment, g.live.DefaultRef, g.refs)
	had := letThroughTo(g.in.environment, g.refs, g.env.Now())
	deployed := g.deployed()
	ids := slices.Concat(slices.Collect(maps.Values(from)), slices.Collect(maps.Keys(deployed)))
	if err := g.history.FetchHistory(ctx, ids...); err != nil {
		return fault.Undecidedf("reading the history: %w", err)
	}
	repo := g.history.Repo()
	var commits []string
	for _, id := range ids { // a tag may be of anything
		if _, err := repo.Commit(id); err == nil {
			commits = append(commits, id)
		}
	}
	later, err := repo.Descendants(ctx, commit, commits, maxAfter)
	if err != nil {
		return fault.Undecidedf("finding which refs reach the commit: %w", err)
	}
	for ref, id := range from {
		if id == commit || slices.Contains(later, id) {
			r.ReachableFrom = append(r.ReachableFrom, ref)
		}
	}
	slices.Sort(r.ReachableFrom)
	if i := slices.Index(r.ReachableFrom, g.live.DefaultRef); i > 0 { // the one that counts goes first
		r.ReachableFrom[0], r.ReachableFrom[i] = r.ReachableFrom[i], r.ReachableFrom[0]
	}
	r.RefsKnown = true
	had = slices.DeleteFunc(had, func(d letThrough) bool { return !slices.Contains(commits, d.commit) })
	for _, d := range had {
		if slices.Contains(later, d.commit) {
			goesBack(r, d)
		}
	}
	has := latest(had)
	for _, d := range has {
		if d.commit == commit || d.at.IsZero() {
			continue
		}
		switch yes, err := repo.IsAncestor(ctx, d.commit, commit); {
		case err != nil:
			return fault.Undecidedf("finding whether the commit comes after what is deployed: %w", err)
		case !yes:
			goesBack(r, d)
		}
	}
	if g.policy.AsksForPaths(names.Deploy) {
		landsOn(ctx, r, has, commit, g.difference)
	}
	return nil
}

// difference is what differs between two commits; from "", all of the other.
func (g *forgeGate) difference(ctx context.Context, from, to string) ([]evidence.Change, []evidence.Gap) {
	wants := []string{to}
	if from != "" {
		wants = append(wants, from)
	}
	if err := g.mirror.Fetch(ctx, wants...); err != nil {
		return nil, []evidence.Gap{{Kind: evidence.GapHistory, What: "what the deploy changes", Detail: err.Error(), Fix: "Run the gate again."}}
	}
	return g.mirror.Repo().Diff(ctx, from, to)
}

// deployed are the commits that were let through to the environment.
func (g *forgeGate) deployed() map[string]bool {
	deployed := map[string]bool{}
	for ref, id := range g.refs {
		if strings.HasPrefix(ref, delegation.DeployedRefs(g.in.environment)) {
			deployed[id] = true
		}
	}
	return deployed
}

// stepsSince are the steps that a deploy of a commit brings: those after what was let through last, or
// after the policy came to the branch. Where they cannot all be told there are none, and r says why.
func (g *forgeGate) stepsSince(ctx context.Context, r *evidence.Request, commit string) ([]gitrepo.FirstParentStep, error) {
	line, whole, err := g.history.Repo().Line(ctx, commit, maxDeploySteps+1)
	if err != nil {
		return nil, fault.Undecidedf("reading the history: %w", err)
	}
	deployed := g.deployed()
	i := slices.IndexFunc(line, func(id string) bool { return deployed[id] })
	switch {
	case i == 0: // once more: what made it counts again
		r.Deployed = commit
		if len(line) > 1 {
			r.Since = line[1]
		}
	case i > 0:
		r.Deployed, r.Since = line[i], line[i]
	default:
		if i, err = g.policyCame(ctx, line, whole); err != nil {
			return nil, err
		}
		switch {
		case i == 0:
			r.Since, r.StepsWhy = commit, "the policy came with this very commit"
			return nil, nil
		case i > 0:
			r.Since = line[i]
		case whole: // from the very beginning
		default:
			r.StepsWhy = fmt.Sprintf("more than %d steps were made since anything was let through to the environment; a signed approval that names the request counts for all of them", maxDeploySteps)
			return nil, nil
		}
	}
	steps, err := g.history.Repo().Steps(ctx, r.Since, commit, maxAfter)
	if err != nil {
		return nil, fault.Undecidedf("reading the history: %w", err)
	}
	return steps, nil
}

// policyCame is the index of the commit by which the policy came to a line of first parents, the newest
// first; -1 where that lies further back, or it never did. whole says that the line ends with a root.
func (g *forgeGate) policyCame(ctx context.Context, line []string, whole bool) (int, error) {
	if g.in.policySlug != "" {
		return -1, nil // it came to another line
	}
	if err := g.mirror.Fetch(ctx, line...); err != nil {
		return -1, fault.Undecidedf("reading the history: %w", err)
	}
	came := -1
	for i, commit := range line {
		_, err := g.mirror.Repo().File(commit, policy.FileName)
		switch {
		case errors.Is(err, gitrepo.ErrNotFound):
		case err == nil, errors.Is(err, gitrepo.ErrMissing): // its content was not asked for
			came = i
		default:
			return -1, fault.Undecidedf("reading the history: %w", err)
		}
	}
	if came == len(line)-1 && !whole {
		return -1, nil
	}
	return came, nil
}

// use uses an allowed request up and records the deploy. Where somebody else was first it is judged
// again, and denied.
func (g *forgeGate) use(ctx context.Context, set *evidence.Set, o *outcome) error {
	r := &set.Requests[0]
	asked, err := delegation.ParseClaim[delegation.Request](r.Raw)
	if err != nil {
		return fault.Undecidedf("reading the request again: %w", err)
	}
	c := asked.Claim
	won, err := g.api.UseOnce(ctx, g.in.slug, c.Nonce, c.Commit)
	switch {
	case errors.Is(err, forge.ErrAmbiguous):
		r.UsedUnknown = err.Error()
	case err != nil:
		return err
	case !won:
		r.Used, r.UsedBy = true, "another run was first to use it"
	default:
		if c.Action != names.Deploy {
			return nil // no commit is let through: nobody had to review one
		}
		if err := g.api.RecordDeploy(ctx, g.in.slug, g.in.environment, c.Nonce, c.Commit, g.env.Now()); err != nil {
			return fault.WithFix(fault.Undecidedf("the request is used up now, and that it was let through could not be recorded: %w", err), "make a new request: nothing was deployed by this one")
		}
		o.commit = c.Commit
		return nil
	}
	o.report = checker.Check(g.policy, set)
	return nil
}

// setStatus tells a deployment why it was denied, where the token may. What was let through is for the
// job to report.
func (a *action) setStatus(ctx context.Context, o *outcome) {
	if o.report.Observe {
		return
	}
	var state string
	switch o.report.Verdict {
	case verdict.Denied:
		state = "failure"
	case verdict.NotDecided:
		state = "error"
	default:
		return
	}
	status := forge.DeploymentStatus{State: state, Description: report.Summary(o.report)}
	if err := a.api.SetDeploymentStatus(ctx, a.in.slug, o.deployment, status); err != nil {
		a.note("the deployment's status could not be set: %v", err)
	}
}
