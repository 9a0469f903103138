package delegationtest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
)

// Head and Base are ids of commits that do not exist.
const (
	Head = "1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a"
	Base = "2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b"
)

// NewPullRequest is a pull request from refs/heads/agent/pay into refs/heads/main, in its own name.
func NewPullRequest(by names.Principal) delegation.PullRequest {
	return delegation.PullRequest{
		Repository: Repository, BaseRef: "refs/heads/main", HeadRef: "refs/heads/agent/pay", Head: Head,
		Purpose: "SHOP-1412", Signer: Party(by), Nonce: nonceOf("pull request", by), At: Start(),
	}
}

// NewRequest asks to deploy Head of refs/heads/main to production, for ten minutes from Start.
func NewRequest(by names.Principal) delegation.Request {
	return delegation.Request{
		Action: names.Deploy, Repository: Repository, Environment: "production",
		Commit: Head, Ref: "refs/heads/main", Reason: "SHOP-1412", Nonce: nonceOf("request", by),
		NotBefore: Start(), NotAfter: Start().Add(10 * time.Minute), Signer: Party(by),
	}
}

// NewApproval approves the merge of Head into refs/heads/main, for an hour from Start.
func NewApproval(by names.Principal) delegation.Approval {
	return delegation.Approval{
		Approver: Party(by), Action: names.PullRequest, Repository: Repository,
		Head: Head, Base: Base, Ref: "refs/heads/main", PolicyDigest: "sha256:" + strings.Repeat("3c", 32),
		Nonce: nonceOf("approval", by), NotBefore: Start(), NotAfter: Start().Add(time.Hour),
	}
}

// NewApprovalOf approves a request, for an hour from Start.
func NewApprovalOf(by names.Principal, r *delegation.Signed[delegation.Request]) delegation.Approval {
	a := NewApproval(by)
	a.Action, a.Environment, a.Request = r.Statement.Action, r.Statement.Environment, r.Digest
	a.Head, a.Base, a.Ref = "", "", ""
	return a
}

// SignStatement signs a claim with the key of its principal's name.
func SignStatement[C delegation.Statement](t testing.TB, c C) *delegation.Signed[C] {
	t.Helper()
	s, err := delegation.SignStatement(c, Signer(string(c.By().Name)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ForgeFile is the file of any payload, signed as it is, with whatever key and without a bundle.
func ForgeFile(t testing.TB, payload []byte, s signing.Signer) []byte {
	t.Helper()
	env, err := signing.SignEnvelope(delegation.PayloadType, payload, s)
	if err != nil {
		t.Fatalf("signing a statement: %v", err)
	}
	return (&delegation.Signed[delegation.Statement]{Envelope: env}).Marshal()
}

func nonceOf(what string, by names.Principal) string {
	sum := sha256.Sum256([]byte(what + " by " + string(by)))
	return hex.EncodeToString(sum[:16])
}
