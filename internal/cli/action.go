package cli

import (
	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/internal/githubaction"
	"github.com/remit-sh/remit/verdict"
)

func newAction(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "action",
		Short: "Judge as a step of a GitHub workflow",
		Long: "What action.yml runs. Inputs and the event are read from the environment that GitHub's runner gives a step.\n" +
			"In the mode check it judges pull requests, merge groups and pushes, and posts a check run; in the mode\n" +
			"deploy it lets a signed request to deploy through, once. Everything is read from the API and by git anew:\n" +
			"nothing that is judged is run or checked out. In the mode fold it brings what waits into the audit log.",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			code, err := githubaction.Run(cmd.Context(), &githubaction.Env{
				Stdout: env.Stdout, Environ: env.Environ, Getenv: env.Getenv, Now: env.Now, Wait: env.Wait, HTTP: env.HTTP, Tool: sarifTool(),
			})
			if err == nil && code != verdict.ExitAllow {
				err = verdictError(code)
			}
			return err
		},
	}
}
