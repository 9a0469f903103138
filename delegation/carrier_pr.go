package delegation

import (
	"errors"
	"fmt"
	"strings"
)

// MaxBodySize bounds the body of a pull request that is read or written, in bytes.
const MaxBodySize = 256 << 10

// The comment by which the body of a pull request carries its statement. The whole of it is
//
//	<!-- remit:pull-request/v1 <the signed statement's file in base64url without padding> -->
//
// exactly so, with one space each. It may stand anywhere in the body, and what is around it, line
// endings included, does not matter.
const (
	commentOpen  = "<!--"
	commentClose = "-->"
	commentMark  = "remit:pull-request/"
	commentStart = commentOpen + " " + commentMark + "v1 "
	commentEnd   = " " + commentClose
)

// ErrCarrier is why what a pull request's body carries is refused, for errors.Is.
var ErrCarrier = errors.New("the remit comment of the pull request is refused")

// FindInBody returns the signed statement's file in the body of a pull request, for [ParseSigned] to
// read; false where there is none. Every HTML comment counts that starts with "remit:pull-request/"
// in any case, after any white space. More than one is an error, and so is one of another form: two
// readers must not see two statements. Markdown is not interpreted, so a comment that is shown as
// code counts as well; where a statement stands gives it no authority.
func FindInBody(body string) ([]byte, bool, error) {
	if len(body) > MaxBodySize {
		return nil, false, fmt.Errorf("%w: the body has %d bytes, at most %d are read", ErrCarrier, len(body), MaxBodySize)
	}
	start := nextComment(body, 0)
	if start < 0 {
		return nil, false, nil
	}
	if nextComment(body, start+len(commentOpen)) >= 0 {
		return nil, false, fmt.Errorf("%w: the body has two of them; leave one", ErrCarrier)
	}
	text, ok := strings.CutPrefix(body[start:], commentStart)
	if !ok {
		return nil, false, fmt.Errorf("%w: it must start with %q; another version may need a newer remit", ErrCarrier, commentStart)
	}
	text, _, ok = strings.Cut(text, commentEnd)
	if !ok {
		return nil, false, fmt.Errorf("%w: it does not end with %q", ErrCarrier, commentEnd)
	}
	file, err := DecodeText(text)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrCarrier, err)
	}
	return file, true, nil
}

// AddToBody strips body and adds the statement as its last paragraph, so that adding it again
// changes nothing.
func AddToBody(body string, s *Signed[PullRequest]) (string, error) {
	if err := s.Verify(); err != nil {
		return "", fmt.Errorf("adding a statement to a pull request: %w", err)
	}
	if len(body) > MaxBodySize {
		return "", fmt.Errorf("adding a statement to a pull request: its body has %d bytes, at most %d are allowed", len(body), MaxBodySize)
	}
	text := strings.TrimRight(StripFromBody(body), " \t\r\n")
	if text != "" {
		text += "\n\n"
	}
	text += commentStart + s.Text() + commentEnd + "\n"
	if len(text) > MaxBodySize {
		return "", fmt.Errorf("adding a statement to a pull request: its body would have %d bytes, at most %d are allowed", len(text), MaxBodySize)
	}
	return text, nil
}

// StripFromBody removes every comment that [FindInBody] counts, and then the white space at the
// end. One that is not closed goes to the end of its line. A body without any, or one that is
// longer than [MaxBodySize], is returned as it is.
func StripFromBody(body string) string {
	if len(body) > MaxBodySize {
		return body
	}
	text, from := body, 0
	for {
		start := nextComment(text, from)
		if start < 0 {
			break
		}
		text = text[:start] + text[endOfComment(text, start):]
		// What stood on both sides may be a comment now. It would begin at the "<" before.
		if from = strings.LastIndexByte(text[:start], '<'); from < 0 {
			from = start
		}
	}
	if len(text) == len(body) {
		return body
	}
	return strings.TrimRight(text, " \t\r\n")
}

// nextComment finds the first comment of ours that starts at from or later; -1 for none.
func nextComment(body string, from int) int {
	const space = " \t\r\n\v\f"
	for {
		i := strings.Index(body[from:], commentOpen)
		if i < 0 {
			return -1
		}
		from += i
		inside := from + len(commentOpen)
		for inside < len(body) && strings.IndexByte(space, body[inside]) >= 0 {
			inside++
		}
		if rest := body[inside:]; len(rest) >= len(commentMark) && strings.EqualFold(rest[:len(commentMark)], commentMark) {
			return from
		}
		from += len(commentOpen)
	}
}

// endOfComment finds where the comment that starts at start is over.
func endOfComment(body string, start int) int {
	rest := body[start+len(commentOpen):]
	if i := strings.Index(rest, commentClose); i >= 0 {
		return start + len(commentOpen) + i + len(commentClose)
	}
	if i := strings.IndexAny(rest, "\r\n"); i >= 0 {
		return start + len(commentOpen) + i
	}
	return len(body)
}
