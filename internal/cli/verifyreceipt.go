package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/pin"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
)

// receipt verifies a receipt of the audit log, and reads its entry out. It needs no log, but the log's key.
func (v *verification) receipt(ctx context.Context, env *Env, source string, b []byte, key string) error {
	key, err := receiptKey(ctx, env, key)
	if err != nil {
		return err
	}
	verifier, err := log.ParseVerifier(key)
	if err != nil {
		return fault.Usagef("--key: %w", err)
	}
	r, e, err := log.OpenReceipt(b, verifier)
	if err != nil {
		return fault.WithFix(fault.Refusedf("%s: %w", source, err), "it was verified with the key %s; if that is another log's, name the right one with --key", key)
	}
	v.Digest, v.Key = audit.Digest(r.Entry), key
	v.Sentences = append(v.Sentences, fmt.Sprintf("Entry %d of %s, %s.", r.Index, report.Inert(r.Checkpoint.Origin), names.Stamp(e.Time)), e.Sentence()+".")
	if e.Attestation.IsZero() {
		v.Sentences = append(v.Sentences, "Nobody vouches that it is from the surface that it names: it says what somebody claims.")
	}
	v.good = fmt.Sprintf("It is in the log of %s with the root hash %s, which is signed by %s.",
		counted(int(r.Checkpoint.Size), "entry", "entries"), r.Checkpoint.Hash, key)
	return nil
}

// receiptKey is the key that a receipt must verify with: --key, else what this repository knows of its log.
func receiptKey(ctx context.Context, env *Env, key string) (string, error) {
	if key = strings.TrimSpace(key); key != "" {
		return key, nil
	}
	unknown := fault.WithFix(fault.Usagef("it is not known with which key the receipt must verify"),
		"name the log's key with --key; here it is known where the policy has settings.audit_key, or once `remit audit log` has read the log")
	w, err := openWorkspace(env)
	if err != nil {
		return "", unknown
	}
	defer w.Close()
	p, err := decide.IssuingPolicy(ctx, w.Repo)
	switch {
	case errors.Is(err, decide.ErrNoPolicy):
	case err != nil:
		return "", fault.WithFix(fmt.Errorf("whose audit log counts is for the policy to say: %w", err), "name the log's key with --key")
	case p.Settings.AuditKey != "":
		return p.Settings.AuditKey, nil
	}
	seen, err := pin.File{Path: filepath.Join(w.CommonDir, pinFile)}.Read(gitbranch.Branch)
	if err != nil {
		return "", err
	}
	if seen == nil {
		return "", unknown
	}
	return seen.Key, nil
}
