// Package record makes an entry of the audit log of each outcome of package decide, and hands it to a [Sink]: a log,
// or a spool where entries wait for whoever holds the log's key.
//
// A surface that enforces names itself and its occasion in a [Recorder] and gives that to [decide.Sources], so that no
// outcome is acted upon that was not recorded first.
package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/statement"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/verdict"
)

// Recorder records the outcomes of one surface on one occasion.
type Recorder struct {
	Surface  string // where it is enforced, such as "pre-receive"
	Question audit.Question
	Run      audit.Run
	// Repository is asked what it is called, "host/owner/name", where the outcome does not say it; "": not known. Nil:
	// nobody knows.
	Repository func(ctx context.Context) string
	Sink       Sink
	// Signer signs what is said of a deploy that is let through, with a plain Ed25519 key; nil: nothing is said. Unsigned is
	// told to whoever deploys then, a sentence; "": nothing is.
	Signer   signing.Signer
	Unsigned string
}

// ErrNameless says that it is not known which repository an outcome is about.
var ErrNameless = errors.New("it is not known what the repository is called")

// Sink is where entries are kept. When Keep returns without an error the entry lasts, with the files that it names: the
// bundles of delegations, and statements. Where says, as a noun, where it is.
type Sink interface {
	Keep(ctx context.Context, e *audit.Entry, files [][]byte) (where string, err error)
}

// Record is for [decide.Recorder]. The commit that the forge's checks are about is the question's head where it has
// none.
func (r *Recorder) Record(ctx context.Context, o *decide.Outcome) error {
	e, files, err := r.Entry(ctx, o)
	if err != nil {
		return err
	}
	stated, note := r.state(e, o.Request)
	if stated != nil {
		for _, b := range stated.Files() {
			e.Statements, files = append(e.Statements, audit.Digest(b)), append(files, b)
		}
	}
	where, err := r.Sink.Keep(ctx, e, files)
	if err != nil {
		return err
	}
	o.Recorded = where
	if stated != nil {
		o.Statement = stated.Bundle()
	}
	if note != "" {
		o.Notes = append(slices.Clone(o.Notes), note)
	}
	return nil
}

// state is what is said of the request that an entry lets through; nil for nothing, and why that is, where somebody would
// miss it. That nothing is said keeps no deploy from going on: whoever asks for a statement does.
func (r *Recorder) state(e *audit.Entry, request *delegation.Signed[delegation.Request]) (*statement.Signed, string) {
	d, err := statement.Of(e, request)
	switch {
	case request == nil || errors.Is(err, statement.ErrNoDeploy) && request.Statement.Action != names.Deploy:
		return nil, ""
	case err == nil && r.Signer == nil:
		return nil, r.Unsigned
	}
	var s *statement.Signed
	if err == nil {
		s, err = d.Sign(r.Signer)
	}
	if err != nil {
		return nil, "There is no deploy statement of this: " + strings.TrimSuffix(inert.Error(err), ".") + "."
	}
	return s, ""
}

