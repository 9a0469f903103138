package largelog

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/aws"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/remit-sh/remit/audit/log"
)

const (
	objectReaders = 16  // objects that are read at once
	rowsAtOnce    = 500 // of the index, in one statement
	connections   = 16  // to the database, of Tessera and of the index each
)

// Bucket is a log in an S3 bucket and a MySQL database, each for one log. Several processes may share one.
type Bucket struct {
	Name      string
	Prefix    string // of its objects, without a slash at the end
	Region    string // "": as the environment says
	Endpoint  string // "": AWS's
	PathStyle bool   // the bucket is a part of the path, and not of the host
	Database  string // data source name; a secret

	s3 *s3.Client
	db *sql.DB
}

func (b *Bucket) pace() pace {
	return pace{sign: time.Second, gather: 50 * time.Millisecond, look: 200 * time.Millisecond}
}

func (b *Bucket) options(o *s3.Options) {
	o.UsePathStyle = b.PathStyle
	if b.Endpoint != "" {
		o.BaseEndpoint = &b.Endpoint
	}
}

func (b *Bucket) open(ctx context.Context) error {
	c, err := config.LoadDefaultConfig(ctx, config.WithRegion(b.Region))
	if err != nil {
		return fmt.Errorf("reading the configuration of AWS: %w", err)
	}
	b.s3 = s3.NewFromConfig(c, b.options)
	// Tessera brings the driver.
	if b.db, err = sql.Open("mysql", b.Database); err != nil {
		return errors.New("opening the database: its data source name is not user:password@tcp(host:port)/database")
	}
	b.db.SetMaxOpenConns(connections)
	b.db.SetMaxIdleConns(connections)
	if err := b.db.PingContext(ctx); err != nil {
		return errors.Join(fmt.Errorf("reaching the database: %w", err), b.close())
	}
	return nil
}

func (b *Bucket) close() error {
	if b.db == nil {
		return nil
	}
	db := b.db
	b.db = nil
	return db.Close()
}

func (b *Bucket) driver(ctx context.Context) (tessera.Driver, error) {
	c := aws.Config{Bucket: b.Name, BucketPrefix: b.Prefix, DSN: b.Database, MaxOpenConns: connections, MaxIdleConns: connections}
	if b.Region != "" || b.Endpoint != "" || b.PathStyle {
		sdk, err := config.LoadDefaultConfig(ctx, config.WithRegion(b.Region))
		if err != nil {
			return nil, fmt.Errorf("reading the configuration of AWS: %w", err)
		}
		c.SDKConfig, c.S3Options = &sdk, b.options
	}
	return aws.New(ctx, c)
}

func (b *Bucket) tree(ctx context.Context) (*tree, error) {
	var tables int
	err := b.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN ('IntCoord', 'SeqCoord')").Scan(&tables)
	if err != nil {
		return nil, fmt.Errorf("reading the database: %w", err)
	}
	if tables < 2 {
		return nil, nil
	}
	var t tree
	var root []byte
	err = b.db.QueryRowContext(ctx, "SELECT i.seq, i.rootHash, s.next FROM IntCoord i JOIN SeqCoord s ON i.id = s.id WHERE i.id = 0").Scan(&t.N, &root, &t.next)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the database: %w", err)
	}
	if len(root) != tlog.HashSize {
		return nil, errors.New("reading the database: IntCoord is not what Tessera writes")
	}
	t.Hash = tlog.Hash(root)
	return &t, nil
}

// migrated has entries go on behind those that were migrated: Tessera's writer of migrations (1.0.4) leaves the number
// of the next one at nought.
func (b *Bucket) migrated(ctx context.Context, size int64) error {
	if _, err := b.db.ExecContext(ctx, "UPDATE SeqCoord SET next = ? WHERE id = 0 AND next < ?", size, size); err != nil {
		return fmt.Errorf("writing to the database: %w", err)
	}
	return nil
}

func (b *Bucket) key(path string) *string {
	if b.Prefix != "" {
		path = b.Prefix + "/" + path
	}
	return &path
}

func (b *Bucket) read(ctx context.Context, paths []string) ([][]byte, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		out   = make([][]byte, len(paths))
		next  = make(chan int)
		wg    sync.WaitGroup
		once  sync.Once
		first error
	)
	for range min(objectReaders, len(paths)) {
		wg.Go(func() {
			for i := range next {
				var err error
				if out[i], err = b.readObject(ctx, paths[i]); err != nil {
					once.Do(func() { first = err; stop() })
				}
			}
		})
	}
	for i := range paths {
		next <- i
	}
	close(next)
	wg.Wait()
	if first != nil {
		return nil, first
	}
	return out, nil
}

func (b *Bucket) readObject(ctx context.Context, path string) (_ []byte, err error) {
	r, err := b.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: b.key(path)})
	if errors.As(err, new(*types.NoSuchKey)) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s of the bucket: %w", path, err)
	}
	defer func() { err = errors.Join(err, r.Body.Close()) }()
	data, err := io.ReadAll(io.LimitReader(r.Body, log.MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s of the bucket: %w", path, err)
	}
	if len(data) > log.MaxFile {
		return nil, fmt.Errorf("reading %s of the bucket: it has more than %d bytes", path, log.MaxFile)
	}
	return data, nil
}

