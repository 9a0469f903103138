package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/internal/auditlog"
)

func newAuditMigrate(env *Env) *cobra.Command {
	var config, from string
	c := &cobra.Command{
		Use:   "migrate --config FILE [--log DIR]",
		Short: "Say how the audit log is moved to a server",
		Long: "Prints the commands that move the audit log of this repository, or that in a folder, to where the configuration\n" +
			"of a remit-server says: a log that has outgrown its repository goes on there under the same key. The program\n" +
			"remit-server does it, which has what that takes; remit itself does nothing here.",
		Example: "  remit audit migrate --config /etc/remit/server.hcl",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if config == "" {
				return fault.WithFix(fault.Usagef("it is not said where the log is to go"), "name the server's configuration with --config FILE; docs/server.md shows one")
			}
			fetch, key := "", ""
			if from != "" {
				from = env.around().Absolute(from)
			} else {
				w, err := openWorkspace(env)
				if err != nil {
					return err
				}
				defer w.Close()
				own, err := w.Repo.Refs(gitbranch.Branch)
				if err != nil {
					return fault.Undecidedf("looking for the audit log: %w", err)
				}
				place := auditlog.Place{GitDir: w.CommonDir}
				from, key = w.CommonDir, place.KeyPath()
				if !w.Bare() {
					key = ""
				}
				if own[gitbranch.Branch] == "" {
					fetch = "     git -C " + auditlog.Quote(from) + " fetch origin " + gitbranch.Branch + ":" + gitbranch.Branch + "\n"
				}
			}
			if key == "" {
				key = "the log's private key"
			}
			fmt.Fprintf(env.Stdout, "In this order, on the machine of the server and as its account:\n\n"+
				"  1. Let nobody write the log any more, neither a hook nor `remit audit fold`: two that write under one key make\n"+
				"     two histories.\n"+
				"  2. Take the key, %s, away from where it is, to where the server's configuration names it (key_file).\n"+
				"  3. Move the log:\n\n%s"+
				"     remit-server check --config %s\n"+
				"     remit-server log migrate --config %s --from %s\n"+
				"     remit-server serve --config %s\n\n"+
				"  4. Have whoever records hand entries over to the server: docs/server.md says how.\n",
				key, fetch, auditlog.Quote(config), auditlog.Quote(config), auditlog.Quote(from), auditlog.Quote(config))
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&config, "config", "", "the configuration of the server, a `FILE`")
	f.StringVar(&from, "log", "", "the log in a folder, `DIR` (default: the branch of this repository)")
	_ = c.MarkFlagDirname("log") // fails only for a flag that is not there
	return c
}
