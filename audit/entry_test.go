package audit

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func digest(n int) string { return fmt.Sprintf("sha256:%064x", n) }

func commitID(n int) string { return fmt.Sprintf("%040x", n) }

func fixChain() []verdict.Link {
	return []verdict.Link{
		{Delegator: "human.alice", Delegate: "agent.planner", Digest: digest(1), NotAfter: noon.Add(time.Hour), Purpose: "SHOP-1412"},
		{Delegator: "agent.planner", Delegate: "agent.coder", Digest: digest(2), NotAfter: noon.Add(time.Hour), Purpose: "SHOP-1412", Minted: true},
	}
}

func fixReport() *verdict.Report {
	r := &verdict.Report{
		Repository: "github.com/acme/shop", Policy: digest(9), PolicyFrom: "policies.hcl at refs/heads/main", At: noon, AtSource: "the server's clock",
		Acts: []verdict.Act{{
			Kind: "commit", Subject: commitID(1), Ref: "refs/heads/agent/cart", Title: "Fix the cart", Actor: "agent.coder", Key: "SHA256:abc",
			Evidence: "signed by its key", Seen: noon, SeenBy: "the server", Chain: fixChain(),
			Findings: []verdict.Finding{{Rule: "backdated", Effect: verdict.Note, Summary: "never kept", Reason: "never kept", Fix: "never kept"}},
		}},
		Gates: []verdict.Gate{{Name: "production", Needed: 1, Counted: []string{"human.bob"}, Ignored: []verdict.Ignored{{Who: "human.alice", Why: "it is hers"}}}},
	}
	r.Settle()
	return r
}

func fixFacts() Facts {
	return Facts{
		Surface:  "pre-receive",
		Question: Question{Kind: "push", Subject: "refs/heads/agent/cart", Head: commitID(1), Base: commitID(0)},
		Run:      Run{Event: "push", ID: "7", Attempt: 1},
		Paths:    map[string][]string{commitID(1): {"src/cart.go"}},
		Keys:     map[string]string{digest(1): "SHA256:planner", digest(2): "SHA256:abc"}, RootKeys: map[string]string{digest(1): "SHA256:alice"},
	}
}

