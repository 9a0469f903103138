package workflow

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// setting is one key of a service, or of several.
type setting struct {
	name string
	node *yaml.Node
}

// serviceMounts are the settings of services that may give them something of the runner. The runner puts
// all of them into one command line, mostly without quoting them, so that each has to be of a form in which
// nothing else can be. Variables and the registry's password are handed over apart.
func serviceMounts(services *yaml.Node, plain bool) []setting {
	if isNull(services) {
		return nil
	}
	if services.Kind != yaml.MappingNode {
		return []setting{{"services", services}}
	}
	var list []setting
	pairs(services, func(name, service *yaml.Node) {
		if isNull(service) {
			return
		}
		if service.Kind == yaml.ScalarNode && !expression.IsTemplate(name.Value) && plainWord(service, imageForm(), plain) {
			return // the image alone
		}
		if service.Kind != yaml.MappingNode || expression.IsTemplate(name.Value) {
			list = append(list, setting{name.Value, service})
			return
		}
		pairs(service, func(key, value *yaml.Node) {
			if !isNull(value) && !harmlessSetting(expression.Lower(key.Value), value, plain) {
				list = append(list, setting{name.Value + "." + key.Value, value})
			}
		})
	})
	return list
}

func harmlessSetting(key string, value *yaml.Node, plain bool) bool {
	each := func(form *regexp.Regexp) bool {
		return !slices.ContainsFunc(items(value), func(n *yaml.Node) bool { return !isNull(n) && !plainWord(n, form, plain) })
	}
	switch key {
	case "env", "credentials", "command":
		return true
	case "image":
		return plainWord(value, imageForm(), plain)
	case "entrypoint":
		return plainWord(value, entryForm(), plain)
	case "ports":
		return each(portForm())
	case "volumes":
		return each(volumeForm())
	case "options":
		return harmlessOptions(scalar(value))
	}
	return false
}

var (
	imageForm  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$`) })
	entryForm  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./-]*$`) })
	volumeForm = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:[A-Za-z0-9][A-Za-z0-9_.-]*:)?/[A-Za-z0-9_./-]*(?::(?:ro|rw|z|Z|nocopy))?$`)
	})
	portForm = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:(?:(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-fA-F:]+\]):)?(?:[0-9]+(?:-[0-9]+)?)?:)?[0-9]+(?:-[0-9]+)?(?:/(?:tcp|udp|sctp))?$`)
	})
	chosen = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\$\{\{\s*(matrix|vars|strategy|github\.(?:sha|repository|repository_owner|run_id))(?:\.[A-Za-z0-9_.-]+)?\s*\}\}`)
	})
)

// plainMatrix reports whether nothing in a job's matrix is more than one word, whatever is made of it.
func plainMatrix(body *yaml.Node) bool {
	matrix := get(get(body, "strategy"), "matrix")
	if matrix == nil {
		return true
	}
	plain := true
	eachScalar(matrix, func(s string) { plain = plain && (s == "" || imageForm().MatchString(s)) })
	return plain
}

// plainWord reports whether a text has a form, with what the workflow's own matrix or a maintainer's
// variables give in place of a few letters. A volume made of such is not known.
func plainWord(n *yaml.Node, form *regexp.Regexp, plain bool) bool {
	if n.Kind != yaml.ScalarNode {
		return false
	}
	text := n.Value
	if form != volumeForm() {
		text = chosen().ReplaceAllStringFunc(text, func(e string) string {
			if !plain && strings.Contains(e, "matrix") {
				return e
			}
			return "1"
		})
	}
	return form.MatchString(text)
}

// harmlessOptions reports whether the options for a service's container are about its own health, size
// and name alone. What the runner makes of quotes is clear only where they come in pairs, without backslashes.
func harmlessOptions(text string) bool {
	if expression.IsTemplate(text) || strings.Contains(text, `\`) || strings.Count(text, `"`)%2 != 0 || strings.Count(text, `'`)%2 != 0 {
		return false
	}
	words, split := quotedWords(text)
	if !split {
		return false
	}
	for _, word := range words {
		if !strings.HasPrefix(word, "-") {
			continue
		}
		name, _, _ := strings.Cut(word, "=")
		switch name {
		case "--name", "--hostname", "-h", "--memory", "-m", "--memory-swap", "--cpus", "--cpu-shares", "--shm-size", "--tmpfs", "--ulimit", "--restart", "--init", "--stop-timeout", "--label", "-l", "--no-healthcheck", "--platform", "--user", "-u", "--workdir", "-w", "-e", "--env", "-p", "--publish", "--expose", "--network-alias", "--read-only", "--log-driver":
		default:
			if !strings.HasPrefix(name, "--health-") {
				return false
			}
		}
	}
	return true
}

