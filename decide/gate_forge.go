package decide

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// maxDeploySteps is how many steps of a branch one deploy may bring whose reviews count: each
// takes some requests to the API.
const maxDeploySteps = 30

// ForgeGate asks whether a signed request may be let through now, by a job of a workflow on the forge. Reviews
// of what a deploy brings count. Where the answer is yes the request is used up, and of all runs that try, one
// gets the commit.
type ForgeGate struct {
	OnForge
	Asked

	Request    string // the signed request, in its one word or as its file; "": the deployment's, else the dispatch's
	Deployment int64  // that the event is of; 0: of none
	Dispatched string // the dispatch input request; "" for none

	// The run that may use the request; 0 and "" for none.
	RunID      int64
	RunAttempt int
	Job        string
	ActionRef  string // at which the job's step names the action; "" where that is not known
}

func (q ForgeGate) decide(ctx context.Context, src Sources) Outcome {
	if q.Action == names.Deploy && q.Environment == "" {
		return undone(src, fault.WithFix(fault.Usagef("the input environment is empty"), "name the environment that the job deploys to"))
	}
	if err := q.Check(true); err != nil {
		return undone(src, fault.WithFix(err, "see the inputs action and targets"))
	}
	o := onSide(ctx, src, q.OnForge, deployBudget, func(f *forgeSide) (Outcome, error) { return f.gate(ctx, &q) })
	o.Deployment = q.Deployment
	return o
}

func (f *forgeSide) gate(ctx context.Context, q *ForgeGate) (Outcome, error) {
	r := evidence.Request{
		Action: q.Action, Environment: q.Environment, Targets: q.Targets, RunID: q.RunID, RunAttempt: q.RunAttempt, Job: q.Job,
		ByAction: true, ActionRef: q.ActionRef,
	}
	if err := f.readRequest(ctx, q, &r); err != nil {
		return Outcome{}, err
	}
	if err := f.repository(ctx); err != nil {
		return Outcome{}, err
	}
	_, rule, err := f.rulingAt(ctx, f.live.DefaultRef, "", "")
	if err == nil && rule.first {
		err = fault.WithFix(fault.Undecidedf("the default branch never had a %s: nothing says what may be deployed", policy.FileName), "merge a policy first: `remit init` writes one")
	}
	if err != nil {
		return Outcome{}, err
	}
	b := &forgeGate{forgeSide: f, policy: rule.policy}
	o, err := b.judge(ctx, r)
	if err != nil {
		return f.failed(err, rule.policy.Settings.Observe), nil
	}
	return o, nil
}

// readRequest finds the signed request, and when it was first seen: the input's, that of the
// deployment as it is now, or the dispatch input's.
func (f *forgeSide) readRequest(ctx context.Context, q *ForgeGate, r *evidence.Request) error {
	text := q.Request
	r.Source = "the input request"
	if q.Deployment != 0 {
		d, err := f.api.Deployment(ctx, f.Slug, q.Deployment)
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
			f.Approvals = append(slices.Clone(f.Approvals), strings.Fields(approvals)...)
			f.Approvals = f.Approvals[:min(len(f.Approvals), MaxApprovals)]
		}
	} else if text == "" {
		text, r.Source = q.Dispatched, "the dispatch input request"
	}
	text = strings.TrimSpace(text)
	if text == "" {
		if r.Why == "" {
			r.Why = "neither the input request nor the event has one"
		}
		return nil
	}
	if text == strings.TrimSpace(q.Dispatched) && q.RunID != 0 {
		// Later would be as safe, so that a run that cannot be read does no harm.
		if run, err := f.api.Run(ctx, f.Slug, q.RunID); err == nil {
			r.Seen = seenAt(run.Created, "the forge's clock, at the run's creation")
		} else {
			f.aside("when the run was created could not be read, so the request counts as seen now: %v", err)
		}
	}
	if raw, ok, err := delegation.FindSigned([]byte(text)); ok && err == nil {
		r.Raw = raw
	} else {
		r.Raw = []byte(text) // the checker says what is wrong with it
	}
	return nil
}

// forgeGate is the gate of an environment on a forge.
type forgeGate struct {
	*forgeSide

	policy *policy.Policy
	gate   *gate
	refs   map[string]string // of the repository
	// whole has the whole history of what is asked for, and no content.
	whole *gitrepo.Mirror
}

func (b *forgeGate) judge(ctx context.Context, r evidence.Request) (o Outcome, err error) {
	set := b.newSet(nil)
	if r.Seen.Time.IsZero() {
		r.Seen = seenAt(set.At, ClockJudge)
	}
	if b.refs, err = b.mirror.Refs(ctx, "refs/heads/", "refs/tags/"); err != nil {
		return o, fault.Undecidedf("listing the refs: %w", err)
	}
	defer func() {
		if b.whole != nil {
			_ = b.whole.Close() // a temporary folder of ours
		}
	}()
	g := &gate{
		policy: b.policy, defaultRef: b.live.DefaultRef, refs: b.refs, marks: forgeMarks{b.api, b.Slug, b.mirror.Refs},
		history: b, brings: b.brings,
		bundle:  func(ctx context.Context, digest string) evidence.Bundle { return b.mirror.Bundles(ctx, digest)[digest] },
		clock:   func() Clock { return Clock{b.src.Now(), ClockJudge} },
		deploys: b.src.Deploys,
	}
	b.gate = g
	return g.judge(ctx, set, r, false)
}

// bring fetches the whole history of commits.
func (b *forgeGate) bring(ctx context.Context, commits ...string) (err error) {
	if b.whole == nil {
		if b.whole, err = b.src.Mirror(ctx, b.Slug); err != nil {
			return err
		}
	}
	return b.whole.FetchHistory(ctx, commits...)
}

