package city

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
)

// Config is everything that Open needs to know about an instance. FromEnv
// reads it from settings; Defaults is one for a laptop.
type Config struct {
	Host      string // public host, with a port only where that isn't the usual one; never to change
	Scheme    string // https; http for laptops and tests alone
	Listen    string // address that the server listens on
	Database  string // sqlite:FILE or a postgres:// address
	Data      string // folder of keys and media
	Role      string // RoleCity or RoleCoordinator
	Territory string // KATOTTG; UA for the coordinator

	Coordinator    string // scheme and host of the coordinator; empty: this city votes alone
	CoordinatorKey string // its public key in multibase form; empty: the key of the first trust list

	Name     string   // of the instance; empty: the territory's
	Operator string   // who moderates, by which contract
	Source   string   // address of the source code that runs here, as the AGPL demands; empty: no link
	Spheres  []string // slugs of the open ones, in their fixed order

	AllowPrivate   []netip.Prefix // private networks that the outgoing client may reach
	TrustedProxies []netip.Prefix // whose forwarded address of a client counts
	TLS            string         // off, acme, or CERTIFICATE.pem,KEY.pem
	MetricsToken   string         // lets a scraper from elsewhere read /metrics

	SMTPURL      string
	Log          string // debug, info, warn, error
	Registration string // open, approval, closed
	Blogs        string // who may begin a conversation: verified, anybody, staff
	Secure       bool   // other servers must sign what they ask for
	AllowList    bool   // only servers on the list are met

	K             int // smallest group of voters that is ever shown
	Step          int // least ballots between two interim numbers
	SnapshotEvery time.Duration
	TallyEvery    time.Duration // least time between two interim statements
	RenewEvery    time.Duration // least time between two versions of a result
	Grace         time.Duration // the first result waits so long for late cities
	Keep          time.Duration // answers can be counted again for so long after the close

	Migrate         bool // bring the schema up when the instance opens
	SecondModerator bool // two people decide on a verification
	Demo            bool // sample data: pages say so

	// What follows comes from no setting. Nil fields get the usual thing.
	Client  *federation.Client // the way out
	Clock   func() time.Time
	Logger  *slog.Logger
	Version string            // of the program, for NodeInfo
	Limits  federation.Limits // what one peer may ask
}

// The roles of an instance.
const (
	RoleCity        = "city"
	RoleCoordinator = "coordinator"
)

// country and home are the territories of an instance that names none: of a
// coordinator, and of a city on somebody's laptop (Kamianske).
const (
	country = "UA"
	home    = "UA12040150010056523"
)

// Defaults is one empty city on SQLite at http://localhost:8420, with its
// database and keys in ./data.
func Defaults() Config {
	return Config{
		Host: "localhost:8420", Scheme: "http", Listen: ":8420",
		Database: "sqlite:data/viche.db", Data: "data",
		Role: RoleCity, Territory: home,
		Spheres: allSpheres(),
		TLS:     "off", Log: "info", Registration: "open", Blogs: "verified",
		K: 10, Step: 25,
		SnapshotEvery: 10 * time.Minute, TallyEvery: time.Hour,
		RenewEvery: 10 * time.Minute, Grace: time.Minute, Keep: 60 * 24 * time.Hour,
		Migrate: true,
	}
}

// Base is the start of every address of the instance: scheme and host.
func (c Config) Base() string { return c.Scheme + "://" + c.Host }

// Public tells whether strangers reach this instance; then the rules that
// protect small groups of voters cannot be loosened.
func (c Config) Public() bool { return c.Scheme == "https" }

// KeyFile is where the instance keeps its secrets.
func (c Config) KeyFile() string { return filepath.Join(c.Data, "keys.json") }

// Level is Log as slog knows it; info for what Check would refuse.
func (c Config) Level() slog.Level {
	var level slog.Level // zero is info
	_ = level.UnmarshalText([]byte(c.Log))
	return level
}

