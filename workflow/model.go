package workflow

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/workflow/expression"
)

// file is a workflow file, read once, whoever calls it.
type file struct {
	*document
	parsed        bool
	name          string
	known         expression.Value // github.workflow
	triggers      []evidence.Trigger
	triggersKnown bool
	permissions   evidence.Permissions
	env           *yaml.Node
	shell         string // that scripts have where neither they nor their job name one
	jobs          []*job
	common        []*located // what every job of the file has
	inputs        []*callInput
	outputs       *yaml.Node // of workflow_call
	// handsOver says that an output of a job takes a secret, so that what reads outputs must be followed.
	handsOver bool
	// deploys says that some job of it may be in an environment: then it matters what its jobs get.
	deploys bool
}

// callInput is an input of workflow_call.
type callInput struct {
	name         string
	kind         string
	defaultValue *yaml.Node
}

// job is a job as its file says.
type job struct {
	file        *file
	id          string
	at          *yaml.Node // its id
	body        *yaml.Node
	name        string
	condition   *yaml.Node
	environment *yaml.Node
	env         *yaml.Node
	matrix      *yaml.Node
	outputs     *yaml.Node
	permissions evidence.Permissions
	needs       []string
	runsOn      string
	container   string
	services    []string
	mounts      []setting
	shell       string     // that its scripts have where they name none
	tolerated   *yaml.Node // continue-on-error
	uses        *yaml.Node
	with        *yaml.Node
	secrets     *yaml.Node
	steps       []*step
	keys        []string          // those that are not known
	content     string            // digest of its source, without the id; "" where it is not known
	variables   map[string][]leak // with secrets in them, where its outputs may take them
	exprs       []*located        // outside of steps, without what is passed to a called workflow
	fixed       *table            // its matrix, where no expression is in it
}

// step is a step as its file says.
type step struct {
	node      *yaml.Node
	document  *document
	id, name  string
	condition *yaml.Node
	tolerated *yaml.Node
	uses      *yaml.Node
	used      *evidence.WorkflowUses // what uses says
	with      *yaml.Node
	env       *yaml.Node
	run       *yaml.Node
	shell     string
	exprs     []*located
	inner     []*step
	aside     bool
	unread    bool
	keys      []string
	action    *action // a local one, once it was looked for
	place     int     // index among the job's steps
	handed    []leak  // what its script writes to its outputs
}

// located is a text with expressions that take a secret, the token or other jobs' outputs.
type located struct {
	document *document
	node     *yaml.Node
	text     *text
	key      string
	kind     evidence.HopKind
}

// finder walks YAML nodes, every key and every value, and keeps the expressions that matter.
type finder struct {
	l    *loader
	doc  *document
	path []string // the keys that lead to where it is
	kind evidence.HopKind
	out  *[]*located
	// literal says that no key below is an expression by its name: inputs and variables may be called "if".
	literal bool
}

func (f *finder) walk(n *yaml.Node) { f.value(n, "") }

func (f *finder) value(n *yaml.Node, name string) {
	n = follow(n)
	switch n.Kind {
	case yaml.ScalarNode:
		f.scalar(n, !f.literal && expression.SameName(name, "if"))
	case yaml.SequenceNode:
		for i, item := range n.Content {
			f.path = append(f.path, "["+strconv.Itoa(i)+"]")
			f.value(item, "")
			f.path = f.path[:len(f.path)-1]
		}
	case yaml.MappingNode:
		pairs(n, func(key, value *yaml.Node) { f.pair(key, value) })
	}
}

func (f *finder) pair(key, value *yaml.Node) {
	f.path = append(f.path, key.Value)
	f.scalar(key, false)
	f.value(value, key.Value)
	f.path = f.path[:len(f.path)-1]
}

// under walks the value of a key in a way of its own.
func (f *finder) under(key, value *yaml.Node, kind evidence.HopKind, literal bool) {
	saved := *f
	f.kind, f.literal = kind, literal
	f.pair(key, value)
	path := f.path
	*f = saved
	f.path = path
}

func (f *finder) scalar(n *yaml.Node, condition bool) {
	if condition && n.Tag != "!!str" {
		return // true, false, 1: nothing to scan
	}
	_, before := f.doc.texts[n]
	t := f.doc.text(n, condition)
	if t == nil {
		return
	}
	if t.err != nil && !before {
		f.l.problem(evidence.ProblemExpression, f.doc.place(n), "%s", expressionDetail(t.err))
	}
	if !t.secrets && !t.token && !t.needs {
		return
	}
	*f.out = append(*f.out, &located{document: f.doc, node: n, text: t, key: joinKeys(f.path), kind: f.kind})
}

