package bench_test

import (
	"context"
	"crypto/rand"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// clients is how many residents cast at the same moment.
const clients = 64

// number reads a setting of these tests from the environment.
func number(t testing.TB, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// BenchmarkCast lets every resident of a city cast once and then, by changing
// the answer, once more; over the API with a token, and by the form of the
// poll's page with a session. Afterwards the poll is closed and its count
// compared with what the server had confirmed. On PostgreSQL the bare
// single-row transaction is measured before and after.
func BenchmarkCast(b *testing.B) {
	n := number(b, "VICHE_BENCH_RESIDENTS", 10_000)
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			for _, way := range []struct {
				name    string
				request func(*election, *voter, string) []byte
			}{{"token", (*election).byToken}, {"form", (*election).byForm}} {
				b.Run(way.name, func(b *testing.B) {
					for range b.N {
						castAll(b, newElection(b, newInstance(b, kind.dsn(b)), n), way.request)
					}
					b.ReportMetric(0, "ns/op") // a whole election is no useful unit
				})
			}
		})
	}
}

func castAll(b *testing.B, e *election, request func(*election, *voter, string) []byte) {
	b.Helper()
	postgres := ""
	if dsn := e.env["VICHE_DATABASE"]; dsn[0] == 'p' {
		postgres = dsn
	}
	s := e.serve(b)
	defer s.end(b, syscall.SIGKILL)
	var before taken
	if postgres != "" {
		before = bareInserts(b, postgres)
	}
	choices := []string{"o1", "o2", "o3"}
	choose := func(k int) string { return choices[k%3] }
	e.everybody(b, s, postgres, 0, warming, request, choose) // connections, plans, prepared statements
	first := e.everybody(b, s, postgres, warming, len(e.voters), request, choose)
	change := e.everybody(b, s, postgres, 0, len(e.voters), request, func(k int) string { return choose(k + 1) })
	first.report(b, "cast")
	change.report(b, "change")
	if postgres != "" {
		bare := before.and(bareInserts(b, postgres))
		b.ReportMetric(bare.perSecond(), "bare-inserts/s")
		b.ReportMetric(bare.each(bare.generator), "bare-generator-cpu-µs")
		b.ReportMetric(bare.each(bare.database), "bare-database-cpu-µs")
		b.ReportMetric(first.perSecond()/bare.perSecond(), "cast/bare")
	}
	s.end(b, syscall.SIGTERM)
	wanted, changed := map[string]int{}, 0
	for _, v := range e.voters {
		wanted[v.acknowledged]++
		if v.changes > 0 {
			changed++
		}
	}
	ballots, changes, counts := e.final(b)
	if ballots != len(e.voters) || changes != changed || changed != len(e.voters) {
		b.Fatalf("the box holds %d ballots, %d of them changed; confirmed were %d and %d", ballots, changes, len(e.voters), changed)
	}
	for option, count := range wanted {
		if counts[option] != count {
			b.Fatalf("%d answered %s, %d were confirmed", counts[option], option, count)
		}
	}
}

// taken is one round in which everybody casts.
type taken struct {
	casts                       int
	wall                        time.Duration
	server, generator, database time.Duration // CPU
	waits                       []time.Duration
}

func (r taken) perSecond() float64 { return float64(r.casts) / r.wall.Seconds() }

func (r taken) each(d time.Duration) float64 { return float64(d.Microseconds()) / float64(r.casts) }

// and is r and another round taken together.
func (r taken) and(o taken) taken {
	return taken{casts: r.casts + o.casts, wall: r.wall + o.wall, generator: r.generator + o.generator, database: r.database + o.database}
}

