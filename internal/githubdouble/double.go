// Package githubdouble is a strict stand-in for GitHub's REST API, for tests. It serves a [Scenario]
// with GitHub's semantics, and fails the test over any request or answer that GitHub's own API
// description does not allow: an unknown operation, query or member, a missing or ill-typed value.
//
//	d := githubdouble.Start(t, githubdouble.Scenario{…})
//	client.BaseURL, _ = url.Parse(d.URL() + "/")
//	…
//	d.Push("acme/shop", "refs/heads/agent/x", newSHA, "coder")
//	d.Inject(githubdouble.Fault{Operation: "pulls/list-reviews", Kind: githubdouble.FaultStatus, Status: 502})
//
// README.md tells what is served, what differs from GitHub, and how to renew the description.
package githubdouble

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// TB is the part of testing.TB that [Start] needs.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Double is a running stand-in. It is an [http.Handler] too. Its methods may be called from several
// goroutines; those that change the scenario take effect at once, for the next request.
type Double struct {
	contract *contract
	tb       TB // nil outside tests

	mu       sync.Mutex // guards all below, and makes each request atomic
	state    *Scenario
	history  []*Scenario // older states, the newest last, for stale reads
	lastID   int64
	clock    time.Time // where it stood at started
	started  time.Time
	running  bool
	used     map[string]int // requests of each token that counted
	reset    time.Time      // when the limits start anew
	faults   []*Fault
	journal  Journal
	sink     func(Entry)
	failures []string
	cache    cache

	server   *http.Server
	listener net.Listener
}

// maxHistory bounds how far back stale reads may reach.
const maxHistory = 32

// firstID keeps the ids that the double gives out clear of those that tests write down.
const firstID = 9_000_000

// New makes a double of a scenario, which it copies. It serves nothing before [Double.Serve].
func New(s Scenario) (*Double, error) {
	c, err := description()
	if err != nil {
		return nil, err
	}
	for _, r := range c.routes {
		if _, ok := operations()[r.id]; !ok {
			return nil, fmt.Errorf("the description has the operation %s, and nothing serves it", r.id)
		}
	}
	state, err := s.clone()
	if err != nil {
		return nil, err
	}
	d := &Double{contract: c, lastID: firstID, used: map[string]int{}, cache: newCache(), started: time.Now(), clock: s.Now, running: s.Running || s.Now.IsZero()}
	if d.clock.IsZero() {
		d.clock = d.started
	}
	if err := d.complete(state); err != nil {
		return nil, err
	}
	d.state = state
	return d, nil
}

// Start serves a scenario on a loopback port until the test ends, and fails the test over every
// violation of the contract and every fault that never struck.
func Start(tb TB, s Scenario) *Double {
	tb.Helper()
	d, err := New(s)
	if err != nil {
		tb.Fatalf("githubdouble: %v", err)
	}
	d.tb = tb
	if err := d.Serve("127.0.0.1:0"); err != nil {
		tb.Fatalf("githubdouble: %v", err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Errorf("githubdouble: %v", err)
		}
	})
	return d
}

// Serve listens on an address, such as "127.0.0.1:0", and returns at once.
func (d *Double) Serve(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	d.listener = listener
	d.server = &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := d.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			d.fail("serving: %v", err)
		}
	}()
	return nil
}

// URL is the API's address without a final slash, as GITHUB_API_URL has it. go-github's BaseURL wants
// the slash.
func (d *Double) URL() string { return "http://" + d.listener.Addr().String() }

// Close stops serving. Its error names every failure and every fault that never struck.
func (d *Double) Close() error {
	if d.server != nil {
		if err := d.server.Close(); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	failures := slices.Clone(d.failures)
	for _, f := range d.faults {
		if f.struck == 0 {
			failures = append(failures, fmt.Sprintf("the fault %v never struck", *f))
		}
	}
	if len(failures) > 0 {
		return fmt.Errorf("%d failures:\n%s", len(failures), strings.Join(failures, "\n"))
	}
	return nil
}

// Failures lists what went against the contract so far.
func (d *Double) Failures() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.failures)
}

// ForgetFailures empties the list of failures and returns it: for tests of a client that is meant to
// go wrong.
func (d *Double) ForgetFailures() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.failures
	d.failures = nil
	return out
}

// fail records a failure. Not for use under the lock.
func (d *Double) fail(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failures = append(d.failures, fmt.Sprintf(format, args...))
}

// Now is the server's clock.
func (d *Double) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now()
}

func (d *Double) now() time.Time {
	now := d.clock
	if d.running {
		now = now.Add(time.Since(d.started))
	}
	return now.UTC().Truncate(time.Second)
}

// Advance moves the server's clock on.
func (d *Double) Advance(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clock = d.clock.Add(by)
}

// State is a copy of the scenario as it stands.
func (d *Double) State() Scenario {
	d.mu.Lock()
	defer d.mu.Unlock()
	out, err := d.state.clone()
	if err != nil {
		d.failures = append(d.failures, err.Error())
		return Scenario{}
	}
	return *out
}

// CheckRuns are the check runs on a commit, the oldest first.
func (d *Double) CheckRuns(repository, sha string) []CheckRun {
	var out []CheckRun
	s := d.State()
	if r := s.repository(repository); r != nil {
		for _, c := range r.CheckRuns {
			if c.HeadSHA == sha {
				out = append(out, *c)
			}
		}
	}
	return out
}

// Refs are the repository's refs by full name.
func (d *Double) Refs(repository string) map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.state.repository(repository)
	if r == nil {
		return nil
	}
	if err := d.absorbAll(d.state); err != nil {
		d.failures = append(d.failures, err.Error())
	}
	return maps.Clone(r.Refs)
}
