package workflow

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/remit-sh/remit/evidence"
)

// What a script does is read from its words alone: it is never run, and a program that it starts may do
// anything. What is found is what stands there, however it is quoted.

// exprMark stands in a script's text for an expression: a character that no script has, and a number.
const exprMark = '\x01'

// command is the words of one command, without quotes.
type command struct {
	words []string
	text  string
}

// maxCommands bounds the commands that are read of one script, and maxPrograms the programs that one
// command may be of, each of which takes the words behind it.
const (
	maxCommands = 2000
	maxPrograms = 20
)

// commandsOf cuts a script at whatever ends a command in a shell, and its commands at blanks. What a
// shell would put together from quoted parts is one word. It takes the code of other languages too:
// exec('git', ['checkout', 'x']) comes out as the command "git checkout x".
// all is false where there are more than are read.
func commandsOf(text string, slashes bool) (list []command, all bool) {
	l := lexer{text: strings.ReplaceAll(text, "\r", ""), slashes: slashes, fresh: true}
	l.run()
	return l.out, !l.more
}

type lexer struct {
	text    string
	slashes bool // lines that begin with // are comments
	at      int
	fresh   bool // nothing but blanks stands before in the line
	word    strings.Builder
	has     bool // there is a word, even an empty one
	words   []string
	stack   [][]string
	ticks   int // depth of the stack in an open backtick; 0 for none
	out     []command
	more    bool // there are more commands than are read
}

func (l *lexer) endWord() {
	if l.has {
		if w := l.word.String(); w != "" {
			l.words = append(l.words, w)
		}
	}
	l.word.Reset()
	l.has = false
}

func (l *lexer) endCommand() {
	l.endWord()
	switch {
	case len(l.words) == 0:
	case len(l.out) < maxCommands:
		l.out = append(l.out, command{words: l.words, text: strings.Join(l.words, " ")})
	default:
		l.more = true
	}
	l.words = nil
}

// open begins a command inside of another, of which it is a word if it is a substitution.
func (l *lexer) open(substitution bool) {
	if substitution {
		l.add('$')
		l.endWord()
		l.stack = append(l.stack, l.words)
		l.words = nil
		return
	}
	l.endCommand()
	l.stack = append(l.stack, nil)
}

func (l *lexer) close() {
	l.endCommand()
	if n := len(l.stack); n > 0 {
		l.words, l.stack = l.stack[n-1], l.stack[:n-1]
	}
}

func (l *lexer) add(c byte) {
	l.word.WriteByte(c)
	l.has = true
}

func (l *lexer) run() {
	for l.at < len(l.text) {
		c := l.text[l.at]
		rest := l.text[l.at:]
		if l.fresh && (c == '#' && !l.slashes || l.slashes && strings.HasPrefix(rest, "//")) {
			if end := strings.IndexByte(rest, '\n'); end >= 0 {
				l.at += end
			} else {
				l.at = len(l.text)
			}
			continue
		}
		l.at++
		l.fresh = (l.fresh || c == '\n') && (c == '\n' || c == ' ' || c == '\t')
		switch c {
		case '\'', '"':
			l.has = true
		case '\\':
			switch {
			case l.at >= len(l.text):
			case l.text[l.at] == '\n':
				l.endWord()
				l.at++
			default:
				l.add(l.text[l.at])
				l.at++
			}
		case ' ', '\t', ',', '[', ']':
			l.endWord()
		case '\n', ';', '|', '&', '<', '>', '{', '}':
			l.endCommand()
		case '(':
			l.open(false)
		case ')':
			l.close()
		case '`':
			if l.ticks > 0 {
				for len(l.stack) >= l.ticks {
					l.close()
				}
				l.ticks = 0
			} else {
				l.open(true)
				l.ticks = len(l.stack)
			}
		case '$':
			l.dollar(rest)
		default:
			l.add(c)
		}
	}
	for len(l.stack) > 0 {
		l.close()
	}
	l.endCommand()
}

