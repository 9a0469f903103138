package gitobject

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	tree1   = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
	tree2   = "tree 6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321\n"
	parent1 = "parent 83baae61804e65cc73a7201a7252750c76066a30\n"
	author  = "author Alice <alice@example.com> 1795356000 +0100\n"
	commit  = "committer Bob <bob@example.com> 1795356060 +0000\n"
	core    = tree1 + parent1 + author + commit
	armor   = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ==\n-----END SSH SIGNATURE-----\n"
	folded  = "-----BEGIN SSH SIGNATURE-----\n U1NIU0lHAAAAAQ==\n -----END SSH SIGNATURE-----\n"
	sig     = "gpgsig " + folded
	message = "\nSubject\n\nBody\n"
	tagHead = "object 83baae61804e65cc73a7201a7252750c76066a30\ntype commit\ntag v1.0\ntagger Alice <alice@example.com> 1795356000 +0100\n"
)

func TestParseCommit(t *testing.T) {
	c, err := ParseCommit([]byte(core + sig + message))
	if err != nil {
		t.Fatal(err)
	}
	when := time.Unix(1795356000, 0)
	if c.Tree != tree1[5:45] || len(c.Parents) != 1 || c.Parents[0] != parent1[7:47] ||
		c.Author.Name != "Alice" || c.Author.Email != "alice@example.com" || !c.Author.When.Equal(when) ||
		c.Committer.Name != "Bob" || c.Committer.Email != "bob@example.com" || c.Message != "Subject\n\nBody\n" {
		t.Errorf("got %+v", c)
	}
	if got := c.Author.When.Format(time.RFC3339); got != "2026-11-22T15:00:00+01:00" {
		t.Errorf("author date %s", got)
	}
	if string(c.Signature) != armor {
		t.Errorf("signature %q", c.Signature)
	}
	if string(c.Payload) != core+message {
		t.Errorf("payload %q", c.Payload)
	}
}

// Each of these is fine for git, and for remit.
func TestParseCommitAccepts(t *testing.T) {
	for name, tc := range map[string]struct {
		raw    string
		signed bool
	}{
		"unsigned":                     {raw: core + message},
		"no message":                   {raw: core + "\n"},
		"root":                         {raw: tree1 + author + commit + message},
		"merge":                        {raw: tree1 + parent1 + strings.Replace(parent1, "8", "9", 1) + author + commit + message},
		"SHA-256":                      {raw: tree2 + author + commit + "gpgsig-sha256 " + folded + message, signed: true},
		"encoding":                     {raw: core + "encoding ISO-8859-1\n" + sig + message, signed: true},
		"other headers":                {raw: core + "HG:extra branch:x\nchange-id zz\n" + sig + message, signed: true},
		"folded mergetag":              {raw: core + "mergetag object 83ba\n type commit\n \n \ttext\r\n" + sig + message, signed: true},
		"OpenPGP with an empty line":   {raw: core + "gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n \n" + message, signed: true},
		"signature in the message":     {raw: core + message + "gpgsig " + armor},
		"armor in the message":         {raw: core + message + armor},
		"signature after a blank line": {raw: core + "\n" + sig + message},
		"CRLF in the message":          {raw: core + "\nSubject\r\n"},
		"empty name and address":       {raw: tree1 + "author  <> 0 +0000\n" + commit + message},
		"Latin-1 name":                 {raw: tree1 + "author J\xf6rg <j@x> 0 -0330\n" + commit + message},
		"year 9999":                    {raw: tree1 + "author A <a> 253402300799 +1400\n" + commit + message},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := ParseCommit([]byte(tc.raw))
			if err != nil {
				t.Fatal(err)
			}
			if (c.Signature != nil) != tc.signed {
				t.Errorf("signature %q", c.Signature)
			}
			checkCommit(t, []byte(tc.raw), c)
		})
	}
}

// checkCommit asserts what holds for every commit that is accepted.
func checkCommit(t *testing.T, raw []byte, c *Commit) {
	t.Helper()
	back := c.Payload
	if c.Signature != nil {
		var err error
		if back, err = WithSignature(c.Payload, c.Signature); err != nil {
			t.Fatalf("putting the signature back: %v", err)
		}
	}
	if !bytes.Equal(back, raw) {
		t.Errorf("the object is not its payload and signature:\n%q\n%q", back, raw)
	}
	again, err := ParseCommit(c.Payload)
	if err != nil || again.Signature != nil || again.Message != c.Message || again.Tree != c.Tree {
		t.Errorf("the payload is not the same commit unsigned: %v", err)
	}
}

