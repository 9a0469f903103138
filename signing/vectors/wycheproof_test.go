package vectors

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/remit-sh/remit/signing"
)

// edFile is testvectors_v1/ed25519_test.json, as far as it is used here.
type edFile struct {
	NumberOfTests int
	TestGroups    []struct {
		PublicKey struct{ PK string }
		Tests     []struct {
			TCID             int
			Comment          string
			Msg, Sig, Result string
			Flags            []string
		}
	}
}

// differences lists the cases in which remit's verdict is not Wycheproof's, each with the reason.
// There are none: Wycheproof holds no case with a public key that only remit refuses (low-order or
// not canonical; those are tested in package signing), and no "acceptable" result for Ed25519.
var differences = map[int]string{}

func TestWycheproofEd25519(t *testing.T) {
	data, err := fs.ReadFile(wycheproof.TestVectors, "ed25519_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var file edFile
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	ran, accepted := 0, 0
	for _, group := range file.TestGroups {
		point := unhex(t, group.PublicKey.PK)
		key, keyErr := signing.ParsePublicKey(wire("ssh-ed25519", point))
		for _, tc := range group.Tests {
			ran++
			message, sig := unhex(t, tc.Msg), unhex(t, tc.Sig)
			err := keyErr
			if err == nil {
				err = key.Verifier().VerifySignature(bytes.NewReader(sig), bytes.NewReader(message))
			}
			if err == nil {
				accepted++
			}
			why, differs := differences[tc.TCID]
			switch tc.Result {
			case "valid":
				if (err != nil) != differs {
					t.Errorf("case %d (%s): valid there, here: %v (listed: %q)", tc.TCID, tc.Comment, err, why)
				}
			case "invalid":
				if (err == nil) != differs {
					t.Errorf("case %d (%s) %v: invalid there, accepted here (listed: %q)", tc.TCID, tc.Comment, tc.Flags, why)
				}
			default:
				t.Errorf("case %d (%s): the result %q is new: decide what remit should do", tc.TCID, tc.Comment, tc.Result)
			}
			if len(point) == ed25519.PublicKeySize && ed25519.Verify(point, message, sig) != (err == nil) {
				t.Errorf("case %d (%s): crypto/ed25519 disagrees: %v", tc.TCID, tc.Comment, err)
			}
		}
	}
	if ran != file.NumberOfTests || accepted == 0 || accepted == ran {
		t.Errorf("%d of %d cases ran, %d were accepted", ran, file.NumberOfTests, accepted)
	}
	t.Logf("%d cases, %d accepted, %d differences", ran, accepted, len(differences))
}

// wire is the SSH form of a key: two strings behind their lengths.
func wire(algorithm string, point []byte) []byte {
	var b []byte
	for _, s := range [][]byte{[]byte(algorithm), point} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return b
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
