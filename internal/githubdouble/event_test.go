package githubdouble

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// unpack reads packed JSON of testdata.
func unpack(t *testing.T, file string, into any) []byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
	return text
}

// events makes one event of each kind and action, by the description's name for it.
func events(t *testing.T, d *Double) map[string][]byte {
	t.Helper()
	const shop = "acme/shop"
	review := d.Review(shop, 7, Review{User: "alice", State: "CHANGES_REQUESTED", Body: "no"})
	out := map[string][]byte{}
	d.Change(func(s *Scenario) {
		s.repository(shop).run(900).Status, s.repository(shop).run(900).Conclusion = "completed", "success"
	})
	for kind, actions := range usualActions() {
		for _, action := range actions {
			if action == "closed" {
				d.SetState(shop, 7, "closed", "coder")
			}
			if action == "dismissed" {
				d.Dismiss(shop, 7, review, "alice", "settled")
			}
			e := EventOf{Repository: shop, Action: action}
			switch kind {
			case "pull_request", "pull_request_target":
				e.Number, e.Before, e.From = 7, sha("a"), "other"
			case "pull_request_review":
				e.Number, e.Review = 7, review
			case "workflow_run":
				e.Run = 900
			case "merge_group":
				e.Number, e.After = 7, sha("9")
			case "push":
				e.Ref, e.Before, e.After = "refs/heads/main", sha("0"), sha("b")
			case "deployment":
				e.Deployment, e.Run = 50, 900
			case "workflow_dispatch":
				e.Inputs = map[string]string{"environment": "production"}
			}
			out[webhookName(kind, action)] = d.Event(kind, e)
			if action == "closed" {
				d.SetState(shop, 7, "open", "coder")
			}
		}
	}
	return out
}

// Payloads pass the schemas of octokit/webhooks, which were collected from what GitHub really sent.
func TestEventsFitSchemas(t *testing.T) {
	var raw any
	text := unpack(t, "testdata/webhook-schemas.json.gz", &raw)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	// The library takes {/name} for a mistake.
	compiler.RegisterFormat(&jsonschema.Format{Name: "uri-template", Validate: func(any) error { return nil }})
	if err := compiler.AddResource("webhooks.json", doc); err != nil {
		t.Fatal(err)
	}
	payloads := events(t, Start(t, shop()))
	if len(payloads) != 14 {
		t.Fatalf("%d payloads", len(payloads))
	}
	for name, payload := range payloads {
		t.Run(name, func(t *testing.T) {
			schema, err := compiler.Compile("webhooks.json#/definitions/" + definition(raw.(object), name))
			if err != nil {
				t.Fatal(err)
			}
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
			if err != nil {
				t.Fatal(err)
			}
			forget(value, newer)
			if pull, ok := value.(map[string]any)["pull_request"].(map[string]any); ok {
				// octokit's schemas want a member here that GitHub's description does not have.
				for _, side := range []string{"head", "base"} {
					pull[side].(map[string]any)["repo"].(map[string]any)["custom_properties"] = map[string]any{}
				}
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("%v", err)
			}
			value.(map[string]any)["repository"] = nil
			if schema.Validate(value) == nil {
				t.Error("it would pass without a repository too")
			}
		})
	}
}

// newer are members that GitHub's description has and octokit's schemas do not have yet.
var newer = []string{"user_view_type"}

// forget removes members wherever they stand.
func forget(value any, names []string) {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range names {
			delete(value, name)
		}
		for _, member := range value {
			forget(member, names)
		}
	case []any:
		for _, item := range value {
			forget(item, names)
		}
	}
}

// definition is what octokit's schemas call an event.
func definition(schemas object, name string) string {
	for key := range schemas["definitions"].(object) {
		event, action, ok := strings.Cut(key, "$")
		if ok && strings.ReplaceAll(strings.TrimSuffix(event+"_"+action, "_event"), "_", "-") == name {
			return key
		}
	}
	return "none-for-" + name
}

// Whatever all real examples of an event have, the double's payloads have, of the same type.
func TestEventsLookLikeExamples(t *testing.T) {
	var examples map[string][]object
	unpack(t, "testdata/webhook-examples.json.gz", &examples)
	compared := 0
	for name, payload := range events(t, Start(t, shop())) {
		if len(examples[name]) == 0 {
			continue // some have none
		}
		compared++
		t.Run(name, func(t *testing.T) {
			var ours object
			if err := json.Unmarshal(payload, &ours); err != nil {
				t.Fatal(err)
			}
			var all []map[string]string
			for _, example := range examples[name] {
				all = append(all, shape(example))
			}
			have := shape(ours)
			delete(all[0], "")
			for path, kind := range all[0] {
				if slices.ContainsFunc(all[1:], func(other map[string]string) bool { return other[path] != kind }) {
					continue
				}
				parent := path[:strings.LastIndex(path, "/")]
				if kind == "null" || have[parent] == "null" || have[parent] == "" && parent != "" || slices.Contains(notInEvents, path[strings.LastIndex(path, "/")+1:]) {
					continue
				}
				if have[path] != kind && have[path] != "null" {
					t.Errorf("%s: examples have %s, the double %q", path, kind, have[path])
				}
			}
		})
	}
	if compared < 9 {
		t.Errorf("only %d events have examples", compared)
	}
}

// notInEvents are members that the examples have as they were sent to an app, or that GitHub's
// description does not have.
var notInEvents = []string{"installation", "custom_properties"}

// shape lists every member of a value with its type.
func shape(value any) map[string]string {
	out := map[string]string{}
	var walk func(at string, value any)
	walk = func(at string, value any) {
		kind := "null"
		switch value := value.(type) {
		case object:
			kind = "object"
			for name, member := range value {
				walk(at+"/"+name, member)
			}
		case []any:
			kind = "array"
		case string:
			kind = "string"
		case float64:
			kind = "number"
		case bool:
			kind = "boolean"
		}
		out[at] = kind
	}
	walk("", value)
	return out
}
