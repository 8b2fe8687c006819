package blogs

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// encode writes a post of ours as it is stored, sent and served.
func (b *Blogs) encode(ctx context.Context, idb bun.IDB, p *Post, author actors.Actor, mentioned []actors.Actor, tags []string) ([]byte, error) {
	card := p.Card()
	post := ap.Post{
		Type: p.Type, ID: p.URI, AttributedTo: author.URI, URL: p.URL, Name: p.Title, Summary: p.Summary, Content: p.Content,
		Language: p.Lang, InReplyTo: p.ReplyURI, Audience: card.Audience, Context: card.Context, Published: store.Time(p.Published), Sensitive: p.Sensitive,
		Extra: map[string]any{
			"replies":           p.URI + "/replies",
			"interactionPolicy": b.policy(author, card),
		},
	}
	if p.Edited > 0 {
		post.Updated = store.Time(p.Edited)
	}
	post.To, post.Cc = addressed(author, p.Visibility, mentioned)
	for _, a := range mentioned {
		post.Tags = append(post.Tags, ap.Tag{Type: "Mention", Name: "@" + a.Handle + "@" + a.Host, Href: a.URI})
	}
	for _, tag := range tags {
		post.Tags = append(post.Tags, ap.Tag{Type: "Hashtag", Name: "#" + tag, Href: b.Base + "/tags/" + strings.ToLower(tag)})
	}
	for _, pic := range card.Pictures {
		post.Attachments = append(post.Attachments, ap.Attachment{
			Type: "Document", MediaType: pic.Type, URL: b.Base + "/media/" + pic.Name, Name: pic.Alt, Blurhash: pic.Blurhash,
		})
	}
	if p.Type == "Article" {
		// What microblogs show in place of it (FEP-b2b8).
		post.Extra["preview"] = map[string]any{"type": "Note", "attributedTo": author.URI, "content": p.Summary, "published": ap.FormatTime(post.Published)}
	}
	if p.QuoteURI != "" && (p.QuoteState == QuoteAsked || p.QuoteState == QuoteAllowed) {
		post.Extra["quote"] = p.QuoteURI
		post.Extra["quoteUri"] = p.QuoteURI // what others called it before FEP-044f
		if card.Stamp != "" {
			post.Extra["quoteAuthorization"] = card.Stamp
		}
	}
	if card.Poll != nil {
		addPoll(&post, card.Poll)
	}
	return post.Encode()
}

// policy says what others may do with a post (GoToSocial's interaction policy,
// with canQuote as FEP-044f and Mastodon have it).
func (b *Blogs) policy(author actors.Actor, card Card) map[string]any {
	everybody := map[string]any{"automaticApproval": []string{ap.Public}, "manualApproval": []string{}}
	of := func(who string) map[string]any {
		switch who {
		case "followers":
			return map[string]any{"automaticApproval": []string{author.Followers}, "manualApproval": []string{}}
		case "nobody":
			return map[string]any{"automaticApproval": []string{author.URI}, "manualApproval": []string{}}
		}
		return everybody
	}
	return map[string]any{"canLike": everybody, "canAnnounce": everybody, "canReply": of(card.Reply), "canQuote": of(card.Quote)}
}

// addPoll makes a post the question that it asks. Numbers stand in it only once
// it is over.
func addPoll(post *ap.Post, poll *Poll) {
	post.Type = "Question"
	options := make([]any, len(poll.Options))
	for i, o := range poll.Options {
		option := map[string]any{"type": "Note", "name": o.Name}
		if o.Votes != nil && poll.Closed > 0 {
			option["replies"] = map[string]any{"type": "Collection", "totalItems": *o.Votes}
		}
		options[i] = option
	}
	name := "oneOf"
	if poll.Multiple {
		name = "anyOf"
	}
	post.Extra[name] = options
	post.EndTime = store.Time(poll.Closes)
	if poll.Closed > 0 {
		post.Extra["closed"] = ap.FormatTime(store.Time(poll.Closed))
		if poll.Voters != nil {
			post.Extra["votersCount"] = *poll.Voters
		}
	}
}

func encodeDraft(d Draft) (string, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("keep a draft: %w", err)
	}
	return string(raw), nil
}

func decodeDraft(body string) (d Draft, err error) {
	if err = json.Unmarshal([]byte(body), &d); err != nil {
		err = fmt.Errorf("read a draft: %w", err)
	}
	return d, err
}
