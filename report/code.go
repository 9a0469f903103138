package report

import (
	"strings"

	"github.com/remit-sh/remit/inert"
)

// maxInert is how many characters of a text are shown where nothing else is said.
const maxInert = 500

// maxFence is how many backticks in a row a code span is still fenced around.
const maxFence = 5

// Inert is s as one line that does nothing but be read, wherever it is printed: see [inert.Line].
func Inert(s string) string { return inert.Line(s) }

// InertMarkdown is s as a Markdown code span on one line, for any place where text may stand,
// table cells too; "" for "". Inside it GitHub acts on nothing: no link, image, HTML, mention, issue
// or commit reference, emoji shortcode or formula. Escapes outside code would not do: GitHub looks
// for mentions, references and URLs in the text that is left once backslashes and entities are
// resolved.
//
// The text is made inert first, as [Inert] says, and "|" is then written \x7c, because a table splits
// its cells before it looks for code, and what a backslash in front of "|" means depends on the parser.
// Backticks stay, inside a longer fence, unless there are more than five in a row.
func InertMarkdown(s string) string { return codeSpan(s, maxInert) }

func codeSpan(s string, limit int) string {
	s = strings.ReplaceAll(inert.LineOf(s, limit), "|", `\x7c`)
	if s == "" {
		return ""
	}
	run := longestRun(s, '`')
	if run > maxFence {
		s, run = strings.ReplaceAll(s, "`", `\x60`), 0
	}
	fence := strings.Repeat("`", run+1)
	// A parser takes one space off both sides, unless there is nothing but spaces. Without such
	// spaces a backtick at the edge would lengthen the fence.
	first, last := s[0], s[len(s)-1]
	if first == '`' || last == '`' || first == ' ' && last == ' ' && strings.Trim(s, " ") != "" {
		s = " " + s + " "
	}
	return fence + s + fence
}

// longestRun is the length of the longest run of c in s.
func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// inertOf is text of at most limit characters on one line, on demand in ASCII alone.
func inertOf(s string, limit int, ascii bool) string {
	if ascii {
		return inert.ASCIIOf(s, limit)
	}
	return inert.LineOf(s, limit)
}

// quoted is text that somebody judged has written, in quotes that it cannot close: its own double
// quotes become single ones, since a backslash in front of them could itself be part of the text.
func quoted(s string, limit int, ascii bool) string {
	return `"` + strings.ReplaceAll(inertOf(s, limit, ascii), `"`, "'") + `"`
}
