package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// maxPolicyFile bounds what is read of a policy file before its parser sees it.
const maxPolicyFile = 1 << 20

// maxHeadFile bounds what is read of HEAD.
const maxHeadFile = 4 << 10

// workspace is the repository that a command works in.
type workspace struct {
	env       *Env
	worktree  string // "" in a bare repository
	gitDir    string // of this work tree
	commonDir string // shared by all work trees
	repo      *gitrepo.Repo
}

// openWorkspace finds the repository around the working directory and opens its objects.
func openWorkspace(env *Env) (*workspace, error) {
	w, err := findWorkspace(env)
	if err != nil {
		return nil, err
	}
	return w, w.openObjects()
}

// openObjects opens the objects of a repository that was only found so far.
func (w *workspace) openObjects() error {
	repo, err := gitrepo.Open(gitrepo.Options{GitDir: w.gitDir, Env: w.env.Environ})
	if err != nil {
		return fault.Undecidedf("opening the repository %s: %w", w.gitDir, err)
	}
	w.repo = repo
	return nil
}

// findWorkspace finds the repository without opening its objects.
func findWorkspace(env *Env) (*workspace, error) {
	w := &workspace{env: env}
	var err error
	w.worktree, w.gitDir, w.commonDir, err = gitrepo.Discover(env.Dir)
	if err != nil {
		return nil, fault.WithFix(fault.Usagef("no git repository here: %w", err), "run this inside a repository, or make one with `git init`")
	}
	return w, nil
}

func (w *workspace) close() {
	if w.repo != nil {
		_ = w.repo.Close() // only read from
	}
}

// head is the full name of the branch that is checked out. While git rebases, that is the branch
// being rebased. Where HEAD is detached it is "HEAD", which the checker refuses to judge.
func (w *workspace) head() string {
	for _, f := range []string{"rebase-merge/head-name", "rebase-apply/head-name", "HEAD"} {
		b, err := readBelow(filepath.Join(w.gitDir, f), maxHeadFile)
		if err != nil {
			continue
		}
		line := strings.TrimPrefix(strings.TrimSpace(string(b)), "ref: ")
		if strings.HasPrefix(line, "refs/heads/") {
			return line
		}
	}
	return "HEAD"
}

// git runs the user's own git in the work tree, as a client does.
func (w *workspace) git(ctx context.Context, args ...string) (string, error) {
	dir := w.worktree
	if dir == "" {
		dir = w.gitDir
	}
	return runGit(ctx, w.env, dir, args...)
}

func runGit(ctx context.Context, env *Env, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = dir, env.Environ
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		if msg := strings.TrimSpace(stderr.String()); msg != "" {
			return "", fmt.Errorf("git %s: %s", args[0], msg)
		}
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// readPolicyFile reads a policy that is named on the command line.
func readPolicyFile(env *Env, name string) (*policy.Policy, error) {
	src, err := readPolicySource(env, name, name)
	if err != nil {
		return nil, err
	}
	p, err := parsePolicy(src, name)
	if err != nil {
		return nil, err
	}
	// A file called like the one in the repository is taken to be that one.
	if filepath.Base(name) == policy.FileName {
		p.Path = policy.FileName
	}
	return p, nil
}

// readPolicySource reads the text of a policy file, which messages call by the name shown.
func readPolicySource(env *Env, path, shown string) ([]byte, error) {
	src, err := readNamed(env, path, maxPolicyFile)
	var c *fault.Error
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.Undecidedf("there is no policy file %s", shown)
	case errors.As(err, &c):
		return nil, fault.Usagef("the policy file %s has more than the %d bytes that are read", shown, maxPolicyFile)
	case err != nil:
		return nil, fault.WithFix(fault.Undecidedf("the policy %s is not read: %w", shown, err),
			"in a work tree only its own regular files are read; name the file itself, by a path that no link leads out of it")
	}
	return src, nil
}

