// Package decide collects and judges: one question in, one outcome out, the same for every surface.
//
// A question says what is to be decided: a pull request, a push that a server is to let in, a request to
// deploy. [Decide] gathers the evidence from the sources, chooses the policy (ruling.go, the one place that
// does), has package checker judge, and hands the outcome to the recorder before it returns it. Whatever keeps
// it from a verdict is an outcome too, and blocks. How an outcome is shown is the caller's.
//
// A new question is a type with a method decide, in a file of its own.
package decide

import (
	"context"
	"time"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/gitrepo"
)

// Sources are where a decision learns what is so. They are one decision's: a client of the forge has a
// budget, and a repository that is open remembers what it read.
type Sources struct {
	Now func() time.Time

	// Repo is the repository that is here, for questions about one. Bare says that it has no work tree.
	Repo *gitrepo.Repo
	Bare bool

	// Forge makes the client of a forge, which may send so many requests, and Mirror a mirror of one of its
	// repositories, given as "owner/name". Questions about a forge need both.
	Forge  func(budget int) (*forge.Client, error)
	Mirror func(ctx context.Context, slug string) (*gitrepo.Mirror, error)

	// Deploys tells what was deployed; nil: only marks do, which whoever may make tags can make.
	Deploys Deploys

	// Record is told each outcome before anybody acts on it; nil: nobody is.
	Record Recorder
}

// Recorder keeps outcomes, and sets Recorded in those that it kept, Statement where it signed one, and Notes. What could not be recorded is not allowed, unless the
// policy in force says that it may be. The outcome is not changed otherwise.
type Recorder interface {
	Record(ctx context.Context, o *Outcome) error
}

// Question is something to be decided: one of the types of this package that say so.
type Question interface {
	decide(ctx context.Context, src Sources) Outcome
}

// Decide answers a question. It always comes to an outcome: what it cannot learn, and a defect of its own,
// is no verdict, and blocks.
func Decide(ctx context.Context, src Sources, q Question) (o Outcome) {
	o = answer(ctx, src, q)
	if src.Record == nil {
		return o
	}
	if err := record(ctx, src.Record, &o); err != nil {
		return unrecorded(o, err)
	}
	return o
}

func record(ctx context.Context, to Recorder, o *Outcome) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Undecidedf("remit failed, which is a defect of it: %v", p)
		}
	}()
	return to.Record(ctx, o)
}

func answer(ctx context.Context, src Sources, q Question) (o Outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = undone(src, fault.Undecidedf("remit failed, which is a defect of it: %v", p))
		}
	}()
	return q.decide(ctx, src)
}

// Unanswerable is a question that could not even be asked, so that this too is an outcome, and is recorded.
type Unanswerable struct {
	Err        error
	Repository string
}

func (q Unanswerable) decide(_ context.Context, src Sources) Outcome {
	o := undone(src, q.Err)
	o.Report.Repository = q.Repository
	return o
}