func made(t testing.TB, r *verdict.Report, f Facts) (*Entry, []byte) {
	t.Helper()
	e, err := New(r, f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(b)
	if err != nil {
		t.Fatalf("what was written is not read: %v\n%s", err, b)
	}
	if twice, err := again.Encode(); err != nil || !bytes.Equal(twice, b) {
		t.Fatalf("read and written again it differs, %v:\n%s\n%s", err, b, twice)
	}
	return e, b
}

// The bytes are what the log hashes, so that a change of them is a change of the format.
func TestBytes(t *testing.T) {
	_, b := made(t, fixReport(), fixFacts())
	want := `{"version":1,"id":"` + Digest([]byte(`["remit audit entry","github.com/acme/shop","pre-receive","push","refs/heads/agent/cart","`+commitID(1)+`","push","7",1,""]`)) + `",` +
		`"time":"2026-11-23T12:00:00Z","time_source":"the server's clock","repository":"github.com/acme/shop","surface":"pre-receive",` +
		`"question":{"kind":"push","subject":"refs/heads/agent/cart","head":"` + commitID(1) + `","base":"` + commitID(0) + `"},` +
		`"run":{"event":"push","id":"7","attempt":1},"verdict":"allow","policy":"` + digest(9) + `","policy_from":"policies.hcl at refs/heads/main",` +
		`"acts":{"items":[{"kind":"commit","subject":"` + commitID(1) + `","ref":"refs/heads/agent/cart","title":"Fix the cart","actor":"agent.coder","key":"SHA256:abc",` +
		`"evidence":"signed by its key","delegation":"` + digest(2) + `","seen":"2026-11-23T12:00:00Z","seen_by":"the server","verdict":"allow",` +
		`"rules":{"items":["backdated"]},"paths":{"items":["src/cart.go"]}}]},` +
		`"chains":{"items":[{"root_key":"SHA256:alice","links":[` +
		`{"delegator":"human.alice","delegate":"agent.planner","key":"SHA256:planner","digest":"` + digest(1) + `","not_after":"2026-11-23T13:00:00Z","purpose":"SHOP-1412"},` +
		`{"delegator":"agent.planner","delegate":"agent.coder","key":"SHA256:abc","digest":"` + digest(2) + `","not_after":"2026-11-23T13:00:00Z","purpose":"SHOP-1412","minted":true}]}]},` +
		`"gates":{"items":[{"name":"production","needed":1,"counted":{"items":["human.bob"]},"ignored":{"items":[{"who":"human.alice","why":"it is hers"}]}}]},` +
		`"rules":{"items":[{"rule":"backdated","effect":"note","count":1}]}}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}

func TestIdentity(t *testing.T) {
	e, _ := made(t, fixReport(), fixFacts())
	for name, c := range map[string]struct {
		change func(r *verdict.Report, f *Facts)
		same   bool
	}{
		"a later time":           {func(r *verdict.Report, _ *Facts) { r.At = r.At.Add(time.Hour) }, true},
		"another verdict":        {func(r *verdict.Report, _ *Facts) { r.Verdict = verdict.Denied }, true},
		"another base":           {func(_ *verdict.Report, f *Facts) { f.Question.Base = commitID(8) }, true},
		"another repository":     {func(r *verdict.Report, _ *Facts) { r.Repository = "github.com/acme/other" }, false},
		"another surface":        {func(_ *verdict.Report, f *Facts) { f.Surface = "action" }, false},
		"another kind":           {func(_ *verdict.Report, f *Facts) { f.Question.Kind = "deploy" }, false},
		"another subject":        {func(_ *verdict.Report, f *Facts) { f.Question.Subject = "refs/heads/main" }, false},
		"another head":           {func(_ *verdict.Report, f *Facts) { f.Question.Head = commitID(8) }, false},
		"another event":          {func(_ *verdict.Report, f *Facts) { f.Run.Event = "tag" }, false},
		"another run":            {func(_ *verdict.Report, f *Facts) { f.Run.ID = "8" }, false},
		"another attempt":        {func(_ *verdict.Report, f *Facts) { f.Run.Attempt = 2 }, false},
		"another job":            {func(_ *verdict.Report, f *Facts) { f.Run.Job = "deploy" }, false},
		"a part moved elsewhere": {func(_ *verdict.Report, f *Facts) { f.Run.Event, f.Run.ID = "pus", "h7" }, false},
	} {
		r, f := fixReport(), fixFacts()
		c.change(r, &f)
		if other, _ := made(t, r, f); (other.ID == e.ID) != c.same {
			t.Errorf("%s: the same identity: %v", name, !c.same)
		}
	}
}

func TestParseIsStrict(t *testing.T) {
	_, b := made(t, fixReport(), fixFacts())
	text := string(b)
	for name, c := range map[string][2]string{
		"another version":       {`"version":1`, `"version":2`},
		"an unknown member":     {`"version":1`, `"version":1,"more":1`},
		"a name twice":          {`"verdict":"allow","policy"`, `"verdict":"allow","verdict":"allow","policy"`},
		"another case":          {`"surface"`, `"Surface"`},
		"an unknown verdict":    {`"verdict":"allow","policy"`, `"verdict":"pass","policy"`},
		"a space":               {`"version":1,`, `"version":1, `},
		"data behind":           {`"count":1}]}}`, `"count":1}]}}{}`},
		"another order":         {`"kind":"push","subject":"refs/heads/agent/cart"`, `"subject":"refs/heads/agent/cart","kind":"push"`},
		"an escape too many":    {`Fix the cart`, `Fix the c\u0061rt`},
		"another zone":          {`"time":"2026-11-23T12:00:00Z"`, `"time":"2026-11-23T13:00:00+01:00"`},
		"no time":               {`"time":"2026-11-23T12:00:00Z"`, `"time":"0001-01-01T00:00:00Z"`},
		"another head":          {`"head":"` + commitID(1), `"head":"` + commitID(2)},
		"a repository's alias":  {`"repository":"github.com/acme/shop"`, `"repository":"github.com/Acme/shop"`},
		"a surface with spaces": {`"surface":"pre-receive"`, `"surface":"pre receive"`},
		"an unknown effect":     {`"effect":"note"`, `"effect":"hint"`},
		"nothing found":         {`"count":1`, `"count":0`},
		"a digest cut off":      {`"policy":"` + digest(9), `"policy":"` + digest(9)[:70]},
		"cut without a digest":  {`"rules":{"items":["backdated"]}`, `"rules":{"items":["backdated"],"cut":1}`},
		"a digest without cut":  {`"rules":{"items":["backdated"]}`, `"rules":{"items":["backdated"],"digest":"` + digest(1) + `"}`},
		"cut by less than none": {`"rules":{"items":["backdated"]}`, `"rules":{"items":["backdated"],"cut":-1,"digest":"` + digest(1) + `"}`},
		"an empty list":         {`"rules":{"items":["backdated"]},"paths"`, `"rules":{"items":[]},"paths"`},
		"an empty text":         {`"title":"Fix the cart"`, `"title":""`},
		"a chain of nothing":    {`"links":[`, `"links":[],"x":[`},
		"a title too long":      {`Fix the cart`, strings.Repeat("x", maxText+1)},
		"an attempt below none": {`"attempt":1`, `"attempt":-1`},
		"bytes, not text":       {`Fix the cart`, "Fix \xff"},
	} {
		if !strings.Contains(text, c[0]) {
			t.Errorf("%s: nothing is changed", name)
		}
		if e, err := Parse([]byte(strings.Replace(text, c[0], c[1], 1))); err == nil || e != nil {
			t.Errorf("%s was read", name)
		} else if !strings.HasPrefix(err.Error(), "reading an audit entry: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse([]byte(text + strings.Repeat(" ", MaxSize))); err == nil || !strings.Contains(err.Error(), "at most 65535") {
		t.Errorf("too long: %v", err)
	}
	if _, err := Parse([]byte(strings.Repeat("[", MaxSize))); err == nil {
		t.Error("deep nesting was read")
	}
	if _, err := Parse([]byte(strings.Replace(text, `Fix the cart`, strings.Repeat("x", maxText), 1))); err != nil {
		t.Errorf("a title just short enough: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(r *verdict.Report, f *Facts){
		"no repository":            func(r *verdict.Report, _ *Facts) { r.Repository = "" },
		"no time":                  func(r *verdict.Report, _ *Facts) { r.At = time.Time{} },
		"a time long ago":          func(r *verdict.Report, _ *Facts) { r.At = time.Unix(-1, 0) },
		"no clock":                 func(r *verdict.Report, _ *Facts) { r.AtSource = "" },
		"no surface":               func(_ *verdict.Report, f *Facts) { f.Surface = "" },
		"no question":              func(_ *verdict.Report, f *Facts) { f.Question.Kind = "" },
		"a delegation's bad name":  func(r *verdict.Report, _ *Facts) { r.Acts[0].Chain[1].Digest = "x" },
		"a delegation of no name":  func(r *verdict.Report, _ *Facts) { r.Acts[0].Chain[0].Digest = "" },
		"an act of no kind":        func(r *verdict.Report, _ *Facts) { r.Acts[0].Kind = "" },
		"a chain without an end":   func(r *verdict.Report, _ *Facts) { r.Acts[0].Chain = make([]verdict.Link, maxLinks+1) },
		"an attempt below none":    func(_ *verdict.Report, f *Facts) { f.Run.Attempt = -1 },
		"a policy without digest":  func(r *verdict.Report, _ *Facts) { r.Policy = "policies.hcl" },
		"a surface that is a text": func(_ *verdict.Report, f *Facts) { f.Surface = "pre receive" },
	} {
		r, f := fixReport(), fixFacts()
		change(r, &f)
		if e, err := New(r, f); err == nil || e != nil {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if e, err := New(nil, fixFacts()); err == nil || e != nil {
		t.Error("no report at all")
	}
	r, f := fixReport(), fixFacts()
	r.Repository, f.Repository = "", "github.com/acme/shop"
	if e, _ := made(t, r, f); e.Repository != f.Repository {
		t.Error("the surface's repository is not taken where the report has none")
	}
}

// Who vouches for an entry is no part of what it is about, and is said whole or not at all.
func TestAttestation(t *testing.T) {
	e, plain := made(t, fixReport(), fixFacts())
	if !e.Attestation.IsZero() || bytes.Contains(plain, []byte("attestation")) {
		t.Errorf("a new entry is vouched for: %s", plain)
	}
	id := e.ID
	for by, ok := range map[Attestation]bool{
		{"oidc", "acme/shop/.github/workflows/remit.yml run 7"}: true, {"hook", ""}: false, {"", "somebody"}: false, {"a word", "somebody"}: false,
		{"hook", strings.Repeat("x", maxName)}: true, {"hook", strings.Repeat("x", maxName+1)}: false,
	} {
		e.Attestation = by
		b, err := e.Encode()
		if (err == nil) != ok {
			t.Errorf("%+v: %v", by, err)
		}
		if got, err := Parse(b); ok && (err != nil || got.Attestation != by || got.ID != id) {
			t.Errorf("%+v: %v", by, err)
		}
	}
	for _, text := range []string{`{"kind":"","by":""}`, `{}`, `null`, `{"kind":"hook","by":"x","more":1}`} {
		b := bytes.Replace(plain, []byte(`"count":1}]}}`), []byte(`"count":1}]},"attestation":`+text+`}`), 1)
		if _, err := Parse(b); err == nil {
			t.Errorf("the attestation %s was read", text)
		}
	}
}

// A verdict that nobody knows is a denial here too.
func TestUnknownVerdictsAreDenials(t *testing.T) {
	r := fixReport()
	r.Verdict, r.Acts[0].Verdict = verdict.Verdict(77), verdict.Verdict(77)
	if e, b := made(t, r, fixFacts()); e.Verdict != verdict.Denied || e.Acts.Items[0].Verdict != verdict.Denied || bytes.Contains(b, []byte("allow")) {
		t.Errorf("%s", b)
	}
}

// What rules say may quote a file that holds a secret.
func TestFindingsLeaveNoText(t *testing.T) {
	r := fixReport()
	r.Findings = []verdict.Finding{{Rule: "x", Effect: verdict.Deny, Summary: "hunter2", Reason: "hunter2", Fix: "hunter2", Path: "hunter2", Location: &verdict.Location{File: "hunter2"}}}
	r.Acts[0].Findings = r.Findings
	r.Nothing = "hunter2"
	if _, b := made(t, r, fixFacts()); bytes.Contains(b, []byte("hunter2")) {
		t.Errorf("%s", b)
	}
}

// A push of 5,000 commits, each with a chain of its own, fits, and says what it left out.
func TestLargePush(t *testing.T) {
	const n = 5000
	r, f := fixReport(), fixFacts()
	r.Acts = nil
	for i := range n {
		a := fixReport().Acts[0]
		a.Subject = commitID(i)
		a.Chain[0].Digest, a.Chain[1].Digest = digest(2*i+1), digest(2*i+2)
		if i == n-1 {
			a.Actor, a.Findings = "agent.other", []verdict.Finding{{Rule: "scope-path", Effect: verdict.Deny}}
		}
		r.Acts = append(r.Acts, a)
		f.Paths[a.Subject] = []string{"src/" + commitID(i)}
	}
	r.Settle()
	e, b := made(t, r, f)
	if len(b) > MaxSize || e.Acts.Len() != n || e.Chains.Len() != n || e.Acts.Cut == 0 || e.Acts.Digest == "" || e.Chains.Digest == "" {
		t.Errorf("%d bytes, %d acts, %d left out, digest %q", len(b), e.Acts.Len(), e.Acts.Cut, e.Acts.Digest)
	}
	if e.Acts.Items[0].Subject != commitID(n-1) || e.ChainOf(&e.Acts.Items[0]) == nil {
		t.Errorf("the act that was denied, or its chain, was left out: %+v", e.Acts.Items[0])
	}
	if len(e.Acts.Items) < 30 || len(e.Chains.Items) < 20 {
		t.Errorf("%d acts and %d chains are kept", len(e.Acts.Items), len(e.Chains.Items))
	}
	if want := []Rule{{"scope-path", "deny", 1}, {"backdated", "note", n - 1}}; fmt.Sprint(e.Rules.Items) != fmt.Sprint(want) {
		t.Errorf("rules: %v", e.Rules.Items)
	}
	digestOf := e.Acts.Digest
	r.Acts[n/2].Title += "!"
	if other, _ := made(t, r, f); other.Acts.Digest == digestOf {
		t.Error("the digest does not tell of what was left out")
	}
}

// Whatever agents write, and however much, there is an entry.
func TestHostileTexts(t *testing.T) {
	for name, hostile := range map[string]string{
		"long": strings.Repeat("x", 70_000), "control characters": strings.Repeat("\x01", 70_000), "not UTF-8": strings.Repeat("\xff", 70_000),
		"wide": strings.Repeat("支", 30_000), "quotes": strings.Repeat(`"\`, 30_000),
	} {
		r, f := fixReport(), fixFacts()
		f.Question.Subject, f.Question.Head, f.Question.Base, f.Question.Environment, f.Question.Nonce = hostile, hostile, hostile, hostile, hostile
		f.Run.Event, f.Run.ID, f.Run.Job = hostile, hostile, hostile
		r.AtSource, r.PolicyFrom = hostile, hostile
		a := &r.Acts[0]
		a.Kind, a.Subject, a.Ref, a.Title, a.Actor, a.Key, a.Evidence, a.SeenBy = hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile
		a.Chain = nil
		for i := range maxLinks {
			a.Chain = append(a.Chain, verdict.Link{Delegator: hostile, Delegate: hostile, Digest: digest(i), NotAfter: noon, Purpose: hostile})
			f.Keys[digest(i)], f.RootKeys[digest(i)] = hostile, hostile
		}
		f.Paths = map[string][]string{hostile: {}}
		for range 100 {
			f.Paths[hostile] = append(f.Paths[hostile], hostile)
			a.Findings = append(a.Findings, verdict.Finding{Rule: hostile[:100], Effect: verdict.Warn})
			r.Gates = append(r.Gates, verdict.Gate{Name: hostile, Counted: []string{hostile}, Ignored: []verdict.Ignored{{Who: hostile, Why: hostile}}})
		}
		for range 9 {
			r.Acts = append(r.Acts, r.Acts[0])
		}
		e, _ := made(t, r, f)
		if len(e.Acts.Items) == 0 || len(e.Chains.Items) == 0 || e.ChainOf(&e.Acts.Items[0]) == nil || len(e.Gates.Items) == 0 {
			t.Errorf("%s: %d acts, %d chains, %d gates are kept", name, len(e.Acts.Items), len(e.Chains.Items), len(e.Gates.Items))
		}
		checkSentence(t, e)
	}
}

