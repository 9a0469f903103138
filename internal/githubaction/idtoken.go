package githubaction

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/oidc"
)

// How the identity token is asked for.
const (
	idTokenTries = 3
	idTokenPause = time.Second // before the second try, and twice as long before the third
)

// errNoIDToken says that the job may not ask for an identity token.
var errNoIDToken = errors.New("the job may not ask GitHub for an identity token")

// idToken asks the runner for the job's identity token for an audience. No error repeats the token or where it was
// asked for.
func (a *action) idToken(ctx context.Context, audience string) (token string, err error) {
	address, bearer := a.gha.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), a.gha.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	if address == "" || bearer == "" {
		return "", errNoIDToken
	}
	at, err := url.Parse(address)
	if err != nil {
		return "", errors.New("where it is to be asked for is no address")
	}
	q := at.Query()
	q.Set("audience", audience)
	at.RawQuery = q.Encode()
	var text []byte
	for try, pause := 1, idTokenPause; ; try, pause = try+1, pause*2 {
		if text, err = auditlog.GetWeb(ctx, a.env.HTTP, at.String(), bearer, 2*oidc.MaxToken); err == nil {
			break
		}
		if try == idTokenTries || a.wait(ctx, pause) != nil {
			return "", err
		}
	}
	var answer struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", errors.New("what was answered is not JSON with a token in it")
	}
	a.mask(answer.Value)
	if _, err := oidc.KeyID(answer.Value); err != nil {
		return "", errors.New(inert.Error(err))
	}
	return answer.Value, nil
}

// mask has the runner keep a secret out of its log.
func (a *action) mask(secret string) {
	if secret != "" && a.env.Getenv("GITHUB_ACTIONS") == "true" {
		a.gha.AddMask(secret)
	}
}

func (a *action) wait(ctx context.Context, d time.Duration) error {
	if a.env.Wait != nil {
		return a.env.Wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
