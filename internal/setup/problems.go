package setup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/workspace"
)

// oldestGit is the first version whose merges can be judged: it recomputes them without a work tree.
func oldestGit() [2]int { return [2]int{2, 38} }

// git looks at what everybody needs: git itself, and what this clone knows of its remote.
func (l *looking) git(ctx context.Context) {
	w := l.Workspace
	text, err := w.Git(ctx, "version")
	if err != nil {
		l.say(Problem{What: "git cannot be run: " + err.Error(), Advice: "install git, and have its folder in PATH"})
		return
	}
	if major, minor, ok := gitVersion(text); ok && (major < oldestGit()[0] || major == oldestGit()[0] && minor < oldestGit()[1]) {
		l.say(Problem{
			What: fmt.Sprintf("git is version %d.%d, and merges can be judged with 2.38 or newer alone", major, minor), Advice: "install a newer git",
		})
	}
	if _, err := os.Lstat(filepath.Join(w.CommonDir, "shallow")); err == nil {
		l.say(Problem{What: "history is cut off here (a shallow clone), so that some commits cannot be judged", Commands: []string{"git fetch --unshallow"}})
	}
	if l.bare() {
		return
	}
	l.defaultBranch(ctx)
	for _, v := range []struct{ key, example string }{{"user.name", `"$(id -un)"`}, {"user.email", `"$(id -un)@$(hostname)"`}} {
		if w.ConfigValue(ctx, v.key) == "" && l.Env.Getenv("GIT_AUTHOR_"+strings.ToUpper(strings.TrimPrefix(v.key, "user."))) == "" {
			l.say(Problem{What: "git does not know your " + v.key + ", and makes no commits without it", Commands: []string{"git config " + v.key + " " + v.example}, Advice: "write your own in place of the example"})
		}
	}
}

// defaultBranch looks whether this clone knows the branch from which the policy is read.
func (l *looking) defaultBranch(ctx context.Context) {
	w := l.Workspace
	if w.Repo.PolicyRef() != "" {
		return
	}
	why := decide.PolicyUnsure(w.Repo)
	if !w.HasRemote(ctx, "origin") {
		if name := w.OtherRemote(ctx); why != "" && name != "" {
			l.say(Problem{What: why, Commands: []string{"git remote rename " + quote(name) + " origin"}})
		} else if why != "" {
			l.say(Problem{What: why, Advice: "call the remote whose policy counts origin: `git remote rename NAME origin`"})
		}
		return
	}
	if why == "" && w.DefaultBranch(ctx) == "" {
		if branches, err := w.Repo.Refs("refs/remotes/origin/"); err == nil && len(branches) > 0 {
			why = "this clone does not know which branch of origin is the default one, from which the policy is read"
		}
	}
	if why != "" {
		l.say(Problem{What: why, Commands: w.LearnDefaultBranch(ctx)})
	}
}

// gitVersion reads "git version 2.39.5 (Apple Git-154)".
func gitVersion(text string) (major, minor int, ok bool) {
	fields := strings.Fields(text)
	if len(fields) < 3 {
		return 0, 0, false
	}
	parts := strings.Split(fields[2], ".")
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return 0, 0, false
	}
	minor, err = strconv.Atoi(parts[1])
	return major, minor, err == nil
}

