package signing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"filippo.io/edwards25519"
	"golang.org/x/crypto/ssh"
)

// The classes of edge cases below are those of "Taming the many EdDSAs" (Chalkias, Garillot,
// Nikolaenko, https://eprint.iacr.org/2020/1244) and of C2SP's CCTV vectors for Ed25519
// (https://github.com/C2SP/CCTV/tree/main/ed25519); the cases are made here, and signing/vectors runs
// the published ones.
//
// remit = Go's crypto/ed25519 and the checks at enrolment. It is stricter than Go on public keys
// alone: low-order and non-canonical ones. It agrees with Go, and with OpenSSH, on the formula
// without cofactor, on refusing S >= L (where OpenSSH 9.2 does not) and non-canonical R; and on
// accepting mixed-order keys and a low-order R, which only the owner of the private key can make.

// lowOrder are the canonical encodings of the eight points of low order, and below them the other
// encodings that decoders accept.
var (
	lowOrder = []string{
		"0100000000000000000000000000000000000000000000000000000000000000", // order 1
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
		"0000000000000000000000000000000000000000000000000000000000000000", // order 4
		"0000000000000000000000000000000000000000000000000000000000000080",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	}
	lowOrderNonCanonical = []string{
		"0100000000000000000000000000000000000000000000000000000000000080", // x = -0
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y >= p
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	}
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func edWire(a []byte) []byte { return appendString(appendString(nil, ssh.KeyAlgoED25519), a) }

// judge is remit's whole verdict on a key, a message and a signature: enrolment, then verification.
func judge(a, message, sig []byte) error {
	k, err := ParsePublicKey(edWire(a))
	if err != nil {
		return err
	}
	return k.verify(message, sig)
}

func point(t testing.TB, encoded []byte) *edwards25519.Point {
	t.Helper()
	p, err := new(edwards25519.Point).SetBytes(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// randomScalar is a private scalar or a nonce.
func randomScalar(t testing.TB) *edwards25519.Scalar {
	t.Helper()
	var b [64]byte
	if _, err := rand.Read(b[:]); err != nil {
		t.Fatal(err)
	}
	s, err := new(edwards25519.Scalar).SetUniformBytes(b[:])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// challenge is k = SHA-512(R, A, M) mod L.
func challenge(t testing.TB, r, a, message []byte) *edwards25519.Scalar {
	t.Helper()
	sum := sha512.Sum512(slices.Concat(r, a, message))
	k, err := new(edwards25519.Scalar).SetUniformBytes(sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// finish computes S = nonce + k*secret and puts the signature together.
func finish(t testing.TB, r, a, message []byte, nonce, secret *edwards25519.Scalar) []byte {
	s := new(edwards25519.Scalar).MultiplyAdd(challenge(t, r, a, message), secret, nonce)
	return append(bytes.Clone(r), s.Bytes()...)
}

// With a low-order key anybody can sign: R = S*B needs no secret, as soon as k*A is the identity.
func TestEd25519LowOrderKeys(t *testing.T) {
	for _, encoded := range slices.Concat(lowOrder, lowOrderNonCanonical) {
		a := unhex(t, encoded)
		forged := false
		for i := range 256 {
			message := []byte{byte(i)}
			nonce := randomScalar(t)
			r := new(edwards25519.Point).ScalarBaseMult(nonce).Bytes()
			sig := finish(t, r, a, message, nonce, edwards25519.NewScalar())
			if !ed25519.Verify(a, message, sig) {
				continue
			}
			forged = true
			if err := judge(a, message, sig); !errors.Is(err, ErrKeyRefused) {
				t.Errorf("%s: %v", encoded, err)
			}
			checkForgedSSHSIG(t, a)
			break
		}
		if !forged {
			t.Errorf("%s: Go accepted none of 256 forgeries; this test tests nothing", encoded)
		}
		fido := appendString(appendString(appendString(nil, ssh.KeyAlgoSKED25519), a), "ssh:")
		if _, err := ParsePublicKey(fido); !errors.Is(err, ErrKeyRefused) {
			t.Errorf("%s as a FIDO key: %v", encoded, err)
		}
	}
}

// checkForgedSSHSIG mounts the same forgery on a commit's signature.
func checkForgedSSHSIG(t *testing.T, a []byte) {
	t.Helper()
	for i := range 256 {
		message := []byte{byte(i)}
		signed := sshsigMessage(NamespaceGit, hashSHA512, message)
		nonce := randomScalar(t)
		r := new(edwards25519.Point).ScalarBaseMult(nonce).Bytes()
		sig := finish(t, r, a, signed, nonce, edwards25519.NewScalar())
		if !ed25519.Verify(a, signed, sig) {
			continue
		}
		p := sshsigParts{magic: sshsigMagic, version: sshsigVersion, key: edWire(a), namespace: NamespaceGit, hash: hashSHA512}
		p.sig = appendString(appendString(nil, ssh.KeyAlgoED25519), sig)
		s := mustParse(t, p.armor())
		if err := s.Verify(message, NamespaceGit); !errors.Is(err, ErrKeyRefused) {
			t.Errorf("in an SSHSIG: %v", err)
		}
		if k := s.PublicKey(); !k.IsZero() {
			t.Error("PublicKey hands out the key")
		}
		return
	}
	t.Error("no forgery to test with")
}

// Besides those of low order, a few more points have a second encoding, with y >= p.
func TestEd25519NonCanonicalKeys(t *testing.T) {
	tried := 0
	for low := byte(0xed); low != 0; low++ { // p is 2^255-19: 0xed ff … ff 7f
		for _, high := range []byte{0x7f, 0xff} {
			a := bytes.Repeat([]byte{0xff}, 32)
			a[0], a[31] = low, high
			p, err := new(edwards25519.Point).SetBytes(a)
			if err != nil {
				continue
			}
			tried++
			if _, err := ParsePublicKey(edWire(a)); !errors.Is(err, ErrKeyRefused) {
				t.Errorf("%x: %v", a, err)
			}
			canonical := p.Bytes()
			lowOrderPoint := new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 1
			if _, err := ParsePublicKey(edWire(canonical)); (err != nil) != lowOrderPoint {
				t.Errorf("%x, the canonical encoding: %v", canonical, err)
			}
		}
	}
	if tried < 10 {
		t.Errorf("only %d such points were tried", tried)
	}
	// Half of all strings are no point at all.
	for i := range byte(20) {
		a := make([]byte, 32)
		a[0] = i
		if _, err := new(edwards25519.Point).SetBytes(a); err == nil {
			continue
		}
		if _, err := ParsePublicKey(edWire(a)); !errors.Is(err, ErrKeyRefused) {
			t.Errorf("%x is not on the curve: %v", a, err)
		}
	}
}

// R of low order comes from the nonce 0: the owner of the key can do that, and gives the key away by
// it. Like Go and OpenSSH, remit accepts a canonical one that solves the equation without cofactor,
// and no other.
func TestEd25519LowOrderR(t *testing.T) {
	secret := randomScalar(t)
	a := new(edwards25519.Point).ScalarBaseMult(secret).Bytes()
	message := []byte("x")
	for i, encoded := range slices.Concat(lowOrder, lowOrderNonCanonical) {
		r := unhex(t, encoded)
		sig := finish(t, r, a, message, edwards25519.NewScalar(), secret)
		err := judge(a, message, sig)
		if identity := i == 0; identity != (err == nil) {
			t.Errorf("R = %s: %v", encoded, err)
		}
		if ed25519.Verify(a, message, sig) != (err == nil) {
			t.Errorf("R = %s: Go says otherwise", encoded)
		}
	}
}

// A key with a low-order component signs validly when k is a multiple of eight. Verifiers with and
// without cofactor disagree about the rest; remit has none, like OpenSSH and Go.
func TestEd25519MixedOrderKey(t *testing.T) {
	secret := randomScalar(t)
	mixed := new(edwards25519.Point).ScalarBaseMult(secret)
	mixed.Add(mixed, point(t, unhex(t, lowOrder[4])))
	a := mixed.Bytes()
	accepted, refused := 0, 0
	for i := range 256 {
		message := []byte{byte(i)}
		nonce := randomScalar(t)
		r := new(edwards25519.Point).ScalarBaseMult(nonce).Bytes()
		sig := finish(t, r, a, message, nonce, secret)
		err := judge(a, message, sig)
		if multiple := challenge(t, r, a, message).Bytes()[0]%8 == 0; multiple != (err == nil) {
			t.Errorf("k is a multiple of 8: %v, and the verdict: %v", multiple, err)
		}
		if ed25519.Verify(a, message, sig) != (err == nil) {
			t.Error("Go says otherwise")
		}
		if err == nil {
			accepted++
		} else {
			refused++
		}
	}
	if accepted == 0 || refused == 0 {
		t.Errorf("%d accepted, %d refused: both were to be seen", accepted, refused)
	}
}

func TestEd25519SPlusL(t *testing.T) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("x")
	sig := ed25519.Sign(priv, message)
	if err := judge(pub, message, sig); err != nil {
		t.Fatal(err)
	}
	for range 15 { // as long as it fits into 32 bytes
		copy(sig[32:], plusL(t, sig[32:]))
		if err := judge(pub, message, sig); !errors.Is(err, ErrBadSignature) {
			t.Errorf("S+L: %v", err)
		}
	}
}
