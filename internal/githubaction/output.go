package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

// maxRemarks is how many annotations of a level GitHub shows of one step.
const maxRemarks = 10

// githubDocs tells what a check on GitHub is worth.
const githubDocs = "https://github.com/remit-sh/remit/blob/main/docs/github.md"

// tell shows the outcome everywhere: as a check run, in files, outputs, the job's summary and its log.
// What it returns is the step's exit code.
func (a *action) tell(ctx context.Context, o *outcome) error {
	posted := false
	if a.in.mode == modeCheck && a.target.head != "" {
		posted = a.post(ctx, o)
	}
	if o.deployment != 0 {
		a.setStatus(ctx, o)
	}
	files, err := a.writeFiles(o.report)
	if err != nil {
		return err
	}
	if err := a.log(o); err != nil {
		return err
	}
	if !posted {
		a.annotate(o)
	}
	if err := a.summarise(o); err != nil {
		return err
	}
	if err := a.writeOutputs(o, files); err != nil {
		return err
	}
	switch {
	case o.bootstrap:
		return nil
	case o.code != 0:
		return verdictError(o.code)
	case a.unusable && !o.report.Observe && o.report.Verdict == verdict.NotDecided:
		return verdictError(verdict.ExitUsage)
	default:
		return exitWith(o.report)
	}
}

// post makes the check run say the outcome, and reports whether one does now. Where none can be posted
// the step's exit code is all that there is.
func (a *action) post(ctx context.Context, o *outcome) bool {
	summary, err := a.markdown(o)
	if err != nil {
		a.note("the check run was not posted: %v", err)
		return false
	}
	options := forge.CheckOptions{
		Name: a.in.checkName, AppID: a.in.appID, Title: a.title(o), Summary: summary, Text: a.advice(),
		Bootstrap: o.bootstrap, Inert: report.Inert,
	}
	if a.in.runID != 0 {
		options.DetailsURL = fmt.Sprintf("%s/%s/actions/runs/%d", strings.TrimSuffix(a.in.serverURL, "/"), a.in.slug, a.in.runID)
	}
	if len(a.target.pulls) > 0 {
		options.PullRequest = a.target.pulls[0]
	}
	_, err = a.api.PostCheck(ctx, a.in.slug, a.target.head, o.report, options)
	var lacks *forge.PermissionError
	switch {
	case err == nil:
		return true
	case errors.Is(err, forge.ErrHeadMoved):
		// What was judged is not what would be merged now, so that its verdict says nothing.
		*o = outcome{report: a.undecided(fault.WithFix(fault.Undecidedf("%w", err), "wait for the run that judges the new head: each push starts one"))}
	case errors.As(err, &lacks):
		a.note("the check run could not be posted, so this step's result is all that there is. %s", lacks.Fix())
	default:
		// An earlier check run may still stand there, and say something else.
		failed := a.undecided(err)
		failed.Observe = o.report.Observe
		o.report, o.commit = verdict.Merge(o.report, failed), ""
	}
	return false
}

// title is the outcome in one line of inert text.
func (a *action) title(o *outcome) string {
	if o.said.format != "" {
		return o.said.show(report.Inert)
	}
	return report.Summary(o.report)
}

// advice says what the check cannot keep anybody from.
func (a *action) advice() string {
	if a.in.dedicated {
		return ""
	}
	return "This check is advisory against people and agents who can write to this repository: its run comes from the App that every " +
		"workflow here acts as, so that another workflow can post one like it. [What enforces](" + githubDocs + ") says how to change that.\n"
}

