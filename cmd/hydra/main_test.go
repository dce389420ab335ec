package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hydra/internal/storetest"
)

func TestMain(m *testing.M) {
	testscript.Main(engines{m}, map[string]func(){"hydra": main, "hydra-node": skewedMain})
}

// Each file in testdata/script is a session in a shell of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			// None of the options may leak in from where the tests run.
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"freeports": freePorts,
			"ready":     ready,
			"get":       get,
			"mode":      mode,
			"terminate": terminate,
			"exitcode":  exitCode,
			"orydb":     oryDatabase(t),
		},
	})
}

// freePorts NAME... sets each variable to a port that is the script's own.
func freePorts(ts *testscript.TestScript, _ bool, args []string) {
	ports, release, err := storetest.ReservePorts(len(args))
	ts.Check(err)
	ts.Defer(release)
	for i, name := range args {
		ts.Setenv(name, strconv.Itoa(ports[i]))
	}
}

// fetch makes one GET request.
func fetch(ctx context.Context, url string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultTransport.RoundTrip(req) //nolint:bodyclose // closed below; no redirects are followed
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, string(body), err
}

// ready URL waits until the server in the background answers there.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if status, _, err := fetch(ctx, args[0]); err == nil && status == http.StatusOK {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("%s does not answer", args[0])
		}
	}
}

// get URL STATUS PART... fetches a page, which must have the status and the parts.
func get(ts *testscript.TestScript, neg bool, args []string) {
	status, body, err := fetch(context.Background(), args[0])
	if neg {
		if err == nil {
			ts.Fatalf("%s answers with %d", args[0], status)
		}
		return
	}
	ts.Check(err)
	if fmt.Sprint(status) != args[1] {
		ts.Fatalf("%s: status %d, want %s\n%s", args[0], status, args[1], body)
	}
	for _, part := range args[2:] {
		if !strings.Contains(body, part) {
			ts.Fatalf("%s lacks %q:\n%s", args[0], part, body)
		}
	}
}

// mode FILE MODE checks permissions.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

// terminate sends SIGTERM to what runs in the background.
func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		if err := cmd.Process.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
			ts.Check(err)
		}
	}
}

// exitCode CODE COMMAND... runs a command that must end with the code.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("%s exits with %d, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}
