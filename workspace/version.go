package workspace

import (
	"context"
	"fmt"
	"strings"

	"github.com/remit-sh/remit/fault"
)

// minClientGit is the first git that signs with SSH keys.
const minClientGit = "2.34"

// MinServerGit is the first git that merges without a work tree, by which a server judges merges.
const MinServerGit = "2.38"

// checkClientGit refuses a git that cannot sign with SSH keys.
func checkClientGit(ctx context.Context, w *Workspace) error {
	_, err := w.env.CheckGit(ctx, minClientGit, "to sign commits with SSH keys")
	return err
}

// CheckGit refuses a git that is older than a version such as "2.34", saying what it is needed for. It returns
// the version that is there.
func (e Env) CheckGit(ctx context.Context, least, why string) (string, error) {
	out, err := e.Git(ctx, e.Dir, "version")
	if err != nil {
		return "", fault.WithFix(fault.Usagef("%w", err), "install git %s or newer", least)
	}
	version, ok := strings.CutPrefix(out, "git version ")
	version, _, _ = strings.Cut(version, " ")
	var major, minor, wantMajor, wantMinor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); !ok || err != nil {
		return "", fault.Usagef("git says that it is %q, which is no version", out)
	}
	if _, err := fmt.Sscanf(least, "%d.%d", &wantMajor, &wantMinor); err != nil {
		return "", err
	}
	if major < wantMajor || major == wantMajor && minor < wantMinor {
		return version, fault.WithFix(fault.Usagef("git is %s here, and remit needs %s or newer %s", version, least, why), "install git %s or newer", least)
	}
	return version, nil
}
