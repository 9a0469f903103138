package delegation_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/signing"
)

func TestSign(t *testing.T) {
	d := dt.New("human.alice", "agent.coder")
	d.NotBefore = d.NotBefore.In(time.FixedZone("", 3600))
	l, err := delegation.Sign(d, dt.Signer("human.alice"))
	if err != nil {
		t.Fatal(err)
	}
	c := delegation.Chain{l}
	if p := c.Problems(dt.Repository, 0); len(p) > 0 {
		t.Errorf("a chain just made has problems: %v", p)
	}
	back, err := delegation.ParseBundle(c.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back[0].Delegation, l.Delegation) || back[0].Digest != l.Digest || back.Digest() != l.Digest {
		t.Errorf("signed %+v, read %+v", l, back[0])
	}
}

func TestSignRefuses(t *testing.T) {
	long := make([]pattern.Pattern, 0, 40)
	for i := range 40 {
		long = append(long, dt.Paths(strings.Repeat("a", 900)+strings.Repeat("b", i))...)
	}
	for name, tc := range map[string]struct {
		change func(*delegation.Delegation)
		want   string
	}{
		"another signer's key":        {func(d *delegation.Delegation) { d.Delegator = dt.Party("human.bob") }, "is not the key of human.bob"},
		"no delegator":                {func(d *delegation.Delegation) { d.Delegator = delegation.Party{} }, "the delegator"},
		"no delegate":                 {func(d *delegation.Delegation) { d.Delegate = delegation.Party{} }, "the delegate"},
		"delegate without a key":      {func(d *delegation.Delegation) { d.Delegate.Key = signing.PublicKey{} }, "has no key"},
		"to a human":                  {func(d *delegation.Delegation) { d.Delegate = dt.Party("human.bob") }, "of a kind"},
		"by an app":                   {func(d *delegation.Delegation) { d.Delegator.Name = "app.renovate" }, "of a kind"},
		"to itself":                   {func(d *delegation.Delegation) { d.Delegate.Key = d.Delegator.Key }, "same key"},
		"to a key that is no agent's": {func(d *delegation.Delegation) { d.Delegate.Key = ecdsaKey(t) }, "cannot be an agent's"},
		"parent that is no digest":    {func(d *delegation.Delegation) { d.Parent = "sha256:12" }, "the parent"},
		"repository as URL":           {func(d *delegation.Delegation) { d.Scope.Repositories = []string{"https://github.com/acme/shop"} }, "must be written github.com/acme/shop"},
		"repository in upper case":    {func(d *delegation.Delegation) { d.Scope.Repositories = []string{"github.com/Acme/shop"} }, "must be written"},
		"repository twice":            {func(d *delegation.Delegation) { d.Scope.Repositories = []string{dt.Repository, dt.Repository} }, "twice"},
		"id without a repository":     {func(d *delegation.Delegation) { d.Scope.RepositoryID = 1; d.Scope.Repositories = nil }, "repository_id"},
		"negative id":                 {func(d *delegation.Delegation) { d.Scope.RepositoryID = -1 }, "repository_id"},
		"unknown action":              {func(d *delegation.Delegation) { d.Scope.Actions = []names.Action{"merge"} }, "is not an action"},
		"action twice":                {func(d *delegation.Delegation) { d.Scope.Actions = []names.Action{"tag", "tag"} }, "twice"},
		"empty pattern":               {func(d *delegation.Delegation) { d.Scope.Paths = make([]pattern.Pattern, 1) }, "empty pattern"},
		"pattern twice":               {func(d *delegation.Delegation) { d.Scope.Paths = dt.Paths("a", "a") }, "twice"},
		"too long as a whole":         {func(d *delegation.Delegation) { d.Scope.Paths = long }, "name fewer patterns"},
		"no start":                    {func(d *delegation.Delegation) { d.NotBefore = time.Time{} }, "not_before is missing"},
		"no end":                      {func(d *delegation.Delegation) { d.NotAfter = time.Time{} }, "not_after is missing"},
		"year 2200":                   {func(d *delegation.Delegation) { d.NotAfter = d.NotAfter.AddDate(174, 0, 0) }, "in the year 2200"},
		"year 1999":                   {func(d *delegation.Delegation) { d.NotBefore = d.NotBefore.AddDate(-27, 0, 0) }, "in the year 1999"},
		"fraction of a second":        {func(d *delegation.Delegation) { d.NotAfter = d.NotAfter.Add(1) }, "fraction"},
		"ends when it starts":         {func(d *delegation.Delegation) { d.NotAfter = d.NotBefore }, "not after its start"},
		"negative depth":              {func(d *delegation.Delegation) { d.Scope.Depth = -1 }, "its depth"},
		"depth beyond the limit":      {func(d *delegation.Delegation) { d.Scope.Depth = delegation.MaxDepth + 1 }, "its depth"},
		"no purpose":                  {func(d *delegation.Delegation) { d.Purpose = "" }, "purpose is missing"},
		"purpose of 501 bytes":        {func(d *delegation.Delegation) { d.Purpose = strings.Repeat("x", 501) }, "501 bytes"},
		"purpose of two lines":        {func(d *delegation.Delegation) { d.Purpose = "a\nb" }, "line-breaking"},
		"purpose with bidi":           {func(d *delegation.Delegation) { d.Purpose = "a\u202eb" }, "formatting"},
		"purpose with U+2028":         {func(d *delegation.Delegation) { d.Purpose = "a\u2028b" }, "line-breaking"},
		"purpose with an escape":      {func(d *delegation.Delegation) { d.Purpose = "a\x1bb" }, "control"},
		"purpose that is no UTF-8":    {func(d *delegation.Delegation) { d.Purpose = "a\xffb" }, "not UTF-8"},
		"purpose of a space":          {func(d *delegation.Delegation) { d.Purpose = " " }, "white space"},
		"no nonce":                    {func(d *delegation.Delegation) { d.Nonce = "" }, "nonce"},
		"nonce in upper case":         {func(d *delegation.Delegation) { d.Nonce = strings.Repeat("A", 32) }, "nonce"},
	} {
		t.Run(name, func(t *testing.T) {
			d := dt.New("human.alice", "agent.coder")
			tc.change(&d)
			l, err := delegation.Sign(d, dt.Signer("human.alice"))
			if err == nil || !strings.Contains(err.Error(), tc.want) || l.Envelope != nil {
				t.Errorf("got %v, %v; want an error with %q", l.Digest, err, tc.want)
			}
		})
	}
}

