package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/gitobject"
	"github.com/remit-sh/remit/verdict"
)

// receiver is a repository that is being pushed to.
type receiver struct {
	*workspace
	config     hooks.ServerConfig
	refs       map[string]string // from before the push
	defaultRef string
	enforcedAt string // the branch whose policy was enforced so far, "" for none
	updates    []gitrepo.RefUpdate
}

// preReceive judges all refs of a push together. Whatever keeps it from a verdict refuses the push.
func preReceive(ctx context.Context, env *Env) error {
	updates, err := parsePreReceive(env.Stdin)
	if err != nil || len(updates) == 0 {
		return err
	}
	w, err := openServed(env)
	if err != nil {
		return err
	}
	defer w.close()
	r := &receiver{workspace: w}
	if r.updates, err = r.written(updates); err != nil {
		return err
	}
	if r.config, err = hooks.ReadServerConfig(w.commonDir); err != nil {
		return fault.WithFix(fault.Undecidedf("reading the hook's configuration: %w", err),
			"an administrator of this server installs it with `remit hooks install --server --root-key FILE`")
	}
	if r.refs, err = w.repo.ReceiverRefs(); err != nil {
		return fault.Undecidedf("reading the refs of this repository: %w", err)
	}
	if r.defaultRef, err = w.repo.DefaultRef(); err != nil {
		return fault.Undecidedf("finding the default branch: %w", err)
	}
	if err := r.sameTrunk(); err != nil {
		return err
	}
	p, err := r.policy(ctx)
	if err != nil {
		return err
	}
	if p == nil {
		return r.firstPolicy(ctx)
	}
	r.rememberTrunk()
	rules := r.rulings(p)
	result, err := r.judge(ctx, rules)
	if err != nil {
		return err
	}
	for _, f := range r.basesKeepPolicies(rules) {
		result.Findings = append(result.Findings, f)
		result.Settle()
	}
	if f := r.keepsPolicy(); f != nil {
		result.Findings = append(result.Findings, *f)
		result.Settle()
	}
	if err := r.tell(result); err != nil {
		return err
	}
	return exitWith(result)
}

// tell prints what somebody should know; a push that is simply allowed says nothing.
func (r *receiver) tell(result *verdict.Report) error {
	quiet := result.Verdict == verdict.Allowed && len(result.Findings) == 0
	for _, a := range result.Acts {
		quiet = quiet && len(a.Findings) == 0
	}
	if quiet {
		return nil
	}
	return show(r.env, r.env.Stderr, result, "text", false)
}

// policy is the policy from before the push: of the default branch, or of another repository that
// the administrator named. It is nil where the default branch never had one.
func (r *receiver) policy(ctx context.Context) (*policy.Policy, error) {
	if r.config.PolicyRepository != "" {
		return r.policyElsewhere()
	}
	tip := r.refs[r.defaultRef]
	if tip == "" {
		return nil, nil
	}
	p, err := r.policyAt(tip, "the default branch")
	if !errors.Is(err, errNoPolicy) {
		return p, err
	}
	had, err := r.repo.EverHad(ctx, tip, policy.FileName)
	if err != nil {
		return nil, fault.Undecidedf("finding out whether the default branch ever had a policy: %w", err)
	}
	if had {
		return nil, fault.WithFix(fault.Undecidedf("the default branch had a %s and has none now: nothing says what is allowed", policy.FileName),
			"an administrator of this server puts it back")
	}
	return nil, nil
}

func (r *receiver) policyElsewhere() (*policy.Policy, error) {
	// Its objects are its own: what git says of the push does not belong to it.
	other, err := gitrepo.Open(gitrepo.Options{GitDir: r.config.PolicyRepository, Env: []string{}})
	if err != nil {
		return nil, fault.Undecidedf("opening the policy's repository: %w", err)
	}
	defer func() { _ = other.Close() }() // only read from
	ref := r.config.PolicyRef
	if ref == "" {
		if ref, err = other.DefaultRef(); err != nil {
			return nil, fault.Undecidedf("finding the policy's default branch: %w", err)
		}
	}
	commit, err := other.ResolveRevision(ref)
	if err != nil {
		return nil, fault.Undecidedf("finding %s in the policy's repository: %w", ref, err)
	}
	file := r.config.PolicyFile
	if file == "" {
		file = policy.FileName
	}
	src, err := other.File(commit, file)
	if err != nil {
		return nil, fault.Undecidedf("reading %s in the policy's repository: %w", file, err)
	}
	return parsePolicy(src, file)
}

// firstPolicy lets a push into a repository without a policy, in which nothing is enforced yet.
// A push that brings the first policy must be signed by the root key: from then on it rules.
func (r *receiver) firstPolicy(ctx context.Context) error {
	if err := r.trunkKnown(); err != nil {
		return err
	}
	for _, u := range r.updates {
		if u.Ref != r.defaultRef || u.New == "" {
			continue
		}
		p, err := r.policyAt(u.New, "this push")
		if errors.Is(err, errNoPolicy) {
			if err := r.neverHad(ctx, u.New); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err // invalid: it would lock everybody out
		}
		if name := r.repository(p); !p.Rules(name) {
			return fault.WithFix(fault.Refusedf("the policy of this push is not for this repository: %s", r.notRuled(p)),
				"push a policy for %s, or have an administrator install the hook with another --repository", cmp.Or(name, "none"))
		}
		if err := r.signedByRoot(u.New); err != nil {
			return fault.WithFix(fault.Refusedf("the first %s must be signed by the root key of this server: %w", policy.FileName, err),
				"have the holder of %s sign the commit at the head of the push", rootFingerprint(r.config))
		}
		fmt.Fprintf(r.env.Stderr, "remit: the policy of %s is in force from now on.\n", p.Repository)
		return nil
	}
	fmt.Fprintf(r.env.Stderr, "remit: note: %s has no %s yet, so that nothing is enforced.\n", report.Inert(r.defaultRef), policy.FileName)
	return nil
}

