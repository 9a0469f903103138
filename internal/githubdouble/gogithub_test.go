package githubdouble

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-github/v62/github"
)

// Every operation that go-github has a method for, called through it.
func TestGoGitHub(t *testing.T) {
	d := Start(t, shop())
	ctx := context.Background()
	gh := client(t, d, "alice-token")
	app := client(t, d, "app-token")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	same := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}

	self, _, err := gh.Users.Get(ctx, "")
	must(err)
	same("login", self.GetLogin(), "alice")
	bob, _, err := gh.Users.Get(ctx, "BOB")
	must(err)
	same("id", bob.GetID(), int64(2))
	repo, _, err := gh.Repositories.Get(ctx, "acme", "shop")
	must(err)
	same("repository", repo.GetID(), int64(4711))
	same("default branch", repo.GetDefaultBranch(), "main")
	fork, _, err := gh.Repositories.Get(ctx, "mallory", "shop")
	must(err)
	same("parent", fork.GetParent().GetFullName(), "acme/shop")

	pull, _, err := gh.PullRequests.Get(ctx, "acme", "shop", 7)
	must(err)
	same("head", pull.GetHead().GetSHA(), sha("c"))
	same("base repository", pull.GetBase().GetRepo().GetID(), int64(4711))
	same("author", pull.GetUser().GetType(), "Bot")
	same("commits", pull.GetCommits(), 2)
	same("label", pull.Labels[0].GetName(), "agent")
	same("merged", pull.GetMerged(), false)
	same("association", pull.GetAuthorAssociation(), "COLLABORATOR")
	old, _, err := gh.PullRequests.Get(ctx, "acme", "shop", 6)
	must(err)
	same("merge commit", old.GetMergeCommitSHA(), sha("b"))
	same("merged by", old.GetMergedBy().GetLogin(), "alice")
	pulls, _, err := gh.PullRequests.List(ctx, "acme", "shop", &github.PullRequestListOptions{State: "all", Head: "acme:agent/cart", Base: "main"})
	must(err)
	same("listed", len(pulls), 1)
	pulls, _, err = gh.PullRequests.ListPullRequestsWithCommit(ctx, "acme", "shop", sha("b"), nil)
	must(err)
	same("merged with commit", pulls[0].GetNumber(), 6)

	reviews, _, err := gh.PullRequests.ListReviews(ctx, "acme", "shop", 7, nil)
	must(err)
	same("review", reviews[0].GetCommitID(), sha("c"))
	same("reviewer", reviews[0].GetUser().GetID(), int64(2))
	commits, _, err := gh.PullRequests.ListCommits(ctx, "acme", "shop", 7, nil)
	must(err)
	same("first commit", commits[0].GetSHA(), sha("a"))
	files, _, err := gh.PullRequests.ListFiles(ctx, "acme", "shop", 7, nil)
	must(err)
	same("renamed from", files[1].GetPreviousFilename(), "src/a.go")

	level, _, err := gh.Repositories.GetPermissionLevel(ctx, "acme", "shop", "bob")
	must(err)
	same("permission", level.GetPermission(), "write")
	same("role", level.GetUser().GetRoleName(), "release-manager")
	member, _, err := gh.Teams.GetTeamMembershipBySlug(ctx, "acme", "release", "alice")
	must(err)
	same("membership", member.GetRole()+" "+member.GetState(), "maintainer active")
	members, _, err := gh.Teams.ListTeamMembersBySlug(ctx, "acme", "release", nil)
	must(err)
	same("members", len(members), 2)

	edited, _, err := gh.PullRequests.Edit(ctx, "acme", "shop", 7, &github.PullRequest{Body: github.String("signed")})
	must(err)
	same("body", edited.GetBody(), "signed")
	opened, _, err := gh.PullRequests.Create(ctx, "acme", "shop", &github.NewPullRequest{Title: github.String("Next"), Head: github.String("agent/next"), Base: github.String("main")})
	must(err)
	same("number", opened.GetNumber(), 8)
	fromFork, _, err := gh.PullRequests.Create(ctx, "acme", "shop", &github.NewPullRequest{Title: github.String("Fix"), Head: github.String("mallory:fix"), Base: github.String("main")})
	must(err)
	same("fork", fromFork.GetHead().GetRepo().GetFullName(), "mallory/shop")

	timeline, _, err := gh.Issues.ListIssueTimeline(ctx, "acme", "shop", 7, nil)
	must(err)
	same("timeline", len(timeline), 3) // two commits and a review
	_, _, err = gh.Issues.ListIssueEvents(ctx, "acme", "shop", 7, nil)
	must(err)

	annotation := &github.CheckRunAnnotation{Path: github.String("a"), StartLine: github.Int(1), EndLine: github.Int(1), AnnotationLevel: github.String("failure"), Message: github.String("m")}
	run, _, err := app.Checks.CreateCheckRun(ctx, "acme", "shop", github.CreateCheckRunOptions{
		Name: "remit", HeadSHA: sha("c"), Status: github.String("completed"), Conclusion: github.String("failure"), ExternalID: github.String("x"),
		Output: &github.CheckRunOutput{Title: github.String("t"), Summary: github.String("s"), Annotations: []*github.CheckRunAnnotation{annotation}},
	})
	must(err)
	same("app", run.GetApp().GetID(), int64(77))
	same("pull request of the run", run.PullRequests[0].GetNumber(), 7)
	run, _, err = app.Checks.UpdateCheckRun(ctx, "acme", "shop", run.GetID(), github.UpdateCheckRunOptions{Name: "remit", Conclusion: github.String("success"), Status: github.String("completed"), Output: &github.CheckRunOutput{Title: github.String("t"), Summary: github.String("s"), Annotations: []*github.CheckRunAnnotation{annotation}}})
	must(err)
	same("annotations add up", run.GetOutput().GetAnnotationsCount(), 2)
	run, _, err = gh.Checks.GetCheckRun(ctx, "acme", "shop", run.GetID())
	must(err)
	same("conclusion", run.GetConclusion(), "success")
	runs, _, err := gh.Checks.ListCheckRunsForRef(ctx, "acme", "shop", "agent/cart", &github.ListCheckRunsOptions{CheckName: github.String("remit"), AppID: github.Int64(77), Filter: github.String("latest")})
	must(err)
	same("runs", runs.GetTotal(), 1)

	deployments, _, err := gh.Repositories.ListDeployments(ctx, "acme", "shop", &github.DeploymentsListOptions{Environment: "production"})
	must(err)
	same("deployment", deployments[0].GetID(), int64(50))
	_, _, err = gh.Repositories.GetDeployment(ctx, "acme", "shop", 50)
	must(err)
	deployment, _, err := gh.Repositories.CreateDeployment(ctx, "acme", "shop", &github.DeploymentRequest{Ref: github.String("main"), Environment: github.String("staging"), Payload: map[string]any{"request": "x"}, AutoMerge: github.Bool(false), RequiredContexts: &[]string{}})
	must(err)
	same("payload", string(deployment.Payload), `{"request":"x"}`)
	status, _, err := gh.Repositories.CreateDeploymentStatus(ctx, "acme", "shop", 50, &github.DeploymentStatusRequest{State: github.String("success"), Description: github.String("d"), AutoInactive: github.Bool(true)})
	must(err)
	same("state", status.GetState(), "success")
	statuses, _, err := gh.Repositories.ListDeploymentStatuses(ctx, "acme", "shop", 50, nil)
	must(err)
	same("statuses", len(statuses), 1)
	workflow, _, err := gh.Actions.GetWorkflowRunByID(ctx, "acme", "shop", 900)
	must(err)
	same("run's pull request", workflow.PullRequests[0].GetNumber(), 7)
	_, err = gh.Actions.CreateWorkflowDispatchEventByFileName(ctx, "acme", "shop", "deploy.yml", github.CreateWorkflowDispatchEventRequest{Ref: "main", Inputs: map[string]any{"request": "x"}})
	must(err)

	ref, _, err := gh.Git.CreateRef(ctx, "acme", "shop", &github.Reference{Ref: github.String("refs/tags/remit/requests/n1"), Object: &github.GitObject{SHA: github.String(sha("b"))}})
	must(err)
	same("ref", ref.GetRef(), "refs/tags/remit/requests/n1")
	ref, _, err = gh.Git.GetRef(ctx, "acme", "shop", "refs/tags/remit/requests/n1")
	must(err)
	same("object", ref.GetObject().GetSHA(), sha("b"))
	refs, _, err := gh.Git.ListMatchingRefs(ctx, "acme", "shop", &github.ReferenceListOptions{Ref: "tags/remit/"})
	must(err)
	same("matching", len(refs), 1)
	branch, _, err := gh.Repositories.GetBranch(ctx, "acme", "shop", "agent/cart", 0)
	must(err)
	same("branch", branch.GetCommit().GetSHA(), sha("c"))

	// go-github v62 has no methods for these.
	for _, path := range []string{
		"repos/acme/shop/activity?ref=refs/heads/agent/cart", "repos/acme/shop/actions/runs/900/pending_deployments", "repos/acme/shop/actions/runs/900/approvals",
	} {
		request, err := gh.NewRequest("GET", path, nil)
		must(err)
		var items []map[string]any
		_, err = gh.Do(ctx, request, &items)
		must(err)
		if strings.Contains(path, "activity") && len(items) != 2 {
			t.Errorf("%s: %d items", path, len(items))
		}
	}
	for id := range operations() {
		if len(d.Journal().Of(id)) == 0 {
			t.Errorf("%s was not called", id)
		}
	}
	same("writes", len(d.Journal().Writes()), 9)
}
