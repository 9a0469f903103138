package export_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/audittest"
	"github.com/remit-sh/remit/audit/export"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/audit/query"
	"github.com/remit-sh/remit/inert"
)

// exported is the story in a form.
func exported(t *testing.T, form string) (string, []*audit.Entry, *log.Log) {
	t.Helper()
	entries, chains := audittest.Story(t)
	l := audittest.Fill(t, &logtest.Memory{}, entries, chains...)
	r, err := l.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := export.New(form, &out, export.About{Checkpoint: r.Checkpoint(), Key: audittest.Key(t), At: audittest.Start().Add(time.Hour), Asked: "path " + audittest.Hostile, Tool: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	err = query.Each(t.Context(), r, &query.Filter{}, query.Order{OldestFirst: true}, func(f *query.Found) error {
		receipt, err := r.Receipt(t.Context(), f.Index, f.Bytes)
		if err != nil {
			return err
		}
		return w.Add(export.Item{Found: f, Receipt: receipt})
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), entries, l
}

// TestInert: in no form does anything act on a terminal, reorder its neighbours, hide, or begin a CI system's command.
func TestInert(t *testing.T) {
	t.Parallel()
	for _, form := range export.Forms() {
		out, _, _ := exported(t, form)
		if !utf8.ValidString(out) {
			t.Errorf("%s: it is not UTF-8", form)
		}
		for _, r := range out {
			if r != '\n' && !inert.IsVisible(r) && r != ' ' {
				t.Errorf("%s: the character %U is in it", form, r)
				break
			}
		}
		for line := range strings.Lines(out) {
			if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "::") || strings.Contains(line, "##[") || strings.Contains(line, "##vso[") {
				t.Errorf("%s: a command of a CI system: %.100q", form, line)
			}
		}
		if !strings.Contains(out, "alert(1)") {
			t.Errorf("%s: the hostile text is not in it, so that nothing is tested", form)
		}
	}
	if _, err := export.New("csv", io.Discard, export.About{}); err == nil {
		t.Error("a form that is not there")
	}
}

// TestJSONL: each line decodes to its entry, byte for byte, and proves by itself that the entry is in the log.
func TestJSONL(t *testing.T) {
	t.Parallel()
	out, entries, l := exported(t, export.JSONL)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(entries) {
		t.Fatalf("%d lines of %d entries", len(lines), len(entries))
	}
	for i, line := range lines {
		var row struct {
			Index      int64           `json:"index"`
			Sentence   string          `json:"sentence"`
			Attested   bool            `json:"attested"`
			Entry      json.RawMessage `json:"entry"`
			LeafHash   string          `json:"leaf_hash"`
			Digest     string          `json:"digest"`
			Proof      []string        `json:"proof"`
			Checkpoint string          `json:"checkpoint"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		// As docs/audit.md says: the entry, compact, with no escape that JSON does not need.
		leaf := compact(t, row.Entry)
		if want, err := entries[i].Encode(); err != nil || string(leaf) != string(want) || audit.Digest(leaf) != row.Digest {
			t.Fatalf("line %d is another entry: %s\n%s", i, leaf, want)
		}
		c, err := log.OpenCheckpoint([]byte(row.Checkpoint), l.Verifier)
		if err != nil {
			t.Fatal(err)
		}
		var proof tlog.RecordProof
		for _, text := range row.Proof {
			h, err := tlog.ParseHash(text)
			if err != nil {
				t.Fatal(err)
			}
			proof = append(proof, h)
		}
		hash := tlog.RecordHash(leaf)
		if row.LeafHash != hash.String() || row.Index != int64(i) || tlog.CheckRecord(proof, c.Size, c.Hash, row.Index, hash) != nil {
			t.Errorf("line %d proves nothing", i)
		}
		if row.Sentence != entries[i].Sentence() || row.Attested == entries[i].Attestation.IsZero() {
			t.Errorf("line %d: %q, attested %v", i, row.Sentence, row.Attested)
		}
	}
}

// compact is JSON without white space and without escapes that it does not need, its members in their order.
func compact(t *testing.T, raw []byte) []byte {
	t.Helper()
	text := regexp.MustCompile(`(\\ud[89ab][0-9a-f]{2})?\\u[0-9a-f]{4}`).ReplaceAllStringFunc(string(raw), func(esc string) string {
		var s string
		if err := json.Unmarshal([]byte(`"`+esc+`"`), &s); err != nil {
			t.Fatal(err)
		}
		if s[0] < 0x20 {
			return esc
		}
		return s
	})
	return []byte(text)
}

// What the schema of OCSF 1.9 requires of an event of the class API Activity, and the names that it has for what is
// written beside that: objects by the path at which they stand, with what they require, what else they may hold, and
// of which they must hold one at least. See https://schema.ocsf.io/classes/api_activity.
var ocsf = map[string]struct{ required, others, oneOf []string }{
	"": {
		required: []string{"activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint", "time", "type_uid"},
		others: []string{
			"activity_name", "category_name", "class_name", "type_name", "severity", "status", "status_code", "status_detail", "status_id", "timezone_offset",
			"message", "resources", "unmapped", "action", "action_id", "disposition", "disposition_id", "policy", "authorizations", "ai_agent",
		},
	},
	"metadata":              {required: []string{"product", "version"}, others: []string{"profiles", "uid", "event_code", "log_name", "log_provider", "sequence", "original_time", "correlation_uid", "labels"}},
	"metadata.product":      {others: []string{"version"}, required: nil, oneOf: []string{"name", "uid", "vendor_name"}},
	"actor":                 {oneOf: []string{"user"}},
	"actor.user":            {oneOf: []string{"name", "uid"}, others: []string{"type", "type_id"}},
	"api":                   {required: []string{"operation"}, others: []string{"service", "request", "response"}},
	"api.service":           {oneOf: []string{"name", "uid"}},
	"api.request":           {required: []string{"uid"}},
	"api.response":          {others: []string{"message"}},
	"src_endpoint":          {oneOf: []string{"name", "svc_name"}},
	"resources":             {oneOf: []string{"name", "uid"}, others: []string{"type", "role", "role_id"}},
	"policy":                {oneOf: []string{"name", "uid", "type"}, others: []string{"desc", "is_applied"}},
	"authorizations":        {others: []string{"decision", "policy"}},
	"authorizations.policy": {oneOf: []string{"name", "uid", "type"}, others: []string{"desc", "is_applied"}},
	"ai_agent":              {oneOf: []string{"name", "uid"}},
}

func checkOCSF(path string, value any) []string {
	var wrong []string
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			wrong = append(wrong, checkOCSF(path, item)...)
		}
	case map[string]any:
		known, ok := ocsf[path]
		if !ok {
			return []string{"the schema has no object at " + path}
		}
		for _, name := range known.required {
			if v[name] == nil {
				wrong = append(wrong, path+" lacks "+name)
			}
		}
		if len(known.oneOf) > 0 && !slices.ContainsFunc(known.oneOf, func(name string) bool { return v[name] != nil && v[name] != "" }) {
			wrong = append(wrong, fmt.Sprintf("%s has none of %v", path, known.oneOf))
		}
		for name, inner := range v {
			if !slices.Contains(slices.Concat(known.required, known.others, known.oneOf), name) {
				wrong = append(wrong, path+" has the unknown "+name)
			} else if inner == "" || inner == nil {
				wrong = append(wrong, path+"."+name+" is empty")
			}
			if name == "unmapped" {
				continue // holds whatever the schema does not
			}
			switch inner.(type) {
			case []any, map[string]any:
				if name != "profiles" && name != "labels" {
					wrong = append(wrong, checkOCSF(strings.TrimPrefix(path+"."+name, "."), inner)...)
				}
			}
		}
	}
	return wrong
}

// TestOCSF: each line is an event that holds what its class requires, by the names of the schema, and the numbers
// follow from each other.
func TestOCSF(t *testing.T) {
	t.Parallel()
	out, entries, _ := exported(t, export.OCSF)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(entries) {
		t.Fatalf("%d lines of %d entries", len(lines), len(entries))
	}
	number := func(e map[string]any, name string) int {
		n, _ := e[name].(float64)
		return int(n)
	}
	type outcome struct{ activity, severity, status, action, disposition int }
	want := []outcome{
		{3, 1, 1, 1, 1}, {3, 3, 2, 2, 2}, {3, 1, 1, 1, 1}, {3, 1, 1, 1, 1}, {99, 1, 99, 2, 14}, {99, 1, 1, 1, 1}, {3, 3, 2, 2, 2}, {3, 3, 2, 2, 2}, {3, 3, 99, 2, 27},
	}
	for i, line := range lines {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		for _, what := range checkOCSF("", e) {
			t.Errorf("event %d: %s", i, what)
		}
		got := outcome{number(e, "activity_id"), number(e, "severity_id"), number(e, "status_id"), number(e, "action_id"), number(e, "disposition_id")}
		if got != want[i] {
			t.Errorf("event %d: %+v, want %+v", i, got, want[i])
		}
		if number(e, "class_uid") != 6003 || number(e, "category_uid") != 6 || number(e, "type_uid") != 600300+got.activity || int64(number(e, "time")) != entries[i].Time.UnixMilli() {
			t.Errorf("event %d: the numbers of its class, type or time: %v", i, line)
		}
		if e["message"] != entries[i].Sentence() {
			t.Errorf("event %d: %v", i, e["message"])
		}
		meta, _ := e["metadata"].(map[string]any)
		if labels, _ := meta["labels"].([]any); slices.Contains(labels, any("unattested")) != entries[i].Attestation.IsZero() {
			t.Errorf("event %d: labels %v", i, labels)
		}
		if _, agent := e["ai_agent"]; agent != strings.HasPrefix(entries[i].Acts.Items[0].Actor, "agent.") {
			t.Errorf("event %d: an agent: %v", i, agent)
		}
	}
}

// TestOCSFEmpty: an entry without acts, and one where nobody could be named, are events too.
func TestOCSFEmpty(t *testing.T) {
	t.Parallel()
	e := audittest.Entry(t, 1, audittest.Part{})
	e.Acts.Items[0].Actor = ""
	none := audittest.Entry(t, 2, audittest.Part{Observe: true})
	none.Acts = audit.List[audit.Act]{Items: []audit.Act{}}
	none.Verdict = 0
	for name, e := range map[string]*audit.Entry{"nobody": e, "no acts": none} {
		b, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w, err := export.New(export.OCSF, &out, export.About{})
		if err != nil {
			t.Fatal(err)
		}
		item := export.Item{Found: &query.Found{Bytes: b, Entry: e}, Receipt: &log.Receipt{Entry: b, Checkpoint: log.Checkpoint{Origin: "o", Signed: []byte("x")}}}
		if err := w.Add(item); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var event map[string]any
		if err := json.Unmarshal(out.Bytes(), &event); err != nil {
			t.Fatal(err)
		}
		for _, what := range checkOCSF("", event) {
			t.Errorf("%s: %s", name, what)
		}
		if action := event["action_id"]; name == "no acts" && action != 3.0 {
			t.Errorf("a denial that was only observed has the action %v", action)
		}
	}
}

var tag = regexp.MustCompile(`<(/?)([a-z0-9!]+)((?:\s+[a-z-]+(?:="[^"<>]*")?)*)\s*>`)

// TestHTML: the page is one file without a script, whose policy lets nothing but its own style in. Its tags are those
// that we wrote, balanced, and what agents wrote is text.
func TestHTML(t *testing.T) {
	t.Parallel()
	out, entries, _ := exported(t, export.HTML)
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(out)
	if style == nil {
		t.Fatal("it has no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(out)
	if want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"; policy == nil || html.UnescapeString(policy[1]) != want {
		t.Errorf("its policy is %q, want %q", policy, want)
	}
	if !strings.Contains(style[1], "prefers-color-scheme: dark") || !strings.Contains(style[1], "color-scheme: light dark") {
		t.Error("it has no dark style")
	}
	body := strings.Replace(out, style[0], "", 1)
	known := []string{"!doctype", "html", "head", "meta", "title", "body", "main", "h1", "p", "dl", "dt", "dd", "code", "time", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "details", "summary", "ol", "ul", "li"}
	var open []string
	for _, m := range tag.FindAllStringSubmatch(body, -1) {
		switch {
		case !slices.Contains(known, m[2]):
			t.Errorf("the tag %q", m[0])
		case m[2] == "meta" || m[2] == "!doctype":
		case m[1] == "":
			open = append(open, m[2])
		case len(open) == 0 || open[len(open)-1] != m[2]:
			t.Fatalf("%s ends, and open are %v", m[2], open)
		default:
			open = open[:len(open)-1]
		}
		for _, attribute := range regexp.MustCompile(`\s([a-z-]+)(="[^"]*"|$)`).FindAllStringSubmatch(m[3], -1) {
			if !slices.Contains([]string{"lang", "charset", "role", "http-equiv", "content", "name", "scope", "id", "class", "datetime", "html"}, attribute[1]) {
				t.Errorf("the attribute %q of %s", attribute[1], m[2])
			}
		}
	}
	if len(open) > 0 {
		t.Errorf("open at the end: %v", open)
	}
	if rest := tag.ReplaceAllString(body, ""); strings.ContainsAny(rest, "<>") {
		t.Errorf("a tag that is none of ours: %.200q", rest[strings.IndexAny(rest, "<>"):])
	}
	for i, e := range entries {
		if !strings.Contains(html.UnescapeString(body), e.Sentence()) || !strings.Contains(body, fmt.Sprintf(`<th role="rowheader" scope="row" id="entry-%d">%d</th>`, i, i)) {
			t.Errorf("entry %d is not in it", i)
		}
	}
	if n := strings.Count(body, `<span class="mark">unattested</span>`); n != 2 {
		t.Errorf("%d entries are marked as unattested, want 2", n)
	}
	for _, want := range []string{`<th role="columnheader" scope="col">What happened</th>`, "<caption>", `<html lang="en">`, "9 entries listed.", "human.carol"} {
		if !strings.Contains(body, want) {
			t.Errorf("it lacks %q", want)
		}
	}
}
