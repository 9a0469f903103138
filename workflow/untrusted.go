package workflow

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// headOf are the properties by which a workflow that runs with secrets names somebody else's code:
// each, and whatever is below it.
var headOf = []string{
	"github.event.pull_request.head", "github.head_ref", "github.event.pull_request.merge_commit_sha",
	"github.event.workflow_run.head_sha", "github.event.workflow_run.head_branch", "github.event.workflow_run.head_commit",
	"github.event.workflow_run.head_repository", "github.event.workflow_run.pull_requests",
	"github.event.check_suite.head_sha", "github.event.check_suite.head_branch", "github.event.check_suite.pull_requests",
	"github.event.check_run.head_sha", "github.event.check_run.pull_requests",
	"github.event.merge_group.head_sha", "github.event.merge_group.head_ref",
}

// numberOf are those that give a pull request's number, which makes a ref of it.
var numberOf = []string{
	"github.event.pull_request.number", "github.event.number", "github.event.issue.number", "github.event.pull_request.url", "github.event.pull_request.html_url",
	"github.ref", "github.ref_name",
}

// textsOf are texts that whoever opens a pull request or an issue writes.
var textsOf = []string{
	"github.event.issue.title", "github.event.issue.body", "github.event.pull_request.title", "github.event.pull_request.body",
	"github.event.pull_request.head.ref", "github.event.pull_request.head.label", "github.event.pull_request.head.repo.default_branch",
	"github.event.pull_request.head.repo.description", "github.event.pull_request.head.repo.homepage",
	"github.event.comment.body", "github.event.review.body", "github.event.review_comment.body",
	"github.event.discussion.title", "github.event.discussion.body", "github.event.pages", "github.event.commits",
	"github.event.head_commit.message", "github.event.head_commit.author", "github.event.head_commit.committer",
	"github.event.workflow_run.head_branch", "github.event.workflow_run.head_commit", "github.event.workflow_run.display_title",
	"github.event.workflow_run.head_repository.description", "github.head_ref",
}

// below says that a property is one of a list, or below one.
func below(path string, list []string) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		rest, ok := strings.CutPrefix(path, p)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	}) || path == "github.event" || path == "github.event.*" || path == "github.event.pull_request" || path == "github.event.workflow_run"
}

func readsAny(v evidence.WorkflowValue, list []string) bool {
	return slices.ContainsFunc(v.Reads, func(p string) bool { return below(p, list) })
}

