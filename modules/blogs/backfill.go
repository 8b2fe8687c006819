package blogs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/store"
)

// How far a conversation is followed on other servers.
const (
	maxAncestors = 40 // posts above one
	maxPages     = 4  // of a collection of answers
	maxAnswers   = 60 // posts that are fetched for one conversation
)

const (
	wantBatch    = 8
	wantAttempts = 5
)

// want notes that the rest of a post's conversation is to be asked for.
func want(ctx context.Context, tx *store.Tx, post int64) error {
	_, err := tx.Exec(ctx, "insert into post_wants (post, due, attempts) values (?, ?, 0) on conflict do nothing", post, store.Millis(tx.Now))
	return err
}

// Ask works off some of what is wanted of other servers, and says how much it
// looked at; call it until that is 0. A server that is silent is asked again
// later, a few times.
func (b *Blogs) Ask(ctx context.Context) (int, error) {
	n, err := b.eraseSome(ctx)
	if err != nil {
		return n, err
	}
	var rows []struct {
		Post     int64 `bun:"post"`
		Attempts int   `bun:"attempts"`
	}
	err = b.DB.Read().NewRaw("select post, attempts from post_wants where due <= ? order by due limit ?", store.Millis(b.DB.Now()), wantBatch).Scan(ctx, &rows)
	if err != nil {
		return n, fmt.Errorf("conversations to ask for: %w", store.Kind(err))
	}
	var wait sync.WaitGroup
	for _, row := range rows {
		wait.Go(func() {
			err := b.askFor(ctx, row.Post)
			if err := b.settle(ctx, row.Post, row.Attempts, err); err != nil {
				b.Log.WarnContext(ctx, "a conversation stays on the list", "post", row.Post, "err", err)
			}
		})
	}
	wait.Wait()
	return n + len(rows), nil
}

func (b *Blogs) askFor(ctx context.Context, post int64) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	p, err := b.ByID(ctx, b.DB.Read(), post)
	if err != nil {
		return err
	}
	return b.Backfill(ctx, p)
}

// settle takes a conversation off the list, or puts it further down.
func (b *Blogs) settle(ctx context.Context, post int64, attempts int, outcome error) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if outcome == nil || final(outcome) || attempts+1 >= wantAttempts {
			_, err := tx.Exec(ctx, "delete from post_wants where post = ?", post)
			return err
		}
		_, err := tx.Exec(ctx, "update post_wants set attempts = attempts + 1, due = ? where post = ?",
			store.Millis(tx.Now.Add(time.Minute<<(2*attempts))), post)
		return err
	})
}

// Backfill fetches what a post answers, upwards until something is known or
// missing, the posts in its conversation's collection or the answers below it
// (FEP-f228), and looks whether what it quotes may be quoted. Every post comes
// from its own server; what cannot be had is left out.
func (b *Blogs) Backfill(ctx context.Context, p *Post) error {
	if err := b.climb(ctx, p); err != nil {
		return err
	}
	if p.QuoteState == QuoteAsked && !p.Local {
		if err := b.checkQuote(ctx, p); err != nil && !final(err) {
			return err
		}
	}
	card := p.Card()
	left := maxAnswers
	for _, collection := range []string{card.Context, card.Replies} {
		if collection == "" || !actors.SameOrigin(collection, p.URI) || b.Federation.IsLocal(collection) {
			continue
		}
		n, err := b.gather(ctx, collection, left)
		if err != nil && !final(err) {
			return err
		}
		left -= n
		if n > 0 || left <= 0 {
			break // the conversation's own collection holds the answers too
		}
	}
	return nil
}

// climb fetches the ancestors that are not here.
func (b *Blogs) climb(ctx context.Context, p *Post) error {
	for step := 0; step < maxAncestors && p.ReplyURI != "" && p.ReplyTo == 0; step++ {
		above, err := b.Fetch(ctx, p.ReplyURI)
		if err != nil && !final(err) {
			return err
		}
		if err != nil || above.ID == p.ID {
			return nil
		}
		if err := b.climbed(ctx, above); err != nil {
			return err
		}
		p = above
	}
	return nil
}

// climbed takes an ancestor off the list of conversations to ask for: it is one
// that is being asked for. Else each would begin a climb of its own, and a chain
// without an end would be followed without one.
func (b *Blogs) climbed(ctx context.Context, p *Post) error {
	if p.QuoteURI != "" || p.Local {
		return nil
	}
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "delete from post_wants where post = ?", p.ID)
		return err
	})
}

