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
var headOf = sync.OnceValue(func() []string {
	return []string{
		"github.event.pull_request.head", "github.head_ref", "github.event.pull_request.merge_commit_sha",
		"github.event.workflow_run.head_sha", "github.event.workflow_run.head_branch", "github.event.workflow_run.head_commit",
		"github.event.workflow_run.head_repository", "github.event.workflow_run.pull_requests",
		"github.event.check_suite.head_sha", "github.event.check_suite.head_branch", "github.event.check_suite.pull_requests",
		"github.event.check_run.head_sha", "github.event.check_run.pull_requests",
		"github.event.merge_group.head_sha", "github.event.merge_group.head_ref",
		"github.event.pull_request.patch_url", "github.event.pull_request.diff_url", "github.event.pull_request._links",
		"github.event.issue.pull_request.patch_url", "github.event.issue.pull_request.diff_url",
		"github.event.sha", "github.event.commit", "github.event.branches", // of a status
		"github.event.check_suite.head_commit", "github.event.check_run.check_suite", "github.event.comment.commit_id",
	}
})

// numberOf are those that give a pull request's number, which makes a ref of it.
var numberOf = sync.OnceValue(func() []string {
	return []string{
		"github.event.pull_request.number", "github.event.number", "github.event.issue.number", "github.event.pull_request.url", "github.event.pull_request.html_url",
	}
})

// numbered says that a value has a pull request's number in it.
func numbered(list []source) bool {
	return slices.ContainsFunc(list, func(f source) bool { return isNumber(f.Path) })
}

