package workflow

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// leak is a secret that a step's script writes to the step's outputs. The forge blanks out a secret
// that stands in an output as it is, and nothing that was made of it.
type leak struct {
	from  *located
	loose bool // some program was given it, and what that program writes is handed on
}

var (
	assignment = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:^|[\s;({&|$])([A-Za-z_][A-Za-z0-9_]*)\s*\+?=(?:[^=]|$)|\bread\s+(?:-[a-z]+\s+)*([A-Za-z_][A-Za-z0-9_]*)|\bfor\s+([A-Za-z_][A-Za-z0-9_]*)\s+in\b`)
	})
	redirection = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:>>?|\btee\s+(?:-a\s+)?)\s*["']?([^\s"'|;&)<>]+)`)
	})
	anExpression   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)\$\{\{.*?\}\}`) })
	anyRedirection = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`[0-9]?(?:<<<|<<-?|<|>>?)\s*["']?[^\s"'|;&()<>]+["']?`)
	})
	sinkName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)\s*=\s*["']?(?:\$\{?|\$env:|process\.env\.|os\.environ\S*|open\(.*)?["']?GITHUB_OUTPUT|GITHUB_OUTPUT.*\bas\s+([A-Za-z_][A-Za-z0-9_]*)`)
	})
	dumpsVariables = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:^|[\s;|&($])(?:printenv|env|set|(?:export|declare|typeset)\s+-p[x]?)(?:\s+-0)?\s*(?:[|>;)&]|$)|/proc/[^/\s]+/environ|\bos\.environ(?:[^\[.\w]|$|\.(?:items|values|copy))|\bprocess\.env(?:[^\[.\w]|$)|\bENV\.(?:to_|inspect|values|map)`)
	})
	groupToOutput = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:[})]|\bdone|\bfi|\besac|\bexec)\s*(?:>>?|\|\s*tee\b).*GITHUB_OUTPUT`)
	})
)

// passesOn are the programs of which the output has what they were given, in one form or another. What
// another program writes may be anything.
func passesOn(program string) bool {
	switch program {
	case "echo", "printf", "cat", "tee", "base64", "base32", "basenc", "tr", "sed", "awk", "gawk", "cut", "rev", "xxd", "od", "hexdump",
		"openssl", "gpg", "jq", "yq", "head", "tail", "fold", "paste", "gzip", "zstd", "xz", "iconv", "env", "printenv", "eval", "export", "declare",
		"local", "readonly", "read", "set", "if", "then", "else", "do", "for", "while", "grep", "sort", "uniq", "python", "python3", "node", "perl", "ruby", "php",
		"bash", "sh", "write-output", "write-host", "uuencode", "", "exec", "done", "fi":
		return true
	}
	return strings.HasPrefix(program, "$") || strings.Contains(program, "(")
}

// maxTracing bounds the work of following secrets through the scripts of a tree, in bytes looked at.
const maxTracing = 16 << 20

// given is what the steps of a job see of secrets besides what is theirs: by the name of a variable, of
// an input or of a file, and by the id of a step whose outputs have them.
type given struct {
	variables map[string][]leak
	outputs   map[string][]leak
	inputs    map[string][]leak // of the local action that a step is inside of
	files     map[string][]leak // that steps before have written, by name
}

// fileMark stands before the name of a file among the words that a line may take.
const fileMark = "\x00"

// taken calls f for each of what is given that an expression takes: outputs of steps, and inputs.
func (g given) taken(e string, f func(name string, leaks []leak)) {
	e = expression.Lower(e)
	if !strings.Contains(e, "steps") && !strings.Contains(e, "inputs") {
		return
	}
	for _, of := range []struct {
		context string
		all     map[string][]leak
	}{{"steps", g.outputs}, {"inputs", g.inputs}} {
		for _, name := range slices.Sorted(maps.Keys(of.all)) {
			if hasWord(e, of.context+"."+name) || strings.Contains(e, of.context+"['"+name+"']") || strings.Contains(e, of.context+")") || strings.Contains(e, of.context+".*") {
				f(of.context+"_"+strings.ReplaceAll(name, "-", "_"), of.all[name])
			}
		}
	}
}

