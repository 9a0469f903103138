package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"

	"github.com/remit-sh/remit/inert"
)

// namespaceRefs is where the refs of git namespaces are kept (gitnamespaces(7)).
const namespaceRefs = "refs/namespaces/"

// ErrAlias means that it cannot be told which ref a push to another one would write.
var ErrAlias = errors.New("it is not known which ref git would write")

// namespacePrefix is what git puts before the names of a namespace's refs; "" for no namespace.
func namespacePrefix(name string) (string, error) {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "/") {
		if part != "" {
			b.WriteString(namespaceRefs + part + "/")
		}
	}
	if prefix := b.String(); prefix == "" || safeRefName(prefix+"HEAD") {
		return prefix, nil
	}
	return "", fmt.Errorf("%s is not the name of a git namespace", inert.Quote(name))
}

// namespace is the prefix of the refs that a push names; "" for none.
func (r *Repo) namespace() string { return r.prefix }

// Stored is the full name under which git keeps what a push calls by a name: a ref, or HEAD. They differ in a
// namespace.
func (r *Repo) Stored(name string) string { return r.prefix + name }

// Written returns the ref that git writes when somebody pushes to one: where that is symbolic, the
// ref at its end, which need not exist. Both are named as in the repository's namespace. The error
// wraps [ErrAlias] where the end is outside of the namespace, or there is none; git refuses that too.
func (r *Repo) Written(ref string) (string, error) {
	name := r.prefix + ref
	if !strings.HasPrefix(ref, "refs/") || !safeRefName(name) {
		return ref, nil // no ref of a repository: git refuses it, and the checker does
	}
	name, err := r.target(name)
	if err != nil {
		return "", fmt.Errorf("ref %s: %w: %w", inert.Quote(ref), ErrAlias, err)
	}
	own, inside := strings.CutPrefix(name, r.prefix)
	if !inside || !strings.HasPrefix(own, "refs/") {
		return "", fmt.Errorf("ref %s: %w: it leads to %s, outside of the namespace", inert.Quote(ref), ErrAlias, inert.Quote(name))
	}
	return own, nil
}

// target follows symbolic refs to a ref that is none or is not there.
func (r *Repo) target(name string) (string, error) {
	if r.format.reftable {
		target, _, err := r.followByGit(name)
		if err != nil && !errors.Is(err, errNoRef) {
			return "", err
		}
		return target, nil
	}
	for range maxSymbolic + 1 {
		content, err := r.looseRef(name)
		if errors.Is(err, fs.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
		next, symbolic := strings.CutPrefix(content, "ref:")
		if !symbolic {
			return name, nil
		}
		if next = strings.TrimSpace(next); !safeRefName(next) {
			return "", fmt.Errorf("%s leads to %s, which is no ref", inert.Quote(name), inert.Quote(next))
		}
		name = next
	}
	return "", errors.New("symbolic refs lead in a circle, or too far")
}

// ReceiverRefs is what the repository that is pushed to has, by the names that a push gives its refs:
// without the refs of other namespaces, which are other repositories that share its objects. Of those below
// refs/remit/, of which there may be as many as there were delegations, it has only those that the push names.
func (r *Repo) ReceiverRefs(updates []RefUpdate) (map[string]string, error) {
	all, err := r.receiverRefs(remitRefs)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(all))
	for _, u := range updates {
		if !strings.HasPrefix(u.Ref, remitRefs) {
			continue
		}
		switch id, err := r.resolve(r.prefix + u.Ref); {
		case err == nil:
			out[u.Ref] = id.String()
		case !errors.Is(err, errNoRef):
			return nil, err
		}
	}
	for name, ref := range all {
		out[strings.TrimPrefix(name, r.prefix)] = ref.id.String()
	}
	return out, nil
}

// receiverRefs is ReceiverRefs by full names, without those under skip where that is not "".
func (r *Repo) receiverRefs(skip string) (map[string]refValue, error) {
	if skip != "" {
		skip = r.prefix + skip
	}
	refs, err := r.refs(r.prefix+"refs/", skip)
	maps.DeleteFunc(refs, func(name string, _ refValue) bool { return strings.HasPrefix(name, r.prefix+namespaceRefs) })
	return refs, err
}
