package blogs

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// Edit replaces what a post of one's own says. Its former state stays to be
// read, and those who have the post are told. Whom it is for and what it
// answers never change.
func (b *Blogs) Edit(ctx context.Context, w Writer, id int64, d Draft) (*Post, error) {
	old, err := b.own(ctx, id, w.Actor)
	if err != nil {
		return nil, err
	}
	before := old.Card()
	d.Article, d.Visibility, d.ReplyTo, d.Quote, d.Poll, d.Sphere = old.Type == "Article", old.Visibility, old.ReplyTo, 0, nil, ""
	ready, err := b.prepare(ctx, w, d)
	if err != nil {
		return nil, err
	}
	var p *Post
	err = b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if p, err = b.ByID(ctx, tx, id); err != nil {
			return err
		}
		if p.Deleted > 0 {
			return fmt.Errorf("edit post %d: %w", id, store.ErrNotFound)
		}
		if err := remember(ctx, tx, p); err != nil {
			return err
		}
		p.Title, p.Summary, p.Content, p.Source, p.Lang = ready.Title, ready.Warning, ready.html, ready.Text, ready.Lang
		p.Sensitive, p.Edited = ready.Sensitive || ready.Warning != "" && !ready.Article, store.Millis(tx.Now)
		card := p.Card()
		card.Quote = ready.Quotable
		if card.Pictures, err = b.attach(ctx, tx, p.Author, p.ID, ready.Pictures); err != nil {
			return err
		}
		card.Poll = before.Poll
		if err := p.SetCard(card); err != nil {
			return err
		}
		if err := b.rewrite(ctx, tx, p, ready.mentioned, ready.tags); err != nil {
			return err
		}
		if err := b.notifyOf(ctx, tx, p, ready.author, ready.mentioned); err != nil {
			return err
		}
		if err := tx.Settle(ctx); err != nil {
			return err
		}
		return b.send(ctx, tx, p, ready.author, ready.mentioned, ready.tags, "Update")
	})
	return p, err
}

// own is a post that an actor wrote here, or store.ErrNotFound.
func (b *Blogs) own(ctx context.Context, id int64, who actors.Actor) (*Post, error) {
	p, err := b.ByID(ctx, b.DB.Read(), id)
	if err == nil && (p.Author != who.ID || !p.Local || p.Deleted > 0) {
		err = fmt.Errorf("post %d of %s: %w", id, who.Handle, store.ErrNotFound)
	}
	return p, err
}

// remember keeps the present state of a post that is about to change.
func remember(ctx context.Context, tx *store.Tx, p *Post) error {
	at := p.Edited
	if at == 0 {
		at = p.Published
	}
	_, err := tx.Exec(ctx, `
		insert into post_revisions (post, at, title, summary, content, card) values (?, ?, ?, ?, ?, ?) on conflict do nothing`,
		p.ID, at, p.Title, p.Summary, p.Content, p.CardJSON)
	return err
}

