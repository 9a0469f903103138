package cli_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/gitobject"
)

// attack is one line of docs/attacks.md, mounted against the program on a repository of real git: it
// wants a verdict and exactly the rules that block. The near misses that are allowed stand beside it.
type attack struct {
	name    string
	mount   func(*shop) // leaves the range main..HEAD
	verdict string
	rules   []string // as jsonReport.expect takes them
	args    []string // more arguments of remit check
	span    string   // the range, if it is another
	code    int      // the exit code where there is no report
	says    string   // what standard error says then
}

// runAttacks mounts each attack in a shop of its own, on the branch agent/pay.
func runAttacks(t *testing.T, attacks []attack) {
	t.Helper()
	t.Parallel()
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.git("coder", "checkout -q -b agent/pay")
			a.mount(s)
			s.judged(a)
		})
	}
}

// exitCodes are those of the verdicts.
var exitCodes = map[string]int{"allow": 0, "deny": 1, "undecided": 3, "pending": 4}

func (s *shop) judged(a attack) {
	s.t.Helper()
	args := append([]string{"check", "--format", "json"}, a.args...)
	if a.span == "" {
		a.span = "main..HEAD"
	}
	args = append(args, a.span)
	r := s.run("alice", "shop", nil, "remit", args...)
	if a.verdict == "" {
		if r.code != a.code || r.stdout != "" || !strings.Contains(r.stderr, a.says) {
			s.t.Errorf("exit %d, not %d, or does not say %q: %s%s", r.code, a.code, a.says, r.stdout, r.stderr)
		}
		return
	}
	report, err := parseReport(r.stdout)
	if err != nil {
		s.t.Fatalf("%v: %s", err, r.stderr)
	}
	if err := report.expect(a.verdict, a.rules...); err != nil {
		s.t.Error(err)
	}
	if r.code != exitCodes[a.verdict] {
		s.t.Errorf("exit %d for %s", r.code, a.verdict)
	}
}

// remit stores the delegation that attacks use unless they say otherwise: alice lets coder commit on
// agent/** under src/** for ten minutes.
func (s *shop) remit(change ...func(*delegation.Delegation)) string {
	s.t.Helper()
	step := delegationtest.Step{To: "agent.coder"}
	if len(change) > 0 {
		step.Change = change[0]
	}
	return s.store(delegationtest.Bundle(s.t, "human.alice", step))
}

// chain stores alice → planner → coder.
func (s *shop) chain(planner, coder delegationtest.Step) string {
	s.t.Helper()
	planner.To, coder.To = "agent.planner", "agent.coder"
	return s.store(delegationtest.Bundle(s.t, "human.alice", planner, coder))
}

// object stores raw bytes as an object of git, well-formed or not.
func (s *shop) object(kind string, raw []byte) string {
	s.t.Helper()
	r := s.run("alice", "shop", []string{"<" + string(raw)}, "git", "hash-object", "-t", kind, "-w", "--literally", "--stdin")
	if r.code != 0 {
		s.t.Fatal(r.stderr)
	}
	return strings.TrimSpace(r.stdout)
}

// payload is the unsigned text of a commit on top of HEAD with HEAD's tree, extra header lines and a
// message.
func (s *shop) payload(headers, message string) []byte {
	s.t.Helper()
	return s.commitText(s.git("alice", "rev-parse HEAD^{tree}"), []string{s.git("alice", "rev-parse HEAD")}, headers, message)
}

func (s *shop) commitText(tree string, parents []string, headers, message string) []byte {
	var b strings.Builder
	b.WriteString("tree " + tree + "\n")
	for _, p := range parents {
		b.WriteString("parent " + p + "\n")
	}
	who := "coder <coder@shop.example> 1795356000 +0000\n" // 2026-11-22T14:00:00Z
	b.WriteString("author " + who + "committer " + who + headers + "\n" + message)
	return []byte(b.String())
}