func TestParseCommitRefuses(t *testing.T) {
	with := func(line string) string { return tree1 + line + commit + message } // in author's place
	for name, tc := range map[string]struct {
		raw  string
		want error
	}{
		"empty":                             {"", ErrHeader},
		"blank":                             {"\n\n", ErrHeader},
		"no blank line":                     {core, ErrHeader},
		"ends in headers":                   {core + sig, ErrHeader},
		"git's object header":               {"commit 12\x00" + core + message, ErrNUL},
		"NUL in the message":                {core + message + "a\x00b", ErrNUL},
		"NUL in a header":                   {core + "x a\x00b\n" + message, ErrNUL},
		"too large":                         {core + message + strings.Repeat("x", MaxCommitSize), ErrTooLarge},
		"two signatures":                    {core + sig + sig + message, ErrTwoSignatures},
		"two signatures apart":              {core + sig + "x y\n" + sig + message, ErrSignatureHeader},
		"both hashes":                       {core + sig + "gpgsig-sha256 " + folded + message, ErrTwoSignatures},
		"both hashes, other order":          {core + "gpgsig-sha256 " + folded + sig + message, ErrSignatureHeader},
		"SHA-256 signature in SHA-1":        {core + "gpgsig-sha256 " + folded + message, ErrSignatureHeader},
		"SHA-1 signature in SHA-256":        {tree2 + author + commit + sig + message, ErrSignatureHeader},
		"header that git leaves out":        {core + "gpgsig-sha512 x\n" + message, ErrSignatureHeader},
		"header that git leaves out too":    {core + "gpgsigx x\n" + sig + message, ErrSignatureHeader},
		"signature is not last":             {core + sig + "encoding ISO-8859-1\n" + message, ErrSignatureHeader},
		"signature before committer":        {tree1 + author + sig + commit + message, ErrHeader},
		"signature first":                   {sig + core + message, ErrHeader},
		"signature folded by two spaces":    {core + strings.Replace(sig, "\n ", "\n  ", 1) + message, ErrSignatureHeader},
		"signature folded by space, tab":    {core + strings.Replace(sig, "\n ", "\n \t", 1) + message, ErrSignatureHeader},
		"signature folded by a tab":         {core + strings.Replace(sig, "\n ", "\n\t", 1) + message, ErrHeader},
		"signature not folded":              {core + "gpgsig " + armor + message, ErrHeader},
		"signature with CRLF":               {core + strings.ReplaceAll(sig, "\n", "\r\n") + message, ErrSignatureHeader},
		"signature starts on second line":   {core + "gpgsig \n " + folded + message, ErrSignatureHeader},
		"signature after two spaces":        {core + "gpgsig  " + folded + message, ErrSignatureHeader},
		"signature header in upper case":    {core + "GPGSIG x\n\ty\n" + message, ErrHeader},
		"tree twice":                        {tree1 + tree1 + author + commit + message, ErrHeader},
		"tree twice, apart":                 {core + tree1 + message, ErrHeader},
		"late parent":                       {core + parent1 + message, ErrHeader},
		"author twice":                      {tree1 + author + author + commit + message, ErrHeader},
		"author twice, apart":               {core + author + message, ErrHeader},
		"committer twice":                   {core + commit + message, ErrHeader},
		"encoding twice":                    {core + "encoding a\nencoding b\n" + message, ErrHeader},
		"encoding folded":                   {core + "encoding a\n b\n" + message, ErrHeader},
		"encoding of two words":             {core + "encoding a b\n" + message, ErrHeader},
		"author before parent":              {tree1 + author + parent1 + commit + message, ErrHeader},
		"committer before author":           {tree1 + commit + author + message, ErrHeader},
		"header before committer":           {tree1 + author + "x y\n" + commit + message, ErrHeader},
		"no tree":                           {author + commit + message, ErrHeader},
		"no author":                         {tree1 + commit + message, ErrHeader},
		"no committer":                      {tree1 + author + message, ErrHeader},
		"header without a value":            {core + "x\n" + message, ErrHeader},
		"header without a name":             {core + " x\n" + message, ErrHeader},
		"header with a control character":   {core + "x\x1by z\n" + message, ErrHeader},
		"header with CR":                    {core + "x y\r\n" + message, ErrHeader},
		"committer folded":                  {core + " y\n" + message, ErrHeader},
		"CRLF everywhere":                   {strings.ReplaceAll(core+message, "\n", "\r\n"), ErrHeader},
		"CR after an id":                    {strings.Replace(core, "4904\n", "4904\r\n", 1) + message, ErrHeader},
		"upper-case id":                     {strings.Replace(core, "4b825d", "4B825D", 1) + message, ErrHeader},
		"short id":                          {strings.Replace(core, "4b825d", "4b825", 1) + message, ErrHeader},
		"long id":                           {strings.Replace(core, "4b825d", "4b825dd", 1) + message, ErrHeader},
		"id with a space":                   {strings.Replace(core, "tree ", "tree  ", 1) + message, ErrHeader},
		"parent of another hash":            {tree2 + parent1 + author + commit + message, ErrHeader},
		"tree of another hash":              {tree1 + "parent " + tree2[5:] + author + commit + message, ErrHeader},
		"parent twice":                      {tree1 + parent1 + parent1 + author + commit + message, ErrHeader},
		"too many parents":                  {tree1 + manyParents(MaxParents+1) + author + commit + message, ErrTooLarge},
		"ident without an address":          {with("author Alice 0 +0000\n"), ErrIdent},
		"ident without a name":              {with("author <a> 0 +0000\n"), ErrIdent},
		"ident without the space":           {with("author A<a> 0 +0000\n"), ErrIdent},
		"ident not closed":                  {with("author A <a 0 +0000\n"), ErrIdent},
		"ident closed first":                {with("author A> <a> 0 +0000\n"), ErrIdent},
		"two addresses":                     {with("author A <a> <b> 0 +0000\n"), ErrIdent},
		"address in the address":            {with("author A <a<b> 0 +0000\n"), ErrIdent},
		"closed twice":                      {with("author A <a>> 0 +0000\n"), ErrIdent},
		"ident with CR":                     {with("author A\r <a> 0 +0000\n"), ErrIdent},
		"ident with an escape":              {with("author A\x1b[2J <a> 0 +0000\n"), ErrIdent},
		"ident without a date":              {with("author A <a>\n"), ErrIdent},
		"negative date":                     {with("author A <a> -1 +0000\n"), ErrIdent},
		"date of year 10000":                {with("author A <a> 253402300800 +0000\n"), ErrIdent},
		"date that overflows":               {with("author A <a> 18446744073709551617 +0000\n"), ErrIdent},
		"date in hexadecimal":               {with("author A <a> 0x10 +0000\n"), ErrIdent},
		"date with leading zeros":           {with("author A <a> 0012 +0000\n"), ErrIdent},
		"date after two spaces":             {with("author A <a>  12 +0000\n"), ErrIdent},
		"date without a zone":               {with("author A <a> 12\n"), ErrIdent},
		"zone without a sign":               {with("author A <a> 12 0000\n"), ErrIdent},
		"zone of three digits":              {with("author A <a> 12 +000\n"), ErrIdent},
		"zone of six digits":                {with("author A <a> 12 +051800\n"), ErrIdent},
		"zone beyond 14 hours":              {with("author A <a> 12 +1500\n"), ErrIdent},
		"zone of 60 minutes":                {with("author A <a> 12 +0060\n"), ErrIdent},
		"zone with a letter":                {with("author A <a> 12 +00a0\n"), ErrIdent},
		"space after the zone":              {with("author A <a> 12 +0000 \n"), ErrIdent},
		"tab instead of the header's space": {with("author\tA <a> 12 +0000\n"), ErrHeader},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := ParseCommit([]byte(tc.raw))
			if c != nil || !errors.Is(err, tc.want) {
				t.Fatalf("got %v, %v; want %v", c, err, tc.want)
			}
			var fe *FormatError
			if !errors.As(err, &fe) || fe.Object != "commit" || fe.Detail == "" {
				t.Errorf("%#v is not a filled-in FormatError", err)
			}
			if s := err.Error(); len(s) > 400 || strings.ContainsAny(s, "\x1b\r\n\x00") {
				t.Errorf("the error is not safe to show: %q", s)
			}
		})
	}
}

