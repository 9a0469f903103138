package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
)

// Parse reads a policy. file is its name for messages. Where there is an error no policy is
// returned; warnings come with one.
//
// A policy that names its repository protects [FileName] in it. Whoever reads it from another
// path of the repository sets [Policy.Path].
func Parse(src []byte, file string) (*Policy, Diagnostics) {
	s := newSource(src, file)
	p := parse(s)
	found := s.diagnostics()
	if found.HasErrors() {
		return nil, found
	}
	return p, found
}

// DigestOf is the digest by which a policy with this text is known.
func DigestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func parse(s *source) *Policy {
	body := parseBody(s)
	if body == nil {
		return nil
	}
	d := &decoder{
		source: s,
		policy: &Policy{
			Digest:     DigestOf(s.bytes),
			File:       s.file,
			Settings:   defaultSettings(),
			Principals: map[names.Principal]*Principal{},
			Teams:      map[names.Principal]*Team{},
		},
		declared: map[names.Principal]hcl.Range{},
		places:   map[names.Principal][]hcl.Range{},

		written: map[any]hclsyntax.Attributes{},
		whens:   map[*Condition]expr{},
	}
	d.file(language(), body)
	if s.failed() {
		return nil
	}
	d.complete()
	return d.policy
}

// parseBody turns the file into a syntax tree, or reports why that is impossible and returns nil.
func parseBody(s *source) (body *hclsyntax.Body) {
	if !scan(s) {
		return nil
	}
	defer func() { // the parser asserts its own invariants by panicking
		if r := recover(); r != nil {
			s.whole("Policy cannot be read", "The HCL parser failed on it. This is a bug; please report it with the policy.")
			body = nil
		}
	}()
	if body := parseParts(s); body != nil {
		return body
	}
	f, diags := hclsyntax.ParseConfig(s.bytes, s.file, hcl.InitialPos)
	s.syntax(diags)
	if s.failed() {
		return nil
	}
	body, _ = f.Body.(*hclsyntax.Body)
	return body
}

// partSize is how many bytes of a policy the parser gets at a time, and up to a block more.
const partSize = 2 << 10

// parseParts parses a large file in parts, and gives the syntax tree that the whole would give. It returns nil for
// whatever is not plain: where a part has an error, or two of them the same attribute. The parser keeps all tokens of
// what it parses in one slice, and making that longer over and over takes most of the time and memory that a large
// policy costs.
func parseParts(s *source) *hclsyntax.Body {
	if len(s.cuts) == 0 {
		return nil
	}
	var all *hclsyntax.Body
	for i := range len(s.cuts) + 1 {
		from, to := 0, len(s.bytes)
		if i > 0 {
			from = s.cuts[i-1]
		}
		if i < len(s.cuts) {
			to = s.cuts[i]
		}
		start := hcl.Pos{Line: s.position(from).Line, Column: 1, Byte: from}
		body := plainBody(s.bytes[from:to], s.file, start)
		if body == nil {
			f, diags := hclsyntax.ParseConfig(s.bytes[from:to], s.file, start)
			if len(diags) > 0 {
				return nil
			}
			var ok bool
			if body, ok = f.Body.(*hclsyntax.Body); !ok {
				return nil
			}
		}
		if all == nil {
			all = body
			continue
		}
		for name, attribute := range body.Attributes {
			if all.Attributes[name] != nil {
				return nil
			}
			all.Attributes[name] = attribute
		}
		all.Blocks = append(all.Blocks, body.Blocks...)
		all.SrcRange.End, all.EndRange = body.SrcRange.End, body.EndRange
	}
	return all
}

func defaultSettings() Settings {
	return Settings{
		ClockSkew:        defaultSkew,
		MaxChainTTL:      defaultChainTTL,
		Identity:         LevelWarn,
		SecretReferences: LevelWarn,
		Artifacts:        LevelWarn,
		TimeZone:         time.UTC,
	}
}

