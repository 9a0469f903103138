package evidence

// Workflows is what a tree's workflow files say: which job can run, in which environment, and what
// secrets reach it there. Package workflow fills it in, from a disk or from a git tree.
//
// It is complete or says that it is not: what could not be read, parsed or worked out is a
// [WorkflowProblem], or stands in the facts with the kind that says so. Every kind's zero value is
// the worst one. Nothing here is a conclusion about what may be.
type Workflows struct {
	// Files are the workflow files, by path: those under .github/workflows, whatever was asked for
	// by name besides, and what they call.
	Files []WorkflowFile
	// Actions are the local actions that steps use, by path.
	Actions []ActionFile
	// Jobs are the jobs as they can run: each from the workflow that an event starts, through the
	// workflows that it calls. A workflow that can only be called has none but through its callers.
	// They stand in the order of their files and of the jobs in them.
	Jobs []WorkflowJob
	// Problems is everything that could not be worked out, in all files, by place.
	Problems []WorkflowProblem
}

// Place is where something stands in a file.
type Place struct {
	File   string // slash-separated, from the root of the tree
	Line   int    // from 1; 0: the file as a whole
	Column int    // in characters, from 1
}

// Truth is the answer to a question that may have none before the run. The zero value is "perhaps",
// which is to be taken as the worse of the two.
type Truth uint8

// The answers.
const (
	Perhaps Truth = iota
	No
	Yes
)

// WorkflowFile is one workflow file.
type WorkflowFile struct {
	Path     string
	Name     string // as the file says; "" where it says none. Untrusted
	Triggers []Trigger
	// TriggersKnown is false where "on" could not be read: then any event may start it.
	TriggersKnown bool
	// Started says that some event other than a call starts it. CalledBy are the files of the tree
	// that call it, by path.
	Started  bool
	CalledBy []string
	// Permissions are those of its top level.
	Permissions Permissions
	// Parsed is false where nothing of the file could be taken; Problems of the whole say why.
	Parsed bool
	// Jobs are the ids of its jobs, as they stand in it.
	Jobs []string
	// Outputs are what it hands to whoever calls it. Nothing of them is worked out.
	Outputs []WorkflowValue
	// Content is the same for two files of the same bytes, and for no others; "" where it is not known.
	Content string
}

// ActionFile is one local action.
type ActionFile struct {
	Path   string // of its action.yml
	Using  string // "composite", "node24", "docker", …; "" where it could not be read
	Pre    bool   // it has something that runs before a job's first step
	Parsed bool
}

// Trigger is one event that starts a workflow. Filters are nil where there are none.
type Trigger struct {
	Event string // lower case: "push", "pull_request_target", "workflow_call"
	At    Place

	Branches, BranchesIgnore []string // patterns of the forge, as written
	Tags, TagsIgnore         []string
	Paths, PathsIgnore       []string
	Types                    []string
	Workflows                []string // of a workflow_run: names, as written
	Inputs                   []TriggerInput
	// Unread says that a filter is there which could not be read.
	Unread bool
}

// TriggerInput is an input of workflow_dispatch or workflow_call.
type TriggerInput struct {
	Name       string
	Type       string // "string", "choice", "boolean", "environment", "number"; "string" where none is written
	Options    []string
	Default    string
	HasDefault bool
	Required   bool
	At         Place
}

// Access is what a job's token may do with one kind of thing.
type Access uint8

// The levels of access, each of which has those before it. AccessUnset is decided by the settings of
// the repository, which may be as much as writing everything.
const (
	AccessUnset Access = iota
	AccessNone
	AccessRead
	AccessWrite
)

// Permissions is a permissions key, or several in force together. The zero value is that none is
// written, and the repository's settings decide.
type Permissions struct {
	Written bool
	At      Place // where it stands; of several in force, the innermost
	// All holds for every scope that Scopes does not name: AccessNone once any scope is written.
	All Access
	// Scopes are by name, lower case, each once.
	Scopes []Permission
	// Unread says that the key is there and something in it could not be read: take it as write.
	Unread bool
}

