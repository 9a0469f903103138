package delegation_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
)

const (
	digest = "sha256:6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
	other  = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	line   = "Delegation: " + digest + "\n"
)

func TestParseTrailer(t *testing.T) {
	for name, tc := range map[string]struct {
		message string
		ok      bool
	}{
		"alone in its paragraph":      {"Subject\n\n" + line, true},
		"below a body":                {"Subject\n\nBody\n\n" + line, true},
		"no newline at the end":       {"Subject\n\n" + strings.TrimSuffix(line, "\n"), true},
		"among trailers":              {"Subject\n\nBody\n\nSigned-off-by: A <a@x>\n" + line + "Co-authored-by: B <b@x>\n", true},
		"below a folded trailer":      {"Subject\n\nA: b\n  c\n" + line, true},
		"with a cherry-pick note":     {"Subject\n\n" + line + "(cherry picked from commit 83baae61804e65cc73a7201a7252750c76066a30)\n", true},
		"blank lines below":           {"Subject\n\n" + line + "\n \n", true},
		"beside a ticket, signed off": {"Subject\n\nCloses #12\nSigned-off-by: A <a@x>\n" + line, true},
		"no trailer":                  {"Subject\n\nBody\n", false},
		"empty":                       {"", false},
		"another key":                 {"Subject\n\nDelegations: " + digest + "\n", false},
		"inside a line":               {"Subject\n\nSee Delegation: " + digest + "\n", false},
		"a homoglyph is no trailer":   {"Subject\n\nD\u0435legation: " + digest + "\n", false},
		"key alone":                   {"Subject\n\nDelegation\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			ref, ok, err := delegation.ParseTrailer(tc.message)
			if err != nil || ok != tc.ok || ok != (ref.Digest == digest) || ref.Inline != nil {
				t.Errorf("got %+v, %v, %v", ref, ok, err)
			}
		})
	}
}

