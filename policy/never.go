package policy

import (
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
)

// This file finds conditions that no facts can make true. It follows what each fact can still be through
// the expression, and says that it cannot be true only where that is certain: what it does not understand
// counts as possible.

const (
	maxProof   = 200_000 // steps of looking at one condition; beyond, anything counts as possible
	maxTexts   = 300     // texts that a fact is followed through
	unlimited  = int64(1) << 60
	lowerKey   = "lower:"  // before the name of a fact: it in lower case
	lengthKey  = "length:" // its length
	maxLinks   = 10        // delegations of a chain
	refFact    = "act.ref"
	neverTrue  = "Never true"
	alwaysTrue = "Limits nothing"
)

// text is one thing that a text can be: this, or where it is open anything that begins with it.
type text struct {
	begins string
	open   bool
}

// known is what a fact can be.
type known struct {
	least, most int64 // of a number
	yes, no     bool
	texts       []text
}

// state is what each fact can be; one that is not in it can be what it can be at the start.
type state map[string]known

func (s state) with(key string, k known) state {
	out := maps.Clone(s)
	if out == nil {
		out = state{}
	}
	out[key] = k
	return out
}

// prover looks at the condition of one rule.
type prover struct {
	*decoder
	rule   *rule
	facts  []fact
	start  state
	bound  map[string]string // variables of for expressions, where they stand for one text
	silent int               // above zero: nothing is reported
	told   int               // reports
	plain  bool              // something is false without asking for any fact
	about  string            // the fact that ruled something out last
	left   int
}

// never reports what of a rule's condition cannot be true.
func (d *decoder) never(of any, r *rule) {
	x := d.whens[r.when]
	if r.when == nil || x == nil {
		return
	}
	if r.actions == nil && !r.restricts {
		return // it covers nothing anyway
	}
	p := &prover{decoder: d, rule: r, facts: factTable(), start: state{}, bound: map[string]string{}, left: maxProof}
	if _, ok := p.assume(x, true, nil); !ok && p.told == 0 {
		d.warnf(d.place(of, "when", r), neverTrue, "This condition is false whatever happens, so that the %s %s never applies. Take the %s out, or ask for a fact in it.", r.kind, inert.Quote(r.name), r.kind)
	}
	if r.restricts || p.told > 0 {
		return
	}
	p.silent++
	if _, ok := p.assume(x, false, nil); !ok {
		d.warnf(d.place(of, "when", r), alwaysTrue, "This condition is true whatever happens, so that it takes nothing from the grant %s. Take it out, or ask for less than all there is.", inert.Quote(r.name))
	}
}

// part is an expression that is to be true, or false.
type part struct {
	x    expr
	want bool
}

// assume is what the facts can be where x is as wanted, and whether it can be at all.
func (p *prover) assume(x expr, want bool, s state) (state, bool) {
	if p.left--; p.left < 0 {
		return s, true
	}
	switch x := x.(type) {
	case *hclsyntax.ParenthesesExpr:
		return p.assume(x.Expression, want, s)
	case *hclsyntax.LiteralValueExpr:
		if isLiteral(x, cty.Bool) && x.Val.True() != want {
			p.plain = true
			return s, false
		}
	case *hclsyntax.UnaryOpExpr:
		if x.Op == hclsyntax.OpLogicalNot {
			return p.assume(x.Val, !want, s)
		}
	case *hclsyntax.ScopeTraversalExpr:
		return p.yesOrNo(x, want, s)
	case *hclsyntax.BinaryOpExpr:
		switch x.Op {
		case hclsyntax.OpLogicalAnd:
			return p.join(x, true, want, s, x.LHS, x.RHS)
		case hclsyntax.OpLogicalOr:
			return p.join(x, false, want, s, x.LHS, x.RHS)
		default:
			return p.compare(x, want, s)
		}
	case *hclsyntax.ConditionalExpr:
		p.silent++
		defer func() { p.silent-- }()
		then, ok := p.every(x, s, part{x.Condition, true}, part{x.TrueResult, want})
		otherwise, okToo := p.every(x, s, part{x.Condition, false}, part{x.FalseResult, want})
		return p.merged(then, ok, otherwise, okToo)
	case *hclsyntax.FunctionCallExpr:
		return p.call(x, want, s)
	}
	return s, true
}

