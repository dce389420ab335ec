package config

import (
	"fmt"
	"strings"
)

// option is one line of the table.
type option struct {
	Key     string
	Default string // as it would stand in the environment
	Env     []string
	Flag    string // name of the command-line flag, without dashes
	Doc     string // meaning and unit: sentences
	Allowed string // what a value may be, in words; the type's own words when empty

	// Was lists keys of earlier releases that mean the same.
	Was []string
	// Else names a key whose value counts when this one is not set: serve.tls.*
	// is for both ports.
	Else string

	// Secret values are never printed, and can be read from the file that the
	// environment name with _FILE at its end points to.
	Secret bool
	// Inert options are accepted, because some release of the original knew
	// them, and have no effect here; the text says why. Quiet ones are not
	// worth a warning.
	Inert string
	Quiet bool
	// Tree accepts anything below the key too.
	Tree bool

	// bind returns where the value goes: *string, *oauth.Secret, *bool, *int,
	// *time.Duration, *os.FileMode, *[]string, *[]oauth.Secret, *[]netip.Prefix, *[]AdminToken or *[]AdminCertificate. It is
	// nil for an inert option and for one that only others refer to by Else.
	bind func(*Config) any
	// check refuses values that parse and still make no sense.
	check func(any) error
}

// env returns every environment name, the present one first: the key in upper
// case with underscores, as the original derives it since 1.0.
func (o *option) env() []string {
	return append([]string{envName(o.Key)}, o.Env...)
}

func envName(key string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

// problem is one thing that stops the start.
type problem struct {
	where string // "hydra.yml:12", "environment variable DSN", "flag --config"
	key   string
	what  string
}

func (p problem) Error() string {
	switch {
	case p.where == "" && p.key == "":
		return p.what
	case p.where == "":
		return fmt.Sprintf("%s: %s", p.key, p.what)
	case p.key == "":
		return fmt.Sprintf("%s: %s", p.where, p.what)
	}
	return fmt.Sprintf("%s: %s: %s", p.where, p.key, p.what)
}

// index finds options by key, by former key and by environment name.
type index struct {
	keys map[string]*option // present and former keys
	envs map[string][]*option
	rc   map[string][]*option // names that are not derived from the key, in lower case: keys of an rc file
}

var table = buildIndex()

func buildIndex() *index {
	x := &index{keys: map[string]*option{}, envs: map[string][]*option{}, rc: map[string][]*option{}}
	for i := range options {
		o := &options[i]
		for _, k := range append([]string{o.Key}, o.Was...) {
			if x.keys[k] != nil {
				panic("config: two options have the key " + k)
			}
			x.keys[k] = o
			if k != o.Key {
				x.envs[envName(k)] = append(x.envs[envName(k)], o)
			}
		}
		for _, name := range o.env() {
			x.envs[name] = append(x.envs[name], o)
		}
		for _, name := range o.Env {
			x.rc[strings.ToLower(name)] = append(x.rc[strings.ToLower(name)], o)
		}
	}
	return x
}

// nearest returns the known key that is most like the unknown one, or "".
func (x *index) nearest(unknown string) string {
	best, distance := "", len(unknown)/3+2
	last := unknown[strings.LastIndexByte(unknown, '.')+1:]
	for i := range options {
		key := options[i].Key
		d := editDistance(unknown, key)
		if key[strings.LastIndexByte(key, '.')+1:] == last && d > 2 {
			d = 2 + (d-2)/4 // the right word in the wrong section
		}
		if d < distance {
			best, distance = key, d
		}
	}
	return best
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
