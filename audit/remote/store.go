package remote

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
)

// readers is how many files are asked for at once.
const readers = 8

// Store reads a log at a server. It is for [log.Log]; only the server writes there.
type Store struct {
	URL   string       // of the log: [URLOf]
	HTTP  *http.Client // nil: one that takes its time
	Token string       // of readers; "" where everybody may read
}

// Look is for [log.Store].
func (s *Store) Look(ctx context.Context) (log.View, error) {
	if err := checkURL(s.URL); err != nil {
		return nil, fault.Usagef("reading the audit log: %w", err)
	}
	v := &view{store: s, http: client(s.HTTP)}
	b, err := v.file(ctx, "checkpoint")
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, fmt.Errorf("%w at %s", log.ErrMissing, s.URL)
	}
	v.checkpoint = b
	return v, nil
}

// Commit is for [log.Store].
func (s *Store) Commit(context.Context, log.View, log.Change) error {
	return fault.Refusedf("the audit log at %s is written by its server alone", s.URL)
}

// view is a log by the checkpoint that was read. Its other files never change, but for those that later ones replace.
type view struct {
	store      *Store
	http       *http.Client
	checkpoint []byte
}

// Read is for [log.View].
func (v *view) Read(ctx context.Context, paths []string) ([][]byte, error) {
	out := make([][]byte, len(paths))
	var (
		wg    sync.WaitGroup
		once  sync.Once
		first error
		next  = make(chan int)
	)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for range min(readers, len(paths)) {
		wg.Go(func() {
			for i := range next {
				b, err := v.file(ctx, paths[i])
				if err != nil {
					once.Do(func() { first = err; stop() })
				}
				out[i] = b
			}
		})
	}
	for i := range paths {
		if paths[i] == "checkpoint" && v.checkpoint != nil {
			out[i] = v.checkpoint
			continue
		}
		next <- i
	}
	close(next)
	wg.Wait()
	if first != nil {
		return nil, first
	}
	return out, nil
}

// file is one file; nil where there is none.
func (v *view) file(ctx context.Context, path string) ([]byte, error) {
	if !log.IsFile(path) {
		return nil, fmt.Errorf("reading the audit log: %q is no file of one", path)
	}
	a, err := get(ctx, v.http, v.store.URL+"/"+path, v.store.Token, log.MaxFile)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	switch a.status {
	case http.StatusOK:
		return a.body, nil
	case http.StatusNotFound:
		return nil, nil
	}
	return nil, refused("reading the audit log", a)
}
