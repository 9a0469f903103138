package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

func newRevoke(env *Env) *cobra.Command {
	var digest, key, agent, why, since, file string
	var dryRun bool
	c := &cobra.Command{
		Use:   "revoke (--delegation DIGEST | --key FINGERPRINT | --agent NAME) --why TEXT",
		Short: "Add a revocation to the policy, ready to commit",
		Long: "Adds a revoke block to the work tree's policies.hcl. It takes effect when a human commits and\n" +
			"merges it. With --since, what was first seen before that time stays allowed and is flagged.\n" +
			"With --dry-run nothing is changed: it says what would be taken back.",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := policy.Revocation{Reason: why}
			given := 0
			for _, v := range []string{digest, key, agent} {
				if v != "" {
					given++
				}
			}
			if given != 1 {
				return fault.Usagef("name one of --delegation, --key and --agent")
			}
			if why == "" {
				return fault.Usagef("say why with --why TEXT: it stands in the policy and in every denial")
			}
			if since != "" {
				t, err := time.Parse(time.RFC3339, since)
				if err != nil {
					return fault.Usagef("--since is no RFC 3339 time, such as 2026-11-22T14:03:00Z: %w", err)
				}
				r.Since = t
			}
			path, err := policyInWorkTree(env, file)
			if err != nil {
				return err
			}
			src, err := readPolicySource(env, path, filepath.Base(path))
			if err != nil {
				return err
			}
			p, err := parsePolicy(src, filepath.Base(path))
			if err != nil {
				return err
			}
			switch {
			case digest != "":
				if digest, err = wholeDigest(env, digest); err != nil {
					return fault.WithFix(fmt.Errorf("--delegation: %w", err), "name it whole, or run this where it is: `remit delegations` lists them")
				}
				r.Delegations, r.Name = []string{digest}, "delegation "+digest[len("sha256:"):][:12]
			case key != "":
				r.Keys, r.Name = []string{key}, "a key"
			default:
				block, err := principalNamed(p, agent, names.Agent)
				if err != nil {
					return err
				}
				r.Agents, r.Name = []names.Principal{block.Name}, string(block.Name)
			}
			out, err := policy.AppendRevocation(src, filepath.Base(path), r)
			if err != nil {
				return fault.Usagef("%w", err)
			}
			if dryRun {
				after, err := parsePolicy(out, filepath.Base(path))
				if err != nil {
					return err
				}
				return (&revoking{r, p, after}).foresee(cmd.Context(), env)
			}
			if err := env.around().ReplaceNamed(path, out); err != nil {
				return err
			}
			fmt.Fprintf(env.Stderr, "added to %s; it takes effect once it is committed and merged.\n", path)
			return nil
		},
	}
	c.Flags().StringVar(&digest, "delegation", "", "revoke a delegation, by its `DIGEST`, and all that was passed on from it")
	c.Flags().StringVar(&key, "key", "", "revoke a key, by its `FINGERPRINT`, SHA256:…")
	c.Flags().StringVar(&agent, "agent", "", "revoke the agent `NAME`")
	c.Flags().StringVar(&why, "why", "", "why, a `TEXT` of one line (required)")
	c.Flags().StringVar(&since, "since", "", "from this `RFC3339` time on (default: always)")
	c.Flags().BoolVarP(&dryRun, "dry-run", "n", false, "change nothing, and say what it would take back: delegations that hold now, and from the audit log what was done on that authority")
	c.Flags().StringVar(&file, "policy", "", policyUsage("the work tree's"))
	return c
}

// wholeDigest is a digest that somebody names. One that was cut short is completed by the repository here.
func wholeDigest(env *Env, digest string) (string, error) {
	if _, short := delegation.ShortDigest(digest); !short {
		if err := names.CheckDigest(digest); err != nil {
			return "", fault.Usagef("%w", err)
		}
		return digest, nil
	}
	w, err := openWorkspace(env)
	if err != nil {
		return "", err
	}
	defer w.Close()
	return w.fullDigest(digest)
}

// policyInWorkTree is the policy file that an author edits.
func policyInWorkTree(env *Env, file string) (string, error) {
	if file != "" {
		return absolute(env, file), nil
	}
	dir := env.Dir
	if w, err := findWorkspace(env); err == nil && w.Worktree != "" {
		dir = w.Worktree
	}
	path := filepath.Join(dir, policy.FileName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fault.WithFix(fault.Usagef("there is no %s here", policy.FileName), "name one, or write one: `remit init`")
	}
	return path, nil
}
