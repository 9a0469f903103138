package record

import (
	"context"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/decide"
)

// Deploys is what a log says was let through to an environment last, the latest last, for [decide.Deploys].
func Deploys(ctx context.Context, l *log.Log, environment string) ([]decide.Deploy, error) {
	found, err := l.Deploys(ctx, environment)
	if err != nil {
		return nil, err
	}
	var list []decide.Deploy
	for _, f := range found {
		e, err := audit.Parse(f.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, decide.Deploy{Commit: e.Question.Head, Nonce: e.Question.Nonce, At: e.Time})
	}
	return list, nil
}
