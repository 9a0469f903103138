package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
)

// forged are the answers about pull request 7, by path.
func forged() map[string]string {
	repository := `{"id":1,"full_name":"acme/shop","html_url":"https://github.com/acme/shop","default_branch":"main"}`
	c, b := strings.Repeat("c", 40), strings.Repeat("b", 40)
	return map[string]string{
		"/repos/acme/shop/pulls/7": `{"number":7,"state":"open","created_at":"2026-11-23T12:00:00Z","user":{"id":3,"login":"coder","type":"User"},` +
			`"head":{"ref":"x","sha":"` + c + `","repo":` + repository + `},"base":{"ref":"main","sha":"` + b + `","repo":` + repository + `}}`,
		"/repos/acme/shop/pulls/7/reviews":                `[{"id":31,"state":"APPROVED","commit_id":"` + c + `","submitted_at":"2026-11-23T12:00:00Z","user":null}]`,
		"/repos/acme/shop/issues/7/events":                `[]`,
		"/repos/acme/shop/git/ref/heads/main":             `{"ref":"refs/heads/main","object":{"type":"commit","sha":"` + b + `"}}`,
		"/repos/acme/shop/activity":                       `[{"id":1,"ref":"refs/heads/x","before":"0000000000000000000000000000000000000000","after":"` + c + `","timestamp":"2026-11-23T11:00:00Z","activity_type":"branch_creation"}]`,
		"/repos/acme/shop/actions/runs/5":                 `{"id":5,"head_sha":"` + c + `"}`,
		"/repos/acme/shop/deployments/5":                  `{"id":5,"sha":"` + c + `","created_at":"2026-11-23T12:00:00Z"}`,
		"/repos/acme/shop/deployments":                    `[{"id":5,"sha":"` + c + `","created_at":"2026-11-23T12:00:00Z"}]`,
		"/repos/acme/shop/commits/" + c + "/pulls":        `[{"number":7,"merged_at":"2026-11-23T12:00:00Z","merge_commit_sha":"` + c + `","head":{"ref":"x"},"base":{"ref":"main","repo":` + repository + `}}]`,
		"/repos/acme/shop/collaborators/coder/permission": `{"role_name":"admin","user":{"id":3}}`,
	}
}

func serveForged(t *testing.T, answers map[string]string) *Client {
	t.Helper()
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, body)
	})
	return c
}

// TestContradictions: an answer that is about something else, or lacks what counts, is not believed.
func TestContradictions(t *testing.T) {
	pr, gaps, err := serveForged(t, forged()).PullRequest(bg, "acme/shop", 7, History{})
	if err != nil || len(gaps) > 0 || !pr.Complete || len(pr.Reviews) != 1 || pr.Reviews[0].By.ID != 0 || len(pr.Pushes) != 1 {
		t.Fatalf("%v %+v %+v", err, gaps, pr)
	}
	for name, c := range map[string]struct {
		path, old, text string
		gap             bool // else an error
	}{
		"another pull request":        {"/pulls/7", `"number":7`, `"number":8`, false},
		"no head":                     {"/pulls/7", `"sha":"cccc`, `"sha":"zccc`, false},
		"a head ref that is none":     {"/pulls/7", `"ref":"x"`, `"ref":"x/../y"`, false},
		"no time":                     {"/pulls/7", `"created_at":"2026-11-23T12:00:00Z",`, ``, false},
		"no base":                     {"/pulls/7", `"base"`, `"bass"`, false},
		"a base elsewhere":            {"/pulls/7", `acme/shop`, `acme/other`, false},
		"a name and page that differ": {"/pulls/7", `github.com/acme/shop`, `github.com/acme/other`, false},
		"no id of the repository":     {"/pulls/7", `"id":1,`, ``, false},
		"a review without a time":     {"/pulls/7/reviews", `"submitted_at":"2026-11-23T12:00:00Z",`, ``, true},
		"a review without an id":      {"/pulls/7/reviews", `"id":31,`, ``, true},
		"no reviews":                  {"/pulls/7/reviews", `[`, `{"message":"x"}`, true},
		"no events":                   {"/issues/7/events", `[]`, `null`, true},
		"a push to another ref":       {"/activity", `heads/x`, `heads/y`, true},
		"a push of something else":    {"/activity", `"after":"c`, `"after":"d`, true},
		"a push of no commit":         {"/activity", `"after":"c`, `"after":"z`, true},
		"a push without a time":       {"/activity", `"timestamp":"2026-11-23T11:00:00Z",`, ``, true},
		"a push from somewhere":       {"/activity", `"before":"0`, `"before":"1`, true},
	} {
		answers := forged()
		path := "/repos/acme/shop" + c.path
		if !strings.Contains(answers[path], c.old) {
			t.Fatalf("%s changes nothing", name)
		}
		answers[path] = strings.ReplaceAll(answers[path], c.old, c.text)
		pr, gaps, err := serveForged(t, answers).PullRequest(bg, "acme/shop", 7, History{})
		if pr.Complete || c.gap != (len(gaps) == 1) || c.gap != (err == nil) {
			t.Errorf("%s: %v, %+v, complete %t", name, err, gaps, pr.Complete)
		}
	}
}

