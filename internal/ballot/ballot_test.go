package ballot_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"viche/internal/ballot"
	"viche/internal/keys"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

var yesNo = []ballot.Question{{ID: "q1", Kind: ballot.One, Options: []string{"o1", "o2", "o3"}}}

type world struct {
	db   *store.DB
	keys *keys.File
	box  *ballot.Box
	poll ballot.Poll
}

func people(n int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for i := range n {
			if !yield(person(i), nil) {
				return
			}
		}
	}
}

func person(i int) []byte { return []byte(fmt.Sprintf("person-%06d-----------------------", i)) }

func open(t testing.TB, db *store.DB, questions []ballot.Question, voters int) world {
	t.Helper()
	k, err := keys.Create(filepath.Join(t.TempDir(), "keys.json"), "tally", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := world{db: db, keys: k, box: ballot.New(db, k), poll: ballot.Poll{ID: store.NewID(), PollID: uuid.Must(uuid.NewV7()), Questions: questions}}
	if err := db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		n, err := w.box.Open(ctx, tx, w.poll, people(voters))
		if err == nil && n != voters {
			t.Errorf("register = %d, want %d", n, voters)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w world) put(ctx context.Context, v ballot.Voter, ids ...string) (n int, err error) {
	err = w.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		r, err := w.box.Put(ctx, tx, w.poll, v, ballot.Answer{ids})
		n = r.Changes
		return err
	})
	return n, err
}

var rules = ballot.Rules{K: 10, Step: 25, SnapshotEvery: 10 * time.Minute}

// Vector 01 of the voting vectors: poll 019ab311…, resident secret 96dd02a5….
func TestVoterTagIsThatOfTheVector(t *testing.T) {
	t.Parallel()
	secret, _ := hex.DecodeString("96dd02a5dd5e75a42816f2837daf2a86eb2c30058a8018b79c1c17bb8f310948")
	got := ballot.TagOf(secret, ballot.Poll{PollID: uuid.MustParse("019ab311-2233-7c44-8d55-010203040506")})
	want := "09cafe49b036414ad0f0ec8635d11dc78fb9a265d1951253973b4c09309a06cf"
	if hex.EncodeToString(got) != want {
		t.Errorf("tag = %x, want %s", got, want)
	}
}

func TestSecondBallotReplacesFirst(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		w := open(t, db, yesNo, 300)
		olena := ballot.Voter{Person: person(7)}
		for i, step := range []struct {
			choice string
			want   int
		}{{"o1", 0}, {"o1", 0}, {"o2", 1}, {"o2", 1}, {"o1", 2}} {
			if n, err := w.put(ctx, olena, step.choice); err != nil || n != step.want {
				t.Errorf("step %d: changes = %d, %v; want %d", i, n, err, step.want)
			}
		}
		a, n, err := w.box.Own(ctx, db.ReadBound(), w.poll, olena)
		if err != nil || n != 2 || a[0][0] != "o1" {
			t.Errorf("own answer = %v after %d changes, %v", a, n, err)
		}
		s, err := w.box.Close(ctx, w.poll, rules)
		if err != nil {
			t.Fatal(err)
		}
		q := s.Verified.Questions[0]
		if s.Verified.Register != 300 || s.Verified.Ballots != 1 || s.Verified.Changes != 1 || q.Counts[0] != 1 || q.First[0] != 1 {
			t.Errorf("numbers = %+v", s.Verified)
		}
	})
}

