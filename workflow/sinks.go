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

// A text in a variable is no code, until a script has it run, or writes it to a file in which each line is
// a setting for the steps behind it.

var (
	evaluates = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:^|[\s;&|({])(?:eval|source|\.)\s|(?:^|[\s;&|({/])(?:ba|da|z|k|a)?sh\s+(?:-\S+\s+)*-\w*c\b|\b(?:python[0-9.]*|php|node|deno|perl|ruby|pwsh|powershell)\s+(?:-\S+\s+)*(?:-[A-Za-z]*[cepr]|--eval|--print|-Command|eval)\s|\b(?:iex|Invoke-Expression)\b|\bssh\s|\b(?:eval|Function|execSync)\s*\(`)
	})
	pipes = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\|\s*(?:sudo\s+)?(?:ba|da|z|k)?sh\b(?:\s+-\w+)*\s*(?:$|[|;&])`)
	})
	hereText = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:^|[\s;&|(/])(?:ba|da|z|k|s)?sh\b[^|;&]*<<-?\s*"?\w+|<<-?\s*\w+\s*\|\s*(?:sudo\s+)?(?:ba|da|z|k)?sh\b`)
	})
	hereShell   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:^|[\s;&|(/])(?:ba|da|z|k)?sh\b[^|;&]*<<<`) })
	scriptRuns  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b(?:eval|Function|execSync)\s*\(`) })
	settingFile = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`GITHUB_(ENV|PATH)\b`) })
	grouped     = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:[})]|\bdone|\bfi|<<-?\s*["'\\]?\w+["']?)\s*>>?[^|;&]*GITHUB_(ENV|PATH)\b|GITHUB_(ENV|PATH)\b["'}]*\s*<<|\bexec\s+>>?[^|;&]*GITHUB_(ENV|PATH)\b`)
	})
	randomEnd = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`<<\s*["']?\$[{(]?\w`) })
)

// runsText finds the variables with somebody else's text that a script has run, or writes to the file of
// variables or of the path.
func (s *scope) runsText(script string, value evidence.WorkflowValue, near []variables, add adder) {
	if !s.Step(1 + len(script)/64) {
		return
	}
	type held struct {
		path string
		sure evidence.Truth
	}
	if value.Name != "run" {
		for _, line := range commands(script) {
			if scriptRuns().MatchString(line) && strings.Contains(line, "context.payload") && asksText().MatchString(line) {
				add(evidence.UntrustedText, evidence.Yes, value, "github.event", evidence.IntoCommand)
			}
		}
	}
	texts := map[string]held{}
	var names []string
	for i, v := range near {
		pairs(v.node, func(key, n *yaml.Node) {
			if _, had := texts[key.Value]; had || !strings.Contains(script, key.Value) {
				return
			}
			if path, sure := s.textOf(s.around(v).sources(v.document, n, near[i:])); path != "" {
				texts[key.Value] = held{path, sure}
				names = append(names, key.Value)
			} else {
				texts[key.Value] = held{}
			}
		})
	}
	for name, path := range map[string]string{"GITHUB_HEAD_REF": "github.head_ref", "GITHUB_REF_NAME": "github.ref_name", "GITHUB_REF": "github.ref", "GITHUB_BASE_REF": "github.base_ref"} {
		if strings.Contains(script, name) && (name == "GITHUB_HEAD_REF" || s.opens(path)) {
			texts[name] = held{path, evidence.Yes}
			names = append(names, name)
		}
	}
	writes := strings.Contains(script, "GITHUB_ENV") || strings.Contains(script, "GITHUB_PATH")
	if len(names) == 0 || !writes && !evaluates().MatchString(script) && !pipes().MatchString(script) && !hereText().MatchString(script) {
		return
	}
	slices.Sort(names)
	lines := commands(script)
	block := slices.ContainsFunc(lines, grouped().MatchString)
	here := slices.ContainsFunc(lines, hereText().MatchString)
	document := slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "<<") && grouped().MatchString(l) })
	var files []string // variables with the name of such a file
	for _, line := range lines {
		if to, value, ok := sets(line); ok && settingFile().MatchString(value) {
			files = append(files, to)
		}
	}
	random := randomEnd().MatchString(script)
	for _, name := range names {
		h := texts[name]
		tainted := []string{name}
		for _, raw := range lines {
			line := raw
			if !s.Step(1 + (len(tainted)+len(files))/4) {
				return
			}
			if value.Name == "run" && !strings.Contains(line, "env:") { // PowerShell
				line = withoutQuoted(raw)
			}
			if !mentions(line, tainted) {
				continue
			}
			sure := h.sure
			if value.Name == "run" && (strings.Contains(line, "$(") || strings.Contains(line, "`")) || strings.Contains(line, name+"//") {
				sure = evidence.Perhaps // what it makes of the text is not known
			}
			if to, _, ok := sets(line); ok && !document {
				if sure == evidence.Yes {
					tainted = append(tainted, to)
				}
				continue
			}
			isWrite := settingFile().MatchString(line) || mentions(line, files) || block && !strings.Contains(line, ">")
			path := strings.Contains(script, "GITHUB_PATH") && !strings.Contains(script, "GITHUB_ENV")
			switch {
			case runsIt(line, tainted), here && !strings.Contains(line, ">"):
				add(evidence.UntrustedText, sure, value, h.path, evidence.IntoCommand)
			case writes && isWrite && (path || !isRefName(h.path) && !random):
				add(evidence.UntrustedText, sure, value, h.path, evidence.IntoVariables)
			}
		}
	}
}

