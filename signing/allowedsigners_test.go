package signing

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMatchPattern(t *testing.T) {
	for _, tc := range []struct {
		pattern, s string
		want       bool
	}{
		{"alice", "alice", true},
		{"alice", "Alice", false},
		{"alice", "alicex", false},
		{"*", "", true},
		{"*", "x", true},
		{"?", "", false},
		{"?", "x", true},
		{"?", "xy", false},
		{"*@example.com", "alice@example.com", true},
		{"*@example.com", "alice@example.com.evil", false},
		{"a*b*c", "aXbXbXc", true},
		{"a*b*c", "aXbXbX", false},
		{"**a", "ba", true},
		{"a?c*", "abc", true},
		{"*?", "", false},
		{"", "", true},
		{"", "x", false},
	} {
		if got := matchPattern(tc.pattern, tc.s); got != tc.want {
			t.Errorf("%q against %q: %v", tc.pattern, tc.s, got)
		}
	}
	// What tries every way does not end.
	if matchPattern(strings.Repeat("*a", 500)+"b", strings.Repeat("a", 4096)) {
		t.Error("a hostile pattern matches")
	}
}

func TestParseTimestamp(t *testing.T) {
	est := time.FixedZone("EST", -5*3600)
	for s, want := range map[string]string{
		"20260102":        "2026-01-02T05:00:00Z",
		"20260102Z":       "2026-01-02T00:00:00Z",
		"202601020304":    "2026-01-02T08:04:00Z",
		"202601020304z":   "2026-01-02T03:04:00Z",
		"20260102030405":  "2026-01-02T08:04:05Z",
		"20260102030405Z": "2026-01-02T03:04:05Z",
	} {
		got, err := parseTimestamp(s, est)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %v, %v", s, got.UTC(), err)
		}
	}
	for _, s := range []string{
		"", "Z", "2026", "2026010", "2026-01-02", "20260102Zz", "20261302", "20260230", "20260102250000", "20260102030460",
		"2026010203040", "+2026010", "20260102030405.5", "19700101Z", "19691231Z", "２0260102",
	} {
		if got, err := parseTimestamp(s, est); err == nil {
			t.Errorf("%s: %v", s, got)
		}
	}
}

func TestAllowedSigners(t *testing.T) {
	k, other := newEd25519(t).SSHPublicKey(), newEd25519(t).SSHPublicKey()
	key := k.AuthorizedKey()
	at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		file  string
		found []string // by FindPrincipals
		who   string   // for Match; alice if empty
		match bool
	}{
		"plain":               {file: "alice " + key, found: []string{"alice"}, match: true},
		"comment, CR LF":      {file: "# hi\r\n\r\nalice " + key + " alice@laptop\r\n", found: []string{"alice"}, match: true},
		"another principal":   {file: "bob " + key, found: []string{"bob"}},
		"another key":         {file: "alice " + other.AuthorizedKey()},
		"list":                {file: "bob,alice " + key, found: []string{"bob", "alice"}, match: true},
		"pattern":             {file: "a*e " + key, found: []string{"a*e"}, match: true},
		"negated":             {file: "*,!alice " + key, found: []string{"*", "!alice"}},
		"negated another":     {file: "*,!bob " + key, found: []string{"*", "!bob"}, match: true},
		"only negated":        {file: "!bob " + key, found: []string{"!bob"}},
		"quoted":              {file: `"alice smith" ` + key, found: []string{"alice smith"}, who: "alice smith", match: true},
		"namespaces":          {file: `alice namespaces="git" ` + key, found: []string{"alice"}, match: true},
		"namespace list":      {file: `alice namespaces="file,g?t" ` + key, found: []string{"alice"}, match: true},
		"other namespace":     {file: `alice namespaces="file" ` + key, found: []string{"alice"}},
		"not this namespace":  {file: `alice namespaces="*,!git" ` + key, found: []string{"alice"}},
		"upper-case option":   {file: `alice NameSpaces="git" ` + key, found: []string{"alice"}, match: true},
		"valid":               {file: `alice valid-after="20260601",valid-before="20260602" ` + key, found: []string{"alice"}, match: true},
		"at valid-after":      {file: `alice valid-after="20260601120000Z" ` + key, found: []string{"alice"}, match: true},
		"not yet valid":       {file: `alice valid-after="20260601120001Z" ` + key},
		"at valid-before":     {file: `alice valid-before="20260601120000Z" ` + key, found: []string{"alice"}, match: true},
		"no longer valid":     {file: `alice valid-before="20260601115959Z" ` + key},
		"second line":         {file: `alice valid-before="2020010100` + `00" ` + key + "\nbob " + key, found: []string{"bob"}, who: "bob", match: true},
		"first of two lines":  {file: "alice " + key + "\nbob " + key, found: []string{"alice"}, who: "bob", match: true},
		"cert-authority":      {file: "alice cert-authority " + key},
		"cert-authority, too": {file: "alice cert-authority " + key + "\nalice " + key, found: []string{"alice"}, match: true},
		"refused key":         {file: "alice ssh-dss AAAA\nalice " + key, found: []string{"alice"}, match: true},
		"empty":               {file: ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := ParseAllowedSigners([]byte(tc.file), time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			if got := a.FindPrincipals(k, at); !slices.Equal(got, tc.found) {
				t.Errorf("found %q", got)
			}
			who := tc.who
			if who == "" {
				who = "alice"
			}
			err = a.Match(who, k, NamespaceGit, at)
			if (err == nil) != tc.match || err != nil && !errors.Is(err, ErrNotAllowed) {
				t.Errorf("match: %v", err)
			}
			noted := strings.Contains(tc.file, "cert-authority") || strings.Contains(tc.file, "ssh-dss")
			if (len(a.Notes()) > 0) != noted {
				t.Errorf("notes: %q", a.Notes())
			}
			if a.FindPrincipals(PublicKey{}, at) != nil || a.Match(who, PublicKey{}, NamespaceGit, at) == nil {
				t.Error("no key matches")
			}
		})
	}
}

