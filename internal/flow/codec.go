package flow

import (
	"hydra/internal/oauth"
	"hydra/internal/pack"
)

// formatVersion stands first in every form. A node that does not know it takes
// the value for an unknown one.
const formatVersion = 1

// appendRequest writes the part of a flow that the browser's first request
// fixed: the whole content of a login challenge.
func appendRequest(w *pack.Writer, f *oauth.Flow) {
	w.Byte(formatVersion)
	w.Fixed(f.Seed[:])
	w.Fixed(f.ClientUID[:])
	w.Text(f.ClientID)
	w.Time(f.RequestedAt)
	w.Fixed(f.CookieHash[:])
	w.Text(f.Query)
	w.Bytes(f.HintClaims)
	w.Flags(f.Had != nil, f.ForDevice())
	if f.Had != nil {
		w.Fixed(f.Had.SessionID[:])
		w.Text(f.Had.Subject)
		w.Time(f.Had.AuthTime)
	}
	if f.ForDevice() {
		w.Time(f.DeviceUntil)
	}
}

func readRequest(r *pack.Reader, f *oauth.Flow) {
	if r.Byte() != formatVersion {
		r.Fail()
	}
	r.Fixed(f.Seed[:])
	r.Fixed(f.ClientUID[:])
	f.ClientID = r.Text()
	f.RequestedAt = r.Time()
	r.Fixed(f.CookieHash[:])
	f.Query = r.Text()
	f.HintClaims = r.Bytes()
	has := r.Flags(2)
	if has[0] {
		f.Had = new(oauth.RememberedLogin)
		r.Fixed(f.Had.SessionID[:])
		f.Had.Subject = r.Text()
		f.Had.AuthTime = r.Time()
	}
	if has[1] {
		f.DeviceUntil = r.Time()
		if !f.ForDevice() {
			r.Fail() // the one time that would not be written
		}
	}
}

// appendDecision writes what the login and consent apps have said so far.
func appendDecision(w *pack.Writer, f *oauth.Flow) {
	w.Flags(f.Login != nil, f.Consent != nil, f.Denied != nil, f.Consent != nil && f.Consent.Skip)
	if l := f.Login; l != nil {
		w.Text(l.Subject)
		w.Time(l.AuthTime)
		w.Text(l.ACR)
		w.List(l.AMR)
		w.Bytes(l.Context)
		w.Text(l.ForcedID)
		w.Flags(l.Remember, l.Looked, l.Extended)
		w.Int(l.RememberFor)
		w.Fixed(l.Session[:])
		w.Fixed(l.Parent[:])
	}
	if d := f.Denied; d != nil {
		w.Text(d.Code)
		w.Text(d.Description)
		w.Text(d.Hint)
		w.Text(d.Debug)
		w.Int(int64(d.Status))
	}
}

func readDecision(r *pack.Reader, f *oauth.Flow) {
	has := r.Flags(4)
	if has[0] {
		l := new(oauth.Login)
		l.Subject = r.Text()
		l.AuthTime = r.Time()
		l.ACR = r.Text()
		l.AMR = r.List()
		l.Context = r.Bytes()
		l.ForcedID = r.Text()
		lf := r.Flags(3)
		l.Remember, l.Looked, l.Extended = lf[0], lf[1], lf[2]
		l.RememberFor = r.Int()
		r.Fixed(l.Session[:])
		r.Fixed(l.Parent[:])
		f.Login = l
	}
	switch {
	case has[1]:
		f.Consent = &oauth.Consent{Skip: has[3]}
	case has[3]:
		r.Fail()
	}
	if has[2] {
		f.Denied = &oauth.Denied{Code: r.Text(), Description: r.Text(), Hint: r.Text(), Debug: r.Text(), Status: int(r.Int())}
	}
}
