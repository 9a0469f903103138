package decide

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/gitobject"
	"github.com/remit-sh/remit/verdict"
)

// Receive asks whether a server may let a push in: all of its refs, or none.
type Receive struct {
	Updates []gitrepo.RefUpdate // as git tells the server's hook
	Pusher  *evidence.Pusher    // by the server's word; nil: it says nothing
	// PusherUnsaid is where the server says who pushes and said nothing; "": it said it, or never does.
	PusherUnsaid string
	// Repository is the administrator's word for what this repository is called; "": what the policy rules.
	Repository string
	// RootKey is the authorized_keys line of the human who must sign the first policy.
	RootKey string
	// Policy is where the policy is read, if that is another repository; nil: from this one's default branch.
	Policy *PolicyPlace

	// Approvals are signed approvals that were handed over with the push, beside those that are published.
	Approvals []evidence.SignedApproval

	// Enforced is the branch whose policy was enforced here so far, "" for none, and EnforcedIn the file that
	// says so.
	Enforced, EnforcedIn string
}

// PolicyPlace is a policy in another repository of the same server.
type PolicyPlace struct {
	GitDir string
	Ref    string // "": its default branch
	File   string // "": the usual name
}

// receiver is a push under judgement.
type receiver struct {
	*Receive

	src        Sources
	repo       *gitrepo.Repo
	updates    []gitrepo.RefUpdate // of refs that are written
	refs       map[string]string   // from before the push
	defaultRef string
	enforced   string
	name       string // of the repository, by the policy; "" where that is not known
	notes      []string
}

func (q Receive) decide(ctx context.Context, src Sources) Outcome {
	r := &receiver{Receive: &q, src: src, repo: src.Repo}
	o, err := r.judge(ctx)
	if err != nil {
		o = undone(src, err)
		o.Report.Repository = cmp.Or(q.Repository, r.name)
	}
	o.Notes, o.Enforced = append(r.notes, o.Notes...), r.enforced
	return o
}