// Permission is one scope of a token's permissions.
type Permission struct {
	Scope  string // "contents", "id-token", …
	Access Access
	At     Place
}

// Access is what the permissions give for a scope.
func (p Permissions) Access(scope string) Access {
	if !p.Written {
		return AccessUnset
	}
	for _, s := range p.Scopes {
		if s.Scope == scope {
			return s.Access
		}
	}
	if p.Unread {
		return AccessWrite
	}
	return p.All
}

// WorkflowJob is a job as it can run, from one workflow that an event starts.
type WorkflowJob struct {
	// File is the workflow that is started. ID is unique in it: the job's id, and before it, with
	// slashes between them, those of the jobs that call it: "release/deploy".
	File string
	ID   string
	// At is where the job stands: in File, or in the file that the last of Calls names.
	At   Place
	Name string // as written, "" for none. Untrusted
	// Calls lead from File to the job, the outermost first; none where it stands in File itself.
	Calls []WorkflowCall
	// Callee is set where the job is a call that could not be followed. What is passed to it is all
	// that is known: the environments and secrets of the called jobs are not.
	Callee *UnknownCallee

	Triggers    []Trigger   // of File
	Permissions Permissions // in force: those of the job and of all its callers together
	Needs       []string    // ids of jobs beside it
	RunsOn      string      // as written; "" where it is not a text
	// Container says that steps run inside an image of the workflow's choice, and Services that other
	// images are started before the first step; both are texts as written, and "" for none.
	Container string
	Services  []string
	// ContainerText and ServicesText are the whole of both, with all that is set for them.
	ContainerText WorkflowValue
	ServicesText  WorkflowValue
	// Mounts are the settings of services that may give them the runner itself: folders of it, options
	// for its container engine, and whatever is not known. Name is "postgres.volumes".
	Mounts []WorkflowValue
	// Runners are the runners that it may ask for, each as its labels in lower case and order with commas
	// between them ("linux,self-hosted"); one that begins with "?" is not known, and is as written.
	Runners []string
	// Guards are the conditions which all have to hold for it to run, its callers' too, in canonical
	// form: what && joins stands apart, and "success()" is there where no other function of its kind is.
	// A caller's that says something else where the caller stands has " of job NAME" behind it.
	Guards []string
	// Matrix is what its matrix takes from expressions.
	Matrix []WorkflowValue
	// Outputs are what it hands to the jobs that need it.
	Outputs []WorkflowValue
	// Env are the variables that every step sees, of the workflow and of the job. One of which the name
	// has an expression in it, or is "", may be any of any name.
	Env []WorkflowValue
	// Keys are those of its keys that have no meaning known here, as written.
	Keys []string
	// Content is the same for two jobs, with those that call them, of the same source but for their ids,
	// and for no others; "" where it is not known.
	Content string

	// Cases tell the runs of the job apart as far as the environment or the secrets differ. None:
	// its condition is never true. TooManyCases says that the values which decide are more than
	// were worked out: there is one case, in a dynamic environment and with a dynamic secret, and without steps.
	Cases        []JobCase
	TooManyCases bool
}

// WorkflowCall is one job that calls a reusable workflow.
type WorkflowCall struct {
	Job     string // id of the calling job
	Uses    WorkflowUses
	At      Place
	With    []WorkflowValue
	Secrets []WorkflowValue // as passed by name
	Inherit bool            // "secrets: inherit"
	// If is the calling job's condition.
	If Condition
	// Needs are ids of jobs beside the calling job.
	Needs []string
}

// UnknownCallee is a called workflow that was not read.
type UnknownCallee struct {
	Call WorkflowCall
	Why  UnknownWhy
}

// UnknownWhy says why a call was not followed.
type UnknownWhy uint8

