package decide

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

const maxAfter = 200_000 // commits that the asked one does not reach and that are looked at

// Asked is what a gate is before: what it is to let through.
type Asked struct {
	Action      names.Action // deploy, delete, rotate or secret
	Environment string
	Targets     []string // none: all of the environment
	Commit      string   // to deploy
}

// Check says what a gate must be told of what it is to let through, so that it is never asked for less than
// what is done. Commit says that one will be named.
func (a Asked) Check(commit bool) error {
	switch a.Action {
	case names.Deploy:
		if a.Environment == "" || !commit {
			return fault.Usagef("name what is to be deployed and where: its commit and its environment")
		}
	case names.Delete, names.Rotate, names.Secret:
		if len(a.Targets) == 0 {
			verb := string(a.Action)
			if a.Action == names.Secret {
				verb = "use"
			}
			return fault.Usagef("name what is to be acted upon: a target for each thing to %s (--target, or the input targets)", verb)
		}
	default:
		return fault.Usagef("the action is deploy, delete, rotate or secret, and not %q", a.Action)
	}
	return nil
}

// gate is the gate of an environment, with one request before it.
type gate struct {
	policy     *policy.Policy
	defaultRef string
	refs       map[string]string // branches and tags that a deploy may come from
	marks      Marks
	deploys    Deploys // nil: only the marks tell
	history    history
	// bundle finds a delegation that the request names.
	bundle func(ctx context.Context, digest string) evidence.Bundle
	// brings adds what of a deploy was reviewed, and by whom; nil: nobody can tell, and signed approvals count.
	brings func(ctx context.Context, set *evidence.Set, r *evidence.Request, commit string) error
	clock  func() Clock

	listed map[string]string // the marks by which was judged
	had    []letThrough      // what was let through to the environment by then
}

// history is what a gate asks about commits.
type history interface {
	// bring gets the histories of commits; the error is [gitrepo.ErrNotFound] where the repository has no such commit.
	bring(ctx context.Context, commits ...string) error
	// peel is the commit that a ref leads to, "" where it leads to something else.
	peel(id string) (commit string, err error)
	// after are those of some commits that come after another, and how many could not be told.
	after(ctx context.Context, commit string, among []string) (later []string, unknown int, err error)
	// comesAfter reports whether a commit comes after another that was deployed, or is it.
	comesAfter(ctx context.Context, commit, deployed string) (bool, error)
	// difference is what differs between two commits; from "", all of the other.
	difference(ctx context.Context, from, to string) ([]evidence.Change, []evidence.Gap)
}

// judge judges a request and, where it is allowed and not only looked at, uses it up: of all that try, one gets
// what was asked for.
func (g *gate) judge(ctx context.Context, set *evidence.Set, r evidence.Request, keep bool) (Outcome, error) {
	signed, err := g.collect(ctx, set, r)
	if err != nil {
		return Outcome{}, err
	}
	set.At = g.clock().Time // reading took its time, and a request lives for minutes
	o := Outcome{Report: checker.Check(g.policy, set)}
	switch {
	case signed == nil:
	case o.Report.Verdict == verdict.Allowed && !keep:
		if o, err = g.use(ctx, set, o, signed.Statement); o.Commit != "" && o.Report.Verdict == verdict.Allowed {
			o.Request = signed
		}
		return o, err
	case o.Report.Verdict != verdict.Allowed && o.Report.Observe && signed.Statement.Action == names.Deploy:
		o.Commit = signed.Statement.Commit // nothing is blocked: the job goes on with what was asked for
	}
	return o, nil
}

// collect gathers the evidence of a request. What it asks for is nil where it cannot be read: the checker says
// what is wrong with it.
func (g *gate) collect(ctx context.Context, set *evidence.Set, r evidence.Request) (*delegation.Signed[delegation.Request], error) {
	r.DefaultRef = g.defaultRef
	s, err := delegation.ParseSigned[delegation.Request](r.Raw)
	if err != nil {
		set.Requests = []evidence.Request{r}
		return nil, nil //nolint:nilerr // the checker says what is wrong with it
	}
	if d := s.Statement.Delegation; d != "" && s.Bundle == nil {
		set.Bundles[d] = g.bundle(ctx, d)
	}
	if err := g.look(ctx, set, &r, s.Statement); err != nil {
		return nil, err
	}
	set.Requests = []evidence.Request{r}
	return s, nil
}

