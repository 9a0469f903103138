package actiontest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	gh "github.com/remit-sh/remit/internal/githubdouble"
)

// TestPush: what a branch got is its pull requests' merges by the forge's record, or else what was
// pushed to it.
func TestPush(t *testing.T) {
	squash := func(r *rig, head string) string {
		return r.commit(commit{parents: []string{r.base}, tree: r.git(slug, "", "rev-parse", head+"^{tree}"), message: "Pay (#1)", forge: true})
	}
	for name, c := range map[string]struct {
		path    string
		merge   func(r *rig, head string) string // nil: with a merge commit
		unsaid  bool                             // the forge has no record
		approve bool
		code    int
		verdict string
		rule    string
	}{
		"a merge":                       {path: "src/cart.go", code: 0, verdict: "allow"},
		"a squash":                      {path: "src/cart.go", merge: squash, code: 0, verdict: "allow"},
		"a squash that nobody recorded": {path: "src/cart.go", merge: squash, unsaid: true, code: 1, verdict: "deny", rule: "unsigned"},
		"a merge with something else in it": {path: "src/cart.go", code: 1, verdict: "deny", rule: "evil-merge", merge: func(r *rig, head string) string {
			return r.commit(commit{parents: []string{r.base, head}, files: map[string]string{"src/cart.go": "package x\n", "src/evil.go": "package x\n"}, message: "Merge pull request #1", forge: true})
		}},
		"the branch itself": {path: "src/cart.go", unsaid: true, code: 1, verdict: "deny", merge: func(_ *rig, head string) string { return head }},
		"a commit of alice's": {path: "src/cart.go", unsaid: true, code: 0, verdict: "allow", merge: func(r *rig, _ string) string {
			return r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"deploy/app.yaml": "x\n"}, message: "By hand"})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, policyWith(`
forbid "agents do not push to main" {
  to       = [agent.coder]
  actions  = ["commit", "push"]
  branches = ["main"]
}`))
			number, head := r.pull(c.path)
			after := ""
			if c.merge != nil {
				after = c.merge(r, head)
			}
			if c.unsaid {
				r.d.Push(slug, main, after, "alice")
			} else {
				r.d.Merge(slug, number, "bob", after)
				after = r.d.Refs(slug)[main]
			}
			got := r.on("push", gh.EventOf{Ref: main, Before: r.base, After: after})
			got.wants(c.code, c.verdict)
			if c.rule != "" && !slices.Contains(got.rules(), c.rule) {
				t.Errorf("rules %v, want %s", got.rules(), c.rule)
			}
			conclusion := map[string]string{"allow": "success", "deny": "failure"}[c.verdict]
			r.checkNamed(after, "remit (push)", conclusion)
		})
	}
}

// TestPushRebased: what a pull request was rebased to is its merge, all of its commits together.
func TestPushRebased(t *testing.T) {
	for _, more := range []bool{false, true} {
		r := newRig(t, policyWith(""))
		chain, head := r.chain(), r.base
		for i := range 3 {
			head = r.commit(commit{by: "agent.coder", chain: chain, parents: []string{head}, files: map[string]string{fmt.Sprintf("src/%d.go", i): "package x\n"}, message: fmt.Sprintf("Part %d", i)})
		}
		r.d.Push(slug, pay, head, "coder")
		number := r.open("agent/pay", head)
		on := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"README": "More.\n"}, message: "Meanwhile"})
		r.d.Push(slug, main, on, "alice")
		tip := on
		for i := range 3 {
			files := map[string]string{fmt.Sprintf("src/%d.go", i): "package x\n"}
			if more && i == 1 {
				files["src/evil.go"] = "package x\n"
			}
			tip = r.commit(commit{parents: []string{tip}, files: files, message: fmt.Sprintf("Part %d", i), forge: true})
		}
		r.d.Merge(slug, number, "bob", tip)
		got := r.on("push", gh.EventOf{Ref: main, Before: on, After: tip})
		if more {
			got.wants(1, "deny")
			continue
		}
		got.wants(0, "allow")
		if len(got.report.Acts) != 1 {
			t.Errorf("%+v", got.report.Acts)
		}
	}
}