// The reasons. The zero value means that it could not be read.
const (
	CalleeUnreadable UnknownWhy = iota // there is a problem with it, which Problems has
	CalleeRemote                       // it is in a repository, at a ref, that the tree does not hold
	CalleeMissing                      // the tree has no such file
	CalleeTooDeep                      // more calls inside each other than the forge follows, or a circle
)

// JobCase is the job's run for one choice of the values that decide its environment or its secrets.
type JobCase struct {
	// When are those values; none where nothing has to be chosen.
	When        []CaseValue
	Environment JobEnvironment
	// Secrets are all that can be reached, by place; GITHUB_TOKEN only where it is named.
	Secrets []SecretUse
	// If is the job's condition in this case. It is never [No] as a whole: there is no such case.
	If Condition
	// ContinueOnError is [No] where it is not written.
	ContinueOnError Truth
	// Steps are the job's steps in order, as they are in this case. Jobs may share them: do not change them.
	Steps []JobStep
	// Untrusted are the places at which the job itself takes what somebody else made: the machine and the
	// containers that it asks for, and what it hands to a workflow that was not read.
	Untrusted []Untrusted
}

// CaseValue is one thing that is chosen.
type CaseValue struct {
	// Name is a context's property such as "matrix.target", "inputs.environment" or "github.ref", or
	// a condition that cannot be known, such as "startswith(github.ref, 'refs/tags/')".
	Name string
	// Value is a text, "true", "false", a number or JSON. Other says that it is any value but those
	// that the workflow compares it with.
	Value string
	Other bool
}

// JobEnvironment is the environment that a job runs in.
type JobEnvironment struct {
	Kind EnvironmentKind
	Name string // set for EnvironmentNamed; compared without case
	Text string // as written
	At   Place  // where the name stands; zero for EnvironmentNone and EnvironmentOfCallee
}

// EnvironmentKind says what is known of a job's environment.
type EnvironmentKind uint8

// The kinds. The zero value is that it cannot be known before the run.
const (
	EnvironmentDynamic  EnvironmentKind = iota
	EnvironmentNone                     // the job names none, or an empty name
	EnvironmentNamed                    // Name
	EnvironmentOfCallee                 // whatever jobs the called workflow has, see [UnknownCallee]
)

// SecretUse is one place by which a job reaches a secret.
type SecretUse struct {
	Kind SecretKind
	Name string // in upper case, as the forge stores it; "" unless Kind is SecretNamed or SecretToken
	Text string // the expression, or what it is taken from, cut where it is long. Untrusted
	From SecretSource
	// As is the name, in upper case, under which a called workflow knows a secret that its caller
	// passes; "" where the name did not change.
	As string
	// IfEmpty are secrets of which one has to be empty, or not set, for this one to be read:
	// "secrets.A || secrets.B" reaches B if A is empty. Whoever may choose A can see to that.
	IfEmpty []string
	// At is the place of the name, or of the expression.
	At Place
	// Loose says that it is given to a program of which something is handed on. Whether the secret can be
	// read from that is not known.
	Loose bool
	// Flow is how it comes to the job, the place that reads it first. It always has one hop.
	Flow []SecretHop
	// Step is the index of the step in [JobCase.Steps] that is handed it, -1 where it is the whole
	// job that is, or the job's container or services, before any step.
	Step int
}

// SecretKind says how a secret is named.
type SecretKind uint8

// The kinds. The zero value is the worst.
const (
	// SecretUnparsed is a text that mentions secrets and that could not be parsed.
	SecretUnparsed  SecretKind = iota
	SecretNamed                // Name
	SecretDynamic              // a name that cannot be known before the run
	SecretWhole                // the whole context: "toJSON(secrets)", "secrets.*"
	SecretInherited            // "secrets: inherit" to a workflow that was not read
	SecretToken                // GITHUB_TOKEN or github.token
)

// SecretSource says where the forge looks for a secret of this name.
type SecretSource uint8

