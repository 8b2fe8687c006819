package union

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"time"

	"viche/federation/ap"
	"viche/internal/store"
)

// Concerns tells whether an activity is the union's to answer: one of our
// signed objects, bare or inside a Create, Update or Offer.
func Concerns(raw []byte) bool {
	kind, object, err := unwrap(raw)
	if err != nil {
		return false
	}
	has := func(name string) bool { return rawMember(object, name) != nil }
	switch kind {
	case "Invite", "Accept", "Reject":
		return has("poll") && has("proof")
	case "Tally", "PollResult", "EarlyClose", "Equivocation":
		return true
	case "Question", "Article":
		return has("pollId") && has("trustList") && has("proof")
	}
	return false
}

// unwrap gives the type of the signed object of an activity, and its bytes.
// Nothing of the envelope around it counts.
func unwrap(raw []byte) (kind string, object []byte, err error) {
	for range 2 {
		if err := json.Unmarshal(rawMember(raw, "type"), &kind); err != nil {
			return "", nil, fault("form", "an activity has one type")
		}
		switch kind {
		case "Create", "Update", "Offer":
			raw = rawMember(raw, "object")
		default:
			return kind, raw, nil
		}
	}
	return "", nil, fault("form", "an activity of an activity of an activity")
}

// memoed is what Need fetched, until Do takes it.
type memoed struct {
	got map[string][]byte
	at  time.Time
}

