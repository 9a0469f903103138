package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/inert"
)

// maxRemoteLine is how many characters are shown of one line that a remote wrote.
const maxRemoteLine = 300

// ErrSeveralPlaces means that a push to a remote goes to several repositories.
var ErrSeveralPlaces = errors.New("a push there goes to several places")

// RemoteRefs lists those refs of a remote, given by its name, that match one of some patterns, by full name: as they
// are where a push to the remote goes, which need not be where it is fetched from. The error wraps
// [ErrSeveralPlaces] where that is more than one repository. It reaches the remote as the user does.
func (r *Repo) RemoteRefs(ctx context.Context, remote string, patterns ...string) (map[string]string, error) {
	if remote == "" || remote[0] == '-' {
		return nil, fmt.Errorf("listing refs: %s is not the name of a remote", inert.Word(remote))
	}
	at, self, err := r.pushPlace(ctx, remote)
	if err != nil {
		return nil, fmt.Errorf("listing the refs of %s: %w", inert.Word(remote), err)
	}
	list := r.usersOwn(ctx, append([]string{"ls-remote", "--refs", "--", at}, patterns...)...)
	list.Env = append(list.Env, self...)
	out, err := run(list)
	if err != nil {
		return nil, fmt.Errorf("listing the refs of %s: %w", inert.Word(remote), err)
	}
	refs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if id, ref, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			refs[ref] = id
		}
	}
	return refs, nil
}

// pushPlace is what to call the one repository to which a push to a remote goes, and what to add to the environment
// where that is a URL: else git would put it through the rules by which it was made of another once more.
func (r *Repo) pushPlace(ctx context.Context, remote string) (at string, self []string, err error) {
	urls := func(flags ...string) ([]string, error) {
		out, err := run(r.usersOwn(ctx, slices.Concat([]string{"remote", "get-url", "--all"}, flags, []string{"--", remote})...))
		return slices.Collect(strings.SplitSeq(strings.TrimSuffix(string(out), "\n"), "\n")), err
	}
	push, err := urls("--push")
	if err != nil {
		return "", nil, err
	}
	if len(push) != 1 || push[0] == "" {
		return "", nil, fmt.Errorf("%w: %s has %d URLs to push to", ErrSeveralPlaces, inert.Word(remote), len(push))
	}
	fetch, err := urls()
	if err != nil {
		return "", nil, err
	}
	if fetch[0] == push[0] {
		return remote, nil, nil
	}
	if strings.HasPrefix(push[0], "-") {
		return "", nil, fmt.Errorf("%s is not a URL to push to", inert.Quote(push[0]))
	}
	n := 0 // settings that the environment has already
	for _, v := range r.userEnvironment() {
		if count, ok := strings.CutPrefix(v, "GIT_CONFIG_COUNT="); ok {
			if n, err = strconv.Atoi(count); err != nil {
				return "", nil, fmt.Errorf("GIT_CONFIG_COUNT: %w", err)
			}
		}
	}
	return push[0], []string{
		fmt.Sprintf("GIT_CONFIG_COUNT=%d", n+1),
		fmt.Sprintf("GIT_CONFIG_KEY_%d=url.%s.insteadOf", n, push[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", n, push[0]),
	}, nil
}

// CreateRef makes a ref that must not be there yet, in a remote or, for "", in this repository. Of all that try
// one wins; created is false where it is there already. An error says that nobody knows.
func (r *Repo) CreateRef(ctx context.Context, remote, ref, commit string) (created bool, err error) {
	id, err := r.parse(commit)
	if err != nil {
		return false, fmt.Errorf("making %s: %w", inert.Word(ref), err)
	}
	if remote == "" {
		_, err := run(r.usersOwn(ctx, "update-ref", "--no-deref", ref, id.String(), strings.Repeat("0", len(commit))))
		if err == nil {
			return true, nil
		}
		if refs, readErr := r.Refs(ref); readErr == nil && refs[ref] != "" {
			return false, nil
		}
		return false, fmt.Errorf("making %s: %w", inert.Word(ref), err)
	}
	if remote[0] == '-' {
		return false, errors.New("making a ref: " + inert.Word(remote) + " is not the name of a remote")
	}
	if _, _, err := r.pushPlace(ctx, remote); err != nil {
		return false, fmt.Errorf("making %s in %s: %w", inert.Word(ref), inert.Word(remote), err)
	}
	// A push of what is there already is no failure to git: only a new ref has won.
	out, said, err := runAndListen(r.usersOwn(ctx, "push", "--porcelain", "--no-verify", "--no-follow-tags", "--force-with-lease="+ref+":", "--", remote, id.String()+":"+ref))
	if err == nil {
		return strings.Contains("\n"+string(out), "\n*\t"), nil
	}
	if there, listErr := r.RemoteRefs(ctx, remote, ref); listErr == nil && there[ref] != "" {
		return false, nil
	}
	return false, &RefusedError{ref, remote, said, err}
}

// RefusedError is a ref that could not be made in a remote. Its words are those with which the remote began; what
// it said more is in Said.
type RefusedError struct {
	Ref, Remote string
	Said        string // all that git and the remote said, in lines; somebody else wrote it
	err         error
}

func (e *RefusedError) Error() string {
	first := e.err.Error()
	for line := range strings.Lines(e.Said) {
		if line, ok := strings.CutPrefix(line, "remote:"); ok && strings.TrimSpace(line) != "" {
			first = "it said: " + inert.LineOf(strings.TrimSpace(line), maxRemoteLine)
			break
		}
	}
	return fmt.Sprintf("making %s in %s: %s", inert.Word(e.Ref), inert.Word(e.Remote), strings.TrimSuffix(first, "."))
}

func (e *RefusedError) Unwrap() error { return e.err }
