// Package store hides which database a city runs on. It opens SQLite (the
// embedded default) or PostgreSQL, hands out the one way to write (DB.Write),
// the one way to read (DB.Read), and puts background jobs into the same
// transaction as the change that asks for them.
//
// Three rules keep it safe. Whoever writes does it inside Write and speaks to
// the database through tx alone: SQLite has one writer, and asking the pool
// from inside waits for ever. Times are stored as Unix milliseconds of our
// clock. Everything that arrives may arrive twice, so a unique key decides and
// never a look before the insert.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the pure Go driver, registered as "sqlite"
)

// Options are what Open needs besides the address. The zero value serves.
type Options struct {
	Log   *slog.Logger
	Clock func() time.Time // time.Now unless a test brings its own
	Conns int              // PostgreSQL connections and SQLite readers; 16 if zero
}

// DB is one city's database. The caller of Open closes it.
type DB struct {
	log    *slog.Logger
	clock  func() time.Time
	read   *bun.DB
	bound  Bound  // read with real parameters
	path   string // of the SQLite file; empty on PostgreSQL
	writer writer
	jobs   jobs
	close  []func() error
}

// writer is what the two databases do differently when somebody writes.
type writer interface {
	write(ctx context.Context, fn func(context.Context, *Tx) error) error
	writeBound(ctx context.Context, fn func(context.Context, *Tx) error) error
	stop()
}

// Tx is one running change. It is good only inside the function that Write
// called, only on that goroutine.
type Tx struct {
	bun.IDB
	Bound // the same transaction with real parameters instead of inlined ones

	// Now is the moment of this change by the city's clock.
	Now time.Time

	db      *DB
	enqueue enqueuer
	after   []func()
	ahead   *ahead // PostgreSQL: what travels with the next statement
}

// AfterCommit runs f once the change is safely stored, and never if it is not.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

// Share holds a poll's door open for the rest of this change: until it ends,
// nobody gets past Alone on the same id. SQLite has one writer, so there the
// change itself is alone already.
func (tx *Tx) Share(ctx context.Context, id int64) error {
	if !tx.db.Postgres() {
		return nil
	}
	return tx.Soon(ctx, nil, nil, "select pg_advisory_xact_lock_shared(?)", id)
}

// Alone waits until every change that holds the door of id has ended, and keeps
// new ones out until this one ends.
func (tx *Tx) Alone(ctx context.Context, id int64) error {
	if !tx.db.Postgres() {
		return nil
	}
	_, err := tx.Exec(ctx, "select pg_advisory_xact_lock(?)", id)
	return err
}

// Open opens the database that dsn names: "sqlite:FILE" or a postgres:// URL.
func Open(ctx context.Context, dsn string, o Options) (*DB, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Conns == 0 {
		o.Conns = 16
	}
	db := &DB{log: o.Log, clock: o.Clock}
	var err error
	switch {
	case strings.HasPrefix(dsn, "sqlite:"):
		err = db.openSQLite(ctx, strings.TrimPrefix(dsn, "sqlite:"), o)
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		err = db.openPostgres(ctx, dsn, o)
	default:
		err = fmt.Errorf("database %q: want sqlite:FILE or postgres://…", redact(dsn))
	}
	if err != nil {
		_ = db.Close() // the first error is the one that helps
		return nil, err
	}
	return db, nil
}

// Close stops the jobs, then the connections.
func (db *DB) Close() error {
	db.StopJobs()
	if db.writer != nil {
		db.writer.stop()
	}
	var errs []error
	for i := len(db.close) - 1; i >= 0; i-- {
		errs = append(errs, db.close[i]())
	}
	db.close = nil
	return errors.Join(errs...)
}

// Now is the city's clock.
func (db *DB) Now() time.Time { return db.clock() }

// Read is for pages: a pool that cannot write. Never use it inside Write.
func (db *DB) Read() bun.IDB { return db.read }

// ReadBound is Read with real parameters.
func (db *DB) ReadBound() Bound { return db.bound }

// Postgres says which of the two databases this is, for the few commands whose
// work differs by nature (back-up, the rewriting of a box at the close).
func (db *DB) Postgres() bool { return db.path == "" }

// Ping says whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return Kind(db.read.PingContext(ctx)) }

type inside struct{}

// Write runs fn in one transaction: all of it is stored, or nothing. When Write
// returns nil the change survives a power cut. Calls inside a running Write are
// refused. An error of fn comes back as it is; the database's own errors come
// back as one of the kinds of this package.
func (db *DB) Write(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return db.change(ctx, db.writer.write, fn)
}

