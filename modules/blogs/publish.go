package blogs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/markup"
	"viche/internal/store"
)

// What a post may hold at most.
const (
	MaxNote     = 5_000 // characters
	MaxArticle  = 100_000
	MaxTitle    = 200
	MaxWarning  = 500
	MaxPictures = 8
	MaxAlt      = 1_500
	maxMentions = 50
)

// Draft is what somebody wrote and has not published yet. It is kept as JSON
// until it is.
type Draft struct {
	Article    bool      `json:"article,omitempty"`
	Title      string    `json:"title,omitempty"` // of an article
	Warning    string    `json:"warning,omitempty"`
	Text       string    `json:"text"`
	HTML       string    `json:"html,omitempty"`  // shown in place of Text, whose words it has, where a program formatted them
	Named      []int64   `json:"named,omitempty"` // actors whom a program names beside those in the text
	Lang       string    `json:"lang,omitempty"`
	Visibility string    `json:"visibility"`
	ReplyTo    int64     `json:"replyTo,omitempty"`
	Quote      int64     `json:"quote,omitempty"`
	Quotable   string    `json:"quotable,omitempty"` // "public", "followers" or "nobody"
	Sensitive  bool      `json:"sensitive,omitempty"`
	Sphere     string    `json:"sphere,omitempty"` // the channel that passes it on
	Pictures   []Picture `json:"pictures,omitempty"`
	Poll       *Poll     `json:"poll,omitempty"`
	As         string    `json:"as,omitempty"` // handle of the channel in whose name it is written; "" is the writer's own
	Once       string    `json:"-"`            // of the form that it came by; sent twice, it is published once
}

// A prepared post is checked and has all that the network had to be asked for.
type prepared struct {
	Draft
	author    actors.Actor
	by        int64 // the actor of who wrote it, be it in the name of a channel
	parent    *Post // what it answers
	quoted    *Post
	mentioned []actors.Actor // by the text, and the author of what it answers
	html      string
	tags      []string
}

// Publish puts a post before its readers: it is stored, told to those it names,
// and on its way to followers elsewhere when Publish returns. Errors: a
// FieldError for what was typed; store.ErrDenied for somebody who may not write,
// or may not answer this; store.ErrNotFound for an unknown post to answer.
func (b *Blogs) Publish(ctx context.Context, w Writer, d Draft) (p *Post, err error) {
	key, err := d.digest(w, "publish")
	if err != nil {
		return nil, err
	}
	if id, err := b.sent(ctx, key); err != nil || id != 0 {
		if err != nil {
			return nil, err
		}
		return b.ByID(ctx, b.DB.Read(), id)
	}
	ready, err := b.prepare(ctx, w, d)
	if err != nil {
		return nil, err
	}
	err = b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		p = nil
		id, err := once(ctx, tx, key, func() (id int64, err error) {
			if p, err = b.publish(ctx, tx, ready); err == nil {
				id = p.ID
			}
			return id, err
		})
		if err == nil && p == nil {
			p, err = b.ByID(ctx, tx, id)
		}
		return err
	})
	return p, err
}

