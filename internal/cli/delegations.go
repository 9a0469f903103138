package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/internal/setup"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
)

// delegationRow is one delegation in JSON.
type delegationRow struct {
	Digest       string   `json:"digest"`
	Delegator    string   `json:"delegator"`
	Delegate     string   `json:"delegate"`
	Root         string   `json:"root"`
	State        string   `json:"state"` // live, expired, not-yet-valid, revoked, void
	InForce      bool     `json:"in_force"`
	NotBefore    string   `json:"not_before"`
	NotAfter     string   `json:"not_after"`
	Purpose      string   `json:"purpose"`
	Repositories []string `json:"repositories"`
	Actions      []string `json:"actions"`
	Branches     []string `json:"branches"`
	Paths        []string `json:"paths"`
	Environments []string `json:"environments"`
	Depth        int      `json:"depth"`
}

func newDelegations(env *Env) *cobra.Command {
	var live bool
	var format string
	c := &cobra.Command{
		Use: "delegations", Short: "List who may do what, and until when", Args: usageArgs(cobra.NoArgs),
		Long: "Lists the delegations that are here, a line each, with what each covers below it: those that last longest\n" +
			"first. What does not hold is marked: expired, not-yet-valid, revoked by the policy, or void, of which `remit\n" +
			"show` says why. The digest that is cut short stands for the whole one in every command.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := openWorkspace(env)
			if err != nil {
				return err
			}
			defer w.Close()
			w.noteUnsure()
			rows, err := w.delegationRows(cmd.Context(), live)
			if err != nil {
				return err
			}
			if format == "json" {
				return writeJSON(env, rows)
			}
			if len(rows) == 0 {
				fmt.Fprintln(env.Stderr, "note: there are none here; `git fetch origin 'refs/remit/*:refs/remit/*'` gets what was published")
			}
			var table strings.Builder
			out := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
			for _, r := range rows {
				state := r.State
				if r.InForce {
					state += ", in force"
				}
				fmt.Fprintf(out, "%s\t%s\t%s to %s\tuntil %s\t%s\n", shortDigest(r.Digest), state, r.Delegator, r.Delegate,
					names.Stamp(r.chain.Leaf().NotAfter), report.Inert(r.Purpose))
			}
			if err := out.Flush(); err != nil {
				return err
			}
			lines := strings.Split(table.String(), "\n")
			for i, r := range rows {
				scope := r.chain.Leaf().Scope
				fmt.Fprintf(env.Stdout, "%s\n    to %s\n", lines[i], scope.Text())
			}
			return nil
		},
	}
	c.Flags().BoolVar(&live, "live", false, "only those that hold now")
	return withFormat(c, &format)
}

// delegationHere is a delegation of this repository and its line.
type delegationHere struct {
	delegationRow

	chain delegation.Chain
}

// delegationRows lists the delegations that are here, those that last longest first.
func (w *workspace) delegationRows(ctx context.Context, live bool) ([]delegationHere, error) {
	use, _, err := w.Use()
	if err != nil {
		return nil, err
	}
	rows, stands := []delegationHere{}, w.standing(ctx)
	for _, c := range w.localDelegations() {
		state, _ := stands(c)
		if live && state != setup.Live {
			continue
		}
		rows = append(rows, delegationHere{rowOf(c, string(state), c.Digest() == use.Delegation), c})
	}
	slices.SortFunc(rows, func(a, b delegationHere) int {
		if d := b.chain.Leaf().NotAfter.Compare(a.chain.Leaf().NotAfter); d != 0 {
			return d
		}
		return strings.Compare(a.Digest, b.Digest)
	})
	return rows, nil
}

func rowOf(c delegation.Chain, state string, inForce bool) delegationRow {
	r := linkRow(c.Leaf())
	r.Root, r.State, r.InForce = string(c[0].Delegator.Name), state, inForce
	return r
}

func linkRow(l delegation.Link) delegationRow {
	return delegationRow{
		Digest: l.Digest, Delegator: string(l.Delegator.Name), Delegate: string(l.Delegate.Name),
		NotBefore: l.NotBefore.Format(time.RFC3339), NotAfter: l.NotAfter.Format(time.RFC3339), Purpose: l.Purpose,
		Repositories: texts(l.Scope.Repositories), Actions: texts(l.Scope.Actions), Branches: texts(l.Scope.Branches), Paths: texts(l.Scope.Paths),
		Environments: texts(l.Scope.Environments), Depth: l.Scope.Depth,
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

// chainJSON is a chain that is read out, for programs.
type chainJSON struct {
	Version   int             `json:"version"`
	Digest    string          `json:"digest"`
	State     string          `json:"state"`
	Why       string          `json:"why,omitzero"` // why it does not hold
	InForce   bool            `json:"in_force"`
	NotAfter  string          `json:"not_after"` // the first instant at which the chain holds no more
	Links     []delegationRow `json:"links"`     // the human's first
	Sentences []string        `json:"sentences"`
	Problems  []chainProblem  `json:"problems"`
}

type chainProblem struct {
	Rule string `json:"rule"`
	Link int    `json:"link"` // counted from 0; -1: the chain as a whole
	What string `json:"what"`
}

func problemsOf(c delegation.Chain, repository string) []chainProblem {
	list := []chainProblem{}
	for _, p := range c.Problems(repository, 0) {
		list = append(list, chainProblem{p.Rule, p.Link, p.What})
	}
	return list
}

func newShow(env *Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "show DIGEST", Short: "Read a chain of delegations out, a sentence a link",
		Long:              "Reads a chain out, the human first. DIGEST may be cut short, as `remit delegations` shows it.",
		Args:              usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: completeDigests(env, false),
		RunE: func(cmd *cobra.Command, args []string) error {
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
			use, _, err := w.Use()
			if err != nil {
				return err
			}
			stands := w.standing(cmd.Context())
			state, why := stands(chain)
			problems := problemsOf(chain, firstRepository(chain))
			if format == "json" {
				out := chainJSON{
					Version: 1, Digest: digest, State: string(state), Why: why, InForce: use.Delegation == digest, NotAfter: setup.Ends(chain).Format(time.RFC3339),
					Sentences: chain.Sentences(), Problems: problems,
				}
				for i := range chain {
					part := chain[:i+1]
					state, _ := stands(part)
					out.Links = append(out.Links, rowOf(part, string(state), use.Delegation == part.Digest()))
				}
				return writeJSON(env, out)
			}
			for _, s := range chain.Sentences() {
				fmt.Fprintln(env.Stdout, s)
			}
			for _, p := range problems {
				fmt.Fprintf(env.Stdout, "It does not hold (%s): %s.\n", p.Rule, p.What)
			}
			fmt.Fprintf(env.Stdout, "It is %s.\n", standing(state, why))
			if use.Delegation == digest {
				fmt.Fprintln(env.Stdout, "It is in force here.")
			}
			return nil
		},
	}
	return withFormat(c, &format)
}

// standing is how a delegation stands, as somebody asks for it.
func standing(s setup.State, why string) string {
	switch s {
	case setup.Live:
		return "live now"
	case setup.NotYetValid:
		return "not valid yet"
	case setup.Expired:
		return "over"
	default:
		return string(s) + ": " + report.Inert(why)
	}
}
