// Package verdict holds what a check concluded: findings, the outcome for each act, and the report
// that every surface shows. Its zero values are invalid and count as a denial.
package verdict

import (
	"fmt"
	"time"
)

// Effect is what one finding does to the verdict.
type Effect uint8

// The effects, worst first. The zero value is not an effect; it denies.
const (
	EffectInvalid Effect = iota
	Deny                 // the act may not be
	Undecided            // something needed for a decision is missing; blocks
	Pending              // the act waits for somebody's approval; blocks until then
	Warn                 // permitted, and somebody should look
	Note                 // permitted; said so that the reader knows
)

// String is the effect's name in reports.
func (e Effect) String() string {
	switch e {
	case Undecided:
		return "undecided"
	case Pending:
		return "pending"
	case Warn:
		return "warn"
	case Note:
		return "note"
	default:
		return "deny"
	}
}

// MarshalText writes the name that reports use.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Verdict is the outcome for an act or a whole report.
type Verdict uint8

// The verdicts. The zero value is a denial, so that a verdict nobody set blocks.
const (
	Denied Verdict = iota
	NotDecided
	Waiting
	Allowed
)

// String is the verdict's name in reports: allow, deny, pending or undecided.
func (v Verdict) String() string {
	switch v {
	case Allowed:
		return "allow"
	case Waiting:
		return "pending"
	case NotDecided:
		return "undecided"
	default:
		return "deny"
	}
}

// MarshalText writes the name that reports use.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// The exit codes of every command.
const (
	ExitAllow     = 0
	ExitDeny      = 1
	ExitUsage     = 2
	ExitUndecided = 3
	ExitPending   = 4
)

// ExitCode is the process exit code that reports this verdict.
func (v Verdict) ExitCode() int {
	switch v {
	case Allowed:
		return ExitAllow
	case Waiting:
		return ExitPending
	case NotDecided:
		return ExitUndecided
	default:
		return ExitDeny
	}
}

// Of settles findings: the first of deny, undecided, pending that occurs, else allow.
func Of(findings []Finding) Verdict {
	v := Allowed
	for _, f := range findings {
		switch f.Effect {
		case Warn, Note:
		case Pending:
			v = min(v, Waiting)
		case Undecided:
			v = min(v, NotDecided)
		default:
			return Denied
		}
	}
	return v
}

// Finding is what one rule concluded about one act.
type Finding struct {
	Rule     string    // stable kebab-case id; docs/rules/<id>.md explains it
	Effect   Effect    //
	Summary  string    // what happened
	Reason   string    // why that has this effect, on whose authority
	Fix      string    // what to do now
	Path     string    // the path in the judged tree that it is about, "" for none
	Line     int       // in Path, from 1; 0: the file as a whole
	Column   int       // in Path, in characters from 1; 0: not known
	Location *Location // the line of the policy that it rests on, nil for none
}

// Location is a position in the policy. Lines and columns count from 1, columns in bytes.
type Location struct {
	File   string
	Line   int
	Column int
}

// String is "file:line:column".
func (l Location) String() string { return fmt.Sprintf("%s:%d:%d", l.File, l.Line, l.Column) }

// Link is one delegation of the chain behind an act, as reports show it.
type Link struct {
	Delegator string
	Delegate  string
	Digest    string
	NotAfter  time.Time
	Purpose   string
	Minted    bool // the delegate's key was made for this delegation
}

// Act is the outcome for one act.
type Act struct {
	Kind     string // names.Action
	Subject  string // commit id, ref, PR or request
	Ref      string // the ref that it was judged at, "" for none
	Title    string // what the actor wrote about it (a commit's subject line); untrusted
	Actor    string // "agent.coder"; "" where nobody could be named
	Key      string // fingerprint of the key that signed, "" for none
	Evidence string // on what the attribution rests
	Seen     time.Time
	SeenBy   string
	Chain    []Link
	Bundle   []byte   // the signed delegations of Chain, as package delegation writes them; nil for none
	Paths    []string // that it changes; untrusted
	Verdict  Verdict
	Findings []Finding
}

// Gate is one gate of the policy that some act waits for or has passed.
type Gate struct {
	Name    string
	Needed  int
	Counted []string
	Ignored []Ignored
	// Approvers says who can still approve; empty where nobody needs to. Where anybody of a kind can,
	// it says of which kind.
	Approvers []string
	Location  *Location
}

// Ignored is an approval that did not count.
type Ignored struct {
	Who string
	Why string
}

// Report is the outcome of a check.
type Report struct {
	Verdict Verdict
	Observe bool // the policy only observes: nothing is blocked
	// MayGoUnrecorded says that the policy lets an act pass where the decision could not be recorded.
	MayGoUnrecorded bool

	Repository string
	Policy     string // digest of the policy
	PolicyFrom string // where the policy was read
	At         time.Time
	AtSource   string
	Acts       []Act
	Gates      []Gate
	Findings   []Finding // those about the whole, not about one act
	Nothing    string    // why there was nothing to judge, a clause without a full stop; "": there was something
}

// Settle sets the verdict of each act and of the whole: the worst of all.
// A report without acts is allowed only where nothing was found against it.
func (r *Report) Settle() {
	r.Verdict = Of(r.Findings)
	for i := range r.Acts {
		r.Acts[i].Verdict = Of(r.Acts[i].Findings)
		r.Verdict = min(r.Verdict, r.Acts[i].Verdict)
	}
}

// ExitCode is what a command that shows the report exits with: 0 where the policy only observes.
func (r *Report) ExitCode() int {
	if r.Observe {
		return ExitAllow
	}
	return r.Verdict.ExitCode()
}
