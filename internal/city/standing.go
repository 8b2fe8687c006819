package city

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"iter"
	"net/http"
	"strings"
	"time"

	"viche/actors"
	"viche/internal/ballot"
	"viche/internal/notify"
	"viche/internal/store"
	"viche/modules/people"
	"viche/modules/polls"
	"viche/modules/standing"
)

// openStanding makes what residents earn by taking part.
func (c *City) openStanding(post *notify.Post) {
	c.Standing = standing.New(standing.Options{
		DB: c.DB, Box: c.Box, Book: c.Book, Mail: post, Words: c.Words, Log: c.Log,
		Base: c.Config.Base(), Territory: c.Config.Territory, Place: c.place, K: c.Config.K,
		Closed: c.closedPolls, Late: c.latePolls, Persons: c.persons, Residents: c.residents, Resident: c.residentOf, Holder: c.holder,
		Contributions: c.contributions, Fetch: c.fetch,
	})
}

// statusOf is the badge of a resident's status on the own profile.
func (c *City) statusOf(r *http.Request, account int64) (template.HTML, error) {
	return c.Standing.Badge(r, account)
}

// judged are the polls that statuses are judged by: those of residents and of
// planning, of all levels; ratings of people never.
const judged = "p.module in ('', 'planning') and p.register > 0"

// closedPolls are those that have been counted and not noted yet.
func (c *City) closedPolls(ctx context.Context) (list []ballot.Noted, err error) {
	var ids []string
	err = c.DB.Read().NewRaw(`
		select p.poll_id from polls p
		where p.state = 'closed' and p.counted = 1 and `+judged+` and not exists (select 1 from status_polls s where s.poll = p.id)
		order by p.id`).Scan(ctx, &ids)
	if err != nil {
		return nil, fmt.Errorf("polls to note: %w", store.Kind(err))
	}
	for _, id := range ids {
		poll, err := c.Polls.Load(ctx, c.DB.Read(), id)
		if err != nil {
			return nil, err
		}
		one := ballot.Noted{Poll: poll.Box(), ClosedAt: poll.Closes()}
		for i, s := range actors.Spheres {
			if s.Slug == poll.Sphere {
				one.Sphere = i + 1
			}
		}
		for _, q := range poll.Questions {
			one.Gauges = append(one.Gauges, gaugeOf(q))
		}
		list = append(list, one)
	}
	return list, nil
}

// gaugeOf finds the option «важко відповісти», which stands in polls of one choice
// as an option like any other. There is no majority in numbers.
func gaugeOf(q polls.Question) (g ballot.Gauge) {
	g.None = len(q.Bounds) > 0
	for _, o := range q.Options {
		text := strings.ToLower(strings.TrimRight(strings.TrimSpace(o.Text), "."))
		if o.ID == polls.HardID || text == "важко відповісти" || text == "важко сказати" || text == "hard to say" {
			g.Hard = o.ID
		}
	}
	return g
}

func (c *City) latePolls(ctx context.Context, epoch time.Time) (bool, error) {
	var n int
	at := store.Millis(epoch)
	err := c.DB.ReadBound().Row(ctx, []any{&n}, `
		select count(*) from polls p
		where `+judged+` and (p.state = 'open' and p.closes_at < ? or p.state = 'closed' and p.counted = 0 and p.closed_at < ?)`, at, at)
	return n > 0, err
}

// persons are the keys of all who were ever verified here.
func (c *City) persons(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		rows, err := c.DB.ReadBound().Query(ctx, "select person_key from persons")
		if err != nil {
			yield(nil, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var key []byte
			if err := rows.Scan(&key); err != nil {
				yield(nil, err)
				return
			}
			if !yield(key, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, store.Kind(err))
		}
	}
}

const aboutResidents = `
	select a.id, a.kind, a.email, a.lang, p.person_key, coalesce(p.created, 0), coalesce(e.territory, '')
	from accounts a
	left join persons p on p.account = a.id
	left join entitlements e on e.person_key = p.person_key and e.valid_until is null and e.level >= ?
	where a.deleted_at is null and `

func scanResident(scan func(...any) error) (r standing.Resident, err error) {
	var kind string
	var verified int64
	if err := scan(&r.Account, &kind, &r.Email, &r.Lang, &r.Person, &verified, &r.District); err != nil {
		return r, err
	}
	r.Organisation = kind == people.Organisation
	if r.District != "" {
		r.Verified = store.Time(verified)
	}
	return r, nil
}

func (c *City) residents(ctx context.Context) iter.Seq2[standing.Resident, error] {
	return func(yield func(standing.Resident, error) bool) {
		rows, err := c.DB.ReadBound().Query(ctx, aboutResidents+"p.person_key is not null", polls.Level)
		if err != nil {
			yield(standing.Resident{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			r, err := scanResident(rows.Scan)
			if !yield(r, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(standing.Resident{}, store.Kind(err))
		}
	}
}

func (c *City) residentOf(ctx context.Context, account int64) (standing.Resident, error) {
	return scanResident(func(into ...any) error {
		return c.DB.ReadBound().Row(ctx, into, aboutResidents+"a.id = ?", polls.Level, account)
	})
}

func (c *City) holder(ctx context.Context, actor int64) (account int64, err error) {
	err = c.DB.ReadBound().Row(ctx, []any{&account}, "select id from accounts where actor = ? and deleted_at is null and suspended_at is null", actor)
	return account, err
}

// contributions are what residents proposed and what was found lawful: polls that
// they initiated and that opened, proposals to polls that no moderator hid, ideas
// that began to gather support and are no copy of another.
func (c *City) contributions(ctx context.Context, from, until time.Time, account int64) ([]standing.Contribution, error) {
	var all []standing.Contribution
	var errs []error
	for _, part := range []struct {
		toPoll bool
		query  string
	}{
		{true, `select p.initiator, p.sphere, p.opens_at from polls p
			where p.initiator is not null and p.state in ('open', 'closed') and p.module in ('', 'planning')
				and p.opens_at >= ? and p.opens_at < ? and (cast(? as bigint) = 0 or p.initiator = ?)`},
		{true, `select x.account, p.sphere, x.at from poll_proposals x join polls p on p.id = x.poll
			where x.state <> 'hidden' and x.at >= ? and x.at < ? and (cast(? as bigint) = 0 or x.account = ?)`},
		{false, `select i.author, i.sphere, i.created from ideas i
			where i.hidden = 0 and i.state <> 'merged' and exists (select 1 from idea_steps s where s.idea = i.id and s.stage = 'gathering')
				and i.created >= ? and i.created < ? and (cast(? as bigint) = 0 or i.author = ?)`},
	} {
		rows, err := c.DB.ReadBound().Query(ctx, part.query, store.Millis(from), store.Millis(until), account, account)
		if err != nil {
			return nil, fmt.Errorf("contributions: %w", err)
		}
		for rows.Next() {
			one := standing.Contribution{ToPoll: part.toPoll}
			var at int64
			errs = append(errs, rows.Scan(&one.Account, &one.Sphere, &at))
			one.At = store.Time(at)
			all = append(all, one)
		}
		errs = append(errs, store.Kind(rows.Err()), rows.Close())
	}
	return all, errors.Join(errs...)
}
