package decide

import (
	"strings"

	"github.com/remit-sh/remit/policy"
)

// longLived tells which refs live as long as the repository: the default branch, those that settings.bases of its
// policy lists, and each branch that an environment names to be deployed from. Only what may be put there comes
// onto them, whoever made it elsewhere.
func longLived(p *policy.Policy, defaultRef string) func(ref string) bool {
	deployed := map[string]bool{}
	for _, e := range p.Environments {
		for _, from := range e.DeployFrom {
			if ref := from.String(); !strings.ContainsAny(ref, "*?[") { // a pattern may mean work branches
				deployed["refs/heads/"+strings.TrimPrefix(ref, "refs/heads/")] = true
			}
		}
	}
	return func(ref string) bool {
		return ref == defaultRef || deployed[ref] || p.Settings.IsBase(ref)
	}
}

// longLivedAt is longLived for the refs of a remote, which are known here by their tracking branches.
func longLivedAt(remote string, p *policy.Policy, defaultRef string) func(ref string) bool {
	there := longLived(p, defaultRef)
	return func(ref string) bool {
		if branch, ok := strings.CutPrefix(ref, "refs/remotes/"+remote+"/"); ok {
			ref = "refs/heads/" + branch
		}
		return there(ref)
	}
}
