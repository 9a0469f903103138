package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// TestParts: a policy that is read in parts says what it says as a whole, places included; and where it cannot be cut,
// or what is wrong is wrong only with the whole, it is read as one.
func TestParts(t *testing.T) {
	var large strings.Builder
	for i := range 200 {
		fmt.Fprintf(&large, "# the agent a%d {\nagent \"a%d\" {\n  /* }\n} */\n  delegators = [human.alice] # }\n  purpose = \"}\\n\"\n}\n\n", i, i)
	}
	for name, test := range map[string]struct {
		src   string
		parts bool
	}{
		"blocks":                {large.String(), true},
		"an attribute between":  {"a {\n}\nx = 1\nb {\n}\ny = {\n}\nc {\n}\n", true},
		"no newline at its end": {"a {\n}\nb {\n}", true},
		"carriage returns":      {"a {\r\n}\r\nb {\r\n}\r\n", true},
		"one block":             {"a {\n  x = 1\n}", false},
		"an attribute twice":    {"x = 1\na {\n}\nx = 2\n", false},
		"an error in a part":    {"a {\n}\nb = \n}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource([]byte(test.src), FileName)
			_ = scanIn(s, 1) // the parser says what is wrong, too
			got := parseParts(s)
			if (got != nil) != test.parts {
				t.Fatalf("in parts: %v, want %v; cut at %d places", got != nil, test.parts, len(s.cuts))
			}
			if got == nil {
				return
			}
			whole, diags := hclsyntax.ParseConfig(s.bytes, s.file, hcl.InitialPos)
			if diags.HasErrors() || !reflect.DeepEqual(got, whole.Body) {
				t.Errorf("the parts and the whole differ: %v", diags)
			}
		})
	}
	// What is wrong with one of many blocks is said of its place in the file.
	src := large.String() + "nonsense {\n}\n"
	_, found := Parse([]byte(src), FileName)
	line := strings.Count(large.String(), "\n") + 1
	if !slices.ContainsFunc(found, func(d Diagnostic) bool { return d.Position.Line == line && strings.Contains(d.Detail, "nonsense") }) {
		t.Errorf("nothing is said of line %d: %v", line, found)
	}
}
