package githubdouble

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// renderer writes things of a scenario as GitHub's JSON objects, with the members of their longest
// form; [filler] cuts them to what an answer asks for and adds what nobody needs.
type renderer struct {
	d    *Double
	s    *Scenario
	base string // URL of the API
}

// web is where GitHub's pages are.
const web = "https://github.com"

func (c *call) render() renderer { return renderer{d: c.d, s: c.s, base: c.base} }

// user renders an account; nil for one that is gone.
func (f renderer) user(login string) object {
	u := f.s.user(login)
	if u == nil {
		return nil
	}
	api := f.base + "/users/" + url.PathEscape(u.Login)
	out := object{
		"login": u.Login, "id": u.ID, "node_id": fmt.Sprintf("U_%d", u.ID),
		"avatar_url":  fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", u.ID),
		"gravatar_id": "", "url": api, "html_url": web + "/" + strings.TrimSuffix(u.Login, "[bot]"),
		"following_url": api + "/following{/other_user}", "gists_url": api + "/gists{/gist_id}",
		"starred_url": api + "/starred{/owner}{/repo}", "events_url": api + "/events{/privacy}",
		"received_events_url": api + "/received_events", "organizations_url": api + "/orgs",
		"type": u.Type, "user_view_type": "public", "site_admin": false,
	}
	for _, name := range []string{"followers", "subscriptions", "repos"} {
		out[name+"_url"] = api + "/" + name
	}
	return out
}

// profile is an account's own page.
func (f renderer) profile(login string) object {
	out := f.user(login)
	u := f.s.user(login)
	out["name"], out["email"] = orNull(u.Name), orNull(u.Email)
	for _, name := range []string{"company", "blog", "location", "hireable", "bio"} {
		out[name] = nil
	}
	return out
}

// organization renders the owner as webhooks do.
func (f renderer) organization(login string) object {
	u := f.s.user(login)
	if u == nil || u.Type != "Organization" {
		return nil
	}
	api := f.base + "/orgs/" + u.Login
	return object{
		"login": u.Login, "id": u.ID, "url": api, "repos_url": api + "/repos", "events_url": api + "/events",
		"hooks_url": api + "/hooks", "issues_url": api + "/issues", "members_url": api + "/members{/member}",
		"public_members_url": api + "/public_members{/member}", "description": nil,
		"avatar_url": fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", u.ID),
	}
}

func (f renderer) repoURL(r *Repository) string { return f.base + "/repos/" + r.Name }

// repositoryPaths are the parts of a repository's API that its object names, by member.
var repositoryPaths = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
		"branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}",
		"comments_url": "/comments{/number}", "commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}",
		"contents_url": "/contents/{+path}", "contributors_url": "/contributors", "deployments_url": "/deployments",
		"downloads_url": "/downloads", "events_url": "/events", "forks_url": "/forks", "git_commits_url": "/git/commits{/sha}",
		"git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}", "hooks_url": "/hooks",
		"issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}",
		"issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}", "labels_url": "/labels{/name}",
		"languages_url": "/languages", "merges_url": "/merges", "milestones_url": "/milestones{/number}",
		"notifications_url": "/notifications{?since,all,participating}", "pulls_url": "/pulls{/number}",
		"releases_url": "/releases{/id}", "stargazers_url": "/stargazers", "statuses_url": "/statuses/{sha}",
		"subscribers_url": "/subscribers", "subscription_url": "/subscription", "tags_url": "/tags", "teams_url": "/teams",
		"trees_url": "/git/trees{/sha}",
	}
})

