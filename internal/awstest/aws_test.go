package awstest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/internal/server/largelog"
)

// rig is a server of each kind.
type rig struct {
	s3, database string // URL, and data source name without a database
	count        int
}

var theRig rig

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "awstest:", err)
		code = 1
	}
	os.Exit(code)
}

// run starts the servers, where they are installed.
func run(m *testing.M) (_ int, err error) {
	program, err := exec.LookPath("mariadbd")
	if err != nil {
		if program = "/usr/sbin/mariadbd"; !isFile(program) {
			if os.Getenv("REMIT_CI") == "1" {
				return 1, errors.New("mariadbd is not installed, and REMIT_CI=1 wants every test to run")
			}
			fmt.Println("awstest: skipped: mariadbd is not installed (apt-get install mariadb-server)")
			return 0, nil
		}
	}
	dir, err := os.MkdirTemp("", "awstest")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	end, err := theRig.start(program, dir)
	if err != nil {
		return 1, err
	}
	defer end()
	backend := s3mem.New()
	if err := backend.CreateBucket("logs"); err != nil {
		return 1, err
	}
	s3 := httptest.NewServer(gofakes3.New(backend).Server())
	defer s3.Close()
	theRig.s3 = s3.URL
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		if err := os.Setenv(name, value); err != nil {
			return 1, err
		}
	}
	return m.Run(), nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// start starts MariaDB with a folder of its own, on loopback.
func (r *rig) start(program, dir string) (end func(), err error) {
	data := filepath.Join(dir, "data")
	owner := fmt.Sprintf("--user=%d", os.Getuid())
	if os.Getuid() == 0 {
		owner = "--user=root" // it refuses to run as root unless it is told to
	}
	install := exec.Command("mariadb-install-db", "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", owner)
	if out, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mariadb-install-db: %w: %s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err := errors.Join(err, listener.Close()); err != nil {
		return nil, err
	}
	server := exec.Command(program, "--no-defaults", "--datadir="+data, "--socket="+filepath.Join(dir, "s"), "--port="+port,
		"--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=1", "--skip-name-resolve", owner)
	if err := server.Start(); err != nil {
		return nil, err
	}
	end = func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}
	r.database = "root@tcp(127.0.0.1:" + port + ")/"
	db, err := sql.Open("mysql", r.database)
	if err != nil {
		end()
		return nil, err
	}
	defer func() { _ = db.Close() }()
	for deadline := time.Now().Add(time.Minute); db.Ping() != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			end()
			return nil, errors.New("mariadbd did not start within a minute")
		}
	}
	return end, nil
}

// place makes a database, and returns what opens the log in it, as often as it is asked.
func place(t testing.TB) func() largelog.Place {
	t.Helper()
	theRig.count++
	name := fmt.Sprintf("log%d", theRig.count)
	db := database(t, "")
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	return func() largelog.Place {
		return &largelog.Bucket{Name: "logs", Prefix: name, Region: "us-east-1", Endpoint: theRig.s3, PathStyle: true, Database: theRig.database + name}
	}
}