var (
	// Commands that put a commit into the work tree, and those that only fetch it.
	placing = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\bgit\b[^|;&]*?\s(checkout|switch|pull|clone|merge|rebase|cherry-pick|am|apply|read-tree|restore|worktree\s+add|submodule\s+update)(?:\s|$)|\bgit\b[^|;&]*?\sreset\s+[^|;&]*--(hard|merge|keep)\b|\bgh\s+(pr\s+)?(checkout|co)\b|\bgh\s+repo\s+clone\b|\bhub\s+(checkout|clone)\b`)
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
		return regexp.MustCompile(`refs/pull/|\bpull/(\$\{\{[^}]*\}\}|[^/\s]+)/(head|merge)\b|\bgh\s+(pr\s+)?(checkout|co)\b|\bgh\s+pr\s+diff\b|GITHUB_HEAD_REF`)
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
	return slices.ContainsFunc([]string{
		"git", "gh", "hub ", "curl", "wget", "downloadArtifact", "actions/artifacts/", "docker", "podman", "nerdctl", "build", "pip", "uv", "poetry", "np", "yarn", "bun", "nix", "go ", "cargo",
		"gem", "composer", "deno", "tiged", "helm", "kube", "ansible", "svn",
	}, func(w string) bool { return strings.Contains(script, w) })
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
	out.Untrusted = s.reached(s.conditions(st), func(add adder) { s.look(out, st, near, add) })
}

// reached are the places that look finds, with the events that get there.
func (s *scope) reached(conditions []*expression.Node, look func(adder)) (list []evidence.Untrusted) {
	var found []evidence.Untrusted
	look(func(kind evidence.UntrustedKind, sure evidence.Truth, v evidence.WorkflowValue, text string, into evidence.TextInto) {
		u := evidence.Untrusted{Kind: kind, Text: cut(text), At: v.At, Sure: sure, Into: into}
		if len(found) == maxReads { // whatever comes behind these
			u.Text, u.Sure = "more places than are told of", evidence.Yes
		}
		if len(found) <= maxReads && !slices.ContainsFunc(found, func(o evidence.Untrusted) bool {
			return o.Kind == kind && o.Text == u.Text && o.At == u.At && o.Sure == sure && o.Into == into
		}) {
			found = append(found, u)
		}
	})
	if len(found) == 0 {
		return nil
	}
	from, none := s.from(conditions)
	if none {
		return nil
	}
	for _, u := range found {
		u.From = from
		switch {
		case u.Kind == evidence.UntrustedText && isBranch(u.Text) && len(from) > 0 && allImply(conditions, from, fixedBranch),
			u.Kind == evidence.UntrustedText && isBase(u.Text) && len(from) > 0 && allImply(conditions, from, fixedBase):
			continue
		case u.Kind == evidence.UntrustedCode && u.Text == mergeCommit && u.Sure == evidence.Yes && len(from) > 0 && allImply(conditions, from, merged):
			// It is a branch's of this repository since it was merged.
			u.From = slices.Clone(from)
			for i := range u.From {
				u.From[i].Own = true
			}
		}
		list = append(list, u)
	}
	return list
}

// look finds the places, whatever conditions say.
func (s *scope) look(out *evidence.JobStep, st *step, near []variables, add adder) {
	if u := out.Uses; u != nil {
		for i, v := range out.With {
			name, node := expression.Lower(v.Name), withNode(st, i)
			if node == nil {
				continue
			}
			if isScript(name, u.Kind, st.action) || name == "args" && strings.Contains(u.Repository, "ssh") {
				s.scriptText(st.document, node, v, near, add, intoOf(u, name))
				if download().MatchString(v.Text) {
					add(evidence.UntrustedArtifact, evidence.Yes, v, "downloadArtifact", 0)
				}
				s.script(scalar(node), v, s.sources(st.document, node, near), near, add)
				s.runsText(scalar(node), v, near, add)
				continue
			}
			if st.action != nil && st.action.using == "composite" {
				continue // its steps are read themselves
			}
			s.input(out, st, name, node, v, near, add)
		}
		s.artifact(out, add)
		s.dockerArguments(st, add)
	}
	pairs(st.env, func(key, n *yaml.Node) {
		if runsAtStart(key.Value) {
			s.scriptText(st.document, n, evidence.WorkflowValue{Name: key.Value, At: st.document.place(n)}, near, add, evidence.IntoSetting)
		}
	})
	if st.run == nil {
		return
	}
	s.scriptText(st.document, st.run, out.Run, near, add, evidence.IntoScript)
	s.script(st.run.Value, out.Run, s.sources(st.document, st.run, near), near, add)
	s.runsText(st.run.Value, out.Run, near, add)
	shell := evidence.WorkflowValue{Name: "shell"}
	if n := get(st.node, "shell"); n != nil {
		shell.At = st.document.place(n)
		s.scriptText(st.document, n, shell, near, add, evidence.IntoSetting)
	}
}

// runsAtStart says that programs run what a variable of a name holds, or are found by it.
func runsAtStart(name string) bool {
	return slices.Contains([]string{
		"BASH_ENV", "ENV", "PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "PROMPT_COMMAND", "NODE_OPTIONS", "PERL5OPT", "PERL5LIB", "PYTHONSTARTUP", "PYTHONPATH", "RUBYOPT", "RUBYLIB",
		"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_ASKPASS", "GIT_PROXY_COMMAND", "EDITOR", "GIT_EDITOR", "PAGER", "GIT_PAGER", "SHELL", "MAKEFLAGS",
	}, expression.Upper(name))
}

// intoOf is what an action's input becomes.
func intoOf(u *evidence.WorkflowUses, name string) evidence.TextInto {
	switch {
	case u.Repository == "actions/github-script" && name == "script":
		return evidence.IntoJavaScript
	case name == "script", name == "run", name == "command", name == "commands", name == "cmd":
		return evidence.IntoScript
	}
	return evidence.IntoSetting
}

// input finds somebody else's commit in an input of an action: any may be what it fetches, but those of
// which it is known that they are not.
func (s *scope) input(out *evidence.JobStep, st *step, name string, node *yaml.Node, v evidence.WorkflowValue, near []variables, add adder) {
	ref := refInput(name) || out.Checkout != nil && name != "token" && name != "path"
	if ref && out.Uses.Kind == evidence.UsesRemote && (strings.Contains(v.Text, "refs/pull/") || strings.HasPrefix(v.Text, "pull/")) && !harmlessAction(out.Uses.Repository) {
		add(evidence.UntrustedCode, evidence.Yes, v, v.Text, 0)
		return
	}
	list := s.sources(st.document, node, near)
	if len(list) == 0 {
		return
	}
	checkout := out.Checkout != nil && (name == "ref" || name == "repository")
	if !checkout && (harmlessAction(out.Uses.Repository) || !ref && harmlessInput(name)) {
		return
	}
	path, sure := commitIn(list)
	switch {
	case path != "" && (sure == evidence.Yes || ref):
		add(evidence.UntrustedCode, sure, v, shownSource(v, path), 0)
	case ref && numbered(list) && name != "repository" && name != "repo":
		add(evidence.UntrustedCode, evidence.Yes, v, v.Text, 0)
	case ref:
		if text, sure := s.textOf(list); text != "" && !isBranch(text) && !isBase(text) {
			add(evidence.UntrustedCode, sure, v, shownSource(v, text), 0)
		}
	}
}

// shownSource is the expression itself where it names the source, and the source where it got there on a way.
func shownSource(v evidence.WorkflowValue, path string) string {
	if v.Text != "" && path != mergeCommit && strings.Contains(expression.Lower(v.Text), path) {
		return v.Text
	}
	return path
}

// refInput says that an input, by its name, tells an action what to fetch.
func refInput(name string) bool {
	switch strings.NewReplacer("-", "", "_", "").Replace(name) {
	case "ref", "gitref", "sha", "gitsha", "commit", "commitsha", "commitish", "commitid", "commitref", "revision", "rev", "head", "headref", "headsha", "branch", "branchname",
		"repository", "repo", "repourl", "repositoryurl", "clone", "cloneurl", "giturl", "checkout", "checkoutref", "source", "src", "context", "remote", "treeish", "refname":
		return true
	}
	return false
}

// harmlessInput says that an input, by its name, is something to read or to find again, and nothing to fetch.
func harmlessInput(name string) bool {
	name = strings.ReplaceAll(name, "_", "-")
	if i := strings.LastIndexByte(name, '-'); i >= 0 && (refInput(name[:i]) || strings.HasPrefix(name, "restore-")) {
		name = strings.TrimPrefix(name, "restore-")
	} else if i >= 0 {
		name = name[i+1:]
	}
	return slices.Contains([]string{
		"body", "message", "msg", "comment", "comments", "title", "text", "description", "summary", "key", "keys", "name", "tag", "tags", "label", "labels", "footer", "header",
		"subject", "payload", "fields", "alias", "environment", "env", "slug", "id", "channelid", "token", "reviewers", "assignees", "recreate", "number", "append", "suffix", "prefix", "annotations", "flavor", "status", "state", "color", "author",
	}, name)
}

// harmlessAction says that an action is known to run and to check out nothing of a commit that is named to it.
func harmlessAction(repository string) bool {
	return slices.Contains([]string{
		"actions/cache", "actions/upload-artifact", "actions/labeler", "actions/github-script", "actions/stale", "actions/first-interaction",
		"actions/dependency-review-action", "actions/add-to-project", "dependabot/fetch-metadata", "dorny/paths-filter", "tj-actions/changed-files",
		"peter-evans/create-or-update-comment", "peter-evans/find-comment", "peter-evans/repository-dispatch", "marocchino/sticky-pull-request-comment",
		"thollander/actions-comment-pull-request", "mshick/add-pr-comment", "louisbrunner/checks-action", "myrotvorets/set-commit-status-action",
		"guibranco/github-status-action-v2", "sibz/github-status-action", "octokit/request-action", "slackapi/slack-github-action",
		"docker/metadata-action", "docker/login-action", "amannn/action-semantic-pull-request", "hmarr/auto-approve-action", "bobheadxi/deployments",
		"chrnorm/deployment-action", "chrnorm/deployment-status", "dawidd6/action-delete-branch", "codecov/codecov-action", "dawidd6/action-download-artifact",
	}, repository)
}

// scriptText finds somebody else's text in a script, or in what decides how one is run.
func (s *scope) scriptText(doc *document, n *yaml.Node, v evidence.WorkflowValue, near []variables, add adder, into evidence.TextInto) {
	if text, sure := s.textOf(s.sources(doc, n, near)); text != "" {
		add(evidence.UntrustedText, sure, v, text, into)
	}
}

// dockerArguments finds texts in the command of a local action that runs in a container.
func (s *scope) dockerArguments(st *step, add adder) {
	a := st.action
	if a == nil || a.document == nil || a.using != "docker" {
		return
	}
	runs, in := get(a.document.root, "runs"), s.inside(st)
	for _, key := range []string{"args", "entrypoint", "image", "pre-entrypoint", "post-entrypoint"} {
		if n := get(runs, key); n != nil {
			in.scriptText(a.document, n, evidence.WorkflowValue{Name: key, At: a.document.place(n)}, nil, add, evidence.IntoSetting)
		}
	}
}

// settings finds what somebody else made in what a job runs on and in, and in what it hands to a workflow
// that was not read.
func (s *scope) settings(unknown bool) []evidence.Untrusted {
	j, doc := s.f.job, s.f.file.document
	near := []variables{{doc, j.env}, {doc, s.f.file.env}}
	return s.reached(s.conditions(nil), func(add adder) {
		for i, v := range near {
			pairs(v.node, func(key, n *yaml.Node) {
				if runsAtStart(key.Value) {
					s.scriptText(doc, n, evidence.WorkflowValue{Name: key.Value, At: doc.place(n)}, near[i:], add, evidence.IntoSetting)
				}
			})
		}
		at := func(name string, n *yaml.Node) {
			if n = follow(n); n == nil {
				return
			}
			v := evidence.WorkflowValue{Name: name, At: doc.place(n)}
			list := s.sources(doc, n, near)
			if text, sure := s.textOf(list); text != "" {
				add(evidence.UntrustedText, sure, v, text, evidence.IntoSetting)
			} else if path, sure := commitIn(list); path != "" {
				add(evidence.UntrustedCode, sure, v, path, evidence.IntoSetting)
			}
		}
		for _, name := range []string{"runs-on", "container", "defaults"} {
			n := follow(get(j.body, name))
			if name == "container" && n != nil && n.Kind == yaml.MappingNode {
				for _, key := range []string{"image", "options", "volumes"} {
					at(name+"."+key, get(n, key))
				}
				continue
			}
			if name == "defaults" {
				n = get(get(n, "run"), "shell")
			}
			at(name, n)
		}
		at("defaults", get(get(get(doc.root, "defaults"), "run"), "shell"))
		services := get(j.body, "services")
		if services != nil && services.Kind != yaml.MappingNode {
			at("services", services)
		}
		pairs(services, func(key, service *yaml.Node) {
			if service.Kind != yaml.MappingNode {
				at("services", service)
			}
			for _, name := range []string{"image", "options", "volumes", "command", "entrypoint"} {
				at(key.Value+"."+name, get(service, name))
			}
		})
		if !unknown {
			return
		}
		pairs(j.with, func(key, value *yaml.Node) {
			name := expression.Lower(key.Value)
			v := evidence.WorkflowValue{Name: key.Value, At: doc.place(value), Text: cut(scalar(value))}
			list := s.sources(doc, value, nil)
			if path, sure := commitIn(list); path != "" && (refInput(name) || sure == evidence.Yes && !harmlessInput(name)) {
				add(evidence.UntrustedCode, sure, v, shownSource(v, path), evidence.IntoSetting)
			} else if text, sure := s.textOf(list); text != "" && (refInput(name) || isScript(name, evidence.UsesRemote, nil)) {
				add(evidence.UntrustedText, sure, v, text, evidence.IntoSetting)
			}
		})
	})
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

type adder func(kind evidence.UntrustedKind, sure evidence.Truth, v evidence.WorkflowValue, text string, into evidence.TextInto)

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
		add(evidence.UntrustedArtifact, evidence.Yes, whole, u.Text, 0)
		return
	}
	for _, v := range out.With {
		if expression.SameName(v.Name, "run-id") {
			sure := evidence.Perhaps
			if slices.ContainsFunc(v.Reads, func(p string) bool { return strings.HasPrefix(p, "github.event.workflow_run") }) {
				sure = evidence.Yes
			}
			add(evidence.UntrustedArtifact, sure, v, u.Text, 0)
		}
	}
}

// script finds commands that fetch or check out somebody's commit, or download what another run stored.
func (s *scope) script(text string, value evidence.WorkflowValue, own []source, near []variables, add adder) {
	if !hints(text) {
		return
	}
	lines := commands(text)
	written := lines
	if value.Name != "run" {
		lines = slices.Clone(lines)
		for i, line := range lines {
			if strings.Contains(line, "exec") || strings.Contains(line, "spawn") {
				lines[i] = words().Replace(line) // exec('git', ['checkout', sha])
			}
		}
	}
	if value.Name == "run" && slices.ContainsFunc(lines, download().MatchString) {
		add(evidence.UntrustedArtifact, evidence.Yes, value, "gh run download", 0)
	}
	if *s.r.a.work -= len(text) / 64; !slices.ContainsFunc(lines, func(l string) bool { return placing().MatchString(l) || fetches(l) || installing().MatchString(l) }) {
		return
	}
	var names []string // variables that name somebody's commit
	for i, v := range near {
		pairs(v.node, func(key, n *yaml.Node) {
			list := s.around(v).sources(v.document, n, near[i:])
			path, _ := commitIn(slices.DeleteFunc(list, func(f source) bool { return f.Path == "github" || f.Path == "github.*" })) // all of it is for people to read
			if path != "" || numbered(list) && strings.Contains(n.Value, "pull/") {
				names = append(names, key.Value)
			}
		})
	}
	names = append(names, s.exported()...)
	direct, _ := commitIn(own)
	speaks := direct != "" || len(names) > 0 || pullRefs().MatchString(text) || asksHead().MatchString(text)
	var taken []string // what the script itself puts such a commit into
	for i, line := range lines {
		if !s.Step(1 + (len(names)+len(taken))/8) {
			return
		}
		named := pullRefs().MatchString(line) || namesHead(line) || asksHead().MatchString(line)
		for _, n := range names {
			named = named || n != "" && strings.Contains(line, n)
		}
		named = named || mentions(line, taken)
		if to, rest, ok := sets(line); ok && (named || strings.HasSuffix(strings.Trim(rest, `"'/`), "refs/pull") || strings.Contains(rest, "pull/")) {
			taken = append(taken, to)
		}
		places, fetch := placing().MatchString(line), fetches(line)
		switch {
		case installing().MatchString(line):
			line = aboutNames().ReplaceAllString(line, " ")
			if still := namesHead(line) || mentions(line, taken) || slices.ContainsFunc(names, func(n string) bool { return n != "" && strings.Contains(line, n) }); still {
				add(evidence.UntrustedCode, evidence.Yes, value, written[i], 0)
			}
		case !places && !fetch:
		case named && (places || strings.Contains(line, "fetch")):
			add(evidence.UntrustedCode, evidence.Yes, value, written[i], 0)
		case named, places && !strings.Contains(line, "clone") && (speaks || ofFile().MatchString(line) && s.f.job != nil && slices.ContainsFunc(s.f.job.steps, speaksOfHead)):
			add(evidence.UntrustedCode, evidence.Perhaps, value, written[i], 0)
		}
	}
}

