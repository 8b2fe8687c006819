package verify

import (
	"cmp"
	"encoding/json"
	"slices"
)

// bundle is everything that was gathered about one poll, as it came.
type bundle struct {
	polls      []*object // copies of the poll, the closed one among them
	lists      []listed
	results    []*object // published ones
	closes     []*object
	accepts    []*object
	evidence   []*object
	statements []*object
	own        map[string]answer // what each city said itself, by origin
	notes      []string          // what the reader should know about the gathering
}

// listed is a trust list that waits to be judged. Its bytes alone are kept: a
// long chain of lists, all taken apart at once, would fill the memory.
type listed struct {
	version int64
	id      string
	raw     []byte
}

// answer is what a city said when it was asked for its statements.
type answer struct {
	items []json.RawMessage
	err   error // it gave no answer at all
}

// closed gives the newest closed copy of the poll, or nil.
func (b *bundle) closed() *object {
	var newest *object
	for _, p := range b.polls {
		if p.has("closed") && (newest == nil || p.text("updated") > newest.text("updated")) {
			newest = p
		}
	}
	return newest
}

// inOrder puts the objects in the order in which a Checker takes them.
func (b *bundle) inOrder() {
	byNumber := func(name string) func(a, b *object) int {
		return func(a, b *object) int {
			left, _ := a.int(name)
			right, _ := b.int(name)
			return cmp.Compare(left, right)
		}
	}
	slices.SortStableFunc(b.lists, func(a, b listed) int { return cmp.Compare(a.version, b.version) })
	slices.SortStableFunc(b.results, byNumber("version"))
	slices.SortStableFunc(b.polls, func(a, b *object) int { return cmp.Compare(a.text("updated"), b.text("updated")) })
	slices.SortStableFunc(b.statements, func(a, b *object) int {
		return cmp.Or(cmp.Compare(a.author, b.author), byNumber("sequence")(a, b))
	})
}

// put files an object of the poll under its kind; false where a result needs
// none of it.
func (b *bundle) put(o *object) bool {
	switch o.kind {
	case "Question", "Article":
		b.polls = append(b.polls, o)
	case "TrustList":
		version, _ := o.int("version")
		b.lists = append(b.lists, listed{version: version, id: o.id, raw: o.doc.Raw()})
	case "PollResult":
		if o.text("stage") != interim {
			b.results = append(b.results, o)
		}
	case "EarlyClose":
		b.closes = append(b.closes, o)
	case "Equivocation":
		b.evidence = append(b.evidence, o)
	case "Tally":
		b.statements = append(b.statements, o)
	case "Accept":
		if o.has("register") {
			b.accepts = append(b.accepts, o)
		}
	default:
		return Checks(o.kind)
	}
	return true
}