// Need is Prefetch for who runs in two steps: Do finds what it fetched.
func (u *Union) Need(ctx context.Context, raw []byte) error {
	got, err := u.Prefetch(ctx, raw)
	if err != nil || len(got) == 0 {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for key, m := range u.memo {
		if time.Since(m.at) > time.Minute {
			delete(u.memo, key)
		}
	}
	u.memo[memoKey(raw)] = memoed{got, time.Now()}
	return nil
}

// Do is Receive with what Need fetched.
func (u *Union) Do(ctx context.Context, tx *store.Tx, raw []byte) error {
	key := memoKey(raw)
	u.mu.Lock()
	m := u.memo[key]
	u.mu.Unlock()
	tx.AfterCommit(func() {
		u.mu.Lock()
		delete(u.memo, key)
		u.mu.Unlock()
	})
	return u.Receive(ctx, tx, raw, m.got)
}

func memoKey(raw []byte) string {
	sum := sha256.Sum256(raw)
	return string(sum[:])
}

// Prefetch gets what Receive will have to look at besides the activity: the
// poll of an invitation with the trust lists up to it, the result of a closed
// poll. Call it outside of a transaction.
func (u *Union) Prefetch(ctx context.Context, raw []byte) (map[string][]byte, error) {
	if u.Coordinator || u.Fetch == nil {
		return nil, nil
	}
	kind, object, err := unwrap(raw)
	if err != nil {
		return nil, refuse(err)
	}
	s, err := read(object)
	if err != nil {
		return nil, refuse(err)
	}
	got := map[string][]byte{}
	fetch := func(uri string) error {
		if !sameOrigin(uri, u.CoordinatorActor) {
			return fmt.Errorf("%.80q is not the coordinator's: %w", uri, store.ErrDenied)
		}
		body, err := u.Fetch(ctx, uri)
		if err == nil {
			got[uri] = body
		}
		return err
	}
	q := u.DB.ReadBound()
	switch kind {
	case "Invite":
		known, err := u.find(ctx, q, s.ref("poll"))
		if err != nil || known != nil {
			return nil, err
		}
		list, err := s.listRef("trustList")
		if err != nil {
			return nil, refuse(err)
		}
		if err := u.fetchLists(ctx, list, fetch, got); err != nil {
			return nil, fmt.Errorf("fetch trust lists: %w", err)
		}
		if err := fetch(s.ref("poll")); err != nil {
			return nil, fmt.Errorf("fetch poll: %w", err)
		}
	case "Question", "Article":
		known, err := u.find(ctx, q, s.text("id"))
		if err != nil || known == nil || !s.has("closed") {
			return nil, err
		}
		if !known.early && s.time("closed").Before(known.EndTime) {
			if err := fetch(known.URI + "/close"); err != nil {
				return nil, fmt.Errorf("fetch early close: %w", err)
			}
		}
		if result := s.ref("result"); result != "" {
			var have int
			if err := q.Row(ctx, []any{&have}, "select count(*) from union_results where poll = ? and uri = ?", known.PollID, result); err != nil || have > 0 {
				return got, err
			}
			if err := fetch(result); err != nil {
				return nil, fmt.Errorf("fetch result: %w", err)
			}
		}
	}
	return got, nil
}

// mostLists bounds how many lists one invitation can make us fetch.
const mostLists = 500

// fetchLists gets a trust list and those between it and the ones known.
func (u *Union) fetchLists(ctx context.Context, want ref, fetch func(string) error, got map[string][]byte) error {
	c, err := u.trust(ctx, u.DB.ReadBound())
	if err != nil {
		return err
	}
	if c.version(want.Version) != nil {
		return nil
	}
	next, until := want, want.Version
	if newest := c.newest(); newest != nil && want.Version > newest.Version {
		until = newest.Version + 1
	} else if newest != nil {
		if c.lists[0].previous == nil {
			return nil
		}
		next = *c.lists[0].previous
	}
	for range mostLists {
		if err := fetch(next.ID); err != nil {
			return err
		}
		l, err := readList(got[next.ID])
		if err != nil {
			return refuse(err)
		}
		if l.Version != next.Version {
			return refuse(fault("trust-chain", "%s is version %d", next.ID, l.Version))
		}
		if l.Version <= until {
			return nil
		}
		if l.previous == nil || l.previous.Version != l.Version-1 {
			return refuse(fault("trust-chain", "version %d names no version before it", l.Version))
		}
		next = *l.previous
	}
	return refuse(fault("trust-chain", "more than %d lists in between", mostLists))
}

// absorb adds fetched trust lists to those known.
func (u *Union) absorb(ctx context.Context, tx *store.Tx, got map[string][]byte) (*chain, error) {
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return nil, err
	}
	var lists []*TrustList
	for uri, raw := range got {
		s, err := read(raw)
		if err != nil || s.text("type") != "TrustList" {
			continue // looked at as what it is, elsewhere
		}
		l, err := readList(raw)
		if err != nil {
			return nil, refuse(err)
		}
		if l.URI != uri || l.Author != u.CoordinatorActor {
			return nil, refuse(fault("trust-chain", "%.80q was found at %.80q", l.URI, uri))
		}
		lists = append(lists, l)
	}
	if len(lists) == 0 {
		return c, nil
	}
	sort.Slice(lists, func(i, j int) bool { return lists[i].Version < lists[j].Version })
	if oldest := c.lists; len(oldest) > 0 && lists[0].Version < oldest[0].Version {
		slices.Reverse(lists)
	}
	next := &chain{lists: slices.Clone(c.lists), pinned: u.pinned}
	for _, l := range lists {
		if err := next.add(l); err != nil {
			return nil, refuse(err)
		}
		if err := u.storeList(ctx, tx, l); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// Receive acts on one activity: got is what Prefetch fetched. What comes twice
// does nothing the second time but repeat the answer. A fault of the object is
// an error of kind store.ErrInvalid with the ap.Fault inside; a coordinator
// answers a faulty statement of a member with a Reject and returns nil.
func (u *Union) Receive(ctx context.Context, tx *store.Tx, raw []byte, got map[string][]byte) error {
	kind, inner, err := unwrap(raw)
	if err != nil {
		return refuse(err)
	}
	if u.CoordinatorActor == "" {
		return store.ErrIgnored
	}
	if u.Coordinator {
		switch kind {
		case "Tally":
			return u.receiveStatement(ctx, tx, inner)
		case "Accept":
			return refuse(u.receiveAcceptance(ctx, tx, inner))
		}
		return store.ErrIgnored
	}
	switch kind {
	case "Invite":
		err = u.receiveInvitation(ctx, tx, inner, got)
	case "Accept", "Reject":
		err = u.receiveReceipt(ctx, tx, inner)
	case "EarlyClose":
		err = u.receiveClose(ctx, tx, inner)
	case "PollResult":
		err = u.receiveResult(ctx, tx, inner)
	case "Equivocation":
		err = u.receiveEquivocation(ctx, tx, inner)
	case "Question", "Article":
		err = u.receiveQuestion(ctx, tx, inner, got)
	default:
		err = store.ErrIgnored
	}
	return refuse(err)
}

// receiveInvitation is a city's part in the opening: it checks the poll, opens
// it here, and tells how many may vote.
func (u *Union) receiveInvitation(ctx context.Context, tx *store.Tx, raw []byte, got map[string][]byte) error {
	i, err := readInvitation(raw)
	if err != nil {
		return err
	}
	known, err := u.find(ctx, tx.Bound, i.poll)
	if err != nil {
		return err
	}
	c, err := u.absorb(ctx, tx, got)
	if err != nil {
		return err
	}
	if known != nil {
		if _, err := c.checkInvitation(i, known.state(), u.Actor(), u.Within); err != nil {
			return err
		}
		return u.acceptAgain(ctx, tx, known)
	}
	body := got[i.poll]
	if body == nil {
		return fmt.Errorf("the poll %s was not fetched: %w", i.poll, store.ErrUnavailable)
	}
	p, err := readPoll(body)
	if err != nil {
		return err
	}
	seen, err := u.find(ctx, tx.Bound, p.PollID)
	if err != nil {
		return err
	}
	var before *Poll
	if seen != nil {
		before = seen.Poll
	}
	if p.URI != i.poll {
		return fault("poll-unknown", "%.80q was found at %.80q", p.URI, i.poll)
	}
	if err := c.checkPoll(p, before); err != nil {
		return err
	}
	m, err := c.checkInvitation(i, &pollState{p, p.EndTime}, u.Actor(), u.Within)
	if err != nil {
		return err
	}
	if err := u.mySign(c, p, tx.Now); err != nil {
		u.Log.Error("an invitation could not be accepted", "poll", p.URI, "err", err)
		return err
	}
	if !tx.Now.Before(p.EndTime) {
		return fault("time", "the poll is over since %s", ap.FormatTime(p.EndTime))
	}
	register, err := u.Opened(ctx, tx, p)
	if err != nil {
		return fmt.Errorf("open poll %s here: %w", p.URI, err)
	}
	if register > m.Ceiling {
		u.Log.Error("an invitation could not be accepted: the register is over the ceiling", "poll", p.URI, "register", register, "ceiling", m.Ceiling)
		return fault("register-over-ceiling", "%d people, the ceiling is %d", register, m.Ceiling)
	}
	accept, err := u.sign(map[string]any{
		"id": u.Base + "/accepts/" + p.PollID, "type": "Accept", "actor": u.Actor(), "object": i.uri, "to": []string{u.CoordinatorActor},
		"published": ap.FormatTime(tx.Now), "poll": p.URI, "pollDigest": p.Digest, "trustList": p.list.wire(), "register": register,
	}, tx.Now)
	if err != nil {
		return err
	}
	if err := u.storePoll(ctx, tx, p, register, accept); err != nil {
		return err
	}
	u.Log.Info("cross-city poll opened here", "poll", p.URI, "register", register)
	return u.Send(ctx, tx, accept, u.CoordinatorActor)
}

// mySign tells whether what we sign would be taken.
func (u *Union) mySign(c *chain, p *Poll, now time.Time) error {
	keys, err := c.keys(u.Actor(), p.list.Version)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.ID == u.KeyID() && k.Public.Equal(u.Public()) && !now.Before(k.From) && now.Before(k.Until) {
			return nil
		}
	}
	return fault("key-not-pinned", "the trust list does not hold this city's tally key %s", u.KeyID())
}

func (u *Union) acceptAgain(ctx context.Context, tx *store.Tx, p *row) error {
	var raw []byte
	if err := tx.Row(ctx, []any{&raw}, "select accept from union_polls where poll = ?", p.PollID); err != nil {
		return err
	}
	return u.deliver(ctx, tx, "Offer", raw, u.CoordinatorActor)
}

// receiveAcceptance is the coordinator's part: a city will hold the poll, with
// so many people on its register.
func (u *Union) receiveAcceptance(ctx context.Context, tx *store.Tx, raw []byte) error {
	a, err := readAcceptance(raw)
	if err != nil {
		return err
	}
	p, err := u.find(ctx, tx.Bound, a.poll)
	if err != nil {
		return err
	}
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return err
	}
	register := -1
	if p != nil {
		if register, err = u.registerOf(ctx, tx, p.PollID, a.author); err != nil {
			return err
		}
	}
	if err := c.checkAcceptance(a, p.state(), register, u.Within); err != nil {
		u.Log.Warn("a city's answer to an invitation was refused", "city", a.author, "poll", a.poll, "err", err)
		return err
	}
	_, err = tx.Exec(ctx, "update invitations set register = ?, accept = ?, tries = 0, due = 0 where poll = ? and member = ? and register < 0",
		a.register, raw, p.PollID, a.author)
	return err
}

