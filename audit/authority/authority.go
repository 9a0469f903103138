// Package authority checks that the authority which entries of the audit log name was there: that the delegations
// behind an act are signed, follow from each other, give no more than the one before, and covered the time of the
// act. Whether a policy accepts their root is another question, which the policy of then answered.
//
// The log keeps the bundle of each delegation beside its entries, by the digest that acts name. That each is there, and
// is the one that an entry names, is for [log.Log.Verify] to say as well, which knows nothing of time.
package authority

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// maxFaults is how many faults are listed; more are counted.
const maxFaults = 200

// maxSkew is the most that a policy lets clocks differ: by so much a delegation may begin later than an act.
const maxSkew = time.Hour

// Files reads files of a log; nil for one that is not there. [log.Reader.Files] is one.
type Files func(ctx context.Context, paths []string) ([][]byte, error)

// Checked is what came of it.
type Checked struct {
	Delegations int // distinct ones that were verified
	// Missing are distinct delegations without a bundle that no act needed which was allowed and that somebody vouches
	// for: they were not verified.
	Missing int
	Faults  []log.Fault
	More    int // faults that are not listed
}

// Checker holds entries against the bundles beside them. Each delegation is verified once.
type Checker struct {
	files   Files
	known   map[string]*bundle
	checked Checked
}

// NewChecker makes a checker of the entries of one log.
func NewChecker(files Files) *Checker { return &Checker{files: files, known: map[string]*bundle{}} }

// bundle is what is known of a delegation, as far as entries are held against it.
type bundle struct {
	missing      bool
	told         bool   // its fault
	wrong        string // why the file is not the bundle of its digest
	void         string // why the chain does not hold, wherever
	repositories []string
	rootKey      string
	links        []link
}

type link struct {
	delegator, delegate, key, digest, purpose string
	from, until                               time.Time
}

// Result is what was found so far.
func (c *Checker) Result() Checked {
	out := c.checked
	for _, b := range c.known {
		switch {
		case b.missing && !b.told:
			out.Missing++
		case !b.missing && b.wrong == "":
			out.Delegations++
		}
	}
	return out
}

// Check holds entries, each at its index, against the bundles. What is wrong is a fault of the result; an error says that
// it could not be looked.
func (c *Checker) Check(ctx context.Context, first int64, entries []*audit.Entry) error {
	if err := c.load(ctx, entries); err != nil {
		return err
	}
	for i, e := range entries {
		c.check(first+int64(i), e)
	}
	return nil
}

// load reads and verifies the bundles that entries name and that were not met before.
func (c *Checker) load(ctx context.Context, entries []*audit.Entry) error {
	var digests, paths []string
	want := func(digest string) {
		if c.known[digest] != nil {
			return
		}
		c.known[digest] = &bundle{}
		digests, paths = append(digests, digest), append(paths, log.BundlePath(digest))
	}
	for _, e := range entries {
		for i := range e.Chains.Items {
			if chain := &e.Chains.Items[i]; !chain.Forged {
				want(leafOf(chain))
			}
		}
	}
	if len(paths) == 0 {
		return nil
	}
	files, err := c.files(ctx, paths)
	if err != nil {
		return err
	}
	for i, b := range files {
		c.known[digests[i]].read(digests[i], b)
	}
	return nil
}

func (b *bundle) read(digest string, content []byte) {
	if content == nil {
		b.missing = true
		return
	}
	chain, err := delegation.ParseBundle(content)
	switch {
	case err != nil:
		b.wrong = inert.Error(err)
		return
	case chain.Digest() != digest:
		b.wrong = "it is the bundle of " + chain.Digest()
		return
	}
	if err := chain.Authentic(); err != nil {
		b.wrong = "it is not what its digest stands for: " + inert.Error(err)
		return
	}
	for _, p := range chain.Problems("", 0) {
		if p.Rule != delegation.RuleWrongRepository && b.void == "" {
			b.void = fmt.Sprintf("%s, link %d: %s", p.Rule, p.Link+1, p.What)
		}
	}
	b.rootKey, b.repositories = chain[0].Delegator.Key.Fingerprint(), slices.Clone(chain[0].Scope.Repositories)
	for i := range chain {
		l := &chain[i]
		b.repositories = slices.DeleteFunc(b.repositories, func(r string) bool { return !slices.Contains(l.Scope.Repositories, r) })
		b.links = append(b.links, link{
			string(l.Delegator.Name), string(l.Delegate.Name), l.Delegate.Key.Fingerprint(), l.Digest, l.Purpose, l.NotBefore, l.NotAfter,
		})
	}
}

// holds says why a chain does not hold together in a repository, "" where it does.
func (b *bundle) holds(repository string) string {
	if b.void == "" && !slices.Contains(b.repositories, repository) {
		return "it is not for " + inert.Quote(repository)
	}
	return b.void
}

