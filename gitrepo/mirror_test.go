package gitrepo

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/remit-sh/remit/internal/gitserver"
)

const (
	tokenUser = "x-access-token"
	testToken = "secret of " + tokenUser // the password that gitserver gives that user
)

// webServer serves the repositories below a directory by http, and notes what is asked.
type webServer struct {
	url string

	mu       sync.Mutex
	auth     []string // Authorization of each request
	sent     atomic.Int64
	requests atomic.Int64
}

// serveWeb puts a noting proxy before git's own http backend. v0 makes it forget git's protocol 2.
func serveWeb(t testing.TB, dir string, v0 bool) *webServer {
	t.Helper()
	backend := gitserver.HTTP(t, dir, []string{tokenUser})
	target, err := url.Parse(backend.URL(tokenUser, ""))
	if err != nil {
		t.Fatal(err)
	}
	target.User = nil
	proxy := httputil.NewSingleHostReverseProxy(target)
	w := &webServer{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		w.mu.Lock()
		w.auth = append(w.auth, req.Header.Get("Authorization"))
		w.mu.Unlock()
		w.requests.Add(1)
		if v0 {
			req.Header.Del("Git-Protocol")
		}
		proxy.ServeHTTP(&counting{rw, &w.sent}, req)
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

type counting struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

// open makes a mirror of a URL.
func openMirror(t testing.TB, url, token string) *Mirror {
	t.Helper()
	m, err := NewMirror(t.Context(), MirrorOptions{URL: url, Token: token, Env: []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func (r *testRepo) fileURL() string { return "file://" + r.dir }

// filtering lets a repository's server leave out what is not asked for.
func (r *testRepo) filtering() *testRepo {
	r.run("config", "uploadpack.allowFilter", "true")
	return r
}

// eachServer runs f with mirrors from a file and from the http backend, with filters and without.
func eachServer(t *testing.T, r *testRepo, f func(t *testing.T, m *Mirror)) {
	t.Helper()
	web := serveWeb(t, filepath.Dir(r.dir), false).url + "/" + filepath.Base(r.dir)
	if _, err := os.Stat(r.dir + "/.git"); err == nil {
		web += "/.git"
	}
	for _, filter := range []string{"false", "true"} {
		r.run("config", "uploadpack.allowFilter", filter)
		for name, u := range map[string]string{"file": r.fileURL(), "http": web} {
			t.Run(name+" filter "+filter, func(t *testing.T) { f(t, openMirror(t, u, "")) })
		}
	}
}

// isMissing reports whether an error says that an object is not here.
func isMissing(err error) bool { return errors.Is(err, ErrMissing) }

func fetchRange(t testing.TB, m *Mirror, base, head string, o RangeOptions) *Repo {
	t.Helper()
	if err := m.FetchRange(t.Context(), base, head, o); err != nil {
		t.Fatal(err)
	}
	return m.Repo()
}

func TestMirrorRange(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		r.empty("main", 20, "old")
		root := r.commit("fork", "a", "1\n", "dir/b", "1\n", ".gitmodules", "[submodule \"s\"]\n\tpath = s\n\turl = https://example.com/s\n")
		r.run("switch", "-q", "-c", "topic")
		one := r.commit("one", "a", "2\n")
		two := r.commit("two", "dir/b", "2\n")
		r.run("switch", "-q", "main")
		r.empty("main", 12, "main goes on")
		base := r.commit("base", "c", "1\n")
		eachServer(t, r, func(t *testing.T, m *Mirror) {
			m.slack = 2
			repo := fetchRange(t, m, base, two, RangeOptions{Hint: 2})
			c := collectRange(t, repo, base, two, CollectOptions{})
			noGaps(t, c)
			if got := ids(c.Commits); !slices.Equal(got, []string{one, two}) || changes(c.Commits[1]) != "100644 100644 dir/b" {
				t.Errorf("commits %v, changes %q", got, changes(c.Commits[1]))
			}
			if c.Updates[0].Old != root {
				t.Errorf("left base at %s", c.Updates[0].Old)
			}
			if got, err := repo.MergeBase(t.Context(), base, two); err != nil || got != root {
				t.Errorf("merge base %s, error %v", got, err)
			}
			if got, gaps := repo.Diff(t.Context(), root, two); len(got) != 2 || len(gaps) != 0 {
				t.Errorf("changes %v, gaps %v", got, gaps)
			}
			if got, err := m.File(t.Context(), base, "c"); err != nil || string(got) != "1\n" {
				t.Errorf("file %q, error %v", got, err)
			}
			if _, err := m.File(t.Context(), base, "d"); !errors.Is(err, ErrNotFound) {
				t.Errorf("a file that is not there: %v", err)
			}
			fetchRange(t, m, base, two, RangeOptions{Lines: true})
			c = collectRange(t, m.Repo(), base, two, CollectOptions{CountLines: true})
			noGaps(t, c)
			if c.Commits[0].Lines != 2 {
				t.Errorf("lines %d", c.Commits[0].Lines)
			}
			if warned := len(m.Warnings()) > 0; warned != strings.HasSuffix(t.Name(), "false") {
				t.Errorf("warnings %q", m.Warnings())
			}
		})
	})
}
