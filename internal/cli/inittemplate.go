package cli

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/template"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/policy"
)

// The files that init writes. Their actions stand in << >>, because workflows use {{ }} themselves.
//
//go:embed templates
var templates embed.FS

// policyFacts is what the policy's template is filled in with.
type policyFacts struct {
	GitHub     bool // origin is on GitHub: there are pull requests, reviews and workflows
	Repository string
	Branch     string   // the default branch
	Bases      []string // patterns of other branches that live long
	Protected  []string // what is protected, where the default is not enough
	Owners     []ownedPaths
	People     []owner // of Owners, without the human
	Name       string  // of the human, without "human."
	Login      string  // "" if it is not known
	LoginID    string  // the account's number; "" if it is not known
	Key        string  // authorized_keys line
	Paths      []string
	Guessed    bool   // Paths are an example: nothing was found
	Other      string // folders that Paths leave out, for a comment

	Audit       bool          // the environment of the audit log's key is written
	Environment string        // "" for none
	Secrets     string        // the pattern of its secrets
	GateRef     string        // the gate's commit, the same as the workflow's
	Own         []foundSecret // those that its jobs reach already, and that the pattern does not cover

	Found  []foundEnvironment // of the workflows that are there, without Environment
	Shared []foundSecret      // secrets that jobs of no environment reach
}

// workflowFacts is what the workflows' templates are filled in with.
type workflowFacts struct {
	Branch      string
	Ref         string // of remit-sh/remit
	GateRef     string // the same for a gate: a commit's full id
	Environment string
}

// render fills in a template.
func render(name string, facts any) ([]byte, error) {
	t, err := template.New(name).Delims("<<", ">>").Option("missingkey=error").
		Funcs(template.FuncMap{"quote": quoteHCL}).ParseFS(templates, "templates/"+name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, facts); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// renderPolicy fills in the policy, formats it, and makes sure that it is one.
func renderPolicy(facts policyFacts) ([]byte, error) {
	src, err := render(policy.FileName, facts)
	if err != nil {
		return nil, err
	}
	src, diags := policy.Format(src, policy.FileName)
	if !diags.HasErrors() {
		_, diags = policy.Parse(src, policy.FileName)
	}
	diags = slices.DeleteFunc(diags, func(d policy.Diagnostic) bool {
		return d.Summary == policy.AccountUnpinned && (facts.LoginID == "" || len(facts.People) > 0) || d.Summary == policy.CommitUnwritten && facts.GateRef == policy.NoCommit
	})
	if len(diags) > 0 {
		return nil, fault.WithFix(fault.Undecidedf("the policy that init would write is not valid: %w", diags), "this is a bug: please report it")
	}
	return src, nil
}

// quoteHCL writes a text as HCL does, so that nothing in it is taken for a template.
func quoteHCL(s string) string { return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes()) }

// sources are the names of folders that hold what agents are usually asked to write. Folders that
// deploy, build or configure are left out: to grant them is a decision.
func sources() []string {
	return []string{
		"api", "app", "apps", "backend", "client", "cmd", "components", "doc", "docs", "examples", "frontend", "include", "internal",
		"lib", "libs", "packages", "pages", "pkg", "public", "server", "spec", "src", "test", "tests", "web", "website",
	}
}

const maxOther = 12 // folders that a comment names

// sourcePaths looks for folders of sources at the top of a work tree, and lists the others.
func sourcePaths(tree fs.FS) (paths []string, other string, err error) {
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		return nil, "", fmt.Errorf("looking for sources: %w", err)
	}
	var rest []string
	for _, e := range entries {
		name := e.Name()
		switch {
		case !e.IsDir() && strings.HasSuffix(name, ".go") && !slices.Contains(paths, "*.go"):
			paths = append(paths, "*.go")
		case !e.IsDir() || strings.HasPrefix(name, "."):
		case slices.Contains(sources(), name):
			paths = append(paths, name+"/**")
		case plainName(name):
			rest = append(rest, name)
		}
	}
	if len(rest) > maxOther {
		rest = append(rest[:maxOther], "…")
	}
	return paths, strings.Join(rest, ", "), nil
}

// plainName reports whether a file's name can stand in a comment.
func plainName(s string) bool {
	return len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}
