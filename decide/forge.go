package decide

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

const (
	checkBudget  = 200 // requests to the API for a check
	deployBudget = 600 // and for a deploy, which may bring maxDeploySteps pull requests
	// MaxApprovals bounds the signed approvals that are read.
	MaxApprovals = 200
)

// OnForge is a repository on a forge, and what whoever asks hands over with a question about it.
type OnForge struct {
	Slug string // "owner/name"
	Name string // canonical: host/owner/name
	// PolicySlug is "owner/name" of the repository whose policy rules this one; "": its own.
	PolicySlug string
	// Approvals are signed approvals, each in its one word or as its file.
	Approvals []string
}

// forgeSide is one decision about a repository on a forge. What it remembers are facts, each asked for once.
type forgeSide struct {
	OnForge

	src    Sources
	api    *forge.Client
	mirror *gitrepo.Mirror // of the repository

	live       forge.Repository
	tips       map[string]string // of branches, by full name
	rulings    map[string]ruling // of the default branch, by its commit; "" for the policy's own repository
	begun      map[string]string // why a base's own policy does not count, by its full name; "": it does
	defaultTip string            // where the default branch was when it was first asked for

	strangersRead int // strangers' pull requests of which it was read what is said beside another

	asides []string // of sources, beside their answers
}

// onForge has a question answered with the sources of one decision.
func onSide(ctx context.Context, src Sources, at OnForge, budget int, ask func(*forgeSide) (Outcome, error)) Outcome {
	if src.Forge == nil || src.Mirror == nil {
		return undone(src, fault.Usagef("there is no forge to ask"))
	}
	f := &forgeSide{OnForge: at, src: src, tips: map[string]string{}, rulings: map[string]ruling{}, begun: map[string]string{}}
	o, err := f.ask(ctx, budget, ask)
	if err != nil {
		checks, head := o.Checks, o.Head
		o = f.failed(err, false)
		o.Head = head
		for _, c := range checks {
			c.Report = o.Report
			o.Checks = append(o.Checks, c)
		}
	}
	if f.api != nil {
		o.Read = f.api.Clock()
	}
	o.Notes = append(f.asides, o.Notes...)
	return o
}

func (f *forgeSide) ask(ctx context.Context, budget int, ask func(*forgeSide) (Outcome, error)) (o Outcome, err error) {
	if f.api, err = f.src.Forge(budget); err != nil {
		return o, err
	}
	if f.mirror, err = f.src.Mirror(ctx, f.Slug); err != nil {
		return o, err
	}
	defer func() {
		for _, w := range f.mirror.Warnings() {
			f.aside("%s", w)
		}
		_ = f.mirror.Close() // a temporary folder of ours
	}()
	return ask(f)
}

// repository learns what the repository is, once.
func (f *forgeSide) repository(ctx context.Context) (err error) {
	if f.live.DefaultRef == "" {
		f.live, err = f.api.Repository(ctx, f.Slug)
	}
	return err
}

// aside keeps something that somebody should know.
func (f *forgeSide) aside(format string, args ...any) {
	f.asides = append(f.asides, fmt.Sprintf(format, args...))
}

func (f *forgeSide) newReport() *verdict.Report {
	return &verdict.Report{Repository: f.Name, At: f.src.Now(), AtSource: ClockJudge}
}

// nothing is the outcome where there is nothing to judge.
func (f *forgeSide) nothing(format string, texts ...string) Outcome {
	r := f.newReport()
	r.Verdict = verdict.Allowed
	return Outcome{Report: r, Said: verdict.Sentence{Format: format, Texts: texts}}
}

// failed is the outcome where something kept the check from deciding; observe says that the policy by which
// was judged only observes.
func (f *forgeSide) failed(err error, observe bool) Outcome {
	j := f.undecided(err, observe)
	return Outcome{Report: j.report, Unusable: j.unusable}
}

// judged is the report about one thing that the check run of a head must hold for.
type judged struct {
	report   *verdict.Report
	first    bool // it was judged where no policy is in force yet
	unusable bool // a policy is there and cannot be used
}