// parsePolicy reads the text of a policy. What is wrong with it is printed with the error.
func parsePolicy(src []byte, name string) (*policy.Policy, error) {
	p, err := policy.Read(src, name)
	if err != nil {
		return nil, fault.WithFix(fault.Usagef("%w", err), "see `remit policy explain` for the language")
	}
	return p, nil
}

// errNoPolicy means that a revision has no policy.
var errNoPolicy = errors.New("there is no " + policy.FileName)

// policyAt reads the policy of a commit.
func (w *workspace) policyAt(commit, shown string) (*policy.Policy, error) {
	src, err := w.repo.File(commit, policy.FileName)
	switch {
	case errors.Is(err, gitrepo.ErrNotFound):
		return nil, fmt.Errorf("%w in %s", errNoPolicy, shown)
	case err != nil:
		return nil, fault.Undecidedf("reading %s of %s: %w", policy.FileName, shown, err)
	}
	p, err := parsePolicy(src, policy.FileName)
	if err != nil {
		return nil, err
	}
	p.Path = policy.FileName
	return p, nil
}

// issuingPolicy is the policy that signing and delegating go by: --policy, else the one of the
// remote's default branch, else the one of HEAD. Judging never uses it.
func (w *workspace) issuingPolicy(file string) (*policy.Policy, error) {
	if file != "" {
		return readPolicyFile(w.env, file)
	}
	for _, rev := range []string{"refs/remotes/origin/HEAD", "HEAD"} {
		commit, err := w.repo.ResolveRevision(rev)
		if err != nil {
			continue
		}
		p, err := w.policyAt(commit, rev)
		if errors.Is(err, errNoPolicy) {
			continue
		}
		return p, err
	}
	return nil, fault.WithFix(fault.Undecidedf("no policy was found in origin/HEAD or HEAD"),
		"commit a %s, or name one with --policy", policy.FileName)
}

// repositoryName is --repository, else what the policy rules, else where origin points.
func (w *workspace) repositoryName(ctx context.Context, flag string, p *policy.Policy) (string, error) {
	if flag != "" {
		name, err := names.ParseRepository(flag)
		if err != nil {
			return "", fault.Usagef("--repository: %w", err)
		}
		return name, nil
	}
	if p.Repository != "" {
		return p.Repository, nil
	}
	url, err := w.git(ctx, "remote", "get-url", "origin")
	if err == nil {
		if name, err := names.ParseRepository(url); err == nil {
			return name, nil
		}
	}
	return "", fault.WithFix(fault.Usagef("it is not known which repository this is: the policy rules several, and origin does not say"),
		"name it with --repository host/owner/name")
}

// principalNamed finds the principal that a user means by "coder" or "agent.coder".
func principalNamed(p *policy.Policy, s string, kinds ...names.Kind) (*policy.Principal, error) {
	if strings.Contains(s, ".") {
		name, err := names.ParsePrincipal(s)
		if err != nil {
			return nil, fault.Usagef("%w", err)
		}
		if block := p.Principal(name); block != nil && slices.Contains(kinds, name.Kind()) {
			return block, nil
		}
	} else {
		var found []*policy.Principal
		for _, k := range kinds {
			if block := p.Principal(names.NewPrincipal(k, s)); block != nil {
				found = append(found, block)
			}
		}
		if len(found) == 1 {
			return found[0], nil
		}
		if len(found) > 1 {
			return nil, fault.Usagef("%q may be %s or %s: write which", s, found[0].Name, found[1].Name)
		}
	}
	var known []string
	for name := range p.Principals {
		if slices.Contains(kinds, name.Kind()) {
			known = append(known, string(name))
		}
	}
	slices.Sort(known)
	return nil, fault.WithFix(fault.Usagef("the policy has no %s called %q", strings.Join(texts(kinds), " or "), s), "it knows %s", cmp.Or(strings.Join(known, ", "), "none"))
}
