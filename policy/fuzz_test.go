package policy

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/remit-sh/remit/names"
)

// FuzzParsePolicy holds these properties of whatever is read: either there is a policy or an error;
// what the scan lets through is no deeper than it says, and says the same in parts; a valid policy is formatted to one that
// means the same, and formatting again changes nothing; what is printed is inert.
func FuzzParsePolicy(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, x := range a.Files {
			if strings.HasSuffix(x.Name, ".hcl") {
				f.Add(withKeys(x.Data))
			}
		}
	}
	f.Add([]byte("x = {~}\ny = \"$$${a}\" /*/ */ - - -a[*].b\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		if s := newSource(src, FileName); scan(s) {
			if file, _ := hclsyntax.ParseConfig(src, FileName, hcl.InitialPos); file != nil {
				if body, ok := file.Body.(*hclsyntax.Body); ok {
					if d := treeDepth(body); d > 6*MaxDepth {
						t.Fatalf("the scan let a tree of depth %d through", d)
					}
					cut := newSource(src, FileName)
					if parts := scanIn(cut, 1); !parts {
						t.Fatal("how it is cut changes what is let through")
					}
					if parts := parseParts(cut); parts != nil && !reflect.DeepEqual(parts, body) {
						t.Fatal("its parts say something else than the whole")
					}
				}
			}
		}
		p, diags := Parse(src, FileName)
		if (p == nil) != diags.HasErrors() {
			t.Fatalf("a policy and an error, or neither: %v", diags)
		}
		var out bytes.Buffer
		if err := diags.WriteText(&out, src, false); err != nil {
			t.Fatal(err)
		}
		if i := bytes.IndexFunc(out.Bytes(), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f || r == '\u202e' }); i >= 0 {
			t.Fatalf("the diagnostics are not inert: %q", out.Bytes()[i:])
		}
		formatted, diags := Format(src, FileName)
		if (formatted == nil) != diags.HasErrors() && len(src) > 0 {
			t.Fatalf("formatted and refused, or neither: %v", diags)
		}
		if p == nil {
			return
		}
		if formatted == nil {
			t.Fatalf("a valid policy was not formatted: %v", diags)
		}
		again, diags := Format(formatted, FileName)
		if !bytes.Equal(again, formatted) {
			t.Fatalf("formatting twice changes more: %v\n%q\n%q", diags, formatted, again)
		}
		q, diags := Parse(formatted, FileName)
		if q == nil {
			t.Fatalf("the formatted policy is not valid: %v", diags)
		}
		if a, b := explained(t, p), explained(t, q); a != b {
			t.Fatalf("formatting changed the meaning:\n%s\n%s", a, b)
		}
	})
}

func explained(t *testing.T, p *Policy) string {
	t.Helper()
	var b strings.Builder
	if err := ExplainPolicy(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func treeDepth(body *hclsyntax.Body) int {
	w := &depthWalker{}
	_ = hclsyntax.Walk(body, w) // the walker reports nothing
	return w.most
}

type depthWalker struct{ depth, most int }

func (w *depthWalker) Enter(hclsyntax.Node) hcl.Diagnostics {
	w.depth++
	w.most = max(w.most, w.depth)
	return nil
}

func (w *depthWalker) Exit(hclsyntax.Node) hcl.Diagnostics {
	w.depth--
	return nil
}

// FuzzCondition holds these properties of any condition that is accepted: it gives the same answer
// every time, takes bounded work, and never answers where a fact that it needs is not known.
func FuzzCondition(f *testing.F) {
	for _, c := range evaluations {
		f.Add(c.when, 3, "Fix the cart", int64(1_790_000_000))
	}
	f.Add(`anytrue([for a in pr.labels : anytrue([for b in pr.labels : matches(b, "(a+)+$")])])`, 0, "aaaaaaaaaaaaaa", int64(0))
	f.Fuzz(func(t *testing.T, when string, n int, text string, at int64) {
		if len(when) > 2000 || len(text) > 2000 {
			return
		}
		for _, action := range []names.Action{names.Commit, names.PullRequest, names.Deploy} {
			src := "repository = \"github.com/acme/shop\"\nagent \"coder\" { delegators = [human.alice] }\nhuman \"alice\" {}\nforbid \"x\" {\n  actions = [\"" + string(action) + "\"]\n  when = " + when + "\n}\n"
			p, diags := Parse([]byte(src), FileName)
			if p == nil {
				if !diags.HasErrors() {
					t.Fatal("no policy and no error")
				}
				continue
			}
			if len(p.Forbids) == 0 || p.Forbids[0].When == nil {
				continue
			}
			c := p.Forbids[0].When
			facts := Facts{
				Action: action, Ref: "refs/heads/" + text, Agent: "coder", ChainRoot: "human.alice", ChainDepth: n,
				FilesChanged: n, FilesDeleted: n, LinesChanged: n, Message: text,
				PRNumber: n, PRTitle: text, PRLabels: strings.Fields(text), DeployEnvironment: "production", DeployReason: text,
				Time: time.Unix(at, 0),
			}
			a, errA := c.Eval(facts)
			b, errB := c.Eval(facts)
			if a != b || (errA == nil) != (errB == nil) {
				t.Fatalf("two answers: %v %v, %v %v", a, errA, b, errB)
			}
			if errA != nil && a {
				t.Fatalf("an error and true: %v", errA)
			}
			if action == names.PullRequest && c.Source == "pr.number > 0" && n <= 0 && errA == nil {
				t.Fatal("answered without knowing the pull request")
			}
			facts.Action = names.Tag
			if _, err := c.Eval(facts); err == nil && (c.Needs("commit") || c.Needs("pr") || c.Needs("deploy")) {
				t.Fatal("answered for a kind of act for which its names have no value")
			}
		}
	})
}

// TestSeeds guards against a glob that silently finds nothing.
func TestSeeds(t *testing.T) {
	if _, err := os.Stat("testdata/valid.txtar"); err != nil {
		t.Fatal(err)
	}
}
