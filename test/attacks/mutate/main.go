// Mutate shows that the attack tests would notice a missing guard. It copies the
// module, makes every guard of the table a switch, builds the tests once, and
// runs each test with its guards off: it must fail. With all guards on the same
// binary must pass.
//
//	go run ./test/attacks/mutate            all of them, as a table
//	go run ./test/attacks/mutate 05 31      some
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// A guard is a place in the code that keeps attacks out: a condition, or with
// put what stands there instead when it is off. One that several attacks share
// is off for each of them alone.
type guard struct {
	attacks string // "05", or several: "01 04"
	file    string
	place   string // the function
	text    string // what stands there, once in the file
	put     string // "" for a condition, which is then never true
}

func run(only []string) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "viche-mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := copyTree(root, dir); err != nil {
		return err
	}
	lost, err := install(dir)
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "attacks.test")
	build := exec.Command("go", "test", "-c", "-o", binary, "./test/attacks")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build with switches: %w\n%s", err, out)
	}
	if err := sound(dir, binary, only); err != nil {
		return err
	}
	fmt.Println("| Attack | Guard | Without it |\n|---|---|---|")
	survived := 0
	for _, id := range attacks() {
		if len(only) > 0 && !slices.Contains(only, id) {
			continue
		}
		result := try(dir, binary, id)
		if result != "the test fails" {
			survived++
		}
		fmt.Printf("| %s | %s | %s |\n", id, places(id), result)
	}
	for _, l := range lost {
		fmt.Fprintln(os.Stderr, "not found:", l)
	}
	if survived+len(lost) > 0 {
		return fmt.Errorf("%d tests do not notice, %d guards were not found", survived, len(lost))
	}
	return nil
}

func attacks() (out []string) {
	for _, g := range guards {
		for _, id := range strings.Fields(g.attacks) {
			if !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return out
}

func places(id string) string {
	var out []string
	for _, g := range guards {
		if slices.Contains(strings.Fields(g.attacks), id) {
			out = append(out, "`"+g.file+"`: "+g.place)
		}
	}
	return strings.Join(slices.Compact(out), "; ")
}

// tests is the pattern of an attack's tests. "21a" is part of 21.
func tests(id string) string {
	if id != "5b" {
		id = strings.TrimRight(id, "abcdefgh")
	}
	return "^TestAttack" + id + "[A-Z]"
}

// sound makes sure that with every guard on the tests pass: else that one fails
// without its guard would say nothing.
func sound(dir, binary string, only []string) error {
	patterns := []string{}
	for _, id := range attacks() {
		if len(only) == 0 || slices.Contains(only, id) {
			patterns = append(patterns, tests(id))
		}
	}
	c := exec.Command(binary, "-test.run", strings.Join(patterns, "|"), "-test.timeout", "15m")
	c.Dir = filepath.Join(dir, "test", "attacks")
	c.Env = append(os.Environ(), "VICHE_MUTANT=", "VICHE_TEST_POSTGRES=")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("with all guards on: %w\n%s", err, out)
	}
	return nil
}

// try runs the tests of an attack with its guards off.
func try(dir, binary, id string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, binary, "-test.run", tests(id), "-test.timeout", "150s", "-test.failfast")
	c.Dir = filepath.Join(dir, "test", "attacks")
	c.Env = append(os.Environ(), "VICHE_MUTANT="+id, "VICHE_TEST_POSTGRES=")
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil && strings.Contains(string(out), "no tests to run"):
		return "there is no such test"
	case err == nil:
		return "**the test does not notice**"
	case errors.As(err, &exit):
		return "the test fails"
	}
	return err.Error()
}

// install turns the guards into switches and says which were not found.
func install(dir string) (lost []string, err error) {
	files := map[string]string{}
	for _, g := range guards {
		source, ok := files[g.file]
		if !ok {
			raw, err := os.ReadFile(filepath.Join(dir, g.file))
			if err != nil {
				return nil, err
			}
			source = string(raw)
		}
		if strings.Count(source, g.text) != 1 {
			lost = append(lost, fmt.Sprintf("%s: %s: %q stands there %d times", g.attacks, g.file, g.text, strings.Count(source, g.text)))
			continue
		}
		off := `mutant.Off("` + strings.Join(strings.Fields(g.attacks), `", "`) + `")`
		put := strings.ReplaceAll(g.put, "OFF", off)
		if g.put == "" {
			put = "!" + off + " && (" + g.text + ")"
		}
		files[g.file] = strings.Replace(source, g.text, put, 1)
	}
	for name, source := range files {
		source = strings.Replace(source, "import (", "import (\n\t\"viche/internal/mutant\"", 1)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(source), 0o600); err != nil {
			return nil, err
		}
	}
	home := filepath.Join(dir, "internal", "mutant")
	if err := os.MkdirAll(home, 0o750); err != nil {
		return nil, err
	}
	return lost, os.WriteFile(filepath.Join(home, "mutant.go"), []byte(switches), 0o600)
}

const switches = `package mutant

import (
	"os"
	"slices"
)

var which = os.Getenv("VICHE_MUTANT")

func Off(ids ...string) bool { return which != "" && slices.Contains(ids, which) }
`

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == ".git" || d.Name() == "node_modules" || name == "bin" {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, name), 0o750)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), raw, 0o600)
	})
}
