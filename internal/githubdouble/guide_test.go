package githubdouble

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestRulesetsOfGuide: GitHub's own description takes the rulesets that docs/github.md shows, and each asks for the
// check that the action posts for its branch.
func TestRulesetsOfGuide(t *testing.T) {
	page, err := os.ReadFile("../../docs/github.md")
	if err != nil {
		t.Fatal(err)
	}
	c, err := description()
	if err != nil {
		t.Fatal(err)
	}
	const path = "/repos/acme/shop/rulesets"
	if len(c.guides) != 1 {
		t.Fatalf("%d operations of guides", len(c.guides))
	}
	operation, params := c.guides[0], map[string]string{"owner": "acme", "repo": "shop"}
	validate := func(src string) (object, error) {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://api.github.com"+path, strings.NewReader(src))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		body, _, err := c.request(r, operation, params, []byte(src))
		return body, err
	}

	var found []string
	for _, part := range strings.Split(string(page), "\n```json\n")[1:] {
		src, _, _ := strings.Cut(part, "\n```")
		set, err := validate(src)
		if err != nil {
			t.Fatalf("%v\n%s", err, src)
		}
		included := set["conditions"].(object)["ref_name"].(object)["include"].([]any)
		for _, rule := range set["rules"].([]any) {
			if rule := rule.(object); rule["type"] == "required_status_checks" {
				check := rule["parameters"].(object)["required_status_checks"].([]any)[0].(object)
				found = append(found, included[0].(string)+" asks for "+check["context"].(string))
			}
		}
		for _, wrong := range []struct{ this, that string }{
			{`"integration_id": 15368`, `"app_id": 15368`},
			{`"strict_required_status_checks_policy": false,`, ""},
			{`"enforcement": "active",`, ""},
			{`"type": "required_status_checks"`, `"type": "required_checks"`},
		} {
			if !strings.Contains(src, wrong.this) {
				if strings.Contains(src, "required_status_checks") || wrong.this == `"enforcement": "active",` {
					t.Fatalf("no %s in\n%s", wrong.this, src)
				}
				continue // it asks for no check
			}
			if _, err := validate(strings.Replace(src, wrong.this, wrong.that, 1)); err == nil {
				t.Errorf("%s is taken in place of %s", wrong.that, wrong.this)
			}
		}
	}
	want := []string{"~DEFAULT_BRANCH asks for remit", "refs/heads/release/1 asks for remit: release/1"}
	if strings.Join(found, "; ") != strings.Join(want, "; ") {
		t.Errorf("%q, and not %q", found, want)
	}
}
