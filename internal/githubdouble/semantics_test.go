package githubdouble

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-github/v62/github"
)

func TestPages(t *testing.T) {
	s := shop()
	pull := s.Repositories[0].PullRequests[0]
	pull.Reviews = nil
	for i := range 45 {
		pull.Reviews = append(pull.Reviews, &Review{ID: int64(100 + i), User: "bob", State: "COMMENTED"})
	}
	d := Start(t, s)
	ctx := context.Background()
	gh := client(t, d, "alice-token")
	for perPage, want := range map[int]string{0: "30 15", 20: "20 20 5", 45: "45", 100: "45", 500: "45"} {
		var sizes []string
		seen := map[int64]bool{}
		options := &github.ListOptions{PerPage: perPage}
		for {
			reviews, response, err := gh.PullRequests.ListReviews(ctx, "acme", "shop", 7, options)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range reviews {
				seen[v.GetID()] = true
			}
			sizes = append(sizes, fmt.Sprint(len(reviews)))
			if response.NextPage == 0 {
				break
			}
			if response.LastPage != (45+perPage-1)/max(perPage, 1) && perPage == 20 {
				t.Errorf("last page %d", response.LastPage)
			}
			options.Page = response.NextPage
		}
		if strings.Join(sizes, " ") != want || len(seen) != 45 {
			t.Errorf("per_page %d: pages of %v with %d reviews, want %s", perPage, sizes, len(seen), want)
		}
	}
	// Links name the repository by id, and lead on.
	first := ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/7/reviews?per_page=40", "").want(t, 200)
	next, _, _ := strings.Cut(strings.TrimPrefix(first.header.Get("Link"), "<"), ">")
	if !strings.Contains(next, "/repositories/4711/pulls/7/reviews?page=2&per_page=40") {
		t.Errorf("Link: %s", first.header.Get("Link"))
	}
	if n := len(ask(t, d, "alice-token", "GET", next, "").want(t, 200).list(t)); n != 5 {
		t.Errorf("%d on the second page", n)
	}
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/7/reviews?page=9", "").want(t, 200, "[]")
}

func TestPullListsEndAtGitHubsLimits(t *testing.T) {
	s := shop()
	pull := s.Repositories[0].PullRequests[0]
	for i := range 260 {
		pull.Commits = append(pull.Commits, fmt.Sprintf("%040x", i+1))
	}
	d := Start(t, s)
	last := ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/7/commits?per_page=100&page=3", "").want(t, 200)
	if n := len(last.list(t)); n != 50 || strings.Contains(last.header.Get("Link"), "next") {
		t.Errorf("%d commits on the last page, Link %s", n, last.header.Get("Link"))
	}
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/7", "").want(t, 200, `"commits":262`)
}

