package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// Sentence is what an entry says, for people, on one line that is safe to show:
//
//	coder, delegated by planner for alice, changed src/cart.go for SHOP-1412: allowed
func (e *Entry) Sentence() string { return inert.LineOf(e.sentence(), maxSentence) }

// maxSentence is how many characters a sentence has at most; each of its words is bounded by itself.
const maxSentence = 4000

func (e *Entry) sentence() string {
	a := e.Telling()
	if a == nil {
		return "somebody " + e.about() + ": " + e.outcome()
	}
	var b strings.Builder
	b.WriteString(e.who(a))
	chain := e.ChainOf(a)
	b.WriteString(authority(chain))
	b.WriteString(" " + e.deed(a))
	if n := len(chain); n > 0 && chain[n-1].Purpose != "" {
		b.WriteString(" for " + shown(chain[n-1].Purpose))
	}
	return b.String() + ": " + e.outcome()
}

// Telling is the act that the sentence is about: the first of those that the verdict comes of; nil where there is none.
func (e *Entry) Telling() *Act {
	for i := range e.Acts.Items {
		if e.Acts.Items[i].Verdict == e.Verdict {
			return &e.Acts.Items[i]
		}
	}
	if len(e.Acts.Items) == 0 {
		return nil
	}
	return &e.Acts.Items[0]
}

// ChainOf is the chain behind an act, root first; nil where there is none, or where the entry left it out.
func (e *Entry) ChainOf(a *Act) []Link {
	if a.Delegation == "" {
		return nil
	}
	for i := range e.Chains.Items {
		if links := e.Chains.Items[i].Links; links[len(links)-1].Digest == a.Delegation {
			return links
		}
	}
	return nil
}

// who is who did the act, and how many others did some other act.
func (e *Entry) who(a *Act) string {
	others := map[string]bool{}
	for i := range e.Acts.Items {
		if actor := e.Acts.Items[i].Actor; actor != a.Actor {
			others[actor] = true
		}
	}
	switch n := len(others); {
	case e.Acts.Cut > 0 && n > 0:
		return label(a.Actor) + " and others"
	case n == 1:
		return label(a.Actor) + " and one other"
	case n > 1:
		return fmt.Sprintf("%s and %d others", label(a.Actor), n)
	}
	return label(a.Actor)
}

func authority(chain []Link) string {
	if len(chain) == 0 {
		return ""
	}
	root, last := label(chain[0].Delegator), label(chain[len(chain)-1].Delegator)
	if len(chain) == 1 {
		return ", delegated by " + root + ","
	}
	return ", delegated by " + last + " for " + root + ","
}

func (e *Entry) deed(a *Act) string {
	n := e.Acts.Len()
	switch names.Action(a.Kind) {
	case names.Commit:
		return e.changed(a)
	case names.Tag:
		return many(n, "tagged "+shown(or(a.Ref, a.Subject)), "tags")
	case names.PullRequest:
		return "asked to merge pull request " + shown(a.Subject) + before(" on ", a.Ref)
	case names.Push:
		return "moved " + shown(or(a.Ref, a.Subject))
	case names.Delete:
		return many(n, "deleted "+shown(or(a.Ref, a.Subject)), "more")
	case names.Deploy:
		return "asked to deploy" + before(" to ", e.Question.Environment)
	case names.Secret:
		return "asked for a secret" + before(" of ", e.Question.Environment)
	case names.Rotate:
		return "asked to rotate a secret" + before(" of ", e.Question.Environment)
	default:
		return "did " + shown(a.Kind) + " " + shown(a.Subject)
	}
}

func (e *Entry) changed(a *Act) string {
	var paths []string
	cut, commits := 0, e.Acts.Cut
	for i := range e.Acts.Items {
		c := &e.Acts.Items[i]
		if c.Kind != a.Kind {
			continue
		}
		commits++
		cut += c.Paths.Cut
		for _, p := range c.Paths.Items {
			if !slices.Contains(paths, p) {
				paths = append(paths, p)
			}
		}
	}
	var what string
	switch more := len(paths) - 1 + cut; {
	case len(paths) == 0 && commits == 1:
		return "made commit " + shown(short(a.Subject)) + before(" on ", a.Ref)
	case len(paths) == 0:
		return fmt.Sprintf("made %d commits%s", commits, before(" on ", a.Ref))
	case e.Acts.Cut > 0:
		what = " and more"
	case more == 1:
		what = " and one more file"
	case more > 1:
		what = fmt.Sprintf(" and %d more files", more)
	}
	if commits > 1 {
		what += fmt.Sprintf(" in %d commits", commits)
	}
	return "changed " + shown(paths[0]) + what
}

// outcome is what came of it, with the first rules that say why it did not pass.
func (e *Entry) outcome() string {
	var out string
	switch e.Verdict {
	case verdict.Allowed:
		out = "allowed"
	case verdict.Waiting:
		out = "waits for approval"
	case verdict.NotDecided:
		out = "could not be decided"
	default:
		out = "denied"
	}
	var why []string
	for _, r := range e.Rules.Items {
		if r.Effect == e.effect() && len(why) < 3 {
			why = append(why, shown(r.ID))
		}
	}
	if len(why) > 0 && e.Verdict != verdict.Allowed {
		out += " (" + strings.Join(why, ", ") + ")"
	}
	switch {
	case e.Bootstrap:
		out += ", and nothing was blocked: no policy was in force"
	case e.Observe && e.Verdict != verdict.Allowed:
		out += ", and nothing was blocked: the policy only observes"
	}
	return out
}

// effect is the effect that a verdict comes of.
func (e *Entry) effect() string {
	switch e.Verdict {
	case verdict.Waiting:
		return verdict.Pending.String()
	case verdict.NotDecided:
		return verdict.Undecided.String()
	default:
		return verdict.Deny.String()
	}
}

// about is what was asked where no act is known.
func (e *Entry) about() string {
	subject := e.Question.Subject
	if e.Question.Kind != string(names.Push) {
		return "asked about " + strings.TrimSpace(strings.ReplaceAll(e.Question.Kind, "_", " ")+" "+shown(subject))
	}
	for prefix, what := range map[string]string{
		"refs/remit/delegations/": "published the delegation sha256:", "refs/remit/approvals/": "published an approval of ", "refs/remit/audit/spool/": "handed over an audit entry, ",
	} {
		if rest, ok := strings.CutPrefix(subject, prefix); ok {
			return what + shown(rest)
		}
	}
	return strings.TrimSpace("pushed to " + shown(subject))
}

func many(n int, one, more string) string {
	if n < 2 {
		return one
	}
	return fmt.Sprintf("%s and %d %s", one, n-1, more)
}

// before puts a word of ours before a text, where there is one.
func before(word, text string) string {
	if text == "" {
		return ""
	}
	return word + shown(text)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// label is a principal as people say it: "coder", and "somebody" where nobody could be named.
func label(principal string) string {
	if _, after, ok := strings.Cut(principal, "."); ok {
		principal = after
	}
	if principal == "" {
		return "somebody"
	}
	return shown(principal)
}

// shown is a text that somebody else may have chosen, as a word of a sentence.
func shown(s string) string { return inert.Word(s) }

func short(id string) string { return id[:min(len(id), 10)] }
