package wire_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-fed/httpsig"

	"viche/internal/citytest"
	"viche/internal/store"
	"viche/modules/blogs"
)

const here = "https://kamianske.test"

// TestEveryActivityHasItsEffect plays each server's recorded inbox to a city in
// that server's place. Hosts get names that the test's network knows, and each
// activity is signed anew, for its bytes are no longer those that were signed;
// that the recorded signatures hold is shown beside the inbox's own rules.
func TestEveryActivityHasItsEffect(t *testing.T) {
	for _, folder := range folders(t) {
		for receiver, list := range posts(t, folder) {
			t.Run(filepath.Base(folder)+" to "+receiver, func(t *testing.T) {
				r := newReplay(t, folder, receiver)
				for _, c := range list {
					effect, err := r.play(c)
					if err != nil {
						t.Errorf("%s: %v", c.file, err)
						continue
					}
					t.Logf("%-58s %s", c.file, effect)
				}
			})
		}
	}
}

// A replay is a city that takes the place of one recorded server, among stubs
// of the others.
type replay struct {
	t        *testing.T
	net      *citytest.Network
	town     *citytest.Town
	receiver string
	key      *rsa.PrivateKey
	actors   map[string]map[string]any // documents of the peers by id, as recorded
	people   map[string]citytest.Resident
	reader   citytest.Resident
	ours     map[string]*blogs.Post // recorded posts of the receiver, by id, as posts of the city
	client   *http.Client
}

func newReplay(t *testing.T, folder, receiver string) *replay {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	n := citytest.Fediverse(t, citytest.Options{}, "kamianske")
	r := &replay{
		t: t, net: n, town: n.Town("kamianske"), receiver: receiver, key: key, actors: map[string]map[string]any{},
		people: map[string]citytest.Resident{}, ours: map[string]*blogs.Post{}, client: n.HTTP(),
	}
	r.reader = n.Resident("kamianske", "chytach", true)
	r.recorded(folder)
	r.serve()
	return r
}

var peerHost = regexp.MustCompile(`https?://([a-z0-9-]+)\.peers\.test`)

// renamed writes recorded text with the hosts that the test's network knows.
func renamed(text []byte) []byte { return peerHost.ReplaceAll(text, []byte("https://$1.test")) }

// recorded gathers the actors that the captured answers describe. Of some only
// the key was asked for; such a one gets the least that an actor needs.
func (r *replay) recorded(folder string) {
	files, err := filepath.Glob(filepath.Join(folder, "*.http"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			r.t.Fatal(err)
		}
		_, answer, ok := strings.Cut(string(text), "\n---- response ----")
		start := strings.Index(answer, "\n{")
		if !ok || start < 0 {
			continue
		}
		var doc map[string]any
		if err := json.NewDecoder(bytes.NewReader(renamed([]byte(answer[start:])))).Decode(&doc); err != nil {
			continue // an answer that is no JSON
		}
		if doc["publicKey"] == nil {
			continue
		}
		id, _ := doc["id"].(string)
		if _, known := r.actors[id]; known && doc["inbox"] == nil {
			continue
		}
		if doc["inbox"] == nil {
			doc["inbox"] = id + "/inbox"
		}
		r.actors[id] = r.withKey(doc)
	}
}

// withKey is an actor's document with the test's key in place of its own.
func (r *replay) withKey(doc map[string]any) map[string]any {
	der, err := x509.MarshalPKIXPublicKey(r.key.Public())
	if err != nil {
		r.t.Fatal(err)
	}
	key, _ := doc["publicKey"].(map[string]any)
	key["publicKeyPem"] = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	return doc
}

// serve lets the city reach all peers, which only tell who their people are.
func (r *replay) serve() {
	_, certFile, keyFile := r.net.Certificates()
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		r.t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		address := "https://" + q.Host + q.URL.Path
		for id, doc := range r.actors {
			if address == id || address == keyOf(doc) {
				w.Header().Set("Content-Type", "application/activity+json")
				_ = json.NewEncoder(w).Encode(doc)
				return
			}
		}
		if q.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted) // an Accept of ours
			return
		}
		http.NotFound(w, q)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.StartTLS()
	r.t.Cleanup(server.Close)
	for _, host := range []string{"gts-a", "gts-b", "gts-h", "fedify", "snac"} {
		r.net.Meet(host+".test", server.Listener.Addr().String())
	}
}

func keyOf(doc map[string]any) string {
	key, _ := doc["publicKey"].(map[string]any)
	id, _ := key["id"].(string)
	return id
}

// said is as much of a recorded activity as the test looks at.
type said struct {
	ID, Type, Actor string
	Object          json.RawMessage
}

type spoken struct {
	ID, Type, Actor, Object, InReplyTo, Name, Content string
	OneOf                                             []struct {
		Name    string
		Replies struct{ TotalItems int }
	}
}

