package policy

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// maxDiagnostics bounds how many diagnostics one reading returns.
const maxDiagnostics = 50

// Severity says whether a diagnostic keeps the policy from being used.
type Severity uint8

// The severities. The zero value is the worse one.
const (
	SeverityError Severity = iota
	SeverityWarning
)

// String is "Error" or "Warning".
func (s Severity) String() string {
	if s == SeverityWarning {
		return "Warning"
	}
	return "Error"
}

// Diagnostic is one thing that is wrong, or suspicious, in a policy.
// Its texts quote the policy and may hold whatever that holds; [Diagnostics.WriteText] and
// [Diagnostics.Error] make them safe to show.
type Diagnostic struct {
	Severity   Severity
	Summary    string   // what is wrong, a few words
	Detail     string   // why, and what to do
	Position   Position // where it begins; Line 0 where it is about the file as a whole
	Start, End int      // the bytes of the file that it is about
}

// Diagnostics lists what was found in a policy, in the order of the file.
type Diagnostics []Diagnostic

// HasErrors reports whether any of them keeps the policy from being used.
func (d Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(d, func(x Diagnostic) bool { return x.Severity != SeverityWarning })
}

// Err is the diagnostics as an error, nil where none of them is an error.
func (d Diagnostics) Err() error {
	if !d.HasErrors() {
		return nil
	}
	return d
}

// InvalidError is a policy that cannot be used: what is wrong with it, and the text that this is about.
type InvalidError struct {
	Name        string // of the file
	Source      []byte
	Diagnostics Diagnostics
}

// Error says no more than that the policy is not valid; what is wrong with it takes several lines, or is
// cut to one by [Diagnostics.Error].
func (e *InvalidError) Error() string { return "the policy " + e.Name + " is not valid" }

// Unwrap is the diagnostics.
func (e *InvalidError) Unwrap() error { return e.Diagnostics }

// Read is [Parse] for whoever only wants a policy that can be used: the error is an [*InvalidError].
func Read(src []byte, name string) (*Policy, error) {
	p, diags := Parse(src, name)
	if diags.HasErrors() {
		return nil, &InvalidError{Name: name, Source: src, Diagnostics: diags}
	}
	return p, nil
}

// Error shows the first error in a line, and says how many there are.
func (d Diagnostics) Error() string {
	i := slices.IndexFunc(d, func(x Diagnostic) bool { return x.Severity != SeverityWarning })
	if i < 0 {
		return "no errors"
	}
	errs := 0
	for _, x := range d {
		if x.Severity != SeverityWarning {
			errs++
		}
	}
	s := d[i].Position.File
	if d[i].Position.Line > 0 {
		s = fmt.Sprintf("%s:%d:%d", s, d[i].Position.Line, d[i].Position.Column)
	}
	s += ": " + d[i].Summary
	if d[i].Detail != "" {
		s += ": " + d[i].Detail
	}
	if errs > 1 {
		s += fmt.Sprintf(" (and %d more)", errs-1)
	}
	return inert.Lines(s)
}

