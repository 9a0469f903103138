package workflow_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow"
)

var plainSecret = regexp.MustCompile(`^\$\{\{\s*secrets\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}$`)

// Whatever a file says: the same facts come of it each time; places are inside the file; what has
// no facts has a problem; no secret comes from a text that names none; and a secret that is plainly
// named where nothing can keep it from a job reaches a job.
func FuzzLoad(f *testing.F) {
	for _, c := range readCorpus(f) {
		for name, file := range c.tree {
			if strings.HasPrefix(name, workflow.Dir) {
				f.Add(string(file.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, src string) {
		tree := fstest.MapFS{workflow.Dir + "/x.yml": {Data: []byte(src), Mode: 0o644}}
		w := workflow.Load(tree, workflow.Options{})
		if again := workflow.Load(tree, workflow.Options{}); !reflect.DeepEqual(w, again) {
			t.Fatal("two readings differ")
		}
		if len(w.Files) != 1 || !w.Files[0].Parsed && len(w.Problems) == 0 {
			t.Fatalf("%+v", w)
		}
		lines := strings.Count(src, "\n") + strings.Count(src, "\r") + strings.Count(src, "\u0085") + strings.Count(src, "\u2028") + strings.Count(src, "\u2029") + 1
		inside := func(p evidence.Place) {
			if p.Line < 0 || p.Line > lines {
				t.Fatalf("%+v is not in a file of %d lines", p, lines)
			}
		}
		word := strings.Contains(strings.ToLower(src), "secrets") || strings.ContainsRune(src, '\\') || strings.Contains(strings.ToLower(src), "github")
		reached := map[string]bool{}
		unsure := len(w.Problems) > 0
		for _, p := range w.Problems {
			inside(p.At)
		}
		for _, j := range w.Jobs {
			inside(j.At)
			unsure = unsure || j.TooManyCases || j.Callee != nil || len(j.Cases) == 0
			if j.TooManyCases {
				continue
			}
			for _, c := range j.Cases {
				for _, s := range c.Secrets {
					inside(s.At)
					reached[s.Name] = true
					if !word && s.Kind != evidence.SecretInherited {
						t.Fatalf("%+v comes of nothing", s)
					}
					if len(s.Flow) == 0 || s.Step >= len(c.Steps) {
						t.Fatalf("%+v", s)
					}
				}
			}
		}
		if unsure || len(w.Jobs) == 0 || len(w.Jobs) < len(w.Files[0].Jobs) || strings.Contains(strings.ToLower(src), "if") {
			return
		}
		var doc yaml.Node
		if yaml.Unmarshal([]byte(src), &doc) != nil {
			return
		}
		eachText(&doc, func(s string) {
			if m := plainSecret.FindStringSubmatch(s); m != nil && !reached[strings.ToUpper(m[1])] {
				t.Fatalf("%s reaches no job", m[1])
			}
		})
	})
}

func eachText(n *yaml.Node, f func(string)) {
	if n.Kind == yaml.ScalarNode {
		f(n.Value)
	}
	for _, c := range n.Content {
		eachText(c, f)
	}
}
