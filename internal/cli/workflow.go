package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/workflow"
)

func newWorkflow(env *Env) *cobra.Command {
	return group("workflow", "Judge what workflow files let jobs reach", newWorkflowCheck(env), newWorkflowList(env))
}

func newWorkflowCheck(env *Env) *cobra.Command {
	var (
		root, polFile, base, as, repository, format string
		observe, verbose                            bool
	)
	c := &cobra.Command{
		Use:   "check [FILE…]",
		Short: "Judge environments, secrets, gates and triggers of workflow files",
		Long: "Judges the workflow files of a tree, with the local actions and workflows that they call: which job runs\n" +
			"in which environment, and what secrets it reaches there. FILE limits what is judged. With --base only what\n" +
			"the change brings is held against it, and with --as whether that agent's grants cover what it newly reaches.\n" +
			"The policy is the one of --base, else of origin/HEAD or HEAD, unless --policy names a file.",
		Example: "  remit workflow check\n  remit workflow check --base origin/main --as agent.coder .github/workflows/deploy.yml",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format, reportFormats()...); err != nil {
				return err
			}
			t, err := openTree(env, root, args)
			if err != nil {
				return err
			}
			defer t.close()
			before, commit, err := t.base(base)
			if err != nil {
				return err
			}
			p, err := t.policy(polFile, base, commit)
			if err != nil {
				return err
			}
			q := decide.Files{Head: t.files, Base: before, Named: t.named, Policy: p}
			if q.Repository, err = t.repository(cmd.Context(), repository, p); err != nil {
				return err
			}
			if as != "" {
				agent, err := principalNamed(p, as, names.Agent)
				if err != nil {
					return err
				}
				q.As = agent.Name
			}
			return tell(env, decide.Decide(cmd.Context(), decide.Sources{Now: env.Now}, q), showing{format: format, verbose: verbose, observe: observe})
		},
	}
	c.Flags().StringVar(&root, "root", "", "the tree's `DIR` (default: the work tree)")
	c.Flags().StringVar(&polFile, "policy", "", policyUsage("the base's"))
	c.Flags().StringVar(&base, "base", "", "the `REV` before the change")
	c.Flags().StringVar(&as, "as", "", "the `AGENT` that the change is judged as, by its grants alone")
	c.Flags().StringVar(&repository, "repository", "", "`REPOSITORY` as host/owner/name (default: the policy's)")
	formatFlag(c, &format, reportFormats()...)
	c.Flags().BoolVar(&observe, "observe", false, "report, and exit with 0 whatever the verdict is")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "show what is allowed too")
	return c
}

// workTree is a tree of files that is judged as it is on disk. What leads out of it is not followed.
type workTree struct {
	env   *Env
	w     *workspace // nil: it is in no repository
	dir   string
	root  *os.Root
	files fs.FS
	named []string // the files that were asked for, from the root
}

// openTree opens the tree at a folder, "" for the work tree.
func openTree(env *Env, dir string, args []string) (*workTree, error) {
	t := &workTree{env: env, dir: absolute(env, dir)}
	around := *env
	if dir != "" {
		around.Dir = t.dir
	}
	w, err := openWorkspace(&around)
	switch {
	case err == nil:
		t.w = w
		w.env = env
	case dir == "" || !errors.Is(err, gitrepo.ErrNoRepository):
		return nil, err
	}
	if dir == "" {
		t.dir = t.w.Worktree
	}
	if t.dir == "" {
		t.close()
		return nil, fault.WithFix(fault.Usagef("this repository has no work tree"), "name one with --root DIR")
	}
	if t.root, err = os.OpenRoot(t.dir); err != nil {
		t.close()
		return nil, fault.Usagef("opening the tree: %w", err)
	}
	t.files = t.root.FS()
	for _, arg := range args {
		name, err := t.inside(arg)
		if err != nil {
			t.close()
			return nil, err
		}
		t.named = append(t.named, name)
	}
	return t, nil
}

// inside is the path of a file of the tree, from its root and with slashes.
func (t *workTree) inside(arg string) (string, error) {
	top, err := filepath.EvalSymlinks(t.dir)
	if err != nil {
		return "", fault.Undecidedf("finding the tree: %w", err)
	}
	// The folder may have been reached by a link; the file itself is not followed.
	path := absolute(t.env, arg)
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(folder, filepath.Base(path))
	}
	rel, err := filepath.Rel(top, path)
	if err != nil || !filepath.IsLocal(rel) {
		return "", fault.WithFix(fault.Usagef("%s is not in the tree %s", arg, t.dir), "name another tree with --root DIR")
	}
	info, err := t.root.Lstat(rel)
	if err != nil {
		return "", fault.Usagef("there is no workflow file %s: %w", arg, err)
	}
	if info.IsDir() {
		return "", fault.WithFix(fault.Usagef("%s is a folder, and no workflow file", arg), "without FILE all of %s is judged", workflow.Dir)
	}
	return filepath.ToSlash(rel), nil
}