// file reads the whole file: first what names exist, then what they are made of, then the rules,
// so that a rule may refer to what stands below it.
func (d *decoder) file(lang block, body *hclsyntax.Body) {
	blocks := d.index(lang, body)
	d.attributes(lang, body, body.SrcRange, d.policy)
	for _, early := range []string{"settings", "team", "environment"} {
		for _, b := range blocks {
			if b.Type == early {
				d.block(b, lang)
			}
		}
		if early == "team" {
			d.teams()
		}
	}
	for _, b := range blocks {
		switch b.Type {
		case "settings", "team", "environment":
		default:
			d.block(b, lang)
		}
	}
}

// index checks the kind and label of each block, and notes the names that exist.
func (d *decoder) index(lang block, body *hclsyntax.Body) []*hclsyntax.Block {
	kinds := make([]string, len(lang.blocks))
	for i, b := range lang.blocks {
		kinds[i] = b.kind
	}
	seen := map[string]hcl.Range{}
	var good []*hclsyntax.Block
	for _, b := range body.Blocks {
		i := slices.Index(kinds, b.Type)
		if i < 0 {
			where := ""
			if lang.kind != "file" {
				where = " in " + article(lang.kind) + " block"
			}
			hint := didYouMean(b.Type, kinds)
			if hint == "" && len(kinds) > 0 {
				hint = " There are " + names.List(kinds, "and") + "."
			}
			d.errorf(b.TypeRange, "Unknown block", "There is no block %s%s.%s", inert.Quote(b.Type), where, hint)
			continue
		}
		spec := lang.blocks[i]
		name, at, ok := d.label(spec, b)
		if !ok {
			continue
		}
		id := b.Type + "\x00" + strings.ToLower(name)
		if first, twice := seen[id]; twice && (spec.once || spec.label != noLabel) {
			what := b.Type
			if name != "" {
				what += " " + inert.Quote(name)
			}
			d.errorf(at, "Declared twice", "%s stands in line %d already. Each name is used once, so that a finding can say which rule it rests on.", what, first.Start.Line)
			continue
		}
		seen[id] = at
		if slices.Contains(kindNames(), b.Type) {
			d.declared[names.NewPrincipal(names.Kind(b.Type), name)] = at
		}
		good = append(good, b)
	}
	return good
}

// label returns a block's name, "" where it has none, and where it stands.
func (d *decoder) label(spec block, b *hclsyntax.Block) (string, hcl.Range, bool) {
	if spec.label == noLabel {
		if len(b.Labels) > 0 {
			d.errorf(b.LabelRanges[0], "No name allowed", "The block %s has no name: write %s { … }.", b.Type, b.Type)
			return "", b.TypeRange, false
		}
		return "", b.TypeRange, true
	}
	if len(b.Labels) != 1 {
		at := b.TypeRange
		if len(b.Labels) > 1 {
			at = b.LabelRanges[1]
		}
		d.errorf(at, "One name required", "The block %s has one name: write %s \"name\" { … }.", b.Type, b.Type)
		return "", at, false
	}
	check := checkTitle
	switch {
	case b.Type == "environment":
		check = checkEnvironmentName
	case spec.label == nameLabel:
		check = names.CheckLabel
	}
	if err := check(b.Labels[0]); err != nil {
		d.errorf(b.LabelRanges[0], "Invalid name", "%s", sentence(err))
		return "", b.LabelRanges[0], false
	}
	return b.Labels[0], b.LabelRanges[0], true
}

// attributes reads a block's attributes, in the order of the language.
func (d *decoder) attributes(spec block, body *hclsyntax.Body, at hcl.Range, into any) {
	if len(body.Attributes) > 0 {
		d.written[into] = body.Attributes
		for name, a := range body.Attributes {
			if slices.ContainsFunc(spec.attributes, func(known attribute) bool { return known.name == name }) {
				continue
			}
			known := make([]string, len(spec.attributes))
			for i, a := range spec.attributes {
				known[i] = a.name
			}
			where := "in " + article(spec.kind) + " block"
			if spec.kind == "file" {
				where = "outside the blocks"
			}
			hint := didYouMean(name, known)
			if hint == "" {
				hint = " There are " + names.List(known, "and") + "."
			}
			if slices.ContainsFunc(spec.blocks, func(b block) bool { return b.kind == name }) {
				hint = " It is a block: write " + name + " { … }."
			}
			d.errorf(a.NameRange, "Unknown attribute", "There is no attribute %s %s.%s", inert.Quote(name), where, hint)
		}
	}
	for _, a := range spec.attributes {
		if x, ok := body.Attributes[a.name]; ok {
			a.read(d, x.Expr, into)
		} else if a.defaults == required {
			d.errorf(at, "Missing attribute", "The attribute %s must be given in %s block: %s", a.name, article(spec.kind), a.about)
		}
	}
}

