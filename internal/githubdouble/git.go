package githubdouble

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// git runs git on a bare repository, with nobody's configuration.
func git(dir, stdin string, args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"--git-dir=" + dir, "--no-replace-objects"}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s in %s: %w: %s", args[0], dir, err, strings.TrimSpace(problem.String()))
	}
	return out.String(), nil
}

// cache holds what was read from git: objects never change.
type cache struct {
	types   map[string]string // by object id
	commits map[string]*Commit
	ranges  map[string][]string // by the arguments of rev-list
	files   map[string][]*File  // by the two commits
}

func newCache() cache {
	return cache{map[string]string{}, map[string]*Commit{}, map[string][]string{}, map[string][]*File{}}
}

// readRefs makes the refs of a repository those of its bare repository, once.
func (d *Double) readRefs(r *Repository) error {
	if r.GitDir == "" || len(r.Refs) > 0 {
		return nil
	}
	refs, err := d.gitRefs(r)
	if err != nil {
		return fmt.Errorf("repository %s: %w", r.Name, err)
	}
	r.Refs = refs
	return nil
}

func (d *Double) gitRefs(r *Repository) (map[string]string, error) {
	out, err := git(r.GitDir, "", "for-each-ref", "--format=%(refname) %(objectname) %(objecttype)")
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("git for-each-ref said %q", line)
		}
		refs[fields[0]], d.cache.types[fields[1]] = fields[1], fields[2]
	}
	return refs, nil
}

// absorbAll looks at every bare repository: a push to a fork moves a pull request of another.
func (d *Double) absorbAll(s *Scenario) error {
	for _, r := range s.Repositories {
		if err := d.absorb(s, r); err != nil {
			return err
		}
	}
	return nil
}

