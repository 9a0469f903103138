package cli

import (
	"os"
	"runtime"
	"runtime/debug"
)

// firstCollection is the heap at which the garbage collector runs for the first time, in percent of
// the 4 MiB at which it usually does. Nearly every command is over before that, and has none of its work.
const firstCollection = 1600

// collectLate puts off the first garbage collection; after it, the usual rhythm holds.
func collectLate() {
	if os.Getenv("GOGC") != "" {
		return // somebody knows better
	}
	usual := debug.SetGCPercent(firstCollection)
	unused := new([64]byte) // the first collection finds that nobody can reach it
	runtime.AddCleanup(unused, func(percent int) { debug.SetGCPercent(percent) }, usual)
}