// prepare checks a draft and looks up whom it names, on other servers too, so
// it must not be called inside a Write.
func (b *Blogs) prepare(ctx context.Context, w Writer, d Draft) (ready prepared, err error) {
	ready = prepared{Draft: d, by: w.Actor.ID}
	if w, err = b.speaks(ctx, w, d.As); err != nil {
		return ready, err
	}
	ready.author = w.Actor
	ready.formatted()
	if err := ready.check(b.Spheres); err != nil {
		return ready, err
	}
	if d.Poll != nil {
		question := *d.Poll
		if err := checkPoll(&question, b.DB.Now()); err != nil {
			return ready, err
		}
		ready.Poll = &question
	}
	if !b.MayWrite(w, d.ReplyTo != 0) {
		return ready, fmt.Errorf("write a post: %w", store.ErrDenied)
	}
	db := b.DB.Read()
	if d.ReplyTo != 0 {
		if ready.parent, err = b.readable(ctx, d.ReplyTo, w.Actor); err != nil {
			return ready, err
		}
		if err := b.mayAnswer(ctx, db, ready.parent, w.Actor); err != nil {
			return ready, err
		}
	}
	if d.Quote != 0 {
		if ready.quoted, err = b.readable(ctx, d.Quote, w.Actor); err != nil {
			return ready, err
		}
		if !ready.quoted.Open() {
			return ready, store.Invalid("text", "blogs.write.quote.closed")
		}
	}
	found := map[string]actors.Actor{}
	if err := b.nameOthers(ctx, &ready); err != nil {
		return ready, err
	}
	for _, handle := range ready.handles() {
		if len(found) == maxMentions {
			return ready, store.Invalid("text", "blogs.write.mentions", "Max", maxMentions)
		}
		// Whoever cannot be found stays plain text.
		if a, err := b.Federation.Lookup(ctx, handle); err == nil && !a.Deleted && !a.Suspended {
			found[strings.ToLower(handle)] = a
			ready.name(a)
		}
	}
	if ready.parent != nil {
		a, err := b.Book.ByID(ctx, db, ready.parent.Author)
		if err != nil {
			return ready, err
		}
		ready.name(a)
	}
	// The author's keys are made here, if there are none: not inside a change.
	if _, _, err := b.Book.Ed25519(ctx, w.Actor.ID); err != nil {
		return ready, err
	}
	ready.tags = markup.Tags(ready.Text)
	if ready.HTML != "" {
		ready.html = markup.Sanitise(ready.HTML, d.Article)
	} else {
		ready.html = markup.HTML(ready.Text, markup.Options{
			Article: d.Article,
			Mention: func(handle string) (href, label string, ok bool) {
				a, ok := found[strings.ToLower(handle)]
				return page(a), "@" + a.Handle, ok
			},
			Tag: func(tag string) string { return b.Base + "/tags/" + tag },
		})
	}
	if ready.Lang == "" {
		ready.Lang = w.Lang
	}
	return ready, nil
}

// page is where people read about an actor.
func page(a actors.Actor) string {
	if a.URL != "" {
		return a.URL
	}
	return a.URI
}

// name adds somebody whom the post is told to, once, and never its author.
func (r *prepared) name(a actors.Actor) {
	if a.ID != r.author.ID && !slices.ContainsFunc(r.mentioned, func(m actors.Actor) bool { return m.ID == a.ID }) {
		r.mentioned = append(r.mentioned, a)
	}
}

// check holds a draft to what a post may be.
func (r *prepared) check(spheres []string) error {
	r.Text = strings.TrimSpace(strings.ReplaceAll(r.Text, "\r\n", "\n"))
	r.Title, r.Warning = markup.Name(strings.TrimSpace(r.Title)), markup.Name(strings.TrimSpace(r.Warning))
	longest := MaxNote
	if r.Article {
		longest = MaxArticle
	}
	switch {
	case r.Article && r.Poll != nil:
		return store.Invalid("options", "blogs.write.poll.article")
	case r.Article && r.Title == "":
		return store.Invalid("title", "blogs.write.title.missing")
	case utf8.RuneCountInString(r.Title) > MaxTitle:
		return store.Invalid("title", "blogs.write.title.long", "Max", MaxTitle)
	case r.Text == "" && len(r.Pictures) == 0:
		return store.Invalid("text", "blogs.write.text.missing")
	case utf8.RuneCountInString(r.Text) > longest:
		return store.Invalid("text", "blogs.write.text.long", "Max", longest, "Count", utf8.RuneCountInString(r.Text))
	case utf8.RuneCountInString(r.Warning) > MaxWarning:
		return store.Invalid("warning", "blogs.write.warning.long", "Max", MaxWarning)
	case len(r.Pictures) > MaxPictures:
		return store.Invalid("pictures", "blogs.write.pictures.many", "Max", MaxPictures)
	case !slices.Contains([]string{Public, Unlisted, Followers, Direct}, r.Visibility):
		return store.Invalid("visibility", "blogs.write.visibility")
	case r.Sphere != "" && !slices.Contains(spheres, r.Sphere):
		return store.Invalid("sphere", "blogs.write.sphere")
	case r.Sphere != "" && r.Visibility != Public:
		return store.Invalid("sphere", "blogs.write.sphere.public")
	}
	for i := range r.Pictures {
		if utf8.RuneCountInString(r.Pictures[i].Alt) > MaxAlt {
			return store.Invalid("pictures", "blogs.write.alt.long", "Max", MaxAlt)
		}
	}
	return nil
}

