package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/authority"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/query"
	"github.com/remit-sh/remit/audit/statement"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/auditlog"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/verdict"
)

// How old a statement in a file may be, and how far ahead of this clock the gate's may be.
const (
	statementAge  = delegation.MaxRequestTTL
	statementSkew = 5 * time.Minute
)

// deployVerification is what a deploy is held against.
type deployVerification struct {
	commit, environment, file, repository string
	artifacts                             []string // digests
	past                                  bool

	gateKey signing.PublicKey // that --key names; zero: none
	now     time.Time
}

// asksMore reports whether more is asked than makes sense without a commit.
func (o *deployVerification) asksMore() bool {
	return o.environment != "" || o.file != "" || len(o.artifacts) > 0 || o.past
}

// verifyDeploy verifies that a gate let a commit through, and says on whose authority: by a file, else by the audit log.
func (v *verification) verifyDeploy(ctx context.Context, env *Env, o deployVerification, source *auditSource) error {
	for _, digest := range o.artifacts {
		if err := names.CheckDigest(digest); err != nil {
			return fault.Usagef("--artifact: %w", err)
		}
	}
	o.now = env.Now()
	if k, err := signing.ParseAuthorizedKey(strings.TrimSpace(source.key)); err == nil {
		o.gateKey, source.key = k, ""
	}
	var err error
	if o.commit, err = commitNamed(env, o.commit); err != nil {
		return err
	}
	if o.file != "" {
		if source.dir != "" || source.fetch || source.remote != "" {
			return fault.Usagef("--statement names a file that is verified by itself, and --log, --fetch and --remote are about the audit log")
		}
		return v.deployFile(ctx, env, &o, source.key)
	}
	return withAudit(ctx, env, source, func(a *auditLog) error { return v.deployLog(ctx, a, &o) })
}

// commitNamed is the id of a commit, which need not be here.
func commitNamed(env *Env, rev string) (string, error) {
	if n := len(rev); (n == 40 || n == 64) && strings.Trim(rev, "0123456789abcdef") == "" {
		return rev, nil
	}
	w, err := openWorkspace(env)
	if err != nil {
		return "", fault.WithFix(fault.Usagef("--deploy: %s is not the id of a commit, and there is no repository here to look it up in", inert.Quote(rev)), "name all digits of the commit's id")
	}
	defer w.Close()
	id, err := w.Repo.ResolveRevision(rev)
	if err != nil {
		return "", w.notFound(rev, err)
	}
	return id, nil
}

// deployFile verifies a statement by itself, and the key that signed it.
func (v *verification) deployFile(ctx context.Context, env *Env, o *deployVerification, key string) error {
	b, err := readArgument(env, o.file)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Usagef("--statement: %w", err)
	}
	if err != nil {
		return err
	}
	s, err := statement.ParseBundle(b)
	if err != nil {
		return fault.Refusedf("%s: %w", inert.Word(o.file), err)
	}
	if o.gateKey.IsZero() {
		if key, err = receiptKey(ctx, env, key); err != nil {
			return err
		}
		if _, err := log.ParseVerifier(key); err != nil {
			return fault.Usagef("--key: %w", err)
		}
	}
	if o.repository == "" {
		if o.repository, err = repositoryOfKey(ctx, env, key); err != nil {
			return err
		}
	}
	v.readDeploy(s)
	if why := o.signedBy(s, key); why != "" {
		return fault.WithFix(fault.Refusedf("the deploy statement does not count: %s", why),
			"if that is the key of the gate, name it with --key \"$(cat gate.pub)\"; the audit log tells of any gate: leave --statement out")
	}
	if why := o.mismatch(s); why != "" {
		return fault.Refusedf("the deploy statement does not hold for this: %s", why)
	}
	if age := o.now.Sub(s.Time); !o.past && (age > statementAge || age < -statementSkew) {
		return fault.WithFix(fault.Refusedf("the deploy was let through at %s, which is not within the last %s: something else may have been deployed since", names.Stamp(s.Time), statementAge),
			"ask for a new deploy; the audit log tells whether anything came after it: leave --statement out. To verify what was, add --past")
	}
	v.good = fmt.Sprintf("Both of its signatures are good, by the trusted key %s. Whether anything was let through since is for the audit log to say.", s.Signer.Fingerprint())
	return nil
}

// repositoryOfKey is the repository that a statement must be of: that of the log's key, else the one that is here.
func repositoryOfKey(ctx context.Context, env *Env, key string) (string, error) {
	if name, _, _ := strings.Cut(key, "+"); strings.HasSuffix(name, auditlog.Origin("")) {
		return strings.TrimSuffix(name, auditlog.Origin("")), nil
	}
	if w, err := openWorkspace(env); err == nil {
		defer w.Close()
		if p, err := decide.IssuingPolicy(ctx, w.Repo); err == nil && p.Repository != "" {
			return p.Repository, nil
		}
	}
	return "", fault.WithFix(fault.Usagef("it is not known which repository the deploy must be of"), "name it with --repository host/owner/name: a fork has commits of the same ids")
}