// judge reads the push once, and judges what of it each policy rules.
func (r *receiver) judge(ctx context.Context) (Outcome, error) {
	if err := r.look(); err != nil {
		return Outcome{}, err
	}
	rules, err := r.rulings(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if rules.main.first {
		return r.firstPolicy(ctx, rules)
	}
	if rules.from != nil && !rules.main.policy.Settings.Observe {
		r.enforced = r.defaultRef // whatever becomes of the push
	}
	r.name = byName(r.Repository)(rules.main.policy)
	if rules.main.lost != "" {
		r.notes = append(r.notes, rules.main.lost)
	}
	if err := rules.wakesByPush(ctx, r.refs, r.updates); err != nil {
		return Outcome{}, err
	}
	all, err := rules.shares(ctx, r.updates, func(u gitrepo.RefUpdate) string { return r.refs[u.Ref] })
	if err != nil {
		return Outcome{}, err
	}
	found, err := r.repo.CollectPush(ctx, r.updates, gitrepo.CollectOptions{
		CountLines: needsLines(all), Land: asksForPaths(all), Delegations: namedBy(r.Pusher), LongLived: longLived(rules.main.policy, rules.defaultRef),
	})
	if err != nil {
		return Outcome{}, fault.Undecidedf("reading the push: %w", err)
	}
	approvals, err := approvalsOf(r.repo, found, Clock{r.src.Now(), ClockServer})
	if err != nil {
		return Outcome{}, err
	}
	report, err := judgeShares(all, found, func(p *policy.Policy, part *gitrepo.Collected) (*evidence.Set, error) {
		set, err := r.evidence(ctx, rules, p, part)
		if err == nil {
			set.Approvals = append(slices.Clone(r.Approvals), byHumans(p, approvals)...)
		}
		return set, err
	})
	if err != nil {
		return Outcome{}, err
	}
	r.remember(rules, all, report)
	return Outcome{Report: report}, nil
}

// remember keeps which branch the policy is read from where a base's policy is enforced, or any is because of the push. While all of them observe HEAD may be moved, since nothing is loosened by that.
func (r *receiver) remember(rules rulings, all []share, report *verdict.Report) {
	if rules.from == nil || r.enforced != "" {
		return
	}
	enforces := slices.ContainsFunc(all, func(s share) bool { return !s.policy.Settings.Observe })
	for _, u := range r.updates {
		if enforces || report.ExitCode() != verdict.ExitAllow {
			break
		}
		if u.New != "" && (u.Ref == r.defaultRef || rules.listed(u.Ref)) {
			text, err := r.repo.File(u.New, policy.FileName)
			enforces = err == nil && policy.MayEnforce(text)
		}
	}
	if enforces {
		r.enforced = r.defaultRef
	}
}

// besideTheLog refuses a push to where the server keeps its log while there is no policy, which refuses it else: what
// stands there then is in the log's way.
func (r *receiver) besideTheLog() error {
	if r.refs[r.defaultRef] != "" {
		return nil
	}
	folder := strings.TrimSuffix(names.AuditBranch, "/log")
	for _, u := range r.updates {
		if u.New != "" && (u.Ref == folder || strings.HasPrefix(u.Ref, folder+"/")) {
			return fault.WithFix(fault.Refusedf("%s is where this server keeps its audit log, and nobody else writes there", u.Ref), "name the branch otherwise")
		}
	}
	return nil
}

// look finds out what the push writes, and what there was before it.
func (r *receiver) look() (err error) {
	if err := r.written(); err != nil {
		return err
	}
	if r.refs, err = r.repo.ReceiverRefs(r.updates); err != nil {
		return fault.Undecidedf("reading the refs of this repository: %w", err)
	}
	maps.DeleteFunc(r.refs, func(ref, _ string) bool { return names.InAuditLog(ref) }) // nobody's, and nothing is judged by it
	if r.defaultRef, err = r.repo.DefaultRef(); err != nil {
		return fault.Undecidedf("finding the default branch: %w", err)
	}
	if err := r.besideTheLog(); err != nil {
		return err
	}
	if err := r.named(); err != nil {
		return err
	}
	return r.sameTrunk()
}

// named completes the digest that the push names for itself, where it was cut short and only one delegation begins
// so. Else it stays as it is: the checker says what is wrong with it.
func (r *receiver) named() error {
	if r.Pusher == nil {
		return nil
	}
	short, ok := delegation.ShortDigest(r.Pusher.Delegation)
	if !ok {
		return nil
	}
	like, err := r.repo.DigestsLike(short, r.updates)
	if err != nil {
		return fault.Undecidedf("reading the refs of this repository: %w", err)
	}
	if len(like) == 1 {
		whole := *r.Pusher
		whole.Delegation = like[0]
		r.Pusher = &whole
	}
	return nil
}

// evidence makes the evidence of what of the push is judged by one policy.
func (r *receiver) evidence(ctx context.Context, rules rulings, p *policy.Policy, found *gitrepo.Collected) (*evidence.Set, error) {
	set := newSet(found, evidence.SurfaceServer, byName(r.Repository)(p), Clock{r.src.Now(), ClockServer})
	set.Pusher, set.PusherUnsaid = r.Pusher, r.PusherUnsaid
	addWorkflows(ctx, p, r.repo, set, r.refs[r.defaultRef])
	rules.addPolicies(p, set, byName(r.Repository), func(commit string) ([]byte, error) { return r.repo.File(commit, policy.FileName) })
	return set, addReferences(ctx, p, r.repo, set)
}

// rulings tells which policy rules what of the push: as they were before it, or of another repository that
// the administrator named.
func (r *receiver) rulings(ctx context.Context) (rulings, error) {
	rules := rulings{defaultRef: r.defaultRef}
	if key, err := signing.ParseAuthorizedKey(r.RootKey); err == nil {
		rules.root = key.Fingerprint()
	}
	if r.Policy != nil {
		p, err := r.policyElsewhere()
		rules.main.policy = p
		return rules, err
	}
	from := inRepo{r.repo, true}
	rules.from = from
	tip := r.refs[r.defaultRef]
	if tip == "" {
		rules.main.first = true
		return rules, r.trunkGone(ctx)
	}
	var err error
	rules.main, err = mainRuling(ctx, from, tip, "the default branch")
	return rules, err
}

func (r *receiver) policyElsewhere() (*policy.Policy, error) {
	// Its objects are its own: what git says of the push does not belong to it.
	misplaced := func(format string, args ...any) error {
		return fault.WithFix(&PlaceError{fault.Undecidedf(format, args...)},
			"an administrator of this server names where it is: `remit hooks install --server --policy-repository DIR --policy-ref REF`")
	}
	other, err := gitrepo.Open(gitrepo.Options{GitDir: r.Policy.GitDir, Env: []string{}})
	if err != nil {
		return nil, misplaced("opening the policy's repository: %w", err)
	}
	defer func() { _ = other.Close() }() // only read from
	ref := r.Policy.Ref
	if ref == "" {
		if ref, err = other.DefaultRef(); err != nil {
			return nil, misplaced("finding the policy's default branch: %w", err)
		}
	}
	commit, err := other.ResolveRevision(ref)
	if err != nil {
		return nil, misplaced("finding %s in the policy's repository: %w", ref, err)
	}
	file := r.Policy.File
	if file == "" {
		file = policy.FileName
	}
	src, err := other.File(commit, file)
	if err != nil {
		return nil, fault.WithFix(fault.Undecidedf("reading %s in the policy's repository: %w", file, err), "have a maintainer push a valid one to %s there", ref)
	}
	p, err := policy.Read(src, file)
	if err != nil {
		return nil, fault.WithFix(fault.Usagef("%w", err), "see `remit policy explain` for the language")
	}
	return p, nil
}

// written names the refs that git will write: it tells a hook the name that was pushed to, and where
// that is a symbolic ref writes the one at its end.
func (r *receiver) written() error {
	for _, u := range r.Updates {
		ref, err := r.repo.Written(u.Ref)
		if err != nil {
			return fault.WithFix(fault.Undecidedf("finding out what a push to %s writes: %w", u.Ref, err),
				"push to the branch itself; an administrator of this server removes the symbolic ref with `git symbolic-ref -d`")
		}
		if ref != u.Ref {
			r.notes = append(r.notes, fmt.Sprintf("%s is a symbolic ref here: what is pushed to it is judged as pushed to %s.", u.Ref, ref))
			u.Ref = ref
		}
		same := slices.IndexFunc(r.updates, func(o gitrepo.RefUpdate) bool { return o.Ref == u.Ref })
		switch {
		case same < 0:
			r.updates = append(r.updates, u)
		case r.updates[same] != u:
			return fault.WithFix(fault.Undecidedf("%s is to get two values at once, by two of its names", u.Ref), "push to one of the names")
		}
	}
	return nil
}

// sameTrunk refuses to take the policy from another branch than before: where HEAD was moved, nothing of
// what comes in says so, and the other branch may have no policy, or one that anybody could push.
func (r *receiver) sameTrunk() error {
	if r.Policy != nil || r.Enforced == "" || r.Enforced == r.defaultRef {
		return nil
	}
	if r.refs[r.defaultRef] == "" {
		return fault.WithFix(fault.Undecidedf("the policy of %s was enforced here so far, and HEAD leads to %s, which is not there", r.Enforced, r.defaultRef),
			"an administrator of this server points HEAD back (`%s`); where %s is to be the default branch, they make it (`git update-ref %s %s`) and remove %s",
			r.pointHead(r.Enforced), r.defaultRef, r.repo.Stored(r.defaultRef), r.repo.Stored(r.Enforced), r.EnforcedIn)
	}
	return fault.WithFix(fault.Undecidedf("the policy of %s was enforced here so far, and HEAD leads to %s now", r.Enforced, r.defaultRef),
		"an administrator of this server points HEAD back (`%s`), or removes %s where %s is to be the default branch",
		r.pointHead(r.Enforced), r.EnforcedIn, r.defaultRef)
}

// pointHead is the command by which an administrator makes a branch the default one.
func (r *receiver) pointHead(ref string) string {
	return "git symbolic-ref " + r.repo.Stored("HEAD") + " " + r.repo.Stored(ref)
}

// trunkGone refuses a push where HEAD leads to a branch that is not there, and a policy was in force here, or is
// taken to be by whoever brought it. What is pushed then is not the first policy: the default branch may have been
// deleted or renamed, and an old policy that the root key once signed would be in force again.
func (r *receiver) trunkGone(ctx context.Context) error {
	if r.Enforced != "" {
		return fault.WithFix(fault.Undecidedf("the policy of %s was enforced here so far, and that branch is not there any more: nothing says what is allowed", r.defaultRef),
			"an administrator of this server puts it back (`git update-ref %s COMMIT`), or points HEAD at the branch that is to be the default one (`%s`) and removes %s",
			r.repo.Stored(r.defaultRef), r.pointHead("refs/heads/BRANCH"), r.EnforcedIn)
	}
	ref, how, err := r.branchWithPolicy(ctx, r.refs)
	if err != nil {
		return err
	}
	if ref != "" && r.mayHaveEnforced(ctx) {
		return fault.WithFix(fault.Undecidedf("%s %s a %s, and HEAD of this server leads to %s, which is not there: it is not known which the default branch is", ref, how, policy.FileName, r.defaultRef),
			"an administrator of this server points HEAD at the default branch (`%s`), or makes %s (`git update-ref %s COMMIT`)",
			r.pointHead(trunkLike(ref, how)), r.defaultRef, r.repo.Stored(r.defaultRef))
	}
	pushed := map[string]string{}
	for _, u := range r.updates {
		if pushed[u.Ref] = u.New; u.Ref == r.defaultRef && u.New != "" {
			return nil // it comes with this push
		}
	}
	if ref, how, err = r.branchWithPolicy(ctx, pushed); err != nil || ref == "" {
		return err
	}
	return fault.WithFix(fault.Undecidedf("%s %s a %s, and HEAD of this server leads to %s, which is not there: it is not known which the default branch is", ref, how, policy.FileName, r.defaultRef),
		"somebody pushes %s first, or an administrator of this server points HEAD at the default branch (`%s`)", r.defaultRef, r.pointHead(trunkLike(ref, how)))
}

// mayHaveEnforced reports whether a policy that any branch ever had may have been enforced. Where none was, whoever
// deleted the default branch took nothing away that blocked, and the root key's first policy puts it back. What cannot be
// told may have been.
func (r *receiver) mayHaveEnforced(ctx context.Context) bool {
	seen := map[string]bool{}
	for _, ref := range slices.Sorted(maps.Keys(r.refs)) {
		tip := r.refs[ref]
		if !strings.HasPrefix(ref, "refs/heads/") || seen[tip] {
			continue
		}
		if seen[tip] = true; len(seen) > maxPolicies {
			return true
		}
		enforced := false
		err := inRepo{r.repo, true}.everFile(ctx, tip, func(_ string, text []byte) bool {
			enforced = policy.MayEnforce(text)
			return !enforced
		})
		if err != nil || enforced {
			return true
		}
	}
	return false
}

// trunkLike is what to write for the default branch: a branch that has a policy may be it.
func trunkLike(ref, how string) string {
	if how == "has" {
		return ref
	}
	return "refs/heads/BRANCH"
}

// branchWithPolicy names a branch, if there is one, whose head has a policy, else one whose history has, and says
// how as a verb.
func (r *receiver) branchWithPolicy(ctx context.Context, refs map[string]string) (ref, how string, err error) {
	var branches, tips []string
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		if strings.HasPrefix(ref, "refs/heads/") && refs[ref] != "" {
			branches, tips = append(branches, ref), append(tips, refs[ref])
		}
	}
	had, err := r.repo.EverHadAny(ctx, tips, policy.FileName)
	if err != nil {
		return "", "", fault.Undecidedf("finding out whether a branch ever had a %s, while %s, to which HEAD leads, is not there: %w", policy.FileName, r.defaultRef, err)
	}
	if !had {
		return "", "", nil
	}
	for i, ref := range branches {
		if _, err := r.repo.File(tips[i], policy.FileName); err == nil {
			return ref, "has", nil
		}
	}
	for i, ref := range branches {
		if had, err := r.repo.EverHad(ctx, tips[i], policy.FileName); err == nil && had {
			return ref, "had", nil
		}
	}
	return "a branch", "had", nil
}

