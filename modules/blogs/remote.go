package blogs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/markup"
	"viche/internal/store"
)

// What one post of another server may bring along.
const (
	maxPictures = 16
	maxLinks    = 16
	maxEmoji    = 64
	maxTags     = 30
	maxNamed    = 100
	maxContent  = 200_000 // bytes of HTML before it is cleaned
)

// kinds are the types that are shown as posts; everything else is ignored.
var kinds = []string{"Note", "Article", "Page", "Question", "Event", "Video", "Audio", "Image", "Document"}

// read turns an object of another server into a post, its text cleaned, and
// says whom it names and which tags it has. It asks nobody.
func (b *Blogs) read(o *ap.Object, author actors.Actor, now time.Time) (p *Post, named, tags []string, err error) {
	if !slices.Contains(kinds, o.Type) {
		return nil, nil, nil, federation.ErrIgnored
	}
	long := o.Type != "Note" && o.Type != "Question"
	p = &Post{
		ID: store.NewID(), URI: o.ID, Author: author.ID, Type: o.Type, Visibility: visibilityOf(o, author), ReplyURI: o.InReplyTo,
		Title: markup.Name(clip(o.Name, 500)), Summary: markup.Name(markup.Text(o.Summary, 1_000)), Content: markup.Sanitise(clip(o.Content, maxContent), long),
		Lang: language(o.Language), URL: o.URL, Sensitive: o.Sensitive || !long && o.Summary != "",
		Published: published(o.Published, now), QuoteURI: o.Quote,
	}
	if p.URL == "" {
		p.URL = o.ID
	}
	if !long {
		p.Title = "" // a name beside a Note says nothing that its text does not
	}
	if !o.Updated.IsZero() && o.Updated.After(o.Published) {
		p.Edited = published(o.Updated, now)
	}
	if p.QuoteURI != "" {
		p.QuoteState = QuoteAsked
	}
	for _, t := range o.Tags {
		switch t.Type {
		case "Mention":
			if len(named) < maxNamed && t.Href != "" {
				named = append(named, t.Href)
			}
		case "Hashtag":
			if tag := strings.TrimPrefix(t.Name, "#"); tag != "" && len(tags) < maxTags && len(tag) < 200 {
				tags = append(tags, tag)
			}
		}
	}
	return p, named, tags, p.SetCard(card(o, author, now))
}

// card gathers what stands beside the text of an object.
func card(o *ap.Object, author actors.Actor, now time.Time) Card {
	c := Card{Audience: o.Audience, Context: o.Context, Replies: o.Replies, Stamp: o.Stamp,
		Reply: policyOf(o.CanReply, author), Quote: policyOf(o.CanQuote, author)}
	for _, a := range o.Attachments {
		switch {
		case a.URL == "" || a.Type == "PropertyValue":
		case a.Type == "Image" || strings.HasPrefix(a.MediaType, "image/"):
			if len(c.Pictures) < maxPictures {
				c.Pictures = append(c.Pictures, Picture{URL: a.URL, Type: a.MediaType, Blurhash: clip(a.Blurhash, 100), Alt: markup.Name(clip(a.Name, MaxAlt))})
			}
		case len(c.Links) < maxLinks:
			c.Links = append(c.Links, Link{URL: a.URL, Name: markup.Name(clip(a.Name, 300)), Kind: a.Type})
		}
	}
	if picture := o.Image; picture != "" && len(c.Pictures) == 0 {
		c.Pictures = append(c.Pictures, Picture{URL: picture})
	}
	for _, t := range o.Tags {
		if t.Type == "Emoji" && t.Icon != "" && len(c.Emoji) < maxEmoji && len(t.Name) <= 60 {
			c.Emoji = append(c.Emoji, Emoji{Name: t.Name, URL: t.Icon})
		}
	}
	if o.Type == "Question" {
		c.Poll = pollOf(o, now)
	}
	if o.Type == "Event" {
		c.Event = &Event{
			Starts: millis(o.StartTime), Ends: millis(o.EndTime), Place: markup.Name(clip(strings.Trim(o.Place.Name+", "+o.Place.Address, ", "), 500)),
			Status: clip(o.Status, 60), Join: clip(o.JoinMode, 20),
		}
	}
	return c
}

func pollOf(o *ap.Object, now time.Time) *Poll {
	options, several := o.OneOf, false
	if len(options) == 0 {
		options, several = o.AnyOf, true
	}
	if len(options) == 0 {
		return nil
	}
	p := &Poll{Multiple: several, Closes: millis(o.EndTime), Closed: millis(o.Closed), Voters: o.VotersCount, Fetched: store.Millis(now)}
	for _, one := range options[:min(len(options), 50)] {
		p.Options = append(p.Options, PollOption{Name: clip(one.Name, 500), Votes: one.Votes})
	}
	return p
}

