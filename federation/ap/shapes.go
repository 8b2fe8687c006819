package ap

import (
	"slices"
	"strings"
	"time"

	vocab "github.com/go-ap/activitypub"
)

// This file is where go-ap/activitypub is used: a link in ActivityStreams may
// be an address, a Link, an embedded object or a list of any of these, and
// go-ap irons that out. It is handed only the members below, from a document
// that was read and bounded before, since its decoding grows with the square
// of the distinct addresses, it drops what it doesn't know, and it misreads a
// text that looks like JSON (see docs/adr/0001).

// shapeMembers are the links of an object that go-ap irons out.
var shapeMembers = []string{
	"audience", "context", "icon", "image", "inReplyTo", "location", "replies", "startTime", "target", "url",
}

const (
	// shapeList is how many entries of one list go-ap sees. No reader here uses
	// more: a post has a few pictures, a page a few addresses.
	shapeList = 32
	// shapeDepth is how deep go-ap sees into a link.
	shapeDepth = 5
)

// shapes is what came out.
type shapes struct {
	inReplyTo, audience, context, replies, target string
	url, icon, image                              string
	place                                         Place
	start                                         time.Time
}

func readShapes(o *Object, n *node) error {
	s, err := shapesOf(n, shapeMembers...)
	if err != nil {
		return err
	}
	o.InReplyTo, o.Audience, o.Context, o.Replies, o.Target = s.inReplyTo, s.audience, s.context, s.replies, s.target
	o.Icon, o.Image, o.Place, o.StartTime = s.icon, s.image, s.place, s.start
	// A page elsewhere that claims to be this object's is a lure.
	if o.ID == "" || SameHost(s.url, o.ID) {
		o.URL = s.url
	}
	return nil
}

// shapesOf hands the named members of an object to go-ap and takes the links.
func shapesOf(n *node, members ...string) (shapes, error) {
	part := node{kind: object}
	for _, name := range members {
		if m := n.get(name); m != nil && m.kind != null {
			part.set(name, bounded(m, shapeDepth))
		}
	}
	if len(part.names) == 0 {
		return shapes{}, nil
	}
	// Activity has all members of Object and target beside them, whatever the
	// thing really is; the true type is ours to read.
	part.set("type", node{kind: text, text: string(vocab.ActivityType)})
	item, err := vocab.UnmarshalJSON(part.append(nil))
	if err != nil {
		return shapes{}, formFault("go-ap: %v", err)
	}
	activity, ok := item.(*vocab.Activity)
	if !ok {
		return shapes{}, nil
	}
	s := shapes{
		inReplyTo: firstLink(activity.InReplyTo),
		context:   firstLink(activity.Context),
		replies:   firstLink(activity.Replies),
		target:    firstLink(activity.Target),
		url:       pageLink(activity.URL),
		icon:      mediaLink(activity.Icon),
		image:     mediaLink(activity.Image),
		start:     year(activity.StartTime),
	}
	if len(activity.Audience) > 0 {
		s.audience = firstLink(activity.Audience)
	}
	s.place = place(activity.Location, n.get("location"))
	return s, nil
}

// bounded copies a value for go-ap: lists cut, depth cut, types that it
// doesn't know made into Object, without which it would drop the whole.
func bounded(n *node, depth int) node {
	switch n.kind {
	case list:
		out := node{kind: list}
		if depth == 0 {
			return out
		}
		for i := range n.items[:min(len(n.items), shapeList)] {
			out.items = append(out.items, bounded(&n.items[i], depth-1))
		}
		return out
	case object:
		out := node{kind: object}
		if depth == 0 {
			return out
		}
		for i, name := range n.names {
			switch name {
			case "id", "href", "mediaType", "rel", "url", "latitude", "longitude":
				out.names = append(out.names, name)
				out.items = append(out.items, bounded(&n.items[i], depth-1))
			case "type":
				t := typeOf(n)
				if !known(t) {
					t = string(vocab.ObjectType)
				}
				out.names = append(out.names, name)
				out.items = append(out.items, node{kind: text, text: t})
			}
		}
		return out
	default:
		return *n
	}
}

