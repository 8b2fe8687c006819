package peers_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"viche/modules/blogs"
	"viche/modules/people"
)

// TestFedifyMatrix goes through all activities in both directions with Fedify 1,
// which signs as draft-cavage has it, and prints what came of it.
func TestFedifyMatrix(t *testing.T) {
	needPeers(t)
	everything(t, fedify1, "Fedify 1.5.9, draft-cavage")
}

// TestFedify2Matrix is the same with Fedify 2, which tries RFC 9421 first.
func TestFedify2Matrix(t *testing.T) {
	needPeers(t)
	everything(t, fedify2, "Fedify 2.3.6, RFC 9421 first")
}

func everything(t *testing.T, version, title string) {
	m := newMeeting(t, version)
	defer m.print(title)
	m.find()
	m.followEachOther()
	m.talk()
	m.react()
	m.keepPrivate()
	m.askAndVote()
	m.gather()
	m.changeTheirMinds()
	m.sign(version)
	m.prove()
	m.rename()
	m.complain()
	m.part()
}

// find is how one side finds the other.
func (m *meeting) find() {
	m.row("WebFinger and actor of a resident", in, func() error {
		var found struct{ ID, Type, Name, SharedInbox string }
		if err := m.ask("lookup", map[string]any{"handle": "@mariia@kamianske.test"}, &found); err != nil {
			return err
		}
		return expect(found.ID == m.mariia.Actor && found.Type == "Person" && found.SharedInbox != "", "found %+v", found)
	})
	m.row("WebFinger and actor of a sphere", in, func() error {
		var found struct{ ID, Type string }
		if err := m.ask("lookup", map[string]any{"handle": "@ecology@kamianske.test"}, &found); err != nil {
			return err
		}
		return expect(found.Type == "Group", "found %+v", found)
	})
	m.row("WebFinger and actor", out, func() error {
		_, a, err := m.town.Blogs.Find(m.t.Context(), m.writer(m.mariia), "@ivan@fedify.test")
		if err != nil {
			return err
		}
		return expect(a.URI == ivan && a.Name == "Іван з іншої мережі", "found %+v", a)
	})
}

// followEachOther is all ways to begin.
func (m *meeting) followEachOther() {
	ctx := m.t.Context()
	follow := func(from, to string) string {
		return fmt.Sprintf("select count(*) from follows f join actors a on a.id = f.follower join actors b on b.id = f.followee where a.uri = '%s' and b.uri = '%s' and f.state = ", from, to)
	}
	m.row("Follow, Accept", in, func() error {
		if err := m.ask("follow", map[string]any{"handle": m.mariia.Actor, "seconds": 10}, nil); err != nil {
			return err
		}
		return m.shows(1, follow(ivan, m.mariia.Actor)+"'accepted'")
	})
	m.row("Follow, Accept", out, func() error {
		if err := m.town.Blogs.Follow(ctx, m.writer(m.mariia).Actor, m.actor(ivan)); err != nil {
			return err
		}
		return m.shows(1, follow(m.mariia.Actor, ivan)+"'accepted'")
	})
	for _, yes := range []bool{false, true} {
		answer := map[bool]string{true: "Accept", false: "Reject"}[yes]
		m.row("Follow of a locked account, "+answer+" by hand", in, func() error {
			var wish sent
			if err := m.ask("follow", map[string]any{"handle": m.petro.Actor, "only": "send"}, &wish); err != nil {
				return err
			}
			if err := m.shows(1, follow(ivan, m.petro.Actor)+"'asked'"); err != nil {
				return err
			}
			if err := m.town.Blogs.AnswerFollow(ctx, m.writer(m.petro).Actor, m.actor(ivan), yes); err != nil {
				return err
			}
			var got struct{ Answer string }
			if err := m.ask("answered", map[string]any{"activity": wish.Activity, "seconds": 6}, &got); err != nil {
				return err
			}
			return expect(got.Answer == answer, "the answer was %s", got.Answer)
		})
		m.row("Follow of a locked account, "+answer+" by hand", out, func() error {
			if err := m.town.Blogs.Follow(ctx, m.writer(m.mariia).Actor, m.actor(olha)); err != nil {
				return err
			}
			if err := m.shows(1, follow(m.mariia.Actor, olha)+"'asked'"); err != nil {
				return err
			}
			if err := m.ask("answer", map[string]any{"follower": m.mariia.Actor, "as": "olha", "yes": yes}, nil); err != nil {
				return err
			}
			if yes {
				return m.shows(1, follow(m.mariia.Actor, olha)+"'accepted'")
			}
			return m.shows(0, strings.TrimSuffix(follow(m.mariia.Actor, olha), " and f.state = "))
		})
	}
}

