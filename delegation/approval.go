package delegation

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// ApprovalType is the predicate type of an [Approval].
const ApprovalType = "https://remit.sh/approval/v1"

// MaxApprovalTTL is the longest time from an approval's not_before to its not_after. A gate's
// max_age is usually shorter.
const MaxApprovalTTL = 30 * 24 * time.Hour

// ApprovalRefs is the beginning of the refs at which approvals of commits are published, one blob a ref.
const ApprovalRefs = "refs/remit/approvals/"

// ApprovalRef is the ref at which an approval is published: by the object that it is of, so that whoever judges
// that finds it, and by its own digest. It is "" for an approval of a request, which travels with the request.
func ApprovalRef(s *Signed[Approval]) string {
	if s.Statement.Head == "" {
		return ""
	}
	return ApprovalRefs + s.Statement.Head + "/" + strings.TrimPrefix(s.Digest, digestPrefix)
}

// Approval is the statement by which a human consents, either to a request or to a commit on a
// ref. Its in-toto subject is the request's payload ("sha256", under the name "request"), or the
// head commit ("gitCommit", under the name of the ref). This is its predicate, spread over lines,
// with what is only in the one kind or the other in brackets; members whose value is empty or 0 are
// left out:
//
//	{"approver": {"name": "human.alice", "key": "ssh-ed25519 AAAA…"},
//	 "action": "deploy", "repository": "github.com/acme/shop", "repository_id": 4711,
//	 "environment": "production", ["request": "sha256:…",]
//	 ["head": "<commit id>", "base": "<commit id>", "ref": "refs/heads/main",]
//	 "policy": "sha256:…", "reason": "reviewed with bob", "not_before": "2026-11-22T14:00:00Z",
//	 "not_after": "2026-11-22T15:00:00Z", "nonce": "<32 hexadecimal digits>"}
type Approval struct {
	Approver     Party        // a human
	Action       names.Action // the act that it is for
	Repository   string       // canonical, see [names.ParseRepository]
	RepositoryID int64        // the forge's numeric id of it; 0: not stated
	Environment  string       // compared without case; see [Request.Environment]

	// Request is the digest of the request that it is for; "" where it is for a commit.
	Request string
	// Head is the commit that it is for, Base the commit that Head was compared with, and Ref the
	// full name of the ref that the act is on: the base of a pull request, the ref deployed from.
	// An approval of commits or of a pull request needs a Base. In one of a push Base is what Ref is at
	// before the push, which takes that away; "" where Ref is new. All are "" where it is for a request.
	Head, Base, Ref string

	PolicyDigest string    // of the policy that the approver went by
	Reason       string    // one line of untrusted text; may be ""
	Nonce        string    // 32 hexadecimal digits, see [NewNonce]
	NotBefore    time.Time // the first instant at which it holds; UTC, whole seconds
	NotAfter     time.Time // the first instant at which it holds no more, at most [MaxApprovalTTL] later
}

type approvalPredicate struct {
	Approver     party  `json:"approver"`
	Action       string `json:"action"`
	Repository   string `json:"repository"`
	RepositoryID int64  `json:"repository_id,omitzero"`
	Environment  string `json:"environment,omitzero"`
	Request      string `json:"request,omitzero"`
	Head         string `json:"head,omitzero"`
	Base         string `json:"base,omitzero"`
	Ref          string `json:"ref,omitzero"`
	Policy       string `json:"policy"`
	Reason       string `json:"reason,omitzero"`
	NotBefore    string `json:"not_before"`
	NotAfter     string `json:"not_after"`
	Nonce        string `json:"nonce"`
}

// By implements [Statement].
func (a Approval) By() Party { return a.Approver }

// Authority implements [Statement]: a human needs no delegation.
func (a Approval) Authority() string { return "" }

// ForRepository implements [Statement].
func (a Approval) ForRepository(repository string, repositoryID int64) error {
	return forRepository(a.Repository, a.RepositoryID, repository, repositoryID)
}

// StateAt compares t with the time of the approval, as [Link.StateAt] does.
func (a Approval) StateAt(t time.Time, skew time.Duration) WindowState {
	return stateAt(a.NotBefore, a.NotAfter, t, skew)
}

// Approves says why a is not an approval of that request; nil if it is one. The digest alone binds
// the two; what the approval itself names must be the same, or its approver saw another request
// than the one that was made. Time, policy and whether the approver counts are not looked at.
func (a Approval) Approves(r *Signed[Request]) error {
	if err := r.Verify(); err != nil {
		return err
	}
	switch {
	case a.Request != r.Digest:
		return fmt.Errorf("the approval is for %s, not for the request %s", a.subjectText(), r.Digest)
	case a.Action != r.Statement.Action:
		return fmt.Errorf("the approval is for the action %s, and the request asks for %s", inert.Quote(string(a.Action)), inert.Quote(string(r.Statement.Action)))
	case !strings.EqualFold(a.Environment, r.Statement.Environment):
		return fmt.Errorf("the approval is for the environment %s, and the request names %s", inert.Quote(a.Environment), inert.Quote(r.Statement.Environment))
	}
	if err := a.ForRepository(r.Statement.Repository, r.Statement.RepositoryID); err != nil {
		return fmt.Errorf("the approval does not fit the request: %w", err)
	}
	return nil
}

