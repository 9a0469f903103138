package bench

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// Samples that a median is taken of. Sampling stops at the first of enough samples and enough time,
// but not before the fewest.
const (
	fewestSamples = 20
	mostSamples   = 60
	sampleTime    = 2 * time.Second
)

// inTurn takes samples of several things and returns the median of each.
func inTurn(tb testing.TB, things ...func() time.Duration) []time.Duration {
	tb.Helper()
	medians := make([]time.Duration, len(things))
	for i, s := range samples(tb, things...) {
		medians[i] = median(s)
	}
	return medians
}

// samples takes samples of several things in turn, so that all of them meet the same load. The first
// round warms caches and does not count.
func samples(tb testing.TB, things ...func() time.Duration) [][]time.Duration {
	tb.Helper()
	taken := make([][]time.Duration, len(things))
	for _, f := range things {
		f()
	}
	for start, n := time.Now(), 0; n < fewestSamples || n < mostSamples && time.Since(start) < sampleTime; n++ {
		for i, f := range things {
			taken[i] = append(taken[i], f())
		}
	}
	return taken
}

func median(s []time.Duration) time.Duration {
	slices.Sort(s)
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// process is one run of a program, from before it starts until it has ended.
func (r repository) process(stdin string, args ...string) func() time.Duration {
	return func() time.Duration {
		r.tb.Helper()
		var out bytes.Buffer
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env = r.dir, environ(r.env...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &out
		start := time.Now()
		err := cmd.Run()
		took := time.Since(start)
		if err != nil {
			r.tb.Fatalf("%s: %v\n%.2000s", strings.Join(args, " "), err, &out)
		}
		return took
	}
}

// timed is one call of a function.
func timed(f func()) func() time.Duration {
	return func() time.Duration {
		start := time.Now()
		f()
		return time.Since(start)
	}
}

// report says the result. A benchmark here takes its own samples, so that the time which the
// testing package measured means nothing.
func report(b *testing.B, metrics ...any) {
	b.ReportMetric(0, "ns/op")
	for i := 0; i < len(metrics); i += 2 {
		unit := metrics[i+1].(string)
		switch v := metrics[i].(type) {
		case time.Duration:
			b.ReportMetric(float64(v.Microseconds())/1000, unit)
		case float64:
			b.ReportMetric(v, unit)
		}
	}
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }
