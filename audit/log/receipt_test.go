package log_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/signing"
)

func receipt(t testing.TB, l *log.Log, index int64) []byte {
	t.Helper()
	r, err := l.Receipt(t.Context(), index)
	if err != nil {
		t.Fatal(err)
	}
	return r.Encode()
}

// A receipt verifies without the log, at each place in trees of several shapes.
func TestReceipts(t *testing.T) {
	for _, size := range []int{1, 2, 3, 255, 256, 257, 600} {
		l, _ := begun(t, size)
		for _, n := range []int{0, size / 2, size - 1} {
			b := receipt(t, l, int64(n))
			r, e, err := log.OpenReceipt(b, l.Verifier)
			if err != nil || r.Index != int64(n) || e.ID != logtest.Entry(t, n, "").ID {
				t.Errorf("entry %d of %d: %v\n%s", n, size, err, b)
			}
		}
	}
	l, _ := begun(t, 3)
	for _, n := range []int64{-1, 3} {
		if r, err := l.Receipt(t.Context(), n); err == nil || r != nil {
			t.Errorf("a receipt of entry %d", n)
		}
	}
}

// The form is that of https://c2sp.org/tlog-proof, spelled out here from the specification.
func TestReceiptForm(t *testing.T) {
	l, store := begun(t, 2)
	other := tlog.RecordHash(encoded(t, logtest.Entry(t, 0, "")))
	want := "c2sp.org/tlog-proof@v1\n" +
		"extra " + base64.StdEncoding.EncodeToString(encoded(t, logtest.Entry(t, 1, ""))) + "\n" +
		"index 1\n" + base64.StdEncoding.EncodeToString(other[:]) + "\n\n" + string(store.Files["checkpoint"])
	if got := string(receipt(t, l, 1)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	lines := strings.Split(string(store.Files["checkpoint"]), "\n")
	if len(lines) != 6 || lines[0] != logtest.Origin || lines[1] != "2" || lines[3] != "" || !strings.HasPrefix(lines[4], "— "+logtest.Origin+" ") || lines[5] != "" {
		t.Errorf("the checkpoint: %q", lines)
	}
}

func TestReceiptsThatAreNone(t *testing.T) {
	l, _ := begun(t, 5)
	sound := string(receipt(t, l, 2))
	other, _ := begun(t, 6)
	_, foreign, _ := strings.Cut(string(receipt(t, other, 2)), "\n\n")
	_, own, _ := strings.Cut(sound, "\n\n")
	extra := base64.StdEncoding.EncodeToString(encoded(t, logtest.Entry(t, 2, "")))
	for name, b := range map[string]string{
		"nothing":                  "",
		"another version":          strings.Replace(sound, "@v1", "@v2", 1),
		"another entry":            strings.Replace(sound, extra, base64.StdEncoding.EncodeToString(encoded(t, logtest.Entry(t, 3, ""))), 1),
		"no entry":                 strings.Replace(sound, "extra "+extra+"\n", "", 1),
		"another index":            strings.Replace(sound, "index 2", "index 3", 1),
		"an index with a zero":     strings.Replace(sound, "index 2", "index 02", 1),
		"an index below none":      strings.Replace(sound, "index 2", "index -2", 1),
		"an index outside":         strings.Replace(sound, "index 2", "index 5", 1),
		"a hash too many":          strings.Replace(sound, "\n\n", "\n"+strings.Repeat("A", 43)+"=\n\n", 1),
		"another checkpoint":       strings.Replace(sound, own, foreign, 1),
		"no checkpoint":            strings.Replace(sound, own, "", 1),
		"something behind":         sound + "\n",
		"lines of another system":  strings.ReplaceAll(sound, "\n", "\r\n"),
		"base64 of another form":   strings.Replace(sound, extra, strings.TrimRight(extra, "="), 1),
		"base64 with a line break": strings.Replace(sound, extra, extra[:20]+"\r"+extra[20:], 1),
	} {
		if b == sound {
			t.Errorf("%s: nothing is changed", name)
		}
		if r, e, err := log.OpenReceipt([]byte(b), l.Verifier); err == nil || r != nil || e != nil {
			t.Errorf("%s was taken", name)
		}
	}
	another, err := log.NewVerifier(logtest.Origin, logtest.Key(t, "another").SSHPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]note.Verifier{"another key": another, "no key": nil} {
		if r, _, err := log.OpenReceipt([]byte(sound), v); err == nil || r != nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

// A witness's signature beside the log's hinders nothing.
func TestCosignedCheckpoint(t *testing.T) {
	l, store := begun(t, 3)
	witness, err := log.NewSigner("witness.example", logtest.Key(t, "witness"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(store.Files["checkpoint"], note.VerifierList(l.Verifier))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(n, witness)
	if err != nil {
		t.Fatal(err)
	}
	c, err := log.OpenCheckpoint(signed, l.Verifier)
	if err != nil || c.Size != 3 || bytes.Equal(signed, store.Files["checkpoint"]) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestCheckpointsThatAreNone(t *testing.T) {
	l, _ := begun(t)
	hash := strings.Repeat("A", 43) + "="
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"sound":                 {logtest.Origin + "\n7\n" + hash + "\n", true},
		"another origin":        {"github.com/acme/other\n7\n" + hash + "\n", false},
		"an extension":          {logtest.Origin + "\n7\n" + hash + "\nmore\n", false},
		"a size with a zero":    {logtest.Origin + "\n07\n" + hash + "\n", false},
		"a size with a sign":    {logtest.Origin + "\n+7\n" + hash + "\n", false},
		"a size below none":     {logtest.Origin + "\n-7\n" + hash + "\n", false},
		"a size beyond all":     {logtest.Origin + "\n999999999999999999\n" + hash + "\n", false},
		"a short hash":          {logtest.Origin + "\n7\nAAAA\n", false},
		"a hash of other form":  {logtest.Origin + "\n7\n" + hash[:42] + "B=\n", false},
		"no hash":               {logtest.Origin + "\n7\n", false},
		"the tree of go.sum db": {"go.sum database tree\n7\n" + hash + "\n", false},
	} {
		signed, err := note.Sign(&note.Note{Text: c.text}, l.Signer)
		if err != nil {
			t.Fatal(err)
		}
		got, err := log.OpenCheckpoint(signed, l.Verifier)
		if (err == nil) != c.ok || err != nil && got.Signed != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestKeys(t *testing.T) {
	key := logtest.Key(t, "log").SSHPublicKey()
	text, err := log.VerifierKey(logtest.Origin, key)
	if err != nil {
		t.Fatal(err)
	}
	v, err := log.ParseVerifier(text)
	if err != nil || v.Name() != logtest.Origin {
		t.Errorf("%s: %v", text, err)
	}
	for _, bad := range []string{"", text[:len(text)-1], text + "=", strings.Replace(text, "+", " ", 1), strings.ToUpper(text)} {
		if v, err := log.ParseVerifier(bad); err == nil || v != nil {
			t.Errorf("%q was taken for a key", bad)
		}
	}
	// Messages that begin so are signatures of commits and of statements.
	for _, origin := range []string{"", "with space", "with+plus", "SSHSIG", "SSHSIG.example/log", "DSSEv1.example", "line\nbreak"} {
		if _, err := log.NewVerifier(origin, key); err == nil {
			t.Errorf("a log is called %q", origin)
		}
	}
	if _, err := log.NewVerifier(logtest.Origin, signing.PublicKey{}); err == nil {
		t.Error("a log has no key")
	}
	if _, err := log.NewSigner(logtest.Origin, nil); err == nil {
		t.Error("nobody signs")
	}
	ecdsa, err := signing.ParseAuthorizedKey("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.NewVerifier(logtest.Origin, ecdsa); err == nil {
		t.Error("a key of another type was taken")
	}
}

// What is taken verifies, and is written again byte for byte.
func FuzzOpenReceipt(f *testing.F) {
	l, _ := begun(f, 5)
	f.Add(receipt(f, l, 2))
	f.Add(bytes.Replace(receipt(f, l, 4), []byte("\n\n"), []byte("\n"), 1))
	f.Add([]byte("c2sp.org/tlog-proof@v1\nindex 0\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, e, err := log.OpenReceipt(b, l.Verifier)
		if err != nil {
			if r != nil || e != nil {
				t.Error("an error returns a receipt")
			}
			return
		}
		if !bytes.Equal(r.Encode(), b) {
			t.Errorf("written again it differs:\n%q\n%q", b, r.Encode())
		}
		if got, err := l.Entry(t.Context(), r.Index); err != nil || !bytes.Equal(got, r.Entry) {
			t.Errorf("it is of an entry that is not in the log: %v", err)
		}
	})
}
