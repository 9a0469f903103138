package delegation

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing/gitobject"
)

// TrailerKey is the key of the trailer by which a commit or tag names its delegation. The whole
// line is one of
//
//	Delegation: sha256:<64 hexadecimal digits>
//	Delegation: inline:<a bundle in base64url without padding>
//
// exactly so, with one space, in the last paragraph of the message, where trailers stand: see
// [gitobject.TrailerBlock].
// It is part of what is signed, so that no other delegation of the same key can take its place.
const TrailerKey = "Delegation"

const (
	digestPrefix = "sha256:"
	inlinePrefix = "inline:"
	refPrefix    = "refs/remit/delegations/"
)

// Ref is what a trailer names.
type Ref struct {
	Digest string // of the leaf
	Inline []byte // the bundle, where the trailer holds it; not verified yet
}

// ErrTrailer is why a message's trailer is refused, for errors.Is.
var ErrTrailer = errors.New("the Delegation trailer is refused")

// ParseTrailer finds the delegation that a message names; false where it names none. Every line
// counts that git or a lenient reader could take for this trailer, in any case, indented, or with a
// space before its colon. More than one of them is an error, and so is one outside of the trailers
// or in another form than [TrailerKey] shows: two readers must not see two delegations.
func ParseTrailer(message string) (Ref, bool, error) {
	start, end := gitobject.TrailerBlock(message)
	pos, at, value := 0, -1, ""
	folded := false
	for line := range strings.Lines(message) {
		switch {
		case isDelegation(line):
			if at >= 0 {
				return Ref{}, false, fmt.Errorf("%w: the message has two of them", ErrTrailer)
			}
			at, value = pos, strings.TrimSuffix(line, "\n")
		case at >= 0 && at == pos-len(value)-1:
			folded = isFolded(line)
		}
		pos += len(line)
	}
	if at < 0 {
		return Ref{}, false, nil
	}
	if at < start || at >= end {
		return Ref{}, false, fmt.Errorf("%w: it must stand in the last paragraph, below the subject and among trailers", ErrTrailer)
	}
	if folded {
		return Ref{}, false, fmt.Errorf("%w: it must be one line", ErrTrailer)
	}
	value, ok := strings.CutPrefix(value, TrailerKey+": ")
	if !ok {
		return Ref{}, false, fmt.Errorf("%w: it must start with %q", ErrTrailer, TrailerKey+": ")
	}
	ref, err := ParseRef(value)
	if err != nil {
		return Ref{}, false, fmt.Errorf("%w: %w", ErrTrailer, err)
	}
	return ref, true, nil
}

// ParseRef reads the value of a trailer. For an inline bundle it computes the leaf's digest; the
// bundle's statements and signatures are left to [ParseBundle].
func ParseRef(value string) (Ref, error) {
	encoded, ok := strings.CutPrefix(value, inlinePrefix)
	if !ok {
		if err := names.CheckDigest(value); err != nil {
			return Ref{}, err
		}
		return Ref{Digest: value}, nil
	}
	if most := base64.RawURLEncoding.EncodedLen(MaxBundleSize); len(encoded) > most {
		return Ref{}, fmt.Errorf("the inline bundle has %d characters, at most %d are read", len(encoded), most)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // which the decoder skips
		return Ref{}, errors.New("the inline bundle is not base64url without padding")
	}
	envelopes, err := parseEnvelopes(b)
	if err != nil {
		return Ref{}, fmt.Errorf("reading the inline bundle: %w", err)
	}
	return Ref{Digest: digestOf(envelopes[len(envelopes)-1].Payload), Inline: b}, nil
}

// Ref is what the commits made under a chain name: its digest, or all of it.
func (c Chain) Ref(inline bool) Ref {
	r := Ref{Digest: c.Digest()}
	if inline {
		r.Inline = c.Marshal()
	}
	return r
}

// Value is the trailer's value for r, which [ParseRef] reads.
func (r Ref) Value() string {
	if r.Inline != nil {
		return inlinePrefix + base64.RawURLEncoding.EncodeToString(r.Inline)
	}
	return r.Digest
}

// StripTrailer removes every line that [ParseTrailer] counts, wherever it stands. Inside the
// trailers its continuation lines go with it, so that they do not become part of another one.
// A message without such a line is returned as it is.
func StripTrailer(message string) string {
	start, end := gitobject.TrailerBlock(message)
	var out strings.Builder
	pos, kept, removed, inRemoved := 0, 0, false, false
	for line := range strings.Lines(message) {
		inside := pos >= start && pos < end
		pos += len(line)
		inRemoved = isDelegation(line) || inRemoved && inside && isFolded(line)
		if inRemoved {
			removed = true
			continue
		}
		if inside {
			kept++
		}
		out.WriteString(line)
	}
	if !removed {
		return message
	}
	if end > start && kept == 0 { // the blank lines before the block go with it
		return trimBlank(out.String())
	}
	return out.String()
}

