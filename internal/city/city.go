// Package city puts one instance together from its settings: what is below, the
// modules above, and the wires between. It holds no rules of its own; read it as
// a table of contents. A city is a value: Open gives a running one, Close ends
// it, and four fit in one test. The coordinator is a role, not another program.
package city

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"viche/actors"
	"viche/federation"
	"viche/internal/ballot"
	"viche/internal/keys"
	"viche/internal/locale"
	"viche/internal/media"
	"viche/internal/notify"
	"viche/internal/store"
	"viche/internal/territory"
	"viche/internal/union"
	"viche/migrations"
	"viche/modules"
	"viche/modules/blogs"
	"viche/modules/ideas"
	"viche/modules/moderation"
	"viche/modules/network"
	"viche/modules/officials"
	"viche/modules/people"
	"viche/modules/polls"
	"viche/modules/primaries"
	"viche/modules/standing"
	"viche/web"
	"viche/web/c2s"
	"viche/web/civic"
)

// City is one running instance. Its parts are open to commands and tests.
type City struct {
	Config Config
	Log    *slog.Logger

	DB          *store.DB
	Keys        *keys.File
	Territories *territory.Register
	Client      *federation.Client
	Book        *actors.Book
	Federation  *federation.City
	Union       *union.Union // nil for a city that is in no union
	Box         *ballot.Box
	People      *people.People
	Polls       *polls.Polls
	Standing    *standing.Standing
	Primaries   *primaries.Primaries
	Blogs       *blogs.Blogs
	Ideas       *ideas.Ideas
	Moderation  *moderation.Moderation
	Officials   *officials.Officials
	Media       *media.Store
	Site        *web.Site
	Words       *locale.Bundle

	self     actors.Actor
	modules  []modules.Module
	routes   chi.Routes
	handler  http.Handler
	stop     context.CancelFunc
	counts   *prometheus.CounterVec
	used     used
	clockOff atomic.Int64 // nanoseconds between our clock and the coordinator's
}

// Open opens an instance: its database, which it brings up to date, its keys,
// its own actors, and everything that answers requests. Nothing runs by itself
// until Start. The caller closes it.
func Open(ctx context.Context, cfg Config) (_ *City, err error) {
	c := &City{Config: cfg, Log: cfg.Logger}
	if c.Log == nil {
		c.Log = slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: cfg.Level()}))
	}
	defer func() {
		if err != nil {
			_ = c.Close() // the first error is the one that helps
		}
	}()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"database", c.openStore},
		{"keys", c.openKeys},
		{"territories", c.openTerritories},
		{"network", c.openNetwork},
		{"union", c.openUnion},
		{"modules", c.openModules},
		{"site", c.openSite},
	} {
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("open %s: %s: %w", cfg.Host, step.name, err)
		}
	}
	return c, nil
}

// Close stops the jobs and closes the database.
func (c *City) Close() error {
	if c.stop != nil {
		c.stop()
	}
	if c.DB == nil {
		return nil
	}
	return c.DB.Close()
}

// Start begins the background work; Close ends it.
func (c *City) Start(ctx context.Context) error {
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	go c.Territories.Watch(watch, time.Minute, c.Log) // an import beside us takes effect
	workers := river.NewWorkers()
	c.Federation.Workers(workers)
	for _, m := range c.modules {
		if m.Jobs != nil {
			m.Jobs(workers)
		}
	}
	return c.DB.StartJobs(ctx, workers, c.periodic())
}

func (c *City) periodic() []store.Periodic {
	all := append(c.Federation.Periodic(),
		store.Periodic{Name: "city.sessions", Every: 24 * time.Hour, Do: c.Site.SweepSessions},
		store.Periodic{Name: "city.clock", Every: 10 * time.Minute, Do: c.compareClocks},
		store.Periodic{Name: "city.search", Every: 5 * time.Second, Do: c.fillSearch},
	)
	if c.Union != nil {
		all = append(all, store.Periodic{Name: "union.tick", Every: 3 * time.Second, Do: c.Union.Tick})
	}
	for _, m := range c.modules {
		all = append(all, m.Periodic...)
	}
	return all
}

// Handler answers every request to the instance.
func (c *City) Handler() http.Handler { return c.handler }

// Routes are all that Handler knows to answer, for a test that asks for each.
func (c *City) Routes() chi.Routes { return c.routes }

// Actor is the instance's own actor.
func (c *City) Actor() actors.Actor { return c.self }

func (c *City) openStore(ctx context.Context) (err error) {
	if c.DB, err = store.Open(ctx, c.Config.Database, store.Options{Log: c.Log, Clock: c.Config.Clock}); err != nil {
		return err
	}
	if !c.Config.Migrate {
		return c.checkSchema(ctx)
	}
	return c.DB.Migrate(ctx, migrations.FS)
}

