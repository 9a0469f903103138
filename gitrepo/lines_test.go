package gitrepo

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestCountLines(t *testing.T) {
	long := strings.Repeat(tenLines, 1000)
	var different strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&different, "line %d\n", i)
	}
	for _, test := range []struct {
		name, before, after string
		want                int
	}{
		{"nothing", "", "", 0},
		{"new file", "", "a\nb\n", 2},
		{"no newline at the end", "", "a\nb", 2},
		{"newline added at the end", "a\nb", "a\nb\n", 2},
		{"gone", "a\n", "", 1},
		{"one changed", "a\nb\nc\n", "a\nx\nc\n", 2},
		{"moved", "a\nb\nc\n", "b\nc\na\n", 2},
		{"repeated", "a\na\n", "a\na\na\n", 1},
		{"one of many", long, "x\n" + long + "y\n", 2},
		{"empty lines", "\n\n", "\n", 1},
		{"all of many: more than are told apart", different.String(), strings.ReplaceAll(different.String(), "line", "other"), 4000},
		{"binary", "\x00", strings.Repeat("\x00", binaryWidth+1), 3},
		{"text turned binary", strings.Repeat("a\n", 64), "\x00", 3},
	} {
		if got := countLines([]byte(test.before), []byte(test.after)); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

// TestEditDistance compares with the textbook recurrence.
func TestEditDistance(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		a, b := make([]int, random.IntN(15)), make([]int, random.IntN(15))
		for _, s := range [][]int{a, b} {
			for i := range s {
				s[i] = random.IntN(4)
			}
		}
		row := make([]int, len(b)+1)
		for j := range row {
			row[j] = j
		}
		for i := range a {
			diagonal := row[0]
			row[0] = i + 1
			for j := range b {
				next := min(row[j+1], row[j]) + 1
				if a[i] == b[j] {
					next = diagonal
				}
				diagonal, row[j+1] = row[j+1], next
			}
		}
		if got := editDistance(a, b); got != row[len(b)] {
			t.Fatalf("%v %v: %d, want %d", a, b, got, row[len(b)])
		}
	}
}

func TestLines(t *testing.T) {
	eachFormat(t, func(t *testing.T, r *testRepo) {
		root := r.commit("root", "f", tenLines, "hidden", "1\n", ".gitattributes", "* -diff\nhidden binary\n")
		head := r.commit("change", "f", strings.Replace(tenLines, "5", "five", 1), "hidden", "2\n3\n", "new", "1\n")
		large := r.commit("large", "large", strings.Repeat("x\n", maxCounted))
		repo := r.open()
		c := collectRange(t, repo, root, head, CollectOptions{CountLines: true})
		noGaps(t, c)
		if got := c.Commits[0].Lines; got != 2+3+1 {
			t.Errorf("%d lines", got)
		}
		c = collectRange(t, repo, head, large, CollectOptions{CountLines: true})
		if got := c.Commits[0]; got.Lines != -1 || len(got.Gaps) != 1 {
			t.Errorf("large: %d lines, gaps %+v", got.Lines, got.Gaps)
		}
		c = collectRange(t, repo, head, large, CollectOptions{})
		noGaps(t, c)
		if got := c.Commits[0].Lines; got != -1 {
			t.Errorf("not asked for: %d lines", got)
		}
	})
}

func BenchmarkCountLinesWorstCase(b *testing.B) {
	var before, after strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&before, "a %d\n", i)
		fmt.Fprintf(&after, "b %d\n", i)
	}
	x, y := []byte(before.String()), []byte(after.String())
	for b.Loop() {
		if countLines(x, y) != 200_000 {
			b.Fatal("too few")
		}
	}
}
