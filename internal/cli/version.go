package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set when a release is linked; other builds say where they come from.
var version = "devel"

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
