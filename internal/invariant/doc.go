// Package invariant holds what must be so of the whole program, whatever the history is that it is
// shown: its tests make histories at random, ask every door of remit about them, and hold the answers
// against an oracle that shares no code with the judge. What makes the histories is for tests elsewhere
// too, and for nothing but tests.
package invariant
