package policy

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/signing"
)

// The limits of single values.
const (
	MaxDuration = 366 * 24 * time.Hour
	maxTitle    = 200 // bytes of a rule's name, or of a reason
	maxList     = 2000
)

// expr is an attribute's value as the parser read it.
type expr = hclsyntax.Expression

// decoder turns values into what the policy's fields hold. A value that is wrong is reported
// and left out: once there is an error, no policy is returned.
type decoder struct {
	*source
	policy   *Policy
	declared map[names.Principal]hcl.Range   // every principal and team, by the place of its label
	places   map[names.Principal][]hcl.Range // of a principal's keys

	pathTexts []string                     // every pattern of paths; their places are under pathsKey
	written   map[any]hclsyntax.Attributes // by what a block was read into
	whens     map[*Condition]expr          // the conditions as they were written
}

func unwrap(x expr) expr {
	for {
		p, ok := x.(*hclsyntax.ParenthesesExpr)
		if !ok {
			return x
		}
		x = p.Expression
	}
}

// literalText returns the text of a string.
func literalText(x expr) (string, bool) {
	t, ok := unwrap(x).(*hclsyntax.TemplateExpr)
	if !ok || !t.IsStringLiteral() {
		return "", false
	}
	part, ok := t.Parts[0].(*hclsyntax.LiteralValueExpr)
	if !ok || !isLiteral(part, cty.String) {
		return "", false
	}
	return part.Val.AsString(), true
}

// text reads a string. check says why it will not do.
func (d *decoder) text(x expr, check func(string) error) string {
	s, ok := literalText(x)
	if !ok {
		d.errorf(x.Range(), "Text required", "A string in quotes is required here.")
		return ""
	}
	if err := check(s); err != nil {
		d.errorf(x.Range(), "Invalid value", "%s", sentence(err))
		return ""
	}
	return s
}

// choice reads one of a few words.
func (d *decoder) choice(x expr, options ...string) string {
	return d.text(x, func(s string) error {
		if slices.Contains(options, s) {
			return nil
		}
		return fmt.Errorf("%s is not one of %s.%s", inert.Quote(s), either(options), didYouMean(s, options))
	})
}

func (d *decoder) boolean(x expr) bool {
	if l, ok := unwrap(x).(*hclsyntax.LiteralValueExpr); ok && isLiteral(l, cty.Bool) {
		return l.Val.True()
	}
	d.errorf(x.Range(), "True or false required", "Write true or false here, without quotes.")
	return false
}

// number reads a whole number from least to most.
func (d *decoder) number(x expr, least, most int64) int64 {
	if n, ok := literalNumber(x); ok && n >= least && n <= most {
		return n
	}
	d.errorf(x.Range(), "Number required", "A whole number from %d to %d is required here.", least, most)
	return 0
}

func isLiteral(l *hclsyntax.LiteralValueExpr, t cty.Type) bool {
	return l.Val.Type() == t && l.Val.IsKnown() && !l.Val.IsNull()
}

func literalNumber(x expr) (int64, bool) {
	l, ok := unwrap(x).(*hclsyntax.LiteralValueExpr)
	if !ok || !isLiteral(l, cty.Number) {
		return 0, false
	}
	n, acc := l.Val.AsBigFloat().Int64()
	return n, acc == big.Exact
}

// duration reads a time span in Go's form, of whole seconds.
func (d *decoder) duration(x expr, least time.Duration) time.Duration {
	var length time.Duration
	d.text(x, func(s string) error {
		var err error
		length, err = time.ParseDuration(s)
		switch {
		case err != nil:
			return fmt.Errorf("%s is not a time span: write hours, minutes and seconds, such as 10m, 1h30m or 168h for a week", inert.Quote(s))
		case length < least || length > MaxDuration:
			return fmt.Errorf("the time span %s must be from %s to %s", inert.Quote(s), span(least), span(MaxDuration))
		case length%time.Second != 0:
			return fmt.Errorf("the time span %s must be of whole seconds", inert.Quote(s))
		}
		return nil
	})
	return length
}

