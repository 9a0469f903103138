package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
)

// This file refuses selectors that no act can meet. A rule with one reads like a wall and is none, so it
// is an error with what to write instead; what is only probably a mistake is a warning.

// dimension says by which dimensions of a selector acts of a kind can be told apart. The checker goes by
// the same: docs/policy.md has the table.
type dimension struct{ branches, paths, environments bool }

// dimensionsOf lists the dimensions of a kind of act. Environments of acts that change files are those
// whose paths they change.
func dimensionsOf(a names.Action) dimension {
	switch a {
	case names.Commit, names.PullRequest, names.Push, names.Deploy:
		return dimension{branches: true, paths: true, environments: true}
	case names.Delete:
		return dimension{branches: true, environments: true}
	case names.Rotate, names.Secret:
		return dimension{environments: true}
	default: // tag
		return dimension{branches: true}
	}
}

// changesFiles reports whether acts of a kind are on an environment by the files that they change.
func changesFiles(a names.Action) bool {
	return a == names.Commit || a == names.PullRequest || a == names.Push
}

// refs reads patterns of refs.
func (d *decoder) refs(x expr) []pattern.Pattern {
	list, at := d.patternsAt(x, pattern.ParseRef)
	for i, p := range list {
		switch why, instead, certain := badRef(p); {
		case why == "":
		case certain:
			d.errorf(at[i], "Matches no ref", "%s %s. Write %s.", inert.Quote(p.String()), why, instead)
		default:
			d.warnf(at[i], "Hardly a branch", "%s %s. If that is not meant, write %s.", inert.Quote(p.String()), why, instead)
		}
	}
	return list
}

// branches reads patterns of branches alone.
func (d *decoder) branches(x expr) []pattern.Pattern {
	before := d.errs
	list := d.refs(x)
	for _, p := range list {
		if d.errs == before && p.Disjoint(fixedRef("refs/heads/**")) {
			d.errorf(x.Range(), "Matches no branch", "%s names no branch, and only branches are meant here. Write %s.", inert.Quote(p.String()), inert.Quote("main"))
		}
	}
	return list
}

// fixedRef is a pattern that is known to be valid.
func fixedRef(s string) pattern.Pattern {
	p, _ := pattern.ParseRef(s)
	return p
}

// badRef says why no ref, or hardly any, has a name of a pattern, and what to write instead; why is "" for
// a good one.
func badRef(p pattern.Pattern) (why, instead string, certain bool) {
	text := p.String()
	full, short, whole := text, text, strings.HasPrefix(text, "refs/")
	if whole {
		short = text[strings.LastIndexByte(text, '/')+1:]
	} else {
		full = "refs/heads/" + text
	}
	first, rest, deeper := strings.Cut(text, "/")
	switch {
	case short == "HEAD" && !deeper, text == "refs/heads/HEAD":
		return "is what is checked out, and the name of no branch", "the branch's own name, such as \"main\"", true
	case whole && fixedRef("refs/remotes/**").Covers(p):
		return "is what a clone remembers of another repository, and nobody pushes there", inert.Quote(cmp.Or(afterRemote(strings.TrimPrefix(text, "refs/remotes/")), "main")), true
	case whole && fixedRef("refs/remit/**").Covers(p):
		return "is where delegations are published: they carry no authority of their own, and no rule is asked about them", "the branches that are meant, such as \"agent/**\"", true
	case first == "origin" && deeper:
		return "would be a branch called " + full + ": a clone calls so what it remembers of " + inert.Quote(rest), inert.Quote(rest), true
	case whole && p.Disjoint(fixedRef("refs/*/**")):
		return "is shorter than any full name of a ref", inert.Quote(strings.TrimSuffix(strings.TrimSuffix(text, "/*"), "/") + "/**"), true
	}
	if why := badRefName(full); why != "" {
		return why, "the name as git has it, such as \"main\" or \"refs/tags/v*\"", true
	}
	switch {
	case !deeper || whole:
	case first == "heads", first == "tags":
		return "is the branch " + full, inert.Quote("refs/" + text), false
	case first == "remotes" || first == "upstream":
		return "is the branch " + full, inert.Quote(cmp.Or(afterRemote(rest), rest)), false
	}
	return "", "", false
}

