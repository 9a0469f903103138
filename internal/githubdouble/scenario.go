package githubdouble

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Scenario is everything that the double knows. Accounts are named by login, repositories by
// "owner/name", and refs by full name. What is left out is filled in by [New]: ids, organisations
// that own a repository, bots of apps, branches that pull requests name.
type Scenario struct {
	Now     time.Time `json:"now,omitzero"`     // the server's clock at the start; zero: the machine's, which runs
	Running bool      `json:"running,omitzero"` // Now goes on from there; else it stands until [Double.Advance]

	Users        []*User       `json:"users,omitempty"`
	Apps         []*App        `json:"apps,omitempty"`
	Teams        []*Team       `json:"teams,omitempty"`
	Tokens       []*Token      `json:"tokens,omitempty"`
	Repositories []*Repository `json:"repositories,omitempty"`
}

// User is an account.
type User struct {
	ID    int64  `json:"id,omitzero"`
	Login string `json:"login"`
	Type  string `json:"type,omitzero"` // User (the default), Bot, Organization
	Name  string `json:"name,omitzero"`
	Email string `json:"email,omitzero"`
}

// App is a GitHub App. Its bot's login is Slug + "[bot]". The app "github-actions" is the one behind
// a workflow's own token: its real id is 15368.
type App struct {
	ID    int64  `json:"id,omitzero"`
	Slug  string `json:"slug"`
	Owner string `json:"owner,omitzero"` // an account; "" for one made up
}

// Team is a team of an organisation.
type Team struct {
	ID      int64     `json:"id,omitzero"`
	Org     string    `json:"org"`
	Slug    string    `json:"slug"`
	Members []*Member `json:"members,omitempty"`
}

// Member is an account's membership of a team.
type Member struct {
	Login      string `json:"login"`
	Maintainer bool   `json:"maintainer,omitzero"`
	Pending    bool   `json:"pending,omitzero"` // invited: has a membership, and is not listed
}

// Token is a credential. With App it is an installation's, such as a workflow's GITHUB_TOKEN; with
// User it is a person's: classic where Permissions is nil, else fine-grained.
type Token struct {
	Value string `json:"value"`
	User  string `json:"user,omitzero"`
	App   string `json:"app,omitzero"`

	// Permissions by GitHub's names: contents, pull_requests, issues, checks, deployments, actions,
	// members; each "read" or "write". Metadata is always readable. A nil map permits everything.
	Permissions map[string]string `json:"permissions,omitempty"`
	// ReadOnly refuses every write, as the token of a fork's pull request does.
	ReadOnly bool `json:"read_only,omitzero"`
	// Repositories that the token reaches, as "owner/name". Nil: all.
	Repositories []string `json:"repositories,omitempty"`
	// Limit of requests an hour; 0 for 5,000.
	Limit int `json:"limit,omitzero"`
}

// Repository is a repository with all that belongs to it.
type Repository struct {
	ID            int64     `json:"id,omitzero"`
	Name          string    `json:"name"` // "owner/name"
	DefaultBranch string    `json:"default_branch,omitzero"`
	Private       bool      `json:"private,omitzero"`
	ForkOf        string    `json:"fork_of,omitzero"` // "owner/name"
	CreatedAt     time.Time `json:"created_at,omitzero"`
	// FormerNames answer with a redirect.
	FormerNames []string `json:"former_names,omitempty"`

	// Roles by login: none, read, triage, write, maintain, admin, or "write/release-manager" for a
	// custom role that builds on write. Others may read what is public.
	Roles map[string]string `json:"roles,omitempty"`

	// GitDir is a bare repository behind this one. Its refs are the repository's refs: what is pushed
	// there is found at the next request, recorded as GitPusher's activity, and moves the heads of pull
	// requests; refs made through the API are made there. Leave Refs empty then.
	GitDir    string `json:"git_dir,omitzero"`
	GitPusher string `json:"git_pusher,omitzero"`

	Refs              map[string]string `json:"refs,omitempty"` // full name to object id
	ProtectedBranches []string          `json:"protected_branches,omitempty"`
	Commits           []*Commit         `json:"commits,omitempty"`

	PullRequests []*PullRequest `json:"pull_requests,omitempty"`
	Activity     []*Activity    `json:"activity,omitempty"` // the oldest first
	CheckRuns    []*CheckRun    `json:"check_runs,omitempty"`
	Deployments  []*Deployment  `json:"deployments,omitempty"`
	Runs         []*WorkflowRun `json:"runs,omitempty"`
	Workflows    []*Workflow    `json:"workflows,omitempty"` // those that can be dispatched, or not
}

