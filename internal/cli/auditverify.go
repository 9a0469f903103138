package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/authority"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

func newAuditVerify(env *Env) *cobra.Command {
	var (
		source        auditSource
		seen          []string
		write, format string
	)
	c := &cobra.Command{
		Use: "verify", Short: "Verify the whole audit log: every entry, proof and delegation", Args: usageArgs(cobra.NoArgs),
		Long: "Looks at every file of the audit log: each entry against the hashes over it, those against the signed checkpoint,\n" +
			"that against the log's key and against what was seen before, and the delegations behind each entry, that they are\n" +
			"signed, follow from each other and covered the time of what was allowed on them. What is wrong is said by entry and\n" +
			"file. The exit code is 0 where the log holds, and 1 where it does not.\n" +
			"A rollback, and a second history by whoever holds the key, are seen only by those who kept a checkpoint: this clone\n" +
			"keeps the last that it saw, and --checkpoint adds others, which --write-checkpoint writes where the log holds.",
		Example: "  remit audit verify --write-checkpoint log.checkpoint\n  remit audit verify --fetch --checkpoint log.checkpoint",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAudit(cmd.Context(), env, &source, func(a *auditLog) error {
				return a.verify(cmd.Context(), seen, write, format)
			})
		},
	}
	source.flags(env, c)
	c.Flags().StringArrayVar(&seen, "checkpoint", nil, "a checkpoint that was seen before, in a `FILE`: the log must continue it (repeatable)")
	c.Flags().StringVar(&write, "write-checkpoint", "", "write the log's checkpoint to a `FILE`, to be kept elsewhere, if the log holds")
	return withFormat(c, &format)
}

// verifiedJSON is what came of it, for programs.
type verifiedJSON struct {
	Version     int         `json:"version"`
	OK          bool        `json:"ok"`
	Log         string      `json:"log"`
	Key         string      `json:"key"`
	Size        int64       `json:"size"`
	Root        string      `json:"root,omitzero"`
	Entries     int64       `json:"entries"` // that were read
	Unattested  int64       `json:"unattested"`
	Delegations int         `json:"delegations"` // that were verified
	Unseen      int         `json:"unseen"`      // that the log does not have, and on which nothing was allowed
	Seen        []int64     `json:"seen"`        // the sizes at which it was seen before, and which it continues
	Faults      []faultJSON `json:"faults"`
	More        int         `json:"more,omitzero"` // faults that are not listed
	Same        []sameJSON  `json:"same"`
}

type faultJSON struct {
	Kind  string `json:"kind"`
	Path  string `json:"path,omitzero"`
	Index *int64 `json:"index,omitzero"`
	Text  string `json:"text"`
}

type sameJSON struct {
	ID      string  `json:"id"`
	Indexes []int64 `json:"indexes"`
	Differ  bool    `json:"differ"`
}

func (a *auditLog) verify(ctx context.Context, seen []string, write, format string) error {
	for _, name := range seen {
		b, err := readArgument(a.env, name)
		if err != nil {
			return err
		}
		c, err := log.OpenCheckpoint(b, a.Verifier)
		if err != nil {
			return fault.WithFix(fault.Refusedf("the checkpoint %s: %w", name, err), "name one that --write-checkpoint wrote, of a log with the key %s", a.key)
		}
		a.Pins = append(a.Pins, c)
	}
	v, err := a.Verify(ctx)
	if errors.Is(err, log.ErrCorrupt) {
		return fault.WithFix(fault.Refusedf("%w", err), "%s", a.evidence())
	}
	if err != nil {
		return a.words(err)
	}
	out := verifiedJSON{
		Version: 1, Log: a.Verifier.Name(), Key: a.key, Size: v.Checkpoint.Size, Entries: v.Entries,
		Seen: []int64{}, Faults: []faultJSON{}, More: v.More, Same: []sameJSON{},
	}
	faults := v.Faults
	if v.OK() {
		out.Root = v.Checkpoint.Hash.String()
		more, err := a.verifyAuthority(ctx, &out)
		if err != nil {
			return a.words(err)
		}
		faults = append(faults, more...)
	}
	for i := range faults {
		f := faultJSON{Kind: string(faults[i].Kind), Path: faults[i].Path, Text: faults[i].Text}
		if faults[i].Index >= 0 {
			f.Index = &faults[i].Index
		}
		out.Faults = append(out.Faults, f)
	}
	out.OK = len(faults) == 0 && out.More == 0
	for _, s := range v.Same {
		out.Same = append(out.Same, sameJSON{s.ID, s.Indexes, s.Differ})
	}
	if out.OK {
		for _, p := range a.Pins {
			out.Seen = append(out.Seen, p.Size)
		}
		a.keep(ctx, v.Checkpoint)
		if write != "" {
			if err := a.env.around().ReplaceNamed(write, v.Checkpoint.Signed); err != nil {
				return err
			}
		}
	}
	if format == "json" {
		err = writeInertJSON(a.env, out)
	} else {
		a.say(faults, &out)
	}
	if err == nil && !out.OK {
		return verdictError(verdict.ExitDeny)
	}
	return err
}

