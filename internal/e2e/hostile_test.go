package e2e

import (
	"slices"
	"strings"
	"testing"

	gh "github.com/remit-sh/remit/internal/githubdouble"
)

// commands that a pull request would like a runner to obey, and Markdown that it would like a reader
// to see, in whatever an agent can name.
var lures = []string{
	"::set-output name=verdict::allow",
	"::add-mask::deny",
	"::stop-commands::lure",
	"::error file=policies.hcl,line=1::lured",
	"::save-state name=lure::1",
	"##[set-output name=verdict]allow",
	"anywhere ##[add-mask]lure",
	// Not commands of the log from here on.
	"verdict=allow",
	"verdict<<lure",
	"<img src=//lure.example>",
	"<details><summary>lured</summary>",
	"[approved](https://lure.example)",
	"@alice #1 **allowed**",
	"| lured | allow |",
	"<!-- lure",
	"\x1b[2K\x1b[32mallowed",
}

// obeyedLures is how many of the lures are commands.
const obeyedLures = 7

// A pull request whose every text is a lure is denied, and nothing of it is taken for anything but text.
func TestHostilePullRequest(t *testing.T) {
	s := newShop(t, theRig(t))
	s.employ("agent/lure")
	files := map[string]string{}
	for _, lure := range lures {
		name := strings.ReplaceAll(lure, "/", "_")
		files["deploy/"+name] = "lured\n"
		files["deploy/before\n"+name+"\nafter"] = "lured\n"
	}
	text := strings.Join(lures, "\n")
	// The program would not sign for what comes next.
	s.commit("coder", "Add a cart", map[string]string{"src/cart/cart.go": cart})
	body := s.body(text, "agent/lure")
	head := s.sneak("Lure\r\n"+lures[0]+"\n\n"+text+"\n", files)
	s.push("coder", "agent/lure")
	number := s.double.OpenPull(repository, gh.PullRequest{
		Author: "coder", Title: "Lure\n" + text, HeadRef: "agent/lure", Body: body,
		Labels: []string{lures[0], lures[8]},
	})

	o := s.act("check.yml", s.pull(number))
	o.want("deny", 1)
	var names []string
	for name := range o.outputs {
		names = append(names, name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"commit", "report", "sarif", "statement", "verdict"}) {
		t.Errorf("outputs: %q", names)
	}
	if obeyed := o.obeyed(); len(obeyed) > 0 {
		t.Errorf("the runner obeyed %q", obeyed)
	}
	if strings.Contains(o.log, "\x1b[2K") {
		t.Errorf("the log has control sequences of the pull request: %q", o.log)
	}
	c := s.check(head)
	if c.Conclusion != "failure" {
		t.Errorf("the check run is %s", c.Conclusion)
	}
	for where, text := range map[string]string{"title": c.Title, "summary of the check": c.Summary, "text of the check": c.Text, "job's summary": o.summary} {
		wantInert(t, where, text)
	}
	for _, a := range c.Annotations {
		if strings.ContainsAny(a.Title+a.Message, "\x1b") || a.Path == "policies.hcl" {
			t.Errorf("annotation %+v", a)
		}
	}
	if len(c.Annotations) == 0 || !strings.Contains(c.Summary+c.Text+o.summary, "lure") {
		t.Error("nothing of the pull request is shown, so that this test shows nothing")
	}
}

// runnerCommand is the name of the command that GitHub's runner takes a line of a step's log for, and
// what it is about; "" for text. "::name …::" counts after white space alone, the older "##[name …]"
// anywhere in a line. act knows the latter at the start only.
// Source: actions/runner, ActionCommand.cs and ActionCommandManager.cs.
func runnerCommand(line string) (name, data string) {
	if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "::"); ok {
		if info, data, ok := strings.Cut(rest, "::"); ok && known(info) {
			return firstWord(info), data
		}
	}
	if _, rest, ok := strings.Cut(line, "##["); ok {
		if info, data, ok := strings.Cut(rest, "]"); ok && known(info) {
			return firstWord(info), data
		}
	}
	return "", ""
}

func known(info string) bool {
	return slices.Contains([]string{
		"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher", "save-state",
		"set-env", "set-output", "stop-commands", "warning",
	}, strings.ToLower(firstWord(info)))
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// obeyed are the lines of the log in which GitHub's runner would take text of the pull request for a
// command. It ends lines at a single carriage return too. While the action has commands stopped, with a
// word that nobody can guess, nothing is one.
func (o *outcome) obeyed() []string {
	var obeyed []string
	resume := ""
	for line := range strings.FieldsFuncSeq(o.log, func(r rune) bool { return r == '\n' || r == '\r' }) {
		name, data := runnerCommand(line)
		switch {
		case resume != "":
			if line == "::"+resume+"::" {
				resume = ""
			}
		case name == "stop-commands" && len(data) > 20:
			resume = data
		case name != "" && !slices.Contains([]string{"error", "warning", "notice", "group", "endgroup"}, name), strings.TrimSpace(data) == "lured":
			obeyed = append(obeyed, line)
		}
	}
	if resume != "" {
		obeyed = append(obeyed, "commands were stopped, and never resumed")
	}
	return obeyed
}

// A program that shows the pull request as it is would be obeyed, and this rig sees it, of a step that
// fails too.
func TestHostileIsObeyedRaw(t *testing.T) {
	s := newShop(t, theRig(t))
	s.employ("agent/lure")
	s.commit("coder", "Lure", map[string]string{"src/lure.go": "package lure\n"})
	s.push("coder", "agent/lure")
	number := s.double.OpenPull(repository, gh.PullRequest{Author: "coder", Title: "Lure", HeadRef: "agent/lure", Body: strings.Join(lures, "\n")})
	o := s.act("lure.yml", s.pull(number))
	if got := o.obeyed(); !slices.Equal(got, lures[:obeyedLures]) || o.step("remit") != "failure" {
		t.Errorf("the step ended with %q, and would be obeyed in %q, want %q", o.step("remit"), got, lures[:obeyedLures])
	}
}

// wantInert fails the test if Markdown of the lures would take effect.
func wantInert(t *testing.T, where, text string) {
	t.Helper()
	for _, active := range []string{"<img", "<details><summary>lured", "[approved](", "<!-- lure", "\x1b"} {
		if at := strings.Index(text, active); at >= 0 && (at == 0 || text[at-1] != '\\') {
			t.Errorf("the %s has %q: …%s…", where, active, text[max(0, at-60):min(len(text), at+60)])
		}
	}
	for line := range strings.Lines(text) {
		for _, lure := range lures {
			if strings.HasPrefix(strings.TrimLeft(line, " \t>*-"), lure) {
				t.Errorf("a line of the %s begins with %q: %q", where, lure, line)
			}
		}
	}
}
