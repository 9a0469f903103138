package gitobject

import "strings"

// TrailerBlock returns where the trailers of a message start and end, in bytes; both are 0 where it
// has none. They are the last paragraph, which is not the first one (the subject), and in which every line
// is a trailer or its continuation; or, as for git, a quarter of them and among these a sign-off or
// the note that git cherry-pick -x leaves: "Closes #12" stands beside these in many projects.
//
// Git is more lenient still: it also takes tokens without a space after the colon, and those that somebody's
// configuration knows. Whatever is a block here is one for git.
func TrailerBlock(message string) (start, end int) {
	pos, paragraphs := 0, 0
	var block blockLines
	inside := false
	for line := range strings.Lines(message) {
		at := pos
		pos += len(line)
		if IsBlank(line) {
			inside = false
			continue
		}
		if !inside {
			inside, block = true, blockLines{}
			start = at
			paragraphs++
		}
		end = pos
		block.add(line)
	}
	if paragraphs < 2 || !block.areTrailers() {
		return 0, 0
	}
	return start, end
}

// blockLines counts the lines of a paragraph as git's find_trailer_block_start does.
type blockLines struct {
	trailers, others int
	gits             bool // a line that git itself writes is among them
	within           bool // a trailer that the next line may continue
}

func (b *blockLines) add(line string) {
	switch {
	case isTrailer(line):
		b.trailers++
		b.gits = b.gits || strings.HasPrefix(line, "Signed-off-by: ") || strings.HasPrefix(line, cherryPicked)
		b.within = true
	case isContinuation(line) && b.within:
	default:
		b.others++
		b.within = false
	}
}

func (b *blockLines) areTrailers() bool {
	return b.trailers > 0 && b.others == 0 || b.gits && b.trailers*3 >= b.others
}

// cherryPicked begins the note that git cherry-pick -x leaves.
const cherryPicked = "(cherry picked from commit "

// IsBlank reports whether a line is only white space, which is what ends a paragraph for git.
func IsBlank(line string) bool { return strings.Trim(line, " \t\n\v\f\r") == "" }

func isContinuation(line string) bool { return line[0] == ' ' || line[0] == '\t' }

func isTrailer(line string) bool {
	if strings.HasPrefix(line, cherryPicked) {
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
