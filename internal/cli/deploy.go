package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

func newDeploy(env *Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "deploy",
		Short: "The gate before a deployment, off the forge",
		Args:  usageArgs(cobra.NoArgs),
	}
	c.AddCommand(newDeployCheck(env))
	return c
}

// deployOptions are the flags of deploy check.
type deployOptions struct {
	action, environment, commit, request, policy, repository, remote, at, format string
	targets, approvals                                                           []string
	keep                                                                         bool
}

func newDeployCheck(env *Env) *cobra.Command {
	var o deployOptions
	c := &cobra.Command{
		Use:   "check --environment E --commit REV --request FILE [--approval FILE]…",
		Short: "Judge a signed request to deploy, and use it up",
		Long: "Judges whether COMMIT may be deployed to the environment now, by a signed request and signed approvals.\n" +
			"Reviews are on the forge, and do not count here. The policy is the default branch's unless --policy names a file.\n" +
			"Where the answer is yes the request is used up: the tag that its nonce names is made, in the remote where there is\n" +
			"one, so that of two runners one wins. Run it as the first step of what deploys, and deploy just that commit.\n" +
			"With --action delete, rotate or secret it is the gate before that: name what is acted upon with --target.",
		Example: "  remit deploy check --environment production --commit \"$COMMIT\" --request request.txt --approval bob.txt\n" +
			"  remit deploy check --action rotate --environment production --target DB_PASSWORD --request request.txt --approval bob.txt",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(o.format, "text", "json", "sarif", "markdown"); err != nil {
				return err
			}
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.close()
			return w.checkDeploy(cmd.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.action, "action", string(names.Deploy), "what is asked for: deploy, delete, rotate or secret")
	f.StringVar(&o.environment, "environment", "", "the environment to deploy to, or that the targets are in")
	f.StringArrayVar(&o.targets, "target", nil, "what is to be deleted, rotated or used, or a part to deploy to; none: all of it (repeatable)")
	f.StringVar(&o.commit, "commit", "", "the commit to deploy, as a `REV`")
	f.StringVar(&o.request, "request", "", "the signed request: a `FILE`, - for standard input, or its one word")
	f.StringArrayVar(&o.approvals, "approval", nil, "a signed approval, likewise (repeatable)")
	f.StringVar(&o.policy, "policy", "", "policy `FILE` (default: the default branch's)")
	f.StringVar(&o.repository, "repository", "", "repository as host/owner/name (default: the policy's)")
	f.StringVar(&o.remote, "remote", "", "where requests are used up (default: origin where there is one, else this repository; `none`: this repository)")
	f.BoolVar(&o.keep, "keep", false, "judge only, and do not use the request up: nothing may be deployed on such an answer")
	f.StringVar(&o.at, "at", "", "judge as of this `RFC3339` time; for tests, and only with --keep")
	f.StringVar(&o.format, "format", "text", "text, json, sarif or markdown")
	return c
}

// check says what is missing among the flags, so that the gate is never asked for less than what is done.
func (o *deployOptions) check() error {
	return checkAsked(names.Action(o.action), o.environment, o.targets, o.commit != "")
}

// checkAsked says what a gate must be told about what it is to let through.
func checkAsked(action names.Action, environment string, targets []string, commit bool) error {
	switch action {
	case names.Deploy:
		if environment == "" || !commit {
			return fault.Usagef("name what is to be deployed and where: its commit and its environment")
		}
	case names.Delete, names.Rotate, names.Secret:
		if len(targets) == 0 {
			verb := string(action)
			if action == names.Secret {
				verb = "use"
			}
			return fault.Usagef("name what is to be acted upon: a target for each thing to %s (--target, or the input targets)", verb)
		}
	default:
		return fault.Usagef("the action is deploy, delete, rotate or secret, and not %q", action)
	}
	return nil
}

func (w *workspace) checkDeploy(ctx context.Context, o deployOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.at != "" && !o.keep {
		return fault.Usagef("--at needs --keep: what may be deployed is decided by the clock")
	}
	commit := ""
	if o.commit != "" {
		id, err := w.repo.ResolveRevision(o.commit)
		if err != nil {
			return notFound(o.commit, err)
		}
		commit = id
	}
	g := &deployGate{workspace: w, remote: o.remote}
	if err := g.findDefault(ctx, o.policy); err != nil {
		return err
	}
	set, err := g.collect(ctx, o, commit)
	if err != nil {
		return err
	}
	result := checker.Check(g.policy, set)
	if result.Verdict == verdict.Allowed && !o.keep {
		if result, err = g.use(ctx, set); err != nil {
			return err
		}
	}
	if err := show(w.env, w.env.Stdout, result, o.format, true); err != nil {
		return err
	}
	return exitWith(result)
}

// deployGate is the gate as it stands in one repository.
type deployGate struct {
	*workspace
	policy     *policy.Policy
	remote     string            // where requests are used up; "" is this repository
	refs       map[string]string // that a deployment may come from, by the names that the remote has for them
	defaultRef string
	marks      map[string]string // refs/tags/remit/…, where requests are used up
}

// findDefault reads the refs, finds the default branch, and reads the policy there.
func (g *deployGate) findDefault(ctx context.Context, file string) error {
	remotes, err := g.git(ctx, "remote")
	if err != nil {
		return fault.Undecidedf("listing the remotes: %w", err)
	}
	known := strings.Fields(remotes)
	switch {
	case g.remote == "none":
		g.remote = ""
	case g.remote == "" && slices.Contains(known, "origin"):
		g.remote = "origin"
	case g.remote != "" && !slices.Contains(known, g.remote):
		return fault.Usagef("there is no remote %q", g.remote)
	}
	all, err := g.repo.Refs("refs/")
	if err != nil {
		return fault.Undecidedf("reading the refs: %w", err)
	}
	g.refs = refsOf(g.remote, all)
	if g.defaultRef, err = g.trunk(ctx); err != nil {
		return err
	}
	if file != "" {
		g.policy, err = readPolicyFile(g.env, file)
		return err
	}
	g.policy, err = g.policyAt(g.refs[g.defaultRef], g.defaultRef)
	if errors.Is(err, errNoPolicy) {
		return fault.WithFix(fault.Undecidedf("%w: nothing says what may be deployed", err), "commit a policy to the default branch first, or name one with --policy FILE")
	}
	return err
}

// refsOf are the branches and tags of a remote by the names that it has for them, among all refs of a
// clone; "" is the clone itself.
func refsOf(remote string, all map[string]string) map[string]string {
	refs := map[string]string{}
	tracking := "refs/remotes/" + remote + "/"
	for ref, id := range all {
		switch {
		case strings.HasPrefix(ref, "refs/tags/"), remote == "" && strings.HasPrefix(ref, "refs/heads/"):
			refs[ref] = id
		case remote != "" && strings.HasPrefix(ref, tracking) && ref != tracking+"HEAD":
			refs["refs/heads/"+strings.TrimPrefix(ref, tracking)] = id
		}
	}
	return refs
}

// trunk is the full name of the remote's default branch, else of this repository's.
func (g *deployGate) trunk(ctx context.Context) (string, error) {
	if g.remote != "" {
		ref := g.defaultBranchOf(ctx, g.remote)
		if g.refs[ref] == "" {
			return "", fault.WithFix(fault.Undecidedf("it is not known which branch of %s is the default", g.remote), "run `git remote set-head %s --auto`", g.remote)
		}
		return ref, nil
	}
	ref, err := g.repo.DefaultRef()
	if err != nil {
		return "", fault.Undecidedf("finding the default branch: %w", err)
	}
	if g.refs[ref] == "" {
		return "", fault.WithFix(fault.Undecidedf("the default branch %s is not there", ref), "make it: `git symbolic-ref HEAD refs/heads/<branch>`")
	}
	return ref, nil
}

// collect gathers what is known of the request and of what it asks for.
func (g *deployGate) collect(ctx context.Context, o deployOptions, commit string) (*evidence.Set, error) {
	now, clock, err := judgedAt(g.env, o.at)
	if err != nil {
		return nil, err
	}
	name, err := g.repositoryName(ctx, o.repository, g.policy)
	if err != nil {
		return nil, err
	}
	r := evidence.Request{
		Source: "--request", Seen: evidence.Seen{Time: now, By: clock},
		Action: names.Action(o.action), Environment: o.environment, Commit: commit, Targets: o.targets, DefaultRef: g.defaultRef, RefsKnown: true,
	}
	set := newSet(&gitrepo.Collected{}, evidence.SurfaceCheck, name, now, clock)
	if r.Raw, err = readStatement(g.env, o.request); err != nil {
		return nil, err
	}
	if r.Raw == nil {
		r.Why = "--request names none"
	}
	if set.Approvals, err = readApprovals(g.env, o.approvals, now); err != nil {
		return nil, err
	}
	if asked, err := delegation.ParseClaim[delegation.Request](r.Raw); err == nil { // else the checker says what is wrong with it
		if d := asked.Claim.Delegation; d != "" && asked.Bundle == nil {
			set.Bundles[d] = g.repo.Bundle(d)
		}
		if err := g.history(ctx, &r, asked.Claim); err != nil {
			return nil, err
		}
	}
	set.Requests = []evidence.Request{r}
	return set, nil
}

// history fills in where the commit is, and what the environment had before.
func (g *deployGate) history(ctx context.Context, r *evidence.Request, c delegation.Request) error {
	var err error
	if g.marks, err = g.listMarks(ctx, c); err != nil {
		return fault.Undecidedf("finding out which requests were used: %w", err)
	}
	if id := g.marks[c.UsedRef()]; id != "" {
		r.Used, r.UsedBy = true, c.UsedRef()+" is there"
	}
	if c.Action != names.Deploy {
		return nil
	}
	for ref, id := range deployable(g.policy, c.Environment, g.defaultRef, g.refs) {
		tip, err := g.repo.ResolveRevision(id + "^{commit}") // an annotated tag is an object of its own
		reaches := false
		if err == nil {
			reaches, err = g.repo.IsAncestor(ctx, c.Commit, tip)
		}
		switch {
		case err != nil && g.leadsElsewhere(ctx, id):
		case err != nil:
			r.RefsKnown = false
		case reaches:
			r.ReachableFrom = append(r.ReachableFrom, ref)
		}
	}
	slices.Sort(r.ReachableFrom)
	had := letThroughTo(c.Environment, g.marks, r.Seen.Time)
	for _, d := range had {
		if d.commit == c.Commit {
			continue
		}
		if yes, ok := g.precedes(ctx, r, d.commit, c.Commit, d.commit); ok && yes {
			goesBack(r, d)
		}
	}
	has := latest(had)
	for _, d := range has {
		if d.commit == c.Commit || d.at.IsZero() {
			continue
		}
		if yes, ok := g.precedes(ctx, r, d.commit, d.commit, c.Commit); ok && !yes {
			goesBack(r, d)
		}
	}
	if g.policy.AsksForPaths(names.Deploy) {
		landsOn(ctx, r, has, c.Commit, g.repo.Diff)
	}
	return nil
}

// precedes reports whether one commit is in another's history, of which one was deployed; where that cannot
// be told it is a gap.
func (g *deployGate) precedes(ctx context.Context, r *evidence.Request, deployed, ancestor, of string) (yes, ok bool) {
	yes, err := g.repo.IsAncestor(ctx, ancestor, of)
	if err == nil {
		return yes, true
	}
	gap := evidence.Gap{
		Kind: evidence.GapHistory, What: "the commit " + deployed + ", which the environment had before", Detail: err.Error(),
		Fix: "Fetch the whole history: git fetch --unshallow --tags",
	}
	if !slices.Contains(r.Gaps, gap) {
		r.Gaps = append(r.Gaps, gap)
	}
	return false, false
}

// leadsElsewhere reports whether what a ref names is known to lead to no commit: a tag may be of anything.
func (g *deployGate) leadsElsewhere(ctx context.Context, id string) bool {
	kind, err := g.git(ctx, "cat-file", "-t", id+"^{}")
	return err == nil && (kind == "blob" || kind == "tree")
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

// listMarks lists the refs that tell of requests, from where they are used up.
func (g *deployGate) listMarks(ctx context.Context, c delegation.Request) (map[string]string, error) {
	wanted := []string{c.UsedRef()}
	if c.Action == names.Deploy {
		wanted = append(wanted, delegation.DeployedRefs(c.Environment)+"*")
	}
	marks := map[string]string{}
	if g.remote == "" {
		for ref, id := range g.refs {
			if ref == wanted[0] || len(wanted) > 1 && strings.HasPrefix(ref, delegation.DeployedRefs(c.Environment)) {
				marks[ref] = id
			}
		}
		return marks, nil
	}
	out, err := g.git(ctx, append([]string{"ls-remote", "--refs", g.remote}, wanted...)...)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		if id, ref, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			marks[ref] = id
		}
	}
	return marks, nil
}

