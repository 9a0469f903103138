package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/report"
)

func newVerify(env *Env) *cobra.Command {
	var repository, format string
	var source auditSource
	var deploy deployVerification
	c := &cobra.Command{
		Use:   "verify FILE | COMMIT | --deploy COMMIT",
		Short: "Verify the signatures of a commit, delegation bundle, signed statement or receipt and read it out",
		Long: "Verifies a file, or - for standard input, by itself: its form, its signatures and that what belongs\n" +
			"together follows from each other. It reads a delegation bundle (its JSON, or the inline form of a\n" +
			"commit message), a signed request, approval or pull request (its JSON, or that in base64url), and the\n" +
			"body of a pull request that carries one. Of a COMMIT or annotated tag of this repository, where there is no file of that\n" +
			"name, it verifies the signature, and the chain of the delegation that it names. Of a receipt of the audit log it\n" +
			"verifies that the entry is in the log and that the log's key signed that: the key is --key, else the one that the\n" +
			"policy here names, else the one with which the log was seen here.\n" +
			"With --deploy it verifies that a gate let a commit through, by the statement that the gate signed: its signatures, that it\n" +
			"is of this commit, repository, environment and artifacts, that its entry is in the audit log, and the delegations behind it;\n" +
			"and that nothing else was let through to the environment since. With --statement it goes by a file alone, which counts for\n" +
			"an hour. It says who deployed on whose authority, and ends with 1 where there is no such deploy.\n" +
			"Whether a policy accepts it, and knows the keys, is for `remit check` to say.",
		Example: "  remit verify request.txt\n" +
			"  remit verify --deploy \"$COMMIT\" --environment production --fetch\n" +
			"  remit verify --deploy \"$COMMIT\" --environment production --statement deploy.jsonl --artifact \"$DIGEST\"",
		Args: func(cmd *cobra.Command, args []string) error {
			want := 1
			if deploy.commit != "" {
				want = 0
			}
			return usageArgs(cobra.ExactArgs(want))(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			v := verification{Version: 1, Problems: []chainProblem{}}
			if repository != "" {
				var err error
				if repository, err = names.ParseRepository(repository); err != nil {
					return fault.Usagef("--repository: %w", err)
				}
			}
			if deploy.commit != "" {
				deploy.repository = repository
				return v.print(env, format, v.verifyDeploy(cmd.Context(), env, deploy, &source))
			}
			if deploy.asksMore() || source.dir != "" || source.fetch || source.remote != "" {
				return fault.Usagef("--environment, --statement, --artifact, --past, --log, --fetch and --remote go with --deploy COMMIT")
			}
			b, err := readArgument(env, args[0])
			if err != nil {
				if names.CheckDigest(args[0]) == nil {
					return fault.WithFix(fault.Usagef("%s is the digest of a delegation, and no file", args[0]), "`remit show %s` reads it out, and says whether it holds", args[0])
				}
				if !errors.Is(err, fs.ErrNotExist) {
					return err
				}
				return v.print(env, format, v.object(env, args[0], repository, err))
			}
			if log.IsReceipt(b) {
				return v.print(env, format, v.receipt(cmd.Context(), env, args[0], b, source.key))
			}
			return v.print(env, format, v.verify(env, args[0], b, repository))
		},
	}
	f := c.Flags()
	f.StringVar(&repository, "repository", "", "verify it for this `REPOSITORY` (default: the first that it names; with --deploy the one whose audit log it is)")
	f.StringVar(&deploy.commit, "deploy", "", "verify that a gate let this `COMMIT` through")
	f.StringVar(&deploy.environment, "environment", "", "with --deploy: to this `ENVIRONMENT` (default: to any)")
	f.StringVar(&deploy.file, "statement", "", "with --deploy: go by the statement in `FILE`, - for standard input, and not by the audit log")
	f.StringArrayVar(&deploy.artifacts, "artifact", nil, "with --deploy: that this artifact is what was to be deployed, by its `DIGEST` (repeatable)")
	f.BoolVar(&deploy.past, "past", false, "with --deploy: also where something else was let through since, or the statement in the file is old")
	source.flags(env, c)
	f.Lookup("key").Usage = "the audit log's verifier key, `VKEY` (default: settings.audit_key of the policy, else the one that was seen first); with --deploy also the public key of the gate, as an SSH key"
	completeEnvironments(env, c)
	return withFormat(c, &format)
}

// verification is what was found of a file, as far as it could be read.
type verification struct {
	Version   int            `json:"version"`
	Valid     bool           `json:"valid"`
	Digest    string         `json:"digest"`
	Signer    string         `json:"signer,omitzero"` // of a statement
	Key       string         `json:"key,omitzero"`    // its key's fingerprint
	State     string         `json:"state,omitzero"`  // live, expired or not-yet-valid
	Sentences []string       `json:"sentences"`
	Problems  []chainProblem `json:"problems"`
	Error     string         `json:"error,omitzero"` // why it is not valid

	good string // what is said of one that is
}

// print shows what was found, and returns how that ends: failed is why it does not verify.
func (v *verification) print(env *Env, format string, failed error) error {
	if format == "json" && fault.KindOf(failed) != fault.Usage {
		v.Valid = failed == nil
		if failed != nil {
			v.Error = report.Inert(worded(failed))
		}
		if err := writeJSON(env, v); err != nil {
			return err
		}
		if failed != nil {
			return verdictError(codeOf(fault.KindOf(failed)))
		}
		return nil
	}
	if v.Digest != "" {
		fmt.Fprintln(env.Stdout, v.Digest)
	}
	for _, s := range v.Sentences {
		fmt.Fprintln(env.Stdout, s)
	}
	for _, p := range v.Problems {
		fmt.Fprintf(env.errors(), "remit: %s: %s\n", p.Rule, p.What)
	}
	if failed != nil {
		return failed
	}
	fmt.Fprintln(env.Stdout, v.good)
	return nil
}

// verify reads a file, and says what is wrong with it: whatever it is, it does not verify, which is refused.
func (v *verification) verify(env *Env, source string, b []byte, repository string) error {
	file, ok, err := delegation.FindSigned(b)
	if err != nil {
		return fault.Refusedf("%s: %w", source, err)
	}
	if ok {
		return v.statement(env, source, file, repository)
	}
	chain, err := parseAnyBundle(b)
	if err != nil {
		return fault.Refusedf("%s is not a delegation bundle: %w", source, err)
	}
	if repository == "" {
		repository = firstRepository(chain)
	}
	v.Digest, v.State = chain.Digest(), chain.StateAt(env.Now(), 0).String()
	v.good = fmt.Sprintf("Its signatures are good, and each link follows from the one before. It is %s.", chain.StateAt(env.Now(), 0).Words())
	return v.chain(chain, repository)
}

// chain reads a chain out, and says what is wrong with it.
func (v *verification) chain(chain delegation.Chain, repository string) error {
	v.Sentences = append(v.Sentences, chain.Sentences()...)
	v.Problems = problemsOf(chain, repository)
	if len(v.Problems) > 0 {
		return fault.Refusedf("the chain does not hold")
	}
	return nil
}

// firstRepository is the one that a chain's root names first, if any.
func firstRepository(chain delegation.Chain) string {
	if list := chain[0].Scope.Repositories; len(list) > 0 {
		return list[0]
	}
	return ""
}

func (v *verification) statement(env *Env, source string, file []byte, repository string) error {
	s, err := delegation.ParseSigned[delegation.Statement](file)
	if err != nil {
		return fault.Refusedf("%s: %w", source, err)
	}
	by := s.Statement.By()
	v.Digest, v.Signer, v.Key = s.Digest, string(by.Name), by.Key.Fingerprint()
	v.Sentences = append(v.Sentences, s.Statement.Sentence())
	v.good = fmt.Sprintf("Its signature is good, by the key %s that it names.", v.Key)
	if timed, ok := s.Statement.(interface {
		StateAt(t time.Time, skew time.Duration) delegation.WindowState
	}); ok {
		v.State = timed.StateAt(env.Now(), 0).String()
		v.good += fmt.Sprintf(" It is %s.", windowWords(timed.StateAt(env.Now(), 0)))
	}
	if repository != "" {
		if err := s.Statement.ForRepository(repository, 0); err != nil {
			return fault.Refusedf("%s: %w", source, err)
		}
	}
	if s.Bundle == nil {
		return nil
	}
	if repository == "" {
		repository = repositoryOf(s.Statement)
	}
	return v.chain(s.Bundle, repository)
}

func repositoryOf(c delegation.Statement) string {
	switch c := c.(type) {
	case delegation.PullRequest:
		return c.Repository
	case delegation.Request:
		return c.Repository
	default:
		return "" // an approval comes without a bundle
	}
}

func windowWords(s delegation.WindowState) string {
	switch s {
	case delegation.Live:
		return "live"
	case delegation.TooEarly:
		return "not yet valid"
	default:
		return "expired"
	}
}

// parseAnyBundle reads a bundle as JSON or in the inline form of a trailer.
func parseAnyBundle(b []byte) (delegation.Chain, error) {
	text := strings.TrimSpace(string(b))
	if strings.HasPrefix(text, "inline:") {
		ref, ok, err := delegation.ParseTrailer("x\n\n" + delegation.TrailerKey + ": " + text + "\n")
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("the inline form is empty")
		}
		b = ref.Inline
	}
	return delegation.ParseBundle(bytes.TrimRight(b, "\n"))
}
