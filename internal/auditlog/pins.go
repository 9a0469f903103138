package auditlog

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
)

// pinName is a pin's name below [gitbranch.PinPrefix]: the day, the size, the root hash and the log's signature, so that
// it is known to be true without reading what it is at, however many false ones stand beside it.
var pinName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})-([0-9]{1,15})-([0-9a-f]{64})-([0-9a-f]{136})$`)
})

// pin is a checkpoint of a log that a tag keeps.
type pin struct {
	log.Checkpoint

	ref, day string
}

// nameOfPin is the full name of the tag for a checkpoint.
func nameOfPin(c log.Checkpoint, key note.Verifier, at time.Time) (string, error) {
	n, err := note.Open(c.Signed, note.VerifierList(key))
	if err != nil {
		return "", fmt.Errorf("pinning the audit log: %w", err)
	}
	sig, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	if err != nil {
		return "", fmt.Errorf("pinning the audit log: %w", err)
	}
	return fmt.Sprintf("%s%s-%d-%x-%x", gitbranch.PinPrefix, at.UTC().Format(time.DateOnly), c.Size, c.Hash[:], sig), nil
}

// parsePin reads a tag's name; ok is false where the log's key has not signed what it says.
func parsePin(ref string, key note.Verifier) (p pin, ok bool) {
	m := pinName().FindStringSubmatch(strings.TrimPrefix(ref, gitbranch.PinPrefix))
	if m == nil {
		return pin{}, false
	}
	size, err := strconv.ParseInt(m[2], 10, 64)
	hash, hashErr := hex.DecodeString(m[3])
	sig, sigErr := hex.DecodeString(m[4])
	if err != nil || hashErr != nil || sigErr != nil {
		return pin{}, false
	}
	signed := fmt.Sprintf("%s\n%d\n%s\n\n\u2014 %s %s\n", key.Name(), size, base64.StdEncoding.EncodeToString(hash), key.Name(), base64.StdEncoding.EncodeToString(sig))
	c, err := log.OpenCheckpoint([]byte(signed), key)
	return pin{c, ref, m[1]}, err == nil
}

// lastPin is the one with the most entries; nil for none. Today says that there is one of that day.
func lastPin(ctx context.Context, store *gitbranch.Store, key note.Verifier, now time.Time) (last *pin, today bool, err error) {
	refs, err := store.Pins(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, ref := range refs {
		p, ok := parsePin(ref, key)
		if !ok {
			continue
		}
		today = today || p.day == now.UTC().Format(time.DateOnly)
		if last == nil || p.Size > last.Size {
			last = &p
		}
	}
	return last, today, nil
}
