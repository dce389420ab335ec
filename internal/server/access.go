package server

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"hydra/internal/admin"
	"hydra/internal/config"
	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/web"
)

// freePaths are those of the admin port that ask nobody who they are: probes
// cannot say, and what the API can do is no secret.
var freePaths = append([]string{"/health/alive", "/health/ready"}, admin.DescriptionPaths...)

// adminAccess says who may use the admin API; nil when nobody is asked.
func adminAccess(c *config.Config, errs *web.Errors, observe oauth.Observer) *admin.Access {
	if !c.Serve.AdminAuth() {
		return nil
	}
	a := &admin.Access{AnyCertificate: c.Serve.AdminClientCA != "", Errors: errs, Observe: observe}
	for _, t := range c.Serve.AdminTokens {
		a.Tokens = append(a.Tokens, admin.Token(t))
	}
	for _, k := range c.Serve.AdminCertificates {
		a.Certificates = append(a.Certificates, admin.Certificate(k))
	}
	return a
}

// NewAdminToken returns a token for the admin API. Its 190 random bits make a
// fast hash of it safe to keep.
func NewAdminToken() string {
	return "hydra_admin_" + secret.Draw("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 32)
}

// askForCertificates makes a port ask for client certificates of the
// authorities in the file. Calls without one are told apart later, because
// health checks need none and others may have a token.
func askForCertificates(t *tls.Config, file string) error {
	if file == "" {
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	t.ClientCAs = x509.NewCertPool()
	if !t.ClientCAs.AppendCertsFromPEM(data) {
		return fmt.Errorf("%s holds no certificate", file)
	}
	t.ClientAuth = tls.VerifyClientCertIfGiven
	return nil
}
