package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/server/largelog"
)

// How long a connection may take for what, and how much.
const (
	headerTime = 5 * time.Second
	readTime   = 30 * time.Second
	writeTime  = 2 * time.Minute // more than an entry takes
	idleTime   = time.Minute
	maxHeader  = 32 << 10

	drainTime = 75 * time.Second // in which what was begun is answered
)

// Server serves what a configuration says. [Open] makes one.
type Server struct {
	logs     []*keptLog
	logger   *slog.Logger
	now      func() time.Time
	bodies   chan struct{} // one for each body that is being read
	bodyTime time.Duration // in which a body must be here
	draining atomic.Bool
}

// Open opens all logs of a configuration.
func Open(ctx context.Context, c *Config, logger *slog.Logger, now func() time.Time) (*Server, error) {
	s := &Server{logger: logger, now: now, bodies: make(chan struct{}, maxBodies), bodyTime: bodyTime}
	for _, lc := range c.Logs {
		opened, err := largelog.Open(ctx, largelog.Config{Signer: lc.Signer, Verifier: lc.Verifier, Place: lc.Place(), Logger: logger})
		if err != nil {
			return nil, errors.Join(err, s.Close(ctx))
		}
		host, _, _ := strings.Cut(lc.Repository, "/")
		s.logs = append(s.logs, &keptLog{
			LogConfig: lc, log: opened, issuer: c.Issuers[host],
			rate: newLimits(float64(lc.Rate), 4*float64(lc.Rate)), runs: newLimits(perRunRate, perRunBurst),
		})
		logger.Info("log opened", "log", lc.Origin)
	}
	return s, nil
}

// Close ends all logs, when nobody asks any more.
func (s *Server) Close(ctx context.Context) error {
	var err error
	for _, l := range s.logs {
		err = errors.Join(err, l.log.Close(ctx))
	}
	s.logs = nil
	return err
}

// Serve answers on a listener until ctx ends, and then answers what was begun.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	h := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	s.logger.Info("stopping")
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer end()
	return errors.Join(h.Shutdown(ctx), s.Close(ctx))
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'")
	var why *refusal
	switch {
	case r.URL.Path == "/healthz" || r.URL.Path == "/readyz":
		why = s.health(w, r)
	default:
		why = s.serveLog(w, r)
	}
	if why != nil {
		s.refuse(w, r, why)
	}
}

// health says whether the server runs (/healthz), and whether entries can be handed over (/readyz).
func (s *Server) health(w http.ResponseWriter, r *http.Request) *refusal {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return method(w, "GET, HEAD")
	}
	if r.URL.Path == "/readyz" {
		if s.draining.Load() {
			return refuse(http.StatusServiceUnavailable, "stopping", "the server stops")
		}
		for _, l := range s.logs {
			if err := l.log.Err(); err != nil {
				return refuse(http.StatusServiceUnavailable, "log", "a log cannot be written; the server's own log says which and why").because(err)
			}
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n")) // nobody is left to tell
	return nil
}

// refuse answers with why nothing was taken.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, why *refusal) {
	level := slog.LevelInfo
	if why.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	cause := ""
	if why.err != nil {
		cause = inert.Line(why.err.Error())
	}
	// The path holds no secret; headers do.
	s.logger.Log(r.Context(), level, "refused", "method", inert.Word(r.Method), "path", inert.Word(r.URL.Path), "status", why.status, "code", why.Code, "message", why.Message, "cause", cause)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	switch why.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="remit", Remit-Signature`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	}
	if why.Fix != "" {
		why.Fix += "."
	}
	b, err := json.Marshal(why.Refusal)
	if err != nil {
		b = nil
	}
	w.WriteHeader(why.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(b, '\n')) // nobody is left to tell
	}
}
