// Package issue makes what principals sign: delegations, pull requests, requests and approvals; and it signs an
// agent's commits again. It chooses who signs among the keys and chains at hand.
//
// It works on values: it reads no file, starts no process, looks at no clock and prints nothing. Keys and
// chains come through [Keys] and [Chains], the time as an argument. What somebody should know and what is no
// reason to refuse comes back as notes, each a clause without a full stop.
//
// What would be denied at its first use is refused here, where it can still be mended: a delegation is judged
// by the checker's own rules before it is handed out, see [Order.Issue]. Statements are to be judged by the
// caller, who knows what they are about.
//
// Errors are faults: of [fault.Usage] where something makes sense for nobody, of [fault.Refused] where the
// policy or a chain does not let it be. They name the flags of the command line, which is where most of it
// comes from.
package issue