func TestFiftyParallelCastsLeaveOneBallot(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db, yesNo, 5)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if _, err := w.put(t.Context(), ballot.Voter{Person: person(3)}, []string{"o1", "o2", "o3"}[i%3]); err != nil {
					t.Errorf("cast %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		s, err := w.box.Close(t.Context(), w.poll, rules)
		if err != nil || s.Verified.Ballots != 1 || s.Verified.Changes != 1 {
			t.Errorf("after 50 casts: %+v, %v; want one ballot, one person who changed", s.Verified, err)
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db, []ballot.Question{{ID: "q1", Kind: ballot.Several, Options: []string{"a", "b", "c"}, Max: 2}}, 5)
		in := ballot.Voter{Person: person(1)}
		for _, c := range []struct {
			name string
			v    ballot.Voter
			ids  []string
			want error
			text string
		}{
			{"stranger", ballot.Voter{Person: person(99)}, []string{"a"}, ballot.ErrNotRegistered, ""},
			{"empty", in, nil, store.ErrInvalid, "ballot.empty"},
			{"unknown option", in, []string{"z"}, store.ErrInvalid, "no-such-option"},
			{"twice", in, []string{"a", "a"}, store.ErrInvalid, "option-twice"},
			{"too many", in, []string{"a", "b", "c"}, store.ErrInvalid, "too-many"},
		} {
			_, err := w.put(t.Context(), c.v, c.ids...)
			if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.text) {
				t.Errorf("%s: %v, want %v %s", c.name, err, c.want, c.text)
			}
		}
		one := open(t, db, yesNo, 5)
		if _, err := one.put(t.Context(), in, "o1", "o2"); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("two of one choice: %v", err)
		}
		s, err := w.box.Close(t.Context(), w.poll, rules)
		if err != nil || s.Verified.Ballots != 0 {
			t.Errorf("after refusals: %+v, %v; want an empty box", s.Verified, err)
		}
	})
}

func TestStaffCredentialCannotReadOrGuessOlderAnswer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		w := open(t, db, yesNo, 5)
		own := ballot.Voter{Person: person(1), Issued: 1} // staff issued one token long ago
		if _, err := w.put(ctx, own, "o2"); err != nil {
			t.Fatal(err)
		}
		staff := ballot.Voter{Person: person(1), Credential: 2, Issued: 2}
		if _, _, err := w.box.Own(ctx, db.ReadBound(), w.poll, staff); !errors.Is(err, ballot.ErrCredential) {
			t.Errorf("newer staff credential read the answer: %v", err)
		}
		if a, _, err := w.box.Own(ctx, db.ReadBound(), w.poll, own); err != nil || a[0][0] != "o2" {
			t.Errorf("the person's own credential: %v, %v", a, err)
		}
		// Guessing right must look like guessing wrong.
		if n, err := w.put(ctx, staff, "o2"); err != nil || n != 1 {
			t.Errorf("the same answer from a staff credential: changes = %d, %v; want 1", n, err)
		}
	})
}

func TestSnapshotsMoveInSteps(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		clock := now
		db := storetest.Open(t, dsn, store.Options{Clock: func() time.Time { return clock }})
		ctx := t.Context()
		w := open(t, db, yesNo, 200)
		closes := now.Add(24 * time.Hour)
		cast := func(from, to int, id string) {
			t.Helper()
			for i := from; i < to; i++ {
				if _, err := w.put(ctx, ballot.Voter{Person: person(i)}, id); err != nil {
					t.Fatal(err)
				}
			}
		}
		snap := func(want bool, why string) {
			t.Helper()
			got, err := w.box.Snapshot(ctx, w.poll, closes, rules)
			if err != nil || got != want {
				t.Errorf("%s: snapshot = %v, %v; want %v", why, got, err, want)
			}
		}
		cast(0, 24, "o1")
		snap(false, "24 ballots")
		cast(24, 25, "o1")
		snap(false, "25 ballots that all say the same")
		cast(25, 30, "o2")
		snap(true, "30 ballots of two answers")
		cast(30, 60, "o1")
		snap(false, "30 more, but too soon")
		clock = now.Add(11 * time.Minute)
		snap(true, "30 more, after ten minutes")
		clock = now.Add(22 * time.Minute)
		cast(0, 24, "o3")
		snap(false, "24 changed answers")
		cast(24, 25, "o3")
		snap(true, "25 changed answers")
		clock = closes.Add(-59 * time.Minute)
		cast(60, 100, "o2")
		snap(false, "the last hour")
		clock = closes
		s, err := w.box.Close(ctx, w.poll, rules)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Final || s.Number != 4 || s.Verified.Ballots != 100 || s.Verified.Changes != 25 || fmt.Sprint(s.Verified.Questions[0].Counts) != "[30 45 25]" || fmt.Sprint(s.Verified.Questions[0].First) != "[55 45 0]" {
			t.Errorf("final = %+v", s)
		}
		again, err := w.box.Close(ctx, w.poll, rules)
		if err != nil || again.Number != s.Number {
			t.Errorf("closing twice: %+v, %v", again, err)
		}
	})
}

