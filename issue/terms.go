package issue

import (
	"strings"
	"time"
	"unicode"

	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/inert"
)

// CheckWhy refuses a reason that no statement can carry. The empty one is for the caller to judge.
func CheckWhy(why string) error {
	if strings.TrimSpace(why) != why {
		return fault.Usagef("--why %s starts or ends with white space", inert.Quote(why))
	}
	return checkLine(why)
}

// checkLine refuses what is not one line of plain text, or is too long to be kept.
func checkLine(why string) error {
	switch {
	case len(why) > delegation.MaxReason:
		return fault.Usagef("--why has %d bytes, at most %d are kept: name a ticket", len(why), delegation.MaxReason)
	case strings.ContainsFunc(why, func(r rune) bool { return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) }):
		return fault.Usagef("--why %s has a line break or an invisible character: it is one line of plain text", inert.Quote(why))
	default:
		return nil
	}
}

// startOf is the first instant of what is signed now: whole seconds, in UTC.
func startOf(now time.Time) time.Time { return now.UTC().Truncate(time.Second) }

// endOf is the first instant at which something that lasts so long from start holds no more.
func endOf(start time.Time, lasts time.Duration) time.Time {
	return start.Add(lasts.Truncate(time.Second))
}
