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
	head := s.sneak("Lure\r\n"+lures[0]+"\n\n"+text+"\n", files)
	s.push("coder", "agent/lure")
	number := s.double.OpenPull(repository, gh.PullRequest{
		Author: "coder", Title: "Lure\n" + text, HeadRef: "agent/lure", Body: s.body(text, "agent/lure"),
		Labels: []string{lures[0], lures[8]},
	})

	o := s.act("check.yml", s.pull(number))
	o.want("deny", 1)
	var names []string
	for name := range o.outputs {
		names = append(names, name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"commit", "report", "sarif", "verdict"}) {
		t.Errorf("outputs: %q", names)
	}
	for _, c := range o.commands("remit", "") {
		if !slices.Contains([]string{"error", "warning", "notice", "group", "endgroup"}, c.Command) || c.Properties["file"] == "policies.hcl" && c.Arg == "lured" {
			t.Errorf("the runner obeyed %q", c.Raw)
		}
	}
	for line := range strings.Lines(o.log) {
		for _, lure := range lures {
			if strings.HasPrefix(strings.TrimLeft(line, " \t"), lure) && strings.ContainsAny(lure[:2], ":#") {
				t.Errorf("a line of the log begins with %q: %q", lure, line)
			}
		}
		if strings.ContainsAny(line, "\x1b") && strings.Contains(line, "\x1b[2K") {
			t.Errorf("the log has control sequences of the pull request: %q", line)
		}
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
