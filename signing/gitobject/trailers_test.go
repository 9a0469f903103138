package gitobject

import "strings"

// Trailer is one "Key: value" line at the end of a message. It is never evidence of anything:
// whoever writes the message writes it.
type Trailer struct {
	Key   string // as written
	Value string // without the space around it; a folded value is joined by single spaces
}

// Trailers are the trailers of a message, in order, to hold the block against what git takes for one.
func Trailers(message string) []Trailer {
	var out []Trailer
	start, end := TrailerBlock(message)
	for line := range strings.Lines(message[start:end]) {
		key, value, ok := strings.Cut(line, ":")
		switch {
		case isContinuation(line):
			if n := len(out); n > 0 {
				out[n-1].Value = strings.TrimSpace(out[n-1].Value + " " + strings.TrimSpace(line))
			}
		case ok && isTrailer(line) && !strings.HasPrefix(line, "("):
			out = append(out, Trailer{Key: key, Value: strings.TrimSpace(value)})
		}
	}
	return out
}
