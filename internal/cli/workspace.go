package cli

import (
	"context"
	"fmt"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/policy"
	ws "github.com/remit-sh/remit/workspace"
)

// workspace is the repository that a command works in, with what the command prints to.
type workspace struct {
	*ws.Workspace
	env *Env
}

// openWorkspace finds the repository around the working directory and opens its objects.
func openWorkspace(env *Env) (*workspace, error) {
	w, err := ws.Open(env.around())
	return &workspace{w, env}, err
}

// findWorkspace finds the repository without opening its objects.
func findWorkspace(env *Env) (*workspace, error) {
	w, err := ws.Find(env.around())
	if err != nil {
		return nil, err
	}
	return &workspace{w, env}, nil
}

// sources are what a decision about this repository asks.
func (w *workspace) sources() decide.Sources {
	return decide.Sources{Now: w.env.Now, Repo: w.Repo, Bare: w.Worktree == ""}
}

// naming tells what this repository is called: --repository, else what the policy rules, else where origin points.
func (w *workspace) naming(ctx context.Context, flag string) decide.Naming {
	return func(p *policy.Policy) (string, error) { return w.repositoryName(ctx, flag, p) }
}

func readUse(env *Env, gitDir string) (ws.Use, bool, error) { return ws.ReadUse(env.around(), gitDir) }

// localDelegations lists the chains that this repository holds. Refs that hold something else are
// passed over, and said.
func (w *workspace) localDelegations() []delegation.Chain {
	chains, notes := w.Delegations()
	w.say(notes)
	return chains
}

// fullDigest completes a digest that was cut short, if only one local delegation begins with it.
func (w *workspace) fullDigest(s string) (string, error) {
	digest, notes, err := w.FullDigest(s)
	w.say(notes)
	return digest, err
}

// publish pushes delegations to origin. Where that cannot be done it is a note.
func (w *workspace) publish(ctx context.Context, digests ...string) {
	if err := w.Publish(ctx, digests...); err != nil {
		fmt.Fprintf(w.env.Stderr, "note: %v\n", err)
	}
}

// staged lists what the index holds against a revision.
func (w *workspace) staged(ctx context.Context, against string) ([]evidence.Change, error) {
	diff, err := w.StagedDiff(ctx, against)
	if err != nil {
		return nil, fault.Undecidedf("reading what is staged: %w", err)
	}
	changes, err := gitrepo.ParseRawDiff(diff)
	if err != nil {
		return nil, fault.Undecidedf("reading what is staged: %w", err)
	}
	return changes, nil
}

// subjectOf is the first line of a commit's message where a statement can carry it, "" otherwise.
func (w *workspace) subjectOf(commit string) string {
	line := w.Subject(commit)
	if issue.CheckWhy(line) != nil {
		return ""
	}
	return line
}
