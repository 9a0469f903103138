package policy

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of a policy, checked before it is parsed.
const (
	MaxSize   = 256 << 10 // bytes
	MaxDepth  = 100       // brackets and operators inside each other
	maxNodes  = 10_000    // brackets and operators in all
	maxString = 8 << 10   // bytes of one string, as written: the longest key line
	maxDigits = 18        // digits of a number
)

// scan refuses a policy that could make the HCL parser misbehave, and reports whether it may be parsed.
//
// The parser calls itself for each bracket, prefix operator, "?" and ":", and for splats; the trees
// of chained operators and indexes are as deep as the chain is long. 60,000 of any of them exhaust
// the stack, which ends the process. Its lexer takes quadratic time for comments that are never
// closed, its template code for long here-documents.
//
// So this scan follows the same lexical rules, over the part of the syntax that policies need:
// identifiers, numbers, plain strings, comments, brackets and operators. Whatever else has no use
// here (templates, here-documents, splats) it refuses outright, which keeps it small enough to be
// compared with the lexer by eye. Depth is counted too high rather than too low; and no file gets
// through with enough brackets and operators to exhaust the stack, however they are arranged.
func scan(s *source) bool { return scanIn(s, partSize) }

// scanIn is scan, and cuts the file into parts of at least so many bytes.
func scanIn(s *source, part int) bool {
	if len(s.bytes) > MaxSize {
		s.whole("Policy too large", fmt.Sprintf("The policy has %d bytes; the most that is read is %d.", len(s.bytes), MaxSize))
		return false
	}
	sc := scanner{source: s, src: s.bytes, frames: []frame{{body: true}}, part: part}
	return sc.characters() && sc.run()
}

type scanner struct {
	*source
	src    []byte
	at     int
	prev   byte // the last byte that was neither space nor comment
	nodes  int
	part   int     // the least size of a part, in bytes
	frames []frame // the brackets that are open, below them the file
}

// frame is what stands inside one pair of brackets.
type frame struct {
	open  byte
	start int
	body  bool // a block's body (or the file), whose items end with their line
	equal bool // an "=" stood on this line of a body
	ops   int  // operators and brackets since the last comma, or line of a body
}

func (s *scanner) refuse(start, end int, summary, detail string) bool {
	s.add(SeverityError, start, end, summary, detail)
	return false
}

