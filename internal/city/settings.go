package city

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is one thing wrong with a setting, in words for whoever set it. A
// Warning doesn't keep an instance from starting.
type Fault struct {
	Setting  string `json:"setting"`
	Problem  string `json:"problem"`
	Accepted string `json:"accepted,omitempty"`
	Warning  bool   `json:"warning,omitempty"`
}

func (f Fault) Error() string {
	text := f.Setting + ": " + f.Problem
	if f.Accepted != "" {
		text += "; accepted: " + f.Accepted
	}
	return text
}

// Faults joins those that aren't mere warnings; nil if there are none.
func Faults(list []Fault) error {
	var errs []error
	for _, f := range list {
		if !f.Warning {
			errs = append(errs, f)
		}
	}
	return errors.Join(errs...)
}

// wrong gathers faults, so that all are told at once.
type wrong []Fault

func (w *wrong) add(setting, problem, accepted string) {
	*w = append(*w, Fault{Setting: setting, Problem: problem, Accepted: accepted})
}

func (w *wrong) oneOf(setting, value string, choices ...string) {
	if !slices.Contains(choices, value) {
		w.add(setting, fmt.Sprintf("%q is none of them", value), strings.Join(choices, ", "))
	}
}

// setting is one name that operators use, and the field behind it.
type setting struct {
	name string
	at   any // pointer to the field
	hide func(string) string
}

// settings lists all of c's, in the order in which they are shown.
func (c *Config) settings() []setting {
	return []setting{
		{"VICHE_HOST", &c.Host, nil},
		{"VICHE_SCHEME", &c.Scheme, nil},
		{"VICHE_LISTEN", &c.Listen, nil},
		{"VICHE_DATABASE", &c.Database, withoutPassword},
		{"VICHE_DATA", &c.Data, nil},
		{"VICHE_ROLE", &c.Role, nil},
		{"VICHE_TERRITORY", &c.Territory, nil},
		{"VICHE_COORDINATOR", &c.Coordinator, nil},
		{"VICHE_COORDINATOR_KEY", &c.CoordinatorKey, nil},
		{"VICHE_NAME", &c.Name, nil},
		{"VICHE_OPERATOR", &c.Operator, nil},
		{"VICHE_SOURCE", &c.Source, nil},
		{"VICHE_SPHERES", &c.Spheres, nil},
		{"VICHE_ALLOW_PRIVATE", &c.AllowPrivate, nil},
		{"VICHE_TRUSTED_PROXIES", &c.TrustedProxies, nil},
		{"VICHE_TLS", &c.TLS, nil},
		{"VICHE_METRICS_TOKEN", &c.MetricsToken, hidden},
		{"VICHE_SMTP_URL", &c.SMTPURL, withoutPassword},
		{"VICHE_LOG", &c.Log, nil},
		{"VICHE_REGISTRATION", &c.Registration, nil},
		{"VICHE_BLOGS", &c.Blogs, nil},
		{"VICHE_SECURE", &c.Secure, nil},
		{"VICHE_ALLOW_LIST", &c.AllowList, nil},
		{"VICHE_K", &c.K, nil},
		{"VICHE_STEP", &c.Step, nil},
		{"VICHE_SNAPSHOT_EVERY", &c.SnapshotEvery, nil},
		{"VICHE_TALLY_EVERY", &c.TallyEvery, nil},
		{"VICHE_RENEW_EVERY", &c.RenewEvery, nil},
		{"VICHE_GRACE", &c.Grace, nil},
		{"VICHE_KEEP", &c.Keep, nil},
		{"VICHE_MIGRATE", &c.Migrate, nil},
		{"VICHE_SECOND_MODERATOR", &c.SecondModerator, nil},
		{"VICHE_DEMO", &c.Demo, nil},
	}
}

// FromEnv reads the settings that get knows. What isn't set has the value of a
// laptop, with these exceptions: the host takes its port from VICHE_LISTEN, a
// host that others can reach means https and wants a territory, a coordinator's
// territory is the country, and an SQLite file lies in VICHE_DATA. NAME_FILE
// names a file with the value of NAME, and goes before it. The faults are those
// of reading; Check knows the rest.
func FromEnv(get func(string) string) (Config, []Fault) {
	c := Defaults()
	var w wrong
	given := map[string]bool{}
	for _, s := range c.settings() {
		text, err := value(get, s.name)
		if err != nil {
			w.add(s.name+"_FILE", err.Error(), "a file that can be read, with the value alone")
			continue
		}
		if text == "" {
			continue
		}
		given[s.name] = true
		if problem, accepted := parse(s.at, text); problem != "" {
			w.add(s.name, problem, accepted)
		}
	}
	c.suppose(given)
	return c, w
}

// suppose fills what follows from other settings.
func (c *Config) suppose(given map[string]bool) {
	if !given["VICHE_HOST"] {
		if port := c.Listen[strings.LastIndex(c.Listen, ":")+1:]; port != "" {
			c.Host = "localhost:" + port
		}
	}
	if !given["VICHE_SCHEME"] && badHost(c.Host) == "" && !laptop(c.Host) {
		c.Scheme = "https"
	}
	if !given["VICHE_TERRITORY"] {
		switch {
		case c.Role == RoleCoordinator:
			c.Territory = country
		case c.Public():
			c.Territory = ""
		}
	}
	if c.Public() && !given["VICHE_HOST"] {
		c.Host = "" // Check asks for it: localhost can't be a public name
	}
	if given["VICHE_DATA"] && !given["VICHE_DATABASE"] {
		c.Database = "sqlite:" + strings.TrimSuffix(c.Data, "/") + "/viche.db"
	}
	c.Coordinator = strings.TrimSuffix(c.Coordinator, "/")
}

