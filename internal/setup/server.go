package setup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/policy"
)

// Receiving is the question that a push to a server asks, by what its administrator says, without the push.
func Receiving(c *hooks.ServerConfig, gitDir, namespace string) (decide.Receive, error) {
	enforced, err := hooks.ReadPolicyRef(gitDir, namespace)
	if err != nil {
		return decide.Receive{}, fault.Undecidedf("finding out whose policy was enforced so far: %w", err)
	}
	q := decide.Receive{Repository: c.Repository, RootKey: c.RootKey, Enforced: enforced, EnforcedIn: hooks.PolicyRefPath(gitDir, namespace)}
	if c.PolicyRepository != "" {
		q.Policy = &decide.PolicyPlace{GitDir: c.PolicyRepository, Ref: c.PolicyRef, File: c.PolicyFile}
	}
	return q, nil
}

// received looks whether pushes can be judged where the hook reads the policy.
func (l *looking) received(ctx context.Context, config *hooks.ServerConfig) {
	q, err := Receiving(config, l.Workspace.CommonDir, "")
	if err != nil {
		l.say(fixed(err))
		return
	}
	now, err := q.Rules(ctx, l.sources())
	if q.Policy == nil && l.headMoved(&q, now.Ref, err != nil) {
		return
	}
	switch {
	case now.Why != "":
		l.say(putBack(&now, err != nil))
	case err != nil:
		p := fixed(err)
		var invalid *policy.InvalidError
		if p.What = "every push is refused: " + p.What; errors.As(err, &invalid) {
			p.What += ": " + strings.TrimSuffix(invalid.Diagnostics.Error(), ".")
			p.Advice = "have a maintainer push a valid one there: `remit policy validate` in a clone of it says what is wrong"
		}
		l.say(p)
	case now.None:
		l.say(Problem{
			What:   "there is no " + policy.FileName + " on " + inert.Word(now.Ref) + ", so that nothing is enforced yet",
			Advice: "push the first policy to " + inert.Word(now.Ref) + ", signed with the root key: `remit init` in a clone writes one",
		})
	case now.Planted != "":
		l.say(Problem{What: now.Planted, Advice: PlantedFix(now.Ref)})
	}
}

// PlantedFix says what to do about a policy that the root key did not bring.
func PlantedFix(ref string) string {
	return fmt.Sprintf("read it (`git show %s`); where it is right, name the key of a human whom it lists (`remit hooks install --server --root-key FILE --replace-root-key`); "+
		"else have the holder of the root key commit one that lists it, in a clone, and take that in around the hook (`git fetch CLONE BRANCH:%s`, in this repository)",
		inert.Word(ref+":"+policy.FileName), inert.Word(ref))
}

// headMoved says that HEAD leads to another branch than the one whose policy was enforced, or to none of those that
// are there, where it can be told which was meant: one with a policy, where pushes are refused for want of it.
func (l *looking) headMoved(q *decide.Receive, ref string, refused bool) bool {
	refs, err := l.Workspace.Repo.Refs("refs/heads/")
	if err != nil || ref == "" {
		return false
	}
	what, to := "", ""
	advice := "name the branch whose policy counts"
	switch {
	case q.Enforced != "" && q.Enforced != ref && refs[q.Enforced] != "":
		what, to = "every push is refused: the policy of "+inert.Word(q.Enforced)+" was enforced here so far, and HEAD leads to "+inert.Word(ref)+" now", q.Enforced
		advice = "where " + inert.Word(ref) + " is to be the default branch from now on, remove the file " + quote(q.EnforcedIn) + " in place of that"
	case q.Enforced == "" && refs[ref] == "" && len(refs) > 0:
		what = "HEAD names " + inert.Word(ref) + ", which is not there, so that no policy is found"
		likely := []string{"refs/heads/main", "refs/heads/master"}
		if len(refs) == 1 {
			likely = slices.Collect(maps.Keys(refs))
		}
		for _, name := range likely {
			if to != "" || refs[name] == "" {
				continue
			}
			if _, err := l.Workspace.Repo.File(refs[name], policy.FileName); err == nil || !refused {
				to = name
			}
		}
	}
	if to == "" {
		return false
	}
	l.say(Problem{What: what, Commands: []string{"git symbolic-ref HEAD " + quote(to)}, Advice: advice})
	return true
}

// putBack is the problem of a default branch without a policy that can be used, where the server's hook lets in
// nothing that mends it, or every push is told.
func putBack(now *decide.Receiving, refused bool) Problem {
	p := Problem{What: "the policy cannot be used: " + now.Why}
	if refused {
		p.What = "every push is refused, since the policy cannot be used: " + now.Why
	}
	file, ref := quote(now.Ref+":"+policy.FileName), quote(now.Ref)
	check := "`git show " + file + " | remit policy validate -` says what is wrong with one that is there"
	if now.LastValid == "" {
		p.Advice = check + "; mend it in a clone, commit it there, and take that in around the hook: `git fetch CLONE BRANCH:" + ref + "` in this repository"
		return p
	}
	p.Commands = []string{
		"git read-tree " + ref,
		fmt.Sprintf(`git update-index --add --replace --cacheinfo "100644,$(git rev-parse %[1]s:%[2]s),%[2]s"`, now.LastValid, policy.FileName),
		fmt.Sprintf(`git update-ref %[1]s "$(git -c user.name="$(id -un)" -c user.email="$(id -un)@$(hostname)" commit-tree -p %[1]s -m 'Put the policy back' "$(git write-tree)")"`, ref),
	}
	p.Advice = fmt.Sprintf("these put the last valid one back, of commit %[1]s, by a commit on top of the branch: read it first (`git show %[1]s:%[2]s`); %[3]s. "+
		"Another one is mended in a clone, committed there, and taken in around the hook: `git fetch CLONE BRANCH:%[4]s` in this repository", now.LastValid, policy.FileName, check, ref)
	return p
}

// audited looks whether decisions are recorded.
func (l *looking) audited(ctx context.Context) {
	place := auditlog.Place{GitDir: l.Workspace.CommonDir, Environ: l.Env.Environ, Now: l.Now}
	if c, err := hooks.ReadServerConfig(l.Workspace.CommonDir); err == nil && c.AuditServer != "" {
		return // what is wrong there, it says itself when an entry is handed over
	}
	if _, err := place.Look(ctx); err != nil {
		p := fixed(err)
		p.What = "no decision is recorded, so that every push is refused unless the policy says audit = \"best-effort\": " + p.What
		l.say(p)
	}
}
