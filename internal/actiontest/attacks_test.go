package actiontest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	gh "github.com/remit-sh/remit/internal/githubdouble"
)

// attackPolicy adds to the shop's what the attacks are about: gates with other terms below paths of
// their own, people and teams, and an agent between alice and coder.
const attackPolicy = `
settings {
  protected = ["policies.hcl", ".github/**", "hooks/**", "action.yml"]
}

human "carla" {
  github    = "carla"
  github_id = 77
}

agent "planner" {
  delegators = [human.alice]
}

grant "planner plans" {
  to       = [agent.planner]
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", "main"]
  paths    = ["src/**"]
  max_ttl  = "1h"
}

grant "coder keeps the workflows" {
  to       = [agent.coder]
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", "main"]
  paths    = ["policies.hcl", ".github/**", "hooks/**", "action.yml"]
  max_ttl  = "1h"
}

forbid "planner keeps out" {
  to    = [agent.planner]
  paths = ["src/secret/**"]
}

forbid "no sweeping changes" {
  to      = [agent.coder]
  actions = ["pull_request"]
  paths   = ["src/sweep/**"]
  when    = commit.files_changed > 3
}

gate "more than two files" {
  actions   = ["pull_request"]
  paths     = ["src/many/**"]
  approvers = [human.alice, human.bob]
  when      = commit.files_changed > 2
}

gate "carries nothing over" {
  actions    = ["pull_request"]
  paths      = ["src/strict/**"]
  approvers  = [human.alice, human.bob]
  carry_over = "none"
}

gate "a team of one" {
  actions         = ["pull_request"]
  paths           = ["src/own/**"]
  approvers       = [human.alice]
  allow_delegator = true
}

gate "carla" {
  actions   = ["pull_request"]
  paths     = ["src/carla/**"]
  approvers = [human.carla]
}
`

// teamPolicy adds a gate to that, which a team of the forge opens.
const teamPolicy = `
team "release" {
  github = "acme/release"
}

gate "the release team" {
  actions   = ["pull_request"]
  paths     = ["src/release/**"]
  approvers = [team.release]
}
`

// attacked is the shop's policy with more. Planner, too, may have coder work for it.
func attacked(more string) string {
	// The first to have delegators is coder.
	return strings.Replace(policyWith(attackPolicy+more), "delegators = [human.alice]", "delegators = [human.alice, agent.planner]", 1)
}

// people are the accounts that only attacks need.
func people(s *gh.Scenario) {
	s.Users = append(s.Users, &gh.User{ID: 77, Login: "carla"}, &gh.User{ID: 78, Login: "dana"}, &gh.User{ID: 80, Login: "eve"}, &gh.User{ID: 79, Login: "helper[bot]", Type: "Bot"})
	s.Teams = append(s.Teams, &gh.Team{Org: "acme", Slug: "release", Members: []*gh.Member{
		{Login: "dana"}, {Login: "helper[bot]"}, {Login: "remit[bot]"}, {Login: "coder"},
	}})
	for _, who := range []string{"carla", "dana", "helper[bot]", "remit[bot]"} {
		s.Repositories[0].Roles[who] = "write"
	}
}

// newAttackRig is the shop of the attacks, for one test whose subtests share it one after the other.
func newAttackRig(t *testing.T, change ...func(*gh.Scenario)) *rig {
	t.Helper()
	t.Parallel()
	return newRig(t, attacked(""), append(change, people)...)
}

// attack runs a subtest on the rig that it shares with others.
func (r *rig) attack(name string, f func()) {
	parent, ok := r.t.(*testing.T)
	if !ok {
		r.t.Fatal("a benchmark has no attacks")
	}
	parent.Run(name, func(t *testing.T) {
		r.t = t
		defer func() { r.t = parent }()
		f()
	})
}

// topic is a branch with an open pull request.
type topic struct {
	*rig

	chain  delegation.Chain
	ref    string
	head   string
	number int
}

