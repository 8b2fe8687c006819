package ap

import (
	"encoding/json"
	"net/url"
	"strings"

	vocab "github.com/go-ap/activitypub"
)

const (
	maxFields  = 50
	maxAliases = 256
	maxKeys    = 20
)

// ParseActor reads an actor's document. Everything that we will ever send to,
// its inboxes, must be an address on the actor's own host; the caller has
// fetched the document from the address that is its ID.
func ParseActor(raw []byte) (a *Actor, err error) {
	defer unpanic(&err)
	root, err := readForeign(raw)
	if err != nil {
		return nil, err
	}
	a = &Actor{Raw: json.RawMessage(raw), Type: typeOf(&root)}
	if a.ID, err = identity(&root, "id"); err != nil {
		return nil, err
	}
	if !vocab.ActorTypes.Contains(vocab.ActivityVocabularyType(a.Type)) {
		return nil, formFault("%.40q is no type of actor", a.Type)
	}
	if err := readPlaces(a, &root); err != nil {
		return nil, err
	}
	readProfile(a, &root)
	readKeys(a, &root)
	a.Implements = readAbilities(&root)
	return a, nil
}

// readAbilities reads what the actor's server says it can: an application says
// so itself, others name what made them (FEP-844e).
func readAbilities(n *node) (all []string) {
	for _, holder := range []*node{n, n.get("generator")} {
		for _, one := range oneOrMany(holder.get("implements")) {
			href := one.str("href")
			if href == "" {
				href = reference(one)
			}
			if soundIRI(href) && len(all) < maxFields {
				all = append(all, href)
			}
		}
	}
	return all
}

// readPlaces reads the addresses of an actor's boxes and lists.
func readPlaces(a *Actor, n *node) error {
	a.Inbox = reference(n.get("inbox"))
	if a.Inbox == "" || !SameHost(a.Inbox, a.ID) {
		return formFault("no inbox on the actor's own host")
	}
	for name, field := range map[string]*string{
		"outbox": &a.Outbox, "followers": &a.Followers, "following": &a.Following, "featured": &a.Featured,
	} {
		if link := reference(n.get(name)); SameHost(link, a.ID) {
			*field = link
		}
	}
	for name, field := range map[string]*string{"sharedInbox": &a.SharedInbox, "proxyUrl": &a.ProxyURL, "uploadMedia": &a.UploadMedia} {
		if link := reference(n.get("endpoints").get(name)); SameHost(link, a.ID) {
			*field = link
		}
	}
	s, err := shapesOf(n, "url", "icon", "image")
	if err != nil {
		return err
	}
	a.Icon, a.Image = s.icon, s.image
	if SameHost(s.url, a.ID) {
		a.URL = s.url
	}
	if a.Type == "Group" {
		a.Moderators = reference(n.get("attributedTo"))
	}
	a.MovedTo = reference(n.get("movedTo"))
	if aliases := addresses(n.get("alsoKnownAs")); len(aliases) > 0 {
		a.AlsoKnownAs = aliases[:min(len(aliases), maxAliases)]
	}
	return nil
}

func readProfile(a *Actor, n *node) {
	a.Handle = n.str("preferredUsername")
	a.Name, _, _ = words(n, "name")
	a.Summary, _, _ = words(n, "summary")
	a.WebFinger = n.str("webfinger")
	if a.Handle == "" {
		// Mastodon 4.7 takes webfinger in place of preferredUsername.
		a.Handle, _, _ = strings.Cut(a.WebFinger, "@")
	}
	a.Published, a.Updated = instant(n.str("published")), instant(n.str("updated"))
	a.Discoverable = truth(n.get("discoverable"))
	a.Indexable = truth(n.get("indexable"))
	a.ByApproval = truth(n.get("manuallyApprovesFollowers"))
	a.OnlyModeratorsPost = truth(n.get("postingRestrictedToMods"))
	a.Suspended = truth(n.get("suspended"))
	a.Memorial = truth(n.get("memorial"))
	for _, one := range readAttachments(n.get("attachment")) {
		if one.Type == "PropertyValue" && len(a.Fields) < maxFields {
			a.Fields = append(a.Fields, Field{Name: one.Name, Value: one.Value})
		}
	}
}

