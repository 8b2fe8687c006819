package blogs

import (
	"context"
	"fmt"
	"strconv"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/store"
)

// quote makes a new post of ours quote another (FEP-044f): with leave at once
// where the quoted post is ours and its author allows it, else its author's
// server is asked and the quote waits. It gives the address of the leave, if
// there is one.
func (b *Blogs) quote(ctx context.Context, tx *store.Tx, p, quoted *Post, author actors.Actor) (stamp string, err error) {
	p.QuoteURI, p.QuoteState = quoted.URI, QuoteAsked
	by, err := b.Book.ByID(ctx, tx, quoted.Author)
	if err != nil {
		return "", err
	}
	if !by.Local {
		request := ap.Envelope{ID: p.URI + "/quote", Actor: author.URI, To: []string{by.URI}}.Object("QuoteRequest", quoted.URI)
		request["@context"], request["instrument"] = ap.SocialContext, p.URI
		raw, err := ap.Encode(request)
		if err != nil {
			return "", err
		}
		return "", b.Federation.Publish(ctx, tx, author, raw, federation.Audience{Actors: []string{by.URI}})
	}
	ok, err := b.mayQuote(ctx, tx, quoted, author)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", store.Invalid("text", "blogs.write.quote.refused")
	}
	p.QuoteState = QuoteAllowed
	return b.stamp(ctx, tx, quoted, by, p.URI, author)
}

// mayQuote holds a quote to the policy of the quoted post, which is ours.
func (b *Blogs) mayQuote(ctx context.Context, tx *store.Tx, quoted *Post, by actors.Actor) (bool, error) {
	if quoted.Author == by.ID {
		return true, nil
	}
	if !quoted.Open() {
		return false, nil
	}
	blocked, err := b.Shunned(ctx, tx, quoted.Author, by)
	if err != nil || blocked {
		return false, err
	}
	switch quoted.Card().Quote {
	case "nobody":
		return false, nil
	case "followers":
		return exists(ctx, tx, "select 1 from follows where follower = ? and followee = ? and state = 'accepted'", by.ID, quoted.Author)
	}
	return true, nil
}

// stamp writes down that a post of ours may be quoted, and gives the address at
// which everybody can see that it may. What was revoked once stays so.
func (b *Blogs) stamp(ctx context.Context, tx *store.Tx, quoted *Post, author actors.Actor, quoting string, by actors.Actor) (string, error) {
	var id, revoked int64
	err := tx.Row(ctx, []any{&id, &revoked}, `
		insert into quote_stamps (id, post, quoting, by_actor, revoked) values (?, ?, ?, ?, 0)
		on conflict (post, quoting) do update set quoting = excluded.quoting returning id, revoked`, store.NewID(), quoted.ID, quoting, by.ID)
	if err != nil {
		return "", err
	}
	if revoked > 0 {
		return "", fmt.Errorf("quote %s: the leave was revoked: %w", quoted.URI, store.ErrDenied)
	}
	uri := b.Base + "/blogs/stamps/" + strconv.FormatInt(id, 10)
	raw, err := ap.Encode(map[string]any{
		"@context": ap.SocialContext, "id": uri, "type": "QuoteAuthorization", "attributedTo": author.URI,
		"interactingObject": quoting, "interactionTarget": quoted.URI, "to": []string{ap.Public},
	})
	if err != nil {
		return "", err
	}
	return uri, b.Federation.Store(ctx, tx, uri, raw, "QuoteAuthorization", author.URI)
}
