package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/authority"
	"github.com/remit-sh/remit/audit/export"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/query"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

func newAuditShow(env *Env) *cobra.Command {
	var (
		source          auditSource
		format, receipt string
	)
	c := &cobra.Command{
		Use: "show INDEX | ID | COMMIT | DIGEST", Short: "Read out one decision of the audit log, with its proof", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Reads out an entry of the audit log: what was asked, what came of it, on whose authority, what was found and who\n" +
			"approved, and checks the proof that it is in the log, and the delegations behind it. It is named by its index in the\n" +
			"log, or by 6 digits or more of its id, of the commit that was judged, or of a delegation or request in it; a branch or\n" +
			"tag stands for its commit. Of several the newest is shown, and said where the others are.\n" +
			"With --receipt the proof is written to a file, from which `remit verify` tells all of it without the log.",
		Example: "  remit audit show 1412\n  remit audit show HEAD\n  remit audit show 1412 --receipt deploy.tlog-proof",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAudit(cmd.Context(), env, &source, func(a *auditLog) error {
				return a.show(cmd.Context(), args[0], receipt, format)
			})
		},
		ValidArgsFunction: completeDigests(env, false),
	}
	source.flags(env, c)
	c.Flags().StringVar(&receipt, "receipt", "", "write the receipt to a `FILE`, which is usually called something.tlog-proof")
	return withFormat(c, &format)
}

// shownEntry is one entry for programs.
type shownEntry struct {
	export.Row

	Log        string   `json:"log"`
	Key        string   `json:"key"`
	Size       int64    `json:"size"` // of the log that it is proven to be in
	Root       string   `json:"root"`
	Proof      []string `json:"proof"`
	Checkpoint string   `json:"checkpoint"`
	// Authority says what is wrong with the delegations behind it; Delegations is how many hold, and Unseen how many the
	// log does not have.
	Authority   []string `json:"authority"`
	Delegations int      `json:"delegations"`
	Unseen      int      `json:"unseen"`
	Others      []int64  `json:"others"`
	More        int      `json:"more,omitzero"` // others that are not listed
}

func (a *auditLog) show(ctx context.Context, named, file, format string) error {
	r, err := a.look(ctx)
	if err != nil {
		return err
	}
	name, err := a.nameOf(named, r.Checkpoint().Size)
	if err != nil {
		return err
	}
	f, others, more, err := query.Find(ctx, r, name)
	if err != nil {
		return a.words(err)
	}
	if f == nil {
		return fault.WithFix(fault.Usagef("no entry of the audit log has %s, of %d that were looked at", inert.Quote(named), r.Checkpoint().Size),
			"`remit audit log` lists them; --fetch reads what was recorded since")
	}
	receipt, err := r.Receipt(ctx, f.Index, f.Bytes)
	if err != nil {
		return a.words(err)
	}
	if _, _, err := log.OpenReceipt(receipt.Encode(), a.Verifier); err != nil {
		return fault.Refusedf("the proof of entry %d: %w", f.Index, err)
	}
	checker := authority.NewChecker(r.Files)
	if err := checker.Check(ctx, f.Index, []*audit.Entry{f.Entry}); err != nil {
		return a.words(err)
	}
	if file != "" {
		if err := a.env.around().ReplaceNamed(file, receipt.Encode()); err != nil {
			return err
		}
	}
	out := shownEntry{
		Row: export.RowOf(f), Log: receipt.Checkpoint.Origin, Key: a.key, Size: receipt.Checkpoint.Size, Root: receipt.Checkpoint.Hash.String(),
		Proof: []string{}, Checkpoint: string(receipt.Checkpoint.Signed), Authority: []string{}, Others: append([]int64{}, others...), More: more,
	}
	for _, h := range receipt.Proof {
		out.Proof = append(out.Proof, h.String())
	}
	checked := checker.Result()
	out.Delegations, out.Unseen = checked.Delegations, checked.Missing
	for i := range checked.Faults {
		out.Authority = append(out.Authority, faultLine(&checked.Faults[i]))
	}
	if format == "json" {
		err = writeInertJSON(a.env, out)
	} else {
		a.readOut(f, &out)
	}
	if err == nil && len(out.Authority) > 0 {
		return fault.Refusedf("the delegations behind entry %d do not bear it", f.Index)
	}
	return err
}

