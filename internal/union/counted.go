package union

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"viche/federation/ap"
	"viche/internal/ballot"
	"viche/internal/store"
)

// stored is a statement as it lies in the database.
type stored struct {
	author, uri, digest, stage string
	sequence                   int
	numbers                    ballot.Numbers
	open                       *ballot.Numbers
	published                  time.Time
}

const storedColumns = "author, sequence, uri, digest, stage, numbers, open, published"

func scanStored(scan func(...any) error) (*stored, error) {
	s := &stored{}
	var numbers, open string
	var published int64
	if err := scan(&s.author, &s.sequence, &s.uri, &s.digest, &s.stage, &numbers, &open, &published); err != nil {
		return nil, err
	}
	s.published = store.Time(published)
	if err := json.Unmarshal([]byte(numbers), &s.numbers); err != nil {
		return nil, fmt.Errorf("numbers of %s: %w", s.uri, err)
	}
	if open != "" {
		s.open = &ballot.Numbers{}
		if err := json.Unmarshal([]byte(open), s.open); err != nil {
			return nil, fmt.Errorf("open numbers of %s: %w", s.uri, err)
		}
	}
	return s, nil
}

// query gives statements; where follows the name of the table.
func query(ctx context.Context, q store.Bound, where string, args ...any) (out []*stored, err error) {
	rows, err := q.Query(ctx, "select "+storedColumns+" from statements s where "+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		s, err := scanStored(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// newestOf is the newest statement of a city, or nil.
func (u *Union) newestOf(ctx context.Context, q store.Bound, poll, author string) (*stored, error) {
	list, err := query(ctx, q, "poll = ? and author = ? order by sequence desc limit 1", poll, author)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// receiveStatement is the coordinator's part in a count: check, keep, answer.
func (u *Union) receiveStatement(ctx context.Context, tx *store.Tx, raw []byte) error {
	t, err := readStatement(raw)
	if err != nil {
		return refuse(err)
	}
	p, err := u.find(ctx, tx.Bound, t.poll)
	if err != nil {
		return err
	}
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return err
	}
	m, answer := memory{register: -1}, []byte(nil)
	if p != nil {
		if m, answer, err = u.remember(ctx, tx, p.PollID, t); err != nil {
			return err
		}
	}
	if m.same != nil && m.same.digest == t.digest {
		// Proved when it first came; only our answer may have been lost.
		return u.deliver(ctx, tx, "Offer", answer, t.author)
	}
	err = c.checkStatement(t, p.state(), m.register, u.Within)
	if err == nil {
		err = t.checkSequence(m)
	}
	if err != nil {
		return u.turnDown(ctx, tx, c, p, t, m, err)
	}
	return u.take(ctx, tx, p, t, raw)
}

// remember reads what came before from the statement's author.
func (u *Union) remember(ctx context.Context, tx *store.Tx, poll string, t *statement) (m memory, answer []byte, err error) {
	m.register = -1
	rows, err := tx.Query(ctx, `
		select i.register, s.sequence, s.uri, s.digest, s.stage, s.numbers, s.answer
		from invitations i left join statements s on s.poll = i.poll and s.author = i.member
		where i.poll = ? and i.member = ?
		order by case when s.sequence = ? then 0 else 1 end, s.sequence desc limit 2`, poll, t.author, t.sequence)
	if err != nil {
		return m, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var register int
		var sequence sql.NullInt64
		var uri, digest, stage, numbers sql.NullString
		var a []byte
		if err := rows.Scan(&register, &sequence, &uri, &digest, &stage, &numbers, &a); err != nil {
			return m, nil, err
		}
		m.register = max(m.register, register)
		if !sequence.Valid {
			continue
		}
		k := &kept{uri.String, digest.String, stage.String, int(sequence.Int64)}
		if k.sequence == t.sequence {
			m.same, answer = k, a
		}
		if m.newest == nil || k.sequence > m.newest.sequence {
			m.newest = k
		}
		if m.register < 0 { // no acceptance at hand: as in the statements before
			var n ballot.Numbers
			if err := json.Unmarshal([]byte(numbers.String), &n); err != nil {
				return m, nil, err
			}
			m.register = n.Register
		}
	}
	return m, answer, rows.Err()
}

// take keeps an accepted statement with the receipt for it.
func (u *Union) take(ctx context.Context, tx *store.Tx, p *row, t *statement, raw []byte) error {
	receipt, err := u.sign(map[string]any{
		"id": fmt.Sprintf("%s/receipts/%s/%d", p.URI, hostOf(t.author), t.sequence), "type": "Accept", "actor": u.Actor(), "object": t.uri,
		"to": []string{t.author}, "published": ap.FormatTime(tx.Now), "poll": p.URI, "digest": t.digest,
	}, tx.Now)
	if err != nil {
		return err
	}
	if err := u.keep(ctx, tx, p, t, raw, receipt, "accepted", 0); err != nil {
		return err
	}
	if t.stage != Interim && p.early { // the close need not go again
		if _, err := tx.Exec(ctx, "update invitations set due = 0 where poll = ? and member = ? and due <> 0 and register >= 0", p.PollID, t.author); err != nil {
			return err
		}
	}
	if err := u.unsettle(ctx, tx, p); err != nil {
		return err
	}
	return u.Send(ctx, tx, receipt, t.author)
}

// unsettle has the poll looked at again, without a write where that is so
// already.
func (u *Union) unsettle(ctx context.Context, tx *store.Tx, p *row) error {
	if !p.settled {
		return nil
	}
	_, err := tx.Exec(ctx, "update union_polls set settled = 0 where poll = ?", p.PollID)
	return err
}

func (u *Union) keep(ctx context.Context, tx *store.Tx, p *row, t *statement, raw, answer []byte, state string, due int64) error {
	numbers, err := json.Marshal(t.numbers)
	if err != nil {
		return err
	}
	open := []byte{}
	if t.open != nil {
		if open, err = json.Marshal(t.open); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `
		insert into statements (poll, author, sequence, uri, digest, stage, numbers, open, published, stored, raw, answer, state, tries, due)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)`,
		p.PollID, t.author, t.sequence, t.uri, t.digest, t.stage, string(numbers), string(open), store.Millis(t.published), store.Millis(tx.Now),
		raw, answer, state, due)
	if errors.Is(err, store.ErrExists) {
		// Another process took one of this number at the same moment: looked at
		// again, this one is either the same or an equivocation.
		return fmt.Errorf("store statement: %w: %s", store.ErrUnavailable, t.uri)
	}
	if err != nil {
		return fmt.Errorf("store statement: %w", err)
	}
	return nil
}

// mostRefusals bounds what one name can make us keep: anybody can send faulty
// statements under it.
const mostRefusals = 100

// turnDown answers a faulty statement. A member is told, once for each
// statement, in the same words; a stranger's statement leaves no trace. Two
// statements under one number exclude the city.
func (u *Union) turnDown(ctx context.Context, tx *store.Tx, c *chain, p *row, t *statement, m memory, why error) error {
	code := ap.FaultCode(why)
	if code == "" {
		return why
	}
	u.Log.Warn("a statement was refused", "city", t.author, "poll", t.poll, "sequence", t.sequence, "err", why)
	switch code {
	case "poll-unknown", "not-a-member", "outside-territory":
		return refuse(why)
	}
	if _, err := c.invited(t.author, p.list, p.state(), u.Within); err != nil {
		return refuse(why)
	}
	if code == "equivocation" {
		if err := u.equivocated(ctx, tx, p, t); err != nil {
			return err
		}
	}
	var raw []byte
	err := tx.Row(ctx, []any{&raw}, "select raw from refusals where poll = ? and author = ? and digest = ?", p.PollID, t.author, t.digest)
	if err == nil {
		return u.deliver(ctx, tx, "Offer", raw, t.author)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var n int
	if err := tx.Row(ctx, []any{&n}, "select count(*) from refusals where poll = ? and author = ?", p.PollID, t.author); err != nil {
		return err
	}
	if n >= mostRefusals {
		return refuse(why)
	}
	var f ap.Fault
	errors.As(why, &f)
	if raw, err = u.sign(map[string]any{
		"id": fmt.Sprintf("%s/rejects/%s/%d", p.URI, hostOf(t.author), n+1), "type": "Reject", "actor": u.Actor(), "object": t.uri,
		"to": []string{t.author}, "published": ap.FormatTime(tx.Now), "poll": p.URI, "digest": t.digest, "fault": f.Code, "reason": f.Detail,
	}, tx.Now); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "insert into refusals (poll, author, digest, fault, reason, raw, stored) values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
		p.PollID, t.author, t.digest, f.Code, f.Detail, raw, store.Millis(tx.Now)); err != nil {
		return err
	}
	return u.Send(ctx, tx, raw, t.author)
}

// twiceSigned is what the public reads of a city that signed twice.
const twiceSigned = "Два різні підписані підсумки з одним номером."

// equivocated keeps both statements as evidence, excludes the city from the
// poll and quarantines it in a new trust list.
func (u *Union) equivocated(ctx context.Context, tx *store.Tx, p *row, t *statement) error {
	var first []byte
	if err := tx.Row(ctx, []any{&first}, "select raw from statements where poll = ? and author = ? and sequence = ?", p.PollID, t.author, t.sequence); err != nil {
		return err
	}
	var number, already int
	if err := tx.Row(ctx, []any{&number, &already}, `
		select coalesce(max(number), 0) + 1, coalesce(sum(case when member = ? and uri <> '' then 1 else 0 end), 0)
		from exclusions where poll = ?`, t.author, p.PollID); err != nil {
		return err
	}
	if already > 0 {
		return nil // the evidence is there
	}
	uri := fmt.Sprintf("%s/equivocations/%d", p.URI, number)
	raw, err := json.Marshal(map[string]any{
		"@context": ap.Context, "id": uri, "type": "Equivocation", "actor": t.author, "poll": p.URI, "sequence": t.sequence,
		"statements": []json.RawMessage{first, t.signed.doc.Raw()},
	})
	if err != nil {
		return err
	}
	digest, err := ap.Digest(raw)
	if err != nil {
		return err
	}
	before, err := readStatement(first)
	if err != nil {
		return err
	}
	numbers, err := p.checkNumbers(before.wire, false)
	if err != nil {
		return err
	}
	e := exclusion{member: t.author, reason: twiceSigned, uri: uri, digest: digest, raw: raw, public: numbers.Showable(p.K) && t.numbers.Showable(p.K)}
	if err := u.exclude(ctx, tx, p, e); err != nil {
		return err
	}
	u.Log.Error("a city signed twice under one number and was excluded", "city", t.author, "poll", p.URI, "sequence", t.sequence)
	return u.setStatus(ctx, tx, func(m Member) bool { return m.Actor == t.author }, Quarantined, twiceSigned)
}

// exclusion is a city that does not count in a poll, and why.
type exclusion struct {
	member, reason, uri, digest string
	raw                         []byte
	public                      bool
}

func (u *Union) exclude(ctx context.Context, tx *store.Tx, p *row, e exclusion) error {
	_, err := tx.Exec(ctx, `
		insert into exclusions (poll, member, number, reason, uri, digest, raw, public, sent, stored)
		values (?, ?, (select coalesce(max(number), 0) + 1 from exclusions where poll = ?), ?, ?, ?, ?, ?, 0, ?)
		on conflict (poll, member) do update set reason = excluded.reason, uri = excluded.uri, digest = excluded.digest, raw = excluded.raw,
			public = excluded.public, number = excluded.number, sent = 0
		where exclusions.uri = ''`,
		p.PollID, e.member, p.PollID, e.reason, e.uri, e.digest, e.raw, store.Flag(e.public), store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("exclude %s: %w", e.member, err)
	}
	return u.unsettle(ctx, tx, p)
}

// Exclude leaves a city's statements out of one poll, by decision and with a
// reason that the public reads.
func (u *Union) Exclude(ctx context.Context, tx *store.Tx, pollID, host, reason string) error {
	p, m, err := u.decision(ctx, tx, pollID, host, reason)
	if err != nil {
		return fmt.Errorf("exclude %s: %w", host, err)
	}
	return u.exclude(ctx, tx, p, exclusion{member: m.Actor, reason: reason})
}

// IncludeLate counts a city's statement that came after the last day, by
// decision and with a reason that stands in the next version of the result.
func (u *Union) IncludeLate(ctx context.Context, tx *store.Tx, pollID, host, reason string) error {
	p, m, err := u.decision(ctx, tx, pollID, host, reason)
	if err != nil {
		return fmt.Errorf("include %s: %w", host, err)
	}
	if _, err := tx.Exec(ctx, "update invitations set included = ? where poll = ? and member = ?", reason, p.PollID, m.Actor); err != nil {
		return fmt.Errorf("include %s: %w", host, err)
	}
	if err := u.unsettle(ctx, tx, p); err != nil {
		return err
	}
	return u.publish(ctx, tx, p, host+": "+reason)
}

func (u *Union) decision(ctx context.Context, tx *store.Tx, pollID, host, reason string) (*row, Member, error) {
	if !u.Coordinator {
		return nil, Member{}, fmt.Errorf("only the coordinator decides: %w", store.ErrDenied)
	}
	if reason == "" {
		return nil, Member{}, fmt.Errorf("a reason is needed: %w", store.ErrInvalid)
	}
	p, err := u.load(ctx, tx.Bound, pollID)
	if err != nil {
		return nil, Member{}, err
	}
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return nil, Member{}, err
	}
	for _, m := range u.invitedTo(c.version(p.list.Version), p.Poll) {
		if m.Host() == host {
			return p, m, nil
		}
	}
	return nil, Member{}, fmt.Errorf("no such city in this poll: %w", store.ErrNotFound)
}