// signedBy says why the key of a statement is none that is trusted; "": it is. The audit log's key is Ed25519, as is a
// gate's.
func (o *deployVerification) signedBy(s *statement.Signed, logKey string) string {
	if !o.gateKey.IsZero() {
		if s.Signer.Equal(o.gateKey) {
			return ""
		}
		return "it is signed by " + s.Signer.Fingerprint() + ", and the key that is named is " + o.gateKey.Fingerprint()
	}
	if ofLog(s, logKey) {
		return ""
	}
	return "it is signed by " + s.Signer.Fingerprint() + ", which is not the key of the audit log, " + inert.Word(logKey)
}

// ofLog reports whether the key of a log, as [log.VerifierKey] writes it, signed a statement.
func ofLog(s *statement.Signed, key string) bool {
	pub, err := log.PublicKey(key)
	return err == nil && s.Signer.Equal(pub)
}

// mismatch says in what a statement is not of the deploy that is asked about; "" for nothing.
func (o *deployVerification) mismatch(s *statement.Signed) string {
	switch {
	case s.Commit != o.commit:
		return "it is of the commit " + s.Commit + ", and not of " + o.commit
	case o.repository != "" && s.Repository != o.repository:
		return "it is of the repository " + s.Repository + ", and not of " + o.repository
	case o.environment != "" && !strings.EqualFold(s.Environment, o.environment):
		return "it is of the environment " + inert.Word(s.Environment) + ", and not of " + inert.Word(o.environment)
	}
	for _, digest := range o.artifacts {
		if !slices.ContainsFunc(s.Artifacts, func(a delegation.Artifact) bool { return "sha256:"+a.SHA256 == digest }) {
			return "the request names no artifact " + digest + ": name it there (`remit request deploy --artifact`)"
		}
	}
	return ""
}

// readDeploy reads a statement out.
func (v *verification) readDeploy(s *statement.Signed) {
	v.Digest, v.Key = audit.Digest(s.Account.Marshal()), s.Signer.Fingerprint()
	for _, line := range s.Sentences() {
		v.Sentences = append(v.Sentences, report.Inert(line))
	}
}

// deployFound is a deploy that the log has.
type deployFound struct {
	index   int64
	commit  string
	at      time.Time
	vouched bool
	signed  *statement.Signed
}

// after reports whether a deploy was let through after another (nil: there is none). Of those of the same second it is
// the one for which somebody vouches, and else the one that the log had later.
func (d *deployFound) after(other *deployFound) bool {
	switch {
	case other == nil:
		return true
	case !d.at.Equal(other.at):
		return d.at.After(other.at)
	case d.vouched != other.vouched:
		return d.vouched
	}
	return d.index > other.index
}

// overtaken reports whether another commit was let through after it.
func (d *deployFound) overtaken(last *deployFound) bool {
	return last != nil && last.commit != d.commit
}

// deployLog finds the statements of a commit in the log: of each environment the last.
func (v *verification) deployLog(ctx context.Context, a *auditLog, o *deployVerification) error {
	r, err := a.look(ctx)
	if err != nil {
		return err
	}
	if o.repository == "" {
		if o.repository, err = repositoryOfKey(ctx, a.env, a.key); err != nil {
			return err
		}
	}
	allowed := verdict.Allowed
	filter := query.Filter{Environment: o.environment, Verdict: &allowed, Repository: o.repository}
	had := map[string]*deployFound{} // what each environment was let have last; without a statement where it has none
	of := map[string]*deployFound{}  // what of this commit was
	seen, good := map[string]*deployFound{}, map[*deployFound]string{}
	var wrong []string
	err = query.Each(ctx, r, &filter, query.Order{}, func(f *query.Found) error {
		e := f.Entry
		if e.Question.Kind != string(names.Deploy) || e.Observe || e.Bootstrap {
			return nil
		}
		environment := strings.ToLower(e.Question.Environment)
		asked := e.Question.Head == o.commit
		s, why, err := o.stated(ctx, r, a.key, f)
		if err != nil {
			return err
		}
		found := &deployFound{f.Index, e.Question.Head, e.Time, !e.Attestation.IsZero(), s}
		if s != nil {
			// Anybody can hand an entry over once more, and a fold takes what waits in no order: what was signed tells when.
			found.at = s.Time
		}
		said := environment + " " + strings.Join(e.Statements, " ")
		if len(e.Statements) == 0 {
			said += e.ID
		}
		if before := seen[said]; before != nil { // the newest come first, and who says it again says nothing new
			before.index, before.vouched = f.Index, before.vouched || found.vouched
			found = before
		}
		if why == "" || !e.Attestation.IsZero() {
			seen[said] = found
		}
		switch {
		case !asked:
		case why != "":
			wrong = append(wrong, fmt.Sprintf("entry %d, to %s: %s", f.Index, inert.Word(e.Question.Environment), why))
		default:
			good[found] = environment
		}
		return nil
	})
	if err != nil {
		return a.words(err)
	}
	for said, found := range seen {
		environment, _, _ := strings.Cut(said, " ")
		if found.after(had[environment]) {
			had[environment] = found
		}
	}
	for found, environment := range good {
		if found.after(of[environment]) {
			of[environment] = found
		}
	}
	return v.tellDeploys(o, had, of, wrong)
}

