package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
	ws "github.com/remit-sh/remit/workspace"
)

const (
	workflowFolder   = ".github/workflows/"
	auditEnvironment = "remit-audit" // of the workflow that has the audit log's key
)

// initOptions are the flags of init.
type initOptions struct {
	yes, dryRun         bool
	noWorkflow, noHooks bool
	name, login         string
	key                 string
	repository          string
	deploy              string
	actionRef           string
	agent               string
}

func newInit(env *Env) *cobra.Command {
	var o initOptions
	c := &cobra.Command{
		Use:   "init",
		Short: "Start here: write a policy, a workflow and the hooks",
		Long: "Writes policies.hcl in observe mode, with your own key and login and one agent, the workflow that checks\n" +
			"pull requests, and the client's hooks. It asks before each. What is there already is never changed, and\n" +
			"nothing is committed.",
		Example: "  remit init\n  remit init --yes --login alice --deploy production\n  remit init --dry-run\n  remit init --agent tester",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.agent != "" {
				return initAgent(cmd.Context(), env, o)
			}
			return runInit(cmd.Context(), env, o)
		},
	}
	c.Flags().BoolVar(&o.yes, "yes", false, "do everything without asking")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "print what would be written, and change nothing")
	c.Flags().StringVar(&o.name, "as", "", "your `NAME` in the policy (default: after the login)")
	c.Flags().StringVar(&o.login, "login", "", "your `LOGIN` on the forge (default: git's github.user)")
	c.Flags().StringVar(&o.key, "key", "", "`FILE` of your public key (default: the one that git signs with, else ssh-agent's, else ~/.ssh)")
	c.Flags().StringVar(&o.repository, "repository", "", "this `REPOSITORY` as host/owner/name (default: where origin points)")
	c.Flags().StringVar(&o.deploy, "deploy", "", "also write deploy.yml and a gate for this `ENVIRONMENT`")
	c.Flags().StringVar(&o.actionRef, "action-ref", "", "`TAG` or commit of remit-sh/remit that the workflows use (default: this program's release, else main)")
	c.Flags().StringVar(&o.agent, "agent", "", "add the agent `NAME` to the policy that is here: make its key, and write its block and a grant")
	c.Flags().BoolVar(&o.noWorkflow, "no-workflow", false, "write no workflow")
	c.Flags().BoolVar(&o.noHooks, "no-hooks", false, "install no hooks")
	return c
}

// initStep is one thing that init offers to do.
type initStep struct {
	doing string // "write policies.hcl"
	why   string // what it is good for
	files []initFile
	run   func() error // where it is not about files
}

type initFile struct {
	name    string // below the work tree, with slashes
	content []byte
}

// environmentName is narrower than the forge's: it stands in a workflow and in an expression.
var environmentName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`) })

// yamlWords are names that YAML would not read as text.
var yamlWords = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^(y|yes|n|no|on|off|true|false|null)$`) })

// refName is what `uses:` can carry after the @.
var refName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$`) })

func (o *initOptions) check() error {
	if o.deploy != "" && (!environmentName().MatchString(o.deploy) || yamlWords().MatchString(o.deploy)) {
		return fault.WithFix(fault.Usagef("--deploy %q is not a name that init can write", o.deploy), "use letters, digits, - and _, such as production")
	}
	if o.deploy != "" && o.noWorkflow {
		return fault.Usagef("--deploy writes a workflow, and --no-workflow forbids it")
	}
	if o.actionRef == "" {
		o.actionRef = releaseRef(version, commit)
	}
	if !refName().MatchString(o.actionRef) {
		return fault.WithFix(fault.Usagef("--action-ref %q is not a tag or a commit", o.actionRef), "write the 40 digits of a commit of remit-sh/remit, or a tag such as v1.2.3")
	}
	return nil
}

// fullCommit is a commit id that nothing can be moved behind.
var fullCommit = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{40}$`) })

// gateRef is the commit at which a gate is written. A gate that somebody could move is none: where the commit is not
// known, zeros say that it is yet to be written.
func (o *initOptions) gateRef() string {
	if fullCommit().MatchString(o.actionRef) {
		return o.actionRef
	}
	return policy.NoCommit
}

// releaseRef is the commit that this program was built from, where its build says so, else the tag of its
// version; what was built otherwise uses the newest.
func releaseRef(version, commit string) string {
	if fullCommit().MatchString(commit) {
		return commit
	}
	if regexp.MustCompile(`^v\d+\.\d+\.\d+$`).MatchString(version) {
		return version
	}
	return "main"
}