// look fills in where the commit is, and what the environment had before.
func (g *gate) look(ctx context.Context, set *evidence.Set, r *evidence.Request, c delegation.Request) error {
	marks, err := g.marks.List(ctx, c)
	if err != nil {
		return fault.Undecidedf("finding out which requests were used: %w", err)
	}
	g.listed = marks
	if ref := c.UsedRef(); marks[ref] != "" {
		r.Used, r.UsedBy = true, "the ref "+ref+" is there"
		return nil // whatever else there is, it is denied
	}
	if c.Action != names.Deploy {
		return nil
	}
	switch err := g.history.bring(ctx, c.Commit); {
	case errors.Is(err, gitrepo.ErrNotFound):
		r.RefsKnown, r.StepsWhy = true, "the repository has no such commit"
		return nil
	case err != nil:
		return fault.Undecidedf("reading the history: %w", err)
	}
	if g.had, err = g.letThrough(ctx, r.Environment, marks); err != nil {
		return err
	}
	if err := g.reachable(ctx, r, c.Commit, g.had); err != nil {
		return err
	}
	if g.brings != nil {
		return g.brings(ctx, set, r, c.Commit)
	}
	return nil
}

// reachable finds the refs that reach a commit, among those that the policy lets be deployed, and what was let
// through that comes after it.
func (g *gate) reachable(ctx context.Context, r *evidence.Request, commit string, had []letThrough) error {
	from := deployable(g.policy, r.Environment, g.defaultRef, g.refs)
	ids := slices.Collect(maps.Values(from))
	for _, d := range had {
		ids = append(ids, d.commit)
	}
	if err := g.history.bring(ctx, ids...); err != nil {
		return fault.Undecidedf("reading the history: %w", err)
	}
	r.RefsKnown = true
	byTip := map[string][]string{}
	for ref, id := range from {
		switch tip, err := g.history.peel(id); {
		case err != nil:
			r.RefsKnown = false
		case tip != "": // a tag may be of anything
			byTip[tip] = append(byTip[tip], ref)
		}
	}
	later, unknown, err := g.history.after(ctx, commit, slices.Sorted(maps.Keys(byTip)))
	if err != nil {
		return fault.Undecidedf("finding which refs reach the commit: %w", err)
	}
	r.RefsKnown = r.RefsKnown && unknown == 0
	for _, tip := range append(later, commit) {
		r.ReachableFrom = append(r.ReachableFrom, byTip[tip]...)
	}
	slices.Sort(r.ReachableFrom)
	r.ReachableFrom = slices.Compact(r.ReachableFrom)
	if i := slices.Index(r.ReachableFrom, g.defaultRef); i > 0 { // the one that counts goes first
		r.ReachableFrom[0], r.ReachableFrom[i] = r.ReachableFrom[i], r.ReachableFrom[0]
	}
	return g.compare(ctx, r, commit, had)
}

// compare holds a commit against what was let through to the environment before.
func (g *gate) compare(ctx context.Context, r *evidence.Request, commit string, had []letThrough) error {
	had = slices.DeleteFunc(had, func(d letThrough) bool { // whoever makes tags can make one of anything
		tip, err := g.history.peel(d.commit)
		return err == nil && tip == ""
	})
	for _, d := range had {
		if d.commit == commit {
			continue
		}
		if yes, ok := g.precedes(ctx, r, d, commit, d.commit); ok && yes {
			goesBack(r, d)
		}
	}
	has := latest(had)
	for _, d := range has {
		if d.commit == commit || d.at.IsZero() {
			continue
		}
		if yes, ok := g.precedes(ctx, r, d, d.commit, commit); ok && !yes {
			goesBack(r, d)
		}
	}
	if g.policy.AsksForPaths(names.Deploy) {
		landsOn(ctx, r, has, commit, g.history.difference)
	}
	return nil
}

// precedes reports whether one commit is in another's history, of which one was deployed; where that cannot
// be told it is a gap.
func (g *gate) precedes(ctx context.Context, r *evidence.Request, deployed letThrough, ancestor, of string) (yes, ok bool) {
	yes, err := g.history.comesAfter(ctx, of, ancestor)
	if err == nil {
		return yes, true
	}
	gap := evidence.Gap{
		Kind: evidence.GapHistory, What: "the commit " + deployed.commit + ", which the environment had before", Detail: err.Error(),
		Fix: "Fetch the whole history: git fetch --unshallow --tags",
	}
	if !slices.Contains(r.Gaps, gap) {
		r.Gaps = append(r.Gaps, gap)
	}
	return false, false
}

// use uses an allowed request up and records the deploy. Where somebody else was first it is judged again, and
// denied.
func (g *gate) use(ctx context.Context, set *evidence.Set, allowed Outcome, c delegation.Request) (Outcome, error) {
	r := &set.Requests[0]
	won, by, err := g.marks.UseUp(ctx, c)
	allowed.Used = won
	var notes []string
	var refused *gitrepo.RefusedError
	if errors.As(err, &refused) {
		notes = linesOf(refused)
	}
	switch {
	case errors.Is(err, ErrUnsure):
		r.UsedUnknown = err.Error()
	case err != nil:
		return Outcome{}, err
	case !won:
		r.Used, r.UsedBy = true, by
	case c.Action != names.Deploy: // no commit is let through: nobody had to review one
		return allowed, nil
	default:
		at := g.clock().Time
		if err := g.marks.Record(ctx, c, at); err != nil {
			return allowed.unrecordedDeploy(err), nil
		}
		return g.unlessOvertaken(ctx, set, allowed, c, c.DeployedRef(at))
	}
	return Outcome{Report: checker.Check(g.policy, set), Notes: notes}, nil
}

