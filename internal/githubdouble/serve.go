package githubdouble

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/go-json-experiment/json"
)

// call is one request while it is served.
type call struct {
	d       *Double
	s       *Scenario // the state that it sees: an older one under FaultStale
	route   *route
	params  map[string]string
	query   url.Values
	body    object
	base    string // URL of the API, as the client wrote it
	token   *Token
	repo    *Repository // of operations() on a repository
	request *http.Request
}

// answer is what a call is answered.
type answer struct {
	status int
	header http.Header
	body   any
}

// written is an answer as bytes.
type written struct {
	status int
	header http.Header
	body   []byte
	fault  *Fault
}

const (
	maxBody        = 1 << 20
	defaultPerPage = 30
	maxPerPage     = 100
	defaultLimit   = 5000 // requests an hour
	docs           = "https://docs.github.com/rest"
)

// ServeHTTP implements [http.Handler].
func (d *Double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		http.Error(w, "unreadable or too long", http.StatusBadRequest)
		return
	}
	out := d.serve(r, body)
	if out.fault != nil && out.fault.Kind == FaultSlow {
		select {
		case <-time.After(out.fault.Delay):
		case <-r.Context().Done():
			return
		}
	}
	for name, values := range out.header {
		w.Header()[name] = values
	}
	w.Header().Set("Date", d.Now().Format(http.TimeFormat))
	text := out.body
	if out.fault != nil && out.fault.Kind == FaultTruncated {
		text = text[:len(text)/2]
	}
	if out.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	}
	w.WriteHeader(out.status)
	if out.fault != nil && out.fault.Kind == FaultCut {
		_, _ = w.Write(text[:len(text)/2]) // the client is about to lose the connection anyway
		if flusher, ok := w.(http.Flusher); ok {
			flusher.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(text) // a client that went away is its own business
}

// serve answers a request and enters it in the journal, as one step.
func (d *Double) serve(r *http.Request, body []byte) written {
	d.mu.Lock()
	defer d.mu.Unlock()
	entry := Entry{At: d.now(), Method: r.Method, Path: r.URL.RequestURI(), Body: bytes.Clone(body)}
	if !entry.Body.IsValid() {
		entry.Body = nil // the journal is JSON
	}
	out := d.answer(r, body, &entry)
	entry.Status = out.status
	entry.NotModified = out.status == http.StatusNotModified
	if out.fault != nil {
		entry.Fault = string(out.fault.Kind)
	}
	d.record(entry)
	return out
}

func (d *Double) answer(r *http.Request, body []byte, entry *Entry) written {
	violation := func(format string, args ...any) written {
		text := fmt.Sprintf("%s %s: ", r.Method, r.URL.RequestURI()) + fmt.Sprintf(format, args...)
		d.failures = append(d.failures, text)
		return write(answer{status: http.StatusInternalServerError, body: object{"message": "githubdouble: " + text}}, nil)
	}
	path := r.URL.EscapedPath()
	prefix := ""
	if rest, ok := strings.CutPrefix(path, "/api/v3/"); ok {
		prefix, path = "/api/v3", "/"+rest
	}
	path = d.byID(path)
	rt, params := d.contract.match(r.Method, path)
	if rt == nil {
		return violation("the double serves no such operation")
	}
	entry.Operation = rt.id
	parsed, in, err := d.contract.request(r, rt, params, body)
	if err == nil {
		err = beyondSchema(rt.id, parsed, r.URL.Query())
	}
	if err != nil {
		return violation("request: %v", err)
	}
	c := &call{d: d, s: d.state, route: rt, params: params, query: r.URL.Query(), body: parsed, base: "http://" + r.Host + prefix, request: r}
	a, fault := d.dispatch(c, entry)
	if c.token != nil {
		entry.Token = c.token.User + c.token.App
	}
	return d.finish(c, a, fault, in, violation)
}

// byID turns /repositories/ID/…, which GitHub's own links use, into /repos/OWNER/NAME/….
func (d *Double) byID(path string) string {
	rest, ok := strings.CutPrefix(path, "/repositories/")
	if !ok {
		return path
	}
	id, rest, deeper := strings.Cut(rest, "/")
	r := find(d.state.Repositories, func(r *Repository) bool { return fmt.Sprint(r.ID) == id })
	if r == nil {
		return path
	}
	if deeper {
		rest = "/" + rest
	}
	return "/repos/" + r.Name + rest
}

// dispatch decides who asks, whether they may, what goes wrong, and the answer.
func (d *Double) dispatch(c *call, entry *Entry) (answer, *Fault) {
	if refusal := c.identify(); refusal != nil {
		return *refusal, nil
	}
	op := operations()[c.route.id]
	fault := d.strike(c)
	if fault != nil && !op.write && fault.Kind == FaultStale {
		back := min(max(fault.Back, 1), len(d.history))
		if back > 0 {
			c.s = d.history[len(d.history)-back]
		}
	}
	refused := answer{}
	if fault != nil {
		refused = c.refusedByFault(fault)
	}
	if refused.status != 0 && !fault.Applied {
		return refused, fault
	}
	if refusal := c.authorise(op); refusal != nil {
		return *refusal, fault
	}
	var before *Scenario
	if op.write {
		var err error
		if before, err = d.state.clone(); err != nil {
			return c.refuse(http.StatusInternalServerError, err.Error()), nil
		}
	}
	a := op.serve(c)
	switch {
	case op.write && a.status < 300:
		entry.Write = true
		d.remember(before)
	case op.write: // refused half-way: nothing of it stays
		d.state = before
	}
	if refused.status != 0 {
		a = refused
	}
	if fault != nil && (fault.Kind == FaultShort || fault.Kind == FaultNoLink) {
		a.header.Del("Link")
		if fault.Kind == FaultShort {
			a.body = half(a.body)
		}
	}
	return a, fault
}

// half drops the second half of a page.
func half(body any) any {
	switch body := body.(type) {
	case []object:
		return body[:len(body)/2]
	case object:
		for name, member := range body {
			if list, ok := member.([]object); ok {
				body[name] = list[:len(list)/2]
			}
		}
	}
	return body
}

func (c *call) refusedByFault(f *Fault) answer {
	wait := func(a answer, seconds int) answer {
		if seconds > 0 {
			a.header.Set("Retry-After", strconv.Itoa(seconds))
		}
		return a
	}
	switch f.Kind {
	case FaultStatus:
		return wait(c.refuse(f.Status, http.StatusText(f.Status)), f.RetryAfter)
	case FaultSecondary:
		a := c.refuse(http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
		a.body.(object)["documentation_url"] = docs + "/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
		seconds := f.RetryAfter
		if seconds == 0 {
			seconds = 60
		}
		return wait(a, seconds)
	case FaultExhausted:
		return c.exhausted()
	default: // the request is served, and the answer spoilt
		return answer{}
	}
}

func (c *call) exhausted() answer {
	a := c.refuse(http.StatusForbidden, "API rate limit exceeded for "+c.actor().Login+".")
	a.body.(object)["documentation_url"] = docs + "/overview/rate-limits-for-the-rest-api"
	a.header.Set("X-Ratelimit-Remaining", "0")
	return a
}

// finish completes an answer by the description, checks it, and answers 304 where the client has it.
func (d *Double) finish(c *call, a answer, fault *Fault, in *openapi3filter.RequestValidationInput, violation func(string, ...any) written) written {
	f := filler{contract: d.contract, base: c.base, now: d.now()}
	if schema := d.contract.responseSchema(c.route, a.status); schema != nil {
		a.body = f.fill(schema, a.body)
	}
	out := write(a, fault)
	injected := fault != nil && a.status >= http.StatusInternalServerError
	if !injected {
		if err := d.contract.response(in, c.route, out.status, out.header, out.body); err != nil {
			return violation("the double's own answer %d: %v", out.status, err)
		}
	}
	if c.request.Method == http.MethodGet && out.status == http.StatusOK {
		etag := fmt.Sprintf(`W/"%x"`, sha256.Sum256(append([]byte(out.header.Get("Link")), out.body...)))
		out.header.Set("Etag", etag)
		out.header.Set("Cache-Control", "private, max-age=60, s-maxage=60")
		if slices.Contains(splitList(c.request.Header.Get("If-None-Match")), etag) {
			out.status, out.body = http.StatusNotModified, nil
			out.header.Del("Content-Type")
			out.header.Del("Content-Length")
		}
	}
	if c.token != nil {
		if out.status != http.StatusNotModified {
			d.used[c.token.Value]++
		}
		for name, values := range c.limits() {
			if out.header.Get(name) == "" { // a fault may have its own
				out.header[name] = values
			}
		}
	}
	return out
}

// limits are the headers about the primary rate limit.
func (c *call) limits() http.Header {
	h := http.Header{}
	if c.token == nil {
		return h
	}
	limit, used := c.limit(), c.d.used[c.token.Value]
	h.Set("X-Ratelimit-Limit", strconv.Itoa(limit))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(max(limit-used, 0)))
	h.Set("X-Ratelimit-Used", strconv.Itoa(used))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(c.d.reset.Unix(), 10))
	h.Set("X-Ratelimit-Resource", "core")
	return h
}

