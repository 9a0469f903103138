package signing

import (
	"bytes"
	"errors"
)

// krlMagic begins OpenSSH's binary key revocation lists (PROTOCOL.krl).
const krlMagic = "SSHKRL\n\x00"

// ErrRevoked says that a key stands in the revocation list.
var ErrRevoked = errors.New("the key is revoked")

// RevocationList is a list of revoked public keys, one authorized_keys line each. The zero value
// revokes nothing.
type RevocationList struct{ keys []PublicKey }

// ParseRevocationList reads what `ssh-keygen -r FILE` and git's gpg.ssh.revocationFile take, in its
// plain form. Binary KRLs are an error, for to skip one would be to trust what it revokes. A line
// with a key that remit never accepts is passed over: such a key is as good as revoked.
func ParseRevocationList(b []byte) (*RevocationList, error) {
	if bytes.HasPrefix(b, []byte(krlMagic)) {
		return nil, errors.New("the revocation file is a binary KRL, which remit cannot read: list the revoked public keys, one a line")
	}
	l := &RevocationList{}
	err := eachLine(b, "revoked keys", func(_ int, line string) error {
		k, err := ParseAuthorizedKey(line)
		if errors.Is(err, ErrKeyRefused) {
			return nil
		}
		if err != nil {
			return err
		}
		l.keys = append(l.keys, k)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Revoked says whether k stands in the list.
func (l *RevocationList) Revoked(k PublicKey) bool {
	for _, r := range l.keys {
		if k.Equal(r) {
			return true
		}
	}
	return false
}
