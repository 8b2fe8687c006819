// Package demo runs three cities and their coordinator in one process, on one
// port, told apart by host. What it shows is invented, but how it came about is
// not: residents, polls, votes and results went through the product's own
// commands and over HTTP between the instances, by a clock that starts three
// weeks ago and is set to the present before anybody looks.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"viche/internal/city"
	"viche/internal/store"
)

// Options are how a demo differs from the usual one.
type Options struct {
	Dir       string
	Port      int                 // 0: any free one
	Fresh     bool                // begin anew
	Setting   func(string) string // VICHE_* of the environment
	Residents int                 // of each city; 150 if zero
	Version   string
	Log       *slog.Logger
	Progress  func(step string) // told what is being done; may be nil
}

// Demo is four instances that run. The caller of Open closes it.
type Demo struct {
	o        Options
	towns    []*town // in the order of places
	listener net.Listener
	shift    atomic.Int64 // nanoseconds from the machine's clock to the demo's
	ready    atomic.Bool
	unlock   func()
	stop     context.CancelFunc // of the server; nil until it runs
	served   chan error
}

// town is one of the instances.
type town struct {
	*city.City
	place   place
	release func()
	people  []*resident // of a seeding under way
}

// Open opens the four instances and answers on the port, at first with a
// /readyz that says no. A folder whose seeding was broken off is emptied.
// Seed and Start come next.
func Open(ctx context.Context, o Options) (_ *Demo, err error) {
	if o.Residents == 0 {
		o.Residents = 150
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	d := &Demo{o: o, served: make(chan error, 1), unlock: func() {}}
	defer func() {
		if err != nil {
			_ = d.Close() // the first error is the one that helps
		}
	}()
	if d.unlock, err = lock(o.Dir); err != nil {
		return nil, err
	}
	if o.Fresh {
		if err := empty(o.Dir); err != nil {
			return nil, err
		}
	}
	if d.listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port))); err != nil {
		return nil, fmt.Errorf("demo: %w (another program may use the port: try --port)", err)
	}
	if err := d.openTowns(ctx); err != nil {
		return nil, err
	}
	half, err := d.halfSeeded(ctx)
	if err != nil {
		return nil, err
	}
	if half {
		d.o.Progress("the last seeding was broken off: beginning anew")
		if err := errors.Join(d.closeTowns(), empty(o.Dir)); err != nil {
			return nil, err
		}
		if err := d.openTowns(ctx); err != nil {
			return nil, err
		}
	}
	serving, stop := context.WithCancel(ctx)
	d.stop = stop
	go func() { d.served <- city.ServeHandler(serving, d, d.o.Log, d.listener) }()
	return d, nil
}

// openTowns opens all four at once; making their keys takes most of the time.
func (d *Demo) openTowns(ctx context.Context) error {
	d.o.Progress("opening four instances")
	fresh := true
	for _, p := range places {
		fresh = fresh && !exists(filepath.Join(d.folder(p), "viche.db"))
	}
	if fresh {
		d.setClock(begin)
	}
	d.towns = make([]*town, len(places))
	errs := make([]error, len(places))
	var wait sync.WaitGroup
	for i, p := range places {
		wait.Go(func() { d.towns[i], errs[i] = d.openTown(ctx, p) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

func (d *Demo) openTown(ctx context.Context, p place) (*town, error) {
	cfg, err := d.config(p)
	if err != nil {
		return nil, err
	}
	if err := d.writeSettings(p, cfg); err != nil {
		return nil, err
	}
	c, err := city.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	t := &town{City: c, place: p}
	if t.release, err = c.DB.Lock(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return t, nil
}

func (d *Demo) closeTowns() error {
	var errs []error
	for _, t := range d.towns {
		if t != nil {
			errs = append(errs, t.Close())
			t.release()
		}
	}
	d.towns = nil
	return errors.Join(errs...)
}

// Start begins the background work of all four; from now on they are ready.
func (d *Demo) Start(ctx context.Context) error {
	for _, t := range d.towns {
		if err := t.Start(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("start %s: %w", t.place.host, err)
		}
	}
	d.ready.Store(true)
	return nil
}

// Wait returns when ctx ends or the server does.
func (d *Demo) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.served:
		d.served <- nil // Close waits for one as well
		return err
	}
}

// Close lets requests under way finish, then ends the instances.
func (d *Demo) Close() error {
	var errs []error
	switch {
	case d.stop != nil:
		d.stop()
		errs = append(errs, <-d.served)
	case d.listener != nil:
		errs = append(errs, d.listener.Close())
	}
	errs = append(errs, d.closeTowns())
	d.unlock()
	return errors.Join(errs...)
}

// ServeHTTP hands a request to the instance that its host names.
func (d *Demo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := strings.ToLower(r.Host)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	for _, t := range d.towns {
		if t.place.host != host {
			continue
		}
		if r.URL.Path == "/readyz" && !d.ready.Load() {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "the sample data is being made", http.StatusServiceUnavailable)
			return
		}
		t.Handler().ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusMisdirectedRequest)
	for _, t := range d.towns {
		_, _ = fmt.Fprintln(w, t.Config.Base()) // the client went away
	}
}

// now is the clock of all four.
func (d *Demo) now() time.Time { return time.Now().Add(time.Duration(d.shift.Load())) }

// setClock sets the clock so far from the machine's.
func (d *Demo) setClock(off time.Duration) { d.shift.Store(int64(off)) }

// port is the one that the demo really listens on.
func (d *Demo) port() int { return d.listener.Addr().(*net.TCPAddr).Port }

// town finds an instance by the first part of its host.
func (d *Demo) town(name string) *town {
	for _, t := range d.towns {
		if t.place.name == name {
			return t
		}
	}
	panic("demo: no town " + name) // a mistake in the content
}

// cities are all but the coordinator.
func (d *Demo) cities() []*town { return d.towns[:len(d.towns)-1] }

func (d *Demo) coordinator() *town { return d.towns[len(d.towns)-1] }

// The mark in each database says how far its seeding got.
const (
	begun = "begun"
	done  = "done"
)

func (t *town) mark(ctx context.Context) (value string, err error) {
	err = t.DB.ReadBound().Row(ctx, []any{&value}, "select value from facts where name = 'demo'")
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return value, err
}

func (d *Demo) setMarks(ctx context.Context, value string) error {
	for _, t := range d.towns {
		if err := t.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "insert into facts (name, value) values ('demo', ?) on conflict (name) do update set value = excluded.value", value)
			return err
		}); err != nil {
			return fmt.Errorf("mark %s: %w", t.place.host, err)
		}
	}
	return nil
}

// marks are those of the four instances, joined where they agree; "mixed"
// where they don't.
func (d *Demo) marks(ctx context.Context) (string, error) {
	all := ""
	for i, t := range d.towns {
		m, err := t.mark(ctx)
		if err != nil {
			return "", fmt.Errorf("read %s: %w", t.place.host, err)
		}
		if i > 0 && m != all {
			return "mixed", nil
		}
		all = m
	}
	return all, nil
}

func (d *Demo) halfSeeded(ctx context.Context) (bool, error) {
	m, err := d.marks(ctx)
	return m != "" && m != done, err
}
