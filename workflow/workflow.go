// Package workflow reads the forge's workflow files, with the local actions and reusable workflows
// that they call, and tells which job can run in which environment and what secrets it can reach.
//
// It is pure: what it reads comes from an [fs.FS], a disk or a git tree. It is total: whatever a
// file says, [Load] returns, and what could not be worked out is a fact of its own. It walks every
// key and value of the YAML nodes, because a reader that knows fewer keys than the forge misses secrets.
//
// What a job reaches is told for each case apart, see [evidence.JobCase]: a case is one choice of the
// values that decide the job's environment, such as the row of a matrix or an input. Where the
// environment does not depend on it, a secret counts as reached if any value reaches it.
package workflow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/workflow/expression"
)

// The limits of a tree. Beyond them the facts say so.
const (
	MaxFiles    = 2000    // workflows and actions
	MaxCalls    = 10      // reusable workflows inside each other: the forge's
	MaxCases    = 256     // of one job
	MaxRows     = 1024    // of one matrix
	MaxJobs     = 20_000  // as they can run, of the tree
	MaxFileJobs = 1_000   // as they can run, of one workflow that is started
	MaxWork     = 150_000 // steps of working out, of one workflow that is started
)

// Dir is where the forge looks for workflows.
const Dir = ".github/workflows"

// Options say what to read.
type Options struct {
	// Files are workflow files outside of [Dir] that count as well, as slash-separated paths from the root.
	Files []string
}

// loader reads files, each once.
type loader struct {
	fsys     fs.FS
	files    map[string]*file   // by path; nil where it could not be read
	contents map[string]string  // digests, of what could be read
	actions  map[string]*action // by folder
	read     int
	problems []evidence.WorkflowProblem
	jobs     int
	tracing  int // bytes that were looked at to follow secrets through scripts
	out      *evidence.Workflows
}

// Load reads the workflows of a tree.
func Load(fsys fs.FS, options Options) *evidence.Workflows {
	l := &loader{fsys: fsys, files: map[string]*file{}, contents: map[string]string{}, actions: map[string]*action{}, out: &evidence.Workflows{}}
	var roots []*file
	for _, p := range l.list(options.Files) {
		if f := l.file(p); f != nil {
			roots = append(roots, f)
		}
	}
	for _, f := range roots {
		if f.parsed && f.started() {
			l.expand(f)
		}
	}
	l.finish()
	return l.out
}

// list names the files to read, in order, each once.
func (l *loader) list(named []string) []string {
	var paths []string
	entries, err := fs.ReadDir(l.fsys, Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.problem(evidence.ProblemUnreadable, evidence.Place{File: Dir}, "the folder cannot be read: %s", plain(err))
	}
	for _, e := range entries {
		if name := e.Name(); isWorkflowName(name) && !e.IsDir() {
			paths = append(paths, Dir+"/"+name)
		}
	}
	for _, p := range named {
		paths = append(paths, path.Clean(p))
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

func isWorkflowName(name string) bool {
	name = expression.Lower(name)
	return strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".yaml")
}

// file reads a workflow file. It is nil only where there are too many files.
func (l *loader) file(p string) *file {
	if f, ok := l.files[p]; ok {
		return f
	}
	f := &file{document: &document{path: p}}
	l.files[p] = f
	if doc := l.document(p); doc != nil {
		f = l.readFile(doc)
		l.files[p] = f
	}
	return f
}

// document reads and parses a file, and records what is wrong with it.
func (l *loader) document(p string) *document {
	l.read++
	if l.read > MaxFiles {
		if l.read == MaxFiles+1 {
			l.problem(evidence.ProblemLimit, evidence.Place{File: p}, "there are more than %d workflows and actions", MaxFiles)
		}
		return nil
	}
	src, err := l.bytes(p)
	if err != nil {
		l.problem(evidence.ProblemUnreadable, evidence.Place{File: p}, "the file cannot be read: %s", plain(err))
		return nil
	}
	l.contents[p] = digest(src)
	doc, wrong := parseDocument(p, src)
	if wrong != nil {
		l.problem(wrong.kind, evidence.Place{File: p, Line: wrong.line, Column: wrong.column}, "%s", wrong.detail)
		return nil
	}
	return doc
}

// bytes reads a regular file, and no more of it than may be.
func (l *loader) bytes(p string) ([]byte, error) {
	info, err := fs.Lstat(l.fsys, p)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := l.fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(f, MaxBytes+1)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// exists says that the tree has a file, whatever sort of file it is.
func (l *loader) exists(p string) bool {
	_, err := fs.Lstat(l.fsys, p)
	return err == nil
}

// plain is an error's text without the path, which the place tells.
func plain(err error) string {
	var in *fs.PathError
	if errors.As(err, &in) {
		err = in.Err
	}
	return inert.Error(err)
}

func (l *loader) problem(kind evidence.WorkflowProblemKind, at evidence.Place, format string, args ...any) {
	l.problems = append(l.problems, evidence.WorkflowProblem{Kind: kind, At: at, Detail: fmt.Sprintf(format, args...)})
}

// finish puts together what was read, in an order that does not depend on the way.
func (l *loader) finish() {
	paths := make([]string, 0, len(l.files))
	for p := range l.files {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	callers := map[string][]string{}
	for _, p := range paths {
		for _, j := range l.files[p].jobs {
			if j.uses == nil {
				continue
			}
			if u := parseUses(j.file.document, j.uses); u.Kind == evidence.UsesLocal && !slices.Contains(callers[u.Path], p) {
				callers[u.Path] = append(callers[u.Path], p)
			}
		}
	}
	for _, p := range paths {
		f := l.files[p]
		out := evidence.WorkflowFile{
			Path: p, Name: f.name, Triggers: f.triggers, TriggersKnown: f.triggersKnown, Started: f.parsed && f.started(),
			CalledBy: callers[p], Permissions: f.permissions, Parsed: f.parsed, Content: l.contents[p],
		}
		for _, j := range f.jobs {
			out.Jobs = append(out.Jobs, j.id)
		}
		if f.document != nil {
			pairs(f.outputs, func(key, value *yaml.Node) {
				if v := get(value, "value"); v != nil {
					out.Outputs = append(out.Outputs, evidence.WorkflowValue{Name: cut(key.Value), Text: cut(raw(v).JSON()), At: f.place(v)})
				}
			})
		}
		l.out.Files = append(l.out.Files, out)
	}
	for _, a := range l.actions {
		if a.path != "" {
			l.out.Actions = append(l.out.Actions, evidence.ActionFile{Path: a.path, Using: a.using, Pre: a.pre, Parsed: a.parsed})
		}
	}
	slices.SortFunc(l.out.Actions, func(a, b evidence.ActionFile) int { return strings.Compare(a.Path, b.Path) })
	slices.SortStableFunc(l.problems, func(a, b evidence.WorkflowProblem) int { return comparePlaces(a.At, b.At) })
	l.out.Problems = slices.Compact(l.problems)
}

func comparePlaces(a, b evidence.Place) int {
	if c := strings.Compare(a.File, b.File); c != 0 {
		return c
	}
	if a.Line != b.Line {
		return a.Line - b.Line
	}
	return a.Column - b.Column
}
