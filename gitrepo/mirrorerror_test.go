package gitrepo

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/internal/gitserver"
)

// silent fails where a text holds the token in any form.
func silent(t *testing.T, text, token string) {
	t.Helper()
	for _, s := range []string{token, base64.StdEncoding.EncodeToString([]byte(tokenUser + ":" + token))} {
		if strings.Contains(text, s) {
			t.Errorf("the token is told: %s", text)
		}
	}
}

func TestMirrorToken(t *testing.T) {
	r := newTestRepo(t)
	head := r.commit("one", "f", "1\n")
	web := serveWeb(t, filepath.Dir(r.dir), false)
	const path = "/repo/.git"

	m := openMirror(t, web.url+path, testToken)
	if err := m.Fetch(t.Context(), head); err != nil {
		t.Fatal(err)
	}
	want := "basic " + base64.StdEncoding.EncodeToString([]byte(tokenUser+":"+testToken))
	for _, got := range web.auth {
		if got != want {
			t.Errorf("Authorization %q", got)
		}
	}
	// It is in no file of the mirror.
	err := filepath.WalkDir(m.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		silent(t, string(b), testToken)
		return err
	})
	if err != nil {
		t.Error(err)
	}

	const wrong = "ghs_wrongtoken"
	m = openMirror(t, web.url+path, wrong)
	err = m.Fetch(t.Context(), head)
	if !errors.Is(err, ErrRefused) || errors.Is(err, ErrNotFound) {
		t.Errorf("wrong token: %v", err)
	}
	silent(t, err.Error(), wrong)
	m = openMirror(t, web.url+"/nothing.git", wrong)
	_, err = m.Refs(t.Context())
	if !errors.Is(err, ErrRefused) {
		t.Errorf("no such repository: %v", err)
	}
	silent(t, err.Error(), wrong)
}

// TestMirrorArguments: a git that notes how it is called sees the token in no argument, and is called
// with none of the caller's own settings.
func TestMirrorArguments(t *testing.T) {
	r := newTestRepo(t)
	head := r.commit("one", "f", "1\n")
	web := serveWeb(t, filepath.Dir(r.dir), false)
	log := filepath.Join(t.TempDir(), "log")
	spy := filepath.Join(t.TempDir(), "git")
	script := "#!/bin/sh\necho \"$@\" >>" + log + "\nenv | grep -v ^GIT_CONFIG_VALUE_0= >>" + log + "\nexec git \"$@\"\n"
	if err := os.WriteFile(spy, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	m, err := NewMirror(t.Context(), MirrorOptions{
		URL: web.url + "/repo/.git", Token: testToken, Git: spy,
		Env: []string{
			"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=credential.helper",
			"GIT_CONFIG_VALUE_0=!touch /nowhere", "GIT_TRACE_CURL=1", "GIT_SSL_NO_VERIFY=1", "GIT_ASKPASS=mallory", "GIT_SSH_COMMAND=mallory", "HOME=/mallory",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if err := m.Fetch(t.Context(), head); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(log)
	if err != nil || len(b) == 0 {
		t.Fatal("git was not called", err)
	}
	silent(t, string(b), testToken)
	for _, s := range []string{"mallory", "credential.helper", "GIT_TRACE", "NO_VERIFY"} {
		if strings.Contains(string(b), s) {
			t.Errorf("git is given %s", s)
		}
	}
}

// TestMirrorRedirect: the token follows no redirect, whatever the host.
func TestMirrorRedirect(t *testing.T) {
	r := newTestRepo(t)
	head := r.commit("one", "f", "1\n")
	web := serveWeb(t, filepath.Dir(r.dir), false)
	for _, code := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, web.url+req.URL.RequestURI(), code)
		}))
		m := openMirror(t, away.URL+"/repo/.git", testToken)
		err := m.Fetch(t.Context(), head)
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "another address") {
			t.Errorf("%d: %v", code, err)
		}
		away.Close()
	}
	if n := web.requests.Load(); n != 0 {
		t.Errorf("a redirect was followed %d times, with %q", n, web.auth)
	}
	// The near miss: the same server without the redirect.
	if err := openMirror(t, web.url+"/repo/.git", testToken).Fetch(t.Context(), head); err != nil {
		t.Error(err)
	}
}

