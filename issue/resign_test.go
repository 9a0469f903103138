package issue_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/issue"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/gitobject"
)

// commit is a commit on a parent, signed by the key of a seed; "" for none.
func commit(t *testing.T, id, parent, message, seed string) *evidence.Commit {
	t.Helper()
	payload := "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent " + parent +
		"\nauthor Coder <coder@shop.example> 1795356060 +0100\ncommitter Coder <coder@shop.example> 1795356060 +0100\n\n" + message
	raw := []byte(payload)
	if seed != "" {
		armored, err := signing.SignSSHSIG(dt.Signer(seed), signing.NamespaceGit, raw)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err = gitobject.WithSignature(raw, armored); err != nil {
			t.Fatal(err)
		}
	}
	return &evidence.Commit{ID: id, Raw: raw}
}

func id(n int) string { return fmt.Sprintf("%040x", n) }

// TestResign: a delegate's own commits and nobody's are signed again; nobody else's ever is.
func TestResign(t *testing.T) {
	minted := func(agent names.Principal, seed string) delegation.Chain {
		return dt.MakeChain(t, "human.alice", dt.Step{To: agent, Change: func(d *delegation.Delegation) { d.Delegate.Key = dt.Key(seed) }})
	}
	now, earlier, helpers := minted("agent.coder", "now"), minted("agent.coder", "earlier"), minted("agent.helper", "helpers")
	r := &issue.Resigner{
		Policy: parse(t, shop), Chain: now, Signer: dt.Signer("now"), Now: dt.Start().Add(time.Hour),
		Bundle: func(digest string) []byte {
			for _, c := range []delegation.Chain{earlier, helpers} {
				if c.Digest() == digest {
					return c.Marshal()
				}
			}
			return nil
		},
	}
	trailer := func(c delegation.Chain) string { return "Work\n\nDelegation: " + c.Digest() + "\n" }
	for name, tc := range map[string]struct {
		message, seed string
		own           bool
		owner         string
	}{
		"unsigned":                             {"Work\n", "", true, ""},
		"signed by the delegate":               {trailer(now), "now", true, ""},
		"signed by the delegate, unnamed":      {"Work\n", "now", true, ""},
		"minted before":                        {trailer(earlier), "earlier", true, ""},
		"minted before, in line":               {"Work\n\nDelegation: " + earlier.Ref(true).Value() + "\n", "earlier", true, ""},
		"minted before, named by nothing":      {"Work\n", "earlier", false, "somebody else"},
		"another's key under one of the coder": {trailer(earlier), "mallory", false, "somebody else"},
		"minted for another agent":             {trailer(helpers), "helpers", false, "agent.helper"},
		"a human's":                            {"Work\n", "human.alice", false, "human.alice"},
		"a human's, under one of the coder":    {trailer(now), "human.alice", false, "human.alice"},
		"a pinned agent's":                     {"Work\n", "agent.planner", false, "agent.planner"},
		"under one that is nowhere":            {"Work\n\nDelegation: sha256:" + strings.Repeat("a", 64) + "\n", "earlier", false, "somebody else"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			made, _, err := r.Sign(commit(t, id(1), id(0), tc.message, tc.seed))
			if err != nil || (made != nil) != tc.own {
				t.Fatalf("%v, %v", made, err)
			}
			// On top of a commit that changes.
			again := *r
			again.Stored(id(0), id(100))
			on, _, err := again.Sign(commit(t, id(1), id(0), tc.message, tc.seed))
			if tc.own {
				if err != nil || !strings.Contains(string(on.Payload), "\nparent "+id(100)+"\n") {
					t.Errorf("%s, %v", on.Payload, err)
				}
				return
			}
			if on != nil || fault.KindOf(err) != fault.Refused || !strings.Contains(err.Error(), "is "+tc.owner+"'s and stands on commits that would change") || !strings.Contains(fault.FixOf(err), "git rebase --onto") {
				t.Errorf("%v, %v", on, err)
			}
		})
	}
	if r.Count() != 0 || r.Renamed(id(1)) != "" {
		t.Error("what was not stored has no new id")
	}
	if made, _, err := r.Sign(&evidence.Commit{ID: id(1), Raw: []byte("tree")}); made != nil || fault.KindOf(err) != fault.Refused {
		t.Errorf("no commit: %v, %v", made, err)
	}
	// Another principal's pinned key, of the same name: pinned agents may have several.
	pinned := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner"})
	r = &issue.Resigner{Policy: parse(t, strings.Replace(shop, `["key of agent.planner"]`, `["key of agent.planner", "key of second"]`, 1)), Chain: pinned, Signer: dt.Signer("agent.planner"), Now: r.Now}
	if made, _, err := r.Sign(commit(t, id(1), id(0), "Work\n", "second")); made == nil || err != nil {
		t.Errorf("the agent's other key: %v, %v", made, err)
	}
	if made, _, err := r.Sign(commit(t, id(1), id(0), trailer(earlier), "earlier")); made != nil || err != nil {
		t.Errorf("another agent's, where no bundles are at hand: %v, %v", made, err)
	}
}

