package policy

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/remit-sh/remit/names"
)

// Format returns the policy in the canonical layout. It changes white space alone, and refuses
// what is not valid syntax; what the policy means is not looked at. Formatting twice changes nothing.
func Format(src []byte, file string) ([]byte, Diagnostics) {
	s := newSource(src, file)
	if parseBody(s) == nil {
		return nil, s.diagnostics()
	}
	out := src
	for range 4 { // the formatter may take another turn to settle
		next := hclwrite.Format(out)
		if bytes.Equal(next, out) {
			if !sameTokens(src, out) {
				break
			}
			return out, nil
		}
		out = next
	}
	s.whole("Cannot be formatted", "The formatter did not keep the policy as it is. This is a bug; please report it with the policy.")
	return nil, s.diagnostics()
}

// sameTokens reports whether two files differ in white space only.
func sameTokens(a, b []byte) bool {
	x, _ := hclsyntax.LexConfig(a, "", hcl.InitialPos)
	y, _ := hclsyntax.LexConfig(b, "", hcl.InitialPos)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i].Type != y[i].Type || !bytes.Equal(bytes.TrimSpace(x[i].Bytes), bytes.TrimSpace(y[i].Bytes)) {
			return false
		}
	}
	return true
}

// AppendRevocation adds a revoke block at the end of a policy and leaves the rest as it is, byte
// for byte. A name that is taken gets a number. The result is a valid policy; where src is none, or
// r revokes nothing that can be written, there is an error and no result.
func AppendRevocation(src []byte, file string, r Revocation) ([]byte, error) {
	p, diags := Parse(src, file)
	if err := diags.Err(); err != nil {
		return nil, fmt.Errorf("adding a revocation: %w", err)
	}
	block := hclwrite.NewBlock("revoke", []string{p.freeName(r.Name)})
	body := block.Body()
	setTexts(body, "keys", r.Keys)
	if len(r.Agents) > 0 {
		body.SetAttributeRaw("agents", references(r.Agents))
	}
	setTexts(body, "delegations", r.Delegations)
	if !r.Since.IsZero() {
		body.SetAttributeValue("since", cty.StringVal(r.Since.UTC().Format(time.RFC3339)))
	}
	if r.Reason != "" {
		body.SetAttributeValue("reason", cty.StringVal(r.Reason))
	}
	f := hclwrite.NewEmptyFile()
	f.Body().AppendBlock(block)

	out := bytes.Clone(src)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	out = append(out, '\n')
	out = append(out, hclwrite.Format(f.Bytes())...)
	if _, diags := Parse(out, file); diags.HasErrors() {
		return nil, fmt.Errorf("adding a revocation: %w", diags.Err())
	}
	return out, nil
}

func setTexts(body *hclwrite.Body, name string, texts []string) {
	if len(texts) == 0 {
		return
	}
	list := make([]cty.Value, len(texts))
	for i, t := range texts {
		list[i] = cty.StringVal(t)
	}
	body.SetAttributeValue(name, cty.TupleVal(list))
}

// references writes a list of references to principals.
func references(list []names.Principal) hclwrite.Tokens {
	var items []hclwrite.Tokens
	for _, p := range list {
		items = append(items, hclwrite.TokensForTraversal(hcl.Traversal{
			hcl.TraverseRoot{Name: string(p.Kind())},
			hcl.TraverseAttr{Name: p.Label()},
		}))
	}
	return hclwrite.TokensForTuple(items)
}

// freeName is the name, or the name and a number, that no revocation has.
func (p *Policy) freeName(name string) string {
	taken := map[string]bool{}
	for _, r := range p.Revocations {
		taken[strings.ToLower(r.Name)] = true
	}
	free := name
	for n := 2; taken[strings.ToLower(free)]; n++ {
		free = fmt.Sprintf("%s (%d)", name, n)
	}
	return free
}