// taints are the words of a step's script that have something of a secret, and the script with such a word
// in place of each expression.
func (l *loader) taints(s *step, source *yaml.Node, near given) (text string, tainted map[string][]leak) {
	tainted = map[string][]leak{} // by a word that a line takes it from
	for name, leaks := range near.variables {
		tainted[name] = leaks
	}
	for _, e := range s.exprs {
		switch {
		case !e.text.secrets:
		case e.kind == evidence.HopStepEnv:
			name := e.key[strings.LastIndexByte(e.key, '.')+1:]
			tainted[name] = []leak{{from: e}}
		case e.node == source:
			tainted["secrets"] = append(tainted["secrets"], leak{from: e})
		}
	}
	text = anExpression().ReplaceAllStringFunc(source.Value, func(e string) string {
		if mentionsSecrets(e) {
			return "$secrets"
		}
		word := "$expression"
		near.taken(e, func(name string, leaks []leak) {
			word, tainted[name] = "$"+name+" "+word, leaks
		})
		return word
	})
	pairs(s.env, func(key, value *yaml.Node) {
		near.taken(scalar(value), func(_ string, leaks []leak) {
			tainted[key.Value] = addLeaks(tainted[key.Value], leaks)
		})
	})
	for name, leaks := range near.files {
		tainted[fileMark+name] = leaks
	}
	return text, tainted
}

// written are the files that a step's script writes something of a secret to.
func (l *loader) written(s *step, near given) map[string][]leak {
	source := s.script()
	if source == nil || !strings.Contains(source.Value, ">") && !strings.Contains(source.Value, "tee") {
		return nil
	}
	text, tainted := l.taints(s, source, near)
	if len(tainted) == 0 {
		return nil
	}
	if l.tracing += len(text) * (len(tainted) + 1); l.tracing > maxTracing {
		return nil
	}
	before := maps.Clone(tainted)
	trace(text, tainted, nil)
	files := map[string][]leak{}
	for _, m := range redirection().FindAllStringSubmatch(text, -1) {
		if leaks := tainted[m[1]]; leaks != nil && before[m[1]] == nil {
			files[m[1]] = leaks
		}
	}
	return files
}

// leaks are the secrets that a step's script writes where one of the sinks is named.
func (l *loader) leaks(s *step, near given, sinks []string) []leak {
	source := s.script()
	if source == nil || !slices.ContainsFunc(sinks, func(w string) bool { return strings.Contains(source.Value, w) }) {
		return nil
	}
	text, tainted := l.taints(s, source, near)
	if len(tainted) == 0 {
		return nil
	}
	if l.tracing += len(text) * (len(tainted) + 1); l.tracing > maxTracing {
		return everything(tainted)
	}
	return trace(text, tainted, sinks)
}

// script is what a step runs, nil for nothing that can be read.
func (s *step) script() *yaml.Node {
	n := s.run
	if n == nil {
		n = get(s.with, "script")
	}
	if n == nil || n.Kind != yaml.ScalarNode {
		return nil
	}
	return n
}

// maxTraced bounds the words of a script that are followed, and how often it is gone through.
const (
	maxTraced = 100
	maxPasses = 4
)

// trace follows the words of a script line by line to where the outputs are written.
func trace(script string, tainted map[string][]leak, sinks []string) []leak {
	lines := commands(script)
	if len(lines) > maxCommands {
		return everything(tainted)
	}
	grouped := slices.ContainsFunc(lines, groupToOutput().MatchString)
	for _, line := range lines {
		for _, m := range sinkName().FindAllStringSubmatch(line, -1) {
			sinks = append(sinks, m[1]+m[2])
		}
	}
	var out []leak
	for range maxPasses {
		before := len(tainted) + len(out)
		for _, line := range lines {
			var here []leak
			dumps := dumpsVariables().MatchString(line)
			for name, leaks := range tainted {
				file, isFile := strings.CutPrefix(name, fileMark)
				if isFile && hasFile(line, file) || !isFile && (hasWord(line, name) || dumps) {
					here = addLeaks(here, leaks)
				}
			}
			if len(here) == 0 {
				continue
			}
			if !onlyPassesOn(line) {
				here = slices.Clone(here)
				for i := range here {
					here[i].loose = true
				}
			}
			sink := grouped
			for _, s := range sinks {
				sink = sink || s != "" && hasWord(line, s)
			}
			if sink {
				out = addLeaks(out, here)
			}
			for _, m := range assignment().FindAllStringSubmatch(line, -1) {
				taint(tainted, m[1]+m[2]+m[3], here)
			}
			for _, m := range redirection().FindAllStringSubmatch(line, -1) {
				if !strings.Contains(m[1], "GITHUB_OUTPUT") && m[1] != "/dev/null" {
					taint(tainted, m[1], here)
				}
			}
		}
		if len(tainted) >= maxTraced {
			return everything(tainted)
		}
		if len(tainted)+len(out) == before {
			break
		}
	}
	return sorted(out)
}

// everything is all that a script is given, where it is too long to be followed.
func everything(tainted map[string][]leak) []leak {
	var all []leak
	for _, leaks := range tainted {
		all = addLeaks(all, leaks)
	}
	return sorted(all)
}