// quotedWords cuts a text at blanks outside of double quotes, as the runner does. Every word that could be
// an option however quotes are read is one of them, and split is false where there may be others.
func quotedWords(text string) (words []string, split bool) {
	var word strings.Builder
	quoted, has := false, false
	end := func() {
		if has {
			words = append(words, word.String())
		}
		word.Reset()
		has = false
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			if quoted && i+1 < len(text) && text[i+1] == '"' {
				return nil, false // two of them are one of them, or end and begin
			}
			quoted, has = !quoted, true
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			end()
		default:
			word.WriteByte(c)
			has = true
		}
	}
	end()
	return words, true
}

// surroundings adds what a job runs on and for what it waits, and what it hands on.
func (a *analysis) surroundings(s *scope, out *evidence.WorkflowJob) {
	j := a.leaf.job
	doc := j.file.document
	for _, m := range j.mounts {
		v := s.value(doc, m.name, m.node, nil)
		out.Mounts = append(out.Mounts, v)
	}
	for _, part := range []struct {
		key string
		to  *evidence.WorkflowValue
	}{{"container", &out.ContainerText}, {"services", &out.ServicesText}} {
		if n := get(j.body, part.key); n != nil && !isNull(n) {
			*part.to = s.value(doc, part.key, n, nil)
		}
	}
	out.Runners = a.runners(get(j.body, "runs-on"))
	for f := a.leaf; f != nil; f = f.parent {
		for _, term := range guardsOf(f, f != a.leaf) {
			if !slices.Contains(out.Guards, term) {
				out.Guards = append(out.Guards, term)
			}
		}
	}
	out.Outputs = s.values(doc, j.outputs, nil)
	if a.root.deploys || j.file.deploys {
		if n := get(get(j.body, "strategy"), "matrix"); !isNull(n) && hasExpression(n) {
			out.Matrix = []evidence.WorkflowValue{s.value(doc, "matrix", n, nil)}
		}
	}
}

const success = "success()"

// guardsOf are the conditions of a job, or of a job that calls it.
func guardsOf(f *frame, calls bool) []string {
	terms := termsOf(f.file.document, f.job.condition)
	if !calls {
		return terms
	}
	var all []string
	for _, term := range terms {
		switch {
		case term == success && len(f.job.needs) == 0:
			continue // of nothing that could fail
		case tellsOfItsPlace(term):
			term += " of job " + f.job.id
		}
		all = append(all, term)
	}
	return all
}

// tellsOfItsPlace reports whether a term means another thing in another job.
func tellsOfItsPlace(term string) bool {
	return slices.ContainsFunc([]string{"()", "inputs", "needs", "matrix", "strategy", "env", "{", "["}, func(s string) bool { return strings.Contains(term, s) })
}

// termsOf are what a condition is made of.
func termsOf(doc *document, n *yaml.Node) []string {
	if n == nil || isNull(n) || n.Kind == yaml.ScalarNode && n.Tag != "!!str" {
		if n != nil && n.Kind == yaml.ScalarNode && expression.SameName(n.Value, "false") {
			return []string{"false"}
		}
		return []string{success}
	}
	if n.Kind != yaml.ScalarNode {
		return []string{cut(raw(n).JSON())}
	}
	t := doc.text(n, true)
	if t.template == nil {
		return []string{cut(n.Value)}
	}
	var terms []string
	tells := slices.ContainsFunc(t.nodes, func(n *expression.Node) bool { return n.Calls(expression.StatusFunctions()...) })
	if !tells {
		terms = append(terms, success)
	}
	one := t.template.Single()
	if one == nil {
		return terms // a text with more in it than an expression always counts as true
	}
	var add func(*expression.Node)
	add = func(n *expression.Node) {
		if n.Kind == expression.And {
			for _, arg := range n.Args {
				add(arg)
			}
			return
		}
		if n.Kind == expression.Call && n.Text == "always" {
			return
		}
		terms = append(terms, cut(n.String()))
	}
	add(one)
	return terms
}

