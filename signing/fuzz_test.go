package signing

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func FuzzParseSSHSIG(f *testing.F) {
	message := []byte("x")
	for _, s := range []Signer{newEd25519(f), newRSA(f), fidoSigner(f, newFIDO(f, fidoUserPresence))} {
		f.Add(mustSign(f, s, NamespaceGit, message))
		p := partsOf(f, s, message)
		for _, change := range []func(p *sshsigParts){
			func(p *sshsigParts) { p.reserved = "x" },
			func(p *sshsigParts) { p.hash = hashSHA256 },
			func(p *sshsigParts) { p.trailing = "x" },
			func(p *sshsigParts) { p.sig = append(p.sig, 0) },
			func(p *sshsigParts) { p.key = append(p.key, 0) },
			func(p *sshsigParts) { p.namespace = "" },
		} {
			q := p
			change(&q)
			f.Add(q.armor())
		}
	}
	f.Add([]byte(armorBegin + armorEnd))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSSHSIG(b)
		if err != nil {
			if s != nil {
				t.Fatal("a signature came with the error")
			}
			return
		}
		if !bytes.Equal(armor(s.blob), b) {
			t.Fatalf("armored again: %q", armor(s.blob))
		}
		// The parts that were read make up the whole: nothing stood anywhere else.
		p := sshsigParts{
			magic: sshsigMagic, version: sshsigVersion, key: s.key.Marshal(),
			namespace: s.namespace, hash: s.hash, sig: s.sig,
		}
		if s.key.ed != nil {
			p.sig = appendString(appendString(nil, s.key.Type()), s.sig)
		}
		if !bytes.Equal(p.armor(), b) {
			t.Fatalf("put together again: %q", p.armor())
		}
		if k := s.PublicKey(); !k.IsZero() && !bytes.Equal(k.Marshal(), s.key.Marshal()) {
			t.Fatal("PublicKey is another key")
		}
		if s.Verify([]byte("a message that nobody signed"), s.namespace) == nil {
			t.Fatal("it verifies for a message that nobody signed")
		}
	})
}

