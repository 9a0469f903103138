package e2e

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// record is a line of act --json.
type record struct {
	Level      string   `json:"level"`
	Text       string   `json:"msg"`
	Stage      string   `json:"stage"`
	StepID     []string `json:"stepID"`
	StepResult string   `json:"stepResult"`
	JobResult  string   `json:"jobResult"`
	Command    string   `json:"command"` // a workflow command, or what came of a file such as GITHUB_OUTPUT
	Content    string   `json:"content"` // of a job's summary
}

// in tells whether a record is of a step of the job, or of a step of the action that it uses.
func (r record) in(step string) bool { return len(r.StepID) > 0 && r.StepID[0] == step }

// outcome is how a workflow ended.
type outcome struct {
	t       testing.TB
	records []record
	log     string            // all that its steps wrote, as it came
	code    int               // exit code of act: 0 if all jobs passed
	outputs map[string]string // of the step "remit"
	summary string            // that the step "remit" added to the job's
	report  []byte            // what the output "report" names, if it is a file
	sarif   []byte            // likewise
	files   map[string]string // what steps left in $RESULTS
}

// step is the result of a step of the job: success, failure, skipped, or "" if it was not reached.
func (o *outcome) step(id string) string {
	for _, r := range o.records {
		if r.Stage == "Main" && len(r.StepID) == 1 && r.StepID[0] == id && r.StepResult != "" {
			return r.StepResult
		}
	}
	return ""
}

// exitCode is that of the action's last step.
func (o *outcome) exitCode() int {
	for _, r := range o.records {
		var code int
		if r.in("remit") && len(r.StepID) == 2 && r.Level == "error" && r.Command == "" {
			if n, _ := fmt.Sscanf(r.Text, "exit status %d", &code); n == 1 {
				return code
			}
		}
	}
	return 0
}

// dump shows a workflow's run in the log of the test.
func (o *outcome) dump() {
	o.t.Helper()
	o.t.Logf("act exited with %d, outputs %v, and wrote:\n%s\nsummary:\n%s\nreport:\n%s", o.code, o.outputs, o.log, o.summary, o.report)
}

// want fails the test unless the step "remit" ended so: its verdict, and its exit code.
func (o *outcome) want(verdict string, code int) {
	o.t.Helper()
	result := "success"
	if code != 0 {
		result = "failure"
	}
	if got := o.outputs["verdict"]; got != verdict || o.exitCode() != code || o.step("remit") != result {
		o.t.Fatalf("the action said %q, exit code %d, step %q; want %q, %d, %q", got, o.exitCode(), o.step("remit"), verdict, code, result)
	}
}

// maxAct bounds one workflow's run.
const maxAct = 2 * time.Minute

// event is what sets a workflow off.
type event struct {
	name     string
	payload  []byte
	env      []string // more than [shop.act] sets, NAME=VALUE
	token    string   // "" for the workflow's usual one
	source   bool     // remit-sh/remit@v1 of the workflow has no release: it is built
	ref      string   // of remit-sh/remit in place of gateCommit
	vars     []string // the workflow's own env, "NAME: value"
	gateOnly bool     // only the job's first step is run
}

