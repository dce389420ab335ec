package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"hydra/internal/loadtest"
	"hydra/internal/remote"
	"hydra/internal/show"
)

const (
	defaultMix = "client_credentials=4,introspect=10,userinfo=2,refresh=2,code_flow=1"
	// grantBytes is what a sign-in leaves in the database for its lifetime:
	// docs/operations/databases.md, PostgreSQL, indexes included.
	grantBytes = 1341
)

// benchScenarios are what may be in a mix: nothing that stays or that refuses.
var benchScenarios = []string{"discovery", "jwks", "client_credentials", "introspect", "introspect_inactive", "userinfo", "refresh", "code_flow"}

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "bench", Short: "Put load on a running server, and say what it bears.", Args: atMost(0), GroupID: remoteGroup,
		Long: `Put a mix of requests on a running server for a short time, and say how many it
answered, how fast, and what that cost. The command plays clients, browsers and
the login and consent app over its own connections; each waits for an answer
before it sends the next request.

For the time being it registers a client, which it removes at the end; with the
client everything ends that was granted to it, and the server's clean-up deletes
the rows. It stops after --duration or --max-requests, whichever is first.

The generator needs processor time, too: run it on another machine than the
server to see what the server can do. As real users would notice, any host but
this machine has to be confirmed with --yes.

A mix is a list of scenarios with their weights: ` + strings.Join(benchScenarios, ", ") + `.
One code_flow is a whole sign-in of eight requests.`,
		Example: `  hydra bench --endpoint http://127.0.0.1:4445 --public-endpoint http://127.0.0.1:4444
  hydra bench --mix introspect --connections 64 --duration 1m
  hydra bench -e https://admin.internal:4445 --public-endpoint https://sso.example.com --yes --format json`,
	}
	f := cmd.Flags()
	f.String("public-endpoint", "", "`address` of the public API; else HYDRA_URL or ORY_SDK_URL from the environment")
	f.String("mix", defaultMix, "`scenarios` and how often each of them comes, as name=weight, with commas")
	f.Duration("duration", 20*time.Second, "how long to measure, 10 minutes at most")
	f.Duration("warm-up", 2*time.Second, "how long to run before that")
	f.IntP("connections", "c", 16, "how many requests may be under way, 256 at most")
	f.Int("max-requests", 200_000, "end earlier, after so many requests")
	f.Bool("yes", false, "also where the server is not on this machine")
	return remoteCommand(cmd, adminPort, bench)
}