// characters refuses what is not text: broken UTF-8 and invisible characters, in comments too,
// since a reader of the policy would not see what it says.
func (s *scanner) characters() bool {
	for i := 0; i < len(s.src); {
		r, size := utf8.DecodeRune(s.src[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return s.refuse(i, i+1, "Invalid character encoding", "The policy must be UTF-8.")
		case r == '\n' || r == '\t' || r == '\r' && i+1 < len(s.src) && s.src[i+1] == '\n':
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == '\ufeff':
			return s.refuse(i, i+size, "Invisible character",
				fmt.Sprintf("The character U+%04X may not stand in a policy: its reader would not see it.", r))
		}
		i += size
	}
	return true
}

func (s *scanner) run() bool {
	for s.at < len(s.src) {
		c := s.src[s.at]
		start := s.at
		ok := true
		switch {
		case c == ' ' || c == '\t' || c == '\r':
			s.at++
			continue
		case c == '\n':
			s.at++
			s.line()
			continue
		case c == '#' || s.ahead("//"):
			if i := bytes.IndexByte(s.src[s.at:], '\n'); i >= 0 {
				s.at += i // the newline ends the line, too
			} else {
				s.at = len(s.src)
			}
			continue
		case s.ahead("/*"):
			i := bytes.Index(s.src[s.at+2:], []byte("*/"))
			if i < 0 {
				return s.refuse(start, start+2, "Unclosed comment", "This comment is never closed: */ is missing.")
			}
			s.at += 2 + i + 2
			continue
		case c == '"':
			ok = s.text()
		case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			for s.at < len(s.src) && identifier(s.src[s.at]) {
				s.at++
			}
		case c >= '0' && c <= '9':
			ok = s.number()
		case c >= utf8.RuneSelf:
			_, size := utf8.DecodeRune(s.src[s.at:])
			return s.refuse(start, start+size, "Invalid character", "Outside strings and comments a policy is written in ASCII.")
		case strings.IndexByte("([{", c) >= 0:
			ok = s.openBracket(c)
		case strings.IndexByte(")]}", c) >= 0:
			ok = s.closeBracket(c)
		default:
			ok = s.symbol(c)
		}
		if !ok {
			return false
		}
		s.prev = c
	}
	if f := s.top(); len(s.frames) > 1 {
		return s.refuse(f.start, f.start+1, "Unclosed bracket", fmt.Sprintf("This %q is never closed.", string(f.open)))
	}
	return true
}

// cut is where the last part of the file began.
func (s *scanner) cut() int {
	if len(s.cuts) == 0 {
		return 0
	}
	return s.cuts[len(s.cuts)-1]
}

func identifier(c byte) bool {
	return c == '_' || c == '-' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (s *scanner) ahead(text string) bool { return bytes.HasPrefix(s.src[s.at:], []byte(text)) }

func (s *scanner) top() *frame { return &s.frames[len(s.frames)-1] }

// line ends a line: what stands in a body ends with it, what stands in other brackets goes on.
func (s *scanner) line() {
	if len(s.frames) == 1 && s.prev == '}' && s.at-s.cut() >= s.part {
		s.cuts = append(s.cuts, s.at)
	}
	if f := s.top(); f.body {
		f.ops, f.equal = 0, false
	}
}

// text passes over a string.
func (s *scanner) text() bool {
	start := s.at
	signs := 0
	for s.at++; s.at < len(s.src); s.at++ {
		switch c := s.src[s.at]; c {
		case '"':
			s.at++
			if s.at-start > maxString {
				return s.refuse(start, start+1, "String too long", fmt.Sprintf("A string has at most %d bytes.", maxString))
			}
			return true
		case '\\':
			s.at++
			if s.at < len(s.src) && s.src[s.at] == '\n' {
				return s.refuse(start, s.at, "Unclosed string", "A string ends on the line on which it begins: a closing quote is missing.")
			}
		case '\n':
			return s.refuse(start, s.at, "Unclosed string", "A string ends on the line on which it begins: a closing quote is missing.")
		case '$', '%':
			if s.at+1 < len(s.src) && s.src[s.at+1] == '{' {
				return s.refuse(s.at, s.at+2, "No templates", "Strings in a policy are plain text: "+string(c)+"{ may not stand in them.")
			}
			if signs++; signs > MaxDepth { // each is a token of its own to HCL, and joining them is quadratic
				return s.refuse(start, start+1, "String too long", fmt.Sprintf("A string has at most %d signs $ and %%.", MaxDepth))
			}
		}
	}
	return s.refuse(start, start+1, "Unclosed string", "This string is never closed.")
}

// number passes over a whole number. Others have no use, and some take gigabytes to write out.
func (s *scanner) number() bool {
	start := s.at
	for s.at < len(s.src) && s.src[s.at] >= '0' && s.src[s.at] <= '9' {
		s.at++
	}
	if s.at-start > maxDigits || s.at < len(s.src) && strings.IndexByte(".eE", s.src[s.at]) >= 0 {
		return s.refuse(start, s.at, "Not a whole number", fmt.Sprintf("Numbers in a policy are whole and have at most %d digits.", maxDigits))
	}
	return true
}

func (s *scanner) openBracket(c byte) bool {
	f := s.top()
	body := c == '{' && f.body && !f.equal
	if !s.node(s.at) {
		return false
	}
	s.frames = append(s.frames, frame{open: c, start: s.at, body: body})
	s.at++
	return s.deep(s.at - 1)
}

func (s *scanner) closeBracket(c byte) bool {
	want := map[byte]byte{')': '(', ']': '[', '}': '{'}[c]
	f := s.top()
	if f.open != want {
		detail := fmt.Sprintf("This %q closes nothing.", string(c))
		if f.open != 0 {
			detail = fmt.Sprintf("This %q does not close the %q of line %d.", string(c), string(f.open), s.position(f.start).Line)
		}
		return s.refuse(s.at, s.at+1, "Unbalanced brackets", detail)
	}
	s.frames = s.frames[:len(s.frames)-1]
	s.at++
	return true
}

// symbol passes over an operator or another sign.
func (s *scanner) symbol(c byte) bool {
	switch {
	case s.ahead("<<"):
		return s.refuse(s.at, s.at+2, "No here-documents", "Text of several lines has no use in a policy. Write a string in quotes.")
	case s.ahead("::"):
		return s.refuse(s.at, s.at+2, "No namespaces", "Functions in a policy have plain names.")
	case c == '*' && (s.prev == '[' || s.prev == '.'):
		return s.refuse(s.at, s.at+1, "No splats", "Write a for expression instead, such as [for l in pr.labels : lower(l)].")
	case c == ',':
		s.at++
		s.top().ops = 0
		return true
	case c == '~': // "~}" would close a template
		return s.refuse(s.at, s.at+1, "Invalid character", "This character is not used in a policy.")
	case c == '.' || c == ';' || c == '\'' || c == '`':
		s.at++ // no operator; where it is wrong, the parser says so
		return true
	case s.ahead("==") || s.ahead("!=") || s.ahead("<=") || s.ahead(">=") || s.ahead("=>") || s.ahead("&&") || s.ahead("||"):
		s.at++
	case c == '=':
		s.top().equal = true
		s.at++
		return true
	}
	s.at++
	return s.node(s.at-1) && s.deep(s.at-1)
}

// node counts a bracket or operator.
func (s *scanner) node(at int) bool {
	s.top().ops++
	if s.nodes++; s.nodes > maxNodes {
		return s.refuse(at, at+1, "Policy too large", fmt.Sprintf("A policy has at most %d brackets and operators.", maxNodes))
	}
	return true
}

// deep checks how deep what was just read may stand in the parser's tree.
func (s *scanner) deep(at int) bool {
	depth := 0 // each open bracket counts among the ops of the frame around it
	for _, f := range s.frames {
		depth += f.ops
	}
	if depth > MaxDepth {
		return s.refuse(at, at+1, "Nested too deeply",
			fmt.Sprintf("More than %d brackets and operators stand inside each other or in one chain. Long chains of || and && are written anytrue([...]) and alltrue([...]).", MaxDepth))
	}
	return true
}
