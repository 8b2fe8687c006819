package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"viche/internal/store"
	"viche/internal/store/storetest"
)

func set(ctx context.Context, db *store.DB, name, value string) error {
	return db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "insert into facts (name, value) values (?, ?)", name, value)
		return err
	})
}

func count(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	if err := db.Read().NewRaw("select count(*) from facts where name like 't.%'").Scan(t.Context(), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWriteKeepsAllOrNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		boom := errors.New("boom")
		committed := false
		err := db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			tx.AfterCommit(func() { committed = true })
			if _, err := tx.Exec(ctx, "insert into facts (name, value) values (?, ?)", "t.a", "1"); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) || committed || count(t, db) != 0 {
			t.Errorf("failed write: err = %v, committed = %v, rows = %d; want boom, false, 0", err, committed, count(t, db))
		}
		if err := set(ctx, db, "t.a", "1"); err != nil {
			t.Fatal(err)
		}
		if err := set(ctx, db, "t.a", "2"); !errors.Is(err, store.ErrExists) {
			t.Errorf("second insert: %v, want ErrExists", err)
		}
		err = db.Write(ctx, func(ctx context.Context, tx *store.Tx) error { panic("slip") })
		if err == nil || !strings.Contains(err.Error(), "slip") {
			t.Errorf("panic in a change: %v, want an error that tells it", err)
		}
		if n := count(t, db); n != 1 {
			t.Errorf("rows = %d, want 1", n)
		}
		var missing string
		if err := db.ReadBound().Row(ctx, []any{&missing}, "select value from facts where name = ?", "none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("missing row: %v, want ErrNotFound", err)
		}
	})
}

func TestWriteInsideWriteIsRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		err := db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return set(ctx, db, "t.x", "1") })
		if err == nil || !strings.Contains(err.Error(), "inside") {
			t.Errorf("nested Write = %v, want a refusal rather than a hang", err)
		}
	})
}

func TestParallelWritesFailAlone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var wg sync.WaitGroup
		var failed, done sync.Map
		for i := range 200 {
			wg.Go(func() {
				name := "t." + string(rune('a'+i%100/10)) + string(rune('a'+i%10))
				if err := set(t.Context(), db, name, "v"); err != nil {
					if !errors.Is(err, store.ErrExists) {
						t.Errorf("write %d: %v", i, err)
					}
					failed.Store(i, true)
					return
				}
				done.Store(name, true)
			})
		}
		wg.Wait()
		if n := count(t, db); n != 100 {
			t.Errorf("rows = %d, want 100: each name once", n)
		}
	})
}

// Changes that share a transaction: those that fail, panic, or whose caller is
// gone take nothing of the others' with them and leave nothing themselves.
func TestBoundChangesFailAlone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var wg sync.WaitGroup
		var after atomic.Int32
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 200 {
			wg.Go(func() {
				ctx, fails := t.Context(), i%10 == 3
				if i%10 == 7 {
					ctx, fails = gone, true
				}
				err := db.WriteBound(ctx, func(ctx context.Context, tx *store.Tx) error {
					tx.AfterCommit(func() { after.Add(1) })
					if err := tx.Soon(ctx, nil, func() error {
						if i%20 == 3 {
							return store.ErrDenied // told after the statements of the same message have run
						}
						return nil
					}, "select 1"); err != nil {
						return err
					}
					if _, err := tx.Exec(ctx, "insert into facts (name, value) values (?, '1') on conflict do nothing", fmt.Sprintf("bound.%d", i)); err != nil {
						return err
					}
					if i%20 == 13 {
						panic("in the middle")
					}
					return nil
				})
				if (err != nil) != fails {
					t.Errorf("change %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		var n int
		if err := db.Read().NewRaw("select count(*) from facts where name like 'bound.%'").Scan(t.Context(), &n); err != nil || n != 160 || after.Load() != 160 {
			t.Errorf("%d changes stand, %d were told so, %v; want 160", n, after.Load(), err)
		}
	})
}

func TestReadPoolCannotWrite(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t), store.Options{})
	if _, err := db.Read().ExecContext(t.Context(), "insert into facts (name, value) values ('t.r', '1')"); err == nil {
		t.Error("the read pool wrote")
	}
}

func TestSecondServerOnTheSameFileIsRefused(t *testing.T) {
	t.Parallel()
	dsn := storetest.SQLite(t)
	db := storetest.Open(t, dsn, store.Options{})
	release, err := db.Lock()
	if err != nil {
		t.Fatal(err)
	}
	beside := storetest.Open(t, dsn, store.Options{}) // an admin command beside it works
	if err := set(t.Context(), beside, "t.admin", "1"); err != nil {
		t.Errorf("admin beside a server: %v", err)
	}
	if _, err := beside.Lock(); !errors.Is(err, store.ErrExists) {
		t.Errorf("second lock = %v, want ErrExists", err)
	}
	release()
	again, err := beside.Lock()
	if err != nil {
		t.Fatalf("lock after release: %v", err)
	}
	again()
}

func TestDamagedFileIsToldPlainly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bad.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database ", 400)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
	if err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("Open of a damaged file = %v, want a readable error", err)
	}
}

type ping struct {
	Name string `json:"name"`
}

func (ping) Kind() string { return "ping" }

func TestJobRunsOnlyAfterCommit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ran := make(chan string, 4)
		workers := river.NewWorkers()
		river.AddWorker(workers, river.WorkFunc(func(_ context.Context, j *river.Job[ping]) error {
			ran <- j.Args.Name
			return nil
		}))
		ticked := make(chan struct{}, 4)
		periodic := []store.Periodic{{Name: "beat", Every: time.Hour, Do: func(context.Context) error { ticked <- struct{}{}; return nil }}}
		if err := db.StartJobs(t.Context(), workers, periodic); err != nil {
			t.Fatal(err)
		}
		_ = db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Enqueue(ctx, ping{"lost"}, nil); err != nil {
				return err
			}
			return errors.New("changed my mind")
		})
		if err := db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.Enqueue(ctx, ping{"kept"}, nil) }); err != nil {
			t.Fatal(err)
		}
		for _, what := range []<-chan struct{}{ticked} {
			select {
			case <-what:
			case <-time.After(20 * time.Second):
				t.Fatal("the periodic work did not run")
			}
		}
		select {
		case got := <-ran:
			if got != "kept" {
				t.Errorf("ran %q, want only the committed job", got)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the job did not run")
		}
	})
}

func TestIDsRise(t *testing.T) {
	t.Parallel()
	last := int64(0)
	for range 100_000 {
		id := store.NewID()
		if id <= last {
			t.Fatalf("id %d after %d", id, last)
		}
		last = id
	}
}

func TestPathsMayHoldAnySign(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "віче #1 100%?.db")
	storetest.Open(t, "sqlite:"+path, store.Options{})
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the database lies elsewhere: %v", err)
	}
}
