package peers_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"slices"
	"time"

	"viche/internal/store"
	"viche/modules/blogs"
)

// askAndVote is questions of all three kinds: civic ones, those in a resident's
// post, and those of other servers.
func (m *meeting) askAndVote() {
	m.civic()
	m.residentAsks()
	m.stranger("a Question, one choice, and a resident's vote", false, []int{1})
	m.stranger("a Question, several choices, and a resident's votes", true, []int{0, 2})
}

func (m *meeting) civic() {
	civic := m.net.OpenPoll("kamianske", "city")
	m.settle()
	m.row("civic poll: no numbers while it is open", out, func() error {
		var got struct{ Poll fedifyPoll }
		if err := m.ask("fetch", map[string]any{"poll": civic.URI}, &got); err != nil {
			return err
		}
		return expect(len(got.Poll.Options) == 3 && got.Poll.Voters == nil && got.Poll.Options[0].Count == nil, "Fedify understood %+v", got.Poll)
	})
	m.row("vote in a civic poll, counted apart from residents", in, func() error {
		if err := m.ask("vote", map[string]any{"poll": civic.URI, "choices": []string{"Ні"}}, nil); err != nil {
			return err
		}
		if err := m.town.Polls.Close(m.t.Context(), civic.PollID, "Зразок: запитання втратило зміст", "test"); err != nil {
			return err
		}
		m.settle()
		final, err := m.town.Box.Latest(m.t.Context(), civic.Box())
		if err != nil {
			return err
		}
		if err := expect(final.Verified.Ballots == 0 && final.Guests.Ballots == 1 && final.Guests.Questions[0].Counts[1] == 1, "counted %+v", final); err != nil {
			return err
		}
		var closed struct{ Poll fedifyPoll }
		return m.ask("closed", map[string]any{"poll": civic.URI, "seconds": 8}, &closed)
	})
}

func (m *meeting) residentAsks() {
	var ours *blogs.Post
	m.row("a resident's Question, and its result", out, func() error {
		var err error
		ours, err = m.say(blogs.Draft{Text: "Що садимо?", Poll: &blogs.Poll{
			Options: []blogs.PollOption{{Name: "Дуб"}, {Name: "Липа"}}, Closes: store.Millis(m.net.Now().Add(6 * time.Minute)),
		}})
		if err != nil {
			return err
		}
		a, err := m.arrived("Create", m.mariia.Actor, ours.URI)
		if err != nil {
			return err
		}
		return expect(a.Object.Type == "Question", "Fedify understood %+v", a.Object)
	})
	m.row("vote in a resident's Question", in, func() error {
		// Three votes that differ: numbers that give a single person away are not told.
		for who, choice := range map[string]string{"ivan": "Липа", "olha": "Дуб", "oselia": "Липа"} {
			if err := m.ask("vote", map[string]any{"as": who, "poll": ours.URI, "choices": []string{choice}}, nil); err != nil {
				return err
			}
		}
		m.net.Advance(7 * time.Minute)
		m.settle()
		p, err := m.town.Blogs.ByID(m.t.Context(), m.town.DB.Read(), ours.ID)
		if err != nil {
			return err
		}
		poll := p.Card().Poll
		if err := expect(poll.Closed > 0 && poll.Voters != nil && *poll.Voters == 3 && *poll.Options[1].Votes == 2, "counted %+v", poll); err != nil {
			return err
		}
		var closed struct{ Poll fedifyPoll }
		if err := m.ask("closed", map[string]any{"poll": ours.URI, "seconds": 8}, &closed); err != nil {
			return err
		}
		return expect(*closed.Poll.Options[1].Count == 2, "Fedify understood %+v", closed.Poll)
	})
}

// stranger is a question of the peer's that a resident answers.
func (m *meeting) stranger(title string, several bool, choices []int) {
	var s sent
	names := []string{"Ранок", "День", "Вечір"}
	m.row(title, out, func() error {
		var err error
		if s, err = m.post(map[string]any{"text": "Коли зручно?", "choices": names, "several": several}); err != nil {
			return err
		}
		p, err := m.came(s.ID)
		if err != nil {
			return err
		}
		if err := expect(p.Card().Poll != nil && p.Card().Poll.Multiple == several && len(p.Card().Poll.Options) == 3, "kept %s", p.CardJSON); err != nil {
			return err
		}
		if err := m.town.Blogs.VoteIn(m.t.Context(), m.writer(m.mariia).Actor, p, slices.Clone(choices)); err != nil {
			return err
		}
		for _, i := range choices {
			var a told
			if err := m.ask("votes", map[string]any{"actor": m.mariia.Actor, "poll": s.ID, "choice": names[i]}, &a); err != nil {
				return err
			}
		}
		again := m.town.Blogs.VoteIn(m.t.Context(), m.writer(m.mariia).Actor, p, slices.Clone(choices))
		return expect(errors.Is(again, blogs.ErrAnswered), "a second answer gives %v", again)
	})
	m.row("counts of it (Update Question)", in, func() error {
		if err := m.ask("edit", map[string]any{"post": s.ID, "counts": []int{3, 4, 5}}, nil); err != nil {
			return err
		}
		if err := m.ask("edit", map[string]any{"post": s.ID, "counts": []int{3, 4, 6}}, nil); err != nil {
			return err
		}
		p, err := m.came(s.ID)
		if err != nil {
			return err
		}
		poll := p.Card().Poll
		return errors.Join(
			expect(poll.Voters != nil && *poll.Voters == 13 && *poll.Options[2].Votes == 6, "kept %s", p.CardJSON),
			m.shows(0, "select count(*) from post_revisions where post = ?", p.ID))
	})
}

// picture is a small one.
func picture() io.Reader {
	img := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for i := range 40 {
		img.Set(i, i%30, color.RGBA{G: 200, A: 255})
	}
	var b bytes.Buffer
	_ = png.Encode(&b, img) // into memory, of a picture that can be encoded
	return &b
}
