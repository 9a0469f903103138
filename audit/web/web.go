// Package web serves the audit log as a page for people: what was decided, on whose authority, and for each entry the
// proof that it is in the log, which the browser checks by itself.
//
// It only reads. Whoever reaches it can read the whole log, so that it is for a loopback address, or for behind
// something that knows its visitors. What agents wrote is handed over as text that was made inert, and the page shows it
// as text alone: it has no inline script, and no way to make elements from text (the page's policy forbids both).
package web

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/inert"
)

// How long a connection may take for what, and how much.
const (
	headerTime  = 5 * time.Second
	readTime    = 10 * time.Second
	writeTime   = time.Minute
	idleTime    = time.Minute
	maxHeader   = 16 << 10
	maxRequests = 32 // at once; more are told to come again
	stopTime    = 500 * time.Millisecond
)

//go:embed page
var files embed.FS

// Config is what is served, and for whom.
type Config struct {
	Log     *log.Log
	Key     string        // the log's verifier key, by which Log proves what it reads
	KeyFrom string        // who says that this is the key, in a few words
	Names   []string      // host names, beside localhost and addresses, by which the page may be asked for
	Fresh   time.Duration // how old a look at the log may be
	Now     func() time.Time
	// Moved is told each later checkpoint, proven to continue the one before, by one goroutine at a time. Nil: nobody is.
	Moved func(context.Context, log.Checkpoint)
	// Standing says how each link of each of some delegation bundles stands today, "" where that is not known. Nil: only
	// the time tells. It is called by one goroutine at a time.
	Standing func(ctx context.Context, bundles [][]byte) [][]string
	Rules    map[string]string // what each rule says when it finds something, in a sentence
	// Failed is told why something could not be answered. Nil: nobody is.
	Failed func(error)
}

// Server answers requests for the page and for what it shows.
type Server struct {
	Config

	assets map[string]asset
	busy   chan struct{} // one for each request that is being answered
	turn   chan struct{} // held by whoever reads the log
	reader *log.Reader
	looked time.Time
	seen   log.Checkpoint
}

// asset is a file of the page.
type asset struct {
	kind, tag string
	content   []byte
}

// New makes a server. The log must be there.
func New(c Config) (*Server, error) {
	s := &Server{Config: c, assets: map[string]asset{}, busy: make(chan struct{}, maxRequests), turn: make(chan struct{}, 1)}
	list, err := files.ReadDir("page")
	if err != nil {
		return nil, fmt.Errorf("reading the page: %w", err)
	}
	for _, f := range list {
		b, err := files.ReadFile("page/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("reading the page: %w", err)
		}
		sum := sha256.Sum256(b)
		a := asset{kind: kindOf(f.Name()), tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, content: b}
		name := "/" + f.Name()
		if name == "/index.html" {
			name = "/"
		}
		s.assets[name] = a
	}
	return s, nil
}

func kindOf(name string) string {
	switch path.Ext(name) {
	case ".js": // what the system's table says may be another
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.TypeByExtension(path.Ext(name))
	}
}

// Serve answers on a listener until ctx ends. What is being answered then has half a second.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	asked, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	h := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: nil, BaseContext: func(net.Listener) context.Context { return asked },
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving the audit log: %w", err)
	case <-ctx.Done():
	}
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer stop()
	if h.Shutdown(end) != nil {
		cancel()
		return h.Close()
	}
	return nil
}

