package client

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

func basic(id string, plain oauth.Secret) oauth.Credentials {
	return oauth.Credentials{Basic: true, BasicID: id, BasicSecret: plain, Network: "192.0.2.1"}
}

func post(id string, plain oauth.Secret) oauth.Credentials {
	return oauth.Credentials{PostID: id, PostSecret: plain, HasPostSecret: true, Network: "192.0.2.1"}
}

// The method is exactly the registered one (contract §3.2.2).
func TestAuthenticate(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	create(t, s, &oauth.Client{ID: "basic"}, "chosen secret")
	create(t, s, &oauth.Client{ID: "post", AuthMethod: oauth.AuthSecretPost}, "chosen secret")
	create(t, s, &oauth.Client{ID: "public", AuthMethod: oauth.AuthNone}, "")
	generated := create(t, s, &oauth.Client{ID: "generated"}, "")
	both := basic("basic", "chosen secret")
	both.PostID = "basic"
	other := both
	other.PostID = "post"
	twice := both
	twice.PostSecret, twice.HasPostSecret = "chosen secret", true
	empty := both
	empty.HasPostSecret = true
	emptyPublic := oauth.Credentials{PostID: "public", HasPostSecret: true}
	asserted := both
	asserted.AssertionType, asserted.Assertion = assertionType, "x"
	postAsserted := post("post", "chosen secret")
	postAsserted.Assertion = "x"

	for _, test := range []struct {
		name string
		cr   oauth.Credentials
		want oauth.Kind // "": accepted
	}{
		{"basic", basic("basic", "chosen secret"), ""},
		{"generated secret", basic("generated", generated), ""},
		{"post", post("post", "chosen secret"), ""},
		{"public", oauth.Credentials{PostID: "public"}, ""},
		{"public with an empty secret", emptyPublic, ""},
		{"basic with its id in the body", both, ""},
		{"basic with an empty secret in the body", empty, ""},

		{"wrong secret", basic("basic", "wrong secret"), oauth.InvalidClient},
		{"wrong generated secret", basic("generated", "wrong secret"), oauth.InvalidClient},
		{"empty secret", basic("basic", ""), oauth.InvalidClient},
		{"secret with more behind", basic("basic", "chosen secret "), oauth.InvalidClient},
		{"endless secret", basic("basic", oauth.Secret(strings.Repeat("x", 1<<20))), oauth.InvalidClient},
		{"the hash as secret", basic("generated", oauth.Secret(hashesOf(t, s, "generated")[0])), oauth.InvalidClient},
		{"unknown client", basic("nobody", "chosen secret"), oauth.InvalidClient},
		{"unknown client without a secret", oauth.Credentials{PostID: "nobody"}, oauth.InvalidClient},
		{"endless id", basic(strings.Repeat("x", 1<<20), "chosen secret"), oauth.InvalidClient},
		{"id in other case", basic("Basic", "chosen secret"), oauth.InvalidClient},
		{"empty id", basic("", "chosen secret"), oauth.InvalidClient},
		{"post in place of basic", post("basic", "chosen secret"), oauth.InvalidClient},
		{"basic in place of post", basic("post", "chosen secret"), oauth.InvalidClient},
		{"no secret in place of basic", oauth.Credentials{PostID: "basic"}, oauth.InvalidClient},
		{"basic in place of none", basic("public", "anything"), oauth.InvalidClient},
		{"basic without a secret in place of none", basic("public", ""), oauth.InvalidClient},
		{"post in place of none", post("public", "anything"), oauth.InvalidClient},

		{"nothing", oauth.Credentials{}, oauth.InvalidRequest},
		{"a secret without an id", oauth.Credentials{PostSecret: "x", HasPostSecret: true}, oauth.InvalidRequest},
		{"two secrets", twice, oauth.InvalidRequest},
		{"two ids", other, oauth.InvalidRequest},
		{"secret and assertion", asserted, oauth.InvalidRequest},
		{"posted secret and assertion", postAsserted, oauth.InvalidRequest},
		{"unknown assertion type", oauth.Credentials{PostID: "basic", AssertionType: "x", Assertion: "y"}, oauth.InvalidRequest},
		{"assertion without a type", oauth.Credentials{Assertion: "y"}, oauth.InvalidRequest},
		{"assertion type alone", oauth.Credentials{AssertionType: assertionType}, oauth.InvalidRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := s.Authenticate(t.Context(), test.cr)
			if test.want == "" && (err != nil || c.ID != test.cr.BasicID+strings.Repeat(test.cr.PostID, bit(!test.cr.Basic))) {
				t.Errorf("Authenticate() = %v, %v", c, err)
			}
			if test.want != "" && oauth.KindOf(err) != test.want {
				t.Errorf("Authenticate() = %v, want %s", err, test.want)
			}
		})
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Nobody learns from the answer which clients there are.
func TestOneAnswerForAllFailures(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	create(t, s, &oauth.Client{ID: "c"}, "chosen secret")
	answers := map[string]bool{}
	for _, cr := range []oauth.Credentials{basic("c", "wrong"), basic("nobody", "wrong"), post("c", "chosen secret"), {PostID: "c"}, {PostID: "nobody"}} {
		_, err := s.Authenticate(t.Context(), cr)
		e, ok := errors.AsType[*oauth.Error](err)
		if !ok {
			t.Fatalf("Authenticate() = %v", err)
		}
		answers[fmt.Sprint(e.Kind, e.Public, e.Status, e.RetryAfter)] = true
	}
	if len(answers) != 1 {
		t.Errorf("%d answers: %v", len(answers), answers)
	}
}

// Any live secret of a client is good, an expired one is not.
func TestSeveralSecrets(t *testing.T) {
	t.Parallel()
	s, now := newService(t)
	create(t, s, &oauth.Client{ID: "c"}, "")
	c, rows, err := s.Store.Client(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	row := func(hash string, until time.Time) oauth.ClientSecret {
		return oauth.ClientSecret{ID: oauth.ID(secret.NewID()), ClientUID: c.UID, Hash: hash, CreatedAt: noon, ExpiresAt: until}
	}
	rows = append(rows,
		row(secret.HashGenerated("generated, until one"), noon.Add(time.Hour)),
		row(secret.HashChosen("chosen, until one", 25_000), noon.Add(time.Hour)),
		row(secret.HashChosen("chosen, for ever", 25_000), oauth.Never))
	if err := s.Store.UpdateClient(t.Context(), c, rows); err != nil {
		t.Fatal(err)
	}
	s.changed("c")
	all := []oauth.Secret{"generated, until one", "chosen, until one", "chosen, for ever"}
	for _, plain := range all {
		if _, err := s.Authenticate(t.Context(), basic("c", plain)); err != nil {
			t.Errorf("%q: %v", string(plain), err)
		}
	}
	now.set(noon.Add(time.Hour))
	for i, plain := range all {
		if _, err := s.Authenticate(t.Context(), basic("c", plain)); (err == nil) != (i == 2) {
			t.Errorf("%q an hour later: %v", string(plain), err)
		}
	}
}

// An imported hash works, and is replaced after the first success.
func TestUpgradesOutdatedHashes(t *testing.T) {
	t.Parallel()
	for _, imported := range []string{
		"$2a$04$7UZB1FecEZWW1kF/5MXO3ufldzwThC1kTUHJXL0mMP5Bn9zbhh4A2", // bcrypt
		secret.HashChosen("imported secret", 1000),
	} {
		s, _ := newService(t)
		create(t, s, &oauth.Client{ID: "c"}, "")
		c, rows, err := s.Store.Client(t.Context(), "c")
		if err != nil {
			t.Fatal(err)
		}
		rows[0].Hash = imported
		if err := s.Store.UpdateClient(t.Context(), c, rows); err != nil {
			t.Fatal(err)
		}
		s.changed("c")
		if _, err := s.Authenticate(t.Context(), basic("c", "wrong")); oauth.KindOf(err) != oauth.InvalidClient {
			t.Errorf("wrong secret: %v", err)
		}
		if got := hashesOf(t, s, "c"); got[0] != imported {
			t.Error("a wrong secret replaced the hash")
		}
		for range 2 {
			if _, err := s.Authenticate(t.Context(), basic("c", "imported secret")); err != nil {
				t.Error(err)
			}
		}
		got := hashesOf(t, s, "c")
		if len(got) != 1 || got[0] == imported || secret.Outdated(got[0], 25_000) {
			t.Errorf("the hash was not replaced by one of today")
		}
		if ok, _ := secret.VerifyHash(got[0], "imported secret"); !ok {
			t.Error("the new hash is of another secret")
		}
	}
}

// cold is the service of a node that has just started.
func cold(s *Service) *Service {
	return &Service{Store: s.Store, Replays: s.Replays, Watch: s.Watch, Now: s.Now, Options: s.Options}
}

// A flood of wrong secrets from one network neither locks out the right
// secret from another, nor costs more hashes than its allowance.
func TestFloodOfWrongSecrets(t *testing.T) {
	t.Parallel()
	s, now := newService(t)
	create(t, s, &oauth.Client{ID: "c"}, "chosen secret")
	s = cold(s)
	var refusedCount, turnedAway int
	for i := range 100 {
		_, err := s.Authenticate(t.Context(), basic("c", oauth.Secret(fmt.Sprint("wrong ", i))))
		switch oauth.KindOf(err) {
		case oauth.InvalidClient:
			refusedCount++
		case oauth.TemporarilyUnavailable:
			turnedAway++
			if e, ok := errors.AsType[*oauth.Error](err); !ok || e.RetryAfter != 1 {
				t.Fatalf("turned away without Retry-After: %v", err)
			}
		default:
			t.Fatalf("Authenticate() = %v", err)
		}
	}
	if refusedCount != clientBurst || turnedAway != 100-clientBurst {
		t.Errorf("%d were hashed and %d turned away, want %d and the rest", refusedCount, turnedAway, clientBurst)
	}
	elsewhere := basic("c", "chosen secret")
	elsewhere.Network = "198.51.100.7"
	if _, err := s.Authenticate(t.Context(), elsewhere); err != nil {
		t.Errorf("the right secret from elsewhere: %v", err)
	}
	// It is known now, so that it is let in from the flooded network, too.
	if _, err := s.Authenticate(t.Context(), basic("c", "chosen secret")); err != nil {
		t.Errorf("a verified secret from the flooded network: %v", err)
	}
	now.set(noon.Add(2 * time.Second))
	if _, err := s.Authenticate(t.Context(), basic("c", "wrong again")); oauth.KindOf(err) != oauth.InvalidClient {
		t.Errorf("two seconds later: %v, want invalid_client", err)
	}
}

// A generated secret needs no slow hash and no allowance.
func TestGeneratedSecretPassesTheFlood(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	plain := create(t, s, &oauth.Client{ID: "c"}, "")
	for i := range clientBurst + 1 {
		if _, err := s.Authenticate(t.Context(), basic("c", oauth.Secret(fmt.Sprint(i)))); err == nil {
			t.Fatal("accepted")
		}
	}
	if _, err := s.Authenticate(t.Context(), basic("c", plain)); err != nil {
		t.Errorf("the right secret: %v", err)
	}
}

// Guessing at clients that do not exist is slowed down in the same way, and
// changing the id does not help.
func TestFloodOfUnknownClients(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	for i := range clientBurst + 5 {
		_, err := s.Authenticate(t.Context(), basic("nobody", "wrong"))
		want := oauth.InvalidClient
		if i >= clientBurst {
			want = oauth.TemporarilyUnavailable
		}
		if oauth.KindOf(err) != want {
			t.Fatalf("attempt %d: %v, want %s", i, err, want)
		}
	}
	for i := range networkBurst { // as failures with so many ids would
		s.hashes.charge(guess{id: fmt.Sprint("nobody ", i), network: "192.0.2.1"}, noon)
	}
	if _, err := s.Authenticate(t.Context(), basic("yet another", "wrong")); oauth.KindOf(err) != oauth.TemporarilyUnavailable {
		t.Errorf("after %d ids: %v", networkBurst, err)
	}
	elsewhere := basic("nobody", "wrong")
	elsewhere.Network = "198.51.100.7"
	if _, err := s.Authenticate(t.Context(), elsewhere); oauth.KindOf(err) != oauth.InvalidClient {
		t.Errorf("from elsewhere: %v", err)
	}
}

// A verified secret is remembered for a while after its last use, by what was
// hashed: a changed secret is not.
func TestVerifiedSecrets(t *testing.T) {
	t.Parallel()
	s, now := newService(t)
	create(t, s, &oauth.Client{ID: "c"}, "chosen secret")
	c, rows, err := s.Store.Client(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	known := func(plain oauth.Secret) bool {
		return s.hashes.recalls(c.UID, rows[0].Hash, plain, now.now())
	}
	if !known("chosen secret") {
		t.Error("a secret that was just hashed is unknown")
	}
	if known("chosen") || s.hashes.recalls(c.UID, rows[0].Hash+"x", "chosen secret", now.now()) || s.hashes.recalls(oauth.ID{1}, rows[0].Hash, "chosen secret", now.now()) {
		t.Error("something else is taken for it")
	}
	now.set(noon.Add(9 * time.Minute))
	if !known("chosen secret") {
		t.Error("unknown after nine minutes")
	}
	now.set(noon.Add(18 * time.Minute))
	if !known("chosen secret") {
		t.Error("unknown nine minutes after its last use")
	}
	now.set(noon.Add(28 * time.Minute))
	if known("chosen secret") {
		t.Error("known ten minutes after its last use")
	}
	if _, err := s.Update(t.Context(), "c", &oauth.Client{}, "another secret"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), basic("c", "chosen secret")); oauth.KindOf(err) != oauth.InvalidClient {
		t.Errorf("the old secret: %v", err)
	}
}

// Many who come at once with the same secret cost one hash.
func TestSharedVerification(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	s.Options.HashWorkers, s.Options.HashQueue = 1, 1
	create(t, s, &oauth.Client{ID: "c"}, "chosen secret")
	s = cold(s)
	s.start()
	s.hashes.slots <- struct{}{} // the only worker is busy
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := s.Authenticate(t.Context(), basic("c", "chosen secret")); err != nil {
				t.Errorf("Authenticate() = %v", err)
			}
		})
	}
	wait(t, func() bool { return s.hashes.waiting.Load() == 1 })
	// One waits; another secret finds the queue full, and a client that hangs
	// up gives its place back.
	if _, err := s.Authenticate(t.Context(), basic("c", "wrong")); oauth.KindOf(err) != oauth.TemporarilyUnavailable {
		t.Errorf("with a full queue: %v", err)
	}
	<-s.hashes.slots
	wg.Wait()
}

// wait spins until something that another goroutine does has happened.
func wait(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}

// Who waits for another's verification goes on when that one hangs up.
func TestSharedVerificationSurvivesItsLeader(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	s.Options.HashWorkers, s.Options.HashQueue = 1, 8
	create(t, s, &oauth.Client{ID: "c"}, "chosen secret")
	s = cold(s)
	s.start()
	s.hashes.slots <- struct{}{}
	ctx, hangUp := context.WithCancel(t.Context())
	var leader, wg sync.WaitGroup
	var followers atomic.Int32
	leader.Go(func() {
		if _, err := s.Authenticate(ctx, basic("c", "chosen secret")); !errors.Is(err, context.Canceled) {
			t.Errorf("who hung up: %v", err)
		}
	})
	wait(t, func() bool { return s.hashes.waiting.Load() == 1 })
	for range 8 {
		wg.Go(func() {
			followers.Add(1)
			if _, err := s.Authenticate(t.Context(), basic("c", "chosen secret")); err != nil {
				t.Errorf("Authenticate() = %v", err)
			}
		})
	}
	wait(t, func() bool { return followers.Load() == 8 })
	hangUp()
	leader.Wait()
	<-s.hashes.slots
	wg.Wait()
}
