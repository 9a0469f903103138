package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
)

// githubLogin is how GitHub writes account names; those of managed users have an underscore.
var githubLogin = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`) })

// policySteps gathers what the policy needs to know. Where there is no key yet, making one comes first.
func (i *initRun) policySteps(ctx context.Context, branch string) ([]initStep, error) {
	f := policyFacts{Branch: branch, GateRef: i.o.gateRef(), GitHub: i.onGitHub(ctx), Bases: i.longLived(branch)}
	if strings.Contains(branch, "${") || strings.Contains(branch, "%{") {
		return nil, fault.WithFix(fault.Usagef("the default branch %q cannot stand in a policy", branch), "check out the branch that pull requests are merged into, and run this again")
	}
	var err error
	if f.Repository, err = i.repositoryName(ctx); err != nil {
		return nil, err
	}
	if f.Login, err = i.loginName(ctx); err != nil {
		return nil, err
	}
	if f.GitHub {
		f.LoginID = accountID(i.w.ConfigValue(ctx, "user.email"), f.Login)
	}
	if f.Name, err = i.humanName(ctx, f.Login); err != nil {
		return nil, err
	}
	if f.Paths, f.Other, err = sourcePaths(i.root.FS()); err != nil {
		return nil, err
	}
	if len(f.Paths) == 0 {
		f.Guessed, f.Paths = true, []string{"src/**", "test/**"}
	}
	if i.o.deploy != "" {
		f.Environment = i.o.deploy
		f.Secrets = strings.ToUpper(strings.ReplaceAll(i.o.deploy, "-", "_")) + "_*"
	}
	found := &foundWorkflows{files: i.root.FS()}
	if f.GitHub {
		found = findWorkflows(i.root.FS())
	}
	f.Found, f.Shared = found.Environments, found.Shared
	f.Audit = f.GitHub && !strings.EqualFold(f.Environment, auditEnvironment)
	if f.Audit {
		f.Found = slices.DeleteFunc(f.Found, func(e foundEnvironment) bool { return strings.EqualFold(e.Name, auditEnvironment) })
	}
	if err := i.ownership(&f); err != nil {
		return nil, err
	}
	if n := slices.IndexFunc(f.Found, func(e foundEnvironment) bool { return strings.EqualFold(e.Name, f.Environment) }); n >= 0 {
		f.Own = slices.DeleteFunc(f.Found[n].Secrets, func(s foundSecret) bool { return strings.HasPrefix(s.Name, strings.TrimSuffix(f.Secrets, "*")) })
		f.Found = slices.Delete(f.Found, n, n+1)
	}
	own, err := i.ownKey(ctx, f.Name)
	if err != nil {
		return nil, err
	}
	key := own.key
	i.signing = i.toSign(ctx, own)
	i.noteIfAway(f.Name, key)
	f.Key = key.AuthorizedKey() + " " + f.Name
	content, err := renderPolicy(f)
	if err != nil {
		return nil, err
	}
	i.sayLeftOut(found.leftOut(ctx, i.env, f.Repository, content))
	return []initStep{{
		doing: "write " + policy.FileName, why: "who may do what; it observes, and blocks nothing until you write \"enforce\"",
		files: []initFile{{policy.FileName, content}},
	}}, nil
}

// repositoryName is --repository, else where origin points.
func (i *initRun) repositoryName(ctx context.Context) (string, error) {
	if i.o.repository != "" {
		name, err := names.ParseRepository(i.o.repository)
		if err != nil {
			return "", fault.Usagef("--repository: %w", err)
		}
		return name, nil
	}
	const hint = "name it with --repository host/owner/name, such as github.com/acme/shop"
	url, err := i.w.Git(ctx, "remote", "get-url", "origin")
	if err != nil {
		return "", fault.WithFix(fault.Usagef("it is not known which repository this is: it has no remote called origin"), hint)
	}
	name, err := names.ParseRepository(url)
	if err == nil && strings.Count(name, "/") < 2 {
		err = fmt.Errorf("%q has no host", name)
	}
	if err != nil {
		return "", fault.WithFix(fault.Usagef("it is not known which repository this is: origin: %w", err), hint)
	}
	return name, nil
}

// loginName is --login, else git's github.user, else what is answered; "" where nobody can be asked.
func (i *initRun) loginName(ctx context.Context) (string, error) {
	login, from := i.o.login, "--login"
	if !i.onGitHub(ctx) {
		if login != "" && !githubLogin().MatchString(login) {
			return "", fault.WithFix(fault.Usagef("%s %q is not a login", from, login), "name yours with --login")
		}
		return login, nil
	}
	if login == "" {
		login, from = i.w.ConfigValue(ctx, "github.user"), "git's github.user"
	}
	if login == "" && i.asks() {
		login, _ = i.ask("Your login on the forge, so that your reviews count (Enter for none):")
		from = "the answer"
	}
	if login == "" {
		i.say("note: your login on the forge is not known, so that your reviews will not count: name it with --login, or add it to the policy.")
		return "", nil
	}
	if !githubLogin().MatchString(login) {
		return "", fault.WithFix(fault.Usagef("%s %q is not a login", from, login), "name yours with --login")
	}
	return login, nil
}

// accountID is the number of the account with a login, which GitHub writes into the address that it gives people to
// commit with: 1234+login@users.noreply.github.com. "" where the address is another.
func accountID(email, login string) string {
	local, ok := strings.CutSuffix(strings.ToLower(email), "@users.noreply.github.com")
	id, name, found := strings.Cut(local, "+")
	if !ok || !found || login == "" || !strings.EqualFold(name, login) {
		return ""
	}
	if n, err := strconv.ParseInt(id, 10, 64); err != nil || n < 1 || strconv.FormatInt(n, 10) != id {
		return ""
	}
	return id
}

// humanName is --as, else made from the login, git's user.name or the account's name.
func (i *initRun) humanName(ctx context.Context, login string) (string, error) {
	if i.o.name != "" {
		label := strings.TrimPrefix(i.o.name, string(names.Human)+".")
		if err := names.CheckLabel(label); err != nil {
			return "", fault.Usagef("--as: %w", err)
		}
		if label == proposedAgent {
			return "", fault.Usagef("--as: %s is what the proposal calls the agent", label)
		}
		return label, nil
	}
	first, _, _ := strings.Cut(i.w.ConfigValue(ctx, "user.name"), " ")
	for _, s := range []string{login, first, i.env.Getenv("USER")} {
		if label := labelOf(s); label != "" && label != proposedAgent {
			return label, nil
		}
	}
	return "", fault.WithFix(fault.Usagef("what you are to be called in the policy is not known"), "name it with --as, such as --as alice")
}

// proposedAgent is what the policy that init proposes calls its agent: two principals of one name would have one login.
const proposedAgent = "coder"

// labelOf makes a name of the policy from another; "" where nothing of it can stand there.
func labelOf(s string) string {
	label := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == '_' || r == '.':
			return '-'
		}
		return 0x7f // no name has it
	}, s)
	if label != "" && label[0] >= '0' && label[0] <= '9' {
		label = "user-" + label
	}
	if names.CheckLabel(label) != nil {
		return ""
	}
	return label
}

// foundKey is a public key that may be the caller's.
type foundKey struct {
	key  signing.PublicKey
	from string
	file string // of the public key; "" where it is in none
	own  bool   // it is in remit's key store
}

// ownKey finds the caller's key. Where there are several it is asked for, or the likeliest is taken,
// which is said; where there is none it offers to make one.
func (i *initRun) ownKey(ctx context.Context, name string) (foundKey, error) {
	if i.o.key != "" {
		key, err := readPublicKey(i.env, i.o.key)
		return foundKey{key: key, file: absolute(i.env, i.o.key)}, err
	}
	found, err := i.findKeys(ctx, name)
	if err != nil {
		return foundKey{}, err
	}
	if len(found) == 0 {
		return i.makeKey(name)
	}
	chosen := 0
	if len(found) > 1 {
		if i.asks() {
			for n, f := range found {
				i.say("  %d  %s %s, from %s", n+1, f.key.Type(), f.key.Fingerprint(), f.from)
			}
			answer, _ := i.ask("Which of these keys is yours? [1]")
			if answer != "" {
				n, err := strconv.Atoi(answer)
				if err != nil || n < 1 || n > len(found) {
					return foundKey{}, fault.Usagef("%q is none of 1 to %d", answer, len(found))
				}
				chosen = n - 1
			}
		} else {
			i.say("note: %d keys were found; --key FILE names another.", len(found))
		}
	}
	f := found[chosen]
	i.say("your key in the policy is %s %s, from %s.", f.key.Type(), f.key.Fingerprint(), f.from)
	return f, nil
}

// toSign are the commands that have git sign with a key, in this repository; none where it does already.
func (i *initRun) toSign(ctx context.Context, f foundKey) []string {
	if key, ok := i.gitKey(ctx); ok && key.Equal(f.key) {
		return nil
	}
	commands := []string{"git config gpg.format ssh"}
	if f.own { // where git's own program does not look
		commands = append(commands, "git config gpg.ssh.program remit")
	}
	value := f.file
	if value == "" { // ssh-agent has it
		value = "key::" + f.key.AuthorizedKey()
	}
	return append(commands, "git config user.signingkey '"+strings.ReplaceAll(value, "'", `'\''`)+"'")
}

// noteIfAway says how a key is to be made available, where remit could not delegate with it now.
func (i *initRun) noteIfAway(name string, key signing.PublicKey) {
	ring, err := openKeyring(i.env)
	if err != nil {
		return // it was opened before
	}
	defer ring.Close()
	if signer, err := ring.SignerFor(name, key); err != nil || signer == nil {
		i.say("note: before you delegate, load this key into ssh-agent with `ssh-add`: remit reads its own key store and the agent, and no file of ~/.ssh.")
	}
}

// makeKey makes a key in remit's own key store.
func (i *initRun) makeKey(name string) (foundKey, error) {
	none := fault.WithFix(fault.Usagef("no key of yours was found: neither git's user.signingkey, nor one of ssh-agent, ~/.ssh or remit's key store"),
		"`remit key new %s` makes one, --key FILE names one", name)
	if i.o.dryRun || !i.o.yes && !i.asks() {
		return foundKey{}, none
	}
	if i.asks() && !i.yes("No key of yours was found. Make one called %s, as `remit key new %s` does?", name, name) {
		return foundKey{}, none
	}
	store, err := openKeys(i.env)
	if err != nil {
		return foundKey{}, err
	}
	key, err := store.New(name, nil)
	if err != nil {
		return foundKey{}, err
	}
	i.say("made your key %s: %s.", store.Path(name), key.Fingerprint())
	return foundKey{key: key, file: store.Path(name) + ".pub", own: true}, nil
}

// findKeys lists keys that may be the caller's, the likeliest first: what git signs with, the key of this
// name in remit's store, what ssh-agent holds, then ssh's own files.
func (i *initRun) findKeys(ctx context.Context, name string) ([]foundKey, error) {
	ring, err := openKeyring(i.env)
	if err != nil {
		return nil, err
	}
	defer ring.Close()
	var found []foundKey
	add := func(f foundKey) {
		if !slices.ContainsFunc(found, func(other foundKey) bool { return other.key.Equal(f.key) }) {
			found = append(found, f)
		}
	}
	if key, ok := i.gitKey(ctx); ok {
		add(foundKey{key: key, from: "git's user.signingkey"})
	}
	if key, err := ring.Store.Public(name); err == nil {
		add(foundKey{key: key, from: "remit's key store", file: ring.Store.Path(name) + ".pub", own: true})
	} else if !errors.Is(err, keystore.ErrNoKey) {
		i.say("note: remit key %s: %v", name, err)
	}
	if ring.Agent != nil {
		loaded, err := ring.Agent.Keys()
		if err != nil {
			i.say("note: ssh-agent does not answer: %v", err)
		}
		for _, key := range loaded {
			if !i.belongsToAgent(ring, key) {
				add(foundKey{key: key, from: "ssh-agent"})
			}
		}
	}
	for _, f := range i.sshKeys() {
		add(f)
	}
	return found, nil
}

// belongsToAgent reports whether a key is one of remit's store, which holds agents' keys too.
func (i *initRun) belongsToAgent(ring *keystore.Ring, key signing.PublicKey) bool {
	list, err := ring.Store.List()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(list, func(name string) bool {
		k, err := ring.Store.Public(name)
		return err == nil && k.Equal(key)
	})
}

// gitKey is the SSH key that git signs with.
func (i *initRun) gitKey(ctx context.Context) (signing.PublicKey, bool) {
	value := i.w.ConfigValue(ctx, "--type=path", "user.signingkey")
	if value == "" || i.w.ConfigValue(ctx, "gpg.format") != "ssh" {
		return signing.PublicKey{}, false
	}
	line, isKey := strings.CutPrefix(value, "key::")
	var key signing.PublicKey
	var err error
	if isKey || strings.HasPrefix(value, "ssh-") {
		key, err = signing.ParseAuthorizedKey(line)
	} else {
		key, err = readPublicKey(i.env, value)
	}
	if err != nil {
		i.say("note: git's user.signingkey is not a key that remit takes: %v", err)
		return signing.PublicKey{}, false
	}
	return key, true
}

// sshKeys lists the keys that ssh itself tries (ssh_config(5), IdentityFile).
func (i *initRun) sshKeys() []foundKey {
	dir := i.env.Getenv("HOME")
	if dir == "" {
		var err error
		if dir, err = os.UserHomeDir(); err != nil {
			return nil
		}
	}
	var found []foundKey
	for _, name := range []string{"id_ed25519_sk.pub", "id_ed25519.pub", "id_ecdsa_sk.pub", "id_ecdsa.pub", "id_rsa.pub"} {
		path := filepath.Join(dir, ".ssh", name)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		key, err := readPublicKey(i.env, path)
		if err != nil {
			i.say("note: %v", err)
			continue
		}
		found = append(found, foundKey{key: key, from: path, file: path})
	}
	return found
}

// readPublicKey reads the public key in a file, or beside it in FILE.pub.
func readPublicKey(env *Env, name string) (signing.PublicKey, error) {
	if !strings.HasSuffix(name, ".pub") {
		if b, err := readBounded(env, name+".pub"); err == nil {
			if key, err := signing.ParseAuthorizedKey(firstLine(b)); err == nil {
				return key, nil
			}
		}
	}
	b, err := readBounded(env, name)
	if err != nil {
		return signing.PublicKey{}, err
	}
	key, err := signing.ParseAuthorizedKey(firstLine(b))
	if err != nil {
		return signing.PublicKey{}, fault.Usagef("reading the public key %s: %w", name, err)
	}
	return key, nil
}
