package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
)

// usageArgs makes cobra's argument checks exit with 2, and says what was expected.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		if err == nil {
			return nil
		}
		if cmd.HasSubCommands() && len(args) > 0 {
			hint := fmt.Sprintf("see `%s --help`", cmd.CommandPath())
			cmd.SuggestionsMinimumDistance = 2
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = fmt.Sprintf("did you mean %s?", strings.Join(near, " or "))
			}
			return fault.WithFix(fault.Usagef("%s has no command %q", cmd.CommandPath(), args[0]), "%s", hint)
		}
		return fault.WithFix(fault.Usagef("%s: wrong number of arguments (%d)", cmd.CommandPath(), len(args)),
			"write `%s`; see `%s --help`", strings.TrimSuffix(cmd.UseLine(), " [flags]"), cmd.CommandPath())
	}
}

// flagError says of a flag that cannot be read what to write instead.
func flagError(cmd *cobra.Command, err error) error {
	err = fault.Usagef("%s: %w", cmd.CommandPath(), plainFlag(err))
	help := fmt.Sprintf("see `%s --help`", cmd.CommandPath())
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				known = append(known, f.Name)
			}
		})
		if near := names.Nearest(unknown.GetSpecifiedName(), known); near != "" && unknown.GetSpecifiedShortnames() == "" {
			return fault.WithFix(err, "did you mean --%s? %s", near, help)
		}
	}
	return fault.WithFix(err, "%s", help)
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short}
	c.AddCommand(children...)
	return alone(c)
}

// alone has a command that only holds others refuse to be run by itself, or with one that it does not hold: it did
// nothing, and a script must not take that for an answer.
func alone(c *cobra.Command) *cobra.Command {
	c.Args = usageArgs(cobra.NoArgs)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		var held []string
		for _, child := range cmd.Commands() {
			held = append(held, child.Name())
		}
		return fault.WithFix(fault.Usagef("%s needs a command: %s", cmd.CommandPath(), names.List(held, "or")), "see `%s --help`", cmd.CommandPath())
	}
	return c
}