// join is all of the parts, or any of them, true or false.
func (p *prover) join(x expr, all, want bool, s state, parts ...expr) (state, bool) {
	list := make([]part, len(parts))
	for i, q := range parts {
		list[i] = part{q, want}
	}
	if all == want {
		return p.every(x, s, list...)
	}
	return p.some(x, want, s, list...)
}

// every is where all parts are as wanted.
func (p *prover) every(x expr, s state, parts ...part) (state, bool) {
	for i, q := range parts {
		before := p.told
		next, ok := p.assume(q.x, q.want, s)
		if !ok {
			if i > 0 && p.told == before && !p.plain {
				p.report(x, "Contradiction", fmt.Sprintf("The parts of this are never true together: what one asks of %s another rules out. Take one of them out, or write || where either will do.", p.about))
			}
			return s, false
		}
		s = next
	}
	return s, true
}

// some is where any part is as wanted. Parts of a negation may well be impossible: of hours that are not
// from 8 to 23 there are none above.
func (p *prover) some(x expr, want bool, s state, parts ...part) (state, bool) {
	before, plain := p.told, p.plain
	if !want {
		p.silent++
	}
	var out state
	possible := false
	for _, q := range parts {
		p.plain = plain
		next, ok := p.assume(q.x, q.want, s)
		out, possible = p.merged(out, possible, next, ok)
	}
	if !want {
		p.silent--
	}
	switch {
	case possible:
		p.plain = plain
	case len(parts) == 0:
		p.plain = true
	case p.told == before && !p.plain:
		p.report(x, neverTrue, fmt.Sprintf("Nothing makes this %t: none of its parts goes together with what is asked of %s. Take it out.", want, p.about))
	}
	return out, possible
}

// merged is what the facts can be in either of two states.
func (p *prover) merged(a state, okA bool, b state, okB bool) (state, bool) {
	switch {
	case !okA:
		return b, okB
	case !okB:
		return a, true
	}
	out := state{}
	for key, k := range a {
		l, both := b[key]
		if !both {
			continue
		}
		k.least, k.most = min(k.least, l.least), max(k.most, l.most)
		k.yes, k.no = k.yes || l.yes, k.no || l.no
		all := append(slices.Clone(k.texts), l.texts...)
		p.left -= len(all)
		if len(all) > maxTexts {
			continue
		}
		k.texts = all
		out[key] = k
	}
	return out, true
}

func (p *prover) report(x expr, summary, detail string) {
	if p.silent > 0 {
		return
	}
	p.told++
	p.errorf(x.Range(), summary, "%s", detail)
}

// in is what a fact can be in a state.
func (p *prover) in(s state, key string) known {
	if k, ok := s[key]; ok {
		return k
	}
	if k, ok := p.start[key]; ok {
		return k
	}
	k := p.initial(key)
	p.start[key] = k
	return k
}

