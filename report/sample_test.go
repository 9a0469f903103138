package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/remit-sh/remit/verdict"
)

// The reports that the golden files show.

var noon = time.Date(2026, 11, 22, 14, 3, 0, 0, time.UTC)

func digest(c string) string { return "sha256:" + strings.Repeat(c, 64) }

func commitID(n int) string {
	sum := sha256.Sum256([]byte{byte(n)})
	return hex.EncodeToString(sum[:20])
}

func chain() []verdict.Link {
	return []verdict.Link{
		{
			Delegator: "human.alice", Delegate: "agent.planner", Digest: digest("a"),
			NotAfter: noon.Add(57 * time.Minute), Purpose: "SHOP-1412",
		},
		{
			Delegator: "agent.planner", Delegate: "agent.coder", Digest: digest("9"),
			NotAfter: noon.Add(7 * time.Minute), Purpose: "SHOP-1412: card payments", Minted: true,
		},
	}
}

func commit(n int, title string, found ...verdict.Finding) verdict.Act {
	return verdict.Act{
		Kind: "commit", Subject: commitID(n), Ref: "refs/heads/agent/pay", Title: title,
		Actor: "agent.coder", Key: "SHA256:kq3vP1Zc", Evidence: "signature by SHA256:kq3vP1Zc",
		Seen: noon.Add(-42 * time.Second), SeenBy: "server clock", Chain: chain(), Findings: found,
	}
}

func base(acts ...verdict.Act) *verdict.Report {
	r := &verdict.Report{
		Repository: "github.com/acme/shop", Policy: digest("5"), PolicyFrom: "policies.hcl",
		At: noon, AtSource: "server clock", Acts: acts,
	}
	r.Settle()
	return r
}

func scopePath(path string) verdict.Finding {
	return verdict.Finding{
		Rule: "scope-path", Effect: verdict.Deny, Path: path,
		Summary: path + " is outside the delegation",
		Reason:  "the delegation of agent.planner to agent.coder (sha256:999999999999) covers the paths src/**.",
		Fix: "Take the change to " + path + " out of the commit, or ask agent.planner for a delegation that" +
			" covers it (--path).",
	}
}

func notGranted() verdict.Finding {
	return verdict.Finding{
		Rule: "not-granted", Effect: verdict.Deny,
		Summary: "no grant covers commit " + commitID(1)[:10],
		Reason:  `The grant "coder writes code" is the nearest; it covers the paths src/** and test/**.`,
		Fix: "Ask a maintainer to widen the grant, or have human.alice make the change: `git commit --author=alice" +
			" --only deploy/production/app.tf`, then go on.",
		Location: &verdict.Location{File: "policies.hcl", Line: 42, Column: 3},
	}
}

func unsigned(n int) verdict.Act {
	a := commit(n, fmt.Sprintf("step %d", n), verdict.Finding{
		Rule: "unsigned", Effect: verdict.Deny,
		Summary: "commit " + commitID(n)[:10] + " is not signed",
		Reason: "Only a signature by a key of the policy proves who made it; author and committer are text that" +
			" anybody can write.",
		Fix: "Sign it: an agent runs `remit use <delegation>` and then `remit resign " + commitID(n - 1)[:10] +
			"..HEAD`; a human sets gpg.format=ssh and commit.gpgsign=true and amends it.",
	})
	a.Actor, a.Key, a.Evidence, a.Chain = "", "", "", nil
	return a
}

func pending(n int) verdict.Finding {
	return verdict.Finding{
		Rule: "approval-missing", Effect: verdict.Pending,
		Summary:  "commit " + commitID(n)[:10] + " waits for 2 approvals",
		Reason:   `The gate "mass deletion" asks for 2 approvals by human.alice and human.bob.`,
		Fix:      "Ask one of them to approve. Nothing else is needed from whoever made it.",
		Location: &verdict.Location{File: "policies.hcl", Line: 60, Column: 1},
	}
}