// TestPushAndPull: what a push brought is said beside what is said of pull requests, and in the place of none.
func TestPushAndPull(t *testing.T) {
	r := newRig(t, policyWith(""))
	head := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"policies.hcl": "nonsense"}, message: "By alice"})
	head = r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{head}, files: map[string]string{"src/x.go": "package x\n"}, message: "By coder"})
	r.d.Push(slug, pay, head, "coder")
	number := r.open("agent/pay", head)
	r.on("pull_request_target", gh.EventOf{Number: number}).wants(1, "deny")
	r.on("push", gh.EventOf{Ref: pay, After: head}).wants(0, "allow")
	r.check(head, "failure")
	r.checkNamed(head, "remit (push)", "success")
}

func TestPushNothing(t *testing.T) {
	r := newRig(t, policyWith(""))
	next := r.commit(commit{parents: []string{r.base}, files: map[string]string{"src/x.go": "package x\n"}, message: "Unsigned"})
	r.d.Push(slug, "refs/tags/v1", next, "coder")
	r.on("push", gh.EventOf{Ref: "refs/tags/v1", After: next}).wants(0, "allow", "is of no branch")
	r.d.Push(slug, "refs/heads/x", next, "coder")
	r.on("push", gh.EventOf{Ref: "refs/heads/x", After: next}).wants(1, "deny", "unsigned")
	r.d.ForcePush(slug, "refs/heads/x", r.base, "coder")
	r.on("push", gh.EventOf{Ref: "refs/heads/x", Before: next, After: r.base, Forced: true}).wants(3, "undecided", "moved with force")
	r.d.Push(slug, "refs/heads/x", "", "coder")
	r.on("push", gh.EventOf{Ref: "refs/heads/x", Before: r.base}).wants(0, "allow", "was deleted")
	r.on("push", gh.EventOf{Ref: "refs/heads/y", Before: r.base, After: next}).wants(3, "undecided", "log of pushes")
}

