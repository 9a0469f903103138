package gitrepo

import (
	"context"
	"slices"
	"testing"
)

// TestLanding: a ref that is moved by itself brings what its new tip has and its old one had not, and takes
// away the rest. What only brings new commits is told by these.
func TestLanding(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		base := r.commit("base", "f", "1\n")
		pay := r.commit("pay", "payments/a", "1\n")
		r.run("branch", "pay")
		docs := r.commit("docs", "docs/a", "1\n")
		for _, c := range []struct {
			name, ref, before, after string
			want                     []string
		}{
			{"a forced update takes away", "refs/heads/pay", pay, base, []string{"payments/a"}},
			{"a new branch onto what is there", "refs/heads/new", "", base, []string{"docs/a", "payments/a"}},
			{"a new branch where the default one is", "refs/heads/same", "", docs, nil},
			{"forward onto what is there", "refs/heads/pay", pay, docs, []string{"docs/a"}},
		} {
			got, err := r.open().CollectPush(context.Background(), []RefUpdate{{Ref: c.ref, Old: c.before, New: c.after}}, CollectOptions{Landing: true})
			if err != nil {
				t.Fatal(err)
			}
			noGaps(t, got)
			var paths []string
			for _, change := range got.Updates[0].Landing {
				paths = append(paths, change.Path)
			}
			if !slices.Equal(paths, c.want) {
				t.Errorf("%s: %v, not %v", c.name, paths, c.want)
			}
			if plain, err := r.open().CollectPush(context.Background(), []RefUpdate{{Ref: c.ref, Old: c.before, New: c.after}}, CollectOptions{}); err != nil || plain.Updates[0].Landing != nil {
				t.Errorf("%s: it was not asked for: %v", c.name, err)
			}
		}
	})
}
