package server

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"hydra/internal/config"
)

// certificate is a certificate with its key, read again when one of its files
// has changed, so that a renewal needs no restart.
type certificate struct {
	files [2]string // of the chain and the key; empty for one given in the configuration
	log   *slog.Logger
	now   func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	stamps  [2]stamp
	checked time.Time
}

// stamp is what tells that a file has changed.
type stamp struct {
	size  int64
	mtime time.Time
}

// checkEvery bounds how often the files are looked at.
const checkEvery = time.Second

// newCertificate loads the certificate of a port.
func newCertificate(c config.TLS, log *slog.Logger, now func() time.Time) (*certificate, error) {
	k := &certificate{log: log, now: now, checked: now()}
	if c.CertPEM != "" && c.KeyPEM != "" {
		pair, err := tls.X509KeyPair([]byte(c.CertPEM), []byte(c.KeyPEM))
		k.current = &pair
		return k, err
	}
	if c.CertPath == "" || c.KeyPath == "" {
		return nil, errors.New("certificate and key must both be given in base64, or both as paths")
	}
	k.files = [2]string{c.CertPath, c.KeyPath}
	stamps, err := k.stat()
	if err != nil {
		return nil, err
	}
	k.stamps = stamps
	pair, err := tls.LoadX509KeyPair(c.CertPath, c.KeyPath)
	k.current = &pair
	return k, err
}

func (k *certificate) stat() (stamps [2]stamp, err error) {
	for i, name := range k.files {
		info, err := os.Stat(name)
		if err != nil {
			return stamps, err
		}
		stamps[i] = stamp{info.Size(), info.ModTime()}
	}
	return stamps, nil
}

// get is tls.Config.GetCertificate.
func (k *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if k.files[0] == "" || now.Sub(k.checked) < checkEvery {
		return k.current, nil
	}
	k.checked = now
	stamps, err := k.stat()
	if err == nil && stamps == k.stamps {
		return k.current, nil
	}
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(k.files[0], k.files[1]); err == nil {
			k.current, k.stamps = &pair, stamps
			k.log.Info("The TLS certificate was read again.", "file", k.files[0])
		}
	}
	if err != nil {
		// Most likely the renewal is writing the second file now.
		k.log.Warn("The TLS certificate cannot be read again; the former one stays in use.", "cause", err)
	}
	return k.current, nil
}

// tlsConfig is for a port that serves TLS.
func (k *certificate) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: k.get,
		NextProtos:     []string{"h2", "http/1.1"},
	}
}