func (c *call) limit() int {
	if c.token.Limit > 0 {
		return c.token.Limit
	}
	return defaultLimit
}

func write(a answer, fault *Fault) written {
	out := written{status: a.status, header: a.header, fault: fault}
	if out.header == nil {
		out.header = http.Header{}
	}
	if a.body != nil {
		text, err := json.Marshal(a.body, json.Deterministic(true))
		if err != nil { // a value that no schema has: a mistake of the double's
			out.status, text = http.StatusInternalServerError, []byte(`{"message":"githubdouble: unwritable answer"}`)
		}
		out.body = text
		out.header.Set("Content-Type", "application/json; charset=utf-8")
	}
	out.header.Set("X-Github-Media-Type", "github.v3; format=json")
	out.header.Set("X-Github-Request-Id", "0000:0000:0000000:0000000:00000000")
	return out
}

func splitList(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		out = append(out, strings.TrimSpace(part))
	}
	return out
}

func ok(body any) answer { return answer{status: http.StatusOK, header: http.Header{}, body: body} }

func created(body any, location string) answer {
	a := answer{status: http.StatusCreated, header: http.Header{}, body: body}
	a.header.Set("Location", location)
	return a
}

func (c *call) refuse(status int, message string) answer {
	return answer{status: status, header: http.Header{}, body: object{
		"message": message, "documentation_url": docs, "status": strconv.Itoa(status),
	}}
}

