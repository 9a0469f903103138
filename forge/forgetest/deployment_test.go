package forgetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/forge"
	gh "github.com/remit-sh/remit/internal/githubdouble"
)

func TestDeployment(t *testing.T) {
	s := shop()
	s.Repositories[0].Deployments = []*gh.Deployment{
		{ID: 50, SHA: sha("b"), Ref: "main", Environment: "production", Creator: "coder", CreatedAt: noon.Add(-time.Hour), Payload: []byte(`{"remit":"x"}`)},
		{ID: 51, SHA: sha("e"), Ref: "release/2", Environment: "staging", Creator: "alice", CreatedAt: noon},
		{ID: 52, SHA: sha("e"), Ref: "release/2", Environment: "production", Creator: "alice", CreatedAt: noon},
	}
	r := start(t, s)
	got, err := r.Deployment(bg, shopName, 50)
	if err != nil || got.Commit != sha("b") || got.Ref != "main" || got.Environment != "production" || got.Creator != coder || !got.Created.Equal(noon.Add(-time.Hour)) || string(got.Payload) != `{"remit":"x"}` {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := r.Deployment(bg, shopName, 1); !errors.Is(err, forge.ErrNotFound) {
		t.Error(err)
	}
	list, complete, err := r.Deployments(bg, shopName, "production")
	if err != nil || !complete || len(list) != 2 || list[0].ID != 52 || list[1].ID != 50 {
		t.Errorf("%+v, %t, %v", list, complete, err)
	}
	if list, _, err := r.Deployments(bg, shopName, "none"); err == nil {
		t.Errorf("of any environment: %+v", list)
	}

	long := strings.Repeat("ä", 200)
	status := forge.DeploymentStatus{State: "success", Description: long, LogURL: "https://example.com/log"}
	if err := r.SetDeploymentStatus(bg, shopName, 50, status); err != nil {
		t.Fatal(err)
	}
	for name, fault := range map[string]gh.Fault{
		"failed, without effect": {Kind: gh.FaultStatus, Status: 502},
		"failed, with effect":    {Kind: gh.FaultStatus, Status: 502, Applied: true},
		"cut":                    {Kind: gh.FaultCut},
	} {
		before, err := r.DeploymentStatuses(bg, shopName, 50)
		if err != nil {
			t.Fatal(err)
		}
		fault.Operation = "repos/create-deployment-status"
		r.d.Inject(fault)
		if err := r.SetDeploymentStatus(bg, shopName, 50, status); err != nil { // as before: the same text once more
			t.Errorf("%s: %v", name, err)
		}
		after, err := r.DeploymentStatuses(bg, shopName, 50)
		if err != nil || len(after) != len(before)+1 || after[0].State != "success" {
			t.Errorf("%s: %d statuses, then %d, %v", name, len(before), len(after), err)
		}
	}
	err = on(t, r.d, withToken("fork")).SetDeploymentStatus(bg, shopName, 50, forge.DeploymentStatus{State: "failure"})
	if !errors.Is(err, forge.ErrPermission) || !strings.Contains(err.Error(), "`deployments: write`") {
		t.Error(err)
	}
}
