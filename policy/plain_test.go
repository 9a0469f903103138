package policy

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// samePlain reports whether a part is read as plain, which must be what the parser makes of it.
func samePlain(t *testing.T, src string) bool {
	t.Helper()
	start := hcl.Pos{Line: 7, Column: 1, Byte: 100}
	got := plainBody([]byte(src), FileName, start)
	if got == nil {
		return false
	}
	f, diags := hclsyntax.ParseConfig([]byte(src), FileName, start)
	if len(diags) > 0 {
		t.Fatalf("read as plain, and the parser says: %v\n%q", diags, src)
	}
	if !reflect.DeepEqual(got, f.Body) {
		t.Fatalf("read otherwise than by the parser: %q\n%#v\n%#v", src, got, f.Body)
	}
	return true
}

func TestPlain(t *testing.T) {
	for src, plain := range map[string]bool{
		"":                              true,
		" \n\n":                         true,
		"a {\n}\n":                      true,
		"a {\n}":                        true,
		"a \"x\" {\n  b = [\"c\"]\n}\n": true,
		"\n  a\t\"x y\"{\n\tb=[ c.d , e ,\n f.g,\n]\n\n c = true\n d=false \n} \n\nb {\n}\n": true,
		"a \"\" {\n b = []\n}\n":       true,
		"a {\n b = c.d-e\n c = x\n}\n": true,
		"a {\n b = trueish\n}\n":       true,

		"b = 1\n":                          false,
		"a {\n b = 1\n}\n":                 false,
		"a {\n b = \"\"\n}\n":              false,
		"a { b = \"c\" }\n":                false,
		"a {\n b = \"c\" }\n":              false,
		"a {\n b = \"c\"\n b = \"d\"\n}\n": false,
		"a {\n b = \"c\\n\"\n}\n":          false,
		"a {\n b = \"$c\"\n}\n":            false,
		"a {\n b = \"é\"\n}\n":             false,
		"a {\n b = [null]\n}\n":            false,
		"a {\n b = [for]\n}\n":             false,
		"a {\n b = null\n}\n":              false,
		"a {\n b = [\"c\" \"d\"]\n}\n":     false,
		"a {\n b = [\"c\",,]\n}\n":         false,
		"a {\n b = c .d\n}\n":              false,
		"a {\n b = c.d.e\n}\n":             false,
		"a {\n b = c[0]\n}\n":              false,
		"a {\n b = c()\n}\n":               false,
		"a {\n b = !c\n}\n":                false,
		"a {\n b = c ? d : e\n}\n":         false,
		"a {\n b = c\n":                    false,
		"a {\n}}\n":                        false,
		"a {\n} b {\n}\n":                  false,
		"a {\n # c\n}\n":                   false,
		"a {\r\n}\r\n":                     false,
		"a \"b\" \"c\" {\n}\n":             false,
		"a b {\n}\n":                       false,
		"a {\n b {\n }\n}\n":               false,
		"a {\n b = <<X\nX\n}\n":            false,
		"a {\n b = \"c\n\"\n}\n":           false,
		"a {\n b = \"\x00\"\n}\n":          false,
		"\ufeffa {\n}\n":                   false,
	} {
		if got := samePlain(t, src); got != plain {
			t.Errorf("plain: %v, want %v: %q", got, plain, src)
		}
	}
}

// FuzzPlain: what is read as plain is exactly what the parser makes of it, and has no errors.
func FuzzPlain(f *testing.F) {
	for _, name := range []string{"../policies.hcl", "../examples/team/policies.hcl", "../testdata/policies/workflows.hcl", "../testdata/policies/base.hcl"} {
		src, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			f.Fatal(err)
		}
		for part := range strings.SplitSeq(string(src), "\n\n") {
			f.Add(part)
		}
	}
	f.Add("agent \"a\" {\n  keys = [\"k\"]\n  delegators = [human.alice, agent.b]\n  x = true\n}\n")
	f.Fuzz(func(t *testing.T, src string) { samePlain(t, src) })
}