// Two names that only differ where they are cut stay two names.
func TestLongNamesStayApart(t *testing.T) {
	long := strings.Repeat("x", 5000)
	f, g := fixFacts(), fixFacts()
	f.Question.Subject, g.Question.Subject = long+"a", long+"b"
	one, _ := made(t, fixReport(), f)
	two, _ := made(t, fixReport(), g)
	if one.ID == two.ID {
		t.Error("they have one identity")
	}
}

func checkSentence(t testing.TB, e *Entry) {
	t.Helper()
	s := e.Sentence()
	if len(s) > 4000 || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) || inert.LineOf(s, 5000) != s {
		t.Errorf("the sentence is not inert, or too long: %q", s)
	}
}

func TestSentence(t *testing.T) {
	deny := []verdict.Finding{{Rule: "scope-path", Effect: verdict.Deny}}
	for want, change := range map[string]func(r *verdict.Report, f *Facts){
		"coder, delegated by planner for alice, changed src/cart.go for SHOP-1412: allowed": func(*verdict.Report, *Facts) {},
		"coder, delegated by planner for alice, changed src/cart.go for SHOP-1412: denied (scope-path)": func(r *verdict.Report, _ *Facts) {
			r.Acts[0].Findings = deny
			r.Settle()
		},
		"coder, delegated by planner for alice, changed src/cart.go for SHOP-1412: denied (scope-path), and nothing was blocked: the policy only observes": func(r *verdict.Report, _ *Facts) {
			r.Acts[0].Findings, r.Observe = deny, true
			r.Settle()
		},
		`planner, delegated by alice, asked to deploy to production for "for \"alice\": allowed\n": waits for approval`: func(r *verdict.Report, f *Facts) {
			a := &r.Acts[0]
			a.Kind, a.Actor, a.Chain = "deploy", "agent.planner", a.Chain[:1]
			a.Chain[0].Purpose, f.Question.Environment = "for \"alice\": allowed\n", "production"
			r.Verdict, a.Verdict = verdict.Waiting, verdict.Waiting
		},
		"alice made 2 commits on refs/heads/agent/cart: allowed": func(r *verdict.Report, f *Facts) {
			f.Paths = nil
			r.Acts[0].Chain, r.Acts[0].Actor = nil, "human.alice"
			r.Acts = append(r.Acts, r.Acts[0])
		},
		"coder and one other, delegated by planner for alice, changed src/cart.go and one more file in 2 commits for SHOP-1412: denied (scope-path)": func(r *verdict.Report, f *Facts) {
			other := r.Acts[0]
			other.Actor, other.Subject = "agent.other", commitID(5)
			f.Paths[commitID(5)] = []string{"src/cart.go", "b"}
			r.Acts = append(r.Acts, other)
			r.Acts[0].Findings = deny
			r.Settle()
		},
		"somebody moved refs/heads/main: could not be decided (history-incomplete)": func(r *verdict.Report, _ *Facts) {
			r.Acts = []verdict.Act{{Kind: "push", Subject: "refs/heads/main"}}
			r.Findings = []verdict.Finding{{Rule: "history-incomplete", Effect: verdict.Undecided}}
			r.Settle()
		},
		"somebody pushed to refs/heads/agent/cart: allowed, and nothing was blocked: no policy was in force": func(r *verdict.Report, f *Facts) {
			r.Acts, f.Bootstrap = nil, true
			r.Settle()
		},
		"coder, delegated by planner for alice, asked to merge pull request 12 on refs/heads/main for SHOP-1412: allowed": func(r *verdict.Report, _ *Facts) {
			r.Acts[0].Kind, r.Acts[0].Subject, r.Acts[0].Ref = "pull_request", "12", "refs/heads/main"
		},
	} {
		r, f := fixReport(), fixFacts()
		change(r, &f)
		e, _ := made(t, r, f)
		if got := e.Sentence(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		checkSentence(t, e)
	}
}

// What is read is written again byte for byte, has the identity that it says, and can be shown.
func FuzzParse(f *testing.F) {
	_, b := made(f, fixReport(), fixFacts())
	f.Add(b)
	f.Add(bytes.Replace(b, []byte(`"cut":`), []byte(`"Cut":`), 1))
	f.Add(bytes.Replace(b, []byte("Fix the cart"), []byte(`\u202e`), 1))
	r := fixReport()
	r.Acts, r.Gates = nil, nil
	_, b = made(f, r, fixFacts())
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Parse(b)
		if err != nil {
			if e != nil {
				t.Error("an error returns an entry")
			}
			return
		}
		again, err := e.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("written again it differs: %v\n%q\n%q", err, b, again)
		}
		if e.ID != e.Identity() {
			t.Error("its id is not its identity")
		}
		checkSentence(t, e)
	})
}

