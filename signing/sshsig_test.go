package signing

import (
	"bytes"
	"crypto/elliptic"
	"errors"
	"strings"
	"testing"
)

func TestSSHSIG(t *testing.T) {
	message := []byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nsay hello\n")
	for name, signer := range map[string]Signer{
		"ed25519": newEd25519(t),
		"rsa":     newRSA(t),
		"ecdsa":   newECDSA(t, elliptic.P256()),
		"fido":    fidoSigner(t, newFIDO(t, fidoUserPresence)),
	} {
		t.Run(name, func(t *testing.T) {
			armored := mustSign(t, signer, NamespaceGit, message)
			s := mustParse(t, armored)
			if !bytes.Equal(armor(s.blob), armored) {
				t.Error("armoring again gives other bytes")
			}
			if s.namespace != NamespaceGit || s.hash != "sha512" {
				t.Errorf("namespace %q, hash %q", s.namespace, s.hash)
			}
			k := signer.SSHPublicKey()
			if !s.PublicKey().Equal(k) || s.Fingerprint() != k.Fingerprint() || !bytes.Equal(s.key.Marshal(), k.Marshal()) {
				t.Error("it names another key")
			}
			if err := s.Verify(message, NamespaceGit); err != nil {
				t.Error(err)
			}
			if err := s.VerifyWith(k, message, NamespaceGit); err != nil {
				t.Error(err)
			}
			if err := s.Verify(message[1:], NamespaceGit); !errors.Is(err, ErrBadSignature) {
				t.Errorf("another message: %v", err)
			}
			if err := s.Verify(message, "file"); !errors.Is(err, ErrNamespace) {
				t.Errorf("another namespace: %v", err)
			}
			if err := s.VerifyWith(newEd25519(t).SSHPublicKey(), message, NamespaceGit); !errors.Is(err, ErrOtherKey) {
				t.Errorf("another key: %v", err)
			}
		})
	}
}

func TestSHA256(t *testing.T) {
	signer, message := newEd25519(t), []byte("x")
	p := partsOf(t, signer, message)
	p.hash = hashSHA256
	p.sign(t, signer, message)
	if err := mustParse(t, p.armor()).Verify(message, NamespaceGit); err != nil {
		t.Error(err)
	}
	p.hash = hashSHA512 // the name of the other hash over the same signature
	if err := mustParse(t, p.armor()).Verify(message, NamespaceGit); !errors.Is(err, ErrBadSignature) {
		t.Errorf("with the hash renamed: %v", err)
	}
}

func TestSSHSIGStructure(t *testing.T) {
	signer, message := newEd25519(t), []byte("x")
	good := partsOf(t, signer, message)
	if err := mustParse(t, good.armor()).Verify(message, NamespaceGit); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(p *sshsigParts)
		fails  string
	}{
		"magic":               {func(p *sshsigParts) { p.magic = "SSHSIH" }, "begin with SSHSIG"},
		"version 0":           {func(p *sshsigParts) { p.version = "\x00\x00\x00\x00" }, "version 1"}, // ssh-keygen takes it
		"version 2":           {func(p *sshsigParts) { p.version = "\x00\x00\x00\x02" }, "version 1"},
		"no namespace":        {func(p *sshsigParts) { p.namespace = "" }, "namespace"},
		"long namespace":      {func(p *sshsigParts) { p.namespace = strings.Repeat("n", MaxNamespace+1) }, "namespace"},
		"reserved":            {func(p *sshsigParts) { p.reserved = "x" }, "reserved"},
		"hash sha1":           {func(p *sshsigParts) { p.hash = "sha1" }, "hash algorithm"},
		"hash SHA512":         {func(p *sshsigParts) { p.hash = "SHA512" }, "hash algorithm"},
		"hash empty":          {func(p *sshsigParts) { p.hash = "" }, "hash algorithm"},
		"trailing":            {func(p *sshsigParts) { p.trailing = "x" }, "1 bytes follow"},
		"trailing signature":  {func(p *sshsigParts) { p.sig = append(p.sig, 0) }, "follow the ssh-ed25519 signature"},
		"trailing in key":     {func(p *sshsigParts) { p.key = append(bytes.Clone(p.key), 0) }, "32 bytes"},
		"cut signature":       {func(p *sshsigParts) { p.sig = p.sig[:len(p.sig)-1] }, "cut short"},
		"empty signature":     {func(p *sshsigParts) { p.sig = nil }, "cut short"},
		"format only":         {func(p *sshsigParts) { p.sig = appendString(nil, "ssh-ed25519") }, "cut short"},
		"65 bytes":            {func(p *sshsigParts) { p.sig = appendString(p.sig[:15], make([]byte, 65)) }, "65 bytes"},
		"63 bytes":            {func(p *sshsigParts) { p.sig = appendString(p.sig[:15], make([]byte, 63)) }, "63 bytes"},
		"format of other key": {func(p *sshsigParts) { p.sig = appendString(appendString(nil, "rsa-sha2-512"), p.sig[19:]) }, "does not fit"},
		"no key":              {func(p *sshsigParts) { p.key = nil }, "cut short"},
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			p.sig = bytes.Clone(good.sig)
			tc.change(&p)
			s, err := ParseSSHSIG(p.armor())
			if err == nil || !strings.Contains(err.Error(), tc.fails) {
				t.Fatalf("error %v, want one with %q", err, tc.fails)
			}
			if s != nil {
				t.Fatal("a signature came with the error")
			}
		})
	}
	for n := range len(good.blob()) {
		if _, err := ParseSSHSIG(armor(good.blob()[:n])); err == nil {
			t.Fatalf("cut to %d bytes it is accepted", n)
		}
	}
	// The near miss of "long namespace".
	p := good
	p.namespace = strings.Repeat("n", MaxNamespace)
	p.sign(t, signer, message)
	if err := mustParse(t, p.armor()).Verify(message, p.namespace); err != nil {
		t.Error(err)
	}
}