// talk is posts with all that one may hold, and answers.
func (m *meeting) talk() {
	var ours *blogs.Post
	var theirs sent
	m.row("Create Note: mention, hashtag, warning, contentMap", out, func() error {
		var err error
		if ours, err = m.say(blogs.Draft{Text: "Вітаю, @ivan@fedify.test! Про #довкілля", Warning: "Про сміття", Lang: "uk"}); err != nil {
			return err
		}
		a, err := m.arrived("Create", m.mariia.Actor, ours.URI)
		if err != nil {
			return err
		}
		n := a.Object
		named, tagged := false, false
		for _, tag := range n.Tags {
			named = named || tag.Type == "Mention" && tag.Href == ivan
			tagged = tagged || tag.Type == "Hashtag" && tag.Name == "#довкілля"
		}
		return expect(n.Type == "Note" && n.Summary == "Про сміття" && n.Sensitive != nil && *n.Sensitive && slices.Contains(n.Languages, "uk") &&
			named && tagged && strings.Contains(n.Content, "Вітаю") && slices.Contains(n.Cc, ivan), "Fedify understood %+v", n)
	})
	m.row("Create Note: mention, hashtag, warning, contentMap", in, func() error {
		var err error
		theirs, err = m.post(map[string]any{
			"text": "Доброго дня", "summary": "Обережно", "language": "uk", "hashtag": "Довкілля", "to": []string{m.mariia.Actor},
			"mention": map[string]any{"id": m.mariia.Actor, "name": "@mariia@kamianske.test"},
		})
		if err != nil {
			return err
		}
		p, err := m.came(theirs.ID)
		if err != nil {
			return err
		}
		if err := expect(p.Summary == "Обережно" && p.Sensitive && p.Lang == "uk" && p.Content == "<p>Доброго дня</p>" && p.Visibility == blogs.Public, "kept %+v", p); err != nil {
			return err
		}
		return errors.Join(
			m.shows(1, "select count(*) from post_tags where tag = 'довкілля' and post = ?", p.ID),
			m.shows(1, "select count(*) from notices where kind = 'mention' and actor = ? and post = ?", m.mariia.ActorID, p.ID))
	})
	m.row("Create Note with a picture and its description", out, func() error {
		pic, err := m.town.Blogs.Upload(m.t.Context(), m.writer(m.mariia), picture(), "Дерево на березі")
		if err != nil {
			return err
		}
		p, err := m.say(blogs.Draft{Text: "Світлина", Pictures: []blogs.Picture{pic}})
		if err != nil {
			return err
		}
		a, err := m.arrived("Create", m.mariia.Actor, p.URI)
		if err != nil {
			return err
		}
		list := a.Object.Attachments
		return expect(len(list) == 1 && list[0].Name == "Дерево на березі" && strings.HasPrefix(list[0].MediaType, "image/"), "Fedify understood %+v", list)
	})
	m.row("Create Note with a picture and its description", in, func() error {
		s, err := m.post(map[string]any{"text": "Світлина", "picture": "Міст уночі"})
		if err != nil {
			return err
		}
		p, err := m.came(s.ID)
		if err != nil {
			return err
		}
		pictures := p.Card().Pictures
		return expect(len(pictures) == 1 && pictures[0].Alt == "Міст уночі" && pictures[0].URL == "https://fedify.test/icon.png", "kept %+v", pictures)
	})
	m.row("Article", out, func() error {
		p, err := m.say(blogs.Draft{Article: true, Title: "Звіт за рік", Text: "## Зроблено\n\nБагато."})
		if err != nil {
			return err
		}
		a, err := m.arrived("Create", m.mariia.Actor, p.URI)
		if err != nil {
			return err
		}
		return expect(a.Object.Type == "Article" && a.Object.Name == "Звіт за рік", "Fedify understood %+v", a.Object)
	})
	m.row("answer in a conversation", out, func() error {
		parent, err := m.came(theirs.ID)
		if err != nil {
			return err
		}
		p, err := m.say(blogs.Draft{Text: "Дякую за слова", ReplyTo: parent.ID})
		if err != nil {
			return err
		}
		a, err := m.arrived("Create", m.mariia.Actor, p.URI)
		if err != nil {
			return err
		}
		return expect(a.Object.InReplyTo == theirs.ID && p.Thread == parent.Thread, "Fedify understood %+v", a.Object)
	})
	m.row("answer in a conversation", in, func() error {
		s, err := m.post(map[string]any{"text": "І вам дякую", "inReplyTo": ours.URI, "to": []string{m.mariia.Actor}})
		if err != nil {
			return err
		}
		p, err := m.came(s.ID)
		if err != nil {
			return err
		}
		if err := expect(p.ReplyTo == ours.ID && p.Thread == ours.Thread, "kept under %d in %d", p.ReplyTo, p.Thread); err != nil {
			return err
		}
		// Who answers has to name the author to be noticed, as Mastodon does.
		thread, err := m.town.Blogs.Thread(m.t.Context(), ours, nil, 50)
		if err != nil {
			return err
		}
		return expect(slices.ContainsFunc(thread, func(q *blogs.Post) bool { return q.ID == p.ID }), "the answer is not shown in the conversation")
	})
}