func TestMirrorURLs(t *testing.T) {
	for _, tt := range []struct{ url, token, want string }{
		{"https://github.com/acme/shop", "t", ""},
		{"https://github.com/acme/shop.git", "", ""},
		{"http://127.0.0.1:3000/acme/shop", "t", ""},
		{"http://[::1]:3000/acme/shop", "t", ""},
		{"http://git.example.com/acme/shop", "", ""},
		{"file:///srv/git/shop.git", "", ""},
		{"ssh://git@example.com:22/acme/shop", "", ""},
		{"http://git.example.com/acme/shop", "t", "unencrypted"},
		{"http://127.0.0.1.example.com/acme/shop", "t", "unencrypted"},
		{"https://me:hunter2@github.com/acme/shop", "", "holds a user or a password"},
		{"https://hunter2@github.com/acme/shop", "", "holds a user or a password"},
		{"ssh://git:hunter2@example.com/acme/shop", "", "holds a user or a password"},
		{"https://github.com/acme/shop?x=1", "", "more than a host and a path"},
		{"https://github.com/acme/shop#x", "", "more than a host and a path"},
		{"https:github.com/acme/shop", "", "more than a host and a path"},
		{"ext::sh -c touch% /tmp/x", "", `the scheme "ext"`},
		{"ext://sh", "", `the scheme "ext"`},
		{"git://github.com/acme/shop", "", `the scheme "git"`},
		{"/srv/git/shop.git", "", `the scheme ""`},
		{"--upload-pack=x", "", `the scheme ""`},
		{"file://host/srv/git", "", "names no place"},
		{"ssh://-oProxyCommand=x/acme", "", "names no place"},
		{"https:///acme/shop", "", "names no place"},
		{"file:///srv/git/shop.git", "t", "a token is for http and https"},
		{"https://github.com/a\nb", "", "not a URL"},
		{"https://hunter2:hunter2@ github.com/", "", "not a URL"},
		{"https://github.com/acme/shop", "t\nX-Evil: 1", "line break"},
	} {
		m, err := NewMirror(t.Context(), MirrorOptions{URL: tt.url, Token: tt.token, Env: []string{"TMPDIR=" + t.TempDir()}})
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%q: %v", tt.url, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%q: error %v, want %q", tt.url, err, tt.want)
		}
		if err == nil {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestMirrorDir: a mirror takes no folder that somebody else put something into, and removes only its own.
func TestMirrorDir(t *testing.T) {
	r := newTestRepo(t)
	head := r.commit("one", "f", "1\n")
	dir := filepath.Join(t.TempDir(), "mirror")
	m, err := NewMirror(t.Context(), MirrorOptions{Dir: dir, URL: r.fileURL()})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Fetch(t.Context(), head); err != nil {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "config")); err != nil {
		t.Error("a folder of the caller's was removed")
	}
	if _, err := NewMirror(t.Context(), MirrorOptions{Dir: dir, URL: r.fileURL()}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a folder with a config in it: %v", err)
	}
	m = openMirror(t, r.fileURL(), "")
	temporary := m.dir
	t.Cleanup(func() { // before openMirror's own
		_ = m.Close()
		if _, err := os.Stat(temporary); !os.IsNotExist(err) {
			t.Error("the temporary folder is still there")
		}
	})
}

func TestMirrorNotFound(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		one := r.commit("one", "f", "1\n")
		two := r.commit("two", "f", "2\n")
		left := r.commit("left behind", "f", "3\n") // by a forced push
		r.run("reset", "-q", "--hard", two)
		r.run("tag", "-a", "-m", "v1", "v1", one)
		r.run("update-ref", "refs/pull/7/head", left)
		gone := strings.Repeat("1", len(one))
		gone2 := strings.Repeat("2", len(one))
		eachServer(t, r, func(t *testing.T, m *Mirror) {
			err := m.Fetch(t.Context(), one, gone, left, gone2)
			if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), gone) || !strings.Contains(err.Error(), gone2) || strings.Contains(err.Error(), one) {
				t.Errorf("unknown ids: %v", err)
			}
			for _, id := range []string{one, left} {
				if _, err := m.Repo().Commit(id); err != nil {
					t.Errorf("what is there was not fetched: %v", err)
				}
			}
			for _, pair := range [][2]string{{gone, two}, {two, gone}} {
				if err := m.FetchRange(t.Context(), pair[0], pair[1], RangeOptions{}); !errors.Is(err, ErrNotFound) {
					t.Errorf("range %v: %v", pair, err)
				}
			}
			if _, err := m.File(t.Context(), gone, "f"); !errors.Is(err, ErrNotFound) {
				t.Errorf("file of an unknown commit: %v", err)
			}
			if err := m.FetchBlobs(t.Context(), gone); !errors.Is(err, ErrNotFound) {
				t.Errorf("unknown contents: %v", err)
			}
			if err := m.Fetch(t.Context(), "refs/heads/none"); !errors.Is(err, ErrNotFound) {
				t.Errorf("unknown ref: %v", err)
			}
			if err := m.Fetch(t.Context(), "refs/pull/7/head", "refs/heads/main"); err != nil {
				t.Errorf("known refs: %v", err)
			}
			for _, bad := range []string{"", "main", "HEAD~1", "-x", one[:10], "refs/heads/../x", "+" + one, "refs/heads/a:refs/heads/b"} {
				if err := m.Fetch(t.Context(), bad); err == nil {
					t.Errorf("%q was taken for an id or a ref", bad)
				}
			}
			refs, err := m.Refs(t.Context(), "refs/tags/", "refs/pull/")
			if err != nil || len(refs) != 2 || refs["refs/tags/v1"] != one || refs["refs/pull/7/head"] != left {
				t.Errorf("refs %v, error %v", refs, err)
			}
			if refs, err = m.Refs(t.Context(), "refs/heads/"); err != nil || len(refs) != 1 || refs["refs/heads/main"] != two {
				t.Errorf("branches %v, error %v", refs, err)
			}
			if refs, err = m.Refs(t.Context()); err != nil || len(refs) != 4 || refs["HEAD"] != two {
				t.Errorf("all refs %v, error %v", refs, err)
			}
		})
	})
}

