package blogs_test

import (
	"net/http"
	"strings"
	"testing"

	"viche/internal/citytest"
	"viche/modules/blogs"
)

// TestPinsAndNumbersForOtherServers reads what others ask for: the pinned posts
// of a resident, the moderators of a channel, how much was written, and whether
// it may be found by search.
func TestPinsAndNumbersForOtherServers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		ada, bob := person(t, n, "lviv", "ada"), person(t, n, "kamianske", "bob")
		bob.follows(ada)
		n.Settle()
		p := ada.says(blogs.Draft{Text: "про каштани", Visibility: blogs.Public})
		ada.says(blogs.Draft{Text: "і про липи", Visibility: blogs.Public, ReplyTo: p.ID})
		hidden := ada.says(blogs.Draft{Text: "лише для своїх", Visibility: blogs.Followers})
		ada.must("pin", ada.town.Blogs.Pin(t.Context(), ada.Actor, p.ID))
		if err := ada.town.Blogs.Pin(t.Context(), ada.Actor, hidden.ID); err == nil {
			t.Error("a post for followers is pinned before everybody")
		}
		n.Settle()

		actor := ada.Actor.URI
		for uri, want := range map[string]string{
			actor:                               `"featured":"` + actor + `/featured"`,
			actor + "/featured":                 `"orderedItems":["` + p.URI + `"]`,
			"https://lviv.test/spheres/ecology": `"attributedTo":"https://lviv.test/spheres/ecology/moderators"`,
			"https://lviv.test/spheres/ecology/moderators": `"orderedItems":[]`,
			"https://lviv.test/nodeinfo/2.1":               `"localComments":1,"localPosts":2`,
		} {
			if status, body := get(t, n, uri); status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("%s = %d %s, want %s", uri, status, body, want)
			}
		}
		there := bob.sees(ada)
		pinned, err := bob.town.Blogs.Pinned(t.Context(), there.ID)
		if err != nil || len(pinned) != 1 || pinned[0].URI != p.URI {
			t.Errorf("pinned at the other city = %v, %v", pinned, err)
		}

		if _, body := get(t, n, actor); !strings.Contains(body, `"indexable":false`) {
			t.Error("somebody is indexed unasked")
		}
		page := ada.browses()
		noindex := `<meta name="robots" content="noindex">`
		if _, body := page.Get("/@ada"); !strings.Contains(body, noindex) {
			t.Error("the page of somebody who was not asked is for search engines")
		}
		if status, _ := page.Post("/me/profile", "name", "Ада", "search", "indexable", "lang", "uk"); status != http.StatusOK {
			t.Fatalf("profile = %d", status)
		}
		n.Settle()
		if _, body := get(t, n, actor); !strings.Contains(body, `"indexable":true`) {
			t.Error("the choice is not told")
		}
		if _, body := page.Get("/@ada"); strings.Contains(body, noindex) {
			t.Error("the choice is not kept to")
		}
		if again := bob.sees(ada); !again.Indexable || again.Name != "Ада" {
			t.Errorf("the other city knows %+v; a changed profile is told to followers' servers", again)
		}
	})
}
