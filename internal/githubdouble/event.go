package githubdouble

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"
)

// EventOf says what an event is about. Only some members matter to each kind of event.
type EventOf struct {
	Repository string `json:"repository"`
	Action     string `json:"action,omitzero"` // "" for the kind's usual one
	Sender     string `json:"sender,omitzero"` // "" for whoever the event is about

	Number int    `json:"number,omitzero"` // pull_request, pull_request_target, pull_request_review, merge_group
	Review int64  `json:"review,omitzero"` // pull_request_review: its id
	From   string `json:"from,omitzero"`   // pull_request edited: the base it had

	Run        int64 `json:"run,omitzero"`        // workflow_run; deployment: the run that asked for it, if any
	Deployment int64 `json:"deployment,omitzero"` // deployment

	Ref    string `json:"ref,omitzero"`    // push, workflow_dispatch: full name; merge_group: of the queue's branch
	Before string `json:"before,omitzero"` // push, pull_request synchronize: the head before; merge_group: the base
	After  string `json:"after,omitzero"`  // push: the head now; merge_group: the group's head
	Forced bool   `json:"forced,omitzero"` // push

	Workflow string            `json:"workflow,omitzero"` // workflow_dispatch: the file
	Inputs   map[string]string `json:"inputs,omitempty"`  // workflow_dispatch
}

// usualActions are the actions that workflows see of each kind of event, the usual one first.
var usualActions = sync.OnceValue(func() map[string][]string {
	return map[string][]string{
		"pull_request":        {"opened", "synchronize", "reopened", "closed", "edited", "ready_for_review"},
		"pull_request_target": {"opened", "synchronize", "reopened", "closed", "edited", "ready_for_review"},
		"pull_request_review": {"submitted", "dismissed"},
		"workflow_run":        {"completed", "requested"},
		"merge_group":         {"checks_requested"},
		"deployment":          {"created"},
		"push":                {""},
		"workflow_dispatch":   {""},
	}
})

// Event is the payload of an event as GitHub would send it now, for GITHUB_EVENT_PATH. The kind is the
// name of the workflow trigger. A payload holds what was true when it was made: a test that changes the
// scenario afterwards shows whether the program reads live state.
func (d *Double) Event(kind string, e EventOf) []byte {
	text, err := d.event(kind, e)
	d.must(err)
	return text
}

func (d *Double) event(kind string, e EventOf) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	actions, ok := usualActions()[kind]
	if !ok {
		return nil, fmt.Errorf("the double makes no event %q", kind)
	}
	orDefault(&e.Action, actions[0])
	r := d.state.repository(e.Repository)
	if r == nil {
		return nil, fmt.Errorf("event %s: no repository is called %q", kind, e.Repository)
	}
	if err := d.absorbAll(d.state); err != nil {
		return nil, err
	}
	base := "https://api.github.com"
	if d.listener != nil {
		base = d.URL()
	}
	m := eventMaker{renderer: renderer{d: d, s: d.state, base: base}, r: r, e: e}
	payload, err := m.payload(kind)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", kind, err)
	}
	if e.Action != "" {
		payload["action"] = e.Action
	}
	sender := m.e.Sender
	orDefault(&sender, r.owner())
	payload["repository"], payload["sender"] = m.repository(r), m.user(sender)
	if kind == "push" {
		payload["repository"] = m.pushedRepository()
	}
	if org := m.organization(r.owner()); org != nil {
		payload["organization"] = org
	}
	return d.describeEvent(webhookName(kind, e.Action), base, payload)
}

// webhookName is what the description calls an event.
func webhookName(kind, action string) string {
	name := strings.TrimSuffix(kind, "_target") + "_" + action
	return strings.ReplaceAll(strings.TrimSuffix(name, "_"), "_", "-")
}

