package invariant

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// landed are the paths that an allowed change of the target has no right to change, told for people.
//
// It is the oracle: what differs between what stood there and what is to stand there must be the
// coder's to change; or stand at the default branch, on a branch that only catches up with it; or be
// what another agent, that may, signed in a new commit, where nobody says who pushes.
func (w *world) landed(h *history, old, tip string, fresh map[string]bool) []string {
	before, after := tree{}, h.commits[tip].tree
	if old != "" {
		before = h.commits[old].tree
	}
	var exempt []tree
	if w.work() {
		exempt = []tree{h.tip("main")}
		above := h.ancestors(tip)
		for id := h.branches["main"]; ; {
			c := h.commits[id]
			if above[id] { // the newest of the default branch that it has caught up with
				exempt = append(exempt, c.tree)
				break
			}
			if len(c.parents) == 0 {
				break
			}
			id = c.parents[0]
		}
	}
	var wrong []string
	for _, p := range differing(before, after) {
		if w.may(w.coder, w.target, p, before[p], after[p]) || slices.ContainsFunc(exempt, func(t tree) bool { return t[p] == after[p] }) {
			continue
		}
		if !w.attested && w.botPut(h, p, before[p], after[p], fresh) {
			continue
		}
		// Whoever was granted push may move a branch onto what others made, but for protected paths.
		if w.coder.push && !covers(w.protected, p) {
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%s: %s -> %s", p, shown(before[p]), shown(after[p])))
	}
	return wrong
}

// outcome is what came of one case.
type outcome struct {
	script   []string
	door     string // where it was let through
	wrong    []string
	pushed   bool // there was something to push
	allowed  int
	declined []string
}

// run makes the history of some lines, lets the coder push it and checks it, and says what came to
// stand on the target that must not.
func (w *world) run(t testing.TB, lines []string) outcome {
	t.Helper()
	h := w.begin(t)
	for _, l := range lines {
		h.do(l)
	}
	return w.push(h)
}

func (w *world) push(h *history) outcome {
	h.t.Helper()
	out := outcome{script: h.script}
	h.refs()
	h.serve()
	old, tip := h.branches[w.target], h.branches["work"]
	if old == tip || !w.attested && h.commits[tip].by != "coder" {
		return out // nothing to push, or by all that is known not the coder's push
	}
	out.pushed = true
	had := map[string]bool{}
	for name, id := range h.branches {
		if published(name) {
			maps.Copy(had, h.ancestors(id))
		}
	}
	fresh := h.ancestors(tip)
	maps.DeleteFunc(fresh, func(id string, _ bool) bool { return had[id] })

	said := old
	if old == "" {
		said = zeros
	}
	var extra []string
	if w.attested {
		extra = append(extra, "PUSHER=coder")
		if w.option {
			extra = append(extra, "GIT_PUSH_OPTION_COUNT=1", "GIT_PUSH_OPTION_0=delegation="+h.trailer["coder"])
		}
	}
	from := old
	if from == "" {
		from = h.branches["main"]
	}
	r := h.remit(said+" "+tip+" refs/heads/"+w.target+"\n", extra, "hook", "pre-receive")
	switch {
	case r.code != 0:
		out.declined = append(out.declined, r.stderr+r.stdout)
	default:
		out.allowed++
		if wrong := w.landed(h, from, tip, fresh); len(wrong) > 0 {
			out.door, out.wrong = "pre-receive", wrong
			return out
		}
	}
	// A range is judged as if pushed to where its base is.
	base := h.branches["main"]
	if !w.work() {
		base = old
		if !h.ancestors(tip)[old] {
			return out
		}
	}
	if h.ancestors(base)[tip] {
		return out // nothing in it
	}
	args := []string{"check", base + ".." + tip, "--ref", "refs/heads/" + w.target, "--format", "json"}
	if w.attested {
		args = append(args, "--pusher", "coder")
	}
	c := h.remit("", nil, args...)
	switch {
	case c.code != 0:
		out.declined = append(out.declined, c.stdout+c.stderr)
	default:
		out.allowed++
		in := h.ancestors(tip)
		maps.DeleteFunc(in, func(id string, _ bool) bool { return h.ancestors(base)[id] })
		if wrong := w.landed(h, base, tip, in); len(wrong) > 0 {
			out.door, out.wrong = "check", wrong
		}
	}
	return out
}

// shrink drops lines as long as the case still goes wrong at the same door.
func (w *world) shrink(t testing.TB, lines []string, door string) []string {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for size := max(1, len(lines)/2); size > 0; {
		shorter := false
		for from := 0; from+size <= len(lines) && time.Now().Before(end); {
			less := slices.Delete(slices.Clone(lines), from, from+size)
			if out := w.run(t, less); len(out.wrong) > 0 && out.door == door {
				lines, shorter = less, true
			} else {
				from += size
			}
		}
		if !shorter || size > 1 {
			size /= 2
		}
	}
	for i := range lines {
		for words := strings.Split(lines[i], "; "); len(words) > 1 && time.Now().Before(end); {
			less := slices.Clone(lines)
			less[i] = strings.Join(words[:len(words)-1], "; ")
			if out := w.run(t, less); len(out.wrong) == 0 || out.door != door {
				break
			}
			lines, words = less, words[:len(words)-1]
		}
	}
	return lines
}

// TestPropertyLanding: whatever the history is, what an agent is allowed to push changes nothing at
// the target that it may not change.
func TestPropertyLanding(t *testing.T) {
	pushed, allowed := 0, 0
	Property(t, 50, func(t *testing.T, seed uint64) {
		d := newDice(seed)
		w := randomWorld(d)
		h := w.begin(t)
		lines := randomLines(d, h, &w)
		out := w.push(h)
		if out.pushed {
			pushed++
		}
		allowed += out.allowed
		if len(out.wrong) == 0 {
			return
		}
		short := w.shrink(t, lines, out.door)
		got := w.run(t, short)
		t.Errorf("REMIT_SEED=%d: %s allows what the coder may not change\n%s", seed, got.door, w.tell(got))
	})
	t.Logf("%d pushes, %d allowed by one door or both", pushed, allowed)
}

// tell writes a case down so that it can be read and made a test of its own.
func (w *world) tell(o outcome) string {
	return fmt.Sprintf("%s\n  work is pushed to %s; changed there without right:\n    %s\nworld: %+v",
		"  "+strings.Join(o.script, "\n  "), w.target, strings.Join(o.wrong, "\n    "), *w)
}
