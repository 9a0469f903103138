package forge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/remit-sh/remit/inert"
)

// transport makes one request at a time: it adds the token, counts, limits the answer's size, and asks
// with the ETag of an answer that it has.
type transport struct {
	next   http.RoundTripper
	host   string // the only one that is given the token
	token  string
	now    func() time.Time
	budget int
	used   int
	kept   map[string]answer // by URL
	clock  time.Time         // GitHub's, by the last answer that told it
}

// answer is an answer that GitHub may confirm by a 304.
type answer struct {
	etag   string
	header http.Header
	body   []byte
}

const maxKept = 4 << 20 // bytes of one answer that is kept

// exchange is what the client wants to know of a request beside go-github's result.
type exchange struct {
	status int           // 0: there was no answer
	after  time.Duration // how long GitHub asks to wait
	rate   bool          // the answer is about a rate limit
}

type exchangeKey struct{}

func withExchange(ctx context.Context) (context.Context, *exchange) {
	x := new(exchange)
	return context.WithValue(ctx, exchangeKey{}, x), x
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.used >= t.budget {
		return nil, fmt.Errorf("%w of %d requests", ErrBudget, t.budget)
	}
	if req.URL.Host != t.host {
		return nil, fmt.Errorf("a request to %s, which is not the API's host", inert.Quote(req.URL.Host))
	}
	t.used++
	req = req.Clone(req.Context())
	if t.token != "" {
		req.Header.Set("Authorization", "Bearer "+t.token)
	}
	key := req.URL.String()
	kept, has := t.kept[key]
	has = has && req.Method == http.MethodGet
	if has {
		req.Header.Set("If-None-Match", kept.etag)
	}
	res, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := readAll(res)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		t.clock = date
	}
	switch {
	case res.StatusCode == http.StatusNotModified && has:
		res.StatusCode, res.Status, res.Header, body = http.StatusOK, "200 OK", kept.header.Clone(), kept.body
	case res.StatusCode == http.StatusOK && req.Method == http.MethodGet:
		delete(t.kept, key)
		// What came truncated would be confirmed too.
		if etag := res.Header.Get("ETag"); etag != "" && len(body) <= maxKept && jsontext.Value(body).IsValid() {
			t.kept[key] = answer{etag: etag, header: res.Header.Clone(), body: body}
		}
	}
	if x, ok := req.Context().Value(exchangeKey{}).(*exchange); ok {
		x.read(res, t.now())
	}
	// go-github keeps a book of its own about limits, by this machine's clock, and would refuse
	// requests by it. This client keeps one.
	for _, name := range []string{"Retry-After", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"} {
		res.Header.Del(name)
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, nil
}

// readAll reads an answer to its end. A connection that breaks before that is an error.
func readAll(res *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if closeErr := res.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("%w: an answer of more than %d bytes", ErrCut, maxAnswer)
	}
	return body, nil
}

// read takes down what the answer says about limits. Times are by the server's clock where it shows it.
func (x *exchange) read(res *http.Response, now time.Time) {
	x.status = res.StatusCode
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		now = date
	}
	after := res.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(after); err == nil && seconds >= 0 {
		x.after = time.Duration(min(seconds, 1<<20)) * time.Second
	} else if at, err := http.ParseTime(after); err == nil {
		x.after = at.Sub(now)
	}
	if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusTooManyRequests {
		return
	}
	x.rate = after != "" || res.StatusCode == http.StatusTooManyRequests
	if res.Header.Get("X-Ratelimit-Remaining") != "0" {
		return
	}
	x.rate = true
	if reset, err := strconv.ParseInt(res.Header.Get("X-Ratelimit-Reset"), 10, 64); err == nil && after == "" {
		x.after = time.Unix(reset, 0).Sub(now) + time.Second // the reset's own second may still refuse
	}
}