// Payload implements [Statement].
func (a Approval) Payload() []byte {
	return writeStatement(a.subject(), ApprovalType, approvalPredicate{
		Approver:     partyJSON(a.Approver),
		Action:       string(a.Action),
		Repository:   a.Repository,
		RepositoryID: a.RepositoryID,
		Environment:  a.Environment,
		Request:      a.Request,
		Head:         a.Head,
		Base:         a.Base,
		Ref:          a.Ref,
		Policy:       a.PolicyDigest,
		Reason:       a.Reason,
		NotBefore:    formatTime(a.NotBefore),
		NotAfter:     formatTime(a.NotAfter),
		Nonce:        a.Nonce,
	})
}

// Sentence implements [Statement].
func (a Approval) Sentence() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s approves the action %s", a.Approver.Name, a.Action)
	if a.Environment != "" {
		fmt.Fprintf(&b, " in the environment %s", inert.WordAll(a.Environment))
	}
	fmt.Fprintf(&b, " for %s, in %s, %s, by the policy %s", a.subjectText(), a.Repository, windowText(a.NotBefore, a.NotAfter), a.PolicyDigest)
	if a.Reason != "" {
		fmt.Fprintf(&b, ", for %s", inert.QuoteAll(a.Reason))
	}
	return b.String()
}

func (a Approval) subjectText() string {
	switch {
	case a.Request != "":
		return "the request " + a.Request
	case a.Action == names.Push && a.Base != "":
		return fmt.Sprintf("%s in place of %s on %s", a.Head, a.Base, inert.WordAll(a.Ref))
	case a.Action == names.Push:
		return fmt.Sprintf("%s on %s, which is new", a.Head, inert.WordAll(a.Ref))
	case a.Base != "":
		return fmt.Sprintf("%s on top of %s on %s", a.Head, a.Base, inert.WordAll(a.Ref))
	default:
		return fmt.Sprintf("%s on %s", a.Head, inert.WordAll(a.Ref))
	}
}

func (a Approval) subject() subject {
	if a.Request != "" {
		return subject{Name: "request", Digest: subjectDigest{SHA256: hexDigest(a.Request)}}
	}
	return subject{Name: a.Ref, Digest: subjectDigest{GitCommit: a.Head}}
}

func (a Approval) validate() error {
	if err := a.Approver.validate("approver", names.Human); err != nil {
		return err
	}
	if _, err := names.ParseAction(string(a.Action)); err != nil {
		return err
	}
	if err := checkRepository(a.Repository, a.RepositoryID); err != nil {
		return err
	}
	if err := checkEnvironment(a.Action, a.Environment); err != nil {
		return err
	}
	if err := a.checkSubject(); err != nil {
		return err
	}
	if err := names.CheckDigest(a.PolicyDigest); err != nil {
		return fmt.Errorf("the policy %w", err)
	}
	if err := checkLine("reason", a.Reason, MaxReason); err != nil {
		return err
	}
	if err := checkWindow(a.NotBefore, a.NotAfter, MaxApprovalTTL); err != nil {
		return err
	}
	return checkNonce(a.Nonce)
}

// checkSubject makes sure that the approval is for one thing, and says all that binds it to that.
func (a Approval) checkSubject() error {
	if a.Request != "" {
		if a.Head != "" || a.Base != "" || a.Ref != "" {
			return errors.New("it names both a request and a commit: an approval is for one of them")
		}
		if !requestable(a.Action) {
			return fmt.Errorf("it is for a request, and the action %s is not one to request", inert.Quote(string(a.Action)))
		}
		if err := names.CheckDigest(a.Request); err != nil {
			return fmt.Errorf("the request %w", err)
		}
		return nil
	}
	if err := checkCommit("head", a.Head); err != nil {
		return err
	}
	switch {
	case a.Base != "":
		if err := checkCommit("base", a.Base); err != nil {
			return err
		}
		if len(a.Base) != len(a.Head) {
			return errors.New("head and base are not ids of one repository: their lengths differ")
		}
	case a.Action == names.Commit || a.Action == names.PullRequest:
		return fmt.Errorf("the base is missing: an approval of the action %s must say what the head was compared with", a.Action)
	}
	return checkRefText("ref", a.Ref)
}

func (p approvalPredicate) statement() (Statement, error) {
	approver, err := p.Approver.parse("approver")
	if err != nil {
		return nil, err
	}
	from, to, err := parseWindow(p.NotBefore, p.NotAfter)
	if err != nil {
		return nil, err
	}
	return Approval{
		Approver: approver, Action: names.Action(p.Action), Repository: p.Repository, RepositoryID: p.RepositoryID,
		Environment: p.Environment, Request: p.Request, Head: p.Head, Base: p.Base, Ref: p.Ref,
		PolicyDigest: p.Policy, Reason: p.Reason, Nonce: p.Nonce, NotBefore: from, NotAfter: to,
	}, nil
}
