package invariant

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// door is one way by which remit is asked about the same commits.
type door struct {
	name    string
	verdict string
	rules   []string
	text    string
}

// findingLine is a line of a report that names a rule.
var findingLine = regexp.MustCompile(`(?m)^[ │]*[^\sa-z│] ([a-z]+(?:-[a-z]+)+|forbidden|unsigned|backdated)[:,] `)

func newDoor(name string, e ended) door {
	d := door{name: name, text: e.stdout + e.stderr}
	for _, m := range findingLine.FindAllStringSubmatch(d.text, -1) {
		if !slices.Contains(d.rules, m[1]) {
			d.rules = append(d.rules, m[1])
		}
	}
	slices.Sort(d.rules)
	switch {
	case strings.Contains(d.text, "remit: denied"):
		d.verdict = "deny"
	case strings.Contains(d.text, "waiting for approval"):
		d.verdict = "pending"
	case e.code == 0:
		d.verdict = "allow"
	default:
		d.verdict = "undecided"
	}
	return d
}

// clone makes the repository of the coder's, which fetched everything that the server has, and which
// reads the server's objects.
func (h *history) clone() *history {
	h.t.Helper()
	c := *h
	c.dir = h.t.TempDir()
	c.write("HEAD", "ref: refs/heads/work\n")
	c.write("config", "[core]\n\trepositoryformatversion = 0\n\tbare = true\n[remote \"origin\"]\n\turl = "+filepath.Join(c.dir, "gone")+"\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n")
	c.write("objects/info/alternates", filepath.Join(h.dir, "objects")+"\n")
	c.write("refs/heads/work", h.branches["work"]+"\n")
	c.write("refs/remotes/origin/HEAD", "ref: refs/remotes/origin/main\n")
	for name, id := range h.branches {
		if published(name) {
			c.write("refs/remotes/origin/"+name, id+"\n")
		}
	}
	bundles := filepath.Join(h.dir, "refs/remit/delegations")
	files, err := os.ReadDir(bundles)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range files {
		id, err := os.ReadFile(filepath.Join(bundles, f.Name()))
		if err != nil {
			h.t.Fatal(err)
		}
		c.write("refs/remit/delegations/"+f.Name(), string(id))
	}
	return &c
}

// doors asks all of them, and gives back groups of which all must say the same. Where a server says
// who pushes, its word decides who answers for the whole; where none does, the signer of the head.
// That is by design, so the two are never compared with each other.
func (w *world) doors(h *history) [][]door {
	h.t.Helper()
	h.refs()
	h.serve()
	old, tip := h.branches[w.target], h.branches["work"]
	ref := "refs/heads/" + w.target
	said := old
	if old == "" {
		said = zeros
	}
	check := []string{"check", h.branches["main"] + ".." + tip, "--ref", ref}
	receive := said + " " + tip + " " + ref + "\n"
	client := h.clone()
	return [][]door{
		{
			newDoor("check", h.remit("", nil, check...)),
			newDoor("pre-receive", h.remit(receive, nil, "hook", "pre-receive")),
			newDoor("pre-push", client.remit("refs/heads/work "+tip+" "+ref+" "+said+"\n", nil, "hook", "pre-push", "origin", filepath.Join(client.dir, "gone"))),
		},
		{
			newDoor("check --pusher", h.remit("", nil, append(check, "--pusher", "coder")...)),
			newDoor("pre-receive with a pusher", h.remit(receive, []string{"PUSHER=coder"}, "hook", "pre-receive")),
		},
	}
}

// disagreement says which doors of a group differ, "" for none.
func disagreement(groups [][]door) string {
	for _, g := range groups {
		for _, d := range g[1:] {
			// A client's hook lets through what waits for approval: it is advice.
			if d.verdict == g[0].verdict && slices.Equal(d.rules, g[0].rules) {
				continue
			}
			return fmt.Sprintf("%s: %s %v\n%s: %s %v\n%s\n%s", g[0].name, g[0].verdict, g[0].rules, d.name, d.verdict, d.rules, g[0].text, d.text)
		}
	}
	return ""
}

// TestPropertyDoorsAgree: one history, one verdict, by the same rules, whoever is asked.
func TestPropertyDoorsAgree(t *testing.T) {
	compared, verdicts := 0, map[string]int{}
	Property(t, 14, func(t *testing.T, seed uint64) {
		w, h, lines := newCase(t, seed, pick(newDice(seed), "agent/new", "agent/new", "main"), func(w *world) *history { return w.begin(t) })
		if !w.comparable(h) {
			return
		}
		compared++
		groups := w.doors(h)
		verdicts[groups[0][0].verdict]++
		if disagreement(groups) == "" {
			return
		}
		differs := func(lines []string) string {
			h := w.begin(t)
			for _, l := range lines {
				h.do(l)
			}
			if !w.comparable(h) {
				return ""
			}
			return disagreement(w.doors(h))
		}
		for i := len(lines) - 1; i >= 0; i-- {
			if less := slices.Delete(slices.Clone(lines), i, i+1); differs(less) != "" {
				lines = less
			}
		}
		t.Errorf("REMIT_SEED=%d: the doors disagree about a push of work to %s\n  %s\n%s\nworld: %+v", seed, w.target, strings.Join(lines, "\n  "), differs(lines), w)
	})
	t.Logf("%d histories compared: %v", compared, slices.Sorted(maps.Keys(verdicts)))
}
