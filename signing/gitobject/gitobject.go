// Package gitobject reads the raw bytes of git commit and tag objects, and finds in them what a
// signature covers. It decides nothing about the signature itself.
//
// A signature is checked over the object's own bytes. Decoding an object into a structure and
// encoding it again loses headers that the structure does not know, so that the bytes verified are
// not the bytes stored. Here the payload is cut out of the raw object and nothing is encoded again.
//
// A commit looks like this; the signature is one header, folded by a space before each line:
//
//	tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904
//	parent 83baae61804e65cc73a7201a7252750c76066a30
//	author Alice <alice@example.com> 1795356000 +0100
//	committer Alice <alice@example.com> 1795356000 +0100
//	gpgsig -----BEGIN SSH SIGNATURE-----
//	 U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg…
//	 -----END SSH SIGNATURE-----
//
//	Subject
//
// # What is refused, though git reads it
//
// Git is lenient, and each leniency is a way to show two readers two different objects, or to
// change an object's id without the key that signed it. An object is refused unless:
//
//   - its headers are tree, parent (any number), author and committer, in this order, once each;
//     others may follow, encoding at most once;
//   - object ids are lower-case hexadecimal, and all of the same hash;
//   - there is at most one signature header, it fits the hash (gpgsig for SHA-1, gpgsig-sha256 for
//     SHA-256), and it is the last header, which is where git writes it. No other header starts
//     with "gpgsig", because git leaves all of those out of what it verifies;
//   - only headers that git folds are folded, each line by one space; no carriage return and no
//     tab stands in for it;
//   - there is no NUL byte: git stops reading a message there;
//   - author, committer and tagger are "name <email> seconds zone".
//
// A "gpgsig" line or an armored signature inside a commit's message is text, as it is for git.
package gitobject

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/remit-sh/remit/inert"
)

// Limits of what is read.
const (
	MaxCommitSize = 1 << 20 // bytes of a commit object
	MaxTagSize    = 1 << 20 // bytes of a tag object
	MaxParents    = 128     // the widest octopus merge known in a public history has 66
)

// The headers that hold a commit's signature, by the hash of the repository.
const (
	headerSHA1   = "gpgsig"
	headerSHA256 = "gpgsig-sha256"
)

// Commit is a commit object. Its text is as the object holds it: untrusted, and not always UTF-8.
type Commit struct {
	Tree      string   // object id, 40 or 64 hexadecimal digits
	Parents   []string // object ids
	Author    Ident
	Committer Ident

	// Signature is the armored signature with its folding undone, ending in a newline; nil where
	// the commit is not signed. Its format (SSH, OpenPGP, X.509) is not looked at.
	Signature []byte
	// Payload is what a signature covers: the object without its signature header. It shares
	// memory with the input where there is none, and must not be written to.
	Payload []byte
	Message string // everything after the headers' blank line
	// Encoding is what the header of that name says the message is written in; "" where there is none,
	// which for git is UTF-8. Git shows the message as if its bytes were that, and other readers do not.
	Encoding string
}

// Ident is who is named as author, committer or tagger, and when. Anybody can write anything here.
type Ident struct {
	Name  string // may be empty
	Email string // may be empty
	When  time.Time
}

// ParseCommit reads a commit object's content, without the "commit <size>" that git stores in
// front of it. Every error is a [*FormatError].
func ParseCommit(raw []byte) (*Commit, error) {
	head, message, err := open("commit", raw, MaxCommitSize)
	if err != nil {
		return nil, err
	}
	c := &Commit{Message: message}
	l := lines{object: "commit", rest: head}
	if err := c.parseCore(&l); err != nil {
		return nil, err
	}
	start, end, err := parseOthers(&l, len(c.Tree))
	if err != nil {
		return nil, err
	}
	if _, after, ok := strings.Cut(head, "\nencoding "); ok { // folded lines begin with a space
		c.Encoding, _, _ = strings.Cut(after, "\n")
	}
	if start == end {
		c.Payload = raw[:len(raw):len(raw)]
		return c, nil
	}
	c.Signature = unfold(raw[start:end])
	c.Payload = make([]byte, 0, len(raw)-(end-start))
	c.Payload = append(append(c.Payload, raw[:start]...), raw[end:]...)
	return c, nil
}

// WithSignature puts an armored signature into an unsigned commit, where git would: as the last
// header. It is the inverse of [ParseCommit]: the result parses to this payload and signature.
func WithSignature(payload, armored []byte) ([]byte, error) {
	c, err := ParseCommit(payload)
	if err != nil {
		return nil, err
	}
	if c.Signature != nil {
		return nil, &FormatError{Object: "commit", Err: ErrTwoSignatures, Detail: "the commit to sign has a signature already"}
	}
	if len(armored) == 0 || armored[len(armored)-1] != '\n' {
		return nil, &FormatError{Object: "commit", Err: ErrSignatureHeader, Detail: "the signature to add does not end in a newline"}
	}
	head := bytes.Index(payload, []byte("\n\n")) + 1
	out := make([]byte, 0, len(payload)+len(armored)+bytes.Count(armored, []byte("\n"))+len(headerSHA256))
	out = append(out, payload[:head]...)
	out = append(out, signatureHeader(len(c.Tree))...)
	for line := range bytes.Lines(armored) {
		out = append(append(out, ' '), line...)
	}
	out = append(out, payload[head:]...)

	// An armor that does not survive being folded (a blank first line, a carriage return) is
	// found by reading the result.
	if _, err := ParseCommit(out); err != nil {
		return nil, fmt.Errorf("adding a signature: %w", err)
	}
	return out, nil
}

