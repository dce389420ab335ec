package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"hydra/internal/remote"
	"hydra/internal/show"
)

func signInCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "authorization-code", Short: "Sign in with a browser, and print the tokens.", Args: atMost(0),
		Long: `Sign in with a browser, as an application would, and print the tokens: the
authorization code flow with PKCE, state and nonce. A page on this machine
starts it and shows what came of it; the ID token is verified. Register the
redirect URI http://127.0.0.1:4446/callback with the client first.`,
		Example: `  hydra create oauth2-client --id my-shop --redirect-uri http://127.0.0.1:4446/callback \
    --grant-type authorization_code,refresh_token --scope openid,offline
  hydra perform authorization-code --client-id my-shop --client-secret - --endpoint http://127.0.0.1:4444
  hydra perform authorization-code --client-id my-app --scope openid --prompt login --max-age 0 --no-open`,
	}
	credentialFlags(cmd.Flags())
	f := cmd.Flags()
	f.Bool("no-open", false, "do not start a browser; the address is printed in any case")
	f.Bool("no-shutdown", false, "go on after the first sign-in, until Ctrl-C")
	f.IntP("port", "p", 4446, "port of the page on 127.0.0.1")
	f.StringSlice("scope", []string{"offline", "openid"}, "ask for this `scope`; repeatable, or with commas")
	f.StringSlice("audience", nil, "ask for this `audience`; repeatable, or with commas")
	f.StringSlice("prompt", nil, "none, login, consent")
	f.Int("max-age", -1, "ask for a login that is not older than this many `seconds`; -1 for any")
	f.String("state", "", "use this `state` in place of a random one")
	f.String("response-mode", "", "query or form_post")
	f.String("redirect", "", "redirect `URI`, if it is another one than that of the page")
	f.String("auth-url", "", "authorization `endpoint`, if it is another one than discovery says")
	f.String("token-url", "", "token `endpoint`, if it is another one than that of the endpoint")
	f.Bool("https", false, "serve the page with TLS and a certificate made for the moment")
	return remoteCommand(cmd, publicPort, signIn)
}

// signIn serves the page until a sign-in has come to its end.
func signIn(cmd *cobra.Command, _ []string) (show.Answer, error) {
	s, port, err := newSignIn(cmd)
	if err != nil {
		return show.Answer{}, err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return show.Answer{}, advice{fmt.Errorf("cannot serve the page: %w", err), "--port takes another port; the client's redirect URI has to name it."}
	}
	scheme := "http"
	if on(cmd, "https") {
		scheme = "https"
		cert, err := remote.MomentCertificate(time.Now())
		if err != nil {
			return show.Answer{}, errors.Join(err, l.Close())
		}
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}})
	}
	type outcome struct {
		tokens remote.Tokens
		err    error
	}
	end := func(o outcome) (show.Answer, error) {
		if o.err != nil {
			return show.Answer{}, o.err
		}
		return tokensAnswer(o.tokens)
	}
	outcomes := make(chan outcome, 1)
	server := &http.Server{
		Handler: &remote.Page{SignIn: s, Done: func(t remote.Tokens, err error) {
			select {
			case outcomes <- outcome{t, err}:
			case <-ctx.Done():
			}
		}},
		ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	defer func() {
		// The browser gets its page to the end.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
	}()

	address := fmt.Sprintf("%s://127.0.0.1:%d/", scheme, port)
	fmt.Fprintf(cmd.ErrOrStderr(), "Open %s in a browser to sign in. Ctrl-C ends this.\n", address)
	if !on(cmd, "no-open") {
		if err := browse(ctx, address); err != nil {
			fmt.Fprintln(cmd.ErrOrStderr(), "No browser could be started here; open the address yourself.")
		}
	}
	for {
		select {
		case o := <-outcomes:
			if !on(cmd, "no-shutdown") {
				return end(o)
			}
			if err := printOne(cmd, o.tokens, o.err); err != nil {
				return show.Answer{}, err
			}
		case err := <-failed:
			return show.Answer{}, err
		case <-ctx.Done():
			select {
			case o := <-outcomes: // that came a moment before
				if !on(cmd, "no-shutdown") {
					return end(o)
				}
				return show.Answer{}, printOne(cmd, o.tokens, o.err)
			default:
			}
			if on(cmd, "no-shutdown") {
				return show.Answer{}, nil
			}
			return show.Answer{}, errors.New("stopped before somebody signed in")
		}
	}
}

// browse opens an address in the browser of this machine.
func browse(ctx context.Context, address string) error {
	name, args := "xdg-open", []string{}
	switch {
	case os.Getenv("BROWSER") != "":
		name = os.Getenv("BROWSER")
	case runtime.GOOS == "darwin":
		name = "open"
	case runtime.GOOS == "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler"}
	}
	c := exec.CommandContext(ctx, name, append(args, address)...)
	c.Stdout, c.Stderr = io.Discard, io.Discard
	if err := c.Start(); err != nil {
		return err
	}
	go func() { _ = c.Wait() }() // what becomes of the browser is not our business
	return nil
}