// runners are the runners that a job may ask for, each once.
func (a *analysis) runners(n *yaml.Node) []string {
	if isNull(n) {
		return nil
	}
	doc := a.leaf.job.file.document
	unknown := "?" + cut(raw(n).JSON())
	if !hasExpression(n) {
		return []string{runnerLabels(a.run(&state{}).scope(a.leaf).node(doc, n), unknown)}
	}
	var list []string
	var now string
	ok := a.enumerate(&state{}, func(r *run) { now = runnerLabels(r.scope(a.leaf).node(doc, n), unknown) }, func(*run) {
		if !slices.Contains(list, now) {
			list = append(list, now)
		}
	})
	if !ok {
		return []string{unknown}
	}
	slices.Sort(list)
	return list
}

func hasExpression(n *yaml.Node) bool {
	found := false
	eachScalar(n, func(s string) { found = found || expression.IsTemplate(s) })
	return found
}

// runnerLabels are the labels of one runner, or unknown.
func runnerLabels(v expression.Value, unknown string) string {
	var labels []string
	var add func(expression.Value, string) bool
	add = func(v expression.Value, prefix string) bool {
		switch v.Type {
		case expression.Array:
			for _, item := range v.Items {
				if !add(item, prefix) {
					return false
				}
			}
			return true
		case expression.Object:
			for i, key := range v.Keys {
				p := ""
				if !expression.SameName(key, "labels") {
					p = expression.Lower(key) + ":"
				}
				if !add(v.Items[i], p) {
					return false
				}
			}
			return true
		default:
			s, ok := v.AsText()
			if !ok {
				return false
			}
			labels = append(labels, prefix+expression.Lower(strings.TrimSpace(s)))
			return true
		}
	}
	if !add(v, "") || len(labels) > maxReads {
		return unknown
	}
	slices.Sort(labels)
	return cut(strings.Join(slices.Compact(labels), ","))
}

// origin is the one expression that a value consists of, in the terms of the job, see
// [evidence.Checkout]. own are the variables that stand at the value itself: others may have been
// changed by a step before.
func (s *scope) origin(doc *document, n *yaml.Node, own variables) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	t := doc.text(n, false)
	if t == nil || t.template == nil {
		return ""
	}
	return s.originOf(t.template.Single(), own)
}

func (s *scope) originOf(one *expression.Node, own variables) string {
	path := propertyOf(one)
	if len(path) == 0 {
		return ""
	}
	switch {
	case path[0] == "steps" && s.outer != nil:
		return ""
	case path[0] == "env":
		if len(path) != 2 || computedKeys(own.node) {
			return ""
		}
		return s.origin(own.document, get(own.node, path[1]), variables{})
	case path[0] == "inputs" && s.outer != nil:
		if len(path) != 2 || computedKeys(s.step.with) {
			return ""
		}
		return s.outer.origin(s.step.document, get(s.step.with, path[1]), variables{s.step.document, s.step.env})
	}
	return cut(one.String())
}

// computedKeys reports whether a mapping may have more keys than those that are written.
func computedKeys(n *yaml.Node) bool {
	if isNull(n) {
		return false
	}
	found := n.Kind != yaml.MappingNode
	pairs(n, func(key, _ *yaml.Node) { found = found || expression.IsTemplate(key.Value) })
	return found
}