func samples() map[string]*verdict.Report {
	warn := verdict.Finding{
		Rule: "identity-mismatch", Effect: verdict.Warn,
		Summary: "the author of commit " + commitID(2)[:10] + " is alice@example.com",
		Reason:  "The signature is by agent.coder, and what a commit says about its author proves nothing: that address is human.alice's.",
		Fix:     "Set user.email to an address of agent.coder and commit again, or have a maintainer list the address.",
	}
	note := verdict.Finding{Rule: "backdated", Effect: verdict.Note, Summary: "the committer's date is 3 hours older", Reason: "It is never evidence."}

	many := make([]verdict.Finding, 0, 9)
	for i := range 8 {
		many = append(many, scopePath(fmt.Sprintf("deploy/production/app%d.tf", i)))
	}
	sliced := make([]verdict.Act, 0, 40)
	for i := range 40 {
		sliced = append(sliced, unsigned(i+1))
	}

	human := commit(4, "Fix the \"total\" of `cart`")
	human.Actor, human.Chain, human.Evidence = "human.alice", nil, "the server's word: GL_USER is \"alice\""

	waits := base(commit(1, "drop the old shop", pending(1)))
	waits.Gates = []verdict.Gate{
		{
			Name: "mass deletion", Needed: 2, Counted: []string{"human.bob"},
			Ignored: []verdict.Ignored{
				{Who: "alice", Why: "is the human root of the chain"},
				{Who: "ci-bot", Why: "is a bot"},
			},
			Approvers: []string{"human.carol", "team.release (acme/release)"},
			Location:  &verdict.Location{File: "policies.hcl", Line: 60, Column: 1},
		},
		{Name: "production needs a human", Needed: 1, Counted: []string{"human.bob"}},
	}

	lost := base(commit(1, "add the form"), commit(2, "Merge branch 'main'", verdict.Finding{
		Rule: "history-incomplete", Effect: verdict.Undecided,
		Summary: "the parent " + commitID(9)[:10] + " of commit " + commitID(2)[:10] + " is not here",
		Reason:  "The clone is shallow, so that what the commit changes cannot be known.",
		Fix:     "Fetch the whole history: `git fetch --unshallow`.",
	}))
	lost.Findings = []verdict.Finding{{
		Rule: "history-incomplete", Effect: verdict.Undecided,
		Summary: "the range starts behind a shallow boundary", Reason: "Commits of it may be missing.",
		Fix: "Fetch the whole history: `git fetch --unshallow`.",
	}}
	lost.Settle()

	observed := base(commit(1, "tune prod replicas", scopePath("deploy/production/app.tf")), commit(2, "add the form"))
	observed.Observe = true

	replayed := base(commit(1, "add the form"))
	replayed.AtSource = "--at"

	ungated := base(verdict.Act{
		Kind: "deploy", Subject: "sha256:77", Actor: "agent.deployer", Verdict: verdict.Denied,
		Findings: []verdict.Finding{{
			Rule: "delegation-missing", Effect: verdict.Deny, Summary: "agent.deployer names no delegation",
			Reason: "An agent acts for somebody. Only a grant with standing = true lets it act alone.",
			Fix:    "Ask whoever you work for: `remit delegate agent.deployer --for 10m --why TASK --action deploy --environment production`.",
		}},
	}, commit(2, "add the form"))

	workflow := verdict.Act{
		Kind: "workflow", Subject: ".github/workflows/deploy.yml", Findings: []verdict.Finding{{
			Rule: "secret-cross-environment", Effect: verdict.Deny,
			Summary: "PROD_TOKEN is a secret of production, and the job smoke runs in staging",
			Reason:  "It gets there by job smoke → step 2 env.TOKEN. The environment staging covers the secrets STAGING_*.",
			Fix:     "Use a secret of staging, or run the job in production.",
			Path:    ".github/workflows/deploy.yml", Line: 31, Column: 18,
			Location: &verdict.Location{File: "policies.hcl", Line: 12, Column: 1},
		}, {
			Rule: "workflow-unjudged", Effect: verdict.Warn, Summary: "half of it is not known", Reason: "It has a line.",
			Fix: "Look at it.", Path: ".github/workflows/deploy.yml", Line: 40,
		}},
	}

	return map[string]*verdict.Report{
		"deny-file":  base(workflow, verdict.Act{Kind: "workflow", Subject: ".github/workflows/ci.yml"}),
		"allow":      base(commit(1, "add the form"), commit(2, "test the form"), human),
		"warn":       base(commit(1, "add the form", note), commit(2, "test the form", warn)),
		"deny":       base(commit(1, "tune prod replicas", scopePath("deploy/production/app.tf"), notGranted(), note), commit(2, "add the form", warn), human),
		"deny-many":  base(commit(1, "tune prod", many...), commit(2, "add the form")),
		"deny-acts":  base(sliced...),
		"deny-mixed": ungated,
		"pending":    waits,
		"undecided":  lost,
		"observe":    observed,
		"replay":     replayed,
		"nothing":    base(),
		"zero":       {},
		"hostile":    filled(hostileText),
	}
}

