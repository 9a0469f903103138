// Package evidence holds what was observed about acts: plain facts, each with who observed it.
// Collectors (gitrepo, forge, workflow) fill it in; the checker judges it and sees nothing else.
//
// Nothing here is a conclusion. A fact that could not be observed is recorded as a [Gap],
// so that the checker can say "could not decide" instead of deciding on half of the picture.
package evidence

import (
	"time"

	"github.com/remit-sh/remit/names"
)

// Set is all that was observed for one decision.
type Set struct {
	Repository   string    // canonical host/owner/name of the repository that received the acts
	RepositoryID int64     // the forge's numeric id; 0 where no forge was asked
	At           time.Time // the judge's clock
	AtSource     string    // whose clock that is: "clock", "--at", "server clock", …

	Surface Surface

	// Pusher is the principal that the server attests as having pushed; nil where nobody attests it.
	Pusher *Pusher
	// PusherUnsaid is where the server says who pushes and said nothing, such as "GL_USER"; "" where it said it,
	// or never does.
	PusherUnsaid string

	Updates []Update
	Commits []Commit // parents before children
	Tags    []Tag
	Bundles map[string]Bundle // delegation bundles that the commits name, by "sha256:…" digest

	PullRequests []PullRequest // each is judged, as one act
	Steps        []Step        // of a branch, which the forge has a record of; they are judged too
	Requests     []Request     // likewise
	Roles        []Role        // of everybody who reviewed, now
	Approvals    []SignedApproval

	// Workflows is a tree whose workflow files are judged by themselves; nil for none.
	Workflows *WorkflowTree
	// References are names in lines that commits add to files and that could be those of secrets.
	References []Reference

	// Making is the command with which what is judged is made, such as "git commit …", where it is being made: a denial
	// keeps it from being there, and whoever mended that does the same again. "": it is there.
	Making string

	// NotYet are names of facts, as conditions call them, that will be known only once what is judged is done.
	// A client that foresees an act alone has any ([SurfaceClient]); elsewhere they are not looked at.
	NotYet []string

	Gaps []Gap
}

// Surface says which door the acts came through.
type Surface uint8

// The surfaces. The zero value is not one.
const (
	SurfaceUnknown Surface = iota
	SurfaceCheck           // remit check: a range, judged as if pushed
	SurfaceClient          // a client's hook or the signing helper: advice
	SurfaceServer          // a server's receive hook: enforced
	SurfaceForge           // a forge's check
)

// Pusher is who pushed, by the word of the server that let the push in.
type Pusher struct {
	Login      string // the account name that the server reported
	Source     string // where it was read, such as "GL_USER"
	Delegation string // digest of the delegation named by the push, "" for none
}

// Update is one ref that was created, moved or deleted.
type Update struct {
	Ref    string // full name
	Old    string // object id; "" where the ref is created
	New    string // object id; "" where the ref is deleted
	Object string // the type of New: "commit", "tag", "tree" or "blob"; "" where the ref is deleted
	Forced bool   // Old is not an ancestor of New
	// NewCommits and Moved count what the update brings: commits that no other ref of the receiver
	// reached, and commits that one did but that are new to this ref.
	NewCommits int
	Moved      int
	// Begins is a commit among those that the update brings at which the remote has the ref already: a push begins
	// there, whatever the update is compared with. "": at Old.
	Begins string
	// Carried lists every commit that the update brings to this ref and that the default branch does
	// not have: what whoever pushes answers for as a whole.
	Carried []string
	// LongLived says that the ref is the default branch or one that settings.bases lists. What others put
	// elsewhere comes onto it only by whoever may put it there.
	LongLived bool
	// Landing is what differs between Old (of a new ref: the default branch's commit) and New, both sides
	// of renames. On a ref that is not long-lived it leaves out what the ref only catches up with: what is as it is on
	// the default branch, and was at Old as it was where the two parted. LandingGaps says what of it could not be
	// read, and Lines counts the lines of it that are added and removed; -1 where they were not counted.
	Landing     []Change
	LandingGaps []Gap
	Lines       int
	Seen        Seen

	// Workflows is what the update changes in what workflows may do, from Old (of a new ref: from
	// where it left the default branch); nil where it changes no file that is about that.
	Workflows *WorkflowChange

	// Policy is what the ref is left with where its own policy rules it: the default branch, and refs that
	// settings.bases lists. Nil: no policy is read from it.
	Policy *PolicyLeft

	// Delegations is set for a ref under refs/remit/, which carries no commits. Bundle is what a
	// new one holds; Held is what one holds that is there already, empty and not nil where that
	// cannot be a bundle.
	Delegations bool
	Bundle      Bundle
	Held        Bundle
}

// PolicyLeft is the policy that a ref has once an act is through.
type PolicyLeft struct {
	State  PolicyState
	Base   bool   // the ref is one that settings.bases lists, and not the default branch
	Detail string // what is wrong with it, without a full stop
	Fix    string // how one that could not be read can be, without a full stop; "": nothing is known
	// Created says that the act makes the ref, and Lacked that the ref had no policy before it either: then none is
	// taken away.
	Created, Lacked bool
	// Takeover says why the act is judged as if the policy in force enforced, where that only observes: a clause about
	// the policy that the act brings. "": it is not.
	Takeover string
}

