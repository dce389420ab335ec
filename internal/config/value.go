package config

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"hydra/internal/oauth"
)

// raw is a value as somebody wrote it.
type raw struct {
	text    string
	list    []string // when isList
	isList  bool
	objects bool   // some elements of the list are objects, written as JSON
	whole   bool   // the text is one element, commas included
	rc      bool   // under a name of v1.0.0-rc, which may mean something slightly else
	source  string // "hydra.yml:12", "environment variable DSN", "flag --dsn"
}

// elements are the entries of a list: those of a YAML sequence, or of a text
// with commas.
func (r raw) elements() []string {
	switch {
	case r.isList:
		return r.list
	case r.text == "":
		return nil
	case r.whole:
		return []string{r.text}
	}
	var list []string
	for s := range strings.SplitSeq(r.text, ",") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// parse writes the value to where it belongs. Errors never repeat the value.
func (r raw) parse(into any) error {
	if r.isList {
		switch into.(type) {
		case *[]AdminToken, *[]AdminCertificate:
		case *[]string, *[]oauth.Secret, *[]netip.Prefix:
			if r.objects {
				return errNotAllowed
			}
		default:
			return fmt.Errorf("must be one value, not a list")
		}
	}
	switch into := into.(type) {
	case *string:
		*into = r.text
	case *oauth.Secret:
		*into = oauth.Secret(r.text)
	case *bool:
		v, err := strconv.ParseBool(r.text)
		if err != nil {
			return errNotAllowed
		}
		*into = v
	case *int:
		v, err := strconv.Atoi(r.text)
		if err != nil {
			return errNotAllowed
		}
		*into = v
	case *os.FileMode:
		v, err := strconv.ParseUint(r.text, 0, 32)
		if err != nil || v > 0o777 {
			return errNotAllowed
		}
		*into = os.FileMode(v)
	case *time.Duration:
		v, err := parseDuration(r.text)
		if err != nil {
			return errNotAllowed
		}
		*into = v
	case *[]string:
		*into = r.elements()
	case *[]oauth.Secret:
		var list []oauth.Secret
		for _, s := range r.elements() {
			list = append(list, oauth.Secret(s))
		}
		*into = list
	case *[]netip.Prefix:
		var list []netip.Prefix
		for _, s := range r.elements() {
			p, err := parsePrefix(s)
			if err != nil {
				return errNotAllowed
			}
			list = append(list, p)
		}
		*into = list
	case *[]AdminToken:
		list, err := r.adminTokens()
		*into = list
		return err
	case *[]AdminCertificate:
		list, err := r.adminCertificates()
		*into = list
		return err
	default:
		panic(fmt.Sprintf("config: no parser for %T", into))
	}
	return nil
}

// parseDuration reads 1h30m and the like; a bare number must be 0 or -1,
// which stands for ever. Other negative durations mean the same.
func parseDuration(s string) (time.Duration, error) {
	if s == "-1" {
		return Forever, nil
	}
	d, err := time.ParseDuration(s)
	if d < 0 {
		d = Forever
	}
	return d, err
}

// parsePrefix reads a network in CIDR notation, or a single address.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// allowed says in words what a value may be.
func (o *option) allowed() string {
	if o.Allowed != "" || o.bind == nil {
		return o.Allowed
	}
	switch o.bind(new(Config)).(type) {
	case *bool:
		return "`true` or `false`"
	case *int:
		return "a number"
	case *os.FileMode:
		return "a file mode such as 0755"
	case *time.Duration:
		return "a duration, such as 90s, 30m or 720h"
	case *[]netip.Prefix:
		return "a list of networks such as 10.0.0.0/8"
	case *[]string:
		return "a list"
	case *[]oauth.Secret:
		return "a list of secrets"
	}
	return "text"
}

// duration writes a duration without the zeros that time.Duration adds.
func duration(d time.Duration) string {
	if d == Forever {
		return "-1"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
