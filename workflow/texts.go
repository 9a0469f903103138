package workflow

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// Texts that somebody else wrote: the title of an issue, the name of a branch, the page of a wiki. The
// forge's events have so many that the list here is of what is none of them. What it does not know
// counts as a text.

// plainLeaves are properties that hold a number, an id, a word of the forge's, or a name that the forge
// lets nobody write freely, wherever they stand.
var plainLeaves = strings.Fields(`
	number id node_id sha before after action state state_reason draft merged mergeable rebaseable mergeable_state locked
	active_lock_reason url urls login username type conclusion status event size additions deletions changed_files comments
	review_comments forced created deleted closed private fork archived disabled visibility author_association site_admin run_number
	run_attempt attempt position line side distinct timestamp tree_id prerelease immutable color full_name ref_type master_branch
	base_ref permission permissions tag_name target_commitish schedule compare`)

// objects are properties that have others below them. In a text of their own the forge writes "Object"
// or "Array" for them.
var objects = strings.Fields(`
	event pull_request issue comment review discussion workflow_run workflow check_run check_suite head base repo repository owner user
	sender organization enterprise installation label labels milestone assignee assignees requested_reviewers requested_reviewer
	requested_team requested_teams head_commit commits commit author committer pusher release assets forkee pages changes answer
	category head_repository pull_requests app merge_group deployment deployment_status thread actor triggering_actor team parents`)

// quiet are the properties of an event below which there is nothing that somebody else wrote: what
// whoever starts the workflow by hand hands over, and what the repository's own people keep.
var quiet = []string{"inputs", "client_payload", "repository", "organization", "enterprise", "installation", "sender", "workflow"}

// isText says that a property holds a text that somebody else wrote, or, where it goes in as a whole,
// has one below it.
func isText(f expression.Flow) bool {
	parts := strings.Split(f.Path, ".")
	for i, p := range parts {
		parts[i], _, _ = strings.Cut(p, "[") // commits[0]
	}
	switch {
	case parts[0] != "github":
		return false
	case len(parts) == 1:
		return f.Whole
	case parts[1] == "*", parts[1] == "head_ref":
		return true
	case parts[1] != "event":
		return false
	case len(parts) == 2:
		return f.Whole
	case slices.Contains(quiet, parts[2]):
		return false
	}
	leaf, above := parts[len(parts)-1], parts[len(parts)-2]
	if leaf == "*" || leaf == "" {
		return true
	}
	switch within := "." + strings.Join(parts[2:], ".") + "."; {
	case strings.HasPrefix(within, ".pull_request.base."), strings.HasPrefix(within, ".merge_group."):
		return f.Whole && strings.HasPrefix(within, ".merge_group.")
	case f.Path == "github.event.ref":
		return false // see isBranch
	case leaf == "label" && above != "event":
		return true // of a branch: owner:name
	case leaf == "commits" && above == "pull_request":
		return false // how many there are
	case leaf == "name" && slices.Contains([]string{"repo", "owner", "forkee", "head_repository", "workflow_run"}, above):
		return false
	case slices.Contains(plainLeaves, leaf):
		return false
	case slices.Contains(objects, leaf):
		return f.Whole
	case strings.HasSuffix(leaf, "_url"):
		// Those of deployments and statuses are whatever was handed in.
		return strings.Contains(within, ".deployment") || len(parts) == 3 || leaf == "details_url" || leaf == "external_url"
	}
	for _, end := range []string{"_at", "_id", "_count", "_sha"} {
		if strings.HasSuffix(leaf, end) && leaf != "external_id" {
			return false
		}
	}
	return true
}

// isBranch says that a property names the ref that the workflow runs for.
func isBranch(path string) bool {
	return path == "github.ref" || path == "github.ref_name" || path == "github.event.ref"
}

// openRefs says that a branch of any name starts the workflow by its name.
func openRefs(triggers []evidence.Trigger) bool {
	return slices.ContainsFunc(triggers, func(t evidence.Trigger) bool {
		switch t.Event {
		case "create", "delete":
			return true
		case "push":
			every := func(p string) bool { return p == "*" || p == "**" }
			return len(t.Branches)+len(t.Tags)+len(t.TagsIgnore) == 0 || slices.ContainsFunc(t.Branches, every) && !slices.ContainsFunc(t.Branches, negated)
		}
		return false
	})
}

func negated(p string) bool { return strings.HasPrefix(p, "!") }

// maxTextDepth bounds how far a text is followed through what stands for something else.
const maxTextDepth = 12

// textIn is a text of somebody else's that goes into a value, "" for none. What variables, inputs,
// outputs and the matrix stand for is followed where it stands in a file.
func (s *scope) textIn(doc *document, n *yaml.Node, near []variables, depth int) string {
	if n = follow(n); n == nil || depth > maxTextDepth || !s.Step(1) {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		for _, c := range n.Content {
			if p := s.textIn(doc, c, near, depth); p != "" {
				return p
			}
		}
		return ""
	}
	t := doc.text(n, false)
	if t == nil {
		return ""
	}
	for _, node := range t.nodes {
		for _, f := range node.Flows() {
			if p := s.textOf(f, near, depth+1); p != "" {
				return p
			}
		}
	}
	return ""
}

