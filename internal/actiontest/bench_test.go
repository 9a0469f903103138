package actiontest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	gh "github.com/remit-sh/remit/internal/githubdouble"
)

// BenchmarkCheck runs the released kind of binary on a pull request, from its start to the posted check
// run, with the double and a git server on this machine: what they take is part of the time. The first
// run of each posts the check run, and later ones find that it says the same.
//
//	commits-100          a hundred signed commits under one delegation
//	commits-5000         five thousand
//	files-10000          one commit that changes ten thousand files
func BenchmarkCheck(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "remit")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "github.com/remit-sh/remit/cmd/remit")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	if info, err := os.Stat(binary); err == nil {
		b.Logf("the binary has %.1f MB", float64(info.Size())/1e6)
	}
	for _, c := range []struct{ commits, files int }{{100, 1}, {5000, 1}, {1, 10_000}} {
		name := fmt.Sprintf("commits-%d", c.commits)
		if c.files > 1 {
			name = fmt.Sprintf("files-%d", c.files)
		}
		b.Run(name, func(b *testing.B) {
			r := newRig(b, policyWith(""))
			number := r.bulk(c.commits, c.files)
			event := r.d.Event("pull_request_target", gh.EventOf{Repository: slug, Number: number})
			var most int64
			for b.Loop() {
				took, memory := r.child(binary, event)
				b.ReportMetric(float64(took.Milliseconds()), "ms/check")
				most = max(most, memory)
			}
			b.ReportMetric(float64(most)/1024, "MiB-peak")
		})
	}
}

// bulk opens a pull request of so many commits, or of one that changes so many files.
func (r *rig) bulk(commits, files int) int {
	chain, head := r.chain(), r.base
	blob := r.git(slug, "package cart\n", "hash-object", "-w", "--stdin")
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(r.root, "index"), "GIT_DIR=" + r.dir(slug)}
	r.gitEnv("", index, "read-tree", head)
	var info strings.Builder
	for i := range files {
		fmt.Fprintf(&info, "100644 %s\tsrc/cart/%03d/item%d.go\x00", blob, i%200, i)
	}
	r.gitEnv(info.String(), index, "update-index", "-z", "--index-info")
	tree := r.gitEnv("", index, "write-tree")
	for i := range commits {
		head = r.commit(commit{by: "agent.coder", chain: chain, parents: []string{head}, tree: tree, message: fmt.Sprintf("Step %d", i)})
	}
	r.d.Push(slug, pay, head, "coder")
	r.git(slug, "", "repack", "-adq")
	return r.open("agent/pay", head)
}

// child runs the action as a process, and tells how long it took and how much memory it had at most, in KiB.
func (r *rig) child(binary string, payload []byte) (time.Duration, int64) {
	r.t.Helper()
	dir := r.t.TempDir()
	event := filepath.Join(dir, "event.json")
	if err := os.WriteFile(event, payload, 0o600); err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command(binary, "action")
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "RUNNER_TEMP=" + dir, "GITHUB_REPOSITORY=" + slug, "GITHUB_EVENT_PATH=" + event,
		"GITHUB_API_URL=" + r.d.URL(), "GITHUB_SERVER_URL=" + r.web, "GITHUB_EVENT_NAME=pull_request_target",
		"INPUT_TOKEN=" + token, "INPUT_REPOSITORY=github.com/acme/shop",
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	// The double's clock is not the child's, by which the delegation ran out: that it is denied costs the same.
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 1 {
		r.t.Fatalf("%v\n%s", err, out.String())
	}
	return took, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
}