// moment reads a point in time (RFC 3339).
func (d *decoder) moment(x expr) time.Time {
	var at time.Time
	d.text(x, func(s string) error {
		var err error
		at, err = time.Parse(time.RFC3339, s)
		if err != nil || at.Year() < 2000 || at.Year() > 2199 {
			return fmt.Errorf("%s is not a point in time: write it as 2026-11-20T08:00:00Z", inert.Quote(s))
		}
		return nil
	})
	return at.UTC()
}

// zone reads "UTC" or a fixed offset such as "+01:00". Named zones are not offered: what they
// mean is read from the machine's files, and a policy means the same everywhere.
func (d *decoder) zone(x expr) *time.Location {
	zone := time.UTC
	d.text(x, func(s string) error {
		if s == "UTC" {
			return nil
		}
		at, err := time.Parse("-07:00", s)
		if err != nil {
			return fmt.Errorf("%s is not a time zone: write UTC or a fixed offset such as +01:00", inert.Quote(s))
		}
		_, seconds := at.Zone()
		zone = time.FixedZone(s, seconds)
		return nil
	})
	return zone
}

// list returns the elements of a list.
func (d *decoder) list(x expr, example string) []expr {
	t, ok := unwrap(x).(*hclsyntax.TupleConsExpr)
	switch {
	case !ok:
		d.errorf(x.Range(), "List required", "A list is required here, such as %s.", example)
		return nil
	case len(t.Exprs) > maxList:
		d.errorf(x.Range(), "List too long", "A list has at most %d elements.", maxList)
		return nil
	}
	return t.Exprs
}

func (d *decoder) texts(x expr, check func(string) error) []string {
	out := []string{}
	for _, e := range d.list(x, `["…"]`) {
		before := len(d.found)
		s := d.text(e, check)
		if len(d.found) > before {
			continue
		}
		if slices.Contains(out, s) {
			d.errorf(e.Range(), "Listed twice", "%s stands in this list already.", inert.Quote(s))
			continue
		}
		out = append(out, s)
	}
	return out
}

func (d *decoder) patterns(x expr, parse func(string) (pattern.Pattern, error)) []pattern.Pattern {
	list, _ := d.patternsAt(x, parse)
	return list
}

// patternsAt also returns where each pattern stands.
func (d *decoder) patternsAt(x expr, parse func(string) (pattern.Pattern, error)) ([]pattern.Pattern, []hcl.Range) {
	out, at := []pattern.Pattern{}, []hcl.Range{}
	for _, e := range d.list(x, `["src/**"]`) {
		var p pattern.Pattern
		d.text(e, func(s string) (err error) { p, err = parse(s); return err })
		if !p.IsZero() {
			out, at = append(out, p), append(at, e.Range())
		}
	}
	return out, at
}

// environments reads patterns of environments. A name without wildcards must be declared
// where the policy declares environments at all: a gate on a misspelt one would never close. In a rule that
// restricts, so must one with wildcards match one.
func (d *decoder) environments(x expr, restricts bool) []pattern.Pattern {
	list, at := d.patternsAt(x, pattern.ParseName)
	for i, p := range list {
		if slices.ContainsFunc(d.policy.Environments, func(e *Environment) bool { return p.Match(e.Name) }) {
			continue
		}
		_, literal := p.Literal()
		if !literal && restricts && len(d.policy.Environments) > 0 {
			d.errorf(at[i], "Matches no environment", "No environment block is matched by %s, so that the rule would never apply. There are %s.",
				inert.Quote(p.String()), names.List(d.policy.environmentNames(), "and"))
			continue
		}
		if literal && len(d.policy.Environments) > 0 {
			d.errorf(at[i], "Unknown environment", "There is no environment %s.%s Each environment has a block: environment %s {}.",
				inert.Quote(p.String()), d.hint(p.String(), d.policy.environmentNames), inert.Quote(p.String()))
			continue
		}
		d.warnf(at[i], "Unknown environment", "No environment block is matched by %s. Declare each environment: environment \"production\" {}.", inert.Quote(p.String()))
	}
	return list
}

