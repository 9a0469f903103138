package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/remit-sh/remit/report"
	ws "github.com/remit-sh/remit/workspace"
)

// Env is everything that a run takes from its surroundings.
type Env struct {
	Stdin      io.Reader
	Stdout     io.Writer
	Stderr     io.Writer
	Environ    []string // "NAME=value"; the last of a name counts
	Dir        string   // the working directory
	Executable string   // absolute path of this program
	Now        func() time.Time
	Wait       func(context.Context, time.Duration) error // before a forge is asked again; nil: a timer
	HTTP       http.RoundTripper                          // to who makes identity tokens; nil: one with time limits
	Terminal   bool                                       // standard output is a terminal
	// Interactive says that somebody can be asked: standard input and error are a terminal.
	Interactive bool

	loud io.Writer // standard error while notes are not printed; nil: they are
}

// goTo makes another folder the working directory, as git's -C does.
func (e *Env) goTo(dir string) error {
	path := e.around().Absolute(dir)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return errors.New(worded(err))
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", dir)
	}
	e.Dir = path
	return nil
}

// hush is the flag --quiet: from now on only results and errors are printed.
func (e *Env) hush(value string) error {
	quiet, err := strconv.ParseBool(value)
	if err == nil && quiet && e.loud == nil {
		e.loud, e.Stderr = e.Stderr, io.Discard
	}
	return err
}

// quiet reports whether notes are left out.
func (e *Env) quiet() bool { return e.loud != nil }

// errors is where errors go, also where notes do not.
func (e *Env) errors() io.Writer {
	if e.loud != nil {
		return e.loud
	}
	return e.Stderr
}

// Getenv returns a variable's value, "" where it is not set.
func (e *Env) Getenv(name string) string {
	return e.around().Getenv(name)
}

// Color reports whether output to the terminal may be coloured (https://no-color.org).
func (e *Env) Color() bool {
	return e.Terminal && e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb"
}

// around is what a work tree takes from the environment of a run.
func (e *Env) around() ws.Env { return ws.Env{Environ: e.Environ, Dir: e.Dir, Asks: e.Interactive} }

// note prints what somebody should know beside an answer.
func (e *Env) note(notes []string) {
	for _, n := range notes {
		fmt.Fprintf(e.Stderr, "remit: note: %s\n", report.Inert(n))
	}
}
