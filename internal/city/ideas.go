package city

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"viche/actors"
	"viche/internal/ballot"
	"viche/internal/store"
	"viche/internal/union"
	"viche/modules/blogs"
	"viche/modules/ideas"
)

// openIdeas makes what residents propose to do.
func (c *City) openIdeas() {
	c.Ideas = ideas.New(ideas.Options{
		DB: c.DB, Box: c.Box, Keys: c.Keys, Media: c.Media, Territories: c.Territories, Log: c.Log,
		Base: c.Config.Base(), Name: "Віче · " + c.Config.Name, Territory: c.Config.Territory, Coordinator: c.Config.Role == RoleCoordinator,
		Rules: ballot.Rules{K: c.Config.K, Step: c.Config.Step, SnapshotEvery: c.Config.SnapshotEvery},
		Keep:  c.Config.Keep, Spheres: c.Config.Spheres,
		Resident: c.supporter, Lives: c.lives, Entitled: c.People.EntitledPersons, Author: c.author,
		Publish: c.publishIdea, Echo: c.echoOf, Neighbours: c.neighbours,
	})
}

// supporter says who supports or rates an idea.
func (c *City) supporter(ctx context.Context, q store.Bound, account int64) (ideas.Resident, error) {
	r, err := c.resident(ctx, q, account)
	return ideas.Resident(r), err
}

// publishIdea has an idea's author tell of it in a post, which the sphere's
// channel passes on. The number of the idea marks the post, so that it is
// written once.
func (c *City) publishIdea(ctx context.Context, p ideas.Post) (int64, error) {
	who, err := c.writer(ctx, p.Account)
	if err != nil {
		return 0, err
	}
	post, err := c.Blogs.Publish(ctx, who, blogs.Draft{
		Article: true, Title: p.Title, Text: p.Text, Lang: "uk", Visibility: blogs.Public, Quotable: blogs.Public, Sphere: p.Sphere,
		Once: "idea-" + strconv.FormatInt(p.Idea, 10),
	})
	if err != nil {
		return 0, err
	}
	return post.ID, nil
}

// echoOf is what the fediverse made of an idea's post.
func (c *City) echoOf(ctx context.Context, id int64) (ideas.Echo, error) {
	post, err := c.Blogs.ByID(ctx, c.DB.Read(), id)
	if err == nil && (post.Deleted > 0 || post.Hidden) {
		err = store.ErrNotFound
	}
	if err != nil {
		return ideas.Echo{}, err
	}
	e := ideas.Echo{Path: post.Path(), URI: post.URI}
	err = c.DB.ReadBound().Row(ctx, []any{&e.Likes, &e.Answers}, `
		select
			(select count(*) from reactions where post = ?),
			(select count(*) from posts where thread = ? and id <> ? and deleted = 0 and hidden = 0 and visibility in ('public', 'unlisted'))`,
		id, post.Thread, id)
	if err != nil {
		return e, fmt.Errorf("echo of post %d: %w", id, err)
	}
	return e, nil
}

// neighbours are the other cities of the union, by the names of their
// territories.
func (c *City) neighbours(ctx context.Context, lang string) ([]ideas.Neighbour, error) {
	if c.Union == nil {
		return nil, nil
	}
	list, err := c.Union.Members(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil // no trust list has come yet
	}
	if err != nil {
		return nil, err
	}
	var out []ideas.Neighbour
	for _, m := range list {
		base, err := actors.Origin(m.Actor)
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", m.Actor, err)
		}
		if base == c.Config.Base() || m.Status != union.Active {
			continue
		}
		name := c.known(m.Territory, lang)
		if name == "" {
			name = base
		}
		out = append(out, ideas.Neighbour{Name: name, Base: base})
	}
	return out, nil
}
