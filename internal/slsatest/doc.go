// Package slsatest has slsa-verifier, which is others', verify what a gate says of a deploy. It is a module of its own, since
// only its tests need what that program is built from.
package slsatest
