package checker

import (
	"strconv"

	"github.com/remit-sh/remit/verdict"
)

// octopusMerge: a merge of more than two parents, which can hide what came from where.
func octopusMerge(a *act) []verdict.Finding {
	if !a.octopusDenied() {
		return nil
	}
	return one(at(deny(
		a.name()+" merges "+strconv.Itoa(len(a.commit.Parents))+" parents",
		"The policy does not allow merges of more than two parents (octopus).",
		"Merge the branches one after the other, or have a maintainer set octopus = \"allow\".",
	), a.judge.policy.Settings.Position))
}

func (a *act) octopusDenied() bool {
	return a.commit != nil && len(a.commit.Parents) > 2 && !a.judge.policy.Settings.OctopusAllowed
}