func sorted(out []leak) []leak {
	slices.SortStableFunc(out, func(a, b leak) int {
		return comparePlaces(a.from.document.place(a.from.node), b.from.document.place(b.from.node))
	})
	return out
}

func taint(tainted map[string][]leak, name string, by []leak) {
	if _, ok := tainted[name]; name != "" && (ok || len(tainted) < maxTraced) {
		tainted[name] = addLeaks(tainted[name], by)
	}
}

// addLeaks joins two lists: what is sure to be handed on stays sure.
func addLeaks(all, more []leak) []leak {
	for _, l := range more {
		i := slices.IndexFunc(all, func(o leak) bool { return o.from == l.from })
		switch {
		case i < 0:
			all = append(slices.Clip(all), l)
		case all[i].loose && !l.loose:
			all = slices.Clone(all)
			all[i] = l
		}
	}
	return all
}

// onlyPassesOn reports whether every program of a line puts out what it is given.
func onlyPassesOn(line string) bool {
	line = anyRedirection().ReplaceAllString(line, " ")
	all, whole := commandsOf(line, false)
	if !whole {
		return false
	}
	for _, c := range all {
		for _, w := range c.words {
			if name, value, ok := strings.Cut(w, "="); ok && strings.Trim(name, nameBytes) == "" && value != "" {
				continue // a variable for the program behind it
			}
			p := program(w)
			if strings.HasSuffix(w, "=") {
				p = ""
			}
			if !passesOn(p) {
				return false
			}
			break
		}
	}
	return true
}

// hasWord reports whether a word stands in a line as a whole.
func hasWord(line, word string) bool {
	if word == "secrets" {
		line = expression.Lower(line)
	}
	for i := 0; ; {
		k := strings.Index(line[i:], word)
		if k < 0 {
			return false
		}
		at := i + k
		i = at + len(word)
		if (at == 0 || !isNameByte(line[at-1])) && (i == len(line) || !isNameByte(line[i])) {
			return true
		}
	}
}

// hasFile reports whether the name of a file stands in a line, as a word of its own or behind a folder.
func hasFile(line, name string) bool {
	name = strings.TrimPrefix(name, "./")
	for i := 0; ; {
		k := strings.Index(line[i:], name)
		if k < 0 || name == "" {
			return false
		}
		at := i + k
		i = at + len(name)
		if (at == 0 || strings.IndexByte(" \t\"'=<(/@`,", line[at-1]) >= 0) && (i == len(line) || strings.IndexByte(" \t\"'|;&)<>`,", line[i]) >= 0) {
			return true
		}
	}
}

