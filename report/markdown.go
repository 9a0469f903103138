package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/remit-sh/remit/verdict"
)

const (
	defaultLimit = 65_000 // GitHub takes 65,535 characters in a check run's summary
	minLimit     = 8_000
	textWidth    = 100 // of the text blocks in Markdown
	maxGates     = 20
	maxTableName = 60 // a name or purpose in a table's cell
	reserved     = 500
)

// MarkdownOptions says how [Markdown] shows a report.
type MarkdownOptions struct {
	Limit int    // how many bytes it may have; 0: 65,000, at least 8,000
	Docs  string // where the rules' pages are; "": [DocsURL]
}

// Markdown shows a report for a job summary or a check: the outcome, a row for each act, every
// finding that blocks or warns spelled out as in [Text], and the gates, each the worst first. What does not fit
// into the limit is left out from the end, and the report says how much that is.
//
// Text of the report stands in code spans and code blocks only; see [InertMarkdown].
func Markdown(w io.Writer, r *verdict.Report, o MarkdownOptions) error {
	if r == nil {
		return errNoReport
	}
	limit := o.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	if limit < minLimit {
		return fmt.Errorf("a Markdown report needs a limit of at least %d bytes, not %d", minLimit, limit)
	}
	d := newDocument(r, o)

	head, gates, foot := d.head(), d.gates(limit/5), d.foot()
	rows, details := d.rows(), d.details()

	// The rows may have half of what is left, and whatever the findings do not need of the other.
	room := limit - len(head) - len(gates) - len(foot) - len(tableHead) - 2*reserved
	forRows := max(room/2, room-size(details))
	table, rowsLeft := fitRows(rows, forRows)
	detailsText, detailsLeft := fit(details, room-len(table))

	var out bytes.Buffer
	out.WriteString(head)
	if table != "" {
		out.WriteString(tableHead + table)
	}
	if rowsLeft > 0 {
		fmt.Fprintf(&out, "\n%s left out of this table.\n", count(rowsLeft, "more act")+" "+isAre(rowsLeft))
	}
	out.WriteString(detailsText)
	if detailsLeft > 0 {
		fmt.Fprintf(&out, "\nThe findings about %s %s left out here.\n", count(detailsLeft, "more act"), isAre(detailsLeft))
	}
	out.WriteString(gates)
	out.WriteString(foot)
	return writeAll(w, out.Bytes(), "Markdown")
}

// document is a Markdown report in the making. It borrows a page of text for its code blocks.
type document struct {
	page *page
	docs string
}

func newDocument(r *verdict.Report, o MarkdownOptions) *document {
	p := newPage(r, Options{Width: textWidth, Docs: o.Docs})
	d := &document{page: p, docs: p.o.Docs}
	p.gutter = "│ " // keeps text of the report from the start of a line, where it could end the block
	p.o.Docs = ""   // links stand below the code block
	return d
}

const tableHead = "\n| | What | Who | On whose authority | Until | Why |\n|---|---|---|---|---|---|\n"

// row is a table's row.
type row struct {
	text string
	rank int // of its effect
}

// section is a part of the document about some acts.
type section struct {
	forms []string // the whole of it, and then less and less, for when that does not fit
	rank  int      // of its effect
	acts  int      // how many it is about; 0: the whole
}

func code(s string) string     { return codeSpan(s, maxName) }
func cellCode(s string) string { return codeSpan(s, maxTableName) }

func icon(e verdict.Effect) string {
	switch e {
	case verdict.Undecided:
		return "❔"
	case verdict.Pending:
		return "⏳"
	case verdict.Warn:
		return "❗"
	case verdict.Note, allowedEffect:
		return "✅"
	default:
		return "❌"
	}
}

func (d *document) head() string {
	r := d.page.r
	h := headlineOf(r, code)
	d.page.ref = h.ref
	return fmt.Sprintf("## %s remit: %s\n\n%s.\n", icon(effectOf(r.Verdict, nil)), h.outcome, sentenceCase(h.detail))
}

