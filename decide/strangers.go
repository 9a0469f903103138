package decide

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/inert"
)

// Anybody may open a pull request of any commit that they can read: from a fork, with the head of somebody
// else's. A check run stands on the commit, so theirs must not turn the other's, and a success must still hold
// for whatever the commit may be merged into.
//
// For the same base nothing lands with a stranger's pull request that does not land with the other one: the same
// commits, judged by the same policy, with the approvals that the other has. What would be said of the
// stranger's beside that is said of who opened it, of what they wrote into it and of what they called their
// branch. Only one thing is about the commits: that somebody asked for changes there. It is put to the other
// one's gates, as if it had been said there.
//
// For another base other things land and another policy may rule. There it is judged as if whoever opened the
// other one had opened it, with its own reviews.

// maxStrangers bounds the strangers' pull requests whose reviews are read. Each takes several requests, and
// whoever opens them must not use up what there is for the others.
const maxStrangers = 10

// cutCounts is for how many of them one counts in which more was said than is read: it took as many requests.
const cutCounts = 3

// apart parts the pull requests of strangers from the others: those from forks whose author the policy of their
// base does not know. Where there is none but theirs, they are judged like any.
func (f *forgeSide) apart(ctx context.Context, open []forge.OpenPull) (own, strangers []forge.OpenPull, err error) {
	if !slices.ContainsFunc(open, func(p forge.OpenPull) bool { return p.Fork }) || len(open) < 2 {
		return open, nil, nil
	}
	if err := f.repository(ctx); err != nil {
		return nil, nil, err
	}
	for _, p := range open {
		if p.Fork && f.unlisted(ctx, p) {
			strangers = append(strangers, p)
		} else {
			own = append(own, p)
		}
	}
	if len(own) == 0 {
		return open, nil, nil
	}
	return own, strangers, nil
}

// unlisted reports whether no principal of its base's policy opened a pull request. Where that cannot be told, it
// is nobody's to set aside.
func (f *forgeSide) unlisted(ctx context.Context, p forge.OpenPull) bool {
	tip, err := f.tipOf(ctx, p.BaseRef)
	if err != nil {
		return false
	}
	_, rule, err := f.rulingAt(ctx, p.BaseRef, tip, "")
	if err != nil || rule.first || rule.policy == nil {
		return false
	}
	return checker.Owner(rule.policy, p.Author) == nil
}

// strange is what was judged of a stranger's pull request.
type strange struct {
	number int
	base   string
	all    []judged
}

// judgeStrangers judges what the pull requests of strangers add to those of others with the same head, the
// leads, where theirs are still open with that head.
func (f *forgeSide) judgeStrangers(ctx context.Context, head string, open []forge.OpenPull, leads []*livePull, known *livePull) (all []strange) {
	read, elsewhere := 0, 0
	for _, p := range open {
		var said forge.PullReviews
		if leadOf(leads, p.BaseRef) != nil {
			if read++; read > maxStrangers {
				continue
			}
			var err error
			said, err = f.api.Reviews(ctx, f.Slug, p.Number, f.mayCount(ctx))
			if errors.Is(err, forge.ErrCut) || errors.Is(err, forge.ErrBudget) { // whoever opened it can write what nobody reads
				f.aside("more was said in pull request #%d of a fork than is read: it is left out", p.Number)
				read += cutCounts - 1
				continue
			}
			if err != nil {
				all = append(all, strange{p.Number, p.BaseRef, []judged{f.undecided(err, false)}})
				continue
			}
			if !said.Open || said.Head != head {
				continue
			}
			p.BaseRef = said.BaseRef // the list may lag behind
		}
		if lead := leadOf(leads, p.BaseRef); lead != nil {
			all = append(all, strange{p.Number, p.BaseRef, f.judgeBeside(ctx, p, lead, said.Reviews)})
			continue
		}
		if elsewhere++; elsewhere > maxSameHead {
			err := fault.Undecidedf("more than %d open pull requests from forks have this head, for bases that no other is for: %w", maxSameHead, forge.ErrCut)
			return append(all, strange{p.Number, p.BaseRef, []judged{f.undecided(fault.WithFix(err, "close those that nobody wants, and run the check again"), false)}})
		}
		if j, ok := f.judgeElsewhere(ctx, head, p, leads, known); ok {
			all = append(all, strange{p.Number, p.BaseRef, []judged{j}})
		}
	}
	if read > maxStrangers {
		f.aside("%d pull requests of this head are from forks of people whom the policy does not name: what is said in all but the first %d of them is left out", read, maxStrangers)
	}
	return all
}

