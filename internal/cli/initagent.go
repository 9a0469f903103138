package cli

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
)

// initAgent adds an agent to the work tree's policy: its key, which is made where the key store has none of that name,
// its block, and a grant to start from.
func initAgent(ctx context.Context, env *Env, o initOptions) error {
	label := strings.TrimPrefix(o.agent, string(names.Agent)+".")
	if err := names.CheckLabel(label); err != nil {
		return fault.Usagef("--agent: %w", err)
	}
	w, err := findWorkspace(env)
	if err != nil {
		return err
	}
	if _, inForce, err := readUse(env, w.GitDir); err != nil {
		return err
	} else if inForce {
		return fault.WithFix(fault.Refusedf("a delegation is in force here, and an agent does not write the policy that rules it"),
			"have a human run this, in a work tree of their own; `remit use --none` ends the delegation")
	}
	path, err := policyInWorkTree(env, "")
	if err != nil {
		return err
	}
	src, err := readPolicySource(env, path, policy.FileName)
	if err != nil {
		return err
	}
	p, err := parsePolicy(src, policy.FileName)
	if err != nil {
		return err
	}
	name := names.NewPrincipal(names.Agent, label)
	if p.Principal(name) != nil {
		return fault.WithFix(fault.Usagef("%s is in the policy already, and what is there is never changed", name),
			"a key for one delegation alone is made with `remit delegate %s --mint FILE …`", label)
	}
	if err := w.OpenObjects(); err != nil {
		return err
	}
	defer w.Close()
	root, err := os.OpenRoot(w.Worktree)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // only a handle
	i := &initRun{env: env, o: o, w: w, root: root, in: bufio.NewReader(env.Stdin)}
	return i.addAgent(ctx, p, src, path, label)
}

func (i *initRun) addAgent(ctx context.Context, p *policy.Policy, src []byte, file, label string) error {
	store, err := openKeys(i.env)
	if err != nil {
		return err
	}
	key, err := store.Public(label)
	there := err == nil
	if err != nil && !errors.Is(err, keystore.ErrNoKey) {
		return err
	}
	f := agentFacts{Name: label, GitHub: i.onGitHub(ctx), Branch: i.defaultBranch(ctx), Key: "ssh-ed25519 AAAA… " + label}
	for name := range p.Principals {
		if name.Kind() == names.Human {
			f.Delegators = append(f.Delegators, string(name))
		}
	}
	slices.Sort(f.Delegators)
	if len(f.Delegators) == 0 {
		return fault.WithFix(fault.Usagef("the policy has no human who could delegate to an agent"), "write one: `remit policy explain` shows how")
	}
	if f.Paths, _, err = sourcePaths(i.root.FS()); err != nil {
		return err
	}
	if len(f.Paths) == 0 {
		f.Paths = []string{"src/**", "test/**"}
	}
	made := "make the key " + label + " and add agent." + label + " to " + policy.FileName
	if there {
		made = "add agent." + label + ", with the key " + label + " of the key store, to " + policy.FileName
	}
	switch {
	case i.o.dryRun:
		if there {
			f.Key = key.AuthorizedKey() + " " + label
		}
		block, err := render("agent.hcl", f)
		if err != nil {
			return err
		}
		i.say("would %s:", made)
		_, err = i.env.Stdout.Write(block)
		return err
	case !i.o.yes && !i.env.Interactive:
		i.say("would %s.", made)
		return fault.WithFix(fault.Usagef("init asks before that, and there is no terminal to ask at: nothing was changed"), "`remit init --agent %s --yes` does it, `--dry-run` prints the block", label)
	case i.asks() && !i.yes("%s?", upperFirst(made)):
		i.say("did not %s.", made)
		return nil
	}
	// What would be written is tried with a key that is nobody's before one is made.
	trial, err := keystore.Mint(label, nil)
	if err != nil {
		return err
	}
	if !there {
		key = trial.Key
	}
	if _, err := withAgent(src, f, key); err != nil {
		return err
	}
	if !there {
		if key, err = store.New(label, nil); err != nil {
			return err
		}
		i.say("made the key %s: %s.", store.Path(label), key.Fingerprint())
	}
	out, err := withAgent(src, f, key)
	if err != nil {
		return err
	}
	if err := i.env.around().ReplaceNamed(file, out); err != nil {
		return err
	}
	i.say("added agent.%s to %s, formatted. Next:", label, filepath.Base(file))
	i.say("  1. read it, then commit it, signed: `git commit -S -m \"Add agent.%s\" %s`;", label, policy.FileName)
	i.say("  2. once it is on %s: `remit delegate %s --for 1h --why TASK --action commit --branch 'agent/**' --path …`", f.Branch, label)
	return nil
}

// agentFacts is what an agent's block is filled in with.
type agentFacts struct {
	Name, Key, Branch string
	Delegators, Paths []string
	GitHub            bool
}

// withAgent is a policy with an agent's block and grant at its end, formatted.
func withAgent(src []byte, f agentFacts, key signing.PublicKey) ([]byte, error) {
	f.Key = key.AuthorizedKey() + " " + f.Name
	block, err := render("agent.hcl", f)
	if err != nil {
		return nil, err
	}
	text := strings.TrimRight(string(src), "\n") + "\n\n" + string(block)
	out, diags := policy.Format([]byte(text), policy.FileName)
	if !diags.HasErrors() {
		_, diags = policy.Parse(out, policy.FileName)
	}
	if diags.HasErrors() {
		return nil, fault.Usagef("the agent cannot be added to the policy: %w", diags)
	}
	return out, nil
}