// policy says what is wrong with the policy: whoever works here needs one.
func (l *looking) policy(write Problem) {
	switch {
	case l.PolicyErr == nil:
	case l.noPolicy():
		write.What = "there is no " + policy.FileName + " on the default branch or in HEAD, so that nothing here says who may do what"
		write.Advice = strings.TrimPrefix(write.Advice+". Where the server reads the policy from another repository, fetch that, and name its branch: "+
			"`git remote add policy URL && git fetch policy && git config remit.policy refs/remotes/policy/main`", ". ")
		l.say(write)
	case fault.KindOf(l.PolicyErr) == fault.Undecided && fault.FixOf(l.PolicyErr) != "":
		l.say(fixed(l.PolicyErr))
	default:
		l.say(Problem{What: "the policy cannot be used: " + firstLine(l.PolicyErr.Error()), Commands: []string{"remit policy validate"}, Advice: "have a maintainer mend what that shows"})
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// agent says what keeps an agent from working under its delegation.
func (l *looking) agent() {
	l.policy(Problem{Advice: "have a maintainer write one: `remit init`"})
	switch {
	case l.missing != "":
		ref := delegation.RefName(l.missing)
		l.say(Problem{What: "the delegation in force, " + short(l.missing) + ", is not in this repository", Commands: []string{"git fetch origin " + ref + ":" + ref}})
		return
	case l.UseErr != nil:
		l.say(fixed(l.UseErr))
		return
	case l.InForce == nil:
		if own, key := l.standing(); own != "" && (l.Signing.Owner == own || len(l.Live) == 0) {
			l.ownSigning(own, key) // it needs no delegation
			return
		}
		if len(l.Live) > 0 {
			l.say(l.takeUp("no delegation is in force here, and " + string(l.Live[0].Chain.Leaf().Delegate.Name) + " has one"))
		} else {
			l.say(Problem{
				What:     "no delegation is in force here, and none here is made out to a key at hand and holds",
				Commands: []string{fetchDelegations, "remit delegations --live"},
				Advice:   "put one in force with `remit use DIGEST`; where there is none, ask for one",
			})
		}
		return
	}
	d := l.InForce
	leaf := d.Chain.Leaf()
	if d.State != Live {
		what := fmt.Sprintf("the delegation in force, %s, does not hold: %s", short(d.Chain.Digest()), d.Why)
		if len(l.Live) > 0 {
			l.say(l.takeUp(what))
		} else {
			l.say(Problem{What: what, Commands: []string{"remit use --none"}, Advice: fmt.Sprintf("ask %s for a new one, and put it in force with `remit use DIGEST`; until then none is in force", leaf.Delegator.Name)})
		}
		return
	}
	if name := l.inStore(leaf.Delegate.Key); !d.Key && name != "" {
		l.say(Problem{
			What:     fmt.Sprintf("the key of %s is in the key store with a passphrase, and not in ssh-agent", leaf.Delegate.Name),
			Commands: []string{"ssh-add " + quote(l.Keys.Store.Path(name))},
		})
		return
	}
	if !d.Key {
		l.say(Problem{
			What:     fmt.Sprintf("the key of %s, %s, is neither in the key store nor in ssh-agent", leaf.Delegate.Name, leaf.Delegate.Key.Fingerprint()),
			Commands: []string{"remit use --none"}, Advice: "work where that key is, or load it with `ssh-add`; until then no delegation can be in force here",
		})
		return
	}
	l.underDelegation(d.Chain)
}

// fetchDelegations gets what was published for whoever works here.
const fetchDelegations = "git fetch origin 'refs/remit/delegations/*:refs/remit/delegations/*'"

// standing is the agent whose key is at hand, pinned by the policy, and which a grant lets act without a delegation,
// and that key: of several the one that git signs as. "" for none.
func (l *looking) standing() (own names.Principal, key signing.PublicKey) {
	if l.Policy == nil {
		return "", key
	}
	for _, name := range l.Who {
		granted := slices.ContainsFunc(l.Policy.Grants, func(g *policy.Grant) bool { return g.Standing && slices.Contains(g.To, name) })
		if !granted || name.Kind() != names.Agent || own != "" && l.Signing.Owner != name {
			continue
		}
		if at := l.keyAtHand(name); !at.IsZero() {
			own, key = name, at
		}
	}
	return own, key
}

// keyAtHand is the key that the policy lists for somebody and that is at hand; the zero key for none.
func (l *looking) keyAtHand(name names.Principal) signing.PublicKey {
	block := l.Policy.Principal(name)
	if block == nil || len(block.Keys) == 0 {
		return signing.PublicKey{}
	}
	signer, err := l.Keys.SignerFor(name.Label(), block.Keys...)
	if err != nil || signer == nil {
		return signing.PublicKey{}
	}
	return signer.SSHPublicKey()
}

// takeUp is the problem that is mended by putting the delegation in force that lasts longest.
func (l *looking) takeUp(what string) Problem {
	return Problem{What: what, Commands: []string{"remit use " + l.Live[0].Chain.Digest()}}
}

// underDelegation says what keeps git from signing under a delegation that holds.
func (l *looking) underDelegation(chain delegation.Chain) {
	leaf := chain.Leaf()
	var wrong []string
	s := l.Signing
	if !s.On {
		wrong = append(wrong, "git does not sign commits by itself (commit.gpgsign)")
	}
	switch {
	case s.Format != "ssh":
		wrong = append(wrong, "git does not sign with SSH keys (gpg.format)")
	case !s.Key.Equal(leaf.Delegate.Key):
		wrong = append(wrong, "git signs with another key (user.signingkey)")
	}
	if s.Program == "" {
		wrong = append(wrong, "git does not sign by remit (gpg.ssh.program)")
	} else if filepath.IsAbs(s.Program) {
		if _, err := os.Stat(s.Program); err != nil {
			wrong = append(wrong, "there is no program "+inert.Word(s.Program)+" any more (gpg.ssh.program)")
		}
	}
	if l.Hooks.Err != nil || slices.Contains(l.Hooks.Missing, "prepare-commit-msg") {
		wrong = append(wrong, "git runs no hook that names the delegation (core.hooksPath)")
	}
	if len(wrong) > 0 {
		p := Problem{What: fmt.Sprintf("the delegation %s is in force, but %s", short(chain.Digest()), names.List(wrong, "and")), Commands: []string{"remit use --none", "remit use " + chain.Digest()}}
		if l.Env.Getenv("GIT_CONFIG_COUNT") != "" || l.Env.Getenv("GIT_CONFIG_PARAMETERS") != "" {
			p.Commands = slices.Insert(p.Commands, 0, "unset GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS")
		}
		if l.Env.Getenv(workspace.DelegationVariable) != "" {
			p.Commands = slices.Insert(p.Commands, 0, "unset "+workspace.DelegationVariable)
		}
		l.say(p)
	}
	if !slices.Contains(leaf.Scope.Actions, names.Commit) || len(leaf.Scope.Branches) == 0 {
		return
	}
	if l.Branch == "HEAD" || !pattern.Any(leaf.Scope.Branches, l.Branch) {
		what := "no branch is checked out (a detached HEAD), and what is committed so can be held against no delegation"
		if l.Branch != "HEAD" {
			what = fmt.Sprintf("the branch %s is outside the delegation, which covers %s", inert.Word(strings.TrimPrefix(l.Branch, "refs/heads/")), names.List(words(leaf.Scope.Branches), "and"))
		}
		p := Problem{What: what, Advice: "work on a branch that the delegation covers"}
		if name := l.freeBranch(leaf.Scope.Branches); name != "" {
			p.Commands = []string{"git switch -c " + quote(name)}
		}
		l.say(p)
	}
}

// freeBranch is a branch that one of the patterns covers and that is not there yet, "" for none.
func (l *looking) freeBranch(patterns []pattern.Pattern) string {
	for _, p := range patterns {
		for n := range 20 {
			word := "task"
			if n > 0 {
				word = fmt.Sprintf("task-%d", n+1)
			}
			ref := strings.NewReplacer("**", word, "*", word, "?", "x").Replace(p.String())
			if !strings.HasPrefix(ref, "refs/") {
				ref = "refs/heads/" + ref
			}
			if !strings.HasPrefix(ref, "refs/heads/") || names.CheckRef(ref) != nil || !p.Match(ref) {
				break
			}
			if _, err := l.Workspace.Repo.ResolveRevision(ref); err != nil {
				return strings.TrimPrefix(ref, "refs/heads/")
			}
			if !strings.Contains(p.String(), "*") {
				break
			}
		}
	}
	return ""
}

// human says what keeps a human from signing and delegating.
func (l *looking) human(ctx context.Context) {
	l.policy(Problem{Commands: []string{"remit init"}})
	own, ownKey := l.ownKey()
	if l.Policy != nil && len(l.Who) == 0 {
		p := Problem{
			What:     "no key at hand is one of the policy's, nor has one of them a delegation here, so that you can neither delegate nor act under a delegation",
			Commands: []string{"remit key list"},
			Advice:   "load your key into ssh-agent with `ssh-add`, have the policy list one that you have, or ask for a delegation to it",
		}
		if l.Workspace.HasRemote(ctx, "origin") {
			p.Commands = append(p.Commands, fetchDelegations)
			p.Advice = "where you were given a delegation, that fetches it; else " + p.Advice
		}
		l.say(p)
	}
	if own != "" {
		l.ownSigning(own, ownKey)
		l.allowedSigners()
	}
	if l.Uncommitted {
		l.say(Problem{What: "the policy in " + policy.FileName + " was never committed, so that nobody goes by it yet", Commands: []string{"git add " + policy.FileName, `git commit -S -m "Add remit"`}})
	}
	if l.Policy == nil {
		return
	}
	switch {
	case l.Hooks.Err != nil:
		l.say(fixed(l.Hooks.Err))
	case len(l.Hooks.Missing) > 0 && !l.Hooks.OwnDir:
		p := Problem{What: "these hooks are not remit's, so that a denial is heard of late: " + names.Join(l.Hooks.Missing), Commands: []string{"remit hooks install"}}
		for _, s := range l.Hooks.States {
			if s.Condition == hooks.Changed && s.Note != "" {
				p.Advice = s.Hook + ": " + s.Note
			}
		}
		l.say(p)
	}
}

// ownKey is the one human of the policy whose key is at hand, and that key; "" for none, or several.
func (l *looking) ownKey() (names.Principal, signing.PublicKey) {
	var own names.Principal
	for _, name := range l.Who {
		if name.Kind() != names.Human {
			continue
		}
		if own != "" {
			return "", signing.PublicKey{}
		}
		own = name
	}
	if own == "" {
		return "", signing.PublicKey{}
	}
	key := l.keyAtHand(own)
	if key.IsZero() {
		return "", key
	}
	return own, key
}

// ownSigning says what keeps git from signing as somebody by a key that the policy lists.
func (l *looking) ownSigning(own names.Principal, key signing.PublicKey) {
	s := l.Signing
	if s.On && s.Format == "ssh" && s.Owner == own && s.AtHand && !l.brokenProgram() {
		return
	}
	what := "git does not sign your commits"
	switch {
	case s.On && s.Format != "ssh":
		what = "git signs with a key that is no SSH key, which no policy can list"
	case s.On && s.Owner != own && !s.Key.IsZero():
		what = fmt.Sprintf("git signs with the key %s, which the policy does not list for %s", s.Key.Fingerprint(), own)
	case s.On && l.brokenProgram():
		what = fmt.Sprintf("git signs by the program %s, which is not there", inert.Word(s.Program))
	case s.On:
		what = "git signs with a key that cannot be read here"
	}
	l.say(Problem{What: what, Commands: SigningCommands(l.Keys.Store.Path, l.inStore(key), key, l.brokenProgram())})
}

// brokenProgram reports whether gpg.ssh.program names a file that is not there.
func (l *looking) brokenProgram() bool {
	if !filepath.IsAbs(l.Signing.Program) {
		return false
	}
	_, err := os.Stat(l.Signing.Program)
	return err != nil
}

// inStore is the name under which the key store has a key, "" where it has not.
func (l *looking) inStore(key signing.PublicKey) string {
	list, err := l.Keys.Store.List()
	if err != nil {
		return ""
	}
	for _, name := range list {
		if pub, err := l.Keys.Store.Public(name); err == nil && pub.Equal(key) {
			return name
		}
	}
	return ""
}

// SigningCommands make git sign a human's commits in this clone: with the key of that name in the key store, else
// ("") with one that ssh-agent holds.
func SigningCommands(path func(name string) string, name string, key signing.PublicKey, unsetProgram bool) []string {
	value := "key::" + key.AuthorizedKey()
	if name != "" {
		value = path(name)
	}
	commands := []string{"git config gpg.format ssh", "git config user.signingkey " + quote(value), "git config commit.gpgsign true"}
	if unsetProgram {
		commands = append(commands, "git config --unset-all gpg.ssh.program")
	}
	return commands
}

// SignersFile is where a clone keeps the keys that plain git knows signers by.
func SignersFile(w *workspace.Workspace) string {
	return filepath.Join(w.CommonDir, "remit", "allowed_signers")
}

// allowedSigners looks whether plain git can say who signed.
func (l *looking) allowedSigners() {
	file := SignersFile(l.Workspace)
	here := filepath.Join(l.Workspace.Worktree, policy.FileName)
	if _, err := os.Lstat(here); err != nil {
		return // the command that mends it reads the work tree's
	}
	what := ""
	if l.Signing.Signers == "" {
		what = "git does not know whose keys are whose, so that `git log --show-signature` names nobody (gpg.ssh.allowedSignersFile)"
	} else if _, err := os.Stat(l.Env.Absolute(l.Signing.Signers)); err != nil {
		what = "the file that tells git whose keys are whose is not there: " + inert.Word(l.Signing.Signers)
	}
	if what == "" {
		return
	}
	l.say(Problem{What: what, Commands: []string{
		"mkdir -p " + quote(filepath.Dir(file)), "remit policy allowed-signers > " + quote(file), "git config gpg.ssh.allowedSignersFile " + quote(file),
	}})
}

// server says what keeps a server from judging what is pushed to it.
func (l *looking) server(ctx context.Context) {
	l.hooks(ctx)
	w := l.Workspace
	if l.Hooks.Err != nil {
		l.say(fixed(l.Hooks.Err))
	}
	for _, s := range l.Hooks.States {
		if s.Condition == hooks.Installed && s.Note == "" {
			continue
		}
		p := Problem{What: "the hook " + s.Hook + " is not remit's, so that nothing that is pushed here is judged", Commands: []string{"remit hooks install --server --root-key FILE"}, Advice: "FILE is the public key of the human who signs the first policy"}
		if _, err := hooks.ReadServerConfig(w.CommonDir); err == nil { // what an earlier installation was told is kept
			p.Commands, p.Advice = []string{"remit hooks install --server"}, s.Note
		}
		if s.Condition == hooks.Installed {
			p.What = "the hook " + s.Hook + " runs another program than it was given"
		}
		l.say(p)
	}
	if len(l.Hooks.Missing) > 0 {
		return
	}
	config, err := hooks.ReadServerConfig(w.CommonDir)
	if err != nil {
		l.say(Problem{What: "the hook's configuration cannot be used, so that it refuses every push: " + err.Error(), Commands: []string{"remit hooks install --server --root-key FILE"}, Advice: "FILE is the public key of the human who signs the first policy"})
		return
	}
	if config.PusherEnv == "" {
		l.say(Problem{
			What:   "nobody attests who pushes, so that forced updates, deletions and moved refs are all denied",
			Advice: "install the hook again, `remit hooks install --server --pusher-env VARIABLE`, with the variable in which this server names who pushes (GL_USER, REMOTE_USER)",
		})
	} else if w.ConfigValue(ctx, "--type=bool", "receive.advertisePushOptions") != "true" {
		l.say(Problem{What: "`git push -o delegation=DIGEST` does not work here", Commands: []string{"git config receive.advertisePushOptions true"}})
	}
	l.received(ctx, &config)
	l.audited(ctx)
}

func short(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] }

func words(list []pattern.Pattern) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = inert.Word(p.String())
	}
	return out
}

// quote writes a word for a shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