// react is likes, reactions and boosts, and taking them back.
func (m *meeting) react() {
	ctx := m.t.Context()
	ours, err := m.say(blogs.Draft{Text: "Про це можна сперечатися"})
	if err != nil {
		m.t.Fatal(err)
	}
	s, err := m.post(map[string]any{"text": "Про те теж"})
	if err != nil {
		m.t.Fatal(err)
	}
	theirs, err := m.came(s.ID)
	if err != nil {
		m.t.Fatal(err)
	}
	who := m.writer(m.mariia).Actor

	for _, kind := range []string{"Like", "EmojiReact", "Announce"} {
		table := "reactions where post = ? and actor = (select id from actors where uri = '" + ivan + "')"
		content := map[string]any{}
		switch kind {
		case "EmojiReact":
			table, content = table+" and emoji = '🌱'", map[string]any{"content": "🌱"}
		case "Announce":
			table, content = "feed where boost = 1 and post = ? and actor = (select id from actors where uri = '"+ivan+"')", map[string]any{"isPublic": true}
		}
		var done sent
		m.row(kind, in, func() (err error) {
			if done, err = m.act(kind, "ivan", ours.URI, m.mariia.Actor, content); err != nil {
				return err
			}
			return m.shows(1, "select count(*) from "+table, ours.ID)
		})
		m.row("Undo "+kind, in, func() error {
			if err := m.ask("undo", map[string]any{"activity": done.Activity}, nil); err != nil {
				return err
			}
			return m.shows(0, "select count(*) from "+table, ours.ID)
		})
	}
	for _, one := range []struct {
		kind     string
		do, undo func() error
	}{
		{"Like", func() error { return m.town.Blogs.Like(ctx, who, theirs.ID) }, func() error { return m.town.Blogs.Unlike(ctx, who, theirs.ID) }},
		{"Announce", func() error { return m.town.Blogs.Boost(ctx, who, theirs.ID) }, func() error { return m.town.Blogs.Unboost(ctx, who, theirs.ID) }},
	} {
		var done told
		m.row(one.kind, out, func() (err error) {
			if err = one.do(); err != nil {
				return err
			}
			done, err = m.arrived(one.kind, m.mariia.Actor, theirs.URI)
			return err
		})
		m.row("Undo "+one.kind, out, func() error {
			if err := one.undo(); err != nil {
				return err
			}
			a, err := m.arrived("Undo", m.mariia.Actor, done.ID)
			if err != nil {
				return err
			}
			return expect(a.Object != nil && a.Object.Type == one.kind, "Fedify understood %+v", a)
		})
	}
}

