package checker_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"io"
	"math/big"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/gitobject"
)

// signer returns the key of a seed, see scenario.
func (s *scenario) signer(seed string) signing.Signer {
	s.t.Helper()
	inner := s.sshSigner(seed)
	if inner == nil {
		return delegationtest.Signer(seed)
	}
	signer, err := signing.NewSSHSigner(inner)
	if err != nil {
		s.t.Fatal(err)
	}
	return signer
}

// sshSigner is the key of a seed that names a type, nil for any other.
func (s *scenario) sshSigner(seed string) ssh.Signer {
	s.t.Helper()
	kind, rest, ok := strings.Cut(seed, ":")
	if !ok {
		return nil
	}
	sum := sha256.Sum256([]byte("remit test key of " + rest))
	switch kind {
	case "fido":
		return &fidoToken{ed25519.NewKeyFromSeed(sum[:]), 1}
	case "fido-untouched":
		return &fidoToken{ed25519.NewKeyFromSeed(sum[:]), 0}
	case "ecdsa":
		sum[0] = 0 // below the order of the curve
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), sum[:])
		if err != nil {
			s.t.Fatal(err)
		}
		inner, err := ssh.NewSignerFromKey(key)
		if err != nil {
			s.t.Fatal(err)
		}
		return inner
	default:
		s.t.Fatalf("unknown key %q", seed)
		return nil
	}
}

// fidoToken is a FIDO token in software, as PROTOCOL.u2f describes its signatures.
type fidoToken struct {
	priv  ed25519.PrivateKey
	flags byte
}

func (f *fidoToken) PublicKey() ssh.PublicKey {
	b := sshString(nil, ssh.KeyAlgoSKED25519)
	b = sshString(b, string(f.priv[ed25519.SeedSize:]))
	k, err := ssh.ParsePublicKey(sshString(b, "ssh:"))
	if err != nil {
		panic(err)
	}
	return k
}

func (f *fidoToken) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	app, message := sha256.Sum256([]byte("ssh:")), sha256.Sum256(data)
	tail := binary.BigEndian.AppendUint32([]byte{f.flags}, 7)
	signed := append(append(app[:], tail...), message[:]...)
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(f.priv, signed), Rest: tail}, nil
}

func (s *scenario) sshsig(seed, namespace string, message []byte) []byte {
	s.t.Helper()
	if strings.HasPrefix(seed, "fido-untouched:") { // which SignSSHSIG refuses to hand out
		return resign(s, seed, string(message), func(*sshsigParts) {})
	}
	armored, err := signing.SignSSHSIG(s.signer(seed), namespace, message)
	if err != nil {
		s.t.Fatal(err)
	}
	return armored
}

// signCommit signs a commit, and then does to it what a case's damage= says.
func (s *scenario) signCommit(payload, seed, damage string) []byte {
	s.t.Helper()
	if seed == "" {
		return []byte(payload)
	}
	namespace := signing.NamespaceGit
	if rest, ok := strings.CutPrefix(damage, "namespace-"); ok {
		namespace, damage = rest, ""
	}
	armored := s.sshsig(seed, namespace, []byte(payload))
	switch damage {
	case "pgp":
		armored = []byte("-----BEGIN PGP SIGNATURE-----\n\nwsBcBAABCAAQBQJ\n-----END PGP SIGNATURE-----\n")
	case "reserved":
		armored = resign(s, seed, payload, func(p *sshsigParts) {
			p.reserved = "x"
			p.sign(s, seed, payload)
		})
	case "s-plus-l": // OpenSSH 9.2 accepts it
		armored = resign(s, seed, payload, func(p *sshsigParts) { p.sig = plusL(p.sig) })
	case "non-canonical-r":
		armored = resign(s, seed, payload, func(p *sshsigParts) {
			p.sig = append(bytes.Repeat([]byte{0xff}, 32), p.sig[32:]...)
		})
	case "low-order":
		// The neutral element as key: R = neutral, S = 0 is a signature of everything for a verifier
		// that does not look at the key.
		armored = resign(s, seed, payload, func(p *sshsigParts) {
			neutral := append([]byte{1}, make([]byte, 31)...)
			p.key = sshString(sshString(nil, ssh.KeyAlgoED25519), string(neutral))
			p.sig = bytes.Join([][]byte{neutral, make([]byte, 32)}, nil)
		})
	case "certificate":
		armored = resign(s, seed, payload, func(p *sshsigParts) {
			p.key = sshString(nil, "ssh-ed25519-cert-v01@openssh.com")
			p.key = sshString(p.key, "nonce")
			p.key = sshString(p.key, string(delegationtest.Key(seed).Marshal()[19:]))
		})
	}
	raw, err := gitobject.WithSignature([]byte(payload), armored)
	if err != nil {
		s.t.Fatal(err)
	}
	const last = "-----END SSH SIGNATURE-----\n"
	_, header, _ := strings.Cut(string(raw), "\ngpgsig ")
	header, _, _ = strings.Cut(header, last)
	header = "gpgsig " + header + last
	replace := func(old, updated string) {
		if !strings.Contains(string(raw), old) {
			s.t.Fatalf("damage %q changes nothing", damage)
		}
		raw = []byte(strings.Replace(string(raw), old, updated, 1))
	}
	switch damage {
	case "", "pgp", "reserved", "s-plus-l", "non-canonical-r", "low-order", "certificate":
	case "changed": // after it was signed
		replace("Work on", "Play with")
	case "trailer-added": // after it was signed
		raw = append(raw, "\nReviewed-by: Alice\n"...)
	case "two-signatures":
		replace(header, header+header)
	case "two-hashes":
		replace(header, header+"gpgsig-sha256"+strings.TrimPrefix(header, "gpgsig"))
	case "signature-in-message":
		replace(header, "")
		raw = append(raw, "\n"+header...)
	case "folded-oddly":
		replace("\n -----END", "\n\t-----END")
	case "header-after-signature":
		replace(header, header+"x-note y\n")
	case "header-lost": // a library read the commit, did not know a header, and wrote it again
		signed := strings.Replace(payload, "\n\n", "\nx-note y\n\n", 1)
		raw, err = gitobject.WithSignature([]byte(payload), s.sshsig(seed, signing.NamespaceGit, []byte(signed)))
		if err != nil {
			s.t.Fatal(err)
		}
	case "nul":
		raw = append(raw, "\x00hidden"...)
	default:
		s.t.Fatalf("unknown damage %q", damage)
	}
	return raw
}