func value(get func(string) string, name string) (string, error) {
	path := get(name + "_FILE")
	if path == "" {
		return strings.TrimSpace(get(name)), nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(raw))
	if text == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return text, nil
}

func parse(at any, text string) (problem, accepted string) {
	switch at := at.(type) {
	case *string:
		*at = text
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Sprintf("%q is no whole number", text), "a whole number"
		}
		*at = n
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Sprintf("%q is neither", text), "true or false"
		}
		*at = b
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Sprintf("%q is no time span", text), "a number with its unit, such as 90s, 10m or 1h30m"
		}
		*at = d
	case *[]string:
		*at = inOrder(words(text))
	case *[]netip.Prefix:
		var list []netip.Prefix
		for _, word := range words(text) {
			p, err := prefixOf(word)
			if err != nil {
				return fmt.Sprintf("%q is no network", word), "networks with commas between, such as 10.0.0.0/8, fd00::/8"
			}
			list = append(list, p)
		}
		*at = list
	}
	return "", ""
}

func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// inOrder brings spheres into the order that pages have, each once; words that
// are no spheres stay, to be told.
func inOrder(slugs []string) []string {
	var list []string
	for _, slug := range append(allSpheres(), slugs...) {
		if slices.Contains(slugs, slug) && !slices.Contains(list, slug) {
			list = append(list, slug)
		}
	}
	return list
}

// prefixOf reads a CIDR, or one address.
func prefixOf(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

// Setting is one setting as understood, as text.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Settings lists the whole Config with its secrets, for Format.
func (c Config) Settings() []Setting { return c.list(false) }

// Shown lists the whole Config without a secret.
func (c Config) Shown() []Setting { return c.list(true) }

func (c Config) list(redact bool) []Setting {
	var out []Setting
	for _, s := range c.settings() {
		text := format(s.at)
		if redact && s.hide != nil {
			text = s.hide(text)
		}
		out = append(out, Setting{s.name, text})
	}
	return out
}

func format(at any) string {
	switch at := at.(type) {
	case *string:
		return *at
	case *int:
		return strconv.Itoa(*at)
	case *bool:
		return strconv.FormatBool(*at)
	case *time.Duration:
		return span(*at)
	case *[]string:
		return strings.Join(*at, " ")
	case *[]netip.Prefix:
		texts := make([]string, len(*at))
		for i, p := range *at {
			texts[i] = p.String()
		}
		return strings.Join(texts, " ")
	}
	return ""
}

// span writes 10m, where Go would write 10m0s.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// withoutPassword shows an address that may hold one. What can't be read as an
// address is not shown at all.
func withoutPassword(text string) string {
	if text == "" || strings.HasPrefix(text, "sqlite:") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return hidden(text)
	}
	if u.User != nil {
		u.User = url.User("…")
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return strings.ReplaceAll(u.String(), "%E2%80%A6", "…")
}

func hidden(text string) string {
	if text == "" {
		return ""
	}
	return "(set, not shown)"
}

// Format writes settings as a file that ReadFile takes.
func Format(list []Setting) []byte {
	var b strings.Builder
	for _, s := range list {
		if s.Value != "" {
			fmt.Fprintf(&b, "%s=%s\n", s.Name, strconv.Quote(s.Value))
		}
	}
	return []byte(b.String())
}

// ReadFile reads a file of NAME=VALUE lines; empty lines and those that begin
// with # are left out, and a value may stand in double quotes. A mistake names
// its line.
func ReadFile(path string) (map[string]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	values := map[string]string{}
	number := 0
	for line := range strings.Lines(string(raw)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, text, found := strings.Cut(line, "=")
		name, text = strings.TrimSpace(name), strings.TrimSpace(text)
		if !found || name == "" || strings.ContainsAny(name, " \t\"") {
			return nil, fmt.Errorf("settings: %s, line %d: want NAME=VALUE", path, number)
		}
		if _, twice := values[name]; twice {
			return nil, fmt.Errorf("settings: %s, line %d: %s stands there twice", path, number, name)
		}
		if strings.HasPrefix(text, `"`) {
			if text, err = strconv.Unquote(text); err != nil {
				return nil, fmt.Errorf("settings: %s, line %d: the quotes of %s don't close", path, number, name)
			}
		}
		values[name] = text
	}
	return values, nil
}

// Unknown warns of names that look like settings and are none: a mistyped name
// would else be left out in silence. Names of tests and of settings that the
// outer program reads are known.
func Unknown(names []string) []Fault {
	var c Config
	known := []string{}
	for _, s := range c.settings() {
		known = append(known, s.name, s.name+"_FILE")
	}
	var list []Fault
	for _, name := range names {
		if !strings.HasPrefix(name, "VICHE_") || strings.HasPrefix(name, "VICHE_TEST_") || slices.Contains(known, name) {
			continue
		}
		f := Fault{Setting: name, Problem: "there is no such setting, so it is left out", Warning: true}
		if near := nearest(name, known); near != "" {
			f.Problem += fmt.Sprintf(" (is %s meant?)", near)
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b Fault) int { return strings.Compare(a.Setting, b.Setting) })
	return list
}

// nearest finds the name that at most two mistakes turn into this one.
func nearest(name string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts letters to add, drop or exchange between two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
