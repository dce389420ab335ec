package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hydra/internal/oauth"
	"hydra/internal/remote"
	"hydra/internal/show"
)

// apiPort is one of the two APIs of a server, as a command finds it.
type apiPort struct {
	name  string
	envs  []string // the first that is set says where it is
	local string
}

var (
	adminPort  = apiPort{"admin", []string{"HYDRA_ADMIN_URL", "ORY_SDK_URL"}, "http://127.0.0.1:4445"}
	publicPort = apiPort{"public", []string{"HYDRA_URL", "ORY_SDK_URL"}, "http://127.0.0.1:4444"}
)

// operation is what a command does with a server. It returns its answer, and
// beside an error what was done before it.
type operation func(cmd *cobra.Command, args []string) (show.Answer, error)

// remoteCommand makes a command of an operation: the flags that all of them
// share, and an answer in the format that the user wants.
func remoteCommand(cmd *cobra.Command, at apiPort, op operation) *cobra.Command {
	remoteFlags(cmd.Flags(), at)
	complete(cmd, "format", answerFormats...)
	complete(cmd, "use", "sig", "enc")
	complete(cmd, "alg", "RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS512")
	complete(cmd, "grant-type", "authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:jwt-bearer")
	complete(cmd, "token-endpoint-auth-method", "client_secret_basic", "client_secret_post", "private_key_jwt", "none")
	complete(cmd, "access-token-strategy", "opaque", "jwt")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := printer(cmd)
		if err != nil {
			return err // before anything is done
		}
		answer, err := op(cmd, args)
		if err != nil && len(answer.Rows) == 0 {
			return err
		}
		return errors.Join(err, p.Print(cmd.OutOrStdout(), answer))
	}
	return cmd
}

// answerFormats are what --format begins with.
var answerFormats = []string{"table", "json", "json-pretty", "yaml", "jsonpath=", "jsonpointer="}

// complete names the values of a flag for the shell, if there is the flag.
func complete(cmd *cobra.Command, name string, values ...string) {
	if cmd.Flags().Lookup(name) == nil {
		return
	}
	if err := cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is there, and nobody else registers it
	}
}

func remoteFlags(f *pflag.FlagSet, at apiPort) {
	f.StringP("endpoint", "e", "", "`address` of the "+at.name+" API, for example "+at.local+" or unix:/path; else "+strings.Join(at.envs, " or ")+" from the environment")
	f.StringArrayP("http-header", "H", nil, "send this `header` too, as \"Name: value\"; repeatable")
	f.Bool("skip-tls-verify", false, "believe any certificate; for development only")
	f.String("ca-file", "", "believe the certificates of these authorities too; a PEM `file`")
	f.String("client-certificate", "", "certificate to show to the server; a PEM `file`")
	f.String("client-key", "", "its private key; a PEM `file`")
	f.Bool("fake-tls-termination", false, "send X-Forwarded-Proto: https, as a proxy would that ends TLS")
	f.Duration("timeout", 30*time.Second, "how long one request may take")
	f.BoolP("quiet", "q", false, "print nothing but ids")
	f.String("format", "table", "`format` of the answer: "+show.Formats)
	if at.name == adminPort.name {
		f.String("access-token", "", "bearer `token` for the admin API, or - to read it from standard input; else OAUTH2_ACCESS_TOKEN, or the file named by OAUTH2_ACCESS_TOKEN_FILE")
	}
}

func printer(cmd *cobra.Command) (show.Printer, error) {
	return show.Parse(flag(cmd, "format"), on(cmd, "quiet"))
}

// connect makes the client of a command's server.
func connect(cmd *cobra.Command, at apiPort) (*remote.Client, error) {
	o := remote.Options{
		Endpoint: flag(cmd, "endpoint"), SkipTLSVerify: on(cmd, "skip-tls-verify"), CAFile: flag(cmd, "ca-file"),
		CertFile: flag(cmd, "client-certificate"), KeyFile: flag(cmd, "client-key"), Header: http.Header{},
	}
	for _, name := range at.envs {
		if o.Endpoint == "" {
			o.Endpoint = os.Getenv(name)
		}
	}
	if o.Endpoint == "" {
		return nil, advice{errors.New("the endpoint is not set"), fmt.Sprintf("Say where the %s API is with --endpoint %s, or set %s.", at.name, at.local, strings.Join(at.envs, " or "))}
	}
	var err error
	if o.Timeout, err = cmd.Flags().GetDuration("timeout"); err != nil {
		return nil, err
	}
	headers, err := cmd.Flags().GetStringArray("http-header")
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, errors.New("--http-header has the form \"Name: value\"") // without its text, which may be a secret
		}
		o.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if on(cmd, "fake-tls-termination") {
		o.Header.Set("X-Forwarded-Proto", "https")
	}
	if cmd.Flags().Lookup("access-token") != nil {
		if o.AccessToken, err = secretFlag(cmd, "access-token", "OAUTH2_ACCESS_TOKEN"); err != nil {
			return nil, err
		}
	}
	return remote.New(o)
}