// sshsigParts is an SSHSIG (PROTOCOL.sshsig) taken apart, to put it together wrongly.
type sshsigParts struct {
	key      []byte
	reserved string
	format   string
	sig      []byte // 64 bytes
	rest     []byte // a FIDO key's flags and counter
}

func resign(s *scenario, seed, payload string, change func(*sshsigParts)) []byte {
	s.t.Helper()
	p := sshsigParts{key: s.wireKey(seed)}
	p.sign(s, seed, payload)
	change(&p)
	b := append([]byte("SSHSIG"), 0, 0, 0, 1)
	b = sshString(b, string(p.key))
	b = sshString(b, signing.NamespaceGit)
	b = sshString(b, p.reserved)
	b = sshString(b, "sha512")
	b = sshString(b, string(append(sshString(sshString(nil, p.format), string(p.sig)), p.rest...)))
	text := base64.StdEncoding.EncodeToString(b)
	var out strings.Builder
	out.WriteString("-----BEGIN SSH SIGNATURE-----\n")
	for len(text) > 70 {
		out.WriteString(text[:70] + "\n")
		text = text[70:]
	}
	out.WriteString(text + "\n-----END SSH SIGNATURE-----\n")
	return []byte(out.String())
}

// sign signs over what the fields say.
func (p *sshsigParts) sign(s *scenario, seed, payload string) {
	s.t.Helper()
	sum := sha512.Sum512([]byte(payload))
	m := sshString([]byte("SSHSIG"), signing.NamespaceGit)
	m = sshString(sshString(m, p.reserved), "sha512")
	m = sshString(m, string(sum[:]))
	if inner := s.sshSigner(seed); inner != nil {
		sig, err := inner.Sign(nil, m)
		if err != nil {
			s.t.Fatal(err)
		}
		p.format, p.sig, p.rest = sig.Format, sig.Blob, sig.Rest
		return
	}
	sig, err := delegationtest.Signer(seed).SignMessage(bytes.NewReader(m))
	if err != nil {
		s.t.Fatal(err)
	}
	p.format, p.sig = ssh.KeyAlgoED25519, sig
}

func (s *scenario) wireKey(seed string) []byte {
	if inner := s.sshSigner(seed); inner != nil {
		return inner.PublicKey().Marshal()
	}
	return delegationtest.Key(seed).Marshal()
}

// plusL adds the order of the group to S: the same signature in a second form.
func plusL(sig []byte) []byte {
	l, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	le := bytes.Clone(sig[32:])
	for i, j := 0, len(le)-1; i < j; i, j = i+1, j-1 {
		le[i], le[j] = le[j], le[i]
	}
	sum := new(big.Int).Add(new(big.Int).SetBytes(le), l).FillBytes(make([]byte, 32))
	for i, j := 0, len(sum)-1; i < j; i, j = i+1, j-1 {
		sum[i], sum[j] = sum[j], sum[i]
	}
	return append(bytes.Clone(sig[:32]), sum...)
}

func sshString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}