// stated reads the statement of an entry, and says why it does not count. An entry for which somebody vouches names its
// statement by the digest, so that whoever vouches for the entry does for that. Any other counts for the key alone.
func (o *deployVerification) stated(ctx context.Context, r *log.Reader, logKey string, f *query.Found) (s *statement.Signed, why string, err error) {
	e := f.Entry
	if len(e.Statements) == 0 {
		return nil, "the gate signed no statement: it had no key (" + auditlog.GateKeyVariable + ")", nil
	}
	paths := make([]string, len(e.Statements))
	for i, digest := range e.Statements {
		paths[i] = log.StatementPath(digest)
	}
	files, err := r.Files(ctx, paths)
	if err != nil {
		return nil, "", err
	}
	given := map[string][]byte{}
	for i, path := range paths {
		given[path] = files[i]
	}
	if err := log.Stated(e, given); err != nil {
		return nil, inert.Error(err), nil
	}
	if s, err = statement.Parse(files...); err != nil {
		return nil, inert.Error(err), nil
	}
	if e.Attestation.IsZero() || !o.gateKey.IsZero() {
		if why := o.signedBy(s, logKey); why != "" {
			return nil, why, nil
		}
	}
	if e.Question.Head != o.commit {
		return s, "", nil
	}
	if why := o.mismatch(s); why != "" {
		return nil, why, nil
	}
	checker := authority.NewChecker(r.Files)
	if err := checker.Check(ctx, f.Index, []*audit.Entry{e}); err != nil {
		return nil, "", err
	}
	if faults := checker.Result().Faults; len(faults) > 0 {
		return nil, faultLine(&faults[0]), nil
	}
	return s, "", nil
}

// tellDeploys says what was found, the environments in the order of their names.
func (v *verification) tellDeploys(o *deployVerification, had, of map[string]*deployFound, wrong []string) error {
	held := 0
	for _, environment := range sortedNames(of) {
		found, last := of[environment], had[environment]
		v.readDeploy(found.signed)
		line := fmt.Sprintf("It is entry %d of the audit log, and what was let through to %s last.", found.index, inert.Word(environment))
		if found.overtaken(last) {
			line = fmt.Sprintf("It is entry %d of the audit log. Entry %d let another commit through to %s since.", found.index, last.index, inert.Word(environment))
		}
		v.Sentences = append(v.Sentences, line)
		if o.past || !found.overtaken(last) {
			held++
		}
	}
	for _, why := range wrong {
		v.Sentences = append(v.Sentences, "What the log has of "+report.Inert(why)+".")
	}
	where := ""
	if o.environment != "" {
		where = " to " + inert.Word(o.environment)
	}
	switch {
	case held > 0:
		v.good = "Its signatures are good, the log proves the entry, and the delegations behind it are signed and follow from each other."
		return nil
	case len(of) > 0:
		return fault.WithFix(fault.Refusedf("the deploy of %s%s was overtaken: what an old statement says is no leave to deploy it again", o.commit, where),
			"ask for a new deploy of it; a rollback needs an approval that names the request. To verify what was, add --past")
	case len(wrong) > 0:
		return fault.WithFix(fault.Refusedf("no deploy statement of %s%s holds", o.commit, where),
			"ask for a new deploy, at a gate that has a key; for entries that nobody vouches for name the gate's public key with --key \"$(cat gate.pub)\"")
	}
	return fault.WithFix(fault.Refusedf("the audit log has no deploy of %s%s that a gate let through", o.commit, where),
		"see that the log is read as it is now (--fetch), and that what waits was brought into it: `remit audit fold`")
}

func sortedNames(found map[string]*deployFound) []string {
	out := make([]string, 0, len(found))
	for name := range found {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
