package web_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit/audittest"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/audit/web"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/inert"
)

func serve(t testing.TB, l *log.Log, change func(*web.Config)) *web.Server {
	t.Helper()
	c := web.Config{Log: l, Key: audittest.Key(t), KeyFrom: "named by the test", Now: func() time.Time { return audittest.Start().Add(15 * time.Minute) }}
	if change != nil {
		change(&c)
	}
	s, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func storyLog(t testing.TB) *log.Log {
	t.Helper()
	entries, chains := audittest.Story(t)
	return audittest.Fill(t, &logtest.Memory{}, entries, chains...)
}

// ask asks a server as a browser on this machine does, but for what change makes of the request.
func ask(s http.Handler, method, path string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "127.0.0.1:8417"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func get(t testing.TB, s http.Handler, path string, into any) {
	t.Helper()
	w := ask(s, http.MethodGet, path, nil)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

type list struct {
	Size    int64
	Entries []struct {
		Index             int64
		Sentence, Verdict string
		Attested, Perhaps bool
		Chains            []string
	}
	Next   int64
	End    bool
	Looked int64
	Chains []struct {
		Digest string
		Links  []struct{ Delegator, Delegate, State, Purpose string }
	}
	More int
}

func (l *list) indexes() (out []int64) {
	for _, e := range l.Entries {
		out = append(out, e.Index)
	}
	return out
}

// TestHeaders: whatever is answered, a page may run nothing but the server's own files, and nobody may frame or keep it.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := serve(t, storyLog(t), nil)
	for _, path := range []string{"/", "/app.js", "/style.css", "/api/log", "/api/entries", "/api/entries/3", "/api/entries/3/receipt", "/nowhere", "/api/entries/99"} {
		h := ask(s, http.MethodGet, path, nil).Header()
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy lacks %s: %s", path, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "data:") || strings.Contains(policy, "*") {
			t.Errorf("%s: %s", path, policy)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Access-Control-Allow-Origin": "",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if cached := h.Get("Cache-Control"); cached != "no-store" && (cached != "no-cache" || strings.HasPrefix(path, "/api/")) {
			t.Errorf("%s: %s", path, cached)
		}
	}
	page := ask(s, http.MethodGet, "/", nil).Body.String()
	for _, inline := range []string{"<script>", " style=", " onclick=", " onload=", "javascript:", "http://", "https://"} {
		if strings.Contains(page, inline) {
			t.Errorf("the page has %q", inline)
		}
	}
	for _, name := range []string{"app.js", "dom.js", "entry.js", "proof.js", "tree.js"} {
		w := ask(s, http.MethodGet, "/"+name, nil)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
			t.Errorf("%s: %d, %s", name, w.Code, w.Header().Get("Content-Type"))
		}
		for _, way := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "setAttribute(\"on"} {
			if strings.Contains(w.Body.String(), way) {
				t.Errorf("%s makes something of text by %s", name, way)
			}
		}
		tag := w.Header().Get("ETag")
		if again := ask(s, http.MethodGet, "/"+name, func(r *http.Request) { r.Header.Set("If-None-Match", tag) }); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s, not changed: %d", name, again.Code)
		}
	}
}

// TestHosts: a name that leads here by somebody else's doing reads nothing; an address, localhost and what it was told
// do.
func TestHosts(t *testing.T) {
	t.Parallel()
	s := serve(t, storyLog(t), func(c *web.Config) { c.Names = []string{"audit.example.com"} })
	for host, want := range map[string]int{
		"127.0.0.1:8417": 200, "127.0.0.1": 200, "localhost:8417": 200, "LOCALHOST": 200, "[::1]:8417": 200, "[::1]": 200, "10.1.2.3:80": 200,
		"audit.example.com": 200, "Audit.Example.com:8443": 200,
		"evil.example": 421, "evil.example:8417": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "evil.audit.example.com": 421, "": 421,
		"localhost:": 421, "localhost:0": 421, "localhost:evil": 421, "127.0.0.1:8417:1": 421, "localhost.": 421, "127.1": 421, "2130706433": 421,
	} {
		for _, path := range []string{"/", "/api/log"} {
			if w := ask(s, http.MethodGet, path, func(r *http.Request) { r.Host = host }); w.Code != want {
				t.Errorf("%q, %s: %d, want %d", host, path, w.Code, want)
			}
		}
	}
}

