package keystore

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/remit-sh/remit/signing"
)

// startAgent runs the real ssh-agent and returns its socket.
func startAgent(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("ssh-agent")
	if err != nil {
		t.Skip("ssh-agent is not installed: install openssh-client to test with it")
	}
	dir, err := os.MkdirTemp("", "agent") // t.TempDir can be too long for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(program, "-D", "-a", socket)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		_ = os.RemoveAll(dir)
	})
	for range 100 {
		// The socket is there a moment before anybody listens on it.
		if conn, err := net.Dial("unix", socket); err == nil {
			_ = conn.Close()
			return socket
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("ssh-agent does not come up")
	return ""
}

func dial(t *testing.T, socket string) *Agent {
	t.Helper()
	a, err := DialAgent(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func TestRealAgent(t *testing.T) {
	socket := startAgent(t)
	a := dial(t, socket)
	if keys, err := a.Keys(); err != nil || len(keys) != 0 {
		t.Errorf("at first: %v, %v", keys, err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []agent.AddedKey{{PrivateKey: ed, Comment: "alice"}, {PrivateKey: rsaKey, Comment: "bad\x1bcomment"}} {
		if err := a.client.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := a.Keys()
	if err != nil || len(keys) != 2 {
		t.Fatalf("%v, %v", keys, err)
	}
	if keys[0].Comment() != "alice" || keys[1].Comment() != "" {
		t.Errorf("comments %q and %q", keys[0].Comment(), keys[1].Comment())
	}
	for _, k := range keys {
		signer, err := a.Signer(k)
		if err != nil {
			t.Fatal(err)
		}
		message := []byte("x")
		armored, err := signing.SignSSHSIG(signer, signing.NamespaceGit, message)
		if err != nil {
			t.Fatalf("%s: %v", k.Type(), err)
		}
		s, err := signing.ParseSSHSIG(armored)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.VerifyWith(k, message, signing.NamespaceGit); err != nil {
			t.Errorf("%s: %v", k.Type(), err)
		}
		if _, err := signing.SignEnvelope("application/x", message, signer); err != nil {
			t.Errorf("%s: %v", k.Type(), err)
		}
	}
	signer, err := a.Signer(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := a.client.RemoveAll(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Signer(keys[0]); !errors.Is(err, ErrNoKey) {
		t.Errorf("a key that the agent does not have: %v", err)
	}
	if _, err := a.Signer(signing.PublicKey{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("no key: %v", err)
	}
	if _, err := signer.SignMessage(bytes.NewReader(nil)); err == nil || errors.Is(err, ErrNoKey) {
		t.Errorf("signing with a key that is gone: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Keys(); err == nil || errors.Is(err, ErrNoKey) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := DialAgent(socket + "x"); err == nil {
		t.Error("there is no agent there")
	}
}

// softAgent is an agent in this process that holds whatever ssh.Signer it is given, as if in a token.
type softAgent struct {
	agent.ExtendedAgent
	keys []ssh.Signer
}

func (s softAgent) List() ([]*agent.Key, error) {
	var list []*agent.Key
	for _, k := range s.keys {
		list = append(list, &agent.Key{Format: k.PublicKey().Type(), Blob: k.PublicKey().Marshal(), Comment: "token"})
	}
	return list, nil
}

func (s softAgent) SignWithFlags(key ssh.PublicKey, data []byte, _ agent.SignatureFlags) (*ssh.Signature, error) {
	for _, k := range s.keys {
		if bytes.Equal(k.PublicKey().Marshal(), key.Marshal()) {
			return k.Sign(rand.Reader, data)
		}
	}
	return nil, errors.New("no such key")
}

func serve(t *testing.T, keys ...ssh.Signer) *Agent {
	t.Helper()
	here, there := net.Pipe()
	go func() {
		_ = agent.ServeAgent(softAgent{ExtendedAgent: agent.NewKeyring().(agent.ExtendedAgent), keys: keys}, there)
		_ = there.Close()
	}()
	a := &Agent{conn: here, client: agent.NewClient(here)}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// token makes sk-ssh-ed25519 signatures (PROTOCOL.u2f) in software, with the flags it is told.
type token struct {
	ssh.Signer
	priv  ed25519.PrivateKey
	pub   ssh.PublicKey
	flags byte
}

func newToken(t *testing.T, flags byte) token {
	t.Helper()
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Type        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, priv[32:], "ssh:"}))
	if err != nil {
		t.Fatal(err)
	}
	return token{priv: priv, pub: pub, flags: flags}
}

func (k token) PublicKey() ssh.PublicKey { return k.pub }

func (k token) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	app, message := sha256.Sum256([]byte("ssh:")), sha256.Sum256(data)
	tail := binary.BigEndian.AppendUint32([]byte{k.flags}, 1)
	signed := append(append(app[:], tail...), message[:]...)
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(k.priv, signed), Rest: tail}, nil
}

func TestFIDOThroughAgent(t *testing.T) {
	for _, tc := range []struct {
		flags byte
		want  error
	}{
		{0x01, nil},
		{0x05, nil},
		{0x00, signing.ErrPresence},
		{0x04, signing.ErrPresence},
	} {
		a := serve(t, newToken(t, tc.flags))
		keys, err := a.Keys()
		if err != nil || len(keys) != 1 {
			t.Fatalf("%v, %v", keys, err)
		}
		if !keys[0].Hardware() || keys[0].Comment() != "token" {
			t.Errorf("key %v %q", keys[0], keys[0].Comment())
		}
		signer, err := a.Signer(keys[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signing.SignSSHSIG(signer, signing.NamespaceGit, []byte("x")); !errors.Is(err, tc.want) {
			t.Errorf("flags %#x: %v", tc.flags, err)
		}
	}
}

// Certificates and weak keys in the agent are passed over.
func TestAgentKeysThatAreRefused(t *testing.T) {
	good := newToken(t, 1)
	ca := newToken(t, 1)
	cert := &ssh.Certificate{Key: good.pub, CertType: ssh.UserCert, SignatureKey: ca.pub, Signature: &ssh.Signature{Format: ca.pub.Type()}}
	a := serve(t, token{pub: cert}, good)
	keys, err := a.Keys()
	if err != nil || len(keys) != 1 || !bytes.Equal(keys[0].Marshal(), good.pub.Marshal()) {
		t.Errorf("%v, %v", keys, err)
	}
}