func runInit(ctx context.Context, env *Env, o initOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	w, err := findWorkspace(env)
	if err != nil {
		return err
	}
	if w.Worktree == "" {
		return fault.WithFix(fault.Usagef("this is a bare repository"), "run this in a clone of it; a server's hook is installed with `remit hooks install --server`")
	}
	if _, inForce, err := readUse(env, w.GitDir); err != nil || inForce {
		if err != nil {
			return err
		}
		return fault.WithFix(fault.Refusedf("a delegation is in force here, and an agent does not write the policy that rules it"),
			"have a human run this, in a work tree of their own; `remit use --none` ends the delegation")
	}
	if err := w.OpenObjects(); err != nil {
		return err
	}
	defer w.Close()
	root, err := os.OpenRoot(w.Worktree) // so that no link in the repository leads a file out of it
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // only a handle

	i := &initRun{env: env, o: o, w: w, root: root, in: bufio.NewReader(env.Stdin)}
	return i.run(ctx)
}

// initRun is one run of init.
type initRun struct {
	env  *Env
	o    initOptions
	w    *workspace
	root *os.Root
	in   *bufio.Reader

	signing []string // commands that have git sign with the key of the policy; none where it does already
}

// asks reports whether this run can put a question.
func (i *initRun) asks() bool { return i.env.Interactive && !i.o.yes && !i.o.dryRun }

func (i *initRun) run(ctx context.Context) error {
	steps, err := i.steps(ctx)
	if err != nil {
		return err
	}
	switch {
	case len(steps) == 0:
		i.say("nothing is left to do.")
		return nil
	case i.o.dryRun:
		return i.show(steps)
	case !i.o.yes && !i.env.Interactive:
		for _, s := range steps {
			i.say("would %s: %s.", s.doing, s.why)
		}
		return fault.WithFix(fault.Usagef("init asks before each of these, and there is no terminal to ask at: nothing was changed"),
			"`remit init --yes` does them all, `remit init --dry-run` prints the files")
	}
	var written []string
	for _, s := range steps {
		if i.asks() && !i.yes("%s? %s.", upperFirst(s.doing), upperFirst(s.why)) {
			i.say("did not %s.", s.doing)
			continue
		}
		for _, f := range s.files {
			if err := writeNew(i.root, f.name, f.content); err != nil {
				return err
			}
			i.say("wrote %s.", f.name)
			written = append(written, f.name)
		}
		if s.run != nil {
			if err := s.run(); err != nil {
				return err
			}
		}
	}
	i.sayNext(ctx, written)
	return nil
}

// steps lists what is to be done. What is there already is said and left out.
func (i *initRun) steps(ctx context.Context) ([]initStep, error) {
	branch := i.defaultBranch(ctx)
	var steps []initStep

	where, err := i.policyThere()
	if err != nil {
		return nil, err
	}
	if where != "" {
		i.say("%s: left as it is.", where)
		if i.o.deploy != "" {
			i.say("note: if it has none yet, give it an `environment %q` and a `gate` for it; `remit policy explain` shows both.", i.o.deploy)
		}
	} else {
		more, err := i.policySteps(ctx, branch)
		if err != nil {
			return nil, err
		}
		steps = append(steps, more...)
	}

	flow := workflowFacts{Branch: branch, Ref: i.o.actionRef, GateRef: i.o.gateRef(), Environment: i.o.deploy}
	if !i.o.noWorkflow && i.hasWorkflows(ctx) {
		check := initStep{doing: "write the workflow that checks pull requests", why: "it posts the check run \"remit\" and blocks nothing while the policy observes"}
		if check.files, err = i.newFiles(flow, "remit.yml", "remit-review.yml", "remit-audit.yml"); err != nil {
			return nil, err
		}
		deploy := initStep{doing: "write the workflow that deploys to " + i.o.deploy, why: "its first step is the gate, and its last is for you to fill in"}
		if i.o.deploy != "" {
			if deploy.files, err = i.newFiles(flow, "deploy.yml"); err != nil {
				return nil, err
			}
		}
		for _, s := range []initStep{check, deploy} {
			if len(s.files) > 0 {
				steps = append(steps, s)
			}
		}
	}
	if !i.o.noHooks {
		steps = append(steps, i.hookSteps(ctx)...)
	}
	return steps, nil
}

