package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// maxPolicyFile bounds what is read of a policy file before its parser sees it.
const maxPolicyFile = 1 << 20

// policyUsage explains the flag --policy, in place of which another policy counts.
func policyUsage(otherwise string) string { return "policy `FILE` (default: " + otherwise + ")" }

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
	src, err := env.around().ReadNamed(path, maxPolicyFile)
	var c *fault.Error
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.Usagef("there is no policy file %s", shown)
	case errors.As(err, &c):
		return nil, fault.Usagef("the policy file %s has more than the %d bytes that are read", shown, maxPolicyFile)
	case err != nil:
		return nil, fault.WithFix(fault.Usagef("the policy %s is not read: %w", shown, err),
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

// issuingPolicy is the policy that signing and delegating go by: --policy, else what [decide.IssuingPolicy] finds.
// Judging never uses it.
func (w *workspace) issuingPolicy(file string) (*policy.Policy, error) {
	if file != "" {
		return readPolicyFile(w.env, file)
	}
	w.noteUnsure()
	return decide.IssuingPolicy(context.Background(), w.Repo)
}

// noteUnsure says why the policy that counts here may not be the remote's.
func (w *workspace) noteUnsure() {
	if why := decide.PolicyUnsure(w.Repo); why != "" {
		w.env.note([]string{why + ": `remit doctor` prints what mends that"})
	}
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
	if name := w.address(ctx, ""); name != "" {
		return name, nil
	}
	return "", fault.WithFix(fault.Usagef("it is not known which repository this is: the policy rules several, and origin does not say"),
		"name it with --repository host/owner/name")
}

// address is what others than a policy call this repository: --repository, else where origin points; "" where
// neither says.
func (w *workspace) address(ctx context.Context, flag string) string {
	if flag == "" {
		url, err := w.Git(ctx, "remote", "get-url", "origin")
		if err != nil {
			return ""
		}
		flag = url
	}
	name, err := names.ParseRepository(flag)
	if err != nil {
		return ""
	}
	return name
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
