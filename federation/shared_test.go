package federation

import (
	"os"
	"path/filepath"
	"testing"
)

// shared finds a folder of sample data beside the repository, or skips.
func shared(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		found := filepath.Join(dir, "shared", "data", name)
		if _, err := os.Stat(found); err == nil {
			return found
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skipf("shared/data is absent: no %s to test with", name)
		}
		dir = up
	}
}
