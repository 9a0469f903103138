package actiontest

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/internal/cli"
	gh "github.com/remit-sh/remit/internal/githubdouble"
	"github.com/remit-sh/remit/verdict"
)

// altered is an entry as somebody else would have it.
func altered(t *testing.T, e *audit.Entry, change func(*audit.Entry)) *audit.Entry {
	t.Helper()
	out := *e
	change(&out)
	out.ID = out.Identity()
	return &out
}

// claimOf is an entry as it is spooled, and the audience of a token that vouches for it.
func claimOf(t *testing.T, e *audit.Entry) (line, audience string) {
	t.Helper()
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(b), audit.Digest(b)
}

// TestAttackSpool: whoever may write to the repository may hand over what they like, with whatever token they have: it is kept as what
// somebody claims, and is never taken for what the check said. What is like it, and is the check's, is.
func TestAttackSpool(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*audit.Entry)
		claims   map[string]any
		audience string // of the token, where it is another than it must be
		replayed bool   // the token is that of the true entry
		bare     bool   // there is none
		raw      string // something else than a token
		attested bool
		said     string
	}{
		"near: the check's own": {attested: true},
		"near: a later attempt": {change: func(e *audit.Entry) { e.Run.Attempt = 2 }, claims: map[string]any{"run_attempt": "2"}, attested: true},
		"without a token":       {change: func(e *audit.Entry) { e.Run.ID = "7" }, bare: true},
		"with something that is no token": {
			change: func(e *audit.Entry) { e.Run.ID = "7" }, raw: "trust me", said: "nobody vouches",
		},
		"with another run's token": {change: func(e *audit.Entry) { e.Verdict = verdict.Denied }, replayed: true, said: "audience"},
		"with a token for another audience": {
			audience: "sigstore", said: "audience",
		},
		"by a run of a pull request, which has the agent's own workflow file": {
			claims: map[string]any{
				"workflow_ref": "acme/shop/.github/workflows/remit.yml@refs/pull/1/merge", "job_workflow_ref": "acme/shop/.github/workflows/remit.yml@refs/pull/1/merge",
				"ref": "refs/pull/1/merge", "event_name": "pull_request",
			},
			said: "refs/pull/1/merge",
		},
		"by a run of the agent's branch": {
			claims: map[string]any{
				"workflow_ref": "acme/shop/.github/workflows/remit.yml@refs/heads/agent/pay", "job_workflow_ref": "acme/shop/.github/workflows/remit.yml@refs/heads/agent/pay",
				"ref": "refs/heads/agent/pay", "event_name": "push",
			},
			said: "agent/pay",
		},
		"by another workflow of main": {
			claims: map[string]any{"workflow_ref": "acme/shop/.github/workflows/ci.yml@refs/heads/main", "job_workflow_ref": "acme/shop/.github/workflows/ci.yml@refs/heads/main"},
			said:   "ci.yml",
		},
		"by a job that the check's workflow calls elsewhere": {
			claims: map[string]any{"job_workflow_ref": "mallory/shop/.github/workflows/remit.yml@refs/heads/main"}, said: "mallory/shop",
		},
		"by another repository": {
			claims: map[string]any{"repository": "mallory/shop", "workflow_ref": "mallory/shop/.github/workflows/remit.yml@refs/heads/main", "job_workflow_ref": "mallory/shop/.github/workflows/remit.yml@refs/heads/main"},
			said:   "repository",
		},
		"by a repository that took the name": {claims: map[string]any{"repository_id": "99"}, said: "id"},
		"of another run":                     {claims: map[string]any{"run_id": "9002"}, said: "run"},
		"of another attempt":                 {claims: map[string]any{"run_attempt": "3"}, said: "attempt"},
		"by another issuer":                  {claims: map[string]any{"iss": "https://gitlab.example"}, said: "issuer"},
		"dated long before its token":        {change: func(e *audit.Entry) { e.Time = e.Time.AddDate(0, 0, -1) }, said: "valid from"},
		"dated long after its token":         {change: func(e *audit.Entry) { e.Time = e.Time.AddDate(0, 0, 1) }, said: "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, policyWith(""))
			i := r.withIssuer()
			number, _ := r.pull("src/cart.go")
			r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
			e, proof := r.waiting()
			r.git(slug, "", "update-ref", "-d", r.spooled()[0])
			if c.change != nil {
				e = altered(t, e, c.change)
			}
			line, audience := claimOf(t, e)
			if c.audience != "" {
				audience = c.audience
			}
			i.claims = c.claims
			switch {
			case c.bare:
				proof = ""
			case c.raw != "":
				proof = c.raw
			case !c.replayed:
				proof = i.token(audience)
			}
			bundles := strings.SplitN(r.git(slug, "", "for-each-ref", "--format=%(objectname)", "refs/remit/delegations/"), "\n", 2)[0]
			r.spool(line + "\n" + proof + "\n" + r.git(slug, "", "cat-file", "blob", bundles) + "\n")
			key := auditKey(t)
			unattested := 1
			if c.attested {
				unattested = 0
			}
			r.begin(key).wantsFold(0, fmt.Sprintf("1 appended, of which nobody vouches for %d", unattested), c.said)
			if all := r.logged(key); len(all) != 1 || all[0].Attestation.IsZero() == c.attested {
				t.Errorf("the log has %+v", all)
			}
			if left := r.spooled(); len(left) != 0 {
				t.Errorf("these wait still: %v", left)
			}
		})
	}
}

