package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set when a release is linked; other builds say where they come from.
var version = "devel"

// commit is the id of the commit that a release was built from, set likewise; "" where no build said it.
var commit = ""

func newVersion(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			text := version
			if info, ok := debug.ReadBuildInfo(); ok {
				if version == "devel" && info.Main.Version != "" && info.Main.Version != "(devel)" {
					text = info.Main.Version
				}
				text += " " + info.GoVersion
			}
			fmt.Fprintln(env.Stdout, "remit", text)
			return nil
		},
	}
}