// The near misses of TestSignRefuses.
func TestSignAccepts(t *testing.T) {
	for name, change := range map[string]func(*delegation.Delegation){
		"purpose of 500 bytes":  func(d *delegation.Delegation) { d.Purpose = strings.Repeat("x", 500) },
		"purpose in Greek":      func(d *delegation.Delegation) { d.Purpose = "σκοπός, \"<&>\"" },
		"the deepest":           func(d *delegation.Delegation) { d.Scope.Depth = delegation.MaxDepth },
		"one second":            func(d *delegation.Delegation) { d.NotAfter = d.NotBefore.Add(time.Second) },
		"year 2199":             func(d *delegation.Delegation) { d.NotAfter = d.NotAfter.AddDate(173, 0, 0) },
		"nothing in scope":      func(d *delegation.Delegation) { d.Scope = delegation.Scope{} },
		"repository with id":    func(d *delegation.Delegation) { d.Scope.RepositoryID = 1 << 60 },
		"several repositories":  func(d *delegation.Delegation) { d.Scope.Repositories = []string{"a.b/c/d", "a.b/C/d"} },
		"environments":          func(d *delegation.Delegation) { d.Scope.Environments = dt.Names("staging", "prod-*") },
		"patterns beyond ASCII": func(d *delegation.Delegation) { d.Scope.Paths = dt.Paths("größe/**") },
	} {
		t.Run(name, func(t *testing.T) {
			d := dt.New("human.alice", "agent.coder")
			change(&d)
			l, err := delegation.Sign(d, dt.Signer("human.alice"))
			if err != nil {
				t.Fatal(err)
			}
			back, err := delegation.ParseDelegation(l.Envelope.Payload)
			if err != nil || !bytes.Equal(back.Payload(), l.Envelope.Payload) {
				t.Errorf("reading it back: %v", err)
			}
		})
	}
}

