package blogs

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// A Deed is what an actor did and can take back.
type Deed struct {
	Kind string // Like, Announce, Follow, Block
	Of   int64  // the post, or the actor
	URI  string // the id of the activity, "" where there is none
}

// deeds say where what can be taken back is kept.
var deeds = []struct{ kind, by, of, from string }{
	{"Like", "actor", "post", "reactions where emoji = ''"},
	{"Announce", "actor", "post", "feed where boost = 1"},
	{"Follow", "follower", "followee", "follows where 1 = 1"},
	{"Block", "actor", "other", "shuns where kind = 'block' and other <> 0"},
}

// Done finds what an actor did to a post or another actor; store.ErrNotFound if
// it did not, or took it back.
func (b *Blogs) Done(ctx context.Context, who int64, kind string, of int64) (Deed, error) {
	d := Deed{Kind: kind, Of: of}
	for _, one := range deeds {
		if one.kind == kind {
			err := b.DB.ReadBound().Row(ctx, []any{&d.URI}, "select uri from "+one.from+" and "+one.by+" = ? and "+one.of+" = ?", who, of)
			return d, err
		}
	}
	return d, fmt.Errorf("a deed of type %q: %w", kind, store.ErrNotFound)
}

// Did finds what an actor did by the id of its activity.
func (b *Blogs) Did(ctx context.Context, who int64, uri string) (Deed, error) {
	for _, one := range deeds {
		d := Deed{Kind: one.kind, URI: uri}
		err := b.DB.ReadBound().Row(ctx, []any{&d.Of}, "select "+one.of+" from "+one.from+" and "+one.by+" = ? and uri = ?", who, uri)
		if !isNotFound(err) {
			return d, err
		}
	}
	return Deed{}, fmt.Errorf("activity %s: %w", uri, store.ErrNotFound)
}

// Reaction is the activity by which somebody liked a post: its id, and the emoji
// where it was one.
func (b *Blogs) Reaction(ctx context.Context, who, post int64) (uri, emoji string, err error) {
	err = b.DB.ReadBound().Row(ctx, []any{&uri, &emoji}, "select uri, emoji from reactions where actor = ? and post = ? order by emoji limit 1", who, post)
	return uri, emoji, err
}

// Named are the actors whom a post names or is addressed to.
func (b *Blogs) Named(ctx context.Context, post int64) (list []actors.Actor, err error) {
	err = b.DB.Read().NewRaw("select a.* from post_mentions m join actors a on a.id = m.actor where m.post = ? order by a.id", post).Scan(ctx, &list)
	return list, store.Kind(err)
}

// Wishes are the follows of an actor, those that wait for its answer too, newest
// first, before the one given (0 for the newest).
func (b *Blogs) Wishes(ctx context.Context, actor, before int64, limit int) (list []actors.Follow, err error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	// One half for each state, so that the index has the order of both.
	const of = `
		select * from (
			select id, uri, follower, followee, %d as accepted, created
			from follows where followee = ? and state = '%s' and id < ? order by id desc limit ?) as %[2]s`
	query := fmt.Sprintf(of, 1, "accepted") + " union all " + fmt.Sprintf(of, 0, "asked") + " order by id desc limit ?"
	err = b.DB.Read().NewRaw(query, actor, before, limit, actor, before, limit, limit).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("who wants to follow %d: %w", actor, store.Kind(err))
	}
	return list, nil
}

// Document is a post as an ActivityPub object: of ours the bytes that others
// get; of others what we know of it, its text as it is shown here.
func (b *Blogs) Document(ctx context.Context, p *Post) (json.RawMessage, error) {
	if p.Local {
		return b.Federation.Raw(ctx, p.URI)
	}
	author, err := b.Book.ByID(ctx, b.DB.Read(), p.Author)
	if err != nil {
		return nil, err
	}
	named, err := b.Named(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	card := p.Card()
	post := ap.Post{
		Type: p.Type, ID: p.URI, AttributedTo: author.URI, URL: p.URL, Name: p.Title, Summary: p.Summary, Content: p.Content,
		Language: p.Lang, InReplyTo: p.ReplyURI, Audience: card.Audience, Context: card.Context, Published: store.Time(p.Published),
		Sensitive: p.Sensitive, Extra: map[string]any{},
	}
	if p.Edited > 0 {
		post.Updated = store.Time(p.Edited)
	}
	post.To, post.Cc = addressed(author, p.Visibility, named)
	nobody := func(uri string) bool { return uri == "" } // an actor that names no followers
	post.To, post.Cc = slices.DeleteFunc(post.To, nobody), slices.DeleteFunc(post.Cc, nobody)
	for _, a := range named {
		post.Tags = append(post.Tags, ap.Tag{Type: "Mention", Name: "@" + a.Handle + "@" + a.Host, Href: a.URI})
	}
	for _, pic := range card.Pictures {
		post.Attachments = append(post.Attachments, ap.Attachment{Type: "Image", MediaType: pic.Type, URL: pic.URL, Name: pic.Alt, Blurhash: pic.Blurhash})
	}
	for _, link := range card.Links {
		post.Attachments = append(post.Attachments, ap.Attachment{Type: "Link", URL: link.URL, Name: link.Name})
	}
	if p.QuoteURI != "" && p.QuoteState == QuoteAllowed {
		post.Extra["quote"] = p.QuoteURI
	}
	if card.Replies != "" {
		post.Extra["replies"] = card.Replies
	}
	if card.Poll != nil {
		foreignPoll(&post, card.Poll)
	}
	if e := card.Event; e != nil {
		post.StartTime, post.EventStatus, post.JoinMode, post.Online = store.Time(e.Starts), e.Status, e.Join, e.Online
		post.Place.Name = strings.TrimSpace(e.Place)
		if e.Ends > 0 {
			post.EndTime = store.Time(e.Ends)
		}
	}
	return post.Encode()
}

// foreignPoll adds the question of another server, with the numbers that it told.
func foreignPoll(post *ap.Post, poll *Poll) {
	addPoll(post, poll)
	name := "oneOf"
	if poll.Multiple {
		name = "anyOf"
	}
	for i, o := range poll.Options {
		option := post.Extra[name].([]any)[i].(map[string]any)
		if o.Votes != nil {
			option["replies"] = map[string]any{"type": "Collection", "totalItems": *o.Votes}
		}
	}
	if poll.Voters != nil {
		post.Extra["votersCount"] = *poll.Voters
	}
}
