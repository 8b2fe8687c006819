package blogs

import (
	"context"
	"fmt"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/markup"
	"viche/internal/store"
)

// Hide takes a post out of everybody's sight but its author's. One of ours is
// withdrawn from the network too: at its address stands a tombstone, and those
// who have it are asked to delete it. It says whether that changed anything.
func (b *Blogs) Hide(ctx context.Context, tx *store.Tx, id int64) (bool, error) {
	p, err := b.ByID(ctx, tx, id)
	if err != nil || p.Hidden || p.Deleted > 0 {
		return false, err
	}
	if _, err := tx.Exec(ctx, "update posts set hidden = 1 where id = ?", id); err != nil {
		return false, err
	}
	if err := b.offer(ctx, tx, id); err != nil || !p.Local {
		return err == nil, err
	}
	author, concerned, err := b.holders(ctx, tx, p)
	if err != nil {
		return false, err
	}
	if err := b.Federation.Withdraw(ctx, tx, p.URI); err != nil {
		return false, err
	}
	if err := b.Federation.Retract(ctx, tx, p.URI+"/activity"); err != nil {
		return false, err
	}
	e := ap.Envelope{ID: b.Federation.ActivityURI(), Actor: author.URI, Published: tx.Now}
	e.To, e.Cc = addressed(author, p.Visibility, concerned)
	raw, err := e.Delete(p.URI)
	if err != nil {
		return false, err
	}
	return true, b.Federation.Publish(ctx, tx, author, raw, audience(author, p.Visibility, concerned))
}

// Unhide brings a post back. One of ours is sent anew; whether a server that
// deleted it takes it again is up to that server.
func (b *Blogs) Unhide(ctx context.Context, tx *store.Tx, id int64) (bool, error) {
	p, err := b.ByID(ctx, tx, id)
	if err != nil || !p.Hidden || p.Deleted > 0 {
		return false, err
	}
	if _, err := tx.Exec(ctx, "update posts set hidden = 0 where id = ?", id); err != nil {
		return false, err
	}
	if err := b.offer(ctx, tx, id); err != nil || !p.Local {
		return err == nil, err
	}
	author, concerned, err := b.holders(ctx, tx, p)
	if err != nil {
		return false, err
	}
	named, tags, err := b.names(ctx, tx, p)
	if err != nil {
		return false, err
	}
	object, err := b.encode(ctx, tx, p, author, named, tags)
	if err != nil {
		return false, err
	}
	if err := b.Federation.Revive(ctx, tx, p.URI); err != nil {
		return false, err
	}
	if err := b.Federation.Store(ctx, tx, p.URI, object, p.Type, author.URI); err != nil {
		return false, err
	}
	// The id of the first Create is known elsewhere and would be passed over.
	e := ap.Envelope{ID: b.Federation.ActivityURI(), Actor: author.URI, Published: store.Time(p.Published)}
	e.To, e.Cc = addressed(author, p.Visibility, named)
	raw, err := e.Create(object)
	if err != nil {
		return false, err
	}
	return true, b.Federation.Publish(ctx, tx, author, raw, audience(author, p.Visibility, concerned))
}

// Mark puts a warning before a post, which an edit does not take off. Those who
// have a post of ours get it with the warning.
func (b *Blogs) Mark(ctx context.Context, tx *store.Tx, id int64, warning string) (bool, error) {
	p, err := b.ByID(ctx, tx, id)
	if err != nil || p.Deleted > 0 {
		return false, err
	}
	n, err := tx.Exec(ctx, "insert into post_warnings (post, text, sensitive, summary, at) values (?, ?, ?, ?, ?) on conflict do nothing",
		id, markup.Name(warning), store.Flag(p.Sensitive), p.Summary, store.Millis(tx.Now))
	if err != nil || n == 0 {
		return false, err
	}
	return true, b.remark(ctx, tx, p)
}

// Unmark takes the moderator's warning off; what the author wrote there stands
// again.
func (b *Blogs) Unmark(ctx context.Context, tx *store.Tx, id int64) (bool, error) {
	p, err := b.ByID(ctx, tx, id)
	if err != nil || p.Deleted > 0 {
		return false, err
	}
	var text, summary string
	var sensitive int
	err = tx.Row(ctx, []any{&text, &sensitive, &summary}, "delete from post_warnings where post = ? returning text, sensitive, summary", id)
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p.Sensitive = sensitive == 1
	if p.Summary == text {
		p.Summary = summary
	}
	return true, b.remark(ctx, tx, p)
}

// remark stores and tells that what stands before a post is another thing.
func (b *Blogs) remark(ctx context.Context, tx *store.Tx, p *Post) error {
	if err := b.warned(ctx, tx, p); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "update posts set sensitive = ?, summary = ? where id = ?", store.Flag(p.Sensitive), p.Summary, p.ID); err != nil {
		return fmt.Errorf("warning before post %d: %w", p.ID, err)
	}
	if err := b.offer(ctx, tx, p.ID); err != nil {
		return err
	}
	if !p.Local || p.Hidden {
		return nil
	}
	return b.resend(ctx, tx, p)
}

// warned gives a post the warning that a moderator put before it, if there is
// one. An article's summary is its lead, so only its pictures are covered.
func (b *Blogs) warned(ctx context.Context, tx *store.Tx, p *Post) error {
	var text string
	err := tx.Row(ctx, []any{&text}, "select text from post_warnings where post = ?", p.ID)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	p.Sensitive = true
	if p.Summary == "" && p.Type != "Article" {
		p.Summary = text
	}
	return nil
}

// holders are the author of a post and those who may have it beside followers.
func (b *Blogs) holders(ctx context.Context, tx *store.Tx, p *Post) (author actors.Actor, concerned []actors.Actor, err error) {
	if author, err = b.Book.ByID(ctx, tx, p.Author); err != nil {
		return author, nil, err
	}
	concerned, err = b.concerned(ctx, tx, p)
	return author, concerned, err
}

// names are those whom a post names, and its tags.
func (b *Blogs) names(ctx context.Context, tx *store.Tx, p *Post) (named []actors.Actor, tags []string, err error) {
	if err = tx.NewRaw("select a.* from post_mentions m join actors a on a.id = m.actor where m.post = ?", p.ID).Scan(ctx, &named); err != nil {
		return nil, nil, store.Kind(err)
	}
	err = tx.NewRaw("select tag from post_tags where post = ?", p.ID).Scan(ctx, &tags)
	return named, tags, store.Kind(err)
}