func TestArmor(t *testing.T) {
	good := string(mustSign(t, newEd25519(t), NamespaceGit, []byte("x")))
	body := strings.TrimSuffix(strings.TrimPrefix(good, armorBegin), armorEnd)
	flat := strings.ReplaceAll(body, "\n", "")
	for name, text := range map[string]string{
		"nothing":             "",
		"no line break":       strings.TrimSuffix(good, "\n"),
		"two line breaks":     good + "\n",
		"text before":         "x\n" + good,
		"blank before":        "\n" + good,
		"text after":          good + "x",
		"two blocks":          good + good,
		"CR LF":               strings.ReplaceAll(good, "\n", "\r\n"),
		"one long line":       armorBegin + flat + "\n" + armorEnd,
		"64 columns":          armorBegin + wrap(flat, 64) + armorEnd,
		"blank line inside":   strings.Replace(good, body, "\n"+body, 1),
		"space at the end":    strings.Replace(good, body, strings.Replace(body, "\n", " \n", 1), 1),
		"PEM header":          strings.Replace(good, armorBegin, armorBegin+"Comment: x\n\n", 1),
		"other label":         strings.ReplaceAll(good, "SSH SIGNATURE", "PGP SIGNATURE"),
		"no begin":            body + armorEnd,
		"no end":              armorBegin + body,
		"begin twice":         armorBegin + good,
		"end twice":           good + armorEnd,
		"character not in 64": strings.Replace(good, body[:1], "-", 1),
		"too long":            armorBegin + wrap(strings.Repeat("A", MaxArmoredSize), 70) + armorEnd,
	} {
		t.Run(name, func(t *testing.T) {
			if text == good {
				t.Fatal("this is the good one")
			}
			if s, err := ParseSSHSIG([]byte(text)); err == nil || s != nil {
				t.Fatalf("accepted: %q", text)
			}
		})
	}
	t.Run("loose bits", func(t *testing.T) {
		// Base64 that ends in "=" has bits that decoders ignore: another text, the same bytes.
		for i := range 3 {
			p := partsOf(t, newEd25519(t), []byte("x"))
			p.namespace += strings.Repeat("x", i)
			text := p.armor()
			at := bytes.IndexByte(text, '=')
			if at < 0 {
				continue
			}
			if _, err := ParseSSHSIG(text); err != nil {
				t.Fatal(err)
			}
			text[at-1]++ // the letters before "=" end in zero bits, so that the next one differs in those
			if _, err := ParseSSHSIG(text); err == nil {
				t.Fatalf("accepted: %s", text)
			}
		}
	})
}

func wrap(s string, n int) string {
	var b strings.Builder
	for len(s) > 0 {
		m := min(n, len(s))
		b.WriteString(s[:m] + "\n")
		s = s[m:]
	}
	return b.String()
}

func TestSignSSHSIGChecksItsResult(t *testing.T) {
	if _, err := SignSSHSIG(newEd25519(t), "", nil); err == nil {
		t.Error("an empty namespace was signed")
	}
	if _, err := SignSSHSIG(fidoSigner(t, newFIDO(t, 0)), NamespaceGit, nil); !errors.Is(err, ErrPresence) {
		t.Errorf("an untouched token: %v", err)
	}
	if _, err := SignSSHSIG(otherKey{newEd25519(t), newEd25519(t).SSHPublicKey()}, NamespaceGit, nil); !errors.Is(err, ErrBadSignature) {
		t.Errorf("a signer that signs with another key: %v", err)
	}
}

// otherKey claims another public key than the one it signs with.
type otherKey struct {
	Signer
	claimed PublicKey
}

func (o otherKey) SSHPublicKey() PublicKey { return o.claimed }
