package blogs_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"viche/actors"
	"viche/internal/citytest"
	"viche/internal/store"
	"viche/modules/blogs"
)

// each runs f on a network of two cities, on every database there is.
func each(t *testing.T, f func(t *testing.T, n *citytest.Network)) {
	t.Helper()
	for name, o := range citytest.Kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, citytest.Fediverse(t, o, "kamianske", "lviv"))
		})
	}
}

// someone is a resident as blogs know them.
type someone struct {
	*testing.T
	n    *citytest.Network
	town *citytest.Town
	blogs.Writer
}

func person(t *testing.T, n *citytest.Network, town, handle string) someone {
	t.Helper()
	r := n.Resident(town, handle, true)
	w, err := r.Town.Blogs.Writer(t.Context(), r.Account)
	if err != nil {
		t.Fatal(err)
	}
	return someone{t, n, r.Town, w}
}

// sees is another person as one's own city knows them.
func (s someone) sees(other someone) actors.Actor {
	s.Helper()
	a, err := s.town.Federation.Lookup(s.Context(), "@"+other.Actor.Handle+"@"+other.town.Host)
	if err != nil {
		s.Fatalf("%s looks up %s: %v", s.Actor.Handle, other.Actor.Handle, err)
	}
	return a
}

func (s someone) follows(other someone) {
	s.Helper()
	if err := s.town.Blogs.Follow(s.Context(), s.Actor, s.sees(other)); err != nil {
		s.Fatalf("%s follows %s: %v", s.Actor.Handle, other.Actor.Handle, err)
	}
	s.n.Settle()
}

func (s someone) says(d blogs.Draft) *blogs.Post {
	s.Helper()
	if d.Visibility == "" {
		d.Visibility = blogs.Public
	}
	p, err := s.town.Blogs.Publish(s.Context(), s.Writer, d)
	if err != nil {
		s.Fatalf("%s says %q: %v", s.Actor.Handle, d.Text, err)
	}
	s.n.Settle()
	return p
}

// has is a post of another city as one's own has it; nil if it has it not.
func (s someone) has(p *blogs.Post) *blogs.Post {
	s.Helper()
	got, err := s.town.Blogs.ByURI(s.Context(), s.town.DB.Read(), p.URI)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		s.Fatal(err)
	}
	return got
}

func (s someone) must(what string, err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("%s %s: %v", s.Actor.Handle, what, err)
	}
	s.n.Settle()
}

// home is what somebody's home timeline shows, newest first.
func (s someone) home() (texts []string) {
	s.Helper()
	list, err := s.town.Blogs.Home(s.Context(), s.Actor.ID, 0, 40)
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range list {
		texts = append(texts, text(e.Post.Content))
	}
	return texts
}

func text(html string) string {
	return strings.TrimSpace(strings.NewReplacer("<p>", "", "</p>", "").Replace(html))
}

// told counts somebody's notices of a kind.
func (s someone) told(kind string) int {
	s.Helper()
	list, err := s.town.Blogs.Notices(s.Context(), s.town.DB.Read(), s.Actor.ID, 0, 40, kind)
	if err != nil {
		s.Fatal(err)
	}
	return len(list)
}

func (s someone) numbers(p *blogs.Post) blogs.Numbers {
	s.Helper()
	n, err := s.town.Blogs.NumbersOf(s.Context(), []int64{p.ID})
	if err != nil {
		s.Fatal(err)
	}
	return n[p.ID]
}

