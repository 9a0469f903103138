package githubaction

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sethvargo/go-githubactions"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

// tell shows the outcome everywhere: as check runs, in files, outputs, the job's summary and its log.
// What it returns is the step's exit code.
func (a *action) tell(ctx context.Context, o decide.Outcome) (int, error) {
	posted := false
	if a.in.mode == modeCheck && o.Head != "" && a.api != nil {
		posted = a.post(ctx, &o)
	}
	if a.in.mode == modeDeploy {
		a.setStatus(ctx, &o)
	}
	files, err := a.writeFiles(&o)
	if err != nil {
		return 0, err
	}
	if err := a.log(&o); err != nil {
		return 0, err
	}
	if !posted {
		a.annotate(&o)
	}
	if err := a.summarise(&o); err != nil {
		return 0, err
	}
	if err := a.writeOutputs(&o, files); err != nil {
		return 0, err
	}
	return o.ExitCode(), nil
}

// told is what this run tells beside an outcome's report.
func (a *action) told(o *decide.Outcome) report.JobOptions {
	return report.JobOptions{
		Said: o.Said, Notes: o.Notes, Bootstrap: o.Bootstrap, Verbose: a.in.mode == modeDeploy, Advisory: a.advisory(o.Checks), Recorded: a.rec.said(),
	}
}

// advisory reports whether others can post what this run posts.
func (a *action) advisory(checks []decide.Check) bool {
	return a.in.mode == modeCheck && len(checks) > 0 && !a.in.dedicated
}

// checkName is the name of the check run for a base. That of the default branch is the plain one; each other base
// has its own, so that a success for one is none for another, and what a push brought has one that nobody requires.
func (a *action) checkName(c *decide.Check) string {
	name := cmp.Or(a.in.checkName, forge.DefaultCheckName)
	switch {
	case c.Base == "":
		return name + " (push)"
	case c.Default:
		return name
	default:
		return name + ": " + strings.TrimPrefix(c.Base, "refs/heads/")
	}
}

// post makes check runs say the outcome, and reports whether they do now. Where none can be posted the step's exit
// code is all that there is.
func (a *action) post(ctx context.Context, o *decide.Outcome) bool {
	err := a.postOn(ctx, o, o.Read)
	if err == nil || errors.Is(err, forge.ErrLater) {
		for i := range o.Left {
			if err := a.postOn(ctx, &o.Left[i], o.Read); err != nil && !errors.Is(err, forge.ErrLater) {
				o.Notes = append(o.Notes, fmt.Sprintf("what a check says of a commit that the pull request left may hold no more: %v", err))
			}
		}
	}
	var lacks *forge.PermissionError
	switch {
	case err == nil:
		return true
	case errors.Is(err, forge.ErrLater):
		o.Notes = append(o.Notes, "a check run stands there already that says what was read later than this: it stays")
		return true
	case errors.Is(err, forge.ErrHeadMoved):
		*o = o.Outdated(fault.WithFix(fault.Undecidedf("%w", err), "wait for the run that judges the new head: each push starts one"))
	case errors.As(err, &lacks):
		o.Notes = append(o.Notes, "the check run could not be posted, so this step's result is all that there is. "+lacks.Fix())
	default:
		*o = o.Spoiled(err) // an earlier check run may still stand there, and say something else
	}
	return false
}

// postOn makes check runs say what is to be said of one commit, as it was read at a time.
func (a *action) postOn(ctx context.Context, o *decide.Outcome, read time.Time) error {
	var runs []forge.CheckRun
	options := forge.CheckOptions{AppID: a.in.appID, Order: forge.Order{Read: read, Run: a.in.runID, Attempt: a.in.runAttempt}}
	for i := range o.Checks {
		c := &o.Checks[i]
		run, err := a.checkRun(c)
		if err != nil {
			return err
		}
		runs = append(runs, run)
		if len(c.Pulls) > 0 && options.PullRequest == 0 {
			options.PullRequest = c.Pulls[0]
		}
	}
	if o.All {
		options.Replace = a.replace(o)
	}
	_, err := a.api.PostChecks(ctx, a.in.slug, o.Head, runs, options)
	return err
}

// checkRun shows a check as a check run.
func (a *action) checkRun(c *decide.Check) (forge.CheckRun, error) {
	shown, err := report.NewCheckRun(c.Report, report.JobOptions{Said: c.Said, Bootstrap: c.Bootstrap, Advisory: a.advisory([]decide.Check{*c}), Recorded: a.rec.said()})
	if err != nil {
		return forge.CheckRun{}, err
	}
	run := forge.CheckRun{
		Name: a.checkName(c), ID: shown.ID, Conclusion: shown.Conclusion, Title: shown.Title, Summary: shown.Summary, Text: shown.Text,
	}
	for _, remark := range shown.Annotations {
		run.Annotations = append(run.Annotations, forge.Annotation(remark))
	}
	if a.in.runID != 0 {
		run.DetailsURL = fmt.Sprintf("%s/%s/actions/runs/%d", strings.TrimSuffix(a.in.serverURL, "/"), a.in.slug, a.in.runID)
	}
	return run, nil
}

