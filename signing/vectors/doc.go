// Package vectors runs public test vectors, Project Wycheproof's and the edge cases that C2SP/CCTV publishes, against remit's verifiers. It
// is a module of its own, so that the vectors, many megabytes, are nobody's dependency.
package vectors
