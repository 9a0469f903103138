package report

import (
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

// jsonVersion is the version of the JSON report. Members may be added within a version.
const jsonVersion = 1

type jsonReport struct {
	Version    int           `json:"version"`
	Verdict    string        `json:"verdict"`
	Observe    bool          `json:"observe"`
	Repository string        `json:"repository"`
	Policy     string        `json:"policy"`
	PolicyFrom string        `json:"policy_from"`
	At         string        `json:"at"`
	AtSource   string        `json:"at_source"`
	Acts       []jsonAct     `json:"acts"`
	Gates      []jsonGate    `json:"gates"`
	Findings   []jsonFinding `json:"findings"`
	Nothing    string        `json:"nothing,omitzero"` // why there was nothing to judge
}

type jsonAct struct {
	Kind     string        `json:"kind"`
	Subject  string        `json:"subject"`
	Ref      string        `json:"ref"`
	Title    string        `json:"title"`
	Actor    string        `json:"actor"`
	Key      string        `json:"key"`
	Evidence string        `json:"evidence"`
	Seen     string        `json:"seen,omitzero"`
	SeenBy   string        `json:"seen_by"`
	Chain    []jsonLink    `json:"chain"`
	Verdict  string        `json:"verdict"`
	Findings []jsonFinding `json:"findings"`
}

type jsonLink struct {
	Delegator string `json:"delegator"`
	Delegate  string `json:"delegate"`
	Digest    string `json:"digest"`
	NotAfter  string `json:"not_after"`
	Purpose   string `json:"purpose"`
	Minted    bool   `json:"minted"`
}

type jsonFinding struct {
	Rule     string        `json:"rule"`
	Effect   string        `json:"effect"`
	Summary  string        `json:"summary"`
	Reason   string        `json:"reason"`
	Fix      string        `json:"fix"`
	Path     string        `json:"path,omitzero"`
	Line     int           `json:"line,omitzero"`
	Column   int           `json:"column,omitzero"`
	Location *jsonLocation `json:"location,omitzero"`
}

type jsonLocation struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

type jsonGate struct {
	Name      string        `json:"name"`
	Needed    int           `json:"needed"`
	Counted   []string      `json:"counted"`
	Ignored   []jsonIgnored `json:"ignored"`
	Approvers []string      `json:"approvers"`
	Location  *jsonLocation `json:"location,omitzero"`
}

type jsonIgnored struct {
	Who string `json:"who"`
	Why string `json:"why"`
}

// JSON writes a report as one JSON object and a newline, in the form that docs call version 1.
// Strings are whole and decode to what the report holds, except that a byte that is not UTF-8, which
// JSON cannot hold, becomes \xff in text. In the encoded form no character is invisible, reorders
// others or starts a CI system's command: such ones are \u escapes. Times are RFC 3339 in UTC.
func JSON(w io.Writer, r *verdict.Report) error {
	if r == nil {
		return errNoReport
	}
	return writeJSON(w, jsonReport{
		Version:    jsonVersion,
		Verdict:    r.Verdict.String(),
		Observe:    r.Observe,
		Repository: inert.UTF8(r.Repository),
		Policy:     inert.UTF8(r.Policy),
		PolicyFrom: inert.UTF8(r.PolicyFrom),
		At:         timestamp(r.At),
		AtSource:   inert.UTF8(r.AtSource),
		Acts:       each(r.Acts, jsonActOf),
		Gates:      each(r.Gates, jsonGateOf),
		Findings:   each(r.Findings, jsonFindingOf),
		Nothing:    inert.UTF8(r.Nothing),
	}, "JSON")
}

func jsonActOf(a verdict.Act) jsonAct {
	seen := ""
	if !a.Seen.IsZero() {
		seen = timestamp(a.Seen)
	}
	return jsonAct{
		Kind:     inert.UTF8(a.Kind),
		Subject:  inert.UTF8(a.Subject),
		Ref:      inert.UTF8(a.Ref),
		Title:    inert.UTF8(a.Title),
		Actor:    inert.UTF8(a.Actor),
		Key:      inert.UTF8(a.Key),
		Evidence: inert.UTF8(a.Evidence),
		Seen:     seen,
		SeenBy:   inert.UTF8(a.SeenBy),
		Chain:    each(a.Chain, jsonLinkOf),
		Verdict:  a.Verdict.String(),
		Findings: each(a.Findings, jsonFindingOf),
	}
}

func jsonLinkOf(l verdict.Link) jsonLink {
	return jsonLink{
		Delegator: inert.UTF8(l.Delegator),
		Delegate:  inert.UTF8(l.Delegate),
		Digest:    inert.UTF8(l.Digest),
		NotAfter:  timestamp(l.NotAfter),
		Purpose:   inert.UTF8(l.Purpose),
		Minted:    l.Minted,
	}
}

func jsonFindingOf(f verdict.Finding) jsonFinding {
	return jsonFinding{
		Rule:     inert.UTF8(f.Rule),
		Effect:   f.Effect.String(),
		Summary:  inert.UTF8(f.Summary),
		Reason:   inert.UTF8(f.Reason),
		Fix:      inert.UTF8(f.Fix),
		Path:     inert.UTF8(f.Path),
		Line:     f.Line,
		Column:   f.Column,
		Location: jsonLocationOf(f.Location),
	}
}

func jsonGateOf(g verdict.Gate) jsonGate {
	return jsonGate{
		Name:      inert.UTF8(g.Name),
		Needed:    g.Needed,
		Counted:   each(g.Counted, inert.UTF8),
		Ignored:   each(g.Ignored, func(i verdict.Ignored) jsonIgnored { return jsonIgnored{inert.UTF8(i.Who), inert.UTF8(i.Why)} }),
		Approvers: each(g.Approvers, inert.UTF8),
		Location:  jsonLocationOf(g.Location),
	}
}

func jsonLocationOf(l *verdict.Location) *jsonLocation {
	if l == nil {
		return nil
	}
	return &jsonLocation{File: inert.UTF8(l.File), Line: l.Line, Column: l.Column}
}

// each maps a list; the result is never nil, so that it is written as [].
func each[T, U any](list []T, f func(T) U) []U {
	out := make([]U, len(list))
	for i, item := range list {
		out[i] = f(item)
	}
	return out
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// writeJSON writes v and a newline in one piece.
func writeJSON(w io.Writer, v any, what string) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding the %s report: %w", what, err)
	}
	return writeAll(w, append(inert.JSON(b), '\n'), what)
}
