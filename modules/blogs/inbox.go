package blogs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"github.com/uptrace/bun"
	"strings"
	"unicode/utf8"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/markup"
	"viche/internal/store"
)

// Inbox is what the module answers of other servers' activities.
func (b *Blogs) Inbox() []federation.On {
	list := []federation.On{
		{Activity: "Create", Object: "Vote", Do: b.onVote},
		{Activity: "Create", Object: "*", Do: b.onCreate},
		{Activity: "Update", Object: "*", Do: b.onUpdate},
		{Activity: "Delete", Object: "Object", Do: b.onDelete},
		{Activity: "Announce", Object: "*", Do: b.onAnnounce, Need: b.needAnnounced},
		{Activity: "Like", Object: "*", Do: b.onLike},
		{Activity: "EmojiReact", Object: "*", Do: b.onLike},
		{Activity: "Flag", Object: "*", Do: b.onFlag},
		{Activity: "Add", Object: "*", Do: b.onPin},
		{Activity: "Remove", Object: "*", Do: b.onPin},
		{Activity: "QuoteRequest", Object: "*", Do: b.onQuoteRequest},
		{Activity: "Accept", Object: "*", Do: b.onQuoteAnswer, Need: b.needStamp},
		{Activity: "Reject", Object: "*", Do: b.onQuoteAnswer},
		{Activity: "Join", Object: "*", Do: b.onJoin},
		{Activity: "Leave", Object: "*", Do: b.onJoin},
		{Activity: "Block", Object: "*", Do: b.onBlock},
		{Activity: "Undo", Object: "*", Do: b.onUndo},
	}
	return list
}

// onCreate takes a post in, if it concerns anybody here.
func (b *Blogs) onCreate(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	if len(a.Objects) != 1 {
		return federation.ErrIgnored
	}
	author, err := b.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	o := a.Object
	parent, concerns, err := b.concerns(ctx, tx, o, author)
	if err != nil {
		return err
	}
	if !concerns {
		return federation.ErrIgnored
	}
	if parent != nil {
		if err := b.takesAnswers(ctx, tx, parent, author); err != nil {
			return err
		}
	}
	p, err := b.take(ctx, tx, o, author)
	if err != nil || parent == nil || !parent.Local || p.Visibility == Direct {
		return err
	}
	return b.passOn(ctx, tx, a, parent)
}

// concerns tells whether a post is of interest to somebody here: its author is
// followed, it names one of us, or it answers or quotes what we have. What
// nobody asked for is not kept.
func (b *Blogs) concerns(ctx context.Context, tx *store.Tx, o *ap.Object, author actors.Actor) (parent *Post, yes bool, err error) {
	if o.InReplyTo != "" {
		if parent, err = b.ByURI(ctx, tx, o.InReplyTo); err != nil && !isNotFound(err) {
			return nil, false, err
		}
		if parent != nil && parent.Deleted == 0 {
			return parent, true, nil
		}
		parent = nil
	}
	for _, t := range o.Tags {
		if t.Type == "Mention" && b.Federation.IsLocal(t.Href) {
			return nil, true, nil
		}
	}
	for _, list := range [][]string{o.To, o.Cc} {
		for _, uri := range list {
			if b.Federation.IsLocal(uri) {
				return nil, true, nil
			}
		}
	}
	if o.Quote != "" && b.Federation.IsLocal(o.Quote) {
		return nil, true, nil
	}
	yes, err = followedHere(ctx, tx, author.ID)
	return nil, yes, err
}

// followedHere tells whether any of ours follows an actor.
func followedHere(ctx context.Context, idb bun.IDB, actor int64) (bool, error) {
	return exists(ctx, idb, `
		select 1 from follows f join actors a on a.id = f.follower
		where f.followee = ? and f.state = 'accepted' and a.local = 1`, actor)
}

// takesAnswers refuses an answer to a post of ours by somebody whom its author
// blocks, or who may not see it, or where its author takes none.
func (b *Blogs) takesAnswers(ctx context.Context, tx *store.Tx, parent *Post, by actors.Actor) error {
	if !parent.Local {
		return nil
	}
	may, err := b.Audience(ctx, tx, parent, &by)
	if err != nil {
		return err
	}
	if !may {
		return fmt.Errorf("answer to what is not for them: %w", store.ErrDenied)
	}
	return b.mayAnswer(ctx, tx, parent, by)
}