// TestMirrorOldServer: a server that knows only git's older protocols gives what its refs name, and
// says so where it gives nothing else. With protocol 2, the same setting refuses nothing.
func TestMirrorOldServer(t *testing.T) {
	r := newTestRepo(t)
	one := r.commit("one", "f", "1\n")
	two := r.commit("two", "f", "2\n")
	r.run("config", "uploadpack.allowAnySHA1InWant", "false")
	old := serveWeb(t, filepath.Dir(r.dir), true).url + "/repo/.git"
	m := openMirror(t, old, "")
	if err := m.Fetch(t.Context(), two); err != nil {
		t.Errorf("what a ref names: %v", err)
	}
	if err := m.Fetch(t.Context(), one); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "uploadpack.allowAnySHA1InWant") {
		t.Errorf("what no ref names: %v", err)
	}
	// A range whose base is a branch's tip needs nothing else.
	r.run("branch", "base", one)
	fetchRange(t, openMirror(t, old, ""), one, two, RangeOptions{})
	r.run("branch", "-D", "base")
	r.run("config", "uploadpack.allowAnySHA1InWant", "true")
	if err := openMirror(t, old, "").Fetch(t.Context(), one); err != nil {
		t.Errorf("a server that gives any: %v", err)
	}
	r.run("config", "uploadpack.allowAnySHA1InWant", "false")
	if err := openMirror(t, serveWeb(t, filepath.Dir(r.dir), false).url+"/repo/.git", "").Fetch(t.Context(), one); err != nil {
		t.Errorf("protocol 2: %v", err)
	}
}

func TestMirrorUnreachable(t *testing.T) {
	r := newTestRepo(t)
	head := r.commit("one", "f", strings.Repeat("1\n", 1000))
	server := httptest.NewServer(http.NotFoundHandler())
	m := openMirror(t, server.URL+"/acme/shop", "")
	if err := m.Fetch(t.Context(), head); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "no repository at that address") {
		t.Errorf("404: %v", err)
	}
	server.Close()
	if err := m.Fetch(t.Context(), head); !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNotFound) {
		t.Errorf("no server: %v", err)
	}
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer broken.Close()
	if err := openMirror(t, broken.URL+"/x", "").Fetch(t.Context(), head); !errors.Is(err, ErrUnreachable) {
		t.Errorf("500: %v", err)
	}
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer login.Close()
	for _, token := range []string{"", "wrong"} {
		if err := openMirror(t, login.URL+"/x", token).Fetch(t.Context(), head); !errors.Is(err, ErrRefused) {
			t.Errorf("401: %v", err)
		}
	}
	if err := openMirror(t, "file://"+t.TempDir(), "").Fetch(t.Context(), head); !errors.Is(err, ErrRefused) {
		t.Errorf("no repository: %v", err)
	}
}

// TestMirrorBounds: a server that never answers and one that sends too much are given up.
func TestMirrorBounds(t *testing.T) {
	r := newTestRepo(t)
	head := r.commit("one", "f", strings.Repeat("1\n", 1000))
	stop := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer slow.Close()
	defer close(stop)
	m := openMirror(t, slow.URL+"/x", "")
	m.left = 300 * time.Millisecond
	if err := m.Fetch(t.Context(), head); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "in all") {
		t.Errorf("a server that does not answer: %v", err)
	}
	if err := m.Fetch(t.Context(), head); !errors.Is(err, ErrUnreachable) {
		t.Errorf("again: %v", err)
	}
	m = openMirror(t, r.fileURL(), "")
	m.most = 100
	if err := m.Fetch(t.Context(), head); !errors.Is(err, ErrLimit) {
		t.Errorf("more than it may fetch: %v", err)
	}
	m.most = MaxMirrorSize
	if err := m.Fetch(t.Context(), head); err != nil {
		t.Errorf("no more than it may fetch: %v", err)
	}
}

func TestMirrorSSH(t *testing.T) {
	r := newTestRepo(t)
	head := r.commit("one", "f", "1\n")
	server := gitserver.SSH(t, filepath.Dir(r.dir), []string{"alice"})
	m, err := NewMirror(t.Context(), MirrorOptions{
		URL: server.URL("alice", "repo/.git"),
		Env: append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}, server.Env("alice")...),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if got, err := m.File(t.Context(), head, "f"); err != nil || string(got) != "1\n" {
		t.Errorf("file %q, error %v", got, err)
	}
}
