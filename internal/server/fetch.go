package server

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"

	"hydra/internal/config"
	"hydra/internal/key"
)

// newFetcher makes the client that calls the URLs which clients name.
func newFetcher(c *config.Config) (*key.Fetcher, error) {
	f := &key.Fetcher{
		Reach:     key.Reach{Any: !c.Fetch.PublicOnly, Networks: c.Fetch.AllowedNetworks},
		PlainHTTP: c.Dev,
	}
	for _, text := range c.Fetch.ExceptURLs {
		p, err := key.ParseURLPattern(text)
		if err != nil {
			return nil, fmt.Errorf("clients.http.private_ip_exception_urls: %w", err)
		}
		f.Reach.URLs = append(f.Reach.URLs, p)
	}
	if c.Fetch.CAFile == "" {
		return f, nil
	}
	text, err := os.ReadFile(c.Fetch.CAFile)
	if err != nil {
		return nil, fmt.Errorf("clients.http.ca_file: %w", err)
	}
	if f.Roots, err = x509.SystemCertPool(); err != nil {
		return nil, fmt.Errorf("clients.http.ca_file: the authorities of the system: %w", err)
	}
	if !f.Roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("clients.http.ca_file: %s has no PEM certificate", c.Fetch.CAFile)
	}
	return f, nil
}

// document fetches a JSON document for package client.
func document(f *key.Fetcher) func(context.Context, string) ([]byte, error) {
	return func(ctx context.Context, url string) ([]byte, error) {
		body, _, err := f.Get(ctx, url, key.FetchLimits{Types: key.JSONTypes()})
		return body, err
	}
}
