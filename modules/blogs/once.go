package blogs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"viche/internal/store"
)

// maxToken is as long as the token of a form can be.
const maxToken = 64

// newToken marks one form that is shown, so that it is carried out once however
// often its button is pressed.
func newToken() string { return rand.Text() }

// digest is what a form is remembered by: its token and what was typed, since
// whoever goes back and writes something else wants a second post. Pictures are
// left out: the same files come under new names each time, and those that the
// first post took are no longer found. It is nil for what came without a token.
func (d Draft) digest(w Writer, doing string) ([]byte, error) {
	if d.Once == "" {
		return nil, nil
	}
	d.Pictures = nil
	if d.Poll != nil {
		poll := *d.Poll
		poll.Closes = 0 // reckoned from now
		d.Poll = &poll
	}
	typed, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("digest of a form: %w", err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s\n%s", d.Once, w.Actor.ID, doing, typed))
	return sum[:], nil
}

// sent is what a form made that was carried out before, 0 for a new one.
func (b *Blogs) sent(ctx context.Context, key []byte) (made int64, err error) {
	if key == nil {
		return 0, nil
	}
	err = b.DB.ReadBound().Row(ctx, []any{&made}, "select made from sent_forms where key = ?", key)
	if isNotFound(err) {
		return 0, nil
	}
	return made, err
}

// once calls do, which makes something and gives its id, unless the form was
// carried out before: then it gives the id of what was made.
func once(ctx context.Context, tx *store.Tx, key []byte, do func() (int64, error)) (int64, error) {
	if key == nil {
		return do()
	}
	// Of two that come together one waits here for the other.
	n, err := tx.Exec(ctx, "insert into sent_forms (key, made, at) values (?, 0, ?) on conflict do nothing", key, store.Millis(tx.Now))
	if err != nil {
		return 0, err
	}
	if n == 0 {
		var made int64
		err := tx.Row(ctx, []any{&made}, "select made from sent_forms where key = ?", key)
		return made, err
	}
	made, err := do()
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, "update sent_forms set made = ? where key = ?", made, key)
	return made, err
}

// forgetForms deletes what is remembered of forms sent two days ago.
func forgetForms(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, "delete from sent_forms where at < ?", store.Millis(tx.Now)-2*24*60*60*1000)
	return err
}
