package githubdouble

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// roles are the standard roles, the weakest first, with the older name that `permission` still uses.
func roles() []struct{ name, permission string } {
	return []struct{ name, permission string }{
		{"none", "none"},
		{"read", "read"},
		{"triage", "read"},
		{"write", "write"},
		{"maintain", "write"},
		{"admin", "admin"},
	}
}

// splitRole reads "write" or "write/release-manager".
func splitRole(role string) (rank int, name string, err error) {
	base, custom, isCustom := strings.Cut(role, "/")
	for i, r := range roles() {
		if r.name == base {
			if isCustom {
				return i, custom, nil
			}
			return i, base, nil
		}
	}
	return 0, "", fmt.Errorf("no role is called %q", role)
}

// role is what an account may do in a repository now: its rank among roles, and its name.
func (r *Repository) role(login string) (int, string) {
	if strings.EqualFold(r.owner(), login) {
		return len(roles()) - 1, "admin"
	}
	for who, role := range r.Roles {
		if strings.EqualFold(who, login) {
			rank, name, err := splitRole(role)
			if err == nil {
				return rank, name
			}
		}
	}
	if r.Private {
		return 0, "none"
	}
	return 1, "read"
}

// rankWrite is the rank from which an account may push.
const rankWrite = 3

// identify finds the token, and refuses what GitHub refuses before it looks at the path.
func (c *call) identify() *answer {
	refuse := func(status int, message string) *answer {
		a := c.refuse(status, message)
		return &a
	}
	if c.request.UserAgent() == "" {
		return refuse(http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")
	}
	if accept := c.request.Header.Get("Accept"); accept != "" && !strings.Contains(accept, "json") && !strings.Contains(accept, "*/*") {
		return refuse(http.StatusUnsupportedMediaType, "Unsupported 'Accept' header: "+accept+". Must accept 'application/json'.")
	}
	scheme, value, _ := strings.Cut(c.request.Header.Get("Authorization"), " ")
	if value == "" {
		return refuse(http.StatusUnauthorized, "Requires authentication")
	}
	if strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "token") {
		// Tokens are those of today even where the call is to see an older state.
		c.token = find(c.d.state.Tokens, func(t *Token) bool { return t.Value == value })
	}
	if c.token == nil {
		return refuse(http.StatusUnauthorized, "Bad credentials")
	}
	d := c.d
	if now := d.now(); d.reset.IsZero() || !now.Before(d.reset) {
		d.reset = now.Add(time.Hour)
		clear(d.used)
	}
	if d.used[c.token.Value] >= c.limit() {
		a := c.exhausted()
		return &a
	}
	return nil
}

// actor is the account that a token acts as: a person, or the app's bot.
func (c *call) actor() *User {
	if c.token.App != "" {
		return c.s.user(c.token.App + "[bot]")
	}
	return c.s.user(c.token.User)
}

// authorise finds the repository, and tells whether the token may do this.
func (c *call) authorise(op operation) *answer {
	owner, name := c.params["owner"], c.params["repo"]
	if name != "" {
		if a := c.find(owner + "/" + name); a != nil {
			return a
		}
	}
	permitted := c.permits(op.permission, op.write) || op.or != "" && c.permits(op.or, op.write)
	if !permitted {
		kind := "integration"
		if c.token.App == "" {
			kind = "personal access token"
		}
		a := c.refuse(http.StatusForbidden, "Resource not accessible by "+kind)
		level := "read"
		if op.write {
			level = "write"
		}
		a.header.Set("X-Accepted-Github-Permissions", op.permission+"="+level)
		return &a
	}
	if c.repo != nil && op.write && c.token.User != "" && c.route.id != "pulls/create" && c.route.id != "pulls/update" {
		if rank, _ := c.repo.role(c.token.User); rank < rankWrite {
			a := c.refuse(http.StatusForbidden, "Must have push access to repository")
			if c.route.id == "checks/create" || c.route.id == "checks/update" {
				a = c.refuse(http.StatusForbidden, "You must authenticate via a GitHub App.")
			}
			return &a
		}
	}
	return nil
}

// permits tells whether the token has a permission.
func (c *call) permits(permission string, write bool) bool {
	if c.token.ReadOnly && write {
		return false
	}
	if c.token.App == actionsApp && permission == "members" {
		return false // no workflow can ask for it
	}
	if c.token.Permissions == nil || permission == "" {
		return true
	}
	level := c.token.Permissions[permission]
	return level == "write" || level == "read" && !write
}

// find sets the repository, or answers that it moved or that there is none.
func (c *call) find(name string) *answer {
	c.repo = c.s.repository(name)
	if c.repo == nil {
		former := find(c.s.Repositories, func(r *Repository) bool {
			return slices.ContainsFunc(r.FormerNames, func(n string) bool { return strings.EqualFold(n, name) })
		})
		if former != nil {
			a := c.moved(former)
			return &a
		}
	}
	visible := c.repo != nil
	if visible && c.token.Repositories != nil {
		visible = slices.ContainsFunc(c.token.Repositories, func(n string) bool { return strings.EqualFold(n, c.repo.Name) })
	}
	if visible && c.repo.Private && c.token.User != "" {
		rank, _ := c.repo.role(c.token.User)
		visible = rank > 0
	}
	if !visible {
		a := c.notFound()
		return &a
	}
	if c.s == c.d.state {
		if err := c.d.absorbAll(c.s); err != nil {
			a := c.refuse(http.StatusInternalServerError, err.Error())
			c.d.failures = append(c.d.failures, err.Error())
			return &a
		}
	}
	return nil
}

// moved redirects to where a renamed repository is now.
func (c *call) moved(r *Repository) answer {
	parts := strings.SplitN(strings.TrimPrefix(c.request.URL.EscapedPath(), "/"), "/", 4)
	target := fmt.Sprintf("%s/repositories/%d", c.base, r.ID)
	if len(parts) == 4 {
		target += "/" + parts[3]
	}
	if q := c.request.URL.RawQuery; q != "" {
		target += "?" + q
	}
	status := http.StatusMovedPermanently
	if c.request.Method != http.MethodGet {
		status = http.StatusTemporaryRedirect
	}
	a := c.refuse(status, "Moved Permanently")
	a.body = object{"message": "Moved Permanently", "url": target, "documentation_url": docs}
	a.header.Set("Location", target)
	return a
}
