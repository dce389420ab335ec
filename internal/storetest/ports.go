package storetest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

// Ports returns ports of 127.0.0.1 that nobody else gets as long as the test
// runs; see ReservePorts.
func Ports(t testing.TB, n int) []int {
	t.Helper()
	ports, release, err := ReservePorts(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return ports
}

// ReservePorts returns different TCP ports of 127.0.0.1 on which nobody
// listens, for programs that have to be told theirs.
//
// A port that the kernel chooses and that is closed again may be somebody
// else's before the program listens: the next server that asks for any port
// gets it, or a connection that goes out. These lie below the range that the
// kernel chooses from, and the UDP port of the same number is held until
// release is called, so that other tests, also those of other processes, choose
// others.
func ReservePorts(n int) (ports []int, release func(), err error) {
	var held []net.PacketConn
	release = func() {
		for _, c := range held {
			_ = c.Close()
		}
	}
	const first = 10_100 // above the last port that browsers refuse, 10080
	count := chosenFrom() - first
	// Processes begin in different places, and go on where they were: a port
	// that was given up rests for a while.
	start := (os.Getpid()*97 + int(asked.Add(int64(n)))) % count
	for i := 0; i < count && len(ports) < n; i++ {
		port := first + (start+i)%count
		if c := hold(port); c != nil {
			held, ports = append(held, c), append(ports, port)
		}
	}
	if len(ports) < n {
		release()
		return nil, nil, errors.New("storetest: no port is free")
	}
	return ports, release, nil
}

// asked is how many ports this process has asked for.
var asked atomic.Int64

// hold returns nil when the port is somebody else's.
func hold(port int) net.PacketConn {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		_ = c.Close()
		return nil
	}
	_ = l.Close()
	return c
}

// chosenFrom is the lowest port that the kernel chooses by itself.
func chosenFrom() int {
	const usual, least = 32_768, 11_000
	low := 0
	raw, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return usual
	}
	if _, err := fmt.Fscan(strings.NewReader(string(raw)), &low); err != nil || low < least {
		return usual
	}
	return low
}
