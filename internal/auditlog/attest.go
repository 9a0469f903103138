package auditlog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/oidc"
)

// maxJudging is how long a decision may have taken: an entry is dated when judging began, and its token is asked for
// when it ended.
const maxJudging = 20 * time.Minute

// maxDoubts bounds the sentences about entries for which nobody vouches.
const maxDoubts = 20

// Tokens tells by the identity tokens beside spooled entries who vouches for these.
type Tokens struct {
	// Issuer is who makes the tokens. Its keys are Keys'.
	Issuer oidc.Issuer
	// Keys are the issuer's keys, asked for once, when the first token is seen.
	Keys func(ctx context.Context) (*oidc.Keys, error)
	// Older says that the keys may be older than a token: one of a key that is not among them is not looked at now.
	Older bool
	// RepositoryID is the forge's id of the repository; "": its name counts.
	RepositoryID string
	// Workflows are the files that are believed: names of files of the default branch, such as "remit.yml", or what a
	// token has ("acme/policy/.github/workflows/remit.yml@refs/heads/main").
	Workflows []string
	Branch    string // the default branch, by its short name

	// Doubts say, a sentence each without a full stop, why nobody vouches for entries that came with a token. More
	// counts those that are not listed.
	Doubts []string
	More   int

	asked  bool
	failed error
}

// Attest is for [gitbranch.Fold]. A token is looked at as of the time of its entry, so that it counts however late it
// is folded.
func (t *Tokens) Attest(ctx context.Context, s *gitbranch.Spooled) (audit.Attestation, error) {
	if len(s.Proof) == 0 {
		return audit.Attestation{}, nil
	}
	if _, err := oidc.KeyID(string(s.Proof)); err != nil {
		return t.doubt(s, err)
	}
	if !t.asked {
		t.asked = true
		t.Issuer.Keys, t.failed = t.Keys(ctx)
	}
	if t.failed != nil {
		return audit.Attestation{}, fmt.Errorf("the keys of %s could not be had: %w", inert.Word(t.Issuer.URL), t.failed)
	}
	claim, err := s.Entry.Claim()
	if err != nil {
		return audit.Attestation{}, err
	}
	token, err := t.verify(string(s.Proof), audit.Digest(claim), s.Entry.Time)
	if errors.Is(err, oidc.ErrUnknownKey) && t.Older {
		return audit.Attestation{}, err
	}
	if err != nil {
		return t.doubt(s, err)
	}
	trust, err := t.trust(token)
	if err != nil {
		return t.doubt(s, err)
	}
	by, err := token.Attest(s.Entry, trust)
	if err != nil {
		return t.doubt(s, err)
	}
	return by, nil
}

// verify reads a token as of when it was made, which is at most as long after an entry's time as judging may take.
func (t *Tokens) verify(proof, audience string, at time.Time) (*oidc.Token, error) {
	var first error
	for late := time.Duration(0); late <= maxJudging; late += oidc.MaxSkew {
		token, err := oidc.Verify(proof, t.Issuer, oidc.Want{Audience: audience, At: at.Add(late), Skew: oidc.MaxSkew})
		if err == nil {
			return token, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// trust is who is believed in the repository that a token is of. Where its id is known that is the repository, whatever
// it was called when the token was made.
func (t *Tokens) trust(token *oidc.Token) (oidc.Trust, error) {
	out := oidc.Trust{RepositoryID: t.RepositoryID}
	for _, w := range t.Workflows {
		full, err := believedWorkflow(w, token.Repository, t.Branch)
		if err != nil {
			return out, err
		}
		out.Workflows = append(out.Workflows, full)
	}
	return out, nil
}

// believedWorkflow is a workflow as tokens have it: a file of the repository's branch by its name, or one that says where it is.
func believedWorkflow(w, repository, branch string) (string, error) {
	if !strings.Contains(w, "@") {
		return oidc.WorkflowAt(repository, ".github/workflows/"+strings.TrimPrefix(w, ".github/workflows/"), branch)
	}
	host, _, _ := strings.Cut(repository, "/")
	parts := strings.SplitN(w, "/", 3)
	if len(parts) < 3 {
		return "", fmt.Errorf("%s is no workflow, such as remit.yml or acme/policy/.github/workflows/remit.yml@refs/heads/main", inert.Quote(w))
	}
	whose, err := names.ParseRepository(host + "/" + parts[0] + "/" + parts[1])
	if err != nil {
		return "", fmt.Errorf("the workflow %s: %w", inert.Quote(w), err)
	}
	return strings.TrimPrefix(whose, host+"/") + "/" + parts[2], nil
}

// CheckWorkflows reports what is wrong with the names of workflows.
func CheckWorkflows(workflows []string, repository, branch string) error {
	for _, w := range workflows {
		if _, err := believedWorkflow(w, repository, branch); err != nil {
			return err
		}
	}
	return nil
}

// doubt keeps why nobody vouches for an entry, which is kept as what somebody claims.
func (t *Tokens) doubt(s *gitbranch.Spooled, why error) (audit.Attestation, error) {
	if len(t.Doubts) < maxDoubts {
		t.Doubts = append(t.Doubts, fmt.Sprintf("nobody vouches for the entry %s: %s", inert.Word(s.Entry.ID), inert.Error(why)))
	} else {
		t.More++
	}
	return audit.Attestation{}, nil
}
