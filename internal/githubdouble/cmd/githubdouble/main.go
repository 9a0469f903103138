// Command githubdouble serves a scenario from a file, for programs that are tested from outside.
//
//	githubdouble -scenario FILE [-addr 127.0.0.1:0] [-control 127.0.0.1:0] [-journal FILE]
//
// It prints "api URL", and "control URL" where one is asked for, and serves until it is interrupted.
// It exits with 1 if any request or answer went against GitHub's API description.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/remit-sh/remit/internal/githubdouble"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "githubdouble:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, problems io.Writer) (err error) {
	flags := flag.NewFlagSet("githubdouble", flag.ContinueOnError)
	flags.SetOutput(problems)
	scenario := flags.String("scenario", "", "the scenario, a JSON `file`")
	addr := flags.String("addr", "127.0.0.1:0", "where to serve the API")
	control := flags.String("control", "", "where to serve the control paths; \"\" for nowhere")
	journal := flags.String("journal", "", "a `file` to write each request to, a line of JSON each")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := githubdouble.Load(*scenario)
	if err != nil {
		return err
	}
	d, err := githubdouble.New(s)
	if err != nil {
		return err
	}
	if *journal != "" {
		f, failed := os.OpenFile(*journal, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		d.JournalTo(f)
	}
	if err := d.Serve(*addr); err != nil {
		return err
	}
	fmt.Fprintln(out, "api", d.URL())
	if *control != "" {
		listener, failed := net.Listen("tcp", *control)
		if failed != nil {
			return errors.Join(failed, d.Close())
		}
		server := &http.Server{Handler: d.Control(), ReadHeaderTimeout: 10 * time.Second}
		defer func() { err = errors.Join(err, server.Close()) }()
		go func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				fmt.Fprintln(problems, "githubdouble: serving control:", err)
			}
		}()
		fmt.Fprintf(out, "control http://%s\n", listener.Addr())
	}
	<-ctx.Done()
	return d.Close()
}