// gets tells what a step gets into the job by its scripts and its inputs.
func (s *scope) gets(out *evidence.JobStep, st *step) {
	own := variables{st.document, st.env}
	if st.run != nil {
		s.scriptGets(out, st, "run", st.run, own)
		shell := s.shell(st)
		if strings.ContainsAny(shell, " \t") {
			s.found(out, out.Run, gets(shell, false), nil, nil, nil)
		}
	}
	near := s.near(st)
	for _, n := range []*yaml.Node{get(st.node, "shell"), get(st.node, "working-directory")} {
		if n != nil && n.Kind == yaml.ScalarNode && expression.IsTemplate(n.Value) {
			out.Around = append(out.Around, s.value(st.document, "", n, near))
		}
	}
	u := out.Uses
	if u != nil && u.Kind == evidence.UsesLocal {
		return // what it does with its inputs is read in its own steps
	}
	for i, v := range out.With {
		if node := withNode(st, i); node != nil && node.Kind == yaml.ScalarNode {
			name := expression.Lower(v.Name)
			if name == "ref" || name == "repository" || name == "path" {
				continue
			}
			s.scriptGets(out, st, v.Name, node, own)
		}
	}
	for _, v := range out.Env {
		if kind, repo, ok := addressGets(v.Text, false); ok && st.run != nil {
			out.Fetches = append(out.Fetches, evidence.Fetched{Kind: kind, Repository: repo, Text: v.Text, At: v.At})
		}
	}
	if u != nil {
		s.actionGets(out, st, u)
	}
}

// shell is what runs a step's script, "" for the default.
func (s *scope) shell(st *step) string {
	shell := st.shell
	if shell == "" && s.outer == nil {
		if shell = s.f.job.shell; shell == "" {
			shell = s.f.file.shell
		}
	}
	return shell
}

func withNode(st *step, i int) *yaml.Node {
	if st.with == nil || st.with.Kind != yaml.MappingNode || 2*i+1 >= len(st.with.Content) {
		return nil
	}
	return follow(st.with.Content[2*i+1])
}

// scriptGets reads one script of a step.
func (s *scope) scriptGets(out *evidence.JobStep, st *step, name string, n *yaml.Node, own variables) {
	at := out.Run
	if name != "run" {
		at = evidence.WorkflowValue{Name: name, Text: cut(n.Value), At: st.document.place(n)}
	}
	if *s.r.a.work -= len(n.Value) / 256; *s.r.a.work <= 0 {
		return // the job is told of as one that is not known
	}
	text, origins, texts := s.marked(st.document, n, own)
	if name == "run" && strings.HasPrefix(expression.Lower(strings.TrimSpace(s.shell(st))), "cmd") {
		text = strings.ReplaceAll(text, "#", "") // there it begins no comment
	}
	if !mayGet(text) {
		return
	}
	if name == "run" {
		for _, b := range builtImages(text) {
			out.Builds = append(out.Builds, cut(named(b, texts)))
		}
	}
	list := gets(text, name != "run")
	if len(list) == 0 {
		return
	}
	variable := func(name string) string {
		if assigns(text, name) || computedKeys(own.node) {
			return ""
		}
		return s.origin(own.document, get(own.node, name), variables{})
	}
	s.found(out, at, list, origins, texts, variable)
}