func (b *Bucket) put(ctx context.Context, path string, content []byte) error {
	if _, err := b.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.Name, Key: b.key(path), Body: bytes.NewReader(content)}); err != nil {
		return fmt.Errorf("writing %s to the bucket: %w", path, err)
	}
	return nil
}

func (b *Bucket) index(ctx context.Context) (index, error) {
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS RemitIndex (id BINARY(32) NOT NULL, entry BIGINT NOT NULL, PRIMARY KEY (id, entry))",
		"CREATE TABLE IF NOT EXISTS RemitIndexed (id INT NOT NULL, size BIGINT NOT NULL, PRIMARY KEY (id))",
		"INSERT IGNORE INTO RemitIndexed (id, size) VALUES (0, 0)",
	} {
		if _, err := b.db.ExecContext(ctx, statement); err != nil {
			return nil, fmt.Errorf("making the index: %w", err)
		}
	}
	return &tableIndex{b.db}, nil
}

// tableIndex is the index in a table. Whoever adds adds the same.
type tableIndex struct{ db *sql.DB }

func (x *tableIndex) size(ctx context.Context) (n int64, err error) {
	if err := x.db.QueryRowContext(ctx, "SELECT size FROM RemitIndexed WHERE id = 0").Scan(&n); err != nil {
		return 0, fmt.Errorf("reading the index: %w", err)
	}
	return n, nil
}

func (x *tableIndex) add(ctx context.Context, from int64, ids []string) (err error) {
	for len(ids) > 0 {
		n := min(len(ids), rowsAtOnce)
		values := make([]any, 0, 2*n)
		for i, id := range ids[:n] {
			raw, err := rawID(id)
			if err != nil {
				return err
			}
			values = append(values, raw, from+int64(i))
		}
		insert := strings.Replace("INSERT IGNORE INTO RemitIndex (id, entry) VALUES (?, ?)", "(?, ?)", repeat("(?, ?)", n), 1)
		if _, err := x.db.ExecContext(ctx, insert, values...); err != nil {
			return fmt.Errorf("adding to the index: %w", err)
		}
		from, ids = from+int64(n), ids[n:]
		if _, err := x.db.ExecContext(ctx, "UPDATE RemitIndexed SET size = ? WHERE id = 0 AND size < ?", from, from); err != nil {
			return fmt.Errorf("adding to the index: %w", err)
		}
	}
	return nil
}

func (x *tableIndex) recover(ctx context.Context, from int64, ids []string) error {
	return x.add(ctx, from, ids)
}

func (x *tableIndex) find(ctx context.Context, ids []string) (map[string][]int64, error) {
	out := map[string][]int64{}
	for len(ids) > 0 {
		n := min(len(ids), rowsAtOnce)
		values := make([]any, n)
		for i, id := range ids[:n] {
			raw, err := rawID(id)
			if err != nil {
				return nil, err
			}
			values[i] = raw
		}
		err := x.rows(ctx, func(id string, entry int64) { out[id] = append(out[id], entry) },
			strings.Replace("SELECT id, entry FROM RemitIndex WHERE id IN (?) ORDER BY id, entry", "?", repeat("?", n), 1), values...)
		if err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return out, nil
}

func (x *tableIndex) read(ctx context.Context, paths []string) ([][]byte, error) {
	out := make([][]byte, len(paths))
	for i, p := range paths {
		digits := strings.ReplaceAll(strings.TrimPrefix(p, "index/"), "/", "")
		low, err := hex.DecodeString(digits + strings.Repeat("0", 64-len(digits)))
		if err != nil {
			return nil, fmt.Errorf("%q is no part of the index", p)
		}
		high, err := hex.DecodeString(digits + strings.Repeat("f", 64-len(digits)))
		if err != nil {
			return nil, fmt.Errorf("%q is no part of the index", p)
		}
		err = x.rows(ctx, func(id string, entry int64) { out[i] = append(out[i], log.IndexLine(id, entry)...) },
			"SELECT id, entry FROM RemitIndex WHERE id BETWEEN ? AND ? ORDER BY entry LIMIT ?", low, high, log.MaxFile/64)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (x *tableIndex) rows(ctx context.Context, f func(id string, entry int64), query string, values ...any) (err error) {
	rows, err := x.db.QueryContext(ctx, query, values...)
	if err != nil {
		return fmt.Errorf("reading the index: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var raw []byte
		var entry int64
		if err := rows.Scan(&raw, &entry); err != nil {
			return fmt.Errorf("reading the index: %w", err)
		}
		f("sha256:"+hex.EncodeToString(raw), entry)
	}
	return rows.Err()
}

func (x *tableIndex) close() error { return nil }

func rawID(id string) ([]byte, error) {
	raw, err := hex.DecodeString(strings.TrimPrefix(id, "sha256:"))
	if err != nil || len(raw) != tlog.HashSize {
		return nil, fmt.Errorf("%q is no identity of an entry", id)
	}
	return raw, nil
}

func repeat(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+", ", n), ", ") }
