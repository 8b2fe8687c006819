package blogs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/markup"
	"viche/internal/store"
)

// MaxReport is how long the comment of a report may be, in characters.
const MaxReport = 3_000

// openReports is how many undecided reports one server, or one resident, may
// have here: a flood of them would hide the others.
const openReports = 50

// report is a complaint on its way into the queue.
type report struct {
	uri     string
	by      actors.Actor
	about   actors.Actor
	posts   []*Post
	comment string
	forward bool
}

// Evidence is what a reported post said when it was reported.
type Evidence struct {
	ID       int64     `json:"id"`
	URI      string    `json:"uri"`
	Title    string    `json:"title,omitempty"`
	Summary  string    `json:"summary,omitempty"`
	Content  string    `json:"content"`
	Pictures []Picture `json:"pictures,omitempty"`
}

// Report brings an account, and posts of it, before the moderators; with forward
// the moderators of its own server hear of it too, from the instance and never
// in the reporter's name.
func (b *Blogs) Report(ctx context.Context, w Writer, about actors.Actor, posts []int64, comment string, forward bool) error {
	comment = strings.TrimSpace(comment)
	if comment == "" {
		return store.Invalid("comment", "blogs.report.comment.missing")
	}
	if utf8.RuneCountInString(comment) > MaxReport {
		return store.Invalid("comment", "blogs.report.comment.long", "Max", MaxReport)
	}
	r := report{by: w.Actor, about: about, comment: markup.Name(comment), forward: forward && !about.Local}
	for _, id := range posts[:min(len(posts), 50)] {
		p, err := b.readable(ctx, id, w.Actor)
		if err != nil {
			return err
		}
		if p.Author == about.ID && !slices.Contains(r.posts, p) {
			r.posts = append(r.posts, p)
		}
	}
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return b.report(ctx, tx, r) })
}

func (b *Blogs) report(ctx context.Context, tx *store.Tx, r report) error {
	var evidence []Evidence
	for _, p := range r.posts[:min(len(r.posts), 50)] {
		evidence = append(evidence, Evidence{ID: p.ID, URI: p.URI, Title: p.Title, Summary: p.Summary, Content: p.Content, Pictures: p.Card().Pictures})
	}
	raw, err := json.Marshal(evidence)
	if err != nil {
		return err
	}
	// One server's reports, or one resident's.
	same, arg := "by_actor = ?", any(r.by.ID)
	if !r.by.Local {
		same, arg = "by_actor in (select id from actors where host = ?)", r.by.Host
	}
	n, err := tx.Exec(ctx, `
		insert into reports (id, uri, by_actor, about, posts, comment, forwarded, state, decision, moderator, created, decided)
		select ?, ?, ?, ?, ?, ?, ?, 'open', '', '', ?, 0
		where (select count(*) from reports where state = 'open' and `+same+`) < ?
		on conflict do nothing`,
		store.NewID(), r.uri, r.by.ID, r.about.ID, string(raw), r.comment, store.Flag(r.forward), store.Millis(tx.Now), arg, openReports)
	if err != nil {
		return fmt.Errorf("report about %s: %w", r.about.URI, err)
	}
	if n == 0 && r.by.Local {
		return store.Invalid("comment", "blogs.report.many")
	}
	if n == 0 || !r.forward {
		return nil
	}
	instance, err := b.Book.Own(ctx, tx, actors.Instance)
	if err != nil {
		return err
	}
	about := []string{r.about.URI}
	for _, p := range r.posts {
		about = append(about, p.URI)
	}
	flagged, err := ap.Envelope{ID: b.Federation.ActivityURI(), Actor: instance.URI, To: []string{r.about.URI}}.Flag(about, r.comment)
	if err != nil {
		return err
	}
	return b.Federation.Publish(ctx, tx, instance, flagged, federation.Audience{Actors: []string{r.about.URI}})
}
