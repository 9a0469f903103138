package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const secret = "ghs_thisisthesecrettoken"

// serve is a client on a server, whose pauses are recorded and take no time.
func serve(t *testing.T, handler http.HandlerFunc, change ...func(*Options)) (c *Client, waited *[]time.Duration) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	waited = new([]time.Duration)
	o := Options{BaseURL: server.URL, Token: secret, Wait: func(_ context.Context, d time.Duration) error {
		*waited = append(*waited, d)
		return nil
	}}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c, waited
}

var bg = context.Background()

const repositoryText = `{"id":1,"full_name":"acme/shop","html_url":"https://github.com/acme/shop","default_branch":"main"}`

func TestNew(t *testing.T) {
	for _, base := range []string{"", "https://api.github.com", "https://git.example.com/api/v3", "https://git.example.com/api/v3/", "http://127.0.0.1:80", "http://[::1]:8", "http://localhost:1"} {
		c, err := New(Options{BaseURL: base})
		if err != nil || !strings.HasSuffix(c.api.BaseURL.Path, "/") || strings.HasSuffix(c.api.BaseURL.Path, "//") {
			t.Errorf("%q: %v", base, err)
		}
	}
	for _, base := range []string{"http://api.github.com", "http://127.0.0.1.example.com", "ftp://x", "api.github.com", "https://", "https://user:pass@x", "https://x/?a=b", "https://x/#a", "://"} {
		if _, err := New(Options{BaseURL: base}); err == nil {
			t.Errorf("%q is accepted", base)
		}
	}
	for _, token := range []string{"a b", "a\n", "a\r\nX: y", "ä"} {
		if _, err := New(Options{Token: token}); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func TestRequestHeaders(t *testing.T) {
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != "remit" || r.Header.Get("Authorization") != "Bearer "+secret || r.Header.Get("X-GitHub-Api-Version") == "" {
			t.Errorf("%v", r.Header)
		}
		fmt.Fprint(w, repositoryText)
	})
	if _, err := c.Repository(bg, "github.com/acme/shop"); err != nil {
		t.Error(err)
	}
}

// TestRedirects: nothing is followed, and nobody else is given the token.
func TestRedirects(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s", r.Method, r.URL)
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 307, 308} {
		c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		if _, err := c.Repository(bg, "acme/shop"); !errors.Is(err, ErrMoved) {
			t.Errorf("%d: %v", status, err)
		}
		if _, err := c.UseOnce(bg, "acme/shop", strings.Repeat("a", 32), strings.Repeat("b", 40)); !errors.Is(err, ErrMoved) {
			t.Errorf("%d: %v", status, err)
		}
	}
	c, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
	target, err := url.Parse(other.URL)
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(bg, http.MethodGet, target.String(), nil)
	if _, err := c.transport.RoundTrip(req); err == nil || c.Requests() != 0 {
		t.Error("another host was asked")
	}
}

// TestAnswers: what is not the whole, plain answer is none.
func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		err  error
	}{
		"whole":               {repositoryText, nil},
		"more members":        {strings.Replace(repositoryText, "{", `{"new":[1],`, 1), nil},
		"nothing":             {"", ErrUnavailable},
		"null":                {"null", ErrUnavailable},
		"half":                {repositoryText[:40], ErrUnavailable},
		"text after it":       {repositoryText + "x", ErrUnavailable},
		"twice":               {repositoryText + repositoryText, ErrUnavailable},
		"a name twice":        {strings.Replace(repositoryText, "{", `{"id":2,`, 1), ErrUnavailable},
		"names in other case": {strings.Replace(repositoryText, `"id"`, `"ID"`, 1), ErrUnavailable},
		"another type":        {strings.Replace(repositoryText, `:1,`, `:"1",`, 1), ErrUnavailable},
		"HTML":                {"<html>down</html>", ErrUnavailable},
		"another repository":  {strings.ReplaceAll(repositoryText, "acme/shop", "acme/store"), ErrMoved},
	} {
		client, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.body) })
		got, err := client.Repository(bg, "acme/shop")
		if !errors.Is(err, c.err) || (err == nil) != (got.ID == 1) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if again, err := client.Repository(bg, "acme/shop"); again != got || (err == nil) != (c.err == nil) {
			t.Errorf("%s, asked again: %+v, %v", name, again, err)
		}
	}
	client, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := strings.Repeat(" ", 1<<20)
		for range 33 {
			fmt.Fprint(w, chunk)
		}
		fmt.Fprint(w, repositoryText)
	})
	if _, err := client.Repository(bg, "acme/shop"); !errors.Is(err, ErrCut) || client.Requests() != 1 {
		t.Errorf("33 MiB: %v", err)
	}
}

