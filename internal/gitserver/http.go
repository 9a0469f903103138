package gitserver

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// HTTP serves the bare repositories below dir with git http-backend. Everybody may read; users log in
// to push, and hooks see who in REMOTE_USER. env is added to the environment of git and its hooks.
func HTTP(t testing.TB, dir string, users []string, env ...string) *Server {
	t.Helper()
	out, err := exec.Command(program(t, "git"), "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	log := new(lockedBuffer)
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"), Root: "/", Stderr: log,
		Env: append(append(serverEnv(t, t.TempDir()), "GIT_PROJECT_ROOT="+dir, "GIT_HTTP_EXPORT_ALL=1"), env...),
	}
	password := func(user string) string { return "secret of " + user }
	traffic := new(Traffic)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(traffic.delay.Load()))
		traffic.requests.Add(1)
		w = &counted{w, traffic}
		user, given, ok := r.BasicAuth()
		if ok && (!slices.Contains(users, user) || given != password(user)) {
			http.Error(w, "wrong name or password", http.StatusForbidden)
			return
		}
		pushes := strings.HasSuffix(r.URL.Path, "/git-receive-pack") || r.URL.Query().Get("service") == "git-receive-pack"
		if pushes && !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "log in to push", http.StatusUnauthorized)
			return
		}
		if len(r.TransferEncoding) > 0 { // larger pushes come in chunks, which CGI does not know
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		}
		h := *backend
		h.Env = append(slices.Clip(h.Env), "REMOTE_USER="+user, "GIT_PROTOCOL="+r.Header.Get("Git-Protocol"))
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.Close()
		if t.Failed() {
			t.Logf("git http-backend: %s", log)
		}
	})
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &Server{
		t: t, base: *base, users: users, Traffic: traffic,
		login: func(string) []string { return nil },
		who:   func(user string) *url.Userinfo { return url.UserPassword(user, password(user)) },
	}
}

// Traffic is what went through an HTTP server.
type Traffic struct{ delay, requests, sent atomic.Int64 }

// Delay has each request wait from now on, as for a server that is far away.
func (t *Traffic) Delay(d time.Duration) { t.delay.Store(int64(d)) }

// Take returns how many requests there were, and how many bytes of answers, since it was called last.
func (t *Traffic) Take() (requests, sent int64) { return t.requests.Swap(0), t.sent.Swap(0) }

// counted counts what is answered.
type counted struct {
	http.ResponseWriter
	traffic *Traffic
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.traffic.sent.Add(int64(n))
	return n, err
}

// lockedBuffer collects what several requests write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