// policyThere says where a policy is, in the work tree or on the remote's default branch; "" for nowhere.
func (i *initRun) policyThere() (string, error) {
	if there, err := exists(i.root, policy.FileName); err != nil || there {
		return policy.FileName + " is there already", err
	}
	commit, err := i.w.Repo.ResolveRevision("refs/remotes/origin/HEAD")
	if err != nil {
		return "", nil //nolint:nilerr // there is no remote, or it was never fetched
	}
	_, err = i.w.Repo.File(commit, policy.FileName)
	switch {
	case errors.Is(err, gitrepo.ErrNotFound):
		return "", nil
	case err != nil:
		return "", fault.Undecidedf("reading %s of origin/HEAD: %w", policy.FileName, err)
	}
	return "origin's default branch has a " + policy.FileName + " already", nil
}

// newFiles renders those of the workflows that are not there yet.
func (i *initRun) newFiles(flow workflowFacts, names ...string) ([]initFile, error) {
	var files []initFile
	for _, name := range names {
		path := workflowFolder + name
		var there bool
		for _, p := range []string{path, strings.TrimSuffix(path, ".yml") + ".yaml"} {
			ok, err := exists(i.root, p)
			if err != nil {
				return nil, err
			}
			if ok {
				i.say("%s is there already: left as it is.", p)
				there = true
			}
		}
		if there {
			continue
		}
		content, err := render(name, flow)
		if err != nil {
			return nil, err
		}
		files = append(files, initFile{path, content})
	}
	return files, nil
}

// hookSteps offers the client's hooks where they are not installed.
func (i *initRun) hookSteps(ctx context.Context) []initStep {
	at, err := ws.LocateHooks(ctx, i.env.around(), "")
	var states []hooks.State
	if err == nil {
		states, err = hooks.Status(at.HooksDir)
	}
	if err != nil {
		i.say("note: no hooks: %v; `remit hooks install` says more.", err)
		return nil
	}
	missing := false
	for _, s := range states {
		isClient := s.Hook == "prepare-commit-msg" || s.Hook == "pre-commit" || s.Hook == "pre-push"
		missing = missing || isClient && s.Condition != hooks.Installed
	}
	if !missing {
		i.say("the hooks are installed already.")
		return nil
	}
	return []initStep{{
		doing: "install the git hooks of this clone", why: "they say early what the check would deny, and run your own hooks first",
		run: func() error {
			changes, err := hooks.Install(hooks.InstallOptions{HooksDir: at.HooksDir, Set: hooks.Client, Remit: i.env.Executable})
			printChanges(i.env, changes)
			return err
		},
	}}
}

// hasWorkflows reports whether the check can run as a workflow: on GitHub alone. Elsewhere it says what does.
func (i *initRun) hasWorkflows(ctx context.Context) bool {
	if i.onGitHub(ctx) {
		return true
	}
	if name, err := i.repositoryName(ctx); err == nil {
		host, _, _ := strings.Cut(name, "/")
		i.say("note: no workflow is written for %s: there a server's hook judges what is pushed, or `remit check` in a CI job (docs/servers.md).", host)
	}
	return false
}

// onGitHub reports whether origin is on GitHub, or on a GitHub of somebody's own.
func (i *initRun) onGitHub(ctx context.Context) bool {
	name, err := i.repositoryName(ctx)
	if err != nil {
		return true // which is said where the name is needed
	}
	host, _, _ := strings.Cut(name, "/")
	if slices.Contains(strings.FieldsFunc(host, func(r rune) bool { return r == '.' || r == '-' }), "github") {
		return true
	}
	for _, known := range []string{"gitlab", "bitbucket", "codeberg", "gitea", "forgejo", "sr.ht"} {
		if strings.Contains(host, known) {
			return false
		}
	}
	there, err := exists(i.root, ".github")
	return err == nil && there
}

// defaultBranch is the remote's, as far as this clone knows it, else the one that is checked out, else main.
func (i *initRun) defaultBranch(ctx context.Context) string {
	const remote = "refs/remotes/origin/"
	if ref, err := i.w.Git(ctx, "symbolic-ref", "--quiet", remote+"HEAD"); err == nil {
		if name, ok := strings.CutPrefix(ref, remote); ok {
			return name
		}
	}
	for _, ref := range []string{remote + "main", remote + "master", "refs/heads/main", "refs/heads/master"} {
		if _, err := i.w.Repo.ResolveRevision(ref); err == nil {
			return ref[strings.LastIndexByte(ref, '/')+1:]
		}
	}
	if name, ok := strings.CutPrefix(i.w.Head(), "refs/heads/"); ok {
		return name
	}
	return "main"
}

