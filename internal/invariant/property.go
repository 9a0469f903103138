package invariant

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Property runs a test on the seeds 1 … n. REMIT_SEED names one seed to run instead; REMIT_SOAK is for
// how long to go on with seeds that nobody has tried.
func Property(t *testing.T, n int, one func(t *testing.T, seed uint64)) {
	t.Helper()
	if text := os.Getenv("REMIT_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("REMIT_SEED: %v", err)
		}
		one(t, seed)
		return
	}
	for seed := range uint64(n) {
		one(t, seed+1)
		if t.Failed() {
			return
		}
	}
	for end, seed := time.Now().Add(soak(t)), rand.Uint64()>>16; time.Now().Before(end); seed++ {
		one(t, seed)
		if t.Failed() {
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
