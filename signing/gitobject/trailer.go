package gitobject

import "strings"

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
