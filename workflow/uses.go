package workflow

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// parseUses reads what a "uses" names.
func parseUses(doc *document, n *yaml.Node) evidence.WorkflowUses {
	s := scalar(n)
	u := evidence.WorkflowUses{Text: cut(s), At: doc.place(n)}
	switch {
	case s == "" || expression.IsTemplate(s):
	case strings.HasPrefix(s, "./"), s == ".":
		p := path.Clean(s)
		if p == "." {
			p = ""
		}
		if p != ".." && !strings.HasPrefix(p, "../") {
			u.Kind, u.Path = evidence.UsesLocal, p
		}
	case strings.HasPrefix(s, "docker://"):
		u.Kind = evidence.UsesDocker
	default:
		name, ref, ok := strings.Cut(s, "@")
		parts := strings.SplitN(name, "/", 3)
		if !ok || ref == "" || len(parts) < 2 || parts[0] == "" || parts[1] == "" || parts[0] == ".." || strings.ContainsAny(name, " \\:") {
			break
		}
		u.Kind, u.Repository, u.Ref = evidence.UsesRemote, expression.Lower(parts[0]+"/"+parts[1]), ref
		if len(parts) == 3 {
			u.Path = strings.Trim(path.Clean("/"+parts[2]), "/")
		}
		u.Pinned = len(ref) == 40 && strings.Trim(ref, "0123456789abcdefABCDEF") == ""
	}
	return u
}

// action is a local action.
type action struct {
	path   string // of its file; "" where there is none
	using  string
	pre    bool // it has something that runs before a job's first step
	parsed bool
	steps  []*step
	exprs  []*located // of its whole file, without the steps: what takes a secret
	open   bool       // it is being read: an action that uses itself
}

// action reads the local action of a folder.
func (l *loader) action(folder string) *action {
	if a, ok := l.actions[folder]; ok {
		return a
	}
	a := &action{open: true}
	l.actions[folder] = a
	for _, name := range []string{"action.yml", "action.yaml"} {
		if p := path.Join(folder, name); l.exists(p) {
			a.path = p
			break
		}
	}
	if a.path == "" {
		if p := path.Join(folder, "Dockerfile"); l.exists(p) {
			a.path, a.using, a.parsed = p, "docker", true
		}
		a.open = false
		return a
	}
	if doc := l.document(a.path); doc != nil {
		a.parsed = true
		l.readAction(a, doc)
	}
	a.open = false
	return a
}

func (l *loader) readAction(a *action, doc *document) {
	find := &finder{l: l, doc: doc, out: &a.exprs}
	pairs(doc.root, func(key, value *yaml.Node) {
		switch expression.Lower(key.Value) {
		case "runs":
			find.path = []string{key.Value}
			pairs(value, func(key, value *yaml.Node) {
				switch expression.Lower(key.Value) {
				case "using":
					a.using = expression.Lower(scalar(value))
				case "pre", "pre-entrypoint":
					a.pre = a.pre || !isNull(value)
				case "steps":
					find.path = append(find.path, key.Value)
					a.steps = l.readSteps(find, value, 0, false)
					find.path = find.path[:len(find.path)-1]
					return
				}
				find.pair(key, value)
			})
			find.path = nil
		case "name", "description", "author", "branding":
			// Texts for people, in which an expression is only quoted.
		case "inputs", "outputs":
			pairs(value, func(name, value *yaml.Node) {
				find.path = []string{key.Value, name.Value}
				pairs(value, func(key, value *yaml.Node) {
					if !expression.SameName(key.Value, "description") && !expression.SameName(key.Value, "deprecationMessage") {
						find.under(key, value, evidence.HopOther, true)
					}
				})
			})
			find.path = nil
		default:
			find.pair(key, value)
		}
	})
	if a.using == "" {
		a.parsed = false
		l.problem(evidence.ProblemShape, evidence.Place{File: doc.path}, `the action has no "runs.using"`)
	}
}

// maxShown bounds the texts that facts quote, in bytes.
const maxShown = 4096

// cut shortens a text that facts quote.
func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}
