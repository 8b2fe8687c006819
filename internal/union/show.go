package union

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"viche/federation/ap"
	"viche/internal/ballot"
	"viche/internal/store"
)

// Own says whether a city's own newest statement stands in a result.
type Own int

// What a city says of its own part in a result.
const (
	OwnUntold Own = iota // hidden, missing, or not in yet
	OwnStands
	OwnDiffers
)

// ResultView is a result for whoever shows it; it is shared, so nobody changes
// it. Whether somebody may see it is
// the caller's question: an interim one is for those who voted.
type ResultView struct {
	PollID, URI, Stage string
	Version            int
	At, ClosedAt       time.Time
	Verified           ballot.Numbers
	Open               *ballot.Numbers // nil where there is none
	OpenAtCoordinator  *ballot.Numbers
	Members            []Share
	Lines              []Line
	Missing, Excluded  []Absent
	Outstanding        int
	Reason             string // of a version that was decided on
	Notes              []Note
	Own                Own
	// TooFew says that the poll is closed but its numbers would give somebody
	// away, so that none are shown.
	TooFew bool
	Raw    []byte
}

// newestResult is the newest result of a poll; published skips interim ones.
// Nil where there is none.
func (u *Union) newestResult(ctx context.Context, q store.Bound, p *row, published bool) (*published, error) {
	var raw []byte
	where := "stage = 'interim'"
	if published {
		where = "stage <> 'interim'"
	}
	err := q.Row(ctx, []any{&raw}, "select raw from union_results where poll = ? and "+where+" order by version desc limit 1", p.PollID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return p.readStored(raw)
}

// readStored reads a result that was checked when it was stored.
func (p *row) readStored(raw []byte) (*published, error) {
	r, err := readResult(raw)
	if err != nil {
		return nil, fmt.Errorf("stored result: %w", err)
	}
	if r.numbers, err = p.checkNumbers(r.wire, true); err != nil {
		return nil, fmt.Errorf("stored result: %w", err)
	}
	for i := range r.shares {
		if r.shares[i].Numbers, err = p.checkNumbers(r.shareWires[i], false); err != nil {
			return nil, fmt.Errorf("stored result: %w", err)
		}
	}
	for i := range r.lines {
		if r.lines[i].Numbers, err = p.checkNumbers(r.lineWires[i], true); err != nil {
			return nil, fmt.Errorf("stored result: %w", err)
		}
	}
	for name, into := range map[string]**ballot.Numbers{"open": &r.open, "openAtCoordinator": &r.openHere} {
		if r.signed.has(name) {
			n, err := p.readOpen(r.signed.object(name))
			if err != nil {
				return nil, fmt.Errorf("stored result: %w", err)
			}
			*into = &n
		}
	}
	return r, nil
}

// ResultOf gives the newest result of a poll; false where there is none yet.
func (u *Union) ResultOf(ctx context.Context, pollID string) (ResultView, bool, error) {
	p, err := u.load(ctx, u.DB.ReadBound(), pollID)
	if err != nil {
		return ResultView{}, false, err
	}
	return u.resultOf(ctx, u.DB.ReadBound(), p)
}

func (u *Union) resultOf(ctx context.Context, q store.Bound, p *row) (ResultView, bool, error) {
	var notes string
	var version int
	var at int64
	v := ResultView{PollID: p.PollID, ClosedAt: p.close, TooFew: p.hindered == "few"}
	err := q.Row(ctx, []any{&version, &at, &notes, &v.Own}, "select version, stored, notes, own from union_results where poll = ? order by version desc limit 1", p.PollID)
	if errors.Is(err, store.ErrNotFound) {
		return v, v.TooFew, nil
	}
	if err != nil {
		return v, false, err
	}
	r, err := u.readVersion(ctx, q, p, version, at)
	if err != nil {
		return v, false, err
	}
	if err := json.Unmarshal([]byte(notes), &v.Notes); err != nil {
		return v, false, fmt.Errorf("notes of %s: %w", r.uri, err)
	}
	v.URI, v.Stage, v.Version, v.At, v.Raw = r.uri, r.stage, r.version, r.at, r.signed.doc.Raw()
	v.Verified, v.Open, v.OpenAtCoordinator = r.numbers, r.open, r.openHere
	v.Members, v.Lines, v.Missing, v.Excluded = r.shares, r.lines, r.missing, r.excluded
	v.Outstanding, v.Reason = r.outstanding, r.reason
	return v, true, nil
}

// manyResults bounds how many results are kept in memory as read.
const manyResults = 32

// readVersion reads one result. That of the whole country takes tens of
// milliseconds to read, so it is kept: under its number and the moment when it
// was stored, which a later one of that number would not share.
func (u *Union) readVersion(ctx context.Context, q store.Bound, p *row, version int, at int64) (*published, error) {
	key := fmt.Sprint(p.PollID, " ", version, " ", at)
	u.mu.Lock()
	r := u.results[key]
	u.mu.Unlock()
	if r != nil {
		return r, nil
	}
	var raw []byte
	if err := q.Row(ctx, []any{&raw}, "select raw from union_results where poll = ? and version = ?", p.PollID, version); err != nil {
		return nil, err
	}
	r, err := p.readStored(raw)
	if err != nil {
		return nil, err
	}
	if q != u.DB.ReadBound() {
		return r, nil // a transaction may yet be taken back
	}
	u.mu.Lock()
	if len(u.results) >= manyResults {
		clear(u.results)
	}
	u.results[key] = r
	u.mu.Unlock()
	return r, nil
}

// PollRaw gives the poll as it was signed last: open, or closed with counts.
func (u *Union) PollRaw(ctx context.Context, pollID string) (raw []byte, err error) {
	err = u.DB.ReadBound().Row(ctx, []any{&raw}, "select latest from union_polls where poll = ?", pollID)
	return raw, err
}

// Poll gives a poll's frozen core, with the time at which it closes.
func (u *Union) Poll(ctx context.Context, pollID string) (p *Poll, closes time.Time, err error) {
	r, err := u.load(ctx, u.DB.ReadBound(), pollID)
	if err != nil {
		return nil, time.Time{}, err
	}
	return r.Poll, r.close, nil
}

// Statements gives the statements of a closed poll that anybody may read, as
// signed: those that a published result counts under the city's name. In a
// city these are its own, and the newest also where the result passes it over,
// so that everybody can see that it does.
func (u *Union) Statements(ctx context.Context, pollID string) ([][]byte, error) {
	q := u.DB.ReadBound()
	p, err := u.load(ctx, q, pollID)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, "select raw from statements s where poll = ? and "+tellableStatement+" order by author, sequence", pollID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := [][]byte{}
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			return nil, err
		}
		out = append(out, raw)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	raw, err := u.passedOver(ctx, q, p)
	if err == nil && raw != nil && !slices.ContainsFunc(out, func(o []byte) bool { return bytes.Equal(o, raw) }) {
		out = append(out, raw)
	}
	return out, err
}