// badRefName says why git lets no ref have a name with some segment of a pattern, "" where it may.
func badRefName(full string) string {
	for part := range strings.SplitSeq(full, "/") {
		switch {
		case strings.HasPrefix(part, "."), strings.HasSuffix(part, ".lock"), strings.HasSuffix(part, "."):
			return "has the part " + inert.Quote(part) + ", and git lets no part of a ref's name begin with a dot or end in one or in .lock"
		case strings.Contains(part, ".."), strings.Contains(part, "@{"):
			return "has .. or @{ in it, which git lets no ref's name have"
		}
	}
	return ""
}

// afterRemote is a branch without the name of the remote before it.
func afterRemote(s string) string {
	_, branch, _ := strings.Cut(s, "/")
	return branch
}

// pathList reads patterns of paths.
func (d *decoder) pathList(x expr) []pattern.Pattern {
	list, at := d.patternsAt(x, pattern.ParsePath)
	for i, p := range list {
		d.places[pathsKey] = append(d.places[pathsKey], at[i])
		d.pathTexts = append(d.pathTexts, p.String())
		if why := deniedPath(p.String()); why != "" {
			d.warnf(at[i], "No such file", "%s %s: no agent gets through with such a file, whatever is written here (path-unsafe). Take the pattern out, or write the file that is meant.", inert.Quote(p.String()), why)
		}
		if rest, not := strings.CutPrefix(p.String(), "!"); not {
			d.warnf(at[i], "Not a negation", "%s matches a file whose name begins with an exclamation mark. No pattern takes files out: list what is meant, without %s.", inert.Quote(p.String()), inert.Quote(rest))
		}
	}
	return list
}

// deniedPath says why no commit of an agent gets through with a path of a pattern, "" where one may.
func deniedPath(text string) string {
	for part := range strings.SplitSeq(text, "/") {
		switch name := strings.ToLower(strings.TrimRight(part, ". ")); {
		case name == ".git", name == "git~1":
			return "is inside of git's own directory, and no commit has files there"
		case strings.HasSuffix(part, "."), strings.HasSuffix(part, " "):
			return "has a name that ends in a dot or space, which Windows drops"
		}
	}
	return ""
}

// pathsKey is under which the places of all patterns of paths are kept: no principal has that name.
const pathsKey = names.Principal("paths")

// folders are names that no repository gives to a file.
func folders() []string {
	return []string{
		".github", ".gitlab", ".circleci", ".forgejo", ".gitea", ".husky", ".vscode", ".idea", ".devcontainer", ".buildkite",
		".woodpecker", ".cargo", ".terraform", "node_modules",
	}
}

// plainFiles are names of files that look like those of folders.
func plainFiles() []string {
	return []string{
		"makefile", "dockerfile", "containerfile", "justfile", "rakefile", "gemfile", "procfile", "vagrantfile", "jenkinsfile", "brewfile",
		"license", "readme", "codeowners", "gradlew", "mvnw", "configure", "changelog", "notice", "authors", "version",
	}
}

// foldersNamed looks for patterns that name a folder: such a one matches a file of that name, and
// nothing that is inside.
func (d *decoder) foldersNamed() {
	inside := map[string]bool{} // what other patterns take for a folder
	for _, text := range d.pathTexts {
		for i, c := range text {
			if c == '/' {
				inside[text[:i]] = true
			}
		}
	}
	for i, text := range d.pathTexts {
		at := d.places[pathsKey][i]
		known, perhaps := folder(text)
		switch {
		case known, inside[text] && !strings.ContainsAny(text, "*?["):
			d.errorf(at, "Names a folder", "%s is a folder, and as a pattern it matches only a file of that name. Write %s for what is inside.", inert.Quote(text), inert.Quote(text+"/**"))
		case perhaps:
			d.warnf(at, "Perhaps a folder", "%s matches only a file of that name. If it is a folder, write %s for what is inside.", inert.Quote(text), inert.Quote(text+"/**"))
		}
	}
}

// folder reports whether a path, as a pattern, names a folder, or perhaps does.
func folder(text string) (known, perhaps bool) {
	last := text[strings.LastIndexByte(text, '/')+1:]
	if slices.Contains(folders(), last) || text == ".github/workflows" || text == ".github/actions" {
		return true, true
	}
	plain := !strings.ContainsAny(last, "*?[.")
	return false, plain && last == text && last == strings.ToLower(last) && !slices.Contains(plainFiles(), last)
}

