package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/remote"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/server/largelog"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/oidc"
)

const (
	maxBodies  = 64 // that are read at once
	maxBundles = 64 // delegations of one entry

	bodyTime   = 15 * time.Second // in which a body must be here
	appendTime = 60 * time.Second // in which an entry is in the log, or the writer asks again
	skew       = time.Minute      // that an issuer's clock may be off

	perRunRate  = 5 // entries a second of one run, and as many at once
	perRunBurst = 200
)

// keptLog is a log that is served.
type keptLog struct {
	*LogConfig
	log    *largelog.Log
	issuer *issuer // of the repository's workflows; nil: their tokens are not taken
	rate   *limits // of all writers
	runs   *limits // of each run and key
}

// refusal is an answer that takes nothing.
type refusal struct {
	status int
	remote.Refusal
	err error // for the server's own log
}

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status: status, Refusal: remote.Refusal{Code: code, Message: fmt.Sprintf(format, args...)}}
}

func (r *refusal) because(err error) *refusal {
	r.err = err
	return r
}

func (r *refusal) fix(format string, args ...any) *refusal {
	r.Fix = fmt.Sprintf(format, args...)
	return r
}

// serveLog answers requests for /log/….
func (s *Server) serveLog(w http.ResponseWriter, r *http.Request) *refusal {
	// What is written in another way than it is looked for, is not there.
	rest, ok := strings.CutPrefix(r.URL.Path, "/log/")
	if !ok || r.URL.RawPath != "" || r.URL.EscapedPath() != r.URL.Path {
		return notFound()
	}
	for _, l := range s.logs {
		path, ok := strings.CutPrefix(rest, l.Origin+"/")
		switch {
		case !ok:
		case path == "entries":
			return s.takeEntry(w, r, l)
		case log.IsFile(path):
			return s.showFile(w, r, l, path)
		}
	}
	return notFound()
}

func notFound() *refusal {
	return refuse(http.StatusNotFound, "not-found", "nothing is here")
}

func method(w http.ResponseWriter, allowed string) *refusal {
	w.Header().Set("Allow", allowed)
	return refuse(http.StatusMethodNotAllowed, "method", "this takes %s alone", allowed)
}

// showFile shows a file of a log to those who may read it.
func (s *Server) showFile(w http.ResponseWriter, r *http.Request, l *keptLog, path string) *refusal {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return method(w, "GET, HEAD")
	}
	if why := l.mayRead(r); why != nil {
		return why
	}
	files, err := l.log.Reading().Read(r.Context(), []string{path})
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "unavailable", "the log cannot be read now").because(err)
	}
	if files[0] == nil {
		return notFound()
	}
	h := w.Header()
	scope := "private"
	if l.Public {
		scope = "public"
	}
	if strings.HasPrefix(path, "tile/") {
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Cache-Control", scope+", max-age=604800, immutable")
	} else {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Cache-Control", scope+", no-cache")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(files[0]))
	return nil
}

func (l *keptLog) mayRead(r *http.Request) *refusal {
	if l.Public {
		return nil
	}
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(l.Token))
	if ok && l.Token != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1 {
		return nil
	}
	return refuse(http.StatusUnauthorized, "unauthenticated", "this log is not read without its readers' token").
		fix("send the token that the server's configuration names for readers of %s, or have it say public = true", l.Repository)
}

// writer is who hands an entry over.
type writer struct {
	token *oidc.Token // nil where it is a key
	key   string      // fingerprint
}

func (w writer) name() string {
	if w.token != nil {
		return "run " + w.token.RunID
	}
	return "key " + w.key
}

// vouch is the attestation of an entry.
func (w writer) vouch(e *audit.Entry, trust oidc.Trust) (audit.Attestation, error) {
	if w.token != nil {
		return w.token.Attest(e, trust)
	}
	return audit.Attestation{Kind: "key", By: w.key}, nil
}

