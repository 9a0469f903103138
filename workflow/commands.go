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
	quotes  byte // the quotes that are open, 0 for none
	unsure  bool // it is not known any more which quotes are open
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
		if end := l.comment(c, rest); end > 0 {
			l.at += end
			continue
		}
		l.quote(c, rest)
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
		case '{':
			if len(rest) > 1 && !strings.ContainsRune(" \t\n", rune(rest[1])) {
				l.endWord() // several words, of which a shell makes one or more commands' words
				break
			}
			l.endCommand()
		case '\n', ';', '|', '&', '<', '>', '}':
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

// quote keeps in mind whether a shell would be inside of quotes. Nothing but comments goes by that: what
// another language, or a text in a text, makes of quotes is not known.
func (l *lexer) quote(c byte, rest string) {
	switch {
	case c == '\\': // the byte behind it is not looked at
		if l.quotes == '\'' && strings.HasPrefix(rest[1:], "'") {
			l.quotes = 0
		}
	case l.quotes == 0 && (c == '\'' || c == '"'):
		l.quotes = c
		l.unsure = l.unsure || l.at > 0 && l.text[l.at-1] == '$'
	case c == l.quotes:
		l.quotes = 0
	case c == '`' || c == '$' && l.quotes == '"' && strings.HasPrefix(rest[1:], "("), c == '$' && strings.HasPrefix(rest[1:], "{"), strings.HasPrefix(rest, "<<"):
		l.unsure = true // quotes begin anew in there
	}
}

// comment is the length of a comment that begins here, 0 for none. A shell has them at the end of a line
// too. What could be a part of a text in quotes is none where something of it would be run.
func (l *lexer) comment(c byte, rest string) int {
	begins := c == '#' && !l.slashes || l.slashes && strings.HasPrefix(rest, "//")
	if !begins || !l.fresh && (l.slashes || l.at > 0 && !strings.ContainsRune(" \t;&|()", rune(l.text[l.at-1]))) {
		return 0
	}
	end := strings.IndexByte(rest, '\n')
	if end < 0 {
		end = len(rest)
	}
	text := rest[:end]
	switch {
	case l.slashes:
		return end
	case l.quotes != 0 && strings.ContainsAny(text, "$`'\""):
		return 0
	case !l.fresh && (l.quotes != 0 || l.unsure) && strings.ContainsAny(text, "$`'\"\x01"):
		return 0
	}
	return end
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
	image   string // what an image is called
	cloned  bool   // it is a whole repository, in a folder of its own
}

// decoded is a text that is made a script of where nobody can read it.
var decoded = sync.OnceValue(func() *regexp.Regexp {
	const decode = `(?:base64\s+(?:-d|-D|--decode)|xxd\s+-r|openssl\s+(?:base64|enc)\s[^|;\n]*-d)`
	const shell = `(?:\S*/)?(?:ba|z|da|k)?sh\b`
	return regexp.MustCompile(decode + `[^|;&\n]*\|\s*(?:sudo\s+)?(?:` + shell + `|python3?\b|node\b|source\b)|(?:eval|` + shell + `\s+-c|source)\s+["']?(?:\$\(|<\()[^)\n]*` + decode)
})

// plainHere is a text between two lines that only becomes a text file, or a part of a step's summary.
var plainHere = sync.OnceValue(func() *regexp.Regexp {
	const to = `>>?\s*["']?(\$\{?GITHUB_STEP_SUMMARY\}?|[\w./-]+\.(?:md|txt|json|ya?ml|html))["']?`
	return regexp.MustCompile(`(?m)^[ \t]*cat\s*(?:` + to + `\s*<<-?\s*(["']?)(\w+)["']?|<<-?\s*(["']?)(\w+)["']?\s*` + to + `)[ \t]*\n`)
})

// maxHere bounds the texts between lines that are left out of a script.
const maxHere = 50

// withoutTexts is a script without such texts. One in which a shell would run something stays, and so
// does one of a file that the script names again.
func withoutTexts(script string) string {
	for at, n := 0, 0; n < maxHere; n++ {
		m := plainHere().FindStringSubmatchIndex(script[at:])
		if m == nil {
			break
		}
		part := func(groups ...int) string {
			for _, g := range groups {
				if m[2*g] >= 0 {
					return script[at+m[2*g] : at+m[2*g+1]]
				}
			}
			return ""
		}
		file, quoted, word := part(1, 6), part(2, 4) != "", part(3, 5)
		body := at + m[1]
		length := 0
		for _, line := range strings.SplitAfter(script[body:], "\n") {
			if strings.TrimSpace(line) == word {
				break
			}
			length += len(line)
		}
		text := script[body : body+length]
		at = body
		if body+length >= len(script) || !quoted && strings.ContainsAny(text, "$`") || file[0] != '$' && strings.Count(script, file) > 1 {
			continue
		}
		script = script[:body] + script[body+length:]
	}
	return script
}

// gets reads what a script gets.
func gets(text string, slashes bool) []got {
	if !slashes && strings.Contains(text, "<<") {
		text = withoutTexts(text)
	}
	all, whole := commandsOf(text, slashes)
	runs := runsText(all)
	var list []got
	if !whole {
		list = append(list, got{command: command{text: "a script of more commands than are read"}})
	}
	if decoded().MatchString(text) {
		list = append(list, got{command: command{text: "a script that is only decoded when it runs"}})
	}
	if asksForFiles().MatchString(text) {
		list = append(list, got{command: command{text: "a request for the content of files"}, fetch: true})
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
				list = append(list, gitGets(c, rest, starts(c.words[:i]))...)
			case strings.HasPrefix(p, "git-") && starts(c.words[:i]):
				list = append(list, gitGets(c, append([]string{p[len("git-"):]}, rest...), false)...)
			case strings.HasPrefix(w, "$") && !strings.ContainsRune(w, '/') && len(rest) > 1 && slices.Contains([]string{"checkout", "switch", "cherry-pick", "worktree", "read-tree"}, rest[0]):
				list = append(list, got{command: c})
			case p == "gh" || p == "hub":
				list = append(list, hubGets(c, p, rest, starts(c.words[:i]))...)
			case p == "patch" && starts(c.words[:i]) && fetchesOrNames(all):
				list = append(list, got{command: c})
			}
			for _, image := range images(program(w), rest) {
				list = append(list, got{command: c, fetch: true, kind: evidence.FetchedImage, image: image})
			}
			if kind, repo, ok := addressGets(w, slashes); ok && !c.writesFile() {
				list = append(list, got{command: c, fetch: true, kind: kind, repo: repo})
			}
			if repo, ok := installs(c.words[:i], w); ok {
				list = append(list, got{command: c, fetch: true, repo: repo})
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

func firstPlain(words []string) string {
	for _, w := range words {
		if !strings.HasPrefix(w, "-") {
			return w
		}
	}
	return ""
}