// Check names everything that is wrong with a Config, for the commands that
// start one. Open doesn't call it, so tests may go below its limits.
func (c Config) Check() []Fault {
	var w wrong
	c.checkPlace(&w)
	c.checkUnion(&w)
	c.checkNetwork(&w)
	w.oneOf("VICHE_LOG", c.Log, "debug", "info", "warn", "error")
	w.oneOf("VICHE_REGISTRATION", c.Registration, "open", "approval", "closed")
	w.oneOf("VICHE_BLOGS", c.Blogs, "verified", "anybody", "staff")
	c.checkSpheres(&w)
	c.checkCounting(&w)
	return w
}

var codeForm = regexp.MustCompile(`^UA[0-9]{17}$`)

func (c Config) checkPlace(w *wrong) {
	w.oneOf("VICHE_SCHEME", c.Scheme, "https", "http")
	if problem := badHost(c.Host); problem != "" {
		w.add("VICHE_HOST", problem, "the public host name in small letters, such as viche.example, with a port only where it isn't the usual one")
	}
	database := "sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME"
	switch rest, lite := strings.CutPrefix(c.Database, "sqlite:"); {
	case lite && strings.Trim(rest, "/") == "":
		w.add("VICHE_DATABASE", "no file is named", database)
	case !lite && !isAddress(c.Database, "postgres", "postgresql"):
		w.add("VICHE_DATABASE", "it is the address of neither database", database) // unquoted: it may hold a password
	}
	if c.Data == "" {
		w.add("VICHE_DATA", "it is empty", "a folder for keys and media")
	}
	w.oneOf("VICHE_ROLE", c.Role, RoleCity, RoleCoordinator)
	switch {
	case c.Territory == "":
		w.add("VICHE_TERRITORY", "it is not set", "the KATOTTG code of the community: UA and 17 digits")
	case codeForm.MatchString(c.Territory):
	case c.Role == RoleCoordinator && c.Territory == country:
	default:
		w.add("VICHE_TERRITORY", fmt.Sprintf("%q is no KATOTTG code", c.Territory), "UA and 17 digits; the coordinator's may be UA, the country")
	}
}

func (c Config) checkUnion(w *wrong) {
	accepted := "scheme and host of the coordinator, such as https://ukraine.example"
	switch {
	case c.Coordinator == "":
		if c.CoordinatorKey != "" {
			w.add("VICHE_COORDINATOR_KEY", "it is set, but VICHE_COORDINATOR is not", "both or none")
		}
	case !isOrigin(c.Coordinator):
		w.add("VICHE_COORDINATOR", fmt.Sprintf("%q is no such address", c.Coordinator), accepted)
	case c.Role == RoleCoordinator && c.Coordinator != c.Base():
		w.add("VICHE_COORDINATOR", "this instance is the coordinator itself", "nothing, or VICHE_ROLE=city")
	case c.Role == RoleCity && c.Coordinator == c.Base():
		w.add("VICHE_COORDINATOR", "it is this instance's own address", accepted)
	case c.Public() && !strings.HasPrefix(c.Coordinator, "https://"):
		w.add("VICHE_COORDINATOR", "a public city reads its coordinator over https alone", accepted)
	}
	if c.CoordinatorKey != "" {
		if _, err := ap.DecodeMultikey(c.CoordinatorKey); err != nil {
			w.add("VICHE_COORDINATOR_KEY", fmt.Sprintf("%q is no Ed25519 key", c.CoordinatorKey), "the coordinator's key in multibase form (z6Mk…)")
		}
	}
}

func (c Config) checkNetwork(w *wrong) {
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		w.add("VICHE_LISTEN", fmt.Sprintf("%q is no address to listen on", c.Listen), "HOST:PORT or :PORT, such as 127.0.0.1:8420")
	}
	certificate, key, two := strings.Cut(c.TLS, ",")
	switch {
	case c.TLS == "off":
	case c.TLS != "acme" && (!two || strings.TrimSpace(certificate) == "" || strings.TrimSpace(key) == ""):
		w.add("VICHE_TLS", fmt.Sprintf("%q is none of them", c.TLS), "off behind a proxy, acme, or CERTIFICATE.pem,KEY.pem")
	case !c.Public():
		w.add("VICHE_TLS", "VICHE_SCHEME=http speaks no TLS", "off, or VICHE_SCHEME=https")
	}
	if c.SMTPURL != "" && !isAddress(c.SMTPURL, "smtp", "smtps") {
		w.add("VICHE_SMTP_URL", "it is no address of a mail server", "smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465") // unquoted: a password
	}
}

