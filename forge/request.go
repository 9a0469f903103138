package forge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/google/go-github/v62/github"
)

const (
	perPage  = 100
	maxPages = 30 // of one list
	maxReads = 4  // of what must be seen twice alike
)

// get reads one thing, and tries again while that may help.
func (c *Client) get(ctx context.Context, op operation, path string, query url.Values, into any) (*github.Response, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	for try := 0; ; try++ {
		res, err := c.getOnce(ctx, op, path, into)
		if again, err := c.again(ctx, try, err); !again {
			return res, err
		}
	}
}

func (c *Client) getOnce(ctx context.Context, op operation, path string, into any) (*github.Response, error) {
	req, err := c.api.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	var body bytes.Buffer
	ctx, x := withExchange(ctx)
	res, err := c.api.Do(ctx, req, &body)
	if err == nil {
		// Strict: truncated text, duplicate names and names in another case are errors.
		err = json.Unmarshal(body.Bytes(), into)
		if err == nil && string(bytes.TrimSpace(body.Bytes())) == "null" {
			err = errors.New("null") // which would look like an empty list
		}
	}
	return res, c.explain(ctx, op, x, err)
}

// again reports whether a request should be made once more, after the pause that this takes. Otherwise
// its error is what it ends with.
func (c *Client) again(ctx context.Context, try int, err error) (bool, error) {
	var later *waitError
	if !errors.As(err, &later) || try+1 >= maxTries {
		return false, err
	}
	paused, waitErr := c.pause(ctx, try, later.after)
	if waitErr != nil {
		return false, waitErr
	}
	return paused, err
}

// list reads a list to its end. What is longer than maxPages is an [ErrCut], with what was read of it.
func list[T any](ctx context.Context, c *Client, op operation, path string, query url.Values) ([]T, error) {
	return listUntil(ctx, c, op, path, query, func([]T) bool { return false })
}

// listUntil reads a list as list does, or until what was read of it is enough.
func listUntil[T any](ctx context.Context, c *Client, op operation, path string, query url.Values, enough func(read []T) bool) ([]T, error) {
	all := []T{}
	if query == nil {
		query = url.Values{}
	}
	query.Set("per_page", strconv.Itoa(perPage))
	for page := 1; page <= maxPages; page++ {
		if page > 1 {
			query.Set("page", strconv.Itoa(page))
		}
		var items []T
		res, err := c.get(ctx, op, path, query, &items)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		// A full page may be the last one; without a link to the next that is asked, not assumed.
		if res.NextPage == 0 && len(items) < perPage || enough(all) {
			return all, nil
		}
	}
	return all, fmt.Errorf("%s: %w: more than %d", op, ErrCut, maxPages*perPage)
}

// stable reads until two reads agree. GitHub answers from copies that lag behind, and lists may change
// while their pages are read: what is seen twice alike was so at one time. The second read carries
// ETags, so that it costs time and no quota. Same says what is alike.
func stable[T any](what string, read func() (T, error), same func(a, b T) bool) (T, error) {
	last, err := read()
	for range maxReads - 1 {
		if err != nil {
			return last, err
		}
		var next T
		next, err = read()
		if err == nil && same(last, next) {
			return next, nil
		}
		last = next
	}
	if err == nil {
		err = &waitError{what, "it changed each time that it was read", 0}
	}
	return last, err
}

// alike is what equal things are.
func alike[T any](a, b T) bool { return reflect.DeepEqual(a, b) }

// send makes a write. Before it is tried again, applied reads back whether it had its effect although
// its answer was lost; nil where making it twice is the same as once.
func (c *Client) send(ctx context.Context, op operation, do func(context.Context) error, applied func() (bool, error)) error {
	for try := 0; ; try++ {
		sendCtx, x := withExchange(ctx)
		err := c.explain(ctx, op, x, do(sendCtx))
		again, err := c.again(ctx, try, err)
		if !errors.Is(err, ErrUnavailable) {
			return err
		}
		if applied != nil {
			done, readErr := applied()
			if readErr != nil {
				return errors.Join(err, readErr)
			}
			if done {
				return nil
			}
		}
		if !again {
			return err
		}
	}
}
