// Package proc reads what processes of this machine have used, from /proc.
package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"hydra/internal/loadtest"
)

// Meter returns a meter for loadtest.Options. server and database are root
// processes; 0 is none. more, if set, reads the server's own metrics, outside
// of the time that is measured.
func Meter(server, database int, more func() loadtest.Metrics) func() func() loadtest.Usage {
	return func() func() loadtest.Usage {
		var before loadtest.Metrics
		if more != nil {
			before = more()
		}
		if server != 0 {
			resetPeak(server)
		}
		from := snapshot(server, database)
		return func() (u loadtest.Usage) {
			to := snapshot(server, database)
			if more != nil {
				u = more().Since(before)
			}
			if server != 0 {
				u.PeakMiB = PeakMiB(server)
			}
			u.CPU, u.Database, u.Generator = to.server-from.server, to.database-from.database, to.self-from.self
			u.StealPct = 100 * (to.steal - from.steal) / max(1, to.ticks-from.ticks)
			return u
		}
	}
}

// usage holds counters at one instant, in CPU seconds.
type usage struct {
	server, database, self float64
	ticks, steal           float64
}

// snapshot reads the counters. A process that is gone counts as 0, and the
// errors of its scenario tell why.
func snapshot(server, database int) (u usage) {
	if server != 0 {
		u.server, _ = treeCPU(server)
	}
	if database != 0 {
		u.database, _ = treeCPU(database)
	}
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) == nil {
		u.self = float64(ru.Utime.Nano()+ru.Stime.Nano()) / 1e9
	}
	u.ticks, u.steal = machineTicks()
	return u
}

const ticksPerSecond = 100 // USER_HZ, fixed by the kernel's ABI

type procStat struct {
	ppid int
	cpu  float64 // seconds: own user+system and that of reaped children
}

func readStat(pid int) (procStat, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procStat{}, err
	}
	s := string(b) // the command name may hold blanks: cut after its ')'
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(f) < 15 {
		return procStat{}, fmt.Errorf("short stat of pid %d", pid)
	}
	var st procStat
	st.ppid, _ = strconv.Atoi(f[1])
	for _, v := range f[11:15] { // utime stime cutime cstime
		n, _ := strconv.ParseFloat(v, 64)
		st.cpu += n / ticksPerSecond
	}
	return st, nil
}

// treeCPU sums the CPU seconds of a process and all its descendants, so that
// it also fits servers of many processes (PostgreSQL: give the postmaster).
func treeCPU(root int) (float64, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	all := map[int]procStat{}
	for _, d := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(d))
		if st, err := readStat(pid); err == nil {
			all[pid] = st
		}
	}
	if _, ok := all[root]; !ok {
		return 0, fmt.Errorf("no process %d", root)
	}
	sum := 0.0
	for pid, st := range all {
		for p, depth := pid, 0; p > 0 && depth < 64; p, depth = all[p].ppid, depth+1 {
			if p == root {
				sum += st.cpu
				break
			}
		}
	}
	return sum, nil
}

// resetPeak sets VmHWM back to the present RSS (needs to be root or owner).
func resetPeak(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// PeakMiB is the largest resident memory of a process since a meter was set.
func PeakMiB(pid int) float64 { return status(pid, "VmHWM:") }

// RSSMiB is its resident memory now.
func RSSMiB(pid int) float64 { return status(pid, "VmRSS:") }

// status is a line of /proc/<pid>/status that counts kB, in MiB.
func status(pid int, line string) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for l := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(l, line); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(v)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

// machineTicks returns the machine's total and stolen CPU ticks.
func machineTicks() (total, steal float64) {
	b, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(b), "\n")
	for i, v := range strings.Fields(line) {
		n, _ := strconv.ParseFloat(v, 64)
		if i >= 1 && i <= 8 { // user nice system idle iowait irq softirq steal
			total += n
		}
		if i == 8 {
			steal = n
		}
	}
	return total, steal
}
