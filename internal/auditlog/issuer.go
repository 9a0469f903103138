package auditlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/oidc"
)

const webTime = 10 * time.Second // for one request with its answer

// FetchKeys asks an issuer of identity tokens for its keys (OpenID Connect Discovery 1.0). Nil is a transport with time limits.
func FetchKeys(ctx context.Context, transport http.RoundTripper, issuer string) (*oidc.Keys, error) {
	self, err := url.Parse(issuer)
	if err != nil || self.Scheme != "https" || self.Host == "" || self.User != nil {
		return nil, fmt.Errorf("%s is not the https address of an issuer", inert.Quote(issuer))
	}
	text, err := GetWeb(ctx, transport, issuer+"/.well-known/openid-configuration", "", oidc.MaxKeys)
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
	if err != nil || about.Issuer != issuer || at.Scheme != self.Scheme || at.Host != self.Host || at.User != nil {
		return nil, errors.New("the issuer's keys are not where its own name is")
	}
	return KeysAt(ctx, transport, about.Keys)
}

// KeysAt reads a key set from its own https address.
func KeysAt(ctx context.Context, transport http.RoundTripper, address string) (*oidc.Keys, error) {
	text, err := GetWeb(ctx, transport, address, "", oidc.MaxKeys)
	if err != nil {
		return nil, err
	}
	return oidc.ParseKeys(text)
}

// GetWeb reads at most limit bytes from an https address, with a bearer token where one is given. No redirect is
// followed, and no error repeats the address or the token.
func GetWeb(ctx context.Context, transport http.RoundTripper, address, bearer string, limit int64) (_ []byte, err error) {
	at, err := url.Parse(address)
	if err != nil || at.Scheme != "https" || at.Host == "" || at.User != nil {
		return nil, errors.New("it is not an https address")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("it is not an https address")
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "remit")
	if transport == nil {
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: webTime, ForceAttemptHTTP2: true, DisableKeepAlives: true}
	}
	c := &http.Client{Transport: transport, Timeout: webTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(r)
	if err != nil {
		var where *url.Error
		if errors.As(err, &where) {
			err = where.Err
		}
		return nil, fmt.Errorf("%s: %s", inert.Word(at.Host), inert.Error(err))
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d", inert.Word(at.Host), resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("the answer of %s has more than %d bytes", inert.Word(at.Host), limit)
	}
	return b, err
}
