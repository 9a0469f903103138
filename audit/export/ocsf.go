package export

import (
	"cmp"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/verdict"
)

// ocsfVersion is the version of the schema that events are of.
const ocsfVersion = "1.9.0"

// The class of all events: API Activity, of the category Application Activity.
const (
	classUID    = 6003
	categoryUID = 6
)

// What the schema numbers.
const (
	activityCreate = 1
	activityRead   = 2
	activityUpdate = 3
	activityDelete = 4
	activityOther  = 99

	severityInformational = 1
	severityMedium        = 3

	statusSuccess = 1
	statusFailure = 2
	statusOther   = 99

	actionAllowed  = 1
	actionDenied   = 2
	actionObserved = 3

	dispositionAllowed = 1
	dispositionBlocked = 2
	dispositionDelayed = 14
	dispositionLogged  = 17
	dispositionError   = 27

	userUnknown = 0
	userPerson  = 1
	userService = 4

	roleTarget = 1
)

type ocsfEvent struct {
	ActivityID     int                 `json:"activity_id"`
	ActivityName   string              `json:"activity_name"`
	CategoryUID    int                 `json:"category_uid"`
	CategoryName   string              `json:"category_name"`
	ClassUID       int                 `json:"class_uid"`
	ClassName      string              `json:"class_name"`
	TypeUID        int                 `json:"type_uid"`
	TypeName       string              `json:"type_name"`
	SeverityID     int                 `json:"severity_id"`
	Severity       string              `json:"severity"`
	StatusID       int                 `json:"status_id"`
	Status         string              `json:"status"`
	StatusCode     string              `json:"status_code"`
	StatusDetail   string              `json:"status_detail,omitzero"`
	ActionID       int                 `json:"action_id"`
	Action         string              `json:"action"`
	DispositionID  int                 `json:"disposition_id"`
	Disposition    string              `json:"disposition"`
	Time           int64               `json:"time"` // milliseconds since 1970
	TimezoneOffset int                 `json:"timezone_offset"`
	Message        string              `json:"message"`
	Metadata       ocsfMetadata        `json:"metadata"`
	Actor          ocsfActor           `json:"actor"`
	AIAgent        *ocsfAgent          `json:"ai_agent,omitzero"`
	API            ocsfAPI             `json:"api"`
	SrcEndpoint    ocsfEndpoint        `json:"src_endpoint"`
	Resources      []ocsfResource      `json:"resources"`
	Policy         *ocsfPolicy         `json:"policy,omitzero"`
	Authorizations []ocsfAuthorization `json:"authorizations,omitzero"`
	Unmapped       ocsfUnmapped        `json:"unmapped"`
}

type ocsfMetadata struct {
	Version        string      `json:"version"`
	Product        ocsfProduct `json:"product"`
	Profiles       []string    `json:"profiles"`
	UID            string      `json:"uid"`
	EventCode      string      `json:"event_code"`
	LogName        string      `json:"log_name"`
	LogProvider    string      `json:"log_provider"`
	Sequence       int64       `json:"sequence"`
	OriginalTime   string      `json:"original_time"`
	CorrelationUID string      `json:"correlation_uid,omitzero"`
	Labels         []string    `json:"labels,omitzero"`
}

type ocsfProduct struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor_name"`
	Version string `json:"version,omitzero"`
}

type ocsfActor struct {
	User ocsfUser `json:"user"`
}