// TestRefusals: it only reads, only what there is, and only for its own page.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := serve(t, storyLog(t), nil)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get"} {
		for _, path := range []string{"/", "/api/entries", "/api/entries/1"} {
			if w := ask(s, method, path, nil); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
	for path, want := range map[string]int{
		"/index.html": 404, "/../web.go": 404, "/%2e%2e/web.go": 404, "/page/app.js": 404, "//app.js": 404, "/app.js/": 404, "/./app.js": 404, "/..%2fapp.js": 404,
		"/app.js%00": 404, "/etc/passwd": 404, "/api": 404, "/api/": 404, "/api/key": 404, "/api/entries/": 400, "/api/entries/1/": 404, "/api/entries/1/receipt/x": 404,
		"/api/entries/1/../../../key": 404, "/api/entries/-1": 400, "/api/entries/+1": 400, "/api/entries/01": 400, "/api/entries/1e0": 400, "/api/entries/9": 404,
		"/api/entries/8": 200, "/api/entries/99999999999999999999": 400, "/api/entries/x": 400, "/api/entries/9/receipt": 404, "/api/entries/8/receipt": 200, "/api/entries/8/json": 200,
		"/api/log?x": 400, "/api/entries/1?x=1": 400, "/api/entries/1/json?x": 400,
		"/api/entries?agent=coder": 200, "/api/entries?agent=": 200, "/api/entries?agent=human.alice": 400, "/api/entries?agnet=coder": 400, "/api/entries?agent=a&agent=b": 400,
		"/api/entries?limit=200": 200, "/api/entries?limit=201": 400, "/api/entries?limit=0": 400, "/api/entries?limit=-1": 400, "/api/entries?limit=": 400,
		"/api/entries?before=0": 200, "/api/entries?before=-1": 400, "/api/entries?before=1&after=1": 400, "/api/entries?after=99999": 200, "/api/entries?before=99999999999999999999": 400,
		"/api/entries?a;b": 400, "/api/entries?since=soon": 400, "/api/entries?verdict=denied": 400, "/api/entries?path=%00": 400,
		"/api/entries?rule=" + strings.Repeat("a", 1001): 400, "/api/entries?rule=" + strings.Repeat("a", 1000): 200,
	} {
		w := ask(s, http.MethodGet, "/", func(r *http.Request) {
			u, err := url.Parse("http://127.0.0.1" + path)
			if err != nil {
				t.Fatal(err)
			}
			r.URL = u
		})
		if w.Code != want {
			t.Errorf("%s: %d, want %d: %.200s", path, w.Code, want, w.Body)
		}
		var said struct{ Error string }
		if want >= 400 && (json.Unmarshal(w.Body.Bytes(), &said) != nil || said.Error == "") {
			t.Errorf("%s: it does not say why: %s", path, w.Body)
		}
		if head := ask(s, http.MethodHead, "/", func(r *http.Request) { r.URL, _ = url.Parse("http://127.0.0.1" + path) }); head.Code != want || head.Body.Len() > 0 {
			t.Errorf("HEAD %s: %d with %d bytes", path, head.Code, head.Body.Len())
		}
	}
	for site, want := range map[string]int{"": 200, "same-origin": 200, "none": 200, "cross-site": 403, "same-site": 403} {
		w := ask(s, http.MethodGet, "/api/entries", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", site) })
		if w.Code != want {
			t.Errorf("asked by %q: %d", site, w.Code)
		}
	}
}

// TestEntries: the filters of the command line, the newest first, in either direction.
func TestEntries(t *testing.T) {
	t.Parallel()
	s := serve(t, storyLog(t), nil)
	_, chains := audittest.Story(t)
	for query, want := range map[string][]int64{
		"":                           {8, 7, 6, 5, 4, 3, 2, 1, 0},
		"limit=2":                    {8, 7},
		"limit=2&before=7":           {6, 5},
		"limit=2&after=0":            {1, 0},
		"limit=2&after=8":            {8},
		"before=0":                   nil,
		"agent=coder":                {5, 4, 1, 0},
		"agent=coder&verdict=deny":   {1},
		"human=carol":                {5},
		"environment=Production":     {5, 4},
		"since=7m&verdict=deny":      {7},
		"until=2026-11-22T14:02:00Z": {0},
		"path=src/**":                {0},
		"rule=scope-path":            {1},
		"surface=check":              {7},
		"repository=github.com/acme/shop&limit=1": {8},
		"delegation=" + chains[1].Digest():        {8, 2},
		"commit=" + audittest.Commit(3):           {2},
		"agent=nobody":                            nil,
	} {
		var got list
		get(t, s, "/api/entries?"+query, &got)
		if !slices.Equal(got.indexes(), want) || got.Size != 9 || got.More != 0 {
			t.Errorf("%s: %v", query, got.indexes())
		}
		known := map[string]bool{}
		for _, c := range got.Chains {
			known[c.Digest] = true
		}
		for _, e := range got.Entries {
			for _, digest := range e.Chains {
				if !known[digest] {
					t.Errorf("%s: entry %d is without its chain", query, e.Index)
				}
			}
		}
	}
}

// TestStretches: an answer looks through a part of a long log, and says where to go on, however little matches.
func TestStretches(t *testing.T) {
	t.Parallel()
	s := serve(t, audittest.Fill(t, &logtest.Memory{}, audittest.Many(t, 0, 12_000)), nil)
	for _, tt := range []struct{ query, way string }{{"path=src/pay/card_7.go&limit=200", "before"}, {"path=src/pay/card_7.go&limit=200", "after"}, {"rule=unsigned", "before"}} {
		want, at := 120, ""
		if tt.way == "after" {
			at = "&after=0"
		}
		if strings.HasPrefix(tt.query, "rule") {
			want = 0
		}
		count, looked, answers := 0, int64(0), 0
		for end := false; !end; answers++ {
			var got list
			get(t, s, "/api/entries?"+tt.query+at, &got)
			count, looked, end = count+len(got.Entries), looked+got.Looked, got.End
			if got.Looked > 5000 || got.Looked <= 0 {
				t.Fatalf("%v: %d looked through at once", tt, got.Looked)
			}
			at = fmt.Sprintf("&%s=%d", tt.way, got.Next)
		}
		if count != want || looked != 12_000 || answers != 3 {
			t.Errorf("%v: %d entries of %d in %d answers", tt, count, looked, answers)
		}
	}
}

// TestInert: nothing of what agents wrote acts on whoever reads an answer as it is, but in the bytes that the proof is over.
func TestInert(t *testing.T) {
	t.Parallel()
	s := serve(t, storyLog(t), nil)
	for _, path := range []string{"/api/log", "/api/entries", "/api/entries/6", "/api/entries/7", "/api/entries?agent=%E2%80%AE", "/api/entries?rule=%1b[2J"} {
		var decoded any
		body := ask(s, http.MethodGet, path, nil).Body.Bytes()
		if err := json.Unmarshal(body, &decoded); err != nil {
			t.Fatal(err)
		}
		var walk func(any)
		walk = func(v any) {
			switch v := v.(type) {
			case string:
				for _, r := range v {
					if !inert.IsVisible(r) && r != ' ' && (r != '\n' || !strings.Contains(v, "\u2014 github.com/acme/shop/audit ")) {
						t.Errorf("%s: %U in %q", path, r, v)
					}
				}
			case []any:
				for _, item := range v {
					walk(item)
				}
			case map[string]any:
				for _, item := range v {
					walk(item)
				}
			}
		}
		walk(decoded)
	}
	if !strings.Contains(ask(s, http.MethodGet, "/api/entries/6", nil).Body.String(), "alert(1)") {
		t.Error("the hostile text is not in it, so that nothing is tested")
	}
}

// TestProof: what is handed over for the browser to check, and the files to take along, are the entry and prove it.
func TestProof(t *testing.T) {
	t.Parallel()
	l := storyLog(t)
	s := serve(t, l, nil)
	entries, _ := audittest.Story(t)
	for i := range entries {
		want, err := entries[i].Encode()
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Index int64
			ID    string
			Proof struct {
				Entry, Checkpoint string
				Index, Size       int64
				Hashes            []string
			}
			Facts     []struct{ Name, Text string }
			Authority struct {
				Held, Absent int
				Faults       []string
			}
		}
		get(t, s, fmt.Sprintf("/api/entries/%d", i), &got)
		c, err := log.OpenCheckpoint([]byte(got.Proof.Checkpoint), l.Verifier)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := base64.StdEncoding.DecodeString(got.Proof.Entry); err != nil || !bytes.Equal(b, want) || got.Index != int64(i) || got.ID != entries[i].ID || len(got.Facts) == 0 ||
			c.Size != got.Proof.Size || got.Proof.Index != int64(i) || len(got.Authority.Faults) > 0 {
			t.Errorf("entry %d: %+v", i, got)
		}
		receipt := ask(s, http.MethodGet, fmt.Sprintf("/api/entries/%d/receipt", i), nil)
		r, _, err := log.OpenReceipt(receipt.Body.Bytes(), l.Verifier)
		if err != nil || r.Index != int64(i) || !bytes.Equal(r.Entry, want) {
			t.Errorf("the receipt of entry %d: %v", i, err)
		}
		if len(r.Proof) != len(got.Proof.Hashes) {
			t.Errorf("entry %d: %d hashes, %d in its receipt", i, len(got.Proof.Hashes), len(r.Proof))
		}
		file := ask(s, http.MethodGet, fmt.Sprintf("/api/entries/%d/json", i), nil)
		if !bytes.Equal(file.Body.Bytes(), want) {
			t.Errorf("the file of entry %d is another one", i)
		}
		for _, w := range []*httptest.ResponseRecorder{receipt, file} {
			if !strings.HasPrefix(w.Header().Get("Content-Disposition"), fmt.Sprintf(`attachment; filename="entry-%d.`, i)) {
				t.Errorf("entry %d is shown, and not saved: %s", i, w.Header().Get("Content-Disposition"))
			}
		}
	}
}

