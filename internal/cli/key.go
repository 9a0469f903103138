package cli

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
)

func newKey(env *Env) *cobra.Command {
	return group("key", "Make and list the Ed25519 keys that identify agents and humans",
		newKeyNew(env), newKeyList(env), newKeyShow(env), newKeyPEM(env))
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

func newKeyPEM(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "pem KEY", Short: "Print a public key as PEM, for tools that know no SSH keys",
		Long: "Prints a public Ed25519 key as PEM (PKIX), as slsa-verifier and cosign take it, which ssh-keygen cannot do. KEY is the\n" +
			"verifier key of an audit log, the text of an SSH public key, a file with either, or the name of a key at hand.\n" +
			"On standard error it says the key's id, which DSSE envelopes name.",
		Example:           "  remit key pem gate.pub > gate.pem",
		Args:              usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: completeKeys(env),
		RunE: func(_ *cobra.Command, args []string) error {
			pub, err := publicKeyNamed(env, args[0])
			if err != nil {
				return err
			}
			raw, err := pub.Verifier().PublicKey()
			if err != nil || pub.AgentKey() != nil {
				return fault.Usagef("the key %s is of type %s, and only ssh-ed25519 signs deploy statements", pub.Fingerprint(), pub.Type())
			}
			der, err := x509.MarshalPKIXPublicKey(raw)
			if err != nil {
				return fault.Usagef("the key %s: %w", pub.Fingerprint(), err)
			}
			fmt.Fprintf(env.Stderr, "note: its id is %s\n", pub.Fingerprint())
			return pem.Encode(env.Stdout, &pem.Block{Type: "PUBLIC KEY", Bytes: der})
		},
	}
}

// publicKeyNamed is a public key: its text, that of a file, or that of a key at hand by its name.
func publicKeyNamed(env *Env, named string) (signing.PublicKey, error) {
	if checkKeyName(named) == nil {
		keys, err := openKeys(env)
		if err != nil {
			return signing.PublicKey{}, err
		}
		if pub, err := keys.Public(named); !errors.Is(err, keystore.ErrNoKey) {
			return pub, err
		}
	}
	text := named
	if b, err := readArgument(env, named); err == nil {
		text = string(b)
	}
	text = strings.TrimSpace(text)
	if _, err := log.ParseVerifier(text); err == nil {
		return log.PublicKey(text)
	}
	pub, err := signing.ParseAuthorizedKey(text)
	if err != nil {
		return pub, fault.WithFix(fault.Usagef("%s is no public key, and no file with one: %w", inert.Quote(named), err),
			"name a file such as gate.pub; of a private key `ssh-keygen -y -f gate.key` prints the public one")
	}
	return pub, nil
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
