package public

import (
	"slices"

	"hydra/internal/client"
	"hydra/internal/key"
)

// requestObjectMetadata is what discovery says of request objects (OpenID
// Connect Discovery §3, RFC 9101 §10.5).
type requestObjectMetadata struct {
	RequestSigningAlgs    []string `json:"request_object_signing_alg_values_supported"`
	RequestEncryptionAlgs []string `json:"request_object_encryption_alg_values_supported"`
	RequestEncryptionEncs []string `json:"request_object_encryption_enc_values_supported"`
}

func (o *Options) requestObjects() requestObjectMetadata {
	algs := client.RequestObjectAlgs()
	if o.SignedRequestsOnly {
		algs = slices.DeleteFunc(algs, func(a string) bool { return a == "none" })
	}
	return requestObjectMetadata{algs, key.DecryptionAlgs(), key.ContentEncryptions()}
}
