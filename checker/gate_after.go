package checker

import (
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// What comes into a job after its gate has let one commit through.

// commitOf is how the steps of a job name the commit that its gate let through, "" where they cannot.
func commitOf(gate *evidence.JobStep) string {
	if gate.ID == "" {
		return ""
	}
	return "steps." + strings.ToLower(gate.ID) + ".outputs.commit"
}

// getsCode looks at the code that a step brings.
func (g *gated) getsCode(gate, s *evidence.JobStep) {
	if c := s.Checkout; c != nil {
		g.checksOut(gate, s, c)
	}
	if gate.ID != "" && strings.EqualFold(s.ID, gate.ID) && !g.inAction(s) {
		g.lacks(s.At, "id", "has two steps with the id of its gate", "What "+commitOf(gate)+" is, is then not known", "Give the other step another id.")
	}
	if u := s.Uses; u != nil && g.ofThisRepository(u) {
		g.lacks(u.At, "own "+u.Text, "runs code of this repository at another commit",
			stepName(s)+" takes the action from "+inert.Word(u.Ref)+". What was let through is the commit that the gate puts out, and nothing else of this repository",
			"Check out what the gate let through, and use the action from there: `uses: ./"+inert.Word(u.Path)+"`.")
	}
	want := commitOf(gate)
	fix := "Check out with actions/checkout and `ref: ${{ " + orGate(want) + " }}`. A script may fetch and check out that commit too; to take a file back, it says git checkout -- FILE, and to look at another commit git diff --stat, or git show -s."
	for i := range s.Commands {
		if c := &s.Commands[i]; want == "" || !strings.EqualFold(c.Commit, want) {
			g.lacks(c.Ref.At, "command "+c.Ref.Text, "gets code by a script",
				inert.Word(c.Ref.Text)+" in "+stepName(s)+" gets something of a repository into the work tree, and it is not known to be the commit that was let through", fix).by(g.does(s)...)
			break
		}
	}
	g.buildsFrom(s)
	for i := range s.Fetches {
		f := &s.Fetches[i]
		if f.Kind == evidence.FetchedCode && f.Cloned && f.Repository != "" && !g.judge.isOwnRepository(f.Repository) {
			g.notPinned(f.At, "command "+f.Text, inert.Word(f.Text)+" in "+stepName(s), f.Repository)
			continue
		}
		if f.Kind == evidence.FetchedCode && (f.Repository == "" || g.judge.isOwnRepository(f.Repository)) && !slices.ContainsFunc(f.Reads, func(r string) bool { return want != "" && strings.EqualFold(r, want) }) {
			g.lacks(f.At, "command "+f.Text, "gets code by a script",
				inert.Word(f.Text)+" in "+stepName(s)+" gets files of a repository, and they are not known to be of the commit that was let through", fix).by(g.does(s)...)
			break
		}
	}
}

func orGate(commit string) string {
	if commit == "" {
		return "steps.gate.outputs.commit"
	}
	return commit
}

// inAction reports whether a step is one of an action's, not of the job's own.
func (g *gated) inAction(s *evidence.JobStep) bool {
	return s.At.File != g.job.At.File
}

// reads says which steps are not known well enough to say what they bring.
func (g *gated) reads(s *evidence.JobStep) {
	switch u := s.Uses; {
	case s.Unread:
		g.lacks(s.At, "unread "+stepName(s), "has a step that could not be read", stepName(s)+" could not be read, so that it is not known what it checks out", "Mend the step, or add the local action that it uses.")
	case u == nil:
	case u.Kind != evidence.UsesLocal && u.Kind != evidence.UsesRemote && u.Kind != evidence.UsesDocker:
		g.lacks(u.At, "unread "+u.Text, "has a step that could not be read", stepName(s)+" uses "+inert.Word(u.Text)+", and what that is cannot be told", "Write it as ./path, owner/repository@commit or docker://image.")
	case u.Kind == evidence.UsesLocal && !u.Found:
		g.lacks(u.At, "unread "+u.Text, "has a step that could not be read", stepName(s)+" uses "+inert.Word(u.Text)+", which this tree does not have. A checkout with `path` moves the actions that are there",
			"Add the local action, or check out what the gate let through without `path`, so that the action is where it stands here.")
	}
}

// checksOut holds a checkout to the commit that the gate let through.
func (g *gated) checksOut(gate, s *evidence.JobStep, c *evidence.Checkout) {
	place := c.Ref.At
	if place.Line == 0 {
		place = s.At
	}
	code := "checkout " + stepName(s)
	want := commitOf(gate)
	if g.isOther(c) {
		g.checksOutOther(s, c, c.Repository.At, code)
		return
	}
	if want == "" {
		g.lacks(gate.At, "id", "does not check out what its gate let through", "The gate has no id, so that no step can name its commit",
			"Give the gate `id: gate`, and check out with `ref: ${{ steps.gate.outputs.commit }}`.").by(g.checkedOut(c)...)
		return
	}
	fix := "Check out with actions/checkout and `ref: ${{ " + want + " }}`."
	switch {
	case !strings.EqualFold(c.Commit, want):
		what := "the commit of the event"
		if c.Ref.Text != "" {
			what = inert.Word(c.Ref.Text)
		}
		if g.inAction(s) {
			fix = "Give the action an input, check out that (`ref: ${{ inputs.commit }}`), and pass it where the action is used (`commit: ${{ " + want + " }}`): inside an action, steps are its own. Or check out in the job itself."
		}
		g.lacks(place, code, "does not check out what its gate let through",
			stepName(s)+" checks out "+what+". What was approved is the commit that the gate puts out: "+want, fix).by(g.checkedOut(c)...)
	case c.Repository.Text != "" && c.Repository.Expression != "github.repository" && !g.isOwn(c.Repository):
		g.lacks(c.Repository.At, code, "checks out a repository that is not known", stepName(s)+" checks out "+inert.Word(c.Repository.Text)+", and which one that is cannot be told before the run",
			"Write its name out. Leave `repository` out for this one; give another one a `path` of its own.").by(g.checkedOut(c)...)
	}
}

// isOther reports whether a checkout is of another repository, written out.
func (g *gated) isOther(c *evidence.Checkout) bool {
	_, name, ok := strings.Cut(strings.TrimSpace(c.Repository.Value), "/")
	return c.Repository.Known && ok && name != "" && !strings.Contains(name, "/") && !g.isOwn(c.Repository)
}

// checksOutOther holds a checkout of another repository to a folder of its own. The gate is for this
// repository's code: what is in the other one its own gates and reviews let through.
func (g *gated) checksOutOther(s *evidence.JobStep, c *evidence.Checkout, place evidence.Place, code string) {
	folder := strings.Trim(strings.TrimPrefix(strings.TrimSpace(c.Path.Value), "./"), "/")
	other := inert.Word(c.Repository.Value)
	switch {
	case !c.Path.Known || strings.Trim(folder, "./") == "" || slices.Contains(strings.Split(folder, "/"), "..") || slices.Contains(strings.Split(folder, "/"), "."):
		g.lacks(place, code, "checks out another repository in place of this one", stepName(s)+" checks out "+other+" into the work tree, of which the gate let nothing through",
			"Give it a folder of its own, written out: `path: "+inert.Word(nameOf(c.Repository.Value))+"`. The gate's commit is for this repository.").by(g.checkedOut(c)...)
	case g.usesUnder(g.c.Steps, folder):
		g.lacks(place, code, "checks out another repository over its own actions", stepName(s)+" puts "+other+" into "+inert.Word(folder)+", and a step uses an action from there: it would not be the one of this tree",
			"Give it another folder: `path: other/"+inert.Word(nameOf(c.Repository.Value))+"`.").by(g.checkedOut(c)...)
	case !isCommitID(c.Ref):
		g.notPinned(place, code, stepName(s), c.Repository.Value)
	}
}

func nameOf(repository string) string {
	_, name, _ := strings.Cut(strings.TrimSpace(repository), "/")
	return name
}

// isCommitID reports whether a ref is a full commit id, written out.
func isCommitID(ref evidence.WorkflowValue) bool {
	v := strings.ToLower(strings.TrimSpace(ref.Value))
	return ref.Known && (len(v) == 40 || len(v) == 64) && strings.Trim(v, "0123456789abcdef") == ""
}

// usesUnder reports whether a step uses a local action in a folder, or one in which the folder is.
func (g *gated) usesUnder(steps []evidence.JobStep, folder string) bool {
	return slices.ContainsFunc(steps, func(s evidence.JobStep) bool {
		if u := s.Uses; u != nil && u.Kind == evidence.UsesLocal && !u.Own {
			if strings.EqualFold(u.Path, folder) || len(u.Path) > len(folder) && strings.EqualFold(u.Path[:len(folder)+1], folder+"/") || len(folder) > len(u.Path) && u.Path != "" && strings.EqualFold(folder[:len(u.Path)+1], u.Path+"/") {
				return true
			}
		}
		return g.usesUnder(s.Steps, folder)
	})
}

// notPinned warns of another repository's code that may be other code tomorrow.
func (g *gated) notPinned(place evidence.Place, code, who, repository string) {
	n := len(g.found)
	g.lacks(place, code, "takes another repository at no fixed commit", who+" gets "+inert.Word(repository)+", whatever it is then. The gate is for this repository's code alone",
		"If what is in it should not change unseen, check it out with actions/checkout, `path`, and a full commit id as `ref`.")
	g.found[n].warn()
}

// buildsFrom holds a build to the work tree: without a context, these actions build the event's commit,
// which they get from the forge themselves.
func (g *gated) buildsFrom(s *evidence.JobStep) {
	input, v, ok := buildContext(s)
	if input == "" || ok && inTree(v) {
		return
	}
	place, what := v.At, "has no `"+input+"`, and gets the commit of the event from the forge by itself"
	if ok {
		what = "builds from " + inert.Word(v.Text) + ", which is not known to be in the work tree"
	}
	g.lacks(place, "context "+stepName(s), "builds an image of what its gate did not let through", stepName(s)+" "+what+". What was let through is what is checked out",
		"Write `"+input+": .` there, and check out what the gate let through before it.")
}

// buildContext is the input by which an action that builds images takes its source, "" for another action.
func buildContext(s *evidence.JobStep) (name string, v evidence.WorkflowValue, ok bool) {
	if s.Uses == nil || s.Uses.Kind != evidence.UsesRemote {
		return "", v, false
	}
	_, action, _ := strings.Cut(s.Uses.Repository, "/")
	switch {
	case strings.Contains(action, "build-push-action"):
		name = "context"
	case strings.Contains(action, "bake-action"):
		name = "source"
	default:
		return "", v, false
	}
	v, ok = input(s, name)
	if v.At.Line == 0 || !ok {
		v.At = s.At
	}
	return name, v, ok && strings.TrimSpace(v.Text) != ""
}

// inTree reports whether a context is plainly a folder.
func inTree(v evidence.WorkflowValue) bool {
	text := strings.TrimSpace(v.Text)
	if v.Known {
		text = strings.TrimSpace(v.Value)
	}
	if text == "." || strings.HasPrefix(text, "./") || strings.HasPrefix(text, "/") || v.Expression == "github.workspace" {
		return true
	}
	if rest, ok := strings.CutPrefix(strings.ReplaceAll(text, " ", ""), "${{github.workspace}}/"); ok && rest != "" {
		return true
	}
	return v.Known && text != "" && !strings.ContainsAny(text, ":#@{") && !strings.HasSuffix(text, ".git") && !strings.HasPrefix(text, "github.com/")
}

// binding says how what another job made hangs together with the commit that a gate let through.
type binding uint8

const (
	bindingNone  binding = iota // it is not known to
	bindingOther                // it was plainly made of something else
	bindingGate                 // it was made of that commit
)

// takes looks at what the job takes that another job, or another run, has made.
func (g *gated) takes(gate *evidence.JobStep) {
	told := map[string]bool{}
	tell := func(p evidence.Place, code, what, from string, b binding) {
		if b == bindingGate || told[code] {
			return
		}
		told[code] = true
		g.unbound(p, code, what, from, b)
	}
	outputs := func(values []evidence.WorkflowValue) {
		for i := range values {
			for _, r := range values[i].Reads {
				if need, ok := neededJob(r); ok {
					b, from := g.producer(need)
					tell(values[i].At, "output "+need, "an output of the job "+inert.Word(need)+" ("+inert.Word(r)+")", from, b)
				}
			}
		}
	}
	outputs(g.job.Env)
	outputs(g.job.Matrix)
	built := map[string]bool{} // names of images
	var look func(s *evidence.JobStep)
	look = func(s *evidence.JobStep) {
		for _, name := range s.Builds {
			built[name] = true
		}
		for i := range s.Fetches {
			f := &s.Fetches[i]
			switch f.Kind {
			case evidence.FetchedCode: // see getsCode
			case evidence.FetchedArtifact:
				if f.Repository != "" && !g.judge.isOwnRepository(f.Repository) {
					continue
				}
				b, from := g.artifact(f)
				tell(f.At, "artifact "+f.Text+" "+f.Name, "an artifact ("+inert.Word(f.Text)+")", from, b)
			case evidence.FetchedCache:
				tell(f.At, "cache", "a cache ("+inert.Word(f.Text)+")", "Any run of this branch, or of the default branch, may have filled it", bindingNone)
			case evidence.FetchedImage:
				if !built[f.Name] && !slices.ContainsFunc(f.Reads, func(r string) bool { return strings.EqualFold(r, commitOf(gate)) }) {
					tell(f.At, "image "+f.Text, "an image ("+inert.Word(f.Text)+")", "It is not named by its digest, so that it is whatever was pushed last", bindingNone)
				}
			}
		}
		for _, values := range [][]evidence.WorkflowValue{s.With, s.Env, {s.Run}, s.Around} {
			outputs(values)
		}
		for i := range s.Steps {
			look(&s.Steps[i])
		}
	}
	for i := range g.c.Steps[1:] { // the gate itself deploys nothing
		look(&g.c.Steps[i+1])
	}
}

// neededJob is the job of "needs.build.outputs.tag", "*" where it may be any.
func neededJob(read string) (string, bool) {
	parts := strings.SplitN(read, ".", 4)
	switch {
	case parts[0] != "needs":
		return "", false
	case len(parts) == 1:
		return "*", true // all of them
	default:
		return parts[1], len(parts) == 2 || strings.HasPrefix(parts[2], "outputs") || parts[2] == "*"
	}
}

// unbound says that something which is deployed was not made of the commit that was let through.
func (g *gated) unbound(p evidence.Place, code, what, from string, b binding) {
	level := g.judge.policy.Settings.Artifacts
	if level == policy.LevelOff {
		return
	}
	summary := "takes what was not made of the commit that its gate let through"
	if b == bindingNone {
		summary = "takes what may not be made of the commit that its gate let through"
	}
	fix := "Make it in this job, after the gate. Or make it in a job that needs one with this gate and checks out that one's commit: an output `commit: ${{ steps.gate.outputs.commit }}` there, and `ref: ${{ needs.<job>.outputs.commit }}`, and takes no cache. A maintainer decides what such things are: settings.artifacts."
	if code == "cache" {
		fix = "Do without it in this job: take the step away, or the input that asks for the cache (setup-go: `cache: false`). A maintainer decides what such things are: settings.artifacts."
	}
	f := g.lacks(p, "takes "+code, summary, "It takes "+what+". "+from, fix)
	f.by(from)
	if level == policy.LevelWarn && b != bindingOther {
		f.warn()
	}
}

// warn makes a flaw milder.
func (f *flaw) warn() { f.Effect = verdict.Warn }

// siblings are the jobs that another name of this one's file stands for: itself, or those of the workflow
// that it calls.
func (g *gated) siblings(id string) []*evidence.WorkflowJob {
	prefix := ""
	if i := strings.LastIndexByte(g.job.ID, '/'); i >= 0 {
		prefix = g.job.ID[:i+1]
	}
	id = prefix + id
	var all []*evidence.WorkflowJob
	for i := range g.all.Jobs {
		job := &g.all.Jobs[i]
		if job.File == g.job.File && (strings.EqualFold(job.ID, id) || len(job.ID) > len(id) && strings.EqualFold(job.ID[:len(id)+1], id+"/")) {
			all = append(all, job)
		}
	}
	return all
}

// artifact says who stored what a step downloads.
func (g *gated) artifact(f *evidence.Fetched) (binding, string) {
	if f.Elsewhere {
		return bindingNone, "It is of another run, or of a release, and what that made it of is not known"
	}
	found := false
	worst, from := bindingGate, ""
	for i := range g.all.Jobs {
		job := &g.all.Jobs[i]
		if job.File != g.job.File || !stores(job, f.Name) {
			continue
		}
		found = true
		if job.ID == g.job.ID {
			continue
		}
		if b, text := g.made(job); worse(b, worst) {
			worst, from = b, text
		}
	}
	if !found {
		return bindingNone, "No job of this workflow stores it"
	}
	return worst, from
}

// producer says what a job that this one needs was made of.
func (g *gated) producer(need string) (binding, string) {
	jobs := g.siblings(need)
	if len(jobs) == 0 {
		return bindingNone, "What that job does is not known"
	}
	worst, from := bindingGate, ""
	for _, job := range jobs {
		if b, text := g.made(job); worse(b, worst) {
			worst, from = b, text
		}
	}
	return worst, from
}

// worse orders bindings: plainly another commit, one that is not known, the gate's.
func worse(a, b binding) bool {
	rank := map[binding]int{bindingOther: 0, bindingNone: 1, bindingGate: 2}
	return rank[a] < rank[b]
}

// stores reports whether a job stores an artifact of a name; "" is any.
func stores(job *evidence.WorkflowJob, name string) bool {
	var some func([]evidence.JobStep) bool
	some = func(steps []evidence.JobStep) bool {
		return slices.ContainsFunc(steps, func(s evidence.JobStep) bool {
			if s.Uses != nil && strings.Contains(s.Uses.Repository, "upload") && strings.Contains(s.Uses.Repository, "artifact") {
				v, ok := input(&s, "name")
				usual := "artifact"
				if strings.Contains(s.Uses.Repository, "pages") {
					usual = "github-pages"
				}
				if name == "" || !ok && name == usual || ok && (!v.Known || v.Value == name) {
					return true
				}
			}
			return some(s.Steps)
		})
	}
	for i := range job.Cases {
		if some(job.Cases[i].Steps) {
			return true
		}
	}
	return false
}

// made says what a job makes things of: all the code that it gets.
func (g *gated) made(job *evidence.WorkflowJob) (binding, string) {
	if job.Callee != nil || len(job.Cases) == 0 || job.TooManyCases {
		return bindingNone, "What " + jobName(job) + " does is not known"
	}
	worst, from := bindingGate, ""
	take := func(b binding, text string) {
		if worse(b, worst) {
			worst, from = b, text
		}
	}
	checkouts := 0
	var look func(job *evidence.WorkflowJob, gate string, steps []evidence.JobStep)
	look = func(job *evidence.WorkflowJob, gate string, steps []evidence.JobStep) {
		for i := range steps {
			s := &steps[i]
			if s.If.OnSuccess == evidence.No && s.If.AfterFailure == evidence.No {
				continue
			}
			if c := s.Checkout; c != nil {
				checkouts++
				take(g.madeOf(job, gate, s, c))
			}
			for k := range s.Commands {
				checkouts++
				if c := &s.Commands[k]; !g.isBound(job, gate, c.Commit) {
					b := bindingNone
					if plainlyOther(c.Ref.Text) {
						b = bindingOther
					}
					take(b, jobName(job)+" gets code by "+inert.Word(c.Ref.Text))
				}
			}
			if input, v, ok := buildContext(s); input != "" && (!ok || !inTree(v)) {
				take(bindingNone, jobName(job)+" builds an image of what it did not check out ("+stepName(s)+")")
			}
			for k := range s.Fetches {
				f := &s.Fetches[k]
				other := f.Repository != "" && !g.judge.isOwnRepository(f.Repository)
				switch {
				case f.Kind == evidence.FetchedImage, other && f.Kind == evidence.FetchedCode && !f.Cloned, other && f.Kind == evidence.FetchedArtifact:
				case f.Kind == evidence.FetchedCache:
					take(bindingNone, jobName(job)+" itself takes a cache ("+inert.Word(f.Text)+"), which any run may have filled: build there without one")
				default:
					take(bindingNone, jobName(job)+" itself takes "+inert.Word(f.Text))
				}
			}
			look(job, gate, s.Steps)
		}
	}
	for i := range job.Cases {
		look(job, g.ownGate(&job.Cases[i]), job.Cases[i].Steps)
	}
	if checkouts == 0 && worst == bindingGate {
		return bindingNone, jobName(job) + " checks nothing out, so that it is not known what it was made of"
	}
	return worst, from
}

// plainlyOther reports whether a command checks out a branch that is written in it.
func plainlyOther(command string) bool {
	words := strings.Fields(command)
	last := words[len(words)-1]
	return !strings.Contains(command, "$") && strings.Contains(last, "/") && !strings.Contains(last, ".") &&
		slices.ContainsFunc(words, func(w string) bool { return w == "checkout" || w == "switch" || w == "reset" })
}

// ownGate is how the steps of a case name the commit of its own gate, if that is for this environment;
// "" where it has none.
func (g *gated) ownGate(c *evidence.JobCase) string {
	if len(c.Steps) == 0 {
		return ""
	}
	first := &c.Steps[0]
	v, ok := input(first, "environment")
	mode, _ := input(first, "mode")
	if !g.isGate(first) || !ok || !v.Known || g.judge.policy.Environment(strings.TrimSpace(v.Value)) != g.env || mode.Value != "deploy" {
		return ""
	}
	return commitOf(first)
}

// isBound reports whether an expression in a job is the commit that a gate for this environment let
// through: the job's own, or one of a job that it needs.
func (g *gated) isBound(job *evidence.WorkflowJob, gate, commit string) bool {
	if commit == "" {
		return false
	}
	if gate != "" && strings.EqualFold(commit, gate) {
		return true
	}
	need, ok := neededJob(commit)
	if !ok || !slices.ContainsFunc(job.Needs, func(n string) bool { return strings.EqualFold(n, need) }) {
		return false
	}
	output := strings.TrimPrefix(commit, "needs."+need+".outputs.")
	beside := gated{judge: g.judge, all: g.all, job: job}
	all := beside.siblings(need)
	for _, other := range all {
		if !strings.EqualFold(other.ID, job.ID[:strings.LastIndexByte(job.ID, '/')+1]+need) || len(other.Cases) == 0 {
			return false
		}
		for i := range other.Cases {
			own := g.ownGate(&other.Cases[i])
			if own == "" || !slices.ContainsFunc(other.Outputs, func(v evidence.WorkflowValue) bool {
				return strings.EqualFold(v.Name, output) && strings.EqualFold(v.Expression, own)
			}) {
				return false
			}
		}
	}
	return len(all) > 0
}

// madeOf says what a checkout of another job brings.
func (g *gated) madeOf(job *evidence.WorkflowJob, gate string, s *evidence.JobStep, c *evidence.Checkout) (binding, string) {
	switch {
	case g.isOther(c) && isCommitID(c.Ref):
		return bindingGate, "" // the same in every run
	case c.Repository.Text != "" && c.Repository.Expression != "github.repository" && !g.isOwn(c.Repository):
		return bindingNone, jobName(job) + " checks out " + inert.Word(c.Repository.Text) + " as well"
	case g.isBound(job, gate, c.Commit):
		return bindingGate, ""
	case c.Ref.Known && strings.TrimSpace(c.Ref.Value) != "":
		return bindingOther, jobName(job) + " makes it of " + inert.Word(c.Ref.Value) + " (" + stepName(s) + "), whatever the gate lets through"
	case c.Ref.Text != "":
		return bindingNone, jobName(job) + " makes it of " + inert.Word(c.Ref.Text) + ", which is not known to be that commit"
	default:
		return bindingNone, jobName(job) + " makes it of the commit of the event, which may be another one"
	}
}
