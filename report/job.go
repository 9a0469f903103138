package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/remit-sh/remit/verdict"
)

// githubDocs tells what a check on GitHub is worth.
const githubDocs = "https://github.com/remit-sh/remit/blob/main/docs/github.md#what-each-level-of-set-up-stops"

// JobOptions say what a job on a forge tells beside a report.
type JobOptions struct {
	Said      verdict.Sentence // what the outcome is in a word, where the report alone does not tell; it leads
	Notes     []string         // what somebody should know, as sentences of untrusted text
	Bootstrap bool             // no policy is in force, so that nothing is blocked
	Advisory  bool             // the check run comes from an App that others who can write there act as too
	Verbose   bool             // the log says what was allowed as well
	Recorded  verdict.Sentence // where the decision is recorded; zero where it is not
}

// advice says where the decision is recorded, and what the check cannot keep anybody from.
func (o JobOptions) advice() string {
	out := ""
	if !o.Recorded.IsZero() {
		said := o.Recorded.Show(InertMarkdown)
		out = strings.ToUpper(said[:1]) + said[1:] + ".\n"
	}
	if !o.Advisory {
		return out
	}
	if out != "" {
		out += "\n"
	}
	return out + "This check is advisory against people and agents who can write to this repository: its run comes from the App that every " +
		"workflow here acts as, so that another workflow can post one like it. [What enforces](" + githubDocs + ") says how to change that.\n"
}

// tells reports whether a report is to be shown: not where what is said replaces one of nothing.
func (o JobOptions) tells(r *verdict.Report) bool {
	return o.Said.IsZero() || len(r.Acts)+len(r.Findings) > 0
}

// markdown is the outcome for the check run and the job's summary.
func (o JobOptions) markdown(out *bytes.Buffer, r *verdict.Report) error {
	if !o.Said.IsZero() {
		fmt.Fprintf(out, "## remit\n\nNote: %s.\n\n", o.Said.Show(InertMarkdown))
	}
	if !o.tells(r) {
		return nil
	}
	return Markdown(out, r, MarkdownOptions{})
}

// JobSummary shows the outcome in Markdown for a job's summary: what was said, the report as [Markdown]
// shows it, and the notes.
func JobSummary(w io.Writer, r *verdict.Report, o JobOptions) error {
	if r == nil {
		return errNoReport
	}
	var out bytes.Buffer
	if err := o.markdown(&out, r); err != nil {
		return err
	}
	if advice := o.advice(); advice != "" {
		out.WriteString("\n" + advice)
	}
	for _, n := range o.Notes {
		out.WriteString("\n- Note: " + InertMarkdown(n))
	}
	if len(o.Notes) > 0 {
		out.WriteString("\n")
	}
	return writeAll(w, out.Bytes(), "Markdown")
}

// JobLog shows the outcome in a job's log: what was said, the report as [Text] shows it, and the notes.
// Each line begins with our own words or marks. It is for a place where a runner obeys no commands all
// the same.
func JobLog(w io.Writer, r *verdict.Report, o JobOptions) error {
	if r == nil {
		return errNoReport
	}
	var out bytes.Buffer
	if !o.Said.IsZero() {
		fmt.Fprintf(&out, "remit: %s.\n", o.Said.Show(Inert))
	}
	if o.tells(r) {
		if err := Text(&out, r, Options{Verbose: o.Verbose}); err != nil {
			return err
		}
	}
	if !o.Recorded.IsZero() {
		fmt.Fprintf(&out, "remit: %s.\n", o.Recorded.Show(Inert))
	}
	for _, n := range o.Notes {
		fmt.Fprintf(&out, "remit: note: %s\n", Inert(n))
	}
	return writeAll(w, out.Bytes(), "log")
}
