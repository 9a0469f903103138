package cli

import (
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow"
)

// secretName is how the forge writes names of secrets.
var secretName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,99}$`) })

// foundEnvironment is an environment that some workflow names, with the secrets that its jobs reach.
type foundEnvironment struct {
	Name    string
	Secrets []string
}

// findEnvironments lists the environments of a tree's workflows, and the secrets that jobs without one
// reach. What a policy could not say is left out: `remit workflow check` tells of it. It is what is there,
// for a maintainer to read, and not what should be.
func findEnvironments(tree fs.FS) (environments []foundEnvironment, shared []string) {
	names := map[string]string{} // as first written, by lower-case name
	reached := map[string]map[string]bool{}
	for _, job := range workflow.Load(tree, workflow.Options{}).Jobs {
		for i := range job.Cases {
			c := &job.Cases[i]
			key := ""
			switch c.Environment.Kind {
			case evidence.EnvironmentNone, evidence.EnvironmentOfCallee:
			case evidence.EnvironmentNamed:
				if !environmentName().MatchString(c.Environment.Name) {
					continue
				}
				key = strings.ToLower(c.Environment.Name)
				if names[key] == "" {
					names[key] = c.Environment.Name
				}
			default:
				continue
			}
			if reached[key] == nil {
				reached[key] = map[string]bool{}
			}
			for _, s := range c.Secrets {
				if s.Kind == evidence.SecretNamed && !s.Loose && secretName().MatchString(s.Name) && !(key == "" && s.From == evidence.SecretOfEnvironment) {
					reached[key][strings.ToUpper(s.Name)] = true
				}
			}
		}
	}
	shared = slices.Sorted(maps.Keys(reached[""]))
	for _, key := range slices.Sorted(maps.Keys(names)) {
		own := slices.DeleteFunc(slices.Sorted(maps.Keys(reached[key])), func(s string) bool { return slices.Contains(shared, s) })
		environments = append(environments, foundEnvironment{names[key], own})
	}
	return environments, shared
}