func (f renderer) repository(r *Repository) object {
	if r == nil {
		return nil
	}
	open := 0
	for _, p := range r.PullRequests {
		if p.State == "open" {
			open++
		}
	}
	pushed := r.CreatedAt
	if n := len(r.Activity); n > 0 {
		pushed = r.Activity[n-1].Timestamp
	}
	visibility := "public"
	if r.Private {
		visibility = "private"
	}
	page := web + "/" + r.Name
	out := object{
		"id": r.ID, "node_id": fmt.Sprintf("R_%d", r.ID), "name": r.shortName(), "full_name": r.Name, "owner": f.user(r.owner()), "private": r.Private,
		"html_url": page, "description": nil, "fork": r.ForkOf != "", "url": f.repoURL(r), "default_branch": r.DefaultBranch,
		"git_url": "git://github.com/" + r.Name + ".git", "ssh_url": "git@github.com:" + r.Name + ".git",
		"clone_url": page + ".git", "svn_url": page, "homepage": nil, "language": nil, "mirror_url": nil,
		"visibility": visibility, "has_issues": true, "has_projects": true, "has_wiki": true, "has_downloads": true,
		"allow_forking": true, "is_template": false, "archived": false, "disabled": false, "web_commit_signoff_required": false, "custom_properties": object{},
		"watchers": 0, "open_issues": open, "open_issues_count": open, "license": nil,
		"created_at": r.CreatedAt, "updated_at": pushed, "pushed_at": pushed, "topics": []string{},
	}
	for name, path := range repositoryPaths() {
		out[name] = f.repoURL(r) + path
	}
	return out
}

// details is a repository's own page: with its parents, and what the asking account may do.
func (f renderer) details(r *Repository, rank int) object {
	out := f.repository(r)
	out["permissions"] = object{"admin": rank >= 5, "maintain": rank >= 4, "push": rank >= rankWrite, "triage": rank >= 2, "pull": rank >= 1}
	if parent := f.s.repository(r.ForkOf); parent != nil {
		out["parent"], out["source"] = f.repository(parent), f.repository(parent)
	}
	if owner := f.s.user(r.owner()); owner.Type == "Organization" {
		out["organization"] = f.user(r.owner())
	}
	return out
}

func (f renderer) branchOf(r *Repository, owner, ref, sha string) object {
	out := object{"label": owner + ":" + ref, "ref": ref, "sha": sha, "user": f.user(owner), "repo": nil}
	if r != nil {
		out["repo"] = f.repository(r)
	}
	return out
}

func (f renderer) pull(r *Repository, p *PullRequest) object {
	api, page := fmt.Sprintf("%s/pulls/%d", f.repoURL(r), p.Number), fmt.Sprintf("%s/%s/pull/%d", web, r.Name, p.Number)
	issue := fmt.Sprintf("%s/issues/%d", f.repoURL(r), p.Number)
	statuses := f.repoURL(r) + "/statuses/" + p.HeadSHA
	head := f.s.head(r, p)
	headOwner := p.Author
	if head != nil {
		headOwner = head.owner()
	}
	labels := make([]object, 0, len(p.Labels))
	for i, name := range p.Labels {
		labels = append(labels, object{
			"id": int64(1000*p.Number + i), "name": name, "url": f.repoURL(r) + "/labels/" + url.PathEscape(name),
			"color": "ededed", "default": false, "description": nil,
		})
	}
	files, additions, deletions := f.d.files(r, p), 0, 0
	for _, file := range files {
		additions, deletions = additions+file.Additions, deletions+file.Deletions
	}
	merged := !p.MergedAt.IsZero()
	mergeable, state := any(nil), "unknown"
	if p.State == "open" {
		mergeable, state = true, "clean"
	}
	return object{
		"id": p.ID, "number": p.Number, "url": api, "html_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch",
		"issue_url": issue, "commits_url": api + "/commits", "review_comments_url": api + "/comments",
		"review_comment_url": f.repoURL(r) + "/pulls/comments{/number}", "comments_url": issue + "/comments",
		"statuses_url": statuses, "state": p.State, "locked": false, "active_lock_reason": nil, "title": p.Title,
		"user": f.user(p.Author), "body": orNull(p.Body), "labels": labels, "milestone": nil, "created_at": p.CreatedAt,
		"updated_at": p.UpdatedAt, "closed_at": p.ClosedAt, "merged_at": p.MergedAt, "merge_commit_sha": orNull(p.MergeCommitSHA),
		"assignee": nil, "assignees": []object{}, "requested_reviewers": []object{}, "requested_teams": []object{},
		"head": f.branchOf(head, headOwner, p.HeadRef, p.HeadSHA), "base": f.branchOf(r, r.owner(), p.BaseRef, p.BaseSHA),
		"_links": object{
			"self": link(api), "html": link(page), "issue": link(issue), "comments": link(issue + "/comments"),
			"review_comments": link(api + "/comments"), "review_comment": link(f.repoURL(r) + "/pulls/comments{/number}"),
			"commits": link(api + "/commits"), "statuses": link(statuses),
		},
		"author_association": f.association(r, p.Author), "auto_merge": nil, "draft": p.Draft,
		"merged": merged, "mergeable": mergeable, "rebaseable": mergeable, "mergeable_state": state, "merged_by": nilIfEmpty(f.user(p.MergedBy)),
		"comments": 0, "review_comments": 0, "maintainer_can_modify": false, "commits": len(f.d.commits(r, p)),
		"additions": additions, "deletions": deletions, "changed_files": len(files),
	}
}

