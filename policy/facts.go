package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// Facts are what a condition can ask about one act. Names that have no value for the act's kind
// are not looked at: a policy that asks for them is not valid.
type Facts struct {
	Action names.Action // act.kind
	Ref    string       // act.ref: the full name of the ref, "" where the act has none
	Agent  string       // agent.name: the acting agent's label, "" where no agent acts

	ChainDepth  int    // chain.depth: how many delegations
	ChainRoot   string // chain.root: the full name of the principal the chain begins with ("human.alice"), the actor's where there is no chain
	ChainMinted bool   // chain.minted: some key on the chain was made for its delegation

	FilesChanged int // commit.files_changed; below zero: not known
	FilesDeleted int // commit.files_deleted; below zero: not known
	LinesChanged int // commit.lines_changed; below zero: not known
	IsMerge      bool
	Message      string

	PRNumber int // 0: nothing is known of the pull request
	PRTitle  string
	PRLabels []string
	PRDraft  bool

	DeployEnvironment string // in any case; "" where a ref is deleted
	DeployReason      string

	Time time.Time // when a trusted party first saw the act; zero: not known

	// NotYet are names of facts that will have a value only once the act is done ("commit.message"): it is
	// foreseen. Of an act that was done there are none.
	NotYet []string
}

// fact is one name that a condition can use.
type fact struct {
	name    string
	kind    typ
	actions []names.Action // for which kinds of act it has a value; nil: all
	about   string
	get     func(c *Condition, f *Facts) (value, error)
}

func counted() []names.Action { return []names.Action{names.Commit, names.PullRequest, names.Push} }

func deployed() []names.Action {
	return []names.Action{names.Deploy, names.Delete, names.Rotate, names.Secret}
}

var errUnknown = errors.New("its value is not known")

// ErrNotYet is wrapped by the error of a condition that hangs on a fact of [Facts.NotYet].
var ErrNotYet = errors.New("its value is not known yet")

// factTable lists the names, in the order in which documents have them.
func factTable() []fact {
	return []fact{
		{
			"act.kind",
			typ{base: textType, domain: domainAction},
			nil, "The kind of act.",
			func(_ *Condition, f *Facts) (value, error) { return textValue(string(f.Action)), nil },
		},
		{
			"act.ref",
			typ{base: textType, domain: domainRef},
			nil, "The full name of the ref, such as refs/heads/main.",
			func(_ *Condition, f *Facts) (value, error) { return textValue(f.Ref), nil },
		},
		{
			"agent.name",
			typ{base: textType, domain: domainAgent},
			nil, "The acting agent's name; empty where no agent acts.",
			func(_ *Condition, f *Facts) (value, error) { return textValue(f.Agent), nil },
		},
		{
			"chain.depth",
			typ{base: numberType},
			nil, "How many delegations stand behind the act.",
			func(_ *Condition, f *Facts) (value, error) { return count(f.ChainDepth) },
		},
		{
			"chain.root",
			typ{base: textType, domain: domainRoot},
			nil, `Who the authority comes from, such as "human.alice".`,
			func(_ *Condition, f *Facts) (value, error) { return textValue(f.ChainRoot), nil },
		},
		{
			"chain.minted",
			typ{base: boolType},
			nil, "Some key on the chain was made for its delegation.",
			func(_ *Condition, f *Facts) (value, error) { return boolValue(f.ChainMinted), nil },
		},
		{
			"commit.files_changed",
			typ{base: numberType},
			counted(), "Files that differ: of the commit or of the whole, whichever is more.",
			func(_ *Condition, f *Facts) (value, error) { return count(f.FilesChanged) },
		},
		{
			"commit.files_deleted",
			typ{base: numberType},
			counted(), "Files that are gone, counted likewise.",
			func(_ *Condition, f *Facts) (value, error) { return count(f.FilesDeleted) },
		},
		{
			"commit.lines_changed",
			typ{base: numberType},
			counted(), "Lines added and removed, counted likewise.",
			func(_ *Condition, f *Facts) (value, error) { return count(f.LinesChanged) },
		},
		{
			"commit.is_merge",
			typ{base: boolType},
			[]names.Action{names.Commit},
			"The commit has several parents.",
			func(_ *Condition, f *Facts) (value, error) { return boolValue(f.IsMerge), nil },
		},
		{
			"commit.message",
			typ{base: textType},
			[]names.Action{names.Commit},
			"What the commit says; its author wrote it.",
			func(_ *Condition, f *Facts) (value, error) { return textValue(f.Message), nil },
		},
		{
			"pr.number",
			typ{base: numberType},
			[]names.Action{names.PullRequest},
			"The pull request's number.",
			func(_ *Condition, f *Facts) (value, error) { return pr(f, numberValue(int64(f.PRNumber))) },
		},
		{
			"pr.title",
			typ{base: textType},
			[]names.Action{names.PullRequest},
			"Its title; its author wrote it.",
			func(_ *Condition, f *Facts) (value, error) { return pr(f, textValue(f.PRTitle)) },
		},
		{
			"pr.labels",
			typ{base: textType, list: true},
			[]names.Action{names.PullRequest},
			"Its labels.",
			func(_ *Condition, f *Facts) (value, error) {
				list := make([]value, len(f.PRLabels))
				for i, l := range f.PRLabels {
					list[i] = textValue(l)
				}
				return pr(f, value{list: list})
			},
		},
		{
			"pr.draft",
			typ{base: boolType},
			[]names.Action{names.PullRequest},
			"It is a draft.",
			func(_ *Condition, f *Facts) (value, error) { return pr(f, boolValue(f.PRDraft)) },
		},
		{
			"deploy.environment",
			typ{base: textType, domain: domainEnvironment},
			deployed(), "The environment, as the policy spells it; empty where a ref is deleted.",
			func(c *Condition, f *Facts) (value, error) {
				switch e := c.policy.Environment(f.DeployEnvironment); {
				case e != nil:
					return textValue(e.Name), nil
				case f.DeployEnvironment == "" && f.Action != names.Delete:
					return value{}, errUnknown
				}
				return textValue(f.DeployEnvironment), nil
			},
		},
		{
			"deploy.reason",
			typ{base: textType},
			deployed(), "The reason that the request gives; its author wrote it.",
			func(_ *Condition, f *Facts) (value, error) { return textValue(f.DeployReason), nil },
		},
		{
			"time.weekday",
			typ{base: textType, domain: domainWeekday},
			nil, "Monday to Sunday, in settings.time_zone.",
			func(c *Condition, f *Facts) (value, error) {
				t, err := c.clock(f)
				return textValue(t.Weekday().String()), err
			},
		},
		{
			"time.hour",
			typ{base: numberType},
			nil, "0 to 23, in settings.time_zone.",
			func(c *Condition, f *Facts) (value, error) {
				t, err := c.clock(f)
				return numberValue(int64(t.Hour())), err
			},
		},
	}
}