// dollar reads what stands behind a "$": a variable keeps its name.
func (l *lexer) dollar(rest string) {
	switch {
	case strings.HasPrefix(rest, "$("):
		l.at++
		l.open(true)
	case strings.HasPrefix(rest, "${"):
		name, _, ok := strings.Cut(rest[2:], "}")
		plain := strings.Trim(name, nameBytes+"@*#?!") == ""
		if !ok || !plain && (!strings.HasPrefix(name, "IFS") || strings.ContainsAny(name, "(`$\n ;|&")) {
			l.add('$') // what stands between the braces is read as commands of its own
			return
		}
		l.at += len(name) + 2
		l.variable(name)
	default:
		n := 1
		for n < len(rest) && isNameByte(rest[n]) {
			n++
		}
		l.at += n - 1
		l.variable(rest[1:n])
	}
}

func (l *lexer) variable(name string) {
	if strings.HasPrefix(name, "IFS") && (len(name) == 3 || !isNameByte(name[3])) {
		l.endWord()
		return
	}
	l.add('$')
	l.word.WriteString(name)
}

func isNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// program is the name of what a word starts: without its folder, and without a variable that the word
// is assigned to.
func program(word string) string {
	if strings.Contains(word, "://") {
		return ""
	}
	if i := strings.LastIndexAny(word, "/=:"); i >= 0 {
		word = word[i+1:]
	}
	return strings.TrimSuffix(strings.ToLower(word), ".exe")
}

// says reports whether a command only writes its words.
func (c command) says() bool {
	return slices.Contains([]string{"echo", "printf", "write-host", "write-output", "console.log", "core.info", "core.notice", "core.debug", "print"}, strings.ToLower(c.words[0]))
}

// runsText reports whether some command takes other commands as a text: what another one writes is
// then run.
func runsText(all []command) bool {
	return slices.ContainsFunc(all, func(c command) bool {
		switch program(c.words[0]) {
		case "sh", "bash", "zsh", "dash", "ksh", "eval", "source", ".", "xargs", "parallel", "iex", "invoke-expression", "pwsh", "powershell", "tee", "cat":
			return true
		}
		return false
	})
}

// got is what a script gets: commands that put a commit into the work tree, with the words that name
// it, and what it fetches besides.
type got struct {
	command command
	refs    []string // the words that name what is got; nil where that cannot be told
	fetch   bool     // it is told of as fetched
	kind    evidence.FetchedKind
	repo    string
}

// decoded is a text that is made a script of where nobody can read it.
var decoded = sync.OnceValue(func() *regexp.Regexp {
	const decode = `(?:base64\s+(?:-d|-D|--decode)|xxd\s+-r|openssl\s+(?:base64|enc)\s[^|;\n]*-d)`
	const shell = `(?:\S*/)?(?:ba|z|da|k)?sh\b`
	return regexp.MustCompile(decode + `[^|;&\n]*\|\s*(?:sudo\s+)?(?:` + shell + `|python3?\b|node\b|source\b)|(?:eval|` + shell + `\s+-c|source)\s+["']?(?:\$\(|<\()[^)\n]*` + decode)
})

// gets reads what a script gets.
func gets(text string, slashes bool) []got {
	all, whole := commandsOf(text, slashes)
	runs := runsText(all)
	built := slices.ContainsFunc(all, func(c command) bool {
		return isEngine(program(c.words[0])) && slices.Contains(c.words, "build")
	})
	var list []got
	if !whole {
		list = append(list, got{command: command{text: "a script of more commands than are read"}})
	}
	if decoded().MatchString(text) {
		list = append(list, got{command: command{text: "a script that is only decoded when it runs"}})
	}
	for _, c := range all {
		if c.says() && !runs {
			continue
		}
		programs := 0
		for i, w := range c.words {
			if p := program(w); p == "git" || p == "gh" || p == "hub" || isEngine(p) {
				if programs++; programs > maxPrograms {
					list = append(list, got{command: command{text: "a command of more programs than are read"}})
					break
				}
			}
			rest := c.words[i+1:]
			switch p := program(w); {
			case p == "git":
				if refs, ok := gitGets(rest); ok {
					list = append(list, got{command: c, refs: refs})
				}
			case strings.HasPrefix(w, "$") && !strings.ContainsRune(w, '/') && len(rest) > 1 && slices.Contains([]string{"checkout", "switch", "cherry-pick", "worktree", "read-tree"}, rest[0]):
				list = append(list, got{command: c})
			case p == "gh" || p == "hub":
				list = append(list, hubGets(c, p, rest)...)
			case isEngine(p) && !built && len(rest) > 1:
				if verb := firstPlain(rest); slices.Contains([]string{"pull", "run", "create", "copy", "cp", "export"}, verb) && !strings.Contains(c.text, "@sha256:") {
					list = append(list, got{command: c, fetch: true, kind: evidence.FetchedImage})
				}
			}
			if kind, repo, ok := addressGets(w, slashes); ok {
				list = append(list, got{command: c, fetch: true, kind: kind, repo: repo})
			}
			for _, word := range strings.FieldsFunc(w, func(r rune) bool { return r == '.' || r == '(' || r == ')' }) {
				switch word {
				case "downloadTarballArchive", "downloadZipballArchive":
					list = append(list, got{command: c, fetch: true})
				case "downloadArtifact":
					list = append(list, got{command: c, fetch: true, kind: evidence.FetchedArtifact})
				}
			}
		}
	}
	return list
}