func expressionDetail(err error) string {
	return strings.Replace(err.Error(), "not an expression: ", "an expression does not parse: ", 1)
}

// joinKeys writes the keys that lead to a value: "jobs.deploy.steps[2].env.TOKEN".
func joinKeys(path []string) string {
	var b strings.Builder
	for i, p := range path {
		if i > 0 && !strings.HasPrefix(p, "[") {
			b.WriteByte('.')
		}
		if len(p) > maxKey {
			p = p[:maxKey]
		}
		b.WriteString(strings.ToValidUTF8(p, ""))
	}
	return b.String()
}

// maxKey bounds how much of one key is shown.
const maxKey = 100

// readFile makes the model of a workflow file.
func (l *loader) readFile(doc *document) *file {
	f := &file{document: doc, parsed: true, known: expression.TextValue(doc.path)}
	var jobs, jobsKey *yaml.Node
	top := &finder{l: l, doc: doc, out: &f.common}
	pairs(doc.root, func(key, value *yaml.Node) {
		switch expression.Lower(key.Value) {
		case "name":
			f.name = scalar(value)
			f.known = nameOf(value)
		case "on":
			l.readTriggers(f, value)
		case "permissions":
			f.permissions = l.readPermissions(doc, key, value)
		case "defaults":
			f.shell = scalar(get(get(value, "run"), "shell"))
		case "env":
			f.env = value
			top.under(key, value, evidence.HopWorkflowEnv, true)
			return
		case "jobs":
			jobs, jobsKey = value, key
			return
		}
		top.pair(key, value)
	})
	if get(doc.root, "on") == nil {
		l.problem(evidence.ProblemShape, evidence.Place{File: doc.path}, `it has no "on", and so no event that starts it`)
	}
	if jobs == nil || jobs.Kind != yaml.MappingNode {
		l.problem(evidence.ProblemShape, doc.place(jobs), `"jobs" is not a mapping of jobs`)
		return f
	}
	pairs(jobs, func(key, value *yaml.Node) {
		if value.Kind != yaml.MappingNode {
			l.problem(evidence.ProblemShape, doc.place(key), "the job %s is not a mapping", inert.Quote(key.Value))
			return
		}
		f.jobs = append(f.jobs, l.readJob(f, key, value))
	})
	f.readContents(jobs, doc.behind(doc.root, jobsKey))
	f.deploys = slices.ContainsFunc(f.jobs, func(j *job) bool { return j.uses != nil || !isNull(j.environment) })
	for _, j := range f.jobs {
		f.handsOver = l.readLeaks(j) || f.handsOver
	}
	f.handsOver = f.handsOver || slices.ContainsFunc(f.jobs, func(j *job) bool {
		return j.uses != nil || slices.ContainsFunc(j.exprs, func(e *located) bool { return e.kind == evidence.HopOutput })
	})
	return f
}

// nameOf is what the forge calls a workflow by its "name". Of a number, an expression and a text with
// white space around it, it is not known what it makes of them.
func nameOf(n *yaml.Node) expression.Value {
	v := literal(n)
	if v.Type != expression.String || v.Text == "" || v.Text != strings.TrimSpace(v.Text) || expression.IsTemplate(v.Text) {
		return expression.Value{}
	}
	return v
}