func count(n int) (value, error) {
	if n < 0 {
		return value{}, errUnknown
	}
	return numberValue(int64(n)), nil
}

func pr(f *Facts, v value) (value, error) {
	if f.PRNumber <= 0 && !slices.Contains(f.NotYet, "pr.number") {
		return value{}, errUnknown
	}
	return v, nil
}

func (c *Condition) clock(f *Facts) (time.Time, error) {
	if f.Time.IsZero() {
		return time.Time{}, errUnknown
	}
	zone := c.policy.Settings.TimeZone
	if zone == nil {
		zone = time.UTC
	}
	return f.Time.In(zone), nil
}

// domain is what values a text can have, so that a text compared with it can be checked at load:
// a misspelt weekday would never match.
type domain uint8

const (
	domainAny domain = iota
	domainAction
	domainRef
	domainAgent
	domainRoot
	domainEnvironment
	domainWeekday
)

// inDomain says why a text can never be of the domain.
func (d *decoder) inDomain(dom domain, s string) error {
	what, known := "", false
	var options func() []string
	switch dom {
	case domainAction:
		what, options = "an action", actionNames
		known = slices.Contains(actionNames(), s)
	case domainWeekday:
		what, options = "a weekday", weekdays
		known = slices.Contains(weekdays(), s)
	case domainRef:
		if s == "" || strings.HasPrefix(s, "refs/") {
			return nil
		}
		return fmt.Errorf("%s is not a full ref name: write it out, such as refs/heads/main", inert.Quote(s))
	case domainAgent:
		what, options = "the name of an agent of the policy", func() []string { return d.labels(names.Agent) }
		_, known = d.declared[names.NewPrincipal(names.Agent, s)]
	case domainRoot:
		what, options = "a principal of the policy, written with its kind", d.references
		_, known = d.declared[names.Principal(s)]
	case domainEnvironment:
		if len(d.policy.Environments) == 0 {
			return nil
		}
		what, options = "an environment as the policy spells it", d.policy.environmentNames
		e := d.policy.Environment(s)
		known = e != nil && e.Name == s
	default:
		return nil
	}
	if known || s == "" {
		return nil
	}
	return fmt.Errorf("%s is not %s: nothing ever equals it.%s", inert.Quote(s), what, d.hint(s, options))
}

func weekdays() []string {
	var out []string
	for day := time.Sunday; day <= time.Saturday; day++ {
		out = append(out, day.String())
	}
	return out
}

func (p *Policy) environmentNames() []string {
	out := make([]string, len(p.Environments))
	for i, e := range p.Environments {
		out[i] = e.Name
	}
	return out
}