func (d *decoder) actions(x expr) []names.Action {
	out := []names.Action{}
	for _, e := range d.list(x, `["commit"]`) {
		var a names.Action
		d.text(e, func(s string) (err error) {
			if a, err = names.ParseAction(s); err != nil {
				return fmt.Errorf("%w.%s", err, didYouMean(s, actionNames()))
			}
			return nil
		})
		if a != "" && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// key reads one authorized_keys line.
func (d *decoder) key(x expr, agent bool) (signing.PublicKey, bool) {
	var key signing.PublicKey
	d.text(x, func(s string) (err error) {
		k, err := signing.ParseAuthorizedKey(s)
		if err == nil && agent {
			err = k.AgentKey()
		}
		if err == nil {
			key = k
		}
		return err
	})
	return key, !key.IsZero()
}

// principals reads references such as human.alice. Only the given kinds will do here.
func (d *decoder) principals(x expr, kinds ...names.Kind) []names.Principal {
	out := []names.Principal{}
	example := "[" + string(kinds[0]) + ".NAME]"
	for _, e := range d.list(x, example) {
		p, ok := d.principal(e)
		if !ok {
			continue
		}
		switch {
		case !slices.Contains(kinds, p.Kind()):
			d.errorf(e.Range(), "Wrong kind of principal", "%s cannot stand here: only %s can.", p, either(kinds))
		case slices.Contains(out, p):
			d.errorf(e.Range(), "Listed twice", "%s stands in this list already.", p)
		default:
			out = append(out, p)
		}
	}
	return out
}

// principal reads one reference to a block that the policy has.
func (d *decoder) principal(x expr) (names.Principal, bool) {
	if s, ok := literalText(x); ok {
		hint := ""
		if _, err := names.ParsePrincipal(s); err == nil {
			hint = fmt.Sprintf(": write %s, without quotes", s)
		}
		d.errorf(x.Range(), "Reference required", "Principals are references, not text%s.", hint)
		return "", false
	}
	t, ok := unwrap(x).(*hclsyntax.ScopeTraversalExpr)
	if !ok {
		d.errorf(x.Range(), "Reference required", "A reference to a principal is required here, such as human.alice.")
		return "", false
	}
	kind := t.Traversal.RootName()
	label := ""
	if len(t.Traversal) == 2 {
		if a, ok := t.Traversal[1].(hcl.TraverseAttr); ok {
			label = a.Name
		}
	}
	p := names.NewPrincipal(names.Kind(kind), label)
	if d.has(p) {
		return p, true
	}
	switch {
	case len(t.Traversal) == 1:
		hint := ""
		for _, k := range kindNames() {
			if p := names.NewPrincipal(names.Kind(k), kind); hint == "" && d.has(p) {
				hint = " Did you mean " + string(p) + "?"
			}
		}
		d.errorf(x.Range(), "Reference required", "%s does not say what it refers to: a reference has a kind and a name, such as human.alice.%s",
			inert.Quote(kind), hint)
	case label == "":
		d.errorf(x.Range(), "Reference required", "A reference has a kind and a name and nothing else, such as human.alice.")
	case !slices.Contains(kindNames(), kind):
		d.errorf(x.Range(), "Unknown reference", "There is no kind of principal %s: a reference begins with %s.%s", inert.Quote(kind), either(kindNames()), didYouMean(kind, kindNames()))
	default:
		d.errorf(x.Range(), "Unknown reference", "The policy has no %s %s.%s", kind, inert.Quote(label), d.hint(string(p), d.references))
	}
	return "", false
}

// has reports whether the policy has a block of that name.
func (d *decoder) has(p names.Principal) bool {
	_, ok := d.declared[p]
	return ok
}

// references lists every principal and team that can be referred to.
func (d *decoder) references() []string {
	out := make([]string, 0, len(d.declared))
	for p := range d.declared {
		out = append(out, string(p))
	}
	slices.Sort(out)
	return out
}

// labels lists the names of the principals of a kind.
func (d *decoder) labels(k names.Kind) []string {
	var out []string
	for p := range d.declared {
		if p.Kind() == k {
			out = append(out, p.Label())
		}
	}
	slices.Sort(out)
	return out
}

// hint is a suggestion. It is looked for only as long as somebody will read it.
func (d *decoder) hint(given string, options func() []string) string {
	if d.errs > maxDiagnostics {
		return ""
	}
	return didYouMean(given, options())
}

func kindNames() []string { return []string{"human", "agent", "workflow", "app", "team"} }

func actionNames() []string {
	var out []string
	for _, a := range names.Actions() {
		out = append(out, string(a))
	}
	return out
}

// either is "a", "a or b", "a, b or c".
func either[T ~string](options []T) string { return names.List(options, "or") }

// sentence makes an error a sentence.
func sentence(err error) string {
	s := err.Error()
	s = strings.ToUpper(s[:1]) + s[1:]
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// The checks of texts.

func checkTitle(s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return fmt.Errorf("the text is empty")
	case s != strings.TrimSpace(s):
		return fmt.Errorf("%s begins or ends with a space", inert.Quote(s))
	case len(s) > maxTitle:
		return fmt.Errorf("the text is longer than %d bytes", maxTitle)
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return fmt.Errorf("the text has the control character U+%04X", r)
		}
	}
	return nil
}

// among builds a check for texts of 1 to most characters from a set: letters, digits and extra.
func among(what, extra string, most int) func(string) error {
	return func(s string) error {
		if s == "" || len(s) > most {
			return fmt.Errorf("%s must have 1 to %d characters", what, most)
		}
		for i := range len(s) {
			c := s[i]
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(extra, c) >= 0 {
				continue
			}
			return fmt.Errorf("%s may not stand in %s: %s", inert.Quote(s[i:i+1]), what, inert.Quote(s))
		}
		return nil
	}
}

func checkEmail(s string) error {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") || len(s) > 254 ||
		strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) || strings.ContainsRune(" ,<>\"*?!", r) }) {
		return fmt.Errorf("%s is not an e-mail address: write name@example.com", inert.Quote(s))
	}
	return nil
}

