package union

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"viche/federation/ap"
	"viche/internal/ballot"
	"viche/internal/store"
)

// quietBefore is how long before the close no number moves any more, so that
// the last voters cannot be found by comparing.
const quietBefore = time.Hour

// Interim states the city's numbers while the poll is open, if it may: at
// least Step ballots differ from the statement before, TallyEvery has passed,
// and neither the poll's policy nor the last hour forbids it. It says whether
// it did. Open may be empty.
func (u *Union) Interim(ctx context.Context, tx *store.Tx, pollID string, verified, open ballot.Numbers) (bool, error) {
	p, err := u.own(ctx, tx, pollID)
	if err != nil {
		return false, fmt.Errorf("interim statement: %w", err)
	}
	if p.Policy == AfterClose || tx.Now.Before(p.OpensAt) || !tx.Now.Before(p.close.Add(-quietBefore)) {
		return false, nil
	}
	before, err := u.newestOf(ctx, tx.Bound, pollID, u.Actor())
	if err != nil {
		return false, err
	}
	from := ballot.Numbers{}
	if before != nil {
		from = before.numbers
		if tx.Now.Before(before.published.Add(u.TallyEvery)) {
			return false, nil
		}
	}
	if moved(from, verified) < u.Step || !verified.Showable(p.K) {
		return false, nil
	}
	return true, u.state(ctx, tx, p, Interim, verified, open, sequenceOf(before), "", "")
}

// Final states the city's numbers once the poll is closed here. A second call
// does nothing: what is final changes only by Correct.
func (u *Union) Final(ctx context.Context, tx *store.Tx, pollID string, verified, open ballot.Numbers) error {
	p, err := u.own(ctx, tx, pollID)
	if err != nil {
		return fmt.Errorf("final statement: %w", err)
	}
	before, err := u.newestOf(ctx, tx.Bound, pollID, u.Actor())
	if err != nil {
		return err
	}
	if before != nil && before.stage != Interim {
		return nil
	}
	if tx.Now.Before(p.close) {
		return fmt.Errorf("final statement before the close at %s: %w", ap.FormatTime(p.close), store.ErrDenied)
	}
	return u.state(ctx, tx, p, Final, verified, open, sequenceOf(before), "", "")
}

// ErrTooLittle says that a correction would move so few ballots that it could
// give them away: it is told in words instead.
var ErrTooLittle = fmt.Errorf("the correction moves too few ballots to be published: %w", store.ErrDenied)

// Correct replaces the final statement, for a reason that the public reads. One
// that would move fewer than k ballots is ErrTooLittle, unless it could change
// the outcome of the newest result.
func (u *Union) Correct(ctx context.Context, tx *store.Tx, pollID string, verified, open ballot.Numbers, reason string) error {
	if reason == "" {
		return store.Invalid("reason", "union.correct.reason")
	}
	p, err := u.own(ctx, tx, pollID)
	if err != nil {
		return fmt.Errorf("correct statement: %w", err)
	}
	before, err := u.newestOf(ctx, tx.Bound, pollID, u.Actor())
	if err != nil {
		return err
	}
	if before == nil || before.stage == Interim {
		return fmt.Errorf("correct statement: none is final yet: %w", store.ErrNotFound)
	}
	list, err := query(ctx, tx.Bound, "poll = ? and author = ? and state <> 'refused' and stage <> 'interim' order by sequence desc limit 1", pollID, u.Actor())
	if err != nil {
		return err
	}
	if len(list) == 0 { // the final one was refused, so this is the first that counts
		return u.state(ctx, tx, p, Final, verified, open, before.sequence, "", reason)
	}
	stands := list[0]
	if moved(stands.numbers, verified) < p.K {
		r, err := u.newestResult(ctx, tx.Bound, p, true)
		if err != nil {
			return err
		}
		if r == nil || !changesOutcome(r.numbers, swap(r.numbers, stands.numbers, verified)) {
			return ErrTooLittle
		}
	}
	return u.state(ctx, tx, p, Correction, verified, open, before.sequence, stands.uri, reason)
}

// swap gives a sum in which one part is replaced by another.
func swap(sum, out, in ballot.Numbers) ballot.Numbers {
	sum = clone(sum)
	for i, q := range sum.Questions {
		for j := range q.Counts {
			q.Counts[j] += in.Questions[i].Counts[j] - out.Questions[i].Counts[j]
		}
	}
	return sum
}

// ErrRestored says that nothing is signed in a poll until the coordinator was
// asked what it last accepted: the database was restored from a back-up.
var ErrRestored = fmt.Errorf("the database was restored; the coordinator has not been asked yet: %w", store.ErrUnavailable)