// gather fetches the posts that a collection lists, page by page on one host,
// and says how many there were that we did not have.
func (b *Blogs) gather(ctx context.Context, address string, most int) (fetched int, err error) {
	seen := map[string]bool{}
	for page := 0; page < maxPages && address != "" && !seen[address] && fetched < most; page++ {
		seen[address] = true
		raw, err := b.Federation.Fetch(ctx, address)
		if err != nil {
			return fetched, err
		}
		c, err := ap.ParseCollection(raw)
		if err != nil {
			return fetched, fmt.Errorf("%w: %w", federation.ErrRefused, err)
		}
		for _, o := range c.Items {
			if fetched >= most {
				break
			}
			if o.ID == "" || b.Federation.IsLocal(o.ID) {
				continue
			}
			if _, err := b.ByURI(ctx, b.DB.Read(), o.ID); err == nil {
				continue
			}
			fetched++
			if _, err := b.Fetch(ctx, o.ID); err != nil && !final(err) {
				b.Log.InfoContext(ctx, "a post of a conversation could not be had", "post", o.ID, "err", err)
			}
		}
		next := c.Next
		if next == "" && len(c.Items) == 0 {
			next = c.First
		}
		if next != "" && !actors.SameOrigin(next, address) {
			break
		}
		address = next
	}
	return fetched, nil
}

// checkQuote decides on the quote in a post of another server: its author may
// quote what is the author's own; anybody else needs a stamp of whoever wrote
// the quoted post.
func (b *Blogs) checkQuote(ctx context.Context, p *Post) error {
	quoted, err := b.Fetch(ctx, p.QuoteURI)
	if err != nil {
		return err
	}
	state := QuoteRefused
	switch stamp := p.Card().Stamp; {
	case quoted.Author == p.Author:
		state = QuoteAllowed
	case stamp == "":
		return nil // it stays a link
	default:
		by, err := b.Book.ByID(ctx, b.DB.Read(), quoted.Author)
		if err != nil {
			return err
		}
		if err := b.stampHolds(ctx, stamp, p.URI, quoted, by); err == nil {
			state = QuoteAllowed
		} else if !final(err) {
			return err
		}
	}
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "update posts set quote_state = ? where id = ? and quote_state = ?", state, p.ID, QuoteAsked)
		return err
	})
}

// stampHolds looks at a leave to quote where its author's server keeps it: it
// must be of that server, by that author, and name both posts.
func (b *Blogs) stampHolds(ctx context.Context, stamp, quoting string, quoted *Post, by actors.Actor) error {
	if !actors.SameOrigin(stamp, by.URI) {
		return fmt.Errorf("a leave to quote from another server: %w", store.ErrDenied)
	}
	if b.Federation.IsLocal(stamp) {
		held, err := exists(ctx, b.DB.Read(), "select 1 from quote_stamps where post = ? and quoting = ? and revoked = 0", quoted.ID, quoting)
		if err == nil && !held {
			err = fmt.Errorf("no such leave: %w", store.ErrDenied)
		}
		return err
	}
	o, err := b.Federation.Object(ctx, stamp)
	if err != nil {
		return err
	}
	if o.ID != stamp || o.Type != "QuoteAuthorization" || o.AttributedTo != by.URI || o.InteractingObject != quoting || o.InteractionTarget != quoted.URI {
		return fmt.Errorf("a leave to quote that is for something else: %w", store.ErrDenied)
	}
	return nil
}

// needStamp looks at the leave that an Accept of a wish to quote names, before
// it is believed.
func (b *Blogs) needStamp(ctx context.Context, a *ap.Activity) error {
	uri, ok := b.wishOf(a.Object)
	if !ok || a.Result == "" {
		return nil
	}
	p, err := b.ByURI(ctx, b.DB.Read(), uri)
	if err != nil {
		return err
	}
	quoted, err := b.ByURI(ctx, b.DB.Read(), p.QuoteURI)
	if err != nil {
		return err
	}
	by, err := b.Book.ByID(ctx, b.DB.Read(), quoted.Author)
	if err != nil {
		return err
	}
	return b.stampHolds(ctx, a.Result, uri, quoted, by)
}

