package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/internal/setup"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/record"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

// maxPushOptions bounds the options of a push that are looked at.
const maxPushOptions = 100

// preReceive judges all refs of a push together. Whatever keeps it from a verdict refuses the push.
func preReceive(ctx context.Context, env *Env) error {
	updates, err := parsePreReceive(env.Stdin)
	if err != nil || len(updates) == 0 {
		return err
	}
	w, err := findWorkspace(env)
	if err != nil {
		return err
	}
	namespace := env.Getenv("GIT_NAMESPACE")
	w.Repo, err = gitrepo.Open(gitrepo.Options{GitDir: w.GitDir, Env: env.Environ, Namespace: namespace})
	if err != nil {
		return fault.Undecidedf("opening the repository %s: %w", w.GitDir, err)
	}
	defer func() { _ = w.Repo.Close() }() // only read from
	config, err := hooks.ReadServerConfig(w.CommonDir)
	if err != nil {
		return fault.WithFix(fault.Undecidedf("reading the hook's configuration: %w", err),
			"an administrator of this server installs it with `remit hooks install --server --root-key FILE`")
	}
	q, err := setup.Receiving(&config, w.CommonDir, namespace)
	if err != nil {
		return err
	}
	q.Updates, q.Approvals, q.Pusher = updates, pushedApprovals(env), pusherOf(env, &config)
	if q.Pusher == nil {
		q.PusherUnsaid = config.PusherEnv
	}
	src := w.sources()
	place := auditlog.Place{GitDir: w.CommonDir, Namespace: namespace, Environ: env.Environ, Now: env.Now, Vouch: "hook"}
	var log pushLog = place
	if config.AuditServer != "" {
		log = auditServer(&config, w.CommonDir)
	}
	src.Record = pushRecorder(log, updates)
	o := decide.Decide(ctx, src, q)
	if o.Enforced != "" && q.Enforced == "" {
		// A server on which the account of whoever pushes may not write there goes without.
		_ = hooks.WritePolicyRef(w.CommonDir, namespace, o.Enforced)
	}
	return tellReceived(env, &o)
}

// pushLog is where pushes are recorded.
type pushLog interface {
	record.Sink
	// Repository is what the repository is called whose log it is, "" where that is not known.
	Repository(ctx context.Context) string
}

// auditServer is the server that keeps the log of a repository.
func auditServer(c *hooks.ServerConfig, gitDir string) auditlog.Server {
	return auditlog.Server{
		URL: c.AuditServer, Key: c.AuditKey, Writer: auditlog.WriterPath(gitDir),
		Fix: "an administrator of this server installs the hook again (`remit hooks install --server`), which makes one, and lists it at that server",
	}
}

// pushRecorder records what becomes of a push in a log.
func pushRecorder(log pushLog, updates []gitrepo.RefUpdate) decide.Recorder {
	q := audit.Question{Kind: string(names.Push)}
	refs := make([]string, len(updates))
	for i, u := range updates {
		refs[i] = u.Ref
	}
	q.Subject = strings.Join(refs, " ")
	if len(updates) == 1 {
		q.Head, q.Base = updates[0].New, updates[0].Old
	}
	return explaining{&record.Recorder{
		Surface: "pre-receive", Question: q, Run: audit.Run{Event: "pre-receive", ID: newRun()}, Repository: log.Repository, Sink: log,
	}, "push a " + policy.FileName + ", or have an administrator of this server name it: `remit hooks install --server --repository host/owner/name`"}
}

// tellReceived prints what somebody should know; a push that is simply allowed says nothing.
func tellReceived(env *Env, o *decide.Outcome) error {
	env.note(o.Notes)
	if o.Err != nil {
		sayWhereRecorded(env, o)
		return o.Err
	}
	if !o.Said.IsZero() {
		fmt.Fprintf(env.Stderr, "remit: %s.\n", o.Said.Show(report.Inert))
	}
	quiet := o.Report.Verdict == verdict.Allowed && len(o.Report.Findings) == 0
	for _, a := range o.Report.Acts {
		quiet = quiet && len(a.Findings) == 0
	}
	if !quiet {
		if err := show(env, env.Stderr, o.Report, "text", false); err != nil {
			return err
		}
		sayWhereRecorded(env, o)
	}
	return exitWith(o)
}

// pusherOf is who pushes, by the variable that the administrator named; nil where the server does not say.
func pusherOf(env *Env, c *hooks.ServerConfig) *evidence.Pusher {
	if c.PusherEnv == "" {
		return nil
	}
	login := env.Getenv(c.PusherEnv)
	if login == "" {
		return nil
	}
	return &evidence.Pusher{Login: login, Source: c.PusherEnv, Delegation: pushOption(env, "delegation")}
}

// pushedApprovals are the signed approvals that came as `git push -o approval=WORD`.
func pushedApprovals(env *Env) []evidence.SignedApproval {
	var approvals []evidence.SignedApproval
	for i, word := range pushOptions(env, "approval") {
		raw, ok, err := delegation.FindSigned([]byte(word))
		if !ok || err != nil {
			raw = []byte(word) // the judge says what is wrong with it
		}
		approvals = append(approvals, evidence.SignedApproval{
			Raw: raw, Source: fmt.Sprintf("push option approval, number %d", i+1), Seen: evidence.Seen{Time: env.Now(), By: decide.ClockServer},
		})
	}
	return approvals
}

// pushOption is the value of the last `git push -o name=value`, "" for none.
func pushOption(env *Env, name string) string {
	if all := pushOptions(env, name); len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// pushOptions are the values of `git push -o name=value`, in order.
func pushOptions(env *Env, name string) []string {
	count, err := strconv.Atoi(env.Getenv("GIT_PUSH_OPTION_COUNT"))
	if err != nil {
		return nil
	}
	var values []string
	for i := range min(count, maxPushOptions) {
		if v, ok := strings.CutPrefix(env.Getenv("GIT_PUSH_OPTION_"+strconv.Itoa(i)), name+"="); ok {
			values = append(values, v)
		}
	}
	return values
}
