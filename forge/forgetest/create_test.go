package forgetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/remit-sh/remit/forge"
	gh "github.com/remit-sh/remit/internal/githubdouble"
)

// branchy is the shop with a branch that has no pull request yet, and a workflow.
func branchy() gh.Scenario {
	s := shop()
	s.Repositories[0].Refs["refs/heads/agent/pay"] = sha("e")
	s.Repositories[0].Workflows = []*gh.Workflow{{File: "deploy.yml", Inputs: []string{"request"}}, {File: "ci.yml", NoDispatch: true}}
	return s
}

func newPull() forge.NewPull {
	return forge.NewPull{HeadRef: "refs/heads/agent/pay", BaseRef: "refs/heads/main", Title: "Pay by card", Body: "text\n", Draft: true}
}

func pulls(r *rig) []*gh.PullRequest { return r.d.State().Repositories[0].PullRequests }

func TestOpenPull(t *testing.T) {
	r := start(t, branchy())
	if _, err := r.FindPull(bg, shopName, newPull()); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	made, err := r.OpenPull(bg, shopName, newPull())
	if err != nil || made.Number != 8 || made.URL != "https://github.com/acme/shop/pull/8" || made.Head != sha("e") || made.Body != "text\n" {
		t.Fatalf("%+v, %v", made, err)
	}
	if p := pulls(r)[1]; p.Title != "Pay by card" || p.Body != "text\n" || !p.Draft || p.HeadRef != "agent/pay" || p.BaseRef != "main" {
		t.Errorf("%+v", p)
	}
	found, err := r.FindPull(bg, shopName, newPull())
	if err != nil || found != made {
		t.Errorf("%+v, %v", found, err)
	}
	// It is there already: GitHub's 422.
	if _, err := r.OpenPull(bg, shopName, newPull()); !errors.Is(err, forge.ErrRefused) || !strings.Contains(err.Error(), "already exists") {
		t.Error(err)
	}
	// Another base, another pull request; and not one that was closed.
	other := newPull()
	other.BaseRef = "refs/heads/release/2"
	if _, err := r.FindPull(bg, shopName, other); !errors.Is(err, forge.ErrNotFound) {
		t.Error(err)
	}
	r.d.SetState("acme/shop", 8, "closed", "alice")
	if _, err := on(t, r.d).FindPull(bg, shopName, newPull()); !errors.Is(err, forge.ErrNotFound) {
		t.Error(err)
	}
	fork := forge.NewPull{HeadOwner: "mallory", HeadRef: "refs/heads/fix", BaseRef: "refs/heads/main", Title: strings.Repeat("ä", 300)}
	if made, err := r.OpenPull(bg, shopName, fork); err != nil || made.Head != sha("f") {
		t.Errorf("%+v, %v", made, err)
	}
	if p := pulls(r)[2]; p.HeadRepo != "mallory/shop" || len(p.Title) > 256 {
		t.Errorf("%+v", p)
	}
	if found, err := r.FindPull(bg, shopName, fork); err != nil || found.Number != 9 {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestOpenPullRefused(t *testing.T) {
	r := start(t, branchy())
	for name, change := range map[string]func(*forge.NewPull){
		"no such head":  func(n *forge.NewPull) { n.HeadRef = "refs/heads/nowhere" },
		"no such base":  func(n *forge.NewPull) { n.BaseRef = "refs/heads/nowhere" },
		"nothing in it": func(n *forge.NewPull) { n.HeadRef = "refs/heads/main" },
		"no title":      func(n *forge.NewPull) { n.Title = "" },
	} {
		n := newPull()
		change(&n)
		if _, err := r.OpenPull(bg, shopName, n); !errors.Is(err, forge.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	before := len(r.d.Journal().Of("pulls/create"))
	tooLong := newPull()
	tooLong.Body = strings.Repeat("x", forge.MaxBody+1)
	if _, err := r.OpenPull(bg, shopName, tooLong); !errors.Is(err, forge.ErrTooLong) {
		t.Error(err)
	}
	if err := r.SetBody(bg, shopName, 7, tooLong.Body); !errors.Is(err, forge.ErrTooLong) {
		t.Error(err)
	}
	for _, ref := range []string{"", "agent/pay", "refs/tags/v1", "refs/heads/"} {
		n := newPull()
		n.HeadRef = ref
		if _, err := r.OpenPull(bg, shopName, n); err == nil {
			t.Errorf("the head %q is taken", ref)
		}
		if _, err := r.FindPull(bg, shopName, n); err == nil || errors.Is(err, forge.ErrNotFound) {
			t.Errorf("the head %q is looked for", ref)
		}
	}
	if n := len(r.d.Journal().Of("pulls/create")); n != before || len(pulls(r)) != 1 {
		t.Errorf("%d requests were made, %d pull requests", n-before, len(pulls(r)))
	}
	longest := newPull()
	longest.Body = strings.Repeat("ä", forge.MaxBody)
	if _, err := r.OpenPull(bg, shopName, longest); err != nil {
		t.Errorf("a body of the longest that GitHub takes: %v", err)
	}
}

func TestSetBody(t *testing.T) {
	r := start(t, branchy())
	r.d.Inject(gh.Fault{Operation: "pulls/update", Kind: gh.FaultStatus, Status: 502, Applied: true})
	if err := r.SetBody(bg, shopName, 7, "new"); err != nil {
		t.Fatal(err)
	}
	if p := pulls(r)[0]; p.Body != "new" || p.Title != "Add a cart" || p.State != "open" || p.BaseRef != "main" {
		t.Errorf("%+v", p)
	}
	if err := r.SetBody(bg, shopName, 70, "new"); !errors.Is(err, forge.ErrNotFound) {
		t.Error(err)
	}
}

// TestWritesLackPermission: what a token may not do is said by the permission's name.
func TestWritesLackPermission(t *testing.T) {
	d := gh.Start(t, branchy())
	for _, c := range []struct {
		permission string
		write      func(r *rig) error
	}{
		{"pull-requests: write", func(r *rig) error { _, err := r.OpenPull(bg, shopName, newPull()); return err }},
		{"pull-requests: write", func(r *rig) error { return r.SetBody(bg, shopName, 7, "x") }},
		{"deployments: write", func(r *rig) error {
			_, err := r.CreateDeployment(bg, shopName, forge.NewDeployment{Commit: sha("b"), Environment: "production", Request: "x"})
			return err
		}},
		{"actions: write", func(r *rig) error {
			return r.Dispatch(bg, shopName, "deploy.yml", "refs/heads/main", map[string]string{"request": "x"})
		}},
	} {
		var lacks *forge.PermissionError
		if err := c.write(on(t, d, withToken("fork"))); !errors.As(err, &lacks) || lacks.Permission != c.permission {
			t.Errorf("%s: %v", c.permission, err)
		}
		if err := c.write(on(t, d, withToken("unknown"))); !errors.As(err, &lacks) || lacks.Permission != "" {
			t.Errorf("%s: an unknown token: %v", c.permission, err)
		}
		if err := c.write(on(t, d)); err != nil {
			t.Errorf("%s: a token that may: %v", c.permission, err)
		}
	}
}

func TestCreateDeployment(t *testing.T) {
	n := forge.NewDeployment{Commit: sha("b"), Environment: "production", Description: strings.Repeat("ä", 200), Request: "cmVxdWVzdA"}
	r := start(t, branchy())
	id, err := r.CreateDeployment(bg, shopName, n)
	if err != nil || id <= 0 {
		t.Fatalf("%d, %v", id, err)
	}
	got, err := r.Deployment(bg, shopName, id)
	if err != nil || got.Commit != sha("b") || got.Ref != sha("b") || got.Environment != "production" || got.Task != "deploy" ||
		string(got.Payload) != `{"remit":"cmVxdWVzdA"}` {
		t.Errorf("%+v, %v", got, err)
	}
	body := string(r.d.Journal().Of("repos/create-deployment")[0].Body)
	for _, want := range []string{`"auto_merge":false`, `"required_contexts":[]`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if d := r.d.State().Repositories[0].Deployments[0].Description; len(d) > 140 || !strings.HasPrefix(d, "ää") {
		t.Errorf("the description is %q", d)
	}

	for name, change := range map[string]func(*forge.NewDeployment){
		"a commit that is none": func(n *forge.NewDeployment) { n.Commit = sha("0") },
		"no commit":             func(n *forge.NewDeployment) { n.Commit = "main" },
		"too long":              func(n *forge.NewDeployment) { n.Request = strings.Repeat("x", 65_535-len(`{"remit":""}`)+1) },
	} {
		bad := n
		change(&bad)
		if id, err := r.CreateDeployment(bg, shopName, bad); id != 0 || err == nil {
			t.Errorf("%s: %d, %v", name, id, err)
		}
	}
	longest := n
	longest.Request = strings.Repeat("x", forge.MaxCarried)
	if _, err := r.CreateDeployment(bg, shopName, longest); err != nil {
		t.Error(err)
	}
}

// TestCreateFaults: an answer that was lost makes no second deployment and no second pull request.
func TestCreateFaults(t *testing.T) {
	for name, fault := range map[string]gh.Fault{
		"a limit":                {Kind: gh.FaultSecondary},
		"failed, without effect": {Kind: gh.FaultStatus, Status: 502},
		"failed, with effect":    {Kind: gh.FaultStatus, Status: 502, Applied: true},
		"cut":                    {Kind: gh.FaultCut},
		"truncated":              {Kind: gh.FaultTruncated},
	} {
		r := start(t, branchy())
		fault.Operation = "repos/create-deployment"
		r.d.Inject(fault)
		n := forge.NewDeployment{Commit: sha("b"), Environment: "production", Request: "one"}
		id, err := r.CreateDeployment(bg, shopName, n)
		made := r.d.State().Repositories[0].Deployments
		if err != nil || len(made) != 1 || made[0].ID != id {
			t.Errorf("%s: %d of %d deployments, %v", name, id, len(made), err)
		}
		n.Request = "two" // a near miss: equal but for the request
		if other, err := r.CreateDeployment(bg, shopName, n); err != nil || other == id {
			t.Errorf("%s: another request: %d again, %v", name, other, err)
		}

		fault.Operation = "pulls/create"
		r.d.Inject(fault)
		pull, err := r.OpenPull(bg, shopName, newPull())
		if err != nil || pull.Number != 8 || pull.URL == "" || len(pulls(r)) != 2 {
			t.Errorf("%s: %+v of %d pull requests, %v", name, pull, len(pulls(r)), err)
		}
	}
}

func TestDispatch(t *testing.T) {
	r := start(t, branchy())
	if err := r.Dispatch(bg, shopName, "deploy.yml", "refs/heads/main", map[string]string{"request": "word"}); err != nil {
		t.Fatal(err)
	}
	runs := r.d.State().Repositories[0].Runs
	if len(runs) != 1 || runs[0].Inputs["request"] != "word" || runs[0].HeadBranch != "main" || runs[0].Path != ".github/workflows/deploy.yml" {
		t.Errorf("%+v", runs)
	}
	for name, c := range map[string]struct {
		workflow, ref string
		inputs        map[string]string
		err           error
	}{
		"no such workflow":     {"no.yml", "refs/heads/main", nil, forge.ErrNotFound},
		"not to be dispatched": {"ci.yml", "refs/heads/main", nil, forge.ErrRefused},
		"no such ref":          {"deploy.yml", "refs/heads/nowhere", nil, forge.ErrRefused},
		"an unexpected input":  {"deploy.yml", "refs/heads/main", map[string]string{"other": "x"}, forge.ErrRefused},
		"too long":             {"deploy.yml", "refs/heads/main", map[string]string{"request": strings.Repeat("x", 65_535)}, forge.ErrTooLong},
		"a short ref":          {"deploy.yml", "main", nil, nil},
		"a path":               {"../deploy.yml", "refs/heads/main", nil, nil},
		"no name":              {"", "refs/heads/main", nil, nil},
	} {
		if err := r.Dispatch(bg, shopName, c.workflow, c.ref, c.inputs); err == nil || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(r.d.State().Repositories[0].Runs); n != 1 {
		t.Errorf("%d runs after refusals", n)
	}
	if err := r.Dispatch(bg, shopName, "deploy.yml", "refs/heads/main", map[string]string{"request": strings.Repeat("x", forge.MaxCarried)}); err != nil {
		t.Errorf("the longest: %v", err)
	}
}