func (c *call) notFound() answer { return c.refuse(http.StatusNotFound, "Not Found") }

// invalid is a 422 about one member of a pull request's body.
func (c *call) invalid(field, code, message string) answer {
	a := c.refuse(http.StatusUnprocessableEntity, "Validation Failed")
	problem := object{"resource": "PullRequest", "code": code}
	if field != "" {
		problem["field"] = field
	}
	if message != "" {
		problem["message"] = message
	}
	a.body.(object)["errors"] = []object{problem}
	delete(a.body.(object), "status")
	return a
}

func (c *call) unprocessable(message string) answer {
	a := c.refuse(http.StatusUnprocessableEntity, message)
	delete(a.body.(object), "status")
	return a
}

// page answers with the page of a list that the query asks for.
func (c *call) page(items []object) answer {
	here, link := c.cut(items)
	a := ok(here)
	if link != "" {
		a.header.Set("Link", link)
	}
	return a
}

func (c *call) cut(items []object) ([]object, string) {
	size, page := c.perPage(), c.number("page", 1)
	last := max((len(items)+size-1)/size, 1)
	from := min((page-1)*size, len(items))
	to := min(from+size, len(items))
	var links []string
	add := func(rel string, n int) {
		q := c.request.URL.Query()
		q.Set("page", strconv.Itoa(n))
		links = append(links, fmt.Sprintf(`<%s?%s>; rel=%q`, c.self(), q.Encode(), rel))
	}
	if page > 1 {
		add("prev", min(page-1, last))
	}
	if page < last {
		add("next", page+1)
		add("last", last)
	}
	if page > 1 {
		add("first", 1)
	}
	return append([]object{}, items[from:to]...), strings.Join(links, ", ")
}

// self is this request's URL as GitHub writes it in links: by the repository's id.
func (c *call) self() string {
	path := strings.TrimPrefix(c.request.URL.EscapedPath(), "/api/v3")
	if rest, ok := strings.CutPrefix(path, "/repos/"); ok && c.repo != nil {
		parts := strings.SplitN(rest, "/", 3)
		path = fmt.Sprintf("/repositories/%d/%s", c.repo.ID, parts[len(parts)-1])
	}
	return c.base + path
}

func (c *call) perPage() int { return min(c.number("per_page", defaultPerPage), maxPerPage) }

// number reads a number of the query; GitHub takes what is not positive for absent.
func (c *call) number(name string, otherwise int) int {
	n, err := strconv.Atoi(c.query.Get(name))
	if err != nil || n < 1 {
		return otherwise
	}
	return n
}

func (c *call) id(param string) int64 {
	n, err := strconv.ParseInt(c.params[param], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// text reads a string of the body.
func (c *call) text(name string) string {
	s, _ := c.body[name].(string)
	return s
}

// flag reads a boolean of the body.
func (c *call) flag(name string, otherwise bool) bool {
	if b, ok := c.body[name].(bool); ok {
		return b
	}
	return otherwise
}

// moment reads a time of the body; the description has made sure that it is one.
func (c *call) moment(name string) time.Time {
	t, err := time.Parse(time.RFC3339, c.text(name))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
