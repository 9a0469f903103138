package decide

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// ruledBy tells what a repository is called by the policy that rules it.
type ruledBy func(*policy.Policy) string

// byName is the name that somebody vouches for, or where nobody does ("") the policy's own.
func byName(name string) ruledBy {
	return func(p *policy.Policy) string {
		if name != "" {
			return name
		}
		return p.Repository
	}
}

// policyLeft is the policy that a ref is left with, of whose file read gives the content, where what is done there goes by
// the policy now.
func (rules rulings) policyLeft(now *policy.Policy, at policy.Door, repository ruledBy, read func() ([]byte, error)) *evidence.PolicyLeft {
	base := rules.listed(at.Ref)
	if rules.from == nil || !base && at.Ref != rules.defaultRef {
		return nil // no policy is read from it
	}
	left := &evidence.PolicyLeft{Base: base}
	src, err := read()
	left.Takeover = rules.takeover(now, src, err)
	switch {
	case errors.Is(err, gitrepo.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return left
	case errors.Is(err, gitrepo.ErrNotFile), errors.Is(err, gitrepo.ErrTooLarge):
		left.State, left.Detail = evidence.PolicyInvalid, err.Error() // nobody can read it there either
		return left
	case err != nil: // what cannot be read here need not be gone
		left.State, left.Detail, left.Fix = evidence.PolicyUnread, err.Error(), fault.FixOf(err)
		return left
	}
	if rules.main.policy != nil && policy.DigestOf(src) == rules.main.policy.Digest {
		left.State = evidence.PolicyKept // as it is in force, whatever that is worth
		return left
	}
	p, diags := policy.Parse(src, policy.FileName)
	switch {
	case diags.HasErrors():
		left.State, left.Detail = evidence.PolicyInvalid, diags.Error()
	case !p.RulesAt(repository(p), rules.id):
		left.State, left.Detail = evidence.PolicyOfOther, notRuled(p, repository(p), rules.id)
	default:
		left.State = evidence.PolicyKept
		if why := p.Lockout(at); why != "" {
			left.State, left.Detail = evidence.PolicyLocked, why
		}
	}
	return left
}

// takeover says why an act under a policy that observes is judged as if that enforced, by the text that it leaves in its
// place or what kept that from being read; "" where it is not. It is the one place that does: what is done while nothing
// is blocked must not decide what is blocked from then on, unless who may decide that does it.
func (rules rulings) takeover(now *policy.Policy, text []byte, err error) string {
	switch {
	case !now.Settings.Observe, errors.Is(err, gitrepo.ErrNotFound), errors.Is(err, fs.ErrNotExist), errors.Is(err, gitrepo.ErrNotFile):
		return "" // without a policy the last one goes on to observe
	case err != nil:
		return "it could not be read, so that it is not known whether it enforces"
	case policy.DigestOf(text) == now.Digest:
		return ""
	}
	next, diags := policy.Parse(text, policy.FileName)
	switch {
	case !diags.HasErrors():
		return now.Takeover(next, rules.root)
	case policy.MayEnforce(text):
		return "it cannot be used and does not say that it observes, so that every push after it would be refused"
	}
	return ""
}

// addPolicies adds to each update of a push, which goes by the policy now, what it leaves of the policy that is read from
// its ref.
func (rules rulings) addPolicies(now *policy.Policy, set *evidence.Set, repository ruledBy, file func(commit string) ([]byte, error)) {
	for i := range set.Updates {
		u := &set.Updates[i]
		if u.New == "" {
			u.Policy = rules.policyLeft(now, policy.Door{Ref: u.Ref}, repository, func() ([]byte, error) { return nil, fs.ErrNotExist })
			if u.Policy != nil {
				u.Policy.State = evidence.PolicyRefDeleted
			}
			continue
		}
		at := policy.Door{Ref: u.Ref, Signed: set.Surface == evidence.SurfaceServer}
		u.Policy = rules.policyLeft(now, at, repository, func() ([]byte, error) { return file(u.New) })
		if u.Policy != nil {
			u.Policy.Created = u.Old == ""
		}
		switch {
		case u.Policy == nil:
		case u.Policy.State == evidence.PolicyGone && u.Old != "":
			_, err := file(u.Old)
			u.Policy.Lacked = errors.Is(err, gitrepo.ErrNotFound) || errors.Is(err, fs.ErrNotExist)
		case u.Policy.State == evidence.PolicyLocked && samePolicy(file, u.Old, u.New):
			u.Policy.State = evidence.PolicyKept // it is not this push that locks it
		}
	}
}

// samePolicy reports whether a file is in both commits what it is in the other.
func samePolicy(file func(commit string) ([]byte, error), old, changed string) bool {
	before, err := file(old)
	if err != nil {
		return false
	}
	after, err := file(changed)
	return err == nil && bytes.Equal(before, after)
}

// changeable refuses a first policy that nobody could change any more, or that does not know the key that lets it in.
func (r *receiver) changeable(p *policy.Policy) error {
	if owner := p.KeyOwner(r.rootFingerprint()); owner == nil || owner.Name.Kind() != names.Human {
		return fault.WithFix(fault.Refusedf("the policy of this push lists the root key of this server for no human: whoever signs with it could not change the policy any more"),
			"put the root key %s into a human block of %s, or have an administrator install the hook with the key of a human who is there (`remit hooks install --server --root-key`)", r.rootFingerprint(), policy.FileName)
	}
	if why := p.Lockout(policy.Door{Ref: r.defaultRef, Signed: true}); why != "" {
		return fault.WithFix(fault.Refusedf("nobody could change the policy of this push any more: %s", why), "%s", policy.LockoutFix)
	}
	return nil
}

// maxPolicy bounds what is read of a policy file before its parser sees it.
const maxPolicy = 4 << 20

// policyIn is the policy file of a tree.
func policyIn(tree fs.FS) ([]byte, error) {
	info, err := fs.Lstat(tree, policy.FileName)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", policy.FileName, gitrepo.ErrNotFile)
	}
	if err != nil {
		return nil, err
	}
	f, err := tree.Open(policy.FileName)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	return io.ReadAll(io.LimitReader(f, maxPolicy))
}

// changesPolicy reports whether changes touch the policy.
func changesPolicy(changes []evidence.Change) bool {
	return slices.ContainsFunc(changes, func(c evidence.Change) bool { return c.Path == policy.FileName })
}

// notRuled says what a policy rules, against the name of a repository and its id on the forge, 0 for none.
func notRuled(p *policy.Policy, name string, id int64) string {
	if p.RepositoryID != 0 && id != 0 {
		return fmt.Sprintf("it rules the repository with the id %d, and this one has the id %d", p.RepositoryID, id)
	}
	ruled := p.Repository
	if ruled == "" {
		patterns := make([]string, len(p.Repositories))
		for i, r := range p.Repositories {
			patterns[i] = fmt.Sprint(r)
		}
		ruled = strings.Join(patterns, ", ")
	}
	return fmt.Sprintf("it rules %s, and this is %s", ruled, cmp.Or(name, "none"))
}
