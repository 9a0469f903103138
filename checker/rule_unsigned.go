package checker

import (
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/verdict"
)

// unsigned: the object carries no SSH signature, so that nobody can be named.
func unsigned(a *act) []verdict.Finding {
	if a.who.problem != notSigned {
		return nil
	}
	reason := "Only a signature by a key of the policy proves who made it; author and committer are text that anybody can write."
	if a.who.detail != "" {
		reason = "It counts as unsigned: " + a.who.detail + "."
	}
	f := deny(
		a.name()+" is not signed",
		reason,
		a.signHow(),
	)
	if a.judge.policy.Settings.UnsignedPusher && a.judge.set.Surface == evidence.SurfaceClient && a.judge.set.Pusher == nil {
		f.Effect = verdict.Warn
		f.Reason = "The policy lets a human's unsigned commits pass on the server's word for who pushed (unsigned = \"pusher\"); who that is, the server will know."
	}
	return one(f)
}

// signHow says what signs an act that is not signed. An agent's command signs its commits alone: not a tag,
// and not what a human made.
func (a *act) signHow() string {
	switch {
	case a.tag != nil:
		return "Make the tag again with `git tag --force --sign`; an agent runs `remit use <delegation>` first, and gives the tag the message's last line itself: -m \"Delegation: <delegation>\"."
	case a.commit == nil:
		return "Sign it: `" + a.renew() + "`."
	}
	from := "--root"
	if len(a.commit.Parents) > 0 {
		from = shortID(a.commit.Parents[0])
	}
	return "Sign it: an agent runs `remit use <delegation>` and then `" + a.renew() + "`; a human sets gpg.format=ssh and user.signingkey, and runs `git rebase --force-rebase --rebase-merges --gpg-sign " + from + "`."
}

// renew is the command that signs an act again.
func (a *act) renew() string {
	switch {
	case a.foreseen:
		return "remit delegate …"
	case a.pull != nil:
		return "remit pr sign"
	case a.request != nil:
		return "remit request " + string(a.kind)
	case a.judge.set.Making != "":
		return a.judge.set.Making
	default:
		if a.onForge() {
			return "remit resign --pushed " + a.resignRange()
		}
		return "remit resign " + a.resignRange()
	}
}

// doAgain says, before the command, that what was refused while it was made is made once more; "" for what is there.
func (a *act) doAgain() string {
	if a.judge.set.Making == "" {
		return ""
	}
	return "do the same again: "
}

// signAgain is what whoever made an act does to have it judged anew, as it goes on in a sentence.
func (a *act) signAgain() string {
	switch {
	case a.pull != nil:
		return "sign the pull request again: `remit pr open`, or `" + a.renew() + "` and put what it prints into its text"
	case a.onForge():
		return "`" + a.renew() + "`, and `git push --force-with-lease`"
	default:
		return "`" + a.renew() + "`"
	}
}

// onForge reports whether an act is a commit that a forge has already, so that a new one has to take its place.
func (a *act) onForge() bool { return a.commit != nil && a.judge.set.Surface == evidence.SurfaceForge }

// resignRange is the range that `remit resign` mends an act with.
func (a *act) resignRange() string {
	if a.commit != nil && len(a.commit.Parents) > 0 {
		return shortID(a.commit.Parents[0]) + "..HEAD"
	}
	return "<base>..HEAD"
}
