package decide

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
)

const shopPolicy = `repository = "github.com/acme/shop"
human "alice" { github = "alice" }
`

func parsed(t *testing.T, src string) *policy.Policy {
	t.Helper()
	p, diags := policy.Parse([]byte(src), policy.FileName)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p
}

// TestPolicyLeft: a policy that is gone, one that nobody could use and one that could not be read are three things.
func TestPolicyLeft(t *testing.T) {
	base, err := pattern.ParseRef("release/*")
	if err != nil {
		t.Fatal(err)
	}
	main := parsed(t, shopPolicy)
	main.Settings.Bases = []pattern.Pattern{base}
	rules := rulings{defaultRef: "refs/heads/main", main: ruling{policy: main}, from: inRepo{}}
	const none = evidence.PolicyState(255)
	const keyed = shopPolicy + "human \"zoe\" { keys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFz8LlqpAneEuI7vjgLMayxLHeqREbBzxXBYfhr7zZWU\"] }\n"
	for name, tc := range map[string]struct {
		ref, src string
		err      error
		want     evidence.PolicyState
		base     bool
		fix      string
	}{
		"nobody's to change":  {ref: "refs/heads/main", src: shopPolicy + "# more\n", want: evidence.PolicyLocked},
		"as it was":           {ref: "refs/heads/main", src: shopPolicy, want: evidence.PolicyKept},
		"kept":                {ref: "refs/heads/main", src: keyed, want: evidence.PolicyKept},
		"kept at a base":      {ref: "refs/heads/release/1", src: keyed, want: evidence.PolicyKept, base: true},
		"any other ref":       {ref: "refs/heads/agent/pay", err: gitrepo.ErrNotFound, want: none},
		"no such file":        {ref: "refs/heads/main", err: fmt.Errorf("reading it: %w", gitrepo.ErrNotFound), want: evidence.PolicyGone},
		"no such file at all": {ref: "refs/heads/release/1", err: &fs.PathError{Err: fs.ErrNotExist}, want: evidence.PolicyGone, base: true},
		"a link":              {ref: "refs/heads/main", err: fmt.Errorf("%w (mode 120000)", gitrepo.ErrNotFile), want: evidence.PolicyInvalid},
		"too large":           {ref: "refs/heads/main", err: gitrepo.ErrTooLarge, want: evidence.PolicyInvalid},
		"not valid":           {ref: "refs/heads/main", src: "policy", want: evidence.PolicyInvalid},
		"of another":          {ref: "refs/heads/main", src: strings.Replace(shopPolicy, "shop", "wiki", 1), want: evidence.PolicyOfOther},
		"not here":            {ref: "refs/heads/main", err: fault.WithFix(gitrepo.ErrMissing, "get it"), want: evidence.PolicyUnread, fix: "get it"},
		"corrupted":           {ref: "refs/heads/main", err: gitrepo.ErrCorrupt, want: evidence.PolicyUnread},
		"no answer":           {ref: "refs/heads/release/1", err: gitrepo.ErrUnreachable, want: evidence.PolicyUnread, base: true},
		"anything else":       {ref: "refs/heads/main", err: errors.New("it did not work"), want: evidence.PolicyUnread},
	} {
		left := rules.policyLeft(&policy.Policy{}, policy.Door{Ref: tc.ref}, byName("github.com/acme/shop"), func() ([]byte, error) { return []byte(tc.src), tc.err })
		if left == nil {
			left = &evidence.PolicyLeft{State: none}
		}
		if left.State != tc.want || left.Base != tc.base || left.Fix != tc.fix {
			t.Errorf("%s: %+v", name, *left)
		}
	}
}

// TestCalledUnder: a name that nobody vouches for is the new policy's to say, as for a server that was told none.
func TestCalledUnder(t *testing.T) {
	const shop, renamed = "github.com/acme/shop", "github.com/acme/store"
	p := parsed(t, shopPolicy)
	to := parsed(t, strings.Replace(shopPolicy, shop, renamed, 1))
	all := parsed(t, strings.Replace(shopPolicy, `repository = "github.com/acme/shop"`, `repositories = ["github.com/acme/*"]`, 1))
	for name, tc := range map[string]struct {
		address string
		left    *policy.Policy
		want    string
	}{
		"by its address":                  {shop, to, shop},
		"the same name":                   {shop, p, shop},
		"by an address that says nothing": {"", to, renamed},
		"by an address of its own":        {"git.acme.example/acme/shop", to, renamed},
		"renamed there already":           {renamed, to, renamed},
		"a policy of several":             {"", all, shop},
	} {
		if got := calledUnder(p, func() string { return tc.address }, shop)(tc.left); got != tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestTakeoverOf: what cannot be read may take over a policy that observes; that there is none left does not.
func TestTakeoverOf(t *testing.T) {
	observing := parsed(t, shopPolicy+"settings { mode = \"observe\" }\n")
	for name, tc := range map[string]struct {
		now   *policy.Policy
		src   string
		err   error
		takes bool
	}{
		"enforces":             {observing, shopPolicy, nil, true},
		"under one that does":  {parsed(t, shopPolicy), shopPolicy + "# more\n", nil, false},
		"observes":             {observing, shopPolicy + "settings { mode = \"observe\" }\n# more\n", nil, false},
		"no such file":         {observing, "", gitrepo.ErrNotFound, false},
		"no such file at all":  {observing, "", fs.ErrNotExist, false},
		"a link":               {observing, "", gitrepo.ErrNotFile, false},
		"too large":            {observing, "", gitrepo.ErrTooLarge, true},
		"not here":             {observing, "", gitrepo.ErrMissing, true},
		"anything else":        {observing, "", errors.New("it did not work"), true},
		"no HCL":               {observing, "junk {", nil, false},
		"of another release":   {observing, "retired {}\n", nil, true},
		"of another, observes": {observing, "retired {}\nsettings { mode = \"observe\" }\n", nil, false},
	} {
		if why := (rulings{}).takeover(tc.now, []byte(tc.src), tc.err); (why != "") != tc.takes {
			t.Errorf("%s: %q", name, why)
		}
	}
}
