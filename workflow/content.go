package workflow

import (
	"bytes"
	"crypto/sha256"

	"go.yaml.in/yaml/v3"
)

// digest tells whether two texts are the same.
func digest(parts ...[]byte) string {
	sum := sha256.Sum256(bytes.Join(parts, nil))
	return string(sum[:])
}

// readContents notes for each job what stands behind its id, up to the next one's. jobs is the mapping,
// and end what comes behind it.
func (f *file) readContents(jobs *yaml.Node, end int) {
	if jobs != follow(jobs) {
		return
	}
	byID := make(map[*yaml.Node]*job, len(f.jobs))
	for _, j := range f.jobs {
		byID[j.at] = j
	}
	for i := 0; i+1 < len(jobs.Content); i += 2 {
		key := jobs.Content[i]
		j := byID[key]
		start, stop := f.offset(key.Line, key.Column), end
		if i+2 < len(jobs.Content) {
			next := jobs.Content[i+2]
			stop = f.offset(next.Line, next.Column)
		}
		if start += len(key.Value); j != nil && start >= len(key.Value) && start < stop && stop <= len(f.src) {
			j.content = digest(f.src[start:stop])
		}
	}
}

// behind is the offset of the key that follows another in a mapping, or the end of the file.
func (d *document) behind(mapping, key *yaml.Node) int {
	for i := 0; i+3 < len(mapping.Content); i += 2 {
		if follow(mapping.Content[i]) == key {
			next := mapping.Content[i+2]
			if at := d.offset(next.Line, next.Column); at >= 0 {
				return at
			}
		}
	}
	return len(d.src)
}

// contentOf is the same for a job with those that call it.
func contentOf(outer []*job, j *job) string {
	if len(outer) == 0 || j.content == "" {
		return j.content
	}
	parts := [][]byte{[]byte(j.content)}
	for _, o := range outer {
		if o.content == "" {
			return ""
		}
		parts = append(parts, []byte(o.content))
	}
	return digest(parts...)
}
