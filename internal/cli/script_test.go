package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScript runs the stories in testdata/script with real git. Beside testscript's own commands:
//
//	as NAME             from now on NAME's home, keys and git identity
//	clock TIME          sets the time, RFC 3339 or +10m
//	shop                fills in the shop (shop_test.go), and goes into its clone as alice
//	exits CODE CMD…     runs CMD, which must end with exactly this code
//	let NAME            sets $NAME to the last standard output, trimmed
//	judged VERDICT R…   the last standard output is a JSON report with this verdict, blocked by
//	                    exactly these rules; more can follow as warn:RULE and note:RULE
//	sneak SUBJECT [D]   commits what is staged as the one who works here, around all of remit's
//	                    hooks, signed by ssh-keygen and naming the delegation D
//	append FILE TEXT    adds a line to a file
//	mode PERM FILE…     the files' permissions are these
//
// and the condition [tool:NAME], a program in PATH or among the hook managers of .ci/hooktools ($HOOKTOOLS), or
// git-VERSION for git itself at that version or newer. Where REMIT_CI=1 none may be missing.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		UpdateScripts:      os.Getenv("REMIT_UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			for _, name := range []string{"home", "tmp"} {
				if err := os.MkdirAll(filepath.Join(e.WorkDir, name), 0o700); err != nil {
					return err
				}
			}
			file := filepath.Join(e.WorkDir, "clock")
			if err := os.WriteFile(file, []byte(start().Format(time.RFC3339)), 0o600); err != nil {
				return err
			}
			for _, kv := range environment(e.WorkDir, "alice") {
				name, value, _ := strings.Cut(kv, "=")
				e.Setenv(name, value)
			}
			e.Setenv("HOOKTOOLS", hookTools())
			return nil
		},
		Condition: haveTool,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"as": cmdAs, "clock": cmdClock, "shop": cmdShop, "exits": cmdExits, "let": cmdLet,
			"judged": cmdJudged, "append": cmdAppend, "mode": cmdMode, "sh": cmdSh,
			"sneak": cmdSneak, "follow": cmdFollow,
		},
	})
}

// hookTools is where the pinned hook managers of npm are, if somebody installed them.
func hookTools() string {
	dir, err := filepath.Abs("../../.ci/hooktools/node_modules")
	if err != nil {
		panic(err)
	}
	return dir
}

func haveTool(condition string) (bool, error) {
	name, ok := strings.CutPrefix(condition, "tool:")
	if !ok {
		return false, fmt.Errorf("%q is no condition", condition)
	}
	if version, ok := strings.CutPrefix(name, "git-2."); ok {
		least, err := strconv.Atoi(version)
		if err != nil {
			return false, err
		}
		out, err := exec.Command("git", "version").Output()
		if err != nil {
			return false, err
		}
		var minor int
		_, err = fmt.Sscanf(string(out), "git version 2.%d", &minor)
		return err == nil && minor >= least, nil // which git there is is the system's affair, in CI too
	}
	_, inPath := exec.LookPath(name)
	_, pinned := os.Stat(filepath.Join(hookTools(), ".bin", name))
	if inPath != nil && pinned != nil && os.Getenv("REMIT_CI") == "1" {
		return false, fmt.Errorf("%s is not installed, and REMIT_CI=1 lets nothing be skipped", name)
	}
	return inPath == nil || pinned == nil, nil
}

func wants(ts *testscript.TestScript, neg bool, ok bool, usage string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

func cmdAs(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, len(args) == 1, "as NAME")
	for _, kv := range environment(ts.Getenv("WORK"), args[0]) {
		name, value, _ := strings.Cut(kv, "=")
		ts.Setenv(name, value)
	}
	ts.Check(os.MkdirAll(ts.Getenv("HOME"), 0o700))
}

func cmdClock(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, len(args) == 1, "clock TIME")
	now, err := time.Parse(time.RFC3339, args[0])
	if after, ok := strings.CutPrefix(args[0], "+"); ok {
		var d time.Duration
		if d, err = time.ParseDuration(after); err == nil {
			now = start().Add(d)
		}
	}
	ts.Check(err)
	ts.Check(os.WriteFile(ts.Getenv(clockVariable), []byte(now.Format(time.RFC3339)), 0o600))
	ts.Setenv("GIT_AUTHOR_DATE", now.Format(time.RFC3339))
	ts.Setenv("GIT_COMMITTER_DATE", now.Format(time.RFC3339))
}

func cmdShop(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, len(args) == 0, "shop")
	work := ts.Getenv("WORK")
	ts.Check(fillShop(work))
	ts.Check(ts.Chdir("shop"))
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, len(args) > 1, "exits CODE CMD…")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError) //nolint:errorlint // testscript returns it as it is
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit code %d, not %d", code, want)
	}
}

func cmdLet(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, len(args) == 1, "let NAME")
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func cmdJudged(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, len(args) > 0, "judged VERDICT [RULE…]")
	report, err := parseReport(ts.ReadFile("stdout"))
	ts.Check(err)
	if err := report.expect(args[0], args[1:]...); err != nil {
		ts.Fatalf("%v", err)
	}
}

func cmdSneak(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, len(args) == 1 || len(args) == 2, "sneak SUBJECT [DELEGATION]")
	who := filepath.Base(ts.Getenv("HOME"))
	message := args[0] + "\n"
	if len(args) == 2 {
		message += "\nDelegation: " + args[1] + "\n"
	}
	ts.Check(ts.Exec("git", "-c", "core.hooksPath=/dev/null", "-c", "gpg.format=ssh", "-c", "gpg.ssh.program=ssh-keygen",
		"-c", "user.signingkey="+filepath.Join(ts.Getenv("HOME"), "keys", who), "commit", "-q", "-S", "--allow-empty", "-m", message))
}

// follow runs the first command in backquotes that what was just printed on standard error has and that begins so,
// to the letter; NAME=VALUE fills a placeholder in.
func cmdFollow(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: follow BEGINNING [NAME=VALUE…]")
	}
	command := printedCommand(ts.ReadFile("stderr"), args[0])
	if command == "" {
		ts.Fatalf("no command was printed that begins with %q", args[0])
	}
	for _, fill := range args[1:] {
		name, value, _ := strings.Cut(fill, "=")
		if !strings.Contains(command, name) {
			ts.Fatalf("%q has no %s", command, name)
		}
		command = strings.ReplaceAll(command, name, value)
	}
	ts.Logf("%s", command)
	if err := ts.Exec("sh", "-c", command); (err == nil) == neg {
		ts.Fatalf("%s: %v", command, err)
	}
}

// printedCommand finds a command in a report, whose lines are broken and begin with a margin.
func printedCommand(text, begins string) string {
	var words []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "remote:"))
		words = append(words, strings.Fields(strings.TrimPrefix(line, "│"))...)
	}
	for i, part := range strings.Split(strings.Join(words, " "), "`") {
		if i%2 == 1 && strings.HasPrefix(part, begins) {
			return part
		}
	}
	return ""
}

func cmdAppend(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, len(args) == 2, "append FILE TEXT")
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	ts.Check(err)
	_, err = fmt.Fprintln(f, args[1])
	ts.Check(err)
	ts.Check(f.Close())
}

func cmdMode(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, len(args) > 1, "mode PERM FILE…")
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, not %s", name, got, args[0])
		}
	}
}

// sh runs a shell's line, for the stories that README tells: $( ), > and here documents are what
// their readers type.
func cmdSh(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: sh 'LINE'")
	}
	err := ts.Exec("sh", "-c", args[0])
	if (err == nil) == neg {
		ts.Fatalf("%s: %v", args[0], err)
	}
}
