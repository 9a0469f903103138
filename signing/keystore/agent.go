package keystore

import (
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/remit-sh/remit/signing"
)

// An agent that does not answer must not hang a hook for ever; a FIDO key waits for a touch.
const (
	agentAnswer = 10 * time.Second
	agentTouch  = 2 * time.Minute
)

// Agent is a connection to ssh-agent.
type Agent struct {
	conn   net.Conn
	client agent.ExtendedAgent
}

// DialAgent connects to the agent that listens on a Unix socket, usually $SSH_AUTH_SOCK.
func DialAgent(socket string) (*Agent, error) {
	conn, err := net.DialTimeout("unix", socket, agentAnswer)
	if err != nil {
		return nil, fmt.Errorf("connecting to ssh-agent: %w", err)
	}
	return &Agent{conn: conn, client: agent.NewClient(conn)}, nil
}

// Close ends the connection.
func (a *Agent) Close() error { return a.conn.Close() }

// Keys returns the agent's keys, in its order, with their comments where those are printable. Keys
// that remit does not accept, certificates among them, are left out.
func (a *Agent) Keys() ([]signing.PublicKey, error) {
	listed, err := a.list()
	if err != nil {
		return nil, err
	}
	var keys []signing.PublicKey
	for _, l := range listed {
		k, err := signing.ParsePublicKey(l.Blob)
		if err != nil {
			continue
		}
		if named, err := signing.ParseAuthorizedKey(k.AuthorizedKey() + " " + l.Comment); err == nil {
			k = named
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func (a *Agent) list() ([]*agent.Key, error) {
	if err := a.conn.SetDeadline(time.Now().Add(agentAnswer)); err != nil {
		return nil, fmt.Errorf("talking to ssh-agent: %w", err)
	}
	listed, err := a.client.List()
	if err != nil {
		return nil, fmt.Errorf("listing the keys of ssh-agent: %w", err)
	}
	return listed, nil
}

// Signer returns a signer of k, which works while the connection is open. If the agent does not
// have k the error is [ErrNoKey]. RSA keys sign with rsa-sha2-512. FIDO keys ask for a touch.
func (a *Agent) Signer(k signing.PublicKey) (signing.Signer, error) {
	listed, err := a.list()
	if err != nil {
		return nil, err
	}
	for _, l := range listed {
		if string(l.Blob) == string(k.Marshal()) {
			return signing.NewSSHSigner(agentSigner{agent: a, key: l})
		}
	}
	return nil, fmt.Errorf("looking for %s in ssh-agent: %w: add it with ssh-add", k.Fingerprint(), ErrNoKey)
}

// agentSigner asks the agent for each signature.
type agentSigner struct {
	agent *Agent
	key   *agent.Key
}

func (s agentSigner) PublicKey() ssh.PublicKey { return s.key }

func (s agentSigner) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	return s.sign(data, 0)
}

func (s agentSigner) SignWithAlgorithm(_ io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	switch algorithm {
	case ssh.KeyAlgoRSASHA512:
		return s.sign(data, agent.SignatureFlagRsaSha512)
	case ssh.KeyAlgoRSASHA256:
		return s.sign(data, agent.SignatureFlagRsaSha256)
	default:
		return nil, fmt.Errorf("ssh-agent cannot be asked for %q signatures", algorithm)
	}
}

func (s agentSigner) sign(data []byte, flags agent.SignatureFlags) (*ssh.Signature, error) {
	if err := s.agent.conn.SetDeadline(time.Now().Add(agentTouch)); err != nil {
		return nil, fmt.Errorf("talking to ssh-agent: %w", err)
	}
	sig, err := s.agent.client.SignWithFlags(s.key, data, flags)
	if err != nil {
		return nil, fmt.Errorf("asking ssh-agent to sign: %w", err)
	}
	return sig, nil
}
