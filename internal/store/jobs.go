package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"
)

// Periodic is work that comes round by the clock: closing polls, snapshots,
// statements. Do must be harmless when it runs twice or finds nothing to do.
type Periodic struct {
	Name  string
	Every time.Duration
	Do    func(context.Context) error
}

// jobs holds River's clients: one that only inserts, and, once StartJobs was
// called, one that works. River has a client type a database, hence the pairs.
type jobs struct {
	sqlite *sql.DB
	pg     *pgxpool.Pool

	insertSQLite *river.Client[*sql.Tx]
	insertPG     *river.Client[pgx.Tx]
	stop         func(context.Context) error
}

type enqueuer func(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) error

// Enqueue stores a job with this change: it runs after the commit, or never.
func (tx *Tx) Enqueue(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) error {
	if tx.enqueue == nil {
		return fmt.Errorf("enqueue %s: not in WriteBound", args.Kind())
	}
	if err := tx.enqueue(ctx, args, opts); err != nil {
		return fmt.Errorf("enqueue %s: %w", args.Kind(), err)
	}
	return nil
}

func (j *jobs) sqliteEnqueuer(tx *sql.Tx) enqueuer {
	return func(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) error {
		_, err := j.insertSQLite.InsertTx(ctx, tx, args, opts)
		return err
	}
}

func (j *jobs) pgEnqueuer(tx pgx.Tx) enqueuer {
	return func(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) error {
		_, err := j.insertPG.InsertTx(ctx, tx, args, opts)
		return err
	}
}

func (db *DB) openInserter() (err error) {
	if db.Postgres() {
		db.jobs.insertPG, err = river.NewClient(riverpgxv5.New(db.jobs.pg), &river.Config{Logger: quiet(db.log)})
	} else {
		db.jobs.insertSQLite, err = river.NewClient(riversqlite.New(db.jobs.sqlite), &river.Config{Logger: quiet(db.log)})
	}
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	return nil
}

// tick is the job behind every Periodic.
type tick struct {
	Name string `json:"name"`
}

func (tick) Kind() string { return "tick" }

// InsertOpts keep one waiting tick a name, however slow the work is.
func (tick) InsertOpts() river.InsertOpts {
	return river.InsertOpts{
		MaxAttempts: 1,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
		}},
	}
}

// StartJobs begins to work the queue: workers for what Enqueue stored, and the
// periodic work. StopJobs or Close ends it.
func (db *DB) StartJobs(ctx context.Context, workers *river.Workers, periodic []Periodic) error {
	if db.jobs.stop != nil {
		return errors.New("store: jobs run already")
	}
	byName := map[string]func(context.Context) error{}
	cfg := &river.Config{
		Logger:                      quiet(db.log),
		Workers:                     workers,
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 8}},
		FetchCooldown:               50 * time.Millisecond,
		FetchPollInterval:           500 * time.Millisecond,
		JobTimeout:                  2 * time.Minute,
		CompletedJobRetentionPeriod: 10 * time.Minute,
		SoftStopTimeout:             5 * time.Second,
		ErrorHandler:                &jobErrors{db.log},
	}
	for _, p := range periodic {
		if byName[p.Name] != nil {
			return fmt.Errorf("store: periodic %q twice", p.Name)
		}
		byName[p.Name] = p.Do
		cfg.PeriodicJobs = append(cfg.PeriodicJobs, river.NewPeriodicJob(
			river.PeriodicInterval(p.Every),
			func() (river.JobArgs, *river.InsertOpts) { return tick{p.Name}, nil },
			&river.PeriodicJobOpts{RunOnStart: true},
		))
	}
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[tick]) error {
		do := byName[job.Args.Name]
		if do == nil {
			return river.JobCancel(fmt.Errorf("nothing is called %q", job.Args.Name))
		}
		return do(ctx)
	}))
	if db.Postgres() {
		c, err := river.NewClient(riverpgxv5.New(db.jobs.pg), cfg)
		if err != nil {
			return fmt.Errorf("jobs: %w", err)
		}
		if err := c.Start(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("jobs: %w", err)
		}
		db.jobs.stop = c.Stop
		return nil
	}
	c, err := river.NewClient(riversqlite.New(db.jobs.sqlite), cfg)
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	if err := c.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	db.jobs.stop = c.Stop
	return nil
}

// StopJobs lets running jobs end, five seconds at most.
func (db *DB) StopJobs() {
	if db.jobs.stop == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	if err := db.jobs.stop(ctx); err != nil {
		db.log.Warn("jobs did not stop in time", "err", err)
	}
	db.jobs.stop = nil
}

// Waiting counts the jobs that could run now or run already; tests wait for 0.
func (db *DB) Waiting(ctx context.Context) (n int, err error) {
	err = db.ReadBound().Row(ctx, []any{&n}, "select count(*) from river_job where state in ('available', 'running') and kind <> 'tick'")
	return n, err
}

type jobErrors struct{ log *slog.Logger }

func (h *jobErrors) HandleError(_ context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	h.log.Warn("job will be tried again", "kind", job.Kind, "job", job.ID, "attempt", job.Attempt, "err", err)
	return nil
}

func (h *jobErrors) HandlePanic(_ context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	h.log.Error("job panicked", "kind", job.Kind, "job", job.ID, "panic", value, "trace", trace)
	return nil
}

// quiet lets River say only what an operator must act on.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(atLeast{log.Handler(), slog.LevelError}) }

type atLeast struct {
	slog.Handler
	level slog.Level
}

func (h atLeast) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.level && h.Handler.Enabled(ctx, l)
}
func (h atLeast) WithAttrs(a []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(a), h.level}
}
func (h atLeast) WithGroup(n string) slog.Handler { return atLeast{h.Handler.WithGroup(n), h.level} }
