package cli

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/record"
	"github.com/remit-sh/remit/signing"
)

func newDeploy(env *Env) *cobra.Command {
	return group("deploy", "The gate before a deployment, off the forge", newDeployCheck(env))
}

// deployOptions are the flags of deploy check.
type deployOptions struct {
	action, environment, commit, request, policy, repository, remote, at, format, statement string
	targets, approvals                                                                      []string
	keep                                                                                    bool
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
			"With --statement it says so in a signed file too, for whoever runs what is deployed: `remit verify --deploy` reads it, and\n" +
			"so does whatever reads a SLSA Verification Summary. It is signed with the audit log's key where that is at hand\n" +
			"(" + auditlog.KeyVariable + "), else with the one in " + auditlog.GateKeyVariable + ", and kept with the log's entry.\n" +
			"With --action delete, rotate or secret it is the gate before that: name what is acted upon with --target.",
		Example: "  remit deploy check --environment production --commit \"$COMMIT\" --request request.txt --approval bob.txt\n" +
			"  remit deploy check --action rotate --environment production --target DB_PASSWORD --request request.txt --approval bob.txt",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(o.format, reportFormats()...); err != nil {
				return err
			}
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			return w.checkDeploy(cmd.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.action, "action", string(names.Deploy), "the `ACTION` that is asked for: deploy, delete, rotate or secret")
	f.StringVar(&o.environment, "environment", "", "the `ENVIRONMENT` to deploy to, or that the targets are in")
	f.StringArrayVar(&o.targets, "target", nil, "a `TARGET` that is to be deleted, rotated or used, or a part to deploy to; none: all of it (repeatable)")
	f.StringVar(&o.commit, "commit", "", "the commit to deploy, as a `REV`")
	f.StringVar(&o.request, "request", "", "the signed request: a `FILE`, - for standard input, or its one word")
	f.StringArrayVar(&o.approvals, "approval", nil, "a signed approval, likewise: a `FILE`, - or its one word (repeatable)")
	f.StringVar(&o.policy, "policy", "", policyUsage("the default branch's"))
	f.StringVar(&o.repository, "repository", "", "`REPOSITORY` as host/owner/name (default: the policy's)")
	f.StringVar(&o.remote, "remote", "", "the `REMOTE` where requests are used up (default: origin where there is one, else this repository; none: this repository)")
	f.BoolVar(&o.keep, "keep", false, "judge only, and do not use the request up: nothing may be deployed on such an answer")
	f.StringVar(&o.statement, "statement", "", "write what is said of a deploy that is let through, signed, to `FILE`, which is replaced, and not there where there is nothing to be said")
	f.StringVar(&o.at, "at", "", "judge as of this `RFC3339` time; for tests, and only with --keep")
	formatFlag(c, &o.format, reportFormats()...)
	return c
}

func (w *workspace) checkDeploy(ctx context.Context, o deployOptions) (err error) {
	q := decide.Gate{
		Asked:      decide.Asked{Action: names.Action(o.action), Environment: o.environment, Targets: o.targets},
		Repository: w.naming(ctx, o.repository), Keep: o.keep,
	}
	if err := q.Check(o.commit != ""); err != nil {
		return err
	}
	if o.at != "" && !o.keep {
		return fault.Usagef("--at needs --keep: what may be deployed is decided by the clock")
	}
	if o.commit != "" {
		if q.Commit, err = w.Repo.ResolveRevision(o.commit); err != nil {
			return w.notFound(o.commit, err)
		}
	}
	if q.Remote, err = w.gateRemote(ctx, o.remote); err != nil {
		return err
	}
	if o.policy != "" {
		if q.Policy, err = readPolicyFile(w.env, o.policy); err != nil {
			return err
		}
	}
	if q.At, err = judgedAt(w.env, o.at); err != nil {
		return err
	}
	if q.Request, err = readStatement(w.env, o.request); err != nil {
		return err
	}
	if q.Approvals, err = readApprovals(w.env, o.approvals, q.At.Time); err != nil {
		return err
	}
	if o.statement != "" {
		if o.keep {
			return fault.Usagef("--keep lets nothing through, so that there is nothing for --statement to say")
		}
		// What stood there was said of something else; and what cannot be written is found out before a request is used up.
		if err := w.env.around().ReplaceNamed(o.statement, nil); err != nil {
			return fault.Usagef("--statement: %w", err)
		}
	}
	key, err := w.auditKey("")
	if err != nil {
		return err
	}
	src := w.sources()
	src.Deploys = gateDeploys{w, q.Remote, key}
	if !o.keep { // which lets nothing through
		if src.Record, err = w.gateRecorder(ctx, q, key); err != nil {
			return err
		}
	}
	d := decide.Decide(ctx, src, q)
	sayWhereRecorded(w.env, &d)
	if err := w.writeStatement(o.statement, &d); err != nil {
		return err
	}
	return tell(w.env, d, showing{format: o.format, verbose: true})
}

