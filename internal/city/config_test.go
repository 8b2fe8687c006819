package city

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func from(values map[string]string) (Config, []Fault) {
	c, faults := FromEnv(func(name string) string { return values[name] })
	return c, append(faults, c.Check()...)
}

func TestNothingSetIsALaptop(t *testing.T) {
	t.Parallel()
	got, faults := from(nil)
	if len(faults) > 0 {
		t.Errorf("faults of no settings: %v", faults)
	}
	if want := Defaults(); !reflect.DeepEqual(got, want) {
		t.Errorf("FromEnv(nothing) = %+v, want %+v", got, want)
	}
	if got.Base() != "http://localhost:8420" {
		t.Errorf("Base = %q, want http://localhost:8420", got.Base())
	}
}

func TestWhatIsNotSetFollows(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		values map[string]string
		want   map[string]string
	}{
		{"port of the laptop", map[string]string{"VICHE_LISTEN": "127.0.0.1:9000"},
			map[string]string{"VICHE_HOST": "localhost:9000", "VICHE_SCHEME": "http"}},
		{"public host", map[string]string{"VICHE_HOST": "viche.example", "VICHE_TERRITORY": home},
			map[string]string{"VICHE_SCHEME": "https", "VICHE_LISTEN": ":8420"}},
		{"demo host", map[string]string{"VICHE_HOST": "lviv.localhost:8420"},
			map[string]string{"VICHE_SCHEME": "http", "VICHE_TERRITORY": home}},
		{"coordinator", map[string]string{"VICHE_HOST": "ukraine.example", "VICHE_ROLE": "coordinator"},
			map[string]string{"VICHE_TERRITORY": "UA"}},
		{"data folder", map[string]string{"VICHE_DATA": "/srv/viche/"},
			map[string]string{"VICHE_DATABASE": "sqlite:/srv/viche/viche.db"}},
		{"slash after the coordinator", map[string]string{"VICHE_COORDINATOR": "https://ukraine.example/"},
			map[string]string{"VICHE_COORDINATOR": "https://ukraine.example"}},
		{"spheres in their order, once", map[string]string{"VICHE_SPHERES": "rights, ecology,rights"},
			map[string]string{"VICHE_SPHERES": "ecology rights"}},
		{"networks", map[string]string{"VICHE_ALLOW_PRIVATE": "127.0.0.1,10.1.2.3/8 ::1"},
			map[string]string{"VICHE_ALLOW_PRIVATE": "127.0.0.1/32 10.0.0.0/8 ::1/128"}},
		{"time spans", map[string]string{"VICHE_SNAPSHOT_EVERY": "1s", "VICHE_TALLY_EVERY": "90m"},
			map[string]string{"VICHE_SNAPSHOT_EVERY": "1s", "VICHE_TALLY_EVERY": "1h30m"}},
	} {
		c, faults := from(tt.values)
		if len(faults) > 0 {
			t.Errorf("%s: faults %v", tt.name, faults)
		}
		for _, s := range c.Settings() {
			if want, asked := tt.want[s.Name]; asked && s.Value != want {
				t.Errorf("%s: %s = %q, want %q", tt.name, s.Name, s.Value, want)
			}
		}
	}
}

func TestEveryFaultIsNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ setting, value, says string }{
		{"VICHE_HOST", "https://viche.example", "address, not a host"},
		{"VICHE_HOST", "viche.example:", "no host"},
		{"VICHE_HOST", "viche.example/path", "address, not a host"},
		{"VICHE_HOST", "Viche.example", `"viche.example"`},
		{"VICHE_HOST", "віче.укр", "xn--"},
		{"VICHE_HOST", "viche..example", "no host name"},
		{"VICHE_SCHEME", "ftp", "https, http"},
		{"VICHE_LISTEN", "8420", "HOST:PORT"},
		{"VICHE_DATABASE", "mysql://x", "sqlite:FILE"},
		{"VICHE_DATABASE", "sqlite:", "no file"},
		{"VICHE_DATABASE", "postgres:///", "neither database"},
		{"VICHE_ROLE", "town", "city, coordinator"},
		{"VICHE_TERRITORY", "Кам'янське", "UA and 17 digits"},
		{"VICHE_TERRITORY", "UA", "UA and 17 digits"},
		{"VICHE_COORDINATOR", "ukraine.example", "scheme and host"},
		{"VICHE_COORDINATOR", "http://localhost:8420", "own address"},
		{"VICHE_COORDINATOR_KEY", "z6Mk", "multibase"},
		{"VICHE_COORDINATOR_KEY", "z6Mk", "VICHE_COORDINATOR is not"},
		{"VICHE_SPHERES", "ecology,magic", `"magic" is no sphere`},
		{"VICHE_SPHERES", ",", "none is open"},
		{"VICHE_ALLOW_PRIVATE", "10.0.0.0/33", "no network"},
		{"VICHE_TRUSTED_PROXIES", "proxy", "no network"},
		{"VICHE_TLS", "on", "acme"},
		{"VICHE_TLS", "acme", "speaks no TLS"},
		{"VICHE_SMTP_URL", "mail.example:25", "smtp://"},
		{"VICHE_LOG", "loud", "debug, info, warn, error"},
		{"VICHE_REGISTRATION", "maybe", "open, approval, closed"},
		{"VICHE_K", "ten", "no whole number"},
		{"VICHE_K", "0", "1 or more"},
		{"VICHE_STEP", "-1", "1 or more"},
		{"VICHE_SNAPSHOT_EVERY", "10", "no time span"},
		{"VICHE_SNAPSHOT_EVERY", "0s", "above zero"},
		{"VICHE_TALLY_EVERY", "-1h", "above zero"},
		{"VICHE_GRACE", "0s", "above zero"},
		{"VICHE_MIGRATE", "perhaps", "true or false"},
		{"VICHE_DATABASE_FILE", "/no/such/file", "no such file"},
	} {
		_, faults := from(map[string]string{tt.setting: tt.value})
		found := false
		for _, f := range faults {
			found = found || f.Setting == tt.setting && strings.Contains(f.Error(), tt.says)
		}
		if !found {
			t.Errorf("%s=%s: got %v, want a fault that says %q", tt.setting, tt.value, faults, tt.says)
		}
		if err := Faults(faults); err == nil {
			t.Errorf("%s=%s: Faults = nil, want an error", tt.setting, tt.value)
		}
	}
}