// branch is how a topic begins.
type branch struct {
	author string // of the pull request; "": coder
	pusher string // of the first push; "": coder
	chain  delegation.Chain
	paths  []string // a commit of coder's for each
}

// topic is a branch of coder's with a commit for each path, in an open pull request to main.
func (r *rig) topic(paths ...string) *topic { return r.opened(branch{paths: paths}) }

func (r *rig) opened(b branch) *topic {
	r.t.Helper()
	p := &topic{rig: r, chain: b.chain, head: r.base}
	if p.chain == nil {
		p.chain = r.chain(func(d *delegation.Delegation) { d.Scope.Paths = dt.Paths("**") })
	}
	name := fmt.Sprintf("agent/topic-%d", len(r.d.State().Repositories[0].PullRequests)+1)
	p.ref = "refs/heads/" + name
	for _, path := range b.paths {
		p.head = p.change(path)
	}
	r.d.Push(slug, p.ref, p.head, or(b.pusher, "coder"))
	p.number = r.d.OpenPull(slug, gh.PullRequest{Title: "Topic", Author: or(b.author, "coder"), HeadRef: name, HeadSHA: p.head})
	r.d.Advance(time.Second)
	return p
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// change makes a commit of coder's on top of the branch, which nobody pushed yet. Heads differ by the
// branch's name.
func (p *topic) change(path string) string {
	p.t.Helper()
	text := "package x\n"
	switch {
	case path == "policies.hcl":
		text = policyWith("\n# changed on " + p.ref + "\n")
	case strings.HasPrefix(path, ".github/workflows/"):
		text = "on: push\npermissions: {}\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    steps: [{run: \"true\"}]\n"
	case strings.HasSuffix(path, "/action.yml"), path == "action.yml":
		text = "name: x\ndescription: x\nruns:\n  using: composite\n  steps: [{run: \"true\", shell: bash}]\n"
	}
	return p.commit(commit{by: "agent.coder", chain: p.chain, parents: []string{p.head}, files: map[string]string{path: text}, message: "Change " + path + " on " + p.ref})
}

func (p *topic) push(head, by string) {
	p.t.Helper()
	p.head = head
	p.d.Push(slug, p.ref, head, by)
	p.d.Advance(time.Second)
}

func (p *topic) review(by, state string) int64 {
	p.t.Helper()
	id := p.d.Review(slug, p.number, gh.Review{User: by, State: state})
	p.d.Advance(time.Second)
	return id
}

// judged runs the check and fails the test unless it comes to the verdict by exactly these rules, and
// the check run says so.
// goesTo is the branch that a topic's pull request goes to now.
func (p *topic) goesTo() string {
	p.t.Helper()
	for _, pr := range p.d.State().Repositories[0].PullRequests {
		if pr.Number == p.number {
			return pr.BaseRef
		}
	}
	p.t.Fatalf("there is no pull request %d", p.number)
	return ""
}

func (p *topic) judged(verdict string, rules ...string) *result {
	p.t.Helper()
	got := p.on("pull_request_target", gh.EventOf{Number: p.number})
	got.is(verdict, rules...)
	p.checkNamed(p.head, checkName(p.goesTo()), conclusions[verdict])
	return got
}

// codes and conclusions are what stands for a verdict where something is blocked.
var (
	codes       = map[string]int{"allow": 0, "deny": 1, "undecided": 3, "pending": 4}
	conclusions = map[string]string{"allow": "success", "deny": "failure", "undecided": "failure", "pending": "action_required"}
)

// is fails the test unless the run came to a verdict, and in its report exactly these rules speak.
func (r *result) is(verdict string, rules ...string) {
	r.t.Helper()
	slices.Sort(rules)
	if r.code != codes[verdict] || r.outputs["verdict"] != verdict || r.report.Verdict != verdict || !slices.Equal(r.rules(), rules) {
		r.t.Errorf("exit %d, verdict %q, report %q, rules %v, want %s by %v\n%s%s", r.code, r.outputs["verdict"], r.report.Verdict, r.rules(), verdict, rules, r.stdout, r.stderr)
	}
	if commit := r.outputs["commit"]; verdict != "allow" && commit != "" {
		r.t.Errorf("the run gives the commit %s out", commit)
	}
}

const (
	missing    = "approval-missing"
	stale      = "approval-stale"
	ineligible = "approval-ineligible"
)

// TestAttackApprovals: whoever wants a change approves it themselves, or has something else approved.
func TestAttackApprovals(t *testing.T) {
	r := newAttackRig(t)
	const card = "src/payments/card.go"
	near := func(name string, f func() *topic) { r.attack("near: "+name, func() { f().judged("allow") }) }
	waits := func(name, rule string, f func() *topic) {
		r.attack(name, func() {
			rules := []string{missing}
			if rule != "" {
				rules = append(rules, rule)
			}
			f().judged("pending", rules...)
		})
	}
	by := func(who, path string) func() *topic {
		return func() *topic {
			p := r.topic(path)
			p.review(who, "APPROVED")
			return p
		}
	}

	waits("nobody approved", "", func() *topic { return r.topic(card) })
	near("bob approved", by("bob", card))
	waits("approved, then pushed", stale, func() *topic {
		p := by("bob", card)()
		p.push(p.change("src/cart.go"), "coder")
		return p
	})
	waits("a review of the old head, submitted after the push", stale, func() *topic {
		p := r.topic(card)
		old := p.head
		p.push(p.change("src/cart.go"), "coder")
		r.d.Review(slug, p.number, gh.Review{User: "bob", State: "APPROVED", CommitID: old})
		return p
	})
	near("a review of the new head", func() *topic {
		p := by("bob", card)()
		p.push(p.change("src/cart.go"), "coder")
		p.review("bob", "APPROVED")
		return p
	})
	r.attack("approved, changes requested, dismissed", func() {
		p := by("bob", card)()
		no := p.review("bob", "CHANGES_REQUESTED")
		p.judged("deny", missing, "changes-requested")
		r.d.Dismiss(slug, p.number, no, "bob", "Never mind.")
		p.judged("pending", missing, stale)
		p.review("bob", "APPROVED")
		p.judged("allow")
	})
	near("changes requested by somebody who may not approve", func() *topic {
		p := by("bob", card)()
		p.review("mallory", "CHANGES_REQUESTED")
		return p
	})
	near("a comment after the approval", func() *topic {
		p := by("bob", card)()
		p.review("bob", "COMMENTED")
		return p
	})

	waits("by whoever opened it", ineligible, func() *topic {
		p := r.opened(branch{author: "bob", paths: []string{card}})
		p.review("bob", "APPROVED")
		return p
	})
	waits("by an earlier pusher", ineligible, func() *topic {
		p := r.opened(branch{pusher: "bob", paths: []string{card}})
		p.push(p.change("src/cart.go"), "coder")
		p.review("bob", "APPROVED")
		return p
	})
	waits("by whoever pushed and pushed away again", ineligible, func() *topic {
		p := r.topic(card)
		head := p.head
		p.push(p.change("src/cart.go"), "bob")
		p.head = head
		r.d.ForcePush(slug, p.ref, head, "coder")
		p.review("bob", "APPROVED")
		return p
	})
	waits("by a signer below the second parent", ineligible, func() *topic {
		p := r.topic(card)
		side := r.commit(commit{by: "human.bob", parents: []string{r.base}, files: map[string]string{"src/side.go": "package x\n"}, message: "Aside"})
		tree := r.git(slug, "", "merge-tree", "--write-tree", p.head, side)
		p.push(r.commit(commit{by: "agent.coder", chain: p.chain, parents: []string{p.head, side}, tree: tree, message: "Merge"}), "coder")
		p.review("bob", "APPROVED")
		return p
	})
	near("the author line names bob", func() *topic {
		p := r.topic(card)
		p.push(r.commit(commit{by: "agent.coder", name: "bob", chain: p.chain, parents: []string{p.head}, files: map[string]string{"src/x.go": "package x\n"}, message: "By bob"}), "coder")
		p.review("bob", "APPROVED")
		return p
	})
	waits("by the human who delegated", ineligible, by("alice", card))
	near("by the human who delegated, where the gate lets them", by("alice", "src/own/x.go"))
	waits("by the human at the root of a longer chain", ineligible, func() *topic {
		p := r.opened(branch{chain: r.longChain(dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder"}), paths: []string{card}})
		p.review("alice", "APPROVED")
		return p
	})

	waits("without the role", ineligible, func() *topic {
		r.d.SetRole(slug, "bob", "triage")
		r.t.Cleanup(func() { r.d.SetRole(slug, "bob", "write") })
		return by("bob", card)()
	})
	waits("the role was taken away after the approval", ineligible, func() *topic {
		p := by("bob", card)()
		r.d.SetRole(slug, "bob", "read")
		r.t.Cleanup(func() { r.d.SetRole(slug, "bob", "write") })
		return p
	})
	waits("a role of the organisation's own that only reads", ineligible, func() *topic {
		r.d.SetRole(slug, "bob", "read/admin-in-chief")
		r.t.Cleanup(func() { r.d.SetRole(slug, "bob", "write") })
		return by("bob", card)()
	})
	near("a role of the organisation's own that writes", func() *topic {
		r.d.SetRole(slug, "bob", "write/reader")
		r.t.Cleanup(func() { r.d.SetRole(slug, "bob", "write") })
		return by("bob", card)()
	})
	r.attack("a name that changed hands", func() {
		r.d.Rename("carla", "carla-w")
		r.d.Rename("eve", "carla")
		r.d.SetRole(slug, "carla", "admin")
		defer func() {
			r.d.SetRole(slug, "carla", "")
			r.d.Rename("carla", "eve")
			r.d.Rename("carla-w", "carla")
		}()
		p := by("carla", "src/carla/x.go")()
		p.judged("pending", missing, ineligible)
		p.review("carla-w", "APPROVED") // the id is what counts
		p.judged("allow")
	})

	waits("a comment that approves, and one that was edited to", "", func() *topic {
		p := r.topic(card)
		r.d.Comment(slug, p.number, "bob", ":+1: approved")
		r.d.Comment(slug, p.number, "bob", "I would not merge this.")
		r.d.Change(func(s *gh.Scenario) {
			pulls := s.Repositories[0].PullRequests
			timeline := pulls[len(pulls)-1].Timeline
			timeline[len(timeline)-1].Body = "APPROVED /approve :+1:"
		})
		r.d.Review(slug, p.number, gh.Review{User: "bob", State: "COMMENTED", Body: "APPROVED"})
		return p
	})
	r.attack("another base, and the old one again", func() {
		p := by("bob", card)()
		r.d.Push(slug, "refs/heads/aside", r.base, "alice")
		r.d.Retarget(slug, p.number, "aside", "coder")
		r.d.Advance(time.Second)
		r.d.Retarget(slug, p.number, "main", "coder")
		r.d.Advance(time.Second)
		p.judged("pending", missing, stale)
		p.review("bob", "APPROVED")
		p.judged("allow")
	})
	r.attack("two pull requests share a head, and one is approved", func() {
		p := by("bob", card)()
		p.judged("allow")
		r.d.Push(slug, "refs/heads/release", r.base, "alice")
		twin := &topic{rig: r, ref: p.ref, head: p.head}
		twin.number = r.d.OpenPull(slug, gh.PullRequest{Title: "Twin", Author: "coder", HeadRef: p.ref[len("refs/heads/"):], HeadSHA: p.head, BaseRef: "release"})
		r.d.Advance(time.Second)
		for range 2 {
			twin.judged("pending", missing)
			p.judged("allow")
		}
		twin.review("bob", "APPROVED")
		for _, either := range []*topic{p, twin} {
			either.judged("allow")
		}
	})
}

// TestAttackTeam: of a team that may approve, people may.
func TestAttackTeam(t *testing.T) {
	t.Parallel()
	r := newRig(t, attacked(teamPolicy), people)
	r.inputs = []string{"INPUT_TOKEN=ghs_app", "INPUT_APP-ID=77"} // no workflow's own token can read teams
	for who, rule := range map[string]string{
		"helper[bot]":         ineligible, // a bot in the team
		"remit[bot]":          ineligible, // an App in it
		"github-actions[bot]": ineligible, // the workflow's own token
		"coder":               ineligible, // the agent's account, which is in it
		"bob":                 ineligible, // a human outside of it
		"dana":                "",         // near: a member
	} {
		r.attack(who, func() {
			p := r.topic("src/release/x.go")
			p.review(who, "APPROVED")
			if rule == "" {
				p.judged("allow")
				return
			}
			p.judged("pending", missing, rule)
		})
	}
	r.attack("with a token that cannot read the team", func() {
		r.inputs = nil
		p := r.topic("src/release/x.go")
		p.review("dana", "APPROVED")
		p.judged("undecided", missing, "history-incomplete")
	})
	r.attack("near: with such a token, at no gate of the team", func() {
		r.inputs = nil
		p := r.topic("src/cart.go")
		p.review("dana", "APPROVED")
		p.judged("allow")
	})
}

// longChain is a chain from alice, for an hour and for everything below src/.
func (r *rig) longChain(steps ...dt.Step) delegation.Chain {
	r.t.Helper()
	for i := range steps {
		change := steps[i].Change
		steps[i].Change = func(d *delegation.Delegation) {
			d.Scope.Branches = dt.Refs("agent/**", "main")
			d.NotAfter = d.NotBefore.Add(time.Hour)
			if change != nil {
				change(d)
			}
		}
	}
	c := dt.MakeChain(r.t, "human.alice", steps...)
	r.publish(slug, c)
	return c
}

// TestAttackBaseMergedIn: what an approval survives is the base, merged in as git does it.
func TestAttackBaseMergedIn(t *testing.T) {
	r := newAttackRig(t)
	moved := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"README": "More.\n"}, message: "Meanwhile"})
	r.d.Push(slug, main, moved, "alice")
	other := r.commit(commit{by: "human.alice", parents: []string{r.base}, files: map[string]string{"src/side.go": "package x\n"}, message: "Aside"})
	for name, c := range map[string]struct {
		path    string // "": of payments
		merged  string // "": where main is
		edit    string // what is changed on the way
		plain   bool   // not signed by the forge, and says all the same that it made it
		own     bool   // by coder, with its own signature
		verdict string
		rules   []string
	}{
		"near: as the forge does":               {verdict: "allow"},
		"near: as coder does":                   {own: true, verdict: "allow"},
		"by coder, with a hidden edit":          {own: true, edit: "src/payments/card.go", verdict: "pending", rules: []string{missing, stale}},
		"by the forge, with a hidden edit":      {edit: "src/payments/card.go", verdict: "deny", rules: []string{"unsigned", missing, stale}},
		"claims noreply@github.com":             {plain: true, verdict: "deny", rules: []string{"unsigned"}},
		"of another branch than the base":       {own: true, merged: other, verdict: "pending", rules: []string{missing, stale}},
		"where the gate carries nothing over":   {own: true, path: "src/strict/x.go", verdict: "pending", rules: []string{missing, stale}},
		"the forge's, carrying nothing over":    {path: "src/strict/x.go", verdict: "pending", rules: []string{missing, stale}},
		"outside of the scope, while it merges": {own: true, edit: "deploy/x", verdict: "deny", rules: []string{"not-granted", missing, stale}},
	} {
		r.attack(name, func() {
			p := r.topic(or(c.path, "src/payments/card.go"))
			p.review("bob", "APPROVED")
			from := or(c.merged, moved)
			tree := r.git(slug, "", "merge-tree", "--write-tree", p.head, from)
			if c.edit != "" {
				scratch := r.commit(commit{tree: tree, message: "x"})
				tree = r.tree(commit{repo: slug, parents: []string{scratch}, files: map[string]string{c.edit: "package evil\n"}})
			}
			made := commit{parents: []string{p.head, from}, tree: tree, message: "Merge branch 'main' into " + p.ref, forge: true, pgp: !c.plain}
			if c.own {
				made.by, made.chain, made.forge, made.pgp = "agent.coder", p.chain, false, false
			}
			p.push(r.commit(made), "coder")
			p.judged(c.verdict, c.rules...)
		})
	}
}

// TestAttackProtected: a pull request is judged by its base's policy, whatever it brings, and what the
// policy and the workflows are made of waits for a human.
func TestAttackProtected(t *testing.T) {
	r := newAttackRig(t)
	for _, path := range []string{"policies.hcl", ".github/workflows/remit.yml", "action.yml", "hooks/pre-receive", ".github/actions/gate/action.yml"} {
		r.attack(path, func() {
			p := r.topic(path)
			p.judged("pending", "protected-path")
			p.review("alice", "APPROVED")
			p.judged("pending", "protected-path", ineligible)
			p.review("bob", "APPROVED")
			p.judged("allow")
		})
	}
	for name, text := range map[string]string{"nonsense": "nonsense", "another repository's": strings.Replace(policyWith(""), "acme/shop", "acme/other", 1), "nobody's to change": "repository = \"github.com/acme/shop\"\n"} {
		r.attack("a policy that is "+name+", and approved", func() {
			p := r.topic("src/cart.go")
			p.push(r.commit(commit{by: "agent.coder", chain: p.chain, parents: []string{p.head}, files: map[string]string{"policies.hcl": text}, message: "Break it"}), "coder")
			p.review("bob", "APPROVED")
			p.judged("deny", "policy-lost", "not-granted")
		})
	}
	r.attack("a policy that would allow what comes with it", func() {
		p := r.topic("src/cart.go")
		lax := policyWith("\ngrant \"all\" {\n  to = [agent.coder]\n  actions = [\"commit\", \"pull_request\"]\n  branches = [\"**\"]\n  paths = [\"**\"]\n}\n")
		p.push(r.commit(commit{by: "agent.coder", chain: p.chain, parents: []string{p.head}, files: map[string]string{"policies.hcl": lax}, message: "Loosen"}), "coder")
		p.push(p.change("deploy/app.yaml"), "coder")
		p.review("bob", "APPROVED")
		p.judged("deny", "not-granted")
	})
}

// TestAttackPermissiveBase: a second pull request with the same head, onto a branch that asks for
// nothing, makes no better verdict.
func TestAttackPermissiveBase(t *testing.T) {
	r := newAttackRig(t)
	lax := policyWith("\ngrant \"all\" {\n  to = [agent.coder]\n  actions = [\"commit\", \"pull_request\"]\n  branches = [\"**\"]\n  paths = [\"**\"]\n}\n")
	for name, files := range map[string]map[string]string{
		"no policy": {"README": "Nothing.\n"}, "a lax policy": {"policies.hcl": lax}, "no policy that can be read": {"policies.hcl": "nonsense"},
	} {
		r.attack("orphan with "+name, func() {
			p := r.topic("deploy/app.yaml")
			orphan := r.commit(commit{by: "agent.coder", files: files, message: "Orphan " + p.ref})
			base := fmt.Sprintf("agent/lax-%d", p.number)
			r.d.Push(slug, "refs/heads/"+base, r.base, "coder") // GitHub opens none onto another history
			twin := &topic{rig: r, ref: p.ref, head: p.head}
			twin.number = r.d.OpenPull(slug, gh.PullRequest{Title: "Twin", Author: "coder", HeadRef: p.ref[len("refs/heads/"):], HeadSHA: p.head, BaseRef: base})
			r.d.ForcePush(slug, "refs/heads/"+base, orphan, "coder")
			for _, either := range []*topic{twin, p, twin} {
				got := either.on("pull_request_target", gh.EventOf{Number: either.number})
				if got.wants(1, "deny"); !slices.Contains(got.rules(), "not-granted") {
					t.Errorf("rules %v", got.rules())
				}
				r.wantsGreen("judged for either base", p.head, "")
			}
			r.check(p.head, "failure")
			r.d.SetState(slug, p.number, "closed", "coder") // now only the one onto the orphan is there
			if got := twin.on("pull_request_target", gh.EventOf{Number: twin.number}); got.outputs["verdict"] != "deny" {
				t.Errorf("verdict %s", got.outputs["verdict"])
			}
			r.wantsGreen("only the one onto the orphan is left", p.head, "")
		})
	}
	r.attack("near: the same with what is allowed anyhow", func() {
		p := r.topic("src/cart.go")
		r.d.Push(slug, "refs/heads/agent/harmless", r.base, "coder")
		r.d.OpenPull(slug, gh.PullRequest{Title: "Twin", Author: "coder", HeadRef: p.ref[len("refs/heads/"):], HeadSHA: p.head, BaseRef: "agent/harmless"})
		p.judged("allow")
	})
}

// TestAttackWebEdit: what the forge signed "by alice" is signed by nobody.
func TestAttackWebEdit(t *testing.T) {
	t.Parallel()
	for settings, accepts := range map[string]bool{"": false, "settings { unsigned = \"pusher\" }\n": true} {
		r := newRig(t, policyWith(settings), people)
		pull := func(repo, author, pusher string) *topic {
			edit := r.commit(commit{repo: repo, parents: []string{r.base}, files: map[string]string{"src/web.go": "package web\n"}, message: "Edit " + repo + pusher, name: "alice", forge: true, pgp: true})
			name := "web-" + pusher
			r.d.Push(repo, "refs/heads/"+name, edit, pusher)
			p := &topic{rig: r, head: edit, ref: "refs/heads/" + name}
			open := gh.PullRequest{Title: "Edit", Author: author, HeadRef: name, HeadSHA: edit}
			if repo != slug {
				open.HeadRepo = repo
			}
			p.number = r.d.OpenPull(slug, open)
			r.d.Advance(time.Second)
			return p
		}
		r.attack(fmt.Sprintf("by alice's token, taken %v", accepts), func() {
			if p := pull(slug, "alice", "alice"); accepts {
				p.judged("allow")
			} else {
				p.judged("deny", "unsigned")
			}
		})
		r.attack(fmt.Sprintf("imported by coder, taken %v", accepts), func() {
			pull(slug, "alice", "coder").judged("deny", "unsigned")
		})
		r.attack(fmt.Sprintf("imported from a fork, taken %v", accepts), func() {
			pull("mallory/shop", "alice", "mallory").judged("deny", "unsigned")
		})
	}
}

// TestAttackAbandoned: a pull request answers as a whole, for what a human left lying too.
func TestAttackAbandoned(t *testing.T) {
	r := newAttackRig(t)
	loose := r.commit(commit{by: "human.bob", parents: []string{r.base}, files: map[string]string{"policies.hcl": policyWith(""), "deploy/x": "x\n"}, message: "Loosen the policy"})
	r.d.Push(slug, "refs/heads/loosen", loose, "bob")
	r.d.Advance(time.Hour / 2)
	r.attack("with a commit of its own", func() {
		p := r.topic()
		p.head = loose
		p.push(p.change("src/cart.go"), "coder")
		p.judged("deny", "not-granted", "protected-path")
	})
	r.attack("with a signed statement only", func() {
		p := r.topic("src/cart.go")
		claim := dt.NewPullRequest("agent.coder")
		claim.HeadRef, claim.Head, claim.Delegation, claim.At = "refs/heads/loosen", loose, p.chain.Digest(), r.d.Now()
		body, err := delegation.AddToBody("", dt.SignStatement(r.t, claim))
		if err != nil {
			r.t.Fatal(err)
		}
		p.head = loose
		p.number = r.d.OpenPull(slug, gh.PullRequest{Title: "Loosen", Author: "coder", HeadRef: "loosen", HeadSHA: loose, Body: body})
		p.judged("deny", "not-granted", "protected-path")
		r.d.SetState(slug, p.number, "closed", "coder")
	})
	r.attack("opened by an account that is nobody's", func() {
		p := &topic{rig: r, head: loose}
		p.number = r.d.OpenPull(slug, gh.PullRequest{Title: "Loosen", Author: "coder", HeadRef: "loosen", HeadSHA: loose})
		p.judged("deny", "forge-unattributed")
		r.d.SetState(slug, p.number, "closed", "coder")
	})
	r.attack("near: a human opens it", func() {
		p := &topic{rig: r, head: loose}
		p.number = r.d.OpenPull(slug, gh.PullRequest{Title: "Loosen", Author: "alice", HeadRef: "loosen", HeadSHA: loose})
		p.judged("allow")
	})
}

// TestAttackSliced: a threshold counts what all commits do together.
func TestAttackSliced(t *testing.T) {
	r := newAttackRig(t)
	r.attack("three commits of a file each at a gate", func() { r.topic("src/many/a", "src/many/b", "src/many/c").judged("pending", missing) })
	r.attack("near: two", func() { r.topic("src/many/a", "src/many/b").judged("allow") })
	r.attack("four at a forbid", func() {
		r.topic("src/sweep/a", "src/sweep/b", "src/sweep/c", "src/sweep/d").judged("deny", "forbidden")
	})
	r.attack("near: three", func() { r.topic("src/sweep/a", "src/sweep/b", "src/sweep/c").judged("allow") })
	r.attack("undone again, so that what is left shows less", func() {
		p := r.topic("src/many/a", "src/many/b", "src/many/c")
		p.push(r.commit(commit{by: "agent.coder", chain: p.chain, parents: []string{p.head}, files: map[string]string{"src/many/c": ""}, message: "Undo"}), "coder")
		p.judged("pending", missing)
	})
}

// TestAttackMinted: what planner may not do it may not have another agent do, whose key it keeps.
func TestAttackMinted(t *testing.T) {
	r := newAttackRig(t)
	r.attack("planner mints coder", func() {
		p := r.opened(branch{chain: r.longChain(dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder"}), paths: []string{"src/secret/x.go"}})
		p.judged("deny", "forbidden").wants(1, "deny", "agent.planner")
	})
	r.attack("with its own key", func() {
		p := r.topic()
		same := r.longChain(dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder", Change: func(d *delegation.Delegation) { d.Delegate.Key = dt.Key("agent.planner") }})
		p.push(r.commit(commit{by: "agent.planner", chain: same, parents: []string{p.head}, files: map[string]string{"src/secret/x.go": "package x\n"}, message: "By planner as coder"}), "coder")
		p.judged("deny", "forbidden", "delegation-malformed")
	})
	r.attack("near: somewhere else", func() {
		r.opened(branch{chain: r.longChain(dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder"}), paths: []string{"src/x.go"}}).judged("allow")
	})
	r.attack("near: from alice herself", func() { r.topic("src/secret/x.go").judged("allow") })
}
