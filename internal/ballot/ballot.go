// Package ballot is the ballot box: the only code that touches an answer. It
// gives out a person's own answer to that person, counts, and snapshots of
// counts; nothing else, to nobody.
//
// A ballot is one row: poll, voter tag, sequence of change, sealed answer. The
// tag is an HMAC of the poll under a secret that belongs to the person; the
// answer is sealed under a key that only this poll has and that lies outside
// the database, bound to poll, tag and sequence, padded to one length a poll.
// "One person, one ballot" (R1.2, R4) is the primary key of that row. "May vote"
// is the register: the sorted tags of everybody entitled, frozen at the opening.
package ballot

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"

	"github.com/google/uuid"

	"viche/internal/keys"
	"viche/internal/store"
)

// Poll is what the box has to know about a poll. ID is its row, PollID its
// UUIDv7, the same at every instance; both and the questions are frozen.
type Poll struct {
	ID        int64
	PollID    uuid.UUID
	Questions []Question
}

// Voter is who answers. Credential and Issued are counters of the account:
// Issued says how many credentials staff have issued or reset for it so far,
// Credential is what Issued was when the one now used was given out (0 for a
// password of the person's own). An answer is read only with a credential that
// is older than it.
type Voter struct {
	Person     []byte
	Credential int
	Issued     int
}

// A Receipt is what became of an answer that was put into the box.
type Receipt struct {
	Changes int  // how often this person has changed the answer
	First   bool // there was none before
	Same    bool // it was the answer already
}

// Box is the ballot box of one instance.
type Box struct {
	db   *store.DB
	keys *keys.File
}

// New returns the box that keeps its ballots in db and its keys in k.
func New(db *store.DB, k *keys.File) *Box { return &Box{db, k} }

// ErrNotRegistered says that a voter is not on the poll's frozen register.
var ErrNotRegistered = fmt.Errorf("not on the register: %w", store.ErrDenied)

// ErrCredential says that the answer may not be read with this credential.
var ErrCredential = fmt.Errorf("the credential is newer than the answer: %w", store.ErrDenied)

// tagsPerRow balances the rows of a register against the bytes read to find one
// tag in it: 768 bytes, which both databases keep within the page of the row.
const tagsPerRow = 24

const tagSize = sha256.Size

// Open makes the poll's sealing key and freezes its register: one tag for each
// person. It returns the size of the register. Call it inside the change that
// opens the poll.
func (b *Box) Open(ctx context.Context, tx *store.Tx, p Poll, persons iter.Seq2[[]byte, error]) (int, error) {
	if _, err := b.keys.NewSealing(p.PollID.String()); err != nil {
		return 0, fmt.Errorf("open box: %w", err)
	}
	var tags [][]byte
	for person, err := range persons {
		if err != nil {
			return 0, fmt.Errorf("open box: read the entitled: %w", err)
		}
		tags = append(tags, b.tag(p, person))
	}
	slices.SortFunc(tags, bytes.Compare)
	tags = slices.CompactFunc(tags, bytes.Equal)
	for row := range slices.Chunk(tags, tagsPerRow) {
		if _, err := tx.Exec(ctx, "insert into register (poll, first, tags) values (?, ?, ?)", p.ID, row[0], bytes.Join(row, nil)); err != nil {
			return 0, fmt.Errorf("open box: %w", err)
		}
	}
	return len(tags), nil
}

// Registered says whether a person may vote in the poll.
func (b *Box) Registered(ctx context.Context, q store.Bound, p Poll, person []byte) (bool, error) {
	return registered(ctx, q, p, b.tag(p, person))
}

func registered(ctx context.Context, q store.Bound, p Poll, tag []byte) (bool, error) {
	var tags []byte
	err := q.Row(ctx, []any{&tags}, neighbours, p.ID, tag)
	if err != nil {
		return false, fmt.Errorf("read register: %w", err)
	}
	return among(tags, tag), nil
}

// neighbours are the tags of the register's row in which a tag would lie; none
// if it lies before all others.
const neighbours = `
	select coalesce((
		select tags from register
		where poll = ? and first <= ?
		order by first desc
		limit 1), '')`

// among finds a tag among sorted ones.
func among(tags, tag []byte) bool {
	n := len(tags) / tagSize
	i := sort.Search(n, func(i int) bool { return bytes.Compare(tags[i*tagSize:(i+1)*tagSize], tag) >= 0 })
	return i < n && bytes.Equal(tags[i*tagSize:(i+1)*tagSize], tag)
}