func TestFaultsAreToldTogether(t *testing.T) {
	t.Parallel()
	_, faults := from(map[string]string{"VICHE_K": "x", "VICHE_TLS": "x", "VICHE_LOG": "x"})
	if len(faults) != 3 {
		t.Errorf("got %d faults, want 3: %v", len(faults), faults)
	}
}

func TestAPublicInstanceProtectsSmallGroups(t *testing.T) {
	t.Parallel()
	public := map[string]string{"VICHE_HOST": "viche.example", "VICHE_TERRITORY": home}
	for setting, value := range map[string]string{"VICHE_K": "9", "VICHE_STEP": "9", "VICHE_SNAPSHOT_EVERY": "9m59s"} {
		if _, faults := from(map[string]string{setting: value}); len(faults) > 0 {
			t.Errorf("%s=%s on a laptop: %v", setting, value, faults)
		}
		values := map[string]string{setting: value}
		for k, v := range public {
			values[k] = v
		}
		_, faults := from(values)
		if len(faults) != 1 || faults[0].Setting != setting || !strings.Contains(faults[0].Problem, "public instance") {
			t.Errorf("%s=%s on a public instance: %v, want one fault", setting, value, faults)
		}
	}
	if _, faults := from(map[string]string{"VICHE_SCHEME": "https"}); len(faults) != 2 {
		t.Errorf("https without host and territory: %v, want two faults", faults)
	}
	public["VICHE_COORDINATOR"] = "http://ukraine.example"
	if _, faults := from(public); len(faults) != 1 {
		t.Errorf("coordinator over http: %v, want one fault", faults)
	}
}

func TestSecretsComeFromFilesAndStayHidden(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "database")
	if err := os.WriteFile(path, []byte("postgres://viche:pa55@db/viche?password=pa55\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, faults := from(map[string]string{
		"VICHE_DATABASE":      "sqlite:/data/viche.db", // of an image, say
		"VICHE_DATABASE_FILE": path,
		"VICHE_SMTP_URL":      "smtps://me:pa55@mail.example",
		"VICHE_METRICS_TOKEN": "pa55",
	})
	if len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	if want := "postgres://viche:pa55@db/viche?password=pa55"; c.Database != want {
		t.Errorf("Database = %q, want %q", c.Database, want)
	}
	shown := string(Format(c.Shown()))
	if strings.Contains(shown, "pa55") || !strings.Contains(shown, "postgres://…@db/viche?…") {
		t.Errorf("shown:\n%s", shown)
	}
	for _, value := range []string{"postgres://viche:pa55@db:x/viche", "viche:pa55@db"} {
		_, faults := from(map[string]string{"VICHE_DATABASE": value})
		if err := Faults(faults); err == nil || strings.Contains(err.Error(), "pa55") {
			t.Errorf("fault of %q: %v, want one without the password", value, err)
		}
		c := Config{Database: value}
		if shown := string(Format(c.Shown())); strings.Contains(shown, "pa55") {
			t.Errorf("shown of %q:\n%s", value, shown)
		}
	}
}

func TestAFileGivesBackWhatFormatWrote(t *testing.T) {
	t.Parallel()
	want := Defaults()
	want.Name = `Кам’янське "на Дніпрі" # = \`
	want.Coordinator = "http://ukraine.localhost:8420"
	want.TallyEvery = time.Second
	want.AllowPrivate = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	path := filepath.Join(t.TempDir(), "settings.env")
	if err := os.WriteFile(path, append([]byte("# a demo\n\n"), Format(want.Settings())...), 0o600); err != nil {
		t.Fatal(err)
	}
	values, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := from(values); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAFilesMistakesNameTheirLine(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"VICHE_K=1\nVICHE_STEP":      "line 2: want NAME=VALUE",
		"VICHE_K=1\nVICHE_K=2":       "line 2: VICHE_K stands there twice",
		"\n\nVICHE_NAME=\"half":      "line 3: the quotes",
		"export VICHE_NAME=Viche":    "line 1: want NAME=VALUE",
		"VICHE_NAME=\"a\" # comment": "line 1: the quotes",
	} {
		path := filepath.Join(t.TempDir(), "settings")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("ReadFile(%q): %v, want %q", text, err, says)
		}
	}
}

func TestMistypedNamesAreTold(t *testing.T) {
	t.Parallel()
	list := Unknown([]string{"PATH", "VICHE_HOST", "VICHE_SMTP_URL_FILE", "VICHE_TEST_POSTGRES", "VICHE_TERITORY", "VICHE_COLOUR"})
	if len(list) != 2 || list[0].Setting != "VICHE_COLOUR" || !strings.Contains(list[1].Problem, "is VICHE_TERRITORY meant?") {
		t.Errorf("Unknown = %v", list)
	}
	if err := Faults(list); err != nil {
		t.Errorf("a mistyped name keeps the instance from starting: %v", err)
	}
}
