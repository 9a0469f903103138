package checker_test

import (
	"encoding/hex"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// material is what the fuzzer puts evidence together from: objects that are right and such as are not.
type material struct {
	policies []*policy.Policy
	commits  []evidence.Commit
	tags     []evidence.Tag
	bundles  map[string]evidence.Bundle
	digests  []string
}

func newMaterial(t testing.TB) *material {
	t.Helper()
	s := parseScenario(t, `
delegate d1 human.alice -> agent.planner
delegate d2 agent.planner -> agent.coder parent=d1
delegate d3 human.alice -> agent.tester actions=commit,tag,push,delete branches=** paths=**
delegate d4 human.alice -> agent.coder signed-by=mallory
delegate d5 human.alice -> agent.coder raw="{}"
commit c1 by=agent.coder under=d2 on=refs/heads/agent/a
  ~ src/pay.go
commit c2 by=agent.tester under=d3 on=refs/heads/agent/a
  + test/link symlink
  > docs/a policies.hcl
commit c3 by=human.bob on=refs/heads/main
  - src/.git/config
commit c4 by=human.alice on=refs/heads/main parents=base,other merge=conflicts
  ~ deploy/production/x
commit c5 by=agent.coder under=d4 on=refs/heads/agent/a
commit c6 by=agent.coder under=d5 on=refs/heads/agent/a
commit c7 on=refs/heads/agent/a
commit c8 by=agent.tester on=refs/heads/agent/a damage=changed
commit c9 by=agent.tester on=refs/heads/agent/a
tag v1 by=agent.tester under=d3 of=c1
tag v2 by=human.alice of=c2
`)
	rules := `
gate "g" {
  actions   = ["commit"]
  paths     = ["src/**"]
  when      = commit.lines_changed > 3
  approvers = [human.bob]
}
forbid "f" {
  to    = [agent.planner]
  paths = ["docs/**"]
}
revoke "r" {
  agents = [agent.tester]
  since  = "2026-11-22T14:05:00Z"
}
`
	wide := `
grant "all" {
  to       = [agent.coder, agent.tester]
  actions  = ["commit", "tag", "push", "delete"]
  branches = ["**"]
  paths    = ["**"]
  standing = true
  modes    = ["symlink"]
}
`
	base := basePolicy(t)
	return &material{
		policies: []*policy.Policy{
			s.parsePolicy(base), s.parsePolicy(base + wide), s.parsePolicy(base + wide + rules),
			s.parsePolicy(base + "settings {\n unsigned = \"pusher\"\n humans = \"granted\"\n identity = \"deny\"\n octopus = \"allow\"\n}\n" + rules),
			{},
		},
		commits: s.set.Commits, tags: s.set.Tags, bundles: s.set.Bundles,
		digests: []string{s.digest("d1"), s.digest("d2"), s.digest("d3"), s.digest("d4"), "", "sha256:0"},
	}
}

// bytesOf reads choices off the fuzzer's bytes; where they end every choice is 0.
type bytesOf struct{ rest []byte }

func (b *bytesOf) n(limit int) int {
	if len(b.rest) == 0 {
		return 0
	}
	v := int(b.rest[0])
	b.rest = b.rest[1:]
	return v % limit
}

func (b *bytesOf) bool() bool { return b.n(2) == 1 }

func (b *bytesOf) text() string {
	n := min(b.n(12), len(b.rest))
	s := string(b.rest[:n])
	b.rest = b.rest[n:]
	return s
}

func (b *bytesOf) ref() string {
	refs := []string{"refs/heads/agent/a", "refs/heads/main", "refs/tags/v1", "refs/tags/v2", "HEAD", "", "refs/remit/delegations/x"}
	if i := b.n(len(refs) + 1); i < len(refs) {
		return refs[i]
	}
	return b.text()
}

func (b *bytesOf) seen() evidence.Seen {
	switch i := b.n(14); i {
	case 13:
		return evidence.Seen{}
	default:
		return evidence.Seen{Time: start().Add(time.Duration(i) * time.Minute), By: "server clock"}
	}
}

func (b *bytesOf) gap() evidence.Gap {
	return evidence.Gap{Kind: evidence.GapKind(b.n(5)), What: b.text(), Detail: b.text(), Fix: b.text()}
}

func (b *bytesOf) entry() evidence.Entry {
	modes := []uint32{0, 0o100644, 0o100755, 0o120000, 0o160000, 0o040000, 7}
	return evidence.Entry{Mode: modes[b.n(len(modes))], ID: b.text()}
}

func (b *bytesOf) set(m *material) *evidence.Set {
	repositories := []string{"github.com/acme/shop", "github.com/acme/shop", "github.com/acme/wiki", ""}
	e := &evidence.Set{
		Repository: repositories[b.n(len(repositories))], RepositoryID: int64(b.n(2)), At: start(), AtSource: "server clock",
		Surface: evidence.Surface(b.n(7)), Bundles: map[string]evidence.Bundle{},
	}
	for digest, bundle := range m.bundles {
		e.Bundles[digest] = bundle
	}
	if b.bool() {
		delete(e.Bundles, m.digests[b.n(len(m.digests))])
	}
	if b.bool() {
		e.Bundles[m.digests[b.n(len(m.digests))]] = evidence.Bundle{Raw: []byte(b.text())}
	}
	if b.bool() {
		logins := []string{"alice", "bob", "coder", "tester", "mallory", ""}
		e.Pusher = &evidence.Pusher{Login: logins[b.n(len(logins))], Delegation: m.digests[b.n(len(m.digests))]}
	}
	for range b.n(5) {
		e.Commits = append(e.Commits, b.commit(m))
	}
	for range b.n(3) {
		t := m.tags[b.n(len(m.tags))]
		t.Ref, t.Seen = b.ref(), b.seen()
		if b.bool() {
			t.Raw = []byte(b.text())
		}
		e.Tags = append(e.Tags, t)
	}
	for range b.n(4) {
		e.Updates = append(e.Updates, b.update(m))
	}
	for range b.n(2) {
		e.Gaps = append(e.Gaps, b.gap())
	}
	return e
}

func (b *bytesOf) commit(m *material) evidence.Commit {
	c := m.commits[b.n(len(m.commits))]
	c.Refs, c.Seen, c.New, c.Lines = nil, b.seen(), !b.bool(), b.n(9)-1
	for range b.n(3) {
		c.Refs = append(c.Refs, b.ref())
	}
	switch b.n(8) {
	case 1:
		c.Raw = nil
	case 2:
		c.Raw = []byte(b.text())
	case 3:
		c.Parents = append([]string{"x"}, c.Parents...)
	case 4:
		c.Merge = nil
	case 5:
		c.Merge = &evidence.Merge{Recomputed: b.bool(), Why: b.text()}
	case 6:
		c = evidence.Commit{New: true}
	}
	for range b.n(3) {
		c.Changes = append(c.Changes[:len(c.Changes):len(c.Changes)], evidence.Change{Path: b.text(), Old: b.entry(), New: b.entry()})
	}
	for range b.n(2) {
		c.Gaps = append(c.Gaps, b.gap())
	}
	return c
}

func (b *bytesOf) update(m *material) evidence.Update {
	objects := []string{"commit", "tag", "tree", "blob", "", "what"}
	id := func() string {
		switch i := b.n(len(m.commits) + len(m.tags) + 2); {
		case i < len(m.commits):
			return m.commits[i].ID
		case i < len(m.commits)+len(m.tags):
			return m.tags[i-len(m.commits)].ID
		default:
			return b.text()
		}
	}
	u := evidence.Update{
		Ref: b.ref(), Old: id(), New: id(), Object: objects[b.n(len(objects))], Forced: b.bool(), NewCommits: b.n(4),
		Moved: b.n(3), Seen: b.seen(), Delegations: b.n(6) == 1,
	}
	for range b.n(4) {
		u.Carried = append(u.Carried, id())
	}
	if u.Delegations {
		u.Bundle = m.bundles[m.digests[b.n(len(m.digests))]]
	}
	return u
}

// FuzzCheckTotal: whatever the evidence is, there is a report, the same each time, whose verdicts
// follow from its findings; and nothing is allowed that nobody did, or outside of its chain's time.
func FuzzCheckTotal(f *testing.F) {
	m := newMaterial(f)
	f.Add([]byte{})
	for _, seed := range []string{
		"010000030000000100000003010000010102000000", "0101000300010000020201030000010300000201010100",
		"02000004000001030000020003000102010200030004050102030004050607080900010203",
	} {
		b, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(m.fuzz)
}

// TestCheckTotal is FuzzCheckTotal on bytes that are long enough for whole pushes.
func TestCheckTotal(t *testing.T) {
	many(t)
	m := newMaterial(t)
	r := rand.New(rand.NewPCG(1, 2))
	count := map[verdict.Verdict]int{}
	for range 5000 {
		data := make([]byte, 50+r.IntN(400))
		for i := range data {
			data[i] = byte(r.Uint32())
			if r.IntN(2) == 0 {
				data[i] = 0
			}
		}
		count[m.checkTotal(t, data)]++
	}
	for _, v := range []verdict.Verdict{verdict.Denied, verdict.NotDecided, verdict.Allowed} {
		if count[v] < 5 {
			t.Errorf("%d of 5000 reports are %s", count[v], v)
		}
	}
}

func (m *material) fuzz(t *testing.T, data []byte) { m.checkTotal(t, data) }

// checkTotal checks evidence made of data, and what must be true of the report.
func (m *material) checkTotal(t *testing.T, data []byte) verdict.Verdict {
	t.Helper()
	b := &bytesOf{data}
	p := m.policies[b.n(len(m.policies))]
	e := b.set(m)
	r := checker.Check(p, e)
	if again := checker.Check(p, e); !reflect.DeepEqual(r, again) {
		t.Fatalf("two reports of the same evidence:\n%+v\n%+v", r, again)
	}
	worst := verdict.Of(r.Findings)
	for _, a := range r.Acts {
		if a.Verdict != verdict.Of(a.Findings) {
			t.Errorf("%s is %s, and its findings say %s", a.Subject, a.Verdict, verdict.Of(a.Findings))
		}
		worst = min(worst, a.Verdict)
		checkAllowed(t, p, e, a)
	}
	if r.Verdict != worst {
		t.Errorf("the verdict is %s, and the worst act's %s", r.Verdict, worst)
	}
	for i := range e.Commits {
		c := &e.Commits[i]
		if c.New && !slices.ContainsFunc(r.Acts, func(a verdict.Act) bool { return a.Kind == string(names.Commit) && a.Subject == c.ID }) {
			t.Errorf("no act for the new commit %s", c.ID)
		}
	}
	checkFindings(t, r)
	return r.Verdict
}

// checkAllowed holds what must be true of anything that is allowed.
func checkAllowed(t *testing.T, p *policy.Policy, e *evidence.Set, a verdict.Act) {
	t.Helper()
	if a.Verdict != verdict.Allowed {
		return
	}
	who := p.Principal(names.Principal(a.Actor))
	if who == nil && e.Surface != evidence.SurfaceClient {
		t.Errorf("%s %s is allowed, and %q did it", a.Kind, a.Subject, a.Actor)
	}
	if who != nil && who.Name.Kind() == names.Agent {
		standing := slices.ContainsFunc(p.Grants, func(g *policy.Grant) bool { return g.Standing && slices.Contains(g.To, who.Name) })
		if len(a.Chain) == 0 && !(standing && who.Pinned()) {
			t.Errorf("%s %s by %s is allowed without a delegation", a.Kind, a.Subject, a.Actor)
		}
	}
	for _, l := range a.Chain {
		if !a.Seen.Before(l.NotAfter) {
			t.Errorf("%s %s is allowed after its delegation ended", a.Kind, a.Subject)
		}
	}
	if a.Seen.IsZero() || a.Ref == "" {
		t.Errorf("%s %s is allowed at %v on %q", a.Kind, a.Subject, a.Seen, a.Ref)
	}
	for _, c := range e.Commits {
		if a.Kind == string(names.Commit) && c.ID == a.Subject && len(c.Parents) > 1 && c.Merge == nil &&
			len(e.Commits) == 1 {
			t.Errorf("the merge %s is allowed, and was not recomputed", c.ID)
		}
	}
}