// pullBrief is how check runs and workflow runs name a pull request.
func (f renderer) pullBrief(r *Repository, p *PullRequest) object {
	side := func(repo *Repository, ref, sha string) object {
		return object{"ref": ref, "sha": sha, "repo": object{"id": repo.ID, "url": f.repoURL(repo), "name": repo.shortName()}}
	}
	head := f.s.head(r, p)
	if head == nil {
		head = r
	}
	return object{
		"id": p.ID, "number": p.Number, "url": fmt.Sprintf("%s/pulls/%d", f.repoURL(r), p.Number),
		"head": side(head, p.HeadRef, p.HeadSHA), "base": side(r, p.BaseRef, p.BaseSHA),
	}
}

func link(href string) object { return object{"href": href} }

// association is what an account is to a repository.
func (f renderer) association(r *Repository, login string) string {
	switch rank, _ := r.role(login); {
	case strings.EqualFold(login, r.owner()):
		return "OWNER"
	case slices.ContainsFunc(f.s.Teams, func(t *Team) bool { return strings.EqualFold(t.Org, r.owner()) && t.member(login) != nil }):
		return "MEMBER"
	case rank > 1 || r.Private && rank > 0:
		return "COLLABORATOR"
	}
	return "NONE"
}

func (t *Team) member(login string) *Member {
	return find(t.Members, func(m *Member) bool { return strings.EqualFold(m.Login, login) })
}

func (f renderer) review(r *Repository, p *PullRequest, v *Review) object {
	page := fmt.Sprintf("%s/%s/pull/%d#pullrequestreview-%d", web, r.Name, p.Number, v.ID)
	api := fmt.Sprintf("%s/pulls/%d", f.repoURL(r), p.Number)
	return object{
		"id": v.ID, "user": nilIfEmpty(f.user(v.User)), "body": v.Body, "state": v.State, "html_url": page, "pull_request_url": api,
		"_links": object{"html": link(page), "pull_request": link(api)}, "submitted_at": v.SubmittedAt,
		"updated_at": v.SubmittedAt, "commit_id": orNull(v.CommitID), "author_association": f.association(r, v.User),
	}
}

// describe finds or makes up what the API tells of a commit.
func (f renderer) describe(r *Repository, sha string) *Commit {
	if c := f.d.readCommit(r, sha); c != nil {
		known := *c
		if u := find(f.s.Users, func(u *User) bool { return u.Email != "" && u.Email == c.Email }); u != nil {
			known.Login = u.Login
		}
		return &known
	}
	if c := find(r.Commits, func(c *Commit) bool { return c.SHA == sha }); c != nil {
		return c
	}
	return &Commit{SHA: sha, Message: "Commit " + sha[:7], Name: "Somebody", Email: "somebody@example.com", Date: r.CreatedAt}
}

// person renders author or committer: what the commit itself says.
func person(c *Commit) object {
	return object{"name": c.Name, "email": c.Email, "date": c.Date}
}