// Put stores the answer of somebody on the register. The same answer again is no
// change. Whether the poll is open is the caller's to check, in the same change.
func (b *Box) Put(ctx context.Context, tx *store.Tx, p Poll, v Voter, a Answer) (Receipt, error) {
	choice, err := encode(p.Questions, a)
	if err != nil {
		return Receipt{}, err
	}
	tag := b.tag(p, v.Person)
	var tags []byte
	if err := tx.Soon(ctx, []any{&tags}, func() error {
		if !among(tags, tag) {
			return ErrNotRegistered
		}
		return nil
	}, neighbours, p.ID, tag); err != nil {
		return Receipt{}, fmt.Errorf("put ballot: %w", err)
	}
	return b.put(ctx, tx, verified, p, tag, v, choice, replace)
}

// PutGuest stores the answer of an account elsewhere, by its actor's id, in the
// open tally (R4.4). Where several options may be chosen, the fediverse sends
// them one by one, so options add up; where one may, the first one stands and a
// second is refused with ErrExists. A poll of several questions, a scale and a
// ranking have no form there: ErrInvalid.
func (b *Box) PutGuest(ctx context.Context, tx *store.Tx, p Poll, actor string, a Answer) error {
	if len(p.Questions) != 1 || p.Questions[0].Kind != One && p.Questions[0].Kind != Several {
		return fmt.Errorf("the fediverse votes on one question of a poll: %w", store.ErrInvalid)
	}
	choice, err := encode(p.Questions, a)
	if err != nil {
		return err
	}
	join := unite
	if p.Questions[0].Kind == One {
		join = keep
	}
	_, err = b.put(ctx, tx, guests, p, tagOf(b.keys.GuestSecret(actor), p), Voter{}, choice, join)
	return err
}

// Voted says whether a person's ballot lies in the box.
func (b *Box) Voted(ctx context.Context, q store.Bound, p Poll, person []byte) (bool, error) {
	var n int
	err := q.Row(ctx, []any{&n}, "select count(*) from ballots where poll = ? and tag = ?", p.ID, b.tag(p, person))
	if err != nil {
		return false, fmt.Errorf("look up ballot: %w", err)
	}
	return n > 0, nil
}

// VotedIn says in which of several polls a person's ballot lies, in one query.
func (b *Box) VotedIn(ctx context.Context, q store.Bound, polls []Poll, person []byte) (map[int64]bool, error) {
	out := map[int64]bool{}
	if len(polls) == 0 || person == nil {
		return out, nil
	}
	query := "select poll from ballots where "
	var args []any
	for i, p := range polls {
		if i > 0 {
			query += " or "
		}
		query += "(poll = ? and tag = ?)"
		args = append(args, p.ID, b.tag(p, person))
	}
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("look up ballots: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("look up ballots: %w", err)
		}
		out[id] = true
	}
	return out, store.Kind(rows.Err())
}

// Own gives a person the own answer, and how often it was changed. ErrNotFound
// if there is none, ErrCredential if the credential was issued by staff after
// the ballot, keys.ErrDestroyed once the poll's key is gone.
func (b *Box) Own(ctx context.Context, q store.Bound, p Poll, v Voter) (Answer, int, error) {
	tag := b.tag(p, v.Person)
	old, err := b.load(ctx, q, verified, p, tag)
	if err != nil {
		return nil, 0, fmt.Errorf("own answer: %w", err)
	}
	if v.Credential > old.issued {
		return nil, 0, ErrCredential
	}
	return decode(p.Questions, old.choice), int(old.seq), nil
}

func (b *Box) tag(p Poll, person []byte) []byte { return tagOf(b.keys.VoterSecret(person), p) }

// tagOf is HMAC-SHA-256(secret, lp("civic-vote/v1/voter-tag", pollId)), where lp
// puts the length in four bytes before each part.
func tagOf(secret []byte, p Poll) []byte {
	const label = "civic-vote/v1/voter-tag"
	h := hmac.New(sha256.New, secret)
	msg := make([]byte, 0, 4+len(label)+4+16)
	msg = binary.BigEndian.AppendUint32(msg, uint32(len(label)))
	msg = append(msg, label...)
	msg = binary.BigEndian.AppendUint32(msg, uint32(len(p.PollID)))
	msg = append(msg, p.PollID[:]...)
	_, _ = h.Write(msg) // a hash never fails
	return h.Sum(nil)
}

// box names one of the two tables: residents and guests are never mixed.
type box string

const (
	verified box = "ballots"
	guests   box = "guest_ballots"
)

// sealed is a ballot once opened.
type opened struct {
	seq    uint32
	issued int
	first  []byte
	choice []byte
}

// A join says what a new choice makes of the one before.
type join func(old, new []byte) ([]byte, error)

func replace(_, new []byte) ([]byte, error) { return new, nil }

func keep(_, _ []byte) ([]byte, error) {
	return nil, fmt.Errorf("a second vote in a poll of one choice: %w", store.ErrExists)
}

func unite(old, new []byte) ([]byte, error) {
	out := slices.Clone(old)
	for i := range out {
		out[i] |= new[i]
	}
	return out, nil
}