// act runs a workflow of testdata/workflows.
func (s *shop) act(workflow string, e event) *outcome {
	s.t.Helper()
	if failures := s.double.Failures(); len(failures) > 0 {
		s.t.Fatalf("before act: %v", failures)
	}
	rig := s.rig
	number := s.runs.Add(1)
	dir := s.path(fmt.Sprintf("act%d", number))
	results := filepath.Join(dir, "results")
	write(s.t, filepath.Join(dir, "event.json"), string(e.payload))
	if err := os.Mkdir(results, 0o700); err != nil {
		s.t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "workflows", workflow))
	if err != nil {
		s.t.Fatal(err)
	}
	project := filepath.Join(dir, "project")
	ref := cmp.Or(e.ref, gateCommit)
	text = bytes.ReplaceAll(text, []byte("remit-sh/remit@v1"), []byte("remit-sh/remit@"+ref))
	if e.gateOnly { // what comes behind it would go by the variables
		text, _, _ = bytes.Cut(text, []byte("      - id: checkout\n"))
	}
	if len(e.vars) > 0 {
		text = bytes.Replace(text, []byte("\njobs:\n"), []byte("\nenv:\n  "+strings.Join(e.vars, "\n  ")+"\njobs:\n"), 1)
	}
	write(s.t, filepath.Join(project, ".github", "workflows", workflow), string(text))
	// act reads the commit and the repository's name from here, and warns at each step without them.
	for _, line := range []string{"init -q -b main", "add -A", "commit -q -m x", "remote add origin " + s.server + "/acme/shop"} {
		run(s.t, project, s.env("alice"), "git", strings.Fields(line)...)
	}
	action := rig.action
	if e.source {
		action = rig.source
	}
	token := e.token
	if token == "" {
		token = workflowToken
	}
	checkout, err := filepath.Abs("testdata/checkout")
	if err != nil {
		s.t.Fatal(err)
	}
	args := []string{
		e.name, "--json", "-P", "ubuntu-latest=-self-hosted", "-e", filepath.Join(dir, "event.json"), "-W", ".github/workflows/" + workflow,
		"--no-cache-server", "--action-offline-mode", "--action-cache-path", filepath.Join(dir, "actions"),
		"--local-repository", "remit-sh/remit@" + ref + "=" + action, "--local-repository", "actions/checkout@v4=" + checkout,
		"-s", "GITHUB_TOKEN=" + token,
	}
	for _, kv := range append([]string{
		"GITHUB_API_URL=" + s.double.URL(), "GITHUB_SERVER_URL=" + s.server, "GITHUB_REPOSITORY=acme/shop",
		fmt.Sprintf("GITHUB_RUN_ID=%d", 8000+number), "GITHUB_RUN_ATTEMPT=1", "RESULTS=" + results, "E2E_LOG=" + filepath.Join(dir, "log"),
	}, e.env...) {
		args = append(args, "--env", kv)
	}
	ctx, stop := context.WithTimeout(context.Background(), maxAct)
	defer stop()
	cmd := exec.CommandContext(ctx, rig.act, args...)
	cmd.Dir = project
	home := filepath.Join(dir, "home")
	cmd.Env = []string{"PATH=" + rig.path, "HOME=" + home, "XDG_CACHE_HOME=" + home, "XDG_CONFIG_HOME=" + home, "LC_ALL=C.UTF-8"}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		s.t.Fatalf("act: %v: %s", errors.Join(err, ctx.Err()), &stderr)
	}
	o := &outcome{t: s.t, records: parseRecords(s.t, stdout.Bytes()), code: cmd.ProcessState.ExitCode()}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		s.t.Fatalf("no step ran: %v: %s", err, &stderr)
	}
	o.log = strings.ReplaceAll(string(log), "::add-mask::"+token+"\n", "") // which the runner shows to nobody
	o.collect(results)
	s.t.Cleanup(func() {
		if s.t.Failed() {
			o.dump()
			s.t.Logf("act's own log:\n%s", &stderr)
		}
	})
	for where, text := range map[string]string{"log": o.log, "summary": o.summary, "report": string(o.report), "SARIF": string(o.sarif)} {
		if strings.Contains(text, token) {
			s.t.Errorf("the %s has the token", where)
		}
	}
	return o
}

// collect reads what the workflow's last step left behind.
func (o *outcome) collect(results string) {
	o.t.Helper()
	o.files = map[string]string{}
	entries, err := os.ReadDir(results)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(results, e.Name()))
		if err != nil {
			o.t.Fatal(err)
		}
		o.files[e.Name()] = string(content)
	}
	if text, ok := o.files["outputs.json"]; ok {
		if err := json.Unmarshal([]byte(text), &o.outputs); err != nil {
			o.t.Fatalf("the outputs %q: %v", text, err)
		}
	}
	for _, r := range o.records { // the same again for the steps around it
		if r.in("remit") && r.Command == "summary" {
			o.summary = r.Content
		}
	}
	o.report, o.sarif = []byte(o.files["report.json"]), []byte(o.files["report.sarif"])
}

func parseRecords(t testing.TB, out []byte) []record {
	t.Helper()
	var records []record
	d := jsontext.NewDecoder(bytes.NewReader(out), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		var r record
		err := json.UnmarshalDecode(d, &r)
		if errors.Is(err, io.EOF) {
			return records
		}
		if err != nil {
			t.Fatalf("reading act's records: %v", err)
		}
		records = append(records, r)
	}
}
