package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit/web"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
)

// usualListen is where the page is, unless somebody says otherwise.
const usualListen = "127.0.0.1:8417"

func newAuditServe(env *Env) *cobra.Command {
	var (
		source auditSource
		listen string
		hosts  []string
	)
	c := &cobra.Command{
		Use: "serve", Short: "Show the audit log in a browser", Args: usageArgs(cobra.NoArgs),
		Long: "Serves a page about the audit log, until it is interrupted: the decisions, the newest first, with the filters of\n" +
			"`remit audit log`; who gave authority to whom, as a picture; and each entry, with the proof that it is in the log,\n" +
			"which the browser checks by itself. It only reads.\n" +
			"Open the address that it prints: behind its # is the log's key, which the page compares with the one it is given.\n" +
			"Whoever can reach the address can read the log, accounts on this machine too. It listens on this machine alone,\n" +
			"unless --listen says otherwise. By another name than localhost it answers only where --host says so.",
		Example: "  remit audit serve\n  remit audit serve --fetch --listen 127.0.0.1:0",
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := listenAt(listen)
			if err != nil {
				return err
			}
			return withAudit(cmd.Context(), env, &source, func(a *auditLog) error {
				return a.serve(cmd.Context(), at, hosts, source.dir == "")
			})
		},
	}
	source.flags(env, c)
	c.Flags().StringVar(&listen, "listen", usualListen, "the `ADDRESS` to serve at, an IP address and a port; port 0 takes one that is free")
	c.Flags().StringArrayVar(&hosts, "host", nil, "answer also to the `NAME`, where something in front of it passes that on (repeatable)")
	for _, flag := range []string{"listen", "host"} {
		_ = c.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions) // fails only for a flag that is not there
	}
	return c
}

func listenAt(s string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(s)
	if err != nil {
		return at, fault.WithFix(fault.Usagef("--listen: %s is no IP address with a port", inert.Quote(s)), "write one such as %s", usualListen)
	}
	return at, nil
}

// How old what is shown may be: of a log that is here, and of one that is fetched.
const (
	freshHere   = 2 * time.Second
	freshRemote = 15 * time.Second
)

// serve serves the log until ctx ends. ofRepository says that it is the log of the repository that somebody is in.
func (a *auditLog) serve(ctx context.Context, at netip.AddrPort, hosts []string, ofRepository bool) error {
	r, err := a.look(ctx)
	if err != nil {
		return err
	}
	c := web.Config{
		Log: a.Log, Key: a.key, KeyFrom: a.keyFrom, Names: hosts, Fresh: freshHere, Now: a.env.Now, Moved: a.keep, Rules: map[string]string{},
		Failed: func(err error) { a.env.note([]string{"not answered: " + worded(a.words(err))}) },
	}
	if a.remote != "" {
		c.Fresh = freshRemote
	}
	if ofRepository {
		c.Standing = a.env.standingOf
	}
	for _, rule := range decide.Rules() {
		c.Rules[rule.ID] = rule.Summary
	}
	s, err := web.New(c)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at.String())
	if err != nil {
		const fix = "name another address or port with --listen; port 0 takes one that is free"
		if errors.Is(err, syscall.EADDRINUSE) {
			return fault.WithFix(fault.Undecidedf("somebody else listens at %s already", at), fix)
		}
		return fault.WithFix(fault.Undecidedf("listening at %s: %w", at, err), fix)
	}
	if !at.Addr().IsLoopback() {
		a.env.note([]string{"whoever can reach " + at.Addr().String() + " from elsewhere can read this audit log: nothing asks for a password, and nothing is encrypted. " +
			"There the page can check no proofs either: a browser does so for https and for this machine alone"})
	}
	where := listener.Addr().String()
	if at.Addr().IsUnspecified() {
		where = net.JoinHostPort("localhost", strconv.Itoa(int(netip.MustParseAddrPort(where).Port())))
	}
	fmt.Fprintf(a.env.Stdout, "http://%s/#key=%s\n", where, url.QueryEscape(a.key))
	a.env.note([]string{
		fmt.Sprintf("this is the audit log %s of %s, with the key %s (%s); Ctrl-C ends it", inert.Line(r.Checkpoint().Origin), counted(int(r.Checkpoint().Size), "entry", "entries"), a.key, a.keyFrom),
	})
	return s.Serve(ctx, listener)
}

// standingOf says how the links of delegation bundles stand today by the policy that is here.
func (e *Env) standingOf(ctx context.Context, bundles [][]byte) [][]string {
	out := make([][]string, len(bundles))
	w, err := openQuietly(e)
	if err != nil {
		return out // the time tells, then
	}
	defer w.Close()
	stands := w.standing(ctx)
	for i, b := range bundles {
		chain, err := delegation.ParseBundle(b)
		if err != nil {
			continue // one that is missing or cannot be read is said where it matters
		}
		for k := range chain {
			state, _ := stands(chain[:k+1])
			out[i] = append(out[i], string(state))
		}
	}
	return out
}
