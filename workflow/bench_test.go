package workflow

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// BenchmarkCorpus reads every tree of the corpus, on one core. At least 1,000 files a second are wanted.
func BenchmarkCorpus(b *testing.B) {
	paths, err := filepath.Glob("../testdata/workflows/*.txtar")
	if err != nil || len(paths) == 0 {
		b.Fatal("no corpus")
	}
	var trees []fstest.MapFS
	files, bytes := 0, 0
	for _, p := range paths {
		a, err := txtar.ParseFile(p)
		if err != nil {
			b.Fatal(err)
		}
		tree := fstest.MapFS{}
		for _, f := range a.Files {
			if f.Name == "want" {
				continue
			}
			name := f.Name
			if !strings.Contains(name, "/") {
				name = Dir + "/" + name
				files++
				bytes += len(f.Data)
			}
			tree[name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
		}
		trees = append(trees, tree)
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	var worst time.Duration
	for b.Loop() {
		for _, tree := range trees {
			start := time.Now()
			Load(tree, Options{})
			worst = max(worst, time.Since(start))
		}
	}
	b.ReportMetric(float64(files)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
	b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
}

// BenchmarkHostile reads files that are made to take long. Under 50 ms are wanted for the bomb and the
// parentheses, and under 200 ms for each.
func BenchmarkHostile(b *testing.B) {
	jobs := func(job string) string { return "on: push\njobs:\n" + job }
	var many strings.Builder
	for i := range 400 {
		many.WriteString("  j" + strings.Repeat("x", i) + ": {environment: '${{ matrix.a }}', strategy: {matrix: {a: [1,2,3,4,5,6,7,8,9], b: [1,2,3,4,5,6,7,8,9], c: [1,2,3,4,5,6,7,8,9]}}, steps: [{run: '${{ secrets[matrix.b] }}${{ secrets[matrix.c] }}'}]}\n")
	}
	for name, src := range map[string]string{
		"aliases":     bomb(),
		"parentheses": jobs("  a: {steps: [{run: '${{ " + strings.Repeat("(", 1_000_000) + "'}]}\n"),
		"brackets":    "on: " + strings.Repeat("[", 1_000_000),
		"expressions": jobs("  a: {steps: [" + strings.Repeat("{run: '${{ secrets[format(''{0}{1}'', github.actor, matrix.x)] }}'},", 8000) + "]}\n"),
		"matrices":    jobs(many.String()),
		"values":      jobs("  a: {steps: [" + strings.Repeat("{run: x, env: {a: b}},", 6000) + "]}\n"),
		"conditions":  jobs("  a: {environment: \"${{ " + strings.TrimSuffix(strings.Repeat("(github.ref == 'a' && vars.x || ", 40), "|| ") + strings.Repeat(")", 40) + " }}\", steps: [{run: x}]}\n"),
		"letters":     "on: push #" + strings.Repeat("x", MaxBytes-10),
		"quotes":      jobs("  a: {steps: [{run: \"" + strings.Repeat("${{ secrets.A }}", 50_000) + "\"}]}\n"),
	} {
		b.Run(name, func(b *testing.B) {
			tree := fstest.MapFS{Dir + "/x.yml": {Data: []byte(src), Mode: 0o644}}
			for b.Loop() {
				Load(tree, Options{})
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/file")
		})
	}
}