func (r taken) report(b *testing.B, what string) {
	b.ReportMetric(r.perSecond(), what+"s/s")
	b.ReportMetric(r.each(r.server), what+"-server-cpu-µs")
	b.ReportMetric(r.each(r.generator), what+"-generator-cpu-µs")
	if r.database > 0 {
		b.ReportMetric(r.each(r.database), what+"-database-cpu-µs")
	}
	slices.Sort(r.waits)
	b.ReportMetric(float64(r.waits[len(r.waits)/2].Microseconds())/1000, what+"-p50-ms")
	b.ReportMetric(float64(r.waits[len(r.waits)*99/100].Microseconds())/1000, what+"-p99-ms")
}

// warming is how many residents cast before anything is measured.
const warming = 1000

// everybody from the one resident to the other casts once, 64 at a time.
func (e *election) everybody(b *testing.B, s *server, postgres string, from, to int, request func(*election, *voter, string) []byte, choose func(k int) string) taken {
	b.Helper()
	requests := make([][]byte, len(e.voters))
	for k := from; k < to; k++ {
		requests[k] = request(e, &e.voters[k], choose(k))
	}
	r := taken{casts: to - from, waits: make([]time.Duration, to-from)}
	var next atomic.Int64
	next.Store(int64(from))
	var wg sync.WaitGroup
	serverBefore, selfBefore, databaseBefore := cpu(b, s.cmd.Process.Pid), cpu(b, os.Getpid()), backends(b, postgres)
	began := time.Now()
	for range clients {
		wg.Go(func() {
			c, err := dial(e.address)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			for k := int(next.Add(1)) - 1; k < to; k = int(next.Add(1)) - 1 {
				sent := time.Now()
				if err := e.cast(c, &e.voters[k], requests[k], choose(k)); err != nil {
					b.Error(err)
					return
				}
				r.waits[k-from] = time.Since(sent)
			}
		})
	}
	wg.Wait()
	r.wall = time.Since(began)
	r.server, r.generator, r.database = cpu(b, s.cmd.Process.Pid)-serverBefore, cpu(b, os.Getpid())-selfBefore, backends(b, postgres)-databaseBefore
	if b.Failed() {
		b.FailNow()
	}
	return r
}

// backends is the CPU time of PostgreSQL's processes that serve this database.
func backends(b *testing.B, dsn string) (spent time.Duration) {
	b.Helper()
	if dsn == "" {
		return 0
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
	if err != nil {
		b.Fatal(err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		b.Fatal(err)
	}
	for _, pid := range pids {
		spent += cpu(b, pid)
	}
	return spent
}

// pool is how many connections the program keeps to PostgreSQL.
const pool = 16

// bareInserts is how many transactions a second the same server does for the
// same number of clients and connections when each only inserts a row of a
// ballot's size: begin, insert, commit.
func bareInserts(b *testing.B, dsn string) taken {
	b.Helper()
	ctx := context.Background()
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		b.Fatal(err)
	}
	cfg.MaxConns = pool
	db, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(ctx, "create table if not exists bare (poll bigint not null, tag bytea not null, seq integer not null, sealed bytea not null, primary key (poll, tag))"); err != nil {
		b.Fatal(err)
	}
	insert := func(row [66]byte) error {
		return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "insert into bare (poll, tag, seq, sealed) values ($1, $2, 0, $3)", int64(1), row[:32], row[32:])
			return err
		})
	}
	var done atomic.Int64
	var wg sync.WaitGroup
	selfBefore, databaseBefore := cpu(b, os.Getpid()), backends(b, dsn)
	began := time.Now()
	for range clients {
		wg.Go(func() {
			for time.Since(began) < 4*time.Second {
				if err := insert(noise()); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	r := taken{casts: int(done.Load()), wall: time.Since(began)}
	r.generator, r.database = cpu(b, os.Getpid())-selfBefore, backends(b, dsn)-databaseBefore
	if b.Failed() {
		b.FailNow()
	}
	return r
}

// noise is a row of a ballot's size: tag and sealed answer.
func noise() (row [66]byte) {
	_, _ = rand.Read(row[:]) // crypto/rand.Read never fails
	return row
}
