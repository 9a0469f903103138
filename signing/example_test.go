package signing_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"github.com/remit-sh/remit/signing"
)

// What is signed for git verifies with git and ssh-keygen too. The namespace is a part of it: a
// signature made for another purpose does not count as one of a commit.
func ExampleSignSSHSIG() {
	seed := []byte("a seed of 32 bytes, for examples") // of a real key: ed25519.GenerateKey
	signer, err := signing.NewEd25519Signer(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		fmt.Println(err)
		return
	}
	commit := []byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n…")
	armored, err := signing.SignSSHSIG(signer, signing.NamespaceGit, commit)
	if err != nil {
		fmt.Println(err)
		return
	}

	// The other side has the bytes alone, and the key that its policy lists.
	known, err := signing.ParseAuthorizedKey(signer.SSHPublicKey().AuthorizedKey() + " coder")
	if err != nil {
		fmt.Println(err)
		return
	}
	sig, err := signing.ParseSSHSIG(armored)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sig.Fingerprint() == known.Fingerprint(), known.Comment())
	fmt.Println(sig.VerifyWith(known, commit, signing.NamespaceGit))
	fmt.Println(errors.Is(sig.VerifyWith(known, append(commit, ' '), signing.NamespaceGit), signing.ErrBadSignature))
	fmt.Println(errors.Is(sig.VerifyWith(known, commit, "file"), signing.ErrNamespace))

	// One encoding only: to add as much as a line break is to make it another commit.
	_, err = signing.ParseSSHSIG([]byte(string(armored) + "\n"))
	fmt.Println(err != nil, strings.HasPrefix(string(armored), "-----BEGIN SSH SIGNATURE-----\n"))
	// Output:
	// true coder
	// <nil>
	// true
	// true
	// true true
}

// Statements travel in DSSE envelopes. The key id in one is a hint and nothing more.
func ExampleSignEnvelope() {
	signer, err := signing.NewEd25519Signer(ed25519.NewKeyFromSeed([]byte("a seed of 32 bytes, for examples")))
	if err != nil {
		fmt.Println(err)
		return
	}
	envelope, err := signing.SignEnvelope("application/json", []byte(`{"deploy":"staging"}`), signer)
	if err != nil {
		fmt.Println(err)
		return
	}
	read, err := signing.ParseEnvelope(envelope.Marshal())
	if err != nil {
		fmt.Println(err)
		return
	}
	key := signer.SSHPublicKey()
	fmt.Println(string(read.Payload), read.Verify(key))

	read.Payload = []byte(`{"deploy":"production"}`)
	fmt.Println(read.Verify(key))
	// Output:
	// {"deploy":"staging"} <nil>
	// the signature does not match the message and the key
}
