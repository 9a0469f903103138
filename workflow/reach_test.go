package workflow_test

import (
	"reflect"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow"
)

func reach(src string) evidence.Reach {
	return workflow.Reach(workflow.Load(fstest.MapFS{workflow.Dir + "/x.yml": {Data: []byte(src), Mode: 0o644}}, workflow.Options{}))
}

const before = `
on: {push: {branches: [main]}, pull_request: {types: [opened, closed]}}
permissions: {contents: read}
jobs:
  build:
    runs-on: x
    steps: [{run: "${{ secrets.npm_token }}"}]
  deploy:
    environment: Production
    runs-on: x
    steps: [{run: "${{ secrets.PROD_KEY }}"}]
`

func TestReach(t *testing.T) {
	path := workflow.Dir + "/x.yml"
	got := reach(before)
	want := evidence.Reach{
		Secrets: []evidence.ReachedSecret{
			{Workflow: path, Job: "build"},
			{Workflow: path, Job: "build", Secret: "NPM_TOKEN"},
			{Workflow: path, Job: "deploy", Environment: "production"},
			{Workflow: path, Job: "deploy", Environment: "production", Secret: "PROD_KEY"},
		},
		Permissions: []evidence.ReachedPermission{
			{Workflow: path, Job: "build", Scope: "contents", Access: evidence.AccessRead},
			{Workflow: path, Job: "deploy", Scope: "contents", Access: evidence.AccessRead},
		},
		Triggers: []evidence.ReachedTrigger{
			{Workflow: path, Event: "pull_request", Filters: "types=closed,opened"},
			{Workflow: path, Event: "push", Filters: "branches=main"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// What a change adds shows, and what changes nothing does not.
func TestReachOfChanges(t *testing.T) {
	count := func(r evidence.Reach, from evidence.Reach) (secrets, permissions, triggers int) {
		for _, s := range r.Secrets {
			if !slices.Contains(from.Secrets, s) {
				secrets++
			}
		}
		for _, p := range r.Permissions {
			if !slices.Contains(from.Permissions, p) {
				permissions++
			}
		}
		for _, x := range r.Triggers {
			if !slices.Contains(from.Triggers, x) {
				triggers++
			}
		}
		return secrets, permissions, triggers
	}
	for name, c := range map[string]struct {
		src  string
		want [3]int
	}{
		"the same, written otherwise": {`
permissions:
  contents: read
"on":
  pull_request:
    types:
      - closed
      - opened
  push:
    branches: main
jobs:
  deploy:
    name: Deploy
    runs-on: y
    environment: {name: production, url: 'https://x'}
    env: {K: "${{ secrets['prod_key'] }}"}
  build: {runs-on: x, env: {T: "${{ secrets.NPM_TOKEN }}"}}
`, [3]int{}},
		"a job less": {`
on: {push: {branches: [main]}}
permissions: {contents: read}
jobs: {build: {runs-on: x}}
`, [3]int{}},
		"a secret in another environment": {`
on: {push: {branches: [main]}}
permissions: {contents: read}
jobs: {build: {runs-on: x, environment: staging, steps: [{run: "${{ secrets.PROD_KEY }}"}]}}
`, [3]int{2, 0, 0}},
		"any secret": {`
on: {push: {branches: [main]}}
permissions: {contents: read}
jobs: {build: {runs-on: x, steps: [{run: "${{ toJSON(secrets) }}"}]}}
`, [3]int{1, 0, 0}},
		"more permissions": {`
on: {push: {branches: [main]}}
permissions: {contents: write, id-token: write}
jobs: {build: {runs-on: x}}
`, [3]int{0, 2, 0}},
		"no permissions written": {`
on: {push: {branches: [main]}}
jobs: {build: {runs-on: x}}
`, [3]int{0, 1, 0}},
		"none at all": {`
on: {push: {branches: [main]}}
permissions: {}
jobs: {build: {runs-on: x}}
`, [3]int{}},
		"another event, and wider filters": {`
on: {push: , pull_request_target: }
permissions: {contents: read}
jobs: {build: {runs-on: x}}
`, [3]int{0, 0, 2}},
	} {
		s, p, x := count(reach(c.src), reach(before))
		if got := [3]int{s, p, x}; got != c.want {
			t.Errorf("%s: %v new, want %v", name, got, c.want)
		}
	}
}

func TestAccess(t *testing.T) {
	none := evidence.Permissions{}
	some := evidence.Permissions{Written: true, All: evidence.AccessNone, Scopes: []evidence.Permission{{Scope: "contents", Access: evidence.AccessRead}}}
	odd := some
	odd.Unread = true
	for _, c := range []struct {
		p     evidence.Permissions
		scope string
		want  evidence.Access
	}{
		{none, "contents", evidence.AccessUnset},
		{some, "contents", evidence.AccessRead},
		{some, "id-token", evidence.AccessNone},
		{odd, "contents", evidence.AccessRead},
		{odd, "id-token", evidence.AccessWrite},
	} {
		if got := c.p.Access(c.scope); got != c.want {
			t.Errorf("%+v gives %d for %s", c.p, got, c.scope)
		}
	}
}

func TestUses(t *testing.T) {
	for text, want := range map[string]evidence.WorkflowUses{
		"./":                                {Kind: evidence.UsesLocal},
		".":                                 {Kind: evidence.UsesLocal},
		"./a/../b/":                         {Kind: evidence.UsesLocal, Path: "b"},
		"./../x":                            {},
		"../x":                              {},
		"docker://alpine:3":                 {Kind: evidence.UsesDocker},
		"Actions/Checkout@v4":               {Kind: evidence.UsesRemote, Repository: "actions/checkout", Ref: "v4"},
		"a/b/c/d@main":                      {Kind: evidence.UsesRemote, Repository: "a/b", Path: "c/d", Ref: "main"},
		"a/b/../../c@v1":                    {Kind: evidence.UsesRemote, Repository: "a/b", Path: "c", Ref: "v1"},
		"a/b@" + "0123456789abcdef01234567": {Kind: evidence.UsesRemote, Repository: "a/b", Ref: "0123456789abcdef01234567"},
		"a/b@0123456789abcdef0123456789abcdef01234567": {Kind: evidence.UsesRemote, Repository: "a/b", Ref: "0123456789abcdef0123456789abcdef01234567", Pinned: true},
		"a/b":              {},
		"a/b@":             {},
		"a@v1":             {},
		"/b@v1":            {},
		"a/b c@v1":         {},
		"${{ x }}/b@v1":    {},
		"https://a/b/c@v1": {},
	} {
		w := workflow.Load(fstest.MapFS{workflow.Dir + "/x.yml": {Data: []byte("on: push\njobs: {a: {runs-on: x, steps: [{uses: '" + text + "'}]}}\n")}}, workflow.Options{})
		got := *w.Jobs[0].Cases[0].Steps[0].Uses
		if got.Text != text || got.At.Line != 2 {
			t.Errorf("%q: %+v", text, got)
		}
		got.Text, got.At = "", evidence.Place{}
		if got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
