package delegation_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing/gitobject"
)

// What is accepted is written again byte for byte; what is refused yields nothing.
func FuzzParseBundle(f *testing.F) {
	f.Add(dt.Bundle(f, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder"}))
	f.Add([]byte(`{"version":1,"links":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := delegation.ParseBundle(b)
		if err != nil {
			if c != nil {
				t.Fatal("an error and a chain")
			}
			return
		}
		if !bytes.Equal(c.Marshal(), b) {
			t.Fatalf("%q is written again as %q", b, c.Marshal())
		}
		if len(c) == 0 || len(c) > delegation.MaxLinks || len(c.Sentences()) != len(c) || delegation.RefName(c.Digest()) == "" {
			t.Fatalf("a chain of %d links", len(c))
		}
	})
}

func FuzzParseDelegation(f *testing.F) {
	d := dt.New("human.alice", "agent.coder")
	f.Add(d.Payload())
	d.Parent, d.Scope.RepositoryID, d.Scope.Depth, d.Scope.Environments = digest, 1, 1, dt.Names("staging")
	f.Add(d.Payload())
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := delegation.ParseDelegation(b)
		if err != nil {
			if !reflect.DeepEqual(d, delegation.Delegation{}) {
				t.Fatal("an error and a delegation")
			}
			return
		}
		if !bytes.Equal(d.Payload(), b) {
			t.Fatalf("%q is written again as %q", b, d.Payload())
		}
	})
}

// cleaned is what git commit makes of an edited message, as far as it matters here.
func cleaned(message string) string {
	var out strings.Builder
	for line := range strings.Lines(message) {
		if strings.TrimRight(line, "\r\n") == "# ------------------------ >8 ------------------------" {
			break
		}
		if !strings.HasPrefix(line, "#") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func FuzzTrailer(f *testing.F) {
	for _, m := range []string{
		"", "S\n", "S\n\nA: b\n# c\n", "S\n\nDelegation:\n x\n", "# c\n\nA: b\n" + line, "S\n\n delegation : x\n\v\nA: b\r\n",
		"S\n# ------------------------ >8 ------------------------\n" + line, "S\n\n(cherry picked from commit x)\n",
	} {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, m string) {
		stripped := delegation.StripTrailer(m)
		if again := delegation.StripTrailer(stripped); again != stripped {
			t.Fatalf("stripping %q again makes %q", stripped, again)
		}
		if _, ok, err := delegation.ParseTrailer(stripped); ok || err != nil {
			t.Fatalf("something is left in %q: %v", stripped, err)
		}
		if _, ok, err := delegation.ParseTrailer(m); !ok && err == nil && stripped != m {
			t.Fatalf("%q was stripped of nothing to %q", m, stripped)
		}

		kept := delegation.AddTrailer(m, digest, "")
		edited := delegation.AddTrailer(m, digest, "#")
		for added, read := range map[string]string{kept: kept, edited: cleaned(edited)} {
			ref, ok, err := delegation.ParseTrailer(read)
			if gitobject.IsBlank(strings.Replace(read, line, "", 1)) {
				if err == nil {
					t.Fatalf("a trailer as the subject was accepted: %q", read)
				}
				continue
			}
			if err != nil || !ok || ref.Digest != digest {
				t.Fatalf("added to %q, it is not read from %q: %v", m, added, err)
			}
		}
		if again := delegation.AddTrailer(edited, digest, "#"); again != edited {
			t.Fatalf("adding it again makes %q of %q", again, edited)
		}
		if again := delegation.AddTrailer(kept, digest, ""); again != kept {
			t.Fatalf("adding it again makes %q of %q", again, kept)
		}
	})
}

// chainOf makes a chain of any bytes, five a link.
func chainOf(b []byte) delegation.Chain {
	var c delegation.Chain
	all := names.Actions()
	from := dt.Party("human.alice")
	for len(b) >= 5 && len(c) <= delegation.MaxLinks {
		d := dt.New("human.alice", "agent.coder")
		d.Delegator, d.Delegate = from, dt.Party(names.Principal("agent.a"+string(rune('0'+b[4]>>4%8))))
		d.Parent = c.Digest()
		d.Scope.Actions = nil
		for i, a := range all {
			if b[0]>>i&1 == 1 {
				d.Scope.Actions = append(d.Scope.Actions, a)
			}
		}
		d.NotBefore = dt.Start().Add(time.Duration(b[1]) * time.Second)
		d.NotAfter = d.NotBefore.Add(time.Duration(int8(b[2])) * time.Second)
		d.Scope.Depth = int(int8(b[3])) % 12
		if b[4]&1 == 1 {
			d.Parent = digest
		}
		c = append(c, delegation.Unverified(d))
		from = d.Delegate
		b = b[5:]
	}
	return c
}

// narrowSeeds are chains with nothing wrong, for FuzzNarrow to break.
func narrowSeeds() [][]byte {
	return [][]byte{
		{3, 1, 100, 5, 0x00, 1, 2, 50, 4, 0x10, 1, 3, 20, 1, 0x20},
		{255, 9, 127, 9, 0x50, 15, 9, 127, 0, 0x40},
		{0, 0, 1, 0, 0x00},
	}
}

func TestNarrowSeeds(t *testing.T) {
	for _, b := range narrowSeeds() {
		if p := chainOf(b).Problems(dt.Repository, 0); len(p) > 0 {
			t.Errorf("%v: FuzzNarrow would show nothing: %+v", b, p)
		}
	}
}

// However a chain is put together: where nothing is wrong with it, no link gives more than the
// root, in action, time or depth, and at any instant at which the leaf holds, all links do.
func FuzzNarrow(f *testing.F) {
	for _, b := range narrowSeeds() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := chainOf(b)
		if len(c.Problems(dt.Repository, 0)) > 0 {
			return
		}
		root, leaf := c[0], c.Leaf()
		for _, a := range leaf.Scope.Actions {
			if !slices.Contains(root.Scope.Actions, a) {
				t.Errorf("the leaf gives %s, the root does not", a)
			}
		}
		if leaf.NotBefore.Before(root.NotBefore) || leaf.NotAfter.After(root.NotAfter) || !leaf.NotAfter.After(leaf.NotBefore) {
			t.Error("the leaf's time is not inside the root's")
		}
		if root.Scope.Depth-leaf.Scope.Depth < len(c)-1 || leaf.Scope.Depth < 0 {
			t.Error("the depth does not fall")
		}
		for i, l := range c {
			for _, at := range []time.Time{leaf.NotBefore, leaf.NotAfter.Add(-1)} {
				if l.StateAt(at, 0) != delegation.Live {
					t.Errorf("link %d does not hold while the leaf does", i)
				}
			}
		}
	})
}

func BenchmarkParseBundle(b *testing.B) {
	bundle := dt.Bundle(b, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := delegation.ParseBundle(bundle); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseTrailer(b *testing.B) {
	message := "Subject of an ordinary length\n\n" + strings.Repeat("A line of the body that is about so long.\n", 5) + "\nSigned-off-by: A <a@x>\n" + line
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := delegation.ParseTrailer(message); !ok || err != nil {
			b.Fatal(err)
		}
	}
}
