package githubdouble

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// actionsApp is the app behind a workflow's own token.
const actionsApp = "github-actions"

// actionsAppID is its id on github.com.
const actionsAppID = 15368

const zeroSHA = "0000000000000000000000000000000000000000"

// complete fills in what a scenario leaves out and refuses one that contradicts itself: a login
// misspelt in a test must not look like an account that GitHub does not know.
func (d *Double) complete(s *Scenario) error {
	for _, list := range []func(*Scenario) error{d.completeAccounts, d.completeRepositories} {
		if err := list(s); err != nil {
			return err
		}
	}
	var unknown []string
	s.eachLogin(func(login *string) {
		if *login != "" && s.user(*login) == nil {
			unknown = append(unknown, *login)
		}
	})
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("the scenario names accounts that are not among its users: %s", strings.Join(slices.Compact(unknown), ", "))
	}
	return nil
}

func (d *Double) completeAccounts(s *Scenario) error {
	for _, r := range s.Repositories {
		if strings.Count(r.Name, "/") != 1 {
			return fmt.Errorf("repository %q: want owner/name", r.Name)
		}
		if s.user(r.owner()) == nil {
			s.Users = append(s.Users, &User{Login: r.owner(), Type: "Organization"})
		}
	}
	for _, t := range s.Teams {
		if s.user(t.Org) == nil {
			s.Users = append(s.Users, &User{Login: t.Org, Type: "Organization"})
		}
		d.assign(&t.ID)
	}
	for _, a := range s.Apps {
		if a.Slug == actionsApp && a.ID == 0 {
			a.ID = actionsAppID
		}
		d.assign(&a.ID)
		if a.Owner == "" {
			a.Owner = "github"
		}
		for _, u := range []*User{{Login: a.Owner, Type: "Organization"}, {Login: a.Slug + "[bot]", Type: "Bot"}} {
			if s.user(u.Login) == nil {
				s.Users = append(s.Users, u)
			}
		}
	}
	ids, logins := map[int64]string{}, map[string]bool{}
	for _, u := range s.Users {
		d.assign(&u.ID)
		if u.Type == "" {
			u.Type = "User"
		}
		if !slices.Contains([]string{"User", "Bot", "Organization"}, u.Type) {
			return fmt.Errorf("user %q is of type %q: want User, Bot or Organization", u.Login, u.Type)
		}
		if other, taken := ids[u.ID]; taken || logins[strings.ToLower(u.Login)] {
			return fmt.Errorf("users %q and %q share a login or the id %d", u.Login, other, u.ID)
		}
		ids[u.ID], logins[strings.ToLower(u.Login)] = u.Login, true
	}
	for _, t := range s.Tokens {
		if (t.User == "") == (t.App == "") || t.Value == "" {
			return fmt.Errorf("token %q: want a value, and either a user or an app", t.Value)
		}
		if t.App != "" && s.app(t.App) == nil {
			return fmt.Errorf("token %q is of the app %q, which is not among the scenario's apps", t.Value, t.App)
		}
		for name, level := range t.Permissions {
			if !slices.Contains(permissionNames(), name) || (level != "read" && level != "write") {
				return fmt.Errorf("token %q: no permission is called %s: %s", t.Value, name, level)
			}
		}
	}
	return nil
}

func (d *Double) completeRepositories(s *Scenario) error {
	names, ids := map[string]bool{}, map[int64]bool{}
	for _, r := range s.Repositories {
		d.assign(&r.ID)
		if names[strings.ToLower(r.Name)] || ids[r.ID] {
			return fmt.Errorf("two repositories are called %s or have the id %d", r.Name, r.ID)
		}
		names[strings.ToLower(r.Name)], ids[r.ID] = true, true
		if r.DefaultBranch == "" {
			r.DefaultBranch = "main"
		}
		d.stamp(&r.CreatedAt)
		if r.ForkOf != "" && s.repository(r.ForkOf) == nil {
			return fmt.Errorf("repository %s is a fork of %s, which is not in the scenario", r.Name, r.ForkOf)
		}
		if r.Refs == nil {
			r.Refs = map[string]string{}
		}
		for login, role := range r.Roles {
			if _, _, err := splitRole(role); err != nil {
				return fmt.Errorf("repository %s, role of %s: %w", r.Name, login, err)
			}
		}
		if err := d.readRefs(r); err != nil {
			return err
		}
	}
	for _, r := range s.Repositories {
		if err := d.completeRepository(s, r); err != nil {
			return fmt.Errorf("repository %s: %w", r.Name, err)
		}
	}
	return nil
}

func isSHA(s string) bool { return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == "" }

