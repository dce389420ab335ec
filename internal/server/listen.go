package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hydra/internal/config"
)

// listen binds one port.
func listen(ctx context.Context, c config.Listener) (net.Listener, error) {
	if path, ok := strings.CutPrefix(c.Host, "unix:"); ok {
		return listenUnix(ctx, path, c.Socket)
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", net.JoinHostPort(c.Host, strconv.Itoa(c.Port)))
}

// listenUnix makes the socket file. One that a crashed process left behind is
// replaced; one that somebody answers on is not.
func listenUnix(ctx context.Context, path string, c config.Socket) (net.Listener, error) {
	if info, err := os.Stat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		d := net.Dialer{Timeout: time.Second}
		conn, err := d.DialContext(ctx, "unix", path)
		switch {
		case err == nil:
			_ = conn.Close()
			return nil, fmt.Errorf("listen unix %s: another process answers there", path)
		case errors.Is(err, syscall.ECONNREFUSED):
			if err := os.Remove(path); err != nil {
				return nil, err
			}
		}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := dress(path, c); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// dress sets owner, group and mode of a socket file.
func dress(path string, c config.Socket) error {
	uid, gid := -1, -1
	if c.Owner != "" {
		name := c.Owner
		if u, err := user.Lookup(name); err == nil {
			name = u.Uid
		}
		n, err := strconv.Atoi(name)
		if err != nil {
			return fmt.Errorf("socket.owner: there is no user %q", c.Owner)
		}
		uid = n
	}
	if c.Group != "" {
		name := c.Group
		if g, err := user.LookupGroup(name); err == nil {
			name = g.Gid
		}
		n, err := strconv.Atoi(name)
		if err != nil {
			return fmt.Errorf("socket.group: there is no group %q", c.Group)
		}
		gid = n
	}
	if uid >= 0 || gid >= 0 {
		if err := os.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	return os.Chmod(path, c.Mode)
}

// drainTime bounds how long requests in flight may take once the server was
// told to stop.
const drainTime = 30 * time.Second

// drain refuses new connections and waits for the requests in flight, on all
// servers at once.
func drain(servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	done := make(chan error, len(servers))
	for _, s := range servers {
		go func() {
			err := s.Shutdown(ctx)
			if err != nil {
				err = errors.Join(fmt.Errorf("requests were still in flight after %s: %w", drainTime, err), s.Close())
			}
			done <- err
		}()
	}
	var all []error
	for range servers {
		all = append(all, <-done)
	}
	return errors.Join(all...)
}
