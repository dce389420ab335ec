// Package show writes what a command answers with: as a table for people, or
// as JSON, YAML or a part of either for programs.
package show

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/goccy/go-yaml"
)

// Answer is what a command answers with, in all forms at once.
type Answer struct {
	// IDs are all that is written when a command is to be quiet.
	IDs []string
	// Columns and Rows are the table.
	Columns []string
	Rows    [][]string
	// One writes a single row with its names below one another.
	One bool
	// Notes are names and values beneath a table of many rows.
	Notes [][2]string
	// Value is what programs get, as JSON.
	Value any
}

// Formats names the formats that Parse knows, for help texts.
const Formats = "table, json, json-pretty, yaml, jsonpath=PATH or jsonpointer=POINTER"

// Printer writes answers in one format. The zero value writes tables.
type Printer struct {
	Quiet bool
	kind  string
	path  []step
	text  string // of the path, for errors
}

// Parse reads the name of a format.
func Parse(format string, quiet bool) (Printer, error) {
	p := Printer{Quiet: quiet, kind: format}
	kind, text, ok := strings.Cut(format, "=")
	var err error
	switch {
	case format == "", format == "table", format == "json", format == "json-pretty", format == "yaml":
	case ok && kind == "jsonpath":
		p.kind, p.text = kind, text
		p.path, err = parsePath(text)
	case ok && kind == "jsonpointer":
		p.kind, p.text = kind, text
		p.path, err = parsePointer(text)
	default:
		err = fmt.Errorf("the format %q is unknown; there are %s", format, Formats)
	}
	return p, err
}

// Print writes the answer.
func (p Printer) Print(w io.Writer, a Answer) error {
	if p.Quiet {
		for _, id := range a.IDs {
			if _, err := fmt.Fprintln(w, Printable(id)); err != nil {
				return err
			}
		}
		return nil
	}
	switch p.kind {
	case "", "table":
		return table(w, a)
	}
	raw, err := encode(a.Value)
	if err != nil {
		return err
	}
	switch p.kind {
	case "json":
	case "json-pretty":
		raw, err = Indent(raw, "  ")
	case "yaml":
		raw, err = yaml.JSONToYAML(raw)
		raw = bytes.TrimRight(raw, "\n")
	default:
		raw, err = p.part(raw)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", raw)
	return err
}

// encode writes JSON without the escapes that are for HTML only.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err := json.Compact(&out, b.Bytes())
	return out.Bytes(), err
}

// Indent writes JSON over several lines.
func Indent(raw []byte, by string) ([]byte, error) {
	var b bytes.Buffer
	err := json.Indent(&b, bytes.TrimSpace(raw), "", by)
	return b.Bytes(), err
}

// part selects by path. Texts are written bare, for the shell.
func (p Printer) part(raw []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // 64-bit numbers stay what they are
	var root any
	if err := d.Decode(&root); err != nil {
		return nil, err
	}
	found := walk([]any{root}, p.path)
	if len(found) == 0 {
		return nil, fmt.Errorf("the answer has nothing at %s %q; --format json shows all of it", p.kind, p.text)
	}
	var lines [][]byte
	for _, v := range found {
		if s, ok := v.(string); ok {
			lines = append(lines, []byte(s))
			continue
		}
		one, err := encode(v)
		if err != nil {
			return nil, err
		}
		lines = append(lines, one)
	}
	return bytes.Join(lines, []byte("\n")), nil
}

func table(w io.Writer, a Answer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	var rows [][]string
	if a.One && len(a.Rows) == 1 {
		for i, name := range a.Columns {
			rows = append(rows, []string{name, a.Rows[0][i]})
		}
	} else if len(a.Columns) > 0 {
		rows = append([][]string{a.Columns}, a.Rows...)
	}
	if len(a.Notes) > 0 {
		rows = append(rows, nil)
	}
	for _, n := range a.Notes {
		rows = append(rows, n[:])
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = Printable(c)
			if c == "" {
				cells[i] = "-"
			}
		}
		// The last cell needs no padding; nothing stands to its right.
		if _, err := fmt.Fprintln(t, strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	return t.Flush()
}

// Printable is text of others as it may stand on a terminal, in one line:
// without what would move the cursor or change the colours. Names of clients
// may come from anybody who may register one.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
