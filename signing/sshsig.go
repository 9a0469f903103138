package signing

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"

	"github.com/remit-sh/remit/inert"
)

// NamespaceGit is the SSHSIG namespace of git's commits, tags and pushes.
const NamespaceGit = "git"

// Bounds of an SSHSIG.
const (
	// MaxArmoredSize is the longest armored SSHSIG, in bytes.
	MaxArmoredSize = 16 << 10
	// MaxNamespace is the longest namespace, in bytes.
	MaxNamespace = 255
)

const (
	armorBegin  = "-----BEGIN SSH SIGNATURE-----\n"
	armorEnd    = "-----END SSH SIGNATURE-----\n"
	armorColumn = 70 // as ssh-keygen wraps

	sshsigMagic   = "SSHSIG"
	sshsigVersion = "\x00\x00\x00\x01"
	hashSHA256    = "sha256"
	hashSHA512    = "sha512"
)

// Signature is an SSHSIG signature (PROTOCOL.sshsig) that is well-formed. Nothing about it has been
// verified. It is immutable.
type Signature struct {
	blob      []byte    // the whole signature without its armor
	key       PublicKey // structure checked, Ed25519 point not: see checkedKey
	namespace string
	hash      string
	sig       []byte // in the encoding of PublicKey.Verifier
}

// ParseSSHSIG reads an armored SSHSIG, from the B of BEGIN's line to the line break behind END's.
// It is stricter than ssh-keygen: the armor must be exactly as ssh-keygen writes it (70 columns, one
// line break at the end), the version 1, the reserved field empty, the hash sha256 or sha512, the
// signature of a format that fits the key, and nothing may follow at any level. A signature's bytes
// are part of a commit's id, so that any freedom here would let others change the id.
//
// Whether the key is acceptable as a point of its curve is checked when it is used.
func ParseSSHSIG(armored []byte) (*Signature, error) {
	if len(armored) > MaxArmoredSize {
		return nil, fmt.Errorf("the SSH signature has %d bytes, more than %d", len(armored), MaxArmoredSize)
	}
	blob, err := dearmor(armored)
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(blob, []byte(sshsigMagic))
	if !ok {
		return nil, errors.New("the SSH signature does not begin with SSHSIG")
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(sshsigVersion)); !ok {
		return nil, errors.New("the SSH signature is not of version 1")
	}
	var fields [5][]byte // public key, namespace, reserved, hash algorithm, signature
	for i := range fields {
		if fields[i], rest, ok = readString(rest); !ok {
			return nil, errors.New("the SSH signature is cut short")
		}
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%d bytes follow the SSH signature", len(rest))
	}
	s := &Signature{blob: blob, namespace: string(fields[1]), hash: string(fields[3])}
	switch {
	case s.namespace == "" || len(s.namespace) > MaxNamespace:
		return nil, fmt.Errorf("the namespace of the SSH signature has %d bytes; 1 to %d are allowed", len(s.namespace), MaxNamespace)
	case len(fields[2]) != 0:
		return nil, errors.New("the reserved field of the SSH signature is not empty: somebody may have changed the signature after it was made")
	case s.hash != hashSHA256 && s.hash != hashSHA512:
		return nil, fmt.Errorf("the SSH signature names the hash algorithm %s; only sha512 and sha256 are allowed", inert.Quote(s.hash))
	}
	if s.key, err = parseWire(fields[0]); err != nil {
		return nil, fmt.Errorf("reading the key of the SSH signature: %w", err)
	}
	parsed, err := s.key.parseSignature(fields[4])
	if err != nil {
		return nil, fmt.Errorf("reading the SSH signature: %w", err)
	}
	s.sig = fields[4]
	if s.key.ed != nil {
		s.sig = parsed.Blob
	}
	return s, nil
}

// PublicKey is the key that the signature names, or no key if that key would be refused at
// enrolment; [Signature.CheckedKey] says why. Whether the key really signed is for Verify to say.
func (s *Signature) PublicKey() PublicKey {
	k, err := s.CheckedKey()
	if err != nil {
		return PublicKey{}
	}
	return k
}

// CheckedKey is [Signature.PublicKey] with the reason why a key is refused.
func (s *Signature) CheckedKey() (PublicKey, error) {
	if err := s.key.checkPoint(); err != nil {
		return PublicKey{}, err
	}
	return s.key, nil
}

// Fingerprint is that of the key that the signature names, whether it is acceptable or not.
func (s *Signature) Fingerprint() string { return s.key.Fingerprint() }