// readable is a post that an actor may see, or store.ErrNotFound.
func (b *Blogs) readable(ctx context.Context, id int64, reader actors.Actor) (*Post, error) {
	p, err := b.ByID(ctx, b.DB.Read(), id)
	if err != nil {
		return nil, err
	}
	may, err := b.Audience(ctx, b.DB.Read(), p, &reader)
	if err == nil && !may {
		err = fmt.Errorf("post %d: %w", id, store.ErrNotFound)
	}
	return p, err
}

// mayAnswer holds an answer to the wish of whoever wrote what it answers.
func (b *Blogs) mayAnswer(ctx context.Context, idb bun.IDB, parent *Post, who actors.Actor) error {
	if parent.Author == who.ID {
		return nil
	}
	var ok bool
	var err error
	switch parent.Card().Reply {
	case "nobody":
	case "followers":
		ok, err = exists(ctx, idb, "select 1 from follows where follower = ? and followee = ? and state = 'accepted'", who.ID, parent.Author)
	default:
		ok = true
	}
	if err == nil && !ok {
		ok, err = exists(ctx, idb, "select 1 from post_mentions where actor = ? and post = ?", who.ID, parent.ID)
	}
	if err == nil && !ok {
		err = fmt.Errorf("answer %s: its author does not take answers: %w", parent.URI, store.ErrDenied)
	}
	return err
}

// publish stores a prepared post and sends it on its way.
func (b *Blogs) publish(ctx context.Context, tx *store.Tx, r prepared) (*Post, error) {
	id := store.NewID()
	p := &Post{
		ID: id, URI: b.Base + "/blogs/" + strconv.FormatInt(id, 10), Author: r.author.ID, Local: true, Type: "Note",
		Visibility: r.Visibility, Lang: r.Lang, Title: r.Title, Summary: r.Warning, Content: r.html, Source: r.Text,
		Sensitive: r.Sensitive || r.Warning != "" && !r.Article, Published: store.Millis(tx.Now),
	}
	p.URL = p.URI
	if r.Article {
		p.Type = "Article"
	}
	if r.Poll != nil {
		p.Type = "Question"
	}
	if r.parent != nil {
		p.ReplyURI = r.parent.URI
		// An answer reaches no further than what it answers.
		if narrower(r.parent.Visibility, p.Visibility) {
			p.Visibility = r.parent.Visibility
		}
	}
	own, err := place(ctx, tx, p)
	if err != nil {
		return nil, err
	}
	card := Card{Quote: r.Quotable, Context: b.Base + "/contexts/" + strconv.FormatInt(p.Thread, 10), Poll: r.Poll}
	if r.Sphere != "" {
		card.Audience = b.Base + "/spheres/" + r.Sphere
	}
	if r.quoted != nil {
		var err error
		if card.Stamp, err = b.quote(ctx, tx, p, r.quoted, r.author); err != nil {
			return nil, err
		}
	}
	if err := handOver(ctx, tx, r.by, r.author.ID, r.Pictures); err != nil {
		return nil, err
	}
	pictures, err := b.attach(ctx, tx, r.author.ID, p.ID, r.Pictures)
	if err != nil {
		return nil, err
	}
	card.Pictures = pictures
	if err := p.SetCard(card); err != nil {
		return nil, err
	}
	if err := b.keep(ctx, tx, p, own, r.author, r.mentioned, r.tags); err != nil {
		return nil, err
	}
	if r.Poll != nil {
		if err := b.openPoll(ctx, tx, p, r.Poll); err != nil {
			return nil, err
		}
	}
	return p, b.send(ctx, tx, p, r.author, r.mentioned, r.tags, "Create")
}

