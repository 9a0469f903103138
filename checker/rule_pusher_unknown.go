package checker

import (
	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// pusherUnknown: a ref was forced, deleted, or moved onto commits that were there before, and
// nobody can say who did it. No signature covers such an act: only the server's word does.
func pusherUnknown(a *act) []verdict.Finding {
	if a.update == nil {
		return nil
	}
	switch a.who.problem {
	case pusherUnlisted:
		return one(deny(
			"nobody of the policy pushes "+a.name(),
			"The pusher answers for "+a.name()+", and "+a.who.detail+".",
			"Push as an account whose principal is in the policy, or have a maintainer set `login` on the principal's block.",
		))
	case pusherUnattested:
		if a.kind == "" || a.judge.set.Surface == evidence.SurfaceClient {
			return nil // new commits are judged by their own signatures; on a client, the server will know
		}
		if from := a.judge.set.PusherUnsaid; from != "" {
			return one(deny(
				"it is not known who asks for "+a.name(),
				"No signature covers "+a.name()+", so it is judged by who pushes it. The server says that in "+inert.Word(from)+", which was empty.",
				"Push in a way in which the server asks who you are (over SSH, or HTTP with a password). Where it did, an administrator has the server set "+inert.Word(from)+
					" for its hooks, or installs the hook with the variable that it sets (--pusher-env).",
			))
		}
		return one(deny(
			"it is not known who asks for "+a.name(),
			"No signature covers "+a.name()+", so it is judged by who pushes it, and the server does not say who that is.",
			"Install the server hook with --pusher-env VAR, naming the variable in which the server puts the account (GL_USER, REMOTE_USER, …).",
		))
	default:
		return nil
	}
}