// TestAttackSquatted: who knows what a true entry will be called hands over another of that name first. Both are kept, the true one alone is
// vouched for, and it is said.
func TestAttackSquatted(t *testing.T) {
	r := newRig(t, policyWith(""))
	r.withIssuer()
	number, _ := r.pull("src/cart.go")
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
	e, _ := r.waiting()
	line, _ := claimOf(t, altered(t, e, func(e *audit.Entry) { e.Verdict = verdict.Denied }))
	own := r.spooled()[0]
	kept := r.git(slug, "", "rev-parse", own)
	r.git(slug, "", "update-ref", "-d", own)
	r.spool(line + "\n\n")
	key := auditKey(t)
	r.begin(key).wantsFold(0, "1 appended, of which nobody vouches for 1")
	r.git(slug, "", "update-ref", own, kept)
	r.fold(key).wantsFold(0, "1 appended, of which nobody vouches for 0", "one of them is not true", "::warning")
	all := r.logged(key)
	if len(all) != 2 || all[0].ID != e.ID || all[1].ID != e.ID || !all[0].Attestation.IsZero() || all[1].Attestation.IsZero() || all[1].Verdict != verdict.Allowed {
		t.Errorf("%+v", all)
	}
	// The same handed over again, with its token or without it, is there already.
	r.git(slug, "", "update-ref", own, kept)
	again, _ := claimOf(t, e)
	r.spool(again + "\n\n")
	r.fold(key).wantsFold(0, "0 appended", "2 were there already")
}

// TestAttackFlood: refs that hold nothing of ours are taken away, whatever they are at, and what is true gets into the log.
func TestAttackFlood(t *testing.T) {
	r := newRig(t, policyWith(""))
	r.withIssuer()
	number, _ := r.pull("src/cart.go")
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
	blob := r.git(slug, "junk", "hash-object", "-w", "--stdin")
	var refs strings.Builder
	for i := range 600 {
		fmt.Fprintf(&refs, "create %s%064x %s\n", gitbranch.SpoolPrefix, i, blob)
	}
	fmt.Fprintf(&refs, "create %snot-a-digest %s\n", gitbranch.SpoolPrefix, r.base)
	r.git(slug, refs.String(), "update-ref", "--stdin")
	key := auditKey(t)
	r.begin(key).wantsFold(0, "1 appended, of which nobody vouches for 0", "601 refs that held no entry were taken away")
	if left := r.spooled(); len(left) != 0 {
		t.Errorf("%d wait still", len(left))
	}
}

// TestAttackFoldElsewhere: a workflow file of another branch folds nothing, nor does one on an event that brings such files along.
func TestAttackFoldElsewhere(t *testing.T) {
	r := newRig(t, policyWith(""))
	r.withIssuer()
	number, _ := r.pull("src/cart.go")
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
	key := auditKey(t)
	r.begin(key, "GITHUB_REF="+pay).wantsFold(2, "on the default branch alone", "gh workflow run remit-audit.yml --ref main")
	r.begin(key, "GITHUB_REF=").wantsFold(2, "on the default branch alone")
	r.begin(key, "GITHUB_EVENT_NAME=push").wantsFold(2, "schedule, workflow_run, workflow_dispatch")
	r.begin(key, "GITHUB_EVENT_NAME=pull_request").wantsFold(2, "schedule, workflow_run, workflow_dispatch")
	r.begin(key, "INPUT_TOKEN=ghs_fork").wantsFold(3, "add `contents: write`")
	if len(r.spooled()) != 1 || r.logTip() != "" {
		t.Error("something was folded")
	}
	r.begin(key).wantsFold(0, "1 appended")
}

