package checker_test

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
)

// scenario is the evidence of one case, made from a few lines of text:
//
//	surface server
//	pusher coder delegation=d2 source=GL_USER
//	delegate d1 human.alice -> agent.planner until=1h
//	delegate d2 agent.planner -> agent.coder parent=d1 paths=src/**
//	commit c1 by=agent.coder under=d2 on=refs/heads/agent/pay
//	  ~ src/pay.go
//	tag t1 by=human.alice on=refs/tags/v1 of=c1
//	push refs/heads/main from=base to=c1 forced
//	delete refs/heads/agent/old
//	leaves refs/heads/main invalid detail="it is not valid"
//	gap history "the range" detail="shallow"
//	workflows on=refs/heads/agent/pay
//	reference c1 src/pay.go PROD_TOKEN line=7
//
// Times are durations after delegationtest.Start; what is seen is seen after 3m unless it says so.
// A key is named by its seed, which is the principal's name; "fido:", "fido-untouched:" and "ecdsa:"
// in front of a seed make keys of these types. Commits and tags are real objects with real
// signatures, and delegations real envelopes: whatever is wrong with one is wrong in its bytes.
// A ref that a commit or tag is on gets its update unless a push line gives it. The lines about a forge
// are those of forgeLines.
type scenario struct {
	t        testing.TB
	set      *evidence.Set
	links    map[string]*linkSpec
	order    []string // of links
	ids      map[string]string
	names    map[string]string // back from ids
	explicit map[string]bool   // refs with a push line
	onRef    map[string][]string
	manual   bool         // no updates of its own
	head     fstest.MapFS // what workflows are read from, see scenario_workflow_test.go
	base     fstest.MapFS
	trees    []workflowLine
	seenBy   string
	forge    forgeLines
}

type linkSpec struct {
	d       delegation.Delegation
	parent  *linkSpec
	depth   bool // given
	signer  string
	digest  string
	chain   delegation.Chain
	raw     []byte
	missing bool
}

func start() time.Time { return delegationtest.Start() }

// parseScenario makes the evidence that the text describes. What prepare adds can be named in it.
func parseScenario(t testing.TB, text string, prepare ...func(*scenario)) *scenario {
	t.Helper()
	s := &scenario{
		t: t,
		set: &evidence.Set{
			Repository: delegationtest.Repository, At: start().Add(3 * time.Minute), AtSource: "server clock",
			Surface: evidence.SurfaceServer, Bundles: map[string]evidence.Bundle{},
		},
		links: map[string]*linkSpec{}, ids: map[string]string{}, names: map[string]string{},
		explicit: map[string]bool{}, onRef: map[string][]string{}, seenBy: "server clock",
		forge: forgeLines{accounts: map[string]evidence.Account{}, pulls: map[int]*evidence.PullRequest{}, requests: map[string]string{}},
	}
	s.name("base", fakeID("base"))
	for _, f := range prepare {
		f(s)
	}
	type entry struct {
		words   []string
		changes []string
	}
	var entries []entry
	for n, line := range strings.Split(text, "\n") {
		words, err := splitWords(line)
		if err != nil {
			t.Fatalf("line %d: %v", n+1, err)
		}
		switch {
		case len(words) == 0:
		case line[0] == ' ' || line[0] == '\t':
			last := &entries[len(entries)-1]
			last.changes = append(last.changes, line)
		default:
			entries = append(entries, entry{words: words})
		}
	}
	for _, e := range entries {
		if e.words[0] == "delegate" {
			s.delegate(e.words[1:])
		}
	}
	s.sealLinks()
	for _, e := range entries {
		s.line(e.words[0], e.words[1:], e.changes)
	}
	s.updates()
	s.judgedPulls()
	s.workflowChanges()
	return s
}