// known tells whether go-ap has this type.
func known(t string) bool {
	v := vocab.ActivityVocabularyType(t)
	return vocab.Types.Contains(v) || vocab.ActivityTypes.Contains(v) || vocab.IntransitiveActivityTypes.Contains(v) ||
		vocab.ActorTypes.Contains(v) || vocab.ObjectTypes.Contains(v) || vocab.LinkTypes.Contains(v) || v == vocab.ObjectType
}

// links gives all addresses behind an item, in their order.
func links(item vocab.Item) []string {
	if vocab.IsNil(item) {
		return nil
	}
	if several, ok := item.(vocab.ItemCollection); ok {
		var out []string
		for _, one := range several {
			if !vocab.IsNil(one) && !vocab.IsItemCollection(one) {
				out = append(out, links(one)...)
			}
		}
		return out
	}
	link := linkOf(item)
	if !soundIRI(link) {
		return nil
	}
	return []string{link}
}

// linkOf: of a Link its href, of anything else its id.
func linkOf(item vocab.Item) string {
	if l, ok := item.(*vocab.Link); ok {
		return string(l.Href)
	}
	return string(item.GetLink())
}

func firstLink(item vocab.Item) string {
	if all := links(item); len(all) > 0 {
		return all[0]
	}
	return ""
}

// pageLink picks the page among the addresses of an object: PeerTube, for
// one, lists its films beside it.
func pageLink(item vocab.Item) string {
	if several, ok := item.(vocab.ItemCollection); ok {
		for _, one := range several {
			l, ok := one.(*vocab.Link)
			if ok && strings.HasPrefix(string(l.MediaType), "text/html") && soundIRI(string(l.Href)) {
				return string(l.Href)
			}
		}
	}
	return firstLink(item)
}

// mediaLink gives the address of a picture: of an Image its url.
func mediaLink(item vocab.Item) string {
	if vocab.IsNil(item) {
		return ""
	}
	if several, ok := item.(vocab.ItemCollection); ok {
		if len(several) == 0 {
			return ""
		}
		item = several[0]
	}
	if o, ok := item.(*vocab.Object); ok && !vocab.IsNil(o.URL) {
		return firstLink(o.URL)
	}
	return firstLink(item)
}

// readAttachments reads them by itself: go-ap drops value, blurhash and the
// language of names, and merges those that it takes for equal.
func readAttachments(n *node) []Attachment {
	if n == nil {
		return nil
	}
	several := []node{*n}
	if n.kind == list {
		several = n.items[:min(len(n.items), maxAttachments)]
	}
	var out []Attachment
	for i := range several {
		one := &several[i]
		name, _, _ := words(one, "name")
		a := Attachment{Type: typeOf(one), MediaType: one.str("mediaType"), Name: name, Value: one.str("value"), Blurhash: one.str("blurhash")}
		a.URL = attachmentURL(one)
		if a.URL != "" || a.Value != "" {
			out = append(out, a)
		}
	}
	return out
}

// attachmentURL gives where the thing itself lies: url, href, or the address
// that it is.
func attachmentURL(n *node) string {
	for _, m := range []*node{n.get("url"), n.get("href"), n} {
		if m != nil && m.kind == list && len(m.items) > 0 {
			m = &m.items[0]
		}
		if link := reference(m); link != "" {
			return link
		}
	}
	return ""
}

func place(item vocab.Item, n *node) Place {
	if n == nil {
		return Place{}
	}
	if n.kind == list && len(n.items) > 0 {
		n = &n.items[0]
	}
	if several, ok := item.(vocab.ItemCollection); ok && len(several) > 0 {
		item = several[0]
	}
	var out Place
	out.Name, _, _ = words(n, "name")
	if p, ok := item.(*vocab.Place); ok {
		out.Latitude, out.Longitude = p.Latitude, p.Longitude
	}
	switch address := n.get("address"); {
	case address == nil:
	case address.kind == text:
		out.Address = address.text
	case address.kind == object:
		var parts []string
		for _, name := range []string{"streetAddress", "postalCode", "addressLocality", "addressRegion", "addressCountry"} {
			if part := address.str(name); part != "" && !slices.Contains(parts, part) {
				parts = append(parts, part)
			}
		}
		out.Address = strings.Join(parts, ", ")
	}
	return out
}

// year keeps a time only where an honest clock may point.
func year(t time.Time) time.Time {
	if t.Year() < 1970 || t.Year() >= 2262 {
		return time.Time{}
	}
	return t.UTC()
}
