package cli

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
	"github.com/remit-sh/remit/workflow"
)

// secretName is how the forge writes names of secrets.
var secretName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,99}$`) })

// foundEnvironment is an environment that some workflow names, with the secrets that its jobs reach.
type foundEnvironment struct {
	Name    string
	Secrets []foundSecret
}

// foundSecret is a secret, and the workflows whose jobs reach it, for a comment.
type foundSecret struct {
	Name  string
	Files string
}

// foundWorkflows is what a tree's workflows name. It is what is there, for a maintainer to read, and not
// what should be.
type foundWorkflows struct {
	files        fs.FS
	Environments []foundEnvironment
	Shared       []foundSecret // reached by jobs that are in no environment
}

// findWorkflows lists the environments of a tree's workflows, and the secrets that jobs without one reach.
// What a policy could not say is left out: see [foundWorkflows.leftOut].
func findWorkflows(tree fs.FS) *foundWorkflows {
	f := &foundWorkflows{files: tree}
	loaded := workflow.Load(tree, workflow.Options{})
	names := map[string]string{}                // as first written, by lower-case name
	reached := map[string]map[string][]string{} // files, by secret, by environment
	for i := range loaded.Jobs {
		job := &loaded.Jobs[i]
		for k := range job.Cases {
			c := &job.Cases[k]
			key := ""
			switch c.Environment.Kind {
			case evidence.EnvironmentNone, evidence.EnvironmentOfCallee:
			case evidence.EnvironmentNamed:
				if policy.CheckEnvironmentName(c.Environment.Name) != nil {
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
				reached[key] = map[string][]string{}
			}
			for _, s := range c.Secrets {
				if s.Kind != evidence.SecretNamed || s.Loose || !secretName().MatchString(s.Name) || key == "" && s.From == evidence.SecretOfEnvironment {
					continue
				}
				name := strings.ToUpper(s.Name)
				if !slices.Contains(reached[key][name], job.File) {
					reached[key][name] = append(reached[key][name], job.File)
				}
			}
		}
	}
	f.Shared = listed(reached[""])
	for _, key := range slices.Sorted(maps.Keys(names)) {
		own := slices.DeleteFunc(listed(reached[key]), func(s foundSecret) bool { return reached[""][s.Name] != nil })
		f.Environments = append(f.Environments, foundEnvironment{names[key], own})
	}
	return f
}

const maxFiles = 4 // that a comment names

func listed(files map[string][]string) []foundSecret {
	var list []foundSecret
	for _, name := range slices.Sorted(maps.Keys(files)) {
		var shown []string
		for _, f := range files[name] {
			if base := path.Base(f); !plainName(base) {
				shown = append(shown, "a file of an odd name")
			} else {
				shown = append(shown, base)
			}
		}
		slices.Sort(shown)
		if n := len(shown) - maxFiles; n > 0 {
			shown = append(shown[:maxFiles], fmt.Sprintf("%d more", n))
		}
		list = append(list, foundSecret{name, strings.Join(shown, ", ")})
	}
	return list
}

// maxLeftOut bounds the lines that say what was left out.
const maxLeftOut = 20

// sayLeftOut names what the proposed policy does not let pass.
func (i *initRun) sayLeftOut(lines []string) {
	if len(lines) == 0 {
		return
	}
	i.say("note: the proposal has what the workflows name, and leaves this out:")
	for n, line := range lines {
		if n == maxLeftOut {
			i.say("  and %d more", len(lines)-n)
			break
		}
		i.say("  %s", line)
	}
	i.say("  `remit workflow check --policy policies.hcl` says why, and how to mend it.")
}

// leftOut is what a policy made of the workflows does not let pass, a line each: what it could not say,
// and what no policy should.
func (f *foundWorkflows) leftOut(ctx context.Context, env *Env, repository string, content []byte) []string {
	p, diags := policy.Parse(content, policy.FileName)
	if p == nil || diags.HasErrors() {
		return nil // it was read before
	}
	o := decide.Decide(ctx, decide.Sources{Now: env.Now}, decide.Files{Head: f.files, Policy: p, Repository: repository})
	var lines []string
	for _, a := range o.Report.Acts {
		for _, x := range a.Findings {
			if x.Effect != verdict.Deny && x.Effect != verdict.Undecided {
				continue
			}
			place := x.Path
			if x.Line > 0 {
				place = fmt.Sprintf("%s:%d", place, x.Line)
			}
			lines = append(lines, fmt.Sprintf("%s: %s (%s)", place, x.Summary, x.Rule))
		}
	}
	return lines
}
