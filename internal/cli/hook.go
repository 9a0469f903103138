package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
)

func newHook(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:                "hook NAME [ARG…]",
		Short:              "What the installed git hooks call",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fault.Usagef("name the hook: prepare-commit-msg, commit-msg, pre-commit, pre-push or pre-receive")
			}
			ctx := cmd.Context()
			switch args[0] {
			case "prepare-commit-msg", "commit-msg":
				return nameInMessage(ctx, env, args[0], args[1:])
			case "pre-commit":
				return preCommit(ctx, env)
			case "pre-push":
				return prePush(ctx, env, args[1:])
			case "pre-receive":
				return preReceive(ctx, env)
			case "--help", "-h":
				return cmd.Help()
			default:
				return fault.Usagef("there is no hook called %q here", args[0])
			}
		},
	}
}

// nameInMessage names the delegation in force in the commit's message, once and last. commit-msg does so
// again after editors and other hooks.
func nameInMessage(ctx context.Context, env *Env, hook string, args []string) error {
	if len(args) == 0 {
		return fault.Usagef("%s: git did not name the file of the message", hook)
	}
	w, err := findWorkspace(env)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.mend(ctx); err != nil {
		return err
	}
	if hook == "prepare-commit-msg" && w.withoutPreCommit(args) {
		if err := w.refuseElsewhere(ctx); err != nil {
			return err
		}
	}
	return w.NameInMessage(ctx, args[0])
}

// withoutPreCommit reports whether a message is made for what git runs no pre-commit hook for: merges, and what is
// picked or rebased.
func (w *workspace) withoutPreCommit(args []string) bool {
	if len(args) > 1 && args[1] == "merge" {
		return true
	}
	return slices.ContainsFunc([]string{"CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply"}, func(name string) bool {
		_, err := os.Lstat(filepath.Join(w.GitDir, name))
		return err == nil
	})
}

// refuseElsewhere refuses a commit that git would not have remit sign, for somebody else would sign what an agent
// made.
func (w *workspace) refuseElsewhere(ctx context.Context) error {
	name, value, err := w.SignedElsewhere(ctx)
	if err != nil || name == "" {
		return err
	}
	if value == "" {
		value = "nothing"
	}
	return fault.WithFix(fault.Refusedf("a delegation is in force here, and git would sign by something else: %s is %s", name, report.Inert(value)),
		"to sign under the delegation, take that out of git's other settings (`git config --show-origin --get-all %s` says where it stands) and do the same again; to sign as yourself: `remit use --none`", name)
}

// mend puts remit's own hooks right where another tool changed them, and says so.
func (w *workspace) mend(ctx context.Context) error {
	said, _, err := w.Mend(ctx, nil, w.env.Executable)
	w.env.note(said)
	return err
}

// installLFS lets git-lfs install the hooks that remit's own kept it from installing, and returns its pre-push
// hook if it did. That it cannot be done is a note.
func (w *workspace) installLFS(ctx context.Context) string {
	prePush, err := w.InstallLFS(ctx, w.env.Executable)
	if err != nil {
		w.env.note([]string{err.Error() + "; until then no content is pushed for git-lfs: run `git lfs push --all REMOTE`"})
	}
	if prePush != "" {
		w.env.note([]string{"git-lfs's hooks are installed now: " + prePush})
	}
	return prePush
}

