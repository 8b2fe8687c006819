package ballot

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"viche/internal/store"
)

// bucket adds up, in memory alone, how the answers of everybody to a whole bucket
// of polls stand to the majority's.
type bucket struct {
	scope   int
	polls   []int64
	counted []uint16
	matched []uint16
}

// foldAgreement fills the buckets that have polls enough: of the whole territory
// and of each sphere. All polls that wait go into one bucket, the more the less
// it tells.
func (b *Box) foldAgreement(ctx context.Context, epoch time.Time, persons Persons) error {
	waiting, err := b.waiting(ctx)
	if err != nil {
		return err
	}
	var buckets [Scopes]*bucket
	for scope := range buckets {
		var ids []int64
		for _, w := range waiting {
			if w.in(scope) {
				ids = append(ids, w.ID)
			}
		}
		if len(ids) >= LeastBucket {
			buckets[scope] = &bucket{scope: scope, polls: ids}
		}
	}
	if !slices.ContainsFunc(buckets[:], func(k *bucket) bool { return k != nil }) {
		return nil
	}
	all, err := b.everybody(persons)
	if err != nil {
		return err
	}
	for _, k := range buckets {
		if k != nil {
			k.counted, k.matched = make([]uint16, len(all)), make([]uint16, len(all))
		}
	}
	if err := b.fill(ctx, waiting, buckets[:], all); err != nil {
		return err
	}
	for _, k := range buckets {
		if k == nil {
			continue
		}
		if err := b.keepBucket(ctx, epoch, k, all); err != nil {
			return err
		}
	}
	return nil
}

// waits is a poll whose answers are in no bucket yet, of one kind or the other.
type waits struct {
	Noted
	whole, sphere bool
}

func (w waits) in(scope int) bool {
	if scope == 0 {
		return w.whole
	}
	return w.sphere && w.Sphere == scope
}

// waiting are the polls that wait for a bucket and whose answers can be read.
func (b *Box) waiting(ctx context.Context) (list []waits, err error) {
	rows, err := b.db.ReadBound().Query(ctx, "select asked, in_whole, in_sphere from status_polls where epoch > 0 and (in_whole = 0 or in_sphere = 0) order by poll")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var asked string
		var inWhole, inSphere int64
		if err := rows.Scan(&asked, &inWhole, &inSphere); err != nil {
			return nil, err
		}
		w := waits{whole: inWhole == 0, sphere: inSphere == 0}
		if err := json.Unmarshal([]byte(asked), &w.Noted); err != nil {
			return nil, fmt.Errorf("poll that waits: %w", err)
		}
		if !b.Destroyed(w.Poll) {
			list = append(list, w)
		}
	}
	return list, store.Kind(rows.Err())
}

// fill goes once over the box of each poll that a bucket takes, several at a time.
func (b *Box) fill(ctx context.Context, waiting []waits, buckets []*bucket, all []somebody) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan waits)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for w := range next {
				if err := b.fillFrom(ctx, w, buckets, all, &mu); err != nil {
					stop(err)
				}
			}
		})
	}
	for _, w := range waiting {
		if ctx.Err() == nil && slices.ContainsFunc(buckets, func(k *bucket) bool { return k != nil && w.in(k.scope) }) {
			next <- w
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

func (b *Box) fillFrom(ctx context.Context, w waits, buckets []*bucket, all []somebody, mu *sync.Mutex) error {
	final, err := b.Latest(ctx, w.Poll)
	if err != nil {
		return err
	}
	counted, matched := make([]uint8, len(all)), make([]uint8, len(all))
	if err := b.compare(ctx, w.Noted, tops(w.Noted, final.Verified), all, counted, matched); err != nil {
		return fmt.Errorf("compare the answers to %s: %w", w.PollID, err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, k := range buckets {
		if k == nil || !w.in(k.scope) {
			continue
		}
		for i := range all {
			k.counted[i] += uint16(counted[i])
			k.matched[i] += uint16(matched[i])
		}
	}
	return nil
}

// compare opens the box of one poll. A changed answer never earns a match.
func (b *Box) compare(ctx context.Context, n Noted, tops []int, all []somebody, counted, matched []uint8) error {
	aead, err := b.aead(n.Poll)
	if err != nil {
		return err
	}
	tags := b.tagsIn(n.Poll, all)
	return b.walk(ctx, b.db.ReadBound(), aead, verified, n.Poll, func(tag []byte, o opened) error {
		for len(tags) > 0 && bytes.Compare(tags[0].tag[:], tag) < 0 {
			tags = tags[1:]
		}
		if len(tags) == 0 || !bytes.Equal(tags[0].tag[:], tag) {
			return nil // of somebody who is no longer verified here
		}
		who, at := tags[0].who, 0
		for i, q := range n.Questions {
			choice := o.choice[at : at+q.size()]
			if at += q.size(); tops[i] < 0 {
				continue
			}
			match, counts := q.matches(n.Gauges[i], tops[i], choice)
			if counts && counted[who] < 255 {
				counted[who]++
				if match && o.seq == 0 {
					matched[who]++
				}
			}
		}
		return nil
	})
}

// keepBucket stores the verdicts of a bucket in place of those of the one before,
// and marks its polls.
func (b *Box) keepBucket(ctx context.Context, epoch time.Time, k *bucket, all []somebody) error {
	at := store.Millis(epoch)
	in := "in_sphere"
	if k.scope == 0 {
		in = "in_whole"
	}
	return b.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "delete from status_agreement where scope = ?", k.scope); err != nil {
			return err
		}
		for part, some := range byPart(all) {
			plain := make([]byte, 0, (some.until-some.from)*(idSize+1))
			for i := some.from; i < some.until; i++ {
				yes := byte(store.Flag(k.counted[i] >= LeastOwn && 2*int(k.matched[i]) > int(k.counted[i])))
				plain = append(append(plain, all[i].id[:]...), yes)
			}
			sealed, err := b.keys.Seal(fmt.Sprintf("status agreement %d %d %d", k.scope, at, part), plain)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "insert into status_agreement (scope, part, epoch, sealed) values (?, ?, ?, ?)", k.scope, part, at, sealed); err != nil {
				return err
			}
		}
		for _, poll := range k.polls {
			if _, err := tx.Exec(ctx, "update status_polls set "+in+" = ? where poll = ?", at, poll); err != nil {
				return err
			}
		}
		return nil
	})
}

