package citytest

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Browser is one person at one city, with cookies and without JavaScript.
type Browser struct {
	T      testing.TB
	Base   string
	Client *http.Client
}

// Browser opens a city's site as somebody who is not signed in.
func (n *Network) Browser(t testing.TB, town string) *Browser {
	return &Browser{t, "https://" + n.Town(town).Host, n.HTTP()}
}

// SignIn signs in whom Resident added, by their handle.
func (b *Browser) SignIn(handle string) {
	b.T.Helper()
	status, page := b.Post("/sign-in", "email", handle+"@mail.test", "password", Password, "next", "/charter")
	if status != http.StatusOK || !strings.Contains(page, "/sign-out") {
		b.T.Fatalf("sign in %s: %d\n%s", handle, status, page)
	}
}

// Get opens a page.
func (b *Browser) Get(path string) (int, string) {
	b.T.Helper()
	return b.Read(b.Client.Get(b.Base + path))
}

// Post sends a form of names and values.
func (b *Browser) Post(path string, pairs ...string) (int, string) {
	b.T.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.Read(b.Client.PostForm(b.Base+path, form))
}

// Read reads an answer to its end.
func (b *Browser) Read(res *http.Response, err error) (int, string) {
	b.T.Helper()
	if err != nil {
		b.T.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.T.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// MainOf is the part of a page without its frame.
func MainOf(page string) string {
	if at := strings.Index(page, "<main"); at >= 0 {
		page = page[at:]
	}
	if at := strings.Index(page, "</main>"); at >= 0 {
		page = page[:at]
	}
	return page
}