// takeEntry takes an entry, and answers when a signed checkpoint covers it.
func (s *Server) takeEntry(w http.ResponseWriter, r *http.Request, l *keptLog) *refusal {
	if r.Method != http.MethodPost {
		return method(w, "POST")
	}
	now := s.now()
	by, claim, why := s.authenticate(r, l, now)
	if why != nil {
		return why
	}
	if !l.runs.allow(by.name(), now) || !l.rate.allow("", now) {
		return refuse(http.StatusTooManyRequests, "rate", "too many entries come at once").fix("wait, and hand it over again")
	}
	in, why := s.readSubmission(w, r)
	if why != nil {
		return why
	}
	e, why := l.checkEntry(in, claim)
	if why != nil {
		return why
	}
	vouched, err := by.vouch(e, l.Trust)
	if err != nil {
		return refuse(http.StatusForbidden, "not-vouched", "%s", inert.Line(err.Error())).
			fix("record the entry in the run that it names, by one of the workflows that the server's configuration lists for %s", l.Repository).because(err)
	}
	e.Attestation = vouched
	ctx, end := context.WithTimeout(r.Context(), appendTime)
	defer end()
	out, err := l.log.Append(ctx, e, in.Bundles)
	switch {
	case errors.Is(err, log.ErrNoFile):
		return refuse(http.StatusUnprocessableEntity, "no-bundle", "%s", inert.Line(err.Error())).fix("send the bundles of all delegations, and the statements, that the entry names")
	case err != nil:
		return refuse(http.StatusServiceUnavailable, "unavailable", "the entry is not in the log yet").fix("hand it over again: the log knows it by its identity").because(err)
	}
	s.logger.Info("entry", "log", l.Origin, "index", out.Receipt.Index, "id", e.ID, "by", inert.Line(vouched.By), "again", out.Again, "others", len(out.Others))
	b, err := json.Marshal(remote.Answer{Index: out.Receipt.Index, Again: out.Again, Others: out.Others, Receipt: out.Receipt.Encode()})
	if err != nil {
		return refuse(http.StatusInternalServerError, "internal", "the answer cannot be written").because(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b) // nobody is left to tell
	return nil
}

// authenticate says who sends a request, by its headers alone.
func (s *Server) authenticate(r *http.Request, l *keptLog, now time.Time) (writer, string, *refusal) {
	unknown := func(format string, args ...any) (writer, string, *refusal) {
		return writer{}, "", refuse(http.StatusUnauthorized, "unauthenticated", format, args...)
	}
	claim := r.Header.Get(remote.ClaimHeader)
	if err := names.CheckDigest(claim); err != nil || len(r.Header.Values(remote.ClaimHeader)) != 1 {
		return writer{}, "", refuse(http.StatusBadRequest, "claim", "the header %s must hold the digest of what the entry claims, once", remote.ClaimHeader)
	}
	if len(r.Header.Values("Authorization")) != 1 {
		return unknown("the header Authorization must be there once")
	}
	proof, err := remote.ParseAuthorization(r.Header.Get("Authorization"))
	if err != nil {
		return unknown("%s", inert.Line(err.Error()))
	}
	if proof.Token == "" {
		key, err := proof.VerifyClaim(l.Origin, claim, l.Writers)
		if err != nil {
			return unknown("%s", inert.Line(err.Error()))
		}
		return writer{key: key.Fingerprint()}, claim, nil
	}
	if len(l.Trust.Workflows) == 0 || l.issuer == nil {
		return unknown("no workflow may write to this log: a key must")
	}
	kid, err := oidc.KeyID(proof.Token)
	if err != nil {
		return unknown("%s", inert.Line(err.Error()))
	}
	issuer, err := l.issuer.with(r.Context(), kid, now)
	if err != nil {
		return writer{}, "", refuse(http.StatusServiceUnavailable, "no-keys", "tokens cannot be verified now").fix("hand the entry over again").because(err)
	}
	token, err := oidc.Verify(proof.Token, issuer, oidc.Want{Audience: claim, At: now, Skew: skew})
	if err != nil {
		return unknown("%s", inert.Line(err.Error()))
	}
	if token.Repository != l.Repository {
		return writer{}, "", refuse(http.StatusForbidden, "repository", "a run of %s does not write to the log of %s", inert.Word(token.Repository), l.Repository)
	}
	return writer{token: token}, claim, nil
}

// readSubmission reads the body, within limits of size, time and number.
func (s *Server) readSubmission(w http.ResponseWriter, r *http.Request) (*remote.Submission, *refusal) {
	if t := r.Header.Get("Content-Type"); t != "application/json" {
		return nil, refuse(http.StatusUnsupportedMediaType, "content-type", "the body must be application/json")
	}
	if r.ContentLength > remote.MaxSubmission {
		return nil, tooLarge()
	}
	select {
	case s.bodies <- struct{}{}:
		defer func() { <-s.bodies }()
	default:
		return nil, refuse(http.StatusServiceUnavailable, "busy", "too many entries are being read").fix("hand it over again")
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(s.bodyTime)) // where it cannot be set, the server's own holds
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, remote.MaxSubmission))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, tooLarge()
	case err != nil:
		return nil, refuse(http.StatusRequestTimeout, "body", "the body did not arrive").because(err)
	}
	_ = control.SetReadDeadline(time.Time{})
	var in remote.Submission
	if err := json.Unmarshal(b, &in, json.RejectUnknownMembers(true)); err != nil {
		return nil, refuse(http.StatusBadRequest, "body", "the body: %s", inert.Error(err))
	}
	size := 0
	for _, bundle := range in.Bundles {
		size += len(bundle)
	}
	if len(in.Bundles) > maxBundles || size > remote.MaxBundles {
		return nil, refuse(http.StatusRequestEntityTooLarge, "bundles", "there are %d bundles of %d bytes; at most %d of %d are taken", len(in.Bundles), size, maxBundles, remote.MaxBundles)
	}
	return &in, nil
}

func tooLarge() *refusal {
	return refuse(http.StatusRequestEntityTooLarge, "size", "the body has more than %d bytes", remote.MaxSubmission)
}

// checkEntry reads an entry that was handed over.
func (l *keptLog) checkEntry(in *remote.Submission, claim string) (*audit.Entry, *refusal) {
	e, err := audit.Parse(in.Entry)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "entry", "%s", inert.Line(err.Error()))
	}
	switch {
	case !e.Attestation.IsZero():
		return nil, refuse(http.StatusBadRequest, "entry", "the entry says who vouches for it: that is for the server to find out")
	case audit.Digest(in.Entry) != claim:
		return nil, refuse(http.StatusUnauthorized, "claim", "the entry is not the one that the header %s names", remote.ClaimHeader)
	case e.Repository != l.Repository:
		return nil, refuse(http.StatusForbidden, "repository", "an entry of %s does not belong into the log of %s", inert.Word(e.Repository), l.Repository)
	}
	return e, nil
}
