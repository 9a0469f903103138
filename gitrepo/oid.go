package gitrepo

import "encoding/hex"

// Lengths of an object name in bytes.
const (
	sha1Size   = 20
	sha256Size = 32
)

// oid is an object name of either hash. Its zero value names nothing.
type oid struct {
	n uint8
	b [sha256Size]byte
}

// makeOID takes a name's bytes; bytes of no hash's length name nothing.
func makeOID(raw []byte) oid {
	var o oid
	switch len(raw) {
	case sha1Size:
		o.n = sha1Size
	case sha256Size:
		o.n = sha256Size
	default:
		return oid{}
	}
	copy(o.b[:], raw)
	return o
}

// parseOID reads a full name in lower-case hexadecimal: 40 or 64 digits.
func parseOID(s string) (oid, bool) {
	if len(s) != 2*sha1Size && len(s) != 2*sha256Size {
		return oid{}, false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return oid{}, false
		}
	}
	raw, err := hex.DecodeString(s)
	if err != nil {
		return oid{}, false
	}
	return makeOID(raw), true
}

func (o oid) String() string { return hex.EncodeToString(o.b[:o.n]) }

func (o oid) isZero() bool { return o.n == 0 }
