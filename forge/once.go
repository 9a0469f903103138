package forge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-github/v62/github"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/inert"
)

// UseOnce uses a request up: it creates the ref that the request's nonce names, at a commit. Of all that
// try, GitHub lets one win; won says whether it was this one.
//
// Where the answer was lost and the ref stands, nobody can tell who made it: that is an [ErrAmbiguous],
// and not won. The request is used up then, and a new one is needed.
func (c *Client) UseOnce(ctx context.Context, repo, nonce, commit string) (won bool, err error) {
	at, err := parseRepository(repo)
	if err != nil {
		return false, err
	}
	if len(nonce) < 32 || len(nonce) > 128 || strings.Trim(nonce, "0123456789abcdef") != "" {
		return false, fmt.Errorf("%s is not a nonce: it must be 32 to 128 hexadecimal digits", inert.Quote(nonce))
	}
	if !isCommit(commit) {
		return false, fmt.Errorf("%s is not a full commit id", inert.Quote(commit))
	}
	won, err = c.makeRef(ctx, at, delegation.RequestRefs+nonce, commit)
	if err != nil {
		return false, fmt.Errorf("using the request %s up: %w", nonce, err)
	}
	return won, nil
}

// RecordDeploy records that a request, named by its nonce, let a commit through to an environment: it
// creates the ref that [delegation.Request.DeployedRef] names. One that is there already was made by
// somebody else, for the request was used up just now: that is an [ErrAmbiguous].
func (c *Client) RecordDeploy(ctx context.Context, repo, environment, nonce, commit string, when time.Time) error {
	at, err := parseRepository(repo)
	if err != nil {
		return err
	}
	ref := delegation.Request{Environment: environment, Nonce: nonce}.DeployedRef(when)
	if ref == "" {
		return fmt.Errorf("a deploy to %s by the request %s cannot be recorded: an environment and a nonce are needed", inert.Quote(environment), inert.Quote(nonce))
	}
	if !isCommit(commit) {
		return fmt.Errorf("%s is not a full commit id", inert.Quote(commit))
	}
	made, err := c.makeRef(ctx, at, ref, commit)
	if err == nil && !made {
		err = fmt.Errorf("%s: %w: the ref stands already", ref, ErrAmbiguous)
	}
	if err != nil {
		return fmt.Errorf("recording the deploy to %s: %w", inert.Quote(environment), err)
	}
	return nil
}

// makeRef creates a ref. Of all that try, GitHub lets one win.
func (c *Client) makeRef(ctx context.Context, at place, ref, commit string) (won bool, err error) {
	c.reserve(writeReserve) // reading must not use up what writing takes
	err = c.send(ctx, createRef, func(ctx context.Context) error {
		made, _, err := c.api.Git.CreateRef(ctx, at.owner, at.name, &github.Reference{Ref: &ref, Object: &github.GitObject{SHA: &commit}})
		if err == nil && (made.GetRef() != ref || made.GetObject().GetSHA() != commit) {
			err = fmt.Errorf("it made %s at %s", inert.Quote(made.GetRef()), inert.Quote(made.GetObject().GetSHA()))
		}
		return err
	}, func() (bool, error) {
		stands, err := c.stands(ctx, at, ref)
		if err == nil && stands {
			err = fmt.Errorf("%s: %w: GitHub's answer was lost, and the ref stands", ref, ErrAmbiguous)
		}
		return false, err
	})
	if errors.Is(err, ErrRefused) {
		// 422 is the answer for a ref that is there, and for some mistakes: the ref itself tells.
		stands, readErr := c.stands(ctx, at, ref)
		if readErr == nil && stands {
			return false, nil
		}
		err = errors.Join(err, readErr)
	}
	return err == nil, err
}

// stands reports whether a ref is there.
func (c *Client) stands(ctx context.Context, at place, ref string) (bool, error) {
	_, err := c.tip(ctx, at, ref)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