// NamesFolder reports whether a pattern of paths probably names a folder: such a one matches a file of that name,
// and nothing that is inside.
func NamesFolder(p pattern.Pattern) bool {
	_, perhaps := folder(p.String())
	return perhaps
}

// rule is what a grant, forbid or gate selects by, and where its attributes stand.
type rule struct {
	kind, name   string
	at           hcl.Range
	actions      []names.Action // nil: all
	branches     []pattern.Pattern
	paths        []pattern.Pattern
	environments []pattern.Pattern
	when         *Condition
	restricts    bool // a forbid or a gate
}

// place is where an attribute of the rule stands, else the rule.
func (d *decoder) place(of any, attribute string, r *rule) hcl.Range {
	if a, ok := d.written[of][attribute]; ok {
		return a.Expr.Range()
	}
	return r.at
}

// selectors looks for those of the whole policy that no act can meet.
func (d *decoder) selectors() {
	for _, g := range d.policy.Grants {
		r := rule{"grant", g.Name, d.on(g.Position), g.Actions, g.Branches, g.Paths, g.Environments, g.When, false}
		d.unmet(g, &r)
		d.unlimited(g, &r)
		d.unshared(g, &r)
	}
	for _, f := range d.policy.Forbids {
		r := rule{"forbid", f.Name, d.on(f.Position), f.Actions, f.Branches, f.Paths, f.Environments, f.When, true}
		d.unmet(f, &r)
		d.unasked(f, &r)
	}
	d.protecting()
	for _, g := range d.policy.Gates {
		r := rule{"gate", g.Name, d.on(g.Position), g.Actions, g.Branches, g.Paths, g.Environments, g.When, true}
		d.unmet(g, &r)
	}
}

// unmet looks for what of one rule no act can meet.
func (d *decoder) unmet(of any, r *rule) {
	d.never(of, r)
	listed := r.actions
	if listed == nil && r.restricts {
		listed = names.Actions()
	}
	dead := 0 // patterns that no act of the rule can meet
	for _, p := range r.branches {
		if len(listed) > 0 && !slices.ContainsFunc(listed, func(a names.Action) bool { return d.refMeets(r, a, p) }) {
			d.errorf(d.place(of, "branches", r), "Matches no act", "No act that the %s %s is about is ever at %s: %s.", r.kind, inert.Quote(r.name), inert.Quote(p.String()), d.whereActs(r, listed, p))
			dead++
		}
	}
	if !r.restricts {
		return
	}
	for _, a := range r.actions { // one that is listed, and that another dimension leaves out for good
		own := fmt.Sprintf("Take %s out of its actions, or write a rule of its own for %s", a, a)
		has := dimensionsOf(a)
		switch {
		case r.paths != nil && !has.paths:
			d.errorf(d.place(of, "paths", r), "Matches no act", "The %s %s is never about the action %s: that changes no files, and the rule names paths. %s without paths.", r.kind, inert.Quote(r.name), a, own)
		case r.environments != nil && !has.environments:
			d.errorf(d.place(of, "environments", r), "Matches no act", "The %s %s is never about the action %s: that is on no environment. %s without environments.", r.kind, inert.Quote(r.name), a, own)
		case r.environments != nil && changesFiles(a) && len(d.policy.Environments) > 0 && !d.anyPaths(r.environments):
			d.errorf(d.place(of, "environments", r), "Matches no act", "The %s %s is never about the action %s: an act is on an environment by the files that make it up, and none of these says which. Add paths to the environment block, such as paths = [\"deploy/production/**\"], or name paths here instead.",
				r.kind, inert.Quote(r.name), a)
		case dead < len(r.branches) && !slices.ContainsFunc(r.branches, func(p pattern.Pattern) bool { return d.refMeets(r, a, p) }):
			d.errorf(d.place(of, "branches", r), "Matches no act", "The %s %s is never about the action %s: %s. %s.", r.kind, inert.Quote(r.name), a, d.whereActs(r, []names.Action{a}, r.branches[0]), own)
		}
	}
}

