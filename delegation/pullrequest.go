package delegation

import (
	"errors"
	"fmt"
	"time"

	"github.com/remit-sh/remit/inert"
)

// PullRequestType is the predicate type of a [PullRequest].
const PullRequestType = "https://remit.sh/pull-request/v1"

// PullRequest is the statement by which a principal answers for a pull request. Its in-toto
// subject is the head commit ("gitCommit"), under the name of the head ref. This is its predicate,
// spread over lines; members whose value is empty or 0 are left out:
//
//	{"signer": {"name": "agent.coder", "key": "ssh-ed25519 AAAA…"}, "delegation": "sha256:…",
//	 "repository": "github.com/acme/shop", "repository_id": 4711,
//	 "base_ref": "refs/heads/main", "head_ref": "refs/heads/agent/pay", "head": "<commit id>",
//	 "purpose": "SHOP-1412", "at": "2026-11-22T14:05:00Z", "nonce": "<32 hexadecimal digits>"}
type PullRequest struct {
	Repository   string // canonical name of the base's repository, see [names.ParseRepository]
	RepositoryID int64  // the forge's numeric id of it; 0: not stated
	BaseRef      string // full name of the branch to merge into
	HeadRef      string // full name of the branch to be merged, which may be a fork's
	Head         string // id of the commit that HeadRef led to
	Purpose      string // one line of untrusted text
	Signer       Party  // a human or an agent
	Delegation   string // digest of the delegation under which an agent acts; "" for a human or a standing agent
	Nonce        string // 32 hexadecimal digits, see [NewNonce]
	// At is when it was signed, by the signer's own clock, in UTC and whole seconds: never evidence
	// of when anything happened.
	At time.Time
}

type pullRequestPredicate struct {
	Signer       party  `json:"signer"`
	Delegation   string `json:"delegation,omitzero"`
	Repository   string `json:"repository"`
	RepositoryID int64  `json:"repository_id,omitzero"`
	BaseRef      string `json:"base_ref"`
	HeadRef      string `json:"head_ref"`
	Head         string `json:"head"`
	Purpose      string `json:"purpose"`
	At           string `json:"at"`
	Nonce        string `json:"nonce"`
}

// By implements [Statement].
func (p PullRequest) By() Party { return p.Signer }

// Authority implements [Statement].
func (p PullRequest) Authority() string { return p.Delegation }

// ForRepository implements [Statement].
func (p PullRequest) ForRepository(repository string, repositoryID int64) error {
	return forRepository(p.Repository, p.RepositoryID, repository, repositoryID)
}

// Payload implements [Statement].
func (p PullRequest) Payload() []byte {
	return writeStatement(p.subject(), PullRequestType, pullRequestPredicate{
		Signer:       partyJSON(p.Signer),
		Delegation:   p.Delegation,
		Repository:   p.Repository,
		RepositoryID: p.RepositoryID,
		BaseRef:      p.BaseRef,
		HeadRef:      p.HeadRef,
		Head:         p.Head,
		Purpose:      p.Purpose,
		At:           formatTime(p.At),
		Nonce:        p.Nonce,
	})
}

// Sentence implements [Statement].
func (p PullRequest) Sentence() string {
	return fmt.Sprintf("%s asks to merge %s at %s into %s of %s, for %s%s; signed at %s by its own clock",
		p.Signer.Name, inert.WordAll(p.HeadRef), p.Head, inert.WordAll(p.BaseRef), p.Repository, inert.QuoteAll(p.Purpose), underText(p.Delegation), formatTime(p.At))
}

func (p PullRequest) subject() subject {
	return subject{Name: p.HeadRef, Digest: subjectDigest{GitCommit: p.Head}}
}

func (p PullRequest) validate() error {
	if err := checkActor(p.Signer, p.Delegation); err != nil {
		return err
	}
	if err := checkRepository(p.Repository, p.RepositoryID); err != nil {
		return err
	}
	if err := checkBranch("base_ref", p.BaseRef); err != nil {
		return err
	}
	if err := checkBranch("head_ref", p.HeadRef); err != nil {
		return err
	}
	if err := checkCommit("head", p.Head); err != nil {
		return err
	}
	if p.Purpose == "" {
		return errors.New("the purpose is missing: say what the pull request is for")
	}
	if err := checkLine("purpose", p.Purpose, MaxReason); err != nil {
		return err
	}
	if err := checkTime("at", p.At); err != nil {
		return err
	}
	return checkNonce(p.Nonce)
}

func (p pullRequestPredicate) statement() (Statement, error) {
	signer, err := p.Signer.parse("signer")
	if err != nil {
		return nil, err
	}
	at, err := parseTime("at", p.At)
	if err != nil {
		return nil, err
	}
	return PullRequest{
		Repository: p.Repository, RepositoryID: p.RepositoryID,
		BaseRef: p.BaseRef, HeadRef: p.HeadRef, Head: p.Head,
		Purpose: p.Purpose, Signer: signer, Delegation: p.Delegation, Nonce: p.Nonce, At: at,
	}, nil
}
