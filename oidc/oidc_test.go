package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log/logtest"
)

var noon = logtest.Noon

// The keys of tests are always the same, so that what the fuzzer has found keeps its meaning.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	p, _ := new(big.Int).SetString("c8c7856fe112dd6391c790a1b39711436a273bf91ab01c97127ba15e7573c970f8ab24985dd86a5167d0fbf613c080af889c"+
		"ddda3616383cfc877e617d652e1e52d972ae1f961e171408f050fdc318997a47d7ebecdf903bb55656ca664ea5afa5401b75"+
		"99c960b525aa5ff16c564fe3ca70260d535c025d904703d6bef200c7", 16)
	q, _ := new(big.Int).SetString("ea5c6840981eb3df548fbb4764ab73e1f2b03c9fdbbccd3841648414897cdc8986276af4f855eede3aedf48b13345d3bdb0a"+
		"3a8b6beb9291f1357119042c4a6915ec667a27c741e276b3f802ad76d8caf9f9c209e4641d8427d9716b0625db3fd25438e5"+
		"45f62bba0c0c7858c51cdec03a24b917f8d8bc2de0a8c26b57a92e4b", 16)
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, Primes: []*big.Int{p, q}}
	k.D = new(big.Int).ModInverse(big.NewInt(int64(k.E)), phi)
	k.Precompute()
	if err := k.Validate(); err != nil {
		panic(err)
	}
	return k
})

var ecKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	seed := sha256.Sum256([]byte("issuer"))
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		panic(err)
	}
	return k
})

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func jwk(id string, k any) map[string]any {
	switch k := k.(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	case *ecdsa.PublicKey:
		raw, err := k.Bytes()
		if err != nil {
			panic(err)
		}
		return map[string]any{"kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": id, "x": b64(raw[1:33]), "y": b64(raw[33:])}
	}
	panic("no key")
}

func jwks(keys ...map[string]any) []byte { return encode(map[string]any{"keys": keys}) }

func encode(v any) []byte {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic(err)
	}
	return b
}

func issuer(t testing.TB) Issuer {
	t.Helper()
	keys, err := ParseKeys(jwks(jwk("rsa", &rsaKey().PublicKey), jwk("ec", &ecKey().PublicKey)))
	if err != nil {
		t.Fatal(err)
	}
	return Issuer{URL: GitHub, Host: "github.com", Keys: keys}
}

// rawToken signs any header and payload.
func rawToken(header, payload []byte, key any) string {
	signed := b64(header) + "." + b64(payload)
	sum := sha256.Sum256([]byte(signed))
	var sig []byte
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		sig, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
	case *ecdsa.PrivateKey:
		var r, s *big.Int
		if r, s, err = ecdsa.Sign(rand.Reader, k, sum[:]); err == nil {
			sig = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	case []byte:
		mac := hmac.New(sha256.New, k)
		mac.Write([]byte(signed))
		sig = mac.Sum(nil)
	}
	if err != nil {
		panic(err)
	}
	return signed + "." + b64(sig)
}

func header(alg, kid string) []byte {
	return encode(map[string]any{"alg": alg, "kid": kid, "typ": "JWT"})
}

const workflow = "acme/shop/.github/workflows/remit.yml@refs/heads/main"

