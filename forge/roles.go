package forge

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// maxRoles bounds how many accounts are asked about. Only accounts that the policy or a team names are, so
// that nobody else can fill it.
const maxRoles = 30

type (
	roleJSON struct {
		RoleName string        `json:"role_name"` // may be one that an organisation made up
		User     *roleUserJSON `json:"user"`
	}
	roleUserJSON struct {
		ID          int64 `json:"id"`
		Permissions struct {
			Pull     bool `json:"pull"`
			Triage   bool `json:"triage"`
			Push     bool `json:"push"`
			Maintain bool `json:"maintain"`
			Admin    bool `json:"admin"`
		} `json:"permissions"`
	}
)

// name is the role by the forge's own names. A role that an organisation made up is the strongest of
// those that it includes.
func (r roleJSON) name() string {
	switch r.RoleName {
	case "none", "read", "triage", "write", "maintain", "admin":
		return r.RoleName
	}
	p := r.User.Permissions
	switch {
	case p.Admin:
		return "admin"
	case p.Maintain:
		return "maintain"
	case p.Push:
		return "write"
	case p.Triage:
		return "triage"
	case p.Pull:
		return "read"
	default:
		return "none"
	}
}

// Roles are what accounts may do in a repository now, and which of the teams ("organisation/team") they
// belong to. It takes a request for each hundred members of a team, and one for each person who is a member
// or whom named reports to be named by the policy. What anybody else may do is not asked: they are
// [evidence.Role].Stranger, so that no crowd of them keeps others from being asked about. What cannot be read
// is not Known, and a gap; of what is no person's account nothing is asked.
func (c *Client) Roles(ctx context.Context, repo string, accounts []evidence.Account, teams []string, named func(evidence.Account) bool) ([]evidence.Role, []evidence.Gap) {
	at, err := parseRepository(repo)
	if err != nil {
		return nil, []evidence.Gap{gap("the roles in "+repo, err)}
	}
	var roles []evidence.Role
	in, gaps := c.memberships(ctx, accounts, teams)
	asked := 0
	for _, account := range accounts {
		if slices.ContainsFunc(roles, func(r evidence.Role) bool { return r.Account.ID == account.ID }) {
			continue
		}
		role := evidence.Role{Account: account}
		switch {
		case account.ID <= 0 || account.Login == "":
			role.Known, role.Name, role.Why = true, "none", "the account was deleted"
		case account.Type != "User":
			role.Why = "it is no person's account but of type " + inert.Quote(account.Type)
		case len(in[account.ID]) == 0 && !named(account):
			role.Stranger, role.Why = true, "neither the policy nor a team that it asks names the account"
		case asked >= maxRoles:
			err := fmt.Errorf("%w: more than %d reviewers whom the policy or a team names", ErrCut, maxRoles)
			role.Why, gaps = err.Error(), append(gaps, gap("the role of "+account.Login, err))
		default:
			asked++
			if role.Name, role.Why, err = c.role(ctx, at, account); err != nil {
				role.Why, gaps = err.Error(), append(gaps, gap("the role of "+account.Login, err))
			}
			role.Known = err == nil
		}
		role.Teams = in[account.ID]
		roles = append(roles, role)
	}
	return roles, gaps
}

// memberships are the teams that people's accounts belong to, by the accounts' ids: a name may have changed
// hands.
func (c *Client) memberships(ctx context.Context, accounts []evidence.Account, teams []string) (map[int64][]string, []evidence.Gap) {
	in := map[int64][]string{}
	for _, a := range accounts {
		if a.ID > 0 && a.Login != "" && a.Type == "User" {
			in[a.ID] = nil
		}
	}
	if len(in) == 0 {
		return in, nil // nobody to look for in a team
	}
	var gaps []evidence.Gap
	for _, team := range teams {
		members, err := c.members(ctx, team)
		if err != nil {
			unread := gap("the members of the team "+inert.Quote(team), err)
			unread.Team = team
			gaps = append(gaps, unread)
			continue
		}
		for _, m := range members {
			if known, ok := in[m.ID]; ok && !slices.Contains(known, team) {
				in[m.ID] = append(known, team)
			}
		}
	}
	return in, gaps
}

// role is what one account may do. Whoever is not to be found under that name any more may do nothing
// here, and why says so.
func (c *Client) role(ctx context.Context, at place, account evidence.Account) (name, why string, err error) {
	var r roleJSON
	_, err = c.get(ctx, readRole, at.path("/collaborators/%s/permission", url.PathEscape(account.Login)), nil, &r)
	switch {
	case errors.Is(err, ErrNotFound):
		return "none", "nobody has that name any more", nil
	case err != nil:
		return "", "", err
	case r.User == nil || r.User.ID == 0:
		return "", "", fmt.Errorf("%s: %w: it does not say whose role it is", readRole, ErrUnavailable)
	case r.User.ID != account.ID:
		return "none", "the name belongs to another account now", nil
	}
	return r.name(), "", nil
}

func (c *Client) members(ctx context.Context, team string) ([]accountJSON, error) {
	org, slug, _ := strings.Cut(team, "/")
	if plain := regexp.MustCompile(`^[A-Za-z0-9_.-]+$`); !plain.MatchString(org) || !plain.MatchString(slug) {
		return nil, fmt.Errorf("%s is not a team: write organisation/team", inert.Quote(team))
	}
	members, err := list[accountJSON](ctx, c, listMembers, "orgs/"+url.PathEscape(org)+"/teams/"+url.PathEscape(slug)+"/members", nil)
	if errors.Is(err, ErrNotFound) {
		// GitHub answers so too where the token may not know whether there is such a team.
		err = errors.Join(err, &PermissionError{Doing: string(listMembers), Permission: membersPermission, Said: "Not Found"})
	}
	return members, err
}
