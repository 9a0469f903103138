package signing

import (
	"errors"
	"fmt"
)

// Why a signature that parsed does not count. Test with [errors.Is].
var (
	// ErrBadSignature: the signature is not one of this key over this message.
	ErrBadSignature = errors.New("the signature does not match the message and the key")
	// ErrNamespace: the signature was made for another purpose.
	ErrNamespace = errors.New("the signature was made for another purpose (SSHSIG namespace)")
	// ErrPresence: a FIDO key signed without anybody touching it.
	ErrPresence = errors.New("the FIDO key signed without a touch: user presence is required")
	// ErrOtherKey: the signature names another key than the one it was to be verified with.
	ErrOtherKey = errors.New("the signature was made by another key")
)

// ErrKeyRefused says that a public key is well-formed, as far as was looked, and of a kind or
// strength that is not accepted: certificates, DSA, short RSA, low-order points.
var ErrKeyRefused = errors.New("the key is not accepted")

var errNoKey = errors.New("there is no key to verify with")

// maxQuoted bounds how many bytes of untrusted text an error shows.
const maxQuoted = 80

// quote makes untrusted text safe to print: ASCII only, escaped, short.
func quote[T ~string | ~[]byte](s T) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%+q…", string(s[:maxQuoted]))
	}
	return fmt.Sprintf("%+q", string(s))
}