// TestResignUnknownKey: what a key signed that nobody is known to have is the delegate's where whoever works here
// committed it, and nobody else's ever is.
func TestResignUnknownKey(t *testing.T) {
	chain := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.coder"})
	for name, tc := range map[string]struct {
		email, seed string
		own         bool
	}{
		"committed here":           {"coder@shop.example", "nobody's", true},
		"committed elsewhere":      {"other@shop.example", "nobody's", false},
		"nobody knows by whom":     {"", "nobody's", false},
		"a human's, as the coder":  {"coder@shop.example", "human.alice", false},
		"an agent's, as the coder": {"coder@shop.example", "agent.planner", false},
	} {
		r := &issue.Resigner{Policy: parse(t, shop), Chain: chain, Signer: dt.Signer("agent.coder"), Now: dt.Start(), Email: tc.email}
		made, left, err := r.Sign(commit(t, id(1), id(0), "Work\n", tc.seed))
		if err != nil || (made != nil) != tc.own || (left == "") != tc.own {
			t.Errorf("%s: %v, %q, %v", name, made, left, err)
		}
	}
}

// TestResignKeeps: what is to stay stays, unless what it stands on changes.
func TestResignKeeps(t *testing.T) {
	r := &issue.Resigner{
		Policy: parse(t, shop), Chain: dt.MakeChain(t, "human.alice", dt.Step{To: "agent.coder"}), Signer: dt.Signer("agent.coder"), Now: dt.Start(),
		Keep: func(of string) string {
			if of == id(1) {
				return "it holds"
			}
			return ""
		},
	}
	if made, left, err := r.Sign(commit(t, id(1), id(0), "Work\n", "agent.coder")); made != nil || left != "it holds" || err != nil {
		t.Errorf("%v, %q, %v", made, left, err)
	}
	if made, left, err := r.Sign(commit(t, id(2), id(0), "Work\n", "agent.coder")); made == nil || left != "" || err != nil {
		t.Errorf("%v, %q, %v", made, left, err)
	}
	r.Stored(id(0), id(100))
	if made, left, err := r.Sign(commit(t, id(1), id(0), "Work\n", "agent.coder")); made == nil || left != "" || err != nil {
		t.Errorf("on what changed: %v, %q, %v", made, left, err)
	}
}

// TestResigned: what is signed is the same commit, made now and under this delegation alone.
func TestResigned(t *testing.T) {
	chain := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.coder"})
	r := &issue.Resigner{Policy: parse(t, shop), Chain: chain, Signer: dt.Signer("agent.coder"), Now: dt.Start().Add(time.Hour)}
	message := "Pay by card\n\nAs asked.\n\nReviewed-by: B <b@shop.example>\nDelegation: sha256:" + strings.Repeat("a", 64) + "\n"
	r.Stored(id(7), id(8))
	for _, inline := range []bool{false, true} {
		r.Inline = inline
		made, _, err := r.Sign(commit(t, id(9), id(7), message, "agent.coder"))
		if err != nil {
			t.Fatal(err)
		}
		want := "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent " + id(8) +
			"\nauthor Coder <coder@shop.example> 1795356060 +0100\ncommitter Coder <coder@shop.example> " + fmt.Sprint(r.Now.Unix()) + " +0000\n\n" +
			"Pay by card\n\nAs asked.\n\nReviewed-by: B <b@shop.example>\nDelegation: " + chain.Ref(inline).Value() + "\n"
		if string(made.Payload) != want {
			t.Errorf("signed\n%s\nnot\n%s", made.Payload, want)
		}
		raw, err := gitobject.WithSignature(made.Payload, made.Signature)
		if err != nil {
			t.Fatal(err)
		}
		object, err := gitobject.ParseCommit(raw)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := signing.ParseSSHSIG(object.Signature)
		if err != nil {
			t.Fatal(err)
		}
		if err := sig.VerifyWith(dt.Key("agent.coder"), object.Payload, signing.NamespaceGit); err != nil {
			t.Error(err)
		}
	}
	r.Stored(id(9), id(10))
	if r.Count() != 2 || r.Renamed(id(9)) != id(10) || r.Renamed(id(1)) != "" {
		t.Errorf("%d, %s", r.Count(), r.Renamed(id(9)))
	}
}