// WriteBound is Write for the change that many make at once: it has only
// Soon, Exec and Row, so that PostgreSQL gets it in as few messages as can be.
// There is no IDB in it, and nothing can be enqueued.
func (db *DB) WriteBound(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return db.change(ctx, db.writer.writeBound, fn)
}

func (db *DB) change(ctx context.Context, write func(context.Context, func(context.Context, *Tx) error) error, fn func(ctx context.Context, tx *Tx) error) error {
	if ctx.Value(inside{}) != nil {
		return errors.New("store: Write inside Write")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return Kind(write(context.WithValue(ctx, inside{}, true), fn))
}

// Lock takes the SQLite file for one server; the second one is refused. On
// PostgreSQL several servers may share a database, so there is nothing to lock.
func (db *DB) Lock() (release func(), err error) {
	if db.path == "" {
		return func() {}, nil
	}
	f, err := os.OpenFile(db.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", db.path, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("another server already runs on %s: %w", db.path, ErrExists)
	}
	return func() { _ = f.Close() }, nil
}

// --- SQLite -----------------------------------------------------------------

const pragmas = "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
	"&_pragma=foreign_keys(1)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-8000)"

func (db *DB) openSQLite(ctx context.Context, path string, o Options) error {
	path, err := filepath.Abs(strings.TrimPrefix(path, "//"))
	if err != nil {
		return fmt.Errorf("database file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("database folder: %w", err)
	}
	db.path = path
	w, err := sql.Open("sqlite", "file:"+escaped(path)+"?"+pragmas+"&_txlock=immediate")
	if err != nil {
		return fmt.Errorf("database %s: %w", path, err)
	}
	db.close = append(db.close, w.Close)
	w.SetMaxOpenConns(1)
	var tables int
	if err := w.QueryRowContext(ctx, "select count(*) from sqlite_master").Scan(&tables); err != nil {
		return fmt.Errorf("database %s cannot be read (is it damaged, or another program's file?): %w", path, Kind(err))
	}
	_ = os.Chmod(path, 0o600) // best effort: some file systems know no modes
	r, err := sql.Open("sqlite", "file:"+escaped(path)+"?"+pragmas+"&_pragma=query_only(1)")
	if err != nil {
		return fmt.Errorf("database %s: %w", path, err)
	}
	db.close = append(db.close, r.Close)
	r.SetMaxOpenConns(o.Conns)
	r.SetMaxIdleConns(o.Conns)
	db.read = bun.NewDB(r, sqlitedialect.New())
	db.bound = Bound{q: reading{r, newPrepared(r)}}
	db.jobs.sqlite = w
	gw := &groupWriter{line: newLine(), db: db, pool: w, bun: bun.NewDB(w, sqlitedialect.New()), kept: newPrepared(w)}
	db.writer = gw
	gw.done.Add(1)
	go gw.serve(func(r *request) {
		for _, query := range gw.commit(r) {
			gw.kept.keep(context.Background(), query)
		}
	})
	return db.openInserter()
}

// escaped makes a path fit for a file: address, where "?" and "#" mean more.
func escaped(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// groupWriter is SQLite's one writer. Changes that wait at the same moment share
// one transaction and so one fsync, each inside a savepoint of its own: a change
// that fails takes back only itself. Nobody is answered before the commit.
type groupWriter struct {
	line
	db   *DB
	pool *sql.DB
	bun  *bun.DB
	kept *prepared
}

// line is where changes wait for those who make several of them together.
type line struct {
	queue chan *request
	quit  chan struct{}
	once  sync.Once
	done  sync.WaitGroup
}

type request struct {
	ctx  context.Context
	fn   func(context.Context, *Tx) error
	err  error
	tx   *Tx
	done chan struct{}
}

func newLine() line { return line{queue: make(chan *request, 256), quit: make(chan struct{})} }

// through returns when fn's change is stored, or why it is not.
func (l *line) through(ctx context.Context, fn func(context.Context, *Tx) error) error {
	r := &request{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case <-l.quit:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	case l.queue <- r:
	}
	select {
	case <-r.done:
		return r.err
	case <-l.quit:
		l.done.Wait() // the group that was running still tells its end
		select {
		case <-r.done:
			return r.err
		default:
			return errClosed
		}
	}
}

// next is whoever waits, now; nil if nobody does.
func (l *line) next() *request {
	select {
	case r := <-l.queue:
		return r
	default:
		return nil
	}
}

// serve calls each with the first of a group until the line is stopped.
func (l *line) serve(each func(*request)) {
	defer l.done.Done()
	for {
		select {
		case <-l.quit:
			return
		case r := <-l.queue:
			each(r)
		}
	}
}

func (l *line) stop() {
	l.once.Do(func() { close(l.quit) })
	l.done.Wait()
}

// groupSize bounds how long the first of a group waits for the last.
const groupSize = 64

var errClosed = fmt.Errorf("database is closed: %w", ErrUnavailable)

func (g *groupWriter) write(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return g.through(ctx, fn)
}

// writeBound keeps what write can do and writeBound cannot from being used
// where it happens to work.
func (g *groupWriter) writeBound(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return g.write(ctx, func(ctx context.Context, tx *Tx) error {
		tx.IDB, tx.enqueue = nil, nil
		return fn(ctx, tx)
	})
}

// commit runs r and whatever waits behind it, then commits once. It returns the
// statements that are worth preparing.
func (g *groupWriter) commit(r *request) (later []string) {
	group := []*request{}
	fail := func(err error) {
		for _, r := range group {
			if r.err == nil {
				r.err = err
			}
		}
	}
	defer func() {
		for _, r := range group {
			if r.err == nil {
				for _, f := range r.tx.after {
					f()
				}
			}
			close(r.done)
		}
	}()
	group = append(group, r)
	// A cancelled statement would roll back the whole group, so the callers'
	// deadlines end at the door.
	ctx := context.Background()
	tx, err := g.bun.BeginTx(ctx, nil)
	if err != nil {
		fail(err)
		return nil
	}
	bound := Bound{q: writing{tx.Tx, g.kept, &later}}
	for {
		var broken bool
		if r.err, broken = g.step(tx, bound, r); broken {
			_ = tx.Rollback() // SQLite has ended the transaction by itself
			fail(r.err)
			return nil
		}
		if len(group) == groupSize {
			break
		}
		if r = g.next(); r == nil {
			break
		}
		group = append(group, r)
	}
	if err := tx.Commit(); err != nil {
		_ = tx.Rollback() // the commit's error is the one to tell
		fail(err)
	}
	return later
}

// step runs one change inside its savepoint. It is broken when the savepoint
// cannot be taken back, as after a full disk: then nothing of the group stands.
func (g *groupWriter) step(tx bun.Tx, bound Bound, r *request) (err error, broken bool) {
	if err := r.ctx.Err(); err != nil {
		return err, false
	}
	ctx := context.WithoutCancel(r.ctx)
	if _, err := bound.q.ExecContext(ctx, "savepoint change"); err != nil {
		return err, true
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("store: panic in a change: %v", p)
		}
		if err != nil {
			if _, rerr := bound.q.ExecContext(ctx, "rollback to change"); rerr != nil {
				err, broken = errors.Join(err, rerr), true
				return
			}
		}
		if _, rerr := bound.q.ExecContext(ctx, "release change"); rerr != nil {
			err, broken = errors.Join(err, rerr), true
		}
	}()
	r.tx = &Tx{IDB: tx, Bound: bound, Now: g.db.clock(), db: g.db, enqueue: g.db.jobs.sqliteEnqueuer(tx.Tx)}
	return r.fn(ctx, r.tx), false
}

// --- PostgreSQL -------------------------------------------------------------

func (db *DB) openPostgres(ctx context.Context, dsn string, o Options) error {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("database %s: %w", redact(dsn), errors.New("not a PostgreSQL address"))
	}
	cfg.MaxConns = int32(o.Conns)
	// bun writes its values into the text, so nothing is gained by preparing
	// each text; what runs often goes through Bound, which does prepare.
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("database %s: %w", redact(dsn), Kind(err))
	}
	db.close = append(db.close, func() error { pool.Close(); return nil })
	if err := pool.Ping(ctx); err != nil {
		return fmt.Errorf("database %s does not answer: %w", redact(dsn), errors.Join(err, ErrUnavailable))
	}
	std := stdlib.OpenDBFromPool(pool)
	db.close = append(db.close, std.Close)
	db.read = bun.NewDB(std, pgdialect.New())
	db.bound = Bound{q: plain{std}, pg: true}
	db.jobs.pg = pool
	pw := &pgWriter{line: newLine(), db: db}
	db.writer = pw
	for range lanes {
		pw.done.Add(1)
		go pw.serve(pw.together)
	}
	return db.openInserter()
}