func trailer(digest string) string { return "Subject\n\nDelegation: " + digest + "\n" }

// sign signs a payload as git would have it signed.
func (s *shop) sign(who, namespace string, payload []byte) []byte {
	s.t.Helper()
	armored, err := signing.SignSSHSIG(delegationtest.Signer(seed(who)), namespace, payload)
	if err != nil {
		s.t.Fatal(err)
	}
	return armored
}

// tip stores a commit's bytes and moves the branch there.
func (s *shop) tip(raw []byte) {
	s.t.Helper()
	s.write("shop/.git/refs/heads/agent/pay", s.object("commit", raw)+"\n") // git itself refuses some
}

// header is a signature folded into a commit's header.
func header(name string, armored []byte) string {
	return name + " " + strings.ReplaceAll(strings.TrimSuffix(string(armored), "\n"), "\n", "\n ") + "\n"
}

// insert puts header lines at the end of a payload's header.
func insert(payload []byte, lines string) []byte {
	return bytes.Replace(payload, []byte("\n\n"), []byte("\n"+lines+"\n"), 1)
}

func (s *shop) signedRaw(payload, armored []byte) []byte {
	s.t.Helper()
	raw, err := gitobject.WithSignature(payload, armored)
	if err != nil {
		s.t.Fatal(err)
	}
	return raw
}

// sshsig takes an armored signature apart and puts it together with another reserved field and
// signature.
func sshsig(t testing.TB, armored []byte, reserved string, change func(sig []byte)) []byte {
	t.Helper()
	body := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(string(armored), "-----BEGIN SSH SIGNATURE-----\n"), "-----END SSH SIGNATURE-----\n"), "\n", "")
	blob, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	rest := blob[10:] // SSHSIG and the version
	var fields [][]byte
	for len(rest) > 0 {
		n := binary.BigEndian.Uint32(rest)
		fields = append(fields, rest[4:4+n])
		rest = rest[4+n:]
	}
	fields[2] = []byte(reserved)
	if change != nil {
		change(fields[4][len(fields[4])-64:])
	}
	out := append([]byte{}, blob[:10]...)
	for _, f := range fields {
		out = binary.BigEndian.AppendUint32(out, uint32(len(f)))
		out = append(out, f...)
	}
	return armor(out)
}

func armor(blob []byte) []byte {
	text := base64.StdEncoding.EncodeToString(blob)
	var b strings.Builder
	b.WriteString("-----BEGIN SSH SIGNATURE-----\n")
	for len(text) > 70 {
		b.WriteString(text[:70] + "\n")
		text = text[70:]
	}
	b.WriteString(text + "\n-----END SSH SIGNATURE-----\n")
	return []byte(b.String())
}

// plusL adds the group's order to S of an Ed25519 signature: OpenSSH 9.2 takes it for the same.
func plusL(sig []byte) {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := make([]byte, 32)
	for i := range s {
		s[i] = sig[63-i]
	}
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(s)
	for i := range sum {
		sig[63-i] = sum[i]
	}
}