// replace says of check runs for bases to which no open pull request of the head goes that they hold no more.
func (a *action) replace(o *decide.Outcome) func(string) (forge.CheckRun, bool) {
	name := cmp.Or(a.in.checkName, forge.DefaultCheckName)
	kept := map[string]bool{}
	for _, base := range o.Bases {
		kept[a.checkName(&decide.Check{Base: base, Default: base == o.DefaultRef})] = true
	}
	return func(standing string) (forge.CheckRun, bool) {
		if kept[standing] || standing != name && !strings.HasPrefix(standing, name+": ") {
			return forge.CheckRun{}, false
		}
		base := cmp.Or(strings.TrimPrefix(strings.TrimPrefix(standing, name), ": "), "the default branch")
		gone := "no open pull request of this commit goes to " + inert.Line(base) + " any more"
		return forge.CheckRun{
			ID: "withdrawn", Conclusion: "cancelled", Title: "holds no more: " + gone, KeepText: o.Merged,
			Summary: strings.ToUpper(gone[:1]) + gone[1:] + ", so that what was said here holds no more.\n\nThere is nothing to do: when one is opened, opened again or " +
				"retargeted, it is judged anew.",
		}, true
	}
}

// setStatus tells a deployment why it was denied, where the token may. What was let through is for the
// job to report.
func (a *action) setStatus(ctx context.Context, o *decide.Outcome) {
	if o.Deployment == 0 || o.Report.Observe || a.api == nil {
		return
	}
	var state string
	switch o.Report.Verdict {
	case verdict.Denied:
		state = "failure"
	case verdict.NotDecided:
		state = "error"
	default:
		return
	}
	status := forge.DeploymentStatus{State: state, Description: report.Summary(o.Report)}
	if err := a.api.SetDeploymentStatus(ctx, a.in.slug, o.Deployment, status); err != nil {
		o.Notes = append(o.Notes, fmt.Sprintf("the deployment's status could not be set: %v", err))
	}
}

// log prints the report. Nothing in it can be a command to the runner: its lines begin with our own
// words, and commands are off while it is printed.
func (a *action) log(o *decide.Outcome) error {
	var text bytes.Buffer
	if err := report.JobLog(&text, o.Report, a.told(o)); err != nil {
		return err
	}
	word := rand.Text() // which nobody can know who wrote what is printed
	a.gha.IssueCommand(&githubactions.Command{Name: "stop-commands", Message: word})
	_, err := a.env.Stdout.Write(text.Bytes())
	a.gha.IssueCommand(&githubactions.Command{Name: word})
	return err
}

// annotate makes annotations out of what blocks and warns, where no check run has them.
func (a *action) annotate(o *decide.Outcome) {
	for _, remark := range report.LogAnnotations(o.Report, o.Bootstrap) {
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
func (a *action) summarise(o *decide.Outcome) error {
	if a.env.Getenv("GITHUB_STEP_SUMMARY") == "" {
		return nil
	}
	var text strings.Builder
	if err := report.JobSummary(&text, o.Report, a.told(o)); err != nil {
		return err
	}
	a.gha.AddStepSummary(text.String())
	return nil
}

// outputFiles are the paths of the reports, "" where none could be written, and of the deploy statement, "" where nothing
// is stated.
type outputFiles struct{ json, sarif, statement string }

// writeFiles writes the reports for programs, and what is stated of a deploy.
func (a *action) writeFiles(o *decide.Outcome) (outputFiles, error) {
	if a.in.temp == "" {
		return outputFiles{}, nil
	}
	r, dir := o.Report, filepath.Join(a.in.temp, "remit")
	files := outputFiles{json: filepath.Join(dir, "report.json"), sarif: filepath.Join(dir, "report.sarif")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return files, fault.Undecidedf("writing the report: %w", err)
	}
	for path, write := range map[string]func(io.Writer, *verdict.Report) error{
		files.json:  report.JSON,
		files.sarif: func(w io.Writer, r *verdict.Report) error { return report.SARIF(w, r, a.env.Tool) },
	} {
		var out bytes.Buffer
		if err := write(&out, r); err != nil {
			return files, err
		}
		if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
			return files, fault.Undecidedf("writing the report: %w", err)
		}
	}
	if o.Statement == nil || o.Commit == "" {
		return files, nil
	}
	files.statement = filepath.Join(dir, "deploy.jsonl")
	if err := os.WriteFile(files.statement, o.Statement, 0o600); err != nil {
		return files, fault.Undecidedf("writing the deploy statement: %w", err)
	}
	return files, nil
}

// writeOutputs sets the step's outputs.
func (a *action) writeOutputs(o *decide.Outcome, files outputFiles) error {
	if a.env.Getenv("GITHUB_OUTPUT") == "" {
		return nil
	}
	for _, out := range [][2]string{
		{"verdict", o.Report.Verdict.String()},
		{"report", files.json},
		{"sarif", files.sarif},
		{"commit", o.Commit},
		{"statement", files.statement},
	} {
		if strings.ContainsAny(out[1], "\r\n") {
			return fault.Undecidedf("the output %s would have a line break: %q", out[0], out[1])
		}
		a.gha.SetOutput(out[0], out[1])
	}
	return nil
}
