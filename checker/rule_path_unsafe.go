package checker

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/verdict"
)

// pathUnsafe: a path that means one thing here and another on somebody's file system, or that is
// shown as something else than it is.
func pathUnsafe(a *act) []verdict.Finding {
	found := a.malformedTrees()
	for _, c := range a.changes {
		if c.New.Mode == 0 {
			continue // taking such a path away is welcome
		}
		u := a.judge.unsafe(c.Path)
		if u.why == "" || u.agents && !a.byAgent() && a.who.problem == attributed {
			continue
		}
		f := deny(
			"the path "+inert.Word(c.Path)+" is unsafe",
			"It "+u.why+".",
			"Rename it to a plain path, with `/` between names.",
		)
		if !u.always && !a.byAgent() && a.who.problem == attributed {
			f.Effect = verdict.Warn
		}
		f.Path = c.Path
		found = append(found, f)
	}
	return limit(found)
}

// malformedTrees denies a commit whose directories hold what git would not have written: names that
// are empty or hold a slash, the same name twice, an unknown mode.
func (a *act) malformedTrees() []verdict.Finding {
	if a.commit == nil {
		return nil
	}
	var found []verdict.Finding
	for _, g := range a.commit.Gaps {
		if g.Kind == evidence.GapMalformed {
			found = append(found, deny(
				"a directory of "+a.name()+" is malformed",
				"Two readers could take it for two things: "+told(g.Detail)+".",
				gapFix(g.Fix),
			))
		}
	}
	return found
}

// guard is a protected pattern as a file system without case or with Unicode normalisation sees it.
type guard struct {
	written string
	folded  pattern.Pattern
}

func newGuards(p *policy.Policy) []guard {
	var guards []guard
	protected := make([]string, 0, len(p.Settings.Protected)+1)
	for _, pat := range p.Settings.Protected {
		protected = append(protected, pat.String())
	}
	if p.Path != "" {
		protected = append(protected, p.Path)
	}
	for _, written := range protected {
		if folded, err := pattern.ParsePath(fold(written)); err == nil {
			guards = append(guards, guard{written, folded})
		}
	}
	return guards
}

// fold is how a file system that ignores case and normalisation (APFS, HFS+, NTFS) compares a path.
// Code points that HFS+ ignores are dropped.
func fold(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
}

// unsafe says what is wrong with a path, and whether that holds for humans too:
// what git itself would not check out does; the rest is only suspicious from an agent.
func (j *judge) unsafe(path string) unsafeness {
	if known, ok := j.paths.Load(path); ok {
		return known.(unsafeness)
	}
	var u unsafeness
	if u.why, u.always = j.lookAtPath(path); u.why == "" {
		u.why = j.looksListed(path)
		u.agents = true
	}
	j.paths.Store(path, u)
	return u
}

// namedPaths is the paths that a forbid, a gate or an environment names, as written and folded.
type namedPaths struct {
	what    string // "the forbid \"f\" names"
	written []pattern.Pattern
	folded  []pattern.Pattern
}

func newNamedPaths(p *policy.Policy) []namedPaths {
	var all []namedPaths
	seen := map[string]bool{}
	add := func(what string, written []pattern.Pattern) {
		key := pathKey(written)
		if len(written) == 0 || seen[key] {
			return
		}
		seen[key] = true
		l := namedPaths{what: what, written: written}
		for _, w := range written {
			if folded, err := pattern.ParsePath(fold(w.String())); err == nil {
				l.folded = append(l.folded, folded)
			}
		}
		all = append(all, l)
	}
	for _, f := range p.Forbids {
		add("the forbid "+quoted(f.Name)+" names", f.Paths)
	}
	for _, g := range p.Gates {
		add("the gate "+quoted(g.Name)+" names", g.Paths)
	}
	for _, e := range p.Environments {
		add("belong to the environment "+inert.Word(e.Name), e.Paths)
	}
	return all
}

func pathKey(list []pattern.Pattern) string {
	var b strings.Builder
	for _, p := range list {
		b.WriteString(p.String() + "\x00")
	}
	return b.String()
}

// looksListed says of what else a path that nothing lists is one for a file system that ignores case and normal
// form, or takes a colon for the name of a stream; "" for nothing. What stands in the place of a folder is one of what is
// below it: a link brings its own.
func (j *judge) looksListed(path string) string {
	folded := ""
	for _, l := range j.namedPaths {
		if matches(l.written, path) || matches(l.written, path+"/x") {
			continue
		}
		if folded == "" {
			folded = fold(withoutStreams(path))
		}
		if matches(l.folded, folded) || matches(l.folded, folded+"/x") {
			return "is one of the paths that " + l.what + ", on a file system that takes the two for one"
		}
	}
	return ""
}

func (j *judge) lookAtPath(path string) (why string, always bool) {
	ascii := true
	for segment := range strings.SplitSeq(path, "/") {
		switch {
		case segment == "":
			return "has an empty name in it", true
		case segment == "." || segment == "..":
			return "leads out of its directory", true
		}
		for i := range len(segment) {
			ascii = ascii && segment[i] < utf8.RuneSelf
		}
		name, _, _ := strings.Cut(segment, ":") // NTFS: what follows names a stream of the same file
		if git := strings.ToLower(strings.TrimRight(name, ". ")); git == ".git" || git == "git~1" || !ascii && fold(git) == ".git" {
			return "names git's own directory", true
		}
	}
	switch {
	case strings.ContainsRune(path, 0):
		return "has a NUL character in it", true
	case !utf8.ValidString(path):
		return "is not UTF-8", false
	case strings.ContainsFunc(path, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return "has an invisible or control character in it", false
	case strings.Contains(path, `\`):
		return "has a backslash in it, which Windows takes for a separator", false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if strings.HasSuffix(segment, ".") || strings.HasSuffix(segment, " ") {
			return "has a name that ends in a dot or space, which Windows drops", false
		}
	}
	if _, ok := j.protects(path); ok {
		return "", false // protected-path's matter
	}
	for segment := range strings.SplitSeq(path, "/") {
		if short, ok := parseShort(withoutStreams(segment)); ok && short.ext == "" && (short.base == "git" || len(short.base) == 6 && short.base[:2] == "gi" && hexDigits(short.base[2:])) {
			return "may be a short name of git's own directory or files on Windows", false
		}
	}
	folded := fold(withoutStreams(path))
	for _, g := range j.guards {
		if shortens(g.folded.String(), folded) {
			return "may be a short name of the protected path " + inert.Word(g.written) + " on Windows", false
		}
		if g.folded.Match(folded) || g.folded.Match(folded+"/x") {
			return "is the protected path " + inert.Word(g.written) + " on a file system that takes the two for one", false
		}
	}
	return "", false
}

// withoutStreams takes the names of streams off a path, as NTFS reads them: "a.txt::$DATA" is "a.txt".
func withoutStreams(path string) string {
	if !strings.Contains(path, ":") {
		return path
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if name, _, ok := strings.Cut(s, ":"); ok {
			segments[i] = strings.TrimRight(name, ". ")
		}
	}
	return strings.Join(segments, "/")
}
