package policy

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// rsaKey is a human's key; its private half was thrown away.
const rsaKey = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC3fibyh8JeGOcpvS8b49XfVLCEeeJsLR3Ao1ARxaaMa8QfTibKriVwjITVOUuObCLJs0gN/oxftgoJEZ6rp1KJvYjHNuyVNhwJOo6zRPgVLIci1Czw6UdZydNzHmCrrSm5SFIgJ46OIg94XDlAXq+2dJ4FDdZmhfH3nGG/OfowWjbz4G9X1p5JII8aw++iC+sGvgmiR1YpebQn6PkJxe1Oc7gh7XFkRg5WomTN6yT77/Cu2M6QmQz5dbHHyZYHpYxSLjTsuIqUHjnovKq37omkLoPiEngy/rOYU1Y/HzwKOkWW8qr/dxHRMbKDo5wsa+RJzsIE8VxNYSMMjUDdfVvR carol@desk"

// testKey is the authorized_keys line of the n-th test key, the same in every run.
func testKey(n byte) string {
	seed := bytes.Repeat([]byte{n}, ed25519.SeedSize)
	public, err := ssh.NewPublicKey(ed25519.NewKeyFromSeed(seed).Public())
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public))) + fmt.Sprintf(" key%d", n)
}

// lowOrderKey is a point that verifies signatures of nobody's making.
func lowOrderKey() string {
	wire := append([]byte("\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20\x01"), make([]byte, 31)...)
	return "ssh-ed25519 " + base64.StdEncoding.EncodeToString(wire)
}

// withKeys puts keys in for the words KEY1 to KEY9, RSAKEY and LOWKEY.
func withKeys(src []byte) []byte {
	for n := byte(1); n <= 9; n++ {
		src = bytes.ReplaceAll(src, []byte(fmt.Sprintf("KEY%d", n)), []byte(testKey(n)))
	}
	src = bytes.ReplaceAll(src, []byte("RSAKEY"), []byte(rsaKey))
	return bytes.ReplaceAll(src, []byte("LOWKEY"), []byte(lowOrderKey()))
}
