package e2e

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
)

// canonical is the shop's name in policies and statements.
const canonical = "github.com/acme/shop"

// inForce is the digest of the delegation that the coder's clone uses.
func (s *shop) inForce() string {
	s.t.Helper()
	refs := strings.Fields(s.git("coder", "for-each-ref --format=%(refname) refs/remit/delegations/"))
	if len(refs) != 1 {
		s.t.Fatalf("want one delegation, not %v", refs)
	}
	return "sha256:" + filepath.Base(refs[0])
}

// coder is the agent as statements name it, with its key.
func (s *shop) coder() (delegation.Party, signing.Signer) {
	s.t.Helper()
	keys := keystore.Open(s.path("home/coder/keys"))
	signer, err := keys.Load("coder", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	public, err := keys.Public("coder")
	if err != nil {
		s.t.Fatal(err)
	}
	return delegation.Party{Name: "agent.coder", Key: public}, signer
}

// bundle is the chain of the delegation in force.
func (s *shop) bundle() delegation.Chain {
	s.t.Helper()
	text := s.git("coder", "cat-file blob refs/remit/delegations/"+strings.TrimPrefix(s.inForce(), "sha256:"))
	chain, err := delegation.ParseBundle([]byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	return chain
}

// sign signs a statement of the coder's, with its chain.
func sign[C delegation.Claim](s *shop, claim C, signer signing.Signer) *delegation.Signed[C] {
	s.t.Helper()
	signed, err := delegation.SignClaim(claim, signer)
	if err != nil {
		s.t.Fatal(err)
	}
	if signed, err = signed.WithBundle(s.bundle()); err != nil {
		s.t.Fatal(err)
	}
	return signed
}

// body is the body of the coder's pull request into main, with the statement that answers for it.
func (s *shop) body(text, branch string) string {
	s.t.Helper()
	by, signer := s.coder()
	signed := sign(s, delegation.PullRequest{
		Repository: canonical, BaseRef: "refs/heads/main", HeadRef: "refs/heads/" + branch, Head: s.git("coder", "rev-parse", branch),
		Purpose: "SHOP-1412", Signer: by, Delegation: s.inForce(), Nonce: delegation.NewNonce(), At: now(),
	}, signer)
	body, err := delegation.AddToBody(text, signed)
	if err != nil {
		s.t.Fatal(err)
	}
	return body
}

// request is the coder's signed request to deploy a commit of main to production, for ten minutes.
func (s *shop) request(commit string) string {
	s.t.Helper()
	by, signer := s.coder()
	return sign(s, delegation.Request{
		Action: names.Deploy, Repository: canonical, Environment: "production", Commit: commit, Ref: "refs/heads/main", Reason: "SHOP-1412",
		Nonce: delegation.NewNonce(), NotBefore: now(), NotAfter: now().Add(10 * time.Minute), Signer: by, Delegation: s.inForce(),
	}, signer).Text()
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }
