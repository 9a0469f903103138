package signing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func newReader(b []byte) io.Reader { return bytes.NewReader(b) }

func TestParseAuthorizedKey(t *testing.T) {
	ed := newEd25519(t).SSHPublicKey()
	padded := ssh.KeyAlgoSKED25519 + " " + base64.StdEncoding.EncodeToString(newFIDO(t, 0).wire())
	if !strings.HasSuffix(padded, "=") {
		t.Fatal("this key has no padding to leave out")
	}
	b64 := base64.StdEncoding.EncodeToString(ed.Marshal())
	for name, tc := range map[string]struct {
		line    string
		comment string
		fails   string // a part of the error; "" is success
	}{
		"plain":              {line: ed.AuthorizedKey()},
		"comment":            {line: ed.AuthorizedKey() + " alice@laptop", comment: "alice@laptop"},
		"comment with space": {line: ed.AuthorizedKey() + "  my  key ", comment: "my  key"},
		"tabs":               {line: "\tssh-ed25519\t" + b64 + "\tx", comment: "x"},
		"line break":         {line: ed.AuthorizedKey() + " x\n", comment: "x"},
		"CR LF":              {line: ed.AuthorizedKey() + "\r\n"},
		"two lines":          {line: ed.AuthorizedKey() + "\n" + ed.AuthorizedKey(), fails: "line breaks"},
		"escape in comment":  {line: ed.AuthorizedKey() + " \x1b[31mroot", fails: "control characters"},
		"not UTF-8":          {line: ed.AuthorizedKey() + " \xff", fails: "control characters"},
		"empty":              {line: "", fails: "not a public key line"},
		"type only":          {line: "ssh-ed25519", fails: "not a public key line"},
		"options":            {line: `command="x" ` + ed.AuthorizedKey(), fails: "without options"},
		"restrict":           {line: "restrict " + ed.AuthorizedKey(), fails: "without options"},
		"other type":         {line: "ssh-rsa " + b64, fails: "holds a key of type"},
		"case":               {line: "SSH-ED25519 " + b64, fails: "not a key type"},
		"no padding":         {line: strings.TrimRight(padded, "="), fails: "base64"},
		"url base64":         {line: "ssh-ed25519 " + b64[:20] + "-" + b64[21:], fails: "base64"},
		"cut short":          {line: "ssh-ed25519 " + b64[:40], fails: "32 bytes"},
		"trailing byte":      {line: "ssh-ed25519 " + base64.StdEncoding.EncodeToString(append(ed.Marshal(), 0)), fails: "32 bytes"},
		"too long":           {line: ed.AuthorizedKey() + strings.Repeat(" x", MaxKeyLine), fails: "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := ParseAuthorizedKey(tc.line)
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Fatalf("error %v, want one with %q", err, tc.fails)
				}
				if !k.IsZero() {
					t.Fatal("a key came with the error")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !k.Equal(ed) || k.Comment() != tc.comment {
				t.Fatalf("got %v %q", k, k.Comment())
			}
		})
	}
}

func TestKeyTypes(t *testing.T) {
	for _, tc := range []struct {
		name     string
		signer   Signer
		agent    bool
		hardware bool
	}{
		{"ssh-ed25519", newEd25519(t), true, false},
		{"ssh-rsa", newRSA(t), false, false},
		{"ecdsa-sha2-nistp256", newECDSA(t, elliptic.P256()), false, false},
		{"ecdsa-sha2-nistp384", newECDSA(t, elliptic.P384()), false, false},
		{"ecdsa-sha2-nistp521", newECDSA(t, elliptic.P521()), false, false},
		{"sk-ssh-ed25519@openssh.com", fidoSigner(t, newFIDO(t, fidoUserPresence)), false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := tc.signer.SSHPublicKey()
			if k.Type() != tc.name || (k.AgentKey() == nil) != tc.agent || k.Hardware() != tc.hardware {
				t.Errorf("type %s, agent %v, hardware %v", k.Type(), k.AgentKey(), k.Hardware())
			}
			again, err := ParseAuthorizedKey(k.AuthorizedKey())
			if err != nil || !again.Equal(k) || again.Fingerprint() != k.Fingerprint() {
				t.Errorf("it reads back as %v, %v", again, err)
			}
			reference, err := ssh.ParsePublicKey(k.Marshal())
			if err != nil || ssh.FingerprintSHA256(reference) != k.Fingerprint() {
				t.Errorf("fingerprint %s, %v", k.Fingerprint(), err)
			}
			message := []byte("a message")
			sig, err := tc.signer.SignMessage(newReader(message))
			if err != nil {
				t.Fatal(err)
			}
			if err := k.Verifier().VerifySignature(newReader(sig), newReader(message)); err != nil {
				t.Errorf("verifying: %v", err)
			}
			if err := k.Verifier().VerifySignature(newReader(sig), newReader([]byte("A message"))); !errors.Is(err, ErrBadSignature) {
				t.Errorf("verifying another message: %v", err)
			}
			if err := k.Verifier().VerifySignature(newReader(append(sig, 0)), newReader(message)); !errors.Is(err, ErrBadSignature) {
				t.Errorf("with a byte behind the signature: %v", err)
			}
			if err := newEd25519(t).SSHPublicKey().Verifier().VerifySignature(newReader(sig), newReader(message)); err == nil {
				t.Error("it verifies with another key")
			}
			if pub, err := tc.signer.PublicKey(); err != nil || pub == nil {
				t.Errorf("sigstore's PublicKey: %v, %v", pub, err)
			}
		})
	}
}