// nameOf reads how an entry is named; what is a name in the repository stands for its commit.
func (a *auditLog) nameOf(s string, size int64) (query.Name, error) {
	if name, ok := query.ParseName(s, size); ok {
		return name, nil
	}
	if n := strings.Trim(s, "0123456789"); n == "" && s != "" {
		return query.Name{}, fault.WithFix(fault.Usagef("there is no entry %s: the log has %d, from 0 on", s, size), "`remit audit log` lists them")
	}
	if w, err := openQuietly(a.env); err == nil {
		defer w.Close()
		if id, err := w.Repo.ResolveRevision(s); err == nil {
			return query.Name{Index: -1, Commit: id}, nil
		}
	}
	return query.Name{}, fault.WithFix(fault.Usagef("%s names no entry", inert.Quote(s)),
		"write an index, 6 digits or more of an id, a commit or a digest, or the name of a branch or tag that is here; `remit audit log` lists the entries")
}

// readOut prints an entry for people.
func (a *auditLog) readOut(f *query.Found, s *shownEntry) {
	e, out := f.Entry, a.env.Stdout
	fmt.Fprintf(out, "entry %d of %s, %s\n%s%s\n\n", f.Index, inert.Line(s.Log), names.Stamp(e.Time), marks(f), e.Sentence())
	width := 0
	facts := export.Facts(e)
	for _, fact := range facts {
		width = max(width, len(fact.Name))
	}
	for _, fact := range facts {
		fmt.Fprintf(out, "%-*s  %s\n", width, fact.Name, fact.Text)
	}
	for i := range e.Acts.Items {
		act := &e.Acts.Items[i]
		fmt.Fprintf(out, "\n%s\n", export.ActLine(act))
		for depth, line := range export.Authority(e, act) {
			if depth == 0 {
				fmt.Fprintf(out, "  %s\n", line)
			} else {
				fmt.Fprintf(out, "  %s└─ %s\n", strings.Repeat("   ", depth-1), line)
			}
		}
		if act.Delegation != "" && e.ChainOf(act) == nil {
			fmt.Fprintf(out, "  under the delegation %s, whose chain the entry leaves out\n", act.Delegation)
		}
	}
	if e.Acts.Cut > 0 {
		fmt.Fprintf(out, "\nand %d acts more, left out of the entry\n", e.Acts.Cut)
	}
	if len(e.Gates.Items) > 0 {
		fmt.Fprintln(out, "\napprovals")
		for i := range e.Gates.Items {
			fmt.Fprintf(out, "  %s\n", export.GateLine(&e.Gates.Items[i]))
		}
	}
	fmt.Fprintf(out, "\nproof       entry %d is in the log of %d entries with the root hash %s,\n            which is signed by %s: checked\n", f.Index, s.Size, s.Root, a.key)
	switch {
	case len(s.Authority) > 0:
		for _, line := range s.Authority {
			fmt.Fprintf(out, "authority   %s\n", line)
		}
	case s.Delegations > 0:
		fmt.Fprintf(out, "authority   %d of %d delegations are in the log, signed, and follow from each other: checked\n", s.Delegations, s.Delegations+s.Unseen)
	case s.Unseen > 0:
		fmt.Fprintf(out, "authority   the log does not have the delegations that it names, and nothing that is vouched for was allowed on them\n")
	}
	if len(s.Others) > 0 {
		var list []string
		for _, i := range s.Others {
			list = append(list, fmt.Sprint(i))
		}
		if s.More > 0 {
			list = append(list, fmt.Sprintf("and %d more", s.More))
		}
		fmt.Fprintf(out, "others      %s\n", strings.Join(list, ", "))
	}
}
