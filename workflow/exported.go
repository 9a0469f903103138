package workflow

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

var exportedName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)(?:=|<<)|exportVariable\(\s*['"\x60]([^'"\x60]+)`)
})

// exported are the variables that some step of the job sets for those behind it, where that step has to
// do with a pull request's code.
func (s *scope) exported() []string {
	var list []string
	for _, st := range s.f.job.steps {
		script := st.run
		if script == nil {
			script = get(st.with, "script")
		}
		if script == nil || script.Kind != yaml.ScalarNode {
			continue
		}
		if !strings.Contains(script.Value, "GITHUB_ENV") && !strings.Contains(script.Value, "exportVariable") && !strings.Contains(script.Value, "set-env") || !speaksOfHead(st) {
			continue
		}
		for _, m := range exportedName().FindAllStringSubmatch(script.Value, -1) {
			if name := m[1] + m[2]; !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	return list
}