func (s *scenario) line(verb string, args, changes []string) {
	switch verb {
	case "delegate": // done
	case "surface":
		s.set.Surface = map[string]evidence.Surface{
			"unknown": evidence.SurfaceUnknown, "check": evidence.SurfaceCheck, "client": evidence.SurfaceClient,
			"server": evidence.SurfaceServer, "forge": evidence.SurfaceForge,
		}[args[0]]
	case "repository":
		o := s.options(args[1:])
		s.set.Repository, s.set.RepositoryID = args[0], o.number("id", 0)
		o.done()
	case "pusher":
		o := s.options(args[1:])
		s.set.Pusher = &evidence.Pusher{Login: args[0], Source: o.text("source", "GL_USER")}
		if d := o.text("delegation", ""); d != "" {
			s.set.Pusher.Delegation = s.digest(d)
		}
		o.done()
	case "commit":
		s.commit(args[0], args[1:], changes)
	case "tag":
		s.tag(args[0], args[1:])
	case "push":
		s.push(args[0], args[1:], changes)
	case "delete":
		o := s.options(args[1:])
		s.explicit[args[0]] = true
		s.set.Updates = append(s.set.Updates, evidence.Update{Ref: args[0], Old: s.id(o.text("from", "base")), Seen: o.seen()})
		o.done()
	case "publish":
		s.publish(args[0], args[1:])
	case "leaves":
		s.leaves(args)
	case "gap":
		s.set.Gaps = append(s.set.Gaps, s.gap(args))
	case "reference":
		o := s.options(args[3:])
		s.set.References = append(s.set.References, evidence.Reference{
			Commit: s.id(args[0]), Path: args[1], Name: args[2], Line: int(o.number("line", 7)), Column: int(o.number("column", 3)),
		})
		o.done()
	case "workflows":
		s.workflows(args)
	case "no-updates":
		s.manual = true
	default:
		if !s.forgeLine(verb, args, changes) {
			s.t.Fatalf("unknown line %q", verb)
		}
	}
}

// delegate reads "NAME FROM -> TO [options]".
func (s *scenario) delegate(args []string) {
	if len(args) < 4 || args[2] != "->" {
		s.t.Fatalf("write: delegate NAME FROM -> TO, not %q", args)
	}
	o := s.options(args[4:])
	l := &linkSpec{d: delegationtest.New(names.Principal(args[1]), names.Principal(args[3])), signer: o.text("signed-by", args[1])}
	d := &l.d
	if p := o.text("parent", ""); p != "" {
		l.parent = s.links[p]
	}
	d.Delegator.Key = s.signer(o.text("delegator-key", args[1])).SSHPublicKey()
	d.Delegate.Key = s.signer(o.text("key", args[3])).SSHPublicKey()
	if v, ok := o.list("actions"); ok {
		d.Scope.Actions = nil
		for _, a := range v {
			d.Scope.Actions = append(d.Scope.Actions, names.Action(a))
		}
	}
	if v, ok := o.list("branches"); ok {
		d.Scope.Branches = delegationtest.Refs(v...)
	}
	if v, ok := o.list("paths"); ok {
		d.Scope.Paths = delegationtest.Paths(v...)
	}
	if v, ok := o.list("environments"); ok {
		d.Scope.Environments = delegationtest.Names(v...)
	}
	if v, ok := o.list("repositories"); ok {
		d.Scope.Repositories = v
	}
	d.Scope.RepositoryID = o.number("id", 0)
	if v := o.number("depth", -1); v >= 0 {
		d.Scope.Depth, l.depth = int(v), true
	}
	d.NotBefore = start().Add(o.duration("from", 0))
	d.NotAfter = start().Add(o.duration("until", 10*time.Minute))
	d.Purpose = o.text("purpose", d.Purpose)
	d.Nonce = hex.EncodeToString([]byte(fmt.Sprintf("%-16s", args[0]))[:16])
	if p := o.text("parent-digest", ""); p != "" {
		d.Parent = p
	}
	if v := o.text("raw", ""); v != "" {
		l.raw = []byte(v)
	}
	if v := o.number("junk", 0); v > 0 {
		l.raw = []byte(strings.Repeat("x", int(v)))
	}
	l.missing = o.flag("unpublished")
	o.done()
	s.links[args[0]] = l
	s.order = append(s.order, args[0])
}

// sealLinks gives each link the depth that those below it need, and signs it.
func (s *scenario) sealLinks() {
	for i := len(s.order) - 1; i >= 0; i-- {
		l := s.links[s.order[i]]
		if p := l.parent; p != nil && !p.depth {
			p.d.Scope.Depth = max(p.d.Scope.Depth, l.d.Scope.Depth+1)
		}
	}
	for _, name := range s.order {
		l := s.links[name]
		if l.parent != nil {
			l.chain = slices.Clone(l.parent.chain)
			switch l.d.Parent {
			case "":
				l.d.Parent = l.parent.digest
			case "none":
				l.d.Parent = ""
			}
		}
		link := delegationtest.Forge(s.t, l.d, s.signer(l.signer))
		l.chain, l.digest = append(l.chain, link), link.Digest
		if l.raw == nil {
			l.raw = l.chain.Marshal()
		}
		b := evidence.Bundle{Raw: l.raw, Source: delegation.RefName(l.digest)}
		if l.missing {
			b.Raw, b.Why = nil, "no such ref"
		}
		s.set.Bundles[l.digest] = b
	}
}