var (
	// Commands that put a commit into the work tree, and those that only fetch it.
	placing = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\bgit\b[^|;&]*?\s(checkout|switch|pull|clone|merge|rebase|cherry-pick|am|apply|read-tree|restore|worktree\s+add|submodule\s+update)(?:\s|$)|\bgit\b[^|;&]*?\sreset\s+[^|;&]*--(hard|merge|keep)\b|\bgh\s+pr\s+checkout\b|\bgh\s+repo\s+clone\b|\bhub\s+(checkout|clone)\b`)
	})
	fetching = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\bgit\b[^|;&]*?\sfetch\b|\b(curl|wget)\b|\bgh\s+api\b`)
	})
	pullRefs = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`refs/pull/|\bpull/(\$\{\{[^}]*\}\}|[^/\s]+)/(head|merge)\b|\bgh\s+pr\s+(checkout|diff)\b|GITHUB_HEAD_REF`)
	})
	download = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\bgh\s+run\s+download\b|downloadArtifact|actions/artifacts/`)
	})
)

// checkout says what commit an action puts into the work tree.
func (s *scope) checkout(out *evidence.JobStep, st *step) {
	u := out.Uses
	if u == nil || u.Kind != evidence.UsesRemote {
		return
	}
	_, name, _ := strings.Cut(u.Repository, "/")
	if !strings.Contains(name, "checkout") && get(st.with, "fetch-depth") == nil {
		return
	}
	c := &evidence.Checkout{}
	for _, v := range out.With {
		switch expression.Lower(v.Name) {
		case "ref":
			c.Ref = v
			c.Commit = s.origin(st.document, get(st.with, "ref"), variables{st.document, st.env})
		case "repository":
			c.Repository = v
		case "path":
			c.Path = v
		}
	}
	out.Checkout = c
}

// hints says that a script has a word in it without which none of the patterns matches.
func hints(script string) bool {
	return slices.ContainsFunc([]string{"git ", "git\t", "gh ", "gh\t", "hub ", "curl ", "wget ", "downloadArtifact", "actions/artifacts/"}, func(w string) bool { return strings.Contains(script, w) })
}

// commands are the lines of a script, with lines that a backslash continues put together and
// comments left out.
func commands(script string) []string {
	script = strings.ReplaceAll(strings.ReplaceAll(script, "\r\n", "\n"), "\\\n", " ")
	var lines []string
	for _, line := range strings.Split(script, "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

// untrusted finds where a step takes what somebody else made.
func (s *scope) untrusted(out *evidence.JobStep, st *step, near []variables) {
	add := func(kind evidence.UntrustedKind, sure evidence.Truth, v evidence.WorkflowValue, text string) {
		out.Untrusted = append(out.Untrusted, evidence.Untrusted{Kind: kind, Text: cut(text), At: v.At, Sure: sure})
	}
	if u := out.Uses; u != nil {
		for _, v := range out.With {
			name := expression.Lower(v.Name)
			switch {
			case name == "ref" || name == "repository" || out.Checkout != nil && name != "token" && name != "path":
				switch {
				case readsAny(v, headOf), strings.Contains(v.Text, "refs/pull/") || strings.HasPrefix(v.Text, "pull/"):
					add(evidence.UntrustedCode, evidence.Yes, v, v.Text)
				case s.madeOfHead(v):
					add(evidence.UntrustedCode, evidence.Perhaps, v, v.Text)
				}
			case name == "script" && readsText(v):
				add(evidence.UntrustedText, evidence.Yes, v, v.Text)
			}
			if name == "script" && download().MatchString(v.Text) {
				add(evidence.UntrustedArtifact, evidence.Yes, v, "downloadArtifact")
			}
		}
		s.artifact(out, add)
	}
	if st.run == nil {
		return
	}
	if readsText(out.Run) {
		add(evidence.UntrustedText, evidence.Yes, out.Run, readText(out.Run))
	}
	s.script(out, st, near, add)
}

// readsText says that a script has somebody's text put into it.
func readsText(v evidence.WorkflowValue) bool { return readText(v) != "" }

func readText(v evidence.WorkflowValue) string {
	for _, p := range v.Reads {
		if below(p, textsOf) && p != "github.event" && p != "github.event.pull_request" && p != "github.event.workflow_run" {
			return p
		}
	}
	return ""
}

type adder func(kind evidence.UntrustedKind, sure evidence.Truth, v evidence.WorkflowValue, text string)

// artifact finds actions that download what another run stored.
func (s *scope) artifact(out *evidence.JobStep, add adder) {
	u := out.Uses
	if u.Kind != evidence.UsesRemote {
		return
	}
	_, name, _ := strings.Cut(u.Repository, "/")
	if !strings.Contains(name, "download") || !strings.Contains(name, "artifact") {
		return
	}
	whole := evidence.WorkflowValue{At: u.At}
	if u.Repository != "actions/download-artifact" {
		add(evidence.UntrustedArtifact, evidence.Yes, whole, u.Text)
		return
	}
	for _, v := range out.With {
		if expression.SameName(v.Name, "run-id") {
			sure := evidence.Perhaps
			if slices.ContainsFunc(v.Reads, func(p string) bool { return strings.HasPrefix(p, "github.event.workflow_run") }) {
				sure = evidence.Yes
			}
			add(evidence.UntrustedArtifact, sure, v, u.Text)
		}
	}
}

// script finds commands that fetch or check out somebody's commit, or download what another run stored.
func (s *scope) script(out *evidence.JobStep, st *step, near []variables, add adder) {
	value := out.Run
	if !hints(st.run.Value) {
		return
	}
	lines := commands(st.run.Value)
	if slices.ContainsFunc(lines, download().MatchString) {
		add(evidence.UntrustedArtifact, evidence.Yes, value, "gh run download")
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return placing().MatchString(l) || fetching().MatchString(l) }) {
		return
	}
	var names []string // variables that name somebody's commit
	mentions := readsAny(value, headOf)
	for _, v := range near {
		for _, one := range s.values(v.document, v.node, near) {
			if readsAny(one, headOf) || readsAny(one, numberOf) && strings.Contains(one.Text, "pull/") {
				names = append(names, one.Name)
			}
		}
	}
	names = append(names, s.exported()...)
	for _, line := range lines {
		places, fetches := placing().MatchString(line), fetching().MatchString(line)
		if !places && !fetches {
			continue
		}
		named := pullRefs().MatchString(line) || slices.ContainsFunc(headOf, func(p string) bool { return strings.Contains(expression.Lower(line), p) })
		for _, n := range names {
			named = named || n != "" && strings.Contains(line, n)
		}
		switch {
		case named && (places || strings.Contains(line, "fetch")):
			add(evidence.UntrustedCode, evidence.Yes, value, line)
		case named, places && !strings.Contains(line, "clone") && (mentions || len(names) > 0 || pullRefs().MatchString(st.run.Value)):
			add(evidence.UntrustedCode, evidence.Perhaps, value, line)
		}
	}
}

// madeOfHead says that a value takes what an earlier step or job made, and that this one has to do
// with a pull request.
func (s *scope) madeOfHead(v evidence.WorkflowValue) bool {
	for _, p := range v.Reads {
		parts := strings.SplitN(p, ".", 3)
		if len(parts) < 2 {
			continue
		}
		switch parts[0] {
		case "env":
			if slices.ContainsFunc(s.exported(), func(name string) bool { return expression.SameName(name, parts[1]) }) {
				return true
			}
		case "steps":
			for _, st := range s.f.job.steps {
				if expression.SameName(st.id, parts[1]) && speaksOfHead(st) {
					return true
				}
			}
		case "needs":
			if j := s.f.file.job(parts[1]); j != nil && slices.ContainsFunc(j.steps, speaksOfHead) {
				return true
			}
		}
	}
	return false
}

var headWords = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)pull_request|pulls\.get|pulls/|head_ref|head_sha|headRef|headSha|head\.sha|head\.ref|gh\s+pr|workflow_run|merge_commit_sha|comment-branch|pull-request`)
})

// speaksOfHead says that a step has anything to do with a pull request's code.
func speaksOfHead(s *step) bool {
	found := false
	for _, n := range []*yaml.Node{s.run, s.with, s.env, s.uses} {
		if n != nil {
			eachScalar(n, func(text string) { found = found || headWords().MatchString(text) })
		}
	}
	return found
}
