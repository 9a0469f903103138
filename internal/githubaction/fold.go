package githubaction

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/oidc"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
	"github.com/remit-sh/remit/verdict"
)

const (
	foldBudget   = 20     // requests to the API
	maxFolded    = 10_000 // refs that one run looks at, so that it ends before its job's time does
	maxFoldNotes = 50     // that are shown
)

// fold brings what waits into the log of the repository. Whatever runs on another branch than the default one, or came
// by another event, is somebody else's workflow file, and is refused.
func (a *action) fold(ctx context.Context) (int, error) {
	branch, err := a.onDefaultBranch(ctx)
	if err != nil {
		return 0, err
	}
	key, err := a.foldKey()
	if err != nil {
		return 0, err
	}
	tokens, err := a.foldTokens(branch)
	if err != nil {
		return 0, err
	}
	at, err := a.auditRemote()
	if err != nil {
		return 0, err
	}
	var done auditlog.Fold
	err = at.With(ctx, func(store *gitbranch.Store) (err error) {
		f := &auditlog.Folding{Store: store, Key: key, Tokens: tokens, Most: maxFolded, Pin: a.env.Now}
		if a.in.fold.create {
			f.Create = func(context.Context) (string, error) { return a.in.name, nil }
		}
		done, err = f.Run(ctx)
		return err
	})
	said := ""
	if err == nil {
		said = a.tidy(ctx, at, key, &done)
	}
	a.tellFolded(&done, said, err)
	if err != nil {
		return 0, a.explainUnfolded(err)
	}
	return verdict.ExitAllow, nil
}

// onDefaultBranch is the default branch by its short name, where this run is one of it.
func (a *action) onDefaultBranch(ctx context.Context) (string, error) {
	if events := []string{"schedule", "workflow_run", "workflow_dispatch"}; !slices.Contains(events, a.in.event) {
		return "", fault.WithFix(fault.Usagef("the audit log is not folded on the event %q", a.in.event), "run the mode fold on %s", strings.Join(events, ", "))
	}
	api, err := a.client(foldBudget)
	if err != nil {
		return "", err
	}
	there, err := api.Repository(ctx, a.in.slug)
	if err != nil {
		return "", fault.Undecidedf("finding the default branch: %w", err)
	}
	branch := strings.TrimPrefix(there.DefaultRef, "refs/heads/")
	if a.in.ref != there.DefaultRef || branch == "" {
		return "", fault.WithFix(fault.Usagef("the audit log is folded on the default branch alone, %s, and this run is on %s", inert.Quote(branch), inert.Quote(a.in.ref)),
			"start it there: `gh workflow run remit-audit.yml --ref %s`; and limit the environment that has the key to that branch", inert.Word(branch))
	}
	if a.in.fold.create && a.in.event != "workflow_dispatch" {
		return "", fault.WithFix(fault.Usagef("the input create is true on the event %s", a.in.event),
			"have it true where somebody starts the workflow and asks for it: a log whose branch was deleted would begin anew by itself")
	}
	return branch, nil
}

// foldKey is the log's key.
func (a *action) foldKey() (signing.Signer, error) {
	fix := "put the text of the key's file into the secret REMIT_AUDIT_KEY of an environment that is limited to the default branch, name that environment in the job, and give `audit-key: ${{ secrets.REMIT_AUDIT_KEY }}` to this step"
	if strings.TrimSpace(a.in.fold.key) == "" {
		return nil, fault.WithFix(fault.Usagef("the audit log's key is not here"), "%s", fix)
	}
	key, err := keystore.Parse([]byte(strings.TrimSpace(a.in.fold.key)+"\n"), nil)
	if err != nil { // which never quotes the key
		return nil, fault.WithFix(fault.Usagef("the input audit-key holds no key that can be used: %w", err), "%s", fix)
	}
	return key, nil
}

// foldTokens is by what tokens entries are believed.
func (a *action) foldTokens(branch string) (*auditlog.Tokens, error) {
	in := &a.in.fold
	if len(in.workflows) == 0 {
		in.workflows = []string{"remit.yml"}
	}
	if err := auditlog.CheckWorkflows(in.workflows, a.in.name, branch); err != nil {
		return nil, fault.Usagef("the input workflows: %w", err)
	}
	issuer := in.issuer
	if issuer == "" {
		if issuer = oidc.GitHub; strings.TrimSuffix(a.in.serverURL, "/") != "https://github.com" {
			issuer = strings.TrimSuffix(a.in.serverURL, "/") + "/_services/token"
		}
	}
	if u, err := url.Parse(issuer); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.WithFix(fault.Usagef("the issuer of identity tokens %s is not an https address", inert.Quote(issuer)), "write the input issuer as tokens have it, such as %s", oidc.GitHub)
	}
	host, _, _ := strings.Cut(a.in.name, "/")
	return &auditlog.Tokens{
		Issuer: oidc.Issuer{URL: issuer, Host: host}, RepositoryID: in.repositoryID, Workflows: in.workflows, Branch: branch,
		Keys: func(ctx context.Context) (*oidc.Keys, error) { return auditlog.FetchKeys(ctx, a.env.HTTP, issuer) },
	}, nil
}

// explainUnfolded says what to do where nothing could be folded.
func (a *action) explainUnfolded(err error) error {
	switch {
	case errors.Is(err, log.ErrMissing) && !a.in.fold.create:
		return fault.WithFix(err, "where there was a log, put its branch back, from a clone that has it: `git push origin refs/remotes/origin/_audit/log:refs/heads/_audit/log`; "+
			"where there never was one, start this workflow with the input create: `gh workflow run remit-audit.yml -f create=true`")
	case errors.Is(err, gitbranch.ErrRefused):
		return fault.WithFix(err, "add `contents: write` to the job's `permissions:`")
	}
	return err
}

// tellFolded says in the log and in the job's summary what was done, and how the log stands.
func (a *action) tellFolded(done *auditlog.Fold, said string, failed error) {
	var lines []string
	if done.Begun != "" {
		lines = append(lines, "the audit log "+done.Origin+" is begun. It is verified with "+done.Begun+": write that into the policy as `audit_key` in `settings`.")
	}
	if failed == nil {
		lines = append(lines, done.Summary()+".", fmt.Sprintf("the log has %d entries, under the root hash %s.", done.Now.Size, done.Now.Hash))
	}
	if said != "" {
		lines = append(lines, said)
	}
	notes := done.Notes
	if len(notes) > maxFoldNotes {
		notes = append(slices.Clone(notes[:maxFoldNotes]), fmt.Sprintf("%d further notes are left out", len(notes)-maxFoldNotes))
	}
	for _, n := range notes {
		lines = append(lines, "note: "+strings.TrimSuffix(n, ".")+".")
	}
	var summary strings.Builder
	for _, l := range lines {
		fmt.Fprintf(a.env.Stdout, "remit: %s\n", report.Inert(l))
		fmt.Fprintf(&summary, "- %s\n", report.InertMarkdown(l))
	}
	for _, id := range done.Squatted {
		a.gha.WithFieldsMap(map[string]string{"title": "remit"}).Warningf("The audit log has entries of the identity %s that do not say the same: one of them is not true.", inert.Word(id))
	}
	if a.env.Getenv("GITHUB_STEP_SUMMARY") != "" && len(lines) > 0 {
		a.gha.AddStepSummary("## remit: the audit log\n\n" + summary.String())
	}
}
