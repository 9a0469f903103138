package githubaction

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/record"
	"github.com/remit-sh/remit/verdict"
)

// The surfaces, as the audit log names them.
const (
	surfaceCheck = "github-check"
	surfaceGate  = "github-gate"
)

// recorder hands outcomes over where they wait for the log, with the job's identity token as proof.
type recorder struct {
	a        *action
	surface  string
	question audit.Question

	kept  string   // the identity of what was handed over; "": nothing was
	notes []string // what somebody should know, as sentences
	seen  *log.Checkpoint
}

// recorder is that of a question.
func (a *action) recorder(q decide.Question, e *event) *recorder {
	r := &recorder{a: a, surface: surfaceCheck}
	if a.in.mode == modeDeploy {
		r.surface = surfaceGate
	}
	r.question = a.asked(q, e)
	return r
}

// asked is a question as the audit log has it.
func (a *action) asked(q decide.Question, e *event) audit.Question {
	switch q := q.(type) {
	case decide.PullRequest:
		return audit.Question{Kind: string(names.PullRequest), Subject: strconv.Itoa(q.Number)}
	case decide.Head:
		return audit.Question{Kind: string(names.PullRequest), Subject: "after run " + strconv.FormatInt(q.Run, 10)}
	case decide.MergeGroup:
		return audit.Question{Kind: "merge_group", Subject: q.Base, Head: q.Head}
	case decide.ForgePush:
		return audit.Question{Kind: string(names.Push), Subject: q.Ref, Head: q.After, Base: q.Before}
	}
	if a.in.mode != modeDeploy {
		return audit.Question{Kind: "check", Subject: a.in.event}
	}
	kind, err := names.ParseAction(string(a.in.asked))
	if err != nil {
		kind = names.Deploy // what is none is refused, and that is recorded
	}
	out := audit.Question{Kind: string(kind), Environment: a.in.environment}
	word := a.in.request
	if word == "" && e != nil {
		word = e.input("request")
	}
	switch raw, ok, err := delegation.FindSigned([]byte(strings.TrimSpace(word))); {
	case ok && err == nil:
		out.Subject = audit.Digest(raw)
		if request, err := delegation.ParseSigned[delegation.Request](raw); err == nil {
			out.Nonce = request.Statement.Nonce
		}
	case word != "":
		out.Subject = audit.Digest([]byte(word))
	case e != nil && e.Deployment.ID != 0:
		out.Subject = fmt.Sprintf("deployment %d", e.Deployment.ID)
	}
	return out
}

// Record is for [decide.Recorder].
func (r *recorder) Record(ctx context.Context, o *decide.Outcome) error {
	q := r.question
	if q.Base == "" && len(o.Checks) == 1 {
		q.Base = o.Checks[0].Base
	}
	if q.Head == "" {
		q.Head = o.Commit
	}
	in := &r.a.in
	return (&record.Recorder{
		Surface: r.surface, Question: q,
		Run:        audit.Run{Event: in.event, ID: strconv.FormatInt(in.runID, 10), Attempt: in.runAttempt, Job: in.job},
		Repository: func(context.Context) string { return in.name },
		Sink:       r,
		Signer:     in.gateKey,
		Unsigned:   auditlog.Unsigned,
	}).Record(ctx, o)
}

// Keep is for [record.Sink].
func (r *recorder) Keep(ctx context.Context, e *audit.Entry, bundles [][]byte) (where string, err error) {
	at, err := r.a.auditRemote()
	if err != nil {
		return "", err
	}
	err = at.With(ctx, func(store *gitbranch.Store) error {
		spool := &gitbranch.Spool{Store: store, Remote: at.URL, RemoteEnv: at.Login}
		if where, err = (record.Spool{Spool: spool, Proof: r.prove}).Keep(ctx, e, bundles); err != nil {
			return err
		}
		r.kept = e.ID
		r.look(ctx, store)
		return nil
	})
	if err != nil {
		r.notes = nil // of what is kept
		return "", r.a.explainUnkept(err)
	}
	return where, nil
}

