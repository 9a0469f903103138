package checker

import (
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// modeChange: an agent adds or changes a symlink, a submodule or an executable file, and its grant
// does not say that it may. Such an entry reaches beyond the path that it stands at.
func modeChange(a *act) []verdict.Finding {
	var found []verdict.Finding
	for _, g := range a.cover.grants {
		for _, m := range g.modes {
			f := deny(
				inert.Word(m.path)+" would become "+modePhrase(m.mode),
				"The grant "+quoted(g.grant.Name)+" lets "+string(g.who)+" write plain files there; modes = ["+quoted(m.mode)+"] would be needed.",
				plainFile(m.path, m.mode)+", or have a maintainer add the mode to the grant.",
			)
			f.Path = m.path
			found = append(found, at(f, g.grant.Position))
		}
	}
	return limit(found)
}

// plainFile says how to commit a path as the plain file that everybody may write.
func plainFile(path, mode string) string {
	switch name := inShellOr(path, "PATH"); mode {
	case "executable":
		return "Commit it as a plain file (`git update-index --chmod=-x " + name + "`)"
	case "symlink":
		return "Put a plain file in its place (`git rm --cached " + name + "` takes the link out)"
	case "submodule":
		return "Leave it out (`git rm --cached " + name + "`)"
	default:
		return "Commit it as a plain file"
	}
}

func modePhrase(mode string) string {
	switch mode {
	case "symlink", "submodule":
		return "a " + mode
	case "executable":
		return "an executable file"
	default:
		return "an entry of a mode that git does not use"
	}
}
