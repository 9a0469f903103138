package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/remit-sh/remit/internal/cli"
)

// serving runs remit audit serve in a folder of the shop until the returned function ends it, which gives its exit
// code and what it said. at is the address that it printed.
func (s *shop) serving(dir string, args ...string) (at string, end func() (int, string)) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	read, write := io.Pipe()
	errs := &lockedBuffer{}
	done := make(chan int, 1)
	go func() {
		code := cli.Run(ctx, s.env(dir, write, errs), append([]string{"audit", "serve", "--listen", "127.0.0.1:0"}, args...))
		_ = write.Close()
		done <- code
	}()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		s.t.Fatalf("it served nothing: %v\n%s", err, errs)
	}
	return strings.TrimSuffix(line, "\n"), func() (int, string) {
		cancel()
		return <-done, errs.String()
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func fetchJSON(t *testing.T, address string, into any) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v %s", address, resp.StatusCode, err, b)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", address, err)
	}
}

// TestAuditServe: the page is of the log that the other commands read, by the key that they trust, it says what the policy
// took back, sees what is pushed, and ends when it is told to.
func TestAuditServe(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.ok("alice", "shop.git", "remit", "hooks", "install", "--server", "--root-key", s.path("home/alice/keys/alice.pub"), "--pusher-env", "PUSHER")
	push := func(who string, refs ...string) {
		t.Helper()
		if r := s.run(who, "shop", []string{"PUSHER=alice"}, "git", append([]string{"push", "-q", "origin"}, refs...)...); r.code != 0 {
			t.Fatal(r.stderr)
		}
	}
	digest := strings.TrimSpace(s.ok("alice", "shop", "remit", "delegate", "planner", "--for", "10m", "--why", "SHOP-1412", "--action", "commit",
		"--branch", "agent/**", "--path", "src/**", "--to-key", s.path("home/planner/keys/planner.pub")))
	s.git("planner", "checkout -q -b agent/pay main")
	s.ok("planner", "shop", "remit", "use", digest)
	s.write("shop/src/pay.go", "// card\n")
	s.git("planner", "add -A")
	s.git("planner", "commit -q -m Card")
	push("planner", "agent/pay")
	s.ok("planner", "shop", "remit", "use", "--none")
	s.git("alice", "fetch -q origin")

	at, end := s.serving("shop.git")
	base, fragment, _ := strings.Cut(at, "#")
	var about struct {
		Log, Key string
		KeyFrom  string `json:"key_from"`
		Size     int64
		Revoked  bool
		Rules    []struct{ ID, Text string }
	}
	fetchJSON(t, base+"api/log", &about)
	named, err := url.ParseQuery(fragment)
	if err != nil || named.Get("key") != about.Key || about.Key == "" || about.Log != "github.com/acme/shop/audit" || !about.Revoked || len(about.Rules) == 0 {
		t.Errorf("%s: %+v, %v", at, about, err)
	}
	type entries struct {
		Size    int64
		Entries []struct {
			Sentence string
			Chains   []string
		}
		Chains []struct{ Links []struct{ State string } }
	}
	var got entries
	fetchJSON(t, base+"api/entries?agent=planner", &got)
	if len(got.Entries) != 1 || !strings.Contains(got.Entries[0].Sentence, "planner, delegated by alice, changed src/pay.go for SHOP-1412: allowed") || got.Chains[0].Links[0].State != "live" {
		t.Errorf("%+v", got)
	}

	// What comes is seen, and what the policy takes back is said.
	s.git("alice", "checkout -q main")
	s.ok("alice", "shop", "remit", "revoke", "--delegation", digest, "--why", "x")
	s.git("alice", "commit -q -a -m Revoke")
	s.git("alice", "--git-dir="+s.path("shop.git")+" fetch -q "+s.path("shop")+" main:main") // around the hook
	push("alice", "main:refs/heads/agent/x")
	s.at(3 * time.Second) // a look is as old as two seconds
	before := got.Size
	fetchJSON(t, base+"api/entries?agent=planner", &got)
	if got.Size <= before || got.Chains[0].Links[0].State != "revoked" {
		t.Errorf("%+v", got)
	}
	if code, said := end(); code != 0 || !strings.Contains(said, "this is the audit log github.com/acme/shop/audit of ") {
		t.Errorf("it ended with %d: %s", code, said)
	}

	for _, tt := range []struct {
		name, dir string
		args      []string
		revoked   bool
		from      string
	}{
		{"fetched", "shop", nil, true, "as this clone saw it before"},
		{"remote", "shop", []string{"--fetch"}, true, "as this clone saw it before"},
		{"a key by name", "shop", []string{"--key", about.Key}, true, "--key"},
	} {
		if tt.name == "fetched" {
			s.git("alice", "fetch -q origin")
			s.here("shop", "audit", "log").want(t, 0) // sees the key
		}
		at, end := s.serving(tt.dir, tt.args...)
		base, _, _ := strings.Cut(at, "#")
		var now struct {
			Key     string
			KeyFrom string `json:"key_from"`
			Revoked bool
		}
		fetchJSON(t, base+"api/log", &now)
		if now.Key != about.Key || now.Revoked != tt.revoked || !strings.Contains(now.KeyFrom, tt.from) {
			t.Errorf("%s: %+v", tt.name, now)
		}
		fetchJSON(t, base+"api/entries/0", &struct{}{})
		if code, said := end(); code != 0 {
			t.Errorf("%s: ended with %d: %s", tt.name, code, said)
		}
	}
}

// TestAuditServeRefuses: what cannot be served is said, with what works.
func TestAuditServeRefuses(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	at, end := s.serving("shop.git", trusted)
	taken, _, _ := strings.Cut(strings.TrimPrefix(at, "http://"), "/")
	s.here("shop.git", "audit", "serve", trusted, "--listen", taken).want(t, 3, "somebody else listens at "+taken, "--listen")
	if code, said := end(); code != 0 {
		t.Errorf("%d: %s", code, said)
	}
	for listen, want := range map[string]string{"8417": "no IP address with a port", "localhost:8417": "write one such as 127.0.0.1:8417", "127.0.0.1": "no IP address", "": "no IP address", "127.0.0.1:99999": "no IP address"} {
		s.here("shop.git", "audit", "serve", trusted, "--listen", listen).want(t, 2, want)
	}
	s.here("shop", "audit", "serve", "--log", "nowhere", trusted).want(t, 2, "there is no audit log")
	s.here("shop", "audit", "serve", "--key", strings.Replace(auditKey(), "+", "+0", 1)).want(t, 2)
	s.here("shop", "audit", "serve", "more").want(t, 2)

	at, end = s.serving("shop.git", trusted, "--listen", "0.0.0.0:0", "--host", "audit.example")
	if !strings.HasPrefix(at, "http://localhost:") {
		t.Errorf("all addresses: %s", at)
	}
	base, _, _ := strings.Cut(at, "#")
	for host, want := range map[string]int{"audit.example": 200, "other.example": 421} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d", host, resp.StatusCode)
		}
	}
	if code, said := end(); code != 0 || !strings.Contains(said, "whoever can reach 0.0.0.0") {
		t.Errorf("%d: %s", code, said)
	}
}
