package forgetest

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/forge"
	gh "github.com/remit-sh/remit/internal/githubdouble"
)

const nonce = "00112233445566778899aabbccddeeff"

func TestUseOnce(t *testing.T) {
	r := start(t, shop())
	if won, err := r.UseOnce(bg, shopName, nonce, sha("c")); !won || err != nil {
		t.Fatalf("the first: %t, %v", won, err)
	}
	if at := r.d.Refs("acme/shop")["refs/tags/remit/requests/"+nonce]; at != sha("c") {
		t.Errorf("the ref is at %q", at)
	}
	if won, err := r.UseOnce(bg, shopName, nonce, sha("c")); won || err != nil {
		t.Errorf("the same again: %t, %v", won, err)
	}
	if won, err := on(t, r.d).UseOnce(bg, shopName, nonce, sha("b")); won || err != nil {
		t.Errorf("another: %t, %v", won, err)
	}
	if won, err := r.UseOnce(bg, shopName, strings.Repeat("ab", 16), sha("0")); won || !errors.Is(err, forge.ErrRefused) {
		t.Errorf("a commit that is none: %t, %v", won, err)
	}
	for _, bad := range []string{"", "xyz", nonce + "/x", nonce[:30], strings.ToUpper(nonce), "../" + nonce} {
		if won, err := r.UseOnce(bg, shopName, bad, sha("c")); won || err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	won, err := on(t, r.d, withToken("fork")).UseOnce(bg, shopName, strings.Repeat("ab", 16), sha("c"))
	var lacks *forge.PermissionError
	if won || !errors.As(err, &lacks) || lacks.Permission != "contents: write" {
		t.Errorf("a token that may only read: %t, %v", won, err)
	}
}

// TestRunners: of runners that use the same request at once, one wins.
func TestRunners(t *testing.T) {
	d := gh.Start(t, shop())
	var group sync.WaitGroup
	var mu sync.Mutex
	winners := 0
	for range 8 {
		r := on(t, d)
		group.Go(func() {
			won, err := r.UseOnce(bg, shopName, nonce, sha("c"))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if won {
				winners++
			}
		})
	}
	group.Wait()
	if winners != 1 {
		t.Errorf("%d winners", winners)
	}
}

// TestUseOnceFaults: an answer that was lost never makes two winners.
func TestUseOnceFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault gh.Fault
		won   bool
		err   error
	}{
		"a limit":                    {fault: gh.Fault{Kind: gh.FaultSecondary}, won: true},
		"failed, without effect":     {fault: gh.Fault{Kind: gh.FaultStatus, Status: 502}, won: true},
		"failed, with effect":        {fault: gh.Fault{Kind: gh.FaultStatus, Status: 502, Applied: true}, err: forge.ErrAmbiguous},
		"cut after it was done":      {fault: gh.Fault{Kind: gh.FaultCut}, err: forge.ErrAmbiguous},
		"truncated after it was":     {fault: gh.Fault{Kind: gh.FaultTruncated}, err: forge.ErrAmbiguous},
		"fails for ever":             {fault: gh.Fault{Kind: gh.FaultStatus, Status: 502, Times: -1}, err: forge.ErrUnavailable},
		"fails for ever, was done":   {fault: gh.Fault{Kind: gh.FaultStatus, Status: 503, Times: -1, Applied: true}, err: forge.ErrAmbiguous},
		"exhausted, with the effect": {fault: gh.Fault{Kind: gh.FaultExhausted, Applied: true}, err: forge.ErrAmbiguous},
	} {
		r := start(t, shop())
		c.fault.Operation = "git/create-ref"
		r.d.Inject(c.fault)
		won, err := r.UseOnce(bg, shopName, nonce, sha("c"))
		if won != c.won || !errors.Is(err, c.err) {
			t.Errorf("%s: %t, %v", name, won, err)
		}
		r.d.ClearFaults()
		again, err := on(t, r.d).UseOnce(bg, shopName, nonce, sha("c"))
		if _, stands := r.d.Refs("acme/shop")[delegation.RequestRefs+nonce]; !stands || err != nil || again && !errors.Is(c.err, forge.ErrUnavailable) {
			t.Errorf("%s: then %t, %v", name, again, err)
		}
	}
}

func TestRecordDeploy(t *testing.T) {
	deployedAt := time.Date(2026, 11, 22, 14, 3, 7, 0, time.UTC)
	r := start(t, shop())
	if err := r.RecordDeploy(bg, shopName, "Prod/EU", nonce, sha("c"), deployedAt); err != nil {
		t.Fatal(err)
	}
	if at := r.d.Refs("acme/shop")["refs/tags/remit/deployed/prod%2feu/20261122T140307Z-"+nonce]; at != sha("c") {
		t.Errorf("the refs are %v", r.d.Refs("acme/shop"))
	}
	if err := r.RecordDeploy(bg, shopName, "prod/eu", nonce, sha("b"), deployedAt); !errors.Is(err, forge.ErrAmbiguous) {
		t.Errorf("the same again: %v", err)
	}
	if err := r.RecordDeploy(bg, shopName, "staging", nonce, sha("b"), deployedAt); err != nil {
		t.Errorf("another environment: %v", err)
	}
	for name, c := range map[string][3]string{
		"no environment": {"", nonce, sha("c")}, "no nonce": {"production", "", sha("c")},
		"a short nonce": {"production", nonce[1:], sha("c")}, "no commit": {"production", nonce, "main"},
	} {
		if err := r.RecordDeploy(bg, shopName, c[0], c[1], c[2], deployedAt); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	r.d.Inject(gh.Fault{Operation: "git/create-ref", Kind: gh.FaultStatus, Status: 502, Applied: true})
	if err := r.RecordDeploy(bg, shopName, "qa", nonce, sha("c"), deployedAt); !errors.Is(err, forge.ErrAmbiguous) {
		t.Errorf("an answer that was lost: %v", err)
	}
}
