package public

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/token"
	"hydra/internal/web"
)

// metadata is the discovery document of OpenID Connect Discovery §3 and RFC
// 8414 §2. The members stand in the order that Hydra's document has (contract
// §3.5); what Hydra did not announce follows.
type metadata struct {
	Issuer                        string   `json:"issuer"`
	AuthorizationEndpoint         string   `json:"authorization_endpoint"`
	RegistrationEndpoint          string   `json:"registration_endpoint,omitempty"`
	TokenEndpoint                 string   `json:"token_endpoint"`
	JWKSURI                       string   `json:"jwks_uri"`
	SubjectTypes                  []string `json:"subject_types_supported"`
	ResponseTypes                 []string `json:"response_types_supported"`
	Claims                        []string `json:"claims_supported"`
	GrantTypes                    []string `json:"grant_types_supported"`
	ResponseModes                 []string `json:"response_modes_supported"`
	UserinfoEndpoint              string   `json:"userinfo_endpoint"`
	Scopes                        []string `json:"scopes_supported"`
	TokenAuthMethods              []string `json:"token_endpoint_auth_methods_supported"`
	UserinfoSigningAlgs           []string `json:"userinfo_signing_alg_values_supported"`
	IDTokenSigningAlgs            []string `json:"id_token_signing_alg_values_supported"`
	RequestParameter              bool     `json:"request_parameter_supported"`
	RequestURIParameter           bool     `json:"request_uri_parameter_supported"` // true when it is left out, Discovery §3
	RequireRequestURIRegistration bool     `json:"require_request_uri_registration"`
	ClaimsParameter               bool     `json:"claims_parameter_supported"`
	requestObjectMetadata

	IDTokenEncryptionAlgs  []string `json:"id_token_encryption_alg_values_supported"`
	IDTokenEncryptionEncs  []string `json:"id_token_encryption_enc_values_supported"`
	UserinfoEncryptionAlgs []string `json:"userinfo_encryption_alg_values_supported"`
	UserinfoEncryptionEncs []string `json:"userinfo_encryption_enc_values_supported"`

	TokenAuthSigningAlgs      []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevocationEndpoint        string   `json:"revocation_endpoint"`
	RevocationAuthMethods     []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthSigningAlgs []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	DeviceEndpoint            string   `json:"device_authorization_endpoint"` // RFC 8628 §4
	PromptValues              []string `json:"prompt_values_supported"`       // Initiating User Registration §4
	ACRValues                 []string `json:"acr_values_supported,omitempty"`
	CodeChallengeMethods      []string `json:"code_challenge_methods_supported"`               // RFC 7636
	ResponseIss               bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3

	// Which algorithm signs at the moment. No standard has these two, but v2's
	// own Go client refuses a document without them.
	IDTokenSignedAlg  []string `json:"id_token_signed_response_alg,omitempty"`
	UserinfoSignedAlg []string `json:"userinfo_signed_response_alg,omitempty"`

	sessionMetadata
}

// described is a discovery document for one signing algorithm.
type described struct {
	alg string
	*document
}

// discoveryMaxAge is short, because a new signing algorithm shows here.
const discoveryMaxAge = time.Minute

// discovery returns the handler of GET /.well-known/openid-configuration
// (OpenID Connect Discovery §4) and /.well-known/oauth-authorization-server
// (RFC 8414 §3). The document is encoded once for each signing algorithm.
func (h *Handler) discovery() web.HandlerFunc {
	var last atomic.Pointer[described]
	return func(w http.ResponseWriter, r *http.Request) error {
		d := last.Load()
		alg, err := h.Keys.SigningAlg(r.Context(), token.IDTokenSet)
		if err != nil && d == nil {
			return err
		}
		if err == nil && (d == nil || d.alg != alg) {
			// With a database that is away, the last document is still true.
			body, err := json.Marshal(h.Options.metadata(alg))
			if err != nil {
				return err
			}
			d = &described{alg, newDocument(body, discoveryMaxAge)}
			last.Store(d)
		}
		d.write(w, r)
		return nil
	}
}

// metadata says what this server does, and nothing that it does not.
func (o *Options) metadata(alg string) metadata {
	return metadata{
		Issuer:                        o.Issuer,
		AuthorizationEndpoint:         o.endpoint(o.Announce.Authorization, "/oauth2/auth"),
		RegistrationEndpoint:          o.registrationEndpoint(),
		TokenEndpoint:                 o.endpoint(o.Announce.Token, "/oauth2/token"),
		JWKSURI:                       o.endpoint(o.Announce.JWKS, "/.well-known/jwks.json"),
		SubjectTypes:                  list(nil, o.SubjectTypes, oauth.SubjectPublic),
		ResponseTypes:                 responseTypes,
		Claims:                        list(claimsKnown, o.Claims),
		GrantTypes:                    grantTypes,
		ResponseModes:                 responseModes,
		UserinfoEndpoint:              o.endpoint(o.Announce.Userinfo, "/userinfo"),
		Scopes:                        list(scopesKnown, o.Scopes),
		TokenAuthMethods:              authMethods,
		RequestParameter:              true,
		RequestURIParameter:           true,
		RequireRequestURIRegistration: true,
		requestObjectMetadata:         o.requestObjects(),

		UserinfoSigningAlgs: list([]string{token.AlgNone}, key.SigningAlgs()),

		IDTokenSigningAlgs:     o.idTokenAlgs(),
		IDTokenEncryptionAlgs:  key.EncryptionAlgs(),
		IDTokenEncryptionEncs:  key.EncryptionEncs(),
		UserinfoEncryptionAlgs: key.EncryptionAlgs(),
		UserinfoEncryptionEncs: key.EncryptionEncs(),

		TokenAuthSigningAlgs:      authAlgs,
		RevocationEndpoint:        o.endpoint("", "/oauth2/revoke"),
		RevocationAuthMethods:     authMethods,
		RevocationAuthSigningAlgs: authAlgs,
		DeviceEndpoint:            o.endpoint(o.Announce.Device, "/oauth2/device/auth"),
		ClaimsParameter:           true,
		PromptValues:              promptValues,
		ACRValues:                 o.ACRValues,
		CodeChallengeMethods:      []string{"S256"},
		ResponseIss:               true,
		IDTokenSignedAlg:          o.signsNow(alg),
		UserinfoSignedAlg:         o.signsNow(alg),
		sessionMetadata:           o.sessions(),
	}
}

// signsNow is what the two members of Hydra's own say.
func (o *Options) signsNow(alg string) []string {
	if o.StandardDiscovery {
		return nil
	}
	return []string{alg}
}

// idTokenAlgs are those that a client may register, whatever the server signs
// with for the others.
func (o *Options) idTokenAlgs() []string {
	if o.UnsignedIDTokens {
		return append(key.SigningAlgs(), token.AlgNone)
	}
	return key.SigningAlgs()
}

func (o *Options) registrationEndpoint() string {
	if !o.Register {
		return o.Announce.Registration // perhaps somebody else's
	}
	return o.endpoint(o.Announce.Registration, registerPath)
}

func (o *Options) endpoint(announced, path string) string {
	if announced != "" {
		return announced
	}
	return o.PublicURL + path
}

// list joins two lists, each value once, or takes the default when both are
// empty.
func list(first, more []string, otherwise ...string) []string {
	out := []string{}
	for _, s := range slices.Concat(first, more) {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return otherwise
	}
	return out
}
