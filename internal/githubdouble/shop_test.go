package githubdouble

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-github/v62/github"
)

// sha makes a recognisable commit id.
func sha(c string) string { return strings.Repeat(c, 40/len(c)) }

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// shop is a small organisation: alice and bob maintain acme/shop, coder is an agent's account, and
// pull request 7 of coder is approved by bob.
func shop() Scenario {
	return Scenario{
		Now: noon,
		Users: []*User{
			{ID: 1, Login: "alice", Email: "alice@example.com"},
			{ID: 2, Login: "bob"},
			{ID: 3, Login: "coder", Type: "Bot"},
			{ID: 4, Login: "mallory"},
			{ID: 5, Login: "reader"},
		},
		Apps: []*App{{Slug: "github-actions"}, {ID: 77, Slug: "remit", Owner: "acme"}},
		Teams: []*Team{{Org: "acme", Slug: "release", Members: []*Member{
			{Login: "alice", Maintainer: true}, {Login: "bob"}, {Login: "mallory", Pending: true},
		}}},
		Tokens: []*Token{
			{Value: "alice-token", User: "alice"},
			{Value: "reader-token", User: "reader"},
			{Value: "fine-token", User: "alice", Permissions: map[string]string{"pull_requests": "read", "checks": "write"}},
			{Value: "actions-token", App: "github-actions"},
			{Value: "fork-token", App: "github-actions", ReadOnly: true},
			{Value: "narrow-token", App: "github-actions", Permissions: map[string]string{"contents": "read", "checks": "write"}},
			{Value: "app-token", App: "remit"},
			{Value: "poor-token", App: "remit", Limit: 2},
		},
		Repositories: []*Repository{
			{
				ID: 4711, Name: "acme/shop", CreatedAt: noon.AddDate(-1, 0, 0), FormerNames: []string{"acme/store"},
				Roles: map[string]string{"alice": "admin", "bob": "write/release-manager", "coder": "write"},
				Refs:  map[string]string{"refs/heads/main": sha("b"), "refs/heads/agent/next": sha("e"), "refs/tags/v1": sha("b")},
				PullRequests: []*PullRequest{
					{
						ID: 700, Number: 7, Title: "Add a cart", Author: "coder", HeadRef: "agent/cart", HeadSHA: sha("c"), BaseSHA: sha("b"),
						Labels: []string{"agent"}, Body: "<!-- remit -->", CreatedAt: noon.Add(-time.Hour), Commits: []string{sha("a"), sha("c")},
						Files:   []*File{{Path: "src/cart.go", Status: "added", SHA: sha("1"), Additions: 10}, {Path: "src/b c.go", Previous: "src/a.go", Status: "renamed"}},
						Reviews: []*Review{{ID: 31, User: "bob", State: "APPROVED", SubmittedAt: noon.Add(-time.Minute)}},
					},
					{
						Number: 6, Author: "alice", HeadRef: "old", HeadSHA: sha("d"), BaseSHA: sha("0"), CreatedAt: noon.Add(-48 * time.Hour),
						MergedAt: noon.Add(-24 * time.Hour), MergedBy: "alice", MergeCommitSHA: sha("b"),
					},
				},
				Activity: []*Activity{
					{Ref: "refs/heads/agent/cart", After: sha("a"), Actor: "coder", Timestamp: noon.Add(-2 * time.Hour)},
					{Ref: "refs/heads/agent/cart", Before: sha("a"), After: sha("c"), Actor: "coder", Timestamp: noon.Add(-time.Hour)},
					{Ref: "refs/heads/main", Before: sha("0"), After: sha("b"), Actor: "alice", Type: "pr_merge", Timestamp: noon.Add(-24 * time.Hour)},
				},
				Deployments: []*Deployment{{ID: 50, SHA: sha("b"), Ref: "main", Environment: "production", Creator: "alice", Production: true}},
				Workflows:   []*Workflow{{File: "deploy.yml", Inputs: []string{"request"}}, {File: "ci.yml", NoDispatch: true}},
				Runs: []*WorkflowRun{{
					ID: 900, HeadSHA: sha("c"), HeadBranch: "agent/cart", Event: "pull_request", Actor: "coder", PullRequests: []int{7},
					Pending: []*PendingGate{{Environment: "production", Users: []string{"alice"}, Teams: []string{"acme/release"}}},
				}},
			},
			{ID: 4712, Name: "mallory/shop", ForkOf: "acme/shop", Refs: map[string]string{"refs/heads/fix": sha("f")}},
			{ID: 4713, Name: "acme/secret", Private: true},
		},
	}
}

// client is go-github on a double.
func client(t *testing.T, d *Double, token string) *github.Client {
	t.Helper()
	c := github.NewClient(&http.Client{Timeout: 10 * time.Second}).WithAuthToken(token)
	base, err := url.Parse(d.URL() + "/")
	if err != nil {
		t.Fatal(err)
	}
	c.BaseURL = base
	return c
}

// reply is a plain answer.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask sends a plain request; headers are pairs.
func ask(t *testing.T, d *Double, token, method, path, body string, headers ...string) reply {
	t.Helper()
	target := path
	if !strings.HasPrefix(path, "http://") {
		target = d.URL() + path
	}
	r, err := http.NewRequestWithContext(context.Background(), method, target, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "application/vnd.github+json")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	c := http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(text)}
}

// want checks a status and pieces of the body.
func (r reply) want(t *testing.T, status int, pieces ...string) reply {
	t.Helper()
	if r.status != status {
		t.Errorf("got %d %s, want %d", r.status, r.body, status)
	}
	for _, piece := range pieces {
		if !strings.Contains(r.body, piece) {
			t.Errorf("want %s in %s", piece, r.body)
		}
	}
	return r
}

// list parses an answer that is a list.
func (r reply) list(t *testing.T) []object {
	t.Helper()
	var out []object
	if err := json.Unmarshal([]byte(r.body), &out); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return out
}