// github is what github.com says of a run, with changes; a nil value takes a claim out.
func github(audience string, changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": GitHub, "aud": audience, "sub": "repo:acme/shop:ref:refs/heads/main", "jti": "f6e0",
		"iat": noon.Unix(), "nbf": noon.Add(-10 * time.Minute).Unix(), "exp": noon.Add(5 * time.Minute).Unix(),
		"repository": "Acme/shop", "repository_id": "74", "repository_owner": "acme", "repository_owner_id": "65",
		"workflow_ref": "Acme/shop/.github/workflows/remit.yml@refs/heads/main", "job_workflow_ref": "Acme/shop/.github/workflows/remit.yml@refs/heads/main",
		"sha": strings.Repeat("a", 40), "ref": "refs/heads/main", "event_name": "pull_request_target",
		"run_id": "7", "run_attempt": "1", "runner_environment": "github-hosted", "actor": "coder-bot",
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func issued(audience string, changes map[string]any) string {
	return rawToken(header("RS256", "rsa"), encode(github(audience, changes)), rsaKey())
}

func want(audience string) Want { return Want{Audience: audience, At: noon, Skew: time.Minute} }

func TestVerify(t *testing.T) {
	for _, token := range []string{
		issued("me", nil),
		rawToken(header("ES256", "ec"), encode(github("me", nil)), ecKey()),
	} {
		got, err := Verify(token, issuer(t), want("me"))
		if err != nil {
			t.Fatal(err)
		}
		expect := Token{
			Issuer: GitHub, Audience: "me", Subject: "repo:acme/shop:ref:refs/heads/main", IssuedAt: noon, Expires: noon.Add(5 * time.Minute),
			Repository: "github.com/acme/shop", RepositoryID: "74", OwnerID: "65",
			Workflow: "Acme/shop/.github/workflows/remit.yml@refs/heads/main", JobWorkflow: "Acme/shop/.github/workflows/remit.yml@refs/heads/main",
			SHA: strings.Repeat("a", 40), Ref: "refs/heads/main", Event: "pull_request_target", RunID: "7", RunAttempt: 1,
		}
		if *got != expect {
			t.Errorf("got  %+v\nwant %+v", *got, expect)
		}
	}
}

// What is taken stands beside what is one step further and is not.
func TestClaims(t *testing.T) {
	for name, c := range map[string]struct {
		changes map[string]any
		ok      bool
		is      error
	}{
		"one audience in a list":        {changes: map[string]any{"aud": []string{"me"}}, ok: true},
		"two audiences":                 {changes: map[string]any{"aud": []string{"me", "you"}}},
		"no audience in a list":         {changes: map[string]any{"aud": []string{}}},
		"another audience":              {changes: map[string]any{"aud": "you"}, is: ErrAudience},
		"an audience that begins so":    {changes: map[string]any{"aud": "me2"}, is: ErrAudience},
		"no audience":                   {changes: map[string]any{"aud": nil}},
		"another issuer":                {changes: map[string]any{"iss": GitHub + "/acme"}},
		"no issuer":                     {changes: map[string]any{"iss": nil}},
		"ends within the skew":          {changes: map[string]any{"exp": noon.Add(-59 * time.Second).Unix(), "iat": noon.Add(-6 * time.Minute).Unix()}, ok: true},
		"ended at the skew":             {changes: map[string]any{"exp": noon.Add(-time.Minute).Unix(), "iat": noon.Add(-6 * time.Minute).Unix()}, is: ErrExpired},
		"begins within the skew":        {changes: map[string]any{"iat": noon.Add(time.Minute).Unix()}, ok: true},
		"begins after the skew":         {changes: map[string]any{"iat": noon.Add(61 * time.Second).Unix()}},
		"not before within the skew":    {changes: map[string]any{"nbf": noon.Add(time.Minute).Unix()}, ok: true},
		"not before after the skew":     {changes: map[string]any{"nbf": noon.Add(61 * time.Second).Unix()}},
		"without not before":            {changes: map[string]any{"nbf": nil}, ok: true},
		"lives an hour":                 {changes: map[string]any{"exp": noon.Add(time.Hour).Unix()}, ok: true},
		"lives longer":                  {changes: map[string]any{"exp": noon.Add(time.Hour + time.Second).Unix()}},
		"ends before it begins":         {changes: map[string]any{"exp": noon.Add(-time.Second).Unix()}},
		"never ends":                    {changes: map[string]any{"exp": nil}},
		"ends at a fraction":            {changes: map[string]any{"exp": float64(noon.Add(time.Minute).Unix()) + 0.5}},
		"ends at a text":                {changes: map[string]any{"exp": fmt.Sprint(noon.Add(time.Minute).Unix())}},
		"has no time":                   {changes: map[string]any{"iat": nil}},
		"no repository":                 {changes: map[string]any{"repository": nil}},
		"a repository with three parts": {changes: map[string]any{"repository": "acme/shop/x"}},
		"a repository on another host":  {changes: map[string]any{"repository": "evil.example:acme/shop"}},
		"a repository that climbs":      {changes: map[string]any{"repository": "../shop"}},
		"no id":                         {changes: map[string]any{"repository_id": nil}},
		"no workflow":                   {changes: map[string]any{"workflow_ref": nil}},
		"no workflow of the job":        {changes: map[string]any{"job_workflow_ref": nil}, ok: true},
		"no run":                        {changes: map[string]any{"run_id": nil}},
		"a run that is a number":        {changes: map[string]any{"run_id": 7}},
		"attempt nought":                {changes: map[string]any{"run_attempt": "0"}},
		"attempt two":                   {changes: map[string]any{"run_attempt": "2"}, ok: true},
		"attempt written otherwise":     {changes: map[string]any{"run_attempt": "+1"}},
		"a long claim":                  {changes: map[string]any{"sha": strings.Repeat("a", 1025)}},
		"a claim that is new":           {changes: map[string]any{"enterprise_id": "1"}, ok: true},
	} {
		token, err := Verify(issued("me", c.changes), issuer(t), want("me"))
		if (err == nil) != c.ok || (token == nil) == c.ok || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestForged(t *testing.T) {
	payload := encode(github("me", nil))
	good := issued("me", nil)
	parts := strings.Split(good, ".")
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	withKey := encode(map[string]any{"alg": "RS256", "kid": "mine", "jwk": jwk("mine", &other.PublicKey)})
	trailing := parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-1] + string(parts[2][len(parts[2])-1]+1)
	for name, token := range map[string]string{
		"another's key":               rawToken(header("RS256", "rsa"), payload, other),
		"the other key of the issuer": rawToken(header("ES256", "rsa"), payload, ecKey()),
		"under the id of another key": rawToken(header("RS256", "ec"), payload, rsaKey()),
		"under an unknown id":         rawToken(header("RS256", "new"), payload, rsaKey()),
		"without an id":               rawToken(encode(map[string]any{"alg": "RS256"}), payload, rsaKey()),
		"brings its key along":        rawToken(withKey, payload, other),
		"alg none":                    b64(header("none", "rsa")) + "." + b64(payload) + ".",
		"alg none, signed":            rawToken(header("none", "rsa"), payload, rsaKey()),
		"HMAC by the public key":      rawToken(header("HS256", "rsa"), payload, spki),
		"alg RS512":                   rawToken(header("RS512", "rsa"), payload, rsaKey()),
		"alg EdDSA":                   rawToken(header("EdDSA", "rsa"), payload, rsaKey()),
		"no signature":                parts[0] + "." + parts[1] + ".",
		"detached":                    parts[0] + ".." + parts[2],
		"other claims":                parts[0] + "." + b64(encode(github("me", map[string]any{"run_id": "8"}))) + "." + parts[2],
		"bits behind the signature":   trailing,
		"a line break":                parts[0] + "." + parts[1] + ".\n" + parts[2],
		"padding":                     good + "=",
		"a space before":              " " + good,
		"four parts":                  good + ".x",
		"as JSON":                     `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"critical":                    rawToken([]byte(`{"alg":"RS256","kid":"rsa","crit":["exp"],"exp":1}`), payload, rsaKey()),
		"b64":                         rawToken([]byte(`{"alg":"RS256","kid":"rsa","b64":true}`), payload, rsaKey()),
		"another type":                rawToken([]byte(`{"alg":"RS256","kid":"rsa","typ":"dpop+jwt"}`), payload, rsaKey()),
		"kid twice":                   rawToken([]byte(`{"alg":"RS256","kid":"ec","kid":"rsa"}`), payload, rsaKey()),
		"a claim twice":               rawToken(header("RS256", "rsa"), append([]byte(`{"aud":"you",`), payload[1:]...), rsaKey()),
		"not JSON":                    rawToken(header("RS256", "rsa"), []byte("me"), rsaKey()),
		"too long":                    issued("me", map[string]any{"x": strings.Repeat("x", MaxToken)}),
		"nothing":                     "",
	} {
		if got, err := Verify(token, issuer(t), want("me")); err == nil || got != nil {
			t.Errorf("%s: it was believed", name)
		} else if len(token) > 100 && strings.Contains(err.Error(), token[len(token)-60:]) {
			t.Errorf("%s: the error repeats the token: %v", name, err)
		}
	}
	if _, err := Verify(good, issuer(t), want("me")); err != nil {
		t.Errorf("the token that they are made from: %v", err)
	}
	if _, err := Verify(rawToken(header("RS256", "new"), payload, rsaKey()), issuer(t), want("me")); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("an unknown id: %v", err)
	}
}

// What was left out takes nothing.
func TestZeroValues(t *testing.T) {
	good, all := issued("me", nil), issuer(t)
	for name, f := range map[string]func() (*Token, error){
		"no issuer": func() (*Token, error) { return Verify(good, Issuer{Keys: all.Keys}, want("me")) },
		"no host":   func() (*Token, error) { return Verify(good, Issuer{URL: GitHub, Keys: all.Keys}, want("me")) },
		"no keys":   func() (*Token, error) { return Verify(good, Issuer{URL: GitHub, Host: "github.com"}, want("me")) },
		"empty keys": func() (*Token, error) {
			return Verify(good, Issuer{URL: GitHub, Host: "github.com", Keys: &Keys{}}, want("me"))
		},
		"no audience": func() (*Token, error) { return Verify(issued("", nil), all, Want{At: noon}) },
		"no time":     func() (*Token, error) { return Verify(good, all, Want{Audience: "me"}) },
		"skew":        func() (*Token, error) { return Verify(good, all, Want{Audience: "me", At: noon, Skew: MaxSkew + 1}) },
		"less skew":   func() (*Token, error) { return Verify(good, all, Want{Audience: "me", At: noon, Skew: -1}) },
	} {
		if token, err := f(); err == nil || token != nil {
			t.Errorf("%s: it was believed", name)
		}
	}
}

func TestParseKeys(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good := jwk("rsa", &rsaKey().PublicKey)
	with := func(changes map[string]any) map[string]any {
		out := maps.Clone(good)
		maps.Copy(out, changes)
		maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
		return out
	}
	private := with(map[string]any{"d": b64(rsaKey().D.Bytes()), "p": b64(rsaKey().Primes[0].Bytes()), "q": b64(rsaKey().Primes[1].Bytes())})
	many := make([]map[string]any, maxKeyCount+1)
	for i := range many {
		many[i] = with(map[string]any{"kid": fmt.Sprint(i)})
	}
	for name, c := range map[string]struct {
		text []byte
		ok   bool
	}{
		"one":                   {jwks(good), true},
		"without alg":           {jwks(with(map[string]any{"alg": nil})), true},
		"beside another kind":   {jwks(good, map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "AA"}), true},
		"beside an encryption":  {jwks(good, with(map[string]any{"use": "enc"})), true},
		"only an encryption":    {jwks(with(map[string]any{"use": "enc"})), false},
		"of another algorithm":  {jwks(with(map[string]any{"alg": "RS512"})), false},
		"two of an id":          {jwks(good, good), false},
		"two ids":               {jwks(good, with(map[string]any{"kid": "b"})), true},
		"no id":                 {jwks(with(map[string]any{"kid": nil})), false},
		"short":                 {jwks(jwk("rsa", &short.PublicKey)), false},
		"exponent one":          {jwks(with(map[string]any{"e": "AQ"})), false},
		"private":               {jwks(private), false},
		"none":                  {jwks(), false},
		"too many":              {jwks(many...), false},
		"no set":                {encode(good), false},
		"two sets":              {append(jwks(good), jwks(good)...), false},
		"keys twice":            {[]byte(`{"keys":[],"keys":[]}`), false},
		"too long":              {append(jwks(good), strings.Repeat(" ", MaxKeys)...), false},
		"off the curve":         {jwks(map[string]any{"kty": "EC", "crv": "P-256", "kid": "ec", "x": b64(make([]byte, 32)), "y": b64(make([]byte, 32))}), false},
		"another curve":         {jwks(map[string]any{"kty": "EC", "crv": "P-384", "kid": "ec", "x": "AA", "y": "AA"}), false},
		"an alg of another kty": {jwks(with(map[string]any{"alg": "ES256"})), false},
	} {
		keys, err := ParseKeys(c.text)
		if (err == nil) != c.ok || (keys == nil) == c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAttest(t *testing.T) {
	e := logtest.Entry(t, 7, "")
	claim, err := e.Claim()
	if err != nil {
		t.Fatal(err)
	}
	audience := audit.Digest(claim)
	trust := Trust{RepositoryID: "74", Workflows: []string{workflow}}
	other := logtest.Entry(t, 7, "another title")
	for name, c := range map[string]struct {
		entry   *audit.Entry
		changes map[string]any
		trust   Trust
		ok      bool
	}{
		"its own":                      {e, nil, trust, true},
		"whatever the id":              {e, nil, Trust{Workflows: trust.Workflows}, true},
		"among others":                 {e, nil, Trust{Workflows: []string{"acme/shop/.github/workflows/ci.yml@refs/heads/main", workflow}}, true},
		"nobody is believed":           {e, nil, Trust{RepositoryID: "74"}, false},
		"another id":                   {e, map[string]any{"repository_id": "75"}, trust, false},
		"other bytes":                  {other, nil, trust, false},
		"another audience":             {e, map[string]any{"aud": audit.Digest(nil)}, trust, false},
		"another repository":           {e, map[string]any{"repository": "acme/other"}, trust, false},
		"another run":                  {e, map[string]any{"run_id": "8"}, trust, false},
		"another attempt":              {e, map[string]any{"run_attempt": "2"}, trust, false},
		"a branch's workflow":          {e, map[string]any{"workflow_ref": "acme/shop/.github/workflows/remit.yml@refs/heads/agent"}, trust, false},
		"a pull request's workflow":    {e, map[string]any{"workflow_ref": "acme/shop/.github/workflows/remit.yml@refs/pull/1/merge"}, trust, false},
		"a tag's workflow":             {e, map[string]any{"workflow_ref": "acme/shop/.github/workflows/remit.yml@refs/tags/main"}, trust, false},
		"another file":                 {e, map[string]any{"workflow_ref": "acme/shop/.github/workflows/mine.yml@refs/heads/main"}, trust, false},
		"a fork's file":                {e, map[string]any{"workflow_ref": "evil/shop/.github/workflows/remit.yml@refs/heads/main"}, trust, false},
		"a file in other case":         {e, map[string]any{"workflow_ref": "acme/shop/.github/workflows/REMIT.yml@refs/heads/main"}, trust, false},
		"called by a branch":           {e, map[string]any{"workflow_ref": "acme/shop/.github/workflows/mine.yml@refs/heads/agent", "job_workflow_ref": workflow}, trust, false},
		"calls another":                {e, map[string]any{"job_workflow_ref": "acme/shared/.github/workflows/x.yml@refs/heads/main"}, trust, false},
		"calls another, believed":      {e, map[string]any{"job_workflow_ref": "acme/shared/.github/workflows/x.yml@refs/heads/main"}, Trust{Workflows: []string{workflow, "acme/shared/.github/workflows/x.yml@refs/heads/main"}}, true},
		"does not say the job's":       {e, map[string]any{"job_workflow_ref": nil}, trust, true},
		"a file that looks like a ref": {e, map[string]any{"workflow_ref": workflow + ".yml@refs/heads/agent"}, trust, false},
	} {
		changes := maps.Clone(c.changes)
		if changes == nil {
			changes = map[string]any{}
		}
		aud := audience
		if a, ok := changes["aud"].(string); ok {
			aud = a
		}
		token, err := Verify(issued(aud, changes), issuer(t), want(aud))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := token.Attest(c.entry, c.trust)
		if (err == nil) != c.ok || got.IsZero() == c.ok {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if c.ok && got != (audit.Attestation{Kind: "oidc", By: workflow + " run 7 attempt 1"}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// An entry that says that somebody vouches for it is the same entry.
	vouched := *e
	vouched.Attestation = audit.Attestation{Kind: "oidc", By: "whoever"}
	token, err := Verify(issued(audience, nil), issuer(t), want(audience))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := token.Attest(&vouched, trust); err != nil || got.By == "whoever" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := (&Token{}).Attest(e, Trust{Workflows: []string{""}}); err == nil || !got.IsZero() {
		t.Error("a token that says nothing vouches")
	}
}

func TestWorkflowAt(t *testing.T) {
	for _, c := range []struct{ repository, file, branch, want string }{
		{"github.com/acme/shop", ".github/workflows/remit.yml", "main", workflow},
		{"github.com/acme/shop", ".github/workflows/remit.yaml", "release/1", "acme/shop/.github/workflows/remit.yaml@refs/heads/release/1"},
		{"github.com/Acme/shop", ".github/workflows/remit.yml", "main", ""},
		{"github.com/acme", ".github/workflows/remit.yml", "main", ""},
		{"github.com/acme/shop/x", ".github/workflows/remit.yml", "main", ""},
		{"github.com/acme/shop", "remit.yml", "main", ""},
		{"github.com/acme/shop", ".github/workflows/x/remit.yml", "main", ""},
		{"github.com/acme/shop", ".github/workflows/remit.sh", "main", ""},
		{"github.com/acme/shop", ".github/workflows/remit@refs.yml", "main", ""},
		{"github.com/acme/shop", ".github/workflows/remit.yml", "a@b", ""},
		{"github.com/acme/shop", ".github/workflows/remit.yml", "", ""},
		{"github.com/acme/shop", ".github/workflows/remit.yml", strings.Repeat("m", 200), ""},
	} {
		got, err := WorkflowAt(c.repository, c.file, c.branch)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%v: %q, %v", c, got, err)
		}
	}
}

// Whatever verifies was signed: nothing but the tokens that the issuer made does, byte for byte.
func FuzzVerify(f *testing.F) {
	is := issuer(f)
	made := map[string]bool{}
	for _, changes := range []map[string]any{nil, {"aud": []string{"me"}}, {"run_attempt": "2"}} {
		token := issued("me", changes)
		made[token] = true
		f.Add(token)
	}
	f.Add(issued("you", nil))
	f.Add(b64(header("none", "rsa")) + "." + b64(encode(github("me", nil))) + ".")
	f.Add(rawToken(header("HS256", "rsa"), encode(github("me", nil)), []byte("k")))
	f.Fuzz(func(t *testing.T, token string) {
		got, err := Verify(token, is, want("me"))
		if (err == nil) != (got != nil) {
			t.Fatalf("%+v, %v", got, err)
		}
		if err == nil && !made[token] {
			t.Errorf("a token that was not issued is believed: %q", token)
		}
		if err == nil && (got.Audience != "me" || got.Issuer != GitHub || got.Repository != "github.com/acme/shop") {
			t.Errorf("%+v", got)
		}
		if id, err := KeyID(token); err == nil && id == "" {
			t.Error("a key without an id")
		}
	})
}

// Whatever set of keys is read, none of it is of a kind or strength that is not taken.
func FuzzKeys(f *testing.F) {
	f.Add(jwks(jwk("rsa", &rsaKey().PublicKey), jwk("ec", &ecKey().PublicKey)))
	f.Add([]byte(`{"keys":[{"kty":"oct","kid":"a","k":"AA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AQ","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := ParseKeys(text)
		if (err == nil) != (keys != nil) {
			t.Fatalf("%v, %v", keys, err)
		}
		if err != nil {
			return
		}
		for id, k := range keys.byID {
			switch public := k.public.(type) {
			case *rsa.PublicKey:
				if k.algorithm != "RS256" || public.N.BitLen() < 2048 {
					t.Errorf("%q: %s of %d bits", id, k.algorithm, public.N.BitLen())
				}
			case *ecdsa.PublicKey:
				if k.algorithm != "ES256" || public.Curve != elliptic.P256() {
					t.Errorf("%q: %s", id, k.algorithm)
				}
			default:
				t.Errorf("%q: %T", id, k.public)
			}
		}
	})
}
