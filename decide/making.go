package decide

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/remit-sh/remit/checker"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing/gitobject"
	"github.com/remit-sh/remit/verdict"
)

// Staged asks, before its message is written, whether a commit of what is staged would be covered by the
// delegation in force: advice.
type Staged struct {
	InForce delegation.Chain
	Ref     string // the branch that is checked out
	Changes []evidence.Change
	// Amended is what it changes if it takes the place of the commit that is checked out. It is asked for where
	// Changes are denied: git does not say which of the two it will be. Nil: there is none to amend.
	Amended    func() ([]evidence.Change, error)
	Again      string // the command that makes it again
	Repository Naming
}

func (q Staged) decide(ctx context.Context, src Sources) Outcome {
	c := src.here()
	ref := c.written(q.Ref)
	set, p, err := c.beingMade(ctx, src, ref, q.Repository)
	if err != nil {
		return unmade(src, err)
	}
	// git asks the hook before there is a message, and nothing here counts lines: the signing helper, which
	// has the commit, goes by both.
	set.Making = q.Again
	set.NotYet = []string{"commit.message", "commit.lines_changed"}
	judge := func(changes []evidence.Change) *verdict.Report {
		return checker.Preview(p, set, q.InForce, evidence.Commit{
			ID: "(new)", Refs: []string{ref}, Changes: changes, Seen: evidence.Seen{Time: set.At, By: set.AtSource}, New: true,
		})
	}
	o := Outcome{Report: judge(q.Changes)}
	if o.Report.Verdict != verdict.Denied || q.Amended == nil {
		return o
	}
	// A path is taken out of a commit by changing it back. Whoever signs sees the commit itself.
	if amended, err := q.Amended(); err == nil {
		if r := judge(amended); r.Verdict != verdict.Denied {
			o.Report = r
		}
	}
	return o
}

// Signed asks of a commit or tag, just as it was signed, how it would be judged if it were pushed now.
type Signed struct {
	Payload, Signature []byte // of the object, as git hands it over, and armored
	Ref                string // the branch that is checked out
	Again              string // the command that makes the commit again
	Repository         Naming
}

func (q Signed) decide(ctx context.Context, src Sources) Outcome {
	o, err := q.judge(ctx, src)
	if err != nil {
		return unmade(src, err)
	}
	return o
}

func (q *Signed) judge(ctx context.Context, src Sources) (Outcome, error) {
	text := string(q.Payload)
	switch {
	case strings.HasPrefix(text, "tree "):
		return q.judgeCommit(ctx, src)
	case strings.HasPrefix(text, "object "):
		return q.judgeTag(ctx, src)
	case strings.HasPrefix(text, "certificate version "):
		return unruled(src, "", ClockHere), nil // a push certificate: what it pushes is judged at the server
	default:
		return Outcome{}, fault.Refusedf("git asks to sign something that is neither a commit nor a tag")
	}
}

func (q *Signed) judgeCommit(ctx context.Context, src Sources) (Outcome, error) {
	c := src.here()
	ref := c.written(q.Ref)
	set, p, err := c.beingMade(ctx, src, ref, q.Repository)
	if err != nil {
		return Outcome{}, err
	}
	raw, err := gitobject.WithSignature(q.Payload, q.Signature)
	if err != nil {
		return Outcome{}, fault.Refusedf("git handed over a commit that is not well-formed: %w", err)
	}
	commit, err := c.Pending(ctx, raw, p.NeedsLines())
	if err != nil {
		return Outcome{}, fault.Undecidedf("reading what the commit changes: %w", err)
	}
	set.Making, commit.ID = q.Again, "(new)" // its id would name nothing that there is
	commit.Refs, commit.Seen, commit.New = []string{ref}, evidence.Seen{Time: set.At, By: set.AtSource}, true
	set.Commits = []evidence.Commit{commit}
	if object, err := gitobject.ParseCommit(raw); err == nil {
		c.addNamed(set, object.Message)
	}
	return Outcome{Report: checker.Check(p, set)}, nil
}

func (q *Signed) judgeTag(ctx context.Context, src Sources) (Outcome, error) {
	c := src.here()
	set, p, err := c.beingMade(ctx, src, "", q.Repository)
	if err != nil {
		return Outcome{}, err
	}
	raw := append(append([]byte{}, q.Payload...), q.Signature...)
	tag, err := gitobject.ParseTag(raw)
	if err != nil {
		return Outcome{}, fault.Refusedf("git handed over a tag that is not well-formed: %w", err)
	}
	set.Making = "git tag …"
	set.Tags = []evidence.Tag{{ID: "of " + tag.Name, Raw: raw, Ref: "refs/tags/" + tag.Name, Seen: evidence.Seen{Time: set.At, By: set.AtSource}}}
	c.addNamed(set, tag.Message)
	return Outcome{Report: checker.Check(p, set)}, nil
}

// beingMade is the evidence of something that is being made here and now on a branch ("": on none), and the
// policy by which it will be judged.
func (c clone) beingMade(ctx context.Context, src Sources, ref string, name Naming) (*evidence.Set, *policy.Policy, error) {
	rule, err := issuing(ctx, c.Repo)
	p := rule.policy
	if err == nil && ref != "" {
		p, err = c.rulingHere(ctx, rule, ref)
	}
	if err != nil {
		return nil, nil, err
	}
	repository, err := name(p)
	if err != nil {
		return nil, nil, err
	}
	return newSet(nil, evidence.SurfaceClient, repository, Clock{src.Now(), ClockHere}), p, nil
}