// mayGet says that a script has some word without which it gets nothing. Quotes may stand inside of words.
func mayGet(text string) bool {
	bare := strings.NewReplacer("'", "", `"`, "", `\`, "").Replace(text)
	lower := expression.Lower(bare)
	return slices.ContainsFunc([]string{"git", "gh", "hub", "/archive/", "/tarball", "/zipball", "/raw/", "/releases/", "docker", "podman", "nerdctl", "crane", "skopeo", "oras", "artifact", "archive", "checkout", "switch", "worktree", "kubectl", "oc", "helm", "kustomize", "--image", "/blob/", "/contents", "degit", "giget", "tiged", "rawgit", "statically", "esm.sh", "patch"}, func(w string) bool {
		return strings.Contains(lower, w)
	})
}

// marked is a text with a mark in place of each expression, what the expressions are in the terms of the
// job, and as they are written. One that is this repository or its forge is put in.
func (s *scope) marked(doc *document, n *yaml.Node, own variables) (text string, origins, texts []string) {
	t := doc.text(n, false)
	if t == nil || t.template == nil {
		return strings.ReplaceAll(n.Value, string(exprMark), ""), nil, nil
	}
	var b strings.Builder
	for _, p := range t.template.Parts {
		if p.Expr == nil {
			b.WriteString(strings.ReplaceAll(p.Literal, string(exprMark), ""))
			continue
		}
		origin := s.originOf(p.Expr, own)
		switch origin {
		case "github.repository":
			b.WriteString(ownRepository)
			continue
		case "github.server_url":
			b.WriteString(ownServer)
			continue
		case "github.api_url":
			b.WriteString(ownAPI)
			continue
		}
		fmt.Fprintf(&b, "%c%d%c", exprMark, len(origins), exprMark)
		origins, texts = append(origins, origin), append(texts, p.Expr.String())
	}
	return b.String(), origins, texts
}

// assigns reports whether a script may change a variable: its name stands somewhere without a "$".
func assigns(text, name string) bool {
	for i := 0; ; {
		k := strings.Index(text[i:], name)
		if k < 0 {
			return false
		}
		at := i + k
		i = at + len(name)
		before, after := byte(' '), byte(' ')
		if at > 0 {
			before = text[at-1]
		}
		if i < len(text) {
			after = text[i]
		}
		if isNameByte(before) || isNameByte(after) {
			continue
		}
		if before == '$' || before == '{' && at > 1 && text[at-2] == '$' && after == '}' {
			continue
		}
		return true
	}
}

// found adds what a script gets.
func (s *scope) found(out *evidence.JobStep, at evidence.WorkflowValue, list []got, origins, texts []string, variable func(string) string) {
	of := func(word string) string {
		if inner := strings.Trim(word, string(exprMark)); len(word) > 2 && word[0] == exprMark && word == string(exprMark)+inner+string(exprMark) {
			for i, o := range origins {
				if fmt.Sprint(i) == inner {
					return o
				}
			}
			return ""
		}
		if name, ok := strings.CutPrefix(word, "$"); ok && name != "" && variable != nil && strings.Trim(name, nameBytes) == "" {
			return variable(name)
		}
		return ""
	}
	for _, g := range list {
		if len(out.Commands)+len(out.Fetches) >= maxReads { // whatever comes behind these
			if len(out.Commands) == 0 || out.Commands[len(out.Commands)-1].Commit != "" {
				out.Commands = append(out.Commands, evidence.Checkout{Ref: evidence.WorkflowValue{Name: at.Name, Text: "more commands than are told of", At: at.At}})
			}
			return
		}
		text := cut(shownCommand(g.command.text))
		if g.fetch {
			f := evidence.Fetched{Kind: g.kind, Text: text, At: at.At, Repository: g.repo, Cloned: g.cloned, Elsewhere: g.kind == evidence.FetchedArtifact}
			words := g.command.words
			if g.image != "" {
				f.Name, words = cut(named(untagged(g.image), texts)), []string{g.image}
			}
			for _, w := range words {
				for _, part := range expressionsIn(w) {
					if o := of(part); o != "" {
						f.Reads = append(f.Reads, o)
					}
				}
			}
			out.Fetches = append(out.Fetches, f)
			continue
		}
		refs := g.refs
		if len(refs) == 0 {
			refs = []string{""}
		}
		for _, ref := range refs {
			out.Commands = append(out.Commands, evidence.Checkout{
				Ref:    evidence.WorkflowValue{Name: at.Name, Text: text, At: at.At},
				Commit: of(ref),
			})
		}
	}
}

// named is a word with its expressions as they are written.
func named(word string, texts []string) string {
	for i, t := range texts {
		word = strings.ReplaceAll(word, fmt.Sprintf("%c%d%c", exprMark, i, exprMark), "${{ "+t+" }}")
	}
	return word
}

const nameBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

// expressionsIn are the marks and the variables in a word.
func expressionsIn(word string) []string {
	var list []string
	for i := 0; i < len(word); i++ {
		switch word[i] {
		case exprMark:
			if end := strings.IndexByte(word[i+1:], exprMark); end >= 0 {
				list = append(list, word[i:i+end+2])
				i += end + 1
			}
		case '$':
			end := i + 1
			for end < len(word) && isNameByte(word[end]) {
				end++
			}
			list = append(list, word[i:end])
			i = end - 1
		}
	}
	return list
}

// shownCommand is a command with "…" for each expression.
func shownCommand(text string) string {
	var b strings.Builder
	in := false
	for _, c := range text {
		switch {
		case c == exprMark:
			if in = !in; in {
				b.WriteString("${{ … }}")
			}
		case !in:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// actionGets tells what an action gets that is known for it.
func (s *scope) actionGets(out *evidence.JobStep, st *step, u *evidence.WorkflowUses) {
	switch u.Kind {
	case evidence.UsesUnknown, evidence.UsesLocal: // no action that is known by its name
	case evidence.UsesDocker:
		if !strings.Contains(u.Text, "@sha256:") {
			out.Fetches = append(out.Fetches, evidence.Fetched{Kind: evidence.FetchedImage, Text: u.Text, At: u.At})
		}
	case evidence.UsesRemote:
		_, name, _ := strings.Cut(u.Repository, "/")
		switch {
		case strings.Contains(name, "download") && strings.Contains(name, "artifact"):
			f := evidence.Fetched{Kind: evidence.FetchedArtifact, Text: u.Text, At: u.At, Elsewhere: u.Repository != "actions/download-artifact"}
			for _, v := range out.With {
				switch expression.Lower(v.Name) {
				case "name":
					if v.Known {
						f.Name = v.Value
					}
				case "run-id", "repository", "artifact-ids":
					f.Elsewhere = f.Elsewhere || v.Text != "" && !slices.Equal(v.Reads, []string{"github.run_id"})
				}
			}
			out.Fetches = append(out.Fetches, f)
		case name == "deploy-pages":
			f := evidence.Fetched{Kind: evidence.FetchedArtifact, Name: "github-pages", Text: u.Text, At: u.At}
			if i := inputOf(out, "artifact_name"); i >= 0 {
				if f.Name = ""; out.With[i].Known {
					f.Name = out.With[i].Value
				}
			}
			out.Fetches = append(out.Fetches, f)
		case restoresCache(out, name, u.Path):
			out.Fetches = append(out.Fetches, evidence.Fetched{Kind: evidence.FetchedCache, Text: u.Text, At: u.At})
		}
		s.inputImages(out, st, name)
	}
}

func inputOf(out *evidence.JobStep, name string) int {
	return slices.IndexFunc(out.With, func(v evidence.WorkflowValue) bool { return expression.SameName(v.Name, name) })
}

// restoresCache reports whether an action takes something out of the forge's cache: by its name, by an
// input, or because it does unless it is told not to.
func restoresCache(out *evidence.JobStep, name, path string) bool {
	off := func(v evidence.WorkflowValue) bool {
		return v.Known && slices.Contains([]string{"", "false", "never", "none"}, expression.Lower(strings.TrimSpace(v.Value)))
	}
	for _, input := range []string{"cache", "bundler-cache", "enable-cache", "cache-from"} {
		if i := inputOf(out, input); i >= 0 {
			return !off(out.With[i])
		}
	}
	if i := inputOf(out, "cache-disabled"); i >= 0 && !off(out.With[i]) {
		return false
	}
	return strings.Contains(name, "cache") && path != "save" || out.Uses.Repository == "actions/setup-go" || strings.HasPrefix(out.Uses.Repository, "gradle/actions") && path == "setup-gradle"
}

// inputImages tells of the images that an action is handed, and of those that it builds.
func (s *scope) inputImages(out *evidence.JobStep, st *step, action string) {
	own := variables{st.document, st.env}
	builds := strings.Contains(action, "build-push")
	for i, v := range out.With {
		input := expression.Lower(v.Name)
		node := withNode(st, i)
		if node == nil || node.Kind != yaml.ScalarNode || !(builds && input == "tags") && !takesImages(action, input) {
			continue
		}
		text, origins, texts := s.marked(st.document, node, own)
		for _, name := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\n,", r) }) {
			switch {
			case builds:
				out.Builds = append(out.Builds, cut(named(untagged(name), texts)))
			case strings.ContainsAny(name, "/:\x01") && !strings.Contains(name, "@"):
				s.found(out, v, []got{{command: command{text: name, words: []string{name}}, fetch: true, kind: evidence.FetchedImage, image: name}}, origins, texts, nil)
			}
			if len(out.Builds) > maxReads {
				return
			}
		}
	}
}