// narrower tells whether a reaches fewer people than b.
func narrower(a, b string) bool {
	order := []string{Public, Unlisted, Followers, Direct}
	return slices.Index(order, a) > slices.Index(order, b)
}

// keep stores a post with everything that finds it again: its conversation, its
// tags, whom it names, its place in feeds, and the notices it causes. It is the
// same for our posts and for others'. own says that it answers its author's own post.
func (b *Blogs) keep(ctx context.Context, tx *store.Tx, p *Post, own bool, author actors.Actor, mentioned []actors.Actor, tags []string) error {
	if err := insert(ctx, tx, p); err != nil {
		return err
	}
	if err := adopt(ctx, tx, p); err != nil {
		return err
	}
	if err := b.index(ctx, tx, p, mentioned, tags); err != nil {
		return err
	}
	if err := b.notifyOf(ctx, tx, p, author, mentioned); err != nil {
		return err
	}
	if p.Local || p.findable(author) { // else nothing of it can be in the index yet
		if err := b.offer(ctx, tx, p.ID); err != nil {
			return err
		}
	}
	// Answers to others stay in their conversation: a follower would see half of it.
	if p.Visibility != Direct && (p.ReplyURI == "" || own) {
		if err := tx.Soon(ctx, nil, nil, `insert into feed (id, actor, post, boost, uri, visibility) values (?, ?, ?, 0, '', ?) on conflict do nothing`,
			p.ID, p.Author, p.ID, p.Visibility); err != nil {
			return err
		}
	}
	return tx.Settle(ctx)
}

// index writes anew by which tags and people a post is found, at the next Settle.
func (b *Blogs) index(ctx context.Context, tx *store.Tx, p *Post, mentioned []actors.Actor, tags []string) error {
	for _, tag := range tags[:min(len(tags), 30)] {
		if err := tx.Soon(ctx, nil, nil, "insert into post_tags (tag, post) values (?, ?) on conflict do nothing", markup.Fold(tag), p.ID); err != nil {
			return err
		}
	}
	for _, a := range mentioned {
		if err := tx.Soon(ctx, nil, nil, "insert into post_mentions (actor, post) values (?, ?) on conflict do nothing", a.ID, p.ID); err != nil {
			return err
		}
	}
	return nil
}

// send publishes a Create or an Update of a post of ours to those it is for, and
// to some more, who are not named in it.
func (b *Blogs) send(ctx context.Context, tx *store.Tx, p *Post, author actors.Actor, mentioned []actors.Actor, tags []string, activity string, more ...actors.Actor) error {
	object, err := b.encode(ctx, tx, p, author, mentioned, tags)
	if err != nil {
		return err
	}
	if err := b.Federation.Store(ctx, tx, p.URI, object, p.Type, author.URI); err != nil {
		return err
	}
	e := ap.Envelope{ID: p.URI + "/activity", Actor: author.URI, Published: store.Time(p.Published)}
	if activity == "Update" {
		e.ID, e.Published = b.Federation.ActivityURI(), tx.Now
	}
	e.To, e.Cc = addressed(author, p.Visibility, mentioned)
	raw, err := b.prove(ctx, e.Object(activity, json.RawMessage(object)), author, tx.Now)
	if err != nil {
		return err
	}
	if err := b.Federation.Publish(ctx, tx, author, raw, audience(author, p.Visibility, append(mentioned[:len(mentioned):len(mentioned)], more...))); err != nil {
		return err
	}
	channel := p.Card().Audience
	if channel == "" || activity != "Create" {
		return nil
	}
	group, err := b.Book.ByURI(ctx, tx, channel)
	if err != nil {
		return err
	}
	// Those here who follow the channel read it where they read everybody else.
	if _, err := tx.Exec(ctx, "insert into feed (id, actor, post, boost, uri, visibility) values (?, ?, ?, 1, '', ?) on conflict do nothing",
		store.NewID(), group.ID, p.ID, Public); err != nil {
		return err
	}
	return b.Federation.AnnounceFrom(ctx, tx, group, p.URI, raw)
}

// provable is the context of what carries an object proof.
var provable = []any{ap.ActivityStreams, ap.DataIntegrity}

