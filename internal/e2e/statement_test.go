package e2e

import (
	"path/filepath"
	"strings"
)

// inForce is the digest of the delegation that the coder's clone uses.
func (s *shop) inForce() string {
	s.t.Helper()
	refs := strings.Fields(s.git("coder", "for-each-ref --format=%(refname) refs/remit/delegations/"))
	if len(refs) != 1 {
		s.t.Fatalf("want one delegation, not %v", refs)
	}
	return "sha256:" + filepath.Base(refs[0])
}

// body is the text of the coder's pull request into main, with the statement that answers for it.
func (s *shop) body(text, branch string) string {
	s.t.Helper()
	write(s.t, s.path("body"), text)
	return s.remit("coder", "coder", "pr", "sign", "--head", branch, "--body", s.path("body"))
}

// request is the coder's signed request to deploy a commit of main to production.
func (s *shop) request(commit string) string {
	s.t.Helper()
	return s.requestFor("production", commit)
}

func (s *shop) requestFor(environment, commit string) string {
	s.t.Helper()
	return s.remit("coder", "coder", "request", "deploy", "--environment", environment, "--commit", commit, "--ref", "main")
}

// approve is bob's signed approval of a request.
func (s *shop) approve(request string) string {
	s.t.Helper()
	s.git("bob", "fetch -q origin +refs/remit/*:refs/remit/* main")
	return s.remit("bob", "bob", "approve", request, "--yes")
}
