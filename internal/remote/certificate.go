package remote

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"

	"hydra/internal/secret"
)

// MomentCertificate makes a certificate for this machine that nobody but the
// person in front of it has a reason to believe, good for a day.
func MomentCertificate(now time.Time) (tls.Certificate, error) {
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret.Bytes(32))
	if err != nil {
		return tls.Certificate{}, err // once in 2^32: not below the order of the curve
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(secret.Bytes(16)),
		Subject:      pkix.Name{CommonName: "hydra perform authorization-code"},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		BasicConstraintsValid: true,
	}
	// Without a source of randomness the signature is that of RFC 6979.
	der, err := x509.CreateCertificate(nil, template, template, &k.PublicKey, k)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}, err
}
