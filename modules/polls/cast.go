package polls

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/text/unicode/norm"

	"viche/federation"
	"viche/federation/ap"
	"viche/internal/ballot"
	"viche/internal/store"
	"viche/web"
)

// A Denied says why somebody may not vote; Reason is also the API's word.
type Denied struct{ Reason string }

// The reasons, each with its way out on the page.
const (
	SignIn         = "sign-in"         // nobody is signed in
	NotVerified    = "not-verified"    // a guest: one step is missing
	Organisation   = "organisation"    // organisations never vote
	OtherTerritory = "other-territory" // lives elsewhere
	VerifiedLater  = "verified-later"  // the register was frozen before
	OtherInstance  = "other-instance"  // residents vote on their city's page
)

func (d *Denied) Error() string { return "may not vote: " + d.Reason }

// Is makes every Denied an ErrDenied.
func (d *Denied) Is(target error) bool { return target == store.ErrDenied }

// ErrClosed says that a poll takes no more ballots.
var ErrClosed = fmt.Errorf("the poll takes no ballots: %w", store.ErrExists)

// Cast stores the answer of the person behind a session or token, replacing what
// the same person said before.
// Errors: *Denied, ErrClosed, a *store.FieldError, store.ErrNotFound.
func (p *Polls) Cast(ctx context.Context, v *web.Viewer, pollID string, choices []string) (ballot.Receipt, error) {
	return p.CastAnswer(ctx, v, pollID, ballot.Answer{choices})
}

// CastAnswer is Cast for a poll of any number of questions. An answer to a
// question that was not asked is refused.
func (p *Polls) CastAnswer(ctx context.Context, v *web.Viewer, pollID string, a ballot.Answer) (ballot.Receipt, error) {
	if v == nil {
		return ballot.Receipt{}, &Denied{SignIn}
	}
	who, err := p.Resident(ctx, p.DB.ReadBound(), v.AccountID)
	if err != nil {
		return ballot.Receipt{}, fmt.Errorf("who votes: %w", err)
	}
	return p.CastAs(ctx, v, who, pollID, a)
}

// CastAs is CastAnswer where it was just read who the viewer is.
func (p *Polls) CastAs(ctx context.Context, v *web.Viewer, r Resident, pollID string, a ballot.Answer) (receipt ballot.Receipt, err error) {
	poll, err := p.core(ctx, pollID)
	if err != nil {
		return ballot.Receipt{}, err
	}
	who, err := p.mayVote(poll, v, r)
	if err != nil {
		return ballot.Receipt{}, err
	}
	err = p.DB.WriteBound(ctx, func(ctx context.Context, tx *store.Tx) error {
		receipt, err = p.cast(ctx, tx, poll, func(box ballot.Poll, answer ballot.Answer) (ballot.Receipt, error) {
			if err := poll.checkAnswer(answer); err != nil {
				return ballot.Receipt{}, err
			}
			return p.Box.Put(ctx, tx, box, who, answer)
		}, a)
		return err
	})
	if errors.Is(err, ballot.ErrNotRegistered) {
		return ballot.Receipt{}, p.whyNot(ctx, poll, v)
	}
	return receipt, err
}

// cast is the one way a vote gets in, whether by form, API or inbox. The door is
// held open until the change ends, so the final count cannot miss it.
func (p *Polls) cast(ctx context.Context, tx *store.Tx, poll *Poll, put func(ballot.Poll, ballot.Answer) (ballot.Receipt, error), a ballot.Answer) (ballot.Receipt, error) {
	if err := tx.Share(ctx, poll.ID); err != nil {
		return ballot.Receipt{}, fmt.Errorf("cast ballot on %s: %w", poll.PollID, err)
	}
	now := *poll
	var closed int64
	if err := tx.Soon(ctx, []any{&now.State, &closed}, func() error {
		now.ClosedAt = store.Time(closed)
		if !now.Accepts(tx.Now) {
			return ErrClosed
		}
		return nil
	}, "select state, closed_at from polls where id = ?", poll.ID); err != nil {
		return ballot.Receipt{}, err
	}
	receipt, err := put(poll.Box(), a)
	// A poll that is over takes nothing, whatever else was wrong.
	if over := tx.Settle(ctx); over != nil {
		return ballot.Receipt{}, over
	}
	return receipt, err
}

// voter says who is behind a viewer, or why that is nobody who votes here.
func (p *Polls) voter(ctx context.Context, poll *Poll, v *web.Viewer) (ballot.Voter, error) {
	if v == nil {
		return ballot.Voter{}, &Denied{SignIn}
	}
	who, err := p.Resident(ctx, p.DB.ReadBound(), v.AccountID)
	if err != nil {
		return ballot.Voter{}, fmt.Errorf("who votes: %w", err)
	}
	return p.mayVote(poll, v, who)
}

// mayVote says why somebody does not vote here, as far as the register need not
// be asked.
func (p *Polls) mayVote(poll *Poll, v *web.Viewer, who Resident) (ballot.Voter, error) {
	switch {
	case !who.Votes:
		return ballot.Voter{}, &Denied{Organisation}
	case who.Person == nil:
		return ballot.Voter{}, &Denied{NotVerified}
	case p.Coordinator && poll.Scope != City:
		return ballot.Voter{}, &Denied{OtherInstance}
	}
	return ballot.Voter{Person: who.Person, Credential: v.CredentialGeneration, Issued: who.Issued}, nil
}

