package storetest

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"sync"
)

// Fault is a way in which a database fails.
type Fault int

// The faults. The first four answer as the database would and do nothing.
const (
	Conflict Fault = iota // another transaction was in the way
	Full                  // the disk is full
	ReadOnly              // the file may not be written
	Broken                // the disk cannot be read
	Cut                   // the connection is lost, the statement was not done
	Lost                  // the statement was done, then the connection was lost
)

// codes are SQLite's result codes.
var codes = map[Fault]int{Conflict: 5, Full: 13, ReadOnly: 8, Broken: 10}

type faultError struct{ code int }

func (e *faultError) Error() string { return fmt.Sprintf("injected fault with code %d", e.code) }
func (e *faultError) Code() int     { return e.code }

// Faults is a driver around another one that fails when it is told to; give
// its Wrap to sqlstore.Config. It is safe for concurrent use.
type Faults struct {
	// OnOpen, if set, is run on every new connection.
	OnOpen string
	// Errors are what the database answers instead of SQLite's errors.
	Errors map[Fault]error
	// OnRun, if set, sees what is sent to the database, before any fault.
	OnRun func(statement string, args []driver.NamedValue)

	mu    sync.Mutex
	plans []*faultPlan
	ran   map[string]int
}

type faultPlan struct {
	text  string
	fault Fault
	skip  int
	left  int
	hits  int
}

// Inject makes the next statements that contain the text fail.
func (f *Faults) Inject(text string, fault Fault, times int) {
	f.InjectAfter(0, text, fault, times)
}

// InjectAfter is Inject after some statements with the text that do not fail.
func (f *Faults) InjectAfter(skip int, text string, fault Fault, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plans = append(f.plans, &faultPlan{text: text, fault: fault, skip: skip, left: times})
}

// Clear ends all faults and returns how many statements had failed.
func (f *Faults) Clear() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, p := range f.plans {
		n += p.hits
	}
	f.plans, f.ran = nil, nil
	return n
}

// Ran returns how often a statement was run since the last Clear.
func (f *Faults) Ran(statement string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ran[statement]
}

func (f *Faults) next(statement string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ran == nil {
		f.ran = map[string]int{}
	}
	f.ran[statement]++
	for _, p := range f.plans {
		switch {
		case p.left == 0 || !strings.Contains(statement, p.text):
		case p.skip > 0:
			p.skip--
		default:
			p.left--
			p.hits++
			return p.fault, true
		}
	}
	return 0, false
}

// Wrap puts the faults around a connector.
func (f *Faults) Wrap(c driver.Connector) driver.Connector { return &faultyConnector{c, f} }

type faultyConnector struct {
	driver.Connector
	faults *Faults
}

func (c *faultyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if c.faults.OnOpen != "" {
		if _, err := inner.(driver.ExecerContext).ExecContext(ctx, c.faults.OnOpen, nil); err != nil {
			inner.Close()
			return nil, err
		}
	}
	return &faultyConn{Conn: inner, faults: c.faults}, nil
}

type faultyConn struct {
	driver.Conn
	faults *Faults
	dead   bool // database/sql uses a connection from one goroutine at a time
}

// run does the statement, or what the fault says instead.
func (c *faultyConn) run(statement string, args []driver.NamedValue, do func() error) error {
	if c.dead {
		return driver.ErrBadConn
	}
	if c.faults.OnRun != nil {
		c.faults.OnRun(statement, args)
	}
	fault, ok := c.faults.next(statement)
	switch {
	case !ok:
		return do()
	case fault == Lost:
		err := do()
		if err == nil {
			c.dead, err = true, driver.ErrBadConn
		}
		return err
	case fault == Cut:
		c.dead = true
		return driver.ErrBadConn
	}
	if err, ok := c.faults.Errors[fault]; ok {
		return err
	}
	return &faultError{codes[fault]}
}

func (c *faultyConn) IsValid() bool {
	inner, ok := c.Conn.(driver.Validator)
	return !c.dead && (!ok || inner.IsValid())
}

// CheckNamedValue leaves values as the driver wants them.
func (c *faultyConn) CheckNamedValue(v *driver.NamedValue) error {
	if inner, ok := c.Conn.(driver.NamedValueChecker); ok {
		return inner.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *faultyConn) ResetSession(ctx context.Context) error {
	if c.dead {
		return driver.ErrBadConn
	}
	return c.Conn.(driver.SessionResetter).ResetSession(ctx)
}

func (c *faultyConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

func (c *faultyConn) ExecContext(ctx context.Context, statement string, args []driver.NamedValue) (r driver.Result, err error) {
	err = c.run(statement, args, func() (err error) {
		r, err = c.Conn.(driver.ExecerContext).ExecContext(ctx, statement, args)
		return err
	})
	return r, err
}

func (c *faultyConn) QueryContext(ctx context.Context, statement string, args []driver.NamedValue) (r driver.Rows, err error) {
	err = c.run(statement, args, func() (err error) {
		r, err = c.Conn.(driver.QueryerContext).QueryContext(ctx, statement, args)
		return err
	})
	return r, err
}
