package signing

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/crypto/ssh"

	"github.com/remit-sh/remit/inert"
)

// GitOperation is what git asks of the program that gpg.ssh.program names. The zero value is none.
type GitOperation string

// The operations that git knows, by their names on the command line.
const (
	GitSign            GitOperation = "sign"
	GitVerify          GitOperation = "verify"
	GitFindPrincipals  GitOperation = "find-principals"
	GitCheckNoValidate GitOperation = "check-novalidate"
)

// Bounds of a command line.
const (
	maxGitArgs = 64
	maxGitArg  = 4096
)

// GitRequest is one call by git, or by a person in the same words, parsed:
//
//	-Y sign             -n NAMESPACE -f KEY [-U] [FILE]
//	-Y find-principals  -f ALLOWED -s SIG [-Overify-time=TIME]
//	-Y check-novalidate -n NAMESPACE -s SIG [-Overify-time=TIME]
//	-Y verify           -n NAMESPACE -f ALLOWED -I PRINCIPAL -s SIG [-Overify-time=TIME] [-r REVOKED]
//
// File names are as given; nothing has been opened. Fields that an operation does not use are empty.
type GitRequest struct {
	Operation  GitOperation
	Namespace  string
	KeyFile    string    // sign: a private key, or a public one whose private half is elsewhere
	AgentOnly  bool      // sign: -U, the private half is in ssh-agent
	File       string    // sign: what to sign, the signature goes to File + ".sig"; "" is standard input and output
	Allowed    string    // verify, find-principals: the allowed_signers file
	Principal  string    // verify: who is said to have signed
	SigFile    string    // all but sign: the signature; verify and check-novalidate read the message from standard input
	Revoked    string    // verify: the revocation file, "" for none
	VerifyTime time.Time // all but sign: the time to judge at; zero is now
}

// ParseGitArgs reads the arguments that follow the program's name. Times without a Z are in loc,
// for git writes local times; pass [time.Local]. Unlike ssh-keygen it refuses options that the
// operation does not use, and to sign for any namespace but git's.
func ParseGitArgs(args []string, loc *time.Location) (*GitRequest, error) {
	p := gitArgs{set: map[byte]string{}}
	if err := p.split(args); err != nil {
		return nil, err
	}
	r := &GitRequest{Operation: GitOperation(p.set['Y'])}
	var need, may string
	switch r.Operation {
	case GitSign:
		need, may = "nf", "U"
		r.KeyFile = p.set['f']
	case GitFindPrincipals:
		need, may = "fs", "O"
		r.Allowed = p.set['f']
	case GitCheckNoValidate:
		need, may = "ns", "O"
	case GitVerify:
		need, may = "nfIs", "Or"
		r.Allowed = p.set['f']
	case "":
		return nil, errors.New("the option -Y is missing: use -Y sign, verify, find-principals or check-novalidate")
	default:
		return nil, fmt.Errorf("the operation -Y %s is unknown: use sign, verify, find-principals or check-novalidate", inert.Quote(r.Operation))
	}
	if err := p.check(r.Operation, need, may); err != nil {
		return nil, err
	}
	_, r.AgentOnly = p.set['U']
	r.Namespace, r.Principal, r.SigFile, r.Revoked = p.set['n'], p.set['I'], p.set['s'], p.set['r']
	if r.Operation == GitSign && r.Namespace != NamespaceGit {
		return nil, fmt.Errorf("remit signs for git only, not for the namespace %s", inert.Quote(r.Namespace))
	}
	for _, text := range []string{r.Namespace, r.Principal} {
		if strings.ContainsFunc(text, unicode.IsControl) { // it is printed back on a line of its own
			return nil, fmt.Errorf("%s has control characters", inert.Quote(text))
		}
	}
	if err := r.setFile(p.files); err != nil {
		return nil, err
	}
	if opt, ok := p.set['O']; ok {
		value, ok := strings.CutPrefix(opt, "verify-time=")
		if !ok {
			return nil, fmt.Errorf("the option -O %s is unknown: use -Overify-time=YYYYMMDDHHMMSS[Z]", inert.Quote(opt))
		}
		var err error
		if r.VerifyTime, err = parseTimestamp(value, loc); err != nil {
			return nil, fmt.Errorf("reading -Overify-time: %w", err)
		}
	}
	return r, nil
}

// setFile takes the arguments that are not options: at most one, and only to sign it. Git passes an
// empty one where it has no time to verify at.
func (r *GitRequest) setFile(files []string) error {
	for _, f := range files {
		switch {
		case f == "" && r.Operation != GitSign:
		case f == "" || r.Operation != GitSign || r.File != "":
			return fmt.Errorf("the argument %s is one too many for -Y %s", inert.Quote(f), r.Operation)
		default:
			r.File = f
		}
	}
	if r.File == "-" {
		r.File = ""
	}
	return nil
}

// gitArgs holds options by letter, and the other arguments.
type gitArgs struct {
	set   map[byte]string
	files []string
}

// split reads arguments as getopt does, with values attached or separate; "--" ends the options.
func (p *gitArgs) split(args []string) error {
	const withValue, without = "YnfsIOr", "U"
	if len(args) > maxGitArgs {
		return fmt.Errorf("there are %d arguments, more than %d", len(args), maxGitArgs)
	}
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case len(a) > maxGitArg:
			return fmt.Errorf("an argument has %d bytes, more than %d", len(a), maxGitArg)
		case a == "--":
			p.files = append(p.files, args[i+1:]...)
			return nil
		case len(a) < 2 || a[0] != '-':
			p.files = append(p.files, a)
			continue
		}
		letter, value := a[1], a[2:]
		switch {
		case strings.IndexByte(withValue, letter) >= 0:
			if value == "" {
				if i++; i == len(args) {
					return fmt.Errorf("the option -%c lacks its value", letter)
				}
				value = args[i]
			}
		case strings.IndexByte(without, letter) < 0 || value != "":
			return fmt.Errorf("the option %s is unknown: remit answers what git asks of ssh-keygen -Y and nothing else", inert.Quote(a))
		}
		if _, twice := p.set[letter]; twice {
			return fmt.Errorf("the option -%c stands twice", letter)
		}
		p.set[letter] = value
	}
	return nil
}

