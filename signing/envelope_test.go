package signing

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	sigstoredsse "github.com/sigstore/sigstore/pkg/signature/dsse"
)

const testPayloadType = "application/vnd.in-toto+json"

func mustSignEnvelope(t testing.TB, s Signer, payload []byte) *Envelope {
	t.Helper()
	e, err := SignEnvelope(testPayloadType, payload, s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEnvelope(t *testing.T) {
	payload := []byte(`{"a":1}`)
	for name, signer := range map[string]Signer{
		"ed25519": newEd25519(t),
		"rsa":     newRSA(t),
		"fido":    fidoSigner(t, newFIDO(t, fidoUserPresence)),
	} {
		t.Run(name, func(t *testing.T) {
			k := signer.SSHPublicKey()
			e, err := ParseEnvelope(mustSignEnvelope(t, signer, payload).Marshal())
			if err != nil {
				t.Fatal(err)
			}
			if e.PayloadType != testPayloadType || !bytes.Equal(e.Payload, payload) || e.KeyID != k.Fingerprint() {
				t.Errorf("got %+v", e)
			}
			if err := e.Verify(k); err != nil {
				t.Error(err)
			}
			if err := e.Verify(newEd25519(t).SSHPublicKey()); err == nil {
				t.Error("it verifies with another key")
			}
			if err := e.Verify(PublicKey{}); err == nil {
				t.Error("it verifies with no key")
			}
			for what, change := range map[string]func(e *Envelope){
				"payload":      func(e *Envelope) { e.Payload = []byte(`{"a":2}`) },
				"payload type": func(e *Envelope) { e.PayloadType = "application/json" },
				"signature":    func(e *Envelope) { e.Sig = bytes.Clone(e.Sig); e.Sig[len(e.Sig)-10] ^= 1 },
				"boundary":     func(e *Envelope) { e.PayloadType += " 7"; e.Payload = e.Payload[:0] },
			} {
				other := *e
				change(&other)
				if err := other.Verify(k); !errors.Is(err, ErrBadSignature) {
					t.Errorf("another %s: %v", what, err)
				}
			}
		})
	}
}

// The key id is a hint that nobody signs: it neither helps nor hurts.
func TestAttackKeyIDTrusted(t *testing.T) {
	alice, mallory := newEd25519(t), newEd25519(t)
	e := mustSignEnvelope(t, mallory, []byte("x"))
	e.KeyID = alice.SSHPublicKey().Fingerprint()
	if err := e.Verify(alice.SSHPublicKey()); !errors.Is(err, ErrBadSignature) {
		t.Errorf("the key id made it Alice's: %v", err)
	}
	if err := e.Verify(mallory.SSHPublicKey()); err != nil {
		t.Errorf("the key id spoiled it: %v", err)
	}
}

// What remit signs, sigstore verifies, and the reverse.
func TestEnvelopeInterop(t *testing.T) {
	signer, payload := newEd25519(t), []byte(`{"a":1}`)
	k := signer.SSHPublicKey()
	ours := mustSignEnvelope(t, signer, payload).Marshal()
	if err := sigstoredsse.WrapVerifier(k.Verifier()).VerifySignature(bytes.NewReader(ours), nil); err != nil {
		t.Errorf("sigstore refuses remit's envelope: %v", err)
	}
	theirs, err := sigstoredsse.WrapSigner(signer, testPayloadType).SignMessage(bytes.NewReader(payload))
	if err != nil {
		t.Fatal(err)
	}
	e, err := ParseEnvelope(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Verify(k); err != nil || !bytes.Equal(e.Payload, payload) {
		t.Errorf("remit refuses sigstore's envelope: %v", err)
	}
}

func TestParseEnvelope(t *testing.T) {
	const good = `{"payloadType":"t","payload":"YQ==","signatures":[{"keyid":"k","sig":"Yg=="}]}`
	for name, tc := range map[string]struct {
		text  string
		fails bool
	}{
		"good":               {good, false},
		"other order":        {`{"signatures":[{"sig":"Yg==","keyid":"k"}],"payload":"YQ==","payloadType":"t"}`, false},
		"white space":        {" {\n\t\"payloadType\": \"t\", \"payload\": \"YQ==\", \"signatures\": [ {\"sig\": \"Yg==\"} ] }\n", false},
		"no keyid":           {strings.Replace(good, `"keyid":"k",`, "", 1), false},
		"empty payload":      {strings.Replace(good, "YQ==", "", 1), false},
		"empty":              {"", true},
		"null":               {"null", true},
		"array":              {"[" + good + "]", true},
		"trailing":           {good + "x", true},
		"twice":              {good + good, true},
		"duplicate payload":  {strings.Replace(good, `"payload":`, `"payload":"YQ==","payload":`, 1), true},
		"duplicate sig":      {strings.Replace(good, `"sig":`, `"sig":"Yg==","sig":`, 1), true},
		"unknown member":     {strings.Replace(good, `"payload":`, `"x":1,"payload":`, 1), true},
		"unknown in sig":     {strings.Replace(good, `"sig":`, `"cert":"x","sig":`, 1), true},
		"case":               {strings.Replace(good, `"payload":`, `"Payload":`, 1), true},
		"long s":             {strings.Replace(good, `"signatures"`, `"ſignatures"`, 1), true},
		"no payload":         {strings.Replace(good, `"payload":"YQ==",`, "", 1), true},
		"no payload type":    {strings.Replace(good, `"payloadType":"t",`, "", 1), true},
		"empty payload type": {strings.Replace(good, `"t"`, `""`, 1), true},
		"control in type":    {strings.Replace(good, `"t"`, `"t\n"`, 1), true},
		"long type":          {strings.Replace(good, `"t"`, `"`+strings.Repeat("t", MaxPayloadType+1)+`"`, 1), true},
		"longest type":       {strings.Replace(good, `"t"`, `"`+strings.Repeat("t", MaxPayloadType)+`"`, 1), false},
		"payload null":       {strings.Replace(good, `"YQ=="`, "null", 1), true},
		"keyid null":         {strings.Replace(good, `"k"`, "null", 1), true},
		"keyid number":       {strings.Replace(good, `"k"`, "1", 1), true},
		"keyid control":      {strings.Replace(good, `"k"`, `"\u001b"`, 1), true},
		"no signature":       {strings.Replace(good, `{"keyid":"k","sig":"Yg=="}`, "", 1), true},
		"null signature":     {strings.Replace(good, `{"keyid":"k","sig":"Yg=="}`, "null", 1), true},
		"no signatures":      {`{"payloadType":"t","payload":"YQ=="}`, true},
		"two signatures":     {strings.Replace(good, `]`, `,{"sig":"Yg=="}]`, 1), true},
		"no sig":             {strings.Replace(good, `,"sig":"Yg=="`, "", 1), true},
		"empty sig":          {strings.Replace(good, "Yg==", "", 1), true},
		"url base64":         {strings.Replace(good, "YQ==", "YQ-_", 1), true},
		"no padding":         {strings.Replace(good, "YQ==", "YQ", 1), true},
		"loose bits":         {strings.Replace(good, "YQ==", "YR==", 1), true},
		"line break in it":   {strings.Replace(good, "YQ==", `YQ\n==`, 1), true},
		"not UTF-8":          {strings.Replace(good, `"k"`, "\"\xff\"", 1), true},
		"nested":             {strings.Repeat("[", 10000), true},
		"nested unknown":     {`{"x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + "}", true},
		"too long":           {good + strings.Repeat(" ", MaxEnvelopeSize), true},
		"longest":            {good + strings.Repeat(" ", MaxEnvelopeSize-len(good)), false},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := ParseEnvelope([]byte(tc.text))
			if (err != nil) != tc.fails {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				if e != nil {
					t.Fatal("an envelope came with the error")
				}
				if len(err.Error()) > 1000 {
					t.Fatalf("the error has %d bytes", len(err.Error()))
				}
			}
		})
	}
}

func TestSignEnvelopeRefuses(t *testing.T) {
	s := newEd25519(t)
	if _, err := SignEnvelope("", []byte("x"), s); err == nil {
		t.Error("no payload type")
	}
	if _, err := SignEnvelope("t", make([]byte, MaxEnvelopeSize), s); err == nil {
		t.Error("a payload that nobody would read")
	}
	if _, err := SignEnvelope("t", nil, otherKey{s, newEd25519(t).SSHPublicKey()}); !errors.Is(err, ErrBadSignature) {
		t.Errorf("a signer that signs with another key: %v", err)
	}
}
