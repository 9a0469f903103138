// Package fault holds errors that say of which kind they are and what to do about them. A fault is no
// verdict: it says that none was reached, or that something is not done at all. Whoever shows one puts the
// fix on a line of its own.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what sort of fault an error is.
type Kind uint8

// The kinds. An error that says nothing of its kind is [Undecided]: what it kept from being learned is not known.
const (
	Undecided Kind = iota // something could not be found out
	Usage                 // wrong usage, or a policy that cannot be used: no try again mends that
	Refused               // something that is not done
)

// Error is an error with its kind and what to do about it.
type Error struct {
	Kind Kind
	Err  error
	Fix  string // one sentence without a full stop, lower case; "" for none
}

// Error is what happened.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is the error inside.
func (e *Error) Unwrap() error { return e.Err }

// Usagef is wrong usage, or a policy that cannot be used.
func Usagef(format string, args ...any) error {
	return &Error{Kind: Usage, Err: fmt.Errorf(format, args...)}
}

// Refusedf is something that is not done.
func Refusedf(format string, args ...any) error {
	return &Error{Kind: Refused, Err: fmt.Errorf(format, args...)}
}

// Undecidedf is something that could not be found out.
func Undecidedf(format string, args ...any) error {
	return &Error{Kind: Undecided, Err: fmt.Errorf(format, args...)}
}

// WithFix says what to do about an error, in place of what it said so far. Its kind is kept.
func WithFix(err error, format string, args ...any) error {
	return &Error{Kind: KindOf(err), Err: err, Fix: fmt.Sprintf(format, args...)}
}

// KindOf is the kind of an error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Undecided
}

// FixOf is what to do about an error: what whoever wrapped it last said, "" where nobody did.
func FixOf(err error) string {
	for e := (*Error)(nil); errors.As(err, &e); err = e.Unwrap() {
		if e.Fix != "" {
			return e.Fix
		}
	}
	return ""
}