// TestMergeGroup: every member of a group is judged again, and what no member explains as a push.
func TestMergeGroup(t *testing.T) {
	queue := func(r *rig, number int, at string) string {
		ref := fmt.Sprintf("refs/heads/gh-readonly-queue/main/pr-%d-%s", number, r.base)
		r.d.Push(slug, ref, at, "alice")
		return ref
	}
	merge := func(r *rig, parent, head string, files map[string]string) string {
		tree := r.git(slug, "", "merge-tree", "--write-tree", parent, head)
		if files != nil {
			scratch := r.commit(commit{tree: tree, message: "x"})
			tree = r.tree(commit{repo: slug, parents: []string{scratch}, files: files})
		}
		return r.commit(commit{parents: []string{parent, head}, tree: tree, message: "Merge pull request", forge: true})
	}
	second := func(r *rig, path string) (int, string) {
		head := r.commit(commit{by: "agent.coder", chain: r.chain(), parents: []string{r.base}, files: map[string]string{path: "package y\n"}, message: "Second"})
		r.d.Push(slug, "refs/heads/agent/second", head, "coder")
		return r.open("agent/second", head), head
	}
	t.Run("all approved", func(t *testing.T) {
		r := newRig(t, policyWith(""))
		one, oneHead := r.pull("src/cart.go")
		two, twoHead := second(r, "src/payments/x.go")
		r.d.Review(slug, two, gh.Review{User: "bob", State: "APPROVED"})
		first := merge(r, r.base, oneHead, nil)
		queue(r, one, first)
		group := merge(r, first, twoHead, nil)
		queue(r, two, group)
		got := r.on("merge_group", gh.EventOf{Number: two, After: group})
		got.wants(0, "allow")
		r.check(group, "success")
		r.on("merge_group", gh.EventOf{Number: one, After: first}).wants(0, "allow")
	})
	t.Run("one not approved", func(t *testing.T) {
		r := newRig(t, policyWith(""))
		one, oneHead := r.pull("src/payments/card.go")
		two, twoHead := second(r, "src/other.go")
		first := merge(r, r.base, oneHead, nil)
		queue(r, one, first)
		group := merge(r, first, twoHead, nil)
		queue(r, two, group)
		r.on("merge_group", gh.EventOf{Number: two, After: group}).wants(4, "pending", "approval-missing")
		r.check(group, "action_required")
	})
	t.Run("no longer as approved", func(t *testing.T) {
		r := newRig(t, policyWith(""))
		one, oneHead := r.pull("src/cart.go")
		group := merge(r, r.base, oneHead, map[string]string{"src/evil.go": "package x\n"})
		queue(r, one, group)
		r.on("merge_group", gh.EventOf{Number: one, After: group}).wants(3, "undecided", "merge of no")
		r.check(group, "failure")
	})
	t.Run("a step of nobody's", func(t *testing.T) {
		r := newRig(t, policyWith(""))
		one, oneHead := r.pull("src/cart.go")
		smuggled := r.commit(commit{parents: []string{r.base}, files: map[string]string{"src/evil.go": "package x\n"}, message: "x"})
		group := merge(r, smuggled, oneHead, nil)
		queue(r, one, group)
		r.on("merge_group", gh.EventOf{Number: one, After: group}).wants(3, "undecided", "merge of no")
		r.check(group, "failure")
	})
	t.Run("squashed", func(t *testing.T) {
		r := newRig(t, policyWith(""))
		one, oneHead := r.pull("src/cart.go")
		group := r.commit(commit{parents: []string{r.base}, tree: r.git(slug, "", "rev-parse", oneHead+"^{tree}"), message: "Pay (#1)", forge: true})
		queue(r, one, group)
		r.on("merge_group", gh.EventOf{Number: one, After: group}).wants(0, "allow")
	})
	t.Run("gone", func(t *testing.T) {
		r := newRig(t, policyWith(""))
		one, oneHead := r.pull("src/cart.go")
		group := merge(r, r.base, oneHead, nil)
		ref := queue(r, one, group)
		event := r.d.Event("merge_group", gh.EventOf{Repository: slug, Number: one, After: group})
		r.d.Push(slug, ref, "", "alice")
		r.run("merge_group", event).wants(3, "undecided", "merge queue")
	})
}

// environmentsOfPush are what workflows and references of a push are held against.
const environmentsOfPush = `
settings {
  secret_references = "deny"
}

environment "staging" {
  secrets = ["STAGING_*"]
}

environment "live" {
  secrets = ["LIVE_*"]
}

grant "coder writes workflows" {
  to       = [agent.coder]
  actions  = ["commit"]
  branches = ["agent/**", "main"]
  paths    = [".github/**"]
}

grant "coder works on staging" {
  to           = [agent.coder]
  actions      = ["secret"]
  environments = ["staging"]
}
`