// passOn forwards an answer to a post of ours to those who follow the author
// and were addressed: their servers would not hear of it otherwise (ActivityPub
// 7.1.2).
func (b *Blogs) passOn(ctx context.Context, tx *store.Tx, a *ap.Activity, parent *Post) error {
	author, err := b.Book.ByID(ctx, tx, parent.Author)
	if err != nil {
		return err
	}
	for _, list := range [][]string{a.To, a.Cc, a.Object.To, a.Object.Cc} {
		for _, uri := range list {
			if uri == author.Followers {
				return b.Federation.Forward(ctx, tx, a.Raw, a.Actor, federation.Audience{Followers: []int64{author.ID}})
			}
		}
	}
	return nil
}

// onUpdate takes the new state of a post that we have. A poll's counts change
// without an edit; everything else leaves the former state to be read.
func (b *Blogs) onUpdate(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	old, err := b.ByURI(ctx, tx, a.Object.ID)
	if isNotFound(err) {
		return federation.ErrIgnored
	}
	if err != nil {
		return err
	}
	author, err := b.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	if old.Author != author.ID || old.Deleted > 0 {
		return fmt.Errorf("update of another's post: %w", store.ErrDenied)
	}
	return b.renew(ctx, tx, old, a.Object, author)
}

// renew brings a post of another server to the state that an object of it has.
func (b *Blogs) renew(ctx context.Context, tx *store.Tx, old *Post, o *ap.Object, author actors.Actor) error {
	p, named, tags, err := b.read(o, author, tx.Now)
	if err != nil {
		return err
	}
	rule, err := b.Book.Rule(ctx, tx, author.Host)
	if err != nil {
		return err
	}
	if rule == "media" {
		withoutPictures(p)
	}
	if was, is := old.Card().Poll, p.Card().Poll; was != nil && p.Edited <= old.Edited {
		if is == nil || !sameOptions(was, is) {
			return fmt.Errorf("other options without an edit: %w", store.ErrInvalid)
		}
		if _, err := tx.Exec(ctx, "update posts set card = ? where id = ?", p.CardJSON, old.ID); err != nil {
			return err
		}
		if was.Closed == 0 && is.Closed > 0 {
			return b.tellOfEnd(ctx, tx, old.ID, author.ID)
		}
		return nil
	}
	if p.Edited > 0 && p.Edited < old.Edited {
		return federation.ErrIgnored // an older state that came late
	}
	if p.Title == old.Title && p.Summary == old.Summary && p.Content == old.Content && p.CardJSON == old.CardJSON {
		return nil
	}
	if err := remember(ctx, tx, old); err != nil {
		return err
	}
	p.ID, p.QuoteState = old.ID, old.QuoteState
	if p.Edited == 0 {
		p.Edited = store.Millis(tx.Now)
	}
	if p.QuoteURI != old.QuoteURI {
		p.QuoteURI, p.QuoteState = old.QuoteURI, old.QuoteState // what is quoted never changes
	}
	people, err := b.known(ctx, tx, named)
	if err != nil {
		return err
	}
	if err := b.rewrite(ctx, tx, p, people, tags); err != nil {
		return err
	}
	if p.QuoteState == QuoteAsked && p.Card().Stamp != "" {
		if err := want(ctx, tx, p.ID); err != nil { // the leave has come
			return err
		}
	}
	return b.tellBoosters(ctx, tx, p, author)
}

// tellBoosters tells those of ours who passed a post on that it was edited.
func (b *Blogs) tellBoosters(ctx context.Context, tx *store.Tx, p *Post, author actors.Actor) error {
	var ids []int64
	err := tx.NewRaw("select f.actor from feed f join actors a on a.id = f.actor where f.post = ? and f.boost = 1 and a.local = 1 limit 500", p.ID).Scan(ctx, &ids)
	if err != nil {
		return store.Kind(err)
	}
	for _, id := range ids {
		if err := b.Notify(ctx, tx, Notice{To: id, Kind: Changed, By: author.ID, Post: p.ID}); err != nil {
			return err
		}
	}
	return nil
}