// Verify checks that the key which the signature names is acceptable and made this signature for
// this message and namespace. That says nothing about whose key it is: compare
// [Signature.PublicKey] with a key that is known. Errors: [ErrNamespace], [ErrPresence],
// [ErrBadSignature], [ErrKeyRefused].
func (s *Signature) Verify(message []byte, namespace string) error {
	k, err := s.CheckedKey()
	if err != nil {
		return err
	}
	return s.VerifyWith(k, message, namespace)
}

// VerifyWith checks that the enrolled key k made this signature for this message and namespace.
// Unlike [Signature.Verify] it need not check the key itself again: k was checked when it was
// parsed. Errors: [ErrOtherKey] if the signature names another key, and those of Verify.
func (s *Signature) VerifyWith(k PublicKey, message []byte, namespace string) error {
	if !k.Equal(s.key) {
		return ErrOtherKey
	}
	if namespace != s.namespace {
		return fmt.Errorf("%w: it is for %s and was presented for %s", ErrNamespace, inert.Quote(s.namespace), inert.Quote(namespace))
	}
	return k.verify(sshsigMessage(s.namespace, s.hash, message), s.sig)
}

// sshsigMessage is what an SSHSIG signs: the magic, namespace, an empty reserved field, the hash's
// name and the message's hash. It is another layout than the signature's own.
func sshsigMessage(namespace, hash string, message []byte) []byte {
	b := make([]byte, 0, len(sshsigMagic)+4*4+len(namespace)+len(hash)+sha512.Size)
	b = append(b, sshsigMagic...)
	b = appendString(b, namespace)
	b = appendString(b, "")
	b = appendString(b, hash)
	if hash == hashSHA256 {
		sum := sha256.Sum256(message)
		return appendString(b, sum[:])
	}
	sum := sha512.Sum512(message)
	return appendString(b, sum[:])
}

// SignSSHSIG signs message for the namespace with SHA-512, and returns the armored signature exactly
// as ssh-keygen would write it. The result has been verified: a token that was not touched or an
// agent that answers with another key's signature is an error here.
func SignSSHSIG(s Signer, namespace string, message []byte) ([]byte, error) {
	if namespace == "" || len(namespace) > MaxNamespace {
		return nil, fmt.Errorf("the namespace has %d bytes; 1 to %d are allowed", len(namespace), MaxNamespace)
	}
	k := s.SSHPublicKey()
	sig, err := s.SignMessage(bytes.NewReader(sshsigMessage(namespace, hashSHA512, message)))
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", k.Fingerprint(), err)
	}
	if k.ed != nil {
		sig = appendString(appendString(nil, ssh.KeyAlgoED25519), sig)
	}
	blob := append([]byte(sshsigMagic), sshsigVersion...)
	blob = appendString(blob, k.wire)
	blob = appendString(blob, namespace)
	blob = appendString(blob, "")
	blob = appendString(blob, hashSHA512)
	blob = appendString(blob, sig)
	armored := armor(blob)
	parsed, err := ParseSSHSIG(armored)
	if err == nil {
		err = parsed.VerifyWith(k, message, namespace)
	}
	if err != nil {
		return nil, fmt.Errorf("checking the signature just made with %s: %w", k.Fingerprint(), err)
	}
	return armored, nil
}

// armor wraps blob as ssh-keygen does.
func armor(blob []byte) []byte {
	encoded := base64.StdEncoding.EncodeToString(blob)
	out := make([]byte, 0, len(armorBegin)+len(encoded)+len(encoded)/armorColumn+1+len(armorEnd))
	out = append(out, armorBegin...)
	for len(encoded) > 0 {
		n := min(armorColumn, len(encoded))
		out = append(out, encoded[:n]...)
		out = append(out, '\n')
		encoded = encoded[n:]
	}
	return append(out, armorEnd...)
}

// dearmor accepts exactly what armor writes: it decodes generously and compares.
func dearmor(armored []byte) ([]byte, error) {
	body, ok := bytes.CutPrefix(armored, []byte(armorBegin))
	if !ok {
		return nil, errors.New("the SSH signature does not begin with the line -----BEGIN SSH SIGNATURE-----")
	}
	if body, ok = bytes.CutSuffix(body, []byte(armorEnd)); !ok {
		return nil, errors.New("the SSH signature does not end with the line -----END SSH SIGNATURE----- and a line break")
	}
	blob := make([]byte, base64.StdEncoding.DecodedLen(len(body)))
	n, err := base64.StdEncoding.Decode(blob, body) // skips line breaks
	if err != nil {
		return nil, fmt.Errorf("decoding the SSH signature's base64: %w", err)
	}
	blob = blob[:n]
	if !bytes.Equal(armor(blob), armored) {
		return nil, fmt.Errorf("the SSH signature is not wrapped as ssh-keygen writes it: lines of %d columns, canonical base64, nothing else", armorColumn)
	}
	return blob, nil
}
