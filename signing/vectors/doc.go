// Package vectors runs the public test vectors of Project Wycheproof against remit's verifiers. It
// is a module of its own, so that the vectors, many megabytes, are nobody's dependency.
package vectors