func (s *scenario) digest(name string) string {
	l := s.links[name]
	if l == nil {
		s.t.Fatalf("no delegation %q", name)
	}
	return l.digest
}

var digestPlace = regexp.MustCompile(`\{([a-z0-9-]+)\}`)

// fill replaces {d1} by the digest of delegation d1.
func (s *scenario) fill(text string) string {
	return digestPlace.ReplaceAllStringFunc(text, func(m string) string { return s.digest(m[1 : len(m)-1]) })
}

// commit reads a commit's options and, on the lines below it, what it changes.
func (s *scenario) commit(name string, args, changes []string) {
	o := s.options(args)
	signer := o.text("by", "")
	seen := o.seen()
	refs, _ := o.list("on")
	parents, given := o.list("parents")
	if !given {
		parents = []string{"base"}
		if n := len(s.set.Commits); n > 0 {
			parents = []string{s.names[s.set.Commits[n-1].ID]}
		}
	}
	c := evidence.Commit{Refs: refs, Seen: seen, New: !o.flag("old"), Lines: int(o.number("lines", -1))}
	for _, p := range parents {
		if p != "none" {
			c.Parents = append(c.Parents, s.id(p))
		}
	}
	person := signer
	if i := strings.LastIndex(person, ":"); i >= 0 {
		person = person[i+1:]
	}
	ident := who(person)
	message := s.message(o, "Work on "+name)
	payload := fmt.Sprintf("tree %s\n", fakeID("tree of "+name))
	for _, p := range c.Parents {
		payload += "parent " + p + "\n"
	}
	dated := start().Add(o.duration("dated", 2*time.Minute)).Unix()
	payload += fmt.Sprintf("author %s %d +0000\n", o.text("author", ident), dated)
	payload += fmt.Sprintf("committer %s %d +0000\n", o.text("committer", ident), dated)
	payload += "\n" + message
	c.Raw = s.signCommit(payload, signer, o.text("damage", ""))
	c.ID = objectID("commit", c.Raw)
	for _, line := range changes {
		s.change(&c, line)
	}
	switch m := o.text("merge", ""); m {
	case "":
		if len(c.Parents) > 1 {
			c.Merge = &evidence.Merge{Recomputed: true, Same: len(c.Changes) == 0}
		}
	case "followed": // git carried the changes to where they are
		c.Merge = &evidence.Merge{Recomputed: true, Same: true}
		for _, ch := range c.Changes {
			c.Merge.Followed = append(c.Merge.Followed, ch.Path)
		}
	case "failed":
		c.Merge = &evidence.Merge{Why: "git merge-tree needs git 2.38, and this is 2.30"}
	case "conflicts":
		c.Merge = &evidence.Merge{Recomputed: true}
		for _, ch := range c.Changes {
			c.Merge.Conflicts = append(c.Merge.Conflicts, ch.Path)
		}
	case "unexamined": // a collector that forgot
	default:
		s.t.Fatalf("unknown merge=%q", m)
	}
	if g := o.text("gap", ""); g != "" {
		c.Gaps = append(c.Gaps, s.gap([]string{g, "commit " + c.ID, "detail=" + "object not found"}))
	}
	if o.flag("unread") {
		c.Raw = nil
	}
	if v, ok := o.list("told-parents"); ok {
		c.Parents = nil
		for _, p := range v {
			c.Parents = append(c.Parents, s.id(p))
		}
	}
	o.done()
	s.name(name, c.ID)
	if !c.New {
		c.Refs = nil
	}
	for _, ref := range refs {
		s.onRef[ref] = append(s.onRef[ref], name)
	}
	s.set.Commits = append(s.set.Commits, c)
}

// message is the whole message of a commit or tag.
func (s *scenario) message(o *options, title string) string {
	message := s.fill(o.text("message", title+"\n"))
	if d := o.text("under", ""); d != "" {
		value := s.digest(d)
		if o.flag("inline") {
			value = delegation.Ref{Inline: s.set.Bundles[value].Raw}.Value()
		}
		message = strings.TrimRight(message, "\n") + "\n\n" + delegation.TrailerKey + ": " + value + "\n"
	}
	return message + s.fill(o.text("more", ""))
}

