package federation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"viche/internal/store"
)

const (
	// seats is how many hosts are sent to at once, as long as they answer.
	seats = 32
	// patience is how long a host may keep its seat without answering. It is
	// served on, but another one takes the seat.
	patience = 2 * time.Second
	// mostHosts bounds all that are served, with those that let us wait.
	mostHosts = 512
	// glance is how often it is asked which hosts have something due.
	glance = 100 * time.Millisecond
)

// A postman serves all hosts that have something due, each by itself.
type postman struct {
	city   *City
	busy   map[string]bool
	seats  chan struct{}
	stores chan struct{} // bounds its transactions, so that others find a connection
	ends   chan ended

	fans    chan ended // where it also fans out
	fanning int
	again   bool // something was published while it fanned out

	count int
	errs  []error
}

func newPostman(c *City) *postman {
	return &postman{
		city: c, busy: map[string]bool{}, seats: make(chan struct{}, seats),
		stores: make(chan struct{}, 4), ends: make(chan ended, mostHosts),
	}
}

// A seat is one of few. It can be left more than once.
type seat struct {
	of   chan struct{}
	once sync.Once
}

func (s *seat) leave() { s.once.Do(func() { <-s.of }) }

// run serves until nothing is due and nobody is being served, or until has
// passed; then it still waits for those being served.
func (p *postman) run(ctx context.Context, until time.Time) (int, error) {
	for {
		open := time.Now().Before(until) && ctx.Err() == nil && len(p.errs) == 0
		pause := glance
		if open {
			began := time.Now()
			p.fan(ctx)
			if err := p.call(ctx, until); err != nil {
				p.errs = append(p.errs, err)
			}
			// Where very many hosts wait, looking is work too.
			pause = max(pause, 4*time.Since(began))
		}
		if len(p.busy) == 0 && p.fanning == 0 && !p.again {
			return p.count, errors.Join(p.errs...)
		}
		p.wait(pause)
	}
}

// wait lets things happen for a while, less if nobody is being served.
func (p *postman) wait(pause time.Duration) {
	over := time.After(pause)
	for {
		select {
		case e := <-p.ends:
			delete(p.busy, e.host)
			p.count += e.count
			if e.err != nil {
				p.errs = append(p.errs, fmt.Errorf("deliver to %s: %w", e.host, e.err))
			}
		case e := <-p.fans:
			p.fanning--
			p.count += e.count
			p.again = p.again || e.count > 0
			if e.err != nil {
				p.errs = append(p.errs, e.err)
			}
		case <-p.city.published:
			p.again = p.fans != nil
			if p.fans != nil {
				return
			}
		case <-over:
			return
		}
		if len(p.busy) == 0 {
			return
		}
	}
}

// fan starts fanning out, where that is this postman's work too and it is not
// at it.
func (p *postman) fan(ctx context.Context) {
	if p.fans == nil || p.fanning > 0 || !p.again {
		return
	}
	p.again = false
	p.city.wokenDelivery.Store(false)
	p.fanning++
	go func() {
		n, err := p.city.FanOut(ctx)
		p.fans <- ended{count: n, err: err}
	}()
}

// call starts serving hosts that have something due.
func (p *postman) call(ctx context.Context, until time.Time) error {
	if len(p.busy) >= mostHosts {
		return nil
	}
	hosts, err := p.city.dueHosts(ctx)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		if p.busy[host] || len(p.busy) >= mostHosts {
			continue
		}
		p.busy[host] = true
		go func() {
			n, err := p.serve(ctx, host, until)
			p.ends <- ended{host, n, err}
		}()
	}
	return nil
}

// serve sends to one host as long as it takes what comes.
func (p *postman) serve(ctx context.Context, host string, until time.Time) (n int, err error) {
	p.seats <- struct{}{}
	seat := &seat{of: p.seats}
	defer seat.leave()
	for goOn, warm := true, false; goOn && err == nil && ctx.Err() == nil && time.Now().Before(until); warm = true {
		var sent int
		sent, goOn, err = p.city.deliverTo(ctx, p, host, warm, seat)
		n += sent
	}
	return n, err
}

// dueHosts are those with something due that are not resting after failures,
// the longest waiting first. It steps from host to host along the index, so it
// costs what there are hosts, not what there are deliveries.
func (c *City) dueHosts(ctx context.Context) ([]string, error) {
	now := store.Millis(c.DB.Now())
	rows, err := c.DB.ReadBound().Query(ctx, `
		with recursive waiting (host) as (
			select min(host) from deliveries
			union all
			select (select min(d.host) from deliveries d where d.host > waiting.host) from waiting where waiting.host is not null
		), first (host, due) as (
			select host, (select min(d.due) from deliveries d where d.host = waiting.host)
			from waiting
			where host is not null and not exists (select 1 from hosts where hosts.host = waiting.host and retry_at > ?)
		)
		select host from first where due <= ? order by due limit ?`, now, now, mostHosts)
	if err != nil {
		return nil, fmt.Errorf("hosts to deliver to: %w", err)
	}
	defer rows.Close()
	var hosts []string
	for rows.Next() {
		var host string
		if err := rows.Scan(&host); err != nil {
			return nil, err
		}
		hosts = append(hosts, host)
	}
	return hosts, rows.Err()
}