// flag returns a flag's text, "" for one that the command does not have.
func flag(cmd *cobra.Command, name string) string {
	if f := cmd.Flags().Lookup(name); f != nil {
		return f.Value.String()
	}
	return ""
}

// on reports whether a boolean flag is set.
func on(cmd *cobra.Command, name string) bool { return flag(cmd, name) == "true" }

// maxSecret bounds what is read as a secret, in bytes.
const maxSecret = 64 << 10

// secretFlag returns a secret: from the flag, where - stands for the standard
// input, else from the environment, else from the file that the name with
// _FILE at its end points to.
func secretFlag(cmd *cobra.Command, name, env string) (oauth.Secret, error) {
	value := flag(cmd, name)
	switch {
	case value == "-":
		raw, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxSecret+1))
		if err == nil && len(raw) > maxSecret {
			err = errors.New("it is too long")
		}
		if err != nil {
			return "", fmt.Errorf("cannot read --%s from the standard input: %w", name, err)
		}
		return oauth.Secret(strings.TrimRight(string(raw), "\r\n")), nil
	case value != "":
		warn(cmd, "a secret on the command line is seen in the list of processes and kept in the shell's history; use --%s - (standard input)%s", name, orEnv(env))
		return oauth.Secret(value), nil
	case env == "":
		return "", nil
	case os.Getenv(env) != "":
		return oauth.Secret(os.Getenv(env)), nil
	case os.Getenv(env+"_FILE") != "":
		raw, err := readFile(os.Getenv(env + "_FILE"))
		return oauth.Secret(strings.TrimRight(string(raw), "\r\n")), err
	}
	return "", nil
}

func orEnv(env string) string {
	if env == "" {
		return ""
	}
	return ", " + env + " or " + env + "_FILE"
}

// warn writes a warning where it does not mix with the answer.
func warn(cmd *cobra.Command, format string, args ...any) {
	if !on(cmd, "quiet") {
		fmt.Fprintf(cmd.ErrOrStderr(), "Warning: "+format+".\n", args...)
	}
}

// maxFile bounds what is read of a file, in bytes.
const maxFile = 64 << 20

// readInput reads a file, or the standard input for "-".
func readInput(cmd *cobra.Command, name string) ([]byte, error) {
	if name != "-" {
		return readFile(name)
	}
	return bounded(cmd.InOrStdin(), "the standard input")
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return bounded(f, name)
}

func bounded(r io.Reader, name string) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(raw) > maxFile {
		err = fmt.Errorf("%s is larger than 64 MiB", name)
	}
	return raw, err
}

// advice is an error with what to try.
type advice struct {
	error
	try string
}

// Advice is what to try next.
func (a advice) Advice() string { return a.try }

// Unwrap returns the error itself.
func (a advice) Unwrap() error { return a.error }

// atLeast demands arguments, whose names the usage tells.
func atLeast(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return usageError{fmt.Errorf("%q takes at least %d arguments, not %d", cmd.CommandPath(), n, len(args)), exitFailure}
		}
		return nil
	}
}

// each does something for each of the names and goes on when one of them
// fails. It returns the names that were done.
func each(names []string, do func(string) error) (done []string, err error) {
	var failed []error
	for _, name := range names {
		if err := do(name); err != nil {
			failed = append(failed, err)
			continue
		}
		done = append(done, name)
	}
	return done, errors.Join(failed...)
}

// idsAnswer tells of which things something was done.
func idsAnswer(column string, ids []string) show.Answer {
	a := show.Answer{IDs: ids, Columns: []string{column}, One: len(ids) == 1, Value: ids}
	if len(ids) == 1 {
		a.Value = ids[0]
	}
	for _, id := range ids {
		a.Rows = append(a.Rows, []string{id})
	}
	return a
}

// exactly demands a number of arguments.
func exactly(n int) cobra.PositionalArgs { return between(n, n) }

// between bounds the number of arguments on both sides.
func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := atLeast(least)(cmd, args); err != nil {
			return err
		}
		return atMost(most)(cmd, args)
	}
}