func (c *Checker) fault(path string, index int64, format string, args ...any) {
	if len(c.checked.Faults) == maxFaults {
		c.checked.More++
		return
	}
	c.checked.Faults = append(c.checked.Faults, log.Fault{Kind: log.BadDelegation, Path: path, Index: index, Text: fmt.Sprintf(format, args...)})
}

func (c *Checker) check(index int64, e *audit.Entry) {
	for i := range e.Chains.Items {
		chain := &e.Chains.Items[i]
		if chain.Forged {
			continue // it binds nobody
		}
		digest := leafOf(chain)
		b := c.known[digest]
		// What nobody vouches for may say anything, and is no evidence of it.
		if c.readable(digest, b) && !e.Attestation.IsZero() {
			if what := differs(chain, b); what != "" {
				c.fault("", index, "entry %d says of the delegation %s something else than the delegation itself: %s", index, digest, what)
			}
		}
	}
	for i := range e.Acts.Items {
		a := &e.Acts.Items[i]
		b := c.known[a.Delegation]
		if b == nil || !lists(e, a.Delegation) {
			continue // none, one that binds nobody, or one whose chain the entry leaves out
		}
		stands := a.Verdict == verdict.Allowed && !e.Attestation.IsZero()
		switch {
		case b.missing && stands && !b.told:
			b.told = true
			c.fault(log.BundlePath(a.Delegation), index, "the file is missing: entry %d was allowed on the authority of the delegation in it", index)
		case !c.readable(a.Delegation, b) || !stands:
		default:
			c.bears(index, e, a, b)
		}
	}
}

// lists reports whether an entry has the chain of a delegation.
func lists(e *audit.Entry, digest string) bool {
	return slices.ContainsFunc(e.Chains.Items, func(c audit.Chain) bool { return !c.Forged && leafOf(&c) == digest })
}

func leafOf(c *audit.Chain) string { return c.Links[len(c.Links)-1].Digest }

// readable reports whether there is a bundle to go by, and tells once where it is wrong.
func (c *Checker) readable(digest string, b *bundle) bool {
	if b.missing {
		return false
	}
	if b.wrong != "" && !b.told {
		b.told = true
		c.fault(log.BundlePath(digest), -1, "%s", b.wrong)
	}
	return b.wrong == ""
}

// bears holds an act that was allowed against its chain. What a finding of the act says already, and was let pass by
// the policy, is none.
func (c *Checker) bears(index int64, e *audit.Entry, a *audit.Act, b *bundle) {
	if why := b.holds(e.Repository); why != "" {
		c.fault("", index, "entry %d was allowed, and the delegation %s does not hold: %s", index, a.Delegation, why)
	}
	at := a.Seen
	if at.IsZero() {
		at = e.Time
	}
	for _, l := range b.links {
		switch {
		case !at.Before(l.until) && !found(a, "delegation-expired"):
			c.fault("", index, "entry %d was allowed, and the delegation %s had run out at %s, before %s", index, l.digest, names.Stamp(l.until), names.Stamp(at))
			return
		case at.Before(l.from.Add(-maxSkew)) && !found(a, "delegation-not-yet-valid"):
			c.fault("", index, "entry %d was allowed, and the delegation %s began at %s, after %s", index, l.digest, names.Stamp(l.from), names.Stamp(at))
			return
		}
	}
}

func found(a *audit.Act, rule string) bool {
	if a.Rules.Cut > 0 {
		return true // it may be among those that are left out
	}
	return slices.Contains(a.Rules.Items, rule)
}

// differs says in what a chain in an entry is not the one of the bundle; "" where it is.
func differs(chain *audit.Chain, b *bundle) string {
	if len(chain.Links) != len(b.links) {
		return fmt.Sprintf("it has %d links, and not %d", len(b.links), len(chain.Links))
	}
	if chain.RootKey != "" && chain.RootKey != b.rootKey {
		return "the key of the first delegator is " + b.rootKey
	}
	for i := range chain.Links {
		said, is := &chain.Links[i], &b.links[i]
		switch {
		case said.Digest != is.digest:
			return fmt.Sprintf("link %d is %s", i+1, is.digest)
		case !shows(said.Delegator, is.delegator) || !shows(said.Delegate, is.delegate):
			return fmt.Sprintf("link %d is by %s to %s", i+1, is.delegator, is.delegate)
		case said.Key != "" && said.Key != is.key:
			return fmt.Sprintf("the key of link %d is %s", i+1, is.key)
		case !said.NotAfter.Equal(is.until):
			return fmt.Sprintf("link %d ends at %s", i+1, names.Stamp(is.until))
		case !shows(said.Purpose, is.purpose):
			return fmt.Sprintf("the purpose of link %d is %s", i+1, inert.Quote(is.purpose))
		}
	}
	return ""
}

// shows reports whether a text of an entry, which may be cut, is that of the delegation.
func shows(said, is string) bool {
	if begins, cut := strings.CutSuffix(said, "…"); cut && strings.HasPrefix(is, begins) {
		return true
	}
	return said == is
}