// prove is the job's identity token for an entry. Without one it is recorded all the same, as what somebody claims.
func (r *recorder) prove(ctx context.Context, e *audit.Entry) ([]byte, error) {
	claim, err := e.Claim()
	if err != nil {
		return nil, err
	}
	token, err := r.a.idToken(ctx, audit.Digest(claim))
	switch {
	case errors.Is(err, errNoIDToken):
		r.notes = append(r.notes, "This decision is recorded without proof of which workflow made it, because the job may not ask for an identity token: add `id-token: write` to its `permissions:`.")
	case err != nil:
		r.notes = append(r.notes, "This decision is recorded without proof of which workflow made it, because GitHub gave no identity token: "+err.Error()+".")
	}
	return []byte(token), nil
}

// look sees where the log is now. Whoever keeps that can tell a log that was rolled back later.
func (r *recorder) look(ctx context.Context, store *gitbranch.Store) {
	view, err := store.Look(ctx)
	if errors.Is(err, log.ErrMissing) {
		return
	}
	var files [][]byte
	if err == nil {
		files, err = view.Read(ctx, []string{log.CheckpointPath})
	}
	if err == nil {
		var c log.Checkpoint
		if c, err = log.PeekCheckpoint(files[0]); err == nil {
			r.seen = &c
			return
		}
	}
	r.notes = append(r.notes, "The audit log's checkpoint could not be read: "+strings.TrimSuffix(inert.Error(err), ".")+".")
}

// said says where the decision is recorded; zero where it is not.
func (r *recorder) said() verdict.Sentence {
	if r == nil || r.kept == "" {
		return verdict.Sentence{}
	}
	s := verdict.Sentence{
		Format: "recorded as audit entry %s: once it is in the log, %s reads it out",
		Texts:  []string{r.kept, "remit audit show " + r.kept},
	}
	if r.seen != nil {
		s.Format += ". The log's branch had %s entries then, under the root hash %s"
		s.Texts = append(s.Texts, strconv.FormatInt(r.seen.Size, 10), r.seen.Hash.String())
	}
	return s
}

// auditRemote is where the log of the repository is, for the token that may write there.
func (a *action) auditRemote() (auditlog.Remote, error) {
	url := strings.TrimSuffix(a.in.serverURL, "/") + "/" + a.in.slug + ".git"
	login, err := gitrepo.Login(url, a.in.auditToken, a.env.Environ)
	if err != nil {
		return auditlog.Remote{}, fault.Usagef("reaching the audit log: %w", err)
	}
	return auditlog.Remote{URL: url, Format: "sha1", Environ: a.env.Environ, Now: a.env.Now, Login: login}, nil
}

// bestEffort is how a policy lets through what cannot be recorded.
const bestEffort = "`audit = \"best-effort\"` in the `settings` of the policy lets through what cannot be recorded"

// explainUnkept says what to do where nothing could be handed over.
func (a *action) explainUnkept(err error) error {
	if !errors.Is(err, gitbranch.ErrRefused) {
		return fault.WithFix(err, "see that git reaches the repository from here, and run the job again; %s", bestEffort)
	}
	err = fault.Undecidedf("the job's token may not write to the repository, where each decision is handed over as a ref below %s", gitbranch.SpoolPrefix)
	switch a.in.event {
	case "pull_request", "pull_request_review":
		return fault.WithFix(err, "have a maintainer run this job on `pull_request_target`, or after this run by `workflow_run` (docs/github.md, Forks), with `contents: write` in its `permissions:`: "+
			"on %s a pull request from a fork or of Dependabot gets a token that can only read, whatever `permissions:` says. Or "+bestEffort, "`"+a.in.event+"`")
	default:
		return fault.WithFix(err, "add `contents: write` and `id-token: write` to the job's `permissions:`; or "+bestEffort)
	}
}
