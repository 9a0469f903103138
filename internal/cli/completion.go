package cli

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// completeAgents completes the names of the policy's agents.
func completeAgents(env *Env) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		quiet := *env
		quiet.Stderr = io.Discard
		w, err := openWorkspace(&quiet)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer w.Close()
		p, err := w.issuingPolicy("")
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var agents []string
		for name := range p.Principals {
			if name.Kind() == names.Agent {
				agents = append(agents, name.Label())
			}
		}
		slices.Sort(agents)
		return agents, cobra.ShellCompDirectiveNoFileComp
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

// quietPolicy is the policy that completion goes by, nil where there is none.
func quietPolicy(env *Env) *policy.Policy {
	quiet := *env
	quiet.Stderr = io.Discard
	w, err := openWorkspace(&quiet)
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
