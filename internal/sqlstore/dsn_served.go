package sqlstore

import (
	"errors"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// pool bounds the connections to a server.
type pool struct {
	open, idle         int
	lifetime, idleTime time.Duration
}

// connectTimeout bounds the wait for a host that does not answer, unless the
// DSN does.
const connectTimeout = 5 * time.Second

// longestDuration bounds what a pool option may say.
const longestDuration = 24 * time.Hour

// takePool takes the options of the pool out of a DSN, which drivers do not
// know. What is left is in the order it had. Errors do not repeat the DSN.
func takePool(dsn string) (string, pool, error) {
	p := pool{open: max(10, 4*runtime.GOMAXPROCS(0)), lifetime: 30 * time.Minute, idleTime: 5 * time.Minute}
	rest, query, ok := strings.Cut(dsn, "?")
	p.idle = -1
	var left []string
	for pair := range strings.SplitSeq(query, "&") {
		name, escaped, _ := strings.Cut(pair, "=")
		value, err := url.QueryUnescape(escaped)
		if err != nil {
			return "", p, errors.New("sqlstore: the options of the DSN are not of the form name=value&name=value")
		}
		switch name {
		case "max_conns":
			p.open, err = count(value, 1)
		case "max_idle_conns":
			p.idle, err = count(value, 0)
		case "max_conn_lifetime":
			p.lifetime, err = life(value)
		case "max_conn_idle_time":
			p.idleTime, err = life(value)
		case "":
		default:
			left = append(left, pair)
		}
		if err != nil {
			return "", p, errors.New("sqlstore: " + name + " in the DSN " + err.Error())
		}
	}
	if p.idle < 0 || p.idle > p.open {
		p.idle = p.open
	}
	if ok && len(left) > 0 {
		rest += "?" + strings.Join(left, "&")
	}
	return rest, p, nil
}

func count(value string, least int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > 10_000 {
		return 0, errors.New("is a number from " + strconv.Itoa(least) + " to 10000")
	}
	return n, nil
}

// life reads a duration; 0 means for ever.
func life(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 || d > longestDuration {
		return 0, errors.New("is a duration of at most 24h, such as 30m; 0s means for ever")
	}
	return d, nil
}
