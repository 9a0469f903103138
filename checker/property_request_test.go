package checker_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/verdict"
)

// soak is how long properties are looked at: a fixed number of cases, or REMIT_SOAK (such as 2h) with
// cases that differ each time.
func soak(t *testing.T, cases int, try func(seed uint64)) {
	t.Helper()
	first, end := uint64(0), time.Time{}
	if v := os.Getenv("REMIT_SOAK"); v != "" {
		length, err := time.ParseDuration(v)
		if err != nil {
			t.Fatalf("REMIT_SOAK: %v", err)
		}
		first, end = rand.Uint64(), time.Now().Add(length)
	}
	t.Logf("seeds from %d on", first)
	for n := 0; n < cases || time.Now().Before(end); n++ {
		if try(first + uint64(n)); t.Failed() {
			return // the first that fails says it
		}
	}
}

// askedRule is a forbid, gate or grant, as the oracle knows it. Nil is left out.
type askedRule struct {
	kind                         string
	actions                      []string
	branches, paths, environment []string
}

func (r *askedRule) block(i int) string {
	var b strings.Builder
	line := func(name string, values []string) {
		if values != nil {
			fmt.Fprintf(&b, "  %s = [%s]\n", name, `"`+strings.Join(values, `", "`)+`"`)
		}
	}
	line("actions", r.actions)
	line("branches", r.branches)
	line("paths", r.paths)
	line("environments", r.environment)
	switch r.kind {
	case "grant":
		b.WriteString("  to = [agent.tester]\n  alone = true\n")
	case "gate":
		b.WriteString("  approvers = [human.bob]\n")
	}
	return fmt.Sprintf("%s \"r%d\" {\n%s}\n", r.kind, i, b.String())
}

// askedCase is a random request with the facts that it is held against.
type askedCase struct {
	*rand.Rand
	action, environment, claimedRef string
	targets, gateTargets            []string
	reachable, changes              []string
	unknown                         bool // some refs could not be read
	approved                        bool
	rules                           []askedRule
}

// what the cases are made of. The oracle knows what each pattern matches; it asks no matcher of ours.
var (
	askedRefs  = []string{"refs/heads/main", "refs/heads/release/1", "refs/heads/release/2", "refs/heads/agent/x", "refs/tags/v1"}
	askedPaths = []string{"src/pay.go", "src/cart.go", "docs/pay.md", "deploy/production/x"}
)

// deployFrom is what the environments of the cases are deployed from.
func deployFrom(environment string) []string {
	if environment == "line" {
		return []string{"main", "release/*", "refs/tags/v*"}
	}
	return nil
}

// oracleMatch matches a name by git's own idea of a path match, in which * stays inside of a segment.
func oracleMatch(pattern, name string) bool {
	if pattern == "**" {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, "/**"); ok {
		return strings.HasPrefix(name, prefix+"/")
	}
	ok, _ := path.Match(pattern, name)
	return ok
}

func oracleRef(pattern, ref string) bool {
	if pattern == "**" {
		return strings.HasPrefix(ref, "refs/heads/")
	}
	if !strings.HasPrefix(pattern, "refs/") {
		pattern = "refs/heads/" + pattern
	}
	return oracleMatch(pattern, ref)
}

func anyOf(patterns, names []string, match func(string, string) bool) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return match(p, n) })
	})
}

// from lists the refs that the act is at, by the facts.
func (c *askedCase) from() []string {
	var refs []string
	for _, ref := range c.reachable {
		from := deployFrom(c.environment)
		if c.action == "deploy" && (from == nil && ref == "refs/heads/main" || anyOf(from, []string{ref}, oracleRef)) {
			refs = append(refs, ref)
		}
	}
	for _, t := range c.targets {
		if c.action == "delete" && strings.HasPrefix(t, "refs/") {
			refs = append(refs, t)
		}
	}
	return refs
}

// names reports whether a forbid or gate names what is asked for, by the facts.
func (c *askedCase) names(r askedRule) bool {
	return (r.actions == nil || slices.Contains(r.actions, c.action)) &&
		(r.branches == nil || anyOf(r.branches, c.from(), oracleRef)) &&
		(r.paths == nil || c.action == "deploy" && anyOf(r.paths, c.changes, oracleMatch)) &&
		(r.environment == nil || c.environment != "" && anyOf(r.environment, []string{c.environment}, oracleMatch))
}