// stepOutputs are the ids of the steps whose outputs a text takes; "" for all of them.
func stepOutputs(t *text) []string {
	var ids []string
	for _, p := range t.paths {
		rest, ok := strings.CutPrefix(p, "steps")
		if !ok || rest != "" && rest[0] != '.' && rest[0] != '[' {
			continue
		}
		id := ""
		if r, ok := strings.CutPrefix(rest, "."); ok {
			id, _, _ = strings.Cut(r, ".")
		}
		if strings.ContainsAny(id, "*[") {
			id = ""
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// readLeaks finds what the steps of a job write to their outputs, and to the variables of those behind
// them. It says whether any of that may be in an output of the job.
func (l *loader) readLeaks(j *job) bool {
	if isNull(j.outputs) {
		return false
	}
	found := false
	eachScalar(j.outputs, func(s string) {
		s = expression.Lower(s)
		found = found || strings.Contains(s, "steps") || strings.Contains(s, "env")
	})
	if !found {
		return false
	}
	near := given{variables: map[string][]leak{}, outputs: map[string][]leak{}}
	for _, list := range [][]*located{j.file.common, j.exprs} {
		for _, e := range list {
			if e.text.secrets && (e.kind == evidence.HopJobEnv || e.kind == evidence.HopWorkflowEnv) {
				near.variables[e.key[strings.LastIndexByte(e.key, '.')+1:]] = []leak{{from: e}}
			}
		}
	}
	near.files = map[string][]leak{}
	l.leaksOf(j.steps, near, 0)
	j.variables = near.variables
	return len(near.variables)+len(near.outputs) > 0
}

// leaksOf finds what steps hand on, one after the other.
func (l *loader) leaksOf(steps []*step, near given, depth int) {
	for _, s := range steps {
		if a := l.local(s); a != nil {
			if depth < maxActions {
				s.handed = l.actionLeaks(s, a, near, depth)
			}
		} else if script := s.script(); script != nil {
			s.handed = l.scriptLeaks(s, script, near)
		}
		if s.id != "" && len(s.handed) > 0 {
			near.outputs[expression.Lower(s.id)] = s.handed
		}
	}
}

func (l *loader) scriptLeaks(s *step, script *yaml.Node, near given) (handed []leak) {
	sinks := []string{"GITHUB_OUTPUT", "set-output", "setOutput"}
	if s.run == nil {
		sinks = append(sinks, "return")
	}
	if s.id != "" {
		handed = l.leaks(s, near, sinks)
	}
	if exported := l.leaks(s, near, []string{"GITHUB_ENV", "set-env", "exportVariable"}); len(exported) > 0 {
		for _, m := range exportedName().FindAllStringSubmatch(script.Value, -1) {
			if name := m[1] + m[2]; len(near.variables) < maxTraced {
				near.variables[name] = addLeaks(near.variables[name], exported)
			}
		}
	}
	for name, leaks := range l.written(s, near) {
		if len(near.files) < maxTraced {
			near.files[name] = addLeaks(near.files[name], leaks)
		}
	}
	return handed
}

// actionLeaks are the secrets that a local action puts out, of those that a step hands to it.
func (l *loader) actionLeaks(s *step, a *action, near given, depth int) []leak {
	inside := given{variables: maps.Clone(near.variables), outputs: map[string][]leak{}, inputs: map[string][]leak{}, files: near.files}
	for _, e := range s.exprs {
		name := e.key[strings.LastIndexByte(e.key, '.')+1:]
		switch {
		case !e.text.secrets:
		case e.kind == evidence.HopWith:
			inside.inputs[expression.Lower(name)] = []leak{{from: e}}
		case e.kind == evidence.HopStepEnv:
			inside.variables[name] = []leak{{from: e}}
		}
	}
	add := func(to map[string][]leak, lower bool) func(key, value *yaml.Node) {
		return func(key, value *yaml.Node) {
			name := key.Value
			if lower {
				name = expression.Lower(name)
			}
			near.taken(scalar(value), func(_ string, leaks []leak) { to[name] = addLeaks(to[name], leaks) })
			for _, v := range slices.Sorted(maps.Keys(near.variables)) {
				if hasWord(scalar(value), "env."+v) {
					to[name] = addLeaks(to[name], near.variables[v])
				}
			}
		}
	}
	pairs(s.with, add(inside.inputs, true))
	pairs(s.env, add(inside.variables, false))
	if len(inside.inputs)+len(inside.variables)+len(inside.files) == 0 {
		return nil
	}
	if l.tracing += maxTraced * len(a.steps); l.tracing > maxTracing {
		return everything(inside.inputs)
	}
	kept := make([][]leak, len(a.steps)) // an action is read once, whoever uses it
	for i, inner := range a.steps {
		kept[i] = inner.handed
	}
	l.leaksOf(a.steps, inside, depth+1)
	for i, inner := range a.steps {
		inner.handed = kept[i]
	}
	for name, leaks := range inside.variables {
		if _, ok := near.variables[name]; !ok && len(near.variables) < maxTraced && get(s.env, name) == nil {
			near.variables[name] = leaks
		}
	}
	var out []leak
	pairs(a.outputs, func(_, output *yaml.Node) {
		value := scalar(get(output, "value"))
		inside.taken(value, func(_ string, leaks []leak) { out = addLeaks(out, leaks) })
		for _, v := range slices.Sorted(maps.Keys(inside.variables)) {
			if hasWord(value, "env."+v) {
				out = addLeaks(out, inside.variables[v])
			}
		}
	})
	return sorted(out)
}

// leaked records what an output takes of what steps have written to their outputs, and of the job's
// variables. r.at ends with the output.
func (r *run) leaked(f *frame, t *text) {
	if f.job == nil || r.uses == nil {
		return
	}
	for _, id := range stepOutputs(t) {
		for _, s := range f.job.steps {
			if id == "" || expression.SameName(s.id, id) {
				r.follows(f, s.handed)
			}
		}
	}
	for _, path := range t.paths {
		if context, name, _ := strings.Cut(path, "."); context == "env" {
			for _, key := range slices.Sorted(maps.Keys(f.job.variables)) {
				if name == "" || strings.ContainsAny(name, "*[") || expression.SameName(key, name) {
					r.follows(f, f.job.variables[key])
				}
			}
		}
	}
}

func (r *run) follows(f *frame, leaks []leak) {
	for _, l := range leaks {
		if !r.scope(f).Step(4) {
			return
		}
		before := r.loose
		r.loose = r.loose || l.loose
		r.follow(f, l.from)
		r.loose = before
	}
}
