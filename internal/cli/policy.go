package cli

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

func newPolicy(env *Env) *cobra.Command {
	return group("policy", "Write, check and read out policies",
		newPolicyValidate(env), newPolicyFmt(env), newPolicyExplain(env), newAllowedSigners(env))
}

// policyArgument is the policy file that an author names, or the work tree's.
func policyArgument(env *Env, args []string) (path, shown string, src []byte, err error) {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	if path, err = policyInWorkTree(env, name); err != nil {
		return "", "", nil, err
	}
	if name == "" {
		name = filepath.Base(path)
	}
	src, err = readPolicySource(env, path, name)
	return path, name, src, err
}

// namedPolicy is the policy that an author names, read.
func namedPolicy(env *Env, args []string) (*policy.Policy, error) {
	_, name, src, err := policyArgument(env, args)
	if err != nil {
		return nil, err
	}
	return parsePolicy(src, name)
}

// policyJSON is what is said of a policy, for programs.
type policyJSON struct {
	Version     int             `json:"version"`
	File        string          `json:"file"`
	Valid       bool            `json:"valid"`
	Digest      string          `json:"digest,omitzero"`
	Diagnostics []diagnosticRow `json:"diagnostics"`
}

type diagnosticRow struct {
	Severity string `json:"severity"` // error or warning
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
}

func policyRow(name string, p *policy.Policy, diags policy.Diagnostics) policyJSON {
	out := policyJSON{Version: 1, File: name, Valid: !diags.HasErrors(), Diagnostics: []diagnosticRow{}}
	if p != nil {
		out.Digest = p.Digest
	}
	for _, d := range diags {
		out.Diagnostics = append(out.Diagnostics, diagnosticRow{strings.ToLower(d.Severity.String()), d.Summary, d.Detail, d.Position.Line, d.Position.Column})
	}
	return out
}

func newPolicyValidate(env *Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "validate [FILE]", Short: "Say what is wrong with a policy", Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			_, name, src, err := policyArgument(env, args)
			if err != nil {
				return err
			}
			p, diags := policy.Parse(src, name)
			if p != nil {
				diags = slices.Concat(diags, p.Locked(), p.Ended(env.Now()))
			}
			if format == "json" {
				if err := writeJSON(env, policyRow(name, p, diags)); err != nil || !diags.HasErrors() {
					return err
				}
				return verdictError(verdict.ExitUsage)
			}
			out := env.Stderr
			if diags.HasErrors() {
				out = env.errors()
			}
			if err := diags.WriteText(out, src, env.Color()); err != nil {
				return err
			}
			if diags.HasErrors() {
				return fault.WithFix(fault.Usagef("the policy %s is not valid", name), "see `remit policy explain` for the language")
			}
			fmt.Fprintf(env.Stderr, "%s is valid: %d principals, %d grants, %d forbids, %d gates.\n",
				name, len(p.Principals), len(p.Grants), len(p.Forbids), len(p.Gates))
			return nil
		},
	}
	return withFormat(c, &format)
}

func newPolicyFmt(env *Env) *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use: "fmt [FILE]", Short: "Format a policy", Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			path, name, src, err := policyArgument(env, args)
			if err != nil {
				return err
			}
			out, diags := policy.Format(src, name)
			if diags.HasErrors() {
				if err := diags.WriteText(env.errors(), src, env.Color()); err != nil {
					return err
				}
				return fault.Usagef("the policy %s cannot be formatted", name)
			}
			switch {
			case bytes.Equal(src, out):
				return nil
			case check:
				return fault.WithFix(fault.Refusedf("%s is not formatted", name), "run `remit policy fmt %s`", name)
			default:
				fmt.Fprintln(env.Stdout, name)
				return env.around().ReplaceNamed(path, out)
			}
		},
	}
	c.Flags().BoolVar(&check, "check", false, "change nothing, and exit with 1 if it is not formatted")
	return c
}

func newPolicyExplain(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [FILE]",
		Short: "Print the policy language; with a FILE, read that policy out in plain sentences",
		Args:  usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return policy.Explain(env.Stdout)
			}
			p, err := namedPolicy(env, args)
			if err != nil {
				return err
			}
			return policy.ExplainPolicy(env.Stdout, p)
		},
	}
}

func newAllowedSigners(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "allowed-signers [FILE]",
		Short: "Print the policy's keys as an allowed_signers file for plain git",
		Long: "Prints the keys of humans and agents for git's gpg.ssh.allowedSignersFile, so that\n" +
			"`git verify-commit` and `git log --show-signature` work without remit. Keys minted for one\n" +
			"delegation are not in a policy, so that plain git cannot know them.",
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := namedPolicy(env, args)
			if err != nil {
				return err
			}
			return policy.AllowedSigners(env.Stdout, p)
		},
	}
}
