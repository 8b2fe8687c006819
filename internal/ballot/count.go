package ballot

import (
	"bytes"
	"context"
	"crypto/cipher"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"viche/internal/keys"
	"viche/internal/method"
	"viche/internal/store"
)

// Rules are an instance's settings about what is shown and when.
type Rules struct {
	K             int           // smallest group shown (VICHE_K)
	Step          int           // tags that must differ between two snapshots (VICHE_STEP)
	SnapshotEvery time.Duration // least time between them (VICHE_SNAPSHOT_EVERY)
}

// LastHour is how long before the close no snapshot is taken any more.
const LastHour = time.Hour

// Snapshot is a count that was taken at one moment and is the same for everybody
// who may see it.
type Snapshot struct {
	Number   int
	TakenAt  time.Time
	Final    bool
	Verified Numbers
	Guests   Numbers
}

// Faults of a box: it is not counted, and somebody has to look.
var (
	ErrNotOnRegister = errors.New("a ballot's tag is not on the register")
	ErrBallotGone    = errors.New("a ballot that was counted before is gone")
)

// Snapshot takes a new snapshot of an open poll if the rules call for one: time
// has passed and enough tags differ. It says whether it did. The pass over the
// box runs outside any change, so casting goes on meanwhile.
func (b *Box) Snapshot(ctx context.Context, p Poll, closes time.Time, r Rules) (bool, error) {
	now := b.db.Now()
	if !now.Before(closes.Add(-LastHour)) {
		return false, nil
	}
	last, err := b.Latest(ctx, p)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	if last.Number > 0 && now.Before(last.TakenAt.Add(r.SnapshotEvery)) {
		return false, nil
	}
	pass, err := b.count(ctx, p)
	if err != nil {
		return false, fmt.Errorf("snapshot of %s: %w", p.PollID, err)
	}
	if pass.differ < max(r.Step, 1) || !pass.verified.Showable(r.K) {
		return false, nil
	}
	return true, b.keep(ctx, p, last.Number+1, pass, false)
}

// Close makes the final count of a poll that takes no more ballots, and stores
// it as the last snapshot. When fewer than Step tags differ from the snapshot
// before, that one is thrown away: nobody may subtract the two. Running it again
// changes nothing.
func (b *Box) Close(ctx context.Context, p Poll, r Rules) (Snapshot, error) {
	last, err := b.Latest(ctx, p)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Snapshot{}, err
	}
	if last.Final {
		return last, nil
	}
	pass, err := b.count(ctx, p)
	if err != nil {
		return Snapshot{}, fmt.Errorf("final count of %s: %w", p.PollID, err)
	}
	if err := b.runoff(ctx, p, &pass.verified); err != nil {
		return Snapshot{}, fmt.Errorf("final count of %s: %w", p.PollID, err)
	}
	if pass.differ < r.Step {
		if err := b.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "delete from snapshots where poll = ? and number = ? and final = 0", p.ID, last.Number)
			return err
		}); err != nil {
			return Snapshot{}, fmt.Errorf("final count of %s: %w", p.PollID, err)
		}
	}
	if err := b.keep(ctx, p, last.Number+1, pass, true); err != nil && !errors.Is(err, store.ErrExists) {
		return Snapshot{}, err
	}
	if err := b.shuffle(ctx, p); err != nil {
		return Snapshot{}, err
	}
	return b.Latest(ctx, p)
}

// Latest is the newest snapshot, final or not; ErrNotFound before the first.
func (b *Box) Latest(ctx context.Context, p Poll) (Snapshot, error) {
	return latest(ctx, b.db.ReadBound(), p)
}

func latest(ctx context.Context, q store.Bound, p Poll) (Snapshot, error) {
	var s Snapshot
	var at int64
	var final int
	var numbers, guests string
	err := q.Row(ctx, []any{&s.Number, &at, &final, &numbers, &guests}, `
		select number, taken_at, final, numbers, guests from snapshots
		where poll = ?
		order by number desc
		limit 1`, p.ID)
	if err != nil {
		return Snapshot{}, err
	}
	s.TakenAt, s.Final = store.Time(at), final == 1
	if err := json.Unmarshal([]byte(numbers), &s.Verified); err != nil {
		return Snapshot{}, fmt.Errorf("snapshot of %s: %w", p.PollID, err)
	}
	if err := json.Unmarshal([]byte(guests), &s.Guests); err != nil {
		return Snapshot{}, fmt.Errorf("snapshot of %s: %w", p.PollID, err)
	}
	return s, nil
}

// Destroy forgets the poll's sealing key: from then on nobody, the operator
// included, can read its answers. The counts stay.
func (b *Box) Destroy(p Poll) error { return b.keys.Destroy(p.PollID.String()) }

// Destroyed says whether the poll's sealing key has been destroyed.
func (b *Box) Destroyed(p Poll) bool {
	_, err := b.keys.Sealing(p.PollID.String())
	return errors.Is(err, keys.ErrDestroyed)
}

