package policy

import (
	"fmt"
	"io"
	"strings"

	"github.com/remit-sh/remit/names"
)

// Explain writes the reference of the language, from the tables that the parser goes by.
func Explain(w io.Writer) error {
	var b strings.Builder
	b.WriteString("A policy is one file, " + FileName + ". Whatever is not listed here is an error.\n")
	lang := language()
	b.WriteString("\nOUTSIDE THE BLOCKS\n")
	explainAttributes(&b, lang)
	for _, k := range lang.blocks {
		explainBlock(&b, k, "")
	}
	b.WriteString("\nNAMES IN A CONDITION (when)\n")
	for _, f := range factTable() {
		only := ""
		if f.actions != nil {
			only = " Only for " + names.List(f.actions, "and") + "."
		}
		fmt.Fprintf(&b, "  %-22s %s. %s%s\n", f.name, f.kind, f.about, only)
	}
	b.WriteString("\nFUNCTIONS IN A CONDITION\n")
	for _, f := range functionTable() {
		fmt.Fprintf(&b, "  %-30s %s\n", f.usage, f.about)
	}
	b.WriteString(`
  Operators: == != < <= > >= && || ! + - * ?: and [for x in list : x if condition].
  No function and no name reads a file, the network, the environment or a clock.

PATTERNS
  *  any run of characters inside a segment    **  any number of whole segments
  ?  one character                             [a-z] [!a-z]  a class
  "src/**" is what is inside src. No braces. Paths and refs match with case, environments,
  secrets and repositories without. A ref without refs/ is a branch.

DEFAULT GATE
  Deploy, delete and rotate by an agent need one human of this policy, of role write or more, who
  is not the chain's root, unless a gate says otherwise or the grant says alone = true. An agent's
  change of settings.protected needs one too.
`)
	_, err := io.WriteString(w, b.String())
	return err
}

func explainBlock(b *strings.Builder, k block, indent string) {
	title := map[label]string{noLabel: "", nameLabel: ` "name"`, titleLabel: ` "title"`}[k.label]
	fmt.Fprintf(b, "\n%s%s%s { … }\n%s  %s\n", indent, k.kind, title, indent, k.about)
	explainAttributes(b, k)
	for _, inner := range k.blocks {
		explainBlock(b, inner, indent+"  ")
	}
}

func explainAttributes(b *strings.Builder, k block) {
	for _, a := range k.attributes {
		defaults := "default: " + a.defaults
		if strings.HasPrefix(a.defaults, required) {
			defaults = a.defaults
		}
		fmt.Fprintf(b, "  %-17s %s; %s\n  %-17s %s\n", a.name, a.kind, defaults, "", a.about)
	}
}
