package workflow

import (
	"slices"
	"strings"
	"sync"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// Texts that somebody else wrote: the title of an issue, the name of a branch, the page of a wiki. The
// forge's events have so many that the list here is of what is none of them. What it does not know
// counts as a text.

// plainLeaves are properties that hold a number, an id, a word of the forge's, or a name that the forge
// lets nobody write freely, wherever they stand.
var plainLeaves = sync.OnceValue(func() []string {
	return strings.Fields(`
	number id node_id sha before after action state state_reason draft merged mergeable rebaseable mergeable_state locked
	active_lock_reason url urls login username type conclusion status event size additions deletions changed_files comments
	review_comments forced created deleted closed private fork archived disabled visibility author_association site_admin run_number
	run_attempt attempt position line side distinct timestamp tree_id prerelease immutable color full_name ref_type master_branch
	base_ref permission permissions schedule compare`)
})

// objects are properties that have others below them. In a text of their own the forge writes "Object"
// or "Array" for them.
var objects = sync.OnceValue(func() []string {
	return strings.Fields(`
	event pull_request issue comment review discussion workflow_run workflow check_run check_suite head base repo repository owner user
	sender organization enterprise installation label labels milestone assignee assignees requested_reviewers requested_reviewer
	requested_team requested_teams head_commit commits commit author committer pusher release assets forkee pages changes answer
	category head_repository pull_requests app merge_group deployment deployment_status thread actor triggering_actor team parents`)
})

// quiet are the properties of an event below which there is nothing that somebody else wrote: what
// whoever starts the workflow by hand hands over, and what the repository's own people keep.
func quiet() []string {
	return []string{"inputs", "client_payload", "repository", "organization", "enterprise", "installation", "sender", "workflow"}
}

// isText says that a property holds a text that somebody else wrote, or, where it goes in as a whole,
// has one below it.
func isText(f expression.Flow) bool {
	parts := strings.Split(f.Path, ".")
	for i, p := range parts {
		parts[i], _, _ = strings.Cut(p, "[") // commits[0]
	}
	switch {
	case parts[0] != "github":
		return false
	case len(parts) == 1:
		return f.Whole
	case parts[1] == "*", parts[1] == "head_ref":
		return true
	case parts[1] != "event":
		return false
	case len(parts) == 2:
		return f.Whole
	case slices.Contains(quiet(), parts[2]):
		return false
	}
	leaf, above := parts[len(parts)-1], parts[len(parts)-2]
	if leaf == "*" || leaf == "" {
		return true
	}
	switch within := "." + strings.Join(parts[2:], ".") + "."; {
	case strings.HasPrefix(within, ".pull_request.base."), strings.HasPrefix(within, ".merge_group."):
		return f.Whole && strings.HasPrefix(within, ".merge_group.")
	case f.Path == "github.event.ref":
		return false // see isBranch
	case leaf == "label" && above != "event":
		return true // of a branch: owner:name
	case leaf == "commits" && above == "pull_request":
		return false // how many there are
	case leaf == "name" && slices.Contains([]string{"repo", "owner", "forkee", "head_repository", "workflow_run"}, above):
		return false
	case slices.Contains(plainLeaves(), leaf):
		return false
	case slices.Contains(objects(), leaf):
		return f.Whole
	case strings.HasSuffix(leaf, "_url"):
		// Those of deployments and statuses are whatever was handed in.
		return strings.Contains(within, ".deployment") || len(parts) == 3 || leaf == "details_url" || leaf == "external_url"
	}
	for _, end := range []string{"_at", "_id", "_count", "_sha"} {
		if strings.HasSuffix(leaf, end) && leaf != "external_id" {
			return false
		}
	}
	return true
}

// isBranch says that a property names the ref that the workflow runs for, or has it in it.
func isBranch(path string) bool {
	return path == "github.ref" || path == "github.ref_name" || path == "github.event.ref" || path == "github.workflow_ref"
}

// isBase says that a property names the branch that a pull request is for.
func isBase(path string) bool {
	return path == "github.base_ref" || path == "github.event.pull_request.base.ref" || path == "github.event.pull_request.base.label"
}

// opens says that a property names a ref, and that an event of the workflow lets others choose its name.
func (s *scope) opens(path string) bool {
	branch, base := isBranch(path), isBase(path)
	return (branch || base) && slices.ContainsFunc(s.r.a.root.triggers, func(t evidence.Trigger) bool {
		switch t.Event {
		case "create", "delete", "deployment", "deployment_status", "workflow_dispatch":
			return branch
		case "push":
			if len(t.Branches)+len(t.Tags)+len(t.TagsIgnore)+len(t.BranchesIgnore) == 0 {
				return branch
			}
			// A filter of tags alone lets no branch by, and the other way round; what is left out leaves the rest.
			return branch && (slices.ContainsFunc(t.Branches, anyName) || slices.ContainsFunc(t.Tags, anyName) || len(t.BranchesIgnore)+len(t.TagsIgnore) > 0)
		case "pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment":
			return base && (len(t.Branches) == 0 || slices.ContainsFunc(t.Branches, anyName))
		}
		return false
	})
}

// anyName says that a pattern of a filter lets by what nobody has written out: a wildcard that stands for
// letters, and not for one of some digits.
func anyName(pattern string) bool {
	return !strings.HasPrefix(pattern, "!") && (strings.ContainsAny(pattern, "*?") || strings.Contains(pattern, "[^") || strings.Contains(pattern, "[!"))
}
