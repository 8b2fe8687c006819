package ballot

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"time"

	"viche/internal/store"
)

// Status facts (rule 10 of the counting rules; R1.5, R1.6). At the close one pass
// over the register notes who could take part, who did and who changed; at the
// turn of the month the notes are added up by sphere and thrown away. Agreement
// with the majority is found out only then, over whole buckets of polls, and of
// it one bit a person and scope is kept. No answer, no poll and no number of
// matches is stored anywhere, and none leaves this file.

// Scopes is how many scopes facts are kept by: 0 is the whole territory, then
// come the spheres by number.
const Scopes = 21

const (
	// LeastBucket is how few polls a bucket of agreement may hold.
	LeastBucket = 8
	// LeastOwn is how few own answers in a bucket say anything: below it the
	// one bit would tell too much about each, so it is "no".
	LeastOwn = 5
	// WaitsFor is how many months after its close a poll's answers wait for a
	// bucket to fill; then they are left out of it, and the key may go.
	WaitsFor = 6
)

// never marks a poll whose answers go into no bucket.
const never = -1

// Noted is a closed and counted poll that statuses are judged by.
type Noted struct {
	Poll
	Sphere   int // by number, from 1; 0 for none
	ClosedAt time.Time
	Gauges   []Gauge // one a question
}

// Tally counts the polls that somebody could take part in, did, and changed.
type Tally struct{ Could, Took, Changed int32 }

// MonthFacts are what a person did in the month that ended at an epoch.
type MonthFacts struct {
	Epoch  time.Time
	Scopes [Scopes]Tally
}

// Facts are all that the statuses get to know of a person.
type Facts struct {
	Months []MonthFacts // oldest first; none for a month without polls
	Agrees [Scopes]bool
}

// Persons streams the keys of all verified persons.
type Persons iter.Seq2[[]byte, error]

// facts are kept under a keyed hash of the person, in parts by its first byte.
const (
	idSize = 8
	parts  = 256
)

type factID [idSize]byte

func (id factID) part() int { return int(id[0]) }

// somebody is a person during one pass.
type somebody struct {
	id     factID
	person []byte
}

func (b *Box) factID(key, person []byte) (id factID) {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write(person) // a hash never fails
	copy(id[:], h.Sum(nil))
	return id
}

// everybody reads all persons, in the order of their ids.
func (b *Box) everybody(persons Persons) ([]somebody, error) {
	var all []somebody
	for person, err := range persons {
		if err != nil {
			return nil, fmt.Errorf("read persons: %w", err)
		}
		all = append(all, somebody{person: bytes.Clone(person)})
	}
	key := b.keys.Derive("status")
	share(len(all), func(from, until int) {
		for i := from; i < until; i++ {
			all[i].id = b.factID(key, all[i].person)
		}
	})
	slices.SortFunc(all, func(x, y somebody) int { return bytes.Compare(x.id[:], y.id[:]) })
	return all, nil
}

// share has every core do a part of n things.
func share(n int, do func(from, until int)) {
	cores := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for c := range cores {
		wg.Go(func() { do(n*c/cores, n*(c+1)/cores) })
	}
	wg.Wait()
}

// tagged is a person's tag in one poll; who is the place in everybody.
type tagged struct {
	tag [tagSize]byte
	who int32
}

// tagsIn are the tags of all in a poll, sorted.
func (b *Box) tagsIn(p Poll, all []somebody) []tagged {
	out := make([]tagged, len(all))
	share(len(all), func(from, until int) {
		for i := from; i < until; i++ {
			out[i].who = int32(i)
			copy(out[i].tag[:], b.tag(p, all[i].person))
		}
	})
	slices.SortFunc(out, func(x, y tagged) int { return bytes.Compare(x.tag[:], y.tag[:]) })
	return out
}

// What a note says of a person.
const (
	could   = 1
	took    = 2
	changed = 3
)

// Note notes who took part in a closed poll: one pass over the register, beside
// the box. No answer is opened. A poll whose count may not be shown, and one
// without a majority in any question, will bear on nobody's agreement. Noting it
// again changes nothing.
func (b *Box) Note(ctx context.Context, n Noted, k int, persons Persons) error {
	if err := b.note(ctx, n, k, persons); err != nil {
		return fmt.Errorf("note who took part in %s: %w", n.PollID, err)
	}
	return nil
}

