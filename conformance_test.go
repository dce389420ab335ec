package floors_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// conformancePlans are the modules of the published plans, by the letters that
// docs/conformance.md gives them.
var conformancePlans = map[string]string{
	"B": allFlows + withCode + ` oidcc-idtoken-unsigned oidcc-ensure-request-without-nonce-succeeds-for-code-flow oidcc-ensure-post-request-succeeds`,
	"I": allFlows + ` oidcc-ensure-request-without-nonce-fails`,
	"H": allFlows + withCode + ` oidcc-ensure-request-without-nonce-fails oidcc-ensure-request-without-nonce-succeeds-for-code-flow`,
	"C": `oidcc-discovery-endpoint-verification`,
	"D": `oidcc-idtoken-rs256 oidcc-idtoken-unsigned oidcc-userinfo-rs256 oidcc-ensure-redirect-uri-in-authorization-request
		oidcc-redirect-uri-query-OK oidcc-redirect-uri-query-mismatch oidcc-redirect-uri-query-added oidcc-redirect-uri-regfrag
		oidcc-discovery-endpoint-verification oidcc-server oidcc-registration-logo-uri oidcc-registration-policy-uri oidcc-registration-tos-uri
		oidcc-registration-jwks-uri oidcc-registration-sector-uri oidcc-registration-sector-bad oidcc-server-rotate-keys
		oidcc-refresh-token-rp-key-rotation oidcc-request-uri-unsigned oidcc-request-uri-signed-rs256
		oidcc-ensure-request-object-with-redirect-uri oidcc-refresh-token oidcc-ensure-client-assertion-with-iss-aud-succeeds`,
	"3": `oidcc-3rd_party-init-login oidcc-3rd_party-init-login-nohttps`,
	"R": `oidcc-rp-initiated-logout-discovery-endpoint-verification oidcc-rp-initiated-logout oidcc-rp-initiated-logout-no-state
		oidcc-rp-initiated-logout-bad-post-logout-redirect-uri oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri
		oidcc-rp-initiated-logout-modified-id-token-hint oidcc-rp-initiated-logout-bad-id-token-hint oidcc-rp-initiated-logout-no-id-token-hint
		oidcc-rp-initiated-logout-no-params oidcc-rp-initiated-logout-no-post-logout-redirect-uri oidcc-rp-initiated-logout-only-state`,
	"F": `oidcc-frontchannel-logout-discovery-endpoint-verification oidcc-frontchannel-rp-initiated-logout`,
	"K": `oidcc-backchannel-logout-discovery-endpoint-verification oidcc-backchannel-rp-initiated-logout`,
	"S": `oidcc-session-management-discovery-endpoint-verification oidcc-session-management-rp-initiated-logout`,
}

const (
	allFlows = `oidcc-server oidcc-response-type-missing oidcc-idtoken-signature oidcc-userinfo-get oidcc-userinfo-post-header oidcc-userinfo-post-body
		oidcc-scope-profile oidcc-scope-email oidcc-scope-address oidcc-scope-phone oidcc-scope-all oidcc-alternate-happy-flow oidcc-display-page
		oidcc-display-popup oidcc-prompt-login oidcc-prompt-none-not-logged-in oidcc-prompt-none-logged-in oidcc-max-age-1 oidcc-max-age-10000
		oidcc-ensure-request-with-unknown-parameter-succeeds oidcc-id-token-hint oidcc-login-hint oidcc-ui-locales oidcc-claims-locales
		oidcc-ensure-request-with-acr-values-succeeds oidcc-ensure-registered-redirect-uri
		oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported
		oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported oidcc-ensure-request-object-with-redirect-uri oidcc-claims-essential`
	withCode = ` oidcc-codereuse oidcc-codereuse-30seconds oidcc-server-client-secret-post oidcc-refresh-token oidcc-ensure-request-with-valid-pkce-succeeds`
)

var (
	planLine   = regexp.MustCompile("^\\| ([A-Z3]) \\| `(oidcc-[a-z0-9-]+-test-plan)` \\| [^|]+ \\| `([^`]+)` `(Test\\w+)` \\|$")
	moduleLine = regexp.MustCompile("^\\| `(oidcc-[A-Za-z0-9_-]+)` \\| ([A-Z3 ]+) \\| ([^|]+) \\| `([^`]+)` `(Test\\w+)` \\| ([^|]+) \\|$")
)

// docs/conformance.md tells the truth: every plan and every module stands in
// it, a module in the plans that have it, and the test that is said to show it
// exists, in a file that names the module.
func TestConformancePage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{} // module → plans
	for _, plan := range []string{"B", "I", "H", "C", "D", "3", "R", "F", "K", "S"} {
		for _, module := range strings.Fields(conformancePlans[plan]) {
			want[module] = strings.TrimSpace(want[module] + " " + plan)
		}
	}
	plans := map[string]int{}
	for line := range strings.SplitSeq(string(text), "\n") {
		if m := planLine.FindStringSubmatch(line); m != nil {
			plans[m[1]]++
			named(t, m[3], m[4], strings.TrimSuffix(m[2], "-certification-test-plan"))
			continue
		}
		m := moduleLine.FindStringSubmatch(line)
		if m == nil {
			if strings.HasPrefix(line, "| `oidcc-") {
				t.Errorf("this line has not the form of the table: %s", line)
			}
			continue
		}
		if want[m[1]] != m[2] {
			t.Errorf("%s is said to be in %q; it is in %q, once", m[1], m[2], want[m[1]])
		}
		delete(want, m[1])
		named(t, m[4], m[5], `"`+m[1]+`"`)
	}
	for module := range want {
		t.Errorf("%s is missing", module)
	}
	for plan := range conformancePlans {
		if n := map[bool]int{true: 2, false: 1}[strings.Contains("BIH", plan)]; plans[plan] != n {
			t.Errorf("%d plans have the letter %s, not %d", plans[plan], plan, n)
		}
	}
}

// named checks that the file has the test, and names what it is about.
func named(t *testing.T, file, test, what string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
		return
	}
	if !strings.Contains(string(text), "\nfunc "+test+"(t *testing.T) {") {
		t.Errorf("%s has no %s", file, test)
	}
	if !strings.Contains(string(text), what) {
		t.Errorf("%s does not speak of %s", file, what)
	}
}