func (t *workTree) close() {
	if t.root != nil {
		_ = t.root.Close() // only read from
	}
	if t.w != nil {
		t.w.Close()
	}
}

// base is the tree of a revision, from the same folder as the tree, and its commit; nil for "".
func (t *workTree) base(rev string) (fs.FS, string, error) {
	if rev == "" {
		return nil, "", nil
	}
	if t.w == nil {
		return nil, "", fault.WithFix(fault.Usagef("%s is in no git repository, so that it has no revision %q", t.dir, rev), "leave --base out")
	}
	commit, err := t.w.Repo.ResolveRevision(rev)
	if err != nil {
		return nil, "", t.w.notFound(rev, err)
	}
	tree, err := t.w.Repo.Tree(commit)
	if err != nil {
		return nil, "", fault.Undecidedf("reading the base: %w", err)
	}
	top, err := filepath.EvalSymlinks(t.w.Worktree)
	if err != nil {
		return nil, "", fault.Undecidedf("finding the work tree: %w", err)
	}
	here, err := filepath.EvalSymlinks(t.dir)
	if err != nil {
		return nil, "", fault.Undecidedf("finding the tree: %w", err)
	}
	rel, err := filepath.Rel(top, here)
	if err != nil {
		return nil, "", fault.Undecidedf("finding the tree: %w", err)
	}
	if !filepath.IsLocal(rel) || rel == "." {
		return tree, commit, nil
	}
	sub, err := fs.Sub(tree, filepath.ToSlash(rel))
	return sub, commit, err
}

// policy is the one that is named, else the base's, else the one that the repository goes by.
func (t *workTree) policy(file, rev, commit string) (*policy.Policy, error) {
	switch {
	case file != "":
		return readPolicyFile(t.env, file)
	case t.w == nil:
		return nil, fault.WithFix(fault.Usagef("%s is in no git repository, so that no policy rules it", t.dir), "name one with --policy FILE")
	case commit != "":
		p, err := decide.PolicyAt(context.Background(), t.w.Repo, commit, "the base "+rev)
		if errors.Is(err, decide.ErrNoPolicy) {
			err = fault.WithFix(fault.Undecidedf("%w: nothing says what is allowed", err), "name one with --policy FILE")
		}
		return p, err
	default:
		return t.w.issuingPolicy("")
	}
}

// repository is the name of the repository that the tree is of.
func (t *workTree) repository(ctx context.Context, flag string, p *policy.Policy) (string, error) {
	if t.w != nil {
		return t.w.repositoryName(ctx, flag, p)
	}
	if flag == "" && p.Repository == "" {
		return "", fault.Usagef("it is not known which repository this is: name it with --repository host/owner/name")
	}
	if flag == "" {
		return p.Repository, nil
	}
	name, err := names.ParseRepository(flag)
	if err != nil {
		return "", fault.Usagef("--repository: %w", err)
	}
	return name, nil
}

func newWorkflowList(env *Env) *cobra.Command {
	var root, format string
	c := &cobra.Command{
		Use:   "list [FILE…]",
		Short: "List jobs, their environments and the secrets that they reach",
		Long: "Lists the jobs of the tree's workflows as they can run: in which environment, and what secrets they reach,\n" +
			"with the line and column of each. Nothing is judged, and no policy is needed.",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkFormat(format, "text", "json"); err != nil {
				return err
			}
			t, err := openTree(env, root, args)
			if err != nil {
				return err
			}
			defer t.close()
			list := listWorkflows(workflow.Load(t.files, workflow.Options{Files: t.named}), t.named)
			if format == "json" {
				if err := json.MarshalWrite(env.Stdout, list, jsontext.WithIndent("  ")); err != nil {
					return err
				}
				fmt.Fprintln(env.Stdout)
			} else if err := list.text(env); err != nil {
				return err
			}
			if len(list.Problems) > 0 {
				return fault.Undecidedf("the list may not be complete: %d of the things in it could not be worked out", len(list.Problems))
			}
			return nil
		},
	}
	c.Flags().StringVar(&root, "root", "", "the tree's `DIR` (default: the work tree)")
	formatFlag(c, &format, "text", "json")
	return c
}

// workflowListing is what `workflow list` prints. Members may be added within a version.
type workflowListing struct {
	Version  int             `json:"version"`
	Jobs     []listedJob     `json:"jobs"`
	Problems []listedProblem `json:"problems"`
}

