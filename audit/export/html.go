package export

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"time"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// style is all that the page looks like. It is named by its hash in the page's policy, so that a style that got into
// the page otherwise does nothing, as no script does. On a small screen the table becomes blocks, and the roles in it say to
// those who listen that it is a table all the same.
const style = `
:root { color-scheme: light dark; --line: #c9ced6; --soft: #f3f5f8; --deny: #a11414; --allow: #17692b; --wait: #7a5200; --text: #15181d; --page: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3b424d; --soft: #1d222a; --deny: #ff9a94; --allow: #7fd993; --wait: #f0c36a; --text: #e8ebf0; --page: #12151a; }
}
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem 1.5rem 3rem; max-width: 80rem; color: var(--text); background: var(--page); }
h1 { font-size: 1.5rem; margin: 1rem 0 0.25rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1rem; margin: 0.5rem 0; }
dt { font-weight: 600; }
dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin-top: 1rem; }
caption { text-align: left; padding: 0.5rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.6rem; border-bottom: 1px solid var(--line); }
thead th { position: sticky; top: 0; background: var(--soft); }
tbody th { font-weight: 400; font-variant-numeric: tabular-nums; }
td { overflow-wrap: anywhere; }
td.when { white-space: nowrap; font-variant-numeric: tabular-nums; }
.deny { color: var(--deny); font-weight: 600; }
.allow { color: var(--allow); font-weight: 600; }
.pending, .undecided { color: var(--wait); font-weight: 600; }
.mark { border: 1px solid var(--line); border-radius: 0.25rem; padding: 0 0.3rem; font-size: 0.85rem; }
summary { cursor: pointer; }
summary:focus-visible, a:focus-visible { outline: 3px solid Highlight; outline-offset: 2px; }
code { font-size: 0.85rem; overflow-wrap: anywhere; }
@media (max-width: 48rem) {
  body { padding: 0.75rem 0.9rem 2rem; }
  dl { grid-template-columns: minmax(0, 1fr); }
  table, caption, tbody, tr, th, td { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { border-bottom: 1px solid var(--line); padding: 0.5rem 0; }
  tbody th, td { border: 0; padding: 0.1rem 0; }
  tbody th::before { content: "Entry "; }
}
@media print { thead th { position: static; } }
`