func checkIssuer(s string) error {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok || among("the issuer", "-._/:", 255)(rest) != nil {
		return fmt.Errorf("%s is not an issuer: write its address, such as %s", inert.Quote(s), defaultIssuer)
	}
	return nil
}

// checkPath wants a plain path, without wildcards.
func checkPath(s string) error {
	p, err := pattern.ParsePath(s)
	if err != nil {
		return err
	}
	if _, literal := p.Literal(); !literal {
		return fmt.Errorf("%s must name one file, without wildcards", inert.Quote(s))
	}
	return nil
}

// CheckEnvironmentName says why a name cannot be that of an environment block, nil where it can.
func CheckEnvironmentName(s string) error { return checkEnvironmentName(s) }

// checkEnvironmentName allows what forges allow, as far as it is plain: names are compared
// without the case of ASCII letters, and look-alikes of them must not exist.
func checkEnvironmentName(s string) error {
	if err := among("the name of an environment", "-_. /", 100)(s); err != nil {
		return err
	}
	if strings.TrimSpace(s) != s {
		return fmt.Errorf("%s begins or ends with a space", inert.Quote(s))
	}
	_, err := pattern.ParseName(s)
	return err
}

// checkAction wants an action as a workflow names one of a repository.
func checkAction(s string) error {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || slices.ContainsFunc(parts, func(p string) bool { return p == "" || p == "." || p == ".." }) {
		return fmt.Errorf("%s is not an action of a repository: write owner/repository, without @version, or owner/repository/folder", inert.Quote(s))
	}
	return among("an action's name", "-_./", 255)(s)
}

func checkFingerprint(s string) error {
	b, ok := strings.CutPrefix(s, "SHA256:")
	if !ok || len(b) != 43 || among("a fingerprint", "+/", 43)(b) != nil {
		return fmt.Errorf("%s is not a key's fingerprint: write it as ssh-keygen -l shows it, SHA256: and 43 characters", inert.Quote(s))
	}
	return nil
}