func TestOtherContradictions(t *testing.T) {
	c := strings.Repeat("c", 40)
	for name, ask := range map[string]struct {
		path, old, text string
		do              func(*Client) error
	}{
		"run":           {"/actions/runs/5", `"id":5`, `"id":6`, func(c *Client) error { _, err := c.Run(bg, "acme/shop", 5); return err }},
		"run's head":    {"/actions/runs/5", `ccc`, ``, func(c *Client) error { _, err := c.Run(bg, "acme/shop", 5); return err }},
		"deployment":    {"/deployments/5", `"id":5`, `"id":6`, func(c *Client) error { _, err := c.Deployment(bg, "acme/shop", 5); return err }},
		"its commit":    {"/deployments/5", `"sha":"c`, `"sha":"`, func(c *Client) error { _, err := c.Deployment(bg, "acme/shop", 5); return err }},
		"its time":      {"/deployments", `"created_at"`, `"created"`, func(c *Client) error { _, _, err := c.Deployments(bg, "acme/shop", "e"); return err }},
		"a test merge":  {"/commits/" + c + "/pulls", `"2026-11-23T12:00:00Z"`, `null`, func(cl *Client) error { _, err := cl.MergedPullRequest(bg, "acme/shop", c); return err }},
		"a fork's":      {"/commits/" + c + "/pulls", `"acme/shop"`, `"acme/fork"`, func(cl *Client) error { _, err := cl.MergedPullRequest(bg, "acme/shop", c); return err }},
		"another merge": {"/commits/" + c + "/pulls", `"merge_commit_sha":"c`, `"merge_commit_sha":"d`, func(cl *Client) error { _, err := cl.MergedPullRequest(bg, "acme/shop", c); return err }},
	} {
		if err := ask.do(serveForged(t, forged())); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		answers := forged()
		path := "/repos/acme/shop" + ask.path
		if !strings.Contains(answers[path], ask.old) {
			t.Fatalf("%s changes nothing", name)
		}
		answers[path] = strings.ReplaceAll(answers[path], ask.old, ask.text)
		if err := ask.do(serveForged(t, answers)); !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReviews(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	got, err := reviews([]reviewJSON{
		{ID: 5, State: "APPROVED", SubmittedAt: at.Add(time.Hour)},
		{ID: 6, State: "PENDING"},
		{ID: 7, State: "DISMISSED", SubmittedAt: at},
		{ID: 4, State: "COMMENTED", SubmittedAt: at},
	}, nil)
	// One that was begun earlier may be submitted later.
	if err != nil || len(got) != 3 || got[0].ID != 7 || got[1].ID != 4 || got[2].ID != 5 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRetargets(t *testing.T) {
	var list []eventJSON
	for i, event := range []string{"labeled", "base_ref_changed", "automatic_base_change_failed", "automatic_base_change_succeeded", "base_ref_force_pushed", "head_ref_force_pushed", "base_ref_deleted"} {
		list = append(list, eventJSON{ID: int64(i), Event: event, CreatedAt: time.Unix(int64(i), 0)})
	}
	got := retargets(list)
	if len(got) != 3 || got[0].Unix() != 1 || got[1].Unix() != 3 || got[2].Unix() != 4 {
		t.Errorf("%v", got)
	}
}

func TestClosedPullRequests(t *testing.T) {
	c := strings.Repeat("c", 40)
	answers := map[string]string{"/repos/acme/shop/pulls": `[{"number":2,"state":"closed","head":{"sha":"` + c + `"}},{"number":3,"state":"open","head":{"sha":"` + c + `"}}]`}
	if got, err := serveForged(t, answers).OpenPullRequests(bg, "acme/shop", c); err != nil || len(got) != 1 || got[0].Number != 3 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestAnotherRef: a ref that is not the one asked for wins nothing.
func TestAnotherRef(t *testing.T) {
	nonce, commit := strings.Repeat("a", 32), strings.Repeat("b", 40)
	for name, answer := range map[string]string{
		"another ref":    `{"ref":"refs/tags/x","object":{"sha":"` + commit + `"}}`,
		"another commit": `{"ref":"` + delegation.RequestRefs + nonce + `","object":{"sha":"` + strings.Repeat("c", 40) + `"}}`,
		"nothing":        `{}`,
		"no text":        ``,
	} {
		c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusCreated)
				fmt.Fprint(w, answer)
				return
			}
			http.NotFound(w, r)
		})
		if won, err := c.UseOnce(bg, "acme/shop", nonce, commit); won || !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %t, %v", name, won, err)
		}
	}
}

// TestLimitInWords: a limit that only the text tells of is one.
func TestLimitInWords(t *testing.T) {
	for text, want := range map[string]error{"You have exceeded a secondary rate limit.": ErrUnavailable, "Resource not accessible by integration": ErrPermission} {
		c, waited := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `{"message":%q}`, text)
		})
		if _, err := c.Repository(bg, "acme/shop"); !errors.Is(err, want) || (len(*waited) > 0) != errors.Is(want, ErrUnavailable) {
			t.Errorf("%s: %v, waited %v", text, err, *waited)
		}
	}
}

func TestSleep(t *testing.T) {
	if err := sleep(bg, time.Millisecond); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if err := sleep(ctx, time.Hour); err == nil {
		t.Error("slept on")
	}
}
