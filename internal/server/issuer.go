package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/oidc"
)

// How an issuer's keys are fetched.
const (
	keysTimeout = 10 * time.Second
	keysAgain   = time.Minute    // the least time between two fetches
	keysFresh   = time.Hour      // after which they are fetched again when they are needed
	keysLast    = 24 * time.Hour // that they are used where they cannot be fetched again
)

// errNoKeys: the issuer's keys could not be fetched.
var errNoKeys = errors.New("the issuer's keys cannot be fetched now")

// issuer is who makes the tokens of a host's workflows.
type issuer struct {
	url, host string
	fixed     *oidc.Keys // from a file; nil: they are fetched

	mu      sync.Mutex
	keys    *oidc.Keys
	fetched time.Time // when keys were
	tried   time.Time // when it was last begun
}

// with is the issuer with keys for a token: those at hand where they have its key and are fresh, else new ones where
// it is time. Nobody who sends tokens can have the issuer asked more often.
func (i *issuer) with(ctx context.Context, kid string, now time.Time) (oidc.Issuer, error) {
	out := oidc.Issuer{URL: i.url, Host: i.host, Keys: i.fixed}
	if i.fixed != nil {
		return out, nil
	}
	i.mu.Lock()
	age := now.Sub(i.fetched)
	good := i.keys != nil && age >= 0 && age < keysLast
	if since := now.Sub(i.tried); (!good || age >= keysFresh || !i.keys.Has(kid)) && (i.tried.IsZero() || since >= keysAgain || since < 0) {
		i.tried = now
		i.mu.Unlock()
		keys, err := i.fetch(ctx)
		i.mu.Lock()
		if err == nil {
			i.keys, i.fetched, good = keys, now, true
		} else if !good {
			i.mu.Unlock()
			return oidc.Issuer{}, fmt.Errorf("%w: %w", errNoKeys, err)
		}
	}
	defer i.mu.Unlock()
	if !good {
		return oidc.Issuer{}, errNoKeys
	}
	out.Keys = i.keys
	return out, nil
}

// fetch asks the issuer for its keys (OpenID Connect Discovery 1.0).
func (i *issuer) fetch(ctx context.Context) (*oidc.Keys, error) {
	ctx, end := context.WithTimeout(ctx, keysTimeout)
	defer end()
	text, err := i.get(ctx, i.url+"/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return nil, fmt.Errorf("what the issuer says of itself: %s", inert.Error(err))
	}
	at, err := url.Parse(about.Keys)
	self, selfErr := url.Parse(i.url)
	if err != nil || selfErr != nil || about.Issuer != i.url || at.Scheme != self.Scheme || at.Host != self.Host || at.User != nil {
		return nil, errors.New("the issuer's keys are not where its own name is")
	}
	if text, err = i.get(ctx, about.Keys); err != nil {
		return nil, err
	}
	return oidc.ParseKeys(text)
}

func (i *issuer) get(ctx context.Context, at string) (_ []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	c := &http.Client{Timeout: keysTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(r)
	if err != nil {
		return nil, errors.New(inert.Error(err))
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the issuer answers %d", resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, oidc.MaxKeys+1))
	if err == nil && len(b) > oidc.MaxKeys {
		err = fmt.Errorf("the issuer's answer has more than %d bytes", oidc.MaxKeys)
	}
	return b, err
}