// unlimited looks for a dimension of a grant that reads as a limit and is none.
func (d *decoder) unlimited(g *Grant, r *rule) {
	only := func(actions ...names.Action) bool {
		return len(g.Actions) > 0 && !slices.ContainsFunc(g.Actions, func(a names.Action) bool { return !slices.Contains(actions, a) })
	}
	if len(g.Paths) > 0 && only(names.Tag, names.Delete, names.Deploy, names.Secret, names.Rotate) {
		d.errorf(d.place(g, "paths", r), "Limits nothing", "The grant %s to %s is not limited by paths: they say which files a commit or a pull request may change, and a push to a long-lived branch. Leave them out, and write a forbid or a gate with these actions and the paths that are not meant.",
			inert.Quote(g.Name), names.List(g.Actions, "and"))
	}
	if len(g.Branches) > 0 && only(names.Secret, names.Rotate) {
		d.errorf(d.place(g, "branches", r), "Limits nothing", "The grant %s to %s is not limited by branches: a secret is asked for, and rotated, in an environment, and at no ref. Leave them out, and name environments.", inert.Quote(g.Name), names.List(g.Actions, "and"))
	}
	if len(g.Environments) > 0 && only(names.Tag) {
		d.errorf(d.place(g, "environments", r), "Limits nothing", "The grant %s to %s is not limited by environments. Leave them out, and name branches.", inert.Quote(g.Name), names.List(g.Actions, "and"))
	}
	if g.Alone && only(names.Commit, names.Tag, names.PullRequest, names.Push, names.Secret) {
		d.warnf(d.place(g, "alone", r), "Says nothing", "The grant %s says alone = true, which is about deploy, delete and rotate, and it grants none of these.", inert.Quote(g.Name))
	}
	if len(g.Modes) > 0 && !only(names.Commit, names.PullRequest) && only(names.Tag, names.Delete, names.Deploy, names.Secret, names.Rotate) {
		d.warnf(d.place(g, "modes", r), "Says nothing", "The grant %s names modes, which are about files that a commit adds, and it grants no commit.", inert.Quote(g.Name))
	}
}

// anyPaths reports whether an environment that the patterns match says which files make it up.
func (d *decoder) anyPaths(environments []pattern.Pattern) bool {
	return slices.ContainsFunc(d.policy.Environments, func(e *Environment) bool {
		return len(e.Paths) > 0 && pattern.Any(environments, e.Name)
	})
}

// refMeets reports whether an act of a kind can be at a ref of a pattern.
func (d *decoder) refMeets(r *rule, a names.Action, p pattern.Pattern) bool {
	switch a {
	case names.Tag:
		return !p.Disjoint(fixedRef("refs/tags/**"))
	case names.PullRequest:
		return !p.Disjoint(fixedRef("refs/heads/**"))
	case names.Rotate, names.Secret: // of a grant for these and others the others go by branches
		return !r.restricts
	case names.Deploy:
		if len(d.policy.Environments) == 0 {
			return true
		}
		return slices.ContainsFunc(d.deployableFrom(r), func(from pattern.Pattern) bool { return !p.Disjoint(from) })
	default:
		return true
	}
}

// deployableFrom lists from which refs the environments of a rule are deployed.
func (d *decoder) deployableFrom(r *rule) []pattern.Pattern {
	var from []pattern.Pattern
	for _, e := range d.policy.Environments {
		if r.environments != nil && !pattern.Any(r.environments, e.Name) {
			continue
		}
		if len(e.DeployFrom) == 0 { // the default branch, whatever it is called
			from = append(from, fixedRef("refs/heads/**"))
		}
		from = append(from, e.DeployFrom...)
	}
	return from
}

// whereActs says at which refs the acts of a rule are, and what to write instead of a pattern.
func (d *decoder) whereActs(r *rule, actions []names.Action, p pattern.Pattern) string {
	const atNoRef = " in an environment, and at no ref: leave branches out"
	short := strings.TrimPrefix(strings.TrimPrefix(p.String(), "refs/heads/"), "refs/tags/")
	var texts []string
	for _, a := range actions {
		switch a {
		case names.Commit, names.Push, names.Delete: // at any ref, and so at one that is written
		case names.Tag:
			texts = append(texts, fmt.Sprintf("a tag is at refs/tags/…: write %s", inert.Quote("refs/tags/"+short)))
		case names.PullRequest:
			texts = append(texts, fmt.Sprintf("a pull request is at the branch that it is for: write that, such as %s", inert.Quote("main")))
		case names.Rotate:
			texts = append(texts, "a secret is rotated"+atNoRef)
		case names.Secret:
			texts = append(texts, "a secret is asked for"+atNoRef)
		case names.Deploy:
			from := d.deployableFrom(r)
			if len(from) == 0 {
				texts = append(texts, "no environment is deployed by it")
				continue
			}
			texts = append(texts, "a deploy is from the refs of deploy_from, here "+written(from)+": write one of these")
		}
	}
	return strings.Join(texts, "; ")
}

