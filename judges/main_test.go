package judges

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The server that is judged. TEST_DSN names its database; without it there is
// a SQLite file in a temporary directory.
var publicURL, adminURL string

func TestMain(m *testing.M) {
	code, err := judge(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func judge(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "judges-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin := filepath.Join(dir, "hydra")
	build := exec.Command("go", "build", "-o", bin, "./cmd/hydra")
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the server: %w\n%s", err, out)
	}
	for range 3 { // somebody else may take a port meanwhile
		var stop func() (string, error)
		if stop, err = serve(dir, bin); err != nil {
			continue
		}
		code = m.Run()
		log, err := stop()
		if code != 0 || err != nil {
			fmt.Fprintf(os.Stderr, "the server's log:\n%s", log)
		}
		return code, err
	}
	return 0, err
}

// serve starts the server on free ports and returns what ends it.
func serve(dir, bin string) (stop func() (log string, err error), err error) {
	public, admin, err := freePorts()
	if err != nil {
		return nil, err
	}
	publicURL, adminURL = "http://127.0.0.1:"+public, "http://127.0.0.1:"+admin
	log := new(bytes.Buffer)
	cmd := exec.Command(bin, "serve", "all", "--data-dir", filepath.Join(dir, "data"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{
		"HOME=" + dir, "PUBLIC_PORT=" + public, "ADMIN_PORT=" + admin, "PUBLIC_HOST=127.0.0.1", "SECRETS_SYSTEM=the-system-secret-of-the-judges",
		"URLS_SELF_ISSUER=" + publicURL, "URLS_LOGIN=http://app.test/login", "URLS_CONSENT=http://app.test/consent", "URLS_LOGOUT=http://app.test/logout",
		"URLS_POST_LOGOUT_REDIRECT=" + publicURL + "/health/alive", "URLS_DEVICE_VERIFICATION=http://app.test/device", "URLS_DEVICE_SUCCESS=http://app.test/connected",
		"OAUTH2_DEVICE_AUTHORIZATION_TOKEN_POLLING_INTERVAL=1s", "OIDC_DYNAMIC_CLIENT_REGISTRATION_ENABLED=true",
		"OIDC_DISCOVERY_SCOPES_SUPPORTED=profile,email",
	}
	if dsn := os.Getenv("TEST_DSN"); dsn != "" {
		cmd.Env = append(cmd.Env, "DSN="+dsn)
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := ready(ended); err != nil {
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("start the server: %w\n%s", err, log)
	}
	return func() (string, error) {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return log.String(), err
		}
		err := <-ended
		return log.String(), err
	}, nil
}

func freePorts() (public, admin string, err error) {
	var ports [2]string
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", err
		}
		defer func() { _ = l.Close() }() // after both are chosen, so that they differ
		_, ports[i], _ = net.SplitHostPort(l.Addr().String())
	}
	return ports[0], ports[1], nil
}

func ready(ended <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, adminURL+"/health/ready", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-ended:
			return fmt.Errorf("it ended: %w", errors.Join(err, errors.New("before it was ready")))
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// The clients of npm, each in a file of its own.
func TestPackagesOfNPM(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("node_modules"); err != nil {
		t.Fatal("the packages are not installed: run make tools, or npm ci in this folder")
	}
	for _, file := range []string{"rc.test.mjs", "v1.test.mjs", "v2.test.mjs", "openid-client.test.mjs", "oauth4webapi.test.mjs"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", file)
			cmd.Env = append(os.Environ(), "PUBLIC_URL="+publicURL, "ADMIN_URL="+adminURL)
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Error(err)
			}
		})
	}
}
