package cli

import (
	"slices"
	"testing"
)

// TestOwnedPattern: what CODEOWNERS means by a pattern a policy means by these.
func TestOwnedPattern(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"/deploy/": {"deploy/**"}, "docs/": {"**/docs/**"}, "*.tf": {"**/*.tf"}, "/src/pay": {"src/pay", "src/pay/**"}, "src/pay/": {"src/pay/**"},
		"Makefile": {"**/Makefile", "**/Makefile/**"}, "/a/**": {"a/**"}, "*": nil, "/": nil, "**": nil, "!x": nil, "a[b]": nil, `a\ b`: nil,
	} {
		if got := ownedPattern(in); !slices.Equal(got, want) {
			t.Errorf("%s means %q, not %q", in, got, want)
		}
	}
}
