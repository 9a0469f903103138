package decide

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/policy"
)

// ErrNoPolicy means that a revision has no policy.
var ErrNoPolicy = errors.New("there is no " + policy.FileName)

// policies is a repository of which policies are read: one that is here, or one on a forge.
type policies interface {
	// file is the policy file of a commit; an error that is [gitrepo.ErrNotFound] says that it has none.
	file(ctx context.Context, commit string) ([]byte, error)
	// everHad reports whether a commit or one before it had a policy file.
	everHad(ctx context.Context, commit string) (bool, error)
	// everFile gives each content that the policy file of a commit or of one before it had, with a commit that has
	// it, the latest first, until told to stop; an error says that they cannot all be told.
	everFile(ctx context.Context, commit string, each func(commit string, text []byte) (more bool)) error
	// unusable says that the policy of a place is not valid, and what whoever is told can do.
	unusable(shown string, err *policy.InvalidError) error
	// restore is who puts a policy back that was taken away, as the beginning of what to do.
	restore() string
}

// policyAt reads the policy of a commit of the repository that it rules; messages call that place shown. The
// error wraps [ErrNoPolicy] where the commit has none.
func policyAt(ctx context.Context, from policies, commit, shown string) (*policy.Policy, error) {
	p, err := readPolicy(ctx, from, commit, policy.FileName, shown)
	if err == nil {
		p.Path = policy.FileName
	}
	return p, err
}

// readPolicy reads the policy of a commit of any repository, and calls it name.
func readPolicy(ctx context.Context, from policies, commit, name, shown string) (*policy.Policy, error) {
	src, err := from.file(ctx, commit)
	switch {
	case errors.Is(err, gitrepo.ErrNotFound):
		return nil, fmt.Errorf("%w in %s", ErrNoPolicy, shown)
	case errors.Is(err, gitrepo.ErrMissing):
		return nil, fault.WithFix(fault.Undecidedf("reading %s of %s: %w", policy.FileName, shown, err),
			"a partial clone lacks what nobody has asked for, and nothing is fetched behind your back: `git show %s:%s` fetches it", commit, policy.FileName)
	case err != nil:
		return nil, fault.Undecidedf("reading %s of %s: %w", policy.FileName, shown, err)
	}
	p, diags := policy.Parse(src, name)
	if diags.HasErrors() {
		return nil, from.unusable(shown, &policy.InvalidError{Name: name, Source: src, Diagnostics: diags})
	}
	return p, nil
}

// mainRuling is the policy of the default branch at a commit of it, from before what is judged. Only all of its
// history can tell a repository that is still to get its first policy from one whose policy was taken away.
func mainRuling(ctx context.Context, from policies, commit, shown string) (ruling, error) {
	p, err := policyAt(ctx, from, commit, shown)
	if err == nil {
		return ruling{policy: p}, nil
	}
	lost := err
	if errors.Is(err, ErrNoPolicy) {
		had, hadErr := from.everHad(ctx, commit)
		if hadErr != nil {
			return ruling{}, fault.Undecidedf("finding out whether the default branch ever had a %s: %w", policy.FileName, hadErr)
		}
		if !had {
			return ruling{first: true}, nil
		}
		err = fault.WithFix(fault.Undecidedf("the default branch had a %s and has none now: nothing says what is allowed", policy.FileName), "%s", from.restore())
	}
	if last := lastObserved(ctx, from, commit, lost); last.policy != nil {
		return last, nil
	}
	if isLost(lost) && fault.FixOf(err) == "" { // a link or a folder
		err = fault.WithFix(err, "%s", from.restore())
	}
	return ruling{}, err
}

// maxPolicies bounds the policies of a history that are read where the one in force was lost.
const maxPolicies = 100

// lastObserved is what rules where a branch lost its policy, by the error that says so: the last one that was valid,
// if none that the branch ever had could have been enforced. Then nothing is loosened by it, and whoever puts a policy
// back gets in as before. Where one was enforced, nothing rules: its policy is nil. Which one was in force the
// history does not tell, since a change can bring several and may have got in around every check.
func lastObserved(ctx context.Context, from policies, commit string, lost error) ruling {
	if !isLost(lost) {
		return ruling{}
	}
	var last ruling
	enforced := false
	err := from.everFile(ctx, commit, func(at string, text []byte) bool {
		if enforced = policy.MayEnforce(text); enforced {
			return false
		}
		if p, diags := policy.Parse(text, policy.FileName); last.policy == nil && !diags.HasErrors() {
			p.Path = policy.FileName
			last = ruling{policy: p, lost: fmt.Sprintf("%s. Until a valid %s is there, the last one counts, of commit %s: it observes, and nothing is blocked. "+
				"To put it back, run `git checkout %s -- %s`, commit, and push or merge that", why(lost), policy.FileName, short(at), at, policy.FileName)}
		}
		return true
	})
	if err != nil || enforced {
		return ruling{}
	}
	return last
}

