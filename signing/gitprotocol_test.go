package signing

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseGitArgs(t *testing.T) {
	est := time.FixedZone("EST", -5*3600)
	for _, tc := range []struct {
		args string // "␠" separates; "∅" is an empty argument
		want GitRequest
	}{
		{"-Y sign -n git -f k FILE", GitRequest{Operation: GitSign, Namespace: "git", KeyFile: "k", File: "FILE"}},
		{"-Y sign -n git -f k -U FILE", GitRequest{Operation: GitSign, Namespace: "git", KeyFile: "k", AgentOnly: true, File: "FILE"}},
		{"-Y sign -n git -f k", GitRequest{Operation: GitSign, Namespace: "git", KeyFile: "k"}},
		{"-Y sign -n git -f k -", GitRequest{Operation: GitSign, Namespace: "git", KeyFile: "k"}},
		{"-Y sign -n git -f k -- -x", GitRequest{Operation: GitSign, Namespace: "git", KeyFile: "k", File: "-x"}},
		{"-Ysign -ngit -fk FILE", GitRequest{Operation: GitSign, Namespace: "git", KeyFile: "k", File: "FILE"}},
		{"-Y sign -n git -f -k FILE", GitRequest{Operation: GitSign, Namespace: "git", KeyFile: "-k", File: "FILE"}},
		{"-Y find-principals -f a -s s", GitRequest{Operation: GitFindPrincipals, Allowed: "a", SigFile: "s"}},
		{
			"-Y find-principals -f a -s s -Overify-time=20260102030405",
			GitRequest{Operation: GitFindPrincipals, Allowed: "a", SigFile: "s", VerifyTime: time.Date(2026, 1, 2, 3, 4, 5, 0, est)},
		},
		{"-Y find-principals -f a -s s ∅", GitRequest{Operation: GitFindPrincipals, Allowed: "a", SigFile: "s"}}, // as git without a time
		{"-Y check-novalidate -n git -s s", GitRequest{Operation: GitCheckNoValidate, Namespace: "git", SigFile: "s"}},
		{"-Y check-novalidate -n file -s s", GitRequest{Operation: GitCheckNoValidate, Namespace: "file", SigFile: "s"}},
		{
			"-Y verify -n git -f a -I alice@x -s s -O verify-time=20260102030405Z -r r",
			GitRequest{
				Operation: GitVerify, Namespace: "git", Allowed: "a", Principal: "alice@x", SigFile: "s", Revoked: "r",
				VerifyTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			},
		},
	} {
		got, err := ParseGitArgs(gitArgv(tc.args), est)
		if err != nil {
			t.Errorf("%s: %v", tc.args, err)
			continue
		}
		if !got.VerifyTime.Equal(tc.want.VerifyTime) {
			t.Errorf("%s: time %v", tc.args, got.VerifyTime)
		}
		got.VerifyTime = tc.want.VerifyTime
		if !reflect.DeepEqual(*got, tc.want) {
			t.Errorf("%s: got %+v", tc.args, *got)
		}
	}
}

func gitArgv(s string) []string {
	args := strings.Fields(s)
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "∅", "")
	}
	return args
}

func TestParseGitArgsRefuses(t *testing.T) {
	for args, reason := range map[string]string{
		"":                                        "-Y is missing",
		"FILE":                                    "-Y is missing",
		"-Y":                                      "lacks its value",
		"-Y match-principals -f a -I x":           "unknown",
		"-Y signs -n git -f k":                    "unknown",
		"-Y sign -f k FILE":                       "needs the option -n",
		"-Y sign -n git FILE":                     "needs the option -f",
		"-Y sign -n file -f k FILE":               "signs for git only",
		"-Y sign -n git -f k a b":                 "one too many",
		"-Y sign -n git -f k ∅":                   "one too many",
		"-Y sign -n git -f k -s s FILE":           "does not take the option -s",
		"-Y sign -n git -f k -Ohashalg=sha256":    "does not take the option -O",
		"-Y sign -n git -n git -f k":              "stands twice",
		"-Y sign -n git -f k -q":                  "unknown",
		"-Y sign -n git -f k --help":              "unknown",
		"-Y sign -n git -f k -Ux":                 "unknown",
		"-Y sign -n git -f ∅":                     "needs the option -f",
		"-Y find-principals -f a":                 "needs the option -s",
		"-Y find-principals -s s":                 "needs the option -f",
		"-Y find-principals -f a -s s x":          "one too many",
		"-Y find-principals -f a -s s -I x":       "does not take the option -I",
		"-Y check-novalidate -s s":                "needs the option -n",
		"-Y check-novalidate -n git -s s -f a":    "does not take the option -f",
		"-Y verify -n git -f a -s s":              "needs the option -I",
		"-Y verify -n git -f a -I x -s s -U":      "does not take the option -U",
		"-Y verify -n git -f a -I x -s s -Ox":     "-O \"x\" is unknown",
		"-Y verify -n git -f a -I x\ny -s s":      "one too many",
		"-Y check-novalidate -n g\x1bt -s s":      "control characters",
		"-Y find-principals -f a -s s -O":         "lacks its value",
		"-Y find-principals -f a -s s -Over=1":    "is unknown",
		"-Y verify -n git -f a -I x -s s -r":      "lacks its value",
		"-Y sign -n git -f k" + longArgs(100):     "more than",
		"-Y sign -n git -f " + longArg(maxGitArg): "",
	} {
		if reason == "" {
			continue
		}
		got, err := ParseGitArgs(gitArgv(args), time.UTC)
		if err == nil || got != nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: error %v, want one with %q", args, err, reason)
		}
	}
	long := []string{"-Y", "sign", "-n", "git", "-f", longArg(maxGitArg), "FILE"}
	if _, err := ParseGitArgs(long, time.UTC); err != nil {
		t.Error(err)
	}
	if _, err := ParseGitArgs([]string{"-Y", "verify", "-n", "git", "-f", "a", "-I", "x\nGood", "-s", "s"}, time.UTC); err == nil {
		t.Error("a principal with a line break was accepted")
	}
	for _, value := range []string{"", "0", "2026", "now", "20260230", "20260102030405+01"} {
		if _, err := ParseGitArgs([]string{"-Y", "find-principals", "-f", "a", "-s", "s", "-Overify-time=" + value}, time.UTC); err == nil {
			t.Errorf("verify-time=%q was accepted", value)
		}
	}
}

