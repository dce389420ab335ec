package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Flag is an option that was given on the command line.
type Flag struct{ Name, Value string }

// Input is where values come from, the weakest first.
type Input struct {
	Files   []string // -c, later ones win
	Environ []string // "NAME=value", as os.Environ returns them
	Flags   []Flag
}

// setting is the value of an option and where it came from.
type setting struct {
	option *option
	raw    raw
	set    bool // not the default
}

// maxSecretFile bounds what a name with _FILE points to.
const maxSecretFile = 64 << 10

// Load reads the configuration. The error lists everything that must be
// repaired, a line each: the file and line, variable or flag, the key, and
// what is allowed. It repeats no value of a secret.
func Load(in Input) (*Config, error) {
	l := loader{values: map[*option]raw{}}
	for _, name := range in.Files {
		l.file(name)
	}
	l.environment(in.Environ)
	for _, f := range in.Flags {
		l.flag(f)
	}
	c := l.fill()
	if len(l.problems) == 0 {
		l.problems = append(l.problems, c.settle()...)
	}
	if len(l.problems) > 0 {
		return nil, errors.Join(l.problems...)
	}
	return c, nil
}

type loader struct {
	values   map[*option]raw
	problems []error
	warnings []string
}

func (l *loader) refuse(where, key, what string) {
	l.problems = append(l.problems, problem{where, key, what})
}

func (l *loader) file(name string) {
	data, err := readFile(name, maxFile)
	if err != nil {
		l.problems = append(l.problems, err)
		return
	}
	l.document(name, data)
}

func (l *loader) document(name string, data []byte) {
	entries, err := parseFile(name, data)
	if err != nil {
		l.problems = append(l.problems, err)
		return
	}
	for _, e := range entries {
		known := l.lookup(e.key)
		switch {
		case len(known) > 0 && e.value:
			_, present := table.keys[e.key]
			e.raw.rc = !present
			for _, o := range known {
				l.values[o] = e.raw
			}
		case len(known) > 0 && !known[0].Tree && !isKnownSection(e.key) && isSection(entries, e.key):
			l.refuse(e.where, e.key, "must be a value, not a section")
		case len(known) > 0 || isKnownSection(e.key) && !e.value || inTree(e.key):
		case isKnownSection(e.key):
			l.refuse(e.where, e.key, "is a section and has no value of its own")
		case isSection(entries, e.key): // its entries will be refused
		default:
			what := "is not an option of this server or of any release of Hydra"
			if near := table.nearest(e.key); near != "" {
				what += "; did you mean " + near + "?"
			}
			l.refuse(e.where, e.key, what)
		}
	}
}

// lookup finds the options that a key in a file stands for: one, or those of
// an rc name.
func (l *loader) lookup(key string) []*option {
	if o := table.keys[key]; o != nil {
		return []*option{o}
	}
	return table.rc[strings.ToLower(key)]
}

func isSection(entries []entry, key string) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return strings.HasPrefix(e.key, key+".") })
}

func isKnownSection(key string) bool {
	for k := range table.keys {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

// inTree reports whether the key lies below an option that takes anything.
func inTree(key string) bool {
	for i := strings.LastIndexByte(key, '.'); i > 0; i = strings.LastIndexByte(key[:i], '.') {
		if o := table.keys[key[:i]]; o != nil && o.Tree {
			return true
		}
	}
	return false
}

// environment takes the variables that are names of options. Names of rc
// are weaker than those made from the key.
func (l *loader) environment(environ []string) {
	vars := map[string]string{}
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok && value != "" { // empty counts as unset
			vars[name] = value
		}
	}
	for i := range options {
		o := &options[i]
		names := o.env()
		for _, was := range o.Was {
			names = append(names, envName(was))
		}
		for at, name := range names {
			r, ok := l.variable(o, name, at > 0, vars)
			if ok {
				l.values[o] = r
				break
			}
		}
	}
}

// variable reads one name, or the file that its twin with _FILE points to.
func (l *loader) variable(o *option, name string, older bool, vars map[string]string) (raw, bool) {
	r := raw{text: vars[name], whole: older && o.Secret, rc: older, source: "environment variable " + name}
	file := vars[name+"_FILE"]
	if !o.Secret || file == "" {
		return r, r.text != ""
	}
	where := "environment variable " + name + "_FILE"
	if r.text != "" {
		l.refuse(where, o.Key, name+" is set, too, and only one of them may be")
		return r, true
	}
	data, err := readFile(file, maxSecretFile)
	if err != nil {
		l.refuse(where, o.Key, err.Error())
		return r, false
	}
	r = raw{text: strings.TrimRight(string(data), "\r\n"), rc: older, source: where}
	if strings.Contains(r.text, "\n") && strings.HasPrefix(o.Key, "secrets.") {
		r.isList = true
		for s := range strings.Lines(r.text) {
			if s = strings.TrimSpace(s); s != "" {
				r.list = append(r.list, s)
			}
		}
	} else {
		r.whole = true
	}
	if r.text == "" {
		l.refuse(where, o.Key, "the file is empty")
	}
	return r, true
}

func (l *loader) flag(f Flag) {
	for i := range options {
		if o := &options[i]; o.Flag == f.Name {
			l.values[o] = raw{text: f.Value, source: "flag --" + f.Name}
			return
		}
	}
	l.refuse("flag --"+f.Name, "", "is not an option")
}

// fill parses all values into their places.
func (l *loader) fill() *Config {
	c := &Config{}
	for i := range options {
		o := &options[i]
		r, set := l.values[o]
		if !set && o.Else != "" && !l.hasTwin(o) {
			r, set = l.values[table.keys[o.Else]]
		}
		if o.Inert != "" {
			if set && !o.Quiet {
				l.warnings = append(l.warnings, fmt.Sprintf("%s: %s has no effect: %s", r.source, o.Key, o.Inert))
			}
			continue
		}
		if o.bind == nil {
			continue
		}
		if !set {
			r = raw{text: o.Default, source: "default"}
		}
		if err := o.assign(c, r); err != nil {
			l.refuse(r.source, o.Key, err.Error())
		}
		c.settings = append(c.settings, setting{o, r, set})
	}
	c.warnings = l.warnings
	return c
}

// hasTwin reports whether the same thing was set in the other form, as a path
// or in base64. A port's own certificate goes before the shared one in any form.
func (l *loader) hasTwin(o *option) bool {
	for _, forms := range [][2]string{{".path", ".base64"}, {".base64", ".path"}} {
		if stem, ok := strings.CutSuffix(o.Key, forms[0]); ok {
			_, set := l.values[table.keys[stem+forms[1]]]
			return set
		}
	}
	return false
}

func (o *option) assign(c *Config, r raw) error {
	into := o.bind(c)
	err := r.parse(into)
	if err == nil && o.check != nil {
		err = o.check(into)
	}
	if !errors.Is(err, errNotAllowed) {
		return err
	}
	shown := "the value"
	if !o.Secret && len(r.text) < 100 && !r.isList {
		shown = fmt.Sprintf("%q", r.text)
	}
	return fmt.Errorf("%s is not allowed; allowed: %s", shown, strings.ReplaceAll(o.allowed(), "`", ""))
}

// HasFlag reports whether an option can be given by the command-line flag.
func HasFlag(name string) bool {
	for i := range options {
		if options[i].Flag == name {
			return true
		}
	}
	return false
}
