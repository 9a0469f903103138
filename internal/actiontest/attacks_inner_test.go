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
	"github.com/remit-sh/remit/names"
)

// inner is a pull request that is merged into the branch of another.
type inner struct {
	opened, pushed string // by whom; "": by coder
	root           string // on whose authority coder made it; "": alice's
	how            string // merge, squash, rebase, or forward: its head is pushed to the branch
	byHand         bool   // the merge holds something that nobody made in it
	signed         bool   // alice made the merge, and signed it
	mergedBy       string // "": alice
}

// mergeOfInner is what a branch at a commit gets when a head is merged into it.
func (r *rig) mergeOfInner(w inner, onto, head string, number int) string {
	r.t.Helper()
	tree := r.git(slug, "", "merge-tree", "--write-tree", onto, head)
	c := commit{parents: []string{onto, head}, tree: tree, message: fmt.Sprintf("Merge pull request #%d", number), forge: true, pgp: true}
	switch w.how {
	case "squash":
		c.parents = c.parents[:1]
	case "rebase":
		first := c
		first.parents, first.tree, first.message = first.parents[:1], r.git(slug, "", "rev-parse", onto+"^{tree}"), "Nothing yet"
		c.parents = []string{r.commit(first)}
	case "forward":
		return head
	}
	if w.byHand {
		c.tree, c.files = "", map[string]string{"src/byhand.go": "package byhand\n"}
		for _, path := range strings.Fields(r.git(slug, "", "diff-tree", "-r", "--name-only", onto, tree)) {
			c.files[path] = r.git(slug, "", "cat-file", "blob", tree+":"+path) + "\n"
		}
	}
	if w.signed {
		c.forge, c.pgp, c.by = false, false, "human.alice"
	}
	return r.commit(c)
}

// mergedInto makes a pull request, below another one's branch, and merges it there.
func (r *rig) mergedInto(branch string, w inner, below func(branch string)) {
	r.t.Helper()
	or := func(who, other string) string {
		if who == "" {
			return other
		}
		return who
	}
	name := branch + "-in"
	root := names.Principal(or(w.root, "human.alice"))
	chain := dt.MakeChain(r.t, root, dt.Step{To: "agent.coder", Change: func(d *delegation.Delegation) {
		d.Scope.Branches = dt.Refs("agent/**", "main", "release")
		d.NotBefore = r.d.Now().Truncate(time.Second).Add(-time.Minute)
		d.NotAfter = d.NotBefore.Add(time.Hour)
	}})
	r.publish(slug, chain)
	onto := r.d.Refs(slug)["refs/heads/"+branch]
	r.d.Push(slug, "refs/heads/"+name, onto, or(w.pushed, "coder"))
	if below != nil {
		below(name)
	}
	head := r.commit(commit{by: "agent.coder", chain: chain, parents: []string{r.d.Refs(slug)["refs/heads/"+name]}, files: map[string]string{"src/" + strings.ReplaceAll(name, "/", "_") + ".go": "package x\n"}, message: "In " + name})
	r.d.Push(slug, "refs/heads/"+name, head, or(w.pushed, "coder"))
	n := r.d.OpenPull(slug, gh.PullRequest{Title: "Inner", Author: or(w.opened, "coder"), HeadRef: name, HeadSHA: head, BaseRef: branch})
	r.d.Advance(time.Second)
	r.d.Merge(slug, n, or(w.mergedBy, "alice"), r.mergeOfInner(w, onto, head, n))
	r.d.Advance(time.Second)
}

