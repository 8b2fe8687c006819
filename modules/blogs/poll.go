package blogs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/ballot"
	"viche/internal/markup"
	"viche/internal/store"
)

// What a question in a post may be.
const (
	minOptions  = 2
	maxOptions  = 8
	maxOption   = 100 // characters
	longestPoll = 31 * 24 * time.Hour
)

// ErrAnswered says that somebody has voted already where one votes once.
var ErrAnswered = fmt.Errorf("answered already: %w", store.ErrExists)

// checkPoll holds a question in a draft to what one may ask.
func checkPoll(p *Poll, now time.Time) error {
	var options []PollOption
	seen := map[string]bool{}
	for _, o := range p.Options {
		name := norm.NFC.String(markup.Name(strings.TrimSpace(o.Name)))
		if name == "" {
			continue
		}
		if utf8.RuneCountInString(name) > maxOption {
			return store.Invalid("options", "blogs.write.poll.long", "Max", maxOption)
		}
		if seen[name] {
			return store.Invalid("options", "blogs.write.poll.twice", "Option", name)
		}
		seen[name] = true
		options = append(options, PollOption{Name: name})
	}
	if len(options) < minOptions || len(options) > maxOptions {
		return store.Invalid("options", "blogs.write.poll.options", "Min", minOptions, "Max", maxOptions)
	}
	closes := store.Time(p.Closes)
	if closes.Before(now.Add(5*time.Minute)) || closes.After(now.Add(longestPoll)) {
		return store.Invalid("closes", "blogs.write.poll.closes")
	}
	*p = Poll{Multiple: p.Multiple, Options: options, Closes: p.Closes}
	return nil
}

// openPoll makes the ballot box of a question in a new post of ours.
func (b *Blogs) openPoll(ctx context.Context, tx *store.Tx, p *Post, poll *Poll) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	nobody := func(func([]byte, error) bool) {}
	if _, err := b.Box.Open(ctx, tx, boxOf(p.ID, id, poll), nobody); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "insert into post_polls (post, box, closes, closed) values (?, ?, ?, 0)", p.ID, id.String(), poll.Closes)
	return err
}

// boxOf is a question as the ballot box knows it.
func boxOf(post int64, id uuid.UUID, poll *Poll) ballot.Poll {
	q := ballot.Question{ID: "q", Kind: ballot.One}
	if poll.Multiple {
		q.Kind = ballot.Several
	}
	for i := range poll.Options {
		q.Options = append(q.Options, strconv.Itoa(i))
	}
	return ballot.Poll{ID: post, PollID: id, Questions: []ballot.Question{q}}
}

// VoteIn answers the question in a post: of ours in its box, where nobody can
// read it; elsewhere at the author's server, which sees who chose what, as the
// page says beforehand. Errors: ErrAnswered, store.ErrDenied once it is over or
// for its author, a FieldError for a choice that is none.
func (b *Blogs) VoteIn(ctx context.Context, who actors.Actor, p *Post, choices []int) error {
	poll := p.Card().Poll
	if poll == nil || p.Author == who.ID {
		return fmt.Errorf("vote in %s: %w", p.URI, store.ErrDenied)
	}
	if may, err := b.Audience(ctx, b.DB.Read(), p, &who); err != nil || !may {
		return errors.Join(err, store.ErrNotFound)
	}
	slices.Sort(choices)
	choices = slices.Compact(choices)
	if len(choices) == 0 || len(choices) > 1 && !poll.Multiple {
		return store.Invalid("choices", "blogs.poll.choose")
	}
	for _, i := range choices {
		if i < 0 || i >= len(poll.Options) {
			return store.Invalid("choices", "blogs.poll.choose")
		}
	}
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if poll.Over(tx.Now) {
			return fmt.Errorf("vote in %s: it is over: %w", p.URI, store.ErrDenied)
		}
		n, err := tx.Exec(ctx, "insert into poll_visits (actor, post) values (?, ?) on conflict do nothing", who.ID, p.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrAnswered
		}
		if p.Local {
			return b.put(ctx, tx, p.ID, who.URI, choices)
		}
		return b.sendVotes(ctx, tx, who, p, poll, choices)
	})
}

