package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/remit-sh/remit/verdict"
)

const (
	defaultWidth = 100
	minWidth     = 40
	maxBlocks    = 50 // blocks of findings, unless everything was asked for
)

// Options says how [Text] shows a report. The zero value is plain text for a log.
type Options struct {
	Color   bool   // mark outcomes with SGR colours; for terminals only
	ASCII   bool   // nothing but ASCII, for terminals and logs that garble the rest
	Width   int    // where sentences are wrapped, in characters; 0: 100, at least 40
	Verbose bool   // show allowed acts and notes too, and leave nothing out of a list
	Quiet   bool   // show nothing at all where everything is allowed and nothing is warned about
	Docs    string // where the rules' pages are; "": [DocsURL]
}

// Text shows a report to people and agents: what happened, on whose authority, why that is denied,
// and what to do about it, each once. Times are in UTC. Every line begins with words or marks of
// this package, never with text of the report.
func Text(w io.Writer, r *verdict.Report, o Options) error {
	if r == nil {
		return errNoReport
	}
	p := newPage(r, o)
	if o.Quiet && p.nothingToSay() {
		return nil
	}
	p.headline()
	p.whole()
	p.acts()
	p.gates()
	p.allowed()
	p.footer()
	return writeAll(w, p.out.Bytes(), "text")
}

// page is a text report in the making.
type page struct {
	out    bytes.Buffer
	r      *verdict.Report
	o      Options
	gutter string // what the lines of a block begin with
	arrow  string
	ref    string // the ref that the first line names, "" for none
	ruled  bool   // a finding of a rule that has a page was shown
}

func newPage(r *verdict.Report, o Options) *page {
	p := &page{r: r, o: o, gutter: "  │ ", arrow: " → "}
	if p.o.Width == 0 {
		p.o.Width = defaultWidth
	}
	p.o.Width = max(p.o.Width, minWidth)
	if p.o.Docs == "" {
		p.o.Docs = DocsURL
	}
	if o.ASCII {
		p.gutter, p.arrow = "  | ", " -> "
	}
	return p
}

// nothingToSay reports whether all is allowed and nothing deserves a look.
func (p *page) nothingToSay() bool {
	if p.r.Verdict != verdict.Allowed || noted(p.r.Findings) {
		return false
	}
	for i := range p.r.Acts {
		if p.r.Acts[i].Verdict != verdict.Allowed || noted(p.r.Acts[i].Findings) {
			return false
		}
	}
	return true
}

// How text of the report gets onto the page.

func (p *page) name(s string) string     { return inertOf(s, maxName, p.o.ASCII) }
func (p *page) sentence(s string) string { return inertOf(s, maxSentence, p.o.ASCII) }
func (p *page) title(s string) string    { return quoted(s, maxTitle, p.o.ASCII) }

func (p *page) headline() {
	h := headlineOf(p.r, p.name)
	p.ref = h.ref
	fmt.Fprintf(&p.out, "remit: %s. %s.\n", p.paint(effectOf(p.r.Verdict, nil), h.outcome), sentenceCase(h.detail))
}

// whole shows what was found about everything together.
func (p *page) whole() {
	groups := p.groupsOf(p.r.Findings, nil)
	if len(groups) == 0 {
		return
	}
	fmt.Fprintf(&p.out, "\n%s everything together\n", p.mark(effectOf(verdict.Of(p.r.Findings), p.r.Findings)))
	p.body(&block{groups: groups})
}

// acts shows what is not simply allowed, the worst first.
func (p *page) acts() {
	shown, left := 0, 0
	for _, b := range p.blocks() {
		if shown == maxBlocks && !p.o.Verbose {
			left += len(b.acts)
			continue
		}
		shown++
		fmt.Fprintf(&p.out, "\n%s %s\n", p.mark(b.effect()), p.blockTitle(b))
		p.body(b)
	}
	if left > 0 {
		fmt.Fprintf(&p.out, "\nremit: %s more with findings are left out here; the JSON report lists all.\n", count(left, "act"))
	}
}

// blocks lists the acts that deserve a look, grouped, the worst first.
func (p *page) blocks() []*block {
	var list []*block
	for _, v := range []verdict.Verdict{verdict.Denied, verdict.NotDecided, verdict.Waiting, verdict.Allowed} {
		var acts []*verdict.Act
		for i := range p.r.Acts {
			a := &p.r.Acts[i]
			if min(a.Verdict, verdict.Allowed) != v {
				continue
			}
			if v != verdict.Allowed || p.o.Verbose || noted(a.Findings) {
				acts = append(acts, a)
			}
		}
		list = append(list, p.blocksOf(acts)...)
	}
	return list
}