func (b *Box) note(ctx context.Context, n Noted, k int, persons Persons) error {
	final, err := b.Latest(ctx, n.Poll)
	if err != nil {
		return err
	}
	if !final.Final {
		return errors.New("there is no final count yet")
	}
	all, err := b.everybody(persons)
	if err != nil {
		return err
	}
	codes, err := b.took(ctx, n.Poll, all)
	if err != nil {
		return err
	}
	asked, err := json.Marshal(n)
	if err != nil {
		return err
	}
	in := int64(never)
	if final.Verified.Showable(k) && slices.ContainsFunc(tops(n, final.Verified), func(top int) bool { return top >= 0 }) {
		in = 0
	}
	inSphere := in
	if n.Sphere == 0 {
		inSphere = never
	}
	return b.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		fresh, err := tx.Exec(ctx, "insert into status_polls (poll, sphere, closed_at, asked, in_whole, in_sphere) values (?, ?, ?, ?, ?, ?) on conflict do nothing",
			n.ID, n.Sphere, store.Millis(n.ClosedAt), string(asked), in, inSphere)
		if err != nil || fresh == 0 {
			return err
		}
		for part, some := range byPart(all) {
			var plain []byte
			for i := some.from; i < some.until; i++ {
				if codes[i] != 0 {
					plain = append(append(plain, all[i].id[:]...), codes[i])
				}
			}
			if len(plain) == 0 {
				continue
			}
			sealed, err := b.keys.Seal(fmt.Sprintf("status note %d %d", n.ID, part), plain)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "insert into status_notes (poll, part, sealed) values (?, ?, ?)", n.ID, part, sealed); err != nil {
				return err
			}
		}
		return nil
	})
}

type span struct{ from, until int }

// byPart gives for each part that has anybody where it lies in all.
func byPart(all []somebody) iter.Seq2[int, span] {
	return func(yield func(int, span) bool) {
		for from := 0; from < len(all); {
			until, part := from, all[from].id.part()
			for until < len(all) && all[until].id.part() == part {
				until++
			}
			if !yield(part, span{from, until}) {
				return
			}
			from = until
		}
	}
}

// took says of each person what to note: nothing for who is not on the register.
func (b *Box) took(ctx context.Context, p Poll, all []somebody) ([]byte, error) {
	codes := make([]byte, len(all))
	q := b.db.ReadBound()
	reg, err := openTags(ctx, q, "select tags from register where poll = ? order by first", p.ID, tagSize)
	if err != nil {
		return nil, err
	}
	defer reg.close()
	rows, err := q.Query(ctx, "select tag, seq from ballots where poll = ? order by tag", p.ID)
	if err != nil {
		return nil, fmt.Errorf("read box: %w", err)
	}
	defer rows.Close()
	var tag sql.RawBytes
	var seq int64
	more := rows.Next()
	if more {
		err = rows.Scan(&tag, &seq)
	}
	for _, t := range b.tagsIn(p, all) {
		for reg.less(t.tag[:]) {
			reg.next()
		}
		if !reg.equal(t.tag[:]) {
			continue
		}
		codes[t.who] = could
		for err == nil && more && bytes.Compare(tag, t.tag[:]) < 0 {
			if more = rows.Next(); more {
				err = rows.Scan(&tag, &seq)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("read box: %w", err)
		}
		if more && bytes.Equal(tag, t.tag[:]) {
			codes[t.who] = took
			if seq > 0 {
				codes[t.who] = changed
			}
		}
	}
	return codes, errors.Join(reg.err, store.Kind(rows.Err()))
}

// tops are the majority's answers, by question; -1 where there is none.
func tops(n Noted, counted Numbers) []int {
	out := make([]int, len(n.Questions))
	for i, q := range n.Questions {
		out[i] = -1
		if i >= len(n.Gauges) || i >= len(counted.Questions) {
			continue
		}
		if top, ok := q.top(n.Gauges[i], counted.Questions[i]); ok {
			out[i] = top
		}
	}
	return out
}

// Awaits says whether a poll's answers still wait for the month's turn, so that
// its sealing key must not be destroyed yet. After WaitsFor months nothing waits.
func (b *Box) Awaits(ctx context.Context, p Poll, closed time.Time) (bool, error) {
	if closed.Before(b.db.Now().AddDate(0, -WaitsFor, 0)) {
		return false, nil
	}
	var inWhole, inSphere int64
	err := b.db.ReadBound().Row(ctx, []any{&inWhole, &inSphere}, "select in_whole, in_sphere from status_polls where poll = ?", p.ID)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil // not even noted
	}
	return inWhole == 0 || inSphere == 0, err
}

