package delegation

// ParseBundleWith lets tests count signature verifications.
var ParseBundleWith = parseBundle

// Unverified makes a link that counts as properly signed, for properties over many chains.
func Unverified(d Delegation) Link {
	return Link{Delegation: d, Digest: digestOf(d.Payload()), checked: true}
}

// ParseClaimStatement lets a fuzzer reach what a signature guards.
var ParseClaimStatement = parsePayload