// show prints the files, for --dry-run.
func (i *initRun) show(steps []initStep) error {
	for _, s := range steps {
		i.say("would %s: %s.", s.doing, s.why)
		for _, f := range s.files {
			fmt.Fprintf(i.env.Stdout, "--- %s\n%s", f.name, f.content)
		}
	}
	return nil
}

// sayNext says how to go on.
func (i *initRun) sayNext(ctx context.Context, written []string) {
	if len(written) == 0 {
		return
	}
	if !i.onGitHub(ctx) {
		i.sayNextOnServer(written)
		return
	}
	i.say("nothing was committed. Next:")
	n := 0
	next := func(format string, args ...any) {
		n++
		i.say(fmt.Sprintf("  %d. ", n)+format, args...)
	}
	if i.o.deploy != "" && i.o.gateRef() == policy.NoCommit {
		next("write the commit id of a release of remit-sh/remit in place of the zeros, where the files have them: until then no deploy can begin.")
		i.say("     `git ls-remote https://github.com/remit-sh/remit 'refs/tags/v*'` lists them: take the line that ends in ^{};")
	}
	if len(i.signing) > 0 {
		next("have git sign with your key:")
		for _, command := range i.signing {
			i.say("       %s", command)
		}
	}
	next("read %s, then commit it, signed:", written[0])
	i.say("       git add %s", strings.Join(written, " "))
	i.say("       git commit -S -m \"Add remit\"")
	next("open a pull request with it: the check run \"remit\" shows what the policy would decide;")
	next("once it is merged, begin the audit log: the lines at the top of %sremit-audit.yml do it, with `gh`; until then decisions wait;", workflowFolder)
	next("`remit key new coder`, then `remit delegate coder --for 1h --why TASK --action commit --action pull_request …`")
}

// sayNextOnServer is sayNext where a server's hook is to judge.
func (i *initRun) sayNextOnServer(written []string) {
	i.say("nothing was committed. Next:")
	i.say("  1. read %s, then commit it, signed; `remit doctor` says what keeps git from signing it:", written[0])
	for _, command := range i.signing {
		i.say("       %s", command)
	}
	i.say("       git add %s", strings.Join(written, " "))
	i.say("       git commit -S -m \"Add remit\"")
	i.say("  2. on the server, in the repository: `remit hooks install --server --root-key FILE`, with the public key of that signature; then push.")
	i.say("     Where no hook can be installed, run `remit check` in a CI job: docs/servers.md says how;")
	i.say("  3. `remit key new coder`, then `remit delegate coder --for 1h --why TASK --action commit --branch 'agent/**' --path …`")
}

func (i *initRun) say(format string, args ...any) {
	fmt.Fprintln(i.env.Stderr, report.Inert(fmt.Sprintf(format, args...)))
}

// yes puts a question that Enter answers with yes. The end of the input is a no.
func (i *initRun) yes(format string, args ...any) bool {
	answer, ok := i.ask(format+" [Y/n]", args...)
	return ok && (answer == "" || strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"))
}

// ask puts a question. ok is false where the input ended.
func (i *initRun) ask(format string, args ...any) (answer string, ok bool) {
	fmt.Fprint(i.env.Stderr, report.Inert(fmt.Sprintf(format, args...)), " ")
	line, err := i.in.ReadString('\n')
	if err != nil && line == "" {
		fmt.Fprintln(i.env.Stderr)
		return "", false
	}
	return strings.TrimSpace(line), true
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// exists reports whether something has this name, a link to nowhere included.
func exists(root *os.Root, name string) (bool, error) {
	_, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// writeNew writes a file in one step, and never over another, as any program makes one: with the umask.
// Where the file system has no hard links, another program could come in between.
func writeNew(root *os.Root, name string, content []byte) error {
	if at := strings.LastIndexByte(name, '/'); at >= 0 {
		if err := root.MkdirAll(name[:at], 0o755); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return atomicfile.Writer{Root: root, Mode: 0o644, Umask: true, NoLinks: true, Aside: ".git"}.Create(name, content)
}
