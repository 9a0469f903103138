package githubaction

import (
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/remit-sh/remit/fault"
)

const (
	maxEvent = 25 << 20 // bytes, which is GitHub's own limit
)

// event is what is used of an event's payload: pointers to what is then read anew. Whatever else it
// says is not looked at, for it may be from long ago.
type event struct {
	Number      int `json:"number"` // of a pull request
	PullRequest struct {
		Number int `json:"number"`
	} `json:"pull_request"`
	WorkflowRun struct {
		ID int64 `json:"id"`
	} `json:"workflow_run"`
	MergeGroup struct {
		HeadSHA string `json:"head_sha"`
		BaseRef string `json:"base_ref"` // full name
	} `json:"merge_group"`
	Deployment struct {
		ID int64 `json:"id"`
	} `json:"deployment"`
	Ref    string                    `json:"ref"` // of a push: full name
	Before string                    `json:"before"`
	After  string                    `json:"after"`
	Inputs map[string]jsontext.Value `json:"inputs"` // of workflow_dispatch
}

// readEvent reads the file of an event. Members of it may be unknown, and none may be there twice.
func readEvent(path string) (*event, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Undecidedf("reading the event: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(f, maxEvent+1))
	if err != nil {
		return nil, fault.Undecidedf("reading the event: %w", err)
	}
	e, err := parseEvent(text)
	if err != nil {
		return nil, fault.Undecidedf("reading the event: %w", err)
	}
	return e, nil
}

func parseEvent(text []byte) (*event, error) {
	if len(text) > maxEvent {
		return nil, fmt.Errorf("it has more than %d bytes", maxEvent)
	}
	var e event
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, err
	}
	return &e, nil
}

// pullRequest is the number of the pull request that the event points at.
func (e *event) pullRequest() (int, error) {
	n := e.PullRequest.Number
	if n == 0 {
		n = e.Number
	}
	if n <= 0 {
		return 0, fault.Undecidedf("the event names no pull request")
	}
	return n, nil
}

// input is an input of workflow_dispatch, "" for one that is not there or is no text.
func (e *event) input(name string) string {
	var text string
	if err := json.Unmarshal(e.Inputs[name], &text); err != nil {
		return ""
	}
	return text
}
