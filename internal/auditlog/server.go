package auditlog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/remote"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
)

// serverTakes is how long a server may take to record a decision, all tries together: somebody waits for it.
const serverTakes = 20 * time.Second

// Server is a log that a server keeps, for a writer with a key of its own.
type Server struct {
	URL    string // "https://host"
	Key    string // with which the log is signed: [log.VerifierKey]
	Writer string // file of the key by which the writer vouches for what it hands over
	Fix    string // what gives the writer a key that the server knows
}

// WriterPath is where a repository's hook has its key for a server.
func WriterPath(gitDir string) string { return filepath.Join(gitDir, "remit", "audit-writer.key") }

// WriterKey is the public key by which a repository's hook vouches at a server. It is made where there is none.
func WriterKey(gitDir string) (signing.PublicKey, error) {
	path := WriterPath(gitDir)
	key, err := keystore.LoadFile(path, nil)
	if errors.Is(err, keystore.ErrNoKey) {
		made, mintErr := keystore.Mint("remit hook of "+filepath.Base(gitDir), nil)
		if mintErr != nil {
			return signing.PublicKey{}, mintErr
		}
		if err := made.Write(path); err != nil && !errors.Is(err, keystore.ErrExists) {
			return signing.PublicKey{}, err
		}
		key, err = keystore.LoadFile(path, nil)
	}
	if err != nil {
		return signing.PublicKey{}, err
	}
	return key.SSHPublicKey(), nil
}

// Repository is the repository whose log it is, as the log's key says; "" where it cannot be read.
func (s Server) Repository(context.Context) string {
	verifier, err := log.ParseVerifier(s.Key)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(verifier.Name(), Origin(""))
}

// Check says what is wrong with the address or the key.
func (s Server) Check() error {
	_, err := s.sink(nil)
	return err
}

func (s Server) sink(writer signing.Signer) (*remote.Sink, error) {
	verifier, err := log.ParseVerifier(s.Key)
	if err != nil {
		return nil, err
	}
	url, err := remote.URLOf(s.URL, verifier.Name())
	if err != nil {
		return nil, err
	}
	sink := &remote.Sink{URL: url, Verifier: verifier}
	if writer != nil {
		sink.Vouch = remote.ByKey(verifier.Name(), writer)
	}
	return sink, nil
}

// Keep is for [record.Sink].
func (s Server) Keep(ctx context.Context, e *audit.Entry, bundles [][]byte) (where string, err error) {
	writer, err := keystore.LoadFile(s.Writer, nil)
	if err != nil {
		return "", fault.WithFix(fault.Undecidedf("the key by which entries are handed to %s cannot be read: %w", inert.Word(s.URL), err), "%s", s.Fix)
	}
	sink, err := s.sink(writer)
	if err != nil {
		return "", err
	}
	if origin := sink.Verifier.Name(); origin != Origin(e.Repository) {
		return "", fault.WithFix(fault.Undecidedf("the log at %s is %s, and this is %s", inert.Word(s.URL), inert.Word(origin), inert.Word(e.Repository)),
			"name the key of %s", Origin(inert.Word(e.Repository)))
	}
	ctx, end := context.WithTimeout(ctx, serverTakes)
	defer end()
	done, err := sink.Append(ctx, e, bundles...)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "", fmt.Errorf("%s did not record it within %s: %w", inert.Word(s.URL), serverTakes, err)
	case err != nil:
		return "", err
	}
	return fmt.Sprintf("audit entry %d of %s", done.Receipt.Index, inert.Word(s.URL)), nil
}
