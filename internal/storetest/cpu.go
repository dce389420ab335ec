package storetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc/PID/stat on every Linux that Go runs
// on.
const tick = time.Second / 100

// CPU is the time that the server and its children have computed until now,
// as Linux counts it.
func (e *Engine) CPU() (time.Duration, error) {
	if e.process == nil {
		return 0, fmt.Errorf("%s does not run", e.Name)
	}
	root := strconv.Itoa(e.process.cmd.Process.Pid)
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// The name in parentheses may hold anything; behind it come state, parent, …
		text := string(data)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		pid, _, _ := strings.Cut(text, " ")
		if len(fields) < 15 || pid != root && fields[1] != root {
			continue
		}
		for _, field := range fields[11:13] { // utime, stime
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, err
			}
			total += time.Duration(n) * tick
		}
	}
	return total, nil
}