// The sources.
const (
	// SecretAnywhere is the job's environment, then the repository, then the organisation.
	SecretAnywhere SecretSource = iota
	// SecretPassed is what another job reads and hands to this one: its caller, which has no
	// environment, so that it is a secret of the repository or the organisation, or a job that this
	// one needs, with an environment of its own.
	SecretPassed
	// SecretOfEnvironment is the job's environment alone: it is a called workflow's, and its caller
	// passes nothing of this name, or something that a secret of the environment under this name
	// comes before. It is told only where the job may have an environment.
	SecretOfEnvironment
)

// SecretHop is one place on a secret's way.
type SecretHop struct {
	Kind HopKind
	Key  string // the keys that lead to it: "jobs.deploy.steps[2].env.TOKEN"
	At   Place
}

// HopKind says what sort of place a hop is.
type HopKind uint8

// The kinds of hop.
const (
	HopOther       HopKind = iota // a key that has no kind of its own, or that is not known
	HopWorkflowEnv                // the workflow's env: every job has it
	HopJobEnv                     // the job's env: every step has it
	HopStepEnv
	HopWith   // an input of an action
	HopRun    // a script
	HopOutput // an output of a job, which those have that need it
	HopCall   // passed to a called workflow
	HopContainer
	HopService
)

// Condition is an "if".
type Condition struct {
	Text string // as written, without ${{ }} around it; "" for none. Untrusted
	At   Place  // zero for none
	// OnSuccess says whether it holds when nothing before has failed: Yes where there is no condition.
	OnSuccess Truth
	// AfterFailure says whether it can hold when something before has failed, or was cancelled, or (for a
	// job) was skipped: No where there is no condition, and where none of always(), failure(), cancelled() and success() is in it.
	AfterFailure Truth
	// Terms are what all has to hold, in canonical form, as [WorkflowJob.Guards] has it for a job.
	Terms []string
}

// JobStep is one step of a job.
type JobStep struct {
	At   Place
	ID   string // as written; compared without case
	Name string // untrusted
	If   Condition
	// ContinueOnError is No where it is not written.
	ContinueOnError Truth
	// Uses is the action, nil for none.
	Uses *WorkflowUses
	With []WorkflowValue
	Env  []WorkflowValue // the step's own
	// Run is the script, zero for none. Its Name is "run".
	Run   WorkflowValue
	Shell string // as written, of the step; "" for the default
	// Checkout is set where the step is an action that puts a commit into the work tree.
	Checkout *Checkout
	// Commands are the commands of its scripts that put a commit, or a part of one, into the work tree.
	Commands []Checkout
	// Fetches are what it gets besides.
	Fetches []Fetched
	// Builds are the names of the images that it builds, as [Fetched.Name] has them.
	Builds []string
	// Around are its shell and its folder where an expression stands in them.
	Around []WorkflowValue
	// Untrusted are the places at which it takes code, or text into a script, from whoever opened the
	// pull request or ran the workflow that started this one.
	Untrusted []Untrusted
	// Aside says that it is inside a key that runs steps beside each other or later ("parallel", "background"): the
	// order of steps does not hold for it.
	Aside bool
	// Steps are those of a local composite action, or of a key that groups steps.
	Steps []JobStep
	// Unread says that the step is there and is not a mapping, or that its local action could not be read.
	Unread bool
	// Keys are those of its keys that have no meaning known here, as written.
	Keys []string
}

// WorkflowUses is what a "uses" names.
type WorkflowUses struct {
	Kind UsesKind
	Text string // as written. Untrusted
	At   Place
	// Repository is "owner/name", lower case; Path is inside it, "" for its root; Ref is what stands
	// behind the @. For UsesLocal only Path is set, clean, "" for the tree's root.
	Repository string
	Path       string
	Ref        string
	// Pinned says that Ref is a full commit id.
	Pinned bool
	// Own says of UsesLocal that it is taken from the commit of the file that names it ($/path), whatever
	// is in the work tree.
	Own bool
	// Found says that a local path was found in the tree, and File which file it is.
	Found bool
	File  string
}

