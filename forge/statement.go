package forge

import (
	"errors"
	"strings"
)

const (
	statementOpen  = "<!-- remit:pull-request "
	statementClose = " -->"
	// MaxStatement is how long the envelope in a pull request's body may be, in bytes.
	MaxStatement = 32 << 10
)

// FormatStatement writes a signed statement, an envelope's JSON, as it stands in a pull request's body:
// one line, which GitHub does not show.
func FormatStatement(envelope []byte) (string, error) {
	s := string(envelope)
	if !isStatement(s) {
		return "", errors.New("the statement cannot stand in a pull request: it must be JSON on one line without \"--\", of at most 32 KiB")
	}
	return statementOpen + s + statementClose, nil
}

// FindStatement takes the signed statement out of a pull request's body; nil if there is none. why says
// why one that should be there cannot be taken. Whether it is genuine is for its signature to say.
func FindStatement(body string) (envelope []byte, why string) {
	// Whatever looks like the beginning of one counts, so that nobody sees another than the check does.
	switch n := strings.Count(strings.ToLower(body), "<!-- remit:"); {
	case n == 0:
		return nil, ""
	case n > 1:
		return nil, "the body holds more than one signed statement"
	}
	_, rest, ok := strings.Cut(body, statementOpen)
	if !ok {
		return nil, "the body holds a statement of a kind that this version does not know"
	}
	s, _, ok := strings.Cut(rest, statementClose)
	switch {
	case !ok:
		return nil, "the signed statement in the body has no end"
	case !isStatement(s):
		return nil, "the signed statement in the body is malformed"
	}
	return []byte(s), ""
}

// isStatement reports whether s can be an envelope inside a comment: "--" would end it for some parsers.
func isStatement(s string) bool {
	return len(s) <= MaxStatement && strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") &&
		!strings.Contains(s, "--") && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
