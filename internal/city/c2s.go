package city

import (
	"context"

	"viche/actors"
	"viche/federation/ap"
	"viche/web/c2s"
)

// clients is the API of ActivityPub for our residents' own programs.
func (c *City) clients() *c2s.API {
	return c2s.New(c2s.Options{
		DB: c.DB, Book: c.Book, Federation: c.Federation, People: c.People, Blogs: c.Blogs, Words: c.Words, Log: c.Log, Base: c.Config.Base(),
	})
}

// endpoints adds to the documents of our residents where their programs ask.
func (c *City) endpoints(_ context.Context, a actors.Actor, doc *ap.Actor) error {
	c2s.Describe(c.Config.Base(), a, doc)
	return nil
}