// TestPushWorkflows: a push that no pull request explains answers for what its workflows newly reach, and for
// names of secrets in what it adds, as it does at a server's hook.
func TestPushWorkflows(t *testing.T) {
	smoke := func(secret string) map[string]string {
		return map[string]string{".github/workflows/smoke.yml": strings.Replace(smokeWorkflow, "SECRET", secret, 1)}
	}
	code := func(secret string) map[string]string {
		return map[string]string{"src/pay.go": "package pay\n\nvar token = os.Getenv(\"" + secret + "\")\n"}
	}
	for name, c := range map[string]struct {
		by, ref string
		files   map[string]string
		code    int
		verdict string
		rules   []string
	}{
		"a workflow to its own":           {"agent.coder", pay, smoke("STAGING_TOKEN"), 4, "pending", []string{"protected-path"}},
		"a workflow to another's":         {"agent.coder", pay, smoke("LIVE_TOKEN"), 1, "deny", []string{"secret-cross-environment", "not-granted", ".github/workflows/smoke.yml:9:28"}},
		"a workflow to nobody's":          {"agent.coder", main, smoke("TOKEN"), 1, "deny", []string{"secret-undeclared"}},
		"a human's workflow":              {"human.alice", main, smoke("STAGING_TOKEN"), 0, "allow", nil},
		"a human's workflow to another's": {"human.alice", main, smoke("LIVE_TOKEN"), 1, "deny", []string{"secret-cross-environment"}},
		"a name of its own":               {"agent.coder", pay, code("STAGING_TOKEN"), 0, "allow", nil},
		"a name of another's":             {"agent.coder", pay, code("LIVE_TOKEN"), 1, "deny", []string{"secret-cross-environment", "src/pay.go"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, policyWith(environmentsOfPush))
			made := commit{by: c.by, parents: []string{r.base}, files: c.files, message: "Pay"}
			who := "alice"
			if c.by == "agent.coder" {
				who, made.chain = "coder", r.chain(func(d *delegation.Delegation) {
					d.Scope.Paths, d.Scope.Environments = dt.Paths("**"), dt.Names("*")
					d.Scope.Actions = append(d.Scope.Actions, "secret")
				})
			}
			head := r.commit(made)
			r.d.Push(slug, c.ref, head, who)
			before := ""
			if c.ref == main {
				before = r.base
			}
			r.on("push", gh.EventOf{Ref: c.ref, Before: before, After: head}).wants(c.code, c.verdict, c.rules...)
		})
	}
}

// TestPushLosesPolicy: a push that leaves the default branch without a policy is said to, after the fact.
func TestPushLosesPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		ref, text string
		code      int
		verdict   string
	}{
		"the default branch": {main, "nonsense", 1, "deny"},
		"a valid one":        {main, policyWith("# more\n"), 0, "allow"},
		"one without people": {main, "repository = \"github.com/acme/shop\"\n", 1, "deny"},
		"another branch":     {"refs/heads/try", "nonsense", 0, "allow"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, policyWith(""))
			head := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"policies.hcl": c.text}, message: "Policy"})
			r.d.Push(slug, c.ref, head, "alice")
			before := ""
			if c.ref == main {
				before = r.base
			}
			got := r.on("push", gh.EventOf{Ref: c.ref, Before: before, After: head})
			if got.wants(c.code, c.verdict); slices.Contains(got.rules(), "policy-lost") != (c.code == 1) {
				t.Errorf("rules %v", got.rules())
			}
		})
	}
}

// TestPushLeavesPolicy: what counts of a push is the policy that it leaves, and not what a step between had; and a
// merge can leave none that is valid although each of two pull requests did.
func TestPushLeavesPolicy(t *testing.T) {
	r := newRig(t, policyWith(""))
	gone := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"policies.hcl": ""}, message: "Gone"})
	back := r.commit(commit{by: "human.alice", parents: []string{gone}, files: map[string]string{"policies.hcl": policyWith("")}, message: "Back"})
	r.d.Push(slug, main, back, "alice")
	r.on("push", gh.EventOf{Ref: main, Before: r.base, After: back}).wants(0, "allow")

	const spare = `agent "spare" {
  delegators = [human.alice]
}`
	r = newRig(t, policyWith(spare))
	uses := strings.Replace(policyWith(spare), "[agent.coder]\n  actions  = [\"commit\"", "[agent.coder, agent.spare]\n  actions  = [\"commit\"", 1)
	pull := func(branch, text string) int {
		head := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"policies.hcl": text}, message: branch})
		r.d.Push(slug, "refs/heads/"+branch, head, "alice")
		return r.d.OpenPull(slug, gh.PullRequest{Title: branch, Author: "alice", HeadRef: branch, HeadSHA: head})
	}
	a, b := pull("a", policyWith("")), pull("b", uses)
	at := r.base
	for n, c := range map[int]int{a: 0, b: 0} {
		r.on("pull_request_target", gh.EventOf{Number: n}).wants(c, "allow")
	}
	merge := func(n int) *result {
		before := at
		r.d.Merge(slug, n, "alice", "")
		at = r.d.Refs(slug)[main]
		return r.on("push", gh.EventOf{Ref: main, Before: before, After: at})
	}
	merge(a).wants(0, "allow") // near
	r.on("pull_request_target", gh.EventOf{Number: b}).wants(1, "deny", "policy-lost")
	merge(b).wants(1, "deny", "policy-lost") // whoever merged it all the same
}