// rewrite stores the new state of a post that is known.
func (b *Blogs) rewrite(ctx context.Context, tx *store.Tx, p *Post, mentioned []actors.Actor, tags []string) error {
	if err := b.warned(ctx, tx, p); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		update posts set title = ?, summary = ?, content = ?, source = ?, lang = ?, url = ?, sensitive = ?, card = ?, edited = ?,
			quote_uri = ?, quote_state = ?
		where id = ?`,
		p.Title, p.Summary, p.Content, p.Source, p.Lang, p.URL, store.Flag(p.Sensitive), p.CardJSON, p.Edited, p.QuoteURI, p.QuoteState, p.ID)
	if err != nil {
		return fmt.Errorf("rewrite post %d: %w", p.ID, err)
	}
	if _, err := tx.Exec(ctx, "delete from post_tags where post = ?", p.ID); err != nil {
		return err
	}
	if err := b.offer(ctx, tx, p.ID); err != nil {
		return err
	}
	// Whoever was named has the post; a name taken out does not take it from them.
	if err := b.index(ctx, tx, p, mentioned, tags); err != nil {
		return err
	}
	return tx.Settle(ctx)
}

// Delete takes a post of one's own away, here and elsewhere. What answered it
// stays; its place in the conversation says that it is gone.
func (b *Blogs) Delete(ctx context.Context, who actors.Actor, id int64) error {
	if _, err := b.own(ctx, id, who); err != nil {
		return err
	}
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := b.ByID(ctx, tx, id)
		if err != nil || p.Deleted > 0 {
			return err
		}
		return b.remove(ctx, tx, p, who)
	})
}

// remove deletes a post of ours and tells everybody who may have it.
func (b *Blogs) remove(ctx context.Context, tx *store.Tx, p *Post, author actors.Actor) error {
	concerned, err := b.concerned(ctx, tx, p)
	if err != nil {
		return err
	}
	for _, pic := range p.Card().Pictures {
		if pic.Name != "" {
			tx.AfterCommit(func() { _ = b.Media.Remove(pic.Name) }) // one left over is swept up by Tidy
		}
	}
	if err := b.Erase(ctx, tx, p); err != nil {
		return err
	}
	if err := b.Federation.Withdraw(ctx, tx, p.URI); err != nil {
		return err
	}
	if err := b.Federation.Retract(ctx, tx, p.URI+"/activity"); err != nil {
		return err
	}
	e := ap.Envelope{ID: b.Federation.ActivityURI(), Actor: author.URI, Published: tx.Now}
	e.To, e.Cc = addressed(author, p.Visibility, concerned)
	raw, err := e.Delete(p.URI)
	if err != nil {
		return err
	}
	return b.Federation.Publish(ctx, tx, author, raw, audience(author, p.Visibility, concerned))
}

// concerned are those beside an author's followers who may have a post: whom it
// names, who answered, liked or passed it on. A thousand of them are told.
func (b *Blogs) concerned(ctx context.Context, idb bun.IDB, p *Post) ([]actors.Actor, error) {
	var list []actors.Actor
	err := idb.NewRaw(`
		select * from actors where local = 0 and id in (
			select actor from post_mentions where post = ?
			union select author from posts where reply_to = ?
			union select actor from feed where post = ? and boost = 1
			union select actor from reactions where post = ?)
		limit 1000`, p.ID, p.ID, p.ID, p.ID).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("whom post %d concerns: %w", p.ID, store.Kind(err))
	}
	return list, nil
}

// Erase wipes a post of anybody's from our tables, but for its place in the
// conversation.
func (b *Blogs) Erase(ctx context.Context, tx *store.Tx, p *Post) error {
	p.Deleted = store.Millis(tx.Now)
	if _, err := tx.Exec(ctx, `
		update posts set deleted = ?, title = '', summary = '', content = '', source = '', url = '', card = '', quote_uri = '', quote_state = ''
		where id = ?`, p.Deleted, p.ID); err != nil {
		return fmt.Errorf("erase post %d: %w", p.ID, err)
	}
	for _, q := range []string{
		"delete from feed where post = ?", "delete from post_tags where post = ?", "delete from post_mentions where post = ?",
		"delete from post_revisions where post = ?", "delete from reactions where post = ?", "delete from bookmarks where post = ?",
		"delete from pins where post = ?", "delete from notices where post = ?", "delete from poll_visits where post = ?",
		"delete from quote_stamps where post = ?", "delete from media where post = ?",
	} {
		if _, err := tx.Exec(ctx, q, p.ID); err != nil {
			return fmt.Errorf("erase post %d: %w", p.ID, err)
		}
	}
	return b.offer(ctx, tx, p.ID)
}

// Revision is a former state of a post.
type Revision struct {
	At      int64  `bun:"at"`
	Title   string `bun:"title"`
	Summary string `bun:"summary"`
	Content string `bun:"content"`
}

// Revisions are the former states of a post, the newest first.
func (b *Blogs) Revisions(ctx context.Context, p *Post) (list []Revision, err error) {
	err = b.DB.Read().NewRaw("select at, title, summary, content from post_revisions where post = ? order by at desc limit 100", p.ID).Scan(ctx, &list)
	return list, store.Kind(err)
}
