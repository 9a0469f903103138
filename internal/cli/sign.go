package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/decide"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/report"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
)

func newSign(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "sign -n git -f KEY FILE",
		Short: "Sign for git (gpg.ssh.program); also remit -Y sign|verify|find-principals|check-novalidate",
		Long: "git calls remit in place of ssh-keygen when gpg.ssh.program names it, with the arguments of\n" +
			"`ssh-keygen -Y`. While a delegation is in force, a commit that it does not cover is not signed.",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
				return cmd.Help()
			}
			return gitProtocol(cmd.Context(), env, append([]string{"-Y", "sign"}, args...))
		},
	}
}

// gitProtocol answers the calls that git makes to gpg.ssh.program.
func gitProtocol(ctx context.Context, env *Env, args []string) error {
	req, err := signing.ParseGitArgs(args, time.Local)
	if err != nil {
		return fault.Usagef("%w", err)
	}
	if req.Operation == signing.GitSign {
		return signForGit(ctx, env, req, args)
	}
	return answerGit(env, req)
}

// answerGit verifies, with the bytes that the request names.
func answerGit(env *Env, req *signing.GitRequest) error {
	in := signing.GitInput{Now: env.Now(), Location: time.Local}
	for _, f := range []struct {
		name string
		into *[]byte
	}{{req.Allowed, &in.Allowed}, {req.SigFile, &in.Signature}, {req.Revoked, &in.Revoked}} {
		if f.name == "" {
			continue
		}
		b, err := env.around().ReadGits(f.name)
		if err != nil {
			return err
		}
		*f.into = b
	}
	if req.Operation != signing.GitFindPrincipals {
		var err error
		if in.Message, err = readLimited(env.Stdin, "what is to be verified"); err != nil {
			return err
		}
	}
	out := req.Answer(in)
	fmt.Fprint(env.Stdout, out.Stdout)
	fmt.Fprint(env.Stderr, out.Stderr)
	if !out.OK {
		return verdictError(255) // ssh-keygen's own exit code
	}
	return nil
}

// signForGit signs what git hands over and writes FILE.sig beside it.
func signForGit(ctx context.Context, env *Env, req *signing.GitRequest, args []string) error {
	payload, err := env.around().ReadGits(req.File)
	if err != nil {
		return err
	}
	w, err := findWorkspace(env)
	inside := err == nil
	var chain delegation.Chain
	if inside {
		if err := w.OpenObjects(); err != nil {
			return err
		}
		defer w.Close()
		if chain, _, err = w.InForce(); err != nil {
			return err
		}
	}
	if chain != nil {
		if err := w.mendBeforeSigning(ctx, chain); err != nil {
			return err
		}
	}
	keyFile, err := env.around().ReadGits(req.KeyFile)
	if err != nil {
		return err
	}
	ring, err := openKeyring(env)
	if err != nil {
		return err
	}
	defer ring.Close()
	signer, err := signerOfFile(env, ring, req.KeyFile, keyFile)
	if err != nil {
		return err
	}
	if chain != nil && (signer == nil || !isDelegate(chain, signer.SSHPublicKey())) {
		return refuseOthers(chain)
	}
	if signer == nil {
		// A key that only ssh-keygen can use: encrypted, on a token that no agent holds.
		return passToKeygen(ctx, env, args)
	}
	armored, err := signing.SignSSHSIG(signer, req.Namespace, payload)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	if chain != nil {
		if err := w.refuseUncovered(ctx, payload, armored); err != nil {
			return err
		}
	}
	return writeSignature(env, req.File, armored)
}

// mendBeforeSigning puts remit's hooks and settings right where some tool changed them, or the work tree was
// moved. What is being signed was then made without them, and is refused.
func (w *workspace) mendBeforeSigning(ctx context.Context, chain delegation.Chain) error {
	said, again, err := w.Mend(ctx, chain, w.env.Executable)
	w.env.note(said)
	if err != nil || !again {
		return err
	}
	return fault.WithFix(fault.Refusedf("hooks that have a say in this did not run, so it is not signed; they are back in place"), "do the same again: `git commit …`")
}

// refuseOthers refuses a signature by somebody else than the delegate.
func refuseOthers(chain delegation.Chain) error {
	leaf := chain.Leaf()
	return fault.WithFix(fault.Refusedf("a delegation to %s is in force here, and git is set to sign with a key that is not %s's", leaf.Delegate.Name, leaf.Delegate.Name),
		"to sign as %s: `remit use %s`, and take user.signingkey out of git's other configuration (`git config --show-origin --get-all user.signingkey`); to sign as yourself: `remit use --none`",
		leaf.Delegate.Name, chain.Digest())
}

// signerOfFile finds the private half of the key that git names: a public key's from the key store
// or ssh-agent, or an unencrypted private key itself. It returns nil where only ssh-keygen can sign.
func signerOfFile(env *Env, ring *keystore.Ring, name string, content []byte) (signing.Signer, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(env.Dir, name)
	}
	if pub, err := signing.ParseAuthorizedKey(strings.TrimSpace(string(content))); err == nil {
		s, err := ring.SignerFor("", pub)
		if s != nil || err != nil {
			return s, err
		}
		private := strings.TrimSuffix(name, ".pub")
		if info, err := os.Stat(private); private == name || err != nil || !info.Mode().IsRegular() {
			return nil, fault.WithFix(fault.Usagef("the private half of %s, with which git is to sign, is neither in the key store nor in ssh-agent", pub.Fingerprint()),
				"load it with `ssh-add`, or name another key in git's user.signingkey")
		}
		name = private
	}
	s, err := keystore.LoadFile(name, nil)
	if err != nil {
		return nil, nil //nolint:nilerr // ssh-keygen may know how to use it, and says what is wrong if not
	}
	return s, nil
}

// passToKeygen lets the real ssh-keygen sign.
func passToKeygen(ctx context.Context, env *Env, args []string) error {
	cmd := exec.CommandContext(ctx, "ssh-keygen", args...)
	cmd.Dir, cmd.Env = env.Dir, env.Environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = env.Stdin, env.Stdout, env.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return verdictError(exit.ExitCode())
	}
	return err
}

func writeSignature(env *Env, file string, armored []byte) error {
	return atomicfile.Writer{Passing: true}.Replace(absolute(env, file)+".sig", armored) // git reads it and takes it away
}

// refuseUncovered judges what was signed exactly as it would be judged when it is pushed now, and
// refuses to hand the signature over where the verdict is a denial. Waiting for approval is no
// reason to refuse: the commit must exist before anybody can approve it.
func (w *workspace) refuseUncovered(ctx context.Context, payload, armored []byte) error {
	o := decide.Decide(ctx, w.sources(), decide.Signed{Payload: payload, Signature: armored, Ref: w.Head(), Again: w.Making(), Repository: w.naming(ctx, "")})
	w.env.note(o.Notes)
	if o.Err != nil {
		return o.Err
	}
	if _, stop := o.Advises(); !stop {
		return nil
	}
	if err := report.Text(w.env.errors(), o.Report, report.Options{}); err != nil {
		return err
	}
	return verdictError(o.ExitCode())
}
