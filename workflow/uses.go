package workflow

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/workflow/expression"
)

// parseUses reads what a "uses" names, as the forge's runner does: it divides the text at "/" and "\\"
// and drops empty parts, so that ".\path" and "actions//checkout@v4" are names too.
func parseUses(doc *document, n *yaml.Node) evidence.WorkflowUses {
	s := scalar(n)
	u := evidence.WorkflowUses{Text: cut(s), At: doc.place(n)}
	switch {
	case s == "" || expression.IsTemplate(s):
	case strings.HasPrefix(s, "docker://"):
		u.Kind = evidence.UsesDocker
	case s == ".", startsFolder(s, '.'):
		ofTree(&u, s[1:], false)
	case startsFolder(s, '$'):
		ofTree(&u, s[1:], true)
	default:
		name, ref, ok := strings.Cut(s, "@")
		parts := usesParts(name)
		if !ok || ref == "" || strings.ContainsAny(ref, "@ \t\r\n") || len(parts) < 2 || strings.ContainsAny(name, " :\t\r\n") || climbs(parts) {
			break
		}
		u.Kind, u.Repository, u.Ref = evidence.UsesRemote, expression.Lower(parts[0]+"/"+parts[1]), ref
		u.Path = strings.Join(parts[2:], "/")
		u.Pinned = len(ref) == 40 && strings.Trim(ref, "0123456789abcdefABCDEF") == ""
	}
	return u
}

// startsFolder says that a text begins with a sign and a separator: "./" or "$\".
func startsFolder(s string, sign byte) bool {
	return len(s) > 1 && s[0] == sign && (s[1] == '/' || s[1] == '\\')
}

// usesParts are the parts of a name, without empty ones.
func usesParts(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == '/' || r == '\\' })
}

// climbs says that a part leads out of the folder before it.
func climbs(parts []string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return p == "." || p == ".." })
}

// ofTree reads a path of the tree. One that leads out of it stays unknown, and so does one of the
// workflow's own commit with a ref behind it.
func ofTree(u *evidence.WorkflowUses, s string, own bool) {
	p := path.Clean(strings.Join(append([]string{"."}, usesParts(s)...), "/"))
	if p == "." {
		p = ""
	}
	if p == ".." || strings.HasPrefix(p, "../") || own && strings.Contains(s, "@") {
		return
	}
	u.Kind, u.Path, u.Own = evidence.UsesLocal, p, own
}

// usesOf is what a step uses, nil for nothing.
func (l *loader) usesOf(s *step) *evidence.WorkflowUses {
	if s.uses == nil {
		return nil
	}
	u := parseUses(s.document, s.uses)
	if u.Kind == evidence.UsesUnknown {
		l.problem(evidence.ProblemCallee, u.At,
			`"uses" names no action: %s is neither ./path or $/path in this repository, nor docker://image, nor owner/repository/path@ref`, inert.Quote(u.Text))
	}
	return &u
}

// action is a local action.
type action struct {
	path     string // of its file; "" where there is none
	document *document
	inputs   *yaml.Node
	outputs  *yaml.Node
	using    string
	pre      bool // it has something that runs before a job's first step
	parsed   bool
	steps    []*step
	exprs    []*located // of its whole file, without the steps: what takes a secret
	open     bool       // it is being read: an action that uses itself
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
	a.document, a.inputs, a.outputs = doc, get(doc.root, "inputs"), get(doc.root, "outputs")
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

// cut shortens a text that facts quote. Two that differ do so cut as well.
func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return strings.ToValidUTF8(s[:maxShown], "") + "… " + hex.EncodeToString(sum[:])
}