func fidoSigner(t testing.TB, f *fidoToken) Signer {
	t.Helper()
	s, err := NewSSHSigner(f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestZeroKeyRefusesEverything(t *testing.T) {
	var k PublicKey
	if !k.IsZero() || k.Equal(PublicKey{}) || k.Equal(newEd25519(t).SSHPublicKey()) || k.AgentKey() == nil {
		t.Error("the zero key is taken for a key")
	}
	if k.Fingerprint() != "" || k.AuthorizedKey() != "" || k.Marshal() != nil || k.Type() != "" {
		t.Error("the zero key has properties")
	}
	if err := k.Verifier().VerifySignature(newReader(nil), newReader(nil)); err == nil {
		t.Error("the zero key verifies")
	}
	if _, err := k.Verifier().PublicKey(); err == nil {
		t.Error("the zero key has a public key")
	}
	s := mustParse(t, mustSign(t, newEd25519(t), NamespaceGit, nil))
	if err := s.VerifyWith(k, nil, NamespaceGit); !errors.Is(err, ErrOtherKey) {
		t.Errorf("VerifyWith the zero key: %v", err)
	}
}

func TestWeakKeysAreRefused(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	rsaWire := func(e, n *big.Int) []byte {
		return ssh.Marshal(struct {
			Type string
			E, N *big.Int
		}{ssh.KeyAlgoRSA, e, n})
	}
	justShort := new(big.Int).Lsh(big.NewInt(1), MinRSABits-1)
	justShort.Sub(justShort, big.NewInt(1)) // 2047 bits, odd
	longEnough := new(big.Int).Lsh(big.NewInt(1), MinRSABits-1)
	longEnough.Add(longEnough, big.NewInt(1)) // 2048 bits, odd
	f65537 := big.NewInt(65537)

	edKey := newEd25519(t).SSHPublicKey().Marshal()
	website := newFIDO(t, fidoUserPresence)
	website.application = "https://example.com"

	for name, tc := range map[string]struct {
		wire  []byte
		fails bool
	}{
		"RSA 1024":              {sshSignerOf(t, short).PublicKey().Marshal(), true},
		"RSA 2047":              {rsaWire(f65537, justShort), true},
		"RSA 2048":              {rsaWire(f65537, longEnough), false},
		"RSA even modulus":      {rsaWire(f65537, new(big.Int).Sub(longEnough, big.NewInt(1))), true},
		"RSA negative modulus":  {rsaWire(f65537, new(big.Int).Neg(longEnough)), true},
		"RSA even exponent":     {rsaWire(big.NewInt(4), longEnough), true},
		"RSA padded modulus":    {bytes.Replace(rsaWire(f65537, longEnough), []byte("\x00\x00\x01\x01\x00"), []byte("\x00\x00\x01\x02\x00\x00"), 1), true},
		"FIDO for SSH":          {newFIDO(t, 0).wire(), false},
		"FIDO for a website":    {website.wire(), true},
		"FIDO trailing":         {append(newFIDO(t, 0).wire(), 0), true},
		"DSA":                   {appendString(nil, "ssh-dss"), true},
		"ML-DSA":                {appendString(nil, "ssh-mldsa-44"), true},
		"certificate":           {appendString(appendString(nil, "ssh-ed25519-cert-v01@openssh.com"), "x"), true},
		"Ed25519":               {edKey, false},
		"Ed25519 trailing":      {append(bytes.Clone(edKey), 0), true},
		"Ed25519 31 bytes":      {appendString(appendString(nil, ssh.KeyAlgoED25519), edKey[20:]), true},
		"nothing":               {nil, true},
		"length beyond the end": {[]byte{0xff, 0xff, 0xff, 0xff}, true},
		"too long":              {append(appendString(nil, ssh.KeyAlgoRSA), make([]byte, MaxKeySize)...), true},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := ParsePublicKey(tc.wire)
			if (err != nil) != tc.fails {
				t.Fatalf("error %v", err)
			}
			if err != nil && !k.IsZero() {
				t.Fatal("a key came with the error")
			}
		})
	}
}

func TestSignersRefuse(t *testing.T) {
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewEd25519Signer(priv); err != nil {
		t.Error(err)
	}
	mixed := bytes.Clone(priv)
	mixed[ed25519.SeedSize] ^= 1
	if _, err := NewEd25519Signer(mixed); err == nil {
		t.Error("a private key with somebody else's public half was taken")
	}
	if _, err := NewEd25519Signer(priv[:32]); err == nil {
		t.Error("half a private key was taken")
	}
	if _, err := NewSSHSigner(nil); err == nil {
		t.Error("no signer was taken for one")
	}
	key, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	// A signer that hides that it can do better than SHA-1.
	s, err := NewSSHSigner(struct{ ssh.Signer }{sshSignerOf(t, key)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SignMessage(newReader([]byte("x"))); err == nil || !strings.Contains(err.Error(), "SHA-1") {
		t.Errorf("signing with RSA and SHA-1: %v", err)
	}
}