func TestLastSnapshotGoesWhenTheFinalCountIsNear(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		w := open(t, db, yesNo, 100)
		for i := range 40 {
			if _, err := w.put(ctx, ballot.Voter{Person: person(i)}, []string{"o1", "o2"}[i%2]); err != nil {
				t.Fatal(err)
			}
		}
		if ok, err := w.box.Snapshot(ctx, w.poll, db.Now().Add(time.Hour*5), rules); !ok || err != nil {
			t.Fatalf("snapshot = %v, %v", ok, err)
		}
		if _, err := w.put(ctx, ballot.Voter{Person: person(50)}, "o3"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.box.Close(ctx, w.poll, rules); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.ReadBound().Row(ctx, []any{&n}, "select count(*) from snapshots where poll = ?", w.poll.ID); err != nil || n != 1 {
			t.Errorf("%d snapshots kept, %v; want the final one alone: one ballot tells them apart", n, err)
		}
	})
}

func TestTamperedBoxIsNotCounted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		for _, c := range []struct {
			name, sql string
			want      string
		}{
			{"two answers exchanged", "update ballots set sealed = (select sealed from ballots b where b.poll = ballots.poll and b.tag <> ballots.tag limit 1) where poll = ?", "does not open"},
			{"sequence turned back", "update ballots set seq = seq + 1 where poll = ?", "does not open"},
			{"a stranger's row", "insert into ballots select poll, cast('00000000000000000000000000000000' as bytea), seq, sealed from ballots where poll = ? limit 1", ""},
			{"a counted ballot gone", "delete from ballots where poll = ? and tag = (select tag from ballots b where b.poll = ballots.poll order by tag limit 1)", "gone"},
		} {
			w := open(t, db, yesNo, 60)
			for i := range 40 {
				if _, err := w.put(ctx, ballot.Voter{Person: person(i)}, []string{"o1", "o2"}[i%2]); err != nil {
					t.Fatal(err)
				}
			}
			if ok, err := w.box.Snapshot(ctx, w.poll, db.Now().Add(5*time.Hour), rules); !ok || err != nil {
				t.Fatalf("snapshot = %v, %v", ok, err)
			}
			if err := db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.NewRaw(c.sql, w.poll.ID).Exec(ctx)
				return err
			}); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if s, err := w.box.Close(ctx, w.poll, rules); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: counted %+v, %v; want a refusal", c.name, s.Verified, err)
			}
		}
	})
}

func TestGuestsAreCountedApart(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		guest := func(w world, actor, id string) error {
			return db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
				return w.box.PutGuest(ctx, tx, w.poll, actor, ballot.Answer{{id}})
			})
		}
		one := open(t, db, yesNo, 5)
		if err := guest(one, "https://m.example/users/bob", "o1"); err != nil {
			t.Fatal(err)
		}
		if err := guest(one, "https://m.example/users/bob", "o2"); !errors.Is(err, store.ErrExists) {
			t.Errorf("a guest's second vote: %v, want ErrExists", err)
		}
		several := open(t, db, []ballot.Question{{ID: "q1", Kind: ballot.Several, Options: []string{"a", "b"}}}, 5)
		for _, id := range []string{"a", "b", "b"} {
			if err := guest(several, "https://m.example/users/bob", id); err != nil {
				t.Errorf("choice %s: %v", id, err)
			}
		}
		for w, want := range map[*world]string{&one: "[1 0 0]", &several: "[1 1]"} {
			s, err := w.box.Close(ctx, w.poll, rules)
			if err != nil || s.Verified.Ballots != 0 || s.Guests.Ballots != 1 || fmt.Sprint(s.Guests.Questions[0].Counts) != want {
				t.Errorf("verified %+v, guests %+v, %v; want 0 and %s", s.Verified, s.Guests, err, want)
			}
		}
	})
}

