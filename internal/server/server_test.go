package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/folder"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/audit/remote"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/cli"
	"github.com/remit-sh/remit/oidc"
)

func TestEntries(t *testing.T) {
	r := newRig(t)
	r.serve()
	by := r.tokens(nil)
	first, err := by.Append(t.Context(), logtest.Entry(t, 1, ""))
	if err != nil {
		t.Fatal(err)
	}
	if first.Again || first.Entry.Attestation != (audit.Attestation{Kind: "oidc", By: "acme/shop/.github/workflows/remit.yml@refs/heads/main run 1 attempt 1"}) {
		t.Errorf("%+v", first)
	}
	second, err := r.sink().Append(t.Context(), logtest.Entry(t, 2, ""))
	if err != nil {
		t.Fatal(err)
	}
	if second.Entry.Attestation != (audit.Attestation{Kind: "key", By: r.writer.SSHPublicKey().Fingerprint()}) {
		t.Errorf("%+v", second.Entry.Attestation)
	}
	again, err := by.Append(t.Context(), logtest.Entry(t, 1, ""))
	if err != nil || !again.Again || again.Receipt.Index != first.Receipt.Index {
		t.Errorf("%+v, %v", again, err)
	}
	other, err := by.Append(t.Context(), logtest.Entry(t, 1, "another title"))
	if err != nil || other.Again || !slices.Equal(other.Others, []int64{first.Receipt.Index}) {
		t.Errorf("%+v, %v", other, err)
	}
	e, bundle := logtest.Delegated(t, 5)
	e.Attestation = audit.Attestation{}
	if _, err := r.sink().Append(t.Context(), e); err == nil || !strings.Contains(err.Error(), "422") {
		t.Errorf("without its delegation: %v", err)
	}
	if _, err := r.sink().Append(t.Context(), e, bundle); err != nil {
		t.Error(err)
	}
	l := r.store()
	l.Pins = []log.Checkpoint{first.Receipt.Checkpoint, second.Receipt.Checkpoint}
	logtest.Sound(t, l, 4)
	if at, err := l.Find(t.Context(), other.Entry.ID); err != nil || len(at) != 2 {
		t.Errorf("%v, %v", at, err)
	}
	if r.stop() != 0 {
		t.Error(r.err.String())
	}
	// What is in the folder is the same log.
	logtest.Sound(t, logtest.Log(t, folder.Open(filepath.Join(r.dir, "logs", filepath.FromSlash(logtest.Origin)))), 4)
	for _, secret := range []string{"eyJ", readersToken, "Remit-Signature ", "PRIVATE"} {
		if strings.Contains(r.err.String(), secret) {
			t.Errorf("the server's log has %q:\n%s", secret, r.err.String())
		}
	}
}

