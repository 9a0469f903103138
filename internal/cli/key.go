package cli

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
)

func newKey(env *Env) *cobra.Command {
	return group("key", "Make and list the Ed25519 keys that identify agents and humans",
		newKeyNew(env), newKeyList(env), newKeyShow(env))
}

func newKeyNew(env *Env) *cobra.Command {
	var passphraseFile string
	c := &cobra.Command{
		Use:   "new NAME",
		Short: "Make an Ed25519 key and print its authorized_keys line",
		Long: "Makes an Ed25519 key under $REMIT_HOME/keys (default: the user's config folder) as an OpenSSH\n" +
			"private key that only its owner can read, and prints its authorized_keys line for the policy.\n" +
			"A key that is there is never replaced.",
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkKeyName(args[0]); err != nil {
				return err
			}
			keys, err := openKeys(env)
			if err != nil {
				return err
			}
			passphrase, err := readPassphrase(env, passphraseFile)
			if err != nil {
				return err
			}
			pub, err := keys.New(args[0], passphrase)
			switch {
			case errors.Is(err, keystore.ErrExists):
				return fault.WithFix(fault.Usagef("there is a key called %q already", args[0]), "`remit key show %s` prints it", args[0])
			case err != nil:
				return err
			}
			fmt.Fprintf(env.Stdout, "%s %s\n", pub.AuthorizedKey(), args[0])
			return nil
		},
	}
	c.Flags().StringVar(&passphraseFile, "passphrase-file", "", "encrypt the key with the first line of `FILE`")
	return c
}

// keyRow is a key at hand, in JSON.
type keyRow struct {
	Name        string `json:"name"` // "" for one of ssh-agent's
	Fingerprint string `json:"fingerprint"`
	Type        string `json:"type"`
	Key         string `json:"key"`            // without a comment
	File        string `json:"file,omitzero"`  // of the private key
	Agent       bool   `json:"agent,omitzero"` // ssh-agent holds it
}

func newKeyList(env *Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "list", Short: "List the keys at hand: key files, then those of ssh-agent", Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			ring, err := openKeyring(env)
			if err != nil {
				return err
			}
			defer ring.Close()
			list, err := ring.Store.List()
			if err != nil {
				return err
			}
			rows := []keyRow{}
			for _, name := range list {
				pub, err := ring.Store.Public(name)
				if err != nil {
					fmt.Fprintf(env.errors(), "remit: key %s: %s\n", name, worded(err))
					continue
				}
				rows = append(rows, keyRow{Name: name, Fingerprint: pub.Fingerprint(), Type: pub.Type(), Key: pub.AuthorizedKey(), File: ring.Store.Path(name)})
			}
			var loaded []signing.PublicKey
			if ring.Agent != nil {
				if loaded, err = ring.Agent.Keys(); err != nil {
					fmt.Fprintf(env.Stderr, "note: ssh-agent does not answer: %v\n", err)
				}
			}
			for _, pub := range loaded {
				rows = append(rows, keyRow{Fingerprint: pub.Fingerprint(), Type: pub.Type(), Key: pub.AuthorizedKey(), Agent: true})
			}
			if format == "json" {
				return writeJSON(env, rows)
			}
			if len(list)+len(loaded) == 0 {
				fmt.Fprintln(env.Stderr, "note: there are none yet; `remit key new NAME` makes one")
			}
			for _, r := range rows {
				fmt.Fprintf(env.Stdout, "%s\t%s\t%s\n", cmp.Or(r.Name, "(ssh-agent)"), r.Fingerprint, r.Type)
			}
			return nil
		},
	}
	return withFormat(c, &format)
}

func newKeyShow(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Print a key's authorized_keys line", Args: usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: completeKeys(env),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkKeyName(args[0]); err != nil {
				return err
			}
			keys, err := openKeys(env)
			if err != nil {
				return err
			}
			pub, err := keys.Public(args[0])
			if errors.Is(err, keystore.ErrNoKey) {
				return fault.WithFix(fault.Usagef("there is no key called %q", args[0]), "`remit key list` lists them, `remit key new %s` makes it", args[0])
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(env.Stdout, "%s %s\n", pub.AuthorizedKey(), args[0])
			return nil
		},
	}
}

func checkKeyName(name string) error {
	if err := names.CheckLabel(name); err != nil {
		return fault.WithFix(fault.Usagef("%w", err), "a key is called like its owner in the policy, such as alice or coder-2")
	}
	return nil
}

// readPassphrase reads the first line of a file, nil where no file is named.
func readPassphrase(env *Env, file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	b, err := readBounded(env, file)
	if err != nil {
		return nil, err
	}
	line := firstLine(b)
	if line == "" {
		return nil, fault.Usagef("the passphrase file %s begins with an empty line", file)
	}
	return []byte(line), nil
}
