// Package forge collects evidence from GitHub and posts there the check runs that it is handed, over
// go-github. It knows no verdicts.
//
// What it returns are facts as the forge tells them now, never an event's payload. What could not be
// learned is an [evidence.Gap] or an error: an answer that failed, was cut short or may not be read
// never looks like an empty list. Of what GitHub tells only part is proof; [evidence.PullRequest] and
// the checker say which.
//
// Requests go one after another, as GitHub asks. Reads are tried again within a bound; a write is tried
// again only after it was read back that it had no effect.
package forge

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v62/github"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

const (
	defaultURL     = "https://api.github.com"
	defaultBudget  = 60
	defaultMaxWait = 2 * time.Minute
	userAgent      = "remit"

	requestTime = time.Minute // for one request with its answer
	maxAnswer   = 32 << 20    // bytes
	maxTries    = 4           // of one request
	firstDelay  = 500 * time.Millisecond
)

// Options say how to reach the forge.
type Options struct {
	BaseURL string // of the API, as GITHUB_API_URL has it; "": https://api.github.com
	Token   string
	HTTP    http.RoundTripper // nil: a transport with time limits

	// Budget is how many requests the client may make in its life, repeated ones included; 0: 60.
	// A check run may be posted beyond it, and a ref made: who is to read that the budget ended must be told.
	Budget int
	// MaxWait is how long the client may pause in its life for limits and failures; 0: 2 minutes.
	MaxWait time.Duration

	Wait func(ctx context.Context, d time.Duration) error // nil: a timer
	Now  func() time.Time                                 // nil: time.Now
}

// Client reads from and writes to one GitHub. Its answers are kept for its life, and asked for again
// with their ETag, which costs none of GitHub's quota where nothing changed. They are kept in memory
// only: on disk, whoever can write there could change what GitHub is then quoted as saying. A client is
// for one goroutine.
type Client struct {
	api       *github.Client
	transport *transport
	wait      func(context.Context, time.Duration) error
	waitLeft  time.Duration
	known     map[place]Repository
	seen      map[pullAt]snapshot // pull requests as they were read
}

// pullAt is a pull request of a repository.
type pullAt struct {
	place

	number int
}

// Clock is GitHub's clock by its last answer, in whole seconds; the zero time where none told it.
func (c *Client) Clock() time.Time { return c.transport.clock }

// New makes a client. It makes no request.
func New(o Options) (*Client, error) {
	base, err := parseBase(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the token has characters that no token has, such as a space or a new line")
	}
	t := &transport{next: o.HTTP, host: base.Host, token: o.Token, now: o.Now, budget: o.Budget, kept: map[string]answer{}}
	if t.next == nil {
		t.next = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
			ForceAttemptHTTP2:     true,
		}
	}
	if t.now == nil {
		t.now = time.Now
	}
	if t.budget <= 0 {
		t.budget = defaultBudget
	}
	c := &Client{transport: t, wait: o.Wait, waitLeft: o.MaxWait, known: map[place]Repository{}, seen: map[pullAt]snapshot{}}
	if c.wait == nil {
		c.wait = sleep
	}
	if c.waitLeft <= 0 {
		c.waitLeft = defaultMaxWait
	}
	c.api = github.NewClient(&http.Client{
		Transport: t,
		Timeout:   requestTime,
		// A repository that moved is another name than the one that was asked about: see ErrMoved.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	c.api.BaseURL, c.api.UserAgent = base, userAgent
	return c, nil
}

// writeReserve is how many requests a write may take beyond the client's budget, with what is read around it.
const writeReserve = 20

// reserve lets the client make more requests, whatever its budget was.
func (c *Client) reserve(requests int) {
	c.transport.budget = max(c.transport.budget, c.transport.used+requests)
}

// Requests is how many requests the client made so far.
func (c *Client) Requests() int { return c.transport.used }

func parseBase(s string) (*url.URL, error) {
	if s == "" {
		s = defaultURL
	}
	base, err := url.Parse(strings.TrimSuffix(s, "/") + "/")
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("%s is not the URL of an API: it is written like %s", inert.Quote(s), defaultURL)
	}
	local := base.Hostname() == "localhost" || net.ParseIP(base.Hostname()).IsLoopback()
	if base.Scheme != "https" && (base.Scheme != "http" || !local) {
		return nil, fmt.Errorf("%s is not https: the token would travel in the open", inert.Quote(s))
	}
	return base, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// pause waits before another try: as long as GitHub asked for, else longer each time, with some chance
// in it so that many runners do not come back at once. It reports false where the client's patience
// would not last.
func (c *Client) pause(ctx context.Context, try int, asked time.Duration) (bool, error) {
	d := asked
	if d <= 0 {
		d = firstDelay << try
		d += time.Duration(chance() * float64(d) / 2)
	}
	if d > c.waitLeft {
		return false, nil
	}
	c.waitLeft -= d
	if err := c.wait(ctx, d); err != nil {
		return false, fmt.Errorf("waiting for GitHub: %w", err)
	}
	return true, nil
}

// chance is a number from 0 to 1.
func chance() float64 {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0
	}
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}

// place is a repository on this forge.
type place struct{ owner, name string }

// parseRepository reads "owner/name" or a canonical "host/owner/name".
func parseRepository(s string) (place, error) {
	full := s
	if strings.Count(s, "/") == 1 {
		full = "github.com/" + s
	}
	canonical, err := names.ParseRepository(full)
	if err != nil {
		return place{}, err
	}
	parts := strings.Split(canonical, "/")
	if len(parts) != 3 {
		return place{}, fmt.Errorf("%s is not a repository of a forge: write host/owner/name", inert.Quote(s))
	}
	return place{parts[1], parts[2]}, nil
}

func (p place) String() string { return p.owner + "/" + p.name }

// path is the API's path of something in the repository.
func (p place) path(format string, args ...any) string {
	return "repos/" + url.PathEscape(p.owner) + "/" + url.PathEscape(p.name) + fmt.Sprintf(format, args...)
}

// escapeRef writes a ref into a path: its slashes stay.
func escapeRef(ref string) string {
	parts := strings.Split(ref, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// isCommit reports whether s is a full object id.
func isCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}
