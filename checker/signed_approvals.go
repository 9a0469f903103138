package checker

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/policy"
)

// maxSignedApprovals bounds how many signed approvals one check looks at.
const maxSignedApprovals = 100

// signedApproval is an approval statement that was handed over.
type signedApproval struct {
	delegation.Approval
	block  *policy.Principal // of the human whose key signed it, nil for none
	source string
	broken string // why it cannot be read, "" where it can
}

// approvals are the signed approvals that were handed over, read and verified once.
func (j *judge) approvals() []*signedApproval {
	j.tally.once.Do(func() {
		for i := range j.set.Approvals {
			given := &j.set.Approvals[i]
			s := &signedApproval{source: "an approval that was handed over"}
			if given.Source != "" {
				s.source = "an approval from " + told(given.Source)
			}
			j.tally.signed = append(j.tally.signed, s)
			if i == maxSignedApprovals {
				s.source = "any of " + strconv.Itoa(len(j.set.Approvals)-i) + " more approvals"
				s.broken = "one check looks at " + strconv.Itoa(maxSignedApprovals)
				return
			}
			signed, err := delegation.ParseSigned[delegation.Approval](given.Raw)
			if err != nil {
				s.broken = "it cannot be read: " + told(err.Error())
				continue
			}
			s.Approval = signed.Statement
			s.block = j.policy.KeyOwner(signed.Statement.Approver.Key.Fingerprint())
		}
	})
	return j.tally.signed
}

// signedCounts says whether a signed approval counts for a cause: nil where it is for something else,
// an empty rule where it counts. No role on the forge is asked for: the key is the human's own.
func (j *judge) signedCounts(s *signedApproval, c *cause, t terms) *ignored {
	if s.broken != "" {
		return &ignored{
			rule: ruleIneligible, who: s.source, loose: true, why: s.broken,
			fix: "Hand over what `remit approve` printed, as it was printed, and no more than is needed.",
		}
	}
	switch {
	case s.Request != "":
		if s.Request != c.request {
			return nil
		}
	case s.Head == "" || s.Head != c.head && !slices.Contains(c.inside, s.Head):
		return nil
	}
	no := j.signerIneligible(s, c, t)
	if no.rule == "" {
		no = j.signedOutdated(s, c, t)
	}
	no.who = string(s.Approver.Name)
	return &no
}

// signerIneligible says why somebody's signed approval counts for nothing here; its rule is "" where it may.
func (j *judge) signerIneligible(s *signedApproval, c *cause, t terms) ignored {
	key := s.Approver.Key
	bar := func(why, fix string) ignored { return ignored{rule: ruleIneligible, why: why, fix: fix} }
	switch {
	case s.block == nil || s.block.Name != s.Approver.Name || s.block.Name.Kind() != names.Human:
		return bar("it is signed with the key "+key.Fingerprint()+", which the policy does not list for "+string(s.Approver.Name),
			"Sign it with a key that the policy lists, or have a maintainer list the key.")
	case s.block.Presence && !key.Hardware():
		return bar(string(s.block.Name)+" must confirm each signature by touch, and the key "+key.Fingerprint()+" cannot show that it was touched",
			"Sign it with a hardware key.")
	case j.revokedNow(key.Fingerprint()):
		return bar("the key "+key.Fingerprint()+" is revoked", "Have a maintainer add a new key of "+string(s.block.Name)+" to the policy (keys), and approve again with that: `remit approve`.")
	}
	if no := c.party.humanTakesPart(s.block.Name, t); no.rule != "" {
		return no
	}
	if !hasAccount(s.block) {
		for _, id := range c.party.strangers() {
			part := c.party.accounts[id]
			return bar("the account "+inert.Word(part.by.Login)+", which "+part.text+", could be that of "+string(s.block.Name)+": the policy names no account for either",
				"Have a maintainer add github = \"…\" to "+string(s.block.Name)+".")
		}
	}
	if t.approvers != nil && !j.listedHuman(s.block, t.approvers) {
		return bar(string(s.block.Name)+" is none of the approvers, "+list(t.approvers), "Ask one of the approvers.")
	}
	return ignored{}
}

// listedHuman reports whether a human is one of the approvers: by name, or by an account of theirs
// that is in a listed team of the forge.
func (j *judge) listedHuman(block *policy.Principal, approvers []names.Principal) bool {
	if slices.Contains(j.policy.Expand(approvers), block.Name) {
		return true
	}
	for _, r := range j.set.Roles {
		if r.Account.Type == "User" && j.owner(r.Account) == block && j.listed(block, r, approvers) {
			return true
		}
	}
	return false
}

