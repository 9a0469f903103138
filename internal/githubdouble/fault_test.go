package githubdouble

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v62/github"
)

func asError[T error](err error, target *T) bool { return errors.As(err, target) }

func TestFaults(t *testing.T) {
	d := Start(t, shop())
	const reviews = "/repos/acme/shop/pulls/7/reviews"
	get := func() reply { t.Helper(); return ask(t, d, "alice-token", "GET", reviews, "") }

	d.Inject(Fault{Operation: "pulls/list-reviews", Kind: FaultStatus, Status: 502, Skip: 1, Times: 2})
	for i, want := range []int{200, 502, 502, 200} {
		if r := get(); r.status != want {
			t.Errorf("request %d: %d", i, r.status)
		}
	}
	d.Inject(Fault{Operation: "pulls/get", Kind: FaultStatus, Status: 500})
	get().want(t, 200) // another operation
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/7", "").want(t, 500)

	d.Inject(Fault{Kind: FaultStatus, Status: 429, RetryAfter: 7})
	if r := get().want(t, 429); r.header.Get("Retry-After") != "7" {
		t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
	}
	d.Inject(Fault{Kind: FaultSecondary, RetryAfter: 30})
	_, _, err := client(t, d, "alice-token").PullRequests.Get(context.Background(), "acme", "shop", 7)
	var secondary *github.AbuseRateLimitError
	if !asError(err, &secondary) || secondary.GetRetryAfter() != 30*time.Second {
		t.Errorf("go-github: %v", err)
	}
	d.Inject(Fault{Kind: FaultExhausted})
	_, _, err = client(t, d, "alice-token").PullRequests.Get(context.Background(), "acme", "shop", 7)
	var primary *github.RateLimitError
	if !asError(err, &primary) || !primary.Rate.Reset.Equal(github.Timestamp{Time: noon.Add(time.Hour)}) {
		t.Errorf("go-github: %v", err)
	}

	d.Inject(Fault{Kind: FaultTruncated})
	r := get().want(t, 200)
	if whole := get(); len(r.body) != len(whole.body)/2 || !strings.HasPrefix(whole.body, r.body) {
		t.Errorf("truncated to %d of %d", len(r.body), len(whole.body))
	}
	d.Inject(Fault{Kind: FaultCut})
	request, err := http.NewRequestWithContext(context.Background(), "GET", d.URL()+reviews, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer alice-token")
	response, err := (&http.Client{Timeout: 5 * time.Second}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadAll(response.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || response.StatusCode != 200 {
		t.Errorf("cut: %v", err)
	}
	_ = response.Body.Close()

	d.Inject(Fault{Kind: FaultSlow, Delay: 50 * time.Millisecond})
	start := time.Now()
	get().want(t, 200)
	if time.Since(start) < 50*time.Millisecond {
		t.Error("not slow")
	}
	var kinds []string
	for _, e := range d.Journal() {
		if e.Fault != "" {
			kinds = append(kinds, e.Fault)
		}
	}
	if got, want := strings.Join(kinds, " "), "status status status status secondary exhausted truncated cut slow"; got != want {
		t.Errorf("journal: %s, want %s", got, want)
	}
}

func TestShortAndStalePages(t *testing.T) {
	d := Start(t, shop())
	for range 5 {
		d.Review("acme/shop", 7, Review{User: "alice", State: "COMMENTED"})
	}
	const reviews = "/repos/acme/shop/pulls/7/reviews?per_page=2"
	list := func(path string) (int, string) {
		t.Helper()
		r := ask(t, d, "alice-token", "GET", path, "").want(t, 200)
		return len(r.list(t)), r.header.Get("Link")
	}
	d.Inject(Fault{Operation: "pulls/list-reviews", Page: "2", Kind: FaultShort})
	if n, link := list(reviews); n != 2 || link == "" {
		t.Errorf("page 1: %d %q", n, link)
	}
	if n, link := list(reviews + "&page=2"); n != 1 || link != "" {
		t.Errorf("short page: %d %q", n, link)
	}
	d.Inject(Fault{Operation: "pulls/list-reviews", Kind: FaultNoLink})
	if n, link := list(reviews); n != 2 || link != "" {
		t.Errorf("no link: %d %q", n, link)
	}

	const whole = "/repos/acme/shop/pulls/7/reviews"
	d.Review("acme/shop", 7, Review{User: "bob", State: "CHANGES_REQUESTED"})
	d.Inject(Fault{Operation: "pulls/list-reviews", Kind: FaultStale, Times: 2})
	d.Inject(Fault{Operation: "pulls/list-reviews", Kind: FaultStale, Back: 6})
	for i, want := range []int{6, 6, 1, 7} {
		if n, _ := list(whole); n != want {
			t.Errorf("read %d: %d reviews, want %d", i, n, want)
		}
	}
	d.Inject(Fault{Operation: "checks/list-for-ref", Kind: FaultShort})
	ask(t, d, "app-token", "POST", "/repos/acme/shop/check-runs", `{"name":"a","head_sha":"`+sha("c")+`"}`).want(t, 201)
	ask(t, d, "app-token", "GET", "/repos/acme/shop/commits/"+sha("c")+"/check-runs", "").want(t, 200, `"total_count":1`, `"check_runs":[]`)
}

// A write whose answer is lost may have happened.
func TestFaultsOnWrites(t *testing.T) {
	d := Start(t, shop())
	post := func(ref string) (reply, bool) {
		r := ask(t, d, "app-token", "POST", "/repos/acme/shop/git/refs", `{"ref":"`+ref+`","sha":"`+sha("b")+`"}`)
		return r, d.Refs("acme/shop")[ref] != ""
	}
	for _, c := range []struct {
		fault  Fault
		ref    string
		status int
		made   bool
	}{
		{Fault{Kind: FaultStatus, Status: 502}, "refs/tags/one", 502, false},
		{Fault{Kind: FaultStatus, Status: 502, Applied: true}, "refs/tags/two", 502, true},
		{Fault{Kind: FaultSecondary}, "refs/tags/three", 403, false},
		{Fault{Kind: FaultTruncated}, "refs/tags/four", 201, true},
	} {
		d.ClearJournal()
		d.Inject(c.fault)
		r, made := post(c.ref)
		if r.status != c.status || made != c.made || (len(d.Journal().Writes()) == 1) != c.made {
			t.Errorf("%+v: %d, made %v, %d writes", c.fault, r.status, made, len(d.Journal().Writes()))
		}
	}
}

func TestRefusesFaultsThatCannotStrike(t *testing.T) {
	for _, f := range []Fault{{}, {Kind: "nonsense"}, {Kind: FaultStatus}, {Kind: FaultStatus, Status: 200}, {Kind: FaultCut, Operation: "pulls/list-revews"}} {
		d, err := New(shop())
		if err != nil {
			t.Fatal(err)
		}
		if d.Inject(f); len(d.Failures()) != 1 {
			t.Errorf("%+v was taken", f)
		}
	}
}