// undecided is what is judged of something that could not be learned.
func (f *forgeSide) undecided(err error, observe bool) judged {
	r := couldNotLearn(err)
	r.Repository, r.At, r.AtSource, r.Observe = f.Name, f.src.Now(), ClockJudge, observe
	return judged{report: r, unusable: fault.KindOf(err) == fault.Usage}
}

// unruled is what is judged where there is no policy at all.
func (f *forgeSide) unruled() judged {
	return judged{report: unruled(f.src, f.Name, ClockJudge).Report, first: true}
}

// outcomeOf is the outcome of all that was judged for one base. It is bootstrap only where no policy is in
// force for any of it.
func outcomeOf(c Check, all []judged) Outcome {
	o := Outcome{Bootstrap: true}
	reports := make([]*verdict.Report, len(all))
	for i, j := range all {
		reports[i], o.Bootstrap, o.Unusable = j.report, o.Bootstrap && j.first, o.Unusable || j.unusable
	}
	o.Report = verdict.Merge(reports...)
	if o.Bootstrap {
		o.Said = howToStart(o.Report)
	}
	c.Report, c.Bootstrap, c.Said = o.Report, o.Bootstrap, o.Said
	o.Head, o.Checks = c.Head, []Check{c}
	return o
}

// checkOf is a check that a head may be merged into a base.
func (f *forgeSide) checkOf(head, base string, pulls ...int) Check {
	return Check{Head: head, Base: base, Default: base == f.live.DefaultRef, Pulls: pulls}
}

// howToStart says that nothing is enforced, and how that changes.
func howToStart(r *verdict.Report) verdict.Sentence {
	start := "no policy is in force yet, so nothing is enforced: the default branch never had a " + policy.FileName
	if r.PolicyFrom == "" {
		return verdict.Sentence{Format: start + "; write one with `remit init` and merge it"}
	}
	return verdict.Sentence{Format: start + "; below is what the one of this pull request would decide, which is in force once it is merged"}
}

// newSet makes the evidence of one decision, with the approvals that were handed over.
func (f *forgeSide) newSet(found *gitrepo.Collected) *evidence.Set {
	at := Clock{f.src.Now(), ClockJudge}
	set := newSet(found, evidence.SurfaceForge, f.Name, at)
	set.RepositoryID = f.live.ID
	for i, word := range f.Approvals {
		raw, ok, err := delegation.FindSigned([]byte(word))
		if !ok || err != nil {
			raw = []byte(word) // the checker says what is wrong with it
		}
		set.Approvals = append(set.Approvals, evidence.SignedApproval{
			Raw: raw, Source: fmt.Sprintf("the input approvals, number %d", i+1), Seen: at.seen(),
		})
	}
	return set
}

// seenAt is a time by the forge's clock.
func seenAt(t time.Time, by string) evidence.Seen { return evidence.Seen{Time: t, By: by} }

// rulingAt finds the policy for what goes to a ref, which was at the commit base before and would be at next, "" where
// that is not known. Another repository's rules all refs, where one is named.
func (f *forgeSide) rulingAt(ctx context.Context, ref, base, next string) (rulings, ruling, error) {
	rules, err := f.rules(ctx, ref, base)
	if err != nil {
		return rules, ruling{}, err
	}
	rule, err := rules.of(ctx, ref, base, next)
	return rules, rule, err
}

// rules tells which policy rules what. Where the default branch itself is asked about, its own is the one from
// that commit.
func (f *forgeSide) rules(ctx context.Context, ref, base string) (rulings, error) {
	if f.PolicySlug != "" {
		main, err := f.policyElsewhere(ctx)
		return rulings{defaultRef: f.live.DefaultRef, main: main}, err
	}
	tip := ""
	if ref == f.live.DefaultRef {
		tip = base
	}
	main, err := f.defaultPolicy(ctx, tip)
	return rulings{defaultRef: f.live.DefaultRef, main: main, from: f.policies(), chosen: f.chosenBy, id: f.live.ID}, err
}