// UsesKind says what sort of thing a "uses" names.
type UsesKind uint8

// The kinds. The zero value could not be read.
const (
	UsesUnknown UsesKind = iota
	UsesLocal            // ./path: in the work tree, so what a checkout put there; $/path: see Own
	UsesRemote           // owner/name/path@ref
	UsesDocker           // docker://image
)

// WorkflowValue is the value of a key.
type WorkflowValue struct {
	Name string // the key as written
	Text string // as written, a sequence or mapping as JSON; cut where it is long. Untrusted
	At   Place
	// Known says that Value is what it is in this case, before the run.
	Known bool
	Value string
	// Expression is the canonical form of the one expression that the value consists of, lower case
	// but for what is in quotes: "steps.gate.outputs.commit". "" where there is none, or more text.
	Expression string
	// Reads are the properties of contexts that it takes, each once, in canonical form; what env and
	// the inputs of a called workflow stand for is there too: "github.event.pull_request.head.sha".
	Reads []string
}

// Checkout is a commit that a step puts into the work tree.
type Checkout struct {
	// Ref and Repository are zero where they are not written: then it is the commit of the event, of
	// this repository. Of a command Ref has the text.
	Ref        WorkflowValue
	Repository WorkflowValue
	Path       WorkflowValue // inside the work tree; zero: its root
	// Commit is the expression that Ref consists of, in the terms of the job: an input of a local action
	// is what the action's caller passes. "" where it is anything else, such as an output of a step inside
	// an action, which no step of the job knows by that name.
	Commit string
}

// Untrusted is one place at which something of somebody who need not be trusted is taken.
type Untrusted struct {
	Kind UntrustedKind
	Text string // the expression or the command, as written
	At   Place
	// Sure is Yes where the text says so plainly, and Perhaps where it takes what an earlier step or job
	// made of such a text.
	Sure Truth
	// From are the events by which it is taken, as far as conditions on the way tell. None: any event.
	From []UntrustedFrom
	// Into is what a text becomes.
	Into TextInto
}

// TextInto says what becomes of a text.
type TextInto uint8

// What a text becomes.
const (
	IntoScript     TextInto = iota // a part of a script
	IntoJavaScript                 // of one that actions/github-script runs
	IntoSetting                    // of what decides how something is run: a shell, a container, a runner
	IntoVariables                  // lines of the file that sets the variables, or the path, of later steps
	IntoCommand                    // a command, by eval or "bash -c"
)

// UntrustedFrom is an event by which something of somebody else's is taken.
type UntrustedFrom struct {
	Event string // lower case
	// Own says that a condition on the way lets nothing by but what comes from a branch of this
	// repository, and not of a fork.
	Own bool
}

// UntrustedKind says what is taken.
type UntrustedKind uint8

// The kinds.
const (
	UntrustedCode     UntrustedKind = iota // a pull request's commit is checked out
	UntrustedArtifact                      // what the run that started this one has stored is downloaded
	UntrustedText                          // a text of theirs, such as a title, is put into a script
)

// WorkflowProblem is something that could not be worked out.
type WorkflowProblem struct {
	Kind   WorkflowProblemKind
	At     Place
	Detail string // what is wrong, a sentence without a full stop; names of the file in it are quoted in ASCII
}

// WorkflowProblemKind says what sort of problem it is.
type WorkflowProblemKind uint8

// The kinds of problem. The zero value is treated as the worst of them.
const (
	ProblemUnknown    WorkflowProblemKind = iota
	ProblemUnreadable                     // the tree does not give the file
	ProblemLimit                          // more than a limit: bytes, nodes, depth, cases
	ProblemSyntax                         // not YAML that the forge takes: duplicate or merge keys, tags, several documents
	ProblemShape                          // not a workflow: "jobs" is no mapping, and so on
	ProblemExpression                     // an expression that does not parse
	ProblemCallee                         // a local workflow or action that is not there, or calls that do not end
)