// rows has one for each act, the worst first.
func (d *document) rows() []row {
	rows := make([]row, 0, len(d.page.r.Acts))
	for i := range d.page.r.Acts {
		a := &d.page.r.Acts[i]
		e := effectOf(a.Verdict, a.Findings)
		cells := []string{
			icon(e) + " " + a.Verdict.String(),
			strings.TrimSpace(kindName(a.Kind, 1) + " " + cellCode(shortSubject(a)) + " " + codeSpan(a.Title, maxTableName)),
			d.who(a), d.authority(a), "", "",
		}
		if n := len(a.Chain); n > 0 {
			cells[4] = clock(a.Chain[n-1].NotAfter, d.page.r.At)
			cells[5] = cellCode(a.Chain[n-1].Purpose)
		}
		rows = append(rows, row{"| " + strings.Join(cells, " | ") + " |\n", rank(e)})
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.rank, b.rank) })
	return rows
}

func (d *document) who(a *verdict.Act) string {
	if a.Actor == "" {
		return unnamed(a)
	}
	if m := minter(a); m != "" {
		return cellCode(a.Actor) + " (minted by " + cellCode(m) + ")"
	}
	return cellCode(a.Actor)
}

// authority names everybody on the chain, the root first.
func (d *document) authority(a *verdict.Act) string {
	switch {
	case len(a.Chain) > 0:
	case a.Actor == "" || strings.HasPrefix(a.Actor, "agent."):
		return "none"
	default:
		return "their own"
	}
	who := []string{cellCode(a.Chain[0].Delegator)}
	for i := range a.Chain {
		if i == maxNames {
			who = append(who, "…")
			break
		}
		who = append(who, cellCode(a.Chain[i].Delegate))
	}
	return strings.Join(who, " → ")
}

// details spells out what was found, the worst first.
func (d *document) details() []section {
	var list []section
	if groups := d.page.groupsOf(d.page.r.Findings, nil); len(groups) > 0 {
		e := effectOf(verdict.Of(d.page.r.Findings), d.page.r.Findings)
		list = append(list, d.section(icon(e)+" Everything together", e, &block{groups: groups}))
	}
	for _, b := range d.page.blocks() {
		a := b.acts[0]
		title := count(len(b.acts), kindName(a.Kind, 1))
		if len(b.acts) == 1 {
			title = strings.TrimSpace(kindName(a.Kind, 1) + " " + code(shortSubject(a)) + " " + codeSpan(a.Title, maxTitle))
		}
		if !isFile(a) || a.Actor != "" {
			title += " by " + d.who(a)
		}
		list = append(list, d.section(icon(b.effect())+" "+title, b.effect(), b))
	}
	slices.SortStableFunc(list, func(a, b section) int { return cmp.Compare(a.rank, b.rank) })
	return list
}

// section is a heading, a block as in [Text], and links to the rules' pages.
func (d *document) section(title string, e verdict.Effect, b *block) section {
	head := "\n### " + title + "\n\n"
	links := d.ruleLinks(b.groups)
	s := section{rank: rank(e), acts: len(b.acts)}
	for _, n := range []int{len(b.groups), 3, 1} {
		if n > len(b.groups) || len(s.forms) > 0 && len(s.forms[0]) < minLimit/4 {
			continue
		}
		d.page.out.Reset()
		d.page.body(&block{acts: b.acts, groups: b.groups[:n]})
		text := head + "```text\n" + d.page.out.String() + "```\n"
		if left := len(b.groups) - n; left > 0 {
			text += "\n" + count(left, "more finding") + " " + isAre(left) + " left out here.\n"
		}
		s.forms = append(s.forms, text+links)
	}
	s.forms = append(s.forms, head+links+"\nThe text of these findings does not fit here.\n")
	return s
}

