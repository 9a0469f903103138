package checker

import (
	"crypto/sha256"
	"strings"
	"sync"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
)

// judge is what all acts of one check share.
type judge struct {
	askedTeams []string // of the forge, by the gates of what is judged
	// approvalsAsked says that something that is judged asks for approvals.
	approvalsAsked bool
	policy         *policy.Policy
	set            *evidence.Set
	byCommit       map[string]*act
	brought        map[string]int    // new commits by the ref that they come in by
	byTag          map[string][]*act // tags by the ref that they come in by
	byPull         map[*evidence.PullRequest]*act
	tally          tally
	whole          policy.Facts // counts of all commits together
	guards         []guard
	namedPaths     []namedPaths
	emails         map[string]*policy.Principal // by lower-case address

	mu     sync.Mutex
	chains map[[32]byte]*chainState // by the SHA-256 of the bundle's bytes
	keys   map[string]checkedKey    // that no principal has, by fingerprint

	// What many updates bring along is looked at for each of them, and what it is in itself once.
	paths sync.Map // what is wrong with a path (unsafeness), by path
	old   sync.Map // what old commits say (*gitobject.Commit), by their acts
}

// unsafeness is what is wrong with a path.
type unsafeness struct {
	why    string // "" for nothing
	always bool   // for humans too
	agents bool   // nothing for humans
}

// checkedKey is a key and what is wrong with it.
type checkedKey struct {
	key signing.PublicKey
	err error
}

func newJudge(p *policy.Policy, e *evidence.Set) *judge {
	return &judge{
		policy:     p,
		set:        e,
		byCommit:   make(map[string]*act, len(e.Commits)),
		brought:    map[string]int{},
		byTag:      map[string][]*act{},
		byPull:     map[*evidence.PullRequest]*act{},
		guards:     newGuards(p),
		namedPaths: newNamedPaths(p),
		emails:     emails(p),
		chains:     map[[32]byte]*chainState{},
		keys:       map[string]checkedKey{},
	}
}

// checkedKey is the key of a signature, which the policy does not list. It is checked once for all
// the signatures that it made.
func (j *judge) checkedKey(sig *signing.Signature, fingerprint string) (signing.PublicKey, error) {
	j.mu.Lock()
	known, ok := j.keys[fingerprint]
	j.mu.Unlock()
	if !ok {
		known.key, known.err = sig.CheckedKey()
		j.mu.Lock()
		j.keys[fingerprint] = known
		j.mu.Unlock()
	}
	return known.key, known.err
}

// chainState is a bundle that was read and verified once.
type chainState struct {
	once     sync.Once
	chain    delegation.Chain
	err      error
	problems []delegation.Problem
}

// readChain reads a bundle, and verifies its links, once for all acts that name it.
// It goes by the bundle's bytes, not by the digest: the digest names the leaf's payload
// and says nothing of the signatures around it.
func (j *judge) readChain(bundle []byte) *chainState {
	sum := sha256.Sum256(bundle)
	j.mu.Lock()
	state := j.chains[sum]
	if state == nil {
		state = &chainState{}
		j.chains[sum] = state
	}
	j.mu.Unlock()
	state.once.Do(func() {
		state.chain, state.err = delegation.ParseBundle(bundle)
		if state.err == nil {
			state.problems = state.chain.Problems(j.set.Repository, j.repositoryID())
		}
	})
	return state
}

// repositoryID is the forge's id of the repository: what the forge said, else what the policy pins.
func (j *judge) repositoryID() int64 {
	if j.set.RepositoryID != 0 {
		return j.set.RepositoryID
	}
	return j.policy.RepositoryID
}

// total counts what conditions may ask about: for each commit, and for everything together.
// The larger counts, so that nothing is gained by cutting a change into slices. What pushes change where they move
// refs is counted by itself: the commits that they bring are in it again.
func (j *judge) total(acts []*act) {
	var moved policy.Facts
	for _, a := range acts {
		switch {
		case a.commit != nil && a.request == nil:
			j.whole = addCounts(j.whole, a.changes, a.commit.Lines)
		case a.update != nil && a.kind == names.Push:
			moved = addCounts(moved, a.update.Landing, a.update.Lines)
		}
	}
	for _, a := range acts {
		a.facts = a.factsOf(j.whole)
		if a.update != nil && a.kind == names.Push {
			a.facts.FilesChanged = max(a.facts.FilesChanged, moved.FilesChanged)
			a.facts.FilesDeleted = max(a.facts.FilesDeleted, moved.FilesDeleted)
			a.facts.LinesChanged = max(a.facts.LinesChanged, moved.LinesChanged)
		}
	}
}

// addCounts adds what is changed to the counts of everything together. Lines that were not counted are
// limit-exceeded's matter.
func addCounts(whole policy.Facts, changes []evidence.Change, lines int) policy.Facts {
	files, deleted := count(changes)
	whole.FilesChanged += files
	whole.FilesDeleted += deleted
	whole.LinesChanged += max(lines, 0)
	return whole
}

// factsOf is what can be asked about the act, with the counts of everything together.
func (a *act) factsOf(whole policy.Facts) policy.Facts {
	whole.Action, whole.Time = a.kind, a.seen.Time
	if a.judge.set.Surface == evidence.SurfaceClient { // where a verdict is advice
		whole.NotYet = a.judge.set.NotYet
	}
	if a.commit != nil {
		whole.IsMerge = len(a.commit.Parents) > 1
	}
	if a.commit != nil && a.object != nil {
		whole.Message = a.object.Message
	}
	if len(a.pulls) > 0 {
		pr := a.pulls[0]
		whole.PRNumber, whole.PRTitle, whole.PRLabels, whole.PRDraft = pr.Number, pr.Title, pr.Labels, pr.Draft
	}
	if a.asked != nil {
		whole.DeployEnvironment, whole.DeployReason = a.environment(), a.asked.Statement.Reason
	}
	return whole
}

// count is the number of paths that differ and of those that are gone.
func count(changes []evidence.Change) (changed, deleted int) {
	for _, c := range changes {
		changed++
		if c.New.Mode == 0 {
			deleted++
		}
	}
	return changed, deleted
}

// emails maps each address that the policy lists to its principal.
func emails(p *policy.Policy) map[string]*policy.Principal {
	all := map[string]*policy.Principal{}
	for _, block := range p.Principals {
		for _, e := range block.Emails {
			all[strings.ToLower(e)] = block
		}
	}
	return all
}
