package federation

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"viche/internal/store"
)

// subscribe is the older way to say what FEP-3b86 says with one relation an
// intent; nearly everybody has it.
const subscribe = "http://ostatus.org/schema/1.0/subscribe"

// intentBase begins the relations of FEP-3b86.
const intentBase = "https://w3id.org/fep/3b86/"

// intents say where our people can do something with what they met elsewhere:
// any server that offers a button can send them there. The page shows the post,
// the person or the poll with all that can be done.
func (c *City) intents() []link {
	page := c.Base + "/authorize_interaction?uri="
	links := []link{{Rel: subscribe, Template: page + "{uri}"}}
	for _, what := range []string{"Object", "Follow", "Like", "Announce", "Question", "Join"} {
		links = append(links, link{Rel: intentBase + what, Template: page + "{object}"})
	}
	return append(links, link{Rel: intentBase + "Create", Template: c.Base + "/share?text={content}"})
}

// RemoteIntent is the page of somebody's own server at which they can do
// something with an object: rel is the intent (FEP-3b86), for example
// https://w3id.org/fep/3b86/Follow. Where their server does not know it, the
// page to follow serves, which shows whatever address it is given.
func (c *City) RemoteIntent(ctx context.Context, handle, rel, object string) (string, error) {
	name, host, ok := splitHandle(handle)
	if !ok {
		return "", fmt.Errorf("handle %q: %w", handle, store.ErrNotFound)
	}
	raw, err := c.webFingerOf(ctx, name, host)
	if err != nil {
		return "", err
	}
	var jrd struct {
		Links []struct{ Rel, Template string }
	}
	if json.Unmarshal(raw, &jrd) != nil {
		return "", fmt.Errorf("@%s@%s: %w", name, host, store.ErrNotFound)
	}
	for _, wanted := range []string{rel, subscribe} {
		for _, l := range jrd.Links {
			if l.Rel != wanted {
				continue
			}
			if to := fill(l.Template, object); isAddress(to) {
				return to, nil
			}
		}
	}
	return "", fmt.Errorf("@%s@%s has no page for it: %w", name, host, store.ErrNotFound)
}

// fill puts an address into a template, under whichever name it has there. What
// else could be filled in stays empty.
func fill(template, object string) string {
	var out strings.Builder
	for {
		before, rest, open := strings.Cut(template, "{")
		out.WriteString(before)
		if !open {
			return out.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return ""
		}
		switch name {
		case "uri", "object", "target":
			out.WriteString(url.QueryEscape(object))
		}
		template = after
	}
}