func longArgs(n int) string { return strings.Repeat(" x", n) }

func longArg(n int) string { return strings.Repeat("x", n) }

func TestAnswerRefuses(t *testing.T) {
	signer, message := newEd25519(t), []byte("x")
	k := signer.SSHPublicKey()
	good := GitInput{
		Signature: mustSign(t, signer, NamespaceGit, message), Message: message,
		Allowed: []byte("alice " + k.AuthorizedKey()), Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	verify := GitRequest{Operation: GitVerify, Namespace: NamespaceGit, Principal: "alice"}
	if out := verify.Answer(good); !out.OK {
		t.Fatalf("%+v", out)
	}
	for name, change := range map[string]func(r *GitRequest, in *GitInput){
		"no operation":     func(r *GitRequest, _ *GitInput) { r.Operation = "" },
		"sign":             func(r *GitRequest, _ *GitInput) { r.Operation = GitSign },
		"no signature":     func(_ *GitRequest, in *GitInput) { in.Signature = nil },
		"another message":  func(_ *GitRequest, in *GitInput) { in.Message = nil },
		"nobody allowed":   func(_ *GitRequest, in *GitInput) { in.Allowed = nil },
		"broken list":      func(_ *GitRequest, in *GitInput) { in.Allowed = append(in.Allowed, "\nx"...) },
		"revoked":          func(r *GitRequest, in *GitInput) { r.Revoked, in.Revoked = "r", []byte(k.AuthorizedKey()) },
		"binary KRL":       func(r *GitRequest, in *GitInput) { r.Revoked, in.Revoked = "r", []byte(krlMagic) },
		"find: broken":     func(r *GitRequest, in *GitInput) { r.Operation, in.Signature = GitFindPrincipals, nil },
		"find: none":       func(r *GitRequest, in *GitInput) { r.Operation, in.Allowed = GitFindPrincipals, nil },
		"find: broken too": func(r *GitRequest, in *GitInput) { r.Operation, in.Allowed = GitFindPrincipals, []byte("x") },
	} {
		r, in := verify, good
		change(&r, &in)
		out := r.Answer(in)
		if out.OK || strings.Contains(out.Stdout, "Good") || out.Stderr == "" {
			t.Errorf("%s: %+v", name, out)
		}
	}
	// A principal cannot smuggle a line that git would read, whatever the list says.
	in := good
	in.Allowed = []byte("\"alice\nGood\" " + k.AuthorizedKey())
	if out := verify.Answer(in); out.OK {
		t.Errorf("%+v", out)
	}
}

// A key that anybody can sign for matches nobody, even where a list names it.
func TestFindPrincipalsRefusesLowOrderKey(t *testing.T) {
	p := partsOf(t, newEd25519(t), []byte("x"))
	p.key = edWire(unhex(t, lowOrder[0]))
	line := PublicKey{wire: string(p.key), ed: p.key[len(p.key)-32:]}.AuthorizedKey()
	r := GitRequest{Operation: GitFindPrincipals}
	out := r.Answer(GitInput{Signature: p.armor(), Allowed: []byte("alice " + line)})
	if out.OK || out.Stdout != "" || !strings.Contains(out.Stderr, "low order") {
		t.Errorf("%+v", out)
	}
}
