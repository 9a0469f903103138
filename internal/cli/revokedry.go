package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/query"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/internal/setup"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

// maxShownRevoked is how many of the decisions that a revocation touches are listed.
const maxShownRevoked = 20

// revoking is a revocation that is only looked at.
type revoking struct {
	policy.Revocation
	before, after *policy.Policy
}

// foresee says what a revocation would take back: the delegations that hold now and would not, and, from the audit log,
// what was let through on the authority that it takes away.
func (r *revoking) foresee(ctx context.Context, env *Env) error {
	w, err := openWorkspace(env)
	if errors.Is(err, gitrepo.ErrNoRepository) {
		env.note([]string{"this is no repository: what the revocation would take back is not known"})
		return nil
	}
	if err != nil {
		return err
	}
	defer w.Close()
	var fall []string
	for _, c := range w.localDelegations() {
		if state, _ := setup.Of(ctx, c, r.before, w.sources()); state != setup.Live {
			continue
		}
		if state, _ := setup.Of(ctx, c, r.after, w.sources()); state != setup.Live {
			leaf := c.Leaf()
			fall = append(fall, fmt.Sprintf("%s  %s to %s  until %s  %s", shortDigest(leaf.Digest), leaf.Delegator.Name, leaf.Delegate.Name, names.Stamp(leaf.NotAfter), report.Inert(leaf.Purpose)))
		}
	}
	slices.Sort(fall)
	fmt.Fprintf(env.Stdout, "%s would be revoked%s\n", counted(len(fall), "live delegation", "live delegations"), colon(len(fall)))
	for _, line := range fall {
		fmt.Fprintf(env.Stdout, "  %s\n", line)
	}
	err = withAudit(ctx, env, &auditSource{}, func(a *auditLog) error { return r.past(ctx, a) })
	if errors.Is(err, log.ErrMissing) {
		w.say([]error{errors.New("there is no audit log here: what was done on that authority is not known")})
		return nil
	}
	return err
}

// past lists what was let through on the authority that is revoked.
func (r *revoking) past(ctx context.Context, a *auditLog) error {
	read, err := a.Read(ctx)
	if err != nil {
		return a.words(err)
	}
	allowed := verdict.Allowed
	p := &auditPrinter{out: bufio.NewWriter(a.env.Stdout), format: "text"}
	var last []*query.Found
	count, kept := 0, 0
	err = query.Each(ctx, read, &query.Filter{Verdict: &allowed}, query.Order{}, func(f *query.Found) error {
		if !r.touches(f.Entry) {
			return nil
		}
		count++
		if !r.Since.IsZero() && f.Entry.Time.Before(r.Since) {
			kept++
		}
		if len(last) < maxShownRevoked {
			last = append(last, f)
		}
		return nil
	})
	if err != nil {
		return a.words(err)
	}
	stays := ""
	if kept > 0 {
		stays = fmt.Sprintf(", %d of them before --since: these stay allowed, and are flagged", kept)
	}
	fmt.Fprintf(a.env.Stdout, "%s in the audit log let something through on that authority%s%s\n", counted(count, "decision", "decisions"), stays, colon(count))
	p.begin(read.Checkpoint())
	for _, f := range last {
		if err := p.print(f); err != nil {
			return err
		}
	}
	if err := p.end(); err != nil {
		return err
	}
	if err := p.out.Flush(); err != nil {
		return err
	}
	if count > len(last) {
		fmt.Fprintf(a.env.Stdout, "and %d before these\n", count-len(last))
	}
	return nil
}

// touches reports whether an entry has an act on the authority that is revoked.
func (r *revoking) touches(e *audit.Entry) bool {
	for i := range e.Acts.Items {
		act := &e.Acts.Items[i]
		if slices.Contains(r.Keys, act.Key) || slices.Contains(r.Agents, names.Principal(act.Actor)) {
			return true
		}
	}
	for _, c := range e.Chains.Items {
		if c.Forged {
			continue
		}
		for _, l := range c.Links {
			if slices.Contains(r.Delegations, l.Digest) || slices.Contains(r.Keys, l.Key) || slices.Contains(r.Agents, names.Principal(l.Delegate)) {
				return true
			}
		}
		if slices.Contains(r.Keys, c.RootKey) {
			return true
		}
	}
	return false
}

// colon ends a line that a list may follow.
func colon(n int) string { return strings.Repeat(":", min(n, 1)) }
