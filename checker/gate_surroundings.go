package checker

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/policy"
)

// What surrounds a gate: whatever is there before its step runs, and could change what the step does.

// harmlessVariables are those that no program of the gate looks at. There are too many that some program
// does look at (a shell, git, the C library, a TLS library) to list those: a new one would be missed.
func harmlessVariables() []string {
	return []string{
		"APP", "AWS_DEFAULT_REGION", "AWS_REGION", "CI", "CLICOLOR", "CLICOLOR_FORCE", "CLUSTER", "CLUSTER_NAME", "COMPONENT",
		"ENVIRONMENT", "ENVIRONMENT_NAME", "FORCE_COLOR", "GCP_PROJECT", "GCP_PROJECT_ID", "GCP_REGION",
		"GO_VERSION", "IMAGE", "JAVA_VERSION", "NAMESPACE", "NODE_ENV", "NODE_VERSION", "NO_COLOR",
		"PROJECT", "PROJECT_ID", "PROJECT_NAME", "PYTHON_VERSION", "REGION", "REGISTRY", "RELEASE", "REPLICAS", "REPOSITORY", "RUBY_VERSION", "RUST_VERSION",
		"SERVICE", "SERVICE_NAME", "STACK", "STAGE", "TAG", "TARGET", "TERRAFORM_VERSION", "TF_VERSION", "VERSION", "ZONE",
	}
}

// isHarmless reports whether a variable is one of those, or has a beginning that only deploys give them.
func isHarmless(name string) bool {
	if slices.Contains(harmlessVariables(), name) {
		return true
	}
	return strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" && slices.ContainsFunc(harmlessPrefixes(), func(p string) bool { return strings.HasPrefix(name, p) })
}

func harmlessPrefixes() []string { return []string{"APP_", "DEPLOY_", "IMAGE_", "TF_VAR_"} }

// variables holds what the gate's step sees to names that change nothing of it.
func (g *gated) variables(s *evidence.JobStep) {
	for _, vars := range [][]evidence.WorkflowValue{g.job.Env, s.Env} {
		for _, v := range vars {
			name := strings.ToUpper(strings.TrimSpace(v.Name))
			switch {
			case v.Name == "" || strings.Contains(v.Name, "${{"):
				g.lacks(v.At, "env computed", "sets variables for its gate that are not known before the run",
					"The names of "+inert.Word(v.Name+" "+v.Text)+" come from an expression, and a variable of the right name changes what the gate's own programs do",
					"Write the names out, and set the variables in the steps that need them, after the gate.").by(append(g.values(v), v.Name)...)
			case isHarmless(name):
			default:
				g.lacks(v.At, "env "+name, "sets "+inert.Word(v.Name)+" for its gate",
					"Every step sees it, the gate's own programs too, and it is none of the names of which it is known that they change nothing there",
					"Set it in the steps that need it, after the gate. docs/environments.md lists the names that may stay.").by(g.values(v)...)
			}
		}
	}
}

// mounts denies services that get something of the runner, where the gate runs.
func (g *gated) mounts() {
	for _, m := range g.job.Mounts {
		g.lacks(m.At, "mount "+m.Name, "gives a service a part of the runner",
			"The service's "+inert.Word(m.Name)+" is "+inert.Word(m.Text)+". It is started before the gate, and with the runner's folders, its container engine or options that are not known it can change what the gate does",
			"Start it in a step after the gate (`docker run`), or leave the setting out. Volumes with a name, and options for health, size and names, may stay.").by(append(g.values(m), g.values(g.job.ServicesText)...)...)
	}
}

// pinned holds the gate to a commit that somebody looked at. A branch and a tag can be moved to any other.
func (g *gated) pinned(s *evidence.JobStep) {
	if s.Uses.Kind != evidence.UsesRemote {
		return
	}
	commits := g.judge.policy.Workflows.GateCommits
	switch ref := strings.ToLower(s.Uses.Ref); {
	case !s.Uses.Pinned:
		g.lacks(s.Uses.At, "pin", "has a gate that can be moved",
			"The gate is "+inert.Word(s.Uses.Text)+", and a branch or a tag can be moved to code that lets everything through",
			"Pin it: write the full commit id of a release in place of "+inert.Word(s.Uses.Ref)+".").by(calls(s.Uses))
	case commits != nil && !slices.Contains(commits, ref):
		g.lacks(s.Uses.At, "pin", "has a gate at a commit that the policy does not list",
			"The gate is pinned to "+inert.Word(s.Uses.Ref)+", and gate_commits of the workflows block lists "+list(shown(commits)),
			"Pin it to one of those, or have a maintainer add this one to gate_commits.").by(calls(s.Uses))
	case ref == policy.NoCommit:
		g.lacks(s.Uses.At, "pin", "has a gate at no commit", "The gate is pinned to zeros, where the commit id of a release has yet to be written: the job fails before it begins",
			"Write the full commit id of a release in place of the zeros, here and in gate_commits of the policy.").warn()
	}
}