// registerOf is the accepted size of a city's register, else that of its
// statements, else -1.
func (u *Union) registerOf(ctx context.Context, tx *store.Tx, poll, member string) (register int, err error) {
	err = tx.Row(ctx, []any{&register}, "select register from invitations where poll = ? and member = ?", poll, member)
	if errors.Is(err, store.ErrNotFound) {
		return -1, nil
	}
	if err != nil || register >= 0 {
		return register, err
	}
	s, err := u.newestOf(ctx, tx.Bound, poll, member)
	if err != nil || s == nil {
		return -1, err
	}
	return s.numbers.Register, nil
}

// receiveClose is a city's part in an early close.
func (u *Union) receiveClose(ctx context.Context, tx *store.Tx, raw []byte) error {
	e, err := readEarlyClose(raw)
	if err != nil {
		return err
	}
	p, err := u.find(ctx, tx.Bound, e.poll)
	if err != nil {
		return err
	}
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return err
	}
	if err := c.checkEarlyClose(e, p.state()); err != nil {
		return err
	}
	if p.early {
		return nil
	}
	if _, err := tx.Exec(ctx, "update union_polls set ends = ?, early = ?, reason = ?, settled = 0, next_try = ? where poll = ?",
		store.Millis(e.closedAt), raw, e.reason, store.Millis(tx.Now.Add(u.RenewEvery)), p.PollID); err != nil {
		return err
	}
	u.Log.Info("cross-city poll closed early", "poll", p.URI, "at", e.closedAt, "reason", e.reason)
	if u.Closed == nil {
		return nil
	}
	return u.Closed(ctx, tx, p.PollID, e.closedAt, e.reason)
}