// absorb takes over what was pushed to the bare repository since it was last looked at.
func (d *Double) absorb(s *Scenario, r *Repository) error {
	if r.GitDir == "" {
		return nil
	}
	now, err := d.gitRefs(r)
	if err != nil {
		return err
	}
	if maps.Equal(now, r.Refs) {
		return nil
	}
	before, err := s.clone()
	if err != nil {
		return err
	}
	d.remember(before)
	names := slices.Concat(slices.Collect(maps.Keys(now)), slices.Collect(maps.Keys(r.Refs)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		old, sha := r.Refs[name], now[name]
		if old == sha || strings.HasPrefix(name, "refs/pull/") {
			continue
		}
		actor := r.GitPusher
		orDefault(&actor, r.owner())
		forced := old != "" && sha != "" && !isAncestor(r, old, sha)
		d.move(s, r, Activity{Ref: name, Before: old, After: sha, Actor: actor}, forced, nil)
	}
	r.Refs, err = d.gitRefs(r) // with the heads of pull requests that moved
	return err
}

func isAncestor(r *Repository, old, sha string) bool {
	_, err := git(r.GitDir, "", "merge-base", "--is-ancestor", old, sha)
	return err == nil
}

// makeRef creates a ref in the bare repository, if nobody was faster.
func (d *Double) makeRef(r *Repository, name, sha string) (won bool, err error) {
	if r.GitDir == "" {
		return true, nil
	}
	if _, err = git(r.GitDir, "create "+name+" "+sha+"\n", "update-ref", "--stdin"); err == nil {
		return true, nil
	}
	if _, exists := git(r.GitDir, "", "rev-parse", "--verify", "--quiet", name); exists == nil {
		return false, nil
	}
	return false, err
}

// setRef moves or deletes a ref of the bare repository.
func setRef(r *Repository, name, sha string) error {
	if r.GitDir == "" {
		return nil
	}
	args := []string{"update-ref", name, sha}
	if sha == "" {
		args = []string{"update-ref", "-d", name}
	}
	_, err := git(r.GitDir, "", args...)
	return err
}

// publishPull writes refs/pull/N/head, as GitHub does, with the objects of a fork.
func (d *Double) publishPull(s *Scenario, r *Repository, p *PullRequest) error {
	if r.GitDir == "" {
		return nil
	}
	name := fmt.Sprintf("refs/pull/%d/head", p.Number)
	if r.Refs[name] == p.HeadSHA {
		return nil
	}
	if head := s.head(r, p); head != nil && head != r && head.GitDir != "" && p.State == "open" {
		if _, err := git(r.GitDir, "", "fetch", "--quiet", "--no-tags", "--no-auto-gc", head.GitDir, "+refs/heads/"+p.HeadRef+":"+name); err != nil {
			return err
		}
	} else if err := setRef(r, name, p.HeadSHA); err != nil {
		return err
	}
	r.Refs[name] = p.HeadSHA
	return nil
}

func (d *Double) objectType(r *Repository, sha string) string {
	if r.GitDir == "" {
		return "commit"
	}
	if d.cache.types[sha] == "" {
		out, err := git(r.GitDir, "", "cat-file", "-t", sha)
		if err != nil {
			return "commit"
		}
		d.cache.types[sha] = strings.TrimSpace(out)
	}
	return d.cache.types[sha]
}

// known tells whether the repository has a commit, or any object where there is a bare repository.
func (d *Double) known(r *Repository, sha string) bool {
	if !isSHA(sha) {
		return false
	}
	if r.GitDir != "" {
		_, err := git(r.GitDir, "", "cat-file", "-e", sha)
		return err == nil
	}
	for _, at := range r.Refs {
		if at == sha {
			return true
		}
	}
	return slices.ContainsFunc(r.Commits, func(c *Commit) bool { return c.SHA == sha || slices.Contains(c.Parents, sha) }) ||
		slices.ContainsFunc(r.PullRequests, func(p *PullRequest) bool {
			return p.HeadSHA == sha || p.BaseSHA == sha || p.MergeCommitSHA == sha || slices.Contains(p.Commits, sha)
		}) ||
		slices.ContainsFunc(r.Activity, func(a *Activity) bool { return a.Before == sha || a.After == sha }) ||
		slices.ContainsFunc(r.Deployments, func(v *Deployment) bool { return v.SHA == sha }) ||
		slices.ContainsFunc(r.Runs, func(w *WorkflowRun) bool { return w.HeadSHA == sha })
}

// commits are a pull request's, the oldest first.
func (d *Double) commits(r *Repository, p *PullRequest) []string {
	if len(p.Commits) > 0 || r.GitDir == "" {
		return p.Commits
	}
	args := []string{"rev-list", "--reverse", "--topo-order", p.HeadSHA, "^" + p.BaseSHA}
	if tip := r.Refs["refs/heads/"+p.BaseRef]; tip != "" && p.State == "open" {
		args = append(args, "^"+tip) // what was merged from the base meanwhile is not the request's
	}
	key := r.GitDir + " " + strings.Join(args, " ")
	if list, done := d.cache.ranges[key]; done {
		return list
	}
	out, err := git(r.GitDir, "", args...)
	if err != nil {
		d.failures = append(d.failures, err.Error())
		return nil
	}
	list := strings.Fields(out)
	d.cache.ranges[key] = list
	d.readCommits(r, list)
	return list
}

// files are what a pull request changes against where it left its base.
func (d *Double) files(r *Repository, p *PullRequest) []*File {
	if len(p.Files) > 0 || r.GitDir == "" {
		return p.Files
	}
	key := r.GitDir + " " + p.BaseSHA + " " + p.HeadSHA
	if list, done := d.cache.files[key]; done {
		return list
	}
	out, err := git(r.GitDir, "", "diff", "--no-ext-diff", "--no-textconv", "--raw", "--numstat", "--no-abbrev", "-z", "-M", p.BaseSHA+"..."+p.HeadSHA)
	if err != nil {
		d.failures = append(d.failures, err.Error())
		return nil
	}
	list := parseDiff(strings.Split(strings.TrimSuffix(out, "\x00"), "\x00"))
	d.cache.files[key] = list
	return list
}

// parseDiff reads git diff --raw --numstat -z: first all raw entries, then all counts.
func parseDiff(fields []string) []*File {
	names := map[byte]string{'A': "added", 'D': "removed", 'M': "modified", 'R': "renamed", 'C': "copied", 'T': "changed"}
	var list []*File
	at := 0
	next := func() string {
		if at >= len(fields) {
			return ""
		}
		at++
		return fields[at-1]
	}
	for at < len(fields) && strings.HasPrefix(fields[at], ":") {
		entry := strings.Fields(next())
		if len(entry) != 5 {
			return nil
		}
		f := &File{Status: names[entry[4][0]], SHA: entry[3]}
		if entry[4][0] == 'D' {
			f.SHA = entry[2]
		}
		if entry[4][0] == 'R' || entry[4][0] == 'C' {
			f.Previous = next()
		}
		f.Path = next()
		list = append(list, f)
	}
	for _, f := range list {
		counts := strings.SplitN(next(), "\t", 3)
		if len(counts) != 3 {
			break
		}
		f.Additions, _ = strconv.Atoi(counts[0]) // "-" for binary files
		f.Deletions, _ = strconv.Atoi(counts[1])
		if counts[2] == "" { // both names of a rename follow
			next()
			next()
		}
	}
	return list
}

// readCommit reads a commit of the bare repository, nil where there is none.
func (d *Double) readCommit(r *Repository, sha string) *Commit {
	if r.GitDir == "" {
		return nil
	}
	if d.cache.commits[sha] == nil {
		d.readCommits(r, []string{sha})
	}
	return d.cache.commits[sha]
}

// readCommits reads many at once, into the cache.
func (d *Double) readCommits(r *Repository, ids []string) {
	out, err := git(r.GitDir, strings.Join(ids, "\n")+"\n", "cat-file", "--batch")
	if err != nil {
		d.failures = append(d.failures, err.Error())
		return
	}
	for len(out) > 0 {
		line, rest, _ := strings.Cut(out, "\n")
		fields := strings.Fields(line)
		if len(fields) != 3 {
			out = rest // "… missing"
			continue
		}
		size, err := strconv.Atoi(fields[2])
		if err != nil || size+1 > len(rest) {
			return
		}
		if fields[1] == "commit" {
			d.cache.commits[fields[0]] = parseCommit(fields[0], rest[:size])
		}
		out = rest[size+1:]
	}
}

// parseCommit reads what the API shows of a raw commit. The author stands for the committer too.
func parseCommit(sha, raw string) *Commit {
	c := &Commit{SHA: sha}
	head, message, _ := strings.Cut(raw, "\n\n")
	c.Message = strings.TrimSuffix(message, "\n")
	var payload strings.Builder
	inSignature := false
	for line := range strings.Lines(head + "\n") {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		inSignature = key == "gpgsig" || key == "" && inSignature
		if inSignature {
			c.Signature += value + "\n"
			continue
		}
		payload.WriteString(line)
		switch key {
		case "tree":
			c.Tree = value
		case "parent":
			c.Parents = append(c.Parents, value)
		case "author":
			c.Name, c.Email, c.Date = parseIdent(value)
		}
	}
	if c.Signature != "" {
		// GitHub would look the key up among its users' keys; the double has none.
		c.Payload, c.Reason = payload.String()+"\n"+message, "unknown_key"
	}
	return c
}

func parseIdent(s string) (name, email string, at time.Time) {
	name, rest, _ := strings.Cut(s, " <")
	email, when, _ := strings.Cut(rest, "> ")
	seconds, _, _ := strings.Cut(when, " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return name, email, time.Time{}
	}
	return name, email, time.Unix(n, 0).UTC()
}

// mergeInGit makes GitHub's merge commit of a pull request.
func mergeInGit(r *Repository, p *PullRequest, base string, actor *User, at time.Time) (string, error) {
	out, err := git(r.GitDir, "", "merge-tree", "--write-tree", base, p.HeadSHA)
	if err != nil {
		return "", err
	}
	email := actor.Email
	orDefault(&email, fmt.Sprintf("%d+%s@users.noreply.github.com", actor.ID, actor.Login))
	raw := fmt.Sprintf("tree %s\nparent %s\nparent %s\nauthor %s <%s> %d +0000\ncommitter GitHub <noreply@github.com> %d +0000\n\nMerge pull request #%d from %s\n\n%s\n",
		strings.TrimSpace(out), base, p.HeadSHA, actor.Login, email, at.Unix(), at.Unix(), p.Number, p.HeadRef, p.Title)
	sha, err := git(r.GitDir, raw, "hash-object", "-t", "commit", "-w", "--stdin")
	return strings.TrimSpace(sha), err
}
