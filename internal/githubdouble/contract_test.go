package githubdouble

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/go-json-experiment/json"
)

// Each request that GitHub would not understand is refused with 500, and fails the test.
func TestRefusesRequests(t *testing.T) {
	const runs, good = "/repos/acme/shop/check-runs", `"name":"remit","head_sha":"` + "cccccccccccccccccccccccccccccccccccccccc" + `"`
	annotations := func(n int) string {
		one := `{"path":"a","start_line":1,"end_line":1,"annotation_level":"notice","message":"m"}`
		return `{` + good + `,"output":{"title":"t","summary":"s","annotations":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}}`
	}
	cases := map[string]struct{ method, path, body, want string }{
		"unknown path":             {"GET", "/repos/acme/shop/nonsense", "", "no such operation"},
		"unknown method":           {"PUT", "/repos/acme/shop", "", "no such operation"},
		"unknown query":            {"GET", "/repos/acme/shop/pulls/7/reviews?pages=2", "", `"pages"`},
		"a query twice":            {"GET", "/repos/acme/shop/pulls?state=open&state=all", "", "2 times"},
		"a value out of the list":  {"GET", "/repos/acme/shop/pulls?state=merged", "", "state"},
		"page is no number":        {"GET", "/repos/acme/shop/pulls?page=two", "", "page"},
		"a number is no number":    {"GET", "/repos/acme/shop/pulls/seven", "", "pull_number"},
		"head without its owner":   {"GET", "/repos/acme/shop/pulls?head=agent/cart", "", "owner:branch"},
		"matching refs in pages":   {"GET", "/repos/acme/shop/git/matching-refs/tags?per_page=100", "", `"per_page"`},
		"a body where none goes":   {"GET", "/repos/acme/shop", `{}`, "body"},
		"no body":                  {"POST", runs, "", "body"},
		"not JSON":                 {"POST", runs, `{"name":`, "JSON"},
		"a member twice":           {"POST", runs, `{` + good + `,"name":"other"}`, "duplicate"},
		"something after the body": {"POST", runs, `{` + good + `}{}`, "JSON"},
		"a missing member":         {"POST", runs, `{"name":"remit"}`, "head_sha"},
		"an unknown member":        {"POST", runs, `{` + good + `,"colour":"red"}`, "/colour"},
		"an unknown member deeper": {"POST", runs, `{` + good + `,"output":{"title":"t","summary":"s","annotations":[{"path":"a","start_line":1,"end_line":1,"annotation_level":"notice","message":"m","line":3}]}}`, "/output/annotations/0/line"},
		"a wrong type":             {"POST", runs, `{"name":1,"head_sha":"x"}`, "/name"},
		"an unknown conclusion":    {"POST", runs, `{` + good + `,"status":"completed","conclusion":"denied"}`, "conclusion"},
		"completed, no conclusion": {"POST", runs, `{` + good + `,"status":"completed"}`, "conclusion: required"},
		"completed at, likewise":   {"POST", runs, `{` + good + `,"completed_at":"2026-11-23T12:00:00Z"}`, "conclusion: required"},
		"concluded while queued":   {"POST", runs, `{` + good + `,"status":"queued","conclusion":"success"}`, "conclusion"},
		"stale":                    {"POST", runs, `{` + good + `,"conclusion":"stale"}`, "stale"},
		"no time":                  {"POST", runs, `{` + good + `,"started_at":"noon"}`, "started_at"},
		"51 annotations":           {"POST", runs, annotations(51), "annotations"},
		"a summary too long":       {"POST", runs, `{` + good + `,"output":{"title":"t","summary":"` + strings.Repeat("é", 65536) + `"}}`, "summary"},
		"a text too long":          {"POST", runs, `{` + good + `,"output":{"title":"t","summary":"s","text":"` + strings.Repeat("x", 65536) + `"}}`, "text"},
		"no title":                 {"POST", runs, `{` + good + `,"output":{"summary":"s"}}`, "title"},
		"columns over two lines":   {"POST", runs, `{` + good + `,"output":{"title":"t","summary":"s","annotations":[{"path":"a","start_line":1,"end_line":2,"start_column":3,"annotation_level":"notice","message":"m"}]}}`, "columns"},
		"lines backwards":          {"POST", runs, `{` + good + `,"output":{"title":"t","summary":"s","annotations":[{"path":"a","start_line":2,"end_line":1,"annotation_level":"notice","message":"m"}]}}`, "lines"},
		"a message too long":       {"POST", runs, `{` + good + `,"output":{"title":"t","summary":"s","annotations":[{"path":"a","start_line":1,"end_line":1,"annotation_level":"notice","message":"` + strings.Repeat("x", 65537) + `"}]}}`, "message"},
		"an unknown state":         {"POST", "/repos/acme/shop/deployments/50/statuses", `{"state":"denied"}`, "state"},
		"a description too long":   {"POST", "/repos/acme/shop/deployments/50/statuses", `{"state":"failure","description":"` + strings.Repeat("x", 141) + `"}`, "description"},
		"a pull request's state":   {"PATCH", "/repos/acme/shop/pulls/7", `{"state":"merged"}`, "state"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := Start(t, shop())
			r := ask(t, d, "app-token", c.method, c.path, c.body)
			failures := d.ForgetFailures()
			if r.status != http.StatusInternalServerError || !strings.Contains(r.body, "githubdouble") {
				t.Errorf("%d %s", r.status, r.body)
			}
			if len(failures) != 1 || !strings.Contains(failures[0], c.want) {
				t.Errorf("failures %q, want one about %s", failures, c.want)
			}
			if d.Journal().Writes() != nil || len(d.State().Repositories[0].CheckRuns) > 0 {
				t.Error("something was written")
			}
		})
	}
	// Near misses of the limits pass.
	d := Start(t, shop())
	ask(t, d, "app-token", "POST", runs, annotations(50)).want(t, 201)
	ask(t, d, "app-token", "POST", runs, `{`+good+`,"output":{"title":"t","summary":"`+strings.Repeat("é", 65535)+`","text":"`+strings.Repeat("x", 65535)+`"}}`).want(t, 201)
	ask(t, d, "app-token", "POST", "/repos/acme/shop/deployments/50/statuses", `{"state":"failure","description":"`+strings.Repeat("x", 140)+`"}`).want(t, 201)
	ask(t, d, "app-token", "GET", "/repos/acme/shop/pulls?head=acme:agent/cart&state=open&page=1&per_page=100", "").want(t, 200, `"number":7`)
}