// whyNot explains to a verified resident why the register lacks them.
func (p *Polls) whyNot(ctx context.Context, poll *Poll, v *web.Viewer) error {
	home, ok, err := p.Lives(ctx, v.AccountID)
	if err != nil {
		return err
	}
	if ok && !p.Within(home, poll.Territory) {
		return &Denied{OtherTerritory}
	}
	return &Denied{VerifiedLater}
}

// Standing is how a viewer stands to a poll.
type Standing struct {
	CanVote bool
	Reason  string // why not: one of the reasons above, or "closed"
	Voted   bool
	Answer  ballot.Answer // the own answer to every question, if it may be read
	Own     []string      // that to the first one
	Hidden  bool          // voted, but this credential is newer than the answer
	Gone    bool          // voted, but the poll's key has been destroyed
	Changes int
}

// Stand says how somebody stands to a poll: whether they can vote, whether they
// have, and what they answered.
func (p *Polls) Stand(ctx context.Context, poll *Poll, v *web.Viewer) (Standing, error) {
	var s Standing
	who, err := p.voter(ctx, poll, v)
	var denied *Denied
	if errors.As(err, &denied) {
		s.Reason = denied.Reason
		return s.after(poll, p.DB.Now()), nil
	}
	if err != nil {
		return s, err
	}
	q := p.DB.ReadBound()
	answer, changes, err := p.Box.Own(ctx, q, poll.Box(), who)
	switch {
	case err == nil:
		s.Voted, s.Answer, s.Own, s.Changes = true, answer, answer[0], changes
	case errors.Is(err, store.ErrNotFound):
	case errors.Is(err, ballot.ErrCredential):
		s.Voted, s.Hidden = true, true
	case errors.Is(err, errDestroyed):
		s.Gone = true
		if s.Voted, err = p.Box.Voted(ctx, q, poll.Box(), who.Person); err != nil {
			return s, err
		}
	default:
		return s, err
	}
	if s.Voted {
		s.CanVote = true
		return s.after(poll, p.DB.Now()), nil
	}
	in, err := p.Box.Registered(ctx, q, poll.Box(), who.Person)
	if err != nil {
		return s, err
	}
	if in {
		s.CanVote = true
		return s.after(poll, p.DB.Now()), nil
	}
	if err := p.whyNot(ctx, poll, v); errors.As(err, &denied) {
		s.Reason = denied.Reason
		return s.after(poll, p.DB.Now()), nil
	} else {
		return s, err
	}
}

// after takes the clock into account: nobody votes when the poll is not open.
func (s Standing) after(poll *Poll, now time.Time) Standing {
	if !poll.Accepts(now) {
		s.CanVote, s.Reason = false, "closed"
	}
	return s
}

// receiveVote counts a vote of an account elsewhere among the guests' (R4.4).
// Mastodon sends one activity a choice, GoToSocial one with all of them. The
// sender learns nothing: what does not count is quietly dropped.
func (p *Polls) receiveVote(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	var poll *Poll
	var ids []string
	for _, vote := range a.Objects {
		if vote.Type != "Vote" || vote.AttributedTo != a.Actor {
			return fmt.Errorf("a vote of somebody else: %w", store.ErrDenied)
		}
		one, err := p.byURI(ctx, tx, vote.InReplyTo)
		if err != nil {
			return federation.ErrIgnored
		}
		if poll != nil && poll.ID != one.ID {
			return fmt.Errorf("votes for two polls at once: %w", store.ErrInvalid)
		}
		if !one.Simple() {
			return fmt.Errorf("a poll that has no form in the fediverse: %w", store.ErrInvalid)
		}
		poll = one
		id := optionNamed(poll, vote.Name)
		if id == "" {
			return fmt.Errorf("no such option: %w", store.ErrInvalid)
		}
		ids = append(ids, id)
	}
	if poll == nil {
		return federation.ErrIgnored
	}
	voter, err := p.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return fmt.Errorf("guest %s: %w", a.Actor, err)
	}
	if voter.Local || voter.Type == "Application" {
		return fmt.Errorf("a city states its count, it does not vote: %w", store.ErrDenied)
	}
	if _, err = p.cast(ctx, tx, poll, func(box ballot.Poll, answer ballot.Answer) (ballot.Receipt, error) {
		return ballot.Receipt{}, p.Box.PutGuest(ctx, tx, box, a.Actor, answer)
	}, ballot.Answer{ids}); err != nil {
		return err
	}
	inbox := voter.SharedInbox
	if inbox == "" {
		inbox = voter.Inbox
	}
	_, err = tx.Exec(ctx, "insert into guest_servers (poll, inbox) values (?, ?) on conflict do nothing", poll.ID, inbox)
	return err
}

// optionNamed finds an option by its text as fediverse servers send it.
func optionNamed(poll *Poll, name string) string {
	name = norm.NFC.String(name)
	for _, o := range poll.Options() {
		if norm.NFC.String(o.Text) == name {
			return o.ID
		}
	}
	return ""
}

func (p *Polls) byURI(ctx context.Context, tx *store.Tx, uri string) (*Poll, error) {
	var r row
	if err := tx.NewSelect().Model(&r).Where("uri = ? and home = 1 and module = ''", uri).Scan(ctx); err != nil {
		return nil, store.Kind(err)
	}
	return r.poll()
}