// prove signs an activity as an object (FEP-8b32), so that others may pass it
// on, where its author's key is at hand; it was made when the post was prepared.
func (b *Blogs) prove(ctx context.Context, activity map[string]any, author actors.Actor, now time.Time) ([]byte, error) {
	keyID, key, ok := b.Book.OpenedEd25519(author.ID)
	if !ok {
		return ap.Encode(activity)
	}
	activity["@context"] = provable
	return ap.Sign(activity, key, keyID, now)
}

// audience is whom an activity about a post is sent to.
func audience(author actors.Actor, visibility string, mentioned []actors.Actor) federation.Audience {
	var to federation.Audience
	if visibility != Direct {
		to.Followers = []int64{author.ID}
	}
	for _, a := range mentioned {
		if !a.Local {
			to.Actors = append(to.Actors, a.URI)
		}
	}
	return to
}

// Save keeps a draft of an account; id 0 makes a new one. due is when it
// publishes itself, zero for never.
func (b *Blogs) Save(ctx context.Context, w Writer, id int64, d Draft, due time.Time) (int64, error) {
	if !due.IsZero() && !due.After(b.DB.Now()) {
		return 0, store.Invalid("due", "blogs.write.due.past")
	}
	body, err := encodeDraft(d)
	if err != nil {
		return 0, err
	}
	at := int64(0)
	if !due.IsZero() {
		at = store.Millis(due)
	}
	key, err := d.digest(w, "keep "+strconv.FormatInt(at, 10))
	if err != nil {
		return 0, err
	}
	err = b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if id == 0 {
			id, err = once(ctx, tx, key, func() (int64, error) {
				made := store.NewID()
				_, err := tx.Exec(ctx, "insert into drafts (id, actor, body, due, changed) values (?, ?, ?, ?, ?)", made, w.Actor.ID, body, at, store.Millis(tx.Now))
				return made, err
			})
			return err
		}
		n, err := tx.Exec(ctx, "update drafts set body = ?, due = ?, changed = ? where id = ? and actor = ?", body, at, store.Millis(tx.Now), id, w.Actor.ID)
		if err == nil && n == 0 {
			err = fmt.Errorf("draft %d: %w", id, store.ErrNotFound)
		}
		return err
	})
	return id, err
}

// PublishDue publishes the posts whose time has come. One that can no longer be
// published becomes a draft again, so that nothing is lost.
func (b *Blogs) PublishDue(ctx context.Context) error {
	rows, err := b.DB.ReadBound().Query(ctx, `
		select d.id, d.actor, d.body, a.id from drafts d join accounts a on a.actor = d.actor
		where d.due > 0 and d.due <= ? order by d.due limit 100`, store.Millis(b.DB.Now()))
	if err != nil {
		return fmt.Errorf("posts that are due: %w", err)
	}
	type due struct {
		id, actor, account int64
		body               string
	}
	var list []due
	for rows.Next() {
		var d due
		if err := rows.Scan(&d.id, &d.actor, &d.body, &d.account); err != nil {
			rows.Close()
			return err
		}
		list = append(list, d)
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return err
	}
	var errs []error
	for _, d := range list {
		errs = append(errs, b.publishDraft(ctx, d.id, d.account, d.body))
	}
	return errors.Join(errs...)
}

func (b *Blogs) publishDraft(ctx context.Context, id, account int64, body string) error {
	draft, err := decodeDraft(body)
	var w Writer
	if err == nil {
		w, err = b.Writer(ctx, account)
	}
	var ready prepared
	if err == nil {
		ready, err = b.prepare(ctx, w, draft)
	}
	if err != nil {
		b.Log.WarnContext(ctx, "a scheduled post stays a draft", "draft", id, "err", err)
		return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "update drafts set due = 0 where id = ?", id)
			return err
		})
	}
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		// Whoever deletes it publishes it: two processes may come at once.
		n, err := tx.Exec(ctx, "delete from drafts where id = ? and due > 0", id)
		if err != nil || n == 0 {
			return err
		}
		_, err = b.publish(ctx, tx, ready)
		return err
	})
}
