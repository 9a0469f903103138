package forge

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-github/v62/github"

	"github.com/remit-sh/remit/verdict"
)

const (
	maxAnnotations = 200     // of a check run: four requests
	maxMessage     = 4 << 10 // bytes; GitHub takes 64 KiB
	maxSubjects    = 5       // acts that one annotation names
)

// remark is what annotations on one file have in common.
type remark struct {
	path     string
	line     int // from 1; 0: the whole file
	column   int
	rule     string
	effect   verdict.Effect
	text     string
	subjects []string
}

// annotations are the findings about files that block or warn, the worst first. The same finding about
// many commits is one annotation. Findings about paths that GitHub could not show are in the report
// alone.
func annotations(r *verdict.Report, inert func(string) string) []*github.CheckRunAnnotation {
	var remarks []*remark
	seen := map[string]*remark{}
	add := func(f verdict.Finding, subject string) {
		if f.Effect == verdict.Note || !isAnnotatable(f.Path) {
			return
		}
		var text string
		for _, part := range []string{f.Summary, f.Reason, f.Fix} {
			if part != "" {
				text += strings.TrimSuffix(inert(part), ".") + ".\n"
			}
		}
		key := strings.Join([]string{f.Path, f.Rule, f.Effect.String(), text, strconv.Itoa(f.Line), strconv.Itoa(f.Column)}, "\x00")
		m := seen[key]
		if m == nil {
			m = &remark{path: f.Path, line: f.Line, column: f.Column, rule: inert(f.Rule), effect: f.Effect, text: text}
			seen[key], remarks = m, append(remarks, m)
		}
		if subject != "" {
			m.subjects = append(m.subjects, inert(subject))
		}
	}
	for _, f := range r.Findings {
		add(f, "")
	}
	for i := range r.Acts {
		a := &r.Acts[i]
		for _, f := range a.Findings {
			add(f, strings.TrimSpace(a.Kind+" "+a.Subject))
		}
	}
	slices.SortStableFunc(remarks, func(a, b *remark) int { return cmp.Compare(a.effect, b.effect) })
	var out []*github.CheckRunAnnotation
	for _, m := range remarks[:min(len(remarks), maxAnnotations)] {
		out = append(out, m.annotation())
	}
	return out
}

func (m *remark) annotation() *github.CheckRunAnnotation {
	level := "failure"
	if m.effect == verdict.Pending || m.effect == verdict.Warn {
		level = "warning"
	}
	text := strings.TrimSpace(m.text)
	if text == "" {
		text = "See the check's report." // GitHub takes no annotation without a message
	}
	if n := len(m.subjects); n > maxSubjects {
		text += fmt.Sprintf("\nIn %s and %d more.", strings.Join(m.subjects[:maxSubjects], ", "), n-maxSubjects)
	} else if n > 0 {
		text += "\nIn " + strings.Join(m.subjects, ", ") + "."
	}
	// What is about a whole file stands on its first line.
	line := github.Int(max(m.line, 1))
	var column *int
	if m.line > 0 && m.column > 0 {
		column = &m.column
	}
	return &github.CheckRunAnnotation{
		Path: &m.path, StartLine: line, EndLine: line, StartColumn: column, EndColumn: column, AnnotationLevel: &level,
		Title: github.String("remit: " + cut(m.rule, 100) + " (" + m.effect.String() + ")"), Message: github.String(cut(text, maxMessage)),
	}
}

// isAnnotatable reports whether a path can be named to GitHub just as it is, and shown.
func isAnnotatable(p string) bool {
	return p != "" && len(p) <= 1024 && utf8.ValidString(p) && path.Clean(p) == p && !strings.HasPrefix(p, "/") &&
		p != "." && p != ".." && !strings.HasPrefix(p, "../") && !strings.ContainsFunc(p, func(r rune) bool { return !unicode.IsPrint(r) })
}

// cut shortens a text to n bytes, between characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = "…"
	s = s[:n-len(mark)]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + mark
}
