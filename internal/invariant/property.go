package invariant

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Property runs a test on the seeds 1 … n, and with -short on a tenth of them. REMIT_SEED names one
// seed to run instead; REMIT_SOAK is for how long to go on with seeds that nobody has tried.
func Property(t *testing.T, n int, one func(t *testing.T, seed uint64)) {
	t.Helper()
	if testing.Short() {
		n = (n + 9) / 10
	}
	try := func(seed uint64) bool { // a test of its own, so that what it leaves behind goes at once
		return t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { one(t, seed) })
	}
	if text := os.Getenv("REMIT_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("REMIT_SEED: %v", err)
		}
		try(seed)
		return
	}
	for seed := range uint64(n) {
		if !try(seed + 1) {
			return
		}
	}
	for end, seed := time.Now().Add(soak(t)), rand.Uint64()>>16; time.Now().Before(end); seed++ {
		if !try(seed) {
			return
		}
	}
}

// soak is how long each property is tried beyond its usual seeds.
func soak(t testing.TB) time.Duration {
	t.Helper()
	text := os.Getenv("REMIT_SOAK")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("REMIT_SOAK: %v", err)
	}
	return d
}

// Count is how often a test does something: usually as often as it takes seconds, and as an environment variable says
// where somebody has more time.
func Count(t testing.TB, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s: %q is no number of times", name, text)
	}
	return n
}
