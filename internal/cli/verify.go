package cli

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
)

func newVerify(env *Env) *cobra.Command {
	var repository string
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: "Verify the signatures of a delegation bundle or signed statement and read it out",
		Long: "Verifies a file, or - for standard input, by itself: its form, its signatures and that what belongs\n" +
			"together follows from each other. It reads a delegation bundle (its JSON, or the inline form of a\n" +
			"commit message), a signed request, approval or pull request (its JSON, or that in base64url), and the\n" +
			"body of a pull request that carries one.\n" +
			"Whether a policy accepts it, and knows the keys, is for `remit check` to say.",
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := readArgument(env, args[0])
			if err != nil {
				if names.CheckDigest(args[0]) == nil {
					return fault.WithFix(fault.Usagef("%s is the digest of a delegation, and no file", args[0]), "`remit show %s` reads it out, and says whether it holds", args[0])
				}
				return err
			}
			name := ""
			if repository != "" {
				if name, err = names.ParseRepository(repository); err != nil {
					return fault.Usagef("--repository: %w", err)
				}
			}
			file, ok, err := delegation.FindSigned(b)
			if err != nil {
				return fault.Refusedf("%s: %w", args[0], err)
			}
			if ok {
				return verifySigned(env, args[0], file, name)
			}
			chain, err := parseAnyBundle(b)
			if err != nil {
				return fault.Refusedf("%s is not a delegation bundle: %w", args[0], err)
			}
			if name == "" {
				name = firstRepository(chain)
			}
			fmt.Fprintln(env.Stdout, chain.Digest())
			if err := verifyChain(env, chain, name); err != nil {
				return err
			}
			fmt.Fprintf(env.Stdout, "Its signatures are good, and each link follows from the one before. It is %s.\n",
				chain.StateAt(env.Now(), 0).Words())
			return nil
		},
	}
	c.Flags().StringVar(&repository, "repository", "", "verify it for this repository (default: the first that it names)")
	return c
}

// verifyChain reads a chain out, and says what is wrong with it.
func verifyChain(env *Env, chain delegation.Chain, repository string) error {
	for _, s := range chain.Sentences() {
		fmt.Fprintln(env.Stdout, s)
	}
	problems := chain.Problems(repository, 0)
	for _, p := range problems {
		fmt.Fprintf(env.Stderr, "remit: %s: %s\n", p.Rule, p.What)
	}
	if len(problems) > 0 {
		return fault.Refusedf("the chain does not hold")
	}
	return nil
}

// firstRepository is the one that a chain's root names first, if any.
func firstRepository(chain delegation.Chain) string {
	if list := chain[0].Scope.Repositories; len(list) > 0 {
		return list[0]
	}
	return ""
}

func verifySigned(env *Env, source string, file []byte, repository string) error {
	s, err := delegation.ParseSigned[delegation.Statement](file)
	if err != nil {
		return fault.Refusedf("%s: %w", source, err)
	}
	fmt.Fprintln(env.Stdout, s.Digest)
	fmt.Fprintln(env.Stdout, s.Statement.Sentence())
	if repository != "" {
		if err := s.Statement.ForRepository(repository, 0); err != nil {
			return fault.Refusedf("%s: %w", source, err)
		}
	}
	if s.Bundle != nil {
		if repository == "" {
			repository = repositoryOf(s.Statement)
		}
		if err := verifyChain(env, s.Bundle, repository); err != nil {
			return err
		}
	}
	fmt.Fprintf(env.Stdout, "Its signature is good, by the key %s that it names.", s.Statement.By().Key.Fingerprint())
	if timed, ok := s.Statement.(interface {
		StateAt(t time.Time, skew time.Duration) delegation.WindowState
	}); ok {
		fmt.Fprintf(env.Stdout, " It is %s.", windowWords(timed.StateAt(env.Now(), 0)))
	}
	fmt.Fprintln(env.Stdout)
	return nil
}

func repositoryOf(c delegation.Statement) string {
	switch c := c.(type) {
	case delegation.PullRequest:
		return c.Repository
	case delegation.Request:
		return c.Repository
	default:
		return "" // an approval comes without a bundle
	}
}

func windowWords(s delegation.WindowState) string {
	switch s {
	case delegation.Live:
		return "live"
	case delegation.TooEarly:
		return "not yet valid"
	default:
		return "expired"
	}
}

// parseAnyBundle reads a bundle as JSON or in the inline form of a trailer.
func parseAnyBundle(b []byte) (delegation.Chain, error) {
	text := strings.TrimSpace(string(b))
	if strings.HasPrefix(text, "inline:") {
		ref, ok, err := delegation.ParseTrailer("x\n\n" + delegation.TrailerKey + ": " + text + "\n")
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("the inline form is empty")
		}
		b = ref.Inline
	}
	return delegation.ParseBundle(bytes.TrimRight(b, "\n"))
}