// FactsOf are one person's facts as of the epoch, from the months after since.
func (b *Box) FactsOf(ctx context.Context, person []byte, since, epoch time.Time) (Facts, error) {
	id := b.factID(b.keys.Derive("status"), person)
	got := map[factID]*Facts{id: {}}
	if err := b.readFacts(ctx, id.part(), since, epoch, got); err != nil {
		return Facts{}, err
	}
	return *got[id], nil
}

// EachFacts gives the facts of all persons, one after the other, in memory that
// does not grow with their number but for their keys.
func (b *Box) EachFacts(ctx context.Context, since, epoch time.Time, persons Persons, each func(person []byte, f Facts) error) error {
	all, err := b.everybody(persons)
	if err != nil {
		return err
	}
	for part, some := range byPart(all) {
		got := make(map[factID]*Facts, some.until-some.from)
		for i := some.from; i < some.until; i++ {
			got[all[i].id] = &Facts{}
		}
		if err := b.readFacts(ctx, part, since, epoch, got); err != nil {
			return err
		}
		for i := some.from; i < some.until; i++ {
			if err := each(all[i].person, *got[all[i].id]); err != nil {
				return err
			}
		}
	}
	return nil
}

// readFacts fills in the facts of those of a part who are asked for.
func (b *Box) readFacts(ctx context.Context, part int, since, epoch time.Time, into map[factID]*Facts) error {
	from, until := store.Millis(since), store.Millis(epoch)
	err := b.eachSealed(ctx, "select 0, epoch, sealed from status_months where part = ? and epoch > ? and epoch <= ? order by epoch", part, from, until,
		func(_ int, at int64, sealed []byte) error {
			plain, err := b.keys.Unseal(fmt.Sprintf("status month %d %d", at, part), sealed)
			if err != nil {
				return err
			}
			return unpack(plain, func(id factID, scope int, t Tally) {
				f := into[id]
				if f == nil {
					return
				}
				if n := len(f.Months); n == 0 || !f.Months[n-1].Epoch.Equal(store.Time(at)) {
					f.Months = append(f.Months, MonthFacts{Epoch: store.Time(at)})
				}
				f.Months[len(f.Months)-1].Scopes[scope] = t
			})
		})
	if err != nil {
		return fmt.Errorf("read status facts: %w", err)
	}
	err = b.eachSealed(ctx, "select scope, epoch, sealed from status_agreement where part = ? and epoch > ? and epoch <= ? order by scope", part, from, until,
		func(scope int, at int64, sealed []byte) error {
			plain, err := b.keys.Unseal(fmt.Sprintf("status agreement %d %d %d", scope, at, part), sealed)
			if err != nil {
				return err
			}
			for one := range slices.Chunk(plain, idSize+1) {
				if f := into[factID(one[:idSize])]; f != nil {
					f.Agrees[scope] = one[idSize] == 1
				}
			}
			return nil
		})
	if err != nil {
		return fmt.Errorf("read status facts: %w", err)
	}
	return nil
}

func (b *Box) eachSealed(ctx context.Context, query string, part int, from, until int64, each func(scope int, epoch int64, sealed []byte) error) error {
	rows, err := b.db.ReadBound().Query(ctx, query, part, from, until)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var scope int
		var at int64
		var sealed []byte
		if err := rows.Scan(&scope, &at, &sealed); err != nil {
			return err
		}
		if err := each(scope, at, sealed); err != nil {
			return err
		}
	}
	return store.Kind(rows.Err())
}