// peel is the commit that a ref leads to; the forge's list has peeled tags already.
func (b *forgeGate) peel(id string) (string, error) {
	if _, err := b.whole.Repo().Commit(id); err != nil {
		return "", nil //nolint:nilerr // a tag may be of anything
	}
	return id, nil
}

func (b *forgeGate) after(ctx context.Context, commit string, among []string) ([]string, int, error) {
	later, err := b.whole.Repo().Descendants(ctx, commit, among, maxAfter)
	return later, 0, err
}

func (b *forgeGate) comesAfter(ctx context.Context, commit, deployed string) (bool, error) {
	return b.whole.Repo().IsAncestor(ctx, deployed, commit)
}

// difference is what differs between two commits; from "", all of the other.
func (b *forgeGate) difference(ctx context.Context, from, to string) ([]evidence.Change, []evidence.Gap) {
	wants := []string{to}
	if from != "" {
		wants = append(wants, from)
	}
	if err := b.mirror.Fetch(ctx, wants...); err != nil {
		return nil, []evidence.Gap{{Kind: evidence.GapHistory, What: "what the deploy changes", Detail: err.Error(), Fix: "Run the gate again."}}
	}
	return b.mirror.Repo().Diff(ctx, from, to)
}

// brings adds the steps that a deploy of a commit brings, and who reviewed them.
func (b *forgeGate) brings(ctx context.Context, set *evidence.Set, r *evidence.Request, commit string) error {
	steps, err := b.stepsSince(ctx, r, commit)
	if err != nil || len(steps) == 0 {
		return err
	}
	if r.Steps, err = b.explain(ctx, steps, b.asRecorded(r.ReachableFrom)); err != nil {
		return err
	}
	ref := b.live.DefaultRef
	if len(r.ReachableFrom) > 0 {
		ref = r.ReachableFrom[0]
	}
	found, err := b.stepCommits(ctx, b.policy, ref, r.Steps)
	if err != nil {
		return err
	}
	set.Commits = found.Commits
	maps.Copy(set.Bundles, found.Bundles)
	b.hearElsewhere(ctx, r.Steps)
	b.addRoles(ctx, set, b.policy, reviewers(r.Steps))
	for i := range set.Gaps {
		set.Gaps[i].Approvals = true // only reviews were asked about
	}
	return nil
}

// hearElsewhere fills in what is said in open pull requests that have the head of one that was merged as a step.
func (b *forgeGate) hearElsewhere(ctx context.Context, steps []evidence.Step) {
	var pulls []*evidence.PullRequest
	var heads []string
	for i := range steps {
		if pr := steps[i].PullRequest; pr != nil {
			pulls, heads = append(pulls, pr), append(heads, pr.Head)
		}
	}
	if len(pulls) == 0 {
		return
	}
	open, err := b.api.OpenPullRequests(ctx, b.Slug, heads...)
	for _, pr := range pulls {
		if err != nil {
			pr.SameHeadUnread = err.Error()
			continue
		}
		b.sameHead(ctx, pr, open, func(forge.OpenPull) bool { return false })
	}
}

// asRecorded finds the pull requests that the forge recorded as merged as a step, into one of some refs. What the
// forge does not tell is left open, and said of the step: a signed approval of the request is asked for then, and
// nothing that others do to a pull request makes the gate wait for ever.
func (b *forgeGate) asRecorded(into []string) records {
	of := b.byRecord(func(ref string) bool { return slices.Contains(into, ref) }, func(r forge.MergeRecord, err error) (evidence.PullRequest, error) {
		b.aside("pull request #%d could not be read: %v", r.Number, err)
		return r.PullRequest, nil // which is not Complete
	})
	return func(ctx context.Context, step gitrepo.FirstParentStep) ([]merged, string, error) {
		candidates, why, err := of(ctx, step)
		if err == nil || ctx.Err() != nil {
			return candidates, why, err
		}
		return nil, "", unreadStep{err}
	}
}

// deployed are the commits that were let through to the environment, as far as that is sure.
func (b *forgeGate) deployed() map[string]bool {
	deployed := map[string]bool{}
	for _, d := range b.gate.had {
		if d.sure {
			deployed[d.commit] = true
		}
	}
	return deployed
}

// stepsSince are the steps that a deploy of a commit brings: those after what was let through last, or
// after the policy came to the branch. Where they cannot all be told there are none, and r says why.
func (b *forgeGate) stepsSince(ctx context.Context, r *evidence.Request, commit string) ([]gitrepo.FirstParentStep, error) {
	line, whole, err := b.whole.Repo().Line(ctx, commit, maxDeploySteps+1)
	if err != nil {
		return nil, fault.Undecidedf("reading the history: %w", err)
	}
	deployed := b.deployed()
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
		if i, err = b.policyCame(ctx, line, whole); err != nil {
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
	steps, err := b.whole.Repo().Steps(ctx, r.Since, commit, maxAfter)
	if err != nil {
		return nil, fault.Undecidedf("reading the history: %w", err)
	}
	return steps, nil
}

// policyCame is the index of the commit by which the policy came to a line of first parents, the newest
// first; -1 where that lies further back, or it never did. whole says that the line ends with a root.
func (b *forgeGate) policyCame(ctx context.Context, line []string, whole bool) (int, error) {
	if b.PolicySlug != "" {
		return -1, nil // it came to another line
	}
	if err := b.mirror.Fetch(ctx, line...); err != nil {
		return -1, fault.Undecidedf("reading the history: %w", err)
	}
	came := -1
	for i, commit := range line {
		_, err := b.mirror.Repo().File(commit, policy.FileName)
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