func FuzzParseEnvelope(f *testing.F) {
	f.Add(mustSignEnvelope(f, newEd25519(f), []byte(`{"a":1}`)).Marshal())
	f.Add([]byte(`{"payloadType":"t","payload":"YQ==","signatures":[{"keyid":"k","sig":"Yg=="}]}`))
	f.Add([]byte(`{"signatures":[{"sig":"Yg=="}],"payload":"","payloadType":"\u0074"}`))
	f.Add([]byte(`{"payloadType":"t","payload":"YQ==","payload":"Yg==","signatures":[{"sig":"Yg=="}]}`))
	f.Add([]byte(`{"payloadType":"t","payload":null,"signatures":[{"sig":"Yg=="},{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEnvelope(b)
		if err != nil {
			if e != nil {
				t.Fatal("an envelope came with the error")
			}
			return
		}
		text := e.Marshal()
		again, err := ParseEnvelope(text)
		if err != nil {
			t.Fatalf("%q reads as %+v, written as %q: %v", b, e, text, err)
		}
		if !bytes.Equal(again.Payload, e.Payload) || !bytes.Equal(again.Sig, e.Sig) || again.PayloadType != e.PayloadType || again.KeyID != e.KeyID {
			t.Fatalf("%+v became %+v", e, again)
		}
		if !bytes.Equal(again.Marshal(), text) {
			t.Fatal("written twice, it differs")
		}
	})
}

func FuzzParseAuthorizedKey(f *testing.F) {
	for _, s := range []Signer{newEd25519(f), newRSA(f), fidoSigner(f, newFIDO(f, 1))} {
		k := s.SSHPublicKey().AuthorizedKey()
		f.Add(k)
		f.Add("  " + k + "  alice@laptop \r\n")
		f.Add("restrict " + k)
		f.Add(strings.Replace(k, " ", "\t", 1))
	}
	for _, a := range lowOrder {
		f.Add(PublicKey{wire: string(edWire(unhex(f, a))), ed: unhex(f, a)}.AuthorizedKey())
	}
	f.Add("ssh-rsa-cert-v01@openssh.com AAAA")
	f.Fuzz(func(t *testing.T, line string) {
		k, err := ParseAuthorizedKey(line)
		if err != nil {
			if !k.IsZero() {
				t.Fatal("a key came with the error")
			}
			return
		}
		written := k.AuthorizedKey()
		if k.Comment() != "" {
			written += " " + k.Comment()
		}
		again, err := ParseAuthorizedKey(written)
		if err != nil || !again.Equal(k) || again.Comment() != k.Comment() || again.Type() != k.Type() {
			t.Fatalf("%q, written as %q, reads as %q %q, %v", line, written, again, again.Comment(), err)
		}
		if strings.Join(strings.Fields(written), " ") != strings.Join(strings.Fields(line), " ") {
			t.Fatalf("%q means %q", line, written)
		}
		wired, err := ParsePublicKey(k.Marshal())
		if err != nil || !wired.Equal(k) || wired.Fingerprint() != k.Fingerprint() {
			t.Fatalf("the wire form reads as %v, %v", wired, err)
		}
	})
}

func FuzzAllowedSigners(f *testing.F) {
	k := newEd25519(f).SSHPublicKey()
	key := k.AuthorizedKey()
	for _, file := range []string{
		"alice " + key,
		"# x\n\nalice,*@example.com,!bob " + key + " comment\r\n",
		`"alice smith" namespaces="git,\"file",valid-after="20260101",valid-before="20270101Z" ` + key,
		"alice cert-authority " + key + "\nbob ssh-dss AAAA\n",
		"alice x " + key,
		`alice namespaces="a b" ` + key,
	} {
		f.Add([]byte(file), "alice")
	}
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, b []byte, principal string) {
		a, err := ParseAllowedSigners(b, time.UTC)
		if err != nil {
			if a != nil {
				t.Fatal("a list came with the error")
			}
			return
		}
		for _, k := range append(keysOf(a), PublicKey{}) {
			found, matched := a.FindPrincipals(k, at), a.Match(principal, k, NamespaceGit, at) == nil
			if matched && found == nil {
				t.Fatal("a principal matches that find-principals does not know of")
			}
			if k.IsZero() && (matched || found != nil) {
				t.Fatal("no key matches")
			}
		}
		// Written plainly, the list means the same.
		var text strings.Builder
		for _, e := range a.entries {
			text.WriteString(writeAllowedSigner(e))
		}
		again, err := ParseAllowedSigners([]byte(text.String()), time.UTC)
		if err != nil {
			t.Fatalf("%q, written as %q: %v", b, text.String(), err)
		}
		if len(again.entries) != len(a.entries) {
			t.Fatalf("%d lines became %d", len(a.entries), len(again.entries))
		}
		for i, e := range again.entries {
			e.line = a.entries[i].line
			if !reflect.DeepEqual(e, a.entries[i]) {
				t.Fatalf("%+v became %+v", a.entries[i], e)
			}
		}
	})
}

func keysOf(a *AllowedSigners) []PublicKey {
	var keys []PublicKey
	for _, e := range a.entries {
		keys = append(keys, e.key)
	}
	return keys
}

func writeAllowedSigner(e allowedSigner) string {
	const layout = "20060102150405Z"
	var options []string
	if e.namespaces != nil {
		options = append(options, `namespaces="`+strings.ReplaceAll(strings.Join(e.namespaces, ","), `"`, `\"`)+`"`)
	}
	if !e.after.IsZero() {
		options = append(options, fmt.Sprintf(`valid-after="%s"`, e.after.Format(layout)))
	}
	if !e.before.IsZero() {
		options = append(options, fmt.Sprintf(`valid-before="%s"`, e.before.Format(layout)))
	}
	line := `"` + strings.Join(e.principals, ",") + `" ` + strings.Join(options, ",")
	return strings.TrimRight(line, " ") + " " + e.key.AuthorizedKey() + " " + e.key.Comment() + "\n"
}
