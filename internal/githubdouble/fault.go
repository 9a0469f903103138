package githubdouble

import (
	"fmt"
	"time"
)

// FaultKind is what goes wrong. The zero kind is none, and refused.
type FaultKind string

// The kinds of fault.
const (
	FaultStatus    FaultKind = "status"     // answer Status, with RetryAfter if it is set
	FaultSecondary FaultKind = "secondary"  // 403 over a secondary rate limit, with Retry-After
	FaultExhausted FaultKind = "exhausted"  // 403 over the primary rate limit, with X-RateLimit-Reset
	FaultCut       FaultKind = "cut"        // the connection breaks in the middle of the body
	FaultTruncated FaultKind = "truncated"  // the body ends early and says so: half a JSON text
	FaultShort     FaultKind = "short-page" // half of the page's items, and no Link
	FaultNoLink    FaultKind = "no-link"    // the whole page, and no Link
	FaultStale     FaultKind = "stale"      // an answer from before the last Back changes
	FaultSlow      FaultKind = "slow"       // the answer comes after Delay
)

// Fault makes calls go wrong. It strikes the first request that fits, and Times in all.
type Fault struct {
	Kind       FaultKind     `json:"kind"`
	Operation  string        `json:"operation,omitzero"`   // GitHub's operation id; "" for any
	Page       string        `json:"page,omitzero"`        // only requests with this page (or after, before) in the query
	Skip       int           `json:"skip,omitzero"`        // let so many pass first
	Times      int           `json:"times,omitzero"`       // 0: once; negative: for ever
	Status     int           `json:"status,omitzero"`      // of FaultStatus
	RetryAfter int           `json:"retry_after,omitzero"` // seconds; 0: no such header, and 60 for FaultSecondary
	Delay      time.Duration `json:"delay,omitzero"`
	Back       int           `json:"back,omitzero"` // of FaultStale: changes to look past; 0 for 1
	// Applied makes a write take effect although its answer says otherwise, as when a gateway gives up
	// on a server that does not. FaultCut, FaultTruncated and FaultSlow always do.
	Applied bool `json:"applied,omitzero"`

	seen, struck int
}

// Inject adds a fault. Where several fit a request, the one added first strikes.
func (d *Double) Inject(f Fault) {
	d.must(d.inject(f))
}

func (d *Double) inject(f Fault) error {
	if f.Operation != "" {
		if _, ok := operations()[f.Operation]; !ok {
			return fmt.Errorf("fault: no operation is called %q", f.Operation)
		}
	}
	switch f.Kind {
	case FaultStatus:
		if f.Status < 400 || f.Status > 599 {
			return fmt.Errorf("fault: the status %d is no error", f.Status)
		}
	case FaultSecondary, FaultExhausted, FaultCut, FaultTruncated, FaultShort, FaultNoLink, FaultStale, FaultSlow:
	default:
		return fmt.Errorf("fault: no kind is called %q", f.Kind)
	}
	if f.Times == 0 {
		f.Times = 1
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, &f)
	return nil
}

// ClearFaults ends all faults, those that never struck too.
func (d *Double) ClearFaults() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = nil
}

// strike returns the fault that hits this call, if any. Called under the lock.
func (d *Double) strike(c *call) *Fault {
	for _, f := range d.faults {
		if f.Operation != "" && f.Operation != c.route.id {
			continue
		}
		if f.Page != "" && c.query.Get("page") != f.Page && c.query.Get("after") != f.Page && c.query.Get("before") != f.Page {
			continue
		}
		f.seen++
		if f.seen <= f.Skip || f.Times > 0 && f.struck >= f.Times {
			continue
		}
		f.struck++
		return f
	}
	return nil
}
