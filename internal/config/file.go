package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Bounds of a configuration file. The parser's time grows with the square of
// nesting, so brackets are counted before it runs.
const (
	maxFile     = 128 << 10
	maxBrackets = 1000
	maxEntries  = 5000
)

// entry is one key of a file, its path joined with dots.
type entry struct {
	key   string
	where string
	raw   raw
	value bool // false: a section, or a key without a value
}

// readFile returns at most limit bytes.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return data, err
}

// parseFile reads a YAML document (JSON is YAML) into its entries.
func parseFile(name string, data []byte) ([]entry, error) {
	fail := func(line int, what string) error {
		where := name
		if line > 0 {
			where = fmt.Sprintf("%s:%d", name, line)
		}
		return problem{where: where, what: what}
	}
	switch {
	case len(data) > maxFile:
		return nil, fail(0, fmt.Sprintf("is longer than %d bytes", maxFile))
	case !utf8.Valid(data):
		return nil, fail(0, "is not UTF-8")
	case bytes.IndexByte(data, 0) >= 0:
		return nil, fail(0, "has a NUL byte")
	case bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > maxBrackets:
		return nil, fail(0, fmt.Sprintf("has more than %d brackets", maxBrackets))
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		// The library's error repeats the line, which may hold a secret.
		var detail yaml.Error
		if errors.As(err, &detail) && detail.GetToken() != nil && detail.GetToken().Position != nil {
			return nil, fail(detail.GetToken().Position.Line, "is not YAML: "+detail.GetMessage())
		}
		return nil, fail(0, "is not YAML")
	}
	w := walker{name: name, fail: fail, seen: map[string]int{}, anchors: map[string]ast.Node{}}
	for i, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if i > 0 {
			return nil, fail(line(doc.Body), "has a second document, and only one is read")
		}
		if _, ok := bare(doc.Body).(*ast.NullNode); ok {
			continue
		}
		if err := w.section("", doc.Body); err != nil {
			return nil, err
		}
	}
	return w.entries, nil
}

// walker turns nested sections into entries.
type walker struct {
	name    string
	fail    func(int, string) error
	seen    map[string]int
	anchors map[string]ast.Node
	entries []entry
	visited int
}

func line(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

// bare strips tags.
func bare(n ast.Node) ast.Node {
	for {
		t, ok := n.(*ast.TagNode)
		if !ok {
			return n
		}
		n = t.Value
	}
}

// resolve follows anchors and aliases. Whatever is visited is counted, so
// that aliases of aliases end.
func (w *walker) resolve(n ast.Node) (ast.Node, error) {
	for {
		if w.visited++; w.visited > maxEntries {
			return nil, w.fail(line(n), fmt.Sprintf("has more than %d entries", maxEntries))
		}
		switch v := bare(n).(type) {
		case *ast.AnchorNode:
			w.anchors[v.Name.GetToken().Value] = v.Value
			n = v.Value
		case *ast.AliasNode:
			target, ok := w.anchors[v.Value.GetToken().Value]
			if !ok {
				return nil, w.fail(line(n), "refers to an anchor that does not exist before it")
			}
			n = target
		default:
			return v, nil
		}
	}
}

func (w *walker) section(path string, n ast.Node) error {
	n, err := w.resolve(n)
	if err != nil {
		return err
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if err := w.pair(path, v); err != nil {
				return err
			}
		}
		return nil
	case *ast.MappingValueNode:
		return w.pair(path, n)
	}
	return w.fail(line(n), "must be keys with values, such as `dsn: memory`")
}

func (w *walker) pair(path string, v *ast.MappingValueNode) error {
	if _, merge := v.Key.(*ast.MergeKeyNode); merge {
		return w.section(path, v.Value)
	}
	if v.Key == nil || v.Key.GetToken() == nil {
		return w.fail(line(v), "has a key that is not text")
	}
	key := v.Key.GetToken().Value
	if _, ok := v.Key.(*ast.MappingKeyNode); ok || key == "" || len(key) > 200 {
		return w.fail(line(v.Key), "has a key that is not a short text")
	}
	if path != "" {
		key = path + "." + key
	}
	if strings.Count(key, ".") > 16 {
		return w.fail(line(v.Key), "is nested too deeply")
	}
	value, err := w.resolve(v.Value)
	if err != nil {
		return err
	}
	e := entry{key: key, where: fmt.Sprintf("%s:%d", w.name, line(v.Key))}
	e.raw.source = e.where
	switch value := value.(type) {
	case nil, *ast.NullNode:
	case *ast.MappingNode, *ast.MappingValueNode:
		w.entries = append(w.entries, e)
		return w.section(key, value)
	case *ast.SequenceNode:
		e.value, e.raw.isList = true, true
		for _, item := range value.Values {
			item, err := w.resolve(item)
			if err != nil {
				return err
			}
			text, ok := scalar(item)
			if !ok {
				// A few options take objects. Lists of anything else are for
				// options without effect.
				text, err = w.object(item)
				if err != nil {
					return err
				}
				e.raw.objects = true
			}
			e.raw.list = append(e.raw.list, text)
		}
	default:
		text, ok := scalar(value)
		if !ok {
			return w.fail(line(v.Key), key+" has a value that is not text, a number, true or false")
		}
		e.value, e.raw.text = true, text
	}
	if first, ok := w.seen[key]; ok {
		return w.fail(line(v.Key), fmt.Sprintf("%s stands in line %d already", key, first))
	}
	w.seen[key] = line(v.Key)
	w.entries = append(w.entries, e)
	return nil
}

// object writes a mapping of scalars and of lists of scalars as JSON, and
// anything else as nothing.
func (w *walker) object(n ast.Node) (string, error) {
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	}
	out := map[string]any{}
	for _, p := range pairs {
		if p.Key == nil || p.Key.GetToken() == nil {
			return "", nil
		}
		key := p.Key.GetToken().Value
		if _, twice := out[key]; twice {
			return "", w.fail(line(p.Key), key+" stands there twice")
		}
		value, err := w.resolve(p.Value)
		if err != nil {
			return "", err
		}
		list, isList := value.(*ast.SequenceNode)
		if text, ok := scalar(value); ok {
			out[key] = text
		}
		if !isList {
			continue
		}
		texts := []string{}
		for _, item := range list.Values {
			item, err := w.resolve(item)
			if err != nil {
				return "", err
			}
			if text, ok := scalar(item); ok {
				texts = append(texts, text)
			}
		}
		out[key] = texts
	}
	if len(out) == 0 {
		return "", nil
	}
	data, err := json.Marshal(out)
	return string(data), err
}

// scalar returns the text of a scalar as it stands in the file.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}
