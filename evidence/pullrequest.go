package evidence

import (
	"time"

	"github.com/remit-sh/remit/names"
)

// PullRequest is a pull request as the forge tells it now. Nothing of an event's payload is in it.
type PullRequest struct {
	Number int
	Title  string // untrusted
	Labels []string
	Draft  bool
	Open   bool
	Merged bool
	// MergedAt is when it was merged, by the forge's clock; zero where it was not.
	MergedAt time.Time
	Author   Account
	// MergedBy is who merged it, as far as the forge says.
	MergedBy Account
	Created  time.Time // the forge's clock

	HeadRepository string // canonical; differs from the base's in a fork
	HeadRef        string // full name
	Head           string // commit id
	BaseRef        string // full name
	Base           string // commit id of the base's tip

	// Statement is the file of the signed statement found in the body; nil for none. Why says why one that
	// should be there could not be taken: two of them, malformed.
	Statement    []byte
	StatementWhy string

	// Commits are the ids of base..head, as git's objects tell and not the forge's list, which is cut.
	Commits []string
	// Onto is the commit that it would be merged onto, or was: the base's tip or, in a merge queue, what is
	// ahead of it.
	Onto string
	// Changes is what would be different there once it is merged, by paths as they land, whatever they
	// were called on its branch, and every path that cannot be merged without a conflict. Gaps says what
	// of it could not be read.
	Changes []Change
	Gaps    []Gap
	// Merge says how it would be merged. What it Followed no review of the branch has shown.
	Merge Merge
	// Workflows is what it would change in what workflows may do, as they would stand on the base; nil
	// where it changes no file that is about that.
	Workflows *WorkflowChange
	// Policy is what the base is left with once it is merged, where its own policy rules it and it changes
	// that; nil: it does not.
	Policy *PolicyLeft

	// SameHead are other open pull requests that have its head: whoever asks for changes there does so of these
	// commits. Of each, no more is filled in than who may say what: Number, Reviews and Complete. SameHeadUnread
	// says why it could not be learned which there are; "" where it was.
	SameHead       []*PullRequest
	SameHeadUnread string

	// Inner are pull requests that the forge recorded as merged into its branch: whoever has a part in one has a
	// part in it. InnerUnread says why it could not be learned which there are; "" where it was. Of one of
	// these, MergedAs is the commit that the branch got.
	Inner       []*PullRequest
	InnerUnread string
	MergedAs    string

	Reviews   []Review    // every one, in the order in which they were submitted
	Retargets []time.Time // when the base was changed
	// Pushes are those of the head ref that had a part in it, the newest first: each since the branch began as
	// it is, and each older one after which a branch of that name held one of the commits.
	Pushes []Push
	// Complete says that reviews, retargets and pushes were read to their end.
	Complete bool
	// PushesUnread says that Pushes were not read to their end.
	PushesUnread bool
}

// Account is who the forge says somebody is. Names change; ids do not.
type Account struct {
	ID    int64
	Login string
	Type  string // "User", "Bot", "Organization", …
}

// Review is one review of a pull request.
type Review struct {
	ID     int64
	By     Account
	State  string // APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED
	Commit string // the head that was reviewed; "" where the forge does not say
	At     time.Time
	// Dismissed is how it was dismissed; nil where it was not, or the forge does not say.
	Dismissed *Dismissal
}

// Dismissal is the dismissal of a review.
type Dismissal struct {
	By  Account
	Was string // the state that the review had until then
	At  time.Time
}

// Role is what an account may do in the repository now.
type Role struct {
	Account Account
	Name    string   // the forge's role: none, read, triage, write, maintain, admin
	Teams   []string // the forge's teams that were asked about and that it belongs to, "organisation/team"
	Known   bool     // false: it could not be read, and Why says why
	Why     string
	// Stranger says that neither the policy names the account nor any of the teams that were read has it as a
	// member: no word of it counts, whatever its role is, which nobody asked.
	Stranger bool
}