func TestAttackSignatures(t *testing.T) {
	good := func(s *shop) ([]byte, []byte) {
		payload := s.payload("", trailer(s.remit()))
		return payload, s.sign("coder", "git", payload)
	}
	mutate := func(change func(s *shop, payload, armored []byte) []byte) func(*shop) {
		return func(s *shop) {
			payload, armored := good(s)
			s.tip(change(s, payload, armored))
		}
	}
	encoded := func(name string) func(*shop) {
		return func(s *shop) {
			p := s.payload("encoding "+name+"\n", trailer(s.remit()))
			s.tip(s.signedRaw(p, s.sign("coder", "git", p)))
		}
	}
	runAttacks(t, []attack{
		{name: "near miss: signed", verdict: "allow", mount: mutate(func(s *shop, p, sig []byte) []byte { return s.signedRaw(p, sig) })},
		{name: "unsigned commit of an agent", verdict: "deny", rules: []string{"unsigned"}, mount: mutate(func(_ *shop, p, _ []byte) []byte { return p })},
		{name: "key that nobody registered", verdict: "deny", rules: []string{"unknown-key"}, mount: mutate(func(s *shop, p, _ []byte) []byte {
			return s.signedRaw(p, s.sign("mallory", "git", p))
		})},
		{name: "key that nobody registered, no trailer", verdict: "deny", rules: []string{"unknown-key"}, mount: func(s *shop) { s.signed("mallory", "x", "") }},
		{name: "signature of namespace file", verdict: "deny", rules: []string{"signature-invalid"}, mount: mutate(func(s *shop, p, _ []byte) []byte {
			return s.signedRaw(p, s.sign("coder", "file", p))
		})},
		{name: "reserved field", verdict: "deny", rules: []string{"signature-malformed"}, mount: mutate(func(s *shop, p, sig []byte) []byte {
			return insert(p, header("gpgsig", sshsig(s.t, sig, "x", nil)))
		})},
		{name: "near miss: the same parts put together again", verdict: "allow", mount: mutate(func(s *shop, p, sig []byte) []byte {
			return insert(p, header("gpgsig", sshsig(s.t, sig, "", nil)))
		})},
		{name: "encoding in which git shows another message", verdict: "deny", rules: []string{"signature-malformed"}, mount: encoded("IBM037")},
		{name: "encoding of western Europe", verdict: "deny", rules: []string{"signature-malformed"}, mount: encoded("ISO-8859-1")},
		{name: "encoding that changes within the text", verdict: "deny", rules: []string{"signature-malformed"}, mount: encoded("UTF-7")},
		{name: "encoding, by a human", verdict: "deny", rules: []string{"signature-malformed"}, mount: func(s *shop) {
			p := s.payload("encoding UTF-16LE\n", "Subject\n")
			s.tip(s.signedRaw(p, s.sign("alice", "git", p)))
		}},
		{name: "near miss: UTF-8, said", verdict: "allow", mount: encoded("UTF-8")},
		{name: "S plus L", verdict: "deny", rules: []string{"signature-invalid"}, mount: mutate(func(s *shop, p, sig []byte) []byte {
			return insert(p, header("gpgsig", sshsig(s.t, sig, "", plusL)))
		})},
		{name: "R that is not canonical", verdict: "deny", rules: []string{"signature-invalid"}, mount: mutate(func(s *shop, p, sig []byte) []byte {
			return insert(p, header("gpgsig", sshsig(s.t, sig, "", func(b []byte) {
				for i := range 32 {
					b[i] = 0xff
				}
			})))
		})},
		{name: "two gpgsig headers", verdict: "deny", rules: []string{"signature-malformed"}, mount: mutate(func(_ *shop, p, sig []byte) []byte {
			return insert(p, header("gpgsig", sig)+header("gpgsig", sig))
		})},
		{name: "gpgsig and gpgsig-sha256", verdict: "deny", rules: []string{"signature-malformed"}, mount: mutate(func(_ *shop, p, sig []byte) []byte {
			return insert(p, header("gpgsig", sig)+header("gpgsig-sha256", sig))
		})},
		{name: "gpgsig after the blank line", verdict: "deny", rules: []string{"unsigned"}, mount: mutate(func(_ *shop, p, sig []byte) []byte {
			return bytes.Replace(p, []byte("\n\n"), []byte("\n\n"+header("gpgsig", sig)), 1)
		})},
		{name: "gpgsig folded with a tab", verdict: "deny", rules: []string{"signature-malformed"}, mount: mutate(func(_ *shop, p, sig []byte) []byte {
			return insert(p, strings.ReplaceAll(header("gpgsig", sig), "\n ", "\n\t"))
		})},
		{name: "gpgsig with spaces more", verdict: "deny", rules: []string{"signature-malformed"}, mount: mutate(func(_ *shop, p, sig []byte) []byte {
			return insert(p, strings.ReplaceAll(header("gpgsig", sig), "\n ", "\n  "))
		})},
		{name: "gpgsig before the tree", code: 3, says: "git fsck", mount: mutate(func(_ *shop, p, sig []byte) []byte {
			return append([]byte(header("gpgsig", sig)), p...)
		})},
		{name: "two author lines", verdict: "deny", rules: []string{"signature-malformed"}, mount: func(s *shop) {
			p := s.payload("", trailer(s.remit()))
			p = bytes.Replace(p, []byte("committer "), []byte("author mallory <m@x> 0 +0000\ncommitter "), 1)
			s.tip(insert(p, header("gpgsig", s.sign("coder", "git", p))))
		}},
		{name: "header that a library would lose, signed without it", verdict: "deny", rules: []string{"signature-invalid"}, mount: mutate(func(s *shop, p, sig []byte) []byte {
			return s.signedRaw(insert(p, "x-unknown something\n"), sig)
		})},
		{name: "near miss: the same header, signed with it", verdict: "allow", mount: func(s *shop) {
			p := s.payload("x-unknown something\n", trailer(s.remit()))
			s.tip(s.signedRaw(p, s.sign("coder", "git", p)))
		}},
		{name: "signature of another commit", verdict: "deny", rules: []string{"signature-invalid"}, mount: mutate(func(s *shop, p, sig []byte) []byte {
			return s.signedRaw(bytes.Replace(p, []byte("Subject"), []byte("Another"), 1), sig)
		})},
		{name: "PGP signature", verdict: "deny", rules: []string{"unsigned"}, mount: mutate(func(_ *shop, p, _ []byte) []byte {
			return insert(p, "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n")
		})},
		{name: "agent's key, human's trailer", verdict: "deny", rules: []string{"key-not-allowed"}, mount: func(s *shop) {
			s.signed("planner", "x", s.remit())
		}},
		{name: "agent without a delegation", verdict: "deny", rules: []string{"delegation-missing"}, mount: func(s *shop) {
			s.add("src/x", "x")
			s.signed("planner", "x", "")
		}},
		{name: "key of low order", verdict: "deny", rules: []string{"key-not-allowed"}, mount: mutate(func(s *shop, p, sig []byte) []byte {
			blob := sshsig(s.t, sig, "", nil)
			return insert(p, header("gpgsig", lowOrder(s.t, blob)))
		})},
	})
}

