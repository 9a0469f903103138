package decide

import (
	"strings"
	"testing"

	"github.com/remit-sh/remit/evidence"
)

func TestDeployPayload(t *testing.T) {
	for payload, want := range map[string][2]string{
		`{"remit":"abc"}`:                         {"abc", ""},
		`{"remit":"abc","approvals":"d e","x":1}`: {"abc", "d e"},
		`"abc"`:                 {"abc", ""},
		`"{\"remit\":\"abc\"}"`: {"abc", ""},
		`{}`:                    {"", ""},
		`""`:                    {"", ""},
	} {
		if request, approvals, err := deployPayload([]byte(payload)); err != nil || request != want[0] || approvals != want[1] {
			t.Errorf("%s: %q, %q, %v", payload, request, approvals, err)
		}
	}
	for _, bad := range []string{"", `{"remit":"a","remit":"b"}`, `{"remit":1}`, `[`, `"{\"remit\":1}"`, `"` + strings.Repeat("a", maxPayload) + `"`} {
		if request, _, err := deployPayload([]byte(bad)); err == nil {
			t.Errorf("%.40s is taken as %q", bad, request)
		}
	}
}

func TestSpeakers(t *testing.T) {
	at := func(id int64, state string) evidence.Review {
		return evidence.Review{By: evidence.Account{ID: id}, State: state}
	}
	got := speakers([]evidence.Review{
		at(1, "APPROVED"), at(2, "COMMENTED"), at(3, "APPROVED"), at(3, "DISMISSED"), at(4, "CHANGES_REQUESTED"), at(1, "COMMENTED"), at(5, "DISMISSED"), at(5, "APPROVED"),
	})
	if len(got) != 3 || got[0].ID != 1 || got[1].ID != 4 || got[2].ID != 5 {
		t.Errorf("%+v", got)
	}
	dismissed := func(id, by int64, was string) evidence.Review {
		r := at(id, "DISMISSED")
		r.Dismissed = &evidence.Dismissal{By: evidence.Account{ID: by}, Was: was}
		return r
	}
	got = speakers([]evidence.Review{dismissed(1, 2, "APPROVED"), dismissed(3, 3, "CHANGES_REQUESTED"), dismissed(4, 5, "CHANGES_REQUESTED"), at(5, "APPROVED")})
	if len(got) != 2 || got[0].ID != 4 || got[1].ID != 5 {
		t.Errorf("%+v", got)
	}
}
