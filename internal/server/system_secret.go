package server

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"hydra/internal/config"
	"hydra/internal/secret"
)

// secretFile is the name of the generated system secret in the data directory.
const secretFile = "system-secret"

// systemSecrets returns the secrets that wrap the key ring: the configured
// ones, or one that is made at the first start and kept in the data directory.
// made is the file that this call wrote, if it did.
func systemSecrets(c *config.Config, log *slog.Logger) (secrets []string, made string, err error) {
	for _, s := range c.Secrets.System {
		secrets = append(secrets, string(s))
	}
	switch {
	case len(secrets) > 0:
		return secrets, "", nil
	case c.Memory():
		return []string{newSecret()}, "", nil // gone with the data that it protects
	case !c.Embedded && !c.Dev:
		return nil, "", errors.New("secrets.system (SYSTEM_SECRET) is not set: a database that other nodes may share needs a secret that they share, of at least 16 bytes")
	}
	if err := makeDataDir(c.DataDir); err != nil {
		return nil, "", err
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return nil, "", err
	}
	name := filepath.Join(dir, secretFile)
	s, err := readSecret(name, log)
	if errors.Is(err, fs.ErrNotExist) {
		if err := writeSecret(name, newSecret()); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, "", fmt.Errorf("keep the generated system secret: %w", err)
		} else if err == nil {
			made = name
			log.Info("A system secret was generated. Back it up together with the database: without it nothing in there can be read.", "file", name)
		}
		s, err = readSecret(name, log)
	}
	if err != nil {
		return nil, "", fmt.Errorf("read the system secret: %w", err)
	}
	return []string{s}, made, nil
}

func newSecret() string { return base64.RawURLEncoding.EncodeToString(secret.Bytes(32)) }

// makeDataDir makes the directory for nobody else's eyes. One that exists
// keeps its mode.
func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	return nil
}

func readSecret(name string, log *slog.Logger) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		log.Warn("Others may read the system secret: run chmod 600.", "file", name)
	}
	data, err := os.ReadFile(name) //nolint:gosec // the operator names the directory
	if err != nil {
		return "", err
	}
	s := strings.TrimSpace(string(data))
	if len(s) < secret.MinSystemSecret {
		return "", fmt.Errorf("%s has fewer than %d bytes", name, secret.MinSystemSecret)
	}
	return s, nil
}

// writeSecret makes the file whole or not at all: of two first starts at once
// one gets fs.ErrExist, and a crash leaves no half of a secret behind.
func writeSecret(name, s string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), secretFile+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(s + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes the new name itself survive a power loss.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator names the directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
