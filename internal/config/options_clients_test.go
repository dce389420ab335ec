package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func loadFetch(t *testing.T, environ ...string) *Config {
	t.Helper()
	c, err := Load(Input{Environ: append([]string{"DSN=memory", "SYSTEM_SECRET=a secret that is long enough"}, environ...)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Whom clients can make the server call is public hosts, unless the operator
// says otherwise, and who opens everything is told what that means.
func TestFetchOptions(t *testing.T) {
	t.Parallel()
	warned := func(c *Config) bool {
		return slices.ContainsFunc(c.Warnings(), func(w string) bool { return strings.Contains(w, "clients.http") })
	}
	c := loadFetch(t)
	if f := c.Fetch; !f.PublicOnly || len(f.ExceptURLs)+len(f.AllowedNetworks) > 0 || f.CAFile != "" || warned(c) {
		t.Errorf("by default: %+v, %q", f, c.Warnings())
	}
	c = loadFetch(t, "CLIENTS_HTTP_DISALLOW_PRIVATE_IP_RANGES=false")
	if c.Fetch.PublicOnly || !warned(c) {
		t.Errorf("opened: %+v, %q", c.Fetch, c.Warnings())
	}
	c = loadFetch(t, "CLIENTS_HTTP_ALLOWED_NETWORKS=10.0.0.0/8,fd00::1", "CLIENTS_HTTP_PRIVATE_IP_EXCEPTION_URLS=https://*.corp/**, http://a/", "CLIENTS_HTTP_CA_FILE=/ca.pem")
	if f := c.Fetch; !slices.Equal(f.AllowedNetworks, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::1/128")}) ||
		!slices.Equal(f.ExceptURLs, []string{"https://*.corp/**", "http://a/"}) || f.CAFile != "/ca.pem" || warned(c) {
		t.Errorf("set: %+v, %q", f, c.Warnings())
	}
	c = loadFetch(t, "DEV=true")
	if f := c.Fetch; !f.PublicOnly || !slices.Equal(f.AllowedNetworks, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}) {
		t.Errorf("in development: %+v", f)
	}
	for _, bad := range []string{"**", "corp", "ftp://corp/", "https://", "https:///", "https://{a,b}/"} {
		_, err := Load(Input{Environ: []string{"DSN=memory", "CLIENTS_HTTP_PRIVATE_IP_EXCEPTION_URLS=" + bad}})
		if err == nil || !strings.Contains(err.Error(), "private_ip_exception_urls") {
			t.Errorf("the pattern %q: %v", bad, err)
		}
	}
}
