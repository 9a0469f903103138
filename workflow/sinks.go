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
		return regexp.MustCompile(`(?:^|[\s;&|({])(?:eval|source|\.)\s|\b(?:ba|da|z|k|a)?sh\s+(?:-\S+\s+)*-\w*c\b|\b(?:python[0-9.]*|php|node|deno|perl|ruby|pwsh|powershell)\s+(?:-\S+\s+)*(?:-[A-Za-z]*[cepr]|--eval|--print|-Command|eval)\s|\b(?:iex|Invoke-Expression)\b|\bssh\s|<<<|\b(?:eval|Function|execSync)\s*\(`)
	})
	pipes = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\|\s*(?:sudo\s+)?(?:ba|da|z|k)?sh\b(?:\s+-\w+)*\s*(?:$|[|;&])`)
	})
	hereShell   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b(?:ba|da|z|k)?sh\b[^|;&]*<<<`) })
	settingFile = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`GITHUB_(ENV|PATH)\b`) })
	grouped     = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:[})]|\bdone|\bfi|<<-?\s*["'\\]?\w+["']?)\s*>>?[^|;&]*GITHUB_(ENV|PATH)\b|GITHUB_(ENV|PATH)\b["'}]*\s*<<|\bexec\s+>>?[^|;&]*GITHUB_(ENV|PATH)\b`)
	})
	randomEnd    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`<<\s*["']?\$[{(]?\w`) })
	singleQuoted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`'[^']*'`) })
)

// runsText finds the variables with somebody else's text that a script has run, or writes to the file of
// variables or of the path.
func (s *scope) runsText(script string, value evidence.WorkflowValue, near []variables, add adder) {
	writes := strings.Contains(script, "GITHUB_ENV") || strings.Contains(script, "GITHUB_PATH")
	if !writes && !evaluates().MatchString(script) && !pipes().MatchString(script) {
		return
	}
	*s.r.a.work -= len(script) / 64
	type held struct {
		path string
		sure evidence.Truth
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
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	lines := commands(script)
	block := slices.ContainsFunc(lines, grouped().MatchString)
	random := randomEnd().MatchString(script)
	for _, name := range names {
		h := texts[name]
		tainted := []string{name}
		for _, raw := range lines {
			line := raw
			if !strings.Contains(line, "env:") { // PowerShell
				line = singleQuoted().ReplaceAllString(raw, " ")
			}
			if !mentions(line, tainted) {
				continue
			}
			sure := h.sure
			if strings.Contains(line, "$(") || strings.Contains(line, "`") || strings.Contains(line, name+"//") {
				sure = evidence.Perhaps // what it makes of the text is not known
			}
			if to, _, ok := sets(line); ok {
				if sure == evidence.Yes && len(tainted) < maxReads {
					tainted = append(tainted, to)
				}
				continue
			}
			isWrite := settingFile().MatchString(line) || block && !strings.Contains(line, ">")
			path := strings.Contains(script, "GITHUB_PATH") && !strings.Contains(script, "GITHUB_ENV")
			switch {
			case runsIt(line, tainted):
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
	at := evaluates().FindStringIndex(line)
	if at == nil || strings.HasPrefix(strings.TrimSpace(line[at[0]:]), "<<<") {
		return false
	}
	rest := line[at[1]:]
	switch word := strings.TrimLeft(line[at[0]:at[1]], " \t;&|({"); {
	case strings.HasPrefix(word, "source"), strings.HasPrefix(word, "."):
		return strings.Contains(rest, "<(") && mentions(rest, names)
	case strings.Contains(word, "sh") && strings.HasSuffix(strings.TrimSpace(word), "c"), strings.HasPrefix(word, "python"), strings.HasPrefix(word, "node"):
		// What stands behind the script is its arguments, which are no code.
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, `"`) {
			if end := strings.Index(rest[1:], `"`); end >= 0 {
				rest = rest[:end+2]
			}
		} else if first, _, ok := strings.Cut(rest, " "); ok && strings.Contains(first, "$") {
			rest = first
		} else if ok {
			// The script was taken out with its quotes.
			return strings.HasPrefix(rest, "$") && mentions(first, names)
		}
	}
	return mentions(rest, names)
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
