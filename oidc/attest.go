package oidc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// AttestationKind is the kind of an attestation by a token.
const AttestationKind = "oidc"

const maxWorkflow = 200 // bytes of a workflow that is believed, so that an attestation can name it

// Trust says whose word counts in a repository's audit log. The zero value believes nobody.
type Trust struct {
	// RepositoryID is the forge's id of the repository, so that another one that gets its name is not believed. "":
	// its name counts.
	RepositoryID string
	// Workflows are the files that are believed, each as [WorkflowAt] writes it. Those of the default branch, since
	// everybody who may push a branch can write one there.
	Workflows []string
}

// WorkflowAt is a workflow file at a branch in the form that tokens have:
// "acme/shop/.github/workflows/remit.yml@refs/heads/main". The repository is a canonical name with its host.
func WorkflowAt(repository, file, branch string) (string, error) {
	canonical, err := names.ParseRepository(repository)
	if err != nil || canonical != repository {
		return "", fmt.Errorf("%s is not the canonical name of a repository", inert.Quote(repository))
	}
	_, path, _ := strings.Cut(repository, "/")
	if strings.Count(path, "/") != 1 {
		return "", fmt.Errorf("the repository %s is not host/owner/name", inert.Quote(repository))
	}
	base, ok := strings.CutPrefix(file, ".github/workflows/")
	if !ok || base == "" || strings.ContainsAny(base, "/@\\") || !strings.HasSuffix(base, ".yml") && !strings.HasSuffix(base, ".yaml") {
		return "", fmt.Errorf("%s is no workflow file, such as .github/workflows/remit.yml", inert.Quote(file))
	}
	ref := "refs/heads/" + branch
	if err := names.CheckRef(ref); err != nil {
		return "", fmt.Errorf("the branch %s: %w", inert.Quote(branch), err)
	}
	if strings.Contains(ref, "@") { // where the file ends could be read in two ways
		return "", fmt.Errorf("the branch %s has an @ in its name, and a token could not be told from that of another file", inert.Quote(branch))
	}
	out := path + "/" + file + "@" + ref
	if len(out) > maxWorkflow {
		return "", fmt.Errorf("%s has %d bytes, at most %d are taken", inert.Quote(out), len(out), maxWorkflow)
	}
	return out, nil
}

// Attest is who vouches for an entry by this token, or why nobody does: the token's audience is the digest of what the
// entry claims, its repository, run and attempt are the entry's, and its workflows are among those that are believed.
// The entry's own attestation plays no part.
func (t *Token) Attest(e *audit.Entry, trust Trust) (audit.Attestation, error) {
	claim, err := e.Claim()
	if err != nil {
		return audit.Attestation{}, err
	}
	for _, must := range []struct{ what, is, be string }{
		{"audience", t.Audience, audit.Digest(claim)},
		{"repository", t.Repository, e.Repository},
		{"run", t.RunID, e.Run.ID},
		{"attempt", fmt.Sprint(t.RunAttempt), fmt.Sprint(e.Run.Attempt)},
	} {
		if must.is == "" || must.is != must.be {
			return audit.Attestation{}, fmt.Errorf("the token does not vouch for the entry: its %s is %s, the entry's %s", must.what, inert.Quote(must.is), inert.Quote(must.be))
		}
	}
	if trust.RepositoryID != "" && t.RepositoryID != trust.RepositoryID {
		return audit.Attestation{}, fmt.Errorf("the token does not vouch for the entry: it is of the repository with the id %s, not %s", inert.Quote(t.RepositoryID), inert.Quote(trust.RepositoryID))
	}
	// Of a reusable workflow the caller chooses what it is given, and of a caller what it calls: both count.
	for _, w := range []string{t.Workflow, t.JobWorkflow} {
		if w == "" && t.Workflow != "" {
			continue
		}
		if !slices.Contains(trust.Workflows, t.canonical(w)) {
			return audit.Attestation{}, fmt.Errorf("the token does not vouch for the entry: %s is not among the workflows that are believed: %s", inert.Quote(w), believed(trust.Workflows))
		}
	}
	return audit.Attestation{
		Kind: AttestationKind,
		By:   fmt.Sprintf("%s run %s attempt %d", t.canonical(t.Workflow), t.RunID, t.RunAttempt),
	}, nil
}

func believed(workflows []string) string {
	if len(workflows) == 0 {
		return "there are none"
	}
	return inert.Quote(strings.Join(workflows, ", "))
}

// canonical is a workflow with the name of its repository as the forge compares it: [names.ParseRepository].
func (t *Token) canonical(workflow string) string {
	host, _, _ := strings.Cut(t.Repository, "/")
	parts := strings.SplitN(workflow, "/", 3)
	if len(parts) != 3 {
		return workflow
	}
	repository, err := names.ParseRepository(host + "/" + parts[0] + "/" + parts[1])
	if err != nil {
		return workflow
	}
	return strings.TrimPrefix(repository, host+"/") + "/" + parts[2]
}
