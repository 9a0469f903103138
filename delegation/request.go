package delegation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// RequestType is the predicate type of a [Request].
const RequestType = "https://remit.sh/request/v1"

// Limits of a request.
const (
	MaxRequestTTL = time.Hour // from not_before to not_after
	MaxTargets    = 64        // that one request lists
	MaxTarget     = 1024      // bytes of each
	MaxJob        = 255       // bytes of a job's name
	MaxArtifacts  = 32        // that one request names
	MaxArtifact   = 255       // bytes of the name of each
)

// Artifact is something that was built, such as a container image: a deploy of it is what a request asks for. That it
// was built from the commit is what whoever asks says.
type Artifact struct {
	Name   string `json:"name"`   // printable ASCII without spaces, quotes and backslashes, such as "registry.example/shop"
	SHA256 string `json:"sha256"` // 64 lower-case hexadecimal digits
}

// ParseArtifact reads NAME=sha256:<64 hexadecimal digits>.
func ParseArtifact(text string) (Artifact, error) {
	name, digest, ok := strings.Cut(text, "=sha256:")
	a := Artifact{Name: name, SHA256: digest}
	if !ok {
		return Artifact{}, fmt.Errorf("the artifact %s is not written as NAME=sha256:DIGEST", inert.Quote(text))
	}
	if err := a.validate(); err != nil {
		return Artifact{}, err
	}
	return a, nil
}

// String is what [ParseArtifact] reads.
func (a Artifact) String() string { return a.Name + "=sha256:" + a.SHA256 }

func (a Artifact) validate() error {
	if len(a.Name) == 0 || len(a.Name) > MaxArtifact || strings.ContainsFunc(a.Name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("\"'`\\=<>&", r)
	}) {
		return fmt.Errorf("the artifact's name %s must have 1 to %d printable ASCII characters, without spaces, quotes, backslashes and any of =<>&", inert.Quote(a.Name), MaxArtifact)
	}
	if err := names.CheckDigest(digestPrefix + a.SHA256); err != nil {
		return fmt.Errorf("the digest of the artifact %s: %w", a.Name, err)
	}
	return nil
}

// Request is the statement by which a principal asks to deploy, delete, rotate or use a secret. It
// lives for minutes and is used up once. Its in-toto subject is the commit ("gitCommit"), under the
// name of the ref. This is its predicate, spread over lines; members whose value is empty or 0 are
// left out:
//
//	{"signer": {"name": "agent.coder", "key": "ssh-ed25519 AAAA…"}, "delegation": "sha256:…",
//	 "action": "deploy", "repository": "github.com/acme/shop", "repository_id": 4711,
//	 "environment": "production", "commit": "<commit id>", "ref": "refs/heads/main",
//	 "targets": ["shop-api"], "artifacts": [{"name": "registry.example/shop", "sha256": "<64 hexadecimal digits>"}],
//	 "run": {"id": 4712, "attempt": 1, "job": "deploy"},
//	 "reason": "SHOP-1412", "not_before": "2026-11-22T14:00:00Z",
//	 "not_after": "2026-11-22T14:10:00Z", "nonce": "<32 hexadecimal digits>"}
type Request struct {
	Action       names.Action // deploy, delete, rotate or secret
	Repository   string       // canonical, see [names.ParseRepository]
	RepositoryID int64        // the forge's numeric id of it; 0: not stated
	// Environment is as plain as the names that a policy can list, and compared without case. To
	// deploy and to use a secret need one; "" for a deletion or rotation outside of them.
	Environment string
	Commit      string   // id of the commit to deploy, or at which the request was made
	Ref         string   // full name of the ref that led to it
	Targets     []string // what to delete, rotate or use; parts of the environment to deploy to, none: all of it
	// Artifacts are what is deployed, where that is not the commit itself; of a deploy alone. Each name
	// is there once.
	Artifacts []Artifact
	Reason    string // one line of untrusted text
	Nonce     string // 32 hexadecimal digits, see [NewNonce]

	NotBefore time.Time // the first instant at which it holds; UTC, whole seconds
	NotAfter  time.Time // the first instant at which it holds no more, at most [MaxRequestTTL] later

	// The run of a workflow that alone may use it; 0 and "": whichever is first. An attempt or a
	// job is only stated together with its run.
	RunID, RunAttempt int64
	Job               string

	Signer     Party  // a human or an agent
	Delegation string // digest of the delegation under which an agent acts; "" for a human or a standing agent
}

type requestPredicate struct {
	Signer       party      `json:"signer"`
	Delegation   string     `json:"delegation,omitzero"`
	Action       string     `json:"action"`
	Repository   string     `json:"repository"`
	RepositoryID int64      `json:"repository_id,omitzero"`
	Environment  string     `json:"environment,omitzero"`
	Commit       string     `json:"commit"`
	Ref          string     `json:"ref"`
	Targets      []string   `json:"targets,omitempty"`
	Artifacts    []Artifact `json:"artifacts,omitempty"`
	Run          run        `json:"run,omitzero"`
	Reason       string     `json:"reason"`
	NotBefore    string     `json:"not_before"`
	NotAfter     string     `json:"not_after"`
	Nonce        string     `json:"nonce"`
}

