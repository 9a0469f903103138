package cli

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/hooks"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/setup"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/verdict"
)

func newStatus(env *Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "status",
		Short: "Say who you are here, under which delegation, and what is wrong",
		Long: "Says who works here and under which delegation, what that covers and what is left of its time, what git\n" +
			"signs with, which hooks run, and what is wrong, in a line each: `remit doctor` says how to mend that.\n" +
			"`remit` alone says the same. The exit code is 0 whatever is said.",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return showStatus(cmd.Context(), env, format) },
	}
	return withFormat(c, &format)
}

func newDoctor(env *Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with this set-up, and what mends it",
		Long: "Looks at how this repository is set up, for an agent where one works here, for a human, or for a server where\n" +
			"it is a bare one, and says what is wrong, with the commands that mend it. It changes nothing itself.\n" +
			"The exit code is 0 where nothing is wrong, and 1 where something is.",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, done, err := lookAround(cmd.Context(), env)
			if err != nil {
				return err
			}
			defer done()
			if format == "json" {
				err = writeJSON(env, doctorJSON{1, problemRows(s.Problems)})
			} else {
				sayProblems(env, s.Problems)
			}
			if err == nil && len(s.Problems) > 0 {
				return verdictError(verdict.ExitDeny)
			}
			return err
		},
	}
	return withFormat(c, &format)
}

// lookAround looks at how the repository here is set up. What it returns last is to be called at the end.
func lookAround(ctx context.Context, env *Env) (*setup.Setup, *workspace, func(), error) {
	w, err := openWorkspace(env)
	if err != nil {
		return nil, nil, nil, err
	}
	ring, err := openKeyring(env)
	if err != nil {
		w.Close()
		return nil, nil, nil, err
	}
	s := setup.Look(ctx, setup.Place{Workspace: w.Workspace, Keys: ring, Env: env.around(), Now: env.Now, Remit: env.Executable})
	return s, w, func() { ring.Close(); w.Close() }, nil
}

// doctorJSON is what is wrong, for programs.
type doctorJSON struct {
	Version  int          `json:"version"`
	Problems []problemRow `json:"problems"`
}

type problemRow struct {
	What     string   `json:"what"`
	Commands []string `json:"commands"` // that mend it, in this order
	Advice   string   `json:"advice,omitzero"`
}

func problemRows(list []setup.Problem) []problemRow {
	rows := make([]problemRow, len(list))
	for i, p := range list {
		rows[i] = problemRow{p.What, append([]string{}, p.Commands...), p.Advice}
	}
	return rows
}

func sayProblems(env *Env, list []setup.Problem) {
	if len(list) == 0 {
		fmt.Fprintln(env.Stdout, "Nothing is wrong here.")
		return
	}
	for i, p := range list {
		if i > 0 {
			fmt.Fprintln(env.Stdout)
		}
		fmt.Fprintf(env.Stdout, "✗ %s\n", report.Inert(upperFirst(p.What)))
		for _, c := range p.Commands {
			fmt.Fprintf(env.Stdout, "  $ %s\n", report.Inert(c))
		}
		if p.Advice != "" {
			fmt.Fprintf(env.Stdout, "  %s.\n", report.Inert(upperFirst(p.Advice)))
		}
	}
}

// statusJSON is a status, for programs.
type statusJSON struct {
	Version    int               `json:"version"`
	Repository string            `json:"repository"`
	Policy     *policyStatus     `json:"policy"`
	Branch     string            `json:"branch"`
	Who        []string          `json:"who"`
	InForce    *delegationStatus `json:"in_force"`
	Live       []string          `json:"live"` // digests of those that could be put in force
	Signing    signingStatus     `json:"signing"`
	Hooks      []hookRow         `json:"hooks"`
	Problems   []problemRow      `json:"problems"`
}

type policyStatus struct {
	Digest string `json:"digest"`
	Mode   string `json:"mode"` // enforce or observe
}