func TestParseTrailerRefuses(t *testing.T) {
	bundle := dt.Bundle(t, "human.alice", dt.Step{To: "agent.coder"})
	inline := base64.RawURLEncoding.EncodeToString(bundle)
	trailer := func(value string) string { return "Subject\n\nDelegation: " + value + "\n" }
	for name, tc := range map[string]struct{ message, want string }{
		"two":                        {"Subject\n\n" + line + line, "two"},
		"two that differ":            {"Subject\n\n" + line + "Delegation: " + other + "\n", "two"},
		"two in two cases":           {"Subject\n\n" + line + strings.ToLower(line), "two"},
		"one in the body too":        {"Subject\n\n" + line + "\nBody\n\n" + line, "two"},
		"one in the subject too":     {line + "\n" + line, "two"},
		"one indented too":           {"Subject\n\n  " + line + "\nBody\n\n" + line, "two"},
		"one with a space too":       {"Subject\n\nDelegation : " + digest + "\n" + line, "two"},
		"one folded into another":    {"Subject\n\nA: b\n " + line + line, "two"},
		"in the subject":             {line, "last paragraph"},
		"in the subject's paragraph": {"Subject\n" + line, "last paragraph"},
		"subject after blank lines":  {"\n\n" + line, "last paragraph"},
		"in the body":                {"Subject\n\n" + line + "\nBody\n", "last paragraph"},
		"above other trailers":       {"Subject\n\n" + line + "\nSigned-off-by: A <a@x>\n", "last paragraph"},
		"among prose":                {"Subject\n\nprose\n" + line, "last paragraph"},
		"prose below":                {"Subject\n\n" + line + "prose\n", "last paragraph"},
		"beside a homoglyph":         {"Subject\n\nD\u0435legation: " + other + "\n" + line, "last paragraph"},
		"comment below":              {"Subject\n\n" + line + "\n# comment\n", "last paragraph"},
		"indented":                   {"Subject\n\nA: b\n " + line, "must start with"},
		"indented by a form feed":    {"Subject\n\n\f" + line, "last paragraph"},
		"lower case":                 {"Subject\n\n" + strings.ToLower(line), "must start with"},
		"upper case":                 {"Subject\n\nDELEGATION: " + digest + "\n", "must start with"},
		"space before the colon":     {"Subject\n\nDelegation : " + digest + "\n", "last paragraph"},
		"no space":                   {"Subject\n\nDelegation:" + digest + "\n", "last paragraph"},
		"tab":                        {"Subject\n\nDelegation:\t" + digest + "\n", "must start with"},
		"two spaces":                 {"Subject\n\nDelegation:  " + digest + "\n", "not a digest"},
		"folded value":               {"Subject\n\nDelegation:\n " + digest + "\n", "one line"},
		"folded on":                  {"Subject\n\n" + strings.TrimSuffix(line, "\n") + "\n more\n", "one line"},
		"empty":                      {"Subject\n\nDelegation: \n", "not a digest"},
		"digest in upper case":       {trailer(strings.ToUpper(digest)), "not a digest"},
		"hexadecimal in upper case":  {trailer("sha256:" + strings.ToUpper(digest[7:])), "not a digest"},
		"digest too short":           {trailer(digest[:70]), "not a digest"},
		"digest too long":            {trailer(digest + "0"), "not a digest"},
		"another hash":               {trailer("sha512:" + digest[7:]), "not a digest"},
		"space after":                {trailer(digest + " "), "not a digest"},
		"carriage return":            {trailer(digest + "\r"), "not a digest"},
		"two values":                 {trailer(digest + "," + other), "not a digest"},
		"inline, nothing":            {trailer("inline:"), "not the JSON"},
		"inline, padded":             {trailer("inline:" + base64.URLEncoding.EncodeToString(append(bundle, ' ', ' '))[:len(inline)] + "=="), "base64url"},
		"inline, standard base64":    {trailer("inline:+/+/"), "base64url"},
		"inline, carriage return":    {trailer("inline:" + inline[:8] + "\r" + inline[8:]), "base64url"},
		"inline, loose last bits":    {trailer("inline:AB"), "base64url"},
		"inline, no bundle":          {trailer("inline:e30"), "inline bundle"},
		"inline, one byte too many":  {trailer("inline:" + base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte("x"), delegation.MaxBundleSize+1))), "at most"},
		"inline, not canonical":      {trailer("inline:" + base64.RawURLEncoding.EncodeToString(append(bytes.Clone(bundle), '\n'))), "canonical"},
	} {
		t.Run(name, func(t *testing.T) {
			ref, ok, err := delegation.ParseTrailer(tc.message)
			if !errors.Is(err, delegation.ErrTrailer) || !strings.Contains(err.Error(), tc.want) || ok || ref.Digest != "" || ref.Inline != nil {
				t.Errorf("got %+v, %v, %v; want an error with %q", ref, ok, err, tc.want)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			if _, ok, err := delegation.ParseTrailer(delegation.StripTrailer(tc.message)); ok || err != nil {
				t.Errorf("something is left of it after StripTrailer: %v, %v", ok, err)
			}
		})
	}
}

func TestInlineTrailer(t *testing.T) {
	c := dt.MakeChain(t, "human.alice", dt.Step{To: "agent.planner"}, dt.Step{To: "agent.coder"})
	value := delegation.Ref{Inline: c.Marshal()}.Value()
	if got := c.Ref(true).Value(); got != value {
		t.Errorf("a chain says that it is %q in line, not %q", got, value)
	}
	if got := c.Ref(false).Value(); got != c.Digest() {
		t.Errorf("a chain is named %q, not %q", got, c.Digest())
	}
	ref, ok, err := delegation.ParseTrailer(delegation.AddTrailer("Subject\n", value, "#"))
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if ref.Digest != c.Digest() || !bytes.Equal(ref.Inline, c.Marshal()) || ref.Value() != value {
		t.Errorf("got %s, want %s", ref.Digest, c.Digest())
	}
	if (delegation.Ref{Digest: digest}).Value() != digest {
		t.Error("the value of a digest is not the digest")
	}
}

