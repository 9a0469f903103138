package gitrepo

import "strings"

// environment is a list of "NAME=value", as in os.Environ.
type environment []string

// get returns a variable's last value, "" where it is not set.
func (e environment) get(name string) string {
	for i := len(e) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(e[i], name+"="); ok {
			return value
		}
	}
	return ""
}

// kept are the variables that a child process of ours inherits. All of git's own are set or left
// out by us: what is judged must not depend on who calls.
func (e environment) kept() []string {
	var out []string
	for _, name := range []string{"PATH", "TMPDIR", "TMP", "TEMP", "SystemRoot", "LD_LIBRARY_PATH"} {
		if value := e.get(name); value != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}