// revokeStamp hides quotes whose leave its author has taken back.
func (b *Blogs) revokeStamp(ctx context.Context, tx *store.Tx, stamp string, by actors.Actor) error {
	if !actors.SameOrigin(stamp, by.URI) {
		return federation.ErrIgnored
	}
	var list []*Post
	err := tx.NewRaw(`
		select p.* from posts p join posts q on q.uri = p.quote_uri
		where q.author = ? and p.quote_state = 'allowed' and p.card like ?`, by.ID, "%"+stamp+"%").Scan(ctx, &list)
	if err != nil {
		return store.Kind(err)
	}
	for _, p := range list {
		if p.Card().Stamp != stamp {
			continue
		}
		if _, err := tx.Exec(ctx, "update posts set quote_state = ? where id = ?", QuoteRevoked, p.ID); err != nil {
			return err
		}
		if p.Local {
			p.QuoteState = QuoteRevoked
			if err := b.resend(ctx, tx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// RevokeQuote takes back the leave to quote a post of one's own.
func (b *Blogs) RevokeQuote(ctx context.Context, who actors.Actor, id int64, quoting string) error {
	p, err := b.own(ctx, id, who)
	if err != nil {
		return err
	}
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var stamp, by int64
		err := tx.Row(ctx, []any{&stamp, &by}, "update quote_stamps set revoked = ? where post = ? and quoting = ? and revoked = 0 returning id, by_actor",
			store.Millis(tx.Now), p.ID, quoting)
		if err != nil {
			return fmt.Errorf("leave to quote: %w", err)
		}
		uri := fmt.Sprintf("%s/blogs/stamps/%d", b.Base, stamp)
		if err := b.Federation.Withdraw(ctx, tx, uri); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "update posts set quote_state = ? where uri = ? and quote_uri = ?", QuoteRevoked, quoting, p.URI); err != nil {
			return err
		}
		quoter, err := b.Book.ByID(ctx, tx, by)
		if err != nil || quoter.Local {
			return err
		}
		raw, err := ap.Envelope{ID: b.Federation.ActivityURI(), Actor: who.URI, To: []string{quoter.URI}}.Delete(uri)
		if err != nil {
			return err
		}
		return b.Federation.Publish(ctx, tx, who, raw, federation.Audience{Actors: []string{quoter.URI}})
	})
}

// resend publishes the present state of a post of ours to those who have it, and
// to some more, who are not named in it.
func (b *Blogs) resend(ctx context.Context, tx *store.Tx, p *Post, more ...actors.Actor) error {
	author, err := b.Book.ByID(ctx, tx, p.Author)
	if err != nil {
		return err
	}
	var mentioned []actors.Actor
	if err := tx.NewRaw("select a.* from post_mentions m join actors a on a.id = m.actor where m.post = ?", p.ID).Scan(ctx, &mentioned); err != nil {
		return store.Kind(err)
	}
	var tags []string
	if err := tx.NewRaw("select tag from post_tags where post = ?", p.ID).Scan(ctx, &tags); err != nil {
		return store.Kind(err)
	}
	return b.send(ctx, tx, p, author, mentioned, tags, "Update", more...)
}

// eraseSome erases a hundred posts of an actor that left, and says how many.
func (b *Blogs) eraseSome(ctx context.Context) (n int, err error) {
	var actor int64
	err = b.DB.ReadBound().Row(ctx, []any{&actor}, "select actor from post_erasures limit 1")
	if isNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	err = b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var list []*Post
		if err := tx.NewRaw("select * from posts where author = ? and deleted = 0 limit 100", actor).Scan(ctx, &list); err != nil {
			return store.Kind(err)
		}
		n = len(list)
		for _, p := range list {
			if err := b.Erase(ctx, tx, p); err != nil {
				return err
			}
		}
		queries := []string{"delete from feed where actor = ?", "delete from reactions where actor = ?", "delete from notices where by_actor = ?", "delete from shuns where other = ?"}
		if n == 0 {
			queries = append(queries, "delete from post_erasures where actor = ?")
		}
		for _, q := range queries {
			if _, err := tx.Exec(ctx, q, actor); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// Refresh asks the server of a post for its present state, once a minute at
// most; for a poll that is over, until its last numbers are known. A server
// that does not answer leaves what is here.
func (b *Blogs) Refresh(ctx context.Context, p *Post) (*Post, error) {
	card := p.Card()
	if p.Local || card.Poll == nil || card.Poll.Closed > 0 && card.Poll.Fetched > card.Poll.Closed+int64(time.Hour/time.Millisecond) {
		return p, nil
	}
	now := b.DB.Now()
	if now.Sub(store.Time(card.Poll.Fetched)) < time.Minute {
		return p, nil
	}
	o, err := b.Federation.Object(ctx, p.URI)
	if err != nil {
		if final(err) || errors.Is(err, context.DeadlineExceeded) {
			return p, nil
		}
		return p, err
	}
	author, err := b.Book.ByID(ctx, b.DB.Read(), p.Author)
	if err != nil || o.ID != p.URI || o.AttributedTo != author.URI {
		return p, err
	}
	err = b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return b.renew(ctx, tx, p, o, author) })
	if err != nil && !final(err) {
		return p, err
	}
	return b.ByID(ctx, b.DB.Read(), p.ID)
}
