// Package statementtest makes deploys that were let through, with their entries, for tests.
package statementtest

import (
	"strings"
	"testing"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/statement"
	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/verdict"
)

// Image is the digest of what was built.
const Image = "1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a"

// Deploy is the decision on a request of agent.coder's to deploy to production, which human.bob approved: the report and
// the request may be changed before the entry is made of them; nil: they are not. The last is the bundle of the delegation.
func Deploy(t testing.TB, change func(r *verdict.Report, c *delegation.Request)) (*audit.Entry, *delegation.Signed[delegation.Request], []byte) {
	t.Helper()
	chain := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder"})
	c := dt.NewRequest("agent.coder")
	c.Delegation = chain.Digest()
	c.Artifacts = []delegation.Artifact{{Name: "registry.example/shop", SHA256: Image}}
	r := &verdict.Report{
		Repository: c.Repository, Policy: "sha256:" + strings.Repeat("3c", 32), PolicyFrom: "policies.hcl", At: dt.Start(), AtSource: "gate clock",
		Gates: []verdict.Gate{{Name: "production needs bob", Needed: 1, Counted: []string{"human.bob"}}},
		Acts:  []verdict.Act{{Kind: "deploy", Actor: "agent.coder", Key: c.Signer.Key.Fingerprint()}},
	}
	for _, l := range chain {
		r.Acts[0].Chain = append(r.Acts[0].Chain, verdict.Link{
			Delegator: string(l.Delegator.Name), Delegate: string(l.Delegate.Name), Digest: l.Digest, NotAfter: l.NotAfter, Purpose: l.Purpose,
		})
	}
	if change != nil {
		change(r, &c)
	}
	request := dt.SignStatement(t, c)
	r.Acts[0].Subject = request.Digest
	r.Settle()
	e, err := audit.New(r, audit.Facts{
		Surface: "deploy-check", Run: audit.Run{Event: "deploy-check", ID: c.Nonce},
		Question: audit.Question{Kind: "deploy", Subject: request.Digest, Head: c.Commit, Environment: c.Environment, Nonce: c.Nonce},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, request, chain.Marshal()
}

// Signed is what the key of a name says of it.
func Signed(t testing.TB, key string, change func(r *verdict.Report, c *delegation.Request)) (*audit.Entry, *statement.Signed) {
	t.Helper()
	e, request, _ := Deploy(t, change)
	return e, Sign(t, key, e, request)
}

// Sign signs what is to be said of an entry with the key of a name, and names it in the entry.
func Sign(t testing.TB, key string, e *audit.Entry, request *delegation.Signed[delegation.Request]) *statement.Signed {
	t.Helper()
	d, err := statement.Of(e, request)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Sign(dt.Signer(key))
	if err != nil {
		t.Fatal(err)
	}
	e.Statements = nil
	for _, b := range s.Files() {
		e.Statements = append(e.Statements, audit.Digest(b))
	}
	return s
}