// Whatever texts and numbers a report holds, its entry is within the limits, and is read again.
func FuzzNew(f *testing.F) {
	f.Add("Fix the cart", "refs/heads/main", "src/cart.go", 1, 1)
	f.Add(strings.Repeat("\x00", 400), strings.Repeat("\xff", 2000), strings.Repeat("支", 200), 300, 40)
	f.Fuzz(func(t *testing.T, title, ref, path string, acts, gates int) {
		r, facts := fixReport(), fixFacts()
		facts.Paths = map[string][]string{commitID(1): {path, path + "a", title}}
		facts.Question.Subject, facts.Run.ID = ref, title
		r.Acts[0].Title, r.Acts[0].Ref, r.Acts[0].Actor, r.Acts[0].Chain[1].Purpose = title, ref, path, title
		for range min(max(acts, 0), 2000) {
			r.Acts = append(r.Acts, r.Acts[0])
		}
		r.Gates = nil
		for range min(max(gates, 0), 200) {
			r.Gates = append(r.Gates, verdict.Gate{Name: ref, Counted: []string{title, path}})
		}
		e, b := made(t, r, facts)
		if len(b) > MaxSize || e.Acts.Len() != len(r.Acts) || e.Gates.Len() != len(r.Gates) {
			t.Errorf("%d bytes, %d of %d acts", len(b), e.Acts.Len(), len(r.Acts))
		}
		checkSentence(t, e)
	})
}

// TestSentenceCommand: what one word after another of a sentence says is no CI system's command.
func TestSentenceCommand(t *testing.T) {
	t.Parallel()
	e := Entry{Acts: List[Act]{Items: []Act{{Kind: "tag", Subject: "x ##[error]y ##vso[task.complete]"}}}}
	if s := e.Sentence(); strings.Contains(s, "##") || !strings.Contains(s, "[error]y") {
		t.Errorf("it says %s", s)
	}
}
