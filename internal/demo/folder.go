package demo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"viche/internal/city"
)

// place is where one of the four stands.
type place struct {
	name, host string
	territory  string
	label      string // of the instance; empty: the territory's name
}

// places are the four, the coordinator last.
var places = []place{
	{"kamianske", "kamianske.localhost", "UA12040150010056523", ""},
	{"lviv", "lviv.localhost", "UA46060250010015970", ""},
	{"kharkiv", "kharkiv.localhost", "UA63120270010096107", ""},
	{"ukraine", "ukraine.localhost", "UA", "Україна"},
}

// variable are the settings that the environment may change in a demo. The
// others are what makes it one.
var variable = []string{
	"VICHE_K", "VICHE_STEP", "VICHE_SNAPSHOT_EVERY", "VICHE_TALLY_EVERY", "VICHE_RENEW_EVERY", "VICHE_GRACE",
	"VICHE_LOG", "VICHE_REGISTRATION", "VICHE_SECOND_MODERATOR", "VICHE_METRICS_TOKEN",
}

// quick are settings that let somebody who looks at a demo see their own vote
// move the country's total within half a minute. A real city has longer spans
// and a larger step.
var quick = map[string]string{
	"VICHE_STEP": "1", "VICHE_SNAPSHOT_EVERY": "10s", "VICHE_TALLY_EVERY": "10s", "VICHE_RENEW_EVERY": "10s", "VICHE_GRACE": "10s",
	"VICHE_LOG": "warn",
}

// config gives the settings of one instance.
func (d *Demo) config(p place) (city.Config, error) {
	folder, port := d.folder(p), strconv.Itoa(d.port())
	values := map[string]string{
		"VICHE_HOST":          net.JoinHostPort(p.host, port),
		"VICHE_SCHEME":        "http",
		"VICHE_LISTEN":        net.JoinHostPort("127.0.0.1", port),
		"VICHE_DATA":          folder,
		"VICHE_DATABASE":      "sqlite:" + filepath.Join(folder, "viche.db"),
		"VICHE_ROLE":          city.RoleCity,
		"VICHE_TERRITORY":     p.territory,
		"VICHE_NAME":          p.label,
		"VICHE_COORDINATOR":   "http://" + net.JoinHostPort(places[len(places)-1].host, port),
		"VICHE_OPERATOR":      "ГО «Зразкова громада» (вигадана), договір про модерацію № 0",
		"VICHE_ALLOW_PRIVATE": "127.0.0.0/8 ::1/128",
		"VICHE_DEMO":          "true",
	}
	if p == places[len(places)-1] {
		values["VICHE_ROLE"], values["VICHE_COORDINATOR"] = city.RoleCoordinator, ""
	}
	for name, value := range quick {
		values[name] = value
	}
	for _, name := range variable {
		if d.o.Setting == nil {
			break
		}
		if value := d.o.Setting(name); value != "" {
			values[name] = value
		}
	}
	cfg, faults := city.FromEnv(func(name string) string { return values[name] })
	if err := city.Faults(append(faults, cfg.Check()...)); err != nil {
		return cfg, err
	}
	cfg.Clock, cfg.Logger, cfg.Version = d.now, d.o.Log.With("city", p.host), d.o.Version
	return cfg, nil
}

func (d *Demo) folder(p place) string { return city.FolderOf(d.o.Dir, p.host) }

// writeSettings leaves the settings beside the database, so that commands find
// the instance. A folder made for another port is refused: the port is part of
// every address in it.
func (d *Demo) writeSettings(p place, cfg city.Config) error {
	folder := d.folder(p)
	path := filepath.Join(folder, "settings.env")
	switch before, err := city.ReadFile(path); {
	case errors.Is(err, fs.ErrNotExist):
		if err := ours(folder); err != nil {
			return err
		}
	case err != nil:
		return err
	case before["VICHE_HOST"] != cfg.Host && exists(filepath.Join(folder, "viche.db")):
		_, port, _ := net.SplitHostPort(before["VICHE_HOST"]) // without a port: the message still helps
		return fmt.Errorf("demo: %s was made for port %s, which is part of its addresses: use --port %s, another --dir, or --fresh", d.o.Dir, port, port)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	text := bytes.Join([][]byte{[]byte("# Written at each start of the demo.\n"), city.Format(cfg.Settings())}, nil)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// lock takes the folder for one demo.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return func() {}, fmt.Errorf("demo: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "demo.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return func() {}, fmt.Errorf("demo: %w", err)
	}
	if err := hold(f); err != nil {
		return func() {}, fmt.Errorf("another demo already runs on %s: end it, or take another --dir and --port", dir)
	}
	return func() { _ = f.Close() }, nil
}

// hold takes a lock that ends with the file's being closed, which it does
// itself when somebody else has it.
func hold(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		_ = f.Close()
	}
	return err
}

// empty deletes the folders of the four instances and nothing else. A folder
// that no demo made, or that a server works on, is left alone.
func empty(dir string) error {
	var folders []string
	for _, p := range places {
		folder := city.FolderOf(dir, p.host)
		if !exists(folder) {
			continue
		}
		if err := ours(folder); err != nil {
			return err
		}
		folders = append(folders, folder)
	}
	for _, folder := range folders {
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	return nil
}

// ours tells whether a folder is missing, empty, or an instance that a demo
// made and that no server holds.
func ours(folder string) error {
	list, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(list) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	settings, err := city.ReadFile(filepath.Join(folder, "settings.env"))
	if err != nil || settings["VICHE_DEMO"] != "true" {
		return fmt.Errorf("demo: %s was not made by a demo, so it is left alone: move it, or take another --dir", folder)
	}
	f, err := os.Open(filepath.Join(folder, "viche.db.lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := hold(f); err != nil {
		return fmt.Errorf("demo: a server runs on %s: end it first", folder)
	}
	return f.Close()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