// textOf is the same for one property.
func (s *scope) textOf(f expression.Flow, near []variables, depth int) string {
	if isText(f) || isBranch(f.Path) && openRefs(s.r.a.root.triggers) {
		return f.Path
	}
	context, rest, _ := strings.Cut(f.Path, ".")
	name, after, _ := strings.Cut(rest, ".")
	switch context {
	case "env":
		for _, v := range near {
			if name == "" {
				if p := s.textIn(v.document, v.node, near, depth); p != "" {
					return p
				}
			} else if value := get(v.node, name); value != nil {
				return s.textIn(v.document, value, near, depth)
			}
		}
	case "inputs":
		return s.textOfInput(name, depth)
	case "needs", "jobs":
		return s.textOfOutputs(name, outputName(after), depth)
	case "steps":
		return s.textOfStep(name, outputName(after), depth)
	case "matrix":
		if s.f.job != nil {
			return s.textIn(s.f.file.document, s.f.job.matrix, nil, depth)
		}
	}
	return ""
}

// outputName is what stands behind "outputs", "" for any.
func outputName(path string) string {
	name, ok := strings.CutPrefix(path, "outputs.")
	if !ok || name == "*" {
		return ""
	}
	return name
}

// textOfInput follows an input to what the caller passes, else to its default; "" is all of them.
func (s *scope) textOfInput(name string, depth int) string {
	all := func(doc *document, n *yaml.Node, in *scope, near []variables) string {
		return in.textIn(doc, n, near, depth)
	}
	switch {
	case s.outer != nil:
		near := s.outer.near(s.step)
		if name == "" || name == "*" {
			return all(s.step.document, s.step.with, s.outer, near)
		}
		if value := get(s.step.with, name); value != nil {
			return all(s.step.document, value, s.outer, near)
		}
		if a := s.step.action; a != nil && a.document != nil {
			return all(a.document, get(get(a.inputs, name), "default"), s, nil)
		}
	case s.f.parent != nil:
		caller := s.r.scope(s.f.parent)
		if name == "" || name == "*" {
			return all(s.f.parent.file.document, s.f.parent.job.with, caller, nil)
		}
		if value := get(s.f.parent.job.with, name); value != nil {
			return all(s.f.parent.file.document, value, caller, nil)
		}
		for _, in := range s.f.file.inputs {
			if expression.SameName(in.name, name) {
				return all(s.f.file.document, in.defaultValue, s, nil)
			}
		}
	}
	return ""
}

// textOfOutputs follows the outputs of a job of the file.
func (s *scope) textOfOutputs(job, output string, depth int) string {
	if s.f.file == nil || s.outer != nil || depth > maxTextDepth {
		return ""
	}
	for _, j := range s.f.file.jobs {
		if job != "" && job != "*" && !expression.SameName(j.id, job) {
			continue
		}
		in := s.r.scope(s.r.a.frame(frameKey{parent: s.f.parent, file: s.f.file, job: j}))
		outputs := j.outputs
		if j.uses != nil {
			callee := s.r.a.l.callee(s.f.file.document, j.uses)
			if callee == nil || s.r.a.depth(in.f) > MaxCalls {
				continue
			}
			outputs = callee.outputs
			in = s.r.scope(s.r.a.frame(frameKey{parent: in.f, file: callee}))
		}
		outputs = outputValue(outputs, output)
		if p := in.textIn(in.f.file.document, outputs, nil, depth); p != "" {
			return p
		}
	}
	return ""
}

// textOfStep follows the outputs of a step that uses a local action. What a script puts out is not
// known.
func (s *scope) textOfStep(id, output string, depth int) string {
	for _, st := range s.beside() {
		if !expression.SameName(st.id, id) {
			continue
		}
		a := s.r.a.l.local(st)
		if a == nil || a.document == nil {
			return ""
		}
		outputs := outputValue(a.outputs, output)
		return s.inside(st).textIn(a.document, outputs, nil, depth)
	}
	return ""
}

// madeOfText is an output of a step beside this one that goes into a script, where a script that had
// somebody else's text puts it out; "" for none. What it made of the text is not known.
func (s *scope) madeOfText(doc *document, n *yaml.Node) string {
	if n = follow(n); n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	t := doc.text(n, false)
	if t == nil {
		return ""
	}
	for _, node := range t.nodes {
		for _, f := range node.Flows() {
			id, ok := strings.CutPrefix(f.Path, "steps.")
			if !ok {
				continue
			}
			id, _, _ = strings.Cut(id, ".")
			for _, st := range s.beside() {
				if st.run != nil && expression.SameName(st.id, id) && s.textIn(st.document, st.env, s.near(st), 0) != "" {
					return f.Path
				}
			}
		}
	}
	return ""
}

// beside are the steps of the job, or of the local action.
func (s *scope) beside() []*step {
	switch {
	case s.outer != nil && s.step.action != nil:
		return s.step.action.steps
	case s.outer == nil && s.f.job != nil:
		return s.f.job.steps
	}
	return nil
}

// outputValue is what an output is given, with all of them for "".
func outputValue(outputs *yaml.Node, name string) *yaml.Node {
	if name == "" {
		return outputs
	}
	n := get(outputs, name)
	if v := get(n, "value"); v != nil {
		return v
	}
	return n
}

// inside is the scope of the local action that a step uses.
func (s *scope) inside(st *step) *scope {
	in := s.r.scope(s.r.a.frame(frameKey{parent: s.f.parent, file: s.f.file, job: s.f.job, action: true}))
	in.outer, in.step = s, st
	return in
}