func TestNonce(t *testing.T) {
	a, b := delegation.NewNonce(), delegation.NewNonce()
	if len(a) != 32 || a == b {
		t.Errorf("nonces %q, %q", a, b)
	}
}

func ecdsaKey(t *testing.T) signing.PublicKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ssh.NewPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := signing.ParsePublicKey(pub.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Each attack on the JSON of a statement. The edit is made on a good payload, so that the payload
// differs from an accepted one in this alone.
func TestStatementRefuses(t *testing.T) {
	good := dt.New("agent.planner", "agent.coder")
	good.Parent = "sha256:" + strings.Repeat("0", 64)
	good.Scope.RepositoryID = 4711
	good.Scope.Depth = 2
	payload := string(good.Payload())
	if _, err := delegation.ParseDelegation([]byte(payload)); err != nil {
		t.Fatal(err)
	}
	key, mallory := dt.Key("agent.coder").AuthorizedKey(), dt.Key("agent.mallory").AuthorizedKey()
	for name, tc := range map[string]struct{ old, new, want string }{
		"duplicate name":             {`"purpose":"SHOP-1412"`, `"purpose":"a","purpose":"SHOP-1412"`, "duplicate"},
		"duplicate name, escaped":    {`"purpose":"SHOP-1412"`, `"purpose":"a","purpos\u0065":"SHOP-1412"`, "duplicate"},
		"duplicate scope":            {`"scope":{`, `"scope":{},"scope":{`, "duplicate"},
		"other case":                 {`"paths"`, `"PATHS"`, "unknown"},
		"both cases":                 {`"paths":`, `"Paths":["**"],"paths":`, "unknown"},
		"a letter that folds to s":   {`"paths"`, `"path` + "\u017f" + `"`, "unknown"},
		"unknown name":               {`"parent"`, `"admin":true,"parent"`, "unknown"},
		"unknown name in the scope":  {`"actions"`, `"tags":["**"],"actions"`, "unknown"},
		"unknown name at the top":    {`"subject"`, `"x":1,"subject"`, "unknown"},
		"name with an escape":        {`"nonce"`, `"nonc\u0065"`, "canonical"},
		"value with an escape":       {`"SHOP-1412"`, `"SHOP-141\u0032"`, "canonical"},
		"space":                      {`"nonce":`, `"nonce": `, "canonical"},
		"other order":                {`"repository_id":4711,"actions":["commit","pull_request"]`, `"actions":["commit","pull_request"],"repository_id":4711`, "canonical"},
		"empty list written out":     {`,"depth":2`, `,"environments":[],"depth":2`, "canonical"},
		"null":                       {`,"depth":2`, `,"environments":null,"depth":2`, "canonical"},
		"depth 0 written out":        {`"depth":2`, `"depth":0`, "canonical"},
		"float for an integer":       {`"depth":2`, `"depth":2.0`, "not the JSON"},
		"exponent for an integer":    {`"depth":2`, `"depth":2e0`, "not the JSON"},
		"fraction for an integer":    {`"depth":2`, `"depth":1.9`, "not the JSON"},
		"text for an integer":        {`"depth":2`, `"depth":"2"`, "not the JSON"},
		"integer that overflows":     {`4711`, `9223372036854775808`, "not the JSON"},
		"text for a list":            {`["src/**"]`, `"src/**"`, "not the JSON"},
		"list for a text":            {`"SHOP-1412"`, `["SHOP-1412"]`, "not the JSON"},
		"unpaired surrogate":         {`SHOP-1412`, `\ud800`, "not the JSON"},
		"not UTF-8":                  {`SHOP-1412`, "\xff", "not the JSON"},
		"byte order mark":            {`{"_type"`, "\ufeff" + `{"_type"`, "not the JSON"},
		"statement type":             {`in-toto.io/Statement/v1`, `in-toto.io/Statement/v0.1`, "type is"},
		"predicate type":             {`delegation/v1`, `delegation/v2`, "predicate's type"},
		"predicate of another kind":  {`remit.sh/delegation/v1`, `remit.sh/approval/v1`, "predicate's type"},
		"no subject":                 {payload[strings.Index(payload, `"subject":[`)+11 : strings.Index(payload, `],"predicateType"`)], ``, "0 subjects"},
		"two subjects":               {`"subject":[`, `"subject":[{"name":"agent.x","digest":{"sha256":""}},`, "2 subjects"},
		"subject of another name":    {`"subject":[{"name":"agent.coder"`, `"subject":[{"name":"agent.other"`, "is not the delegate"},
		"delegate of another key":    {key, mallory, "is not the delegate"},
		"delegator missing":          {`"delegator":{"name":"agent.planner"`, `"delegator":{"name":""`, "the delegator"},
		"name with a homoglyph":      {`"delegator":{"name":"agent.planner"`, `"delegator":{"name":"agent.pl` + "\u0430" + `nner"`, "must match"},
		"name in mixed case":         {`"delegator":{"name":"agent.planner"`, `"delegator":{"name":"agent.Planner"`, "must match"},
		"name with bidi":             {`"delegator":{"name":"agent.planner"`, `"delegator":{"name":"agent.planner` + "\u202e" + `"`, "must match"},
		"name with a line break":     {`"delegator":{"name":"agent.planner"`, `"delegator":{"name":"agent.planner\n"`, "must match"},
		"name without a kind":        {`"delegator":{"name":"agent.planner"`, `"delegator":{"name":"planner"`, "its kind"},
		"team as delegator":          {`"delegator":{"name":"agent.planner"`, `"delegator":{"name":"team.planner"`, "of a kind"},
		"key with a comment":         {dt.Key("agent.planner").AuthorizedKey(), dt.Key("agent.planner").AuthorizedKey() + " x", "canonical"},
		"key with options":           {dt.Key("agent.planner").AuthorizedKey(), `no-pty ` + dt.Key("agent.planner").AuthorizedKey(), "the key of"},
		"low-order key":              {dt.Key("agent.planner").AuthorizedKey(), "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "low order"},
		"parent in upper case":       {"sha256:" + strings.Repeat("0", 64), "sha256:" + strings.Repeat("A", 64), "the parent"},
		"parent empty":               {"sha256:" + strings.Repeat("0", 64), "", "canonical"},
		"action unknown":             {`"commit"`, `"Commit"`, "is not an action"},
		"repository as URL":          {`github.com/acme/shop`, `https://github.com/acme/shop.git`, "must be written"},
		"pattern with braces":        {`src/**`, `{a,a}`, "pattern"},
		"pattern that climbs":        {`src/**`, `src/../**`, "pattern"},
		"not_before missing":         {`"not_before":"2026-11-22T14:00:00Z",`, ``, "not_before is missing"},
		"not_after missing":          {`"not_after":"2026-11-22T14:10:00Z",`, ``, "not_after is missing"},
		"year 9999":                  {`2026-11-22T14:10`, `9999-11-22T14:10`, "year 9999"},
		"year 0000":                  {`2026-11-22T14:00`, `0000-11-22T14:00`, "year 0"},
		"time zone":                  {`14:10:00Z`, `14:10:00+00:00`, "must be like"},
		"lower-case z":               {`14:10:00Z`, `14:10:00z`, "must be like"},
		"fraction of a second":       {`14:10:00Z`, `14:10:00.5Z`, "must be like"},
		"leap second":                {`14:10:00Z`, `14:10:60Z`, "must be like"},
		"30 February":                {`2026-11-22T14:10`, `2026-02-30T14:10`, "must be like"},
		"seconds since 1970":         {`"2026-11-22T14:10:00Z"`, `1795356600`, "not the JSON"},
		"purpose with a line break":  {`SHOP-1412`, `a\nb`, "line-breaking"},
		"purpose missing":            {`"purpose":"SHOP-1412",`, ``, "purpose is missing"},
		"nonce missing":              {`,"nonce":"` + good.Nonce + `"`, ``, "nonce"},
		"too large":                  {`SHOP-1412`, strings.Repeat("x", delegation.MaxStatementSize), "at most"},
		"deep nesting":               {`"SHOP-1412"`, strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested deeper"},
		"deep nesting in a new name": {`"nonce"`, `"x":` + strings.Repeat(`{"x":`, 9) + `1` + strings.Repeat("}", 9) + `,"nonce"`, "nested deeper"},
		"nothing":                    {payload, ``, "not the JSON"},
		"null alone":                 {payload, `null`, "type is"},
		"list":                       {payload, `[]`, "not the JSON"},
		"trailing data":              {payload, payload + `{}`, "not the JSON"},
		"trailing newline":           {payload, payload + "\n", "canonical"},
		"trailing NUL":               {payload, payload + "\x00", "not the JSON"},
		"cut short":                  {payload, payload[:len(payload)-1], "not the JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			edited := strings.Replace(payload, tc.old, tc.new, 1)
			if edited == payload {
				t.Fatal("the edit changed nothing")
			}
			d, err := delegation.ParseDelegation([]byte(edited))
			if err == nil || !strings.Contains(err.Error(), tc.want) || !reflect.DeepEqual(d, delegation.Delegation{}) {
				t.Errorf("got %+v, %v; want an error with %q", d, err, tc.want)
			}
			if err != nil && (len(err.Error()) > 500 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r > '~' && r != '…' || r < ' ' })) {
				t.Errorf("the error is not safe to show: %q", err)
			}
		})
	}
}

