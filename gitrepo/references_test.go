package gitrepo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/remit-sh/remit/evidence"
)

// found lists references as "path:line:column NAME".
func found(refs []evidence.Reference) string {
	var texts []string
	for _, r := range refs {
		texts = append(texts, fmt.Sprintf("%s:%d:%d %s", r.Path, r.Line, r.Column, r.Name))
	}
	return strings.Join(texts, "\n")
}

func TestReferences(t *testing.T) {
	r := newTestRepo(t)
	r.write("old.sh", "a\nexport PROD_OLD\nb\n")
	r.write("moved.sh", "use PROD_MOVED\nx\n")
	base := r.commit("before")
	r.write("old.sh", "a\nexport PROD_OLD\nb\né PROD_NEW and PROD_NEW, $PROD_2\r\n")
	r.write("moved.sh", "x\nuse PROD_MOVED\n")
	r.write("other.py", "prod_lower = STAGING_KEY\nPROD = Xprod_TOKEN\nxPROD_TOKEN\n")
	r.write("bin", "\x00\x01 PROD_BINARY \xff")
	r.write("big.txt", "PROD_BIG\n"+strings.Repeat("x", maxSearched))
	head := r.commit("after")
	repo := r.open()
	c := collectRange(t, repo, base, head, CollectOptions{})
	refs, err := repo.References(t.Context(), c.Commits, func(name string) bool { return strings.HasPrefix(name, "PROD_") })
	if err != nil {
		t.Fatal(err)
	}
	want := "big.txt:0:0 \nbin:1:4 PROD_BINARY\nold.sh:4:3 PROD_NEW\nold.sh:4:27 PROD_2"
	if got := found(refs); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, ref := range refs {
		if ref.Commit != head {
			t.Errorf("%v is of another commit", ref)
		}
	}
	// A commit that is not new was looked at when it came in.
	c.Commits[0].New = false
	if refs, err := repo.References(t.Context(), c.Commits, func(string) bool { return true }); err != nil || len(refs) > 0 {
		t.Errorf("%v, %v", refs, err)
	}
}

func TestReferencesLimit(t *testing.T) {
	r := newTestRepo(t)
	base := r.commit("before", "a", "x\n")
	var b strings.Builder
	for i := range maxFound + 10 {
		fmt.Fprintf(&b, "PROD_%d\n", i)
	}
	r.write("many", b.String())
	head := r.commit("after")
	repo := r.open()
	refs, err := repo.References(t.Context(), collectRange(t, repo, base, head, CollectOptions{}).Commits, func(string) bool { return true })
	if err != nil || len(refs) != maxFound+1 || refs[maxFound].Name != "" {
		t.Errorf("%d references, %v", len(refs), err)
	}
}
