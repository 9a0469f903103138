package server

import "runtime/debug"

// version is set when a release is linked; other builds say where they come from.
var version = "devel"

func versionText() string {
	text := version
	if info, ok := debug.ReadBuildInfo(); ok {
		if version == "devel" && info.Main.Version != "" && info.Main.Version != "(devel)" {
			text = info.Main.Version
		}
		text += " " + info.GoVersion
	}
	return text
}