type run struct {
	ID      int64  `json:"id"`
	Attempt int64  `json:"attempt,omitzero"`
	Job     string `json:"job,omitzero"`
}

// By implements [Statement].
func (r Request) By() Party { return r.Signer }

// Authority implements [Statement].
func (r Request) Authority() string { return r.Delegation }

// ForRepository implements [Statement].
func (r Request) ForRepository(repository string, repositoryID int64) error {
	return forRepository(r.Repository, r.RepositoryID, repository, repositoryID)
}

// StateAt compares t with the time of the request, as [Link.StateAt] does.
func (r Request) StateAt(t time.Time, skew time.Duration) WindowState {
	return stateAt(r.NotBefore, r.NotAfter, t, skew)
}

// GateRefs is what the full names of all refs begin with that tell of requests: tags, because a ruleset
// can protect these from being made, moved and deleted. Where none does, whoever may write can make some,
// so nothing is ever deployed from one.
const GateRefs = "refs/tags/remit/"

// RequestRefs is what the full names of refs begin with that say that a request is used up.
const RequestRefs = GateRefs + "requests/"

// UsedRef is the full name of the ref that says that the request is used up: of two runners that
// create it, one wins. "" where the nonce is not one.
func (r Request) UsedRef() string {
	if checkNonce(r.Nonce) != nil {
		return ""
	}
	return RequestRefs + r.Nonce
}

// DeployedRef is the full name of the ref that says that the request was let through to its
// environment, and when by the gate's clock: it stands at the commit. "" where there is no environment,
// no time or the nonce is not one.
func (r Request) DeployedRef(at time.Time) string {
	prefix := DeployedRefs(r.Environment)
	if prefix == "" || at.IsZero() || checkNonce(r.Nonce) != nil {
		return ""
	}
	return prefix + at.UTC().Format(deployedTime) + "-" + r.Nonce
}

// deployedTime is how the name of a ref tells when a request was let through: names sort by it.
const deployedTime = "20060102T150405Z"

// DeployedAt is when the request of a ref below [DeployedRefs] was let through, in whole seconds. It is zero
// where the name does not tell: gates of before wrote only the nonce.
func DeployedAt(ref string) time.Time {
	stamp, nonce, ok := strings.Cut(ref[strings.LastIndexByte(ref, '/')+1:], "-")
	at, err := time.Parse(deployedTime, stamp)
	if !ok || err != nil || checkNonce(nonce) != nil {
		return time.Time{}
	}
	return at
}

// MarkNonce is the nonce of the request that a ref below [GateRefs] is about, as its name has it.
func MarkNonce(ref string) string {
	name := ref[strings.LastIndexByte(ref, '/')+1:]
	if _, nonce, ok := strings.Cut(name, "-"); ok { // behind the time
		return nonce
	}
	return name
}

// DeployedRefs is what the full names begin with of all refs at commits that were let through to an
// environment; "" without one. The name of the environment is in lower case, and what a ref's name
// should not hold is percent-encoded in it.
func DeployedRefs(environment string) string {
	if environment == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(GateRefs + "deployed/")
	for _, c := range []byte(strings.ToLower(environment)) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String() + "/"
}

// Payload implements [Statement].
func (r Request) Payload() []byte {
	return writeStatement(r.subject(), RequestType, requestPredicate{
		Signer:       partyJSON(r.Signer),
		Delegation:   r.Delegation,
		Action:       string(r.Action),
		Repository:   r.Repository,
		RepositoryID: r.RepositoryID,
		Environment:  r.Environment,
		Commit:       r.Commit,
		Ref:          r.Ref,
		Targets:      r.Targets,
		Artifacts:    r.Artifacts,
		Run:          run{r.RunID, r.RunAttempt, r.Job},
		Reason:       r.Reason,
		NotBefore:    formatTime(r.NotBefore),
		NotAfter:     formatTime(r.NotAfter),
		Nonce:        r.Nonce,
	})
}

// Sentence implements [Statement].
func (r Request) Sentence() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s asks to %s", r.Signer.Name, r.what())
	fmt.Fprintf(&b, ", in %s, %s", r.Repository, windowText(r.NotBefore, r.NotAfter))
	if r.RunID != 0 {
		fmt.Fprintf(&b, ", in run %d alone", r.RunID)
		if r.RunAttempt != 0 {
			fmt.Fprintf(&b, ", attempt %d", r.RunAttempt)
		}
		if r.Job != "" {
			fmt.Fprintf(&b, ", job %s", inert.WordAll(r.Job))
		}
	}
	fmt.Fprintf(&b, ", for %s%s", inert.QuoteAll(r.Reason), underText(r.Delegation))
	return b.String()
}