func sameOptions(a, b *Poll) bool {
	if len(a.Options) != len(b.Options) || a.Multiple != b.Multiple {
		return false
	}
	for i := range a.Options {
		if a.Options[i].Name != b.Options[i].Name {
			return false
		}
	}
	return true
}

// onDelete erases a post, or, when an actor left, has a job erase all of theirs.
func (b *Blogs) onDelete(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	author, err := b.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	if a.Object.ID == a.Actor {
		_, err := tx.Exec(ctx, "insert into post_erasures (actor) values (?) on conflict do nothing", author.ID)
		return err
	}
	p, err := b.ByURI(ctx, tx, a.Object.ID)
	if isNotFound(err) {
		return b.revokeStamp(ctx, tx, a.Object.ID, author)
	}
	if err != nil {
		return err
	}
	if p.Author != author.ID {
		return fmt.Errorf("deletion of another's post: %w", store.ErrDenied)
	}
	if p.Deleted > 0 {
		return nil
	}
	return b.Erase(ctx, tx, p)
}

// onLike counts a like or a reaction of somebody who may see the post.
func (b *Blogs) onLike(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	if len(a.Objects) != 1 {
		return federation.ErrIgnored
	}
	p, err := b.ByURI(ctx, tx, a.Object.ID)
	if isNotFound(err) {
		return federation.ErrIgnored
	}
	if err != nil {
		return err
	}
	by, err := b.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	may, err := b.Audience(ctx, tx, p, &by)
	if err != nil {
		return err
	}
	if !may {
		return fmt.Errorf("a like of what is not for them: %w", store.ErrDenied)
	}
	emoji := markup.Name(a.Content)
	if utf8.RuneCountInString(emoji) > 40 {
		emoji = ""
	}
	if emoji == "👍" || emoji == "❤" || emoji == "❤️" {
		emoji = "" // some servers write a plain like so
	}
	// Nobody fills a post with reactions: five a person.
	n, err := tx.Exec(ctx, `
		insert into reactions (post, actor, emoji, uri, at)
		select ?, ?, ?, ?, ? where (select count(*) from reactions where post = ? and actor = ?) < 5
		on conflict (post, actor, emoji) do update set uri = excluded.uri`, p.ID, by.ID, emoji, a.ID, store.Millis(tx.Now), p.ID, by.ID)
	if err != nil || n == 0 {
		return err
	}
	return b.Notify(ctx, tx, Notice{To: p.Author, Kind: Liked, By: by.ID, Post: p.ID})
}

// onUndo takes back a like, a reaction, a boost or a block: by the activity's id,
// or by what it was about.
func (b *Blogs) onUndo(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	o := a.Object
	if o == nil || o.Type == "Follow" {
		return federation.ErrIgnored
	}
	by, err := b.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	if done, err := b.undoByID(ctx, tx, o, by); err != nil || done {
		return err
	}
	if done, err := b.undoBlock(ctx, tx, o, by); err != nil || done {
		return err
	}
	if o.Object == nil {
		return federation.ErrIgnored
	}
	p, err := b.ByURI(ctx, tx, o.Object.ID)
	if isNotFound(err) {
		return federation.ErrIgnored
	}
	if err != nil {
		return err
	}
	switch o.Type {
	case "Like", "EmojiReact":
		_, err = tx.Exec(ctx, "delete from reactions where post = ? and actor = ? and (emoji = ? or ? = '')", p.ID, by.ID, markup.Name(o.Content), o.Content)
	case "Announce":
		_, err = tx.Exec(ctx, "delete from feed where post = ? and actor = ? and boost = 1", p.ID, by.ID)
	default:
		return federation.ErrIgnored
	}
	if err != nil {
		return err
	}
	return unnotice(ctx, tx, by.ID, p.ID)
}

// needAnnounced fetches what is passed on, from its own server and never from
// the activity, where somebody here follows whoever passes it on.
func (b *Blogs) needAnnounced(ctx context.Context, a *ap.Activity) error {
	if len(a.Objects) != 1 || b.Federation.IsLocal(a.Object.ID) {
		return nil
	}
	by, err := b.Book.ByURI(ctx, b.DB.Read(), a.Actor)
	if err != nil {
		return nil // it was let in, so it will be known when it is worked off
	}
	follows, err := followedHere(ctx, b.DB.Read(), by.ID)
	if err != nil || !follows {
		return err
	}
	target := announced(a)
	if target == "" {
		return nil
	}
	if _, err := b.Fetch(ctx, target); err != nil && !final(err) {
		return err
	}
	return nil
}