func TestAllowedSignersMalformed(t *testing.T) {
	key := newEd25519(t).SSHPublicKey().AuthorizedKey()
	for name, file := range map[string]string{
		"no key":               "alice",
		"no principal":         key,
		"option only":          `alice namespaces="git"`,
		"unknown option":       "alice no-touch " + key,
		"unknown with value":   `alice x="y" ` + key,
		"not quoted":           "alice namespaces=git " + key,
		"quote not closed":     `alice namespaces="git ` + key,
		"no value":             "alice namespaces " + key,
		"twice":                `alice namespaces="a",namespaces="b" ` + key,
		"time twice":           `alice valid-after="20260101",valid-after="20260102" ` + key,
		"authority twice":      "alice cert-authority,cert-authority " + key,
		"authority with value": `alice cert-authority="x" ` + key,
		"comma at the end":     `alice namespaces="git", ` + key,
		"no comma":             `alice namespaces="git"valid-after="20260101" ` + key,
		"bad time":             `alice valid-after="20261301" ` + key,
		"window upside down":   `alice valid-after="20260102",valid-before="20260101" ` + key,
		"empty window":         `alice valid-after="20260101",valid-before="20260101" ` + key,
		"empty pattern":        "alice, " + key,
		"bare negation":        "alice,! " + key,
		"empty namespace":      `alice namespaces="" ` + key,
		"long pattern":         strings.Repeat("a", maxPattern+1) + " " + key,
		"quote inside":         `al"ice" ` + key,
		"quotes not closed":    `"alice ` + key,
		"broken key":           "alice ssh-ed25519 AAAA",
		"escape sequence":      "alice\x1b " + key,
		"NUL":                  "alice\x00 " + key,
		"good line, bad line":  "alice " + key + "\nbob",
		"long line":            "alice " + key + strings.Repeat(" ", MaxSignersLine) + "x",
		"long file":            strings.Repeat("# x\n", MaxSignersFile/4+1),
	} {
		t.Run(name, func(t *testing.T) {
			if a, err := ParseAllowedSigners([]byte(file), time.UTC); err == nil || a != nil {
				t.Fatalf("accepted: %q", file)
			}
		})
	}
}

func TestRevocationList(t *testing.T) {
	k, other := newEd25519(t).SSHPublicKey(), newEd25519(t).SSHPublicKey()
	l, err := ParseRevocationList([]byte("# stolen\n\n" + k.AuthorizedKey() + " alice's laptop\nssh-dss AAAA\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !l.Revoked(k) || l.Revoked(other) || l.Revoked(PublicKey{}) {
		t.Error("the wrong keys are revoked")
	}
	for name, file := range map[string]string{
		"binary KRL":  krlMagic + "\x00\x00\x00\x01",
		"malformed":   "ssh-ed25519 AAAA",
		"fingerprint": k.Fingerprint(),
		"principal":   "alice " + k.AuthorizedKey(),
	} {
		if l, err := ParseRevocationList([]byte(file)); err == nil || l != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