func truth(n *node) bool { return n != nil && n.kind == boolean && n.text == "true" }

// readKeys takes only keys that the actor itself owns.
func readKeys(a *Actor, n *node) {
	for _, one := range oneOrMany(n.get("publicKey")) {
		key := PublicKey{ID: one.str("id"), Owner: one.str("owner"), PEM: one.str("publicKeyPem")}
		if key.Owner == "" {
			key.Owner = one.str("controller")
		}
		if key.Owner == a.ID && soundIRI(key.ID) && key.PEM != "" && len(a.Keys) < maxKeys {
			a.Keys = append(a.Keys, key)
		}
	}
	for _, one := range oneOrMany(n.get("assertionMethod")) {
		key := Multikey{ID: one.str("id"), Controller: one.str("controller"), Text: one.str("publicKeyMultibase")}
		if typeOf(one) == "Multikey" && key.Controller == a.ID && soundIRI(key.ID) && key.Text != "" && len(a.AssertionMethods) < maxKeys {
			a.AssertionMethods = append(a.AssertionMethods, key)
		}
	}
}

func oneOrMany(n *node) []*node {
	if n == nil || n.kind == null {
		return nil
	}
	if n.kind != list {
		return []*node{n}
	}
	out := make([]*node, len(n.items))
	for i := range n.items {
		out[i] = &n.items[i]
	}
	return out
}

// ParsePublicKey reads a document that is a key by itself, as GoToSocial
// serves it, or an actor whose publicKey has the id that was asked for.
// Whether the owner's own document names the key too, the caller must ask.
func ParsePublicKey(raw []byte, id string) (key PublicKey, err error) {
	defer unpanic(&err)
	root, err := readForeign(raw)
	if err != nil {
		return PublicKey{}, err
	}
	for _, one := range append(oneOrMany(root.get("publicKey")), &root) {
		key = PublicKey{ID: one.str("id"), Owner: one.str("owner"), PEM: one.str("publicKeyPem")}
		if key.Owner == "" {
			key.Owner = one.str("controller")
		}
		if key.ID == id && key.PEM != "" && soundIRI(key.Owner) && SameHost(key.Owner, id) {
			return key, nil
		}
	}
	return PublicKey{}, formFault("no key of this id")
}

// ParseCollection reads a collection or a page of one. Items beyond
// 1,000 are cut; those of a form that we don't take are left out.
func ParseCollection(raw []byte) (c *Collection, err error) {
	defer unpanic(&err)
	root, err := readForeign(raw)
	if err != nil {
		return nil, err
	}
	c = &Collection{Raw: json.RawMessage(raw), Type: typeOf(&root)}
	if !vocab.CollectionTypes.Contains(vocab.ActivityVocabularyType(c.Type)) {
		return nil, formFault("%.40q is no collection", c.Type)
	}
	if c.ID, err = identity(&root, "id"); err != nil {
		return nil, err
	}
	c.TotalItems = count(root.get("totalItems"))
	for name, field := range map[string]*string{
		"first": &c.First, "last": &c.Last, "next": &c.Next, "prev": &c.Prev, "partOf": &c.PartOf,
	} {
		*field = reference(root.get(name))
	}
	// A first page that is embedded, without address or with one.
	holders := []*node{&root}
	if first := root.get("first"); first != nil && first.kind == object {
		holders = append(holders, first)
		if c.Next == "" {
			c.Next = reference(first.get("next"))
		}
	}
	for _, holder := range holders {
		for _, name := range []string{"orderedItems", "items"} {
			for _, one := range oneOrMany(holder.get(name)) {
				if len(c.Items) == maxItems {
					return c, nil
				}
				if o, err := parseObject(one, raw, 0); err == nil {
					c.Items = append(c.Items, o)
				}
			}
		}
	}
	return c, nil
}

// Host gives the host of an address, with its port where it has one, "" where
// it is none. It is how blocks and trust are kept: lower case, no final dot.
func Host(iri string) string {
	u, err := url.Parse(iri)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(authority(u)), ".")
}