func TestParseCommitParents(t *testing.T) {
	c, err := ParseCommit([]byte(tree1 + manyParents(MaxParents) + author + commit + message))
	if err != nil || len(c.Parents) != MaxParents {
		t.Errorf("%d parents were refused: %v", MaxParents, err)
	}
}

func manyParents(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "parent %040x\n", i)
	}
	return b.String()
}

func TestWithSignatureRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ payload, armored string }{
		"signed already":      {core + sig + message, armor},
		"nothing":             {core + message, ""},
		"no newline":          {core + message, strings.TrimSuffix(armor, "\n")},
		"blank first line":    {core + message, "\n" + armor},
		"carriage returns":    {core + message, strings.ReplaceAll(armor, "\n", "\r\n")},
		"indented":            {core + message, " " + armor},
		"NUL":                 {core + message, "\x00" + armor},
		"not a commit":        {"x", armor},
		"too large once done": {core + message + strings.Repeat("x", MaxCommitSize-len(core+message)), armor},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := WithSignature([]byte(tc.payload), []byte(tc.armored))
			var fe *FormatError
			if out != nil || !errors.As(err, &fe) {
				t.Errorf("got %q, %v", out, err)
			}
		})
	}
	if _, err := WithSignature([]byte(core+message), []byte(armor)); err != nil {
		t.Errorf("a proper signature was refused: %v", err)
	}
}

