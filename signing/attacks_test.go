package signing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"math/big"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"golang.org/x/crypto/ssh"
)

// Attacks on signatures, by name. Each stands beside the genuine article, which passes.

// A signature over a file must not become a commit's.
func TestAttackNamespaceFileAsGit(t *testing.T) {
	signer, message := newEd25519(t), []byte("tree …")
	file := mustParse(t, mustSign(t, signer, "file", message))
	if err := file.Verify(message, "file"); err != nil {
		t.Fatal(err)
	}
	if err := file.Verify(message, NamespaceGit); !errors.Is(err, ErrNamespace) {
		t.Errorf("presented for git: %v", err)
	}
	// Renamed inside the signature, the namespace is one that was not signed.
	p := partsOf(t, signer, message)
	p.namespace = "file"
	p.sign(t, signer, message)
	p.namespace = NamespaceGit
	if err := mustParse(t, p.armor()).Verify(message, NamespaceGit); !errors.Is(err, ErrBadSignature) {
		t.Errorf("renamed to git: %v", err)
	}
}

// The reserved field is not signed as it stands in the signature, so anybody can fill it and give a
// signed commit another id. ssh-keygen accepts that.
func TestAttackReservedField(t *testing.T) {
	signer, message := newEd25519(t), []byte("tree …")
	p := partsOf(t, signer, message)
	p.reserved = "the commit id changes with every text that stands here"
	if _, err := ParseSSHSIG(p.armor()); err == nil || !strings.Contains(err.Error(), "reserved") {
		t.Errorf("accepted, or for another reason: %v", err)
	}
	keygen := sshKeygen(t)
	sig := writeFile(t, t.TempDir(), "sig", p.armor())
	out, err := runKeygen(t, keygen, message, nil, "-Y", "check-novalidate", "-n", "git", "-s", sig)
	if err != nil {
		t.Logf("this ssh-keygen refuses it too: %s", out)
	}
}

// S and S+L satisfy the same equation: without a bound on S, a second signature for everybody.
func TestAttackSPlusL(t *testing.T) {
	signer, message := newEd25519(t), []byte("tree …")
	p := partsOf(t, signer, message)
	if err := mustParse(t, p.armor()).Verify(message, NamespaceGit); err != nil {
		t.Fatal(err)
	}
	raw := p.sig[len(p.sig)-ed25519.SignatureSize:]
	copy(raw[32:], plusL(t, raw[32:]))
	if err := mustParse(t, p.armor()).Verify(message, NamespaceGit); !errors.Is(err, ErrBadSignature) {
		t.Errorf("with S+L: %v", err)
	}
}

// plusL adds the order of the base point to a little-endian scalar.
func plusL(t *testing.T, s []byte) []byte {
	t.Helper()
	l, ok := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	if !ok {
		t.Fatal("no L")
	}
	be := bytes.Clone(s)
	reverse(be)
	sum := new(big.Int).Add(new(big.Int).SetBytes(be), l)
	out := sum.FillBytes(make([]byte, 32))
	reverse(out)
	return out
}

func reverse(b []byte) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