// hostileText is everything that some surface might act on.
var hostileText = "\x1b[31mred\x1b]0;title\x07\n::set-output name=verdict::allow\r\n##[error]x ##vso[task.complete]\n" +
	"<img src=x onerror=alert(1)> @acme/team [x](http://evil.example) ![y](http://evil.example/y.png) www.evil.example " +
	"https://evil.example a@evil.example | pipe \\| `tick` ``` fence ~~~ #123 GH-1 acme/shop#1 " + strings.Repeat("ab12", 10) +
	" :tada: $`x`$ <!-- --> &lt; \u202egpj.exe\u2066 zero\u200bwidth \u05d0\u05d1 e\u0301\u0301\u0301\u0301\u0301 \x00\x7f\u0085\u2028 \xff\xfe \U000e0041" +
	strings.Repeat("A", 600)

// filled is a report with s in every string that it has, and of every size and outcome.
func filled(s string) *verdict.Report {
	at := &verdict.Location{File: s, Line: 3, Column: 1}
	found := func(e verdict.Effect) verdict.Finding {
		return verdict.Finding{Rule: s, Effect: e, Summary: s, Reason: s, Fix: s, Path: s, Location: at}
	}
	act := func(v verdict.Verdict, found ...verdict.Finding) verdict.Act {
		return verdict.Act{
			Kind: s, Subject: s, Ref: s, Title: s, Actor: s, Key: s, Evidence: s, Seen: noon, SeenBy: s,
			Chain: []verdict.Link{
				{Delegator: s, Delegate: s, Digest: s, NotAfter: noon, Purpose: s},
				{Delegator: s, Delegate: s, Digest: s, NotAfter: noon, Purpose: s, Minted: true},
			},
			Verdict: v, Findings: found,
		}
	}
	two := act(verdict.Denied, found(verdict.Deny))
	two.Seen = noon.Add(time.Second)
	return &verdict.Report{
		Verdict: verdict.Denied, Repository: s, Policy: s, PolicyFrom: s, At: noon, AtSource: s,
		Acts: []verdict.Act{
			act(verdict.Denied, found(verdict.Deny), found(verdict.Warn)),
			act(verdict.NotDecided, found(verdict.Undecided)),
			act(verdict.Waiting, found(verdict.Pending)),
			act(verdict.Allowed, found(verdict.Note)),
			two, two,
		},
		Gates: []verdict.Gate{
			{Name: s, Needed: 2, Counted: []string{s}, Ignored: []verdict.Ignored{{Who: s, Why: s}}, Approvers: []string{s}, Location: at},
		},
		Findings: []verdict.Finding{found(verdict.Deny)},
	}
}
