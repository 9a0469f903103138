package keystore

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/signing"
)

// TestRingOfFiles: the private half is found by the key, wherever it is; a name only says where to look first.
func TestRingOfFiles(t *testing.T) {
	s := newStore(t)
	r := OpenRing(s, filepath.Join(t.TempDir(), "nobody-listens"))
	defer r.Close()
	if r.Agent != nil {
		t.Fatal("an agent that does not answer is as good as none")
	}
	stranger := mustNew(t, newStore(t), "alice", nil)
	if signer, err := r.SignerFor("alice", stranger); signer != nil || err != nil {
		t.Errorf("in an empty store: %v, %v", signer, err)
	}
	alice, bob := mustNew(t, s, "alice", nil), mustNew(t, s, "bob", nil)
	for name, test := range map[string]struct {
		name string
		keys []signing.PublicKey
		want *signing.PublicKey
	}{
		"by its name":                       {"alice", []signing.PublicKey{alice}, &alice},
		"by no name":                        {"", []signing.PublicKey{bob}, &bob},
		"under another name":                {"alice", []signing.PublicKey{bob}, &bob},
		"of several the one called so":      {"bob", []signing.PublicKey{alice, bob}, &bob},
		"of several the first by name":      {"carol", []signing.PublicKey{bob, alice}, &alice},
		"another's key of the same name":    {"alice", []signing.PublicKey{stranger}, nil},
		"no key at all, whatever the name":  {"alice", nil, nil},
		"the zero key, whatever the name":   {"alice", []signing.PublicKey{{}}, nil},
		"a stranger's beside one's own key": {"alice", []signing.PublicKey{stranger, alice}, &alice},
	} {
		signer, err := r.SignerFor(test.name, test.keys...)
		switch {
		case err != nil, (signer == nil) != (test.want == nil):
			t.Errorf("%s: %v, %v", name, signer, err)
		case signer != nil && !signer.SSHPublicKey().Equal(*test.want):
			t.Errorf("%s: it is %s", name, signer.SSHPublicKey().Fingerprint())
		}
	}
}

// TestRingOfAgent: a file that needs a passphrase is no way to sign, unless ssh-agent was given its key.
func TestRingOfAgent(t *testing.T) {
	s := newStore(t)
	locked := mustNew(t, s, "alice", []byte("open sesame"))
	r := OpenRing(s, startAgent(t))
	defer r.Close()
	if r.Agent == nil {
		t.Fatal("the agent answers")
	}
	signer, err := r.SignerFor("alice", locked)
	if signer != nil || fault.KindOf(err) != fault.Usage || !strings.Contains(fault.FixOf(err), "ssh-add "+s.Path("alice")) {
		t.Errorf("a locked file alone: %v, %v", signer, err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ssh.NewPublicKey(ed.Public())
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := signing.ParsePublicKey(pub.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Agent.client.Add(agent.AddedKey{PrivateKey: ed}); err != nil {
		t.Fatal(err)
	}
	if signer, err := r.SignerFor("alice", loaded); err != nil || signer == nil || !signer.SSHPublicKey().Equal(loaded) {
		t.Errorf("a key of the agent: %v, %v", signer, err)
	}
	if signer, err := r.SignerFor("alice", locked); signer != nil || err == nil {
		t.Errorf("the agent's other key does not unlock the file: %v, %v", signer, err)
	}
	if signer, err := r.SignerFor("alice", locked, loaded); err != nil || signer == nil || !signer.SSHPublicKey().Equal(loaded) {
		t.Errorf("the one that is not locked: %v, %v", signer, err)
	}
	pem, err := os.ReadFile(s.Path("alice"))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := ssh.ParseRawPrivateKeyWithPassphrase(pem, []byte("open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Agent.client.Add(agent.AddedKey{PrivateKey: opened}); err != nil {
		t.Fatal(err)
	}
	if signer, err := r.SignerFor("alice", locked); err != nil || signer == nil || !signer.SSHPublicKey().Equal(locked) {
		t.Errorf("the locked file's key, which the agent was given: %v, %v", signer, err)
	}
	if err := r.Agent.client.RemoveAll(); err != nil {
		t.Fatal(err)
	}
	if signer, err := r.SignerFor("alice", loaded); signer != nil || err != nil {
		t.Errorf("a key that the agent was told to forget: %v, %v", signer, err)
	}
	r.Close()
	if _, err := r.SignerFor("alice", loaded); err == nil || errors.Is(err, ErrNoKey) {
		t.Errorf("after Close: %v", err)
	}
}