// effect is what a block's mark shows.
func (b *block) effect() verdict.Effect { return effectOf(b.acts[0].Verdict, b.acts[0].Findings) }

// effectOf is the effect that an outcome comes down to: that of a warning for what is allowed and
// warned about.
func effectOf(v verdict.Verdict, found []verdict.Finding) verdict.Effect {
	switch {
	case v == verdict.Allowed && noted(found):
		return verdict.Warn
	case v == verdict.Allowed:
		return allowedEffect
	case v == verdict.Waiting:
		return verdict.Pending
	case v == verdict.NotDecided:
		return verdict.Undecided
	default:
		return verdict.Deny
	}
}

// allowedEffect stands for "nothing was found" where a mark or colour is chosen.
const allowedEffect = verdict.Note + 1

// blockTitle is "commit 3f2c1a9b0c "tune prod replicas" by agent.coder", or "40 commits by agent.coder".
func (p *page) blockTitle(b *block) string {
	a := b.acts[0]
	if len(b.acts) > 1 {
		if isFile(a) && a.Actor == "" {
			return count(len(b.acts), kindName(a.Kind, 1))
		}
		return count(len(b.acts), kindName(a.Kind, 1)) + " by " + p.actor(a)
	}
	title := kindName(a.Kind, 1) + " " + p.name(shortSubject(a))
	if a.Title != "" {
		title += " " + p.title(a.Title)
	}
	if isFile(a) && a.Actor == "" {
		return title
	}
	return title + " by " + p.actor(a)
}

func (p *page) actor(a *verdict.Act) string {
	if a.Actor == "" {
		return unnamed(a)
	}
	if m := minter(a); m != "" {
		return p.name(a.Actor) + " (minted by " + p.name(m) + ")"
	}
	return p.name(a.Actor)
}

// body shows who acted on whose authority, and what was found.
func (p *page) body(b *block) {
	before := p.out.Len()
	if len(b.acts) > 0 {
		p.facts(b)
	}
	facts := p.out.Len() > before
	for i := range b.groups {
		if i == 0 && facts {
			p.line("", "")
		}
		p.group(&b.groups[i], len(b.acts) > 1)
	}
}

func (p *page) facts(b *block) {
	a := b.acts[0]
	if len(b.acts) > 1 {
		label := plural(2, kindName(a.Kind, 1))
		if len(label) >= labelWidth {
			label = "acts"
		}
		shown := p.shown(len(b.acts))
		for _, a := range b.acts[:shown] {
			subject := p.name(shortSubject(a))
			if a.Title != "" {
				subject += " " + p.title(a.Title)
			}
			p.fact(label, subject)
			label = ""
		}
		p.fact("", more(len(b.acts)-shown))
	}
	label := "authority"
	for i := range a.Chain {
		p.fact(label, p.link(&a.Chain[i]))
		label = ""
	}
	if len(a.Chain) == 0 && strings.HasPrefix(a.Actor, "agent.") {
		p.fact(label, "no delegation")
	}
	p.fact("evidence", p.evidence(a))
	if a.Ref != p.ref {
		p.fact("ref", p.name(a.Ref))
	}
}

// link reads one delegation out: who gave it to whom, until when, and for what.
func (p *page) link(l *verdict.Link) string {
	s := p.name(l.Delegator) + p.arrow + p.name(l.Delegate)
	if l.Minted {
		s += " (minted)"
	}
	s += ", until " + clock(l.NotAfter, p.r.At)
	if l.Purpose != "" {
		s += ", for " + p.title(l.Purpose)
	}
	return s + " (" + p.name(digestText(l.Digest)) + ")"
}

// evidence says on what the attribution rests and when the act was seen, "" where nobody knows.
func (p *page) evidence(a *verdict.Act) string {
	s := p.name(a.Evidence)
	if a.Seen.IsZero() {
		return s
	}
	if s != "" {
		s += "; "
	}
	s += "seen " + clock(a.Seen, p.r.At)
	if a.SeenBy != "" {
		s += " (" + p.name(a.SeenBy) + ")"
	}
	return s
}

