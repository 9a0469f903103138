package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/crypto/ssh"
	"golang.org/x/mod/sumdb/note"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/audit/remote"
	"github.com/remit-sh/remit/signing"
)

const readersToken = "0123456789abcdef0123456789abcdef"

// forge is an issuer of tokens.
type forge struct {
	*httptest.Server
	mu    sync.Mutex
	key   *rsa.PrivateKey
	kid   string
	asked int
	down  bool
}

var someKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	var out []*rsa.PrivateKey
	for range 2 {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out = append(out, k)
	}
	return out
})

func newForge(t testing.TB) *forge {
	t.Helper()
	f := &forge{key: someKeys()[0], kid: "one"}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		switch {
		case f.down:
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, f.URL, f.URL+"/.well-known/jwks")
		case r.URL.Path == "/.well-known/jwks":
			f.asked++
			fmt.Fprintf(w, `{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":%q,"n":%q,"e":%q}]}`, f.kid, b64(f.key.N.Bytes()), b64(big.NewInt(int64(f.key.E)).Bytes()))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// token is one of the forge's, with changes; a nil value takes a claim out.
func (f *forge) token(t testing.TB, audience string, at time.Time, changes map[string]any) string {
	t.Helper()
	c := map[string]any{
		"iss": f.URL, "aud": audience, "sub": "repo:acme/shop:ref:refs/heads/main", "iat": at.Unix(), "exp": at.Add(5 * time.Minute).Unix(),
		"repository": "acme/shop", "repository_id": "74", "workflow_ref": "acme/shop/.github/workflows/remit.yml@refs/heads/main",
		"sha": strings.Repeat("a", 40), "ref": "refs/heads/main", "event_name": "push", "run_id": "1", "run_attempt": "1",
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	payload, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	signed := b64(fmt.Appendf(nil, `{"alg":"RS256","kid":%q,"typ":"JWT"}`, f.kid)) + "." + b64(payload)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, f.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + b64(sig)
}

// keyFile writes a key as OpenSSH does.
func keyFile(t testing.TB, path, name string) signing.Signer {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	private := ed25519.NewKeyFromSeed(seed[:])
	block, err := ssh.MarshalPrivateKey(private, name)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(pem.EncodeToMemory(block)))
	s, err := signing.NewEd25519Signer(private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rig is a server with two repositories, in this process.
type rig struct {
	t      testing.TB
	dir    string
	config string
	forge  *forge
	writer signing.Signer // of github.com/acme/shop
	other  signing.Signer // of github.com/acme/other
	url    string
	stop   func() int
	err    *buffer
	now    func() time.Time
}

// buffer may be written and read at once.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newRig makes the logs; it does not start the server.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), forge: newForge(t), err: &buffer{}, now: time.Now}
	keyFile(t, filepath.Join(r.dir, "shop.key"), "log")
	keyFile(t, filepath.Join(r.dir, "other.key"), "another log")
	r.writer = keyFile(t, filepath.Join(r.dir, "writer.key"), "writer")
	r.other = keyFile(t, filepath.Join(r.dir, "otherwriter.key"), "other writer")
	write(t, filepath.Join(r.dir, "readers"), readersToken+"\n")
	r.config = filepath.Join(r.dir, "server.hcl")
	write(t, r.config, fmt.Sprintf(`
listen     = "127.0.0.1:0"
public_url = "https://audit.example.com"

log {
  folder { path = "logs" }
  issuer %q { host = "github.com" }
  repository "github.com/acme/shop" {
    key_file          = "shop.key"
    branch            = "main"
    workflows         = [".github/workflows/remit.yml"]
    repository_id     = "74"
    writers           = [%q]
    reader_token_file = "readers"
    rate              = 5000
  }
  repository "github.com/acme/other" {
    key_file = "other.key"
    writers  = [%q]
    public   = true
    rate     = 2
  }
}
`, r.forge.URL, r.writer.SSHPublicKey().AuthorizedKey(), r.other.SSHPublicKey().AuthorizedKey()))
	for _, name := range []string{"shop", "other"} {
		if out, code := r.run("log", "create", "--config", r.config, "--repository", "github.com/acme/"+name); code != 0 {
			t.Fatal(out)
		}
	}
	return r
}

// run runs a command to its end.
func (r *rig) run(args ...string) (string, int) {
	r.t.Helper()
	var out bytes.Buffer
	code := Run(context.Background(), &Env{Stdout: &out, Stderr: &out, Environ: os.Environ(), Now: r.now}, args)
	return out.String(), code
}

func (r *rig) serve() {
	r.t.Helper()
	ctx, end := context.WithCancel(context.Background())
	at, done := make(chan net.Addr, 1), make(chan int, 1)
	go func() {
		done <- Run(ctx, &Env{Stdout: io.Discard, Stderr: r.err, Environ: os.Environ(), Now: r.now, Listening: func(a net.Addr) { at <- a }}, []string{"serve", "--config", r.config})
	}()
	select {
	case a := <-at:
		r.url = "http://" + a.String()
	case code := <-done:
		r.t.Fatalf("exit %d: %s", code, r.err.String())
	}
	var once sync.Once
	code := 0
	r.stop = func() int {
		once.Do(func() { end(); code = <-done })
		return code
	}
	r.t.Cleanup(func() { r.stop() })
}

func (r *rig) logURL(repository string) string { return r.url + "/log/" + repository + "/audit" }

func verifier(t testing.TB, origin, name string) note.Verifier {
	t.Helper()
	v, err := log.NewVerifier(origin, logtest.Key(t, name).SSHPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sink hands entries over by the writer's key.
func (r *rig) sink() *remote.Sink {
	return &remote.Sink{URL: r.logURL("github.com/acme/shop"), Verifier: verifier(r.t, logtest.Origin, "log"), Vouch: remote.ByKey(logtest.Origin, r.writer)}
}

// tokens is a sink by tokens of a run.
func (r *rig) tokens(changes map[string]any) *remote.Sink {
	s := r.sink()
	s.Vouch = remote.ByToken(func(_ context.Context, audience string) (string, error) {
		return r.forge.token(r.t, audience, r.now(), changes), nil
	})
	return s
}

// store reads the log of github.com/acme/shop.
func (r *rig) store() *log.Log {
	return &log.Log{Store: &remote.Store{URL: r.logURL("github.com/acme/shop"), Token: readersToken}, Verifier: verifier(r.t, logtest.Origin, "log")}
}

// request is a request by hand.
type request struct {
	method, path string
	header       map[string]string
	body         []byte
}

// post is an entry that is handed over by hand, with a signature of the writer.
func (r *rig) post(e *audit.Entry) request {
	r.t.Helper()
	b, err := e.Claim()
	if err != nil {
		r.t.Fatal(err)
	}
	body, err := json.Marshal(remote.Submission{Entry: b})
	if err != nil {
		r.t.Fatal(err)
	}
	signed, err := remote.SignClaim(logtest.Origin, audit.Digest(b), r.writer)
	if err != nil {
		r.t.Fatal(err)
	}
	return request{"POST", "/log/" + logtest.Origin + "/entries", map[string]string{"Authorization": signed, remote.ClaimHeader: audit.Digest(b), "Content-Type": "application/json"}, body}
}

func (r *rig) do(q request) (int, string) {
	r.t.Helper()
	h, err := http.NewRequest(q.method, r.url+q.path, bytes.NewReader(q.body))
	if err != nil {
		r.t.Fatal(err)
	}
	for k, v := range q.header {
		if v != "" {
			h.Header.Set(k, v)
		}
	}
	resp, err := http.DefaultClient.Do(h)
	if err != nil {
		r.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