// runsIt says that a command has the text of a variable run.
func runsIt(line string, names []string) bool {
	if pipes().MatchString(line) || hereShell().MatchString(line) {
		return true
	}
	for _, at := range evaluates().FindAllStringIndex(line, -1) {
		word := strings.TrimLeft(line[at[0]:at[1]], " \t;&|({/")
		if strings.Contains(line, "xargs") && strings.Contains(word, "sh") || mentions(code(word, line[at[1]:]), names) {
			return true
		}
	}
	return false
}

// code is the part of a command's arguments that it runs.
func code(word, rest string) string {
	rest = strings.TrimSpace(rest)
	switch {
	case strings.HasPrefix(word, "source"), strings.HasPrefix(word, "."):
		_, rest, _ = strings.Cut(rest, "<(")
		return rest
	case strings.HasPrefix(word, "eval"), strings.HasPrefix(word, "ssh"), strings.HasPrefix(expression.Lower(word), "i"), strings.HasSuffix(word, "("):
		return rest
	}
	// What stands behind the script is its arguments, which are no code.
	if strings.HasPrefix(rest, `"`) {
		if end := strings.Index(rest[1:], `"`); end >= 0 {
			return rest[:end+2]
		}
	}
	if strings.HasPrefix(rest, "'") {
		return "" // it stood in single quotes
	}
	rest, _, _ = strings.Cut(rest, " ")
	return rest
}

// withoutQuoted is a command without what stands in single quotes, where a shell expands nothing. Inside of
// double quotes these are signs like others.
func withoutQuoted(line string) string {
	if !strings.Contains(line, "'") {
		return line
	}
	var b strings.Builder
	double := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			b.WriteByte(c)
			i++
			b.WriteByte(line[i])
			continue
		case c == '"':
			double = !double
		case c == '\'' && !double:
			end := strings.IndexByte(line[i+1:], '\'')
			if end < 0 {
				return b.String() + line[i:] // it goes on in the next line
			}
			i += end + 1
			b.WriteString("''")
			continue
		}
		b.WriteByte(line[i])
	}
	return b.String()
}

// isRefName says that a text is the name of a ref, which has no line breaks in it.
func isRefName(path string) bool {
	return isBranch(path) || isBase(path) || path == "github.head_ref" || strings.HasSuffix(path, ".ref") || strings.HasSuffix(path, "_branch")
}

// readsText says that a script asks the forge for a text.
func readsText(script string) bool {
	return (strings.Contains(script, "gh ") || strings.Contains(script, "GITHUB_EVENT_PATH") || strings.Contains(script, "context.payload")) && asksText().MatchString(script)
}

var asksText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\.(title|body|message|description)\b|--json\s+["']?[\w,]*(title|body|headRefName)|\.head\.ref\b`)
})

// copiesText says that a script puts such a text out as it is.
func copiesText(script, name string) bool {
	return slices.ContainsFunc(commands(script), func(line string) bool {
		if !asksText().MatchString(line) {
			return false
		}
		return strings.HasPrefix(line, "return") && !strings.Contains(line, "match(") && !strings.Contains(line, "includes(") && !strings.Contains(line, "test(") ||
			(strings.Contains(line, "setOutput") || strings.Contains(line, "GITHUB_OUTPUT")) && (name == "" || strings.Contains(expression.Lower(line), expression.Lower(name))) && strings.Count(line, "|") == 0
	})
}