// preCommit says early which staged paths the delegation in force does not cover. The signing
// helper judges the whole commit afterwards; this spares writing a message for it. Where none is going to be written
// (git-commit(1) sets GIT_EDITOR to ":" for its hooks then) the helper is asked at once, and a commit reads the policy once.
func preCommit(ctx context.Context, env *Env) error {
	w, err := findWorkspace(env)
	if err != nil {
		return err
	}
	if _, ok, err := readUse(env, w.GitDir); err != nil || !ok {
		return err
	}
	if err := w.mend(ctx); err != nil {
		return err
	}
	w.installLFS(ctx)
	if err := w.refuseElsewhere(ctx); err != nil {
		return err
	}
	if env.Getenv("GIT_EDITOR") == ":" {
		if err := w.OpenObjects(); err != nil {
			return err
		}
		defer w.Close()
		if note := decide.Unjudged(w.Repo); note != "" {
			env.note([]string{note})
		}
		return nil
	}
	if _, err := os.Lstat(filepath.Join(w.GitDir, "MERGE_HEAD")); err == nil {
		return nil // what a merge changes of its own is not what differs from HEAD: the signing helper judges it
	}
	if err := w.OpenObjects(); err != nil {
		return err
	}
	defer w.Close()
	chain, _, err := w.InForce()
	if err != nil {
		return err
	}
	changes, err := w.staged(ctx, "HEAD")
	if err != nil {
		return err
	}
	return w.advise(decide.Decide(ctx, w.sources(), decide.Staged{
		InForce: chain, Ref: w.Head(), Again: w.Making(), Changes: changes, Repository: w.naming(ctx, ""),
		Amended: func() ([]evidence.Change, error) { return w.staged(ctx, "HEAD^") },
	}))
}

// prePush judges what goes out as the server would, as advice, and publishes the delegations that
// it names.
func prePush(ctx context.Context, env *Env, args []string) error {
	if len(args) == 0 {
		return fault.Usagef("pre-push: git did not name the remote")
	}
	input, err := readLimited(env.Stdin, "git's list of refs")
	if err != nil {
		return err
	}
	updates, err := parsePrePush(string(input))
	if err != nil || len(updates) == 0 {
		return err
	}
	w, err := openWorkspace(env)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.mend(ctx); err != nil {
		return err
	}
	if theirs := w.installLFS(ctx); theirs != "" { // it was not there when git looked for it
		if err := w.runHook(ctx, theirs, args, input); err != nil {
			return err
		}
	}
	url := args[0]
	if len(args) > 1 {
		url = args[1]
	}
	address, err := names.ParseRepository(url)
	if err != nil {
		address = "" // a folder, say, which is called nothing
	}
	o := decide.Decide(ctx, w.sources(), decide.Outgoing{
		Remote: args[0], Address: address, Updates: updates, Repository: w.naming(ctx, ""),
		InForce: func() (delegation.Chain, error) {
			chain, _, err := w.InForce()
			return chain, err
		},
	})
	if err := w.advise(o); err != nil {
		return err
	}
	if err := w.PublishNew(ctx, args[0], url, o.Delegations); err != nil {
		fmt.Fprintf(env.Stderr, "remit: note: the delegations of this push were not published: %v\n", err)
	}
	return nil
}

// runHook runs a hook as git would. Its exit code is the command's.
func (w *workspace) runHook(ctx context.Context, path string, args []string, input []byte) error {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = w.env.Dir, w.env.Environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), w.env.Stdout, w.env.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return verdictError(exit.ExitCode())
	}
	return err
}

// parsePrePush reads git's lines "<local ref> <local id> <remote ref> <remote id>".
func parsePrePush(input string) ([]gitrepo.RefUpdate, error) {
	var updates []gitrepo.RefUpdate
	for line := range strings.Lines(input) {
		f := strings.Fields(line)
		if len(f) != 4 {
			return nil, fault.Undecidedf("git's list of refs has an unexpected line: %s", inert.Quote(line))
		}
		updates = append(updates, gitrepo.RefUpdate{Ref: f[2], Old: orEmpty(f[3]), New: orEmpty(f[1])})
	}
	return updates, nil
}

// maxPushed bounds the refs of one push that are read; the collector's own limit is lower and says
// which rule it is.
const maxPushed = 20_000

// parsePreReceive reads git's lines "<old id> <new id> <ref>".
func parsePreReceive(r io.Reader) ([]gitrepo.RefUpdate, error) {
	updates, err := gitrepo.ParseUpdates(r, maxPushed)
	if err != nil {
		return nil, fault.Undecidedf("%w", err)
	}
	for i := range updates {
		updates[i].Old, updates[i].New = orEmpty(updates[i].Old), orEmpty(updates[i].New)
	}
	return updates, nil
}

// orEmpty is "" for the null id with which git says "no object".
func orEmpty(id string) string {
	if strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}
