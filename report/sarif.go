package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/verdict"
)

const (
	sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"
	projectURL  = "https://github.com/remit-sh/remit"
	// maxResults is how many results one run may hold; GitHub reads no more than 25,000.
	maxResults = 25_000
)

// Tool describes remit itself in a SARIF log.
type Tool struct {
	Version string // of remit, "" where it is not known
	Rules   []Rule // those that the check has; a rule that only the report names is added
	Docs    string // where the rules' pages are; "": [DocsURL]
}

// Rule is what SARIF says about a rule.
type Rule struct {
	ID    string // such as scope-path
	Short string // what it is about, in one sentence
}

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Automation  sarifAutomation   `json:"automationDetails"`
	ColumnKind  string            `json:"columnKind"`
	Results     []sarifResult     `json:"results"`
	Properties  sarifOutcome      `json:"properties"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	InformationURI string      `json:"informationUri"`
	Version        string      `json:"version,omitzero"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string    `json:"id"`
	ShortDescription sarifText `json:"shortDescription"`
	HelpURI          string    `json:"helpUri,omitzero"`
	Help             sarifText `json:"help"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifInvocation struct {
	Successful    bool        `json:"executionSuccessful"`
	Notifications []sarifNote `json:"toolExecutionNotifications,omitzero"`
}

type sarifNote struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifAutomation struct {
	ID string `json:"id"`
}

type sarifOutcome struct {
	Verdict    string `json:"verdict"`
	Observe    bool   `json:"observe"`
	Repository string `json:"repository"`
	Policy     string `json:"policy"`
	At         string `json:"at"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
	Properties   sarifEffect       `json:"properties"`
}

