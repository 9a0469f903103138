package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

// verdictError carries a verdict to the exit code. The report was printed already.
type verdictError int

func (verdictError) Error() string { return "" }

// exitCode prints an error and turns it into the exit code. An error that says nothing of its
// code means that no verdict was reached: 3.
func exitCode(env *Env, err error) int {
	if err == nil {
		return verdict.ExitAllow
	}
	var v verdictError
	if errors.As(err, &v) {
		return int(v)
	}
	var invalid *policy.InvalidError
	if errors.As(err, &invalid) {
		_ = invalid.Diagnostics.WriteText(env.errors(), invalid.Source, env.Color()) // nobody is left to tell
	}
	var denied *issue.DeniedError
	if errors.As(err, &denied) {
		for _, each := range denied.Each() {
			sayError(env, each)
		}
	} else {
		sayError(env, err)
	}
	return codeOf(fault.KindOf(err))
}

// codeOf is the exit code of a kind of fault.
func codeOf(k fault.Kind) int {
	switch k {
	case fault.Usage:
		return verdict.ExitUsage
	case fault.Refused:
		return verdict.ExitDeny
	default:
		return verdict.ExitUndecided
	}
}

// showing is how an outcome is to be shown.
type showing struct {
	format           string
	verbose, observe bool
}

// tell shows an outcome on standard output, and turns it into the command's exit code.
func tell(env *Env, o decide.Outcome, how showing) error {
	env.note(o.Notes)
	if o.Err != nil {
		return o.Err
	}
	o.Report.Observe = o.Report.Observe || how.observe
	if err := show(env, env.Stdout, o.Report, how.format, how.verbose); err != nil {
		return err
	}
	return exitWith(&o)
}

// exitWith turns an outcome into the command's exit code.
func exitWith(o *decide.Outcome) error {
	if code := o.ExitCode(); code != verdict.ExitAllow {
		return verdictError(code)
	}
	return nil
}

// reportFormats are those in which a report is shown, as show knows them.
func reportFormats() []string { return []string{"text", "json", "sarif", "markdown"} }

// show writes a report in one of the formats.
func show(env *Env, out io.Writer, r *verdict.Report, format string, verbose bool) error {
	switch format {
	case "json":
		return report.JSON(out, r)
	case "sarif":
		return report.SARIF(out, r, sarifTool())
	case "markdown":
		return report.Markdown(out, r, report.MarkdownOptions{})
	default:
		return report.Text(out, r, report.Options{Color: env.Color() && out == env.Stdout, Verbose: verbose, Quiet: env.quiet()})
	}
}

// sarifTool describes remit and its rules to SARIF viewers.
func sarifTool() report.Tool {
	t := report.Tool{Version: version}
	for _, r := range decide.Rules() {
		t.Rules = append(t.Rules, report.Rule{ID: r.ID, Short: r.Summary})
	}
	return t
}

func checkFormat(format string, known ...string) error {
	for _, k := range known {
		if format == k {
			return nil
		}
	}
	return fault.Usagef("--format is %s, and not %q", names.List(known, "or"), format)
}

// advise shows a denial to whoever is at work, and what stands in the way of one.
func (w *workspace) advise(o decide.Outcome) error {
	w.env.note(o.Notes)
	if o.Err != nil {
		return o.Err
	}
	tell, stop := o.Advises()
	if tell {
		if err := show(w.env, w.env.errors(), o.Report, "text", false); err != nil {
			return err
		}
	}
	if stop {
		return verdictError(o.ExitCode())
	}
	return nil
}

func (w *workspace) say(notes []error) {
	for _, err := range notes {
		fmt.Fprintf(w.env.Stderr, "note: %s\n", report.Inert(err.Error()))
	}
}
