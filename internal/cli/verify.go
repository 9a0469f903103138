package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/names"
)

func newVerify(env *Env) *cobra.Command {
	var repository string
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: "Verify the signatures of a delegation bundle and read it out",
		Long: "Verifies a delegation bundle (a file, or - for standard input; its JSON, or the inline form of a\n" +
			"commit message) by itself: its form, its signatures and that each link follows from the one before.\n" +
			"Whether a policy accepts it is for `remit check` to say.",
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := readArgument(env, args[0])
			if err != nil {
				return err
			}
			chain, err := parseAnyBundle(b)
			if err != nil {
				return refused("%s is not a delegation bundle: %w", args[0], err)
			}
			name := chain[0].Scope.Repositories[0]
			if repository != "" {
				if name, err = names.ParseRepository(repository); err != nil {
					return usageErr("--repository: %w", err)
				}
			}
			fmt.Fprintln(env.Stdout, chain.Digest())
			for _, s := range chain.Sentences() {
				fmt.Fprintln(env.Stdout, s)
			}
			problems := chain.Problems(name, 0)
			if len(problems) == 0 {
				fmt.Fprintf(env.Stdout, "Its signatures are good, and each link follows from the one before. It is %s.\n",
					strings.ReplaceAll(stateOf(chain, env.Now()), "-", " "))
				return nil
			}
			for _, p := range problems {
				fmt.Fprintf(env.Stderr, "remit: %s: %s\n", p.Rule, p.What)
			}
			return refused("the chain does not hold")
		},
	}
	c.Flags().StringVar(&repository, "repository", "", "verify it for this repository (default: the first that it names)")
	return c
}

// readArgument reads a file, or standard input for "-".
func readArgument(env *Env, name string) ([]byte, error) {
	if name == "-" {
		return readLimited(env.Stdin, "standard input")
	}
	return readBounded(env, name)
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
