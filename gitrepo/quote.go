package gitrepo

import "fmt"

const maxQuoted = 200 // bytes of untrusted text that an error repeats

// quote makes untrusted text safe to show: quoted, ASCII only, cut short.
func quote(s string) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%+q…", s[:maxQuoted])
	}
	return fmt.Sprintf("%+q", s)
}
