package blogs

import (
	"context"
	"math"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"viche/federation"
	"viche/federation/ap"
	"viche/internal/store"
)

const collectionPage = 50

// Collections adds what other servers ask about a post: the answers to it, its
// conversation (FEP-7888), and the activity that made it. Only what everybody
// may see is listed.
func (b *Blogs) Collections(r chi.Router) {
	r.Get("/blogs/{id}/replies", b.collection("/replies", "reply_to = ?", func(p *Post) int64 { return p.ID }))
	r.Get("/blogs/{id}/activity", b.Federation.ServeActivity)
	r.Get("/contexts/{id}", b.collection("", "thread = ?", func(p *Post) int64 { return p.Thread }))
}

// collection answers with the ids of posts that stand to one as where says,
// oldest first, page by page.
func (b *Blogs) collection(name, where string, of func(*Post) int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		id, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
		var p *Post
		if err == nil {
			p, err = b.ByID(ctx, b.DB.Read(), id)
		}
		if err != nil || !p.Open() || name != "" && !p.Local {
			http.NotFound(w, r)
			return
		}
		uri := b.Base + r.URL.Path
		after, paged := afterOf(r)
		raw, err := b.encodeCollection(ctx, p, uri, where, of(p), after, paged)
		if err != nil {
			b.Log.ErrorContext(ctx, "a collection could not be answered", "err", err)
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return
		}
		federation.Serve(w, raw)
	}
}

func afterOf(r *http.Request) (after int64, paged bool) {
	text := r.URL.Query().Get("after")
	if text == "" {
		return 0, false
	}
	after, err := strconv.ParseInt(text, 10, 64)
	return after, err == nil && after >= 0
}

func (b *Blogs) encodeCollection(ctx context.Context, p *Post, uri, where string, key, after int64, paged bool) ([]byte, error) {
	open := " and deleted = 0 and hidden = 0 and visibility in ('public', 'unlisted')"
	if !paged {
		var total int
		if err := b.DB.ReadBound().Row(ctx, []any{&total}, "select count(*) from posts where "+where+open, key); err != nil {
			return nil, err
		}
		owner, err := b.Book.ByID(ctx, b.DB.Read(), p.Author)
		if err != nil {
			return nil, err
		}
		return ap.Encode(map[string]any{
			"@context": ap.SocialContext, "id": uri, "type": "OrderedCollection", "totalItems": total,
			"first": uri + "?after=0", "attributedTo": owner.URI,
		})
	}
	var rows []struct {
		ID  int64  `bun:"id"`
		URI string `bun:"uri"`
	}
	err := b.DB.Read().NewRaw("select id, uri from posts where "+where+open+" and id > ? order by id limit ?", key, after, collectionPage).Scan(ctx, &rows)
	if err != nil {
		return nil, store.Kind(err)
	}
	page := ap.Collection{ID: uri + "?after=" + strconv.FormatInt(after, 10), PartOf: uri}
	items := make([]any, len(rows))
	last := int64(math.MaxInt64)
	for i, row := range rows {
		items[i], last = row.URI, row.ID
	}
	if len(rows) == collectionPage {
		page.Next = uri + "?after=" + strconv.FormatInt(last, 10)
	}
	return ap.EncodePage(page, items)
}
