package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/remit-sh/remit/names"
)

// The limits of teams.
const (
	maxTeams   = 500
	maxMembers = 1000 // of one team, with all the teams in it
)

// teams checks each team and works out who is in it.
func (d *decoder) teams() {
	p := d.policy
	if len(p.Teams) > maxTeams {
		d.whole("Too many teams", fmt.Sprintf("The policy has %d teams; it has at most %d.", len(p.Teams), maxTeams))
		return
	}
	order := make([]*Team, 0, len(p.Teams))
	for _, name := range sortedNames(p.Teams) {
		order = append(order, p.Teams[name])
	}
	for _, t := range order {
		switch {
		case t.GitHub != "" && t.Members != nil:
			d.errorf(d.declared[t.Name], "Team given twice", "%s has both members and the forge's team: it has one or the other.", t.Name)
		case t.GitHub == "" && t.Members == nil && !d.failed():
			d.errorf(d.declared[t.Name], "Missing attribute", "%s needs members = [human.NAME, …], or github = \"organisation/team\".", t.Name)
		}
	}
	walk := teamWalk{decoder: d, done: map[names.Principal]bool{}}
	for _, t := range order {
		walk.visit(t)
	}
	for _, t := range order {
		if n := len(p.Expand([]names.Principal{t.Name})); n > maxMembers {
			d.errorf(d.declared[t.Name], "Team too large", "%s has %d members; a team has at most %d.", t.Name, n, maxMembers)
		}
	}
}

// teamWalk looks for teams that contain themselves. It visits each team once.
type teamWalk struct {
	*decoder
	done map[names.Principal]bool
	way  []names.Principal
}

func (w *teamWalk) visit(t *Team) {
	if i := slices.Index(w.way, t.Name); i >= 0 {
		cycle := append(slices.Clone(w.way[i:]), t.Name)
		w.errorf(w.declared[t.Name], "Team within itself", "%s is a member of itself: %s.", t.Name, chain(cycle, " has the member "))
		return
	}
	if w.done[t.Name] {
		return
	}
	w.way = append(w.way, t.Name)
	for _, m := range t.Members {
		if inner := w.policy.Teams[m]; inner != nil {
			w.visit(inner)
		}
	}
	w.way = w.way[:len(w.way)-1]
	w.done[t.Name] = true
}

func chain(list []names.Principal, between string) string {
	if len(list) > 10 {
		list = append(slices.Clone(list[:9]), "…")
	}
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = string(p)
	}
	return strings.Join(texts, between)
}

// Expand replaces teams by their members, and teams in those by theirs, each principal once and in
// the order in which it is first named. A team that only the forge can resolve stays as it is.
func (p *Policy) Expand(list []names.Principal) []names.Principal {
	if !slices.ContainsFunc(list, func(q names.Principal) bool { return q.Kind() == names.Team }) {
		return list
	}
	out := []names.Principal{}
	seen := map[names.Principal]bool{}
	var add func([]names.Principal)
	add = func(list []names.Principal) {
		for _, q := range list {
			if seen[q] {
				continue
			}
			seen[q] = true
			if t := p.Teams[q]; t != nil && t.GitHub == "" {
				add(t.Members)
				continue
			}
			out = append(out, q)
		}
	}
	add(list)
	return out
}

// sortedNames lists the names of teams in order.
func sortedNames(teams map[names.Principal]*Team) []names.Principal {
	return slices.Sorted(maps.Keys(teams))
}