// TestAttackInnerParts: who had a part in a pull request that was merged into another one's branch has a part in that,
// and in its deploy.
func TestAttackInnerParts(t *testing.T) {
	t.Parallel()
	bobToo := strings.Replace(policyWith(mainGate), "delegators = [human.alice]", "delegators = [human.alice, human.bob]", 1)
	for _, how := range []string{"merge", "squash", "rebase", "forward"} {
		for name, c := range map[string]struct {
			in    inner
			below *inner
			part  bool
		}{
			"bob opened it":                            {in: inner{opened: "bob"}, part: true},
			"bob pushed it":                            {in: inner{pushed: "bob"}, part: true},
			"it was made on bob's authority":           {in: inner{root: "human.bob"}, part: true},
			"bob opened one that was merged into it":   {below: &inner{opened: "bob", how: how}, part: true},
			"near: bob took no part":                   {},
			"near: bob merged it":                      {in: inner{mergedBy: "bob"}, part: how != "merge"}, // which brings what he may have chosen
			"near: bob opened one that was not merged": {},
		} {
			if (how == "rebase" || how == "forward") && strings.HasPrefix(name, "near: bob ") && name != "near: bob took no part" {
				continue // as when it is squashed
			}
			t.Run(how+", "+name, func(t *testing.T) {
				r := newDeployRigOf(t, bobToo)
				r.d.Push(slug, "refs/heads/agent/feature", r.tip, "coder")
				r.d.Advance(time.Second)
				c.in.how = how
				r.mergedInto("agent/feature", c.in, func(branch string) {
					if c.below != nil {
						r.mergedInto(branch, *c.below, nil)
					}
				})
				if strings.HasSuffix(name, "not merged") {
					head := r.commit(commit{by: "agent.coder", chain: r.rig.chain(), parents: []string{r.tip}, files: map[string]string{"src/not.go": "package x\n"}, message: "Not"})
					r.d.Push(slug, "refs/heads/agent/not", head, "bob")
					n := r.d.OpenPull(slug, gh.PullRequest{Title: "Not", Author: "bob", HeadRef: "agent/not", HeadSHA: head, BaseRef: "agent/feature"})
					r.d.SetState(slug, n, "closed", "bob")
				}
				head := r.d.Refs(slug)["refs/heads/agent/feature"]
				n := r.open("agent/feature", head)
				r.d.Review(slug, n, gh.Review{User: "bob", State: "APPROVED"})
				r.d.Advance(time.Second)
				if got := r.on("pull_request_target", gh.EventOf{Number: n}); how == "merge" || how == "forward" { // else nobody signed it
					if c.part {
						got.wants(4, "pending")
					} else {
						got.wants(0, "allow")
					}
				}
				r.d.Merge(slug, n, "alice", "")
				r.tip = r.d.Refs(slug)[main]
				q := r.request(r.tip)
				got := r.deploy(q.Text())
				if !c.part {
					got.wants(0, "allow")
					return
				}
				if got.wants(4, "pending"); !slices.Contains(got.rules(), ineligible) {
					t.Errorf("rules %v", got.rules())
				}
				r.deploy(q.Text(), r.approvalBy("human.bob", q)).wants(4, "pending")
			})
		}
	}
}

// TestAttackInnerMerge: a merge that GitHub made inside a pull request is judged by its record and by merging again,
// as that of the pull request itself is.
func TestAttackInnerMerge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in     inner
		check  string // what the pull request's check says
		deploy string
	}{
		"near: as merging again gives it":       {inner{how: "merge"}, "allow", "allow"},
		"something more in it":                  {inner{how: "merge", byHand: true}, "deny", "pending"},
		"near: something more, alice's, signed": {inner{how: "merge", byHand: true, signed: true}, "allow", "allow"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newDeployRigOf(t, policyWith(mainGate))
			r.d.Push(slug, "refs/heads/agent/feature", r.tip, "coder")
			r.d.Advance(time.Second)
			r.mergedInto("agent/feature", c.in, nil)
			more := r.commit(commit{by: "agent.coder", chain: r.rig.chain(), parents: []string{r.d.Refs(slug)["refs/heads/agent/feature"]}, files: map[string]string{"src/more.go": "package x\n"}, message: "More"})
			r.d.Push(slug, "refs/heads/agent/feature", more, "coder")
			n := r.open("agent/feature", more)
			r.d.Review(slug, n, gh.Review{User: "bob", State: "APPROVED"})
			r.d.Advance(time.Second)
			if got := r.on("pull_request_target", gh.EventOf{Number: n}); got.outputs["verdict"] != c.check {
				t.Errorf("the check says %q: %v\n%s", got.outputs["verdict"], got.rules(), got.stdout)
			}
			r.d.Merge(slug, n, "alice", "")
			r.tip = r.d.Refs(slug)[main]
			q := r.request(r.tip)
			got := r.deploy(q.Text())
			if got.outputs["verdict"] != c.deploy {
				t.Errorf("the gate says %q: %v\n%s", got.outputs["verdict"], got.rules(), got.stdout)
			}
			if c.deploy != "allow" {
				got.wants(4, "pending", "is not what merging it again gives", "human.bob")
				r.deploy(q.Text(), r.approvalBy("human.bob", q)).wants(0, "allow")
			}
		})
	}
}
