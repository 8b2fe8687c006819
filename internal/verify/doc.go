// Package verify recomputes a published result of a poll across cities from
// what was signed, the trust list and the cities' statements, and from nothing
// else. It shares no code with the packages that count and add up (a test
// holds that), so a mistake in those cannot hide here; only reading, digests
// and proofs come from federation/ap.
//
// Checker is the judge: it accepts objects one after another and gives the
// first rule that one breaks. It does no I/O. Run gathers the objects, from the
// coordinator and each shown city or from a folder, hands them to a Checker
// and says in plain sentences what was checked.
//
// # What is believed without a check
//
// The coordinator's key (Options.Key, or that of the oldest trust list), that a
// city's register holds living people, and the numbers of cities too small to
// be shown, of which only digests are public. Run says how many ballots those
// are.
//
// # Verifying offline
//
// A folder of downloaded objects is judged like the live ones. `viche verify
// URL --save DIR` makes one. By hand: put the following into an empty folder as
// files named as you like, ending in .json, one object a file:
//
//	the poll's object          curl -H 'Accept: application/activity+json' POLL
//	the result it names        … and those that `supersedes` leads to
//	every version of the list  https://COORDINATOR/api/viche/v1/trust, then each `previous.id`
//	the statements             https://COORDINATOR/api/viche/v1/polls/ID/statements
//	an early close, if any     POLL/close
//	evidence, if any           the `evidence.id` of each excluded city
//
// Statements may be one file each or a file {"items":[…]} as served. What a
// city itself showed is a file {"from":"https://CITY","items":[…]}; without such
// files nobody is known to have been asked, and the report says so. Files that
// hold anything else are named and left alone, folders inside are not read.
package verify