// The database file alone must not tell two residents' different answers apart:
// whoever has it sees rows of equal length that look like noise, and the same
// world with the answers exchanged gives the same picture.
func TestDatabaseFileAloneTellsNoAnswer(t *testing.T) {
	t.Parallel()
	picture := func(first, second string) (out []string) {
		dsn := storetest.SQLite(t)
		db := storetest.Open(t, dsn, store.Options{})
		w := open(t, db, yesNo, 50)
		for i, id := range []string{first, second} {
			if _, err := w.put(t.Context(), ballot.Voter{Person: person(i)}, id); err != nil {
				t.Fatal(err)
			}
		}
		raw := readAll(t, strings.TrimPrefix(dsn, "sqlite:"))
		for _, secret := range [][]byte{person(0), person(1), []byte(`"o1"`), []byte(`"o3"`)} {
			if bytes.Contains(raw, secret) {
				t.Errorf("the database holds %q in clear", secret)
			}
		}
		rows, err := db.ReadBound().Query(t.Context(), "select poll, seq, length(tag), length(sealed) from ballots")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var poll, seq, tag, sealed int64
			if err := rows.Scan(&poll, &seq, &tag, &sealed); err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprint(poll == w.poll.ID, seq, tag, sealed))
		}
		// Without the key file an answer cannot be opened; with another city's neither.
		foreign, err := keys.Create(filepath.Join(t.TempDir(), "keys.json"), "tally", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := foreign.NewSealing(w.poll.PollID.String()); err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if a, _, err := ballot.New(db, foreign).Own(t.Context(), db.ReadBound(), w.poll, ballot.Voter{Person: person(i)}); err == nil {
				t.Errorf("another key file read %v", a)
			}
		}
		return out
	}
	a, b := picture("o1", "o3"), picture("o3", "o1")
	if len(a) != 2 || fmt.Sprint(a) != fmt.Sprint(b) || a[0] != a[1] {
		t.Errorf("rows tell answers apart: %v and %v", a, b)
	}
}

func readAll(t *testing.T, path string) (all []byte) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		raw, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw...)
	}
	return all
}

func TestDestroyedKeyEndsReadingButNotCounts(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t), store.Options{})
	w := open(t, db, yesNo, 5)
	if _, err := w.put(t.Context(), ballot.Voter{Person: person(1)}, "o1"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.box.Close(t.Context(), w.poll, rules); err != nil {
		t.Fatal(err)
	}
	if err := w.box.Destroy(w.poll); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.box.Own(t.Context(), db.ReadBound(), w.poll, ballot.Voter{Person: person(1)}); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("own answer after the key is gone: %v", err)
	}
	if s, err := w.box.Latest(t.Context(), w.poll); err != nil || s.Verified.Ballots != 1 {
		t.Errorf("counts after the key is gone: %+v, %v", s, err)
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct {
		s    ballot.Sight
		want bool
	}{
		{ballot.Sight{Policy: ballot.AfterVote, Closes: now.Add(time.Second)}, false},
		{ballot.Sight{Policy: ballot.AfterVote, Closes: now.Add(time.Second), Voted: true}, true},
		{ballot.Sight{Policy: ballot.AfterClose, Closes: now.Add(time.Second), Voted: true}, false},
		{ballot.Sight{Policy: ballot.AfterClose, Closes: now}, true},
		{ballot.Sight{Policy: ballot.AfterVote, Closes: now}, true},
	} {
		if got := ballot.Visible(c.s, now); got != c.want {
			t.Errorf("Visible(%+v) = %v, want %v", c.s, got, c.want)
		}
	}
}