// use uses an allowed request up, and judges again where somebody else was first.
func (g *deployGate) use(ctx context.Context, set *evidence.Set) (*verdict.Report, error) {
	r := &set.Requests[0]
	asked, err := delegation.ParseClaim[delegation.Request](r.Raw)
	if err != nil {
		return nil, fault.Undecidedf("reading the request again: %w", err)
	}
	refs := []string{asked.Claim.UsedRef()}
	if asked.Claim.Action == names.Deploy {
		refs = append(refs, asked.Claim.DeployedRef(g.env.Now()))
	}
	for _, ref := range refs {
		switch won, err := g.create(ctx, ref, asked.Claim.Commit); {
		case err != nil:
			r.UsedUnknown = err.Error()
		case !won:
			r.Used, r.UsedBy = true, ref+" was there first"
		default:
			continue
		}
		break
	}
	return checker.Check(g.policy, set), nil
}

// create makes a ref that must not be there yet; won is false where it is.
func (g *deployGate) create(ctx context.Context, ref, commit string) (won bool, err error) {
	if g.remote == "" {
		if _, err := g.git(ctx, "update-ref", "--no-deref", ref, commit, strings.Repeat("0", len(commit))); err != nil {
			if refs, readErr := g.repo.Refs(ref); readErr == nil && refs[ref] != "" {
				return false, nil
			}
			return false, err
		}
		return true, nil
	}
	// A push of what is there already is no failure to git: only a new ref has won.
	out, err := g.git(ctx, "push", "--porcelain", "--no-verify", "--force-with-lease="+ref+":", g.remote, commit+":"+ref)
	if err == nil {
		return strings.Contains("\n"+out, "\n*\t"), nil
	}
	if there, listErr := g.git(ctx, "ls-remote", "--refs", g.remote, ref); listErr == nil && there != "" {
		return false, nil
	}
	return false, fmt.Errorf("making %s in %s: %w", ref, g.remote, err)
}

// readApprovals reads the signed approvals that --approval names.
func readApprovals(env *Env, names []string, now time.Time) ([]evidence.SignedApproval, error) {
	var approvals []evidence.SignedApproval
	for i, name := range names {
		raw, err := readStatement(env, name)
		if err != nil {
			return nil, err
		}
		approvals = append(approvals, evidence.SignedApproval{
			Raw: raw, Source: fmt.Sprintf("--approval number %d", i+1), Seen: evidence.Seen{Time: now, By: clockHere},
		})
	}
	return approvals, nil
}

// readStatement reads a signed statement's file: its JSON or that in base64url, from a file, from
// standard input, or from the argument itself. "" is none.
func readStatement(env *Env, argument string) ([]byte, error) {
	if argument == "" {
		return nil, nil
	}
	if file, err := delegation.DecodeText(argument); err == nil && len(argument) > 100 {
		return file, nil
	}
	b, err := readArgument(env, argument)
	if err != nil {
		return nil, err
	}
	if file, ok, err := delegation.FindSigned(b); ok && err == nil {
		return file, nil
	}
	return b, nil // whatever it is, the checker says what is wrong with it
}