// check says which option is missing, empty or out of place.
func (p *gitArgs) check(op GitOperation, need, may string) error {
	for _, l := range []byte(need) {
		if p.set[l] == "" {
			return fmt.Errorf("-Y %s needs the option -%c with a value", op, l)
		}
	}
	for _, l := range []byte("nfsIOrU") { // in a fixed order, for the same error every time
		if _, ok := p.set[l]; ok && strings.IndexByte(need+may, l) < 0 {
			return fmt.Errorf("-Y %s does not take the option -%c", op, l)
		}
	}
	return nil
}

// GitInput is what the files of a request hold.
type GitInput struct {
	Signature []byte
	Message   []byte         // verify, check-novalidate: standard input
	Allowed   []byte         // verify, find-principals
	Revoked   []byte         // verify, where the request names a file
	Now       time.Time      // the time to judge at where the request names none
	Location  *time.Location // of times without a Z in the allowed signers; nil is UTC
}

// GitOutput is what to print, exactly as git expects it of ssh-keygen, and whether to exit with 0.
// The zero value is a failure.
type GitOutput struct {
	Stdout string
	Stderr string
	OK     bool
}

// Answer answers every request but [GitSign]. It never fails: what cannot be read or verified is an
// output that is not OK, with the reason on standard error.
func (r *GitRequest) Answer(in GitInput) GitOutput {
	if in.Location == nil {
		in.Location = time.UTC
	}
	if !r.VerifyTime.IsZero() {
		in.Now = r.VerifyTime
	}
	switch r.Operation {
	case GitFindPrincipals:
		return r.findPrincipals(in)
	case GitVerify, GitCheckNoValidate:
		k, notes, err := r.verify(in)
		if err != nil {
			return GitOutput{Stdout: couldNotVerify, Stderr: lines(append(notes, err.Error()))}
		}
		return GitOutput{Stdout: good(r.Namespace, r.Principal, k), Stderr: lines(notes), OK: true}
	default:
		return GitOutput{Stderr: fmt.Sprintf("-Y %s has no answer here\n", inert.Quote(r.Operation))}
	}
}

// What ssh-keygen prints; git reads the first two.
const (
	couldNotVerify = "Could not verify signature.\n"
	noneMatched    = "No principal matched."
)

func good(namespace, principal string, k PublicKey) string {
	if principal != "" {
		principal = " for " + principal
	}
	return fmt.Sprintf("Good %q signature%s with %s key %s\n", namespace, principal, shortType(k), k.Fingerprint())
}

// findPrincipals verifies nothing, as in ssh-keygen: git verifies afterwards, for each principal.
func (r *GitRequest) findPrincipals(in GitInput) GitOutput {
	s, err := ParseSSHSIG(in.Signature)
	if err != nil {
		return GitOutput{Stderr: lines([]string{err.Error(), noneMatched})}
	}
	allowed, err := ParseAllowedSigners(in.Allowed, in.Location)
	if err != nil {
		return GitOutput{Stderr: lines([]string{err.Error(), noneMatched})}
	}
	k, err := s.CheckedKey()
	if err != nil {
		return GitOutput{Stderr: lines([]string{err.Error(), noneMatched})}
	}
	found := allowed.FindPrincipals(k, in.Now)
	if found == nil {
		return GitOutput{Stderr: lines(append(allowed.Notes(), noneMatched))}
	}
	return GitOutput{Stdout: lines(found), OK: true}
}

// verify returns the key that made the signature and, for GitVerify, that may speak as the principal.
func (r *GitRequest) verify(in GitInput) (k PublicKey, notes []string, err error) {
	s, err := ParseSSHSIG(in.Signature)
	if err != nil {
		return PublicKey{}, nil, err
	}
	if err := s.Verify(in.Message, r.Namespace); err != nil {
		return PublicKey{}, nil, err
	}
	k = s.PublicKey()
	if r.Operation == GitCheckNoValidate {
		return k, nil, nil
	}
	if r.Revoked != "" {
		revoked, err := ParseRevocationList(in.Revoked)
		if err != nil {
			return PublicKey{}, nil, err
		}
		if revoked.Revoked(k) {
			return PublicKey{}, nil, ErrRevoked
		}
	}
	allowed, err := ParseAllowedSigners(in.Allowed, in.Location)
	if err != nil {
		return PublicKey{}, nil, err
	}
	return k, allowed.Notes(), allowed.Match(r.Principal, k, r.Namespace, in.Now)
}

func lines(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return strings.Join(s, "\n") + "\n"
}

// shortType is ssh-keygen's name for a type of key in its messages.
func shortType(k PublicKey) string {
	switch k.Type() {
	case ssh.KeyAlgoED25519:
		return "ED25519"
	case ssh.KeyAlgoSKED25519:
		return "ED25519-SK"
	case ssh.KeyAlgoRSA:
		return "RSA"
	case ssh.KeyAlgoSKECDSA256:
		return "ECDSA-SK"
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return "ECDSA"
	default:
		return "UNKNOWN"
	}
}
