package hooks

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the scripts below
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/remit-sh/remit/inert"
)

// The parts of which scripts are made. find.sh sets remit_bin, earlier.sh remit_before; what needs them
// follows. guard.sh stands alone.
var (
	//go:embed find.sh
	findPart string
	//go:embed direct.sh
	directPart string
	//go:embed after.sh
	afterPart string
	//go:embed through.sh
	throughPart string
	//go:embed args.sh
	argsPart string
	//go:embed stdin.sh
	stdinPart string
	//go:embed pass.sh
	passPart string
	//go:embed earlier.sh
	earlierPart string
	//go:embed guard.sh
	guardPart string
)

const (
	mark   = "# remit-hook" // begins the second line of every script
	format = "1"            // of the scripts; status reads scripts of every format

	maxScript = 1 << 20 // bytes of a hook that are read; longer ones are somebody else's
)

// directScript is the text of a hook that runs remit alone.
func directScript(p place, remit string) []byte {
	return render(p.name, findPart+directPart, values{remit: remit, undo: "rm " + quote(p.path)})
}

// afterScript is the text of a hook that runs an earlier one first, which is kept at p.before and
// was read as earlier.
func afterScript(p place, remit string, earlier []byte) []byte {
	return render(p.name, findPart+afterPart+thenPart(p.name), values{
		remit: remit, before: p.before, run: runner(p, earlier), undo: "mv -f " + quote(p.before) + " " + quote(p.path),
	})
}

// thenPart runs the earlier hook and then remit. Only these two hooks are told anything on
// standard input.
func thenPart(name string) string {
	if name == "pre-push" || name == "pre-receive" {
		return stdinPart
	}
	return argsPart
}

// values fill the @PLACEHOLDERS@ of a script.
type values struct {
	remit  string // the program
	before string // the earlier hook
	run    string // the words that run the earlier hook
	undo   string // how to do without remit, for messages
	own    string // core.hooksPath where it leads to these scripts
	usual  string // git's usual hooks, as found from the folder of these scripts
	alone  string // what comes before remit runs without an earlier hook
	file   string // the guard's: see [Guard]
	marker string
}

func render(name, body string, v values) []byte {
	text := strings.NewReplacer(
		"@NAME@", name,
		"@MARK@", mark,
		"@REMIT@", quote(v.remit),
		"@BEFORE@", quote(v.before),
		"@RUN@", v.run,
		"@OWN@", quote(v.own),
		"@USUAL@", quote(v.usual),
		"@ALONE@", v.alone,
		"@FILE@", quote(v.file),
		"@MARKER@", quote(v.marker),
		"@LOST@", quote(lost),
		"@MISSING@", quote(missing(name, v)),
		"@GONE@", quote(gone(name, v)),
	).Replace(body)
	sum := sha256.Sum256([]byte(text))
	return []byte("#!/bin/sh\n" + mark + " " + name + " " + format + " sha256:" + hex.EncodeToString(sum[:]) + "\n" + text)
}

// missing is what a script says when there is no remit to run.
func missing(name string, v values) string {
	if name == "pre-receive" {
		return "remit: refused. The program that checks pushes is missing on this server, so nothing can be checked.\n" +
			"Ask whoever runs the server to install remit again, or to take its pre-receive hook away."
	}
	return "remit: the " + name + " hook cannot run: there is no remit at " + v.remit + " and none in PATH.\n" +
		"Install remit again. To go on without it: " + v.undo
}

// gone is what a script says when the earlier hook, which it must run, is not there any more.
func gone(name string, v values) string {
	return "remit: stopped. The " + name + " hook that was here before remit, " + filepath.Base(v.before) + ", is gone, so it cannot run first.\n" +
		"Put it back, or go on without it by running again: remit hooks install"
}

// runner gives the words that run an earlier hook. It is run as a program, under its new name,
// except where that name would mislead it: shell scripts that look for their parts by $0 (husky's,
// Gitea's, most that run a NAME.d directory) would silently find none. Those are read by the same
// shell with $0 as it was. A script that compares BASH_SOURCE with $0 would then believe that it is
// only being sourced, so it is left alone.
func runner(p place, earlier []byte) string {
	shell := shellOf(earlier)
	if shell == "" || !usesOwnName(earlier) {
		return `"$remit_before"`
	}
	return shell + ` -c '. "${0%/*}"/` + filepath.Base(p.before) + `' "$0"`
}

