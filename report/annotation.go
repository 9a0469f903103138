package report

import (
	"cmp"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

const (
	maxAnnotations = 200     // of a check run, which takes four requests
	maxRemarks     = 10      // of a level in a job's log: GitHub shows no more of one step
	maxMessage     = 4 << 10 // bytes; GitHub takes 64 KiB
	maxSubjects    = 5       // acts that one annotation names
)

// The levels of an [Annotation].
const (
	LevelFailure = "failure"
	LevelWarning = "warning"
)

// Annotation is a remark on a file, for a forge to show beside the file's lines. Its title and message
// are inert, as [Inert] says, but that a message may have several lines; its path is as the tree has it.
type Annotation struct {
	Path    string // "" for none
	Line    int    // from 1; 0: the file as a whole
	Column  int    // from 1; 0: not known
	Level   string // [LevelFailure] or [LevelWarning]
	Title   string // never empty
	Message string // never empty
}

// remark is what the annotations of one finding about many acts have in common.
type remark struct {
	finding  *verdict.Finding
	text     string
	subjects []string
}

// annotations are the findings about files that block or warn, the worst first. The same finding about
// many commits is one annotation. Findings about paths that a forge could not show are in the report
// alone.
func annotations(r *verdict.Report) []Annotation {
	var remarks []*remark
	seen := map[string]*remark{}
	add := func(f *verdict.Finding, subject string) {
		if f.Effect == verdict.Note || !isAnnotatable(f.Path) {
			return
		}
		text := sentences(f, ".\n")
		key := strings.Join([]string{f.Path, f.Rule, f.Effect.String(), text, strconv.Itoa(f.Line), strconv.Itoa(f.Column)}, "\x00")
		m := seen[key]
		if m == nil {
			m = &remark{finding: f, text: text}
			seen[key], remarks = m, append(remarks, m)
		}
		if subject != "" {
			m.subjects = append(m.subjects, Inert(subject))
		}
	}
	for _, m := range worstFirst(r) {
		if m.act == nil {
			add(m.finding, "")
			continue
		}
		add(m.finding, strings.TrimSpace(m.act.Kind+" "+m.act.Subject))
	}
	var out []Annotation
	for _, m := range remarks[:min(len(remarks), maxAnnotations)] {
		out = append(out, m.annotation())
	}
	return out
}

func (m *remark) annotation() Annotation {
	f := m.finding
	a := Annotation{
		Path: f.Path, Line: max(f.Line, 0), Level: LevelFailure,
		Title: "remit: " + inert.Cut(Inert(f.Rule), 100) + " (" + f.Effect.String() + ")",
	}
	if f.Effect == verdict.Pending || f.Effect == verdict.Warn {
		a.Level = LevelWarning
	}
	if a.Line > 0 {
		a.Column = max(f.Column, 0)
	}
	text := cmp.Or(m.text, noMessage)
	if n := len(m.subjects); n > maxSubjects {
		text += fmt.Sprintf("\nIn %s and %d more.", strings.Join(m.subjects[:maxSubjects], ", "), n-maxSubjects)
	} else if n > 0 {
		text += "\nIn " + strings.Join(m.subjects, ", ") + "."
	}
	a.Message = inert.Cut(text, maxMessage)
	return a
}

// noMessage stands where a finding says nothing: a forge takes no annotation without a message.
const noMessage = "See the check's report."

// LogAnnotations are what blocks and warns in a report, the worst first, for the log of a job that could
// post no check run: whatever it is about, each text once, and as many of a level as GitHub shows. Where
// nothing is enforced (bootstrap says that no policy is in force) they are all warnings. Messages are of
// one line. A path that is not inert as it stands is left out.
func LogAnnotations(r *verdict.Report, bootstrap bool) []Annotation {
	if r == nil {
		return []Annotation{{Level: LevelFailure, Title: "remit", Message: errNoReport.Error()}}
	}
	var out []Annotation
	said, shown := map[string]bool{}, map[string]int{}
	for _, m := range worstFirst(r) {
		f := m.finding
		if f.Effect == verdict.Note {
			continue
		}
		a := Annotation{Level: LevelWarning, Title: Inert("remit: " + f.Rule), Message: sentences(f, ". ")}
		if said[f.Path+"\x00"+a.Message] {
			continue
		}
		said[f.Path+"\x00"+a.Message] = true
		if f.Path != "" && Inert(f.Path) == f.Path {
			a.Path, a.Line = f.Path, max(f.Line, 0)
		}
		if blocks(f) && f.Effect != verdict.Pending && !r.Observe && !bootstrap && shown[LevelFailure] < maxRemarks {
			a.Level = LevelFailure
		}
		if shown[a.Level] == maxRemarks {
			continue
		}
		shown[a.Level]++
		a.Message = cmp.Or(a.Message, noMessage)
		out = append(out, a)
	}
	return out
}

// sentences are a finding's texts, each inert and ended by end, but for white space at the very end.
func sentences(f *verdict.Finding, end string) string {
	var text strings.Builder
	for _, part := range []string{f.Summary, f.Reason, f.Fix} {
		if part != "" {
			text.WriteString(strings.TrimSuffix(Inert(part), ".") + end)
		}
	}
	return strings.TrimSpace(text.String())
}

// isAnnotatable reports whether a path can be named to a forge just as it is, and shown.
func isAnnotatable(p string) bool {
	return p != "" && len(p) <= 1024 && utf8.ValidString(p) && path.Clean(p) == p && !strings.HasPrefix(p, "/") &&
		p != "." && p != ".." && !strings.HasPrefix(p, "../") && !strings.ContainsFunc(p, func(r rune) bool { return !unicode.IsPrint(r) })
}