// keepPrivate is posts that are not for everybody.
func (m *meeting) keepPrivate() {
	read := func(url, as string) error { return m.ask("read", map[string]any{"url": url, "as": as}, nil) }
	m.row("followers-only post, and its signed GET", in, func() error {
		s, err := m.post(map[string]any{"text": "Лише для читачів", "visibility": "followers"})
		if err != nil {
			return err
		}
		p, err := m.came(s.ID)
		if err != nil {
			return err
		}
		return expect(p.Visibility == blogs.Followers, "kept as %s", p.Visibility)
	})
	m.row("followers-only post, and its signed GET", out, func() error {
		p, err := m.say(blogs.Draft{Text: "Лише для тих, хто читає", Visibility: blogs.Followers})
		if err != nil {
			return err
		}
		a, err := m.arrived("Create", m.mariia.Actor, p.URI)
		if err != nil {
			return err
		}
		if err := expect(!slices.Contains(append(a.Object.To, a.Object.Cc...), public), "addressed to %v, %v", a.Object.To, a.Object.Cc); err != nil {
			return err
		}
		if read(p.URI, "") == nil || read(p.URI, "klub") == nil {
			return errors.New("who does not follow could fetch it")
		}
		return read(p.URI, "ivan")
	})
	m.row("direct post", in, func() error {
		s, err := m.post(map[string]any{"text": "Тільки вам", "visibility": "direct", "to": []string{m.mariia.Actor},
			"mention": map[string]any{"id": m.mariia.Actor, "name": "@mariia@kamianske.test"}})
		if err != nil {
			return err
		}
		p, err := m.came(s.ID)
		if err != nil {
			return err
		}
		petro := m.writer(m.petro).Actor
		may, err := m.town.Blogs.Audience(m.t.Context(), m.town.DB.Read(), p, &petro)
		if err != nil {
			return err
		}
		return expect(p.Visibility == blogs.Direct && !may, "kept as %s, others may read: %v", p.Visibility, may)
	})
	m.row("direct post", out, func() error {
		p, err := m.say(blogs.Draft{Text: "Тільки вам, @ivan@fedify.test", Visibility: blogs.Direct})
		if err != nil {
			return err
		}
		a, err := m.arrived("Create", m.mariia.Actor, p.URI)
		if err != nil {
			return err
		}
		if read(p.URI, "olha") == nil {
			return errors.New("somebody else could fetch it")
		}
		return expect(slices.Equal(a.Object.To, []string{ivan}) && len(a.Object.Cc) == 0, "addressed to %v, %v", a.Object.To, a.Object.Cc)
	})
}

// gather is groups: being a member of one, and passing on what members say.
func (m *meeting) gather() {
	ctx := m.t.Context()
	const sphere = "https://kamianske.test/spheres/ecology"
	m.row("membership in a sphere (Group)", in, func() error {
		return m.ask("follow", map[string]any{"handle": sphere, "seconds": 10}, nil)
	})
	m.row("a sphere passes a post on: Announce and Announce{Create}", out, func() error {
		p, err := m.say(blogs.Draft{Text: "Для сфери довкілля", Sphere: "ecology"})
		if err != nil {
			return err
		}
		a, err := m.arrived("Announce", sphere, p.URI)
		if err != nil {
			return err
		}
		b, err := m.arrived("Announce", sphere, p.URI+"/activity")
		if err != nil {
			return fmt.Errorf("Announce of the Create: %w", err)
		}
		return expect(a.Object != nil && b.Within != nil && b.Within.ID == p.URI, "Fedify understood %+v and %+v", a, b)
	})
	m.row("membership in a Group", out, func() error {
		if err := m.town.Blogs.Follow(ctx, m.writer(m.mariia).Actor, m.actor(klub)); err != nil {
			return err
		}
		return m.shows(1, "select count(*) from follows where state = 'accepted' and followee = (select id from actors where uri = ?)", klub)
	})
	passed := func(id string) error {
		return m.shows(1, `select count(*) from feed f join posts p on p.id = f.post join actors a on a.id = f.actor
			where f.boost = 1 and p.uri = ? and a.uri = ?`, id, klub)
	}
	m.row("a Group passes a post on: Announce", in, func() error {
		s, err := m.post(map[string]any{"as": "olha", "text": "Для клубу", "hold": true})
		if err != nil {
			return err
		}
		if _, err := m.act("Announce", "klub", s.ID, m.mariia.Actor, map[string]any{"isPublic": true}); err != nil {
			return err
		}
		return passed(s.ID)
	})
	m.row("a Group passes an activity on: Announce{Create}", in, func() error {
		s, err := m.post(map[string]any{"as": "olha", "text": "Для клубу ще раз", "hold": true})
		if err != nil {
			return err
		}
		if err := m.ask("relay", map[string]any{"activity": s.Activity, "to": []string{m.mariia.Actor}}, nil); err != nil {
			return err
		}
		return passed(s.ID)
	})
}