// change reads "~ path", "+ path [mode]", "- path" or "> from to".
func (s *scenario) change(c *evidence.Commit, line string) {
	words, err := splitWords(line)
	if err != nil {
		s.t.Fatal(err)
	}
	mode := func(i int) uint32 {
		if len(words) <= i {
			return 0o100644
		}
		m, ok := map[string]uint32{"symlink": 0o120000, "submodule": 0o160000, "executable": 0o100755, "odd": 0o100664}[words[i]]
		if !ok {
			s.t.Fatalf("unknown mode in %q", line)
		}
		return m
	}
	n := len(c.Changes)
	entry := func(side string, m uint32) evidence.Entry {
		return evidence.Entry{Mode: m, ID: fakeID(fmt.Sprint(c.ID, n, side))}
	}
	add := func(path string, old, updated evidence.Entry) {
		c.Changes = append(c.Changes, evidence.Change{Path: path, Old: old, New: updated})
	}
	switch words[0] {
	case "~": // its content; with two modes, from the first to the second
		old := mode(2)
		updated := old
		if len(words) == 4 {
			updated = mode(3)
		} else if len(words) == 3 {
			old = 0o100644
		}
		add(words[1], entry("old", old), entry("new", updated))
	case "+":
		add(words[1], evidence.Entry{}, entry("new", mode(2)))
	case "-":
		add(words[1], entry("old", 0o100644), evidence.Entry{})
	case ">": // a rename: one entry goes and the same comes
		add(words[1], entry("old", 0o100644), evidence.Entry{})
		add(words[2], evidence.Entry{}, evidence.Entry{Mode: 0o100644, ID: c.Changes[n].Old.ID})
	case "-*", "~*": // many: "-* 21 src/old%d.go"
		count, err := strconv.Atoi(words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		for i := range count {
			s.change(c, "  "+words[0][:1]+" "+strconv.Quote(fmt.Sprintf(words[2], i+1)))
		}
	default:
		s.t.Fatalf("unknown change %q", line)
	}
}

func (s *scenario) tag(name string, args []string) {
	o := s.options(args)
	signer := o.text("by", "")
	ref := o.text("on", "refs/tags/"+name)
	kind := o.text("type", "commit")
	of := o.text("of", "base")
	message := s.message(o, "Release "+name)
	payload := fmt.Sprintf("object %s\ntype %s\ntag %s\ntagger %s %d +0000\n\n%s",
		s.id(of), kind, o.text("named", strings.TrimPrefix(ref, "refs/tags/")), who(signer), start().Add(2*time.Minute).Unix(), message)
	raw := []byte(payload)
	switch damage := o.text("damage", ""); {
	case damage == "malformed":
		raw = []byte(strings.Replace(payload, "tagger ", "tagger: ", 1))
	case signer != "":
		raw = append(raw, s.sshsig(signer, signing.NamespaceGit, raw)...)
	}
	id := objectID("tag", raw)
	s.name(name, id)
	s.set.Tags = append(s.set.Tags, evidence.Tag{ID: id, Raw: raw, Ref: ref, Seen: o.seen()})
	o.done()
	s.onRef[ref] = append(s.onRef[ref], name)
}

// push is an update of a ref; the lines below it say what differs at the ref.
func (s *scenario) push(ref string, args, changes []string) {
	o := s.options(args)
	u := evidence.Update{
		Ref: ref, New: s.id(o.text("to", "base")), Object: o.text("object", "commit"),
		Forced: o.flag("forced"), LongLived: o.flag("long-lived"), Seen: o.seen(), Lines: int(o.number("lines", 0)),
	}
	whole := evidence.Commit{ID: "what lands on " + ref}
	for _, line := range changes {
		s.change(&whole, line)
	}
	u.Landing = whole.Changes
	if g := o.text("gap", ""); g != "" {
		u.LandingGaps = append(u.LandingGaps, s.gap([]string{g, "what changes at " + ref}))
	}
	if from := o.text("from", ""); from != "" {
		u.Old = s.id(from)
	}
	if begins := o.text("begins", ""); begins != "" {
		u.Begins = s.id(begins)
	}
	carried, _ := o.list("carries")
	for _, name := range carried {
		u.Carried = append(u.Carried, s.id(name))
		for i := range s.set.Commits {
			if c := &s.set.Commits[i]; c.ID == s.id(name) && c.New {
				u.NewCommits++
				if !slices.Contains(c.Refs, ref) {
					c.Refs = append(c.Refs, ref)
				}
			}
		}
	}
	u.NewCommits = int(o.number("new", int64(u.NewCommits)))
	u.Moved = len(u.Carried) - u.NewCommits
	o.done()
	s.explicit[ref] = true
	s.set.Updates = append(s.set.Updates, u)
}

// publish is a push of the ref of a delegation.
func (s *scenario) publish(name string, args []string) {
	o := s.options(args)
	u := evidence.Update{
		Ref: o.text("at", delegation.RefName(s.digest(name))), New: fakeID("blob of " + name), Object: "blob",
		Delegations: true, Bundle: s.set.Bundles[s.digest(name)], Seen: o.seen(),
	}
	if o.flag("again") {
		u.Old = fakeID("other blob")
	}
	if o.flag("gone") {
		u.Old, u.New, u.Object, u.Bundle = u.New, "", "", evidence.Bundle{}
	}
	if h := o.text("holding", ""); h != "" {
		u.Bundle = evidence.Bundle{Raw: []byte(h)}
	}
	o.done()
	s.set.Updates = append(s.set.Updates, u)
}

// leaves is the policy that an update of a ref, or the pull request into it, leaves there.
func (s *scenario) leaves(args []string) {
	o := s.options(args[2:])
	state, ok := map[string]evidence.PolicyState{
		"gone": evidence.PolicyGone, "kept": evidence.PolicyKept, "invalid": evidence.PolicyInvalid, "other": evidence.PolicyOfOther,
		"deleted": evidence.PolicyRefDeleted, "unread": evidence.PolicyUnread, "locked": evidence.PolicyLocked, "odd": 200,
	}[args[1]]
	if !ok {
		s.t.Fatalf("unknown state %q of a policy", args[1])
	}
	left := &evidence.PolicyLeft{State: state, Base: o.flag("base"), Detail: o.text("detail", "")}
	o.done()
	found := false
	for i := range s.set.Updates {
		if u := &s.set.Updates[i]; u.Ref == args[0] {
			u.Policy, found = left, true
		}
	}
	for _, pr := range s.forge.pulls {
		if pr.BaseRef == args[0] {
			pr.Policy, found = left, true
		}
	}
	if !found {
		s.t.Fatalf("nothing goes to %s", args[0])
	}
}

func (s *scenario) gap(args []string) evidence.Gap {
	o := s.options(args[2:])
	g := evidence.Gap{What: args[1], Detail: o.text("detail", ""), Fix: o.text("fix", "Fetch the whole history: `git fetch --unshallow`."), Team: o.text("team", "")}
	switch args[0] {
	case "forge":
		g.Kind = evidence.GapForge
	case "history":
		g.Kind = evidence.GapHistory
	case "limit":
		g.Kind = evidence.GapLimit
	case "unknown":
	case "odd":
		g.Kind = 200
	default:
		s.t.Fatalf("unknown gap %q", args[0])
	}
	o.done()
	return g
}

// updates adds the update of each ref that brings something and has no line of its own.
func (s *scenario) updates() {
	if s.manual {
		return
	}
	var refs []string
	for ref := range s.onRef {
		refs = append(refs, ref)
	}
	slices.Sort(refs)
	for _, ref := range refs {
		if s.explicit[ref] || ref == "" {
			continue
		}
		u := evidence.Update{Ref: ref, Old: s.id("base"), Object: "commit", Seen: s.seenAt(3 * time.Minute)}
		for _, name := range s.onRef[ref] {
			u.New = s.id(name)
			if slices.ContainsFunc(s.set.Tags, func(t evidence.Tag) bool { return t.ID == u.New }) {
				u.Object, u.Old = "tag", ""
				continue
			}
			u.Carried = append(u.Carried, u.New)
			for _, c := range s.set.Commits {
				if c.ID != u.New {
					continue
				}
				if c.New {
					u.NewCommits++
				} else {
					u.Moved++
				}
			}
		}
		s.set.Updates = append(s.set.Updates, u)
	}
}

func (s *scenario) name(name, id string) { s.ids[name], s.names[id] = id, name }

func (s *scenario) id(name string) string {
	id, ok := s.ids[name]
	if !ok {
		id = fakeID(name) // some object that the evidence does not have
		s.name(name, id)
	}
	return id
}

func (s *scenario) seenAt(d time.Duration) evidence.Seen {
	return evidence.Seen{Time: start().Add(d), By: s.seenBy}
}

// options are the words "key=value" and "flag" of a line.
type options struct {
	s      *scenario
	values map[string]string
}

func (s *scenario) options(words []string) *options {
	o := &options{s, map[string]string{}}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		o.values[k] = v
	}
	return o
}

