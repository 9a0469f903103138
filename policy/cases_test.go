package policy

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected output of the cases under testdata")

// TestCases reads each policy under testdata and compares what is said about it. A case has a
// policy, and either its diagnostics or, where it is valid, "ok" and its warnings. Lines of the
// form "KEY1" in a policy stand for public keys, see testKeys.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases found: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := &txtar.Archive{Comment: a.Comment}
			for i := 0; i < len(a.Files); i++ {
				f := a.Files[i]
				if strings.HasSuffix(f.Name, ".want") {
					continue
				}
				src := withKeys(f.Data)
				p, diags := Parse(src, FileName)
				var out bytes.Buffer
				if p != nil {
					out.WriteString("ok\n")
				}
				if (p == nil) != diags.HasErrors() {
					t.Errorf("%s: a policy and an error, or neither", f.Name)
				}
				if err := diags.WriteText(&out, src, false); err != nil {
					t.Fatal(err)
				}
				got.Files = append(got.Files, f, txtar.File{Name: strings.TrimSuffix(f.Name, ".hcl") + ".want", Data: out.Bytes()})
			}
			if len(got.Files) == 0 {
				t.Fatal("the case holds no policy")
			}
			formatted := txtar.Format(got)
			if *update {
				if err := os.WriteFile(file, formatted, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := txtar.Format(a); !bytes.Equal(formatted, want) {
				t.Errorf("got:\n%s\nwant:\n%s", formatted, want)
			}
		})
	}
}