// own is a poll that this city accepted and may sign in.
func (u *Union) own(ctx context.Context, tx *store.Tx, pollID string) (*row, error) {
	p, err := u.load(ctx, tx.Bound, pollID)
	if err != nil {
		return nil, err
	}
	if !p.accepted {
		return nil, fmt.Errorf("this instance states nothing in poll %s: %w", pollID, store.ErrDenied)
	}
	when, err := restored(ctx, tx.Bound)
	if err != nil {
		return nil, err
	}
	if when != p.resumed {
		return nil, ErrRestored
	}
	return p, nil
}

func sequenceOf(s *stored) int {
	if s == nil {
		return 0
	}
	return s.sequence
}

// state signs, keeps and sends the statement after number last.
func (u *Union) state(ctx context.Context, tx *store.Tx, p *row, stage string, verified, open ballot.Numbers, last int, supersedes, reason string) error {
	at := seconds(tx.Now)
	if stage != Interim {
		at = latest(at, p.close) // our clock may be a little behind
	}
	sequence := last + 1
	if p.resumed != "" {
		// One that the lost database had signed may still be on its way. Numbers
		// may have gaps, so take one that it cannot have used: the time.
		sequence = max(sequence, int(tx.Now.Unix()))
	}
	obj := map[string]any{
		"id": fmt.Sprintf("%s/tallies/%s/%d", u.Base, p.PollID, sequence), "type": "Tally", "attributedTo": u.Actor(),
		"to": []string{u.CoordinatorActor}, "published": ap.FormatTime(at), "poll": p.URI, "pollDigest": p.Digest, "trustList": p.list.wire(),
		"stage": stage, "sequence": sequence, "verified": p.wire(tellable(verified, p.K)),
	}
	if open.Ballots >= p.K && len(open.Questions) > 0 {
		obj["open"] = p.wireOpen(open)
	}
	if supersedes != "" {
		obj["supersedes"] = supersedes
	}
	if p.resumed != "" && reason == "" {
		reason = "restored from " + p.resumed
	}
	if reason != "" {
		obj["reason"] = reason
	}
	raw, err := u.sign(obj, at)
	if err != nil {
		return fmt.Errorf("sign statement: %w", err)
	}
	t, err := readStatement(raw)
	if err != nil {
		return fmt.Errorf("statement: %w", refuse(err))
	}
	// Whatever the coordinator would refuse is our mistake: better to fail here.
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return err
	}
	if err := c.checkStatement(t, p.state(), p.register, u.Within); err != nil {
		return fmt.Errorf("statement: %w", refuse(err))
	}
	if err := u.keep(ctx, tx, p, t, raw, nil, "waiting", u.backoff(tx.Now, 0)); err != nil {
		return err
	}
	waits, err := u.waits(ctx, tx, p.PollID, sequence)
	if err != nil || waits {
		return err
	}
	return u.deliver(ctx, tx, "Create", raw, u.CoordinatorActor)
}

// waits tells whether a statement must wait until the coordinator has answered
// an earlier one that it follows: a correction before its final would be
// refused. An interim one may be overtaken.
func (u *Union) waits(ctx context.Context, tx *store.Tx, poll string, sequence int) (bool, error) {
	var n int
	err := tx.Row(ctx, []any{&n}, "select count(*) from statements where poll = ? and author = ? and sequence < ? and state = 'waiting' and stage <> 'interim'",
		poll, u.Actor(), sequence)
	return n > 0, err
}

// Resume asks the coordinator, after a restore, what it last accepted from this
// city in each poll that may still need a statement. Until it has, Interim,
// Final and Correct give ErrRestored there. Call it outside of a transaction.
func (u *Union) Resume(ctx context.Context) error {
	if u.Coordinator {
		return nil
	}
	when, err := restored(ctx, u.DB.ReadBound())
	if err != nil || when == "" {
		return err
	}
	rows, err := u.DB.ReadBound().Query(ctx, "select poll from union_polls where resumed <> ? and accept is not null", when)
	if err != nil {
		return err
	}
	defer rows.Close()
	var polls []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		polls = append(polls, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var errs []error
	for _, id := range polls {
		errs = append(errs, u.resume(ctx, id, when))
	}
	return errors.Join(errs...)
}

func (u *Union) resume(ctx context.Context, pollID, when string) error {
	p, err := u.load(ctx, u.DB.ReadBound(), pollID)
	if err != nil {
		return err
	}
	at := u.DB.Now().Unix()
	proof := base64.RawURLEncoding.EncodeToString(ed25519.Sign(u.key, askMessage(p.URI, u.Actor(), at)))
	raw, err := u.Fetch(ctx, fmt.Sprintf("%s/newest/%s/%d/%s", p.URI, hostOf(u.Actor()), at, proof))
	if err != nil {
		// Not found is no answer either: who goes on from the back-up's number
		// would sign a number twice.
		return fmt.Errorf("ask for the newest statement in %s: %w", p.URI, err)
	}
	return u.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return u.Resumed(ctx, tx, pollID, when, raw) })
}

