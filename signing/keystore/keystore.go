// Package keystore keeps private keys where other programs of the same machine keep theirs: in
// OpenSSH key files, and in ssh-agent.
//
// A store is one folder. The key NAME is the file NAME in OpenSSH's private key format, mode 0600,
// with NAME.pub beside it for the convenience of other programs. The public key that counts is the
// one inside the private file, which OpenSSH leaves in clear even under a passphrase: a missing or
// foreign .pub changes nothing.
package keystore

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
)

// Why there is no key. Test with [errors.Is].
var (
	// ErrNoKey: the store, the path or the agent has no such key.
	ErrNoKey = errors.New("there is no such key")
	// ErrExists: a key of that name exists; keys are never overwritten.
	ErrExists = errors.New("a key of that name exists already and is never overwritten")
	// ErrPassphrase: the key needs a passphrase, or another one.
	ErrPassphrase = errors.New("the key needs its passphrase")
	// ErrUnsafeFile: others could read or replace the key.
	ErrUnsafeFile = errors.New("the key file is not safe to use")
)

// Store is a folder of key files. Its methods may be called from several processes at once.
type Store struct{ dir string }

// Open returns the store in dir, usually $REMIT_HOME/keys. Nothing is read or created yet.
func Open(dir string) *Store { return &Store{dir: dir} }

// Path is where the private key NAME is or would be.
func (s *Store) Path(name string) string { return filepath.Join(s.dir, name) }

// New makes an Ed25519 key and writes it under name, encrypted if there is a passphrase. It never
// replaces anything: [ErrExists]. Whoever reads the folder sees no key or the whole key, even if
// this process is killed at any moment, and never with a mode that lets others read it.
func (s *Store) New(name string, passphrase []byte) (signing.PublicKey, error) {
	if err := names.CheckLabel(name); err != nil {
		return signing.PublicKey{}, err
	}
	made, err := Mint(name, passphrase)
	if err != nil {
		return signing.PublicKey{}, err
	}
	if err := s.ensureFolder(); err != nil {
		return signing.PublicKey{}, err
	}
	// A lone NAME.pub may stand for a key that is in ssh-agent: it is somebody's, too.
	if _, err := os.Lstat(s.Path(name) + ".pub"); !errors.Is(err, fs.ErrNotExist) {
		return signing.PublicKey{}, fmt.Errorf("creating %s.pub: %w", s.Path(name), ErrExists)
	}
	public := made.Key.AuthorizedKey() + " " + name + "\n"
	// The private key first: without its .pub it works; the reverse would be of no use.
	if err := s.create(name, made.private); err != nil {
		return signing.PublicKey{}, err
	}
	if err := s.create(name+".pub", []byte(public)); err != nil {
		return signing.PublicKey{}, fmt.Errorf("the key %q is complete, but not its public half: %w", name, err)
	}
	return signing.ParseAuthorizedKey(public)
}

// Minted is an Ed25519 key that was just made and is nowhere yet.
type Minted struct {
	Key signing.PublicKey

	private []byte // in OpenSSH's format
}

// Mint makes a key. What it is called stands in its file as a comment; it is encrypted if there is a passphrase.
func Mint(name string, passphrase []byte) (*Minted, error) {
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key %q: %w", name, err)
	}
	signer, err := signing.NewEd25519Signer(priv)
	if err != nil {
		return nil, fmt.Errorf("making the key %q: %w", name, err)
	}
	block, err := marshal(priv, name, passphrase)
	if err != nil {
		return nil, fmt.Errorf("encoding the key %q: %w", name, err)
	}
	return &Minted{Key: signer.SSHPublicKey(), private: pem.EncodeToMemory(block)}, nil
}

// Write writes the private key to a file that only its owner can read. It never replaces anything: [ErrExists].
func (m *Minted) Write(path string) error {
	err := atomicfile.Writer{Mode: 0o600}.Create(path, m.private)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("creating %q: %w", path, ErrExists)
	}
	return err
}

func marshal(priv ed25519.PrivateKey, comment string, passphrase []byte) (*pem.Block, error) {
	if len(passphrase) == 0 {
		return ssh.MarshalPrivateKey(priv, comment)
	}
	return ssh.MarshalPrivateKeyWithPassphrase(priv, comment, passphrase)
}