func isEngine(p string) bool {
	return slices.Contains([]string{"docker", "podman", "nerdctl", "crane", "skopeo", "oras"}, p)
}

func firstPlain(words []string) string {
	for _, w := range words {
		if !strings.HasPrefix(w, "-") {
			return w
		}
	}
	return ""
}

// hubGets reads a command of the forge's own programs.
func hubGets(c command, program string, rest []string) []got {
	var plain []string
	for _, w := range rest {
		if !strings.HasPrefix(w, "-") {
			plain = append(plain, w)
		}
	}
	plain = append(plain, "", "")
	switch verb := plain[0] + " " + plain[1]; {
	case verb == "pr checkout", verb == "repo clone", verb == "repo sync", verb == "co ":
		return []got{{command: c}}
	case program == "hub":
		if refs, ok := gitGets(rest); ok {
			return []got{{command: c, refs: refs}}
		}
	case verb == "release download", verb == "run download":
		return []got{{command: c, fetch: true, kind: evidence.FetchedArtifact}}
	case plain[0] == "api" && (strings.Contains(c.text, "/contents/") || strings.Contains(c.text, "/git/blobs")):
		return []got{{command: c, fetch: true}}
	}
	return nil
}

// atRef is a repository at a ref, as package managers and build tools take one.
var atRef = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:github\.com[/:]|github:)([a-z0-9_-]+)/([a-z0-9_.-]+)(?:/[^@#?]*)?(?:@|#|\?ref=)[^/]|^([a-z0-9_-]+)/([a-z0-9_.-]+)#[^/]`)
})

// addressGets reads an address of files that a repository of a forge holds. Of a host that is not plainly
// a forge the repository has to be told by it.
func addressGets(word string, forge bool) (kind evidence.FetchedKind, repo string, ok bool) {
	if !strings.ContainsRune(word, '/') {
		return 0, "", false
	}
	word = strings.ToLower(word)
	if m := atRef().FindStringSubmatch(word); m != nil {
		return 0, m[1] + m[3] + "/" + strings.TrimSuffix(m[2]+m[4], ".git"), true
	}
	mark := ""
	for _, m := range []string{"/archive/", "/tarball", "/zipball", "codeload.", "raw.githubusercontent.", "/raw/", "/actions/artifacts", "/releases/download/", "/releases/assets/"} {
		if strings.Contains(word, m) {
			mark = m
			break
		}
	}
	if mark == "" {
		return 0, "", false
	}
	if strings.Contains(mark, "/actions/") || strings.Contains(mark, "/releases/") {
		kind = evidence.FetchedArtifact
	}
	_, path, absolute := strings.Cut(word, "://")
	if !absolute {
		path = strings.TrimPrefix(word, "/")
	}
	host := ""
	if !strings.HasPrefix(path, "repos/") {
		host, path, _ = strings.Cut(path, "/")
	}
	parts := strings.FieldsFunc(strings.TrimPrefix(path, "repos/"), func(r rune) bool { return r == '/' })
	if len(parts) > 2 && !strings.ContainsAny(parts[0]+parts[1], "$\x01%") && !strings.Contains(path, "./") {
		repo = parts[0] + "/" + strings.TrimSuffix(parts[1], ".git")
	}
	forge = forge || host == "" || strings.Contains(host, "github") || strings.ContainsAny(host, "$\x01") || strings.Contains(word, "github_repository")
	return kind, repo, forge || repo != ""
}

