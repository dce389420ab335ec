package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
)

// profile begins the profile that the option "profiling" asks for. end writes
// it to a file in the directory: what it tells is complete when the server has
// stopped.
func profile(kind, dir string) (end func() error, err error) {
	if kind == "" {
		return func() error { return nil }, nil
	}
	name := filepath.Join(dir, kind+".pprof")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("profiling: %w", err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("profiling: %w", err)
	}
	write := func(name string) error { return pprof.Lookup(name).WriteTo(f, 0) }
	switch kind {
	case "cpu":
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		write = func(string) error {
			pprof.StopCPUProfile()
			return nil
		}
	case "mem":
		kind = "allocs"
	case "mutex":
		runtime.SetMutexProfileFraction(1)
	case "block":
		runtime.SetBlockProfileRate(1)
	}
	return func() error {
		err := errors.Join(write(kind), f.Close())
		runtime.SetMutexProfileFraction(0)
		runtime.SetBlockProfileRate(0)
		if err != nil {
			return fmt.Errorf("profiling: %w", err)
		}
		return nil
	}, nil
}