// article is the kind with "a" or "an".
func article(kind string) string {
	if strings.IndexByte("aeiou", kind[0]) >= 0 {
		return "an " + kind
	}
	return "a " + kind
}

// block reads one block into the policy.
func (d *decoder) block(b *hclsyntax.Block, lang block) {
	spec := lang.blocks[slices.IndexFunc(lang.blocks, func(s block) bool { return s.kind == b.Type })]
	p, at, name := d.policy, d.at(b.TypeRange), ""
	if spec.label != noLabel {
		name = b.Labels[0]
	}
	into := d.target(spec.kind, name, at)
	d.attributes(spec, b.Body, b.TypeRange, into)
	for _, inner := range d.index(spec, b.Body) {
		w := Waiver{Position: d.at(inner.TypeRange)}
		d.attributes(spec.blocks[0], inner.Body, inner.TypeRange, &w)
		p.Workflows.Allow = append(p.Workflows.Allow, w)
		d.index(spec.blocks[0], inner.Body)
	}
}

// target adds what a block declares to the policy, with its defaults, for its attributes to fill in.
func (d *decoder) target(kind, name string, at Position) any {
	p := d.policy
	switch kind {
	case "settings":
		p.Settings.Position = at
		return &p.Settings
	case "team":
		t := &Team{Name: names.NewPrincipal(names.Team, name), Position: at}
		p.Teams[t.Name] = t
		return t
	case "environment":
		e := &Environment{Name: name, Position: at}
		p.Environments = append(p.Environments, e)
		return e
	case "workflows":
		p.Workflows.Position = at
		return &p.Workflows
	case "grant":
		g := &Grant{Name: name, MaxTTL: defaultTTL, Position: at}
		p.Grants = append(p.Grants, g)
		return g
	case "forbid":
		f := &Forbid{Name: name, Position: at}
		p.Forbids = append(p.Forbids, f)
		return f
	case "gate":
		g := &Gate{Name: name, Approvals: 1, Role: "write", CarryOver: "merges", MaxAge: defaultMaxAge, Position: at}
		p.Gates = append(p.Gates, g)
		return g
	case "revoke":
		r := &Revocation{Name: name, Position: at}
		p.Revocations = append(p.Revocations, r)
		return r
	default: // human, agent, workflow, app
		q := &Principal{Name: names.NewPrincipal(names.Kind(kind), name), Position: at}
		if q.Name.Kind() == names.Workflow {
			q.Workflow = &WorkflowIdentity{Issuer: defaultIssuer}
		}
		p.Principals[q.Name] = q
		return q
	}
}

// complete fills in what depends on more than one block, and checks what only the whole can show.
func (d *decoder) complete() {
	p := d.policy
	d.repositories()
	if p.Settings.Protected == nil {
		p.Settings.Protected = d.fixed(FileName, ".github/**")
	}
	if p.Repository != "" {
		p.Path = FileName
		if !slices.ContainsFunc(p.Settings.Protected, func(q pattern.Pattern) bool { return q.Match(FileName) }) {
			p.Settings.Protected = append(p.Settings.Protected, d.fixed(FileName)...)
		}
	}
	token, _ := pattern.ParseName("GITHUB_TOKEN")
	if !slices.ContainsFunc(p.Workflows.SharedSecrets, func(q pattern.Pattern) bool { return q.Match("GITHUB_TOKEN") }) {
		p.Workflows.SharedSecrets = append(p.Workflows.SharedSecrets, token)
	}
	d.accounts()
	d.keyOwners()
	d.revocations()
	if !d.failed() {
		d.foldersNamed()
		d.selectors()
		d.openings()
		d.landings()
	}
	d.reviewed()
}