// markdown is the outcome for the check run and the job's summary.
func (a *action) markdown(o *outcome) (string, error) {
	var out bytes.Buffer
	judged := len(o.report.Acts)+len(o.report.Findings) > 0
	if o.said.format != "" {
		fmt.Fprintf(&out, "## remit\n\nNote: %s.\n\n", o.said.show(report.InertMarkdown))
	}
	if judged || o.said.format == "" {
		if err := report.Markdown(&out, o.report, report.MarkdownOptions{}); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

// remarks are the notes, for the job's summary.
func (a *action) remarks() string {
	var out strings.Builder
	for _, n := range a.notes {
		out.WriteString("\n- Note: " + report.InertMarkdown(n))
	}
	if out.Len() > 0 {
		out.WriteString("\n")
	}
	return out.String()
}

// log prints the report. Nothing in it can be a command to the runner: its lines begin with our own
// words, and commands are off while it is printed.
func (a *action) log(o *outcome) error {
	var text bytes.Buffer
	if o.said.format != "" {
		fmt.Fprintf(&text, "remit: %s.\n", o.said.show(report.Inert))
	}
	if o.said.format == "" || len(o.report.Acts)+len(o.report.Findings) > 0 {
		if err := report.Text(&text, o.report, report.Options{Verbose: a.in.mode == modeDeploy}); err != nil {
			return err
		}
	}
	for _, n := range a.notes {
		fmt.Fprintf(&text, "remit: note: %s\n", report.Inert(n))
	}
	word := rand.Text() // which nobody can know who wrote what is printed
	a.gha.IssueCommand(&githubactions.Command{Name: "stop-commands", Message: word})
	_, err := a.env.Stdout.Write(text.Bytes())
	a.gha.IssueCommand(&githubactions.Command{Name: word})
	return err
}

// annotate makes annotations out of what blocks and warns, where no check run has them.
func (a *action) annotate(o *outcome) {
	said := map[string]bool{}
	errs, warnings := 0, 0
	remark := func(f verdict.Finding, blocks bool) {
		var text string
		for _, part := range []string{f.Summary, f.Reason, f.Fix} {
			if part != "" {
				text += strings.TrimSuffix(report.Inert(part), ".") + ". "
			}
		}
		if said[f.Path+"\x00"+text] {
			return
		}
		said[f.Path+"\x00"+text] = true
		fields := map[string]string{"title": report.Inert("remit: " + f.Rule)}
		if f.Path != "" && report.Inert(f.Path) == f.Path {
			fields["file"] = f.Path
		}
		switch to := a.gha.WithFieldsMap(fields); {
		case blocks && !o.report.Observe && !o.bootstrap && f.Effect != verdict.Pending && errs < maxRemarks:
			errs++
			to.Errorf("%s", strings.TrimSpace(text))
		case warnings < maxRemarks:
			warnings++
			to.Warningf("%s", strings.TrimSpace(text))
		}
	}
	each := func(findings []verdict.Finding) {
		for _, f := range findings {
			switch f.Effect {
			case verdict.Note:
			case verdict.Warn:
				remark(f, false)
			default:
				remark(f, true)
			}
		}
	}
	each(o.report.Findings)
	for i := range o.report.Acts {
		each(o.report.Acts[i].Findings)
	}
}

// summarise adds the outcome to the job's summary.
func (a *action) summarise(o *outcome) error {
	if a.env.Getenv("GITHUB_STEP_SUMMARY") == "" {
		return nil
	}
	text, err := a.markdown(o)
	if err != nil {
		return err
	}
	if a.in.mode == modeCheck && a.target.head != "" {
		text += "\n" + a.advice()
	}
	a.gha.AddStepSummary(text + a.remarks())
	return nil
}

// outputFiles are the paths of the reports, "" where none could be written.
type outputFiles struct{ json, sarif string }

// writeFiles writes the reports for programs.
func (a *action) writeFiles(r *verdict.Report) (outputFiles, error) {
	if a.in.temp == "" {
		return outputFiles{}, nil
	}
	dir := filepath.Join(a.in.temp, "remit")
	files := outputFiles{filepath.Join(dir, "report.json"), filepath.Join(dir, "report.sarif")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return files, fault.Undecidedf("writing the report: %w", err)
	}
	for format, path := range map[string]string{"json": files.json, "sarif": files.sarif} {
		var out bytes.Buffer
		if err := show(a.env, &out, r, format, false); err != nil {
			return files, err
		}
		if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
			return files, fault.Undecidedf("writing the report: %w", err)
		}
	}
	return files, nil
}

// writeOutputs sets the step's outputs.
func (a *action) writeOutputs(o *outcome, files outputFiles) error {
	if a.env.Getenv("GITHUB_OUTPUT") == "" {
		return nil
	}
	for _, out := range [][2]string{
		{"verdict", o.report.Verdict.String()}, {"report", files.json}, {"sarif", files.sarif}, {"commit", o.commit},
	} {
		if strings.ContainsAny(out[1], "\r\n") {
			return fault.Undecidedf("the output %s would have a line break: %q", out[0], out[1])
		}
		a.gha.SetOutput(out[0], out[1])
	}
	return nil
}
