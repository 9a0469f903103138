package decide

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// Marks are where it is kept that a request was used, and what was let through to an environment. Everybody
// who lets something through there must see the same.
type Marks interface {
	// List lists the marks of a request and of its environment: commits by the names that
	// [delegation.Request.UsedRef] and [delegation.Request.DeployedRef] give.
	List(ctx context.Context, r delegation.Request) (map[string]string, error)
	// UseUp uses a request up. Of all that try one wins, and won says whether it was this one; otherwise by says
	// who was first, as a clause. An error that is [ErrUnsure] says that nobody can tell.
	UseUp(ctx context.Context, r delegation.Request) (won bool, by string, err error)
	// Record records that a request, which was used up just now, let its commit through.
	Record(ctx context.Context, r delegation.Request, at time.Time) error
}

// ErrUnsure means that nobody can tell who used a request up.
var ErrUnsure = errors.New("it is not known who used the request up")

// unsure is an error that is [ErrUnsure] and keeps its own words.
type unsure struct{ error }

func (unsure) Is(target error) bool { return target == ErrUnsure }
func (u unsure) Unwrap() error      { return u.error }

// refMarks are marks as refs of a remote, or of the repository that is here.
type refMarks struct {
	repo   *gitrepo.Repo
	remote string // "": this repository
	trunk  string // the commit of the default branch
}

func (m refMarks) List(ctx context.Context, r delegation.Request) (map[string]string, error) {
	wanted := []string{r.UsedRef()}
	if r.Action == names.Deploy {
		wanted = append(wanted, delegation.DeployedRefs(r.Environment)+"*")
	}
	if m.remote != "" {
		marks, err := m.repo.RemoteRefs(ctx, m.remote, wanted...)
		if errors.Is(err, gitrepo.ErrSeveralPlaces) {
			err = fault.WithFix(fault.Undecidedf("%w, and what was deployed is kept in one", err),
				"keep one: `git remote set-url --delete --push %[1]s URL` takes a push URL away, and `git remote set-url --push %[1]s URL` names the one where several URLs are for both; or name another remote with --remote", inert.Word(m.remote))
		}
		return marks, err
	}
	marks := map[string]string{}
	for _, name := range wanted {
		refs, err := m.repo.Refs(strings.TrimSuffix(name, "*"))
		if err != nil {
			return nil, err
		}
		for ref, id := range refs {
			if ref == name || strings.HasSuffix(name, "*") {
				marks[ref] = id
			}
		}
	}
	return marks, nil
}

func (m refMarks) UseUp(ctx context.Context, r delegation.Request) (won bool, by string, err error) {
	at := r.Commit
	if r.Action != names.Deploy {
		// It is about no commit. Whoever makes the mark puts none there that a server would judge it for.
		at = m.trunk
	}
	won, err = m.repo.CreateRef(ctx, m.remote, r.UsedRef(), at)
	if err != nil {
		return false, "", unsure{err}
	}
	return won, r.UsedRef() + " was there first", nil
}

func (m refMarks) Record(ctx context.Context, r delegation.Request, at time.Time) error {
	ref := r.DeployedRef(at)
	switch won, err := m.repo.CreateRef(ctx, m.remote, ref, r.Commit); {
	case err != nil:
		return err
	case !won:
		return errors.New(ref + " was there first")
	}
	return nil
}

// forgeMarks are marks as tags of a repository on a forge.
type forgeMarks struct {
	api  *forge.Client
	slug string
	// refs lists refs of the repository, as they are now, by how their names begin.
	refs func(ctx context.Context, prefixes ...string) (map[string]string, error)
}

func (m forgeMarks) List(ctx context.Context, r delegation.Request) (map[string]string, error) {
	wanted := []string{r.UsedRef()}
	if r.Action == names.Deploy {
		wanted = append(wanted, delegation.DeployedRefs(r.Environment))
	}
	return m.refs(ctx, wanted...)
}

func (m forgeMarks) UseUp(ctx context.Context, r delegation.Request) (won bool, by string, err error) {
	won, err = m.api.UseOnce(ctx, m.slug, r.Nonce, r.Commit)
	if errors.Is(err, forge.ErrAmbiguous) {
		err = unsure{err}
	}
	return won, "another run was first to use it", err
}

func (m forgeMarks) Record(ctx context.Context, r delegation.Request, at time.Time) error {
	return m.api.RecordDeploy(ctx, m.slug, r.Environment, r.Nonce, r.Commit, at)
}