// TestStanding: how a delegation stands is said by the time, and by whoever knows better.
func TestStanding(t *testing.T) {
	t.Parallel()
	_, chains := audittest.Story(t)
	states := func(s *web.Server) string {
		var got list
		get(t, s, "/api/entries?rule=scope-path", &got)
		var out []string
		for _, l := range got.Chains[0].Links {
			out = append(out, l.State)
		}
		return strings.Join(out, " ")
	}
	l := storyLog(t)
	early := func(c *web.Config) { c.Now = func() time.Time { return audittest.Start().Add(time.Minute) } }
	if got := states(serve(t, l, early)); got != "live live" {
		t.Errorf("in time: %s", got)
	}
	if got := states(serve(t, l, nil)); got != "expired expired" {
		t.Errorf("later: %s", got)
	}
	revoked := func(c *web.Config) {
		early(c)
		c.Standing = func(_ context.Context, bundles [][]byte) [][]string {
			chain, err := delegation.ParseBundle(bundles[0])
			if len(bundles) != 1 || err != nil || chain.Digest() != chains[0].Digest() {
				t.Errorf("it is asked about %d bundles: %v", len(bundles), err)
			}
			return [][]string{{"", "revoked"}}
		}
	}
	if got := states(serve(t, l, revoked)); got != "live revoked" {
		t.Errorf("revoked: %s", got)
	}
}