// deployFrom checks the refs that an environment is deployed from.
func (d *decoder) deployFrom(x expr) []pattern.Pattern {
	list := d.refs(x)
	for _, p := range list {
		if fixedRef("refs/tags/remit/**").Covers(p) {
			d.errorf(x.Range(), "Matches no ref", "Nothing is deployed from %s: below refs/tags/remit are the gate's own marks. Name branches, or tags of releases such as \"refs/tags/v*\".", inert.Quote(p.String()))
		}
	}
	return list
}

// unshared looks for secrets of a grant that no pattern of shared_secrets can be of.
func (d *decoder) unshared(g *Grant, r *rule) {
	if !slices.Contains(g.Actions, names.Secret) {
		return // a warning says that they count for nothing
	}
	for _, p := range g.Secrets {
		if slices.ContainsFunc(d.policy.Workflows.SharedSecrets, func(q pattern.Pattern) bool { return !p.Disjoint(q) }) {
			continue
		}
		instead := "Add it to shared_secrets of the workflows block, if any job may use it"
		for _, e := range d.policy.Environments {
			if slices.ContainsFunc(e.Secrets, func(q pattern.Pattern) bool { return !p.Disjoint(q) }) {
				instead = fmt.Sprintf("Write environments = [%s], which covers the secrets of that environment", inert.Quote(e.Name))
				break
			}
		}
		d.errorf(d.place(g, "secrets", r), "Matches no secret", "The secrets of the grant %s are shared ones, and no pattern of shared_secrets is of %s: there are %s. %s.",
			inert.Quote(g.Name), inert.Quote(p.String()), written(d.policy.Workflows.SharedSecrets), instead)
	}
}

// unasked looks for a forbid of deploys that no job of the forge asks about: only gates make jobs ask.
func (d *decoder) unasked(f *Forbid, r *rule) {
	if !slices.Contains(f.Actions, names.Deploy) {
		return
	}
	var open []string
	all := 0
	for _, e := range d.policy.Environments {
		if f.Environments != nil && !pattern.Any(f.Environments, e.Name) {
			continue
		}
		if all++; !d.policy.gated(e) {
			open = append(open, inert.Quote(e.Name))
		}
	}
	if len(open) == 0 || f.Environments == nil && len(open) < all {
		return
	}
	at := "actions"
	if f.Environments != nil {
		at = "environments"
	}
	d.warnf(d.place(f, at, r), "Asked by nobody", "The forbid %s is about deploys to %s, and no gate is: without one no job there has to ask, so that on the forge nobody is told of the forbid. Add a gate block with actions = [\"deploy\"] and environments = [%s].",
		inert.Quote(f.Name), names.List(open, "and"), strings.Join(open, ", "))
}

// gated reports whether a gate makes the jobs of an environment ask before they deploy.
func (p *Policy) gated(e *Environment) bool {
	return slices.ContainsFunc(p.Gates, func(g *Gate) bool {
		deploys := slices.Contains(g.Actions, names.Deploy)
		return (g.Actions == nil || deploys) && (pattern.Any(g.Environments, e.Name) || g.Environments == nil && deploys)
	})
}

// protecting warns where a policy judges workflows, and lets agents change them unseen.
func (d *decoder) protecting() {
	p := d.policy
	list, given := d.written[&p.Settings]["protected"]
	if !given || len(p.Environments) == 0 && p.Workflows.Position == (Position{}) {
		return
	}
	for _, file := range d.fixed(".github/workflows/*.yml", ".github/workflows/*.yaml") {
		if !slices.ContainsFunc(p.Settings.Protected, func(q pattern.Pattern) bool { return q.Covers(file) }) {
			d.warnf(list.Expr.Range(), "Workflows not protected", "The policy says what workflows may do, and this list leaves out %s: an agent that may change them needs no human for it. Add %s.", inert.Quote(file.String()), inert.Quote(".github/**"))
			return
		}
	}
}

