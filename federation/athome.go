package federation

import (
	"context"
	"errors"
	"sync/atomic"
)

// errAtHome is what a fetch gives where only what is here may be used.
var errAtHome = errors.New("federation: not here, and nobody may be asked now")

type homeKey struct{}

// stayHome is a context in which nothing is fetched; asked tells whether
// something would have been.
func stayHome(ctx context.Context) (_ context.Context, asked *atomic.Bool) {
	asked = &atomic.Bool{}
	return context.WithValue(ctx, homeKey{}, asked), asked
}

// mayGoOut is errAtHome where ctx comes from stayHome. Whoever shares an answer
// or remembers a failure asks this first, for others may go out.
func mayGoOut(ctx context.Context) error {
	asked, home := ctx.Value(homeKey{}).(*atomic.Bool)
	if !home {
		return nil
	}
	asked.Store(true)
	return errAtHome
}