func TestActivity(t *testing.T) {
	s := shop()
	for i := range 7 {
		s.Repositories[0].Activity = append(s.Repositories[0].Activity, &Activity{
			Ref: "refs/heads/busy", Before: fmt.Sprintf("%040x", i+1), After: fmt.Sprintf("%040x", i+2), Actor: "alice", Timestamp: noon.Add(time.Duration(i-60*25) * time.Minute),
		})
	}
	d := Start(t, s)
	var after []string
	cursor, pages := "", 0
	for {
		r := ask(t, d, "alice-token", "GET", "/repos/acme/shop/activity?ref=busy&per_page=3"+cursor, "").want(t, 200)
		pages++
		for _, item := range r.list(t) {
			after = append(after, item["after"].(string)[39:])
		}
		if pages == 1 { // what is pushed now moves nothing
			d.Push("acme/shop", "refs/heads/busy", sha("9"), "bob")
		}
		_, rest, ok := strings.Cut(r.header.Get("Link"), "after=")
		if !ok {
			break
		}
		cursor, _, _ = strings.Cut(rest, "&")
		cursor = "&after=" + cursor
	}
	if got := strings.Join(after, ""); got != "8765432" || pages != 3 {
		t.Errorf("%d pages with %s", pages, got)
	}
	newest := ask(t, d, "alice-token", "GET", "/repos/acme/shop/activity?ref=refs/heads/busy&per_page=1", "").list(t)[0]
	if newest["activity_type"] != "branch_creation" || newest["before"] != zeroSHA || newest["actor"].(object)["login"] != "bob" || newest["timestamp"] != "2026-11-23T12:00:00Z" {
		t.Errorf("%v", newest)
	}
	for query, want := range map[string]int{
		"": 11, "?activity_type=pr_merge": 1, "?actor=coder": 2, "?time_period=day": 4, "?ref=refs/heads/agent/cart": 2, "?ref=refs/heads/none": 0, "?direction=asc&per_page=2": 2,
	} {
		if n := len(ask(t, d, "alice-token", "GET", "/repos/acme/shop/activity"+query, "").want(t, 200).list(t)); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/activity?after=nonsense", "").want(t, 422, "cursor")
}

func TestConditionalRequests(t *testing.T) {
	d := Start(t, shop())
	first := ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/7", "").want(t, 200)
	etag := first.header.Get("ETag")
	again := ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/7", "", "If-None-Match", etag)
	if again.status != 304 || again.body != "" {
		t.Errorf("%d %q", again.status, again.body)
	}
	if a, b := first.header.Get("X-RateLimit-Remaining"), again.header.Get("X-RateLimit-Remaining"); a != "4999" || a != b {
		t.Errorf("remaining %s, then %s", a, b)
	}
	d.Push("acme/shop", "refs/heads/agent/cart", sha("9"), "coder")
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/7", "", "If-None-Match", etag).want(t, 200, sha("9"))
	if j := d.Journal(); len(j) != 3 || len(j.Counted()) != 2 || !j[1].NotModified || j[1].Token != "alice" {
		t.Errorf("%+v", j)
	}
}

func TestPullFilters(t *testing.T) {
	d := Start(t, shop())
	d.OpenPull("acme/shop", PullRequest{Author: "mallory", HeadRepo: "mallory/shop", HeadRef: "fix", CreatedAt: noon})
	for query, want := range map[string]string{
		"":                                       "8 7",
		"?state=closed":                          "6",
		"?state=all":                             "8 7 6",
		"?state=all&direction=asc":               "6 7 8",
		"?head=mallory:fix":                      "8",
		"?head=acme:fix":                         "",
		"?base=main":                             "8 7",
		"?base=other":                            "",
		"?state=all&sort=updated&direction=desc": "8 7 6",
	} {
		var got []string
		for _, p := range ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls"+query, "").want(t, 200).list(t) {
			got = append(got, fmt.Sprint(p["number"]))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	// Merged into the default branch, only the merged request counts; else whatever holds the commit.
	for id, want := range map[string]string{sha("d"): `"number":6`, sha("a"): `"number":7`, sha("f"): `"number":8`} {
		r := ask(t, d, "alice-token", "GET", "/repos/acme/shop/commits/"+id+"/pulls", "").want(t, 200, want)
		if n := len(r.list(t)); n != 1 {
			t.Errorf("%d pull requests with %s", n, id)
		}
	}
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/commits/"+sha("8")+"/pulls", "").want(t, 422, "No commit found")
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/99", "").want(t, 404)
	d.Change(func(s *Scenario) { s.repository("acme/shop").pull(8).HeadDeleted = true })
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/8", "").want(t, 200, `"repo":null`)
}

func TestLifeOfAPull(t *testing.T) {
	const shopName = "acme/shop"
	d := Start(t, shop())
	reviews := func() string {
		var out []string
		for _, v := range ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/7/reviews", "").want(t, 200).list(t) {
			out = append(out, fmt.Sprintf("%s %s %.1s", v["user"].(object)["login"], v["state"], v["commit_id"]))
		}
		return strings.Join(out, ", ")
	}
	d.Advance(time.Minute)
	id := d.Review(shopName, 7, Review{User: "alice", State: "CHANGES_REQUESTED"})
	d.Advance(time.Minute)
	d.Push(shopName, "refs/heads/agent/cart", sha("9"), "coder")
	d.Dismiss(shopName, 7, id, "bob", "settled")
	d.Review(shopName, 7, Review{User: "alice", State: "APPROVED", CommitID: sha("c")}) // of the head before
	if got, want := reviews(), "bob APPROVED c, alice DISMISSED c, alice APPROVED c"; got != want {
		t.Errorf("reviews %s, want %s", got, want)
	}
	d.Retarget(shopName, 7, "agent/next", "coder")
	d.ForcePush(shopName, "refs/heads/agent/cart", sha("8"), "coder")
	d.Comment(shopName, 7, "mallory", ":+1:")
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/7", "").want(t, 200, `"ref":"agent/next"`, sha("e"), sha("8"), `"commits":1`)

	kinds := func(path string) string {
		var out []string
		for _, e := range ask(t, d, "alice-token", "GET", path, "").want(t, 200).list(t) {
			out = append(out, e["event"].(string))
		}
		return strings.Join(out, " ")
	}
	if got, want := kinds("/repos/acme/shop/issues/7/events"), "review_dismissed base_ref_changed head_ref_force_pushed"; got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	if got, want := kinds("/repos/acme/shop/issues/7/timeline"), "committed reviewed reviewed reviewed review_dismissed base_ref_changed head_ref_force_pushed commented"; got != want {
		t.Errorf("timeline %s, want %s", got, want)
	}
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/issues/7/events", "").want(t, 200, fmt.Sprintf(`"review_id":%d`, id), `"state":"changes_requested"`)

	d.Merge(shopName, 7, "bob", sha("7"))
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/7", "").want(t, 200, `"merged":true`, `"state":"closed"`, `"merge_commit_sha":"`+sha("7"), `"merged_at":"2026-11-23T12:02:00Z"`)
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/branches/agent/next", "").want(t, 200, sha("7"))
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/activity?per_page=1", "").want(t, 200, `"activity_type":"pr_merge"`)
	d.Push(shopName, "refs/heads/agent/cart", "", "coder")
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/git/ref/heads/agent/cart", "").want(t, 404)
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/activity?per_page=1", "").want(t, 200, `"activity_type":"branch_deletion"`, `"after":"`+zeroSHA)
}

func TestEditPull(t *testing.T) {
	d := Start(t, shop())
	ask(t, d, "alice-token", "PATCH", "/repos/acme/shop/pulls/7", `{"base":"agent/next"}`).want(t, 200, `"ref":"agent/next"`)
	ask(t, d, "alice-token", "PATCH", "/repos/acme/shop/pulls/7", `{"base":"nowhere"}`).want(t, 422, `"field":"base"`)
	ask(t, d, "alice-token", "PATCH", "/repos/acme/shop/pulls/6", `{"body":"half","state":"open"}`).want(t, 422, "merged")
	ask(t, d, "alice-token", "PATCH", "/repos/acme/shop/pulls/7", `{"state":"closed"}`).want(t, 200, `"state":"closed"`)
	ask(t, d, "reader-token", "PATCH", "/repos/acme/shop/pulls/7", `{"body":"x"}`).want(t, 403)
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/issues/7/events", "").want(t, 200, "base_ref_changed", `"event":"closed"`)
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/6", "").want(t, 200, `"body":null`)
	const create = "/repos/acme/shop/pulls"
	ask(t, d, "alice-token", "POST", create, `{"title":"t","head":"nowhere","base":"main"}`).want(t, 422, `"field":"head"`)
	ask(t, d, "alice-token", "POST", create, `{"title":"t","head":"main","base":"main"}`).want(t, 422, "No commits between")
	ask(t, d, "alice-token", "POST", create, `{"head":"agent/next","base":"main"}`).want(t, 422, "missing_field")
	ask(t, d, "alice-token", "POST", create, `{"title":"t","head":"agent/next","base":"main","body":"`+strings.Repeat("x", maxPullBody+1)+`"}`).want(t, 422, "body is too long")
	ask(t, d, "alice-token", "PATCH", "/repos/acme/shop/pulls/7", `{"title":"`+strings.Repeat("x", maxPullTitle+1)+`"}`).want(t, 422, "title is too long")
	ask(t, d, "alice-token", "POST", create, `{"title":"t","head":"agent/next","base":"main"}`).want(t, 201, `"number":8`)
	ask(t, d, "alice-token", "POST", create, `{"title":"t","head":"agent/next","base":"main"}`).want(t, 422, "already exists")
	if n := len(d.Journal().Writes()); n != 3 {
		t.Errorf("%d writes", n)
	}
}

func TestPeople(t *testing.T) {
	d := Start(t, shop())
	const role = "/repos/acme/shop/collaborators/%s/permission"
	for login, want := range map[string]string{
		"alice": `"permission":"admin","role_name":"admin"`, "bob": `"permission":"write","role_name":"release-manager"`,
		"CODER": `"permission":"write","role_name":"write"`, "mallory": `"permission":"read","role_name":"read"`,
	} {
		ask(t, d, "alice-token", "GET", fmt.Sprintf(role, login), "").want(t, 200, want)
	}
	ask(t, d, "alice-token", "GET", fmt.Sprintf(role, "nobody"), "").want(t, 404, "is not a user")
	ask(t, d, "reader-token", "GET", fmt.Sprintf(role, "alice"), "").want(t, 403, "push access")
	ask(t, d, "alice-token", "GET", "/orgs/acme/teams/release/memberships/mallory", "").want(t, 200, `"state":"pending"`)
	ask(t, d, "alice-token", "GET", "/orgs/acme/teams/release/memberships/coder", "").want(t, 404)
	ask(t, d, "alice-token", "GET", "/orgs/acme/teams/none/members", "").want(t, 404)
	if n := len(ask(t, d, "alice-token", "GET", "/orgs/acme/teams/release/members?role=maintainer", "").want(t, 200).list(t)); n != 1 {
		t.Errorf("%d maintainers", n)
	}
	d.RemoveMember("acme", "release", "bob")
	d.AddMember("acme", "release", Member{Login: "coder"})
	d.SetRole("acme/shop", "bob", "triage")
	ask(t, d, "alice-token", "GET", "/orgs/acme/teams/release/memberships/bob", "").want(t, 404)
	ask(t, d, "alice-token", "GET", "/orgs/acme/teams/release/members", "").want(t, 200, "coder")
	ask(t, d, "alice-token", "GET", fmt.Sprintf(role, "bob"), "").want(t, 200, `"permission":"read","role_name":"triage"`)

	// A login that changed hands: the review stays with the id.
	d.Rename("bob", "robert")
	d.Change(func(s *Scenario) { s.Users = append(s.Users, &User{ID: 66, Login: "bob"}) })
	ask(t, d, "alice-token", "GET", "/users/bob", "").want(t, 200, `"id":66`)
	ask(t, d, "alice-token", "GET", "/users/robert", "").want(t, 200, `"id":2`)
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/pulls/7/reviews", "").want(t, 200, `"login":"robert"`, `"id":2`)
	ask(t, d, "alice-token", "GET", fmt.Sprintf(role, "bob"), "").want(t, 200, `"role_name":"read"`)
	ask(t, d, "alice-token", "GET", fmt.Sprintf(role, "robert"), "").want(t, 200, `"role_name":"triage"`)
}

func TestRenamedRepository(t *testing.T) {
	d := Start(t, shop())
	r := ask(t, d, "alice-token", "GET", "/repos/acme/store/pulls?state=all", "").want(t, 301, "/repositories/4711/pulls?state=all")
	ask(t, d, "alice-token", "GET", r.header.Get("Location"), "").want(t, 200, `"number":6`)
	ask(t, d, "app-token", "POST", "/repos/acme/store/check-runs", `{"name":"x","head_sha":"`+sha("c")+`"}`).want(t, 307)
	repo, _, err := client(t, d, "alice-token").Repositories.Get(context.Background(), "acme", "store")
	if err != nil || repo.GetFullName() != "acme/shop" {
		t.Errorf("go-github follows to %s, %v", repo.GetFullName(), err)
	}
	d.RenameRepository("acme/shop", "acme/market")
	ask(t, d, "alice-token", "GET", "/repos/acme/shop", "").want(t, 301)
	ask(t, d, "alice-token", "GET", "/repos/mallory/shop", "").want(t, 200, `"full_name":"acme/market"`)
	d.Change(func(s *Scenario) { s.Repositories = append(s.Repositories, &Repository{ID: 1, Name: "acme/shop"}) })
	ask(t, d, "alice-token", "GET", "/repos/acme/shop", "").want(t, 200, `"id":1,`)
}

func TestTokens(t *testing.T) {
	const check = `{"name":"remit","head_sha":"cccccccccccccccccccccccccccccccccccccccc"}`
	cases := []struct {
		token, method, path, body string
		status                    int
		want                      string
	}{
		{"", "GET", "/repos/acme/shop", "", 401, "Requires authentication"},
		{"wrong", "GET", "/repos/acme/shop", "", 401, "Bad credentials"},
		{"alice-token", "GET", "/user", "", 200, `"login":"alice"`},
		{"app-token", "GET", "/user", "", 403, "not accessible by integration"},
		{"alice-token", "POST", "/repos/acme/shop/check-runs", check, 403, "authenticate via a GitHub App"},
		{"reader-token", "POST", "/repos/acme/shop/check-runs", check, 403, "authenticate via a GitHub App"},
		{"app-token", "POST", "/repos/acme/shop/check-runs", check, 201, `"slug":"remit"`},
		{"actions-token", "POST", "/repos/acme/shop/check-runs", check, 201, `"id":15368`},
		{"fork-token", "POST", "/repos/acme/shop/check-runs", check, 403, "Resource not accessible by integration"},
		{"fork-token", "GET", "/repos/acme/shop/commits/main/check-runs", "", 200, "total_count"},
		{"narrow-token", "GET", "/repos/acme/shop/pulls/7", "", 403, "Resource not accessible by integration"},
		{"narrow-token", "GET", "/repos/acme/shop/activity", "", 200, ""},
		{"narrow-token", "POST", "/repos/acme/shop/git/refs", `{"ref":"refs/tags/x","sha":"` + sha("b") + `"}`, 403, "Resource not accessible by integration"},
		{"narrow-token", "GET", "/repos/acme/shop", "", 200, ""},
		{"fine-token", "GET", "/repos/acme/shop/pulls/7", "", 200, ""},
		{"fine-token", "GET", "/repos/acme/shop/issues/7/events", "", 200, ""},
		{"fine-token", "PATCH", "/repos/acme/shop/pulls/7", `{"body":"x"}`, 403, "Resource not accessible by personal access token"},
		{"fine-token", "GET", "/repos/acme/shop/deployments", "", 403, "Resource not accessible by personal access token"},
		{"actions-token", "GET", "/orgs/acme/teams/release/members", "", 403, "Resource not accessible by integration"},
		{"app-token", "GET", "/orgs/acme/teams/release/members", "", 200, ""},
		{"reader-token", "GET", "/repos/acme/secret", "", 404, "Not Found"},
		{"app-token", "GET", "/repos/acme/secret", "", 200, ""},
		{"reader-token", "GET", "/repos/acme/none", "", 404, "Not Found"},
		{"reader-token", "POST", "/repos/acme/shop/git/refs", `{"ref":"refs/tags/x","sha":"` + sha("b") + `"}`, 403, "push access"},
		{"poor-token", "GET", "/repos/acme/shop", "", 200, ""},
		{"poor-token", "GET", "/repos/acme/shop", "", 200, ""},
		{"poor-token", "GET", "/repos/acme/shop", "", 403, "API rate limit exceeded"},
	}
	d := Start(t, shop())
	for _, c := range cases {
		r := ask(t, d, c.token, c.method, c.path, c.body)
		if r.status != c.status || !strings.Contains(r.body, c.want) {
			t.Errorf("%s %s %s: %d %s", c.token, c.method, c.path, r.status, r.body)
		}
	}
	_, response, err := client(t, d, "poor-token").Repositories.Get(context.Background(), "acme", "shop")
	var limited *github.RateLimitError
	if !asError(err, &limited) || response.Rate.Limit != 2 || response.Rate.Remaining != 0 || !response.Rate.Reset.Equal(github.Timestamp{Time: noon.Add(time.Hour)}) {
		t.Errorf("%v %v", err, response.Rate)
	}
	d.Advance(time.Hour)
	ask(t, d, "poor-token", "GET", "/repos/acme/shop", "").want(t, 200)
	ask(t, d, "alice-token", "GET", "/repos/acme/shop", "", "User-Agent", "").want(t, 403, "User-Agent")
	ask(t, d, "alice-token", "GET", "/repos/acme/shop", "", "Accept", "text/html").want(t, 415)
	ask(t, d, "alice-token", "GET", "/api/v3/repos/acme/shop", "").want(t, 200, "/api/v3/repos/acme/shop/pulls")
}

func TestCheckRuns(t *testing.T) {
	d := Start(t, shop())
	ctx := context.Background()
	app, actions := client(t, d, "app-token"), client(t, d, "actions-token")
	post := func(c *github.Client, name, conclusion string) int64 {
		t.Helper()
		run, _, err := c.Checks.CreateCheckRun(ctx, "acme", "shop", github.CreateCheckRunOptions{Name: name, HeadSHA: sha("c"), Status: github.String("completed"), Conclusion: github.String(conclusion)})
		if err != nil {
			t.Fatal(err)
		}
		return run.GetID()
	}
	post(app, "remit", "failure")
	mine := post(app, "remit", "success")
	post(actions, "remit", "success") // a forgery by the workflow of a pull request
	post(app, "other", "neutral")
	for query, want := range map[string]int{
		"": 3, "?filter=all": 4, "?check_name=remit": 2, "?check_name=remit&app_id=77": 1, "?app_id=15368": 1, "?app_id=1": 0,
		"?status=completed": 3, "?status=queued": 0, "?per_page=2": 3, "?check_name=remit&app_id=77&filter=all": 2,
	} {
		ask(t, d, "alice-token", "GET", "/repos/acme/shop/commits/"+sha("c")+"/check-runs"+query, "").want(t, 200, fmt.Sprintf(`"total_count":%d`, want))
	}
	if link := ask(t, d, "alice-token", "GET", "/repos/acme/shop/commits/"+sha("c")+"/check-runs?per_page=2", "").header.Get("Link"); !strings.Contains(link, `rel="next"`) {
		t.Errorf("Link %q", link)
	}
	ask(t, d, "actions-token", "PATCH", fmt.Sprintf("/repos/acme/shop/check-runs/%d", mine), `{"conclusion":"success"}`).want(t, 403, "Invalid app_id")
	ask(t, d, "app-token", "PATCH", fmt.Sprintf("/repos/acme/shop/check-runs/%d", mine), `{"status":"in_progress"}`).want(t, 200, `"conclusion":null`)
	ask(t, d, "app-token", "PATCH", fmt.Sprintf("/repos/acme/shop/check-runs/%d", mine), `{"conclusion":"action_required"}`).want(t, 200, `"status":"completed"`, `"completed_at":"2026-11-23T12:00:00Z"`)
	ask(t, d, "app-token", "POST", "/repos/acme/shop/check-runs", `{"name":"remit","head_sha":"`+sha("8")+`"}`).want(t, 422, "No commit found for SHA")
	ask(t, d, "app-token", "GET", "/repos/acme/shop/check-runs/1", "").want(t, 404)
	runs := d.CheckRuns("acme/shop", sha("c"))
	if len(runs) != 4 || runs[1].Conclusion != "action_required" || runs[2].App != "github-actions" {
		t.Errorf("%+v", runs)
	}
}

func TestDeployments(t *testing.T) {
	d := Start(t, shop())
	const all = "/repos/acme/shop/deployments"
	ask(t, d, "app-token", "POST", all, `{"ref":"main","environment":"staging","payload":"text","required_contexts":[],"auto_merge":false}`).want(t, 201, `"payload":"text"`, sha("b"), `"login":"remit[bot]"`)
	ask(t, d, "app-token", "POST", all, `{"ref":"nowhere"}`).want(t, 422, "No ref found")
	first := d.Deploy("acme/shop", Deployment{SHA: sha("b"), Environment: "staging", Creator: "alice"})
	second := d.Deploy("acme/shop", Deployment{SHA: sha("b"), Environment: "staging", Creator: "alice"})
	for _, id := range []int64{first, second} {
		ask(t, d, "app-token", "POST", fmt.Sprintf("%s/%d/statuses", all, id), `{"state":"in_progress"}`).want(t, 201)
		ask(t, d, "app-token", "POST", fmt.Sprintf("%s/%d/statuses", all, id), `{"state":"success","log_url":"https://x.example/"}`).want(t, 201, `"target_url":"https://x.example/"`, `"environment":"staging"`)
	}
	states := func(id int64) string {
		var out []string
		for _, v := range ask(t, d, "app-token", "GET", fmt.Sprintf("%s/%d/statuses", all, id), "").want(t, 200).list(t) {
			out = append(out, v["state"].(string))
		}
		return strings.Join(out, " ")
	}
	if got := states(first); got != "inactive success in_progress" { // the newest first
		t.Errorf("first: %s", got)
	}
	if got := states(second); got != "success in_progress" {
		t.Errorf("second: %s", got)
	}
	for query, want := range map[string]int{"": 4, "?environment=staging": 3, "?environment=PRODUCTION": 0, "?sha=" + sha("b"): 4, "?ref=main": 2, "?task=other": 0} {
		list := ask(t, d, "app-token", "GET", all+query, "").want(t, 200).list(t)
		if len(list) != want {
			t.Errorf("%s: %d", query, len(list))
		}
		if query == "" && fmt.Sprint(list[0]["id"]) != fmt.Sprint(float64(second)) {
			t.Errorf("the newest is not first: %v", list[0]["id"])
		}
	}
	ask(t, d, "app-token", "GET", all+"/1", "").want(t, 404)
	ask(t, d, "app-token", "GET", all+"/1/statuses", "").want(t, 404)
	ask(t, d, "alice-token", "GET", "/repos/acme/shop/actions/runs/900/pending_deployments", "").want(t, 200, `"name":"production"`, `"current_user_can_approve":true`, `"slug":"release"`)
	ask(t, d, "app-token", "GET", "/repos/acme/shop/actions/runs/900/pending_deployments", "").want(t, 200, `"current_user_can_approve":false`)
	ask(t, d, "app-token", "GET", "/repos/acme/shop/actions/runs/900?exclude_pull_requests=true", "").want(t, 200, `"pull_requests":[]`, `"run_attempt":1`)
	// GitHub leaves out pull requests from forks.
	number := d.OpenPull("acme/shop", PullRequest{Author: "mallory", HeadRepo: "mallory/shop", HeadRef: "fix"})
	run := d.AddRun("acme/shop", WorkflowRun{HeadSHA: sha("f"), HeadRepo: "mallory/shop", PullRequests: []int{number}, Actor: "mallory"})
	ask(t, d, "app-token", "GET", fmt.Sprintf("/repos/acme/shop/actions/runs/%d", run), "").want(t, 200, `"pull_requests":[]`, `"full_name":"mallory/shop"`)
}

func TestDispatch(t *testing.T) {
	d := Start(t, shop())
	const deploy = "/repos/acme/shop/actions/workflows/deploy.yml/dispatches"
	ask(t, d, "app-token", "POST", deploy, `{"ref":"refs/heads/main","inputs":{"request":"x"}}`).want(t, 204)
	ask(t, d, "app-token", "POST", deploy, `{"ref":"v1"}`).want(t, 204)
	runs := d.State().Repositories[0].Runs
	if len(runs) != 3 || runs[1].Event != "workflow_dispatch" || runs[1].Inputs["request"] != "x" || runs[1].HeadBranch != "main" ||
		runs[1].HeadSHA != sha("b") || runs[2].HeadBranch != "v1" || runs[2].Inputs["request"] != "" {
		t.Errorf("%d runs: %+v", len(runs), runs[len(runs)-1])
	}
	id := runs[1].WorkflowID
	ask(t, d, "app-token", "POST", fmt.Sprintf("/repos/acme/shop/actions/workflows/%d/dispatches", id), `{"ref":"main"}`).want(t, 204)
	ask(t, d, "app-token", "POST", deploy, `{"ref":"nowhere"}`).want(t, 422, "No ref found for: nowhere")
	ask(t, d, "app-token", "POST", deploy, `{"ref":"main","inputs":{"request":"x","other":"y"}}`).want(t, 422, `Unexpected inputs provided`, `other`)
	ask(t, d, "app-token", "POST", deploy, `{"ref":"main","inputs":{"request":"`+strings.Repeat("x", maxInputs)+`"}}`).want(t, 422, "too large")
	ask(t, d, "app-token", "POST", "/repos/acme/shop/actions/workflows/ci.yml/dispatches", `{"ref":"main"}`).want(t, 422, "workflow_dispatch")
	ask(t, d, "app-token", "POST", "/repos/acme/shop/actions/workflows/no.yml/dispatches", `{"ref":"main"}`).want(t, 404)
	if n := len(d.State().Repositories[0].Runs); n != 4 {
		t.Errorf("%d runs after refusals", n)
	}
}

func TestRefs(t *testing.T) {
	d := Start(t, shop())
	const refs, body = "/repos/acme/shop/git/refs", `{"ref":"%s","sha":"%s"}`
	for _, c := range []struct {
		ref, sha string
		status   int
		want     string
	}{
		{"refs/tags/remit/requests/1", sha("b"), 201, `"type":"commit"`},
		{"refs/tags/remit/requests/1", sha("b"), 422, "Reference already exists"},
		{"refs/tags/remit/requests/1", sha("c"), 422, "Reference already exists"},
		{"refs/tags/remit/requests/1/2", sha("b"), 422, "failed"},
		{"refs/tags/remit", sha("b"), 422, "failed"},
		{"refs/tags/two", sha("8"), 422, "Object does not exist"},
		{"refs/tags/two", "short", 422, "40 characters"},
		{"refs/two", sha("b"), 422, "not a valid ref"},
		{"tags/two", sha("b"), 422, "not a valid ref"},
		{"refs/tags/a..b", sha("b"), 422, "not a valid ref"},
		{"refs/heads/new", sha("c"), 201, ""},
	} {
		ask(t, d, "app-token", "POST", refs, fmt.Sprintf(body, c.ref, c.sha)).want(t, c.status, c.want)
	}
	ask(t, d, "app-token", "GET", "/repos/acme/shop/git/ref/tags/remit/requests/1", "").want(t, 200, sha("b"))
	ask(t, d, "app-token", "GET", "/repos/acme/shop/git/ref/tags/remit/requests", "").want(t, 404)
	ask(t, d, "app-token", "GET", "/repos/acme/shop/git/ref/refs/tags/v1", "").want(t, 404)
	if n := len(ask(t, d, "app-token", "GET", "/repos/acme/shop/git/matching-refs/heads/agent", "").want(t, 200).list(t)); n != 2 {
		t.Errorf("%d matching", n)
	}
	ask(t, d, "app-token", "GET", "/repos/acme/shop/activity?ref=new", "").want(t, 200, "branch_creation", "remit[bot]")
	if d.Refs("acme/shop")["refs/heads/new"] != sha("c") {
		t.Error("no ref")
	}

	// Of many that create one ref, one wins.
	var wg sync.WaitGroup
	won := make(chan int, 20)
	for range 20 {
		wg.Go(func() {
			won <- ask(t, d, "app-token", "POST", refs, fmt.Sprintf(body, "refs/tags/remit/requests/race", sha("b"))).status
		})
	}
	wg.Wait()
	close(won)
	count := map[int]int{}
	for status := range won {
		count[status]++
	}
	if count[http.StatusCreated] != 1 || count[http.StatusUnprocessableEntity] != 19 {
		t.Errorf("%v", count)
	}
}
