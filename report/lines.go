package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/remit-sh/remit/verdict"
)

const (
	maxWord    = 240 // a longer word is broken; a shorter one may stick out, so that it can be copied
	labelWidth = 10  // of "authority" and its like
)

// fact is a labelled line of a block; nothing where there is nothing to say.
func (p *page) fact(label, text string) {
	if text != "" {
		p.wrapped(fmt.Sprintf("%-*s", labelWidth, label), labelWidth, text, labelWidth+1)
	}
}

// line is a line of a block behind a short label; with a label, nothing where there is no text.
func (p *page) line(label, text string) {
	if label == "" || text != "" {
		p.wrapped(label, len(label), text, len(label)+1)
	}
}

// wrapped puts text behind a head of the given width, and goes on below it after indent spaces.
// Lines begin with the gutter, so that no text of the report begins one.
func (p *page) wrapped(head string, width int, text string, indent int) {
	room := p.o.Width - utf8.RuneCountInString(p.gutter)
	line, used := head, width
	flush := func() {
		p.out.WriteString(strings.TrimRight(p.gutter+line, " ") + "\n")
	}
	for i, word := range words(text, room-indent) {
		n := utf8.RuneCountInString(word)
		if i > 0 && used+1+n > room {
			flush()
			line, used = strings.Repeat(" ", indent-1), indent-1
		}
		line += " " + word
		used += 1 + n
	}
	flush()
}

// words splits a sentence where a line may end. A command between backticks stays whole, so that it
// can be copied.
func words(s string, room int) []string {
	var list []string
	for s != "" {
		end := strings.IndexByte(s, ' ')
		if end < 0 {
			end = len(s)
		}
		if open := strings.IndexByte(s[:end], '`'); open >= 0 && strings.Count(s[:end], "`") == 1 {
			if size := strings.IndexByte(s[open+1:], '`'); size >= 0 && size < maxWord {
				end = open + 1 + size + 1
				if tail := strings.IndexByte(s[end:], ' '); tail >= 0 {
					end += tail
				} else {
					end = len(s)
				}
			}
		}
		word := s[:end]
		for utf8.RuneCountInString(word) > maxWord {
			cut := 0
			for range room {
				_, size := utf8.DecodeRuneInString(word[cut:])
				cut += size
			}
			list = append(list, word[:cut])
			word = word[cut:]
		}
		list = append(list, word)
		s = s[min(end+1, len(s)):]
	}
	return list
}

// shown is how many of n things are listed.
func (p *page) shown(n int) int {
	if p.o.Verbose || n <= maxListed+1 { // "and 1 more" takes the line that the one would
		return n
	}
	return maxListed
}

// more is "and 3 more", "" for none.
func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf("and %d more", n)
}

// mark is the sign of an effect in front of a line.
func (p *page) mark(e verdict.Effect) string {
	signs := [...]string{"✗", "✗", "?", "○", "!", "·", "✓"}
	if p.o.ASCII {
		signs = [...]string{"x", "x", "?", "o", "!", "-", "+"}
	}
	if int(e) >= len(signs) {
		e = verdict.Deny
	}
	return p.paint(e, signs[e])
}

// paint colours words of this package by effect. Text of a report is never coloured.
func (p *page) paint(e verdict.Effect, s string) string {
	switch e {
	case verdict.Undecided, verdict.Pending, verdict.Warn:
		return p.sgr("33", s)
	case verdict.Note:
		return p.sgr("2", s)
	case allowedEffect:
		return p.sgr("32", s)
	default:
		return p.sgr("1;31", s)
	}
}

func (p *page) bold(s string) string { return p.sgr("1", s) }

func (p *page) sgr(code, s string) string {
	if !p.o.Color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