// passedOver is this city's newest statement where the newest result differs
// from it, or nil.
func (u *Union) passedOver(ctx context.Context, q store.Bound, p *row) ([]byte, error) {
	var own Own
	err := q.Row(ctx, []any{&own}, "select own from union_results where poll = ? order by version desc limit 1", p.PollID)
	if errors.Is(err, store.ErrNotFound) || err == nil && own != OwnDiffers {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := u.newestOf(ctx, q, p.PollID, u.Actor())
	if err != nil || s == nil || s.stage == Interim || !s.numbers.Showable(p.K) {
		return nil, err
	}
	var raw []byte
	err = q.Row(ctx, []any{&raw}, "select raw from statements where poll = ? and author = ? and sequence = ?", p.PollID, s.author, s.sequence)
	return raw, err
}

// tellableStatement picks statements s that a published result shows by name.
const tellableStatement = `exists (
	select 1 from counted_statements c
	where c.poll = s.poll and c.author = s.author and c.sequence = s.sequence and c.line = '')`

// Object finds what lies at an address of this instance. Public says whether
// anybody may have it; what is not public is for the member named by For, or,
// where For is empty, for every member of the union. ErrNotFound if there is
// nothing.
type Object struct {
	Raw    []byte
	Public bool
	For    string
}

// Object looks an address up: trust lists, statements, receipts, results,
// closes, invitations, evidence.
func (u *Union) Object(ctx context.Context, uri string) (o Object, err error) {
	path, ours := strings.CutPrefix(uri, u.Base+"/")
	if !ours {
		return o, store.ErrNotFound
	}
	q := u.DB.ReadBound()
	get := func(query string, args ...any) (Object, error) {
		err := q.Row(ctx, []any{&o.Raw, &o.Public, &o.For}, query, args...)
		return o, err
	}
	part := strings.Split(path, "/")
	switch {
	case len(part) == 2 && part[0] == "trust":
		version, err := strconv.Atoi(part[1])
		if err != nil || !u.Coordinator {
			return o, store.ErrNotFound
		}
		return get("select raw, 1 = 1, '' from trust_lists where version = ?", version)
	case len(part) == 2 && part[0] == "accepts":
		return get("select accept, 1 = 0, ? from union_polls where poll = ? and accept is not null", u.CoordinatorActor, part[1])
	case len(part) == 3 && part[0] == "tallies":
		if p, err := u.load(ctx, q, part[1]); err == nil {
			if raw, err := u.passedOver(ctx, q, p); err == nil && raw != nil && textOf(raw, "id") == uri {
				return Object{Raw: raw, Public: true}, nil
			}
		}
		return get("select raw, "+tellableStatement+", ? from statements s where uri = ?", u.CoordinatorActor, uri)
	case len(part) < 3 || part[0] != "polls" || !u.Coordinator:
		return o, store.ErrNotFound
	}
	poll, what, rest := part[1], part[2], part[3:]
	actor := ""
	if len(rest) > 0 {
		if actor, err = u.memberActor(ctx, rest[0]); err != nil {
			return o, err
		}
	}
	switch {
	case what == "close" && len(rest) == 0:
		return get("select early, 1 = 1, '' from union_polls where poll = ? and early is not null", poll)
	case what == "results" && len(rest) == 1:
		return get("select raw, stage <> 'interim', '' from union_results where poll = ? and uri = ? and stage <> 'interim'", poll, uri)
	case what == "equivocations" && len(rest) == 1:
		return get(`select e.raw, e.public = 1 and exists (
				select 1 from union_results r where r.poll = e.poll and r.stage <> 'interim'), ''
			from exclusions e where e.poll = ? and e.uri = ? and e.raw is not null`, poll, uri)
	case what == "invites" && len(rest) == 1:
		return get("select raw, 1 = 0, member from invitations where poll = ? and member = ?", poll, actor)
	case what == "newest" && len(rest) == 3:
		raw, err := u.answerNewest(ctx, q, poll, actor, rest[1], rest[2])
		return Object{Raw: raw, Public: true}, err
	case what == "receipts" && len(rest) == 2:
		sequence, err := strconv.Atoi(rest[1])
		if err != nil {
			return o, store.ErrNotFound
		}
		return get("select answer, 1 = 0, author from statements where poll = ? and author = ? and sequence = ?", poll, actor, sequence)
	}
	return o, store.ErrNotFound
}

// memberActor finds a member's actor by its host, as addresses name it; other
// texts give "".
func (u *Union) memberActor(ctx context.Context, host string) (string, error) {
	members, err := u.Members(ctx)
	if err != nil {
		return "", err
	}
	for _, m := range members {
		if m.Host() == host {
			return m.Actor, nil
		}
	}
	return "", nil
}

// receiveResult is a city's part in a result: hold it against the rules and
// against what the city itself signed.
func (u *Union) receiveResult(ctx context.Context, tx *store.Tx, raw []byte) error {
	r, err := readResult(raw)
	if err != nil {
		return err
	}
	p, err := u.find(ctx, tx.Bound, r.poll)
	if err != nil {
		return err
	}
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return err
	}
	if p != nil {
		var known int
		if err := tx.Row(ctx, []any{&known}, "select count(*) from union_results where poll = ? and version = ?", p.PollID, r.version); err != nil {
			return err
		}
		if known > 0 {
			return nil
		}
	}
	w := witness{
		newest:   func(string, time.Time) *statement { return nil },
		byDigest: func(string) *statement { return nil },
		register: func(actor string) int {
			if actor == u.Actor() && p != nil {
				return p.register
			}
			return -1
		},
	}
	if err := c.checkResult(r, p.state(), w, u.Within); err != nil {
		u.Log.Error("a result does not hold", "poll", r.poll, "result", r.uri, "err", err)
		return err
	}
	if r.uri != fmt.Sprintf("%s/results/%d", p.URI, r.version) {
		return fault("form", "a result at %.80q", r.uri)
	}
	if r.stage == Interim && !tx.Now.Before(p.close) {
		return nil // it came too late to be shown
	}
	own, err := u.ownPart(ctx, tx, p, r)
	if err != nil {
		return err
	}
	if own == OwnDiffers {
		u.Log.Error("this city's newest statement does not stand in the result", "poll", p.URI, "result", r.uri)
	}
	if err := u.storeResult(ctx, tx, p, raw, r.stage, r.version, r.at, "", nil, int(own)); err != nil {
		return err
	}
	return u.tell(ctx, tx, p)
}

