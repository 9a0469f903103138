package signing

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"filippo.io/edwards25519"
	"github.com/sigstore/sigstore/pkg/signature"
	"golang.org/x/crypto/ssh"

	"github.com/remit-sh/remit/inert"
)

// Bounds of a public key.
const (
	// MaxKeySize is the longest wire form of a public key, in bytes: RSA with 16,384 bits fits.
	MaxKeySize = 4096
	// MaxKeyLine is the longest authorized_keys line, in bytes.
	MaxKeyLine = 8192
	// MinRSABits is the shortest RSA modulus accepted.
	MinRSABits = 2048
)

// fidoApplication is how the application of a FIDO key for SSH begins (PROTOCOL.u2f). Keys for
// websites have others, and sign what a browser was asked to sign.
const fidoApplication = "ssh:"

// PublicKey is an SSH public key that passed the checks of enrolment: a type that remit accepts,
// long enough, and for Ed25519 a canonical point that is not of low order. The zero value is no key
// and verifies nothing. A PublicKey is immutable; compare with [PublicKey.Equal].
type PublicKey struct {
	wire    string            // SSH wire form; empty for no key
	comment string            // untrusted text after the key
	ed      ed25519.PublicKey // of a plain ssh-ed25519 key
	other   ssh.PublicKey     // of every other type
}