func (d *Double) completeRepository(s *Scenario, r *Repository) error {
	for _, p := range r.PullRequests {
		if err := d.completePull(s, r, p); err != nil {
			return fmt.Errorf("pull request %d: %w", p.Number, err)
		}
	}
	for _, a := range r.Activity {
		d.assign(&a.ID)
		d.stamp(&a.Timestamp)
		if a.Type == "" {
			a.Type = activityType(a.Before, a.After, false)
		}
	}
	for _, c := range r.CheckRuns {
		d.assign(&c.ID)
		if c.Status == "" {
			c.Status = "completed"
		}
		if s.app(c.App) == nil {
			return fmt.Errorf("check run %q is of the app %q, which is not among the scenario's apps", c.Name, c.App)
		}
	}
	for _, p := range r.Deployments {
		d.assign(&p.ID)
		d.stamp(&p.CreatedAt)
		orDefault(&p.Environment, "production")
		orDefault(&p.Task, "deploy")
		orDefault(&p.Ref, p.SHA)
		for _, status := range p.Statuses {
			d.assign(&status.ID)
			d.stamp(&status.CreatedAt)
			orDefault(&status.Environment, p.Environment)
		}
	}
	for _, w := range r.Workflows {
		d.assign(&w.ID)
	}
	for _, w := range r.Runs {
		d.assign(&w.ID)
		d.assign(&w.WorkflowID)
		d.stamp(&w.CreatedAt)
		orDefault(&w.Path, ".github/workflows/ci.yml")
		orDefault(&w.Name, w.Path)
		orDefault(&w.Status, "in_progress")
		orDefault(&w.Actor, r.owner())
		orDefault(&w.Event, "push")
		w.Number, w.Attempt = max(w.Number, 1), max(w.Attempt, 1)
		for _, g := range w.Pending {
			d.assign(&g.EnvironmentID)
			for _, team := range g.Teams {
				org, slug, _ := strings.Cut(team, "/")
				if s.team(org, slug) == nil {
					return fmt.Errorf("run %d waits for the team %s, which is not in the scenario", w.ID, team)
				}
			}
		}
	}
	for name, sha := range r.Refs {
		if !strings.HasPrefix(name, "refs/") || !isSHA(sha) {
			return fmt.Errorf("ref %q at %q: want a full name and 40 hexadecimal digits", name, sha)
		}
	}
	return nil
}

func (d *Double) completePull(s *Scenario, r *Repository, p *PullRequest) error {
	d.assign(&p.ID)
	orDefault(&p.State, "open")
	if !p.MergedAt.IsZero() {
		p.State = "closed"
		if p.ClosedAt.IsZero() {
			p.ClosedAt = p.MergedAt
		}
	}
	orDefault(&p.BaseRef, r.DefaultBranch)
	orDefault(&p.Title, "Change "+p.HeadRef)
	d.stamp(&p.CreatedAt)
	if p.UpdatedAt.IsZero() {
		p.UpdatedAt = p.CreatedAt
	}
	head := s.head(r, p)
	if head == nil && !p.HeadDeleted {
		return fmt.Errorf("its head repository %s is not in the scenario", p.HeadRepo)
	}
	if head != nil && p.State == "open" {
		name := "refs/heads/" + p.HeadRef
		orDefault(&p.HeadSHA, head.Refs[name])
		if head.Refs[name] == "" && head.GitDir == "" {
			head.Refs[name] = p.HeadSHA
		}
	}
	base := "refs/heads/" + p.BaseRef
	orDefault(&p.BaseSHA, r.Refs[base])
	if r.Refs[base] == "" && r.GitDir == "" {
		r.Refs[base] = p.BaseSHA
	}
	if p.Number < 1 || !isSHA(p.HeadSHA) || !isSHA(p.BaseSHA) {
		return fmt.Errorf("want a number, and head and base as 40 hexadecimal digits, not %q and %q", p.HeadSHA, p.BaseSHA)
	}
	if len(p.Commits) == 0 && r.GitDir == "" {
		p.Commits = []string{p.HeadSHA}
	}
	for _, v := range p.Reviews {
		d.assign(&v.ID)
		d.stamp(&v.SubmittedAt)
		orDefault(&v.CommitID, p.HeadSHA)
	}
	for _, e := range p.Timeline {
		d.assign(&e.ID)
		d.stamp(&e.CreatedAt)
	}
	return d.publishPull(s, r, p)
}

// assign gives an id that no other thing of the double has.
func (d *Double) assign(id *int64) {
	if *id == 0 {
		d.lastID++
		*id = d.lastID
	}
}

func (d *Double) stamp(t *time.Time) {
	if t.IsZero() {
		*t = d.now()
	}
}

func orDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// eachLogin visits every place where a login stands, so that none is forgotten at a renaming.
func (s *Scenario) eachLogin(visit func(*string)) {
	for _, t := range s.Teams {
		for _, m := range t.Members {
			visit(&m.Login)
		}
	}
	for _, t := range s.Tokens {
		visit(&t.User)
	}
	for _, r := range s.Repositories {
		visit(&r.GitPusher)
		roles := map[string]string{}
		for _, login := range slices.Sorted(maps.Keys(r.Roles)) {
			role := r.Roles[login]
			visit(&login)
			roles[login] = role
		}
		r.Roles = roles
		for _, c := range r.Commits {
			visit(&c.Login)
		}
		for _, p := range r.PullRequests {
			visit(&p.Author)
			visit(&p.MergedBy)
			for _, v := range p.Reviews {
				visit(&v.User)
			}
			for _, e := range p.Timeline {
				visit(&e.Actor)
			}
		}
		for _, a := range r.Activity {
			visit(&a.Actor)
		}
		for _, p := range r.Deployments {
			visit(&p.Creator)
			for _, status := range p.Statuses {
				visit(&status.Creator)
			}
		}
		for _, w := range r.Runs {
			visit(&w.Actor)
			visit(&w.TriggeringActor)
			for _, g := range w.Pending {
				for i := range g.Users {
					visit(&g.Users[i])
				}
			}
			for _, a := range w.Approvals {
				visit(&a.User)
			}
		}
	}
}
