package ui

import "slices"

// Scopes are those that the made-up people have claims for (OpenID Connect
// Core §5.4).
var Scopes = []string{"profile", "email", "address", "phone"}

// person is somebody to sign in as.
type person struct {
	Subject, Name, Email string
	claims               map[string]map[string]any // by scope
}

// people are the made-up users of the development login page. They have every
// standard claim, so that a client can see what it does with each.
var people = []person{
	madeUp("alice", "Alice", "Beatrix", "Anderson", "female", "1990-02-28", "+1 555 0100"),
	madeUp("bob", "Bob", "Balthasar", "Berger", "male", "1985-11-03", "+1 555 0101"),
}

func madeUp(subject, given, middle, family, gender, birthdate, phone string) person {
	home := "https://example.com/" + subject
	p := person{Subject: subject, Name: given + " " + family, Email: subject + "@example.com"}
	p.claims = map[string]map[string]any{
		"profile": {
			"name": p.Name, "given_name": given, "middle_name": middle, "family_name": family, "nickname": subject,
			"preferred_username": subject, "profile": home, "picture": home + ".png", "website": home + "/blog",
			"gender": gender, "birthdate": birthdate, "zoneinfo": "Europe/Berlin", "locale": "en-GB", "updated_at": 1700000000,
		},
		"email": {"email": p.Email, "email_verified": true},
		"address": {"address": map[string]any{
			"formatted": "1 Example Street\n12345 Sampletown\nUtopia", "street_address": "1 Example Street",
			"locality": "Sampletown", "region": "Sampleshire", "postal_code": "12345", "country": "Utopia",
		}},
		"phone": {"phone_number": phone, "phone_number_verified": true},
	}
	return p
}

// Claims are the names of all claims that the made-up people have.
func Claims() []string {
	var out []string
	for _, scope := range Scopes {
		for name := range people[0].claims[scope] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// claims are what is told of the person beyond who it is: for the granted
// scopes (OpenID Connect Core §5.4), and what the client asked for by name
// (§5.5). Nothing is known of a subject that somebody typed.
func claims(subject string, scope, asked []string) map[string]any {
	out := map[string]any{}
	for _, p := range people {
		if p.Subject != subject {
			continue
		}
		for of, known := range p.claims {
			for name, v := range known {
				if slices.Contains(scope, of) || slices.Contains(asked, name) {
					out[name] = v
				}
			}
		}
	}
	return out
}