// Whoever may not write, or sends something else than they vouch for, changes nothing.
func TestRefused(t *testing.T) {
	r := newRig(t)
	now := time.Now()
	r.now = func() time.Time { return now }
	r.serve()
	e := logtest.Entry(t, 1, "")
	b, err := e.Claim()
	if err != nil {
		t.Fatal(err)
	}
	claim, good := audit.Digest(b), r.post(e)
	with := func(changes map[string]string, body []byte) request {
		q := good
		q.header = maps.Clone(good.header)
		maps.Copy(q.header, changes)
		if body != nil {
			q.body = body
		}
		return q
	}
	auth := func(value string) request { return with(map[string]string{"Authorization": value}, nil) }
	token := func(audience string, at time.Time, changes map[string]any) request {
		return auth("Bearer " + r.forge.token(t, audience, at, changes))
	}
	submission := func(e []byte, bundles ...[]byte) []byte {
		out, err := json.Marshal(remote.Submission{Entry: e, Bundles: bundles})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	signed := func(origin, claim string, by string) string {
		k := r.writer
		if by == "other" {
			k = r.other
		}
		out, err := remote.SignClaim(origin, claim, k)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	vouched := *e
	vouched.Attestation = audit.Attestation{Kind: "hook", By: "me"}
	vouchedBytes, err := vouched.Encode()
	if err != nil {
		t.Fatal(err)
	}
	forged := r.forge.token(t, claim, now, nil)
	r.forge.mu.Lock()
	mine := r.forge.key
	r.forge.key = someKeys()[1]
	r.forge.mu.Unlock()
	byAnother := r.forge.token(t, claim, now, nil)
	r.forge.mu.Lock()
	r.forge.key = mine
	r.forge.mu.Unlock()
	parts := strings.Split(forged, ".")
	elsewhere := good
	elsewhere.path = "/log/github.com/acme/other/audit/entries"
	for name, c := range map[string]struct {
		request
		status int
		code   string
	}{
		"nobody":                         {auth(""), 401, "unauthenticated"},
		"a word":                         {auth("Basic YWxpY2U6c2VjcmV0"), 401, "unauthenticated"},
		"no token":                       {auth("Bearer "), 401, "unauthenticated"},
		"junk":                           {auth("Bearer a.b.c"), 401, "unauthenticated"},
		"another issuer's key":           {auth("Bearer " + byAnother), 401, "unauthenticated"},
		"no signature":                   {auth("Bearer " + parts[0] + "." + parts[1] + "."), 401, "unauthenticated"},
		"alg none":                       {auth("Bearer " + b64([]byte(`{"alg":"none","kid":"one"}`)) + "." + parts[1] + "."), 401, "unauthenticated"},
		"expired":                        {token(claim, now.Add(-10*time.Minute), nil), 401, "unauthenticated"},
		"from the future":                {token(claim, now.Add(10*time.Minute), nil), 401, "unauthenticated"},
		"for another entry":              {token(audit.Digest([]byte("x")), now, nil), 401, "unauthenticated"},
		"for a cloud":                    {token("sts.amazonaws.com", now, nil), 401, "unauthenticated"},
		"another issuer":                 {token(claim, now, map[string]any{"iss": "https://token.actions.githubusercontent.com"}), 401, "unauthenticated"},
		"another repository's run":       {token(claim, now, map[string]any{"repository": "acme/other"}), 403, "repository"},
		"another repository of the name": {token(claim, now, map[string]any{"repository_id": "75"}), 403, "not-vouched"},
		"a branch's workflow":            {token(claim, now, map[string]any{"workflow_ref": "acme/shop/.github/workflows/remit.yml@refs/heads/agent"}), 403, "not-vouched"},
		"another workflow":               {token(claim, now, map[string]any{"workflow_ref": "acme/shop/.github/workflows/agent.yml@refs/heads/main"}), 403, "not-vouched"},
		"another run":                    {token(claim, now, map[string]any{"run_id": "2"}), 403, "not-vouched"},
		"another attempt":                {token(claim, now, map[string]any{"run_attempt": "2"}), 403, "not-vouched"},
		"a reader":                       {auth("Bearer " + readersToken), 401, "unauthenticated"},
		"another repository's writer":    {auth(signed(logtest.Origin, claim, "other")), 401, "unauthenticated"},
		"signed for another log":         {auth(signed("github.com/acme/other/audit", claim, "")), 401, "unauthenticated"},
		"signed for another entry":       {auth(signed(logtest.Origin, audit.Digest([]byte("x")), "")), 401, "unauthenticated"},
		"to another log":                 {elsewhere, 401, "unauthenticated"},
		"no claim":                       {with(map[string]string{remote.ClaimHeader: ""}, nil), 400, "claim"},
		"a claim that is no digest":      {with(map[string]string{remote.ClaimHeader: strings.ToUpper(claim)}, nil), 400, "claim"},
		"another entry in the body":      {with(nil, r.post(logtest.Entry(t, 2, "")).body), 401, "claim"},
		"says who vouches":               {with(nil, submission(vouchedBytes)), 400, "entry"},
		"no entry":                       {with(nil, submission([]byte("{}"))), 400, "entry"},
		"not canonical":                  {with(nil, submission(append(bytes.Clone(b), ' '))), 400, "entry"},
		"no JSON":                        {with(nil, []byte("entry")), 400, "body"},
		"an unknown member":              {with(nil, []byte(`{"entry":"","attestation":{}}`)), 400, "body"},
		"a member twice":                 {with(nil, []byte(`{"entry":"","entry":""}`)), 400, "body"},
		"a form":                         {with(map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, nil), 415, "content-type"},
		"too large":                      {with(nil, make([]byte, remote.MaxSubmission+1)), 413, "size"},
		"too many bundles":               {with(nil, submission(b, slices.Repeat([][]byte{[]byte("{}")}, maxBundles+1)...)), 413, "bundles"},
		"too large bundles":              {with(nil, submission(b, make([]byte, remote.MaxBundles+1))), 413, "bundles"},
		"by GET":                         {request{"GET", good.path, good.header, nil}, 405, "method"},
		"by PUT":                         {request{"PUT", good.path, good.header, good.body}, 405, "method"},
		"to a file":                      {request{"POST", "/log/" + logtest.Origin + "/checkpoint", good.header, good.body}, 405, "method"},
		"to a log that is not there":     {request{"POST", "/log/github.com/acme/none/audit/entries", good.header, good.body}, 404, "not-found"},
	} {
		status, body := r.do(c.request)
		var why remote.Refusal
		if err := json.Unmarshal([]byte(body), &why); err != nil || status != c.status || why.Code != c.code {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	logtest.Sound(t, r.store(), 0)
	// What they are made from is taken.
	if status, body := r.do(good); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if status, body := r.do(auth("Bearer " + forged)); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	// An entry of another repository, by somebody who may write both: the log is that of one.
	strange := logtest.Entry(t, 3, "")
	strange.Repository = "github.com/acme/other"
	strange.ID = strange.Identity()
	if status, body := r.do(r.post(strange)); status != 403 || !strings.Contains(body, "belong") {
		t.Errorf("%d %s", status, body)
	}
	logtest.Sound(t, r.store(), 2)
	// A token or signature that somebody saw does not do more than its owner did.
	for range 3 {
		if status, body := r.do(good); status != 200 || !strings.Contains(body, `"again":true`) {
			t.Errorf("%d %s", status, body)
		}
	}
	logtest.Sound(t, r.store(), 2)
}

func TestReaders(t *testing.T) {
	r := newRig(t)
	r.serve()
	if _, err := r.sink().Append(t.Context(), logtest.Entry(t, 1, "")); err != nil {
		t.Fatal(err)
	}
	private, public := "/log/"+logtest.Origin+"/", "/log/github.com/acme/other/audit/"
	reader := map[string]string{"Authorization": "Bearer " + readersToken}
	for _, c := range []struct {
		request
		status int
	}{
		{request{"GET", private + "checkpoint", reader, nil}, 200},
		{request{"GET", private + "key", reader, nil}, 200},
		{request{"GET", private + "tile/0/000.p/1", reader, nil}, 200},
		{request{"GET", private + "tile/entries/000.p/1", reader, nil}, 200},
		{request{"HEAD", private + "checkpoint", reader, nil}, 200},
		{request{"GET", private + "tile/0/001", reader, nil}, 404},
		{request{"GET", private + "checkpoint", nil, nil}, 401},
		{request{"GET", private + "checkpoint", map[string]string{"Authorization": "Bearer " + readersToken + "0"}, nil}, 401},
		{request{"GET", private + "checkpoint", map[string]string{"Authorization": "Bearer "}, nil}, 401},
		{request{"GET", private + "checkpoint", map[string]string{"Authorization": readersToken}, nil}, 401},
		{request{"DELETE", private + "checkpoint", reader, nil}, 405},
		{request{"GET", public + "checkpoint", nil, nil}, 200},
		{request{"GET", "/healthz", nil, nil}, 200},
		{request{"GET", "/readyz", nil, nil}, 200},
		{request{"POST", "/readyz", nil, nil}, 405},
		{request{"GET", "/", nil, nil}, 404},
		{request{"GET", "/log/", nil, nil}, 404},
	} {
		if status, body := r.do(c.request); status != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, body)
		}
	}
}

// Nothing but files of the log is shown, however it is asked for.
func TestPaths(t *testing.T) {
	r := newRig(t)
	r.serve()
	base := "/log/github.com/acme/other/audit/"
	for _, path := range []string{
		base, base + ".", base + "..", base + "../", base + "lock", base + ".state/treeState", base + ".state/version", base + "index/indexed", base + "tile", base + "tile/", base + "tile/0",
		base + "../../../shop/audit/key", base + "../../../../../../server.hcl", base + "tile/../key", base + "tile/0/../../key", base + "./key", base + "/key", base + "key/", base + "key/.",
		base + "%6bey", base + "tile%2f0%2f000", base + "%2e%2e/%2e%2e/shop/audit/key", base + "..%2f..%2fkey", base + "key%00", base + "key%20", base + "tile/0/000%00.p/1", base + "KEY", base + "checkpoint?x", base + "bundle/../key",
		"/log/github.com/acme/other/audit/../../../../readers", "/log/../server.hcl", "//log/github.com/acme/other/audit/key", "/LOG/github.com/acme/other/audit/key", "/log/github.com/acme/Other/audit/key", "/log/github.com/acme/other/key",
		"/../../etc/passwd", "/log/github.com/acme/other/audit\\key", base + "tile\\0\\000",
	} {
		status, body := rawGet(t, r.url, path)
		want := 404
		if strings.HasSuffix(path, "?x") {
			want = 200 // the query is nobody's
		}
		if strings.Contains(path, "\\") && status == 400 {
			continue
		}
		if status != want {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
}

// rawGet sends a path as it is.
func rawGet(t *testing.T, url, path string) (int, string) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// A client that sends slowly, or not at all, is let go, and is in nobody's way.
func TestSlowClients(t *testing.T) {
	r := newRig(t)
	config, err := ReadConfig(r.config, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), config, discard(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	s.bodyTime = 300 * time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	defer func() {
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	r.url = "http://" + listener.Addr().String()
	good := r.post(logtest.Entry(t, 1, ""))
	var slow []net.Conn
	for range maxBodies {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: %s\r\n%s: %s\r\nContent-Length: 1000\r\n\r\n{", good.path, good.header["Authorization"], remote.ClaimHeader, good.header[remote.ClaimHeader])
		slow = append(slow, c)
	}
	// Whoever sends nothing that shows who they are, has no place among them.
	if status, _ := r.do(request{"POST", good.path, map[string]string{"Content-Type": "application/json"}, good.body}); status != 400 {
		t.Errorf("nobody: %d", status)
	}
	for _, c := range slow {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		// Some may have found no place.
		if resp.StatusCode != http.StatusRequestTimeout && resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a slow client: %d", resp.StatusCode)
		}
	}
	if status, body := r.do(good); status != 200 {
		t.Errorf("afterwards: %d %s", status, body)
	}
}

func TestRate(t *testing.T) {
	r := newRig(t)
	r.serve()
	s := r.sink()
	s.URL, s.Verifier = r.logURL("github.com/acme/other"), verifier(t, "github.com/acme/other/audit", "another log")
	s.Vouch = remote.ByKey("github.com/acme/other/audit", r.other)
	codes := map[int]int{}
	for n := range 12 {
		e := logtest.Entry(t, n, "")
		e.Repository = "github.com/acme/other"
		e.ID = e.Identity()
		q := r.post(e)
		q.path = "/log/github.com/acme/other/audit/entries"
		signed, err := remote.SignClaim("github.com/acme/other/audit", q.header[remote.ClaimHeader], r.other)
		if err != nil {
			t.Fatal(err)
		}
		q.header["Authorization"] = signed
		q.body = []byte("{}") // who sends too many is told so before it is looked at
		status, _ := r.do(q)
		codes[status]++
	}
	if codes[400] < 8 || codes[429] == 0 {
		t.Errorf("%v", codes)
	}
	// One who waits gets through, and another repository's writers do not notice.
	if _, err := r.sink().Append(t.Context(), logtest.Entry(t, 1, "")); err != nil {
		t.Error(err)
	}
	e := logtest.Entry(t, 1, "")
	e.Repository = "github.com/acme/other"
	e.ID = e.Identity()
	if _, err := s.Append(t.Context(), e); err != nil {
		t.Error(err)
	}
}

func TestLimits(t *testing.T) {
	at := logtest.Noon
	l := newLimits(2, 4)
	count := func(name string) (n int) {
		for range 10 {
			if l.allow(name, at) {
				n++
			}
		}
		return n
	}
	if count("a") != 4 || count("b") != 4 || count("a") != 0 {
		t.Error("a rested one does not have its burst, or shares it")
	}
	if at = at.Add(time.Second); count("a") != 2 {
		t.Error("a second gives two")
	}
	if at = at.Add(-time.Hour); count("a") != 0 {
		t.Error("the clock went back")
	}
	if at = at.Add(time.Second); count("a") != 2 {
		t.Error("and goes on from there")
	}
	if at = at.Add(time.Hour); count("a") != 4 {
		t.Error("more than a burst")
	}
	count("b")
	for n := range maxBuckets - 2 {
		l.allow(fmt.Sprint(n), at)
	}
	if l.allow("one too many", at) {
		t.Error("it keeps as many as come")
	}
	if at = at.Add(time.Hour); !l.allow("one too many", at) {
		t.Error("it forgets none")
	}
}

// The issuer's keys are fetched when they are needed, and no more often for whoever sends tokens.
func TestIssuer(t *testing.T) {
	f := newForge(t)
	i := &issuer{url: f.URL, host: "github.com"}
	now := logtest.Noon
	verify := func(token string) error {
		kid, err := oidc.KeyID(token)
		if err != nil {
			t.Fatal(err)
		}
		is, err := i.with(t.Context(), kid, now)
		if err != nil {
			return err
		}
		_, err = oidc.Verify(token, is, oidc.Want{Audience: "me", At: now})
		return err
	}
	fresh := func() string { return f.token(t, "me", now, nil) }
	set := func(down bool, kid string, key int) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.down, f.kid, f.key = down, kid, someKeys()[key]
	}
	set(true, "one", 0)
	if err := verify(fresh()); !errors.Is(err, errNoKeys) {
		t.Errorf("it is down: %v", err)
	}
	set(false, "one", 0)
	if err := verify(fresh()); !errors.Is(err, errNoKeys) {
		t.Errorf("it was asked again at once: %v", err)
	}
	now = now.Add(keysAgain)
	for range 3 {
		if err := verify(fresh()); err != nil {
			t.Error(err)
		}
	}
	if f.asked != 1 {
		t.Errorf("it was asked %d times", f.asked)
	}
	// It changes its key.
	set(false, "two", 1)
	for range 3 {
		if err := verify(fresh()); !errors.Is(err, oidc.ErrUnknownKey) {
			t.Error(err)
		}
	}
	now = now.Add(keysAgain)
	if err := verify(fresh()); err != nil || f.asked != 2 {
		t.Errorf("%v, asked %d times", err, f.asked)
	}
	// It goes away: what is known holds for a day.
	set(true, "two", 1)
	now = now.Add(keysLast - time.Second)
	if err := verify(fresh()); err != nil {
		t.Error(err)
	}
	now = now.Add(time.Hour)
	if err := verify(fresh()); !errors.Is(err, errNoKeys) {
		t.Error(err)
	}
	// One that sends its readers elsewhere is not followed.
	set(false, "two", 1)
	now = now.Add(time.Hour)
	evil := &issuer{url: f.URL + "/other", host: "github.com"}
	if _, err := evil.with(t.Context(), "two", now); !errors.Is(err, errNoKeys) {
		t.Error(err)
	}
	if err := verify(fresh()); err != nil {
		t.Error(err)
	}
}

// What was begun is answered when the server is told to end, and nothing is taken any more then.
func TestGracefulStop(t *testing.T) {
	r := newRig(t)
	r.serve()
	var wg sync.WaitGroup
	acknowledged := make(chan int64, 100)
	begun := make(chan struct{}, 100)
	for n := range 40 {
		wg.Go(func() {
			q := r.post(logtest.Entry(t, n, ""))
			h, err := http.NewRequest(q.method, r.url+q.path, bytes.NewReader(q.body))
			if err != nil {
				t.Error(err)
				return
			}
			for k, v := range q.header {
				h.Header.Set(k, v)
			}
			begun <- struct{}{}
			resp, err := http.DefaultClient.Do(h)
			if err != nil {
				return // it came too late
			}
			defer func() { _ = resp.Body.Close() }()
			var a remote.Answer
			if err := json.UnmarshalRead(resp.Body, &a); err == nil && resp.StatusCode == 200 {
				acknowledged <- a.Index
			}
		})
	}
	<-begun
	if code := r.stop(); code != 0 {
		t.Errorf("exit %d: %s", code, r.err.String())
	}
	wg.Wait()
	close(acknowledged)
	most := int64(-1)
	for n := range acknowledged {
		most = max(most, n)
	}
	l := logtest.Log(t, folder.Open(filepath.Join(r.dir, "logs", filepath.FromSlash(logtest.Origin))))
	if now, err := l.Checkpoint(t.Context()); err != nil || now.Size <= most {
		t.Errorf("the log has %d entries, number %d was acknowledged, %v", now.Size, most, err)
	} else {
		logtest.Sound(t, l, now.Size)
	}
	r.serve()
	if _, err := r.sink().Append(t.Context(), logtest.Entry(t, 99, "")); err != nil {
		t.Error(err)
	}
}

// TestMain is the server itself where a test starts this program as one.
func TestMain(m *testing.M) {
	if config := os.Getenv("REMIT_TEST_SERVE"); config != "" {
		os.Exit(Run(context.Background(), &Env{
			Stdout: os.Stdout, Stderr: io.Discard, Environ: os.Environ(), Now: time.Now, Listening: func(a net.Addr) { fmt.Println(a) },
		}, []string{"serve", "--config", config}))
	}
	os.Exit(m.Run())
}

// The server is killed at any moment: what it acknowledged is in the log, and what is handed over again is not twice.
func TestKilled(t *testing.T) {
	r := newRig(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const writers = 8
	var mu sync.Mutex
	acknowledged := map[string]int64{}
	var sent []*audit.Entry
	for round := range 6 {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), "REMIT_TEST_SERVE="+r.config)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		r.url = "http://" + strings.TrimSpace(line)
		ctx, end := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					e := logtest.Entry(t, round*100_000+w*10_000+n, "")
					mu.Lock()
					sent = append(sent, e)
					mu.Unlock()
					a, err := r.sink().Append(ctx, e)
					if err != nil {
						return
					}
					mu.Lock()
					acknowledged[e.ID] = a.Receipt.Index
					mu.Unlock()
				}
			})
		}
		// Not always in the same moment of a batch.
		time.Sleep(time.Duration(300+170*round) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		end()
		wg.Wait()
	}
	if len(acknowledged) == 0 {
		t.Fatal("nothing was acknowledged")
	}
	r.serve()
	l := r.store()
	now, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id, index := range acknowledged {
		if at, err := l.Find(t.Context(), id); err != nil || !slices.Equal(at, []int64{index}) {
			t.Errorf("entry %s was acknowledged at %d, and is at %v, %v", id, index, at, err)
		}
	}
	t.Logf("%d entries were sent, %d acknowledged, %d are in the log", len(sent), len(acknowledged), now.Size)
	sentLast := sent[max(0, len(sent)-60):]
	for _, e := range sentLast {
		if _, err := r.sink().Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	v, err := l.Verify(t.Context())
	if err != nil || !v.OK() || len(v.Same) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestMigrateCommand(t *testing.T) {
	for _, kind := range []string{"folder", "git repository"} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t)
			if err := os.RemoveAll(filepath.Join(r.dir, "logs")); err != nil {
				t.Fatal(err)
			}
			from := filepath.Join(r.dir, "old")
			var store log.Store = folder.Open(from)
			if kind != "folder" {
				if out, err := exec.Command("git", "init", "-q", "--bare", from).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				branch, err := gitbranch.Open(t.Context(), gitbranch.Config{GitDir: from, Environment: os.Environ(), Now: time.Now})
				if err != nil {
					t.Fatal(err)
				}
				store = branch
			}
			if out, code := r.run("log", "migrate", "--config", r.config, "--from", from); code == 0 {
				t.Fatalf("no log: %s", out)
			}
			old := logtest.Log(t, store)
			if _, err := old.Create(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, was := logtest.Append(t, old, logtest.Entries(t, 0, 300)...)
			if out, code := r.run("serve", "--config", r.config); code == 0 || !strings.Contains(out, "remit-server log migrate") {
				t.Fatalf("exit %d: %s", code, out)
			}
			out, code := r.run("log", "migrate", "--config", r.config, "--from", from)
			if code != 0 || !strings.Contains(out, "Moved 300 entries") || !strings.HasSuffix(out, string(was.Signed)) {
				t.Fatalf("exit %d: %s", code, out)
			}
			if out, code := r.run("log", "create", "--config", r.config, "--repository", "github.com/acme/other"); code != 0 {
				t.Fatal(out)
			}
			r.serve()
			after, err := r.sink().Append(t.Context(), logtest.Entry(t, 300, ""))
			if err != nil || after.Receipt.Index != 300 {
				t.Fatalf("%+v, %v", after, err)
			}
			l := r.store()
			l.Pins = []log.Checkpoint{was}
			logtest.Sound(t, l, 301)
			if out, code := r.run("log", "migrate", "--config", r.config, "--from", from); code == 0 {
				t.Errorf("once more: %s", out)
			}
		})
	}
}

