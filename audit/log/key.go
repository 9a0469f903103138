package log

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/mod/sumdb/note"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/signing"
)

// NewVerifier is the verifier of a log's checkpoints: origin names the log, such as "github.com/acme/shop/audit",
// and the key is plain Ed25519.
func NewVerifier(origin string, key signing.PublicKey) (note.Verifier, error) {
	text, err := VerifierKey(origin, key)
	if err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(text)
	if err != nil {
		return nil, fmt.Errorf("the log %s: %s", inert.Quote(origin), inert.Error(err))
	}
	return v, nil
}

// VerifierKey is the key in the form in which other tools of C2SP take it: "name+hash+base64".
func VerifierKey(origin string, key signing.PublicKey) (string, error) {
	pub, err := ed25519Key(key)
	if err != nil {
		return "", fmt.Errorf("the key of the log %s: %w", inert.Quote(origin), err)
	}
	// These begin other things that such a key signs, which a checkpoint must not be taken for.
	for _, prefix := range []string{"SSHSIG", "DSSE"} {
		if strings.HasPrefix(origin, prefix) {
			return "", fmt.Errorf("a log cannot be called %s: a signature of its key could mean something else", inert.Quote(origin))
		}
	}
	text, err := note.NewEd25519VerifierKey(origin, pub)
	if err != nil {
		return "", fmt.Errorf("the log %s: %s", inert.Quote(origin), inert.Error(err))
	}
	if _, err := note.NewVerifier(text); err != nil {
		return "", fmt.Errorf("a log cannot be called %s: %s", inert.Quote(origin), inert.Error(err))
	}
	return text, nil
}

func ed25519Key(key signing.PublicKey) (ed25519.PublicKey, error) {
	if key.IsZero() {
		return nil, errors.New("there is none")
	}
	raw, err := key.Verifier().PublicKey()
	if err != nil {
		return nil, err
	}
	pub, ok := raw.(ed25519.PublicKey)
	if !ok || key.Hardware() {
		return nil, fmt.Errorf("it is of type %s; it must be ssh-ed25519", key.Type())
	}
	return pub, nil
}

// NewSigner signs a log's checkpoints with a key of package keystore.
func NewSigner(origin string, s signing.Signer) (note.Signer, error) {
	if s == nil {
		return nil, errors.New("there is no key to sign with")
	}
	v, err := NewVerifier(origin, s.SSHPublicKey())
	if err != nil {
		return nil, err
	}
	return signer{v, s}, nil
}

type signer struct {
	note.Verifier
	key signing.Signer
}

func (s signer) Sign(message []byte) ([]byte, error) {
	return s.key.SignMessage(bytes.NewReader(message))
}

// KeyPath is the file with the log's key.
const KeyPath = "key"

// keyFile is the content of the file with the key that signs.
func keyFile(s note.Signer) ([]byte, error) {
	own, ok := s.(signer)
	if !ok {
		return nil, errors.New("the log's key is not one of NewSigner")
	}
	text, err := VerifierKey(own.Name(), own.key.SSHPublicKey())
	return []byte(text + "\n"), err
}

// ParseKeyFile reads the file with a log's key. Whether that is the key to be trusted is not for the log to say.
func ParseKeyFile(b []byte) (note.Verifier, error) {
	text, ok := strings.CutSuffix(string(b), "\n")
	if !ok {
		return nil, errors.New("reading the log's key: the file does not end with its line")
	}
	return ParseVerifier(text)
}

// ParseVerifier reads what [VerifierKey] wrote.
func ParseVerifier(text string) (note.Verifier, error) {
	v, err := note.NewVerifier(text)
	if err != nil {
		return nil, fmt.Errorf("reading the log's key: %s", inert.Error(err))
	}
	// note takes any base64 that decodes to the key.
	parts := strings.SplitN(text, "+", 3)
	if raw, err := base64.StdEncoding.Strict().DecodeString(parts[2]); err != nil || base64.StdEncoding.EncodeToString(raw) != parts[2] ||
		fmt.Sprintf("%08x", v.KeyHash()) != parts[1] {
		return nil, fmt.Errorf("reading the log's key %s: it is not in its canonical form", strconv.QuoteToASCII(text))
	}
	return v, nil
}

// PublicKey is the key in what [VerifierKey] wrote.
func PublicKey(text string) (signing.PublicKey, error) {
	if _, err := ParseVerifier(text); err != nil {
		return signing.PublicKey{}, err
	}
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(text, "+", 3)[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize { // the first byte says that it is Ed25519
		return signing.PublicKey{}, fmt.Errorf("reading the log's key %s: it is not Ed25519", inert.Quote(text))
	}
	wire, err := ssh.NewPublicKey(ed25519.PublicKey(raw[1:]))
	if err != nil {
		return signing.PublicKey{}, fmt.Errorf("reading the log's key: %w", err)
	}
	return signing.ParsePublicKey(wire.Marshal())
}