// readJob makes the model of a job.
func (l *loader) readJob(f *file, id, body *yaml.Node) *job {
	j := &job{file: f, id: id.Value, at: id, body: body, permissions: f.permissions}
	find := &finder{l: l, doc: f.document, out: &j.exprs, path: []string{"jobs", id.Value}}
	find.scalar(id, false)
	pairs(body, func(key, value *yaml.Node) {
		switch expression.Lower(key.Value) {
		case "name":
			j.name = scalar(value)
		case "if":
			j.condition = value
		case "environment":
			j.environment = value
		case "env":
			j.env = value
			find.under(key, value, evidence.HopJobEnv, true)
			return
		case "strategy":
			j.matrix = get(value, "matrix")
		case "outputs":
			j.outputs = value
			find.under(key, value, evidence.HopOutput, true)
			return
		case "permissions":
			j.permissions = l.readPermissions(f.document, key, value)
		case "needs":
			for _, n := range items(value) {
				j.needs = append(j.needs, scalar(n))
			}
		case "runs-on":
			j.runsOn = scalar(value)
		case "container":
			j.container = scalar(value)
			if value.Kind == yaml.MappingNode {
				j.container = scalar(get(value, "image"))
			}
			if j.container == "" && !isNull(value) {
				j.container = "?"
			}
			find.under(key, value, evidence.HopContainer, false)
			return
		case "defaults":
			j.shell = scalar(get(get(value, "run"), "shell"))
		case "services":
			j.mounts = serviceMounts(value, plainMatrix(j.body))
			pairs(value, func(_, service *yaml.Node) {
				image := scalar(get(service, "image"))
				if image == "" {
					image = "?"
				}
				j.services = append(j.services, image)
			})
			if value.Kind != yaml.MappingNode && !isNull(value) {
				j.services = append(j.services, "?")
			}
			find.under(key, value, evidence.HopService, false)
			return
		case "continue-on-error":
			j.tolerated = value
		case "uses":
			j.uses = value
		case "with":
			j.with = value
			find.under(key, value, evidence.HopCall, true)
			return
		case "secrets":
			j.secrets = value
			if get(body, "uses") != nil {
				// Followed from the called workflow; what does not parse is reported all the same.
				var passed []*located
				inner := *find
				inner.out, inner.kind, inner.literal = &passed, evidence.HopCall, true
				inner.pair(key, value)
				if value.Kind != yaml.MappingNode {
					j.exprs = append(j.exprs, passed...)
				}
				return
			}
		case "steps":
			find.path = append(find.path, key.Value)
			j.steps = l.readSteps(find, value, len(j.steps), false)
			find.path = find.path[:len(find.path)-1]
			return
		}
		if !slices.Contains(jobKeys(), expression.Lower(key.Value)) {
			j.keys = append(j.keys, key.Value)
		}
		find.pair(key, value)
	})
	if j.uses != nil && len(j.steps) > 0 {
		l.problem(evidence.ProblemShape, f.place(id), "the job %s has steps, and calls a workflow as well", inert.Quote(j.id))
	}
	return j
}

// jobKeys are the keys of a job that are known, beside those that [loader.readJob] takes by itself.
func jobKeys() []string {
	return []string{
		"name", "permissions", "needs", "if", "runs-on", "snapshot", "environment", "concurrency", "defaults",
		"timeout-minutes", "strategy", "continue-on-error", "uses", "secrets",
	}
}

// readSteps makes the models of a list of steps. first is the index of the first one in its list.
func (l *loader) readSteps(find *finder, list *yaml.Node, first int, aside bool) []*step {
	var steps []*step
	saved := find.out
	for i, n := range items(list) {
		if isNull(list) {
			break
		}
		s := &step{node: n, document: find.doc, place: first + i, aside: aside}
		find.out = &s.exprs
		find.path = append(find.path, "["+strconv.Itoa(i)+"]")
		if n.Kind == yaml.MappingNode {
			l.readStep(find, s)
		} else {
			s.unread = true
			find.walk(n)
			l.problem(evidence.ProblemShape, find.doc.place(n), "a step is not a mapping")
		}
		find.path = find.path[:len(find.path)-1]
		steps = append(steps, s)
	}
	find.out = saved
	return steps
}

func (l *loader) readStep(find *finder, s *step) {
	pairs(s.node, func(key, value *yaml.Node) {
		kind, literal := evidence.HopOther, false
		switch name := expression.Lower(key.Value); name {
		case "id":
			s.id = scalar(value)
		case "name":
			s.name = scalar(value)
		case "if":
			s.condition = value
		case "continue-on-error":
			s.tolerated = value
		case "uses":
			s.uses = value
			s.used = l.usesOf(s)
		case "with":
			s.with, kind, literal = value, evidence.HopWith, true
		case "env":
			s.env, kind, literal = value, evidence.HopStepEnv, true
		case "run":
			s.run, kind = value, evidence.HopRun
		case "shell":
			s.shell = scalar(value)
		case "working-directory", "timeout-minutes":
		case "background":
			s.aside = s.aside || !isNull(value) && !expression.SameName(scalar(value), "false")
		default:
			s.keys = append(s.keys, key.Value)
			if hasSteps(value) {
				find.path = append(find.path, key.Value)
				find.scalar(key, false)
				s.inner = append(s.inner, l.readSteps(find, value, len(s.inner), true)...)
				find.path = find.path[:len(find.path)-1]
				return
			}
		}
		find.under(key, value, kind, literal)
	})
}

// hasSteps says that the value of a key that is not known is a list of what looks like steps.
func hasSteps(n *yaml.Node) bool {
	return n.Kind == yaml.SequenceNode && slices.ContainsFunc(items(n), func(item *yaml.Node) bool {
		return get(item, "run") != nil || get(item, "uses") != nil
	})
}
