package city

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"viche/actors"
	"viche/internal/search"
	"viche/internal/store"
	"viche/modules/polls"
)

// index has search find what a module shows to everybody, under every unit that
// its territory lies in.
func (c *City) index(ctx context.Context, tx *store.Tx, it search.Item) error {
	for _, u := range c.Territories.Ancestors(it.Territory) {
		it.Within = append(it.Within, u.Code)
	}
	return search.Put(ctx, tx, it)
}

// profileChanged tells the network, and search, that somebody's profile did, and
// with it perhaps whether that person wants to be found.
func (c *City) profileChanged(ctx context.Context, tx *store.Tx, actor int64) error {
	if err := c.Federation.Changed(ctx, tx, actor); err != nil {
		return err
	}
	return c.searchPerson(ctx, tx, actor)
}

// searchPerson has search look at a person anew, and at all that person wrote.
func (c *City) searchPerson(ctx context.Context, tx *store.Tx, actor int64) error {
	a, err := c.Book.ByID(ctx, tx, actor)
	if err != nil {
		return err
	}
	if a.Local {
		if err := c.index(ctx, tx, personItem(a)); err != nil {
			return err
		}
	}
	return search.Again(ctx, tx, "posts", strconv.FormatInt(actor, 10))
}

// personItem is somebody of ours as search knows them: who chose to be found.
func personItem(a actors.Actor) search.Item {
	return search.Item{
		Module: "people", Ref: strconv.FormatInt(a.ID, 10), Path: "/@" + a.Handle, Title: a.Label(), Text: strings.TrimSpace("@" + a.Handle + " " + a.Summary),
		At:      store.Time(a.Published),
		Visible: a.Local && a.Indexable && !a.Suspended && !a.Deleted && (a.Kind == actors.Resident || a.Kind == actors.Organisation),
	}
}

// searchPeople gives those of ours who chose to be found.
func (c *City) searchPeople(ctx context.Context, tx *store.Tx, _ string, after int64, limit int) (items []search.Item, last int64, err error) {
	var list []actors.Actor
	err = tx.NewRaw("select * from actors where local = 1 and indexable = 1 and id > ? order by id limit ?", after, limit).Scan(ctx, &list)
	if err != nil {
		return nil, 0, fmt.Errorf("people to be found: %w", store.Kind(err))
	}
	for _, a := range list {
		items, last = append(items, personItem(a)), a.ID
	}
	return items, last, nil
}

// FillSearch takes in what is still to be found, and says how much that was.
func (c *City) FillSearch(ctx context.Context) (done int, err error) {
	sources := map[string]search.Source{"posts": c.Blogs.Findable, "people": c.searchPeople}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		n, err := search.Fill(ctx, c.DB, sources)
		if err != nil {
			return done, err
		}
		if done += n; n == 0 {
			break
		}
	}
	n, err := c.searchPolls(ctx)
	return done + n, err
}

// searchPolls takes in polls that search does not know in the state that they
// are in. A poll changes twice in its life, when it opens and when it closes, on
// many ways; so they are compared rather than each way told to tell.
func (c *City) searchPolls(ctx context.Context) (done int, err error) {
	var ids []string
	err = c.DB.Read().NewRaw(`
		select p.poll_id from polls p left join search_items s on s.module = 'polls' and s.ref = p.poll_id
		where p.state in ('open', 'closed') and p.module = '' and (s.id is null or s.state <> p.state)
		order by p.id limit 100`).Scan(ctx, &ids)
	if err != nil {
		return 0, fmt.Errorf("polls to be found: %w", store.Kind(err))
	}
	for _, id := range ids {
		err := c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			p, err := c.Polls.Load(ctx, tx, id)
			if err != nil {
				return err
			}
			return c.index(ctx, tx, pollItem(p))
		})
		if err != nil {
			return done, fmt.Errorf("poll to be found: %w", err)
		}
		done++
	}
	return done, nil
}

// pollItem is a poll as search knows it: what was asked, and nothing of what was
// answered.
func pollItem(p *polls.Poll) search.Item {
	text := []string{p.Body}
	for _, q := range p.Questions {
		text = append(text, q.Text)
		for _, o := range q.Options {
			text = append(text, o.Text)
		}
	}
	return search.Item{
		Module: "polls", Ref: p.PollID, Path: "/polls/" + p.PollID, Title: p.Title, Text: strings.TrimSpace(strings.Join(text, "\n")),
		Sphere: p.Sphere, Territory: p.Territory, State: string(p.State), At: p.OpensAt, Visible: true,
	}
}

// fillSearch is FillSearch by the clock.
func (c *City) fillSearch(ctx context.Context) error {
	_, err := c.FillSearch(ctx)
	return err
}