func TestBundleRefuses(t *testing.T) {
	bundle := string(dt.Bundle(t, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder"}))
	link := bundle[len(`{"version":1,"links":[`) : strings.Index(bundle, `},{"payloadType"`)+1]
	last := strings.LastIndex(bundle, `"payloadType"`)
	for name, tc := range map[string]struct{ edited, want string }{
		"empty":                    {"", "not the JSON"},
		"version 2":                {strings.Replace(bundle, `1`, `2`, 1), "version"},
		"version as float":         {strings.Replace(bundle, `1`, `1.0`, 1), "not the JSON"},
		"no version":               {strings.Replace(bundle, `"version":1,`, ``, 1), "version"},
		"no links":                 {`{"version":1,"links":[]}`, "0 links"},
		"null":                     {`{"version":1,"links":null}`, "0 links"},
		"null link":                {`{"version":1,"links":[null]}`, "link 1"},
		"unknown name":             {strings.Replace(bundle, `"links"`, `"x":0,"links"`, 1), "unknown"},
		"duplicate links":          {strings.Replace(bundle, `"links"`, `"links":[],"links"`, 1), "duplicate"},
		"LINKS":                    {strings.Replace(bundle, `"links"`, `"LINKS"`, 1), "unknown"},
		"trailing data":            {bundle + "{}", "not the JSON"},
		"trailing newline":         {bundle + "\n", "canonical"},
		"space":                    {strings.Replace(bundle, `},{`, `}, {`, 1), "canonical"},
		"order of an envelope":     {reorder(bundle), "canonical"},
		"unknown name in envelope": {strings.Replace(bundle, `"signatures"`, `"x":0,"signatures"`, 1), "link 1"},
		"payload type unknown":     {strings.Replace(bundle, delegation.PayloadType, "application/json", 1), "payload type"},
		"payload type of the leaf": {bundle[:last] + strings.Replace(bundle[last:], delegation.PayloadType, "text/plain", 1), "link 2"},
		"two signatures":           {strings.Replace(bundle, `"signatures":[`, `"signatures":[{"keyid":"","sig":"AA=="},`, 1), "link 1"},
		"no signature":             {strings.Replace(bundle, bundle[strings.Index(bundle, `[{"keyid"`):strings.Index(bundle, `]},{`)+1], `[]`, 1), "link 1"},
		"11 links":                 {`{"version":1,"links":[` + strings.Repeat(link+",", 10) + link + `]}`, "11 links"},
		"10,000 links":             {`{"version":1,"links":[` + strings.Repeat("{},", 9999) + `{}]}`, "10000 links"},
		"10 MiB":                   {`{"version":1,"links":["` + strings.Repeat("x", 10<<20) + `"]}`, "at most"},
		"one byte too many":        {bundle + strings.Repeat(" ", delegation.MaxBundleSize+1-len(bundle)), "at most"},
		"deep nesting":             {`{"version":1,"links":[` + strings.Repeat("[", 30000), "nested deeper"},
		"statement is not one":     {strings.Replace(bundle, `"payload":"eyJ`, `"payload":"W10`, 1), "link 1"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.edited == bundle {
				t.Fatal("the edit changed nothing")
			}
			verified := 0
			c, err := delegation.ParseBundleWith([]byte(tc.edited), func(*signing.Envelope, signing.PublicKey) error {
				verified++
				return nil
			})
			if err == nil || !strings.Contains(err.Error(), tc.want) || c != nil {
				t.Errorf("got %d links, %v; want an error with %q", len(c), err, tc.want)
			}
			if verified > 0 {
				t.Errorf("%d signatures were verified before the bundle was refused", verified)
			}
		})
	}
}

// What is refused for its size costs no more than reading it once.
func TestBundleBoundedWork(t *testing.T) {
	for name, tc := range map[string]struct {
		bundle []byte
		allocs float64 // most
	}{
		"10 MiB":       {bytes.Repeat([]byte("x"), 10<<20), 20},
		"64 KiB of [":  {bytes.Repeat([]byte("["), delegation.MaxBundleSize), 20},
		"10,000 links": {[]byte(`{"version":1,"links":[` + strings.Repeat("{},", 9999) + `{}]}`), 20_000}, // one or two a link
	} {
		got := testing.AllocsPerRun(3, func() {
			if _, err := delegation.ParseBundle(tc.bundle); err == nil {
				t.Errorf("%s: accepted", name)
			}
		})
		if got > tc.allocs {
			t.Errorf("%s: %.0f allocations, at most %.0f expected", name, got, tc.allocs)
		}
	}
}

func TestBundleOfTenLinks(t *testing.T) {
	steps := make([]dt.Step, delegation.MaxLinks)
	for i := range steps {
		steps[i].To = names.Principal("agent.a" + string(rune('0'+i)))
	}
	c := dt.MakeChain(t, "human.alice", steps...)
	if p := c.Problems(dt.Repository, 0); len(p) > 0 || len(c) != 10 {
		t.Errorf("%d links: %v", len(c), p)
	}
}

// A key id is a hint. It may name anybody: what counts is the key that the link names.
func TestKeyIDIsNotTrusted(t *testing.T) {
	c := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.coder"})
	env := *c[0].Envelope
	for _, id := range []string{"", dt.Key("human.bob").Fingerprint(), "human.bob"} {
		env.KeyID = id
		back, err := delegation.ParseBundle(delegation.Chain{{Envelope: &env}}.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if p := back.Problems(dt.Repository, 0); len(p) > 0 {
			t.Errorf("key id %q: %v", id, p)
		}
	}
	// Bob signs for alice and says so in the key id, which hides nothing.
	d := dt.New("human.alice", "agent.coder")
	l := dt.Forge(t, d, dt.Signer("human.bob"))
	l.Envelope.KeyID = dt.Key("human.alice").Fingerprint()
	back, err := delegation.ParseBundle(delegation.Chain{l}.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(back[0].SignatureErr, signing.ErrBadSignature) {
		t.Errorf("signature error %v", back[0].SignatureErr)
	}
	wantProblem(t, back.Problems(dt.Repository, 0), delegation.RuleForged, 0)
}

// A link that was only put together, and one that Forge made, count as forged.
func TestUnverifiedLinkIsForged(t *testing.T) {
	l := dt.Forge(t, dt.New("human.alice", "agent.coder"), dt.Signer("human.alice"))
	wantProblem(t, delegation.Chain{l}.Problems(dt.Repository, 0), delegation.RuleForged, 0)
	var zero delegation.Link
	if p := (delegation.Chain{zero}).Problems("", 0); len(p) == 0 {
		t.Error("the zero link has no problems")
	}
	if l.StateAt(dt.Start(), 0) != delegation.Live || zero.StateAt(dt.Start(), 0) != delegation.WindowUnknown {
		t.Error("the zero link is live")
	}
}

// reorder swaps the first two members of the first envelope.
func reorder(bundle string) string {
	typ := `"payloadType":"` + delegation.PayloadType + `",`
	s := strings.Replace(bundle, typ, "", 1)
	return strings.Replace(s, `,"signatures"`, `,`+strings.TrimSuffix(typ, ",")+`,"signatures"`, 1)
}

func wantProblem(t *testing.T, got []delegation.Problem, rule string, link int) {
	t.Helper()
	if len(got) != 1 || got[0].Rule != rule || got[0].Link != link || got[0].What == "" {
		t.Errorf("got %+v, want one %s in link %d", got, rule, link)
	}
}