// what the request is for, after "to".
func (r Request) what() string {
	at := fmt.Sprintf("%s of %s", r.Commit, inert.WordAll(r.Ref))
	targets := names.List(shownTexts(r.Targets), "and")
	if r.Action == names.Deploy {
		s := fmt.Sprintf("deploy %s to %s", at, inert.WordAll(r.Environment))
		var built []string
		for _, a := range r.Artifacts {
			built = append(built, inert.WordAll(a.Name)+" (sha256:"+a.SHA256+")")
		}
		if len(built) > 0 {
			s += ", as " + names.List(built, "and")
		}
		if targets != "" {
			s += ", there to " + targets
		}
		return s
	}
	s := actionsText([]names.Action{r.Action}) + " " + targets
	if r.Environment != "" {
		s += " of " + inert.WordAll(r.Environment)
	}
	return s + ", at " + at
}

func (r Request) subject() subject {
	return subject{Name: r.Ref, Digest: subjectDigest{GitCommit: r.Commit}}
}

// requestable reports whether an action is one to ask for.
func requestable(a names.Action) bool {
	return slices.Contains([]names.Action{names.Deploy, names.Delete, names.Rotate, names.Secret}, a)
}

func (r Request) validate() error {
	if err := checkActor(r.Signer, r.Delegation); err != nil {
		return err
	}
	if !requestable(r.Action) {
		return fmt.Errorf("the action %s is not one to request: use deploy, delete, rotate or secret", inert.Quote(string(r.Action)))
	}
	if err := checkRepository(r.Repository, r.RepositoryID); err != nil {
		return err
	}
	if err := checkEnvironment(r.Action, r.Environment); err != nil {
		return err
	}
	if err := checkCommit("commit", r.Commit); err != nil {
		return err
	}
	if err := checkRefText("ref", r.Ref); err != nil {
		return err
	}
	if err := r.checkTargets(); err != nil {
		return err
	}
	if err := r.checkArtifacts(); err != nil {
		return err
	}
	if err := r.checkRun(); err != nil {
		return err
	}
	if r.Reason == "" {
		return errors.New("the reason is missing: say what the request is for")
	}
	if err := checkLine("reason", r.Reason, MaxReason); err != nil {
		return err
	}
	if err := checkWindow(r.NotBefore, r.NotAfter, MaxRequestTTL); err != nil {
		return err
	}
	return checkNonce(r.Nonce)
}

func (r Request) checkTargets() error {
	if len(r.Targets) == 0 && r.Action != names.Deploy {
		return fmt.Errorf("the targets are missing: say what to %s", r.Action)
	}
	if n := len(r.Targets); n > MaxTargets {
		return fmt.Errorf("it lists %d targets, at most %d are allowed", n, MaxTargets)
	}
	for i, t := range r.Targets {
		if t == "" {
			return errors.New("one of the targets is empty")
		}
		if err := checkLine("target", t, MaxTarget); err != nil {
			return err
		}
		if slices.Contains(r.Targets[:i], t) {
			return fmt.Errorf("it lists the target %s twice", inert.Quote(t))
		}
	}
	return nil
}

func (r Request) checkArtifacts() error {
	if len(r.Artifacts) > 0 && r.Action != names.Deploy {
		return fmt.Errorf("it names artifacts, which only a request to deploy has, and asks to %s", r.Action)
	}
	if n := len(r.Artifacts); n > MaxArtifacts {
		return fmt.Errorf("it names %d artifacts, at most %d are allowed", n, MaxArtifacts)
	}
	for i, a := range r.Artifacts {
		if err := a.validate(); err != nil {
			return err
		}
		if slices.ContainsFunc(r.Artifacts[:i], func(b Artifact) bool { return a.Name == b.Name }) {
			return fmt.Errorf("it names the artifact %s twice", inert.Quote(a.Name))
		}
	}
	return nil
}

func (r Request) checkRun() error {
	switch {
	case r.RunID < 0 || r.RunAttempt < 0:
		return errors.New("the run's id or attempt is negative")
	case r.RunID == 0 && (r.RunAttempt != 0 || r.Job != ""):
		return errors.New("an attempt or a job is named without the id of its run")
	}
	return checkLine("job", r.Job, MaxJob)
}

func (p requestPredicate) statement() (Statement, error) {
	signer, err := p.Signer.parse("signer")
	if err != nil {
		return nil, err
	}
	from, to, err := parseWindow(p.NotBefore, p.NotAfter)
	if err != nil {
		return nil, err
	}
	return Request{
		Action: names.Action(p.Action), Repository: p.Repository, RepositoryID: p.RepositoryID,
		Environment: p.Environment, Commit: p.Commit, Ref: p.Ref, Targets: p.Targets, Artifacts: p.Artifacts,
		Reason: p.Reason, Nonce: p.Nonce, NotBefore: from, NotAfter: to,
		RunID: p.Run.ID, RunAttempt: p.Run.Attempt, Job: p.Run.Job,
		Signer: signer, Delegation: p.Delegation,
	}, nil
}