// neverHad refuses a history in which a policy came and went: from then on a policy would be missing,
// and every push refused, without anybody who may bring one having said so.
func (r *receiver) neverHad(ctx context.Context, commit string) error {
	had, err := r.repo.EverHad(ctx, commit, policy.FileName)
	if err != nil {
		return fault.Undecidedf("finding out whether the push brings a %s: %w", policy.FileName, err)
	}
	if had {
		return fault.WithFix(fault.Refusedf("this push brings a %s and takes it away again: every push after it would be refused", policy.FileName),
			"push a history without it, or one that keeps it, with its head signed by the root key %s", rootFingerprint(r.config))
	}
	return nil
}

func (r *receiver) signedByRoot(commit string) error {
	root, err := signing.ParseAuthorizedKey(r.config.RootKey)
	if err != nil {
		return fmt.Errorf("the configured root key is not usable: %w", err)
	}
	raw, err := r.repo.Commit(commit)
	if err != nil {
		return err
	}
	c, err := gitobject.ParseCommit(raw)
	if err != nil {
		return err
	}
	if c.Signature == nil {
		return fmt.Errorf("commit %s is not signed", commit)
	}
	sig, err := signing.ParseSSHSIG(c.Signature)
	if err != nil {
		return err
	}
	return sig.VerifyWith(root, c.Payload, signing.NamespaceGit)
}

func rootFingerprint(c hooks.ServerConfig) string {
	key, err := signing.ParseAuthorizedKey(c.RootKey)
	if err != nil {
		return "the root key"
	}
	return key.Fingerprint()
}

// keepsPolicy says what is wrong with a push that would leave the default branch without a policy
// that can be read: every push after it would be refused.
func (r *receiver) keepsPolicy() *verdict.Finding {
	if r.config.PolicyRepository != "" {
		return nil
	}
	for _, u := range r.updates {
		if u.Ref != r.defaultRef {
			continue
		}
		f := &verdict.Finding{
			Rule: "policy-lost", Effect: verdict.Deny, Path: policy.FileName,
			Summary: "the default branch would be left without a policy that can be read",
			Fix:     "Keep a valid " + policy.FileName + ". To stop blocking, set mode = \"observe\" in it.",
		}
		if u.New == "" {
			f.Reason = "The push deletes the default branch, and the policy with it: nothing could be decided after that."
			return f
		}
		if r.losesPolicy(u.New, f) {
			return f
		}
	}
	return nil
}

// losesPolicy reports whether nothing could be decided by the policy of a commit, and gives the reason.
func (r *receiver) losesPolicy(commit string, f *verdict.Finding) bool {
	src, err := r.repo.File(commit, policy.FileName)
	if err != nil {
		f.Reason = "The push removes it, and nothing could be decided after that."
		return true
	}
	p, diags := policy.Parse(src, policy.FileName)
	if diags.HasErrors() {
		f.Reason = "The policy that the push brings is not valid: " + strings.TrimSuffix(diags.Error(), ".") + "."
		return true
	}
	if !p.Rules(r.repository(p)) {
		f.Reason = "The policy that the push brings is for another repository: " + r.notRuled(p) + "."
		return true
	}
	return false
}

// evidence makes the evidence of what of the push is judged by one policy.
func (r *receiver) evidence(ctx context.Context, p *policy.Policy, found *gitrepo.Collected) (*evidence.Set, error) {
	set := newSet(found, evidence.SurfaceServer, r.repository(p), r.env.Now(), clockServer)
	set.Pusher = r.pusher()
	addWorkflows(ctx, p, r.repo, set, r.refs[r.defaultRef])
	return set, addReferences(ctx, p, r.repo, set)
}

// repository is this repository's name: the administrator's word for it, else the policy's.
func (r *receiver) repository(p *policy.Policy) string {
	if r.config.Repository != "" {
		return r.config.Repository
	}
	return p.Repository
}

// notRuled says what a policy rules, against the name of this repository.
func (r *receiver) notRuled(p *policy.Policy) string {
	rules := p.Repository
	if rules == "" {
		rules = joined(texts(p.Repositories))
	}
	return fmt.Sprintf("it rules %s, and this is %s", rules, cmp.Or(r.repository(p), "none"))
}

// pusher is who pushes, by the variable that the administrator named; nil where the server does not say.
func (r *receiver) pusher() *evidence.Pusher {
	if r.config.PusherEnv == "" {
		return nil
	}
	login := r.env.Getenv(r.config.PusherEnv)
	if login == "" {
		return nil
	}
	return &evidence.Pusher{Login: login, Source: r.config.PusherEnv, Delegation: r.pushOption("delegation")}
}

// pushOption is the value of the last `git push -o name=value`, "" for none.
func (r *receiver) pushOption(name string) string {
	count, err := strconv.Atoi(r.env.Getenv("GIT_PUSH_OPTION_COUNT"))
	if err != nil {
		return ""
	}
	for i := min(count, 100) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(r.env.Getenv("GIT_PUSH_OPTION_"+strconv.Itoa(i)), name+"="); ok {
			return v
		}
	}
	return ""
}
