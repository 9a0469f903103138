package signing

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/sigstore/sigstore/pkg/signature"
	"golang.org/x/crypto/ssh"
)

// Signer makes signatures in the encoding that [PublicKey.Verifier] describes, and knows its own
// public key. sigstore's KMS signers fit once they are wrapped; see signing/kms.
type Signer interface {
	signature.Signer
	// SSHPublicKey is the key that the signatures verify with.
	SSHPublicKey() PublicKey
}

// NewEd25519Signer signs with a key held in memory, through sigstore's Ed25519 signer.
func NewEd25519Signer(priv ed25519.PrivateKey) (Signer, error) {
	if len(priv) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("an Ed25519 private key has %d bytes, not %d", ed25519.PrivateKeySize, len(priv))
	}
	// Signing with somebody else's public half in place would give the private key away.
	if !bytes.Equal(ed25519.NewKeyFromSeed(priv.Seed()), priv) {
		return nil, errors.New("the Ed25519 private key does not belong to its public key")
	}
	inner, err := signature.LoadED25519Signer(bytes.Clone(priv))
	if err != nil {
		return nil, fmt.Errorf("loading the Ed25519 key: %w", err)
	}
	pub, err := ParsePublicKey(appendString(appendString(nil, ssh.KeyAlgoED25519), priv[ed25519.SeedSize:]))
	if err != nil {
		return nil, err
	}
	return ed25519Signer{Signer: inner, pub: pub}, nil
}

type ed25519Signer struct {
	signature.Signer
	pub PublicKey
}

func (s ed25519Signer) SSHPublicKey() PublicKey { return s.pub }

// NewSSHSigner makes a Signer of any signer of x/crypto/ssh, such as a key in ssh-agent. RSA keys
// sign with rsa-sha2-512. The options of sigstore are ignored.
func NewSSHSigner(inner ssh.Signer) (Signer, error) {
	if inner == nil {
		return nil, errors.New("there is no key to sign with")
	}
	pub, err := ParsePublicKey(inner.PublicKey().Marshal())
	if err != nil {
		return nil, err
	}
	return sshSigner{inner: inner, pub: pub}, nil
}

type sshSigner struct {
	inner ssh.Signer
	pub   PublicKey
}

func (s sshSigner) SSHPublicKey() PublicKey { return s.pub }

func (s sshSigner) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) {
	return s.pub.crypto(), nil
}

func (s sshSigner) SignMessage(message io.Reader, _ ...signature.SignOption) ([]byte, error) {
	m, err := io.ReadAll(message)
	if err != nil {
		return nil, fmt.Errorf("reading the message: %w", err)
	}
	sig, err := s.sign(m)
	if err != nil {
		return nil, err
	}
	encoded := ssh.Marshal(sig)
	parsed, err := s.pub.parseSignature(encoded)
	if err != nil {
		return nil, err
	}
	if s.pub.ed != nil {
		return parsed.Blob, nil
	}
	return encoded, nil
}

func (s sshSigner) sign(m []byte) (*ssh.Signature, error) {
	if s.pub.Type() != ssh.KeyAlgoRSA {
		return s.inner.Sign(rand.Reader, m)
	}
	rsaSigner, ok := s.inner.(ssh.AlgorithmSigner)
	if !ok {
		return nil, errors.New("this RSA key can only sign with SHA-1, which nobody accepts any more")
	}
	return rsaSigner.SignWithAlgorithm(rand.Reader, m, ssh.KeyAlgoRSASHA512)
}
