package delegation_test

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
)

// claims are one of each kind, with every member that the kind can have.
func claims(t testing.TB) map[string]delegation.Statement {
	p := dt.NewPullRequest("agent.coder")
	p.Delegation, p.RepositoryID = digest, 4711
	r := dt.NewRequest("agent.coder")
	r.Delegation, r.RepositoryID, r.Targets = digest, 4711, []string{"api", "größe, \"x\""}
	r.RunID, r.RunAttempt, r.Job = 4712, 2, "deploy shop"
	head := dt.NewApproval("human.alice")
	head.RepositoryID, head.Reason = 4711, "looks right"
	of := dt.NewApprovalOf("human.alice", dt.SignStatement(t, r))
	return map[string]delegation.Statement{
		"pull request": p, "request": r, "approval": head, "approval of a request": of,
		"least pull request": dt.NewPullRequest("human.alice"),
		"least request":      dt.NewRequest("agent.coder"),
		"least approval":     dt.NewApproval("human.alice"),
	}
}

func TestSignStatement(t *testing.T) {
	for name, c := range claims(t) {
		t.Run(name, func(t *testing.T) {
			s := dt.SignStatement(t, c)
			if !reflect.DeepEqual(s.Statement, c) {
				t.Errorf("signed %+v as %+v", c, s.Statement)
			}
			back, err := delegation.ParseSigned[delegation.Statement](s.Marshal())
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back, s) {
				t.Errorf("signed %+v, read %+v", s, back)
			}
			if err := back.Verify(); err != nil {
				t.Error(err)
			}
			file, err := delegation.DecodeText(s.Text())
			if err != nil || !bytes.Equal(file, s.Marshal()) {
				t.Errorf("as text it is %q, %v", file, err)
			}
			if strings.ContainsFunc(c.Sentence(), func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("not safe to show: %q", c.Sentence())
			}
		})
	}
}

