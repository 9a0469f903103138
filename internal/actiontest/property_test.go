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
		const ref = "refs/heads/agent/new"
		r.d.Push(slug, main, c.Main, "alice")
		r.d.Push(slug, ref, c.Head, "coder")
		number := r.open("agent/new", c.Head)
		want := checked(t, r, c.Main+".."+c.Head, ref)
		for _, v := range want {
			said[v]++
		}
		differ := func(door string, got *result) {
			if found := commitsOf(got); !maps.Equal(found, want) {
				t.Errorf("REMIT_SEED=%d: %s and remit check --ref %s disagree\n  %s\n%s%s", seed, door, ref, strings.Join(c.Lines, "\n  "), differences(found, want), got.stdout+got.stderr)
			}
		}
		differ("the check of a pull request", r.on("pull_request_target", gh.EventOf{Number: number}))

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
