package githubdouble

import "net/http"

func getSelf(c *call) answer {
	if c.token.User == "" {
		return c.refuse(http.StatusForbidden, "Resource not accessible by integration")
	}
	out := c.render().profile(c.token.User)
	out["user_view_type"], out[branchKey] = "private", "private-user"
	return ok(out)
}

func getUser(c *call) answer {
	u := c.s.user(c.params["username"])
	if u == nil {
		return c.notFound()
	}
	out := c.render().profile(u.Login)
	out[branchKey] = "public-user"
	return ok(out)
}

func getRepository(c *call) answer {
	rank := rankWrite // an installation's token shows what it may do in general
	if c.token.User != "" {
		rank, _ = c.repo.role(c.token.User)
	}
	return ok(c.render().details(c.repo, rank))
}

func getRole(c *call) answer {
	if c.token.User != "" {
		if rank, _ := c.repo.role(c.token.User); rank < rankWrite {
			return c.refuse(http.StatusForbidden, "Must have push access to view collaborator permission.")
		}
	}
	u := c.s.user(c.params["username"])
	if u == nil {
		return c.refuse(http.StatusNotFound, c.params["username"]+" is not a user")
	}
	rank, name := c.repo.role(u.Login)
	user := c.render().user(u.Login)
	user["role_name"] = name
	user["permissions"] = object{"admin": rank >= 5, "maintain": rank >= 4, "push": rank >= rankWrite, "triage": rank >= 2, "pull": rank >= 1}
	return ok(object{"permission": roles()[rank].permission, "role_name": name, "user": user})
}

func getMembership(c *call) answer {
	t := c.s.team(c.params["org"], c.params["team_slug"])
	if t == nil {
		return c.notFound()
	}
	m := t.member(c.params["username"])
	if m == nil {
		return c.notFound()
	}
	role, state := "member", "active"
	if m.Maintainer {
		role = "maintainer"
	}
	if m.Pending {
		state = "pending"
	}
	return ok(object{"role": role, "state": state, "url": c.base + "/orgs/" + t.Org + "/teams/" + t.Slug + "/memberships/" + m.Login})
}

func listMembers(c *call) answer {
	t := c.s.team(c.params["org"], c.params["team_slug"])
	if t == nil {
		return c.notFound()
	}
	items := []object{}
	for _, m := range t.Members {
		role := c.query.Get("role")
		if m.Pending || role == "maintainer" && !m.Maintainer || role == "member" && m.Maintainer {
			continue
		}
		items = append(items, c.render().user(m.Login))
	}
	return c.page(items)
}