type listedJob struct {
	Workflow     string              `json:"workflow"`
	Job          string              `json:"job"`
	File         string              `json:"file"` // where the job stands
	Line         int                 `json:"line"`
	Column       int                 `json:"column"`
	Environments []listedEnvironment `json:"environments"` // none: it names none
	Secrets      []listedSecret      `json:"secrets"`
}

type listedEnvironment struct {
	Name   string `json:"name"` // "" where it is not known
	Known  bool   `json:"known"`
	Text   string `json:"text"` // as written
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

type listedSecret struct {
	Name        string `json:"name"` // "*" where it is not known, or all of them
	Environment string `json:"environment"`
	Text        string `json:"text"`
	File        string `json:"file"`
	Line        int    `json:"line"`
	Column      int    `json:"column"`
	By          string `json:"by"` // the key that reads it first
}

type listedProblem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Detail string `json:"detail"`
}

// listWorkflows lists what files reach, each thing once; none named: all.
func listWorkflows(w *evidence.Workflows, files []string) *workflowListing {
	list := &workflowListing{Version: 1, Jobs: []listedJob{}, Problems: []listedProblem{}}
	for i := range w.Jobs {
		job := &w.Jobs[i]
		if len(files) > 0 && !slices.Contains(files, job.File) && !slices.Contains(files, job.At.File) {
			continue
		}
		row := listedJob{
			Workflow: job.File, Job: job.ID, File: job.At.File, Line: job.At.Line, Column: job.At.Column,
			Environments: []listedEnvironment{}, Secrets: []listedSecret{},
		}
		for k := range job.Cases {
			row.add(&job.Cases[k])
		}
		list.Jobs = append(list.Jobs, row)
	}
	for _, p := range w.Problems {
		list.Problems = append(list.Problems, listedProblem{p.At.File, p.At.Line, p.At.Column, p.Detail})
	}
	return list
}

func (row *listedJob) add(c *evidence.JobCase) {
	e := c.Environment
	if e.Kind != evidence.EnvironmentNone {
		env := listedEnvironment{e.Name, e.Kind == evidence.EnvironmentNamed, e.Text, e.At.File, e.At.Line, e.At.Column}
		if !slices.Contains(row.Environments, env) {
			row.Environments = append(row.Environments, env)
		}
	}
	for i := range c.Secrets {
		u := &c.Secrets[i]
		if u.Loose {
			continue // nobody knows that the job gets at it
		}
		s := listedSecret{Name: "*", Environment: e.Name, Text: u.Text, File: u.At.File, Line: u.At.Line, Column: u.At.Column}
		if u.Kind == evidence.SecretNamed || u.Kind == evidence.SecretToken {
			s.Name = u.Name
		}
		if len(u.Flow) > 0 {
			s.By = u.Flow[0].Key
		}
		if !slices.Contains(row.Secrets, s) {
			row.Secrets = append(row.Secrets, s)
		}
	}
}

// text prints a line for each environment and secret of a job.
func (l *workflowListing) text(env *Env) error {
	out := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "WORKFLOW\tJOB\tENVIRONMENT\tSECRET\tPLACE")
	for _, j := range l.Jobs {
		job := report.Inert(j.Workflow) + "\t" + report.Inert(j.Job) + "\t"
		shown := map[string]bool{} // environments that some secret's line names
		for _, s := range j.Secrets {
			shown[s.Environment] = true
			name := s.Name
			if name == "*" {
				name = "* " + s.Text
			}
			fmt.Fprintf(out, "%s%s\t%s\t%s:%d:%d\n", job, j.environment(s.Environment), report.Inert(name), report.Inert(s.File), s.Line, s.Column)
		}
		for _, e := range j.Environments {
			if !shown[e.Name] {
				fmt.Fprintf(out, "%s%s\t-\t%s:%d:%d\n", job, j.environment(e.Name), report.Inert(e.File), e.Line, e.Column)
			}
		}
		if len(j.Secrets)+len(j.Environments) == 0 {
			fmt.Fprintf(out, "%s-\t-\t%s:%d:%d\n", job, report.Inert(j.File), j.Line, j.Column)
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, p := range l.Problems {
		fmt.Fprintf(env.Stderr, "note: %s:%d:%d: %s\n", report.Inert(p.File), p.Line, p.Column, report.Inert(p.Detail))
	}
	return nil
}

// environment is a job's environment of a name in a table.
func (row *listedJob) environment(name string) string {
	if name != "" {
		return report.Inert(name)
	}
	for _, e := range row.Environments {
		if !e.Known {
			return "? " + report.Inert(strings.TrimSpace(e.Text))
		}
	}
	return "-"
}
