package gitobject

import (
	"strings"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
)

// Tag is an annotated tag object. Its text is as the object holds it: untrusted, and not always
// UTF-8.
type Tag struct {
	Object string // id of what is tagged
	Type   string // "commit", "tree", "blob" or "tag"
	Name   string // without refs/tags/; refs/tags/<Name> is a well-formed ref
	Tagger Ident

	// Signature is the armored signature, which stands at the end of a tag's message; nil where
	// the tag is not signed. Payload is everything before it. Both share memory with the input
	// and must not be written to.
	Signature []byte
	Payload   []byte
	Message   string // without the signature
}

// ParseTag reads a tag object's content, without the "tag <size>" that git stores in front of it.
// As in git, the signature starts at the last line that begins like an armored signature of any
// format, and goes on to the end. Every error is a [*FormatError].
func ParseTag(raw []byte) (*Tag, error) {
	head, message, err := open("tag", raw, MaxTagSize)
	if err != nil {
		return nil, err
	}
	t := &Tag{}
	l := lines{object: "tag", rest: head}
	for _, h := range []struct {
		name  string
		value *string
	}{{"object", &t.Object}, {"type", &t.Type}, {"tag", &t.Name}} {
		line := l.next()
		value, ok := strings.CutPrefix(line, h.name+" ")
		if !ok {
			return nil, l.fail(ErrHeader, "expected the %s header, not %s", h.name, inert.Quote(line))
		}
		*h.value = value
		switch h.name {
		case "object":
			if !validID(value) {
				return nil, l.fail(ErrHeader, "%s is not an object id", inert.Quote(value))
			}
		case "type":
			switch value {
			case "commit", "tree", "blob", "tag":
			default:
				return nil, l.fail(ErrHeader, "%s is not a type of object", inert.Quote(value))
			}
		case "tag":
			if err := names.CheckRef("refs/tags/" + value); err != nil {
				return nil, l.fail(ErrHeader, "%v", err)
			}
		}
	}
	if t.Tagger, err = l.ident("tagger", l.next()); err != nil {
		return nil, err
	}
	// Git leaves gpgsig headers out of what a tag's signature covers, so nothing may follow.
	if line, ok := l.more(); ok {
		return nil, l.fail(ErrHeader, "a header after tagger: %s", inert.Quote(line))
	}

	n := signatureStart(message)
	t.Message = message[:n]
	n += len(raw) - len(message)
	t.Payload = raw[:n:n]
	if n < len(raw) {
		t.Signature = raw[n:len(raw):len(raw)]
	}
	return t, nil
}

// signatureStart is where the signature starts in a tag's message; its length where there is none.
func signatureStart(message string) int {
	start := len(message)
	pos := 0
	for line := range strings.Lines(message) {
		if beginsSignature(line) {
			start = pos
		}
		pos += len(line)
	}
	return start
}

// beginsSignature knows every format that git does: the last one decides, whatever it is.
func beginsSignature(line string) bool {
	rest, ok := strings.CutPrefix(line, "-----BEGIN ")
	return ok && (strings.HasPrefix(rest, "SSH SIGNATURE-----") ||
		strings.HasPrefix(rest, "PGP SIGNATURE-----") ||
		strings.HasPrefix(rest, "PGP MESSAGE-----") ||
		strings.HasPrefix(rest, "SIGNED MESSAGE-----"))
}
