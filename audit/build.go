package audit

import (
	"fmt"
	"slices"
	"time"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// Facts are what an entry says beside what a report does.
type Facts struct {
	Repository string // where the report names none
	Surface    string
	Question   Question
	Run        Run
	Bootstrap  bool // no policy is in force
	// Paths are those that an act changes, by the act's subject.
	Paths map[string][]string
	// Keys are fingerprints of delegates' keys, by the digest of the delegation, and RootKeys of the first
	// delegators', by the digest of a chain's first link.
	Keys     map[string]string
	RootKeys map[string]string
	// Forged are the chains that are not what their digests stand for ([Chain.Forged]), by their last link's digest.
	Forged map[string]bool
}

// New is the entry of a decision. Texts and lists that are too long are cut and say so; where acts are left out,
// those that were not allowed come first. It fails where the report or the facts name no repository, time, surface
// or question: such a decision is not recorded, and so is not allowed.
func New(r *verdict.Report, f Facts) (*Entry, error) {
	if r == nil {
		return nil, fmt.Errorf("making an audit entry: there is no report")
	}
	e := &Entry{
		Version: Version, Time: r.At.UTC().Truncate(time.Second), TimeSource: cut(r.AtSource, maxName), Repository: or(r.Repository, f.Repository),
		Surface: f.Surface, Verdict: known(r.Verdict), Observe: r.Observe, Bootstrap: f.Bootstrap,
		Policy: r.Policy, PolicyFrom: cut(r.PolicyFrom, maxName),
		Question: Question{
			Kind: f.Question.Kind, Subject: named(f.Question.Subject, maxName), Head: named(f.Question.Head, maxName),
			Base: named(f.Question.Base, maxRef), Environment: named(f.Question.Environment, maxName), Nonce: named(f.Question.Nonce, maxName),
		},
		Run: Run{
			Event: named(f.Run.Event, maxName), ID: named(f.Run.ID, maxName), Attempt: f.Run.Attempt, Job: named(f.Run.Job, maxName),
		},
		Rules: bounded(rulesOf(r), maxRulesSize),
	}
	acts := make([]Act, len(r.Acts))
	for i := range r.Acts {
		if n := len(r.Acts[i].Chain); n > 0 && r.Acts[i].Chain[n-1].Digest == "" {
			return nil, fmt.Errorf("making an audit entry: the last delegation behind %s has no digest", inert.Quote(r.Acts[i].Subject))
		}
		acts[i] = actOf(&r.Acts[i], f)
	}
	e.Acts = bounded(acts, maxActsSize)
	if e.Acts.Cut > 0 {
		whole := e.Acts.Digest
		slices.SortStableFunc(acts, func(a, b Act) int { return int(a.Verdict) - int(b.Verdict) })
		e.Acts = bounded(acts, maxActsSize)
		e.Acts.Digest = whole // of the acts as they were judged, in their order
	}
	e.Chains = bounded(chainsOf(r, f, e.Acts.Items), maxChainsSize)
	gates := make([]Gate, len(r.Gates))
	for i := range r.Gates {
		gates[i] = gateOf(&r.Gates[i])
	}
	e.Gates = bounded(gates, maxGatesSize)
	e.ID = e.Identity()
	if _, err := e.Encode(); err != nil {
		return nil, err
	}
	return e, nil
}

func actOf(a *verdict.Act, f Facts) Act {
	out := Act{
		Kind: cut(a.Kind, maxName), Subject: named(a.Subject, maxName), Ref: named(a.Ref, maxRef), Title: cut(a.Title, maxText),
		Actor: cut(a.Actor, maxParty), Key: cut(a.Key, maxParty), Evidence: cut(a.Evidence, maxName),
		SeenBy: cut(a.SeenBy, maxName), Verdict: known(a.Verdict),
	}
	if !a.Seen.IsZero() {
		out.Seen = a.Seen.UTC().Truncate(time.Second)
	}
	if n := len(a.Chain); n > 0 {
		out.Delegation = a.Chain[n-1].Digest
	}
	var rules []string
	for i := range a.Findings {
		if id := cut(a.Findings[i].Rule, maxWord); !slices.Contains(rules, id) {
			rules = append(rules, id)
		}
	}
	out.Rules = first(rules, maxRules)
	paths := slices.Clone(f.Paths[a.Subject])
	for i := range paths {
		paths[i] = named(paths[i], maxName)
	}
	out.Paths = first(paths, maxPaths)
	return out
}

// known is a verdict; one that nobody knows is a denial.
func known(v verdict.Verdict) verdict.Verdict {
	if v > verdict.Allowed {
		return verdict.Denied
	}
	return v
}

// chainsOf are the chains of all acts, each once: those of the acts that are kept come first.
func chainsOf(r *verdict.Report, f Facts, kept []Act) []Chain {
	byLeaf := map[string][]verdict.Link{}
	var order []string
	for i := range kept {
		order = append(order, kept[i].Delegation)
	}
	for i := range r.Acts {
		if n := len(r.Acts[i].Chain); n > 0 {
			leaf := r.Acts[i].Chain[n-1].Digest
			byLeaf[leaf], order = r.Acts[i].Chain, append(order, leaf)
		}
	}
	seen := map[string]bool{"": true}
	order = slices.DeleteFunc(order, func(leaf string) bool {
		again := seen[leaf]
		seen[leaf] = true
		return again
	})
	out := make([]Chain, len(order))
	for i, leaf := range order {
		links := byLeaf[leaf]
		out[i] = Chain{RootKey: cut(f.RootKeys[links[0].Digest], maxParty), Forged: f.Forged[leaf]}
		for _, l := range links {
			out[i].Links = append(out[i].Links, Link{
				Delegator: cut(l.Delegator, maxParty), Delegate: cut(l.Delegate, maxParty), Key: cut(f.Keys[l.Digest], maxParty),
				Digest: l.Digest, NotAfter: l.NotAfter.UTC().Truncate(time.Second), Purpose: cut(l.Purpose, maxText), Minted: l.Minted,
			})
		}
	}
	return out
}

func gateOf(g *verdict.Gate) Gate {
	counted := make([]string, len(g.Counted))
	for i, who := range g.Counted {
		counted[i] = cut(who, maxName)
	}
	ignored := make([]Ignored, len(g.Ignored))
	for i, v := range g.Ignored {
		ignored[i] = Ignored{Who: cut(v.Who, maxName), Why: cut(v.Why, maxText)}
	}
	return Gate{Name: cut(g.Name, maxName), Needed: max(g.Needed, 0), Counted: first(counted, maxVoices), Ignored: first(ignored, maxVoices)}
}

// rulesOf counts what was found, worst effect first and then in the order of the report.
func rulesOf(r *verdict.Report) []Rule {
	var out []Rule
	at := map[[2]string]int{}
	count := func(list []verdict.Finding) {
		for i := range list {
			k := [2]string{cut(list[i].Rule, maxWord), list[i].Effect.String()}
			n, known := at[k]
			if !known {
				n, at[k] = len(out), len(out)
				out = append(out, Rule{ID: k[0], Effect: k[1]})
			}
			out[n].Count++
		}
	}
	count(r.Findings)
	for i := range r.Acts {
		count(r.Acts[i].Findings)
	}
	severity := map[string]int{}
	for i, e := range effects() {
		severity[e.String()] = i
	}
	slices.SortStableFunc(out, func(a, b Rule) int { return severity[a.Effect] - severity[b.Effect] })
	return out
}

// bounded is as much of a list as has so many bytes as JSON.
func bounded[T any](list []T, size int) List[T] {
	for i := range list {
		b, err := marshal(list[i])
		if err != nil { // no text gets here that is not UTF-8; if one did, the entry would be refused
			continue
		}
		if size -= len(b) + len(","); size < 0 {
			return first(list, i)
		}
	}
	return List[T]{Items: list}
}

// first is a list cut to n items.
func first[T any](list []T, n int) List[T] {
	if len(list) <= n {
		return List[T]{Items: list}
	}
	whole, err := marshal(list)
	if err != nil {
		return List[T]{Items: list} // too long, or not UTF-8: the entry is refused
	}
	return List[T]{Items: slices.Clone(list[:n]), Cut: len(list) - n, Digest: Digest(whole)}
}

// cut is a text of at most so many bytes as JSON, with "…" where it was longer.
func cut(s string, limit int) string {
	s = inert.UTF8(inert.Cut(s, limit)) // what is longer is longer as JSON too
	for n := min(len(s), limit); quotedLen(s) > limit; n = n * 3 / 4 {
		s = inert.Cut(s, n)
	}
	return s
}

// named is a text that tells things apart: where it is too long, its digest stands for the rest.
func named(s string, limit int) string {
	if len(s) <= limit {
		if whole := inert.UTF8(s); quotedLen(whole) <= limit {
			return whole
		}
	}
	digest := Digest([]byte(s))
	return cut(s, limit-len(digest)-1) + " " + digest
}