// A test over a double that failed fails.
func TestFailuresFailTheTest(t *testing.T) {
	fake := &recorder{}
	d := Start(fake, shop())
	ask(t, d, "app-token", "GET", "/nonsense", "")
	fake.end()
	if len(fake.errors) != 1 || !strings.Contains(fake.errors[0], "/nonsense") {
		t.Errorf("errors %q", fake.errors)
	}
	fake = &recorder{}
	Start(fake, shop()).Inject(Fault{Kind: FaultStatus, Status: 502})
	fake.end()
	if len(fake.errors) != 1 || !strings.Contains(fake.errors[0], "never struck") {
		t.Errorf("errors %q", fake.errors)
	}
	fake = &recorder{}
	Start(fake, shop())
	fake.end()
	if len(fake.errors) != 0 {
		t.Errorf("errors %q", fake.errors)
	}
}

// recorder is a test that is looked at.
type recorder struct {
	errors   []string
	cleanups []func()
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...) }
func (r *recorder) Cleanup(f func())                  { r.cleanups = append(r.cleanups, f) }
func (r *recorder) end() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
}

// The double cannot answer what GitHub would not.
func TestRefusesAnswers(t *testing.T) {
	c, err := description()
	if err != nil {
		t.Fatal(err)
	}
	rt, params := c.match("GET", "/repos/acme/shop/git/ref/heads/main")
	if rt == nil || params["ref"] != "heads/main" {
		t.Fatalf("matched %v with %v", rt, params)
	}
	in := &openapi3filter.RequestValidationInput{Request: httptest.NewRequest("GET", "/repos/acme/shop/git/ref/heads/main", nil), PathParams: params, Route: rt.route, Options: options()}
	header := http.Header{"Content-Type": {"application/json"}}
	const good = `{"ref":"refs/heads/main","node_id":"x","url":"https://x.example/","object":{"type":"commit","sha":"cccccccccccccccccccccccccccccccccccccccc","url":"https://x.example/"}}`
	if err := c.response(in, rt, 200, header, []byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		status int
		body   string
	}{
		"missing member":      {200, strings.Replace(good, `"node_id":"x",`, "", 1)},
		"unknown member":      {200, strings.Replace(good, `"node_id":"x",`, `"node_id":"x","colour":"red",`, 1)},
		"unknown member deep": {200, strings.Replace(good, `"type":`, `"kind":"x","type":`, 1)},
		"wrong type":          {200, strings.Replace(good, `"node_id":"x"`, `"node_id":1`, 1)},
		"unknown status":      {204, ""},
		"error without shape": {403, `["no"]`},
	} {
		if c.response(in, rt, x.status, header, []byte(x.body)) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// staleExamples are examples of the description that its own schemas refuse.
var staleExamples = []string{
	"actions/get-pending-deployments-for-run 200 default",
	"pulls/create 201 default",
	"pulls/get 200 default",
	"pulls/list 200 default",
	"pulls/update 200 default",
	"repos/get 200 default-response",
	"repos/get-collaborator-permission-level 200 response-if-user-has-admin-permissions",
	"repos/list-activities 200 default",
	"repos/list-pull-requests-associated-with-commit 200 default",
	"users/get-authenticated 200 response-with-public-and-private-profile-information",
	"users/get-authenticated 200 response-with-public-profile-information",
	"users/get-by-username 200 default-response",
	"users/get-by-username 200 response-with-git-hub-plan-information",
}

// The contract accepts GitHub's documented examples: so it is no stricter than GitHub says it is.
func TestAcceptsDocumentedExamples(t *testing.T) {
	c, err := description()
	if err != nil {
		t.Fatal(err)
	}
	requests, answers := 0, 0
	for _, rt := range c.routes {
		params := map[string]string{}
		for _, segment := range rt.segments {
			if strings.HasPrefix(segment, "{") {
				params[strings.Trim(segment, "{}")] = "1"
			}
		}
		path := "/" + strings.NewReplacer("{", "", "}", "").Replace(strings.Join(rt.segments, "/"))
		in := &openapi3filter.RequestValidationInput{Request: httptest.NewRequest(rt.method, path, nil), PathParams: params, Route: rt.route, Options: options()}
		if body := rt.route.Operation.RequestBody; body != nil {
			for name, example := range body.Value.Content["application/json"].Examples {
				requests++
				text, err := json.Marshal(example.Value.Value)
				if err != nil {
					t.Fatal(err)
				}
				r := httptest.NewRequest(rt.method, path, nil)
				r.Header.Set("Content-Type", "application/json")
				parsed, _, err := c.request(r, rt, params, text)
				if err == nil {
					err = beyondSchema(rt.id, parsed, nil)
				}
				report(t, rt.id+" request "+name, err)
			}
		}
		for code, response := range rt.route.Operation.Responses.Map() {
			media := response.Value.Content["application/json"]
			if media == nil {
				continue
			}
			status := 0
			if _, err := fmt.Sscan(code, &status); err != nil {
				t.Fatal(err)
			}
			for name, example := range media.Examples {
				answers++
				text, err := json.Marshal(example.Value.Value)
				if err != nil {
					t.Fatal(err)
				}
				report(t, rt.id+" "+code+" "+name, c.response(in, rt, status, http.Header{"Content-Type": {"application/json"}}, text))
			}
		}
	}
	if requests < 8 || answers < 30 {
		t.Errorf("only %d requests and %d answers were tried", requests, answers)
	}
}

func report(t *testing.T, what string, err error) {
	t.Helper()
	if stale := slices.Contains(staleExamples, what); stale != (err != nil) {
		t.Errorf("%s: %v (stale: %v)", what, err, stale)
	}
}