// askMessage is what a city signs to read its own newest statement while the
// poll is open and nobody else may.
func askMessage(poll, actor string, at int64) []byte {
	return fmt.Appendf(nil, "viche newest statement\n%s\n%s\n%d", poll, actor, at)
}

// askFor is how long such a question holds.
const askFor = 10 * time.Minute

// answerNewest gives a city that proves itself its newest statement, or
// {"sequence":0}.
func (u *Union) answerNewest(ctx context.Context, q store.Bound, pollID, actor, at, proof string) ([]byte, error) {
	p, err := u.load(ctx, q, pollID)
	if err != nil {
		return nil, err
	}
	c, err := u.trust(ctx, q)
	if err != nil {
		return nil, err
	}
	keys, err := c.keys(actor, p.list.Version)
	if err != nil {
		return nil, err
	}
	asked, err := strconv.ParseInt(at, 10, 64)
	now := u.DB.Now()
	if err != nil || now.Sub(time.Unix(asked, 0)).Abs() > askFor {
		return nil, store.ErrNotFound
	}
	signature, err := base64.RawURLEncoding.DecodeString(proof)
	if err != nil || !slices.ContainsFunc(keys, func(k Key) bool {
		return !now.Before(k.From) && now.Before(k.Until) && ed25519.Verify(k.Public, askMessage(p.URI, actor, asked), signature)
	}) {
		return nil, store.ErrNotFound
	}
	var raw []byte
	err = q.Row(ctx, []any{&raw}, "select raw from statements where poll = ? and author = ? order by sequence desc limit 1", pollID, actor)
	if errors.Is(err, store.ErrNotFound) {
		return []byte(`{"sequence":0}`), nil
	}
	return raw, err
}

// Resumed records what the coordinator last accepted from this city in a poll:
// that statement, or {"sequence":0} where there is none. when is the restore's
// time, as the fact "restored" has it.
func (u *Union) Resumed(ctx context.Context, tx *store.Tx, pollID, when string, raw []byte) error {
	p, err := u.load(ctx, tx.Bound, pollID)
	if err != nil {
		return err
	}
	s, err := read(raw)
	if err != nil {
		return refuse(err)
	}
	highest, err := s.whole("sequence")
	if err != nil {
		return refuse(err)
	}
	// What was signed here and never accepted must not be sent any more: the
	// coordinator's number is the one to go on from.
	if _, err := tx.Exec(ctx, "delete from statements where poll = ? and author = ? and sequence >= ?", pollID, u.Actor(), highest); err != nil {
		return err
	}
	if highest > 0 {
		t, err := readStatement(raw)
		if err != nil {
			return refuse(err)
		}
		if t.author != u.Actor() || t.poll != p.URI {
			return refuse(fault("origin", "%.80q is no statement of this city in this poll", t.uri))
		}
		c, err := u.trust(ctx, tx.Bound)
		if err != nil {
			return err
		}
		if err := c.checkStatement(t, p.state(), p.register, u.Within); err != nil {
			return refuse(err)
		}
		if err := u.keep(ctx, tx, p, t, raw, nil, "accepted", 0); err != nil {
			return err
		}
	}
	u.Log.Warn("asked the coordinator after the restore", "poll", p.URI, "sequence", highest)
	_, err = tx.Exec(ctx, "update union_polls set resumed = ?, next_try = 0 where poll = ?", when, pollID)
	return err
}

// Standing is where this city's newest statement in a poll stands with the
// coordinator.
type Standing struct {
	Sequence int
	Stage    string
	State    string // "waiting", "accepted" or "refused"
	Fault    string
	Reason   string
}

// Standing tells how this city's newest statement fared; ErrNotFound before
// the first one.
func (u *Union) Standing(ctx context.Context, pollID string) (s Standing, err error) {
	err = u.DB.ReadBound().Row(ctx, []any{&s.Sequence, &s.Stage, &s.State, &s.Fault, &s.Reason}, `
		select s.sequence, s.stage, s.state, coalesce(r.fault, ''), coalesce(r.reason, '')
		from statements s
		left join refusals r on r.poll = s.poll and r.author = s.author and r.digest = s.digest
		where s.poll = ? and s.author = ?
		order by s.sequence desc limit 1`, pollID, u.Actor())
	return s, err
}