// Push is one entry of the forge's activity log.
type Push struct {
	Ref    string
	Before string // "" for a new ref
	After  string // "" for a deleted one
	At     time.Time
	By     Account
	Kind   string // push, force_push, branch_creation, branch_deletion, pr_merge, merge_queue_merge
}

// Step is one step of a branch along first parents: what the branch got at once.
type Step struct {
	Commit  string   // what the branch got
	Parent  string   // where it was before; "" for a root
	Commits []string // all that the step brought and its parent does not reach; with it the commit itself
	Seen    Seen

	// PullRequest is what the forge's own record says was merged as this commit; nil: none. Why says
	// why there is none: no record, or several. Unread says why it could not be learned whether there is one;
	// "" where it was.
	PullRequest *PullRequest
	Why         string
	Unread      string
	MergedBy    Account
	// Also are other pull requests that the forge recorded as merged as this commit: what people say of them,
	// they say of it.
	Also []*PullRequest

	// Merge is how the parent and the pull request's head were merged again, and Equal says that
	// what came out is the commit's tree.
	Merge Merge
	Equal bool
	Gaps  []Gap

	// Policy is what the branch is left with by this step and all before it, if they change that; nil of all
	// steps but the last.
	Policy *PolicyLeft
}

// Request is a request that somebody handed over, and what it was handed over for.
type Request struct {
	Raw    []byte // the statement's file, as package delegation writes it; nil: none
	Why    string // why there is none
	Source string // where it came from: "the payload of deployment 7", "--request request.json"
	Seen   Seen   // when a trusted party first saw it

	// What the gate is asked to let through. Action and Commit may be "", which is whatever the request
	// names; an Environment of "" is none, since a target of one name may be in several.
	Action      names.Action
	Environment string
	Commit      string
	// Targets are what is to be deleted, rotated or used, or the parts of the environment to deploy to,
	// each of which the request must cover; none: all of it.
	Targets    []string
	RunID      int64 // of the workflow; 0 off the forge
	RunAttempt int
	Job        string
	// ByAction says that a workflow's step asks, and ActionRef at which ref the workflow names the action of
	// it; "" where that is not known.
	ByAction  bool
	ActionRef string

	// Used says that the request was used up before, as UsedBy tells; UsedUnknown, that it could not
	// be learned.
	Used        bool
	UsedBy      string
	UsedUnknown string // why; "" where it is known

	// DefaultRef is the full name of the default branch; "" where it is not known. ReachableFrom are
	// full names of refs that reach the commit, among those from which the policy lets it be deployed
	// (where it says none: the default branch). RefsKnown says that all refs were
	// looked at which the policy asks about; where it is false there may be more.
	DefaultRef    string
	ReachableFrom []string
	RefsKnown     bool

	// Deployed is the newest commit below, or at, Commit that was let through to the environment before;
	// "" for none. Newer is one that was let through and that Commit does not come after: it comes before
	// it, or lies aside of what was let through last; "" for none. NewerAt is when the gate let that one
	// through; zero where no gate recorded it.
	Deployed string
	Newer    string
	NewerAt  time.Time
	// Changes is what differs between what the environment has and Commit, what it takes away too;
	// where the environment has nothing, all of Commit. ChangesKnown says that it is all of it, and
	// ChangesWhy why it is not.
	Changes      []Change
	ChangesKnown bool
	ChangesWhy   string
	// Since is the commit that Steps begins after: Deployed, or where the policy came to the branch.
	Since string
	// Steps are the first-parent steps since then up to Commit, the oldest first; where Deployed is
	// Commit itself, the one step that made it.
	// StepsWhy says why they are not all there; "" where they are.
	Steps    []Step
	StepsWhy string
	Gaps     []Gap
}

// SignedApproval is an approval statement that somebody handed over.
type SignedApproval struct {
	Raw    []byte // the statement's file, as package delegation writes it
	Source string // where it came from
	Seen   Seen
}