type ocsfUser struct {
	Name   string `json:"name"`
	UID    string `json:"uid,omitzero"` // fingerprint of the key
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type ocsfAgent struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

type ocsfAPI struct {
	Operation string       `json:"operation"`
	Service   ocsfEntity   `json:"service"`
	Request   ocsfRequest  `json:"request"`
	Response  ocsfResponse `json:"response"`
}

type ocsfEntity struct {
	Name string `json:"name"`
}

type ocsfRequest struct {
	UID string `json:"uid"`
}

type ocsfResponse struct {
	Message string `json:"message"`
}

type ocsfEndpoint struct {
	Name    string `json:"name"`
	SvcName string `json:"svc_name"`
}

type ocsfResource struct {
	Name   string `json:"name"`
	UID    string `json:"uid,omitzero"`
	Type   string `json:"type"`
	RoleID int    `json:"role_id"`
	Role   string `json:"role"`
}

type ocsfPolicy struct {
	Name      string `json:"name"`
	Desc      string `json:"desc,omitzero"`
	Type      string `json:"type,omitzero"`
	UID       string `json:"uid"`
	IsApplied bool   `json:"is_applied"`
}

type ocsfAuthorization struct {
	Decision string     `json:"decision"`
	Policy   ocsfPolicy `json:"policy"`
}

// ocsfUnmapped is what the schema has no place for: the entry as it is in the log, and the proof that it is there.
type ocsfUnmapped struct {
	Index      int64          `json:"index"`
	Attested   bool           `json:"attested"`
	Perhaps    bool           `json:"perhaps,omitzero"`
	Entry      jsontext.Value `json:"entry"`
	LeafHash   string         `json:"leaf_hash"`
	Proof      []string       `json:"proof"`
	Checkpoint string         `json:"checkpoint"`
}

// event is an entry as an event of OCSF's class API Activity.
func event(i Item, about About) *ocsfEvent {
	e, row := i.Entry, provenRow(i)
	a := cmp.Or(e.Telling(), &audit.Act{})
	id, activity := activityOf(a.Kind)
	out := &ocsfEvent{
		ActivityID: id, ActivityName: activity, CategoryUID: categoryUID, CategoryName: "Application Activity", ClassUID: classUID, ClassName: "API Activity",
		TypeUID: classUID*100 + id, TypeName: "API Activity: " + activity,
		Time: e.Time.UnixMilli(), Message: row.Sentence, StatusCode: e.Verdict.String(), StatusDetail: detail(e),
		Metadata: ocsfMetadata{
			Version: ocsfVersion, Product: ocsfProduct{"remit", "remit.sh", about.Tool}, Profiles: []string{"security_control"}, UID: e.ID,
			EventCode: e.Question.Kind, LogName: i.Receipt.Checkpoint.Origin, LogProvider: "remit", Sequence: i.Index,
			OriginalTime: e.Time.Format(time.RFC3339), CorrelationUID: e.Run.ID,
		},
		Actor:       ocsfActor{userOf(a)},
		API:         ocsfAPI{cmp.Or(a.Kind, e.Question.Kind), ocsfEntity{e.Surface}, ocsfRequest{e.ID}, ocsfResponse{e.Verdict.String()}},
		SrcEndpoint: ocsfEndpoint{cmp.Or(e.Run.Job, e.Run.Event, e.Surface), e.Surface},
		Resources:   resourcesOf(e),
		Unmapped:    ocsfUnmapped{i.Index, row.Attested, row.Perhaps, row.Entry, row.LeafHash, row.Proof, row.Checkpoint},
	}
	if !row.Attested {
		out.Metadata.Labels = []string{"unattested"}
	}
	out.outcome(e)
	if kind, name, ok := strings.Cut(a.Actor, "."); ok && kind == string(names.Agent) {
		out.Metadata.Profiles = append(out.Metadata.Profiles, "ai_operation")
		out.AIAgent = &ocsfAgent{name, a.Actor}
	}
	if e.Policy != "" {
		out.Policy = &ocsfPolicy{Name: "policies.hcl", Desc: e.PolicyFrom, UID: e.Policy, IsApplied: true}
	}
	for _, l := range e.ChainOf(a) {
		out.Authorizations = append(out.Authorizations, ocsfAuthorization{
			e.Verdict.String(), ocsfPolicy{Name: l.Delegator + " delegates to " + l.Delegate, Desc: l.Purpose, Type: "delegation", UID: l.Digest, IsApplied: true},
		})
	}
	return out
}

// outcome fills in what came of it.
func (o *ocsfEvent) outcome(e *audit.Entry) {
	switch e.Verdict {
	case verdict.Allowed:
		o.SeverityID, o.Severity, o.StatusID, o.Status = severityInformational, "Informational", statusSuccess, "Success"
		o.ActionID, o.Action, o.DispositionID, o.Disposition = actionAllowed, "Allowed", dispositionAllowed, "Allowed"
	case verdict.Waiting:
		o.SeverityID, o.Severity, o.StatusID, o.Status = severityInformational, "Informational", statusOther, "waits for approval"
		o.ActionID, o.Action, o.DispositionID, o.Disposition = actionDenied, "Denied", dispositionDelayed, "Delayed"
	case verdict.NotDecided:
		o.SeverityID, o.Severity, o.StatusID, o.Status = severityMedium, "Medium", statusOther, "could not be decided"
		o.ActionID, o.Action, o.DispositionID, o.Disposition = actionDenied, "Denied", dispositionError, "Error"
	default:
		o.SeverityID, o.Severity, o.StatusID, o.Status = severityMedium, "Medium", statusFailure, "Failure"
		o.ActionID, o.Action, o.DispositionID, o.Disposition = actionDenied, "Denied", dispositionBlocked, "Blocked"
	}
	if (e.Observe || e.Bootstrap) && e.Verdict != verdict.Allowed { // it was reported, and went on
		o.ActionID, o.Action, o.DispositionID, o.Disposition = actionObserved, "Observed", dispositionLogged, "Logged"
	}
}

// activityOf is how the schema numbers an action.
func activityOf(kind string) (id int, name string) {
	switch names.Action(kind) {
	case names.Tag:
		return activityCreate, "Create"
	case names.Secret:
		return activityRead, "Read"
	case names.Commit, names.Push, names.PullRequest, names.Rotate:
		return activityUpdate, "Update"
	case names.Delete:
		return activityDelete, "Delete"
	case names.Deploy:
		return activityOther, "deploy"
	default:
		return activityOther, cmp.Or(kind, "unknown")
	}
}

func userOf(a *audit.Act) ocsfUser {
	kind, _, _ := strings.Cut(a.Actor, ".")
	switch {
	case a.Actor == "":
		return ocsfUser{"unknown", a.Key, userUnknown, "Unknown"}
	case kind == string(names.Human):
		return ocsfUser{a.Actor, a.Key, userPerson, "User"}
	default:
		return ocsfUser{a.Actor, a.Key, userService, "Service"}
	}
}

func resourcesOf(e *audit.Entry) []ocsfResource {
	out := []ocsfResource{{Name: e.Repository, Type: "repository", RoleID: roleTarget, Role: "Target"}}
	if env := e.Question.Environment; env != "" {
		out = append(out, ocsfResource{Name: env, Type: "environment", RoleID: roleTarget, Role: "Target"})
	}
	for i := range e.Acts.Items {
		a := &e.Acts.Items[i]
		out = append(out, ocsfResource{Name: cmp.Or(a.Ref, a.Subject, e.Repository), UID: a.Subject, Type: a.Kind, RoleID: roleTarget, Role: "Target"})
	}
	return out
}

// detail is the rules that found something.
func detail(e *audit.Entry) string {
	var list []string
	for _, r := range e.Rules.Items {
		list = append(list, r.Effect+": "+r.ID)
	}
	return strings.Join(list, ", ")
}
