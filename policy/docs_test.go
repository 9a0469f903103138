package policy

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestDocsHoldTheReference: docs/policy.md shows what `remit policy explain` prints. Run
// `remit policy explain` and paste it there where this fails.
func TestDocsHoldTheReference(t *testing.T) {
	page, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(page), "```text\n")
	shown, _, closed := strings.Cut(after, "```")
	if !ok || !closed {
		t.Fatal("docs/policy.md has no block of text")
	}
	var want bytes.Buffer
	if err := Explain(&want); err != nil {
		t.Fatal(err)
	}
	if shown != want.String() {
		t.Error("docs/policy.md does not show what `remit policy explain` prints")
	}
}
