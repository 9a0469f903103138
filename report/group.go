package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// A report that says the same thing forty times is not read. Findings that differ only in the path
// that they are about become one group, and acts that differ only in their ids become one block.

// block is acts by the same actor on the same authority, with the same findings.
type block struct {
	acts   []*verdict.Act // none where the findings are about the whole
	groups []group
}

// group is findings of one rule with the same reason and the same fix.
type group struct {
	rule     string
	effect   verdict.Effect
	location *verdict.Location
	key      string // equal for groups of two acts that say the same
	items    []item
}

// item is one finding of a group: inert text in which the path and the act's id are masked, so that
// it can be compared with another, and said of many.
type item struct {
	summary, reason, fix string
	path                 string // what the path's mask stands for, "" for none
	id, fullID           string // what the masks of the act's id stand for
	kind                 string
}

// The masks are control characters, which no inert text contains.
const (
	pathMask   = "\x01"
	idMask     = "\x02"
	fullIDMask = "\x03"
)

// blocksOf groups acts, in the order of the first of each block.
func (p *page) blocksOf(acts []*verdict.Act) []*block {
	var list []*block
	byKey := map[string]*block{}
	for _, a := range acts {
		groups := p.groupsOf(a.Findings, a)
		key := blockKey(a, groups)
		b := byKey[key]
		if b == nil {
			b = &block{groups: groups}
			byKey[key] = b
			list = append(list, b)
		} else {
			for i := range groups {
				b.groups[i].items = append(b.groups[i].items, groups[i].items...)
			}
		}
		b.acts = append(b.acts, a)
	}
	return list
}

// blockKey is equal for acts that one block can describe.
func blockKey(a *verdict.Act, groups []group) string {
	parts := []string{a.Verdict.String(), a.Kind, a.Ref, a.Actor, a.Evidence, a.SeenBy, a.Seen.String()}
	for _, l := range a.Chain {
		parts = append(parts, l.Digest, l.Delegator, l.Delegate, strconv.FormatBool(l.Minted))
	}
	for i := range groups {
		parts = append(parts, groups[i].key)
	}
	return joinKey(parts)
}

// joinKey joins parts so that two different lists never give the same key.
func joinKey(parts []string) string {
	var k strings.Builder
	for _, s := range parts {
		k.WriteString(strconv.Itoa(len(s)) + ":" + s)
	}
	return k.String()
}

// groupsOf groups the findings about one act, nil for those about the whole, the worst first. Notes are left out
// unless everything was asked for.
func (p *page) groupsOf(found []verdict.Finding, a *verdict.Act) []group {
	var list []group
	byKey := map[string]int{}
	for i := range found {
		f := &found[i]
		if f.Effect == verdict.Note && !p.o.Verbose {
			continue
		}
		it := p.itemOf(f, a)
		where := ""
		if f.Location != nil {
			where = f.Location.String()
		}
		key := joinKey([]string{f.Rule, f.Effect.String(), maskRange(it.reason), maskRange(it.fix), where})
		at, ok := byKey[key]
		if !ok {
			at = len(list)
			byKey[key] = at
			list = append(list, group{rule: f.Rule, effect: f.Effect, location: f.Location, key: key})
		}
		list[at].items = append(list[at].items, it)
	}
	slices.SortStableFunc(list, func(a, b group) int { return cmp.Compare(rank(a.effect), rank(b.effect)) })
	return list
}

func (p *page) itemOf(f *verdict.Finding, a *verdict.Act) item {
	it := item{summary: p.sentence(f.Summary), reason: p.sentence(f.Reason), fix: p.sentence(f.Fix)}
	if a != nil {
		it.kind = a.Kind
		it.fullID, it.id = p.name(a.Subject), p.name(shortSubject(a))
	}
	if f.Path != "" {
		it.path = p.name(f.Path)
		if len(f.Path) <= maxName { // sentences quote a path that is not plain
			if q := inert.QuoteAll(f.Path); strings.Contains(it.summary+it.reason+it.fix, q) {
				it.path = q
			}
		}
		if f.Line > 0 || !strings.Contains(it.summary, it.path) {
			it.summary += " (" + it.path + position(f) + ")"
		}
	}
	for _, s := range []*string{&it.summary, &it.reason, &it.fix} {
		if strings.ContainsAny(it.path, "/.\"") { // else it may be an ordinary word
			*s = replaceWord(*s, it.path, pathMask)
		}
		if it.id != it.fullID {
			*s = replaceWord(*s, it.fullID, fullIDMask)
			*s = replaceWord(*s, it.id, idMask)
		}
	}
	return it
}

// position is ":12:3" behind a path, "" where a finding is about the whole file.
func position(f *verdict.Finding) string {
	switch {
	case f.Line <= 0:
		return ""
	case f.Column <= 0:
		return fmt.Sprintf(":%d", f.Line)
	default:
		return fmt.Sprintf(":%d:%d", f.Line, f.Column)
	}
}

// say fills the masks of a text of the item in again. Where it is said of many paths or acts,
// it says so instead.
func (it *item) say(text string, manyPaths, manyActs bool) string {
	path, id, fullID := it.path, it.id, it.fullID
	if manyPaths {
		path = "each of these paths"
	}
	if manyActs {
		these := "each of these " + kindName(it.kind, 2)
		kind := kindName(it.kind, 1) + " "
		text = strings.NewReplacer(kind+idMask, these, kind+fullIDMask, these).Replace(text)
		id, fullID = these, these
	}
	return strings.NewReplacer(pathMask, path, idMask, id, fullIDMask, fullID).Replace(text)
}

// summaries is what was found, each thing once, in order.
func (g *group) summaries(manyActs bool) []string {
	var list []string
	seen := map[string]bool{}
	for i := range g.items {
		s := g.items[i].say(g.items[i].summary, false, manyActs)
		if !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	return list
}

// why and fix are said once for the group, in the words of its first finding.
func (g *group) why(manyActs bool) string {
	return g.items[0].say(g.items[0].reason, g.manyPaths(), manyActs)
}

func (g *group) fix(manyActs bool) string {
	return g.items[0].say(g.items[0].fix, g.manyPaths(), manyActs)
}

func (g *group) manyPaths() bool {
	for i := range g.items {
		if g.items[i].path != g.items[0].path {
			return true
		}
	}
	return false
}

// replaceWord replaces word where it stands alone, not as a part of a longer word or path.
func replaceWord(s, word, with string) string {
	if word == "" {
		return s
	}
	var b strings.Builder
	from := 0 // where the search goes on
	for {
		i := strings.Index(s[from:], word)
		if i < 0 {
			return b.String() + s
		}
		i += from
		end := i + len(word)
		if i > 0 && inWord(s[i-1]) || end < len(s) && inWord(s[end]) || strings.HasPrefix(s[end:], "..") {
			from = end
			continue
		}
		b.WriteString(s[:i] + with)
		s, from = s[end:], 0
	}
}

// inWord reports whether c continues a path or an id. A full stop may also end a sentence.
func inWord(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("_-/*", c) >= 0 || c >= 0x80
}

// maskRange takes the start out of "<commit>..HEAD". Commits come parents first, so that a fix for
// the first of several with such a range mends them all.
func maskRange(s string) string {
	const to = "..HEAD"
	var b strings.Builder
	for {
		i := strings.Index(s, to)
		if i < 0 {
			return b.String() + s
		}
		start := i
		for start > 0 && strings.IndexByte("0123456789abcdef", s[start-1]) >= 0 {
			start--
		}
		if i-start < shortID {
			start = i
		}
		b.WriteString(s[:start] + to)
		s = s[i+len(to):]
	}
}
