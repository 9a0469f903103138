package query

import (
	"context"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
)

// maxOthers is how many further entries of a name are listed; more are counted.
const maxOthers = 50

// Name is how somebody names an entry.
type Name struct {
	Index  int64  // -1: by what follows
	Commit string // the beginning of the id of a commit that it judged
	Digest string // the beginning of its identity, of its own digest, of a delegation in it or of a request
}

// ParseName reads an index, the beginning of a commit's id or the beginning of a digest. ok is false for anything
// else, such as a branch. Digits alone that are no index of the log (size is its length) begin a commit's id.
func ParseName(s string, size int64) (n Name, ok bool) {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil && i >= 0 && strconv.FormatInt(i, 10) == s && i < size {
		return Name{Index: i}, true
	}
	digest, err := ParseDigest(s)
	if err != nil {
		return Name{Index: -1}, false
	}
	n = Name{Index: -1, Digest: digest}
	if digits := strings.TrimPrefix(digest, "sha256:"); digits == s {
		n.Commit = digits
	}
	return n, true
}

func (n *Name) match(f *Found) bool {
	e := f.Entry
	if n.Commit != "" && (&Filter{Commit: n.Commit}).Match(e) == Yes {
		return true
	}
	if n.Digest == "" {
		return false
	}
	if strings.HasPrefix(e.ID, n.Digest) || strings.HasPrefix(e.Question.Subject, n.Digest) || strings.HasPrefix(audit.Digest(f.Bytes), n.Digest) {
		return true
	}
	return (&Filter{Delegation: n.Digest}).Match(e) == Yes
}

// Find is the newest entry of a name, and where the others are, the newest first; nil where there is none.
func Find(ctx context.Context, r *log.Reader, n Name) (found *Found, others []int64, more int, err error) {
	from, to := int64(0), r.Checkpoint().Size
	if n.Index >= 0 {
		from, to = n.Index, n.Index+1
	}
	err = walk(ctx, r, &Filter{}, from, to, true, 0, func(f *Found) error {
		switch {
		case n.Index < 0 && !n.match(f):
		case found == nil:
			found = f
		case len(others) < maxOthers:
			others = append(others, f.Index)
		default:
			more++
		}
		return nil
	})
	return found, others, more, err
}
