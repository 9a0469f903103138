package log

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/remit-sh/remit/audit"
)

// maxDeploys is how many deploys of an environment the index leads to, the last ones.
const maxDeploys = 64

// deployKey is under what the index has the deploys of an environment, as if that were an identity of theirs.
func deployKey(environment string) string {
	sum := sha256.Sum256([]byte("remit deploys\x00" + strings.ToLower(environment)))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// deploys finds what was let through to an environment last. What the index leads to and is none is passed over.
func (s *snapshot) deploys(environment string) ([]Found, error) {
	key := deployKey(environment)
	buckets, err := s.buckets([]string{key})
	if err != nil {
		return nil, err
	}
	var at []int64
	parseBucket(buckets[bucketPath(key)], func(id string, index int64) {
		if id == key && index < s.checkpoint.Size {
			at = append(at, index)
		}
	})
	slices.Sort(at)
	at = slices.Compact(at)
	var found []Found
	for _, index := range at[max(0, len(at)-maxDeploys):] {
		b, err := s.entry(index)
		if err != nil {
			return nil, err
		}
		if e, err := audit.Parse(b); err == nil && e.Deployed() && strings.EqualFold(e.Question.Environment, environment) {
			found = append(found, Found{Index: index, Bytes: b})
		}
	}
	return found, nil
}