// changeTheirMinds is edits and deletions.
func (m *meeting) changeTheirMinds() {
	ctx := m.t.Context()
	var ours *blogs.Post
	m.row("Update Note, with its history", out, func() error {
		var err error
		if ours, err = m.say(blogs.Draft{Text: "Перший стан"}); err != nil {
			return err
		}
		if _, err := m.town.Blogs.Edit(ctx, m.writer(m.mariia), ours.ID, blogs.Draft{Text: "Другий стан"}); err != nil {
			return err
		}
		a, err := m.arrived("Update", m.mariia.Actor, ours.URI)
		if err != nil {
			return err
		}
		return expect(strings.Contains(a.Object.Content, "Другий стан") && a.Object.Updated != "", "Fedify understood %+v", a.Object)
	})
	m.row("Delete (Tombstone)", out, func() error {
		if err := m.town.Blogs.Delete(ctx, m.writer(m.mariia).Actor, ours.ID); err != nil {
			return err
		}
		a, err := m.arrived("Delete", m.mariia.Actor, ours.URI)
		if err != nil {
			return err
		}
		if m.ask("read", map[string]any{"url": ours.URI, "as": "ivan"}, nil) == nil {
			return errors.New("what was deleted is still served as a post")
		}
		return expect(a.Object == nil || a.Object.Type == "Tombstone", "Fedify understood %+v", a.Object)
	})
	var s sent
	m.row("Update Note, with its history", in, func() error {
		var err error
		if s, err = m.post(map[string]any{"text": "Було так"}); err != nil {
			return err
		}
		p, err := m.came(s.ID)
		if err != nil {
			return err
		}
		if err := m.ask("edit", map[string]any{"post": s.ID, "text": "Стало так"}, nil); err != nil {
			return err
		}
		return errors.Join(
			m.shows(1, "select count(*) from posts where id = ? and content = '<p>Стало так</p>' and edited > 0", p.ID),
			m.shows(1, "select count(*) from post_revisions where post = ? and content = '<p>Було так</p>'", p.ID))
	})
	m.row("Delete (Tombstone), and a late Create stays deleted", in, func() error {
		if err := m.ask("remove", map[string]any{"post": s.ID}, nil); err != nil {
			return err
		}
		if err := m.shows(1, "select count(*) from posts where uri = ? and deleted > 0 and content = ''", s.ID); err != nil {
			return err
		}
		if err := m.ask("again", map[string]any{"activity": s.Activity}, nil); err != nil {
			return err
		}
		return m.shows(0, "select count(*) from posts where uri = ? and deleted = 0", s.ID)
	})
	m.row("Delete that comes before its Create", in, func() error {
		s, err := m.post(map[string]any{"text": "Запізнілий допис", "hold": true})
		if err != nil {
			return err
		}
		if err := m.ask("remove", map[string]any{"post": s.ID, "to": []string{m.mariia.Actor}}, nil); err != nil {
			return err
		}
		if err := m.ask("again", map[string]any{"activity": s.Activity}, nil); err != nil {
			return err
		}
		return m.shows(0, "select count(*) from posts where uri = ? and deleted = 0", s.ID)
	})
}

// prove is activities that somebody else delivers, known by their proofs alone.
func (m *meeting) prove() {
	forward := func(text string, spoilt string) (status int, id string, err error) {
		s, err := m.post(map[string]any{"as": "olha", "text": text, "hold": true})
		if err != nil {
			return 0, "", err
		}
		var answer struct{ Status int }
		err = m.ask("forward", map[string]any{"activity": s.Activity, "inbox": "https://kamianske.test/inbox", "spoilt": spoilt}, &answer)
		return answer.Status, s.ID, err
	}
	m.row("object proof (FEP-8b32) of an activity that another delivers", in, func() error {
		status, id, err := forward("Слово Ольги", "")
		if err != nil {
			return err
		}
		if err := expect(status == 202, "answered %d", status); err != nil {
			return err
		}
		return m.shows(1, "select count(*) from posts where uri = ? and content = '<p>Слово Ольги</p>'", id)
	})
	m.row("a proof that does not hold is no proof", in, func() error {
		status, id, err := forward("Ще одне слово", "Ще одне")
		if err != nil {
			return err
		}
		if err := expect(status == 401, "answered %d", status); err != nil {
			return err
		}
		return m.shows(0, "select count(*) from posts where uri = ?", id)
	})
}