// secretNames reads patterns of names of secrets.
func (d *decoder) secretNames(x expr) []pattern.Pattern {
	list, at := d.patternsAt(x, pattern.ParseName)
	for i, p := range list {
		if why, instead := badSecretName(p); why != "" {
			d.errorf(at[i], "Matches no secret", "%s %s, and no secret has such a name. Write %s.", inert.Quote(p.String()), why, instead)
		}
	}
	return list
}

// badSecretName says why no forge lets a secret have a name of a pattern, and what to write instead; why
// is "" for a good one.
func badSecretName(p pattern.Pattern) (why, instead string) {
	text, class := p.String(), false
	plain := strings.Map(func(r rune) rune {
		switch {
		case r == '[':
			class = true
		case r == ']':
			class = false
		case class, r == '*', r == '?', r == '_', r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		default:
			return '_'
		}
		return r
	}, text)
	begin, _ := pattern.ParseName("[A-Z_]*")
	own, _ := pattern.ParseName("GITHUB_*")
	switch rest, reference := strings.CutPrefix(strings.ToLower(text), "secrets."); {
	case reference:
		return "is how a workflow refers to it", inert.Quote(text[len(text)-len(rest):])
	case plain != text:
		return "has other characters than letters, digits and _", inert.Quote(plain)
	case p.Disjoint(begin):
		return "begins with neither a letter nor _", "the name as the forge has it, such as \"PROD_*\""
	case own.Covers(p) && !p.Match("GITHUB_TOKEN"):
		return "begins with GITHUB_, which the forge keeps for itself", "the name as the forge has it, such as \"PROD_*\""
	}
	return "", ""
}

// Waivable lists the ids of the rules that a waiver can let pass: those about what workflow files do.
func Waivable() []string {
	return []string{
		"deploy-ungated", "environment-dynamic", "environment-undeclared", "permissions-widened", "secret-cross-environment",
		"secret-dynamic", "secret-inherited", "secret-undeclared", "trigger-unsafe", "workflow-unjudged",
	}
}

// checkWaived wants the id of a rule that a waiver can let pass.
func checkWaived(s string) error {
	if slices.Contains(Waivable(), s) {
		return nil
	}
	return fmt.Errorf("%s is no rule that can be waived: only those about workflow files can, %s.%s", inert.Quote(s), either(Waivable()), didYouMean(s, Waivable()))
}

// checkWaivedFile wants a file that rules about workflows find something in: a workflow, or an action of
// the repository itself.
func checkWaivedFile(s string) error {
	if err := checkPath(s); err != nil {
		return err
	}
	dir, name := "", s
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		dir, name = s[:i], s[i+1:]
	}
	if name == "action.yml" || name == "action.yaml" || dir == workflowFolder && (strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".yaml")) {
		return nil
	}
	if i := strings.LastIndexByte(name, '.'); i > 0 && s != workflowFolder {
		name = name[:i]
	} else {
		name = "release"
	}
	return fmt.Errorf("%s is no workflow: the forge reads those of %s that end in .yml or .yaml, none in folders below, and actions from files called action.yml. Write it as %s",
		inert.Quote(s), workflowFolder, inert.Quote(workflowFolder+"/"+name+".yml"))
}

// workflowFolder is where a forge finds workflows, in this case alone.
const workflowFolder = ".github/workflows"

// Ended warns of what no longer counts at a point in time: waivers that are over.
func (p *Policy) Ended(at time.Time) Diagnostics {
	var found Diagnostics
	for i := range p.Workflows.Allow {
		if w := &p.Workflows.Allow[i]; !at.Before(w.Until) {
			found = append(found, Diagnostic{
				Severity: SeverityWarning, Summary: "Waiver is over", Position: w.until, Start: w.from, End: w.to,
				Detail: fmt.Sprintf("It let %s pass for %s until %s, and lets nothing pass any more. Mend the workflow and take the waiver out, or give it a later date.", w.Rule, w.File, w.Until.Format(time.RFC3339)),
			})
		}
	}
	return found
}
