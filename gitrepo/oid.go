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

func makeOID(raw []byte) oid {
	var o oid
	o.n = uint8(copy(o.b[:], raw)) // #nosec G115 -- at most 32
	return o
}

// parseOID reads a full name in lower-case hexadecimal: 40 or 64 digits.
func parseOID(s string) (oid, bool) {
	var o oid
	if len(s) != 2*sha1Size && len(s) != 2*sha256Size {
		return oid{}, false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return oid{}, false
		}
	}
	n, err := hex.Decode(o.b[:], []byte(s))
	if err != nil {
		return oid{}, false
	}
	o.n = uint8(n) // #nosec G115 -- at most 32
	return o, true
}

func (o oid) String() string { return hex.EncodeToString(o.b[:o.n]) }

func (o oid) isZero() bool { return o.n == 0 }

// isNull reports git's all-zero name, which stands for "no object".
func (o oid) isNull() bool { return o.b == [sha256Size]byte{} }
