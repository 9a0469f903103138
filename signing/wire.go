package signing

import "encoding/binary"

// readString reads an SSH string (RFC 4251 5): a 32-bit length and as many bytes.
func readString(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	b = b[4:]
	if uint64(n) > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// appendString appends s as an SSH string. What is appended here is at most a few kilobytes long.
func appendString[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s))) //nolint:gosec // lengths are bounded far below 2^32
	return append(dst, s...)
}
