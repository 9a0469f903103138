package decide

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/forge"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// unruled is the outcome where no policy is in force yet: nothing is enforced.
func unruled(src Sources, repository, clock string) Outcome {
	return Outcome{Bootstrap: true, Report: &verdict.Report{
		Repository: repository, At: src.Now(), AtSource: clock, Observe: true, Verdict: verdict.Allowed,
	}}
}

// undone is the outcome where something kept a question from being decided.
func undone(src Sources, err error) Outcome {
	r := couldNotLearn(err)
	r.At, r.AtSource = src.Now(), ClockJudge
	return Outcome{Report: r, Err: err, Unusable: fault.KindOf(err) == fault.Usage}
}

// couldNotLearn is the report that something could not be learned.
func couldNotLearn(err error) *verdict.Report {
	reason := strings.TrimSuffix(err.Error(), ".")
	var invalid *policy.InvalidError
	if errors.As(err, &invalid) {
		reason += ": " + strings.TrimSuffix(invalid.Diagnostics.Error(), ".")
	}
	var lacks *forge.PermissionError
	lacking := errors.As(err, &lacks)
	if lacking { // its text says the fix too
		reason = strings.TrimSuffix(strings.Replace(reason, strings.TrimSuffix(lacks.Fix(), "."), "", 1), ". ")
	}
	f := verdict.Finding{
		Rule: "history-incomplete", Effect: verdict.Undecided, Summary: "the check could not be made",
		Reason: "What it needs could not be read: " + reason + ".", Fix: "Run the check again.",
	}
	if fix := fault.FixOf(err); fix != "" {
		f.Fix = strings.ToUpper(fix[:1]) + strings.TrimSuffix(fix[1:], ".") + "."
	}
	if errors.Is(err, forge.ErrCut) || errors.Is(err, forge.ErrBudget) || errors.Is(err, gitrepo.ErrLimit) {
		f.Rule, f.Reason = "limit-exceeded", "It is over a limit of the check: "+reason+"."
	}
	if lacking {
		f.Fix = lacks.Fix()
	}
	r := &verdict.Report{Findings: []verdict.Finding{f}}
	r.Settle()
	return r
}

// unrecorded is an outcome that could not be recorded. Nothing is let through that nobody would know of, unless the
// policy in force says that it may be; where nothing blocks, this does not either.
func unrecorded(o Outcome, err error) Outcome {
	o.Statement = nil // it says which entry the log has
	why := strings.TrimSuffix(err.Error(), ".")
	fix := cmp.Or(strings.TrimSuffix(fault.FixOf(err), "."), "see that the audit log can be written")
	// Without a verdict nothing is let through anyway: what is said first is why there is none.
	note := o.Err != nil || !mustBeKept(o.Report, o.Bootstrap)
	if note {
		o.Notes = append(slices.Clone(o.Notes), fmt.Sprintf("This decision is in no audit log: %s. To mend it: %s.", why, fix))
	}
	failed := unkept(why, fix, o.Used)
	failed.At, failed.AtSource = o.Report.At, o.Report.AtSource
	failed.Repository, failed.Policy = o.Report.Repository, o.Report.Policy
	o.Checks = slices.Clone(o.Checks)
	for i := range o.Checks {
		if c := &o.Checks[i]; mustBeKept(c.Report, c.Bootstrap) {
			c.Report, c.Said = verdict.Merge(c.Report, failed), verdict.Sentence{}
		}
	}
	if !note {
		o.Report, o.Commit, o.Request, o.Said = verdict.Merge(o.Report, failed), "", nil, verdict.Sentence{}
	}
	return o
}

// mustBeKept reports whether what a report says holds only once it is recorded.
func mustBeKept(r *verdict.Report, bootstrap bool) bool {
	return !bootstrap && !r.Observe && !r.MayGoUnrecorded
}

// unkept is the report that a decision could not be recorded. Used says that it used a request up.
func unkept(why, fix string, used bool) *verdict.Report {
	f := verdict.Finding{
		Rule: "history-incomplete", Effect: verdict.Undecided, Summary: "the decision could not be recorded",
		Reason: "Nothing is let through that the audit log does not have, and it could not be written: " + why + ".",
		Fix:    strings.ToUpper(fix[:1]) + fix[1:] + ". Then do the same again.",
	}
	if used {
		f.Summary = "the request is used up, and the decision could not be recorded"
		f.Fix = strings.ToUpper(fix[:1]) + fix[1:] + ". Then make a new request: nothing was let through by this one."
	}
	r := &verdict.Report{Findings: []verdict.Finding{f}}
	r.Settle()
	return r
}