// TestRenamed: a repository that was renamed is the same one where the policy pins its id, and where it names both.
func TestRenamed(t *testing.T) {
	named := func(name string) string { return strings.Replace(policyWith(""), "acme/shop", "acme/"+name, 1) }
	pinned := func(id, text string) string { return "repository_id = " + id + "\n" + text }
	both := strings.Replace(policyWith(""), `repository = "github.com/acme/shop"`, `repositories = ["github.com/acme/shop", "github.com/acme/store"]`, 1)
	for name, c := range map[string]struct {
		before, after string
		code          int
		said          string
	}{
		"before it, by name":          {policyWith(""), named("store"), 1, "repositories = [old name, new name]"},
		"before it, by both":          {policyWith(""), both, 0, ""},
		"before it, by id":            {pinned("4711", policyWith("")), pinned("4711", named("store")), 0, ""},
		"after it, by name":           {named("old"), policyWith(""), 1, "repositories = [old name, new name]"},
		"after it, by both":           {both, policyWith(""), 0, ""},
		"after it, by id":             {pinned("4711", named("old")), policyWith(""), 0, ""},
		"another's id":                {pinned("4712", policyWith("")), policyWith(""), 1, "pins the repository's id"},
		"to another's id":             {policyWith(""), pinned("4712", policyWith("")), 1, "has the id 4711"},
		"near: to its id":             {policyWith(""), pinned("4711", policyWith("")), 0, ""},
		"to another's id by its name": {pinned("4711", policyWith("")), pinned("4712", named("store")), 1, "has the id 4711"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.before)
			head := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"policies.hcl": c.after}, message: "Name"})
			r.d.Push(slug, "refs/heads/name", head, "alice")
			n := r.d.OpenPull(slug, gh.PullRequest{Title: "Name", Author: "alice", HeadRef: "name", HeadSHA: head})
			got := r.on("pull_request_target", gh.EventOf{Number: n})
			got.wants(c.code, map[int]string{0: "allow", 1: "deny"}[c.code])
			if !strings.Contains(strings.Join(strings.Fields(got.summary), " "), c.said) {
				t.Errorf("the summary does not say %q: %s", c.said, got.summary)
			}
		})
	}
}