// rename is what people say about themselves.
func (m *meeting) rename() {
	m.row("Update of an actor", out, func() error {
		if err := m.town.People.EditProfile(m.t.Context(), m.mariia.Account, people.Shown{Name: "Марія Нова"}); err != nil {
			return err
		}
		m.settle()
		a, err := m.arrived("Update", m.mariia.Actor, m.mariia.Actor)
		if err != nil {
			return err
		}
		return expect(a.Object != nil && a.Object.Name == "Марія Нова", "Fedify understood %+v", a.Object)
	})
	m.row("Update of an actor", in, func() error {
		if err := m.ask("profile", map[string]any{"name": "Іван Новий", "to": []string{m.mariia.Actor}}, nil); err != nil {
			return err
		}
		return m.shows(1, "select count(*) from actors where uri = ? and name = 'Іван Новий'", ivan)
	})
}

// complain is reports and blocks.
func (m *meeting) complain() {
	ctx := m.t.Context()
	ours, err := m.say(blogs.Draft{Text: "Різкий допис"})
	if err != nil {
		m.t.Fatal(err)
	}
	s, err := m.post(map[string]any{"text": "Образливий допис"})
	if err != nil {
		m.t.Fatal(err)
	}
	theirs, err := m.came(s.ID)
	if err != nil {
		m.t.Fatal(err)
	}
	m.row("Flag", in, func() error {
		err := m.ask("act", map[string]any{"type": "Flag", "as": "ivan", "objects": []string{m.mariia.Actor, ours.URI}, "to": []string{m.mariia.Actor}, "content": "Порушує правила"}, nil)
		if err != nil {
			return err
		}
		return m.shows(1, "select count(*) from reports where about = ? and comment = 'Порушує правила'", m.mariia.ActorID)
	})
	m.row("Flag", out, func() error {
		if err := m.town.Blogs.Report(ctx, m.writer(m.mariia), m.actor(ivan), []int64{theirs.ID}, "Ображає", true); err != nil {
			return err
		}
		a, err := m.arrived("Flag", "", theirs.URI)
		if err != nil {
			return err
		}
		return expect(a.Actor == "https://kamianske.test/actor" && a.Content == "Ображає" && slices.Contains(a.Objects, ivan), "Fedify understood %+v", a)
	})
	// Olha, whom mariia follows, blocks her and takes it back.
	var block sent
	m.row("Block", in, func() (err error) {
		if block, err = m.act("Block", "olha", m.mariia.Actor, m.mariia.Actor, nil); err != nil {
			return err
		}
		return errors.Join(
			m.shows(0, "select count(*) from follows where follower = ? and followee = (select id from actors where uri = ?)", m.mariia.ActorID, olha),
			m.shows(1, "select count(*) from shuns where kind = 'block' and other = ? and actor = (select id from actors where uri = ?)", m.mariia.ActorID, olha))
	})
	m.row("Undo Block", in, func() error {
		if err := m.ask("undo", map[string]any{"activity": block.Activity}, nil); err != nil {
			return err
		}
		return m.shows(0, "select count(*) from shuns where kind = 'block' and other = ?", m.mariia.ActorID)
	})
	m.row("Block", out, func() error {
		if err := m.town.Blogs.Block(ctx, m.writer(m.petro).Actor, m.actor(ivan)); err != nil {
			return err
		}
		_, err := m.arrived("Block", m.petro.Actor, ivan)
		return err
	})
	m.row("a blocked account answers and likes in vain", in, func() error {
		p, err := m.town.Blogs.Publish(ctx, m.writer(m.petro), blogs.Draft{Text: "Допис Петра", Visibility: blogs.Public})
		if err != nil {
			return err
		}
		m.settle()
		// Whether it is told so is the city's affair; that it counts for nothing is the point.
		_, _ = m.act("Like", "ivan", p.URI, m.petro.Actor, nil)
		_, _ = m.post(map[string]any{"text": "Відповідь заблокованого", "inReplyTo": p.URI, "to": []string{m.petro.Actor}})
		m.settle()
		return errors.Join(
			m.shows(0, "select count(*) from reactions where post = ?", p.ID),
			m.shows(0, "select count(*) from posts where reply_to = ?", p.ID))
	})
	m.row("Undo Block", out, func() error {
		if err := m.town.Blogs.Unblock(ctx, m.writer(m.petro).Actor, m.actor(ivan)); err != nil {
			return err
		}
		a, err := m.arrived("Undo", m.petro.Actor, ivan)
		if err != nil {
			return err
		}
		return expect(a.Object != nil && a.Object.Type == "Block", "Fedify understood %+v", a)
	})
}

