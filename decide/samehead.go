package decide

import (
	"context"
	"errors"
	"fmt"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/forge"
)

// sameHead fills in what is said in other open pull requests of a pull request's head, wherever they go: whoever asks
// for changes there asks for them in these commits. Open are those that there are, and but reports of which what is
// said is put in otherwise.
func (f *forgeSide) sameHead(ctx context.Context, pr *evidence.PullRequest, open []forge.OpenPull, but func(forge.OpenPull) bool) {
	pr.SameHead, pr.SameHeadUnread = nil, ""
	read, left := 0, 0
	for _, p := range open {
		if p.Head != pr.Head || p.Number == pr.Number || but(p) {
			continue
		}
		stranger := p.Fork && f.unlisted(ctx, p)
		switch {
		case stranger && f.strangersRead >= maxStrangers:
			left++
			continue
		case stranger:
			f.strangersRead++
		case read == maxSameHead:
			pr.SameHeadUnread = fmt.Sprintf("more than %d have it", maxSameHead)
			return
		default:
			read++
		}
		said, err := f.api.Reviews(ctx, f.Slug, p.Number, f.mayCount(ctx))
		switch {
		case stranger && (errors.Is(err, forge.ErrCut) || errors.Is(err, forge.ErrBudget)): // whoever opened it can write what nobody reads
			f.aside("more was said in pull request #%d of a fork than is read: it is left out", p.Number)
			f.strangersRead += cutCounts - 1
		case err != nil:
			f.aside("what was said in pull request #%d, which has the head of #%d, could not be read: %v", p.Number, pr.Number, err)
			pr.SameHead = append(pr.SameHead, &evidence.PullRequest{Number: p.Number})
		case said.Open && said.Head == pr.Head:
			pr.SameHead = append(pr.SameHead, &evidence.PullRequest{Number: p.Number, Reviews: said.Reviews, Complete: true})
		}
	}
	if left > 0 {
		f.aside("what is said in %d more pull requests of the head of #%d is left out: they are from forks of people whom the policy does not name", left, pr.Number)
	}
}
