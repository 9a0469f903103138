package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/inert"
)

// Bounds on one git command of a mirror.
const (
	maxListing   = 64 << 20 // bytes of output; a ref takes about 70
	watchEvery   = 200 * time.Millisecond
	gracePeriod  = 5 * time.Second // to clean up in when called off
	maxComplaint = 300             // bytes of what git said that an error repeats
)

var (
	errMirrorTime = fmt.Errorf("fetching took more than %v in all", MaxMirrorTime)
	errMirrorSize = fmt.Errorf("%w: more than %d MiB were fetched", errLimit, MaxMirrorSize>>20)
)

// within does something under the mirror's bounds on time and size. Whatever f fails with, an error
// says so where it was called off by one of them.
func (m *Mirror) within(ctx context.Context, f func(context.Context) error) error {
	start := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	limited, stop := context.WithTimeoutCause(ctx, m.left, errMirrorTime)
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		m.watch(done, cancel)
	}()
	err := f(limited)
	close(done)
	<-watched
	if cause := context.Cause(limited); cause != nil && err != nil {
		err = cause
	}
	stop()
	cancel(nil)
	m.left = max(m.left-time.Since(start), 0)
	return err
}

// watch calls off what goes on when the mirror gets too large.
func (m *Mirror) watch(done <-chan struct{}, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			if m.size() > m.most {
				cancel(errMirrorSize)
				return
			}
		}
	}
}

// size is how much there is of packs, finished or not.
func (m *Mirror) size() int64 {
	entries, err := os.ReadDir(filepath.Join(m.dir, "objects", "pack"))
	if err != nil {
		return 0
	}
	var total int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			total += info.Size()
		}
	}
	return total
}

// run runs git in the mirror, with input on its standard input, and returns its output.
func (m *Mirror) run(ctx context.Context, input string, args ...string) ([]byte, error) {
	var stdout bytes.Buffer
	out, stderr := &limitedWriter{&stdout, maxListing}, &lastWriter{}
	err := m.within(ctx, func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, m.git, args...)
		cmd.Dir, cmd.Env = m.dir, m.env
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), out, stderr
		endWhole(cmd)
		return cmd.Run()
	})
	m.repo.forgetShallow()
	complaints := m.redact(string(stderr.last))
	for line := range strings.Lines(complaints) {
		if strings.Contains(line, "filtering not recognized by server") {
			m.warn("the server cannot leave out file contents (uploadpack.allowFilter is not set there), so everything was fetched")
		}
	}
	switch {
	case err == nil && out.left == 0:
		return nil, fmt.Errorf("%w: git's answer is larger than %d MiB", errLimit, maxListing>>20)
	case err == nil:
		if m.size() > m.most {
			return nil, errMirrorSize
		}
		return stdout.Bytes(), nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("%w: git is not installed", ErrUnreachable)
	case errors.Is(err, errMirrorTime):
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	case errors.Is(err, errMirrorSize), ctx.Err() != nil:
		return nil, err
	default:
		return nil, explain(complaints, err)
	}
}

// warn notes a warning, once.
func (m *Mirror) warn(text string) {
	if !slices.Contains(m.warnings, text) {
		m.warnings = append(m.warnings, text)
	}
}

// redact takes the token out of what git said, in each form that it has here.
func (m *Mirror) redact(text string) string {
	for _, s := range m.secrets {
		text = strings.ReplaceAll(text, s, "[token]")
	}
	return text
}

// notThere is an object or ref that the server does not have. It is [ErrNotFound].
type notThere struct{ name string }

func (e *notThere) Error() string {
	return "the server has no " + e.name + ", or gives it to nobody"
}

func (e *notThere) Is(target error) bool { return target == ErrNotFound }

// explain makes an error of what git said about a server, in the words of git 2.38 and newer.
func explain(complaints string, err error) error {
	said := firstComplaint(complaints)
	if _, name, ok := strings.Cut(said, "upload-pack: not our ref "); ok {
		if id, ok := parseOID(strings.TrimSpace(name)); ok {
			return &absentError{id}
		}
	}
	for _, c := range []struct {
		text string
		err  error
		hint string
	}{
		{"unadvertised object", ErrRefused, "it gives only what its refs name; it needs git's protocol version 2, or uploadpack.allowAnySHA1InWant"},
		{"could not read Username", ErrRefused, "it wants a token that may read the repository"},
		{"Authentication failed", ErrRefused, "it does not take the token; give one that may read the repository"},
		{"returned error: 401", ErrRefused, "it does not take the token; give one that may read the repository"},
		{"returned error: 403", ErrRefused, "the token may not read the repository; a workflow needs permissions: contents: read"},
		{"' not found", ErrRefused, "there is no repository at that address, or the token may not see it"},
		{"does not appear to be a git repository", ErrRefused, "there is no repository at that address"},
		{"Permission denied", ErrRefused, "it does not know the key, or the folder may not be read"},
		{"returned error: 30", ErrUnreachable, "it sends to another address, which is not followed; give the repository's present one"},
		{"unable to update url base from redirection", ErrUnreachable, "it sends to another address, which is not followed; give the repository's present one"},
		{"fsck", ErrRefused, "what it sends does not pass git's own checks; git fsck on the server says what is wrong"},
	} {
		if strings.Contains(complaints, c.text) {
			return fmt.Errorf("%w: %s (git: %s)", c.err, c.hint, inert.Quote(said))
		}
	}
	if said == "" {
		return fmt.Errorf("%w: git: %w", ErrUnreachable, err)
	}
	return fmt.Errorf("%w (git: %s)", ErrUnreachable, inert.Quote(said))
}

// firstComplaint is the first line in which git itself complains: what follows comes of it.
func firstComplaint(complaints string) string {
	first := ""
	for line := range strings.Lines(complaints) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "fatal: ") || strings.HasPrefix(line, "error: ") {
			return line
		}
		if first == "" {
			first = line
		}
	}
	return first
}

// lastWriter keeps the last bytes of what is written: git says last what it ended by.
type lastWriter struct{ last []byte }

func (w *lastWriter) Write(p []byte) (int, error) {
	w.last = append(w.last, p...)
	if over := len(w.last) - maxErrorOutput; over > 0 {
		w.last = append(w.last[:0], w.last[over:]...)
	}
	return len(p), nil
}

// forgetShallow makes the next reader look again at where history was cut off.
func (r *Repo) forgetShallow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shallow = nil
}
