package checker_test

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// The lines about a forge:
//
//	pr 7 by=coder-bot commits=c1,c2 base=refs/heads/main head-ref=refs/heads/agent/pay created=1m
//	  ~ src/pay.go
//	statement by=agent.coder under=d1 head=c1
//	pushed by=coder-bot before=base after=c2 at=2m
//	carried c2 pr=8
//	unread c2 by=mallory at=1m
//	retarget at=4m
//	review bob APPROVED of=c2 at=5m
//	review bob DISMISSED was=CHANGES_REQUESTED dismissed-by=coder-bot
//	role bob write teams=acme/release
//	approval by=human.bob for=commit head=c2 base=base ref=refs/heads/main until=1h
//	request r1 by=agent.coder under=d1 to=deploy environment=production commit=m1
//	step m1 parent=base pr=8 merged-by=bob
//
// A pr line makes the surface a forge's, on which nothing is pushed. Statement, pushed, retarget and
// review lines are about the pull request of the last pr line, or of pr=N. What it changes stands below
// it; without that it is what its commits change. Its commits are those on its head-ref unless it lists
// them, and its head is the last. "pr N merged" is not judged itself: a step was made by merging it.
//
// A carried commit is what the forge recorded as the merge of another pull request; an unread line is about a push
// before the commit's own that could not be read.
//
// Accounts have an id made from their name unless a line "account NAME id=12 type=Bot" comes first;
// they are people's, but for those whose name ends in "[bot]".
//
// An approval names the policy of the case and is signed with the approver's key. A step belongs to the
// last request above it, and without one to the branch.
type forgeLines struct {
	accounts  map[string]evidence.Account
	pulls     map[int]*evidence.PullRequest
	judged    []int // numbers of those under judgement
	last      int   // number of the last pr line
	approvals []func(policyDigest string) evidence.SignedApproval
	requests  map[string]string // digests by name
}

// forgeLine reads a line about a forge, and reports whether it is one.
func (s *scenario) forgeLine(verb string, args, changes []string) bool {
	switch verb {
	case "account":
		o := s.options(args[1:])
		a := s.account(args[0])
		a.ID, a.Type = o.number("id", a.ID), o.text("type", a.Type)
		s.forge.accounts[args[0]] = a
		o.done()
	case "pr":
		s.pullRequest(args[0], args[1:], changes)
	case "statement":
		o := s.options(args)
		s.statement(o)
		o.done()
	case "pushed":
		o := s.options(args)
		s.pushed(o)
		o.done()
	case "carried":
		o := s.options(args[1:])
		c := s.found(args[0])
		if c.CarriedWhy = o.text("why", ""); c.CarriedWhy == "" {
			c.CarriedIn = append(c.CarriedIn, s.pull(o))
		}
		o.done()
	case "unread":
		o := s.options(args[1:])
		s.found(args[0]).Unread = &evidence.Push{By: s.account(o.text("by", "mallory")), At: start().Add(o.duration("at", time.Minute))}
		o.done()
	case "retarget":
		o := s.options(args)
		pr := s.pull(o)
		pr.Retargets = append(pr.Retargets, start().Add(o.duration("at", 2*time.Minute)))
		o.done()
	case "review":
		o := s.options(args[2:])
		pr := s.pull(o)
		by := s.account(args[0])
		by.Type, by.ID = o.text("type", by.Type), o.number("account", by.ID)
		r := evidence.Review{
			ID: o.number("id", int64(len(pr.Reviews)+1)), By: by, State: args[1],
			Commit: s.reviewed(o.text("of", s.names[pr.Head])), At: start().Add(o.duration("at", 2*time.Minute+30*time.Second)),
		}
		if who := o.text("dismissed-by", args[0]); r.State == "DISMISSED" && who != "unsaid" {
			r.Dismissed = &evidence.Dismissal{By: s.account(who), Was: o.text("was", "CHANGES_REQUESTED"), At: r.At.Add(time.Minute)}
		}
		pr.Reviews = append(pr.Reviews, r)
		o.done()
	case "role":
		o := s.options(args[2:])
		r := evidence.Role{Account: s.account(args[0]), Name: args[1], Known: true, Why: o.text("why", "")}
		if r.Name == "unknown" || r.Name == "stranger" {
			r.Name, r.Known, r.Stranger = "", false, r.Name == "stranger"
		}
		r.Teams, _ = o.list("teams")
		o.done()
		s.set.Roles = append(s.set.Roles, r)
	case "approval":
		s.approval(args)
	case "request":
		s.request(args[0], args[1:])
	case "step":
		s.step(args[0], args[1:])
	default:
		return false
	}
	return true
}

