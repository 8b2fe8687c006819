package c2s

import (
	"context"
	"slices"
	"strings"

	"viche/federation/ap"
	"viche/internal/store"
	"viche/modules/blogs"
)

// create publishes a post, or answers the question in one.
func (a *API) create(ctx context.Context, p *posting) (string, error) {
	if p.activity.Object.Type == "Vote" {
		// The id by which a vote travels is nobody's to keep.
		return a.Federation.ActivityURI(), a.vote(ctx, p)
	}
	if p.object == nil || !slices.Contains([]string{"Note", "Article", "Question"}, p.object.Type) {
		return "", errUnsupported.about("object.type", "Type", p.activity.Object.Type)
	}
	d := blogs.Draft{Article: p.object.Type == "Article"}
	if err := a.words(&d, p); err != nil {
		return "", err
	}
	if err := a.addressed(ctx, &d, p); err != nil {
		return "", err
	}
	if p.object.InReplyTo != "" {
		parent, err := a.post(ctx, &ap.Object{ID: p.object.InReplyTo}, "inReplyTo")
		if err != nil {
			return "", err
		}
		d.ReplyTo = parent.ID
	}
	if p.object.Quote != "" {
		quoted, err := a.post(ctx, &ap.Object{ID: p.object.Quote}, "quote")
		if err != nil {
			return "", err
		}
		d.Quote = quoted.ID
	}
	if p.object.Type == "Question" {
		ask(&d, p.object)
	}
	made, err := a.Blogs.Publish(ctx, p.writer, d)
	if err != nil {
		return "", err
	}
	return made.URI + "/activity", nil
}

// update changes what an own post says. As the standard has it for clients, only
// what is given changes, and null takes away.
func (a *API) update(ctx context.Context, p *posting) (string, error) {
	old, err := a.ownPost(ctx, p)
	if err != nil {
		return "", err
	}
	if p.object.Type != "" && p.object.Type != old.Type {
		return "", errUnsupported.about("object.type", "Type", p.object.Type)
	}
	card := old.Card()
	named, err := a.Blogs.Named(ctx, old.ID)
	if err != nil {
		return "", err
	}
	d := blogs.Draft{
		Article: old.Type == "Article", Title: old.Title, Warning: old.Summary, Text: old.Source, HTML: old.Content, Lang: old.Lang,
		Visibility: old.Visibility, Quotable: card.Quote, Sensitive: old.Sensitive && old.Summary == "", Pictures: card.Pictures,
	}
	for _, who := range named {
		d.Named = append(d.Named, who.ID)
	}
	if err := a.words(&d, p); err != nil {
		return "", err
	}
	if err := a.nameAll(ctx, &d, mentions(p.object)); err != nil {
		return "", err
	}
	_, err = a.Blogs.Edit(ctx, p.writer, old.ID, d)
	return "", err
}

// words takes over what an object says, as far as it says anything.
func (a *API) words(d *blogs.Draft, p *posting) error {
	o, m := p.object, p.members
	if m.has("name") || m.has("nameMap") {
		d.Title = o.Name
	}
	if !d.Article {
		d.Title = "" // a name beside a Note says nothing that its text does not
	}
	if m.has("summary") || m.has("summaryMap") {
		d.Warning = o.Summary
	}
	if m.has("sensitive") {
		d.Sensitive = o.Sensitive
	}
	if o.Language != "" {
		d.Lang = o.Language
	}
	if m.has("interactionPolicy") {
		d.Quotable = a.quotable(o, p.writer)
	}
	switch source := membersOf(m["source"]); {
	case source.text("mediaType") == "text/markdown" && source.has("content"):
		d.Text, d.HTML = source.text("content"), ""
	case m.has("content") || m.has("contentMap"):
		d.Text, d.HTML = "", o.Content
		if kind := m.text("mediaType"); kind == "text/markdown" || kind == "text/plain" {
			d.Text, d.HTML = o.Content, ""
		}
	case o.Type == "Question" && d.Text == "":
		d.Text = o.Name
	}
	if !m.has("attachment") {
		return nil
	}
	d.Pictures = nil
	for _, one := range o.Attachments {
		name, ours := strings.CutPrefix(one.URL, a.Base+"/media/")
		if !ours || name == "" || one.Type == "Link" {
			return errUnsupported.about("attachment", "Type", one.Type)
		}
		d.Pictures = append(d.Pictures, blogs.Picture{Name: name, Alt: one.Name})
	}
	return nil
}

