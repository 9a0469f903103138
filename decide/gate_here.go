package decide

import (
	"context"
	"errors"
	"slices"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
)

// Gate asks whether a signed request may be let through now, off the forge: reviews are on the forge, and only
// signed approvals count. Where the answer is yes the request is used up.
type Gate struct {
	Asked

	Request   []byte // the signed statement's file; nil: there is none
	Approvals []evidence.SignedApproval
	// Policy judges in place of the default branch's; nil: that.
	Policy     *policy.Policy
	Repository Naming
	Remote     string // where requests are used up, by its name; "": in this repository
	At         Clock
	Keep       bool // only look: the request is not used up, and nothing may be done on such an answer
}

func (q Gate) decide(ctx context.Context, src Sources) Outcome {
	name := ""
	o, err := q.judge(ctx, src, &name)
	if err != nil {
		o = undone(src, err)
		o.Report.Repository = name
	}
	return o
}

// judge sets the name of the repository once it is known.
func (q *Gate) judge(ctx context.Context, src Sources, known *string) (Outcome, error) {
	if err := q.Check(q.Commit != ""); err != nil {
		return Outcome{}, err
	}
	c := src.here()
	g := &gate{
		deploys: src.Deploys,
		history: cloneHistory{c},
		bundle:  func(_ context.Context, digest string) evidence.Bundle { return c.Bundle(digest) },
		clock: func() Clock {
			if q.Keep {
				return q.At
			}
			return Clock{src.Now(), ClockHere}
		},
	}
	all, err := c.PlainRefs()
	if err != nil {
		return Outcome{}, fault.Undecidedf("reading the refs: %w", err)
	}
	g.refs = refsOf(q.Remote, all)
	if g.defaultRef, err = q.trunk(c, g.refs); err != nil {
		return Outcome{}, err
	}
	trunk, err := g.history.peel(g.refs[g.defaultRef])
	if err != nil {
		return Outcome{}, fault.Undecidedf("reading %s: %w", g.defaultRef, err)
	}
	g.marks = refMarks{c.Repo, q.Remote, trunk}
	if g.policy, err = q.ruling(ctx, c, g); err != nil {
		return Outcome{}, err
	}
	name, err := q.Repository(g.policy)
	if err != nil {
		return Outcome{}, err
	}
	*known = name
	set := newSet(nil, evidence.SurfaceCheck, name, q.At)
	set.Approvals = q.Approvals
	r := evidence.Request{
		Raw: q.Request, Source: "--request", Seen: q.At.seen(),
		Action: q.Action, Environment: q.Environment, Commit: q.Commit, Targets: q.Targets, RefsKnown: true,
	}
	if r.Raw == nil {
		r.Why = "--request names none"
	}
	return g.judge(ctx, set, r, q.Keep)
}

// ruling is the policy of the default branch, unless another one is named.
func (q *Gate) ruling(ctx context.Context, c clone, g *gate) (*policy.Policy, error) {
	if q.Policy != nil {
		return q.Policy, nil
	}
	p, err := policyAt(ctx, inRepo{Repo: c.Repo}, g.refs[g.defaultRef], g.defaultRef)
	if errors.Is(err, ErrNoPolicy) {
		err = fault.WithFix(fault.Undecidedf("%w: nothing says what may be deployed", err), "commit a policy to the default branch first, or name one with --policy FILE")
	}
	return p, err
}

// trunk is the full name of the remote's default branch, else of this repository's.
func (q *Gate) trunk(c clone, refs map[string]string) (string, error) {
	if q.Remote != "" {
		ref := c.trunkOf(q.Remote)
		if refs[ref] == "" {
			return "", fault.WithFix(fault.Undecidedf("it is not known which branch of %s is the default", q.Remote), "run `git remote set-head %s --auto`", q.Remote)
		}
		return ref, nil
	}
	ref, err := c.DefaultRef()
	if err != nil {
		return "", fault.Undecidedf("finding the default branch: %w", err)
	}
	if refs[ref] == "" {
		return "", fault.WithFix(fault.Undecidedf("the default branch %s is not there", ref), "make it: `git symbolic-ref HEAD refs/heads/<branch>`")
	}
	return ref, nil
}

// cloneHistory is the history as far as a clone has it.
type cloneHistory struct{ clone }

func (cloneHistory) bring(context.Context, ...string) error { return nil }

func (h cloneHistory) peel(id string) (string, error) {
	tip, err := h.ResolveRevision(id + "^{commit}") // an annotated tag is an object of its own
	if errors.Is(err, gitrepo.ErrMissing) || errors.Is(err, gitrepo.ErrCorrupt) {
		return "", err
	}
	if err != nil {
		return "", nil //nolint:nilerr // it leads to something that is no commit
	}
	return tip, nil
}

func (h cloneHistory) after(ctx context.Context, commit string, among []string) (later []string, unknown int, err error) {
	for _, tip := range among {
		switch yes, err := h.IsAncestor(ctx, commit, tip); {
		case err != nil:
			unknown++
		case yes && tip != commit:
			later = append(later, tip)
		}
	}
	return later, unknown, nil
}

func (h cloneHistory) comesAfter(ctx context.Context, commit, deployed string) (bool, error) {
	return h.IsAncestor(ctx, deployed, commit)
}

func (h cloneHistory) difference(ctx context.Context, from, to string) ([]evidence.Change, []evidence.Gap) {
	return h.Diff(ctx, from, to)
}

// leadTo lists the refs from which an environment may be deployed that lead to a commit, as far as this clone
// knows: those that did when it last fetched. That none does is sure where it has all that the policy names.
func (c clone) leadTo(ctx context.Context, p *policy.Policy, environment, commit string) (refs []string, trunk string, sure bool) {
	all, err := c.PlainRefs()
	if err != nil {
		return nil, "", false
	}
	remote := "origin"
	if trunk = c.trunkOf(remote); trunk == "" && !c.hasRemotes() {
		remote = ""
		trunk, _ = c.DefaultRef()
	}
	h := cloneHistory{c}
	byTip := map[string][]string{}
	var tips []string
	from := deployable(p, environment, trunk, refsOf(remote, all))
	for ref, id := range from {
		if tip, err := h.peel(id); err == nil && tip != "" {
			if byTip[tip] == nil {
				tips = append(tips, tip)
			}
			byTip[tip] = append(byTip[tip], ref)
		}
	}
	after, err := c.Descendants(ctx, commit, tips, maxAfter) // none where it cannot be told
	for _, tip := range append(after, commit) {
		refs = append(refs, byTip[tip]...)
	}
	slices.Sort(refs)
	return refs, trunk, err == nil && len(tips) > 0 && namedAreIn(p.Environment(environment), from)
}

// namedAreIn reports whether a clone has all refs that deploy_from of an environment can mean: each that it names
// outright, and no tags, of which a clone may lack any.
func namedAreIn(env *policy.Environment, refs map[string]string) bool {
	tags, err := pattern.ParseRef("refs/tags/**")
	if err != nil || env == nil {
		return false
	}
	for _, p := range env.DeployFrom {
		name, literal := p.Literal()
		if !p.Disjoint(tags) || literal && refs[name] == "" && refs["refs/heads/"+name] == "" {
			return false
		}
	}
	return true
}
