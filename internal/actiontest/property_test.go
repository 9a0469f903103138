package actiontest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/internal/cli"
	gh "github.com/remit-sh/remit/internal/githubdouble"
	"github.com/remit-sh/remit/internal/invariant"
)

// TestPropertyForgeAgrees: what `remit check` says of the commits of a branch, the check of its pull
// request says too, and the check of a merge group that holds it. Only the commits are compared: the
// pull request itself is an act that only a forge knows, and the push is one that it sees as such.
func TestPropertyForgeAgrees(t *testing.T) {
	compared, said := 0, map[string]int{}
	invariant.Property(t, 3, func(t *testing.T, seed uint64) {
		r := newRig(t, "")
		c := invariant.NewCase(t, seed, r.dir(slug), r.base)
		if c == nil {
			return
		}
		compared++
		const ref, number = "refs/heads/agent/new", 1
		pull := r.judgePull(c)
		want := checked(t, r, c.Main+".."+c.Head, ref)
		for _, v := range want {
			said[v]++
		}
		differ := func(door string, got *result) {
			if found := commitsOf(got); !maps.Equal(found, want) {
				t.Errorf("REMIT_SEED=%d: %s and remit check --ref %s disagree\n  %s\n%s%s", seed, door, ref, strings.Join(c.Lines, "\n  "), differences(found, want), got.stdout+got.stderr)
			}
		}
		differ("the check of a pull request", pull)
		if wrong, ok := c.Landing(); ok && pull.code == 0 && len(wrong) > 0 {
			t.Errorf("REMIT_SEED=%d: a pull request is allowed that would change what its agents may not: %v\n  %s", seed, wrong, strings.Join(c.Lines, "\n  "))
		}

		tree, err := r.mergeTree(c.Main, c.Head)
		if err != nil {
			return // a queue makes no group of what does not merge
		}
		group := r.commit(commit{parents: []string{c.Main, c.Head}, tree: tree, message: "Merge pull request", forge: true})
		r.d.Push(slug, fmt.Sprintf("refs/heads/gh-readonly-queue/main/pr-%d-%s", number, c.Main), group, "alice")
		got := r.on("merge_group", gh.EventOf{Number: number, After: group})
		differ("the check of a merge group", got)
	})
	t.Logf("%d histories compared; of their commits: %v", compared, said)
}

// TestLandingOfPullRequests: a pull request answers for what would stand on its base afterwards, at the
// paths where it would stand, whatever they are called on the branch.
func TestLandingOfPullRequests(t *testing.T) {
	edit := func(name string) string { return "coder@work edit " + name + " 3 mine" }
	const catchUp = "coder@work merge main leave"
	for _, c := range []struct {
		name  string
		lines []string
		allow bool
	}{
		{name: "file moved to a protected path", lines: []string{"alice@main move src/a .github/hooks/b", edit("src/a")}},
		{name: "file moved out of the scope", lines: []string{"alice@main move src/a lib/c", edit("src/a")}},
		{name: "directory moved to a protected path, under an edit", lines: []string{"alice@main movedir src/core .github/core", edit("src/core/a")}},
		{name: "file moved out of the scope, and main merged", lines: []string{"alice@main move docs/a test/b", edit("docs/a"), catchUp}},
		{name: "file moved out of the scope before main was merged, and again", lines: []string{
			"alice@main move src/a src/c", edit("src/a"), catchUp, "alice@main move src/c lib/c",
		}},
		{name: "near miss: file moved inside", lines: []string{"alice@main move src/a src/c", edit("src/a")}, allow: true},
		{name: "near miss: moved out, and something else edited", lines: []string{"alice@main move src/a lib/c", edit("src/b"), catchUp}, allow: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "")
			made := invariant.CaseOf(t, r.dir(slug), r.base, c.lines...)
			got := r.judgePull(made)
			if wrong, _ := made.Landing(); (len(wrong) == 0) != c.allow {
				t.Fatalf("the oracle has %v", wrong)
			} else if (got.code == 0) != c.allow {
				t.Errorf("verdict %q; changed without right: %v\n%s%s", got.outputs["verdict"], wrong, got.stdout, got.stderr)
			}
		})
	}
}

// judgePull opens a pull request of a case and runs its check.
func (r *rig) judgePull(c *invariant.Case) *result {
	r.t.Helper()
	r.d.Push(slug, main, c.Main, "alice")
	r.d.Push(slug, "refs/heads/agent/new", c.Head, "coder")
	return r.on("pull_request_target", gh.EventOf{Number: r.open("agent/new", c.Head)})
}

// mergeTree merges two commits where nothing is in conflict.
func (r *rig) mergeTree(ours, theirs string) (string, error) {
	cmd := exec.Command("git", "--git-dir="+r.dir(slug), "merge-tree", "--write-tree", "--no-messages", ours, theirs)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.root, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull}
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// checked is what remit check says of each commit of a range.
func checked(t *testing.T, r *rig, span, ref string) map[string]string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cli.Run(t.Context(), &cli.Env{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Dir: r.dir(slug), Now: r.d.Now,
		Environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.root, "REMIT_HOME=" + r.root, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull},
	}, []string{"check", span, "--ref", ref, "--format", "json"})
	res := &result{t: t}
	if err := json.Unmarshal(stdout.Bytes(), &res.report, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v: %s%s", err, stdout.String(), stderr.String())
	}
	return commitsOf(res)
}

// commitsOf is the verdict and the rules of each commit of a report.
func commitsOf(r *result) map[string]string {
	said := map[string]string{}
	for _, a := range r.report.Acts {
		if a.Kind != "commit" {
			continue
		}
		var rules []string
		for _, f := range a.Findings {
			if f.Effect != "note" && !slices.Contains(rules, f.Rule) {
				rules = append(rules, f.Rule)
			}
		}
		slices.Sort(rules)
		said[a.Subject] = a.Verdict + " " + strings.Join(rules, " ")
	}
	return said
}

func differences(got, want map[string]string) string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if got[id] != want[id] {
			fmt.Fprintf(&b, "  %s: %q, and check says %q\n", id, got[id], want[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[id]; !ok {
			fmt.Fprintf(&b, "  %s: %q, and check does not know it\n", id, got[id])
		}
	}
	return b.String()
}
