package verify

import "viche/federation/ap"

// Checker holds what was accepted so far and judges the next object by it. It
// reads no clock, no file and no network: the same objects in the same order
// give the same answer everywhere and at any time. Use New; one goroutine at
// a time.
type Checker struct {
	pin         string // the coordinator's key that the caller trusts, or ""
	coordinator string // its actor, known from the first trust list
	lists       []*trustList
	pinned      map[string]pinnedKey // every key id that any list names
	polls       map[string]*poll
}

// New gives a Checker. key is the coordinator's public key in multibase form
// that the first trust list must be signed with; where it is empty, the first
// list is believed about its own key.
func New(key string) *Checker {
	return &Checker{pin: key, pinned: map[string]pinnedKey{}, polls: map[string]*poll{}}
}

// Accept judges one object and, where nothing is wrong, remembers it. The
// error is an ap.Fault with the first code that fails, in the fixed order of
// checks; a refused object leaves nothing behind. The same object again is
// accepted again and changes nothing.
func (c *Checker) Accept(raw []byte) error {
	o, err := read(raw)
	if err != nil {
		return err
	}
	return c.accept(o)
}

func (c *Checker) accept(o *object) error {
	switch o.kind {
	case "TrustList":
		return c.acceptList(o)
	case "Question", "Article":
		return c.acceptPoll(o)
	case "Invite":
		return c.checkInvite(o)
	case "Accept":
		if o.has("register") {
			return c.acceptRegister(o)
		}
		return c.checkReceipt(o)
	case "Reject":
		return c.checkReceipt(o)
	case "EarlyClose":
		return c.acceptClose(o)
	case "Tally":
		return c.acceptStatement(o)
	case "PollResult":
		return c.acceptResult(o)
	case "Equivocation":
		return c.acceptEquivocation(o)
	}
	return fault("form", "objects of type %q carry nothing to check", o.kind)
}

// Checks tells whether the Checker knows objects of this type; plain votes and
// announcements, for example, are signed by HTTP alone.
func Checks(kind string) bool {
	switch kind {
	case "TrustList", "Question", "Article", "Invite", "Accept", "Reject", "EarlyClose", "Tally", "PollResult", "Equivocation":
		return true
	}
	return false
}

// code gives the fault code inside an error, or "" where it has none.
func code(err error) string { return ap.FaultCode(err) }
