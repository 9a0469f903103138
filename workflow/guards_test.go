package workflow

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/remit-sh/remit/workflow/expression"
)

// condition is a condition with what it comes to, for an event and a truth of each of its parts.
type condition struct {
	text  string
	holds func(event string, parts []bool) bool
}

const guardText = "github.event.pull_request.head.repo.full_name == github.repository"

// randomCondition makes a condition of the guard, which is parts[0], of events, and of parts that are not known.
func randomCondition(r *rand.Rand, depth int) condition {
	kind := r.IntN(8)
	if depth == 0 {
		kind = r.IntN(5)
	}
	switch kind {
	case 0, 1:
		return condition{guardText, func(_ string, parts []bool) bool { return parts[0] }}
	case 2:
		n := 1 + r.IntN(2)
		return condition{fmt.Sprintf("github.event.part%d", n), func(_ string, parts []bool) bool { return parts[n] }}
	case 3:
		name := []string{"push", "pull_request_target", "issue_comment"}[r.IntN(3)]
		return condition{"github.event_name == '" + name + "'", func(event string, _ []bool) bool { return event == name }}
	case 4:
		name := []string{"push", "pull_request_target"}[r.IntN(2)]
		return condition{"'" + strings.ToUpper(name) + "' != github.event_name", func(event string, _ []bool) bool { return event != name }}
	case 5:
		c := randomCondition(r, depth-1)
		return condition{"!(" + c.text + ")", func(event string, parts []bool) bool { return !c.holds(event, parts) }}
	}
	a, b := randomCondition(r, depth-1), randomCondition(r, depth-1)
	if kind == 6 {
		return condition{"(" + a.text + " && " + b.text + ")", func(event string, parts []bool) bool { return a.holds(event, parts) && b.holds(event, parts) }}
	}
	return condition{"(" + a.text + " || " + b.text + ")", func(event string, parts []bool) bool { return a.holds(event, parts) || b.holds(event, parts) }}
}

// TestGuardsDominate: whatever a condition is made of, where a guard is said to hold nothing gets past it,
// and where an event is said to be kept out the condition is false for it.
func TestGuardsDominate(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	guarded, kept := 0, 0
	for range 3000 {
		c := randomCondition(r, 4)
		n, err := expression.Parse(c.text)
		if err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		for _, event := range []string{"push", "pull_request_target", "issue_comment"} {
			told, own := forEvent(n, event), implies(n, event, ownBranch)
			for mask := range 8 {
				parts := []bool{mask&1 != 0, mask&2 != 0, mask&4 != 0}
				holds := c.holds(event, parts)
				if told == expression.False && holds || told == expression.True && !holds {
					t.Fatalf("%s is said to be %v for %s, and with %v it is not", c.text, told, event, parts)
				}
				if own && holds && !parts[0] {
					t.Fatalf("%s holds for %s with %v, where the guard does not", c.text, event, parts)
				}
			}
			if own {
				guarded++
			}
			if told == expression.False {
				kept++
			}
		}
	}
	if guarded < 500 || kept < 100 {
		t.Errorf("of the conditions %d were guarded and %d kept an event out: too few to tell anything", guarded, kept)
	}
}

func TestIsText(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"github.event.pages[0].title": true, "github.event.pages.*.page_name": true, "github.event.pages.*.sha": false,
		"github.event.forkee.name": false, "github.event.forkee.homepage": true,
		"github.event.description": true, "github.event.context": true, "github.event.target_url": true, "github.event.sha": false,
		"github.event.label.name": true, "github.event.label.description": true, "github.event.label.color": false,
		"github.event.milestone.title": true, "github.event.milestone.number": false,
		"github.event.discussion.body": true, "github.event.discussion.html_url": false, "github.event.answer.body": true,
		"github.event.deployment_status.target_url": true, "github.event.deployment.ref": true, "github.event.deployment.id": false,
		"github.event.pull_request.head.ref": true, "github.event.pull_request.head.label": true, "github.event.pull_request.head.sha": false,
		"github.event.pull_request.head.repo.default_branch": true, "github.event.pull_request.head.repo.full_name": false,
		"github.event.pull_request.base.ref": false, "github.event.pull_request.commits": false,
		"github.event.commits[0].message": true, "github.event.commits.*.author.email": true, "github.event.head_commit.id": false,
		"github.event.workflow_run.display_title": true, "github.event.workflow_run.head_branch": true, "github.event.workflow_run.name": false,
		"github.event.release.body": true, "github.event.release.tag_name": true, // an agent may publish one, and chooses its name
		"github.event.inputs.x":         false,
		"github.event.client_payload.x": false, "github.event.repository.description": false, "github.event.brand.new": true,
		"github.event.schedule": false, "github.event.compare": false,
		"github.head_ref": true, "github.actor": false, "github.event": false, "github": false, "inputs.x": false, "github.event.x['a.b']": true,
	} {
		if got := isText(expression.Flow{Path: path}); got != want {
			t.Errorf("%s is a text: %v, want %v", path, got, want)
		}
	}
	for path, want := range map[string]bool{
		"github": true, "github.event": true, "github.event.comment": true, "github.event.pull_request.number": false, "github.event.inputs": false,
		"github.event.repository": false, "github.event.merge_group": true, "github.sha": false,
	} {
		if got := isText(expression.Flow{Path: path, Whole: true}); got != want {
			t.Errorf("all of %s is a text: %v, want %v", path, got, want)
		}
	}
}