// isLost reports whether an error says that a commit has no policy, or one that nobody could use.
func isLost(err error) bool {
	var invalid *policy.InvalidError
	return errors.Is(err, ErrNoPolicy) || errors.As(err, &invalid) || errors.Is(err, gitrepo.ErrNotFile) || errors.Is(err, gitrepo.ErrTooLarge)
}

// why is what an error says, with the first thing that is wrong with a policy.
func why(err error) string {
	var invalid *policy.InvalidError
	if errors.As(err, &invalid) {
		return err.Error() + ": " + strings.TrimSuffix(invalid.Diagnostics.Error(), ".")
	}
	return err.Error()
}

// contents gives the contents of the policy file at commits, each once, until told to stop.
func contents(commits []string, read func(commit string) ([]byte, error), each func(commit string, text []byte) (more bool)) error {
	seen := map[string]bool{}
	for _, commit := range commits {
		text, err := read(commit)
		switch {
		case errors.Is(err, gitrepo.ErrNotFound), errors.Is(err, gitrepo.ErrNotFile):
			continue // no policy was ever read from that
		case err != nil:
			return err
		case seen[string(text)]:
			continue
		}
		if seen[string(text)] = true; !each(commit, text) {
			return nil
		}
	}
	return nil
}

// inRepo reads policies of a repository that is here.
type inRepo struct {
	*gitrepo.Repo
	server bool // and is pushed to
}

func (r inRepo) file(_ context.Context, commit string) ([]byte, error) {
	return r.File(commit, policy.FileName)
}

func (r inRepo) everHad(ctx context.Context, commit string) (bool, error) {
	return r.EverHad(ctx, commit, policy.FileName)
}

func (r inRepo) everFile(ctx context.Context, commit string, each func(string, []byte) bool) error {
	commits, err := r.Touching(ctx, commit, policy.FileName, maxPolicies)
	if err != nil {
		return err
	}
	return contents(commits, func(at string) ([]byte, error) { return r.File(at, policy.FileName) }, each)
}

func (r inRepo) unusable(_ string, err *policy.InvalidError) error {
	if r.server {
		return fault.WithFix(fault.Usagef("%w", err), "an administrator of this server mends it%s", r.doctor())
	}
	return fault.WithFix(fault.Usagef("%w", err), "see `remit policy explain` for the language")
}

// doctor says to an administrator where the commands are.
func (r inRepo) doctor() string {
	if r.Stored("") != "" {
		return "" // which looks at no namespace
	}
	return ": `remit doctor` in the repository there prints the commands"
}

func (r inRepo) restore() string {
	if r.server {
		return "an administrator of this server puts it back" + r.doctor()
	}
	return "have a maintainer put it back"
}

// onForge reads policies of a repository on a forge.
type onForge struct {
	*gitrepo.Mirror

	// again makes another mirror, for what takes all of the history.
	again func(context.Context) (*gitrepo.Mirror, error)
}

func (m onForge) file(ctx context.Context, commit string) ([]byte, error) {
	if err := m.Fetch(ctx, commit); err != nil {
		if errors.Is(err, gitrepo.ErrNotFound) { // of the commit, and not of the file
			err = fault.Undecidedf("%v", err) // its own words, without what it is: the commit is not there, and says nothing of its files
		}
		return nil, err
	}
	return m.File(ctx, commit, policy.FileName)
}

func (m onForge) everHad(ctx context.Context, commit string) (bool, error) {
	all, err := m.again(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = all.Close() }() // a temporary folder of ours
	return all.EverHad(ctx, commit, policy.FileName)
}

func (m onForge) everFile(ctx context.Context, commit string, each func(string, []byte) bool) error {
	all, err := m.again(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = all.Close() }() // a temporary folder of ours
	commits, err := all.Touching(ctx, commit, policy.FileName, maxPolicies)
	if err != nil {
		return err
	}
	return contents(commits, func(at string) ([]byte, error) { return all.File(ctx, at, policy.FileName) }, each)
}

func (onForge) unusable(shown string, err *policy.InvalidError) error {
	err.Name += " of " + shown
	return fault.WithFix(fault.Usagef("%w", err), "have a maintainer mend it: `remit policy validate` says what is wrong")
}

func (onForge) restore() string {
	return "have a maintainer put it back; to stop blocking, set mode = \"observe\" in it"
}
