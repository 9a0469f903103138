package policy

import (
	"bytes"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// MayEnforce reports whether a policy with this text enforces, or may have for another release of remit, whose
// language may have had what this one refuses. It does not where it is valid and observes, where it is refused and
// says that it observes all the same, and where it is no HCL at all, which no release ever read.
func MayEnforce(text []byte) bool {
	if p, diags := Parse(text, FileName); !diags.HasErrors() {
		return !p.Settings.Observe
	}
	s := newSource(text, FileName)
	if !scan(s) {
		return !noHCL(s)
	}
	body := parseBody(s)
	if body == nil {
		return false
	}
	observes := false
	for _, b := range body.Blocks {
		if b.Type != "settings" {
			continue
		}
		if mode := b.Body.Attributes["mode"]; mode != nil {
			if !isText(mode.Expr, "observe") {
				return true
			}
			observes = true
		}
	}
	return !observes
}

// noHCL reports whether the scanner stopped where HCL's own parser would have too. Else it was at a limit, or at what
// the language leaves out of HCL, and another release may have read on.
func noHCL(s *source) bool {
	for _, d := range s.found {
		switch d.Summary {
		case "Invalid character encoding", "Unclosed comment", "Unclosed bracket", "Unclosed string", "Unbalanced brackets":
			return true
		case "No here-documents": // which no conflict's marker is
			return bytes.HasPrefix(s.bytes[d.Start:], []byte("<<<"))
		}
	}
	return false
}

// isText reports whether an expression is just this text.
func isText(x hclsyntax.Expression, text string) bool {
	t, ok := x.(*hclsyntax.TemplateExpr)
	if !ok || len(t.Parts) != 1 {
		return false
	}
	l, ok := t.Parts[0].(*hclsyntax.LiteralValueExpr)
	return ok && l.Val.Type().FriendlyName() == "string" && l.Val.AsString() == text
}