// TestAttackKeysAway: while the issuer's keys cannot be had, what came with a token waits, and nothing else does.
func TestAttackKeysAway(t *testing.T) {
	r := newRig(t, policyWith(""))
	i := r.withIssuer()
	number, _ := r.pull("src/cart.go")
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
	e, _ := r.waiting()
	line, _ := claimOf(t, altered(t, e, func(e *audit.Entry) { e.Run.ID = "7" }))
	r.spool(line + "\n\n")
	i.broken.Store(true)
	key := auditKey(t)
	r.begin(key).wantsFold(0, "1 appended, of which nobody vouches for 1", "could not be had", "answers 503")
	if left := r.spooled(); len(left) != 1 {
		t.Errorf("%d wait", len(left))
	}
	i.broken.Store(false)
	before := i.asked.Load()
	r.fold(key).wantsFold(0, "1 appended, of which nobody vouches for 0")
	if n := i.asked.Load() - before; n != 1 {
		t.Errorf("the keys were asked for %d times", n)
	}
}

// TestAttackLogBranch: a log's branch that is gone is never begun anew by itself, and what others write to it does not end the log.
func TestAttackLogBranch(t *testing.T) {
	r := newRig(t, policyWith(""))
	r.withIssuer()
	number, _ := r.pull("src/cart.go")
	key := auditKey(t)
	judge := func(attempt int) {
		t.Helper()
		n := fmt.Sprint(attempt)
		r.issuer.claims["run_attempt"] = n
		r.on("pull_request_target", gh.EventOf{Number: number}, "GITHUB_RUN_ATTEMPT="+n).wants(0, "allow")
	}
	judge(1)
	r.begin(key).wantsFold(0, "1 appended")
	first := r.logTip()
	judge(2)
	r.fold(key).wantsFold(0, "1 appended")
	second := r.logTip()

	t.Run("deleted", func(t *testing.T) {
		r.git(slug, "", "update-ref", "-d", gitbranch.Branch)
		judge(3)
		r.fold(key).wantsFold(3, "there is no audit log", "put its branch back")
		r.fold(key, "INPUT_CREATE=true").wantsFold(2, "would begin anew by itself")
		if len(r.spooled()) != 1 || r.logTip() != "" {
			t.Error("a log was begun, or what waits is gone")
		}
		r.git(slug, "", "update-ref", gitbranch.Branch, second)
		r.fold(key).wantsFold(0, "1 appended, of which nobody vouches for 0")
	})
	t.Run("another's commit on top", func(t *testing.T) {
		junk := r.commit(commit{parents: []string{r.logTip()}, files: map[string]string{"checkpoint": "mine\n", "key": "mine\n"}, message: "Mine"})
		r.git(slug, "", "update-ref", gitbranch.Branch, junk)
		judge(4)
		r.fold(key).wantsFold(0, "1 appended, of which nobody vouches for 0", "somebody wrote to the log's branch")
		if all := r.logged(key); len(all) != 4 {
			t.Errorf("%d entries", len(all))
		}
	})
	t.Run("another key", func(t *testing.T) {
		before := r.logTip()
		judge(5)
		r.fold(auditKey(t)).wantsFold(3, "another key")
		if r.logTip() != before || len(r.spooled()) != 1 {
			t.Error("it was folded")
		}
		r.fold(key).wantsFold(0, "1 appended")
	})
	r.d.Advance(24 * time.Hour)
	r.fold(key).wantsFold(0, "0 appended") // and keeps how the log stands today
	t.Run("rolled back on top", func(t *testing.T) {
		tree := r.git(slug, "", "rev-parse", first+"^{tree}")
		r.git(slug, "", "update-ref", gitbranch.Branch, r.commit(commit{parents: []string{r.logTip()}, tree: tree, message: "As it was"}))
		judge(6)
		r.fold(key).wantsFold(0, "1 appended", "somebody wrote to the log's branch", "rolled back")
		if all := r.logged(key); len(all) != 6 {
			t.Errorf("%d entries", len(all))
		}
	})
	t.Run("forced back", func(t *testing.T) {
		before := r.logTip()
		r.git(slug, "", "update-ref", gitbranch.Branch, first)
		judge(7)
		r.fold(key).wantsFold(3, "was rolled back", "git push --force origin TAG:refs/heads/_audit/log")
		if r.logTip() != first || len(r.spooled()) != 1 {
			t.Error("it was folded")
		}
		r.git(slug, "", "update-ref", gitbranch.Branch, before)
		r.fold(key).wantsFold(0, "1 appended")
	})
	t.Run("deleted, and to be made", func(t *testing.T) {
		before := r.logTip()
		r.git(slug, "", "update-ref", "-d", gitbranch.Branch)
		r.begin(key).wantsFold(3, "there was one", "git push --force origin TAG:refs/heads/_audit/log")
		if r.logTip() != "" {
			t.Error("a log was begun")
		}
		r.git(slug, "", "update-ref", gitbranch.Branch, before)
	})
	t.Run("false pins", func(*testing.T) {
		for _, name := range []string{"x", "2026-11-22-9999-" + strings.Repeat("a", 64) + "-" + strings.Repeat("b", 136)} {
			r.git(slug, "", "update-ref", gitbranch.PinPrefix+name, r.base)
		}
		judge(8)
		r.fold(key).wantsFold(0, "1 appended")
	})
	if n := strings.Count(r.git(slug, "", "for-each-ref", gitbranch.PinPrefix+"20*-*-*-?-*"), "\n") + 1; n != 2 {
		t.Errorf("%d pins, on two days", n)
	}
}

