package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
)

// issue adds so many delegations to repositories, of which the last live ones hold and the others are over.
func issue(tb testing.TB, count, live int, into ...repository) {
	tb.Helper()
	alice, planner := signerOf(tb, "alice"), signerOf(tb, "planner")
	branch, err := pattern.ParseRef("agent/**")
	if err != nil {
		tb.Fatal(err)
	}
	path, err := pattern.ParsePath("src/**")
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	var blobs strings.Builder
	refs := make([]string, count)
	for i := range count {
		from := now.Add(-time.Hour)
		if i < count-live {
			from = now.Add(-48 * time.Hour)
		}
		link, err := delegation.Sign(delegation.Delegation{
			Delegator: delegation.Party{Name: "human.alice", Key: alice.SSHPublicKey()},
			Delegate:  delegation.Party{Name: "agent.planner", Key: planner.SSHPublicKey()},
			Scope: delegation.Scope{
				Repositories: []string{"github.com/acme/shop"}, Actions: []names.Action{names.Commit},
				Branches: []pattern.Pattern{branch}, Paths: []pattern.Pattern{path}, Depth: 1,
			},
			NotBefore: from, NotAfter: from.Add(8 * time.Hour), Purpose: fmt.Sprintf("SHOP-%d", i), Nonce: delegation.NewNonce(),
		}, alice)
		if err != nil {
			tb.Fatal(err)
		}
		chain := delegation.Chain{link}
		bundle := chain.Marshal()
		refs[i] = delegation.RefName(chain.Digest())
		fmt.Fprintf(&blobs, "blob\nmark :%d\ndata %d\n%s\n", i+1, len(bundle), bundle)
	}
	for _, r := range into {
		marks := filepath.Join(tb.TempDir(), "marks")
		r.input(blobs.String(), "git", "fast-import", "--quiet", "--export-marks="+marks)
		content, err := os.ReadFile(marks)
		if err != nil {
			tb.Fatal(err)
		}
		var updates strings.Builder
		for line := range strings.Lines(string(content)) {
			var i int
			var id string
			if _, err := fmt.Sscanf(line, ":%d %s", &i, &id); err != nil {
				tb.Fatal(err)
			}
			fmt.Fprintf(&updates, "create %s %s\n", refs[i-1], id)
		}
		r.input(updates.String(), "git", "update-ref", "--stdin")
		r.run("git", "pack-refs", "--all")
	}
}

// BenchmarkDelegations runs what an agent and a server run beside 100 and 10,000 delegations that are live.
func BenchmarkDelegations(b *testing.B) {
	p := build(b)
	const few, many = 100, 10_000
	var sites []site
	for _, n := range []int{few, many} {
		v := newSite(b, 1000)
		issue(b, n, n, v.server, v.remit)
		sites = append(sites, v)
	}
	ref := "refs/heads/agent/pay"
	var runs []func() time.Duration
	for _, v := range sites {
		out := fmt.Sprintf("%s %s %s %s\n", ref, v.next, ref, v.pushed)
		runs = append(runs,
			v.remit.process(out, p.remit, "hook", "pre-push", "origin", v.server.dir),
			v.server.process(fmt.Sprintf("%s %s %s\n", v.pushed, v.next, ref), p.remit, "hook", "pre-receive"),
			v.commitIn(v.remit, 100),
			v.remit.process("", p.remit, "delegations", "--live"))
	}
	t := inTurn(b, runs...)
	for i, what := range []string{"pre-push", "pre-receive", "commit", "list"} {
		report(b, t[i], what+"-ms", t[i+4], what+"-many-ms", ratio(t[i+4], t[i]), what+"-x")
	}
}