// Fold is the turn of the month: it adds up the notes of all polls that closed
// before the epoch, throws the notes away, and fills the buckets of agreement
// that are full. Casting goes on meanwhile: each change is small. Running it
// again, also after it was interrupted, changes nothing that is done already.
// Counters of epochs before oldest are thrown away.
func (b *Box) Fold(ctx context.Context, epoch, oldest time.Time, persons Persons) error {
	at := store.Millis(epoch)
	err := b.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		// Which polls are an epoch's is settled once: of one that was noted later
		// some parts would be missing. It goes into the next month.
		var settled int
		if err := tx.Row(ctx, []any{&settled}, "select count(*) from status_polls where epoch = ?", at); err != nil {
			return err
		}
		if settled == 0 {
			if _, err := tx.Exec(ctx, "update status_polls set epoch = ? where epoch = 0 and closed_at < ?", at, at); err != nil {
				return err
			}
		}
		long := store.Millis(epoch.AddDate(0, -WaitsFor, 0))
		for _, in := range []string{"in_whole", "in_sphere"} {
			if _, err := tx.Exec(ctx, "update status_polls set "+in+" = ? where "+in+" = 0 and closed_at < ?", never, long); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "delete from status_months where epoch < ?", store.Millis(oldest))
		return err
	})
	if err == nil {
		err = b.foldAgreement(ctx, epoch, persons)
	}
	if err == nil {
		err = b.foldNotes(ctx, at)
	}
	if err != nil {
		return fmt.Errorf("fold status facts: %w", err)
	}
	return nil
}

// foldNotes adds up, part by part, the notes of the polls of an epoch.
func (b *Box) foldNotes(ctx context.Context, epoch int64) error {
	spheres := map[int64]int{}
	rows, err := b.db.ReadBound().Query(ctx, "select poll, sphere from status_polls where epoch = ?", epoch)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var poll int64
		var sphere int
		if err := rows.Scan(&poll, &sphere); err != nil {
			return err
		}
		spheres[poll] = sphere
	}
	if err := rows.Err(); err != nil || len(spheres) == 0 {
		return store.Kind(err)
	}
	for part := range parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.foldPart(ctx, epoch, part, spheres); err != nil {
			return err
		}
	}
	return nil
}

func (b *Box) foldPart(ctx context.Context, epoch int64, part int, spheres map[int64]int) error {
	sums := map[factID]*[Scopes]Tally{}
	found := 0
	for poll, sphere := range spheres {
		var sealed []byte
		err := b.db.ReadBound().Row(ctx, []any{&sealed}, "select sealed from status_notes where poll = ? and part = ?", poll, part)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		plain, err := b.keys.Unseal(fmt.Sprintf("status note %d %d", poll, part), sealed)
		if err != nil {
			return err
		}
		found++
		for note := range slices.Chunk(plain, idSize+1) {
			id := factID(note[:idSize])
			sum := sums[id]
			if sum == nil {
				sum = new([Scopes]Tally)
				sums[id] = sum
			}
			sum[0].add(note[idSize])
			if sphere != 0 {
				sum[sphere].add(note[idSize])
			}
		}
	}
	if found == 0 {
		return nil
	}
	sealed, err := b.keys.Seal(fmt.Sprintf("status month %d %d", epoch, part), pack(sums))
	if err != nil {
		return err
	}
	return b.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "insert into status_months (epoch, part, sealed) values (?, ?, ?) on conflict do nothing", epoch, part, sealed); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "delete from status_notes where part = ? and poll in (select poll from status_polls where epoch = ?)", part, epoch)
		return err
	})
}

func (t *Tally) add(code byte) {
	t.Could++
	if code >= took {
		t.Took++
	}
	if code == changed {
		t.Changed++
	}
}

// pack writes people's sums in the order of their ids: which came first tells
// nothing about them.
func pack(sums map[factID]*[Scopes]Tally) (out []byte) {
	ids := make([]factID, 0, len(sums))
	for id := range sums {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(x, y factID) int { return bytes.Compare(x[:], y[:]) })
	for _, id := range ids {
		out = append(out, id[:]...)
		at := len(out)
		out = append(out, 0)
		for scope, t := range sums[id] {
			if t.Could == 0 {
				continue
			}
			out[at]++
			out = append(out, byte(scope))
			for _, n := range []int32{t.Could, t.Took, t.Changed} {
				out = binary.AppendUvarint(out, uint64(n))
			}
		}
	}
	return out
}

var errFacts = errors.New("counters of a month do not read: the database was changed")

// unpack gives each person's sums of one packed part.
func unpack(plain []byte, each func(id factID, scope int, t Tally)) error {
	for len(plain) > 0 {
		if len(plain) < idSize+1 {
			return errFacts
		}
		id, n := factID(plain[:idSize]), plain[idSize]
		plain = plain[idSize+1:]
		for range n {
			if len(plain) == 0 || plain[0] >= Scopes {
				return errFacts
			}
			scope := int(plain[0])
			plain = plain[1:]
			var t [3]int32
			for i := range t {
				v, size := binary.Uvarint(plain)
				if size <= 0 {
					return errFacts
				}
				t[i], plain = int32(v), plain[size:]
			}
			each(id, scope, Tally{t[0], t[1], t[2]})
		}
	}
	return nil
}