func TestParseTag(t *testing.T) {
	const pgp = "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
	for name, tc := range map[string]struct{ raw, message, signature string }{
		"unsigned":              {tagHead + "\nOne\n", "One\n", ""},
		"signed":                {tagHead + "\nOne\n" + armor, "One\n", armor},
		"no message":            {tagHead + "\n" + armor, "", armor},
		"the last one counts":   {tagHead + "\nOne\n" + armor + "Two\n" + armor, "One\n" + armor + "Two\n", armor},
		"the last of any kind":  {tagHead + "\nOne\n" + armor + pgp, "One\n" + armor, pgp},
		"what follows is in it": {tagHead + "\nOne\n" + armor + "tail\n", "One\n", armor + "tail\n"},
		"inside a line":         {tagHead + "\nOne " + armor, "One " + armor, ""},
		"indented":              {tagHead + "\n " + armor, " " + armor, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tag, err := ParseTag([]byte(tc.raw))
			if err != nil {
				t.Fatal(err)
			}
			if tag.Object != parent1[7:47] || tag.Type != "commit" || tag.Name != "v1.0" || tag.Tagger.Name != "Alice" {
				t.Errorf("got %+v", tag)
			}
			if tag.Message != tc.message || string(tag.Signature) != tc.signature || (tag.Signature == nil) != (tc.signature == "") {
				t.Errorf("got message %q, signature %q", tag.Message, tag.Signature)
			}
			if string(tag.Payload)+string(tag.Signature) != tc.raw {
				t.Errorf("payload %q", tag.Payload)
			}
		})
	}
}

func TestParseTagRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		raw  string
		want error
	}{
		"empty":                {"", ErrHeader},
		"no blank line":        {tagHead, ErrHeader},
		"NUL":                  {tagHead + "\nOne\x00\n", ErrNUL},
		"too large":            {tagHead + "\n" + strings.Repeat("x", MaxTagSize), ErrTooLarge},
		"no tagger":            {strings.Replace(tagHead, "tagger Alice <alice@example.com> 1795356000 +0100\n", "", 1) + "\nOne\n", ErrHeader},
		"bad tagger":           {strings.Replace(tagHead, "<", "", 1) + "\nOne\n", ErrIdent},
		"no object":            {strings.Replace(tagHead, "object "+parent1[7:], "", 1) + "\nOne\n", ErrHeader},
		"upper-case id":        {strings.Replace(tagHead, "83baae", "83BAAE", 1) + "\nOne\n", ErrHeader},
		"unknown type":         {strings.Replace(tagHead, "type commit", "type Commit", 1) + "\nOne\n", ErrHeader},
		"name with ..":         {strings.Replace(tagHead, "v1.0", "v1..0", 1) + "\nOne\n", ErrHeader},
		"no name":              {strings.Replace(tagHead, "v1.0", "", 1) + "\nOne\n", ErrHeader},
		"order":                {strings.Replace(tagHead, "type commit\ntag v1.0\n", "tag v1.0\ntype commit\n", 1) + "\nOne\n", ErrHeader},
		"header after tagger":  {tagHead + "x y\n\nOne\n", ErrHeader},
		"signature as header":  {tagHead + sig + "\nOne\n", ErrHeader},
		"header before object": {"x y\n" + tagHead + "\nOne\n", ErrHeader},
	} {
		t.Run(name, func(t *testing.T) {
			tag, err := ParseTag([]byte(tc.raw))
			var fe *FormatError
			if tag != nil || !errors.Is(err, tc.want) || !errors.As(err, &fe) || fe.Object != "tag" {
				t.Errorf("got %v, %v; want %v", tag, err, tc.want)
			}
		})
	}
}

