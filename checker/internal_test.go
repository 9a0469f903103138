package checker

import (
	"testing"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// TestNobodyLooked: an act that no code attributed is not allowed, of whatever kind it is. No
// evidence leads there today; a kind of act that is added and forgotten would.
func TestNobodyLooked(t *testing.T) {
	j := newJudge(&policy.Policy{}, &evidence.Set{})
	for _, a := range []*act{
		{judge: j, kind: "deploy"},
		{judge: j, kind: "commit", commit: &evidence.Commit{}},
		{judge: j, kind: "tag", tag: &evidence.Tag{}},
		{judge: j, kind: "push", update: &evidence.Update{}},
		{judge: j, update: &evidence.Update{}},
	} {
		a.refs = []string{"refs/heads/main"}
		a.seen.Time = a.seen.Time.AddDate(2025, 0, 0)
		if v := verdict.Of(judgeAct(a).Findings); v != verdict.NotDecided && v != verdict.Denied {
			t.Errorf("%q: %s", a.kind, v)
		}
	}
}
