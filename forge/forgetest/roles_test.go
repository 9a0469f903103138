package forgetest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/remit-sh/remit/evidence"
	gh "github.com/remit-sh/remit/internal/githubdouble"
)

// anybody is named by the policy.
func anybody(evidence.Account) bool { return true }

func TestRoles(t *testing.T) {
	s := shop()
	s.Users = append(s.Users, &gh.User{ID: 9, Login: "carol"}, &gh.User{ID: 10, Login: "dave"})
	r := start(t, s)
	r.d.Rename("dave", "david") // and another account takes the name
	r.d.Change(func(s *gh.Scenario) { s.Users = append(s.Users, &gh.User{ID: 40, Login: "dave"}) })
	r.d.SetRole("acme/shop", "dave", "admin")

	accounts := []evidence.Account{
		alice, bob, coder,
		{ID: 10, Login: "dave", Type: "User"},
		{ID: 9, Login: "carol", Type: "User"},
		{ID: 77, Login: "remit[bot]", Type: "Bot"},
		{ID: 8, Login: "gone", Type: "User"},
		{},
		alice,
	}
	roles, gaps := r.Roles(bg, shopName, accounts, []string{"acme/release"}, anybody)
	if len(gaps) > 0 || len(roles) != 8 {
		t.Fatalf("%+v %+v", gaps, roles)
	}
	for i, c := range []struct {
		name  string
		known bool
		teams []string
		why   string
	}{
		{name: "admin", known: true, teams: []string{"acme/release"}},
		{name: "write", known: true}, // a role that the organisation made up
		{name: "maintain", known: true},
		{name: "none", known: true, why: "belongs to another account"},
		{name: "read", known: true},
		{why: "no person's account"},
		{name: "none", known: true, why: "nobody has that name"},
		{name: "none", known: true, why: "deleted"},
	} {
		got := roles[i]
		if got.Account != accounts[i] || got.Name != c.name || got.Known != c.known || !reflect.DeepEqual(got.Teams, c.teams) || !strings.Contains(got.Why, c.why) || (c.why == "") != (got.Why == "") {
			t.Errorf("%+v", got)
		}
	}

	r.d.SetRole("acme/shop", "alice", "triage")
	roles, gaps = r.Roles(bg, shopName, []evidence.Account{alice}, nil, anybody)
	if len(gaps) > 0 || roles[0].Name != "triage" || roles[0].Teams != nil {
		t.Errorf("now: %+v %+v", roles, gaps)
	}
}

func TestTeams(t *testing.T) {
	r := start(t, shop())
	people := []evidence.Account{alice, bob, {ID: 4, Login: "mallory", Type: "User"}}
	member := func(roles []evidence.Role, i int) bool { return len(roles[i].Teams) == 1 }

	roles, gaps := r.Roles(bg, shopName, people, []string{"acme/release"}, anybody)
	if len(gaps) > 0 || !member(roles, 0) || member(roles, 1) || member(roles, 2) { // mallory is invited only
		t.Errorf("%+v %+v", roles, gaps)
	}
	r.d.RemoveMember("acme", "release", "alice")
	if roles, gaps = r.Roles(bg, shopName, people, []string{"acme/release"}, anybody); len(gaps) > 0 || member(roles, 0) {
		t.Errorf("after leaving: %+v %+v", roles, gaps)
	}
	r.d.Change(func(s *gh.Scenario) {
		for i := range 150 {
			login := "dev-" + id(i + 1)[30:]
			s.Users = append(s.Users, &gh.User{ID: int64(1000 + i), Login: login})
			s.Teams[0].Members = append(s.Teams[0].Members, &gh.Member{Login: login})
		}
	})
	r.d.AddMember("acme", "release", gh.Member{Login: "bob"}) // on the second page
	if roles, gaps = r.Roles(bg, shopName, people, []string{"acme/release"}, anybody); len(gaps) > 0 || !member(roles, 1) {
		t.Errorf("on the second page: %+v %+v", roles, gaps)
	}

	for name, c := range map[string]struct{ token, team, fix string }{
		"a workflow's token":  {"actions", "acme/release", "members: read"},
		"a team that is none": {token, "acme/nobody", "members: read"},
		"no team's name":      {token, "release", "Run"},
		"another path":        {token, "acme/../x", "Run"},
	} {
		roles, gaps := on(t, r.d, withToken(c.token)).Roles(bg, shopName, people, []string{c.team}, anybody)
		if len(gaps) != 1 || !strings.Contains(gaps[0].Fix, c.fix) || member(roles, 0) || !roles[0].Known {
			t.Errorf("%s: %+v %+v", name, gaps, roles)
		}
	}
}

func TestRolesUnread(t *testing.T) {
	r := start(t, shop())
	r.d.Inject(gh.Fault{Kind: gh.FaultStatus, Status: 502, Operation: "repos/get-collaborator-permission-level", Times: -1})
	roles, gaps := r.Roles(bg, shopName, []evidence.Account{alice, bob}, []string{"acme/release"}, anybody)
	if len(gaps) != 2 || len(roles) != 2 || roles[0].Known || roles[1].Known || roles[0].Why == "" || len(roles[0].Teams) != 1 {
		t.Errorf("%+v %+v", roles, gaps)
	}

	var crowd []evidence.Account
	for i := range 40 {
		crowd = append(crowd, evidence.Account{ID: int64(100 + i), Login: "user-" + id(i)[30:], Type: "User"})
	}
	r = start(t, shop())
	roles, gaps = r.Roles(bg, shopName, crowd, nil, anybody)
	if len(roles) != 40 || len(gaps) != 10 || gaps[0].Kind != evidence.GapLimit || roles[39].Known || r.Requests() != 30 {
		t.Errorf("%d roles, %d gaps, %d requests", len(roles), len(gaps), r.Requests())
	}
}

// Of whom neither the policy nor a team names nobody asks, however many they are.
func TestRolesStrangers(t *testing.T) {
	r := start(t, shop())
	var crowd []evidence.Account
	for i := range 40 {
		crowd = append(crowd, evidence.Account{ID: int64(100 + i), Login: "user-" + id(i)[30:], Type: "User"})
	}
	crowd = append(crowd, alice, bob)
	roles, gaps := r.Roles(bg, shopName, crowd, []string{"acme/release"}, func(by evidence.Account) bool { return by.ID == bob.ID })
	if len(roles) != 42 || len(gaps) != 0 || r.Requests() != 3 {
		t.Errorf("%d roles, %+v, %d requests", len(roles), gaps, r.Requests())
	}
	if got := roles[0]; got.Known || !got.Stranger || got.Why == "" {
		t.Errorf("a stranger: %+v", got)
	}
	if got := roles[40]; got.Name != "admin" || got.Stranger || len(got.Teams) != 1 {
		t.Errorf("a member of the team: %+v", got)
	}
	if got := roles[41]; !got.Known || got.Stranger {
		t.Errorf("a human of the policy: %+v", got)
	}
}
