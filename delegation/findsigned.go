package delegation

import "bytes"

// FindSigned returns the signed statement's file that b is or holds; false where it is none.
func FindSigned(b []byte) ([]byte, bool, error) {
	text := bytes.TrimRight(b, "\r\n")
	if bytes.HasPrefix(text, []byte(`{"version":1,"statement":`)) {
		return text, true, nil
	}
	if file, err := DecodeText(string(text)); err == nil {
		return file, true, nil
	}
	if !bytes.Contains(b, []byte("<!--")) {
		return nil, false, nil
	}
	return FindInBody(string(b))
}
