package githubdouble

import "sync"

// operation is how one operation of the description is served.
type operation struct {
	permission string // that a fine-grained token needs; "" for none beyond metadata
	or         string // another that does as well
	write      bool
	serve      func(*call) answer
}

// permissionNames are those that tokens may have, by GitHub's names.
func permissionNames() []string {
	return []string{"actions", "checks", "contents", "deployments", "issues", "members", "metadata", "pull_requests"}
}

// operations are all that is served, by operationId. Permissions are from GitHub's page "Permissions
// required for GitHub Apps".
var operations = sync.OnceValue(func() map[string]operation {
	return map[string]operation{
		"users/get-authenticated": {serve: getSelf},
		"users/get-by-username":   {serve: getUser},
		"repos/get":               {serve: getRepository},

		"repos/get-collaborator-permission-level": {serve: getRole},
		"teams/get-membership-for-user-in-org":    {permission: "members", serve: getMembership},
		"teams/list-members-in-org":               {permission: "members", serve: listMembers},

		"pulls/list":         {permission: "pull_requests", serve: listPulls},
		"pulls/create":       {permission: "pull_requests", write: true, serve: createPull},
		"pulls/get":          {permission: "pull_requests", serve: getPull},
		"pulls/update":       {permission: "pull_requests", write: true, serve: updatePull},
		"pulls/list-reviews": {permission: "pull_requests", serve: listReviews},
		"pulls/list-commits": {permission: "pull_requests", serve: listPullCommits},
		"pulls/list-files":   {permission: "pull_requests", serve: listFiles},
		"repos/list-pull-requests-associated-with-commit": {permission: "pull_requests", serve: listPullsOfCommit},

		"issues/list-events":              {permission: "issues", or: "pull_requests", serve: listEvents},
		"issues/list-events-for-timeline": {permission: "issues", or: "pull_requests", serve: listTimeline},
		"repos/list-activities":           {permission: "contents", serve: listActivity},

		"checks/create":       {permission: "checks", write: true, serve: createCheckRun},
		"checks/get":          {permission: "checks", serve: getCheckRun},
		"checks/update":       {permission: "checks", write: true, serve: updateCheckRun},
		"checks/list-for-ref": {permission: "checks", serve: listCheckRuns},

		"repos/create-deployment":        {permission: "deployments", write: true, serve: createDeployment},
		"repos/list-deployments":         {permission: "deployments", serve: listDeployments},
		"repos/get-deployment":           {permission: "deployments", serve: getDeployment},
		"repos/list-deployment-statuses": {permission: "deployments", serve: listDeploymentStatuses},
		"repos/create-deployment-status": {permission: "deployments", write: true, serve: createDeploymentStatus},

		"actions/create-workflow-dispatch":        {permission: "actions", write: true, serve: dispatchWorkflow},
		"actions/get-workflow-run":                {permission: "actions", serve: getRun},
		"actions/get-pending-deployments-for-run": {permission: "actions", serve: listPending},
		"actions/get-reviews-for-run":             {permission: "actions", serve: listRunApprovals},

		"git/create-ref":         {permission: "contents", write: true, serve: createRef},
		"git/get-ref":            {permission: "contents", serve: getRef},
		"git/list-matching-refs": {permission: "contents", serve: listMatchingRefs},
		"repos/get-branch":       {permission: "contents", serve: getBranch},
	}
})