// covered reports whether grants cover all of it: at each ref one does.
func (c *askedCase) covered() bool {
	refs := c.from()
	if len(refs) == 0 {
		refs = []string{""}
	}
	for _, ref := range refs {
		if !slices.ContainsFunc(c.rules, func(r askedRule) bool {
			branch := ref == "" || r.branches == nil && c.action == "deploy" || anyOf(r.branches, []string{ref}, oracleRef)
			return r.kind == "grant" && slices.Contains(r.actions, c.action) && branch &&
				(c.environment == "" || anyOf(r.environment, []string{c.environment}, oracleMatch))
		}) {
			return false
		}
	}
	return true
}

// wrong says why by the facts what is asked for may not be let through, "" where nothing speaks against it.
func (c *askedCase) wrong() string {
	for i, r := range c.rules {
		switch {
		case r.kind == "forbid" && c.names(r):
			return fmt.Sprintf("forbid r%d names it", i)
		case r.kind == "gate" && c.names(r) && !c.approved:
			return fmt.Sprintf("gate r%d names it, and nobody approved", i)
		}
	}
	secrets := map[string]string{"staging": "STAGING_", "line": "LINE_"}
	for _, t := range c.targets {
		if (c.action == "secret" || c.action == "rotate") && (secrets[c.environment] == "" || !strings.HasPrefix(strings.ToUpper(t), secrets[c.environment])) {
			return t + " is no secret of " + c.environment
		}
		if c.environment == "" && !strings.HasPrefix(t, "refs/") {
			return t + " is nothing that a policy covers"
		}
	}
	for _, t := range c.gateTargets {
		if len(c.targets) > 0 && !slices.Contains(c.targets, t) {
			return "nobody asked for " + t
		}
	}
	switch {
	case len(c.targets) > 0 && len(c.gateTargets) == 0:
		return "only parts were asked for"
	case c.action == "deploy" && len(c.from()) == 0:
		return "nothing that may be deployed from leads to the commit"
	case !c.covered():
		return "no grant covers it"
	}
	return ""
}

func (c *askedCase) some(of []string) []string {
	picked := []string{}
	for _, s := range of {
		if c.IntN(2) == 0 {
			picked = append(picked, s)
		}
	}
	return picked
}

func (c *askedCase) pick(of ...string) string { return of[c.IntN(len(of))] }

func (c *askedCase) perhaps(of ...string) []string {
	if c.IntN(2) == 0 {
		return nil
	}
	return []string{c.pick(of...)}
}

// ruleOf makes a rule in which every selector is one that acts can meet: others are errors of the policy.
func (c *askedCase) ruleOf(kind string) askedRule {
	r := askedRule{kind: kind, actions: []string{c.pick("deploy", "delete", "secret", c.action, c.action)}}
	a := r.actions[0]
	branches := []string{"main", "release/*", "release/1", "agent/**", "**", "refs/tags/v*"}
	if kind == "grant" {
		r.environment = []string{c.pick("*", "*", "staging", "line")}
		switch a {
		case "deploy":
			if c.IntN(3) == 0 {
				r.branches = []string{c.pick("main", "**", "release/*")}
			}
		case "delete":
			r.branches = []string{c.pick(branches...), c.pick(branches...)}
		}
		return r
	}
	if c.IntN(4) == 0 {
		r.actions = nil
	}
	r.branches = c.perhaps(branches...)
	r.environment = c.perhaps("*", "staging", "line")
	if a == "deploy" || r.actions == nil {
		r.paths = c.perhaps("src/**", "docs/**", "src/pay.go", "**")
	}
	if a == "deploy" && r.actions != nil && r.branches != nil {
		r.branches, r.environment = []string{c.pick("main", "**", "release/1")}, []string{c.pick("line", "*")}
	}
	if (a == "rotate" || a == "secret") && r.actions != nil {
		r.branches = nil
	}
	return r
}

