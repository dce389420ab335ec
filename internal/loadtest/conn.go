package loadtest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// conn is a deliberately lean HTTP/1.1 client over one keep-alive connection.
// The generator shares the machine's cores with the server under test, so
// every microsecond it saves is one that net/http.Client would take away.
type conn struct {
	*route
	timeout time.Duration   // of one request: a server that hangs shows up as errors
	until   context.Context // ends also the request that is under way
	nc      net.Conn
	br      *bufio.Reader
	out     []byte
	resp    response
	sent    int // requests that got an answer
}

// response is valid until the next call of do on the same conn.
type response struct {
	status   int
	location string
	cookies  []string // raw Set-Cookie values
	body     []byte
}

// maxBody bounds an answer, in bytes.
const maxBody = 16 << 20

func (r *route) conn(timeout time.Duration) *conn {
	return &conn{route: r, timeout: timeout, until: context.Background()}
}

func (c *conn) close() {
	if c.nc != nil {
		_ = c.nc.Close()
		c.nc = nil
	}
}

func (c *conn) dial() error {
	nc, err := c.route.dial(c.until, c.timeout)
	if err != nil {
		return err
	}
	c.nc = nc
	if c.br == nil {
		c.br = bufio.NewReaderSize(nc, 64<<10)
	} else {
		c.br.Reset(nc)
	}
	return nil
}

// do sends one request. headers holds complete "Name: value\r\n" lines.
// A kept-alive connection that the server has closed meanwhile is redialled
// once, provided that no byte of an answer was read.
func (c *conn) do(method, path, headers string, body []byte) (*response, error) {
	reused := c.nc != nil
	for {
		if err := c.until.Err(); err != nil {
			return nil, err
		}
		if c.nc == nil {
			if err := c.dial(); err != nil {
				return nil, err
			}
		}
		err := c.roundTrip(method, path, headers, body)
		if err == nil {
			c.sent++
			return &c.resp, nil
		}
		c.close()
		if ended := c.until.Err(); ended != nil {
			return nil, ended
		}
		if !reused || !errors.Is(err, errNoAnswer) || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, err
		}
		reused = false
	}
}

var (
	errNoAnswer  = errors.New("connection closed before an answer")
	errBadAnswer = errors.New("what came is no answer of HTTP/1") // and may be the rest of a body, so it is not shown
)

func (c *conn) roundTrip(method, path, headers string, body []byte) error {
	b := c.out[:0]
	b = append(b, method...)
	b = append(b, ' ')
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.host...)
	b = append(b, "\r\nAccept: application/json\r\n"...)
	b = append(b, c.header...)
	b = append(b, headers...)
	if body != nil || method == "POST" || method == "PUT" {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	b = append(b, body...)
	c.out = b
	if err := c.nc.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	if c.until.Done() != nil {
		nc := c.nc
		defer context.AfterFunc(c.until, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })()
	}
	if _, err := c.nc.Write(b); err != nil {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	return c.readResponse()
}

func (c *conn) readResponse() error {
	r := &c.resp
	r.location, r.cookies, r.body = "", r.cookies[:0], r.body[:0]
	if _, err := c.br.Peek(1); err != nil {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	line, err := c.line()
	if err != nil {
		return err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return errBadAnswer
	}
	if r.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return errBadAnswer
	}
	length, chunked, closing := -1, false, false
	for {
		if line, err = c.line(); err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case fold(name, "content-length"):
			n, err := strconv.ParseUint(string(value), 10, 31)
			if err != nil {
				return errBadAnswer
			}
			length = int(n)
		case fold(name, "transfer-encoding"):
			chunked = fold(value, "chunked")
		case fold(name, "connection"):
			closing = fold(value, "close")
		case fold(name, "location"):
			r.location = string(value)
		case fold(name, "set-cookie"):
			r.cookies = append(r.cookies, string(value))
		}
	}
	switch {
	case r.status == 204 || r.status == 304:
	case chunked:
		err = c.readChunks()
	case length >= 0:
		err = c.readN(length)
	default: // delimited by the end of the connection
		r.body, err = io.ReadAll(io.LimitReader(c.br, maxBody))
		closing = true
	}
	if err == nil && closing {
		c.close()
	}
	return err
}

func fold(b []byte, s string) bool {
	return len(b) == len(s) && strings.EqualFold(string(b), s)
}

func (c *conn) line() ([]byte, error) {
	l, err := c.br.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(l, "\r\n"), nil
}

func (c *conn) readN(n int) error {
	b := c.resp.body
	have := len(b)
	if n < 0 || have+n > maxBody {
		return fmt.Errorf("an answer of %d bytes", have+n)
	}
	if cap(b) < have+n {
		b = append(make([]byte, 0, have+n+512), b...)
	}
	b = b[:have+n]
	_, err := io.ReadFull(c.br, b[have:])
	c.resp.body = b
	return err
}

func (c *conn) readChunks() error {
	for {
		l, err := c.line()
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(l, []byte(";"))
		n, err := strconv.ParseUint(string(size), 16, 31)
		if err != nil {
			return errBadAnswer
		}
		if n == 0 {
			break
		}
		if err := c.readN(int(n)); err != nil {
			return err
		}
		if _, err := c.line(); err != nil {
			return err
		}
	}
	for { // trailers
		l, err := c.line()
		if err != nil || len(l) == 0 {
			return err
		}
	}
}
