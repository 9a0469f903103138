package checker_test

import (
	"slices"
	"testing"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/verdict"
)

// TestUnsetWorkflowsDeny: facts that nobody filled in are the worst that they could be.
func TestUnsetWorkflowsDeny(t *testing.T) {
	s := parseScenario(t, "")
	p := s.parsePolicy(readFile(t, "../testdata/policies/workflows.hcl"))
	named := func() evidence.JobEnvironment {
		return evidence.JobEnvironment{Kind: evidence.EnvironmentNone}
	}
	for name, c := range map[string]struct {
		w    evidence.Workflows
		rule string
	}{
		"environment": {evidence.Workflows{Jobs: []evidence.WorkflowJob{{File: "w", ID: "j", Cases: []evidence.JobCase{{}}}}}, "environment-dynamic"},
		"secret": {evidence.Workflows{Jobs: []evidence.WorkflowJob{{File: "w", ID: "j", Cases: []evidence.JobCase{
			{Environment: named(), Secrets: []evidence.SecretUse{{}}},
		}}}}, "secret-dynamic"},
		"a kind that nobody knows": {evidence.Workflows{Jobs: []evidence.WorkflowJob{{File: "w", ID: "j", Cases: []evidence.JobCase{
			{Environment: named(), Secrets: []evidence.SecretUse{{Kind: 99, Step: 7}}},
		}}}}, "secret-dynamic"},
		"callee": {evidence.Workflows{Jobs: []evidence.WorkflowJob{{File: "w", ID: "j", Callee: &evidence.UnknownCallee{}, Cases: []evidence.JobCase{
			{Environment: named(), Secrets: []evidence.SecretUse{{Kind: evidence.SecretInherited}}},
		}}}}, "secret-inherited"},
		"problem": {evidence.Workflows{Problems: []evidence.WorkflowProblem{{}}}, "workflow-unjudged"},
	} {
		t.Run(name, func(t *testing.T) {
			c.w.Files = append(c.w.Files, evidence.WorkflowFile{Path: "w", TriggersKnown: true, Started: true, Parsed: true})
			set := *s.set
			set.Workflows = &evidence.WorkflowTree{WorkflowChange: evidence.WorkflowChange{Head: &c.w}}
			r := checker.Check(p, &set)
			if r.Verdict == verdict.Allowed || !slices.ContainsFunc(findingsOf(r), func(f verdict.Finding) bool { return f.Rule == c.rule }) {
				t.Errorf("%s: %+v", r.Verdict, findingsOf(r))
			}
			checkWording(t, r)
		})
	}
	// No facts at all, where there should be some.
	set := *s.set
	set.Workflows = &evidence.WorkflowTree{WorkflowChange: evidence.WorkflowChange{
		Gaps: []evidence.Gap{{What: "the tree", Detail: "object not found"}},
	}}
	if r := checker.Check(p, &set); r.Verdict == verdict.Allowed {
		t.Error("a tree that could not be read is allowed")
	}
}
