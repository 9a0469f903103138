package forgetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/forge"
	gh "github.com/remit-sh/remit/internal/githubdouble"
)

const (
	shopName = "github.com/acme/shop"
	token    = "ghs_thisisthesecrettoken"
)

var (
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	bg   = context.Background()

	alice = evidence.Account{ID: 1, Login: "alice", Type: "User"}
	bob   = evidence.Account{ID: 2, Login: "bob", Type: "User"}
	coder = evidence.Account{ID: 3, Login: "coder", Type: "User"}
)

// sha makes a recognisable commit id.
func sha(c string) string { return strings.Repeat(c, 40/len(c)) }

// id is the commit of a number.
func id(n int) string { return fmt.Sprintf("%040x", n) }

// shop is a repository with pull request 7 of coder's, which bob has approved.
func shop() gh.Scenario {
	return gh.Scenario{
		Now: noon,
		Users: []*gh.User{
			{ID: 1, Login: "alice"}, {ID: 2, Login: "bob"}, {ID: 3, Login: "coder"}, {ID: 4, Login: "mallory"},
		},
		Apps: []*gh.App{{Slug: "github-actions"}, {ID: 77, Slug: "remit"}},
		Teams: []*gh.Team{{Org: "acme", Slug: "release", Members: []*gh.Member{
			{Login: "alice", Maintainer: true}, {Login: "mallory", Pending: true},
		}}},
		Tokens: []*gh.Token{
			{Value: token, App: "remit"},
			{Value: "actions", App: "github-actions"},
			{Value: "fork", App: "github-actions", ReadOnly: true},
		},
		Repositories: []*gh.Repository{
			{
				ID: 4711, Name: "acme/shop", CreatedAt: noon.AddDate(-1, 0, 0), FormerNames: []string{"acme/store"},
				Roles: map[string]string{"alice": "admin", "bob": "write/release-manager", "coder": "maintain"},
				Refs:  map[string]string{"refs/heads/main": sha("b"), "refs/heads/release/2": sha("e")},
				PullRequests: []*gh.PullRequest{{
					Number: 7, Title: "Add a cart", Author: "coder", Labels: []string{"agent"}, CreatedAt: noon.Add(-time.Hour),
					Body:    "Please.\r\n\r\n<!-- remit:pull-request/v1 eyJwYXlsb2FkIjoiZTMwPSJ9 -->\r\n",
					HeadRef: "agent/cart", HeadSHA: sha("c"), BaseSHA: sha("d"), // where main was when the branch was pushed
					Commits: []string{sha("a"), sha("c")},
					Reviews: []*gh.Review{
						{ID: 30, User: "alice", State: "COMMENTED", SubmittedAt: noon.Add(-3 * time.Minute)},
						{ID: 31, User: "bob", State: "APPROVED", SubmittedAt: noon.Add(-time.Minute)},
						{ID: 32, User: "alice", State: "PENDING"},
					},
				}},
				Activity: []*gh.Activity{
					{Ref: "refs/heads/agent/cart", After: sha("a"), Actor: "alice", Timestamp: noon.Add(-2 * time.Hour)},
					{Ref: "refs/heads/agent/cart", Before: sha("a"), After: sha("c"), Actor: "coder", Timestamp: noon.Add(-90 * time.Minute)},
				},
			},
			{ID: 4712, Name: "mallory/shop", ForkOf: "acme/shop", Refs: map[string]string{"refs/heads/fix": sha("f")}},
		},
	}
}

// pull is the pull request of shop's that tests change.
func pull(s *gh.Scenario) *gh.PullRequest { return s.Repositories[0].PullRequests[0] }

// want is what [forge.Client.PullRequest] should tell of it.
func want() evidence.PullRequest {
	return evidence.PullRequest{
		Number: 7, Title: "Add a cart", Labels: []string{"agent"}, Open: true, Author: coder, Created: noon.Add(-time.Hour),
		HeadRepository: shopName, HeadRef: "refs/heads/agent/cart", Head: sha("c"), BaseRef: "refs/heads/main",
		Statement: []byte(`{"payload":"e30="}`),
		Reviews: []evidence.Review{
			{ID: 30, By: alice, State: "COMMENTED", Commit: sha("c"), At: noon.Add(-3 * time.Minute)},
			{ID: 31, By: bob, State: "APPROVED", Commit: sha("c"), At: noon.Add(-time.Minute)},
		},
		Pushes: []evidence.Push{
			{Ref: "refs/heads/agent/cart", Before: sha("a"), After: sha("c"), At: noon.Add(-90 * time.Minute), By: coder, Kind: "push"},
			{Ref: "refs/heads/agent/cart", After: sha("a"), At: noon.Add(-2 * time.Hour), By: alice, Kind: "branch_creation"},
		},
		Complete: true,
	}
}

// rig is a client on a double. Nobody waits: the double's clock moves on instead.
type rig struct {
	*forge.Client
	d      *gh.Double
	waited []time.Duration
}

func start(t *testing.T, s gh.Scenario, change ...func(*forge.Options)) *rig {
	t.Helper()
	return on(t, gh.Start(t, s), change...)
}

func on(t *testing.T, d *gh.Double, change ...func(*forge.Options)) *rig {
	t.Helper()
	r := &rig{d: d}
	o := forge.Options{
		BaseURL: d.URL(), Token: token, Now: d.Now,
		Wait: func(_ context.Context, by time.Duration) error {
			r.waited = append(r.waited, by)
			d.Advance(by)
			return nil
		},
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	if r.Client, err = forge.New(o); err != nil {
		t.Fatal(err)
	}
	return r
}

func withToken(s string) func(*forge.Options) { return func(o *forge.Options) { o.Token = s } }