const head = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '{{.StyleHash}}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="remit">
<title>Audit log {{.Origin}}</title>
<style>` + style + `</style>
</head>
<body>
<main>
<h1>Audit log {{.Origin}}</h1>
<p>Each entry is one decision: who asked for what, on whose authority, and what came of it. Every entry here was proven to be in the log when this page was made.</p>
<dl>
<dt>Entries in the log</dt><dd>{{.Size}}</dd>
<dt>Shown here</dt><dd>{{.Asked}}</dd>
<dt>Root hash</dt><dd><code>{{.Root}}</code></dd>
<dt>Key of the log</dt><dd><code>{{.Key}}</code></dd>
<dt>Made</dt><dd><time datetime="{{.Machine}}">{{.At}}</time> by remit {{.Tool}}</dd>
</dl>
<table role="table">
<caption>Decisions, the newest first unless asked otherwise. "Unattested" means that nobody vouches that the entry is from the place that it names: it says what somebody claims.</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Entry</th><th role="columnheader" scope="col">Time</th><th role="columnheader" scope="col">What happened</th><th role="columnheader" scope="col">Verdict</th><th role="columnheader" scope="col">Where</th></tr></thead>
<tbody role="rowgroup">
`

const row = `<tr role="row"><th role="rowheader" scope="row" id="entry-{{.Index}}">{{.Index}}</th><td role="cell" class="when"><time datetime="{{.Machine}}">{{.At}}</time></td><td role="cell">{{.Sentence}}
{{- range .Marks}} <span class="mark">{{.}}</span>{{end}}
<details><summary>Details of entry {{.Index}}</summary>
<dl>{{range .Facts}}<dt>{{.Name}}</dt><dd>{{.Text}}</dd>{{end}}</dl>
{{- if .Chain}}<p>On whose authority, the first at the top:</p><ol>{{range .Chain}}<li>{{.}}</li>{{end}}</ol>{{end}}
{{- if .Acts}}<p>Acts:</p><ul>{{range .Acts}}<li>{{.}}</li>{{end}}</ul>{{end}}
{{- if .Gates}}<p>Approvals:</p><ul>{{range .Gates}}<li>{{.}}</li>{{end}}</ul>{{end -}}
</details></td><td role="cell"><span class="{{.Class}}">{{.Verdict}}</span></td><td role="cell">{{.Where}}</td></tr>
`

const foot = `</tbody>
</table>
<p>{{.}} listed.</p>
</main>
</body>
</html>
`

type pageHead struct {
	StyleHash, Origin, Asked, Root, Key, Machine, At, Tool string
	Size                                                   int64
}

type pageRow struct {
	Index                                        int64
	Machine, At, Sentence, Verdict, Class, Where string
	Marks                                        []string
	Facts                                        []pageFact
	Chain, Acts, Gates                           []string
}

type pageFact struct{ Name, Text string }

// page writes the page, a row at a time.
type page struct {
	out   *bufio.Writer
	row   *template.Template
	foot  *template.Template
	count int
}

func newPage(out *bufio.Writer, about About) (Writer, error) {
	p := &page{out: out}
	first, err := template.New("head").Parse(head)
	if err != nil {
		return nil, fmt.Errorf("making the page: %w", err)
	}
	if p.row, err = template.New("row").Parse(row); err != nil {
		return nil, fmt.Errorf("making the page: %w", err)
	}
	if p.foot, err = template.New("foot").Parse(foot); err != nil {
		return nil, fmt.Errorf("making the page: %w", err)
	}
	sum := sha256.Sum256([]byte(style))
	asked := "all entries"
	if about.Asked != "" {
		asked = inert.Line(about.Asked)
	}
	return p, first.Execute(out, pageHead{
		StyleHash: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]),
		Origin:    inert.Line(about.Checkpoint.Origin), Asked: asked, Root: about.Checkpoint.Hash.String(), Key: inert.Line(about.Key),
		Machine: about.At.UTC().Format(time.RFC3339), At: names.Stamp(about.At), Tool: inert.Line(about.Tool), Size: about.Checkpoint.Size,
	})
}

func (p *page) Add(i Item) error {
	p.count++
	return p.row.Execute(p.out, pageRowOf(i))
}

func (p *page) Close() error {
	if err := p.foot.Execute(p.out, counted(p.count, "entry", "entries")); err != nil {
		return err
	}
	return p.out.Flush()
}

func pageRowOf(i Item) pageRow {
	e := i.Entry
	out := pageRow{
		Index: i.Index, Machine: e.Time.Format(time.RFC3339), At: names.Stamp(e.Time), Sentence: e.Sentence(), Where: e.Surface,
		Verdict: VerdictWord(e.Verdict), Class: e.Verdict.String(),
	}
	if e.Attestation.IsZero() {
		out.Marks = append(out.Marks, "unattested")
	}
	if i.Perhaps {
		out.Marks = append(out.Marks, "perhaps")
	}
	for _, f := range Facts(e) {
		out.Facts = append(out.Facts, pageFact(f))
	}
	if a := e.Telling(); a != nil {
		out.Chain = Authority(e, a)
	}
	for k := range e.Acts.Items {
		out.Acts = append(out.Acts, ActLine(&e.Acts.Items[k]))
	}
	out.Acts = appendCut(out.Acts, e.Acts.Cut)
	for k := range e.Gates.Items {
		out.Gates = append(out.Gates, GateLine(&e.Gates.Items[k]))
	}
	out.Gates = appendCut(out.Gates, e.Gates.Cut)
	return out
}