// Workflow is a file of a workflow as far as it can be started through the API.
type Workflow struct {
	ID         int64    `json:"id,omitzero"`
	File       string   `json:"file"`                 // without .github/workflows/
	Inputs     []string `json:"inputs,omitempty"`     // of its workflow_dispatch
	NoDispatch bool     `json:"no_dispatch,omitzero"` // it has no workflow_dispatch
}

// Commit is what the API tells of a commit. Commits that nobody describes get a plain one.
type Commit struct {
	SHA     string    `json:"sha"`
	Tree    string    `json:"tree,omitzero"`
	Parents []string  `json:"parents,omitempty"`
	Message string    `json:"message,omitzero"`
	Login   string    `json:"login,omitzero"` // the account that GitHub takes the author's address for
	Name    string    `json:"name,omitzero"`
	Email   string    `json:"email,omitzero"`
	Date    time.Time `json:"date,omitzero"` // of author and committer: the client's word

	Verified  bool   `json:"verified,omitzero"`
	Reason    string `json:"reason,omitzero"` // why it is or is not: valid, unsigned, unknown_key, …
	Signature string `json:"signature,omitzero"`
	Payload   string `json:"payload,omitzero"`
}

// PullRequest is a pull request of the repository that holds it.
type PullRequest struct {
	ID     int64    `json:"id,omitzero"`
	Number int      `json:"number"`
	Title  string   `json:"title,omitzero"`
	Body   string   `json:"body,omitzero"`
	Author string   `json:"author"`
	State  string   `json:"state,omitzero"` // open (the default) or closed
	Draft  bool     `json:"draft,omitzero"`
	Labels []string `json:"labels,omitempty"`

	HeadRepo    string `json:"head_repo,omitzero"` // "owner/name"; "" for the same repository
	HeadDeleted bool   `json:"head_deleted,omitzero"`
	HeadRef     string `json:"head_ref"` // a branch, without refs/heads/
	HeadSHA     string `json:"head_sha"`
	BaseRef     string `json:"base_ref,omitzero"` // "" for the default branch
	BaseSHA     string `json:"base_sha,omitzero"`

	CreatedAt      time.Time `json:"created_at,omitzero"`
	UpdatedAt      time.Time `json:"updated_at,omitzero"`
	ClosedAt       time.Time `json:"closed_at,omitzero"`
	MergedAt       time.Time `json:"merged_at,omitzero"`
	MergedBy       string    `json:"merged_by,omitzero"`
	MergeCommitSHA string    `json:"merge_commit_sha,omitzero"` // while open: the test merge, as on GitHub

	Commits []string `json:"commits,omitempty"` // ids, the oldest first; read from git where there is a GitDir
	Files   []*File  `json:"files,omitempty"`   // likewise

	Reviews  []*Review `json:"reviews,omitempty"`  // in the order in which they were submitted
	Timeline []*Event  `json:"timeline,omitempty"` // what is neither a review nor a commit
}

// File is one changed file of a pull request.
type File struct {
	Path      string `json:"path"`
	Previous  string `json:"previous,omitzero"`
	Status    string `json:"status,omitzero"` // added, removed, modified (the default), renamed, …
	SHA       string `json:"sha,omitzero"`    // of the blob
	Additions int    `json:"additions,omitzero"`
	Deletions int    `json:"deletions,omitzero"`
}

// Review is a review of a pull request.
type Review struct {
	ID          int64     `json:"id,omitzero"`
	User        string    `json:"user"`
	State       string    `json:"state"` // APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED
	Body        string    `json:"body,omitzero"`
	CommitID    string    `json:"commit_id,omitzero"`
	SubmittedAt time.Time `json:"submitted_at,omitzero"`
}

