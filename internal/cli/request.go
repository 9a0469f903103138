package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
)

const defaultRequestTTL = 10 * time.Minute

func newRequest(env *Env) *cobra.Command {
	return group("request", "Ask to deploy, delete, rotate or use a secret: a signed request that is used once",
		newRequestOf(env, names.Deploy, "deploy --environment E", "Ask to deploy a commit to an environment",
			"Signs a request to deploy a commit to an environment. TARGETs name parts of the environment; none: all of it.",
			"  remit request deploy --environment production --why SHOP-1412\n"+
				"  remit request deploy --environment staging --commit v1.2 --output request.txt\n"+
				"  remit request deploy --environment production --artifact registry.example/shop=sha256:$DIGEST\n"+
				"  remit request deploy --environment production --send deployment"),
		newRequestOf(env, names.Delete, "delete TARGET…", "Ask to delete something",
			"Signs a request to delete each TARGET. Without an environment a TARGET is the full name of a ref.",
			"  remit request delete refs/heads/agent/old --why 'merged long ago'\n"+
				"  remit request delete volume/cart-7 --environment staging --why SHOP-1412"),
		newRequestOf(env, names.Rotate, "rotate TARGET…", "Ask to rotate a secret or key",
			"Signs a request to rotate each TARGET.",
			"  remit request rotate PROD_DB_PASSWORD --environment production --why 'it leaked'"),
		newRequestOf(env, names.Secret, "secret TARGET… --environment E", "Ask to use a secret of an environment",
			"Signs a request to use each TARGET, a secret of the environment.",
			"  remit request secret PROD_DB_PASSWORD --environment production --why SHOP-1412"),
	)
}

// requestOptions are the flags of request and its arguments.
type requestOptions struct {
	action                                       names.Action
	targets, artifacts                           []string
	environment, commit, ref, why, as, job       string
	policy, repository, output, format, sendFlag string
	run, attempt                                 int64
	lasts                                        time.Duration
	send                                         sending
	forge                                        forgeFlags
}

// sending is where --send hands a request over.
type sending struct {
	deployment bool
	workflow   string // the file's name
}

