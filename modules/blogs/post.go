package blogs

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// How far a post reaches.
const (
	Public    = "public"    // everybody, and the public timelines
	Unlisted  = "unlisted"  // everybody who finds it
	Followers = "followers" // those who follow its author
	Direct    = "direct"    // those it names
)

// States of a quote.
const (
	QuoteAsked   = "asked"
	QuoteAllowed = "allowed"
	QuoteRefused = "refused"
	QuoteRevoked = "revoked"
)

// Post is something that somebody said, here or elsewhere. Content and Summary
// of others were sanitised when they came.
type Post struct {
	bun.BaseModel `bun:"table:posts"`

	ID         int64  `bun:"id,pk"`
	URI        string `bun:"uri"`
	Author     int64  `bun:"author"`
	Local      bool   `bun:"local"`
	Type       string `bun:"type"`
	Visibility string `bun:"visibility"`
	ReplyURI   string `bun:"reply_uri"`
	ReplyTo    int64  `bun:"reply_to,nullzero"`
	Thread     int64  `bun:"thread"`
	Title      string `bun:"title"`
	Summary    string `bun:"summary"`
	Content    string `bun:"content"`
	Source     string `bun:"source"` // what our author typed
	Lang       string `bun:"lang"`
	URL        string `bun:"url"` // the page for people, on the author's own server
	Sensitive  bool   `bun:"sensitive"`
	CardJSON   string `bun:"card"`
	QuoteURI   string `bun:"quote_uri"`
	QuoteState string `bun:"quote_state"`
	Published  int64  `bun:"published"`
	Edited     int64  `bun:"edited"`
	Deleted    int64  `bun:"deleted"`
	Hidden     bool   `bun:"hidden"`
}

// Card is what a post has beside its text.
type Card struct {
	Pictures []Picture `json:"pictures,omitempty"`
	Links    []Link    `json:"links,omitempty"` // films, sounds, files: never shown inside our pages
	Emoji    []Emoji   `json:"emoji,omitempty"`
	Poll     *Poll     `json:"poll,omitempty"`
	Event    *Event    `json:"event,omitempty"`
	Quote    string    `json:"quote,omitempty"` // who may quote it: "public", "followers", "nobody"
	Reply    string    `json:"reply,omitempty"` // who may answer, likewise; "" is everybody
	Audience string    `json:"audience,omitempty"`
	Context  string    `json:"context,omitempty"` // address of the conversation's collection
	Replies  string    `json:"replies,omitempty"`
	Stamp    string    `json:"stamp,omitempty"` // that allows the quote
}

// Picture is one picture. Name is a file of ours, URL one of another server.
type Picture struct {
	Name     string `json:"name,omitempty"`
	URL      string `json:"url,omitempty"`
	Type     string `json:"type,omitempty"`
	Width    int    `json:"width,omitempty"`
	Height   int    `json:"height,omitempty"`
	Blurhash string `json:"blurhash,omitempty"`
	Alt      string `json:"alt,omitempty"`
}

// Link leads out of a post.
type Link struct {
	URL  string `json:"url"`
	Name string `json:"name,omitempty"`
	Kind string `json:"kind,omitempty"` // Video, Audio, Document, Link
}

// Emoji is a picture that stands for a word like :heart: on its server.
type Emoji struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Poll is a question of another server, as it last told us. Votes are nil where
// it does not say.
type Poll struct {
	Multiple bool         `json:"multiple,omitempty"`
	Options  []PollOption `json:"options"`
	Closes   int64        `json:"closes,omitempty"`
	Closed   int64        `json:"closed,omitempty"`
	Voters   *int         `json:"voters,omitempty"`
	Fetched  int64        `json:"fetched,omitempty"`
}

// PollOption is one answer.
type PollOption struct {
	Name  string `json:"name"`
	Votes *int   `json:"votes,omitempty"`
}

// Over tells whether a poll takes no more votes.
func (p *Poll) Over(now time.Time) bool {
	return p.Closed > 0 && p.Closed <= store.Millis(now) || p.Closes > 0 && p.Closes <= store.Millis(now)
}

// Event is when and where something happens.
type Event struct {
	Starts int64  `json:"starts"`
	Ends   int64  `json:"ends,omitempty"`
	Place  string `json:"place,omitempty"`
	Online string `json:"online,omitempty"`
	Status string `json:"status,omitempty"`
	Join   string `json:"join,omitempty"`
}

// Card reads what stands beside the text. A card that cannot be read is a fault
// of ours and shows as none.
func (p *Post) Card() Card {
	var c Card
	if p.CardJSON != "" {
		_ = json.Unmarshal([]byte(p.CardJSON), &c) // we alone write it
	}
	return c
}