func (s said) object() (o spoken) {
	if json.Unmarshal(s.Object, &o.ID) != nil {
		_ = json.Unmarshal(s.Object, &o) // a text was read above, so this is an object
	}
	return o
}

// play sends one activity and tells what it did.
func (r *replay) play(c capture) (effect string, err error) {
	body := renamed(c.body)
	var a said
	if err := json.Unmarshal(body, &a); err != nil {
		return "", err
	}
	// What a server sends to itself is played as if a stranger heard it.
	host := strings.TrimSuffix(r.receiver, ".peers.test") + ".test"
	if u, err := url.Parse(a.Actor); err != nil || u.Host != host {
		body = r.inOurPlace(body, host)
		if err := json.Unmarshal(body, &a); err != nil {
			return "", err
		}
	}
	if r.actors[a.Actor] == nil {
		return "", fmt.Errorf("%s is not in the capture", a.Actor)
	}
	if err := r.prepare(a); err != nil {
		return "", err
	}
	if body, err = r.withOurPosts(body); err != nil {
		return "", err
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return "", err
	}
	if err := r.send(a, body); err != nil {
		return "", err
	}
	r.net.Settle()
	return r.effect(a)
}

// inOurPlace writes the receiver's people as residents of the city.
func (r *replay) inOurPlace(body []byte, host string) []byte {
	people := "https://" + host + "/users/"
	if host == "snac.test" {
		people = "https://snac.test/" // its people stand at the root
	}
	body = bytes.ReplaceAll(body, []byte(people), []byte(here+"/users/"))
	for _, m := range regexp.MustCompile(regexp.QuoteMeta(here)+`/users/([a-z0-9]+)`).FindAllSubmatch(body, -1) {
		r.resident(string(m[1]))
	}
	return body
}

func (r *replay) resident(handle string) citytest.Resident {
	if _, known := r.people[handle]; !known {
		r.people[handle] = r.net.Resident("kamianske", handle, true)
	}
	return r.people[handle]
}

var ourPost = regexp.MustCompile(regexp.QuoteMeta(here) + `/users/([a-z0-9]+)/(?:statuses|p)/([A-Za-z0-9.]+)`)

// prepare makes what the activity takes for granted: a follow that it answers,
// a post that it is about, a reader who follows its author.
func (r *replay) prepare(a said) error {
	ctx := r.t.Context()
	author, err := r.town.Federation.Actor(ctx, a.Actor)
	if err != nil {
		return err
	}
	o := a.object()
	if m := ourPost.FindStringSubmatch(o.InReplyTo + " " + o.ID); m != nil && r.ours[m[0]] == nil && strings.HasPrefix(o.InReplyTo+o.ID, m[0]) {
		draft := blogs.Draft{Text: "Допис, про який мова", Visibility: blogs.Public}
		if o.Name != "" {
			draft.Poll = &blogs.Poll{Options: []blogs.PollOption{{Name: o.Name}, {Name: "Інше"}}, Closes: store.Millis(r.net.Now().Add(time.Hour))}
		}
		w, err := r.town.Blogs.Writer(ctx, r.resident(m[1]).Account)
		if err != nil {
			return err
		}
		if r.ours[m[0]], err = r.town.Blogs.Publish(ctx, w, draft); err != nil {
			return err
		}
	}
	return r.town.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		switch a.Type {
		case "Accept":
			who := r.people[strings.TrimPrefix(ourPerson.FindString(o.ID+" "+o.Actor), here+"/users/")]
			follower, err := r.town.Book.ByID(ctx, tx, who.ActorID)
			if err != nil {
				return fmt.Errorf("whose follow %s is: %w", o.ID, err)
			}
			author.Open = false // it answers by itself
			_, err = r.town.Book.Follow(ctx, tx, o.ID, follower, author)
			return err
		case "Create":
			_, err := tx.Exec(ctx, "insert into follows (id, uri, follower, followee, state, created) values (?, ?, ?, ?, 'accepted', ?) on conflict do nothing",
				store.NewID(), here+"/follows/"+fmt.Sprint(author.ID), r.reader.ActorID, author.ID, store.Millis(tx.Now))
			return err
		}
		return nil
	})
}

var ourPerson = regexp.MustCompile(regexp.QuoteMeta(here) + `/users/[a-z0-9]+`)

// withOurPosts writes the city's posts in place of the receiver's.
func (r *replay) withOurPosts(body []byte) ([]byte, error) {
	for id, p := range r.ours {
		body = bytes.ReplaceAll(body, []byte(`"`+id+`"`), []byte(`"`+p.URI+`"`))
	}
	if !json.Valid(body) {
		return nil, errors.New("renamed into what is no JSON")
	}
	return body, nil
}

