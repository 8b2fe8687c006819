package federation

import (
	"context"
	"net/http"

	"viche/internal/store"
)

// Retract takes an activity of ours out of the outbox: what it told of is no
// more. Deliveries that still wait go with it; telling those who have it
// already is done by publishing an Undo or a Delete.
func (c *City) Retract(ctx context.Context, tx *store.Tx, uri string) error {
	_, err := tx.Exec(ctx, "delete from activities where uri = ?", uri)
	return err
}

// ServeActivity answers at the id of a public activity of ours that lies
// outside /activities, such as a post's Create.
func (c *City) ServeActivity(w http.ResponseWriter, r *http.Request) { c.activity(w, r) }

// Serve writes an ActivityPub document that anybody may read.
func Serve(w http.ResponseWriter, raw []byte) {
	w.Header().Add("Vary", "Accept")
	writeActivity(w, http.StatusOK, raw)
}