// Event is an entry of a pull request's timeline, such as base_ref_changed, head_ref_force_pushed,
// review_dismissed, merged, closed, reopened or commented.
type Event struct {
	ID        int64     `json:"id,omitzero"`
	Event     string    `json:"event"`
	Actor     string    `json:"actor"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	CommitID  string    `json:"commit_id,omitzero"`
	Body      string    `json:"body,omitzero"` // of a comment, and the message of a dismissal

	Review         int64  `json:"review,omitzero"`          // the one that was dismissed
	DismissedState string `json:"dismissed_state,omitzero"` // what it was: approved, changes_requested, commented
}

// Activity is an entry of the repository's activity log: a move of a branch.
type Activity struct {
	ID        int64     `json:"id,omitzero"`
	Ref       string    `json:"ref"`
	Before    string    `json:"before,omitzero"` // "" for a new branch; the API shows zeros
	After     string    `json:"after,omitzero"`  // "" for a deleted one
	Timestamp time.Time `json:"timestamp,omitzero"`
	Actor     string    `json:"actor"`
	Type      string    `json:"type,omitzero"` // push, force_push, branch_creation, branch_deletion, pr_merge, merge_queue_merge
}

// CheckRun is a check run as it stands.
type CheckRun struct {
	ID          int64        `json:"id,omitzero"`
	Name        string       `json:"name"`
	HeadSHA     string       `json:"head_sha"`
	App         string       `json:"app"`             // slug
	Status      string       `json:"status,omitzero"` // queued, in_progress, completed, …
	Conclusion  string       `json:"conclusion,omitzero"`
	ExternalID  string       `json:"external_id,omitzero"`
	DetailsURL  string       `json:"details_url,omitzero"`
	StartedAt   time.Time    `json:"started_at,omitzero"`
	CompletedAt time.Time    `json:"completed_at,omitzero"`
	Title       string       `json:"title,omitzero"`
	Summary     string       `json:"summary,omitzero"`
	Text        string       `json:"text,omitzero"`
	Annotations []Annotation `json:"annotations,omitempty"` // of all requests together
}

// Annotation is a remark of a check run on lines of a file.
type Annotation struct {
	Path        string `json:"path"`
	StartLine   int    `json:"start_line"`
	EndLine     int    `json:"end_line"`
	StartColumn int    `json:"start_column,omitzero"`
	EndColumn   int    `json:"end_column,omitzero"`
	Level       string `json:"annotation_level"` // notice, warning, failure
	Message     string `json:"message"`
	Title       string `json:"title,omitzero"`
	RawDetails  string `json:"raw_details,omitzero"`
}

// Deployment is a deployment and its statuses.
type Deployment struct {
	ID          int64               `json:"id,omitzero"`
	SHA         string              `json:"sha"`
	Ref         string              `json:"ref,omitzero"`
	Task        string              `json:"task,omitzero"`
	Environment string              `json:"environment,omitzero"`
	Payload     jsontext.Value      `json:"payload,omitempty"` // an object or a string
	Description string              `json:"description,omitzero"`
	Creator     string              `json:"creator"`
	App         string              `json:"app,omitzero"`
	Transient   bool                `json:"transient,omitzero"`
	Production  bool                `json:"production,omitzero"`
	CreatedAt   time.Time           `json:"created_at,omitzero"`
	UpdatedAt   time.Time           `json:"updated_at,omitzero"`
	Statuses    []*DeploymentStatus `json:"statuses,omitempty"` // the oldest first
}

// DeploymentStatus is one status of a deployment.
type DeploymentStatus struct {
	ID             int64     `json:"id,omitzero"`
	State          string    `json:"state"`
	Creator        string    `json:"creator"`
	Description    string    `json:"description,omitzero"`
	Environment    string    `json:"environment,omitzero"`
	EnvironmentURL string    `json:"environment_url,omitzero"`
	LogURL         string    `json:"log_url,omitzero"`
	CreatedAt      time.Time `json:"created_at,omitzero"`
}

// WorkflowRun is one run of a workflow.
type WorkflowRun struct {
	ID              int64     `json:"id,omitzero"`
	Name            string    `json:"name,omitzero"`
	Path            string    `json:"path,omitzero"` // of the workflow's file
	WorkflowID      int64     `json:"workflow_id,omitzero"`
	Event           string    `json:"event,omitzero"`
	HeadBranch      string    `json:"head_branch,omitzero"`
	HeadSHA         string    `json:"head_sha"`
	HeadRepo        string    `json:"head_repo,omitzero"` // "owner/name"; "" for the same repository
	Status          string    `json:"status,omitzero"`
	Conclusion      string    `json:"conclusion,omitzero"`
	Number          int       `json:"number,omitzero"`
	Attempt         int       `json:"attempt,omitzero"`
	Actor           string    `json:"actor,omitzero"`
	TriggeringActor string    `json:"triggering_actor,omitzero"` // of a re-run; "" for Actor
	CreatedAt       time.Time `json:"created_at,omitzero"`
	StartedAt       time.Time `json:"started_at,omitzero"`
	UpdatedAt       time.Time `json:"updated_at,omitzero"`

	Inputs map[string]string `json:"inputs,omitempty"` // of one that was dispatched

	// PullRequests by number. GitHub leaves them out for forks, and so does the double.
	PullRequests []int          `json:"pull_requests,omitempty"`
	Pending      []*PendingGate `json:"pending,omitempty"`
	Approvals    []*RunApproval `json:"approvals,omitempty"`
}

// PendingGate is an environment whose protection rules a run waits for.
type PendingGate struct {
	Environment   string   `json:"environment"`
	EnvironmentID int64    `json:"environment_id,omitzero"`
	WaitMinutes   int      `json:"wait_minutes,omitzero"`
	Users         []string `json:"users,omitempty"` // who may approve
	Teams         []string `json:"teams,omitempty"` // likewise, as "organisation/slug"
}

// RunApproval is somebody's answer to a waiting environment.
type RunApproval struct {
	User         string   `json:"user"`
	State        string   `json:"state"` // approved, rejected
	Comment      string   `json:"comment,omitzero"`
	Environments []string `json:"environments"`
}

// Load reads a scenario from a JSON file. Members that no type here has are errors.
func Load(file string) (Scenario, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Scenario{}, fmt.Errorf("reading the scenario: %w", err)
	}
	var s Scenario
	if err := json.Unmarshal(text, &s, json.RejectUnknownMembers(true)); err != nil {
		return Scenario{}, fmt.Errorf("reading the scenario %s: %w", file, err)
	}
	return s, nil
}

// clone copies a scenario deeply: what a test keeps must not change under it, nor change the double.
func (s *Scenario) clone() (*Scenario, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("copying the scenario: %w", err)
	}
	var out Scenario
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("copying the scenario: %w", err)
	}
	return &out, nil
}

func (s *Scenario) user(login string) *User {
	return find(s.Users, func(u *User) bool { return strings.EqualFold(u.Login, login) })
}

func (s *Scenario) app(slug string) *App {
	return find(s.Apps, func(a *App) bool { return a.Slug == slug })
}

func (s *Scenario) team(org, slug string) *Team {
	return find(s.Teams, func(t *Team) bool { return strings.EqualFold(t.Org, org) && strings.EqualFold(t.Slug, slug) })
}

func (s *Scenario) repository(name string) *Repository {
	return find(s.Repositories, func(r *Repository) bool { return strings.EqualFold(r.Name, name) })
}

func (r *Repository) owner() string {
	owner, _, _ := strings.Cut(r.Name, "/")
	return owner
}

func (r *Repository) shortName() string {
	_, name, _ := strings.Cut(r.Name, "/")
	return name
}

func (r *Repository) pull(number int) *PullRequest {
	return find(r.PullRequests, func(p *PullRequest) bool { return p.Number == number })
}

func (r *Repository) deployment(id int64) *Deployment {
	return find(r.Deployments, func(d *Deployment) bool { return d.ID == id })
}

func (r *Repository) run(id int64) *WorkflowRun {
	return find(r.Runs, func(w *WorkflowRun) bool { return w.ID == id })
}

func (r *Repository) workflow(name string) *Workflow {
	return find(r.Workflows, func(w *Workflow) bool { return w.File == name || fmt.Sprint(w.ID) == name })
}

func (r *Repository) checkRun(id int64) *CheckRun {
	return find(r.CheckRuns, func(c *CheckRun) bool { return c.ID == id })
}

// head is the repository that a pull request comes from: nil where the fork is gone.
func (s *Scenario) head(r *Repository, p *PullRequest) *Repository {
	switch {
	case p.HeadDeleted:
		return nil
	case p.HeadRepo == "":
		return r
	}
	return s.repository(p.HeadRepo)
}

// find returns the first element that fits, or the zero value.
func find[T any](list []T, fits func(T) bool) T {
	if i := slices.IndexFunc(list, fits); i >= 0 {
		return list[i]
	}
	var none T
	return none
}