func newRequestOf(env *Env, action names.Action, use, short, long, example string) *cobra.Command {
	o := requestOptions{action: action}
	args := cobra.MinimumNArgs(1)
	if action == names.Deploy {
		args, use = cobra.ArbitraryArgs, use+" [TARGET…]"
	}
	c := &cobra.Command{
		Use: use, Short: short, Example: example, Args: usageArgs(args),
		Long: long + "\n" +
			"It is made as --as NAME, by default as the delegate of the delegation in force, lives for minutes, and is\n" +
			"used up by the gate that lets it through. What it prints is one word that holds the delegations too: hand it\n" +
			"over in a deployment's payload, as the workflow's input `request`, or as a file.",
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.targets = args
			if err := o.check(); err != nil {
				return err
			}
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			return w.request(cmd.Context(), &o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.environment, "environment", "", "the `ENVIRONMENT` that it is for")
	f.StringVar(&o.commit, "commit", "", "the commit to deploy, or at which it is asked, as a `REV` (default: "+defaultAsked(action)+")")
	if action == names.Deploy {
		f.StringArrayVar(&o.artifacts, "artifact", nil, "what is deployed where that was built, an `ARTIFACT` as NAME=sha256:DIGEST, such as registry.example/shop=sha256:… for an image (repeatable)")
		_ = c.RegisterFlagCompletionFunc("artifact", cobra.NoFileCompletions)
	}
	f.StringVar(&o.ref, "ref", "", "branch or full `REF` that leads to the commit (default: the one that --commit names, else the default branch if it holds the commit, else the one checked out)")
	f.StringVar(&o.why, "why", "", "what it is for, a `TEXT` of one line (default: what the delegation is for)")
	f.DurationVar(&o.lasts, "for", defaultRequestTTL, "the `DURATION` for which it holds; not beyond the delegation")
	f.Int64Var(&o.run, "run", 0, "`ID` of the workflow run that alone may use it")
	f.Int64Var(&o.attempt, "attempt", 0, "the attempt of that run that alone may use it, a `NUMBER`")
	f.StringVar(&o.job, "job", "", "the `NAME` of the job of that run that alone may use it")
	f.StringVar(&o.as, "as", "", "the `NAME` of who asks: a human or agent of the policy")
	f.StringVar(&o.policy, "policy", "", policyUsage("origin/HEAD's, else HEAD's"))
	f.StringVar(&o.repository, "repository", "", "`REPOSITORY` as host/owner/name (default: the policy's)")
	f.StringVar(&o.output, "output", "", "write the request to `FILE` instead")
	formatFlag(c, &o.format, "text", "json")
	f.StringVar(&o.sendFlag, "send", "", "hand it over to this `PLACE`: deployment makes a GitHub deployment that carries it, dispatch=WORKFLOW.yml starts a workflow with the input request")
	o.forge.add(c)
	completeEnvironments(env, c)
	_ = c.RegisterFlagCompletionFunc("send", cobra.FixedCompletions([]string{"deployment", "dispatch="}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// asked is what the flags ask for. The commit and the ref are still to be found.
func (o *requestOptions) asked() (delegation.Request, error) {
	c := delegation.Request{
		Action: o.action, Environment: o.environment, Targets: o.targets, Reason: o.why, RunID: o.run, RunAttempt: o.attempt, Job: o.job,
	}
	for _, text := range o.artifacts {
		a, err := delegation.ParseArtifact(text)
		if err != nil {
			return c, fault.Usagef("--artifact: %w", err)
		}
		c.Artifacts = append(c.Artifacts, a)
	}
	return c, nil
}

// check refuses flags that make sense for nobody.
func (o *requestOptions) check() error {
	if err := checkFormat(o.format, "text", "json"); err != nil {
		return err
	}
	asked, err := o.asked()
	if err != nil {
		return err
	}
	if err := issue.CheckRequest(&asked, o.lasts); err != nil {
		return err
	}
	workflow, dispatch := strings.CutPrefix(o.sendFlag, "dispatch=")
	switch {
	case o.sendFlag == "":
	case o.sendFlag == "deployment":
		if o.action != names.Deploy {
			return fault.WithFix(fault.Usagef("a deployment carries requests to deploy, and this is one to %s", o.action), "send it with --send dispatch=WORKFLOW.yml")
		}
		o.send.deployment = true
	case dispatch && workflow != "" && !strings.ContainsAny(workflow, "/\\"):
		o.send.workflow = workflow
	case dispatch:
		return fault.Usagef("--send dispatch= takes the name of a file in .github/workflows, such as dispatch=deploy.yml")
	default:
		return fault.Usagef("--send is deployment or dispatch=WORKFLOW.yml, and not %q", o.sendFlag)
	}
	return nil
}

func (w *workspace) request(ctx context.Context, o *requestOptions) error {
	by, err := w.author(ctx, o.policy, o.repository, stater(o.as))
	if err != nil {
		return err
	}
	defer by.close()
	var client *forge.Client
	if o.sendFlag != "" { // what is missing to send it is said before anything is signed
		if client, err = o.forge.client(w.env); err != nil {
			return err
		}
	}
	signed, err := w.signRequest(ctx, o, by)
	if err != nil {
		return err
	}
	c := signed.Statement
	fmt.Fprintf(w.env.Stderr, "%s.\nIt is %s, and holds until %s.\n", c.Sentence(), signed.Digest, names.Stamp(c.NotAfter))
	return w.handOver(ctx, o, client, signed)
}

// defaultAsked says which commit a request is of where --commit names none.
func defaultAsked(action names.Action) string {
	if action == names.Deploy {
		return "HEAD"
	}
	return "the tip of --ref, else of origin's default branch, else HEAD"
}

// asksAt is the commit that a request is of, as a revision: what is about no commit is asked at one that everybody
// has.
func (w *workspace) asksAt(ctx context.Context, o *requestOptions) string {
	if o.commit != "" || o.action == names.Deploy {
		return cmp.Or(o.commit, "HEAD")
	}
	if o.ref != "" {
		if ref, err := fullRef("--ref", o.ref); err == nil && w.Tip(ref) != "" {
			return w.Tip(ref)
		}
	}
	return cmp.Or(w.usualBase(ctx), "HEAD")
}

// signRequest makes the request, unless it is one that would be denied.
func (w *workspace) signRequest(ctx context.Context, o *requestOptions, by *author) (*delegation.Signed[delegation.Request], error) {
	rev := w.asksAt(ctx, o)
	commit, err := w.Repo.ResolveRevision(rev)
	if err != nil {
		return nil, w.notFound(rev, err)
	}
	if o.action != names.Deploy && !w.AtOrigin(ctx, commit) {
		return nil, fault.WithFix(fault.Refusedf("the commit %s is on no branch or tag of origin that this clone knows, so that nobody could look at it", commit),
			"push it first, or leave --commit out: the request is then asked at the default branch's tip")
	}
	ref, err := w.refOf(ctx, o.ref, rev, commit)
	if err != nil {
		return nil, err
	}
	asked, err := o.asked()
	if err != nil {
		return nil, err
	}
	asked.Commit, asked.Ref = commit, ref
	signed, notes, err := by.Request(asked, o.lasts)
	if err != nil {
		return nil, err
	}
	for _, n := range notes {
		fmt.Fprintf(w.env.Stderr, "note: %s\n", n)
	}
	return signed, w.refuseDenied(ctx, decide.RequestStatement{Signed: signed, Policy: by.Policy, Repository: by.Repository})
}

// requestRow is the JSON of a request that was made.
type requestRow struct {
	Version     int                   `json:"version"`
	Request     string                `json:"request"` // the one word
	Digest      string                `json:"digest"`
	Action      string                `json:"action"`
	Repository  string                `json:"repository"`
	Environment string                `json:"environment,omitzero"`
	Commit      string                `json:"commit"`
	Ref         string                `json:"ref"`
	Targets     []string              `json:"targets,omitempty"`
	Artifacts   []delegation.Artifact `json:"artifacts,omitempty"`
	Signer      string                `json:"signer"`
	Delegation  string                `json:"delegation,omitzero"`
	NotBefore   string                `json:"not_before"`
	NotAfter    string                `json:"not_after"`
	Sentence    string                `json:"sentence"`
	Deployment  int64                 `json:"deployment,omitzero"` // id of the one that carries it
	Workflow    string                `json:"workflow,omitzero"`   // the file that was started with it
}

// handOver sends the request where it is to go and prints it: the word, or what it became.
func (w *workspace) handOver(ctx context.Context, o *requestOptions, client *forge.Client, s *delegation.Signed[delegation.Request]) error {
	c := s.Statement
	row := requestRow{
		Version: 1, Request: s.Text(), Digest: s.Digest, Action: string(c.Action), Repository: c.Repository, Environment: c.Environment,
		Commit: c.Commit, Ref: c.Ref, Targets: c.Targets, Artifacts: c.Artifacts, Signer: string(c.Signer.Name), Delegation: c.Delegation,
		NotBefore: c.NotBefore.Format(time.RFC3339), NotAfter: c.NotAfter.Format(time.RFC3339), Sentence: c.Sentence(),
	}
	// The file is written first: what was sent and is kept nowhere could not be approved.
	if o.output != "" {
		if err := w.env.around().ReplaceNamed(o.output, []byte(row.Request+"\n")); err != nil {
			return fault.Usagef("--output: %w", err)
		}
	}
	printed := row.Request
	if o.output != "" {
		printed = ""
	}
	switch {
	case o.send.deployment:
		small, err := within(ctx, w, s, forge.MaxCarried, "a deployment's payload")
		if err != nil {
			return err
		}
		row.Deployment, err = client.CreateDeployment(ctx, c.Repository, forge.NewDeployment{
			Commit: c.Commit, Environment: c.Environment, Description: c.Reason, Request: small.Text(),
		})
		if err != nil {
			return sendError(err)
		}
		printed = fmt.Sprint(row.Deployment)
	case o.send.workflow != "":
		small, err := within(ctx, w, s, forge.MaxCarried, "a workflow's inputs")
		if err != nil {
			return err
		}
		if err := client.Dispatch(ctx, c.Repository, o.send.workflow, c.Ref, map[string]string{"request": small.Text()}); err != nil {
			return sendError(err)
		}
		row.Workflow, printed = o.send.workflow, s.Digest
	}
	if o.format == "json" {
		if err := writeJSON(w.env, row); err != nil {
			return err
		}
		printed = ""
	}
	if printed != "" {
		fmt.Fprintln(w.env.Stdout, printed)
	}
	return nil
}