// firstPolicy lets a push into a repository without a policy, in which nothing is enforced yet.
// A push that brings the first policy must be signed by the root key: from then on it rules.
func (r *receiver) firstPolicy(ctx context.Context, rules rulings) (Outcome, error) {
	o := unruled(r.src, byName(r.Repository)(&policy.Policy{}), ClockServer)
	for _, u := range r.updates {
		if u.Ref != r.defaultRef || u.New == "" {
			continue
		}
		p, err := policyAt(ctx, inRepo{r.repo, true}, u.New, "this push")
		if errors.Is(err, ErrNoPolicy) {
			if err := r.neverHad(ctx, u.New); err != nil {
				return o, err
			}
			continue
		}
		if err != nil {
			return o, err // invalid: it would lock everybody out
		}
		name := byName(r.Repository)(p)
		if o.Report.Repository, r.name = name, name; !p.Rules(name) {
			return o, fault.WithFix(fault.Refusedf("the policy of this push is not for this repository: %s", notRuled(p, name, 0)),
				"push a policy for %s, or have an administrator install the hook with another --repository", cmp.Or(name, "none"))
		}
		if err := r.signedByRoot(u.New); err != nil {
			return o, fault.WithFix(fault.Refusedf("the first %s must be signed by the root key of this server: %w", policy.FileName, err),
				"have the holder of %s sign the commit at the head of the push", r.rootFingerprint())
		}
		if err := r.changeable(p); err != nil {
			return o, err
		}
		if err := rules.wakesByPush(ctx, r.refs, r.updates); err != nil {
			return o, err
		}
		o.Said = verdict.Sentence{Format: "the policy of %s is in force from now on", Texts: []string{p.Repository}}
		return o, nil
	}
	o.Notes = []string{fmt.Sprintf("%s has no %s yet, so that nothing is enforced.", r.defaultRef, policy.FileName)}
	return o, nil
}

