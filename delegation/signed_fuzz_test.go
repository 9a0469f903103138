package delegation_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
)

// What is accepted is written again byte for byte, and has been verified.
func FuzzParseSigned(f *testing.F) {
	for _, c := range claims(f) {
		f.Add(dt.SignStatement(f, c).Marshal())
	}
	s, c := underChain(f)
	both, err := s.WithBundle(c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(both.Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := delegation.ParseSigned[delegation.Statement](b)
		if err != nil {
			if s != nil {
				t.Fatal("an error and a statement")
			}
			return
		}
		if !bytes.Equal(s.Marshal(), b) {
			t.Fatalf("%q is written again as %q", b, s.Marshal())
		}
		if err := s.Verify(); err != nil {
			t.Fatal(err)
		}
		if (s.Bundle != nil) != (s.Statement.Authority() != "" && s.Bundle.Digest() == s.Statement.Authority()) {
			t.Fatal("a bundle of something else")
		}
		kinds := 0
		for _, err := range []error{parseAs[delegation.PullRequest](b), parseAs[delegation.Request](b), parseAs[delegation.Approval](b)} {
			if err == nil {
				kinds++
			}
		}
		if kinds != 1 {
			t.Fatalf("it is of %d kinds", kinds)
		}
	})
}

// The same of what a signature guards.
func FuzzParsePayload(f *testing.F) {
	for _, c := range claims(f) {
		f.Add(c.Payload())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := delegation.ParseClaimStatement(b)
		if err != nil {
			if c != nil {
				t.Fatal("an error and a statement")
			}
			return
		}
		if !bytes.Equal(c.Payload(), b) {
			t.Fatalf("%q is written again as %q", b, c.Payload())
		}
		if strings.ContainsFunc(c.Sentence(), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("not safe to show: %q", c.Sentence())
		}
		switch c := c.(type) {
		case delegation.Request:
			if d := c.NotAfter.Sub(c.NotBefore); d <= 0 || d > delegation.MaxRequestTTL || c.UsedRef() == "" {
				t.Fatalf("a request for %s", d)
			}
		case delegation.Approval:
			if d := c.NotAfter.Sub(c.NotBefore); d <= 0 || d > delegation.MaxApprovalTTL || (c.Request == "") != (c.Head != "") {
				t.Fatalf("an approval for %s of %q and %q", d, c.Request, c.Head)
			}
		}
		if _, err := delegation.ParseDelegation(b); err == nil {
			t.Fatal("it is a delegation too")
		}
	})
}

func FuzzBody(f *testing.F) {
	s := dt.SignStatement(f, dt.NewPullRequest("agent.coder"))
	comment := "<!-- remit:pull-request/v1 " + s.Text() + " -->"
	for _, body := range []string{"", "text\r\n", comment, "a" + comment + "b" + comment, "<!--\v\rRemit:pull-request/x", "<!<!-- remit:pull-request/ -->-- remit:pull-request/", "<!-- <!-- remit:pull-request/\n-->"} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		file, found, err := delegation.FindInBody(body)
		if (err != nil || !found) && file != nil || err != nil && found || found && len(file) == 0 {
			t.Fatalf("found %q, %v, %v", file, found, err)
		}
		stripped := delegation.StripFromBody(body)
		if again := delegation.StripFromBody(stripped); again != stripped {
			t.Fatalf("stripping %q again makes %q", stripped, again)
		}
		if _, ok, err := delegation.FindInBody(stripped); ok || err != nil {
			t.Fatalf("something is left in %q: %v", stripped, err)
		}
		if !found && err == nil && stripped != body {
			t.Fatalf("%q was stripped of nothing to %q", body, stripped)
		}
		added, err := delegation.AddToBody(body, s)
		if err != nil {
			t.Fatal(err)
		}
		if file, ok, err := delegation.FindInBody(added); err != nil || !ok || !bytes.Equal(file, s.Marshal()) {
			t.Fatalf("added to %q, it is not found in %q: %v", body, added, err)
		}
		if again, err := delegation.AddToBody(added, s); err != nil || again != added {
			t.Fatalf("adding it again makes %q of %q: %v", again, added, err)
		}
	})
}

func BenchmarkParseClaim(b *testing.B) {
	s, c := underChain(b)
	both, err := s.WithBundle(c)
	if err != nil {
		b.Fatal(err)
	}
	file := both.Marshal()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := delegation.ParseSigned[delegation.Request](file); err != nil {
			b.Fatal(err)
		}
	}
}