func database(t testing.TB, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", theRig.database+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func config(t testing.TB, place largelog.Place) largelog.Config {
	t.Helper()
	l := logtest.Log(t, nil)
	return largelog.Config{Signer: l.Signer, Verifier: l.Verifier, Place: place, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func open(t testing.TB, place largelog.Place) *largelog.Log {
	t.Helper()
	l, err := largelog.Open(t.Context(), config(t, place))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func shut(t testing.TB, l *largelog.Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func vouched(t testing.TB, n int, note string) *audit.Entry {
	t.Helper()
	e := logtest.Entry(t, n, note)
	e.Attestation = audit.Attestation{Kind: "key", By: "SHA256:x"}
	return e
}

// appendAll appends entries at once, to one of some logs each.
func appendAll(t testing.TB, entries []*audit.Entry, logs ...*largelog.Log) []*largelog.Appended {
	t.Helper()
	out := make([]*largelog.Appended, len(entries))
	var wg sync.WaitGroup
	for i, e := range entries {
		wg.Go(func() {
			a, err := logs[i%len(logs)].Append(context.Background(), e, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if _, _, err := log.OpenReceipt(a.Receipt.Encode(), config(t, nil).Verifier); err != nil {
				t.Error(err)
			}
			out[i] = a
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return out
}

func many(t testing.TB, from, to int) []*audit.Entry {
	t.Helper()
	var out []*audit.Entry
	for n := from; n < to; n++ {
		out = append(out, vouched(t, n, ""))
	}
	return out
}

// reading is a log for verifying.
type reading struct{ l *largelog.Log }

func (r reading) Look(context.Context) (log.View, error) { return r.l.Reading(), nil }
func (r reading) Commit(context.Context, log.View, log.Change) error {
	return errors.New("it is only read")
}

func view(t testing.TB, l *largelog.Log, pins ...log.Checkpoint) *log.Log {
	return &log.Log{Store: reading{l}, Verifier: config(t, nil).Verifier, Pins: pins}
}

func TestAppend(t *testing.T) {
	at := place(t)
	if _, err := largelog.Open(t.Context(), config(t, at())); !errors.Is(err, log.ErrMissing) {
		t.Fatalf("no log: %v", err)
	}
	if _, err := largelog.Create(t.Context(), config(t, at())); err != nil {
		t.Fatal(err)
	}
	if _, err := largelog.Create(t.Context(), config(t, at())); !errors.Is(err, log.ErrExist) {
		t.Errorf("a log: %v", err)
	}
	l := open(t, at())
	entries := many(t, 0, 600)
	first := appendAll(t, entries, l)
	// Once more, with one that says something else under the same identity.
	for i, a := range appendAll(t, append(slices.Clone(entries), vouched(t, 3, "another title")), l) {
		if i < 600 && (!a.Again || a.Receipt.Index != first[i].Receipt.Index) || i == 600 && (a.Again || !slices.Equal(a.Others, []int64{first[3].Receipt.Index})) {
			t.Errorf("entry %d: again %v, at %d, others %v", i, a.Again, a.Receipt.Index, a.Others)
		}
	}
	e, bundle := logtest.Delegated(t, 1)
	if _, err := l.Append(t.Context(), e, nil); !errors.Is(err, log.ErrNoFile) {
		t.Errorf("without its delegation: %v", err)
	}
	if _, err := l.Append(t.Context(), e, [][]byte{bundle}); err != nil {
		t.Error(err)
	}
	logtest.Sound(t, view(t, l, first[0].Receipt.Checkpoint), 602)
	if at, err := view(t, l).Find(t.Context(), entries[3].ID); err != nil || len(at) != 2 {
		t.Errorf("%v, %v", at, err)
	}
	shut(t, l)
	l = open(t, at())
	if again := appendAll(t, entries[:1], l)[0]; !again.Again {
		t.Error("after a restart it is kept twice")
	}
	shut(t, l)
}

// Two processes share a log: each answers for its own, and nothing is lost. What both are given at the same moment may
// be there twice, which a reader takes for one.
func TestTwoProcesses(t *testing.T) {
	at := place(t)
	if _, err := largelog.Create(t.Context(), config(t, at())); err != nil {
		t.Fatal(err)
	}
	a, b := open(t, at()), open(t, at())
	entries := many(t, 0, 300)
	appendAll(t, entries, a, b)
	for i, again := range appendAll(t, entries, b, a) { // each to the other
		if !again.Again {
			t.Errorf("entry %d was kept twice", i)
		}
	}
	logtest.Sound(t, view(t, a), 300)
	logtest.Sound(t, view(t, b), 300)
	shut(t, a)
	shut(t, b)
}

func TestMigrate(t *testing.T) {
	at := place(t)
	old := logtest.Log(t, &logtest.Memory{})
	if _, err := old.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	e, bundle := logtest.Delegated(t, 1)
	if _, _, err := old.Append(t.Context(), [][]byte{bundle}, append(many(t, 0, 700), e)...); err != nil {
		t.Fatal(err)
	}
	was, err := largelog.Migrate(t.Context(), config(t, at()), old)
	if err != nil || was.Size != 701 {
		t.Fatalf("%d entries, %v", was.Size, err)
	}
	l := open(t, at())
	logtest.Sound(t, view(t, l, was), 701)
	if next := appendAll(t, many(t, 800, 801), l)[0]; next.Receipt.Index != 701 {
		t.Errorf("the next is at %d", next.Receipt.Index)
	}
	proof, now, err := view(t, l).Consistency(t.Context(), was)
	if err != nil || now.Size != 702 {
		t.Fatalf("%d entries, %v", now.Size, err)
	}
	if err := tlog.CheckTree(proof, now.Size, now.Hash, was.Size, was.Hash); err != nil {
		t.Error(err)
	}
	logtest.Sound(t, view(t, l, was), 702)
	shut(t, l)
	if _, err := largelog.Migrate(t.Context(), config(t, at()), old); !errors.Is(err, log.ErrExist) {
		t.Errorf("once more: %v", err)
	}
}

// A database that was lost, or put back as it was before, does not make the log begin anew.
func TestLostDatabase(t *testing.T) {
	at := place(t)
	if _, err := largelog.Create(t.Context(), config(t, at())); err != nil {
		t.Fatal(err)
	}
	l := open(t, at())
	last := appendAll(t, many(t, 0, 5), l)[4].Receipt.Checkpoint
	shut(t, l)
	db := database(t, fmt.Sprintf("log%d", theRig.count))
	if _, err := db.Exec("UPDATE IntCoord SET seq = 0, rootHash = ?", make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	if _, err := largelog.Open(t.Context(), config(t, at())); !errors.Is(err, log.ErrCorrupt) {
		t.Errorf("put back: %v", err)
	}
	for _, table := range []string{"IntCoord", "SeqCoord", "Seq", "PubCoord", "Tessera", "GCCoord"} {
		if _, err := db.Exec("DROP TABLE " + table); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := largelog.Open(t.Context(), config(t, at())); !errors.Is(err, log.ErrCorrupt) {
		t.Errorf("lost: %v", err)
	}
	if _, err := largelog.Create(t.Context(), config(t, at())); !errors.Is(err, log.ErrExist) {
		t.Errorf("made anew: %v", err)
	}
	if last.Size < 1 {
		t.Error("there was no log")
	}
}

// BenchmarkAppend is how many entries a second 1,024 writers get into the log.
func BenchmarkAppend(b *testing.B) {
	at := place(b)
	if _, err := largelog.Create(b.Context(), config(b, at())); err != nil {
		b.Fatal(err)
	}
	l := open(b, at())
	defer shut(b, l)
	next, took := 0, time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		entries := many(b, next, next+2048)
		b.StartTimer()
		begun := time.Now()
		for part := range slices.Chunk(entries, 1024) {
			appendAll(b, part, l)
		}
		took += time.Since(begun)
		next += len(entries)
	}
	b.ReportMetric(float64(next)/took.Seconds(), "entries/s")
}