// policyOf is a list of those who need not ask, in our words.
func policyOf(who []string, author actors.Actor) string {
	switch {
	case who == nil || slices.Contains(who, ap.Public):
		return ""
	case author.Followers != "" && slices.Contains(who, author.Followers):
		return "followers"
	}
	return "nobody"
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return store.Millis(t)
}

// published is when a post says it was written, but never later than now.
func published(at, now time.Time) int64 {
	if at.IsZero() || at.After(now) {
		at = now
	}
	return store.Millis(at)
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

// language keeps a tag that looks like one.
func language(tag string) string {
	if len(tag) < 2 || len(tag) > 20 || strings.ContainsFunc(tag, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return ""
	}
	return tag
}

// take stores a post of another server, unless it is known.
func (b *Blogs) take(ctx context.Context, tx *store.Tx, o *ap.Object, author actors.Actor) (*Post, error) {
	p, named, tags, err := b.read(o, author, tx.Now)
	if err != nil {
		return nil, err
	}
	rule, err := b.Book.Rule(ctx, tx, author.Host)
	if err != nil {
		return nil, err
	}
	if rule == "media" {
		withoutPictures(p)
	}
	people, err := b.known(ctx, tx, named)
	if err != nil {
		return nil, err
	}
	own, err := place(ctx, tx, p)
	if err != nil {
		return nil, err
	}
	err = b.keep(ctx, tx, p, own, author, people, tags)
	if errors.Is(err, store.ErrExists) {
		return b.ByURI(ctx, tx, p.URI)
	}
	if err != nil {
		return nil, err
	}
	if err := b.quoteOfOurs(ctx, tx, p, author); err != nil {
		return nil, err
	}
	if p.ReplyURI != "" && p.ReplyTo == 0 || p.QuoteURI != "" {
		return p, want(ctx, tx, p.ID)
	}
	return p, nil
}

// withoutPictures takes out what the rule of a server keeps out.
func withoutPictures(p *Post) {
	c := p.Card()
	c.Pictures, c.Emoji = nil, nil
	_ = p.SetCard(c) // what was just read can be written
}

// known are those of some ids whom we have met, ours among them.
func (b *Blogs) known(ctx context.Context, tx *store.Tx, uris []string) ([]actors.Actor, error) {
	var list []actors.Actor
	for _, uri := range uris {
		a, err := b.Book.ByURI(ctx, tx, uri)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// quoteOfOurs marks a quote of a post by its own author as allowed: that needs
// nobody's leave.
func (b *Blogs) quoteOfOurs(ctx context.Context, tx *store.Tx, p *Post, author actors.Actor) error {
	if p.QuoteURI == "" {
		return nil
	}
	quoted, err := b.ByURI(ctx, tx, p.QuoteURI)
	if isNotFound(err) {
		return nil
	}
	if err != nil || quoted.Author != author.ID {
		return err
	}
	p.QuoteState = QuoteAllowed
	_, err = tx.Exec(ctx, "update posts set quote_state = ? where id = ?", p.QuoteState, p.ID)
	return err
}

// Fetch gives the post at an id: the one that is here, or else asked of its own
// server and stored. Only what everybody may see is taken that way. It writes,
// so it must not be called inside a Write.
func (b *Blogs) Fetch(ctx context.Context, uri string) (*Post, error) {
	p, err := b.ByURI(ctx, b.DB.Read(), uri)
	if err == nil || !isNotFound(err) || b.Federation.IsLocal(uri) {
		return p, err
	}
	o, err := b.Federation.Object(ctx, uri)
	if err != nil {
		return nil, err
	}
	// A Create at its own address leads to what it created.
	if o.Actor != "" && o.Object != nil && (o.Type == "Create" || o.Type == "Announce" || o.Type == "Update") {
		if o, err = b.Federation.Object(ctx, o.Object.ID); err != nil {
			return nil, err
		}
	}
	return b.admit(ctx, o)
}

// admit stores an object that its own server gave us, with its author.
func (b *Blogs) admit(ctx context.Context, o *ap.Object) (*Post, error) {
	if o.AttributedTo == "" || !slices.Contains(kinds, o.Type) {
		return nil, fmt.Errorf("%s is no post: %w", o.ID, store.ErrNotFound)
	}
	author, err := b.Federation.Actor(ctx, o.AttributedTo)
	if err != nil {
		return nil, err
	}
	if v := visibilityOf(o, author); author.Suspended || author.Deleted || v != Public && v != Unlisted {
		return nil, fmt.Errorf("%s is not for everybody: %w", o.ID, store.ErrNotFound)
	}
	var p *Post
	err = b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := b.Federation.Heard(ctx, tx, o.ID, author.URI); err != nil {
			return err
		}
		p, err = b.take(ctx, tx, o, author)
		return err
	})
	return p, err
}