// pass is what one streaming pass over a box found.
type pass struct {
	verified Numbers
	guests   Numbers
	differ   int      // tags whose ballot is new or changed since the last snapshot
	entries  [][]byte // what this pass counted, for the next one
}

// count goes once over the box in tag order, side by side with the register and
// with what the last snapshot counted. Memory is the rows of the "counted" table
// alone: twelve bytes a ballot.
func (b *Box) count(ctx context.Context, p Poll) (pass, error) {
	aead, err := b.aead(p)
	if err != nil {
		return pass{}, err
	}
	q := b.db.ReadBound()
	reg, err := openTags(ctx, q, "select tags from register where poll = ? order by first", p.ID, tagSize)
	if err != nil {
		return pass{}, err
	}
	defer reg.close()
	old, err := openTags(ctx, q, "select entries from counted where poll = ? order by part", p.ID, entrySize)
	if err != nil {
		return pass{}, err
	}
	defer old.close()

	var out pass
	out.verified, err = b.tally(ctx, q, aead, verified, p, func(tag []byte, seq uint32) error {
		for reg.less(tag) {
			reg.next()
		}
		if !reg.equal(tag) {
			return errors.Join(ErrNotOnRegister, reg.err)
		}
		if old.less(tag[:prefixSize]) {
			return ErrBallotGone
		}
		switch {
		case !old.equal(tag[:prefixSize]):
			out.differ++
		default:
			if binary.BigEndian.Uint32(old.item[prefixSize:]) != seq {
				out.differ++
			}
			old.next()
		}
		out.remember(tag, seq)
		return nil
	})
	if err != nil {
		return pass{}, err
	}
	if old.item != nil {
		return pass{}, ErrBallotGone
	}
	for reg.item != nil {
		reg.next()
	}
	if err := errors.Join(reg.err, old.err); err != nil {
		return pass{}, err
	}
	out.verified.Register = reg.seen
	if out.guests, err = b.tally(ctx, q, aead, guests, p, func([]byte, uint32) error { return nil }); err != nil {
		return pass{}, err
	}
	out.guests.Register = out.guests.Ballots
	return out, errors.Join(out.verified.Check(p.Questions), out.guests.Check(p.Questions))
}

// tally opens every row of one table and adds it up.
func (b *Box) tally(ctx context.Context, q store.Bound, aead cipher.AEAD, in box, p Poll, each func(tag []byte, seq uint32) error) (Numbers, error) {
	n := newNumbers(p.Questions, 0)
	err := b.walk(ctx, q, aead, in, p, func(tag []byte, o opened) error {
		if err := each(tag, o.seq); err != nil {
			return err
		}
		n.add(p.Questions, o)
		return nil
	})
	return n, err
}

// walk opens the rows of one table in tag order. What each gets is overwritten
// by the next.
func (b *Box) walk(ctx context.Context, q store.Bound, aead cipher.AEAD, in box, p Poll, each func(tag []byte, o opened) error) error {
	rows, err := q.Query(ctx, "select tag, seq, sealed from "+string(in)+" where poll = ? order by tag", p.ID)
	if err != nil {
		return fmt.Errorf("read box: %w", err)
	}
	defer rows.Close()
	var scratch []byte
	var tag, blob sql.RawBytes
	var number int64 // as the drivers have it: any other type is read from its text
	for rows.Next() {
		if err := rows.Scan(&tag, &number, &blob); err != nil {
			return fmt.Errorf("read box: %w", err)
		}
		var o opened
		if o, scratch, err = unseal(aead, p, tag, uint32(number), blob, scratch); err != nil {
			return err
		}
		if err := each(tag, o); err != nil {
			return err
		}
	}
	return store.Kind(rows.Err())
}