// WriteText writes the diagnostics for people: severity and summary, the line of src with its
// subject underlined, and the detail. src is the file that was read. Nothing in the policy can
// move the cursor, change colours or reorder text.
func (d Diagnostics) WriteText(w io.Writer, src []byte, color bool) error {
	var b strings.Builder
	for i, x := range d {
		if i > 0 {
			b.WriteByte('\n')
		}
		mark, end := "", ""
		if color {
			mark, end = "\x1b[31m", "\x1b[0m"
			if x.Severity == SeverityWarning {
				mark = "\x1b[33m"
			}
		}
		fmt.Fprintf(&b, "%s%s%s: %s\n", mark, x.Severity, end, inert.Lines(x.Summary))
		if x.Position.Line > 0 {
			fmt.Fprintf(&b, "\n  on %s line %d:\n", inert.Lines(x.Position.File), x.Position.Line)
			line, under := snippet(src, x.Start, x.End)
			fmt.Fprintf(&b, "%4d: %s\n      %s%s%s\n", x.Position.Line, line, mark, under, end)
		} else {
			fmt.Fprintf(&b, "\n  in %s\n", inert.Lines(x.Position.File))
		}
		if x.Detail != "" {
			fmt.Fprintf(&b, "\n%s\n", inert.Lines(x.Detail))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// snippet is the line of src on which start stands, and a line that underlines what is before end.
func snippet(src []byte, start, end int) (line, under string) {
	const most = 120 // characters shown
	start = min(max(start, 0), len(src))
	from := strings.LastIndexByte(string(src[:start]), '\n') + 1
	to := len(src)
	if i := slices.Index(src[start:], '\n'); i >= 0 {
		to = start + i
	}
	end = min(max(end, start+1), max(to, start+1))
	before := []rune(inert.Lines(string(src[from:start])))
	subject := []rune(inert.Lines(strings.TrimRight(string(src[start:min(end, to)]), "\r")))
	after := []rune(inert.Lines(strings.TrimRight(string(src[min(end, to):to]), "\r")))
	if len(before) > most/2 {
		before = append([]rune("…"), before[len(before)-most/2:]...)
	}
	if len(subject) > most {
		subject, after = append(subject[:most:most], '…'), nil
	}
	if room := max(most-len(before)-len(subject), 0); len(after) > room {
		after = append(after[:room:room], '…')
	}
	line = string(before) + string(subject) + string(after)
	return strings.TrimRight(line, " "), strings.Repeat(" ", len(before)) + strings.Repeat("^", max(len(subject), 1))
}

// source is the file that is being read, and what was found in it so far.
type source struct {
	file  string
	bytes []byte
	lines []int // where each line begins
	found Diagnostics
	cuts  []int // where the file can be cut, behind blocks that follow each other
	errs  int   // errors found
	more  int   // of them, those beyond maxDiagnostics
}

func newSource(src []byte, file string) *source {
	s := &source{file: file, bytes: src, lines: []int{0}}
	if len(src) > MaxSize {
		return s // refused before anybody asks for a place in it
	}
	for i, c := range src {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

func (s *source) add(sev Severity, start, end int, summary, detail string) {
	if sev == SeverityError {
		s.errs++
	}
	if len(s.found) >= maxDiagnostics {
		if sev == SeverityError {
			s.more++
		}
		return
	}
	s.found = append(s.found, Diagnostic{
		Severity: sev, Summary: summary, Detail: detail,
		Position: s.position(start), Start: start, End: end,
	})
}

func (s *source) errorf(r hcl.Range, summary, format string, args ...any) {
	s.add(SeverityError, r.Start.Byte, r.End.Byte, summary, fmt.Sprintf(format, args...))
}

func (s *source) warnf(r hcl.Range, summary, format string, args ...any) {
	s.add(SeverityWarning, r.Start.Byte, r.End.Byte, summary, fmt.Sprintf(format, args...))
}

// whole reports an error about the file rather than about a place in it.
func (s *source) whole(summary, detail string) {
	s.errs++
	s.found = append(s.found, Diagnostic{Summary: summary, Detail: detail, Position: Position{File: s.file}})
}

// position counts from 1, columns in bytes.
func (s *source) position(offset int) Position {
	line, exact := slices.BinarySearch(s.lines, offset)
	if !exact {
		line--
	}
	return Position{File: s.file, Line: line + 1, Column: offset - s.lines[line] + 1}
}

func (s *source) at(r hcl.Range) Position { return s.position(r.Start.Byte) }

// syntax takes over what the HCL parser found.
func (s *source) syntax(diags hcl.Diagnostics) {
	for _, x := range diags {
		if x.Severity != hcl.DiagError {
			continue
		}
		if x.Subject == nil {
			s.whole(x.Summary, x.Detail)
			continue
		}
		s.add(SeverityError, x.Subject.Start.Byte, x.Subject.End.Byte, x.Summary, x.Detail)
	}
}

// failed reports whether an error was found so far.
func (s *source) failed() bool { return s.errs > 0 }

// diagnostics returns what was found, in the order of the file.
func (s *source) diagnostics() Diagnostics {
	slices.SortStableFunc(s.found, func(a, b Diagnostic) int { return cmp.Compare(a.Start, b.Start) })
	if s.more > 0 {
		s.whole("More errors", fmt.Sprintf("There are %d more errors; they are shown once these are mended.", s.more))
	}
	return s.found
}

// didYouMean is " Did you mean X?" for the option that is most like what was given, or "".
func didYouMean(given string, options []string) string {
	if best := names.Nearest(given, options); best != "" {
		return " Did you mean " + best + "?"
	}
	return ""
}