// group shows findings of one rule: each summary, and once why, what to do, and where to read on.
func (p *page) group(g *group, manyActs bool) {
	rule := p.name(g.rule)
	head := p.mark(g.effect) + " " + p.bold(rule)
	width := 2 + utf8.RuneCountInString(rule)
	found := g.summaries(manyActs)
	if len(found) == 1 {
		p.wrapped(head+":", width+1, found[0], 2)
	} else {
		fmt.Fprintf(&p.out, "%s%s, %s:\n", p.gutter, head, count(len(found), "time"))
		shown := p.shown(len(found))
		for _, s := range found[:shown] {
			p.wrapped("  -", 3, s, 4)
		}
		p.line("  -", more(len(found)-shown))
	}
	why := g.why(manyActs)
	if g.location != nil {
		why += " (" + p.name(g.location.String()) + ")"
	}
	p.line("  why", why)
	p.line("  fix", g.fix(manyActs))
	p.ruled = p.ruled || isRuleID(rule)
	if p.o.Verbose && isRuleID(rule) {
		p.line("  see", p.o.Docs+rule+".md")
	}
}

// gates shows gates that still wait although somebody approved or tried to.
func (p *page) gates() {
	for i := range p.r.Gates {
		g := &p.r.Gates[i]
		if !p.o.Verbose && (approved(g) || len(g.Counted)+len(g.Ignored) == 0) {
			continue
		}
		mark := verdict.Pending
		if approved(g) {
			mark = allowedEffect
		}
		fmt.Fprintf(&p.out, "\n%s gate %s: %d of %s\n", p.mark(mark), p.title(g.Name), len(g.Counted), count(g.Needed, "approval"))
		for j, who := range g.Counted {
			if j == maxNames {
				p.fact("", more(len(g.Counted)-j))
				break
			}
			p.fact("counted", p.name(who))
		}
		for j, no := range g.Ignored {
			if j == maxNames {
				p.fact("", more(len(g.Ignored)-j))
				break
			}
			p.fact("ignored", p.name(no.Who)+": "+p.sentence(no.Why))
		}
		p.fact("approvers", p.approvers(g))
		if g.Location != nil {
			p.fact("see", p.name(g.Location.String()))
		}
	}
}

// approvers names who can still approve, each as one name: the words between them are ours.
func (p *page) approvers(g *verdict.Gate) string {
	who := each(g.Approvers, p.name)
	if left := len(who) - maxNames; left > 0 {
		who = append(who[:maxNames:maxNames], more(left))
	}
	return strings.Join(who, ", ")
}

// allowed says how many acts beside those shown are allowed.
func (p *page) allowed() {
	var acts []verdict.Act
	for _, a := range p.r.Acts {
		if a.Verdict == verdict.Allowed && !p.o.Verbose && !noted(a.Findings) {
			acts = append(acts, a)
		}
	}
	if n := len(acts); n > 0 && (p.r.Verdict != verdict.Allowed || n < len(p.r.Acts)) {
		fmt.Fprintf(&p.out, "\n%s %s allowed.\n", p.mark(allowedEffect), count(n, commonKind(acts)))
	}
}

// footer says by what the report was judged, and when, where that helps to understand it.
func (p *page) footer() {
	if p.r.Verdict == verdict.Allowed && !p.o.Verbose && p.r.AtSource != "--at" {
		return
	}
	var parts []string
	if p.r.PolicyFrom != "" || p.r.Policy != "" {
		policy := "policy " + p.name(p.r.PolicyFrom)
		if p.r.Policy != "" {
			policy += " (" + p.name(digestText(p.r.Policy)) + ")"
		}
		parts = append(parts, policy)
	}
	if !p.r.At.IsZero() {
		at := "judged at " + p.r.At.UTC().Format("2006-01-02 15:04:05 UTC")
		if p.r.AtSource != "" {
			at += " (" + p.name(p.r.AtSource) + ")"
		}
		parts = append(parts, at)
	}
	if p.r.Repository != "" {
		parts = append(parts, "for "+p.name(p.r.Repository))
	}
	if len(parts) > 0 {
		fmt.Fprintf(&p.out, "\nremit: %s.\n", strings.Join(parts, ", "))
	}
	if p.ruled && !p.o.Verbose {
		fmt.Fprintf(&p.out, "remit: each rule has a page: %s<rule>.md\n", p.o.Docs)
	}
}
