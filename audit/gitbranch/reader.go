package gitbranch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"

	"github.com/remit-sh/remit/inert"
)

// reader is one `git cat-file --batch` that answers all that a store asks: a process for each question would take
// longer than the answer. It ends with the store, or with the program.
type reader struct {
	mu        sync.Mutex
	cmd       *exec.Cmd
	in        io.WriteCloser
	out       *bufio.Reader
	complaint *limited
}

// object is what cat-file says of a name.
type object struct {
	missing bool
	id      string
	kind    string
	size    int64
	content []byte // nil for what is not there, is of a kind that was not asked for, or is larger than that
}

// Close ends what was started to read. The store can be used on.
func (s *Store) Close() error {
	s.reader.mu.Lock()
	defer s.reader.mu.Unlock()
	return s.reader.stop()
}

func (r *reader) stop() error {
	if r.cmd == nil {
		return nil
	}
	err := r.in.Close()
	cmd := r.cmd
	r.cmd = nil
	return errors.Join(err, cmd.Wait())
}

// kill ends a process that may be in the middle of an answer.
func (r *reader) kill() {
	_ = r.cmd.Process.Kill() // it may have ended
	_ = r.in.Close()
	_ = r.cmd.Wait()
	r.cmd = nil
}

func (s *Store) startReader() error {
	r := &s.reader
	if r.cmd != nil {
		return nil
	}
	// It outlives the call for which it is started.
	cmd := s.command(context.Background(), "cat-file", "--batch")
	complaint := &limited{}
	cmd.Stderr = complaint
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r.cmd, r.in, r.out, r.complaint = cmd, in, bufio.NewReaderSize(out, 64<<10), complaint
	return nil
}

// objects reads objects by their names, which have no line break, and calls f for each in their order. Of those of
// another kind, and of those with more bytes than the limit, there is no content.
func (s *Store) objects(ctx context.Context, kind string, names []string, limit int64, f func(i int, o object) error) error {
	r := &s.reader
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.startReader(); err != nil {
		return fmt.Errorf("git cat-file: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = r.cmd.Process.Kill() }) // r is locked
	err := r.ask(kind, names, limit, f)
	if called := !stop(); called || err != nil {
		r.kill()
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("git cat-file: %w%s", err, r.complaint.why())
}

func (r *reader) ask(kind string, names []string, limit int64, f func(i int, o object) error) error {
	asked := make(chan error, 1)
	go func() { // the pipes are short
		_, err := io.WriteString(r.in, strings.Join(names, "\n")+"\n")
		asked <- err
	}()
	for i := range names {
		o, err := readObject(r.out, kind, limit)
		if err == nil {
			err = f(i, o)
		}
		if err != nil {
			return err
		}
	}
	return <-asked
}

// readObject reads one answer of cat-file --batch.
func readObject(in *bufio.Reader, kind string, limit int64) (object, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return object{}, err
	}
	fields := strings.Fields(line)
	if len(fields) == 2 && fields[1] == "missing" {
		return object{missing: true}, nil
	}
	if len(fields) != 3 {
		return object{}, fmt.Errorf("it answers %s", inert.Quote(line))
	}
	o := object{id: fields[0], kind: fields[1]}
	if o.size, err = strconv.ParseInt(fields[2], 10, 64); err != nil || o.size < 0 {
		return object{}, fmt.Errorf("it answers %s", inert.Quote(line))
	}
	if o.kind != kind || o.size > limit {
		_, err := io.CopyN(io.Discard, in, o.size+1)
		return o, err
	}
	b := make([]byte, o.size+1)
	if _, err := io.ReadFull(in, b); err != nil {
		return object{}, err
	}
	o.content = b[:o.size]
	return o, nil
}
