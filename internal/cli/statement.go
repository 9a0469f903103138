package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/signing/gitobject"
	"github.com/remit-sh/remit/signing/keystore"
	"github.com/remit-sh/remit/verdict"
)

// What `remit pr`, `remit request` and `remit approve` have in common: who states something, under
// which delegation, about which commit and ref.

// within is a statement's one word for a place that takes so many characters. Where its chain stays behind,
// which is read from the delegation's ref then, that is published.
func within[C delegation.Claim](ctx context.Context, w *workspace, s *delegation.Signed[C], most int, place string) (*delegation.Signed[C], error) {
	fits, cut, err := issue.Fit(s, most, place)
	if err != nil || !cut {
		return fits, err
	}
	fmt.Fprintf(w.env.Stderr, "note: with its delegations the statement is too long for %s: they are read from %s\n", place, delegation.RefName(s.Bundle.Digest()))
	w.publish(ctx, s.Bundle.Digest())
	return fits, nil
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

// author is who makes a statement, and the keys that it is signed with.
type author struct {
	issue.Author
	ring *keystore.Ring
}

func (a *author) close() { a.ring.Close() }

// author finds out who makes a statement here: find chooses among the keys at hand. What it returns is to
// be closed after signing.
func (w *workspace) author(ctx context.Context, policyFile, repository string, find func(*issue.Place) (*issue.Issuer, error)) (*author, error) {
	p, err := w.issuingPolicy(policyFile)
	if err != nil {
		return nil, err
	}
	ring, err := openKeyring(w.env)
	if err != nil {
		return nil, err
	}
	a := &author{issue.Author{Policy: p, Now: w.env.Now()}, ring}
	if a.Issuer, err = find(w.place(p, ring)); err == nil {
		a.Repository, err = w.repositoryName(ctx, repository, p)
	}
	if err != nil {
		ring.Close()
		return nil, err
	}
	return a, nil
}

// stater finds the one whom --as names, or who is at work here.
func stater(as string) func(*issue.Place) (*issue.Issuer, error) {
	return func(at *issue.Place) (*issue.Issuer, error) {
		if as == "" {
			return at.Stater(nil)
		}
		named, err := principalNamed(at.Policy, as, names.Human, names.Agent)
		if err != nil {
			return nil, err
		}
		return at.Stater(named)
	}
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
	if issue.CheckWhy(line) != nil {
		return ""
	}
	return line
}