// describeEvent completes a payload by the description, and checks it.
func (d *Double) describeEvent(name, base string, payload object) ([]byte, error) {
	hook, ok := d.contract.raw["x-webhooks"].(object)[name].(object)
	if !ok {
		return nil, fmt.Errorf("the description has no event %q", name)
	}
	schema := hook["post"].(object)["requestBody"].(object)["content"].(object)["application/json"].(object)["schema"]
	text, err := json.Marshal(filler{contract: d.contract, base: base, now: d.now()}.fill(schema, payload), json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	if at := d.contract.unknownMember(schema, value, ""); at != "" {
		return nil, fmt.Errorf("event %s has the member %s, which the description does not know", name, at)
	}
	if err := d.contract.schema("webhook-"+name).VisitJSON(value, openapi3.MultiErrors()); err != nil {
		return nil, fmt.Errorf("event %s: %s", name, oneLine(err))
	}
	return text, nil
}

type eventMaker struct {
	renderer
	r *Repository
	e EventOf
}

func (m *eventMaker) sentBy(login string) { orDefault(&m.e.Sender, login) }

func (m *eventMaker) payload(kind string) (object, error) {
	switch kind {
	case "pull_request", "pull_request_target":
		return m.pullRequest()
	case "pull_request_review":
		return m.pullRequestReview()
	case "workflow_run":
		return m.workflowRun()
	case "merge_group":
		return m.mergeGroup()
	case "push":
		return m.pushed()
	case "deployment":
		return m.deployed()
	}
	return m.dispatched()
}

func (m *eventMaker) pullRequest() (object, error) {
	p := m.r.pull(m.e.Number)
	if p == nil {
		return nil, fmt.Errorf("there is no pull request %d", m.e.Number)
	}
	m.sentBy(p.Author)
	out := object{"number": p.Number, "pull_request": m.pull(m.r, p)}
	if closed := p.State == "closed"; closed != (m.e.Action == "closed") && m.e.Action != "edited" {
		return nil, fmt.Errorf("pull request %d is %s, which does not go with the action %s", p.Number, p.State, m.e.Action)
	}
	switch m.e.Action {
	case "synchronize":
		if m.e.Before == "" {
			return nil, errors.New("want the head before")
		}
		out["before"], out["after"] = m.e.Before, p.HeadSHA
	case "edited":
		changes := object{}
		if m.e.From != "" {
			changes["base"] = object{"ref": object{"from": m.e.From}, "sha": object{"from": p.BaseSHA}}
		}
		out["changes"] = changes
	}
	return out, nil
}

func (m *eventMaker) pullRequestReview() (object, error) {
	p := m.r.pull(m.e.Number)
	if p == nil {
		return nil, fmt.Errorf("there is no pull request %d", m.e.Number)
	}
	v := find(p.Reviews, func(v *Review) bool { return v.ID == m.e.Review })
	if v == nil {
		return nil, fmt.Errorf("pull request %d has no review %d", p.Number, m.e.Review)
	}
	if dismissed := v.State == "DISMISSED"; dismissed != (m.e.Action == "dismissed") {
		return nil, fmt.Errorf("review %d is %s, which does not go with the action %s", v.ID, v.State, m.e.Action)
	}
	m.sentBy(v.User)
	review := m.review(m.r, p, v)
	review["state"] = strings.ToLower(v.State) // unlike the API
	delete(review, "updated_at")
	if v.Body == "" {
		review["body"] = nil
	}
	return object{"pull_request": m.pull(m.r, p), "review": review}, nil
}

func (m *eventMaker) workflow(w *WorkflowRun) object {
	return object{
		"id": w.WorkflowID, "name": w.Name, "path": w.Path, "state": "active", "created_at": m.r.CreatedAt, "updated_at": m.r.CreatedAt,
		"url":       fmt.Sprintf("%s/actions/workflows/%d", m.repoURL(m.r), w.WorkflowID),
		"html_url":  web + "/" + m.r.Name + "/blob/" + m.r.DefaultBranch + "/" + w.Path,
		"badge_url": web + "/" + m.r.Name + "/workflows/" + w.Name + "/badge.svg",
	}
}

func (m *eventMaker) workflowRun() (object, error) {
	w := m.r.run(m.e.Run)
	if w == nil {
		return nil, fmt.Errorf("there is no run %d", m.e.Run)
	}
	if m.e.Action == "completed" && w.Conclusion == "" {
		return nil, fmt.Errorf("run %d has no conclusion", w.ID)
	}
	m.sentBy(w.Actor)
	return object{"workflow_run": m.run(m.r, w), "workflow": m.workflow(w)}, nil
}

func (m *eventMaker) mergeGroup() (object, error) {
	p := m.r.pull(m.e.Number)
	if p == nil || !isSHA(m.e.After) {
		return nil, fmt.Errorf("want a pull request, not %d, and the group's head, not %q", m.e.Number, m.e.After)
	}
	m.sentBy(p.Author)
	base := m.e.Before
	orDefault(&base, p.BaseSHA)
	ref := m.e.Ref
	orDefault(&ref, fmt.Sprintf("refs/heads/gh-readonly-queue/%s/pr-%d-%s", p.BaseRef, p.Number, base))
	return object{"merge_group": object{
		"head_sha": m.e.After, "head_ref": ref, "base_sha": base, "base_ref": "refs/heads/" + p.BaseRef,
		"head_commit": m.simpleCommit(m.r, m.e.After),
	}}, nil
}

func (m *eventMaker) pushed() (object, error) {
	before, after := m.e.Before, m.e.After
	if !strings.HasPrefix(m.e.Ref, "refs/") || before == "" && after == "" {
		return nil, fmt.Errorf("want a full ref name, not %q, and before or after", m.e.Ref)
	}
	created, deleted := before == "", after == ""
	orDefault(&before, zeroSHA)
	orDefault(&after, zeroSHA)
	m.sentBy(m.r.owner())
	out := object{
		"ref": m.e.Ref, "before": before, "after": after, "created": created, "deleted": deleted, "forced": m.e.Forced, "base_ref": nil,
		"compare": fmt.Sprintf("%s/%s/compare/%.12s...%.12s", web, m.r.Name, before, after), "commits": []object{}, "head_commit": nil,
		"pusher": object{"name": m.e.Sender, "email": m.e.Sender + "@users.noreply.github.com"},
	}
	if !deleted {
		commit := m.simpleCommit(m.r, after)
		commit["distinct"], commit["url"] = true, web+"/"+m.r.Name+"/commit/"+after
		commit["added"], commit["removed"], commit["modified"] = []string{}, []string{}, []string{}
		out["commits"], out["head_commit"] = []object{commit}, commit
	}
	return out, nil
}

// pushedRepository is the repository as push events have it, in an older form.
func (m *eventMaker) pushedRepository() object {
	out := m.repository(m.r)
	for _, name := range []string{"created_at", "pushed_at"} {
		if at, ok := out[name].(time.Time); ok {
			out[name] = at.Unix()
		}
	}
	out["master_branch"], out["stargazers"] = m.r.DefaultBranch, 0
	owner := out["owner"].(object)
	owner["name"], owner["email"] = m.r.owner(), m.r.owner()+"@users.noreply.github.com"
	return out
}

func (m *eventMaker) deployed() (object, error) {
	v := m.r.deployment(m.e.Deployment)
	if v == nil {
		return nil, fmt.Errorf("there is no deployment %d", m.e.Deployment)
	}
	m.sentBy(v.Creator)
	out := object{"deployment": m.deployment(m.r, v), "workflow": nil, "workflow_run": nil}
	if w := m.r.run(m.e.Run); w != nil {
		run := m.run(m.r, w)
		for name := range run { // a short form, without most of its links
			if strings.HasSuffix(name, "_url") && name != "html_url" || name == "repository" || name == "head_repository" || name == "head_commit" {
				delete(run, name)
			}
		}
		out["workflow"], out["workflow_run"] = m.workflow(w), run
	}
	return out, nil
}

func (m *eventMaker) dispatched() (object, error) {
	ref := m.e.Ref
	orDefault(&ref, "refs/heads/"+m.r.DefaultBranch)
	workflow := m.e.Workflow
	orDefault(&workflow, ".github/workflows/deploy.yml")
	m.sentBy(m.r.owner())
	out := object{"ref": ref, "workflow": workflow, "inputs": nil}
	if m.e.Inputs != nil {
		inputs := object{}
		for name, value := range m.e.Inputs {
			inputs[name] = value
		}
		out["inputs"] = inputs
	}
	return out, nil
}