// gitGets reads the words behind "git". ok says that it puts something into the work tree which was not
// there, refs are the words that name it; nil where that cannot be told.
func gitGets(words []string) (refs []string, ok bool) {
	verb := ""
	for len(words) > 0 && verb == "" {
		w := words[0]
		words = words[1:]
		switch {
		case w == "-c" || w == "-C" || w == "--git-dir" || w == "--work-tree" || w == "--namespace" || w == "--config-env" || w == "--exec-path":
			if len(words) > 0 {
				if strings.HasPrefix(strings.ToLower(words[0]), "alias.") {
					return nil, true // the verb may be any other
				}
				words = words[1:]
			}
		case strings.HasPrefix(w, "-"):
		default:
			verb = w
		}
	}
	var plain, options []string
	after := -1 // how many words stand before "--"
	for _, w := range words {
		switch {
		case w == "--":
			after = len(plain)
		case strings.HasPrefix(w, "-") && after < 0:
			options = append(options, w)
		default:
			plain = append(plain, w)
		}
	}
	named := plain
	if after >= 0 {
		named = plain[:after]
	}
	has := func(list ...string) bool {
		return slices.ContainsFunc(options, func(o string) bool {
			o, _, _ = strings.Cut(o, "=")
			return slices.Contains(list, o)
		})
	}
	switch verb {
	case "":
		return nil, false
	case "checkout", "switch":
		news := has("-b", "-B", "-c", "-C", "--create", "--force-create", "--orphan")
		if news && len(named) > 0 {
			named = named[1:]
		}
		return elsewhere(named)
	case "restore":
		if !has("-s", "--source") {
			return nil, false
		}
		return nil, true
	case "reset":
		if !has("--hard", "--merge", "--keep") {
			return nil, false
		}
		return elsewhere(named)
	case "fetch":
		return fetched(words)
	case "archive", "cat-file", "show":
		return shown(verb, named)
	case "submodule":
		plainVerb := firstPlain(named)
		return nil, plainVerb == "add" || plainVerb == "update" && has("--remote") || plainVerb == "set-url" || plainVerb == "set-branch"
	case "worktree":
		if firstPlain(named) != "add" || len(named) < 3 && !has("-b", "-B", "--detach", "-d") {
			return nil, len(named) > 0 && named[0] == "add"
		}
		return elsewhere(named[2:])
	case "config":
		return nil, slices.ContainsFunc(plain, func(w string) bool { return strings.HasPrefix(strings.ToLower(w), "alias.") })
	case "pull", "clone", "merge", "rebase", "cherry-pick", "am", "apply", "read-tree", "checkout-index", "update-ref", "symbolic-ref", "unpack-objects", "bundle", "svn", "subtree":
		return nil, true
	default:
		return nil, strings.HasPrefix(verb, "$") // any verb
	}
}

// elsewhere are those of the words that name a commit other than the one in the work tree.
func elsewhere(words []string) ([]string, bool) {
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "HEAD" || w == "." })
	return words, len(words) > 0
}

// fetched reads what "git fetch" names. All branches of where the work tree came from put nothing into it.
func fetched(words []string) ([]string, bool) {
	var plain []string
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case slices.Contains([]string{"--depth", "--deepen", "--shallow-since", "--shallow-exclude", "-j", "--jobs", "-o", "--server-option", "--refmap", "--filter", "--negotiation-tip"}, w):
			i++
		case !strings.HasPrefix(w, "-"):
			plain = append(plain, w)
		}
	}
	switch {
	case len(plain) == 0:
		return nil, false
	case plain[0] != "origin":
		return nil, true
	}
	return plain[1:], len(plain) > 1
}

// shown reads what is taken of another commit than the one in the work tree.
func shown(verb string, words []string) ([]string, bool) {
	var refs []string
	for _, w := range words {
		commit, path, of := strings.Cut(w, ":")
		switch {
		case verb == "archive":
			return elsewhere(words[:1])
		case of && path != "" && commit != "HEAD" && commit != "" && !strings.Contains(w, "%"):
			refs = append(refs, commit)
		}
	}
	return refs, len(refs) > 0
}