func TestStripTrailer(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"none":                          {"Subject\n\nBody \n\n\n", "Subject\n\nBody \n\n\n"},
		"its own paragraph":             {"Subject\n\nBody\n\n" + line, "Subject\n\nBody\n"},
		"among others":                  {"S\n\nA: b\n" + line + "C: d\n", "S\n\nA: b\nC: d\n"},
		"everywhere":                    {line + "S\n\n  delegation: x\nBody\nDELEGATION :\n\n" + line, "S\n\nBody\n"},
		"with its folding":              {"S\n\nA: b\nDelegation:\n " + digest + "\n  more\nC: d\n", "S\n\nA: b\nC: d\n"},
		"list under a word in the body": {"S\n\nDelegation:\n  - is new\n\nBody\n", "S\n\n  - is new\n\nBody\n"},
		"alone":                         {line, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := delegation.StripTrailer(tc.in); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestAddTrailer(t *testing.T) {
	const (
		help     = "# Please enter the commit message for your changes. Lines starting\n# with '#' will be ignored.\n#\n# On branch main\n"
		scissors = "# ------------------------ >8 ------------------------\n# Do not modify or remove the line above.\ndiff --git a/x b/x\n+Signed: no\n"
	)
	for name, tc := range map[string]struct{ in, want string }{
		"subject":               {"Subject\n", "Subject\n\n" + line},
		"no newline":            {"Subject", "Subject\n\n" + line},
		"body":                  {"Subject\n\nBody\n", "Subject\n\nBody\n\n" + line},
		"trailers":              {"S\n\nSigned-off-by: A <a@x>\nCo-authored-by: B <b@x>\n", "S\n\nSigned-off-by: A <a@x>\nCo-authored-by: B <b@x>\n" + line},
		"trailer, no newline":   {"S\n\nA: b", "S\n\nA: b\n" + line},
		"subject like one":      {"Fix: all\n", "Fix: all\n\n" + line},
		"prose with a trailer":  {"S\n\nprose\nA: b\n", "S\n\nprose\nA: b\n\n" + line},
		"cherry-pick":           {"S\n\n(cherry picked from commit abc)\n", "S\n\n(cherry picked from commit abc)\n" + line},
		"old ones":              {"S\n\nDelegation: " + other + "\nA: b\ndelegation: x\n\n\n", "S\n\nA: b\n" + line},
		"blank lines at end":    {"S\n\n \n\n", "S\n\n" + line},
		"before comments":       {"S\n\nBody\n\n" + help, "S\n\nBody\n\n" + line + "\n" + help},
		"trailers and comments": {"S\n\nA: b\n\n" + help, "S\n\nA: b\n" + line + "\n" + help},
		"comments right below":  {"S\n\nA: b\n" + help, "S\n\nA: b\n" + line + "\n" + help},
		"old one and comments":  {"S\n\nA: b\nDelegation:\n " + other + "\n" + help, "S\n\nA: b\n" + line + "\n" + help},
		"scissors":              {"S\n\n" + help + scissors, "S\n\n" + line + "\n" + help + scissors},
		"comment above":         {"# note\n\nFix: all\n\n" + help, "# note\n\nFix: all\n\n" + line + "\n" + help},
		"comment between":       {"S\n\nA: b\n# note\nC: d\n", "S\n\nA: b\n# note\nC: d\n" + line},
		"empty":                 {"", "\n\n" + line},
		"template":              {"\n" + help, "\n\n" + line + "\n" + help},
		"template, old one":     {"\n\nDelegation: " + other + "\n\n" + help, "\n\n" + line + "\n" + help},
		"old one below comment": {help + "Delegation: " + other + "\n", "\n\n" + line + "\n" + help},
	} {
		t.Run(name, func(t *testing.T) {
			got := delegation.AddTrailer(tc.in, digest, "#")
			if got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
			if again := delegation.AddTrailer(got, digest, "#"); again != got {
				t.Errorf("adding it again makes %q of %q", again, got)
			}
		})
	}
}

func TestAddTrailerWhereGitKeeps(t *testing.T) {
	for name, tc := range map[string]struct{ in, comment, want string }{
		"every line is kept":   {"S\n\n# heading\n", "", "S\n\n# heading\n\n" + line},
		"another comment":      {"S\n\n; note\n", ";", "S\n\n" + line + "\n; note\n"},
		"comment of two bytes": {"S\n\n// note\n", "//", "S\n\n" + line + "\n// note\n"},
		"# is text then":       {"S\n\n# heading\n", ";", "S\n\n# heading\n\n" + line},
		"scissors of another":  {"S\n; ------------------------ >8 ------------------------\nA: b\n", ";", "S\n\n" + line + "\n; ------------------------ >8 ------------------------\nA: b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := delegation.AddTrailer(tc.in, digest, tc.comment); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

// A value that is none is not added: it could smuggle in lines of its own.
func TestAddTrailerRefuses(t *testing.T) {
	for _, value := range []string{"", "x", digest + "\nSigned-off-by: A <a@x>", "inline:e30"} {
		if got := delegation.AddTrailer("S\n\n"+line, value, "#"); got != "S\n" {
			t.Errorf("%q: got %q", value, got)
		}
	}
}

func TestRefName(t *testing.T) {
	if got := delegation.RefName(digest); got != "refs/remit/delegations/"+digest[7:] {
		t.Errorf("got %q", got)
	}
	for _, s := range []string{"", "sha256:", "sha256:../heads/main", digest[7:], strings.ToUpper(digest)} {
		if got := delegation.RefName(s); got != "" {
			t.Errorf("%q: got %q", s, got)
		}
	}
}

// runGit runs the git of this machine, away from anybody's configuration.
func runGit(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@x", "GIT_AUTHOR_DATE=1795356000 +0000",
		"GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@x", "GIT_COMMITTER_DATE=1795356000 +0000",
		"GIT_EDITOR=true",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// Git reads the same trailers after AddTrailer as before it, and the delegation among them.
func TestGitReadsTheTrailer(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	for name, message := range map[string]string{
		"subject":                  "Subject\n",
		"body":                     "Subject\n\nBody\nand more: of it\n",
		"sign-off":                 "Subject\n\nBody\n\nSigned-off-by: A <a@x>\n",
		"several":                  "Subject\n\nSigned-off-by: A <a@x>\nCo-authored-by: B <b@x>\n",
		"beside a ticket":          "Subject\n\nBody\n\nCloses #12\nCo-authored-by: B <b@x>\nSigned-off-by: A <a@x>\n",
		"a ticket alone":           "Subject\n\nBody\n\nCloses #12\n",
		"a ticket, not signed off": "Subject\n\nCloses #12\nCo-authored-by: B <b@x>\n",
		"mostly text":              "Subject\n\none\ntwo\nthree\nfour\nSigned-off-by: A <a@x>\n",
		"a quarter":                "Subject\n\none\ntwo\nthree\nSigned-off-by: A <a@x>\n",
		"old ones":                 "Subject\n\nDelegation: " + other + "\nSigned-off-by: A <a@x>\ndelegation: " + other + "\n",
		"like a trailer":           "Fix: subject\n",
		"comment as text":          "Subject\n\n# heading\n",
	} {
		t.Run(name, func(t *testing.T) {
			parse := func(m string) string {
				return runGit(t, dir, m, "-c", "core.commentChar=\x01", "interpret-trailers", "--parse", "--no-divider")
			}
			got := parse(delegation.AddTrailer(message, digest, ""))
			if want := parse(delegation.StripTrailer(message)) + line; got != want {
				t.Errorf("git reads %q, want %q", got, want)
			}
		})
	}
}

// What git makes of a message with comments, once it was edited, names the delegation.
func TestGitCommitsTheTrailer(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	runGit(t, dir, "", "init", "-q", "-b", "main")
	for name, message := range map[string]string{
		"comments":      "Subject\n\nBody\n\n# comment\n#\n",
		"trailers":      "Subject\n\nSigned-off-by: A <a@x>\n# comment\n",
		"comment above": "# comment\n\nFix: subject\n\n# comment\n",
		"scissors":      "Subject\n# ------------------------ >8 ------------------------\ndiff --git a/x b/x\n Delegation: " + other + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, "message")
			if err := os.WriteFile(file, []byte(delegation.AddTrailer(message, digest, "#")), 0o600); err != nil {
				t.Fatal(err)
			}
			cleanup := "strip"
			if name == "scissors" {
				cleanup = "scissors"
			}
			runGit(t, dir, "", "commit", "-q", "--allow-empty", "-e", "--cleanup="+cleanup, "-F", file)
			committed := runGit(t, dir, "", "show", "-s", "--format=%B")
			ref, ok, err := delegation.ParseTrailer(committed)
			if err != nil || !ok || ref.Digest != digest {
				t.Errorf("got %+v, %v, %v from %q", ref, ok, err, committed)
			}
		})
	}
}