func (s *scenario) account(name string) evidence.Account {
	if a, ok := s.forge.accounts[name]; ok {
		return a
	}
	h := fnv.New32a()
	h.Write([]byte(strings.ToLower(name)))
	a := evidence.Account{ID: int64(h.Sum32()) + 1, Login: name, Type: "User"}
	if strings.HasSuffix(name, "[bot]") {
		a.Type = "Bot"
	}
	if name == "nobody" {
		a = evidence.Account{}
	}
	return a
}

// reviewed is the id of the commit that a review is of, "" where the forge does not say.
func (s *scenario) reviewed(name string) string {
	if name == "unsaid" {
		return ""
	}
	return s.id(name)
}

// found is a commit by its name.
func (s *scenario) found(name string) *evidence.Commit {
	i := slices.IndexFunc(s.set.Commits, func(c evidence.Commit) bool { return c.ID == s.id(name) })
	if i < 0 {
		s.t.Fatalf("no commit %s", name)
	}
	return &s.set.Commits[i]
}

// pull is the pull request that a line is about.
func (s *scenario) pull(o *options) *evidence.PullRequest {
	n := int(o.number("pr", int64(s.forge.last)))
	pr := s.forge.pulls[n]
	if pr == nil {
		s.t.Fatalf("no pull request %d", n)
	}
	return pr
}

func (s *scenario) pullRequest(name string, args, changes []string) {
	number, err := strconv.Atoi(name)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.set.Surface == evidence.SurfaceServer { // which nothing else says
		s.set.Surface = evidence.SurfaceForge
	}
	s.manual = true
	o := s.options(args)
	by := s.account(o.text("by", "coder[bot]"))
	by.Type = o.text("author-type", by.Type)
	pr := &evidence.PullRequest{
		Number: number, Title: o.text("title", "Pay by card"), Draft: o.flag("draft"), Open: !o.flag("closed"),
		Author: by, Created: start().Add(o.duration("created", time.Minute)),
		HeadRepository: o.text("from", s.set.Repository), HeadRef: o.text("head-ref", "refs/heads/agent/pay"),
		BaseRef: o.text("base", "refs/heads/main"), Base: s.id(o.text("tip", "base")),
		Complete: !o.flag("incomplete"), PushesUnread: o.flag("incomplete"),
	}
	pr.Labels, _ = o.list("labels")
	followed, _ := o.list("followed")
	pr.Merge = evidence.Merge{Recomputed: true, Same: true, Followed: followed}
	if o.flag("merged") {
		pr.Merged, pr.Open = true, false
	} else {
		s.forge.judged = append(s.forge.judged, number)
	}
	listed, given := o.list("commits")
	for _, name := range listed {
		pr.Commits = append(pr.Commits, s.id(name))
	}
	for _, c := range s.set.Commits {
		if !given && slices.Contains(c.Refs, pr.HeadRef) {
			pr.Commits = append(pr.Commits, c.ID)
		}
	}
	if n := len(pr.Commits); n > 0 {
		pr.Head = pr.Commits[n-1]
	}
	if head := o.text("head", ""); head != "" {
		pr.Head = s.id(head)
	}
	if g := o.text("gap", ""); g != "" {
		pr.Gaps = append(pr.Gaps, s.gap([]string{g, fmt.Sprintf("what pull request %d changes", number)}))
	}
	o.done()
	whole := evidence.Commit{ID: fmt.Sprintf("pull request %d", number)}
	for _, line := range changes {
		s.change(&whole, line)
	}
	for _, c := range s.set.Commits {
		if changes == nil && slices.Contains(pr.Commits, c.ID) {
			whole.Changes = append(whole.Changes, c.Changes...)
		}
	}
	pr.Changes = whole.Changes
	s.forge.pulls[number], s.forge.last = pr, number
}

// statement signs the last pull request.
func (s *scenario) statement(o *options) {
	pr := s.pull(o)
	if why := o.text("why", ""); why != "" {
		pr.StatementWhy = why
		return
	}
	by := names.Principal(o.text("by", ""))
	key := s.signer(o.text("key", string(by)))
	c := delegation.PullRequest{
		Repository: o.text("repository", s.set.Repository), BaseRef: o.text("base", pr.BaseRef), HeadRef: o.text("head-ref", pr.HeadRef),
		Head: s.id(o.text("head", s.names[pr.Head])), Purpose: o.text("purpose", "SHOP-1412"),
		Signer: delegation.Party{Name: by, Key: key.SSHPublicKey()}, Nonce: nonce("statement", pr.Number), At: start().Add(o.duration("at", 0)),
	}
	if d := o.text("under", ""); d != "" {
		c.Delegation = s.digest(d)
	}
	pr.Statement = delegationtest.ForgeFile(s.t, c.Payload(), s.signer(o.text("signed-by", string(by))))
	if raw := o.text("raw", ""); raw != "" {
		pr.Statement = []byte(raw)
	}
}

