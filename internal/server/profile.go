package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"

	"hydra/internal/config"
)

// Profile begins the profile of the process that the option "profiling" asks
// for. end writes it to a file in the data directory: call it when the server
// has stopped.
func Profile(c *config.Config) (end func() error, err error) {
	if c.Profiling == "" {
		return func() error { return nil }, nil
	}
	if err := makeDataDir(c.DataDir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(c.DataDir, c.Profiling+".pprof"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("profiling: %w", err)
	}
	if err := beginProfile(c.Profiling, f); err != nil {
		return nil, fmt.Errorf("profiling: %w", errors.Join(err, f.Close()))
	}
	return func() error {
		if err := errors.Join(writeProfile(c.Profiling, f), f.Close()); err != nil {
			return fmt.Errorf("profiling: %w", err)
		}
		return nil
	}, nil
}

func beginProfile(kind string, f *os.File) error {
	switch kind {
	case "cpu":
		return pprof.StartCPUProfile(f)
	case "mutex":
		runtime.SetMutexProfileFraction(1)
	case "block":
		runtime.SetBlockProfileRate(1)
	}
	return nil
}

func writeProfile(kind string, f *os.File) error {
	switch kind {
	case "cpu":
		pprof.StopCPUProfile()
		return nil
	case "mem":
		return pprof.Lookup("allocs").WriteTo(f, 0)
	case "mutex":
		defer runtime.SetMutexProfileFraction(0)
	case "block":
		defer runtime.SetBlockProfileRate(0)
	}
	return pprof.Lookup(kind).WriteTo(f, 0)
}
