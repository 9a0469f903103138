package signing

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/remit-sh/remit/inert"
)

// Bounds of an allowed_signers or revocation file.
const (
	// MaxSignersFile is the longest file, in bytes.
	MaxSignersFile = 1 << 20
	// MaxSignersLine is the longest line, in bytes.
	MaxSignersLine = 16 << 10
	// maxPattern is the longest single pattern, in bytes, as in OpenSSH.
	maxPattern = 1022
)

// ErrNotAllowed says that the allowed signers do not vouch for a key.
var ErrNotAllowed = errors.New("the allowed signers do not list this key for this principal")

// AllowedSigners is an allowed_signers file (ssh-keygen(1), "ALLOWED SIGNERS"). The zero value
// allows nobody.
type AllowedSigners struct {
	entries []allowedSigner
	notes   []string
}

// allowedSigner is one line: whom the key may speak as, for what, and when.
type allowedSigner struct {
	line       int
	principals []string // patterns
	namespaces []string // patterns; nil: every namespace
	after      time.Time
	before     time.Time
	key        PublicKey
}

// ParseAllowedSigners reads an allowed_signers file:
//
//	principal[,principal…] [option[,option…]] keytype base64 [comment]
//
// with the options namespaces="…", valid-after="…", valid-before="…" and cert-authority. Times
// without a Z are in loc. One malformed line makes the whole file an error, so that a slip is
// noticed; ssh-keygen passes over such lines. Lines for certificate authorities, and for keys that
// remit does not accept, never match; [AllowedSigners.Notes] says so.
func ParseAllowedSigners(b []byte, loc *time.Location) (*AllowedSigners, error) {
	a := &AllowedSigners{}
	err := eachLine(b, "allowed signers", func(n int, line string) error {
		e, err := parseAllowedSigner(line, loc)
		if errors.Is(err, ErrKeyRefused) || errors.Is(err, errCertAuthority) {
			a.notes = append(a.notes, fmt.Sprintf("allowed signers, line %d never matches: %v", n, err))
			return nil
		}
		if err != nil {
			return err
		}
		e.line = n
		a.entries = append(a.entries, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

var errCertAuthority = errors.New("certificate authorities are not supported; list each key itself")

// Notes says which lines can never match, and why, one sentence each.
func (a *AllowedSigners) Notes() []string { return append([]string(nil), a.notes...) }

// FindPrincipals returns the principal patterns, as written, of the first line that lists k and is
// valid at that time: what `ssh-keygen -Y find-principals` prints. Namespaces play no part. Nil if
// there is none.
func (a *AllowedSigners) FindPrincipals(k PublicKey, at time.Time) []string {
	for _, e := range a.entries {
		if k.Equal(e.key) && e.validAt(at) == nil {
			return append([]string(nil), e.principals...)
		}
	}
	return nil
}

// Match says whether k may sign as principal, in the namespace, at that time: nil, or an error that
// wraps [ErrNotAllowed] and gives the reason of the last line that came near.
func (a *AllowedSigners) Match(principal string, k PublicKey, namespace string, at time.Time) error {
	reason := ErrNotAllowed
	for _, e := range a.entries {
		if !k.Equal(e.key) || !matchList(e.principals, principal) {
			continue
		}
		if e.namespaces != nil && !matchList(e.namespaces, namespace) {
			reason = fmt.Errorf("%w: line %d does not list the namespace %s", ErrNotAllowed, e.line, inert.Quote(namespace))
			continue
		}
		err := e.validAt(at)
		if err == nil {
			return nil
		}
		reason = fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	return reason
}

// validAt says why the entry is not valid at t. Both ends count as valid, as in ssh-keygen.
func (e allowedSigner) validAt(t time.Time) error {
	t = t.Truncate(time.Second)
	if !e.after.IsZero() && t.Before(e.after) {
		return fmt.Errorf("line %d is valid only after %s", e.line, e.after.UTC().Format(time.RFC3339))
	}
	if !e.before.IsZero() && t.After(e.before) {
		return fmt.Errorf("line %d was valid only before %s", e.line, e.before.UTC().Format(time.RFC3339))
	}
	return nil
}

// parseAllowedSigner reads one line that is neither empty nor a comment.
func parseAllowedSigner(line string, loc *time.Location) (allowedSigner, error) {
	var e allowedSigner
	list, rest, err := cutPrincipals(line)
	if err != nil {
		return e, err
	}
	if e.principals, err = splitPatterns(list); err != nil {
		return e, fmt.Errorf("principals: %w", err)
	}
	if first, _ := cutField(rest); looksLikeKeyType(first) {
		e.key, err = ParseAuthorizedKey(rest)
		return e, err
	}
	options, keyText, err := cutOptions(rest)
	if err != nil {
		return e, err
	}
	authority, err := e.parseOptions(options, loc)
	if err != nil {
		return e, err
	}
	if e.key, err = ParseAuthorizedKey(keyText); err != nil {
		return e, err
	}
	if authority {
		return e, errCertAuthority
	}
	return e, nil
}

// looksLikeKeyType says whether a field is a key type, accepted or not, and so no option.
func looksLikeKeyType(field string) bool {
	err := checkKeyType(field)
	return err == nil || errors.Is(err, ErrKeyRefused)
}

// cutPrincipals splits off the first field, which may stand in double quotes as a whole.
func cutPrincipals(line string) (list, rest string, err error) {
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		list, rest, ok = strings.Cut(quoted, `"`)
		if !ok || rest != "" && rest[0] != ' ' && rest[0] != '\t' {
			return "", "", errors.New("the quotes around the principals are not closed")
		}
		rest = strings.TrimLeft(rest, " \t")
	} else if list, rest = cutField(line); strings.Contains(list, `"`) {
		return "", "", fmt.Errorf("there is a quote inside the principals %s", inert.Quote(list))
	}
	if rest == "" {
		return "", "", errors.New("there is no key")
	}
	return list, rest, nil
}

// cutOptions splits off the options, in which spaces may stand between double quotes.
func cutOptions(s string) (options, rest string, err error) {
	inQuotes := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
		case c == '"':
			inQuotes = !inQuotes
		case !inQuotes && (c == ' ' || c == '\t'):
			return s[:i], strings.TrimLeft(s[i:], " \t"), nil
		}
	}
	if inQuotes {
		return "", "", errors.New("a quote in the options is not closed")
	}
	return "", "", errors.New("there is no key")
}

// parseOptions reads the comma-separated options into e. Names are compared without case.
func (e *allowedSigner) parseOptions(s string, loc *time.Location) (authority bool, err error) {
	for {
		i := strings.IndexAny(s, ",=")
		if i < 0 {
			i = len(s)
		}
		name := strings.ToLower(s[:i])
		s = s[i:]
		value := ""
		if strings.HasPrefix(s, "=") {
			if value, s, err = dequote(s[1:]); err != nil {
				return false, fmt.Errorf("option %s: %w", inert.Quote(name), err)
			}
		} else if name != "cert-authority" {
			return false, unknownOption(name)
		}
		switch name {
		case "cert-authority":
			if value != "" || authority {
				return false, errors.New("cert-authority stands twice or with a value")
			}
			authority = true
		case "namespaces":
			if e.namespaces != nil {
				return false, errors.New("namespaces stands twice")
			}
			e.namespaces, err = splitPatterns(value)
		case "valid-after":
			err = setOnce(&e.after, value, loc)
		case "valid-before":
			err = setOnce(&e.before, value, loc)
		default:
			return false, unknownOption(name)
		}
		if err != nil {
			return false, fmt.Errorf("option %s: %w", name, err)
		}
		if s == "" {
			break
		}
		var more bool
		if s, more = strings.CutPrefix(s, ","); !more || s == "" {
			return false, fmt.Errorf("option %s: a comma and a further option are expected behind it", name)
		}
	}
	if !e.after.IsZero() && !e.before.IsZero() && !e.before.After(e.after) {
		return false, errors.New("valid-before is not later than valid-after")
	}
	return authority, nil
}

func unknownOption(name string) error {
	return fmt.Errorf("%s is neither a key type nor an option: use namespaces=\"…\", valid-after=\"…\", valid-before=\"…\" or cert-authority", inert.Quote(name))
}

func setOnce(t *time.Time, value string, loc *time.Location) error {
	if !t.IsZero() {
		return errors.New("it stands twice")
	}
	var err error
	*t, err = parseTimestamp(value, loc)
	return err
}

// dequote reads a value in double quotes, where \" stands for a quote.
func dequote(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", errors.New("its value must stand in double quotes")
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
			b.WriteByte('"')
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", errors.New("its quotes are not closed")
}

// splitPatterns splits a pattern-list (ssh_config(5), "PATTERNS") at its commas.
func splitPatterns(list string) ([]string, error) {
	patterns := strings.Split(list, ",")
	for _, p := range patterns {
		if body := strings.TrimPrefix(p, "!"); body == "" || len(body) > maxPattern {
			return nil, fmt.Errorf("the pattern %s is empty or longer than %d bytes", inert.Quote(p), maxPattern)
		}
	}
	return patterns, nil
}

// matchList says whether s matches one of the patterns and none of those that begin with "!".
func matchList(patterns []string, s string) bool {
	matched := false
	for _, p := range patterns {
		body, negated := strings.CutPrefix(p, "!")
		if !matchPattern(body, s) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

// matchPattern knows "*" for any run of bytes and "?" for any byte, as OpenSSH does. It only ever
// returns to the last "*", so that it takes at most len(p)*len(s) steps.
func matchPattern(p, s string) bool {
	i, j := 0, 0
	star, resume := -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, resume = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(p[i:], "*") == ""
}

// eachLine calls f for each line of a list that is neither empty nor a comment.
func eachLine(b []byte, what string, f func(n int, line string) error) error {
	if len(b) > MaxSignersFile {
		return fmt.Errorf("reading %s: the file has %d bytes, more than %d", what, len(b), MaxSignersFile)
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		if len(line) > MaxSignersLine {
			return fmt.Errorf("reading %s, line %d: it has more than %d bytes", what, n, MaxSignersLine)
		}
		line = strings.Trim(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
			return fmt.Errorf("reading %s, line %d: it has control characters or is not UTF-8", what, n)
		}
		if err := f(n, line); err != nil {
			return fmt.Errorf("reading %s, line %d: %w", what, n, err)
		}
	}
	return nil
}