// Entry is the entry of an outcome, for which nobody vouches yet, and the bundles of the delegations that it names.
func (r *Recorder) Entry(ctx context.Context, o *decide.Outcome) (*audit.Entry, [][]byte, error) {
	f := audit.Facts{
		Surface: r.Surface, Question: r.Question, Run: r.Run, Bootstrap: o.Bootstrap,
		Paths: map[string][]string{}, Keys: map[string]string{}, RootKeys: map[string]string{}, Forged: map[string]bool{},
	}
	if f.Question.Head == "" {
		f.Question.Head = o.Head
	}
	if f.Question.Nonce == "" && o.Request != nil {
		f.Question.Nonce = o.Request.Statement.Nonce
	}
	if o.Report.Repository == "" && r.Repository != nil {
		f.Repository = r.Repository(ctx)
	}
	if o.Report.Repository == "" && f.Repository == "" {
		return nil, nil, ErrNameless
	}
	given, chains := map[string][]byte{}, map[string][]verdict.Link{}
	for i := range o.Report.Acts {
		a := &o.Report.Acts[i]
		if f.Paths[a.Subject] == nil {
			f.Paths[a.Subject] = a.Paths
		}
		if err := prove(a, &f, given); err != nil {
			return nil, nil, err
		}
		if n := len(a.Chain); n > 0 && given[a.Chain[n-1].Digest] != nil && chains[a.Chain[n-1].Digest] == nil {
			chains[a.Chain[n-1].Digest] = a.Chain
		}
	}
	report := *o.Report
	report.Acts = slices.Clone(report.Acts)
	for i := range report.Acts {
		// One that came with other links under the same digest has made them up.
		if n := len(report.Acts[i].Chain); n > 0 && chains[report.Acts[i].Chain[n-1].Digest] != nil {
			report.Acts[i].Chain = chains[report.Acts[i].Chain[n-1].Digest]
		}
	}
	e, err := audit.New(&report, f)
	if err != nil {
		return nil, nil, err
	}
	var bundles [][]byte
	for _, c := range e.Chains.Items {
		if b := given[c.Links[len(c.Links)-1].Digest]; b != nil {
			bundles = append(bundles, b)
		}
	}
	return e, bundles, nil
}

// prove adds the keys of the chain behind an act, and its bundle where that is what its digest stands for. Of two acts
// that name the same delegation, one may have come with a bundle that is not: that one is forged, and not the other.
func prove(a *verdict.Act, f *audit.Facts, given map[string][]byte) error {
	if len(a.Chain) == 0 {
		return nil
	}
	leaf := a.Chain[len(a.Chain)-1].Digest
	if given[leaf] != nil {
		return nil
	}
	chain, err := delegation.ParseBundle(a.Bundle)
	if err != nil || chain.Digest() != leaf {
		return fmt.Errorf("making an audit entry: the delegation behind %s did not come with its bundle", inert.Quote(a.Subject))
	}
	for _, l := range chain {
		f.Keys[l.Digest] = l.Delegate.Key.Fingerprint()
	}
	f.RootKeys[chain[0].Digest] = chain[0].Delegator.Key.Fingerprint()
	if f.Forged[leaf] = chain.Authentic() != nil; !f.Forged[leaf] {
		given[leaf] = a.Bundle
	}
	return nil
}

// Log is a sink that appends to a log. Vouch is who vouches for what is appended: the program that holds its key.
type Log struct {
	Log   *log.Log
	Vouch audit.Attestation
}

// Keep is for [Sink].
func (s Log) Keep(ctx context.Context, e *audit.Entry, bundles [][]byte) (where string, err error) {
	vouched := *e
	vouched.Attestation = s.Vouch
	done, _, err := s.Log.Append(ctx, bundles, &vouched)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("audit entry %d", done[0].Index), nil
}

// Spooler takes entries that wait to be folded into a log. It returns the name of what it keeps.
type Spooler interface {
	Add(ctx context.Context, e *audit.Entry, proof []byte, bundles ...[]byte) (name string, err error)
}

// Spool is a sink that hands entries to a spool.
type Spool struct {
	Spool Spooler
	// Proof is what shows where an entry comes from, such as a workflow's token whose audience is its digest; nil: nothing does.
	Proof func(ctx context.Context, e *audit.Entry) ([]byte, error)
}

// Keep is for [Sink].
func (s Spool) Keep(ctx context.Context, e *audit.Entry, bundles [][]byte) (where string, err error) {
	var proof []byte
	if s.Proof != nil {
		if proof, err = s.Proof(ctx, e); err != nil {
			return "", fmt.Errorf("showing where an audit entry comes from: %w", err)
		}
	}
	name, err := s.Spool.Add(ctx, e, proof, bundles...)
	if err != nil {
		return "", err
	}
	return "audit entry " + e.ID + ", which waits as " + name, nil
}