// atOnceVerified is how many entries are held against their delegations at once.
const atOnceVerified = 1000

// verifyAuthority verifies that the delegations behind the entries bear what was allowed on them.
func (a *auditLog) verifyAuthority(ctx context.Context, out *verifiedJSON) ([]log.Fault, error) {
	r, err := a.Read(ctx)
	if err != nil {
		return nil, err
	}
	checker := authority.NewChecker(r.Files)
	var batch []*audit.Entry
	first := int64(0)
	check := func() error {
		err := checker.Check(ctx, first, batch)
		first, batch = first+int64(len(batch)), batch[:0]
		return err
	}
	err = r.Walk(ctx, 0, min(out.Size, r.Checkpoint().Size), false, func(_ int64, b []byte) error {
		e, err := audit.Parse(b)
		if err != nil {
			return err
		}
		if e.Attestation.IsZero() {
			out.Unattested++
		}
		if batch = append(batch, e); len(batch) == atOnceVerified {
			return check()
		}
		return nil
	})
	if err == nil {
		err = check()
	}
	if err != nil {
		return nil, err
	}
	checked := checker.Result()
	out.Delegations, out.Unseen, out.More = checked.Delegations, checked.Missing, out.More+checked.More
	return checked.Faults, nil
}

// faultLine is a fault as a sentence that begins with its place.
func faultLine(f *log.Fault) string {
	text := string(f.Kind) + ": " + f.Text
	if f.Path != "" {
		text = string(f.Kind) + " " + f.Path + ": " + f.Text
	}
	return inert.LineOf(text, 4000)
}

// say prints what came of it for people.
func (a *auditLog) say(faults []log.Fault, v *verifiedJSON) {
	out := a.env.Stdout
	for i := range faults {
		fmt.Fprintf(out, "✗ %s\n", faultLine(&faults[i]))
	}
	if v.More > 0 {
		fmt.Fprintf(out, "✗ and %d faults more\n", v.More)
	}
	if !v.OK {
		fmt.Fprintf(out, "The audit log %s does not hold: %s.\n", inert.Line(v.Log), counted(len(faults)+v.More, "fault", "faults"))
		fmt.Fprintf(a.env.errors(), "hint: %s\n", a.evidence())
		return
	}
	fmt.Fprintf(out, "The audit log %s holds: %s, signed by %s, root hash %s.\n", inert.Line(v.Log), counted(int(v.Size), "entry", "entries"), v.Key, v.Root)
	if v.Delegations > 0 {
		fmt.Fprintf(out, "%s verified.\n", counted(v.Delegations, "delegation was", "delegations were"))
	}
	if v.Unseen > 0 {
		fmt.Fprintf(out, "%s not in the log; nothing that is vouched for was allowed on them.\n", counted(v.Unseen, "delegation is", "delegations are"))
	}
	if v.Unattested > 0 {
		fmt.Fprintf(out, "%s what somebody claims: nobody vouches for it.\n", counted(int(v.Unattested), "entry says", "entries say"))
	}
	if len(v.Seen) == 0 {
		then := "From now on it would."
		if a.pins.Path == "" {
			then = "Keep its checkpoint with --write-checkpoint, and hand it over with --checkpoint the next time."
		}
		fmt.Fprintf(out, "It was not seen before, so that a rollback or another history would not be seen. %s\n", then)
	}
	for _, size := range v.Seen {
		fmt.Fprintf(out, "It continues what was seen at %s.\n", counted(int(size), "entry", "entries"))
	}
	for _, s := range v.Same {
		if s.Differ {
			fmt.Fprintf(out, "The entries %s are of one decision and differ: one of them is not true, or it was decided twice.\n", inert.Line(fmt.Sprint(s.Indexes)))
		}
	}
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// writeInertJSON is writeJSON for what holds texts of others: it does nothing on a terminal.
func writeInertJSON(env *Env, value any) error {
	b, err := json.Marshal(value, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = env.Stdout.Write(append(inert.JSON(b), '\n'))
	return err
}