// ParseAuthorizedKey reads one authorized_keys line, "type base64 comment", without options. The
// comment may be missing. It refuses, with [ErrKeyRefused], certificates, DSA, RSA shorter than
// [MinRSABits], and Ed25519 points that are not canonical or of low order.
func ParseAuthorizedKey(line string) (PublicKey, error) {
	if len(line) > MaxKeyLine {
		return PublicKey{}, fmt.Errorf("the public key line has %d bytes, more than %d", len(line), MaxKeyLine)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	line = strings.Trim(line, " \t")
	typ, rest := cutField(line)
	encoded, comment := cutField(rest)
	if typ == "" || encoded == "" {
		return PublicKey{}, fmt.Errorf("%s is not a public key line: write \"ssh-ed25519 AAAA… comment\"", inert.Quote(line))
	}
	if err := checkComment(comment); err != nil {
		return PublicKey{}, err
	}
	if err := checkKeyType(typ); err != nil {
		return PublicKey{}, err
	}
	wire, err := decodeBase64(encoded)
	if err != nil {
		return PublicKey{}, fmt.Errorf("decoding the public key %s: %w", inert.Quote(encoded), err)
	}
	k, err := ParsePublicKey(wire)
	if err != nil {
		return PublicKey{}, err
	}
	if k.Type() != typ {
		return PublicKey{}, fmt.Errorf("the public key line says %s and holds a key of type %s", inert.Quote(typ), inert.Quote(k.Type()))
	}
	k.comment = comment
	return k, nil
}

// ParsePublicKey reads a public key in SSH wire form (RFC 4253 6.6) with the same checks as
// [ParseAuthorizedKey]. Only the one canonical encoding of a key is accepted.
func ParsePublicKey(wire []byte) (PublicKey, error) {
	k, err := parseWire(wire)
	if err != nil {
		return PublicKey{}, err
	}
	if err := k.checkPoint(); err != nil {
		return PublicKey{}, err
	}
	return k, nil
}

// parseWire does all of ParsePublicKey but the arithmetic on Ed25519 points, which is as dear as a
// good part of a verification and needless when the key turns out to be an enrolled one.
func parseWire(wire []byte) (PublicKey, error) {
	if len(wire) > MaxKeySize {
		return PublicKey{}, fmt.Errorf("the public key has %d bytes, more than %d", len(wire), MaxKeySize)
	}
	typ, rest, ok := readString(wire)
	if !ok {
		return PublicKey{}, errors.New("the public key is cut short")
	}
	if err := checkKeyType(string(typ)); err != nil {
		return PublicKey{}, err
	}
	if string(typ) == ssh.KeyAlgoED25519 {
		point, rest, ok := readString(rest)
		if !ok || len(point) != ed25519.PublicKeySize || len(rest) != 0 {
			return PublicKey{}, errors.New("the Ed25519 public key does not have exactly 32 bytes")
		}
		k := PublicKey{wire: string(wire)}
		k.ed = ed25519.PublicKey(bytes.Clone(point))
		return k, nil
	}
	key, err := ssh.ParsePublicKey(wire)
	if err != nil {
		return PublicKey{}, fmt.Errorf("reading the %s public key: %w", typ, err)
	}
	// Some decoders accept several encodings of one number; a fingerprint must mean one key.
	if !bytes.Equal(key.Marshal(), wire) {
		return PublicKey{}, fmt.Errorf("the %s public key is not in its canonical encoding", typ)
	}
	k := PublicKey{wire: string(wire), other: key}
	if err := k.checkStrength(); err != nil {
		return PublicKey{}, err
	}
	return k, nil
}

// checkKeyType names what is wrong with a key type that is not accepted.
func checkKeyType(typ string) error {
	switch typ {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoRSA, ssh.KeyAlgoSKECDSA256,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return nil
	case "ssh-dss":
		return fmt.Errorf("%w: DSA is broken; use Ed25519", ErrKeyRefused)
	}
	if strings.Contains(typ, "-cert-v") {
		return fmt.Errorf("%w: %s is a certificate; list the key itself", ErrKeyRefused, inert.Quote(typ))
	}
	if strings.HasPrefix(typ, "ssh-") || strings.HasPrefix(typ, "sk-") || strings.HasPrefix(typ, "ecdsa-") {
		return fmt.Errorf("%w: the key type %s is not supported; use ssh-ed25519", ErrKeyRefused, inert.Quote(typ))
	}
	return fmt.Errorf("%s is not a key type: write \"ssh-ed25519 AAAA… comment\", without options before it", inert.Quote(typ))
}

// checkStrength refuses keys that are too weak to name anybody.
func (k PublicKey) checkStrength() error {
	switch k.Type() {
	case ssh.KeyAlgoRSA:
		pub, ok := k.crypto().(*rsa.PublicKey)
		if !ok || pub.N.Sign() <= 0 || pub.N.Bit(0) == 0 {
			return fmt.Errorf("%w: its RSA modulus is not a positive odd number", ErrKeyRefused)
		}
		if n := pub.N.BitLen(); n < MinRSABits {
			return fmt.Errorf("%w: RSA with %d bits is too short; use Ed25519, or at least %d bits", ErrKeyRefused, n, MinRSABits)
		}
	case ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		if app := k.fidoApplication(); !strings.HasPrefix(app, fidoApplication) {
			return fmt.Errorf("%w: its FIDO application %s is not one for SSH (\"ssh:\")", ErrKeyRefused, inert.Quote(app))
		}
	}
	return nil
}

// checkPoint refuses Ed25519 keys that several private keys, or none, could have signed for:
// with a low-order point anyone can make signatures that verify, and a point with a second
// encoding has two fingerprints. Go's crypto/ed25519 accepts both.
func (k PublicKey) checkPoint() error {
	raw := k.ed
	if k.Type() == ssh.KeyAlgoSKED25519 {
		raw, _ = k.crypto().(ed25519.PublicKey)
	} else if raw == nil {
		return nil
	}
	p, err := new(edwards25519.Point).SetBytes(raw)
	if err != nil {
		return fmt.Errorf("%w: it is not a point of the Ed25519 curve", ErrKeyRefused)
	}
	if !reduced(raw) {
		return fmt.Errorf("%w: its Ed25519 point is not in the canonical encoding", ErrKeyRefused)
	}
	if new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return fmt.Errorf("%w: its Ed25519 point has low order, so that anyone could sign for it", ErrKeyRefused)
	}
	return nil
}

// reduced reports whether the y of a point's encoding is below the field's prime, 2^255-19, as RFC 8032 (5.1.3) asks.
// With it an encoding is the only one of its point, except where x is 0: those two points have a low order.
func reduced(encoding []byte) bool {
	last := len(encoding) - 1
	return encoding[0] < 0xed || encoding[last]&0x7f != 0x7f || slices.ContainsFunc(encoding[1:last], func(b byte) bool { return b != 0xff })
}

// fidoApplication reads the last field of a FIDO key (PROTOCOL.u2f), "" for none.
func (k PublicKey) fidoApplication() string {
	_, rest, _ := readString([]byte(k.wire))
	var last []byte
	for len(rest) > 0 {
		field, more, ok := readString(rest)
		if !ok {
			return ""
		}
		last, rest = field, more
	}
	return string(last)
}

// IsZero says whether k is no key at all.
func (k PublicKey) IsZero() bool { return k.wire == "" }

