package federation

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// Usage are the numbers that NodeInfo publishes.
type Usage struct{ Residents, ActiveMonth, ActiveHalfyear, Posts, Comments int }

// link is one line of a WebFinger or NodeInfo answer.
type link struct {
	Rel      string `json:"rel"`
	Type     string `json:"type,omitempty"`
	Href     string `json:"href,omitempty"`
	Template string `json:"template,omitempty"`
}

// webfinger says who a handle, an actor's address or the instance is.
func (c *City) webfinger(w http.ResponseWriter, r *http.Request) {
	resource := r.URL.Query().Get("resource")
	if resource == "" {
		http.Error(w, "resource is missing", http.StatusBadRequest)
		return
	}
	a, err := c.named(r.Context(), resource)
	if err == nil && (a.Suspended || a.Deleted || !a.Local) {
		err = store.ErrNotFound
	}
	if err != nil {
		c.fail(w, err)
		return
	}
	links := []link{
		{Rel: "self", Type: "application/activity+json", Href: a.URI},
		{Rel: "self", Type: ap.ContentType, Href: a.URI},
	}
	if a.URL != "" {
		links = append(links, link{Rel: "http://webfinger.net/rel/profile-page", Type: "text/html", Href: a.URL})
	}
	if a.Kind == actors.Instance {
		// FEP-d556: the server's own actor, found by the server's address.
		links = append(links, link{Rel: ap.ActivityStreams + "#Service", Type: "application/activity+json", Href: a.URI})
	}
	if a.Kind == actors.Resident || a.Kind == actors.Organisation {
		links = append(links, c.intents()...)
	}
	aliases := []string{a.URI}
	if a.URL != "" {
		aliases = append(aliases, a.URL)
	}
	writeJSON(w, "application/jrd+json", map[string]any{
		"subject": "acct:" + a.Handle + "@" + a.Host, "aliases": aliases, "links": links,
	})
}

// named reads the forms a resource may have.
func (c *City) named(ctx context.Context, resource string) (actors.Actor, error) {
	db := c.DB.Read()
	if account, ok := strings.CutPrefix(resource, "acct:"); ok {
		name, host, _ := strings.Cut(strings.TrimPrefix(account, "@"), "@")
		if !c.isOurHost(host) {
			return actors.Actor{}, store.ErrNotFound
		}
		if c.isOurHost(name) {
			return c.Book.Own(ctx, db, actors.Instance)
		}
		return c.Book.ByHandle(ctx, db, name)
	}
	if !c.IsLocal(resource) {
		return actors.Actor{}, store.ErrNotFound
	}
	u, err := url.Parse(resource)
	if err != nil {
		return actors.Actor{}, store.ErrNotFound
	}
	if u.Path == "" || u.Path == "/" {
		return c.Book.Own(ctx, db, actors.Instance)
	}
	if handle, ok := strings.CutPrefix(u.Path, "/@"); ok {
		return c.Book.ByHandle(ctx, db, handle)
	}
	return c.Book.ByURI(ctx, db, bare(resource))
}

// isOurHost takes our host with and without its port.
func (c *City) isOurHost(host string) bool {
	ours := c.Book.Host()
	name, _, _ := strings.Cut(ours, ":")
	return host != "" && (strings.EqualFold(host, ours) || strings.EqualFold(host, name))
}

func (c *City) hostMeta(w http.ResponseWriter, _ *http.Request) {
	type line struct {
		Rel      string `xml:"rel,attr"`
		Type     string `xml:"type,attr"`
		Template string `xml:"template,attr"`
	}
	raw, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"http://docs.oasis-open.org/ns/xri/xrd-1.0 XRD"`
		Link    line     `xml:"Link"`
	}{Link: line{"lrdd", "application/jrd+json", c.Base + "/.well-known/webfinger?resource={uri}"}})
	if err != nil {
		c.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/xrd+xml")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	_, _ = w.Write(append([]byte(xml.Header), raw...)) // a reader who left needs no answer
}

const nodeinfoSchema = "http://nodeinfo.diaspora.software/ns/schema/"

func (c *City) nodeinfoLinks(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, "application/json", map[string]any{"links": []link{
		{Rel: nodeinfoSchema + "2.0", Href: c.Base + "/nodeinfo/2.0"},
		{Rel: nodeinfoSchema + "2.1", Href: c.Base + "/nodeinfo/2.1"},
		// FEP-2677: the server's own actor.
		{Rel: ap.ActivityStreams + "#Application", Type: "application/activity+json", Href: c.Base + "/actor"},
	}})
}

func (c *City) nodeinfo(w http.ResponseWriter, r *http.Request) {
	version := chi.URLParam(r, "version")
	if version != "2.0" && version != "2.1" {
		c.fail(w, store.ErrNotFound)
		return
	}
	var u Usage
	if c.Usage != nil {
		var err error
		if u, err = c.Usage(r.Context()); err != nil {
			c.fail(w, err)
			return
		}
	}
	software := map[string]any{"name": "viche", "version": c.version()}
	writeJSON(w, `application/json; profile="`+nodeinfoSchema+version+`#"`, map[string]any{
		"version": version, "software": software, "protocols": []string{"activitypub"},
		"services":          map[string]any{"inbound": []string{}, "outbound": []string{}},
		"openRegistrations": c.OpenRegistrations,
		"usage": map[string]any{
			"users":      map[string]int{"total": u.Residents, "activeMonth": u.ActiveMonth, "activeHalfyear": u.ActiveHalfyear},
			"localPosts": u.Posts, "localComments": u.Comments,
		},
		"metadata": map[string]any{"nodeName": c.Name, "nodeDescription": c.Description, "feps": feps},
	})
}

// feps are the proposals that we speak; FEDERATION.md says how.
var feps = []string{"044f", "1b12", "2677", "2c59", "3b86", "521a", "5feb", "67ff", "7888", "844e", "8a8e", "8b32", "8fcf", "9967", "b2b8", "c0e0", "d556", "f1d5", "f228"}

func (c *City) version() string {
	if c.Version == "" {
		return "0"
	}
	return c.Version
}

func writeJSON(w http.ResponseWriter, kind string, value any) {
	raw, err := json.Marshal(value)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Access-Control-Allow-Origin", "*")
	_, _ = w.Write(raw) // a reader who left needs no answer
}