// TestTwoFolds: two at once do what one does.
func TestTwoFolds(t *testing.T) {
	r := newRig(t, policyWith(""))
	r.withIssuer()
	number, _ := r.pull("src/cart.go")
	for n := 1; n <= 5; n++ {
		r.issuer.claims["run_attempt"] = fmt.Sprint(n)
		r.on("pull_request_target", gh.EventOf{Number: number}, fmt.Sprintf("GITHUB_RUN_ATTEMPT=%d", n)).wants(0, "allow")
	}
	key := auditKey(t)
	r.d.Advance(1)
	results := make([]*result, 2)
	var all sync.WaitGroup
	for i := range results {
		dir := fmt.Sprintf("%s/fold%d", r.root, i)
		for _, d := range []string{dir + "/temp", dir + "/tmp"} {
			if err := os.MkdirAll(d, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(dir+"/event.json", []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			results[i] = runIn(t, r.d, r.issuer.server.Client().Transport, dir, append(r.issuer.env(), "GITHUB_API_URL="+r.d.URL(), "GITHUB_SERVER_URL="+r.web,
				"GITHUB_EVENT_NAME=workflow_dispatch", "GITHUB_RUN_ID=9001", "INPUT_MODE=fold", "INPUT_CREATE=true", "GITHUB_REF="+main, "REMIT_AUDIT_KEY="+key))
		})
	}
	all.Wait()
	for _, got := range results { // the one that came second to begin the log says so
		if got.code != 0 && !strings.Contains(got.stderr, "there is an audit log already") {
			t.Errorf("exit %d: %s%s", got.code, got.stdout, got.stderr)
		}
	}
	r.fold(key).wantsFold(0, "0 appended")
	if n := len(r.logged(key)); n != 5 {
		t.Errorf("the log has %d entries", n)
	}
}

// TestFoldWithKeys: `remit audit fold --jwks` believes what the action's fold does, by a file of keys too. Where that
// may be older than a token, what came with the token waits.
func TestFoldWithKeys(t *testing.T) {
	r := newRig(t, policyWith(""))
	i := r.withIssuer()
	number, _ := r.pull("src/cart.go")
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(0, "allow")
	dir := t.TempDir()
	for name, text := range map[string]string{"key": auditKey(t), "jwks": i.keys("one"), "old": i.keys("zero")} {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fold := func(code int, said string, more ...string) {
		t.Helper()
		var out bytes.Buffer
		env := &cli.Env{
			Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Dir: r.dir(slug), Now: r.d.Now, HTTP: i.server.Client().Transport,
			Environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1"},
		}
		args := append([]string{"audit", "fold", "--create", "--key", dir + "/key", "--issuer", i.server.URL, "--repository", "github.com/acme/shop"}, more...)
		if got := cli.Run(t.Context(), env, args); got != code || !strings.Contains(out.String(), said) {
			t.Errorf("%v: exit %d, want %d and %q:\n%s", more, got, code, said, out.String())
		}
	}
	fold(2, "--branch main --workflow remit.yml", "--jwks", dir+"/jwks")
	fold(2, "--workflow", "--jwks", dir+"/jwks", "--branch", "main", "--workflow", "remit.txt")
	fold(2, "--jwks", "--jwks", dir+"/none", "--branch", "main", "--workflow", "remit.yml")
	fold(0, "0 appended", "--jwks", dir+"/old", "--branch", "main", "--workflow", "remit.yml")
	if len(r.spooled()) != 1 {
		t.Error("what waits is gone")
	}
	fold(0, "1 appended, of which nobody vouches for 0", "--jwks", i.server.URL+"/keys", "--branch", "main", "--workflow", "remit.yml")

	i.claims["run_attempt"] = "2"
	r.on("pull_request_target", gh.EventOf{Number: number}, "GITHUB_RUN_ATTEMPT=2").wants(0, "allow")
	fold(0, "1 appended, of which nobody vouches for 0", "--jwks", dir+"/jwks", "--branch", "main", "--workflow", "remit.yml")
	i.claims["run_attempt"] = "3"
	r.on("pull_request_target", gh.EventOf{Number: number}, "GITHUB_RUN_ATTEMPT=3").wants(0, "allow")
	fold(0, "1 appended, of which nobody vouches for 1", "--jwks", dir+"/jwks", "--branch", "trunk", "--workflow", "remit.yml")
}
