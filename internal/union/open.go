package union

import (
	"context"
	"fmt"
	"time"

	"viche/federation/ap"
	"viche/internal/ballot"
	"viche/internal/store"
)

// Core is what the coordinator says when it opens a poll.
type Core struct {
	PollID, Name, Content string // Content is HTML
	Sphere, Territory     string
	Level                 int
	MinStatus             string // "none" if empty
	Policy                string // AfterVote or AfterClose
	K                     int    // Options.K if zero
	OpensAt, EndTime      time.Time
	TalliesDue            time.Time // a day after the end if zero
	Questions             []Question
	// Extra are members outside of the core, such as url or tag.
	Extra map[string]any
}

// OpenPoll signs a cross-city poll, stores it and invites the members in its
// territory. It gives the object that is published everywhere. Times are cut
// to whole seconds.
func (u *Union) OpenPoll(ctx context.Context, tx *store.Tx, core Core) (*Poll, error) {
	if !u.Coordinator {
		return nil, fmt.Errorf("cross-city polls are the coordinator's: %w", store.ErrDenied)
	}
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return nil, err
	}
	list := c.newest()
	if list == nil {
		if list, err = u.newList(ctx, tx, func(m []Member) ([]Member, error) { return m, nil }); err != nil {
			return nil, err
		}
		if c, err = u.trust(ctx, tx.Bound); err != nil {
			return nil, err
		}
	}
	p, err := u.signPoll(core, list, seconds(tx.Now))
	if err != nil {
		return nil, fmt.Errorf("open poll: %w", err)
	}
	if err := c.checkPoll(p, nil); err != nil {
		return nil, fmt.Errorf("open poll: %w", err)
	}
	if err := u.storePoll(ctx, tx, p, -1, nil); err != nil {
		return nil, err
	}
	for _, m := range u.invitedTo(list, p) {
		if err := u.invite(ctx, tx, p, m); err != nil {
			return nil, fmt.Errorf("invite %s: %w", m.Actor, err)
		}
	}
	return p, nil
}

func (u *Union) signPoll(core Core, list *TrustList, now time.Time) (*Poll, error) {
	if core.TalliesDue.IsZero() {
		core.TalliesDue = core.EndTime.Add(24 * time.Hour)
	}
	if core.K == 0 {
		core.K = u.K
	}
	if core.MinStatus == "" {
		core.MinStatus = "none"
	}
	obj := map[string]any{}
	for name, v := range core.Extra {
		obj[name] = v
	}
	for name, v := range map[string]any{
		"id": u.Base + "/polls/" + core.PollID, "type": "Question", "attributedTo": u.Actor(), "to": []string{ap.Public},
		"cc": []string{u.Actor() + "/followers"}, "name": core.Name, "content": core.Content,
		"published": ap.FormatTime(now), "updated": ap.FormatTime(now),
		"pollId": core.PollID, "sphere": core.Sphere, "territory": core.Territory,
		"electorate":    map[string]any{"type": "Electorate", "level": core.Level, "minStatus": core.MinStatus},
		"resultsPolicy": core.Policy, "k": core.K, "opensAt": ap.FormatTime(core.OpensAt), "endTime": ap.FormatTime(core.EndTime),
		"talliesDue": ap.FormatTime(core.TalliesDue), "trustList": list.ref().wire(),
	} {
		obj[name] = v
	}
	if len(core.Questions) == 1 && (core.Questions[0].Kind == ballot.One || core.Questions[0].Kind == ballot.Several) {
		name := map[ballot.Kind]string{ballot.One: "oneOf", ballot.Several: "anyOf"}[core.Questions[0].Kind]
		var options []any
		for _, o := range core.Questions[0].Options {
			options = append(options, map[string]any{"type": "Note", "name": o.Name, "optionId": o.ID})
		}
		obj[name] = options
	} else {
		var questions []any
		for _, q := range core.Questions {
			var options []any
			for _, o := range q.Options {
				options = append(options, map[string]any{"optionId": o.ID, "name": o.Name})
			}
			questions = append(questions, map[string]any{"questionId": q.ID, "questionType": string(q.Kind), "name": q.Name, "options": options})
		}
		obj["type"], obj["questions"] = "Article", questions
	}
	digest, err := digestOfCore(obj)
	if err != nil {
		return nil, err
	}
	obj["pollDigest"] = digest
	raw, err := u.sign(obj, now)
	if err != nil {
		return nil, err
	}
	p, err := readPoll(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	return p, nil
}

func (u *Union) invite(ctx context.Context, tx *store.Tx, p *Poll, m Member) error {
	raw, err := u.sign(map[string]any{
		"id": p.URI + "/invites/" + m.Host(), "type": "Invite", "actor": u.Actor(), "object": p.URI, "target": m.Actor, "to": []string{m.Actor},
		"published": ap.FormatTime(tx.Now), "poll": p.URI, "pollDigest": p.Digest, "trustList": p.list.wire(),
	}, tx.Now)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "insert into invitations (poll, member, raw, register, tries, due, included) values (?, ?, ?, -1, 0, ?, '')",
		p.PollID, m.Actor, raw, u.backoff(tx.Now, 0)); err != nil {
		return err
	}
	return u.Send(ctx, tx, raw, m.Actor)
}

// EarlyClose ends a poll now, by a signed act with a reason. A poll whose
// numbers nobody sees before the close can't be ended early.
func (u *Union) EarlyClose(ctx context.Context, tx *store.Tx, pollID, reason string) (time.Time, error) {
	p, err := u.load(ctx, tx.Bound, pollID)
	if err != nil {
		return time.Time{}, fmt.Errorf("close poll: %w", err)
	}
	if p.early {
		return p.close, fmt.Errorf("the poll was closed at %s: %w", ap.FormatTime(p.close), store.ErrExists)
	}
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return time.Time{}, err
	}
	members := u.invitedTo(c.version(p.list.Version), p.Poll)
	at := seconds(tx.Now)
	to := []string{ap.Public}
	for _, m := range members {
		to = append(to, m.Actor)
	}
	raw, err := u.sign(map[string]any{
		"id": p.URI + "/close", "type": "EarlyClose", "attributedTo": u.Actor(), "to": to, "published": ap.FormatTime(at),
		"poll": p.URI, "pollDigest": p.Digest, "trustList": p.list.wire(), "closedAt": ap.FormatTime(at), "reason": reason,
	}, at)
	if err != nil {
		return time.Time{}, fmt.Errorf("close poll: %w", err)
	}
	e, err := readEarlyClose(raw)
	if err != nil {
		return time.Time{}, err
	}
	if err := c.checkEarlyClose(e, p.state()); err != nil {
		return time.Time{}, fmt.Errorf("close poll: %w", refuse(err))
	}
	if _, err := tx.Exec(ctx, "update union_polls set ends = ?, early = ?, reason = ?, settled = 0 where poll = ?", store.Millis(at), raw, reason, pollID); err != nil {
		return time.Time{}, fmt.Errorf("close poll: %w", err)
	}
	if _, err := tx.Exec(ctx, "update invitations set tries = 0, due = ? where poll = ? and register >= 0", u.backoff(tx.Now, 0), pollID); err != nil {
		return time.Time{}, fmt.Errorf("close poll: %w", err)
	}
	return at, u.deliver(ctx, tx, "Create", raw, to[1:]...)
}