// TestObserveLost: a policy that only ever observed and was lost locks nobody out: what follows is judged by the
// last one, and a pull request that puts one back is no failure. Where one enforced, nothing is loosened.
func TestObserveLost(t *testing.T) {
	const observe = "settings {\n  mode = \"observe\"\n}\n"
	for name, c := range map[string]struct {
		texts []string // of the policy on main, one commit each
		code  int
		said  string // the verdict
		want  string
	}{
		"taken away":               {[]string{policyWith(observe), ""}, 0, "deny", "Nothing is blocked"},
		"broken":                   {[]string{policyWith(observe), "nonsense"}, 0, "deny", "Nothing is blocked"},
		"valid (near)":             {[]string{policyWith(observe), policyWith(observe + "# more\n")}, 0, "deny", "Nothing is blocked"},
		"taken away, enforced":     {[]string{policyWith(""), ""}, 3, "undecided", "had a policies.hcl and has none now"},
		"broken, enforced":         {[]string{policyWith(""), "nonsense"}, 2, "undecided", "is not valid"},
		"enforced before":          {[]string{policyWith(""), policyWith(observe), ""}, 3, "undecided", "had a policies.hcl and has none now"},
		"enforced as it was lost":  {[]string{policyWith(observe), policyWith(observe) + "retired {}\n", ""}, 0, "deny", "Nothing is blocked"},
		"another release enforced": {[]string{policyWith(observe), policyWith("retired {}\n"), ""}, 3, "undecided", "had a policies.hcl and has none now"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.texts[0])
			at := r.base
			for _, text := range c.texts[1:] {
				before := at
				at = r.commit(commit{parents: []string{before}, files: map[string]string{"policies.hcl": text}, message: "Policy"})
				r.d.Push(slug, main, at, "mallory")
			}
			head := r.commit(commit{parents: []string{at}, files: map[string]string{"policies.hcl": policyWith(observe + "# back\n")}, message: "Back"})
			r.d.Push(slug, "refs/heads/back", head, "mallory")
			number := r.d.OpenPull(slug, gh.PullRequest{Title: "Back", Author: "mallory", HeadRef: "back", HeadSHA: head})
			got := r.on("pull_request_target", gh.EventOf{Number: number})
			got.wants(c.code, c.said, c.want)
			if lost := strings.Contains(got.stdout+got.stderr, "Until a valid policies.hcl is there, the last one counts"); lost != (c.code == 0 && !strings.Contains(name, "near")) {
				t.Errorf("says that it is lost: %t: %s", lost, got.stdout)
			}
			r.d.Push(slug, main, head, "mallory")
			r.on("push", gh.EventOf{Ref: main, Before: at, After: head}).wants(c.code, c.said, c.want)
		})
	}
}

// TestAttackObserveTakeover: while a policy observes nothing is blocked but what takes it over, by a pull request, a merge
// group or a push; and whoever is a human of it does that as ever.
func TestAttackObserveTakeover(t *testing.T) {
	const observe = "settings {\n  mode = \"observe\"\n}\n"
	mallorys := fmt.Sprintf("human \"mallory\" { keys = [%q] }\n", dt.Key("mallory").AuthorizedKey())
	for name, c := range map[string]struct {
		by     string // who signs; "": nobody
		policy string
		code   int
		said   string // the verdict
		want   string
	}{
		"enforces":          {"", policyWith(""), 1, "deny", "though it observes"},
		"enforces, theirs":  {"", "repository = \"github.com/acme/shop\"\n" + mallorys, 1, "deny", "though it observes"},
		"a human more":      {"", policyWith(observe + mallorys), 1, "deny", "though it observes"},
		"not known":         {"", policyWith("retired {}\n"), 1, "deny", "though it observes"},
		"by a human":        {"human.alice", policyWith(""), 0, "allow", ""},
		"more (near)":       {"", policyWith(observe + "# more\n"), 0, "deny", "Nothing is blocked"},
		"taken away (near)": {"", "", 0, "deny", "Nothing is blocked"},
		"broken (near)":     {"", "nonsense", 0, "deny", "Nothing is blocked"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, policyWith(observe))
			head := r.commit(commit{by: c.by, parents: []string{r.base}, files: map[string]string{"policies.hcl": c.policy}, message: "Policy"})
			author := "mallory"
			if c.by != "" {
				author = "alice"
			}
			r.d.Push(slug, "refs/heads/policy", head, author)
			number := r.d.OpenPull(slug, gh.PullRequest{Title: "Policy", Author: author, HeadRef: "policy", HeadSHA: head})
			r.on("pull_request_target", gh.EventOf{Number: number}).wants(c.code, c.said, c.want)
			r.d.Push(slug, main, head, author)
			r.on("push", gh.EventOf{Ref: main, Before: r.base, After: head}).wants(c.code, c.said, c.want)
		})
	}
}