// lowOrder puts the identity point where the key is. Its signatures verify for every message with
// a verifier that does not look.
func lowOrder(t testing.TB, armored []byte) []byte {
	t.Helper()
	raw := delegationtest.Key("agent.coder").Marshal()
	point := raw[len(raw)-32:]
	body := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(string(armored), "-----BEGIN SSH SIGNATURE-----\n"), "-----END SSH SIGNATURE-----\n"), "\n", "")
	blob, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	identity := make([]byte, 32)
	identity[0] = 1
	blob = bytes.Replace(blob, point, identity, 1)
	copy(blob[len(blob)-64:], identity)
	clear(blob[len(blob)-32:])
	return armor(blob)
}

func TestAttackDelegations(t *testing.T) {
	type D = delegation.Delegation
	type Step = delegationtest.Step
	start := delegationtest.Start()
	under := func(digest func(s *shop) string) func(*shop) {
		return func(s *shop) {
			s.add("src/x", "x")
			s.signed("coder", "Subject", digest(s))
		}
	}
	// message commits with exactly this text, in which D is a good digest.
	message := func(text string) func(*shop) {
		return func(s *shop) {
			p := s.payload("", strings.ReplaceAll(text, "DIGEST", s.remit()))
			s.tip(s.signedRaw(p, s.sign("coder", "git", p)))
		}
	}
	// inline commits with a bundle in the message, changed.
	inline := func(change func(string) string) func(*shop) {
		return func(s *shop) {
			b := change(string(delegationtest.Bundle(s.t, "human.alice", Step{To: "agent.coder"})))
			p := s.payload("", trailer("inline:"+base64.RawURLEncoding.EncodeToString([]byte(b))))
			s.tip(s.signedRaw(p, s.sign("coder", "git", p)))
		}
	}
	// statement changes the statement inside, signed again by alice.
	statement := func(from, to string) func(string) string {
		return func(string) string {
			d := delegationtest.New("human.alice", "agent.coder")
			text := string(d.Payload())
			if !strings.Contains(text, from) {
				panic("no " + from + " in " + text)
			}
			e, err := signing.SignEnvelope(delegation.PayloadType, []byte(strings.Replace(text, from, to, 1)), delegationtest.Signer("human.alice"))
			if err != nil {
				panic(err)
			}
			return `{"version":1,"links":[` + string(e.Marshal()) + `]}`
		}
	}
	malformed := []string{"delegation-malformed"}[:1:1]
	runAttacks(t, []attack{
		{name: "near miss: as it should be", verdict: "allow", mount: under(func(s *shop) string { return s.remit() })},
		{name: "swapped for a wider one", verdict: "deny", rules: []string{"delegation-unresolved"}, mount: func(s *shop) {
			narrow := s.remit()
			wide := s.remit(func(d *D) { d.Scope.Paths = delegationtest.Paths("**") })
			s.git("alice", "update-ref "+delegation.RefName(narrow)+" "+delegation.RefName(wide))
			s.add("deploy/x", "x")
			s.signed("coder", "Subject", narrow)
		}},
		{name: "unknown delegation", verdict: "deny", rules: []string{"delegation-unresolved"}, mount: under(func(*shop) string { return "sha256:" + strings.Repeat("0", 64) })},
		{name: "two trailers", verdict: "deny", rules: malformed, mount: message("S\n\nDelegation: DIGEST\nDelegation: DIGEST\n")},
		{name: "trailer in the subject", verdict: "deny", rules: malformed, mount: message("Delegation: DIGEST\n")},
		{name: "trailer in the body", verdict: "deny", rules: malformed, mount: message("S\n\nDelegation: DIGEST\n\nMore text.\n")},
		{name: "trailer among prose", verdict: "deny", rules: malformed, mount: message("S\n\nSome text\nDelegation: DIGEST\nmore text\nand more\nand more\n")},
		{name: "trailer in other letters", verdict: "deny", rules: malformed, mount: message("S\n\ndelegation: DIGEST\n")},
		{name: "trailer that goes on", verdict: "deny", rules: malformed, mount: message("S\n\nDelegation: DIGEST\n DIGEST\n")},
		{name: "trailer without its space", verdict: "deny", rules: malformed, mount: message("S\n\nDelegation:DIGEST\n")},
		{name: "one of each case", verdict: "deny", rules: malformed, mount: message("S\n\nDELEGATION: DIGEST\nDelegation: DIGEST\n")},
		{name: "near miss: among other trailers", verdict: "allow", mount: message("S\n\nText.\n\nReviewed-by: x <x@y>\nDelegation: DIGEST\nCo-authored-by: Alice <alice@shop.example>\n")},
		{name: "trailer added after signing", verdict: "deny", rules: []string{"signature-invalid"}, mount: func(s *shop) {
			p := s.payload("", "Subject\n")
			s.tip(s.signedRaw(append(p, "\nDelegation: "+s.remit()+"\n"...), s.sign("coder", "git", p)))
		}},
		{name: "another repository", verdict: "deny", rules: []string{"delegation-wrong-repository"}, mount: under(func(s *shop) string {
			return s.remit(func(d *D) { d.Scope.Repositories = []string{"github.com/mallory/shop"} })
		})},
		{name: "signed by somebody else", verdict: "deny", rules: []string{"delegation-forged"}, mount: under(func(s *shop) string {
			return s.store(delegationtest.Bundle(s.t, "human.alice", Step{To: "agent.coder", Signer: delegationtest.Signer("human.mallory")}))
		})},
		{name: "mallory names herself alice", verdict: "deny", rules: []string{"delegation-forged"}, mount: under(func(s *shop) string {
			return s.store(delegationtest.Bundle(s.t, "human.alice", Step{To: "agent.coder", Signer: delegationtest.Signer("human.mallory"), Change: func(d *D) {
				d.Delegator.Key = delegationtest.Key("human.mallory")
			}}))
		})},
		{name: "keyid of alice, signature of mallory", verdict: "deny", rules: []string{"delegation-forged"}, mount: under(func(s *shop) string {
			b := string(delegationtest.Bundle(s.t, "human.alice", Step{To: "agent.coder", Signer: delegationtest.Signer("human.mallory")}))
			from, to := delegationtest.Key("human.mallory").Fingerprint(), delegationtest.Key("human.alice").Fingerprint()
			return s.store([]byte(strings.ReplaceAll(b, from, to)))
		})},
		{name: "delegator whom the policy does not let", verdict: "deny", rules: []string{"delegator-not-allowed"}, mount: under(func(s *shop) string {
			return s.store(delegationtest.Bundle(s.t, "human.bob", Step{To: "agent.coder"}))
		})},
		{name: "an agent at the root", verdict: "deny", rules: []string{"delegator-not-allowed"}, mount: under(func(s *shop) string {
			return s.store(delegationtest.Bundle(s.t, "agent.planner", Step{To: "agent.coder"}))
		})},
		{name: "near miss: passed on", verdict: "allow", mount: under(func(s *shop) string { return s.chain(Step{}, Step{}) })},
		{name: "link by somebody else than the delegate before", verdict: "deny", rules: []string{"delegation-spliced"}, mount: under(func(s *shop) string {
			return s.chain(Step{}, Step{Change: func(d *D) { d.Delegator.Key = delegationtest.Key("agent.bot") }, Signer: delegationtest.Signer("agent.bot")})
		})},
		{name: "another parent", verdict: "deny", rules: []string{"delegation-spliced"}, mount: under(func(s *shop) string {
			return s.chain(Step{}, Step{Change: func(d *D) { d.Parent = "sha256:" + strings.Repeat("1", 64) }})
		})},
		{name: "child with another action", verdict: "deny", rules: []string{"delegation-widened"}, mount: under(func(s *shop) string {
			return s.chain(Step{}, Step{Change: func(d *D) { d.Scope.Actions = append(d.Scope.Actions, names.Push) }})
		})},
		{name: "child that lasts longer", verdict: "deny", rules: []string{"delegation-widened"}, mount: under(func(s *shop) string {
			return s.chain(Step{}, Step{Change: func(d *D) { d.NotAfter = d.NotAfter.Add(time.Second) }})
		})},
		{name: "child as deep as its parent", verdict: "deny", rules: []string{"delegation-too-deep"}, mount: under(func(s *shop) string {
			return s.chain(Step{}, Step{Change: func(d *D) { d.Scope.Depth = 1 }})
		})},
		{name: "passed on without depth", verdict: "deny", rules: []string{"delegation-too-deep"}, mount: under(func(s *shop) string {
			return s.chain(Step{Change: func(d *D) { d.Scope.Depth = 0 }}, Step{})
		})},
		{name: "child with wider paths: the parent's count too", verdict: "deny", rules: []string{"scope-path"}, mount: func(s *shop) {
			digest := s.chain(Step{}, Step{Change: func(d *D) { d.Scope.Paths = delegationtest.Paths("**") }})
			s.add("test/x", "x")
			s.signed("coder", "Subject", digest)
		}},
		{name: "expired parent, live child", verdict: "deny", rules: []string{"delegation-expired", "delegation-widened"}, mount: under(func(s *shop) string {
			s.at(10 * time.Minute)
			return s.chain(Step{}, Step{Change: func(d *D) { d.NotAfter = d.NotAfter.Add(10 * time.Minute) }})
		})},
		{name: "delegate is the delegator", verdict: "deny", rules: append(malformed, "delegator-not-allowed"), mount: func(s *shop) {
			s.add("src/x", "x")
			d := s.store(delegationtest.Bundle(s.t, "human.alice", Step{To: "agent.planner"}, Step{To: "agent.planner"}))
			s.signed("planner", "Subject", d)
		}},
		{name: "a chain in a circle", verdict: "deny", rules: append(malformed, "delegator-not-allowed"), mount: func(s *shop) {
			s.add("src/x", "x")
			d := s.store(delegationtest.Bundle(s.t, "human.alice", Step{To: "agent.planner"}, Step{To: "agent.coder"}, Step{To: "agent.planner"}))
			s.signed("planner", "Subject", d)
		}},
		{name: "longer than max_ttl", verdict: "deny", rules: []string{"delegation-too-long"}, mount: under(func(s *shop) string {
			return s.remit(func(d *D) { d.NotAfter = d.NotBefore.Add(time.Hour + time.Second) })
		})},
		{name: "near miss: as long as max_ttl", verdict: "allow", mount: under(func(s *shop) string {
			return s.remit(func(d *D) { d.NotAfter = d.NotBefore.Add(time.Hour) })
		})},
		{name: "root longer than max_chain_ttl", verdict: "deny", rules: []string{"delegation-too-long"}, mount: under(func(s *shop) string {
			return s.chain(Step{Change: func(d *D) { d.NotAfter = d.NotBefore.Add(12*time.Hour + time.Second) }}, Step{})
		})},
		{name: "ends before it begins", verdict: "deny", rules: append(malformed, "delegation-expired"), mount: inline(statement(`"not_after":"2026-11-22T14:10:00Z"`, `"not_after":"2026-11-22T13:10:00Z"`))},
		{name: "year 9999", verdict: "deny", rules: malformed, mount: inline(statement(`"not_after":"2026-11-22T14:10:00Z"`, `"not_after":"9999-12-31T23:59:59Z"`))},
		{name: "no end", verdict: "deny", rules: malformed, mount: inline(statement(`"not_after":"2026-11-22T14:10:00Z",`, ``))},
		{name: "end in another time zone", verdict: "deny", rules: malformed, mount: inline(statement(`14:10:00Z"`, `14:10:00+00:00"`))},
		{name: "end with a fraction", verdict: "deny", rules: malformed, mount: inline(statement(`14:10:00Z"`, `14:10:00.5Z"`))},
		{name: "name with a homoglyph", verdict: "deny", rules: malformed, mount: inline(statement(`agent.coder`, `agent.cоder`))},
		{name: "name in capitals", verdict: "deny", rules: malformed, mount: inline(statement(`"agent.coder"`, `"agent.Coder"`))},
		{name: "name with a bidi control", verdict: "deny", rules: malformed, mount: inline(statement(`"agent.coder"`, "\"agent.\u202ecoder\""))},
		{name: "member twice", verdict: "deny", rules: malformed, mount: inline(statement(`"purpose":`, `"purpose":"x","purpose":`))},
		{name: "member in other letters", verdict: "deny", rules: malformed, mount: inline(statement(`"repositories":`, `"Repositories":["github.com/acme/other"],"repositories":`))},
		{name: "member with a long s", verdict: "deny", rules: malformed, mount: inline(statement(`"paths":`, `"pathſ":["**"],"paths":`))},
		{name: "member unknown", verdict: "deny", rules: malformed, mount: inline(statement(`"purpose":`, `"superuser":true,"purpose":`))},
		{name: "number with a fraction", verdict: "deny", rules: malformed, mount: inline(statement(`"purpose":"SHOP-1412"`, `"purpose":"SHOP-1412","version":1.0`))},
		{name: "data behind the statement", verdict: "deny", rules: malformed, mount: inline(statement(`"purpose"`, `"purpose":"x"}}{"y":{"purpose"`))},
		{name: "deep nesting", verdict: "deny", rules: malformed, mount: inline(func(string) string {
			return `{"version":1,"links":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`
		})},
		{name: "predicate type unknown", verdict: "deny", rules: malformed, mount: inline(statement("https://remit.sh/delegation/v1", "https://remit.sh/request/v1"))},
		{name: "payload type unknown", verdict: "deny", rules: malformed, mount: inline(func(b string) string {
			return strings.Replace(b, "application/vnd.in-toto+json", "application/json", 1)
		})},
		{name: "near miss: inline", verdict: "allow", mount: inline(func(b string) string { return b })},
		{name: "bundle of 10,000 links", verdict: "deny", rules: []string{"delegation-unresolved"}, mount: func(s *shop) {
			b := string(delegationtest.Bundle(s.t, "human.alice", Step{To: "agent.coder"}))
			link := b[strings.Index(b, "[")+1 : strings.LastIndex(b, "]")]
			id := s.object("blob", []byte(`{"version":1,"links":[`+link+strings.Repeat(","+link, 9999)+`]}`))
			digest := "sha256:" + strings.Repeat("2", 64)
			s.git("alice", "update-ref "+delegation.RefName(digest)+" "+id)
			s.signed("coder", "Subject", digest)
		}},
		{name: "seen exactly at not_before", verdict: "allow", args: []string{"--at", start.Format(time.RFC3339)}, mount: under(func(s *shop) string { return s.remit() })},
		{name: "seen a second before not_after", verdict: "allow", args: []string{"--at", start.Add(10*time.Minute - time.Second).Format(time.RFC3339)}, mount: under(func(s *shop) string { return s.remit() })},
		{name: "seen exactly at not_after", verdict: "deny", rules: []string{"delegation-expired"}, args: []string{"--at", start.Add(10 * time.Minute).Format(time.RFC3339)}, mount: under(func(s *shop) string { return s.remit() })},
		{name: "seen before clock_skew", verdict: "deny", rules: []string{"delegation-not-yet-valid"}, args: []string{"--at", start.Add(-31 * time.Second).Format(time.RFC3339)}, mount: under(func(s *shop) string { return s.remit() })},
		{name: "dated back into the window", verdict: "deny", rules: []string{"delegation-expired", "note:backdated"}, mount: func(s *shop) {
			under(func(s *shop) string { return s.remit() })(s)
			s.at(time.Hour)
		}},
		{name: "child of a revoked link", verdict: "deny", rules: []string{"delegation-revoked"}, args: []string{"--policy", "../revoked.hcl"}, mount: func(s *shop) {
			parent := delegationtest.Bundle(s.t, "human.alice", Step{To: "agent.planner", Change: func(d *D) { d.Scope.Depth = 1 }})
			s.revoke(s.store(parent))
			under(func(s *shop) string { return s.chain(Step{}, Step{}) })(s)
		}},
		{name: "near miss: sibling of a revoked one", verdict: "allow", args: []string{"--policy", "../revoked.hcl"}, mount: func(s *shop) {
			s.revoke(s.remit(func(d *D) { d.Purpose = "another one" }))
			under(func(s *shop) string { return s.remit() })(s)
		}},
	})
}

// revoke writes ../revoked.hcl, the policy with one delegation revoked.
func (s *shop) revoke(digest string) {
	s.t.Helper()
	s.ok("alice", "shop", "cp", "policies.hcl", "../revoked.hcl")
	s.ok("alice", "shop", "remit", "revoke", "--policy", "../revoked.hcl", "--delegation", digest, "--why", "x")
}

// remitOf is what a delegation says.
type remitOf = delegation.Delegation

func anywhere() []pattern.Pattern { return delegationtest.Paths("**") }