// Equal says whether both are the same key, whatever their comments. No key equals nothing, not
// even another one that is no key.
func (k PublicKey) Equal(o PublicKey) bool { return !k.IsZero() && k.wire == o.wire }

// Type is the SSH name of the key's type, such as "ssh-ed25519"; "" for no key.
func (k PublicKey) Type() string {
	if k.ed != nil {
		return ssh.KeyAlgoED25519
	}
	if k.other != nil {
		return k.other.Type()
	}
	return ""
}

// Marshal returns the key in SSH wire form (RFC 4253 6.6); nil for no key.
func (k PublicKey) Marshal() []byte {
	if k.IsZero() {
		return nil
	}
	return []byte(k.wire)
}

// Fingerprint is "SHA256:" and unpadded base64, as `ssh-keygen -l` shows it; "" for no key.
func (k PublicKey) Fingerprint() string {
	if k.IsZero() {
		return ""
	}
	return fingerprint([]byte(k.wire))
}

func fingerprint(wire []byte) string {
	sum := sha256.Sum256(wire)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// AuthorizedKey is the key as "type base64", without a comment; "" for no key.
func (k PublicKey) AuthorizedKey() string {
	if k.IsZero() {
		return ""
	}
	return k.Type() + " " + base64.StdEncoding.EncodeToString([]byte(k.wire))
}

// Comment is the text after the key on its authorized_keys line. Nothing vouches for it.
func (k PublicKey) Comment() string { return k.comment }

// String is [PublicKey.AuthorizedKey], for messages.
func (k PublicKey) String() string { return k.AuthorizedKey() }

// Hardware says whether the key lives in a FIDO token ("sk-" types).
func (k PublicKey) Hardware() bool { return strings.HasPrefix(k.Type(), "sk-") }

// AgentKey says why k cannot be an agent's key; nil if and only if it is a plain ssh-ed25519 key.
func (k PublicKey) AgentKey() error {
	switch {
	case k.ed != nil:
		return nil
	case k.IsZero():
		return errors.New("there is no key")
	default:
		return fmt.Errorf("the key %s is of type %s; an agent's key must be ssh-ed25519: make one with `remit key new`", k.Fingerprint(), k.Type())
	}
}

// crypto returns the key in the form of Go's crypto packages; nil for no key.
func (k PublicKey) crypto() crypto.PublicKey {
	if k.ed != nil {
		return ed25519.PublicKey(bytes.Clone(k.ed))
	}
	if c, ok := k.other.(ssh.CryptoPublicKey); ok {
		return c.CryptoPublicKey()
	}
	return nil
}

// Verifier returns k as a sigstore verifier. Signatures of plain ssh-ed25519 keys are the 64 bytes
// of RFC 8032; those of other types have the encoding of RFC 4253 6.6, followed for FIDO keys by
// flags and counter (PROTOCOL.u2f). FIDO signatures count only with the flag for user presence. The
// options of sigstore are ignored. The verifier of no key refuses everything.
func (k PublicKey) Verifier() signature.Verifier { return verifier{k} }

type verifier struct{ key PublicKey }

// PublicKey returns the key as a type of Go's crypto packages.
func (v verifier) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) {
	if v.key.IsZero() {
		return nil, errNoKey
	}
	return v.key.crypto(), nil
}

// VerifySignature reads both to their end; the caller bounds them.
func (v verifier) VerifySignature(sig, message io.Reader, _ ...signature.VerifyOption) error {
	if sig == nil || message == nil {
		return errors.New("the signature or the message is missing")
	}
	s, err := io.ReadAll(io.LimitReader(sig, MaxSignatureSize+1))
	if err != nil {
		return fmt.Errorf("reading the signature: %w", err)
	}
	m, err := io.ReadAll(message)
	if err != nil {
		return fmt.Errorf("reading the message: %w", err)
	}
	return v.key.verify(m, s)
}

// cutField splits s after its first run of characters that are neither space nor tab.
func cutField(s string) (field, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t")
}

// checkComment keeps line breaks and terminal escapes out of what is later shown and written.
func checkComment(c string) error {
	if !utf8.ValidString(c) || strings.ContainsFunc(c, unicode.IsControl) {
		return fmt.Errorf("the comment %s of the public key has control characters or is not UTF-8", inert.Quote(c))
	}
	return nil
}

// decodeBase64 accepts the one canonical, padded form of standard base64 without line breaks.
func decodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("line breaks inside base64")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("not standard padded base64: %w", err)
	}
	return b, nil
}
