package blogs

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/markup"
	"viche/internal/store"
	"viche/web"
)

// personView is somebody as a line names them.
type personView struct {
	ID      int64
	Name    string
	Address string
	Href    string
	Picture string // "" where there is none
	Letter  string // shown in its place
	Local   bool
}

func (b *Blogs) person(a actors.Actor) personView {
	p := personView{ID: a.ID, Name: a.Label(), Address: a.Address(), Href: b.profilePath(a), Local: a.Local}
	if a.Local {
		p.Address = "@" + a.Handle // among neighbours the rest says nothing
	}
	if a.Deleted {
		p.Href = ""
	}
	switch {
	case a.Icon == "":
	case a.Local:
		p.Picture = a.Icon
	default:
		p.Picture = "/media/icon/" + strconv.FormatInt(a.ID, 10)
	}
	for _, r := range strings.TrimLeft(p.Name, "@ ") {
		p.Letter = strings.ToUpper(string(r))
		break
	}
	return p
}

// profilePath is the page of an actor on this site.
func (b *Blogs) profilePath(a actors.Actor) string {
	if a.Local {
		return "/@" + a.Handle
	}
	return "/@" + a.Handle + "@" + a.Host
}

// postView is a post as the template shows it, in lists and on its own page.
type postView struct {
	ID, Path string
	Author   personView
	Booster  *personView
	Reply    *personView // whom it answers
	ReplyTo  string      // page of what it answers

	Lang    string // where it is not the page's
	Title   template.HTML
	Article bool
	Warning template.HTML
	Content template.HTML
	Excerpt template.HTML // of an article in a list

	At, EditedAt time.Time
	Edited       bool
	Reach        string // in words, where it is not for everybody
	ReachIcon    string
	Hidden       bool // by a moderator; only its author sees it
	Pinned       bool
	Channel      string // slug of the sphere that passed it on

	Pictures  []pictureView
	Withheld  bool // the pictures, by the rule for their server
	Sensitive bool
	Links     []Link
	Poll      *pollView
	Event     *eventView
	Quote     *quoteView
	Civic     string // the page of the civic poll that it announces

	Original, Host string // where it lives, if not here

	Numbers Numbers
	Reacted []reactedView
	Mine    Mine
	Signed  bool // somebody reads who can do something
	Own     bool
	Boosts  bool // may be passed on
	Quotes  bool // may be quoted
	Pins    bool

	Back  string // where the buttons come back to
	Whole bool   // on its own page: nothing is cut
	Main  bool   // the post that the page is about
}

type pictureView struct {
	Src, Full, Alt string
	Width, Height  int
}

type eventView struct {
	Starts, Ends time.Time
	HasEnd       bool
	Place        string
	Off          bool // cancelled
}

// quoteView is the post that another one quotes; without Href it is not shown.
type quoteView struct {
	Author  personView
	Href    string
	Lang    string
	Warning template.HTML
	Title   template.HTML
	Content template.HTML
	State   string // in words, where it is not shown
}

// pollView is a question in a post.
type pollView struct {
	ID       string
	Legend   string
	Multiple bool
	Options  []web.Choice // to vote with; nil where one can't
	Plain    []string     // the options to read, where there are neither votes nor a form
	Bars     *web.Bars
	Over     bool
	Voted    bool
	When     string
	Note     string
	Errors   web.FormErrors
	Back     string
	Own      bool
}

// showing is what one page needs to know to show posts.
type showing struct {
	*Blogs
	words  *locale.Printer
	reader *actors.Actor
	back   string
	whole  bool
	voices map[int64]bool // channels that the reader speaks for
}

func (b *Blogs) showing(r *http.Request, reader *actors.Actor) showing {
	s := showing{Blogs: b, words: b.site.Printer(r), reader: reader, back: here(r), voices: map[int64]bool{}}
	if v := web.ViewerOf(r); reader != nil && v != nil && len(v.Roles) > 0 {
		list, err := b.voices(r.Context(), Writer{Account: v.AccountID, Staff: true})
		if err != nil {
			// The buttons to change what a channel said are missing; the page stands.
			b.Log.WarnContext(r.Context(), "the channels of a moderator", "err", err)
		}
		for _, a := range list {
			s.voices[a.ID] = true
		}
	}
	return s
}