// words takes the signs between the words of a command out of JavaScript.
var words = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer("[", " ", "]", " ", "'", " ", `"`, " ", "`", " ", ",", " ", "(", " ", ")", " ")
})

var (
	// A commit that a step before may have written to a file.
	ofFile = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$\(\s*(cat\s|<)|\x60cat\s`) })
	// How a script asks for the commit of a pull request.
	asksHead = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)\.head\.(sha|ref|repo)|\.head_sha\b|\bheadRef(Oid|Name)\b|\bheadRepository\b|\bmerge_commit_sha\b|\bhead_branch\b|\.(patch|diff|clone)_url\b`)
	})
	// Commands that build, install or run what an address names.
	installing = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\b((docker|podman|nerdctl)\s+(build|buildx\s+\S+|run)|buildah\s+\S+|(pip[0-9.]*|pipx|uv|poetry)\s+[^|;&]*\b(install|add|run|sync)|uvx|npx|(npm|pnpm|yarn|bun)\s+[^|;&]*\b(i|install|add|exec|x|dlx)|bunx|nix(-\S+)?|go\s+(install|get|run)|cargo\s+(install|add)|gem\s+install|bundle\s+(install|add)|composer\s+(require|install)|deno\s+(run|install)|degit|tiged|helm\s+\S+|kustomize\s+build|kubectl\s+[^|;&]*-k|ansible-pull|svn)\s`)
	})
	// Words of these that only give a result its name.
	aboutNames = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\s(-t|--tag|--build-arg|--label|--cache-(from|to)|--name|--annotation|-e|--env|--set|--set-string|--metadata-file|--version|--app-version)[ =]("[^"]*"|'[^']*'|\S+)`)
	})
)

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
		return slices.ContainsFunc(headOf(), func(p string) bool { return strings.Contains(expression.Lower(line), p) })
	}
	return slices.ContainsFunc(t.Nodes(), func(n *expression.Node) bool {
		return slices.ContainsFunc(n.Flows(), func(f expression.Flow) bool { return commit(source{Flow: f}) != "" })
	})
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
