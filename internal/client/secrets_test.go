package client

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

// Two secrets overlap until the first one ends; none of it leaves the client
// locked out.
func TestSecretsOverlap(t *testing.T) {
	t.Parallel()
	s, now := newService(t)
	ctx := t.Context()
	first := create(t, s, &oauth.Client{ID: "app"}, "")
	accepts := func(plain oauth.Secret) bool {
		_, err := s.Authenticate(ctx, oauth.Credentials{Basic: true, BasicID: "app", BasicSecret: plain})
		if err != nil && !errors.Is(err, oauth.InvalidClient) {
			t.Fatal(err)
		}
		return err == nil
	}
	second, row, err := s.AddSecret(ctx, "app", SecretRequest{OthersExpire: noon.Add(time.Hour)})
	if err != nil || second == first || !oauth.IsNever(row.ExpiresAt) {
		t.Fatalf("AddSecret() = %v, %v", row, err)
	}
	third, _, err := s.AddSecret(ctx, "app", SecretRequest{Secret: "chosen secret", ExpiresAt: noon.Add(2 * time.Hour)})
	if err != nil || third != "chosen secret" {
		t.Fatalf("AddSecret() = %v", err)
	}
	for _, step := range []struct {
		after time.Duration
		want  [3]bool
		rows  int
	}{{0, [3]bool{true, true, true}, 3}, {time.Hour, [3]bool{false, true, true}, 2}, {2 * time.Hour, [3]bool{false, true, false}, 1}} {
		now.set(noon.Add(step.after))
		if got := [3]bool{accepts(first), accepts(second), accepts(third)}; got != step.want {
			t.Errorf("after %v: %v, want %v", step.after, got, step.want)
		}
		rows, err := s.Secrets(ctx, "app")
		if err != nil || len(rows) != step.rows {
			t.Errorf("after %v: %d secrets, %v, want %d", step.after, len(rows), err, step.rows)
		}
	}
	if err := s.DeleteSecret(ctx, "app", row.ID); !errors.Is(err, oauth.Conflict) {
		t.Errorf("DeleteSecret() of the last one = %v", err)
	}
	fourth, _, err := s.AddSecret(ctx, "app", SecretRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is gone already
		if err := s.DeleteSecret(ctx, "app", row.ID); err != nil {
			t.Errorf("DeleteSecret() = %v", err)
		}
	}
	if accepts(second) || !accepts(fourth) {
		t.Error("the deleted secret works, or the other one does not")
	}
}