func (o *options) text(key, otherwise string) string {
	v, ok := o.values[key]
	if !ok {
		return otherwise
	}
	delete(o.values, key)
	return v
}

func (o *options) flag(key string) bool {
	_, ok := o.values[key]
	delete(o.values, key)
	return ok
}

func (o *options) list(key string) ([]string, bool) {
	v, ok := o.values[key]
	delete(o.values, key)
	if v == "" {
		return nil, ok
	}
	return strings.Split(v, ","), ok
}

func (o *options) number(key string, otherwise int64) int64 {
	v, ok := o.values[key]
	if !ok {
		return otherwise
	}
	delete(o.values, key)
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		o.s.t.Fatal(err)
	}
	return n
}

func (o *options) duration(key string, otherwise time.Duration) time.Duration {
	v, ok := o.values[key]
	if !ok {
		return otherwise
	}
	delete(o.values, key)
	d, err := time.ParseDuration(v)
	if err != nil {
		o.s.t.Fatal(err)
	}
	return d
}

func (o *options) seen() evidence.Seen {
	if o.values["seen"] == "never" {
		delete(o.values, "seen")
		return evidence.Seen{}
	}
	return o.s.seenAt(o.duration("seen", 3*time.Minute))
}

// done fails the test where a word was not understood, so that no case says less than it seems to.
func (o *options) done() {
	for k := range o.values {
		o.s.t.Fatalf("the word %q is not understood here", k)
	}
}

