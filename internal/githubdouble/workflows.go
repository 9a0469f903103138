package githubdouble

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxInputs is how many characters the inputs of a dispatch may have together, as GitHub states in words.
const maxInputs = 65_535

// dispatchWorkflow starts a workflow, which becomes a run with its inputs.
func dispatchWorkflow(c *call) answer {
	w := c.repo.workflow(c.params["workflow_id"])
	if w == nil {
		return c.notFound()
	}
	ref := c.text("ref")
	full, sha := c.branchOrTag(ref)
	given, _ := c.body["inputs"].(object)
	inputs, size := map[string]string{}, 0
	var unexpected []string
	for name, value := range given {
		inputs[name] = fmt.Sprint(value)
		size += utf8.RuneCountInString(name) + utf8.RuneCountInString(inputs[name])
		if !slices.Contains(w.Inputs, name) {
			unexpected = append(unexpected, fmt.Sprintf("%q", name))
		}
	}
	slices.Sort(unexpected)
	switch {
	case w.NoDispatch:
		return c.unprocessable("Workflow does not have 'workflow_dispatch' trigger")
	case sha == "":
		return c.unprocessable("No ref found for: " + ref)
	case len(unexpected) > 0:
		return c.unprocessable("Unexpected inputs provided: [" + strings.Join(unexpected, ", ") + "]")
	case size > maxInputs:
		return c.unprocessable("inputs are too large.")
	}
	path := ".github/workflows/" + w.File
	run := &WorkflowRun{
		WorkflowID: w.ID, Path: path, Name: path, Event: "workflow_dispatch", HeadSHA: sha, Inputs: inputs, Status: "queued",
		HeadBranch: strings.TrimPrefix(strings.TrimPrefix(full, "refs/heads/"), "refs/tags/"), Actor: c.actor().Login, Number: 1, Attempt: 1,
	}
	c.d.assign(&run.ID)
	c.d.stamp(&run.CreatedAt)
	c.repo.Runs = append(c.repo.Runs, run)
	return answer{status: http.StatusNoContent, header: http.Header{}}
}

// branchOrTag finds a branch or tag by its short or full name.
func (c *call) branchOrTag(name string) (full, sha string) {
	for _, full := range []string{name, "refs/heads/" + name, "refs/tags/" + name} {
		if sha := c.repo.Refs[full]; sha != "" && (strings.HasPrefix(full, "refs/heads/") || strings.HasPrefix(full, "refs/tags/")) {
			return full, sha
		}
	}
	return "", ""
}