// entries shows the lines of a timeline.
func (s showing) entries(ctx context.Context, list []Entry) ([]postView, error) {
	posts := make([]*Post, len(list))
	for i, e := range list {
		posts[i] = e.Post
	}
	boosters := make([]int64, 0, len(list))
	for _, e := range list {
		if e.Booster != 0 {
			boosters = append(boosters, e.Booster)
		}
	}
	views, people, err := s.load(ctx, posts, boosters)
	if err != nil {
		return nil, err
	}
	for i, e := range list {
		if a, ok := people[e.Booster]; ok {
			by := s.person(a)
			views[i].Booster = &by
			if a.Kind == actors.Sphere {
				views[i].Channel = a.Handle
			}
		}
	}
	return views, nil
}

// posts shows posts that the reader may see.
func (s showing) posts(ctx context.Context, list []*Post) ([]postView, error) {
	views, _, err := s.load(ctx, list, nil)
	return views, err
}

// load asks the database a few questions for all posts together.
func (s showing) load(ctx context.Context, list []*Post, others []int64) ([]postView, map[int64]actors.Actor, error) {
	if len(list) == 0 {
		return nil, nil, nil
	}
	db := s.DB.Read()
	ids := make([]int64, len(list))
	var parents, quotes = []int64{}, []string{}
	for i, p := range list {
		ids[i] = p.ID
		if p.ReplyTo != 0 {
			parents = append(parents, p.ReplyTo)
		}
		if p.QuoteURI != "" {
			quotes = append(quotes, p.QuoteURI)
		}
	}
	answered, err := s.byIDs(ctx, parents)
	if err != nil {
		return nil, nil, err
	}
	quoted, err := s.byURIs(ctx, quotes)
	if err != nil {
		return nil, nil, err
	}
	people := slices.Clone(others)
	for _, p := range list {
		people = append(people, p.Author)
	}
	for _, p := range answered {
		people = append(people, p.Author)
	}
	for _, p := range quoted {
		people = append(people, p.Author)
	}
	authors, err := s.Book.ByIDs(ctx, db, people)
	if err != nil {
		return nil, nil, err
	}
	numbers, err := s.NumbersOf(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	reacted, err := s.reactedTo(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	mine, err := s.MineOf(ctx, idOf(s.reader), ids)
	if err != nil {
		return nil, nil, err
	}
	views := make([]postView, len(list))
	rules := map[string]string{}
	for i, p := range list {
		rule, err := s.ruleFor(ctx, rules, authors[p.Author])
		if err != nil {
			return nil, nil, err
		}
		v := s.view(p, authors[p.Author], withholds(rule))
		v.Numbers, v.Mine, v.Reacted = numbers[p.ID], mine[p.ID], reacted[p.ID]
		if parent := answered[p.ReplyTo]; parent != nil {
			who := s.person(authors[parent.Author])
			v.Reply, v.ReplyTo = &who, parent.Path()
		}
		if err := s.quote(ctx, p, quoted[p.QuoteURI], authors, rules, &v); err != nil {
			return nil, nil, err
		}
		if poll := p.Card().Poll; poll != nil {
			v.Poll = s.poll(p, poll, v.Mine.Answered)
			v.Poll.Back = s.back
		}
		if s.IsPoll != nil && p.Type == "Question" {
			if page, ok := s.IsPoll(ctx, p.URI); ok {
				v.Civic, v.Poll = page, nil
			}
		}
		views[i] = v
	}
	return views, authors, nil
}

func (b *Blogs) byURIs(ctx context.Context, uris []string) (map[string]*Post, error) {
	found := map[string]*Post{}
	if len(uris) == 0 {
		return found, nil
	}
	var list []*Post
	if err := b.DB.Read().NewRaw("select * from posts where uri in (?)", bun.List(uris)).Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("quoted posts: %w", store.Kind(err))
	}
	for _, p := range list {
		found[p.URI] = p
	}
	return found, nil
}

// view is what a post says by itself; withheld is whether pictures of its server
// are kept back.
func (s showing) view(p *Post, author actors.Actor, withheld bool) postView {
	card := p.Card()
	signs := emojis{post: p.ID}
	if !p.Local && !withheld {
		signs.list = card.Emoji
	}
	own := s.reader != nil && (s.reader.ID == p.Author || s.voices[p.Author])
	v := postView{
		ID: strconv.FormatInt(p.ID, 10), Path: p.Path(), Author: s.person(author),
		Lang: foreign(p.Lang, s.words.Lang()), Title: signs.text(p.Title), Article: p.Type != "Note" && p.Type != "Question" && p.Title != "", Warning: signs.text(p.Summary),
		At: store.Time(p.Published), Edited: p.Edited > 0, EditedAt: store.Time(p.Edited),
		Hidden: p.Hidden, Sensitive: p.Sensitive, Links: card.Links,
		Signed: s.reader != nil, Own: own, Boosts: p.Open(), Pins: own && p.Local && p.Open() && s.reader.ID == p.Author,
		Quotes: p.Open() && (own || card.Quote != "nobody"), Back: s.back, Whole: s.whole,
	}
	v.Reach, v.ReachIcon = s.reach(p.Visibility)
	v.Content = template.HTML(signs.in(string(s.content(p)))) // clean already
	if v.Article {
		v.Warning = "" // it is what the article is about, not a warning
		excerpt := p.Summary
		if excerpt == "" {
			excerpt = markup.Text(p.Content, 300)
		}
		v.Excerpt = signs.text(excerpt)
	}
	v.Withheld = withheld && len(card.Pictures) > 0
	for i, pic := range card.Pictures {
		v.Pictures = append(v.Pictures, picture(p, i, pic))
	}
	if e := card.Event; e != nil {
		v.Event = &eventView{Starts: store.Time(e.Starts), Ends: store.Time(e.Ends), HasEnd: e.Ends > 0, Place: e.Place,
			Off: strings.Contains(strings.ToLower(e.Status), "cancel")}
	}
	if !p.Local {
		v.Original, v.Host = p.URL, author.Host
	}
	return v
}

// content is the text of a post. What came from elsewhere was cleaned when it
// came, and is cleaned once more: rules may have become stricter since.
func (s showing) content(p *Post) template.HTML {
	long := p.Type != "Note" && p.Type != "Question"
	text := p.Content
	if !p.Local {
		text = markup.Sanitise(text, long)
	}
	n := 0
	return template.HTML(markup.Images(text, func(src string) string { // cleaned above, or written by ourselves
		n++
		if strings.HasPrefix(src, s.Base+"/media/") {
			return strings.TrimPrefix(src, s.Base)
		}
		return fmt.Sprintf("/media/proxy/%d/text-%d", p.ID, n-1)
	}))
}

// foreign is a language that the page is not in.
func foreign(lang, page string) string {
	base, _, _ := strings.Cut(lang, "-")
	if base == page {
		return ""
	}
	return lang
}

func (s showing) reach(visibility string) (words, icon string) {
	icons := map[string]string{Unlisted: "eye-off", Followers: "lock", Direct: "mail"}
	if icon = icons[visibility]; icon == "" {
		return "", ""
	}
	return s.words.T("blogs.reach." + visibility), icon
}

func picture(p *Post, i int, pic Picture) pictureView {
	v := pictureView{Alt: pic.Alt, Width: pic.Width, Height: pic.Height}
	if pic.Name != "" {
		v.Full = "/media/" + pic.Name
		v.Src = v.Full + "?size=small"
		return v
	}
	v.Full = fmt.Sprintf("/media/proxy/%d/%d", p.ID, i)
	v.Src = v.Full + "?size=small"
	return v
}

// ruleFor is the rule for somebody's server, asked once a page.
func (s showing) ruleFor(ctx context.Context, known map[string]string, author actors.Actor) (rule string, err error) {
	if author.Local {
		return "", nil
	}
	rule, ok := known[author.Host]
	if !ok {
		if rule, err = s.Book.Rule(ctx, s.DB.Read(), author.Host); err == nil {
			known[author.Host] = rule
		}
	}
	return rule, err
}

// withholds tells whether a rule keeps pictures back.
func withholds(rule string) bool { return rule == "media" || rule == "suspend" }

// quote adds the post that p quotes, if it may be shown, or says why it isn't.
func (s showing) quote(ctx context.Context, p, quoted *Post, authors map[int64]actors.Actor, rules map[string]string, v *postView) error {
	if p.QuoteURI == "" {
		return nil
	}
	v.Quote = &quoteView{State: s.words.T("blogs.quote.gone")}
	switch p.QuoteState {
	case QuoteAllowed:
	case QuoteAsked:
		v.Quote.State = s.words.T("blogs.quote.asked")
		return nil
	default:
		return nil
	}
	if quoted == nil || quoted.Deleted > 0 {
		return nil
	}
	may, err := s.Audience(ctx, s.DB.Read(), quoted, s.reader)
	if err != nil || !may {
		return err
	}
	rule, err := s.ruleFor(ctx, rules, authors[quoted.Author])
	if err != nil {
		return err
	}
	q := s.view(quoted, authors[quoted.Author], withholds(rule))
	*v.Quote = quoteView{Author: q.Author, Href: q.Path, Lang: q.Lang, Warning: q.Warning, Title: q.Title, Content: q.Content}
	if q.Article {
		v.Quote.Content = "<p>" + q.Excerpt + "</p>"
	}
	return nil
}

// poll shows a question: to answer, or with the numbers where they may be told.
func (s showing) poll(p *Post, poll *Poll, answered bool) *pollView {
	now := s.DB.Now()
	own := s.reader != nil && s.reader.ID == p.Author
	v := &pollView{ID: strconv.FormatInt(p.ID, 10), Multiple: poll.Multiple, Over: poll.Over(now), Voted: answered, Own: own}
	v.Legend = s.words.T("blogs.poll.one")
	if poll.Multiple {
		v.Legend = s.words.T("blogs.poll.several")
	}
	ends := store.Time(max(poll.Closes, poll.Closed))
	switch {
	case v.Over:
		v.When = s.words.T("blogs.poll.over", "When", s.words.Date(ends))
	case poll.Closes > 0:
		v.When = s.words.T("blogs.poll.ends", "When", s.words.Relative(ends, now))
	}
	if !p.Local {
		v.Note = s.words.T("blogs.poll.elsewhere", "Host", actors.HostOf(p.URI))
	} else if !v.Over {
		v.Note = s.words.T("blogs.poll.closed-until")
	}
	if s.reader != nil && !v.Over && !answered && !own {
		for i, o := range poll.Options {
			v.Options = append(v.Options, web.Choice{Value: strconv.Itoa(i), Label: o.Name})
		}
		return v
	}
	if v.Bars = s.bars(p, poll, v.Over); v.Bars == nil {
		for _, o := range poll.Options {
			v.Plain = append(v.Plain, o.Name)
		}
		if v.Over && p.Local {
			v.Note = s.words.T("blogs.poll.few")
		}
	}
	return v
}

// bars are the numbers of a question, nil where they are not told: one of ours
// tells them after it is over, one of another server when that server does.
func (s showing) bars(p *Post, poll *Poll, over bool) *web.Bars {
	if p.Local && !over {
		return nil
	}
	sum, rows := 0, make([]web.Bar, len(poll.Options))
	for i, o := range poll.Options {
		if o.Votes == nil {
			return nil
		}
		sum += *o.Votes
		rows[i] = web.Bar{Label: o.Name, Count: *o.Votes}
	}
	base := sum
	if poll.Voters != nil && *poll.Voters > 0 {
		base = *poll.Voters
	}
	key := "blogs.poll.caption.now"
	if over {
		key = "blogs.poll.caption.over"
	}
	bars := web.NewBars(s.words.T(key), s.words.T("blogs.poll.option"), base, rows...)
	bars.Note = s.words.T("blogs.poll.voters", "Count", base)
	return &bars
}