// part is going away: to another server, and from somebody's posts.
func (m *meeting) part() {
	ctx := m.t.Context()
	m.row("Move (alsoKnownAs)", in, func() error {
		if err := m.ask("move", map[string]any{"target": oselia}, nil); err != nil {
			return err
		}
		return errors.Join(
			m.shows(1, "select count(*) from follows f join actors a on a.id = f.followee where f.follower = ? and a.uri = ? and f.state = 'accepted'", m.mariia.ActorID, oselia),
			m.shows(1, "select count(*) from actors where uri = ? and moved_to = ?", ivan, oselia))
	})
	var wish sent
	m.row("Undo Follow", in, func() error {
		if err := m.ask("follow", map[string]any{"handle": m.mariia.Actor, "as": "klub", "seconds": 10}, &wish); err != nil {
			return err
		}
		if err := m.ask("undo", map[string]any{"activity": wish.Activity}, nil); err != nil {
			return err
		}
		return m.shows(0, "select count(*) from follows where followee = ? and follower = (select id from actors where uri = ?)", m.mariia.ActorID, klub)
	})
	m.row("Undo Follow", out, func() error {
		if err := m.town.Blogs.Unfollow(ctx, m.writer(m.mariia).Actor, m.actor(klub)); err != nil {
			return err
		}
		if _, err := m.arrived("Undo", m.mariia.Actor, klub); err != nil {
			return err
		}
		var left []string
		if err := m.ask("followers", map[string]any{"as": "klub"}, &left); err != nil {
			return err
		}
		return expect(!slices.Contains(left, m.mariia.Actor), "still a follower there: %v", left)
	})
	m.row("Move (alsoKnownAs)", out, func() error {
		if err := m.ask("follow", map[string]any{"handle": m.mariia.Actor, "as": "klub", "seconds": 10}, nil); err != nil {
			return err
		}
		if err := m.ask("profile", map[string]any{"as": "oselia", "alias": m.mariia.Actor}, nil); err != nil {
			return err
		}
		if err := m.town.Blogs.MoveTo(ctx, m.writer(m.mariia).Actor, "@oselia@fedify.test"); err != nil {
			return err
		}
		m.settle()
		a, err := m.arrived("Move", m.mariia.Actor, m.mariia.Actor)
		if err != nil {
			return err
		}
		var found struct{ MovedTo string }
		if err := m.ask("lookup", map[string]any{"handle": m.mariia.Actor}, &found); err != nil {
			return err
		}
		return expect(a.Target == oselia && found.MovedTo == oselia, "Fedify understood %+v, and finds %+v", a, found)
	})
}

// sign is how the two know each other by.
func (m *meeting) sign(version string) {
	type seen struct {
		Way, Method, Path, Signature string
		Status                       int
	}
	var wire []seen
	if err := m.ask("wire", nil, &wire); err != nil {
		m.t.Fatal(err)
	}
	signed := func(way, kind string) bool {
		return slices.ContainsFunc(wire, func(s seen) bool {
			return s.Way == way && s.Signature == kind && s.Method == "POST" && s.Status == 202
		})
	}
	if version == fedify1 {
		m.row("signature: draft-cavage", in, func() error { return expect(signed("out", "cavage"), "no such POST was taken") })
	} else {
		m.row("signature: RFC 9421", in, func() error { return expect(signed("out", "rfc9421"), "no such POST was taken") })
	}
	m.row("signature: draft-cavage", out, func() error { return expect(signed("in", "cavage"), "no such POST came") })
	if version == fedify2 {
		m.row("signature: RFC 9421 as the second knock", out, func() error {
			if err := m.ask("refuse", map[string]any{"signature": "cavage"}, nil); err != nil {
				return err
			}
			defer func() { _ = m.ask("refuse", map[string]any{"signature": ""}, nil) }()
			p, err := m.say(blogs.Draft{Text: "Стукаємо двічі"})
			if err != nil {
				return err
			}
			_, err = m.arrived("Create", m.mariia.Actor, p.URI)
			return err
		})
	}
	m.row("object proof (FEP-8b32) of a civic poll", out, func() error {
		p := m.net.OpenPoll("kamianske", "city")
		m.settle()
		var got struct{ Proven bool }
		if err := m.ask("proven", map[string]any{"url": p.URI}, &got); err != nil {
			return err
		}
		return expect(got.Proven, "Fedify does not find the proof to hold")
	})
}