// revokedNow reports whether a key is revoked at the time of the judgement: an approval is asked for
// again and again, and whoever gave it can give another.
func (j *judge) revokedNow(fingerprint string) bool {
	return slices.ContainsFunc(j.policy.Revocations, func(r *policy.Revocation) bool {
		return slices.Contains(r.Keys, fingerprint) && (j.set.At.IsZero() || r.BitesAt(j.set.At))
	})
}

// signedOutdated says why an eligible human's signed approval is not for what is there now.
func (j *judge) signedOutdated(s *signedApproval, c *cause, t terms) ignored {
	again := "Have it signed again: `" + c.command() + "`."
	stale := func(why string) ignored { return ignored{rule: ruleStale, why: why, fix: again} }
	if err := s.ForRepository(j.set.Repository, j.repositoryID()); err != nil {
		return stale("it is for something else: " + told(err.Error()))
	}
	switch {
	case s.Request == "" && s.Head != c.head:
		return stale("it is for " + shortID(s.Head) + ", and the head is " + shortID(c.head))
	case s.Request == "" && !slices.Contains(c.refs, s.Ref):
		return stale("it is for " + inert.Word(s.Ref) + ", and this is for " + list(shown(c.refs)))
	case s.Request == "" && s.Action == names.Push && slices.Contains(c.actions, names.Push) && s.Base != c.was:
		return ignored{rule: ruleStale, why: c.movedFrom(s.Base), fix: "Have the move as it is now looked at, and signed: `" + c.command() + "`."}
	case s.Request == "" && s.Action != names.Push && (s.Base != "" || needsBase(s.Action)) && !slices.Contains(c.bases, s.Base):
		return stale("what it approves was compared with " + shortID(s.Base) + ", which is not where this begins")
	case s.Request == "" && c.pull != nil && len(c.pull.Merge.Followed) > 0:
		return ignored{rule: ruleStale, why: carriedUnseen(c.pull), fix: seeCarried(c.pull, "have it signed again")}
	case !slices.Contains(c.actions, s.Action):
		return stale("it is for the action " + string(s.Action) + ", and this is a " + string(c.actions[0]))
	case !strings.EqualFold(s.Environment, c.environment):
		return stale("it is for the environment " + inert.Word(s.Environment) + ", and this is for " + inert.Word(c.environment))
	case s.PolicyDigest != j.policy.Digest:
		no := stale("it was given by the policy " + shortDigest(s.PolicyDigest) + ", and the policy is " + shortDigest(j.policy.Digest))
		no.fix = "Have the policy fetched and it signed again: `git fetch origin && " + c.command() + "`, which says by which policy it signs: that must be " + shortDigest(j.policy.Digest) + "."
		return no
	}
	if why := c.before(s); why != "" {
		return stale(why)
	}
	expired := func(why string) ignored { return ignored{rule: ruleExpired, why: why, fix: again} }
	switch state := s.StateAt(j.set.At, j.policy.Settings.ClockSkew); {
	case state == delegation.TooEarly:
		return expired("it holds from " + clock(s.NotBefore))
	case state != delegation.Live:
		return expired("it ended at " + clock(s.NotAfter))
	case j.tooOld(s.NotBefore, t):
		return expired("it is of " + clock(s.NotBefore) + ", and none counts that is older than " + span(t.maxAge))
	default:
		return ignored{}
	}
}

// before says why an approval does not tell that something may be taken away: it was given before that
// was there. An approval has whole seconds, so that one of the request counts in the same second. Where it
// is not known when that was, only one of the request counts, which is minutes old.
func (c *cause) before(s *signedApproval) string {
	named := s.Request != "" && s.Request == c.request
	switch at := s.NotBefore; {
	case c.goesBack == "":
		return ""
	case c.since.IsZero() && named, at.After(c.since) && !c.since.IsZero():
		return ""
	case named && at.Equal(c.since.Truncate(time.Second)):
		return ""
	case c.since.IsZero():
		return "it does not name the request, and it is not known whether it was given after " + shortID(c.goesBack) + " was deployed, which this takes away"
	default:
		return "it is of " + clock(at) + ", and " + shortID(c.goesBack) + ", which this takes away, was deployed at " + clock(c.since)
	}
}

// movedFrom says that an approval of a move is for a ref that was somewhere else.
func (c *cause) movedFrom(base string) string {
	was, is := "for a ref that is new", "this one is new"
	if base != "" {
		was = "for a move from " + shortID(base)
	}
	if c.was != "" {
		is = inert.Word(c.refs[0]) + " is at " + shortID(c.was) + " now"
	}
	return "it is " + was + ", and " + is
}

// needsBase reports whether an approval of an action says what the head was compared with.
func needsBase(a names.Action) bool { return a == names.Commit || a == names.PullRequest }