func TestMistakesOfUse(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"check", "--config", r.config}, 0, "serves 2 logs"},
		{[]string{"version"}, 0, "remit-server"},
		{[]string{"serve"}, 2, "--config FILE"},
		{[]string{"serve", "x"}, 2, ""},
		{[]string{"serve", "--config", filepath.Join(r.dir, "none")}, 2, "no such file"},
		{[]string{"check", "--confg", "x"}, 2, "unknown flag"},
		{[]string{"log", "create", "--config", r.config, "--repository", "github.com/acme/shop"}, 3, "there is an audit log already"},
		{[]string{"log", "create", "--config", r.config, "--repository", "github.com/acme/none"}, 2, "block repository"},
		{[]string{"log", "migrate", "--config", r.config}, 2, "--from DIR"},
		{[]string{"log", "migrate", "--config", r.config, "--from", r.dir}, 2, "neither"},
	} {
		if out, code := r.run(c.args...); code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%q: exit %d: %s", c.args, code, out)
		}
	}
	if out, _ := r.run("check", "--config", r.config); strings.Contains(out, readersToken) || strings.Contains(out, "PRIVATE") {
		t.Errorf("a secret is shown: %s", inert.Line(out))
	}
}

// Whoever audits reads the server's log by the command line, as any other.
func TestReadByTheCommandLine(t *testing.T) {
	r := newRig(t)
	r.serve()
	for n := range 3 {
		if _, err := r.sink().Append(t.Context(), logtest.Entry(t, n, "")); err != nil {
			t.Fatal(err)
		}
	}
	key, err := log.VerifierKey(logtest.Origin, logtest.Key(t, "log").SSHPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	remit := func(token string, args ...string) (string, int) {
		var out bytes.Buffer
		env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "GIT_CEILING_DIRECTORIES=" + r.dir, "REMIT_AUDIT_TOKEN=" + token}
		code := cli.Run(t.Context(), &cli.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Environ: env, Dir: r.dir, Now: time.Now}, args)
		return out.String(), code
	}
	if out, code := remit(readersToken, "audit", "verify", "--log", r.logURL("github.com/acme/shop"), "--key", key); code != 0 {
		t.Errorf("exit %d: %s", code, out)
	}
	if out, code := remit(readersToken, "audit", "log", "--log", r.logURL("github.com/acme/shop"), "--key", key); code != 0 || strings.Count(out, "agent.coder") != 3 && strings.Count(out, "coder") != 3 {
		t.Errorf("exit %d: %s", code, out)
	}
	if out, code := remit("", "audit", "verify", "--log", r.logURL("github.com/acme/shop"), "--key", key); code == 0 || !strings.Contains(out, "token") {
		t.Errorf("exit %d: %s", code, out)
	}
}
