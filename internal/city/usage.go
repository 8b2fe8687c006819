package city

import (
	"context"
	"sync"
	"time"

	"viche/actors"
	"viche/federation"
)

// usedLife is how long the numbers of NodeInfo are told without counting again:
// anybody may ask for them, and counting reads every post.
const usedLife = 10 * time.Minute

type used struct {
	sync.Mutex
	numbers federation.Usage
	until   time.Time
}

// usage counts for NodeInfo: who lives here, and what they wrote.
func (c *City) usage(ctx context.Context) (federation.Usage, error) {
	c.used.Lock()
	defer c.used.Unlock()
	now := c.now()
	if now.Before(c.used.until) {
		return c.used.numbers, nil
	}
	var u federation.Usage
	var err error
	if u.Residents, err = c.Book.Count(ctx, c.DB.Read(), actors.Resident); err != nil {
		return u, err
	}
	if u.Posts, u.Comments, err = c.Blogs.Count(ctx); err != nil {
		return u, err
	}
	c.used.numbers, c.used.until = u, now.Add(usedLife)
	return u, nil
}
