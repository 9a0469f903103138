package gitobject

import "strings"

// Trailer is one "Key: value" line at the end of a message. It is never evidence of anything:
// whoever writes the message writes it.
type Trailer struct {
	Key   string // as written
	Value string // without the space around it; a folded value is joined by single spaces
}

// TrailerBlock returns where the trailers of a message start and end, in bytes; both are 0 where it
// has none. They are the last paragraph, which is not the first one (the subject), and in which
// every line is a trailer, its continuation, or the note that git cherry-pick -x leaves.
//
// Git is more lenient: it also takes a paragraph of which a quarter are trailers, and tokens
// without a space after the colon. Whatever is a block here is one for git.
func TrailerBlock(message string) (start, end int) {
	pos, paragraphs := 0, 0
	inside, ok := false, false
	for line := range strings.Lines(message) {
		at := pos
		pos += len(line)
		if IsBlank(line) {
			inside = false
			continue
		}
		if !inside {
			inside, ok = true, true
			start = at
			paragraphs++
		}
		end = pos
		ok = ok && (isTrailer(line) || start != at && isContinuation(line))
	}
	if paragraphs < 2 || !ok {
		return 0, 0
	}
	return start, end
}

// Trailers returns the trailers of a message, in order.
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
		case ok && !strings.HasPrefix(line, "("):
			out = append(out, Trailer{Key: key, Value: strings.TrimSpace(value)})
		}
	}
	return out
}

// IsBlank reports whether a line is only white space, which is what ends a paragraph for git.
func IsBlank(line string) bool { return strings.Trim(line, " \t\n\v\f\r") == "" }

func isContinuation(line string) bool { return line[0] == ' ' || line[0] == '\t' }

func isTrailer(line string) bool {
	if strings.HasPrefix(line, "(cherry picked from commit ") {
		return true
	}
	for i := range len(line) {
		switch c := line[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-' && i > 0:
		case c == ':' && i > 0:
			rest := line[i+1:]
			return rest == "" || strings.IndexByte(" \t\r\n", rest[0]) >= 0
		default:
			return false
		}
	}
	return false
}
