package storetest

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
)

// Own starts a server of the same kind for one test alone, which may restart
// it. What it acknowledged survives a crash of its process, though not one of
// the machine: the disk is not flushed. It ends with the test.
func (e *Engine) Own(t testing.TB) *Engine {
	t.Helper()
	own := e.own(t)
	own.start(t)
	return own
}

// own is Own before the start.
func (e *Engine) own(t testing.TB) *Engine {
	own := postgreSQL()
	if e == MariaDB {
		own = mariaDB()
		run := own.run
		own.run = func(bin, dir string, port int) []string { // the last of two counts
			return append(run(bin, dir, port), "--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=1")
		}
	}
	own.pick = settledPort
	t.Cleanup(func() {
		if own.process != nil {
			own.process.end(own.stop)
		}
		if err := os.RemoveAll(own.dir); err != nil {
			t.Error(err)
		}
	})
	return own
}

// Crash ends the server without a chance to tidy up, and returns when it is
// gone. PostgreSQL's children, which outlive a SIGKILL of their parent, are
// told to go at once.
func (e *Engine) Crash() { e.process.end(e.stop) }

// Recover starts a server that has crashed again, at the same address, and
// returns when it answers.
func (e *Engine) Recover() error {
	var err error
	for range 3 {
		if err = e.begin(); err == nil {
			return nil
		}
		e.process.end(syscall.SIGKILL)
	}
	return err
}

var settled atomic.Int64

// settledPort returns a free port of those that no system gives to a connection
// by itself: a server that has crashed finds it free again. No other call in
// this process gets it, and processes begin in different places.
func settledPort() (port int, err error) {
	for range 100 {
		port = 10_000 + (os.Getpid()*37+int(settled.Add(1)))%20_000
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}