func TestConversationAcrossCities(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, hanna := person(t, n, "kamianske", "olena"), person(t, n, "lviv", "hanna")
		hanna.follows(olena)
		if got := olena.told(blogs.Followed); got != 1 {
			t.Errorf("olena was told of %d followers, want 1", got)
		}
		post := olena.says(blogs.Draft{Text: "Добрий день, @hanna@lviv.test! #повітря"})
		there := hanna.has(post)
		if there == nil {
			t.Fatal("a follower's city does not have the post")
		}
		if got := hanna.home(); len(got) != 1 || !strings.Contains(got[0], "Добрий день") {
			t.Errorf("hanna's home shows %q, want the one post", got)
		}
		if got := hanna.told(blogs.Mentioned); got != 1 {
			t.Errorf("hanna was told of %d mentions, want 1", got)
		}
		if list, err := hanna.town.Blogs.Tagged(t.Context(), 0, "Повітря", 0, 10); err != nil || len(list) != 1 {
			t.Errorf("the tag finds %d posts (%v), want 1", len(list), err)
		}

		answer := hanna.says(blogs.Draft{Text: "І вам доброго!", ReplyTo: there.ID})
		back := olena.has(answer)
		if back == nil || back.ReplyTo != post.ID || back.Thread != post.Thread {
			t.Fatalf("the answer stands elsewhere: %+v", back)
		}
		if n := olena.numbers(post); n.Replies != 1 {
			t.Errorf("under the post stand %+v, want 1 answer", n)
		}

		// Liking twice is liking once, and an unlike is one.
		for range 2 {
			hanna.must("likes", hanna.town.Blogs.Like(t.Context(), hanna.Actor, there.ID))
		}
		hanna.must("boosts", hanna.town.Blogs.Boost(t.Context(), hanna.Actor, there.ID))
		if n := olena.numbers(post); n.Likes != 1 || n.Boosts != 1 {
			t.Errorf("under the post stand %+v, want 1 like and 1 boost", n)
		}
		if olena.told(blogs.Liked) != 1 || olena.told(blogs.Boosted) != 1 {
			t.Errorf("olena was told of %d likes and %d boosts, want 1 and 1", olena.told(blogs.Liked), olena.told(blogs.Boosted))
		}
		hanna.must("takes the like back", hanna.town.Blogs.Unlike(t.Context(), hanna.Actor, there.ID))
		hanna.must("takes the boost back", hanna.town.Blogs.Unboost(t.Context(), hanna.Actor, there.ID))
		if n := olena.numbers(post); n.Likes != 0 || n.Boosts != 0 {
			t.Errorf("under the post stand %+v, want no like and no boost", n)
		}

		n.Advance(time.Minute)
		if _, err := olena.town.Blogs.Edit(t.Context(), olena.Writer, post.ID, blogs.Draft{Text: "Добрий вечір!", Visibility: blogs.Direct}); err != nil {
			t.Fatal(err)
		}
		n.Settle()
		edited := hanna.has(post)
		if text(edited.Content) != "Добрий вечір!" || edited.Edited == 0 || edited.Visibility != blogs.Public {
			t.Errorf("after the edit the other city has %q, edited %d, %s", edited.Content, edited.Edited, edited.Visibility)
		}
		if list, err := hanna.town.Blogs.Revisions(t.Context(), edited); err != nil || len(list) != 1 || !strings.Contains(list[0].Content, "Добрий день") {
			t.Errorf("its former states are %+v (%v), want the one", list, err)
		}

		olena.must("deletes", olena.town.Blogs.Delete(t.Context(), olena.Actor, post.ID))
		gone := hanna.has(post)
		if gone.Deleted == 0 || gone.Content != "" {
			t.Errorf("after the deletion the other city has %+v", gone)
		}
		if len(hanna.home()) != 0 {
			t.Errorf("hanna's home still shows %q", hanna.home())
		}
		if status, _ := get(t, n, post.URI); status != http.StatusGone {
			t.Errorf("GET of the deleted post = %d, want 410", status)
		}
	})
}

// get asks for an object as another server would, unsigned.
func get(t *testing.T, n *citytest.Network, uri string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/activity+json")
	res, err := n.HTTP().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestWhoSeesWhat(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena := person(t, n, "kamianske", "olena")
		follower, named, stranger := person(t, n, "lviv", "sofiia"), person(t, n, "lviv", "hanna"), person(t, n, "kamianske", "ihor")
		follower.follows(olena)
		for _, c := range []struct {
			visibility                       string
			nobody, stranger, follows, named bool
			lviv                             bool // whether the followers' city has it
		}{
			{blogs.Public, true, true, true, true, true},
			{blogs.Unlisted, true, true, true, true, true},
			{blogs.Followers, false, false, true, true, true},
			{blogs.Direct, false, false, false, true, true},
		} {
			p := olena.says(blogs.Draft{Text: "@hanna@lviv.test " + c.visibility, Visibility: c.visibility})
			there := named.has(p)
			if (there != nil) != c.lviv {
				t.Errorf("%s: the other city has it: %v, want %v", c.visibility, there != nil, c.lviv)
				continue
			}
			for _, one := range []struct {
				who  string
				town *citytest.Town
				post *blogs.Post
				as   *actors.Actor
				want bool
			}{
				{"nobody", olena.town, p, nil, c.nobody}, {"a stranger", olena.town, p, &stranger.Actor, c.stranger}, {"the author", olena.town, p, &olena.Actor, true},
				{"a follower", follower.town, there, &follower.Actor, c.follows}, {"the named one", named.town, there, &named.Actor, c.named}, {"nobody there", named.town, there, nil, c.nobody},
			} {
				got, err := one.town.Blogs.Audience(t.Context(), one.town.DB.Read(), one.post, one.as)
				if err != nil || got != one.want {
					t.Errorf("%s: %s sees it: %v (%v), want %v", c.visibility, one.who, got, err, one.want)
				}
			}
			status, body := get(t, n, p.URI)
			if (status == http.StatusOK) != c.nobody {
				t.Errorf("%s: an unsigned GET = %d", c.visibility, status)
			}
			if !c.nobody {
				if absent, other := get(t, n, "https://kamianske.test/blogs/1"); absent != status || other != body {
					t.Errorf("%s: what may not be seen answers %d %q, what is not there %d %q", c.visibility, status, body, absent, other)
				}
			}
			if err := stranger.town.Blogs.Like(t.Context(), stranger.Actor, p.ID); (err == nil) != c.stranger {
				t.Errorf("%s: a stranger's like: %v", c.visibility, err)
			}
		}
	})
}