// initial is what a fact of the acts of the rule can be.
func (p *prover) initial(key string) known {
	if of, ok := strings.CutPrefix(key, lowerKey); ok {
		var out []text
		for _, t := range p.in(nil, of).texts {
			if t.begins = strings.ToLower(t.begins); !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
		return known{texts: out}
	}
	if of, ok := strings.CutPrefix(key, lengthKey); ok {
		k := known{least: unlimited}
		for _, t := range p.in(nil, of).texts {
			n := int64(utf8.RuneCountInString(t.begins))
			k.least, k.most = min(k.least, n), max(k.most, n)
			if t.open {
				k.most = unlimited
			}
		}
		return k
	}
	exact := func(list []string) known {
		k := known{}
		for _, s := range list {
			k.texts = append(k.texts, text{begins: s})
		}
		return k
	}
	switch key {
	case "time.hour":
		return known{most: 23}
	case "chain.depth":
		return known{most: maxLinks}
	case "pr.number":
		return known{least: 1, most: unlimited}
	case "time.weekday":
		return exact(weekdays())
	case "act.kind":
		k := known{}
		for _, a := range p.kinds() {
			k.texts = append(k.texts, text{begins: string(a)})
		}
		return k
	case "agent.name":
		return exact(append(p.labels(names.Agent), ""))
	case "chain.root":
		roots := slices.DeleteFunc(p.references(), func(s string) bool { return names.Principal(s).Kind() == names.Team })
		return exact(append(roots, ""))
	case "deploy.environment":
		if len(p.policy.Environments) > 0 {
			return exact(p.environmentsHere())
		}
	case refFact:
		k := known{}
		for _, t := range p.refsHere() {
			if p.fits(key, t) {
				k.texts = append(k.texts, t)
			}
		}
		return k
	}
	if i := slices.IndexFunc(p.facts, func(f fact) bool { return f.name == key }); i >= 0 && p.facts[i].kind.is(numberType) {
		return known{most: unlimited}
	}
	return known{yes: true, no: true, texts: []text{{open: true}}}
}

// kinds lists the kinds of act that the rule is about.
func (p *prover) kinds() []names.Action {
	if p.rule.actions == nil {
		return names.Actions()
	}
	return p.rule.actions
}

// environmentsHere lists what deploy.environment can be.
func (p *prover) environmentsHere() []string {
	var out []string
	for _, e := range p.policy.Environments {
		if p.rule.environments == nil || pattern.Any(p.rule.environments, e.Name) {
			out = append(out, e.Name)
		}
	}
	if slices.Contains(p.kinds(), names.Delete) && (p.rule.environments == nil || !p.rule.restricts) {
		out = append(out, "")
	}
	return out
}

// refsHere lists what act.ref can be for the kinds of act of the rule. It is empty for an act at no ref,
// or of which the ref is not known.
func (p *prover) refsHere() []text {
	out := []text{{}}
	for _, a := range p.kinds() {
		t := text{"refs/", true}
		switch a {
		case names.Secret, names.Rotate:
			continue
		case names.Commit, names.Push, names.Delete, names.Deploy: // at any ref
		case names.Tag:
			t.begins = "refs/tags/"
		case names.PullRequest:
			t.begins = "refs/heads/"
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// fits reports whether the rule's own selectors leave a ref possible.
func (p *prover) fits(key string, t text) bool {
	if key != refFact {
		return true
	}
	if !t.open && t.begins != "" && names.CheckRef(t.begins) != nil {
		return false
	}
	r, limits := p.rule, [][]pattern.Pattern{}
	ofRefs := !slices.ContainsFunc(p.kinds(), func(a names.Action) bool { return a == names.Deploy || a == names.Secret || a == names.Rotate })
	if r.branches != nil && (r.restricts || ofRefs && len(r.branches) > 0) {
		if t == (text{}) {
			return false
		}
		limits = append(limits, r.branches)
	}
	if slices.Equal(r.actions, []names.Action{names.Deploy}) && len(p.policy.Environments) > 0 && t != (text{}) {
		limits = append(limits, p.deployableFrom(r))
	}
	for _, patterns := range limits {
		p.left -= len(patterns)
		if !slices.ContainsFunc(patterns, t.meets) {
			return false
		}
	}
	return true
}

// meets reports whether a ref that t can be may match a pattern.
func (t text) meets(q pattern.Pattern) bool {
	if !t.open {
		return q.Match(t.begins)
	}
	if t.begins == "" || strings.ContainsAny(t.begins, `*?[]\`) {
		return true
	}
	here, err := pattern.ParseRef(t.begins + "*")
	below, errToo := pattern.ParseRef(t.begins + "*/**")
	return err != nil || errToo != nil || !q.Disjoint(here) || !q.Disjoint(below)
}

// factOf is the fact that an expression is, its zero value where it is none.
func (p *prover) factOf(x expr) fact {
	t, ok := unwrap(x).(*hclsyntax.ScopeTraversalExpr)
	if !ok || len(t.Traversal) != 2 {
		return fact{}
	}
	name := string(p.bytes[t.Range().Start.Byte:t.Range().End.Byte])
	name = strings.Join(strings.Fields(name), "")
	if i := slices.IndexFunc(p.facts, func(f fact) bool { return f.name == name }); i >= 0 {
		return p.facts[i]
	}
	return fact{}
}

// yesOrNo follows a fact that is true or false.
func (p *prover) yesOrNo(x *hclsyntax.ScopeTraversalExpr, want bool, s state) (state, bool) {
	f := p.factOf(x)
	if f.name == "" || !f.kind.is(boolType) {
		return s, true
	}
	if k := p.in(s, f.name); want && !k.yes || !want && !k.no {
		p.about = f.name
		return s, false
	}
	return s.with(f.name, known{yes: want, no: !want}), true
}

// compare follows a comparison.
func (p *prover) compare(x *hclsyntax.BinaryOpExpr, want bool, s state) (state, bool) {
	equal := x.Op == hclsyntax.OpEqual
	if !equal && x.Op != hclsyntax.OpNotEqual {
		return p.order(x, want, s)
	}
	for _, sides := range [][2]expr{{x.LHS, x.RHS}, {x.RHS, x.LHS}} {
		if l, ok := unwrap(sides[1]).(*hclsyntax.LiteralValueExpr); ok && isLiteral(l, cty.Bool) {
			return p.assume(sides[0], l.Val.True() == (equal == want), s)
		}
	}
	a, b := p.term(x.LHS), p.term(x.RHS)
	switch {
	case a.literal && b.literal:
		if (a.text == b.text) == (equal == want) {
			return s, true
		}
		p.plain = true
		return s, false
	case a.is && b.literal:
		return p.oneOf(x, a.key, s, equal == want, b.text)
	case b.is && a.literal:
		return p.oneOf(x, b.key, s, equal == want, a.text)
	case a.is || b.is:
		return s, true
	}
	return p.order(x, want, s)
}

// term is a text in an expression: one that is written out, a fact, or a fact in lower case.
type term struct {
	literal bool
	is      bool   // a text that is not written out
	key     string // of the state; "" and lowerKey for a text of which nothing is known
	text    string
}

func (p *prover) term(x expr) term {
	switch x := unwrap(x).(type) {
	case *hclsyntax.TemplateExpr:
		s, ok := literalText(x)
		return term{literal: ok, text: s}
	case *hclsyntax.ScopeTraversalExpr:
		if s, ok := p.bound[x.Traversal.RootName()]; ok && len(x.Traversal) == 1 {
			return term{literal: true, text: s}
		}
		if f := p.factOf(x); f.name != "" && f.kind.is(textType) {
			return term{is: true, key: f.name}
		}
		return term{}
	case *hclsyntax.FunctionCallExpr:
		if x.Name != "lower" || len(x.Args) != 1 {
			return term{}
		}
		t := p.term(x.Args[0])
		switch {
		case t.literal:
			t.text = strings.ToLower(t.text)
		case !strings.HasPrefix(t.key, lowerKey):
			t = term{is: true, key: lowerKey + t.key}
		}
		return t
	}
	return term{}
}

// narrow keeps of what a text can be that for which keep finds something left.
func (p *prover) narrow(x expr, key string, s state, instead string, keep func(text) []text) (state, bool) {
	after := func(s state) []text {
		var out []text
		for _, t := range p.in(s, key).texts {
			p.left--
			for _, u := range keep(t) {
				if p.fits(key, u) {
					out = append(out, u)
				}
			}
		}
		return out
	}
	if len(p.in(nil, key).texts) == 0 {
		return s, true // the rule's other selectors are told of as they are
	}
	left := after(s)
	if len(left) == 0 {
		p.about = factName(key)
		if len(after(nil)) == 0 {
			p.report(x, neverTrue, "Nothing makes this true: "+p.can(key)+". "+instead)
		}
		return s, false
	}
	if p.factKnown(key) && len(left) <= maxTexts {
		return s.with(key, known{texts: left}), true
	}
	return s, true
}

// factKnown reports whether a key is one of a fact, and always means the same text.
func (p *prover) factKnown(key string) bool { return strings.TrimPrefix(key, lowerKey) != "" }

// oneOf is where a text is one of some, or is none of them.
func (p *prover) oneOf(x expr, key string, s state, want bool, list ...string) (state, bool) {
	p.left -= len(list)
	low := strings.HasPrefix(key, lowerKey)
	return p.narrow(x, key, s, p.insteadOf(key, list...), func(t text) []text {
		var out []text
		switch {
		case !want && (t.open || !slices.Contains(list, t.begins)), want && !t.open && slices.Contains(list, t.begins):
			out = append(out, t)
		case want && t.open:
			for _, e := range list {
				if strings.HasPrefix(e, t.begins) && !(low && strings.ToLower(e) != e) {
					out = append(out, text{begins: e})
				}
			}
		}
		return out
	})
}

// begins is where a text begins with another, or does not.
func (p *prover) begins(x expr, key string, s state, want bool, with string) (state, bool) {
	low := strings.HasPrefix(key, lowerKey)
	return p.narrow(x, key, s, p.insteadOf(key, with), func(t text) []text {
		if does := strings.HasPrefix(t.begins, with); does || !t.open {
			if does == want {
				return []text{t}
			}
			return nil
		}
		switch {
		case !want:
			return []text{t}
		case strings.HasPrefix(with, t.begins) && !(low && strings.ToLower(with) != with):
			return []text{{with, true}}
		default:
			return nil
		}
	})
}

// ends is where a text ends with another, or does not.
func (p *prover) ends(x expr, key string, s state, want bool, with string) (state, bool) {
	impossible := strings.HasPrefix(key, lowerKey) && strings.ToLower(with) != with ||
		factName(key) == refFact && (strings.HasSuffix(with, "/") || strings.HasSuffix(with, ".") || strings.HasSuffix(with, ".lock"))
	return p.narrow(x, key, s, "Write how it can end.", func(t text) []text {
		if t.open && !(want && impossible) || !t.open && strings.HasSuffix(t.begins, with) == want {
			return []text{t}
		}
		return nil
	})
}

// expression is where a regular expression matches a text, or does not.
func (p *prover) expression(x expr, key string, s state, want bool, source string) (state, bool) {
	re, size, err := compileExpression(source)
	if err != nil {
		return s, true
	}
	p.left -= size
	instead := "Write what it can be."
	if rest, tied := strings.CutPrefix(source, "^"); tied && factName(key) == refFact && !strings.HasPrefix(rest, "refs/") {
		instead = "Write " + inert.Quote("^refs/heads/"+rest) + "."
	}
	return p.narrow(x, key, s, instead, func(t text) []text {
		p.left -= 1 + len(t.begins)*size/64
		if t.open && (!want || mayMatch(source, t.begins)) || !t.open && re.MatchString(t.begins) == want {
			return []text{t}
		}
		return nil
	})
}

// mayMatch reports whether a regular expression may match some text that begins with another.
func mayMatch(source, begins string) bool {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return true
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return true
	}
	runes := []rune(begins)
	here := []uint32{}
	var start uint32
	for range prog.Start { // the same number, as instructions name each other
		start++
	}
	for i := 0; i <= len(runes); i++ {
		before, end := rune(-1), i == len(runes)
		if i > 0 {
			before = runes[i-1]
		}
		after := rune(-1)
		if !end {
			after = runes[i]
		}
		flags := syntax.EmptyOpContext(before, after)
		if end { // what comes next is not known
			flags |= syntax.EmptyEndLine | syntax.EmptyEndText | syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
		}
		reached := map[uint32]bool{}
		for _, pc := range append(here, start) {
			if follow(prog, pc, flags, reached) {
				return true
			}
		}
		if end { // or it begins later
			later := map[uint32]bool{}
			if follow(prog, start, ^syntax.EmptyBeginText, later) {
				return true
			}
			maps.Copy(reached, later)
		}
		here = here[:0]
		for pc := range reached {
			switch in := &prog.Inst[pc]; in.Op {
			case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
				if end {
					return true
				}
				if in.MatchRune(after) {
					here = append(here, in.Out)
				}
			}
		}
	}
	return false
}

// follow collects the instructions that are reached without reading a character, and reports a match.
func follow(prog *syntax.Prog, pc uint32, flags syntax.EmptyOp, reached map[uint32]bool) bool {
	stack := []uint32{pc}
	for len(stack) > 0 {
		pc, stack = stack[len(stack)-1], stack[:len(stack)-1]
		if reached[pc] {
			continue
		}
		reached[pc] = true
		switch in := &prog.Inst[pc]; in.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, in.Out)
		case syntax.InstEmptyWidth:
			if in.Arg&^uint32(flags) == 0 {
				stack = append(stack, in.Out)
			}
		}
	}
	return false
}

// insteadOf says what to write where a text is none that a fact can be.
func (p *prover) insteadOf(key string, list ...string) string {
	if strings.HasPrefix(key, lowerKey) {
		if i := slices.IndexFunc(list, func(s string) bool { return strings.ToLower(s) != s }); i >= 0 {
			return "Write " + inert.Quote(strings.ToLower(list[i])) + "."
		}
	}
	if factName(key) == refFact {
		if i := slices.IndexFunc(list, func(s string) bool { return s != "" && !strings.HasPrefix(s, "refs/") }); i >= 0 {
			return "Write " + inert.Quote("refs/heads/"+strings.TrimPrefix(list[i], "/")) + "."
		}
	}
	return "Compare with what it can be."
}

// factName is the fact of a key.
func factName(key string) string {
	return strings.TrimPrefix(strings.TrimPrefix(key, lengthKey), lowerKey)
}

// can says what a fact can be in this rule.
func (p *prover) can(key string) string {
	k, name := p.in(nil, key), factName(key)
	switch {
	case strings.HasPrefix(key, lowerKey):
		name = "lower(" + name + ")"
	case strings.HasPrefix(key, lengthKey):
		name = "length(" + name + ")"
	}
	if k.texts == nil {
		if k.most >= unlimited {
			return fmt.Sprintf("%s is never below %d", name, k.least)
		}
		return fmt.Sprintf("%s is from %d to %d", name, k.least, k.most)
	}
	var texts []string
	open := false
	for _, t := range k.texts {
		open = open || t.open
		if t.begins != "" || !t.open {
			texts = append(texts, inert.Quote(t.begins))
		}
	}
	const most = 10
	switch {
	case factName(key) == "":
		return "what is in lower case has no capital letters"
	case factName(key) == refFact && !open && len(texts) == 1:
		return name + " is empty here: what the rule is about is done at no ref"
	case factName(key) == refFact:
		var begin []string
		for _, t := range k.texts {
			if t.open {
				begin = append(begin, t.begins+"…")
			}
		}
		said := name + " is the full name of a ref, " + names.List(begin, "or")
		if limits := p.rule.branches; limits != nil {
			said += ", here of " + written(limits)
		} else if slices.Equal(p.rule.actions, []names.Action{names.Deploy}) && len(p.policy.Environments) > 0 {
			said += ", here one of deploy_from: " + written(p.deployableFrom(p.rule))
		}
		return said
	case open:
		return name + " has no capital letters"
	case len(texts) > most:
		return fmt.Sprintf("%s is %s or one of %d more", name, strings.Join(texts[:most], ", "), len(texts)-most)
	default:
		return name + " is " + names.List(texts, "or") + " here"
	}
}

// span is between which numbers something is, and by which fact.
type between struct {
	least, most int64
	key         string // where it is a fact itself
	asks        bool   // it depends on a fact
}

// between works out what a number can be.
func (p *prover) between(x expr, s state) between {
	if n, ok := literalNumber(x); ok {
		return between{least: n, most: n}
	}
	unknown := between{least: -unlimited, most: unlimited, asks: true}
	switch x := unwrap(x).(type) {
	case *hclsyntax.UnaryOpExpr:
		b := p.between(x.Val, s)
		return between{least: -b.most, most: -b.least, asks: b.asks}
	case *hclsyntax.ScopeTraversalExpr:
		if f := p.factOf(x); f.name != "" && f.kind.is(numberType) {
			k := p.in(s, f.name)
			return between{k.least, k.most, f.name, true}
		}
	case *hclsyntax.FunctionCallExpr:
		if x.Name != "length" || len(x.Args) != 1 {
			return unknown
		}
		t := p.term(x.Args[0])
		switch {
		case t.literal:
			n := int64(utf8.RuneCountInString(t.text))
			return between{least: n, most: n}
		case t.is && p.factKnown(t.key):
			k := p.in(s, lengthKey+t.key)
			return between{k.least, k.most, lengthKey + t.key, true}
		}
		return between{most: unlimited, asks: true}
	case *hclsyntax.BinaryOpExpr:
		a, b := p.between(x.LHS, s), p.between(x.RHS, s)
		out := between{asks: a.asks || b.asks}
		switch x.Op {
		case hclsyntax.OpAdd:
			out.least, out.most = a.least+b.least, a.most+b.most
		case hclsyntax.OpSubtract:
			out.least, out.most = a.least-b.most, a.most-b.least
		case hclsyntax.OpMultiply:
			const far = int64(1) << 29 // products of these are exact
			if a.least < -far || a.most > far || b.least < -far || b.most > far {
				if a.least >= 0 && b.least >= 0 {
					return between{most: unlimited, asks: out.asks}
				}
				return unknown
			}
			all := []int64{a.least * b.least, a.least * b.most, a.most * b.least, a.most * b.most}
			out.least, out.most = slices.Min(all), slices.Max(all)
		default:
			return unknown
		}
		out.least, out.most = max(out.least, -unlimited), min(out.most, unlimited)
		return out
	}
	return unknown
}

// relation is how two numbers are compared; its zero value is none.
type relation uint8

const (
	noRelation relation = iota
	less
	lessOrEqual
	equalTo
	differs
)

// order follows a comparison of numbers.
func (p *prover) order(x *hclsyntax.BinaryOpExpr, want bool, s state) (state, bool) {
	l, r := x.LHS, x.RHS
	var rel relation
	switch x.Op {
	case hclsyntax.OpLessThan:
		rel = less
	case hclsyntax.OpLessThanOrEqual:
		rel = lessOrEqual
	case hclsyntax.OpGreaterThan:
		rel, l, r = less, r, l
	case hclsyntax.OpGreaterThanOrEqual:
		rel, l, r = lessOrEqual, r, l
	case hclsyntax.OpEqual:
		rel = equalTo
	case hclsyntax.OpNotEqual:
		rel = differs
	default:
		return s, true
	}
	if !want {
		switch rel {
		case less:
			rel, l, r = lessOrEqual, r, l
		case lessOrEqual:
			rel, l, r = less, r, l
		case equalTo:
			rel = differs
		default:
			rel = equalTo
		}
	}
	a, b := p.between(l, s), p.between(r, s)
	na, nb, ok := rel.narrow(a, b)
	if !ok {
		switch {
		case !a.asks && !b.asks:
			p.plain = true
		default:
			p.about = factName(a.key + b.key)
			if a.key != "" && b.key != "" || a.key == "" && b.key == "" {
				p.about = "the same facts"
			}
			a, b = p.between(l, nil), p.between(r, nil)
			if _, _, ok := rel.narrow(a, b); !ok {
				p.impossible(x, a, b)
			}
		}
		return s, false
	}
	if na.key != "" && na != a {
		s = s.with(na.key, known{least: na.least, most: na.most})
	}
	if nb.key != "" && nb != b && nb.key != na.key {
		s = s.with(nb.key, known{least: nb.least, most: nb.most})
	}
	return s, true
}

// impossible reports a comparison of numbers that nothing makes as it has to be.
func (p *prover) impossible(x expr, a, b between) {
	why := "the one side is never such that it holds"
	switch {
	case a.key != "":
		why = p.can(a.key)
	case b.key != "":
		why = p.can(b.key)
	}
	p.report(x, neverTrue, "Nothing makes this true: "+why+". Compare with a number that makes a difference.")
}

// narrow is what is left of two numbers between which there is a relation.
func (r relation) narrow(a, b between) (na, nb between, ok bool) {
	switch r {
	case noRelation:
	case less:
		a.most, b.least = min(a.most, b.most-1), max(b.least, a.least+1)
	case lessOrEqual:
		a.most, b.least = min(a.most, b.most), max(b.least, a.least)
	case equalTo:
		least, most := max(a.least, b.least), min(a.most, b.most)
		a.least, b.least, a.most, b.most = least, least, most, most
	case differs:
		if a.least == a.most && b.least == b.most && a.least == b.least {
			return a, b, false
		}
		a, b = a.without(b), b.without(a)
	}
	return a, b, a.least <= a.most && b.least <= b.most
}

// without takes a single number off the ends.
func (b between) without(c between) between {
	if c.least == c.most && b.least < b.most {
		if b.least == c.least {
			b.least++
		} else if b.most == c.least {
			b.most--
		}
	}
	return b
}

// call follows a function that says true or false.
func (p *prover) call(x *hclsyntax.FunctionCallExpr, want bool, s state) (state, bool) {
	switch x.Name {
	case "anytrue", "alltrue":
		return p.quantified(x, want, s)
	case "contains":
		return p.contains(x, want, s)
	}
	if len(x.Args) != 2 {
		return s, true
	}
	a, b := p.term(x.Args[0]), p.term(x.Args[1])
	if !b.literal || !a.literal && !a.is {
		return s, true
	}
	if a.literal {
		does, known := false, true
		switch x.Name {
		case "startswith":
			does = strings.HasPrefix(a.text, b.text)
		case "endswith":
			does = strings.HasSuffix(a.text, b.text)
		case "matches":
			re, err := regexp.Compile(b.text)
			known = err == nil
			does = known && re.MatchString(a.text)
		default:
			known = false
		}
		if known && does != want {
			p.plain = true
			return s, false
		}
		return s, true
	}
	switch x.Name {
	case "startswith":
		return p.begins(x, a.key, s, want, b.text)
	case "endswith":
		return p.ends(x, a.key, s, want, b.text)
	case "matches":
		return p.expression(x, a.key, s, want, b.text)
	}
	return s, true
}

// quantified follows anytrue and alltrue of a list that is written out, or made from one.
func (p *prover) quantified(x *hclsyntax.FunctionCallExpr, want bool, s state) (state, bool) {
	all := x.Name == "alltrue"
	if len(x.Args) != 1 {
		return s, true
	}
	switch list := unwrap(x.Args[0]).(type) {
	case *hclsyntax.TupleConsExpr:
		return p.join(x, all, want, s, list.Exprs...)
	case *hclsyntax.ForExpr:
		from, ok := unwrap(list.CollExpr).(*hclsyntax.TupleConsExpr)
		if !ok || list.CondExpr != nil {
			return p.each(list, all, want, s)
		}
		outer, hidden := p.bound[list.ValVar]
		defer func() {
			delete(p.bound, list.ValVar)
			if hidden {
				p.bound[list.ValVar] = outer
			}
		}()
		var out state
		possible := all == want
		if possible {
			out = s
		}
		for _, e := range from.Exprs {
			t := p.term(e)
			if !t.literal {
				return s, true
			}
			p.bound[list.ValVar] = t.text
			if all == want {
				if out, possible = p.assume(list.ValExpr, want, out); !possible {
					return s, false
				}
				continue
			}
			next, ok := p.assume(list.ValExpr, want, s)
			out, possible = p.merged(out, possible, next, ok)
		}
		return out, possible
	}
	return s, true
}

// each follows a test of elements of which nothing is known: what is true of none is true of no list.
func (p *prover) each(list *hclsyntax.ForExpr, all, want bool, s state) (state, bool) {
	if all || !want {
		return s, true
	}
	outer, hidden := p.bound[list.ValVar]
	delete(p.bound, list.ValVar)
	_, ok := p.assume(list.ValExpr, true, s)
	if hidden {
		p.bound[list.ValVar] = outer
	}
	return s, ok
}

// contains follows whether a list has an element.
func (p *prover) contains(x *hclsyntax.FunctionCallExpr, want bool, s state) (state, bool) {
	if len(x.Args) != 2 {
		return s, true
	}
	el := p.term(x.Args[1])
	switch list := unwrap(x.Args[0]).(type) {
	case *hclsyntax.TupleConsExpr:
		if len(list.Exprs) == 0 {
			p.plain = p.plain || want
			return s, !want
		}
		if !el.is {
			return p.numbered(x, list, want, s)
		}
		var texts []string
		for _, e := range list.Exprs {
			t := p.term(e)
			if !t.literal {
				return s, true
			}
			texts = append(texts, t.text)
		}
		return p.oneOf(x, el.key, s, want, texts...)
	case *hclsyntax.ForExpr: // of texts in lower case, for one
		if t := p.term(list.ValExpr); want && el.literal && strings.HasPrefix(t.key, lowerKey) {
			_, ok := p.oneOf(x, t.key, s, true, el.text)
			return s, ok
		}
	case *hclsyntax.ScopeTraversalExpr:
		if f := p.factOf(list); want && el.literal && el.text == "" && f.kind.list {
			p.about = f.name
			p.report(x, neverTrue, "Nothing makes this true: no element of "+f.name+" is empty. Write the element that is meant, or length("+f.name+") == 0.")
			return s, false
		}
	}
	return s, true
}

// numbered follows whether a number is in a list that is written out.
func (p *prover) numbered(x *hclsyntax.FunctionCallExpr, list *hclsyntax.TupleConsExpr, want bool, s state) (state, bool) {
	b := p.between(x.Args[1], s)
	if b.key == "" || !want {
		return s, true
	}
	narrowed := func(b between) between {
		out := between{least: unlimited, most: -unlimited, key: b.key, asks: true}
		for _, e := range list.Exprs {
			v := p.between(e, s)
			if v.most >= b.least && v.least <= b.most {
				out.least, out.most = min(out.least, max(v.least, b.least)), max(out.most, min(v.most, b.most))
			}
		}
		return out
	}
	n := narrowed(b)
	if n.least <= n.most {
		return s.with(n.key, known{least: n.least, most: n.most}), true
	}
	p.about = factName(b.key)
	if start := p.between(x.Args[1], nil); narrowed(start).least > narrowed(start).most {
		p.impossible(x, start, between{})
	}
	return s, false
}
