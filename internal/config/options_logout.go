package config

import "time"

// logoutOptions are about the end of sessions.
var logoutOptions = []option{
	{
		Key: "oidc.backchannel_logout.give_up_after", Default: "24h",
		Doc: "How long this server keeps trying to tell a client of the end of a session (OpenID Connect Back-Channel Logout), after 5 s first, then twice as long each time, up to an hour. " +
			"What was given up stays listed at `/admin/oauth2/logout/calls` for a week.",
		Allowed: "a duration from 1m to 720h",
		bind:    func(c *Config) any { return &c.OIDC.LogoutTellFor }, check: lasting(time.Minute, 30*day),
	},
}
