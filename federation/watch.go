package federation

import "context"

type watchKey struct{}

// Published are the ids of what was published under a context, newest last.
type Published struct{ list []published }

type published struct{ id, kind, actor string }

// Watch gives a context under which every activity that is published is noted:
// for whoever has a command do something and must say which activity told of it.
// It is for one goroutine.
func Watch(ctx context.Context) (context.Context, *Published) {
	p := &Published{}
	return context.WithValue(ctx, watchKey{}, p), p
}

// Newest is the id of the newest activity of a type by an actor, "" for none.
func (p *Published) Newest(kind, actor string) string {
	for i := len(p.list) - 1; i >= 0; i-- {
		if one := p.list[i]; one.kind == kind && one.actor == actor {
			return one.id
		}
	}
	return ""
}

// watched notes an activity for whoever watches.
func watched(ctx context.Context, id, kind, actor string) {
	if p, ok := ctx.Value(watchKey{}).(*Published); ok {
		p.list = append(p.list, published{id, kind, actor})
	}
}