// linesOf is what a remote said that refused a ref, line by line.
func linesOf(refused *gitrepo.RefusedError) []string {
	var said []string
	for line := range strings.Lines(refused.Said) {
		line, theirs := strings.CutPrefix(line, "remote:")
		if line = strings.TrimSpace(line); theirs && strings.Trim(line, "│ ") != "" {
			said = append(said, inert.Quote(refused.Remote)+" said: "+line)
		}
	}
	return said
}

// unlessOvertaken lists the marks once more, now that those of a request are there, and judges it again where others
// came in between. Of two that go on at once the one that lists last sees the other, since each writes its record
// before it lists; own is the record of this one.
func (g *gate) unlessOvertaken(ctx context.Context, set *evidence.Set, allowed Outcome, c delegation.Request, own string) (Outcome, error) {
	marks, err := g.marks.List(ctx, c)
	if err != nil {
		return allowed.usedInVain("it is not known whether anything else was let through to the environment meanwhile",
			"What others let through while this was judged could not be read: "+strings.TrimSuffix(err.Error(), ".")+".", err), nil
	}
	delete(marks, own)
	delete(marks, c.UsedRef())
	if maps.Equal(marks, g.listed) {
		allowed.Commit = c.Commit
		return allowed, nil
	}
	r := &set.Requests[0]
	had, err := g.letThrough(ctx, r.Environment, marks)
	if err != nil {
		return allowed.usedInVain("it is not known whether anything else was let through to the environment meanwhile",
			"What others let through while this was judged could not be read: "+strings.TrimSuffix(err.Error(), ".")+".", err), nil
	}
	ids := make([]string, len(had))
	for i, d := range had {
		ids[i] = d.commit
	}
	if err := g.history.bring(ctx, ids...); err != nil {
		return allowed.usedInVain("it is not known whether what was let through to the environment meanwhile is older",
			"The history of what others let through while this was judged could not be read: "+strings.TrimSuffix(err.Error(), ".")+".", err), nil
	}
	r.Newer, r.NewerAt, r.Changes, r.ChangesKnown, r.ChangesWhy = "", time.Time{}, nil, false, ""
	if err := g.compare(ctx, r, c.Commit, had); err != nil {
		return Outcome{}, err
	}
	o := Outcome{Report: checker.Check(g.policy, set), Used: true}
	if o.Report.Verdict != verdict.Allowed && !o.Report.Observe {
		return o.usedInVain("something else was let through to the environment while this was judged",
			"Since the request was judged another was let through to the environment, and by what is there now this one is not allowed.", nil), nil
	}
	o.Commit = c.Commit
	return o, nil
}

// unrecordedDeploy is an outcome of a gate that let something through and could not say so where others look, a
// policy that merely observes included: whoever is told must know what became of the request.
func (o Outcome) unrecordedDeploy(err error) Outcome {
	return o.usedInVain("there is no record of what it let through", "That it was let through could not be recorded: "+strings.TrimSuffix(err.Error(), ".")+".", err)
}

// usedInVain is an outcome of a gate that used a request up and lets nothing through: what is the clause that says so.
func (o Outcome) usedInVain(what, reason string, err error) Outcome {
	if err == nil {
		err = errors.New(what)
	}
	failed := couldNotLearn(err)
	failed.Repository, failed.Policy, failed.At, failed.AtSource = o.Report.Repository, o.Report.Policy, o.Report.At, o.Report.AtSource
	f := &failed.Findings[0]
	f.Summary, f.Reason, f.Fix = "the request is used up, and "+what, reason, "Make a new request: nothing was deployed by this one."
	o.Report = verdict.Merge(o.Report, failed)
	return o
}

// deployable are those of a repository's refs from which the policy lets an environment be deployed: where
// it lists none, the default branch.
func deployable(p *policy.Policy, environment, defaultRef string, refs map[string]string) map[string]string {
	from := map[string]string{}
	env := p.Environment(environment)
	for ref, id := range refs {
		listed := ref == defaultRef
		if env != nil && len(env.DeployFrom) > 0 {
			listed = pattern.Any(env.DeployFrom, ref)
		}
		if listed && !strings.HasPrefix(ref, delegation.GateRefs) {
			from[ref] = id
		}
	}
	return from
}
