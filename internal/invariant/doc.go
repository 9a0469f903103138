// Package invariant holds what must be so of the whole program, whatever the history is that it is
// shown: its tests make histories at random, ask every door of remit about them, and hold the answers
// against an oracle that shares no code with the judge. It has no code of its own.
package invariant