// put puts an answer into the box of a question of ours.
func (b *Blogs) put(ctx context.Context, tx *store.Tx, post int64, voter string, choices []int) error {
	box, poll, err := b.loadBox(ctx, tx, post)
	if err != nil {
		return err
	}
	if poll.Over(tx.Now) {
		return fmt.Errorf("the question is closed: %w", store.ErrDenied)
	}
	var ids []string
	for _, i := range choices {
		ids = append(ids, strconv.Itoa(i))
	}
	return b.Box.PutGuest(ctx, tx, box, voter, ballot.Answer{ids})
}

func (b *Blogs) loadBox(ctx context.Context, tx *store.Tx, post int64) (ballot.Poll, *Poll, error) {
	var id string
	var closed int
	if err := tx.Row(ctx, []any{&id, &closed}, "select box, closed from post_polls where post = ?", post); err != nil {
		return ballot.Poll{}, nil, err
	}
	p, err := b.ByID(ctx, tx, post)
	if err != nil {
		return ballot.Poll{}, nil, err
	}
	poll := p.Card().Poll
	if poll == nil || closed == 1 || p.Deleted > 0 {
		return ballot.Poll{}, nil, fmt.Errorf("the question is closed: %w", store.ErrDenied)
	}
	parsed, err := uuid.Parse(id)
	return boxOf(post, parsed, poll), poll, err
}

// sendVotes tells another server what one of ours chose: one Note an option, as
// Mastodon does it.
func (b *Blogs) sendVotes(ctx context.Context, tx *store.Tx, who actors.Actor, p *Post, poll *Poll, choices []int) error {
	author, err := b.Book.ByID(ctx, tx, p.Author)
	if err != nil {
		return err
	}
	for _, i := range choices {
		id := strconv.FormatInt(store.NewID(), 10)
		e := ap.Envelope{ID: who.URI + "#votes/" + id + "/activity", Actor: who.URI, To: []string{author.URI}}
		raw, err := e.Vote(who.URI+"#votes/"+id, p.URI, poll.Options[i].Name)
		if err != nil {
			return err
		}
		if err := b.Federation.Publish(ctx, tx, who, raw, federation.Audience{Actors: []string{author.URI}}); err != nil {
			return err
		}
	}
	return nil
}

// onVote puts the vote of an account elsewhere into the box of a question in a
// post of ours.
func (b *Blogs) onVote(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	var p *Post
	var choices []int
	for _, vote := range a.Objects {
		if vote.Type != "Vote" || vote.AttributedTo != a.Actor {
			return fmt.Errorf("a vote of somebody else: %w", store.ErrDenied)
		}
		one, err := b.ByURI(ctx, tx, vote.InReplyTo)
		if isNotFound(err) {
			return federation.ErrIgnored
		}
		if err != nil {
			return err
		}
		poll := one.Card().Poll
		if p != nil && p.ID != one.ID || poll == nil || !one.Local {
			return federation.ErrIgnored
		}
		p = one
		i := slices.IndexFunc(poll.Options, func(o PollOption) bool { return o.Name == norm.NFC.String(vote.Name) })
		if i < 0 {
			return fmt.Errorf("no such option: %w", store.ErrInvalid)
		}
		choices = append(choices, i)
	}
	if p == nil {
		return federation.ErrIgnored
	}
	voter, err := b.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	may, err := b.Audience(ctx, tx, p, &voter)
	if err != nil {
		return err
	}
	if !may || voter.Type == "Application" {
		return fmt.Errorf("a vote in what is not for them: %w", store.ErrDenied)
	}
	if _, err := tx.Exec(ctx, "insert into poll_visits (actor, post) values (?, ?) on conflict do nothing", voter.ID, p.ID); err != nil {
		return err
	}
	return b.put(ctx, tx, p.ID, a.Actor, choices)
}

