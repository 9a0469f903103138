package githubdouble

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Step is one change of the scenario as JSON: what a test in another process sends to the control
// handler. Do names the method; the other members are its arguments.
type Step struct {
	Do         string        `json:"do"` // push, force-push, review, dismiss, retarget, merge, set-state, open-pull, comment, deploy, add-run, rename, rename-repository, set-role, add-member, remove-member, advance
	Repository string        `json:"repository,omitzero"`
	Number     int           `json:"number,omitzero"` // of the pull request
	Actor      string        `json:"actor,omitzero"`
	Ref        string        `json:"ref,omitzero"`
	SHA        string        `json:"sha,omitzero"`
	Commits    []string      `json:"commits,omitempty"`
	Review     Review        `json:"review,omitzero"`
	ID         int64         `json:"id,omitzero"` // of the review to dismiss
	Text       string        `json:"text,omitzero"`
	Base       string        `json:"base,omitzero"`
	State      string        `json:"state,omitzero"`
	Pull       *PullRequest  `json:"pull,omitempty"`
	Deployment *Deployment   `json:"deployment,omitempty"`
	Run        *WorkflowRun  `json:"run,omitempty"`
	Login      string        `json:"login,omitzero"`
	To         string        `json:"to,omitzero"`
	Role       string        `json:"role,omitzero"`
	Team       string        `json:"team,omitzero"` // "organisation/slug"
	Member     Member        `json:"member,omitzero"`
	By         time.Duration `json:"by,omitzero"`
}

// Apply makes one change. It returns the id or number of what it made, if anything.
func (d *Double) Apply(s Step) (int64, error) {
	org, slug, _ := strings.Cut(s.Team, "/")
	switch s.Do {
	case "push":
		return 0, d.push(s.Repository, s.Ref, s.SHA, s.Actor, false, s.Commits)
	case "force-push":
		return 0, d.push(s.Repository, s.Ref, s.SHA, s.Actor, true, s.Commits)
	case "review":
		return d.review(s.Repository, s.Number, s.Review)
	case "dismiss":
		return 0, d.dismiss(s.Repository, s.Number, s.ID, s.Actor, s.Text)
	case "retarget":
		return 0, d.changeBase(s.Repository, s.Number, s.Base, s.Actor)
	case "merge":
		return 0, d.merge(s.Repository, s.Number, s.Actor, s.SHA)
	case "set-state":
		return 0, d.changeState(s.Repository, s.Number, s.State, s.Actor)
	case "open-pull":
		if s.Pull != nil {
			n, err := d.openPull(s.Repository, *s.Pull)
			return int64(n), err
		}
	case "comment":
		return 0, d.comment(s.Repository, s.Number, s.Actor, s.Text)
	case "deploy":
		if s.Deployment != nil {
			return d.deploy(s.Repository, *s.Deployment)
		}
	case "add-run":
		if s.Run != nil {
			return d.addRun(s.Repository, *s.Run)
		}
	case "rename":
		return 0, d.rename(s.Login, s.To)
	case "rename-repository":
		return 0, d.renameRepository(s.Repository, s.To)
	case "set-role":
		return 0, d.setRole(s.Repository, s.Login, s.Role)
	case "add-member":
		return 0, d.addMember(org, slug, s.Member)
	case "remove-member":
		return 0, d.removeMember(org, slug, s.Login)
	case "advance":
		d.Advance(s.By)
		return 0, nil
	default:
		return 0, fmt.Errorf("no step is called %q", s.Do)
	}
	return 0, fmt.Errorf("step %s: what to add is missing", s.Do)
}

// Control lets another process drive the double, under the paths
//
//	POST /step      a [Step]; answers {"id": …}
//	POST /fault     a [Fault]
//	POST /event     {"kind": …, "of": an [EventOf]}; answers the payload
//	GET  /journal, /failures, /state
//
// It is no part of GitHub: serve it where the program under test does not look.
func (d *Double) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /step", func(w http.ResponseWriter, r *http.Request) {
		var s Step
		if take(w, r, &s) {
			id, err := d.Apply(s)
			give(w, object{"id": id}, err)
		}
	})
	mux.HandleFunc("POST /fault", func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		if take(w, r, &f) {
			give(w, object{}, d.inject(f))
		}
	})
	mux.HandleFunc("POST /event", func(w http.ResponseWriter, r *http.Request) {
		var e struct {
			Kind string  `json:"kind"`
			Of   EventOf `json:"of"`
		}
		if !take(w, r, &e) {
			return
		}
		payload, err := d.event(e.Kind, e.Of)
		if err != nil {
			give(w, nil, err)
			return
		}
		_, _ = w.Write(payload) // a client that went away is its own business
	})
	mux.HandleFunc("GET /journal", func(w http.ResponseWriter, _ *http.Request) { give(w, d.Journal(), nil) })
	mux.HandleFunc("GET /failures", func(w http.ResponseWriter, _ *http.Request) { give(w, d.Failures(), nil) })
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { give(w, d.State(), nil) })
	return mux
}

func take(w http.ResponseWriter, r *http.Request, into any) bool {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err == nil {
		err = json.Unmarshal(text, into, json.RejectUnknownMembers(true), json.WithUnmarshalers(json.UnmarshalFunc(duration)))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	return err == nil
}

// duration reads "10m" or "50ms".
func duration(text []byte, d *time.Duration) (err error) {
	*d, err = time.ParseDuration(strings.Trim(string(text), `"`))
	return err
}

func give(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // as above
}