func newSignIn(cmd *cobra.Command) (*remote.SignIn, int, error) {
	as, err := credentials(cmd)
	if err != nil {
		return nil, 0, err
	}
	mode := flag(cmd, "response-mode")
	if !slices.Contains([]string{"", "query", "form_post"}, mode) {
		return nil, 0, errors.New("--response-mode is query or form_post; what stands in a fragment does not come to a server")
	}
	port, err := cmd.Flags().GetInt("port")
	if err != nil {
		return nil, 0, err
	}
	maxAge, err := cmd.Flags().GetInt("max-age")
	if err != nil {
		return nil, 0, err
	}
	redirect := flag(cmd, "redirect")
	if redirect == "" {
		redirect = fmt.Sprintf("http://127.0.0.1:%d/callback", port)
		if on(cmd, "https") {
			redirect = "https" + strings.TrimPrefix(redirect, "http")
		}
	}
	if u, err := url.Parse(redirect); err != nil || u.Host == "" {
		return nil, 0, errors.New("--redirect is no absolute URI")
	}
	c, err := connect(cmd, publicPort)
	if err != nil {
		return nil, 0, err
	}
	provider, err := c.Discover(cmd.Context())
	if err != nil {
		return nil, 0, err
	}
	return &remote.SignIn{
		Client: c, Provider: provider, As: as, Redirect: redirect, Now: time.Now,
		Scope: slice(cmd, "scope"), Prompt: slice(cmd, "prompt"), Audience: slice(cmd, "audience"), MaxAge: maxAge,
		State: flag(cmd, "state"), ResponseMode: mode, AuthURL: flag(cmd, "auth-url"), TokenURL: flag(cmd, "token-url"),
	}, port, nil
}

// printOne prints one of several sign-ins.
func printOne(cmd *cobra.Command, t remote.Tokens, failure error) error {
	if failure != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "Error: %s\n", show.Printable(failure.Error()))
		return nil
	}
	p, err := printer(cmd)
	if err != nil {
		return err
	}
	a, err := tokensAnswer(t)
	if err != nil {
		return err
	}
	return p.Print(cmd.OutOrStdout(), a)
}

func deviceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "device-code", Short: "Sign in on another device, and print the tokens.", Args: atMost(0),
		Long: `Sign in on another device, as a television or a command line would: a code is
shown, which somebody types in a browser elsewhere (RFC 8628).`,
		Example: `  hydra create oauth2-client --id my-tv --token-endpoint-auth-method none --scope openid,offline \
    --grant-type urn:ietf:params:oauth:grant-type:device_code,refresh_token
  hydra perform device-code --client-id my-tv --endpoint http://127.0.0.1:4444`,
	}
	credentialFlags(cmd.Flags())
	cmd.Flags().StringSlice("scope", []string{"offline", "openid"}, "ask for this `scope`; repeatable, or with commas")
	cmd.Flags().StringSlice("audience", nil, "ask for this `audience`; repeatable, or with commas")
	cmd.Flags().String("device-auth-url", "", "device authorization `endpoint`, if it is another one than that of the endpoint")
	cmd.Flags().String("token-url", "", "token `endpoint`, if it is another one than that of the endpoint")
	return remoteCommand(cmd, publicPort, device)
}

func device(cmd *cobra.Command, _ []string) (show.Answer, error) {
	as, err := credentials(cmd)
	if err != nil {
		return show.Answer{}, err
	}
	c, err := connect(cmd, publicPort)
	if err != nil {
		return show.Answer{}, err
	}
	at := func(name, path string) string {
		if v := flag(cmd, name); v != "" {
			return v
		}
		return path
	}
	form := url.Values{}
	for _, name := range []string{"scope", "audience"} {
		if values := slice(cmd, name); len(values) > 0 {
			form.Set(name, strings.Join(values, " "))
		}
	}
	provider, err := c.Discover(cmd.Context())
	if err != nil {
		return show.Answer{}, err
	}
	d, err := c.AuthorizeDevice(cmd.Context(), at("device-auth-url", remote.DevicePath), as, form)
	if err != nil {
		return show.Answer{}, err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Open %s\nand type %s\n", show.Printable(d.URL), show.Printable(d.UserCode))
	if d.CompleteURL != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "or open %s\n", show.Printable(d.CompleteURL))
	}
	t, err := c.Poll(cmd.Context(), at("token-url", remote.TokenPath), as, d)
	if err != nil {
		return show.Answer{}, err
	}
	if err := c.VerifyIDToken(cmd.Context(), &t, remote.Expected{Issuer: provider.Issuer, ClientID: as.ID, Now: time.Now()}); err != nil {
		return show.Answer{}, err
	}
	return tokensAnswer(t)
}