// unmade is the outcome of a question about what is being made that was not judged. Where this repository knows no
// policy, nothing here says what is allowed: whoever it is pushed to knows, and advice stops nobody.
func unmade(src Sources, err error) Outcome {
	if !errors.Is(err, ErrNoPolicy) {
		return undone(src, err)
	}
	o := unruled(src, "", ClockHere)
	o.Notes = []string{unjudged(err)}
	return o
}

func unjudged(err error) string {
	return fmt.Sprintf("%v: nothing is judged here, and whoever this is pushed to may deny it (`remit doctor` says how to have it judged here)", err)
}

// Unjudged says, as a sentence, that what is made in a repository is not judged there because it knows no policy; ""
// where it knows one, of which nothing is said. git shows what a signing helper says only where that refuses.
func Unjudged(repo *gitrepo.Repo) string {
	if repo.PolicyRef() != "" {
		return ""
	}
	for _, rev := range (clone{Repo: repo}).placesOfPolicy() {
		commit, err := repo.ResolveRevision(rev)
		if err != nil {
			continue
		}
		if _, err := repo.File(commit, policy.FileName); !errors.Is(err, gitrepo.ErrNotFound) {
			return ""
		}
	}
	return unjudged(errNoneHere)
}

// addNamed adds the delegation that a message names.
func (c clone) addNamed(set *evidence.Set, message string) {
	ref, ok, err := delegation.ParseTrailer(message)
	if err != nil || !ok || ref.Inline != nil {
		return // the checker says what is wrong with it
	}
	set.Bundles[ref.Digest] = c.Bundle(ref.Digest)
}

// PullStatement asks whether a pull request that was just signed would be denied for certain.
type PullStatement struct {
	Signed *delegation.Signed[delegation.PullRequest]
	Policy *policy.Policy // that signing goes by
	// Opening is how it is about to be opened; nil: that is not known yet.
	Opening *Opening
}

// Opening is what is said of a pull request when it is opened.
type Opening struct {
	Title string
	Draft bool
}

func (q PullStatement) decide(ctx context.Context, src Sources) Outcome {
	c, statement := src.here(), q.Signed.Statement
	set := q.set(src)
	pr := evidence.PullRequest{
		Open: true, Created: set.At, HeadRepository: statement.Repository, HeadRef: statement.HeadRef, Head: statement.Head, BaseRef: statement.BaseRef,
		Statement: q.Signed.Marshal(), Commits: []string{statement.Head}, Complete: true,
	}
	if pr.Base = c.tip(statement.BaseRef); pr.Base != "" {
		landing := c.Landing(ctx, pr.Base, statement.Head)
		pr.Onto, pr.Changes, pr.Gaps, pr.Merge = pr.Base, landing.Changes, landing.Gaps, landing.Merge
	}
	// Its number and labels it gets once it is there, and its commits are counted by whoever reads them all.
	set.NotYet = []string{"pr.number", "pr.labels", "commit.files_changed", "commit.files_deleted", "commit.lines_changed"}
	if q.Opening != nil {
		pr.Title, pr.Draft = q.Opening.Title, q.Opening.Draft
	} else {
		set.NotYet = append(set.NotYet, "pr.title", "pr.draft")
	}
	set.PullRequests = []evidence.PullRequest{pr}
	return foreseen(checker.Check(q.Policy, set))
}

func (q *PullStatement) set(src Sources) *evidence.Set {
	return statementSet(src, q.Signed.Statement.Repository, q.Policy)
}

// RequestStatement asks whether a request that was just signed, or is to be approved, would be denied for
// certain.
type RequestStatement struct {
	Signed     *delegation.Signed[delegation.Request]
	Policy     *policy.Policy // that signing goes by
	Repository string
}

func (q RequestStatement) decide(ctx context.Context, src Sources) Outcome {
	c, statement := src.here(), q.Signed.Statement
	set := statementSet(src, q.Repository, q.Policy)
	if d := statement.Delegation; d != "" && q.Signed.Bundle == nil {
		set.Bundles[d] = c.Bundle(d)
	}
	asked := evidence.Request{
		Raw: q.Signed.Marshal(), Source: "here", Environment: statement.Environment, Targets: statement.Targets, Seen: evidence.Seen{Time: set.At, By: set.AtSource},
		RunID: statement.RunID, RunAttempt: int(statement.RunAttempt), Job: statement.Job, // used where it may be
	}
	if statement.Action == names.Deploy {
		var sure bool
		asked.ReachableFrom, asked.DefaultRef, sure = c.leadTo(ctx, q.Policy, statement.Environment, statement.Commit)
		asked.RefsKnown = sure && len(asked.ReachableFrom) == 0
	}
	set.Requests = []evidence.Request{asked}
	return foreseen(checker.Check(q.Policy, set))
}

// statementSet is the evidence of one statement that is made here and now.
func statementSet(src Sources, repository string, p *policy.Policy) *evidence.Set {
	set := newSet(nil, evidence.SurfaceClient, repository, Clock{src.Now(), ClockHere})
	set.RepositoryID = p.RepositoryID
	return set
}

// foreseen keeps of a report what is denied for certain: who signs can still mend that. What waits for an
// approval or cannot be told here is no reason to refuse.
func foreseen(r *verdict.Report) Outcome {
	denials := func(list []verdict.Finding) []verdict.Finding {
		var out []verdict.Finding
		for _, f := range list {
			if verdict.Of([]verdict.Finding{f}) == verdict.Denied {
				out = append(out, f)
			}
		}
		return out
	}
	r.Findings, r.Gates = denials(r.Findings), nil
	found := len(r.Findings)
	for i := range r.Acts {
		r.Acts[i].Findings = denials(r.Acts[i].Findings)
		found += len(r.Acts[i].Findings)
	}
	r.Verdict = verdict.Allowed
	if found > 0 && !r.Observe {
		r.Verdict = verdict.Denied
	}
	return Outcome{Report: r}
}