func TestAttackTwoBlocks(t *testing.T) {
	a := mustSign(t, newEd25519(t), NamespaceGit, []byte("a"))
	b := mustSign(t, newEd25519(t), NamespaceGit, []byte("b"))
	for name, text := range map[string][]byte{
		"one behind the other":     append(bytes.Clone(a), b...),
		"with a blank line":        append(append(bytes.Clone(a), '\n'), b...),
		"body of one in the other": bytes.Replace(a, []byte(armorEnd), b, 1),
	} {
		if _, err := ParseSSHSIG(text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// SHA-1 collides; OpenSSH refuses "ssh-rsa" signatures in SSHSIG, libraries may not.
func TestAttackRSAWithSHA1(t *testing.T) {
	key, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	signer, message := newRSA(t), []byte("tree …")
	for _, tc := range []struct {
		format string
		fails  bool
	}{
		{ssh.KeyAlgoRSA, true},
		{ssh.KeyAlgoRSASHA256, false},
		{ssh.KeyAlgoRSASHA512, false},
	} {
		p := partsOf(t, signer, message)
		inner, ok := sshSignerOf(t, key).(ssh.AlgorithmSigner)
		if !ok {
			t.Fatal("no choice of algorithm")
		}
		sig, err := inner.SignWithAlgorithm(rand.Reader, sshsigMessage(p.namespace, p.hash, message), tc.format)
		if err != nil {
			t.Fatal(err)
		}
		p.sig = ssh.Marshal(sig)
		s, err := ParseSSHSIG(p.armor())
		if tc.fails {
			if err == nil {
				t.Errorf("%s: accepted", tc.format)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.format, err)
		} else if err := s.Verify(message, NamespaceGit); err != nil {
			t.Errorf("%s: %v", tc.format, err)
		}
		// In DSSE, too.
		if err := signer.SSHPublicKey().verify(sshsigMessage(p.namespace, p.hash, message), p.sig); err != nil {
			t.Errorf("%s: %v", tc.format, err)
		}
	}
}

// An RSA signature may begin with zero bytes; verifiers that pad accept it with and without them.
func TestAttackShortRSASignature(t *testing.T) {
	signer := newRSA(t)
	k := signer.SSHPublicKey()
	pub, ok := k.crypto().(*rsa.PublicKey)
	if !ok {
		t.Fatal("not RSA")
	}
	for i := range 2000 {
		message := big.NewInt(int64(i)).Bytes()
		sig, err := signer.SignMessage(newReader(message))
		if err != nil {
			t.Fatal(err)
		}
		format, rest, _ := readString(sig)
		blob, _, _ := readString(rest)
		if blob[0] != 0 {
			continue
		}
		if err := k.verify(message, sig); err != nil {
			t.Errorf("with the zero byte: %v", err)
		}
		short := appendString(appendString(nil, format), blob[1:])
		if err := k.verify(message, short); err == nil || len(blob) != pub.Size() {
			t.Errorf("without the zero byte: %v", err)
		}
		return
	}
	t.Fatal("no signature begins with a zero byte")
}

// Numbers can be written with more zero bytes in front than they need.
func TestAttackECDSAEncodings(t *testing.T) {
	signer, message := newECDSA(t, elliptic.P256()), []byte("x")
	k := signer.SSHPublicKey()
	sig, err := signer.SignMessage(newReader(message))
	if err != nil {
		t.Fatal(err)
	}
	format, rest, _ := readString(sig)
	blob, _, _ := readString(rest)
	r, rest, _ := readString(blob)
	s, _, _ := readString(rest)
	with := func(r, s []byte, tail ...byte) []byte {
		return appendString(appendString(nil, format), append(appendString(appendString(nil, r), s), tail...))
	}
	zero := func(b []byte) []byte { return append([]byte{0}, b...) }
	if err := k.verify(message, with(r, s)); err != nil {
		t.Fatal(err)
	}
	for name, sig := range map[string][]byte{
		"zero before r": with(zero(r), s),
		"zero before s": with(r, zero(s)),
		"behind s":      with(r, s, 0),
		"r = 0":         with(nil, s),
		"s negative":    with(r, []byte{0x80}),
		"swapped":       with(s, r),
	} {
		if err := k.verify(message, sig); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A certificate names its holder itself; a policy lists keys.
func TestAttackCertificateKeys(t *testing.T) {
	holder := newEd25519(t)
	_, caPriv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	holderKey, err := ssh.ParsePublicKey(holder.SSHPublicKey().Marshal())
	if err != nil {
		t.Fatal(err)
	}
	for _, certType := range []uint32{ssh.UserCert, ssh.HostCert} {
		cert := &ssh.Certificate{Key: holderKey, CertType: certType, ValidPrincipals: []string{"alice"}, ValidBefore: ssh.CertTimeInfinity}
		if err := cert.SignCert(rand.Reader, sshSignerOf(t, caPriv)); err != nil {
			t.Fatal(err)
		}
		if _, err := ParsePublicKey(cert.Marshal()); !errors.Is(err, ErrKeyRefused) {
			t.Errorf("enrolled: %v", err)
		}
		if _, err := ParseAuthorizedKey(string(ssh.MarshalAuthorizedKey(cert))); !errors.Is(err, ErrKeyRefused) {
			t.Errorf("enrolled: %v", err)
		}
		p := partsOf(t, holder, []byte("x"))
		p.key = cert.Marshal()
		if _, err := ParseSSHSIG(p.armor()); !errors.Is(err, ErrKeyRefused) {
			t.Errorf("in a signature: %v", err)
		}
		if _, err := NewSSHSigner(certSigner{sshSignerOf(t, caPriv), cert}); !errors.Is(err, ErrKeyRefused) {
			t.Errorf("to sign with: %v", err)
		}
	}
}

type certSigner struct {
	ssh.Signer
	cert *ssh.Certificate
}

func (c certSigner) PublicKey() ssh.PublicKey { return c.cert }

// Malware can use a plugged-in token; it cannot touch it.
func TestAttackFIDOWithoutPresence(t *testing.T) {
	message := []byte("tree …")
	for _, tc := range []struct {
		flags byte
		want  error
	}{
		{0x00, ErrPresence},
		{0x04, ErrPresence}, // user verified, by a PIN that the token remembered
		{0x01, nil},
		{0x05, nil},
	} {
		token := newFIDO(t, tc.flags)
		signer := fidoSigner(t, token)
		p := partsOf(t, signer, message)
		if err := mustParse(t, p.armor()).Verify(message, NamespaceGit); !errors.Is(err, tc.want) {
			t.Errorf("SSHSIG with flags %#x: %v", tc.flags, err)
		}
		if _, err := SignEnvelope("application/x", message, signer); !errors.Is(err, tc.want) {
			t.Errorf("DSSE with flags %#x: %v", tc.flags, err)
		}
		// The flag is signed: setting it afterwards does not help.
		p.sig[len(p.sig)-fidoTail] |= fidoUserPresence
		err := mustParse(t, p.armor()).Verify(message, NamespaceGit)
		if tc.want != nil && !errors.Is(err, ErrBadSignature) || tc.want == nil && err != nil {
			t.Errorf("SSHSIG with flags %#x and the bit set later: %v", tc.flags, err)
		}
		// One byte more or less behind the flags.
		for _, sig := range [][]byte{append(bytes.Clone(p.sig), 0), p.sig[:len(p.sig)-1], p.sig[:len(p.sig)-fidoTail]} {
			p.sig = sig
			if _, err := ParseSSHSIG(p.armor()); err == nil {
				t.Error("a wrong length behind the signature went unnoticed")
			}
		}
	}
}

// What a browser signs for a website is chosen by the website: neither its keys nor its format count.
func TestAttackWebsiteSignature(t *testing.T) {
	message := []byte("tree …")
	token := newFIDO(t, fidoUserPresence)
	p := partsOf(t, fidoSigner(t, token), message)
	_, rest, _ := readString(p.sig)
	p.sig = append(appendString(nil, "webauthn-sk-ssh-ed25519@openssh.com"), rest...)
	if _, err := ParseSSHSIG(p.armor()); err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("the format of browsers: %v", err)
	}
	p = partsOf(t, fidoSigner(t, token), message)
	token.application = "https://example.com"
	p.key = token.wire()
	if _, err := ParseSSHSIG(p.armor()); !errors.Is(err, ErrKeyRefused) {
		t.Errorf("a website's key: %v", err)
	}
}

// A commit's signature must not serve as a delegation's, nor the reverse, though one key made both.
func TestAttackGitSignatureAsDSSE(t *testing.T) {
	signer := newEd25519(t)
	k := signer.SSHPublicKey()
	const payloadType = "application/vnd.in-toto+json"
	payload := []byte(`{"_type":"https://in-toto.io/Statement/v1"}`)

	commit := mustParse(t, mustSign(t, signer, NamespaceGit, payload))
	if err := (&Envelope{PayloadType: payloadType, Payload: payload, Sig: commit.sig}).Verify(k); !errors.Is(err, ErrBadSignature) {
		t.Errorf("a commit's signature in an envelope: %v", err)
	}
	// The very bytes that an SSHSIG signs, as a payload: DSSE puts its own words before them.
	signed := sshsigMessage(NamespaceGit, hashSHA512, payload)
	if err := (&Envelope{PayloadType: payloadType, Payload: signed, Sig: commit.sig}).Verify(k); !errors.Is(err, ErrBadSignature) {
		t.Errorf("a commit's signature over what it signed, in an envelope: %v", err)
	}
	envelope, err := SignEnvelope(payloadType, payload, signer)
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range [][]byte{payload, dsse.PAE(payloadType, payload)} {
		p := partsOf(t, signer, message)
		p.sig = appendString(appendString(nil, ssh.KeyAlgoED25519), envelope.Sig)
		if err := mustParse(t, p.armor()).Verify(message, NamespaceGit); !errors.Is(err, ErrBadSignature) {
			t.Errorf("an envelope's signature on a commit: %v", err)
		}
	}
}

// sshKeygen finds the reference implementation.
func sshKeygen(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not installed: install openssh-client to compare with it")
	}
	return filepath.Clean(path)
}
