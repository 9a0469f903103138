package evidence

import "time"

// PullRequest is a pull request as the forge tells it now. Nothing of an event's payload is in it.
type PullRequest struct {
	Number  int
	Title   string // untrusted
	Labels  []string
	Draft   bool
	Open    bool
	Merged  bool
	Author  Account
	Created time.Time // the forge's clock

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

	Reviews   []Review    // every one, in the order in which they were submitted
	Retargets []time.Time // when the base was changed
	Pushes    []Push      // of the head ref, the newest first
	// Complete says that reviews, retargets and pushes were read to their end.
	Complete bool
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
}

// Role is what an account may do in the repository now.
type Role struct {
	Account Account
	Name    string   // the forge's role: none, read, triage, write, maintain, admin
	Teams   []string // the forge's teams that were asked about and that it belongs to, "organisation/team"
	Known   bool     // false: it could not be read, and Why says why
	Why     string
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

// SignedApproval is an approval statement that somebody handed over.
type SignedApproval struct {
	Raw    []byte // the statement's file, as package delegation writes it
	Source string // where it came from
	Seen   Seen
}