// pgWriter makes each change of Write in a transaction of its own. Those of
// WriteBound, which are many and small, share one with whatever waits behind
// them, and so one flush to the disk.
type pgWriter struct {
	line
	db *DB
}

// lanes is how many groups of WriteBound run at once.
const lanes = 4

func (w *pgWriter) write(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return w.again(ctx, w.once, fn)
}

func (w *pgWriter) writeBound(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return w.through(ctx, fn)
}

// together makes r's change and those of whoever waits behind it in one
// transaction. If one of them fails nothing of it stands, and each is made alone:
// nobody spoils another's change, and nobody is answered before the commit.
func (w *pgWriter) together(r *request) {
	group := []*request{r}
	for len(group) < groupSize {
		if r = w.next(); r == nil {
			break
		}
		group = append(group, r)
	}
	if len(group) > 1 && w.all(group) == nil {
		for _, r := range group {
			close(r.done)
		}
		return
	}
	for _, r := range group {
		r.err = w.again(r.ctx, w.onceBound, r.fn)
		close(r.done)
	}
}

func (w *pgWriter) all(group []*request) error {
	// A deadline of one caller would end the others' changes too.
	tx, err := w.onceBound(context.WithoutCancel(group[0].ctx), func(_ context.Context, tx *Tx) error {
		for _, r := range group {
			ctx := context.WithoutCancel(r.ctx)
			if err := errors.Join(r.ctx.Err(), r.fn(ctx, tx)); err != nil {
				return err
			}
			if err := tx.Settle(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range tx.after {
		f()
	}
	return nil
}

func (w *pgWriter) again(ctx context.Context, once func(context.Context, func(context.Context, *Tx) error) (*Tx, error), fn func(context.Context, *Tx) error) error {
	for try := 1; ; try++ {
		tx, err := once(ctx, fn)
		if err == nil {
			for _, f := range tx.after {
				f()
			}
			return nil
		}
		if try == 5 || !retryable(err) {
			return err
		}
	}
}

func (w *pgWriter) once(ctx context.Context, fn func(context.Context, *Tx) error) (_ *Tx, err error) {
	conn, err := w.db.read.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var raw *pgx.Conn
	// Raw holds the connection's lock, so bun would wait for itself inside it:
	// take the connection out and leave.
	if err := conn.Raw(func(c any) error { raw = c.(*stdlib.Conn).Conn(); return nil }); err != nil {
		return nil, err
	}
	pgtx, err := raw.Begin(ctx)
	if err != nil {
		return nil, err
	}
	done := false
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("store: panic in a change: %v", p)
		}
		if !done {
			_ = pgtx.Rollback(context.WithoutCancel(ctx)) // a lost connection rolls back by itself
		}
	}()
	ahead := &ahead{conn: conn.Conn, raw: raw}
	tx := &Tx{IDB: conn, Bound: Bound{q: ahead, pg: true}, Now: w.db.clock(), db: w.db, enqueue: w.db.jobs.pgEnqueuer(pgtx), ahead: ahead}
	if err := fn(ctx, tx); err != nil {
		return nil, err
	}
	if err := tx.Settle(ctx); err != nil {
		return nil, err
	}
	if err := pgtx.Commit(ctx); err != nil {
		return nil, err
	}
	done = true
	return tx, nil
}

// onceBound lets "begin" travel with the first statements.
func (w *pgWriter) onceBound(ctx context.Context, fn func(context.Context, *Tx) error) (_ *Tx, err error) {
	conn, err := w.db.jobs.pg.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release() // a connection that is still in a transaction is thrown away
	raw := conn.Conn()
	ahead := &ahead{raw: raw, begin: true}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("store: panic in a change: %v", p)
		}
		if err != nil && !ahead.begin {
			_, _ = raw.Exec(context.WithoutCancel(ctx), "rollback") // a lost connection rolls back by itself
		}
	}()
	tx := &Tx{Bound: Bound{q: ahead, pg: true}, Now: w.db.clock(), db: w.db, ahead: ahead}
	if err := fn(ctx, tx); err != nil {
		return nil, err
	}
	if err := tx.Settle(ctx); err != nil || ahead.begin {
		return tx, err
	}
	done, err := raw.Exec(ctx, "commit")
	if err == nil && done.String() != "COMMIT" {
		err = pgx.ErrTxCommitRollback
	}
	return tx, err
}

// redact hides the password of an address before it is printed.
func redact(dsn string) string {
	at := strings.LastIndex(dsn, "@")
	scheme := strings.Index(dsn, "://")
	if at < 0 || scheme < 0 || at < scheme {
		return dsn
	}
	return dsn[:scheme+3] + "…" + dsn[at:]
}