// TestGrows: what is appended is seen, what the log was is held against it, and a log that was rolled back is refused.
func TestGrows(t *testing.T) {
	t.Parallel()
	store := &exchanged{Store: &logtest.Memory{}}
	var moved []int64
	var failed []error
	s := serve(t, audittest.Fill(t, store, audittest.Many(t, 0, 300)), func(c *web.Config) {
		c.Moved = func(_ context.Context, at log.Checkpoint) { moved = append(moved, at.Size) }
		c.Failed = func(err error) { failed = append(failed, err) }
	})
	var got list
	get(t, s, "/api/entries", &got)
	audittest.Grow(t, store, audittest.Many(t, 300, 310))
	get(t, s, "/api/entries", &got)
	get(t, s, "/api/entries/305", &struct{}{})
	if got.Size != 310 || !slices.Equal(moved, []int64{300, 310}) || len(failed) > 0 {
		t.Errorf("%d entries, moved %v, failed %v", got.Size, moved, failed)
	}
	store.exchange(&logtest.Memory{})
	audittest.Fill(t, store, audittest.Many(t, 0, 300))
	for _, path := range []string{"/api/log", "/api/entries", "/api/entries/3", "/api/entries/3/receipt"} {
		if w := ask(s, http.MethodGet, path, nil); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "rolled back") {
			t.Errorf("%s, rolled back: %d %s", path, w.Code, w.Body)
		}
	}
	if len(failed) != 4 || !errors.Is(failed[0], log.ErrRolledBack) || len(moved) != 2 {
		t.Errorf("failed %v, moved %v", failed, moved)
	}
}

// exchanged is a store that somebody puts another in the place of.
type exchanged struct {
	log.Store
	mu sync.Mutex
}

func (e *exchanged) exchange(s log.Store) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Store = s
}

// TestServe: many may ask at once, and it ends when it is told to, whoever still asks.
func TestServe(t *testing.T) {
	t.Parallel()
	s := serve(t, audittest.Fill(t, &logtest.Memory{}, audittest.Many(t, 0, 300)), nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	at := "http://" + listener.Addr().String()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			resp, err := http.Get(fmt.Sprintf("%s/api/entries/%d", at, i))
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = resp.Body.Close() }()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%d, %v", resp.StatusCode, err)
			}
		})
	}
	wg.Wait()
	idle, err := net.Dial("tcp", listener.Addr().String()) // asks nothing, and does not end
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = idle.Close() }()
	stop()
	if err := <-done; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

// BenchmarkEntries is a page of a log of 100,000 entries: the newest, one in the middle, one answer of a filter that
// matches nothing, and an entry with its proof.
func BenchmarkEntries(b *testing.B) {
	s := serve(b, audittest.Fill(b, &logtest.Memory{}, audittest.Many(b, 0, 100_000)), func(c *web.Config) { c.Fresh = time.Hour })
	for _, tt := range []struct{ name, path string }{
		{"newest", "/api/entries"}, {"deep", "/api/entries?before=50000"}, {"rare", "/api/entries?rule=unsigned"}, {"entry", "/api/entries/50000"},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var got struct{}
				get(b, s, tt.path, &got)
			}
		})
	}
}