func (c *Commit) parseCore(l *lines) error {
	line := l.next()
	id, ok := strings.CutPrefix(line, "tree ")
	if !ok {
		return l.fail(ErrHeader, "expected the tree header, not %s", inert.Quote(line))
	}
	if !validID(id) {
		return l.fail(ErrHeader, "%s is not an object id", inert.Quote(id))
	}
	c.Tree = id

	for line = l.next(); ; line = l.next() {
		id, ok := strings.CutPrefix(line, "parent ")
		if !ok {
			break
		}
		if !validID(id) || len(id) != len(c.Tree) {
			return l.fail(ErrHeader, "%s is not an object id of the same hash as the tree's", inert.Quote(id))
		}
		if len(c.Parents) == MaxParents {
			return l.fail(ErrTooLarge, "more than %d parents", MaxParents)
		}
		for _, p := range c.Parents {
			if p == id {
				return l.fail(ErrHeader, "parent %s is named twice", id)
			}
		}
		c.Parents = append(c.Parents, id)
	}

	var err error
	if c.Author, err = l.ident("author", line); err != nil {
		return err
	}
	c.Committer, err = l.ident("committer", l.next())
	return err
}

// parseOthers reads the headers after committer. It returns where the signature header starts and
// ends in the object; both are equal where there is none.
func parseOthers(l *lines, idLen int) (start, end int, err error) {
	want := signatureHeader(idLen)
	foldable, encoded := false, false // the line before may be folded; there was an encoding header
	for {
		at := l.pos
		line, ok := l.more()
		if !ok {
			return start, end, nil
		}
		inSignature := end > start && end == at
		if line[0] == ' ' {
			switch {
			case inSignature:
				if bad := armorLine(line[1:]); bad != "" {
					return 0, 0, l.fail(ErrSignatureHeader, "%s", bad)
				}
				end = l.pos
			case !foldable:
				return 0, 0, l.fail(ErrHeader, "the header before may not be folded")
			}
			continue
		}
		key, value, ok := strings.Cut(line, " ")
		if !ok || !validKey(key) {
			return 0, 0, l.fail(ErrHeader, "%s is not a header: a name, one space and a value", inert.Quote(line))
		}
		foldable = true
		switch {
		case strings.HasPrefix(key, headerSHA1):
			if end > start {
				return 0, 0, l.fail(ErrTwoSignatures, "a second signature header, %s", inert.Quote(key))
			}
			if key != want {
				return 0, 0, l.fail(ErrSignatureHeader, "the header %s where only %s may hold a signature", inert.Quote(key), want)
			}
			bad := armorLine(value)
			if value == "" {
				bad = "the signature's first line is empty"
			}
			if bad != "" {
				return 0, 0, l.fail(ErrSignatureHeader, "%s", bad)
			}
			start, end = at, l.pos
			continue
		case end > start:
			// git verifies such a commit too. It is refused because moving the header changes the
			// commit's id, and the signature would stay good.
			return 0, 0, l.fail(ErrSignatureHeader, "the header %s after the signature, which must be the last header", inert.Quote(key))
		case key == "tree", key == "parent", key == "author", key == "committer":
			return 0, 0, l.fail(ErrHeader, "a second or misplaced %s header", key)
		case key == "encoding":
			if encoded {
				return 0, 0, l.fail(ErrHeader, "a second encoding header")
			}
			if !validKey(value) {
				return 0, 0, l.fail(ErrHeader, "%s is not an encoding", inert.Quote(value))
			}
			encoded, foldable = true, false
		case strings.IndexByte(value, '\r') >= 0:
			return 0, 0, l.fail(ErrHeader, "a carriage return in a header")
		}
	}
}

// signatureHeader is the header in which git stores the signature of a commit whose object ids
// have idLen digits.
func signatureHeader(idLen int) string {
	if idLen == 64 {
		return headerSHA256
	}
	return headerSHA1
}

// armorLine says what is wrong with one line of an armored signature. An empty line is fine:
// OpenPGP armor has one.
func armorLine(s string) string {
	if s != "" && (s[0] == ' ' || s[0] == '\t') {
		return "a signature line is folded by more than one space"
	}
	if strings.IndexByte(s, '\r') >= 0 {
		return "a carriage return in the signature"
	}
	return ""
}

// unfold removes a signature header's name and the space before each of its lines.
func unfold(header []byte) []byte {
	out := make([]byte, 0, len(header))
	rest := header[bytes.IndexByte(header, ' '):]
	for len(rest) > 0 {
		n := bytes.IndexByte(rest, '\n') + 1
		out = append(out, rest[1:n]...)
		rest = rest[n:]
	}
	return out
}
