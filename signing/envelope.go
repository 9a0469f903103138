package signing

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore/pkg/signature"
	sigstoredsse "github.com/sigstore/sigstore/pkg/signature/dsse"

	"github.com/remit-sh/remit/inert"
)

// Bounds of an envelope.
const (
	// MaxEnvelopeSize is the longest JSON text of an envelope, in bytes.
	MaxEnvelopeSize = 64 << 10
	// MaxPayloadType is the longest payload type, and the longest key id, in bytes.
	MaxPayloadType = 255
)

// Envelope is a DSSE envelope (github.com/secure-systems-lab/dsse, version 1) with exactly one
// signature. Until Verify says so, nothing in it is to be believed.
type Envelope struct {
	// PayloadType says what Payload is, such as "application/vnd.in-toto+json". It is signed too.
	PayloadType string
	// Payload is the decoded payload.
	Payload []byte
	// KeyID is a hint about the signer that is not signed: never a reason to trust a key.
	KeyID string
	// Sig is the signature in the encoding of [PublicKey.Verifier].
	Sig []byte
}

// envelopeJSON is the text form. Its order of members is the one that Marshal writes.
type envelopeJSON struct {
	PayloadType jsonString          `json:"payloadType"`
	Payload     jsonString          `json:"payload"`
	Signatures  []envelopeSignature `json:"signatures"`
}

type envelopeSignature struct {
	KeyID jsonString `json:"keyid"`
	Sig   jsonString `json:"sig"`
}

// jsonString is a JSON string that knows whether it was there, and does not take null for one.
type jsonString struct {
	value string
	set   bool
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (s *jsonString) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if k := dec.PeekKind(); k != '"' {
		return fmt.Errorf("a string is expected, not %v", k)
	}
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	s.value, s.set = tok.String(), true
	return nil
}

// MarshalJSONTo implements json.MarshalerTo.
func (s jsonString) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteToken(jsontext.String(s.value))
}

// ParseEnvelope reads the JSON text of an envelope: exactly the members payloadType, payload and
// signatures, one signature with sig and perhaps keyid, standard padded base64, nothing behind it.
// What it accepts, Marshal writes in a form that parses to an equal envelope.
func ParseEnvelope(b []byte) (*Envelope, error) {
	if len(b) > MaxEnvelopeSize {
		return nil, fmt.Errorf("the envelope has %d bytes, more than %d", len(b), MaxEnvelopeSize)
	}
	var raw envelopeJSON
	if err := json.Unmarshal(b, &raw, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("reading the envelope: %w", err)
	}
	if !raw.PayloadType.set || !raw.Payload.set {
		return nil, errors.New("the envelope lacks payloadType or payload")
	}
	if n := len(raw.Signatures); n != 1 {
		return nil, fmt.Errorf("the envelope has %d signatures; exactly one is allowed", n)
	}
	e := &Envelope{PayloadType: raw.PayloadType.value, KeyID: raw.Signatures[0].KeyID.value}
	if e.PayloadType == "" || !plain(e.PayloadType) {
		return nil, fmt.Errorf("the payload type %s is not 1 to %d printable ASCII characters", inert.Quote(e.PayloadType), MaxPayloadType)
	}
	if !plain(e.KeyID) {
		return nil, fmt.Errorf("the key id %s is not at most %d printable ASCII characters", inert.Quote(e.KeyID), MaxPayloadType)
	}
	var err error
	if e.Payload, err = decodeBase64(raw.Payload.value); err != nil {
		return nil, fmt.Errorf("decoding the envelope's payload: %w", err)
	}
	if e.Sig, err = decodeBase64(raw.Signatures[0].Sig.value); err != nil {
		return nil, fmt.Errorf("decoding the envelope's signature: %w", err)
	}
	if len(e.Sig) == 0 {
		return nil, errors.New("the envelope's signature is empty")
	}
	return e, nil
}

// plain says whether s is printable ASCII of a sane length.
func plain(s string) bool {
	return len(s) <= MaxPayloadType && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// Marshal returns the envelope as compact JSON with its members in a fixed order.
func (e *Envelope) Marshal() []byte {
	raw := envelopeJSON{
		PayloadType: jsonString{value: e.PayloadType},
		Payload:     jsonString{value: base64.StdEncoding.EncodeToString(e.Payload)},
		Signatures: []envelopeSignature{{
			KeyID: jsonString{value: e.KeyID},
			Sig:   jsonString{value: base64.StdEncoding.EncodeToString(e.Sig)},
		}},
	}
	b, err := json.Marshal(raw)
	if err != nil {
		return nil // only for text that is not UTF-8, which no parser accepts either
	}
	return b
}

// Verify checks that k made the envelope's signature over its payload type and payload. The key id
// plays no part. Errors: [ErrBadSignature], [ErrPresence].
func (e *Envelope) Verify(k PublicKey) error {
	v := &reasonVerifier{Verifier: k.Verifier()}
	bare := Envelope{PayloadType: e.PayloadType, Payload: e.Payload, Sig: e.Sig}
	wrapped := sigstoredsse.WrapVerifier(v, sigstoredsse.WithExpectedPayloadType(e.PayloadType))
	if err := wrapped.VerifySignature(bytes.NewReader(bare.Marshal()), nil); err != nil {
		if v.reason != nil {
			return v.reason
		}
		return fmt.Errorf("verifying the envelope: %w", err)
	}
	return nil
}

// reasonVerifier remembers why a signature was refused, which the DSSE library drops.
type reasonVerifier struct {
	signature.Verifier
	reason error
}

func (v *reasonVerifier) VerifySignature(sig, message io.Reader, opts ...signature.VerifyOption) error {
	v.reason = v.Verifier.VerifySignature(sig, message, opts...)
	return v.reason
}

// SignEnvelope signs payload under payloadType. The key id is set to the key's fingerprint, as a hint.
// The result has been verified.
func SignEnvelope(payloadType string, payload []byte, s Signer) (*Envelope, error) {
	k := s.SSHPublicKey()
	pub, err := s.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("asking for the public key of %s: %w", k.Fingerprint(), err)
	}
	es, err := dsse.NewEnvelopeSigner(&sigstoredsse.SignerAdapter{SignatureSigner: s, Pub: pub, PubKeyID: k.Fingerprint()})
	if err != nil {
		return nil, fmt.Errorf("signing the envelope: %w", err)
	}
	signed, err := es.SignPayload(context.Background(), payloadType, payload)
	if err != nil {
		return nil, fmt.Errorf("signing the envelope with %s: %w", k.Fingerprint(), err)
	}
	text, err := json.Marshal(signed)
	if err != nil {
		return nil, fmt.Errorf("writing the envelope: %w", err)
	}
	e, err := ParseEnvelope(text)
	if err != nil {
		return nil, fmt.Errorf("checking the envelope just made: %w", err)
	}
	if err := e.Verify(k); err != nil {
		return nil, fmt.Errorf("checking the envelope just made with %s: %w", k.Fingerprint(), err)
	}
	return e, nil
}