// shellOf returns the words of a script's first line that start its shell, if that is a shell that
// keeps $0 when it reads another file, and "" otherwise.
func shellOf(script []byte) string {
	first, _, _ := bytes.Cut(script, []byte("\n"))
	line, ok := strings.CutPrefix(string(first), "#!")
	words := strings.Fields(line)
	if !ok || len(words) == 0 || len(words) > 2 {
		return ""
	}
	base := func(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
	shell := words[0]
	if base(shell) == "env" {
		if len(words) == 1 {
			return ""
		}
		shell = words[1]
	} else if len(words) == 2 && !isFlags(words[1]) {
		return ""
	}
	switch base(shell) {
	case "sh", "dash", "ash", "bash":
	default:
		return ""
	}
	for _, w := range words {
		if strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") != "" {
			return "" // would need quoting
		}
	}
	return strings.Join(words, " ")
}

// isFlags accepts a shell's one-letter options, such as -e or -eu.
func isFlags(word string) bool {
	return len(word) > 1 && word[0] == '-' && strings.Trim(word[1:], "aefhuvx") == ""
}

// usesOwnName reports whether a shell script seems to look for its parts by the name that it runs under.
func usesOwnName(script []byte) bool {
	if bytes.Contains(script, []byte("BASH_SOURCE")) {
		return false
	}
	for _, use := range []string{`name "$0"`, `name $0`, `name -- "$0"`, `name -- $0`, `name "${0}"`, `${0%`, `${0#`, `$0.`} {
		if bytes.Contains(script, []byte(use)) {
			return true
		}
	}
	return false
}

// authorship says who a script is from.
type authorship int

const (
	foreign authorship = iota // not remit's
	edited                    // remit's, but not as remit wrote it
	intact                    // remit's, byte for byte
)

// author reads the second line of a script.
func author(name string, script []byte) authorship {
	line, body, ok := bytes.Cut(script, []byte("\n"))
	if !ok || !bytes.Equal(line, []byte("#!/bin/sh")) {
		return foreign
	}
	line, body, _ = bytes.Cut(body, []byte("\n"))
	f := strings.Split(string(line), " ")
	if !bytes.HasPrefix(line, []byte(mark+" ")) {
		return foreign
	}
	sum := sha256.Sum256(body)
	if len(f) != 5 || f[2] != name || f[4] != "sha256:"+hex.EncodeToString(sum[:]) {
		return edited
	}
	return intact
}

// wholeScript reports whether a script is one that remit wrote, for whatever hook, and nothing was changed.
func wholeScript(script []byte) bool {
	line, _, _ := bytes.Cut(bytes.TrimPrefix(script, []byte("#!/bin/sh\n"+mark+" ")), []byte(" "))
	return author(string(line), script) == intact
}

// maxOwnScript is more than the bytes of any script of remit's.
const maxOwnScript = 16 << 10

// appended returns what follows the script of remit's with which a script begins; false if it begins with none.
func appended(script []byte) (rest []byte, ok bool) {
	name, _, _ := bytes.Cut(bytes.TrimPrefix(script, []byte("#!/bin/sh\n"+mark+" ")), []byte(" "))
	if author(string(name), script) != edited {
		return nil, false
	}
	for end := 0; end < len(script) && end < maxOwnScript; {
		next := bytes.IndexByte(script[end:], '\n')
		if next < 0 {
			break
		}
		end += next + 1
		if author(string(name), script[:end]) == intact {
			return script[end:], true
		}
	}
	return nil, false
}

// recordedRemit reads the program's path from an intact script, "" if there is none.
func recordedRemit(script []byte) string {
	_, rest, ok := bytes.Cut(script, []byte("\nremit_bin="))
	if !ok {
		return ""
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	word := string(line)
	if len(word) < 2 || word[0] != '\'' || word[len(word)-1] != '\'' {
		return ""
	}
	return strings.ReplaceAll(word[1:len(word)-1], `'\''`, `'`)
}

// runsEarlier reports whether an intact script runs an earlier hook.
func runsEarlier(script []byte) bool { return bytes.Contains(script, []byte("\nremit_before=")) }

// Quote writes s as one word of sh.
func Quote(s string) string { return quote(s) }

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// errPath is wrapped by what [checkPath] returns.
var errPath = errors.New("is not a usable path")

// checkPath refuses a path that a script could not hold or show safely.
func checkPath(what, path string) error {
	switch {
	case path == "":
		return fmt.Errorf("%s %w: it is empty", what, errPath)
	case !filepath.IsAbs(path):
		return fmt.Errorf("%s %s %w: it must be absolute, because hooks run in other folders", what, inert.Quote(path), errPath)
	}
	return checkText(what, path)
}

func checkText(what, s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%s %s %w: it has a control character or is not UTF-8", what, inert.Quote(s), errPath)
	}
	return nil
}