// put is one insert for a first ballot; only who has one already costs a look.
// Of many at once the primary key lets one in, and the others become changes.
func (b *Box) put(ctx context.Context, tx *store.Tx, in box, p Poll, tag []byte, v Voter, choice []byte, join join) (Receipt, error) {
	aead, err := b.aead(p)
	if err != nil {
		return Receipt{}, err
	}
	fresh := seal(aead, p, tag, opened{seq: 0, issued: v.Issued, first: choice, choice: choice})
	n, err := tx.Exec(ctx, "insert into "+string(in)+" (poll, tag, seq, sealed) values (?, ?, 0, ?) on conflict do nothing", p.ID, tag, fresh)
	if err != nil {
		return Receipt{}, fmt.Errorf("put ballot: %w", err)
	}
	for n == 0 {
		old, err := b.load(ctx, tx.Bound, in, p, tag)
		if err != nil {
			return Receipt{}, fmt.Errorf("put ballot: %w", err)
		}
		next, err := join(old.choice, choice)
		if err != nil {
			return Receipt{}, err
		}
		// Who may not read the old answer must not learn it by guessing either:
		// then even the same answer is a change.
		if bytes.Equal(next, old.choice) && v.Credential <= old.issued {
			return Receipt{Changes: int(old.seq), Same: true}, nil
		}
		now := opened{seq: old.seq + 1, issued: v.Issued, first: old.first, choice: next}
		n, err = tx.Exec(ctx, "update "+string(in)+" set seq = ?, sealed = ? where poll = ? and tag = ? and seq = ?",
			now.seq, seal(aead, p, tag, now), p.ID, tag, old.seq)
		if err != nil {
			return Receipt{}, fmt.Errorf("change ballot: %w", err)
		}
		if n == 1 {
			return Receipt{Changes: int(now.seq)}, nil
		}
	}
	return Receipt{First: true}, nil
}

func (b *Box) load(ctx context.Context, q store.Bound, in box, p Poll, tag []byte) (opened, error) {
	var seq uint32
	var blob []byte
	if err := q.Row(ctx, []any{&seq, &blob}, "select seq, sealed from "+string(in)+" where poll = ? and tag = ?", p.ID, tag); err != nil {
		return opened{}, err
	}
	aead, err := b.aead(p)
	if err != nil {
		return opened{}, err
	}
	o, _, err := unseal(aead, p, tag, seq, blob, nil)
	return o, err
}

func (b *Box) aead(p Poll) (cipher.AEAD, error) {
	key, err := b.keys.Sealing(p.PollID.String())
	if err != nil {
		return nil, fmt.Errorf("sealing key of %s: %w", p.PollID, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("sealing key of %s: %w", p.PollID, err)
	}
	return cipher.NewGCM(block)
}

const nonceSize = 12

func seal(aead cipher.AEAD, p Poll, tag []byte, o opened) []byte {
	plain := make([]byte, 0, 4+len(o.first)+len(o.choice))
	plain = binary.BigEndian.AppendUint32(plain, uint32(o.issued))
	plain = append(plain, o.first...)
	plain = append(plain, o.choice...)
	out := make([]byte, nonceSize, nonceSize+len(plain)+aead.Overhead())
	_, _ = rand.Read(out) // crypto/rand.Read never fails
	return aead.Seal(out, out, plain, bind(p, tag, o.seq, nil))
}

// errSealed says that a row of the box is not what this city put there.
var errSealed = errors.New("a ballot does not open: the box or the key file was changed")

// unseal opens a row. The scratch memory that it returns saves the allocations
// of the next row; what it opened is then overwritten.
func unseal(aead cipher.AEAD, p Poll, tag []byte, seq uint32, blob, scratch []byte) (opened, []byte, error) {
	if len(blob) < nonceSize {
		return opened{}, scratch, errSealed
	}
	scratch = bind(p, tag, seq, scratch[:0])
	bound := len(scratch)
	scratch, err := aead.Open(scratch, blob[:nonceSize], blob[nonceSize:], scratch)
	n := choiceSize(p.Questions)
	if err != nil || len(scratch) != bound+4+2*n {
		return opened{}, nil, errSealed
	}
	plain := scratch[bound:]
	return opened{
		seq:    seq,
		issued: int(binary.BigEndian.Uint32(plain)),
		first:  plain[4 : 4+n],
		choice: plain[4+n:],
	}, scratch, nil
}

// bind is what a sealed answer cannot be moved away from: poll, tag, sequence.
func bind(p Poll, tag []byte, seq uint32, buf []byte) []byte {
	buf = append(buf, p.PollID[:]...)
	buf = append(buf, tag...)
	return binary.BigEndian.AppendUint32(buf, seq)
}