func TestBlockCutsBothWays(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, bohdan := person(t, n, "kamianske", "olena"), person(t, n, "lviv", "bohdan")
		bohdan.follows(olena)
		olena.follows(bohdan)
		before := olena.says(blogs.Draft{Text: "до"})
		olena.must("blocks", olena.town.Blogs.Block(t.Context(), olena.Actor, olena.sees(bohdan)))
		after := olena.says(blogs.Draft{Text: "після"})
		if bohdan.has(after) != nil {
			t.Error("the blocked one still gets posts")
		}
		if _, err := bohdan.town.Blogs.Publish(t.Context(), bohdan.Writer, blogs.Draft{Text: "відповідь", Visibility: blogs.Public, ReplyTo: bohdan.has(before).ID}); err == nil {
			n.Settle()
			if got := olena.numbers(before).Replies; got != 0 {
				t.Errorf("an answer of the blocked one was taken: %d", got)
			}
		}
		if got := olena.told(blogs.Mentioned); got != 0 {
			t.Errorf("olena was told %d times of what the blocked one says", got)
		}
		olena.must("unblocks", olena.town.Blogs.Unblock(t.Context(), olena.Actor, olena.sees(bohdan)))
		bohdan.follows(olena)
		if again := olena.says(blogs.Draft{Text: "знову"}); bohdan.has(again) == nil {
			t.Error("after the block was taken back, following does not work")
		}
	})
}

func TestQuestionInAPostTellsNothingBeforeItsEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, hanna := person(t, n, "kamianske", "olena"), person(t, n, "lviv", "hanna")
		hanna.follows(olena)
		post := olena.says(blogs.Draft{Text: "О котрій?", Poll: &blogs.Poll{
			Closes: store.Millis(n.Now().Add(24 * time.Hour)), Options: []blogs.PollOption{{Name: "о 9:00"}, {Name: "об 11:00"}},
		}})
		_, before := get(t, n, post.URI)
		here := make([]someone, 12)
		for i := range here {
			here[i] = person(t, n, "kamianske", "mesh"+string(rune('a'+i)))
			if err := here[i].town.Blogs.VoteIn(t.Context(), here[i].Actor, post, []int{i % 2}); err != nil {
				t.Fatal(err)
			}
		}
		there := hanna.has(post)
		hanna.must("votes", hanna.town.Blogs.VoteIn(t.Context(), hanna.Actor, there, []int{1}))
		if err := hanna.town.Blogs.VoteIn(t.Context(), hanna.Actor, there, []int{0}); !errors.Is(err, blogs.ErrAnswered) {
			t.Errorf("a second vote: %v, want ErrAnswered", err)
		}
		if err := olena.town.Blogs.VoteIn(t.Context(), olena.Actor, post, []int{0}); !errors.Is(err, store.ErrDenied) {
			t.Errorf("the author's own vote: %v, want ErrDenied", err)
		}
		if _, after := get(t, n, post.URI); after != before {
			t.Errorf("votes change the object of an open question:\n%s\n%s", before, after)
		}
		n.Advance(25 * time.Hour)
		n.Settle()
		for _, s := range []someone{olena, hanna} {
			poll := s.has(post).Card().Poll
			if poll.Closed == 0 || poll.Options[0].Votes == nil || *poll.Options[0].Votes != 6 || *poll.Options[1].Votes != 7 || *poll.Voters != 13 {
				t.Errorf("%s has the closed question as %+v", s.town.Host, poll)
			}
			if got := s.told(blogs.PollOver); got != 1 {
				t.Errorf("%s was told %d times that it is over, want 1", s.Actor.Handle, got)
			}
		}
	})
}

func TestQuoteNeedsLeave(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, hanna := person(t, n, "kamianske", "olena"), person(t, n, "lviv", "hanna")
		hanna.follows(olena)
		olena.follows(hanna)
		open := olena.says(blogs.Draft{Text: "цитуйте"})
		shut := olena.says(blogs.Draft{Text: "не цитуйте", Quotable: "nobody"})
		yes := hanna.says(blogs.Draft{Text: "як сказано", Quote: hanna.has(open).ID})
		no := hanna.says(blogs.Draft{Text: "усе ж", Quote: hanna.has(shut).ID})
		if got := hanna.has(yes).QuoteState; got != blogs.QuoteAllowed {
			t.Errorf("the allowed quote is %q", got)
		}
		if got := hanna.has(no).QuoteState; got != blogs.QuoteRefused {
			t.Errorf("the forbidden quote is %q", got)
		}
		if got := olena.has(yes); got == nil || got.QuoteState != blogs.QuoteAllowed {
			t.Errorf("the quoted one's city has the quote as %+v", got)
		}
		olena.must("revokes", olena.town.Blogs.RevokeQuote(t.Context(), olena.Actor, open.ID, yes.URI))
		if got := hanna.has(yes).QuoteState; got != blogs.QuoteRevoked {
			t.Errorf("after the leave was taken back the quote is %q", got)
		}
	})
}