// ClosePolls counts the questions whose time is up, writes the numbers into
// their posts, where they are not too few to be told, and tells everybody who
// has the post or voted.
func (b *Blogs) ClosePolls(ctx context.Context) error {
	var due []int64
	if err := b.DB.Read().NewRaw("select post from post_polls where closed = 0 and closes <= ? order by closes limit 50", store.Millis(b.DB.Now())).Scan(ctx, &due); err != nil {
		return fmt.Errorf("questions that are due: %w", store.Kind(err))
	}
	var errs []error
	for _, post := range due {
		if err := b.closePoll(ctx, post); err != nil {
			errs = append(errs, fmt.Errorf("close the question in %d: %w", post, err))
		}
	}
	return errors.Join(errs...)
}

func (b *Blogs) closePoll(ctx context.Context, post int64) error {
	var id string
	if err := b.DB.ReadBound().Row(ctx, []any{&id}, "select box from post_polls where post = ?", post); err != nil {
		return err
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return err
	}
	p, err := b.ByID(ctx, b.DB.Read(), post)
	if err != nil {
		return err
	}
	poll := p.Card().Poll
	if poll == nil { // the post was deleted
		return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "update post_polls set closed = 1 where post = ?", post)
			return err
		})
	}
	final, err := b.Box.Close(ctx, boxOf(post, parsed, poll), b.Rules)
	if err != nil {
		return err
	}
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Exec(ctx, "update post_polls set closed = 1 where post = ? and closed = 0", post)
		if err != nil || n == 0 {
			return err
		}
		if p, err = b.ByID(ctx, tx, post); err != nil || p.Deleted > 0 {
			return err
		}
		card := p.Card()
		card.Poll.Closed = card.Poll.Closes
		if final.Guests.Showable(b.Rules.K) {
			card.Poll.Voters = &final.Guests.Ballots
			for i, count := range final.Guests.Questions[0].Counts {
				card.Poll.Options[i].Votes = &count
			}
		}
		if err := p.SetCard(card); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "update posts set card = ? where id = ?", p.CardJSON, p.ID); err != nil {
			return err
		}
		return b.tellVoters(ctx, tx, p)
	})
}

// tellOfEnd tells those of ours who answered a question of another server that
// it is over.
func (b *Blogs) tellOfEnd(ctx context.Context, tx *store.Tx, post, author int64) error {
	var ids []int64
	if err := tx.NewRaw("select a.id from poll_visits v join actors a on a.id = v.actor where v.post = ? and a.local = 1 limit 10000", post).Scan(ctx, &ids); err != nil {
		return store.Kind(err)
	}
	for _, id := range ids {
		if err := b.Notify(ctx, tx, Notice{To: id, Kind: PollOver, By: author, Post: post}); err != nil {
			return err
		}
	}
	return nil
}

// tellVoters sends the closed question to those who have it and those who
// answered it, and leaves a notice for ours.
func (b *Blogs) tellVoters(ctx context.Context, tx *store.Tx, p *Post) error {
	var voters []actors.Actor
	if err := tx.NewRaw("select a.* from poll_visits v join actors a on a.id = v.actor where v.post = ? limit 10000", p.ID).Scan(ctx, &voters); err != nil {
		return store.Kind(err)
	}
	for _, to := range append(voters, actors.Actor{ID: p.Author, Local: true}) {
		if !to.Local {
			continue
		}
		n := Notice{To: to.ID, Kind: PollOver, By: p.Author, Post: p.ID}
		if to.ID == p.Author {
			// One's own question is over: nobody else did it, so the rule that
			// nobody hears of their own deeds does not hold.
			if _, err := tx.Exec(ctx, "insert into notices (id, actor, kind, by_actor, post, read, at) values (?, ?, ?, ?, ?, 0, ?) on conflict do nothing",
				store.NewID(), p.Author, PollOver, p.Author, p.ID, store.Millis(tx.Now)); err != nil {
				return err
			}
			continue
		}
		if err := b.Notify(ctx, tx, n); err != nil {
			return err
		}
	}
	// Voters get it as those who are named do, without being named.
	return b.resend(ctx, tx, p, voters...)
}
