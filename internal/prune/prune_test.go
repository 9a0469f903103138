package prune_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/internal/prune"
	"github.com/remit-sh/remit/verdict"
)

// TestMarks: whoever makes a request chooses its nonce. A mark goes only where the log says that just its commit was let
// through with it long ago, and no mark says that it was used since.
func TestMarks(t *testing.T) {
	nonce, now := strings.Repeat("0a", 16), time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		other    bool   // the mark is at another commit than the log has
		deployed string // when the mark of the deploy says that it was; "": there is none
		kind     string // of the entry
		attested bool
		gone     bool
	}{
		"used long ago":                  {false, "20261120T140000Z", "deploy", true, true},
		"the nonce for another commit":   {true, "20261120T140000Z", "deploy", true, false},
		"the nonce again":                {false, "20261122T133000Z", "deploy", true, false},
		"no mark says when":              {false, "", "deploy", true, false},
		"nobody vouches for it":          {false, "20261120T140000Z", "deploy", false, false},
		"a request for something else":   {false, "20261120T140000Z", "rotate", true, false},
		"a mark that cannot tell a time": {false, "not-a-time", "deploy", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			git := func(args ...string) string {
				cmd := exec.Command("git", args...)
				cmd.Dir = dir
				cmd.Env = append(cmd.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES="+dir,
					"GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x@shop.example", "GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x@shop.example")
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("git %s: %v\n%s", args[0], err, out)
				}
				return strings.TrimSpace(string(out))
			}
			git("init", "-q", "--bare", ".")
			tree := git("write-tree")
			commit, other := git("commit-tree", "-m", "one", tree), git("commit-tree", "-m", "two", tree)
			at := commit
			if c.other {
				at = other
			}
			mark := delegation.RequestRefs + nonce
			git("update-ref", mark, at)
			if c.deployed != "" {
				git("update-ref", delegation.DeployedRefs("staging")+c.deployed+"-"+nonce, at)
			}

			l := logtest.Log(t, &logtest.Memory{})
			if _, err := l.Create(t.Context()); err != nil {
				t.Fatal(err)
			}
			e := logtest.Entry(t, 1, "")
			e.Question = audit.Question{Kind: c.kind, Subject: "x", Head: commit, Environment: "staging", Nonce: nonce}
			e.Verdict, e.Time = verdict.Allowed, now.Add(-48*time.Hour)
			if c.attested {
				e.Attestation = audit.Attestation{Kind: "hook", By: "SHA256:x"}
			}
			e.ID = e.Identity()
			logtest.Append(t, l, e)
			reader, err := l.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			repo, err := gitrepo.Open(gitrepo.Options{GitDir: dir})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = repo.Close() }() // only read from
			plan, err := prune.Make(t.Context(), prune.Sources{Repo: repo, Log: reader, Now: now, Keep: prune.Usual})
			if err != nil {
				t.Fatal(err)
			}
			if _, gone := plan.Refs[mark]; gone != c.gone {
				t.Errorf("it goes: %v; %+v", gone, plan)
			}
		})
	}
}