// runoff adds the rounds of an instant-runoff count to every ranking: a pass over
// the box for each round, in memory that does not depend on it.
func (b *Box) runoff(ctx context.Context, p Poll, n *Numbers) error {
	at := 0
	for i, q := range p.Questions {
		from, to := at, at+q.size()
		if at = to; q.Kind != Ranking {
			continue
		}
		aead, err := b.aead(p)
		if err != nil {
			return err
		}
		n.Questions[i].Runoff, err = method.Runoff(len(q.Options), func(in []bool) ([]int, error) {
			counts := make([]int, len(q.Options))
			return counts, b.walk(ctx, b.db.ReadBound(), aead, verified, p, func(_ []byte, o opened) error {
				if leads := leader(o.choice[from:to], in); leads >= 0 {
					counts[leads]++
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// leader is the option that a ranking places highest of those still in; -1 if it
// places none.
func leader(choice []byte, in []bool) int {
	best := -1
	for o, place := range choice {
		if place != 0 && in[o] && (best < 0 || place < choice[best]) {
			best = o
		}
	}
	return best
}

func (n *Numbers) add(questions []Question, o opened) {
	n.Ballots++
	if o.seq > 0 {
		n.Changes++
	}
	at := 0
	for i, q := range questions {
		if !q.count(o.choice[at:at+q.size()], n.Questions[i].Counts) {
			n.Questions[i].Blank++
		}
		q.count(o.first[at:at+q.size()], n.Questions[i].First)
		at += q.size()
	}
}

func (b *Box) keep(ctx context.Context, p Poll, number int, found pass, final bool) error {
	numbers, err := json.Marshal(found.verified)
	if err != nil {
		return fmt.Errorf("keep snapshot: %w", err)
	}
	guests, err := json.Marshal(found.guests)
	if err != nil {
		return fmt.Errorf("keep snapshot: %w", err)
	}
	last := 0
	if final {
		last = 1
	}
	return b.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		// The number is the key: of two processes that counted, one is stored.
		if _, err := tx.Exec(ctx, "insert into snapshots (poll, number, taken_at, final, numbers, guests) values (?, ?, ?, ?, ?, ?)",
			p.ID, number, store.Millis(tx.Now), last, string(numbers), string(guests)); err != nil {
			return fmt.Errorf("keep snapshot: %w", err)
		}
		if _, err := tx.Exec(ctx, "delete from counted where poll = ?", p.ID); err != nil {
			return fmt.Errorf("keep snapshot: %w", err)
		}
		for i, part := range found.entries {
			if _, err := tx.Exec(ctx, "insert into counted (poll, part, entries) values (?, ?, ?)", p.ID, i, part); err != nil {
				return fmt.Errorf("keep snapshot: %w", err)
			}
		}
		return nil
	})
}

// shuffle takes the order of arrival out of a closed box. On SQLite rows lie in
// tag order anyway; PostgreSQL keeps them as they came until they are written
// anew.
func (b *Box) shuffle(ctx context.Context, p Poll) error {
	if !b.db.Postgres() {
		return nil
	}
	return b.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		for _, in := range []box{verified, guests} {
			for _, step := range []string{
				"create temporary table sorted on commit drop as select * from " + string(in) + " where poll = ? order by tag",
				"delete from " + string(in) + " where poll = ?",
				"insert into " + string(in) + " select * from sorted order by tag",
				"drop table sorted",
			} {
				if _, err := tx.NewRaw(step, p.ID).Exec(ctx); err != nil {
					return fmt.Errorf("sort box: %w", err)
				}
			}
		}
		return nil
	})
}

// An entry of "counted" is the first bytes of a tag and the sequence.
const (
	prefixSize     = 8
	entrySize      = prefixSize + 4
	entriesPerPart = 8192
)

func (p *pass) remember(tag []byte, seq uint32) {
	last := len(p.entries) - 1
	if last < 0 || len(p.entries[last]) == entriesPerPart*entrySize {
		p.entries = append(p.entries, make([]byte, 0, entriesPerPart*entrySize))
		last++
	}
	p.entries[last] = append(p.entries[last], tag[:prefixSize]...)
	p.entries[last] = binary.BigEndian.AppendUint32(p.entries[last], seq)
}

// tags walks through fixed-size items that lie many to a row.
type tags struct {
	rows interface {
		Next() bool
		Scan(...any) error
		Err() error
		Close() error
	}
	size int
	row  sql.RawBytes // good until the next one is asked for
	item []byte       // the current one; nil at the end
	seen int
	err  error
}

func openTags(ctx context.Context, q store.Bound, query string, poll int64, size int) (*tags, error) {
	rows, err := q.Query(ctx, query, poll)
	if err != nil {
		return nil, fmt.Errorf("read box: %w", err)
	}
	t := &tags{rows: rows, size: size}
	t.next()
	return t, t.err
}

func (t *tags) next() {
	t.item = nil
	for len(t.row) < t.size {
		if !t.rows.Next() {
			t.err = errors.Join(t.err, store.Kind(t.rows.Err()))
			return
		}
		if err := t.rows.Scan(&t.row); err != nil {
			t.err = err
			return
		}
	}
	t.item, t.row = t.row[:t.size], t.row[t.size:]
	t.seen++
}

func (t *tags) less(tag []byte) bool {
	return t.item != nil && bytes.Compare(t.item[:len(tag)], tag) < 0
}
func (t *tags) equal(tag []byte) bool { return t.item != nil && bytes.Equal(t.item[:len(tag)], tag) }
func (t *tags) close()                { _ = t.rows.Close() } // its errors were seen by next

// Guests are the newest counted votes of accounts elsewhere; none before the
// first count.
func (b *Box) Guests(ctx context.Context, q store.Bound, p Poll) (Numbers, error) {
	s, err := latest(ctx, q, p)
	if errors.Is(err, store.ErrNotFound) {
		return newNumbers(p.Questions, 0), nil
	}
	return s.Guests, err
}