type sarifEffect struct {
	Effect string `json:"effect"`
	Actor  string `json:"actor,omitzero"`
	Policy string `json:"policyLocation,omitzero"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations,omitzero"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

// sarifRegion has no column in a policy: a policy's columns count bytes, SARIF's count characters.
type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitzero"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}

// SARIF writes a report as a SARIF 2.1.0 log with one run: a result for each finding, at the path
// that it is about, else at the line of the policy. What blocks has the level error, or warning
// where the policy only observes. Messages are inert, and hold no links or placeholders.
func SARIF(w io.Writer, r *verdict.Report, tool Tool) error {
	if r == nil {
		return errNoReport
	}
	s := newSARIF(r, tool)
	for _, m := range worstFirst(r) {
		s.add(m.act, m.finding)
	}
	run := sarifRun{
		Tool: sarifTool{sarifDriver{
			Name: "remit", InformationURI: projectURL, Version: inert.LineOf(tool.Version, maxName), Rules: s.rules,
		}},
		Invocations: []sarifInvocation{{Successful: r.Verdict != verdict.NotDecided, Notifications: s.notes()}},
		Automation:  sarifAutomation{ID: "remit/"},
		ColumnKind:  "unicodeCodePoints",
		Results:     s.results,
		Properties: sarifOutcome{
			Verdict: r.Verdict.String(), Observe: r.Observe, At: timestamp(r.At),
			Repository: inert.LineOf(r.Repository, maxName), Policy: inert.LineOf(r.Policy, maxName),
		},
	}
	return writeJSON(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}}, "SARIF")
}

// sarifBuilder collects the rules and results of a run.
type sarifBuilder struct {
	r       *verdict.Report
	docs    string
	rules   []sarifRule
	index   map[string]int
	results []sarifResult
	left    int // results over the limit
}

func newSARIF(r *verdict.Report, tool Tool) *sarifBuilder {
	s := &sarifBuilder{
		r: r, docs: tool.Docs, rules: []sarifRule{}, index: map[string]int{}, results: []sarifResult{},
	}
	if s.docs == "" {
		s.docs = DocsURL
	}
	for _, rule := range tool.Rules {
		s.rule(rule.ID, rule.Short)
	}
	return s
}

// rule is the index of a rule, which is added where it is new.
func (s *sarifBuilder) rule(id, short string) int {
	if i, ok := s.index[id]; ok {
		return i
	}
	rule := sarifRule{ID: inert.LineOf(id, maxName)}
	help := "See the policy."
	if isRuleID(id) {
		rule.HelpURI = s.docs + id + ".md"
		help = "What the rule " + id + " is about, and how to mend it: " + rule.HelpURI
	}
	if short == "" {
		short = id
	}
	rule.ShortDescription.Text = sarifMessage(short)
	rule.Help.Text = help
	i := len(s.rules)
	s.index[id] = i
	s.rules = append(s.rules, rule)
	return i
}

// add makes a finding about an act, nil for one about the whole, a result.
func (s *sarifBuilder) add(a *verdict.Act, f *verdict.Finding) {
	if len(s.results) == maxResults {
		s.left++
		return
	}
	i := s.rule(f.Rule, "")
	res := sarifResult{
		RuleID:       s.rules[i].ID,
		RuleIndex:    i,
		Level:        s.level(f.Effect),
		Message:      sarifText{sarifMessage(findingText(a, f))},
		Locations:    []sarifLocation{s.location(a, f)},
		Fingerprints: map[string]string{"remitFinding/v1": fingerprint(a, f)},
		Properties:   sarifEffect{Effect: f.Effect.String()},
	}
	if a != nil {
		res.Properties.Actor = inert.LineOf(a.Actor, maxName)
	}
	if f.Location != nil {
		res.Properties.Policy = inert.LineOf(f.Location.String(), maxName)
	}
	s.results = append(s.results, res)
}

func (s *sarifBuilder) level(e verdict.Effect) string {
	switch {
	case e == verdict.Note:
		return "note"
	case e == verdict.Warn, s.r.Observe:
		return "warning"
	default:
		return "error"
	}
}

// findingText is a finding in a paragraph.
func findingText(a *verdict.Act, f *verdict.Finding) string {
	m := cut(f.Summary)
	if a != nil && !strings.Contains(m, shortSubject(a)) {
		m = kindName(a.Kind, 1) + " " + cut(shortSubject(a)) + ": " + m
	}
	m += "."
	if f.Reason != "" {
		m += " Why: " + cut(f.Reason)
	}
	if f.Fix != "" {
		m += " Fix: " + cut(f.Fix)
	}
	return m
}

// cut makes a text inert and no longer than a sentence.
func cut(s string) string { return inert.LineOf(s, maxSentence) }

// sarifMessage is inert text in which SARIF's own syntax means nothing: "[text](target)" is a link
// in plain messages too, and "{0}" a placeholder.
func sarifMessage(s string) string {
	s = inert.LineOf(s, 5*maxSentence)
	s = strings.ReplaceAll(s, "](", `]\x28`)
	var b strings.Builder
	for i := range len(s) {
		if s[i] == '{' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' {
			b.WriteString(`\x7b`)
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// location is where a finding is shown: at its path, else at the policy's line that it rests on,
// else at the policy.
func (s *sarifBuilder) location(a *verdict.Act, f *verdict.Finding) sarifLocation {
	var loc sarifLocation
	loc.Physical.Region.StartLine = 1
	switch {
	case isTreePath(f.Path):
		loc.Physical.Artifact.URI = relativeURI(f.Path)
		if f.Line > 0 {
			loc.Physical.Region = sarifRegion{f.Line, max(f.Column, 0)}
		}
	case f.Location != nil && isTreePath(f.Location.File):
		loc.Physical.Artifact.URI = relativeURI(f.Location.File)
		loc.Physical.Region.StartLine = max(f.Location.Line, 1)
	case isTreePath(s.r.PolicyFrom):
		loc.Physical.Artifact.URI = relativeURI(s.r.PolicyFrom)
	default:
		loc.Physical.Artifact.URI = "policies.hcl"
	}
	if a != nil {
		name := kindName(a.Kind, 1) + " " + shortSubject(a)
		loc.Logical = []sarifLogical{{Name: inert.LineOf(name, maxName), Kind: "resource"}}
	}
	return loc
}

// isTreePath reports whether p is a relative path without "." and "..", so that it names a file of
// the repository and no other, and no longer than a file system takes.
func isTreePath(p string) bool {
	const maxPath = 4096
	return len(p) <= maxPath && p != "." && fs.ValidPath(p)
}

// relativeURI is a path as a relative reference of RFC 3986. Everything but unreserved characters
// is encoded, colons too, since they would make the first segment a scheme.
func relativeURI(p string) string {
	var b strings.Builder
	for i := range len(p) {
		c := p[i]
		if c == '/' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// fingerprint identifies a finding from one run to the next: it holds neither times nor lines of the
// policy.
func fingerprint(a *verdict.Act, f *verdict.Finding) string {
	parts := []string{f.Rule, f.Path, f.Summary}
	if a != nil {
		parts = append(parts, a.Kind, a.Subject, a.Ref, a.Actor)
	}
	sum := sha256.Sum256([]byte(joinKey(parts)))
	return hex.EncodeToString(sum[:])
}

func (s *sarifBuilder) notes() []sarifNote {
	if s.left == 0 {
		return nil
	}
	return []sarifNote{{Level: "warning", Message: sarifText{fmt.Sprintf("%d more findings are left out.", s.left)}}}
}