// judgeBeside judges what a stranger's pull request adds to the one with the same head and base: requests for
// changes, and as a rule nothing.
func (f *forgeSide) judgeBeside(ctx context.Context, p forge.OpenPull, lead *livePull, said []evidence.Review) []judged {
	f.aside("pull request #%d has the head and the base of #%d, and the account %s opened it from a fork, whom the policy does not name: nothing but requests for changes counts of it",
		p.Number, lead.Number, inert.Word(p.Author.Login))
	objections := objectionsOf(said)
	if len(objections) == 0 {
		return nil
	}
	as := *lead
	as.Number, as.Reviews = p.Number, inOrder(lead.Reviews, objections)
	return []judged{f.judgeAs(ctx, &as, p, lead)}
}

// judgeElsewhere judges a stranger's pull request for a base that no other has, as if whoever opened the first of
// the others had opened it; ok is false where there is nothing to judge.
func (f *forgeSide) judgeElsewhere(ctx context.Context, head string, p forge.OpenPull, leads []*livePull, known *livePull) (j judged, ok bool) {
	pr := known
	if pr == nil || pr.Number != p.Number {
		var err error
		if pr, err = f.readPull(ctx, p.Number); err != nil {
			return f.undecided(err, false), true
		}
	}
	switch {
	case !pr.Open || pr.Head != head:
		return judged{}, false
	case len(leads) == 0:
		return f.judgePull(ctx, pr), true
	}
	lead := leads[0]
	as := *pr
	as.Author, as.Created, as.Statement, as.StatementWhy = lead.Author, lead.Created, nil, ""
	as.HeadRepository, as.HeadRef, as.Pushes = lead.HeadRepository, lead.HeadRef, lead.Pushes
	as.Reviews = slices.DeleteFunc(slices.Clone(pr.Reviews), func(r evidence.Review) bool { return r.By.ID == pr.Author.ID })
	as.Complete, as.gaps = pr.Complete && lead.Complete, append(slices.Clone(pr.gaps), lead.gaps...)
	return f.judgeAs(ctx, &as, p, lead), true
}

// judgeAs judges a stranger's pull request as if it were another, and says so.
func (f *forgeSide) judgeAs(ctx context.Context, pr *livePull, p forge.OpenPull, lead *livePull) judged {
	j := f.judgePull(ctx, pr)
	if j.report == nil {
		return j
	}
	for i := range j.report.Acts {
		if a := &j.report.Acts[i]; a.Subject == fmt.Sprintf("#%d", p.Number) {
			a.Evidence = fmt.Sprintf("the account %s opened it from a fork, whom the policy does not name; judged as if it had been opened as #%d was", inert.Word(p.Author.Login), lead.Number)
		}
	}
	return j
}

// leadOf is the first of some pull requests that is for a base, nil for none.
func leadOf(leads []*livePull, baseRef string) *livePull {
	for _, pr := range leads {
		if pr.BaseRef == baseRef {
			return pr
		}
	}
	return nil
}

// objectionsOf are the requests for changes that are their givers' last word.
func objectionsOf(reviews []evidence.Review) []evidence.Review {
	var out []evidence.Review
	for _, r := range reviews { // in the order in which they were submitted
		if r.State == "COMMENTED" {
			continue
		}
		out = slices.DeleteFunc(out, func(earlier evidence.Review) bool { return earlier.By.ID == r.By.ID })
		if r.State == "CHANGES_REQUESTED" {
			out = append(out, r)
		}
	}
	return out
}

// inOrder joins reviews in the order in which they were submitted.
func inOrder(a, b []evidence.Review) []evidence.Review {
	out := append(slices.Clone(a), b...)
	slices.SortStableFunc(out, func(a, b evidence.Review) int { return a.At.Compare(b.At) })
	return out
}
