package signing

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

func newEd25519(t testing.TB) Signer {
	t.Helper()
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewEd25519Signer(priv)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rsaKey is made once: RSA keys take long to find.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func sshSignerOf(t testing.TB, key any) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newRSA(t testing.TB) Signer {
	t.Helper()
	key, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSSHSigner(sshSignerOf(t, key))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newECDSA(t testing.TB, curve elliptic.Curve) Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSSHSigner(sshSignerOf(t, key))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fidoToken is a FIDO token in software: sk-ssh-ed25519 keys as PROTOCOL.u2f describes them.
type fidoToken struct {
	priv        ed25519.PrivateKey
	application string
	flags       byte
}

func newFIDO(t testing.TB, flags byte) *fidoToken {
	t.Helper()
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &fidoToken{priv: priv, application: "ssh:", flags: flags}
}

func (f *fidoToken) wire() []byte {
	b := appendString(nil, ssh.KeyAlgoSKED25519)
	b = appendString(b, f.priv[ed25519.SeedSize:])
	return appendString(b, f.application)
}

func (f *fidoToken) PublicKey() ssh.PublicKey {
	k, err := ssh.ParsePublicKey(f.wire())
	if err != nil {
		panic(err)
	}
	return k
}

func (f *fidoToken) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	app, message := sha256.Sum256([]byte(f.application)), sha256.Sum256(data)
	tail := binary.BigEndian.AppendUint32([]byte{f.flags}, 7)
	signed := append(append(app[:], tail...), message[:]...)
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(f.priv, signed), Rest: tail}, nil
}

func mustSign(t testing.TB, s Signer, namespace string, message []byte) []byte {
	t.Helper()
	armored, err := SignSSHSIG(s, namespace, message)
	if err != nil {
		t.Fatal(err)
	}
	return armored
}

func mustParse(t testing.TB, armored []byte) *Signature {
	t.Helper()
	s, err := ParseSSHSIG(armored)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sshsigParts is an SSHSIG taken apart, to put it together wrongly.
type sshsigParts struct {
	magic, version      string
	key                 []byte
	namespace, reserved string
	hash                string
	sig                 []byte // in the encoding of RFC 4253 6.6
	trailing            string
}

// partsOf makes a correct signature, in parts.
func partsOf(t testing.TB, s Signer, message []byte) sshsigParts {
	t.Helper()
	p := sshsigParts{magic: sshsigMagic, version: sshsigVersion, namespace: NamespaceGit, hash: hashSHA512}
	p.key = s.SSHPublicKey().Marshal()
	p.sign(t, s, message)
	return p
}

func (p *sshsigParts) sign(t testing.TB, s Signer, message []byte) {
	t.Helper()
	sig, err := s.SignMessage(newReader(sshsigMessage(p.namespace, p.hash, message)))
	if err != nil {
		t.Fatal(err)
	}
	p.sig = sig
	if s.SSHPublicKey().Type() == ssh.KeyAlgoED25519 {
		p.sig = appendString(appendString(nil, ssh.KeyAlgoED25519), sig)
	}
}

func (p sshsigParts) blob() []byte {
	b := append([]byte(p.magic), p.version...)
	b = appendString(b, p.key)
	b = appendString(b, p.namespace)
	b = appendString(b, p.reserved)
	b = appendString(b, p.hash)
	b = appendString(b, p.sig)
	return append(b, p.trailing...)
}

func (p sshsigParts) armor() []byte { return armor(p.blob()) }