func bench(cmd *cobra.Command, _ []string) (show.Answer, error) {
	o, err := benchOptions(cmd)
	if err != nil {
		return show.Answer{}, err
	}
	admin, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	public, err := connectPublic(cmd)
	if err != nil {
		return show.Answer{}, err
	}
	o.Admin, o.Public = endpoint(admin), endpoint(public)
	for _, e := range []loadtest.Endpoint{o.Admin, o.Public} {
		if u, err := url.Parse(e.URL); err == nil && e.Socket == "" && !loadtest.IsLoopback(u.Hostname()) && !on(cmd, "yes") {
			return show.Answer{}, advice{fmt.Errorf("%s is another machine", u.Host), "Users will notice the load. If you mean it, add --yes."}
		}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := benchClient(ctx, cmd, admin, &o); err != nil {
		return show.Answer{}, err
	}
	result, known, err := benchRun(ctx, cmd, o)
	atMost := 30 * time.Second
	if ctx.Err() != nil { // somebody waits for the end
		atMost = 5 * time.Second
	}
	if left := removeBenchClient(cmd, admin, o.ClientID, atMost); left != nil {
		err = errors.Join(err, left)
	}
	if result == nil {
		return show.Answer{}, err
	}
	return benchAnswer(result, known), err
}

func benchOptions(cmd *cobra.Command) (o loadtest.Options, err error) {
	f := cmd.Flags()
	o = loadtest.Options{Target: "hydra-v2", AnyHost: true, Ops: loadtest.MaxOps, Pool: 64}
	if o.Mix, err = parseMix(flag(cmd, "mix")); err != nil {
		return o, usageError{err, exitFailure}
	}
	var failed [5]error
	o.Time, failed[0] = f.GetDuration("duration")
	o.Warmup, failed[1] = f.GetDuration("warm-up")
	o.Timeout, failed[2] = f.GetDuration("timeout")
	o.Workers, failed[3] = f.GetInt("connections")
	o.Requests, failed[4] = f.GetInt("max-requests")
	if o.Requests < 1 {
		return o, usageError{errors.New("--max-requests has to be at least 1"), exitFailure}
	}
	return o, errors.Join(failed[:]...)
}

// parseMix reads name=weight with commas; without a weight it is 1.
func parseMix(text string) (mix []loadtest.Share, err error) {
	seen := map[string]bool{}
	for entry := range strings.SplitSeq(text, ",") {
		name, number, weighted := strings.Cut(strings.TrimSpace(entry), "=")
		weight := 1
		if weighted {
			if weight, err = strconv.Atoi(number); err != nil || weight < 1 {
				return nil, fmt.Errorf("--mix: %q is no weight", number)
			}
		}
		if !slices.Contains(benchScenarios, name) || seen[name] {
			return nil, fmt.Errorf("--mix: %q is unknown or there twice; there are %s", name, strings.Join(benchScenarios, ", "))
		}
		seen[name] = true
		mix = append(mix, loadtest.Share{Scenario: name, Weight: weight})
	}
	return mix, nil
}

// connectPublic is connect for the other port, with the same flags.
func connectPublic(cmd *cobra.Command) (*remote.Client, error) {
	address := flag(cmd, "public-endpoint")
	for _, name := range publicPort.envs {
		if address == "" {
			address = os.Getenv(name)
		}
	}
	if address == "" {
		return nil, advice{errors.New("the public endpoint is not set"), fmt.Sprintf("Say where the public API is with --public-endpoint %s, or set %s.", publicPort.local, strings.Join(publicPort.envs, " or "))}
	}
	o := remote.Options{Endpoint: address, SkipTLSVerify: on(cmd, "skip-tls-verify"), CAFile: flag(cmd, "ca-file"), Header: http.Header{}}
	if on(cmd, "fake-tls-termination") {
		o.Header.Set("X-Forwarded-Proto", "https")
	}
	return remote.New(o)
}

func endpoint(c *remote.Client) loadtest.Endpoint {
	return loadtest.Endpoint{URL: c.Endpoint, Socket: c.Socket, TLS: c.TLS(), Header: c.Header()}
}

// benchClient registers the client of the run. Without an answer it removes what
// may have been made all the same.
func benchClient(ctx context.Context, cmd *cobra.Command, admin *remote.Client, o *loadtest.Options) error {
	var made struct {
		Secret string `json:"client_secret"`
	}
	id, properties := loadtest.Registration("hydra bench, for the time being")
	call := remote.Call{Goal: "create a client for the time being", Method: http.MethodPost, Path: clientsPath, JSON: properties}
	_, err := admin.JSON(ctx, call, &made)
	o.ClientID, o.ClientSecret = id, made.Secret
	if err == nil || neverMade(err) {
		return err
	}
	return errors.Join(err, removeBenchClient(cmd, admin, id, 5*time.Second))
}

// neverMade reports whether a request has changed nothing for certain: it was
// turned down, or nobody was there to take it.
func neverMade(err error) bool {
	if no, ok := errors.AsType[*remote.Refusal](err); ok {
		return no.Status < http.StatusInternalServerError
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// removeBenchClient works also after an interrupt.
func removeBenchClient(cmd *cobra.Command, admin *remote.Client, id string, atMost time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), atMost)
	defer cancel()
	_, err := admin.Do(ctx, remote.Call{Goal: "remove the client " + id + " again", Method: http.MethodDelete, Path: clientsPath + "/" + id})
	return err
}

// benchRun measures, with a bar on a terminal. known is whether the server told
// what it needed; if not, a warning says why.
func benchRun(ctx context.Context, cmd *cobra.Command, o loadtest.Options) (result *loadtest.Result, known bool, err error) {
	var unknown error
	o.Meter = loadtest.OwnMeter(context.WithoutCancel(ctx), o.Admin, &unknown) // also when it is interrupted
	total := int((o.Warmup + o.Time) / time.Second)
	bar := newProgress(cmd, max(1, total))
	bar.unit = " s"
	began, done := time.Now(), make(chan struct{})
	drawn := make(chan struct{})
	go func() {
		defer close(drawn)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				bar.step(min(bar.total, int(time.Since(began)/time.Second)))
			case <-done:
				bar.end()
				return
			}
		}
	}()
	result, err = loadtest.Run(ctx, o)
	close(done)
	<-drawn
	if err != nil {
		return nil, false, err
	}
	if unknown != nil {
		warn(cmd, "the server's CPU time is unknown: %v", unknown)
	}
	if ctx.Err() != nil {
		return result, unknown == nil, errors.New("interrupted")
	}
	if result.Ops == 0 {
		return nil, false, advice{fmt.Errorf("nothing was answered as it should be; the first error: %s", result.Error), "Look at the server's log; hydra perform client-credentials shows one request in detail."}
	}
	return result, unknown == nil, nil
}