// Outcome is what came of a question. It blocks unless its report or Bootstrap lets the act go on: see
// [Outcome.ExitCode].
type Outcome struct {
	Report *verdict.Report // never nil; where no verdict was reached it says why
	// Err is what kept a question about a repository that is here from a verdict; nil where one was reached.
	Err error

	Said      verdict.Sentence // beside the report
	Bootstrap bool             // no policy is in force: nothing blocks
	Unusable  bool             // a policy or the question itself cannot be used: no try again mends that
	Notes     []string         // what somebody should know, as sentences of untrusted text

	// Checks is what is to be said on the forge. All says that they are all that hold for their head: whatever
	// else stands there was said of a base that it does not go to any more.
	Checks []Check
	All    bool
	// Head is the commit that they are about, and Bases are where all open pull requests that have it as their head
	// go: what stands there for these is for their own runs to change.
	Head       string
	Bases      []string
	DefaultRef string // of the repository
	Merged     bool   // a pull request that has it as its head was: what is taken back there stays to be read
	// Left is the same for commits that the pull request left.
	Left []Outcome
	// Read is when, by the forge's clock, what the outcome goes by was read last.
	Read time.Time
	// Enforced is the branch whose policy a server enforces from now on, so that it can be remembered; "": none.
	Enforced string
	// Commit is what may be deployed now; "" for nothing.
	Commit string
	// Request is the signed request by which it may; nil where there is none, as where nothing is blocked.
	Request *delegation.Signed[delegation.Request]
	// Used says that a request was used up for it.
	Used bool
	// Recorded says, as a noun, where the outcome was recorded, such as "audit entry 12"; "" where it was not.
	Recorded string
	// Statement is what is said of a deploy that was let through and recorded, signed, as a file for others
	// (statement.ParseBundle); nil for nothing.
	Statement []byte
	// Deployment is the forge's deployment that was judged; 0 for none.
	Deployment int64
	// Delegations are the digests of those that what is pushed names and that are here, so that they can be
	// published.
	Delegations []string
}

// ExitCode is the exit code of a program whose result the outcome is (package verdict has them).
func (o *Outcome) ExitCode() int {
	switch {
	case o.Bootstrap:
		return verdict.ExitAllow
	case o.Unusable && !o.Report.Observe && o.Report.Verdict == verdict.NotDecided:
		return verdict.ExitUsage
	default:
		return o.Report.ExitCode()
	}
}

// Advises reports whether an outcome that is advice should be shown: waiting for approval is no reason to stop.
func (o *Outcome) Advises() (show, stop bool) {
	switch {
	case o.Bootstrap || o.Report.Verdict == verdict.Allowed:
		return false, false
	case o.Report.Verdict == verdict.Waiting || o.Report.Observe:
		return true, false
	default:
		return true, true
	}
}

// Spoiled is the outcome where it could not be told where it must be: nothing is allowed on a word that nobody
// heard, and an earlier word may still stand there.
func (o Outcome) Spoiled(err error) Outcome {
	failed := couldNotLearn(err)
	failed.Repository, failed.At, failed.AtSource, failed.Observe = o.Report.Repository, o.Report.At, o.Report.AtSource, o.Report.Observe
	o.Report, o.Commit, o.Request, o.Statement = verdict.Merge(o.Report, failed), "", nil, nil
	return o
}

// Outdated is the outcome where what was judged is not what there is any more, so that its verdict says nothing.
func (o Outcome) Outdated(err error) Outcome {
	r := couldNotLearn(err)
	r.Repository, r.At, r.AtSource, r.Observe = o.Report.Repository, o.Report.At, o.Report.AtSource, o.Report.Observe
	for i := range o.Checks {
		o.Checks[i].Report = r
	}
	return Outcome{Report: r, Head: o.Head, Checks: o.Checks, Notes: o.Notes, Read: o.Read}
}

// Check is what is to be said of a commit on a forge, by a check run of its own: that what the commit is the head
// of may be merged into one base. What holds for one base says nothing of another, so each has its own.
type Check struct {
	Head      string // commit id
	Base      string // full name of the branch; "": what a push brought to one, which is no leave to merge
	Default   bool   // the base is the default branch
	Pulls     []int  // open pull requests with that head and base
	Report    *verdict.Report
	Said      verdict.Sentence
	Bootstrap bool
}

// short is a commit id as people read it.
func short(id string) string { return id[:min(len(id), 10)] }
