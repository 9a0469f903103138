package decide

import (
	"context"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/policy"
)

// Standing asks of a delegation that is here whether it holds now: what it denies, anything that is done under it
// would be denied for, whatever that is.
type Standing struct {
	Chain  delegation.Chain
	Policy *policy.Policy // that signing goes by
}

func (q Standing) decide(_ context.Context, src Sources) Outcome {
	scope := q.Chain[0].Scope
	set := &evidence.Set{At: src.Now(), AtSource: ClockHere, Surface: evidence.SurfaceClient, RepositoryID: scope.RepositoryID}
	if len(scope.Repositories) > 0 {
		set.Repository = scope.Repositories[0]
	}
	return Outcome{Report: checker.Foresee(q.Policy, set, q.Chain)}
}
