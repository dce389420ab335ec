package config

// maxRequests is the bound of a port.
func maxRequests(key string, of func(*Config) *Listener) option {
	return option{
		Key: key, Default: "0",
		Doc: "How many requests the port works on at once. As many more wait, for a quarter of a second at most; all others get 503 with `Retry-After`, so that under too much load those that are taken are answered in good time. " +
			"Health checks and metrics are always answered. 0: 64 for each processor (`GOMAXPROCS`), at least 128. Raise it when requests wait long for a database or hook far away while the processors idle; `http_requests_shed_total` counts what was turned away.",
		Allowed: "a number from 0 to 100000", bind: func(c *Config) any { return &of(c).MaxRequests }, check: between(0, 100_000),
	}
}