// quotable reads who may quote a post by the policy that it carries.
func (a *API) quotable(o *ap.Object, w blogs.Writer) string {
	switch {
	case o.CanQuote == nil || slices.Contains(o.CanQuote, ap.Public):
		return "public"
	case slices.Contains(o.CanQuote, w.Actor.Followers):
		return "followers"
	}
	return "nobody"
}

// addressed reads whom a post is for. pub has given the activity the addressees
// of its object too.
func (a *API) addressed(ctx context.Context, d *blogs.Draft, p *posting) error {
	to, cc := p.activity.To, p.activity.Cc
	followers := p.writer.Actor.Followers
	switch {
	case slices.Contains(to, ap.Public):
		d.Visibility = blogs.Public
	case slices.Contains(cc, ap.Public):
		d.Visibility = blogs.Unlisted
	case slices.Contains(to, followers), slices.Contains(cc, followers):
		d.Visibility = blogs.Followers
	default:
		d.Visibility = blogs.Direct
	}
	var people []string
	for _, uri := range append(append([]string{p.object.Audience}, to...), cc...) {
		sphere, channel := strings.CutPrefix(uri, a.Base+"/spheres/")
		switch {
		case uri == "" || uri == ap.Public || uri == followers:
		case channel:
			d.Sphere = strings.TrimSuffix(sphere, "/followers")
		default:
			people = append(people, uri)
		}
	}
	return a.nameAll(ctx, d, append(people, mentions(p.object)...))
}

func mentions(o *ap.Object) (list []string) {
	for _, t := range o.Tags {
		if t.Type == "Mention" && t.Href != "" {
			list = append(list, t.Href)
		}
	}
	return list
}

// nameAll finds everybody whom a post names; one who cannot be found is told to
// the client, which would believe that it was sent.
func (a *API) nameAll(ctx context.Context, d *blogs.Draft, uris []string) error {
	for _, uri := range uris {
		if len(d.Named) > 100 {
			return nil // the command says how many may be
		}
		who, err := a.somebody(ctx, uri, "to")
		if err != nil {
			return err
		}
		if !slices.Contains(d.Named, who.ID) {
			d.Named = append(d.Named, who.ID)
		}
	}
	return nil
}

// ask makes a draft the question that an object asks.
func ask(d *blogs.Draft, o *ap.Object) {
	options := o.OneOf
	d.Poll = &blogs.Poll{Closes: store.Millis(o.EndTime)}
	if len(options) == 0 {
		options, d.Poll.Multiple = o.AnyOf, true
	}
	for _, one := range options {
		d.Poll.Options = append(d.Poll.Options, blogs.PollOption{Name: one.Name})
	}
}

// vote answers the question in a post: one Note for each choice, in one activity.
// A civic poll takes its ballots elsewhere, where nothing but the answer is kept.
func (a *API) vote(ctx context.Context, p *posting) error {
	var target *blogs.Post
	var choices []int
	for _, v := range p.activity.Objects {
		if v.Type != "Vote" || target != nil && v.InReplyTo != target.URI {
			return malformed("object", "votes in one question alone are wanted")
		}
		if target == nil {
			if a.Blogs.IsPoll != nil {
				if _, civic := a.Blogs.IsPoll(ctx, v.InReplyTo); civic {
					return errCivic
				}
			}
			var err error
			if target, err = a.post(ctx, &ap.Object{ID: v.InReplyTo}, "inReplyTo"); err != nil {
				return err
			}
		}
		poll := target.Card().Poll
		if poll == nil {
			return errUnsupported.about("inReplyTo", "Type", target.Type)
		}
		i := slices.IndexFunc(poll.Options, func(o blogs.PollOption) bool { return o.Name == v.Name })
		if i < 0 {
			return errMissing.about("name")
		}
		choices = append(choices, i)
	}
	return a.Blogs.VoteIn(ctx, p.writer.Actor, target, choices)
}
