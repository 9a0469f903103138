package cli

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
)

// delegationRow is one delegation in the JSON list.
type delegationRow struct {
	Digest    string   `json:"digest"`
	Delegator string   `json:"delegator"`
	Delegate  string   `json:"delegate"`
	Root      string   `json:"root"`
	State     string   `json:"state"` // live, expired, not-yet-valid
	NotBefore string   `json:"not_before"`
	NotAfter  string   `json:"not_after"`
	Purpose   string   `json:"purpose"`
	Actions   []string `json:"actions"`
	Branches  []string `json:"branches"`
	Paths     []string `json:"paths"`
	Depth     int      `json:"depth"`
}

func newDelegations(env *Env) *cobra.Command {
	var live bool
	var format string
	c := &cobra.Command{
		Use: "delegations", Short: "List who may do what, and until when", Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if format != "text" && format != "json" {
				return fault.Usagef("--format is text or json, and not %q", format)
			}
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			chains := w.localDelegations()
			now := env.Now()
			if live {
				chains = slices.DeleteFunc(chains, func(c delegation.Chain) bool { return c.StateAt(now, 0) != delegation.Live })
			}
			slices.SortFunc(chains, func(a, b delegation.Chain) int {
				if d := b.Leaf().NotAfter.Compare(a.Leaf().NotAfter); d != 0 {
					return d
				}
				return strings.Compare(a.Digest(), b.Digest())
			})
			if format == "json" {
				rows := make([]delegationRow, len(chains))
				for i, c := range chains {
					rows[i] = rowOf(c, now)
				}
				if err := json.MarshalWrite(env.Stdout, rows, jsontext.WithIndent("  ")); err != nil {
					return err
				}
				fmt.Fprintln(env.Stdout)
				return nil
			}
			if len(chains) == 0 {
				fmt.Fprintln(env.Stderr, "note: there are none here; `git fetch origin 'refs/remit/*:refs/remit/*'` gets what was published")
			}
			out := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
			for _, c := range chains {
				r := rowOf(c, now)
				fmt.Fprintf(out, "%s\t%s\t%s to %s\tuntil %s\t%s\n", r.Digest[:len("sha256:")+12], r.State, r.Delegator, r.Delegate,
					names.Stamp(c.Leaf().NotAfter), report.Inert(r.Purpose))
			}
			return out.Flush()
		},
	}
	c.Flags().BoolVar(&live, "live", false, "only those that hold now")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func rowOf(c delegation.Chain, now time.Time) delegationRow {
	l := c.Leaf()
	return delegationRow{
		Digest: c.Digest(), Delegator: string(l.Delegator.Name), Delegate: string(l.Delegate.Name), Root: string(c[0].Delegator.Name),
		State: c.StateAt(now, 0).String(), NotBefore: l.NotBefore.Format(time.RFC3339), NotAfter: l.NotAfter.Format(time.RFC3339), Purpose: l.Purpose,
		Actions: texts(l.Scope.Actions), Branches: texts(l.Scope.Branches), Paths: texts(l.Scope.Paths), Depth: l.Scope.Depth,
	}
}

// texts turns actions or patterns into their text.
func texts[T any](list []T) []string {
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = fmt.Sprint(item)
	}
	return out
}

func newShow(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "show DIGEST", Short: "Read a chain of delegations out, a sentence a link",
		Long: "Reads a chain out, the human first. DIGEST may be cut short, as `remit delegations` shows it.",
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			digest, err := w.fullDigest(args[0])
			if err != nil {
				return err
			}
			chain, err := w.Chain(digest)
			if err != nil {
				return err
			}
			for _, s := range chain.Sentences() {
				fmt.Fprintln(env.Stdout, s)
			}
			for _, p := range chain.Problems(chain[0].Scope.Repositories[0], 0) {
				fmt.Fprintf(env.Stdout, "It does not hold (%s): %s.\n", p.Rule, p.What)
			}
			fmt.Fprintf(env.Stdout, "It is %s.\n", standing(chain.StateAt(env.Now(), 0)))
			return nil
		},
	}
}

// standing is the state of a delegation as somebody asks for it.
func standing(s delegation.WindowState) string {
	switch s {
	case delegation.Live:
		return "live now"
	case delegation.TooEarly:
		return "not valid yet"
	default:
		return "over"
	}
}
