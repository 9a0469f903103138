package cli_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// jsonReport is what scripts may rely on of `remit check --format json`.
type jsonReport struct {
	Version    int       `json:"version"`
	Verdict    string    `json:"verdict"`
	Repository string    `json:"repository"`
	Policy     string    `json:"policy"`
	At         string    `json:"at"`
	Acts       []jsonAct `json:"acts"`
	Gates      []struct {
		Name    string   `json:"name"`
		Needed  int      `json:"needed"`
		Counted []string `json:"counted"`
		Ignored []struct {
			Who string `json:"who"`
			Why string `json:"why"`
		} `json:"ignored"`
		Rest jsontext.Value `json:",unknown"`
	} `json:"gates"`
	Findings []jsonFinding  `json:"findings"`
	Rest     jsontext.Value `json:",unknown"` // members may be added within a version
}

type jsonAct struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	Actor   string `json:"actor"`
	Ref     string `json:"ref"`
	Chain   []struct {
		Delegator string         `json:"delegator"`
		Delegate  string         `json:"delegate"`
		Digest    string         `json:"digest"`
		NotAfter  string         `json:"not_after"`
		Purpose   string         `json:"purpose"`
		Rest      jsontext.Value `json:",unknown"`
	} `json:"chain"`
	Verdict  string         `json:"verdict"`
	Findings []jsonFinding  `json:"findings"`
	Rest     jsontext.Value `json:",unknown"`
}

type jsonFinding struct {
	Rule     string         `json:"rule"`
	Effect   string         `json:"effect"`
	Summary  string         `json:"summary"`
	Reason   string         `json:"reason"`
	Fix      string         `json:"fix"`
	Path     string         `json:"path"`
	Rest     jsontext.Value `json:",unknown"`
	Location *struct {
		File   string `json:"file"`
		Line   int    `json:"line"`
		Column int    `json:"column"`
	} `json:"location"`
}

// parseReport reads the one object that must be all of standard output.
func parseReport(stdout string) (*jsonReport, error) {
	var r jsonReport
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		return nil, fmt.Errorf("standard output is not one JSON report: %w: %q", err, stdout)
	}
	if r.Version != 1 {
		return nil, fmt.Errorf("the report is of version %d", r.Version)
	}
	return &r, nil
}

// all lists every finding, of the acts and of the whole.
func (r *jsonReport) all() []jsonFinding {
	all := slices.Clone(r.Findings)
	for _, a := range r.Acts {
		all = append(all, a.Findings...)
	}
	return all
}

// expect compares the verdict and the rules that block. Rules written warn:RULE or note:RULE must
// occur with that effect; those that are not named may.
func (r *jsonReport) expect(verdict string, rules ...string) error {
	blocking, others := map[string]bool{}, map[string]bool{}
	for _, f := range r.all() {
		if f.Summary == "" || f.Reason == "" || f.Fix == "" {
			return fmt.Errorf("the finding %s does not say what, why and what to do: %+v", f.Rule, f)
		}
		switch f.Effect {
		case "deny", "undecided", "pending":
			blocking[f.Rule] = true
		case "warn", "note":
			others[f.Effect+":"+f.Rule] = true
		default:
			return fmt.Errorf("the finding %s has the effect %q", f.Rule, f.Effect)
		}
	}
	var want []string
	for _, rule := range rules {
		if strings.Contains(rule, ":") {
			if !others[rule] {
				return fmt.Errorf("no %s: %s", rule, r)
			}
			continue
		}
		want = append(want, rule)
	}
	var got []string
	for rule := range blocking {
		got = append(got, rule)
	}
	slices.Sort(got)
	slices.Sort(want)
	if r.Verdict != verdict || !slices.Equal(got, want) {
		return fmt.Errorf("verdict %s by %v, not %s by %v: %s", r.Verdict, got, verdict, want, r)
	}
	return nil
}

func (r *jsonReport) String() string {
	var b strings.Builder
	for _, f := range r.all() {
		fmt.Fprintf(&b, "\n\t%s %s: %s: %s", f.Effect, f.Rule, f.Summary, f.Reason)
	}
	return b.String()
}
