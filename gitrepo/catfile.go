package gitrepo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/inert"
)

// catFile is the source of sha256 repositories, which go-git cannot read: a git that answers
// requests on a pipe, in our scratch directory. Its answers are hashed like any other bytes.
type catFile struct {
	work *scratch
	cmd  *exec.Cmd // nil: not running
	in   io.WriteCloser
	out  *bufio.Reader
}

func (r *Repo) openCatFile() (*catFile, error) {
	work, err := r.scratch()
	if err != nil {
		return nil, err
	}
	return &catFile{work: work}, nil
}

func (c *catFile) start() error {
	cmd := c.work.command(context.Background(), "cat-file", "--batch-command")
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
	c.cmd, c.in, c.out = cmd, in, bufio.NewReaderSize(out, 64<<10)
	return nil
}

func (c *catFile) read(id oid, limit int64) (object, error) {
	o, err := c.ask(id, limit)
	if err == nil && hash256(o) != id {
		err = fmt.Errorf("%w: its content has another name", ErrCorrupt)
	}
	if err != nil {
		return object{}, &ObjectError{ID: id.String(), Err: err}
	}
	return o, nil
}

// ask asks for the size first, so that nothing large is ever sent.
func (c *catFile) ask(id oid, limit int64) (object, error) {
	_, size, err := c.header("info", id)
	if err != nil {
		return object{}, err
	}
	if size > limit {
		return object{}, tooLarge(size, limit)
	}
	kind, again, err := c.header("contents", id)
	if err != nil {
		return object{}, err
	}
	if again != size {
		return object{}, c.fail(errors.New("it changed its mind about a size"))
	}
	content := make([]byte, size+1)
	if _, err := io.ReadFull(c.out, content); err != nil {
		return object{}, c.fail(err)
	}
	if content[size] != '\n' {
		return object{}, c.fail(errors.New("content of another size"))
	}
	return object{kind, content[:size:size]}, nil
}

// header sends one request and reads the answer's first line: "<id> <type> <size>" or "<id> missing".
func (c *catFile) header(request string, id oid) (plumbing.ObjectType, int64, error) {
	if c.cmd == nil {
		if err := c.start(); err != nil {
			return 0, 0, fmt.Errorf("%w: starting git cat-file: %w", ErrMissing, err)
		}
	}
	if _, err := fmt.Fprintf(c.in, "%s %s\n", request, id); err != nil {
		return 0, 0, c.fail(err)
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		return 0, 0, c.fail(err)
	}
	fields := strings.Fields(line)
	if len(fields) == 2 && fields[0] == id.String() && fields[1] == "missing" {
		return 0, 0, ErrMissing
	}
	if len(fields) != 3 || fields[0] != id.String() {
		return 0, 0, c.fail(fmt.Errorf("unexpected answer %s", inert.Quote(line)))
	}
	kind, err := plumbing.ParseObjectType(fields[1])
	if err != nil {
		return 0, 0, c.fail(err)
	}
	size, err := strconv.ParseInt(fields[2], 10, 62)
	if err != nil || size < 0 {
		return 0, 0, c.fail(fmt.Errorf("unexpected size %s", inert.Quote(fields[2])))
	}
	return kind, size, nil
}

// fail ends the conversation, which is out of step; the next request starts another. git dies over
// a corrupted object, so that is what it most likely was.
func (c *catFile) fail(err error) error {
	_ = c.close()
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) {
		err = fmt.Errorf("%w (a git before 2.36 reads no SHA-256 repository for remit: `git version`)", err)
	}
	return fmt.Errorf("%w: git cat-file: %w", ErrCorrupt, err)
}

func (c *catFile) close() error {
	if c.cmd != nil {
		_ = c.in.Close() // which tells git to go
		_ = c.cmd.Wait() // what it complained of was reported by object
		c.cmd = nil
	}
	return nil
}
