package githubdouble

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// payload is a deployment's, as an object or a string.
func payload(v *Deployment) any {
	if len(v.Payload) == 0 {
		return object{}
	}
	var out any
	if err := json.Unmarshal(v.Payload, &out); err != nil {
		return string(v.Payload)
	}
	return out
}

func listDeployments(c *call) answer {
	items := []object{}
	for _, v := range slices.Backward(c.repo.Deployments) {
		fits := func(name, value string) bool {
			want := c.query.Get(name)
			return want == "" || want == "none" || want == value
		}
		if fits("sha", v.SHA) && fits("ref", v.Ref) && fits("task", v.Task) && fits("environment", v.Environment) {
			items = append(items, c.render().deployment(c.repo, v))
		}
	}
	return c.page(items)
}

func getDeployment(c *call) answer {
	v := c.repo.deployment(c.id("deployment_id"))
	if v == nil {
		return c.notFound()
	}
	return ok(c.render().deployment(c.repo, v))
}

func createDeployment(c *call) answer {
	ref := c.text("ref")
	sha := c.resolve(ref)
	if !c.d.known(c.repo, sha) {
		return c.unprocessable("No ref found for: " + ref)
	}
	v := &Deployment{
		SHA: sha, Ref: ref, Task: c.text("task"), Environment: c.text("environment"), Description: c.text("description"),
		Creator: c.actor().Login, App: c.token.App, Transient: c.flag("transient_environment", false),
	}
	orDefault(&v.Task, "deploy")
	orDefault(&v.Environment, "production")
	v.Production = c.flag("production_environment", v.Environment == "production")
	if value, set := c.body["payload"]; set {
		text, err := json.Marshal(value, json.Deterministic(true))
		if err != nil {
			return c.unprocessable("payload: " + err.Error())
		}
		v.Payload = text
	}
	c.d.assign(&v.ID)
	c.d.stamp(&v.CreatedAt)
	v.UpdatedAt = v.CreatedAt
	c.repo.Deployments = append(c.repo.Deployments, v)
	return created(c.render().deployment(c.repo, v), fmt.Sprintf("%s/deployments/%d", c.render().repoURL(c.repo), v.ID))
}

func listDeploymentStatuses(c *call) answer {
	v := c.repo.deployment(c.id("deployment_id"))
	if v == nil {
		return c.notFound()
	}
	items := []object{}
	for _, status := range slices.Backward(v.Statuses) {
		items = append(items, c.render().deploymentStatus(c.repo, v, status))
	}
	return c.page(items)
}

func createDeploymentStatus(c *call) answer {
	v := c.repo.deployment(c.id("deployment_id"))
	if v == nil {
		return c.notFound()
	}
	status := &DeploymentStatus{
		State: c.text("state"), Creator: c.actor().Login, Description: c.text("description"), Environment: c.text("environment"),
		EnvironmentURL: c.text("environment_url"), LogURL: c.text("log_url"),
	}
	orDefault(&status.LogURL, c.text("target_url"))
	if n := len(v.Statuses); n > 0 {
		orDefault(&status.Environment, v.Statuses[n-1].Environment)
	}
	orDefault(&status.Environment, v.Environment)
	c.d.addStatus(v, status)
	if status.State == "success" && c.flag("auto_inactive", true) {
		for _, other := range c.repo.Deployments {
			n := len(other.Statuses)
			if other != v && n > 0 && !other.Transient && !other.Production && strings.EqualFold(other.Environment, v.Environment) &&
				other.Statuses[n-1].State == "success" {
				c.d.addStatus(other, &DeploymentStatus{State: "inactive", Creator: status.Creator, Environment: other.Environment})
			}
		}
	}
	return created(c.render().deploymentStatus(c.repo, v, status), fmt.Sprintf("%s/deployments/%d/statuses/%d", c.render().repoURL(c.repo), v.ID, status.ID))
}

func (d *Double) addStatus(v *Deployment, status *DeploymentStatus) {
	d.assign(&status.ID)
	d.stamp(&status.CreatedAt)
	v.Statuses = append(v.Statuses, status)
	v.UpdatedAt = status.CreatedAt
}

func getRun(c *call) answer {
	w := c.repo.run(c.id("run_id"))
	if w == nil {
		return c.notFound()
	}
	out := c.render().run(c.repo, w)
	if c.query.Get("exclude_pull_requests") == "true" {
		out["pull_requests"] = []object{}
	}
	return ok(out)
}

func listPending(c *call) answer {
	w := c.repo.run(c.id("run_id"))
	if w == nil {
		return c.notFound()
	}
	f := c.render()
	items := []object{}
	for _, g := range w.Pending {
		reviewers := []object{}
		for _, login := range g.Users {
			reviewers = append(reviewers, object{"type": "User", "reviewer": f.user(login)})
		}
		approves := c.token.User != "" && slices.ContainsFunc(g.Users, func(l string) bool { return strings.EqualFold(l, c.token.User) })
		for _, name := range g.Teams {
			org, slug, _ := strings.Cut(name, "/")
			t := c.s.team(org, slug)
			approves = approves || c.token.User != "" && t.member(c.token.User) != nil
			reviewers = append(reviewers, object{"type": "Team", "reviewer": f.team(t)})
		}
		item := object{
			"environment": f.environment(c.repo, g.EnvironmentID, g.Environment), "wait_timer": g.WaitMinutes,
			"wait_timer_started_at": nil, "current_user_can_approve": approves, "reviewers": reviewers,
		}
		if g.WaitMinutes > 0 {
			item["wait_timer_started_at"] = w.CreatedAt
		}
		items = append(items, item)
	}
	return answer{status: http.StatusOK, header: http.Header{}, body: items}
}

func (f renderer) team(t *Team) object {
	api := f.base + "/orgs/" + t.Org + "/teams/" + t.Slug
	return object{
		branchKey: "team", "id": t.ID, "name": t.Slug, "slug": t.Slug, "description": nil, "privacy": "closed", "permission": "pull",
		"url": api, "html_url": web + "/orgs/" + t.Org + "/teams/" + t.Slug, "members_url": api + "/members{/member}",
		"repositories_url": api + "/repos", "parent": nil,
	}
}

func listRunApprovals(c *call) answer {
	w := c.repo.run(c.id("run_id"))
	if w == nil {
		return c.notFound()
	}
	items := []object{}
	for _, a := range w.Approvals {
		environments := []object{}
		for i, name := range a.Environments {
			environments = append(environments, c.render().environment(c.repo, w.ID*100+int64(i), name))
		}
		items = append(items, object{"state": a.State, "comment": a.Comment, "user": c.render().user(a.User), "environments": environments})
	}
	return answer{status: http.StatusOK, header: http.Header{}, body: items}
}