type delegationStatus struct {
	delegationRow

	Left     int64  `json:"left_seconds"` // 0 where it does not hold
	Why      string `json:"why,omitzero"` // what is wrong with it
	KeyHere  bool   `json:"key_here"`
	Sentence string `json:"covers"`
}

type signingStatus struct {
	On      bool   `json:"on"`
	Format  string `json:"format"`
	Program string `json:"program"`
	Key     string `json:"key"`
	Owner   string `json:"owner"`
}

// hookRow is how one hook stands.
type hookRow struct {
	Hook      string `json:"hook"`
	Path      string `json:"path"`
	Condition string `json:"condition"`
	Before    string `json:"before,omitzero"` // an earlier hook that runs first
	Note      string `json:"note,omitzero"`
}

func hookRows(states []hooks.State) []hookRow {
	rows := make([]hookRow, len(states))
	for i, s := range states {
		rows[i] = hookRow{s.Hook, s.Path, string(s.Condition), s.Before, s.Note}
	}
	return rows
}

// showStatus prints who works here and how that stands.
func showStatus(ctx context.Context, env *Env, format string) error {
	s, w, done, err := lookAround(ctx, env)
	if err != nil {
		return err
	}
	defer done()
	repository := ""
	if s.Policy != nil {
		if repository, err = w.repositoryName(ctx, "", s.Policy); err != nil {
			repository = ""
		}
	}
	if format == "json" {
		return writeJSON(env, statusOf(env, s, repository))
	}
	page := statusPage{env, s}
	line := func(word, text string) {
		if text != "" {
			fmt.Fprintf(env.Stdout, "%-11s %s\n", word, report.Inert(text))
		}
	}
	line("repository", cmp.Or(repository, "unknown")+", "+page.policy())
	if w.Worktree != "" {
		line("branch", page.branch())
		line("who", page.who())
		line("delegation", page.delegation())
		line("covers", page.covers())
		line("signing", page.signing())
	}
	line("hooks", page.hooks())
	for _, p := range s.Problems {
		line("✗ wrong", p.What)
	}
	if len(s.Problems) > 0 {
		fmt.Fprintln(env.Stdout, "\n`remit doctor` says what mends that.")
	}
	return nil
}

// statusPage words a set-up.
type statusPage struct {
	env *Env
	s   *setup.Setup
}

func (p statusPage) policy() string {
	from := ""
	if p.s.PolicyRef != "" {
		from = ", of " + inert.Word(p.s.PolicyRef) + " (remit.policy)"
	}
	switch {
	case p.s.Policy == nil:
		return "without a policy that can be used" + from
	case p.s.Policy.Settings.Observe:
		return "by a policy that observes and blocks nothing" + from
	default:
		return "by a policy that is enforced" + from
	}
}

func (p statusPage) branch() string {
	if p.s.Branch == "HEAD" {
		return "none (a detached HEAD)"
	}
	return strings.TrimPrefix(p.s.Branch, "refs/heads/")
}

func (p statusPage) who() string {
	switch {
	case p.s.InForce != nil:
		return string(p.s.Who[0]) + ", by the delegation in force"
	case len(p.s.Who) == 0:
		return "nobody whom the policy knows"
	case len(p.s.Who) == 1:
		return string(p.s.Who[0]) + ", whose key is at hand"
	default:
		return names.List(p.s.Who, "or") + ": their keys are at hand"
	}
}

func (p statusPage) delegation() string {
	d := p.s.InForce
	switch {
	case p.s.UseErr != nil:
		return "unknown"
	case d == nil && len(p.s.Live) > 0:
		return fmt.Sprintf("none in force; %s is live for %s", shortDigest(p.s.Live[0].Chain.Digest()), p.s.Live[0].Chain.Leaf().Delegate.Name)
	case d == nil:
		return "none in force"
	}
	leaf := d.Chain.Leaf()
	text := fmt.Sprintf("%s of %s, for %s", shortDigest(d.Chain.Digest()), leaf.Delegator.Name, inert.Quote(leaf.Purpose))
	if d.State != setup.Live {
		return text + ": " + strings.ReplaceAll(string(d.State), "-", " ")
	}
	ends := setup.Ends(d.Chain)
	return fmt.Sprintf("%s: %s left, until %s", text, left(ends.Sub(p.env.Now())), names.Stamp(ends))
}

