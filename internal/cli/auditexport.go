package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit/export"
	"github.com/remit-sh/remit/audit/query"
)

func newAuditExport(env *Env) *cobra.Command {
	var (
		source auditSource
		filter auditFilter
		format string
	)
	c := &cobra.Command{
		Use: "export", Short: "Write the audit log as JSON Lines, OCSF events or a page", Args: usageArgs(cobra.NoArgs),
		Long: "Writes entries of the audit log on standard output, in one of these forms:\n" +
			"  jsonl  a line of JSON an entry, with the proof that it is in the log: its index, its leaf hash, the hashes from\n" +
			"         there to the root, and the signed checkpoint. Each line verifies by itself.\n" +
			"  ocsf   an event of OCSF 1.9 an entry, of the class API Activity (6003), a line each, for what collects security\n" +
			"         events. What the schema has no place for, the entry and its proof among it, is in \"unmapped\".\n" +
			"  html   one page for a browser, with nothing but itself: no script, no other file.\n" +
			"The filters are those of `remit audit log`, as is the order. An export that ends with another exit code than 0 is\n" +
			"not whole.",
		Example: "  remit audit export --format ocsf --since 1d\n  remit audit export --format html --verdict deny -n 1000 > denied.html",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format, export.Forms()...); err != nil {
				return err
			}
			f, err := filter.filter(env.Now())
			if err != nil {
				return err
			}
			return withAudit(cmd.Context(), env, &source, func(a *auditLog) error {
				return a.export(cmd.Context(), format, f, query.Order{OldestFirst: filter.reverse, Limit: filter.limit}, filter.words())
			})
		},
	}
	source.flags(env, c)
	filter.flags(env, c)
	formatFlag(c, &format, export.Forms()...)
	return c
}

func (a *auditLog) export(ctx context.Context, format string, f *query.Filter, o query.Order, asked string) error {
	r, err := a.look(ctx)
	if err != nil {
		return err
	}
	w, err := export.New(format, a.env.Stdout, export.About{Checkpoint: r.Checkpoint(), Key: a.key, At: a.env.Now(), Asked: asked, Tool: version})
	if err != nil {
		return err
	}
	err = query.Each(ctx, r, f, o, func(e *query.Found) error {
		receipt, err := r.Receipt(ctx, e.Index, e.Bytes)
		if err != nil {
			return err
		}
		return w.Add(export.Item{Found: e, Receipt: receipt})
	})
	if err != nil {
		return a.words(err)
	}
	return w.Close()
}
