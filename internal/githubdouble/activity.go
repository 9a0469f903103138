package githubdouble

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// activityType is what a move of a branch is called.
func activityType(before, after string, forced bool) string {
	switch {
	case before == "":
		return "branch_creation"
	case after == "":
		return "branch_deletion"
	case forced:
		return "force_push"
	}
	return "push"
}

// periods of the filter time_period, in days.
func periods() map[string]int {
	return map[string]int{"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}
}

func listActivity(c *call) answer {
	ref := c.query.Get("ref")
	if ref != "" && !strings.HasPrefix(ref, "refs/") {
		ref = "refs/heads/" + ref
	}
	var found []*Activity
	for _, a := range c.repo.Activity {
		days := periods()[c.query.Get("time_period")]
		switch {
		case ref != "" && a.Ref != ref:
		case c.query.Get("actor") != "" && !strings.EqualFold(a.Actor, c.query.Get("actor")):
		case c.query.Get("activity_type") != "" && a.Type != c.query.Get("activity_type"):
		case days > 0 && a.Timestamp.Before(c.d.now().Add(-time.Duration(days)*24*time.Hour)):
		default:
			found = append(found, a)
		}
	}
	if c.query.Get("direction") != "asc" {
		slices.Reverse(found)
	}
	return c.cursorPage(found)
}

// cursorPage pages as GitHub's newer lists do: by opaque cursors, so that what happens meanwhile moves
// nothing from one page to another.
func (c *call) cursorPage(list []*Activity) answer {
	after, before := c.query.Get("after"), c.query.Get("before")
	size := c.perPage()
	from, to := 0, min(size, len(list))
	switch {
	case after != "" && before != "":
		return c.unprocessable("Only one of before and after may be given.")
	case after != "":
		i, ok := indexOf(list, after)
		if !ok {
			return c.unprocessable("The after cursor is invalid.")
		}
		from, to = i+1, min(i+1+size, len(list))
	case before != "":
		i, ok := indexOf(list, before)
		if !ok {
			return c.unprocessable("The before cursor is invalid.")
		}
		from, to = max(i-size, 0), i
	}
	items := []object{}
	for _, a := range list[from:to] {
		items = append(items, c.render().activity(a))
	}
	var links []string
	add := func(rel, cursor string, a *Activity) {
		q := c.request.URL.Query()
		q.Del("after")
		q.Del("before")
		q.Set(cursor, cursorOf(a))
		links = append(links, fmt.Sprintf(`<%s?%s>; rel=%q`, c.self(), q.Encode(), rel))
	}
	if to < len(list) && to > from {
		add("next", "after", list[to-1])
	}
	if from > 0 && to > from {
		add("prev", "before", list[from])
	}
	a := answer{status: http.StatusOK, header: http.Header{}, body: items}
	if len(links) > 0 {
		a.header.Set("Link", strings.Join(links, ", "))
	}
	return a
}

func cursorOf(a *Activity) string {
	return base64.RawURLEncoding.EncodeToString([]byte("activity:" + strconv.FormatInt(a.ID, 10)))
}

func indexOf(list []*Activity, cursor string) (int, bool) {
	i := slices.IndexFunc(list, func(a *Activity) bool { return cursorOf(a) == cursor })
	return i, i >= 0
}