// ownPart looks for this city's newest statement in a result, and notes which
// of its statements the result shows.
func (u *Union) ownPart(ctx context.Context, tx *store.Tx, p *row, r *published) (Own, error) {
	if r.stage == Interim {
		return OwnUntold, nil
	}
	list, err := query(ctx, tx.Bound, "poll = ? and author = ? and state <> 'refused' order by sequence desc", p.PollID, u.Actor())
	if err != nil {
		return OwnUntold, err
	}
	note := func(s *stored, line string) error {
		_, err := tx.Exec(ctx, "insert into counted_statements (poll, version, author, sequence, line) values (?, ?, ?, ?, ?)",
			p.PollID, r.version, u.Actor(), s.sequence, line)
		return err
	}
	var newest *stored // by the time of the result
	for _, s := range list {
		if !s.published.After(r.at) {
			newest = s
			break
		}
	}
	for _, share := range r.shares {
		if share.Actor != u.Actor() {
			continue
		}
		for _, s := range list {
			if s.digest != share.Digest || !same(s.numbers, share.Numbers) {
				continue
			}
			if s == newest || s.stage == Interim && newest.stage != Interim && missing(r, u.Actor()) {
				return OwnStands, note(s, "")
			}
			return OwnDiffers, note(s, "")
		}
		return OwnDiffers, nil
	}
	for _, l := range r.lines {
		for _, d := range l.Digests {
			for _, s := range list {
				if s.digest == d {
					return OwnStands, note(s, l.Territory)
				}
			}
		}
	}
	if newest == nil || missing(r, u.Actor()) && r.stage == Preliminary {
		return OwnUntold, nil
	}
	for _, a := range r.excluded {
		if a.Actor == u.Actor() {
			return OwnUntold, nil // with a reason that everybody reads
		}
	}
	return OwnDiffers, nil
}