// receiveReceipt is the coordinator's answer to a statement of ours.
func (u *Union) receiveReceipt(ctx context.Context, tx *store.Tx, raw []byte) error {
	s, err := read(raw)
	if err != nil {
		return err
	}
	p, err := u.find(ctx, tx.Bound, s.ref("poll"))
	if err != nil {
		return err
	}
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return err
	}
	if p == nil {
		return fault("poll-unknown", "no such poll")
	}
	if err := c.byCoordinator(s, s.ref("actor")); err != nil {
		return err
	}
	digest := s.text("digest")
	if s.text("type") == "Accept" {
		n, err := tx.Exec(ctx, "update statements set state = 'accepted', answer = ?, due = 0 where poll = ? and author = ? and digest = ? and state <> 'accepted'",
			raw, p.PollID, u.Actor(), digest)
		if err != nil || n == 0 {
			return err
		}
		// What waited for this answer goes at the next Tick.
		_, err = tx.Exec(ctx, "update statements set due = ?, tries = 0 where poll = ? and author = ? and state = 'waiting' and due > 0",
			store.Millis(tx.Now), p.PollID, u.Actor())
		return err
	}
	n, err := tx.Exec(ctx, "update statements set state = 'refused', answer = ?, due = 0 where poll = ? and author = ? and digest = ? and state = 'waiting'",
		raw, p.PollID, u.Actor(), digest)
	if err != nil || n == 0 {
		return err
	}
	level := slog.LevelError
	if s.text("fault") == "sequence-old" {
		level = slog.LevelInfo // a newer one overtook it
	}
	u.Log.Log(ctx, level, "the coordinator refused this city's statement", "poll", p.URI, "statement", s.ref("object"), "fault", s.text("fault"), "reason", s.text("reason"))
	_, err = tx.Exec(ctx, "insert into refusals (poll, author, digest, fault, reason, raw, stored) values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
		p.PollID, u.Actor(), digest, s.text("fault"), s.text("reason"), raw, store.Millis(tx.Now))
	return err
}

// receiveEquivocation keeps the evidence that some city signed twice.
func (u *Union) receiveEquivocation(ctx context.Context, tx *store.Tx, raw []byte) error {
	e, err := readEquivocation(raw)
	if err != nil {
		return err
	}
	p, err := u.find(ctx, tx.Bound, e.poll)
	if err != nil {
		return err
	}
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return err
	}
	if err := c.checkEquivocation(e, p.state(), -1, u.Within); err != nil {
		return err
	}
	return u.exclude(ctx, tx, p, exclusion{member: e.actor, reason: twiceSigned, uri: e.uri, digest: e.digest, raw: raw})
}