// policyOfPage is what the page may do: run its own files, ask its own server, and nothing else. Text does not become
// an element or a script in it, whatever its own script tries.
const policyOfPage = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// refusal is why a request is not answered.
type refusal struct {
	status    int
	text, fix string
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policyOfPage)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if err := s.answer(w, r); err != nil {
		s.fail(w, r, err)
	}
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) error {
	if !s.isHost(r.Host) {
		// A page of somebody else's whose name was made to lead here would read the log otherwise.
		return refuse(http.StatusMisdirectedRequest, "this server does not answer to the name %s: ask by its address, or name it with --host", inert.Quote(r.Host))
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return refuse(http.StatusMethodNotAllowed, "it can only be read")
	}
	if a, ok := s.assets[r.URL.Path]; ok {
		h := w.Header()
		h.Set("Content-Type", a.kind)
		h.Set("ETag", a.tag)
		h.Set("Cache-Control", "no-cache")
		if r.Header.Get("If-None-Match") == a.tag {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		return s.write(w, r, a.content)
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/api/")
	if !ok {
		return refuse(http.StatusNotFound, "there is no such page")
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return refuse(http.StatusForbidden, "another site's page asked for it")
	}
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	default:
		w.Header().Set("Retry-After", "1")
		return refuse(http.StatusServiceUnavailable, "too many ask at once: try again")
	}
	switch part := strings.Split(rest, "/"); {
	case rest == "log":
		return s.serveLog(w, r)
	case rest == "entries":
		return s.serveEntries(w, r)
	case len(part) == 2 && part[0] == "entries":
		return s.serveEntry(w, r, part[1])
	case len(part) == 3 && part[0] == "entries" && (part[2] == "receipt" || part[2] == "json"):
		return s.serveFile(w, r, part[1], part[2])
	default:
		return refuse(http.StatusNotFound, "there is no such page")
	}
}

// isHost reports whether a host is this server: an address, which no name server of others has a say in, or a name that
// it was told.
func (s *Server) isHost(host string) bool {
	name := host
	if h, port, err := net.SplitHostPort(host); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
		name = h
	} else if trimmed, ok := strings.CutPrefix(host, "["); ok {
		name = strings.TrimSuffix(trimmed, "]")
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	for _, known := range append([]string{"localhost"}, s.Names...) {
		if strings.EqualFold(name, known) {
			return true
		}
	}
	return false
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, b []byte) error {
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	if r.Method == http.MethodHead {
		return nil
	}
	_, _ = w.Write(b) // nobody is left to tell
	return nil
}

func (s *Server) writeJSON(w http.ResponseWriter, r *http.Request, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encoding an answer: %s", inert.Error(err))
	}
	w.Header().Set("Content-Type", "application/json")
	return s.write(w, r, append(inert.JSON(b), '\n'))
}

// wrongJSON says why something was not answered.
type wrongJSON struct {
	Error string `json:"error"`
	Fix   string `json:"fix,omitzero"`
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var why *refusal
	if !errors.As(err, &why) {
		why = &refusal{status: http.StatusInternalServerError, text: inert.LineOf(err.Error(), 2000), fix: "See what the command says that serves this page."}
		if r.Context().Err() == nil && s.Failed != nil {
			s.Failed(err)
		}
	}
	b, err := json.Marshal(wrongJSON{why.text, why.fix})
	if err != nil {
		b = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(why.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(inert.JSON(b), '\n')) // nobody is left to tell
	}
}

// read calls f with the log as it is, or was a short time ago. One reads at a time: what is served holds one part of the log
// in memory, however many ask.
func (s *Server) read(ctx context.Context, f func(*log.Reader) error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	now := s.Now()
	if s.reader == nil || now.Sub(s.looked) >= s.Fresh || now.Before(s.looked) {
		l := *s.Log
		if s.seen.Signed != nil {
			l.Pins = append([]log.Checkpoint{s.seen}, s.Log.Pins...)
		}
		r, err := l.Read(ctx)
		if err != nil {
			return err
		}
		s.reader, s.looked = r, now
	}
	err := f(s.reader)
	if err != nil {
		s.reader = nil
		return err
	}
	if c := s.reader.Checkpoint(); s.seen.Signed == nil || c.Size > s.seen.Size {
		s.seen = c
		if s.Moved != nil {
			s.Moved(ctx, c)
		}
	}
	return nil
}