// chosenBy asks who chose what a base began with: whoever made the branch, or moved it with force since. Only a
// human whom the default branch's policy names chooses the policy of a base by that. What came after it was
// judged, or the branch is not protected.
func (f *forgeSide) chosenBy(ctx context.Context, ref string, main *policy.Policy) (string, error) {
	if why, ok := f.begun[ref]; ok {
		return why, nil
	}
	began, found, err := f.api.Began(ctx, f.Slug, ref)
	if err != nil {
		return "", fault.Undecidedf("finding who made the base %s: %w", ref, err)
	}
	by, why := checker.Owner(main, began.By), ""
	switch {
	case !found:
		why = "the log of pushes does not tell who made it"
	case by == nil || by.Name.Kind() != names.Human:
		why = fmt.Sprintf("it was made, or moved with force, by the account %s, which is no human of the default branch's policy", inert.Quote(began.By.Login))
	}
	if f.begun[ref] = why; why != "" {
		f.aside("%s is judged by the policy of the default branch and not by its own, because %s. A human whom the policy names makes the branch anew, or moves it there, to have its own policy count", ref, why)
	}
	return why, nil
}

// policies reads policies of the repository.
func (f *forgeSide) policies() onForge {
	return onForge{f.mirror, func(ctx context.Context) (*gitrepo.Mirror, error) { return f.src.Mirror(ctx, f.Slug) }}
}

// defaultPolicy is the policy of the default branch, at a commit of it ("": where it is now).
func (f *forgeSide) defaultPolicy(ctx context.Context, tip string) (ruling, error) {
	ref := f.live.DefaultRef
	if tip == "" && f.defaultTip == "" {
		refs, err := f.mirror.Refs(ctx, ref)
		if err != nil {
			return ruling{}, fault.Undecidedf("finding the default branch: %w", err)
		}
		if f.defaultTip = refs[ref]; f.defaultTip == "" {
			return ruling{}, fault.Undecidedf("the default branch %s is not there", ref)
		}
	}
	if tip == "" {
		tip = f.defaultTip
	}
	if known, ok := f.rulings[tip]; ok {
		return known, nil
	}
	main, err := mainRuling(ctx, f.policies(), tip, "the default branch "+ref)
	if err != nil {
		return ruling{}, err
	}
	if main.lost != "" {
		f.aside("%s", main.lost)
	}
	f.rulings[tip] = main
	return main, nil
}

// policyElsewhere reads the policy of another repository, from its default branch.
func (f *forgeSide) policyElsewhere(ctx context.Context) (ruling, error) {
	if known, ok := f.rulings[""]; ok {
		return known, nil
	}
	slug := f.PolicySlug
	there, err := f.api.Repository(ctx, slug)
	if err != nil {
		return ruling{}, fault.Undecidedf("reading the repository of the policy: %w", err)
	}
	m, err := f.src.Mirror(ctx, slug)
	if err != nil {
		return ruling{}, fault.Undecidedf("reading the repository of the policy: %w", err)
	}
	defer func() { _ = m.Close() }() // a temporary folder of ours
	refs, err := m.Refs(ctx, there.DefaultRef)
	if err != nil {
		return ruling{}, fault.Undecidedf("reading the repository of the policy: %w", err)
	}
	tip := refs[there.DefaultRef]
	if tip == "" {
		return ruling{}, fault.Undecidedf("the default branch %s of %s is not there", there.DefaultRef, slug)
	}
	p, err := readPolicy(ctx, onForge{Mirror: m}, tip, slug+"/"+policy.FileName, slug)
	if err != nil {
		if strings.HasPrefix(err.Error(), ErrNoPolicy.Error()) {
			return ruling{}, fault.WithFix(fault.Undecidedf("%w, which the input policy-repository names: nothing says what is allowed", err),
				"have a maintainer commit a policy to its default branch")
		}
		return ruling{}, err
	}
	f.rulings[""] = ruling{policy: p}
	return f.rulings[""], nil
}
