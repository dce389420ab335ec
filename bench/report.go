package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"
)

// report is a whole run, as it is kept in results/.
type report struct {
	Date    string `json:"date"`
	Version string `json:"version"` // of the server
	Machine string `json:"machine"`
	Load    string `json:"load_average_before"` // what else the machine did
	Method  string `json:"method"`
	findings
}

// newReport is called when the plan is settled.
func newReport(p plan, version string) report {
	rounds := ""
	if p.Rounds > 1 {
		rounds = fmt.Sprintf(", the middle one of %d measurements", p.Rounds)
	}
	return report{
		Date: time.Now().UTC().Format(time.DateOnly), Version: version, Machine: machine(), Load: loadAverage(),
		Method: fmt.Sprintf("%d connections, %s each after %s of warm-up%s, generator on the same machine", p.Workers, p.Time, p.Warmup, rounds),
	}
}

// machine describes this computer in a line.
func machine() string {
	return fmt.Sprintf("%s, %d cores, %s memory, %s/%s, %s", valueOf("/proc/cpuinfo", "model name"), runtime.NumCPU(),
		valueOf("/proc/meminfo", "MemTotal"), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func valueOf(file, name string) string {
	b, _ := os.ReadFile(file)
	for l := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown " + name
}

func loadAverage() string {
	b, _ := os.ReadFile("/proc/loadavg")
	f := strings.Fields(string(b))
	return strings.Join(f[:min(3, len(f))], " ")
}

// header and cells are the table, in Markdown.
var header = []string{"scenario", "engine", "ops/s", "p50 ms", "p99 ms", "CPU s/1,000", "target", "DB CPU s/1,000", "× bare, per request", "target ×", "SQL", "budget", "peak MiB", "errors"}

func (m measured) cells() []string {
	title := m.Title
	if m.Scenario == "refresh" || m.Scenario == "code_flow" {
		title += ", " + m.Alg
	}
	target, db, wanted, statements := "–", "–", "–", "–"
	if m.Target > 0 {
		statements = fmt.Sprintf("%.2f", m.Reads+m.Writes)
	}
	if m.Target > 0 {
		target = fmt.Sprintf("≤ %g", m.Target)
	}
	if m.Wanted > 0 {
		wanted = fmt.Sprintf("≤ %.1f", m.Wanted)
	}
	if m.DatabaseCPU > 0 {
		db = fmt.Sprintf("%.3f", m.DatabaseCPU)
	}
	return []string{
		title, m.Engine, fmt.Sprintf("%.0f", m.OpsPerSec), fmt.Sprintf("%.2f", m.P50), fmt.Sprintf("%.2f", m.P99),
		fmt.Sprintf("%.3f", m.CPU), target, db, fmt.Sprintf("%.1f", m.Ratio), wanted, statements, m.SQL, fmt.Sprintf("%.0f", m.PeakMiB), fmt.Sprint(m.Errors + m.Shed),
	}
}

// head is what ran, when, where and how.
func (r report) head() string {
	return fmt.Sprintf("Version %s, %s. %s. %s. Load average before: %s.", r.Version, r.Date, r.Machine, r.Method, r.Load)
}

// text is the report in Markdown: all of its tables.
func (r report) text() string {
	var b strings.Builder
	b.WriteString(r.head() + "\n\n")
	lines := [][]string{header}
	for _, m := range r.Rows {
		lines = append(lines, m.cells())
	}
	b.WriteString(table(lines))
	if len(r.Overload) > 0 {
		lines = [][]string{overloadHeader}
		for _, o := range r.Overload {
			lines = append(lines, o.cells())
		}
		b.WriteString("\n" + table(lines))
	}
	if len(r.Floods) > 0 {
		lines = [][]string{floodHeader}
		for _, f := range r.Floods {
			lines = append(lines, f.cells())
		}
		b.WriteString("\n" + table(lines))
	}
	return b.String()
}

// table is Markdown that is aligned for reading as it is; the first line is
// the header.
func table(lines [][]string) string {
	width := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, c := range l {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for n, l := range lines {
		b.WriteByte('|')
		for i, c := range l {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if i < 2 {
				b.WriteString(" " + c + pad + " |")
			} else {
				b.WriteString(" " + pad + c + " |")
			}
		}
		b.WriteByte('\n')
		if n == 0 {
			b.WriteByte('|')
			for i, w := range width {
				if i < 2 {
					b.WriteString(strings.Repeat("-", w+2) + "|")
				} else {
					b.WriteString(strings.Repeat("-", w+1) + ":|")
				}
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// wrong is what makes a run a failure: an answer that was not as expected, or
// good traffic that was turned away where there was no crowd.
func (r report) wrong() (err error) {
	for _, m := range r.Rows {
		if n := m.Errors + m.Shed; n > 0 {
			err = errors.Join(err, fmt.Errorf("%s on %s: %d errors, the first: %s", m.Title, m.Engine, n, m.Error))
		}
	}
	return err
}

// What stands between these lines of the documentation is written by a run.
const (
	benchBegin = "<!-- make bench writes from here -->"
	scaleBegin = "<!-- make scale writes from here -->"
	docEnd     = "<!-- to here -->"
)

// document puts a text into a page, in place of that of the run before, which
// stands below the line begin. The remark tells readers what figures cannot.
func document(page, begin, remark, text string) error {
	b, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(b), begin)
	_, after, ok2 := strings.Cut(rest, docEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no line %s with a line %s below it", page, begin, docEnd)
	}
	if remark != "" {
		remark += "\n\n"
	}
	return os.WriteFile(page, []byte(before+begin+"\n\n"+remark+text+"\n"+docEnd+after), 0o644)
}

// save writes last.json, last.md and last.svg.
func (r report) save(dir string) error {
	j, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return writeFiles(dir, map[string]string{"last.json": string(j) + "\n", "last.md": r.text(), "last.svg": r.picture()})
}

// writeFiles writes files into a directory, which it makes.
func writeFiles(dir string, contents map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, content := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