// fixed are patterns that are known to be valid.
func (d *decoder) fixed(paths ...string) []pattern.Pattern {
	var out []pattern.Pattern
	for _, s := range paths {
		if p, err := pattern.ParsePath(s); err == nil {
			out = append(out, p)
		}
	}
	return out
}

func (d *decoder) repositories() {
	p := d.policy
	switch {
	case p.Repository == "" && len(p.Repositories) == 0:
		d.whole("Missing attribute", `The policy must say what it rules: repository = "github.com/acme/shop" (or, in an organisation's policy, repositories = ["github.com/acme/*"]).`)
	case p.Repository != "" && len(p.Repositories) > 0:
		d.whole("Repository named twice", "A policy has either repository or repositories.")
	case p.RepositoryID != 0 && p.Repository == "":
		d.whole("Repository id without a repository", "repository_id pins the id of one repository: name it with repository.")
	}
	for _, q := range p.Principals {
		if q.Workflow == nil || q.Workflow.Repository != "" {
			continue
		}
		if q.Workflow.Repository = p.Repository; q.Workflow.Repository == "" {
			d.errorf(d.declared[q.Name], "Missing attribute", "In an organisation's policy %s must name its repository.", q.Name)
		}
	}
}

// sortedPrincipals lists the principals in the order of the file.
func (p *Policy) sortedPrincipals() []*Principal {
	out := make([]*Principal, 0, len(p.Principals))
	for _, q := range p.Principals {
		out = append(out, q)
	}
	slices.SortFunc(out, func(a, b *Principal) int {
		if a.Position.Line != b.Position.Line {
			return a.Position.Line - b.Position.Line
		}
		return a.Position.Column - b.Position.Column
	})
	return out
}

// accounts sees to it that one account stands for one principal.
func (d *decoder) accounts() {
	p := d.policy
	p.logins = map[string]*Principal{}
	accounts := map[string]*Principal{}
	once := func(q *Principal, what, key string, in map[string]*Principal) {
		if other := in[key]; other != nil {
			d.errorf(d.declared[q.Name], "One account, two principals", "%s and %s (line %d) both have the %s. It must say who somebody is, so only one of them can have it.",
				q.Name, other.Name, other.Position.Line, what)
			return
		}
		in[key] = q
	}
	for _, q := range p.sortedPrincipals() {
		switch q.Name.Kind() {
		case names.Human:
			if q.GitHub != "" {
				once(q, "GitHub account "+inert.Quote(q.GitHub), "login "+strings.ToLower(q.GitHub), accounts)
			}
			if q.GitHubID != 0 {
				once(q, fmt.Sprintf("GitHub id %d", q.GitHubID), fmt.Sprintf("id %d", q.GitHubID), accounts)
			}
		case names.App:
			once(q, "GitHub app "+inert.Quote(q.GitHub), "app "+strings.ToLower(q.GitHub), accounts)
			continue
		case names.Agent:
		default:
			continue
		}
		if q.Login == "" {
			q.Login = q.Name.Label()
		}
		once(q, "login "+inert.Quote(q.Login)+" (by default a login is the block's name; set login)", q.Login, p.logins)
	}
}

// keyOwners sees to it that one key proves one principal.
func (d *decoder) keyOwners() {
	p := d.policy
	p.keys = map[string]*Principal{}
	at := map[string]Position{}
	for _, q := range p.sortedPrincipals() {
		for i, k := range q.Keys {
			fp := k.Fingerprint()
			place := d.places[q.Name][i]
			switch other := p.keys[fp]; {
			case other == q:
				d.errorf(place, "Key listed twice", "%s has the key %s in line %d already.", q.Name, fp, at[fp].Line)
				continue
			case other != nil:
				d.errorf(place, "One key, two principals", "The key %s of %s is also listed for %s in line %d, column %d. A key proves who acted only where nobody else has it.",
					fp, q.Name, other.Name, at[fp].Line, at[fp].Column)
				continue
			}
			p.keys[fp] = q
			at[fp] = d.at(place)
		}
	}
}