// splitWords splits a line at spaces. A part in double quotes is read as Go reads it.
func splitWords(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" || line[0] == '#' {
			return words, nil
		}
		end := strings.IndexAny(line, " \t\"")
		if end < 0 {
			return append(words, line), nil
		}
		if line[end] != '"' {
			words, line = append(words, line[:end]), line[end:]
			continue
		}
		quoted, err := strconv.QuotedPrefix(line[end:])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		words, line = append(words, line[:end]+text), line[end+len(quoted):]
	}
}

func fakeID(what string) string {
	sum := sha1.Sum([]byte(what))
	return hex.EncodeToString(sum[:])
}

// objectID is git's id of an object.
func objectID(kind string, raw []byte) string {
	return fakeID(fmt.Sprintf("%s %d\x00%s", kind, len(raw), raw))
}

// who is the author that a principal's commits name.
func who(principal string) string {
	label := principal[strings.Index(principal, ".")+1:]
	if label == "" {
		label = "somebody"
	}
	return fmt.Sprintf("%s%s <%s@acme.example>", strings.ToUpper(label[:1]), label[1:], label)
}

var policyPlace = regexp.MustCompile(`"(key|fingerprint|digest) of ([^"]+)"`)

// parsePolicy reads a policy in which "key of SEED", "fingerprint of SEED" and "digest of NAME"
// stand for what they say.
func (s *scenario) parsePolicy(src string) *policy.Policy {
	s.t.Helper()
	src = policyPlace.ReplaceAllStringFunc(src, func(m string) string {
		part := policyPlace.FindStringSubmatch(m)
		switch part[1] {
		case "digest":
			return strconv.Quote(s.digest(part[2]))
		case "fingerprint":
			return strconv.Quote(s.signer(part[2]).SSHPublicKey().Fingerprint())
		default:
			return strconv.Quote(s.signer(part[2]).SSHPublicKey().AuthorizedKey())
		}
	})
	p, ok := parsedPolicies.Load(src)
	if !ok {
		fresh, found := policy.Parse([]byte(src), policy.FileName)
		if fresh == nil {
			s.t.Fatalf("the policy of the case is not valid: %v", found.Err())
		}
		p, _ = parsedPolicies.LoadOrStore(src, fresh)
	}
	s.approve(p.(*policy.Policy))
	return p.(*policy.Policy)
}

// parsedPolicies are the policies that were parsed, by their text: most cases share one, and nobody
// changes it.
var parsedPolicies sync.Map