// Whoever describes a client anew with a secret that it has leaves the others
// alone, in the middle of a rotation too; any other secret becomes the only one.
func TestUpdateWithPresentSecret(t *testing.T) {
	t.Parallel()
	s, now := newService(t)
	ctx := t.Context()
	create(t, s, &oauth.Client{ID: "app"}, "secret of the file")
	if _, _, err := s.AddSecret(ctx, "app", SecretRequest{OthersExpire: noon.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name    string
		after   time.Duration
		method  string
		given   oauth.Secret
		secrets int
		stay    bool
	}{
		{"the present one", 0, "", "secret of the file", 2, true},
		{"the present one, for another method", 0, oauth.AuthSecretPost, "secret of the file", 2, true},
		{"one that has expired", time.Hour, "", "secret of the file", 1, false},
		{"the same, which is the only one now", time.Hour, "", "secret of the file", 1, true},
		{"another one", time.Hour, "", "another secret", 1, false},
	} {
		now.set(noon.Add(step.after))
		before := hashesOf(t, s, "app")
		plain, err := s.Update(ctx, "app", &oauth.Client{AuthMethod: step.method}, step.given)
		if err != nil || plain != step.given {
			t.Fatalf("%s: Update() echoes the secret: %t, %v", step.name, plain == step.given, err)
		}
		after := hashesOf(t, s, "app")
		if stay := cmp.Equal(before, after); len(after) != step.secrets || stay != step.stay {
			t.Errorf("%s: %d secrets, the same: %t; want %d, %t", step.name, len(after), stay, step.secrets, step.stay)
		}
		if _, err := s.Authenticate(ctx, oauth.Credentials{Basic: true, BasicID: "app", BasicSecret: step.given}); step.method == "" && err != nil {
			t.Errorf("%s: Authenticate() = %v", step.name, err)
		}
	}
}

func TestSecretsRefused(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	ctx := t.Context()
	create(t, s, &oauth.Client{ID: "app"}, "")
	create(t, s, &oauth.Client{ID: "public", AuthMethod: oauth.AuthNone}, "")
	for name, test := range map[string]struct {
		id   string
		r    SecretRequest
		want oauth.Kind
	}{
		"unknown client":   {"nobody", SecretRequest{}, oauth.NotFound},
		"public client":    {"public", SecretRequest{}, oauth.InvalidRequest},
		"short":            {"app", SecretRequest{Secret: "short"}, oauth.InvalidRequest},
		"ends in the past": {"app", SecretRequest{ExpiresAt: noon}, oauth.InvalidRequest},
	} {
		if _, _, err := s.AddSecret(ctx, test.id, test.r); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	if _, err := s.Secrets(ctx, "nobody"); !errors.Is(err, oauth.NotFound) {
		t.Errorf("Secrets() = %v", err)
	}
	if err := s.DeleteSecret(ctx, "nobody", oauth.ID{1}); !errors.Is(err, oauth.NotFound) {
		t.Errorf("DeleteSecret() = %v", err)
	}
	for i := 1; i < maxSecrets; i++ {
		if _, _, err := s.AddSecret(ctx, "app", SecretRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.AddSecret(ctx, "app", SecretRequest{}); !errors.Is(err, oauth.Conflict) {
		t.Errorf("one secret too many: %v", err)
	}
}

// Edits that race lose nothing: each sees what the one before has written.
func TestEdit(t *testing.T) {
	t.Parallel()
	s, now := newService(t)
	ctx := t.Context()
	plain := create(t, s, &oauth.Client{ID: "app", Name: "", Owner: "me"}, "")
	now.set(noon.Add(time.Minute))
	const writers = 4
	done := make(chan error, writers)
	for range writers {
		go func() {
			_, _, err := s.Edit(ctx, "app", func(c *oauth.Client) (oauth.Secret, error) {
				c.Name += "x"
				c.ID, c.UID = "other", oauth.ID{1} // counts for nothing
				return "", nil
			})
			done <- err
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	c, err := s.Read(ctx, "app")
	if err != nil || c.Name != "xxxx" || c.Owner != "me" || !c.UpdatedAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("Read() = %+v, %v", c, err)
	}
	if _, err := s.Authenticate(ctx, oauth.Credentials{Basic: true, BasicID: "app", BasicSecret: plain}); err != nil {
		t.Errorf("the secret does not work any more: %v", err)
	}
	errOwn := errors.New("own")
	for name, test := range map[string]struct {
		id   string
		edit func(*oauth.Client) (oauth.Secret, error)
		want error
	}{
		"unknown": {"nobody", func(*oauth.Client) (oauth.Secret, error) { return "", nil }, oauth.NotFound},
		"own":     {"app", func(*oauth.Client) (oauth.Secret, error) { return "", errOwn }, errOwn},
		"rule":    {"app", func(c *oauth.Client) (oauth.Secret, error) { c.AuthMethod = "x"; return "", nil }, oauth.InvalidRequest},
		"secret":  {"app", func(*oauth.Client) (oauth.Secret, error) { return "short", nil }, oauth.InvalidRequest},
	} {
		if _, _, err := s.Edit(ctx, test.id, test.edit); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if err := s.EndAccessTokens(ctx, "nobody"); err != nil {
		t.Errorf("EndAccessTokens() = %v", err)
	}
	if err := s.EndAccessTokens(ctx, "app"); err != nil {
		t.Errorf("EndAccessTokens() = %v", err)
	}
	if c, err := s.Client(ctx, "app"); err != nil || c.Epoch != 1 {
		t.Errorf("epoch %d, %v", c.Epoch, err)
	}
}