func (f renderer) verification(c *Commit) object {
	reason := c.Reason
	switch {
	case reason != "":
	case c.Verified:
		reason = "valid"
	default:
		reason = "unsigned"
	}
	return object{"verified": c.Verified, "reason": reason, "signature": orNull(c.Signature), "payload": orNull(c.Payload), "verified_at": nil}
}

// treeOf gives a commit without a known tree one that differs from others'.
func treeOf(c *Commit) string {
	if c.Tree != "" {
		return c.Tree
	}
	sum := sha256.Sum256([]byte("tree of " + c.SHA))
	return fmt.Sprintf("%x", sum[:20])
}

func (f renderer) commit(r *Repository, sha string) object {
	c := f.describe(r, sha)
	api, page := f.repoURL(r)+"/commits/"+sha, web+"/"+r.Name+"/commit/"+sha
	parents := make([]object, 0, len(c.Parents))
	for _, p := range c.Parents {
		parents = append(parents, object{"sha": p, "url": f.repoURL(r) + "/commits/" + p, "html_url": web + "/" + r.Name + "/commit/" + p})
	}
	account := nilIfEmpty(f.user(c.Login))
	tree := treeOf(c)
	return object{
		"url": api, "sha": sha, "node_id": "C_" + sha[:12], "html_url": page, "comments_url": api + "/comments",
		"commit": object{
			"url": f.repoURL(r) + "/git/commits/" + sha, "author": person(c), "committer": person(c), "message": c.Message,
			"comment_count": 0, "tree": object{"sha": tree, "url": f.repoURL(r) + "/git/trees/" + tree},
			"verification": f.verification(c),
		},
		"author": account, "committer": account, "parents": parents,
	}
}

func (f renderer) file(r *Repository, p *PullRequest, v *File) object {
	status := v.Status
	if status == "" {
		status = "modified"
	}
	path := (&url.URL{Path: v.Path}).EscapedPath()
	out := object{
		"sha": orNull(v.SHA), "filename": v.Path, "status": status, "additions": v.Additions, "deletions": v.Deletions,
		"changes": v.Additions + v.Deletions, "blob_url": web + "/" + r.Name + "/blob/" + p.HeadSHA + "/" + path,
		"raw_url":      web + "/" + r.Name + "/raw/" + p.HeadSHA + "/" + path,
		"contents_url": f.repoURL(r) + "/contents/" + path + "?ref=" + p.HeadSHA,
	}
	if v.Previous != "" {
		out["previous_filename"] = v.Previous
	}
	return out
}

// event renders an entry of a pull request's timeline.
func (f renderer) event(r *Repository, p *PullRequest, e *Event) object {
	out := object{
		"id": e.ID, "node_id": fmt.Sprintf("E_%d", e.ID), "url": fmt.Sprintf("%s/issues/events/%d", f.repoURL(r), e.ID),
		"actor": f.user(e.Actor), "event": e.Event, "commit_id": orNull(e.CommitID), "commit_url": nil,
		"created_at": e.CreatedAt, "performed_via_github_app": nil,
	}
	if e.CommitID != "" {
		out["commit_url"] = f.repoURL(r) + "/commits/" + e.CommitID
	}
	switch e.Event {
	case "review_dismissed":
		out["dismissed_review"] = object{"state": e.DismissedState, "review_id": e.Review, "dismissal_message": orNull(e.Body)}
		out[branchKey] = "review-dismissed-issue-event"
	case "commented":
		issue := fmt.Sprintf("%s/issues/%d", f.repoURL(r), p.Number)
		out["user"], out["body"], out["updated_at"], out["issue_url"] = f.user(e.Actor), e.Body, e.CreatedAt, issue
		out["url"] = fmt.Sprintf("%s/issues/comments/%d", f.repoURL(r), e.ID)
		out["html_url"] = fmt.Sprintf("%s/%s/pull/%d#issuecomment-%d", web, r.Name, p.Number, e.ID)
		out["author_association"] = f.association(r, e.Actor)
		out[branchKey] = "timeline-comment-event"
	case "renamed":
		out["rename"] = object{"from": e.Body, "to": p.Title}
		out[branchKey] = "renamed-issue-event"
	default:
		// The timeline has a schema for plain events; the list of events has none, and one with an
		// optional card fits.
		out[branchKey] = "state-change-issue-event"
	}
	return out
}

