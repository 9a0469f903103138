package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/audit/remote"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/signing"
)

// server is a small server of one log in memory, which fails as a test says.
type server struct {
	*httptest.Server
	t   *testing.T
	log *log.Log

	mu    sync.Mutex
	fails []int               // statuses that are answered before it works
	posts int                 // that came
	auths []string            // that they had
	swap  func([]byte) []byte // what is done to an answer
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, log: logtest.Log(t, &logtest.Memory{}), swap: func(b []byte) []byte { return b }}
	if _, err := s.log.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPost {
		s.posts++
		s.auths = append(s.auths, r.Header.Get("Authorization"))
	}
	if len(s.fails) > 0 {
		status := s.fails[0]
		s.fails = s.fails[1:]
		if status == 302 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"code":"x","message":"it \u001b[31mfails","fix":"wait."}`)
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/log/"+logtest.Origin+"/")
	switch {
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case path != "entries":
		view, err := s.log.Store.Look(r.Context())
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		files, err := view.Read(r.Context(), []string{path})
		if err != nil || files[0] == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write(files[0])
	default:
		var in remote.Submission
		if err := json.UnmarshalRead(r.Body, &in); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		e, err := audit.Parse(in.Entry)
		if err != nil || audit.Digest(in.Entry) != r.Header.Get(remote.ClaimHeader) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		e.Attestation = audit.Attestation{Kind: "key", By: "SHA256:x"}
		out, _, err := s.log.Append(r.Context(), in.Bundles, e)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		receipt, err := s.log.Receipt(r.Context(), out[0].Index)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		b, err := json.Marshal(remote.Answer{Index: out[0].Index, Again: out[0].Again, Others: out[0].Others, Receipt: receipt.Encode()})
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(s.swap(b))
	}
}

func (s *server) sink() *remote.Sink {
	at, err := remote.URLOf(s.URL, logtest.Origin)
	if err != nil {
		s.t.Fatal(err)
	}
	return &remote.Sink{URL: at, Verifier: s.log.Verifier, Vouch: remote.ByKey(logtest.Origin, logtest.Key(s.t, "writer"))}
}

func (s *server) reading() *log.Log {
	return &log.Log{Store: &remote.Store{URL: s.sink().URL}, Verifier: s.log.Verifier}
}

func TestSinkAndStore(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for n := range 20 {
		a, err := s.sink().Append(t.Context(), logtest.Entry(t, n, ""))
		if err != nil || a.Again || a.Receipt.Index != int64(n) || a.Entry.Attestation.IsZero() {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	e, bundle := logtest.Delegated(t, 40)
	if _, err := s.sink().Append(t.Context(), e, bundle); err != nil {
		t.Fatal(err)
	}
	if a, err := s.sink().Append(t.Context(), logtest.Entry(t, 3, "")); err != nil || !a.Again {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := s.sink().Append(t.Context(), logtest.Entry(t, 3, "other")); err != nil || a.Again || len(a.Others) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	l := s.reading()
	logtest.Sound(t, l, 22)
	if _, err := l.Create(t.Context()); err == nil {
		t.Error("a reader made a log")
	}
	l.Signer = s.log.Signer
	if _, _, err := l.Append(t.Context(), nil, logtest.Entry(t, 50, "")); err == nil {
		t.Error("a reader appended")
	}
}

// What may pass is tried again, with somebody who vouches anew; what does not pass is not.
func TestTries(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	count := 0
	by := s.sink()
	by.Vouch = remote.ByToken(func(_ context.Context, audience string) (string, error) {
		count++
		return fmt.Sprintf("token-%d-%s", count, audience[:9]), nil
	})
	s.fails = []int{503, 500, 429, 408}
	if _, err := by.Append(t.Context(), logtest.Entry(t, 1, "")); err != nil || s.posts != 5 {
		t.Fatalf("%d requests, %v", s.posts, err)
	}
	if s.auths[0] == s.auths[4] || !strings.HasPrefix(s.auths[4], "Bearer token-5-") {
		t.Errorf("%q", s.auths)
	}
	for _, status := range []int{400, 401, 403, 404, 413, 302} {
		s.posts, s.fails = 0, []int{status}
		_, err := by.Append(t.Context(), logtest.Entry(t, 2, ""))
		if err == nil || s.posts != 1 || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("%d: %d requests, %v", status, s.posts, err)
		}
		if err != nil && (strings.Contains(err.Error(), "\x1b") || fault.FixOf(err) != "wait" || fault.KindOf(err) != fault.Refused) {
			t.Errorf("%d: %q, %q", status, err, fault.FixOf(err))
		}
	}
	// Whoever is told to stop, stops.
	ctx, end := context.WithCancel(t.Context())
	end()
	if _, err := by.Append(ctx, logtest.Entry(t, 3, "")); err == nil {
		t.Error("it went on")
	}
	if _, err := s.log.Lookup(t.Context(), logtest.Entry(t, 2, "").ID); err != nil {
		t.Fatal(err)
	}
	logtest.Sound(t, s.log, 1)
}

// An answer that the log's key does not prove is none.
func TestFalseAnswers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	first, err := s.sink().Append(t.Context(), logtest.Entry(t, 1, ""))
	if err != nil {
		t.Fatal(err)
	}
	other := logtest.Log(t, &logtest.Memory{})
	if _, err := other.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	logtest.Append(t, other, logtest.Entry(t, 2, ""))
	unvouched, err := other.Receipt(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(a remote.Answer) func([]byte) []byte {
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		return func([]byte) []byte { return b }
	}
	for name, swap := range map[string]func([]byte) []byte{
		"none":                      func([]byte) []byte { return nil },
		"no JSON":                   func([]byte) []byte { return []byte("ok") },
		"no receipt":                answer(remote.Answer{Index: 1}),
		"of another entry":          answer(remote.Answer{Index: 0, Receipt: first.Receipt.Encode()}),
		"that nobody vouches for":   answer(remote.Answer{Index: 0, Receipt: unvouched.Encode()}),
		"of another place":          func(b []byte) []byte { return bytes.Replace(b, []byte(`"index":1`), []byte(`"index":2`), 1) },
		"altered":                   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"longer than any answer is": func([]byte) []byte { return make([]byte, remote.MaxAnswer+1) },
	} {
		s.swap = swap
		if a, err := s.sink().Append(t.Context(), logtest.Entry(t, 2, "")); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
	s.swap = func(b []byte) []byte { return b }
	by := s.sink()
	by.Verifier = nil
	if _, err := by.Append(t.Context(), logtest.Entry(t, 2, "")); err == nil {
		t.Error("without a key to verify with")
	}
	if _, err := s.sink().Append(t.Context(), logtest.Entry(t, 2, "")); err != nil {
		t.Error(err)
	}
}

func TestURLOf(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]string{
		"https://audit.example.com":      "https://audit.example.com/log/" + logtest.Origin,
		"https://audit.example.com/":     "https://audit.example.com/log/" + logtest.Origin,
		"https://audit.example.com:8443": "https://audit.example.com:8443/log/" + logtest.Origin,
		"http://127.0.0.1:8080":          "http://127.0.0.1:8080/log/" + logtest.Origin,
		"http://[::1]:8080":              "http://[::1]:8080/log/" + logtest.Origin,
		"http://localhost":               "http://localhost/log/" + logtest.Origin,
		"http://audit.example.com":       "",
		"http://127.0.0.1.example.com":   "",
		"http://localhost.example.com":   "",
		"https://user:secret@a.example":  "",
		"https://a.example?x":            "",
		"https://a.example#x":            "",
		"https://a.example/%2e%2e":       "",
		"ftp://a.example":                "",
		"a.example":                      "",
		"https://":                       "",
		"":                               "",
	} {
		got, err := remote.URLOf(server, logtest.Origin)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", server, got, err)
		}
	}
	for _, origin := range []string{"", "x", "github.com/acme/../audit", "github.com/Acme/shop/audit", "github.com/acme/shop audit", "github.com/acme/shop?"} {
		if got, err := remote.URLOf("https://a.example", origin); err == nil {
			t.Errorf("%q: %q", origin, got)
		}
	}
}

// A reader who asks for anything else than a file of a log asks nobody.
func TestReadsFilesOfALogAlone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	view, err := s.reading().Store.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"../key", "entries", "", "key?x", "tile/0/../1"} {
		if _, err := view.Read(t.Context(), []string{path}); err == nil {
			t.Errorf("%q was asked for", path)
		}
	}
	s.fails = []int{401}
	if _, err := s.reading().Checkpoint(t.Context()); err == nil || fault.KindOf(err) != fault.Refused {
		t.Errorf("without a token: %v", err)
	}
	s.fails = []int{503, 502}
	if _, err := s.reading().Checkpoint(t.Context()); err != nil {
		t.Errorf("busy for a while: %v", err)
	}
	if _, err := (&log.Log{Store: &remote.Store{URL: s.URL + "/log/github.com/acme/none/audit"}, Verifier: s.log.Verifier}).Checkpoint(t.Context()); !errors.Is(err, log.ErrMissing) {
		t.Errorf("no log: %v", err)
	}
}

// A signature vouches for one entry, in one log, by one key.
func TestVouching(t *testing.T) {
	t.Parallel()
	key, other := logtest.Key(t, "writer"), logtest.Key(t, "other")
	claim := audit.Digest([]byte("entry"))
	value, err := remote.SignClaim(logtest.Origin, claim, key)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := remote.ParseAuthorization(value)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := proof.VerifyClaim(logtest.Origin, claim, append(keys(other), key.SSHPublicKey())); err != nil || !k.Equal(key.SSHPublicKey()) {
		t.Errorf("%v, %v", k, err)
	}
	for name, err := range map[string]error{
		"another log":   second(proof.VerifyClaim("github.com/acme/other/audit", claim, keys(key))),
		"another entry": second(proof.VerifyClaim(logtest.Origin, audit.Digest(nil), keys(key))),
		"another key":   second(proof.VerifyClaim(logtest.Origin, claim, keys(other))),
		"no key":        second(proof.VerifyClaim(logtest.Origin, claim, nil)),
		"a token":       second(remote.Proof{Token: "x"}.VerifyClaim(logtest.Origin, claim, keys(key))),
		"nothing":       second(remote.Proof{}.VerifyClaim(logtest.Origin, claim, keys(key))),
	} {
		if err == nil {
			t.Errorf("%s: it counts", name)
		}
	}
	for _, v := range []string{"", "Bearer ", "Bearer", "bearer x", "Remit-Signature ", "Remit-Signature x", "Remit-Signature eA==", value + "\n", value[:len(value)-4], strings.Repeat("Bearer x", 10_000)} {
		if p, err := remote.ParseAuthorization(v); err == nil {
			t.Errorf("%.20q: %+v", v, p)
		}
	}
}

func keys(signers ...signing.Signer) []signing.PublicKey {
	var out []signing.PublicKey
	for _, s := range signers {
		out = append(out, s.SSHPublicKey())
	}
	return out
}

func second[T any](_ T, err error) error { return err }

// Whatever counts was signed, byte for byte.
func FuzzParseAuthorization(f *testing.F) {
	claim := audit.Digest([]byte("entry"))
	value, err := remote.SignClaim(logtest.Origin, claim, logtest.Key(f, "writer"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(value)
	f.Add("Bearer eyJ")
	f.Add(value + "\n")
	f.Fuzz(func(t *testing.T, given string) {
		p, err := remote.ParseAuthorization(given)
		if err != nil {
			if p != (remote.Proof{}) {
				t.Errorf("%+v, %v", p, err)
			}
			return
		}
		if p.Token != "" && given != "Bearer "+p.Token {
			t.Errorf("%q", p.Token)
		}
		if _, err := p.VerifyClaim(logtest.Origin, claim, keys(logtest.Key(t, "writer"))); err == nil && given != value {
			t.Errorf("%q counts", given)
		}
	})
}
