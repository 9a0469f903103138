package signing

import "errors"

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
