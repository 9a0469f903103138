// Package signing holds the keys and signatures that remit accepts, and nothing that remit does not.
//
// Three formats meet here:
//
//   - SSH public keys (RFC 4253 6.6, RFC 5656, RFC 8332, RFC 8709, OpenSSH's PROTOCOL.u2f), as an
//     authorized_keys line or in wire form;
//   - SSHSIG signatures (OpenSSH's PROTOCOL.sshsig), as git puts them into commits and tags;
//   - DSSE envelopes (https://github.com/secure-systems-lab/dsse), for delegations and requests.
//
// Every parser is strict: whatever it accepts has one encoding only, the one that was read. So
// nobody can change the bytes of a signed object, and with them its id, without the private key.
// (An ECDSA signature has a second, equally valid value for everyone to compute; that is a property
// of ECDSA. Agents use Ed25519, which has no such second value.)
//
// Three domains are kept apart by the first bytes of what is signed: an SSHSIG signs "SSHSIG" and a
// namespace, a DSSE envelope signs "DSSEv1" and a payload type, and an SSH login signs a session id
// behind its length. A signature for one is never valid for another.
//
// The package is pure: bytes in, result out. Files and ssh-agent are in signing/keystore.
package signing
