package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/signing/gitobject"
	"github.com/remit-sh/remit/verdict"
)

// What `remit pr`, `remit request` and `remit approve` have in common: who states something, under
// which delegation, about which commit and ref.

// stater finds who makes a pull request or request: --as, else the delegate of the delegation in force,
// else the only human of the policy whose key is at hand. An agent without a delegation acts in its own
// name where the policy pins its key and a grant says that it may. The chain it acts under is in parent.
func (w *workspace) stater(p *policy.Policy, ring *keyring, as string) (*issuer, error) {
	if as == "" {
		chain, _, err := w.useInForce()
		if err != nil {
			return nil, err
		}
		if chain != nil {
			return w.under(ring, chain)
		}
		return w.onlyHuman(p, ring)
	}
	block, err := principalNamed(p, as, names.Human, names.Agent)
	if err != nil {
		return nil, err
	}
	if block.Name.Kind() == names.Human {
		return w.humanIssuer(ring, block, "")
	}
	chain, err := w.chainFor(block.Name)
	if err != nil {
		return nil, err
	}
	if chain != nil {
		return w.under(ring, chain)
	}
	standing := slices.ContainsFunc(p.Grants, func(g *policy.Grant) bool { return g.Standing && slices.Contains(g.To, block.Name) })
	if !standing || !block.Pinned() {
		return nil, fault.WithFix(fault.Refusedf("%s has no live delegation here", block.Name),
			"have somebody delegate to it, or fetch what was published: `git fetch origin 'refs/remit/*:refs/remit/*'`")
	}
	signer, err := ring.signerFor(block.Name.Label(), block.Keys...)
	if err != nil {
		return nil, err
	}
	if signer == nil {
		return nil, fault.Usagef("no key that the policy lists for %s is in the key store or in ssh-agent", block.Name)
	}
	return &issuer{party: delegation.Party{Name: block.Name, Key: signer.SSHPublicKey()}, signer: signer}, nil
}

// onlyHuman is the human of the policy whose key is at hand, if there is just one.
func (w *workspace) onlyHuman(p *policy.Policy, ring *keyring) (*issuer, error) {
	humans, err := ring.humansAtHand(p)
	if err != nil {
		return nil, err
	}
	switch len(humans) {
	case 1:
		return w.humanIssuer(ring, humans[0], "")
	case 0:
		return nil, fault.WithFix(fault.Usagef("no delegation is in force, and no key of a human of the policy is at hand"),
			"put a delegation in force with `remit use DIGEST`, load the key into ssh-agent, or name who signs with --as")
	default:
		return nil, fault.WithFix(fault.Usagef("several humans could sign here: %s", joined(namesOf(humans))), "name one with --as")
	}
}

func namesOf(list []*policy.Principal) []names.Principal {
	out := make([]names.Principal, len(list))
	for i, p := range list {
		out[i] = p.Name
	}
	return out
}

// under is the delegate of a chain. The chain must hold now.
func (w *workspace) under(ring *keyring, chain delegation.Chain) (*issuer, error) {
	leaf := chain.Leaf()
	if !isLive(chain, w.env.Now()) {
		return nil, fault.WithFix(fault.Refusedf("the delegation %s is %s", chain.Digest(), strings.ReplaceAll(stateOf(chain, w.env.Now()), "-", " ")),
			"ask %s for a new one, and put it in force with `remit use DIGEST`", leaf.Delegator.Name)
	}
	signer, err := ring.delegateSigner(leaf, "sign where that key is, or name who signs with --as")
	if err != nil {
		return nil, err
	}
	return &issuer{leaf.Delegate, signer, chain}, nil
}

