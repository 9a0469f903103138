package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

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

// told is what this run tells beside an outcome's report.
func (a *action) told(o *outcome) report.JobOptions {
	return report.JobOptions{
		Said: o.said, Notes: a.notes, Bootstrap: o.bootstrap, Verbose: a.in.mode == modeDeploy,
		Advisory: a.in.mode == modeCheck && a.target.head != "" && !a.in.dedicated,
	}
}

// post makes the check run say the outcome, and reports whether one does now. Where none can be posted
// the step's exit code is all that there is.
func (a *action) post(ctx context.Context, o *outcome) bool {
	shown, err := report.NewCheckRun(o.report, a.told(o))
	if err != nil {
		a.note("the check run was not posted: %v", err)
		return false
	}
	run := forge.CheckRun{
		Name: a.in.checkName, ID: shown.ID, Conclusion: shown.Conclusion, Title: shown.Title, Summary: shown.Summary, Text: shown.Text,
	}
	for _, remark := range shown.Annotations {
		run.Annotations = append(run.Annotations, forge.Annotation(remark))
	}
	if a.in.runID != 0 {
		run.DetailsURL = fmt.Sprintf("%s/%s/actions/runs/%d", strings.TrimSuffix(a.in.serverURL, "/"), a.in.slug, a.in.runID)
	}
	options := forge.CheckOptions{AppID: a.in.appID}
	if len(a.target.pulls) > 0 {
		options.PullRequest = a.target.pulls[0]
	}
	_, err = a.api.PostCheck(ctx, a.in.slug, a.target.head, run, options)
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

// log prints the report. Nothing in it can be a command to the runner: its lines begin with our own
// words, and commands are off while it is printed.
func (a *action) log(o *outcome) error {
	var text bytes.Buffer
	if err := report.JobLog(&text, o.report, a.told(o)); err != nil {
		return err
	}
	word := rand.Text() // which nobody can know who wrote what is printed
	a.gha.IssueCommand(&githubactions.Command{Name: "stop-commands", Message: word})
	_, err := a.env.Stdout.Write(text.Bytes())
	a.gha.IssueCommand(&githubactions.Command{Name: word})
	return err
}

// annotate makes annotations out of what blocks and warns, where no check run has them.
func (a *action) annotate(o *outcome) {
	for _, remark := range report.LogAnnotations(o.report, o.bootstrap) {
		fields := map[string]string{"title": remark.Title}
		if remark.Path != "" {
			fields["file"] = remark.Path
			if remark.Line > 0 {
				fields["line"] = strconv.Itoa(remark.Line)
			}
		}
		say := a.gha.WithFieldsMap(fields).Errorf
		if remark.Level == report.LevelWarning {
			say = a.gha.WithFieldsMap(fields).Warningf
		}
		say("%s", remark.Message)
	}
}

// summarise adds the outcome to the job's summary.
func (a *action) summarise(o *outcome) error {
	if a.env.Getenv("GITHUB_STEP_SUMMARY") == "" {
		return nil
	}
	var text strings.Builder
	if err := report.JobSummary(&text, o.report, a.told(o)); err != nil {
		return err
	}
	a.gha.AddStepSummary(text.String())
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