// SetCard stores what stands beside the text.
func (p *Post) SetCard(c Card) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("card of %s: %w", p.URI, err)
	}
	p.CardJSON = string(raw)
	return nil
}

// Path is the address of the post's page here.
func (p *Post) Path() string { return "/blogs/" + strconv.FormatInt(p.ID, 10) }

// Listed tells whether a post may stand where anybody passes by.
func (p *Post) Listed() bool { return p.Visibility == Public && p.Deleted == 0 && !p.Hidden }

// Open tells whether anybody may see a post who knows where it is.
func (p *Post) Open() bool {
	return (p.Visibility == Public || p.Visibility == Unlisted) && p.Deleted == 0 && !p.Hidden
}

// ByID finds a post by its number; one that was deleted or hidden too.
func (b *Blogs) ByID(ctx context.Context, idb bun.IDB, id int64) (*Post, error) {
	return one(ctx, idb, "id = ?", id)
}

// ByURI finds a post by its id on the network.
func (b *Blogs) ByURI(ctx context.Context, idb bun.IDB, uri string) (*Post, error) {
	return one(ctx, idb, "uri = ?", uri)
}

const columns = `id, uri, author, local, type, visibility, reply_uri, coalesce(reply_to, 0), thread, title, summary, content, source,
	lang, url, sensitive, card, quote_uri, quote_state, published, edited, deleted, hidden`

func one(ctx context.Context, idb bun.IDB, where string, arg any) (*Post, error) {
	p := &Post{}
	err := row(ctx, idb, []any{&p.ID, &p.URI, &p.Author, &p.Local, &p.Type, &p.Visibility, &p.ReplyURI, &p.ReplyTo, &p.Thread, &p.Title, &p.Summary, &p.Content, &p.Source,
		&p.Lang, &p.URL, &p.Sensitive, &p.CardJSON, &p.QuoteURI, &p.QuoteState, &p.Published, &p.Edited, &p.Deleted, &p.Hidden},
		"select "+columns+" from posts where "+where, arg)
	if err != nil {
		return nil, fmt.Errorf("post %v: %w", arg, err)
	}
	return p, nil
}

// row reads one row; inside a change with a statement that stays prepared, for
// what is asked with every post that comes.
func row(ctx context.Context, idb bun.IDB, into []any, query string, args ...any) error {
	if tx, ok := idb.(*store.Tx); ok {
		return tx.Row(ctx, into, query, args...)
	}
	return store.Kind(idb.NewRaw(query, args...).Scan(ctx, into...))
}

// insert stores a new post; store.ErrExists if its id is known.
func insert(ctx context.Context, tx *store.Tx, p *Post) error {
	var reply any
	if p.ReplyTo != 0 {
		reply = p.ReplyTo
	}
	n, err := tx.Exec(ctx, `
		insert into posts (id, uri, author, local, type, visibility, reply_uri, reply_to, thread, title, summary, content, source,
			lang, url, sensitive, card, quote_uri, quote_state, published, edited, deleted, hidden)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (uri) do nothing`,
		p.ID, p.URI, p.Author, store.Flag(p.Local), p.Type, p.Visibility, p.ReplyURI, reply, p.Thread, p.Title, p.Summary, p.Content, p.Source,
		p.Lang, p.URL, store.Flag(p.Sensitive), p.CardJSON, p.QuoteURI, p.QuoteState, p.Published, p.Edited, p.Deleted, store.Flag(p.Hidden))
	if err == nil && n == 0 {
		err = store.ErrExists
	}
	if err != nil {
		return fmt.Errorf("store post %s: %w", p.URI, err)
	}
	return nil
}

// place puts a post into its conversation: under what it answers, if we have
// that, and above what answered it and came before it. own tells whether what it
// answers is by the same author.
func place(ctx context.Context, tx *store.Tx, p *Post) (own bool, err error) {
	p.Thread = p.ID
	if p.ReplyURI == "" {
		return false, nil
	}
	var author int64
	err = tx.Row(ctx, []any{&p.ReplyTo, &p.Thread, &author}, "select id, thread, author from posts where uri = ?", p.ReplyURI)
	if isNotFound(err) {
		return false, nil
	}
	return err == nil && author == p.Author, err
}

// adopt joins the conversations of posts that answered p before it was here, at
// the next Settle.
func adopt(ctx context.Context, tx *store.Tx, p *Post) error {
	// The words of the index posts_orphan.
	if err := tx.Soon(ctx, nil, nil, "update posts set reply_to = ? where reply_uri = ? and reply_uri <> '' and reply_to is null", p.ID, p.URI); err != nil {
		return err
	}
	// A child that was the first known of its conversation carried it by its
	// own number.
	return tx.Soon(ctx, nil, nil, `
		update posts set thread = ?
		where thread in (select id from posts where reply_to = ? and thread <> ?)`, p.Thread, p.ID, p.Thread)
}