// chainFor is the chain under which an agent acts: the one in force if it is the agent's, else its only
// live one here; nil for none.
func (w *workspace) chainFor(agent names.Principal) (delegation.Chain, error) {
	inForce, _, err := w.useInForce()
	if err != nil {
		return nil, err
	}
	if inForce != nil && inForce.Leaf().Delegate.Name == agent {
		return inForce, nil
	}
	var live []delegation.Chain
	for _, c := range w.localDelegations() {
		if c.Leaf().Delegate.Name == agent && isLive(c, w.env.Now()) {
			live = append(live, c)
		}
	}
	switch len(live) {
	case 0:
		return nil, nil
	case 1:
		return live[0], nil
	}
	digests := make([]string, len(live))
	for i, c := range live {
		digests[i] = c.Digest()
	}
	return nil, fault.WithFix(fault.Usagef("%s has several live delegations: %s", agent, strings.Join(digests, ", ")), "put one in force with `remit use DIGEST`")
}

// purpose is what a statement says that it is for: --why, else what the delegation is for.
func (i *issuer) purpose(why string) string {
	if why == "" && i.parent != nil {
		return i.parent.Leaf().Purpose
	}
	return why
}

// authority is the digest of the delegation that the issuer acts under, "" for none.
func (i *issuer) authority() string { return i.parent.Digest() }

// checkWhy refuses a reason that no statement can carry. The empty one is for the caller to judge.
func checkWhy(why string) error {
	switch {
	case len(why) > delegation.MaxReason:
		return fault.Usagef("--why has %d bytes, at most %d are kept: name a ticket", len(why), delegation.MaxReason)
	case strings.TrimSpace(why) != why:
		return fault.Usagef("--why %s starts or ends with white space", inert.Quote(why))
	case strings.ContainsFunc(why, unseen):
		return fault.Usagef("--why %s has a line break or an invisible character: it is one line of plain text", inert.Quote(why))
	default:
		return nil
	}
}

// unseen reports whether a character breaks a line or shows nothing.
func unseen(r rune) bool { return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) }

// bundled is the signed statement with the chain that it was made under, if there is one.
func bundled[C delegation.Claim](c C, by *issuer) (*delegation.Signed[C], error) {
	s, err := delegation.SignClaim(c, by.signer)
	if err != nil || by.parent == nil {
		return s, err
	}
	return s.WithBundle(by.parent)
}

// within is a statement's one word for a place that takes so many characters. Where it would be longer,
// its chain stays behind, which is read from the delegation's ref then: that is published.
func within[C delegation.Claim](ctx context.Context, w *workspace, s *delegation.Signed[C], most int, place string) (*delegation.Signed[C], error) {
	if len(s.Text()) <= most {
		return s, nil
	}
	bare := *s
	bare.Bundle = nil
	if n := len(bare.Text()); n > most {
		return nil, fault.WithFix(fault.Refusedf("the signed statement has %d characters, and %s takes %d", n, place, most), "name fewer or shorter targets")
	}
	fmt.Fprintf(w.env.Stderr, "note: with its delegations the statement is too long for %s: they are read from %s\n", place, delegation.RefName(s.Bundle.Digest()))
	w.publish(ctx, s.Bundle.Digest())
	return &bare, nil
}

// refuseDenied judges what was signed as it would be judged if it were used now, and refuses what is
// denied for certain: who signs can still mend it. What waits for an approval or cannot be told here
// is no reason to refuse.
func (w *workspace) refuseDenied(p *policy.Policy, set *evidence.Set) error {
	result := checker.Check(p, set)
	if result.Observe {
		return nil
	}
	denials := func(list []verdict.Finding) []verdict.Finding {
		return slices.DeleteFunc(slices.Clone(list), func(f verdict.Finding) bool { return verdict.Of([]verdict.Finding{f}) != verdict.Denied })
	}
	result.Findings, result.Gates = denials(result.Findings), nil
	found := len(result.Findings)
	for i := range result.Acts {
		result.Acts[i].Findings = denials(result.Acts[i].Findings)
		found += len(result.Acts[i].Findings)
	}
	if found == 0 {
		return nil
	}
	result.Verdict = verdict.Denied
	if err := report.Text(w.env.Stderr, result, report.Options{}); err != nil {
		return err
	}
	return verdictError(verdict.ExitDeny)
}