// TestConditional: an answer is used again only when the server confirms it.
func TestConditional(t *testing.T) {
	version, asked := 1, []string{}
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		etag := fmt.Sprintf(`"%d"`, version)
		asked = append(asked, r.Header.Get("If-None-Match"))
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprintf(w, `{"ref":"refs/heads/main","object":{"sha":"%040d"}}`, version)
	})
	at := place{"acme", "shop"}
	for i, want := range []int{1, 1, 2, 2} {
		if i == 2 {
			version = 2
		}
		got, err := c.tip(bg, at, "refs/heads/main")
		if err != nil || got != fmt.Sprintf("%040d", want) {
			t.Errorf("%d: %s, %v", i, got, err)
		}
	}
	if got := strings.Join(asked, " "); got != ` "1" "1" "2"` {
		t.Errorf("%s", got)
	}
	// A 304 that nobody asked for is no answer.
	c, _ = serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	if _, err := c.tip(bg, at, "refs/heads/main"); err == nil {
		t.Error("an answer out of nothing")
	}
}

// TestPauses: longer each time, as long as the server asks, never beyond the client's patience.
func TestPauses(t *testing.T) {
	down := func(header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	c, waited := serve(t, down())
	if _, err := c.Repository(bg, "acme/shop"); !errors.Is(err, ErrUnavailable) || c.Requests() != maxTries || len(*waited) != maxTries-1 {
		t.Errorf("%v, %d requests, %v", err, c.Requests(), *waited)
	}
	for i, d := range *waited {
		if least := firstDelay << i; d < least || d > least*3/2 {
			t.Errorf("pause %d: %v", i, d)
		}
	}
	c, waited = serve(t, down("Retry-After", "50"))
	if _, err := c.Repository(bg, "acme/shop"); !errors.Is(err, ErrUnavailable) || len(*waited) != 2 || (*waited)[0] != 50*time.Second || !strings.Contains(err.Error(), "50s") {
		t.Errorf("%v, %v", err, *waited)
	}
	if _, err := c.Repository(bg, "acme/shop"); err == nil || len(*waited) != 2 { // the client's life long
		t.Errorf("%v, %v", err, *waited)
	}
	c, waited = serve(t, down("Date", "Mon, 23 Nov 2026 12:00:00 GMT", "Retry-After", "Mon, 23 Nov 2026 12:00:05 GMT"))
	if _, err := c.Repository(bg, "acme/shop"); err == nil || (*waited)[0] != 5*time.Second {
		t.Errorf("%v, %v", err, *waited)
	}
	for _, odd := range []string{"-5", "1e9", "99999999999999999999", "soon", "Mon, 23 Nov 2020 12:00:00 GMT"} {
		c, waited = serve(t, down("Retry-After", odd))
		if _, err := c.Repository(bg, "acme/shop"); err == nil || len(*waited) != 3 || (*waited)[0] < firstDelay {
			t.Errorf("%s: %v, %v", odd, err, *waited)
		}
	}

	ctx, cancel := context.WithCancel(bg)
	c, _ = serve(t, down(), func(o *Options) {
		o.Wait = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	})
	if _, err := c.Repository(ctx, "acme/shop"); !errors.Is(err, context.Canceled) || c.Requests() != 1 {
		t.Errorf("%v, %d requests", err, c.Requests())
	}
	if _, err := c.Repository(ctx, "acme/shop"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestWriteReadBack: a write without an answer is not repeated blindly.
func TestWriteReadBack(t *testing.T) {
	var calls []string
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls = append(calls, r.Method)
		w.WriteHeader(http.StatusBadGateway)
	})
	if won, err := c.UseOnce(bg, "acme/shop", strings.Repeat("a", 32), strings.Repeat("b", 40)); won || !errors.Is(err, ErrUnavailable) {
		t.Errorf("%t, %v", won, err)
	}
	// One try, and then reads: what cannot be read back is not written again.
	if got := strings.Join(calls, " "); got != "POST GET GET GET GET" {
		t.Error(got)
	}
}

// TestLists: pages end where a page is not full and names no next one, or at the limit.
func TestLists(t *testing.T) {
	pages := func(sizes ...int) (http.HandlerFunc, *int) {
		n := new(int)
		return func(w http.ResponseWriter, r *http.Request) {
			*n++
			if got := r.URL.Query().Get("per_page"); got != "100" {
				t.Errorf("per_page=%s", got)
			}
			size := sizes[min(*n, len(sizes))-1]
			if *n < len(sizes) && size != 100 {
				w.Header().Set("Link", fmt.Sprintf(`<https://elsewhere.example/x?page=%d>; rel="next"`, *n+1))
			}
			fmt.Fprint(w, "["+strings.TrimSuffix(strings.Repeat("{},", size), ",")+"]")
		}, n
	}
	for _, c := range []struct {
		sizes []int
		want  int
	}{{[]int{0}, 0}, {[]int{3}, 3}, {[]int{100, 0}, 100}, {[]int{100, 100, 7}, 207}, {[]int{40, 60, 0}, 100}, {[]int{0, 5}, 5}} {
		handler, n := pages(c.sizes...)
		client, _ := serve(t, handler)
		got, err := list[struct{}](bg, client, listReviews, "x", nil)
		if err != nil || len(got) != c.want || *n != len(c.sizes) || got == nil {
			t.Errorf("%v: %d in %d requests, %v", c.sizes, len(got), *n, err)
		}
	}
	for _, body := range []string{"null", " null\n", "", "{}", `[{}`, `{"message":"x"}`} {
		client, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		if got, err := list[struct{}](bg, client, listReviews, "x", nil); got != nil || !errors.Is(err, ErrUnavailable) {
			t.Errorf("%q: %v, %v", body, got, err)
		}
	}
	handler, n := pages(100)
	client, _ := serve(t, handler)
	if got, err := list[struct{}](bg, client, listReviews, "x", nil); len(got) != maxPages*perPage || !errors.Is(err, ErrCut) || *n != maxPages {
		t.Errorf("without an end: %d in %d requests, %v", len(got), *n, err)
	}
}

func TestStable(t *testing.T) {
	failed := errors.New("failed")
	for name, c := range map[string]struct {
		reads []any
		want  any // nil: an error
		n     int
	}{
		"at once":           {[]any{1, 1}, 1, 2},
		"after a change":    {[]any{1, 2, 2}, 2, 3},
		"back again":        {[]any{1, 2, 1, 1}, 1, 4},
		"never":             {[]any{1, 2, 3, 4}, nil, 4},
		"to and fro":        {[]any{1, 2, 1, 2}, nil, 4},
		"failed":            {[]any{failed}, nil, 1},
		"failed the second": {[]any{1, failed}, nil, 2},
		"failed the last":   {[]any{1, 2, 3, failed}, nil, 4},
	} {
		n := 0
		got, err := stable(name, func() (any, error) {
			n++
			if err, ok := c.reads[n-1].(error); ok {
				return nil, err
			}
			return c.reads[n-1], nil
		}, alike)
		if n != c.n || (c.want == nil) != (err != nil) || err == nil && got != c.want {
			t.Errorf("%s: %v, %v after %d", name, got, err, n)
		}
	}
}

func TestPermissionFix(t *testing.T) {
	for permission, says := range map[string]string{
		"checks: write": "`checks: write`", "contents: read": "`contents: read`", membersPermission: "GitHub App", "": "still valid",
	} {
		err := &PermissionError{Doing: "doing it", Permission: permission, Said: "no\nway\u202e"}
		if !strings.Contains(err.Error(), says) || strings.ContainsAny(err.Error(), "\n\u202e") || !errors.Is(err, ErrPermission) {
			t.Error(err)
		}
	}
}

func TestRoleNames(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*roleJSON)
		want string
	}{
		"a plain one": {func(r *roleJSON) { r.RoleName = "triage" }, "triage"},
		"made up, on maintain": {func(r *roleJSON) {
			r.RoleName = "boss"
			r.User.Permissions.Maintain, r.User.Permissions.Push = true, true
		}, "maintain"},
		"made up, called like admin": {func(r *roleJSON) { r.RoleName = "Admin"; r.User.Permissions.Pull = true }, "read"},
		"made up, on nothing":        {func(r *roleJSON) { r.RoleName = "boss" }, "none"},
		"none said":                  {func(r *roleJSON) { r.User.Permissions.Triage = true }, "triage"},
	} {
		var r roleJSON
		r.User = &roleUserJSON{}
		c.set(&r)
		if got := r.name(); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestExternalID: a check run is known again by all that it says, and not by what tells the time.
func TestExternalID(t *testing.T) {
	id := func(change func(*CheckRun)) string {
		run := CheckRun{ID: "x", Conclusion: "failure", Title: "t", Summary: "s at 12:00", Annotations: []Annotation{{Path: "p", Message: "m"}}}
		change(&run)
		want, err := newCheckRun(strings.Repeat("a", 40), run, Order{})
		if err != nil {
			t.Fatal(err)
		}
		return want.externalID(true)
	}
	plain := id(func(*CheckRun) {})
	for name, change := range map[string]func(*CheckRun){
		"the text, which tells the time": func(r *CheckRun) { r.Summary, r.Text = "s at 13:00", "13:00" },
		"the link to this run":           func(r *CheckRun) { r.DetailsURL = "https://example.com" },
		"the name that it has anyway":    func(r *CheckRun) { r.Name = DefaultCheckName },
	} {
		if id(change) != plain {
			t.Errorf("%s is another result", name)
		}
	}
	for name, change := range map[string]func(*CheckRun){
		"the id":         func(r *CheckRun) { r.ID = "y" },
		"the conclusion": func(r *CheckRun) { r.Conclusion = "neutral" },
		"the title":      func(r *CheckRun) { r.Title = "u" },
		"the name":       func(r *CheckRun) { r.Name = "n" },
		"an annotation":  func(r *CheckRun) { r.Annotations[0].Message = "n" },
		"a path":         func(r *CheckRun) { r.Annotations[0].Path = "q" },
	} {
		if id(change) == plain {
			t.Errorf("%s is the same result", name)
		}
	}
}

// TestUnknownConclusion: what is no conclusion, or one that GitHub takes for a success by mistake, fails.
func TestUnknownConclusion(t *testing.T) {
	for given, want := range map[string]string{
		"success": "success", "neutral": "neutral", "action_required": "action_required", "failure": "failure",
		"": "failure", "skipped": "failure", "Success": "failure", "cancelled": "cancelled", "stale": "failure",
	} {
		if got, err := newCheckRun(strings.Repeat("a", 40), CheckRun{ID: "x", Conclusion: given}, Order{}); err != nil || got.conclusion != want || got.title == "" || got.summary == "" {
			t.Errorf("%q: %+v, %v", given, got, err)
		}
	}
}

// TestTitle: a title is one line, whatever it was made of.
func TestTitle(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", "a\nb\x1b[31m\x7f": "a b [31m ", "\xff": "\ufffd",
		strings.Repeat("ä", 250): strings.Repeat("ä", 250), strings.Repeat("ä", 251): strings.Repeat("ä", 249) + "…",
	} {
		if got := title(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, n := range []int{100, 101, 1000} {
		for _, s := range []string{"", "short", strings.Repeat("ä\n", 1000), strings.Repeat("ä", 1000), "\xff" + strings.Repeat("\xff", 2000)} {
			got := shorten(s, n)
			if len(got) > n || !utf8.ValidString(got) || len(s) <= n && utf8.ValidString(s) && got != s {
				t.Errorf("%d: %d bytes", n, len(got))
			}
		}
	}
}

// TestStatementIn: delegation.FindInBody says what a body carries; here nothing of its answer is lost.
func TestStatementIn(t *testing.T) {
	const comment = "<!-- remit:pull-request/v1 e30 -->"
	for name, c := range map[string]struct{ body, statement, why string }{
		"one":     {"Please merge.\r\n\r\n" + comment, "{}", ""},
		"none":    {"<!-- a comment --> remit:pull-request/v1", "", ""},
		"two":     {comment + comment, "", "two of them"},
		"no end":  {strings.TrimSuffix(comment, " -->"), "", "does not end"},
		"version": {strings.Replace(comment, "v1", "v2", 1), "", "another version"},
	} {
		got, why := statementIn(c.body)
		if string(got) != c.statement || (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s: %q, %q", name, got, why)
		}
	}
}

// TestOrder: what is written is read again, and nothing else is.
func TestOrder(t *testing.T) {
	for _, o := range []Order{{time.Unix(1795356060, 0), 9001, 2}, {time.Unix(0, 0), 0, 0}, {time.Time{}, 1, 1}} {
		if got, ok := parseOrder(o.text()); !ok || got.before(o) || o.before(got) {
			t.Errorf("%s: %+v, %v", o.text(), got, ok)
		}
	}
	for _, text := range []string{"", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.x", " 1.2.3", "1.2.3 ", "+1.2.3", "99999999999999999999.1.1"} {
		if o, ok := parseOrder(text); ok {
			t.Errorf("%q is read as %+v", text, o)
		}
	}
}
