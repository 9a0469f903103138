package checker

import (
	"strings"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// identityMismatch: author, committer or a Co-authored-by line name somebody else than the signer.
// None of them is ever evidence; this rule keeps them from misleading people.
func identityMismatch(a *act) []verdict.Finding {
	level := a.judge.policy.Settings.Identity
	if level == policy.LevelOff || a.object == nil || a.who.problem != attributed || a.who.block == nil {
		return nil
	}
	if a.commit != nil && len(a.commit.CarriedIn) > 0 { // the forge wrote it
		return nil
	}
	effect := verdict.Warn
	if level == policy.LevelDeny {
		effect = verdict.Deny
	}
	var found []verdict.Finding
	say := func(what, email string) {
		email = strings.TrimSpace(email)
		reason := "The signature is by " + a.doer() + ", and what a commit says about its author proves nothing"
		switch owner := a.judge.emails[strings.ToLower(email)]; {
		case owner == a.who.block:
			return
		case owner != nil:
			reason += ": that address is " + string(owner.Name) + "'s"
		case len(a.who.block.Emails) == 0 || what == "co-author":
			return // no address was listed to compare it with
		default:
			reason += ": the policy lists " + list(a.who.block.Emails) + " for " + string(a.who.block.Name)
		}
		found = append(found, at(verdict.Finding{
			Effect:  effect,
			Summary: "the " + what + " of " + a.name() + " is " + inert.Word(email),
			Reason:  reason + ".",
			Fix:     "Set user.email to an address of " + string(a.who.principal) + " and commit again, or have a maintainer list the address.",
		}, a.who.block.Position))
	}
	say("author", a.object.Author.Email)
	say("committer", a.object.Committer.Email)
	if a.byAgent() {
		for _, email := range coAuthors(a.object.Message) {
			say("co-author", email)
		}
	}
	return limit(found)
}

// coAuthors lists the addresses of Co-authored-by lines.
func coAuthors(message string) []string {
	var emails []string
	for line := range strings.Lines(message) {
		token, value, ok := strings.Cut(line, ":")
		if !ok || !strings.EqualFold(strings.TrimSpace(token), "co-authored-by") {
			continue
		}
		_, rest, _ := strings.Cut(value, "<")
		if email, _, ok := strings.Cut(rest, ">"); ok {
			emails = append(emails, email)
		}
	}
	return emails
}