// PolicyState says what there is of a policy.
type PolicyState uint8

// The states. The zero value says that nothing is left.
const (
	PolicyGone       PolicyState = iota // there is no file of it
	PolicyKept                          // it can be used
	PolicyInvalid                       // it cannot be used, and Detail says why
	PolicyOfOther                       // it rules another repository, and Detail says which
	PolicyRefDeleted                    // the ref itself goes
	PolicyUnread                        // it could not be learned, and Detail says why
	PolicyLocked                        // it can be used, nobody could change it any more, and Detail says why
)

// Seen is when a trusted party first saw an act.
type Seen struct {
	Time time.Time // zero: not known
	By   string    // whose clock: "server clock", "judge's clock", "activity log", …
}

// Commit is one commit object with what it changes.
type Commit struct {
	ID      string
	Raw     []byte   // the object's content, without git's "commit <size>" header
	Parents []string // as the raw object names them
	Refs    []string // full names of the refs that bring it in; each must permit it
	Seen    Seen
	New     bool // false: some other ref had it already; it counts only in [Update.Carried]
	// Push is the forge's record of the push that first brought the commit to its branch; nil: none
	// is known. Unread is an older one by somebody else of which it could not be learned what it brought: it
	// may have been the first.
	Push   *Push
	Unread *Push
	// CarriedIn are the pull requests that the forge recorded as merged into the commit's branch as this commit,
	// squashed or rebased: the change is theirs. CarriedWhy says why it could not be learned whether there
	// are any; "" where it was, or where nothing hangs on it.
	CarriedIn  []*PullRequest
	CarriedWhy string

	// Changes are the tree entries that differ from the parent (from the empty tree for a root). For a
	// merge they are what is its maker's own: what differs from the parents merged again path by path,
	// so that nothing goes to another name, and every path that could not be merged without a conflict,
	// whatever stands there now.
	Changes []Change
	Merge   *Merge // set where there are two or more parents
	Lines   int    // lines added and removed; -1 where they were not counted
	Gaps    []Gap  // what of this commit could not be read
}

// Merge says how a merge was made again. A merge that is made again and comes out the same is not one
// that changes nothing: git carries what one side changed to where the other side moved it, and what it
// leaves after a conflict is somebody's to settle. So it is made again path by path.
type Merge struct {
	Recomputed bool
	Conflicts  []string // paths that could not be merged; each is in Changes
	// Same says that the merge is, to the byte, what git makes of its parents when it follows renames and
	// finds no conflict: nobody added anything. Followed lists the paths at which it holds what git
	// carried there from another name; each is in Changes.
	Same     bool
	Followed []string
	Why      string // why it could not be made again
}

// Change is one path whose tree entry differs. A rename is two changes: the path that went and
// the path that came.
type Change struct {
	Path     string // raw bytes, as git stores them
	Old, New Entry
}

// Entry is one side of a change. Its zero value is "no such path".
type Entry struct {
	Mode uint32 // git's octal mode: 0o100644, 0o100755, 0o120000, 0o160000
	ID   string
}

// Tag is one annotated tag object.
type Tag struct {
	ID   string
	Raw  []byte
	Ref  string
	Seen Seen
}

// Bundle is a delegation bundle as it was found.
type Bundle struct {
	Raw    []byte // nil: not found
	Source string // where it was found, or where it was looked for
	Why    string // why it was not found
}

// Gap is something that should have been observed and was not.
type Gap struct {
	Kind   GapKind
	What   string // the object, ref or list that is missing
	Detail string // what the reader said
	Fix    string // how to complete it
	// Team is the forge's team, "organisation/team", whose members could not be read: it matters where one is
	// asked about. "" for a gap that is about anything else.
	Team string
	// Approvals says that only what people said of something is missing: it matters where they are asked.
	Approvals bool
}

// GapKind says what sort of gap it is.
type GapKind uint8

// The kinds of gap. The zero value is treated as the worst of them.
const (
	GapUnknown GapKind = iota
	GapHistory         // an object is missing, corrupted or behind a shallow boundary
	GapLimit           // more than the limits of a decision
	// GapMalformed is an object that is what its name says and that git would not have written: two
	// readers could see two things in it.
	GapMalformed
	GapForge // the forge did not say, or may not say it to this token
)

// Action is the kind of act that a ref's change is, apart from its commits.
// An update that only brings new commits is no act of its own, and Action is "" for it.
func (u Update) Action() names.Action {
	switch {
	case u.New == "":
		return names.Delete
	case u.Object == "tag" && u.Old == "":
		return "" // the tag object is an act, signed by itself
	case u.Forced || u.NewCommits == 0 && u.Old != u.New:
		return names.Push
	default:
		return ""
	}
}
