package checker

import (
	"fmt"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// workflowUnjudged: something of a workflow file could not be worked out, or nothing leads to it.
func workflowUnjudged(a *act) []verdict.Finding {
	found := a.flaws("workflow-unjudged", unjudged)
	if a.flow != nil && !a.tree { // of a tree it is said once
		found = append(found, unread(a.flow.change)...)
	}
	return found
}

// wholeWorkflows says what of a tree that is judged by itself could not be read.
func wholeWorkflows(a *act) []verdict.Finding {
	if a.judge.set.Workflows == nil {
		return nil
	}
	return unread(&a.judge.set.Workflows.WorkflowChange)
}

func unread(c *evidence.WorkflowChange) []verdict.Finding {
	const subject = "what the workflows may do"
	found := append(gapFindings(c.Gaps, evidence.GapHistory, subject), gapFindings(c.Gaps, evidence.GapLimit, subject)...)
	if c.Head == nil && len(c.Gaps) == 0 {
		found = append(found, undecided("the workflows were not read", "Nothing can be said about what nobody has seen.", "Fetch the commit where this check runs."))
	}
	return found
}

func unjudged(j *judge, w *evidence.Workflows) []flaw {
	found := ownUses(j, w)
	for _, p := range w.Problems {
		f := flaw{at: p.At, what: p.Detail, key: fmt.Sprintf("%s\x00%d\x00%s", p.At.File, p.Kind, p.Detail)}
		f.Finding = undecided(
			inert.Word(p.At.File)+" could not be judged as a whole",
			sentence(told(p.Detail))+" What the forge would make of it is not known, and so not what its jobs reach.",
			problemFix(p.Kind))
		found = append(found, f)
	}
	for i := range w.Files {
		file := &w.Files[i]
		if !file.Parsed || file.Started || !file.TriggersKnown || len(file.CalledBy) > 0 {
			continue
		}
		f := flawed(evidence.Place{File: file.Path},
			inert.Word(file.Path)+" can only be called, and nothing here calls it",
			"A workflow that is called runs with what its caller passes, so that there is nothing to judge it by.",
			"Call it from a workflow of this repository, or remove it. Callers in other repositories are judged there.")
		f.Effect, f.started, f.key = verdict.Warn, file.Path, file.Path+"\x00uncalled"
		found = append(found, f)
	}
	return found
}

// problemFix says what to do about a problem.
func problemFix(kind evidence.WorkflowProblemKind) string {
	switch kind {
	case evidence.ProblemUnreadable:
		return "Make it a plain file that can be read: no link, no submodule, and fetched where this check runs."
	case evidence.ProblemLimit:
		return "Make it smaller: split the file, or write the choices out."
	case evidence.ProblemSyntax:
		return "Write plain YAML: each key once, one document, no tags and no merge keys."
	case evidence.ProblemExpression:
		return "Mend the expression, or write the value itself."
	case evidence.ProblemCallee:
		return "Correct the path, or add the workflow or action that it names."
	default:
		return "Mend the file as the forge's documentation has it."
	}
}
