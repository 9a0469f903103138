package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/note"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/signing"
)

// Voucher makes the value of Authorization for an entry with that claim.
type Voucher func(ctx context.Context, claim string) (string, error)

// ByKey vouches by a key that the server knows.
func ByKey(origin string, key signing.Signer) Voucher {
	return func(_ context.Context, claim string) (string, error) { return SignClaim(origin, claim, key) }
}

// ByToken vouches by an identity token of the run. ask asks the forge for one with that audience; it is asked for each
// try, so that none is too old.
func ByToken(ask func(ctx context.Context, audience string) (string, error)) Voucher {
	return func(ctx context.Context, claim string) (string, error) {
		token, err := ask(ctx, claim)
		if err != nil {
			return "", err
		}
		return bearer + token, nil
	}
}

// Sink hands entries over to a server.
type Sink struct {
	URL      string        // of the log: [URLOf]
	HTTP     *http.Client  // nil: one that takes its time
	Verifier note.Verifier // of the log's key: an answer that it did not sign is none
	Vouch    Voucher
}

// Accepted is an entry that is in the log.
type Accepted struct {
	Receipt *log.Receipt
	Entry   *audit.Entry // as the log has it: with who vouches for it
	Again   bool         // it was there before
	Others  []int64      // entries of the same identity that say something else
}

// Append hands an entry over, with the bundles of the delegations that it names. When it returns without an error, the
// entry is in the log, proven by the receipt. When it does not, it may be: whoever hands it over again does no harm.
// It is tried again while the server cannot be reached, is busy or fails.
func (s *Sink) Append(ctx context.Context, e *audit.Entry, bundles ...[]byte) (*Accepted, error) {
	a, err := s.append(ctx, e, bundles)
	if err != nil {
		return nil, fmt.Errorf("handing an entry over to the audit log at %s: %w", s.URL, err)
	}
	return a, nil
}

func (s *Sink) append(ctx context.Context, e *audit.Entry, bundles [][]byte) (*Accepted, error) {
	if err := checkURL(s.URL); err != nil {
		return nil, fault.Usagef("%w", err)
	}
	if s.Verifier == nil || s.Vouch == nil {
		return nil, errors.New("there is no key to verify the answer with, or nobody who vouches")
	}
	claimed, err := e.Claim()
	if err != nil {
		return nil, err
	}
	size := 0
	for _, b := range bundles {
		size += len(b)
	}
	if size > MaxBundles {
		return nil, fmt.Errorf("its delegations have %d bytes, at most %d are sent", size, MaxBundles)
	}
	body, err := json.Marshal(Submission{Entry: claimed, Bundles: bundles})
	if err != nil {
		return nil, errors.New(inert.Error(err))
	}
	claim, c := audit.Digest(claimed), client(s.HTTP)
	got, err := tries(ctx, func() (*answer, error) {
		authorization, err := s.Vouch(ctx, claim)
		if err != nil {
			return nil, err
		}
		header := http.Header{}
		header.Set("Authorization", authorization)
		header.Set("Content-Type", "application/json")
		header.Set(ClaimHeader, claim)
		return post(ctx, c, s.URL+"/entries", header, body)
	})
	if err != nil {
		return nil, err
	}
	if got.status != http.StatusOK {
		return nil, refused("it was not taken", got)
	}
	return s.open(got.body, claimed)
}

// open reads an answer, and believes only what the log's key signed.
func (s *Sink) open(body, claimed []byte) (*Accepted, error) {
	var a Answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("the answer: %s", inert.Error(err))
	}
	receipt, e, err := log.OpenReceipt(a.Receipt, s.Verifier)
	if err != nil {
		return nil, fmt.Errorf("the answer: %w", err)
	}
	has, err := e.Claim()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(has, claimed) || receipt.Index != a.Index {
		return nil, errors.New("the answer has the receipt of another entry")
	}
	if e.Attestation.IsZero() {
		return nil, errors.New("the log has the entry as one that nobody vouches for")
	}
	return &Accepted{Receipt: receipt, Entry: e, Again: a.Again, Others: a.Others}, nil
}