// openKeys finds the key file that belongs to the database. A new instance gets
// a new one; a database that lost its file is refused, since with other keys
// nobody's ballot could be opened or changed, and everybody could vote again.
func (c *City) openKeys(ctx context.Context) (err error) {
	path := c.Config.KeyFile()
	known, err := c.fact(ctx, "keys")
	if err != nil {
		return err
	}
	c.Keys, err = keys.Open(path)
	switch {
	case errors.Is(err, keys.ErrMissing) && known != "":
		return fmt.Errorf("%w, but the database is in use already: restore the file from its own back-up, or name the folder that holds it in VICHE_DATA", err)
	case errors.Is(err, keys.ErrMissing):
		kind := "tally"
		if c.Config.Role == RoleCoordinator {
			kind = "trust"
		}
		if c.Keys, err = keys.Create(path, kind, c.now()); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	if known != "" && known != c.Keys.Fingerprint() {
		return fmt.Errorf("%s holds the keys of another instance: this database belongs to keys %s, the file has %s", path, known, c.Keys.Fingerprint())
	}
	host, err := c.fact(ctx, "host")
	if err != nil {
		return err
	}
	if host != "" && host != c.Config.Base() {
		return fmt.Errorf("VICHE_HOST says %s, but this database belongs to %s: the host is part of every address that others know and never changes", c.Config.Base(), host)
	}
	return c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		for name, value := range map[string]string{"keys": c.Keys.Fingerprint(), "host": c.Config.Base()} {
			if _, err := tx.Exec(ctx, "insert into facts (name, value) values (?, ?) on conflict (name) do nothing", name, value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *City) fact(ctx context.Context, name string) (value string, err error) {
	err = c.DB.ReadBound().Row(ctx, []any{&value}, "select value from facts where name = ?", name)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return value, err
}

func (c *City) now() time.Time { return c.DB.Now() }

func (c *City) openTerritories(ctx context.Context) (err error) {
	if err := territory.Seed(ctx, c.DB); err != nil {
		return err
	}
	if c.Territories, err = territory.Open(ctx, c.DB); err != nil {
		return err
	}
	if _, known := c.Territories.Get(c.Config.Territory); !known {
		return Fault{
			Setting: "VICHE_TERRITORY", Problem: fmt.Sprintf("%q is not in the register of territories", c.Config.Territory),
			Accepted: "the KATOTTG code of an existing unit; `viche territories import FILE` loads the whole codifier",
		}
	}
	if c.Config.Name == "" {
		c.Config.Name = c.place(c.Config.Territory, "uk")
	}
	return nil
}

func (c *City) place(code, lang string) string { return c.Territories.Name(code, lang) }

// known is place for code that somebody typed: empty if there is no such unit.
func (c *City) known(code, lang string) string {
	if _, found := c.Territories.Get(code); !found {
		return ""
	}
	return c.place(code, lang)
}

func (c *City) openNetwork(ctx context.Context) (err error) {
	if c.Client = c.Config.Client; c.Client == nil {
		c.Client = federation.NewClient(federation.ClientOptions{
			Scheme: c.Config.Scheme, AllowPrivate: c.Config.AllowPrivate, Resolve: Localhost, MaxBody: maxBody, UserAgent: "viche/" + c.version() + " (+" + c.Config.Base() + ")",
		})
	}
	c.Book = actors.New(c.DB, c.Keys, c.Config.Base())
	c.Book.OnlyListed(c.Config.AllowList)
	if err := c.Book.Found(ctx, c.Config.Name); err != nil {
		return err
	}
	if c.self, err = c.Book.Own(ctx, c.DB.Read(), actors.Instance); err != nil {
		return err
	}
	name, key := c.Keys.Tally()
	c.Federation = federation.New(federation.Options{
		DB: c.DB, Book: c.Book, Client: c.Client, Base: c.Config.Base(), Log: c.Log,
		Name: "Віче · " + c.Config.Name, Description: "Мережа мешканців: опитування, у яких кожен голос – від живої людини і лише один.", Version: c.version(),
		OpenRegistrations: c.Config.Registration == people.RegistrationOpen,
		Methods:           []federation.Method{{ID: c.self.URI + "#" + name, Public: key.Public().(ed25519PublicKey)}},
		Page:              http.HandlerFunc(c.actorPage),
		Describe:          c.endpoints,
		Usage:             c.usage,
		Secure:            c.Config.Secure, Open: checkable, MayRead: c.mayRead, Followed: c.followed, Apart: c.apart, Pinned: c.pinned, Limits: c.Config.limits(), Count: c.count,
	})
	return nil
}

// maxBody is the largest answer that is read: a trust list or a result of every
// hromada is near a megabyte. What strangers send to the inbox is held to one.
const maxBody = 8 << 20

func (c *City) version() string {
	if c.Config.Version == "" {
		return "dev"
	}
	return c.Config.Version
}

// openUnion joins the cities together, if this instance is the coordinator or
// has one.
func (c *City) openUnion(ctx context.Context) (err error) {
	c.Box = ballot.New(c.DB, c.Keys)
	coordinator := c.Config.Role == RoleCoordinator
	if !coordinator && c.Config.Coordinator == "" {
		return nil
	}
	of := c.Config.Base() + "/actor"
	if !coordinator {
		of = strings.TrimSuffix(c.Config.Coordinator, "/") + "/actor"
	}
	c.Union, err = union.New(union.Options{
		DB: c.DB, Keys: c.Keys, Base: c.Config.Base(), Log: c.Log,
		Coordinator: coordinator, CoordinatorActor: of, CoordinatorKey: c.Config.CoordinatorKey,
		Within: c.Territories.Within, Oblast: c.oblast,
		K: c.Config.K, Step: c.Config.Step, TallyEvery: c.Config.TallyEvery, RenewEvery: c.Config.RenewEvery, Grace: c.Config.Grace,
		Send: func(ctx context.Context, tx *store.Tx, raw []byte, to ...string) error {
			return c.Federation.Publish(ctx, tx, c.self, raw, federation.Audience{Actors: to})
		},
		Fetch:  c.fetch,
		Opened: func(ctx context.Context, tx *store.Tx, p *union.Poll) (int, error) { return c.Polls.Opened(ctx, tx, p) },
		Closed: func(ctx context.Context, tx *store.Tx, id string, at time.Time, reason string) error {
			return c.Polls.ClosedEarly(ctx, tx, id, at, reason)
		},
		Result: func(ctx context.Context, tx *store.Tx, id string, r union.ResultView) error {
			return c.Polls.Resulted(ctx, tx, id, r)
		},
		OpenHere: func(ctx context.Context, tx *store.Tx, id string) (ballot.Numbers, error) {
			return c.Polls.OpenHere(ctx, tx, id)
		},
	})
	if err != nil {
		return err
	}
	c.Federation.Handle(c.unionInbox()...)
	return nil
}

// fetch is Federation.Fetch with "gone" in the store's words.
func (c *City) fetch(ctx context.Context, url string) ([]byte, error) {
	raw, err := c.Federation.Fetch(ctx, url)
	if errors.Is(err, federation.ErrGone) {
		return nil, fmt.Errorf("%w (%w)", store.ErrNotFound, err)
	}
	return raw, err
}

// oblast is the region that a unit lies in, the country for one that lies in
// none.
func (c *City) oblast(code string) string {
	for _, u := range c.Territories.Ancestors(code) {
		if u.Category == "O" || u.Category == "K" {
			return u.Code
		}
	}
	if u, ok := c.Territories.Get(code); ok && (u.Category == "O" || u.Category == "K") {
		return code
	}
	return territory.Country
}

func (c *City) openModules(ctx context.Context) error {
	var err error
	if c.Words, err = locale.New(web.Files, people.Files, polls.Files, blogs.Files, ideas.Files, moderation.Files, network.Files, standing.Files, officials.Files, primaries.Files, civic.Files, c2s.Files); err != nil {
		return err
	}
	post, err := notify.Open(c.DB, c.Config.SMTPURL, "viche@"+hostname(c.Config.Host), c.Log)
	if err != nil {
		return err
	}
	c.People = people.New(people.Options{
		DB: c.DB, Book: c.Book, Territories: c.Territories, Keys: c.Keys, Post: post, Words: c.Words, Log: c.Log,
		Base: c.Config.Base(), Name: c.Config.Name, Home: c.Config.Territory,
		Registration: c.Config.Registration, SecondModerator: c.Config.SecondModerator, Changed: c.profileChanged,
		Posts: func(r *http.Request, actor actors.Actor) (template.HTML, error) {
			return c.Blogs.ProfileSection(r, actor)
		},
		Status: c.statusOf,
	})
	c.Polls, err = polls.New(ctx, polls.Options{
		DB: c.DB, Box: c.Box, Book: c.Book, Federation: c.Federation, Union: c.Union, Log: c.Log,
		Base: c.Config.Base(), Territory: c.Config.Territory, Coordinator: c.Config.Role == RoleCoordinator,
		Rules:   ballot.Rules{K: c.Config.K, Step: c.Config.Step, SnapshotEvery: c.Config.SnapshotEvery},
		Spheres: c.Config.Spheres, Keep: c.Config.Keep, Within: c.Territories.Within, Place: c.known,
		Resident: c.resident, Lives: c.lives, Entitled: c.People.EntitledPersons, Author: c.author,
		Posts: func(r *http.Request, sphere string) (template.HTML, error) { return c.Blogs.ChannelSection(r, sphere) },
	})
	if err != nil {
		return err
	}
	c.Federation.Handle(c.Polls.Inbox()...)
	if err := c.openBlogs(); err != nil {
		return err
	}
	c.openIdeas()
	c.openModeration(post)
	c.openStanding(post)
	c.openPrimaries()
	c.openOfficials()
	c.Site, err = web.New(web.Options{
		Base: c.Config.Base(), InstanceName: "Віче · " + c.Config.Name, Territory: c.place(c.Config.Territory, "uk"), Operator: c.Config.Operator,
		Demo: c.Config.Demo, Source: c.Config.Source, Locale: c.Words, Log: c.Log, DB: c.DB,
		Counting:   web.Counting{K: c.Config.K, Step: c.Config.Step, Every: c.Config.SnapshotEvery, KeepDays: int(c.Config.Keep.Hours() / 24)},
		Modules:    []web.Pages{{Name: "people", Files: people.Files}, {Name: "polls", Files: polls.Files}, {Name: "blogs", Files: blogs.Files}, {Name: "ideas", Files: ideas.Files}, {Name: "standing", Files: standing.Files}, {Name: "network", Files: network.Files}, {Name: "moderation", Files: moderation.Files}, {Name: "officials", Files: officials.Files}, {Name: "primaries", Files: primaries.Files}},
		Home:       func(w http.ResponseWriter, r *http.Request) { c.Polls.Home(w, r) },
		LoadViewer: c.People.LoadViewer, Badge: func(ctx context.Context, v *web.Viewer) (web.Badge, error) { return c.Blogs.Badge(ctx, v) },
	})
	if err != nil {
		return err
	}
	c.modules = []modules.Module{c.People.Module(c.Site), c.Polls.Module(c.Site), c.Blogs.Module(c.Site), c.Ideas.Module(c.Site), c.Moderation.Module(c.Site), c.Standing.Module(c.Site), c.Officials.Module(c.Site), c.Primaries.Module(c.Site)}
	return nil
}

// resident says who a vote is from. One query: a cast should cost no more.
func (c *City) resident(ctx context.Context, q store.Bound, account int64) (polls.Resident, error) {
	var r polls.Resident
	var kind string
	err := q.Row(ctx, []any{&r.Person, &r.Issued, &kind}, `
		select p.person_key, a.staff_generation, a.kind
		from accounts a left join persons p on p.account = a.id
		where a.id = ?`, account)
	r.Votes = kind == people.Resident
	return r, err
}

func (c *City) lives(ctx context.Context, account int64) (string, bool, error) {
	e, ok, err := c.People.EntitlementOf(ctx, c.DB.Read(), account, c.now())
	return e.Territory, ok, err
}

// author is the handle of whoever proposed a poll, while the account lives.
func (c *City) author(ctx context.Context, account int64) (handle string, err error) {
	err = c.DB.ReadBound().Row(ctx, []any{&handle}, `
		select a.handle
		from accounts p join actors a on a.id = p.actor
		where p.id = ? and a.deleted = 0 and a.suspended = 0`, account)
	return handle, err
}

func (c *City) openSite(context.Context) error {
	r := c.Site.Router()
	measured := c.operations(r)
	c.Federation.Routes(r)
	for _, m := range c.modules {
		m.Routes(r)
	}
	civic.New(civic.Options{Polls: c.Polls, People: c.People, Union: c.Union, Words: c.Words, Log: c.Log}).Routes(r)
	c.clients().Routes(r)
	c.unionObjects(r)
	c.Blogs.Collections(r)
	c.routes = r
	c.handler = c.behindProxies(measured(c.Federation.Negotiate(r)))
	return nil
}

// actorPage is /@handle for people: a sphere's page, or a resident's.
func (c *City) actorPage(w http.ResponseWriter, r *http.Request) {
	handle := strings.TrimPrefix(chi.URLParam(r, "handle"), "@")
	for _, s := range actors.Spheres {
		if s.Slug == handle {
			c.Polls.Sphere(w, r, handle)
			return
		}
	}
	if strings.Contains(handle, "@") {
		c.Blogs.Remote(w, r, handle)
		return
	}
	if handle == "city" {
		c.Blogs.City(w, r)
		return
	}
	c.People.Profile(c.Site)(w, r)
}

func hostname(host string) string {
	name, _, _ := strings.Cut(host, ":")
	return name
}

// FolderOf is where an instance of a demo keeps its files, by host.
func FolderOf(dir, host string) string { return filepath.Join(dir, hostname(host)) }