func missing(r *published, actor string) bool {
	for _, m := range r.missing {
		if m.Actor == actor {
			return true
		}
	}
	return false
}

// receiveQuestion is a city's part when the closed poll comes: keep it, and
// take the result that it names.
func (u *Union) receiveQuestion(ctx context.Context, tx *store.Tx, raw []byte, got map[string][]byte) error {
	q, err := readPoll(raw)
	if err != nil {
		return err
	}
	p, err := u.find(ctx, tx.Bound, q.URI)
	if err != nil {
		return err
	}
	if p == nil {
		return store.ErrIgnored
	}
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return err
	}
	if err := c.checkPoll(q, p.Poll); err != nil {
		return err
	}
	if q.closed.IsZero() {
		return nil
	}
	if early := got[p.URI+"/close"]; early != nil {
		if err := u.receiveClose(ctx, tx, early); err != nil {
			return err
		}
		if p, err = u.load(ctx, tx.Bound, q.URI); err != nil {
			return err
		}
	}
	if !q.closed.Equal(p.close) {
		return fault("time", "closed at %s, here at %s", ap.FormatTime(q.closed), ap.FormatTime(p.close))
	}
	if err := u.keepLatest(ctx, tx, p, q, raw); err != nil {
		return err
	}
	if q.result == "" {
		if p.hindered == "few" {
			return nil
		}
		if _, err := tx.Exec(ctx, "update union_polls set hindered = 'few' where poll = ?", p.PollID); err != nil {
			return err
		}
		if p, err = u.load(ctx, tx.Bound, q.URI); err != nil {
			return err
		}
		return u.tell(ctx, tx, p)
	}
	body := got[q.result]
	if body == nil {
		return nil // known by now, or it will be asked for later
	}
	if _, err := tx.Exec(ctx, "update union_polls set hindered = '' where poll = ? and hindered <> ''", p.PollID); err != nil {
		return err
	}
	return u.receiveResult(ctx, tx, body)
}

// keepLatest keeps the newer of two forms of the closed poll.
func (u *Union) keepLatest(ctx context.Context, tx *store.Tx, p *row, q *Poll, raw []byte) error {
	var have []byte
	if err := tx.Row(ctx, []any{&have}, "select latest from union_polls where poll = ?", p.PollID); err != nil {
		return err
	}
	before, err := read(have)
	if err != nil {
		return err
	}
	if !q.signed.time("updated").After(before.time("updated")) {
		return nil
	}
	_, err = tx.Exec(ctx, "update union_polls set latest = ? where poll = ?", raw, p.PollID)
	return err
}