// writeStatement writes what is said of a deploy that was let through, or takes the file away.
func (w *workspace) writeStatement(file string, o *decide.Outcome) error {
	switch {
	case file == "":
		return nil
	case o.Commit == "" || o.Statement == nil:
		return os.Remove(w.env.around().Absolute(file))
	}
	if err := w.env.around().ReplaceNamed(file, o.Statement); err != nil {
		return fault.WithFix(fault.Undecidedf("--statement: %w", err), "the deploy was let through, and the audit log has the statement: `remit verify --deploy %s --fetch`", o.Commit)
	}
	return nil
}

// gateKey is the key with which the gate signs what it says, where it does not have the log's; nil: none is at hand.
func (w *workspace) gateKey() (signing.Signer, error) {
	text := w.env.Getenv(auditlog.GateKeyVariable)
	if text == "" {
		return nil, nil
	}
	return auditlog.ParseKey(auditlog.GateKeyVariable, text)
}

// gateRecorder records what becomes of a request: in the log where its key is at hand, else where it waits for whoever
// has it.
func (w *workspace) gateRecorder(ctx context.Context, q decide.Gate, key signing.Signer) (_ decide.Recorder, err error) {
	subject, nonce := "", ""
	if len(q.Request) > 0 {
		subject = audit.Digest(q.Request)
	}
	if request, err := delegation.ParseSigned[delegation.Request](q.Request); err == nil {
		nonce = request.Statement.Nonce
	}
	r := &record.Recorder{
		Surface:  "deploy-check",
		Question: audit.Question{Kind: string(q.Action), Subject: subject, Head: q.Commit, Environment: q.Environment, Nonce: nonce},
		Run:      audit.Run{Event: "deploy-check", ID: newRun()},
		Repository: func(ctx context.Context) string {
			p, err := decide.IssuingPolicy(ctx, w.Repo)
			if err != nil {
				p = &policy.Policy{}
			}
			name, _ := q.Repository(p) // "": nobody knows
			return name
		},
	}
	if r.Signer, err = w.gateKey(); err != nil {
		return nil, err
	}
	r.Unsigned = auditlog.Unsigned
	if key != nil {
		r.Signer = key
	}
	place := w.auditPlace("key")
	_, serves := os.Lstat(place.KeyPath())
	switch {
	case key != nil && q.Remote != "":
		at, err := w.auditRemote(ctx, q.Remote)
		if err != nil {
			return nil, err
		}
		r.Sink = remoteSink{at, key}
	case key != nil:
		r.Sink = keyedSink{place, key}
	case q.Remote == "" && serves == nil:
		r.Sink = place
		if _, own, err := place.Open(ctx); err == nil { // else nothing is recorded, which says why
			r.Signer = own
		}
	default:
		at := auditlog.Remote{}
		if q.Remote != "" {
			if at, err = w.auditRemote(ctx, q.Remote); err != nil {
				return nil, err
			}
		}
		r.Sink = spoolSink{place, q.Remote, at.URL}
	}
	return explaining{r, "name it with --repository host/owner/name"}, nil
}

// gateRemote is where requests are used up: the remote that is named, else origin where there is one; "" is this
// repository.
func (w *workspace) gateRemote(ctx context.Context, flag string) (string, error) {
	remotes, err := w.Git(ctx, "remote")
	if err != nil {
		return "", fault.Undecidedf("listing the remotes: %w", err)
	}
	known := strings.Fields(remotes)
	switch {
	case flag == "none":
		return "", nil
	case flag == "" && slices.Contains(known, "origin"):
		return "origin", nil
	case flag != "" && !slices.Contains(known, flag):
		return "", fault.Usagef("there is no remote %q", flag)
	}
	return flag, nil
}
