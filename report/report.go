// Package report shows a [verdict.Report]: as text for people and agents at the moment of a
// denial, as JSON and SARIF for programs, and as Markdown for job summaries and checks.
//
// Nearly every string in a report can hold text that somebody judged has written: commit
// subjects, paths, refs, purposes, login names, and sentences that quote them. The rules of this
// package are therefore:
//
//   - every string of a report passes through [Inert] or its kin, whoever is thought to have written it;
//   - no line of text begins with such a string: it begins with words or marks of this package,
//     so that a CI system finds no command of its own there;
//   - in Markdown such strings stand in code only, where a forge interprets nothing.
//
// A report is written in one piece or, where an error is returned before that, not at all.
package report

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// DocsURL is where the page of each rule is found: DocsURL + id + ".md".
const DocsURL = "https://github.com/remit-sh/remit/blob/main/docs/rules/"

// How much of a report's strings is shown, in characters.
const (
	maxTitle    = 100   // a commit's subject line, a purpose
	maxName     = 200   // a path, ref, principal, digest
	maxSentence = 1_000 // a summary, a reason, a fix
)

// How many things of one sort are listed before "and N more".
const (
	maxListed = 5  // paths of a finding, acts of a block
	maxRules  = 3  // rule ids in a headline
	maxNames  = 20 // approvals of a gate
)

var errNoReport = errors.New("there is no report to show")

// commonKind is the kind of every act, "act" where they differ.
func commonKind(acts []verdict.Act) string {
	for i := range acts {
		if acts[i].Kind != acts[0].Kind {
			return "act"
		}
	}
	return kindName(acts[0].Kind, 1)
}

// kindName is an act's kind in a sentence. A kind that is not known is called an act.
func kindName(kind string, n int) string {
	name := "act"
	switch names.Action(kind) {
	case names.Commit, names.Tag, names.Push, names.Deploy, names.Secret, names.Rotate:
		name = kind
	case names.PullRequest:
		name = "pull request"
	case names.Delete:
		name = "deletion"
	case workflowKind:
		name = kind
	}
	return plural(n, name)
}

// workflowKind is the kind of an act that is a workflow file, judged by itself whoever wrote it.
const workflowKind = "workflow"

func isFile(a *verdict.Act) bool { return a.Kind == workflowKind }

// count is "1 commit", "3 commits", "2 pushes".
func count(n int, name string) string { return fmt.Sprintf("%d %s", n, plural(n, name)) }

func plural(n int, name string) string {
	switch {
	case n == 1:
		return name
	case strings.HasSuffix(name, "sh"):
		return name + "es"
	default:
		return name + "s"
	}
}

// sentenceCase makes the first letter of a sentence of ours a capital.
func sentenceCase(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// unnamed stands for an actor who is no principal: what is allowed all the same, the forge did by itself.
func unnamed(a *verdict.Act) string {
	if isFile(a) {
		return "anybody"
	}
	if a.Verdict == verdict.Allowed {
		return "the forge"
	}
	return "nobody who could be named"
}

// shortSubject shortens what is an object id or a digest and leaves anything else as it is.
func shortSubject(a *verdict.Act) string {
	if strings.HasPrefix(a.Subject, "sha256:") {
		return digestText(a.Subject)
	}
	if n := len(a.Subject); (n == 40 || n == 64) && strings.Trim(a.Subject, "0123456789abcdef") == "" {
		return a.Subject[:shortID]
	}
	return a.Subject
}

// shortID is how much of an object id or a digest is shown: enough to find it again.
const (
	shortID     = 10
	shortDigest = len("sha256:") + 12
)

func digestText(d string) string { return d[:min(len(d), shortDigest)] }

// clock is a time of day where it falls on the same day as the check, else with its date; in UTC.
func clock(t, at time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	layout := "15:04"
	if t.Second() != 0 {
		layout = "15:04:05"
	}
	if !sameDay(t.UTC(), at.UTC()) {
		layout = "2006-01-02 " + layout
	}
	return t.UTC().Format(layout + " UTC")
}

func sameDay(a, b time.Time) bool { return a.Year() == b.Year() && a.YearDay() == b.YearDay() }

// isRuleID reports whether id has the form of a rule's id, so that it can stand in a path or link.
func isRuleID(id string) bool {
	if id == "" || len(id) > 60 || id[0] == '-' {
		return false
	}
	return strings.Trim(id, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// minter is who made the key of the acting principal, "" where it was not made for its delegation.
func minter(a *verdict.Act) string {
	if len(a.Chain) == 0 || !a.Chain[len(a.Chain)-1].Minted {
		return ""
	}
	return a.Chain[len(a.Chain)-1].Delegator
}

// noted reports whether something other than a note was found.
func noted(found []verdict.Finding) bool {
	for i := range found {
		if found[i].Effect != verdict.Note {
			return true
		}
	}
	return false
}

// approved reports whether a gate has the approvals that it asks for.
func approved(g *verdict.Gate) bool { return g.Needed > 0 && len(g.Counted) >= g.Needed }

func writeAll(w io.Writer, b []byte, what string) error {
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("writing the %s report: %w", what, err)
	}
	return nil
}
