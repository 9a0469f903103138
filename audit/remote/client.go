package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
)

// How long it is tried.
const (
	timeout    = 90 * time.Second // of one try; the server answers when the entry is in the log
	maxTries   = 8
	firstPause = 100 * time.Millisecond
	maxPause   = 10 * time.Second
	maxAfter   = time.Minute // that a server may ask to wait
)

// client is an HTTP client that follows nobody: what is sent is for this server alone.
func client(given *http.Client) *http.Client {
	c := &http.Client{}
	if given != nil {
		*c = *given
	}
	if c.Timeout == 0 {
		c.Timeout = timeout
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// answer is what came back.
type answer struct {
	status int
	body   []byte
	after  time.Duration // that the server asks to wait
}

// send makes one request.
func send(c *http.Client, r *http.Request, limit int64) (_ *answer, err error) {
	resp, err := c.Do(r)
	if err != nil {
		return nil, fault.Undecidedf("asking the server %s: %s", inert.Word(r.URL.Host), inert.Error(withoutURL(err)))
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fault.Undecidedf("reading the answer of %s: %s", inert.Word(r.URL.Host), inert.Error(err))
	}
	if int64(len(body)) > limit {
		return nil, tooLong(r, limit)
	}
	a := &answer{status: resp.StatusCode, body: body}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		a.after = min(time.Duration(min(seconds, 3600))*time.Second, maxAfter)
	}
	return a, nil
}

// lengthError says that an answer is longer than any can be, which no try again mends.
type lengthError struct{ error }

func tooLong(r *http.Request, limit int64) error {
	return lengthError{fault.Undecidedf("the answer of %s has more than %d bytes", inert.Word(r.URL.Host), limit)}
}

// withoutURL is the cause of an error of package http, which repeats the URL.
func withoutURL(err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		return cause
	}
	return err
}

// passing reports whether a status may be another one in a while.
func passing(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500
}

// tries calls f, and again while what it meets may pass: f returns the answer, or an error of asking.
func tries(ctx context.Context, f func() (*answer, error)) (*answer, error) {
	pause := firstPause
	for try := 1; ; try++ {
		a, err := f()
		if err == nil && !passing(a.status) || errors.As(err, new(lengthError)) || errors.As(err, new(finalError)) || try == maxTries || ctx.Err() != nil {
			return a, err
		}
		wait := jittered(pause)
		if a != nil && a.after > wait {
			wait = a.after
		}
		select {
		case <-ctx.Done():
			return a, errors.Join(err, ctx.Err())
		case <-time.After(wait):
		}
		pause = min(2*pause, maxPause)
	}
}

// jittered is a pause of half to all of that length, so that those who wait do not come back together.
func jittered(pause time.Duration) time.Duration {
	var b [1]byte
	_, _ = rand.Read(b[:]) // never fails
	return pause/2 + pause/2*time.Duration(b[0])/256
}

// finalError is an error of the caller's, which no try again mends.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// refused is the error for an answer that is not what was asked for.
func refused(what string, a *answer) error {
	var r Refusal
	text := fmt.Sprintf("the server answers %d", a.status)
	if json.Unmarshal(a.body, &r) == nil && r.Message != "" {
		text += ": " + inert.Line(r.Message)
	}
	kind := fault.Undecidedf
	if !passing(a.status) {
		kind = fault.Refusedf
	}
	err := kind("%s: %s", what, text)
	if r.Fix != "" {
		return fault.WithFix(err, "%s", strings.TrimSuffix(inert.Line(r.Fix), "."))
	}
	return err
}

func get(ctx context.Context, c *http.Client, url, token string, limit int64) (*answer, error) {
	return tries(ctx, func() (*answer, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, finalError{err}
		}
		if token != "" {
			r.Header.Set("Authorization", bearer+token)
		}
		return send(c, r, limit)
	})
}

func post(ctx context.Context, c *http.Client, url string, header http.Header, body []byte) (*answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, finalError{err}
	}
	r.Header = header
	return send(c, r, MaxAnswer)
}