// author is who makes a statement, for which repository and by which policy.
type author struct {
	*issuer
	policy     *policy.Policy
	repository string
	ring       *keyring
}

func (a *author) close() { a.ring.close() }

// author finds out who makes a statement here: find chooses among the keys at hand. What it returns is to
// be closed after signing.
func (w *workspace) author(ctx context.Context, policyFile, repository string, find func(*policy.Policy, *keyring) (*issuer, error)) (*author, error) {
	p, err := w.issuingPolicy(policyFile)
	if err != nil {
		return nil, err
	}
	ring, err := openKeyring(w.env)
	if err != nil {
		return nil, err
	}
	a := &author{policy: p, ring: ring}
	if a.issuer, err = find(p, ring); err == nil {
		a.repository, err = w.repositoryName(ctx, repository, p)
	}
	if err != nil {
		ring.close()
		return nil, err
	}
	return a, nil
}

// as finds the one whom --as names, or who is at work here.
func (w *workspace) as(name string) func(*policy.Policy, *keyring) (*issuer, error) {
	return func(p *policy.Policy, ring *keyring) (*issuer, error) { return w.stater(p, ring, name) }
}

// emptySet is the evidence of one statement that is made here and now.
func (w *workspace) emptySet(repository string, p *policy.Policy) *evidence.Set {
	return &evidence.Set{
		Repository: repository, RepositoryID: p.RepositoryID, At: w.env.Now(), AtSource: clockHere, Surface: evidence.SurfaceClient,
		Bundles: map[string]evidence.Bundle{},
	}
}

// judgeRequest refuses a request that is denied for certain.
func (w *workspace) judgeRequest(ctx context.Context, p *policy.Policy, repository string, r *delegation.Signed[delegation.Request]) error {
	set := w.emptySet(repository, p)
	if d := r.Claim.Delegation; d != "" && r.Bundle == nil {
		set.Bundles[d] = w.repo.Bundle(d)
	}
	asked := evidence.Request{
		Raw: r.Marshal(), Source: "here", Environment: r.Claim.Environment, Targets: r.Claim.Targets, Seen: evidence.Seen{Time: set.At, By: set.AtSource},
		RunID: r.Claim.RunID, RunAttempt: int(r.Claim.RunAttempt), Job: r.Claim.Job, // used where it may be
	}
	if r.Claim.Action == names.Deploy {
		w.leadTo(ctx, p, &asked, r.Claim)
	}
	set.Requests = []evidence.Request{asked}
	return w.refuseDenied(p, set)
}

// leadTo fills in which refs lead to the commit of a deploy, as far as this clone knows: those that did
// lead there when it last fetched. There may be more, which is for the gate to say.
func (w *workspace) leadTo(ctx context.Context, p *policy.Policy, r *evidence.Request, c delegation.Request) {
	all, err := w.repo.Refs("refs/")
	if err != nil {
		return
	}
	remote := "origin"
	r.DefaultRef = w.defaultBranch(ctx)
	if r.DefaultRef == "" && !hasRemotes(all) {
		remote = ""
		r.DefaultRef, _ = w.repo.DefaultRef()
	}
	from := deployable(p, c.Environment, r.DefaultRef, refsOf(remote, all))
	byTip := map[string][]string{}
	var tips []string
	for ref, id := range from {
		if tip, err := w.repo.ResolveRevision(id + "^{commit}"); err == nil {
			if byTip[tip] == nil {
				tips = append(tips, tip)
			}
			byTip[tip] = append(byTip[tip], ref)
		}
	}
	after, _ := w.repo.Descendants(ctx, c.Commit, tips, maxAfter) // none where it cannot be told
	for _, tip := range append(after, c.Commit) {
		r.ReachableFrom = append(r.ReachableFrom, byTip[tip]...)
	}
	slices.Sort(r.ReachableFrom)
}

// hasRemotes reports whether any of a clone's refs is what it remembers of a remote.
func hasRemotes(all map[string]string) bool {
	for ref := range all {
		if strings.HasPrefix(ref, "refs/remotes/") {
			return true
		}
	}
	return false
}