// Load returns the signer of the key NAME. The passphrase is ignored if the key needs none.
func (s *Store) Load(name string, passphrase []byte) (signing.Signer, error) {
	if err := names.CheckLabel(name); err != nil {
		return nil, err
	}
	if err := s.checkFolder(); err != nil {
		return nil, err
	}
	return LoadFile(s.Path(name), passphrase)
}

// Public returns the public key of NAME, with the name as its comment. It needs no passphrase.
func (s *Store) Public(name string) (signing.PublicKey, error) {
	if err := names.CheckLabel(name); err != nil {
		return signing.PublicKey{}, err
	}
	if err := s.checkFolder(); err != nil {
		return signing.PublicKey{}, err
	}
	k, err := PublicFile(s.Path(name))
	if err != nil {
		return signing.PublicKey{}, err
	}
	return signing.ParseAuthorizedKey(k.AuthorizedKey() + " " + name)
}

// List returns the names of the store's keys in order; none if the folder does not exist. Whatever
// is not named like a key is passed over: .pub files, left-over temporary files, folders, links.
func (s *Store) List() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing keys: %w", err)
	}
	var list []string
	for _, e := range entries {
		if e.Type().IsRegular() && names.CheckLabel(e.Name()) == nil {
			list = append(list, e.Name())
		}
	}
	slices.Sort(list)
	return list, nil
}

// LoadFile returns the signer of a private key file outside a store, in any format that x/crypto/ssh
// reads. Errors: [ErrNoKey], [ErrPassphrase], [ErrUnsafeFile].
func LoadFile(path string, passphrase []byte) (signing.Signer, error) {
	block, err := readBlock(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key %q: %w", path, err)
	}
	signer, err := Parse(block, passphrase)
	if err != nil {
		return nil, fmt.Errorf("reading the key %q: %w", path, err)
	}
	return signer, nil
}

// Parse returns the signer of the text of a private key file. Errors: [ErrPassphrase].
func Parse(block, passphrase []byte) (signing.Signer, error) {
	raw, err := ssh.ParseRawPrivateKey(block)
	if missing := (*ssh.PassphraseMissingError)(nil); errors.As(err, &missing) {
		if len(passphrase) == 0 {
			return nil, ErrPassphrase
		}
		// The library's other errors here mean wrong bytes after decryption, too.
		if raw, err = ssh.ParseRawPrivateKeyWithPassphrase(block, passphrase); err != nil {
			return nil, fmt.Errorf("%w: the one given does not open it", ErrPassphrase)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("it is no private key in a file (a FIDO key must be in ssh-agent): %w", err)
	}
	return signerOf(raw)
}

func signerOf(raw any) (signing.Signer, error) {
	switch k := raw.(type) {
	case *ed25519.PrivateKey:
		return signing.NewEd25519Signer(*k)
	case ed25519.PrivateKey:
		return signing.NewEd25519Signer(k)
	}
	inner, err := ssh.NewSignerFromKey(raw)
	if err != nil {
		return nil, err
	}
	return signing.NewSSHSigner(inner)
}

// PublicFile returns the public key that a private key file holds. It needs no passphrase for files
// in OpenSSH's format; of older encrypted formats the error is [ErrPassphrase].
func PublicFile(path string) (signing.PublicKey, error) {
	signer, err := LoadFile(path, nil)
	if err == nil {
		return signer.SSHPublicKey(), nil
	}
	if !errors.Is(err, ErrPassphrase) {
		return signing.PublicKey{}, err
	}
	block, readErr := readBlock(path)
	if readErr != nil {
		return signing.PublicKey{}, fmt.Errorf("reading the key %q: %w", path, readErr)
	}
	missing := (*ssh.PassphraseMissingError)(nil)
	if _, parseErr := ssh.ParseRawPrivateKey(block); !errors.As(parseErr, &missing) || missing.PublicKey == nil {
		return signing.PublicKey{}, err
	}
	return signing.ParsePublicKey(missing.PublicKey.Marshal())
}