func TestTrailers(t *testing.T) {
	for name, tc := range map[string]struct{ message, want string }{
		"none":                   {"Subject\n\nBody\n", ""},
		"subject only":           {"Fix: this\n", ""},
		"subject after blanks":   {"\n\nFix: this\n", ""},
		"one":                    {"S\n\nA: b\n", "A=b"},
		"two, no newline":        {"S\n\nBody\n\nA: b\nC-d: e f", "A=b|C-d=e f"},
		"blanks after":           {"S\n\nA: b\n \n\n", "A=b"},
		"white space separates":  {"S\n \t\nA: b\n", "A=b"},
		"folded":                 {"S\n\nA: b\n  c\n\td\nE: f\n", "A=b c d|E=f"},
		"folding first":          {"S\n\n A: b\n", ""},
		"cherry-pick":            {"S\n\nA: b\n(cherry picked from commit abc)\n", "A=b"},
		"prose between":          {"S\n\nA: b\nprose\nC: d\n", ""},
		"prose below":            {"S\n\nA: b\n\nprose\n", ""},
		"not last":               {"S\n\nA: b\n\nC: d\n", "C=d"},
		"address":                {"S\n\nhttps://example.com\n", ""},
		"token with a space":     {"S\n\nSee also: x\n", ""},
		"token with a homoglyph": {"S\n\nA: b\nS\u0456gned-off-by: x\n", ""},
		"empty value":            {"S\n\nA:\n", "A="},
		"CRLF":                   {"S\r\n\r\nA: b\r\nC: d\r\n", "A=b|C=d"},
		"empty message":          {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, tr := range Trailers(tc.message) {
				got = append(got, tr.Key+"="+tr.Value)
			}
			if s := strings.Join(got, "|"); s != tc.want {
				t.Errorf("got %q, want %q", s, tc.want)
			}
		})
	}
}

func FuzzParseCommit(f *testing.F) {
	f.Add([]byte(core + sig + message))
	f.Add([]byte(core + message))
	f.Add([]byte(tree2 + author + commit + "encoding x\nmergetag a\n b\n \n" + "gpgsig-sha256 " + folded + message))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := ParseCommit(raw)
		if err != nil {
			var fe *FormatError
			if c != nil || !errors.As(err, &fe) {
				t.Fatalf("an error and %v: %v", c, err)
			}
			return
		}
		checkCommit(t, raw, c)
	})
}

func FuzzWithSignature(f *testing.F) {
	f.Add([]byte(core+message), []byte(armor))
	f.Fuzz(func(t *testing.T, payload, armored []byte) {
		raw, err := WithSignature(payload, armored)
		if err != nil {
			if raw != nil {
				t.Fatal("an error and a commit")
			}
			return
		}
		c, err := ParseCommit(raw)
		if err != nil || !bytes.Equal(c.Payload, payload) || !bytes.Equal(c.Signature, armored) {
			t.Fatalf("what was signed is not what is read: %v", err)
		}
	})
}

func FuzzParseTag(f *testing.F) {
	f.Add([]byte(tagHead + "\nOne\n" + armor))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tag, err := ParseTag(raw)
		if err != nil {
			if tag != nil {
				t.Fatal("an error and a tag")
			}
			return
		}
		if string(tag.Payload)+string(tag.Signature) != string(raw) || !strings.HasSuffix(string(tag.Payload), "\n"+tag.Message) {
			t.Fatal("the object is not its payload and signature")
		}
	})
}

func BenchmarkParseCommit(b *testing.B) {
	blob := strings.Repeat(" U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgdn9Uy0Jc6FTg0vTbm7aeZ7dkJ\n", 4)
	raw := []byte(core + "gpgsig -----BEGIN SSH SIGNATURE-----\n" + blob + " -----END SSH SIGNATURE-----\n" + message +
		"\nDelegation: sha256:6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321\n")
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := ParseCommit(raw); err != nil {
			b.Fatal(err)
		}
	}
}
