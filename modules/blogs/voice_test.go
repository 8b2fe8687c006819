package blogs_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"viche/internal/citytest"
	"viche/internal/store"
	"viche/modules/blogs"
)

// moderates gives somebody a role; scope "" is for the whole city.
func (s someone) moderates(scope string) someone {
	s.Helper()
	s.must("give a role", s.town.DB.Write(s.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "insert into roles (account, role, scope) values (?, 'moderator', ?)", s.Account, scope)
		return err
	}))
	w, err := s.town.Blogs.Writer(s.Context(), s.Account)
	s.must("read the role", err)
	s.Writer = w
	return s
}

func TestStaffWritesInTheNameOfTheCity(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, ivan, maria := person(t, n, "kamianske", "olena").moderates(""), person(t, n, "kamianske", "ivan").moderates("ecology"), person(t, n, "kamianske", "maria")
		b := olena.browses()
		b.shows("/blogs/new?as=city", 200, []string{"Від кого", `value="city" selected`, `value="ecology"`}, []string{"From whom"})
		if _, page := maria.browses().Get("/blogs/new"); strings.Contains(page, `name="as"`) {
			t.Error("somebody without a role is offered another name")
		}
		if _, page := ivan.browses().Get("/blogs/new"); strings.Contains(page, `value="city"`) || !strings.Contains(page, `<option value="ecology"`) {
			t.Error("whoever moderates one sphere is not offered that alone")
		}
		status, page := b.upload("/blogs", map[string]string{"do": "publish", "as": "city", "text": "Воду буде вимкнено", "visibility": "public"}, square())
		if status != 200 || !strings.Contains(page, `href="/@city"`) || !strings.Contains(page, "/media/") {
			t.Errorf("the city's post = %d\n%s", status, citytest.MainOf(page))
		}
		page = stranger(t, n, "kamianske").shows("/@city", 200, []string{"Воду буде вимкнено", "Новини громади"}, []string{"Follow"})
		b.holds("a stranger's page of the city", page, "/interact?act=follow")
		b.holds("the city's page for a moderator", second(b.Get("/@city")), "Воду буде вимкнено", "/blogs/new?as=city", "/edit")
		var id int64
		olena.must("find the post", olena.town.DB.Read().NewRaw("select p.id from posts p join actors a on a.id = p.author where a.kind = 'news'").Scan(t.Context(), &id))
		p, err := olena.town.Blogs.ByID(t.Context(), olena.town.DB.Read(), id)
		olena.must("read the post", err)
		if status, _ := maria.browses().Post(p.Path()+"/edit", "text", "Неправда"); status != http.StatusNotFound {
			t.Errorf("somebody without a role edits the city's post = %d, want 404", status)
		}
		status, page = b.Post(p.Path()+"/edit", "text", "Воду ввімкнено", "lang", "uk")
		if status != 200 || !strings.Contains(page, "Воду ввімкнено") {
			t.Errorf("edit the city's post = %d\n%s", status, citytest.MainOf(page))
		}
		for who, w := range map[string]blogs.Writer{"maria": maria.Writer, "ivan": ivan.Writer} {
			if _, err := olena.town.Blogs.Publish(t.Context(), w, blogs.Draft{Text: "Неправда", Visibility: blogs.Public, As: "city"}); !errors.Is(err, store.ErrDenied) {
				t.Errorf("%s writes as the city: %v, want %v", who, err, store.ErrDenied)
			}
		}
		if _, err := olena.town.Blogs.Publish(t.Context(), ivan.Writer, blogs.Draft{Text: "Повітря", Visibility: blogs.Public, As: "ecology"}); err != nil {
			t.Errorf("write as one's own sphere: %v", err)
		}
	})
}
