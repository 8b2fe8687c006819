package federation

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// lists adds the short lists that belong to an actor of ours, whole in one
// answer: what a person put on top of the page, and who moderates a channel.
func (c *City) lists(r chi.Router) {
	r.Get("/users/{handle}/featured", func(w http.ResponseWriter, r *http.Request) {
		a, err := c.own(r.Context(), c.Base+"/users/"+chi.URLParam(r, "handle"))
		if err == nil && (c.Pinned == nil || a.Deleted) {
			err = store.ErrNotFound
		}
		var uris []string
		if err == nil {
			uris, err = c.Pinned(r.Context(), a.ID)
		}
		c.list(w, a, "/featured", uris, err)
	})
	r.Get("/spheres/{sphere}/moderators", func(w http.ResponseWriter, r *http.Request) {
		// The moderators of the instance look after all its channels. Who they are
		// is not told to everybody, so the list that Lemmy asks for is empty.
		a, err := c.own(r.Context(), c.Base+"/spheres/"+chi.URLParam(r, "sphere"))
		c.list(w, a, "/moderators", nil, err)
	})
}

func (c *City) list(w http.ResponseWriter, of actors.Actor, name string, uris []string, err error) {
	var raw []byte
	if err == nil {
		raw, err = ap.Encode(map[string]any{
			"@context": ap.ActivityStreams, "id": of.URI + name, "type": "OrderedCollection",
			"attributedTo": of.URI, "totalItems": len(uris), "orderedItems": append([]string{}, uris...),
		})
	}
	if err != nil {
		c.fail(w, err)
		return
	}
	Serve(w, raw)
}