// pushed is an entry of the activity log: it is the push of each commit that it brought and that no
// line before it brought.
func (s *scenario) pushed(o *options) {
	pr := s.pull(o)
	push := evidence.Push{
		Ref: pr.HeadRef, After: s.id(o.text("after", s.names[pr.Head])), At: start().Add(o.duration("at", 2*time.Minute)),
		By: s.account(o.text("by", "coder[bot]")), Kind: o.text("kind", "push"),
	}
	if before := o.text("before", "base"); before != "none" {
		push.Before = s.id(before)
	}
	pr.Pushes = append([]evidence.Push{push}, pr.Pushes...)
	at := []string{push.After}
	for len(at) > 0 {
		id := at[0]
		at = at[1:]
		i := slices.IndexFunc(s.set.Commits, func(c evidence.Commit) bool { return c.ID == id })
		if i < 0 || id == push.Before || s.set.Commits[i].Push != nil {
			continue
		}
		c := &s.set.Commits[i]
		c.Push, c.Seen = &push, evidence.Seen{Time: push.At, By: "activity log"}
		at = append(at, c.Parents...)
	}
}

// approval keeps an approval to be signed once the policy is known.
func (s *scenario) approval(args []string) {
	o := s.options(args)
	by := names.Principal(o.text("by", "human.bob"))
	key := o.text("key", string(by))
	a := delegation.Approval{
		Approver: delegation.Party{Name: by, Key: s.signer(key).SSHPublicKey()}, Action: names.Action(o.text("for", "commit")),
		Repository: o.text("repository", s.set.Repository), RepositoryID: o.number("repository-id", 0), Environment: o.text("environment", ""),
		Reason: o.text("reason", ""), Nonce: nonce("approval", len(s.forge.approvals)),
		NotBefore: start().Add(o.duration("since", 0)), NotAfter: start().Add(o.duration("until", time.Hour)),
	}
	if r := o.text("request", ""); r != "" {
		a.Request = s.forge.requests[r]
		if a.Request == "" {
			a.Request = "sha256:" + hex.EncodeToString(make([]byte, 32))
		}
	} else {
		a.Head, a.Ref = s.id(o.text("head", "c1")), o.text("ref", "refs/heads/main")
		if base := o.text("base", "base"); base != "none" {
			a.Base = s.id(base)
		}
	}
	other, signer, raw := o.text("policy", ""), o.text("signed-by", key), o.text("raw", "")
	o.done()
	s.forge.approvals = append(s.forge.approvals, func(digest string) evidence.SignedApproval {
		a.PolicyDigest = digest
		if other != "" {
			a.PolicyDigest = "sha256:" + strings.Repeat("3c", 32)
		}
		given := evidence.SignedApproval{
			Raw: delegationtest.ForgeFile(s.t, a.Payload(), s.signer(signer)), Source: "the input approvals", Seen: s.seenAt(3 * time.Minute),
		}
		if raw != "" {
			given.Raw = []byte(raw)
		}
		return given
	})
}

// approve signs the approvals, by the policy of the case.
func (s *scenario) approve(p *policy.Policy) {
	s.set.Approvals = nil
	for _, sign := range s.forge.approvals {
		s.set.Approvals = append(s.set.Approvals, sign(p.Digest))
	}
}

