package polls

import (
	"context"
	"errors"
	"fmt"

	"viche/internal/store"
)

// Forget destroys the sealing keys of polls that closed so long ago that no
// count is disputed any more (Options.Keep): from then on nobody, the operator
// included, can read an answer. The results stay; the log of decisions says
// when. A key that is gone already is no fault: the step may be repeated.
func (p *Polls) Forget(ctx context.Context) error {
	if p.Keep <= 0 {
		return nil
	}
	var due []row
	err := p.DB.Read().NewSelect().Model(&due).
		Where("state = 'closed' and counted = 1 and key_gone = 0 and closed_at < ?", store.Millis(p.DB.Now().Add(-p.Keep))).
		Order("closed_at").Scan(ctx)
	if err != nil {
		return fmt.Errorf("keys to destroy: %w", store.Kind(err))
	}
	var errs []error
	for _, r := range due {
		if waits, err := p.awaited(ctx, r); err != nil || waits {
			errs = append(errs, err)
			continue
		}
		if err := p.forget(ctx, r); err != nil {
			errs = append(errs, fmt.Errorf("destroy the key of %s: %w", r.PollID, err))
		}
	}
	return errors.Join(errs...)
}

// awaited says whether the answers still wait for the turn of the month at which
// agreement is worked out. Those to ratings of people never do.
func (p *Polls) awaited(ctx context.Context, r row) (bool, error) {
	if r.Register == 0 || r.Module != "" && r.Module != "planning" {
		return false, nil
	}
	poll, err := r.poll()
	if err != nil {
		return false, err
	}
	return p.Box.Awaits(ctx, poll.Box(), poll.Closes())
}

func (p *Polls) forget(ctx context.Context, r row) error {
	poll, err := r.poll()
	if err != nil {
		return err
	}
	// First the key: were it the other way round, a crash between the two would
	// leave a key that everybody believes gone.
	if err := p.Box.Destroy(poll.Box()); err != nil {
		return err
	}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Exec(ctx, "update polls set key_gone = ? where id = ? and key_gone = 0", store.Millis(tx.Now), poll.ID)
		if err != nil || n == 0 {
			return err
		}
		return tx.Act(ctx, "", "poll.key-destroyed", poll.URI, "")
	})
	if err == nil {
		p.Log.Info("the key of a poll's answers is destroyed", "poll", poll.PollID)
	}
	return err
}