func (r *replay) send(a said, body []byte) error {
	q, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, here+"/inbox", bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`)
	q.Header.Set("Date", r.net.Now().UTC().Format(http.TimeFormat))
	q.Header.Set("Host", q.URL.Host)
	signer, _, err := httpsig.NewSigner([]httpsig.Algorithm{httpsig.RSA_SHA256}, httpsig.DigestSha256,
		[]string{httpsig.RequestTarget, "host", "date", "digest"}, httpsig.Signature, 0)
	if err != nil {
		return err
	}
	if err := signer.SignRequest(r.key, keyOf(r.actors[a.Actor]), q, body); err != nil {
		return err
	}
	answer, err := r.client.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("answered %d", answer.StatusCode)
	}
	return nil
}

// effect looks for what an activity of its kind must have done.
func (r *replay) effect(a said) (string, error) {
	o := a.object()
	by := "(select id from actors where uri = '" + a.Actor + "')"
	switch {
	case a.Type == "Follow":
		return r.one("follows: accepted", "select count(*) from follows where uri = ? and follower = "+by+" and state = 'accepted'", a.ID)
	case a.Type == "Accept":
		return r.one("follows: our resident's is accepted", "select count(*) from follows where uri = ? and followee = "+by+" and state = 'accepted'", o.ID)
	case a.Type == "Undo":
		return r.none("follows: gone", "select count(*) from follows where uri = ? or follower = "+by, o.ID)
	case a.Type == "Like":
		return r.one("reactions: a like", "select count(*) from reactions r join posts p on p.id = r.post where p.uri = ? and r.emoji = '' and r.actor = "+by, o.ID)
	case a.Type == "Announce":
		return r.one("feed: a boost", "select count(*) from feed f join posts p on p.id = f.post where p.uri = ? and f.boost = 1 and f.actor = "+by, o.ID)
	case a.Type == "Delete":
		return r.one("posts: deleted, empty", "select count(*) from posts where uri = ? and deleted > 0 and content = ''", o.ID)
	case a.Type == "Create" && o.Name != "" && o.Content == "":
		return r.one("poll_visits: voted in a post of ours", "select count(*) from poll_visits v join posts p on p.id = v.post where p.uri = ? and v.actor = "+by, o.InReplyTo)
	case a.Type == "Create" && o.Type == "Note" && o.InReplyTo != "":
		return r.one("posts: an answer below a post of ours", "select count(*) from posts p join posts q on q.id = p.reply_to where p.uri = ? and q.local = 1", o.ID)
	case a.Type == "Create" && o.Type == "Note":
		return r.one("posts: a note, in the feed", "select count(*) from posts p join feed f on f.post = p.id where p.uri = ? and p.content <> '' and p.author = "+by, o.ID)
	case a.Type == "Create" && o.Type == "Question", a.Type == "Update" && o.Type == "Question":
		return r.question(a, o)
	case a.Type == "Update" && o.Type == "Note":
		return r.one("posts: edited; post_revisions: the former state", "select count(*) from posts p join post_revisions v on v.post = p.id where p.uri = ? and p.edited > 0 and v.content <> p.content", o.ID)
	}
	return "", fmt.Errorf("%s of %s: the test knows no effect of it", a.Type, o.Type)
}

func (r *replay) question(a said, o spoken) (string, error) {
	p, err := r.town.Blogs.ByURI(r.t.Context(), r.town.DB.Read(), o.ID)
	if err != nil {
		return "", err
	}
	poll := p.Card().Poll
	if poll == nil || len(poll.Options) != len(o.OneOf) || p.Type != "Question" {
		return "", fmt.Errorf("kept as %s %s", p.Type, p.CardJSON)
	}
	var counts []int
	for i, option := range o.OneOf {
		if poll.Options[i].Name != option.Name || poll.Options[i].Votes == nil || *poll.Options[i].Votes != option.Replies.TotalItems {
			return "", fmt.Errorf("option %q with %d votes is kept as %s", option.Name, option.Replies.TotalItems, p.CardJSON)
		}
		counts = append(counts, option.Replies.TotalItems)
	}
	if a.Type == "Update" && !slices.ContainsFunc(counts, func(n int) bool { return n > 0 }) {
		return "", errors.New("an update without a vote shows nothing")
	}
	return fmt.Sprintf("posts: a question, counts %v", counts), nil
}

func (r *replay) one(what, query string, args ...any) (string, error) {
	return what, r.count(1, query, args...)
}

func (r *replay) none(what, query string, args ...any) (string, error) {
	return what, r.count(0, query, args...)
}

func (r *replay) count(want int, query string, args ...any) error {
	var got int
	if err := r.town.DB.Read().NewRaw(query, args...).Scan(r.t.Context(), &got); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%s %q gives %d, want %d", query, args, got, want)
	}
	return nil
}