// announced is the post that an Announce is about. A group passes activities on
// (FEP-1b12): of a Create or Update it is what they are about, anything else
// that a group repeats counts only when its author's own server says it.
func announced(a *ap.Activity) string {
	o := a.Object
	switch o.Type {
	case "Create", "Update":
		if o.Object != nil {
			return o.Object.ID
		}
	case "Delete", "Like", "Dislike", "Undo", "Announce", "Add", "Remove", "Block", "Flag", "Lock":
		return ""
	}
	return o.ID
}

// final tells whether asking again would give the same answer.
func final(err error) bool {
	for _, kind := range []error{store.ErrNotFound, store.ErrDenied, store.ErrInvalid, federation.ErrRefused, federation.ErrGone, federation.ErrIgnored} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// onAnnounce puts a boost into the feed of whoever made it.
func (b *Blogs) onAnnounce(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	if len(a.Objects) != 1 {
		return federation.ErrIgnored
	}
	target := announced(a)
	if target == "" {
		return federation.ErrIgnored
	}
	p, err := b.ByURI(ctx, tx, target)
	if isNotFound(err) {
		return federation.ErrIgnored
	}
	if err != nil {
		return err
	}
	if !p.Open() {
		return fmt.Errorf("a boost of what is not for everybody: %w", store.ErrDenied)
	}
	by, err := b.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	if p.Local {
		blocked, err := b.Shunned(ctx, tx, p.Author, by)
		if err != nil {
			return err
		}
		if blocked {
			return fmt.Errorf("a boost by somebody whom the author blocks: %w", store.ErrDenied)
		}
	}
	n, err := tx.Exec(ctx, "insert into feed (id, actor, post, boost, uri, visibility) values (?, ?, ?, 1, ?, ?) on conflict do nothing",
		store.NewID(), by.ID, p.ID, a.ID, Public)
	if err != nil || n == 0 {
		return err
	}
	if by.Type == "Group" {
		return nil // a channel that carries a post is no news to its author
	}
	return b.Notify(ctx, tx, Notice{To: p.Author, Kind: Boosted, By: by.ID, Post: p.ID})
}

// onFlag keeps a report about somebody here or their posts, for the moderators.
func (b *Blogs) onFlag(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	var about actors.Actor
	var posts []*Post
	for _, o := range a.Objects {
		if !b.Federation.IsLocal(o.ID) {
			continue
		}
		if p, err := b.ByURI(ctx, tx, o.ID); err == nil {
			if posts = append(posts, p); about.ID == 0 {
				if about, err = b.Book.ByID(ctx, tx, p.Author); err != nil {
					return err
				}
			}
			continue
		}
		if found, err := b.Book.ByURI(ctx, tx, o.ID); err == nil && found.Local {
			about = found
		}
	}
	if about.ID == 0 || !about.Local {
		return fmt.Errorf("a report about nobody here: %w", store.ErrDenied)
	}
	by, err := b.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	comment := a.Content
	if comment == "" && a.Object != nil {
		comment = a.Object.Content
	}
	return b.report(ctx, tx, report{uri: a.ID, by: by, about: about, posts: posts, comment: markup.Name(markup.Text(clip(comment, 20_000), 5_000))})
}

// onPin keeps which posts somebody pinned, if the collection is their own.
func (b *Blogs) onPin(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	by, err := b.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	if len(a.Objects) != 1 || by.Featured == "" || a.Target != by.Featured {
		return federation.ErrIgnored
	}
	p, err := b.ByURI(ctx, tx, a.Object.ID)
	if isNotFound(err) || err == nil && p.Author != by.ID {
		return federation.ErrIgnored
	}
	if err != nil {
		return err
	}
	if a.Type == "Remove" {
		_, err = tx.Exec(ctx, "delete from pins where actor = ? and post = ?", by.ID, p.ID)
		return err
	}
	_, err = tx.Exec(ctx, `
		insert into pins (actor, post, at) select ?, ?, ? where (select count(*) from pins where actor = ?) < 20
		on conflict do nothing`, by.ID, p.ID, store.Millis(tx.Now), by.ID)
	return err
}

// onJoin answers whoever wants to come to an event of ours from elsewhere that
// signing up happens on its page (FEP-8a8e: Ignore).
func (b *Blogs) onJoin(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	if a.Type == "Leave" || len(a.Objects) != 1 || !b.Federation.IsLocal(a.Object.ID) {
		return federation.ErrIgnored
	}
	instance, err := b.Book.Own(ctx, tx, actors.Instance)
	if err != nil {
		return err
	}
	e := ap.Envelope{ID: b.Federation.ActivityURI(), Actor: instance.URI, To: []string{a.Actor}}
	raw, err := ap.Encode(e.Object("Ignore", json.RawMessage(a.Raw)))
	if err != nil {
		return err
	}
	return b.Federation.Publish(ctx, tx, instance, raw, federation.Audience{Actors: []string{a.Actor}})
}

// onQuoteRequest answers whoever asks to quote a post of ours: with a stamp, or no.
func (b *Blogs) onQuoteRequest(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	if len(a.Objects) != 1 || a.Instrument == "" || !actors.SameOrigin(a.Instrument, a.Actor) {
		return fmt.Errorf("a wish to quote without the quoting post: %w", store.ErrInvalid)
	}
	quoted, err := b.ByURI(ctx, tx, a.Object.ID)
	if err != nil {
		return err
	}
	if !quoted.Local {
		return federation.ErrIgnored
	}
	by, err := b.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	author, err := b.Book.ByID(ctx, tx, quoted.Author)
	if err != nil {
		return err
	}
	e := ap.Envelope{ID: b.Federation.ActivityURI(), Actor: author.URI, To: []string{by.URI}}
	answer := e.Object("Reject", json.RawMessage(a.Raw))
	may, err := b.mayQuote(ctx, tx, quoted, by)
	if err != nil {
		return err
	}
	if may {
		stamp, err := b.stamp(ctx, tx, quoted, author, a.Instrument, by)
		if err != nil && !errors.Is(err, store.ErrDenied) {
			return err
		}
		if err == nil {
			answer = e.Object("Accept", json.RawMessage(a.Raw))
			answer["result"] = stamp
			if err := b.Notify(ctx, tx, Notice{To: author.ID, Kind: Quoted, By: by.ID, Post: quoted.ID}); err != nil {
				return err
			}
		}
	}
	raw, err := ap.Encode(answer)
	if err != nil {
		return err
	}
	return b.Federation.Publish(ctx, tx, author, raw, federation.Audience{Actors: []string{by.URI}})
}

// wishOf is the post of ours whose wish to quote an answer is about.
func (b *Blogs) wishOf(o *ap.Object) (uri string, ok bool) {
	if o == nil {
		return "", false
	}
	uri, ok = strings.CutSuffix(o.ID, "/quote")
	return uri, ok && b.Federation.IsLocal(uri)
}

// onQuoteAnswer shows a quote that waited, or says that it may not be.
func (b *Blogs) onQuoteAnswer(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	uri, ok := b.wishOf(a.Object)
	if !ok {
		return federation.ErrIgnored
	}
	p, err := b.ByURI(ctx, tx, uri)
	if err != nil {
		return err
	}
	quoted, err := b.ByURI(ctx, tx, p.QuoteURI)
	if err != nil {
		return err
	}
	by, err := b.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	if quoted.Author != by.ID || p.QuoteState != QuoteAsked {
		return fmt.Errorf("an answer to a wish to quote by somebody else: %w", store.ErrDenied)
	}
	if a.Type == "Reject" {
		_, err := tx.Exec(ctx, "update posts set quote_state = ? where id = ?", QuoteRefused, p.ID)
		return err
	}
	if a.Result == "" || !actors.SameOrigin(a.Result, by.URI) {
		return fmt.Errorf("a leave to quote from another server: %w", store.ErrDenied)
	}
	card := p.Card()
	card.Stamp = a.Result
	if err := p.SetCard(card); err != nil {
		return err
	}
	p.QuoteState, p.Edited = QuoteAllowed, store.Millis(tx.Now)
	if _, err := tx.Exec(ctx, "update posts set quote_state = ?, card = ?, edited = ? where id = ?", p.QuoteState, p.CardJSON, p.Edited, p.ID); err != nil {
		return err
	}
	return b.resend(ctx, tx, p)
}