func (p statusPage) covers() string {
	if p.s.InForce == nil {
		return ""
	}
	scope := p.s.InForce.Chain.Leaf().Scope
	return scope.Text()
}

func (p statusPage) signing() string {
	s := p.s.Signing
	by := ""
	if s.Program != "" {
		by = ", by " + filepath.Base(s.Program)
	}
	switch {
	case !s.On:
		return "git signs nothing unless it is asked to"
	case s.Format != "ssh":
		return "git signs with " + cmp.Or(s.Format, "openpgp") + ", which no policy can list"
	case s.Key.IsZero():
		return "git is to sign with a key that cannot be read"
	case s.Owner != "":
		return fmt.Sprintf("git signs as %s with %s%s", s.Owner, s.Key.Fingerprint(), by)
	default:
		return fmt.Sprintf("git signs with %s, which is nobody's by the policy%s", s.Key.Fingerprint(), by)
	}
}

func (p statusPage) hooks() string {
	h := p.s.Hooks
	if h.Err != nil {
		return "unknown"
	}
	var list []string
	for _, s := range h.States {
		list = append(list, s.Hook+" "+string(s.Condition))
	}
	text := names.Join(list)
	if h.OwnDir {
		text += " (of the delegation in force)"
	}
	return text
}

// left words a span of time: 1h30m, 45s.
func left(d time.Duration) string {
	text := d.Truncate(time.Second).String()
	if d >= time.Minute {
		text = strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
		if d >= time.Hour {
			text = strings.TrimSuffix(text, "h0m")
			if !strings.HasSuffix(text, "m") {
				text += "h"
			}
		}
	}
	return text
}

func shortDigest(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] }

func statusOf(env *Env, s *setup.Setup, repository string) statusJSON {
	out := statusJSON{
		Version: 1, Repository: repository, Branch: s.Branch, Who: texts(s.Who), Live: []string{}, Hooks: hookRows(s.Hooks.States), Problems: problemRows(s.Problems),
		Signing: signingStatus{On: s.Signing.On, Format: cmp.Or(s.Signing.Format, "openpgp"), Program: s.Signing.Program, Owner: string(s.Signing.Owner)},
	}
	if !s.Signing.Key.IsZero() {
		out.Signing.Key = s.Signing.Key.Fingerprint()
	}
	if p := s.Policy; p != nil {
		out.Policy = &policyStatus{p.Digest, "enforce"}
		if p.Settings.Observe {
			out.Policy.Mode = "observe"
		}
	}
	for _, d := range s.Live {
		out.Live = append(out.Live, d.Chain.Digest())
	}
	if d := s.InForce; d != nil {
		scope := d.Chain.Leaf().Scope
		out.InForce = &delegationStatus{delegationRow: rowOf(d.Chain, string(d.State), true), Why: d.Why, KeyHere: d.Key, Sentence: scope.Text()}
		if d.State == setup.Live {
			out.InForce.Left = int64(setup.Ends(d.Chain).Sub(env.Now()) / time.Second)
		}
	}
	return out
}

// standing tells how delegations stand here, by the policy as it is now.
func (w *workspace) standing(ctx context.Context) func(delegation.Chain) (setup.State, string) {
	p, err := decide.IssuingPolicy(ctx, w.Repo)
	if err != nil {
		p = nil // then its own terms tell
	}
	return func(c delegation.Chain) (setup.State, string) { return setup.Of(ctx, c, p, w.sources()) }
}
