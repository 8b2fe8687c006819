package blogs

import (
	"context"
	"fmt"
	"strings"

	"viche/actors"
	"viche/internal/store"
)

// Find resolves what somebody typed into the search: a handle, the address of a
// profile or of a post, here or elsewhere. At most one of the two is given;
// store.ErrNotFound for what leads nowhere.
func (b *Blogs) Find(ctx context.Context, w Writer, q string) (*Post, *actors.Actor, error) {
	q = strings.TrimSpace(q)
	if strings.HasPrefix(q, "https://") || strings.HasPrefix(q, "http://") {
		return b.findAddress(ctx, w, q)
	}
	if !strings.HasPrefix(q, "@") && !strings.Contains(q, "@") {
		return nil, nil, fmt.Errorf("find %q: %w", q, store.ErrNotFound)
	}
	a, err := b.Federation.Lookup(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	return nil, shown(a), nil
}

func shown(a actors.Actor) *actors.Actor {
	if a.Suspended || a.Deleted {
		return nil
	}
	return &a
}

func (b *Blogs) findAddress(ctx context.Context, w Writer, address string) (*Post, *actors.Actor, error) {
	known, err := b.ByURI(ctx, b.DB.Read(), address)
	if err == nil {
		p, err := b.readable(ctx, known.ID, w.Actor)
		return p, nil, err
	}
	if !isNotFound(err) {
		return nil, nil, err
	}
	if a, err := b.Book.ByURI(ctx, b.DB.Read(), address); err == nil {
		return nil, shown(a), nil
	}
	if b.Federation.IsLocal(address) {
		path := strings.TrimPrefix(address, b.Base+"/@")
		a, err := b.Book.ByHandle(ctx, b.DB.Read(), path)
		if err != nil {
			return nil, nil, err
		}
		return nil, shown(a), nil
	}
	// What it is, only its server knows.
	o, err := b.Federation.Object(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	switch o.Type {
	case "Person", "Group", "Organization", "Service", "Application":
		a, err := b.Federation.Actor(ctx, o.ID)
		if err != nil {
			return nil, nil, err
		}
		return nil, shown(a), nil
	}
	p, err := b.admit(ctx, o)
	return p, nil, err
}
