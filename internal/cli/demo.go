package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/internal/demo"
)

func newDemo(env *Env) *cobra.Command {
	var keep string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Play the whole story on throw-away repositories",
		Long: "Plays the whole story with real keys, commits and pushes: a human delegates to a planner, the\n" +
			"planner passes a part on to a coder, and the server's hook judges what they push. Nothing outside\n" +
			"a temporary folder is touched, and the folder is removed at the end.",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir := absolute(env, keep)
			if keep == "" {
				tmp, err := os.MkdirTemp("", "remit-demo-")
				if err != nil {
					return err
				}
				defer func() { _ = os.RemoveAll(tmp) }() // a temporary folder; the system clears what is left
				dir = tmp
			} else if err := os.Mkdir(dir, 0o700); err != nil {
				return fault.Usagef("--keep: %w", err)
			}
			return demo.Play(cmd.Context(), &demo.Env{Stdout: env.Stdout, Environ: env.Environ, Executable: env.Executable, Now: env.Now}, dir)
		},
	}
	c.Flags().StringVar(&keep, "keep", "", "play in the new folder `DIR` and leave it there")
	return c
}
