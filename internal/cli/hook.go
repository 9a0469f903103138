package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

func newHook(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:                "hook NAME [ARG…]",
		Short:              "What the installed git hooks call",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fault.Usagef("name the hook: prepare-commit-msg, pre-commit, pre-push or pre-receive")
			}
			ctx := cmd.Context()
			switch args[0] {
			case "prepare-commit-msg":
				return prepareCommitMsg(ctx, env, args[1:])
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

// prepareCommitMsg names the delegation in force in the commit's message, once.
func prepareCommitMsg(ctx context.Context, env *Env, args []string) error {
	if len(args) == 0 {
		return fault.Usagef("prepare-commit-msg: git did not name the file of the message")
	}
	w, err := findWorkspace(env)
	if err != nil {
		return err
	}
	use, ok, err := readUse(env, w.gitDir)
	if err != nil || !ok {
		return err
	}
	value := use.Delegation
	if use.Inline {
		if err := w.openObjects(); err != nil {
			return err
		}
		defer w.close()
		chain, err := w.chainOf(use.Delegation)
		if err != nil {
			return err
		}
		value = trailerValue(chain, true)
	}
	file := absolute(env, args[0])
	message, err := readGits(env, file)
	if err != nil {
		return err
	}
	comment := "" // git keeps every line of a message that is not edited, and says so
	if env.Getenv("GIT_EDITOR") != ":" {
		comment = "#"
		if c := w.configValue(ctx, "core.commentChar"); c != "" && c != "auto" {
			comment = c
		}
	}
	return os.WriteFile(file, []byte(delegation.AddTrailerBefore(string(message), value, comment)), 0o600)
}

// preCommit says early which staged paths the delegation in force does not cover. The signing
// helper judges the whole commit afterwards; this spares writing a message for it.
func preCommit(ctx context.Context, env *Env) error {
	w, err := findWorkspace(env)
	if err != nil {
		return err
	}
	if _, ok, err := readUse(env, w.gitDir); err != nil || !ok {
		return err
	}
	if _, err := os.Lstat(filepath.Join(w.gitDir, "MERGE_HEAD")); err == nil {
		return nil // what a merge changes of its own is not what differs from HEAD: the signing helper judges it
	}
	if err := w.openObjects(); err != nil {
		return err
	}
	defer w.close()
	chain, _, err := w.useInForce()
	if err != nil {
		return err
	}
	p, err := w.issuingPolicy("")
	if err != nil {
		return err
	}
	ref := w.written(w.head())
	if p, err = w.rulingHere(p, ref); err != nil {
		return err
	}
	changes, err := w.staged(ctx)
	if err != nil {
		return err
	}
	set := &evidence.Set{At: env.Now(), AtSource: clockHere, Surface: evidence.SurfaceClient}
	if set.Repository, err = w.repositoryName(ctx, "", p); err != nil {
		return err
	}
	result := checker.Preview(p, set, chain, evidence.Commit{
		ID: "(staged)", Refs: []string{ref}, Changes: changes, Seen: evidence.Seen{Time: set.At, By: set.AtSource}, New: true,
	})
	return w.advise(result)
}

// advise shows a denial to whoever is at work. Waiting for approval is not one.
func (w *workspace) advise(result *verdict.Report) error {
	switch {
	case result.Verdict == verdict.Allowed:
		return nil
	case result.Verdict == verdict.Waiting || result.Observe:
		return show(w.env, w.env.Stderr, result, "text", false)
	default:
		if err := show(w.env, w.env.Stderr, result, "text", false); err != nil {
			return err
		}
		return verdictError(result.Verdict.ExitCode())
	}
}

// staged lists what the index holds against HEAD.
func (w *workspace) staged(ctx context.Context) ([]evidence.Change, error) {
	against := "HEAD"
	if _, err := w.repo.ResolveRevision("HEAD"); err != nil {
		against = w.repo.EmptyTree() // the first commit
	}
	out, err := w.git(ctx, "-c", "core.fsmonitor=false", "diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-ext-diff", against)
	if err != nil {
		return nil, fault.Undecidedf("reading what is staged: %w", err)
	}
	changes, err := gitrepo.ParseRawDiff(out)
	if err != nil {
		return nil, fault.Undecidedf("reading what is staged: %w", err)
	}
	return changes, nil
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
	defer w.close()
	p, err := w.issuingPolicy("")
	if err != nil {
		var c *fault.Error
		if errors.As(err, &c) && c.Kind == fault.Undecided {
			fmt.Fprintf(env.Stderr, "remit: note: %v: nothing was checked before this push\n", err)
			return nil
		}
		return err
	}
	receiver, err := w.remoteRefs(args[0], updates)
	if err != nil {
		return fault.Undecidedf("reading what %s has: %w", args[0], err)
	}
	pusher, err := w.pusherHere(p)
	if err != nil {
		return err
	}
	all, err := w.outgoing(args[0], p, updates, receiver)
	if err != nil {
		return err
	}
	found, err := w.repo.CollectPush(ctx, updates, gitrepo.CollectOptions{
		CountLines: needsLines(all), Land: asksForPaths(all), Receiver: receiver, DefaultBranch: trackedTrunk(args[0], receiver),
		Delegations: namedBy(pusher), LongLived: longLivedAt(args[0], p, w.trunkOf(args[0], receiver)),
	})
	if err != nil {
		return fault.Undecidedf("reading what goes out: %w", err)
	}
	result, err := judgeShares(all, found, func(p *policy.Policy, part *gitrepo.Collected) (*evidence.Set, error) {
		repository, err := w.repositoryName(ctx, "", p)
		if err != nil {
			return nil, err
		}
		set := newSet(part, evidence.SurfaceClient, repository, env.Now(), clockHere)
		set.Pusher = pusher
		addWorkflows(ctx, p, w.repo, set, receiver[trackedTrunk(args[0], receiver)])
		return set, addReferences(ctx, p, w.repo, set)
	})
	if err != nil {
		return err
	}
	if err := w.advise(result); err != nil {
		return err
	}
	url := args[0]
	if len(args) > 1 {
		url = args[1]
	}
	w.publishNamed(ctx, args[0], url, found.Bundles)
	return nil
}

// outgoing sorts what goes out by the policies that rule it, as far as this clone knows the remote.
func (w *workspace) outgoing(remote string, main *policy.Policy, updates []gitrepo.RefUpdate, receiver map[string]string) ([]share, error) {
	rules := rulings{defaultRef: w.trunkOf(remote, receiver), main: ruling{policy: main}, at: w.policyAt}
	return rules.shares(updates, func(u gitrepo.RefUpdate) string { return u.Old })
}

// trunkOf is the default branch of a remote, by its name there.
func (w *workspace) trunkOf(remote string, receiver map[string]string) string {
	trunk := w.written(trackedTrunk(remote, receiver))
	if branch, ok := strings.CutPrefix(trunk, "refs/remotes/"); ok {
		_, branch, _ = strings.Cut(branch, "/")
		trunk = "refs/heads/" + branch
	}
	return trunk
}

// pusherHere says who pushes from this work tree as far as remit can tell: the delegate in force.
// Where none is, an unsigned act such as a forced update is for the server to judge.
func (w *workspace) pusherHere(p *policy.Policy) (*evidence.Pusher, error) {
	chain, use, err := w.useInForce()
	if err != nil || chain == nil {
		return nil, err
	}
	block := p.Principal(chain.Leaf().Delegate.Name)
	if block == nil {
		return nil, nil
	}
	return &evidence.Pusher{Login: block.Login, Source: "the delegation in force", Delegation: use.Delegation}, nil
}

// namedBy lists the delegation that a push names for itself, which has to be resolved too.
func namedBy(p *evidence.Pusher) []string {
	if p == nil || p.Delegation == "" {
		return nil
	}
	return []string{p.Delegation}
}

// publishNamed pushes the delegations that outgoing commits name and that were not published yet.
func (w *workspace) publishNamed(ctx context.Context, remote, url string, bundles map[string]evidence.Bundle) {
	var digests []string
	for digest, b := range bundles {
		if b.Raw != nil && !w.published(url, digest) {
			digests = append(digests, digest)
		}
	}
	if len(digests) == 0 {
		return
	}
	if err := w.publishTo(ctx, remote, url, digests); err != nil {
		fmt.Fprintf(w.env.Stderr, "remit: note: the delegations of this push were not published: %v\n", err)
	}
}

// remoteRefs is what the remote has, as far as this repository knows: its tracking branches, and
// what git just learned of the refs that are pushed. Of a remote that is given by its URL, or was
// never fetched from, nothing is known: the best guess is that it has the default branch of another.
func (w *workspace) remoteRefs(remote string, updates []gitrepo.RefUpdate) (map[string]string, error) {
	refs, err := w.repo.Refs("refs/remotes/" + remote + "/")
	if err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		if refs, err = w.repo.Refs("refs/remotes/"); err != nil {
			return nil, err
		}
		trunk := trackedTrunk(remote, refs)
		maps.DeleteFunc(refs, func(name, _ string) bool { return name != trunk })
	}
	for _, u := range updates {
		if u.Old != "" {
			refs[u.Ref] = u.Old
		}
	}
	return refs, nil
}

// trackedTrunk is the tracking branch of a remote's default branch. A clone of a repository that was
// empty then has no <remote>/HEAD that says which that is, so the usual names are tried, and last
// whatever there is: this is advice, and a server knows.
func trackedTrunk(remote string, refs map[string]string) string {
	for _, r := range []string{remote, "origin"} {
		for _, name := range []string{"HEAD", "main", "master"} {
			if ref := "refs/remotes/" + r + "/" + name; refs[ref] != "" {
				return ref
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		if strings.HasPrefix(name, "refs/remotes/") {
			return name
		}
	}
	return "refs/remotes/" + remote + "/HEAD"
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