func (s *scenario) request(name string, args []string) {
	s.set.Surface, s.manual = evidence.SurfaceForge, true
	o := s.options(args)
	by := names.Principal(o.text("by", "agent.coder"))
	action := names.Action(o.text("to", "deploy"))
	environment := o.text("environment", "production")
	if environment == "none" {
		environment = ""
	}
	commit := s.id(o.text("commit", "base"))
	c := delegation.Request{
		Action: action, Repository: o.text("repository", s.set.Repository), Environment: environment, Commit: commit,
		Ref: o.text("ref", "refs/heads/main"), Reason: o.text("reason", "SHOP-1412"), Nonce: nonce("request "+name, len(s.set.Requests)),
		NotBefore: start().Add(o.duration("since", 0)), NotAfter: start().Add(o.duration("until", 10*time.Minute)),
		RunID: o.number("run", 0), RunAttempt: o.number("attempt", 0), Job: o.text("job", ""),
		Signer: delegation.Party{Name: by, Key: s.signer(o.text("key", string(by))).SSHPublicKey()},
	}
	c.Targets, _ = o.list("targets")
	if d := o.text("under", ""); d != "" {
		c.Delegation = s.digest(d)
	}
	file := delegationtest.ForgeFile(s.t, c.Payload(), s.signer(o.text("signed-by", string(by))))
	if signed, err := delegation.ParseSigned[delegation.Request](file); err == nil {
		s.forge.requests[name] = signed.Digest
		s.name(name, signed.Digest)
	}
	r := evidence.Request{
		Raw: file, Source: "the payload of deployment 7", Seen: o.seen(),
		Action: names.Action(o.text("gate", string(action))), Environment: o.text("gate-environment", environment), Commit: s.id(o.text("gate-commit", s.names[commit])),
		RunID: o.number("gate-run", 0), RunAttempt: int(o.number("gate-attempt", 0)), Job: o.text("gate-job", ""),
		Used: o.flag("used"), UsedBy: o.text("used-by", ""), UsedUnknown: o.text("used-unknown", ""),
		DefaultRef: "refs/heads/main", RefsKnown: !o.flag("refs-unknown"),
	}
	if ref := o.text("gate-ref", "none"); ref != "none" {
		r.ByAction, r.ActionRef = true, ref
	}
	r.Targets = c.Targets
	if v, ok := o.list("gate-targets"); ok {
		r.Targets = v
	}
	r.ChangesKnown = !o.flag("changes-unknown")
	if v, ok := o.list("changes"); ok {
		for _, path := range v {
			r.Changes = append(r.Changes, evidence.Change{Path: path, New: evidence.Entry{Mode: 0o100644, ID: s.id("blob " + path)}})
		}
	}
	if at := o.duration("newer-at", -1); at >= 0 {
		r.NewerAt = start().Add(at)
	}
	r.ReachableFrom = []string{"refs/heads/main"}
	if v, ok := o.list("reachable"); ok {
		r.ReachableFrom = v
	}
	if raw := o.text("raw", ""); raw != "" {
		r.Raw = []byte(raw)
	}
	if o.flag("absent") {
		r.Raw, r.Why = nil, "the deployment has no payload"
	}
	for field, id := range map[string]*string{"deployed": &r.Deployed, "newer": &r.Newer, "after": &r.Since} {
		if v := o.text(field, ""); v != "" {
			*id = s.id(v)
		}
	}
	o.done()
	s.set.Requests = append(s.set.Requests, r)
}

func (s *scenario) step(name string, args []string) {
	o := s.options(args)
	st := evidence.Step{Commit: s.id(name), Seen: o.seen(), Why: o.text("why", ""), Equal: !o.flag("unequal"), Merge: evidence.Merge{Recomputed: true}}
	if parent := o.text("parent", "base"); parent != "none" {
		st.Parent = s.id(parent)
	}
	if n := int(o.number("pr", 0)); n != 0 {
		st.PullRequest = s.forge.pulls[n]
		st.Commits = slices.Clone(st.PullRequest.Commits)
	}
	if n := int(o.number("also", 0)); n != 0 {
		st.Also = append(st.Also, s.forge.pulls[n])
	}
	if by := o.text("merged-by", ""); by != "" {
		st.MergedBy = s.account(by)
	}
	if brings, ok := o.list("brings"); ok {
		st.Commits = nil
		for _, c := range brings {
			st.Commits = append(st.Commits, s.id(c))
		}
	}
	if !slices.Contains(st.Commits, st.Commit) {
		st.Commits = append(st.Commits, st.Commit)
	}
	if o.flag("failed") {
		st.Equal, st.Merge = false, evidence.Merge{Why: "git merge-tree needs git 2.38, and this is 2.30"}
	}
	o.done()
	if n := len(s.set.Requests); n > 0 {
		r := &s.set.Requests[n-1]
		r.Steps = append(r.Steps, st)
		return
	}
	s.set.Surface, s.manual = evidence.SurfaceForge, true
	s.set.Steps = append(s.set.Steps, st)
}

// judgedPulls puts the pull requests into the evidence, once all is said about them.
func (s *scenario) judgedPulls() {
	for _, n := range s.forge.judged {
		s.set.PullRequests = append(s.set.PullRequests, *s.forge.pulls[n])
	}
}

func nonce(what string, n int) string {
	return hex.EncodeToString([]byte(fmt.Sprintf("%-16s", fmt.Sprint(n, " ", what)))[:16])
}