// AddTrailer strips message and adds one trailer with the given value to its trailers, or as a new
// last paragraph. It comes before what git removes from an edited message: the lines at the end
// that start with comment, and everything from the scissors line on. A value that [ParseRef] refuses
// is not added.
//
// A message without any text has no subject yet. Its first two lines are left empty for one, as
// git commit -s does; until it is filled in, [ParseTrailer] refuses the trailer.
//
// Comment is git's core.commentString, "#" unless somebody set another. An empty one means that git keeps
// every line: for messages that are not edited (GIT_EDITOR is ":" in the hook then), and for those of
// existing commits.
func AddTrailer(message, value, comment string) string {
	if _, err := ParseRef(value); err != nil {
		return StripTrailer(message)
	}
	// The first split is for StripTrailer to see the trailers, which are not last in the whole.
	text, tail := splitComments(message, comment)
	text, tail = splitComments(StripTrailer(text)+StripTrailer(tail), comment)
	text = trimBlank(text)
	bare := withoutComments(text, comment) // what git will make of it decides what its trailers are
	switch start, end := gitobject.TrailerBlock(bare); {
	case gitobject.IsBlank(text):
		text = "\n\n"
	case start == end:
		text += "\n"
	}
	text += TrailerKey + ": " + value + "\n"
	if tail != "" {
		text += "\n" + tail
	}
	return text
}

const (
	minShort    = 6 // digits of a digest that is cut short
	wholeDigits = 64
)

// ShortDigest reads a digest that somebody cut short, with or without its sha256:, to 6 digits or more. It returns
// "sha256:" and the digits. A whole digest is not one, nor is anything else.
func ShortDigest(s string) (short string, ok bool) {
	digits, named := strings.CutPrefix(s, "sha256:")
	if len(digits) < minShort || len(digits) > wholeDigits || named && len(digits) == wholeDigits || !lowerHex(digits) {
		return "", false
	}
	return "sha256:" + digits, true
}

// ArchivePath is where the bundle of a delegation is in [names.AuditBranch], if it is; "" where the digest is not one. It is
// spread over folders by its first digits, so that none has many files.
func ArchivePath(digest string) string {
	if names.CheckDigest(digest) != nil {
		return ""
	}
	hex := strings.TrimPrefix(digest, digestPrefix)
	return "bundle/" + hex[:1] + "/" + hex[1:2] + "/" + hex[2:3] + "/" + hex[3:4] + "/" + hex
}

// RefName is the ref that holds the bundle of a delegation; "" where digest is not one.
func RefName(digest string) string {
	if names.CheckDigest(digest) != nil {
		return ""
	}
	return refPrefix + strings.TrimPrefix(digest, digestPrefix)
}

// isDelegation reports whether a line could be read as naming a delegation.
func isDelegation(line string) bool {
	line = strings.TrimLeft(line, " \t\v\f\r")
	if len(line) <= len(TrailerKey) || !strings.EqualFold(line[:len(TrailerKey)], TrailerKey) {
		return false
	}
	return strings.HasPrefix(strings.TrimLeft(line[len(TrailerKey):], " \t\v\f\r"), ":")
}

// isFolded reports whether a line continues the trailer before it.
func isFolded(line string) bool {
	return (line[0] == ' ' || line[0] == '\t') && !gitobject.IsBlank(line)
}

// splitComments cuts off what git will remove from the end.
func splitComments(message, comment string) (text, tail string) {
	if comment == "" {
		return message, ""
	}
	cut, pos := 0, 0
	for line := range strings.Lines(message) {
		if strings.TrimRight(line, "\r\n") == comment+" ------------------------ >8 ------------------------" {
			break
		}
		pos += len(line)
		if !gitobject.IsBlank(line) && !strings.HasPrefix(line, comment) {
			cut = pos
		}
	}
	tail = message[cut:]
	for tail != "" { // without the blank lines before it
		line, rest, _ := strings.Cut(tail, "\n")
		if !gitobject.IsBlank(line) {
			break
		}
		tail = rest
	}
	return message[:cut], tail
}

func withoutComments(text, comment string) string {
	if comment == "" || !strings.Contains(text, comment) {
		return text
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, comment) {
			out.WriteString(line)
		}
	}
	return out.String()
}

// trimBlank removes blank lines from the end and ends the last line, if there is one.
func trimBlank(text string) string {
	cut, pos := 0, 0
	for line := range strings.Lines(text) {
		pos += len(line)
		if !gitobject.IsBlank(line) {
			cut = pos
		}
	}
	text = text[:cut]
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}
