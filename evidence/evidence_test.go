package evidence

import (
	"testing"

	"github.com/remit-sh/remit/names"
)

func TestUpdateAction(t *testing.T) {
	for name, c := range map[string]struct {
		update Update
		want   names.Action
	}{
		"a new branch with new commits":           {Update{New: "b", Object: "commit", NewCommits: 1}, ""},
		"a branch that goes on with new commits":  {Update{Old: "a", New: "b", Object: "commit", NewCommits: 2}, ""},
		"new commits on top of moved ones":        {Update{Old: "a", New: "b", Object: "commit", NewCommits: 1, Moved: 3}, ""},
		"a new branch at a commit that was there": {Update{New: "b", Object: "commit"}, names.Push},
		"a branch moved onto such a commit":       {Update{Old: "a", New: "b", Object: "commit", Moved: 1}, names.Push},
		"a forced update with new commits":        {Update{Old: "a", New: "b", Object: "commit", NewCommits: 1, Forced: true}, names.Push},
		"a deleted branch":                        {Update{Old: "a"}, names.Delete},
		"a new annotated tag":                     {Update{New: "t", Object: "tag"}, ""},
		"an annotated tag that moves":             {Update{Old: "s", New: "t", Object: "tag", Forced: true}, names.Push},
		"a lightweight tag":                       {Update{New: "b", Object: "commit", Ref: "refs/tags/v1"}, names.Push},
		"nothing changes":                         {Update{Old: "a", New: "a", Object: "commit"}, ""},
	} {
		if got := c.update.Action(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