// ruleLinks links the page of each rule of the groups once.
func (d *document) ruleLinks(groups []group) string {
	var links []string
	seen := map[string]bool{}
	for i := range groups {
		id := groups[i].rule
		switch {
		case seen[id]:
			continue
		case isRuleID(id):
			links = append(links, "["+id+"]("+d.docs+id+".md)")
		case len(links) < maxNames:
			links = append(links, cellCode(id))
		}
		seen[id] = true
	}
	if len(links) == 0 {
		return ""
	}
	return "\nRead on: " + strings.Join(links, ", ") + "\n"
}

// gates shows how far each gate is from being satisfied, in a table of at most limit bytes.
func (d *document) gates(limit int) string {
	gates := slices.Clone(d.page.r.Gates)
	if len(gates) == 0 {
		return ""
	}
	slices.SortStableFunc(gates, func(a, b verdict.Gate) int { return cmp.Compare(waits(&b), waits(&a)) })
	var out strings.Builder
	out.WriteString("\n### Gates\n\n| Gate | Approvals | Counted | Not counted | Can approve |\n|---|---|---|---|---|\n")
	for i := range gates {
		g := &gates[i]
		e := verdict.Pending
		if approved(g) {
			e = allowedEffect
		}
		ignored := make([]string, len(g.Ignored))
		for j, no := range g.Ignored {
			ignored[j] = cellCode(no.Who) + ": " + code(no.Why)
		}
		line := fmt.Sprintf("| %s %s | %d of %d | %s | %s | %s |\n", icon(e), cellCode(g.Name), len(g.Counted), g.Needed,
			cellList(each(g.Counted, cellCode)), cellList(ignored), cellList(each(g.Approvers, cellCode)))
		if i == maxGates || out.Len()+len(line) > limit-reserved/2 {
			fmt.Fprintf(&out, "\n%s left out of this table.\n", count(len(gates)-i, "more gate")+" "+isAre(len(gates)-i))
			break
		}
		out.WriteString(line)
	}
	return out.String()
}

// waits is 1 for a gate that waits for approvals, and 0 for another.
func waits(g *verdict.Gate) int {
	if approved(g) {
		return 0
	}
	return 1
}

// cellList joins what stands in one cell.
func cellList(items []string) string {
	if left := len(items) - maxNames; left > 0 {
		items = append(items[:maxNames:maxNames], more(left))
	}
	return strings.Join(items, ", ")
}

func (d *document) foot() string {
	r := d.page.r
	var parts []string
	if r.PolicyFrom != "" || r.Policy != "" {
		parts = append(parts, strings.TrimSpace("policy "+code(r.PolicyFrom)+" "+code(digestText(r.Policy))))
	}
	if !r.At.IsZero() {
		at := "judged at " + r.At.UTC().Format("2006-01-02 15:04:05 UTC")
		if r.AtSource != "" {
			at += " (" + code(r.AtSource) + ")"
		}
		parts = append(parts, at)
	}
	if r.Repository != "" {
		parts = append(parts, "for "+code(r.Repository))
	}
	if len(parts) == 0 {
		return ""
	}
	return "\n" + sentenceCase(strings.Join(parts, ", ")) + ".\n"
}

// fitRows joins rows up to room bytes, and counts the others.
func fitRows(rows []row, room int) (text string, left int) {
	var out strings.Builder
	for i := range rows {
		if out.Len()+len(rows[i].text) > room {
			return out.String(), len(rows) - i
		}
		out.WriteString(rows[i].text)
	}
	return out.String(), 0
}

// fit joins sections up to room bytes, each in the longest form that fits, and counts the acts that the others
// are about.
func fit(list []section, room int) (text string, left int) {
	var out strings.Builder
	for _, s := range list {
		n := -1
		if left == 0 {
			n = slices.IndexFunc(s.forms, func(form string) bool { return out.Len()+len(form) <= room })
		}
		if n < 0 {
			left += s.acts
			continue
		}
		out.WriteString(s.forms[n])
	}
	return out.String(), left
}

func size(list []section) int {
	n := 0
	for _, s := range list {
		n += len(s.forms[0])
	}
	return n
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