// fullRef is the full name of a branch or of any other ref, as somebody writes it.
func fullRef(flag, name string) (string, error) {
	if !strings.HasPrefix(name, "refs/") {
		name = "refs/heads/" + name
	}
	if err := names.CheckRef(name); err != nil {
		return "", fault.Usagef("%s: %w", flag, err)
	}
	return name, nil
}

// defaultBranch is the full name of origin's default branch, "" where this clone does not know it.
func (w *workspace) defaultBranch(ctx context.Context) string {
	return w.defaultBranchOf(ctx, "origin")
}

// defaultBranchOf is that of any remote.
func (w *workspace) defaultBranchOf(ctx context.Context, remote string) string {
	tracking := "refs/remotes/" + remote + "/"
	var head string
	var err error
	if w.repo != nil {
		head = w.written(tracking + "HEAD")
	} else {
		head, err = w.git(ctx, "symbolic-ref", "--quiet", tracking+"HEAD")
	}
	branch, ok := strings.CutPrefix(head, tracking)
	if err != nil || !ok || branch == "" || branch == "HEAD" {
		return ""
	}
	return "refs/heads/" + branch
}

// tips are the commits that a ref is at: as this clone last saw it at origin, and here.
func (w *workspace) tips(ref string) []string {
	var out []string
	for _, name := range []string{"refs/remotes/origin/" + strings.TrimPrefix(ref, "refs/heads/"), ref} {
		if id, err := w.repo.ResolveRevision(name); err == nil {
			out = append(out, id)
		}
	}
	return out
}

// tip is the commit of a branch as this clone last saw it at origin, else its own; "" for none.
func (w *workspace) tip(ref string) string {
	if ids := w.tips(ref); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// refOf is the full name of the ref on which a commit is acted on: --ref, else the branch or tag that
// the revision names, else the default branch where it holds the commit, else the branch checked out.
func (w *workspace) refOf(ctx context.Context, flag, rev, commit string) (string, error) {
	if flag != "" {
		return fullRef("--ref", flag)
	}
	rev = strings.TrimPrefix(rev, "refs/remotes/")
	for _, name := range []string{rev, "refs/heads/" + strings.TrimPrefix(rev, "origin/"), "refs/tags/" + rev} {
		if !strings.HasPrefix(name, "refs/") || strings.HasSuffix(name, "/HEAD") || names.CheckRef(name) != nil {
			continue
		}
		if slices.Contains(w.tips(name), commit) {
			return name, nil
		}
	}
	if branch := w.defaultBranch(ctx); branch != "" && w.holds(ctx, w.tip(branch), commit) {
		return branch, nil
	}
	if branch := w.head(); branch != "HEAD" && slices.ContainsFunc(w.tips(branch), func(tip string) bool { return w.holds(ctx, tip, commit) }) {
		return branch, nil
	}
	return "", fault.WithFix(fault.Usagef("it is not known which branch or tag leads to %s", commit), "name it with --ref, such as --ref main")
}

// holds reports whether a branch at tip leads to a commit, as far as that can be told here.
func (w *workspace) holds(ctx context.Context, tip, commit string) bool {
	if tip == "" {
		return false
	}
	held, err := w.repo.IsAncestor(ctx, commit, tip)
	return err == nil && held
}

// subjectOf is the first line of a commit's message where a statement can carry it, "" otherwise.
func (w *workspace) subjectOf(commit string) string {
	raw, err := w.repo.Commit(commit)
	if err != nil {
		return ""
	}
	c, err := gitobject.ParseCommit(raw)
	if err != nil {
		return ""
	}
	line := strings.TrimSpace(firstLine([]byte(c.Message)))
	if checkWhy(line) != nil {
		return ""
	}
	return line
}

// startOf is the first instant of what is signed now: whole seconds, in UTC.
func startOf(env *Env) time.Time { return env.Now().UTC().Truncate(time.Second) }