func (f renderer) activity(a *Activity) object {
	before, after := a.Before, a.After
	orDefault(&before, zeroSHA)
	orDefault(&after, zeroSHA)
	return object{
		"id": a.ID, "before": before, "after": after, "ref": a.Ref, "timestamp": a.Timestamp,
		"activity_type": a.Type, "actor": nilIfEmpty(f.user(a.Actor)),
	}
}

func (f renderer) app(slug string) object {
	a := f.s.app(slug)
	if a == nil {
		return nil
	}
	return object{
		"id": a.ID, "slug": a.Slug, "client_id": fmt.Sprintf("Iv1.%016x", a.ID), "owner": f.user(a.Owner), "name": a.Slug,
		"description": "", "external_url": web + "/apps/" + a.Slug, "html_url": web + "/apps/" + a.Slug,
		"created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z",
		"permissions": object{"checks": "write", "metadata": "read"}, "events": []string{},
	}
}

func (f renderer) checkRun(r *Repository, v *CheckRun) object {
	api := fmt.Sprintf("%s/check-runs/%d", f.repoURL(r), v.ID)
	page := fmt.Sprintf("%s/%s/runs/%d", web, r.Name, v.ID)
	details := v.DetailsURL
	orDefault(&details, page)
	pulls := []object{}
	for _, p := range r.PullRequests {
		// As on GitHub, pull requests from forks are left out.
		if p.State == "open" && p.HeadSHA == v.HeadSHA && f.s.head(r, p) == r {
			pulls = append(pulls, f.pullBrief(r, p))
		}
	}
	return object{
		"id": v.ID, "head_sha": v.HeadSHA, "external_id": v.ExternalID, "url": api, "html_url": page, "details_url": details,
		"status": v.Status, "conclusion": orNull(v.Conclusion), "started_at": v.StartedAt, "completed_at": v.CompletedAt,
		"output": object{
			"title": orNull(v.Title), "summary": orNull(v.Summary), "text": orNull(v.Text),
			"annotations_count": len(v.Annotations), "annotations_url": api + "/annotations",
		},
		"name": v.Name, "check_suite": object{"id": suite(f.s.app(v.App), v.HeadSHA)}, "app": f.app(v.App), "pull_requests": pulls,
	}
}

// suite is the id of an app's check suite on a commit.
func suite(a *App, sha string) int64 {
	n := a.ID
	for _, b := range []byte(sha) {
		n = (n*31 + int64(b)) & (1<<40 - 1)
	}
	return n
}

func (f renderer) deployment(r *Repository, v *Deployment) object {
	api := fmt.Sprintf("%s/deployments/%d", f.repoURL(r), v.ID)
	updated := v.UpdatedAt
	if updated.IsZero() {
		updated = v.CreatedAt
	}
	return object{
		"url": api, "id": v.ID, "sha": v.SHA, "ref": v.Ref, "task": v.Task, "payload": payload(v), "original_environment": v.Environment,
		"environment": v.Environment, "description": orNull(v.Description), "creator": nilIfEmpty(f.user(v.Creator)),
		"created_at": v.CreatedAt, "updated_at": updated, "statuses_url": api + "/statuses", "repository_url": f.repoURL(r),
		"transient_environment": v.Transient, "production_environment": v.Production, "performed_via_github_app": nilIfEmpty(f.app(v.App)),
	}
}

