package githubdouble

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed" // the API description
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-json-experiment/json"
)

//go:embed openapi/github.json.gz
var packedDescription []byte

// object is a JSON object.
type object = map[string]any

// contract is GitHub's API description: which requests and responses there may be.
type contract struct {
	doc    *openapi3.T
	raw    object // the same as plain JSON, for [filler]
	routes []*route
	guides []*route // not served: what guides tell to be sent is held to them
}

// ofGuides are the operations that the double does not serve.
func ofGuides() []string { return []string{"repos/create-repo-ruleset"} }

// route is one operation of the description.
type route struct {
	id       string // operationId
	method   string
	segments []string
	route    *routers.Route
	raw      object
}

// description is read once: it never changes, and reading it takes a tenth of a second.
var description = sync.OnceValues(loadContract)

func loadContract() (*contract, error) {
	z, err := gzip.NewReader(bytes.NewReader(packedDescription))
	if err != nil {
		return nil, fmt.Errorf("unpacking the API description: %w", err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("unpacking the API description: %w", err)
	}
	c := &contract{}
	if err := json.Unmarshal(text, &c.raw); err != nil {
		return nil, fmt.Errorf("reading the API description: %w", err)
	}
	correct(c.raw)
	if text, err = json.Marshal(c.raw); err != nil {
		return nil, err
	}
	if c.doc, err = openapi3.NewLoader().LoadFromData(text); err != nil {
		return nil, fmt.Errorf("reading the API description: %w", err)
	}
	for path, item := range c.doc.Paths.Map() {
		for method, operation := range item.Operations() {
			r := &route{
				id: operation.OperationID, method: method, segments: strings.Split(path, "/")[1:],
				route: &routers.Route{Spec: c.doc, Path: path, PathItem: item, Method: method, Operation: operation},
				raw:   c.raw["paths"].(object)[path].(object)[strings.ToLower(method)].(object),
			}
			if slices.Contains(ofGuides(), r.id) {
				c.guides = append(c.guides, r)
				continue
			}
			c.routes = append(c.routes, r)
		}
	}
	// Fixed segments before parameters: .../pulls/1/reviews is no pull request called "1/reviews".
	slices.SortFunc(c.routes, func(a, b *route) int { return strings.Compare(sortKey(a), sortKey(b)) })
	return c, nil
}

func sortKey(r *route) string { return strings.ReplaceAll(strings.Join(r.segments, "/"), "{", "~") }

// correct mends what the description gets wrong about GitHub's own answers.
func correct(raw object) {
	schemas := raw["components"].(object)["schemas"].(object)
	// The repository of a pull request's head is null where the fork was deleted.
	for _, name := range []string{"pull-request", "pull-request-simple"} {
		head := schemas[name].(object)["properties"].(object)["head"].(object)["properties"].(object)
		head["repo"] = object{"nullable": true, "allOf": []any{head["repo"]}}
	}
}

// greedy are the parameters that may hold slashes: names of branches and other refs.
func greedy() []string { return []string{"{ref}", "{branch}"} }

// match finds the operation of a request. Parameters are unescaped.
func (c *contract) match(method, escapedPath string) (*route, map[string]string) {
	parts := strings.Split(strings.TrimPrefix(escapedPath, "/"), "/")
	for _, r := range c.routes {
		if r.method == method {
			if params, ok := matchSegments(r.segments, parts); ok {
				return r, params
			}
		}
	}
	return nil, nil
}

func matchSegments(segments, parts []string) (map[string]string, bool) {
	params := map[string]string{}
	for i, segment := range segments {
		if i >= len(parts) {
			return nil, false
		}
		if slices.Contains(greedy(), segment) { // takes all but what must follow it
			end := len(parts) - (len(segments) - i - 1)
			if end <= i {
				return nil, false
			}
			parts = slices.Concat(parts[:i], []string{strings.Join(parts[i:end], "/")}, parts[end:])
		}
		if !strings.HasPrefix(segment, "{") {
			if parts[i] != segment {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(parts[i])
		if err != nil || value == "" {
			return nil, false
		}
		params[strings.Trim(segment, "{}")] = value
	}
	return params, len(parts) == len(segments)
}

// options of every validation. Requests are authenticated by the double itself.
func options() *openapi3filter.Options {
	o := &openapi3filter.Options{MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}
	o.WithCustomSchemaErrorFunc(func(err *openapi3.SchemaError) string {
		text := fmt.Sprintf("at /%s: %s", strings.Join(err.JSONPointer(), "/"), err.Reason)
		if err.Origin != nil { // what each alternative has against the value
			text += " (" + err.Origin.Error() + ")"
		}
		return text
	})
	return o
}

// request checks a request against the description. Its body is read already, and returned parsed.
func (c *contract) request(r *http.Request, rt *route, params map[string]string, body []byte) (object, *openapi3filter.RequestValidationInput, error) {
	var value any
	if len(body) > 0 {
		if err := json.Unmarshal(body, &value); err != nil {
			return nil, nil, fmt.Errorf("the body is not strict JSON: %w", err)
		}
	}
	in := &openapi3filter.RequestValidationInput{Request: r.Clone(r.Context()), PathParams: params, Route: rt.route, Options: options()}
	in.Request.Body = io.NopCloser(bytes.NewReader(body))
	if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
		return nil, nil, errors.New(oneLine(err))
	}
	for name, values := range r.URL.Query() {
		known := slices.ContainsFunc(rt.route.Operation.Parameters, func(p *openapi3.ParameterRef) bool {
			return p.Value.In == openapi3.ParameterInQuery && p.Value.Name == name
		})
		if !known {
			return nil, nil, fmt.Errorf("the query has %q, which the description does not know", name)
		}
		if len(values) > 1 {
			return nil, nil, fmt.Errorf("the query has %q %d times", name, len(values))
		}
	}
	parsed, _ := value.(object)
	if rt.route.Operation.RequestBody == nil {
		if len(body) > 0 {
			return nil, nil, errors.New("it has a body, and the operation takes none")
		}
		return nil, in, nil
	}
	schema := rt.raw["requestBody"].(object)["content"].(object)["application/json"].(object)["schema"]
	if at := c.unknownMember(schema, value, ""); at != "" {
		return nil, nil, fmt.Errorf("the body has the member %s, which the description does not know", at)
	}
	return parsed, in, nil
}

// everywhere are the refusals that any operation may give although few descriptions list them.
var everywhere = sync.OnceValue(func() map[int]bool {
	return map[int]bool{
		http.StatusUnauthorized: true, http.StatusForbidden: true, http.StatusNotFound: true, http.StatusUnsupportedMediaType: true,
		http.StatusUnprocessableEntity: true, http.StatusTooManyRequests: true, http.StatusMovedPermanently: true,
		http.StatusTemporaryRedirect: true,
	}
})

// response checks an answer of the double itself.
func (c *contract) response(in *openapi3filter.RequestValidationInput, rt *route, status int, header http.Header, body []byte) error {
	if status == http.StatusNotModified && len(body) == 0 {
		return nil
	}
	var value any
	if len(body) > 0 {
		if err := json.Unmarshal(body, &value); err != nil {
			return fmt.Errorf("the body is not strict JSON: %w", err)
		}
	}
	if rt.route.Operation.Responses.Status(status) == nil {
		if !everywhere()[status] {
			return fmt.Errorf("the description has no status %d here", status)
		}
		return c.schema("basic-error").VisitJSON(value)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: header, Options: in.Options}
	out.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		return errors.New(oneLine(err))
	}
	if at := c.unknownMember(c.responseSchema(rt, status), value, ""); at != "" {
		return fmt.Errorf("the body has the member %s, which the description does not know", at)
	}
	return nil
}

func (c *contract) schema(name string) *openapi3.Schema { return c.doc.Components.Schemas[name].Value }

// responseSchema is the raw schema of a response's body, nil where there is none.
func (c *contract) responseSchema(rt *route, status int) any {
	response, _ := rt.raw["responses"].(object)[fmt.Sprint(status)].(object)
	response = c.resolve(response)
	content, _ := response["content"].(object)
	media, _ := content["application/json"].(object)
	return media["schema"]
}

// resolve follows a $ref.
func (c *contract) resolve(node object) object {
	for {
		ref, ok := node["$ref"].(string)
		if !ok {
			return node
		}
		kind, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
		node = c.raw["components"].(object)[kind].(object)[name].(object)
	}
}

// unknownMember finds a member that no schema there speaks of. OpenAPI lets such members pass unless
// told otherwise, GitHub ignores them in requests, and a misspelt one is lost in silence.
func (c *contract) unknownMember(schema, value any, at string) string {
	switch value := value.(type) {
	case object:
		all := c.alternatives(schema)
		closed := false // by a schema that lists members and asks for no others
		for _, s := range all {
			additional, ok := s["additionalProperties"]
			closed = closed || s["properties"] != nil && (!ok || additional == false)
		}
		for name, member := range value {
			var schemas []any
			for _, s := range all {
				if properties, _ := s["properties"].(object); properties[name] != nil {
					schemas = append(schemas, properties[name])
				}
			}
			if closed && len(schemas) == 0 {
				return at + "/" + name
			}
			if found := c.unknownMember(object{"anyOf": schemas}, member, at+"/"+name); found != "" {
				return found
			}
		}
	case []any:
		var items []any
		for _, s := range c.alternatives(schema) {
			if s["items"] != nil {
				items = append(items, s["items"])
			}
		}
		for i, item := range value {
			if found := c.unknownMember(object{"anyOf": items}, item, fmt.Sprintf("%s/%d", at, i)); found != "" {
				return found
			}
		}
	}
	return ""
}

// alternatives are the schemas that a value may have to do with.
func (c *contract) alternatives(schema any) []object {
	node, ok := schema.(object)
	if !ok {
		return nil
	}
	node = c.resolve(node)
	out := []object{node}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		branches, _ := node[key].([]any)
		for _, branch := range branches {
			out = append(out, c.alternatives(branch)...)
		}
	}
	if len(out) > 1 && node["properties"] == nil {
		out = out[1:] // the node itself only joins the others
	}
	return out
}

// oneLine shortens a validation error: its first line says where and what.
func oneLine(err error) string {
	const limit = 600
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	return text
}
