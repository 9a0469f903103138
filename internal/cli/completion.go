package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
)

// completeAgents completes the names of the policy's agents.
func completeAgents(env *Env) cobra.CompletionFunc {
	agents := completePrincipals(env, names.Agent)
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return agents(cmd, args, word)
	}
}

// completeBranches completes the short names of branches, here and at origin.
func completeBranches(env *Env) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		quiet := *env
		quiet.Stderr = io.Discard
		w, err := openWorkspace(&quiet)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer w.Close()
		found := map[string]bool{}
		for _, prefix := range []string{"refs/heads/", "refs/remotes/origin/"} {
			refs, err := w.Repo.Refs(prefix)
			if err != nil {
				continue
			}
			for ref := range refs {
				if name := strings.TrimPrefix(ref, prefix); name != "HEAD" && names.CheckRef("refs/heads/"+name) == nil {
					found[name] = true
				}
			}
		}
		return slices.Sorted(maps.Keys(found)), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeEnvironments completes --environment with those of the policy.
func completeEnvironments(env *Env, c *cobra.Command) {
	_ = c.RegisterFlagCompletionFunc("environment", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var found []string
		if p := quietPolicy(env); p != nil {
			for _, e := range p.Environments {
				found = append(found, e.Name)
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}) // fails only for a flag that is not there
}

// openQuietly is openWorkspace for a completion, in which nothing is said beside.
func openQuietly(env *Env) (*workspace, error) {
	quiet := *env
	quiet.Stderr = io.Discard
	return openWorkspace(&quiet)
}

// quietPolicy is the policy that completion goes by, nil where there is none.
func quietPolicy(env *Env) *policy.Policy {
	w, err := openQuietly(env)
	if err != nil {
		return nil
	}
	defer w.Close()
	p, err := w.issuingPolicy("")
	if err != nil {
		return nil
	}
	return p
}

// completeDigests completes the digests of the delegations that are here, on demand those that hold alone, with what
// each is.
func completeDigests(env *Env, live bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return digestsHere(cmd.Context(), env, live), cobra.ShellCompDirectiveNoFileComp
	}
}

func digestsHere(ctx context.Context, env *Env, live bool) []string {
	w, err := openQuietly(env)
	if err != nil {
		return nil
	}
	defer w.Close()
	if ctx == nil {
		ctx = context.Background()
	}
	rows, err := w.delegationRows(ctx, live)
	if err != nil {
		return nil
	}
	found := make([]string, len(rows))
	for i, r := range rows {
		found[i] = cobra.CompletionWithDesc(r.Digest, r.State+", "+r.Delegator+" to "+r.Delegate+", "+report.Inert(r.Purpose))
	}
	return found
}

// completeKeys completes the names of the key store's keys.
func completeKeys(env *Env) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		store, err := openKeys(env)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		list, err := store.List()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

// completePrincipals completes the names of the policy's principals of some kinds.
func completePrincipals(env *Env, kinds ...names.Kind) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var found []string
		if p := quietPolicy(env); p != nil {
			for name := range p.Principals {
				if slices.Contains(kinds, name.Kind()) {
					found = append(found, name.Label())
				}
			}
		}
		slices.Sort(found)
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlags completes the values of flags that mean the same wherever they stand. What a command completes by
// itself stays.
func completeFlags(env *Env, c *cobra.Command) {
	delegates := completePrincipals(env, names.Human, names.Agent)
	humans := completePrincipals(env, names.Human)
	agents := completePrincipals(env, names.Agent)
	digests := func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return digestsHere(cmd.Context(), env, false), cobra.ShellCompDirectiveNoFileComp
	}
	actions := cobra.FixedCompletions(texts(names.Actions()), cobra.ShellCompDirectiveNoFileComp)
	for flag, complete := range map[string]cobra.CompletionFunc{
		"as": delegates, "agent": agents, "parent": digests, "delegation": digests, "action": actions,
	} {
		if c.Name() == "approve" && flag == "as" {
			complete = humans
		}
		if f := c.Flags().Lookup(flag); f != nil && f.Value.Type() != "bool" {
			_ = c.RegisterFlagCompletionFunc(flag, complete) // fails only where the command has one
		}
	}
	for _, sub := range c.Commands() {
		completeFlags(env, sub)
	}
}