func (f renderer) deploymentStatus(r *Repository, d *Deployment, v *DeploymentStatus) object {
	api := fmt.Sprintf("%s/deployments/%d", f.repoURL(r), d.ID)
	return object{
		"url": fmt.Sprintf("%s/statuses/%d", api, v.ID), "id": v.ID, "state": v.State, "creator": nilIfEmpty(f.user(v.Creator)),
		"description": v.Description, "environment": v.Environment, "target_url": v.LogURL, "log_url": v.LogURL,
		"environment_url": v.EnvironmentURL, "created_at": v.CreatedAt, "updated_at": v.CreatedAt, "deployment_url": api,
		"repository_url": f.repoURL(r), "performed_via_github_app": nil,
	}
}

func (f renderer) run(r *Repository, w *WorkflowRun) object {
	api := fmt.Sprintf("%s/actions/runs/%d", f.repoURL(r), w.ID)
	triggering := w.TriggeringActor
	orDefault(&triggering, w.Actor)
	head := r
	if w.HeadRepo != "" && f.s.repository(w.HeadRepo) != nil {
		head = f.s.repository(w.HeadRepo)
	}
	started, updated := w.StartedAt, w.UpdatedAt
	if started.IsZero() {
		started = w.CreatedAt
	}
	if updated.IsZero() {
		updated = started
	}
	pulls := []object{}
	for _, n := range w.PullRequests {
		if p := r.pull(n); p != nil && f.s.head(r, p) == r {
			pulls = append(pulls, f.pullBrief(r, p))
		}
	}
	suite := suite(&App{ID: actionsAppID}, w.HeadSHA)
	return object{
		"id": w.ID, "name": w.Name, "head_branch": orNull(w.HeadBranch), "head_sha": w.HeadSHA, "path": w.Path,
		"run_number": w.Number, "run_attempt": w.Attempt, "event": w.Event, "status": orNull(w.Status),
		"conclusion": orNull(w.Conclusion), "workflow_id": w.WorkflowID, "check_suite_id": suite, "display_title": w.Name, "url": api,
		"html_url": fmt.Sprintf("%s/%s/actions/runs/%d", web, r.Name, w.ID), "pull_requests": pulls, "created_at": w.CreatedAt,
		"updated_at": updated, "run_started_at": started, "actor": f.user(w.Actor), "triggering_actor": f.user(triggering),
		"jobs_url": api + "/jobs", "logs_url": api + "/logs", "artifacts_url": api + "/artifacts", "cancel_url": api + "/cancel",
		"rerun_url": api + "/rerun", "check_suite_url": fmt.Sprintf("%s/check-suites/%d", f.repoURL(r), suite),
		"workflow_url": fmt.Sprintf("%s/actions/workflows/%d", f.repoURL(r), w.WorkflowID), "previous_attempt_url": nil,
		"head_commit": f.simpleCommit(head, w.HeadSHA), "repository": f.repository(r), "head_repository": f.repository(head),
		"head_repository_id": head.ID, "referenced_workflows": []object{}, "check_suite_node_id": fmt.Sprintf("CS_%d", suite),
	}
}

func (f renderer) simpleCommit(r *Repository, sha string) object {
	c := f.describe(r, sha)
	who := object{"name": c.Name, "email": c.Email}
	return object{"id": sha, "tree_id": treeOf(c), "message": c.Message, "timestamp": c.Date, "author": who, "committer": who}
}

func (f renderer) environment(r *Repository, id int64, name string) object {
	return object{
		"id": id, "name": name, "url": f.repoURL(r) + "/environments/" + url.PathEscape(name),
		"html_url":   web + "/" + r.Name + "/deployments/activity_log?environments_filter=" + url.QueryEscape(name),
		"created_at": r.CreatedAt, "updated_at": r.CreatedAt,
	}
}

func (f renderer) ref(r *Repository, name, sha string) object {
	kind := f.d.objectType(r, sha)
	return object{
		"ref": name, "node_id": "REF_" + name, "url": f.repoURL(r) + "/git/" + name,
		"object": object{"type": kind, "sha": sha, "url": f.repoURL(r) + "/git/" + kind + "s/" + sha},
	}
}

// orNull writes "" as null.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// nilIfEmpty keeps a missing object from becoming an empty one.
func nilIfEmpty(o object) any {
	if o == nil {
		return nil
	}
	return o
}