func (c Config) checkSpheres(w *wrong) {
	if len(c.Spheres) == 0 {
		w.add("VICHE_SPHERES", "none is open", "some of "+strings.Join(allSpheres(), " "))
	}
	for _, s := range c.Spheres {
		if !slices.Contains(allSpheres(), s) {
			w.add("VICHE_SPHERES", fmt.Sprintf("%q is no sphere", s), "some of "+strings.Join(allSpheres(), " "))
		}
	}
}

// checkCounting holds the limits below which numbers would tell how one person
// voted. A laptop may go there, a public instance may not.
func (c Config) checkCounting(w *wrong) {
	least, pause := 1, time.Duration(0)
	where := ""
	if c.Public() {
		least, pause = 10, 10*time.Minute
		where = " on a public instance (VICHE_SCHEME=https)"
	}
	if c.K < least {
		w.add("VICHE_K", fmt.Sprintf("%d is too small a group%s", c.K, where), fmt.Sprintf("%d or more", least))
	}
	if c.Step < least {
		w.add("VICHE_STEP", fmt.Sprintf("%d is too small a step%s", c.Step, where), fmt.Sprintf("%d or more", least))
	}
	if c.SnapshotEvery < pause || c.SnapshotEvery <= 0 {
		w.add("VICHE_SNAPSHOT_EVERY", fmt.Sprintf("%s is too often%s", span(c.SnapshotEvery), where), "a time span such as 10m"+atLeast(pause))
	}
	for _, s := range []struct {
		name string
		span time.Duration
	}{{"VICHE_TALLY_EVERY", c.TallyEvery}, {"VICHE_RENEW_EVERY", c.RenewEvery}, {"VICHE_GRACE", c.Grace}} {
		if s.span <= 0 {
			w.add(s.name, fmt.Sprintf("%s is no time to wait", span(s.span)), "a time span above zero, such as 10m")
		}
	}
}

func atLeast(pause time.Duration) string {
	if pause == 0 {
		return ", above zero"
	}
	return ", " + span(pause) + " or more"
}

var hostForm = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)*$`)

// badHost says what is wrong with a host and its optional port.
func badHost(host string) string {
	name, port := host, ""
	if strings.Contains(host, ":") {
		var err error
		if name, port, err = net.SplitHostPort(host); err != nil || port == "" {
			return fmt.Sprintf("%q is no host (no scheme, no path)", host)
		}
	}
	switch ascii, err := idna.Lookup.ToASCII(name); {
	case name == "":
		return "it is not set"
	case strings.Contains(host, "/"):
		return fmt.Sprintf("%q is an address, not a host", host)
	case err == nil && ascii != name:
		return fmt.Sprintf("%q is not how hosts are written on the wire; that would be %q", name, ascii)
	case (err != nil || !hostForm.MatchString(name)) && net.ParseIP(name) == nil:
		return fmt.Sprintf("%q is no host name", name)
	}
	return ""
}

// isOrigin tells whether text is a scheme and a host and nothing more.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && text == u.Scheme+"://"+u.Host
}

func isAddress(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, u.Scheme) && (u.Hostname() != "" || u.Query().Get("host") != "")
}

// laptop tells whether a host is never reached from another machine. Such a
// name gets no certificate, so http is meant unless something else is said.
func laptop(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || err == nil && ip.IsLoopback()
}

func allSpheres() []string {
	list := make([]string, len(actors.Spheres))
	for i, s := range actors.Spheres {
		list[i] = s.Slug
	}
	return list
}

// limits are what one peer may ask. An instance that meets peers on a private
// network is one that is tried out: there a few machines play many servers.
func (c Config) limits() federation.Limits {
	if len(c.AllowPrivate) == 0 || c.Limits != (federation.Limits{}) {
		return c.Limits
	}
	return federation.Limits{PerAddress: 240_000, PerHost: 240_000, NewHost: 100_000, BadKeys: 60_000}
}
