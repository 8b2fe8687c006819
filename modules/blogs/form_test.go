package blogs_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"viche/internal/citytest"
	"viche/internal/media"
	"viche/modules/blogs"
)

var onceField = regexp.MustCompile(`name="once" value="([^"]+)"`)

func (b *browser) token(path string) string {
	b.T.Helper()
	_, page := b.Get(path)
	found := onceField.FindStringSubmatch(page)
	if found == nil {
		b.T.Fatalf("%s has no token\n%s", path, citytest.MainOf(page))
	}
	return found[1]
}

func (s someone) written() (n int) {
	s.Helper()
	s.must("count posts", s.town.DB.Read().NewRaw("select count(*) from posts where author = ? and deleted = 0", s.Actor.ID).Scan(s.Context(), &n))
	return n
}

func TestPressingTwicePublishesOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena := person(t, n, "kamianske", "olena")
		b := olena.browses()
		long, short := b.token("/blogs/new"), b.token("/home")
		if long == short {
			t.Error("two forms have one token")
		}
		fields := map[string]string{"do": "publish", "once": long, "text": "Двічі натиснуто", "visibility": "public", "sphere": ""}
		_, first := b.upload("/blogs", fields, square())
		status, second := b.upload("/blogs", fields, square())
		if got := olena.written(); got != 1 || status != http.StatusOK {
			t.Errorf("pressed twice: %d posts, status %d, want 1 and the first post's page", got, status)
		}
		article := regexp.MustCompile(`<article class="post post-main" id="post-\d+"`)
		if one, other := article.FindString(first), article.FindString(second); one == "" || one != other {
			t.Errorf("the second press leads to %q, the first to %q", other, one)
		}
		// At the same time.
		var both sync.WaitGroup
		for range 4 {
			both.Go(func() {
				b.Post("/blogs", "do", "publish", "once", short, "text", "Разом", "visibility", "public")
			})
		}
		both.Wait()
		if got := olena.written(); got != 2 {
			t.Errorf("pressed four times at once: %d posts, want 1 more than 1", got)
		}
		// Whoever goes back and writes something else wants that published too.
		b.Post("/blogs", "do", "publish", "once", short, "text", "Інше", "visibility", "public")
		if got := olena.written(); got != 3 {
			t.Errorf("other words by the same form: %d posts, want 3", got)
		}
		// Another person's token means nothing.
		ivan := person(t, n, "kamianske", "ivan")
		ivan.browses().Post("/blogs", "do", "publish", "once", short, "text", "Інше", "visibility", "public")
		if got := ivan.written(); got != 1 {
			t.Errorf("the same token of another one: %d posts, want 1", got)
		}
		for range 2 {
			b.Post("/blogs", "do", "draft", "once", long, "text", "Чернетка", "visibility", "public")
		}
		var drafts int
		olena.must("count drafts", olena.town.DB.Read().NewRaw("select count(*) from drafts").Scan(t.Context(), &drafts))
		if drafts != 1 {
			t.Errorf("kept twice: %d drafts, want 1", drafts)
		}
	})
}

func TestTooLargePicturesKeepTheText(t *testing.T) {
	t.Parallel()
	n := citytest.Fediverse(t, citytest.Options{}, "kamianske")
	b := person(t, n, "kamianske", "olena").browses()
	large := append(square(), make([]byte, media.MaxBytes)...)
	fields := map[string]string{"do": "publish", "text": "Довгий опис лавки", "visibility": "public", "newalt": "Лавка"}
	status, page := b.upload("/blogs", fields, large, square())
	if status != http.StatusUnprocessableEntity {
		t.Errorf("a picture of more than 16 MB = %d, want 422", status)
	}
	b.holds("a picture that is too large", page, "до 16 МБ", "Довгий опис лавки</textarea>", `name="picture"`)

	// More than all together may be: what came before it is kept.
	head := "--edge\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nДовгий опис лавки\r\n" +
		"--edge\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.png\"\r\n\r\n"
	endless := io.LimitReader(zeros{}, (blogs.MaxPictures+2)*media.MaxBytes)
	status, page = b.Read(b.Client.Post(b.Base+"/blogs", "multipart/form-data; boundary=edge", io.MultiReader(strings.NewReader(head), endless)))
	if status != http.StatusUnprocessableEntity {
		t.Errorf("a form that is too large = %d, want 422", status)
	}
	b.holds("a form that is too large", page, "Довгий опис лавки</textarea>")

	nine := make([][]byte, blogs.MaxPictures+1)
	for i := range nine {
		nine[i] = square()
	}
	status, page = b.upload("/blogs", fields, nine...)
	if status != http.StatusUnprocessableEntity || strings.Count(page, `name="picture"`) != blogs.MaxPictures {
		t.Errorf("nine pictures = %d with %d kept, want 422 with 8", status, strings.Count(page, `name="picture"`))
	}
}

// zeros is a file without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (b *browser) object(path string) (*http.Response, string) {
	b.T.Helper()
	ask, err := http.NewRequest(http.MethodGet, b.Base+path, nil)
	if err != nil {
		b.T.Fatal(err)
	}
	ask.Header.Set("Accept", "application/activity+json")
	client := *b.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(ask)
	_, body := b.Read(res, err)
	return res, body
}

func TestObjectOfAPostByItsAddress(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, hanna := person(t, n, "kamianske", "olena"), person(t, n, "lviv", "hanna")
		hanna.follows(olena)
		nobody, there := stranger(t, n, "kamianske"), stranger(t, n, "lviv")
		open := olena.says(blogs.Draft{Text: "Для всіх", Visibility: blogs.Public})
		closed := olena.says(blogs.Draft{Text: "Для своїх", Visibility: blogs.Followers})

		res, body := nobody.object(open.Path())
		if res.StatusCode != 200 || !strings.Contains(res.Header.Get("Content-Type"), "activitystreams") || !strings.Contains(body, `"`+open.URI+`"`) {
			t.Errorf("the object of an open post = %d %s\n%s", res.StatusCode, res.Header.Get("Content-Type"), body)
		}
		res, _ = there.object(hanna.has(open).Path())
		if got := res.Header.Get("Location"); res.StatusCode != http.StatusFound || got != open.URI {
			t.Errorf("the object of another server = %d to %q, want 302 to %s", res.StatusCode, got, open.URI)
		}
		missing, nothing := nobody.object("/blogs/1")
		for what, of := range map[string]struct {
			b    *browser
			path string
		}{"here": {nobody, closed.Path()}, "from elsewhere": {there, hanna.has(closed).Path()}} {
			res, body := of.b.object(of.path)
			same := func(s, path string) string {
				s = strings.ReplaceAll(s, path, "")
				return regexp.MustCompile(`[A-Z2-7]{8,}|kamianske|lviv|Кам’янське|Львів`).ReplaceAllString(s, "")
			}
			if res.StatusCode != 404 || res.Header.Get("Content-Type") != missing.Header.Get("Content-Type") || same(body, of.path) != same(nothing, "/blogs/1") {
				t.Errorf("a private post %s = %d %s\n%s\nwant as what is missing: %d\n%s", what, res.StatusCode, res.Header.Get("Content-Type"), body, missing.StatusCode, nothing)
			}
		}
	})
}
