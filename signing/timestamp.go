package signing

import (
	"fmt"
	"time"

	"github.com/remit-sh/remit/inert"
)

// parseTimestamp reads the times of ssh-keygen: YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, in loc
// unless a Z follows. Unlike ssh-keygen it refuses days that do not exist, such as 31 February.
func parseTimestamp(s string, loc *time.Location) (time.Time, error) {
	const layout = "20060102150405"
	digits := s
	if n := len(s); n > 1 && (s[n-1] == 'Z' || s[n-1] == 'z') {
		digits, loc = s[:n-1], time.UTC
	}
	switch len(digits) {
	case len("YYYYMMDD"), len("YYYYMMDDHHMM"), len("YYYYMMDDHHMMSS"):
	default:
		return time.Time{}, fmt.Errorf("the time %s is not YYYYMMDD[Z] or YYYYMMDDHHMM[SS][Z]", inert.Quote(s))
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return time.Time{}, fmt.Errorf("the time %s is not YYYYMMDD[Z] or YYYYMMDDHHMM[SS][Z]", inert.Quote(s))
		}
	}
	t, err := time.ParseInLocation(layout[:len(digits)], digits, loc)
	if err != nil {
		return time.Time{}, fmt.Errorf("the time %s does not exist", inert.Quote(s))
	}
	if t.Unix() <= 0 { // ssh-keygen takes 0 for "no time"
		return time.Time{}, fmt.Errorf("the time %s is before 1970", inert.Quote(s))
	}
	return t, nil
}
