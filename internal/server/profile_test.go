package server

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"hydra/internal/config"
)

// Each kind of profile is a file for "go tool pprof" when the server has
// stopped, for its owner's eyes.
//
// Not parallel: profiles are of the whole process.
func TestProfile(t *testing.T) {
	for kind, sample := range map[string]string{"cpu": "cpu", "mem": "alloc_objects", "mutex": "contentions", "block": "contentions"} {
		dir := filepath.Join(t.TempDir(), "data")
		end, err := Profile(&config.Config{Profiling: kind, DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, kind+".pprof")
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has the mode %o", name, mode)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, err := io.ReadAll(z)
		if err != nil || !bytes.Contains(body, []byte(sample)) {
			t.Errorf("%s: %v; it has no samples %q", name, err, sample)
		}
	}
}

// Without the option nothing is made.
func TestNoProfile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	end, err := Profile(&config.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory: %v", err)
	}
}