// startsEarly looks at what a later step's action can do before the job's first step. An action may have
// a part that the forge runs then: it gets the action's inputs and the job's variables, and has the
// runner to itself. What is in an action of another repository is not read.
func (g *gated) startsEarly(s *evidence.JobStep, index int, direct bool) {
	if u := s.Uses; u != nil {
		switch u.Kind {
		case evidence.UsesUnknown: // the file has a problem by itself
		case evidence.UsesDocker: // an image has no part that runs before
		case evidence.UsesLocal:
			g.localPre(s, u)
			direct = direct && !strings.HasPrefix(u.Text, ".") // ./ is in the work tree, which is empty then
		case evidence.UsesRemote:
			if direct {
				g.remotePre(s, u, index)
			}
		}
	}
	for i := range s.Steps {
		g.startsEarly(&s.Steps[i], index, direct)
	}
}

func (g *gated) localPre(s *evidence.JobStep, u *evidence.WorkflowUses) {
	for i := range g.all.Actions {
		if a := &g.all.Actions[i]; a.Path == u.File && a.Pre {
			g.lacks(u.At, "pre "+u.Text, "has an action that starts before its gate",
				stepName(s)+" has a `pre` in "+inert.Word(a.Path)+", which is for what runs before a job's first step",
				"Take `pre` out of the action, and do what it does in a step after the gate.")
		}
	}
}

func (g *gated) remotePre(s *evidence.JobStep, u *evidence.WorkflowUses, index int) {
	if u.Pinned || forgesOwn(u) || g.isGate(s) || g.ofThisRepository(u) {
		return // the forge's own need no pin: it runs the job as well. This repository's are denied as such
	}
	var keys []string
	secret := ""
	for i := range g.c.Secrets {
		if h := &g.c.Secrets[i]; handed(g.c, h, index) {
			secret = cmp.Or(secret, secretName(h))
			keys = append(keys, secretKey(h))
		}
	}
	whose := "whatever its owner makes of " + inert.Word(u.Ref)
	pin := "Pin it: write a full commit id in place of " + inert.Word(u.Ref) + "."
	if ofForge(u) {
		whose = "whatever stands at " + inert.Word(u.Ref) + ", which anybody's pull request or a branch may decide"
		pin = "Use a release, such as " + inert.Word(u.Repository+"@v4") + ", or a full commit id in place of " + inert.Word(u.Ref) + "."
	}
	switch {
	case secret != "":
		g.lacks(u.At, "early "+u.Text, "hands "+secret+" to an action that can run before its gate",
			inert.Word(u.Text)+" is "+whose+". What an action has as `pre` runs before the job's first step, with the inputs and variables that it is given",
			pin+" Or hand the secret to a script (`run`) instead.").by(keys...)
	case s.Checkout != nil && ofForge(u) || namesRef(u):
		g.lacks(u.At, "early "+u.Text, "takes an action from what anybody can write",
			inert.Word(u.Text)+" is "+whose+". It runs in the same job as the gate, before it what the action has as `pre`, and what it checks out is what is deployed", pin)
	default:
		g.lacks(u.At, "early "+u.Text, "uses an action that can be moved",
			inert.Word(u.Text)+" is "+whose+". What an action has as `pre` runs before the gate, on the same machine. It is handed no secret", pin).warn()
	}
}

// ofForge reports whether an action is one of the forge's own repositories, at whatever ref.
func ofForge(u *evidence.WorkflowUses) bool {
	owner, _, _ := strings.Cut(u.Repository, "/")
	return u.Kind == evidence.UsesRemote && (owner == "actions" || owner == "github")
}

// forgesOwn reports whether an action is the forge's own, at a release of theirs. A ref of a pull request
// is anybody's, and so is a commit id: the forge finds those of forks by the name of what was forked.
func forgesOwn(u *evidence.WorkflowUses) bool { return ofForge(u) && release().MatchString(u.Ref) }

var release = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^v?\d{1,4}(\.\d{1,9}){0,3}([-.+][A-Za-z0-9.+-]{1,30})?$`)
})

// namesRef reports whether an action is named by a ref of which others than the repository's own writers
// may decide, such as refs/pull/9/head.
func namesRef(u *evidence.WorkflowUses) bool {
	ref := strings.ToLower(strings.TrimPrefix(u.Ref, "/"))
	return strings.HasPrefix(ref, "refs/") && !strings.HasPrefix(ref, "refs/heads/") && !strings.HasPrefix(ref, "refs/tags/") || strings.HasPrefix(ref, "pull/")
}

// handed reports whether a step is handed a secret besides the token, by itself or in a variable that
// every step has.
func handed(c *evidence.JobCase, u *evidence.SecretUse, step int) bool {
	return u.Kind != evidence.SecretToken && !u.Loose && !unreachable(c, u) && (u.Step == step || u.Step < 0 && inEveryStep(u))
}

// inEveryStep reports whether a secret is in a variable that every step has.
func inEveryStep(u *evidence.SecretUse) bool {
	return slices.ContainsFunc(u.Flow, func(h evidence.SecretHop) bool {
		return h.Kind == evidence.HopJobEnv || h.Kind == evidence.HopWorkflowEnv
	})
}

// ofThisRepository reports whether an action is this repository's own, at some ref.
func (g *gated) ofThisRepository(u *evidence.WorkflowUses) bool {
	return u.Kind == evidence.UsesRemote && g.judge.isOwnRepository(u.Repository)
}

// isOwnRepository reports whether "owner/name" is the repository that is judged.
func (j *judge) isOwnRepository(name string) bool {
	_, own, ok := strings.Cut(j.set.Repository, "/")
	return ok && strings.EqualFold(name, own)
}
