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
}

// below says that a property is one of a list, or below one, or that one of the list is below it: what
// takes all of an event takes the pull request's head with it.
func below(path string, list []string) bool {
	whole, isStar := strings.CutSuffix(path, ".*")
	return slices.ContainsFunc(list, func(p string) bool {
		rest, ok := strings.CutPrefix(path, p)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[') || isStar && strings.HasPrefix(p, whole+".") || strings.HasPrefix(p, path+".")
	})
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
	// What the forge gives of a commit's content, and how it is asked for anything else but to change something.
	content = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)tarball|zipball|/contents\b|/git/(blobs|trees)|/archive/|codeload|\braw\b|\.(diff|patch|tar|tgz|zip)\b|github\.[a-z.+-]*(diff|patch|raw)|\bBlob\b`)
	})
	asks = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\bgh\s+api\s+["']?(\$|\S*://)`)
	})
	sends = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:^|\s)(?:-X|--request|--method)[ =]?["']?(?:POST|PUT|PATCH|DELETE)\b|(?:^|\s)(?:-d|--data\S*|--json|--post-data|--post-file|-F|--form)\b`)
	})
	gitFetch = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bgit\b[^|;&]*?\sfetch\b`) })
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
	var found []evidence.Untrusted
	add := func(kind evidence.UntrustedKind, sure evidence.Truth, v evidence.WorkflowValue, text string) {
		found = append(found, evidence.Untrusted{Kind: kind, Text: cut(text), At: v.At, Sure: sure})
	}
	s.look(out, st, near, add)
	if len(found) == 0 {
		return
	}
	conditions := s.conditions(st)
	from, none := s.from(conditions)
	if none {
		return
	}
	for i, u := range found {
		if u.Kind == evidence.UntrustedText && isBranch(u.Text) && len(from) > 0 && allImply(conditions, from, fixedBranch) {
			continue
		}
		found[i].From = from
		out.Untrusted = append(out.Untrusted, found[i])
	}
}

// look finds the places, whatever conditions say.
func (s *scope) look(out *evidence.JobStep, st *step, near []variables, add adder) {
	if u := out.Uses; u != nil {
		for _, v := range out.With {
			name := expression.Lower(v.Name)
			node := get(st.with, v.Name)
			switch {
			case name == "ref" || name == "repository" || out.Checkout != nil && name != "token" && name != "path":
				switch {
				case readsAny(v, headOf), name == "ref" && readsAny(v, numberOf), strings.Contains(v.Text, "refs/pull/") || strings.HasPrefix(v.Text, "pull/"):
					add(evidence.UntrustedCode, evidence.Yes, v, v.Text)
				case s.madeOfHead(v):
					add(evidence.UntrustedCode, evidence.Perhaps, v, v.Text)
				}
			case isScript(name, u.Kind, st.action):
				s.scriptText(st.document, node, v, near, add)
				if download().MatchString(v.Text) {
					add(evidence.UntrustedArtifact, evidence.Yes, v, "downloadArtifact")
				}
				s.script(scalar(node), v, near, add)
			}
		}
		s.artifact(out, add)
	}
	if st.run == nil {
		return
	}
	s.scriptText(st.document, st.run, out.Run, near, add)
	s.script(st.run.Value, out.Run, near, add)
}

// scriptText finds somebody else's text in a script.
func (s *scope) scriptText(doc *document, n *yaml.Node, v evidence.WorkflowValue, near []variables, add adder) {
	if text := s.textIn(doc, n, near, 0); text != "" {
		add(evidence.UntrustedText, evidence.Yes, v, text)
	} else if text := s.madeOfText(doc, n); text != "" {
		add(evidence.UntrustedText, evidence.Perhaps, v, text)
	}
}

// isScript says that an input of an action, by its name, is run as a script.
func isScript(name string, kind evidence.UsesKind, local *action) bool {
	switch {
	case strings.HasSuffix(name, "path"), strings.HasSuffix(name, "file"):
		return false
	case local != nil && local.using == "composite":
		return false // its steps are read themselves
	case strings.Contains(name, "script"):
		return true
	case kind == evidence.UsesDocker:
		return name == "args" || name == "entrypoint"
	}
	return slices.Contains([]string{"run", "cmd", "command", "commands", "shell-command", "code"}, name)
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
func (s *scope) script(text string, value evidence.WorkflowValue, near []variables, add adder) {
	if !hints(text) {
		return
	}
	lines := commands(text)
	if value.Name == "run" && slices.ContainsFunc(lines, download().MatchString) {
		add(evidence.UntrustedArtifact, evidence.Yes, value, "gh run download")
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return placing().MatchString(l) || fetches(l) }) {
		return
	}
	var names []string // variables that name somebody's commit
	mentions := readsHead(value)
	for _, v := range near {
		for _, one := range s.values(v.document, v.node, near) {
			if readsHead(one) || readsAny(one, numberOf) && strings.Contains(one.Text, "pull/") {
				names = append(names, one.Name)
			}
		}
	}
	names = append(names, s.exported()...)
	for _, line := range lines {
		places, fetch := placing().MatchString(line), fetches(line)
		if !places && !fetch {
			continue
		}
		named := pullRefs().MatchString(line) || namesHead(line)
		for _, n := range names {
			named = named || n != "" && strings.Contains(line, n)
		}
		switch {
		case named && (places || strings.Contains(line, "fetch")):
			add(evidence.UntrustedCode, evidence.Yes, value, line)
		case named, places && !strings.Contains(line, "clone") && (mentions || len(names) > 0 || pullRefs().MatchString(text)):
			add(evidence.UntrustedCode, evidence.Perhaps, value, line)
		}
	}
}

// readsHead says that a variable has somebody's commit in it. One with the whole of the github context
// is for people to read.
func readsHead(v evidence.WorkflowValue) bool {
	return slices.ContainsFunc(v.Reads, func(p string) bool { return p != "github" && p != "github.*" && below(p, headOf) })
}

// fetches says that a command may bring code: "git fetch", or a download of what a commit holds. What is
// sent to the forge, or asked of it about a commit, brings none.
func fetches(line string) bool {
	if !fetching().MatchString(line) {
		return false
	}
	switch {
	case content().MatchString(line), asks().MatchString(line):
		return true
	case strings.Contains(line, "gh api"), strings.Contains(line, "api.github.com"), strings.Contains(line, "GITHUB_API_URL"):
		return strings.Contains(line, "git ") && placingOrFetch(line)
	case strings.Contains(line, "curl"), strings.Contains(line, "wget"):
		return !sends().MatchString(line) || placingOrFetch(line)
	}
	return true
}

func placingOrFetch(line string) bool {
	return placing().MatchString(line) || gitFetch().MatchString(line)
}

// namesHead says that an expression in a line names somebody's commit.
func namesHead(line string) bool {
	if !expression.IsTemplate(line) {
		return false
	}
	t, err := expression.ParseTemplate(line)
	if err != nil {
		return slices.ContainsFunc(headOf, func(p string) bool { return strings.Contains(expression.Lower(line), p) })
	}
	return slices.ContainsFunc(t.Nodes(), func(n *expression.Node) bool {
		return slices.ContainsFunc(n.Paths(), func(p string) bool { return below(p, headOf) })
	})
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