func newAskedCase(seed uint64) *askedCase {
	c := &askedCase{Rand: rand.New(rand.NewPCG(seed, 2))}
	c.action = c.pick("deploy", "deploy", "delete", "rotate", "secret")
	c.environment = c.pick("staging", "line")
	secrets := []string{"STAGING_TOKEN", "staging_key", "LINE_TOKEN", "OTHER"}
	switch c.action {
	case "deploy":
		c.targets = c.some([]string{"api", "web"})
		if c.IntN(2) == 0 {
			c.targets = nil
		}
		c.gateTargets = c.some([]string{"api", "web"})
		c.reachable, c.changes = c.some(askedRefs), c.some(askedPaths)
	case "delete":
		if c.IntN(3) > 0 {
			c.environment = ""
		}
		c.targets = []string{c.pick(askedRefs...)}
		if c.environment != "" && c.IntN(2) == 0 {
			c.targets = append(c.targets, "volume/7")
		}
	default:
		c.targets = []string{c.pick(secrets...)}
	}
	if c.action != "deploy" {
		c.gateTargets = slices.Clone(c.targets)
		if c.IntN(5) == 0 {
			c.gateTargets = []string{c.pick(append(secrets, askedRefs...)...)}
		}
	}
	c.claimedRef = c.pick(append(askedRefs, "refs/heads/no/such")...)
	c.unknown = c.IntN(8) == 0
	c.approved = c.IntN(2) == 0
	for range 1 + c.IntN(3) {
		c.rules = append(c.rules, c.ruleOf("grant"))
	}
	for range c.IntN(3) {
		c.rules = append(c.rules, c.ruleOf("forbid"))
	}
	for range c.IntN(3) {
		c.rules = append(c.rules, c.ruleOf("gate"))
	}
	return c
}

// write is the case as a policy and as evidence.
func (c *askedCase) write() (blocks, text string) {
	var b strings.Builder
	for i := range c.rules {
		b.WriteString(c.rules[i].block(i))
	}
	b.WriteString("environment \"staging\" { secrets = [\"STAGING_*\"] }\n")
	b.WriteString("environment \"line\" {\n  deploy_from = [\"main\", \"release/*\", \"refs/tags/v*\"]\n  secrets = [\"LINE_*\"]\n}\n")
	flags := ""
	if c.unknown {
		flags = " refs-unknown"
	}
	environment := c.environment
	if environment == "" {
		environment = "none"
	}
	text = fmt.Sprintf("surface forge\ndelegate d1 human.alice -> agent.tester actions=deploy,delete,rotate,secret,commit environments=* branches=**,refs/tags/**\n"+
		"request r1 to=%s by=agent.tester under=d1 environment=%s ref=%s targets=%s gate-targets=%s reachable=%s changes=%s%s\n",
		c.action, environment, c.claimedRef, strings.Join(c.targets, ","), strings.Join(c.gateTargets, ","), strings.Join(c.reachable, ","), strings.Join(c.changes, ","), flags)
	if c.approved {
		text += "approval by=human.bob for=" + c.action + " request=r1"
		if c.environment != "" {
			text += " environment=" + c.environment
		}
		text += "\n"
	}
	return b.String(), text
}

// TestPropertyRequestsGoByFacts: whatever a request says of itself, what is allowed is never what a forbid or
// a gate that nobody opened names by the facts, nor more than was asked for or than grants cover. The other
// way round, what nothing speaks against is allowed. An oracle of the test's own says which is which.
func TestPropertyRequestsGoByFacts(t *testing.T) {
	allowed, refused := 0, map[string]int{}
	soak(t, 400, func(seed uint64) {
		c := newAskedCase(seed)
		blocks, text := c.write()
		report, _ := check(t, blocks, text)
		wrong := c.wrong()
		switch {
		case report.Verdict == verdict.Allowed && wrong != "":
			t.Errorf("seed %d is allowed, and %s\n%s%s", seed, wrong, blocks, text)
		case report.Verdict != verdict.Allowed && wrong == "" && !c.unknown:
			t.Errorf("seed %d is %s, and nothing speaks against it: %v\n%s%s", seed, report.Verdict, report.Acts[0].Findings, blocks, text)
		case report.Verdict == verdict.Allowed:
			allowed++
		default:
			refused[strings.Join(strings.Fields(wrong)[:min(1, len(strings.Fields(wrong)))], "")]++
		}
	})
	if allowed < 15 || refused["forbid"] < 30 || refused["gate"] < 15 {
		t.Errorf("%d are allowed, and refused are %v: the cases show little", allowed, refused)
	}
}
