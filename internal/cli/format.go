package cli

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/names"
)

// withFormat gives a command the flag --format, text or json, and refuses every other one before it runs.
func withFormat(c *cobra.Command, format *string) *cobra.Command {
	formatFlag(c, format, "text", "json")
	run := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkFormat(*format, "text", "json"); err != nil {
			return err
		}
		return run(cmd, args)
	}
	return c
}

// formatFlag adds the flag --format, with its completion. The first of the known formats is the default.
func formatFlag(c *cobra.Command, format *string, known ...string) {
	c.Flags().StringVar(format, "format", known[0], "`FORMAT`: "+names.List(known, "or"))
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(known, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that is not there
}

// writeJSON prints something as JSON, for programs: one value, and nothing else on standard output.
func writeJSON(env *Env, value any) error {
	if err := json.MarshalWrite(env.Stdout, value, jsontext.WithIndent("  ")); err != nil {
		return err
	}
	_, err := fmt.Fprintln(env.Stdout)
	return err
}
