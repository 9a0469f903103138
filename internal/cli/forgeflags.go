package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/inert"
)

// forgeFlags say how to reach GitHub.
type forgeFlags struct{ tokenEnv, api string }

func (f *forgeFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.tokenEnv, "token-env", "", "the environment `VARIABLE` that holds GitHub's token (default: GITHUB_TOKEN, else GH_TOKEN)")
	c.Flags().StringVar(&f.api, "api", "", "`URL` of GitHub's API (default: GITHUB_API_URL, else https://api.github.com)")
}

// client makes a client with the token that the environment holds.
func (f *forgeFlags) client(env *Env) (*forge.Client, error) {
	variables := []string{"GITHUB_TOKEN", "GH_TOKEN"}
	if f.tokenEnv != "" {
		variables = []string{f.tokenEnv}
	}
	token := ""
	for _, name := range variables {
		if token = env.Getenv(name); token != "" {
			break
		}
	}
	if token == "" {
		return nil, fault.WithFix(fault.Usagef("there is no token for GitHub in %s", strings.Join(variables, " or ")),
			"set it, such as with GH_TOKEN=\"$(gh auth token)\"; it never goes onto a command line")
	}
	api := f.api
	if api == "" {
		api = env.Getenv("GITHUB_API_URL")
	}
	c, err := forge.New(forge.Options{BaseURL: api, Token: token})
	if err != nil {
		return nil, fault.Usagef("reaching GitHub: %w", err)
	}
	return c, nil
}

// sendError gives an error of the forge its exit code, and says which permission is missing.
func sendError(err error) error {
	var lacks *forge.PermissionError
	switch {
	case errors.As(err, &lacks) && lacks.Permission != "":
		return fault.WithFix(fault.Undecidedf("%s: the token may not do this (GitHub: %s)", lacks.Doing, inert.Quote(lacks.Said)),
			"it takes the permission `%s`: give it to the fine-grained token or App, or to the job's `permissions:`; a classic token takes the scope repo", lacks.Permission)
	case errors.Is(err, forge.ErrRefused), errors.Is(err, forge.ErrTooLong):
		return fault.Refusedf("%w", err)
	case errors.Is(err, forge.ErrNotFound):
		return fault.WithFix(fault.Undecidedf("%w", err), "see that the name is right and that the token reaches the repository")
	default:
		return fault.Undecidedf("%w", err)
	}
}
