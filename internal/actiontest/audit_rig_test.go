package actiontest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/crypto/ssh"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/signing/keystore"
)

// issuerKey is the RSA key that the issuer signs with, made once: it takes a while.
var issuerKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// issuer is GitHub's service of identity tokens, for one job at a time.
type issuer struct {
	t      testing.TB
	server *httptest.Server
	now    func() time.Time
	claims map[string]any // that differ from those of the check's workflow on main
	bearer string
	broken atomic.Bool // its keys cannot be had
	asked  atomic.Int64
}

// withIssuer has jobs of a rig get identity tokens.
func (r *rig) withIssuer() *issuer {
	i := &issuer{t: r.t, now: r.d.Now, claims: map[string]any{}, bearer: "the runner's own token"}
	i.server = httptest.NewTLSServer(i)
	r.t.Cleanup(i.server.Close)
	r.issuer = i
	return i
}

// env is what the runner gives a job with id-token: write.
func (i *issuer) env() []string {
	return []string{
		"ACTIONS_ID_TOKEN_REQUEST_URL=" + i.server.URL + "/token?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + i.bearer,
		"INPUT_ISSUER=" + i.server.URL, "GITHUB_REPOSITORY_ID=4711",
	}
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/token":
		if r.Header.Get("Authorization") != "Bearer "+i.bearer || r.URL.Query().Get("api-version") != "2.0" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"count":1,"value":%q}`, i.token(r.URL.Query().Get("audience")))
	case i.broken.Load():
		http.Error(w, "later", http.StatusServiceUnavailable)
	case r.URL.Path == "/.well-known/openid-configuration":
		i.asked.Add(1)
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, i.server.URL, i.server.URL+"/keys")
	case r.URL.Path == "/keys":
		fmt.Fprint(w, i.keys("one"))
	default:
		http.NotFound(w, r)
	}
}

// keys are the issuer's key set, in which its key has that id.
func (i *issuer) keys(id string) string {
	b64, public := base64.RawURLEncoding.EncodeToString, issuerKey().PublicKey
	return fmt.Sprintf(`{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":%q,"n":%q,"e":%q}]}`, id, b64(public.N.Bytes()), b64(big.NewInt(int64(public.E)).Bytes()))
}

// token is an identity token of the job for an audience.
func (i *issuer) token(audience string) string {
	now := i.now().Unix()
	claims := map[string]any{
		"iss": i.server.URL, "aud": audience, "sub": "repo:acme/shop:ref:refs/heads/main", "iat": now, "nbf": now, "exp": now + 300,
		"repository": "acme/shop", "repository_id": "4711", "repository_owner_id": "1",
		"workflow_ref": "acme/shop/.github/workflows/remit.yml@refs/heads/main", "job_workflow_ref": "acme/shop/.github/workflows/remit.yml@refs/heads/main",
		"sha": strings.Repeat("a", 40), "ref": "refs/heads/main", "event_name": "pull_request_target", "run_id": "9001", "run_attempt": "1",
	}
	for name, v := range i.claims {
		claims[name] = v
	}
	body, err := json.Marshal(claims)
	if err != nil {
		i.t.Error(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64([]byte(`{"alg":"RS256","kid":"one","typ":"JWT"}`)) + "." + b64(body)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, issuerKey(), crypto.SHA256, sum[:])
	if err != nil {
		i.t.Error(err)
	}
	return signed + "." + b64(sig)
}

// auditKey is the text of a new key of a log.
func auditKey(t testing.TB) string {
	t.Helper()
	made, err := keystore.Mint("audit", nil)
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/key"
	if err := made.Write(file); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if block, _ := pem.Decode(b); block == nil {
		t.Fatalf("the key is not PEM: %s", b)
	}
	if _, err := ssh.ParseRawPrivateKey(b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fold runs the action's mode fold on main; more are inputs and variables.
func (r *rig) fold(key string, more ...string) *result {
	r.t.Helper()
	return r.run("schedule", []byte(`{}`), append([]string{"INPUT_MODE=fold", "REMIT_AUDIT_KEY=" + key, "GITHUB_REF=" + main}, more...)...)
}

// begin folds for the first time.
func (r *rig) begin(key string, more ...string) *result {
	r.t.Helper()
	return r.run("workflow_dispatch", []byte(`{}`), append([]string{"INPUT_MODE=fold", "INPUT_CREATE=true", "REMIT_AUDIT_KEY=" + key, "GITHUB_REF=" + main}, more...)...)
}

// spooled are the refs that wait.
func (r *rig) spooled() []string {
	r.t.Helper()
	return strings.Fields(r.git(slug, "", "for-each-ref", "--format=%(refname)", gitbranch.SpoolPrefix))
}

// waiting is the entry that waits; there must be one.
func (r *rig) waiting() (e *audit.Entry, proof string) {
	r.t.Helper()
	refs := r.spooled()
	if len(refs) != 1 {
		r.t.Fatalf("%d entries wait", len(refs))
	}
	return r.readSpooled(refs[0])
}

func (r *rig) readSpooled(ref string) (e *audit.Entry, proof string) {
	r.t.Helper()
	lines := strings.SplitN(r.git(slug, "", "cat-file", "blob", ref), "\n", 3)
	e, err := audit.Parse([]byte(lines[0]))
	if err != nil {
		r.t.Fatal(err)
	}
	return e, lines[1]
}

// spool makes a ref of the spool as any writer can, and returns it.
func (r *rig) spool(content string) string {
	r.t.Helper()
	sum := sha256.Sum256([]byte(content))
	ref := fmt.Sprintf("%s%x", gitbranch.SpoolPrefix, sum)
	r.git(slug, "", "update-ref", ref, r.git(slug, content, "hash-object", "-w", "--stdin"))
	return ref
}

// logged are the entries of the log, which must verify.
func (r *rig) logged(key string) []*audit.Entry {
	r.t.Helper()
	ctx := r.t.Context()
	store, err := gitbranch.Open(ctx, gitbranch.Config{GitDir: r.dir(slug), Environment: []string{"PATH=" + os.Getenv("PATH")}, Now: time.Now})
	if err != nil {
		r.t.Fatal(err)
	}
	signer, err := keystore.Parse([]byte(key), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := auditlog.Under(ctx, store, signer)
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := l.Checkpoint(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []*audit.Entry
	for i := range c.Size {
		b, err := l.Entry(ctx, i)
		if err != nil {
			r.t.Fatal(err)
		}
		e, err := audit.Parse(b)
		if err != nil {
			r.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// logTip is where the log's branch is; "" for nowhere.
func (r *rig) logTip() string {
	r.t.Helper()
	return r.git(slug, "", "for-each-ref", "--format=%(objectname)", gitbranch.Branch)
}

// wantsFold fails the test unless a fold ended so; words must be in its log or errors.
func (r *result) wantsFold(code int, words ...string) {
	r.t.Helper()
	if r.code != code {
		r.t.Errorf("exit %d, want %d\n%s%s", r.code, code, r.stdout, r.stderr)
	}
	for _, w := range words {
		if !strings.Contains(r.stdout+r.stderr, w) {
			r.t.Errorf("it does not say %q:\n%s%s", w, r.stdout, r.stderr)
		}
	}
}
