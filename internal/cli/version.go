package cli

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version is set when a release is linked; other builds say where they come from.
var version = "devel"

// commit is the id of the commit that a release was built from, set likewise; "" where no build said it.
var commit = ""

// versionText is the version and what it was built with.
func versionText() string {
	text, goVersion := builtFrom()
	return strings.TrimSpace(text + " " + goVersion)
}

// builtFrom is the version of this program, and of the Go that built it, "" where the build does not say.
func builtFrom() (text, goVersion string) {
	text = version
	if info, ok := debug.ReadBuildInfo(); ok {
		if version == "devel" && info.Main.Version != "" && info.Main.Version != "(devel)" {
			text = info.Main.Version
		}
		goVersion = info.GoVersion
	}
	return text, goVersion
}

// versionRow is the version in JSON.
type versionRow struct {
	Version int    `json:"version"` // of this JSON
	Remit   string `json:"remit"`
	Commit  string `json:"commit,omitzero"`
	Go      string `json:"go"`
}

func newVersion(env *Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "version", Short: "Print the version", Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if format == "json" {
				text, goVersion := builtFrom()
				return writeJSON(env, versionRow{1, text, commit, goVersion})
			}
			fmt.Fprintln(env.Stdout, "remit", versionText())
			return nil
		},
	}
	return withFormat(c, &format)
}