// neverHad refuses a history in which a policy came and went: from then on a policy would be missing,
// and every push refused, without anybody who may bring one having said so.
func (r *receiver) neverHad(ctx context.Context, commit string) error {
	had, err := r.repo.EverHad(ctx, commit, policy.FileName)
	if err != nil {
		return fault.Undecidedf("finding out whether the push brings a %s: %w", policy.FileName, err)
	}
	if had {
		return fault.WithFix(fault.Refusedf("this push brings a %s and takes it away again: every push after it would be refused", policy.FileName),
			"push a history without it, or one that keeps it, with its head signed by the root key %s", r.rootFingerprint())
	}
	return nil
}

// signedByRoot verifies that the root key signed a commit.
func (r *receiver) signedByRoot(commit string) error {
	root, err := signing.ParseAuthorizedKey(r.RootKey)
	if err != nil {
		return fmt.Errorf("the configured root key is not usable: %w", err)
	}
	raw, err := r.repo.Commit(commit)
	if err != nil {
		return err
	}
	c, err := gitobject.ParseCommit(raw)
	if err != nil {
		return err
	}
	if c.Signature == nil {
		return fmt.Errorf("commit %s is not signed", commit)
	}
	sig, err := signing.ParseSSHSIG(c.Signature)
	if err != nil {
		return err
	}
	return sig.VerifyWith(root, c.Payload, signing.NamespaceGit)
}

func (r *receiver) rootFingerprint() string {
	key, err := signing.ParseAuthorizedKey(r.RootKey)
	if err != nil {
		return "the root key"
	}
	return key.Fingerprint()
}
