package signing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/ssh"

	"github.com/remit-sh/remit/inert"
)

// MaxSignatureSize is the longest signature in the encoding of RFC 4253 6.6, in bytes.
const MaxSignatureSize = 4096

// FIDO signatures carry the authenticator's flags and a counter behind the signature proper.
const (
	fidoTail         = 1 + 4 // flags, counter
	fidoUserPresence = 0x01
)

// verify checks sig, in the encoding that [PublicKey.Verifier] describes. Whatever is wrong with it,
// but for a missing touch, is an [ErrBadSignature].
func (k PublicKey) verify(message, sig []byte) error {
	if k.ed != nil {
		// Go's verifier refuses S >= L and any R but the canonical encoding of the one it computes.
		if len(sig) != ed25519.SignatureSize || !ed25519.Verify(k.ed, message, sig) {
			return ErrBadSignature
		}
		return nil
	}
	if k.IsZero() || k.other == nil {
		return errNoKey
	}
	s, err := k.parseSignature(sig)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadSignature, err)
	}
	// Checked here and not left to the library: its verdict on this has changed over time.
	if k.Hardware() && s.Rest[0]&fidoUserPresence == 0 {
		return ErrPresence
	}
	if k.other.Verify(message, s) != nil {
		return ErrBadSignature // the library's reasons say no more
	}
	return nil
}

// parseSignature reads a signature in the encoding of RFC 4253 6.6 and refuses whatever does not
// fit the key's type exactly or has another encoding of the same value.
func (k PublicKey) parseSignature(sig []byte) (*ssh.Signature, error) {
	if len(sig) > MaxSignatureSize {
		return nil, fmt.Errorf("the signature has %d bytes or more, the most is %d", len(sig), MaxSignatureSize)
	}
	format, rest, ok := readString(sig)
	if !ok {
		return nil, errors.New("the signature is cut short")
	}
	blob, rest, ok := readString(rest)
	if !ok {
		return nil, errors.New("the signature is cut short")
	}
	s := &ssh.Signature{Format: string(format), Blob: blob, Rest: rest}
	if err := k.checkFormat(s.Format); err != nil {
		return nil, err
	}
	tail := 0
	if k.Hardware() {
		tail = fidoTail
	}
	if len(rest) != tail {
		return nil, fmt.Errorf("%d bytes follow the %s signature instead of %d", len(rest), s.Format, tail)
	}
	if err := k.checkBlob(blob); err != nil {
		return nil, err
	}
	return s, nil
}

// checkFormat says whether a signature of this format can be one of k's.
func (k PublicKey) checkFormat(format string) error {
	switch {
	case k.Type() == ssh.KeyAlgoRSA:
		if format == ssh.KeyAlgoRSASHA512 || format == ssh.KeyAlgoRSASHA256 {
			return nil
		}
		return fmt.Errorf("the signature format %s is not rsa-sha2-512 or rsa-sha2-256 (RSA with SHA-1 is broken)", inert.Quote(format))
	case format == k.Type():
		return nil
	default:
		return fmt.Errorf("the signature format %s does not fit the key type %s", inert.Quote(format), k.Type())
	}
}

// checkBlob refuses every encoding of a signature but the one that OpenSSH writes.
func (k PublicKey) checkBlob(blob []byte) error {
	switch k.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519:
		if len(blob) != ed25519.SignatureSize {
			return fmt.Errorf("the Ed25519 signature has %d bytes instead of %d", len(blob), ed25519.SignatureSize)
		}
	case ssh.KeyAlgoRSA:
		// RFC 8332 3: as long as the modulus. Verifiers that pad short ones accept two encodings.
		if pub, ok := k.crypto().(*rsa.PublicKey); !ok || len(blob) != pub.Size() {
			return fmt.Errorf("the RSA signature has %d bytes, not as many as its modulus", len(blob))
		}
	default:
		var rs struct{ R, S *big.Int }
		if err := ssh.Unmarshal(blob, &rs); err != nil {
			return fmt.Errorf("reading the ECDSA signature: %w", err)
		}
		if rs.R.Sign() <= 0 || rs.S.Sign() <= 0 || !bytes.Equal(ssh.Marshal(&rs), blob) {
			return errors.New("the ECDSA signature is not two positive numbers in their canonical encoding")
		}
	}
	return nil
}