// What tools that know in-toto alone see.
func TestSubject(t *testing.T) {
	all := claims(t)
	request := dt.SignStatement(t, all["request"]).Digest
	for name, want := range map[string]string{
		"pull request":          `[{"name":"refs/heads/agent/pay","digest":{"gitCommit":"` + dt.Head + `"}}]`,
		"request":               `[{"name":"refs/heads/main","digest":{"gitCommit":"` + dt.Head + `"}}]`,
		"approval":              `[{"name":"refs/heads/main","digest":{"gitCommit":"` + dt.Head + `"}}]`,
		"approval of a request": `[{"name":"request","digest":{"sha256":"` + strings.TrimPrefix(request, "sha256:") + `"}}]`,
	} {
		if got := all[name].Payload(); !bytes.Contains(got, []byte(`"subject":`+want+`,"predicateType"`)) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestStatementSentence(t *testing.T) {
	all := claims(t)
	p := dt.NewPullRequest("human.alice")
	p.HeadRef, p.Purpose = "refs/heads/m\u0430in", "a <b> \u00e9"
	del := dt.NewRequest("agent.coder")
	del.Action, del.Environment, del.Targets = names.Delete, "", []string{"refs/heads/old", "refs/heads/older"}
	rot := dt.NewRequest("human.alice")
	rot.Action, rot.Environment, rot.Targets = names.Rotate, "eu west", []string{"PROD_KEY"}
	back := dt.NewApproval("human.alice")
	back.Action, back.Environment, back.Base = names.Deploy, "production", ""
	policy := strings.Repeat("3c", 32)
	built := dt.NewRequest("human.alice")
	built.Artifacts = []delegation.Artifact{{Name: "registry.example/shop", SHA256: strings.Repeat("1a", 32)}}
	for want, c := range map[string]delegation.Statement{
		"human.alice asks to deploy " + dt.Head + " of refs/heads/main to production, as registry.example/shop (sha256:" + strings.Repeat("1a", 32) + "), in github.com/acme/shop, from 14:00 to 14:10 UTC on 2026-11-22, for \"SHOP-1412\", in its own name":                                                  built,
		"agent.coder asks to merge refs/heads/agent/pay at " + dt.Head + " into refs/heads/main of github.com/acme/shop, for \"SHOP-1412\", under the delegation " + digest + "; signed at 2026-11-22T14:00:00Z by its own clock":                                                                              all["pull request"],
		"human.alice asks to merge \"refs/heads/m\\u0430in\" at " + dt.Head + " into refs/heads/main of github.com/acme/shop, for \"a <b> \\u00e9\", in its own name; signed at 2026-11-22T14:00:00Z by its own clock":                                                                                         p,
		"agent.coder asks to deploy " + dt.Head + " of refs/heads/main to production, there to api and \"gr\\u00f6\\u00dfe, \\\"x\\\"\", in github.com/acme/shop, from 14:00 to 14:10 UTC on 2026-11-22, in run 4712 alone, attempt 2, job \"deploy shop\", for \"SHOP-1412\", under the delegation " + digest: all["request"],
		"agent.coder asks to delete refs/heads/old and refs/heads/older, at " + dt.Head + " of refs/heads/main, in github.com/acme/shop, from 14:00 to 14:10 UTC on 2026-11-22, for \"SHOP-1412\", in its own name":                                                                                            del,
		"human.alice asks to rotate secrets PROD_KEY of \"eu west\", at " + dt.Head + " of refs/heads/main, in github.com/acme/shop, from 14:00 to 14:10 UTC on 2026-11-22, for \"SHOP-1412\", in its own name":                                                                                                rot,
		"human.alice approves the action pull_request for " + dt.Head + " on top of " + dt.Base + " on refs/heads/main, in github.com/acme/shop, from 14:00 to 15:00 UTC on 2026-11-22, by the policy sha256:" + policy + ", for \"looks right\"":                                                              all["approval"],
		"human.alice approves the action deploy in the environment production for " + dt.Head + " on refs/heads/main, in github.com/acme/shop, from 14:00 to 15:00 UTC on 2026-11-22, by the policy sha256:" + policy:                                                                                          back,
	} {
		if got := dt.SignStatement(t, c).Statement.Sentence(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// refusedClaim signs what change makes of c, and wants an error.
func refusedClaim[C delegation.Statement](t *testing.T, c C, change func(*C), want string) {
	t.Helper()
	signer := dt.Signer(string(c.By().Name))
	change(&c)
	if s, err := delegation.SignStatement(c, signer); err == nil || !strings.Contains(err.Error(), want) || s != nil {
		t.Errorf("SignStatement: got %v, %v; want an error with %q", s, err, want)
	}
	if want == anotherKey || len(c.Payload()) > delegation.MaxStatementSize { // no envelope holds it
		return
	}
	// Who does not use this package signs it anyway.
	s, err := delegation.ParseSigned[C](dt.ForgeFile(t, c.Payload(), signer))
	if err == nil || s != nil {
		t.Errorf("ParseSigned: got %v, %v; want an error", s, err)
	}
}

const anotherKey = "the signer's key"

func TestPullRequestRefuses(t *testing.T) {
	type C = delegation.PullRequest
	for name, tc := range map[string]struct {
		change func(*C)
		want   string
	}{
		"another signer's key":    {func(c *C) { c.Signer = dt.Party("agent.mallory") }, anotherKey},
		"nobody":                  {func(c *C) { c.Signer.Name = "" }, "the signer"},
		"workflow":                {func(c *C) { c.Signer.Name = "workflow.release" }, "of a kind"},
		"team":                    {func(c *C) { c.Signer.Name = "team.release" }, "of a kind"},
		"agent with a homoglyph":  {func(c *C) { c.Signer.Name = "agent.c\u043eder" }, "must match"},
		"agent with an ECDSA key": {func(c *C) { c.Signer.Key = ecdsaKey(t) }, "cannot be an agent's"},
		"human with a delegation": {func(c *C) { c.Signer.Name = "human.alice"; c.Delegation = digest }, "in its own name"},
		"delegation no digest":    {func(c *C) { c.Delegation = "sha256:12" }, "the delegation"},
		"no repository":           {func(c *C) { c.Repository = "" }, "the repository"},
		"repository as URL":       {func(c *C) { c.Repository = "https://github.com/acme/shop" }, "must be written"},
		"repository, homoglyph":   {func(c *C) { c.Repository = "github.com/\u0430cme/shop" }, "the repository"},
		"negative id":             {func(c *C) { c.RepositoryID = -1 }, "negative"},
		"no base":                 {func(c *C) { c.BaseRef = "" }, "base_ref"},
		"short base":              {func(c *C) { c.BaseRef = "main" }, "base_ref"},
		"base is a tag":           {func(c *C) { c.BaseRef = "refs/tags/v1" }, "not a branch"},
		"base that climbs":        {func(c *C) { c.BaseRef = "refs/heads/agent/../main" }, "base_ref"},
		"head that cannot be seen": {
			func(c *C) { c.HeadRef = "refs/heads/agent/\u202epay" }, "formatting",
		},
		"no head":               {func(c *C) { c.Head = "" }, "the head"},
		"short head":            {func(c *C) { c.Head = c.Head[:39] }, "the head"},
		"head of 41":            {func(c *C) { c.Head += "0" }, "the head"},
		"head in upper case":    {func(c *C) { c.Head = strings.ToUpper(c.Head) }, "the head"},
		"head of zeros":         {func(c *C) { c.Head = strings.Repeat("0", 40) }, "the head"},
		"no purpose":            {func(c *C) { c.Purpose = "" }, "purpose is missing"},
		"purpose of two lines":  {func(c *C) { c.Purpose = "a\nb" }, "line-breaking"},
		"purpose of 501 bytes":  {func(c *C) { c.Purpose = strings.Repeat("x", 501) }, "501 bytes"},
		"no time":               {func(c *C) { c.At = time.Time{} }, "at is missing"},
		"year 9999":             {func(c *C) { c.At = c.At.AddDate(7973, 0, 0) }, "year 9999"},
		"no nonce":              {func(c *C) { c.Nonce = "" }, "nonce"},
		"nonce in upper case":   {func(c *C) { c.Nonce = strings.ToUpper(c.Nonce) }, "nonce"},
		"purpose that is a bel": {func(c *C) { c.Purpose = "\a" }, "control"},
	} {
		t.Run(name, func(t *testing.T) { refusedClaim(t, dt.NewPullRequest("agent.coder"), tc.change, tc.want) })
	}
}

func TestRequestRefuses(t *testing.T) {
	type C = delegation.Request
	for name, tc := range map[string]struct {
		change func(*C)
		want   string
	}{
		"another signer's key":     {func(c *C) { c.Signer = dt.Party("agent.mallory") }, anotherKey},
		"app":                      {func(c *C) { c.Signer.Name = "app.renovate" }, "of a kind"},
		"human with a delegation":  {func(c *C) { c.Signer.Name = "human.alice"; c.Delegation = digest }, "in its own name"},
		"no action":                {func(c *C) { c.Action = "" }, "the action"},
		"action to commit":         {func(c *C) { c.Action = names.Commit }, "not one to request"},
		"action in capitals":       {func(c *C) { c.Action = "Deploy" }, "not one to request"},
		"repository in capitals":   {func(c *C) { c.Repository = "github.com/Acme/shop" }, "must be written"},
		"deploy to nowhere":        {func(c *C) { c.Environment = "" }, "say where to deploy"},
		"environment, homoglyph":   {func(c *C) { c.Environment = "pr\u043eduction" }, "the environment"},
		"environment, pattern":     {func(c *C) { c.Environment = "prod*" }, "the environment"},
		"environment, space":       {func(c *C) { c.Environment = "production " }, "the environment"},
		"environment, tab":         {func(c *C) { c.Environment = "a\tb" }, "the environment"},
		"environment of 101":       {func(c *C) { c.Environment = strings.Repeat("e", 101) }, "the environment"},
		"environment that climbs":  {func(c *C) { c.Environment = "a/../b" }, "the environment"},
		"secret of nowhere":        {func(c *C) { c.Action, c.Environment, c.Targets = names.Secret, "", []string{"A"} }, "say where"},
		"no commit":                {func(c *C) { c.Commit = "" }, "the commit"},
		"ref instead of a commit":  {func(c *C) { c.Commit = "main" }, "the commit"},
		"no ref":                   {func(c *C) { c.Ref = "" }, "the ref"},
		"HEAD":                     {func(c *C) { c.Ref = "HEAD" }, "the ref"},
		"delete nothing":           {func(c *C) { c.Action = names.Delete }, "say what to delete"},
		"rotate nothing":           {func(c *C) { c.Action = names.Rotate }, "say what to rotate"},
		"65 targets":               {func(c *C) { c.Targets = numbered(delegation.MaxTargets + 1) }, "65 targets"},
		"empty target":             {func(c *C) { c.Targets = []string{""} }, "empty"},
		"target twice":             {func(c *C) { c.Targets = []string{"a", "b", "a"} }, "twice"},
		"target with an escape":    {func(c *C) { c.Targets = []string{"\x1b[2J"} }, "control"},
		"target of 1025 bytes":     {func(c *C) { c.Targets = []string{strings.Repeat("x", 1025)} }, "1025 bytes"},
		"64 targets, all too long": {func(c *C) { c.Targets = longTargets() }, "at most 16384"},
		"33 artifacts":             {func(c *C) { c.Artifacts = artifacts(delegation.MaxArtifacts + 1) }, "33 artifacts"},
		"artifact twice":           {func(c *C) { c.Artifacts = append(artifacts(1), artifacts(1)...) }, "twice"},
		"artifact without a name":  {func(c *C) { c.Artifacts = artifacts(1); c.Artifacts[0].Name = "" }, "artifact's name"},
		"artifact with a space":    {func(c *C) { c.Artifacts = artifacts(1); c.Artifacts[0].Name = "a b" }, "artifact's name"},
		"artifact, homoglyph":      {func(c *C) { c.Artifacts = artifacts(1); c.Artifacts[0].Name = "sh\u043ep" }, "artifact's name"},
		"artifact with a quote":    {func(c *C) { c.Artifacts = artifacts(1); c.Artifacts[0].Name = `a"b` }, "artifact's name"},
		"artifact of 256 bytes":    {func(c *C) { c.Artifacts = artifacts(1); c.Artifacts[0].Name = strings.Repeat("a", 256) }, "artifact's name"},
		"artifact in capitals":     {func(c *C) { c.Artifacts = artifacts(1); c.Artifacts[0].SHA256 = strings.Repeat("AB", 32) }, "the digest of the artifact"},
		"artifact of no digest":    {func(c *C) { c.Artifacts = artifacts(1); c.Artifacts[0].SHA256 = "" }, "the digest of the artifact"},
		"delete with an artifact":  {func(c *C) { c.Action, c.Targets, c.Artifacts = names.Delete, []string{"a"}, artifacts(1) }, "only a request to deploy"},
		"negative run":             {func(c *C) { c.RunID = -1 }, "negative"},
		"attempt without a run":    {func(c *C) { c.RunAttempt = 1 }, "without the id of its run"},
		"job without a run":        {func(c *C) { c.Job = "deploy" }, "without the id of its run"},
		"job of two lines":         {func(c *C) { c.RunID, c.Job = 1, "a\nb" }, "the job"},
		"no reason":                {func(c *C) { c.Reason = "" }, "reason is missing"},
		"bidi in the reason":       {func(c *C) { c.Reason = "a\u2066b" }, "formatting"},
		"no start":                 {func(c *C) { c.NotBefore = time.Time{} }, "not_before is missing"},
		"no expiry":                {func(c *C) { c.NotAfter = time.Time{} }, "not_after is missing"},
		"ends when it starts":      {func(c *C) { c.NotAfter = c.NotBefore }, "not after its start"},
		"an hour and a second":     {func(c *C) { c.NotAfter = c.NotBefore.Add(time.Hour + time.Second) }, "at most 1h0m0s"},
		"year 9999":                {func(c *C) { c.NotAfter = c.NotAfter.AddDate(7973, 0, 0) }, "year 9999"},
		"both in 9999": {
			func(c *C) { c.NotBefore, c.NotAfter = c.NotBefore.AddDate(7973, 0, 0), c.NotAfter.AddDate(7973, 0, 0) }, "year 9999",
		},
		"no nonce":       {func(c *C) { c.Nonce = "" }, "nonce"},
		"nonce as a ref": {func(c *C) { c.Nonce = "../" + c.Nonce[3:] }, "nonce"},
	} {
		t.Run(name, func(t *testing.T) { refusedClaim(t, dt.NewRequest("agent.coder"), tc.change, tc.want) })
	}
}

func longTargets() []string {
	out := make([]string, delegation.MaxTargets)
	for i := range out {
		out[i] = strings.Repeat("x", delegation.MaxTarget-i)
	}
	return out
}

func TestApprovalRefuses(t *testing.T) {
	type C = delegation.Approval
	ofRequest := func(c *C) {
		*c = dt.NewApprovalOf("human.alice", dt.SignStatement(t, dt.NewRequest("agent.coder")))
	}
	for name, tc := range map[string]struct {
		change func(*C)
		want   string
	}{
		"another signer's key":      {func(c *C) { c.Approver = dt.Party("human.bob") }, anotherKey},
		"by an agent":               {func(c *C) { c.Approver.Name = "agent.alice" }, "of a kind"},
		"by an app":                 {func(c *C) { c.Approver.Name = "app.alice" }, "of a kind"},
		"no action":                 {func(c *C) { c.Action = "" }, "is not an action"},
		"unknown action":            {func(c *C) { c.Action = "*" }, "is not an action"},
		"no repository":             {func(c *C) { c.Repository = "" }, "the repository"},
		"environment of a commit":   {func(c *C) { c.Environment = "production" }, "means nothing"},
		"deploy to nowhere":         {func(c *C) { c.Action = names.Deploy }, "say where"},
		"of nothing":                {func(c *C) { c.Head, c.Base, c.Ref = "", "", "" }, "the head"},
		"no base":                   {func(c *C) { c.Base = "" }, "the base is missing"},
		"no base, commit":           {func(c *C) { c.Action, c.Base = names.Commit, "" }, "the base is missing"},
		"base of zeros":             {func(c *C) { c.Base = strings.Repeat("0", 40) }, "the base"},
		"base of another kind":      {func(c *C) { c.Base = strings.Repeat("2b", 32) }, "lengths differ"},
		"no ref":                    {func(c *C) { c.Ref = "" }, "the ref"},
		"request and head":          {func(c *C) { h := c.Head; ofRequest(c); c.Head = h }, "both"},
		"request and base":          {func(c *C) { h := c.Base; ofRequest(c); c.Base = h }, "both"},
		"request and ref":           {func(c *C) { h := c.Ref; ofRequest(c); c.Ref = h }, "both"},
		"request that is no digest": {func(c *C) { ofRequest(c); c.Request = strings.TrimPrefix(c.Request, "sha256:") }, "the request"},
		"request to commit":         {func(c *C) { ofRequest(c); c.Action, c.Environment = names.Commit, "" }, "not one to request"},
		"no policy":                 {func(c *C) { c.PolicyDigest = "" }, "the policy"},
		"reason of two lines":       {func(c *C) { c.Reason = "a\u2028b" }, "line-breaking"},
		"no expiry":                 {func(c *C) { c.NotAfter = time.Time{} }, "not_after is missing"},
		"too long":                  {func(c *C) { c.NotAfter = c.NotBefore.Add(delegation.MaxApprovalTTL + time.Second) }, "at most 720h"},
		"year 9999":                 {func(c *C) { c.NotAfter = c.NotAfter.AddDate(7973, 0, 0) }, "year 9999"},
		"no nonce":                  {func(c *C) { c.Nonce = "" }, "nonce"},
	} {
		t.Run(name, func(t *testing.T) { refusedClaim(t, dt.NewApproval("human.alice"), tc.change, tc.want) })
	}
}

// The near misses of the refusals above.
func TestStatementAccepts(t *testing.T) {
	p, r, a := dt.NewPullRequest("agent.coder"), dt.NewRequest("agent.coder"), dt.NewApproval("human.alice")
	sha256 := strings.Repeat("1a", 32)
	for name, c := range map[string]delegation.Statement{
		"purpose of 500 bytes":   with(p, func(c *delegation.PullRequest) { c.Purpose = strings.Repeat("x", 500) }),
		"head of a SHA-256 repo": with(p, func(c *delegation.PullRequest) { c.Head = sha256 }),
		"head and base alike":    with(p, func(c *delegation.PullRequest) { c.HeadRef = c.BaseRef }), // a fork's
		"time zone":              with(p, func(c *delegation.PullRequest) { c.At = c.At.In(time.FixedZone("", 3600)) }),
		"an hour":                with(r, func(c *delegation.Request) { c.NotAfter = c.NotBefore.Add(time.Hour) }),
		"a second":               with(r, func(c *delegation.Request) { c.NotAfter = c.NotBefore.Add(time.Second) }),
		"year 2199": with(r, func(c *delegation.Request) {
			c.NotBefore = c.NotBefore.AddDate(173, 0, 0)
			c.NotAfter = c.NotBefore.Add(1e9)
		}),
		"environment in capitals":  with(r, func(c *delegation.Request) { c.Environment = "PRODUCTION" }),
		"environment of 100":       with(r, func(c *delegation.Request) { c.Environment = strings.Repeat("e", 100) }),
		"environment, parts":       with(r, func(c *delegation.Request) { c.Environment = "eu west/prod_1.2" }),
		"rotation outside of them": with(r, func(c *delegation.Request) { c.Action, c.Environment, c.Targets = names.Rotate, "", []string{"A"} }),
		"deployment of a tag":      with(r, func(c *delegation.Request) { c.Ref = "refs/tags/v1" }),
		"64 targets": with(r, func(c *delegation.Request) {
			c.Targets = strings.Split(strings.Repeat("a", 63), "")[:0]
			c.Targets = numbered(64)
		}),
		"32 artifacts": with(r, func(c *delegation.Request) { c.Artifacts = artifacts(32) }),
		"artifact of 255": with(r, func(c *delegation.Request) {
			c.Artifacts = []delegation.Artifact{{Name: strings.Repeat("a", 255), SHA256: sha256}}
		}),
		"two names of one artifact": with(r, func(c *delegation.Request) {
			c.Artifacts = []delegation.Artifact{{Name: "registry.example/shop@v1", SHA256: sha256}, {Name: "registry.example:5000/shop:v1", SHA256: sha256}}
		}),
		"run alone":              with(r, func(c *delegation.Request) { c.RunID = 1 << 60 }),
		"approval, 30 days":      with(a, func(c *delegation.Approval) { c.NotAfter = c.NotBefore.Add(delegation.MaxApprovalTTL) }),
		"approval of a rollback": with(a, func(c *delegation.Approval) { c.Action, c.Environment, c.Base = names.Deploy, "production", "" }),
		"approval, SHA-256 repo": with(a, func(c *delegation.Approval) { c.Head, c.Base = sha256, strings.Repeat("2b", 32) }),
	} {
		t.Run(name, func(t *testing.T) {
			s := dt.SignStatement(t, c)
			if _, err := delegation.ParseSigned[delegation.Statement](s.Marshal()); err != nil {
				t.Error(err)
			}
		})
	}
}

func with[C any](c C, change func(*C)) C { change(&c); return c }

func artifacts(n int) []delegation.Artifact {
	out := make([]delegation.Artifact, n)
	for i, name := range numbered(n) {
		out[i] = delegation.Artifact{Name: name, SHA256: strings.Repeat("1a", 32)}
	}
	return out
}

func TestParseArtifact(t *testing.T) {
	digest := strings.Repeat("1a", 32)
	for text, want := range map[string]delegation.Artifact{
		"registry.example/shop=sha256:" + digest:      {Name: "registry.example/shop", SHA256: digest},
		"shop=sha256:" + digest[:63]:                  {},
		"shop=" + digest:                              {},
		"=sha256:" + digest:                           {},
		"a=b=sha256:" + digest:                        {},
		"shop=sha256:" + digest + "=sha256:" + digest: {},
		"shop@sha256:" + digest:                       {},
	} {
		got, err := delegation.ParseArtifact(text)
		if got != want || (err == nil) != (want.Name != "") || err == nil && got.String() != text {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

func numbered(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = strings.Repeat("t", i+1)
	}
	return out
}

// Each attack on the JSON of a statement. It is signed by the right key: the signature is no help.
func TestStatementStatementRefuses(t *testing.T) {
	all := claims(t)
	alice, mallory := dt.Key("human.alice").AuthorizedKey(), dt.Key("human.mallory").AuthorizedKey()
	for name, tc := range map[string]struct{ of, old, new, want string }{
		"duplicate name":            {"request", `"action":"deploy"`, `"action":"delete","action":"deploy"`, "duplicate"},
		"duplicate name, escaped":   {"request", `"action":"deploy"`, `"action":"delete","acti\u006fn":"deploy"`, "duplicate"},
		"duplicate predicate":       {"request", `"predicate":`, `"predicate":{},"predicate":`, "duplicate"},
		"duplicate predicateType":   {"request", `"predicateType":`, `"predicateType":"x","predicateType":`, "duplicate"},
		"other case":                {"request", `"environment"`, `"Environment"`, "unknown"},
		"both cases":                {"request", `"environment"`, `"ENVIRONMENT":"staging","environment"`, "unknown"},
		"a letter that folds to s":  {"request", `"targets"`, "\"target\u017f\"", "unknown"},
		"unknown member":            {"request", `"reason"`, `"approved":true,"reason"`, "unknown"},
		"unknown member of the run": {"request", `"attempt":2`, `"attempt":2,"x":1`, "unknown"},
		"unknown member, pr":        {"pull request", `"purpose"`, `"approved":true,"purpose"`, "unknown"},
		"unknown member, approval":  {"approval", `"policy"`, `"x":1,"policy"`, "unknown"},
		"unknown member at the top": {"approval", `"subject"`, `"x":1,"subject"`, "unknown"},
		"space":                     {"request", `"nonce":`, `"nonce": `, "canonical"},
		"escape":                    {"request", `"SHOP-1412"`, `"SHOP-141\u0032"`, "canonical"},
		"order":                     {"request", `"id":4712,"attempt":2`, `"attempt":2,"id":4712`, "canonical"},
		"order at the top":          {"approval", `"_type":"https://in-toto.io/Statement/v1",`, ``, "type is"},
		"null":                      {"least request", `,"environment":"production"`, `,"environment":"production","targets":null`, "canonical"},
		"empty delegation":          {"least request", `,"action"`, `,"delegation":"","action"`, "canonical"},
		"empty run":                 {"least request", `,"reason"`, `,"run":{"id":0},"reason"`, "canonical"},
		"id 0 written out":          {"least request", `,"environment"`, `,"repository_id":0,"environment"`, "canonical"},
		"float":                     {"request", `"id":4712`, `"id":4712.0`, "not the JSON of a request"},
		"exponent":                  {"request", `"repository_id":4711`, `"repository_id":4711e0`, "not the JSON of a request"},
		"overflow":                  {"request", `"id":4712`, `"id":9223372036854775808`, "not the JSON of a request"},
		"artifacts of null":         {"least request", `,"reason"`, `,"artifacts":null,"reason"`, "canonical"},
		"empty artifacts":           {"least request", `,"reason"`, `,"artifacts":[],"reason"`, "canonical"},
		"artifact, unknown member":  {"least request", `,"reason"`, `,"artifacts":[{"name":"a","sha256":"` + strings.Repeat("1a", 32) + `","x":1}],"reason"`, "unknown"},
		"text for a list":           {"request", `"targets":[`, `"targets":"x","x":[`, "not the JSON of a request"},
		"not UTF-8":                 {"request", `SHOP-1412`, "\xff", "not the JSON"},
		"statement type":            {"request", `Statement/v1`, `Statement/v0.1`, "type is"},
		"predicate of version 2":    {"request", `request/v1`, `request/v2`, "none that remit knows"},
		"no predicate":              {"request", `"predicate":{`, `"Predicate":{`, "unknown"},
		"predicate null":            {"request", predicateOf(all["request"]), `null`, "the signer"},
		"request as approval":       {"request", `sh/request/v1`, `sh/approval/v1`, "not the JSON of an approval"},
		"request as pull request":   {"request", `sh/request/v1`, `sh/pull-request/v1`, "not the JSON of a pull request"},
		"approval as request":       {"approval", `sh/approval/v1`, `sh/request/v1`, "not the JSON of a request"},
		"request as delegation":     {"request", `sh/request/v1`, `sh/delegation/v1`, "is a delegation"},
		"no subject":                {"request", subjectOf(all["request"]), `[]`, "subject"},
		"two subjects":              {"request", `"subject":[`, `"subject":[{"name":"x","digest":{"gitCommit":"` + dt.Base + `"}},`, "subject"},
		"subject of another commit": {"request", `{"gitCommit":"` + dt.Head, `{"gitCommit":"` + dt.Base, "subject"},
		"commit of another subject": {"request", `"commit":"` + dt.Head, `"commit":"` + dt.Base, "subject"},
		"subject of another name":   {"request", `"name":"refs/heads/main"`, `"name":"refs/heads/other"`, "subject"},
		"sha256 beside gitCommit":   {"request", `{"gitCommit"`, `{"sha256":"00","gitCommit"`, "subject"},
		"another request, approval": {"approval of a request", `"request":"sha256:`, `"request":"sha256:` + strings.Repeat("0", 64) + `","ref":"`, "both"},
		"homoglyph in the approver": {"approval", `human.alice`, "human.\u0430lice", "must match"},
		"key with a comment":        {"approval", alice, alice + " x", "canonical"},
		"key of somebody else":      {"approval", alice, mallory, "not one by the key"},
		"certificate as key":        {"approval", `"key":"ssh-ed25519 `, `"key":"ssh-ed25519-cert-v01@openssh.com `, "the key of"},
		"low-order key":             {"approval", alice, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "low order"},
		"expiry missing":            {"request", `"not_after":"2026-11-22T14:10:00Z",`, ``, "not_after is missing"},
		"expiry missing, approval":  {"approval", `"not_after":"2026-11-22T15:00:00Z",`, ``, "not_after is missing"},
		"start missing":             {"request", `"not_before":"2026-11-22T14:00:00Z",`, ``, "not_before is missing"},
		"TTL too long":              {"request", `14:10:00Z`, `15:00:01Z`, "at most 1h0m0s"},
		"year 9999":                 {"request", `2026-11-22T14:10`, `9999-11-22T14:10`, "year 9999"},
		"year 9999, pull request":   {"pull request", `"at":"2026`, `"at":"9999`, "year 9999"},
		"time zone":                 {"request", `14:10:00Z`, `14:10:00+00:00`, "must be like"},
		"deep nesting":              {"request", `"SHOP-1412"`, strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested deeper"},
		"too large":                 {"request", `SHOP-1412`, strings.Repeat("x", delegation.MaxStatementSize), "at most"},
		"list":                      {"request", string(all["request"].Payload()), `[]`, "not the JSON"},
		"nothing":                   {"request", string(all["request"].Payload()), ``, "not the JSON"},
		"trailing data":             {"request", string(all["request"].Payload()), string(all["request"].Payload()) + `{}`, "not the JSON"},
		"trailing newline":          {"request", string(all["request"].Payload()), string(all["request"].Payload()) + "\n", "canonical"},
	} {
		t.Run(name, func(t *testing.T) {
			payload := string(all[tc.of].Payload())
			edited := strings.Replace(payload, tc.old, tc.new, 1)
			if edited == payload {
				t.Fatal("the edit changed nothing")
			}
			file := dt.ForgeFile(t, []byte(edited), dt.Signer(string(all[tc.of].By().Name)))
			s, err := delegation.ParseSigned[delegation.Statement](file)
			if err == nil || !strings.Contains(err.Error(), tc.want) || s != nil {
				t.Fatalf("got %+v, %v; want an error with %q", s, err, tc.want)
			}
			if len(err.Error()) > 600 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r > '~' && r != '…' || r < ' ' }) {
				t.Errorf("the error is not safe to show: %q", err)
			}
		})
	}
}

func predicateOf(c delegation.Statement) string {
	_, after, _ := strings.Cut(string(c.Payload()), `"predicate":`)
	return strings.TrimSuffix(after, "}")
}

func subjectOf(c delegation.Statement) string {
	_, after, _ := strings.Cut(string(c.Payload()), `"subject":`)
	list, _, _ := strings.Cut(after, `,"predicateType"`)
	return list
}

// One kind of statement is never taken for another, nor a delegation for any of them.
func TestPredicateConfusion(t *testing.T) {
	all := claims(t)
	for name, c := range all {
		file := dt.SignStatement(t, c).Marshal()
		for kind, err := range map[string]error{
			"pull request": parseAs[delegation.PullRequest](file),
			"request":      parseAs[delegation.Request](file),
			"approval":     parseAs[delegation.Approval](file),
		} {
			if its := strings.Contains(name, kind) && (kind != "request" || !strings.Contains(name, "pull") && !strings.Contains(name, "approval")); its != (err == nil) {
				t.Errorf("%s read as %s: %v", name, kind, err)
			}
		}
		// Its envelope as a link of a chain, as a bundle by itself, and the file as a bundle.
		env := dt.SignStatement(t, c).Envelope
		link := delegation.Chain{{Envelope: env}}.Marshal()
		for what, b := range map[string][]byte{"link": link, "envelope": env.Marshal(), "file": file} {
			if chain, err := delegation.ParseBundle(b); err == nil || chain != nil {
				t.Errorf("the %s of the %s is a bundle", what, name)
			}
		}
		if _, err := delegation.ParseDelegation(c.Payload()); err == nil {
			t.Errorf("the %s is a delegation", name)
		}
	}
	chain := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.coder"})
	file := (&delegation.Signed[delegation.Statement]{Envelope: chain[0].Envelope}).Marshal()
	for what, b := range map[string][]byte{"envelope": file, "bundle": chain.Marshal(), "envelope alone": chain[0].Envelope.Marshal()} {
		if s, err := delegation.ParseSigned[delegation.Statement](b); err == nil || s != nil {
			t.Errorf("the delegation's %s is a statement", what)
		}
	}
	if err := parseAs[delegation.Request](file); !strings.Contains(err.Error(), "is a delegation") {
		t.Error(err)
	}
	if err := parseAs[delegation.Request](dt.SignStatement(t, all["approval"]).Marshal()); !strings.Contains(err.Error(), "it is an approval") {
		t.Error(err)
	}
}

func parseAs[C delegation.Statement](b []byte) error {
	s, err := delegation.ParseSigned[C](b)
	if err == nil && s.Verify() != nil {
		panic("accepted and not verified")
	}
	return err
}

// A signature that the same key made for something else is none of a statement's.
func TestSSHSIGIsNoDSSE(t *testing.T) {
	r := dt.NewRequest("agent.coder")
	s := dt.Signer("agent.coder")
	env := *dt.SignStatement(t, r).Envelope
	pae := "DSSEv1 28 application/vnd.in-toto+json " + "0 "
	for name, message := range map[string][]byte{"payload": env.Payload, "PAE": []byte(pae + string(env.Payload)), "envelope": env.Marshal()} {
		for _, namespace := range []string{signing.NamespaceGit, "file", "DSSEv1", delegation.RequestType} {
			armored, err := signing.SignSSHSIG(s, namespace, message)
			if err != nil {
				t.Fatal(err)
			}
			block, _ := pem.Decode(armored)
			var blob struct {
				Magic                                [6]byte
				Version                              uint32
				Key, Namespace, Reserved, Hash, Sign string
			}
			if err := ssh.Unmarshal(block.Bytes, &blob); err != nil {
				t.Fatal(err)
			}
			var sig ssh.Signature
			if err := ssh.Unmarshal([]byte(blob.Sign), &sig); err != nil {
				t.Fatal(err)
			}
			for what, b := range map[string][]byte{"raw": sig.Blob, "SSH": []byte(blob.Sign), "SSHSIG": block.Bytes, "armored": armored} {
				forged := env
				forged.Sig = b
				err := parseAs[delegation.Request]((&delegation.Signed[delegation.Request]{Envelope: &forged}).Marshal())
				if !errors.Is(err, signing.ErrBadSignature) {
					t.Errorf("SSHSIG over the %s in %s, %s: %v", name, namespace, what, err)
				}
			}
			if err := parseAs[delegation.Request](armored); err == nil {
				t.Error("an SSHSIG is a request")
			}
		}
	}
	// The other way round: what signed a statement is no commit's signature.
	raw, err := signing.SignSSHSIG(s, signing.NamespaceGit, env.Payload)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := signing.ParseSSHSIG(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Verify(env.Payload, delegation.RequestType); !errors.Is(err, signing.ErrNamespace) {
		t.Error(err)
	}
}

func TestStatementForged(t *testing.T) {
	p := dt.NewPullRequest("agent.coder")
	file := dt.ForgeFile(t, p.Payload(), dt.Signer("agent.mallory"))
	if err := parseAs[delegation.PullRequest](file); !errors.Is(err, signing.ErrBadSignature) || !strings.Contains(err.Error(), "agent.coder") {
		t.Errorf("signed by another: %v", err)
	}
	// The key id says what it likes.
	s := dt.SignStatement(t, p)
	s.Envelope.KeyID = dt.Key("agent.mallory").Fingerprint()
	if err := parseAs[delegation.PullRequest](s.Marshal()); err != nil {
		t.Errorf("another key id: %v", err)
	}
	// The signature of one payload on another.
	q := p
	q.Head = dt.Base
	env := *s.Envelope
	env.Payload = q.Payload()
	if err := parseAs[delegation.PullRequest]((&delegation.Signed[delegation.PullRequest]{Envelope: &env}).Marshal()); !errors.Is(err, signing.ErrBadSignature) {
		t.Errorf("another payload: %v", err)
	}
	env = *s.Envelope
	env.PayloadType = "application/json"
	if err := parseAs[delegation.PullRequest]((&delegation.Signed[delegation.PullRequest]{Envelope: &env}).Marshal()); err == nil || !strings.Contains(err.Error(), "payload type") {
		t.Errorf("another payload type: %v", err)
	}
}

// A Signed that was put together is worth what Verify finds.
func TestVerifySigned(t *testing.T) {
	good := dt.SignStatement(t, dt.NewRequest("agent.coder"))
	other := dt.SignStatement(t, dt.NewRequest("agent.planner"))
	if err := good.Verify(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*delegation.Signed[delegation.Request]){
		"no envelope":         func(s *delegation.Signed[delegation.Request]) { s.Envelope = nil },
		"no claim":            func(s *delegation.Signed[delegation.Request]) { s.Statement = delegation.Request{} },
		"another environment": func(s *delegation.Signed[delegation.Request]) { s.Statement.Environment = "staging" },
		"another's envelope":  func(s *delegation.Signed[delegation.Request]) { s.Envelope = other.Envelope },
		"another's claim":     func(s *delegation.Signed[delegation.Request]) { s.Statement = other.Statement },
		"another's digest":    func(s *delegation.Signed[delegation.Request]) { s.Digest = other.Digest },
		"no digest":           func(s *delegation.Signed[delegation.Request]) { s.Digest = "" },
		"a bundle of nothing": func(s *delegation.Signed[delegation.Request]) { s.Bundle = delegation.Chain{} },
		"a signature by nobody": func(s *delegation.Signed[delegation.Request]) {
			env := *s.Envelope
			env.Sig = make([]byte, 64)
			s.Envelope = &env
		},
	} {
		s := *good
		change(&s)
		if err := s.Verify(); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
	var none *delegation.Signed[delegation.Statement]
	if none.Verify() == nil || (&delegation.Signed[delegation.Statement]{}).Verify() == nil {
		t.Error("nothing is verified")
	}
	if _, err := delegation.SignStatement[delegation.Statement](nil, dt.Signer("human.alice")); err == nil {
		t.Error("nothing is signed")
	}
}

// underChain is a request under a chain, and the chain.
func underChain(t testing.TB) (*delegation.Signed[delegation.Request], delegation.Chain) {
	c := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder"})
	r := dt.NewRequest("agent.coder")
	r.Delegation = c.Digest()
	return dt.SignStatement(t, r), c
}

func TestBundleOfStatement(t *testing.T) {
	s, c := underChain(t)
	both, err := s.WithBundle(c)
	if err != nil {
		t.Fatal(err)
	}
	if s.Bundle != nil {
		t.Error("WithBundle changed the statement without one")
	}
	back, err := delegation.ParseSigned[delegation.Request](both.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if back.Bundle.Digest() != c.Digest() || back.Digest != s.Digest || len(back.Bundle.Problems(dt.Repository, 0)) > 0 || back.Verify() != nil {
		t.Errorf("read %+v", back)
	}

	// Chains that are not the one under which it was made.
	own := dt.SignStatement(t, dt.NewRequest("agent.coder"))
	stolen := dt.NewRequest("agent.mallory")
	stolen.Delegation = c.Digest()
	otherKey := dt.NewRequest("agent.coder")
	otherKey.Delegation, otherKey.Signer.Key = c.Digest(), dt.Key("agent.mallory")
	keyed, err := delegation.SignStatement(otherKey, dt.Signer("agent.mallory"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		s    *delegation.Signed[delegation.Request]
		c    delegation.Chain
		want string
	}{
		"in its own name":  {own, c, "names no delegation"},
		"none":             {s, delegation.Chain{}, "the bundle ends in"},
		"without its leaf": {s, c[:1], "the bundle ends in"},
		"another's":        {s, dt.MakeChain(t, "human.alice", dt.Step{To: "agent.coder"}), "the bundle ends in"},
		"by another agent": {dt.SignStatement(t, stolen), c, "the statement is by agent.mallory"},
		"by another key":   {keyed, c, "the statement is by agent.coder with the key " + dt.Key("agent.mallory").Fingerprint()},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := tc.s.WithBundle(tc.c); err == nil || !strings.Contains(err.Error(), tc.want) || out != nil {
				t.Errorf("WithBundle: %v, want %q", err, tc.want)
			}
			forged := *tc.s
			forged.Bundle = tc.c
			if err := forged.Verify(); err == nil {
				t.Error("verified")
			}
			if err := parseAs[delegation.Request](forged.Marshal()); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// The longest statement and the longest bundle fit into one file, and that into a body.
func TestLongestSigned(t *testing.T) {
	steps := make([]dt.Step, delegation.MaxLinks)
	for i := range steps {
		steps[i].To = names.Principal("agent.a" + string(rune('0'+i)))
		steps[i].Change = func(d *delegation.Delegation) {
			d.Scope.Paths = dt.Paths(strings.Repeat("p", 1000), strings.Repeat("q", 1000), strings.Repeat("r", 1000), strings.Repeat("s", 400+i))
		}
	}
	c := dt.MakeChain(t, "human.alice", steps...)
	r := dt.NewRequest("agent.a9")
	r.Delegation = c.Digest()
	r.Targets = longTargets()[:15]
	s, err := dt.SignStatement(t, r).WithBundle(c)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Marshal()) < 55<<10 || len(r.Payload()) < 14<<10 {
		t.Errorf("a bundle of %d and a statement of %d bytes are not long", len(c.Marshal()), len(r.Payload()))
	}
	if err := parseAs[delegation.Request](s.Marshal()); err != nil {
		t.Error(err)
	}
	if len(s.Text())*2 > delegation.MaxBodySize {
		t.Errorf("%d characters are half of a body", len(s.Text()))
	}
	steps[9].Change = func(d *delegation.Delegation) { // and this bundle is too long
		for i := range 12 {
			d.Scope.Paths = append(d.Scope.Paths, dt.Paths(strings.Repeat(string(rune('a'+i)), 1000))...)
		}
	}
	var long delegation.Chain
	from := names.Principal("human.alice")
	for i, step := range steps {
		d := dt.New(from, step.To)
		d.Parent, d.Scope.Depth = long.Digest(), len(steps)-1-i
		step.Change(&d)
		long, from = append(long, dt.Forge(t, d, dt.Signer(string(d.Delegator.Name)))), step.To
	}
	r.Delegation = long.Digest()
	if out, err := dt.SignStatement(t, r).WithBundle(long); err == nil || !strings.Contains(err.Error(), "at most 65536") || out != nil {
		t.Errorf("a bundle of %d bytes: %v", len(long.Marshal()), err)
	}
}

func TestSignedFileRefuses(t *testing.T) {
	s, c := underChain(t)
	both, err := s.WithBundle(c)
	if err != nil {
		t.Fatal(err)
	}
	file := string(both.Marshal())
	for name, tc := range map[string]struct{ edited, want string }{
		"empty":                    {"", "not the JSON"},
		"null":                     {"null", "version is 0"},
		"version 2":                {strings.Replace(file, "1", "2", 1), "version is 2"},
		"version as float":         {strings.Replace(file, "1", "1.0", 1), "not the JSON"},
		"no version":               {strings.Replace(file, `"version":1,`, "", 1), "version is 0"},
		"no statement":             {`{"version":1}`, "envelope"},
		"statement null":           {`{"version":1,"statement":null}`, "envelope"},
		"bundle null":              {string(s.Marshal()[:len(s.Marshal())-1]) + `,"bundle":null}`, "bundle"},
		"bundle empty":             {string(s.Marshal()[:len(s.Marshal())-1]) + `,"bundle":{"version":1,"links":[]}}`, "0 links"},
		"unknown name":             {strings.Replace(file, `"bundle"`, `"x":1,"bundle"`, 1), "unknown"},
		"BUNDLE":                   {strings.Replace(file, `"bundle"`, `"BUNDLE"`, 1), "unknown"},
		"two statements":           {strings.Replace(file, `"statement":`, `"statement":{},"statement":`, 1), "duplicate"},
		"two bundles":              {strings.Replace(file, `"bundle":`, `"bundle":{},"bundle":`, 1), "duplicate"},
		"two signatures":           {strings.Replace(file, `"signatures":[`, `"signatures":[{"keyid":"","sig":"AA=="},`, 1), "2 signatures"},
		"unknown name in envelope": {strings.Replace(file, `"signatures"`, `"x":0,"signatures"`, 1), "unknown"},
		"order":                    {`{"version":1,"bundle":` + string(c.Marshal()) + `,"statement":` + string(s.Envelope.Marshal()) + `}`, "canonical"},
		"space":                    {strings.Replace(file, `,"bundle"`, `, "bundle"`, 1), "canonical"},
		"trailing data":            {file + "{}", "not the JSON"},
		"trailing newline":         {file + "\n", "canonical"},
		"cut short":                {file[:len(file)-1], "not the JSON"},
		"deep nesting":             {strings.Repeat("[", 30000), "nested deeper"},
		"10 MiB":                   {`{"version":1,"statement":"` + strings.Repeat("x", 10<<20) + `"}`, "at most"},
		"one byte too many":        {file + strings.Repeat(" ", delegation.MaxSignedSize+1-len(file)), "at most"},
		"as text":                  {both.Text(), "not the JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.edited == file {
				t.Fatal("the edit changed nothing")
			}
			s, err := delegation.ParseSigned[delegation.Request]([]byte(tc.edited))
			if err == nil || !strings.Contains(err.Error(), tc.want) || s != nil {
				t.Errorf("got %v, %v; want an error with %q", s, err, tc.want)
			}
		})
	}
	text := both.Text()
	for name, bad := range map[string]string{
		"empty": "", "padded": text + "=", "newline": text[:40] + "\n" + text[40:], "standard alphabet": base64.StdEncoding.EncodeToString([]byte("\xff\xff\xfe")),
		"trailing bits": "AB", "too long": strings.Repeat("A", 2*delegation.MaxSignedSize),
	} {
		if b, err := delegation.DecodeText(bad); err == nil || b != nil {
			t.Errorf("text, %s: accepted", name)
		}
	}
}

func TestForRepository(t *testing.T) {
	for name, c := range claims(t) {
		id := int64(4711)
		if strings.HasPrefix(name, "least") || strings.HasSuffix(name, "request") && strings.HasPrefix(name, "approval") {
			id = 0 // it states none
		}
		if err := c.ForRepository(dt.Repository, 4711); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.ForRepository(dt.Repository, 0); err != nil {
			t.Errorf("%s, id not known: %v", name, err)
		}
		for _, other := range []string{"github.com/acme/other", "github.com/mallory/shop", "github.com/Acme/shop", ""} {
			if c.ForRepository(other, 4711) == nil {
				t.Errorf("%s is for %q", name, other)
			}
		}
		if err := c.ForRepository(dt.Repository, 4712); (err == nil) != (id == 0) {
			t.Errorf("%s, made anew: %v", name, err)
		}
	}
	if (delegation.Request{}).ForRepository("", 0) == nil {
		t.Error("nothing is for nothing")
	}
}

func TestApproves(t *testing.T) {
	r := dt.NewRequest("agent.coder")
	r.RepositoryID = 4711
	signed := dt.SignStatement(t, r)
	good := dt.NewApprovalOf("human.alice", signed)
	again := r
	again.Nonce = strings.Repeat("0", 32)
	later := r
	later.NotAfter = r.NotAfter.Add(time.Second)
	forged := *signed
	forged.Statement.Environment = "staging"
	for name, tc := range map[string]struct {
		change func(*delegation.Approval)
		r      *delegation.Signed[delegation.Request]
		ok     bool
	}{
		"it":                           {func(*delegation.Approval) {}, signed, true},
		"in other case":                {func(a *delegation.Approval) { a.Environment = "PRODUCTION" }, signed, true},
		"with the id":                  {func(a *delegation.Approval) { a.RepositoryID = 4711 }, signed, true},
		"another id":                   {func(a *delegation.Approval) { a.RepositoryID = 4712 }, signed, false},
		"another repository":           {func(a *delegation.Approval) { a.Repository = "github.com/acme/other" }, signed, false},
		"another environment":          {func(a *delegation.Approval) { a.Environment = "staging" }, signed, false},
		"a homoglyph":                  {func(a *delegation.Approval) { a.Environment = "pr\u043eduction" }, signed, false},
		"a letter that folds to ASCII": {func(a *delegation.Approval) { a.Environment = "production\u212a" }, signed, false},
		"another action":               {func(a *delegation.Approval) { a.Action = names.Delete }, signed, false},
		"the commit":                   {func(a *delegation.Approval) { a.Request, a.Head, a.Ref = "", dt.Head, "refs/heads/main" }, signed, false},
		"the same, asked again":        {func(*delegation.Approval) {}, dt.SignStatement(t, again), false},
		"the same, longer":             {func(*delegation.Approval) {}, dt.SignStatement(t, later), false},
		"a forged one":                 {func(a *delegation.Approval) { a.Environment = "staging" }, &forged, false},
		"none":                         {func(*delegation.Approval) {}, nil, false},
		"nothing of none":              {func(a *delegation.Approval) { *a = delegation.Approval{} }, &delegation.Signed[delegation.Request]{}, false},
	} {
		a := good
		tc.change(&a)
		if err := a.Approves(tc.r); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatementStateAt(t *testing.T) {
	r, a := dt.NewRequest("agent.coder"), dt.NewApproval("human.alice")
	for _, tc := range []struct {
		after         time.Duration
		request, appr delegation.WindowState
	}{
		{-31 * time.Second, delegation.TooEarly, delegation.TooEarly},
		{-30 * time.Second, delegation.Live, delegation.Live},
		{0, delegation.Live, delegation.Live},
		{10*time.Minute - 1, delegation.Live, delegation.Live},
		{10 * time.Minute, delegation.Expired, delegation.Live},
		{time.Hour, delegation.Expired, delegation.Expired},
	} {
		at := dt.Start().Add(tc.after)
		if got := r.StateAt(at, 30*time.Second); got != tc.request {
			t.Errorf("request at %s: %v", tc.after, got)
		}
		if got := a.StateAt(at, 30*time.Second); got != tc.appr {
			t.Errorf("approval at %s: %v", tc.after, got)
		}
	}
	if (delegation.Request{}).StateAt(dt.Start(), 0) == delegation.Live || r.StateAt(time.Time{}, 0) == delegation.Live {
		t.Error("live without a time")
	}
}

func TestUsedRef(t *testing.T) {
	r := dt.NewRequest("agent.coder")
	if got := r.UsedRef(); got != "refs/tags/remit/requests/"+r.Nonce || names.CheckRef(got) != nil {
		t.Error(got)
	}
	r.Nonce = "../" + r.Nonce
	if got := r.UsedRef(); got != "" {
		t.Error(got)
	}
}

// A signature fits the type of the key that is named, or it is none.
func TestStatementByAnotherKindOfKey(t *testing.T) {
	a := dt.NewApproval("human.alice")
	a.Approver.Key = ecdsaKey(t)
	file := dt.ForgeFile(t, a.Payload(), dt.Signer("human.alice"))
	if err := parseAs[delegation.Approval](file); !errors.Is(err, signing.ErrBadSignature) {
		t.Errorf("Ed25519 for ECDSA: %v", err)
	}
}

func TestDeployedRef(t *testing.T) {
	r := delegation.Request{Nonce: strings.Repeat("0a", 16)}
	at := time.Date(2026, 11, 22, 15, 3, 7, 9, time.FixedZone("", 3600))
	for environment, want := range map[string]string{
		"production":   "refs/tags/remit/deployed/production/",
		"PRODUCTION":   "refs/tags/remit/deployed/production/",
		"prod/eu west": "refs/tags/remit/deployed/prod%2feu%20west/",
		"prod.eu":      "refs/tags/remit/deployed/prod%2eeu/",
		"a-b_c":        "refs/tags/remit/deployed/a-b_c/",
	} {
		r.Environment = environment
		if got := r.DeployedRef(at); got != want+"20261122T140307Z-"+r.Nonce || !delegation.DeployedAt(got).Equal(at.Truncate(time.Second)) || names.CheckRef(got) != nil || delegation.DeployedRefs(environment) != want {
			t.Errorf("%q: got %q (%v), want %q", environment, got, names.CheckRef(got), want+r.Nonce)
		}
	}
	r.Environment = ""
	if got := r.DeployedRef(at); got != "" {
		t.Errorf("without an environment: got %q", got)
	}
	r.Environment = "production"
	if got := r.DeployedRef(time.Time{}); got != "" {
		t.Errorf("without a time: got %q", got)
	}
	for _, ref := range []string{
		"", "refs/tags/remit/deployed/production/" + r.Nonce, "20261122T140307Z", "20261122T140307Z-", "20261122T140307Z-xyz",
		"20261322T140307Z-" + r.Nonce, "2026-11-22T14:03:07Z-" + r.Nonce, "x/20261122T140307Z-" + r.Nonce + "-1",
	} {
		if got := delegation.DeployedAt(ref); !got.IsZero() {
			t.Errorf("%q tells %v", ref, got)
		}
	}
	r.Environment, r.Nonce = "production", "0a/../../heads/main"
	if got := r.DeployedRef(at); got != "" {
		t.Errorf("with a nonce that is none: got %q", got)
	}
}
